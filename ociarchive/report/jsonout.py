"""The JSON reports of audit and inspect (schema_version 1)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ociarchive.report.facts import Object, archive_facts
from ociarchive.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ociarchive.auditing import Evidence, Finding, Report
    from ociarchive.model import Archive
    from ociarchive.report.run import Run
    from ociarchive.values import JSON


def render(reports: Sequence[Report], run: Run) -> str:
    """Return the report of an audit of some archives."""
    del run  # the contract's JSON depends on the archives alone
    return _document([_audited(report) for report in reports])


def inspect_json(archive: Archive, evidence: Evidence, report: Report | None) -> str:
    """Return what is in an archive; with the report of an audit where layers were read."""
    facts = archive_facts(archive, evidence)
    if report is not None:
        facts["findings"] = [finding_object(finding) for finding in report.findings]
    return _document([facts])


def _audited(report: Report) -> Object:
    if report.evidence is None:
        facts: Object = {"source": report.source, "format": None, "images": [], "artifacts": [], "missing": []}
    else:
        facts = archive_facts(report.evidence.archive, report.evidence)
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


def _document(archives: Sequence[Object]) -> str:
    value: Object = {"schema_version": 1, "tool": {"name": "ociarchive", "version": VERSION}, "archives": [*archives]}
    return json.dumps(value, indent=2, ensure_ascii=True) + "\n"
