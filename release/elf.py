"""What of a shared library is of use to a debugger alone."""

from __future__ import annotations

import struct
from typing import Final

_MAGIC: Final = b"\x7fELF\x02\x01"  # 64 bits, little-endian: all that is shipped
_ALLOCATED: Final = 2  # sh_flags: the section is in memory when the library runs
_SECTION: Final = struct.Struct("<IIQQQQIIQQ")


def without_debug(data: bytes) -> bytes:
    """Return a shared library whose debug sections are zeros; of the same length, and the same when it runs.

    Some libraries on the package index are nine tenths debug information; zeros take no room in a zip.
    """
    if not data.startswith(_MAGIC):
        return data
    out = bytearray(data)
    (start,) = struct.unpack_from("<Q", data, 0x28)
    size, count, names = struct.unpack_from("<HHH", data, 0x3A)
    if size != _SECTION.size or start + size * count > len(data) or names >= count:
        return data
    sections = [_SECTION.unpack_from(data, start + size * number) for number in range(count)]
    table = sections[names][4]
    for name, _, flags, _, offset, length, *_ in sections:
        text = data[table + name : data.index(b"\0", table + name)]
        if text.startswith((b".debug_", b".zdebug_")) and not flags & _ALLOCATED:
            out[offset : offset + length] = bytes(length)
    return bytes(out)
