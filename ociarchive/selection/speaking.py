"""What refers to what: which roots follow the selected ones, and which are dropped with those that are left out.

Each root is visited once, and once more for each digest that it refers to, however long the chains are.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING

from ociarchive.formats._cosign import speaks_of
from ociarchive.model import walk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from ociarchive.model import Root
    from ociarchive.values import Digest


def companions(taken: tuple[Root, ...], roots: tuple[Root, ...]) -> Iterator[Root]:
    """Give the other roots that refer to the selected ones: by subject, by a tag made of a digest, by cosign's name."""
    known = {edge.descriptor.digest for edge in walk(taken) if edge.descriptor}
    names = {name for root in taken for name in root.names}
    nodes = {id(root.node) for root in taken}
    rest = [root for root in roots if id(root.node) not in nodes]
    speaking: dict[Digest, list[int]] = {}
    ready = []
    for number, root in enumerate(rest):
        for digest in speaks_of(root) - known:
            speaking.setdefault(digest, []).append(number)
        if speaks_of(root) & known or root.attached in names:
            ready.append(number)  # in order, which is what a heap is
    done = set(ready)
    while ready:
        root = rest[heappop(ready)]
        yield root
        for digest in _digests(root):
            for number in speaking.pop(digest, ()):
                if number not in done:
                    done.add(number)
                    heappush(ready, number)


def following(roots: Sequence[Root], gone: AbstractSet[Digest]) -> Iterator[tuple[Root, bool]]:
    """Give roots, and whether each stays when some digests are dropped. What refers only to those is dropped too.

    Dropped roots come first, in the order in which they are found. The others follow in the order of the roots.
    """
    speaking: dict[Digest, list[int]] = {}
    missing = [set(speaks_of(root)) for root in roots]
    ready = []
    for number, root in enumerate(roots):
        missing[number] -= gone
        for digest in missing[number]:
            speaking.setdefault(digest, []).append(number)
        if speaks_of(root) and not missing[number]:
            ready.append(number)  # in order, which is what a heap is
    going = set(ready)
    while ready:
        root = roots[heappop(ready)]
        yield root, False
        for digest in _digests(root):
            for number in speaking.pop(digest, ()):
                missing[number].discard(digest)
                if not missing[number] and number not in going:
                    going.add(number)
                    heappush(ready, number)
    yield from ((root, True) for number, root in enumerate(roots) if number not in going)


def _digests(root: Root) -> dict[Digest, None]:
    return dict.fromkeys(edge.descriptor.digest for edge in walk([root]) if edge.descriptor is not None)
