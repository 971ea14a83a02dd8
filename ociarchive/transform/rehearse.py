"""Rehearse: find from documents alone what a conversion would write. No layer is read, and nothing is written.

The digest of a recompressed layer is unknown until it is read. So are the digests of the documents that name it.
All else is known.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ociarchive.transform.foreseeing import foreseen
from ociarchive.transform.prepare import prepare
from ociarchive.transform.sources import Fetching, read_for
from ociarchive.transform.target import require, require_there
from ociarchive.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ociarchive.errors import ContentError
    from ociarchive.formats.format import LeftOut
    from ociarchive.model import Root
    from ociarchive.selection.argument import Source
    from ociarchive.transform.omitted import Omitted
    from ociarchive.transform.options import Options
    from ociarchive.transform.plan import Move
    from ociarchive.transform.rewrite import Change
    from ociarchive.transform.sources import Gathered
    from ociarchive.values import Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """The expected result of a conversion. `unknown` are placeholders for digests that only layers reveal.

    `failed` says why images cannot be had that documents show to be at fault.
    `omitted` are the layers that are certain to be left out, because the other side has them.
    """

    dest: str
    format: str
    sources: tuple[Gathered, ...]
    new_roots: tuple[Root, ...]
    changes: tuple[Change, ...]
    moves: tuple[Move, ...]
    omitted: tuple[Omitted, ...]
    unknown: frozenset[Digest]
    left_out: tuple[LeftOut, ...]
    notices: tuple[str, ...]
    failed: tuple[ContentError, ...] = ()


def rehearse(sources: Sequence[Source], dest: str, options: Options) -> Rehearsal:
    """Return what the conversion of `sources` to `dest` would write and report, as far as documents show.

    It refuses, with the same errors, what a conversion refuses before it reads a layer.
    """
    with ExitStack() as stack:
        workers = Workers(1)
        stack.callback(workers.close)
        require(dest, options, sources, ())
        prepared = prepare(read_for(sources, dest, options), options, None, workers, stack, Fetching(dest=dest))
        require(dest, options, sources, prepared.planned.kept)
        settled, unknown = foreseen(prepared, options)
        require_there(dest, options, settled.content.roots, unknown)
        return Rehearsal(
            dest=dest,
            format=options.format.name,
            sources=tuple(prepared.gathered.archives),
            new_roots=settled.content.roots,
            changes=settled.changes,
            moves=prepared.planned.kept,
            omitted=settled.omitted,
            unknown=unknown,
            left_out=(*prepared.left_out, *(one.left_out for one in settled.omitted)),
            notices=tuple(dict.fromkeys(settled.notices)),
            failed=tuple(dict.fromkeys(prepared.gathered.failed.values())),
        )
