"""Notary Project signatures in JWS, flattened JSON serialization. Pure.

Sources: notaryproject/specifications, signature-envelope-jws.md; RFC 7515.
"""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from ociarchive.signing.notary.envelope import (
    AUTHENTIC_TIME,
    EXPIRY,
    SIGNED,
    SIGNING_TIME,
    TIMESTAMP,
    Envelope,
    attributes,
    certificates,
    members,
    require_payload_type,
    target_of,
)
from ociarchive.signing.values import BrokenError
from ociarchive.values import word

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ociarchive.values import JSON

#: signature-envelope-jws.md, Signature Envelope: "no additional top level fields are supported".
_MEMBERS: Final = ("payload", "protected", "header", "signature")
#: RFC 7515, 4.1: the names that it registers, which stand in the protected header alone here.
_REGISTERED: Final = ("alg", "cty", "crit", "jku", "jwk", "kid", "x5u", "x5t", "x5t#S256", "typ", "x5c")
_URL: Final = re.compile(r"[A-Za-z0-9_-]*")
#: RFC 3339, 5.6.
_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def read_jws(raw: bytes) -> Envelope:
    """Return the signature in a JWS envelope, unverified. BrokenError: it is none."""
    value = members(raw, "envelope", most=len(raw))
    if others := value.keys() - set(_MEMBERS):
        raise BrokenError(f"its envelope has a member that is not known: {word(min(others)) or 'a long name'}")
    encoded, protected = (_text(value, name) for name in ("payload", "protected"))
    headers = members(_decoded(protected, "protected header"), "protected header", most=len(raw))
    free = value.get("header")
    if not isinstance(free, dict):
        raise BrokenError("its envelope has no header with a certificate chain (x5c)")
    _require_apart(headers, free)
    algorithm = headers.get("alg")
    require_payload_type(headers.get("cty"))
    times = {name: _time(name, headers[name]) for name in (SIGNING_TIME, AUTHENTIC_TIME, EXPIRY) if name in headers}
    found = attributes(headers, times, headers.get("crit"))
    return Envelope(
        message=f"{protected}.{encoded}".encode(),
        signature=_decoded(_text(value, "signature"), "signature"),
        algorithm=word(algorithm) or "not stated",
        chain=certificates(_chain(free.get("x5c"))),
        target=target_of(_decoded(encoded, "payload")),
        scheme=found.scheme,
        signed_at=found.signed_at,
        expires=found.expires,
        timestamp=_standard(free[TIMESTAMP], "time stamp") if TIMESTAMP in free else None,
        plugin=found.plugin,
    )


def _require_apart(headers: Mapping[str, JSON], free: Mapping[str, JSON]) -> None:
    """RFC 7515, 4: the names in both headers are disjoint; what has to be signed stands in the protected one."""
    for name in (*SIGNED, *_REGISTERED[:3]):
        if name in free:
            raise BrokenError(f"its attribute {name} stands where no signature covers it")
    if both := headers.keys() & free.keys():
        raise BrokenError(f"its attribute {word(min(both)) or 'with a long name'} stands in both headers")


def _text(value: Mapping[str, JSON], name: str) -> str:
    found = value.get(name)
    if not isinstance(found, str):
        raise BrokenError(f"its envelope has no {name}")
    return found


def _decoded(text: str, what: str) -> bytes:
    """RFC 7515, 2, Base64url Encoding: without padding, line breaks or any other character; one text for some bytes."""
    padded = text + "=" * (-len(text) % 4)
    try:
        found = base64.urlsafe_b64decode(padded) if _URL.fullmatch(text) else None
    except (binascii.Error, ValueError):
        found = None
    if found is None or base64.urlsafe_b64encode(found).decode() != padded:
        raise BrokenError(f"its {what} is not base64url without padding")
    return found


def _standard(text: JSON, what: str) -> bytes:
    if not isinstance(text, str):
        raise BrokenError(f"its {what} is not base64")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BrokenError(f"its {what} is not base64") from None


def _chain(listed: JSON) -> list[bytes] | None:
    return [_standard(one, "certificate chain") for one in listed] if isinstance(listed, list) else None


def _time(name: str, value: JSON) -> datetime:
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    try:
        if found is None:
            raise ValueError
        zone = "+00:00" if found[3] in "Zz" else found[3]
        return datetime.fromisoformat(f"{found[1]}T{found[2]}{zone}").astimezone(UTC)
    except (ValueError, OverflowError):
        raise BrokenError(f"its {name} is no time of RFC 3339") from None
