"""Whether a registry's bytes are what was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ociarchive import documents
from ociarchive.blobio.hashing import digest_of, sha256
from ociarchive.errors import ContentError
from ociarchive.mediatypes import Kind, kind_of
from ociarchive.oldimages import schema1
from ociarchive.schema import Malformed

if TYPE_CHECKING:
    from ociarchive.values import Digest


class BlobError(ContentError):
    """A registry's bytes are not what a descriptor says of them. `rule` is the audit's rule for that."""

    def __init__(
        self, what: str, rule: str, *, where: str, expected: str | None = None, found: str | None = None
    ) -> None:
        """`what`, `where`, `expected` and `found` make the sentence."""
        super().__init__(what, where=where, expected=expected, found=found)
        self.rule = rule


def content_of(raw: bytes, media_type: str) -> bytes:
    """Return the bytes that a manifest's digest is of: of image manifest schema 1 what was signed, else all of them."""
    if kind_of(media_type) is not Kind.SCHEMA1:
        return raw
    try:
        return schema1.payload(documents.parse(raw, media_type, limit=len(raw), surrogates=True))
    except (ContentError, Malformed):
        return raw  # who reads it says why


def proved(raw: bytes, asked: Digest | None, told: Digest | None, where: str) -> Digest:
    """Return the digest of a document. It is the one that was `asked` for, and the one that the registry `told`.

    BlobError: it is not.
    """
    claims = [claim for claim in (asked, told) if claim is not None]
    for claim in claims:
        found = digest_of(raw, claim.algorithm)
        if found is not None and found != claim:
            what = "the registry sends other bytes than the digest says"
            raise BlobError(what, "digest-mismatch", where=where, expected=str(claim), found=str(found))
    proof = next((claim for claim in claims if digest_of(raw, claim.algorithm) is not None), None)
    return proof or sha256(raw)
