"""Runs of plain headers: which extended headers are read with them, and which are left to the careful reader."""

import io
import tarfile

import pytest

from ociarchive.container.plainheaders import PlainHeaders

LONG = "d" * 90 + "/" + "f" * 60


def tar(*names: str, form: int) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as file:
        for name in names:
            file.addfile(tarfile.TarInfo(name))
    return out.getvalue()


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_do_not_end_a_run(form: int) -> None:
    run = PlainHeaders().run(tar("a", LONG, "b", LONG + "2", form=form), 0)
    assert [name.rstrip(b"\0").decode() for name in run.names] == ["a", LONG, "b", LONG + "2"]


@pytest.mark.parametrize("content", [b"a\0b", b"abc", b"\0", b"", b"ab\0\0"], ids=repr)
def test_a_gnu_name_that_readers_may_take_otherwise_ends_a_run(content: bytes) -> None:
    data = tar("first", form=tarfile.GNU_FORMAT)[:512]
    head = tarfile.TarInfo("././@LongLink")
    head.type, head.size = tarfile.GNUTYPE_LONGNAME, len(content)
    data += head.tobuf(tarfile.GNU_FORMAT) + content.ljust(512 if content else 0, b"\0")
    data += tar("a", form=tarfile.GNU_FORMAT)
    assert PlainHeaders().run(data, 0).names == [b"first".ljust(100, b"\0")]


def test_a_gnu_name_whose_member_is_in_the_next_piece_ends_a_run() -> None:
    data = tar("a", LONG, form=tarfile.GNU_FORMAT)
    run = PlainHeaders().run(data[: 3 * 512], 0)
    assert (run.names, run.at) == ([b"a".ljust(100, b"\0")], 512)
