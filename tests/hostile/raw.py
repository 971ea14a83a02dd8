"""Tar headers as no sound program writes them, their checksums right all the same."""

from dataclasses import dataclass

from tests.support.tar import BLOCK

_PLACES = {"mode": (100, 8), "size": (124, 12), "time": (136, 12), "magic": (257, 8), "prefix": (345, 155)}


@dataclass(frozen=True, slots=True)
class Odd:
    """Bytes that stand in a field of a header whatever belongs there."""

    mode: bytes = b"0000644\0"
    size: bytes = b""
    time: bytes = b"00000000000\0"
    magic: bytes = b"ustar\x0000"
    prefix: bytes = b""


def head(name: bytes, size: int = 0, flag: bytes = b"0", link: bytes = b"", odd: Odd = Odd()) -> bytes:
    """Make one block; `odd` has what is to stand in its fields."""
    block = bytearray(BLOCK)
    block[: len(name)] = name
    block[108:124] = b"0000000\0" * 2
    block[156:157] = flag
    block[157 : 157 + len(link)] = link
    for field, (start, length) in _PLACES.items():
        content = getattr(odd, field) or (b"%011o\0" % size if field == "size" else b"")
        block[start : start + length] = content.ljust(length, b"\0")
    return resealed(bytes(block))


def resealed(block: bytes) -> bytes:
    """Give a block the checksum that fits."""
    return block[:148] + b"%06o\0 " % (sum(block) - sum(block[148:156]) + 8 * 32) + block[156:]


def whole(name: bytes, data: bytes, flag: bytes = b"0", odd: Odd = Odd()) -> bytes:
    """Make a header with its data, filled up to a block."""
    return head(name, len(data), flag, odd=odd) + data + bytes(-len(data) % BLOCK)


def record(key: bytes, value: bytes) -> bytes:
    """Make a PAX record of any bytes."""
    length = len(key) + len(value) + 3
    while len(b"%d" % length) + len(key) + len(value) + 3 != length:
        length = len(b"%d" % length) + len(key) + len(value) + 3
    return b"%d %s=%s\n" % (length, key, value)


def pax(*records: bytes, flag: bytes = b"x") -> bytes:
    """Make an extended header of any records."""
    return whole(b"PaxHeaders/0", b"".join(records), flag)


END = bytes(2 * BLOCK)
