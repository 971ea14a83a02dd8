"""Chain IDs: an engine looks a layer up together with all layers below it (image-spec, config.md, Layer ChainID)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ociarchive.blobio.hashing import sha256

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ociarchive.values import Digest


def chain_ids(diff_ids: Iterable[Digest]) -> list[Digest]:
    """Return the chain ID of each layer, given the diff_ids of an image from the lowest layer up."""
    chains: list[Digest] = []
    for diff_id in diff_ids:
        chains.append(sha256(f"{chains[-1]} {diff_id}".encode()) if chains else diff_id)
    return chains
