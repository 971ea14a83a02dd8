"""The audit for people: verdicts first, then what was found, then what was proved."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Final

from ociarchive.auditing.rule import SEVERITIES
from ociarchive.errors import plural
from ociarchive.report.audit.piecewise import Piecewise
from ociarchive.report.audit.tally import Tally
from ociarchive.report.audit.view import by_rule, receipt_line
from ociarchive.report.shared.text import (
    aligned,
    columns,
    command,
    images_said,
    placed,
    safe,
    short,
    shortened,
    size,
    tail,
    widths,
    wrapped,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ociarchive.auditing import Finding, Report
    from ociarchive.auditing.run import Run

_MARGIN = 9
_INDENT = 6
_NUMBERS = (2, 3, 4)
_HEADERS = ["archive", "format", "images", "blobs", "read", "verdict"]
#: The least columns for an archive's name in a table; where there are fewer, each archive has lines of its own.
_NARROW = 12
_DIGEST = 64
#: Stands between the cells of a row that is kept: no text that is safe for a terminal holds it.
_BETWEEN: Final = "\t"
#: How many findings of a rule are shown for an archive. `-v` shows all.
SHOWN = 3


class AuditTable(Piecewise):
    """The table of archives, findings and verdict in the making.

    `whole` shows digests in full. `paint` colours a word for a severity.
    """

    def __init__(self, run: Run, *, width: int, whole: bool, paint: Callable[[str, str], str]) -> None:
        super().__init__(run)
        self._width, self._whole, self._paint = width, whole, paint
        self._rows, self._found = self.hold(), self.hold()
        self._tally = Tally()
        self._widths = widths([_HEADERS])
        self._verdict = columns(_HEADERS[-1])
        self._any = self._marked = False

    def take(self, report: Report) -> None:
        """Take the next archive: its row, and what was found in it."""
        row = _row(report)
        self._tally.add(report)
        *others, last = map(columns, row)
        self._widths = [*map(max, self._widths, others)]
        self._verdict = max(self._verdict, last)
        self._marked = self._marked or others[0] < len(row[0])
        self._rows.take([f"{_BETWEEN.join(row)}\n"])
        if report.findings:
            self._any = True
            self._found.take(_ended(_findings(report, self._width, self._paint, whole=self._whole)))

    def pieces(self, run: Run) -> Iterator[str]:
        """Give the table, line by line. `unread` of the run did not pass, so the whole does not."""
        yield from _ended(self._archives())
        yield "\n"
        yield from self._found.pieces()
        if self._any:
            yield "\n"
        unread = [one.source for one in run.unread]
        yield from _ended(_verdict(self._tally, self._width, run.seconds, self._paint, unread))

    def _archives(self) -> Iterator[str]:
        """Give a table of the archives. Rows are read twice, so that many need no room."""
        width, paint = self._width, self._paint
        names, *others = self._widths
        room = width - sum(one + 2 for one in (*others, self._verdict))
        if room < min(names, _NARROW):
            for row in self._kept():
                yield from _lines(row, width, paint)
            return
        first = names
        if names > room or self._marked:
            first = max(columns(tail(row[0], room)) for row in chain([_HEADERS], self._kept()))
        yield aligned(_HEADERS, [first, *others], _NUMBERS)
        for name, *facts, verdict in self._kept():
            yield aligned([tail(name, room), *facts, _painted(verdict, paint)], [first, *others], _NUMBERS)

    def _kept(self) -> Iterator[list[str]]:
        return (line.rstrip("\n").split(_BETWEEN) for line in self._rows.lines())


def _ended(lines: Iterable[str]) -> Iterator[str]:
    return (f"{line.rstrip()}\n" for line in lines)


def _lines(row: Sequence[str], width: int, paint: Callable[[str, str], str]) -> Iterator[str]:
    """Give an archive's row in lines, for a terminal in which no table fits."""
    name, form, images, blobs, read, verdict = row
    yield tail(name, width)
    held = f"{form}, {plural(int(images), 'image')}, " if images.isdecimal() else ""
    told = f"{verdict}; {held}{plural(int(blobs), 'blob')}, {read} read"
    first, *more = wrapped(told, width - 2, "      ")
    yield f"  {_painted(first, paint)}"
    yield from (f"  {line}" for line in more)


def _row(report: Report) -> list[str]:
    counts = []
    if report.findings:
        counts = [plural(report.count(severity), severity) for severity in SEVERITIES if report.count(severity)]
    contents = report.contents
    return [
        safe(report.source),
        contents.format if contents else "-",
        str(contents.distinct) if contents else "-",
        str(report.blobs),
        size(report.bytes),
        f"{'FAIL' if report.failed else 'PASS'}  {', '.join(counts)}".rstrip(),
    ]


def _painted(verdict: str, paint: Callable[[str, str], str]) -> str:
    """Return a text with the colour of the verdict that it begins with."""
    word = verdict[:4]
    return paint(word, "error" if word == "FAIL" else "pass") + verdict[4:]


def _findings(report: Report, width: int, paint: Callable[[str, str], str], *, whole: bool) -> Iterator[str]:
    """Give an archive's findings rule by rule, errors first; of many of one rule the first alone."""
    for shown, more in first_of_each(report.findings, whole=whole):
        for finding in shown:
            yield from _finding(finding, width, paint, whole=whole)
        if more:
            told = f"{more} in {report.source}: -v shows all"
            yield from placed(wrapped(told, width - _MARGIN, "  "), _MARGIN, width)


def first_of_each(findings: Iterable[Finding], *, whole: bool) -> Iterator[tuple[list[Finding], str]]:
    """Give findings rule by rule, errors first: of many of one rule the first few and words about the others."""
    for (_, rule), found in by_rule(findings).items():
        shown = found if whole else found[:SHOWN]
        left = len(found) - len(shown)
        yield shown, f"and {left} more of {rule}" if left else ""


def _finding(finding: Finding, width: int, paint: Callable[[str, str], str], *, whole: bool) -> list[str]:
    head = paint(finding.severity.ljust(_MARGIN), finding.severity)
    place = safe(finding.location) if whole else shortened(safe(finding.location))
    inner = width - _MARGIN
    first = f"{finding.rule}  {place}"
    told = []
    if columns(first) > inner:
        first = finding.rule
        told += wrapped(place, inner, "  ", whole=whole)
    told += wrapped(finding.message if whole else shortened(finding.message), inner, "", whole=whole)
    for word, value in (("expected", finding.expected), ("found", finding.found)):
        if value is not None:
            told += wrapped(f"{word:<8} {_value(value, whole=whole)}", inner, " " * 9, whole=whole)
    return [f"{head}{first}", *placed(told, _MARGIN, width)]


def _value(value: str, *, whole: bool) -> str:
    algorithm, colon, encoded = value.partition(":")
    if colon and not whole and len(encoded) >= _DIGEST and algorithm.isalnum():
        return f"{algorithm}:{short(value)}"
    return safe(value)


def verdict(
    reports: Iterable[Report],
    *,
    width: int,
    seconds: float | None = None,
    paint: Callable[[str, str], str] = lambda text, _: text,
    unread: Sequence[str] = (),
) -> list[str]:
    """Return the lines that end an audit: the verdict, what was read and what was proved, why it failed."""
    return _verdict(Tally.of(reports), width, seconds, paint, unread)


def _verdict(
    tally: Tally, width: int, seconds: float | None, paint: Callable[[str, str], str], unread: Sequence[str]
) -> list[str]:
    word = tally.outcome(unread)
    proved = _proved(tally, sound=word.startswith("PASS") and not tally.waived)
    told = [f"{images_said(tally.distinct, tally.images)}, {proved}"]
    told += _strictness(tally)
    told += _recorded(tally)
    told += _receipt(tally)
    for one in tally.waivers:
        count = tally.waived[one.rule]
        left = f", {plural(count, 'finding')} left out" if count else ""
        told.append(f"{one.rule} is {one.how} ({safe(one.by)}){left}")
    sums = f"{word}; {plural(tally.blobs, 'blob')}, {size(tally.bytes)} read"
    if seconds is not None:  # what a catalogue has was read by another call
        sums += f", {size(tally.fresh)} of it in this call," if tally.recorded else ""
        sums += f" in {seconds:.1f} s"
    first, *more = wrapped(sums, width, " " * _INDENT)
    lines = [_painted(first, paint), *more]
    for line in told:
        lines += placed(wrapped(line, width - _INDENT, "  "), _INDENT, width)
    lines += [f"{' ' * _INDENT}not audited: {safe(one)}" for one in unread]  # whole, since it is to be looked for
    if tally.worst is not None:
        lines += command("What a rule means:", ("ociarchive", "rules", tally.worst[1]), width, _INDENT)
    return lines


def _strictness(tally: Tally) -> list[str]:
    """Say which warnings made a strict audit fail. They do not mean that a claim is false."""
    rules = ", ".join(f"{rule} ({count})" for rule, count in tally.strict.items())
    return [f"warnings fail too, as --strict or the settings ask: {rules}"] if rules else []


def _recorded(tally: Tally) -> list[str]:
    """Say what was not audited now but is known from a catalogue, and since when."""
    if not tally.recorded:
        return []
    when = tally.first if tally.first == tally.last else f"from {tally.first} to {tally.last}"
    return [f"{tally.recorded} of {plural(tally.archives, 'archive')} taken from the catalogue, audited {when}"]


def _receipt(tally: Tally) -> list[str]:
    """Say which receipt was checked, and what that proved."""
    proof = tally.receipt
    if proof is None:
        return []
    if tally.archives == 1:
        return [f"receipt {receipt_line(proof, whole=False)}"]
    held = f"{tally.held} of {plural(tally.bound, 'archive')} held against it agree"
    return [f"receipt {safe(proof.path)} ({short(proof.sha256)}): {held}"]


def _proved(tally: Tally, *, sound: bool) -> str:
    """Say for how many layers every claim was proved. Nothing is called good that was not compared with its bytes."""
    if not tally.layers:
        return "no layer to prove: nothing of an image was checked"
    told = f"{tally.proved} of {plural(tally.layers, 'layer')} proved"
    if tally.unknown:
        return f"{told}, {tally.unknown} could not be"
    return f"{told}: every claim holds" if sound and tally.proved == tally.layers else told
