"""Headers as we write them: others read them, and nothing of the machine is in them."""

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ociarchive.blobio import tarwriter
from ociarchive.blobio.tarwriter import BLOCK, END, header, padding

NAMES = {
    "short": "oci-layout",
    "sha256": "blobs/sha256/" + "a" * 64,
    "sha512": "blobs/sha512/" + "a" * 128,
    "one-hundred-bytes": "n" * 100,
    "more-than-one-hundred": "n" * 101,
    "record-of-three-digits": "n" * 89 + "/" + "n" * 4,
    "very-long": "d/" * 600 + "a",
    "not-ascii": "ä/" + "\u6f22" * 40,
    "long-and-not-ascii": "ä" * 51,
    "not-utf-8": "\udcff" * 3,
    "long-and-not-utf-8": "\udcff" * 120,
}


def made(name: str, data: bytes, *, is_folder: bool = False) -> bytes:
    return header(name, len(data), folder=is_folder) + data + padding(len(data)) + END


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("data", [b"", b"x", b"x" * BLOCK, b"x" * (BLOCK + 1)], ids=["empty", "one", "block", "more"])
def test_tarfile_reads_what_we_write(name: str, data: bytes) -> None:
    raw = made(NAMES[name], data)
    assert len(raw) % BLOCK == 0
    with tarfile.open(fileobj=io.BytesIO(raw), errors="surrogateescape") as tar:
        (member,) = tar.getmembers()
        reader = tar.extractfile(member)
        assert reader is not None
        assert (member.name, reader.read(), member.isreg()) == (NAMES[name], data, True)


def test_nothing_but_name_size_and_kind() -> None:
    for is_folder, mode in ((False, 0o644), (True, 0o755)):
        with tarfile.open(
            fileobj=io.BytesIO(made("d/", b"", is_folder=is_folder) if is_folder else made("a", b""))
        ) as tar:
            (member,) = tar.getmembers()
        assert (member.mode, member.uid, member.gid, member.mtime) == (mode, 0, 0, 0)
        assert (member.uname, member.gname, member.linkname, member.pax_headers) == ("", "", "", {})
        assert member.isdir() is is_folder


SIZES = {
    "largest-octal": 8**11 - 1,
    "8-gib": 8**11,
    "more-than-8-gib": 8**11 + 12345,
    "one-tib": 1 << 40,
}


@pytest.mark.parametrize("name", SIZES)
def test_a_size_of_any_length_takes_one_block(name: str) -> None:
    block = header("layer", SIZES[name])
    assert len(block) == BLOCK
    assert tarfile.TarInfo.frombuf(block, "utf-8", "strict").size == SIZES[name]
    # GNU's base 256 starts where twelve octal digits end.
    assert (block[124] == 0x80) == (SIZES[name] >= 8**11)


def test_headers_of_one_name_are_of_one_length_whatever_the_size() -> None:
    for name in NAMES.values():
        assert len({len(header(name, size)) for size in (0, 1, 8**11, 1 << 50)}) == 1


@given(
    st.text(st.characters(exclude_characters="\0/", exclude_categories=["Cs"]), min_size=1, max_size=150),
    st.integers(0, 1 << 60),
)
def test_any_name_and_size(name: str, size: int) -> None:
    raw = header(name, size)
    with tarfile.open(fileobj=io.BytesIO(raw + END), errors="surrogateescape") as tar:
        member = tar.next()
        assert member is not None
        assert (member.name.lstrip("/"), member.size) == (name, size)
        assert raw == header(name, size)


def test_padding_fills_blocks() -> None:
    assert [len(padding(size)) for size in (0, 1, 511, 512, 513)] == [0, 511, 1, 0, 511]
    assert bytes(1024) == tarwriter.END
