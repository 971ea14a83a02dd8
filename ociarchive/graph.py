"""Manifests and indexes become nodes here and nowhere else.

What is malformed becomes a flaw and a `Missing` node, so that an audit can go on; a document that is of two kinds at
once is refused (CVE-2021-41190). Source: image-spec manifest.md, image-index.md, config.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ociarchive import documents
from ociarchive.bytes.hashing import sha256
from ociarchive.bytes.source import Bytes, read_all
from ociarchive.errors import ContentError
from ociarchive.flaws import Flaw
from ociarchive.mediatypes import OCI_EMPTY, Kind, kind_of
from ociarchive.model import Artifact, Blob, Child, Image, Index, Layer, Missing, Node
from ociarchive.statements import spoken_of
from ociarchive.values import Descriptor, Digest, type_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from ociarchive.bytes.source import ByteSource
    from ociarchive.documents import Document
    from ociarchive.values import JSON

#: Of manifests and indexes (image-spec, manifest.md, schemaVersion).
SCHEMA_VERSION: Final = 2
#: Real archives nest an index in an index; nothing known nests deeper.
MAX_NESTING: Final = 16
#: Documents are held in memory: this many manifests and configs of a few KiB each are some tens of MiB.
MAX_DOCUMENTS: Final = 20_000


class Malformed(Exception):
    """A document is not what it should be; `pointer` is the JSON pointer (RFC 6901) of the member at fault."""

    def __init__(self, message: str, pointer: str = "") -> None:
        super().__init__(message)
        self.message, self.pointer = message, pointer


class GraphReader:
    """Makes nodes of descriptors. Each document is read once, however many descriptors name it."""

    def __init__(self, find: Callable[[Digest], ByteSource | None], where: str) -> None:
        """`find` returns the blob of a digest, None where it is not in the archive that `where` names."""
        self._find, self._where = find, where
        self._nodes: dict[tuple[Digest, str], Node] = {}
        self._documents = 0
        self.flaws: list[Flaw] = []

    def node(self, descriptor: Descriptor, depth: int = 0) -> Node:
        """Return what a descriptor of a manifest or index leads to."""
        key = (descriptor.digest, descriptor.media_type)
        if key not in self._nodes:
            source = self.find(descriptor)
            self._nodes[key] = Missing() if source is None else self._read(descriptor, source, depth)
        return self._nodes[key]

    def find(self, descriptor: Descriptor) -> ByteSource | None:
        """Return where the blob of a descriptor is: in the archive, else in the descriptor itself."""
        found = self._find(descriptor.digest)
        if found is None and descriptor.data is not None:
            return Bytes(descriptor.data, f"{self._where}: data of {descriptor.digest}")
        return found

    def image_of(self, config: Blob, layers: tuple[tuple[Descriptor | None, ByteSource | None, str], ...]) -> Image:
        """Return the image of a config and layers that no manifest joins (docker-archive)."""
        return self._image(None, None, config, layers, None)

    def _read(self, descriptor: Descriptor, source: ByteSource, depth: int) -> Node:
        known = kind_of(descriptor.media_type)
        if known is None and source.size > documents.MAX_MANIFEST:
            return Artifact(document=None, source=source, artifact_type=descriptor.artifact_type)
        self._documents += 1
        if self._documents > MAX_DOCUMENTS:
            raise ContentError(f"archive has more than {MAX_DOCUMENTS} manifests and indexes", where=self._where)
        try:
            raw = read_all(source, documents.MAX_MANIFEST)
            document = documents.parse(raw, source.where)
            return self.parse(document, descriptor, Bytes(raw, source.where), depth)
        except Malformed as error:
            place = f"{source.where}#{error.pointer}" if error.pointer else source.where
            self.flaw("schema", error.message, place, descriptor.digest)
        except documents.DocumentError as error:
            if known is None:
                return Artifact(document=None, source=source, artifact_type=descriptor.artifact_type)
            self.flaw("schema", error.what, source.where, descriptor.digest, error.expected, error.found)
        except ContentError as error:
            self.flaw("schema", error.what, source.where, descriptor.digest, error.expected, error.found)
        return Missing(source=source)

    def parse(self, document: Document, descriptor: Descriptor, source: ByteSource, depth: int = 0) -> Node:
        """Return the node of a document that was read. Malformed: it is no manifest or index."""
        members = document.members
        if not isinstance(document.value, dict):
            raise Malformed(f"a manifest is an object, not {type_name(document.value)}")
        told = members.get("mediaType")
        if told is not None and not isinstance(told, str):
            raise Malformed("mediaType is not a string", "/mediaType")
        if told and descriptor.media_type and told != descriptor.media_type:
            self.flaw(
                "media-type-conflict", "document and descriptor disagree on the media type",
                source.where, descriptor.digest, descriptor.media_type, told,
            )  # fmt: skip
        lists, layered = "manifests" in members, "layers" in members or "config" in members or "fsLayers" in members
        if lists and layered:
            raise Malformed("document is an index and a manifest at once")
        kind = kind_of(told or "") or kind_of(descriptor.media_type)
        if kind is Kind.SCHEMA1 or "fsLayers" in members:
            raise Malformed("image manifest schema 1 is not read by this version")
        if (kind is Kind.INDEX and not lists and layered) or (kind is Kind.MANIFEST and lists):
            raise Malformed(f"document says it is {told or descriptor.media_type} and has the members of another kind")
        if kind is Kind.INDEX or (kind is None and lists):
            return self._index(document, source, depth)
        if kind is Kind.MANIFEST or (kind is None and layered):
            return self._manifest(document, source, descriptor)
        if kind is Kind.ARTIFACT_MANIFEST:
            return self._artifact(document, source, self._descriptors(members, "blobs"), descriptor)
        return Artifact(document=None, source=source, artifact_type=descriptor.artifact_type)

    def _index(self, document: Document, source: ByteSource, depth: int) -> Index:
        if depth >= MAX_NESTING:
            raise Malformed(f"indexes nest more than {MAX_NESTING} deep")
        _version(document)
        children = tuple(
            Child(descriptor=entry, node=self.node(entry, depth + 1))
            for entry in self._descriptors(document.members, "manifests")
        )
        return Index(document=document, source=source, children=children, subject=_subject(document))

    def _manifest(self, document: Document, source: ByteSource, descriptor: Descriptor) -> Image | Artifact:
        _version(document)
        config = _descriptor(document.members.get("config"), "/config")
        layers = self._descriptors(document.members, "layers")
        # An attestation has an image's config too: only its layers tell that it is none.
        layered = not layers or any(kind_of(layer.media_type) is Kind.LAYER for layer in layers)
        if kind_of(config.media_type) is not Kind.CONFIG or not layered:
            return self._artifact(document, source, (config, *layers), descriptor)
        blob = Blob(descriptor=config, source=self.find(config), name=str(config.digest))
        found = tuple((layer, self.find(layer), str(layer.digest)) for layer in layers)
        return self._image(document, source, blob, found, _subject(document))

    def _artifact(
        self, document: Document, source: ByteSource, blobs: tuple[Descriptor, ...], descriptor: Descriptor
    ) -> Artifact:
        told = document.members.get("artifactType")
        config = document.members.get("config")
        config_type = config.get("mediaType") if isinstance(config, dict) else None
        if not (isinstance(told, str) and told):
            told = descriptor.artifact_type or (config_type if config_type != OCI_EMPTY else None)
        held = [Blob(descriptor=blob, source=self.find(blob), name=str(blob.digest)) for blob in blobs]
        return Artifact(
            document=document,
            source=source,
            artifact_type=told if isinstance(told, str) else None,
            blobs=tuple(held),
            subject=_subject(document),
            spoken_of=tuple(
                (blob, spoken_of(blob.descriptor.media_type, blob.source))
                for blob in held
                if blob.descriptor is not None and blob.source is not None
            ),
        )

    def _image(
        self,
        document: Document | None,
        source: ByteSource | None,
        config: Blob,
        layers: tuple[tuple[Descriptor | None, ByteSource | None, str], ...],
        subject: Descriptor | None,
    ) -> Image:
        parsed, digest = None, None
        diff_ids: tuple[Digest, ...] = ()
        if config.source is not None:
            place = config.source.where
            try:
                raw = read_all(config.source, documents.MAX_CONFIG)
                digest = sha256(raw)
                config = Blob(
                    descriptor=config.descriptor, source=Bytes(raw, place), name=config.name, named=config.named
                )
                parsed = documents.parse(raw, place, limit=documents.MAX_CONFIG, surrogates=True)
                diff_ids = _diff_ids(parsed)
                _platform_is_told(parsed)
            except Malformed as error:
                self.flaw("schema", error.message, f"{place}#{error.pointer}", config.name)
            except ContentError as error:
                self.flaw("schema", error.what, place, config.name, error.expected, error.found)
        padded = (*diff_ids, *[None] * (len(layers) - len(diff_ids)))
        return Image(
            document=document,
            source=source,
            config=config,
            config_document=parsed,
            config_digest=digest,
            layers=tuple(
                Layer(descriptor=claim, source=place, name=name, diff_id=diff_id)
                for (claim, place, name), diff_id in zip(layers, padded, strict=False)
            ),
            diff_ids=diff_ids,
            subject=subject,
        )

    def _descriptors(self, members: dict[str, JSON], key: str) -> tuple[Descriptor, ...]:
        listed = members.get(key)
        if not isinstance(listed, list):
            raise Malformed(f"{key} is an array, not {type_name(listed)}", f"/{key}")
        return tuple(_descriptor(entry, f"/{key}/{number}") for number, entry in enumerate(listed))

    def flaw(
        self,
        rule: str,
        message: str,
        where: str,
        subject: Digest | str,
        expected: str | None = None,
        found: str | None = None,
    ) -> None:
        """Note something; the same observation twice is one."""
        flaw = Flaw(rule=rule, message=message, where=where, subject=str(subject), expected=expected, found=found)
        if flaw not in self.flaws:
            self.flaws.append(flaw)


def _descriptor(value: JSON, pointer: str) -> Descriptor:
    try:
        return Descriptor.parse(value)
    except ValueError as error:
        raise Malformed(str(error), pointer) from None


def _subject(document: Document) -> Descriptor | None:
    value = document.members.get("subject")
    return None if value is None else _descriptor(value, "/subject")


def _version(document: Document) -> None:
    version = document.members.get("schemaVersion")
    if version != SCHEMA_VERSION or isinstance(version, bool):
        raise Malformed(f"schemaVersion is 2, not {documents.dump(version).decode()[:40]}", "/schemaVersion")


def _platform_is_told(config: Document) -> None:
    """Malformed: a config does not say what the image runs on (config.md, Properties)."""
    for key in ("architecture", "os"):
        if not isinstance(config.members.get(key), str):
            raise Malformed(f"{key} is a string, not {type_name(config.members.get(key))}", f"/{key}")


def _diff_ids(config: Document) -> tuple[Digest, ...]:
    """Return the diff_ids of a config (config.md, Properties). Malformed: it has none that could be read."""
    rootfs = config.members.get("rootfs")
    if not isinstance(rootfs, dict):
        raise Malformed(f"rootfs is an object, not {type_name(rootfs)}", "/rootfs")
    if rootfs.get("type") != "layers":
        raise Malformed("rootfs.type is not `layers`", "/rootfs/type")
    listed = rootfs.get("diff_ids")
    if listed is None:
        listed = []  # how Go writes an image without layers
    if not isinstance(listed, list):
        raise Malformed(f"diff_ids is an array, not {type_name(listed)}", "/rootfs/diff_ids")
    try:
        return tuple(Digest.parse(text) for text in listed)
    except ValueError as error:
        raise Malformed(str(error), "/rootfs/diff_ids") from None
