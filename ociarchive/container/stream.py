"""A tar in a stream: its members with everything that their headers say. Nothing is kept or unpacked to disk.

It serves layers. Their tables of contents (eStargz, zstd:chunked) repeat what the headers say.
"""

from __future__ import annotations

import re
from collections import deque
from sys import getsizeof
from typing import TYPE_CHECKING, Final, NamedTuple

from ociarchive.container import header
from ociarchive.container.names import normal
from ociarchive.container.tar import BLOCK
from ociarchive.errors import plural

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ociarchive.blobio.limits import Limits

_KINDS: Final = {
    b"0": "reg", b"\0": "reg", b"7": "reg", b"1": "hardlink", b"2": "symlink", b"3": "char", b"4": "block",
    b"5": "dir", b"6": "fifo",
}  # fmt: skip
#: How PAX headers name extended attributes (libarchive, GNU tar, Go's archive/tar).
_XATTR: Final = b"SCHILY.xattr."
_BESIDE: Final = (b"LIBARCHIVE.xattr.", b"SCHILY.acl.", b"GNU.sparse.")
#: The size of a sparse file in the formats 0.1 and 1.0, and in 0.0 (GNU tar manual, PAX Format).
_REAL: Final = b"GNU.sparse.realsize"
_OLD: Final = b"GNU.sparse.size"
_DECIMAL: Final = re.compile(rb"(-?)([0-9]{1,12})(?:\.([0-9]*))?\Z")
_OCTAL: Final = re.compile(rb"[ \0]*([0-7]+)[ \0]*\Z")
_SECOND: Final = 1_000_000_000


class Member(NamedTuple):
    """One member. `name` is without `./`. `kind` is the type in the words of tables of contents, empty for others.

    `size` is the number of bytes of its data, `mtime` is in nanoseconds since 1970. Unreadable numbers are None. With
    `sparse` the data is not the file's content. `owner` has the names of user and group, `user:group`. `beside` has
    other records that describe a file: access lists, sparse maps, attributes as libarchive writes them. `spelled` is
    the name as it is written, `real` the size in bytes of a sparse file.
    """

    name: str
    kind: str
    size: int
    link: str
    mode: int | None
    uid: int | None
    gid: int | None
    mtime: int | None
    device: tuple[int | None, int | None]
    xattrs: dict[str, bytes]
    sparse: bool
    owner: str
    beside: dict[str, bytes]
    spelled: str
    real: int | None


class Tar:
    """The members of a tar, one after another, with the data of the last one."""

    def __init__(self, pieces: Iterable[bytes], limits: Limits, where: str = "") -> None:
        """Read the tar that pieces make. `where` names it in a LimitError."""
        self._pieces, self._where = iter(pieces), where
        self._limits = limits
        self._held: memoryview = memoryview(b"")
        self._left = 0  # of the current member's data
        self._padding = 0
        self._names_size = 0

    def members(self) -> Iterator[Member]:
        """Give the members. HeaderError: the tar is damaged, or needs more than the limits allow.

        LimitError: it has more headers than the archive's layers may have.
        """
        extended = header.Extended()
        while True:
            deque(self.data(), maxlen=0)
            self._read(self._padding)
            block = self._read(BLOCK)
            self._padding = 0
            if len(block) < BLOCK or block == header.ZEROS:
                return
            self._limits.walked(1, self._where)
            parsed = header.parse(block)
            size = parsed.size if parsed.flag not in header.WITHOUT_DATA else 0
            if parsed.flag in header.EXTENDED_FLAGS:
                if size + extended.size > self._limits.extended:
                    raise header.HeaderError(f"extended header claims {plural(size, 'byte')}", "limit-extended")
                content = self._read(size + -size % BLOCK)
                self._limits.walked(header.weight(content), self._where)
                extended.take(parsed.flag, content[:size], *content[size : size + 1])
                continue
            more = parsed.flag == b"S" and block[header.MORE]
            while more:  # in GNU's old sparse files the map precedes the data
                self._limits.walked(1, self._where)
                more = self._read(BLOCK)[header.MORE_STILL : header.MORE_STILL + 1] > b"\0"
            name, link, size = extended.apply(parsed, size)
            made = _member(block, parsed, name, link, size, extended)
            self._count(made)
            extended.next_member()
            self._left, self._padding = size, -size % BLOCK
            yield made

    def _count(self, member: Member) -> None:
        """Refuse names that are too long, or too many to keep."""
        texts = (member.name, member.link, member.owner)
        longest = max(map(len, texts))
        if longest > self._limits.name:
            what = f"a name of {plural(longest, 'character')}, --limit name=N lifts the limit of {self._limits.name}"
            raise header.HeaderError(what, "limit-name")
        self._names_size += sum(map(getsizeof, texts))
        if self._names_size > self._limits.names_size:
            what = (
                f"names of more than {plural(self._limits.names_size, 'byte')}, --limit names-size=N lifts this limit"
            )
            raise header.HeaderError(what, "limit-name")

    def data(self) -> Iterator[memoryview]:
        """Give the rest of the current member's data, in pieces."""
        while self._left > 0:
            if not self._held:
                self._held = memoryview(next(self._pieces, b""))
                if not self._held:
                    raise header.HeaderError("layer's tar is cut short inside a member", "tar-truncated")
            part, self._held = self._held[: self._left], self._held[self._left :]
            self._left -= len(part)
            yield part

    def _read(self, size: int) -> bytes:
        """Return `size` bytes, fewer at the end."""
        if len(self._held) >= size:
            out, self._held = bytes(self._held[:size]), self._held[size:]
            return out
        parts = [bytes(self._held)]
        size -= len(self._held)
        self._held = memoryview(b"")
        while size and (piece := next(self._pieces, b"")):
            parts.append(piece[:size])
            self._held = memoryview(piece)[size:]
            size -= len(parts[-1])
        return b"".join(parts)


def _member(block: bytes, parsed: header.Header, name: str, link: str, size: int, extended: header.Extended) -> Member:
    """Return the member of a header and of the extended headers before it."""
    records = extended.records
    kind = _KINDS.get(parsed.flag, "")
    if parsed.flag == b"\0" and name.endswith("/"):
        kind = "dir"  # how tars before POSIX wrote folders
    seconds = _number(block[136:148])
    return Member(
        name=normal(name),
        kind=kind,
        size=size,
        link=link,
        mode=_number(block[100:108]),
        uid=_decimal(records[b"uid"]) if records.get(b"uid") else _number(block[108:116]),
        gid=_decimal(records[b"gid"]) if records.get(b"gid") else _number(block[116:124]),
        mtime=_time(records[b"mtime"]) if records.get(b"mtime") else seconds and seconds * _SECOND,
        device=(_number(block[329:337]), _number(block[337:345])) if header.looks_like_tar(block) else (0, 0),
        xattrs={
            key[len(_XATTR) :].decode("utf-8", "surrogateescape"): value
            for key, value in records.items()
            if key.startswith(_XATTR) and value
        },
        sparse=extended.sparse or parsed.flag == b"S",
        owner=":".join(
            records.get(key, block[start : start + 32].split(b"\0", 1)[0]).decode("utf-8", "surrogateescape")
            for key, start in ((b"uname", 265), (b"gname", 297))
        ),
        beside={
            key.decode("utf-8", "surrogateescape"): value for key, value in records.items() if key.startswith(_BESIDE)
        },
        spelled=records.get(b"GNU.sparse.name", b"").decode("utf-8", "surrogateescape") or name,
        real=_number(block[483:495]) if parsed.flag == b"S" else _decimal(records.get(_REAL, records.get(_OLD, b""))),
    )


def _number(field: bytes) -> int | None:
    """Return a numeric field: octal, or base 256 with a sign where the first bit is set (GNU)."""
    if field[0] & 0x80:
        sign = -1 if field[0] & 0x40 else 0
        return int.from_bytes(bytes((field[0] & 0x3F | (0xC0 if sign else 0),)) + field[1:], "big", signed=bool(sign))
    if not field.strip(b" \0"):
        return 0
    found = _OCTAL.match(field)
    return int(found[1], 8) if found else None


def _decimal(text: bytes) -> int | None:
    found = _DECIMAL.match(text)
    return int(text) if found and found[3] is None else None


def _time(text: bytes) -> int | None:
    """Return a PAX time in nanoseconds. It is written in seconds with a decimal fraction."""
    found = _DECIMAL.match(text)
    if found is None:
        return None
    total = int(found[2]) * _SECOND + int((found[3] or b"")[:9].ljust(9, b"0"))
    return -total if found[1] else total
