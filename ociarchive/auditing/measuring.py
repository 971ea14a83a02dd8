"""Measuring: every source with a claim is read once, in parallel with the others."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from ociarchive.auditing.hard_links import check_links
from ociarchive.blobio.limits import LimitError
from ociarchive.blobio.manyfile import LostBytesError
from ociarchive.errors import bare
from ociarchive.flaws import Flaw
from ociarchive.late import Late
from ociarchive.measure import Measured, measure
from ociarchive.model import nodes, parts
from ociarchive.remote.blob import Reading
from ociarchive.stores.rebuilt import RebuildError, Rebuilt
from ociarchive.toc import has_table, told_of_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ociarchive.auditing.claims import Claimed
    from ociarchive.auditing.factstore import FactStore
    from ociarchive.blobio.limits import Limits
    from ociarchive.blobio.source import ByteSource
    from ociarchive.measure import Progress
    from ociarchive.model import Archive, Blob, Layer
    from ociarchive.toc import check
    from ociarchive.values import Descriptor
    from ociarchive.workers import Lane, Workers
else:
    check = Late("ociarchive.toc.check")

#: So many ways in which descriptors speak of the table of one layer are looked at. Tools of one maker speak in one.
_WAYS: Final = 8


def measure_all(
    sources: Mapping[ByteSource, Claimed],
    workers: Workers,
    progress: Progress | None,
    known: FactStore,
    lost: dict[ByteSource, RebuildError | LostBytesError] | None = None,
    beside: Sequence[Callable[[], None]] = (),
) -> dict[ByteSource, Measured]:
    """Measure sources in parallel, the largest first, so that it is not left for the end. An unknown size may be large.

    A blob that `known` has unpacked is only hashed here, since equal bytes unpack to equal bytes. What was read when
    its archive was opened is not read again. `lost` gets the layers that cannot be rebuilt, and blobs of which a part
    of the archive is not here, each with the reason. The calls `beside` are done side by side with all that.
    HostError: a source cannot be read. RebuildError, LostBytesError: without `lost`, one cannot be had.
    """
    order: Sequence[ByteSource] = sorted(sources, key=lambda source: (source.size is not None, -(source.size or 0)))
    if progress:
        progress.begin([(source.where, source.size) for source in order])

    def read(number: int) -> Measured | RebuildError | LostBytesError:
        def tick(count: int) -> None:
            workers.check()
            if progress:
                progress.read(number, count)

        source = order[number]
        fact: Measured | RebuildError | LostBytesError
        try:
            fact = _measured(source, sources[source], tick, known, workers.lane)
        except (RebuildError, LostBytesError) as error:
            if lost is None:
                raise
            fact = bare(error)
        reading.done(source)
        if progress:
            progress.end(number)
        return fact

    calls: list[Callable[[], Measured | RebuildError | LostBytesError | None]] = [*beside]
    calls += [partial(read, number) for number in range(len(order))]
    with Reading(order, (source for source in order if sources[source].fact is None)) as reading:
        results = workers.run(calls, reading.abort)[len(beside) :]
    found = dict(zip(order, results, strict=True))
    facts: dict[ByteSource, Measured] = {}
    for source in sources:
        fact = found[source]
        if isinstance(fact, Measured):
            facts[source] = fact
        elif lost is not None and fact is not None:
            lost[source] = fact
    return facts


def _measured(
    source: ByteSource, how: Claimed, tick: Callable[[int], None], known: FactStore, lane: Callable[[], Lane]
) -> Measured:
    if how.fact is not None and how.knows(how.fact) and _allowed(how.fact, how.limits, source.where):
        tick(how.fact.size)
        return how.fact
    read = partial(measure, source, limits=how.limits, algorithms=how.algorithms, tick=tick, lane=lane)
    before = known.get(how.digest) if how.unpack and how.digest is not None else None
    if before is not None:
        fact = read(unpack=False)
        if fact.digests == before.digests and _allowed(before, how.limits, source.where):
            return before
    fact = read(unpack=how.unpack)
    if how.unpack and fact.diff_ids is not None:
        known.put(fact)
    return fact


def _allowed(fact: Measured, limits: Limits, where: str) -> bool:
    """Whether what a blob unpacks to is within the archive's limits. It counts for the total as if unpacked here.

    What ended the walk over a tar for the limits of another archive says nothing of this one.
    """
    if fact.tar is not None and fact.tar.fault is not None and fact.tar.fault.rule == "layer-unchecked":
        return False
    guard = limits.guard(where, fact.compression)
    guard.stored = fact.size
    try:
        guard.unpacked(fact.uncompressed_size or 0)
        limits.walked(fact.tar.headers if fact.tar is not None else 0, where)
    except LimitError:
        return False
    return True


def look_closer(
    archive: Archive, facts: Mapping[ByteSource, Measured], limits: Limits, workers: Workers
) -> tuple[Flaw, ...]:
    """Return the faults that only a second reading of layers shows.

    They are wrong tables of contents, hard links to nothing, and the files for which a layer is rebuilt to another tar.
    All readings together are held to the archive's limits, as the first one is.
    """
    stored = max(archive.origin.stored_size, sum(fact.size for fact in facts.values()))
    allowed = replace(limits, before=archive.origin.limits.before)
    tables = _check_tables(archive, facts, allowed.within(stored), workers)
    rebuilt = _check_rebuilt(archive, facts, workers)
    return (*tables, *rebuilt, *check_links(archive, facts, allowed.within(stored), workers))


def unbuilt(error: RebuildError) -> Flaw:
    """Return the flaw of a layer that cannot be rebuilt."""
    return Flaw(
        rule=error.rule,
        where=error.where or "",
        message=error.what,
        subject=str(error.diff_id),
        expected=error.expected,
        found=error.found,
    )


def _check_rebuilt(archive: Archive, facts: Mapping[ByteSource, Measured], workers: Workers) -> tuple[Flaw, ...]:
    """Return why layers were rebuilt to another tar than theirs. Only these are read again."""
    calls: dict[ByteSource, Callable[[], RebuildError]] = {}
    for part in _parts(archive):
        fact = facts.get(part.source) if part.source is not None else None
        if isinstance(part.source, Rebuilt) and fact is not None and not part.source.proved_by(fact.diff_ids):
            calls[part.source] = partial(part.source.explain, fact.diff_ids)
    found = workers.run(list(calls.values())) if calls else []
    return tuple(unbuilt(error) for error in found)


def _check_tables(
    archive: Archive, facts: Mapping[ByteSource, Measured], limits: Limits, workers: Workers
) -> tuple[Flaw, ...]:
    """Return what is wrong with layers' tables of contents. Only layers that have one are read again.

    A layer is read once for each way in which descriptors speak of its table: all but one of them are wrong.
    """
    calls: dict[tuple[ByteSource, tuple[str | None, ...]], Callable[[], list[Flaw]]] = {}
    ways: Counter[ByteSource] = Counter()
    more: dict[ByteSource, Flaw] = {}
    for part in _parts(archive):
        fact = facts.get(part.source) if part.source is not None else None
        if part.source is None or part.descriptor is None or fact is None or fact.diff_ids is None:
            continue
        key = (part.source, told_of_table(part.descriptor))
        if not has_table(part.descriptor) or key in calls:
            continue
        ways[part.source] += 1
        if ways[part.source] > _WAYS:
            more[part.source] = _more_ways(part.source, part.descriptor)
        else:
            calls[key] = partial(check.check, part.descriptor, part.source, fact.uncompressed_size, limits)
    found = workers.run(list(calls.values())) if calls else []
    return (*(flaw for flaws in found for flaw in flaws), *more.values())


def _more_ways(source: ByteSource, descriptor: Descriptor) -> Flaw:
    message = f"descriptors speak of its table of contents in more than {_WAYS} ways, the others were not looked at"
    return Flaw(rule="toc-annotation", where=source.where, message=message, subject=str(descriptor.digest))


def _parts(archive: Archive) -> Iterator[Blob | Layer]:
    """Give the parts of each manifest once, however many entries lead to it."""
    for node in nodes(archive.roots):
        yield from parts(node)
