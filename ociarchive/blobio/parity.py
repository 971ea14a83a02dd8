"""The parity of parts: all parts XORed, so that any single one is the XOR of the others. Memory is that of two pieces.

A part that is shorter than the others counts as if it ended in zeros. Parity says which bytes a lost part had, never
which part is wrong: that is what the hashes of the list are for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

#: Returns up to a number of bytes from a position on, (size, position), as RandomFile.read does.
Read: TypeAlias = "Callable[[int, int], bytes]"
#: What is taken of each part at once, in bytes: long enough for disks; longer ones are slower in memory.
_PIECE: Final = 1 << 20


def xored(reads: Sequence[Read], size: int) -> Iterator[bytes]:
    """Give the XOR of files in pieces, `size` bytes in all; each of `reads` reads one of them."""
    for position in range(0, size, _PIECE):
        length = min(_PIECE, size - position)
        total = 0
        for read in reads:
            total ^= int.from_bytes(read(length, position), "little")
        yield total.to_bytes(length, "little")
