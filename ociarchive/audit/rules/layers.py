"""Rules about configs and layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ociarchive.audit.rule import Fault, Rule
from ociarchive.measure import agrees
from ociarchive.mediatypes import look_up

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.audit.evidence import Evidence
    from ociarchive.model import Image, Layer


def _layers(evidence: Evidence) -> Iterator[tuple[Image, int, Layer, str]]:
    """Give every layer of every image with its place."""
    for image in evidence.images:
        for number, layer in enumerate(image.layers, 1):
            where = layer.source.where if layer.source is not None else evidence.place(layer.name)
            yield image, number, layer, where


def _image_id_mismatch(evidence: Evidence) -> Iterator[Fault]:
    for image in evidence.images:
        named, found = image.config.named, image.config_digest
        if named is not None and found is not None and named != found and image.config.source is not None:
            yield Fault(
                location=image.config.source.where, subject=named, expected=named, found=found,
                message="the config is named after another digest: the image gets another ID than its name says",
            )  # fmt: skip


def _diff_id_count(evidence: Evidence) -> Iterator[Fault]:
    for image in evidence.images:
        if image.config_document is not None and len(image.layers) != len(image.diff_ids):
            yield Fault(
                location=image.config.source.where if image.config.source else evidence.place(image.config.name),
                subject=image.image_id, expected=f"{len(image.layers)} diff_ids", found=f"{len(image.diff_ids)}",
                message="the config lists another number of layers than the manifest",
            )  # fmt: skip


def _diff_id_mismatch(evidence: Evidence) -> Iterator[Fault]:
    for _, number, layer, where in _layers(evidence):
        fact = evidence.fact(layer.source)
        if fact is None or fact.diff_ids is None or layer.diff_id is None or not layer.unpacks:
            continue
        if agrees(layer.diff_id, fact.diff_ids) is False:
            found = next(digest for digest in fact.diff_ids if digest.algorithm == layer.diff_id.algorithm)
            yield Fault(
                location=where, subject=layer.descriptor.digest if layer.descriptor else layer.name,
                expected=layer.diff_id, found=found,
                message=f"layer {number} unpacks to something else than the config says",
            )  # fmt: skip


def _layer_damaged(evidence: Evidence) -> Iterator[Fault]:
    for _, number, layer, where in _layers(evidence):
        fact = evidence.fact(layer.source)
        if fact is not None and fact.damage is not None and layer.unpacks:
            yield Fault(
                location=where, subject=layer.descriptor.digest if layer.descriptor else layer.name,
                message=f"layer {number}: {fact.damage}",
            )  # fmt: skip


def _layer_limit(evidence: Evidence) -> Iterator[Fault]:
    for _, number, layer, where in _layers(evidence):
        fact = evidence.fact(layer.source)
        if fact is not None and fact.limit is not None:
            yield Fault(
                location=where, subject=layer.descriptor.digest if layer.descriptor else layer.name,
                message=f"layer {number}: {fact.limit}",
            )  # fmt: skip


def _media_type_mismatch(evidence: Evidence) -> Iterator[Fault]:
    for _, number, layer, where in _layers(evidence):
        fact = evidence.fact(layer.source)
        known = look_up(layer.descriptor.media_type) if layer.descriptor else None
        if fact is not None and known is not None and known.codec is not None and known.codec != fact.compression:
            yield Fault(
                location=where, subject=layer.descriptor.digest if layer.descriptor else None,
                expected=known.codec, found=fact.compression,
                message=f"layer {number} is stored otherwise than its media type says",
            )  # fmt: skip


def _layer_opaque(evidence: Evidence) -> Iterator[Fault]:
    for _, number, layer, where in _layers(evidence):
        if layer.descriptor is None or layer.unpacks or layer.source is None:
            continue
        kind = "encrypted" if layer.descriptor.media_type.endswith("+encrypted") else "of an unknown media type"
        yield Fault(
            location=where, subject=layer.descriptor.digest, found=layer.descriptor.media_type,
            message=f"layer {number} is {kind}: its diff_id cannot be proved",
        )  # fmt: skip


def _layer_foreign(evidence: Evidence) -> Iterator[Fault]:
    for _, number, layer, where in _layers(evidence):
        if layer.source is None and layer.foreign and layer.descriptor is not None:
            yield Fault(
                location=where, subject=layer.descriptor.digest,
                message=f"layer {number} is foreign and not in the archive: engines fetch it from elsewhere",
            )  # fmt: skip


_CONFIG = "image-spec, config.md, rootfs"
_DAMAGED = "The layer was altered or damaged: get the archive again from where it was made."

RULES: Final = (
    Rule(
        id="image-id-mismatch", severity="error", spec="image-spec, config.md, ImageID",
        summary="A docker-archive's config is named after a digest that is not its own.",
        advice="Do not use this archive: the name hides which image it is.",
        check=_image_id_mismatch,
    ),
    Rule(
        id="diff-id-count", severity="error", spec=_CONFIG,
        summary="Config and manifest disagree on the number of layers.",
        advice="Make the archive again; some engines crash on it, others load half an image.",
        check=_diff_id_count,
    ),
    Rule(
        id="diff-id-mismatch", severity="error", spec="image-spec, config.md, Layer DiffID",
        summary="A layer unpacks to something else than its image's config says.",
        advice="This is not the image that its ID names: get it again from where it was made.",
        check=_diff_id_mismatch,
    ),
    Rule(
        id="layer-damaged", severity="error", spec="RFC 1952; RFC 8878",
        summary="A layer's stream is damaged, cut, or followed by bytes that are not part of it.",
        advice=_DAMAGED,
        check=_layer_damaged,
    ),
    Rule(
        id="limit-unpacked", severity="error", spec="a limit of this program",
        summary="A layer unpacks to more than is allowed, as decompression bombs do.",
        advice="If the layer is meant to be so, --max-ratio and --max-layer-size lift the limits.",
        check=_layer_limit,
    ),
    Rule(
        id="media-type-mismatch", severity="warning", spec="image-spec, layer.md, media types",
        summary="A layer's media type names another compression than its bytes have.",
        advice="Engines look at the bytes; `convert` writes the true media type.",
        check=_media_type_mismatch,
    ),
    Rule(
        id="layer-opaque", severity="note", spec="image-spec, media-types.md; ocicrypt",
        summary="A layer cannot be looked into: it is encrypted, or of a media type that is not known.",
        advice="Its digest is proved, its diff_id is not; decrypt it to prove that too.",
        check=_layer_opaque,
    ),
    Rule(
        id="layer-foreign", severity="note", spec="image-spec, layer.md, Non-Distributable Layers",
        summary="A foreign layer is not in the archive, as its licence may demand.",
        advice="Carry it over the gap by other means, or save the image with it.",
        check=_layer_foreign,
    ),
)  # fmt: skip
