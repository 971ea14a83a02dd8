"""A comparison in words: the verdict in one sentence, what was read and proved, what differs of a path or a value."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from ociarchive.errors import plural
from ociarchive.report.shared.text import size

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ociarchive.comparison.difference import ArchiveSide, Aspect, Difference, FileChange, ImagePair, Kind
    from ociarchive.values import JSON

MARKS: Final = {"same": "=", "changed": "~", "added": "+", "removed": "-", "unproved": "?"}
_NOUNS: Final[dict[Aspect, tuple[str, str]]] = {
    "names": ("name", "names"),
    "annotations": ("annotation", "annotations"),
    "attestations": ("attestation or artifact", "attestations or artifacts"),
}


def word(difference: Difference) -> str:
    """Return the verdict in one word."""
    return "SAME" if difference.same else "DIFFERENT"


def sentence(difference: Difference) -> str:
    """Return the verdict's sentence, without the word."""
    beside = joined(_differing(aspect, count) for aspect in _NOUNS if (count := difference.counted(aspect)))
    if difference.images_differ:
        told = _counted(difference)
        return f"{told}; {beside}" if beside else told
    images = difference.images
    if not images:
        held = "the same artifacts, and no image" if difference.same else "no image"
        return f"both hold {held}{f'; {beside}' if beside else ''}"
    held = "the same image" if len(images) == 1 else f"the same {plural(len(images), 'image')}"
    packed = ", packed differently" if any(pair.repacked for pair in images) else ", packed alike"
    return f"both hold {held}{packed}{f', but {beside}' if beside else ''}"


def _counted(difference: Difference) -> str:
    """Return the number of images of each kind. The noun is with the first number."""
    words: tuple[tuple[Kind, str], ...] = (
        ("changed", f"changed in {_changed(difference.images)}"),
        ("removed", "only in the first archive"),
        ("added", "only in the second"),
        ("same", "the same"),
    )
    parts = [(count, text) for kind, text in words if (count := difference.count(kind))]
    first = f"{plural(parts[0][0], 'image')} {parts[0][1]}"
    return ", ".join([first, *(f"{count} {text}" for count, text in parts[1:])])


def _changed(images: Iterable[ImagePair]) -> str:
    """Return which aspects of the changed images differ."""
    changed = [pair for pair in images if pair.kind == "changed"]
    layers = any(layer.counts for pair in changed for layer in pair.layers)
    config = any(pair.config for pair in changed)
    if layers:
        return "layers and config" if config else "layers"
    return "the config alone" if config else "the platform that the index gives"


def proof(difference: Difference) -> str:
    """Return what was read, and what of it was proved."""
    sides = (difference.old, difference.new)
    blobs, count = sum(side.blobs for side in sides), sum(side.bytes for side in sides)
    layers = " and ".join(f"{side.proved} of {plural(side.layers, 'layer')}" for side in sides)
    return f"{plural(blobs, 'blob')}, {size(count)} read to the end; {layers} proved to unpack to what the configs list"


def uncounted(difference: Difference) -> list[str]:
    """Return sentences about what was found and does not count."""
    told = []
    for aspect, (_, many) in _NOUNS.items():
        if aspect in difference.ignored:
            told.append(f"{many} do not count in this comparison; {_differing(aspect, difference.found(aspect))}")
    return told


def _differing(aspect: Aspect, count: int) -> str:
    one, many = _NOUNS[aspect]
    return plural(count, f"{one} differs", f"{many} differ")


def counting(difference: Difference) -> list[str]:
    """Return a sentence about how images are counted, where an archive has one in several manifests."""
    if all(side.manifests == side.images for side in (difference.old, difference.new)):
        return []
    what = "an image is one image ID for one platform: in several manifests, packed in several ways"
    return [f"{what}, it is compared once, and its layers are counted once"]


def joined(parts: Iterable[str]) -> str:
    """Return parts of a sentence, `and` before the last."""
    *first, last = [*parts] or [""]
    return f"{', '.join(first)} and {last}" if first else last


def paired_by(pair: ImagePair) -> str | None:
    """Return why two images are a pair, if not by their names."""
    if pair.by == "image id":
        return "compared because the image IDs are one"
    if pair.by == "platform":
        return "compared because each archive has one image for this platform"
    return None


def layer_counts(pair: ImagePair) -> str:
    """Return the number of layers of each kind in two images."""
    kinds = ("same", "changed", "removed", "added", "unproved")
    counts = [(sum(layer.kind == kind for layer in pair.layers), kind) for kind in kinds]
    return ", ".join(f"{count} {kind}" for count, kind in counts if count) or "none"


def held(side: ArchiveSide) -> str:
    """Return how an archive's layers are stored."""
    return ", ".join(f"{'plain' if name == 'none' else name} {count}" for name, count in side.codecs.items())


def value(one: JSON) -> str:
    """Return a JSON value on one line."""
    return json.dumps(one, ensure_ascii=False)


def file_facts(change: FileChange) -> str:
    """Return what there is to say of a path beside its name."""
    old, new = change.old, change.new
    if old is not None and new is not None:
        shown = {
            "type": (old.type, new.type),
            "link": (old.link, new.link),
            "mode": (f"{old.mode:04o}", f"{new.mode:04o}"),
            "owner": (f"{old.uid}:{old.gid}", f"{new.uid}:{new.gid}"),
            "owner name": (old.owner or "none", new.owner or "none"),
            "content": (size(old.size), size(new.size)),
        }
        told = []
        for what in change.what:
            one, other = shown.get(what, ("", ""))
            told.append(what if one == other else f"{what} {one} -> {other}")
        return ", ".join(told)
    state = new or old
    if state is None:
        return ""
    if state.type == "whiteout":
        return "deletes it"
    if state.type == "opaque":
        return "deletes all that layers below have in it"
    if state.type in ("symlink", "hardlink"):
        return f"{state.type} to {state.link}"
    return size(state.size) if state.type == "file" else state.type
