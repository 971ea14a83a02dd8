"""What a rewritten descriptor may still say: nothing that was true of the old bytes alone, no name that went away."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ociarchive.model import COSIGN_KIND, COSIGN_NAME
from tests.support import build
from tests.support.build import Image, layer, signature
from tests.support.call import Call, refused, told
from tests.support.tar import write_tar

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
