"""Foresee what a conversion would write, before a layer is read.

The digest of a recompressed layer is unknown until then. So are the digests of the documents that name it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ociarchive.blobio.codec import MAGIC, sniff
from ociarchive.blobio.hashing import sha256
from ociarchive.model import Missing, walk
from ociarchive.transform.omitted import known_as
from ociarchive.transform.prepare import settle
from ociarchive.transform.rewrite import Placed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ociarchive.documents import Document
    from ociarchive.transform.options import Options
    from ociarchive.transform.plan import Move
    from ociarchive.transform.prepare import Prepared, Settled
    from ociarchive.values import Digest

_DIGESTS: Final = re.compile(rb"sha256:[0-9a-f]{64}")


def foreseen(prepared: Prepared, options: Options) -> tuple[Settled, frozenset[Digest]]:
    """Return the content of DEST, and the placeholders in it for digests that only layers reveal.

    UsageError: a digest that must be preserved changes.
    """
    placed, unknown = _placed(prepared)
    settled = settle(prepared, options, placed, tuple(prepared.judging.findings()))
    return settled, _spread(unknown, settled)


def _placed(prepared: Prepared) -> tuple[dict[Move, Placed], set[Digest]]:
    """Return what each blob would be in DEST, and the placeholders for digests that only its bytes reveal."""
    placed: dict[Move, Placed] = {}
    unknown: set[Digest] = set()
    for number, move in enumerate(prepared.planned.moves):
        fact = prepared.judging.facts.get(move.source)
        digest = move.digest if move.codec is None else None
        if digest is None and move.codec is None and fact is not None:
            digest = fact.digest
        if digest is None:
            digest = sha256(f"what blob {number} will be".encode())
            unknown.add(digest)
        if move.known is not None:
            placed[move] = known_as(move.known)
            continue
        stored = move.codec or sniff(move.source.head(MAGIC))
        size = fact.size if fact is not None else move.source.size or 0  # of an unknown digest the size is one too
        placed[move] = Placed(digest=digest, size=size, compression=stored.name)
    return placed, unknown


def _spread(unknown: Iterable[Digest], settled: Settled) -> frozenset[Digest]:
    """Return these digests and those of all documents that contain one of them."""
    found = set(unknown)
    documents: dict[Digest, Document] = {}
    for edge in walk(settled.content.roots):
        if edge.descriptor is not None and not isinstance(edge.node, Missing) and edge.node.document is not None:
            documents.setdefault(edge.descriptor.digest, edge.node.document)
    naming: dict[bytes, list[Digest]] = {}
    for digest, document in documents.items():
        for text in set(_DIGESTS.findall(document.raw)):
            naming.setdefault(text, []).append(digest)
    pending = list(found)
    while pending:
        fresh = set(naming.pop(str(pending.pop()).encode(), ())) - found
        found |= fresh
        pending.extend(fresh)
    return frozenset(found)
