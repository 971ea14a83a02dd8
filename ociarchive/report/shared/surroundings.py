"""What a report takes from its environment: the time, the current folder, the digests of files."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ociarchive.blobio.source import open_regular
from ociarchive.errors import UsageError, cannot

if TYPE_CHECKING:
    from collections.abc import Iterable

_EPOCH: Final = "SOURCE_DATE_EPOCH"
#: The time of what has none.
EPOCH: Final = dt.datetime.fromtimestamp(0, dt.UTC)
#: The last second that a date with a year of four digits has.
_LAST: Final = 253_402_300_799


@dataclass(frozen=True, slots=True)
class Now:
    """The time in reports. `pinned`: SOURCE_DATE_EPOCH gives it, so that nothing may depend on the clock."""

    time: dt.datetime
    pinned: bool


def now() -> Now:
    """Return the time for reports: SOURCE_DATE_EPOCH where it is set, else the clock's, in whole seconds.

    UsageError: it is set and no time (reproducible-builds.org, SOURCE_DATE_EPOCH: a number of seconds in ASCII).
    """
    told = os.environ.get(_EPOCH, "")
    if not told:
        return Now(dt.datetime.fromtimestamp(int(time.time()), dt.UTC), pinned=False)
    if not (told.isascii() and told.isdecimal()) or len(told) > len(str(_LAST)) or int(told) > _LAST:
        shown = told if len(told) <= len(str(_LAST)) * 2 else f"{told[: len(str(_LAST))]}…"
        raise UsageError(
            f"{_EPOCH} is no time", expected=f"seconds since 1970 in digits, {_LAST} at most", found=repr(shown)
        )
    return Now(dt.datetime.fromtimestamp(int(told), dt.UTC), pinned=True)


def utc(moment: dt.datetime) -> str:
    """Return a time in UTC as documents have it, to the second (RFC 3339)."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def current_folder() -> str:
    """Return the current folder. HostError: it was removed, or is unknown."""
    try:
        return os.getcwd()
    except OSError as error:
        where = os.environ.get("PWD") or "the current folder"
        raise cannot("tell the current folder", error, where) from error


def sha256_of(path: str) -> str:
    """Return the sha256 of a file in hex. ContentError: it is no regular file. HostError: it cannot be read."""
    with open(open_regular(path, path), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def source_digests(paths: Iterable[str]) -> dict[str, str | None]:
    """Return the digest of each source, for a receipt; None for one that is no file."""
    return {path: f"sha256:{sha256_of(path)}" if os.path.isfile(path) else None for path in paths}
