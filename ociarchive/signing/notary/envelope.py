"""What both envelopes of Notary Project signatures hold: a payload, signed attributes, a chain of certificates. Pure.

Source: notaryproject/specifications, signature-specification.md, Payload and Signed Attributes; signing-scheme.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ociarchive import documents
from ociarchive.errors import ContentError
from ociarchive.signing.certificates import LONGEST, read_certificate
from ociarchive.signing.values import BrokenError, UncheckedError
from ociarchive.values import Digest, word

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ociarchive.signing.certificates import Certificate
    from ociarchive.values import JSON

PAYLOAD: Final = "application/vnd.cncf.notary.payload.v1+json"
_PREFIX: Final = "io.cncf.notary."
SCHEME: Final = f"{_PREFIX}signingScheme"
SIGNING_TIME: Final = f"{_PREFIX}signingTime"
AUTHENTIC_TIME: Final = f"{_PREFIX}authenticSigningTime"
EXPIRY: Final = f"{_PREFIX}expiry"
PLUGIN: Final = f"{_PREFIX}verificationPlugin"
_PLUGIN_VERSION: Final = f"{_PREFIX}verificationPluginMinVersion"
TIMESTAMP: Final = f"{_PREFIX}timestampSignature"
#: Attributes that count only where they are signed.
SIGNED: Final = (SCHEME, SIGNING_TIME, AUTHENTIC_TIME, EXPIRY, PLUGIN, _PLUGIN_VERSION)
#: Those among them that a verifier has to process where they are.
_CRITICAL: Final = (SCHEME, AUTHENTIC_TIME, EXPIRY, PLUGIN, _PLUGIN_VERSION)
USER: Final = "notary.x509"
AUTHORITY: Final = "notary.x509.signingAuthority"
#: A payload is one descriptor.
_LARGEST: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The descriptor of what is signed."""

    media_type: str
    digest: Digest
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A signature as its envelope has it. Nothing of it is verified.

    `message` is what the signature is over. `algorithm` is as JWS names it. `chain` begins with the signer. `scheme` is
    who makes signatures, `signed_at` when by their word, `expires` until when the signer wants it used. `timestamp` is
    a countersignature (RFC 3161). `plugin` names a program that would have to judge it as well.
    """

    message: bytes
    signature: bytes
    algorithm: str
    chain: tuple[Certificate, ...]
    target: Target
    scheme: str
    signed_at: datetime
    expires: datetime | None
    timestamp: bytes | None
    plugin: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributes:
    """The attributes that a signature covers."""

    scheme: str
    signed_at: datetime
    expires: datetime | None
    plugin: str | None


def attributes(values: Mapping[str, object], times: Mapping[str, datetime], critical: object) -> Attributes:
    """Return signed attributes. `times` are those of `values` that are moments, `critical` is the list as it stands.

    BrokenError: one is absent, of another type, not marked as critical, or marked and unknown.
    """
    _require_critical(values, critical)
    scheme = values.get(SCHEME)
    if scheme not in (USER, AUTHORITY):
        raise BrokenError(f"its signing scheme is {word(scheme) or 'not stated'}, which is not known")
    wanted, other = (SIGNING_TIME, AUTHENTIC_TIME) if scheme == USER else (AUTHENTIC_TIME, SIGNING_TIME)
    if wanted not in times:
        raise BrokenError(f"it has no {wanted}, which its signing scheme {scheme} asks for")
    if other in values:
        raise BrokenError(f"it has {other}, which its signing scheme {scheme} does not allow")
    if EXPIRY in times and times[EXPIRY] <= times[wanted]:
        raise BrokenError("its use ends before it was signed")
    plugin = values.get(PLUGIN)
    if PLUGIN in values and not word(plugin):
        raise BrokenError(f"its {PLUGIN} is no name")
    return Attributes(scheme=str(scheme), signed_at=times[wanted], expires=times.get(EXPIRY), plugin=word(plugin))


def _require_critical(values: Mapping[str, object], critical: object) -> None:
    """signature-specification.md, Extended attributes: unknown critical attributes MUST cause verification to fail."""
    if not isinstance(critical, list) or not critical:
        raise BrokenError("it does not list the attributes that have to be processed (crit)")
    names = [one for one in critical if isinstance(one, str)]
    unknown = [word(one) or "a long name" for one in names if one not in _CRITICAL]
    if len(names) < len(critical) or len(set(names)) < len(names):
        raise BrokenError("its list of critical attributes is no list of names, each once")
    if unknown:
        raise BrokenError(f"it has a critical attribute that is not known: {unknown[0]}")
    for name in _CRITICAL:
        if name in values and name not in names:
            raise BrokenError(f"its attribute {name} is not marked as critical")
        if name in names and name not in values:
            raise BrokenError(f"its attribute {name} is marked as critical, and is not there")


def require_payload_type(value: object) -> None:
    """Refuse a content type that is not known (BrokenError)."""
    if value != PAYLOAD:
        raise BrokenError(f"its content type is {word(value) or 'not stated'}", expected=PAYLOAD)


def target_of(payload: bytes) -> Target:
    """Return the descriptor that a payload signs. BrokenError: it is no payload of the Notary Project."""
    value = members(payload, "payload", most=_LARGEST).get("targetArtifact")
    if not isinstance(value, dict):
        raise BrokenError("its payload has no targetArtifact")
    media_type, digest, size = value.get("mediaType"), Digest.maybe(value.get("digest")), value.get("size")
    if not isinstance(media_type, str) or digest is None or not isinstance(size, int) or isinstance(size, bool):
        raise BrokenError("the targetArtifact of its payload is no descriptor (mediaType, digest and size)")
    return Target(media_type=media_type, digest=digest, size=size)


def members(raw: bytes, what: str, *, most: int) -> dict[str, JSON]:
    """Return the members of a JSON object. BrokenError: it is none, or two parsers would read it differently."""
    try:
        value = documents.parse(raw, "", limit=most).value
    except ContentError as error:
        raise BrokenError(f"its {what} cannot be read: {error.what}") from None
    if not isinstance(value, dict):
        raise BrokenError(f"its {what} is no JSON object")
    return value


def certificates(listed: object) -> tuple[Certificate, ...]:
    """Return a chain of certificates in DER, in its order. BrokenError: it is absent or cannot be read."""
    if not isinstance(listed, list | tuple) or not listed:
        raise BrokenError("it has no certificate chain")
    if len(listed) > LONGEST:
        raise UncheckedError(f"its certificate chain has more than {LONGEST} certificates")
    if not all(isinstance(one, bytes) for one in listed):
        raise BrokenError("its certificate chain is no list of certificates")
    return tuple(map(read_certificate, listed))
