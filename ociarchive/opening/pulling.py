"""Documents of an image in a registry: fetched by digest, many side by side, before anything reads them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from ociarchive import documents
from ociarchive.blobio.hashing import digest_of
from ociarchive.blobio.limits import LimitError
from ociarchive.blobio.source import Bytes
from ociarchive.errors import ContentError, plural
from ociarchive.formats import _layout
from ociarchive.late import Late
from ociarchive.mediatypes import Kind, kind_of, look_up
from ociarchive.oldimages import schema1
from ociarchive.statements import is_read
from ociarchive.values import Descriptor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from ociarchive.blobio.limits import Limits
    from ociarchive.blobio.source import ByteSource
    from ociarchive.documents import Document
    from ociarchive.remote import blob
    from ociarchive.remote.client import Client, Fetched
    from ociarchive.values import JSON, Digest
    from ociarchive.workers import Workers
else:
    blob = Late("ociarchive.remote.blob")

#: Payloads of signatures and attestations are read with the documents as long as all of them stay below this, in bytes.
_PAYLOADS: Final = 16 << 20
_PAYLOAD: Final = 1 << 20
#: What an index may list. BuildKit lists the blobs of a cache: asked for them as manifests, registries fail.
_DOCUMENTS: Final = (Kind.INDEX, Kind.MANIFEST, Kind.ARTIFACT_MANIFEST, Kind.SCHEMA1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """What is at hand and need not be fetched: blobs by digest, and whole images by image ID, as their manifests.

    `layers` are those by diff_id, stored as the call stores layers anew: they serve where a fetched one would be
    compressed again. All of it is proved when it is read, like what is fetched.
    """

    blob: Callable[[Digest], ByteSource | None] = lambda _: None
    image: Callable[[Digest], Descriptor | None] = lambda _: None
    layers: Mapping[Digest, ByteSource] = field(default_factory=dict)


class Documents:
    """What was fetched of a repository, and the sizes of what was not. `near` is what is at hand."""

    def __init__(self, client: Client, where: str, limits: Limits, workers: Workers, near: Near) -> None:
        """`where` is the archive's name in messages."""
        self._where = where
        self._client, self._limits, self._workers, self._near = client, limits, workers, near
        self._held: dict[Digest, Bytes] = {}
        self._absent: set[Digest] = set()
        self._sizes: dict[Digest, int] = {}
        self._foreign: set[Digest] = set()
        self._unsized: set[Digest] = set()
        self._perhaps_blobs: dict[Digest, int] = {}
        self._payloads = self._count = self._bytes = self._values = 0
        self.media_types: dict[Digest, str] = {}
        self.reused: dict[Digest, int] = {}

    def take(self, fetched: Fetched) -> Descriptor:
        """Keep a manifest that was fetched by its tag, and return a descriptor of it."""
        self._hold(fetched.digest, fetched.raw)
        self.media_types[fetched.digest] = fetched.media_type
        return self.described(fetched.digest)

    def has(self, digest: Digest) -> bool:
        """Whether a document was fetched."""
        return digest in self._held

    def lacks(self, digest: Digest) -> bool:
        """Whether a document was asked for, and the registry does not have it."""
        return digest in self._absent

    def described(self, digest: Digest) -> Descriptor:
        """Return the descriptor of a manifest that was fetched. Its media type is its own, else the registry's."""
        document = self._document(digest)
        if document is None:
            return Descriptor.make(self.served_as(digest), digest, self._held[digest].size)
        if schema1.is_one(document.members):
            return _layout.described(document, digest)
        told, served = document.members.get("mediaType"), self.served_as(digest)
        known = kind_of(served) is not None and not (isinstance(told, str) and kind_of(told) is not None)
        return Descriptor.make(served if known else _layout.media_type_of(document), digest, len(document.raw))

    def same_image(self, digest: Digest) -> Descriptor | None:
        """Return the manifest at hand of the image that a fetched manifest describes, if it is another manifest."""
        document = self._document(digest)
        config = _descriptors([document.members.get("config")]) if document is not None else []
        found = self._near.image(config[0].digest) if config else None
        return found if found is not None and found.digest != digest else None

    def served_as(self, digest: Digest) -> str:
        """Return the media type with which the registry served a manifest."""
        return self.media_types.get(digest, "")

    def fetch(self, digests: Iterable[Digest]) -> None:
        """Fetch manifests and all documents below them. What the registry lacks is left out.

        BlobError: a digest is another one. UsageError: access is refused. HostError: no answer. LimitError: it lacks
        too many.
        """
        waiting = {digest: None for digest in digests if digest not in self._absent}
        seen: set[Digest] = set()
        for _ in range(self._limits.nesting + 1):
            if not waiting:
                return
            seen.update(waiting)
            self._run(partial(self._manifest, digest) for digest in waiting if digest not in self._held)
            found = [one for digest in waiting for one in self._below(digest)]
            blobs = {one.digest: one for kind, one in found if kind == "document"}
            self._run(partial(self._blob, one) for digest, one in blobs.items() if digest not in self._held)
            waiting = {one.digest: None for kind, one in found if kind == "manifest" and one.digest not in seen}

    def find(self, digest: Digest) -> ByteSource | None:
        """Return the bytes of a digest: a document, a blob that is at hand, or one in the registry."""
        held = self._held.get(digest)
        if held is not None:
            return held
        size = self._sizes.get(digest)
        if size is None and digest in self._unsized:
            size = self._size(digest)
        if size is None or digest in self._absent:
            return None
        near = self._near.blob(digest)
        if near is not None and near.size == size:
            self.reused[digest] = size
            return near
        if digest in self._foreign and not self._client.has_blob(digest):
            self._absent.add(digest)  # its `urls` say where it is; nothing is ever fetched from there
            return None
        return blob.RemoteBlob.of(self._client, digest, size, self._where)

    def _size(self, digest: Digest) -> int | None:
        """Return the size of a blob that a manifest of schema 1 names, which says none: the registry knows it."""
        near = self._near.blob(digest)
        size = near.size if near is not None and near.size is not None else self._client.blob_size(digest)
        if size is None:
            self._unsized.discard(digest)
        else:
            self._sizes[digest] = size
        return size

    @property
    def size(self) -> int:
        """The bytes of all documents and of all blobs that they name."""
        held = {digest: one.size for digest, one in self._held.items()}
        return sum({**held, **self._sizes}.values())

    def _run(self, calls: Iterator[Callable[[], None]]) -> None:
        ready = list(calls)
        if len(ready) == 1:
            ready[0]()
        elif ready:
            self._workers.run(ready, self._client.abort)

    def _manifest(self, digest: Digest) -> None:
        if self._count > self._limits.documents or self._bytes > self._limits.documents_size:
            return  # who reads the graph meets the limit
        if self._at_hand(digest, self._limits.manifest_size):
            return
        if digest in self._perhaps_blobs and self._client.has_blob(digest):
            self._sizes[digest] = self._perhaps_blobs[digest]
            return
        fetched = self._client.manifest(digest)
        if fetched is None:
            self._absent.add(digest)
            if len(self._absent) > self._limits.documents:  # each of them was asked for
                what = f"the registry lacks more than {plural(self._limits.documents, 'document')} of those it lists"
                raise LimitError(what, "documents", where=self._where)
            return
        self._hold(digest, fetched.raw)
        self.media_types[digest] = fetched.media_type

    def _blob(self, descriptor: Descriptor) -> None:
        digest, limit = descriptor.digest, self._limits.config_size
        if descriptor.size > limit or self._bytes >= self._limits.documents_size or self._at_hand(digest, limit):
            return
        raw = self._client.document(digest, descriptor.size, limit)
        if raw is None:
            self._absent.add(digest)
        else:
            self._hold(digest, raw)

    def _at_hand(self, digest: Digest, limit: int) -> bool:
        """Take a document that is at hand, if its bytes have its digest."""
        near = self._near.blob(digest)
        if near is None or near.size is None or near.size > limit:
            return False
        raw = b"".join(near.chunks())
        if digest_of(raw, digest.algorithm) != digest:
            return False
        self._hold(digest, raw)
        self.reused[digest] = len(raw)
        return True

    def _hold(self, digest: Digest, raw: bytes) -> None:
        self._held[digest] = Bytes(raw, f"{self._where}: {digest}")
        self._count += 1
        self._bytes += len(raw)
        self._values += documents.marks(raw)

    def _below(self, digest: Digest) -> Iterator[tuple[str, Descriptor]]:
        """Give what a manifest or index names: manifests, documents that are read, and blobs, whose size is noted.

        Nothing where documents hold more values than they may: who reads the graph meets that limit.
        """
        if self._values > self._limits.values:
            return
        document = self._document(digest)
        members = document.members if document is not None else {}
        if schema1.is_one(members):
            self._unsized.update(schema1.named(members))
        for one in _descriptors(members.get("manifests")):
            if one.media_type and kind_of(one.media_type) not in _DOCUMENTS:
                self._perhaps_blobs[one.digest] = one.size
            yield "manifest", one
        config = _descriptors([members.get("config")])
        layers = [*_descriptors(members.get("layers")), *_descriptors(members.get("blobs"))]
        for one in (*config, *layers):
            self._sizes.setdefault(one.digest, one.size)
            known = look_up(one.media_type)
            if one.urls or (known is not None and known.foreign):
                self._foreign.add(one.digest)
        for one in config:
            yield "document", one
        for one in layers:
            if is_read(one.media_type) and one.size <= _PAYLOAD and self._payloads + one.size <= _PAYLOADS:
                self._payloads += one.size
                yield "document", one

    def _document(self, digest: Digest) -> Document | None:
        """Return a document that was fetched; None where it cannot be read, which the reader of the graph reports."""
        held = self._held.get(digest)
        if held is None:
            return None
        try:
            return documents.parse(held.content, held.where, limit=self._limits.manifest_size, surrogates=True)
        except ContentError:
            return None


def _descriptors(listed: JSON) -> list[Descriptor]:
    """Return the descriptors in an array. What is none is left to the reader of the graph, and so is another value."""
    found = []
    for entry in listed if isinstance(listed, list) else ():
        try:
            found.append(Descriptor.parse(entry))
        except ValueError:
            continue
    return found
