"""How much a comparison may come to: images of two archives may meet in as many pairs as there are names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ociarchive.blobio.limits import LimitError

if TYPE_CHECKING:
    from ociarchive.blobio.limits import Limits

#: Characters of a value that take a line of a report.
_LINE: Final = 400


class Work:
    """Counts the steps of one comparison, and the lines of its report. LimitError: they are more than is allowed."""

    def __init__(self, limits: Limits, where: str) -> None:
        """`where` names what is compared. Each archive may have `limits.listed` lines, a comparison those of both."""
        self._limits, self._where = limits, where
        self.most = 2 * limits.listed
        self._steps = self._lines = 0

    def spend(self, steps: int) -> None:
        """Count steps that will be taken."""
        self._steps += steps
        if self._steps > self._limits.compared:
            what = f"holding what differs against each other takes more than {self._limits.compared} steps"
            raise LimitError(what, "compared", where=self._where)

    def list(self, *values: object) -> None:
        """Count a line, and more where values are long."""
        self.lines(1 + sum(_length(value) for value in values) // _LINE)

    def lines(self, count: int) -> None:
        """Count lines."""
        self._lines += count
        if self._lines > self.most:
            what = f"what differs, and the images' names and layers, are more than {self.most} lines"
            raise LimitError(what, "listed", where=self._where)


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
