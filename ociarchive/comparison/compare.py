"""Compare two archives: read both completely, refuse false claims, pair their images, find what differs."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from ociarchive.auditing import Evidence
from ociarchive.auditing.claims import claimed
from ociarchive.auditing.factstore import Remembered
from ociarchive.auditing.measuring import look_closer, measure_all
from ociarchive.blobio.limits import Limits
from ociarchive.blobio.locks import nobody
from ociarchive.comparison import companions, files
from ociarchive.comparison.difference import ArchiveSide, Difference
from ociarchive.comparison.images import Held, alone, codecs, held, together
from ociarchive.comparison.members import Values
from ociarchive.comparison.pairing import couples
from ociarchive.comparison.units import absent, units
from ociarchive.comparison.work import Listing, Work
from ociarchive.errors import UsageError, plural
from ociarchive.formats import format_of
from ociarchive.gap import bases
from ociarchive.gap.completing import Pool, complete, lacking
from ociarchive.opening import open_archive, require_hosted
from ociarchive.remote.address import Access
from ociarchive.selection.select import Selectors, nothing_in, select
from ociarchive.selection.untagged import reachable
from ociarchive.transform.subset import refuse_errors, taken
from ociarchive.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ociarchive.auditing.claims import Claimed
    from ociarchive.blobio.locks import Hear
    from ociarchive.blobio.source import ByteSource
    from ociarchive.comparison.companions import Attached
    from ociarchive.comparison.difference import Aspect, Companion, Files, ImagePair, LayerPair, LayerSide
    from ociarchive.comparison.pairing import Couple
    from ociarchive.comparison.units import Unit
    from ociarchive.measure import Measured, Progress
    from ociarchive.model import Archive
    from ociarchive.selection.argument import Source
    from ociarchive.values import Digest, Platform

#: How many paths of two layers may be in memory beside those of other layers: 450 bytes each, and a real layer has
#: some ten thousand. Layers with more are read one after another, when all others are done.
_BESIDE: Final = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to compare, and how. `ignore` is what does not count. `files` asks for the paths that differ.

    `base` are archives that have what a delta leaves out. `host` is the one that names in a registry's folder had, None
    where the call does not say. `access` says how registries are spoken to.
    """

    old: Source
    new: Source
    platforms: tuple[Platform, ...] = ()
    ignore: frozenset[Aspect] = frozenset()
    base: tuple[Source, ...] = ()
    files: bool = False
    host: str | None = None
    jobs: int = 1
    limits: Limits = field(default_factory=Limits)
    access: Access = field(default_factory=Access)

    @property
    def ignored(self) -> frozenset[Aspect]:
        """What does not count. Names do not count either where the call names one image of each archive differently."""
        if self.old.images and self.new.images and self.old.images != self.new.images:
            return self.ignore | {"names"}
        return self.ignore


def difference(options: Options, progress: Progress | None = None, hear: Hear = nobody) -> Difference:
    """Read both archives and return what differs. `progress` receives the progress, from several threads.

    `hear` is called, in words, with what had to be done to open them.

    ContentError: one of them is at fault, so that its claims are not reliable. UsageError: the call is at fault.
    HostError: the machine cannot read it.
    """
    if options.old.path == options.new.path == "-":
        raise UsageError("standard input can be read once")
    with ExitStack() as stack:
        workers = Workers(options.jobs)
        stack.callback(workers.close)
        archives = [_opened(source, options, stack) for source in (options.old, options.new)]
        for notice in dict.fromkeys(notice for archive in archives for notice in archive.notices):
            hear(notice)
        require_hosted(options.host, archives)
        archives = _completed(archives, options, stack)
        facts = _measured(archives, workers, progress)
        hosts = options.host is not None or all(format_of(archive.format).hosts for archive in archives)
        sides = [
            _Side(archive, facts, options, workers, hosts=hosts, selectors=source.images)
            for archive, source in zip(archives, (options.old, options.new), strict=True)
        ]
        return _Comparison(sides[0], sides[1], options, workers, progress).run()


def _opened(source: Source, options: Options, stack: ExitStack) -> Archive:
    archive = open_archive(source.path, limits=options.limits, host=options.host, access=options.access)
    stack.callback(archive.close)
    archive = reachable(archive, source.images)
    if not archive.roots:
        raise nothing_in(archive)
    selectors = Selectors(images=source.images, platforms=options.platforms)
    return taken(archive, select(archive.roots, selectors, archive.where).roots)


def _completed(archives: list[Archive], options: Options, stack: ExitStack) -> list[Archive]:
    """Return archives with the layers that they lack: deltas from the bases or the other archive, others from bases.

    An engine's storage may lack layers, too, but says nothing of who has them.
    """
    if not any(lacking(archive) for archive in archives):
        return archives
    others = []
    for base in options.base:
        others.append(bases.opened(base, options.limits, options.access))
        stack.callback(others[-1].close)
    every, named = Pool([*others, *archives]), Pool(others)
    return [complete(one, every if one.delta is not None else named, declared=True) for one in archives]


def _measured(archives: Sequence[Archive], workers: Workers, progress: Progress | None) -> dict[ByteSource, Measured]:
    """Measure all that is compared. If both archives claim the same layer, it is unpacked once, and hashed in each."""
    first: dict[ByteSource, Claimed] = {}
    again: dict[ByteSource, Claimed] = {}
    digests: set[Digest] = set()
    for source, how in claimed(archives).items():
        if how.unpack and how.digest in digests:
            again[source] = how
        else:
            first[source] = how
            digests |= {how.digest} if how.digest is not None else set()
    before = Remembered()
    found = measure_all(first, workers, progress, before)
    return found | (measure_all(again, workers, progress, before) if again else {})


class _Side:
    """One archive that was measured and agrees with its claims."""

    def __init__(
        self,
        archive: Archive,
        facts: dict[ByteSource, Measured],
        options: Options,
        workers: Workers,
        *,
        hosts: bool,
        selectors: tuple[str, ...],
    ) -> None:
        mine = {source: facts[source] for source in claimed([archive])}
        seen = look_closer(archive, mine, options.limits, workers)
        refuse_errors(Evidence(archive, mine, seen, folded=False))
        self.archive, self.selectors = archive, selectors
        self.evidence = Evidence(archive, mine)
        self.units = units(archive, hosts=hosts)
        steps: dict[tuple[int, int], list[str]] = {}
        self.images = {id(unit): held(unit, self.evidence, steps) for unit in self.units}
        self._attached = companions.attached(self.evidence)
        self._manifests = all(root.descriptor is not None for root in archive.roots)

    def attached(self, other: _Side) -> list[Attached]:
        """Return the attestations and artifacts that the other archive can have too, if any."""
        if not other._manifests:
            return []
        return [one for one in self._attached if one.inside or not format_of(other.archive.format).alone]

    def left_out(self, other: _Side) -> bool:
        """Whether there are other artifacts, which cannot be compared."""
        return len(self.attached(other)) < len(self._attached)

    def layers(self) -> Iterator[LayerSide]:
        """Give the layers of all images."""
        for image in self.images.values():
            yield from image.layers

    def shown(self) -> ArchiveSide:
        """Return what is reported about the archive."""
        distinct = {side.digest or side.diff_id: side for side in self.layers()}
        read = {source.where: fact.size for source, fact in self.evidence.facts.items()}
        return ArchiveSide(
            source=self.archive.where,
            format=self.archive.format,
            images=len(self.units),
            manifests=len({id(edge.node) for unit in self.units for edge in unit.edges}),
            layers=len(distinct),
            proved=sum(side.proved for side in distinct.values()),
            codecs=codecs(distinct.values()),
            stored=sum(side.size or 0 for side in distinct.values() if side.present),
            blobs=len(read),
            bytes=sum(read.values()),
            selectors=self.selectors,
        )


class _Comparison:
    """Compares two archives."""

    def __init__(self, old: _Side, new: _Side, options: Options, workers: Workers, progress: Progress | None) -> None:
        self._old, self._new, self._options = old, new, options
        self._workers, self._progress = workers, progress
        self._work = Work(options.limits, f"{old.archive.where} and {new.archive.where}")
        self._values = Values(self._work)
        self._stored = sum(side.archive.origin.stored_size for side in (old, new))
        self._speaking = [companions.by_subject(found) for found in (old.attached(new), new.attached(old))]

    def run(self) -> Difference:
        """Return what differs."""
        found = couples(self._old.units, self._new.units)
        pairs = [(couple, self._pair(couple)) for couple in found]
        if self._options.files:
            listed = self._files(pairs)
            pairs = [
                (couple, replace(pair, layers=tuple(self._with_files(couple, pair, listed)))) for couple, pair in pairs
            ]
        return Difference(
            old=self._old.shown(),
            new=self._new.shown(),
            images=tuple(pair for _, pair in pairs),
            artifacts=self._artifacts(),
            notes=tuple(self._notes()),
            ignored=self._options.ignored,
        )

    def _pair(self, couple: Couple) -> ImagePair:
        if couple.old is None or couple.new is None:
            old, new = self._held(couple)
            one = old or new
            if one is None:
                raise TypeError(couple)
            return alone(one, "removed" if old is not None else "added", self._work)
        old, new = self._old.images[id(couple.old)], self._new.images[id(couple.new)]
        attestations = self._attestations(couple.old, couple.new)
        return together(couple, old, new, attestations, self._values, self._work)

    def _held(self, couple: Couple) -> tuple[Held | None, Held | None]:
        old = self._old.images[id(couple.old)] if couple.old is not None else None
        new = self._new.images[id(couple.new)] if couple.new is not None else None
        return old, new

    def _attestations(self, old: Unit, new: Unit) -> tuple[Companion, ...]:
        """Compare what refers to two images."""
        before = companions.speaking_of(self._speaking[0], old.manifests)
        after = companions.speaking_of(self._speaking[1], new.manifests)
        self._work.lines(len(before) + len(after))
        return tuple(companions.compared(before, after))

    def _artifacts(self) -> tuple[Companion, ...]:
        """Compare what refers to no image in the archives: to an index, or to nothing."""
        left = []
        for side, other in ((self._old, self._new), (self._new, self._old)):
            manifests = {digest for unit in side.units for digest in unit.manifests}
            left.append([one for one in side.attached(other) if not one.subjects & manifests])
        return tuple(companions.compared(left[0], left[1]))

    def _notes(self) -> Iterator[str]:
        for side, other in ((self._old, self._new), (self._new, self._old)):
            for edge in absent(side.evidence.edges):
                platform = f"{edge.platform} " if edge.platform is not None else ""
                digest = edge.descriptor.digest if edge.descriptor is not None else ""
                yield f"{side.archive.where} names {platform}{digest} and does not hold it"
            for image in side.evidence.images:
                if image.made is not None:
                    yield f"{side.archive.where}: the image ID {image.image_id} is new: {image.made.why}"
            yield from _of_delta(side)
            if side.left_out(other):
                yield (
                    f"{side.archive.where} holds attestations or other artifacts for which {other.archive.where}, a "
                    f"{other.archive.format}, has no place: they are not compared"
                )

    # Paths

    def _files(self, pairs: Iterable[tuple[Couple, ImagePair]]) -> dict[_Key, Files]:
        """Compare the paths of all layers that differ, in parallel. Layers with very many paths come one by one."""
        keys = {
            key: None
            for couple, pair in pairs
            for layer in pair.layers
            if (key := self._key(couple, layer)) is not None
        }

        order = list(keys)
        self._require_few_bytes(order)
        if self._progress is not None and order:
            facts = {**self._old.evidence.facts, **self._new.evidence.facts}
            told = [
                (one.where, sum(facts[source].size for source in key if source))
                for key in order
                if (one := key[0] or key[1])
            ]
            self._progress.begin(told)
        listing = Listing(self._options.limits.listed)

        def read(number: int, place: int, beside: int | None = None) -> Files | None:
            def tick(count: int) -> None:
                self._workers.check()
                if self._progress is not None and place == number:  # what is read twice counts once
                    self._progress.read(number, count)

            try:
                found = files.compared(*order[number], self._options.limits, tick, beside)
            except files.TooManyError as error:
                self._work.members(error.read, self._stored)
                listing.add(place, 0)
                return None
            self._work.members(found.read, self._stored)
            if self._progress is not None:
                self._progress.end(number)
            return found if listing.add(place, len(found.changes)) else files.too_many_listed(listing.most)

        calls = [partial(read, number, number, _BESIDE) for number in range(len(order))]
        results = dict(enumerate(self._workers.run(calls) if calls else []))
        large = {number: len(order) + number for number, result in results.items() if result is None}
        for number, place in large.items():
            left = self._work.members(0, self._stored)
            call = partial(read, number, place, left if left < self._options.limits.layer_paths else None)
            results.update(zip([number], self._workers.run([call]), strict=True))
        fits = listing.fitting()
        no_room = files.too_many_listed(listing.most)
        return {key: (fits[large.get(at, at)] and results[at]) or no_room for at, key in enumerate(order)}

    def _require_few_bytes(self, order: Iterable[_Key]) -> None:
        """Refuse to read a layer again for each of very many others. LimitError: the total is too large."""
        evidences = (self._old.evidence, self._new.evidence)
        facts = [one.fact(source) for key in order for one, source in zip(evidences, key, strict=True)]
        limits = self._options.limits.within(self._stored)
        for fact in facts:
            if fact is not None:
                limits.unpacked(fact.uncompressed_size or 0, f"{self._old.archive.where}: --files", fact.compression)

    def _with_files(self, couple: Couple, pair: ImagePair, listed: dict[_Key, Files]) -> Iterator[LayerPair]:
        for layer in pair.layers:
            key = self._key(couple, layer)
            if key is not None:
                yield replace(layer, files=listed[key])
            elif _differs(couple, layer):
                yield replace(layer, files=files.unreadable())
            else:
                yield layer

    def _key(self, couple: Couple, layer: LayerPair) -> _Key | None:
        """Return the sources of a layer that differs, None where nothing can be read."""
        if not _differs(couple, layer):
            return None
        found: list[ByteSource | None] = []
        for unit, side in ((couple.old, layer.old), (couple.new, layer.new)):
            if unit is None or side is None:
                found.append(None)
                continue
            if not side.proved:
                return None
            found.append(unit.image.layers[side.number - 1].source)
        return found[0], found[1]


def _of_delta(side: _Side) -> Iterator[str]:
    """Say what a delta leaves out, and whether another archive of the call has it."""
    layers = (layer for image in side.evidence.images for layer in image.layers if layer.elsewhere is not None)
    gone = {one.elsewhere.descriptor.digest: one.source is not None for one in layers if one.elsewhere is not None}
    here = sum(gone.values())
    if here:
        come = plural(here, "of its layers comes", "of its layers come")
        yield f"{side.archive.where} is a delta: {come} from another archive of the call"
    if here < len(gone):
        yield (
            f"{side.archive.where} is a delta: "
            f"{plural(len(gone) - here, 'of its layers is', 'of its layers are')} not here and not compared; --base"
            " names what has them"
        )


def _differs(couple: Couple, layer: LayerPair) -> bool:
    """Whether to compare the paths of a layer: only for images that both archives have."""
    return couple.old is not None and couple.new is not None and layer.kind not in ("same", "unproved")


if TYPE_CHECKING:
    from typing import TypeAlias

    _Key: TypeAlias = "tuple[ByteSource | None, ByteSource | None]"
