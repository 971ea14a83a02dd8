"""Every claim that is made of one source, so that a blob can be held against them the moment it was read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ociarchive.measure import agrees
from ociarchive.model import Artifact, Layer, parts, walk

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ociarchive.blobio.source import ByteSource
    from ociarchive.measure import Measured
    from ociarchive.model import Archive
    from ociarchive.values import Descriptor, Digest


@dataclass(slots=True)
class Claims:
    """What descriptors say of one source, and configs of what it unpacks to."""

    digests: dict[Digest, None] = field(default_factory=dict)
    sizes: set[int] = field(default_factory=set)
    diff_ids: set[Digest] = field(default_factory=set)

    def contradicted_by(self, fact: Measured) -> bool:
        """Whether a fact shows one of the claims to be false."""
        if any(agrees(digest, fact.digests) is False for digest in self.digests):
            return True
        if any(size != fact.size for size in self.sizes):
            return True
        if not self.diff_ids:
            return False
        return fact.diff_ids is None or any(agrees(diff_id, fact.diff_ids) is False for diff_id in self.diff_ids)


def claims_by_source(archives: Iterable[Archive]) -> dict[ByteSource, Claims]:
    """Return the claims of some archives by what they are about."""
    found: dict[ByteSource, Claims] = {}

    def claim(source: ByteSource | None, descriptor: Descriptor | None, diff_id: Digest | None = None) -> None:
        if source is None:
            return
        one = found.setdefault(source, Claims())
        if descriptor is not None:
            one.digests[descriptor.digest] = None
            one.sizes.add(descriptor.size)
        if diff_id is not None:
            one.diff_ids.add(diff_id)

    for archive in archives:
        for edge in walk(archive.roots):
            if isinstance(edge.node, Artifact) and edge.node.document is None:
                claim(edge.node.source, edge.descriptor)
            for part in parts(edge.node):
                proves = isinstance(part, Layer) and part.unpacks
                claim(part.source, part.descriptor, part.diff_id if isinstance(part, Layer) and proves else None)
    return found
