"""How much a comparison may come to: images of two archives may meet in as many pairs as there are names."""

from __future__ import annotations

import threading
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from ociarchive.blobio.limits import LimitError

if TYPE_CHECKING:
    from ociarchive.blobio.limits import Limits

#: Steps that reading a member of a layer takes; and stored bytes that one has at least where there are very many: a
#: header alone, compressed, has 50 to 100.
_MEMBER: Final = 20
_LEAST: Final = 100
#: Characters of a value that take a line of a report.
_LINE: Final = 400


class Work:
    """Counts the steps of one comparison, and the lines of its report. LimitError: they are more than is allowed."""

    def __init__(self, limits: Limits, where: str) -> None:
        """`where` names what is compared. Each archive may have `limits.listed` lines, a comparison those of both."""
        self._limits, self._where = limits, where
        self.most = 2 * limits.listed
        self._steps = self._lines = self._members = 0
        self._lock = threading.Lock()

    def spend(self, steps: int) -> None:
        """Count steps that will be taken."""
        self._steps += steps
        if self._steps > self._limits.compared:
            what = f"holding what differs against each other takes more than {self._limits.compared} steps"
            raise LimitError(what, "compared", where=self._where)

    def members(self, count: int, stored: int) -> int:
        """Count members of layers whose paths were read, of archives of `stored` bytes; return how many may follow.

        Calls come from several threads. Whether all are too many does not depend on their order.
        """
        most = max(self._limits.compared // _MEMBER, stored // _LEAST)
        with self._lock:
            self._members += count
            left = most - self._members
        if left < 0:
            what = f"layers whose paths are compared have more than {most} members"
            raise LimitError(what, "compared", where=self._where)
        return left

    def list(self, *values: object) -> None:
        """Count a line, and more where values are long."""
        self.lines(1 + sum(_length(value) for value in values) // _LINE)

    def lines(self, count: int) -> None:
        """Count lines."""
        self._lines += count
        if self._lines > self.most:
            what = f"what differs, and the images' names and layers, are more than {self.most} lines"
            raise LimitError(what, "listed", where=self._where)


class Listing:
    """Which of many lists have room in one report, in order: those up to the one with which they are too many.

    The lists end in any order, in several threads; which of them have room does not depend on it.
    """

    def __init__(self, most: int) -> None:
        """`most` is how many entries all lists may have together."""
        self.most = most
        self._lock = threading.Lock()
        self._counts: dict[int, int] = {}
        self._total = 0

    def add(self, place: int, count: int) -> bool:
        """Hear how many entries the list at a place has; False where it surely has no room."""
        with self._lock:
            self._counts[place] = count
            self._total += count
            if self._total <= self.most:  # then those before it are few enough, too
                return True
            return sum(size for at, size in self._counts.items() if at <= place) <= self.most

    def fitting(self) -> dict[int, bool]:
        """Return for each place whether its list has room, once all were heard of."""
        places = sorted(self._counts)
        sums = accumulate(self._counts[place] for place in places)
        return {place: total <= self.most for place, total in zip(places, sums, strict=True)}


def _length(value: object) -> int:
    """Return about how many characters a JSON value has in a report."""
    found, pending = 0, [value]
    while pending:
        one = pending.pop()
        if isinstance(one, str):
            found += len(one)
        elif isinstance(one, dict):
            pending.extend(one)
            pending.extend(one.values())
        elif isinstance(one, list):
            pending.extend(one)
        found += 4
    return found
