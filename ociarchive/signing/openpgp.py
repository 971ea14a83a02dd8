"""Keyrings of OpenPGP: which keys are in a file, and which of them are too short to prove anything.

gpgv says whether a signature holds, not how long its key is, and it takes neither an armored keyring nor a word about
a file that is none. So packets are read here as far as that needs, and nothing more.

Sources: RFC 4880, sections 4.2 (packet headers), 5.5.2 (public keys), 6.2 (armor), 12.2 (fingerprints); RFC 9580,
5.5.4 (fingerprints of versions 4 and 6); GnuPG, kbx/keybox-blob.c (keyboxes).
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ociarchive.blobio.source import read_named
from ociarchive.errors import ContentError, UsageError, plural

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

#: Keyrings of distributions have some hundred KiB.
_MOST: Final = 16 << 20
#: Keys of one keyring, each of which takes 300 bytes. Distributions have some thousand developers.
_MANY: Final = 100_000
_SHORTEST: Final = 2048
_PUBLIC, _SUBKEY, _SECRET = 6, 14, (5, 7)
#: RFC 4880, 9.1; RFC 9580, 9.1; 22 is what GnuPG calls EdDSA.
_NAMES: Final = {1: "RSA", 3: "RSA", 17: "DSA", 19: "ECDSA", 22: "EdDSA", 27: "Ed25519", 28: "Ed448"}
#: Of these the first number of the key, n or p, says how long it is.
_LENGTH_COUNTS: Final = (1, 3, 17)
_ARMOR: Final = re.compile(rb"-----BEGIN PGP PUBLIC KEY BLOCK-----[ \t]*\r?\n")
_ARMOR_END: Final = b"-----END PGP PUBLIC KEY BLOCK-----"
_HEADS: Final = {4: (b"\x99", 2, "sha1"), 5: (b"\x9a", 4, "sha256"), 6: (b"\x9b", 4, "sha256")}


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """A key of a keyring. `weak` says why nothing that it signed can be relied on, None where it can."""

    fingerprint: str
    algorithm: str
    weak: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyring:
    """Public keys of one file. `packets` is what gpgv reads, `keys` has the keys by fingerprint, in capitals.

    `count` is how many there are, each with its subkeys. `digest` is the SHA-256 of all of them.
    """

    name: str
    packets: bytes = field(repr=False)
    keys: Mapping[str, PublicKey] = field(repr=False)
    count: int
    digest: str

    def __str__(self) -> str:
        return f"{self.name} (keyring with {plural(self.count, 'key')}, sha256:{self.digest})"


def load_keyring(path: str) -> Keyring:
    """Return the keyring in a file. UsageError: there is no such file, or none of the kind in it."""
    try:
        raw = read_named(path, "a keyring", _MOST)
    except ContentError as error:
        raise UsageError(error.what, where=path, expected=error.expected) from None
    return keyring(raw, path)


def keyring(raw: bytes, name: str) -> Keyring:
    """Return the keyring in some bytes: binary, armored, or a keybox. UsageError: they are none."""
    keys: dict[str, PublicKey] = {}
    count, secret = 0, False
    try:
        packets = b"".join(_blocks(raw))
        for tag, body in _packets(packets):
            secret |= tag in _SECRET
            count += tag == _PUBLIC
            one = _key(body) if tag in (_PUBLIC, _SUBKEY) else None
            if one is not None:
                keys[one.fingerprint] = one
                if len(keys) > _MANY:
                    raise UsageError("too large for a keyring", where=name, expected=f"{_MANY} keys at most")
    except (ValueError, IndexError):
        keys = {}
    if secret or b"BEGIN PGP PRIVATE KEY BLOCK" in raw or b"PRIVATE KEY-----" in raw:
        raise UsageError("a private key, where public ones are asked for", where=name, hint="`gpg --export` gives them")
    if b"-----BEGIN" in raw and b"-----BEGIN PGP" not in raw:
        what = "a certificate" if b"-----BEGIN CERTIFICATE-----" in raw else "a key in PEM"
        raise UsageError(f"{what}, where a keyring of GPG is asked for", where=name, hint="--key takes keys in PEM")
    if not keys:
        raise UsageError("no keyring", where=name, expected="public keys as `gpg --export` writes them")
    return Keyring(name=name, packets=packets, keys=keys, count=count, digest=hashlib.sha256(packets).hexdigest())


def joined(every: Iterable[Keyring]) -> bytes:
    """Return the packets of some keyrings as one keyring."""
    return b"".join(one.packets for one in every)


def _blocks(raw: bytes) -> Iterator[bytes]:
    """Give the packets in a file, without armor and without what a keybox has around them."""
    if raw[8:12] == b"KBXf":
        yield from _keybox(raw)
    elif b"-----BEGIN PGP" in raw:
        for text in _armored(raw):
            lines = text.replace(b"\r", b"").split(b"\n\n", 1)[-1].split(b"\n")
            # A line that begins with = is the checksum, which RFC 9580, 6.1 says to ignore.
            yield base64.b64decode(b"".join(line for line in lines if not line.startswith(b"=")), validate=True)
    else:
        yield raw


def _armored(raw: bytes) -> Iterator[bytes]:
    """Give what stands between the lines of each armor that ends."""
    end = 0
    for begin in _ARMOR.finditer(raw):
        if begin.start() >= end:
            end = raw.find(_ARMOR_END, begin.end())
            if end < 0:
                return
            yield raw[begin.end() : end]


def _keybox(raw: bytes) -> Iterator[bytes]:
    """Give the key blocks of a keybox: each blob has its length, its type, and where its key block is."""
    at = 0
    while at < len(raw):
        length = int.from_bytes(raw[at : at + 4])
        if length < 5 or at + length > len(raw):
            raise ValueError(at)
        if raw[at + 4] == 2:
            start, size = (int.from_bytes(raw[at + one : at + one + 4]) for one in (8, 12))
            yield raw[at : at + length][start : start + size]
        at += length


def _packets(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """Give tag and body of each packet (RFC 4880, 4.2). ValueError, IndexError: it is no packet."""
    at = 0
    while at < len(raw):
        first = raw[at]
        if not first & 0x80:
            raise ValueError(at)
        if first & 0x40:
            tag, size, at = first & 63, *_new_length(raw, at + 1)
        else:
            if first & 3 == 3:  # of indeterminate length, which no key has
                raise ValueError(at)
            octets = 1 << (first & 3)
            tag, size = first >> 2 & 15, int.from_bytes(raw[at + 1 : at + 1 + octets])
            at += 1 + octets
        if at + size > len(raw):
            raise ValueError(at)
        yield tag, raw[at : at + size]
        at += size


def _new_length(raw: bytes, at: int) -> tuple[int, int]:
    first = raw[at]
    if first < 192:
        return first, at + 1
    if first < 224:
        return (first - 192 << 8) + raw[at + 1] + 192, at + 2
    if first < 255:  # a part of a body, which no key has
        raise ValueError(at)
    return int.from_bytes(raw[at + 1 : at + 5]), at + 5


def _key(body: bytes) -> PublicKey | None:
    """Return what a packet says of its key; None where its version is not known."""
    version = body[0]
    if version not in _HEADS:
        return None
    lead, octets, algorithm = _HEADS[version]
    if len(body) >> 8 * octets:  # no such key has a fingerprint
        return None
    made = hashlib.new(algorithm, lead + len(body).to_bytes(octets) + body, usedforsecurity=False)
    kind = body[5]
    name = _NAMES.get(kind, f"algorithm {kind}")
    if kind not in _LENGTH_COUNTS:
        return PublicKey(fingerprint=made.hexdigest().upper(), algorithm=name, weak=None)
    at = 6 if version == 4 else 10
    bits = int.from_bytes(body[at : at + 2])
    weak = f"its {name} key has {plural(bits, 'bit')}" if bits < _SHORTEST else None
    return PublicKey(fingerprint=made.hexdigest().upper(), algorithm=f"{name} {bits}", weak=weak)
