"""Facts of layers in a catalogue: a layer that it knows as proved is hashed, not unpacked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ociarchive.auditing.factstore import Remembered
from ociarchive.catalogue.guard import reported
from ociarchive.catalogue.packing import packed, unpacked
from ociarchive.catalogue.recording import fact_again, fact_value
from ociarchive.version import VERSION

if TYPE_CHECKING:
    import sqlite3
    import threading

    from ociarchive.measure import Measured
    from ociarchive.values import Digest

#: Facts of a blob have a kilobyte or two, and paths from its tar.
_FACT: Final = 1 << 20
_UNDER = "(SELECT id FROM limits WHERE limits = ?)"
_GET = f"SELECT fact FROM proved WHERE digest = ? AND tool = ? AND limits = {_UNDER}"  # noqa: S608  a constant
_LIMITS = "INSERT OR IGNORE INTO limits (limits) VALUES (?)"
_PUT = f"INSERT OR REPLACE INTO proved VALUES (NULL, ?, ?, ?, ?, ?, ?, {_UNDER}, ?)"  # noqa: S608  as above


class StoredFacts:
    """A FactStore over a catalogue, with those of this call in memory before it.

    What it gives was proved by this version under these limits. With `anew` nothing that an earlier call proved is
    given. What is put goes into the file with the next archive, or by `store`.
    """

    def __init__(
        self, connection: sqlite3.Connection, lock: threading.RLock, path: str, limits: str, *, anew: bool
    ) -> None:
        self._connection, self._lock, self._path, self._limits, self._anew = connection, lock, path, limits, anew
        self._recent = Remembered()
        self._waiting: list[Measured] = []

    def get(self, digest: Digest) -> Measured | None:
        """Return the facts of the bytes that have a digest, None where they are not known. CatalogueError: damaged."""
        fact = self._recent.get(digest)
        if fact is not None or self._anew:
            return fact
        with self._lock, reported(self._path):
            row = self._connection.execute(_GET, (str(digest), VERSION, self._limits)).fetchone()
            return fact_again(unpacked(row[0], _FACT)) if row else None

    def put(self, fact: Measured) -> None:
        """Keep the facts of a blob that was read to its end; in the file where its tar is whole."""
        self._recent.put(fact)
        whole = fact.damage is None and fact.limit is None and fact.tar is not None and fact.tar.whole
        if whole and fact.diff_id is not None:
            with self._lock:
                self._waiting.append(fact)

    def store(self) -> None:
        """Write what waits, as part of the current transaction."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
            if waiting:
                self._connection.execute(_LIMITS, (self._limits,))
            for fact in waiting:
                kept = packed(fact_value(fact))
                known = (fact.size, str(fact.diff_id), fact.uncompressed_size, fact.compression)
                self._connection.executemany(
                    _PUT, [(str(digest), *known, VERSION, self._limits, kept) for digest in fact.digests]
                )
