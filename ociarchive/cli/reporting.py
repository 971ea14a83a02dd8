"""The reports of an audit: the result of the call, and each that `--report` asks for, from one reading."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from ociarchive import near
from ociarchive.cli.common import output, width
from ociarchive.cli.output import STDOUT, Output
from ociarchive.errors import UsageError
from ociarchive.report.audit.audit_table import AuditTable
from ociarchive.report.audit.tally import Tally
from ociarchive.report.rendering import DETAILS, NAMING, REPORTS, begin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ociarchive.auditing import Report
    from ociarchive.auditing.report import Detail
    from ociarchive.auditing.run import Run, Unread
    from ociarchive.cli.common import Common
    from ociarchive.report.audit.piecewise import Piecewise

F = TypeVar("F", bound="Callable[..., Any]")
TABLE: Final = "table"
_DEPTHS: Final[tuple[Detail, ...]] = ("verdict", "images", "all")


def report_option(function: F) -> F:
    """Add `--report`."""
    return click.option(
        "--report",
        "reports",
        multiple=True,
        metavar="FORMAT=FILE",
        help="Write one more report, of the same reading, to FILE (repeatable).",
    )(function)


class Reports:
    """The reports of a call, each with its place. The first is the result. As a stack of contexts it lets go of all."""

    def __init__(self, values: dict[str, Any], shared: Common) -> None:
        """Read the options. UsageError: no such format, no file, or one file for two reports."""
        self._shared = shared
        asked = [_asked(text) for text in values["reports"]]
        self._formats: list[str] = [values["fmt"], *(form for form, _ in asked)]
        self._files = [values["output"], *(path for _, path in asked)]
        self._outputs = [output(values, shared)]
        self._outputs += [Output(path, "report", force=values["force"], say=shared.notice) for _, path in asked]
        self._making: list[Piecewise] = []
        self._tally = Tally()
        stream = STDOUT if self._files[0] in (None, STDOUT) else None
        for number, place in enumerate(self._outputs):
            place.apart_from((path for path in self._files[:number] if path not in (None, STDOUT)), stream)

    @property
    def timed(self) -> bool:
        """Whether a report has the time in it."""
        return any(form != TABLE for form in self._formats)

    @property
    def detail(self) -> Detail:
        """How much the reports need of an archive."""
        return max((DETAILS.get(form, "verdict") for form in self._formats), key=_DEPTHS.index)

    @property
    def naming(self) -> bool:
        """Whether a report names archives by their digests."""
        return any(form in NAMING for form in self._formats)

    @property
    def failed(self) -> bool:
        """Whether an archive failed."""
        return self._tally.failed > 0

    def apart_from(self, paths: Iterable[str]) -> None:
        """Refuse reports over or inside of what the call reads (UsageError)."""
        listed = list(paths)
        for place in self._outputs:
            place.apart_from(listed)

    def require(self) -> None:
        """Refuse, before any work, places that cannot or must not be written to. UsageError, HostError."""
        for place in self._outputs:
            place.require()

    @property
    def archives(self) -> int:
        """The number of archives so far."""
        return self._tally.archives

    def outcome(self, unread: Sequence[Unread]) -> str:
        """Return the verdict on all archives in one line. `unread` are the sources that could not be audited."""
        return self._tally.outcome([one.source for one in unread])

    def begin(self, run: Run, stack: ExitStack) -> None:
        """Begin all reports. `run` is what is known before the first archive; `stack` lets go of them."""
        for form, path in zip(self._formats, self._files, strict=True):
            making = begin(form, run) if form in REPORTS else self._table(run, path)
            self._making.append(stack.enter_context(making))

    def take(self, report: Report) -> None:
        """Take the next archive into all reports."""
        self._tally.add(report)
        for making in self._making:
            making.take(report)

    def passes_over(self, path: str, what: str) -> None:
        """Take a file that is skipped into the reports that name such."""
        for making in self._making:
            making.passes_over(path, what)

    def write(self, run: Run, *, clock: float) -> None:
        """Write all reports, files all or none. `clock` is the seconds that the work took, for the table.

        UsageError, HostError: one cannot or must not be written.
        """
        if not self._tally.archives and not self.timed:
            return
        with ExitStack() as stack:
            every = []
            for form, path, place, making in zip(self._formats, self._files, self._outputs, self._making, strict=True):
                told = replace(run, seconds=clock) if form == TABLE else run
                styled = form == TABLE and self._shared.colours(path)
                every.append(stack.enter_context(place.staged(making.pieces(told), styled=styled)))
            for staged in sorted(every, key=lambda one: not one.direct):
                staged.commit()
        verdict = self.outcome(run.unread)
        for form, path in zip(self._formats, self._files, strict=True):
            self._shared.wrote(verdict, path, form)

    def _table(self, run: Run, path: str | None) -> Piecewise:
        whole = self._shared.verbose > 0
        return AuditTable(run, width=width(), whole=whole, paint=self._shared.painter(path))


def _asked(text: str) -> tuple[str, str]:
    """Return the format and the file of `--report`. UsageError: it names none of either."""
    form, equals, path = text.partition("=")
    formats = (TABLE, *REPORTS)
    if form in formats and not path:
        raise UsageError(f"--report takes FORMAT=FILE, not {text!r}", hint=f"name a file: {form}=FILE")
    if not equals or not path:
        raise UsageError(f"--report takes FORMAT=FILE, not {text!r}", expected=f"a format of {', '.join(formats)}")
    if form not in formats:
        what = f"--report has no format {form!r}"
        raise UsageError(what, expected=f"one of {', '.join(formats)}", hint=near.hint(form, formats))
    if path == STDOUT:
        raise UsageError("--report writes to files", hint=f"--format {form} writes to standard output")
    return form, path
