"""What SQLite refuses, in sentences."""

from __future__ import annotations

import sqlite3
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from ociarchive.catalogue.failure import CatalogueError, damaged

if TYPE_CHECKING:
    from collections.abc import Iterator

_DAMAGED: Final = (
    "SQLITE_CORRUPT",
    "SQLITE_NOTADB",
    "SQLITE_FORMAT",
    "SQLITE_ERROR",
    "SQLITE_MISMATCH",
    "SQLITE_TOOBIG",
)


@contextmanager
def reported(path: str) -> Iterator[None]:
    """Raise CatalogueError for whatever SQLite refuses, with the way out, and for content that cannot be ours."""
    try:
        yield
    except sqlite3.Error as error:
        raise _told(error, path) from error
    except (zlib.error, KeyError, TypeError, ValueError) as error:
        raise damaged(path, str(error)) from error


def _told(error: sqlite3.Error, path: str) -> CatalogueError:
    name = getattr(error, "sqlite_errorname", None) or ""
    if name.startswith("SQLITE_FULL"):
        hint = "free some space there; what was recorded stays, and the next call goes on from it"
        return CatalogueError("cannot write the catalogue: no space left", where=path, hint=hint)
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        hint = "close what has it open, and call again"
        return CatalogueError("another program holds the catalogue", where=path, hint=hint)
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH")):
        hint = "permissions of the file and of its folder have to allow it"
        return CatalogueError(f"cannot use the catalogue: {error}", where=path, hint=hint)
    if name.startswith("SQLITE_INTERRUPT"):  # of Watched alone
        return damaged(path, "more work than its size can mean")
    if name.startswith(_DAMAGED):
        return damaged(path, str(error))
    hint = "a catalogue has to be on a disk of this machine, with space left"
    return CatalogueError(f"cannot use the catalogue: {error}", where=path, hint=hint)
