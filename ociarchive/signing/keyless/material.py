"""What goes with a keyless signature: its certificate, entries of logs, time stamps. Nothing is verified here. Pure.

Sources: sigstore protobuf-specs, sigstore_bundle.proto, VerificationMaterial, and sigstore_rekor.proto; cosign,
specs/SIGNATURE_SPEC.md, Properties (annotations of a signature).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ociarchive import documents
from ociarchive.errors import ContentError
from ociarchive.signing.certificates import LONGEST, Certificate, read_certificate, read_pem
from ociarchive.signing.keyless.fields import data, items, member, number, text
from ociarchive.signing.timestamps import require_few
from ociarchive.signing.values import BrokenError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ociarchive.values import JSON

CERTIFICATE: Final = "dev.sigstore.cosign/certificate"
CHAIN: Final = "dev.sigstore.cosign/chain"
ENTRY: Final = "dev.sigstore.cosign/bundle"
STAMP: Final = "dev.sigstore.cosign/rfc3161timestamp"
#: A signature has one entry, perhaps two.
_MANY: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A proof that an entry is in a log: its place, the log's size and root, hashes, and the signed checkpoint."""

    index: int
    size: int
    root: bytes
    hashes: tuple[bytes, ...]
    checkpoint: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An entry of a log. `promise` is the log's signature over entry and time (SET), `time` in seconds since 1970."""

    log_id: bytes
    index: int
    time: int | None
    promise: bytes | None
    proof: Proof | None
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """All that goes with a signature. `others` are certificates that may stand between the first and a root."""

    certificate: Certificate
    others: tuple[Certificate, ...]
    entries: tuple[Entry, ...]
    stamps: tuple[bytes, ...]


def from_bundle(value: Mapping[str, JSON], *, proven: bool) -> Material:
    """Return the verification material of a bundle. BrokenError: it cannot be read, or has no certificate.

    With `proven` each entry has to have an inclusion proof (sigstore_rekor.proto, TransparencyLogEntry: from bundles of
    version 0.2 on).
    """
    document = dict(value)
    listed = items(document, "x509CertificateChain", "certificates")[:LONGEST]
    if "certificate" in document:
        listed = [document["certificate"]]
    if not listed:
        raise BrokenError("it has no certificate")
    chain = tuple(read_certificate(data(one, "rawBytes")) for one in listed)
    stamps = items(document, "timestampVerificationData", "rfc3161Timestamps")
    require_few(stamps)
    return Material(
        certificate=chain[0],
        others=chain[1:],
        entries=entries_of_bundle(value, proven=proven),
        stamps=tuple(data(one, "signedTimestamp") for one in stamps),
    )


def entries_of_bundle(value: Mapping[str, JSON], *, proven: bool) -> tuple[Entry, ...]:
    """Return the log entries of a bundle. BrokenError: as above."""
    entries = items(dict(value), "tlogEntries")
    if len(entries) > _MANY:
        raise BrokenError(f"it has more than {_MANY} entries of transparency logs")
    if proven and any(member(one, "inclusionProof") is None for one in entries):
        raise BrokenError("its log entry has no inclusion proof, which bundles of this version must have")
    return tuple(map(_entry, entries))


def _entry(value: JSON) -> Entry:
    proof, promised = member(value, "inclusionProof"), member(value, "inclusionPromise")
    return Entry(
        log_id=data(value, "logId", "keyId"),
        index=_number(value, "logIndex"),
        time=_number(value, "integratedTime") or None,
        promise=data(promised, "signedEntryTimestamp") if promised is not None else None,
        proof=_proof(proof) if proof is not None else None,
        body=data(value, "canonicalizedBody"),
    )


def _number(value: JSON, name: str) -> int:
    """In the JSON form of Protocol Buffers a number that is 0 may be left out."""
    return number(value, name) if member(value, name) is not None else 0


def _proof(value: JSON) -> Proof:
    checkpoint = member(value, "checkpoint")
    return Proof(
        index=_number(value, "logIndex"),
        size=number(value, "treeSize"),
        root=data(value, "rootHash"),
        hashes=tuple(data({"hashes": one}, "hashes") for one in items(value, "hashes")),
        checkpoint=text(checkpoint, "envelope") if checkpoint is not None else None,
    )


def from_annotations(notes: Mapping[str, str]) -> Material:
    """Return what annotations of cosign say. BrokenError: it cannot be read, or has no certificate."""
    chain = read_pem(notes.get(CERTIFICATE, "").encode("utf-8", "surrogatepass"))
    others = read_pem(notes[CHAIN].encode("utf-8", "surrogatepass"))[:LONGEST] if notes.get(CHAIN) else ()
    stamp = notes.get(STAMP)
    return Material(
        certificate=chain[0],
        others=(*chain[1:], *others)[:LONGEST],
        entries=entries_of_annotations(notes),
        stamps=(data(_parsed(stamp), "SignedRFC3161Timestamp"),) if stamp else (),
    )


def entries_of_annotations(notes: Mapping[str, str]) -> tuple[Entry, ...]:
    """Return the log entry that annotations of cosign hold. BrokenError: it cannot be read."""
    if not notes.get(ENTRY):
        return ()
    value = _parsed(notes[ENTRY])
    entry = Entry(
        log_id=_hexadecimal(text(value, "Payload", "logID")),
        index=number(value, "Payload", "logIndex"),
        time=number(value, "Payload", "integratedTime"),
        promise=data(value, "SignedEntryTimestamp"),
        proof=None,
        body=data(value, "Payload", "body"),
    )
    return (entry,)


def _parsed(raw: str) -> JSON:
    try:
        encoded = raw.encode()
        return documents.parse(encoded, "", limit=len(encoded)).value
    except (ContentError, UnicodeEncodeError):
        raise BrokenError("an annotation of it is not JSON") from None


def _hexadecimal(raw: str) -> bytes:
    try:
        return bytes.fromhex(raw)
    except ValueError:
        raise BrokenError("the log's identity in it is not hexadecimal") from None
