"""An inventory: which images and blobs an archive has, so that the other side need not send them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypedDict

from ociarchive.auditing.claims import mentions
from ociarchive.auditing.listing import image_facts
from ociarchive.measure import agrees
from ociarchive.mediatypes import OCI_LAYER
from ociarchive.model import images
from ociarchive.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ociarchive.auditing.evidence import Evidence
    from ociarchive.auditing.facts import LayerFacts
    from ociarchive.model import Layer
    from ociarchive.values import Digest

_VERSION: Final = 1


class SourceFacts(TypedDict):
    """An archive of an inventory."""

    source: str
    format: str


class HeldLayerFacts(TypedDict):
    """The blob by which a layer is held."""

    diff_id: str
    digest: str
    size: int
    media_type: str


class HeldImageFacts(TypedDict):
    """An image of an inventory, with its layers from the lowest up to the first that is not there."""

    references: list[str]
    image_id: str | None
    manifest: str | None
    platform: str | None
    diff_ids: list[str]
    layers: list[HeldLayerFacts]


class InventoryFacts(TypedDict):
    """An inventory: what `inventory` returns (`inventory.schema.json`)."""

    schema_version: int
    tool: dict[str, str]
    sources: list[SourceFacts]
    images: list[HeldImageFacts]
    blobs: list[str]


def inventory(every: Iterable[Evidence], *, proved: bool) -> InventoryFacts:
    """Return the inventory of some archives. With `proved` it lists only what was read and agrees with its claims.

    The diff_ids of an image end before the first layer that is not there. An engine has a layer only with all below.
    """
    sources: list[SourceFacts] = []
    listed: list[HeldImageFacts] = []
    blobs: set[Digest] = set()
    for evidence in every:
        sources.append({"source": evidence.archive.where, "format": evidence.archive.format})
        listed.extend(_images(evidence, proved=proved))
        blobs.update(_blobs(evidence, proved=proved))
    return {
        "schema_version": _VERSION,
        "tool": {"name": "ociarchive", "version": VERSION},
        "sources": sources,
        "images": listed,
        "blobs": [str(digest) for digest in sorted(blobs)],
    }


def _images(evidence: Evidence, *, proved: bool) -> Iterator[HeldImageFacts]:
    """Give each image once for each of its manifests and names, without those of which no layer is there."""
    seen: set[str] = set()
    for facts in image_facts(evidence.archive, evidence):
        here = list(_below(facts["layers"], proved=proved))
        one: HeldImageFacts = {
            "references": facts["references"],
            "image_id": facts["image_id"],
            "manifest": facts["manifest"],
            "platform": facts["platform"],
            "diff_ids": [layer["diff_id"] for layer in here if layer["diff_id"] is not None],
            "layers": [*filter(None, map(_stored, here))],
        }
        if here and repr(one) not in seen:
            seen.add(repr(one))
            yield one


def _stored(layer: LayerFacts) -> HeldLayerFacts | None:
    """Return by which blob a layer is held, None where that is unknown. A plain one has its diff_id as digest.

    The size of a layer that is rebuilt shows only when it is read.
    """
    diff_id, digest, size, media_type = layer["diff_id"], layer["digest"], layer["size"], layer["media_type"]
    if media_type is None and layer["compression"] == "none":
        digest, media_type = diff_id, OCI_LAYER
    if diff_id is None or digest is None or size is None or media_type is None:
        return None
    return {"diff_id": diff_id, "digest": digest, "size": size, "media_type": media_type}


def _below(layers: list[LayerFacts], *, proved: bool) -> Iterator[LayerFacts]:
    """Give the layers of an image from the lowest up, to the first that is not there."""
    for layer in layers:
        if not layer["present"] or layer["diff_id"] is None:
            return
        if proved and layer["verified"] is not True:
            return
        yield layer


def _blobs(evidence: Evidence, *, proved: bool) -> Iterator[Digest]:
    """Give the digests of all that manifests and indexes lead to. A stray file is not loaded with an archive."""
    for mention in mentions(evidence.archive):
        claim, fact = mention.claim, evidence.fact(mention.source)
        if claim is None or claim.descriptor is None or mention.source is None:
            continue
        held = fact is not None and agrees(claim.digest, fact.digests) and claim.descriptor.size == fact.size
        if held or not proved:
            yield claim.digest
    for image in images(evidence.archive.roots):
        if image.document is None and image.config_digest is not None:
            yield image.config_digest
        for layer in image.layers:
            if layer.descriptor is None and (digest := _unnamed(layer, evidence, proved=proved)) is not None:
                yield digest


def _unnamed(layer: Layer, evidence: Evidence, *, proved: bool) -> Digest | None:
    """Return the digest of a layer without a descriptor: measured, else its diff_id where it is stored plain."""
    fact = evidence.fact(layer.source)
    if fact is not None:
        return fact.digest if not proved or evidence.verified(layer) is True else None
    return layer.diff_id if not proved and evidence.compression(layer) == "none" else None
