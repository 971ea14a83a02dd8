"""The file of a catalogue: opened for one writer, or to be read beside it."""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from ociarchive.blobio.beside import Beside, require_folder
from ociarchive.blobio.locks import nobody, wait_for
from ociarchive.blobio.source import close_read
from ociarchive.blobio.sqlitefile import APPLICATION_ID, BESIDE, HEADER, is_catalogue
from ociarchive.catalogue.failure import CatalogueCallError, CatalogueError, damaged
from ociarchive.catalogue.guard import reported
from ociarchive.catalogue.schema import OLDEST_READ, STEPS, upgrade
from ociarchive.catalogue.watched import Watched, overwritten, require_own, require_own_beside, size_of
from ociarchive.errors import HostError, UsageError, cannot

if TYPE_CHECKING:
    from ociarchive.blobio.locks import Hear

_VERSION: Final = max(STEPS)
#: Seconds that a reader or a program of others may keep the file from being written.
_PATIENCE: Final = 30.0
#: KiB of pages in memory, and pages of 4 KiB in the log before they go to their places. Indexes of digests are written
#: all over: a page that several archives change is written once.
_CACHE: Final = 8192
_LOG: Final = 4000


class Database:
    """A catalogue that this process alone writes. Leave it with `close`."""

    def __init__(self, path: str, hear: Hear = nobody) -> None:
        """Open the catalogue at a path, or make one. `hear` reports that another run has it, which is waited for.

        CatalogueCallError: the file is no catalogue, or of a newer version; it stays as it is. CatalogueError: it is
        damaged, or cannot be opened.
        """
        self.path = path
        real = os.path.realpath(path)
        require(real, path)
        if not os.path.lexists(real) or not os.path.getsize(real):
            _make(real, path)
            require(real, path)
        try:
            self._lock = os.open(real, os.O_RDWR | os.O_CLOEXEC | os.O_NOCTTY)
        except OSError as error:
            raise _failed(cannot("open", error, path)) from error
        # It stays open as long as the connection: closing any descriptor of a file gives up SQLite's own locks of it.
        try:
            with suppress(OSError):  # a file system without locks
                wait_for(self._lock, lambda: hear(f"waiting for another audit, which writes the catalogue {path}"))
            if not os.path.lexists(real) or not os.path.samestat(os.fstat(self._lock), os.stat(real)):
                raise CatalogueError("another file took the place of the catalogue in the meantime", where=path)
            self.connection = self._connected(real)
        except BaseException:
            close_read(self._lock)
            raise

    def _connected(self, real: str) -> Watched:
        with reported(self.path):
            connection = sqlite3.connect(
                real, timeout=_PATIENCE, isolation_level=None, check_same_thread=False, cached_statements=64,
                factory=Watched,
            )  # fmt: skip
            try:
                connection.watch(size_of(real))
                version = _version(connection, self.path)
                if version:
                    require_own(connection, self.path, version, STEPS)
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")  # what was reported is there after a loss of power too
                connection.execute(f"PRAGMA cache_size = -{_CACHE}")
                connection.execute(f"PRAGMA wal_autocheckpoint = {_LOG}")
                connection.execute("PRAGMA foreign_keys = ON")
                upgrade(connection, version, STEPS)
            except BaseException:
                connection.close()
                raise
            return connection

    def close(self) -> None:
        """Close the file. What was not committed is undone."""
        try:
            with reported(self.path):
                self.connection.close()
        finally:
            close_read(self._lock)


def open_to_read(path: str) -> Watched:
    """Return a connection that changes nothing. Errors are those of `Database`; no file is CatalogueCallError."""
    real = os.path.realpath(path)
    if not os.path.lexists(real):
        raise CatalogueCallError("no such catalogue", where=path)
    require(real, path)
    if not os.path.getsize(real):
        raise CatalogueCallError("the catalogue is empty: no archive was recorded in it yet", where=path)
    # Who may write tidies up SQLite's files after the last reader. On a medium that takes none, none are needed.
    wal = os.path.lexists(f"{real}-wal")
    with reported(path):
        for way in ("rw", "ro") if wal else ("rw", "ro", "ro&immutable=1"):
            with suppress(sqlite3.OperationalError):
                return _readable(f"file:{quote(os.fsencode(real))}?mode={way}", path, size_of(real))
        return _readable(f"file:{quote(os.fsencode(real))}?mode=ro", path, size_of(real))


def _readable(uri: str, path: str, size: int) -> Watched:
    connection = sqlite3.connect(uri, uri=True, timeout=_PATIENCE, isolation_level=None, factory=Watched)
    try:
        connection.watch(size)
        connection.answering()
        connection.execute("PRAGMA query_only = ON")
        version = _version(connection, path)
        if version < OLDEST_READ:
            hint = "`ociarchive audit --catalogue` brings it to this version"
            raise CatalogueCallError("the catalogue is of an earlier version", where=path, hint=hint)
        require_own(connection, path, version, STEPS)
    except BaseException:
        connection.close()
        raise
    return connection


def _make(real: str, path: str) -> None:
    """Make an empty catalogue, whole or not at all; where another run has just made one, that one stays."""
    with reported(path):
        connection = sqlite3.connect(":memory:", isolation_level=None)
        try:
            upgrade(connection, 0, STEPS)
            made = connection.serialize()
        finally:
            connection.close()
    try:
        Beside(real, "catalogue", force=False, ours=lambda _: False, say=nobody).write([made])
    except UsageError:
        if not os.path.lexists(real):
            raise
    except HostError as error:
        raise _failed(error) from error


def require(real: str, path: str) -> None:
    """Refuse, before any file is opened for writing, what is no catalogue, and what SQLite would overwrite."""
    try:
        status = os.stat(real)
    except (FileNotFoundError, NotADirectoryError):
        for end in BESIDE:
            if os.path.lexists(real + end) and not os.path.lexists(real):  # which another call may have just made
                raise overwritten(path + end) from None
        require_folder(path, "catalogue")
        return
    except OSError as error:
        raise _failed(cannot("open", error, path)) from error
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "neither a file nor a folder"
        raise CatalogueCallError("the catalogue cannot be there", where=path, expected="a file", found=kind)
    require_own_beside(real, path)
    if not status.st_size:
        return
    try:
        with open(real, "rb") as file:
            head = file.read(HEADER)
    except OSError as error:
        raise _failed(cannot("open", error, path)) from error
    if not is_catalogue(head):
        hint = "it stays as it is; name another file"
        raise CatalogueCallError("the file is no catalogue of ociarchive", where=path, hint=hint)


def _version(connection: sqlite3.Connection, path: str) -> int:
    """Return the version of the tables, 0 for an empty file."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (mark,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if mark != APPLICATION_ID and (mark or tables or version):
        raise CatalogueCallError("the file is no catalogue of ociarchive", where=path)
    if version > _VERSION:
        raise CatalogueCallError(
            "the catalogue was written by a newer version of ociarchive",
            where=path,
            expected=f"version {_VERSION} of its tables at most",
            found=f"version {version}",
            hint="use that version, or name another file",
        )
    if mark == APPLICATION_ID and not (version and tables):
        raise damaged(path, "no tables")
    if version < 0:
        raise damaged(path, f"version {version} of its tables")
    return int(version)


def _failed(error: HostError | UsageError) -> CatalogueError | CatalogueCallError:
    kind = CatalogueCallError if isinstance(error, UsageError) else CatalogueError
    return kind(error.what, where=error.where, hint=error.hint)
