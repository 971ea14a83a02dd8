"""The summary of a conversion, for people: what came along, what kept its digest, what it weighs, what was proved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ociarchive.model import Image, Index, walk
from ociarchive.report.text import plural, safe, short, size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.model import Root
    from ociarchive.transform.convert import Conversion


#: Columns for names, and layers that are told of one by one.
_NAMES: Final = 34
_SHOWN: Final = 8


def summary(conversion: Conversion, *, whole: bool) -> str:
    """Return the lines that end a conversion."""
    sources = ", ".join(f"{safe(one.archive.where)} ({one.archive.format})" for one in conversion.sources)
    lines = [f"converted  {sources}  ->  {safe(conversion.dest)} ({conversion.format})"]
    before = sum(move.source.size for move in conversion.arrived)
    after = sum({arrived.digest: arrived.size for arrived in conversion.arrived.values()}.values())
    wide = 12 if not whole else 71
    lines.append(f"  {'':{_NAMES}}  {'before':>{wide}}  {'after':>{wide}}  change")
    lines.append(f"  {'stored size':{_NAMES}}  {size(before):>{wide}}  {size(after):>{wide}}  {_change(before, after)}")
    for old, new in zip(conversion.old_roots, conversion.new_roots, strict=True):
        lines.extend(_root(old, new, wide, whole=whole))
    lines.extend(_layers(conversion, wide, whole=whole))
    report = conversion.report
    if report is not None:
        told = f"{plural(report.count('error'), 'error')}, {plural(report.count('warning'), 'warning')}"
        lines.append(f"audit      PASS  {told}, {plural(report.blobs, 'blob')} read back, {size(report.bytes)}")
    else:
        lines.append("audit      none: what was written was not read back; digests are those of the bytes written")
    lines.append(f"done in {conversion.seconds:.1f} s")
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _layers(conversion: Conversion, wide: int, *, whole: bool) -> Iterator[str]:
    """Say of each layer how it was stored and is; of many only of the largest, all with `whole`."""
    named = {change.new.digest: change.diff_id for change in conversion.changes if change.kind == "layer"}
    layers = [(move.source.size, arrived) for move, arrived in conversion.arrived.items() if arrived.digest in named]
    layers.sort(key=lambda layer: -layer[0])
    shown = layers if whole else layers[:_SHOWN]
    for before, arrived in shown:
        diff_id = named[arrived.digest]
        told = f"diff_id {short(str(diff_id))}" if diff_id else f"layer {short(str(arrived.digest))}"
        how = f"{arrived.fact.compression} -> {arrived.compression}"
        how = how if arrived.fact.compression != arrived.compression else arrived.compression
        change = _change(before, arrived.size)
        yield f"  {f'{told}  {how}':{_NAMES}}  {size(before):>{wide}}  {size(arrived.size):>{wide}}  {change}"
    if len(layers) > len(shown):
        yield f"  {plural(len(layers) - len(shown), 'smaller layer')}: -v lists them"
    proven = sum(arrived.fact.diff_ids is not None for _, arrived in layers)
    yield f"  diff_ids proved: {proven} of {plural(len(layers), 'layer')}, all as before"


def _change(before: int, after: int) -> str:
    return f"{(after - before) * 100 / before:+.1f} %" if before and after != before else "="


def _root(old: Root, new: Root, wide: int, *, whole: bool) -> Iterator[str]:
    before = str(old.descriptor.digest) if old.descriptor else None
    after = str(new.descriptor.digest) if new.descriptor else None
    told = "same" if before == after else "rewritten" if before else "new"
    name = safe(new.label if new.names or new.ref_name else "(no name)")
    digests = f"{short(before, whole=whole):>{wide}}  {short(after, whole=whole):>{wide}}"
    yield f"  {name[:_NAMES]:{_NAMES}}  {digests}  {told}"
    if isinstance(new.node, Image | Index):
        for edge in walk([new]):
            if isinstance(edge.node, Image):
                platform = edge.platform
                image_id = short(str(edge.node.image_id) if edge.node.image_id else None, whole=whole)
                line = f"{safe(str(platform)) if platform else 'no platform'} image id"
                yield f"    {line[: _NAMES - 2]:{_NAMES - 2}}  {image_id:>{wide}}  {image_id:>{wide}}  same"
