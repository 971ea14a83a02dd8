"""Plan: how each layer is stored in DEST, decided before a byte moves. What cannot exist is refused here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from ociarchive.bytes.codec import MAGIC, Codec, by_name, sniff
from ociarchive.errors import UsageError
from ociarchive.mediatypes import Family, Kind, kind_of, layer_type, look_up
from ociarchive.model import Artifact, Blob, Image, Index, parts, walk

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ociarchive.bytes.source import ByteSource
    from ociarchive.model import Layer, Root
    from ociarchive.values import Descriptor

Compression: TypeAlias = Literal["auto", "keep", "gzip", "zstd", "none"]
MediaTypes: TypeAlias = Literal["keep", "oci", "docker"]
_WAY_OUT = "use --media-types oci"


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """How DEST is to hold things: the options of a conversion that decide about bytes."""

    format: str
    compression: Compression = "auto"
    level: int | None = None
    media_types: MediaTypes = "keep"
    preserve_digests: bool = False


@dataclass(frozen=True, slots=True)
class Move:
    """One blob on its way: copied as it is, or recompressed by a codec."""

    source: ByteSource
    codec: Codec | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Every distinct move, in the order of the graph, and what has to be said of it."""

    moves: tuple[Move, ...]
    notices: tuple[str, ...]


def plan(roots: tuple[Root, ...], storage: Storage) -> Plan:
    """Return the plan for some roots. UsageError: a combination that cannot exist, with the way out."""
    moves: dict[Move, None] = {}
    notices: dict[str, None] = {}
    if storage.level is not None:
        _check_level(storage)
    for edge in walk(roots):
        node = edge.node
        if storage.media_types == "docker" and isinstance(node, Index):
            _check_docker_index(node)
        if isinstance(node, Image):
            _check_family(node, edge.descriptor, storage)
            _check_preserved(node, edge.descriptor, storage)
            for layer in node.layers:
                if layer.source is not None:
                    move = move_of(layer, node, storage)
                    moves[move] = None
                    _say(move, layer, storage, notices)
    for edge in walk(roots):
        if isinstance(edge.node, Artifact) and edge.node.document is None and edge.node.source is not None:
            moves[Move(edge.node.source)] = None
        for part in parts(edge.node):
            if isinstance(part, Blob) and part.source is not None:
                moves[Move(part.source)] = None
    return Plan(moves=tuple(moves), notices=tuple(notices))


def move_of(layer: Layer, image: Image, storage: Storage) -> Move:
    """Return how a layer that is here comes into DEST."""
    if layer.source is None:
        raise RuntimeError("a layer that is not here does not move")
    if not layer.unpacks:
        return Move(layer.source)
    stored = sniff(layer.source.head(MAGIC)).name
    target = _target(stored, storage, has_manifest=image.document is not None)
    return Move(layer.source) if target == stored else Move(layer.source, by_name(target))


def _target(stored: str, storage: Storage, *, has_manifest: bool) -> str:
    """Return the name of the codec that a layer is to be stored with."""
    typed = layer_type("oci", stored) is not None or has_manifest
    if storage.compression == "keep":
        if not typed:
            raise UsageError(f"no media type exists for a layer stored as {stored}", hint="use --compression gzip")
        return stored
    if storage.compression != "auto":
        return storage.compression
    if storage.format == "docker-archive":
        return "gzip" if stored == "zstd" or not typed else stored
    return stored if has_manifest else "gzip"


def _say(move: Move, layer: Layer, storage: Storage, notices: dict[str, None]) -> None:
    if not layer.unpacks and storage.compression in ("gzip", "zstd", "none"):
        what = layer.descriptor.media_type if layer.descriptor else "of an unknown kind"
        notices[f"layers that cannot be looked into stay as they are ({what})"] = None
    if storage.format != "docker-archive" or not layer.unpacks or layer.source is None:
        return
    stored = sniff(layer.source.head(MAGIC)).name
    if storage.compression == "auto" and stored == "zstd" and move.codec is not None:
        notices["zstd layers become gzip: Docker before 23 cannot read them (--compression keep leaves them)"] = None
    elif (move.codec.name if move.codec else stored) == "zstd":
        notices["zstd layers in a docker-archive: Docker before 23 and umoci cannot read them"] = None


def _check_level(storage: Storage) -> None:
    if storage.compression in ("keep", "none"):
        raise UsageError(f"--level has no use with --compression {storage.compression}")
    name = "zstd" if storage.compression == "zstd" else "gzip"
    allowed = by_name(name).levels
    if storage.level not in allowed:
        raise UsageError(f"no level {storage.level} for {name}", expected=f"{allowed.start} to {allowed.stop - 1}")


def _check_docker_index(index: Index) -> None:
    if any(isinstance(child.node, Artifact) for child in index.children):
        raise UsageError(
            "a Docker manifest list cannot hold attestations",
            hint=f"leave them out with --without attestations, or {_WAY_OUT}",
        )


def _check_family(image: Image, descriptor: Descriptor | None, storage: Storage) -> None:
    """Docker's media types have no zstd; what is to be zstd in them cannot be written."""
    family = family_of(image, descriptor, storage)
    for layer in image.layers:
        if layer.source is None or not layer.unpacks:
            if storage.media_types == "docker" and layer.descriptor and not layer.unpacks:
                raise UsageError(
                    f"Docker's media types have none for {layer.descriptor.media_type}", hint="use --media-types keep"
                )
            continue
        move = move_of(layer, image, storage)
        told = look_up(layer.descriptor.media_type) if layer.descriptor else None
        kept = move.codec is None and storage.media_types == "keep" and told is not None and told.codec == "zstd"
        codec = move.codec.name if move.codec else sniff(layer.source.head(MAGIC)).name
        if codec == "zstd" and family == "docker" and not kept and layer_type("docker", "zstd") is None:
            raise UsageError("Docker's media types have none for zstd layers", hint=_WAY_OUT)


def _check_preserved(image: Image, descriptor: Descriptor | None, storage: Storage) -> None:
    """Say before any work that a manifest cannot stay as it is."""
    if not storage.preserve_digests or image.document is None:
        return
    label = descriptor.digest if descriptor else "the manifest"
    for layer in image.layers:
        if layer.source is not None and (codec := move_of(layer, image, storage).codec) is not None:
            raise UsageError(
                f"digests cannot be preserved: {label} names layers that would be stored as {codec.name}",
                hint="use --compression keep, or leave --preserve-digests out",
            )


def family_of(image: Image, descriptor: Descriptor | None, storage: Storage) -> Family:
    """Return the family of media types that an image's manifest has in DEST."""
    if storage.media_types != "keep":
        return storage.media_types
    if image.document is None:
        return "oci"
    return document_family(image.document.members.get("mediaType"), descriptor)


def document_family(told: object, descriptor: Descriptor | None) -> Family:
    """Return the family of a manifest or index by its own media type, else by its descriptor's."""
    for name in (told, descriptor.media_type if descriptor else None):
        known = look_up(name) if isinstance(name, str) else None
        if known is not None:
            return known.family
    return "oci"


def has_docker_types(roots: Iterable[Root]) -> bool:
    """Whether a manifest or index among the roots has one of Docker's media types."""
    for edge in walk(roots):
        if edge.descriptor is not None and kind_of(edge.descriptor.media_type) in (Kind.MANIFEST, Kind.INDEX):
            known = look_up(edge.descriptor.media_type)
            if known is not None and known.family == "docker":
                return True
    return False
