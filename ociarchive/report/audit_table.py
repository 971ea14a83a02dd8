"""The audit for people: verdicts first, then what was found, then what was proved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tabulate import tabulate

from ociarchive.report.text import cut, plural, safe, short, size

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ociarchive.audit import Finding, Report

_MARGIN = 10
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
    rows = [_row(report, paint) for report in reports]
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


def _row(report: Report, paint: Callable[[str, str], str]) -> list[str]:
    counts = [
        plural(report.count(severity), severity) for severity in ("error", "warning", "note") if report.count(severity)
    ]
    bad = report.failed
    verdict = paint("FAIL", "error") if bad else paint("PASS", "pass")
    evidence = report.evidence
    return [
        cut(report.source, 40),
        evidence.archive.format if evidence else "-",
        str(len(report.images)) if evidence else "-",
        str(report.blobs),
        size(report.bytes),
        f"{verdict}  {', '.join(counts)}",
    ]


def _finding(finding: Finding, width: int, paint: Callable[[str, str], str], *, whole: bool) -> list[str]:
    head = paint(finding.severity.ljust(_MARGIN - 1), finding.severity)
    margin = " " * (_MARGIN - 1)
    lines = [f"{head}{finding.rule}  {_place(finding.location, whole=whole)}", f"{margin}{safe(finding.message)}"]
    if finding.expected is not None or finding.found is not None:
        told = [
            f"{word} {_value(value, whole=whole)}"
            for word, value in (("expected", finding.expected), ("found", finding.found))
            if value is not None
        ]
        line = margin + "   ".join(told)
        lines.extend([line] if len(line) <= width else [margin + part for part in told])
    return lines


def _place(location: str, *, whole: bool) -> str:
    """Return a location with the digests in it cut."""
    text = safe(location)
    if whole:
        return text
    return "/".join(part[:12] if len(part) >= _DIGEST and part.isalnum() else part for part in text.split("/"))


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
    rules = list(dict.fromkeys(finding.rule for report in reports for finding in report.findings))
    if rules:
        lines.append(f"      What a rule means: ociarchive rules {rules[0]}")
    return lines
