"""The real path of something, as `os.path.realpath` has it, with no look at each folder on the way."""

import os
from pathlib import Path

import pytest

from ociarchive.blobio.realpath import real


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/file").write_bytes(b"x")
    os.link("a/file", "same")
    for name, target in {"link": "a/b", "up": "a/b/../file", "dangling": "a/none", "loop": "loop", "root": "/"}.items():
        os.symlink(target, name)
    return tmp_path


@pytest.mark.parametrize(
    "path",
    [
        "", ".", "a", "a/", "a/file", "same", "link", "link/..", "link/../file", "up", "a//b/./..",
        "root", "root/..", "/", "dangling", "dangling/x", "none", "a/none/..", "a/file/x", "loop", "loop/x",
        "/dev/null", "/dev/fd/0", "/proc/self", "a\udc80", "a" * 5000, "a/" * 3000,
    ],
)  # fmt: skip
def test_it_is_that_of_the_library(place: Path, path: str) -> None:
    assert real(path) == os.path.realpath(path)
    assert real(str(place / path)) == os.path.realpath(place / path)


def test_what_is_gone(place: Path) -> None:
    with (place / "a/file").open("rb") as file:
        (place / "a/file").unlink()
        path = f"/proc/self/fd/{file.fileno()}"
        assert real(path) == os.path.realpath(path)


def test_no_path_at_all() -> None:
    with pytest.raises(ValueError, match="null"):
        real("a\0b")


def test_no_folder_on_the_way_is_looked_at(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "lstat", None)
    assert real("link") == f"{os.path.abspath(place)}/a/b"


def test_no_proc(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readlink = os.readlink

    def none(path: str, **where: int) -> str:
        if path.startswith("/proc/self/fd"):
            raise FileNotFoundError(path)
        return readlink(path, **where)

    monkeypatch.setattr(os, "readlink", none)
    assert real("up") == f"{os.path.abspath(place)}/a/file"
