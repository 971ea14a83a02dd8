"""Convert: the one place that moves bytes. Everything is measured in the pass in which it is written.

read → select → plan → move every blob, measuring → judge → rewrite → write documents → audit → give DEST its name
"""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Protocol

from ociarchive.audit import Evidence, audit_archive, judge
from ociarchive.audit.run import wanted
from ociarchive.bytes.destination import Destination
from ociarchive.bytes.limits import Limits
from ociarchive.bytes.sink import Aborted, DirectorySink, TarSink
from ociarchive.bytes.spool import nameless, read_fd, write_all
from ociarchive.errors import ContentError, HostError, UsageError
from ociarchive.formats import detect, open_archive
from ociarchive.formats.base import Content
from ociarchive.container import DirectoryContainer
from ociarchive.measure import agrees, measure
from ociarchive.model import Artifact, Image, Index, Missing, walk
from ociarchive.transform import merge, outer
from ociarchive.transform.encode import Copier, Encoder
from ociarchive.transform.gather import Gathered, Source, gather
from ociarchive.transform.plan import Plan, Storage, plan
from ociarchive.transform.rewrite import Arrived, Change, Rewriter
from ociarchive.values import Digest
from ociarchive.workers import Cancelled, Workers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ociarchive.audit import Finding, Report
    from ociarchive.audit.run import Wanted
    from ociarchive.bytes.sink import Sink
    from ociarchive.bytes.source import ByteSource
    from ociarchive.formats.base import Format
    from ociarchive.measure import Measured
    from ociarchive.model import Archive, Root
    from ociarchive.transform.plan import Move
    from ociarchive.transform.select import LeftOut, Selectors
    from ociarchive.values import Descriptor, Reference

_STDOUT: Final = "-"


class Progress(Protocol):
    """Who hears how a conversion goes. Calls come from several threads."""

    def begin(self, layers: Sequence[tuple[str, int]]) -> None:
        """Hear of all blobs that will be moved: their names and sizes in bytes."""

    def read(self, number: int, count: int) -> None:
        """Hear that `count` bytes of a blob were read."""

    def end(self, number: int) -> None:
        """Hear that a blob is done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a conversion is asked for. `jobs` is the number of threads; `outer` names the codec of the whole tar."""

    format: Format
    storage: Storage
    selectors: Selectors
    tag: Reference | None = None
    outer: str = "none"
    jobs: int = 1
    audit: bool = True
    sync: bool = True
    merge: bool = False
    force: bool = False
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """What a conversion came to. Sizes are bytes of all blobs and documents that came along."""

    dest: str
    format: str
    sources: tuple[Gathered, ...]
    old_roots: tuple[Root, ...]
    new_roots: tuple[Root, ...]
    changes: tuple[Change, ...]
    arrived: Mapping[Move, Arrived]
    left_out: tuple[LeftOut, ...]
    notices: tuple[str, ...]
    report: Report | None
    seconds: float


def convert(sources: Sequence[Source], dest: str, options: Options, progress: Progress | None = None) -> Conversion:
    """Write the images of `sources` to `dest` in another form and return what became of them.

    DEST is complete when this returns and absent, or as it was, when it raises. ContentError: a source is at fault.
    UsageError: the call is. HostError: the machine, or what was written fails its audit.
    """
    started = time.monotonic()
    with ExitStack() as stack:
        workers = Workers(options.jobs)
        stack.callback(workers.close)
        target = _Target(dest, options, stack)
        gathered = gather(sources, options, target.spool, stack)
        content, left = options.format.admit(gathered.content)
        gathered.notices.extend(left)
        planned = plan(content.roots, options.storage)
        gathered.notices.extend(planned.notices)
        work = _Work(gathered.archives, content, planned, options, workers, progress)
        work.check_documents()
        sink = target.open(stack)
        arrived = work.move(sink)
        work.check(told=gathered.notices)
        rewriter = Rewriter(content.roots, options.storage, arrived)
        new_roots = rewriter.run()
        _check_preserved(rewriter, options)
        new = replace(content, roots=new_roots)
        if rewriter.moved and content.extras:
            gathered.notices.extend(f"{extra.name}: it signs a manifest that changed" for extra in content.extras)
            new = replace(new, extras=())
        _complete(sink, options.format, new)
        report = target.publish(workers)
        return Conversion(
            dest=dest,
            format=options.format.name,
            sources=tuple(gathered.archives),
            old_roots=content.roots,
            new_roots=new_roots,
            changes=tuple(rewriter.changes),
            arrived=arrived,
            left_out=tuple(gathered.left_out),
            notices=tuple(dict.fromkeys(gathered.notices)),
            report=report,
            seconds=time.monotonic() - started,
        )


def _check_preserved(rewriter: Rewriter, options: Options) -> None:
    if options.storage.preserve_digests and rewriter.moved:
        old, new = next(iter(rewriter.moved.items()))
        raise UsageError(
            f"digests cannot be preserved: {old} would become {new.digest}",
            hint="leave compression, media types and platforms as they are, or --preserve-digests out",
        )


def _complete(sink: Sink, fmt: Format, content: Content) -> None:
    """Write the documents and what completes the archive."""
    edges = [edge for edge in walk(content.roots) if not isinstance(edge.node, Missing)]
    for edge in sorted(edges, key=lambda edge: not edge.above):  # what the archive itself names comes last
        document = edge.node.document if isinstance(edge.node, Image | Index | Artifact) else None
        if document is not None and edge.descriptor is not None:
            sink.put(fmt.document_path(edge.descriptor.digest, root=not edge.above), document.raw)
    for name, raw in fmt.metadata(content):
        sink.put(name, raw)
    sink.finish()


class _Work:
    """The moves of one conversion and what they showed."""

    def __init__(
        self,
        archives: Sequence[Gathered],
        content: Content,
        planned: Plan,
        options: Options,
        workers: Workers,
        progress: Progress | None,
    ) -> None:
        self._archives, self._content, self._planned = archives, content, planned
        self._options, self._workers, self._progress = options, workers, progress
        kept = {id(root.node) for root in content.roots}
        self._taken = [
            replace(one.archive, roots=tuple(r for r in one.roots if id(r.node) in kept), stored=()) for one in archives
        ]
        self._wanted: dict[ByteSource, Wanted] = {}
        for archive in self._taken:
            self._wanted.update(wanted(archive))
        self._facts: dict[ByteSource, Measured] = {}
        self._claims = _claims_by_source(self._taken)

    def check_documents(self) -> None:
        """Refuse before any layer is read what documents alone show to be at fault."""
        moved = {move.source for move in self._planned.moves}
        for source, how in self._wanted.items():
            if source not in moved:
                self._facts[source] = measure(
                    source, limits=self._options.limits, unpack=False, algorithms=how.algorithms
                )
        self.check()

    def move(self, sink: Sink) -> dict[Move, Arrived]:
        """Bring every blob into the sink and return what it is there."""
        moves = self._planned.moves
        if self._progress:
            self._progress.begin([(move.source.where, move.source.size) for move in moves])

        def call(number: int) -> Callable[[], Arrived]:
            return lambda: self._one(moves[number], number, sink)

        order = list(range(len(moves)))
        if isinstance(sink, DirectorySink):  # in a tar slots have turns, in a folder the largest goes first
            order.sort(key=lambda number: -moves[number].source.size)
        try:
            results = self._workers.run([call(number) for number in order], sink.abort)
        except (Aborted, Cancelled) as error:
            raise HostError("the work was given up") from error
        found = dict(zip(order, results, strict=True))
        return {move: found[number] for number, move in enumerate(moves)}

    def _one(self, move: Move, number: int, sink: Sink) -> Arrived:
        how = self._wanted[move.source]
        claimed = next(iter(self._claims.get(move.source, _NOTHING).digests), None)
        path = self._options.format.blob_path
        expected = claimed if claimed is not None and move.codec is None else _ANY
        slot = sink.slot(number, path(expected))
        level = self._options.storage.level or (move.codec.default_level if move.codec else 0)
        encoder = Encoder(slot, move.codec, level, self._workers) if move.codec else None

        def tick(count: int) -> None:
            self._workers.check()
            if self._progress:
                self._progress.read(number, count)

        fact = measure(
            move.source,
            limits=self._options.limits,
            unpack=how.unpack,
            algorithms=how.algorithms,
            tee=encoder or Copier(slot),
            tick=tick,
        )
        self._facts[move.source] = fact
        if self._claims.get(move.source, _NOTHING).contradicted_by(fact, unpack=how.unpack):
            slot.discard()
            self.check()
        if encoder is not None and move.codec is not None:
            digest = encoder.finish()
            arrived = Arrived(digest=digest, size=encoder.size, compression=move.codec.name, fact=fact)
        else:
            arrived = Arrived(digest=claimed or fact.digest, size=fact.size, compression=fact.compression, fact=fact)
        slot.commit(path(arrived.digest))
        if self._progress:
            self._progress.end(number)
        return arrived

    def check(self, told: list[str] | None = None) -> None:
        """Refuse what is taken if a rule finds an error in it; tell of errors in what is not."""
        for one, taken in zip(self._archives, self._taken, strict=True):
            facts = dict(self._facts)
            findings = judge(Evidence(taken, facts))
            aside = _not_taken(one.archive, taken)
            for finding in findings:
                if finding.severity == "error" and finding.subject not in aside:
                    raise _refused(finding)
            if told is not None:
                told.extend(_sentence(finding) for finding in judge(Evidence(one.archive, facts)) if finding.severity != "note")


_ANY: Final = Digest("sha256", "0" * 64)


@dataclass(slots=True)
class _Claims:
    """Everything that is claimed of one source."""

    digests: dict[Digest, None] = field(default_factory=dict)
    sizes: set[int] = field(default_factory=set)
    diff_ids: set[Digest] = field(default_factory=set)

    def contradicted_by(self, fact: Measured, *, unpack: bool) -> bool:
        """Whether a fact shows one of the claims to be false."""
        if any(agrees(digest, fact.digests) is False for digest in self.digests):
            return True
        if any(size != fact.size for size in self.sizes):
            return True
        if not unpack or not self.diff_ids:
            return False
        return fact.diff_ids is None or any(agrees(diff_id, fact.diff_ids) is False for diff_id in self.diff_ids)


_NOTHING: Final = _Claims()


def _claims_by_source(archives: Sequence[Archive]) -> dict[ByteSource, _Claims]:
    found: dict[ByteSource, _Claims] = {}

    def claim(source: ByteSource | None, descriptor: Descriptor | None, diff_id: Digest | None = None) -> None:
        if source is None:
            return
        one = found.setdefault(source, _Claims())
        if descriptor is not None:
            one.digests[descriptor.digest] = None
            one.sizes.add(descriptor.size)
        if diff_id is not None:
            one.diff_ids.add(diff_id)

    for archive in archives:
        for edge in walk(archive.roots):
            node = edge.node
            if isinstance(node, Image):
                claim(node.config.source, node.config.descriptor)
                for layer in node.layers:
                    claim(layer.source, layer.descriptor, layer.diff_id if layer.unpacks else None)
            elif isinstance(node, Artifact):
                for blob in node.blobs:
                    claim(blob.source, blob.descriptor)
                if node.document is None:
                    claim(node.source, edge.descriptor)
    return found


def _not_taken(archive: Archive, taken: Archive) -> set[str | None]:
    """Return the subjects of findings that concern only what is left behind."""
    return _subjects(archive) - _subjects(taken)


def _subjects(archive: Archive) -> set[str | None]:
    found: set[str | None] = set()
    for edge in walk(archive.roots):
        if edge.descriptor is not None:
            found.add(str(edge.descriptor.digest))
        node = edge.node
        parts = node.blobs if isinstance(node, Artifact) else ()
        if isinstance(node, Image):
            found.add(node.config.name)
            found.update(layer.name for layer in node.layers)
        found.update(part.name for part in parts)
    return found


def _sentence(finding: Finding) -> str:
    facts = [f"{word} {value}" for word, value in (("expected", finding.expected), ("found", finding.found)) if value]
    text = f"{finding.severity}: {finding.message}"
    return f"{text}{': ' + ', '.join(facts) if facts else ''} ({finding.location})"


def _refused(finding: Finding) -> ContentError:
    return ContentError(finding.message, where=finding.location, expected=finding.expected, found=finding.found)


class _Target:
    """DEST while it is made: a hidden name beside it, a nameless file for `-`, or what is merged into a layout."""

    def __init__(self, dest: str, options: Options, stack: ExitStack) -> None:
        self._dest, self._options = dest, options
        fmt = options.format
        self._folder = fmt.kind == "directory"
        self._place: Destination | None = None
        self._fd: int | None = None
        if options.outer != "none" and self._folder:
            raise UsageError(f"--outer compresses a tar, and {fmt.name} is a folder")
        if options.merge:
            merge.require(dest, fmt)
        if dest == _STDOUT:
            if self._folder:
                raise UsageError(f"{fmt.name} is a folder and cannot be written to standard output")
            self.spool = None
            return
        if options.force and not options.merge:
            _require_archive(dest)
        staged = merge.staging_name(dest) if options.merge else dest
        force = options.force and not options.merge
        self._place = stack.enter_context(
            Destination(staged, folder=self._folder, force=force, sync=options.sync)
        )
        self.spool = self._place.parent

    def open(self, stack: ExitStack) -> Sink:
        """Return the sink to write to."""
        sync = self._options.sync
        if self._place is not None and self._folder:
            return DirectorySink(self._place.path, sync=sync)
        if self._place is not None and self._options.outer == "none":
            self._fd = self._place.fd
            return TarSink(self._fd, self.spool, self._dest, sync=sync)
        self._fd = nameless(self.spool)
        stack.callback(os.close, self._fd)
        return TarSink(self._fd, self.spool, self._dest, sync=False)

    def publish(self, workers: Workers) -> Report | None:
        """Audit what was written, then give it its name, or send it."""
        options = self._options
        if self._place is None:
            self._send(workers)
            return None
        if options.outer != "none" and self._fd is not None:
            outer.compress(self._fd, self._place.fd, options.outer, workers, self._dest)
            if options.sync:
                os.fsync(self._place.fd)
        report = self._audit(self._place.path, workers) if options.audit else None
        if options.merge:
            merge.into(self._dest, self._place.path, sync=options.sync)
        else:
            self._place.publish()
        return report

    def _send(self, workers: Workers) -> None:
        if self._fd is None:
            return
        if self._options.outer != "none":
            outer.compress(self._fd, 1, self._options.outer, workers, "standard output")
            return
        os.lseek(self._fd, 0, os.SEEK_SET)
        for chunk in read_fd(self._fd, self._dest):
            write_all(1, chunk, "standard output")

    def _audit(self, path: str, workers: Workers) -> Report:
        archive = open_archive(path, spool_folder=self.spool, limits=self._options.limits, shown=self._dest)
        try:
            report = audit_archive(archive, limits=self._options.limits, workers=workers)
        finally:
            archive.close()
        for finding in report.findings:
            if finding.severity == "error":
                raise HostError(
                    f"what was written fails its audit: {finding.message}",
                    where=finding.location,
                    expected=finding.expected,
                    found=finding.found,
                )
        return report


def _require_archive(dest: str) -> None:
    """`--force` replaces archives; a folder that holds anything else may be somebody's home."""
    if not os.path.isdir(dest):
        return
    if detect(DirectoryContainer(dest, dest)) is None:
        raise UsageError("DEST is a folder that holds no archive; --force does not replace it", where=dest)
