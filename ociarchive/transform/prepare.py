"""What a conversion knows before a layer is read, and what follows once its blobs in DEST are known.

A conversion and its rehearsal share both, so that they report the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from ociarchive.blobio.codec import MAGIC
from ociarchive.errors import ContentError, UsageError
from ociarchive.formats import writable
from ociarchive.formats._delta import written as listed
from ociarchive.gap.coverage import require_complete
from ociarchive.gap.held import Held
from ociarchive.late import Late
from ociarchive.mediatypes import look_up
from ociarchive.model import Image, Missing, images, walk
from ociarchive.remote.blob import Reading, RemoteBlob
from ociarchive.transform.judging import Judging
from ociarchive.transform.omitted import engines, omissions
from ociarchive.transform.plan import has_docker_types, plan
from ociarchive.transform.rewrite import Rewriter
from ociarchive.transform.sources import gather, tagged

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import ExitStack

    from ociarchive.auditing import Finding
    from ociarchive.blobio.source import ByteSource
    from ociarchive.formats.format import Content, LeftOut
    from ociarchive.gap import have as having
    from ociarchive.model import Node, Root
    from ociarchive.selection.argument import Source
    from ociarchive.transform.omitted import Omitted
    from ociarchive.transform.options import Options
    from ociarchive.transform.plan import Move, Plan
    from ociarchive.transform.rewrite import Change, Placed
    from ociarchive.transform.sources import Fetching, Gathering
    from ociarchive.workers import Workers
else:
    having = Late("ociarchive.gap.have")

_DOCKER_TYPES: Final = (
    "an OCI layout with Docker media types cannot be read by umoci, nor by name by skopeo 1.9; --media-types oci"
    " avoids that"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What is selected from the sources, what DEST can hold of it, and the plan. `notices` are those so far."""

    gathered: Gathering
    content: Content
    planned: Plan
    judging: Judging
    left_out: tuple[LeftOut, ...]
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The content as it is in DEST, the change of each document and blob, and all notices.

    `omitted` are the layers that DEST leaves out, because the other side has them.
    """

    content: Content
    changes: tuple[Change, ...]
    notices: tuple[str, ...]
    omitted: tuple[Omitted, ...]


def prepare(
    sources: Sequence[Source],
    options: Options,
    spool: str | None,
    workers: Workers,
    stack: ExitStack,
    fetching: Fetching | None = None,
    *,
    known: Mapping[object, ContentError] | None = None,
) -> Prepared:
    """Open the sources, and return what is converted and how. Only documents are read. `stack` closes the sources.

    The first bytes of layers are read, too; but where `fetching` believes media types of layers in a registry,
    `Plan.claimed` says of which. `known` are images that cannot be had, by their identity.

    ContentError: a selected document is at fault. UsageError: a selector, or an impossible combination.
    """
    held = having.load(options.have, options.limits, options.access) if options.have else Held()
    gathered = gather(sources, options, spool, stack, fetching, known=known or {})
    content, left, planned = _admitted(gathered, options, workers, held, look=fetching is None or not fetching.believe)
    judging = Judging(gathered.archives, content.roots, options.limits, workers)
    judging.check_documents()
    deltas = [one.archive.where for one in gathered.archives if one.archive.delta is not None]
    require_complete(content.roots, gathered.pool, deltas)
    refused = writable(options.format).refused(content.roots, options.outer)
    told = (f"{one.what}: {one.why}" for one in left)
    notices = (*gathered.notices, *told, *planned.notices, *refused, *_made(content.roots))
    return Prepared(
        gathered=gathered,
        content=content,
        planned=planned,
        judging=judging,
        left_out=(*gathered.left_out, *left),
        notices=notices,
    )


def settle(prepared: Prepared, options: Options, arrived: Mapping[Move, Placed], found: Sequence[Finding]) -> Settled:
    """Return the content as it is in DEST, given each blob there and the findings in the sources.

    What the other side has is listed in the content, and no part of DEST. UsageError: a digest that must be preserved
    changes.
    """
    content = prepared.content
    notices = [*prepared.notices, *_told_of_sources(found)]
    rewriter = Rewriter(content.roots, prepared.planned, options.storage, arrived)
    written = replace(content, roots=rewriter.run())
    if options.storage.preserve_digests:
        _require_preserved(rewriter)
    if rewriter.moved and written.extras:
        notices.extend(
            f"{extra.name}: it speaks of a manifest that changed, and stays behind" for extra in written.extras
        )
        written = replace(written, extras=())
    notices.extend(_sparse(content.roots, written.roots))
    notices.extend(_unproved(written.roots))
    if not writable(options.format).takes_docker_types and has_docker_types(written.roots):
        notices.append(_DOCKER_TYPES)
    omitted = omissions(written.roots, prepared.planned, arrived)
    if options.have:
        notices.extend(engines(omitted, written.roots, options.format, prepared.planned.omitting.held))
    if omitted:
        have = prepared.planned.omitting.held.sources
        written = replace(written, delta=listed((one.elsewhere for one in omitted), have))
    return Settled(content=written, changes=tuple(rewriter.changes), notices=tuple(notices), omitted=omitted)


def _admitted(
    gathered: Gathering, options: Options, workers: Workers, held: Held, *, look: bool
) -> tuple[Content, list[LeftOut], Plan]:
    """Return what DEST can hold of the sources, what it cannot hold, and the plan.

    UsageError, ContentError: it cannot hold it at all. But faults of the selection are reported first.
    """
    try:
        named = gathered.content if options.index is not None else tagged(gathered.content, options.tag)
        content, left = writable(options.format).admit(named)
        writable(options.format).require_few(content, options.limits)
        claimed = {} if look else _claimed(content)
        _look_at_layers(content, workers, claimed)
        return content, left, plan(content.roots, options.storage, held, claimed)
    except (ContentError, UsageError):
        Judging(gathered.archives, gathered.content.roots, options.limits, workers).check_documents()
        raise


def _claimed(content: Content) -> dict[ByteSource, str]:
    """Return the codecs that media types claim of layers in a registry, where all claims of one blob agree."""
    found: dict[ByteSource, set[str | None]] = {}
    for image in images(content.roots):
        for layer in image.layers:
            if isinstance(layer.source, RemoteBlob) and layer.unpacks:
                known = look_up(layer.descriptor.media_type) if layer.descriptor is not None else None
                claim = known.codec if known is not None and image.made is None else None
                found.setdefault(layer.source, set()).add(claim)
    return {
        source: codec for source, claims in found.items() if len(claims) == 1 for codec in claims if codec is not None
    }


def _look_at_layers(content: Content, workers: Workers, claimed: Mapping[ByteSource, str]) -> None:
    """Fetch the first bytes of layers in a registry side by side: the plan asks for one after another.

    Those that are `claimed` are not looked at.
    """
    sources = {layer.source for image in images(content.roots) for layer in image.layers if layer.unpacks}
    calls = [
        partial(source.head, MAGIC) for source in sources if isinstance(source, RemoteBlob) and source not in claimed
    ]
    if calls:
        with Reading(source for source in sources if source is not None) as reading:
            workers.run(calls, reading.abort)


def _told_of_sources(findings: Sequence[Finding]) -> Iterator[str]:
    """Give, in words, warnings about the sources, and errors, which are in parts that are not selected."""
    for finding in findings:
        if finding.severity == "error":
            yield f"what is not taken along is at fault: {finding.rule}: {finding.message} ({finding.location})"
        elif finding.severity == "warning":
            yield str(finding)


def _made(roots: Sequence[Root]) -> Iterator[str]:
    """Say of which images the config, and with it the image ID, is new."""
    for root in roots:
        for edge in walk([root]):
            if isinstance(edge.node, Image) and edge.node.made is not None:
                yield f"{root.label}: the image ID {edge.node.image_id} is new: {edge.node.made.why}"


def _sparse(old: Sequence[Root], new: Sequence[Root]) -> Iterator[str]:
    """Say whether each index that names something absent stays unchanged."""
    for before, after in zip(old, new, strict=True):
        if before.descriptor is None or not any(_absent(edge.node) for edge in walk([before])):
            continue
        same = after.descriptor is not None and after.descriptor.digest == before.descriptor.digest
        told = "it stays as it is" if same else "its entries for those stay as they are"
        yield f"{before.label}: the index names manifests that are not in the archive; {told}"


def _unproved(roots: Sequence[Root]) -> Iterator[str]:
    """Say which names have the digest of something else than what they lead to."""
    for root in roots:
        for name in root.names:
            if root.descriptor is not None and name.digest not in (None, root.descriptor.digest):
                yield f"{name}: the name has a digest, and what it leads to has another: {root.descriptor.digest}"


def _absent(node: Node) -> bool:
    return isinstance(node, Missing) and node.source is None


def _require_preserved(rewriter: Rewriter) -> None:
    for old, new in rewriter.moved.items():
        raise UsageError(
            f"digests cannot be preserved: {old} would become {new.digest}",
            hint="leave compression, media types and platforms as they are, or --preserve-digests out",
        )
