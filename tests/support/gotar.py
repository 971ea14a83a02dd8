"""How Go's archive/tar reads a tar: a model after its documented behaviour, checked against the package itself.

Go's reader is that of Docker, containerd, podman, skopeo and crane, so what it sees is what an image becomes.
`tests/differential/reader.go` asks the package itself, where Go is installed.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

BLOCK = 512
#: More than a mebibyte of names or records is refused.
MAX_SPECIAL = 1 << 20
_BARE = b"123456"
_KINDS = {
    b"0": "file", b"\0": "file", b"7": "file", b"1": "link", b"2": "symlink", b"5": "folder",
    b"3": "special", b"4": "special", b"6": "special", b"V": "label",
}  # fmt: skip
_TEXTS = (b"path", b"linkpath", b"uname", b"gname")
_INTEGER = re.compile(rb"[+-]?[0-9]+\Z")
_LAST = (1 << 63) - 1


class Refused(Exception):
    """Go returns an error."""


class Seen(NamedTuple):
    """A member as a reader sees it."""

    kind: str
    name: bytes
    size: int
    link: bytes
    content: bytes | None


class _Header(NamedTuple):
    flag: bytes
    name: bytes
    link: bytes
    size: int
    gnu: bool


def members(raw: bytes) -> list[Seen] | None:
    """Return what Go sees of a tar; None where it refuses it. Sparse members are of the kind `sparse`, unchecked."""
    try:
        return list(_members(raw))
    except Refused:
        return None


def _members(raw: bytes) -> Iterator[Seen]:
    position = 0
    records: dict[bytes, bytes] = {}
    long_name = long_link = b""
    while (block := _block(raw, position)) is not None:
        header = _header(block)
        position += BLOCK
        size = _stored(header.flag, header.size)
        if header.flag in (b"x", b"g", b"L", b"K"):
            content = _content(raw, position, size)
            if size > MAX_SPECIAL:
                raise Refused
            position = _behind(raw, position, size)
            if header.flag == b"x":
                records = _records(content)
            elif header.flag == b"L":
                long_name = content.split(b"\0", 1)[0]
            elif header.flag == b"K":
                long_link = content.split(b"\0", 1)[0]
            else:
                _records(content)
                records, long_name, long_link = {}, b"", b""  # a member of its own, which what came before speaks of
            continue
        name, link, size = _merged(header, records)
        name, link = long_name or name, long_link or link
        flag = header.flag
        if flag == b"\0":
            flag = b"5" if name.endswith(b"/") else b"0"
        stored = _stored(flag, size)
        kind = _KINDS.get(flag, "other")
        if flag == b"S":
            if not header.gnu:
                raise Refused
            kind = "sparse"
        elif _sparse(records):
            kind = "sparse"
            name = records.get(b"GNU.sparse.name") or name
        content = _content(raw, position, stored)
        position = _behind(raw, position, stored)
        yield Seen(kind, name, size, link, content)
        records, long_name, long_link = {}, b"", b""


def _block(raw: bytes, position: int) -> bytes | None:
    """Return the next header, None at the end, which is a block of zeros and another, or nothing."""
    block = raw[position : position + BLOCK]
    if not block:
        return None
    if len(block) < BLOCK:
        raise Refused
    if block.strip(b"\0"):
        return block
    second = raw[position + BLOCK : position + 2 * BLOCK]
    if second and (len(second) < BLOCK or second.strip(b"\0")):
        raise Refused
    return None


def _header(block: bytes) -> _Header:
    rest = block[:148] + block[156:]
    unsigned = sum(rest) + 256
    signed = unsigned - 256 * sum(byte > 127 for byte in rest)
    if _octal(block[148:156]) not in (unsigned, signed):
        raise Refused
    name, size = _text(block[:100]), _numeric(block[124:136])
    for start, end in ((100, 108), (108, 116), (116, 124), (136, 148)):
        _numeric(block[start:end])
    posix, gnu = block[257:263] == b"ustar\0", block[257:265] == b"ustar  \0"
    if posix or gnu:
        _numeric(block[329:337])
        _numeric(block[337:345])
    prefix = b""
    if posix and block[508:512] == b"tar\0":
        prefix = _text(block[345:476])
        _numeric(block[476:488])
        _numeric(block[488:500])
    elif posix:
        prefix = _text(block[345:500])
    elif gnu:
        prefix = _prefix_of_old_go(block)
    return _Header(block[156:157], prefix + b"/" + name if prefix else name, _text(block[157:257]), size, gnu)


def _prefix_of_old_go(block: bytes) -> bytes:
    """Go before 1.8 wrote a prefix where GNU has times; it is one where these are none, and it is ASCII."""
    try:
        for start in (345, 357):
            if block[start]:
                _numeric(block[start : start + 12])
    except Refused:
        text = _text(block[345:500])
        return text if text.isascii() else b""
    return b""


def _merged(header: _Header, records: dict[bytes, bytes]) -> tuple[bytes, bytes, int]:
    name, link, size = header.name, header.link, header.size
    for key, value in records.items():
        if not value:
            continue
        if key == b"path":
            name = value
        elif key == b"linkpath":
            link = value
        elif key == b"size":
            size = _integer(value)
        elif key in (b"uid", b"gid"):
            _integer(value)
        elif key in (b"atime", b"mtime", b"ctime"):
            seconds, _, fraction = value.partition(b".")
            _integer(seconds)
            if fraction.strip(b"0123456789"):
                raise Refused
    return name, link, size


def _sparse(records: dict[bytes, bytes]) -> bool:
    version = records.get(b"GNU.sparse.major", b""), records.get(b"GNU.sparse.minor", b"")
    if version in ((b"0", b"0"), (b"0", b"1"), (b"1", b"0")):
        return True
    return version == (b"", b"") and bool(records.get(b"GNU.sparse.map") or records.get(b"GNU.sparse.offset"))


def _records(content: bytes) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    pairs = 0
    while content:
        digits, blank, _ = content.partition(b" ")
        length = _integer(digits) if blank else 0
        start = len(digits) + 1
        if length < 5 or length > len(content) or length <= start or content[length - 1 : length] != b"\n":
            raise Refused
        key, equals, value = content[start : length - 1].partition(b"=")
        if not equals or not key or b"\0" in (value if key in _TEXTS else key):
            raise Refused
        if key in (b"GNU.sparse.offset", b"GNU.sparse.numbytes"):
            if key != (b"GNU.sparse.offset", b"GNU.sparse.numbytes")[pairs % 2] or b"," in value:
                raise Refused
            pairs += 1
        found[key] = value
        content = content[length:]
    return found


def _stored(flag: bytes, size: int) -> int:
    stored = 0 if flag in _BARE and flag else size
    if stored < 0:
        raise Refused
    return stored


def _content(raw: bytes, position: int, size: int) -> bytes:
    if position + size > len(raw):
        raise Refused
    return raw[position : position + size]


def _behind(raw: bytes, position: int, size: int) -> int:
    """Return where the next header stands; padding that is missing at the very end is none."""
    return min(position + -(-size // BLOCK) * BLOCK, max(len(raw), position + size))


def _text(field: bytes) -> bytes:
    return field.split(b"\0", 1)[0]


def _octal(field: bytes) -> int:
    digits = field.strip(b" \0").split(b"\0", 1)[0]
    if not digits and not field.strip(b" \0"):
        return 0
    if not digits or digits.strip(b"01234567"):
        raise Refused
    return _in_range(int(digits, 8), (1 << 64) - 1)


def _numeric(field: bytes) -> int:
    if not field[0] & 0x80:
        return _octal(field)
    number = int.from_bytes(bytes((field[0] & 0x7F,)) + field[1:], "big")
    if field[0] & 0x40:
        number -= 1 << (8 * len(field) - 1)
    if not -_LAST - 1 <= number <= _LAST:
        raise Refused
    return number


def _integer(text: bytes) -> int:
    if not _INTEGER.match(text):
        raise Refused
    number = int(text)
    return number if number < 0 and number >= -_LAST - 1 else _in_range(number, _LAST)


def _in_range(number: int, last: int) -> int:
    if not 0 <= number <= last:
        raise Refused
    return number
