"""The shelf: what waits there comes back whole and in order, and room is used again."""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ociarchive.blobio import reorder
from ociarchive.blobio.randomfile import OpenFile
from ociarchive.blobio.reorder import PIECE, Shelf, Stock
from ociarchive.errors import HostError


def content(stock: Stock) -> bytes:
    fd = os.memfd_create("out")
    try:
        end = stock.copy_to(OpenFile(fd, "a.tar"), 3)
        raw = os.pread(fd, 1 << 30, 0)
        assert end == max(len(raw), 3)
        assert raw[:3] in (bytes(3), b"")
        return raw[3:]
    finally:
        os.close(fd)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 40), st.booleans()), max_size=60), st.booleans())
def test_stocks_do_not_mix(steps: list[tuple[int, int, bool]], in_kernel: bool) -> None:
    """Small pieces, so that stocks interleave; some are cleared and filled anew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reorder, "PIECE", 16)
        if not in_kernel:
            patch.setattr(os, "copy_file_range", cannot(errno.EXDEV))
        one = Shelf(None, "a.tar")
        try:
            stocks = [one.stock() for _ in range(3)]
            expected = [b"", b"", b""]
            for number, (which, length, clear) in enumerate(steps):
                if clear:
                    stocks[which].clear()
                    expected[which] = b""
                data = bytes([number]) * length
                stocks[which].write(data)
                expected[which] += data
            assert [content(stock) for stock in stocks] == expected
        finally:
            one.close()


def cannot(number: int) -> object:
    def copy_file_range(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    return copy_file_range


def test_a_kernel_that_copies_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "copy_file_range", lambda *_: 0)
    one = Shelf(None, "a.tar")
    stock = one.stock()
    stock.write(b"x" * (PIECE + 5))
    assert content(stock) == b"x" * (PIECE + 5)
    one.close()


def test_room_is_used_again() -> None:
    one = Shelf(None, "a.tar")
    for _ in range(5):
        stock = one.stock()
        stock.write(bytes(2 * PIECE))
        stock.clear()
    assert one.take() < 2 * PIECE
    one.close()


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Shelf(None, "a.tar")
    stock = one.stock()
    stock.write(b"x")
    monkeypatch.setattr(os, "copy_file_range", cannot(errno.ENOSPC))
    with pytest.raises(HostError, match=r"No space left on device.*a\.tar"):
        content(stock)
    monkeypatch.setattr(os, "pwrite", cannot(errno.ENOSPC))
    with pytest.raises(HostError, match=r"No space left on device.*a\.tar"):
        stock.write(b"y")
    one.close()


def test_a_shelf_is_a_file_without_a_name(tmp_path: Path) -> None:
    one = Shelf(str(tmp_path), "a.tar")
    one.stock().write(b"x")
    assert list(tmp_path.iterdir()) == []
    one.close()
    with pytest.raises(HostError, match="cannot make a temporary file"):
        Shelf(str(tmp_path / "none"), "a.tar").stock()
