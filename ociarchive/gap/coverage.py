"""Coverage: whether the other side has what a delta leaves out, by an inventory or by the archives of the call.

A layer has its place by its digest alone. Where an archive has the same content compressed otherwise, that is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ociarchive.auditing.rule import Finding
from ociarchive.chains import chain_ids
from ociarchive.errors import ContentError, plural, some
from ociarchive.formats import format_of
from ociarchive.gap.completing import left_out
from ociarchive.model import images

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ociarchive.gap.completing import Otherwise, Pool
    from ociarchive.gap.held import Held
    from ociarchive.model import Archive, Layer, Root
    from ociarchive.values import Digest

_RULE: Final = "delta-incomplete"


def uncovered(archive: Archive, held: Held) -> Iterator[Finding]:
    """Give a finding for each layer that is left out and that the other side does not have by its inventory."""
    layout = format_of(archive.format).layout
    by_chain = layout is not None and layout.finds_chains
    wanting: dict[Digest, Layer] = {}
    for image in images(archive.roots):
        chains = chain_ids(image.diff_ids[: len(image.layers)])
        for number, layer in enumerate(image.layers):
            if layer.elsewhere is None or layer.elsewhere.descriptor.digest in held.blobs:
                continue
            chain = chains[number] if by_chain and number < len(chains) else None
            if chain not in held.chains:
                wanting.setdefault(layer.elsewhere.descriptor.digest, layer)
    for layer in wanting.values():
        yield _finding(archive, layer, "the inventory does not have it")


def unfound(archive: Archive, pool: Pool) -> Iterator[Finding]:
    """Give a finding for each layer that is left out and that no archive of the call, all in `pool`, has."""
    for layer in left_out(archive.roots):
        other = pool.otherwise(layer)
        why = "no base has it" if other is None else f"{other.where} has its content as another blob, {other.how}"
        yield _finding(archive, layer, why, other)


def require_complete(roots: Iterable[Root], pool: Pool | None, deltas: Sequence[str]) -> None:
    """Refuse layers that were left out and that nothing in the call has. ContentError: it names them.

    `deltas` are the names of the archives that leave them out. Where an archive in `pool` has their content under
    another compression, the message has both digests and the diff_id.
    """
    wanting = {layer.elsewhere.descriptor.digest: layer for layer in left_out(roots) if layer.elsewhere is not None}
    others = {digest: pool.otherwise(layer) if pool is not None else None for digest, layer in wanting.items()}
    nowhere = [str(digest) for digest, other in others.items() if other is None]
    told = [
        f"{digest} is there as {other.digest} ({other.how}, diff_id {wanting[digest].diff_id})"
        for digest, other in others.items()
        if other is not None
    ]
    where = ", ".join(deltas)
    if nowhere:
        hint = f"name an archive that has {'this blob' if len(wanting) == 1 else 'these blobs'} with --base"
        raise ContentError(f"{_left_out(len(nowhere))} nowhere in the call: {some(nowhere)}", where=where, hint=hint)
    if told:
        places = list(dict.fromkeys(other.where for other in others.values() if other is not None))
        it, them = ("this blob", "it") if len(told) == 1 else ("these blobs", "them")
        raise ContentError(
            f"{_left_out(len(told))} in {some(places)} under another compression alone: {some(told)}",
            where=where,
            hint=f"name an archive that has {it} with --base, or have {them} sent: make the delta again with `--have`"
            f" of what `ociarchive inventory {places[0]}` prints",
        )


def _left_out(count: int) -> str:
    return "a layer that was left out is" if count == 1 else f"{plural(count, 'layer')} that were left out are"


def _finding(archive: Archive, layer: Layer, why: str, other: Otherwise | None = None) -> Finding:
    digest = str(layer.elsewhere.descriptor.digest) if layer.elsewhere is not None else layer.name
    diff_id = f" (diff_id {layer.diff_id})" if layer.diff_id is not None else ""
    return Finding(
        rule=_RULE,
        severity="error",
        message=f"a layer is left out, and {why}{diff_id}",
        location=f"{archive.where}: {digest}",
        subject=digest,
        expected=digest,
        found="nothing" if other is None else str(other.digest),
    )
