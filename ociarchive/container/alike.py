"""What all readers of tars read alike: Go's archive/tar, GNU tar, bsdtar (libarchive) and Python's tarfile.

They differ where a writer violates the formats: a name for one is padding for another. An audit that follows one of
them then says nothing about an engine that follows another. So an archive's own tar may only use what the four have
in common, which is all that their writers write. Sources: POSIX.1-2017, pax, Interchange Formats;
GNU tar manual, Basic Tar Format; libarchive, tar(5); and what the four do, which `tests/differential` compares.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ociarchive.container.header import CANONICAL, WITHOUT_DATA, HeaderError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ociarchive.container.header import Extended, Header

_POSIX: Final = b"ustar\0"
_GNU: Final = b"ustar  \0"
#: Files, links, devices, folders, FIFOs, sparse files, the tar's label, and what speaks of the next member. Others are
#: files to some readers, lists or nothing to others.
_TYPES: Final = frozenset((b"0", b"\0", b"1", b"2", b"3", b"4", b"5", b"6", b"7", b"S", b"V", b"L", b"K", b"x", b"g"))
_FILES: Final = (b"0", b"\0", b"7")
_LINKS: Final = (b"1", b"2")
#: POSIX has hard links with data, by PAX headers alone; libarchive guesses by what follows.
_LINK_HAS_DATA: Final = "a hard link has a size: some readers take what follows for its data"
#: Hard links and folders may have a size in their own header, which nobody follows.
_SIZED: Final = (b"1", b"5")
#: Blanks, digits, and blanks or zeros; or nothing. A zero before digits ends the number for Python's tarfile alone.
_OCTAL: Final = re.compile(rb"(?: *[0-7]+[ \0]*|\0+)\Z")
_CHECKSUM: Final = re.compile(rb" *[0-7]+[ \0]*\Z")
#: Where mode, owner and group, size, and time stand, and what they may be.
_FIELDS: Final = (
    ("mode", 100, 108, 0, (1 << 31) - 1), ("owner", 108, 116, 0, (1 << 32) - 2), ("group", 116, 124, 0, (1 << 32) - 2),
    ("size", 124, 136, 0, 1 << 96), ("time", 136, 148, -1 << 63, (1 << 63) - 1),
)  # fmt: skip
#: Records that name a member, or say where its data ends. An empty one is no record to Go and an empty name to others.
_DECIDING: Final = (b"path", b"linkpath", b"size")
_ID: Final = re.compile(rb"[0-9]{1,10}\Z")
_TIME: Final = re.compile(rb"-?[0-9]{1,11}(?:\.[0-9]*)?\Z")
_CHECKED: Final = {b"uid": _ID, b"gid": _ID, b"mtime": _TIME, b"atime": _TIME, b"ctime": _TIME}
_TEXTS: Final = (b"path", b"linkpath", b"uname", b"gname")
_NO_ZEROS: Final = (b"linkpath", b"uname", b"gname")  # a name with one is a fault of its own
_VERSIONS: Final = ((b"0", b"0"), (b"0", b"1"), (b"1", b"0"))
_CHARSETS: Final = (b"BINARY", b"ISO-IR 10646 2000 UTF-8")
#: Records whose values are looked at.
_JUDGED: Final = frozenset((*_DECIDING, *_CHECKED, *_TEXTS, b"hdrcharset"))
#: Records by which one reader or another makes something else of a member.
_OF_ONE_READER: Final = (
    b"GNU.dumpdir", b"GNU.volume.", b"SCHILY.realsize", b"SUN.",
)  # fmt: skip


def _ambiguous(message: str) -> HeaderError:
    return HeaderError(message, "tar-ambiguous")


class Alike:
    """Checks that all readers read a member and the headers before it alike. HeaderError: they do not."""

    def __init__(self) -> None:
        self._pending: set[bytes] = set()
        self._pax = False  # whether the tar had a PAX header so far
        self._posix = False  # whether the last header is one of POSIX
        self._sized_link = False  # whether the last member is a hard link that libarchive takes data behind, or not

    def block(self, block: bytes, flag: bytes) -> None:
        """Check the fields of a header, that of a member or an extended one."""
        self._posix = block[257:263] == _POSIX
        if self._sized_link and block[257:262] != _POSIX[:5]:
            raise _ambiguous(_LINK_HAS_DATA)
        self._sized_link = False
        if flag not in _TYPES:
            raise _ambiguous(f"a member has the type {flag!r}, a file to some readers and none to others")
        if not _CHECKSUM.match(block, 148, 156):
            raise _ambiguous("tar header has a checksum that begins with a zero byte or is blank")
        if not CANONICAL.match(block, 100, 148):
            _check_numbers(block)
        if block[345] or block[508] or block[257:265] == _GNU or flag in (b"3", b"4"):
            _check_rest(block, flag)
        elif block[257:262] == _POSIX[:5] and block[262]:
            raise _ambiguous(f"tar header has the magic {block[257:265]!r}, which is neither POSIX's nor GNU's")

    def extended(self, flag: bytes, content: bytes, behind: int, said: Iterable[tuple[bytes, bytes]]) -> None:
        """Check an extended header's content and place; `behind` is the first byte of what fills its last block.

        `said` are the records in it.
        """
        if flag in self._pending:
            raise _ambiguous(f"two extended headers {flag.decode()!r} before one member")
        if flag == b"g" and self._pending:
            raise _ambiguous("a global header between a member and what speaks of it")
        if flag in (b"L", b"K"):
            if not content.strip(b"\0") or b"\0" in content.rstrip(b"\0"):
                raise _ambiguous("a GNU header's name is empty, or has a zero byte inside")
        else:
            self._pax = True
            found = _checked(said, shared=flag == b"g")
            if content.endswith(b"\0"):
                raise _ambiguous("PAX header ends with zero bytes")
            _check_charset(found)
            if behind:  # Python's tarfile reads records on to the end of the block
                raise _ambiguous("a PAX header's records go on behind its end")
        if flag != b"g":
            self._pending.add(flag)

    def member(self, header: Header, extended: Extended, name: str, size: int) -> None:
        """Check a member, as its own and its extended headers give it."""
        if header.flag == b"V" and (size or self._pending):
            raise _ambiguous("the label of a tar has data, or extended headers")
        declared = extended.records.get(b"size", b"0").strip(b"0")
        if header.flag in WITHOUT_DATA and (declared or (header.size >> 63 if header.flag in _SIZED else header.size)):
            raise _ambiguous("a link or device has a size: data follows it for some readers")
        if header.flag == b"1" and header.size and self._posix:
            if self._pax:
                raise _ambiguous(_LINK_HAS_DATA)
            self._sized_link = True
        if header.flag in _LINKS:
            if (b"K" in self._pending or b"linkpath" in extended.records) and not header.link:
                raise _ambiguous("a link's own header names no target, and an extended one does")
        elif b"K" in self._pending or b"linkpath" in extended.records:
            raise _ambiguous("an extended header names the target of a member that is no link")
        slash = name.endswith("/")
        if header.flag == b"\0" and slash != header.own.endswith(b"/"):
            raise _ambiguous("a member is a folder by one of its names and a file by the other")
        if slash and header.flag in _FILES and (size or b"path" in extended.records):
            raise _ambiguous("a member's name is a folder's and it is a file")
        if extended.sparse:
            _check_sparse(extended.records)
        self._pending.clear()

    def end(self) -> None:
        """Check that the tar may end here."""
        if self._sized_link:
            raise _ambiguous(_LINK_HAS_DATA)


def _check_sparse(records: dict[bytes, bytes]) -> None:
    """Check that all readers know a sparse file by its records, and where its data ends (GNU tar manual, Sparse)."""
    version = records.get(b"GNU.sparse.major", b"0"), records.get(b"GNU.sparse.minor", b"0")
    mapped = b"GNU.sparse.map" in records or b"GNU.sparse.offset" in records
    if version not in _VERSIONS or (version != _VERSIONS[-1] and not mapped) or b"size" in records:
        raise _ambiguous("PAX records make a member a sparse file for some readers alone")


def _check_numbers(block: bytes) -> None:
    for what, start, end, least, most in _FIELDS:
        field = block[start:end]
        if field[0] & 0x80:
            number = int.from_bytes(bytes((field[0] & 0x7F | (field[0] & 0x40) << 1,)) + field[1:], "big", signed=True)
            if not least <= number <= most:
                raise _ambiguous(f"tar header has a {what} of {number}, which some readers refuse")
        elif not _OCTAL.match(field):
            raise _ambiguous(f"tar header has a {what} that begins with a zero byte or is blank: {field!r}")


def _check_rest(block: bytes, flag: bytes) -> None:
    """Check what stands behind a GNU header, a prefix, or the numbers of a device."""
    posix, gnu = block[257:263] == _POSIX, block[257:265] == _GNU
    if not posix and not gnu and block[257:262] == _POSIX[:5]:
        raise _ambiguous(f"tar header has the magic {block[257:265]!r}, which is neither POSIX's nor GNU's")
    if flag in (b"3", b"4") and not (_OCTAL.match(block, 329, 337) and _OCTAL.match(block, 337, 345)):
        raise _ambiguous("a device's numbers begin with a zero byte or are blank")
    if not posix and block[345]:
        raise _ambiguous("tar header has text where POSIX has a name's prefix, and is none of POSIX")
    times = _OCTAL.match(block, 476, 488) and _OCTAL.match(block, 488, 500)
    if posix and block[508:512] == b"tar\0" and (block[345] or not times):
        raise _ambiguous("tar header is one of star, whose prefix is shorter and has times behind it")
    if gnu and flag != b"S" and (block[369:512].strip(b"\0") or not _OCTAL.match(block, 357, 369)):
        raise _ambiguous("tar header has a sparse file's map and its type is another")


def _checked(said: Iterable[tuple[bytes, bytes]], *, shared: bool) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for key, value in said:
        if key in found and key not in _JUDGED:  # it may stand there again, whatever it says
            continue
        if not key or b"\0" in key or key[:1] in b" \t":  # GNU tar passes over every blank before a key
            raise _ambiguous("PAX record has an empty key, or one with a zero byte or a blank before it")
        if key in _DECIDING and (not value or key in found):
            raise _ambiguous(f"PAX record {key.decode()} is empty or stands twice")
        if (pattern := _CHECKED.get(key)) and not pattern.match(value):
            raise _ambiguous(f"PAX record {key.decode()} is no number that all readers take: {value[:40]!r}")
        if key in _NO_ZEROS and b"\0" in value:
            raise _ambiguous(f"PAX record {key.decode()} has a zero byte")
        if key.startswith(_OF_ONE_READER) or (shared and key == b"hdrcharset"):
            raise _ambiguous(f"PAX record {key.decode('ascii', 'replace')} changes what some readers see")
        found[key] = value
    return found


def _check_charset(found: dict[bytes, bytes]) -> None:
    charset = found.get(b"hdrcharset")
    if charset is not None and charset not in _CHARSETS:
        raise _ambiguous("PAX record hdrcharset names a character set that is none of POSIX")
    if charset == b"BINARY":
        return
    for key in _TEXTS:
        try:
            found.get(key, b"").decode()
        except UnicodeDecodeError:
            raise _ambiguous(f"PAX record {key.decode()} is no UTF-8") from None
