"""A tar in a stream: its files and their digests, nothing kept and nothing unpacked to disk.

For layers, whose tables of contents (eStargz, zstd:chunked) name each file's digest.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, NamedTuple

from ociarchive.container import header
from ociarchive.container.tar import BLOCK, normal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ociarchive.bytes.limits import Limits

_FILES: Final = (b"0", b"\0", b"7")


class Entry(NamedTuple):
    """One member: its name without `./`, its type flag, the size of its data in bytes and, of a file, their digest."""

    name: str
    flag: bytes
    size: int
    link: str
    sha256: str | None


class _Stream:
    """Reads exact amounts out of pieces of any size."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._held = b""

    def read(self, size: int) -> bytes:
        """Return `size` bytes, fewer at the end."""
        while len(self._held) < size and (piece := next(self._pieces, b"")):
            self._held += piece
        out, self._held = self._held[:size], self._held[size:]
        return out

    def parts(self, size: int) -> Iterator[bytes]:
        """Give `size` bytes in pieces."""
        while size > 0:
            if not self._held:
                self._held = next(self._pieces, b"")
                if not self._held:
                    raise header.HeaderError("layer's tar is cut short inside a member", "tar-truncated")
            part, self._held = self._held[:size], self._held[size:]
            size -= len(part)
            yield part


def entries(pieces: Iterable[bytes], limits: Limits) -> Iterator[Entry]:
    """Give the members of a tar in a stream. HeaderError: it is damaged, or wants more than the limits allow."""
    stream = _Stream(pieces)
    extended = header.Extended()
    while True:
        block = stream.read(BLOCK)
        if len(block) < BLOCK or block == header.ZEROS:
            return
        parsed = header.parse(block)
        size = parsed.size if parsed.flag not in header.WITHOUT_DATA else 0
        if parsed.flag in header.EXTENDED_FLAGS:
            if size > limits.extended:
                raise header.HeaderError(f"extended header claims {size} bytes", "limit-extended")
            extended.take(parsed.flag, stream.read(size))
            stream.read(-size % BLOCK)
            continue
        name, link, size = extended.apply(parsed, size)
        extended.next_member()
        hashed = hashlib.sha256()
        for part in stream.parts(size):
            hashed.update(part)
        stream.read(-size % BLOCK)
        yield Entry(normal(name), parsed.flag, size, link, hashed.hexdigest() if parsed.flag in _FILES else None)
