"""Whether an entry of a transparency log is about a signature: the same bytes, the same certificate. Pure.

Source: sigstore, rekor, pkg/types: hashedrekord 0.0.1 and 0.0.2, dsse 0.0.1 and 0.0.2, intoto 0.0.1 and 0.0.2.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ociarchive import documents
from ociarchive.errors import ContentError, UsageError
from ociarchive.signing.certificates import read_pem
from ociarchive.signing.keyless.fields import data, items, member, text
from ociarchive.signing.keys import Key, Message, key_in
from ociarchive.signing.values import BrokenError, UncheckedError
from ociarchive.values import word

if TYPE_CHECKING:
    from collections.abc import Callable

    from ociarchive.signing.certificates import Certificate
    from ociarchive.values import JSON

_HASHES: Final = {
    "sha256": "sha256", "sha384": "sha384", "sha512": "sha512",
    "SHA2_256": "sha256", "SHA2_384": "sha384", "SHA2_512": "sha512",
}  # fmt: skip
_HASH, _SIGNATURE = "its log entry is over another hash", "its log entry is of another signature"
_BARE = "its log entry is of a bare key, where its certificate is asked for"


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What an entry has to be about: whose signature it is, by a certificate or by a key that has none, over what.

    `payload` is what an envelope (DSSE) is around, `blob` all of the signature. Each is hashed once for all entries.
    """

    signer: Certificate | Key
    signature: bytes
    message: Message
    payload: Message | None
    blob: Message | None


def body_fault(body: bytes, about: About) -> str | None:
    """Return why an entry is about something else, None where it is about this signature.

    BrokenError: it cannot be read. UncheckedError: it is of a kind that is not known here.
    """
    try:
        value = documents.parse(body, "", limit=len(body)).value
    except ContentError as error:
        raise BrokenError(f"its log entry cannot be read: {error.what}") from None
    kind, version = member(value, "kind"), member(value, "apiVersion")
    check = _KINDS.get((kind, version)) if isinstance(kind, str) and isinstance(version, str) else None
    if check is None:
        named = f"{word(kind) or 'no kind'} {word(version) or ''}".strip()
        raise UncheckedError(f"its log entry is of {named}, which is not known here")
    try:
        return check(member(value, "spec"), about)
    except BrokenError as error:
        raise BrokenError(f"its log entry cannot be read: {error.what}") from None


def _hashed(spec: JSON, about: About) -> str | None:
    if not _is_hash(member(spec, "data", "hash", "algorithm"), text(spec, "data", "hash", "value"), about.message):
        return _HASH
    if data(spec, "signature", "content") != about.signature:
        return _SIGNATURE
    return _other_signer(data(spec, "signature", "publicKey", "content"), about)


def _hashed_2(spec: JSON, about: About) -> str | None:
    spec = member(spec, "hashedRekordV002")
    if not _is_hash(member(spec, "data", "algorithm"), data(spec, "data", "digest").hex(), about.message):
        return _HASH
    if data(spec, "signature", "content") != about.signature:
        return _SIGNATURE
    return _other_verifier(member(spec, "signature", "verifier"), about)


def _enveloped(spec: JSON, about: About) -> str | None:
    if not _is_hash(member(spec, "payloadHash", "algorithm"), text(spec, "payloadHash", "value"), about.payload):
        return _HASH
    mine = [one for one in items(spec, "signatures") if data(one, "signature") == about.signature]
    return _other_signer(data(mine[0], "verifier"), about) if mine else _SIGNATURE


def _enveloped_2(spec: JSON, about: About) -> str | None:
    spec = member(spec, "dsseV002")
    if not _is_hash(member(spec, "payloadHash", "algorithm"), data(spec, "payloadHash", "digest").hex(), about.payload):
        return _HASH
    mine = [one for one in items(spec, "signatures") if data(one, "content") == about.signature]
    return _other_verifier(member(mine[0], "verifier"), about) if mine else _SIGNATURE


def _statement(spec: JSON, about: About) -> str | None:
    """The kind intoto 0.0.1 has the hash of the whole envelope, as it was uploaded; in a bundle it is another text."""
    if not _is_hash(member(spec, "content", "hash", "algorithm"), text(spec, "content", "hash", "value"), about.blob):
        return _HASH
    return _other_signer(data(spec, "publicKey"), about)


def _statement_2(spec: JSON, about: About) -> str | None:
    """The kind intoto 0.0.2 has the envelope without its payload. A signature in it is base64 of its text."""
    path = ("content", "payloadHash")
    if not _is_hash(member(spec, *path, "algorithm"), text(spec, *path, "value"), about.payload):
        return _HASH
    wanted = (about.signature, base64.b64encode(about.signature))
    mine = [one for one in items(spec, "content", "envelope", "signatures") if data(one, "sig") in wanted]
    return _other_signer(data(mine[0], "publicKey"), about) if mine else _SIGNATURE


_KINDS: Final[dict[tuple[str, str], Callable[[JSON, About], str | None]]] = {
    ("hashedrekord", "0.0.1"): _hashed,
    ("hashedrekord", "0.0.2"): _hashed_2,
    ("dsse", "0.0.1"): _enveloped,
    ("dsse", "0.0.2"): _enveloped_2,
    ("intoto", "0.0.1"): _statement,
    ("intoto", "0.0.2"): _statement_2,
}


def _is_hash(algorithm: JSON, value: str, content: Message | None) -> bool:
    used = _HASHES.get(algorithm) if isinstance(algorithm, str) else None
    return content is not None and used is not None and content.digest(used).hex() == value.lower()


def _other_signer(pem: bytes, about: About) -> str | None:
    """Never take a bare key for a certificate, nor one certificate for another with the same key."""
    bare = b"-----BEGIN PUBLIC KEY-----" in pem
    if isinstance(about.signer, Key):
        return None if bare and _is_key(pem, about.signer) else "its log entry is of another key"
    if bare:
        return _BARE
    return None if about.signer in read_pem(pem) else "its log entry is of another certificate"


def _is_key(pem: bytes, key: Key) -> bool:
    try:
        return key_in(pem, "its log entry").fingerprint == key.fingerprint
    except UsageError:
        return False


def _other_verifier(value: JSON, about: About) -> str | None:
    certified = member(value, "x509Certificate") is not None
    if isinstance(about.signer, Key):
        same = (
            not certified and hashlib.sha256(data(value, "publicKey", "rawBytes")).digest() == about.signer.fingerprint
        )
        return None if same else "its log entry is of another key"
    if not certified:
        return _BARE
    same = data(value, "x509Certificate", "rawBytes") == about.signer.der
    return None if same else "its log entry is of another certificate"
