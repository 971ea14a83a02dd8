"""Where results go: never over what they speak of, and never nothing where a program reads them."""

import json
from pathlib import Path

import pytest

from tests.support import build
from tests.support.build import Image, layer
from tests.support.call import Call, refused, told
from tests.support.tar import write_folder, write_tar

NODE = Image(layers=[layer({"a": b"a"}, "gzip")]).node().named("docker.io/corpus/app:1.0", "1.0")


@pytest.fixture
def tar(tmp_path: Path) -> Path:
    return write_tar(tmp_path / "app.tar", build.layout(NODE))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "app", build.layout(NODE))


@pytest.mark.parametrize("command", ["audit", "inspect", "diff"])
def test_a_result_never_overwrites_what_it_speaks_of(command: str, tar: Path, folder: Path, cli_call: Call) -> None:
    sources = [tar, folder] if command == "diff" else [tar]
    before = tar.read_bytes(), (folder / "index.json").read_bytes()
    for output in (tar, tar.parent / "." / "app.tar"):
        assert "would overwrite" in refused(cli_call(command, *sources, "--output", output), 2)
    if command != "diff":
        sources = [folder]
    for output in (folder / "index.json", folder / "report.json"):
        assert "would overwrite" in refused(cli_call(command, *sources, "--output", output), 2)
    assert (tar.read_bytes(), (folder / "index.json").read_bytes()) == before
    assert not (folder / "report.json").exists()


def test_a_folder_without_archives_is_not_passed(tmp_path: Path, cli_call: Call) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    result = cli_call("audit", empty, "--recursive", "--format", "json")
    assert result.status == 2
    assert "no archive lies below this folder" in result.stderr
    assert json.loads(result.stdout)["archives"] == []


def test_what_could_not_be_audited_stands_in_the_verdict(tmp_path: Path, tar: Path, cli_call: Call) -> None:
    result = cli_call("audit", tar, tmp_path / "nope.tar")
    assert result.status == 2
    assert "PASS  0 errors" not in result.stdout
    assert "every claim holds" not in result.stdout
    assert f"not audited: {tmp_path / 'nope.tar'}" in result.stdout
    told(cli_call("audit", tar), 0)


def test_a_digest_that_is_cut_is_told_as_such(tar: Path, cli_call: Call) -> None:
    short = NODE.digest[:19]
    assert "no whole digest" in refused(cli_call("inspect", f"{tar}#{short}"), 2)
