"""Debian's docker-registry on loopback: what it serves is pulled, audited and inspected as it is."""

import json
import shutil
import socket
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ociarchive.formats import written
from tests.interop.conftest import Program, daemon, needed
from tests.support import build, oracle, truth
from tests.support.call import Call, refused, told
from tests.support.tar import write_folder

pytestmark = pytest.mark.interop
TRUTHS = truth.load()
FACTS = json.loads((truth.CORPUS / "truth.json").read_bytes())["registry-data"]["registry"]
#: What skopeo copies into a registry as it is.
COPIED = ("crane-oci-list", "skopeo-oci-multi", "buildx-oci-attested.tar", "skopeo-oci-zstd-chunked", "podman5-oci-dir")


@contextmanager
def serving(root: Path, folder: Path) -> Iterator[str]:
    """Run docker-registry on a folder, and give its HOST:PORT."""
    needed("docker-registry")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    folder.mkdir(exist_ok=True)
    config = {
        "version": 0.1,
        "log": {"level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(root)}},
        "http": {"addr": address},
    }
    (folder / "config.yml").write_text(json.dumps(config))  # JSON is YAML

    def answers() -> None:
        try:
            urllib.request.urlopen(f"http://{address}/v2/", timeout=5).close()
        except OSError as error:
            raise AssertionError(str(error)) from None

    with daemon(["docker-registry", "serve", str(folder / "config.yml")], answers, folder):
        yield address


@pytest.fixture(scope="module")
def corpus_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("served")
    shutil.copytree(truth.CORPUS / "registry-data", folder / "data")
    with serving(folder / "data", folder / "run") as address:
        yield address


@pytest.mark.parametrize("tag", sorted(set(FACTS) - {"schema1"}))
def test_inspect_agrees_with_the_facts(tag: str, corpus_registry: str, cli_call: Call) -> None:
    source = f"docker://{corpus_registry}/corpus/app:{tag}"
    facts = told(cli_call("inspect", source, "--format", "json")).archive()
    found = {one["image_id"]: one for one in facts["images"]}
    wanted = {one["image_id"]: one for one in FACTS[tag] if "image_id" in one}
    assert set(found) == set(wanted)
    for image_id, one in wanted.items():
        assert found[image_id]["platform"] == one["platform"]
        assert found[image_id]["manifest"] == one["manifest"]
        assert [layer["diff_id"] for layer in found[image_id]["layers"]] == one["diff_ids"]
        assert [layer["compression"] for layer in found[image_id]["layers"]] == one["layer_compression"]


@pytest.mark.parametrize("fmt", written())
@pytest.mark.parametrize("tag", sorted(set(FACTS) - {"schema1"}))
def test_every_tag_converts_to_every_format(
    tag: str, fmt: str, corpus_registry: str, cli_call: Call, tmp_path: Path
) -> None:
    source = f"docker://{corpus_registry}/corpus/app:{tag}"
    told(cli_call("convert", source, tmp_path / "dest", "--to", fmt))
    facts = told(cli_call("audit", tmp_path / "dest", "--format", "json")).archive()
    ids = {one["image_id"] for one in FACTS[tag] if "image_id" in one}
    assert {one["image_id"] for one in facts["images"]} == ids


def test_audit_of_what_it_serves(corpus_registry: str, cli_call: Call) -> None:
    told(cli_call("audit", f"docker://{corpus_registry}/corpus/app:list", "--strict"))


def test_a_tag_that_it_does_not_have(corpus_registry: str, cli_call: Call, tmp_path: Path) -> None:
    found = cli_call("convert", f"docker://{corpus_registry}/corpus/app:no", tmp_path / "dest", "--to", "oci-layout")
    assert "list" in refused(found, 2, tmp_path / "dest")


@pytest.mark.parametrize("name", COPIED)
def test_what_skopeo_pushed_comes_back(name: str, cli_call: Call, tmp_path: Path, skopeo: Program) -> None:
    (tmp_path / "data").mkdir()
    with serving(tmp_path / "data", tmp_path / "run") as address:
        one = TRUTHS[name]
        transport = "oci" if one.path.is_dir() else "oci-archive"
        skopeo(
            "copy", "--all", "--preserve-digests", "--insecure-policy", "--dest-tls-verify=false",
            f"{transport}:{one.path}", f"docker://{address}/corpus/app:1.0",
        )  # fmt: skip
        told(cli_call("convert", f"docker://{address}/corpus/app:1.0", tmp_path / "back", "--to", "oci-layout"))
    facts = told(cli_call("audit", tmp_path / "back", "--format", "json")).archive()
    assert {image["manifest"]: image["image_id"] for image in facts["images"]} == one.manifests
    before, after = (
        {name: data for name, data in oracle.load(path).items() if name.startswith("blobs/")}
        for path in (one.path, tmp_path / "back")
    )
    assert after == before


def test_what_refers_to_an_image_in_a_folder_of_ours_is_found(cli_call: Call, tmp_path: Path) -> None:
    """This registry has no Referrers API, so clients look under the tag that lists them."""
    image = build.Image(layers=[build.layer({"a": b"a"}, "gzip")]).node()
    note = build.artifact(b"note", "application/vnd.example.note", subject=image)
    source = write_folder(tmp_path / "layout", build.layout(image.named("docker.io/corpus/app:1"), note))
    told(cli_call("convert", source, tmp_path / "data", "--to", "registry-storage"))
    with serving(tmp_path / "data", tmp_path / "run") as address:
        tag = image.digest.replace(":", "-")
        url, accept = f"http://{address}/v2/corpus/app/manifests/{tag}", {"Accept": build.OCI_INDEX}
        with urllib.request.urlopen(urllib.request.Request(url, headers=accept), timeout=30) as answer:
            (entry,) = json.loads(answer.read())["manifests"]
        assert (entry["digest"], entry["artifactType"]) == (note.digest, "application/vnd.example.note")
        facts = told(cli_call("audit", f"docker://{address}/corpus/app:1", "--format", "json")).archive()
        assert [one["manifest"] for one in facts["artifacts"]] == [note.digest]
