"""In which indexes each manifest stands: what is signed of an index speaks for all below it.

A manifest may stand in thousands of indexes, and thousands of manifests in the same ones. So the indexes are numbered,
and those above a manifest are the bits of one number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ociarchive.model import Index

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from ociarchive.model import Edge
    from ociarchive.values import Digest


@dataclass(frozen=True, slots=True)
class Marked:
    """Some digests, and those of indexes among them as bits."""

    digests: frozenset[Digest]
    bits: int


class Standing:
    """The indexes above each manifest and index of an archive."""

    def __init__(self, edges: Iterable[Edge], whole: Collection[Digest]) -> None:
        """`whole` are the digests that the bytes of manifests and indexes have.

        What has other bytes than its digest says is in no index, and binds nothing to what is above it.
        """
        below: dict[Digest, frozenset[Digest]] = {}
        for edge in edges:
            digest = edge.descriptor.digest if edge.descriptor is not None else None
            if isinstance(edge.node, Index) and digest is not None and digest in whole and digest not in below:
                below[digest] = frozenset(child.descriptor.digest for child in edge.node.children).intersection(whole)
        self._indexes = sorted(below)
        self._numbers = {digest: number for number, digest in enumerate(self._indexes)}
        self._above: dict[Digest, int] = {}
        grown = True
        while grown:  # no more often than indexes nest
            grown = False
            for digest, children in below.items():
                bits = self._above.get(digest, 0) | 1 << self._numbers[digest]
                for child in children:
                    known = self._above.get(child, 0)
                    if known | bits != known:
                        self._above[child] = known | bits
                        grown = True

    def marked(self, digests: Iterable[Digest]) -> Marked:
        """Return some digests as what can be looked for above others."""
        every = frozenset(digests)
        return Marked(every, sum(1 << self._numbers[one] for one in every if one in self._numbers))

    def has(self, digest: Digest | None, marked: Marked) -> bool:
        """Whether a digest is marked, or that of an index above it."""
        return digest is not None and (digest in marked.digests or bool(self._above.get(digest, 0) & marked.bits))

    def is_over(self, other: Digest | None, digest: Digest | None) -> bool:
        """Whether one digest is another, or that of an index above it."""
        if digest is None or other is None:
            return False
        number = self._numbers.get(other)
        return other == digest or (number is not None and bool(self._above.get(digest, 0) >> number & 1))

    def over(self, digest: Digest | None, marked: Marked) -> Iterator[Digest]:
        """Give what is marked of a digest and of the indexes above it: itself first, then these in their order."""
        if digest is None:
            return
        if digest in marked.digests:
            yield digest
        yield from self._listed(self._above.get(digest, 0) & marked.bits)

    def above(self, digests: Iterable[Digest]) -> Iterator[Digest]:
        """Give the indexes above any of some digests, each once."""
        bits = 0
        for digest in digests:
            bits |= self._above.get(digest, 0)
        yield from self._listed(bits)

    def _listed(self, bits: int) -> Iterator[Digest]:
        while bits:
            lowest = bits & -bits
            yield self._indexes[lowest.bit_length() - 1]
            bits ^= lowest
