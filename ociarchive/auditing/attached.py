"""To what an artifact is attached: by annotation, subject, tag, or the name that cosign gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ociarchive.formats._cosign import suffix_of
from ociarchive.model import Artifact, Child

if TYPE_CHECKING:
    from ociarchive.auditing.evidence import Evidence
    from ociarchive.model import Edge
    from ociarchive.values import Digest


def attached_to(evidence: Evidence, edge: Edge) -> tuple[frozenset[Digest], Digest | None]:
    """Return the digests to which an artifact is attached, and the least of them.

    The digests of a name are collected once for all that is attached to it.
    """
    entry = edge.entry
    if isinstance(entry, Child):
        subject = entry.node.subject if isinstance(entry.node, Artifact) else None
        named = entry.refers_to or (subject.digest if subject is not None else None)
        found = frozenset((named,)) if named is not None else frozenset()
    elif entry.attached is not None:
        return evidence.holders.get(entry.attached, (frozenset(), None))
    elif not entry.subjects and isinstance(entry.node, Artifact) and suffix_of(entry) is not None:
        spoken = [digests for _, digests in entry.node.spoken_of if digests]
        # What cosign saved with an image is the image's, whatever became of its digest since.
        return evidence.saved if spoken and not any(map(evidence.speaks_of_any, spoken)) else (frozenset(), None)
    else:
        found = entry.subjects
    return found, min(found, default=None)
