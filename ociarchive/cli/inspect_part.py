"""One part of one image: its manifest or config, unchanged, or the files of its layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ociarchive.errors import ContentError, UsageError
from ociarchive.report.shared.listing import listing
from ociarchive.report.shared.text import plural, safe
from ociarchive.selection.single import config_bytes, manifest_bytes, the_image

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ociarchive.cli.common import Common
    from ociarchive.cli.output import Output
    from ociarchive.model import Archive, Layer
    from ociarchive.selection.select import Selectors

_LONGEST: Final = 9


def print_part(archive: Archive, selectors: Selectors, values: dict[str, Any], result: Output, shared: Common) -> None:
    """Write what the call asks for. UsageError: it asks for several parts. ContentError: a claim about it is false."""
    if values["raw"]:
        result.write_bytes(manifest_bytes(archive, selectors))
    elif values["config"]:
        result.write_bytes(config_bytes(archive, selectors))
    else:
        layers = the_image(archive, selectors, "list of files").layers
        wanted = list(enumerate(layers, 1))
        if values["layer"] is not None:
            wanted = _chosen(layers, values["layer"], archive.where)
        lines = _lines(archive, wanted, len(layers), shared)
        result.write(lines)
        for _ in lines:  # a reader that has enough changes nothing of the status
            pass


def _chosen(layers: Sequence[Layer], text: str, where: str) -> list[tuple[int, Layer]]:
    """Return the layer of a number, a digest or a diff_id, with its number. UsageError: there is none."""
    if text.isascii() and text.isdecimal() and len(text) <= _LONGEST:
        if 1 <= int(text) <= len(layers):
            return [(int(text), layers[int(text) - 1])]
    else:
        for number, layer in enumerate(layers, 1):
            if text in (str(layer.descriptor.digest) if layer.descriptor else None, str(layer.diff_id)):
                return [(number, layer)]
    there = f"{plural(len(layers), 'layer')}, the first is 1; `ociarchive inspect -v` shows their digests"
    raise UsageError(
        f"no layer {text} in the image", where=where, hint=f"there {'is' if len(layers) == 1 else 'are'} {there}"
    )


def _lines(archive: Archive, wanted: Sequence[tuple[int, Layer]], count: int, shared: Common) -> Iterator[str]:
    """Give the files of layers. Each of several layers has a line that names it. A layer that cannot be listed says so.

    ContentError: a layer that should be here is not, or is not what is claimed of it.
    """
    lacking = None
    for number, layer in wanted:
        name = layer.descriptor.digest if layer.descriptor else layer.diff_id or layer.name
        why = "it is not in the archive" if layer.source is None else None if layer.unpacks else _opaque(layer)
        if why is None:
            if len(wanted) > 1:
                yield f"layer {number} of {count}: {safe(str(name))}\n"
            yield from listing(layer, archive.limits)
            continue
        error = ContentError(f"layer {number} cannot be listed: {why}", where=f"{archive.where}: {name}")
        if len(wanted) == 1:
            raise error
        if layer.source is None and not layer.foreign:
            lacking = lacking or error
        shared.say(f"notice: {safe(str(error))}")
    if lacking is not None:
        raise lacking


def _opaque(layer: Layer) -> str:
    return f"nothing here looks into {layer.descriptor.media_type if layer.descriptor else 'it'}"
