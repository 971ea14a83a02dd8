"""A blob in a registry as a ByteSource: each reading is one request, or more where the connection breaks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from ociarchive.blobio.source import CHUNK
from ociarchive.remote.ahead import Ahead

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ociarchive.blobio.source import ByteSource
    from ociarchive.remote.client import Client
    from ociarchive.values import Digest


@dataclass(frozen=True, slots=True)
class RemoteBlob:
    """A stretch of a blob of a repository. `size` is what descriptors claim; who reads to the end proves the digest."""

    digest: Digest
    size: int
    where: str = field(compare=False)
    client: Client = field(compare=False, repr=False)
    repository: str
    offset: int = 0
    whole: int = 0

    @classmethod
    def of(cls, client: Client, digest: Digest, size: int, archive: str) -> RemoteBlob:
        """Return the whole of a blob. `archive` is the archive's name in messages."""
        return cls(digest, size, f"{archive}: {digest}", client, client.where, 0, size)

    def chunks(self, size: int = CHUNK) -> Iterator[bytes]:
        """Give the bytes in pieces of `size`. BlobError: there are none, fewer, or more. HostError: no connection."""
        ahead = self.client.ahead if not self.offset else None
        pieces = ahead.take(self.digest, self.whole) if ahead is not None else None
        if pieces is None:
            pieces = self.client.blob(self.digest, self.whole, self.offset)
        try:
            yield from _pieces(pieces, self.size, size)
        finally:
            pieces.close()

    def head(self, size: int) -> bytes:
        """Return the first bytes."""
        wanted = min(size, self.size)
        if not wanted:
            return b""
        return self.client.first(self.digest, wanted) if not self.offset else next(self.part(0, wanted).chunks(wanted))

    def part(self, offset: int, size: int) -> RemoteBlob:
        """Return some of the bytes."""
        start = self.offset + offset
        return RemoteBlob(self.digest, size, self.where, self.client, self.repository, start, self.whole)


class Reading:
    """Sources that are read. Nobody waits for a registry any more once this ends, or is aborted."""

    def __init__(self, sources: Iterable[ByteSource], ahead: Iterable[ByteSource] = ()) -> None:
        """`ahead` are those that are read to their end, soon and in this order: they are fetched ahead of that."""
        self._clients = {id(one.client): one.client for one in sources if isinstance(one, RemoteBlob)}
        blobs: dict[int, list[tuple[Digest, int]]] = {}
        for one in ahead:
            if isinstance(one, RemoteBlob) and (one.offset, one.size) == (0, one.whole):
                blobs.setdefault(id(one.client), []).append((one.digest, one.whole))
        for number, client in self._clients.items():
            client.begin()
            client.ahead = Ahead(client.blob, blobs.get(number, ()))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End what is fetched and was not read."""
        for client in self._clients.values():
            if client.ahead is not None:
                client.ahead.close(client.abort)
                client.ahead = None
                client.begin()

    def done(self, source: ByteSource) -> None:
        """No more of a source is read, or nothing of it was."""
        if isinstance(source, RemoteBlob) and source.client.ahead is not None:
            source.client.ahead.drop(source.digest, source.whole)

    def abort(self) -> None:
        """End all reading: nobody waits for a server any more."""
        for client in self._clients.values():
            client.abort()


def _pieces(pieces: Iterator[bytes], most: int, size: int) -> Iterator[bytes]:
    """Give the first `most` bytes in pieces of `size`: what is sniffed must not depend on how a network sends them."""
    held, left = b"", most
    for piece in pieces:
        left -= len(piece)
        if not held and len(piece) == size and left >= 0:
            yield piece
        else:
            held += piece if left >= 0 else piece[:left]
            whole = len(held) - len(held) % size
            yield from (held[start : start + size] for start in range(0, whole, size))
            held = held[whole:]
        if left <= 0 and most:
            break
    if held:
        yield held
