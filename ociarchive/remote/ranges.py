"""The bytes of one blob over the network, to their end: after a break it goes on where it was (RFC 9110, Range)."""

from __future__ import annotations

import re
from contextlib import closing
from typing import TYPE_CHECKING, Final

from ociarchive.blobio.source import CHUNK
from ociarchive.errors import HostError, UsageError, plural
from ociarchive.remote.proving import BlobError
from ociarchive.remote.wire import LostConnection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ociarchive.remote.exchange import Exchange
    from ociarchive.remote.wire import Response
    from ociarchive.values import Digest

_WHOLE: Final = 200
_PART: Final = 206
_MISSING: Final = frozenset((404, 410))
_NO_SUCH_RANGE: Final = 416
_RANGE: Final = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(?:\d{1,18}|\*)\Z")
_TOTAL: Final = re.compile(r"/(\d{1,18})\Z")
#: How often a transfer may break before so many bytes more have come.
_TRIES: Final = 4
_PROGRESS: Final = 64 << 10
#: A server that knows no Range sends all again after a break: then a part of that has to come as well.
_AGAIN: Final = 8


class Transfer:
    """Blobs of one repository. All threads may use it."""

    def __init__(
        self,
        exchange: Exchange,
        address: Callable[[Digest], str],
        where: str,
        scopes: frozenset[str],
        refused: Callable[[Response, str], UsageError | HostError],
    ) -> None:
        """`address` gives the URL of a blob, `refused` the error for an answer that is no success."""
        self._exchange, self._address, self._where = exchange, address, where
        self._scopes, self._refused = scopes, refused

    def pieces(self, digest: Digest, size: int, offset: int = 0) -> Iterator[bytes]:
        """Give the bytes of a blob of `size` bytes from `offset` on.

        BlobError: there is none, or it is shorter or longer. UsageError: access is refused. HostError: no way to it.
        """
        position, broken = offset, 0
        while True:
            before, passed = position, [0]
            try:
                for piece in self._from(digest, size, position, passed):
                    position += len(piece)
                    yield piece
            except LostConnection:
                broken = 0 if position - before >= max(_PROGRESS, passed[0] // _AGAIN) else broken + 1
                if broken >= _TRIES:
                    raise
                self._exchange.pause(broken)
                continue
            if position < size:
                raise self._wrong_size(digest, size, plural(position, "byte"))
            return

    def first(self, digest: Digest, size: int) -> bytes:
        """Return the first bytes of a blob, fewer where there are not so many. Errors are those of `pieces`."""
        response = self._open(digest, f"bytes=0-{size - 1}")
        if response.status == _NO_SUCH_RANGE:  # it is empty
            response.pass_over()
            return b""
        found = b""
        with closing(response.chunks(size)) as pieces:
            for piece in pieces:
                found += piece
                if len(found) >= size and response.status == _WHOLE:
                    break  # a server that knows no Range would send it all
        return found[:size]

    def is_there(self, digest: Digest) -> bool:
        """Whether there is a blob, by asking for one byte of it."""
        try:
            self.first(digest, 1)
        except BlobError:
            return False
        return True

    def size(self, digest: Digest) -> int | None:
        """Return how many bytes a blob has, as the registry says; None where there is no such blob.

        UsageError: access is refused. HostError: the registry does not say it.
        """
        try:
            response = self._open(digest, "bytes=0-0")
        except BlobError:
            return None
        found = _TOTAL.search(response.headers.get("content-range", ""))
        response.close()
        if response.status == _WHOLE and response.length is not None:
            return response.length
        if found is None:
            raise HostError("the registry does not say how large a blob is", where=self._shown(digest))
        return int(found[1])

    def _from(self, digest: Digest, size: int, position: int, passed: list[int]) -> Iterator[bytes]:
        """Give the bytes from a position on, as far as this connection has them. `passed` counts those before it."""
        response = self._open(digest, f"bytes={position}-" if position else None)
        if response.status == _NO_SUCH_RANGE:
            response.close()
            if position < size:
                raise self._wrong_size(digest, size, f"{plural(position, 'byte')} at most")
            return
        start = _start(response) if response.status == _PART else 0
        if start is None or start > position:
            response.close()
            raise HostError("the registry answers with another range than was asked for", where=self._shown(digest))
        if response.length is not None and start + response.length > size:
            response.close()
            raise self._wrong_size(digest, size, plural(start + response.length, "byte"))
        for piece in response.chunks(CHUNK):
            end = start + len(piece)
            if end > size:
                response.close()
                raise self._wrong_size(digest, size, "more")
            before = max(min(position, end) - start, 0)  # what a server that knows no Range sends again
            passed[0] += before
            if end > position:
                yield piece[before:]
            start = end

    def _open(self, digest: Digest, part: str | None) -> Response:
        headers = {"Range": part} if part is not None else {}
        response = self._exchange.send("GET", self._address(digest), headers=headers, scopes=self._scopes)
        if response.status in (_WHOLE, _PART) or (part is not None and response.status == _NO_SUCH_RANGE):
            return response
        response.pass_over()
        if response.status in _MISSING:
            what = "a blob is not in the registry"
            raise BlobError(what, "blob-missing", where=self._shown(digest), expected=str(digest))
        raise self._refused(response, f"read the blob {digest}")

    def _shown(self, digest: Digest) -> str:
        return f"{self._where}: {digest}"

    def _wrong_size(self, digest: Digest, size: int, found: str) -> BlobError:
        what = "the registry sends another number of bytes than the descriptor says"
        return BlobError(what, "size-mismatch", where=self._shown(digest), expected=plural(size, "byte"), found=found)


def _start(response: Response) -> int | None:
    found = _RANGE.match(response.headers.get("content-range", ""))
    return int(found[1]) if found is not None else None
