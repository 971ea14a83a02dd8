"""Bounds the work of a comparison: images of two archives may be in as many pairs as there are names."""

from __future__ import annotations

import threading
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from ociarchive.blobio.limits import LimitError
from ociarchive.errors import plural

if TYPE_CHECKING:
    from ociarchive.blobio.limits import Limits

#: Steps for reading a member of a layer; and the least stored bytes of a member where there are very many: a
#: compressed header alone has 50 to 100.
_MEMBER: Final = 20
_LEAST: Final = 100
#: Characters of a value that fill a line of a report.
_LINE: Final = 200


class Work:
    """Counts the steps of one comparison, and the lines of its report. LimitError: there are too many."""

    def __init__(self, limits: Limits, where: str) -> None:
        """`where` names what is compared. Each archive may have `limits.listed` lines, a comparison twice as many."""
        self._limits, self._where = limits, where
        self.most = 2 * limits.listed
        self._steps = self._lines = self._members = 0
        self._lock = threading.Lock()

    def spend(self, steps: int) -> None:
        """Count steps before they are taken."""
        self._steps += steps
        if self._steps > self._limits.compared:
            what = f"holding what differs against each other takes more than {plural(self._limits.compared, 'step')}"
            raise LimitError(what, "compared", where=self._where)

    def members(self, count: int, stored: int) -> int:
        """Count members of layers whose paths were read. Return how many may follow. The archives have `stored` bytes.

        Calls come from several threads. Their order does not decide whether the total is too large.
        """
        most = max(self._limits.compared // _MEMBER, stored // _LEAST)
        with self._lock:
            self._members += count
            left = most - self._members
        if left < 0:
            what = f"layers whose paths are compared have more than {plural(most, 'member')}"
            raise LimitError(what, "compared", where=self._where)
        return left

    def list(self, *values: object) -> None:
        """Count a line, or several for long values."""
        self.lines(1 + sum(_length(value) for value in values) // _LINE)

    def lines(self, count: int) -> None:
        """Count lines."""
        self._lines += count
        if self._lines > self.most:
            what = f"what differs, and the images' names and layers, are more than {plural(self.most, 'line')}"
            raise LimitError(what, "listed", where=self._where)


class Listing:
    """Which of many lists fit into one report, in order: all before the one that exceeds the limit.

    The lists are completed in any order, in several threads. This order does not decide which of them fit.
    """

    def __init__(self, most: int) -> None:
        """`most` limits the entries of all lists together."""
        self.most = most
        self._lock = threading.Lock()
        self._counts: dict[int, int] = {}
        self._total = 0
        self._full: int | None = None

    def add(self, place: int, count: int) -> bool:
        """Record the number of entries of the list at a position. False: it surely does not fit."""
        with self._lock:
            self._counts[place] = count
            self._total += count
            if self._total <= self.most:  # then those before it fit, too
                return True
            if self._full is not None and place >= self._full:
                return False
            fits = sum(size for at, size in self._counts.items() if at <= place) <= self.most
            self._full = self._full if fits else place
            return fits

    def fitting(self) -> dict[int, bool]:
        """Return for each position whether its list fits, after all were recorded."""
        places = sorted(self._counts)
        sums = accumulate(self._counts[place] for place in places)
        return {place: total <= self.most for place, total in zip(places, sums, strict=True)}


def _length(value: object) -> int:
    """Return roughly how many characters a JSON value takes in a report."""
    found, pending = 0, [value]
    while pending:
        one = pending.pop()
        if isinstance(one, str):
            found += len(repr(one))  # what cannot be printed has ten characters
        elif isinstance(one, dict):
            pending.extend(one)
            pending.extend(one.values())
        elif isinstance(one, list):
            pending.extend(one)
        found += 4
    return found
