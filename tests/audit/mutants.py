"""One fault each, to be made in archives of the corpus, and the rule that must name it.

What stands above a changed document is hashed anew, so that the fault named is the only one.
"""

import base64
import bz2
import gzip
import json
import lzma
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import zstandard

from tests.audit import faults
from tests.audit.editing import Bundle, Json, NotHereError
from tests.audit.faults import ABSENT, BOM, NOWHERE, begins, cut, ends, nested, padded, setting, splices, statement
from tests.support import build, oracle, signing
from tests.support.build import sha256
from tests.support.tar import BLOCK, Kind, Member, Style, file, flipped, pax, summed, symlink, tar

Change = Callable[[Bundle], None]
Chosen = TypeVar("Chosen", bound=Change)
# What stands behind the place where a tar breaks off is not there, as far as anyone can tell.
BEHIND = ("not-an-archive", "index-missing", "layout-version", "blob-missing", "link-dangling")
ARCHIVES = (
    "docker20.tar",
    "podman5-docker-archive.tar",
    "docker26.tar",
    "docker26-containerd-multi.tar",
    "crane-oci-list",
    "skopeo-oci-multi",
    "umoci-oci",
    "oras-artifact",
    "podman5-oci-archive.tar",
    "buildx-oci-zstd.tar",
    "buildx-oci-attested.tar",
    "skopeo-dir",
)
# Their layers have tables of contents, with which most other changes of a layer would disagree as well.
TABLES = ("buildx-oci-estargz.tar", "skopeo-oci-zstd-chunked")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """A change and what the audit must say of it.

    `also` are rules that the one change breaks too, by what it is; `may` those that it breaks in some archives only.
    With `several` the one change shows at more than one place.
    """

    name: str
    rule: str
    change: Change
    warning: bool = False
    also: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    several: bool = False


MUTATIONS: list[Mutation] = []


def mutation(
    rule: str,
    *,
    name: str = "",
    warning: bool = False,
    also: tuple[str, ...] = (),
    may: tuple[str, ...] = (),
    options: tuple[str, ...] = (),
    several: bool = False,
) -> Callable[[Chosen], Chosen]:
    """Put a change into the table."""

    def add(change: Chosen) -> Chosen:
        MUTATIONS.append(
            Mutation(
                name=name or str(getattr(change, "__name__", "")).replace("_", "-"),
                rule=rule,
                change=change,
                warning=warning,
                also=also,
                may=may,
                options=options,
                several=several,
            )
        )
        return change

    return add


# -- container ---------------------------------------------------------------------------------------------------------


def raw(bundle: Bundle, change: Callable[[bytes], bytes]) -> None:
    """Change the bytes of a tar."""
    if not bundle.is_tar:
        raise NotHereError("tar")
    bundle.last.append(change)


def headed(bundle: Bundle) -> int:
    """Give where the header of the first file stands."""
    return bundle.offset(next(member.name for member in bundle.members.values() if member.kind is Kind.FILE))


@mutation("tar-damaged", may=BEHIND)
def checksum_of_a_header(bundle: Bundle) -> None:
    at = headed(bundle)
    raw(bundle, lambda data: flipped(data, at + 1, 1))


@mutation("tar-damaged", may=BEHIND)
def size_in_a_header_is_no_number(bundle: Bundle) -> None:
    at = headed(bundle)
    raw(
        bundle,
        lambda data: (
            data[:at]
            + summed(data[at : at + 124] + b"12x45678901\0" + data[at + 136 : at + BLOCK])
            + data[at + BLOCK :]
        ),
    )


@mutation("tar-damaged", may=BEHIND)
def size_in_a_header_is_negative(bundle: Bundle) -> None:
    at = headed(bundle)
    raw(
        bundle,
        lambda data: (
            data[:at] + summed(data[at : at + 124] + b"\xff" * 12 + data[at + 136 : at + BLOCK]) + data[at + BLOCK :]
        ),
    )


def layer_header(bundle: Bundle) -> int:
    """Give where the header of a layer stands, behind which there is always data."""
    return bundle.offset(bundle.layers[0])


def block_of(data: bytes, at: int) -> int:
    """Give where the real header stands: behind that of a long name."""
    while data[at + 156 : at + 157] in {b"L", b"x"}:
        at += 2 * BLOCK
    return at


def resize(bundle: Bundle, size: int) -> None:
    """Give the header of a layer another size."""
    at = layer_header(bundle)

    def resized(data: bytes) -> bytes:
        real = block_of(data, at)
        head = data[real : real + BLOCK]
        return data[:real] + summed(head[:124] + b"%011o\0" % size + head[136:]) + data[real + BLOCK :]

    raw(bundle, resized)


# Without the manifest.json behind it, a layer's "json" is all that is left of the image: an old one without a platform.
@mutation(
    "tar-damaged", may=(*BEHIND, "digest-mismatch", "size-mismatch", "diff-id-mismatch", "layer-not-tar", "v1-platform")
)
def size_in_a_header_is_smaller_than_the_data(bundle: Bundle) -> None:
    # What stands there then may be a header of the layer's own tar: the layer is compressed, or its data is text.
    if bundle.is_tar:
        bundle.put_layer(bundle.layers[0], b"x" * 4096, b"x" * 4096)
    resize(bundle, 100)


@mutation("tar-truncated", may=BEHIND)
def size_in_a_header_is_larger_than_the_tar(bundle: Bundle) -> None:
    resize(bundle, 8 << 20)


@mutation("tar-truncated", may=BEHIND)
def tar_cut_inside_a_header(bundle: Bundle) -> None:
    bundle.add(file("last", b"x"))
    at = bundle.offset("last")
    raw(bundle, lambda data: data[: at + 200])


@mutation("tar-truncated", may=BEHIND)
def tar_cut_inside_data(bundle: Bundle) -> None:
    bundle.add(file("last", b"x" * 2000))
    at = bundle.offset("last")
    raw(bundle, lambda data: data[: at + BLOCK + 700])


@mutation("tar-truncated", may=BEHIND)
def tar_without_an_end(bundle: Bundle) -> None:
    raw(bundle, lambda data: data[: -2 * BLOCK])


@mutation("tar-truncated", may=BEHIND)
def tar_with_half_an_end(bundle: Bundle) -> None:
    raw(bundle, lambda data: data[:-BLOCK])


@mutation("tar-damaged", may=BEHIND)
def garbage_between_members(bundle: Bundle) -> None:
    bundle.add(file("last", b"x"))
    at = bundle.offset("last")
    raw(bundle, lambda data: data[:at] + b"garbage!" * 64 + data[at:])


@mutation("tar-damaged", may=BEHIND)
def zeros_between_members(bundle: Bundle) -> None:
    bundle.add(file("last", b"x"))
    at = bundle.offset("last")
    raw(bundle, lambda data: data[:at] + bytes(BLOCK) + data[at:])


for _key in ("path", "linkpath", "size", "GNU.sparse.name"):
    mutation("tar-ambiguous", name=f"global-header-sets-{_key}", may=BEHIND)(
        lambda bundle, key=_key: raw(bundle, lambda data: pax({key: "7"}, flag=b"g") + data)
    )


@mutation("tar-ambiguous", may=BEHIND)
def gnu_and_pax_name_a_member_otherwise(bundle: Bundle) -> None:
    raw(bundle, lambda data: pax({"path": "one"}) + tar([file("other" * 30, b"")], style=Style.GNU, end=0) + data)


@mutation("tar-ambiguous", may=BEHIND)
def folder_with_data(bundle: Bundle) -> None:
    raw(bundle, lambda data: tar([file("folder/", b"data")], end=0) + data)


@mutation("data-after-end")
def bytes_behind_the_end(bundle: Bundle) -> None:
    raw(bundle, lambda data: data + b"x")


@mutation("data-after-end")
def another_tar_behind_the_end(bundle: Bundle) -> None:
    raw(bundle, lambda data: data + bytes(7 * BLOCK) + tar([file("index.json", b"{}")]))


def doubled(bundle: Bundle, name: str, data: bytes) -> None:
    """Put a member of this name behind all others: what is read is the first."""
    raw(bundle, lambda rest: rest[: -2 * BLOCK] + tar([file(name, data)], style=Style.GNU))


@mutation("member-doubled")
def layer_stands_twice(bundle: Bundle) -> None:
    doubled(bundle, bundle.layers[0], bundle.data(bundle.layers[-1]) + b"x")


@mutation("member-doubled")
def entry_document_stands_twice(bundle: Bundle) -> None:
    name = "manifest.json" if "manifest.json" in bundle.members else "index.json"
    doubled(bundle, name, bundle.data(name) + b"\n")


@mutation("member-doubled")
def member_stands_twice_as_another_spells_it(bundle: Bundle) -> None:
    doubled(bundle, f"./{bundle.config}", b"{}")


@mutation("member-doubled-same", warning=True)
def member_stands_twice_and_is_the_same(bundle: Bundle) -> None:
    doubled(bundle, bundle.config, bundle.data(bundle.config))


@mutation("member-linked", warning=True, may=("blob-name",))
def layer_that_is_a_hard_link(bundle: Bundle) -> None:
    name = bundle.real(bundle.json(bundle.saved)[0]["Layers"][0])
    raw(bundle, lambda data: data)
    data = bundle.data(name)
    bundle.remove(name)
    bundle.add(file("copy", data))
    bundle.add(Member(name, kind=Kind.HARDLINK, target="copy"))


def one_more(bundle: Bundle, name: str, data: bytes) -> None:
    """Add a member of a name that no folder could have."""
    if not bundle.is_tar:
        raise NotHereError("tar")
    bundle.add(file(name, data))


for _name, _spelled in {
    "above": "../outside",
    "above-in-the-middle": "blobs/../../outside",
    "above-alone": "..",
    "empty": "",
}.items():
    mutation("member-name", name=f"member-name-{_name}")(lambda bundle, name=_spelled: one_more(bundle, name, b"x"))


@mutation("member-name")
def member_name_with_nul(bundle: Bundle) -> None:
    raw(bundle, lambda data: pax({"path": "in\0dex"}) + tar([file("x", b"")], end=0) + data)


@mutation("member-name-absolute", warning=True)
def member_name_absolute(bundle: Bundle) -> None:
    one_more(bundle, "/etc/outside", b"x")


def in_place_of_a_layer(bundle: Bundle, target: str, kind: Kind = Kind.SYMLINK) -> None:
    name = bundle.layers[0]
    if bundle.is_tar or kind is Kind.SYMLINK:
        bundle.members[name] = Member(name, kind=kind, target=target)
    else:
        raise NotHereError("tar")


# A link that cannot be followed leaves its blob out: that is one fault, told once.
mutation("link-escapes", name="link-out-of-the-archive")(
    lambda bundle: in_place_of_a_layer(bundle, "../../../../../../../../../../etc/hostname")
)
mutation("link-escapes", name="link-absolute")(lambda bundle: in_place_of_a_layer(bundle, "/etc/hostname"))
mutation("link-dangling", name="link-to-nothing")(lambda bundle: in_place_of_a_layer(bundle, "nothing"))
mutation("link-dangling", name="hard-link-to-nothing")(
    lambda bundle: in_place_of_a_layer(bundle, "nothing", Kind.HARDLINK)
)
mutation("link-loop", name="link-to-itself")(
    lambda bundle: in_place_of_a_layer(bundle, bundle.layers[0].rpartition("/")[2])
)
mutation("link-loop", name="hard-link-to-itself")(
    lambda bundle: in_place_of_a_layer(bundle, bundle.layers[0], Kind.HARDLINK)
)


@mutation("link-loop")
def links_in_a_circle(bundle: Bundle) -> None:
    name = bundle.layers[0]
    in_place_of_a_layer(bundle, "../" * name.count("/") + "one-more")
    bundle.add(symlink("one-more", name))


def stray_link(bundle: Bundle, link: Member, *more: Member) -> None:
    """Add a link that nothing names: who unpacks the tar follows it."""
    if not bundle.is_tar:
        raise NotHereError("tar")
    for one in (link, *more):
        bundle.add(one)


mutation("link-escapes", name="stray-link-out-of-the-archive")(
    lambda bundle: stray_link(bundle, symlink("x", "../../x"))
)
mutation("link-escapes", name="stray-link-with-a-member-below")(
    lambda bundle: stray_link(bundle, symlink("x", "/etc"), file("x/passwd", b"root"))
)
mutation("link-escapes", name="stray-hard-link-out-of-the-archive")(
    lambda bundle: stray_link(bundle, Member("x", kind=Kind.HARDLINK, target="../../x"))
)
mutation("link-dangling", name="stray-link-to-nothing")(lambda bundle: stray_link(bundle, symlink("x", "nothing")))
mutation("link-loop", name="stray-link-to-itself")(lambda bundle: stray_link(bundle, symlink("x", "x")))


def flagged(bundle: Bundle, flag: bytes) -> None:
    """Make another type of member of a layer."""
    at = layer_header(bundle)

    bundle.lie(bundle.layers[0], b"")
    raw(bundle, lambda data: faults.flagged(data, flag, block_of(data, at)))


for _name, _flag in {"character-device": b"3", "block-device": b"4", "fifo": b"6", "sparse-file": b"S"}.items():
    mutation("member-special", name=f"{_name}-for-a-layer")(lambda bundle, flag=_flag: flagged(bundle, flag))


@mutation("member-special")
def pax_sparse_file_for_a_layer(bundle: Bundle) -> None:
    at = layer_header(bundle)
    raw(bundle, lambda data: data[:at] + pax({"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}) + data[at:])


@mutation("member-special")
def folder_for_a_layer(bundle: Bundle) -> None:
    name = bundle.layers[0]
    if not bundle.is_tar:
        bundle.remove(name)
        bundle.outside.append(lambda path: (path / name).mkdir())
        return
    bundle.members[name] = Member(f"{name}/", kind=Kind.FOLDER, mode=0o755)


@mutation("member-special")
def pipe_for_a_layer_in_a_folder(bundle: Bundle) -> None:
    name = bundle.layers[0]
    bundle.remove(name)
    bundle.outside.append(lambda path: os.mkfifo(path / name))


@mutation("tar-sizes-differ", may=BEHIND)
def pax_size_differs_from_the_header(bundle: Bundle) -> None:
    at = layer_header(bundle)
    raw(bundle, lambda data: data[:at] + pax({"size": "7"}) + data[at:])


@mutation("tar-damaged", may=BEHIND)
def pax_size_is_no_number(bundle: Bundle) -> None:
    at = layer_header(bundle)
    raw(bundle, lambda data: data[:at] + pax({"size": "-7"}) + data[at:])


@mutation("tar-damaged", may=BEHIND)
def pax_header_is_malformed(bundle: Bundle) -> None:
    raw(bundle, lambda data: pax({"a": "b"}).replace(b" a=b", b" aab") + data)


@mutation("member-not-a-folder")
def file_where_a_folder_must_be(bundle: Bundle) -> None:
    folder = bundle.layers[0].rpartition("/")[0]
    if not folder:
        raise NotHereError("folder")
    if not bundle.is_tar:
        raise NotHereError("tar")
    bundle.members = {name: one for name, one in bundle.members.items() if one.kind is not Kind.FOLDER}
    bundle.add(file(folder, b"no folder"))


@mutation("member-not-a-folder", also=("blob-missing",))
def file_for_the_folder_of_blobs(bundle: Bundle) -> None:
    if bundle.is_tar or "index.json" not in bundle.members:
        raise NotHereError("folder of a layout")
    bundle.members = {name: one for name, one in bundle.members.items() if not name.startswith("blobs/")}
    bundle.add(file("blobs/sha256", b"no folder"))


OUTER: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, 1, mtime=0),
    "zstd": lambda data: zstandard.ZstdCompressor(write_checksum=True).compress(data),
    "xz": lambda data: lzma.compress(data, preset=0),
    "bzip2": lambda data: bz2.compress(data, 1),
}
OUTER_DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda data: data[:-3],
    "flipped": lambda data: flipped(data, len(data) - 6),
    "followed": lambda data: data + b"garbage",
}
for _name, _pack in OUTER.items():
    for _how, _damage in OUTER_DAMAGES.items():
        mutation("outer-damaged", name=f"outer-{_name}-{_how}", may=BEHIND)(
            lambda bundle, pack=_pack, damage=_damage: raw(bundle, lambda data: damage(pack(data)))
        )


# -- documents: what is no JSON, or not the same to all ----------------------------------------------------------------


TEXTS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "byte-order-mark": ("json-bom", begins(BOM)),
    "not-utf-8": ("json-encoding", splices(b'"odd":"\xe9"')),
    "utf-16": ("json-encoding", lambda data: data.decode().encode("utf-16")),
    "cut": ("json-invalid", cut),
    "comment": ("json-invalid", lambda data: cut(data) + b"/* odd */" + data.rstrip()[-1:]),
    "comma-at-the-end": ("json-invalid", lambda data: cut(data) + b"," + data.rstrip()[-1:]),
    "empty": ("json-invalid", lambda _: b" "),
    "key-twice": ("json-duplicate-key", splices(b'"odd":1,"odd":1')),
    "key-twice-as-escapes-spell-it": ("json-duplicate-key", splices(b'"odd":1,"\\u006fdd":2')),
    "key-twice-deep-inside": ("json-duplicate-key", splices(b'"odd":[{"a":{"b":1,"b":2}}]')),
    "nan": ("json-number", splices(b'"odd":NaN')),
    "infinity": ("json-number", splices(b'"odd":[-Infinity]')),
    "beyond-int64": ("json-number", splices(b'"odd":9223372036854775808')),
    "beyond-a-double": ("json-number", splices(b'"odd":1e999')),
    "half-a-pair": ("json-surrogate", splices(b'"odd":"\\ud800"')),
    "half-a-pair-in-a-key": ("json-surrogate", splices(b'"\\udc00":1')),
    "text-behind-the-end": ("json-trailing", ends(b"{}")),
    "nul-behind-the-end": ("json-trailing", ends(b"\0")),
    "too-deep": ("limit-depth", nested(120)),
}
WHERE: dict[str, Callable[[Bundle], str]] = {
    "config": lambda bundle: bundle.config,
    "manifest": lambda bundle: bundle.manifest,
    "index": lambda bundle: bundle.index,
    "entry": lambda bundle: bundle.entry,
    "saved": lambda bundle: bundle.saved,
}


def rewritten(bundle: Bundle, where: Callable[[Bundle], str], change: Callable[[bytes], bytes]) -> None:
    name = where(bundle)
    bundle.put(name, change(bundle.data(name)))


for _name, (_rule, _text) in TEXTS.items():
    for _document, _where in WHERE.items():
        _config = _document == "config" and _rule == "json-surrogate"
        mutation("config-surrogate" if _config else _rule, name=f"{_document}-{_name}", warning=_config)(
            lambda bundle, where=_where, change=_text: rewritten(bundle, where, change)
        )

for _document, _where in WHERE.items():
    _limit = "config-size" if _document == "config" else "manifest-size"
    mutation("limit-document", name=f"{_document}-too-large", options=("--limit", f"{_limit}=50000"))(
        lambda bundle, where=_where: rewritten(bundle, where, padded(60_000))
    )


# -- documents: members ------------------------------------------------------------------------------------------------


def members(
    document: str, rule: str, table: Iterable[tuple[str, object]], *, warning: bool = False, may: tuple[str, ...] = ()
) -> None:
    """Put changes of a document's members into the table."""
    where = WHERE[document]
    for path, value in table:
        shown = "absent" if value is ABSENT else json.dumps(value)[:30]
        mutation(rule, name=f"{document}-{path}-{shown}", warning=warning, may=may)(
            lambda bundle, path=path, value=value: bundle.edit(where(bundle), setting(path, value))
        )


members(
    "config",
    "schema",
    [
        ("architecture", ABSENT),
        ("architecture", 64),
        ("os", None),
        ("os", ["linux"]),
        ("variant", 8),
        ("os.features", "none"),
        ("os.version", 10),
        ("author", {}),
        ("created", 5),
        ("created", "yesterday"),
        ("config", []),
        ("config/User", 1000),
        ("config/Env", ["NOTHING"]),
        ("config/Env", [""]),
        ("config/Env", "A=B"),
        ("config/Env", [1]),
        ("config/Cmd", "sh"),
        ("config/Entrypoint", {"0": "sh"}),
        ("config/Volumes", ["/data"]),
        ("config/ExposedPorts", ["80/tcp"]),
        ("config/Labels", {"a": 1}),
        ("config/Labels", ["a=b"]),
        ("config/WorkingDir", 1),
        ("config/StopSignal", 9),
        ("config/Healthcheck", {"Interval": "5s"}),
        ("config/Hostname", 5),
        ("config/Tty", "yes"),
        ("config/OnBuild", "RUN x"),
        ("config/Shell", [5]),
        ("config/StopTimeout", "10"),
        ("config/Volumes", {"/data": 5}),
        ("container", 5),
        ("container_config", {"Hostname": 5}),
        ("docker_version", 20),
        ("parent", []),
        ("Size", "5"),
        ("created", "2023-02-29T00:00:00Z"),
        ("rootfs", ABSENT),
        ("rootfs", []),
        ("rootfs/type", "layer"),
        ("rootfs/type", ABSENT),
        ("rootfs/diff_ids", {}),
        ("history", {}),
        ("history/0/empty_layer", "no"),
        ("history/0/created_by", 1),
        ("history/0/created", "yesterday"),
    ],
)
members("config", "digest-malformed", [("rootfs/diff_ids/0", "sha256:abc"), ("rootfs/diff_ids/0", "none")])
members("config", "digest-malformed", [("rootfs/diff_ids/0", 5)])
members("config", "config-value", [("created", "2024-06-30T23:59:60Z"), ("config/Shell", "sh")], warning=True)
members(
    "config",
    "platform-spelling",
    [("architecture", "x86_64"), ("os", "Linux")],
    warning=True,
    may=("platform-mismatch",),
)
members("config", "platform-empty", [("architecture", ""), ("os", "")], warning=True)
members(
    "config", "key-case", [("Architecture", "s390x"), ("OS", "plan9"), ("config/user", "0"), ("rootfs/Diff_IDs", [])]
)

NO_VERSION = [("schemaVersion", value) for value in (ABSENT, 1, "2", 2.5, True, None)]
members("manifest", "schema", NO_VERSION)
members("index", "schema", NO_VERSION)
members("entry", "schema", NO_VERSION)
mutation("schema", name="manifest-schemaVersion-2.0")(
    lambda bundle: rewritten(
        bundle, WHERE["manifest"], lambda data: build.dumped({**json.loads(data), "schemaVersion": 2.0})
    )
)
members(
    "manifest",
    "schema",
    [
        ("mediaType", 5),
        ("config", ABSENT),
        ("config", []),
        ("config/digest", ABSENT),
        ("config/size", "7"),
        ("layers", ABSENT),
        ("layers", None),
        ("layers", {}),
        ("layers/0", None),
        ("layers/0", "sha256:" + "5" * 64),
        ("layers/0/digest", ABSENT),
        ("layers/0/digest", 5),
        ("layers/0/size", ABSENT),
        ("layers/0/size", -1),
        ("layers/0/size", "5"),
        ("layers/0/size", 1.5),
        ("layers/0/size", True),
        ("layers/0/mediaType", ABSENT),
        ("layers/0/mediaType", ""),
        ("layers/0/mediaType", 5),
        ("layers/0/artifactType", 5),
        ("subject", []),
        ("subject", {}),
        ("artifactType", 5),
    ],
)
MALFORMED = (
    "sha256:abc",
    "sha256:" + "A" * 64,
    "SHA256:" + "a" * 64,
    "a" * 64,
    "sha256:",
    "sha256:../../../../etc/passwd",
    "sha256:" + "a" * 63 + "\n",
    ":" + "a" * 64,
    "",
)
members("manifest", "digest-malformed", [("layers/0/digest", value) for value in MALFORMED])
members("manifest", "digest-malformed", [("config/digest", "sha256:abc")])
members(
    "index", "digest-malformed", [("manifests/0/digest", value) for value in MALFORMED], may=("attestation-dangling",)
)
members("entry", "digest-malformed", [("manifests/0/digest", value) for value in MALFORMED[:3]])
members("manifest", "json-number", [("layers/0/size", 1 << 63)])
members(
    "manifest",
    "media-type-malformed",
    [("layers/0/artifactType", "text"), ("artifactType", "a/b/c"), ("layers/0/mediaType", "no media type")],
)
members(
    "manifest", "urls-malformed", [("layers/0/urls", "a:b"), ("layers/0/urls", [5]), ("layers/0/urls", ["not here"])]
)
members(
    "manifest",
    "annotations-malformed",
    [
        ("annotations", []),
        ("annotations", {"a": 1}),
        ("layers/0/annotations", {"a": None}),
        ("config/annotations", "a"),
    ],
)
members("manifest", "key-case", [("Layers", []), ("layers/0/Digest", NOWHERE), ("config/SIZE", 1)])
members("manifest", "document-ambiguous", [("manifests", []), ("manifests", [{}])])
members("index", "document-ambiguous", [("layers", []), ("config", {})])
members("entry", "document-ambiguous", [("layers", []), ("config", {})])
members("index", "schema", [("manifests", ABSENT), ("manifests", None), ("manifests", {}), ("mediaType", 5)])
members("index", "annotations-malformed", [("annotations", "a"), ("manifests/0/annotations", [])])
members("entry", "annotations-malformed", [("annotations", "a")])
members("index", "key-case", [("Manifests", [])])
members("entry", "key-case", [("MANIFESTS", [])])
members("entry", "media-type-malformed", [("artifactType", "text")])
members("entry", "media-type-conflict", [("mediaType", build.OCI_MANIFEST), ("mediaType", build.DOCKER_LIST)])
members(
    "index",
    "platform-malformed",
    [
        ("manifests/0/platform", []),
        ("manifests/0/platform", "linux/amd64"),
        ("manifests/0/platform/variant", 8),
        ("manifests/0/platform/os", ABSENT),
        ("manifests/0/platform/architecture", ABSENT),
        ("manifests/0/platform", {}),
        ("manifests/0/platform/os.features", "none"),
        ("manifests/0/platform/os.version", 10),
    ],
)
members(
    "index",
    "platform-empty",
    [("manifests/0/platform/os", ""), ("manifests/0/platform/architecture", "")],
    warning=True,
)
members(
    "index",
    "platform-spelling",
    [("manifests/0/platform/architecture", "x86_64"), ("manifests/0/platform/os", "Linux")],
    warning=True,
)
members("index", "key-case", [("manifests/0/platform/OS", "plan9")])
members(
    "index",
    "platform-mismatch",
    [("manifests/0/platform/architecture", "s390x"), ("manifests/0/platform/os", "plan9")],
    warning=True,
)
members(
    "saved",
    "schema",
    [("0", 5), ("0/Config", 5), ("0/Config", ABSENT), ("0/Layers", {}), ("0/Layers/0", 5), ("0/RepoTags", "a:b")],
)
members("saved", "key-case", [("0/layers", [])])


@mutation("schema")
def entry_lists_something_else(bundle: Bundle) -> None:
    bundle.edit(bundle.entry, lambda document: document["manifests"].append("sha256:" + "5" * 64))


@mutation("schema")
def index_lists_something_else(bundle: Bundle) -> None:
    bundle.edit(bundle.index, lambda document: document["manifests"].append(None))


@mutation("schema")
def history_has_something_else(bundle: Bundle) -> None:
    bundle.edit(bundle.config, lambda document: document.setdefault("history", []).append("made"))


@mutation("schema")
def config_is_an_array(bundle: Bundle) -> None:
    bundle.put(bundle.config, b"[]")


@mutation("schema")
def manifest_is_a_string(bundle: Bundle) -> None:
    if bundle.manifest == "manifest.json":
        raise NotHereError("manifest that a descriptor names")
    bundle.put(bundle.manifest, b'"manifest"')


@mutation("layers-empty", warning=True, may=("blob-unreferenced",))
def manifest_without_layers(bundle: Bundle) -> None:
    if "manifest.json" in bundle.members and bundle.is_tar:
        raise NotHereError("layout alone")

    def bare(document: Json) -> None:
        document["rootfs"]["diff_ids"] = []
        document.pop("history", None)

    bundle.edit(bundle.config, bare)
    bundle.edit(bundle.manifest, lambda document: document.update(layers=[]))


@mutation("media-type-conflict")
def manifest_says_it_is_of_another_type(bundle: Bundle) -> None:
    if bundle.manifest == "manifest.json":
        raise NotHereError("manifest that a descriptor names")
    bundle.edit(bundle.manifest, setting("mediaType", "application/vnd.example.other.v1+json"))


@mutation("document-ambiguous", may=("media-type-conflict",))
def manifest_says_it_is_an_index(bundle: Bundle) -> None:
    bundle.edit(bundle.manifest, setting("mediaType", build.OCI_INDEX))


@mutation("media-type-conflict")
def descriptor_of_a_manifest_has_another_type(bundle: Bundle) -> None:
    manifest = bundle.manifest
    told = bundle.json(manifest).get("mediaType")
    if told is None or manifest == "manifest.json":
        raise NotHereError("mediaType")
    document, place = bundle.refer(manifest)
    other = build.DOCKER_MANIFEST if told == build.OCI_MANIFEST else build.OCI_MANIFEST
    bundle.at(document, place, lambda one: one.update(mediaType=other))


@mutation("media-type-conflict")
def descriptor_of_an_index_has_another_type(bundle: Bundle) -> None:
    index = bundle.index
    if index == "manifest.json":
        raise NotHereError("descriptor")
    document, place = bundle.refer(index)
    told = bundle.json(index)["mediaType"]
    other = build.DOCKER_LIST if told == build.OCI_INDEX else build.OCI_INDEX
    bundle.at(document, place, lambda one: one.update(mediaType=other))


DATA: dict[str, Callable[[bytes], object]] = {
    "of-another-blob": lambda data: base64.b64encode(bytes(len(data))).decode(),
    "of-another-size": lambda data: base64.b64encode(data + b"x").decode(),
    "without-padding": lambda data: base64.b64encode(data + b" " * (1 - len(data) % 3)).decode().rstrip("="),
    "no-base64": lambda _: "*" * 8,
    "with-line-breaks": lambda data: base64.encodebytes(data).decode(),
    "empty": lambda _: "",
    "no-string": lambda _: 5,
}


def with_data(bundle: Bundle, make: Callable[[bytes], object], *, padded: bool) -> None:
    name = bundle.config
    if padded:  # so that base64 ends with padding
        bundle.put(name, bundle.data(name) + b" " * (1 if len(bundle.data(name)) % 3 == 0 else 0))
        name = bundle.config
    manifest = bundle.manifest
    made = make(bundle.data(name))
    bundle.at(manifest, ["config"], lambda one: one.update(data=made))


for _name, _make in DATA.items():
    _rule = "schema" if _name == "no-string" else "data-mismatch"
    mutation(_rule, name=f"data-{_name}")(lambda bundle, make=_make: with_data(bundle, make, padded=True))


def another_root(bundle: Bundle, node: build.Node, *, blobs: bool = True) -> None:
    """Let index.json name something more."""
    bundle.there("index.json")
    for digest, data in node.blobs.items() if blobs else ():
        bundle.add(file(build.blob_path(digest), data))
    bundle.edit("index.json", lambda document: document["manifests"].append(node.descriptor))


def here(bundle: Bundle) -> build.Node:
    """Give the first image's manifest as a node without blobs."""
    data = bundle.data(bundle.manifest)
    media_type = json.loads(data).get("mediaType", build.OCI_MANIFEST)
    return build.Node({"mediaType": media_type, "digest": build.digest(data), "size": len(data)}, {})


@mutation("index-cycle", also=("digest-unknown",))
def index_that_leads_to_itself(bundle: Bundle) -> None:
    name = "x-unknown:" + "1" * 32
    descriptor = {"mediaType": build.OCI_INDEX, "digest": name, "size": 0}
    bundle.there("index.json")
    document = {"schemaVersion": 2, "mediaType": build.OCI_INDEX, "manifests": [here(bundle).descriptor, descriptor]}
    size = len(build.dumped(document))
    while len(build.dumped(document)) != descriptor["size"]:
        size = len(build.dumped(document))
        descriptor["size"] = size
    another_root(bundle, build.Node(descriptor, {name: build.dumped(document)}))


@mutation("limit-nesting")
def indexes_nest_too_deep(bundle: Bundle) -> None:
    node = build.index([here(bundle)])
    for _ in range(16):
        node = build.index([node])
    another_root(bundle, node)


@mutation("limit-nesting", options=("--limit", "nesting=3"))
def indexes_nest_deeper_than_allowed(bundle: Bundle) -> None:
    node = build.index([here(bundle)])
    for _ in range(3):
        node = build.index([node])
    another_root(bundle, node)


# -- layout ------------------------------------------------------------------------------------------------------------

for _name, _value in {
    "version-unknown": b'{"imageLayoutVersion":"9.0.0"}',
    "version-absent": b"{}",
    "no-object": b"[]",
    "no-json": b"1.0.0",
    "empty": b"",
    "key-twice": b'{"imageLayoutVersion":"1.0.0","imageLayoutVersion":"1.0.0"}',
}.items():
    mutation("layout-version", name=f"oci-layout-{_name}")(
        lambda bundle, value=_value: bundle.lie(bundle.there("oci-layout"), value)
    )


@mutation("layout-version")
def oci_layout_missing(bundle: Bundle) -> None:
    bundle.remove(bundle.there("oci-layout"))


@mutation("index-missing")
def index_json_missing(bundle: Bundle) -> None:
    bundle.remove(bundle.entry)
    if "manifest.json" in bundle.members:
        raise NotHereError("layout without manifest.json")


for _shown, _listed in {"absent": ABSENT, "null": None, "object": {}, "string": "none"}.items():

    def _entry_lists(bundle: Bundle, value: object = _listed) -> None:
        if value is None and "manifest.json" in bundle.members:
            raise NotHereError("layout without manifest.json")
        bundle.edit(bundle.entry, setting("manifests", value))

    mutation("schema", name=f"index-json-manifests-{_shown}")(_entry_lists)


@mutation("index-without-manifests", warning=True, may=("blob-unreferenced",))
def index_json_null_beside_a_good_manifest_json(bundle: Bundle) -> None:
    bundle.there(bundle.saved)
    bundle.edit(bundle.entry, lambda document: document.update(manifests=None))


@mutation("index-empty", warning=True, may=("blob-unreferenced",))
def index_json_lists_nothing(bundle: Bundle) -> None:
    if "manifest.json" in bundle.members:
        raise NotHereError("layout without manifest.json")
    bundle.edit(bundle.entry, lambda document: document.update(manifests=[]))


@mutation("index-empty", warning=True)
def an_index_lists_nothing(bundle: Bundle) -> None:
    another_root(bundle, build.index([]))


@mutation("blob-name", warning=True)
def file_among_the_blobs(bundle: Bundle) -> None:
    bundle.there("index.json")
    bundle.add(file("blobs/sha256/.DS_Store", b"x"))


@mutation("blob-name", warning=True)
def blob_with_a_suffix(bundle: Bundle) -> None:
    bundle.there("index.json")
    bundle.add(file(f"blobs/sha256/{'a' * 64}.tmp", b"x"))


@mutation("blob-missing", may=("link-dangling",))
def layer_missing(bundle: Bundle) -> None:
    bundle.remove(bundle.layers[-1])


@mutation("blob-missing")
def config_missing(bundle: Bundle) -> None:
    bundle.remove(bundle.config)


@mutation("blob-missing", may=("blob-unreferenced", "hybrid-disagrees", "subject-dangling"))
def root_missing(bundle: Bundle) -> None:
    if any(len(bundle.json(bundle.entry)["manifests"]) > 1 for _ in range(1)):
        raise NotHereError("one root")
    bundle.remove(bundle.blob(bundle.json(bundle.entry)["manifests"][0]["digest"]))


@mutation("sparse-index", warning=True, may=("blob-unreferenced", "attestation-dangling"))
def platform_missing(bundle: Bundle) -> None:
    children = bundle.json(bundle.index)["manifests"]
    images = [one for one in children if one.get("platform", {}).get("os") != "unknown"]
    if len(images) < 2:
        raise NotHereError("two platforms")
    bundle.remove(bundle.blob(images[1]["digest"]))


@mutation("blob-missing", may=("blob-unreferenced", "attestation-dangling"), several=True)
def every_platform_missing(bundle: Bundle) -> None:
    if "manifest.json" in bundle.members:
        raise NotHereError("layout without manifest.json")
    for one in bundle.json(bundle.index)["manifests"]:
        if one.get("platform", {}).get("os") != "unknown":
            bundle.remove(bundle.blob(one["digest"]))


def reordered(data: bytes) -> bytes:
    """Spell the same members in another order: other bytes of the same size and meaning."""
    value = json.loads(data)
    made = build.dumped(dict(reversed(value.items())))
    if len(made) > len(data):
        raise NotHereError("room")
    return made + b" " * (len(data) - len(made))


for _document in ("config", "manifest", "index"):

    def _reordered(bundle: Bundle, document: str = _document) -> None:
        name = WHERE[document](bundle)
        if sha256(bundle.data(name)) not in name or not (name.startswith("blobs/") or not bundle.is_tar):
            raise NotHereError("digest")
        bundle.lie(name, reordered(bundle.data(name)))

    mutation("digest-mismatch", name=f"{_document}-has-other-bytes")(_reordered)


@mutation("image-id-mismatch")
def config_named_by_its_digest_has_other_bytes(bundle: Bundle) -> None:
    name = bundle.config
    if name.startswith("blobs/") or not bundle.is_tar:
        raise NotHereError("config without a descriptor")
    bundle.lie(name, reordered(bundle.data(name)))


@mutation("digest-mismatch", may=("diff-id-mismatch", "layer-damaged", "layer-not-tar"), several=True)
def layer_has_other_bytes(bundle: Bundle) -> None:
    name = bundle.layers[0]
    if "index.json" not in bundle.members and bundle.is_tar:
        raise NotHereError("digest of a layer")
    data = bundle.data(name)
    bundle.lie(name, flipped(data, len(data) // 2))


@mutation("diff-id-mismatch")
def layer_without_a_descriptor_has_other_bytes(bundle: Bundle) -> None:
    if "index.json" in bundle.members or not bundle.is_tar:
        raise NotHereError("layer without a descriptor")
    name = bundle.layers[0]
    bundle.lie(name, flipped(bundle.data(name), 1024))


@mutation("blob-unreferenced", warning=True)
def stray_blob(bundle: Bundle) -> None:
    if "index.json" not in bundle.members and bundle.is_tar:
        raise NotHereError("blobs")
    bundle.hold(b"stray")


@mutation("digest-mismatch", also=("blob-unreferenced",))
def stray_blob_that_lies(bundle: Bundle) -> None:
    if "index.json" not in bundle.members and bundle.is_tar:
        raise NotHereError("blobs")
    bundle.hold(b"stray")
    bundle.lie(next(reversed(bundle.members)), b"other")


@mutation("role-doubled")
def blob_that_is_a_manifest_too(bundle: Bundle) -> None:
    if bundle.is_tar or "index.json" in bundle.members:
        raise NotHereError("dir")
    bundle.add(file(f"{bundle.config}.manifest.json", bundle.data(bundle.config)))


@mutation("format-doubled", warning=True)
def dir_that_is_a_layout_too(bundle: Bundle) -> None:
    if bundle.is_tar or "index.json" in bundle.members:
        raise NotHereError("dir")
    for one in build.layout(build.Image().node()):
        bundle.add(one)


# -- hybrids -----------------------------------------------------------------------------------------------------------


def both(bundle: Bundle) -> str:
    """Give manifest.json of an archive that has index.json too."""
    bundle.there("index.json")
    return bundle.saved


@mutation("hybrid-disagrees", may=("layer-sources-mismatch",))
def halves_order_layers_otherwise(bundle: Bundle) -> None:
    bundle.edit(both(bundle), lambda document: document[0]["Layers"].reverse())


@mutation("hybrid-disagrees")
def halves_name_different_images(bundle: Bundle) -> None:
    name = both(bundle)
    config = bundle.json(bundle.config)
    config["author"] = "somebody else"
    digest = build.digest(build.dumped(config))
    bundle.add(file(f"{build.hexed(digest)}.json", build.dumped(config)))
    bundle.edit(name, lambda document: document[0].update(Config=f"{build.hexed(digest)}.json"))


def unnamed(document: Json) -> None:
    for one in document["manifests"]:
        one.pop("annotations", None)


def stranger(bundle: Bundle) -> build.Node:
    """Make another image of the same layers, whose config has another author."""
    manifest = bundle.json(bundle.manifest)
    config = build.dumped({**bundle.json(bundle.config), "author": "somebody else"})
    manifest["config"].update(digest=build.digest(config), size=len(config))
    manifest["annotations"] = {"other": "image"}
    data = build.dumped(manifest)
    media_type = manifest.get("mediaType", build.OCI_MANIFEST)
    return build.Node(
        {"mediaType": media_type, "digest": build.digest(data), "size": len(data)},
        {build.digest(data): data, build.digest(config): config},
    )


@mutation("hybrid-disagrees")
def halves_give_a_name_to_different_images(bundle: Bundle) -> None:
    told = bundle.json(both(bundle))[0]["RepoTags"][0]
    other = stranger(bundle)
    spelled = oracle.normal(told)
    bundle.edit("index.json", unnamed)
    another_root(bundle, other.named(spelled, spelled))


@mutation("hybrid-disagrees", may=("layer-sources-mismatch",))
def manifest_json_names_one_layer_less(bundle: Bundle) -> None:
    bundle.edit(both(bundle), lambda document: document[0]["Layers"].pop())


LAYER_SOURCES: dict[str, Callable[[Json], None]] = {
    "unknown-diff-id": lambda value: value.update({NOWHERE: value.pop(next(iter(value)))}),
    "another-size": lambda value: value[next(iter(value))].update(size=7),
    "another-blob": lambda value: value.update(dict(zip(value, reversed(value.values()), strict=True))),
}
for _name, _turn in LAYER_SOURCES.items():

    def _sources(bundle: Bundle, turn: Callable[[Json], None] = _turn) -> None:
        if "LayerSources" not in bundle.json(bundle.saved)[0]:
            raise NotHereError("LayerSources")
        bundle.at(bundle.saved, [0, "LayerSources"], turn)

    mutation("layer-sources-mismatch", name=f"layer-sources-{_name}", several=True)(_sources)


@mutation("v1-conflict", warning=True)
def repositories_has_another_tag(bundle: Bundle) -> None:
    bundle.edit(bundle.there("repositories"), lambda document: document.update(other={"1.0": "5" * 64}))


@mutation("v1-conflict", warning=True)
def repositories_is_no_json(bundle: Bundle) -> None:
    bundle.lie(bundle.there("repositories"), b"{")


@mutation("v1-conflict", warning=True)
def repositories_has_another_top_layer(bundle: Bundle) -> None:
    document = bundle.json(bundle.there("repositories"))
    (repository, tags), *_ = document.items()
    (tag, _), *_ = tags.items()
    folders = [name.removesuffix("/layer.tar") for name in bundle.members if name.endswith("/layer.tar")]
    first = next((name for name in folders if bundle.real(f"{name}/layer.tar") == bundle.layers[0]), None)
    if first is None:
        raise NotHereError("folders of version 1")
    bundle.edit("repositories", lambda value: value[repository].update({tag: first}))


# -- descriptors, configs and layers -----------------------------------------------------------------------------------


def sized(bundle: Bundle, name: str, change: int) -> None:
    document, place = bundle.refer(name)
    bundle.at(document, place, lambda one: one.update(size=one["size"] + change))


for _document in ("config", "manifest", "index"):
    mutation("size-mismatch", name=f"size-of-{_document}")(
        lambda bundle, document=_document: sized(bundle, WHERE[document](bundle), 1)
    )
mutation("size-mismatch", name="size-of-layer")(lambda bundle: sized(bundle, bundle.layers[0], -1))
mutation("size-mismatch", name="size-of-layer-zero")(
    lambda bundle: sized(bundle, bundle.layers[0], -len(bundle.data(bundle.layers[0])))
)


@mutation("size-conflict")
def absent_blob_with_two_sizes(bundle: Bundle) -> None:
    if "index.json" not in bundle.members:
        raise NotHereError("index.json")
    far = {"mediaType": build.OCI_LAYER, "digest": NOWHERE, "urls": ["https://example.com/layer"]}
    document = {
        "schemaVersion": 2,
        "mediaType": build.OCI_MANIFEST,
        "artifactType": "application/vnd.example.far",
        "config": {"mediaType": build.OCI_EMPTY, "digest": build.digest(b"{}"), "size": 2},
        "layers": [{**far, "size": 1, "mediaType": "text/plain"}, {**far, "size": 2, "mediaType": "text/plain"}],
    }
    data = build.dumped(document)
    descriptor = {"mediaType": build.OCI_MANIFEST, "digest": build.digest(data), "size": len(data)}
    another_root(bundle, build.Node(descriptor, {build.digest(data): data, build.digest(b"{}"): b"{}"}))


@mutation("digest-unknown", warning=True)
def digest_of_an_unknown_algorithm(bundle: Bundle) -> None:
    another_root(
        bundle, build.Node({"mediaType": "text/plain", "digest": "x-sum:1234", "size": 4}, {"x-sum:1234": b"text"})
    )


@mutation("diff-id-count")
def one_diff_id_more(bundle: Bundle) -> None:
    bundle.edit(bundle.config, lambda document: document["rootfs"]["diff_ids"].append(NOWHERE))


@mutation("diff-id-count", may=("layer-sources-mismatch",))
def one_diff_id_less(bundle: Bundle) -> None:
    bundle.edit(bundle.config, lambda document: document["rootfs"]["diff_ids"].pop())


@mutation("diff-id-count", may=("layer-sources-mismatch",))
def no_diff_ids(bundle: Bundle) -> None:
    bundle.edit(bundle.config, lambda document: document["rootfs"].update(diff_ids=None))


def distinct(bundle: Bundle) -> list[str]:
    found: list[str] = bundle.json(bundle.config)["rootfs"]["diff_ids"]
    if len(set(found)) < 2:
        raise NotHereError("two layers")
    return found


@mutation("diff-id-mismatch", may=("layer-sources-mismatch",))
def diff_id_of_something_else(bundle: Bundle) -> None:
    bundle.edit(bundle.config, setting("rootfs/diff_ids/0", NOWHERE))


@mutation("diff-id-mismatch", may=("layer-sources-mismatch",))
def diff_id_of_another_layer(bundle: Bundle) -> None:
    bundle.edit(bundle.config, setting("rootfs/diff_ids/0", distinct(bundle)[1]))


@mutation("layer-order", may=("layer-sources-mismatch",))
def diff_ids_swapped(bundle: Bundle) -> None:
    first, second, *rest = distinct(bundle)
    bundle.edit(bundle.config, lambda document: document["rootfs"].update(diff_ids=[second, first, *rest]))


@mutation("layer-order", may=("v1-conflict",))
def layers_swapped(bundle: Bundle) -> None:
    distinct(bundle)

    def swap(layers: list[object]) -> None:
        layers[0], layers[1] = layers[1], layers[0]

    if "index.json" in bundle.members and "manifest.json" in bundle.members:
        raise NotHereError("one place that lists layers")
    if "index.json" not in bundle.members and bundle.is_tar:
        bundle.at(bundle.saved, [0, "Layers"], swap)
        return
    bundle.at(bundle.manifest, ["layers"], swap)


@mutation("history-count", warning=True)
def history_has_one_layer_more(bundle: Bundle) -> None:
    bundle.edit(bundle.config, lambda document: document["history"].append({"created_by": "nothing"}))


@mutation("history-count", warning=True)
def history_has_one_layer_less(bundle: Bundle) -> None:
    def less(document: Json) -> None:
        made = next(one for one in document["history"] if not one.get("empty_layer"))
        made["empty_layer"] = True

    bundle.edit(bundle.config, less)


@mutation("image-id-mismatch")
def config_named_after_another_digest(bundle: Bundle) -> None:
    if "index.json" in bundle.members:
        raise NotHereError("config without a descriptor")
    bundle.there(bundle.saved)
    config, lie = bundle.config, f"{'5' * 64}.json"
    data = bundle.data(config)
    bundle.edit(bundle.saved, lambda document: document[0].update(Config=lie))
    bundle.remove(config)
    bundle.add(file(lie, data))


def stored(bundle: Bundle, *codecs: str) -> tuple[str, bytes, bytes]:
    """Give name, bytes and tar of the first image's first layer."""
    name = bundle.layers[0]
    data = bundle.data(name)
    codec, plain = oracle.unpacked(data)
    if codec not in codecs:
        raise NotHereError(" or ".join(codecs))
    return name, data, plain


def packed_as(data: bytes, plain: bytes) -> bytes:
    """Store a tar as another layer is stored."""
    match oracle.unpacked(data)[0]:
        case "gzip":
            return build.gzipped(plain)
        case "zstd":
            return build.zstded(plain)
    return plain


@mutation("layer-damaged")
def gzip_layer_flipped(bundle: Bundle) -> None:
    name, data, _ = stored(bundle, "gzip")
    bundle.put_layer(name, flipped(data, len(data) // 2))


@mutation("layer-damaged")
def checksum_of_a_gzip_layer_flipped(bundle: Bundle) -> None:
    name, data, _ = stored(bundle, "gzip")
    bundle.put_layer(name, flipped(data, len(data) - 8))


@mutation("layer-damaged")
def length_of_a_gzip_layer_flipped(bundle: Bundle) -> None:
    name, data, _ = stored(bundle, "gzip")
    bundle.put_layer(name, flipped(data, len(data) - 4))


@mutation("layer-damaged")
def checksum_of_a_zstd_layer_flipped(bundle: Bundle) -> None:
    name, _, plain = stored(bundle, "zstd")
    data = zstandard.ZstdCompressor(write_checksum=True).compress(plain)
    bundle.put_layer(name, flipped(data, len(data) - 1))


@mutation("layer-damaged")
def layer_cut(bundle: Bundle) -> None:
    name, data, _ = stored(bundle, "gzip", "zstd")
    bundle.put_layer(name, data[:-2])


@mutation("layer-damaged")
def gzip_layer_cut_inside_its_second_member(bundle: Bundle) -> None:
    name, _, plain = stored(bundle, "gzip")
    bundle.put_layer(name, build.gzipped(plain, members=2)[:-9])


@mutation("layer-damaged")
def zstd_layer_cut_inside_a_skippable_frame(bundle: Bundle) -> None:
    name, data, _ = stored(bundle, "zstd")
    bundle.put_layer(name, data + build.skippable(b"x" * 100)[:-1])


@mutation("layer-damaged")
def layer_followed_by_garbage(bundle: Bundle) -> None:
    name, data, _ = stored(bundle, "gzip", "zstd")
    bundle.put_layer(name, data + b"garbage")


@mutation("layer-damaged")
def gzip_layer_followed_by_zeros_and_garbage(bundle: Bundle) -> None:
    name, data, _ = stored(bundle, "gzip")
    bundle.put_layer(name, data + bytes(600) + b"garbage")


@mutation("layer-damaged")
def gzip_layer_followed_by_a_cut_header(bundle: Bundle) -> None:
    name, data, _ = stored(bundle, "gzip")
    bundle.put_layer(name, data + data[:9])


@mutation("layer-damaged")
def gzip_layer_with_a_reserved_flag(bundle: Bundle) -> None:
    name, data, _ = stored(bundle, "gzip")
    bundle.put_layer(name, flipped(data, 3, 0x20))


@mutation("layer-damaged")
def zstd_layer_that_needs_a_dictionary(bundle: Bundle) -> None:
    name, _, plain = stored(bundle, "zstd")
    made = zstandard.train_dictionary(1024, [bytes([n % 251]) * n for n in range(1, 500)])
    bundle.put_layer(name, zstandard.ZstdCompressor(dict_data=made).compress(plain))


@mutation("layer-padded", warning=True)
def gzip_layer_followed_by_zeros(bundle: Bundle) -> None:
    name, data, _ = stored(bundle, "gzip")
    bundle.put_layer(name, data + bytes(600))


@mutation("layer-misread", warning=True)
def plain_layer_that_begins_as_bzip2_does(bundle: Bundle) -> None:
    name, _, plain = stored(bundle, "none")
    tarred = tar([file("BZh", b"")], end=0) + plain
    bundle.put_layer(name, tarred, tarred)


@mutation("layer-not-tar", warning=True)
def layer_that_is_no_tar(bundle: Bundle) -> None:
    name, data, _ = stored(bundle, "none", "gzip", "zstd")
    text = b"this is no tar\n" * 100
    bundle.put_layer(name, packed_as(data, text), text)


@mutation("layer-name-mismatch", warning=True)
def layer_named_after_another_digest(bundle: Bundle) -> None:
    if "index.json" in bundle.members:
        raise NotHereError("layer without a descriptor")
    name, lie = bundle.layers[0], f"{'5' * 64}.tar"
    data = bundle.data(name)
    for other in [one for one, member in bundle.members.items() if member.kind is Kind.SYMLINK]:
        bundle.remove(other)
    bundle.remove(name)
    bundle.add(file(lie, data))
    bundle.edit(bundle.saved, lambda document: document[0]["Layers"].__setitem__(0, lie))


@mutation("image-unproved", warning=True)
def media_type_of_the_config_in_capitals(bundle: Bundle) -> None:
    if "manifest.json" in bundle.members and bundle.is_tar:
        raise NotHereError("layout alone")
    told = bundle.json(bundle.manifest)["config"]["mediaType"]
    bundle.edit(bundle.manifest, setting("config/mediaType", told.replace("application", "Application")))


@mutation("media-type-mismatch", warning=True)
def layer_of_another_compression(bundle: Bundle) -> None:
    manifest = bundle.manifest
    if manifest == "manifest.json":
        raise NotHereError("layers that are what their media types say")
    told = bundle.json(manifest)["layers"][0]["mediaType"]
    plain = told.removesuffix("+gzip").removesuffix("+zstd").removesuffix(".gzip")
    other = plain if plain != told else f"{plain}+gzip"
    bundle.edit(manifest, setting("layers/0/mediaType", other))


# -- references --------------------------------------------------------------------------------------------------------


@mutation("reference-malformed", warning=True)
def tag_that_is_no_name(bundle: Bundle) -> None:
    bundle.edit(bundle.saved, lambda document: document[0]["RepoTags"].append("Corpus/App:1.0"))


@mutation("reference-malformed", warning=True)
def tag_that_is_too_long(bundle: Bundle) -> None:
    bundle.edit(bundle.saved, lambda document: document[0]["RepoTags"].append("a/b:" + "x" * 129))


def annotated(bundle: Bundle, key: str, value: str) -> None:
    bundle.edit(
        bundle.entry, lambda document: document["manifests"][0].setdefault("annotations", {}).update({key: value})
    )


for _key, _text_value in (
    (build.CONTAINERD_NAME, "no name"),
    (build.CONTAINERD_NAME, ""),
    (build.REF_NAME, "-x"),
    (build.REF_NAME, "a b"),
    (build.REF_NAME, ""),
):
    mutation("reference-malformed", name=f"{_key}-{_text_value}", warning=True)(
        lambda bundle, key=_key, value=_text_value: annotated(bundle, key, value)
    )


def twin(bundle: Bundle) -> build.Node:
    """Make another image of the same layers and config."""
    document = {**bundle.json(bundle.manifest), "annotations": {"other": "image"}}
    data = build.dumped(document)
    media_type = document.get("mediaType", build.OCI_MANIFEST)
    return build.Node(
        {"mediaType": media_type, "digest": build.digest(data), "size": len(data)}, {build.digest(data): data}
    )


@mutation("name-conflict", warning=True)
def one_name_for_two_images(bundle: Bundle) -> None:
    entries = bundle.json(bundle.entry)["manifests"]
    name = {build.CONTAINERD_NAME: "docker.io/corpus/twin:1.0", build.REF_NAME: "1.0"}
    another_root(bundle, twin(bundle).annotated(**name))
    another_root(bundle, build.Node(entries[0], {}).annotated(**name), blobs=False)


@mutation("name-conflict", warning=True)
def one_ref_name_for_two_images(bundle: Bundle) -> None:
    for node in (twin(bundle), here(bundle)):
        another_root(bundle, node.annotated(**{build.REF_NAME: "twin"}))


@mutation("name-conflict", warning=True)
def one_tag_for_two_images(bundle: Bundle) -> None:
    if "index.json" in bundle.members:
        raise NotHereError("docker-archive without index.json")
    config = build.dumped({**bundle.json(bundle.config), "author": "somebody else"})
    name = f"{sha256(config)}.json"
    bundle.add(file(name, config))
    bundle.edit(bundle.saved, lambda document: document.append({**document[0], "Config": name}))


@mutation("attestation-dangling", warning=True)
def attestation_that_index_json_lists_of_something_else(bundle: Bundle) -> None:
    far = build.Node({"mediaType": build.OCI_MANIFEST, "digest": NOWHERE, "size": 7}, {})
    another_root(bundle, build.attestation(far))


@mutation("attestation-dangling", warning=True, may=("signature-stale",))
def attestation_of_something_else(bundle: Bundle) -> None:
    for name, place, one in bundle.descriptors():
        if build.REFERENCE_DIGEST in one.get("annotations", {}):
            bundle.at(name, place, lambda found: found["annotations"].update({build.REFERENCE_DIGEST: NOWHERE}))
            return
    raise NotHereError("attestation")


@mutation("subject-dangling", warning=True)
def referrer_of_something_else(bundle: Bundle) -> None:
    far = build.Node({"mediaType": build.OCI_MANIFEST, "digest": NOWHERE, "size": 7}, {})
    another_root(bundle, build.artifact(b"sbom", "application/vnd.example.sbom", subject=far))


TAG = NOWHERE.replace(":", "-")
for _tag in (TAG, f"{TAG}.sig", f"{TAG}.att", f"{TAG}.sbom"):
    mutation("tag-dangling", name=f"tag-of-something-else{_tag.removeprefix(TAG)}", warning=True)(
        lambda bundle, tag=_tag: another_root(
            bundle, build.artifact(b"text", "application/vnd.example.text").named(ref_name=tag)
        )
    )


@mutation("signature-stale", warning=True)
def signature_of_something_else(bundle: Bundle) -> None:
    far = build.Node({"mediaType": build.OCI_MANIFEST, "digest": NOWHERE, "size": 7}, {})
    tag = here(bundle).digest.replace(":", "-") + ".sig"
    another_root(bundle, build.signature(far).named(ref_name=tag))


@mutation("signature-stale", warning=True)
def statement_of_an_attestation_speaks_of_something_else(bundle: Bundle) -> None:
    another_root(bundle, build.attestation(here(bundle), statement(NOWHERE)))


@mutation("statement-dangling", warning=True)
def statement_of_something_else(bundle: Bundle) -> None:
    body = statement(NOWHERE)
    made = build.artifact(b"", "application/vnd.example.statement").document
    made["layers"] = [{"mediaType": build.IN_TOTO, "digest": build.digest(body), "size": len(body)}]
    data = build.dumped(made)
    descriptor = {"mediaType": build.OCI_MANIFEST, "digest": build.digest(data), "size": len(data)}
    blobs = {build.digest(data): data, build.digest(body): body, build.digest(b"{}"): b"{}"}
    another_root(bundle, build.Node(descriptor, blobs))


KEY = ("--key", str(Path(signing.__file__).with_name("signer.pub")))


@mutation("signature-untrusted", warning=True, options=KEY)
def signature_by_another_key(bundle: Bundle) -> None:
    another_root(bundle, signing.signature(here(bundle), signing.OTHER))


@mutation("signature-identity", options=KEY, also=("signature-stale",))
def signature_over_another_image(bundle: Bundle) -> None:
    another_root(bundle, signing.signature(here(bundle), about=NOWHERE))


@mutation("signature-invalid", options=KEY)
def signature_that_is_none(bundle: Bundle) -> None:
    tag = here(bundle).digest.replace(":", "-") + ".sig"
    another_root(bundle, build.signature(here(bundle), "%").named(ref_name=tag))


@mutation("signature-invalid", options=KEY)
def signature_that_names_a_key_and_is_by_another(bundle: Bundle) -> None:
    another_root(bundle, signing.signed_bundle(here(bundle), signing.OTHER, signing.hint(signing.SIGNER)))


@mutation("signature-missing", options=(*KEY, "--require-signature"), several=True)
def image_without_a_signature(bundle: Bundle) -> None:
    another_root(bundle, build.artifact(b"text", "application/vnd.example.text"))


@mutation("signature-unchecked", warning=True, options=KEY)
def signature_of_a_kind_that_is_not_checked(bundle: Bundle) -> None:
    kind = "application/vnd.cncf.notary.signature"
    another_root(bundle, build.artifact(b"{}", kind, subject=here(bundle)))


# -- tables of contents ------------------------------------------------------------------------------------------------

ESTARGZ, CHUNKED = "containerd.io/snapshot/stargz/toc.digest", "io.github.containers.zstd-chunked.manifest-"
TAR_SPLIT = "io.github.containers.zstd-chunked.tarsplit-position"


def tabled(bundle: Bundle, key: str) -> tuple[int, Json]:
    """Give number and annotations of the first layer that has such an annotation."""
    for number, one in enumerate(bundle.json(bundle.manifest)["layers"]):
        if key in one.get("annotations", {}):
            return number, one["annotations"]
    raise NotHereError(key)


def reannotated(bundle: Bundle, key: str, change: Callable[[str], str]) -> None:
    """Change an annotation of a layer."""
    number, annotations = tabled(bundle, key)
    made = change(annotations[key])
    bundle.at(bundle.manifest, ["layers", number, "annotations"], lambda found: found.update({key: made}))


for _key, _rule, _how, _turn_text in (
    (ESTARGZ, "toc-digest", "another", lambda _: NOWHERE),
    (ESTARGZ, "toc-digest", "malformed", lambda _: "sha256:abc"),
    ("io.containers.estargz.uncompressed-size", "toc-annotation", "another", lambda text: str(int(text) + 1)),
    ("io.containers.estargz.uncompressed-size", "toc-annotation", "no-number", lambda _: "many"),
    (f"{CHUNKED}checksum", "toc-digest", "another", lambda _: NOWHERE),
    (f"{CHUNKED}position", "toc-annotation", "no-position", lambda _: "1:2"),
    (f"{CHUNKED}position", "toc-annotation", "behind-the-end", lambda text: f"9{text}"),
    (f"{CHUNKED}position", "toc-annotation", "another-size", lambda text: re.sub(r":\d+:1$", ":7:1", text)),
    (
        f"{CHUNKED}position",
        "toc-annotation",
        "another-place",
        lambda text: f"{int(text.split(':')[0]) - 1}{text[text.index(':') :]}",
    ),
):
    mutation(_rule, name=f"{_key}-{_how}")(lambda bundle, key=_key, change=_turn_text: reannotated(bundle, key, change))


def contents(bundle: Bundle, change: Callable[[list[Json]], None]) -> None:
    """Change the entries of a table, and all that is said of the table."""
    try:
        number, annotations = tabled(bundle, ESTARGZ)
        make = estargz
    except NotHereError:
        number, annotations = tabled(bundle, f"{CHUNKED}checksum")
        make = chunked
    name = bundle.layers[number]
    stored_bytes, plain, told = make(bundle.data(name), annotations, change)
    bundle.put_layer(name, stored_bytes, plain)
    bundle.at(bundle.manifest, ["layers", number, "annotations"], lambda found: found.update(told))


Table = tuple[bytes, bytes | None, dict[str, str]]


def estargz(data: bytes, annotations: Json, change: Callable[[list[Json]], None]) -> Table:
    """Give a layer of gzip members with another table, its tar, and the annotations that are true of it."""
    at = int(data[-35:-19], 16)
    table = json.loads(oracle.unpacked(data[at:-51])[1][BLOCK:].rstrip(b"\0"))
    change(table["entries"])
    text = build.dumped(table)
    made = data[:at] + build.gzipped(tar([file("stargz.index.json", text)])) + data[-51:]
    plain = oracle.unpacked(made)[1]
    size = "io.containers.estargz.uncompressed-size"
    told = {ESTARGZ: build.digest(text), size: str(len(plain))}
    return made, plain, {key: value for key, value in told.items() if key in annotations}


def chunked(data: bytes, annotations: Json, change: Callable[[list[Json]], None]) -> Table:
    """Give a layer of zstd frames with another table, and the annotations that are true of it."""
    at, length, _, kind = map(int, annotations[f"{CHUNKED}position"].split(":"))
    table = json.loads(zstandard.ZstdDecompressor().decompress(data[at : at + length]))
    change(table["entries"])
    text = build.dumped(table)
    packed = zstandard.ZstdCompressor().compress(text)
    made = data[: at - 8] + build.skippable(packed) + data[at + length :]
    where, *rest = annotations[TAR_SPLIT].split(":")
    moved = int(where) + len(packed) - length
    numbers = [at, len(packed), len(text), kind, moved, *map(int, rest)]
    made = made[:-64] + b"".join(one.to_bytes(8, "little") for one in numbers) + made[-8:]
    told = {
        f"{CHUNKED}checksum": build.digest(packed),
        f"{CHUNKED}position": f"{at}:{len(packed)}:{len(text)}:{kind}",
        TAR_SPLIT: ":".join((str(moved), *rest)),
    }
    return made, None, told


def regular(entries: list[Json]) -> Json:
    """Give the entry of a file with content."""
    return next(one for one in entries if one["type"] == "reg" and one.get("size"))


@mutation("toc-entry")
def table_gives_a_file_another_digest(bundle: Bundle) -> None:
    contents(bundle, lambda entries: regular(entries).update(digest=NOWHERE))


@mutation("toc-entry")
def table_leaves_a_file_out(bundle: Bundle) -> None:
    contents(bundle, lambda entries: entries.remove(regular(entries)))


@mutation("toc-entry")
def table_names_a_file_that_is_not_there(bundle: Bundle) -> None:
    contents(bundle, lambda entries: entries.append({**regular(entries), "name": "etc/shadow"}))


@mutation("toc-attributes")
def table_gives_a_file_another_mode(bundle: Bundle) -> None:
    contents(bundle, lambda entries: regular(entries).update(mode=0o4777))


@mutation("toc-attributes")
def table_gives_a_file_another_owner(bundle: Bundle) -> None:
    contents(bundle, lambda entries: regular(entries).update(uid=1000))


@mutation("toc-attributes")
def table_gives_a_file_another_time(bundle: Bundle) -> None:
    contents(bundle, lambda entries: regular(entries).update(modtime="2001-01-01T00:00:00Z"))


@mutation("toc-attributes")
def table_gives_a_file_extended_attributes(bundle: Bundle) -> None:
    contents(bundle, lambda entries: regular(entries).update(xattrs={"security.capability": "AQI="}))


@mutation("toc-chunk")
def table_gives_a_chunk_another_digest(bundle: Bundle) -> None:
    contents(bundle, lambda entries: regular(entries).update(chunkDigest=NOWHERE))


@mutation("toc-chunk")
def table_gives_a_file_another_place(bundle: Bundle) -> None:
    contents(bundle, lambda entries: regular(entries).update(offset=regular(entries)["offset"] + 1))


@mutation("toc-tar-split")
def tar_split_data_of_another_digest(bundle: Bundle) -> None:
    number, annotations = tabled(bundle, TAR_SPLIT)
    name = bundle.layers[number]
    at = int(annotations[TAR_SPLIT].split(":")[0])
    bundle.put_layer(name, flipped(bundle.data(name), at + 20), None)


mutation("toc-annotation", name="tarsplit-behind-the-end")(
    lambda bundle: reannotated(bundle, TAR_SPLIT, lambda text: f"9{text}")
)


# -- limits ------------------------------------------------------------------------------------------------------------


def bomb(bundle: Bundle) -> None:
    """Make a layer of zeros, whose digests are all true."""
    name, data, _ = stored(bundle, "none", "gzip", "zstd")
    plain = tar([file("zeros", bytes(2 << 20))])
    bundle.put_layer(name, packed_as(data, plain), plain)


@mutation("limit-unpacked", options=("--max-ratio", "100"))
def layer_unpacks_to_more_than_its_ratio(bundle: Bundle) -> None:
    stored(bundle, "gzip", "zstd")
    bomb(bundle)


mutation("limit-unpacked", name="layer-unpacks-to-more-than-allowed", options=("--max-layer-size", "1000000"))(bomb)


@mutation("limit-unpacked", options=("--limit", "window=300000"))
def layer_needs_a_large_window(bundle: Bundle) -> None:
    stored(bundle, "zstd")
    bomb(bundle)


@mutation("limit-name", may=BEHIND)
def member_name_too_long(bundle: Bundle) -> None:
    one_more(bundle, "a/" * 2100 + "b", b"")


@mutation("limit-extended", may=BEHIND, options=("--limit", "extended=5000"))
def extended_header_too_large(bundle: Bundle) -> None:
    raw(bundle, lambda data: pax({"comment": "x" * 6000}) + data)


@mutation("limit-extended", may=BEHIND, options=("--limit", "extended=5000"))
def long_name_too_large(bundle: Bundle) -> None:
    one_more(bundle, "a" * 6000, b"")


def counted(bundle: Bundle) -> None:
    if not bundle.is_tar:
        raise NotHereError("tar")


def layered(bundle: Bundle) -> None:
    del bundle


def documented(bundle: Bundle) -> None:
    bundle.there(bundle.index)


mutation(
    "limit-documents-size",
    name="larger-documents-than-allowed",
    options=("--limit", "documents-size=1000"),
    several=True,
)(layered)
mutation("limit-values", name="more-values-than-allowed", options=("--limit", "values=20"), several=True)(layered)


@mutation("limit-ratio", options=("--max-ratio", "50"), may=BEHIND)
def archive_unpacks_to_more_than_its_ratio(bundle: Bundle) -> None:
    bundle.add(file("zeros", bytes(16 << 20)))
    raw(bundle, OUTER["gzip"])


mutation("limit-members", name="more-members-than-allowed", may=BEHIND, options=("--limit", "members=3"))(counted)
mutation("limit-layers", name="more-layers-than-allowed", options=("--limit", "layers=2"), several=True)(layered)
mutation("limit-documents", name="more-documents-than-allowed", options=("--limit", "documents=2"), several=True)(
    documented
)
mutation("limit-outer", name="compressed-four-times-over", may=BEHIND)(
    lambda bundle: raw(bundle, lambda data: OUTER["gzip"](OUTER["gzip"](OUTER["zstd"](OUTER["gzip"](data)))))
)
