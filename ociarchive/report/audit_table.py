"""The audit for people: verdicts first, then what was found, then what was proved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ociarchive.report.text import plural, safe, short, shortened, size, table, tail, wrapped

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ociarchive.auditing import Finding, Report

_MARGIN = 10
_HEADERS = ["archive", "format", "images", "blobs", "read", "verdict"]
#: The least columns that an archive's name has.
_NARROW = 8
_DIGEST = 64


def audit_table(
    reports: Sequence[Report],
    *,
    width: int,
    whole: bool,
    seconds: float,
    paint: Callable[[str, str], str],
    unread: Sequence[str] = (),
) -> str:
    """Return the report of some archives. `paint` colours a word for a severity; `whole` shows digests in full.

    `unread` names what was asked for and could not be audited: then nothing passes as a whole.
    """
    plain = [_row(report, lambda text, _: text, 0) for report in reports]
    beside = sum(max(len(row[number]) for row in [*plain, _HEADERS]) + 2 for number in range(1, len(_HEADERS)))
    rows = [_row(report, paint, max(width - beside, _NARROW)) for report in reports]
    lines = [*table([_HEADERS, *rows], right={2, 3, 4}), ""]
    for report in reports:
        for finding in report.findings:
            lines.extend(_finding(finding, width, paint, whole=whole))
    if any(report.findings for report in reports):
        lines.append("")
    lines.extend(_verdict(reports, seconds, paint, unread))
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _row(report: Report, paint: Callable[[str, str], str], width: int) -> list[str]:
    counts = [
        plural(report.count(severity), severity) for severity in ("error", "warning", "note") if report.count(severity)
    ]
    verdict = paint("FAIL", "error") if report.failed else paint("PASS", "pass")
    evidence = report.evidence
    return [
        tail(report.source, width) if width else "",
        evidence.archive.format if evidence else "-",
        str(len(report.images)) if evidence else "-",
        str(report.blobs),
        size(report.bytes),
        f"{verdict}  {', '.join(counts)}".rstrip(),
    ]


def _finding(finding: Finding, width: int, paint: Callable[[str, str], str], *, whole: bool) -> list[str]:
    margin = " " * (_MARGIN - 1)
    head = paint(finding.severity.ljust(_MARGIN - 1), finding.severity)
    place = finding.location if whole else shortened(safe(finding.location))
    first = f"{finding.rule}  {place}"
    inner = width - len(margin)
    lines = [f"{head}{first}"] if len(first) <= inner else [f"{head}{finding.rule}"]
    if len(lines[0]) < len(first):
        lines += [margin + line for line in wrapped(place, inner, "  ")]
    lines += [margin + line for line in wrapped(finding.message, inner, "")]
    for word, value in (("expected", finding.expected), ("found", finding.found)):
        if value is not None:
            told = wrapped(f"{word:<8} {_value(value, whole=whole)}", inner, " " * 9)
            lines += [margin + line for line in told]
    return lines


def _value(value: str, *, whole: bool) -> str:
    algorithm, colon, encoded = value.partition(":")
    if colon and not whole and len(encoded) >= _DIGEST and algorithm.isalnum():
        return f"{algorithm}:{short(value)}"
    return safe(value)


def _verdict(
    reports: Sequence[Report], seconds: float, paint: Callable[[str, str], str], unread: Sequence[str]
) -> list[str]:
    bad = [report for report in reports if report.failed]
    errors = sum(report.count("error") for report in reports)
    warnings = sum(report.count("warning") for report in reports)
    blobs = sum(report.blobs for report in reports)
    read = sum(report.bytes for report in reports)
    layers = [verdict for report in reports for verdict in report.layers]
    word = paint("FAIL", "error") if bad or unread else paint("PASS", "pass")
    found = f"{plural(errors, 'error')}, {plural(warnings, 'warning')}"
    scope = f" in {len(bad)} of {plural(len(reports), 'archive')}" if len(reports) > 1 and bad else ""
    waived = any(report.waived for report in reports)
    images = sum(len(report.images) for report in reports)
    lines = [
        f"{word}  {found}{scope}; {plural(blobs, 'blob')}, {size(read)} read in {seconds:.1f} s",
        f"      {plural(images, 'image')}, {_proved(layers, sound=not errors and not waived and not unread)}",
    ]
    lines.extend(f"      not audited: {safe(one)}" for one in unread)
    waivers = dict.fromkeys((one.rule, one.how, one.by) for report in reports for one in report.policy.waivers)
    for rule, how, by in waivers:
        count = sum(finding.rule == rule for report in reports for finding in report.waived)
        left = f", {plural(count, 'finding')} left out" if count else ""
        lines.append(f"      {rule} is {how} ({safe(by)}){left}")
    rules = list(dict.fromkeys(finding.rule for report in reports for finding in report.findings))
    if rules:
        lines.append(f"      What a rule means: ociarchive rules {rules[0]}")
    return lines


def _proved(layers: Sequence[bool | None], *, sound: bool) -> str:
    """Say of how many layers every claim was proved. Nothing that was not held against its bytes is called good."""
    if not layers:
        return "no layer to prove: nothing of an image was checked"
    proved, unknown = layers.count(True), layers.count(None)
    told = f"{proved} of {plural(len(layers), 'layer')} proved"
    if unknown:
        return f"{told}, {unknown} could not be"
    return f"{told}: every claim holds" if sound and proved == len(layers) else told
