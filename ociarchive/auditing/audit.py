"""Run the audit: read every blob of an archive once, then let every rule judge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ociarchive.auditing.claims import claimed
from ociarchive.auditing.contents import contents
from ociarchive.auditing.evidence import Evidence
from ociarchive.auditing.factstore import Remembered
from ociarchive.auditing.measuring import look_closer, measure_all, unbuilt
from ociarchive.auditing.policy import Policy
from ociarchive.auditing.report import Report
from ociarchive.auditing.rules import RULES
from ociarchive.stores.rebuilt import RebuildError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ociarchive.auditing.factstore import FactStore
    from ociarchive.auditing.identity import Identifying
    from ociarchive.auditing.report import Detail
    from ociarchive.auditing.rule import Finding
    from ociarchive.blobio.limits import Limits
    from ociarchive.blobio.manyfile import LostBytesError
    from ociarchive.blobio.source import ByteSource
    from ociarchive.measure import Progress
    from ociarchive.model import Archive
    from ociarchive.workers import Workers


def judge(evidence: Evidence) -> tuple[Finding, ...]:
    """Return all findings of all rules, in the rules' order."""
    return tuple(finding for rule in RULES for finding in rule.findings(evidence))


def audit_archive(
    archive: Archive,
    *,
    limits: Limits,
    workers: Workers,
    policy: Policy | None = None,
    progress: Progress | None = None,
    known: FactStore | None = None,
    detail: Detail = "verdict",
) -> Report:
    """Read all of an archive once and judge it. HostError: it cannot be read."""
    (report,) = audit_archives(
        [archive], limits=limits, workers=workers, policy=policy, progress=progress, known=known, detail=detail
    )
    return report


def audit_archives(
    archives: Sequence[Archive],
    *,
    limits: Limits,
    workers: Workers,
    policy: Policy | None = None,
    progress: Progress | None = None,
    known: FactStore | None = None,
    detail: Detail = "verdict",
) -> list[Report]:
    """Read some archives completely, their blobs in parallel, and judge each. HostError: one cannot be read.

    `known` keeps the facts of layers. A layer that was unpacked before is only hashed when it comes again.
    """
    policy = policy or Policy()
    every = examine(archives, limits=limits, workers=workers, progress=progress, known=known)
    return [report_of(evidence, judge(evidence), policy, detail) for evidence in every]


def examine(
    archives: Sequence[Archive],
    *,
    limits: Limits,
    workers: Workers,
    progress: Progress | None = None,
    known: FactStore | None = None,
    identifying: Identifying | None = None,
) -> list[Evidence]:
    """Read some archives completely, their blobs in parallel, and return the evidence of each. HostError: as above.

    `identifying` hashes the archives' files meanwhile.
    """
    lost: dict[ByteSource, RebuildError | LostBytesError] = {}
    beside = identifying.calls if identifying is not None else ()
    facts = measure_all(
        claimed(archives), workers, progress, known if known is not None else Remembered(), lost, beside
    )
    found = []
    for archive in archives:
        mine = claimed([archive])
        own = {source: facts[source] for source in mine if source in facts}
        reasons = [lost[source] for source in mine if source in lost]
        gone = tuple(unbuilt(error) for error in reasons if isinstance(error, RebuildError))
        found.append(Evidence(archive, own, (*gone, *look_closer(archive, own, limits, workers))))
    return found


def report_of(evidence: Evidence, findings: Sequence[Finding], policy: Policy, detail: Detail = "verdict") -> Report:
    """Return the report of an archive from its evidence and its findings."""
    kept, waived = policy.apply(findings)
    return Report(
        source=evidence.archive.where,
        contents=contents(evidence, findings, detail),
        findings=kept,
        waived=waived,
        policy=policy,
        blobs=len({source.where for source in evidence.facts}),
        bytes=sum({source.where: fact.size for source, fact in evidence.facts.items()}.values()),
    )
