"""Who a certificate of Fulcio is for, and by whose word. Pure.

Sources: sigstore, fulcio, docs/certificate-specification.md (Subject Alternative Name), docs/oid-info.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ociarchive.signing.der import parse_der
from ociarchive.signing.values import BrokenError

if TYPE_CHECKING:
    from ociarchive.signing.certificates import Certificate

_NAMES: Final = "2.5.29.17"
#: The kinds of names that identities have, by the library's classes; one more is a name of sigstore's own.
_EMAIL: Final = "RFC822Name"
_KINDS: Final = (_EMAIL, "UniformResourceIdentifier")
_USER_NAME: Final = "1.3.6.1.4.1.57264.1.7"
_UTF8: Final = 0x0C
#: OIDC issuer, as DER and, older, as it is.
_ISSUER, _OLD_ISSUER = "1.3.6.1.4.1.57264.1.8", "1.3.6.1.4.1.57264.1.1"


def identities(certificate: Certificate, *, emails: bool = False) -> tuple[str, ...]:
    """Return the identities for which a certificate was issued, with `emails` addresses alone.

    BrokenError: they cannot be read.
    """
    extension = certificate.extension(_NAMES)
    found: list[str] = []
    for one in extension.value if extension is not None else ():
        kind = type(one).__name__
        if kind == _EMAIL or (kind in _KINDS and not emails):
            found.append(one.value)
        elif not emails and kind == "OtherName" and one.type_id.dotted_string == _USER_NAME:
            found.append(_utf8(one.value))
    return tuple(found)


def issuer_of(certificate: Certificate) -> str | None:
    """Return who says that the identity is the signer's, None where nobody does. BrokenError: it cannot be read."""
    new, old = _raw(certificate.extension(_ISSUER)), _raw(certificate.extension(_OLD_ISSUER))
    try:
        found = [_utf8(new)] if new is not None else []
        found += [old.decode()] if old is not None else []
    except UnicodeDecodeError:
        raise BrokenError("its certificate's issuer of identities is no text") from None
    if len(set(found)) > 1:
        raise BrokenError("its certificate names two issuers of identities")
    return found[0] if found else None


def _raw(extension: Any) -> bytes | None:  # noqa: ANN401  any of the library's extensions
    value = getattr(getattr(extension, "value", None), "value", None)
    return value if isinstance(value, bytes) else None


def _utf8(raw: bytes) -> str:
    try:
        return parse_der(raw).require(_UTF8).content.decode()
    except (BrokenError, UnicodeDecodeError):
        raise BrokenError("a name in its certificate is no text") from None
