"""Every image of the corpus goes into Debian's registry and comes back: no manifest's digest changes."""

import json
import shutil
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import truth
from tests.support.build import build_cache, layer, layout
from tests.support.call import Call, refused, told
from tests.support.registry.debian import docker_registry
from tests.support.tar import write_folder

pytestmark = pytest.mark.interop
TRUTHS = truth.load()
#: An index that names manifests that are not here: this registry takes none such, others do.
SPARSE = "ctr-export-sparse.tar"


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with docker_registry(tmp_path_factory.mktemp("debian")) as address:
        yield address


def known(receipt: Path) -> set[str]:
    """Give the digests of all manifests and indexes that a conversion wrote."""
    found = json.loads(receipt.read_text())
    return {change["new"]["digest"] for kind in ("manifests", "indexes") for change in found[kind]}


@pytest.mark.parametrize("name", sorted(TRUTHS))
def test_an_archive_comes_back(name: str, debian: str, cli_call: Call, tmp_path: Path) -> None:
    source = TRUTHS[name].path
    there = f"docker://{debian}/corpus/{name.lower()}"
    part = ("--platform", "linux/amd64") if name == SPARSE else ()
    pushed = cli_call("convert", source, there, "--receipt", tmp_path / "pushed.json", *part)
    told(pushed)
    tags = [
        one.rpartition(":")[2] for one in json.loads((tmp_path / "pushed.json").read_text())["destination"]["names"]
    ]
    assert tags
    back: set[str] = set()
    for tag in tags:
        dest, receipt = tmp_path / f"back-{tag}", tmp_path / f"{tag}.json"
        told(cli_call("convert", f"{there}:{tag}", dest, "--to", "oci-layout", "--receipt", receipt))
        document = json.loads(receipt.read_text())
        changes = [*document["manifests"], *document["indexes"]]
        assert [one["old"]["digest"] for one in changes] == [one["new"]["digest"] for one in changes]
        back |= known(receipt)
        shutil.rmtree(dest)
    # This registry lists no referrers: an index under a tag of the subject's digest does, and comes back as well.
    extra = {f"{tag}" for tag in listed(debian, f"corpus/{name.lower()}") if tag.startswith("sha256-")}
    assert len(back - known(tmp_path / "pushed.json")) == len(extra)
    assert known(tmp_path / "pushed.json") <= back


def test_a_build_cache_comes_back(debian: str, cli_call: Call, tmp_path: Path) -> None:
    cache = build_cache([layer({"a": b"a"}, "gzip"), layer({"b": b"b"}, "gzip")])
    source = write_folder(tmp_path / "source", layout(cache))
    options = ("--to", "registry-storage", "--tag", "corpus/app:cache", "--no-sync")
    told(cli_call("convert", source, tmp_path / "folder", *options))
    with docker_registry(tmp_path, tmp_path / "folder") as other:
        for number, address in enumerate((debian, other)):
            there = f"docker://{address}/corpus/app:cache"
            if address == debian:
                told(cli_call("convert", source, there))
            told(cli_call("convert", there, tmp_path / f"{number}", "--to", "oci-layout", "--no-sync"))
            kept = {f"sha256:{one.name}" for one in (tmp_path / f"{number}/blobs/sha256").iterdir()}
            assert kept == set(cache.blobs)


def listed(address: str, repository: str) -> list[str]:
    """Give the tags of a repository."""
    with urllib.request.urlopen(f"http://{address}/v2/{repository}/tags/list", timeout=10) as answer:
        tags: list[str] = json.loads(answer.read())["tags"]
    return tags


def test_a_sparse_index_is_refused_with_a_way_out(debian: str, cli_call: Call) -> None:
    line = refused(cli_call("convert", TRUTHS[SPARSE].path, f"docker://{debian}/sparse:1"), 2)
    assert "MANIFEST_BLOB_UNKNOWN" in line
    assert "--platform takes those that are" in line
    assert "has no image 1" in refused(cli_call("inspect", f"docker://{debian}/sparse:1"), 2)
