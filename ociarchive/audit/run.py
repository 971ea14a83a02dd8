"""Run the audit: read every blob of an archive once, then let every rule judge."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ociarchive.audit.evidence import Evidence
from ociarchive.audit.policy import Policy
from ociarchive.audit.rules import RULES
from ociarchive.measure import measure
from ociarchive.model import Layer, parts, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ociarchive.audit.rule import Finding
    from ociarchive.bytes.limits import Limits
    from ociarchive.bytes.source import ByteSource
    from ociarchive.measure import Measured
    from ociarchive.model import Archive, Image
    from ociarchive.workers import Workers


@dataclass(frozen=True, slots=True, kw_only=True)
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


@dataclass(slots=True)
class Wanted:
    """How a source is to be measured."""

    unpack: bool
    algorithms: set[str]


def wanted(archive: Archive) -> dict[ByteSource, Wanted]:
    """Return every source of an archive that a claim is made of, and what is to be measured of it."""
    found: dict[ByteSource, Wanted] = {}

    def want(source: ByteSource | None, *algorithms: str, unpack: bool = False) -> None:
        if source is None:
            return
        one = found.setdefault(source, Wanted(unpack=False, algorithms=set()))
        one.unpack |= unpack
        one.algorithms.update(algorithms)

    for edge in walk(archive.roots):
        want(edge.node.source, *([edge.descriptor.digest.algorithm] if edge.descriptor else ()))
        for part in parts(edge.node):
            names = [part.descriptor.digest.algorithm] if part.descriptor else []
            if isinstance(part, Layer) and part.diff_id is not None:
                names.append(part.diff_id.algorithm)
            want(part.source, *names, unpack=isinstance(part, Layer) and part.unpacks)
    for stored in archive.stored:
        if stored.digest is not None:
            want(stored.source, stored.digest.algorithm)
    return found


def judge(evidence: Evidence) -> tuple[Finding, ...]:
    """Return all findings of all rules, in the rules' order."""
    return tuple(finding for rule in RULES for finding in rule.findings(evidence))


def audit_archive(
    archive: Archive,
    *,
    limits: Limits,
    workers: Workers,
    policy: Policy | None = None,
    tick: Callable[[int], None] | None = None,
) -> Report:
    """Read all of an archive once and judge it. `tick` hears of bytes read. HostError: it cannot be read."""
    policy = policy or Policy()
    facts = measure_all(wanted(archive), limits, workers, tick)
    evidence = Evidence(archive, facts)
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


def measure_all(
    sources: Mapping[ByteSource, Wanted], limits: Limits, workers: Workers, tick: Callable[[int], None] | None = None
) -> dict[ByteSource, Measured]:
    """Measure sources side by side, the largest first, so that no worker is left with it at the end."""

    def heard(count: int) -> None:
        workers.check()
        if tick:
            tick(count)

    def call(source: ByteSource, how: Wanted) -> Callable[[], Measured]:
        return lambda: measure(source, limits=limits, unpack=how.unpack, algorithms=how.algorithms, tick=heard)

    order: Sequence[ByteSource] = sorted(sources, key=lambda source: -source.size)
    results = workers.run([call(source, sources[source]) for source in order])
    found = dict(zip(order, results, strict=True))
    return {source: found[source] for source in sources}
