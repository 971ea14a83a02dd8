"""What a call takes from its surroundings: the time and the current folder."""

from __future__ import annotations

import datetime as dt
import os
import time
from dataclasses import dataclass
from typing import Final

from ociarchive.errors import UsageError, cannot

_EPOCH: Final = "SOURCE_DATE_EPOCH"
#: The last second that a date with a year of four digits has.
_LAST: Final = 253_402_300_799


@dataclass(frozen=True, slots=True)
class Now:
    """The time that reports bear. `pinned`: SOURCE_DATE_EPOCH gives it, so that nothing may depend on the clock."""

    time: dt.datetime
    pinned: bool


def now() -> Now:
    """Return the time that reports bear: SOURCE_DATE_EPOCH where it is set, else the clock's, in whole seconds.

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


def current_folder() -> str:
    """Return the current folder. HostError: it was removed, or cannot be told."""
    try:
        return os.getcwd()
    except OSError as error:
        where = os.environ.get("PWD") or "the current folder"
        raise cannot("tell the current folder", error, where) from error
