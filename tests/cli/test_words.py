"""What a call says of its surroundings and of the documents it names: a sentence, the right status, no waiting."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.support import build
from tests.support.build import Image, layer
from tests.support.call import Call, refused, told
from tests.support.forking import shared
from tests.support.tar import write_folder, write_tar

NODE = Image(layers=[layer({"a": b"a"}, "gzip")]).node().named("docker.io/corpus/app:1.0", "1.0")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_tar(tmp_path / "app.tar", build.layout(NODE))


@pytest.mark.parametrize("epoch", ["²", "99999999999999", "253402300800", "9" * 5000, "-5", "soon", "1e9", " 1"])
def test_a_time_that_is_none_is_the_calls_fault(
    epoch: str, source: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    for form in ("html", "sarif", "junit"):
        line = refused(cli_call("audit", source, "--format", form), 2)
        assert "SOURCE_DATE_EPOCH is no time" in line
        assert len(line) < 300
    assert "SOURCE_DATE_EPOCH" in refused(cli_call("diff", source, source, "--format", "html"), 2)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "253402300799")
    assert "9999-12-31" in told(cli_call("audit", source, "--format", "html")).stdout


WRONG: dict[str, object] = {
    "empty": {},
    "of-another": {"schema_version": 1, "tool": {"name": "other"}, "layers": []},
    "of-nothing": {"manifests": [], "indexes": [], "configs": [], "layers": []},
    "without-lists": {"manifests": None},
    "of-numbers": {"layers": [1]},
    "of-no-descriptors": {"layers": [{"new": {"digest": "sha256:1"}}]},
    "of-no-digests": {"layers": [{"old": None, "new": {"mediaType": "a", "digest": "nonsense", "size": 1}}]},
    "of-odd-sizes": {"configs": [{"new": {"mediaType": "a", "digest": f"sha256:{'0' * 64}", "size": True}}]},
    "of-odd-diff-ids": {"diff_id": "nonsense"},
    "version": {"schema_version": True},
}


@pytest.mark.parametrize("name", WRONG)
def test_a_receipt_of_nonsense_is_none(name: str, source: Path, tmp_path: Path, cli_call: Call) -> None:
    receipt = tmp_path / "r.json"
    told(cli_call("convert", source, tmp_path / "dest", "--to", "oci-layout", "--no-sync", "--receipt", receipt))
    told(cli_call("audit", tmp_path / "dest", "--receipt", receipt))
    value = json.loads(receipt.read_text())
    change = WRONG[name]
    assert isinstance(change, dict)
    if name in ("empty", "of-another"):
        value = change
    elif name == "of-odd-diff-ids":
        value["layers"][0] |= change
    else:
        value |= change
    receipt.write_text(json.dumps(value))
    assert "not a conversion's receipt" in refused(cli_call("audit", tmp_path / "dest", "--receipt", receipt), 1)


@pytest.mark.parametrize("option", ["--receipt", "--config"])
def test_a_document_is_a_regular_file(option: str, source: Path, tmp_path: Path, cli_call: Call) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/null"), tmp_path):
        assert "expected a regular file" in refused(cli_call("audit", source, option, path), 2)
    assert "no such file" in refused(cli_call("audit", source, option, tmp_path / "none"), 2)


@pytest.mark.parametrize("text", [f"strict = {'[' * 5000}", f"strict = {'1' * 5000}", "#" * (5 << 20)])
def test_settings_that_cannot_be_read_are_settings(text: str, source: Path, tmp_path: Path, cli_call: Call) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(text)
    line = refused(cli_call("audit", source, "--config", path), 2)
    assert f"({path})" in line
    assert "archive nests" not in line


def test_a_verification_that_fails_is_one_error(tmp_path: Path, cli_call: Call) -> None:
    wrong = build.layout(NODE)
    folder = write_folder(tmp_path / "wrong", wrong)
    for path in (folder / "blobs/sha256").iterdir():
        content = path.read_bytes()
        if content[:1] != b"{":
            path.write_bytes(content[:-1] + b"?")
    result = cli_call("inspect", folder, "--verify")
    assert "fails its verification" in refused(result, 1)
    assert result.stderr.count("finding: error: ") >= 2
    quiet = cli_call("inspect", folder, "--verify", "-q")
    assert quiet.stderr.count("\n") == 1
    assert "fails its verification" in refused(quiet, 1)


def test_a_removed_folder_is_named(source: Path, tmp_path: Path) -> None:
    gone = tmp_path / "gone"

    def called(*args: str | Path) -> subprocess.CompletedProcess[str]:
        gone.mkdir()
        command = ["sh", "-c", 'cd "$1" && rmdir "$1" && shift && exec "$@"', "sh", gone, *shared().command, *args]
        return subprocess.run(command, check=False, capture_output=True, text=True)

    for args in (("audit", source), ("audit", source, "--no-config", "--format", "sarif"), ("doctor",)):
        done = called(*args)
        assert (done.returncode, done.stdout) == (3, "")
        assert done.stderr == f"error: cannot tell the current folder: No such file or directory ({gone})\n"
    done = called("audit", source, "--no-config")
    assert done.returncode == 0, done.stderr
