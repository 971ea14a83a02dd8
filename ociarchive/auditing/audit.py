"""Run the audit: read every blob of an archive once, then let every rule judge."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ociarchive.auditing.claims import claimed
from ociarchive.auditing.evidence import Evidence
from ociarchive.auditing.factstore import Remembered
from ociarchive.auditing.measuring import look_closer, measure_all
from ociarchive.auditing.policy import Policy
from ociarchive.auditing.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ociarchive.auditing.factstore import FactStore
    from ociarchive.auditing.rule import Finding
    from ociarchive.blobio.limits import Limits
    from ociarchive.blobio.source import ByteSource
    from ociarchive.measure import Measured, Progress
    from ociarchive.model import Archive, Image
    from ociarchive.workers import Workers


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Report:
    """What the audit of one archive came to.

    `findings` count, `waived` were found and do not, as `policy` asks. `blobs` and `bytes` are what was read; without
    `evidence` the source could not be read as an archive at all.
    """

    source: str
    evidence: Evidence | None
    findings: tuple[Finding, ...]
    waived: tuple[Finding, ...] = ()
    policy: Policy = field(default_factory=Policy)
    blobs: int = 0
    bytes: int = 0

    def __repr__(self) -> str:
        found = ", ".join(f"{severity}s={self.count(severity)}" for severity in ("error", "warning", "note"))
        return f"Report(source={self.source!r}, failed={self.failed}, {found}, blobs={self.blobs})"

    def adding(self, findings: Iterable[Finding]) -> Report:
        """Return this report with what else was found, as the policy counts it."""
        kept, waived = self.policy.apply(findings)
        return replace(self, findings=(*self.findings, *kept), waived=(*self.waived, *waived))

    @property
    def failed(self) -> bool:
        """Whether the archive fails the audit."""
        return self.policy.fails(self.findings)

    @property
    def images(self) -> tuple[Image, ...]:
        """The images that were audited."""
        return self.evidence.images if self.evidence else ()

    @property
    def layers(self) -> tuple[bool | None, ...]:
        """For each distinct layer whether every claim of it was proved; None where it could not be."""
        if self.evidence is None:
            return ()
        found = {
            (layer.source, layer.name, layer.diff_id): self.evidence.verified(layer)
            for image in self.evidence.images
            for layer in image.layers
        }
        return tuple(found.values())

    def count(self, severity: str) -> int:
        """Return the number of findings of a severity."""
        return sum(finding.severity == severity for finding in self.findings)


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
) -> Report:
    """Read all of an archive once and judge it. HostError: it cannot be read."""
    (report,) = audit_archives([archive], limits=limits, workers=workers, policy=policy, progress=progress, known=known)
    return report


def audit_archives(
    archives: Sequence[Archive],
    *,
    limits: Limits,
    workers: Workers,
    policy: Policy | None = None,
    progress: Progress | None = None,
    known: FactStore | None = None,
) -> list[Report]:
    """Read all of some archives, their blobs side by side, and judge each. HostError: one cannot be read.

    `known` keeps the facts of layers: one that was unpacked before is only hashed where it comes again.
    """
    policy = policy or Policy()
    facts = measure_all(claimed(archives), workers, progress, known if known is not None else Remembered())
    return [_report(archive, facts, limits, workers, policy) for archive in archives]


def _report(
    archive: Archive, every: Mapping[ByteSource, Measured], limits: Limits, workers: Workers, policy: Policy
) -> Report:
    facts = {source: every[source] for source in claimed([archive])}
    evidence = Evidence(archive, facts, look_closer(archive, facts, limits, workers))
    kept, waived = policy.apply(judge(evidence))
    return Report(
        source=archive.where,
        evidence=evidence,
        findings=kept,
        waived=waived,
        policy=policy,
        blobs=len({source.where for source in facts}),
        bytes=sum({source.where: source.size for source in facts}.values()),
    )
