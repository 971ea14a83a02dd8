"""CRC-64/ISO, the checksum that a tar-split file keeps of each file's content (Go, hash/crc64, ISO).

The polynomial is x^64 + x^4 + x^3 + x + 1. It has so few terms that whole chunks are reduced at once as integers:
for a power of two 2^j, x^(64 * 2^j) equals (x^4 + x^3 + x + 1)^(2^j), and a square over GF(2) only doubles exponents.
So the upper half of a number is folded into its lower half by four shifts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_WIDTH: Final = 64
_ONES: Final = (1 << _WIDTH) - 1
#: Each byte with its bits in reverse order: the checksum takes the lowest bit first.
_REVERSED: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
#: What is reduced at once: numbers of this size stay in a processor's cache.
_PIECE: Final = 64 << 10
#: The exponents of the polynomial below x^64.
_TERMS: Final = (0, 1, 3, 4)


def crc64(chunks: Iterable[bytes]) -> bytes:
    """Return the checksum of some bytes as the 8 bytes, big-endian, that a tar-split file has."""
    state = _ONES
    for piece in (chunk[start : start + _PIECE] for chunk in chunks for start in range(0, len(chunk), _PIECE)):
        bits = int.from_bytes(piece.translate(_REVERSED), "big") << _WIDTH
        state = _reduced(bits ^ (state << 8 * len(piece)))
    text = f"{state ^ _ONES:064b}"[::-1]
    return int(text, 2).to_bytes(_WIDTH // 8, "big")


def _reduced(value: int) -> int:
    """Return the remainder of a polynomial over GF(2), its bits the coefficients, by that of the checksum."""
    while value > _ONES:
        # The largest 64 * 2^j that does not exceed the degree.
        step = 1 << ((value.bit_length() - 1) // _WIDTH).bit_length() - 1
        upper, lower = value >> _WIDTH * step, value & ((1 << _WIDTH * step) - 1)
        for term in _TERMS:
            lower ^= upper << term * step
        value = lower
    return value
