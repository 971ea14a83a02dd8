"""The trusted root of a sigstore deployment: authorities that issue certificates, logs, and those who state the time.

Source: sigstore protobuf-specs, sigstore_trustroot.proto, TrustedRoot. It comes from a file; nothing is updated.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ociarchive import documents
from ociarchive.blobio.source import read_named
from ociarchive.errors import ContentError, UsageError
from ociarchive.signing.certificates import Certificate, read_certificate
from ociarchive.signing.keyless.fields import data, items, member, moment
from ociarchive.signing.keys import Key, key_of, library
from ociarchive.signing.values import BrokenError
from ociarchive.values import word

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from ociarchive.values import JSON

_KIND: Final = "application/vnd.dev.sigstore.trustedroot"
_MOST: Final = 4 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """From when to when something is trusted; None: without such an end."""

    begins: datetime | None = None
    ends: datetime | None = None

    def has(self, when: datetime) -> bool:
        """Whether a moment lies in it, both ends included (sigstore_common.proto, TimeRange)."""
        return (self.begins is None or self.begins <= when) and (self.ends is None or when <= self.ends)


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """A log: of signatures (Rekor) or of certificates. `key_id` is how its entries name it."""

    name: str
    key_id: bytes
    key: Key
    period: Period = Period()


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """Who issues certificates: its own certificate first, its root last."""

    chain: tuple[Certificate, ...]
    period: Period = Period()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedRoot:
    """All that a deployment trusts, from the file at `path`. `digest` is the SHA-256 of that file."""

    path: str
    digest: str
    authorities: tuple[Authority, ...]
    logs: tuple[Log, ...] = ()
    certificate_logs: tuple[Log, ...] = ()
    stampers: tuple[Authority, ...] = ()


def deployment(name: str, authorities: Iterable[Certificate], logs: Iterable[Key]) -> TrustedRoot:
    """Return a trusted root of certificates, each of which may vouch, and of keys of logs, as a policy has them.

    A log is named by the SHA-256 of its key, as Rekor does.
    """
    chains, keys = tuple(authorities), tuple(logs)
    digest = hashlib.sha256(b"".join((*(one.der for one in chains), b"\0", *(one.fingerprint for one in keys))))
    return TrustedRoot(
        path=name,
        digest=digest.hexdigest(),
        authorities=tuple(Authority(chain=(one,)) for one in chains),
        logs=tuple(Log(name=one.name, key_id=one.fingerprint, key=one) for one in keys),
    )


def load_root(path: str) -> TrustedRoot:
    """Return the trusted root in a file. UsageError: it is none, or a library is missing."""
    library()
    try:
        raw = read_named(path, "a trusted root", _MOST)
        found = _root(raw, path)
    except ContentError as error:
        expected = f"JSON of the type {_KIND}+json"
        raise UsageError(f"no trusted root of sigstore: {error.what}", where=path, expected=expected) from None
    if not found.authorities or not (found.logs or found.stampers):
        what = "a trusted root without certificateAuthorities, or with neither tlogs nor timestampAuthorities"
        raise UsageError(what, where=path)
    return found


def _root(raw: bytes, path: str) -> TrustedRoot:
    value = documents.parse(raw, path, limit=_MOST).value
    kind = member(value, "mediaType")
    if not isinstance(kind, str) or not kind.startswith(_KIND):
        raise BrokenError(f"its mediaType is {word(kind) or 'not stated'}")
    return TrustedRoot(
        path=path,
        digest=hashlib.sha256(raw).hexdigest(),
        authorities=tuple(map(_authority, items(value, "certificateAuthorities"))),
        logs=tuple(map(_log, items(value, "tlogs"))),
        certificate_logs=tuple(map(_log, items(value, "ctlogs"))),
        stampers=tuple(map(_authority, items(value, "timestampAuthorities"))),
    )


def _period(value: JSON) -> Period:
    return Period(begins=moment(value, "validFor", "start"), ends=moment(value, "validFor", "end"))


def _authority(value: JSON) -> Authority:
    chain = tuple(read_certificate(data(one, "rawBytes")) for one in items(value, "certChain", "certificates"))
    if not chain:
        raise BrokenError("an authority has no certificate")
    return Authority(chain=chain, period=_period(value))


def _log(value: JSON) -> Log:
    name = word(member(value, "baseUrl")) or "a log without a name"
    key = _key(name, data(value, "publicKey", "rawBytes"))
    if key is None:
        raise BrokenError(f"the key of {name} is none that can be used here")
    return Log(name=name, key_id=data(value, "logId", "keyId"), key=key, period=_period(member(value, "publicKey")))


def _key(name: str, der: bytes) -> Key | None:
    serialization, _ = library()
    try:
        public: Any = serialization.load_der_public_key(der)
        return key_of(name, public)
    except Exception:  # noqa: BLE001  whatever the library says of what is no key, the answer is the same
        return None
