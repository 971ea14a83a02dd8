"""Rows of archives, read ahead: archives are mostly asked for in the order of their paths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import sqlite3

    from ociarchive.auditing.report import Detail

#: At most so many rows are read at a time, and no further one once they have so many bytes.
_MOST: Final = 256
_BYTES: Final = 1 << 20
_ROWS = """SELECT a.path, a.size, a.mtime_ns, a.ctime_ns, a.stamp, a.kind, a.terms, a.source, a.audited,
    r.verdict, {listed}, {proof} FROM archives a JOIN reports r ON r.archive = a.id WHERE a.path {asked}"""
#: What is not asked for is not read.
_PARTS: Final[dict[Detail, dict[str, str]]] = {
    "verdict": {"listed": "NULL", "proof": "NULL"},
    "images": {"listed": "r.listed", "proof": "NULL"},
    "all": {"listed": "r.listed", "proof": "r.proof"},
}
#: Where the reports stand in a row.
_REPORTS: Final = slice(9, None)


class Ahead:
    """Gives the row of a path, and has the next ones at hand where each was asked for in turn.

    A row is the state of an archive (size, mtime_ns, ctime_ns, stamp, kind), then its terms, source and time, and its
    report in three parts, without its path.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._rows: dict[str | bytes, tuple[Any, ...]] = {}
        self._detail: Detail | None = None
        self._last: str | bytes = ""
        self._read = self._used = 0

    def row(self, path: str | bytes, detail: Detail) -> tuple[Any, ...] | None:
        """Return the row of an archive, None where there is none. sqlite3.Error: the file cannot be read."""
        if detail != self._detail:
            self._rows.clear()
            self._detail, self._last = detail, ""
        found = self._rows.pop(path, None)
        if found is not None:
            self._used += 1
            return found
        if _before(path, self._last):  # it is new, or asked for out of turn: what was read ahead may still be of use
            return self._one(path, detail)
        return self._on_from(path, detail)

    def forget(self, path: str | bytes) -> None:
        """The row of this path is another one now."""
        self._rows.pop(path, None)

    def _one(self, path: str | bytes, detail: Detail) -> tuple[Any, ...] | None:
        asked = _ROWS.format(asked="= ?", **_PARTS[detail])
        row = self._connection.execute(asked, (path,)).fetchone()
        return None if row is None else row[1:]

    def _on_from(self, path: str | bytes, detail: Detail) -> tuple[Any, ...] | None:
        """Return the row of a path, and read as many behind it as the last ones that were read were of use."""
        most = min(self._read * 2, _MOST) if self._used * 2 >= self._read > 0 else 1
        asked = _ROWS.format(asked=">= ? ORDER BY a.path", **_PARTS[detail])
        self._rows.clear()
        self._last, self._read, self._used = path, 0, 0
        read = 0
        cursor = self._connection.execute(asked, (path,))
        try:
            while self._read < most and read < _BYTES and (row := cursor.fetchone()) is not None:
                self._last = row[0]
                self._rows[row[0]] = row[1:]
                self._read += 1
                read += sum(map(len, filter(None, row[_REPORTS])))
        finally:
            cursor.close()
        found = self._rows.pop(path, None)
        self._used = int(found is not None)
        return found


def _before(path: str | bytes, last: str | bytes) -> bool:
    """Whether a path stands before or at another one in the order of SQLite, in which bytes follow all texts."""
    if isinstance(path, str) and isinstance(last, str):
        return path <= last
    return isinstance(path, str) or (isinstance(last, bytes) and path <= last)
