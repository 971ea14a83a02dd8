"""Public keys in PEM files, and whether a signature is by one of them.

cosign names neither scheme nor hash (SIGNATURE_SPEC.md, Signature Schemes), DSSE leaves both to the parties
(protocol.md, Signature Definition). So every scheme that a key allows is tried. None of them can be taken for another.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ociarchive.blobio.source import read_named
from ociarchive.errors import ContentError, UsageError, plural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

#: A public key in PEM has a few hundred bytes, with a comment in front a few thousand.
_MOST: Final = 64 << 10
_SHORTEST_RSA: Final = 2048
#: What keys of GPG begin with: a packet of a public key, of both forms (RFC 4880, 4.2).
_OPENPGP: Final = (b"\x98", b"\x99", b"\xc6")
#: What DER begins with: a sequence, and its length in one byte or in the next one or two.
_SEQUENCE: Final = b"0"
_LONG_FORM: Final = (b"\x81", b"\x82")
_STRONG: Final = ("sha256", "sha384", "sha512")
_WEAK: Final = ("sha1", "md5")
#: Curves by the names that SEC 2 has for them.
_CURVES: Final = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
#: What one trial takes, with every hash: those of large curves take longer.
_TRIAL: Final = 2 << 10
_SLOW_TRIAL: Final = 12 << 10
_QUICK: Final = ("Ed25519", "ECDSA P-256")
#: The kinds of keys, for messages.
KINDS: Final = "ECDSA P-256, P-384 or P-521, Ed25519, or RSA"


@dataclass(frozen=True, slots=True)
class Message:
    """Bytes that were signed. Each digest of them is made once."""

    content: bytes
    _made: dict[str, bytes] = field(default_factory=dict)

    def digest(self, algorithm: str) -> bytes:
        """Return the digest by an algorithm of hashlib."""
        if algorithm not in self._made:
            self._made[algorithm] = hashlib.new(algorithm, self.content, usedforsecurity=False).digest()
        return self._made[algorithm]


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A public key. `name` is its file, `fingerprint` the SHA-256 of its DER form, `algorithm` for people.

    `weak` says why nothing that it signed can be relied on.
    """

    name: str
    fingerprint: bytes
    algorithm: str
    weak: str | None
    public: Any = field(repr=False)

    def __str__(self) -> str:
        return f"{self.name} ({self.algorithm}, sha256:{self.fingerprint.hex()})"

    def __reduce__(self) -> tuple[Callable[[str, bytes], Key | None], tuple[str, bytes]]:
        """A key that is sent to another process is made again there, of its DER form."""
        serialization, _ = library()
        der = self.public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return _of_der, (self.name, der)

    @property
    def cost(self) -> int:
        """What it takes to try a signature with it, as the bytes of signatures that are read in the same time."""
        if self.algorithm == "RSA":
            return _TRIAL * max(1, int(self.public.key_size) // _SHORTEST_RSA) ** 2
        return _TRIAL if self.algorithm in _QUICK else _SLOW_TRIAL

    def meant_by(self, hint: str) -> bool:
        """Whether a hint names this key: the fingerprint in base64, as cosign writes it, or in hexadecimal."""
        return hint in (base64.b64encode(self.fingerprint).decode(), self.fingerprint.hex())

    def made(self, signature: bytes, message: Message) -> str | None:
        """Return why a signature by this key is weak, empty where it is not; None where it is not by this key."""
        if self.algorithm == "Ed25519":
            return (self.weak or "") if _holds(self.public, signature, message.content) else None
        for algorithm in (*_STRONG, *_WEAK):
            for extra in _schemes(self.algorithm, algorithm):
                if _holds(self.public, signature, message.digest(algorithm), *extra):
                    return f"it is made with {algorithm.upper()}" if algorithm in _WEAK else (self.weak or "")
        return None


@dataclass(frozen=True, slots=True)
class Made:
    """A key, the signature that it made, and why that is weak; empty where it is not."""

    key: Key
    signature: bytes
    weak: str


def maker(signatures: Iterable[bytes], keys: Sequence[Key], message: Message) -> Made | None:
    """Return which key made one of the signatures over a message, a strong one where there is any; None: none did."""
    weak: Made | None = None
    for signature in signatures:
        for key in keys:
            reason = key.made(signature, message)
            if reason == "":
                return Made(key, signature, "")
            if reason is not None and weak is None:
                weak = Made(key, signature, reason)
    return weak


def load_key(path: str) -> Key:
    """Return the public key in a PEM file.

    UsageError: there is no such file, no public key of a known kind in it, or no library to check signatures with.
    """
    try:
        raw = read_named(path, "a public key", _MOST)
    except ContentError as error:
        raise UsageError(error.what, where=path, expected=error.expected) from None
    return key_in(raw, path)


def key_in(raw: bytes, path: str) -> Key:
    """Return the public key in PEM. `path` is its name. UsageError: as above."""
    serialization, _ = library()
    _require_public(raw, path)
    try:
        public = serialization.load_pem_public_key(raw)
        key = key_of(path, public)
    except Exception:  # noqa: BLE001  whatever the library says of what is no key, the answer is the same
        raise UsageError("no public key", where=path, expected=f"PEM of {KINDS}") from None
    if key is None:
        raise UsageError("a public key of a kind that signs nothing here", where=path, expected=KINDS)
    return key


def _of_der(name: str, der: bytes) -> Key | None:
    serialization, _ = library()
    return key_of(name, serialization.load_der_public_key(der))


def _require_public(raw: bytes, path: str) -> None:
    """Refuse what a person may take for a public key in PEM, with the way out. UsageError."""
    if b"PRIVATE KEY-----" in raw:
        hint = "`openssl pkey -in FILE -pubout` gives it"
        raise UsageError("a private key, where a public one is asked for", where=path, hint=hint)
    if b"-----BEGIN CERTIFICATE-----" in raw:
        hint = "--trusted-root and --trust-store take certificates"
        raise UsageError("a certificate, where a public key is asked for", where=path, hint=hint)
    if b"-----BEGIN PGP " in raw or raw[:1] in _OPENPGP:
        raise UsageError(
            "keys of GPG, where a public key in PEM is asked for", where=path, hint="name it with --keyring"
        )
    if raw.startswith((b"ssh-", b"ecdsa-sha2-")):
        hint = f"`ssh-keygen -e -m PKCS8 -f {path}` writes PEM"
        raise UsageError("a public key of SSH, where one in PEM is asked for", where=path, hint=hint)
    if raw[:1] == _SEQUENCE and (raw[1:2] in _LONG_FORM or raw[1:2] == bytes([min(max(len(raw) - 2, 0), 127)])):
        hint = f"`openssl pkey -pubin -inform DER -in {path}` writes PEM"
        raise UsageError("a public key in DER, where one in PEM is asked for", where=path, hint=hint)
    if raw.count(b"-----BEGIN ") > 1:
        raise UsageError("more than one public key", where=path, hint="one file for each, and --key for each file")


def key_of(name: str, public: Any) -> Key | None:  # noqa: ANN401  any of the library's keys
    """Return a public key of the library under a name; None where it is of a kind that signs nothing here."""
    serialization, _ = library()
    algorithm, weak = _described(public)
    if algorithm is None:
        return None
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return Key(name=name, fingerprint=hashlib.sha256(der).digest(), algorithm=algorithm, weak=weak, public=public)


def library(done: str = "checked") -> tuple[Any, Any]:
    """Return the library's modules of keys and hashes. UsageError: it is not installed; `done` is what for."""
    try:
        from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415  of an extra, slow to import
    except ImportError:
        what = f"signatures cannot be {done} without the package cryptography"
        raise UsageError(what, hint="`pip install 'ociarchive[verify]'` installs it") from None
    return serialization, hashes


def _described(public: Any) -> tuple[str | None, str | None]:  # noqa: ANN401  any of the library's keys
    """Return what a key is, None where it is of another kind; and why it is weak."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa  # noqa: PLC0415  as above

    if isinstance(public, ed25519.Ed25519PublicKey):
        return "Ed25519", None
    if isinstance(public, ec.EllipticCurvePublicKey) and public.curve.name in _CURVES:
        return f"ECDSA {_CURVES[public.curve.name]}", None
    if isinstance(public, rsa.RSAPublicKey):
        short = f"its RSA key has {plural(public.key_size, 'bit')}" if public.key_size < _SHORTEST_RSA else None
        return "RSA", short
    return None, None


def _schemes(kind: str, algorithm: str) -> Iterator[tuple[Any, ...]]:
    """Give the arguments with which a key may have signed a digest of an algorithm."""
    from cryptography.hazmat.primitives.asymmetric import ec, padding, utils  # noqa: PLC0415  as above

    _, hashes = library()
    used = getattr(hashes, algorithm.upper())()
    if kind.startswith("ECDSA"):
        yield (ec.ECDSA(utils.Prehashed(used)),)
    else:
        yield padding.PKCS1v15(), utils.Prehashed(used)
        yield padding.PSS(padding.MGF1(used), padding.PSS.AUTO), utils.Prehashed(used)


def _holds(public: Any, signature: bytes, *rest: Any) -> bool:  # noqa: ANN401  as above
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm  # noqa: PLC0415  as above

    try:
        public.verify(signature, *rest)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True
