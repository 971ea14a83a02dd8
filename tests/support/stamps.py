"""Time stamps (RFC 3161) made for tests, written in DER by hand."""

import hashlib
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.certificates import Holder, Signer, der

_SHA256 = bytes.fromhex("300b0609608648016503040201")
_ECDSA = bytes.fromhex("300a06082a8648ce3d040302")


def tlv(tag: int, *parts: bytes) -> bytes:
    """Write a value."""
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(length)]) + length + content


def oid(text: str) -> bytes:
    """Write an object identifier."""
    first, second, *rest = map(int, text.split("."))
    content = b""
    for number in (first * 40 + second, *rest):
        seven = [number & 0x7F]
        while number := number >> 7:
            seven.append(number & 0x7F | 0x80)
        content += bytes(reversed(seven))
    return tlv(0x06, content)


def _attribute(name: str, value: bytes) -> bytes:
    return tlv(0x30, oid(name), tlv(0x31, value))


def stamp(
    message: bytes,
    clock: Holder,
    *,
    by: Holder | None = None,
    when: datetime,
    over: bytes | None = None,
    key: Signer | None = None,
    names: x509.Certificate | None = None,
    raw: bytes | None = None,
    cut: int = 0,
    response: bool = False,
) -> bytes:
    """Stamp a message.

    `over` is another one, `by` another clock, `key` another signer, `names` the certificate that is named.
    """
    by = by or clock
    if raw is not None:
        return raw
    imprint = tlv(0x30, _SHA256, tlv(0x04, hashlib.sha256(over or message).digest()))
    moment = tlv(0x18, when.strftime("%Y%m%d%H%M%SZ").encode())
    info = tlv(0x30, tlv(0x02, b"\1"), oid("1.2.3.4"), imprint, tlv(0x02, b"\5"), moment)
    named = hashlib.sha256(der(names or by.certificate)).digest()
    signed = b"".join(
        sorted(
            (
                _attribute("1.2.840.113549.1.9.3", oid("1.2.840.113549.1.9.16.1.4")),
                _attribute("1.2.840.113549.1.9.4", tlv(0x04, hashlib.sha256(info).digest())),
                _attribute("1.2.840.113549.1.9.16.2.47", tlv(0x30, tlv(0x30, tlv(0x30, tlv(0x04, named))))),
            )
        )
    )
    signer = key or by.key
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    made = signer.sign(tlv(0x31, signed), ec.ECDSA(hashes.SHA256()))
    issuer = by.certificate.issuer.public_bytes()
    number = by.certificate.serial_number
    serial = tlv(0x30, issuer, tlv(0x02, number.to_bytes(number.bit_length() // 8 + 1)))
    info_of_signer = tlv(0x30, tlv(0x02, b"\1"), serial, _SHA256, tlv(0xA0, signed), _ECDSA, tlv(0x04, made))
    held = tlv(0xA0, *sorted(map(der, by.chain)))
    content = tlv(0x30, oid("1.2.840.113549.1.9.16.1.4"), tlv(0xA0, tlv(0x04, info)))
    data = tlv(0x30, tlv(0x02, b"\3"), tlv(0x31, _SHA256), content, held, tlv(0x31, info_of_signer))
    token = tlv(0x30, oid("1.2.840.113549.1.7.2"), tlv(0xA0, data))
    if response:
        token = tlv(0x30, tlv(0x30, tlv(0x02, b"\0")), token)
    return token[: len(token) - cut]
