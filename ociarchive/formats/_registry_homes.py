"""The repositories of a registry's folder that roots belong to, and the tags by which signatures are found there."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ociarchive.errors import ContentError
from ociarchive.formats import _cosign
from ociarchive.model import walk
from ociarchive.values import DEFAULT_HOST, Reference

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ociarchive.formats.format import Content
    from ociarchive.model import Root
    from ociarchive.values import Digest

#: Tags of signatures that have none yet: a signature gets one in each repository of its image. Far more than a folder
#: may get links.
_MOST_TAGS: Final = 500_000
FEWER: Final = "take fewer names with --image, or lift the limit with --limit listed=N"


def findable(roots: Sequence[Root], homes: Mapping[int, Sequence[str]], owners: Mapping[str, Root]) -> tuple[Root, ...]:
    """Return roots; a signature that cosign saved gets the tag by which it is found, where nothing else has it."""
    taken = set(owners)
    found: list[Root] = []
    most = _MOST_TAGS
    for number, root in enumerate(roots):
        tag = _cosign.tag_of(root) if not root.names else None
        here = homes.get(number, ()) if tag is not None else ()
        most -= len(here)
        if most < 0:
            raise ContentError(f"a registry would need more than {_MOST_TAGS} tags for signatures", hint=FEWER)
        places = [place for place in here if f"{place}:{tag}" not in taken]
        taken.update(f"{place}:{tag}" for place in places)
        names = tuple(Reference(DEFAULT_HOST, place, tag) for place in places)
        found.append(replace(root, names=names) if names else root)
    return tuple(found)


def homes_of(content: Content) -> dict[int, list[str]]:
    """Return the repositories of each root: those of its names, else of what it refers to, else where it was before."""
    homes: dict[int, list[str]] = {}
    owners: dict[Digest, dict[str, None]] = {}
    for number, root in enumerate(content.roots):
        before = [root.repository] if root.repository is not None and not root.subjects else []
        here = list(dict.fromkeys(name.path for name in root.names)) or before
        if here:
            homes[number] = here
            for edge in walk([root]):
                if edge.descriptor is not None:
                    owners.setdefault(edge.descriptor.digest, {}).update(dict.fromkeys(here))
    _follow(content, homes, owners)
    for number, root in enumerate(content.roots):
        if root.repository is not None:
            homes.setdefault(number, [root.repository])
    return homes


def _follow(content: Content, homes: dict[int, list[str]], owners: dict[Digest, dict[str, None]]) -> None:
    """Give each root without a repository those of what it refers to, where that has some by then."""
    shared = {id(there): list(there) for there in owners.values()}  # many may refer to what is in many repositories
    waiting = deque(number for number in range(len(content.roots)) if number not in homes)
    by_subject: dict[Digest, list[int]] = {}
    for number in waiting:
        for digest in _cosign.speaks_of(content.roots[number]):
            by_subject.setdefault(digest, []).append(number)
    while waiting:
        number = waiting.popleft()
        if number in homes:
            continue
        root = content.roots[number]
        owner = next((owners[digest] for digest in sorted(_cosign.speaks_of(root)) if digest in owners), None)
        if owner is None:
            continue
        homes[number] = shared[id(owner)]
        if root.descriptor is not None:
            owners.setdefault(root.descriptor.digest, owner)
            waiting.extend(by_subject.get(root.descriptor.digest, ()))
