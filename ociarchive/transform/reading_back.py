"""The audit of what a conversion wrote: DEST must be as sound as what it was made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ociarchive.auditing import Policy, judge
from ociarchive.auditing.audit import examine, report_of
from ociarchive.auditing.identity import Identifying
from ociarchive.errors import ContentError, HostError
from ociarchive.selection.untagged import reachable
from ociarchive.transform.written import listed

if TYPE_CHECKING:
    from ociarchive.auditing import Report
    from ociarchive.auditing.factstore import FactStore
    from ociarchive.blobio.limits import Limits
    from ociarchive.measure import Progress
    from ociarchive.model import Archive
    from ociarchive.transform.written import Written
    from ociarchive.workers import Workers


def audited(
    archive: Archive,
    limits: Limits,
    workers: Workers,
    progress: Progress | None,
    known: FactStore,
    *,
    bound: bool,
) -> tuple[Report, Written]:
    """Read all of a DEST, judge it, list what it holds, close it; `bound`: with its own digest.

    ContentError: its readers would not take it. HostError: it is wrong.
    """
    whole = reachable(archive, (), every=True)
    naming = Identifying([whole], workers) if bound else None
    try:
        (evidence,) = examine(
            [whole], limits=limits, workers=workers, progress=progress, known=known, identifying=naming
        )
        report = report_of(evidence, judge(evidence), Policy())
        _require_sound(report)
        identity = naming.of(whole, evidence.facts) if naming is not None else None
        return report, listed(whole, workers, identity)
    finally:
        archive.close()


def unaudited(archive: Archive, workers: Workers) -> Written:
    """List what a DEST holds that is not read back, and hash it where it is a file. Close it. HostError: as above."""
    try:
        return listed(reachable(archive, (), every=True), workers, whole=True)
    finally:
        archive.close()


def _require_sound(report: Report) -> None:
    for finding in report.findings:
        if finding.rule.startswith("limit-"):
            raise ContentError(
                f"DEST would be more than its readers take: {finding.message}",
                where=finding.location,
                expected=finding.expected,
                found=finding.found,
                hint="take less of SOURCE, with --image or --platform, or lift the limit",
            )
        if finding.severity == "error":
            raise HostError(
                f"what was written fails its audit: {finding.message}",
                where=finding.location,
                expected=finding.expected,
                found=finding.found,
            )
