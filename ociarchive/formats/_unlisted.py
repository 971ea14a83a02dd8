"""Referrers that lie in a layout and that its index.json does not list.

Some programs write a signature with `subject` among the blobs and nothing else (image-spec, manifest.md, subject). What
refers to nothing that is here stays a stray blob, and so does an image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ociarchive import documents
from ociarchive.blobio.source import counted, read_all
from ociarchive.errors import ContentError
from ociarchive.formats import _layout
from ociarchive.mediatypes import kind_of
from ociarchive.model import Artifact, Index, Root, named_by, nodes, walk
from ociarchive.referrers import following
from ociarchive.values import Digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ociarchive.container import Container
    from ociarchive.graph import GraphReader
    from ociarchive.model import Stored
    from ociarchive.values import Descriptor

#: Manifests of signatures have some hundred bytes; a large one has some thousand.
_MOST: Final = 1 << 20
_MARK: Final = b'"subject"'


def referrers(
    roots: tuple[Root, ...], stored: Iterable[Stored], graph: GraphReader, container: Container
) -> Iterator[Root]:
    """Give the roots of manifests among the blobs that refer to what is here, or to one another, in their order.

    As much is read as of signatures (`Limits.said`); what lies behind that stays a stray blob. LimitError: with them
    there are too many documents.
    """
    here = {edge.descriptor.digest for edge in walk(roots) if edge.descriptor is not None}
    reached = here | {part.descriptor.digest for node in nodes(roots) for part in named_by(node) if part.descriptor}
    strays = [one for one in stored if one.digest is not None and one.digest not in reached]
    found = dict(_with_subject(strays, container))
    wanted = following({digest: (subject,) for digest, (_, subject) in found.items()}, here)
    for digest, (descriptor, _) in found.items():
        if digest in wanted:
            node = graph.node(descriptor)
            if isinstance(node, Artifact | Index):
                yield Root(descriptor=descriptor, node=node)


def _with_subject(strays: Iterable[Stored], container: Container) -> Iterator[tuple[Digest, tuple[Descriptor, Digest]]]:
    """Give the blobs that are manifests or indexes with a subject, each with its descriptor and what it refers to."""
    left: int | None = None
    for one in strays:
        if one.digest is None or one.source is None or one.source.head(1) != b"{":
            continue
        if left is None:
            left = container.limits.said(container.stored_size)
        size = counted(one.source, min(_MOST, left))
        if size > min(_MOST, left):
            continue
        left -= size
        raw = read_all(one.source, _MOST)
        subject = _subject(raw, one.digest, one.source.where)
        if subject is not None:
            yield one.digest, subject


def _subject(raw: bytes, digest: Digest, where: str) -> tuple[Descriptor, Digest] | None:
    if _MARK not in raw:
        return None
    try:
        document = documents.parse(raw, where, limit=_MOST)
    except ContentError:
        return None
    told = document.members.get("subject")
    subject = Digest.maybe(told.get("digest")) if isinstance(told, dict) else None
    if subject is None or kind_of(_layout.media_type_of(document)) is None:
        return None
    return _layout.described(document, digest), subject
