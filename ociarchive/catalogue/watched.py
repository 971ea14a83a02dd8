"""A connection to a catalogue that anybody may have made: SQLite runs what a file holds, so that has to be known.

A view or trigger in the file is a program, pages may lead to each other in a circle, and a journal beside the file may
name any other file, which SQLite then removes (SQLite, "How To Corrupt", and its notes on untrusted files).
"""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from ociarchive.blobio.source import close_read
from ociarchive.blobio.sqlitefile import BESIDE, HEADER, file_beside
from ociarchive.catalogue.failure import CatalogueCallError, damaged
from ociarchive.catalogue.schema import upgrade

if TYPE_CHECKING:
    from collections.abc import Mapping

#: So many steps of SQLite's machine are a second or two. Each byte of a file allows more: a row takes some fifty steps
#: to be found, counted or sorted, and has as many bytes.
_STEPS_FROM: Final = 50_000_000
_STEPS: Final = 10
_OFTEN: Final = 100_000
#: The longest row that answers need: paths, names, sentences. Reports are longer, and no longer than the file.
_LONGEST_ROW: Final = 1 << 20
#: An index that people make beside ours, over columns alone.
_INDEX: Final = re.compile(r"CREATE INDEX (\w+|\"\w+\") ON \w+ ?\([\w, ]+\)", re.ASCII)
#: How a journal ends that names another one (SQLite file format, 3, Super-Journal; pager.c, readSuperJournal).
_JOURNAL: Final = "-journal"
_SUPER: Final = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"


class Watched(sqlite3.Connection):
    """A connection whose work is bounded by the size of its file. `watch` begins it."""

    _size = 0
    _left = 0

    def watch(self, size: int) -> None:
        """Bound what is done from now on, for a file of `size` bytes with what lies beside it."""
        self._size = size
        self.anew()
        self.set_progress_handler(self._tick, _OFTEN)
        self.execute("PRAGMA trusted_schema = OFF")
        self.execute("PRAGMA cell_size_check = ON")

    def anew(self) -> None:
        """Begin to count again, where more work is to be done than to read the file once."""
        self._left = (_STEPS_FROM + _STEPS * self._size) // _OFTEN

    def answering(self) -> None:
        """Refuse every row that is longer than an answer needs."""
        self.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_ROW)

    def _tick(self) -> bool:
        self._left -= 1
        return self._left < 0


def require_own(connection: sqlite3.Connection, path: str, version: int, steps: Mapping[int, str]) -> None:
    """Refuse tables, views and triggers that are not those of a version (CatalogueError).

    Tables and views of other names may be there, for no statement of ours reads them, and so may indexes over columns.
    """
    fresh = sqlite3.connect(":memory:", isolation_level=None)
    try:
        upgrade(fresh, 0, {number: step for number, step in steps.items() if number <= version})
        ours = set(fresh.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema"))
    finally:
        fresh.close()
    names = {table for _, _, table, _ in ours}
    found = set()
    for row in connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema"):
        kind, name, table, text = row
        if row in ours:
            found.add(row)
        elif kind == "trigger" or (table in names and not (kind == "index" and _INDEX.fullmatch(str(text)))):
            raise damaged(path, f"{kind} {str(name)[:80]}, which ociarchive does not make")
    lacking = next((name for _, name, _, _ in sorted(ours - found, key=_tables_first)), None)
    if lacking is not None:
        raise damaged(path, f"no {lacking}")


def _tables_first(row: tuple[str, ...]) -> tuple[bool, str]:
    return row[0] != "table", row[1]


def require_own_beside(real: str, path: str) -> None:
    """Refuse files beside a catalogue by which SQLite would remove what it did not write (CatalogueCallError).

    One that is not of SQLite, and bears the name of one, it takes for its own; a journal may name any other file.
    """
    for end in BESIDE:
        with suppress(OSError):
            fd = os.open(real + end, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY)
            try:
                head = os.pread(fd, HEADER, 0)
                last = os.pread(fd, len(_SUPER), max(os.fstat(fd).st_size - len(_SUPER), 0))
            finally:
                close_read(fd)
            if file_beside(real + end, head) is None:
                raise overwritten(path + end)
            if end == _JOURNAL and last == _SUPER:
                raise CatalogueCallError(
                    "the journal beside the catalogue names another file, which SQLite would remove",
                    where=path + end,
                    hint="no journal of ociarchive does; remove it, or begin a new catalogue",
                )


def overwritten(path: str) -> CatalogueCallError:
    """Return the error of a file that SQLite would take for one of its own."""
    return CatalogueCallError("a file is there that SQLite would overwrite", where=path)


def size_of(real: str) -> int:
    """Return how many bytes a catalogue has, with those of its write-ahead log."""
    size = 0
    for name in (real, f"{real}-wal"):
        with suppress(OSError):
            size += os.stat(name, follow_symlinks=False).st_size
    return size
