"""Tar headers: one block, and the extended headers (PAX, GNU long names) that describe the next member."""

from __future__ import annotations

import re
import zlib
from itertools import chain
from typing import TYPE_CHECKING, Final, NamedTuple

from ociarchive.errors import plural

if TYPE_CHECKING:
    from collections.abc import Iterator

ZEROS: Final = bytes(512)
EXTENDED_FLAGS: Final = (b"L", b"K", b"x", b"g")
#: Links, devices, folders and FIFOs have no data, whatever their size field says (as in Go and GNU tar).
WITHOUT_DATA: Final = frozenset((b"1", b"2", b"3", b"4", b"5", b"6"))
#: So many bytes of an extended header take as long to read as a header, where they name something of many parts, and so
#: many of its records do.
_BYTES: Final = 64
_RECORDS: Final = 2
#: Where GNU's old sparse header, and each block of map behind it, tells that another one follows (GNU tar manual).
MORE: Final = 482
MORE_STILL: Final = 504
#: Mode, owner, group, size and time of nearly every header, and its device numbers.
CANONICAL: Final = re.compile(rb"(?:[0-7]{6}[0-7 ][ \0]){3}(?:[0-7]{11}[ \0]){2}\Z")
_DEVICES: Final = re.compile(rb"(?:(?:[0-7]{6}[0-7 ][ \0]){2}|\0{16})\Z")
_FIELDS: Final = ((100, 108), (108, 116), (116, 124), (136, 148), (329, 337), (337, 345))
_OCTAL: Final = re.compile(rb"[ \0]*([0-7]*)[ \0]*\Z")
#: Parts of a sparse file's map, as GNU tar writes them up to 8 GiB: where one begins and what it has, in octal digits.
_PARTS: Final = re.compile(rb"(?:(?:[0-7]{11}[ \0]){2})*")
_BLANKS: Final = bytes.maketrans(b"\0", b" ")
_DIGITS: Final = 7
_LENGTH: Final = re.compile(rb"([0-9]{1,%d}) " % _DIGITS)


class HeaderError(Exception):
    """A header that cannot be read."""

    def __init__(self, message: str, rule: str = "tar-damaged") -> None:
        super().__init__(message)
        self.rule = rule


class Header(NamedTuple):
    """The members of one block that matter here. `size` is in bytes, `own` the name without its prefix."""

    name: bytes
    flag: bytes
    size: int
    link: bytes
    own: bytes


def parse(block: bytes) -> Header:
    """Return what a block of 512 bytes says; HeaderError where its checksum or a number in it is wrong."""
    checksum = _number(block[148:156])
    actual = _sum(block[:148]) + _sum(block[156:334]) + _sum(block[334:]) + 256
    if checksum != actual and checksum != _signed(block):
        raise HeaderError(f"tar header has a wrong checksum (says {checksum}, is {actual})")
    _check_numbers(block)
    name = own = block[:100].split(b"\0", 1)[0]
    if block[345] and block[257:263] == b"ustar\0":
        name = block[345:500].split(b"\0", 1)[0] + b"/" + name
    size = _number(block[124:136])
    if size and not block[124]:  # a number to Go and GNU tar, nothing to Python's tarfile
        raise HeaderError("tar header has a size that begins with a zero byte", "tar-ambiguous")
    return Header(name, block[156:157], size, block[157:257].split(b"\0", 1)[0], own)


def is_tar(first: bytes) -> bool:
    """Whether the first block of something is that of a tar; one of zeros is that of an empty one."""
    if len(first) < len(ZEROS):
        return False
    try:
        return first == ZEROS or bool(parse(first[: len(ZEROS)]))
    except HeaderError:
        return False


def looks_like_tar(head: bytes) -> bool:
    """Whether something begins like a tar, damaged or not (POSIX.1-2017, pax, magic)."""
    return head[257:262] == b"ustar"


def _sum(part: bytes) -> int:
    """Return the sum of at most 256 bytes: Adler-32 (RFC 1950, 9) has it, plus one, in its lower half, in no time."""
    return (zlib.adler32(part) & 0xFFFF) - 1


def _signed(block: bytes) -> int:
    """Some old programs added the bytes up as signed ones (GNU tar manual, Checksumming)."""
    rest = block[:148] + block[156:]
    return sum(byte - 256 if byte > 127 else byte for byte in rest) + 256


def _check_numbers(block: bytes) -> None:
    """Refuse fields that nothing here needs and that other readers stop at."""
    if CANONICAL.match(block, 100, 148) and _DEVICES.match(block, 329, 345):
        return
    for start, end in _FIELDS:
        if block[start] != 0xFF:  # times before 1970 are negative
            _number(block[start:end])


def _number(field: bytes) -> int:
    """Return a numeric field: octal, or base 256 where the first bit is set (GNU)."""
    if field[0] & 0x80:
        if field[0] == 0xFF:
            raise HeaderError("tar header has a negative number")
        if field[0] != 0x80:  # Python's tarfile knows no other first byte
            raise HeaderError(f"tar header has a malformed number {field!r}")
        return int.from_bytes(field[1:], "big")
    found = _OCTAL.match(field)
    if not found:
        raise HeaderError(f"tar header has a malformed number {field!r}")
    return int(found[1] or b"0", 8)


def sparse_end(block: bytes, start: int, entries: int, end: int) -> int:
    """Return where the last part of a sparse file ends that a block of its map names, in bytes; `end` where none is.

    The map begins at `start` (GNU tar manual, Sparse Formats). HeaderError: its parts are in no order.
    """
    usual = _PARTS.match(block, start, start + entries * 24)
    numbers = [int(one, 8) for one in usual[0].translate(_BLANKS).split()] if usual else []
    for offset, size in zip(numbers[::2], numbers[1::2], strict=True):
        if offset < end:
            raise HeaderError("the map of a sparse file goes backwards")
        end = offset + size
    for at in range(start + 12 * len(numbers), start + entries * 24, 24):
        if not block[at]:
            break
        offset, size = _number(block[at : at + 12]), _number(block[at + 12 : at + 24])
        if offset < end:
            raise HeaderError("the map of a sparse file goes backwards")
        end = offset + size
    return end


class Extended:
    """What extended headers said of the next member. Global ones say nothing that matters here."""

    def __init__(self) -> None:
        self._next: dict[bytes, bytes] = {}
        self._long_name: bytes | None = None
        self._long_link: bytes | None = None
        self.pending = False  # whether an extended header describes a member that did not come yet
        self.size = 0  # the bytes of the headers that do

    def take(self, flag: bytes, content: bytes, behind: int = 0) -> list[tuple[bytes, bytes]]:
        """Take the content of an extended header, and return its records; HeaderError: it is malformed, or ambiguous.

        `behind` is the first byte of what fills its last block.
        """
        said: list[tuple[bytes, bytes]] = []
        self.pending = True
        self.size += len(content)
        if flag in (b"L", b"K"):
            name, end, _ = content.partition(b"\0")
            if not end and behind:  # Python's tarfile reads on to the next zero
                raise HeaderError("a GNU header's name goes on behind its end", "tar-ambiguous")
            if flag == b"L":
                self._long_name = name
            else:
                self._long_link = name
        elif flag == b"g":
            for key, value in records(content):
                # Go passes over these in a global header, GNU tar and Python do not.
                if key in (b"path", b"linkpath", b"size") or key.startswith(b"GNU.sparse"):
                    raise HeaderError(f"global PAX header sets {key.decode('ascii', 'replace')}", "tar-ambiguous")
                said.append((key, value))
        else:
            said += records(content)
            self._next.update(said)
        return said

    def apply(self, header: Header, size: int) -> tuple[str, str, int]:
        """Return name, link and size of the member after its header, all extended ones considered."""
        name = self._one(b"path", self._long_name, header.name)
        link = self._one(b"linkpath", self._long_link, header.link)
        if b"size" in self._next and header.flag not in WITHOUT_DATA:
            size = self._pax_size(self._next[b"size"], header.size)
        if size and name.endswith(b"/") and header.flag in (b"0", b"\0"):
            raise HeaderError("a member's name is a folder's and it has data", "tar-ambiguous")
        return name.decode("utf-8", "surrogateescape"), link.decode("utf-8", "surrogateescape"), size

    def _one(self, key: bytes, long: bytes | None, short: bytes) -> bytes:
        """Return what names a member. Where a GNU and a PAX header both do, readers take either."""
        pax = self._next.get(key)
        if key == b"path":
            pax = self._next.get(b"GNU.sparse.name", pax)
        if pax is not None and long is not None and pax != long:
            raise HeaderError("a GNU and a PAX header give a member two names", "tar-ambiguous")
        return pax if pax is not None else long if long is not None else short

    @staticmethod
    def _pax_size(text: bytes, size: int) -> int:
        # Two readers that believe different sizes see two archives (CVE-2025-62518).
        if not text.isdigit() or len(text) > 19:
            raise HeaderError(f"PAX header has a malformed size {text[:40]!r}")
        if size and int(text) != size:
            raise HeaderError(
                f"PAX header says {plural(int(text), 'byte')}, the header itself {size}", "tar-sizes-differ"
            )
        return int(text)

    @property
    def records(self) -> dict[bytes, bytes]:
        """What PAX says of the next member, by its keys."""
        return self._next

    @property
    def sparse(self) -> bool:
        """Whether PAX records make the next member a sparse file, whose data is not its content."""
        return bool(self._next) and any(key.startswith(b"GNU.sparse") for key in self._next)

    def next_member(self) -> None:
        """Forget what was said of one member only."""
        self._next = {}
        self._long_name = self._long_link = None
        self.pending, self.size = False, 0


def weight(content: bytes) -> int:
    """Return how many headers take as long to read as the content of an extended one."""
    return len(content) // _BYTES + content.count(b"\n") // _RECORDS


def records(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Give the records of a PAX header, in order (POSIX.1-2017, pax Extended Header). HeaderError: they are none."""
    found, position = [], 0
    for line in content.split(b"\n")[:-1]:  # nearly every record is a line, which takes half the time
        length, _, record = line.partition(b" ")
        key, equals, value = record.partition(b"=")
        if not equals or not length.isdigit() or len(length) > _DIGITS or int(length) != len(line) + 1:
            break
        found.append((key, value))
        position += len(line) + 1
    return chain(found, _one_by_one(content, position))


def _one_by_one(content: bytes, position: int) -> Iterator[tuple[bytes, bytes]]:
    """Give the records from a position on."""
    while position < len(content):
        found = _LENGTH.match(content, position)
        end = position + int(found[1]) if found else 0
        if not found or end > len(content) or end <= found.end() or content[end - 1 : end] != b"\n":
            if not content[position:].strip(b"\0"):
                return
            raise HeaderError("PAX header is malformed")
        key, equals, value = content[found.end() : end - 1].partition(b"=")
        if not equals:
            raise HeaderError("PAX header is malformed")
        yield key, value
        position = end
