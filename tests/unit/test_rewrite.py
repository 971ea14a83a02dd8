"""What a rewritten descriptor may still say: nothing that was true of the old bytes alone, no name that went away."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from ociarchive.model import COSIGN_KIND, COSIGN_NAME
from tests.support import build
from tests.support.build import (
    CONTAINERD_NAME,
    DOCKER_CONFIG,
    DOCKER_FOREIGN,
    DOCKER_LAYER,
    DOCKER_MANIFEST,
    OCI_CONFIG,
    OCI_FOREIGN,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    REF_NAME,
    Family,
    Image,
    Saved,
    artifact,
    attestation,
    edited,
    hexed,
    index,
    layer,
    signature,
)
from tests.support.call import Call, refused, told
from tests.support.tar import Member, write_tar

URL = "https://example.org/layer"
NAME = "docker.io/corpus/app:1"
Json = Any


def converted(one: build.Layer, tmp_path: Path, cli_call: Call, codec: str) -> tuple[Json, Json]:
    """Convert an image of one layer; give the layer's descriptor in DEST and what the receipt says of it."""
    path = write_tar(tmp_path / "source.tar", build.layout(Image(layers=[one]).node().named(NAME)))
    dest, receipt = tmp_path / "dest", tmp_path / "receipt.json"
    told(cli_call("convert", path, dest, "--to", "oci-layout", "--compression", codec, "--receipt", receipt))
    (entry,) = json.loads((dest / "index.json").read_bytes())["manifests"]
    (described,) = json.loads((dest / build.blob_path(entry["digest"])).read_bytes())["layers"]
    (change,) = json.loads(receipt.read_bytes())["layers"]
    return described, change


@pytest.mark.parametrize("media_type", [build.OCI_FOREIGN, None])
def test_a_layer_with_urls_is_not_stored_otherwise(media_type: str | None, tmp_path: Path, cli_call: Call) -> None:
    """image-spec, descriptor.md, `urls`: what can be downloaded there is what the digest names: the old bytes."""
    one = layer({"a": b"content"}, "gzip", members={"urls": [URL]})
    if media_type is not None:
        one = replace(one, media_type=media_type, members={})
    path = write_tar(tmp_path / "source.tar", build.layout(Image(layers=[one]).node().named(NAME)))
    dest = tmp_path / "dest"
    line = refused(cli_call("convert", path, dest, "--to", "oci-layout", "--compression", "zstd"), 2, dest)
    assert f"layer {one.digest} is foreign" in line
    assert "--compression keep" in line


def test_auto_carries_a_layer_with_urls_as_it_is(tmp_path: Path, cli_call: Call) -> None:
    one = layer({"a": b"content"}, "zstd", members={"urls": [URL]})
    path = write_tar(tmp_path / "source.tar", build.layout(Image(layers=[one]).node().named(NAME)))
    told(cli_call("convert", path, tmp_path / "dest.tar", "--to", "docker-archive"))
    (image,) = told(cli_call("inspect", "--format", "json", tmp_path / "dest.tar")).archive()["images"]
    assert [(part["digest"], part["compression"]) for part in image["layers"]] == [(one.digest, "zstd")]


def test_a_layer_that_stays_keeps_its_urls(tmp_path: Path, cli_call: Call) -> None:
    one = layer({"a": b"content"}, "gzip", members={"urls": [URL]})
    described, change = converted(one, tmp_path, cli_call, "gzip")
    assert described == one.descriptor("oci")
    assert not change.get("dropped")


def test_what_cosign_attached_to_a_name_follows_the_tag(tmp_path: Path, cli_call: Call) -> None:
    """Else a signature of a saved layout would speak of a name that nothing has."""
    other = "docker.io/corpus/other:1"

    def kept(node: build.Node, kind: str, name: str) -> build.Node:
        return node.annotated(**{COSIGN_KIND: f"dev.cosignproject.cosign/{kind}", COSIGN_NAME: name})

    image = Image(layers=[layer({"a": b"a"}, "gzip")]).node()
    stray = Image(layers=[layer({"b": b"b"}, "gzip")]).node()
    mine, foreign = signature(image), signature(stray)
    roots = (kept(image, "image", NAME), kept(mine, "sigs", NAME), kept(foreign, "sigs", other))
    path, dest = write_tar(tmp_path / "source.tar", build.layout(*roots)), tmp_path / "dest"
    told(cli_call("convert", path, dest, "--to", "oci-layout", "--tag", "corpus/new:2"))
    entries = json.loads((dest / "index.json").read_bytes())["manifests"]
    names = {one["digest"]: one["annotations"].get(COSIGN_NAME) for one in entries}
    assert names[mine.digest] == "docker.io/corpus/new:2"
    assert names.get(foreign.digest, other) == other
    assert NAME not in json.dumps(entries)


# Tags, documents and media types


@dataclass(frozen=True, slots=True)
class Made:
    """A layout that a conversion wrote."""

    path: Path
    receipt: Json

    @property
    def entries(self) -> list[Json]:
        """What index.json lists."""
        found: list[Json] = self.document("index.json")["manifests"]
        return found

    def document(self, name: str) -> Json:
        """Read a document by its name or digest."""
        return json.loads((self.path / (build.blob_path(name) if ":" in name else name)).read_bytes())


def made(tmp_path: Path, call: Call, members: list[Member], *options: str) -> Made:
    path, dest, receipt = write_tar(tmp_path / "source.tar", members), tmp_path / "dest", tmp_path / "receipt.json"
    told(call("convert", path, dest, "--to", "oci-layout", "--no-sync", "--receipt", receipt, *options))
    return Made(dest, json.loads(receipt.read_bytes()))


def tag_of(digest: str) -> str:
    return f"sha256-{hexed(digest)}.sig"


IMAGE = Image(layers=[layer({"a": b"a"}, "gzip")])


def test_tags_follow_the_digests_that_they_are_made_of(tmp_path: Path, cli_call: Call) -> None:
    """A bare tag, a whole name and both annotations; all else of them stays."""
    node = IMAGE.node().named(NAME)
    bare, full = signature(node), artifact(b"text", "a/b", subject=node)
    name = f"docker.io/corpus/app:{tag_of(node.digest)}"
    roots = (node, bare.annotated(**{REF_NAME: tag_of(node.digest), "org.example": node.digest}), full.named(name))
    found = made(tmp_path, cli_call, build.layout(*roots), "--compression", "zstd")
    image, first, second = found.entries
    new = tag_of(image["digest"])
    assert image["digest"] != node.digest
    assert first["annotations"] == {REF_NAME: new, "org.example": node.digest}
    assert second["annotations"][CONTAINERD_NAME] == f"docker.io/corpus/app:{new}"
    again = told(cli_call("inspect", "--format", "json", found.path)).archive()["artifacts"]
    assert {one for artifact in again for one in artifact["ref_names"]} >= {new}


def test_what_does_not_change_keeps_its_annotations_and_tags(tmp_path: Path, cli_call: Call) -> None:
    node = IMAGE.node().named(NAME)
    tagged = signature(node).annotated(**{REF_NAME: tag_of(node.digest)})
    found = made(tmp_path, cli_call, build.layout(node, tagged))
    assert found.entries == [node.descriptor, tagged.descriptor]
    assert [one["old"] == one["new"] for one in found.receipt["manifests"]] == [True, True]


def test_the_receipt_has_every_document_with_its_new_descriptor(tmp_path: Path, cli_call: Call) -> None:
    node = IMAGE.node()
    root = index([node, attestation(node)]).named(NAME)
    found = made(tmp_path, cli_call, build.layout(root), "--compression", "zstd")
    (entry,) = found.entries
    children = found.document(entry["digest"])["manifests"]
    assert [one["new"]["digest"] for one in found.receipt["indexes"]] == [entry["digest"]]
    assert [one["new"]["digest"] for one in found.receipt["manifests"]] == [one["digest"] for one in children]
    assert [one["old"]["digest"] for one in found.receipt["manifests"]] == [node.digest, attestation(node).digest]
    (config,) = {one["new"]["digest"] for one in found.receipt["configs"]} & {IMAGE.image_id}
    assert found.document(children[0]["digest"])["config"]["digest"] == config
    assert children[1]["annotations"]["vnd.docker.reference.digest"] == children[0]["digest"]


def test_a_subject_follows_and_other_subjects_stay(tmp_path: Path, cli_call: Call) -> None:
    node = IMAGE.node().named(NAME)
    away = Image(layers=[layer({"b": b"b"}, "gzip")]).node()
    roots = (node, artifact(b"text", "a/b", subject=node), artifact(b"text", "a/c", subject=away))
    found = made(tmp_path, cli_call, build.layout(*roots), "--compression", "zstd")
    image, mine, foreign = found.entries
    assert found.document(mine["digest"])["subject"]["digest"] == image["digest"]
    assert found.document(mine["digest"])["subject"]["size"] == image["size"]
    assert foreign["digest"] == roots[2].digest


def test_subjects_follow_through_chains_of_any_length(tmp_path: Path, cli_call: Call) -> None:
    """In each direction: of what speaks of the one before it, and of indexes that hold what speaks of the next."""
    chain = [IMAGE.node().named(NAME)]
    for number in range(400):
        chain.append(artifact(b"%d" % number, "a/b", subject=chain[-1]))
    tops = [chain[0]]
    for _ in range(300):
        tops.append(index([artifact(b"text", "a/b", subject=tops[-1])]))
    roots = (chain[0], *reversed(chain[1:]), *reversed(tops[1:]))
    found = made(tmp_path, cli_call, build.layout(*roots), "--compression", "zstd")
    image, *others = found.entries
    for entries, inside in ((others[:400], False), (others[400:], True)):
        for one, subject in zip(entries, [*entries[1:], image], strict=True):
            (speaks,) = found.document(one["digest"])["manifests"] if inside else [one]
            assert found.document(speaks["digest"])["subject"]["digest"] == subject["digest"]
    assert image["digest"] != chain[0].digest


DOCKER = (DOCKER_MANIFEST, DOCKER_CONFIG, DOCKER_LAYER + ".gzip")
OCI = (OCI_MANIFEST, OCI_CONFIG, OCI_LAYER + "+gzip")
TYPES: dict[str, tuple[Family, str, tuple[str, str, str]]] = {
    "docker": ("oci", "docker", DOCKER),
    "oci": ("docker", "oci", OCI),
    "keep": ("docker", "keep", DOCKER),
}


def types(found: Made) -> tuple[str, str, str]:
    """Give the media types of the one image: of its manifest, of the config and of the first layer."""
    (entry,) = found.entries
    document = found.document(entry["digest"])
    assert entry["mediaType"] == document["mediaType"]
    return entry["mediaType"], document["config"]["mediaType"], document["layers"][0]["mediaType"]


@pytest.mark.parametrize("name", TYPES)
def test_media_types_of_an_image(name: str, tmp_path: Path, cli_call: Call) -> None:
    family, option, wanted = TYPES[name]
    node = replace(IMAGE, family=family).node().named(NAME)
    found = made(tmp_path, cli_call, build.layout(node), "--media-types", option)
    assert types(found) == wanted
    assert [one["new"]["mediaType"] for one in found.receipt["configs"]] == [wanted[1]]
    assert [one["new"]["digest"] for one in found.receipt["configs"]] == [IMAGE.image_id]


@pytest.mark.parametrize(("compression", "suffix"), [("keep", ""), ("gzip", "+gzip")])
def test_a_layer_of_another_family_stays_in_it(compression: str, suffix: str, tmp_path: Path, cli_call: Call) -> None:
    plain = Image(layers=[replace(layer({"a": b"a"}), media_type=OCI_LAYER)], family="docker")
    found = made(tmp_path, cli_call, build.layout(plain.node().named(NAME)), "--compression", compression)
    assert types(found) == (DOCKER_MANIFEST, DOCKER_CONFIG, OCI_LAYER + suffix)


def test_a_config_of_another_family_stays_what_it_is(tmp_path: Path, cli_call: Call) -> None:
    mixed = edited(IMAGE.node(), lambda document: document["config"].update(mediaType=DOCKER_CONFIG)).named(NAME)
    found = made(tmp_path, cli_call, build.layout(mixed), "--compression", "zstd")
    assert types(found) == (OCI_MANIFEST, DOCKER_CONFIG, OCI_LAYER + "+zstd")


@pytest.mark.parametrize(
    ("option", "manifest", "config"), [("docker", DOCKER_MANIFEST, DOCKER_CONFIG), ("keep", OCI_MANIFEST, OCI_CONFIG)]
)
def test_media_types_of_an_image_without_a_manifest(
    option: str, manifest: str, config: str, tmp_path: Path, cli_call: Call
) -> None:
    plain = Saved(image=Image(layers=[layer({"a": b"a"})]))
    found = made(tmp_path, cli_call, build.docker_archive(plain), "--media-types", option)
    (entry,) = found.entries
    document = found.document(entry["digest"])
    assert (document["mediaType"], document["config"]["mediaType"]) == (manifest, config)


@pytest.mark.parametrize(
    ("option", "media_type"), [("keep", DOCKER_FOREIGN), ("oci", OCI_FOREIGN), ("docker", DOCKER_FOREIGN)]
)
def test_media_types_of_a_layer_that_is_not_here(option: str, media_type: str, tmp_path: Path, cli_call: Call) -> None:
    """With `keep` in a manifest of the other family too: nothing of the layer changes."""
    members = {"mediaType": DOCKER_FOREIGN, "urls": [URL]}
    away = replace(layer({"win": b"base"}, "gzip"), members=members)
    node = Image(layers=[away, *IMAGE.layers]).node().named(NAME)
    found = made(tmp_path, cli_call, build.layout(node, without=[away.digest]), "--media-types", option)
    (entry,) = found.entries
    described = found.document(entry["digest"])["layers"][0]
    assert described == {**away.descriptor("oci"), "mediaType": media_type}


ENCRYPTED, UNKNOWN = OCI_LAYER + "+encrypted", "application/vnd.example.layer"


@pytest.mark.parametrize(("media_type", "compression"), [(ENCRYPTED, "auto"), (UNKNOWN, "auto"), (UNKNOWN, "zstd")])
def test_a_layer_that_nothing_unpacks_keeps_its_descriptor(
    media_type: str, compression: str, tmp_path: Path, cli_call: Call
) -> None:
    """The media type is of no codec, or of no kind that is known: what is inside is not ours to name."""
    sealed = build.Layer(plain=b"sealed", stored=b"sealed", media_type=media_type)
    node = Image(layers=[*IMAGE.layers, sealed]).node().named(NAME)
    found = made(tmp_path, cli_call, build.layout(node), "--compression", compression)
    (entry,) = found.entries
    assert found.document(entry["digest"])["layers"][1] == sealed.descriptor("oci")


def test_a_document_without_a_media_type_is_described_as_before(tmp_path: Path, cli_call: Call) -> None:
    """image-spec, image-index.md and manifest.md, `mediaType`: it should be there, and need not."""
    node = edited(IMAGE.node(), lambda document: document.pop("mediaType"))
    root = edited(index([node]), lambda document: document.pop("mediaType")).named(NAME)
    found = made(tmp_path, cli_call, build.layout(root), "--compression", "zstd")
    (entry,) = found.entries
    assert entry["mediaType"] == root.descriptor["mediaType"] == OCI_INDEX
    document = found.document(entry["digest"])
    assert "mediaType" not in document
    assert document["manifests"][0]["mediaType"] == OCI_MANIFEST


def test_a_digest_that_must_stay_is_refused_with_what_it_would_become(tmp_path: Path, cli_call: Call) -> None:
    node = IMAGE.node().named(NAME)
    found = made(tmp_path, cli_call, build.layout(node), "--media-types", "docker")
    options = ("--media-types", "docker", "--preserve-digests")
    source, dest = tmp_path / "source.tar", tmp_path / "other"
    line = refused(cli_call("convert", source, dest, "--to", "oci-layout", *options), 2, dest)
    assert f"{node.digest} would become {found.entries[0]['digest']}" in line
