"""The digests to which signatures and attestations refer in their payloads. Nothing is verified here.

Sources: cosign, specs/SIGNATURE_SPEC.md (simple signing payload); in-toto attestation, spec/v1/statement.md; DSSE,
envelope.md; sigstore_bundle.proto, dsseEnvelope.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from ociarchive import documents
from ociarchive.blobio.limits import LimitError
from ociarchive.blobio.source import counted
from ociarchive.errors import ContentError, plural
from ociarchive.mediatypes import IN_TOTO
from ociarchive.values import Digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ociarchive.blobio.limits import Limits
    from ociarchive.blobio.source import ByteSource
    from ociarchive.values import JSON, Descriptor

SIMPLE_SIGNING: Final = "application/vnd.dev.cosign.simplesigning.v1+json"
DSSE: Final = "application/vnd.dsse.envelope.v1+json"
#: What media types of sigstore bundles begin with. Version 0.3 has its own, older ones a parameter.
BUNDLE: Final = "application/vnd.dev.sigstore.bundle"
_READ: Final = (SIMPLE_SIGNING, IN_TOTO, DSSE)
#: What is looked into. Signatures' payloads are small; statements name their subjects first, however large the SBOM
#: behind them is.
_HEAD: Final = 1 << 20
#: Values of payloads that are read as a whole, all of an archive together, each half a microsecond; and those of one
#: that always may be. Of others the subjects alone are looked for, as in large ones.
_VALUES: Final = 6_000_000
_FEW: Final = 100
_SUBJECT: Final = re.compile(r'"subject"\s*:\s*(?=\[)')


#: What a file beside an image in a `dir` begins with, in the form of sigstore.
BESIDE: Final = b"\x00sigstore-json\n"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A signature of sigstore that lies beside an image: what a registry has in a blob and its descriptor."""

    media_type: str
    payload: bytes
    annotations: dict[str, str]


def attachment(raw: bytes, where: str) -> Attachment:
    """Return the signature in a file that begins with BESIDE (containers/image, internal/signature/sigstore.go).

    ContentError: it is none.
    """
    value = documents.parse(raw.removeprefix(BESIDE), where, limit=len(raw), surrogates=True).members
    media_type, payload, notes = value.get("mimeType"), value.get("payload"), value.get("annotations") or {}
    if not isinstance(media_type, str) or not media_type:
        raise ContentError("it is of no media type", where=where)
    if not isinstance(notes, dict) or not all(isinstance(text, str) for text in notes.values()):
        raise ContentError("its annotations are no texts", where=where)
    try:
        data = base64.b64decode(payload, validate=True) if isinstance(payload, str) else b""
    except (binascii.Error, ValueError):
        data = b""
    if not data:
        raise ContentError("its payload is absent, or not base64", where=where)
    return Attachment(media_type, data, {name: text for name, text in notes.items() if isinstance(text, str)})


class Held(Protocol):
    """What an artifact holds: a descriptor, and where the bytes are."""

    @property
    def descriptor(self) -> Descriptor | None:
        """The claim, None where there is none."""
        ...

    @property
    def source(self) -> ByteSource | None:
        """The bytes, None where they are not in the archive."""
        ...


_Blob = TypeVar("_Blob", bound=Held)


class Statements:
    """The payloads of one archive. Each is read once, however many artifacts hold it."""

    def __init__(self, limits: Limits, where: str) -> None:
        self._limits, self._where = limits, where
        self._read = self._count = 0
        self._left = _VALUES
        self._known: dict[tuple[str, ByteSource], tuple[Digest, ...]] = {}

    def of(self, blobs: Iterable[_Blob]) -> tuple[tuple[_Blob, tuple[Digest, ...]], ...]:
        """Return what an artifact's blobs speak of, each blob once; nothing where one cannot be read.

        LimitError: all payloads together are too large, or speak of too much.
        """
        found: dict[tuple[str, ByteSource], tuple[_Blob, tuple[Digest, ...]]] = {}
        for blob in blobs:
            if blob.descriptor is not None and blob.source is not None:
                key = (blob.descriptor.media_type, blob.source)
                if key not in found:
                    found[key] = blob, self._spoken_of(*key)
        return tuple(found.values())

    def _spoken_of(self, media_type: str, source: ByteSource) -> tuple[Digest, ...]:
        key = (media_type, source)
        if not is_read(media_type) or key in self._known:
            return self._known.get(key, ())
        self._read += min(counted(source, _HEAD), _HEAD)
        if self._read > self._limits.statements:
            what = f"signatures and statements are more than the {plural(self._limits.statements, 'byte')} allowed"
            raise LimitError(what, "statements", where=self._where)
        found = self._known[key] = spoken_of(media_type, source, self._fits)
        self._count += len(found)
        if self._count > self._limits.listed:
            what = f"signatures and statements speak of more than the {plural(self._limits.listed, 'digest')} allowed"
            raise LimitError(what, "listed", where=self._where)
        return found

    def _fits(self, raw: bytes) -> bool:
        """Whether a payload has no more values than may be read as a whole; then they are counted."""
        count = documents.marks(raw)
        if _FEW < count > self._left:
            return False
        self._left -= count
        return True


def is_read(media_type: str) -> bool:
    """Whether a blob of this media type is a payload that is looked into."""
    return media_type in _READ or media_type.startswith(BUNDLE)


def spoken_of(
    media_type: str, source: ByteSource, whole: Callable[[bytes], bool] = lambda _: True
) -> tuple[Digest, ...]:
    """Return the digests that a payload speaks of; none where it is of another kind or cannot be read.

    `whole` says of each document in it whether it may be read as a whole, which takes longest.
    """
    if not is_read(media_type):
        return ()
    try:
        value = _value(source.head(_HEAD), source.where, whole)
        if media_type.startswith(BUNDLE):
            value = value.get("dsseEnvelope") if isinstance(value, dict) else None
        if media_type == DSSE or media_type.startswith(BUNDLE):
            payload = value.get("payload") if isinstance(value, dict) else None
            content = base64.b64decode(payload, validate=True) if isinstance(payload, str) else b"{}"
            value = _value(content, source.where, whole)
    except (ContentError, binascii.Error, ValueError, RecursionError):
        return ()
    found = signed_digests(value) if media_type == SIMPLE_SIGNING else subjects(value)
    return tuple(dict.fromkeys(found))


def _value(raw: bytes, where: str, whole: Callable[[bytes], bool]) -> JSON:
    """Return the value of a document, of one that is large or not read `whole` nothing but its subjects."""
    if len(raw) < _HEAD and whole(raw):
        return documents.parse(raw, where, limit=_HEAD, surrogates=True).value
    text = raw.decode("utf-8", "ignore")
    found = _SUBJECT.search(text)
    return {"subject": json.JSONDecoder().raw_decode(text, found.end())[0]} if found else {}


def signed_digests(value: JSON) -> Iterator[Digest]:
    """Give the digest that a payload of simple signing is about, if it names one."""
    critical = value.get("critical") if isinstance(value, dict) else None
    image = critical.get("image") if isinstance(critical, dict) else None
    digest = Digest.maybe(image.get("docker-manifest-digest")) if isinstance(image, dict) else None
    if digest:
        yield digest


def subjects(value: JSON) -> Iterator[Digest]:
    """Give the digests of the subjects of an in-toto Statement."""
    listed = value.get("subject") if isinstance(value, dict) else None
    for subject in listed if isinstance(listed, list) else []:
        digests = subject.get("digest") if isinstance(subject, dict) else None
        for algorithm, encoded in (digests if isinstance(digests, dict) else {}).items():
            digest = Digest.maybe(f"{algorithm}:{encoded}") if isinstance(encoded, str) else None
            if digest:
                yield digest
