"""Omitting: which layers the other side has, so that a delta leaves them out. It is decided before they are compressed.

An engine finds a layer by the digest of its blob, or with its chain ID, that is with all layers below it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from ociarchive.gap.held import Held
    from ociarchive.transform.plan import Move
    from ociarchive.values import Descriptor, Digest

#: How the other side has a layer: by its blob, by its chain ID, or by both.
By: TypeAlias = Literal["blob", "chain", "both"]


@dataclass(slots=True)
class _Uses:
    """What is known of a layer's move. `chained`: every image in which it stands is found by its chain ID there."""

    expected: Digest | None
    chained: bool


class Omitting:
    """Decides for each layer of a plan whether the other side has it. What is no layer always travels."""

    def __init__(self, held: Held, *, by_chain: bool) -> None:
        """`by_chain`: engines look up layers of DEST's format by chain ID, too."""
        self.held, self._by_chain = held, by_chain
        self._layers: dict[Move, _Uses] = {}
        self._blobs: set[Move] = set()

    def known(self, diff_id: Digest, chain: Digest | None) -> Descriptor | None:
        """Return the blob by which the other side has a layer, where it says so; with chain IDs, in this place."""
        if self._by_chain and chain not in self.held.chains:
            return None
        return self.held.stored.get(diff_id)

    def layer(self, move: Move, expected: Digest | None, chain: Digest | None) -> None:
        """Add a layer of an image, with the digest that it will have in DEST if that is known before it is read."""
        chained = self._by_chain and chain in self.held.chains
        uses = self._layers.setdefault(move, _Uses(expected, chained))
        uses.chained &= chained

    def blob(self, move: Move) -> None:
        """Add what is no layer."""
        self._blobs.add(move)

    def omits(self, move: Move) -> bool:
        """Whether a move is left out for certain, so that nothing of it need be written."""
        uses = self._uses(move)
        return uses is not None and (uses.chained or uses.expected in self.held.blobs)

    def by(self, move: Move, digest: Digest) -> By | None:
        """Return how the other side has a layer that was read and has this digest in DEST, None where it does not."""
        uses = self._uses(move)
        if uses is None:
            return None
        if digest in self.held.blobs:
            return "both" if uses.chained else "blob"
        return "chain" if uses.chained else None

    def _uses(self, move: Move) -> _Uses | None:
        return None if move in self._blobs else self._layers.get(move)
