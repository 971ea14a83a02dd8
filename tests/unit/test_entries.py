"""What an index.json says of a root: the entries that name it, their annotations, and the media type of a document."""

import json
from pathlib import Path

import pytest

from ociarchive import documents
from ociarchive.blobio.limits import Limits
from ociarchive.errors import ContentError
from ociarchive.formats import _layout
from ociarchive.formats.docker_archive import DockerReader
from ociarchive.formats.format import Content
from ociarchive.formats.registry_storage import RegistryReader
from ociarchive.mediatypes import DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST
from ociarchive.model import COSIGN_KIND, COSIGN_NAME, IMAGE_NAME, REF_NAME, Missing, Root
from ociarchive.opening import NotAnArchiveError, open_archive
from ociarchive.values import JSON, Descriptor, Digest, Reference
from tests.support import build
from tests.support.build import Image, Saved, layer
from tests.support.call import Call, told
from tests.support.tar import changed, file, write_folder, write_tar

A, B = (Reference.parse(f"docker.io/corpus/{name}:1") for name in "ab")
DIGEST = Digest("sha256", "0" * 64)
OTHER = "org.example"
Told = dict[str, str]


def root(annotations: Told, *names: Reference, ref_name: str | None = None) -> Root:
    described = Descriptor.make(OCI_MANIFEST, DIGEST, 7).annotate(annotations)
    return Root(descriptor=described, node=Missing(), names=names, ref_name=ref_name)


def full(name: Reference, **more: str) -> Told:
    return {IMAGE_NAME: str(name), REF_NAME: str(name), **more}


# name: the root, whether names go everywhere, the annotations of its entries
ENTRIES: dict[str, tuple[Root, bool, list[Told]]] = {
    "without-names": (root({OTHER: "x"}), False, [{OTHER: "x"}]),
    "one-name": (root({IMAGE_NAME: str(A)}, A), False, [{IMAGE_NAME: str(A)}]),
    "one-name-everywhere": (root({IMAGE_NAME: str(A), OTHER: "x"}, A), True, [full(A, **{OTHER: "x"})]),
    "a-tag-beside-it-everywhere": (
        root({IMAGE_NAME: str(A), REF_NAME: "1"}, A, ref_name="1"), True, [{IMAGE_NAME: str(A), REF_NAME: "1"}],
    ),
    "a-name-as-ref-name-everywhere": (root({REF_NAME: str(A)}, A), True, [full(A)]),
    "a-new-name": (root({OTHER: "x"}, A), False, [full(A, **{OTHER: "x"})]),
    "two-new-names": (root({}, A, B), True, [full(A), full(B)]),
    "a-further-name": (root({IMAGE_NAME: str(A)}, A, B), False, [{IMAGE_NAME: str(A)}, full(B)]),
    "a-tag-that-is-no-name": (root({REF_NAME: "1"}, ref_name="1"), True, [{REF_NAME: "1"}]),
    "a-tag-and-a-new-name": (root({REF_NAME: "1"}, A, ref_name="1"), False, [{REF_NAME: "1"}, full(A)]),
    "cosign's-name": (root({COSIGN_NAME: str(A)}, A, B), False, [{COSIGN_NAME: str(A)}, full(B)]),
    "cosign's-name-of-another": (
        root({COSIGN_NAME: str(A), COSIGN_KIND: "dev.cosignproject.cosign/sigs"}, B),
        False,
        [full(B, **{COSIGN_NAME: str(A), COSIGN_KIND: "dev.cosignproject.cosign/sigs"})],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ENTRIES)
def test_entries(name: str) -> None:
    one, everywhere, wanted = ENTRIES[name]
    found = list(_layout.entries_of(one, everywhere=everywhere))
    assert [entry.annotations for entry in found] == wanted
    assert {(entry.digest, entry.size, entry.media_type) for entry in found} == {(DIGEST, 7, OCI_MANIFEST)}


def test_an_index_of_more_bytes_than_readers_take_is_refused() -> None:
    content = Content(roots=(root({}, A, B), Root(descriptor=None, node=Missing(), names=(A,))))
    size = len(_layout.index_json(Content(roots=content.roots[:1])))
    _layout.require_readable(content, Limits(manifest_size=3 * size))
    with pytest.raises(ContentError, match="larger than the 100 bytes"):
        _layout.require_readable(content, Limits(manifest_size=100))


# name: a document's members, the media type
DOCUMENTS: dict[str, tuple[dict[str, JSON], str]] = {
    "its-own": ({"mediaType": "a/b", "manifests": []}, "a/b"),
    "too-long": ({"mediaType": "a/" + "b" * 600}, OCI_MANIFEST),
    "no-text": ({"mediaType": 5, "manifests": []}, OCI_INDEX),
    "index": ({"manifests": []}, OCI_INDEX),
    "manifest": ({"config": {"mediaType": "application/vnd.oci.image.config.v1+json"}}, OCI_MANIFEST),
    "docker": ({"config": {"mediaType": build.DOCKER_CONFIG}}, DOCKER_MANIFEST),
    "nothing": ({}, OCI_MANIFEST),
    "odd-config": ({"config": "application/vnd.docker.x"}, OCI_MANIFEST),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_media_type_of_a_document_that_nothing_describes(name: str) -> None:
    members, wanted = DOCUMENTS[name]
    assert _layout.media_type_of(documents.make({**members})) == wanted


# Docker archives

SAVED = Saved(image=Image(layers=[layer({"a": b"a"})]))


HEX = "0" * 64
OWN = (
    *("manifest.json", "repositories", "index.json", "blobs/", f"blobs/sha256/{HEX}"),
    *(f"{HEX}.json", f"sha256:{HEX}", f"{HEX}/", f"{HEX}/layer.tar"),
)
STRANGE = ("odd", "manifest.json.bak", f"{HEX}/odd", f"{HEX[1:]}.json", "a/manifest.json")


@pytest.mark.parametrize("name", [*OWN, *STRANGE])
def test_what_belongs_to_a_docker_archive(name: str) -> None:
    assert DockerReader().owns(name) is (name in OWN)


@pytest.mark.parametrize(
    ("text", "version", "form"),
    [
        (b"[]", False, "docker-archive"),
        (b"[]", True, "docker-archive"),
        (b" x", False, "docker-archive"),
        (b" x", True, "dir"),
        (b"{}", False, "dir"),
        (b"{}", True, "dir"),
    ],
)
def test_a_folder_with_a_manifest_json(text: bytes, version: bool, form: str, tmp_path: Path) -> None:
    """An array is Docker's, an object is a dir's; of anything else the file `version` decides."""
    members = [
        file("manifest.json", text),
        *([file("version", b"Directory Transport Version: 1.1\n")] if version else []),
    ]
    archive = open_archive(str(write_folder(tmp_path / "folder", members)))
    try:
        assert archive.format == form
    finally:
        archive.close()


@pytest.mark.parametrize(("text", "version"), [(b"[]", True), (b"[]", False), (b"{}", False)])
def test_a_tar_with_a_manifest_json_is_dockers(text: bytes, version: bool, tmp_path: Path) -> None:
    """But for an object beside the file `version`, which is a dir that somebody packed."""
    marker = [file("version", b"Directory Transport Version: 1.1\n")] if version else []
    archive = open_archive(str(write_tar(tmp_path / "a.tar", [file("manifest.json", text), *marker])))
    try:
        assert archive.format == "docker-archive"
    finally:
        archive.close()


def test_dockers_types_go_into_a_docker_archive_without_a_word(tmp_path: Path, cli_call: Call) -> None:
    node = Image(layers=SAVED.image.layers, family="docker").node().named(str(A))
    path = write_tar(tmp_path / "source.tar", build.layout(node))
    for form, said in (("docker-archive", False), ("oci-layout", True)):
        result = told(cli_call("convert", path, tmp_path / form, "--to", form))
        assert ("Docker media types" in result.stderr) is said


def test_names_that_manifest_json_alone_gives_are_those_of_its_image(tmp_path: Path, cli_call: Call) -> None:
    other = Saved(image=Image(layers=SAVED.image.layers, config_members={"author": "b"}))
    members = build.hybrid(SAVED, other)
    (listed,) = (one for one in members if one.name == "manifest.json")
    entries = json.loads(listed.data)
    entries[0]["RepoTags"] = [*(entries[0]["RepoTags"] or []), "corpus/more:1", "corpus/more:1"]
    path = write_tar(tmp_path / "hybrid.tar", changed(members, "manifest.json", build.dumped(entries)))
    images = {
        one["image_id"]: one["references"]
        for one in told(cli_call("inspect", "--format", "json", path)).archive()["images"]
    }
    assert images[SAVED.image.image_id].count("docker.io/corpus/more:1") == 1
    assert "docker.io/corpus/more:1" not in images[other.image.image_id]


# A registry's folder

HOME = "docker/registry/v2"


def test_a_tag_that_leads_to_nothing_and_one_to_what_is_no_manifest(tmp_path: Path) -> None:
    held = b"{ no manifest"
    name = build.digest(held)
    links = f"{HOME}/repositories/corpus/app/_manifests/tags"
    members = [
        file(f"{HOME}/blobs/sha256/{build.hexed(name)[:2]}/{build.hexed(name)}/data", held),
        file(f"{links}/a/current/link", str(DIGEST).encode()),
        file(f"{links}/b/current/link", name.encode()),
    ]
    archive = open_archive(str(write_folder(tmp_path / "registry", members)))
    try:
        roots = {one.tags: one for one in archive.roots}
        absent, odd = roots[("a",)], roots[("b",)]
        assert absent.descriptor is not None
        assert odd.descriptor is not None
        assert (absent.descriptor.digest, absent.descriptor.size) == (DIGEST, 0)
        assert (str(odd.descriptor.digest), odd.descriptor.size) == (name, len(held))
        assert [isinstance(one.node, Missing) for one in (absent, odd)] == [True, True]
        assert "json-invalid" in {flaw.rule for flaw in archive.noticed}
    finally:
        archive.close()


def test_a_tag_without_a_digest_may_have_led_to_more(tmp_path: Path) -> None:
    """So no blob is told of as one that nothing leads to."""
    members = [
        file(f"{HOME}/blobs/sha256/00/{HEX}/data", b""),
        file(f"{HOME}/repositories/corpus/app/_manifests/tags/a/current/link", b"odd"),
    ]
    archive = open_archive(str(write_folder(tmp_path / "registry", members)))
    try:
        assert archive.incomplete
        assert [(link.held, link.leads_nowhere) for link in archive.links] == [("'odd'", False)]
    finally:
        archive.close()


def test_a_registry_needs_its_tree(tmp_path: Path) -> None:
    with pytest.raises(NotAnArchiveError):
        open_archive(str(write_folder(tmp_path / "folder", [file("docker/other", b"")])))
    assert RegistryReader().owns(f"{HOME}/blobs/sha256/00/{'0' * 64}/data")
    assert not RegistryReader().owns("odd")
