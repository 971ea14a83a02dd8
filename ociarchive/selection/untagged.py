"""What a registry keeps without a tag: out of reach, but for a call that names its digest or asks for all of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ociarchive.selection.select import holders
from ociarchive.selection.speaking import companions
from ociarchive.values import Digest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ociarchive.model import Archive, Root


def reachable(archive: Archive, selectors: Iterable[str], *, every: bool = False) -> Archive:
    """Return an archive whose roots are also the untagged ones that a selector names by digest; with `every` all."""
    if every or not archive.untagged:
        return replace(archive, roots=(*archive.roots, *archive.untagged), untagged=())
    named: dict[int, Root] = {}
    for digest in map(Digest.maybe, selectors):
        if digest is not None and not holders(archive.roots, digest):
            named |= {id(root): root for root in archive.untagged if holders((root,), digest)}
    taken = tuple(named.values())
    more = (*taken, *companions(taken, archive.untagged)) if taken else ()
    rest = {id(root.node) for root in more}
    left = tuple(root for root in archive.untagged if id(root.node) not in rest)
    return replace(archive, roots=(*archive.roots, *more), untagged=left)
