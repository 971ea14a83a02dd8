"""What an audit of a folder looks at: archives in it and below, not what is hidden; notes beside them are none."""

import os
from pathlib import Path

import pytest

from ociarchive.blobio.filetype import HEAD
from ociarchive.blobio.limits import LimitError, Limits
from ociarchive.errors import ContentError
from ociarchive.opening import open_archive
from ociarchive.opening.folders import archives_below, is_text
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
}


@pytest.mark.parametrize("name", TEXTS)
def test_is_text(name: str, tmp_path: Path) -> None:
    content, expected = TEXTS[name]
    path = tmp_path / "file"
    path.write_bytes(content)
    assert is_text(str(path)) is expected
    assert not is_text(str(tmp_path))
    assert not is_text(str(tmp_path / "absent"))


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
