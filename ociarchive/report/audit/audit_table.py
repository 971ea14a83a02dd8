"""The audit for people: verdicts first, then what was found, then what was proved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ociarchive.report.shared.text import (
    aligned,
    columns,
    command,
    placed,
    plural,
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

_MARGIN = 9
_INDENT = 6
_NUMBERS = (2, 3, 4)
_HEADERS = ["archive", "format", "images", "blobs", "read", "verdict"]
#: The least columns for an archive's name in a table; where there are fewer, each archive has lines of its own.
_NARROW = 12
_DIGEST = 64
#: How many findings of a rule are shown for an archive. `-v` shows all.
_SHOWN = 3
_SEVERITIES = ("error", "warning", "note")


def audit_table(
    reports: Sequence[Report],
    *,
    width: int,
    whole: bool,
    seconds: float,
    paint: Callable[[str, str], str],
    unread: Sequence[str] = (),
) -> Iterator[str]:
    """Give the report of some archives, line by line. `paint` colours a word for a severity.

    `whole` shows digests in full. `unread` names the sources that could not be audited. Then the whole does not pass.
    """
    for line in _all(reports, width, paint, seconds, unread, whole=whole):
        yield f"{line.rstrip()}\n"


def _all(
    reports: Sequence[Report],
    width: int,
    paint: Callable[[str, str], str],
    seconds: float,
    unread: Sequence[str],
    *,
    whole: bool,
) -> Iterator[str]:
    yield from _archives(reports, width, paint)
    yield ""
    for report in reports:
        yield from _findings(report, width, paint, whole=whole)
    if any(report.findings for report in reports):
        yield ""
    yield from verdict(reports, width=width, seconds=seconds, paint=paint, unread=unread)


def _archives(reports: Sequence[Report], width: int, paint: Callable[[str, str], str]) -> Iterator[str]:
    """Give a table of the archives. Rows are made twice, so that many need no room."""

    def rows() -> Iterator[list[str]]:
        yield _HEADERS
        yield from map(_row, reports)

    names, *others = widths(rows())
    room = width - sum(one + 2 for one in (*others, max(columns(row[-1]) for row in rows())))
    if room < min(names, _NARROW):
        for report in reports:
            yield from _lines(_row(report), width, paint)
        return
    first = max(columns(tail(row[0], room)) for row in rows())
    yield aligned(_HEADERS, [first, *others], _NUMBERS)
    for report in reports:
        name, *facts, verdict = _row(report)
        yield aligned([tail(name, room), *facts, _painted(verdict, paint)], [first, *others], _NUMBERS)


def _lines(row: Sequence[str], width: int, paint: Callable[[str, str], str]) -> Iterator[str]:
    """Give an archive's row in lines, for a terminal in which no table fits."""
    name, form, images, blobs, read, verdict = row
    yield tail(name, width)
    first, *more = wrapped(f"{verdict}; {form}, images {images}, blobs {blobs}, {read} read", width - 2, "      ")
    yield f"  {_painted(first, paint)}"
    yield from (f"  {line}" for line in more)


def _row(report: Report) -> list[str]:
    counts = [plural(report.count(severity), severity) for severity in _SEVERITIES if report.count(severity)]
    contents = report.contents
    return [
        safe(report.source),
        contents.format if contents else "-",
        str(contents.images) if contents else "-",
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
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in sorted(findings, key=lambda one: _rank(one.severity)):
        groups.setdefault((finding.severity, finding.rule), []).append(finding)
    for (_, rule), found in groups.items():
        shown = found if whole else found[:_SHOWN]
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
    reports: Sequence[Report],
    *,
    width: int,
    seconds: float | None = None,
    paint: Callable[[str, str], str] = lambda text, _: text,
    unread: Sequence[str] = (),
) -> list[str]:
    """Return the lines that end an audit: the verdict, what was read and what was proved, why it failed."""
    blobs = sum(report.blobs for report in reports)
    read = sum(report.bytes for report in reports)
    layers = [verdict for report in reports for verdict in report.layers]
    word = outcome(reports, unread)
    waived = any(report.waived for report in reports)
    images = sum(report.images for report in reports)
    told = [f"{plural(images, 'image')}, {_proved(layers, sound=word.startswith('PASS') and not waived)}"]
    told += _strictness(reports)
    told += _recorded(reports)
    waivers = dict.fromkeys((one.rule, one.how, one.by) for report in reports for one in report.policy.waivers)
    for rule, how, by in waivers:
        count = sum(finding.rule == rule for report in reports for finding in report.waived)
        left = f", {plural(count, 'finding')} left out" if count else ""
        told.append(f"{rule} is {how} ({safe(by)}){left}")
    sums = f"{word}; {plural(blobs, 'blob')}, {size(read)} read"
    sums += f" in {seconds:.1f} s" if seconds is not None else ""
    first, *more = wrapped(sums, width, " " * _INDENT)
    lines = [_painted(first, paint), *more]
    for line in told:
        lines += placed(wrapped(line, width - _INDENT, "  "), _INDENT, width)
    lines += [f"{' ' * _INDENT}not audited: {safe(one)}" for one in unread]  # whole, since it is to be looked for
    findings = sorted((one for report in reports for one in report.findings), key=lambda one: _rank(one.severity))
    if findings:
        lines += command("What a rule means:", ("ociarchive", "rules", findings[0].rule), width, _INDENT)
    return lines


@dataclass(slots=True)
class Tally:
    """The totals of reports, counted one by one."""

    archives: int = 0
    failed: int = 0
    errors: int = 0
    warnings: int = 0

    def add(self, report: Report) -> None:
        """Count a report."""
        self.archives += 1
        self.failed += report.failed
        self.errors += report.count("error")
        self.warnings += report.count("warning")

    def outcome(self, unread: Sequence[str] = ()) -> str:
        """Return an audit's verdict in one line: PASS or FAIL, and what was found."""
        found = f"{plural(self.errors, 'error')}, {plural(self.warnings, 'warning')}"
        scope = f" in {self.failed} of {plural(self.archives, 'archive')}" if self.archives > 1 and self.failed else ""
        return f"{'FAIL' if self.failed or unread else 'PASS'}  {found}{scope}"


def outcome(reports: Iterable[Report], unread: Sequence[str] = ()) -> str:
    """Return the verdict of some reports in one line."""
    tally = Tally()
    for report in reports:
        tally.add(report)
    return tally.outcome(unread)


def _rank(severity: str) -> int:
    return _SEVERITIES.index(severity)


def _strictness(reports: Sequence[Report]) -> list[str]:
    """Say which warnings made a strict audit fail. They do not mean that a claim is false."""
    counted: dict[str, int] = {}
    for report in reports:
        for finding in report.findings:
            if report.policy.strict and finding.severity == "warning":
                counted[finding.rule] = counted.get(finding.rule, 0) + 1
    rules = ", ".join(f"{rule} ({count})" for rule, count in counted.items())
    return [f"warnings fail too, as --strict or the settings ask: {rules}"] if rules else []


def _recorded(reports: Sequence[Report]) -> list[str]:
    """Say what was not audited now but is known from a catalogue, and since when."""
    times = [report.recorded for report in reports if report.recorded is not None]
    if not times:
        return []
    first, last = min(times), max(times)
    when = first if first == last else f"from {first} to {last}"
    return [f"{len(times)} of {plural(len(reports), 'archive')} taken from the catalogue, audited {when}"]


def _proved(layers: Sequence[bool | None], *, sound: bool) -> str:
    """Say for how many layers every claim was proved. Nothing is called good that was not compared with its bytes."""
    if not layers:
        return "no layer to prove: nothing of an image was checked"
    proved, unknown = layers.count(True), layers.count(None)
    told = f"{proved} of {plural(len(layers), 'layer')} proved"
    if unknown:
        return f"{told}, {unknown} could not be"
    return f"{told}: every claim holds" if sound and proved == len(layers) else told
