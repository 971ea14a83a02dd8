"""The audit for people: verdicts first, then what was found, then what was proved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tabulate import tabulate

from ociarchive.report.text import plural, safe, short, shortened, size, tail, wrapped

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ociarchive.auditing import Finding, Report

_MARGIN = 10
#: Columns of the table beside the archive's name, and the least that a name has.
_BESIDE = 66
_NARROW = 16
_DIGEST = 64


def audit_table(
    reports: Sequence[Report],
    *,
    width: int,
    whole: bool,
    seconds: float,
    paint: Callable[[str, str], str],
) -> str:
    """Return the report of some archives. `paint` colours a word for a severity; `whole` shows digests in full."""
    widest = max(width - _BESIDE, _NARROW)
    rows = [_row(report, paint, widest) for report in reports]
    headers = ["archive", "format", "images", "blobs", "read", "verdict"]
    aligned = ("left", "left", "right", "right", "right", "left")
    lines = [tabulate(rows, headers=headers, tablefmt="plain", disable_numparse=True, colalign=aligned), ""]
    for report in reports:
        for finding in report.findings:
            lines.extend(_finding(finding, width, paint, whole=whole))
    if any(report.findings for report in reports):
        lines.append("")
    lines.extend(_verdict(reports, seconds, paint))
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _row(report: Report, paint: Callable[[str, str], str], width: int) -> list[str]:
    counts = [
        plural(report.count(severity), severity) for severity in ("error", "warning", "note") if report.count(severity)
    ]
    verdict = paint("FAIL", "error") if report.failed else paint("PASS", "pass")
    evidence = report.evidence
    return [
        tail(report.source, width),
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
    told = [
        f"{word} {_value(value, whole=whole)}"
        for word, value in (("expected", finding.expected), ("found", finding.found))
        if value is not None
    ]
    line = "   ".join(told)
    if told and len(line) <= inner:
        lines.append(margin + line)
    else:
        lines += [margin + part for one in told for part in wrapped(one, inner, "  ")]
    return lines


def _value(value: str, *, whole: bool) -> str:
    algorithm, colon, encoded = value.partition(":")
    if colon and not whole and len(encoded) >= _DIGEST and algorithm.isalnum():
        return f"{algorithm}:{short(value)}"
    return safe(value)


def _verdict(reports: Sequence[Report], seconds: float, paint: Callable[[str, str], str]) -> list[str]:
    bad = [report for report in reports if report.failed]
    errors = sum(report.count("error") for report in reports)
    warnings = sum(report.count("warning") for report in reports)
    blobs = sum(report.blobs for report in reports)
    read = sum(report.bytes for report in reports)
    layers = [verdict for report in reports for verdict in report.layers]
    word = paint("FAIL", "error") if bad else paint("PASS", "pass")
    found = f"{plural(errors, 'error')}, {plural(warnings, 'warning')}"
    scope = f" in {len(bad)} of {plural(len(reports), 'archive')}" if len(reports) > 1 and bad else ""
    proved = layers.count(True)
    lines = [
        f"{word}  {found}{scope}; {plural(blobs, 'blob')}, {size(read)} read in {seconds:.1f} s",
        f"      {proved} of {plural(len(layers), 'layer')} proved: digest, size and diff_id agree with every claim",
    ]
    waivers = dict.fromkeys((one.rule, one.how, one.by) for report in reports for one in report.policy.waivers)
    for rule, how, by in waivers:
        count = sum(finding.rule == rule for report in reports for finding in report.waived)
        left = f", {plural(count, 'finding')} left out" if count else ""
        lines.append(f"      {rule} is {how} ({safe(by)}){left}")
    rules = list(dict.fromkeys(finding.rule for report in reports for finding in report.findings))
    if rules:
        lines.append(f"      What a rule means: ociarchive rules {rules[0]}")
    return lines
