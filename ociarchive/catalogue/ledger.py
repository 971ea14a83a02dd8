"""What an audit takes from a catalogue and adds to it. Each archive is committed before its report is given."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Self

from ociarchive.blobio.beside import OverwriteError
from ociarchive.blobio.locks import nobody
from ociarchive.blobio.realpath import real
from ociarchive.blobio.sqlitefile import BESIDE
from ociarchive.catalogue.ahead import Ahead
from ociarchive.catalogue.database import Database
from ociarchive.catalogue.facts import StoredFacts
from ociarchive.catalogue.guard import reported
from ociarchive.catalogue.packing import TooManyError
from ociarchive.catalogue.recording import Recorded, recorded, report_again, respelled
from ociarchive.catalogue.rows import insert, stored_text, text_again
from ociarchive.catalogue.stamps import place, stamp, stamp_at
from ociarchive.catalogue.terms import limits_text, terms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ociarchive.auditing.policy import Policy
    from ociarchive.auditing.report import Detail, Report
    from ociarchive.blobio.limits import Limits
    from ociarchive.blobio.locks import Hear
    from ociarchive.catalogue.stamps import Stamp

#: Terms of so many demands are kept in memory. A call has few.
_MOST_TERMS: Final = 256


class Ledger:
    """A catalogue that one audit writes. As a context it closes the file.

    `clock` gives the time that is recorded. With `again` nothing is taken from it. `receipt` is what archives are held
    against, `host` the host of names without one, `have` says what deltas may leave out, `signatures` by
    which keys they are checked. All may change a verdict.
    """

    def __init__(  # noqa: PLR0913  all that may change a verdict
        self,
        path: str,
        *,
        policy: Policy,
        limits: Limits,
        clock: Callable[[], str],
        again: bool = False,
        receipt: object = None,
        host: str | None = None,
        have: Sequence[tuple[str, Sequence[str]]] = (),
        signatures: object = None,
        hear: Hear = nobody,
    ) -> None:
        self._policy, self._limits = policy, limits
        seen = [[*one, _seen(one[0], clock)] for one in have]
        self._demands = {"receipt": receipt, "host": host, "have": seen, "signatures": signatures}
        self._clock, self._again = clock, again
        self._database = Database(path, hear)
        self._connection = self._database.connection
        self._lock = threading.RLock()
        self._ahead = Ahead(self._connection)
        self._terms: dict[tuple[str, ...], int] = {}
        self._real = os.path.realpath(path)
        self._identity = _identity(self._real)
        self._above = frozenset(_identity(folder) for folder in _folders(self._real))
        self.facts = StoredFacts(self._connection, self._lock, path, limits_text(limits), anew=again)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._database.close()

    def owns(self, path: str) -> bool:
        """Whether a file is the catalogue itself or one that SQLite keeps beside it."""
        if _identity(path) == self._identity:
            return True
        # Those beside it come and go, and have no other names.
        named = os.path.basename(path).startswith(os.path.basename(self._real))
        return named and real(path) in {self._real + end for end in BESIDE}

    def apart_from(self, path: str) -> None:
        """Refuse an archive that is the catalogue, or a folder around it (OverwriteError)."""
        found = _identity(path)
        if found is not None and (found == self._identity or found in self._above or self.owns(path)):
            what = "the catalogue would stand over or inside of an archive of this call"
            raise OverwriteError(what, where=self._database.path)

    def known(self, source: str, images: Sequence[str], detail: Detail, state: Stamp | None = None) -> Report | None:
        """Return the recorded report of an archive that did not change since, was it made under the same terms.

        `state` is that of now where the caller knows it.

        CatalogueError: the catalogue is damaged. HostError: the archive's folder cannot be read.
        """
        path = place(source)
        if path is None or self._again:
            return None
        with self._lock, reported(self._database.path):
            self._connection.anew()
            row = self._ahead.row(stored_text(path), detail)
        if row is None or row[5] != self._terms_of(images):
            return None
        now = state or stamp_at(path, source, row[4])
        if now is None or not now.sure or _state(now) != row[:5]:
            return None
        with reported(self._database.path):
            spelled = text_again(row[6])
            kept = Recorded(verdict=row[8], listed=row[9], proof=row[10])
            try:
                report = report_again(kept, spelled, self._policy, detail, row[7])
            except TooManyError:
                return None
        size = now.size if now.kind == "file" else None
        return respelled(report if report.size == size else replace(report, size=size), spelled, source)

    def keep(self, audited: Iterable[tuple[Stamp, Sequence[str], Report]]) -> None:
        """Record archives that were audited together: the state in which each was opened, its demands and its report.

        The reports have all details. All are recorded or none. CatalogueError: none is.
        """
        rows = [(state, images, report, recorded(report)) for state, images, report in audited]
        with self._lock, reported(self._database.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self.facts.store()
                for state, images, report, kept in rows:
                    self._connection.anew()
                    row = self._terms_of(images, record=True)
                    insert(self._connection, state, report, kept, row, self._clock())
                    self._ahead.forget(stored_text(state.path))
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                self._terms.clear()
                raise

    def _terms_of(self, images: Sequence[str], *, record: bool = False) -> int | None:
        """Return the row of the terms of this call, None where no archive was audited under them.

        `record` adds it to the current transaction where there is none.
        """
        key = tuple(images)
        if key not in self._terms:
            made = terms(self._policy, self._limits, images, self._demands)
            with self._lock, reported(self._database.path):
                if record:
                    self._connection.execute(
                        "INSERT OR IGNORE INTO terms (digest, tool, policy, limits, demands) VALUES (?, ?, ?, ?, ?)",
                        (made.digest, made.tool, made.policy, made.limits, made.demands),
                    )
                found = self._connection.execute("SELECT id FROM terms WHERE digest = ?", (made.digest,)).fetchone()
            if found is None:
                return None
            if len(self._terms) > _MOST_TERMS:
                self._terms.clear()
            self._terms[key] = int(found[0])
        return self._terms[key]


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def _folders(path: str) -> Iterator[str]:
    """Give the folders around a file, the innermost first."""
    while (folder := os.path.dirname(path)) != path:
        yield folder
        path = folder


def _seen(path: str, clock: Callable[[], str]) -> object:
    """Return the state of what the call reads beside archives; another one each time where none shows a change."""
    found = stamp(path)
    return [clock(), time.time_ns()] if found is None or not found.sure else _state(found)


def _state(now: Stamp) -> tuple[object, ...]:
    return (now.size, now.mtime_ns, now.ctime_ns, now.digest, now.kind)
