"""Convert: the one place that moves bytes. Everything is measured in the same pass that writes it.

read → select → plan → move every blob, measuring → judge → rewrite → write documents → audit → give DEST its name
"""

from __future__ import annotations

import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ociarchive.auditing.identity import Identifying
from ociarchive.blobio.locks import nobody
from ociarchive.errors import plural
from ociarchive.late import Late
from ociarchive.model import Missing, walk
from ociarchive.remote.address import is_remote
from ociarchive.stores.rebuilt import RebuildError
from ociarchive.transform import merge
from ociarchive.transform.prepare import prepare, settle
from ociarchive.transform.sources import Fetching, read_for
from ociarchive.transform.target import target as reserved
from ociarchive.transform.transfer import MisledError, Moving, like_bombs
from ociarchive.transform.unbuilt import unproved
from ociarchive.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ociarchive.auditing import Finding, Report
    from ociarchive.blobio.locks import Hear
    from ociarchive.errors import ContentError
    from ociarchive.formats.format import Content, LeftOut
    from ociarchive.measure import Progress
    from ociarchive.model import Archive, Root
    from ociarchive.opening import registry
    from ociarchive.selection.argument import Source
    from ociarchive.transform.naming import Renamed
    from ociarchive.transform.omitted import Omitted
    from ociarchive.transform.options import Options
    from ociarchive.transform.plan import Move, Storage
    from ociarchive.transform.rewrite import Arrived, Change
    from ociarchive.transform.sink import Sink
    from ociarchive.transform.sources import Gathered
    from ociarchive.transform.written import Written
    from ociarchive.values import Digest
else:
    registry = Late("ociarchive.opening.registry")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Conversion:
    """The result of a conversion. `old_roots` and `new_roots` have the same order, `changes` has that of the graph.

    `omitted` are the layers that the other side has, which `left_out` lists too. `report` is the audit of what was
    written, None where it was not read back. `sent`: it went to a registry. `seconds` is the duration of everything.
    `failed` says which images of an engine's storage cannot be had, and why. They were left out. `written` lists what
    DEST is called and holds, None where nothing was listed. `sha256` has the digest of each source that is a file, by
    its place, as it was read; it is empty where no receipt was asked for.
    """

    dest: str
    format: str
    sources: tuple[Gathered, ...]
    old_roots: tuple[Root, ...]
    new_roots: tuple[Root, ...]
    changes: tuple[Change, ...]
    arrived: Mapping[Move, Arrived]
    left_out: tuple[LeftOut, ...]
    renames: tuple[Renamed, ...]
    omitted: tuple[Omitted, ...]
    notices: tuple[str, ...]
    report: Report | None
    seconds: float
    storage: Storage
    sent: bool = False
    failed: tuple[ContentError, ...] = ()
    written: Written | None = None
    sha256: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Conversion(dest={self.dest!r}, format={self.format!r}, notices={len(self.notices)})"


def convert(
    sources: Sequence[Source],
    dest: str,
    options: Options,
    progress: Progress | None = None,
    hear: Hear = nobody,
    step: Hear = nobody,
) -> Conversion:
    """Write the images of `sources` to `dest` in another form and return the result.

    `progress` receives the progress of reading blobs. `hear` is called with words, perhaps from another thread: what
    the work waits for, and which modes and owners could not be kept. `step` hears the steps of a pull from a
    registry, or of a push to one.

    DEST is complete when this returns and absent, or as it was, when it raises. ContentError: a source is at fault.
    UsageError: the call is. HostError: the machine, or what was written fails its audit.
    """
    started = time.monotonic()
    learned = _Learned()
    while True:
        try:
            done = _convert(sources, dest, options, progress, hear, step, learned=learned)
        except _LessError as less:  # once: all images at fault are known then
            learned = replace(learned, known=less.known)
        except MisledError:  # once: nothing is believed then
            learned = replace(learned, believe=False)
        else:
            return replace(done, seconds=time.monotonic() - started)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Learned:
    """What attempts at a conversion taught: images that cannot be had, and whether media types can be believed."""

    known: Mapping[object, ContentError] = field(default_factory=dict)
    believe: bool = True


class _LessError(Exception):
    """The conversion has to begin again without some images of an engine's storage, which cannot be had."""

    def __init__(self, known: Mapping[object, ContentError]) -> None:
        super().__init__()
        self.known = known


def _convert(
    sources: Sequence[Source],
    dest: str,
    options: Options,
    progress: Progress | None,
    hear: Hear,
    step: Hear,
    *,
    learned: _Learned,
) -> Conversion:
    """Convert, given what earlier attempts taught. _LessError: more images are at fault. MisledError: a media type."""
    with ExitStack() as stack:
        workers = Workers(options.jobs)
        stack.callback(workers.close)
        target = reserved(dest, options, workers, stack, sources, hear, step=step)
        # Whether a tag of a registry leads to the same image already is foreseen, which takes the truth.
        fetching = Fetching(step=step, believe=learned.believe and not is_remote(dest))
        if options.merge:
            near = merge.at_hand(dest, sources, options.storage, stack, options.limits)
            fetching = replace(fetching, near=near, dest=dest)
        opened = read_for(sources, dest, options)
        prepared = prepare(opened, options, target.spool, workers, stack, fetching, known=learned.known)
        judging, planned = prepared.judging, prepared.planned
        target.require(prepared)
        sink = target.open(stack)
        try:
            arrived = Moving(planned, options, judging, workers, progress).run(sink)
        except RebuildError:
            alone = bool(learned.known) or options.index is not None
            wrong = {} if alone else unproved(prepared.gathered.archives, workers)
            if all(root.identity in wrong for root in prepared.content.roots) or not wrong:
                raise
            raise _LessError(wrong) from None
        judging.check(closer=True)
        for one in prepared.gathered.archives:
            if one.archive.origin.kind == "registry":
                registry.tell_fetched(one.archive, step)
        read = _hashed([one.archive for one in prepared.gathered.archives], workers) if options.bound else {}
        found = tuple(judging.findings())
        settled = settle(prepared, options, arrived, found)
        written, notices = settled.content, [*settled.notices]
        _store_documents(sink, written)
        sink.complete(written)
        target.wrap()
        notices.extend(like_bombs(arrived.values(), options.limits))
        unpacked = (one.fact.uncompressed_size or 0 for one in arrived.values())
        report = target.audit(unpacked, progress, judging.known)
        sink.commit()
        notices.extend(target.notices)
        notices.extend(_of_present(arrived.values()))
        notices.extend(_told_of_dest(report.findings if report else (), found, settled.changes))
        return Conversion(
            dest=dest,
            format=options.format.name,
            sources=tuple(prepared.gathered.archives),
            old_roots=prepared.content.roots,
            new_roots=written.roots,
            changes=settled.changes,
            arrived=arrived,
            left_out=(*prepared.left_out, *(one.left_out for one in settled.omitted)),
            omitted=settled.omitted,
            renames=prepared.gathered.renames,
            notices=tuple(dict.fromkeys(notices)),
            report=report,
            seconds=0,
            storage=options.storage,
            sent=is_remote(dest),
            failed=tuple(dict.fromkeys(prepared.gathered.failed.values())),
            written=target.written(written),
            sha256=read,
        )


def _hashed(archives: Sequence[Archive], workers: Workers) -> dict[str, str]:
    """Return the digests of sources that are files, hashed in the very files that are open."""
    naming = Identifying(archives, workers)
    workers.run(naming.calls)
    found = ((archive.where, naming.of_file(archive)) for archive in archives)
    return {where: str(identity) for where, identity in found if identity is not None}


def _of_present(arrived: Iterable[Arrived]) -> Iterator[str]:
    """Say how many blobs DEST had already, because what was not read was not proved here."""
    there = {one.digest: one for one in arrived if one.present}
    if there:
        held = f"{plural(len(there), 'blob')} of {plural(sum(one.size for one in there.values()), 'byte')}"
        unread = "they were not sent, and its layers among them were not read"
        if len(there) == 1:
            unread = "it was not sent, and not read if it is a layer"
        yield f"DEST had {held} already; {unread}"


def _told_of_dest(written: Sequence[Finding], read: Sequence[Finding], changes: Sequence[Change]) -> Iterator[str]:
    """Give, in words, the faults of DEST that the sources do not have, each as often as it is new.

    Names of blobs and members are not compared, because they differ between formats.
    """
    before = {str(change.new.digest): str(change.old.digest) for change in changes if change.old is not None}

    def spelled(finding: Finding) -> tuple[str, ...]:
        facts = (before.get(fact or "", fact or "") for fact in (finding.expected, finding.found))
        return (finding.rule, finding.message, *facts)

    known = Counter(spelled(finding) for finding in read)
    for finding in written:
        known[spelled(finding)] -= 1
        if finding.severity != "note" and known[spelled(finding)] < 0:
            yield str(finding)


def _store_documents(sink: Sink, content: Content) -> None:
    """Store every manifest and index once for each of its roles."""
    edges = [edge for edge in walk(content.roots) if not isinstance(edge.node, Missing)]
    put: set[tuple[Digest, bool]] = set()  # one manifest may have many descriptors
    for edge in sorted(edges, key=lambda edge: not edge.above):  # roots of the archive come last
        if not isinstance(edge.node, Missing) and edge.node.document is not None and edge.descriptor is not None:
            place = (edge.descriptor.digest, not edge.above)
            if place not in put:
                sink.document(edge.descriptor, edge.node.document.raw, root=not edge.above)
                put.add(place)
