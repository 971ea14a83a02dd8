"""The image graph: what an archive claims, and where the bytes are that each claim is about.

Nodes hold what documents say. Edges (`Root`, `Child`) are the descriptors that lead to nodes. None means that the
format makes no such claim, or that the bytes are not in the archive. It never means "not computed yet".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from ociarchive.mediatypes import look_up
from ociarchive.origin import Closing, Origin
from ociarchive.values import Digest, Platform, tagged_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from ociarchive.blobio.limits import Limits
    from ociarchive.blobio.source import ByteSource
    from ociarchive.documents import Document
    from ociarchive.elsewhere import Delta, Elsewhere
    from ociarchive.flaws import Flaw
    from ociarchive.measure import Measured
    from ociarchive.oldimages.made import Made
    from ociarchive.values import Descriptor, Reference

REFERENCE_TYPE: Final = "vnd.docker.reference.type"
REFERENCE_DIGEST: Final = "vnd.docker.reference.digest"
ATTESTATION: Final = "attestation-manifest"
#: Annotations that name images: image-spec, annotations.md; containerd; cosign, whose `kind` is that of a signature.
REF_NAME: Final = "org.opencontainers.image.ref.name"
IMAGE_NAME: Final = "io.containerd.image.name"
COSIGN_NAME: Final = "dev.cosignproject.cosign/imageRef"
COSIGN_KIND: Final = "kind"
COSIGN_KINDS: Final = ("/sigs", "/atts", "/sboms")
COSIGN_IMAGES: Final = ("/image", "/imageIndex")


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """Opaque bytes: a config, or what an artifact holds. `name` is its name in messages.

    Without a descriptor, `named` is the digest in its file name, or what it is about.
    """

    descriptor: Descriptor | None
    source: ByteSource | None
    name: str
    named: Digest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A layer of an image. `diff_id` is the digest that the config claims for the unpacked layer.

    `elsewhere`: a delta leaves it out. A `source` is then another archive's; without a `descriptor` only its content.
    """

    descriptor: Descriptor | None
    source: ByteSource | None
    name: str
    diff_id: Digest | None
    elsewhere: Elsewhere | None = None

    @property
    def unpacks(self) -> bool:
        """Whether its content can be read: it is not encrypted, and its kind is known."""
        known = look_up(self.descriptor.media_type) if self.descriptor is not None else None
        return self.descriptor is None or (known is not None and known.codec is not None)

    @property
    def foreign(self) -> bool:
        """Whether an archive may lawfully leave it out (layer.md, Non-Distributable Layers; `urls`)."""
        known = look_up(self.descriptor.media_type) if self.descriptor is not None else None
        return self.descriptor is not None and bool(self.descriptor.urls or (known is not None and known.foreign))


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image: manifest, config and layers. A docker-archive alone has no manifest (`document` is None).

    `made` says from what its config was made, where the archive has none. `also_named` are the blobs that such an
    archive names for steps without a layer; they are no part of the image.
    """

    document: Document | None
    source: ByteSource | None
    config: Blob
    config_document: Document | None
    config_digest: Digest | None
    layers: tuple[Layer, ...]
    diff_ids: tuple[Digest, ...]
    subject: Descriptor | None = None
    made: Made | None = None
    also_named: tuple[Blob, ...] = ()

    @property
    def image_id(self) -> Digest | None:
        """The digest of the config: the manifest's claim, or the digest of the bytes where there is no manifest."""
        return self.config.descriptor.digest if self.config.descriptor else self.config_digest

    @property
    def platform(self) -> Platform | None:
        """The platform in the config, None where there is none or an empty one."""
        return Platform.of(self.config_document.members) if self.config_document else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A manifest that is no image: an attestation, a signature or anything else. Without a document it is only bytes.

    `spoken_of` has what statements and payloads of signatures refer to; `disguised`: some engines run it as an image.
    """

    document: Document | None
    source: ByteSource | None
    artifact_type: str | None
    blobs: tuple[Blob, ...] = ()
    subject: Descriptor | None = None
    spoken_of: tuple[tuple[Blob, tuple[Digest, ...]], ...] = ()
    disguised: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """An image index or manifest list."""

    document: Document
    source: ByteSource | None
    children: tuple[Child, ...]
    subject: Descriptor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A descriptor's content that is absent (`source` is None), or that cannot be read as what it should be."""

    source: ByteSource | None = None


Node: TypeAlias = Image | Artifact | Index | Missing


def refers_to(descriptor: Descriptor | None) -> Digest | None:
    """Return the manifest that the descriptor of a BuildKit attestation refers to, None for anything else."""
    if descriptor is None or descriptor.annotation(REFERENCE_TYPE) != ATTESTATION:
        return None
    return Digest.maybe(descriptor.annotation(REFERENCE_DIGEST))


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
        """The manifest that a BuildKit attestation refers to, None for any other entry."""
        return refers_to(self.descriptor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """An image, index or artifact that the archive lists at its top level, with its names.

    `attached` is the name of the image that cosign attached this to, and no name of its own. `repository` is that of a
    registry. `pulled_as` are digests of manifests whose blobs an engine did not keep, `signed` its names of signatures.
    """

    descriptor: Descriptor | None
    node: Node
    names: tuple[Reference, ...] = ()
    ref_name: str | None = None
    attached: Reference | None = None
    repository: str | None = None
    pulled_as: tuple[Digest, ...] = ()
    signed: tuple[str, ...] = ()

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags that lead to it."""
        return tuple(tag for tag in (self.ref_name, *(name.tag for name in self.names)) if tag and "/" not in tag)

    @property
    def subjects(self) -> frozenset[Digest]:
        """The digests that it refers to: its subject, BuildKit's annotation, the digest in a tag `sha256-<hex>`."""
        subject = None if isinstance(self.node, Missing) else self.node.subject
        found = (*map(tagged_digest, self.tags), refers_to(self.descriptor), subject.digest if subject else None)
        return frozenset(digest for digest in found if digest is not None)

    @property
    def speaks_of_another(self) -> bool:
        """Whether it is no image in its own right: a signature, a referrer, an index of referrers."""
        kind = self.descriptor.annotation(COSIGN_KIND) if self.descriptor is not None else None
        saved = kind is not None and kind.endswith(COSIGN_KINDS)
        spoken_of = self.node.spoken_of if isinstance(self.node, Artifact) and not (self.names or self.ref_name) else ()
        speaks = bool(self.subjects) and not isinstance(self.node, Image)
        return self.attached is not None or saved or speaks or any(spoken for _, spoken in spoken_of)

    @property
    def identity(self) -> object:
        """Two roots with this value are the same, whatever their names. It is the digest, else the image ID."""
        of_node = self.node.image_id if isinstance(self.node, Image) else id(self.node)
        return self.descriptor.digest if self.descriptor is not None else of_node

    @property
    def platform(self) -> Platform | None:
        """The platform that the entry claims, else the config."""
        return platform_of(self.descriptor, self.node)

    @property
    def label(self) -> str:
        """Its name in messages: the image name, else the digest, else the image ID."""
        if self.names or self.ref_name:
            return str(self.names[0]) if self.names else str(self.ref_name)
        if self.descriptor:
            return str(self.descriptor.digest)
        return str(self.node.image_id) if isinstance(self.node, Image) else "an image without a name"


def platform_of(descriptor: Descriptor | None, node: Node) -> Platform | None:
    """Return the platform of a descriptor, else of the image's config."""
    told = descriptor.platform if descriptor is not None else None
    return node.platform if told is None and isinstance(node, Image) else told


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A file in a place where a format keeps blobs. `digest` is what its name claims, None where that is no digest."""

    name: str
    digest: Digest | None
    source: ByteSource | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link of a registry's repository to a blob, which the registry could not use.

    `what` is what it should lead to. `digest` is the one in its path (a tag's path has none). `held` is the text in the
    file instead of a digest. It is None where the file is absent, or where the blob is absent (`leads_nowhere`).
    """

    what: str
    where: str
    repository: str
    digest: Digest | None
    held: str | None = None
    leads_nowhere: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSource:
    """The origin of a layer that manifest.json claims at `where`. `blob` is the archive's of this digest, if any."""

    layer: Layer
    descriptor: Descriptor
    blob: ByteSource | None
    where: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Archive(Closing):
    """Everything that one archive claims. Its files stay open until it is closed.

    `entry` is the document with which it begins. `beside` has the digests that something other than a root leads to,
    `untagged` what a registry keeps without a tag. `incomplete`: something unread may lead to more. `facts` are those
    of blobs that were read when it was opened. `delta` lists what it leaves out. `borrowed`: bytes of its bases.
    `notices` say, in words, what had to be done to open it. `loose` finds layers without an image by diff_id.
    """

    format: str
    origin: Origin
    roots: tuple[Root, ...]
    flaws: tuple[Flaw, ...]
    stored: tuple[Stored, ...] = ()
    entry: Document | None = None
    extras: tuple[Blob, ...] = ()
    beside: frozenset[Digest] = frozenset()
    untagged: tuple[Root, ...] = ()
    incomplete: bool = False
    links: tuple[Link, ...] = ()
    layer_sources: tuple[LayerSource, ...] = ()
    facts: Mapping[ByteSource, Measured] = field(default_factory=dict)
    delta: Delta | None = None
    borrowed: int = 0
    notices: tuple[str, ...] = ()
    loose: Callable[[Digest], ByteSource | None] | None = None

    @property
    def where(self) -> str:
        """The archive's name for messages."""
        return self.origin.where

    @property
    def noticed(self) -> tuple[Flaw, ...]:
        """Every flaw of its documents and its origin that was found so far."""
        return (*self.origin.flaws, *self.flaws)

    @property
    def damaged(self) -> bool:
        """Whether the archive is damaged, so that absent blobs may have been lost there."""
        return self.origin.damaged

    @property
    def is_folder(self) -> bool:
        """Whether each blob is a file."""
        return self.origin.kind in ("directory", "store")

    @property
    def limits(self) -> Limits:
        """The limits that apply to it, given its stored size."""
        return self.origin.limits.within(self.origin.stored_size + self.borrowed)

    def close(self) -> None:
        """Close the files that it was read from."""
        self.origin.close()

    def __repr__(self) -> str:
        return f"Archive(format={self.format!r}, where={self.where!r}, roots={len(self.roots)})"


@dataclass(frozen=True, slots=True)
class Edge:
    """An entry of the archive or of an index, with the entries on the path to it."""

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
        return next((one.node for one in self.above[-1:] if isinstance(one.node, Index)), None)


def walk(roots: Iterable[Root]) -> Iterator[Edge]:
    """Give every edge once, parents first, in the archive's order; what an index lists once for all its entries."""
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


def nodes(roots: Iterable[Root]) -> Iterator[Node]:
    """Give what edges lead to, each once, however many edges do."""
    yield from {id(edge.node): edge.node for edge in walk(roots)}.values()


def images(roots: Iterable[Root]) -> Iterator[Image]:
    """Give every image once."""
    yield from (node for node in nodes(roots) if isinstance(node, Image))


def parts(node: Node) -> tuple[Blob | Layer, ...]:
    """Return the blobs that a manifest names: config and layers of an image, whatever an artifact holds."""
    if isinstance(node, Image):
        return (node.config, *node.layers)
    return node.blobs if isinstance(node, Artifact) else ()


def named_by(node: Node) -> tuple[Blob | Layer, ...]:
    """Return all blobs that a manifest names: its parts, and those that are no part of its image."""
    return (*parts(node), *node.also_named) if isinstance(node, Image) else parts(node)
