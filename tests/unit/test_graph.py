"""What a manifest is taken for: an image, what only looks like one, and what is not read at all."""

import json
from pathlib import Path
from typing import Any

import pytest

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
