"""Run the audit: read every blob of an archive once, then let every rule judge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ociarchive.audit.evidence import Evidence
from ociarchive.audit.rules import RULES
from ociarchive.measure import measure
from ociarchive.model import Layer, parts, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ociarchive.audit.rule import Finding
    from ociarchive.bytes.limits import Limits
    from ociarchive.bytes.source import ByteSource
    from ociarchive.measure import Measured
    from ociarchive.model import Archive
    from ociarchive.workers import Workers


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the audit of one archive came to. `blobs` and `bytes` are what was read."""

    source: str
    evidence: Evidence | None
    findings: tuple[Finding, ...]
    blobs: int = 0
    bytes: int = 0

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
    archive: Archive, *, limits: Limits, workers: Workers, tick: Callable[[int], None] | None = None
) -> Report:
    """Read all of an archive once and judge it. `tick` hears of bytes read. HostError: it cannot be read."""
    facts = measure_all(wanted(archive), limits, workers, tick)
    evidence = Evidence(archive, facts)
    return Report(
        source=archive.where,
        evidence=evidence,
        findings=judge(evidence),
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
