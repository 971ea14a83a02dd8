"""What differs between two images: layers, config, annotations, what is attached to them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from ociarchive.auditing.listing import created_by
from ociarchive.comparison.aligning import matched
from ociarchive.comparison.difference import AnnotationChange, ImagePair, ImageSide, LayerPair, LayerSide
from ociarchive.measure import agrees
from ociarchive.model import Child, Image
from ociarchive.toc import CHUNKED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ociarchive.auditing import Evidence
    from ociarchive.comparison.difference import Change, Companion
    from ociarchive.comparison.members import Values
    from ociarchive.comparison.pairing import Couple
    from ociarchive.comparison.units import Unit
    from ociarchive.comparison.work import Work
    from ociarchive.documents import Document
    from ociarchive.model import Layer
    from ociarchive.values import JSON

#: Prefixes of annotations about a layer's packing, not about its content.
_PACKING: Final = (CHUNKED, "containerd.io/snapshot/stargz/", "io.containers.estargz.", "containerd.io/uncompressed")
#: Prefixes of annotations by which BuildKit refers to another manifest. Packing changes its digest.
_TIES: Final = ("vnd.docker.reference.",)


@dataclass(frozen=True, slots=True)
class Held:
    """An image with the measurements of its archive, and its layers as reported."""

    unit: Unit
    evidence: Evidence
    layers: tuple[LayerSide, ...]


def held(unit: Unit, evidence: Evidence, steps: dict[tuple[int, int], list[str]]) -> Held:
    """Return an image with its layers. With several manifests, a layer is proved only if all of them prove it.

    `steps` has what made the layers of each config so far: images of many platforms may have one config.
    """
    count = len(unit.image.layers)
    key = (id(unit.image.config_document), count)
    if key not in steps:
        steps[key] = created_by(unit.image.config_document, count)
    made = steps[key]
    nodes = [edge.node for edge in unit.edges if isinstance(edge.node, Image) and len(edge.node.layers) == count]
    columns = zip(*(image.layers for image in {id(node): node for node in nodes}.values()), strict=True)
    sides = (
        min((_layer(number, layer, evidence, text) for layer in variants), key=lambda side: side.proved)
        for number, (variants, text) in enumerate(zip(columns, made, strict=True), 1)
    )
    return Held(unit, evidence, tuple(sides))


def alone(one: Held, kind: Literal["added", "removed"], work: Work) -> ImagePair:
    """Return an image that the other archive lacks."""
    added = kind == "added"
    work.lines(_extent(one))
    layers = [LayerPair(kind=kind, new=layer) if added else LayerPair(kind=kind, old=layer) for layer in one.layers]
    side = _side(one.unit)
    return ImagePair(
        kind=kind, by="alone", old=None if added else side, new=side if added else None, layers=tuple(layers)
    )


def together(
    couple: Couple, old: Held, new: Held, attestations: tuple[Companion, ...], values: Values, work: Work
) -> ImagePair:
    """Compare two images. LimitError: it takes more than `work` has left."""
    work.lines(max(_extent(old), _extent(new)))
    layers = _layers(old, new, work)
    same = old.unit.image_id == new.unit.image_id and not any(pair.counts for pair in layers)
    same = same and (not old.unit.runs_on or not new.unit.runs_on or old.unit.runs_on == new.unit.runs_on)
    return ImagePair(
        kind="same" if same else "changed",
        by=couple.by,
        old=_side(old.unit),
        new=_side(new.unit),
        names=_names_differ(old.unit, new.unit),
        layers=layers,
        config=_config(old.unit.image.config_document, new.unit.image.config_document, values),
        annotations=tuple(_annotations(old, new, layers, work)),
        attestations=attestations,
    )


def _extent(one: Held) -> int:
    """Return how many report lines an image takes in each of its pairs: its layers, names and manifests."""
    unit = one.unit
    return 1 + len(one.layers) + len(unit.names) + len(unit.ref_names) + len(unit.manifests)


def _side(unit: Unit) -> ImageSide:
    edge = unit.edge
    index = edge.above[-1].descriptor if edge.above else None
    return ImageSide(
        names=tuple(map(str, unit.names)),
        ref_names=tuple(unit.ref_names),
        platform=str(unit.platform) if unit.platform is not None else None,
        os_version=unit.platform.os_version if unit.platform is not None else None,
        image_id=unit.image_id,
        manifests=tuple(map(str, unit.manifests)),
        index=str(index.digest) if index is not None else None,
        media_type=edge.descriptor.media_type if edge.descriptor is not None else None,
    )


def _names_differ(old: Unit, new: Unit) -> bool:
    """Whether both archives name an image, but differently. Bare names count if neither archive has full ones."""
    if old.names or new.names:
        return bool(old.names and new.names) and old.full != new.full
    return bool(old.ref_names and new.ref_names) and old.ref_names.keys() != new.ref_names.keys()


# Layers


def _layer(number: int, layer: Layer, evidence: Evidence, created_by: str) -> LayerSide:
    fact = evidence.fact(layer.source)
    proved = evidence.as_claimed(layer) is True
    digest = fact.digest if fact is not None else layer.descriptor.digest if layer.descriptor is not None else None
    if layer.descriptor is not None and fact is not None and agrees(layer.descriptor.digest, fact.digests):
        digest = layer.descriptor.digest
    stored = fact.size if fact is not None else layer.descriptor.size if layer.descriptor is not None else None
    return LayerSide(
        number=number,
        digest=str(digest) if digest is not None else None,
        diff_id=str(layer.diff_id) if layer.diff_id is not None else None,
        media_type=layer.descriptor.media_type if layer.descriptor is not None else None,
        compression=evidence.compression(layer),
        size=stored,
        uncompressed_size=fact.uncompressed_size if fact is not None else None,
        created_by=created_by,
        proved=proved,
        present=layer.source is not None and layer.elsewhere is None,
    )


def _layers(old: Held, new: Held, work: Work) -> tuple[LayerPair, ...]:
    keys = [[_content(layer) for layer in one.layers] for one in (old, new)]
    hints = [[layer.created_by or index for index, layer in enumerate(one.layers)] for one in (old, new)]
    return tuple(
        _layer_pair(None if i is None else old.layers[i], None if j is None else new.layers[j])
        for i, j in matched(keys[0], keys[1], hints, work.spend)
    )


def _content(layer: LayerSide) -> str:
    """Return the value that is equal for the same layer: what it unpacks to, else what is stored."""
    return layer.diff_id or layer.digest or f"layer {layer.number}"


def _layer_pair(old: LayerSide | None, new: LayerSide | None) -> LayerPair:
    if old is None or new is None:
        return LayerPair(kind="added" if old is None else "removed", old=old, new=new)
    if _content(old) != _content(new):
        return LayerPair(kind="changed", old=old, new=new)
    stored_alike = old.present and new.present and old.digest == new.digest
    proved = (old.proved and new.proved) or stored_alike
    return LayerPair(kind="same" if proved else "unproved", old=old, new=new)


# Documents


def _config(old: Document | None, new: Document | None, values: Values) -> tuple[Change, ...]:
    """Return what differs in the configs, without the list of diff_ids, which the layers show."""
    if old is None or new is None:
        return ()
    found = values.between(old, new)
    return tuple(one for one in found if not one.pointer.startswith("/rootfs/diff_ids"))


def _annotations(old: Held, new: Held, layers: tuple[LayerPair, ...], work: Work) -> Iterator[AnnotationChange]:
    """Give the annotations that differ, if both archives can have them. Annotations about packing are not compared.

    The entries of index.json are not compared: they have names, and not every format has such entries.
    """
    documents = (old.unit.image.document, new.unit.image.document)
    if documents[0] is not None and documents[1] is not None:
        told = (one.members.get("annotations") for one in documents if one is not None)
        yield from _between(work, "manifest", *told)
    entries = [one.unit.edge.entry for one in (old, new)]
    if isinstance(entries[0], Child) and isinstance(entries[1], Child):
        yield from _between(work, "entry", entries[0].descriptor.annotations, entries[1].descriptor.annotations)
    indexes = [one.unit.edge.parent for one in (old, new)]
    if indexes[0] is not None and indexes[1] is not None:
        yield from _between(work, "index", *(one.document.members.get("annotations") for one in indexes if one))
    for pair in layers:
        if pair.old is None or pair.new is None or pair.kind != "same":
            continue
        claims = [one.unit.image.layers[side.number - 1].descriptor for one, side in ((old, pair.old), (new, pair.new))]
        if claims[0] is not None and claims[1] is not None:
            yield from _between(work, f"layer {pair.new.number}", claims[0].annotations, claims[1].annotations)


def _between(
    work: Work, on: str, old: JSON | Mapping[str, str], new: JSON | Mapping[str, str]
) -> Iterator[AnnotationChange]:
    if old is new:
        return
    work.spend(sum(len(one) for one in (old, new) if isinstance(one, dict)))
    before, after = _texts(old), _texts(new)
    for key in (*before, *(key for key in after if key not in before)):
        if before.get(key) == after.get(key):
            continue
        kind: Literal["added", "removed", "changed"] = "changed"
        if key not in before or key not in after:
            kind = "added" if key not in before else "removed"
        work.list(key, before.get(key), after.get(key))
        yield AnnotationChange(on=on, key=key, kind=kind, old=before.get(key), new=after.get(key))


def _texts(value: JSON | Mapping[str, str]) -> dict[str, str]:
    members = value if isinstance(value, dict) else {}
    kept = ((key, text) for key, text in members.items() if not key.startswith((*_PACKING, *_TIES)))
    return {key: text for key, text in kept if isinstance(text, str)}


def codecs(sides: Iterable[LayerSide]) -> dict[str, int]:
    """Count layers by codec."""
    counts = Counter(side.compression or "unknown" for side in sides if side.present)
    return dict(sorted(counts.items()))
