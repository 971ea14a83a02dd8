"""X.509 certificates: what they say, whether each is issued by the next, and for what their keys may serve. Pure.

Sources: RFC 5280; notaryproject/specifications, signature-specification.md, Certificate Requirements. Nothing that a
certificate names (AIA, CRL distribution points, OCSP) is ever looked up.
"""

from __future__ import annotations

import hashlib
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from ociarchive.blobio.source import read_named
from ociarchive.errors import ContentError, UsageError, plural
from ociarchive.signing.keys import Key, key_of, library
from ociarchive.signing.values import BrokenError, shown
from ociarchive.values import word

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

#: A certificate has one or two kilobytes. Some have thousands of names in them.
_LARGEST: Final = 256 << 10
#: A system's bundle of all authorities has some hundred certificates.
_LARGEST_FILE: Final = 4 << 20
#: A chain has two or three certificates.
LONGEST: Final = 16
#: So many signatures of a chain are tried. Certificates with the name of an issuer and another key are rare.
_TRIED: Final = 16
_WEAK: Final = ("md5", "sha1")
_SHORTEST_RSA: Final = 2048
#: What the leaf's key must not be for (Leaf Certificates, Key Usage).
_OTHER_USES: Final = ("key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign")
#: Basic constraints, key usage, extended key usage, and the subject's other names.
_KNOWN: Final = ("2.5.29.19", "2.5.29.15", "2.5.29.37", "2.5.29.17")
Purpose: TypeAlias = Literal["code signing", "time stamping"]
#: Extended key usages by their object identifiers (RFC 5280, 4.2.1.12).
_PURPOSES: Final[dict[Purpose, str]] = {"code signing": "1.3.6.1.5.5.7.3.3", "time stamping": "1.3.6.1.5.5.7.3.8"}
_ANY: Final = "2.5.29.37.0"
_EXTENDED: Final = {
    _ANY: "any",
    "1.3.6.1.5.5.7.3.1": "server authentication",
    "1.3.6.1.5.5.7.3.2": "client authentication",
    "1.3.6.1.5.5.7.3.4": "e-mail protection",
    "1.3.6.1.5.5.7.3.9": "answers about revocation",
    **{oid: name for name, oid in _PURPOSES.items()},
}


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate: its DER form, and what the library makes of it. Equal are those of the same bytes."""

    der: bytes
    x509: Any = field(repr=False, compare=False)

    def __reduce__(self) -> tuple[Callable[[bytes], Certificate], tuple[bytes]]:
        """A certificate that is sent to another process is read again there, of its DER form."""
        return read_certificate, (self.der,)

    @property
    def subject(self) -> str:
        """Whom it is about, as RFC 4514 writes a name; cut where it is long."""
        try:
            text = self.x509.subject.rfc4514_string()
        except ValueError:
            return "a name that cannot be read"
        return word(text) or "a certificate without a name"

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of its DER form, in hexadecimal."""
        return hashlib.sha256(self.der).hexdigest()

    @property
    def key(self) -> Key:
        """Its public key. BrokenError: the key is of a kind that signs nothing here."""
        try:
            found = key_of(self.subject, self.x509.public_key())
        except Exception:  # noqa: BLE001  the library's errors of keys that it does not know are of many classes
            found = None
        if found is None:
            raise BrokenError(f"the key of the certificate of {self.subject} is of an unknown kind")
        return found

    def valid_at(self, when: datetime) -> bool:
        """Whether a moment is within its validity, both ends included (RFC 5280, 4.1.2.5)."""
        return bool(self.x509.not_valid_before_utc <= when <= self.x509.not_valid_after_utc)

    @property
    def validity(self) -> str:
        """From when to when it is valid, for people."""
        begins, ends = self.x509.not_valid_before_utc, self.x509.not_valid_after_utc
        return f"{shown(begins)} to {shown(ends)}"

    @property
    def extensions(self) -> tuple[Any, ...]:
        """Its extensions. BrokenError: they cannot be read."""
        try:
            return tuple(self.x509.extensions)
        except Exception:  # noqa: BLE001  the library's errors of broken extensions are of many classes
            raise BrokenError(f"the extensions of the certificate of {self.subject} cannot be read") from None

    def extension(self, oid: str) -> Any | None:  # noqa: ANN401  any of the library's extensions
        """Return an extension, None where there is none. BrokenError: its extensions cannot be read."""
        return next((one for one in self.extensions if one.oid.dotted_string == oid), None)


@contextmanager
def without_warnings() -> Iterator[None]:
    """Keep the library's warnings about odd certificates from people: a verdict says what counts."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"ociarchive\.signing\.")
        yield


def read_certificate(der: bytes) -> Certificate:
    """Return the certificate in DER. BrokenError: it is none."""
    from cryptography import x509  # noqa: PLC0415  of an extra, slow to import

    if len(der) > _LARGEST:
        raise BrokenError(f"a certificate is larger than {_LARGEST} bytes")
    try:
        found = x509.load_der_x509_certificate(der)
        # Versions and dates are read when they are asked for.
        _ = found.version, found.not_valid_before_utc, found.not_valid_after_utc
    except Exception:  # noqa: BLE001  whatever the library says of what is no certificate, the answer is the same
        raise BrokenError("a certificate of it cannot be read") from None
    return Certificate(der, found)


def read_pem(raw: bytes) -> tuple[Certificate, ...]:
    """Return the certificates in PEM, in their order. BrokenError: there are none, or one cannot be read."""
    from cryptography import x509  # noqa: PLC0415  as above
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415  as above

    try:
        listed = x509.load_pem_x509_certificates(raw)
        return tuple(read_certificate(one.public_bytes(Encoding.DER)) for one in listed)
    except Exception:  # noqa: BLE001  as above
        raise BrokenError("a certificate of it cannot be read") from None


def load_certificates(path: str) -> tuple[Certificate, ...]:
    """Return the certificates in a file, PEM or DER. UsageError: there is no such file, or it holds something else."""
    try:
        raw = read_named(path, "a certificate", _LARGEST_FILE)
    except ContentError as error:
        raise UsageError(error.what, where=path, expected=error.expected) from None
    return certificates_in(raw, path)


def certificates_in(raw: bytes, path: str) -> tuple[Certificate, ...]:
    """Return the certificates in PEM or DER. `path` is their name. UsageError: it is something else."""
    library()
    try:
        return read_pem(raw) if b"-----BEGIN" in raw else (read_certificate(raw),)
    except BrokenError:
        hint = "a bare public key is no certificate" if b"PUBLIC KEY-----" in raw else None
        raise UsageError("not a certificate", where=path, expected="X.509 in PEM or DER", hint=hint) from None


def issued_by(certificate: Certificate, issuer: Certificate) -> bool:
    """Whether a certificate names an issuer's subject and is signed by the issuer's key."""
    try:
        certificate.x509.verify_directly_issued_by(issuer.x509)
    except Exception:  # noqa: BLE001  wrong names, keys and signatures have errors of different classes
        return False
    return True


def chain_fault(chain: Sequence[Certificate]) -> str | None:
    """Return why a chain is none from a leaf to its root, each issued by the next; None where it is one.

    signature-specification.md, Certificate Requirements, Other requirements.
    """
    if len(set(chain)) < len(chain):
        return "its certificate chain has a certificate twice"
    for below, above in pairwise(chain):
        if not issued_by(below, above):
            return f"its certificate chain is out of order or broken: {above.subject} did not issue {below.subject}"
    if not issued_by(chain[-1], chain[-1]):
        return f"its certificate chain does not end in a root: {chain[-1].subject} did not issue itself"
    return None


def path_to(
    certificate: Certificate, roots: Sequence[Certificate], others: Sequence[Certificate]
) -> tuple[Certificate, ...] | None:
    """Return a chain from a certificate to one of the roots, each issued by the next; None where there is none.

    What it may be used for, and when, is not asked here.
    """
    chain, tried = [certificate], 0
    while chain[-1] not in roots:
        above = None
        for one in (*roots, *others):
            if one in chain or not _names(chain[-1], one):
                continue
            tried += 1
            if issued_by(chain[-1], one):
                above = one
                break
            if tried >= _TRIED:
                return None
        if above is None or len(chain) == LONGEST:
            return None
        chain.append(above)
    return tuple(chain)


def _names(one: Certificate, issuer: Certificate) -> bool:
    """Whether a certificate says that another one's subject issued it."""
    try:
        return bool(one.x509.issuer == issuer.x509.subject)
    except ValueError:
        return False


def weakness(chain: Iterable[Certificate]) -> str | None:
    """Return what makes a chain weak: SHA-1 or MD5 in a signature, or a short key; None where nothing does."""
    for one in chain:
        used = getattr(_hash_of(one), "name", None)
        if used in _WEAK:
            return f"the certificate of {one.subject} is signed with {used.upper()}"
        size = getattr(_public(one), "key_size", None)
        if hasattr(_public(one), "public_numbers") and size is not None and size < _shortest(one):
            return f"the key of the certificate of {one.subject} has {plural(size, 'bit')}"
    return None


def _shortest(one: Certificate) -> int:
    return 256 if hasattr(_public(one), "curve") else _SHORTEST_RSA


def _public(one: Certificate) -> Any:  # noqa: ANN401  any of the library's keys
    try:
        return one.x509.public_key()
    except Exception:  # noqa: BLE001  as above
        return None


def _hash_of(one: Certificate) -> Any:  # noqa: ANN401  any of the library's hashes
    try:
        return one.x509.signature_hash_algorithm
    except Exception:  # noqa: BLE001  as above
        return None


def is_authority(one: Certificate) -> bool:
    """Whether a certificate says of itself that it is an authority's."""
    basic = one.extension("2.5.29.19")
    return basic is not None and bool(basic.value.ca)


def authority_fault(one: Certificate, below: int) -> str | None:
    """Return why a certificate cannot be that of an authority, with `below` other authorities under it.

    signature-specification.md, Root and Intermediate CA Certificates.
    """
    basic, usage = one.extension("2.5.29.19"), one.extension("2.5.29.15")
    what = f"the certificate of {one.subject}"
    if basic is None or not basic.critical or not basic.value.ca:
        return f"{what} may not issue others (basic constraints: cA, critical)"
    if basic.value.path_length is not None and basic.value.path_length < below:
        return f"{what} allows {plural(basic.value.path_length, 'authority', 'authorities')} below it, and has {below}"
    if usage is None or not usage.critical or not usage.value.key_cert_sign:
        return f"{what} may not issue others (key usage: keyCertSign, critical)"
    return None


def purpose_fault(one: Certificate, purpose: Purpose) -> str | None:
    """Return why an authority may not vouch for a purpose, None where it may.

    RFC 5280, 4.2.1.12, leaves open what the purposes of an authority mean; verifiers of sigstore and of time stamps
    take them for all below it. One that issues certificates for clocks does not vouch for signers of code.
    """
    extended = one.extension("2.5.29.37")
    listed = {oid.dotted_string for oid in extended.value} if extended is not None else set()
    if not listed or listed & {_PURPOSES[purpose], _ANY}:
        return None
    return f"the certificate of {one.subject} may not vouch for {purpose} (extended key usage)"


def leaf_fault(one: Certificate, purpose: Purpose, *, optional: bool = False) -> str | None:
    """Return why a certificate's key may not make signatures of a purpose.

    signature-specification.md, Leaf Certificates. With `optional` the extended key usage may be absent, or have
    purposes that nobody here knows; those that are known have to fit.
    """
    basic, usage, extended = (one.extension(oid) for oid in ("2.5.29.19", "2.5.29.15", "2.5.29.37"))
    what = f"the certificate of {one.subject}"
    if basic is not None and basic.value.ca:
        return f"{what} is that of an authority (basic constraints: cA)"
    if usage is None or not usage.critical or not usage.value.digital_signature:
        return f"{what} is not for signatures (key usage: digitalSignature, critical)"
    others = [name for name in _OTHER_USES if getattr(usage.value, name)]
    if others:
        return f"{what} is for other uses as well (key usage: {', '.join(others)})"
    if extended is None:
        return None if optional else f"{what} is not for {purpose} (extended key usage)"
    listed = {oid.dotted_string for oid in extended.value}
    wrong = [_EXTENDED[oid] for oid in sorted(listed & _EXTENDED.keys()) if oid != _PURPOSES[purpose]]
    if wrong:
        return f"{what} is for another purpose (extended key usage: {', '.join(wrong)})"
    if _PURPOSES[purpose] not in listed and not optional:
        return f"{what} is not for {purpose} (extended key usage)"
    return None


def critical_fault(chain: Iterable[Certificate]) -> str | None:
    """Return which certificate has a critical extension that is not looked at here, None where none has.

    RFC 5280, 4.2: such a certificate MUST be rejected. Of Notary Project signatures other extensions are not to be
    looked at (Other requirements).
    """
    for one in chain:
        names = (each.oid.dotted_string for each in one.extensions if each.critical)
        unknown = next((name for name in names if name not in _KNOWN), None)
        if unknown is not None:
            return f"the certificate of {one.subject} has a critical extension that is not known: {unknown}"
    return None


def outside(chain: Iterable[Certificate], when: datetime) -> str | None:
    """Return which certificate is not valid at a moment, None where all are."""
    for one in chain:
        if not one.valid_at(when):
            return f"the certificate of {one.subject} is valid from {one.validity}"
    return None


def revocable(chain: Iterable[Certificate]) -> bool:
    """Whether a certificate names a service that knows if it was revoked: OCSP, or a list (CRL)."""
    for one in chain:
        if one.extension("2.5.29.31") is not None:
            return True
        access = one.extension("1.3.6.1.5.5.7.1.1")
        if access is not None and any(each.access_method.dotted_string.endswith(".48.1") for each in access.value):
            return True
    return False
