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
from ociarchive.model import Missing, images, walk
from ociarchive.remote.blob import RemoteBlob, aborting
from ociarchive.transform.judging import Judging
from ociarchive.transform.plan import has_docker_types, plan
from ociarchive.transform.rewrite import Rewriter
from ociarchive.transform.sources import gather, tagged
from ociarchive.transform.transfer import sentence

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import ExitStack

    from ociarchive.auditing import Finding
    from ociarchive.formats.format import Content, LeftOut
    from ociarchive.model import Node, Root
    from ociarchive.selection.argument import Source
    from ociarchive.transform.options import Options
    from ociarchive.transform.plan import Move, Plan
    from ociarchive.transform.rewrite import Change, Placed
    from ociarchive.transform.sources import Fetching, Gathering
    from ociarchive.workers import Workers

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
    """The content as it is in DEST, the change of each document and blob, and all notices."""

    content: Content
    changes: tuple[Change, ...]
    notices: tuple[str, ...]


def prepare(
    sources: Sequence[Source],
    options: Options,
    spool: str | None,
    workers: Workers,
    stack: ExitStack,
    fetching: Fetching | None = None,
) -> Prepared:
    """Open the sources, and return what is converted and how. Only documents are read. `stack` closes the sources.

    ContentError: a selected document is at fault. UsageError: a selector, or an impossible combination.
    """
    gathered = gather(sources, options, spool, stack, fetching)
    content, left, planned = _admitted(gathered, options, workers)
    judging = Judging(gathered.archives, content.roots, options.limits, workers)
    judging.check_documents()
    refused = writable(options.format).refused(content.roots, options.outer)
    notices = (*gathered.notices, *(f"{one.what}: {one.why}" for one in left), *planned.notices, *refused)
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

    UsageError: a digest that must be preserved changes.
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
    if not writable(options.format).takes_docker_types and has_docker_types(written.roots):
        notices.append(_DOCKER_TYPES)
    return Settled(content=written, changes=tuple(rewriter.changes), notices=tuple(notices))


def _admitted(gathered: Gathering, options: Options, workers: Workers) -> tuple[Content, list[LeftOut], Plan]:
    """Return what DEST can hold of the sources, what it cannot hold, and the plan.

    UsageError, ContentError: it cannot hold it at all. But faults of the selection are reported first.
    """
    try:
        content, left = writable(options.format).admit(tagged(gathered.content, options.tag))
        writable(options.format).require_few(content, options.limits)
        _look_at_layers(content, workers)
        return content, left, plan(content.roots, options.storage)
    except (ContentError, UsageError):
        Judging(gathered.archives, gathered.content.roots, options.limits, workers).check_documents()
        raise


def _look_at_layers(content: Content, workers: Workers) -> None:
    """Fetch the first bytes of layers in a registry side by side: the plan asks for one after another."""
    sources = {layer.source for image in images(content.roots) for layer in image.layers if layer.unpacks}
    calls = [partial(source.head, MAGIC) for source in sources if isinstance(source, RemoteBlob)]
    if calls:
        workers.run(calls, aborting(source for source in sources if source is not None))


def _told_of_sources(findings: Sequence[Finding]) -> Iterator[str]:
    """Give, in words, warnings about the sources, and errors, which are in parts that are not selected."""
    for finding in findings:
        if finding.severity == "error":
            yield f"what is not taken along is at fault: {finding.rule}: {finding.message} ({finding.location})"
        elif finding.severity == "warning":
            yield sentence(finding)


def _sparse(old: Sequence[Root], new: Sequence[Root]) -> Iterator[str]:
    """Say whether each index that names something absent stays unchanged."""
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
