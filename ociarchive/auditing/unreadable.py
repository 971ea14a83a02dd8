"""The report of a source that cannot be read as an archive at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ociarchive.auditing.report import Report
from ociarchive.auditing.rule import Finding
from ociarchive.auditing.rules import RULE_IDS
from ociarchive.blobio.limits import LimitError
from ociarchive.blobio.manyfile import LostBytesError
from ociarchive.opening import NotAnArchiveError
from ociarchive.remote.proving import BlobError

if TYPE_CHECKING:
    from ociarchive.auditing.policy import Policy
    from ociarchive.errors import OciArchiveError


def unreadable(path: str, error: OciArchiveError, rules: Policy) -> Report:
    """Return the report of a source that cannot be read as an archive."""
    rule = error.rule if isinstance(error, NotAnArchiveError | BlobError | LostBytesError) else "not-an-archive"
    if isinstance(error, LimitError):
        rule = f"limit-{error.name}" if f"limit-{error.name}" in RULE_IDS else "limit-unpacked"
    finding = Finding(
        rule=rule if rule in RULE_IDS else "not-an-archive",
        severity="error",
        message=f"{error.what}, {error.hint}" if error.hint else error.what,
        location=error.where or path,
        subject=path,
        expected=error.expected,
        found=error.found,
    )
    kept, waived = rules.apply([finding])
    return Report(source=path, contents=None, findings=kept, waived=waived, policy=rules)


def died(path: str, rules: Policy, workers: int) -> Report:
    """Return the report of a source at which workers died, so that nothing is known of it."""
    finding = Finding(
        rule="audit-died",
        severity="error",
        message="the audit did not come to its end: each worker that tried it died",
        location=path,
        subject=path,
        expected="a worker that comes to the end",
        found=f"{workers} that died",
    )
    kept, waived = rules.apply([finding])
    return Report(source=path, contents=None, findings=kept, waived=waived, policy=rules)
