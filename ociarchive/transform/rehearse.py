"""Rehearse: find from documents alone what a conversion would write. No layer is read, and nothing is written.

The digest of a recompressed layer is unknown until it is read. So are the digests of the documents that name it.
All else is known.
"""

from __future__ import annotations

import re
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ociarchive.blobio.codec import MAGIC, sniff
from ociarchive.blobio.hashing import sha256
from ociarchive.model import Missing, walk
from ociarchive.transform.prepare import prepare, settle
from ociarchive.transform.rewrite import Placed
from ociarchive.transform.target import require
from ociarchive.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ociarchive.formats.format import LeftOut
    from ociarchive.model import Root
    from ociarchive.selection.argument import Source
    from ociarchive.transform.options import Options
    from ociarchive.transform.plan import Move
    from ociarchive.transform.prepare import Prepared, Settled
    from ociarchive.transform.rewrite import Change
    from ociarchive.transform.sources import Gathered
    from ociarchive.values import Digest

_DIGESTS: Final = re.compile(rb"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """The expected result of a conversion. `unknown` are placeholders for digests that only layers reveal."""

    dest: str
    format: str
    sources: tuple[Gathered, ...]
    new_roots: tuple[Root, ...]
    changes: tuple[Change, ...]
    moves: tuple[Move, ...]
    unknown: frozenset[Digest]
    left_out: tuple[LeftOut, ...]
    notices: tuple[str, ...]


def rehearse(sources: Sequence[Source], dest: str, options: Options) -> Rehearsal:
    """Return what the conversion of `sources` to `dest` would write and report, as far as documents show.

    It refuses, with the same errors, what a conversion refuses before it reads a layer.
    """
    with ExitStack() as stack:
        workers = Workers(1)
        stack.callback(workers.close)
        require(dest, options, sources, ())
        prepared = prepare(sources, options, None, workers, stack)
        require(dest, options, sources, prepared.planned.moves)
        placed, unknown = _placed(prepared)
        settled = settle(prepared, options, placed, tuple(prepared.judging.findings()))
        return Rehearsal(
            dest=dest,
            format=options.format.name,
            sources=tuple(prepared.gathered.archives),
            new_roots=settled.content.roots,
            changes=settled.changes,
            moves=prepared.planned.moves,
            unknown=_spread(unknown, settled),
            left_out=prepared.left_out,
            notices=tuple(dict.fromkeys(settled.notices)),
        )


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
        stored = move.codec or sniff(move.source.head(MAGIC))
        size = fact.size if fact is not None else move.source.size or 0  # of an unknown digest the size is one too
        placed[move] = Placed(digest=digest, size=size, compression=stored.name)
    return placed, unknown


def _spread(unknown: Iterable[Digest], settled: Settled) -> frozenset[Digest]:
    """Return these digests and those of all documents that contain one of them."""
    known = {str(digest).encode(): digest for digest in unknown}
    documents = {
        edge.descriptor.digest: frozenset(_DIGESTS.findall(edge.node.document.raw))
        for edge in walk(settled.content.roots)
        if edge.descriptor is not None and not isinstance(edge.node, Missing) and edge.node.document is not None
    }
    found = True
    while found:
        found = False
        for digest, named in documents.items():
            if str(digest).encode() not in known and not named.isdisjoint(known):
                known[str(digest).encode()] = digest
                found = True
    return frozenset(known.values())
