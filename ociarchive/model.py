"""The image graph: what an archive claims, and where the bytes are that it claims it of.

Nodes are what documents say, edges (`Root`, `Child`) are the descriptors that lead to them. None means that the
format makes no such claim, or that the bytes are not in the archive; it never means "not computed yet".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from ociarchive.mediatypes import look_up
from ociarchive.origin import Closing, Origin
from ociarchive.values import Digest, Platform, tagged_digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ociarchive.blobio.limits import Limits
    from ociarchive.blobio.source import ByteSource
    from ociarchive.documents import Document
    from ociarchive.flaws import Flaw
    from ociarchive.values import Descriptor, Reference

REFERENCE_TYPE: Final = "vnd.docker.reference.type"
REFERENCE_DIGEST: Final = "vnd.docker.reference.digest"
ATTESTATION: Final = "attestation-manifest"
#: Annotations of index.json's descriptors that name images: image-spec, annotations.md; containerd; cosign's saved
#: layouts, where `kind` tells an image from what was signed over it.
REF_NAME: Final = "org.opencontainers.image.ref.name"
IMAGE_NAME: Final = "io.containerd.image.name"
COSIGN_NAME: Final = "dev.cosignproject.cosign/imageRef"
COSIGN_KIND: Final = "kind"


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """Opaque bytes: a config, or what an artifact holds.

    `named` is the digest that a file name claims where there is no descriptor; `name` is how messages call it.
    """

    descriptor: Descriptor | None
    source: ByteSource | None
    name: str
    named: Digest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A layer of an image. `diff_id` is what the config claims that it unpacks to."""

    descriptor: Descriptor | None
    source: ByteSource | None
    name: str
    diff_id: Digest | None

    @property
    def unpacks(self) -> bool:
        """Whether its bytes can be looked into: not encrypted, not of an unknown kind."""
        if self.descriptor is None:
            return True
        known = look_up(self.descriptor.media_type)
        return known is not None and known.codec is not None

    @property
    def foreign(self) -> bool:
        """Whether an archive may lawfully leave it out (layer.md, Non-Distributable Layers; `urls`)."""
        if self.descriptor is None:
            return False
        known = look_up(self.descriptor.media_type)
        return bool(self.descriptor.urls) or (known is not None and known.foreign)


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image: manifest, config and layers. A docker-archive alone has no manifest (`document` is None)."""

    document: Document | None
    source: ByteSource | None
    config: Blob
    config_document: Document | None
    config_digest: Digest | None
    layers: tuple[Layer, ...]
    diff_ids: tuple[Digest, ...]
    subject: Descriptor | None = None

    @property
    def image_id(self) -> Digest | None:
        """The digest of the config: what the manifest claims, without a manifest that of the bytes."""
        return self.config.descriptor.digest if self.config.descriptor else self.config_digest

    @property
    def platform(self) -> Platform | None:
        """The platform in the config, None where there is none or an empty one."""
        return Platform.of(self.config_document.members) if self.config_document else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A manifest that is no image: an attestation, a signature, anything. Without a document it is bytes alone.

    `spoken_of` has, for each blob that is a signature's payload or a statement, the digests that it speaks of.
    """

    document: Document | None
    source: ByteSource | None
    artifact_type: str | None
    blobs: tuple[Blob, ...] = ()
    subject: Descriptor | None = None
    spoken_of: tuple[tuple[Blob, tuple[Digest, ...]], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """An image index or manifest list."""

    document: Document
    source: ByteSource | None
    children: tuple[Child, ...]
    subject: Descriptor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """What a descriptor names and that is not there (`source` is None), or cannot be read as what it should be."""

    source: ByteSource | None = None


Node: TypeAlias = Image | Artifact | Index | Missing


def refers_to(descriptor: Descriptor | None) -> Digest | None:
    """Return the manifest that a BuildKit attestation speaks of by its descriptor, None for anything else."""
    annotations = descriptor.annotations if descriptor else {}
    if annotations.get(REFERENCE_TYPE) != ATTESTATION:
        return None
    return Digest.maybe(annotations.get(REFERENCE_DIGEST))


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """An entry of an index."""

    descriptor: Descriptor
    node: Node

    @property
    def platform(self) -> Platform | None:
        """The platform that the entry claims, else the config."""
        return platform_of(self.descriptor, self.node)

    @property
    def refers_to(self) -> Digest | None:
        """The manifest a BuildKit attestation speaks of, None for any other entry."""
        return refers_to(self.descriptor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """An image, index or artifact that an archive names by itself, with the names it gives it.

    `attached` is the name of the image that cosign says this speaks of: no name of its own. `repository` is the one of
    a registry in which it is.
    """

    descriptor: Descriptor | None
    node: Node
    names: tuple[Reference, ...] = ()
    ref_name: str | None = None
    attached: Reference | None = None
    repository: str | None = None

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags under which it stands."""
        found = [self.ref_name] if self.ref_name and "/" not in self.ref_name else []
        return (*found, *(name.tag for name in self.names if name.tag))

    @property
    def subjects(self) -> frozenset[Digest]:
        """The digests that it speaks of: its subject, BuildKit's annotation, the digest in a tag `sha256-<hex>`."""
        found = {digest for tag in self.tags if (digest := tagged_digest(tag)) is not None}
        refers = refers_to(self.descriptor)
        if refers is not None:
            found.add(refers)
        subject = None if isinstance(self.node, Missing) else self.node.subject
        return frozenset(found | {subject.digest}) if subject is not None else frozenset(found)

    @property
    def speaks_of_another(self) -> bool:
        """Whether it is no image in its own right: a signature, a referrer, an index of referrers."""
        return self.attached is not None or (bool(self.subjects) and not isinstance(self.node, Image))

    @property
    def identity(self) -> object:
        """What makes two roots the same, whatever their names: the digest, without one the image ID."""
        if self.descriptor is not None:
            return self.descriptor.digest
        return self.node.image_id if isinstance(self.node, Image) else id(self.node)

    @property
    def platform(self) -> Platform | None:
        """The platform that the entry claims, else the config."""
        return platform_of(self.descriptor, self.node)

    @property
    def label(self) -> str:
        """What to call it in messages: its name, else its digest, else its image ID."""
        if self.names:
            return str(self.names[0])
        if self.ref_name:
            return self.ref_name
        if self.descriptor:
            return str(self.descriptor.digest)
        return str(self.node.image_id) if isinstance(self.node, Image) else "an image without a name"


def platform_of(descriptor: Descriptor | None, node: Node) -> Platform | None:
    """Return the platform of a descriptor, else of the image's config."""
    if descriptor is not None and descriptor.platform is not None:
        return descriptor.platform
    return node.platform if isinstance(node, Image) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A file that lies where a format keeps blobs. `digest` is what its name claims, None where that is no digest."""

    name: str
    digest: Digest | None
    source: ByteSource | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A file of a registry's repository by which it has a blob, and which is not as a registry needs it.

    `what` is what it should lead to, `digest` the one that its path says (a tag's says none). `held` is what stands in
    it instead of a digest; None where the file is not there, or where it leads to a blob that is not (`leads_nowhere`).
    """

    what: str
    where: str
    repository: str
    digest: Digest | None
    held: str | None = None
    leads_nowhere: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSource:
    """What manifest.json says a layer came from, at the place `where`.

    `blob` is what lies in the archive under the descriptor's digest, None where nothing does.
    """

    layer: Layer
    descriptor: Descriptor
    blob: ByteSource | None
    where: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Archive(Closing):
    """Everything that one archive claims, with files held open until it is closed.

    `entry` is the document with which it begins, `noticed` has the flaws of its documents and its origin, `beside` the
    digests of blobs that something leads to which is no root. `incomplete`: what could not be read may lead to more.
    """

    format: str
    origin: Origin
    roots: tuple[Root, ...]
    flaws: tuple[Flaw, ...]
    stored: tuple[Stored, ...] = ()
    entry: Document | None = None
    extras: tuple[Blob, ...] = field(default=())
    beside: frozenset[Digest] = field(default=frozenset())
    incomplete: bool = False
    links: tuple[Link, ...] = ()
    layer_sources: tuple[LayerSource, ...] = field(default=())

    @property
    def where(self) -> str:
        """The archive's name for messages."""
        return self.origin.where

    @property
    def noticed(self) -> tuple[Flaw, ...]:
        """Every flaw that was noticed so far."""
        return (*self.origin.flaws, *self.flaws)

    @property
    def damaged(self) -> bool:
        """Whether what is not here may have been lost where the archive is damaged."""
        return self.origin.damaged

    @property
    def is_folder(self) -> bool:
        """Whether its blobs are files of their own."""
        return self.origin.kind == "directory"

    @property
    def limits(self) -> Limits:
        """What is allowed of it, given how large it is where it lies."""
        return self.origin.limits.within(self.origin.stored_size)

    def close(self) -> None:
        """Let go of what it was read from."""
        self.origin.close()

    def __repr__(self) -> str:
        return f"Archive(format={self.format!r}, where={self.where!r}, roots={len(self.roots)})"


@dataclass(frozen=True, slots=True)
class Edge:
    """An entry of the archive or of an index, with the entries that lie before it."""

    entry: Root | Child
    above: tuple[Child | Root, ...]

    @property
    def descriptor(self) -> Descriptor | None:
        """What the entry claims."""
        return self.entry.descriptor

    @property
    def node(self) -> Node:
        """What the entry leads to."""
        return self.entry.node

    @property
    def platform(self) -> Platform | None:
        """The platform that the entry claims, else the config."""
        return self.entry.platform

    @property
    def parent(self) -> Index | None:
        """The index that names the node, None where the archive itself does."""
        node = self.above[-1].node if self.above else None
        return node if isinstance(node, Index) else None


def walk(roots: Iterable[Root]) -> Iterator[Edge]:
    """Give every edge once, parents before their children, in the order of the archive.

    The children of an index are looked at once, however many entries lead to it.
    """
    seen: set[tuple[int, int]] = set()
    opened: set[int] = set()
    pending: list[tuple[Iterator[Root | Child], tuple[Child | Root, ...]]] = [(iter(roots), ())]
    while pending:
        entries, above = pending[-1]
        entry = next(entries, None)
        if entry is None:
            pending.pop()
            continue
        key = (id(entry.descriptor), id(entry.node))
        if key in seen:
            continue
        seen.add(key)
        yield Edge(entry, above)
        if isinstance(entry.node, Index) and id(entry.node) not in opened:
            opened.add(id(entry.node))
            pending.append((iter(entry.node.children), (*above, entry)))


def images(roots: Iterable[Root]) -> Iterator[Image]:
    """Give every image once."""
    seen: set[int] = set()
    for edge in walk(roots):
        if isinstance(edge.node, Image) and id(edge.node) not in seen:
            seen.add(id(edge.node))
            yield edge.node


def parts(node: Node) -> tuple[Blob | Layer, ...]:
    """Return the blobs that a manifest names: config and layers of an image, whatever an artifact holds."""
    if isinstance(node, Image):
        return (node.config, *node.layers)
    return node.blobs if isinstance(node, Artifact) else ()


def extent(roots: Iterable[Root], most: int) -> int:
    """Return how many lines a full report of some roots has, or any number above `most` where it has more.

    Counted are the entries below each root with the blobs that they name, a root's names, and those again for each
    entry of an index that they lead to.
    """
    found = 0
    for root in roots:
        names = max(len(root.names), 1)
        for edge in walk([root]):
            found += names + (len(edge.node.layers) if isinstance(edge.node, Image) else len(parts(edge.node)))
            if found > most:
                return found
    return found
