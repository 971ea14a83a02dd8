"""The root of a containerd that is not running: a content store, and the names of its images in a bbolt database.

Blobs lie as in an image layout. A blob may be absent though the image runs: platforms that were not pulled, and layers
that were unpacked before, or discarded afterwards. Source: containerd, plugins/content/local, metadata/buckets.go.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from ociarchive.blobio.source import Sliceable
from ociarchive.errors import ContentError
from ociarchive.extent import require_listable
from ociarchive.formats import _layout
from ociarchive.formats._storages import CONTAINERD, DATABASE
from ociarchive.graph import GraphReader
from ociarchive.model import Archive, Child, Image, Index, Missing, Root, Stored, walk
from ociarchive.stores.bolt import Bolt, BoltError, Bucket, varint
from ociarchive.stores.folder import Store, layer_place
from ociarchive.values import Descriptor, Digest, Reference, word

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ociarchive.blobio.source import ByteSource
    from ociarchive.container import Container
    from ociarchive.model import Layer, Node

_BLOBS: Final = "io.containerd.content.v1.content/blobs/"
_VERSION: Final = b"v1"
#: moby, daemon/containerd/image_delete.go: an image without a name. BuildKit calls one so that gets none.
_DANGLING: Final = "moby-dangling@"
#: The label by which containerd knows what a layer unpacks to.
_DIFF_ID: Final = b"containerd.io/uncompressed"
#: Databases of so many bytes are read at once, so that a transaction meanwhile changes nothing in them. Nodes with
#: thousands of snapshots have tens of megabytes.
_AT_ONCE: Final = 64 << 20


def read(container: Container) -> Archive:
    """Return the images that the database names. ContentError: it cannot be read."""
    store = Store(container)
    source = store.get(DATABASE)
    if source is None:
        raise ContentError("no database of names", where=store.where, expected=DATABASE)
    try:
        names = _Names(store, source).read()
    except BoltError:  # a transaction may have ended meanwhile
        names = _Names(store, source).read()
    graph = GraphReader(lambda digest: store.get(_path(digest)), store.where, store.limits)
    for told in names.malformed:
        graph.flaw("store-name-dangling", f"{told} leads to no descriptor", source.where, told)
    filled = _Filled(store, graph, names)
    roots = tuple(_roots(filled, graph, names))
    require_listable(roots, store.limits, store.where)
    for root in roots:
        filled.note(root)
    stored = tuple(_stored(store))
    store.stored_size = sum(one.source.size or 0 for one in stored if one.source is not None)
    return Archive(
        format=CONTAINERD,
        origin=store,
        roots=roots,
        flaws=graph.flaws,
        incomplete=graph.incomplete,
        stored=stored,
        beside=names.held,
    )


def _path(digest: Digest) -> str:
    return f"{_BLOBS}{digest.algorithm}/{digest.hex}"


class _Names:
    """What the database says: the target of each name, and the blobs that unpack to a diff_id."""

    def __init__(self, store: Store, source: ByteSource) -> None:
        self._store = store
        size = source.size or 0
        content = b"".join(source.chunks()) if size <= _AT_ONCE else None
        self._database = Bolt(source, size, _reading(source, content))
        self.images: list[tuple[str, Descriptor]] = []
        self.malformed: list[str] = []
        self.by_diff_id: dict[str, list[Digest]] = {}
        self.held: frozenset[Digest] = frozenset()
        self._count = 0

    def read(self) -> _Names:
        """Read all namespaces. BoltError: a page is damaged."""
        database = self._database
        version = database.bucket(database.root, _VERSION)
        held: set[Digest] = set()
        for _, namespace in database.items(version) if version is not None else ():
            if isinstance(namespace, Bucket):
                self._read_images(namespace)
                held.update(self._read_blobs(namespace))
        self.held = frozenset(held)
        return self

    def _read_images(self, namespace: Bucket) -> None:
        database = self._database
        images = database.bucket(namespace, b"images")
        for name, image in database.items(images) if images is not None else ():
            self._few()
            told = name.decode("utf-8", "backslashreplace")
            target = database.bucket(image, b"target") if isinstance(image, Bucket) else None
            members = dict(database.items(target)) if target is not None else {}
            digest = Digest.maybe(_text(members.get(b"digest")))
            size = members.get(b"size")
            count = varint(size) if isinstance(size, bytes) else None
            if digest is None or count is None or count < 0:
                self.malformed.append(told[:200])
                continue
            media_type = word(_text(members.get(b"mediatype"))) or ""
            self.images.append((told, Descriptor.make(media_type, digest, count)))

    def _read_blobs(self, namespace: Bucket) -> Iterator[Digest]:
        database = self._database
        blobs = database.bucket(namespace, b"content", b"blob")
        for name, blob in database.items(blobs) if blobs is not None else ():
            self._few()
            digest = Digest.maybe(_text(name))
            if digest is None or not isinstance(blob, Bucket):
                continue
            yield digest
            label = database.get(blob, b"labels", _DIFF_ID)
            if (diff_id := _text(label)) is not None:
                self.by_diff_id.setdefault(diff_id, []).append(digest)

    def _few(self) -> None:
        self._count += 1
        _layout.require_few(self._count, self._store.files)


def _reading(source: ByteSource, content: bytes | None) -> Callable[[int, int], bytes]:
    """Return what reads bytes from an offset on: from memory, else from the file."""

    def read(offset: int, size: int) -> bytes:
        if content is not None:
            return content[offset : offset + size]
        return b"".join(source.part(offset, size).chunks()) if isinstance(source, Sliceable) else b""

    return read


def _text(value: bytes | Bucket | None) -> str | None:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else None


@dataclass(slots=True)
class _Filled:
    """The nodes of the graph, with layers whose own blob is absent taken from another that unpacks to the same."""

    store: Store
    graph: GraphReader
    names: _Names
    _done: dict[int, tuple[Node, Node]] = field(default_factory=dict)  # the first is kept, so that its id stays its own
    _others: dict[Digest, ByteSource | None] = field(default_factory=dict)  # by diff_id
    # The ids of images, which `_done` keeps: many indexes may list one.
    _whole: set[int] = field(default_factory=set)
    _bare: set[int] = field(default_factory=set)

    def node(self, node: Node) -> Node:
        """Return a node with whatever its images lack that is found elsewhere."""
        if id(node) not in self._done:
            self._done[id(node)] = (node, node)
            new: Node = node
            if isinstance(node, Image):
                new = self._image(node)
            elif isinstance(node, Index):
                new = self._index(node)
            self._done[id(node)] = (node, new)
        return self._done[id(node)][1]

    def _index(self, index: Index) -> Index:
        """Return an index without the images of which containerd has the documents alone, if it has another whole."""
        nodes = [self.node(child.node) for child in index.children]
        if any(id(node) in self._whole for node in nodes):
            nodes = [Missing() if id(node) in self._bare else node for node in nodes]
        if all(new is child.node for new, child in zip(nodes, index.children, strict=True)):
            return index
        children = (
            Child(descriptor=child.descriptor, node=node) for child, node in zip(index.children, nodes, strict=True)
        )
        return replace(index, children=tuple(children))

    def _image(self, image: Image) -> Image:
        layers = tuple(self._layer(layer) for layer in image.layers)
        filled = image if layers == image.layers else replace(image, layers=layers)
        if _is_whole(filled):
            self._whole.add(id(filled))
        if _is_bare(filled):
            self._bare.add(id(filled))
        return filled

    def _layer(self, layer: Layer) -> Layer:
        """Return a layer as its own blob, else as another of its diff_id, which its descriptor does not describe."""
        if layer.source is not None or layer.diff_id is None or not layer.unpacks:
            return layer
        if layer.diff_id not in self._others:
            digests = (layer.diff_id, *self.names.by_diff_id.get(str(layer.diff_id), ()))
            found = (self.store.get(_path(digest)) for digest in digests)
            self._others[layer.diff_id] = next((one for one in found if one is not None), None)
        source = self._others[layer.diff_id]
        if source is None:
            return layer
        return replace(layer, descriptor=None, source=source, name=str(layer.diff_id))

    def note(self, root: Root) -> None:
        """Note the layers of a root's images that containerd has in no blob."""
        for edge in walk([root]):
            if not isinstance(edge.node, Image) or edge.node.config.source is None:
                continue
            for number, layer in enumerate(edge.node.layers):
                if layer.source is None and not layer.foreign:
                    what = (
                        f"layer {number + 1} of {root.label}: its blob {layer.name} is gone, none that unpacks to"
                        f" {layer.diff_id} is here, and a snapshot has no tar-split data"
                    )
                    where = layer_place(edge.node.config.source.where, number)
                    self.graph.flaw("layer-discarded", what, where, layer.name)


def _is_whole(image: Image) -> bool:
    return image.config.source is not None and all(layer.source is not None or layer.foreign for layer in image.layers)


def _is_bare(image: Image) -> bool:
    """Whether no layer of an image is here."""
    own = [layer for layer in image.layers if not layer.foreign]
    return bool(own) and all(layer.source is None for layer in own)


def _roots(filled: _Filled, graph: GraphReader, names: _Names) -> Iterator[Root]:
    """Give a root for each name, and one for each target that has a name of CRI's alone, which is a digest."""
    known: set[tuple[str, Digest]] = set()
    named = {target.digest for told, target in names.images if _name(told) is not None}
    for told, target in names.images:
        if (told, target.digest) in known:
            continue  # the same in another namespace
        known.add((told, target.digest))
        reference = _name(told)
        if reference is None and target.digest in named:
            continue
        named.add(target.digest)
        yield Root(
            descriptor=Descriptor.make(target.media_type, target.digest, target.size),
            node=filled.node(graph.node(target)),
            names=(reference,) if reference is not None else (),
        )


def _name(told: str) -> Reference | None:
    """Return an image name, None for what people do not call it.

    That is a digest, by which CRI's plugin calls an image as well, and what Docker calls one whose last name it lost.
    """
    if told.startswith(_DANGLING):
        return None
    return Reference.maybe(told) if Digest.maybe(told) is None or "/" in told else None


def _stored(store: Store) -> Iterator[Stored]:
    for number, name in enumerate(store.files.names(_BLOBS), 1):
        _layout.require_few(number, store.files)
        algorithm, _, encoded = name.removeprefix(_BLOBS).partition("/")
        yield Stored(name=name, digest=Digest.maybe(f"{algorithm}:{encoded}"), source=store.get(name))
