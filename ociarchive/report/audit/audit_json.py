"""The JSON reports of audit and inspect (schema_version 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ociarchive.report.shared.facts import image_facts, other_facts
from ociarchive.report.shared.pieces import written
from ociarchive.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ociarchive.auditing import Evidence, Finding, Report
    from ociarchive.auditing.run import Run
    from ociarchive.model import Archive
    from ociarchive.values import JSON


def render(reports: Sequence[Report], run: Run) -> str:
    """Return the report of an audit of some archives."""
    return "".join(pieces(reports, run))


def pieces(reports: Sequence[Report], run: Run) -> Iterator[str]:
    """Give the same report in pieces, for an archive may be listed at a hundred times its size."""
    del run  # the contract's JSON depends on the archives alone
    return _document(_audited(report) for report in reports)


def inspect_json(archives: Iterable[dict[str, object]]) -> Iterator[str]:
    """Give the report of what is in some archives, each by `inspected`, in pieces."""
    return _document(archives)


def inspected(archive: Archive, evidence: Evidence, report: Report | None) -> dict[str, object]:
    """Return what is in an archive, which stays open until it is written; with an audit where layers were read."""
    facts = _facts(archive, evidence)
    if report is not None:
        facts["findings"] = [finding_object(finding) for finding in report.findings]
    return facts


def _facts(archive: Archive, evidence: Evidence) -> dict[str, object]:
    return {
        "source": archive.where,
        "format": archive.format,
        "images": image_facts(archive, evidence),
        **other_facts(archive),
    }


def _audited(report: Report) -> dict[str, object]:
    if report.evidence is None:
        facts: dict[str, object] = {
            "source": report.source, "format": None, "images": [], "artifacts": [], "missing": [],
        }  # fmt: skip
    else:
        facts = _facts(report.evidence.archive, report.evidence)
    facts["findings"] = [finding_object(finding) for finding in report.findings]
    facts["waived"] = [finding_object(finding) for finding in report.waived]
    facts["waivers"] = [{"rule": one.rule, "how": one.how, "by": one.by} for one in report.policy.waivers]
    facts["summary"] = {
        "errors": report.count("error"),
        "warnings": report.count("warning"),
        "notes": report.count("note"),
        "blobs": report.blobs,
        "bytes": report.bytes,
    }
    return facts


def finding_object(finding: Finding) -> JSON:
    """Return one finding as the reports have it."""
    return {
        "rule": finding.rule,
        "severity": finding.severity,
        "subject": finding.subject,
        "location": finding.location,
        "message": finding.message,
        "expected": finding.expected,
        "found": finding.found,
    }


def _document(archives: Iterable[dict[str, object]]) -> Iterator[str]:
    tool = {"name": "ociarchive", "version": VERSION}
    yield from written({"schema_version": 1, "tool": tool, "archives": iter(archives)}, "\n")
    yield "\n"
