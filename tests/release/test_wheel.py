"""The wheel: what is in it, and that its bytes come from the tree alone."""

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from ociarchive.cli.app import COMMANDS
from ociarchive.version import VERSION
from release.wheels import ROOT

SOURCES = ("ociarchive", "man", "pyproject.toml", "README.md", "LICENSE", ".gitignore")


def build(root: Path, dest: Path, *, umask: int, epoch: str = "1700000000") -> Path:
    """Build the wheel of the tree at `root` under a umask."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", dest],
        cwd=root,
        umask=umask,
        env={**os.environ, "SOURCE_DATE_EPOCH": epoch},
        capture_output=True,
        timeout=120,
        check=True,
    )
    (wheel,) = dest.glob("*.whl")
    return wheel


def copied(dest: Path, *, at: int) -> Path:
    """Copy what the wheel is made of, each file changed last `at` so many seconds after 1970."""
    dest.mkdir(parents=True)
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, dest / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, dest / name)
    for path in dest.rglob("*"):
        os.utime(path, (at, at))
    return dest


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    return build(copied(folder / "tree", at=1), folder / "dist", umask=0o022)


def test_two_builds_give_the_same_bytes(wheel: Path, tmp_path: Path) -> None:
    again = build(copied(tmp_path / "elsewhere" / "tree", at=1600000000), tmp_path / "dist", umask=0o077)
    assert sha256(again) == sha256(wheel)


def test_the_time_in_it_is_the_one_that_was_asked_for(wheel: Path, tmp_path: Path) -> None:
    other = build(copied(tmp_path / "tree", at=1), tmp_path / "dist", umask=0o022, epoch="1600000000")
    assert sha256(other) != sha256(wheel)


def test_it_bears_the_version_that_the_program_tells(wheel: Path) -> None:
    assert wheel.name == f"ociarchive-{VERSION}-py3-none-any.whl"


def test_everything_that_is_read_at_run_time_is_in_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    package = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "ociarchive").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert package <= names
    assert "ociarchive/py.typed" in names
    pages = {name.rpartition("/")[2] for name in names if ".data/data/share/man/man1/" in name}
    assert pages == {"ociarchive.1", *(f"ociarchive-{name}.1" for name in COMMANDS)}
    assert {name.split("/")[0].split("-")[0] for name in names} == {"ociarchive"}
