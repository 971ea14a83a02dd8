"""Rewrite: new manifests and indexes for changed content, bottom-up. Pure: nodes and facts in, nodes out.

A document under which nothing changed keeps its bytes. A rewritten document changes only where it must: unknown
members and the order of members stay. All references to its digest follow: entries, `subject`, BuildKit's
`vnd.docker.reference.digest`, tags made of a digest, and names with one.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from ociarchive import documents, toc
from ociarchive.blobio.hashing import sha256
from ociarchive.mediatypes import (
    DOCKER_MANIFEST,
    OCI_CONFIG,
    OCI_LAYER,
    OCI_MANIFEST,
    Family,
    Kind,
    document_type,
    kind_of,
    layer_type,
    look_up,
)
from ociarchive.model import (
    COSIGN_NAME,
    IMAGE_NAME,
    REF_NAME,
    REFERENCE_DIGEST,
    Artifact,
    Child,
    Image,
    Index,
    Missing,
    Node,
    Root,
    walk,
)
from ociarchive.transform.following import followed
from ociarchive.transform.plan import Move, Plan, Storage, family_of
from ociarchive.transform.precedence import behind, named
from ociarchive.values import Descriptor, Digest, Reference

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ociarchive.measure import Measured
    from ociarchive.model import Blob, Layer
    from ociarchive.transform.omitting import By
    from ociarchive.values import JSON

_NAMES: Final = (IMAGE_NAME, REF_NAME, COSIGN_NAME)
#: Annotations about a layer's compressed bytes, or a table of contents in them. They are false for other bytes.
UNTRUE: Final = (
    toc.CHUNKED,
    "containerd.io/snapshot/stargz/",
    "io.containers.estargz.",
    "io.containers.zstd-chunked.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A blob in DEST: its digest and size there, and how it is stored."""

    digest: Digest
    size: int
    compression: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived(Placed):
    """A blob that was moved into DEST, with its measurement.

    `present`: DEST had it already, so it was not sent, and where it is a layer it was not read. `left_out` says how the
    other side of a delta has it.
    """

    fact: Measured
    present: bool = False
    left_out: By | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The change of one manifest, index, config or layer. A layer also has the diff_id that both unpack to.

    `made` says why a config is new.
    """

    kind: str
    old: Descriptor | None
    new: Descriptor
    diff_id: Digest | None = None
    dropped: tuple[str, ...] = ()
    made: str | None = None


@dataclass(slots=True)
class Rewriter:
    """One rewriting. `arrived` has the result of each move of the plan."""

    roots: tuple[Root, ...]
    plan: Plan
    storage: Storage
    arrived: Mapping[Move, Placed]
    changes: list[Change] = field(default_factory=list)
    _done: dict[int, tuple[Descriptor, Node]] = field(default_factory=dict)
    _by_digest: dict[Digest, Root | Child] = field(default_factory=dict)
    _moved: dict[Digest, Descriptor] = field(default_factory=dict)
    _open: set[int] = field(default_factory=set)

    def run(self) -> tuple[Root, ...]:
        """Return the roots as they are in DEST."""
        for edge in walk(self.roots):
            if edge.descriptor is not None and edge.node.source is not None:
                self._by_digest.setdefault(edge.descriptor.digest, edge.entry)
        return tuple(self._root(root) for root in self.roots)

    @property
    def moved(self) -> Mapping[Digest, Descriptor]:
        """The documents whose digest changed: old digest to new descriptor."""
        return self._moved

    def _root(self, root: Root) -> Root:
        target, node = self._node(root)
        descriptor = target if root.descriptor is None else _retargeted(root.descriptor, target)
        return self._retagged(replace(root, descriptor=descriptor, node=node))

    def _retagged(self, root: Root) -> Root:
        """Rename tags that are made of a rewritten digest, and names that have one."""

        def follow(text: str, *, named: bool = True) -> str:
            return followed(text, self._follow, named=named)

        descriptor = root.descriptor
        if descriptor is not None:
            annotations = {key: follow(text, named=key in _NAMES) for key, text in descriptor.annotations.items()}
            if annotations != descriptor.annotations:
                descriptor = descriptor.annotate(annotations)
        return replace(
            root,
            descriptor=descriptor,
            ref_name=follow(root.ref_name) if root.ref_name else None,
            names=tuple(Reference.maybe(follow(str(name))) or name for name in root.names),
        )

    def _follow(self, old: Digest) -> Digest | None:
        """Return the new digest of a document of these roots, None where it is unchanged or not among them."""
        known = self._by_digest.get(old)
        if known is None:
            return None
        target, _ = self._node(known)
        return target.digest if target.digest != old else None

    def _node(self, entry: Root | Child) -> tuple[Descriptor, Node]:
        """Return the node in DEST of an entry, and its descriptor there."""
        if self._waits(entry):
            for one in behind([entry], lambda one: filter(self._waits, named(one, self._by_digest))):
                if self._waits(one):
                    self._make(one.descriptor, one.node)
        if id(entry.node) in self._done:
            return self._done[id(entry.node)]
        if entry.descriptor is None:
            raise RuntimeError("what is not here has a descriptor")
        return entry.descriptor, entry.node

    def _waits(self, entry: Root | Child) -> bool:
        """Whether the document of an entry is to be rewritten and was not yet."""
        key, node = id(entry.node), entry.node
        kept = isinstance(node, Missing) or (isinstance(node, Artifact) and node.document is None)
        return not (kept or key in self._done or key in self._open)

    def _make(self, descriptor: Descriptor | None, node: Node) -> None:
        """Rewrite a document, when all that it names is rewritten."""
        key = id(node)
        self._open.add(key)
        if isinstance(node, Image):
            result: tuple[Descriptor, Node] = self._image(descriptor, node)
        elif isinstance(node, Index):
            result = self._index(descriptor, node)
        elif isinstance(node, Artifact):
            result = self._artifact(descriptor, node)
        else:
            raise RuntimeError("what is not here is not rewritten")
        self._open.discard(key)
        self._done[key] = result
        old = descriptor if node.source is not None else None  # no archive has it: it was not there before
        if old is not None and result[0].digest != old.digest:
            self._moved[old.digest] = result[0]
        kind = "index" if isinstance(node, Index) else "manifest"
        self.changes.append(Change(kind=kind, old=old, new=result[0]))

    # Images

    def _image(self, descriptor: Descriptor | None, image: Image) -> tuple[Descriptor, Image]:
        family = family_of(image, descriptor, self.storage)
        config = self._config(image, family)
        layers = tuple(self._layer(layer, family) for layer in image.layers)
        subject = self._subject(image.subject)
        listed: list[JSON] = [layer.descriptor.raw for layer in layers if layer.descriptor]
        if image.document is None:
            document = documents.make(
                {
                    "schemaVersion": 2,
                    "mediaType": DOCKER_MANIFEST if family == "docker" else OCI_MANIFEST,
                    "config": config.descriptor.raw if config.descriptor else None,
                    "layers": listed,
                }
            )
        else:
            changed: dict[str, JSON] = {"layers": listed}
            if config.descriptor:
                changed["config"] = config.descriptor.raw
            document = self._document(image.document, descriptor, Kind.MANIFEST, changed, subject)
        node = replace(image, document=document, config=config, layers=layers, subject=subject, source=None)
        return _describe(document, image.document, descriptor), node

    def _config(self, image: Image, family: Family) -> Blob:
        config = image.config
        if config.source is None:
            return config
        arrived = self.arrived[Move.copy(config.source, config.descriptor)]
        if config.descriptor is None:
            descriptor = Descriptor.make(document_type(family, Kind.CONFIG) or OCI_CONFIG, arrived.digest, arrived.size)
        else:
            descriptor = config.descriptor
            wanted = document_type(family, Kind.CONFIG)
            if self.storage.media_types != "keep" and wanted and descriptor.media_type != wanted:
                descriptor = descriptor.evolve(mediaType=wanted)
        made = image.made.why if image.made is not None else None
        self.changes.append(Change(kind="config", old=config.descriptor, new=descriptor, made=made))
        return replace(config, descriptor=descriptor)

    def _layer(self, layer: Layer, family: Family) -> Layer:
        old = layer.descriptor
        stands_in = old is None and layer.elsewhere is not None
        if layer.elsewhere is not None:
            old = layer.elsewhere.descriptor
        if layer.source is None:
            if old is None:
                return layer
            new = self._foreign(old, family)
            self.changes.append(Change(kind="layer", old=old, new=new, diff_id=layer.diff_id))
            return replace(layer, descriptor=new)
        move = self.plan.move_of(layer)
        arrived = self.arrived[move]
        media_type = self._layer_type(old, arrived.compression, family)
        if old is None:
            new = Descriptor.make(media_type, arrived.digest, arrived.size)
            dropped: tuple[str, ...] = ()
        else:
            other = move.codec is not None or move.known is not None or stands_in
            anew = other and (arrived.digest, arrived.size) != (old.digest, old.size)
            new, dropped = _stored_as(old, media_type, arrived, recompressed=anew)
        self.changes.append(Change(kind="layer", old=old, new=new, diff_id=layer.diff_id, dropped=dropped))
        return replace(layer, descriptor=new, elsewhere=None)

    def _foreign(self, old: Descriptor, family: Family) -> Descriptor:
        """Return the descriptor of an absent layer, in the requested family."""
        known = look_up(old.media_type)
        if self.storage.media_types == "keep" or known is None or known.codec is None:
            return old
        return old.evolve(mediaType=layer_type(family, known.codec, foreign=known.foreign) or old.media_type)

    def _layer_type(self, old: Descriptor | None, codec: str, family: Family) -> str:
        told = look_up(old.media_type) if old else None
        if old is not None:
            if told is None or told.codec is None:
                return old.media_type
            if self.storage.media_types == "keep":
                if told.codec == codec or self.storage.preserve_digests:
                    return old.media_type
                family = told.family
            elif told.family == family and told.codec == codec:
                return old.media_type
        foreign = bool(told and told.foreign)
        return (
            layer_type(family, codec, foreign=foreign)
            or layer_type("oci", codec, foreign=foreign)
            or (old.media_type if old else f"{OCI_LAYER}+{codec}")
        )

    # Indexes and artifacts

    def _index(self, descriptor: Descriptor | None, index: Index) -> tuple[Descriptor, Index]:
        children = [self._child(child) for child in index.children]
        children = [replace(child, descriptor=self._relinked(child.descriptor)) for child in children]
        subject = self._subject(index.subject)
        listed: list[JSON] = [child.descriptor.raw for child in children]
        document = self._document(index.document, descriptor, Kind.INDEX, {"manifests": listed}, subject)
        node = replace(index, document=document, children=tuple(children), subject=subject, source=None)
        return _describe(document, index.document, descriptor), node

    def _child(self, child: Child) -> Child:
        target, node = self._node(child)
        return Child(descriptor=_retargeted(child.descriptor, target), node=node)

    def _relinked(self, descriptor: Descriptor) -> Descriptor:
        """Make an attestation refer to the new digest of its manifest."""
        annotations = descriptor.annotations
        old = Digest.maybe(annotations.get(REFERENCE_DIGEST))
        new = self._follow(old) if old else None
        return descriptor.annotate({**annotations, REFERENCE_DIGEST: str(new)}) if new else descriptor

    def _artifact(self, descriptor: Descriptor | None, artifact: Artifact) -> tuple[Descriptor, Artifact]:
        if artifact.document is None:
            raise RuntimeError("an artifact without a document is not rewritten")
        subject = self._subject(artifact.subject)
        document = self._document(artifact.document, descriptor, Kind.MANIFEST, {}, subject)
        node = replace(artifact, document=document, subject=subject, source=None)
        return _describe(document, artifact.document, descriptor), node

    def _subject(self, subject: Descriptor | None) -> Descriptor | None:
        if subject is None or subject.digest not in self._by_digest:
            return subject
        target, _ = self._node(self._by_digest[subject.digest])
        return _retargeted(subject, target)

    def _document(
        self,
        document: documents.Document,
        descriptor: Descriptor | None,
        kind: Kind,
        changed: dict[str, JSON],
        subject: Descriptor | None,
    ) -> documents.Document:
        members = dict(document.members)
        members.update(changed)
        if subject is not None:
            members["subject"] = subject.raw
        told = members.get("mediaType")
        actual = told if isinstance(told, str) else descriptor.media_type if descriptor else ""
        if self.storage.media_types != "keep" and kind_of(actual) is kind:
            family = self.storage.media_types
            layered = kind is Kind.INDEX or "layers" in changed
            wanted = document_type(family, kind)
            if wanted and wanted != actual and (layered or family == "oci"):
                members["mediaType"] = wanted
        if members == document.members:
            return document
        return documents.make(members)


def _stored_as(
    old: Descriptor, media_type: str, arrived: Placed, *, recompressed: bool
) -> tuple[Descriptor, tuple[str, ...]]:
    """Return the descriptor of a layer as it is now stored, and what was removed from it because it is now false."""
    if not recompressed:
        return (old if old.media_type == media_type else old.evolve(mediaType=media_type)), ()
    new = old.retarget(Descriptor.make(media_type, arrived.digest, arrived.size))
    dropped = [key for key in old.annotations if key.startswith(UNTRUE)]
    if dropped:
        new = new.annotate({key: text for key, text in old.annotations.items() if not key.startswith(UNTRUE)})
    return new, tuple(dropped)


def _describe(document: documents.Document, before: documents.Document | None, old: Descriptor | None) -> Descriptor:
    """Return the descriptor of a document in DEST. If its bytes are unchanged, it keeps its digest of any algorithm."""
    told = document.members.get("mediaType")
    if old is not None and document is before:
        return Descriptor.make(old.media_type, old.digest, old.size)
    media_type = told if isinstance(told, str) else old.media_type if old else OCI_MANIFEST
    return Descriptor.make(media_type, sha256(document.raw), len(document.raw))


def _retargeted(descriptor: Descriptor, target: Descriptor) -> Descriptor:
    told = (target.digest, target.size, target.media_type)
    same = (descriptor.digest, descriptor.size, descriptor.media_type) == told
    return descriptor if same else descriptor.retarget(target)


def with_name(roots: Iterable[Root], name: Reference) -> tuple[Root, ...]:
    """Return roots where the first has only this name, and no annotation that gives it another.

    What cosign attached to the old name is now attached to the new one.
    """
    first, *rest = roots
    old = frozenset(first.names)
    renamed = replace(without_names(first), names=(name,))
    return (renamed, *(attached_to(root, name) if root.attached in old else root for root in rest))


def without_names(root: Root) -> Root:
    """Return a root without any name, also in its annotations."""
    descriptor = root.descriptor
    if descriptor is not None:
        kept = {key: text for key, text in descriptor.annotations.items() if key not in _NAMES}
        descriptor = descriptor.annotate(kept)
    return replace(root, descriptor=descriptor, names=(), ref_name=None)


def attached_to(root: Root, name: Reference) -> Root:
    """Return what cosign attached to an image, attached to another name."""
    if root.descriptor is None:
        return root
    annotations = {**root.descriptor.annotations, COSIGN_NAME: str(name)}
    return replace(root, descriptor=root.descriptor.annotate(annotations), attached=name)
