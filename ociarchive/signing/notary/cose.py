"""Notary Project signatures in COSE (COSE_Sign1_Tagged). Pure.

Sources: notaryproject/specifications, signature-envelope-cose.md; RFC 9052; RFC 8949.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from ociarchive.errors import UsageError, plural
from ociarchive.signing.keys import library
from ociarchive.signing.notary.envelope import (
    AUTHENTIC_TIME,
    EXPIRY,
    SIGNED,
    SIGNING_TIME,
    TIMESTAMP,
    Envelope,
    attributes,
    certificates,
    require_payload_type,
    target_of,
)
from ociarchive.signing.values import BrokenError, UncheckedError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: RFC 9052, 4.2.
_SIGN1: Final = 18
_EPOCH: Final = 1
#: Header parameters by their labels (signature-envelope-cose.md, Protected Header; RFC 9360, x5chain).
_ALG, _CRIT, _CONTENT, _CHAIN, _HASH_ENVELOPE = 1, 2, 3, 33, 258
#: signature-envelope-cose.md, Supported alg header values, by the names that JWS has for them.
_ALGORITHMS: Final = {-37: "PS256", -38: "PS384", -39: "PS512", -7: "ES256", -35: "ES384", -36: "ES512"}
#: An envelope is an array with maps with an array in it.
_DEEPEST: Final = 16
#: Most of an envelope is certificates and a time stamp. Each byte of CBOR may be a value, which takes Python a hundred.
_LARGEST: Final = 1 << 20
#: What the library would turn into values of its own: large numbers, shared values, and more. None belongs here.
_MEANINGS: Final = (
    0, 2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004, 43000, 55799,
)  # fmt: skip


def require_library() -> None:
    """Refuse to go on without what reads certificates and COSE (UsageError)."""
    library()
    try:
        import cbor2  # noqa: F401, PLC0415  of an extra
    except ImportError:
        what = "Notary Project signatures cannot be checked without the package cbor2"
        raise UsageError(what, hint="`pip install 'ociarchive[verify]'` installs it") from None


@dataclass(frozen=True, slots=True)
class _Sign1:
    """What the tag of COSE_Sign1 is around."""

    value: Any


def read_cose(raw: bytes) -> Envelope:
    """Return the signature in a COSE envelope, unverified.

    BrokenError: it is none. UncheckedError: it signs a hash instead of a descriptor.
    """
    from cbor2 import dumps  # noqa: PLC0415  of an extra

    if len(raw) > _LARGEST:
        raise UncheckedError(f"its envelope is larger than {_LARGEST} bytes")
    tagged = _decoded(raw, "envelope")
    if not isinstance(tagged, _Sign1) or not _is_sign1(tagged.value):
        raise BrokenError("its envelope is no COSE_Sign1_Tagged")
    protected, free, payload, signature = tagged.value
    headers = _decoded(protected, "protected header")
    if not isinstance(headers, dict):
        raise BrokenError("its protected header is no map")
    _require_apart(headers, free)
    if _HASH_ENVELOPE in headers:
        raise UncheckedError("it signs a hash (COSE Hash Envelope), which is not checked here")
    require_payload_type(headers.get(_CONTENT))
    times = {name: _time(name, headers[name]) for name in (SIGNING_TIME, AUTHENTIC_TIME, EXPIRY) if name in headers}
    named = {name: value for name, value in headers.items() if isinstance(name, str)}
    found = attributes(named, times, headers.get(_CRIT))
    algorithm = headers.get(_ALG)
    return Envelope(
        # RFC 9052, 4.4: Sig_structure. The protected header is signed as the bytes that it came in.
        message=dumps(["Signature1", protected, b"", payload]),
        signature=signature,
        algorithm=_ALGORITHMS.get(algorithm, "unknown") if isinstance(algorithm, int) else "not stated",
        chain=certificates(_chain(headers.get(_CHAIN, free.get(_CHAIN)))),
        target=target_of(payload),
        scheme=found.scheme,
        signed_at=found.signed_at,
        expires=found.expires,
        timestamp=_timestamp(free),
        plugin=found.plugin,
    )


def _is_sign1(value: object) -> bool:
    kinds = (bytes, dict, bytes, bytes)
    return isinstance(value, list | tuple) and len(value) == len(kinds) and all(map(isinstance, value, kinds))


def _decoded(raw: bytes, what: str) -> Any:  # noqa: ANN401  whatever stands there
    """Return the one item in some CBOR. BrokenError: there is more or less, or it does not have one meaning.

    RFC 9052, 9: maps have no key twice. Lengths are definite, as nothing here is made piece by piece.
    """
    from cbor2 import CBORDecoder  # noqa: PLC0415  as above

    stream = BytesIO(raw)
    decoder = CBORDecoder(
        stream,
        semantic_decoders={**dict.fromkeys(_MEANINGS, _refuse), _EPOCH: _moment, _SIGN1: _sign1},
        max_depth=_DEEPEST,
        allow_indefinite=False,
        allow_duplicate_keys=False,
        read_size=1,
    )
    try:
        value = decoder.decode()
    except Exception:  # noqa: BLE001  errors of the library, of its tags and of text have different classes
        raise BrokenError(f"its {what} is not CBOR that has one meaning") from None
    if stream.tell() != len(raw):
        raise BrokenError(f"its {what} has {plural(len(raw) - stream.tell(), 'byte')} after its end")
    return value


def _refuse(*_: object) -> Any:  # noqa: ANN401  it returns nothing
    raise ValueError


def _sign1(value: object, *_: object) -> _Sign1:
    return _Sign1(value)


def _moment(value: object, *_: object) -> datetime:
    """RFC 8949, 3.4.2, Epoch-Based Date/Time."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError
    return datetime.fromtimestamp(value, UTC)


def _require_apart(headers: Mapping[Any, Any], free: Mapping[Any, Any]) -> None:
    """RFC 9052, 3: a label stands in one of both headers; what has to be signed stands in the protected one."""
    for name in (*SIGNED, _ALG, _CRIT, _CONTENT):
        if name in free:
            raise BrokenError(f"its attribute {name} stands where no signature covers it")
    if headers.keys() & free.keys():
        raise BrokenError("one of its attributes stands in both headers")


def _chain(value: object) -> object:
    """RFC 9360, 2: one certificate alone stands without an array around it."""
    return [value] if isinstance(value, bytes) else value


def _timestamp(free: Mapping[Any, Any]) -> bytes | None:
    found = free.get(TIMESTAMP)
    if found is not None and not isinstance(found, bytes):
        raise BrokenError("its time stamp is no byte string")
    return found


def _time(name: str, value: object) -> datetime:
    if not isinstance(value, datetime):
        raise BrokenError(f"its {name} is no time since 1970 (tag 1)")
    return value
