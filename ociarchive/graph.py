"""Make nodes of manifests and indexes. No other module does this.

Each fault becomes a flaw, and a `Missing` node where nothing could be read, so that an audit can continue. A document
that is of two kinds at once is refused (CVE-2021-41190). Source: image-spec manifest.md, image-index.md, config.md.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from ociarchive import documents, schema
from ociarchive.blobio.hashing import sha256
from ociarchive.blobio.limits import LimitError, Limits
from ociarchive.blobio.source import Bytes, counted, read_all
from ociarchive.disguise import is_disguised, kind_in
from ociarchive.errors import ContentError, plural
from ociarchive.mediatypes import OCI_EMPTY, Kind, is_config, kind_of
from ociarchive.model import Artifact, Blob, Child, Image, Index, Layer, Missing, Node
from ociarchive.oldimages import schema1
from ociarchive.oldimages.made import SCHEMA1
from ociarchive.oldimages.unpacking import Unpacking, descriptor_of
from ociarchive.schema import Malformed
from ociarchive.schema.noticing import Noticing
from ociarchive.statements import Statements
from ociarchive.values import MAX_WORD, Descriptor, Digest, word

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ociarchive.blobio.source import ByteSource
    from ociarchive.documents import Document
    from ociarchive.elsewhere import Elsewhere
    from ociarchive.oldimages.made import Made
    from ociarchive.values import JSON

#: A layer that is not yet in the graph: descriptor, bytes, and its name in messages.
Found: TypeAlias = "tuple[Descriptor | None, ByteSource | None, str]"


class GraphReader(Noticing):
    """Makes nodes from descriptors. Each document is read once, however many descriptors name it."""

    def __init__(self, find: Callable[[Digest], ByteSource | None], where: str, limits: Limits | None = None) -> None:
        """`find` returns the blob of a digest, None where it is not in the archive. `where` names the archive."""
        super().__init__(where)
        self._find = find
        self.limits = limits or Limits()
        self._nodes: dict[tuple[Digest, str], Node] = {}
        self._open: set[tuple[Digest, str]] = set()
        self._documents = self._bytes = self._making = 0
        self._configs: dict[ByteSource, tuple[Document | None, tuple[Digest, ...]]] = {}
        self._alike: dict[ByteSource, bool] = {}
        self._made: set[ByteSource] = set()
        self._digests: dict[ByteSource, Digest] = {}
        self._values = self._layers = self._looked = 0
        self._statements = Statements(self.limits, where)
        self._unpacking = Unpacking(self.limits)
        #: The facts of layers that were read for configs that the archive does not have.
        self.facts = self._unpacking.facts
        #: What the archive says that it leaves out.
        self.elsewhere: Mapping[Digest, Elsewhere] = {}

    def node(self, descriptor: Descriptor, depth: int = 0) -> Node:
        """Return what a descriptor of a manifest or index leads to."""
        key = (descriptor.digest, descriptor.media_type)
        if key in self._open:
            self.flaw("index-cycle", "an index leads to itself", self._where, descriptor.digest)
            return Missing(source=self.find(descriptor))
        if key not in self._nodes:
            source = self.find(descriptor)
            self._open.add(key)
            self._nodes[key] = Missing() if source is None else self._read(descriptor, source, depth)
            self._open.discard(key)
        return self._nodes[key]

    def find(self, descriptor: Descriptor) -> ByteSource | None:
        """Return where the blob of a descriptor is: in the archive, else in the descriptor itself."""
        found = self._find(descriptor.digest)
        if found is None and descriptor.data is not None:
            return Bytes(descriptor.data, f"{self._where}: data of {descriptor.digest}")
        return found

    def image_of(self, config: Blob, layers: tuple[Found, ...]) -> Image:
        """Return the image of a config and layers without a manifest (docker-archive)."""
        return self._image(None, None, config, layers, None)

    def read_document(self, source: ByteSource, limit: int, *, surrogates: bool = False) -> Document:
        """Return the strict JSON in a source. DocumentError: it is not strict JSON, or it is too large."""
        size = counted(source, limit)
        if size > limit:
            raise documents.too_large(source.size, limit, source.where)
        raw = read_all(source, limit)
        self._values += documents.marks(raw)
        if self._values > self.limits.values:
            what = f"the archive's documents hold more than the {plural(self.limits.values, 'value')} allowed"
            raise LimitError(what, "values", where=self._where)
        depth, values = self.limits.depth, self.limits.values
        return documents.parse(raw, source.where, limit=limit, depth=depth, surrogates=surrogates, values=values)

    def _read(self, descriptor: Descriptor, source: ByteSource, depth: int) -> Node:
        opaque = Artifact(document=None, source=source, artifact_type=descriptor.artifact_type)
        kind = kind_of(descriptor.media_type)
        if descriptor.media_type and kind is None:
            return opaque
        try:
            if kind is Kind.LAYER and source.head(1).strip() not in (b"", b"{"):
                return opaque  # BuildKit lists the layers of a cache in an index. JSON may begin with blanks.
            self._budget(source, self.limits.manifest_size)
            document = self.read_document(source, self.limits.manifest_size)
            return self.parse(document, descriptor, Bytes(document.raw, source.where), depth)
        except (Malformed, ContentError) as error:
            self.failed(error, source.where, descriptor.digest)
        return Missing(source=source)

    def _budget(self, source: ByteSource, limit: int) -> None:
        """Count a document of at most `limit` bytes before it is read: all of them stay in memory."""
        self._documents += 1
        self._bytes += counted(source, limit)
        self._require_room(self._documents, self._bytes)

    def _require_room(self, documents: int, size: int) -> None:
        """Refuse (LimitError) documents that are too many or, in bytes, too large."""
        for name, count, allowed in (
            ("documents", documents, self.limits.documents),
            ("documents-size", size, self.limits.documents_size),
        ):
            if count > allowed:
                unit = " bytes" if name.endswith("size") else ""
                what = f"the archive's manifests, indexes and configs are more than the {allowed}{unit} allowed"
                raise LimitError(what, name, where=self._where)

    def parse(self, document: Document, descriptor: Descriptor, source: ByteSource, depth: int = 0) -> Node:
        """Return the node of a document that was read. Malformed: it is neither a manifest nor an index."""
        members = schema.object_in(document.value, "a manifest")
        told = members.get("mediaType")
        if told is not None and not isinstance(told, str):
            what = "mediaType has the wrong type"
            raise Malformed(what, "/mediaType", expected="a string", found=schema.type_name(told))
        if told and descriptor.media_type and told != descriptor.media_type:
            self.flaw(
                "media-type-conflict",
                "document and descriptor disagree on the media type",
                source.where,
                descriptor.digest,
                descriptor.media_type,
                told[:MAX_WORD],
            )
        kind = kind_in(members, told or "", descriptor.media_type)
        if kind is Kind.SCHEMA1:
            return self._schema1(document, source, descriptor)
        if kind is Kind.INDEX:
            self.problems(schema.index_problems(members), source.where, descriptor.digest)
            return self._index(document, source, descriptor, depth)
        if kind is Kind.MANIFEST:
            self.problems(schema.manifest_problems(members), source.where, descriptor.digest)
            return self._manifest(document, source, descriptor)
        if kind is Kind.ARTIFACT_MANIFEST:
            held = members.get("blobs") is not None  # may be absent (image-spec 1.1.0-rc2, artifact.md)
            blobs = self._descriptors(members, "blobs", source, descriptor) if held else ()
            return self._artifact(document, source, blobs, descriptor)
        return Artifact(document=None, source=source, artifact_type=descriptor.artifact_type)

    def _index(self, document: Document, source: ByteSource, descriptor: Descriptor, depth: int) -> Index:
        if depth >= self.limits.nesting:
            what = f"indexes nest more than {self.limits.nesting} deep, --limit nesting=N lifts this limit"
            raise Malformed(what, rule="limit-nesting")
        schema.require_version(document.members)
        entries = self._descriptors(document.members, "manifests", source, descriptor)
        if not entries and document.members.get("manifests") == []:
            self.flaw("index-empty", "the index lists nothing", f"{source.where}#/manifests", descriptor.digest)
        return Index(
            document=document,
            source=source,
            children=tuple(Child(descriptor=entry, node=self.node(entry, depth + 1)) for entry in entries),
            subject=schema.subject_in(document.members),
        )

    def _manifest(self, document: Document, source: ByteSource, descriptor: Descriptor) -> Image | Artifact:
        schema.require_version(document.members)
        config = schema.config_in(document.members)
        listed = document.members.get("layers")
        layers = self._descriptors(document.members, "layers", source, descriptor)
        if isinstance(listed, list) and len(layers) < len(listed):
            return self._artifact(document, source, (config, *layers), descriptor)
        # An attestation has an image's config too. Only its layers show that it is not an image.
        layered = not layers or any(kind_of(layer.media_type) is Kind.LAYER for layer in layers)
        if not is_config(config.media_type, document.members.get("mediaType")) or not layered:
            made = self._artifact(document, source, (config, *layers), descriptor)
            if not is_disguised(config, layers, self.find, lambda: self._is_config(config)):
                return made
            what = "what looks like an image has media types that none has: its layers are not proved"
            odd = next((one.media_type for one in (config, *layers) if kind_of(one.media_type) is None), "")
            self.flaw("image-unproved", what, source.where, descriptor.digest, None, odd[:80])
            return replace(made, disguised=True)
        blob = Blob(descriptor=config, source=self.find(config), name=str(config.digest))
        found = tuple((layer, self.find(layer), str(layer.digest)) for layer in layers)
        return self._image(document, source, blob, found, schema.subject_in(document.members))

    def _is_config(self, config: Descriptor) -> bool:
        """Whether a blob of another media type can be read as an image's config. Each is read once."""
        source = self.find(config)
        if source is not None and source not in self._alike:
            self._alike[source] = self._reads_as_config(source)
        return source is not None and self._alike[source]

    def _reads_as_config(self, source: ByteSource) -> bool:
        if (size := counted(source, self.limits.manifest_size)) > self.limits.manifest_size:
            return False
        self._looked += size
        self._require_room(self._documents, self._looked)
        try:
            rootfs = self.read_document(source, self.limits.manifest_size, surrogates=True).members.get("rootfs")
        except LimitError:
            raise
        except ContentError:
            return False
        return isinstance(rootfs, dict) and "diff_ids" in rootfs

    def _artifact(
        self, document: Document, source: ByteSource, blobs: tuple[Descriptor, ...], descriptor: Descriptor
    ) -> Artifact:
        told = document.members.get("artifactType")
        config = document.members.get("config")
        config_type = config.get("mediaType") if isinstance(config, dict) else None
        if word(told) is None:
            told = descriptor.artifact_type or (config_type if config_type != OCI_EMPTY else None)
        held = [Blob(descriptor=blob, source=self.find(blob), name=str(blob.digest)) for blob in blobs]
        return Artifact(
            document=document,
            source=source,
            artifact_type=word(told),
            blobs=tuple(held),
            subject=schema.subject_in(document.members),
            spoken_of=self._statements.of(held),
        )

    def _schema1(self, document: Document, source: ByteSource, descriptor: Descriptor) -> Image | Missing:
        """Return the image of a manifest of schema 1. Malformed, DocumentError: Docker 20.10 does not take it."""

        def parse(raw: bytes, where: str) -> Document:
            return self.read_document(Bytes(raw, where), self.limits.manifest_size, surrogates=True)

        signed = schema1.payload(document)
        if sha256(signed) == descriptor.digest:
            source = Bytes(signed, source.where)
        found = schema1.read(document, source.where, parse)
        if found.signatures:
            what = (
                "the manifest is signed by a key that it brings itself; the signature was not checked, and nobody says"
                " whose key it is"
            )
            self.flaw("schema1-signature", what, source.where, descriptor.digest)
        layers, thrown = map(self._old_layers, (found.layers, found.thrown))
        named = tuple(Blob(descriptor=claim, source=place, name=name) for claim, place, name in thrown)
        return self.made_image(source, layers, found.config, SCHEMA1, named)

    def _old_layers(self, digests: Sequence[Digest]) -> tuple[Found, ...]:
        found = ((digest, self._find(digest)) for digest in digests)
        return tuple((descriptor_of(digest, source), source, str(digest)) for digest, source in found)

    def made_image(
        self,
        source: ByteSource,
        layers: tuple[Found, ...],
        config: Callable[[Sequence[Digest]], bytes],
        how: Made,
        also_named: tuple[Blob, ...] = (),
    ) -> Image | Missing:
        """Return the image of an old form without a config, whose document is `source`.

        Each layer is read to its end, once, for its diff_id, of which `config` makes the config. Where a layer has
        none, the node is missing, and the flaws say why. Malformed: `config` raises it. LimitError: it is too large.
        """
        self._require_few(layers, source.where)
        diff_ids = [self._diff_id(layer, source.where) for layer in layers]
        whole = [one for one in diff_ids if one is not None]
        if len(whole) < len(layers):
            return Missing(source=source)
        made = Bytes(config(whole), f"{source.where}: the config made of it")
        self._making += made.size  # many may share what makes it large, and be equal
        self._require_room(self._documents + 1, max(self._bytes + made.size, self._making))
        self._made.add(made)
        blob = Blob(descriptor=None, source=made, name=how.of)
        image = self._image(None, source, blob, layers, None)
        if image.config_document is None:
            return Missing(source=source)
        self.flaw("config-made", f"the image ID is new: {how.why}", source.where, str(image.image_id))
        return replace(image, made=how, also_named=also_named)

    def _diff_id(self, layer: Found, where: str) -> Digest | None:
        """Return the diff_id of a layer, None and a flaw at `where` where it has none."""
        descriptor, source, name = layer
        try:
            return self._unpacking.diff_id(descriptor, source)
        except (Malformed, ContentError) as error:
            self.failed(error, where, name)
            return None

    def _image(
        self,
        document: Document | None,
        source: ByteSource | None,
        config: Blob,
        layers: tuple[Found, ...],
        subject: Descriptor | None,
    ) -> Image:
        self._require_few(layers, source.where if source else self._where)
        self._layers += len(layers)
        parsed, diff_ids = self._config(config)
        if parsed is not None and config.source is not None:
            config = replace(config, source=Bytes(parsed.raw, config.source.where))
        padded = (*diff_ids[: len(layers)], *[None] * (len(layers) - len(diff_ids)))
        return Image(
            document=document,
            source=source,
            config=config,
            config_document=parsed,
            config_digest=self._digest(config.source),
            layers=tuple(self._layer(one, diff_id) for one, diff_id in zip(layers, padded, strict=False)),
            diff_ids=diff_ids,
            subject=subject,
        )

    def _require_few(self, layers: tuple[Found, ...], where: str) -> None:
        """Refuse an image of too many layers, alone or with those of the others (LimitError)."""
        if len(layers) > self.limits.layers:
            what = f"an image has {plural(len(layers), 'layer')}, more than the {self.limits.layers} allowed"
            raise LimitError(what, "layers", where=where)
        if self._layers + len(layers) > self.limits.listed:
            what = f"the archive's images have more than the {plural(self.limits.listed, 'layer')} allowed"
            raise LimitError(what, "listed", where=self._where)

    def _layer(self, found: Found, diff_id: Digest | None) -> Layer:
        descriptor, source, name = found
        absent = descriptor if source is None else None
        told = self.elsewhere.get(absent.digest) if absent is not None else None
        elsewhere = replace(told, descriptor=absent) if told is not None and absent is not None else None
        return Layer(descriptor=descriptor, source=source, name=name, diff_id=diff_id, elsewhere=elsewhere)

    def _digest(self, source: ByteSource | None) -> Digest | None:
        """Return the digest of a config's bytes, None where there are none or too many, its own or those of all."""
        many = self._documents > self.limits.documents or self._bytes > self.limits.documents_size
        if source is None or many or counted(source, self.limits.config_size) > self.limits.config_size:
            return None
        if source not in self._digests:  # many images may have one config
            self._digests[source] = sha256(b"".join(source.chunks()))
        return self._digests[source]

    def _config(self, config: Blob) -> tuple[Document | None, tuple[Digest, ...]]:
        """Return the config's document and diff_ids; none, and a flaw, where it is unreadable. Each is read once."""
        if config.source is None:
            return None, ()
        if config.source not in self._configs:
            before = self.incomplete
            self._configs[config.source] = self._read_config(config, config.source)
            self.incomplete = before  # a config leads to nothing
        return self._configs[config.source]

    def _read_config(self, config: Blob, source: ByteSource) -> tuple[Document | None, tuple[Digest, ...]]:
        try:
            self._budget(source, self.limits.config_size)
            parsed = self.read_document(source, self.limits.config_size, surrogates=True)
            schema.object_in(parsed.value, "a config")
        except (Malformed, ContentError) as error:
            self.failed(error, source.where, config.name)
            return None, ()
        if documents.has_lone_surrogate(parsed):
            what = "config has half of a surrogate pair in a string; its bytes travel as they are"
            self.flaw("config-surrogate", what, source.where, config.name)
        problems = schema.config_problems(parsed.members, made=source in self._made)
        self.problems(problems, source.where, config.name)
        try:
            return parsed, schema.diff_ids_in(parsed.members)
        except Malformed as error:
            self.failed(error, source.where, config.name)
            return None, ()

    def _descriptors(
        self, members: dict[str, JSON], key: str, source: ByteSource, descriptor: Descriptor
    ) -> tuple[Descriptor, ...]:
        """Return the descriptors in an array. An element that is no descriptor is a flaw. Malformed: it is no array."""
        found = []
        for number, entry in enumerate(schema.list_in(members, key)):
            try:
                found.append(schema.descriptor_in(entry, f"/{key}/{number}"))
            except Malformed as error:
                self.failed(error, source.where, descriptor.digest)
        return tuple(found)
