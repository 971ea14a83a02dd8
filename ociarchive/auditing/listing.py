"""What reports show of an archive, as plain values for the JSON reports. The tables are made of them too."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from ociarchive.chains import chain_ids
from ociarchive.errors import clipped
from ociarchive.model import REFERENCE_DIGEST, Artifact, Child, Image, Index, Missing, Root, walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ociarchive.auditing import Evidence
    from ociarchive.auditing.facts import (
        ArchiveFacts,
        ArtifactFacts,
        ImageFacts,
        LayerFacts,
        MissingFacts,
        SignatureFacts,
    )
    from ociarchive.auditing.signatures import Proofs
    from ociarchive.documents import Document
    from ociarchive.model import Archive, Blob, Edge, Layer
    from ociarchive.values import JSON, Platform

Object: TypeAlias = "dict[str, JSON]"
#: Characters of what many lines may repeat. Real platforms have some dozen.
_LINE: Final = 80


class Counted(NamedTuple):
    """How many images there are, each by its image ID and platform, and in how many manifests they stand."""

    images: int
    manifests: int


def image_key(edge: Edge) -> tuple[str, str]:
    """Return what makes an image one, however it is packed: the image ID, and its platform with the usual variant.

    An image whose config names none is one by itself.
    """
    image_id = edge.node.image_id if isinstance(edge.node, Image) else None
    platform = edge.platform
    return (
        str(image_id) if image_id is not None else f"node {id(edge.node)}",
        platform.usual if platform is not None else "",
    )


def counted(edges: Iterable[Edge]) -> Counted:
    """Count the images that edges lead to. One image may stand in several manifests, as in gzip and in zstd."""
    found = [edge for edge in edges if isinstance(edge.node, Image)]
    return Counted(len({image_key(edge) for edge in found}), len({id(edge.node) for edge in found}))


def archive_facts(archive: Archive, evidence: Evidence) -> ArchiveFacts:
    """Return `archives[]` of the JSON reports, without findings and summary."""
    artifacts, missing = other_facts(archive)
    return {
        "source": archive.where,
        "format": archive.format,
        "images": [*image_facts(archive, evidence)],
        "artifacts": artifacts,
        "missing": missing,
    }


def image_facts(archive: Archive, evidence: Evidence) -> Iterator[ImageFacts]:
    """Give `images[]` of the JSON reports one by one. An image to which many entries lead has only one list of layers.

    A small archive may have a hundred entries for each of its images.
    """
    layers: dict[int, list[LayerFacts]] = {}
    for edge in walk(archive.roots):
        if isinstance(edge.node, Image):
            if id(edge.node) not in layers:
                layers[id(edge.node)] = layer_facts(edge.node, evidence)
            yield _image(edge, layers[id(edge.node)], evidence.leading, evidence.proofs)


def other_facts(archive: Archive) -> tuple[list[ArtifactFacts], list[MissingFacts]]:
    """Return `artifacts[]` and `missing[]` of the JSON reports."""
    edges = list(walk(archive.roots))
    artifacts = [_artifact(edge) for edge in edges if isinstance(edge.node, Artifact)]
    return artifacts, [_missing(edge) for edge in edges if isinstance(edge.node, Missing)]


def full_platform(entry: Root | Child) -> Platform | None:
    """Return the platform of an entry, with the variant and the OS version that only its config has."""
    told = entry.platform
    own = entry.node.platform if isinstance(entry.node, Image) else None
    if told is None or own is None or (told.os, told.architecture) != (own.os, own.architecture):
        return told
    return replace(told, variant=told.variant or own.variant, os_version=told.os_version or own.os_version)


def spelled(platform: Platform) -> str:
    """Return a platform with its OS version, by which images for Windows differ, in one line of usual length."""
    return clipped(f"{platform} {platform.os_version}" if platform.os_version else str(platform), _LINE)


def _image(
    edge: Edge, layers: list[LayerFacts], holders: Mapping[int, tuple[Root, ...]], proofs: Proofs | None
) -> ImageFacts:
    image = edge.node
    if not isinstance(image, Image):
        raise TypeError(edge)
    platform = edge.platform
    version = full_platform(edge.entry)
    references, ref_names = _names(edge, holders)
    facts: ImageFacts = {
        "references": references,
        "ref_names": ref_names,
        "platform": str(platform) if platform and str(platform) else None,
        "os_version": version.os_version if version else None,
        "index": _index_digest(edge),
        "manifest": str(edge.descriptor.digest) if edge.descriptor else None,
        "image_id": str(image.image_id) if image.image_id else None,
        "layers": layers,
    }
    if proofs is not None:
        facts["signatures"] = _signatures(edge, proofs)
    return facts


def _signatures(edge: Edge, proofs: Proofs) -> list[SignatureFacts]:
    """Return the signatures over an image."""
    return [
        {
            "kind": one.kind,
            "digest": str(one.digest) if one.digest is not None else None,
            "by": one.by,
            "status": one.status,
            "rule": one.rule,
            "attests": one.attests,
        }
        for one in proofs.over(edge)
    ]


def layer_facts(image: Image, evidence: Evidence) -> list[LayerFacts]:
    """Return what reports show of each layer of an image."""
    chains = chain_ids(image.diff_ids[: len(image.layers)])
    return [
        _layer(layer, str(chains[number]) if number < len(chains) else None, evidence)
        for number, layer in enumerate(image.layers)
    ]


def _names(edge: Edge, holders: Mapping[int, tuple[Root, ...]]) -> tuple[list[str], list[str]]:
    """Return the full names and the ref.names that lead to an edge: its own, or those of the roots above it."""
    roots = (edge.entry,) if isinstance(edge.entry, Root) else holders[id(edge.entry)]
    full = dict.fromkeys(str(name) for root in roots for name in root.names)
    ref_names = dict.fromkeys(root.ref_name for root in roots if root.ref_name and root.ref_name not in full)
    return [*full], [*ref_names]


def _index_digest(edge: Edge) -> str | None:
    entry = edge.above[-1] if edge.above else None
    if isinstance(entry, Root | Child) and isinstance(entry.node, Index) and entry.descriptor:
        return str(entry.descriptor.digest)
    return None


def _layer(layer: Layer, chain: str | None, evidence: Evidence) -> LayerFacts:
    fact = evidence.fact(layer.source)
    codec = evidence.compression(layer)
    claim = layer.elsewhere.descriptor if layer.elsewhere is not None else layer.descriptor
    digest = str(claim.digest) if claim else str(fact.digest) if fact else None
    stored = claim.size if layer.elsewhere is not None and claim else evidence.size(layer)
    unpacked = fact.uncompressed_size if fact else (stored if codec == "none" else None)
    return {
        "digest": digest,
        "size": stored,
        "media_type": claim.media_type if claim else None,
        "compression": codec,
        "diff_id": str(layer.diff_id) if layer.diff_id else None,
        "uncompressed_size": unpacked,
        "chain_id": chain,
        "verified": evidence.verified(layer),
        "present": layer.source is not None and layer.elsewhere is None,
        "left_out": layer.elsewhere is not None,
    }


def created_by(config: Document | None, count: int) -> list[str]:
    """Return the command that made each layer, from the history; blanks where its number of layers is different."""
    history = config.members.get("history") if config is not None else None
    entries = [entry for entry in history if isinstance(entry, dict)] if isinstance(history, list) else []
    made = [entry.get("created_by") for entry in entries if entry.get("empty_layer") is not True]
    if len(made) != count:
        return [""] * count
    return [text if isinstance(text, str) else "" for text in made]


def _artifact(edge: Edge) -> ArtifactFacts:
    node = edge.node
    if not isinstance(node, Artifact):
        raise TypeError(edge)
    attested = edge.descriptor.annotation(REFERENCE_DIGEST) if edge.descriptor else None
    return {
        "manifest": str(edge.descriptor.digest) if edge.descriptor else None,
        "artifact_type": node.artifact_type,
        "subject": str(node.subject.digest) if node.subject else attested,
        "media_type": edge.descriptor.media_type if edge.descriptor else None,
        "kind": "attestation" if attested else "artifact",
        "index": _index_digest(edge),
        "size": sum(_size(blob) for blob in node.blobs if blob.source is not None),
        "ref_names": _ref_names(edge),
    }


def _size(blob: Blob) -> int:
    """Return the size of an artifact's blob, as its descriptor claims where the source does not show it."""
    if blob.source is not None and blob.source.size is not None:
        return blob.source.size
    return blob.descriptor.size if blob.descriptor is not None else 0


def _ref_names(edge: Edge) -> list[str]:
    if not isinstance(edge.entry, Root):
        return []
    names = [*map(str, edge.entry.names), *([edge.entry.ref_name] if edge.entry.ref_name else [])]
    return [*dict.fromkeys(names)]


def _missing(edge: Edge) -> MissingFacts:
    platform = edge.descriptor.platform if edge.descriptor else None
    here = isinstance(edge.node, Missing) and edge.node.source is not None
    return {
        "manifest": str(edge.descriptor.digest) if edge.descriptor else None,
        "platform": str(platform) if platform else None,
        "os_version": platform.os_version if platform else None,
        "index": _index_digest(edge),
        "reason": "malformed" if here else "absent",
    }
