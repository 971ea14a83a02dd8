"""Run the audit: read every blob of an archive once, then let every rule judge."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from ociarchive import toc
from ociarchive.auditing.evidence import Evidence
from ociarchive.auditing.hard_links import check_links
from ociarchive.auditing.policy import Policy
from ociarchive.auditing.rules import RULES
from ociarchive.measure import measure
from ociarchive.model import Layer, parts, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ociarchive.auditing.rule import Finding
    from ociarchive.blobio.limits import Limits
    from ociarchive.blobio.source import ByteSource
    from ociarchive.flaws import Flaw
    from ociarchive.measure import Measured, Progress
    from ociarchive.model import Archive, Image
    from ociarchive.values import Descriptor, Digest
    from ociarchive.workers import Lane, Workers


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


@dataclass(slots=True)
class Wanted:
    """How a source is to be measured, within what limits; `claimed` is a digest that is claimed of its bytes."""

    unpack: bool
    algorithms: set[str]
    claimed: Digest | None = None
    limits: Limits | None = None


def wanted(archive: Archive) -> dict[ByteSource, Wanted]:
    """Return every source of an archive that a claim is made of, and what is to be measured of it."""
    found: dict[ByteSource, Wanted] = {}
    allowed = archive.limits

    def want(source: ByteSource | None, claimed: Digest | None, *algorithms: str, unpack: bool = False) -> None:
        if source is None:
            return
        one = found.setdefault(source, Wanted(unpack=False, algorithms=set(), claimed=claimed, limits=allowed))
        one.unpack |= unpack
        one.algorithms.update(algorithms)
        if claimed is not None:
            one.algorithms.add(claimed.algorithm)

    for edge in walk(archive.roots):
        want(edge.node.source, edge.descriptor.digest if edge.descriptor else None)
        for part in parts(edge.node):
            claimed = part.descriptor.digest if part.descriptor else None
            if isinstance(part, Layer):
                names = [part.diff_id.algorithm] if part.diff_id is not None else []
                want(part.source, claimed, *names, unpack=part.unpacks)
            else:
                want(part.source, claimed)
    for stored in archive.stored:
        if stored.digest is not None:
            want(stored.source, stored.digest)
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
    progress: Progress | None = None,
) -> Report:
    """Read all of an archive once and judge it. HostError: it cannot be read."""
    (report,) = audit_archives([archive], limits=limits, workers=workers, policy=policy, progress=progress)
    return report


def audit_archives(
    archives: Sequence[Archive],
    *,
    limits: Limits,
    workers: Workers,
    policy: Policy | None = None,
    progress: Progress | None = None,
    known: dict[Digest, Measured] | None = None,
) -> list[Report]:
    """Read all of some archives, their blobs side by side, and judge each. HostError: one cannot be read.

    `known` keeps the facts of layers: one that was unpacked before is only hashed where it comes again, since equal
    bytes unpack to equal bytes.
    """
    policy = policy or Policy()
    every: dict[ByteSource, Wanted] = {}
    for archive in archives:
        for source, how in wanted(archive).items():
            one = every.setdefault(source, how)
            one.unpack |= how.unpack
            one.algorithms |= how.algorithms
    facts = measure_all(every, limits, workers, progress, known if known is not None else {})
    return [_report(archive, facts, limits, workers, policy) for archive in archives]


def _report(
    archive: Archive, every: Mapping[ByteSource, Measured], limits: Limits, workers: Workers, policy: Policy
) -> Report:
    facts = {source: every[source] for source in wanted(archive)}
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


def look_closer(
    archive: Archive, facts: Mapping[ByteSource, Measured], limits: Limits, workers: Workers
) -> tuple[Flaw, ...]:
    """Return what only shows where layers are read once more: wrong tables of contents, hard links to nothing."""
    tables = _check_tables(archive, facts, limits, workers)
    return (*tables, *check_links(archive, facts, limits, workers))


def _check_tables(
    archive: Archive, facts: Mapping[ByteSource, Measured], limits: Limits, workers: Workers
) -> tuple[Flaw, ...]:
    """Return what is wrong with the tables of contents of layers; only what has one is read once more."""
    calls: dict[tuple[ByteSource, Descriptor], Callable[[], list[Flaw]]] = {}
    for edge in walk(archive.roots):
        for part in parts(edge.node):
            fact = facts.get(part.source) if part.source is not None else None
            if part.source is None or part.descriptor is None or fact is None or fact.diff_ids is None:
                continue
            if toc.has_table(part.descriptor):
                key = (part.source, part.descriptor)
                calls[key] = partial(toc.check, part.descriptor, part.source, fact.uncompressed_size, limits)
    found = workers.run(list(calls.values())) if calls else []
    return tuple(flaw for flaws in found for flaw in flaws)


def measure_all(
    sources: Mapping[ByteSource, Wanted],
    limits: Limits,
    workers: Workers,
    progress: Progress | None,
    known: dict[Digest, Measured],
) -> dict[ByteSource, Measured]:
    """Measure sources side by side, the largest first, so that no worker is left with it at the end."""
    order: Sequence[ByteSource] = sorted(sources, key=lambda source: -source.size)
    if progress:
        progress.begin([(source.where, source.size) for source in order])

    def read(number: int) -> Measured:
        def tick(count: int) -> None:
            workers.check()
            if progress:
                progress.read(number, count)

        source = order[number]
        fact = _measured(source, sources[source], limits, tick, known, workers.lane)
        if progress:
            progress.end(number)
        return fact

    results = workers.run([partial(read, number) for number in range(len(order))])
    found = dict(zip(order, results, strict=True))
    return {source: found[source] for source in sources}


def _measured(
    source: ByteSource,
    how: Wanted,
    limits: Limits,
    tick: Callable[[int], None],
    known: dict[Digest, Measured],
    lane: Callable[[], Lane],
) -> Measured:
    read = partial(measure, source, limits=how.limits or limits, algorithms=how.algorithms, tick=tick, lane=lane)
    before = known.get(how.claimed) if how.unpack and how.claimed is not None else None
    if before is not None:
        fact = read(unpack=False)
        if fact.digests == before.digests:
            return before
    fact = read(unpack=how.unpack)
    if how.unpack and fact.diff_ids is not None:
        known[fact.digest] = fact
    return fact
