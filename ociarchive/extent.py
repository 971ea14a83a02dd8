"""The extent of a report: how many lines archives have in it, found before it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ociarchive.blobio.limits import LimitError
from ociarchive.model import Artifact, Image, parts, walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ociarchive.blobio.limits import Limits
    from ociarchive.model import Root
    from ociarchive.values import Descriptor

#: An entry has some annotations. Of more, so many are a line: each name of an index leads to those of its entries.
_NOTES: Final = 16


def extent(roots: Iterable[Root], most: int) -> int:
    """Return how many lines a full report of some roots has. Above `most` the number may be inexact.

    It counts the entries below each root with their blobs and annotations, and the names of the root. The names count
    again for each entry of an index that they lead to.
    """
    found = 0
    for root in roots:
        names = max(len(root.names), 1)
        for edge in walk([root]):
            found += names + (len(edge.node.layers) if isinstance(edge.node, Image) else len(parts(edge.node)))
            found += _notes(edge.descriptor)
            if found > most:
                return found
    return found


def _notes(descriptor: Descriptor | None) -> int:
    told = descriptor.raw.get("annotations") if descriptor is not None else None
    return len(told) // _NOTES if isinstance(told, dict) else 0


def spoken(roots: Iterable[Root]) -> int:
    """Return how many digests some roots speak of in their payloads alone, each as often as a root does so.

    Many signatures may share one payload.
    """
    bare = (root.node for root in roots if isinstance(root.node, Artifact) and not root.subjects)
    return sum(len(digests) for node in bare for _, digests in node.spoken_of)


def require_listable(roots: Sequence[Root], limits: Limits, where: str) -> None:
    """Refuse a small archive whose report would fill disks: images under many names, indexes that nest in each other.

    LimitError: `extent` or `spoken` is more than allowed. Code that visits an archive root by root may rely on it; a
    reader that does so asks first.
    """
    if extent(roots, limits.listed) > limits.listed or spoken(roots) > limits.listed:
        what = f"layers, names and entries, as often as they are reached, are more than the {limits.listed} allowed"
        raise LimitError(what, "listed", where=where)
