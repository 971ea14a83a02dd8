"""Headers of layers' tars as engines read them: what Go's archive/tar takes is no damage, however odd it is."""

from __future__ import annotations

import re
from typing import Final

from ociarchive.container import header

_OCTAL: Final = re.compile(rb"[0-7]+\Z")
#: Mode, owner, group and time; the numbers of a device, which tars before POSIX have no place for.
_NUMBERS: Final = ((100, 108), (108, 116), (116, 124), (136, 148))
_DEVICES: Final = ((329, 337), (337, 345))
_LARGEST: Final = (1 << 63) - 1


def lenient(block: bytes) -> header.Header:
    """Return what a block of 512 bytes says; HeaderError where Go's reader would stop as well."""
    try:
        return header.parse(block)
    except header.HeaderError as error:
        if error.rule != "tar-damaged" or not _sums_up(block):
            raise
    devices = _DEVICES if header.looks_like_tar(block) else ()
    for start, end in (*_NUMBERS, *devices):
        _number(block[start:end])
    size = _number(block[124:136])
    if size < 0:
        raise header.HeaderError("tar header has a negative size")
    name = own = block[:100].split(b"\0", 1)[0]
    if block[345] and block[257:263] == b"ustar\0":
        name = block[345:500].split(b"\0", 1)[0] + b"/" + name
    return header.Header(name, block[156:157], size, block[157:257].split(b"\0", 1)[0], own)


def _sums_up(block: bytes) -> bool:
    """Whether the checksum is right, whether bytes are taken as signed or not."""
    try:
        claimed = _number(block[148:156])
    except header.HeaderError:
        return False
    rest = block[:148] + bytes(b" " * 8) + block[156:]
    return claimed in (sum(rest), sum(byte - 256 if byte > 127 else byte for byte in rest))


def _number(field: bytes) -> int:
    """Return a numeric field as Go does: base 256 of either sign, or octal up to the first zero byte."""
    if field[0] & 0x80:
        negative = bool(field[0] & 0x40)
        first = field[0] | 0x80 if negative else field[0] & 0x7F
        number = int.from_bytes(bytes((first,)) + field[1:], "big", signed=negative)
        if not -_LARGEST <= number <= _LARGEST:
            raise header.HeaderError(f"tar header has a malformed number {field!r}")
        return number
    digits = field.strip(b" \0").split(b"\0", 1)[0]
    if not digits:
        return 0
    if not _OCTAL.match(digits):
        raise header.HeaderError(f"tar header has a malformed number {field!r}")
    return int(digits, 8)
