"""Fetch the parts of files as an engine would: from the place in the layer that its table of contents gives."""

from __future__ import annotations

from contextlib import closing
from itertools import groupby
from typing import TYPE_CHECKING, Final

from ociarchive.blobio.codec import NONE
from ociarchive.blobio.hashing import hasher
from ociarchive.blobio.limits import LimitError
from ociarchive.blobio.spool import unpack
from ociarchive.errors import ContentError
from ociarchive.toc.mismatches import shown

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from ociarchive.blobio.limits import Limits
    from ociarchive.blobio.source import Sliceable
    from ociarchive.toc.entries import Place
    from ociarchive.toc.mismatches import Faults

_RULE: Final = "toc-chunk"


def fetch(places: Iterable[Place], source: Sliceable, end: int, limits: Limits, faults: Faults) -> None:
    """Note the parts of files that do not stand where a table says. `end` is where the table itself begins.

    What is stored from one place to the next is unpacked once, whatever the number of parts in it.
    """
    ordered = sorted(places)
    offsets = [offset for offset, _ in groupby(place.offset for place in ordered)]
    following = dict(zip(offsets, (*offsets[1:], end), strict=False))
    for (offset, told), group in groupby(ordered, lambda place: (place.offset, place.end)):
        found = list(group)
        wrong = _wrong(found, source, told or following[offset], limits)
        if wrong and not told and not faults.full(_RULE):  # the place behind may be the wrong one
            wrong = _wrong(found, source, end, limits)
        does = f"fill bytes {offset} to {told - 1}" if told else f"stand at byte {offset}"
        for place in wrong:
            message = f"{shown(place.name)} does not {does} of the layer, where the table of contents says"
            faults.add(_RULE, message)


def _wrong(places: list[Place], source: Sliceable, stop: int, limits: Limits) -> list[Place]:
    """Return which of some parts of one place are not in what is stored from there on, or are not all of it."""
    offset, stop = places[0].offset, min(stop, source.size)
    if offset >= stop:
        return places
    pieces = _Pieces(source.part(offset, stop - offset), limits)
    with closing(pieces):
        wrong = [place for place in places if not pieces.has(place)]
        return places if places[0].end and pieces.more() else wrong


class _Pieces:
    """What a stretch of a layer unpacks to, as far as it does."""

    def __init__(self, source: Sliceable, limits: Limits) -> None:
        self._source, self._limits = source, limits
        self._pieces = self._unpacked()
        self._held = memoryview(b"")
        self._position = 0
        self._damaged = False

    def close(self) -> None:
        """Release the decoder."""
        self._pieces.close()

    def has(self, place: Place) -> bool:
        """Whether a part stands where it should; call it for one after another."""
        hashed = hasher(place.digest.partition(":")[0])
        for _ in self._take(place.inner - self._position):
            pass
        if self._position != place.inner or hashed is None:
            return False
        for part in self._take(place.size):
            hashed.update(part)
        return place.digest.partition(":")[2] == hashed.hexdigest()

    def more(self) -> bool:
        """Whether anything follows the last part, be it a stream that is cut."""
        return any(self._take(1)) or self._damaged

    def _take(self, size: int) -> Iterator[memoryview]:
        while size > 0:
            self._held = self._held or memoryview(next(self._pieces, b""))
            if not self._held:
                return
            part, self._held = self._held[:size], self._held[size:]
            size -= len(part)
            self._position += len(part)
            yield part

    def _unpacked(self) -> Generator[bytes]:
        """Give what there is. LimitError: it is too much."""
        try:
            codec, pieces = unpack(self._source.chunks(), self._limits, self._source.where)
            with closing(pieces):
                for piece in pieces:
                    if codec is NONE:  # places of anything overlap as much as those of streams
                        self._limits.unpacked(len(piece), self._source.where)
                    yield piece
        except LimitError:
            raise
        except ContentError:
            self._damaged = True
