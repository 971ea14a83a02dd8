"""Referrers that lie in a layout and that its index.json does not list.

Some programs write a signature with `subject` among the blobs and nothing else (image-spec, manifest.md, subject). What
refers to nothing that is here stays a stray blob, and so does an image.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from ociarchive import documents
from ociarchive.blobio.source import counted, read_all
from ociarchive.errors import ContentError
from ociarchive.formats import _layout
from ociarchive.mediatypes import kind_of
from ociarchive.model import Artifact, Index, Root, named_by, walk
from ociarchive.values import Digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ociarchive.blobio.limits import Limits
    from ociarchive.documents import Document
    from ociarchive.graph import GraphReader
    from ociarchive.model import Stored

#: Manifests of signatures have some hundred bytes; a large one has some thousand.
_MOST: Final = 1 << 20
_MARK: Final = b'"subject"'


def referrers(roots: tuple[Root, ...], stored: Iterable[Stored], graph: GraphReader) -> Iterator[Root]:
    """Give the roots of manifests among the blobs that refer to what is here, or to one another, in their order.

    LimitError: with them there are too many documents.
    """
    edges = list(walk(roots))
    here = {edge.descriptor.digest for edge in edges if edge.descriptor is not None}
    reached = here | {part.descriptor.digest for edge in edges for part in named_by(edge.node) if part.descriptor}
    strays = [one for one in stored if one.digest is not None and one.digest not in reached]
    found = dict(_with_subject(strays, graph.limits))
    speaking: dict[Digest, list[Digest]] = {}
    for digest, (_, subject) in found.items():
        speaking.setdefault(subject, []).append(digest)
    following: set[Digest] = set()
    pending = deque(digest for subject, digests in speaking.items() if subject in here for digest in digests)
    while pending:
        digest = pending.popleft()
        if digest not in following:
            following.add(digest)
            pending.extend(speaking.get(digest, ()))
    for digest, (document, _) in found.items():
        if digest in following:
            descriptor = _layout.described(document, digest)
            node = graph.node(descriptor)
            if isinstance(node, Artifact | Index):
                yield Root(descriptor=descriptor, node=node)


def _with_subject(strays: Iterable[Stored], limits: Limits) -> Iterator[tuple[Digest, tuple[Document, Digest]]]:
    """Give the blobs that are manifests or indexes with a subject, each with its document and what it refers to."""
    left = limits.statements
    for one in strays:
        if one.digest is None or one.source is None or one.source.head(1) != b"{":
            continue
        size = counted(one.source, min(_MOST, left))
        if size > min(_MOST, left):
            continue
        left -= size
        raw = read_all(one.source, _MOST)
        subject = _subject(raw, one.source.where)
        if subject is not None:
            yield one.digest, subject


def _subject(raw: bytes, where: str) -> tuple[Document, Digest] | None:
    if _MARK not in raw:
        return None
    try:
        document = documents.parse(raw, where, limit=_MOST)
    except ContentError:
        return None
    subject = document.members.get("subject")
    digest = Digest.maybe(subject.get("digest")) if isinstance(subject, dict) else None
    return (document, digest) if digest is not None and kind_of(_layout.media_type_of(document)) is not None else None
