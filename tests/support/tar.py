"""Tar files byte by byte.

`tarfile` writes what is right; a test needs what producers wrote, and what nobody should have written.
"""

import enum
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

BLOCK = 512
USTAR_NAME, USTAR_PREFIX = 100, 155
OCTAL_SIZE_LIMIT = 8**11
GNU_RECORD = 10_240


class Kind(enum.Enum):
    """The type flag of a member."""

    FILE = b"0"
    HARDLINK = b"1"
    SYMLINK = b"2"
    FOLDER = b"5"


class Style(enum.Enum):
    """How a header says what does not fit into ustar's fields."""

    USTAR = "ustar"
    GNU = "gnu"
    PAX = "pax"


@dataclass(frozen=True, slots=True)
class Member:
    """One name in an archive, whether the archive becomes a tar or a folder."""

    name: str
    data: bytes = b""
    kind: Kind = Kind.FILE
    target: str = ""
    mode: int = 0o644


def file(name: str, data: bytes) -> Member:
    """Make a regular file."""
    return Member(name, data)


def folder(name: str) -> Member:
    """Make a folder, its name with the slash that tar writes."""
    return Member(name.rstrip("/") + "/", kind=Kind.FOLDER, mode=0o755)


def symlink(name: str, target: str) -> Member:
    """Make a symbolic link, its target relative to its own folder."""
    return Member(name, kind=Kind.SYMLINK, target=target, mode=0o777)


def hardlink(name: str, target: str) -> Member:
    """Make a hard link, its target relative to the archive's root."""
    return Member(name, kind=Kind.HARDLINK, target=target)


def header(member: Member, size: int, *, style: Style = Style.USTAR, base256: bool = False) -> bytes:
    """Make every block that goes before the data of a member."""
    name, target = member.name.encode(), member.target.encode()
    before = b""
    if style is Style.GNU:
        before += _gnu(b"L", name) + _gnu(b"K", target)
        name, target = name[:USTAR_NAME], target[:USTAR_NAME]
    elif style is Style.PAX:
        records = {"path": member.name, "linkpath": member.target, "size": str(size)}
        wanted = {
            "path": len(name) > USTAR_NAME or not name.isascii(),
            "linkpath": len(target) > USTAR_NAME,
            "size": size >= OCTAL_SIZE_LIMIT,
        }
        before = pax({key: value for key, value in records.items() if wanted[key]})
        name, target = name[:USTAR_NAME], target[:USTAR_NAME]
        size = 0 if wanted["size"] else size
    prefix = b""
    if len(name) > USTAR_NAME:
        cut = name.rfind(b"/", 0, USTAR_PREFIX + 1)
        prefix, name = name[:cut], name[cut + 1 :]
    return before + _block(member, size, (name, prefix, target), style=style, base256=base256)


def pax(records: dict[str, str], *, flag: bytes = b"x") -> bytes:
    """Make an extended header, or a global one with the flag g."""
    if not records:
        return b""
    body = b"".join(_record(key, value) for key, value in records.items())
    head = _block(Member("PaxHeaders/0"), len(body), (b"PaxHeaders/0", b"", b""), flag=flag)
    return head + body + _padding(len(body))


def tar(
    members: Iterable[Member],
    *,
    style: Style = Style.USTAR,
    base256: bool = False,
    record: int = BLOCK,
    end: int = 2,
) -> bytes:
    """Make a whole tar; `record` is what its length is padded to, `end` the number of zero blocks that close it."""
    return b"".join(_pieces(members, style=style, base256=base256, record=record, end=end))


def write_tar(
    path: Path, members: Iterable[Member], *, style: Style = Style.USTAR, base256: bool = False, record: int = BLOCK
) -> Path:
    """Write a tar; what stands above a name is made as needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as out:
        out.writelines(_pieces(members, style=style, base256=base256, record=record, end=2))
    return path


def write_sparse(path: Path, name: str, size: int, rest: Sequence[Member], *, style: Style = Style.GNU) -> Path:
    """Write a tar whose first member has `size` zero bytes that take no space on disk, then `rest`."""
    head = header(file(name, b""), size, style=style, base256=style is not Style.PAX)
    with path.open("wb") as out:
        out.write(head)
        out.truncate(len(head) + size + (-size) % BLOCK)
        out.seek(0, os.SEEK_END)
        out.write(tar(rest))
    return path


def write_folder(path: Path, members: Iterable[Member]) -> Path:
    """Write the same members as a folder."""
    path.mkdir(parents=True)
    for member in members:
        where = path / member.name
        where.parent.mkdir(parents=True, exist_ok=True)
        match member.kind:
            case Kind.FILE:
                where.write_bytes(member.data)
            case Kind.FOLDER:
                where.mkdir(exist_ok=True)
            case Kind.SYMLINK:
                where.symlink_to(member.target)
            case Kind.HARDLINK:
                where.hardlink_to(path / member.target)
    return path


def renamed(members: Iterable[Member], prefix: str) -> list[Member]:
    """Give every name a prefix, `./` or `/` as some producers do; hard links name members and so get it too."""
    return [
        replace(m, name=prefix + m.name, target=prefix + m.target if m.kind is Kind.HARDLINK else m.target)
        for m in members
    ]


def changed(members: Iterable[Member], name: str, data: bytes) -> list[Member]:
    """Give one member other bytes; that it is there is part of the promise."""
    old = list(members)
    new = [replace(m, data=data) if m.name == name else m for m in old]
    if [m.name for m in old].count(name) != 1:
        raise LookupError(name)
    return new


def flipped(data: bytes, offset: int, mask: int = 0xFF) -> bytes:
    """Change one byte for certain."""
    if not mask:
        raise ValueError(mask)
    return data[:offset] + bytes([data[offset] ^ mask]) + data[offset + 1 :]


def _pieces(members: Iterable[Member], *, style: Style, base256: bool, record: int, end: int) -> Iterator[bytes]:
    length = 0
    for member in members:
        for piece in (
            header(member, len(member.data), style=style, base256=base256),
            member.data,
            _padding(len(member.data)),
        ):
            length += len(piece)
            yield piece
    length += end * BLOCK
    yield bytes(end * BLOCK + (-length) % record)


def _gnu(flag: bytes, value: bytes) -> bytes:
    if len(value) <= USTAR_NAME:
        return b""
    body = value + b"\0"
    head = _block(Member(""), len(body), (b"././@LongLink", b"", b""), style=Style.GNU, flag=flag)
    return head + body + _padding(len(body))


def _record(key: str, value: str) -> bytes:
    body = f" {key}={value}\n".encode()
    length = len(body)
    while len(str(length)) + len(body) != length:
        length = len(str(length)) + len(body)
    return str(length).encode() + body


def _block(
    member: Member,
    size: int,
    texts: tuple[bytes, bytes, bytes],
    *,
    style: Style = Style.USTAR,
    base256: bool = False,
    flag: bytes = b"",
) -> bytes:
    name, prefix, target = texts
    if len(name) > USTAR_NAME or len(prefix) > USTAR_PREFIX or len(target) > USTAR_NAME:
        raise ValueError(member.name)
    sized = b"\x80" + size.to_bytes(11, "big") if base256 else b"%011o\0" % size
    if len(sized) != len("01234567890\0"):
        raise ValueError(size)
    magic = b"ustar  \0" if style is Style.GNU else b"ustar\x0000"
    fields = (
        name.ljust(USTAR_NAME, b"\0"),
        b"%07o\0" % member.mode + b"%07o\0" % 0 * 2 + sized + b"%011o\0" % 0,
        b" " * 8,
        (flag or member.kind.value) + target.ljust(USTAR_NAME, b"\0"),
        magic + bytes(32 + 32) + (bytes(16) if style is Style.GNU else b"%07o\0" % 0 * 2),
        prefix.ljust(USTAR_PREFIX, b"\0") + bytes(12),
    )
    block = b"".join(fields)
    return summed(block)


def summed(head: bytes, *, signed: bool = False) -> bytes:
    """Give a header the checksum that it should have; `signed` as old programs add its bytes."""
    spaced = head[:148] + b" " * 8 + head[156:]
    total = sum(byte - 256 if signed and byte > 127 else byte for byte in spaced)
    return spaced[:148] + b"%06o\0 " % total + spaced[156:]


def _padding(size: int) -> bytes:
    return bytes(-size % BLOCK)
