"""What signatures and attestations say in their payloads: the digests they speak of. Nothing is verified here.

Sources: cosign, specs/SIGNATURE_SPEC.md (simple signing payload); in-toto attestation, spec/v1/statement.md; DSSE,
envelope.md.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Final

from ociarchive import documents
from ociarchive.bytes.source import read_all
from ociarchive.errors import ContentError
from ociarchive.mediatypes import IN_TOTO
from ociarchive.values import Digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.bytes.source import ByteSource
    from ociarchive.values import JSON

SIMPLE_SIGNING: Final = "application/vnd.dev.cosign.simplesigning.v1+json"
DSSE: Final = "application/vnd.dsse.envelope.v1+json"
#: SBOMs of large images reach tens of MiB; a larger statement is carried, and not looked into.
MAX_STATEMENT: Final = 32 << 20


def spoken_of(media_type: str, source: ByteSource) -> tuple[Digest, ...]:
    """Return the digests that a payload speaks of; none where it is of another kind or cannot be read."""
    if media_type not in (SIMPLE_SIGNING, IN_TOTO, DSSE):
        return ()
    try:
        raw = read_all(source, MAX_STATEMENT)
        value = documents.parse(raw, source.where, limit=MAX_STATEMENT, surrogates=True).value
        if media_type == DSSE:
            payload = value.get("payload") if isinstance(value, dict) else None
            inner = base64.b64decode(payload, validate=True) if isinstance(payload, str) else b"{}"
            value = documents.parse(inner, source.where, limit=MAX_STATEMENT, surrogates=True).value
    except (ContentError, binascii.Error, ValueError):
        return ()
    found = _signed(value) if media_type == SIMPLE_SIGNING else _subjects(value)
    return tuple(dict.fromkeys(found))


def _signed(value: JSON) -> Iterator[Digest]:
    critical = value.get("critical") if isinstance(value, dict) else None
    image = critical.get("image") if isinstance(critical, dict) else None
    digest = Digest.maybe(image.get("docker-manifest-digest")) if isinstance(image, dict) else None
    if digest:
        yield digest


def _subjects(value: JSON) -> Iterator[Digest]:
    listed = value.get("subject") if isinstance(value, dict) else None
    for subject in listed if isinstance(listed, list) else []:
        digests = subject.get("digest") if isinstance(subject, dict) else None
        for algorithm, encoded in (digests if isinstance(digests, dict) else {}).items():
            digest = Digest.maybe(f"{algorithm}:{encoded}")
            if digest:
                yield digest
