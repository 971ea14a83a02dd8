"""Keeps measurements by digest, so that all steps of a call use what it proved once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from ociarchive.measure import Measured
    from ociarchive.values import Digest

#: How many facts are kept: those of fifty images' layers, about 1 MB. Memory must not grow with the number of archives.
MOST: Final = 1_024


class FactStore(Protocol):
    """Facts of blobs by digest. Calls come from several threads."""

    def get(self, digest: Digest) -> Measured | None:
        """Return the facts of the bytes that have a digest, None where they are not known."""

    def put(self, fact: Measured) -> None:
        """Keep the facts of a blob that was read to its end, for each of its digests."""


class Remembered:
    """Facts in memory: the `most` of them that were used last."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._facts: dict[Digest, Measured] = {}
        self._lock = threading.Lock()

    def get(self, digest: Digest) -> Measured | None:
        """Return the facts of the bytes that have a digest, None where they are not known."""
        with self._lock:
            fact = self._facts.pop(digest, None)
            if fact is not None:
                self._facts[digest] = fact  # now the last to be dropped
            return fact

    def put(self, fact: Measured) -> None:
        """Keep the facts of a blob that was read to its end, for each of its digests."""
        with self._lock:
            for digest in fact.digests:
                self._facts.pop(digest, None)
                self._facts[digest] = fact
            while len(self._facts) > self._most:
                del self._facts[next(iter(self._facts))]
