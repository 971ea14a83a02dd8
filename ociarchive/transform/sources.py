"""Open every SOURCE, take what was selected from each, and join it into one content."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from ociarchive.blobio.locks import nobody
from ociarchive.errors import ContentError, UsageError, plural, some
from ociarchive.formats import writable
from ociarchive.formats._attachments import as_artifacts
from ociarchive.formats.format import Content, LeftOut
from ociarchive.gap import bases
from ociarchive.gap.completing import Pool, Replacements, complete, lacking
from ociarchive.late import Late
from ociarchive.model import images, parts, walk
from ociarchive.opening import open_archive, require_hosted
from ociarchive.opening.pulling import Near
from ociarchive.selection.argument import Source
from ociarchive.selection.select import (
    AmbiguousError,
    Selection,
    Selectors,
    matching,
    nothing_in,
    present_of,
    require_platforms,
    select,
    unnamed,
)
from ociarchive.selection.untagged import reachable
from ociarchive.transform.assemble import assemble
from ociarchive.transform.naming import renamed, require_apart
from ociarchive.transform.rewrite import with_name
from ociarchive.transform.unbuilt import truly_named, unkept, without
from ociarchive.values import Reference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import ExitStack

    from ociarchive.model import Archive, Root
    from ociarchive.opening import registry
    from ociarchive.transform.naming import Named, Renamed
    from ociarchive.transform.options import Options
else:
    registry = Late("ociarchive.opening.registry")

#: No image is known to be at fault.
_NONE: Final[Mapping[object, ContentError]] = MappingProxyType({})
_USUAL = {"schemaVersion", "mediaType", "manifests"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """One archive and its selected roots."""

    archive: Archive
    roots: tuple[Root, ...]


@dataclass(slots=True)
class Gathering:
    """All sources together. `pool` has what could complete them, None where none of them lacks a layer."""

    archives: list[Gathered] = field(default_factory=list)
    content: Content = field(default_factory=lambda: Content(roots=()))
    left_out: list[LeftOut] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    named: list[Named] = field(default_factory=list)
    failed: dict[object, ContentError] = field(default_factory=dict)
    pool: Pool | None = None

    @property
    def renames(self) -> tuple[Renamed, ...]:
        """The names that are others in DEST by `--rename`."""
        return tuple(one for named in self.named for one in named.renames)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetching:
    """How blobs come from elsewhere: `near` gives those by digest that DEST has, `step` hears what is done.

    `dest` is the DEST of a merge, which may have what deltas leave out. `believe`: of layers in a registry the media
    types are taken for true before anything of them is read.
    """

    near: Near = field(default_factory=Near)
    believe: bool = False
    step: Callable[[str], None] = nobody
    dest: str | None = None


def read_for(sources: Sequence[Source], dest: str, options: Options) -> Sequence[Source]:
    """Return all that a conversion reads: the sources, and first of all a DEST that is added to."""
    return [Source(path=dest), *sources] if options.index is not None and options.index.add else sources


def gather(
    sources: Sequence[Source],
    options: Options,
    spool: str | None,
    stack: ExitStack,
    fetching: Fetching | None = None,
    *,
    known: Mapping[object, ContentError] = _NONE,
) -> Gathering:
    """Open the sources and return what is selected. It raises the errors of opening and selecting.

    Images of an engine's storage that cannot be had are left out where others are selected. `known` are some of them,
    by their identity. Sources that lack layers are completed by each other, by the bases of the call, and by the
    DEST of a merge.
    """
    fetching = fetching or Fetching()
    found = Gathering()
    adds = options.index is not None and options.index.add
    opened = []
    for number, source in enumerate(sources):
        archive = open_archive(
            source.path, spool_folder=spool, limits=options.limits, host=options.host, access=options.access,
            near=fetching.near, step=fetching.step, hashed=options.bound,
        )  # fmt: skip
        stack.callback(archive.close)
        found.notices.extend(archive.notices)
        if archive.origin.kind == "registry":
            found.notices.extend(registry.notices_of(archive))
        every = options.all_revisions or (adds and number == 0)
        archive = reachable(archive, (*source.images, *options.selectors.images), every=every)
        if not writable(options.format).keeps_beside:
            archive = as_artifacts(archive)
        if not archive.roots:
            raise nothing_in(archive)
        opened.append((source, archive))
    require_hosted(options.host, [archive for _, archive in opened])
    opened = _completed(opened, options, spool, stack, fetching.dest, found)
    if fetching.near.layers and not options.storage.preserve_digests:
        here = Replacements(fetching.near.layers, options.storage.compression)
        remote = [archive.origin.kind == "registry" for _, archive in opened]
        opened = [
            (source, complete(archive, here) if fetched else archive)
            for (source, archive), fetched in zip(opened, remote, strict=True)
        ]
    if adds:
        found.archives.append(_added_to(opened[0][1], options))
        found.left_out += _unnamed_blobs(opened[0][1])
    _select(opened[adds:], options, found)
    gone = _leave_out(found, known, whole=options.index is not None)
    roots = _indexed(found, options) if options.index is not None else _joined(found, options)
    if not roots:
        raise ContentError("nothing of the archive is left to write", where=opened[0][1].where)
    one = opened[0][1] if adds or (len(opened) == 1 and options.index is None) else None
    if one is None or options.merge or len(opened) > 1:
        for gathered in found.archives[adds:]:
            _notice(gathered.archive, gathered, found.notices)
    extras = one.extras if one is not None else ()
    entry = one.entry if one is not None and not options.merge else None  # DEST of a merge keeps its own
    found.content = Content(roots=roots, entry=entry, extras=extras)
    found.notices.extend(f"left out: {left.what} ({left.why})" for left in found.left_out)
    for (source, archive), gathered in zip(opened, found.archives, strict=True):
        if gathered.roots and not source.images and not options.selectors.images:
            _untagged(archive, found)
    found.left_out.extend(LeftOut(what=label, why=str(error)) for label, error in gone)
    return found


def _select(opened: Sequence[tuple[Source, Archive]], options: Options, found: Gathering) -> None:
    """Take what is selected from each archive. Of several archives one has to have what the call asks all of them."""
    shared, asked = options.selectors.images, options.selectors.platforms
    alone = len(opened) == 1
    if not alone and shared:
        _check_somewhere(shared, [archive for _, archive in opened])
    chosen: list[Selection] = []
    for source, archive in opened:
        images = (*source.images, *(name for name in shared if alone or _has(archive, name)))
        selectors = replace(options.selectors, images=images, platforms=())
        nothing = shared and not images
        chosen.append(Selection(roots=()) if nothing else select(archive.roots, selectors, archive.where))
    where = ", ".join(archive.where for _, archive in opened)
    require_platforms(tuple(root for one in chosen for root in one.roots), asked, where)
    for (_, archive), one in zip(opened, chosen, strict=True):
        wanted = present_of(one.roots, asked)
        selection = Selection(roots=())
        if wanted or not asked:
            selection = select(one.roots, Selectors(platforms=wanted), archive.where)
        left = () if wanted or not asked else (LeftOut(what=root.label, why="--platform") for root in one.roots)
        found.archives.append(Gathered(archive=archive, roots=selection.roots))
        found.left_out += [*one.left_out, *selection.left_out, *left]


def _joined(found: Gathering, options: Options) -> tuple[Root, ...]:
    """Return the roots of all archives under the names that they have in DEST."""
    listed = [(one.archive.where, one.roots) for one in found.archives]
    found.named = renamed(listed, options.rename, options.format, options.limits)
    if options.tag is None:
        require_apart(found.named, options.format)
    return _merged([(named.where, named.roots) for named in found.named], homes=not options.format.hosts)


def _indexed(found: Gathering, options: Options) -> tuple[Root, ...]:
    """Return the index of all that is selected, and what stands beside it."""
    if options.index is None:
        raise RuntimeError("no index is asked for")
    listed = [(one.archive.where, one.roots) for one in found.archives]
    made = assemble(listed, options.index, options.tag, options.storage.media_types)
    found.left_out += made.left_out
    found.notices += made.notices
    return made.roots


def _added_to(archive: Archive, options: Options) -> Gathered:
    """Return the DEST that is added to, with all that it holds. UsageError: it has another format than asked for."""
    if archive.format != options.format.name:
        what = f"--add keeps the format of DEST, --to says {options.format.name}"
        raise UsageError(what, where=archive.where, found=archive.format)
    return Gathered(archive=archive, roots=archive.roots)


def _unnamed_blobs(archive: Archive) -> Iterator[LeftOut]:
    """Give the blobs of a DEST that is written anew to which nothing leads."""
    edges = list(walk(archive.roots))
    held = (part.descriptor for edge in edges for part in parts(edge.node))
    named = {one.digest for one in (*(edge.descriptor for edge in edges), *held) if one is not None}
    for stored in archive.stored:
        if stored.digest is not None and stored.digest not in named and stored.digest not in archive.beside:
            yield LeftOut(what=f"{stored.name} ({archive.where})", why="no manifest leads to it")


def _untagged(archive: Archive, found: Gathering) -> None:
    """Say what no tag names and nobody asked for."""
    there = {edge.descriptor.digest for edge in walk(archive.roots) if edge.descriptor}
    left = [root for root in archive.untagged if root.descriptor and root.descriptor.digest not in there]
    why = "no tag names it, and --all-revisions was not given"
    found.left_out += [LeftOut(what=f"{root.repository}@{root.label}", why=why) for root in left]
    if left:
        many = "a manifest has no tag and stays"
        if len(left) > 1:
            many = f"{plural(len(left), 'manifest')} have no tag and stay"
        listed = some(f"{root.repository}@{root.label}" for root in left)
        found.notices.append(f"{many} behind: {listed}; --all-revisions takes what has none along ({archive.where})")


def _leave_out(
    found: Gathering, known: Mapping[object, ContentError], *, whole: bool
) -> list[tuple[str, ContentError]]:
    """Leave out the images that cannot be had, which are returned, and the names that no image in DEST can have.

    With `whole` all images stay, because a result without one of them is not what was asked for.
    """
    labels: list[tuple[str, ContentError]] = []
    left = [one.roots for one in found.archives]
    if not whole:
        left, found.failed = without(found.archives, known)
    for number, (one, roots) in enumerate(zip(found.archives, left, strict=True)):
        labels.extend((root.label, found.failed[root.identity]) for root in one.roots if root.identity in found.failed)
        found.left_out.extend(dict.fromkeys(lost for root in roots for lost in unkept(root)))
        found.archives[number] = replace(one, roots=tuple(map(truly_named, roots)))
    return labels


def _completed(
    opened: list[tuple[Source, Archive]],
    options: Options,
    spool: str | None,
    stack: ExitStack,
    dest: str | None,
    found: Gathering,
) -> list[tuple[Source, Archive]]:
    """Return the archives with the layers that they lack, as far as the call names an archive that has them."""
    if not any(lacking(archive) for _, archive in opened):
        return opened
    named = [(base, spool) for base in options.base]
    if options.merge and dest is not None:
        named.append((Source(path=dest), None))
    if not named and len(opened) == 1 and opened[0][1].delta is None:  # nothing completes itself
        return opened
    others = []
    for base, folder in named:
        archive = bases.opened(base, options.limits, options.access, folder)
        stack.callback(archive.close)
        found.notices.extend(archive.notices)
        others.append(archive)
    pool = found.pool = Pool([*others, *(archive for _, archive in opened)])
    made = [(source, complete(archive, pool)) for source, archive in opened]
    for _, archive in made:
        found.notices.extend(_stand_ins(archive))
    return made


def _stand_ins(archive: Archive) -> Iterator[str]:
    """Say which layers come from another archive that stores them otherwise, so that manifests change."""
    for image in images(archive.roots):
        for layer in image.layers:
            if layer.elsewhere is not None and layer.descriptor is None and layer.source is not None:
                yield (
                    f"{layer.elsewhere.descriptor.digest}: only its content is there ({layer.source.where}), so the"
                    " layer is made anew, and what names it where its digest changes"
                )


def _notice(archive: Archive, found: Gathered, notices: list[str]) -> None:
    """Say what an archive loses where several are joined."""
    extra = sorted(set(archive.entry.members) - _USUAL) if archive.entry is not None else []
    if extra and found.roots:
        notices.append(f"left behind: {', '.join(extra)} of index.json ({archive.where})")
    notices.extend(f"left behind: {extra.name} ({archive.where})" for extra in archive.extras)


def _has(archive: Archive, selector: str) -> bool:
    try:
        return bool(matching(archive.roots, selector, archive.where))
    except AmbiguousError:
        raise
    except UsageError:
        return False


def _check_somewhere(selectors: tuple[str, ...], archives: list[Archive]) -> None:
    for selector in selectors:
        if not any(_has(archive, selector) for archive in archives):
            every = tuple(root for archive in archives for root in archive.roots)
            matching(every, selector, ", ".join(archive.where for archive in archives))


def _merged(archives: Sequence[tuple[str, tuple[Root, ...]]], *, homes: bool) -> tuple[Root, ...]:
    """Return all roots, each name once; a manifest without a name in several repositories once, but with `homes`.

    UsageError: images of two archives claim one name.
    """
    owners: dict[str, tuple[object, str]] = {}
    roots: list[Root] = []
    there: set[object] = set()
    for here, taken in archives:
        for root in taken:
            fresh = []
            for name in root.names or ((root.ref_name,) if root.ref_name else ()):
                identity, where = owners.setdefault(str(name), (root.identity, here))
                if identity != root.identity and where != here:
                    raise UsageError(
                        f"two images claim the name {name}", where=f"{where}, {here}",
                        hint="convert one of them with --tag or --rename first",
                    )  # fmt: skip
                if where == here or identity != root.identity:
                    fresh.append(name)
            if len(fresh) == len(root.names or ((root.ref_name,) if root.ref_name else ())):
                again = root.identity in there and (len(archives) > 1 or root.repository is not None) and not homes
                if fresh or not again:
                    roots.append(root)
            elif fresh:
                kept = set(fresh)
                roots.append(replace(unnamed(root), names=tuple(name for name in root.names if name in kept)))
            there.update(kept_root.identity for kept_root in roots[-1:])
    return tuple(roots)


def tagged(content: Content, tag: Reference | None) -> Content:
    """Return a content whose one image has the name of `--tag`, before its referrers. Without `--tag` it is unchanged.

    UsageError: it has several images.
    """
    if tag is None:
        return content
    if tag.disputed:
        lower = Reference.maybe(str(tag).lower())
        raise UsageError(
            f"--tag takes a name that every engine takes, not {tag}: {tag.disputed}",
            hint=f"name the image {lower.familiar}" if lower and not lower.disputed else None,
        )
    tops = [root for root in content.roots if not root.speaks_of_another] or list(content.roots)
    distinct = {root.identity: root for root in reversed(tops)}
    if len(distinct) != 1:
        listed = some(root.label for root in tops)
        raise UsageError(f"--tag names one image, here are {len(distinct)}: {listed}", hint="select one with --image")
    top = replace(tops[0], names=tuple(name for root in tops for name in root.names))
    mine = {id(root) for root in tops}
    rest = [root for root in content.roots if id(root) not in mine]
    return replace(content, roots=with_name([top, *rest], tag))
