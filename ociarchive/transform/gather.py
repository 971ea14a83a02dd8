"""Gather: open every SOURCE, take what was selected of each, and make one content of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ociarchive.errors import ContentError, UsageError
from ociarchive.formats import open_archive
from ociarchive.formats._layout import COSIGN_NAME, IMAGE_NAME, REF_NAME
from ociarchive.formats.base import Content
from ociarchive.model import Image, Missing, walk
from ociarchive.transform.rewrite import with_name
from ociarchive.transform.select import LeftOut, matching, select, subjects_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import ExitStack

    from ociarchive.model import Archive, Root
    from ociarchive.transform.options import Options

_USUAL = {"schemaVersion", "mediaType", "manifests"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One SOURCE of the call: a path and the selectors that stand behind it."""

    path: str
    images: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """One archive and the roots of it that come along."""

    archive: Archive
    roots: tuple[Root, ...]


@dataclass(slots=True)
class Gathering:
    """All sources together."""

    archives: list[Gathered] = field(default_factory=list)
    content: Content = field(default_factory=lambda: Content(roots=()))
    left_out: list[LeftOut] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


def gather(sources: Sequence[Source], options: Options, spool: str | None, stack: ExitStack) -> Gathering:
    """Open the sources and return what comes along; errors are those of opening and selecting."""
    found = Gathering()
    opened = []
    for source in sources:
        archive = open_archive(source.path, spool_folder=spool, limits=options.limits)
        stack.callback(archive.close)
        if not archive.roots:
            reason = next((flaw.message for flaw in (*archive.container.flaws, *archive.flaws)), None)
            raise ContentError(f"no image in the archive{f': {reason}' if reason else ''}", where=archive.where)
        opened.append((source, archive))
    shared = options.selectors.images
    if len(opened) > 1 and shared:
        _check_somewhere(shared, [archive for _, archive in opened])
    for source, archive in opened:
        images = (*source.images, *(name for name in shared if len(opened) == 1 or _has(archive, name)))
        if shared and not images:
            found.archives.append(Gathered(archive=archive, roots=()))
            continue
        selection = select(archive.roots, replace(options.selectors, images=images), archive.where)
        found.archives.append(Gathered(archive=archive, roots=selection.roots))
        found.left_out.extend(selection.left_out)
    roots = _merged(found.archives)
    if options.tag is not None:
        roots = _tagged(roots, options)
    if not roots:
        raise ContentError("nothing of the archive is left to write", where=opened[0][1].where)
    one = opened[0][1] if len(opened) == 1 else None
    for _, archive in opened:
        _notice(archive, roots, found, alone=one is not None)
    extras = one.extras if one is not None else ()
    found.content = Content(roots=roots, entry=one.entry if one is not None else None, extras=extras)
    found.notices.extend(f"left out: {left.what} ({left.why})" for left in found.left_out)
    return found


def _notice(archive: Archive, roots: tuple[Root, ...], found: Gathering, *, alone: bool) -> None:
    if not alone and archive.entry is not None:
        extra = sorted(set(archive.entry.members) - _USUAL)
        if extra:
            found.notices.append(f"left behind: {', '.join(extra)} of index.json ({archive.where})")
    if alone and any(isinstance(edge.node, Missing) and edge.node.source is None for edge in walk(roots)):
        found.notices.append(
            f"the index names manifests that are not in the archive; it stays as it is ({archive.where})"
        )


def _has(archive: Archive, selector: str) -> bool:
    try:
        return bool(matching(archive.roots, selector, archive.where))
    except UsageError as error:
        if "names several" in error.what:
            raise
        return False


def _check_somewhere(selectors: tuple[str, ...], archives: list[Archive]) -> None:
    for selector in selectors:
        if not any(_has(archive, selector) for archive in archives):
            every = tuple(root for archive in archives for root in archive.roots)
            matching(every, selector, ", ".join(archive.where for archive in archives))


def _merged(archives: list[Gathered]) -> tuple[Root, ...]:
    """Return all roots, what several archives name alike once. UsageError: two images claim one name."""
    owners: dict[str, tuple[object, str]] = {}
    seen: set[tuple[object, ...]] = set()
    roots: list[Root] = []
    for one in archives:
        for root in one.roots:
            identity = _identity(root)
            for name in root.names or ((root.ref_name,) if root.ref_name else ()):
                owner, where = owners.setdefault(str(name), (identity, one.archive.where))
                if owner != identity and where != one.archive.where:
                    raise UsageError(
                        f"two images claim the name {name}", where=f"{where}, {one.archive.where}",
                        hint="convert one of them with --tag first",
                    )  # fmt: skip
            key = (identity, root.names, root.ref_name)
            if key not in seen or len(archives) == 1:
                seen.add(key)
                roots.append(root)
    return tuple(roots)


def _identity(root: Root) -> object:
    if root.descriptor is not None:
        return root.descriptor.digest
    return root.node.image_id if isinstance(root.node, Image) else id(root.node)


def _tagged(roots: tuple[Root, ...], options: Options) -> tuple[Root, ...]:
    """Return the roots with the one that `--tag` names in front of what refers to it."""
    tops = [root for root in roots if not subjects_of(root)] or list(roots)
    distinct = {_identity(root): root for root in reversed(tops)}
    if len(distinct) != 1 or options.tag is None:
        listed = ", ".join(root.label for root in tops)
        raise UsageError(f"--tag names one image, here are {len(distinct)}: {listed}", hint="select one with --image")
    top = tops[0]
    rest = [root for root in roots if root not in tops]
    return with_name([top, *rest], options.tag, (IMAGE_NAME, REF_NAME, COSIGN_NAME))
