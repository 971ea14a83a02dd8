"""Judging: apply the audit's rules to what is selected from the sources, as far as it was read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ociarchive.auditing import Evidence, judge
from ociarchive.auditing.claims import claimed
from ociarchive.auditing.factstore import Remembered
from ociarchive.auditing.measuring import look_closer
from ociarchive.blobio.source import Bytes
from ociarchive.measure import measure
from ociarchive.model import Artifact, Image, parts, walk
from ociarchive.transform.subset import refuse_errors, taken

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ociarchive.auditing import Finding
    from ociarchive.auditing.claims import Claimed
    from ociarchive.auditing.factstore import FactStore
    from ociarchive.blobio.limits import Limits
    from ociarchive.blobio.source import ByteSource
    from ociarchive.flaws import Flaw
    from ociarchive.measure import Measured
    from ociarchive.model import Archive, Root
    from ociarchive.transform.sources import Gathered
    from ociarchive.workers import Workers


class Judging:
    """Some roots of some archives, the claims about them, and the `facts` of what was read so far.

    `known` has the facts of layers in DEST by digest, for its audit.
    """

    def __init__(self, archives: Sequence[Gathered], roots: Sequence[Root], limits: Limits, workers: Workers) -> None:
        self._archives, self._limits, self._workers = archives, limits, workers
        kept = {id(edge.node) for edge in walk(roots)}
        self._taken = [taken(one.archive, tuple(root for root in one.roots if _any_of(root, kept))) for one in archives]
        self._claimed = claimed(self._taken)
        self.facts: dict[ByteSource, Measured] = {}
        self.known: FactStore = Remembered()
        self._seen: list[tuple[Flaw, ...]] = [()] * len(self._taken)

    def claimed(self, source: ByteSource) -> Claimed:
        """Return the claims about a selected source. They decide how to measure it."""
        return self._claimed[source]

    def learn(self, source: ByteSource, fact: Measured) -> None:
        """Store the measurement of a source."""
        self.facts[source] = fact

    def prove(self, fact: Measured | None) -> None:
        """Store what is proved of a blob in DEST, if anything is. DEST need not find out again what it unpacks to."""
        if fact is not None:
            self.known.put(fact)

    def check_documents(self) -> None:
        """Refuse, before any layer is read, the faults that documents alone show (ContentError)."""
        blobs = _blobs(self._taken)
        for source, how in self._claimed.items():
            in_memory = isinstance(source, Bytes) and not how.unpack
            if in_memory or source not in blobs:
                self.facts[source] = measure(source, limits=self._limits, unpack=False, algorithms=how.algorithms)
        self.check()

    def check(self, *, closer: bool = False) -> None:
        """Refuse the selection if a rule finds an error in it (ContentError). `closer` reads layers again for that."""
        facts = dict(self.facts)
        for number, one in enumerate(self._taken):
            if closer:
                self._seen[number] = look_closer(one, facts, self._limits, self._workers)
            refuse_errors(Evidence(one, facts, self._seen[number], folded=False))

    def contradicted(self, source: ByteSource) -> bool:
        """Whether the measurement of a source shows that a claim is false. Then `check` says which."""
        fact = self.facts[source]
        if not self._claimed[source].contradicted_by(fact):
            return False
        self._measure_beside(source, fact)
        return True

    def _measure_beside(self, source: ByteSource, fact: Measured) -> None:
        """Read the other layers of an image where this one is another's: their order is at fault, not the layer."""
        for archive in self._taken:
            for edge in walk(archive.roots):
                image = edge.node
                if not isinstance(image, Image) or fact.diff_id not in image.diff_ids:
                    continue
                here = [layer.source for layer in image.layers if layer.source is not None and layer.unpacks]
                if source not in here or len(here) != len(image.layers):
                    continue
                for other in here:
                    if other not in self.facts:
                        how = self._claimed[other]
                        self.facts[other] = measure(
                            other, limits=how.limits, unpack=True, algorithms=how.algorithms, lane=self._workers.lane
                        )

    def findings(self) -> Iterator[Finding]:
        """Give the findings in the sources as far as they were read, in parts that are not selected too."""
        facts = dict(self.facts)
        for one, seen in zip(self._archives, self._seen, strict=True):
            yield from judge(Evidence(one.archive, facts, seen))


def _any_of(root: Root, kept: set[int]) -> bool:
    """Whether a root, or anything below it, is kept: an index may have been taken apart."""
    return id(root.node) in kept or any(id(edge.node) in kept for edge in walk([root]))


def _blobs(archives: Sequence[Archive]) -> set[ByteSource]:
    """Return the sources of what documents name: layers, configs, whatever artifacts hold."""
    found: set[ByteSource] = set()
    for archive in archives:
        for edge in walk(archive.roots):
            if isinstance(edge.node, Artifact) and edge.node.document is None and edge.node.source is not None:
                found.add(edge.node.source)
            found.update(part.source for part in parts(edge.node) if part.source is not None)
    return found
