"""Convert: the one place that moves bytes. Everything is measured in the pass in which it is written.

read → select → plan → move every blob, measuring → judge → rewrite → write documents → audit → give DEST its name
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ociarchive.errors import UsageError
from ociarchive.model import Missing, walk
from ociarchive.transform.gather import Gathered, gather
from ociarchive.transform.moving import Moving, sentence
from ociarchive.transform.plan import has_docker_types, plan
from ociarchive.transform.rewrite import Arrived, Change, Rewriter
from ociarchive.transform.target import Target
from ociarchive.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ociarchive.auditing import Report
    from ociarchive.formats.base import Content, LeftOut
    from ociarchive.measure import Progress
    from ociarchive.model import Node, Root
    from ociarchive.transform.options import Options
    from ociarchive.transform.plan import Move
    from ociarchive.transform.sink import Sink
    from ociarchive.transform.source import Source
    from ociarchive.values import Digest


_DOCKER_TYPES: Final = (
    "an OCI layout with Docker media types cannot be read by umoci, nor by name by skopeo 1.9; --media-types oci"
    " avoids that"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """What a conversion came to. `old_roots` and `new_roots` stand in the same order."""

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
        target = Target(dest, options, workers, stack)
        gathered = gather(sources, options, target.spool, stack)
        content, left = target.layout.admit(gathered.content)
        planned = plan(content.roots, options.storage)
        notices = [*gathered.notices, *(f"{one.what}: {one.why}" for one in left), *planned.notices]
        moving = Moving(gathered.archives, content, planned, options, workers, progress)
        moving.check_documents()
        target.require_room(planned.moves)
        sink = target.open(stack)
        arrived = moving.run(sink)
        moving.check(tables=True)
        notices.extend(moving.findings())
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
        notices.extend(
            sentence(finding) for finding in (report.findings if report else ()) if finding.severity != "note"
        )
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
        )


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
