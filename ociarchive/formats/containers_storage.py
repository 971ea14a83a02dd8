"""The storage of podman, buildah, CRI-O and skopeo that is not in use (containers/storage, images.go, layers.go).

An image has the digest of its config for its ID, or another one where a layer is known by its table of contents alone
(containers/image, storage_dest.go, tocImageID). Its top layer leads to those below. Manifests are kept without the
compressed blobs that they name, so that a manifest of an image can only be made anew, with the annotations of the old
one.
"""

from __future__ import annotations

import base64
import re
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from ociarchive import documents, schema
from ociarchive.blobio.hashing import sha256
from ociarchive.blobio.limits import LimitError
from ociarchive.errors import ContentError, plural
from ociarchive.formats import _layout, _stored
from ociarchive.formats._storages import CONTAINERS, listed
from ociarchive.graph import GraphReader
from ociarchive.model import Archive, Blob, Child, Image, Index, Missing, Root
from ociarchive.schema import Malformed
from ociarchive.stores.folder import DRIVERS, Absent, Store, layer_place
from ociarchive.stores.rebuilt import Rebuilt
from ociarchive.values import Descriptor, Digest, Reference

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ociarchive.blobio.source import ByteSource
    from ociarchive.container import Container
    from ociarchive.model import Node
    from ociarchive.values import JSON

_ID: Final = re.compile(r"[0-9a-f]{64}\Z")
#: Keys of big data that are the names of their files.
_PLAIN_KEY: Final = re.compile(r"[a-z0-9.]+\Z")
_MANIFEST: Final = "manifest"
_SIGNATURE: Final = "signature"
_OF_MANIFEST: Final = "manifest-"
_ELSEWHERE: Final = "where storage.conf names additionalimagestores, it may lie in one of those: name that with --base"


def read(container: Container) -> Archive:
    """Return the images in images.json."""
    store = Store(container)
    known: dict[Digest, ByteSource] = {}
    graph = GraphReader(known.get, store.where, store.limits)
    drivers = [_Driver(store, graph, driver, known) for driver in DRIVERS if container.get(listed(driver)) is not None]
    roots = tuple(root for driver in drivers for root in driver.roots())

    def loose(diff_id: Digest) -> Rebuilt | None:
        return next((found for driver in drivers if (found := driver.layer(diff_id)) is not None), None)

    return Archive(
        format=CONTAINERS, origin=store, roots=roots, flaws=graph.flaws, incomplete=graph.incomplete, loose=loose
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Record:
    """What images.json says of an image: config and manifests by digest, the one in force first, signatures by name."""

    id: str
    config: Digest
    names: tuple[Reference, ...]
    layer: str | None
    manifests: tuple[Digest, ...]
    signed: tuple[str, ...]

    @property
    def label(self) -> str:
        return str(self.names[0]) if self.names else f"sha256:{self.id}"


@dataclass(slots=True)
class _Driver:
    """The images of one driver. `known` gets the manifests and configs by their digests."""

    store: Store
    graph: GraphReader
    driver: str
    known: dict[Digest, ByteSource]
    _layers: dict[str, dict[str, JSON]] = field(default_factory=dict)
    _alike: dict[JSON, list[str]] = field(default_factory=dict)  # layers by what the storage says of their diff_id
    _digests: dict[ByteSource, Digest | None] = field(default_factory=dict)  # of manifests: links may share one
    _types: dict[ByteSource, tuple[str, int] | None] = field(default_factory=dict)
    _chains: _stored.Chains = field(init=False)

    def roots(self) -> Iterator[Root]:
        """Give the images and manifest lists in the order of images.json."""
        self._load_layers()
        for key, entry in self._layers.items():
            if isinstance(told := entry.get("diff-digest"), str):
                self._alike.setdefault(told, []).append(key)
        try:
            records = self._records()
            bare = {record.id: self._config(record) for record in records}
            chains = self._chains_of(records)
        except LimitError as error:
            self.graph.failed(error, self.store.where, self.store.where)
            return
        users: dict[str, list[str]] = {}
        for record in records:
            for layer in chains[record.id]:
                users.setdefault(layer, []).append(record.label)
        self._chains = _stored.Chains(self.store, self.graph, users)
        held: dict[Digest, Image] = {}
        lists: list[_Record] = []
        for record in records:
            image = bare[record.id]
            if image.config.source is None and record.layer is None and record.manifests:
                lists.append(record)
                continue
            image = self._image(record, image, chains[record.id])
            held.update(dict.fromkeys(record.manifests, image))
            yield Root(
                descriptor=None, node=image, names=record.names, pulled_as=record.manifests, signed=record.signed
            )
        for record in lists:
            root = self._index(record, held)
            if isinstance(root.node, Index) and not any(isinstance(child.node, Image) for child in root.node.children):
                what = f"{record.label} is a list of images that are not in the storage; it is not taken along"
                where = f"{self.store.where}: {self.driver}-images/{record.id}"
                self.graph.flaw("store-list-remote", what, where, record.label)
            else:
                yield root

    def layer(self, diff_id: Digest) -> Rebuilt | None:
        """Return a layer that the storage has, whether or not an image of it does. `roots` has to be taken first.

        HostError: its folder may not be looked at.
        """
        found = (self._layer(key, diff_id) for key in self._alike.get(str(diff_id), ()))
        return next((one for one in found if isinstance(one, Rebuilt)), None)

    def _list(self, name: str) -> Iterator[dict[str, JSON]]:
        """Give the objects in the array of a file."""
        source, where = self.store.get(name), f"{self.store.where}: {name}"
        if source is None:
            return
        try:
            value = self.graph.read_document(source, self.store.limits.documents_size).value
            if not isinstance(value, list):
                raise Malformed(f"{name} has the wrong type", expected="an array", found=schema.type_name(value))
        except (ContentError, Malformed) as error:
            self.graph.failed(error, where, name)
            return
        yield from (entry for entry in value if isinstance(entry, dict))

    def _records(self) -> list[_Record]:
        """Return what images.json says of all images. LimitError: they are more than a report may list."""
        most, found = self.store.limits.listed, []
        for entry in self._list(listed(self.driver)):
            if (record := self._record(entry)) is not None:
                found.append(record)
            if len(found) > most:
                what = f"{listed(self.driver)} has more than the {plural(most, 'image')} allowed"
                raise LimitError(what, "listed", where=self.store.where)
        return found

    def _record(self, entry: dict[str, JSON]) -> _Record | None:
        key, layer = entry.get("id"), entry.get("layer")
        where = f"{self.store.where}: {listed(self.driver)}"
        if not isinstance(key, str) or not _ID.match(key):
            self.graph.flaw("schema", "an image without an ID", where, str(key)[:80], "64 hexadecimal digits", None)
            return None
        names: list[Reference] = []
        for text in _strings(entry.get("names")):
            name = Reference.maybe(text)
            if name is not None:
                names.append(name)
            else:
                what = "a name of an image is none"
                self.graph.flaw("reference-malformed", what, where, text[:200], "NAME:TAG", repr(text[:80]))
        kept = dict.fromkeys(_strings(entry.get("big-data-names")))
        told = entry.get("big-data-digests")
        manifests = self._manifests(key, kept, told if isinstance(told, dict) else {})
        return _Record(
            id=key,
            config=self._config_of(key, kept),
            names=tuple(dict.fromkeys(names)),
            layer=layer if isinstance(layer, str) and layer else None,
            manifests=tuple(dict.fromkeys(manifests)),
            signed=tuple(
                data
                for data in kept
                if data.startswith(_SIGNATURE) and (found := self._data(key, data)) is not None and found.size != 0
            ),
        )

    def _manifests(self, key: str, kept: Iterable[str], told: Mapping[str, JSON]) -> Iterator[Digest]:
        """Give the digests of an image's manifests, the one in force first, which are known from then on.

        `told` are the digests of big data. One that is not as the storage says is a flaw, and serves nothing.
        """
        for data in sorted(kept, key=lambda one: one != _MANIFEST):
            if data != _MANIFEST and not data.startswith(_OF_MANIFEST):
                continue
            claimed = Digest.maybe(told.get(data)) or Digest.maybe(data.removeprefix(_OF_MANIFEST))
            source = self._data(key, data)
            found = self._digest(source)
            comparable = claimed is not None and found is not None and claimed.algorithm == found.algorithm
            if source is None or found is None or (comparable and claimed != found):
                what = f"the document {data} of image {key} is {'gone' if source is None else 'another'}"
                where = f"{self.store.where}: {self.driver}-images/{key}"
                expected = str(claimed) if claimed is not None else None
                self.graph.flaw("store-manifest", what, where, data, expected, str(found or "no manifest"))
            else:
                digest = claimed or found
                self.known.setdefault(digest, source)
                yield digest

    def _config_of(self, key: str, kept: Iterable[str]) -> Digest:
        """Return the digest of an image's config: its ID, else the digest by which the storage keeps a document."""
        own = Digest("sha256", key)
        if self._data(key, str(own)) is not None:
            return own
        found = (digest for data in kept if (digest := Digest.maybe(data)) is not None)
        return next((digest for digest in found if digest.algorithm == own.algorithm), own)

    def _data(self, key: str, data: str) -> ByteSource | None:
        """Return big data of an image (containers/storage, makeBigDataBaseName)."""
        file = data if _PLAIN_KEY.match(data) else "=" + base64.b64encode(data.encode()).decode()
        return self.store.get(f"{self.driver}-images/{key}/{file}")

    def _digest(self, source: ByteSource | None) -> Digest | None:
        """Return the digest of a manifest, None where it is absent or too large for one."""
        if source is None or source.size is None or source.size > self.store.limits.manifest_size:
            return None
        if source not in self._digests:
            self._digests[source] = _digest_of(b"".join(source.chunks()))
        return self._digests[source]

    def _config(self, record: _Record) -> Image:
        """Return an image without its layers."""
        source = self._data(record.id, str(record.config))
        if source is not None:
            self.known[record.config] = source
        name = f"{self.driver}-images/{record.id}"
        return self.graph.image_of(Blob(descriptor=None, source=source, name=name, named=record.config), ())

    def _load_layers(self) -> None:
        """Read what is said of layers, those of layers.json first."""
        for name in ("layers.json", "volatile-layers.json"):
            for entry in self._list(f"{self.driver}-layers/{name}"):
                key, flags = entry.get("id"), entry.get("flags")
                if isinstance(key, str) and not (isinstance(flags, dict) and flags.get("incomplete")):
                    self._layers.setdefault(key, entry)

    def _chains_of(self, records: Iterable[_Record]) -> dict[str, list[str]]:
        """Return the layers of each image. LimitError: they are too many, each as often as an image has it."""
        most, found = self.store.limits.listed, {}
        for record in records:
            found[record.id] = self._chain(record)
            most -= len(found[record.id])
            if most < 0:
                what = f"the layers of all images are more than the {self.store.limits.listed} allowed"
                raise LimitError(what, "listed", where=self.store.where)
        return found

    def _chain(self, record: _Record) -> list[str]:
        """Return the IDs of an image's layers as far as they lead, the lowest first; a circle ends at its beginning."""
        found: dict[str, None] = {}
        layer: JSON = record.layer
        while isinstance(layer, str) and layer and len(found) <= self.store.limits.layers:
            if layer in found:
                return []
            found[layer] = None
            layer = self._layers.get(layer, {}).get("parent")
        return [*reversed(found)]

    def _image(self, record: _Record, bare: Image, chain: list[str]) -> Image:
        """Return an image with its layers, and with the manifest that it had where that is one of these layers."""
        if bare.config.source is None:
            what = f"neither a config nor a manifest list of {record.label} is in the storage"
            self.graph.flaw("store-name-dangling", what, f"{self.store.where}: {bare.config.name}", bare.config.name)
            return bare
        where = bare.config.source.where
        if record.layer is not None and not chain:
            what = f"{record.label}: its layers lead in a circle"
            self.graph.flaw("store-chain", what, f"{where}#/rootfs/diff_ids", record.layer)
        image = self._chains.image(bare, self._found(bare.diff_ids, chain), record.label)
        if len(chain) == len(bare.diff_ids):
            for number, (layer, diff_id) in enumerate(zip(chain, bare.diff_ids, strict=True)):
                other = self._other(layer, diff_id)
                if other is not None:
                    what = f"layer {number + 1} of {record.label}: the storage says that it is another"
                    place = layer_place(where, number)
                    self.graph.flaw("store-chain", what, place, str(diff_id), str(diff_id), other)
        return self._with_manifest(record, image)

    def _found(self, diff_ids: Sequence[Digest], chain: Sequence[str]) -> list[Rebuilt | Absent | None]:
        """Return the layers of an image, the lowest first, as far as they lead, or why there is none."""
        short = len(diff_ids) - len(chain)
        if short <= 0:
            return [*map(self._layer, chain, (*diff_ids, *[None] * -short))]
        found: list[Rebuilt | Absent | None] = [self._below(chain[0]) if chain else None] * short
        for layer, diff_id in zip(chain, diff_ids[short:], strict=True):
            other = self._other(layer, diff_id)
            why = f"the storage has another one in its place, {other}"
            found.append(self._layer(layer, diff_id) if other is None else Absent("layer-not-rebuilt", why))
        return found

    def _below(self, lowest: str) -> Absent:
        """Return why there is no layer below the lowest one of a chain."""
        known = self._layers.get(lowest)
        if known is None:
            why = f"the storage has no layer {lowest[:80]}, which lies upon it; {_ELSEWHERE}"
        elif known.get("parent") is None:
            why = f"the storage says that {lowest[:80]}, which lies upon it, is the lowest layer"
        else:
            why = f"the storage has no layer {str(known['parent'])[:80]}; {_ELSEWHERE}"
        return Absent("layer-not-rebuilt", why)

    def _other(self, layer: str, diff_id: Digest) -> str | None:
        """Return the diff_id that the storage gives a layer, None where it is this one, or where it gives none."""
        told = self._layers.get(layer, {}).get("diff-digest")
        return None if told in (None, str(diff_id)) else str(told)[:80]

    def _layer(self, layer: str, diff_id: Digest | None) -> Rebuilt | Absent | None:
        if diff_id is None:
            return None
        if layer not in self._layers:
            return Absent("layer-not-rebuilt", f"the storage has no layer {layer[:80]}; {_ELSEWHERE}")
        if not _ID.match(layer):
            return Absent("layer-not-rebuilt", f"the storage calls it {layer[:80]!r}, which is no ID")
        split = f"{self.driver}-layers/{layer}.tar-split.gz"
        return self._chains.layer(layer, split, self.driver, layer, diff_id)

    def _with_manifest(self, record: _Record, image: Image) -> Image:
        """Return the image with the document in force, if it is a manifest of this config and as many layers."""
        for digest in record.manifests[:1]:
            node = self._node(digest)
            fits = isinstance(node, Image) and node.image_id == record.config
            if isinstance(node, Image) and fits and len(node.layers) == len(image.layers):
                return replace(image, document=node.document, config=node.config, subject=node.subject)
        return image

    def _node(self, digest: Digest) -> Node:
        source = self.known[digest]
        if source not in self._types:
            try:
                document = self.graph.read_document(source, self.store.limits.manifest_size)
                self._types[source] = (_layout.media_type_of(document), len(document.raw))
            except ContentError:
                self._types[source] = None
        told = self._types[source]
        return Missing(source=source) if told is None else self.graph.node(Descriptor.make(told[0], digest, told[1]))

    def _index(self, record: _Record, held: Mapping[Digest, Image]) -> Root:
        """Return a manifest list, with the images of the storage that it names."""
        digest = record.manifests[0]
        node = self._node(digest)
        if isinstance(node, Index):
            children = tuple(
                Child(descriptor=child.descriptor, node=held.get(child.descriptor.digest, Missing()))
                for child in node.children
            )
            node = replace(node, children=children)
        size = self.known[digest].size or 0
        kind = node.document.members.get("mediaType") if isinstance(node, Index) else ""
        descriptor = Descriptor.make(kind if isinstance(kind, str) else "", digest, size)
        return Root(descriptor=descriptor, node=node, names=record.names, signed=record.signed)


def _digest_of(raw: bytes) -> Digest:
    """Return the digest of a manifest: of one of schema 1 that of what was signed."""
    if b'"fsLayers"' in raw:
        with suppress(ContentError):
            return _layout.described(documents.parse(raw, "", limit=len(raw), surrogates=True)).digest
    return sha256(raw)


def _strings(value: JSON | None) -> Iterable[str]:
    return (one for one in value if isinstance(one, str)) if isinstance(value, list) else ()
