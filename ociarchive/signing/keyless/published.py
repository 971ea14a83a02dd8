"""Whether a certificate was published: the signed certificate timestamp in it, by a log of the trusted root. Pure.

Source: RFC 6962, 3.2 and 3.3; sigstore, fulcio, docs/ctlog.md.
"""

from __future__ import annotations

import hashlib
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

from ociarchive.signing.keys import Message
from ociarchive.signing.values import BrokenError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ociarchive.signing.certificates import Certificate
    from ociarchive.signing.keyless.root import Log

_EXTENSION: Final = "1.3.6.1.4.1.11129.2.4.2"
_MANY: Final = 16


def publication_fault(certificate: Certificate, issuer: Certificate, logs: Sequence[Log]) -> str | None:
    """Return why no log vouches for a certificate, None where one does. BrokenError: its extension cannot be read."""
    extension = certificate.extension(_EXTENSION)
    if extension is None:
        return "its certificate has no proof that it was published (SCT)"
    try:
        for one in list(extension.value)[:_MANY]:
            log = next((each for each in logs if each.key_id == one.log_id), None)
            if log is None or not log.period.has(one.timestamp.replace(tzinfo=UTC)):
                continue
            if log.key.made(one.signature, Message(_signed(certificate, issuer, one))) == "":
                return None
            return f"the proof that its certificate was published (SCT) does not hold under the key of {log.name}"
    except (ValueError, AttributeError, OverflowError):
        raise BrokenError("the proof that its certificate was published (SCT) cannot be read") from None
    return "the proof that its certificate was published (SCT) is by a log that the trusted root does not name"


def _signed(certificate: Certificate, issuer: Certificate, one: Any) -> bytes:  # noqa: ANN401  the library's value
    """RFC 6962, 3.2: what a log signs of a precertificate."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415  of an extra, slow to import

    der = issuer.x509.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    inner: bytes = certificate.x509.tbs_precertificate_bytes
    millis = round(one.timestamp.replace(tzinfo=UTC).timestamp() * 1000)
    parts = (
        b"\0\0",
        millis.to_bytes(8),
        b"\0\1",
        hashlib.sha256(der).digest(),
        len(inner).to_bytes(3),
        inner,
        len(one.extension_bytes).to_bytes(2),
        one.extension_bytes,
    )
    return b"".join(parts)
