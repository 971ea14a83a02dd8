"""Completion: layers that an archive lacks come from other archives of the call. Each is proved when it is read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from ociarchive.blobio.codec import MAGIC, NONE, sniff
from ociarchive.elsewhere import Elsewhere
from ociarchive.mediatypes import look_up
from ociarchive.model import Child, Image, Index, Root, images, parts, walk
from ociarchive.stores.folder import layer_place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from ociarchive.blobio.source import ByteSource
    from ociarchive.model import Archive, Layer, Node
    from ociarchive.values import Digest

_WHY = "is not in the archive, and another archive of the call has it"
_HERE = "is at DEST as it would be compressed"
#: What the readers of engines' storage note of a layer that they do not find.
_GONE: Final = ("layer-not-rebuilt", "tar-split-missing", "layer-discarded")


class Otherwise(NamedTuple):
    """A layer of the same content in another blob: its digest, how it is stored in words, the archive that has it."""

    digest: Digest
    how: str
    where: str


class Pool:
    """The layers of some archives, by digest and by diff_id. `size` is what these archives take, in bytes."""

    def __init__(self, archives: Iterable[Archive]) -> None:
        self._blobs: dict[Digest, ByteSource] = {}
        self._contents: dict[Digest, ByteSource] = {}
        self._bare: dict[Digest, ByteSource] = {}  # those of layers without a digest of their own
        self._named: dict[Digest, tuple[Digest, ByteSource, str]] = {}  # those with one, and the archive that has them
        self._loose: list[Callable[[Digest], ByteSource | None]] = []
        self.size = 0
        for archive in archives:
            self.size += archive.origin.stored_size
            self._add(archive)

    def _add(self, archive: Archive) -> None:
        if archive.loose is not None:
            self._loose.append(archive.loose)
        for image in images(archive.roots):
            for layer in image.layers:
                if layer.source is not None and layer.elsewhere is None:
                    self._layer(layer, layer.source, archive.where)
        for edge in walk(archive.roots):
            for part in parts(edge.node):
                if part.descriptor is not None and part.source is not None:
                    self._blobs.setdefault(part.descriptor.digest, part.source)
        for stored in archive.stored:
            if stored.digest is not None and stored.source is not None:
                self._blobs.setdefault(stored.digest, stored.source)

    def _layer(self, layer: Layer, source: ByteSource, where: str) -> None:
        if layer.descriptor is not None:
            self._blobs.setdefault(layer.descriptor.digest, source)
        if layer.diff_id is None or not layer.unpacks:
            return
        self._contents.setdefault(layer.diff_id, source)
        if layer.descriptor is not None:
            self._named.setdefault(layer.diff_id, (layer.descriptor.digest, source, where))
        else:
            self._bare.setdefault(layer.diff_id, source)
            if sniff(source.head(MAGIC)) is NONE:
                self._blobs.setdefault(layer.diff_id, source)

    def completed(self, layer: Layer) -> Layer:
        """Return a layer that is not in its archive with the bytes that are here. It is unchanged if none are.

        Bytes of its digest come first. Else those of its diff_id serve if they are known by it alone, or if the layer
        was left out by its chain ID. Then it has no descriptor, for it is another blob. A layer that its archive knows
        by its diff_id alone is the content of any blob.
        """
        if layer.source is not None or (layer.foreign and layer.elsewhere is None):
            return layer
        if layer.descriptor is None:
            content = self._content(layer, self._contents)
            return layer if content is None else replace(layer, source=content)
        elsewhere = layer.elsewhere or Elsewhere(descriptor=layer.descriptor, diff_id=layer.diff_id, why=_WHY)
        source = self._blobs.get(layer.descriptor.digest)
        if source is not None:
            return replace(layer, source=source, elsewhere=elsewhere)
        content = self._content(layer, self._contents if elsewhere.by_chain else self._bare)
        if content is None:
            return layer
        return replace(layer, source=content, descriptor=None, name=content.where, elsewhere=elsewhere)

    def otherwise(self, layer: Layer) -> Otherwise | None:
        """Return the blob here that has the content of a layer, as its image claims, and is another one; None: none.

        It does not complete the layer, whose manifest names bytes that it does not have.
        """
        found = self._named.get(layer.diff_id) if layer.diff_id is not None else None
        if found is None:
            return None
        digest, source, where = found
        codec = sniff(source.head(MAGIC))
        return Otherwise(digest, "plain" if codec is NONE else f"in {codec.name}", where)

    def _content(self, layer: Layer, contents: Mapping[Digest, ByteSource]) -> ByteSource | None:
        """Return what unpacks to a layer's diff_id: from these contents, else a layer that no image there has."""
        if layer.diff_id is None or not layer.unpacks:
            return None
        loose = (find(layer.diff_id) for find in self._loose)
        return contents.get(layer.diff_id) or next((one for one in loose if one is not None), None)


class Replacements:
    """Layers by diff_id, all stored by one codec: they stand in for layers that are stored by another."""

    #: No archive is opened for them.
    size = 0

    def __init__(self, layers: Mapping[Digest, ByteSource], codec: str) -> None:
        self._layers, self._codec = layers, codec

    def completed(self, layer: Layer) -> Layer:
        """Return a layer that would be compressed anew with the bytes that are here; others unchanged."""
        if layer.descriptor is None or layer.source is None or layer.elsewhere is not None:
            return layer
        known = look_up(layer.descriptor.media_type)
        source = self._layers.get(layer.diff_id) if layer.diff_id is not None and layer.unpacks else None
        if source is None or known is None or known.codec in (None, self._codec):
            return layer
        elsewhere = Elsewhere(descriptor=layer.descriptor, diff_id=layer.diff_id, why=_HERE)
        return replace(layer, source=source, descriptor=None, name=source.where, elsewhere=elsewhere)


def lacking(archive: Archive) -> bool:
    """Whether an archive lacks a layer that another one could give it."""
    return any(_lacks(layer) for image in images(archive.roots) for layer in image.layers)


def _lacks(layer: Layer) -> bool:
    return layer.source is None and (not layer.foreign or layer.elsewhere is not None)


def complete(archive: Archive, pool: Pool | Replacements, *, declared: bool = False) -> Archive:
    """Return an archive with the layers that it lacks and the pool has. `declared`: only what is elsewhere by design.

    That is what a delta left out, and what an engine's storage lacks, whose images may lie upon those of another one.
    It shares files with the archive that is given, which stays to be closed.
    """
    nodes: dict[int, Node] = {}
    store = archive.origin.kind == "store"
    found: set[tuple[str, str]] = set()  # the layers that a storage lacked, by place and name

    def layer(one: Layer) -> Layer:
        return one if declared and not store and one.elsewhere is None else pool.completed(one)

    def node(one: Node) -> Node:
        if id(one) not in nodes:
            nodes[id(one)] = made(one)
        return nodes[id(one)]

    def made(one: Node) -> Node:
        if isinstance(one, Image):
            layers = tuple(map(layer, one.layers))
            if store and one.config.source is not None:
                places = (layer_place(one.config.source.where, number) for number in range(len(layers)))
                changed = zip(places, one.layers, layers, strict=True)
                found.update((place, before.name) for place, before, after in changed if after is not before)
            return one if all(map(_same, layers, one.layers)) else replace(one, layers=layers)
        if isinstance(one, Index):
            children = tuple(child(entry) for entry in one.children)
            return one if all(map(_same, children, one.children)) else replace(one, children=children)
        return one

    def child(entry: Child) -> Child:
        below = node(entry.node)
        return entry if below is entry.node else replace(entry, node=below)

    def root(entry: Root) -> Root:
        below = node(entry.node)
        return entry if below is entry.node else replace(entry, node=below)

    roots = tuple(map(root, archive.roots))
    if all(map(_same, roots, archive.roots)):
        return archive
    flaws = tuple(one for one in archive.flaws if one.rule not in _GONE or (one.where, one.subject) not in found)
    return replace(archive, roots=roots, flaws=flaws, borrowed=archive.borrowed + pool.size)


def _same(one: object, other: object) -> bool:
    return one is other


def left_out(roots: Iterable[Root]) -> Iterator[Layer]:
    """Give the layers that a delta leaves out and nothing has completed, each digest once."""
    seen: set[Digest] = set()
    for image in images(roots):
        for layer in image.layers:
            if layer.source is None and layer.elsewhere is not None:
                digest = layer.elsewhere.descriptor.digest
                if digest not in seen:
                    seen.add(digest)
                    yield layer
