"""The audit of what a conversion wrote: DEST must be as sound as what it was made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ociarchive.auditing import audit_archive
from ociarchive.errors import ContentError, HostError
from ociarchive.selection.untagged import reachable

if TYPE_CHECKING:
    from ociarchive.auditing import Report
    from ociarchive.auditing.factstore import FactStore
    from ociarchive.blobio.limits import Limits
    from ociarchive.measure import Progress
    from ociarchive.model import Archive
    from ociarchive.workers import Workers


def audited(archive: Archive, limits: Limits, workers: Workers, progress: Progress | None, known: FactStore) -> Report:
    """Read all of a DEST, judge it, close it. ContentError: its readers would not take it. HostError: it is wrong."""
    try:
        report = audit_archive(
            reachable(archive, (), every=True), limits=limits, workers=workers, progress=progress, known=known
        )
    finally:
        archive.close()
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
    return report
