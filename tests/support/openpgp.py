"""Keys and signed messages of OpenPGP, made by RFC 4880 and the same every time."""

import hashlib
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa, utils

from tests.support.build import Json, dumped

USER = b"signer@example.org"
MADE = 1_600_000_000  # in September 2020
_ED25519 = bytes.fromhex("2b06010401da470f01")
_RSA, _EDDSA = 1, 22
HASHES: dict[str, tuple[int, hashes.HashAlgorithm]] = {
    "md5": (1, hashes.MD5()),  # noqa: S303  what is to be refused
    "sha1": (2, hashes.SHA1()),  # noqa: S303  as above
    "sha256": (8, hashes.SHA256()),
    "sha512": (10, hashes.SHA512()),
}
Private = ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


def number(value: int) -> bytes:
    """Make a multiprecision integer (3.2)."""
    return value.bit_length().to_bytes(2) + value.to_bytes((value.bit_length() + 7) // 8)


def packet(tag: int, body: bytes) -> bytes:
    """Make a packet with a length of five octets (4.2.2)."""
    return bytes([0xC0 | tag, 255]) + len(body).to_bytes(4) + body


def public(key: Private) -> bytes:
    """Make the body of a public key packet (5.5.2)."""
    head = b"\x04" + MADE.to_bytes(4)
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.public_key().public_numbers()
        return head + bytes([_RSA]) + number(numbers.n) + number(numbers.e)
    point = b"\x40" + key.public_key().public_bytes_raw()
    return head + bytes([_EDDSA, len(_ED25519)]) + _ED25519 + number(int.from_bytes(point))


def fingerprint(key: Private) -> str:
    """Give the fingerprint (12.2)."""
    return hashlib.sha1(_hashed(key), usedforsecurity=False).hexdigest().upper()


def _hashed(key: Private) -> bytes:
    body = public(key)
    return b"\x99" + len(body).to_bytes(2) + body


def _subpacket(kind: int, body: bytes) -> bytes:
    return bytes([len(body) + 1, kind]) + body


def signature(
    key: Private, kind: int, content: bytes, *subpackets: bytes, algorithm: str = "sha256", made: int = MADE
) -> bytes:
    """Make a signature packet of version 4 (5.2.3, 5.2.4) over some content."""
    identity = bytes.fromhex(fingerprint(key))
    hashed = _subpacket(2, made.to_bytes(4)) + _subpacket(33, b"\x04" + identity) + b"".join(subpackets)
    number_of, used = HASHES[algorithm]
    kind_of_key = _RSA if isinstance(key, rsa.RSAPrivateKey) else _EDDSA
    head = bytes([4, kind, kind_of_key, number_of]) + len(hashed).to_bytes(2) + hashed
    digest = hashlib.new(algorithm, content + head + b"\x04\xff" + len(head).to_bytes(4)).digest()
    if isinstance(key, rsa.RSAPrivateKey):
        signed = key.sign(digest, padding.PKCS1v15(), utils.Prehashed(used))
        values = number(int.from_bytes(signed))
    else:
        signed = key.sign(digest)
        values = number(int.from_bytes(signed[:32])) + number(int.from_bytes(signed[32:]))
    unhashed = _subpacket(16, identity[-8:])
    return packet(2, head + len(unhashed).to_bytes(2) + unhashed + digest[:2] + values)


@dataclass(frozen=True, kw_only=True)
class Ring:
    """A key in a keyring: it may have expired, or be revoked."""

    key: Private
    expires: int = 0
    revoked: bool = False

    def __bytes__(self) -> bytes:
        expiry = [_subpacket(9, self.expires.to_bytes(4))] if self.expires else []
        certified = _hashed(self.key) + b"\xb4" + len(USER).to_bytes(4) + USER
        bound = signature(self.key, 0x13, certified, _subpacket(27, b"\x03"), *expiry)
        gone = signature(self.key, 0x20, _hashed(self.key)) if self.revoked else b""
        return packet(6, public(self.key)) + gone + packet(13, USER) + bound


def message(
    key: Private,
    content: bytes,
    *,
    algorithm: str = "sha256",
    kind: int = 0,
    expires: int = 0,
    more: tuple[Private, ...] = (),
) -> bytes:
    """Make a signed message (11.3), by one key or by `more`."""
    expiry = [_subpacket(3, expires.to_bytes(4))] if expires else []
    signers = (key, *more)
    heads = b""
    for place, one in enumerate(reversed(signers)):
        kind_of_key = _RSA if isinstance(one, rsa.RSAPrivateKey) else _EDDSA
        last = int(place == len(signers) - 1)
        identity = bytes.fromhex(fingerprint(one))[-8:]
        heads += packet(4, bytes([3, kind, HASHES[algorithm][0], kind_of_key]) + identity + bytes([last]))
    literal = packet(11, b"b\x00" + MADE.to_bytes(4) + content)
    return heads + literal + b"".join(signature(one, kind, content, *expiry, algorithm=algorithm) for one in signers)


def payload(digest: str, reference: str = "docker.io/corpus/app:1.0", **critical: object) -> bytes:
    """Make what simple signing signs (containers-signature(5))."""
    optional: Json = {"creator": "somebody", "timestamp": MADE}
    about = {
        "type": "atomic container signature",
        "image": {"docker-manifest-digest": digest},
        "identity": {"docker-reference": reference},
    }
    return dumped({"critical": {**about, **critical}, "optional": optional})
