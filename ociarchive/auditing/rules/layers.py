"""Rules about configs and layers."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from ociarchive.auditing.controls import COMPLETENESS, IDENTITY, LAYERS, SAFETY
from ociarchive.auditing.rule import Fault, Rule, noticed, subject_of
from ociarchive.blobio.codec import GO_HEADER_TEXT, NONE
from ociarchive.errors import plural
from ociarchive.measure import agrees
from ociarchive.mediatypes import look_up
from ociarchive.model import Artifact
from ociarchive.stores.rebuilt import Rebuilt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.auditing.evidence import Evidence
    from ociarchive.documents import Document
    from ociarchive.model import Image, Layer


#: How crane (stored bytes) and skopeo (content) name the layers of a docker-archive.
_NAMED: Final = re.compile(r"(?:\A|/|:)([0-9a-f]{64})(?:\.tar(?:\.(?:gz|zst))?)?\Z")
#: By these bytes engines know bzip2, whatever follows (moby, pkg/archive; containers/image, pkg/compression).
_BZIP2: Final = b"BZh"


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
    swapped = {id(image) for image in evidence.images if _swapped(evidence, image)}
    for image, number, layer, where in _layers(evidence):
        fact = evidence.fact(layer.source)
        if fact is None or fact.diff_ids is None or layer.diff_id is None or not layer.unpacks or id(image) in swapped:
            continue
        if isinstance(layer.source, Rebuilt):
            continue  # the fault is the file, which is reported
        if agrees(layer.diff_id, fact.diff_ids) is False:
            found = next(digest for digest in fact.diff_ids if digest.algorithm == layer.diff_id.algorithm)
            yield Fault(
                location=where, subject=subject_of(layer),
                expected=layer.diff_id, found=found,
                message=f"layer {number} unpacks to something else than the config says",
            )  # fmt: skip


def _layer_order(evidence: Evidence) -> Iterator[Fault]:
    for image in evidence.images:
        if _swapped(evidence, image) and image.config.source is not None:
            yield Fault(
                location=image.config.source.where, subject=image.image_id,
                message="the layers are those that the config names, in another order",
            )  # fmt: skip


def _swapped(evidence: Evidence, image: Image) -> bool:
    """Whether all layers unpack to the diff_ids of the config, but not one by one."""
    facts = [evidence.fact(layer.source) for layer in image.layers]
    found = [fact.diff_id for fact in facts if fact is not None and fact.diff_id is not None]
    if len(found) != len(image.diff_ids) or found == list(image.diff_ids):
        return False
    return Counter(found) == Counter(image.diff_ids)


def _history_count(evidence: Evidence) -> Iterator[Fault]:
    steps: dict[int, int | None] = {}  # many images may have one config
    for image in evidence.images:
        config = image.config_document
        if config is None or image.config.source is None or len(image.layers) != len(image.diff_ids):
            continue  # where the numbers differ, one of the two is wrong, which is reported
        if id(config) not in steps:
            steps[id(config)] = _steps_with_a_layer(config)
        made = steps[id(config)]
        if made is not None and made != len(image.layers):
            yield Fault(
                location=f"{image.config.source.where}#/history", subject=image.image_id,
                expected=plural(len(image.layers), "entry with a layer", "entries with a layer"), found=f"{made}",
                message="the history speaks of another number of layers than there are",
            )  # fmt: skip


def _steps_with_a_layer(config: Document) -> int | None:
    """Return how many steps of the history made a layer; None without a history, or with one that is malformed."""
    history = config.members.get("history")
    if not isinstance(history, list) or not history:
        return None
    empty = [entry.get("empty_layer") for entry in history if isinstance(entry, dict)]
    if len(empty) < len(history) or not all(told is None or isinstance(told, bool) for told in empty):
        return None
    return sum(told is not True for told in empty)


def _layer_name(evidence: Evidence) -> Iterator[Fault]:
    for _, number, layer, where in _layers(evidence):
        fact = evidence.fact(layer.source)
        named = _NAMED.search(layer.name) if layer.descriptor is None else None
        if named is None or fact is None or fact.diff_id is None:
            continue
        proved = layer.diff_id is not None and agrees(layer.diff_id, fact.diff_ids or ())
        if proved and named[1] not in (fact.digest.hex, fact.diff_id.hex):
            yield Fault(
                location=where, subject=layer.name, expected=f"sha256:{named[1]}", found=fact.digest,
                message=f"layer {number} is named after a digest that is neither its own nor that of its content",
            )  # fmt: skip


def _layer_padded(evidence: Evidence) -> Iterator[Fault]:
    for _, number, layer, where in _layers(evidence):
        fact = evidence.fact(layer.source)
        if fact is not None and fact.padded and layer.unpacks:
            yield Fault(
                location=where, subject=subject_of(layer),
                message=f"layer {number}: zeros follow the compressed stream",
            )  # fmt: skip


def _layer_misread(evidence: Evidence) -> Iterator[Fault]:
    for _, number, layer, where in _layers(evidence):
        fact = evidence.fact(layer.source)
        if fact is not None and layer.unpacks and fact.compression == NONE.name and fact.first.startswith(_BZIP2):
            yield Fault(
                location=where, subject=subject_of(layer), found=repr(_BZIP2),
                message=f"layer {number}: it is stored plain, and begins as bzip2 does for Docker, podman and skopeo",
            )  # fmt: skip


def _gzip_header(evidence: Evidence) -> Iterator[Fault]:
    yield from noticed("gzip-header")(evidence)
    for _, number, layer, where in _layers(evidence):
        fact = evidence.fact(layer.source)
        if fact is not None and layer.unpacks and fact.header > GO_HEADER_TEXT:
            yield Fault(
                location=where, subject=subject_of(layer),
                expected=f"{GO_HEADER_TEXT} bytes at most", found=plural(fact.header, "byte"),
                message=f"layer {number}: a gzip header has a name or comment that Go does not read",
            )  # fmt: skip


def _layer_damaged(evidence: Evidence) -> Iterator[Fault]:
    yield from noticed("layer-damaged")(evidence)
    for _, number, layer, where in _layers(evidence):
        fact = evidence.fact(layer.source)
        if fact is not None and fact.damage is not None and layer.unpacks:
            yield Fault(
                location=where, subject=subject_of(layer),
                message=f"layer {number}: {fact.damage}",
            )  # fmt: skip


def _layer_limit(evidence: Evidence) -> Iterator[Fault]:
    yield from noticed("limit-unpacked")(evidence)
    for _, number, layer, where in _layers(evidence):
        fact = evidence.fact(layer.source)
        if fact is not None and fact.limit is not None:
            yield Fault(
                location=where, subject=subject_of(layer),
                message=f"layer {number}: {fact.limit}",
            )  # fmt: skip


def _media_type_mismatch(evidence: Evidence) -> Iterator[Fault]:
    for _, number, layer, where in _layers(evidence):
        fact = evidence.fact(layer.source)
        known = look_up(layer.descriptor.media_type) if layer.descriptor else None
        if fact is not None and known is not None and known.codec is not None and known.codec != fact.compression:
            yield Fault(
                location=where, subject=subject_of(layer),
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
        if layer.source is None and layer.foreign and layer.descriptor is not None and layer.elsewhere is None:
            yield Fault(
                location=where, subject=layer.descriptor.digest,
                message=f"layer {number} is foreign and not in the archive: engines fetch it from elsewhere",
            )  # fmt: skip
    for node in {id(edge.node): edge.node for edge in evidence.edges}.values():
        for blob in node.blobs if isinstance(node, Artifact) else ():
            if blob.source is None and blob.descriptor is not None and blob.descriptor.urls:
                yield Fault(
                    location=evidence.place(blob.name), subject=blob.descriptor.digest,
                    message="a blob of an artifact is not in the archive, its urls say where else it is",
                )  # fmt: skip


_CONFIG = "image-spec, config.md, rootfs"
_DAMAGED = "The layer was altered or damaged: get the archive again from where it was made."

RULES: Final = (
    Rule(
        id="image-id-mismatch", severity="error", control=IDENTITY, spec="image-spec, config.md, ImageID",
        summary="A docker-archive's config is named after a digest that is not its own.",
        advice="Do not use this archive: the name hides which image it is.",
        check=_image_id_mismatch,
    ),
    Rule(
        id="diff-id-count", severity="error", control=LAYERS, spec=_CONFIG,
        summary="Config and manifest disagree on the number of layers.",
        advice="Make the archive again; some engines crash on it, others load half an image.",
        check=_diff_id_count,
    ),
    Rule(
        id="diff-id-mismatch", severity="error", control=LAYERS, spec="image-spec, config.md, Layer DiffID",
        summary="A layer unpacks to something else than its image's config says.",
        advice="This is not the image that its ID names: get it again from where it was made.",
        check=_diff_id_mismatch,
    ),
    Rule(
        id="layer-order", severity="error", control=LAYERS, spec="image-spec, config.md, rootfs.diff_ids",
        summary="The layers of an image stand in another order than its config says.",
        advice="Files of one layer would hide those of another: make the archive again.",
        check=_layer_order,
    ),
    Rule(
        id="history-count", severity="warning", control=LAYERS, spec="image-spec, config.md, history",
        summary="A config's history speaks of another number of layers than the image has.",
        advice="Harmless to run; what made which layer cannot be known.",
        check=_history_count,
    ),
    Rule(
        id="layer-name-mismatch", severity="warning", control=LAYERS,
        spec="go-containerregistry, tarball; skopeo, docker-archive",
        summary="A docker-archive's layer is named after a digest that is not its own; its bytes were changed.",
        advice="Its content is proved by its diff_id; get the archive again if its bytes matter.",
        check=_layer_name,
    ),
    Rule(
        id="layer-padded", severity="warning", control=LAYERS, spec="RFC 1952, 2.2",
        summary="Zeros follow a layer's compressed stream; readers in Go stop there with an error.",
        advice="`convert --compression gzip` writes the layer anew where it was another, else make it again.",
        check=_layer_padded,
    ),
    Rule(
        id="layer-misread", severity="warning", control=LAYERS, spec="moby, pkg/archive, DetectCompression",
        summary="A layer begins so that engines take it for another compression than it has, and refuse it.",
        advice="`convert --compression gzip` writes the layer anew.",
        check=_layer_misread,
    ),
    Rule(
        id="gzip-header", severity="warning", control=LAYERS, spec="RFC 1952, 2.3.1; Go, compress/gzip, Reader",
        summary="A gzip header has a longer name or comment than Go reads, so that skopeo, podman or Docker refuse it.",
        advice="`convert --compression gzip` writes the layer anew where it was another, else compress it again.",
        check=_gzip_header,
    ),
    Rule(
        id="toc-annotation", severity="error", control=LAYERS,
        spec="stargz-snapshotter, estargz.md; containers/storage, zstd:chunked",
        summary="A layer's annotations speak of a table of contents that is not where they say, or of other sizes.",
        advice="Engines that fetch single files fail on it, or fetch others: make the layer again.",
        check=noticed("toc-annotation"),
    ),
    Rule(
        id="toc-digest", severity="error", control=LAYERS,
        spec="stargz-snapshotter, estargz.md; containers/storage, zstd:chunked",
        summary="A layer's table of contents has another digest than its annotation says.",
        advice="The table or the annotation was altered: make the layer again.",
        check=noticed("toc-digest"),
    ),
    Rule(
        id="toc-entry", severity="error", control=LAYERS,
        spec="stargz-snapshotter, estargz.md, TOC; containers/storage, zstd:chunked",
        summary="A layer's table of contents speaks of other files than the layer holds.",
        advice="An engine that believes the table runs another image: do not use this layer.",
        check=noticed("toc-entry"),
    ),
    Rule(
        id="toc-attributes", severity="error", control=LAYERS,
        spec="stargz-snapshotter, estargz.md, TOCEntry; containers/storage, zstd:chunked, FileMetadata",
        summary="A layer's table of contents gives a file another type, mode, owner, time, link or size than the tar.",
        advice="An engine that believes the table runs another image: do not use this layer.",
        check=noticed("toc-attributes"),
    ),
    Rule(
        id="toc-chunk", severity="error", control=LAYERS,
        spec="stargz-snapshotter, estargz.md, chunkDigest, offset; containers/storage, zstd:chunked, FileMetadata",
        summary="A part of a file is not what a layer's table of contents says, or is not stored where it says.",
        advice="Engines that fetch single files fail on it, or fetch others: make the layer again.",
        check=noticed("toc-chunk"),
    ),
    Rule(
        id="toc-tar-split", severity="error", control=LAYERS,
        spec="containers/storage, zstd:chunked, tarSplitDigest; vbatts/tar-split",
        summary="The tar-split data of a zstd:chunked layer builds another tar than the layer's.",
        advice="An engine that saves the image again writes another layer: make the layer again.",
        check=noticed("toc-tar-split"),
    ),
    Rule(
        id="toc-elsewhere", severity="note", control=LAYERS, spec="stargz-snapshotter, estargz.md; estargz/externaltoc",
        summary="A layer's table of contents stands in another image, so that it was not held against the layer.",
        advice="The layer itself is proved; what engines fetch by the table is not.",
        check=noticed("toc-elsewhere"),
    ),
    Rule(
        id="layer-damaged", severity="error", control=LAYERS, spec="RFC 1952; RFC 8878",
        summary="A layer's stream is damaged, cut, or followed by bytes that are not part of it.",
        advice=_DAMAGED,
        check=_layer_damaged,
    ),
    Rule(
        id="limit-unpacked", severity="error", control=SAFETY,
        spec="limits of this program (--max-ratio, --max-layer-size, --limit window=N, --limit gzip-header=N)",
        summary="A layer unpacks to more, or takes more memory to unpack, than is allowed, as decompression bombs do.",
        advice="If the layer is meant to be so, --max-ratio, --max-layer-size and --limit lift the limits.",
        check=_layer_limit,
    ),
    Rule(
        id="media-type-mismatch", severity="warning", control=LAYERS, spec="image-spec, layer.md, media types",
        summary="A layer's media type names another compression than its bytes have.",
        advice="Engines look at the bytes; `convert` writes the true media type.",
        check=_media_type_mismatch,
    ),
    Rule(
        id="layer-opaque", severity="note", control=LAYERS, spec="image-spec, media-types.md; ocicrypt",
        summary="A layer cannot be looked into: it is encrypted, or of a media type that is not known.",
        advice="Its digest is proved, its diff_id is not; decrypt it to prove that too.",
        check=_layer_opaque,
    ),
    Rule(
        id="layer-foreign", severity="note", control=COMPLETENESS,
        spec="image-spec, layer.md, Non-Distributable Layers",
        summary="A foreign layer is not in the archive, as its licence may demand.",
        advice="Carry it over the gap by other means, or save the image with it.",
        check=_layer_foreign,
    ),
)  # fmt: skip
