"""Rules about deltas: what an archive leaves out because the other side has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ociarchive.auditing.controls import COMPLETENESS
from ociarchive.auditing.rule import Fault, Rule, never
from ociarchive.errors import plural

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.auditing.evidence import Evidence
    from ociarchive.elsewhere import Elsewhere
    from ociarchive.model import Layer
    from ociarchive.values import Digest


def _absent(evidence: Evidence) -> Iterator[tuple[int, Layer, Elsewhere]]:
    """Give every layer that is left out, with its number in its image."""
    for image in evidence.images:
        for number, layer in enumerate(image.layers, 1):
            if layer.elsewhere is not None:
                yield number, layer, layer.elsewhere


def _left_out(evidence: Evidence) -> Iterator[Fault]:
    for number, layer, elsewhere in _absent(evidence):
        digest = elsewhere.descriptor.digest
        if layer.source is None:
            yield Fault(
                location=evidence.place(str(digest)), subject=digest,
                message=f"layer {number} {elsewhere.why} ({plural(elsewhere.descriptor.size, 'byte')})",
            )  # fmt: skip
        elif layer.descriptor is None:
            yield Fault(
                location=evidence.place(str(digest)), subject=digest,
                message=f"layer {number} {elsewhere.why}; its content is at hand, stored otherwise"
                f" ({layer.source.where})",
            )  # fmt: skip


def _unnamed(evidence: Evidence) -> Iterator[Fault]:
    delta = evidence.archive.delta
    if delta is None or evidence.archive.incomplete:
        return  # what could not be read may name it
    named = {descriptor.digest for descriptor in evidence.descriptors}
    named |= {elsewhere.descriptor.digest for _, _, elsewhere in _absent(evidence)}
    for digest in delta.left_out:
        if digest not in named:
            yield Fault(
                location=delta.where, subject=digest, found=digest,
                message="a blob is listed as left out, and no manifest names it",
            )  # fmt: skip


def _present(evidence: Evidence) -> Iterator[Fault]:
    delta = evidence.archive.delta
    if delta is None:
        return
    here = _here(evidence)
    for digest in delta.left_out:
        if digest in here:
            yield Fault(
                location=delta.where, subject=digest, found=digest,
                message="a blob is listed as left out, and is in the archive",
            )  # fmt: skip


def _here(evidence: Evidence) -> set[Digest]:
    return {stored.digest for stored in evidence.archive.stored if stored.digest and stored.source}


def _mismatch(evidence: Evidence) -> Iterator[Fault]:
    delta = evidence.archive.delta
    if delta is None:
        return
    for number, layer, elsewhere in _absent(evidence):
        digest = elsewhere.descriptor.digest
        told = delta.left_out[digest].descriptor if digest in delta.left_out else elsewhere.descriptor
        if told.size != elsewhere.descriptor.size:
            yield Fault(
                location=delta.where, subject=digest,
                expected=plural(elsewhere.descriptor.size, "byte"), found=plural(told.size, "byte"),
                message=f"layer {number} is listed as left out with another size than its manifest gives",
            )  # fmt: skip
        if elsewhere.diff_id is not None and layer.diff_id is not None and elsewhere.diff_id != layer.diff_id:
            yield Fault(
                location=delta.where, subject=digest, expected=layer.diff_id, found=elsewhere.diff_id,
                message=f"layer {number} is listed as left out with another diff_id than its config gives",
            )  # fmt: skip


_SPARSE: Final = "image-spec, image-layout.md, Blobs"
_LIST: Final = "delta.json of this program"

RULES: Final = (
    Rule(
        id="delta-left-out", severity="note", control=COMPLETENESS, spec=_SPARSE,
        summary="A delta leaves a layer out because the other side has it, so it could not be proved here.",
        advice="Load it where the layer is, or complete it with `convert --base`; `audit --base` proves all of it.",
        check=_left_out,
    ),
    Rule(
        id="delta-unnamed", severity="warning", control=COMPLETENESS, spec=_LIST,
        summary="A delta lists a blob as left out, and no manifest in it names that blob.",
        advice="The list was edited, or is another archive's: make the delta again.",
        check=_unnamed,
    ),
    Rule(
        id="delta-present", severity="error", control=COMPLETENESS, spec=_LIST,
        summary="A delta lists a blob as left out, and the blob is in the archive.",
        advice="The list was edited, or is another archive's: make the delta again.",
        check=_present,
    ),
    Rule(
        id="delta-mismatch", severity="error", control=COMPLETENESS, spec=_LIST,
        summary="A delta's list gives a layer another size or diff_id than its manifest and config do.",
        advice="The list was edited, or is another archive's: make the delta again.",
        check=_mismatch,
    ),
    Rule(
        id="delta-incomplete", severity="error", control=COMPLETENESS, spec="`--have` and `--base` of the call",
        summary="A layer that a delta leaves out is not among what the call says that the other side has.",
        advice="Make the delta again with an inventory of today, or name what has the layer with `--base`.",
        check=never,
    ),
)  # fmt: skip
