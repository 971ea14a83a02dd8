"""What terminals that can do little get, and files: no colour and no drawing that they cannot show."""

import re
from io import StringIO
from pathlib import Path

import pytest

from ociarchive.cli.common import Common
from ociarchive.cli.progress import Bars, Lines, progress
from tests.support import build
from tests.support.build import Image, layer
from tests.support.call import Call, Run, told
from tests.support.tar import write_tar
from tests.support.terminal import on_a_terminal

IMAGE = Image(layers=[layer({"a…b": b"a"}, "gzip"), layer({"b": b"b" * 5000}, "gzip")])
NODE = IMAGE.node().named("docker.io/corpus/app:1.0", "1.0")
LONG = "a-folder-with-a-long-name-" * 4


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / LONG).mkdir()
    return write_tar(tmp_path / LONG / "app.tar", build.layout(NODE, strays=[b"x"]))


@pytest.mark.parametrize("command", ["audit", "diff", "catalogue"])
def test_a_file_has_no_colours(
    command: str, source: Path, tmp_path: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    db, out = tmp_path / "c.db", tmp_path / "out"
    told(cli_call("audit", source, "--catalogue", db))
    monkeypatch.setenv("FORCE_COLOR", "1")
    sources = {"audit": [source], "diff": [source, source], "catalogue": [db]}[command]
    for color in ("auto", "always"):
        told(cli_call(command, *sources, "--color", color, "--output", out, "--force"))
        assert "\x1b" not in out.read_text()
        assert "\\x1b" not in out.read_text()
    if command == "audit":
        told(cli_call(command, *sources, "--report", f"table={tmp_path / 'report'}"))
        assert "\x1b" not in (tmp_path / "report").read_text()
    if command != "catalogue":
        for output in ((), ("--output", "-")):
            assert "\x1b[" in told(cli_call(command, *sources, *output)).stdout


def test_a_dumb_terminal_gets_no_colours(source: Path) -> None:
    for term, color, coloured in (("xterm", "auto", True), ("dumb", "auto", False), ("dumb", "always", True)):
        status, shown = on_a_terminal("audit", source, "--color", color, TERM=term, NO_COLOR="")
        assert (status, "\x1b[" in shown) == (0, coloured), (term, color)


@pytest.mark.parametrize(("term", "kind"), [("xterm", Bars), ("dumb", Lines), ("unknown", Lines)])
def test_a_terminal_that_cannot_write_a_line_again_gets_no_bars(
    term: str, kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr("sys.stderr", Terminal())
    with progress(Common(quiet=False, verbose=0, progress=None, color="auto")) as hears:
        assert type(hears) is kind


class Terminal(StringIO):
    """Says that it is a terminal."""

    def isatty(self) -> bool:
        """Give True."""
        return True


def test_what_has_no_boxes_gets_ascii_everywhere(source: Path, tmp_path: Path, run_cli: Run) -> None:
    plain = {"PYTHONIOENCODING": "ascii", "COLUMNS": "80"}
    calls = (("audit", source), ("diff", source, source), ("inspect", source), ("audit", source, source.with_name("n")))
    for call in calls:
        result = run_cli(*call, env=plain)
        shown = result.stdout + result.stderr
        assert shown.isascii()
        assert not re.search(r"\\u2[0-9a-f]{3}", shown), call
        assert call[0] == "inspect" or "~" in result.stdout
    dest = tmp_path / "dest"
    result = told(run_cli("convert", source, dest, "--to", "oci-layout", env=plain | {"COLUMNS": "60"}))
    assert "~" in result.stderr
    assert "\\u2026" not in result.stderr


def test_a_name_is_never_changed_into_another(source: Path, run_cli: Run) -> None:
    """What stands for an ellipsis of ours is no character of a file's name."""
    plain = {"PYTHONIOENCODING": "ascii"}
    assert "a\\u2026b" in told(run_cli("inspect", source, "--files", env=plain)).stdout
