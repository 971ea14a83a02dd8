"""Coverage: whether the other side has what a delta leaves out, by an inventory or by the archives of the call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ociarchive.auditing.rule import Finding
from ociarchive.chains import chain_ids
from ociarchive.formats import format_of
from ociarchive.gap.completing import left_out
from ociarchive.model import images

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.gap.held import Held
    from ociarchive.model import Archive, Layer
    from ociarchive.values import Digest

_RULE: Final = "delta-incomplete"


def uncovered(archive: Archive, held: Held) -> Iterator[Finding]:
    """Give a finding for each layer that is left out and that the other side does not have by its inventory."""
    layout = format_of(archive.format).layout
    by_chain = layout is not None and layout.finds_chains
    wanting: dict[Digest, Layer] = {}
    for image in images(archive.roots):
        chains = chain_ids(image.diff_ids)
        for number, layer in enumerate(image.layers):
            if layer.elsewhere is None or layer.elsewhere.descriptor.digest in held.blobs:
                continue
            chain = chains[number] if by_chain and number < len(chains) else None
            if chain not in held.chains:
                wanting.setdefault(layer.elsewhere.descriptor.digest, layer)
    for layer in wanting.values():
        yield _finding(archive, layer, "the inventory does not have it")


def unfound(archive: Archive) -> Iterator[Finding]:
    """Give a finding for each layer that is left out and that no archive of the call has."""
    for layer in left_out(archive.roots):
        yield _finding(archive, layer, "no base has it")


def _finding(archive: Archive, layer: Layer, why: str) -> Finding:
    digest = str(layer.elsewhere.descriptor.digest) if layer.elsewhere is not None else layer.name
    diff_id = f" (diff_id {layer.diff_id})" if layer.diff_id is not None else ""
    return Finding(
        rule=_RULE,
        severity="error",
        message=f"a layer is left out, and {why}{diff_id}",
        location=f"{archive.where}: {digest}",
        subject=digest,
        expected=digest,
        found="nothing",
    )
