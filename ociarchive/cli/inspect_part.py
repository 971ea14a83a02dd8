"""One part of one image: its manifest or config, unchanged, or the files of its layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ociarchive.errors import ContentError, UsageError, plural, some
from ociarchive.report.shared.listing import listing
from ociarchive.report.shared.text import safe
from ociarchive.selection.single import config_bytes, manifest_bytes, the_image

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ociarchive.cli.common import Common
    from ociarchive.cli.output import Output
    from ociarchive.model import Archive, Layer
    from ociarchive.selection.select import Selectors
    from ociarchive.values import Digest

_LONGEST: Final = 9
_CHECKED: Final = "checked against its digest"
#: The fewest digits of a digest that name a layer: as engines have it, shorter ones are rather misspelled numbers.
_SHORTEST: Final = 4


def print_part(archive: Archive, selectors: Selectors, values: dict[str, Any], result: Output, shared: Common) -> None:
    """Write what the call asks for. UsageError: it asks for several parts. ContentError: a claim about it is false."""
    if values["raw"]:
        result.write_bytes(manifest_bytes(archive, selectors))
        shared.wrote(_CHECKED, values["output"], "manifest")
    elif values["config"]:
        result.write_bytes(config_bytes(archive, selectors))
        shared.wrote(_CHECKED, values["output"], "config")
    else:
        layers = the_image(archive, selectors, "list of files").layers
        wanted = list(enumerate(layers, 1))
        if values["layer"] is not None:
            wanted = _chosen(layers, values["layer"], archive.where)
        listed: list[int] = []
        lines = _lines(archive, wanted, len(layers), shared, listed)
        result.write(lines, exact=True)
        for _ in lines:  # a reader that has enough changes nothing of the status
            pass
        told = f"{len(listed)} of {plural(len(wanted), 'layer')} listed, each as its digests say"
        shared.wrote(told, values["output"], "files")


def _chosen(layers: Sequence[Layer], text: str, where: str) -> list[tuple[int, Layer]]:
    """Return the layer of a number, or of a digest or diff_id or the beginning of one, with its number.

    UsageError: there is none, or there are several.
    """
    if text.isascii() and text.isdecimal() and len(text) <= _LONGEST:
        if 1 <= int(text) <= len(layers):
            return [(int(text), layers[int(text) - 1])]
    else:
        found = [one for one in enumerate(layers, 1) if text in map(str, _digests(one[1]))]
        short = text.rpartition(":")[2]
        if not found and len(short) >= _SHORTEST and text in (short, f"sha256:{short}"):
            found = [one for one in enumerate(layers, 1) if any(it.hex.startswith(short) for it in _digests(one[1]))]
        if len({_digests(layer) for _, layer in found}) > 1:
            listed = some(f"{number} ({_digests(layer)[0]})" for number, layer in found)
            raise UsageError(f"{text} is the beginning of several layers: {listed}", where=where)
        if found:
            return found[:1]
    there = f"there {'is' if len(layers) == 1 else 'are'} {plural(len(layers), 'layer')}, numbered from 1"
    hint = f"{there}; `ociarchive inspect -v` shows the digests"
    raise UsageError(f"no layer {text} in the image", where=where, hint=hint)


def _digests(layer: Layer) -> tuple[Digest, ...]:
    """Return by which digests a layer is named: as it is stored, and unpacked."""
    stored = layer.descriptor.digest if layer.descriptor else None
    return tuple(one for one in (stored, layer.diff_id) if one is not None)


def _lines(
    archive: Archive, wanted: Sequence[tuple[int, Layer]], count: int, shared: Common, listed: list[int]
) -> Iterator[str]:
    """Give the files of layers. Each of several layers has a line that names it. A layer that cannot be listed says so.

    `listed` takes the number of each layer that was listed to its end. ContentError: a layer that should be here is
    not, or is not what is claimed of it.
    """
    allowed, lacking = archive.limits, None  # all layers together are held to what one archive may have
    for number, layer in wanted:
        name = layer.descriptor.digest if layer.descriptor else layer.diff_id or layer.name
        why = _absent(layer) if layer.source is None else None if layer.unpacks else _opaque(layer)
        if why is None:
            if len(wanted) > 1:
                yield f"layer {number} of {count}: {safe(str(name))}\n"
            yield from listing(layer, allowed)
            listed.append(number)
            continue
        error = ContentError(f"layer {number} cannot be listed: {why}", where=f"{archive.where}: {name}")
        if len(wanted) == 1:
            raise error
        if layer.source is None and not layer.foreign and layer.elsewhere is None:
            lacking = lacking or error
        shared.notice(safe(str(error)))
    if lacking is not None:
        raise lacking


def _absent(layer: Layer) -> str:
    return f"it {layer.elsewhere.why}" if layer.elsewhere is not None else "it is not in the archive"


def _opaque(layer: Layer) -> str:
    return f"nothing here looks into {layer.descriptor.media_type if layer.descriptor else 'it'}"
