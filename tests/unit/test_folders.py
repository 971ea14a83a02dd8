"""What an audit of a folder looks at: archives in it and below, not what is hidden; notes beside them are none."""

import errno
import inspect
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from ociarchive.blobio.filetype import HEAD
from ociarchive.blobio.limits import LimitError, Limits
from ociarchive.errors import ContentError
from ociarchive.opening import open_archive
from ociarchive.opening.folders import archives_below, no_archive
from tests.support import build
from tests.support.build import Image, gzipped, layer, packed
from tests.support.call import Call, told
from tests.support.tar import file, tar, write_folder, write_tar

NODE = Image(layers=[layer({"a": b"a"}, "gzip")]).node().named("docker.io/corpus/app:1")


def test_archives_below(tmp_path: Path) -> None:
    write_tar(tmp_path / "b.tar", build.layout(NODE))
    write_tar(tmp_path / ".hidden.tar", build.layout(NODE))
    write_folder(tmp_path / "a", build.layout(NODE))
    write_folder(tmp_path / "deep" / "er" / "c", build.layout(NODE))
    write_folder(tmp_path / ".git" / "d", build.layout(NODE))
    (tmp_path / "note.txt").write_text("note")
    found = [str(Path(one).relative_to(tmp_path)) for one in archives_below(str(tmp_path))]
    assert found == ["a", "b.tar", "deep/er/c", "note.txt"]
    assert list(archives_below(str(tmp_path / "a"))) == [str(tmp_path / "a")]


@pytest.mark.parametrize("progress", ["--progress", "--no-progress"])
def test_a_link_in_a_circle_is_skipped_as_one_to_nothing_is(progress: str, tmp_path: Path, cli_call: Call) -> None:
    for name in ("a.tar", "z.tar"):
        write_tar(tmp_path / name, build.layout(NODE))
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "nothing").symlink_to("nowhere")
    result = told(cli_call("audit", "--format", "json", "--recursive", progress, tmp_path))
    assert [one["source"] for one in result.json()["archives"]] == [str(tmp_path / "a.tar"), str(tmp_path / "z.tar")]


def test_what_may_not_be_looked_at_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.tar", "z.tar"):
        write_tar(tmp_path / name, build.layout(NODE))
    (tmp_path / "locked").mkdir()
    scandir = os.scandir

    def refusing(path: Any) -> Any:  # noqa: ANN401  as os.scandir
        if str(path).endswith("locked"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    assert list(archives_below(str(tmp_path))) == [str(tmp_path / name) for name in ("a.tar", "locked", "z.tar")]


def test_folders_are_searched_without_recursion(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["d"] * 150)
    write_folder(deep / "a", build.layout(NODE))
    usual, here = sys.getrecursionlimit(), len(inspect.stack(0))
    sys.setrecursionlimit(here + 120)
    try:
        assert list(archives_below(str(tmp_path))) == [str(deep / "a")]
    finally:
        sys.setrecursionlimit(usual)


# name: a file's content, whether it is text
TEXTS: dict[str, tuple[bytes, bool]] = {
    "checksums": (b"0123  a.tar\r\n4567\tb.tar\n", True),
    "utf-8": ("für Prüfsummen".encode(), True),
    "nothing": (b"", False),
    "zeros": (bytes(600), False),
    "a-control-character": (b"text\x07", False),
    "no-utf-8": (b"text \xff and more", False),
    "a-letter-that-is-cut-where-reading-ends": (b"x" * (HEAD - 1) + "ü".encode() * 9, True),
    "a-letter-that-is-cut-at-the-end": (b"x" + "ü".encode()[:1], True),
    "tar": (tar([file("a", b"a")]), False),
    "list-of-parts": (b'{"schema_version":1,"name":"a.tar","part_size":9,"parts":[]}', False),
    "receipt-with-parts": (b'{"schema_version":1,"tool":{"name":"ociarchive"},"destination":{"parts":[]}}', True),
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_is_no_archive(name: str, tmp_path: Path) -> None:
    content, expected = TEXTS[name]
    path = tmp_path / "file"
    path.write_bytes(content)
    assert no_archive(str(path)) == ("a text file" if expected else None)
    assert no_archive(str(tmp_path)) is None
    assert no_archive(str(tmp_path / "absent")) is None


CATALOGUE = b"SQLite format 3\0".ljust(68, b"\1") + b"OCIA"
WAL, SHM, JOURNAL = (bytes.fromhex(head) for head in ("377f0682", "18e22d00", "d9d505f920a163d7"))
# name: the name and the content of a file beside the catalogue a.db, and what it is
KEPT: dict[str, tuple[str, bytes, str | None]] = {
    "catalogue": ("b", CATALOGUE + bytes(100), "a catalogue of ociarchive"),
    "database-of-others": ("b.db", CATALOGUE.replace(b"OCIA", b"OCIB"), None),
    "no-database": ("b.db", CATALOGUE.replace(b"SQL", b"sql"), None),
    "tar-whose-first-name-looks-like-one": ("b.db", CATALOGUE.ljust(257, b"\0") + b"ustar\x0000", None),
    "log": ("a.db-wal", WAL + b"\0", "a file of a catalogue of ociarchive"),
    "log-that-is-empty": ("a.db-wal", b"", "a file of a catalogue of ociarchive"),
    "index-of-the-log": ("a.db-shm", SHM + b"\0", "a file of a catalogue of ociarchive"),
    "journal": ("a.db-journal", JOURNAL, "a file of a catalogue of ociarchive"),
    "journal-that-is-done": ("a.db-journal", bytes(600), "a file of a catalogue of ociarchive"),
    "log-of-no-catalogue": ("c.db-wal", WAL, None),
    "archive-that-is-called-like-one": ("a.db-wal", tar([file("a", b"a")]), None),
    "log-that-is-called-otherwise": ("a.db-log", WAL, None),
}


@pytest.mark.parametrize("name", KEPT)
def test_a_catalogue_is_no_archive(name: str, tmp_path: Path) -> None:
    path, content, expected = KEPT[name]
    (tmp_path / "a.db").write_bytes(CATALOGUE + bytes(100))
    (tmp_path / path).write_bytes(content)
    assert no_archive(str(tmp_path / path)) == expected


def test_messages_name_the_number_of_a_layer(tmp_path: Path, cli_call: Call) -> None:
    cut = packed(tar([file("held", b"1" * 3000)])[:1500], "gzip")
    path = write_tar(tmp_path / "a.tar", build.layout(Image(layers=[layer({"a": b"a"}, "gzip"), cut]).node()))
    findings = told(cli_call("audit", "--no-config", "--format", "json", path), 1).archive()["findings"]
    (message,) = [one["message"] for one in findings if one["severity"] == "error"]
    assert message.startswith("layer 2, byte 1500 of what it unpacks to: ")


def open_files() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


def test_a_file_that_cannot_be_read_as_an_archive_is_closed(tmp_path: Path) -> None:
    path, content = tmp_path / "a.tar", b"x" * 600
    for _ in range(Limits().outer + 2):
        content = gzipped(content)
    path.write_bytes(content)
    before = open_files()
    with pytest.raises(LimitError, match="times over"):
        open_archive(str(path))
    assert open_files() == before


def test_a_file_that_becomes_a_pipe_while_it_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_tar(tmp_path / "a.tar", build.layout(NODE))
    before, ends = open_files(), os.pipe()
    opened = os.open

    def exchanged(name: str, *rest: int, **options: int) -> int:
        return os.dup(ends[0]) if name == str(path) else opened(name, *rest, **options)

    monkeypatch.setattr(os, "open", exchanged)
    with pytest.raises(ContentError, match="exchanged for another"):
        open_archive(str(path))
    for end in ends:
        os.close(end)
    assert open_files() == before
