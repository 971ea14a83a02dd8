"""The man pages say what the help says, and roff reads them."""

import shutil
import subprocess
from pathlib import Path

import pytest

from ociarchive.cli.app import COMMANDS
from release.manpages import MAN, pages

PAGES = sorted(MAN.glob("*.1"))


def test_the_pages_are_those_of_the_commands_as_they_are() -> None:
    kept = {path.name: path.read_text() for path in PAGES}
    assert kept == pages(), "run `python -m release.manpages`"
    assert set(kept) == {"ociarchive.1", *(f"ociarchive-{name}.1" for name in COMMANDS)}


def test_every_option_of_the_help_is_there() -> None:
    text = (MAN / "ociarchive-convert.1").read_text()
    assert ".B \\-\\-preserve\\-digests\n" in text
    assert ".B \\-\\-compression [auto|keep|gzip|zstd|none]\n" in text
    assert ".B \\-q, \\-\\-quiet\n" in text
    assert ".B \\-h, \\-\\-help\n" in text


@pytest.mark.interop
@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_mandoc_finds_no_fault(path: Path) -> None:
    if shutil.which("mandoc") is None:
        pytest.skip("not there: mandoc")
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", path], capture_output=True, text=True, check=False)
    # A page that bore a date would differ from build to build.
    assert [line for line in done.stdout.splitlines() if "missing date" not in line] == []


@pytest.mark.interop
def test_a_page_reads_well() -> None:
    if shutil.which("mandoc") is None:
        pytest.skip("not there: mandoc")
    shown = subprocess.run(
        ["mandoc", "-T", "ascii", "-O", "width=80", MAN / "ociarchive-convert.1"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    plain = "".join(char for at, char in enumerate(shown) if char != "\b" and shown[at + 1 : at + 2] != "\b")
    assert "     ociarchive convert [OPTIONS] SOURCE... DEST\n" in plain.replace("       ", "     ")
    assert "ociarchive convert app.tar app-layout --to oci-layout\n" in plain
    assert "ociarchive(1), ociarchive-audit(1)" in plain
