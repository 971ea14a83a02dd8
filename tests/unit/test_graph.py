"""What a manifest is taken for: an image, what only looks like one, and what is not read at all."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ociarchive import graph
from ociarchive.blobio import hashing
from ociarchive.blobio.limits import Limits
from ociarchive.graph import GraphReader
from ociarchive.model import Artifact, Blob
from ociarchive.values import Descriptor, Digest
from tests.support import build
from tests.support.build import OCI_CONFIG, Image, artifact, layer
from tests.support.call import Call, told
from tests.support.tar import file, tar, write_tar

Json = Any
OTHER = "application/octet-stream"


def audited(node: build.Node, folder: Path, call: Call, status: int = 0) -> list[Json]:
    path = write_tar(folder / "a.tar", build.layout(node.named("docker.io/corpus/app:1")))
    result = told(call("audit", "--no-config", "--format", "json", path), status)
    found: list[Json] = result.archive()["findings"]
    return found


# name: media types of config and layer, whether it is told that nothing of it is proved
DISGUISES: dict[str, tuple[str, str, bool]] = {
    "image": (OCI_CONFIG, build.OCI_LAYER + "+gzip", False),
    "parameter-behind-the-config": (f"{OCI_CONFIG}; charset=utf-8", OTHER, True),
    "capitals": (OCI_CONFIG.replace("oci", "OCI"), OTHER, True),
    "both": (f"{OCI_CONFIG.replace('oci', 'OCI')};a=b", build.OCI_LAYER + "+gzip", True),
    "artifact": ("application/vnd.example.config+json", OTHER, False),
    "layers-of-an-unknown-type": (OCI_CONFIG, OTHER, True),
    "layers-of-statements": (OCI_CONFIG, build.IN_TOTO, True),
    "layers-of-an-unknown-type-of-docker": (build.DOCKER_CONFIG, OTHER, True),
}


@pytest.mark.parametrize("name", DISGUISES)
def test_what_engines_may_take_for_an_image_is_told(name: str, tmp_path: Path, cli_call: Call) -> None:
    config, of_layer, expected = DISGUISES[name]
    one = layer({"a": b"a"}, "gzip", media_type=of_layer)
    image = Image(layers=[one], config_descriptor={"mediaType": config})
    rules = {one["rule"] for one in audited(image.node(), tmp_path, cli_call)}
    assert ("image-unproved" in rules) is expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(tar([file("a", b"a")]), True, id="tar"),
        pytest.param(tar([file("a", b"a")])[:257] + bytes(1024), False, id="tar-cut-off"),
        pytest.param(build.layer({"a": b"a"}, "zstd").stored, True, id="zstd"),
        pytest.param(b'{"payloadType": ""}', False, id="json"),
        pytest.param(b" " * 600, False, id="blanks"),
        pytest.param(bytes(600), False, id="zeroes"),
        pytest.param(b"", False, id="empty"),
    ],
)
def test_layers_of_an_unknown_type_are_told_by_their_bytes(
    data: bytes, expected: bool, tmp_path: Path, cli_call: Call
) -> None:
    """A signature of cosign has an image's config and blobs of JSON."""
    config = build.dumped(
        {"architecture": "", "os": "", "rootfs": {"type": "layers", "diff_ids": [build.digest(data)]}}
    )
    described = {"mediaType": OCI_CONFIG, "digest": build.digest(config), "size": len(config)}
    held = {"mediaType": OTHER, "digest": build.digest(data), "size": len(data)}
    manifest = build.dumped(
        {"schemaVersion": 2, "mediaType": build.OCI_MANIFEST, "config": described, "layers": [held]}
    )
    entry = {"mediaType": build.OCI_MANIFEST, "digest": build.digest(manifest), "size": len(manifest)}
    node = build.Node(entry, {build.digest(one): one for one in (config, data, manifest)})
    found = [one for one in audited(node, tmp_path, cli_call) if one["rule"] == "image-unproved"]
    assert [one["found"] for one in found] == ([OTHER] if expected else [])


def test_a_config_with_half_a_surrogate_is_read(tmp_path: Path, cli_call: Call) -> None:
    """JSON's grammar allows it (RFC 8259, 8.2), and Go reads it."""
    author = "\\ud800"
    made = Image(layers=[layer({"a": b"a"}, "gzip")], config_members={"author": "AUTHOR"})
    raw = made.config.replace(b"AUTHOR", author.encode())
    node = made.node()
    document = {**node.document, "config": {"mediaType": OCI_CONFIG, "digest": build.digest(raw), "size": len(raw)}}
    manifest = build.dumped(document)
    blobs = {**node.blobs, build.digest(raw): raw, build.digest(manifest): manifest}
    del blobs[node.digest], blobs[made.image_id]
    described = {**node.descriptor, "digest": build.digest(manifest), "size": len(manifest)}
    assert [
        one for one in audited(build.Node(described, blobs), tmp_path, cli_call) if one["severity"] == "error"
    ] == []


def test_schema_1_without_layers_is_an_error(tmp_path: Path, cli_call: Call) -> None:
    old = json.dumps({"schemaVersion": 1, "name": "corpus/old", "tag": "0", "fsLayers": [], "history": []}).encode()
    node = build.blob(old, "application/vnd.docker.distribution.manifest.v1+json")
    (error,) = [one for one in audited(node, tmp_path, cli_call, 1) if one["severity"] == "error"]
    assert error["rule"] == "schema1-history"
    assert (error["expected"], error["found"]) == ("some entries", "0")


def test_an_artifact_without_inline_data_is_as_good(tmp_path: Path, cli_call: Call) -> None:
    for inline in (True, False):
        folder = tmp_path / str(inline)
        note = artifact(b"note", "application/vnd.example.note", inline=inline)
        assert [one for one in audited(note, folder, cli_call) if one["severity"] == "error"] == []


@pytest.mark.parametrize("urls", [None, [], ["https://example.org/blob"]])
def test_what_can_be_downloaded_may_be_absent(urls: Json, tmp_path: Path, cli_call: Call) -> None:
    """image-spec, descriptor.md, `urls`: a blob may lie elsewhere, be it a layer or anything else."""
    note = artifact(b"note", "application/vnd.example.note")
    document = note.document
    document["layers"][0] |= {} if urls is None else {"urls": urls}
    raw = build.dumped(document)
    described = {**note.descriptor, "digest": build.digest(raw), "size": len(raw)}
    node = build.Node(described, {build.digest(b"{}"): b"{}", build.digest(raw): raw})
    found = audited(node, tmp_path, cli_call, 0 if urls else 1)
    missing = [one["subject"] for one in found if one["rule"] == "blob-missing"]
    assert missing == ([] if urls else [build.digest(b"note")])


@dataclass(frozen=True)
class Heard:
    """A source that counts how often its bytes are read."""

    content: bytes
    reads: list[int] = field(default_factory=list, compare=False)
    where: str = "heard"

    @property
    def size(self) -> int:
        return len(self.content)

    def chunks(self, size: int = 1 << 20) -> Iterator[bytes]:
        del size
        self.reads.append(1)
        yield self.content

    def head(self, size: int) -> bytes:
        return self.content[:size]


@pytest.mark.parametrize("content", [b'{"rootfs":{"type":"layers","diff_ids":[]}}', b"no config"])
def test_a_config_is_read_and_hashed_once_however_many_images_have_it(
    content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[bytes] = []

    def heard(data: bytes) -> Digest:
        hashed.append(data)
        return hashing.sha256(data)

    monkeypatch.setattr(graph, "sha256", heard)
    reader, config = GraphReader(lambda _: None, "archive"), Heard(content)
    blob = Blob(descriptor=None, source=config, name="config")
    images = [reader.image_of(blob, ()) for _ in range(100)]
    assert {image.config_digest for image in images} == {hashing.sha256(content)}
    assert hashed == [content]
    assert len(config.reads) <= 2


@pytest.mark.parametrize("limits", [Limits(documents=0), Limits(documents_size=0)], ids=["documents", "their size"])
def test_configs_beyond_the_limit_are_not_hashed(limits: Limits) -> None:
    reader = GraphReader(lambda _: None, "archive", limits)
    source = Heard(b'{"rootfs":{}}')
    image = reader.image_of(Blob(descriptor=None, source=source, name="config"), ())
    assert (image.config_digest, source.reads) == (None, [])


def disguised(config: bytes, number: int) -> bytes:
    """A manifest of media types of its own over what may be a config."""
    held = {"mediaType": f"{build.OCI_LAYER}+other", "digest": build.digest(b"layer"), "size": 5}
    described = {"mediaType": "application/vnd.example.x", "digest": build.digest(config), "size": len(config)}
    return build.dumped({"schemaVersion": 2, "config": described, "layers": [held], "annotations": {"n": str(number)}})


def test_what_may_be_a_config_is_read_once_however_many_manifests_have_it() -> None:
    config = Heard(b'{"rootfs":{"type":"layers","diff_ids":[]}}')
    manifests = {build.digest(raw): Heard(raw) for raw in (disguised(config.content, n) for n in range(50))}
    known = {build.digest(config.content): config, **manifests}
    reader = GraphReader(lambda digest: known.get(str(digest)), "archive")
    for digest, source in manifests.items():
        node = reader.node(Descriptor.make(build.OCI_MANIFEST, Digest.parse(digest), source.size))
        assert isinstance(node, Artifact)
        assert node.disguised
    assert len(config.reads) == 1


@pytest.mark.parametrize(("most", "read"), [(100_000, 20), (20_000, 9)])
def test_what_may_be_configs_is_bounded(most: int, read: int) -> None:
    configs = [Heard(b'{"n":%d,"x":"%s","rootfs":{"diff_ids":[]}}' % (number, b"x" * 2000)) for number in range(20)]
    manifests = [Heard(disguised(config.content, 0)) for config in configs]
    known = {build.digest(one.content): one for one in (*configs, *manifests)}
    reader = GraphReader(lambda digest: known.get(str(digest)), "archive", Limits(documents_size=most))
    for one in manifests:
        reader.node(Descriptor.make(build.OCI_MANIFEST, Digest.parse(build.digest(one.content)), one.size))
    assert sum(len(one.reads) for one in configs) == read
    assert ("limit-documents-size" in {flaw.rule for flaw in reader.flaws}) is (read < len(configs))
