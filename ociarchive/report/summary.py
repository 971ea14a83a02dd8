"""The summary of a conversion, for people: what came along, what kept its digest, what it weighs, what was proved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ociarchive.model import Image, Index, walk
from ociarchive.report.text import plural, safe, short, size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.model import Root
    from ociarchive.transform.convert import Conversion


def summary(conversion: Conversion, *, whole: bool) -> str:
    """Return the lines that end a conversion."""
    sources = ", ".join(f"{safe(one.archive.where)} ({one.archive.format})" for one in conversion.sources)
    lines = [f"converted  {sources}  ->  {safe(conversion.dest)} ({conversion.format})"]
    before = sum(move.source.size for move in conversion.arrived)
    after = sum({arrived.digest: arrived.size for arrived in conversion.arrived.values()}.values())
    change = f"{(after - before) * 100 / before:+.1f} %" if before and after != before else "="
    wide = 12 if not whole else 71
    lines.append(f"  {'':32} {'before':>{wide}}  {'after':>{wide}}  change")
    lines.append(f"  {'stored size':32} {size(before):>{wide}}  {size(after):>{wide}}  {change}")
    for old, new in zip(conversion.old_roots, conversion.new_roots, strict=True):
        lines.extend(_root(old, new, wide, whole=whole))
    moved = [change for change in conversion.changes if change.kind == "layer"]
    proven = [arrived for move, arrived in conversion.arrived.items() if arrived.fact.diff_ids is not None]
    lines.append(f"  {plural(len(proven), 'layer')} unpacked, every diff_id as before ({len(moved)} uses)")
    report = conversion.report
    if report is not None:
        told = f"{plural(report.count('error'), 'error')}, {plural(report.count('warning'), 'warning')}"
        lines.append(f"audit      PASS  {told}, {plural(report.blobs, 'blob')} read back, {size(report.bytes)}")
    else:
        lines.append("audit      none: what was written was not read back; digests are those of the bytes written")
    lines.append(f"done in {conversion.seconds:.1f} s")
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _root(old: Root, new: Root, wide: int, *, whole: bool) -> Iterator[str]:
    before = str(old.descriptor.digest) if old.descriptor else None
    after = str(new.descriptor.digest) if new.descriptor else None
    told = "same" if before == after else "rewritten" if before else "new"
    name = safe(new.label if new.names or new.ref_name else "(no name)")
    yield f"  {name[:32]:32} {short(before, whole=whole):>{wide}}  {short(after, whole=whole):>{wide}}  {told}"
    if isinstance(new.node, Image | Index):
        for edge in walk([new]):
            if isinstance(edge.node, Image):
                platform = edge.platform
                image_id = short(str(edge.node.image_id) if edge.node.image_id else None, whole=whole)
                line = f"{safe(str(platform)) if platform else 'no platform'} image id"
                yield f"    {line[:30]:30} {image_id:>{wide}}  {image_id:>{wide}}  same"
