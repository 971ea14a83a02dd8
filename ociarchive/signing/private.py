"""Private keys in PEM files, and signatures by them: what cosign verifies by the public key, and this program too.

Signatures are over the SHA-256 of the message, for every curve too, which is what cosign takes a named key for. ECDSA
takes its nonce from key and message (RFC 6979), so that equal input gives equal bytes; RSA signs by PKCS#1 v1.5.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ociarchive.blobio.source import read_named
from ociarchive.errors import ContentError, UsageError
from ociarchive.signing.keys import KINDS, Key, Message, key_of, library
from ociarchive.signing.values import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable

#: A private key in PEM has a few thousand bytes, one of RSA with 16384 bits some ten thousand.
_MOST: Final = 64 << 10
#: What keys begin with that cosign itself encrypted (scrypt and NaCl's secretbox).
_COSIGN: Final = (b"-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----", b"-----BEGIN ENCRYPTED COSIGN PRIVATE KEY-----")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """A private key that signs, with its public key."""

    public: Key
    _sign: Callable[[bytes], bytes] = field(repr=False)

    def sign(self, message: bytes) -> bytes:
        """Return the signature over a message, which was verified by the public key. RuntimeError: it does not hold."""
        made = self._sign(message)
        if self.public.made(made, Message(message)) != "":
            raise RuntimeError("a signature does not hold under its own key")
        return made


def load_signer(path: str) -> Signer:
    """Return the private key in a PEM file, opened by the pass phrase in OCIARCHIVE_KEY_PASSWORD where it has one.

    UsageError: there is no such file, no private key of a known kind in it, the pass phrase is absent or another one,
    or no library to sign with.
    """
    try:
        raw = read_named(path, "a private key", _MOST)
    except ContentError as error:
        raise UsageError(error.what, where=path, expected=error.expected) from None
    serialization, _ = library("made")
    if raw.lstrip().startswith(_COSIGN):
        what = "a key that cosign encrypted in a form of its own, which is not read here"
        hint = (
            "sign with the PEM that it was imported from, or make one that `cosign import-key-pair` takes as well:"
            " `openssl genpkey -algorithm ed25519 -out key.pem`"
        )
        raise UsageError(what, where=path, expected=f"PEM of {KINDS}", hint=hint)
    if b"PRIVATE KEY-----" not in raw:
        told = "a public key" if b"PUBLIC KEY-----" in raw else None
        raise UsageError("no private key", where=path, expected=f"PEM of {KINDS}", found=told)
    private = _opened(serialization, raw, path)
    public = key_of(path, private.public_key())
    if public is None:
        raise UsageError("a private key of a kind that signs nothing here", where=path, expected=KINDS)
    if public.weak:
        raise UsageError(f"a private key that nobody should rely on: {public.weak}", where=path)
    return Signer(public=public, _sign=_signing(private, public.algorithm))


def _opened(serialization: Any, raw: bytes, path: str) -> Any:  # noqa: ANN401  of the library, which is imported late
    phrase = os.environ.get(PASSWORD)
    password: bytes | None = None
    for _ in range(2):
        try:
            return serialization.load_pem_private_key(raw, password)
        except TypeError:  # it is encrypted, and nothing was given to open it
            if not phrase:
                what = "the private key has a pass phrase"
                raise UsageError(what, where=path, hint=f"set the variable {PASSWORD} to it") from None
            password = os.fsencode(phrase)
        except Exception:  # noqa: BLE001  whatever the library says of it, the answer is the same
            if password is not None:
                what = f"the pass phrase in {PASSWORD} does not open the private key"
                raise UsageError(what, where=path) from None
            break
    raise UsageError("no private key that can be read", where=path, expected=f"PEM of {KINDS}")


def _signing(private: Any, algorithm: str) -> Callable[[bytes], bytes]:  # noqa: ANN401  as above
    """Return what signs by a key of the library."""
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415  of an extra, slow to import
    from cryptography.hazmat.primitives.asymmetric import ec, padding  # noqa: PLC0415  as above

    how: tuple[Any, ...] = ()
    if algorithm.startswith("ECDSA"):
        how = (ec.ECDSA(hashes.SHA256(), deterministic_signing=True),)
    elif algorithm == "RSA":
        how = (padding.PKCS1v15(), hashes.SHA256())

    def sign(message: bytes) -> bytes:
        made: bytes = private.sign(message, *how)
        return made

    return sign
