"""What the other side has, from inventories of any kind."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ociarchive.chains import chain_ids

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ociarchive.values import Descriptor, Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What the other side has. `blobs` are digests of blobs, `chains` the chain IDs of its images' layers.

    `stored` has, by diff_id, the blob that holds a layer there, where an inventory says so. `sources` are the names of
    the inventories, each with the sha256 in hex if it is a file. `upon` are the images of deltas: of each layer, from
    the lowest up, the diff_id and whether it is in the delta.
    """

    blobs: frozenset[Digest] = frozenset()
    chains: frozenset[Digest] = frozenset()
    stored: Mapping[Digest, Descriptor] = field(default_factory=dict)
    sources: tuple[tuple[str, str | None], ...] = ()
    upon: tuple[tuple[tuple[Digest, bool], ...], ...] = ()

    @classmethod
    def of_images(cls, every: Iterable[Iterable[Digest]]) -> Held:
        """Return what an engine has that has images with these diff_ids."""
        return cls(chains=frozenset(chain for diff_ids in every for chain in chain_ids(diff_ids)))

    def also(self, other: Held) -> Held:
        """Return what both have together."""
        return Held(
            blobs=self.blobs | other.blobs,
            chains=self.chains | other.chains,
            stored={**other.stored, **self.stored},
            sources=tuple(dict.fromkeys((*self.sources, *other.sources))),
            upon=(*self.upon, *other.upon),
        )

    def joined(self, deltas: int) -> Held:
        """Return it with the layers of deltas in their places, where the layers below them are in theirs.

        So it is on the other side, where a delta was loaded upon the archives that went before. `deltas` is the most
        that may have been made upon one another.
        """
        chains, before = set(self.chains), -1
        for _ in range(deltas if self.upon else 0):  # a delta may be made upon one that is named behind it
            if len(chains) == before:
                break
            before = len(chains)
            for image in self.upon:
                for chain, (_diff_id, here) in zip(chain_ids(one for one, _ in image), image, strict=True):
                    if not here and chain not in chains:
                        break
                    chains.add(chain)
        return replace(self, chains=frozenset(chains))
