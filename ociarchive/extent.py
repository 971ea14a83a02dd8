"""The extent of a report: how many lines archives have in it, found before it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ociarchive.model import Image, parts, walk

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ociarchive.model import Root


def extent(roots: Iterable[Root], most: int) -> int:
    """Return how many lines a full report of some roots has. Above `most` the number may be inexact.

    It counts the entries below each root with their blobs, and the names of the root. The names count again for each
    entry of an index that they lead to.
    """
    found = 0
    for root in roots:
        names = max(len(root.names), 1)
        for edge in walk([root]):
            found += names + (len(edge.node.layers) if isinstance(edge.node, Image) else len(parts(edge.node)))
            if found > most:
                return found
    return found
