"""Make nodes of manifests and indexes. No other module does this.

Each fault becomes a flaw, and a `Missing` node where nothing could be read, so that an audit can continue. A document
that is of two kinds at once is refused (CVE-2021-41190). Source: image-spec manifest.md, image-index.md, config.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from ociarchive import documents, schema
from ociarchive.blobio.hashing import sha256
from ociarchive.blobio.limits import LimitError, Limits
from ociarchive.blobio.source import Bytes, counted, read_all
from ociarchive.errors import ContentError
from ociarchive.flaws import Flaw, Flaws
from ociarchive.mediatypes import LAYER_PREFIXES, OCI_EMPTY, Kind, kind_of
from ociarchive.model import Artifact, Blob, Child, Image, Index, Layer, Missing, Node
from ociarchive.schema import Malformed
from ociarchive.statements import Statements
from ociarchive.values import MAX_WORD, Descriptor, Digest, word

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ociarchive.blobio.source import ByteSource
    from ociarchive.documents import Document
    from ociarchive.values import JSON, Descriptor, Digest

#: A layer that is not yet in the graph: descriptor, bytes, and its name in messages.
Found: TypeAlias = "tuple[Descriptor | None, ByteSource | None, str]"


class GraphReader:
    """Makes nodes from descriptors. Each document is read once, however many descriptors name it."""

    def __init__(self, find: Callable[[Digest], ByteSource | None], where: str, limits: Limits | None = None) -> None:
        """`find` returns the blob of a digest, None where it is not in the archive. `where` names the archive."""
        self._find, self._where = find, where
        self.limits = limits or Limits()
        self._nodes: dict[tuple[Digest, str], Node] = {}
        self._open: set[tuple[Digest, str]] = set()
        self._documents = self._bytes = 0
        self._flaws = Flaws()
        self._configs: dict[ByteSource, tuple[Document | None, tuple[Digest, ...]]] = {}
        self._values = self._layers = 0
        self._statements = Statements(self.limits, where)
        self.incomplete = False

    @property
    def flaws(self) -> tuple[Flaw, ...]:
        """The flaws that were found so far, each once."""
        return tuple(self._flaws)

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
        self._values += sum(map(raw.count, (b",", b"[", b"{", b":")))
        if self._values > self.limits.values:
            what = f"the archive's documents hold more than the {self.limits.values} values allowed"
            raise LimitError(what, "values", where=self._where)
        return documents.parse(raw, source.where, limit=limit, depth=self.limits.depth, surrogates=surrogates)

    def _read(self, descriptor: Descriptor, source: ByteSource, depth: int) -> Node:
        opaque = Artifact(document=None, source=source, artifact_type=descriptor.artifact_type)
        if descriptor.media_type and kind_of(descriptor.media_type) is None:
            return opaque
        try:
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
        for name, count, allowed in (
            ("documents", self._documents, self.limits.documents),
            ("documents-size", self._bytes, self.limits.documents_size),
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
        lists, layered = "manifests" in members, "layers" in members or "config" in members or "fsLayers" in members
        if lists and layered:
            raise Malformed("document is an index and a manifest at once", rule="document-ambiguous")
        kind = kind_of(told or "") or kind_of(descriptor.media_type)
        if kind is Kind.SCHEMA1 or "fsLayers" in members:
            what = "image manifest schema 1 is not read by this version"
            version = schema.shown(members.get("schemaVersion"))
            raise Malformed(what, expected="a manifest of schemaVersion 2", found=f"schemaVersion {version}")
        if (kind is Kind.INDEX and not lists and layered) or (kind is Kind.MANIFEST and lists):
            what = (
                f"document says it is {(told or descriptor.media_type)[:MAX_WORD]} and has the members of another kind"
            )
            raise Malformed(what, rule="document-ambiguous")
        if kind is Kind.INDEX or (kind is None and lists):
            self.problems(schema.index_problems(members), source.where, descriptor.digest)
            return self._index(document, source, descriptor, depth)
        if kind is Kind.MANIFEST or (kind is None and layered):
            self.problems(schema.manifest_problems(members), source.where, descriptor.digest)
            return self._manifest(document, source, descriptor)
        if kind is Kind.ARTIFACT_MANIFEST:
            blobs = self._descriptors(members, "blobs", source, descriptor)
            return self._artifact(document, source, blobs, descriptor)
        return Artifact(document=None, source=source, artifact_type=descriptor.artifact_type)

    def _index(self, document: Document, source: ByteSource, descriptor: Descriptor, depth: int) -> Index:
        if depth >= self.limits.nesting:
            what = f"indexes nest more than {self.limits.nesting} deep, --limit nesting=N lifts this limit"
            raise Malformed(what, rule="limit-nesting")
        _check_version(document)
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
        _check_version(document)
        config = schema.config_in(document.members)
        listed = document.members.get("layers")
        layers = self._descriptors(document.members, "layers", source, descriptor)
        if isinstance(listed, list) and len(layers) < len(listed):
            return self._artifact(document, source, (config, *layers), descriptor)
        # An attestation has an image's config too. Only its layers show that it is not an image.
        layered = not layers or any(kind_of(layer.media_type) is Kind.LAYER for layer in layers)
        if kind_of(config.media_type) is not Kind.CONFIG or not layered:
            self._check_disguise(config, layers, source, descriptor)
            return self._artifact(document, source, (config, *layers), descriptor)
        blob = Blob(descriptor=config, source=self.find(config), name=str(config.digest))
        found = tuple((layer, self.find(layer), str(layer.digest)) for layer in layers)
        return self._image(document, source, blob, found, schema.subject_in(document.members))

    def _check_disguise(
        self, config: Descriptor, layers: tuple[Descriptor, ...], source: ByteSource, descriptor: Descriptor
    ) -> None:
        """Note a document that is an image except for its media types. Some engines do not look at media types."""
        base = config.media_type.partition(";")[0].strip().lower()
        layered = any(one.media_type.lower().startswith(LAYER_PREFIXES) for one in layers)
        known = kind_of(base) is Kind.CONFIG
        if known and kind_of(config.media_type) is Kind.CONFIG:
            disguised = layered
        else:
            disguised = known or (layered and self._is_config(config))
        if disguised:
            what = "what looks like an image has media types that none has: its layers are not proved"
            self.flaw("image-unproved", what, source.where, descriptor.digest, None, config.media_type[:80])

    def _is_config(self, config: Descriptor) -> bool:
        """Whether a blob of another media type can be read as an image's config."""
        source = self.find(config)
        if source is None or counted(source, self.limits.manifest_size) > self.limits.manifest_size:
            return False
        try:
            rootfs = self.read_document(source, self.limits.manifest_size, surrogates=True).members.get("rootfs")
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

    def _image(
        self,
        document: Document | None,
        source: ByteSource | None,
        config: Blob,
        layers: tuple[Found, ...],
        subject: Descriptor | None,
    ) -> Image:
        if len(layers) > self.limits.layers:
            what = f"an image has {len(layers)} layers, more than the {self.limits.layers} allowed"
            raise LimitError(what, "layers", where=source.where if source else self._where)
        self._layers += len(layers)
        if self._layers > self.limits.listed:
            what = f"the archive's images have more than the {self.limits.listed} layers allowed"
            raise LimitError(what, "listed", where=self._where)
        parsed, diff_ids = self._config(config)
        if parsed is not None and config.source is not None:
            config = Blob(
                descriptor=config.descriptor,
                source=Bytes(parsed.raw, config.source.where),
                name=config.name,
                named=config.named,
            )
        padded = (*diff_ids, *[None] * (len(layers) - len(diff_ids)))
        return Image(
            document=document,
            source=source,
            config=config,
            config_document=parsed,
            config_digest=self._digest(config.source),
            layers=tuple(
                Layer(descriptor=claim, source=place, name=name, diff_id=diff_id)
                for (claim, place, name), diff_id in zip(layers, padded, strict=False)
            ),
            diff_ids=diff_ids,
            subject=subject,
        )

    def _digest(self, source: ByteSource | None) -> Digest | None:
        """Return the digest of a config's bytes, None where there are none or too many to read."""
        if source is None or counted(source, self.limits.config_size) > self.limits.config_size:
            return None
        return sha256(b"".join(source.chunks()))

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
        self.problems(schema.config_problems(parsed.members), source.where, config.name)
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

    # What is noticed

    def problems(self, found: Iterable[schema.Problem], where: str, subject: Digest | str) -> None:
        """Note problems of a document's members."""
        for problem in found:
            place = f"{where}#{problem.pointer}"
            self.flaw(problem.rule, problem.message, place, subject, problem.expected, problem.found)

    def failed(self, error: Malformed | ContentError, where: str, subject: Digest | str) -> None:
        """Note why a document, or a part of it, could not be read. What it leads to is then unknown."""
        self.incomplete = True
        if isinstance(error, Malformed):
            place = f"{where}#{error.pointer}" if error.pointer else where
            self.flaw(error.rule, error.message, place, subject, error.expected, error.found)
        else:
            rule = error.rule if isinstance(error, documents.DocumentError) else "schema"
            if isinstance(error, LimitError):  # a flaw of the archive, whichever document found it first
                rule, where, subject = f"limit-{error.name}", self._where, self._where
            what = f"{error.what}, {error.hint}" if error.hint else error.what
            self.flaw(rule, what, where, subject, error.expected, error.found)

    def flaw(
        self,
        rule: str,
        message: str,
        where: str,
        subject: Digest | str,
        expected: str | None = None,
        found: str | None = None,
    ) -> None:
        """Note a flaw. The same flaw is noted once."""
        flaw = Flaw(rule=rule, message=message, where=where, subject=str(subject), expected=expected, found=found)
        self._flaws.add(flaw)


def _check_version(document: Document) -> None:
    problem = schema.version_in(document.members)
    if problem is not None:
        raise Malformed(problem.message, problem.pointer, expected=problem.expected, found=problem.found)
