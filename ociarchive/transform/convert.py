"""Convert: the one place that moves bytes. Everything is measured in the pass in which it is written.

read → select → plan → move every blob, measuring → judge → rewrite → write documents → audit → give DEST its name
"""

from __future__ import annotations

import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ociarchive.blobio.locks import nobody
from ociarchive.errors import ContentError, UsageError
from ociarchive.formats import writable
from ociarchive.model import Missing, walk
from ociarchive.transform.judging import Judging
from ociarchive.transform.plan import has_docker_types, plan
from ociarchive.transform.rewrite import Arrived, Change, Rewriter
from ociarchive.transform.sources import Gathered, gather, tagged
from ociarchive.transform.target import Target
from ociarchive.transform.transfer import Moving, sentence
from ociarchive.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ociarchive.auditing import Finding, Report
    from ociarchive.blobio.locks import Hear
    from ociarchive.formats.format import Content, LeftOut
    from ociarchive.measure import Progress
    from ociarchive.model import Node, Root
    from ociarchive.selection.argument import Source
    from ociarchive.transform.options import Options
    from ociarchive.transform.plan import Move, Plan, Storage
    from ociarchive.transform.sink import Sink
    from ociarchive.transform.sources import Gathering
    from ociarchive.values import Digest


_DOCKER_TYPES: Final = (
    "an OCI layout with Docker media types cannot be read by umoci, nor by name by skopeo 1.9; --media-types oci"
    " avoids that"
)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Conversion:
    """What a conversion came to. `old_roots` and `new_roots` stand in the same order, `changes` in that of the graph.

    `report` is the audit of what was written, None where it was not read back; `seconds` is how long all took.
    """

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
    storage: Storage

    def __repr__(self) -> str:
        return f"Conversion(dest={self.dest!r}, format={self.format!r}, notices={len(self.notices)})"


def convert(
    sources: Sequence[Source],
    dest: str,
    options: Options,
    progress: Progress | None = None,
    hear: Hear = nobody,
) -> Conversion:
    """Write the images of `sources` to `dest` in another form and return what became of them.

    `progress` hears how blobs are read; `hear` is told in words, perhaps from another thread, for what the work waits
    and what of modes and owners could not be kept.

    DEST is complete when this returns and absent, or as it was, when it raises. ContentError: a source is at fault.
    UsageError: the call is. HostError: the machine, or what was written fails its audit.
    """
    started = time.monotonic()
    with ExitStack() as stack:
        workers = Workers(options.jobs)
        stack.callback(workers.close)
        target = Target(dest, options, workers, stack, sources, hear)
        gathered = gather(sources, options, target.spool, stack)
        content, left, planned = _admitted(gathered, options, workers)
        notices = [*gathered.notices, *(f"{one.what}: {one.why}" for one in left)]
        notices += [*planned.notices, *target.layout.refused(content.roots, options.outer)]
        judging = Judging(gathered.archives, content.roots, options.limits, workers)
        judging.check_documents()
        target.require_room(planned.moves)
        sink = target.open(stack)
        arrived = Moving(planned, options, judging, workers, progress).run(sink)
        judging.check(closer=True)
        found = tuple(judging.findings())
        notices.extend(_told_of_sources(found))
        rewriter = Rewriter(content.roots, planned, options.storage, arrived)
        written = replace(content, roots=rewriter.run())
        if options.storage.preserve_digests:
            _require_preserved(rewriter)
        if rewriter.moved and written.extras:
            notices.extend(
                f"{extra.name}: it speaks of a manifest that changed, and stays behind" for extra in written.extras
            )
            written = replace(written, extras=())
        notices.extend(_sparse(content.roots, written.roots))
        if not target.layout.takes_docker_types and has_docker_types(written.roots):
            notices.append(_DOCKER_TYPES)
        _store_documents(sink, written)
        sink.complete(written)
        target.wrap()
        report = target.audit(progress)
        sink.commit()
        notices.extend(_told_of_dest(report.findings if report else (), found, rewriter.changes))
        return Conversion(
            dest=dest,
            format=options.format.name,
            sources=tuple(gathered.archives),
            old_roots=content.roots,
            new_roots=written.roots,
            changes=tuple(rewriter.changes),
            arrived=arrived,
            left_out=(*gathered.left_out, *left),
            notices=tuple(dict.fromkeys(notices)),
            report=report,
            seconds=time.monotonic() - started,
            storage=options.storage,
        )


def _admitted(gathered: Gathering, options: Options, workers: Workers) -> tuple[Content, list[LeftOut], Plan]:
    """Return what DEST can hold of what was gathered, what it cannot, and how it comes there.

    UsageError, ContentError: it cannot hold it at all; but what is wrong with what was selected is said before.
    """
    try:
        content, left = writable(options.format).admit(tagged(gathered.content, options.tag))
        return content, left, plan(content.roots, options.storage)
    except (ContentError, UsageError):
        Judging(gathered.archives, gathered.content.roots, options.limits, workers).check_documents()
        raise


def _told_of_sources(findings: Sequence[Finding]) -> Iterator[str]:
    """Give, in words, warnings about the sources, and errors, which are in what is not taken."""
    for finding in findings:
        if finding.severity == "error":
            yield f"what is not taken along is at fault: {finding.rule}: {finding.message} ({finding.location})"
        elif finding.severity == "warning":
            yield sentence(finding)


def _told_of_dest(written: Sequence[Finding], read: Sequence[Finding], changes: Sequence[Change]) -> Iterator[str]:
    """Give, in words, what is wrong with DEST and was not with the sources, each as often as it is new.

    Names of blobs and members are no part of what is compared: they are others in each format.
    """
    before = {str(change.new.digest): str(change.old.digest) for change in changes if change.old is not None}

    def spelled(finding: Finding) -> tuple[str, ...]:
        facts = (before.get(fact or "", fact or "") for fact in (finding.expected, finding.found))
        return (finding.rule, finding.message, *facts)

    known = Counter(spelled(finding) for finding in read)
    for finding in written:
        known[spelled(finding)] -= 1
        if finding.severity != "note" and known[spelled(finding)] < 0:
            yield sentence(finding)


def _sparse(old: Sequence[Root], new: Sequence[Root]) -> Iterator[str]:
    """Say of each index that names what is not in the archive whether it stays as it is."""
    for before, after in zip(old, new, strict=True):
        if before.descriptor is None or not any(_absent(edge.node) for edge in walk([before])):
            continue
        same = after.descriptor is not None and after.descriptor.digest == before.descriptor.digest
        told = "it stays as it is" if same else "its entries for those stay as they are"
        yield f"{before.label}: the index names manifests that are not in the archive; {told}"


def _absent(node: Node) -> bool:
    return isinstance(node, Missing) and node.source is None


def _require_preserved(rewriter: Rewriter) -> None:
    for old, new in rewriter.moved.items():
        raise UsageError(
            f"digests cannot be preserved: {old} would become {new.digest}",
            hint="leave compression, media types and platforms as they are, or --preserve-digests out",
        )


def _store_documents(sink: Sink, content: Content) -> None:
    """Store every manifest and index once in each of its roles."""
    edges = [edge for edge in walk(content.roots) if not isinstance(edge.node, Missing)]
    put: set[tuple[Digest, bool]] = set()  # one manifest may have many descriptors
    for edge in sorted(edges, key=lambda edge: not edge.above):  # what the archive itself names comes last
        if not isinstance(edge.node, Missing) and edge.node.document is not None and edge.descriptor is not None:
            place = (edge.descriptor.digest, not edge.above)
            if place not in put:
                sink.document(edge.descriptor, edge.node.document.raw, root=not edge.above)
                put.add(place)
