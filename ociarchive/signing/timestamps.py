"""Time stamps by an authority (RFC 3161): what they are over, when they were made, and whether one is to be trusted.

Sources: RFC 3161, 2.4; RFC 5652, 5 (signed data); RFC 5035 (signing certificate); notaryproject/specifications,
trust-store-trust-policy.md, Validate Trusted Timestamp.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from ociarchive.signing.certificates import (
    LONGEST,
    Certificate,
    authority_fault,
    leaf_fault,
    outside,
    path_to,
    purpose_fault,
    read_certificate,
    weakness,
)
from ociarchive.signing.der import CONSTRUCTED, CONTEXT, OCTET_STRING, SEQUENCE, SET, Value, parse_der
from ociarchive.signing.values import BrokenError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

_SIGNED_DATA, _TST_INFO = "1.2.840.113549.1.7.2", "1.2.840.113549.1.9.16.1.4"
_CONTENT_TYPE, _MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
#: RFC 5035: the certificate of the authority, by its SHA-1 and by another hash.
_SIGNING_CERTIFICATE, _SIGNING_CERTIFICATE_2 = "1.2.840.113549.1.9.16.2.12", "1.2.840.113549.1.9.16.2.47"
_HASHES: Final = {
    "2.16.840.1.101.3.4.2.1": "sha256", "2.16.840.1.101.3.4.2.2": "sha384", "2.16.840.1.101.3.4.2.3": "sha512",
}  # fmt: skip
_PSS: Final = "1.2.840.113549.1.1.10"
#: A time stamp has some kilobytes, most of them certificates.
_LARGEST: Final = 256 << 10
_MANY: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """A moment that an authority states: not before `earliest`, not after `latest`. `signer` is the authority."""

    earliest: datetime
    latest: datetime
    signer: Certificate

    @property
    def by(self) -> str:
        """The authority, in words."""
        return self.signer.subject


@dataclass(frozen=True, slots=True, kw_only=True)
class _Token:
    """The parts of a token. `info` is what is signed, `attributes` are signed with it."""

    info: bytes
    attributes: dict[str, Value]
    signed: bytes
    hash_name: str
    scheme: str
    signature: bytes
    certificates: tuple[Certificate, ...]


def check_stamp(raw: bytes, message: bytes, roots: Sequence[Certificate], others: Iterable[Certificate] = ()) -> Stamp:
    """Return the moment of a time stamp over a message, by an authority that a root vouches for.

    `raw` is a token or a response with one. `others` are certificates beside those in the token. BrokenError: it does
    not hold, is over something else, or nobody that is trusted made it; the sentence says which.
    """
    token = _token(raw)
    moment, accuracy, imprint = _info(token.info)
    if imprint[1] != hashlib.new(imprint[0], message).digest():
        raise BrokenError("its time stamp is over something else")
    known = tuple(dict.fromkeys((*token.certificates, *others)))
    signer = next((one for one in known if _named(token, one) and _holds(token, one)), None)
    if signer is None:
        raise BrokenError("its time stamp does not hold under the certificate that it names")
    fault = leaf_fault(signer, "time stamping") or _unvouched(signer, known, roots, moment)
    if fault is not None:
        raise BrokenError(f"its time stamp cannot be trusted: {fault}")
    return Stamp(earliest=moment - accuracy, latest=moment + accuracy, signer=signer)


def _unvouched(
    signer: Certificate, known: Sequence[Certificate], roots: Sequence[Certificate], moment: datetime
) -> str | None:
    """Return why no root vouches for an authority, None where one does."""
    chain = path_to(signer, roots, known)
    if chain is None:
        return f"no certificate of the call vouches for {signer.subject}"
    faults = [authority_fault(one, depth) for depth, one in enumerate(chain[1:])]
    faults += [purpose_fault(one, "time stamping") for one in chain[1:]]
    return weakness(chain) or next(filter(None, faults), None) or outside(chain, moment)


def _token(raw: bytes) -> _Token:
    if len(raw) > _LARGEST:
        raise BrokenError(f"its time stamp is larger than {_LARGEST} bytes")
    try:
        return _signed_data(raw)
    except BrokenError as error:
        raise BrokenError(f"its time stamp cannot be read: {error.what}") from None
    except (LookupError, ValueError):
        raise BrokenError("its time stamp cannot be read: it lacks a part") from None


def _signed_data(raw: bytes) -> _Token:
    outer = parse_der(raw).children(SEQUENCE)
    if outer[0].tag == SEQUENCE:  # RFC 3161, 2.4.2: TimeStampResp has a status before the token
        outer = outer[1].children(SEQUENCE)
    if outer[0].oid != _SIGNED_DATA:
        raise BrokenError("it is no signed data")
    parts = outer[1].children(CONSTRUCTED)[0].children(SEQUENCE)
    kind, *held = parts[2].children(SEQUENCE)
    if kind.oid != _TST_INFO or not held:
        raise BrokenError("it has no time in it")
    info = held[0].children(CONSTRUCTED)[0].require(OCTET_STRING).content
    listed = next((one.children() for one in parts[3:] if one.tag == CONSTRUCTED), [])
    certificates = tuple(read_certificate(one.whole) for one in listed[:LONGEST] if one.tag == SEQUENCE)
    signers = parts[-1].children(SET)
    if len(signers) != 1:
        raise BrokenError("it has more or less than one signer")
    _, _, hashed, *rest = signers[0].children(SEQUENCE)
    signed = rest[0].require(CONSTRUCTED)
    attributes: dict[str, Value] = {}
    for one in signed.children():
        name, values = one.children(SEQUENCE)
        (attributes[name.oid],) = values.children(SET)
    if len(attributes) < len(signed.children()):
        raise BrokenError("an attribute stands in it twice")
    hash_name = _HASHES.get(hashed.children(SEQUENCE)[0].oid)
    if hash_name is None:
        raise BrokenError("its hash is SHA-1, MD5, or one that is not known")
    if (
        attributes[_CONTENT_TYPE].oid != _TST_INFO
        or attributes[_MESSAGE_DIGEST].require(OCTET_STRING).content != hashlib.new(hash_name, info).digest()
    ):
        raise BrokenError("its signed attributes are about something else")
    return _Token(
        info=info,
        attributes=attributes,
        # RFC 5652, 5.4: what is signed has the tag of a set instead.
        signed=bytes([SET]) + signed.whole[1:],
        hash_name=hash_name,
        scheme=rest[1].children(SEQUENCE)[0].oid,
        signature=rest[2].require(OCTET_STRING).content,
        certificates=certificates,
    )


def _info(raw: bytes) -> tuple[datetime, timedelta, tuple[str, bytes]]:
    """Return the moment, its accuracy, and the hash of what is stamped (RFC 3161, 2.4.2, TSTInfo)."""
    try:
        _, _, imprint, _, moment, *rest = parse_der(raw).children(SEQUENCE)
        algorithm, digest = imprint.children(SEQUENCE)
        name = _HASHES.get(algorithm.children(SEQUENCE)[0].oid)
        if name is None:
            raise BrokenError("what it is over is hashed with SHA-1, MD5, or an algorithm that is not known")
        accuracy = timedelta()
        if rest and rest[0].tag == SEQUENCE:
            for one in rest[0].children():
                unit = {0x02: "seconds", CONTEXT: "milliseconds", CONTEXT + 1: "microseconds"}[one.tag]
                accuracy += timedelta(**{unit: int.from_bytes(one.content)})
        found = moment.time
        _ = found - accuracy, found + accuracy
    except BrokenError as error:
        raise BrokenError(f"its time stamp cannot be read: {error.what}") from None
    except (LookupError, ValueError, OverflowError):
        raise BrokenError("its time stamp cannot be read: it lacks a part") from None
    return found, accuracy, (name, digest.require(OCTET_STRING).content)


def _named(token: _Token, one: Certificate) -> bool:
    """Whether the signed attributes name a certificate: RFC 3161, 2.4.1, ESSCertID; RFC 5816, ESSCertIDv2."""
    try:
        for name, first in ((_SIGNING_CERTIFICATE_2, "sha256"), (_SIGNING_CERTIFICATE, "sha1")):
            if name in token.attributes:
                listed = token.attributes[name].children(SEQUENCE)[0].children(SEQUENCE)
                algorithm, *rest = listed[0].children(SEQUENCE)
                used: str | None = first
                if algorithm.tag == SEQUENCE:
                    used, algorithm = _HASHES.get(algorithm.children()[0].oid), rest[0]
                return used is not None and algorithm.content == hashlib.new(used, one.der).digest()
    except (BrokenError, LookupError, ValueError):
        return False
    return False


def _holds(token: _Token, one: Certificate) -> bool:
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415  of an extra, slow to import
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa  # noqa: PLC0415  as above

    used: Any = getattr(hashes, token.hash_name.upper())()
    try:
        public = one.x509.public_key()
        if isinstance(public, rsa.RSAPublicKey) and token.scheme == _PSS:
            public.verify(token.signature, token.signed, padding.PSS(padding.MGF1(used), padding.PSS.AUTO), used)
        elif isinstance(public, rsa.RSAPublicKey):
            public.verify(token.signature, token.signed, padding.PKCS1v15(), used)
        elif isinstance(public, ec.EllipticCurvePublicKey):
            public.verify(token.signature, token.signed, ec.ECDSA(used))
        elif isinstance(public, ed25519.Ed25519PublicKey):
            public.verify(token.signature, token.signed)
        else:
            return False
    except Exception:  # noqa: BLE001  a signature that does not hold, a key that is none: the answer is the same
        return False
    return True


def require_few(stamps: Sequence[object]) -> None:
    """Refuse more time stamps than anybody asks for (BrokenError)."""
    if len(stamps) > _MANY:
        raise BrokenError(f"it has more than {_MANY} time stamps")
