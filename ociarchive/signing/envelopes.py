"""What signatures are over, and what their payloads say: simple signing, DSSE, sigstore bundles. Pure: bytes in.

Sources: cosign, specs/SIGNATURE_SPEC.md; DSSE, protocol.md and envelope.md; in-toto attestation, spec/v1/statement.md;
sigstore protobuf-specs, sigstore_bundle.proto.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from ociarchive import documents
from ociarchive.errors import ContentError
from ociarchive.late import Late
from ociarchive.mediatypes import IN_TOTO
from ociarchive.signing.predicates import IMAGE_SIGNATURE, result_of
from ociarchive.signing.values import BrokenError, UncheckedError, shown_seconds
from ociarchive.statements import BESIDE, BUNDLE, DSSE, SIMPLE_SIGNING, attachment, signed_digests, subjects
from ociarchive.values import word

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ociarchive.signing.keyless import material as sigstore
    from ociarchive.signing.keyless.material import Entry, Material
    from ociarchive.signing.values import Kind
    from ociarchive.values import JSON, Digest
else:
    sigstore = Late("ociarchive.signing.keyless.material")

_BUNDLES: Final = (
    f"{BUNDLE}.v0.3+json",
    *(f"{BUNDLE}+json;version={version}" for version in ("0.1", "0.2", "0.3")),
)
_FIRST: Final = f"{BUNDLE}+json;version=0.1"
#: What a file beside an image in a `dir` begins with that is none of simple signing; one of sigstore.
OTHER_FORMAT: Final = b"\x00"
_SIGNATURE: Final = "dev.cosignproject.cosign/signature"
#: SIGNATURE_SPEC.md, Payloads, Simple Signing.
_TYPE: Final = "cosign container image signature"
#: in-toto attestation, statement.md, `_type`; the older one is what cosign writes.
STATEMENTS: Final = ("https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1")
#: An envelope has one signature for each signer. Each is tried with every key.
_SIGNERS: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """What a signature is over.

    `message` is the signed bytes; None where that is the manifest to which it is attached. `signatures` are those of
    one or more signers. `says` are the digests that the payload names, `fault` is why the payload says nothing even
    where the signature holds. `hints` name keys, without any proof. `certified` reads the certificate that goes with it
    and what logs say, `logged` what logs say alone. `when` is the time that the payload states, `reference` the name of
    the image. `payload` is what an envelope is around, `blob` all bytes of the signature. `attests` is the predicate
    type of a statement that is more than a signature, `result` what it says that the image came to, if it says that.
    """

    message: bytes | None
    signatures: tuple[bytes, ...]
    says: tuple[Digest, ...] = ()
    fault: str | None = None
    other: str | None = None
    hints: tuple[str, ...] = ()
    certified: Callable[[], Material] | None = None
    logged: Callable[[], tuple[Entry, ...]] | None = None
    when: str | None = None
    reference: str | None = None
    payload: bytes | None = None
    blob: bytes = b""
    attests: str | None = None
    result: str | None = None


def kind_of_blob(media_type: str) -> Kind | None:
    """Return the kind of signature that a blob is, None where it is none of these."""
    if media_type == SIMPLE_SIGNING:
        return "cosign"
    if media_type == DSSE:
        return "cosign-attestation"
    return "sigstore-bundle" if media_type.startswith(BUNDLE) else None


def read(kind: Kind, raw: bytes, annotations: Mapping[str, str], where: str) -> Signed:
    """Return what a signature of a kind is over.

    BrokenError: the bytes are no such signature. UncheckedError: they are one that nothing here can check.
    """
    if kind == "cosign":
        return _cosign(raw, annotations, where)
    value = _object(raw, where)
    if kind == "cosign-attestation":
        found = dsse(value, where)
        return replace(found, certified=_certified(annotations), logged=_logged(annotations), blob=raw)
    return _bundle(value, where)


def read_beside(raw: bytes, where: str) -> tuple[Kind, Signed]:
    """Return what a signature of sigstore is over, in the form that lies beside an image in a `dir`, and its kind.

    containers/image, internal/signature/sigstore.go: media type, payload and annotations as they would be in a
    registry, in one document. BrokenError, UncheckedError: as in `read`.
    """
    if not raw.startswith(BESIDE):
        raise UncheckedError("it is in a form that is not known here", where=where)
    try:
        found = attachment(raw, where)
    except ContentError as error:
        raise BrokenError(f"its document cannot be read: {error.what}", where=where) from None
    kind = kind_of_blob(found.media_type)
    if kind is None:
        raise UncheckedError("it is of a media type that is not known here", where=where)
    return kind, read(kind, found.payload, found.annotations, where)


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return the bytes that a DSSE signature is over (DSSE, protocol.md, Signature Definition, PAE)."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def _cosign(raw: bytes, annotations: Mapping[str, str], where: str) -> Signed:
    """SIGNATURE_SPEC.md, Object Types, Signature: base64, an annotation of the payload's descriptor."""
    signature = decoded(annotations.get(_SIGNATURE), "the signature", where)
    signed = Signed(
        message=raw,
        signatures=(signature,),
        certified=_certified(annotations),
        logged=_logged(annotations),
        blob=raw,
    )
    return _claimed(signed, raw, where)


def _certified(annotations: Mapping[str, str]) -> Callable[[], Material] | None:
    return partial(sigstore.from_annotations, annotations) if annotations.get(sigstore.CERTIFICATE) else None


def _logged(annotations: Mapping[str, str]) -> Callable[[], tuple[Entry, ...]] | None:
    return partial(sigstore.entries_of_annotations, annotations) if annotations.get(sigstore.ENTRY) else None


def _claimed(signed: Signed, raw: bytes, where: str) -> Signed:
    """Add what a payload of simple signing says, or why it says nothing."""
    try:
        value = _object(raw, where)
    except BrokenError as error:
        return replace(signed, fault=error.what)
    critical, optional = value.get("critical"), value.get("optional")
    if not isinstance(critical, dict) or critical.get("type") != _TYPE:
        return replace(signed, fault=f"its payload is not of the type {_TYPE!r}")
    identity = critical.get("identity")
    reference = identity.get("docker-reference") if isinstance(identity, dict) else None
    says = tuple(signed_digests(value))
    return replace(
        signed,
        says=says,
        fault=None if says else "its payload names no digest",
        when=_time(optional.get("timestamp") if isinstance(optional, dict) else None),
        reference=reference if isinstance(reference, str) else None,
    )


def _time(value: JSON) -> str | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return shown_seconds(value)


def dsse(value: Mapping[str, JSON], where: str) -> Signed:
    """DSSE, envelope.md: payload, payloadType and signatures, each with a keyid that is no more than a hint."""
    payload_type, listed = value.get("payloadType"), value.get("signatures")
    payload = decoded(value.get("payload"), "the payload", where, empty=True)
    if not isinstance(payload_type, str):
        raise BrokenError("an envelope without a payloadType", where=where)
    if not isinstance(listed, list) or not listed:
        raise BrokenError("an envelope without signatures", where=where)
    if len(listed) > _SIGNERS:
        raise UncheckedError(f"the envelope has more than {_SIGNERS} signatures", where=where)
    entries = [one for one in listed if isinstance(one, dict)]
    signatures = tuple(decoded(one.get("sig"), "a signature", where) for one in entries)
    if len(entries) < len(listed):
        raise BrokenError("an envelope with a signature that is no object", where=where)
    hints = tuple(hint for one in entries if isinstance(hint := one.get("keyid"), str) and hint)
    try:
        message = pae(payload_type, payload)
    except UnicodeEncodeError:  # half of a surrogate pair
        raise BrokenError("the payloadType of an envelope is no text", where=where) from None
    signed = Signed(message=message, signatures=signatures, hints=hints, payload=payload)
    if payload_type != IN_TOTO:
        kind = word(payload_type) or "another type"
        return replace(signed, other=f"its payload is {kind}, which names no image")
    return _stated(signed, payload, where)


def _stated(signed: Signed, payload: bytes, where: str) -> Signed:
    """Add what an in-toto Statement says (statement.md, Schema)."""
    try:
        value = _object(payload, where)
    except BrokenError as error:
        return replace(signed, fault=error.what)
    if value.get("_type") not in STATEMENTS:
        return replace(signed, fault="its payload is no in-toto Statement of a known version")
    says = tuple(dict.fromkeys(subjects(value)))
    fault = None if says else "its statement has no subject with a digest"
    kind = value.get("predicateType")
    if kind == IMAGE_SIGNATURE:
        return replace(signed, says=says, fault=fault)
    attests = (word(kind) if isinstance(kind, str) else None) or "no type"
    return replace(signed, says=says, fault=fault, attests=attests, result=result_of(kind, value.get("predicate")))


def _bundle(value: Mapping[str, JSON], where: str) -> Signed:
    """sigstore_bundle.proto, Bundle: a version, the verification material, and one of two kinds of content."""
    version = value.get("mediaType")
    if version not in _BUNDLES:
        raise UncheckedError(f"its version is {word(version) or 'not stated'}, which is not known here", where=where)
    material = value.get("verificationMaterial")
    material = material if isinstance(material, dict) else {}
    key = material.get("publicKey")
    hint = key.get("hint") if isinstance(key, dict) else None
    envelope, plain = value.get("dsseEnvelope"), value.get("messageSignature")
    if isinstance(envelope, dict) == isinstance(plain, dict):
        raise BrokenError("a bundle has either an envelope or a signature", where=where)
    if isinstance(envelope, dict):
        signed = dsse(envelope, where)
        if len(signed.signatures) != 1:
            raise BrokenError("the envelope of a bundle has one signature", where=where)
    else:
        signed = _plain(plain if isinstance(plain, dict) else {}, where)
    hints = (hint,) if isinstance(hint, str) and hint else ()
    keyless = "certificate" in material or "x509CertificateChain" in material
    if not keyless and not isinstance(key, dict):
        raise BrokenError("a bundle without a public key or a certificate", where=where)
    proven = version != _FIRST
    return replace(
        signed,
        hints=hints,
        certified=partial(sigstore.from_bundle, material, proven=proven) if keyless else None,
        logged=partial(sigstore.entries_of_bundle, material, proven=proven) if material.get("tlogEntries") else None,
    )


def _plain(value: Mapping[str, JSON], where: str) -> Signed:
    """sigstore_common.proto, MessageSignature. Its digest is a hint: the signature is over the manifest's bytes."""
    return Signed(message=None, signatures=(decoded(value.get("signature"), "the signature", where),))


def _object(raw: bytes, where: str) -> dict[str, JSON]:
    try:
        value = documents.parse(raw, where, limit=len(raw), surrogates=True).value
    except ContentError as error:
        raise BrokenError(f"its document cannot be read: {error.what}", where=where) from None
    if not isinstance(value, dict):
        raise BrokenError("its document is no object", where=where)
    return value


def decoded(text: JSON, what: str, where: str, *, empty: bool = False) -> bytes:
    """Return what base64 stands for, standard or URL-safe (DSSE, protocol.md: verifiers must accept either)."""
    if not isinstance(text, str):
        raise BrokenError(f"{what} is absent", where=where)
    try:
        found = base64.b64decode(text.strip().translate(_URL_SAFE), validate=True)
    except (binascii.Error, ValueError):
        raise BrokenError(f"{what} is not base64", where=where) from None
    if not found and not empty:
        raise BrokenError(f"{what} is empty", where=where)
    return found


_URL_SAFE: Final = str.maketrans("-_", "+/")
