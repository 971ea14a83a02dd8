"""The report of `convert --dry-run`, for people: what would be written and which digests stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ociarchive.errors import plural
from ociarchive.model import Image, Index, walk
from ociarchive.report.shared.text import placed, safe, short, total, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.transform.plan import Move
    from ociarchive.transform.rehearse import Rehearsal
    from ociarchive.transform.rewrite import Change


def rehearsal_text(rehearsal: Rehearsal, *, width: int, whole: bool) -> str:
    """Return the report. `width` is in columns; `whole` shows digests in full."""
    lines: list[str] = []
    for text in _lines(rehearsal, whole=whole):
        margin = len(text) - len(text.lstrip())
        lines += placed(wrapped(text.lstrip(), width - margin, "  ", whole=whole), margin, width)
    return "\n".join(lines) + "\n"


def _lines(done: Rehearsal, *, whole: bool) -> Iterator[str]:
    sources = ", ".join(f"{safe(one.archive.where)} ({one.archive.format})" for one in done.sources)
    yield f"would convert  {sources}  ->  {safe(done.dest)} ({done.format})"
    for root in done.new_roots:
        kind = {Image: "image", Index: "index"}.get(type(root.node), "artifact")
        yield f"  {kind}  {safe(root.label) if root.names or root.ref_name else '(no name)'}"
    yield from _blobs(done)
    images = (edge.node for edge in walk(done.new_roots) if isinstance(edge.node, Image))
    made = {image.image_id for image in images if image.made is not None}
    for change in dict.fromkeys(done.changes):
        if change.kind == "config" and change.old is None and change.new.digest not in made:
            yield f"  config  {short(str(change.new.digest), whole=whole)} stays"  # no document of the source names it
        else:
            yield f"  {change.kind}  {_became(change, done, whole=whole)}"
    if any(one.archive.facts for one in done.sources):
        yield "nothing was written; layers were read for the configs alone that the source does not have"
    else:
        yield "nothing was written; no layer was read, so that nothing is said of what layers hold"


def _blobs(done: Rehearsal) -> Iterator[str]:
    same: list[Move] = [move for move in done.moves if move.codec is None]
    yield f"  {plural(len(same), 'blob')} of {total(move.source.size for move in same)} copied unchanged"
    if done.omitted:
        left = total(one.elsewhere.descriptor.size for one in done.omitted)
        yield f"  {plural(len(done.omitted), 'layer')} of {left} left out, which the other side has"
    for name in dict.fromkeys(move.codec.name for move in done.moves if move.codec is not None):
        anew = [move.source.size for move in done.moves if move.codec is not None and move.codec.name == name]
        word = "unpacked" if name == "none" else f"stored as {name}"
        yield f"  {plural(len(anew), 'layer')} of {total(anew)} {word}"


def _became(change: Change, done: Rehearsal, *, whole: bool) -> str:
    old = short(str(change.old.digest), whole=whole) if change.old else None
    if change.old is not None and change.old.digest == change.new.digest:
        return f"{old} stays"
    new = "a digest that shows once layers are read"
    if change.new.digest not in done.unknown:
        new = short(str(change.new.digest), whole=whole)
    if old:
        return f"{old} becomes {new}"
    return f"of diff_id {short(str(change.diff_id), whole=whole)} is new: {new}" if change.diff_id else f"is new: {new}"
