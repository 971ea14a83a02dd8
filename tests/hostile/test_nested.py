"""Folders in folders, as deep as a path may lead: to look at each on the way to each takes the cube of their number."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hostile.parts import laid_out
from tests.hostile.process import bounded, run
from tests.support.tar import write_tar

_DEEP = 1900


@pytest.fixture
def deepest(tmp_path: Path) -> Iterator[str]:
    """Make folders one below the other, and remove them from the deepest on: others that do would recurse."""
    top = tmp_path / "top"
    top.mkdir()
    before = os.getcwd()
    os.chdir(top)
    for _ in range(_DEEP):
        os.mkdir("d")
        os.chdir("d")
    yield "/".join(["d"] * _DEEP)
    for name in os.listdir("."):
        os.unlink(name)
    for _ in range(_DEEP):
        os.chdir("..")
        os.rmdir("d")
    os.chdir(before)


def test_an_archive_in_the_deepest_folder(tmp_path: Path, deepest: str) -> None:
    write_tar(Path("a.tar"), laid_out())
    call = ("audit", "--recursive", tmp_path / "top", "--jobs", "2", "--format", "json")
    for words in ((), ("--catalogue", tmp_path / "c.db"), ("--catalogue", tmp_path / "c.db")):
        ended = run(*call, *words, place=tmp_path)
        bounded(ended, 0)
        assert f"{deepest}/a.tar" in ended.stdout.decode()
