"""Faults of archives as wholes: what lies in a tar beside or around an archive, links of registries, more limits."""

from collections.abc import Callable

from tests.audit.cases import special
from tests.audit.editing import Bundle, NotHereError
from tests.audit.faults import NOWHERE, statement
from tests.audit.mutants import (
    another_root,
    here,
    in_place_of_a_layer,
    layered,
    mutation,
    raw,
    stranger,
    stray_link,
)
from tests.support import build
from tests.support.tar import file, renamed, symlink

# A registry's folder, whose repositories have links.
REGISTRIES = ("registry-data",)

# -- container ---------------------------------------------------------------------------------------------------------

for _name, _flag in {"character-device": b"3", "block-device": b"4", "fifo": b"6"}.items():
    mutation("member-device", name=f"{_name}-beside", warning=True)(
        lambda bundle, flag=_flag: raw(bundle, lambda data: special("dev/odd", flag) + data)
    )


def wrapped(bundle: Bundle, prefix: str) -> None:
    """Put a whole archive into a folder of its tar."""
    if not bundle.is_tar:
        raise NotHereError("tar")
    bundle.members = {member.name: member for member in renamed(bundle.members.values(), prefix)}


for _name, _prefix in {"a-folder": "app/", "folders": "srv/images/app/"}.items():
    mutation("archive-wrapped", name=f"archive-in-{_name}-of-its-tar", warning=True)(
        lambda bundle, prefix=_prefix: wrapped(bundle, prefix)
    )


@mutation("archive-wrapped", warning=True)
def folder_packed_that_is_no_layout(bundle: Bundle) -> None:
    if bundle.is_tar or "index.json" in bundle.members:
        raise NotHereError("dir")
    bundle.name += ".tar"


# -- platforms ---------------------------------------------------------------------------------------------------------


def rival(bundle: Bundle, **platform: object) -> None:
    """Let the index of the first image list another one for its platform, spelled with these members too."""
    manifest = bundle.manifest
    document, place = bundle.refer(manifest)
    if document != bundle.index:
        raise NotHereError("platform of an image")
    listed = bundle.json(document)["manifests"][place[1]]
    other = stranger(bundle)
    for data in other.blobs.values():
        bundle.hold(data)
    descriptor = {**other.descriptor, "platform": {**listed["platform"], **platform}}
    bundle.edit(document, lambda value: value["manifests"].append(descriptor))


mutation("platform-doubled", name="platform-of-two-images", warning=True)(rival)
mutation("platform-doubled", name="platform-of-two-images-by-empty-members", warning=True)(
    lambda bundle: rival(bundle, **{"variant": "", "os.features": []})
)

# -- registries --------------------------------------------------------------------------------------------------------

REGISTRY = "docker/registry/v2"
HOME = f"{REGISTRY}/repositories/corpus/app"
TAG_LINK = f"{HOME}/_manifests/tags/1.0/current/link"


def revision(digest: str) -> str:
    """Give the name of the link to a manifest."""
    return f"{HOME}/_manifests/revisions/sha256/{build.hexed(digest)}/link"


def link_of(bundle: Bundle, what: str) -> str:
    """Give the name of the link to the manifest of a tag's image, or to its first `layer`, or its `config`."""
    digest = bundle.data(bundle.there(TAG_LINK)).decode()
    if what == "manifest":
        return revision(digest)
    encoded = build.hexed(digest)
    manifest = bundle.json(f"{REGISTRY}/blobs/sha256/{encoded[:2]}/{encoded}/data")
    named = {"config": manifest["config"], "layer": manifest["layers"][0]}[what]["digest"]
    return f"{HOME}/_layers/sha256/{build.hexed(named)}/link"


def altered(bundle: Bundle, name: str, change: Callable[[bytes], bytes]) -> None:
    """Let a link hold something else."""
    bundle.lie(name, change(bundle.data(name)))


LINKS: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "of-another-digest": lambda _: NOWHERE.encode(),
    "with-a-line-break": lambda data: data + b"\n",
    "cut": lambda data: data[:-1],
}
for _what in ("manifest", "config", "layer"):
    mutation("registry-link-missing", name=f"no-link-to-a-{_what}")(
        lambda bundle, what=_what: bundle.remove(link_of(bundle, what))
    )
    for _name, _change in LINKS.items():
        mutation("registry-link-malformed", name=f"link-to-a-{_what}-{_name}")(
            lambda bundle, what=_what, change=_change: altered(bundle, link_of(bundle, what), change)
        )


@mutation("registry-link-malformed")
def link_of_a_tag_empty(bundle: Bundle) -> None:
    bundle.lie(bundle.there(TAG_LINK), b"")


@mutation("registry-link-dangling")
def link_to_a_manifest_that_is_not_there(bundle: Bundle) -> None:
    bundle.there(TAG_LINK)
    bundle.add(file(revision(NOWHERE), NOWHERE.encode()))


# -- limits ------------------------------------------------------------------------------------------------------------

mutation("limit-links", name="links-need-more-steps-than-allowed", options=("--limit", "links=20"))(
    lambda bundle: stray_link(bundle, symlink("x", "a/" * 30 + "nothing"))
)


@mutation("limit-links", options=("--limit", "name=300"), several=True)
def links_lead_to_a_long_path(bundle: Bundle) -> None:
    in_place_of_a_layer(bundle, "../" * bundle.layers[0].count("/") + "odd/layer")
    stray_link(bundle, symlink("odd", "odd/" + "x/" * 40))


@mutation("limit-statements", options=("--limit", "statements=10"), may=("signature-stale",))
def statement_larger_than_allowed(bundle: Bundle) -> None:
    another_root(bundle, build.attestation(here(bundle), statement(here(bundle).digest)))


mutation("limit-listed", name="more-listed-than-allowed", options=("--limit", "listed=2"))(layered)
