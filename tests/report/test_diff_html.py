"""The comparison for people: valid, in the look of the audit's report, complete, the same every time."""

import base64
import hashlib
import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support import build, faulty
from tests.support.build import AMD64, ARM64, Image, attestation, index, layer, layout
from tests.support.call import Call, told
from tests.support.pages import HTML, check_structure, parsed, words
from tests.support.tar import write_tar

BASE = layer({"etc/base": b"base", "etc/config": b"1"}, "gzip")
NEXT = layer({"etc/base": b"base", "etc/config": b"2", "etc/<new>": b"3"}, "zstd")
EVIL = {"config": {"User": faulty.HOSTILE}, "history": [{"created_by": faulty.HOSTILE}]}
TRUTHS = ("docker20-two-images.tar", "buildx-oci-attested.tar", "skopeo-dir", "oras-artifact", "ctr-export-sparse.tar")


pytestmark = pytest.mark.usefixtures("epoch")


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    one = Image(layers=[BASE], manifest_members={"annotations": {"a": "1"}})
    other = Image(layers=[NEXT], config_members=EVIL, manifest_members={"annotations": {"a": faulty.HOSTILE}})
    paths = []
    for name, image, arm in (("old.tar", one, False), ("new.tar", other, True)):
        node = image.node(platform=AMD64.members())
        nodes = [node, attestation(node)]
        if arm:
            nodes.append(replace(image, platform=ARM64).node(platform=ARM64.members()))
        paths.append(write_tar(tmp_path / name, layout(index(nodes).named("docker.io/corpus/app:1.0", "1.0"))))
    return paths[0], paths[1]


@pytest.mark.parametrize("options", [(), ("--files",)])
def test_it_is_valid_and_says_all(options: tuple[str, ...], pair: tuple[Path, Path], cli_call: Call) -> None:
    text = told(cli_call("diff", *pair, "--format", "html", *options), 1).stdout
    page = parsed(text)
    check_structure(page)
    assert text.isascii()
    assert "<script" not in text
    read = words(page)
    assert "1 image changed in layers and config, 1 only in the second" in read
    assert "1 annotation differs and 1 attestation or artifact differs" in read
    for digest in (BASE.diff_id, NEXT.digest, Image(layers=[BASE]).image_id):
        assert digest in read
    assert "/config/User" in read
    assert "2023-11-14 22:13:20" in read
    assert ("etc/<new>" in read) == bool(options)


@pytest.mark.parametrize("name", TRUTHS)
def test_corpus_pages_are_valid(name: str, corpus: Path, cli_call: Call) -> None:
    for other in (name, "docker26-containerd-multi.tar"):
        check_structure(parsed(cli_call("diff", corpus / name, corpus / other, "--format", "html", "--files").stdout))


def test_the_policy_lets_nothing_in_but_the_style(pair: tuple[Path, Path], cli_call: Call) -> None:
    text = cli_call("diff", *pair, "--format", "html").stdout
    (policy,) = [one.get("content") or "" for one in parsed(text).iter(f"{HTML}meta") if one.get("http-equiv")]
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert policy.startswith("default-src 'none'; ")
    assert f"'sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}'" in policy


def test_the_same_call_gives_the_same_bytes(pair: tuple[Path, Path], cli_call: Call) -> None:
    pages = {cli_call("diff", *pair, "--format", "html", "--files", "--jobs", n).raw for n in ("1", "4")}
    assert len(pages) == 1


def test_it_says_how_to_check_itself(pair: tuple[Path, Path], cli_call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["ociarchive", "diff", *map(str, pair), "--format", "html", "--output=x.html"])
    page = parsed(cli_call("diff", *pair, "--format", "html").stdout)
    commands = [(one.text or "").split("\n") for one in page.iter(f"{HTML}code") if one.get("class") == "command"]
    for path, command in zip(pair, commands, strict=False):
        assert command == [f"sha256sum {path}", hashlib.sha256(path.read_bytes()).hexdigest()]
    again, digest = commands[2]
    assert shlex.split(again) == ["ociarchive", "diff", "--format", "json", *map(str, pair), "|", "sha256sum"]
    assert digest == hashlib.sha256(cli_call("diff", *pair, "--format", "json").raw).hexdigest()


def test_the_same_is_said_with_its_proof(pair: tuple[Path, Path], cli_call: Call) -> None:
    read = words(parsed(told(cli_call("diff", pair[0], pair[0], "--format", "html")).stdout))
    assert "SAME Both hold the same image, packed alike." in read
    assert "1 of 1 layer and 1 of 1 layer proved to unpack" in read
    assert build.hexed(BASE.digest) in read
