"""Image manifest schema 1 in a registry, signed and unsigned."""

import json
import shutil
from pathlib import Path

import pytest

from tests.support import build, old
from tests.support.build import layer
from tests.support.call import Call, refused, told
from tests.support.registry import Registry, Request, Response, Store, faults
from tests.support.registry.debian import docker_registry
from tests.support.truth import CORPUS

LAYERS = (layer({"a": b"base"}, "gzip"), layer({"b": b"top"}, "gzip"))
MANIFEST = old.payload(LAYERS)
NAME = "corpus/old"
SCHEMA1_ID = "sha256:0b0c57a83d23ccd6854ffb0d7dd759fcbbda6e2517d7f82b5e9c4705d378367d"
SCHEMA1_DIGEST = "sha256:a9ed63e207004da3bf8282b3093b4b8ce814000143f04fe777bf242ab202fbb3"

pytestmark = pytest.mark.usefixtures("pauses")


class Signs(faults.Fault):
    """Gives a manifest out as registries do: signed, and under the digest of what was signed."""

    def changed(self, request: Request, response: Response, store: Store) -> Response:
        """Sign it."""
        del store
        if request.asks == "GET manifest" and response.status == 200:
            response.body = old.signed(response.body)
            response.headers["Content-Type"] = old.SIGNED
        return response


def filled(*some: faults.Fault) -> Registry:
    registry = Registry(*some)
    for one in LAYERS:
        registry.store.put_blob(NAME, one.stored)
    registry.put(NAME, MANIFEST, old.UNSIGNED, tag="1.0")
    return registry


@pytest.mark.parametrize("some", [(), (Signs(),), (faults.head_refused(),)], ids=["unsigned", "signed", "no-head"])
@pytest.mark.parametrize("reference", [":1.0", f"@{build.digest(MANIFEST)}"], ids=["tag", "digest"])
def test_it_is_pulled_by_tag_and_by_digest(
    some: tuple[faults.Fault, ...], reference: str, cli_call: Call, tmp_path: Path
) -> None:
    with filled(*some) as registry:
        source = f"docker://{registry.address}/{NAME}{reference}"
        (image,) = told(cli_call("inspect", source, "--format", "json")).archive()["images"]
        assert image["manifest"] == build.digest(MANIFEST)
        assert [one["diff_id"] for one in image["layers"]] == [one.diff_id for one in LAYERS]
        assert [one["size"] for one in image["layers"]] == [len(one.stored) for one in LAYERS]
        audit = told(cli_call("audit", source, "--format", "json"))
        assert audit.rules() == set()
        done = told(cli_call("convert", source, tmp_path / "dest", "--to", "oci-layout"))
        assert "is new: image manifest schema 1 has no config" in done.stderr
    (made,) = told(cli_call("audit", tmp_path / "dest", "--format", "json")).archive()["images"]
    assert made["image_id"] == image["image_id"]


def test_another_payload_than_the_digest_says_is_refused(cli_call: Call, tmp_path: Path) -> None:
    class Changes(faults.Fault):
        def changed(self, request: Request, response: Response, store: Store) -> Response:
            del store
            if request.asks == "GET manifest":
                response.body = old.signed(response.body.replace(b"amd64", b"arm64"))
                response.headers["Content-Type"] = old.SIGNED
            return response

    with filled(Changes()) as registry:
        source = f"docker://{registry.address}/{NAME}:1.0"
        line = refused(cli_call("convert", source, tmp_path / "dest", "--to", "dir"), 1, tmp_path / "dest")
        assert "other bytes than the digest says" in line


def test_a_layer_that_is_not_there_is_named(cli_call: Call, tmp_path: Path) -> None:
    registry = Registry()
    registry.store.put_blob(NAME, LAYERS[0].stored)
    registry.put(NAME, MANIFEST, old.UNSIGNED, tag="1.0")
    with registry:
        source = f"docker://{registry.address}/{NAME}:1.0"
        line = refused(cli_call("convert", source, tmp_path / "dest", "--to", "dir"), 1, tmp_path / "dest")
        assert "not in the archive" in line


def test_a_real_registry_signs_what_it_keeps(cli_call: Call, tmp_path: Path) -> None:
    shutil.copytree(CORPUS / "registry-data", tmp_path / "root")
    with docker_registry(tmp_path, tmp_path / "root") as address:
        source = f"docker://{address}/corpus/app:schema1"
        result = told(cli_call("audit", source, "--format", "json"))
        (image,) = result.archive()["images"]
        assert (image["manifest"], image["image_id"]) == (SCHEMA1_DIGEST, SCHEMA1_ID)
        assert result.rules() == set()
        assert result.rules("note") == {"config-made", "schema1-signature"}
        receipt = tmp_path / "receipt.json"
        told(cli_call("convert", source, tmp_path / "a.tar", "--to", "docker-archive", "--receipt", receipt))
    assert json.loads(receipt.read_bytes())["configs"][0]["new"]["digest"] == SCHEMA1_ID
