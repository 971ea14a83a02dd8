"""Certificates made for tests: authorities and those for whom they vouch, each with at most one fault."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Signer = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
CODE = (ExtendedKeyUsageOID.CODE_SIGNING,)
STAMPING = (ExtendedKeyUsageOID.TIME_STAMPING,)
_TYPES = {
    "C": NameOID.COUNTRY_NAME,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
    "L": NameOID.LOCALITY_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "CN": NameOID.COMMON_NAME,
}
_USES = [
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
]


@dataclass(frozen=True)
class Holder:
    """A certificate with its private key, and the certificates above it."""

    certificate: x509.Certificate
    key: Signer
    above: tuple[x509.Certificate, ...] = ()

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        """Give the certificate and all above it."""
        return (self.certificate, *self.above)


def der(certificate: x509.Certificate) -> bytes:
    """Give a certificate's DER form."""
    return certificate.public_bytes(serialization.Encoding.DER)


def pem(certificate: x509.Certificate) -> bytes:
    """Give a certificate as a file has it."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def spki(key: Signer) -> bytes:
    """Give the public key's DER form."""
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def subject(text: str) -> x509.Name:
    """Make a name of text like `C=US,O=x`; an attribute may stand in it twice."""
    pairs = (one.split("=", 1) for one in text.split(",") if one)
    return x509.Name([x509.NameAttribute(_TYPES[kind], value) for kind, value in pairs])


def uses(*named: str) -> x509.KeyUsage:
    """Make a key usage."""
    return x509.KeyUsage(**{name: name in named for name in _USES})


def make(
    name: str,
    key: Signer | None = None,
    issuer: Holder | None = None,
    *,
    authority: bool = False,
    basic: tuple[x509.BasicConstraints, bool] | None = None,
    usage: tuple[x509.KeyUsage, bool] | None = None,
    purposes: Sequence[x509.ObjectIdentifier] | None = None,
    begins: datetime | None = None,
    ends: datetime | None = None,
    more: Sequence[tuple[x509.ExtensionType, bool]] = (),
    serial: int | None = None,
) -> Holder:
    """Make a certificate, signed by its issuer or itself; as the specification wants it, but for what is asked."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    above = issuer.key if issuer else key  # it is its own
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject(name))
        .issuer_name(issuer.certificate.subject if issuer else subject(name))
        .public_key(key.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(begins or NOW - 30 * DAY)
        .not_valid_after(ends or NOW + 30 * DAY)
    )
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(above.public_key()), False),
    ]
    if authority:
        extensions += [basic or (x509.BasicConstraints(ca=True, path_length=None), True)]
        extensions += [usage or (uses("key_cert_sign", "crl_sign"), True)]
    else:
        extensions += [basic] if basic else []
        extensions += [usage or (uses("digital_signature"), True)]
        meant = CODE if purposes is None else purposes
        extensions += [(x509.ExtendedKeyUsage(meant), purposes is STAMPING)] if meant else []
    for extension, critical in (*extensions, *more):
        builder = builder.add_extension(extension, critical=critical)
    algorithm = None if isinstance(above, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return Holder(builder.sign(above, algorithm), key, issuer.chain if issuer else ())
