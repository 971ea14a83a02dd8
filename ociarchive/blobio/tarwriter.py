"""Tar headers as we write them: ustar, nothing in them but name, size and kind, so that equal input gives equal bytes.

Source: POSIX.1-2017, pax, ustar Interchange Format; sizes of 8 GiB and more in base 256 (GNU tar manual), which keeps
the header one block, and which Go, libarchive and busybox read.
"""

from __future__ import annotations

from typing import Final

BLOCK: Final = 512
END: Final = bytes(2 * BLOCK)
_OCTAL_LIMIT: Final = 8**11
_NAME: Final = 100


def header(name: str, size: int, *, folder: bool = False) -> bytes:
    """Return the header of a member: one block, three where a PAX record has to hold the name."""
    raw = name.encode("utf-8", "surrogateescape")
    if len(raw) <= _NAME:
        return _block(raw, size, b"5" if folder else b"0")
    record = _record(b"path", raw)
    return (
        _block(b"PaxHeaders/path", len(record), b"x")
        + record.ljust(-(-len(record) // BLOCK) * BLOCK, b"\0")
        + _block(raw[:_NAME], size, b"5" if folder else b"0")
    )


def padding(size: int) -> bytes:
    """Return the zeros that fill a member's last block."""
    return bytes(-size % BLOCK)


def _block(name: bytes, size: int, flag: bytes) -> bytes:
    mode = b"0000755\0" if flag == b"5" else b"0000644\0"
    length = b"%011o\x00" % size if size < _OCTAL_LIMIT else b"\x80" + size.to_bytes(11, "big")
    block = (
        name.ljust(_NAME, b"\0") + mode + b"0000000\0" * 2 + length + b"00000000000\0" + b" " * 8 + flag + bytes(100)
        + b"ustar\x0000" + bytes(64) + b"0000000\0" * 2 + bytes(167)
    )  # fmt: skip
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def _record(key: bytes, value: bytes) -> bytes:
    length = len(key) + len(value) + 3
    while len(text := b"%d %s=%s\n" % (length, key, value)) != length:
        length = len(text)
    return text
