"""A report of an audit in the making: it takes each archive as it comes and keeps text alone, in nameless files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ociarchive.origin import Closing
from ociarchive.report.shared.held import Held

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ociarchive.auditing import Report
    from ociarchive.auditing.run import Run


class Piecewise(Closing):
    """One report in the making. Its memory does not grow with the number of archives. As a context it lets go of all.

    A format writes of each archive what it can, and puts the pieces together when all were taken: only then it knows
    what stands before them, as their number or those that failed. `run` is what is known before the first archive.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self._held: list[Held] = []

    def hold(self) -> Held:
        """Return a place for a part of the text."""
        self._held.append(Held())
        return self._held[-1]

    def close(self) -> None:
        """Let go of the text."""
        for held in self._held:
            held.close()

    def take(self, report: Report) -> None:
        """Take the next archive. HostError: there is no space for what is written of it."""
        raise NotImplementedError

    def passes_over(self, path: str, what: str) -> None:
        """Take a file that is skipped in a folder of archives: `what` it is. Most formats do not name it."""

    def pieces(self, run: Run) -> Iterator[str]:
        """Give the whole report, after the last archive. `run` is what is known then."""
        raise NotImplementedError


def whole(making: Piecewise, reports: Iterable[Report]) -> str:
    """Return the report of some archives at once, for a run about which all is known from the start."""
    with making:
        for report in reports:
            making.take(report)
        return "".join(making.pieces(making.run))


class Listing:
    """Entries of a list in JSON, each written with an indent of 2 where it comes, so that none is kept.

    `newline` begins a line at the depth of the list itself.
    """

    def __init__(self, newline: str) -> None:
        self._newline, self._empty = newline, True

    def entry(self, pieces: Iterable[str]) -> Iterator[str]:
        """Give the pieces of one more entry, with what stands before it."""
        yield f"{'[' if self._empty else ','}{self._newline}  "
        self._empty = False
        yield from pieces

    def end(self) -> str:
        """Return what ends the list."""
        return "[]" if self._empty else f"{self._newline}]"
