"""What the other side has, from inventories of any kind."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ociarchive.chains import chain_ids

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ociarchive.values import Descriptor, Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What the other side has. `blobs` are digests of blobs, `chains` the chain IDs of its images' layers.

    `stored` has, by diff_id, the blob that holds a layer there, where an inventory says so. `sources` names the
    inventories, with the sha256 in hex of each one that is a file.
    """

    blobs: frozenset[Digest] = frozenset()
    chains: frozenset[Digest] = frozenset()
    stored: Mapping[Digest, Descriptor] = field(default_factory=dict)
    sources: Mapping[str, str | None] = field(default_factory=dict)

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
            sources={**self.sources, **other.sources},
        )
