"""Plan: decide how each layer is stored in DEST, before any byte moves. Impossible combinations are refused here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from ociarchive.blobio.codec import MAGIC, Codec, by_name, sniff
from ociarchive.chains import chain_ids
from ociarchive.errors import UsageError
from ociarchive.formats import writable
from ociarchive.gap.held import Held
from ociarchive.mediatypes import ENCRYPTED, Family, Kind, kind_of, layer_type, look_up
from ociarchive.model import Artifact, Blob, Image, Index, parts, walk
from ociarchive.transform.omitting import Omitting

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ociarchive.blobio.codec import Level
    from ociarchive.blobio.source import ByteSource
    from ociarchive.formats.format import Format
    from ociarchive.model import Layer, Root
    from ociarchive.values import Descriptor, Digest

Compression: TypeAlias = Literal["auto", "keep", "gzip", "zstd", "none"]
MediaTypes: TypeAlias = Literal["keep", "oci", "docker"]
_WAY_OUT = "use --media-types oci"


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """How DEST stores content: the options of a conversion that decide about bytes."""

    format: Format
    compression: Compression = "auto"
    level: Level | None = None
    media_types: MediaTypes = "keep"
    preserve_digests: bool = False


@dataclass(frozen=True, slots=True)
class Move:
    """One blob to move: copied unchanged under its digest, or recompressed by a codec.

    `digest` is None where nothing named the blob before, and where it is recompressed. `known` is the blob of the same
    content that the other side has: DEST refers to it, and the bytes of this one are only proved.
    """

    source: ByteSource
    codec: Codec | None = None
    digest: Digest | None = None
    known: Descriptor | None = None

    @classmethod
    def copy(cls, source: ByteSource, descriptor: Descriptor | None) -> Move:
        """Return the move of a blob that stays unchanged."""
        return cls(source, None, descriptor.digest if descriptor else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Every distinct move, in the order of the graph, and the notices about them.

    `omitting` decides which layers the other side has. `claimed` are codecs by name that were not looked at.
    """

    moves: tuple[Move, ...]
    notices: tuple[str, ...]
    by_layer: Mapping[int, Move]
    omitting: Omitting
    claimed: Mapping[ByteSource, str]

    @property
    def kept(self) -> tuple[Move, ...]:
        """The moves whose blobs DEST may hold."""
        return tuple(move for move in self.moves if not self.omitting.omits(move))

    def move_of(self, layer: Layer) -> Move:
        """Return the move of a layer that is in the archive, of the planned roots."""
        return self.by_layer[id(layer)]


def plan(
    roots: tuple[Root, ...],
    storage: Storage,
    held: Held | None = None,
    claimed: Mapping[ByteSource, str] | None = None,
) -> Plan:
    """Return the plan for some roots. It reads the first bytes of each layer, which show how it is stored.

    Layers that the other side holds are left out. Of `claimed` sources the codec's name is taken as it is given; the
    plan is wrong where their bytes show another one.

    UsageError: an impossible combination, with what to do instead. HostError: a layer cannot be read.
    """
    if storage.level is not None:
        _check_level(storage)
    planner = _Planner(storage, held or Held(), claimed or {})
    seen: set[int] = set()
    for edge in walk(roots):
        if storage.media_types == "docker" and isinstance(edge.node, Index) and id(edge.node) not in seen:
            seen.add(id(edge.node))
            _check_docker_index(edge.node)
        if isinstance(edge.node, Image):
            planner.image(edge.node, edge.descriptor)
    for edge in walk(roots):
        if isinstance(edge.node, Artifact) and edge.node.document is None and edge.node.source is not None:
            planner.blob(Move.copy(edge.node.source, edge.descriptor))
        for part in parts(edge.node):
            if isinstance(part, Blob) and part.source is not None:
                planner.blob(Move.copy(part.source, part.descriptor))
    return planner.plan()


class _Planner:
    """Collects a plan, image by image."""

    def __init__(self, storage: Storage, held: Held, claimed: Mapping[ByteSource, str]) -> None:
        self._storage, self._layout = storage, writable(storage.format)
        self._omitting = Omitting(held, by_chain=self._layout.finds_chains)
        self._claimed = claimed
        self._stored: dict[ByteSource, str] = dict(claimed)
        self.by_layer: dict[int, Move] = {}
        self.moves: dict[Move, None] = {}
        self.notices: dict[str, None] = {}

    def image(self, image: Image, descriptor: Descriptor | None) -> None:
        """Plan the layers of an image."""
        family = family_of(image, descriptor, self._storage)
        if self._storage.preserve_digests and image.made is not None and descriptor is not None:
            raise UsageError(
                f"digests cannot be preserved: {image.made.of}, as {descriptor.digest} is, cannot be written",
                hint="leave --preserve-digests out",
            )
        chains = chain_ids(image.diff_ids[: len(image.layers)])
        for number, layer in enumerate(image.layers):
            if layer.source is None:
                continue
            chain = chains[number] if number < len(chains) else None
            if not layer.unpacks:
                move = self._opaque(layer)
            else:
                has_manifest = image.document is not None and (layer.descriptor or layer.elsewhere) is not None
                move = self._move(layer, layer.source, chain, family, has_manifest=has_manifest)
                self._check(layer, move, family, image, descriptor)
            self.by_layer[id(layer)] = move
            self.moves[move] = None
            self._omitting.layer(move, self._expected(layer, move), chain)

    def blob(self, move: Move) -> None:
        """Plan what is no image's layer. It always travels."""
        self.moves[move] = None
        self._omitting.blob(move)

    def plan(self) -> Plan:
        """Return the plan of all that was given."""
        return Plan(
            moves=tuple(self.moves),
            notices=tuple(self.notices),
            by_layer=self.by_layer,
            omitting=self._omitting,
            claimed=self._claimed,
        )

    def _move(
        self, layer: Layer, source: ByteSource, chain: Digest | None, family: Family, *, has_manifest: bool
    ) -> Move:
        stored = self._stored.get(source)
        if stored is None:
            stored = self._stored[source] = sniff(source.head(MAGIC)).name
        named = _named(layer) or stored
        target = _target(named, self._storage, has_manifest=has_manifest)
        if layer.foreign and target != stored and layer.descriptor is not None:
            if self._storage.compression != "auto":
                raise UsageError(
                    f"layer {layer.descriptor.digest} is foreign and is carried as it is: stored as {target} it would"
                    " be another blob than the one that others have",
                    hint="use --compression keep",
                )
            target = stored
        self._say(named, target)
        if not has_manifest and layer.diff_id is not None:
            known = self._omitting.known(layer.diff_id, chain)
            if known is not None and self._fits(known, target, family):
                return Move(source, digest=known.digest, known=known)
        return Move.copy(source, layer.descriptor) if target == stored else Move(source, by_name(target))

    def _fits(self, known: Descriptor, target: str, family: Family) -> bool:
        """Whether DEST may refer to a blob of the other side: it is stored as the call asks."""
        told = look_up(known.media_type)
        if told is None or told.codec is None or layer_type(family, told.codec) is None:
            return False
        if self._storage.compression != "auto":
            return told.codec == target
        return told.codec != "zstd" or self._layout.takes_zstd

    def _expected(self, layer: Layer, move: Move) -> Digest | None:
        """Return the digest that a layer will have in DEST, as far as claims tell, None where only its bytes do."""
        stored = move.codec.name if move.codec is not None else self._stored.get(move.source)
        if move.digest is None and stored == "none" and layer.diff_id is not None and layer.unpacks:
            return layer.diff_id
        return move.digest

    def _opaque(self, layer: Layer) -> Move:
        """Plan a layer whose content cannot be read: it stays unchanged, or the combination is refused.

        One that is encrypted has the compression that it had before, which its media type names.
        """
        media_type = layer.descriptor.media_type if layer.descriptor else "of an unknown kind"
        if self._storage.media_types == "docker":
            raise UsageError(f"Docker's media types have none for {media_type}", hint="use --media-types keep")
        asked = self._storage.compression
        plain = look_up(media_type.removesuffix(ENCRYPTED)) if media_type.endswith(ENCRYPTED) else None
        if asked in ("gzip", "zstd", "none") and plain is not None and layer.descriptor is not None:
            if plain.codec != asked:
                raise UsageError(
                    f"layer {layer.descriptor.digest} is encrypted ({media_type}) and cannot be stored as {asked}",
                    hint="use --compression keep, which carries it as it is",
                )
        elif asked in ("gzip", "zstd", "none"):
            self.notices[f"layers that cannot be looked into stay as they are ({media_type})"] = None
        if layer.source is None:
            raise RuntimeError("a layer that is not here does not move")
        return Move.copy(layer.source, layer.descriptor)

    def _check(self, layer: Layer, move: Move, family: Family, image: Image, descriptor: Descriptor | None) -> None:
        """Refuse zstd with Docker's media types, which lack it, and other layers in a manifest that must not change."""
        codec = move.codec.name if move.codec else self._stored[move.source]
        if move.known is not None:
            return
        told = look_up(layer.descriptor.media_type) if layer.descriptor else None
        kept = move.codec is None and self._storage.media_types == "keep" and told is not None and told.codec == "zstd"
        if codec == "zstd" and family == "docker" and not kept:
            raise UsageError("Docker's media types have none for zstd layers", hint=_WAY_OUT)
        stands_in = layer.descriptor is None and layer.elsewhere is not None  # its digest may turn out to be the same
        if self._storage.preserve_digests and image.document is not None and move.codec is not None and not stands_in:
            label = descriptor.digest if descriptor else "the manifest"
            raise UsageError(
                f"digests cannot be preserved: {label} names layers that would be stored as {codec}",
                hint="use --compression keep, or leave --preserve-digests out",
            )

    def _say(self, stored: str, target: str) -> None:
        if self._layout.takes_zstd:
            return
        if self._storage.compression == "auto" and stored == "zstd" and target != "zstd":
            what = "zstd layers become gzip: Docker before 23 cannot read them (--compression keep leaves them)"
            self.notices[what] = None
        elif target == "zstd":
            what = f"zstd layers in a {self._storage.format.name}: Docker before 23 and umoci cannot read them"
            self.notices[what] = None


def _named(layer: Layer) -> str | None:
    """Return the codec that the manifest gives a layer of which another archive has only the content, else None."""
    if layer.descriptor is not None or layer.elsewhere is None:
        return None
    known = look_up(layer.elsewhere.descriptor.media_type)
    return known.codec if known is not None else None


def _target(stored: str, storage: Storage, *, has_manifest: bool) -> str:
    """Return the name of the codec for storing a layer."""
    typed = layer_type("oci", stored) is not None or has_manifest
    if storage.compression == "keep":
        if not typed:
            raise UsageError(f"no media type exists for a layer stored as {stored}", hint="use --compression gzip")
        return stored
    if storage.compression != "auto":
        return storage.compression
    layout = writable(storage.format)
    if (stored == "zstd" and not layout.takes_zstd) or not typed:
        return "gzip"
    return stored if has_manifest or layout.keeps_plain else "gzip"


def _check_level(storage: Storage) -> None:
    if storage.compression in ("keep", "none"):
        raise UsageError(f"--level has no use with --compression {storage.compression}")
    name = "zstd" if storage.compression == "zstd" else "gzip"
    allowed = by_name(name).levels
    if isinstance(storage.level, int) and storage.level not in allowed:
        raise UsageError(f"no level {storage.level} for {name}", expected=f"{allowed.start} to {allowed.stop - 1}")


def _check_docker_index(index: Index) -> None:
    if any(isinstance(child.node, Artifact) for child in index.children):
        raise UsageError(
            "a Docker manifest list cannot hold attestations",
            hint=f"leave them out with --without attestations, or {_WAY_OUT}",
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
