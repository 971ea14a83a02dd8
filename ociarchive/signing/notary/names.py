"""Distinguished names in trust policies, and whether a certificate's subject has what they ask for. Pure.

Source: notaryproject/specifications, trust-store-trust-policy.md, Trusted Identities Constraints.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ociarchive.signing.certificates import Certificate

#: Attribute types by the names that RFC 4514 has for them, and what certificates in the field use beside.
_TYPES: Final = {
    "C": "2.5.4.6", "ST": "2.5.4.8", "S": "2.5.4.8", "L": "2.5.4.7", "O": "2.5.4.10", "OU": "2.5.4.11",
    "CN": "2.5.4.3", "STREET": "2.5.4.9", "POSTALCODE": "2.5.4.17", "SERIALNUMBER": "2.5.4.5",
    "DC": "0.9.2342.19200300.100.1.25", "UID": "0.9.2342.19200300.100.1.1",
}  # fmt: skip
#: Each identity MUST contain country, state or province, and organization.
_REQUIRED: Final = ("C", "ST", "O")
#: Nothing is given back once it matched, so that spaces are looked at once.
_PAIR: Final = re.compile(r"\s*+([A-Za-z]++)\s*+=\s*+((?:\\.|[^\\,;+])*+)(?:,|\Z)", re.DOTALL)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)


def parse_name(text: str) -> dict[str, str]:
    """Return the attributes of a name by their object identifiers. ValueError: it is none, or lacks a required one."""
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        pair = _PAIR.match(text, at)
        oid = _TYPES.get(pair[1].upper()) if pair else None
        value = _stripped(pair[2]) if pair else ""
        if pair is None or oid is None or oid in found or not value:
            raise ValueError
        found[oid] = _ESCAPED.sub(r"\1", value)
        at = pair.end()
    if not all(_TYPES[name] in found for name in _REQUIRED):
        raise ValueError
    return found


def _stripped(text: str) -> str:
    """Return a value without spaces at its end, but for one that is escaped."""
    bare = text.rstrip()
    escaped = (len(bare) - len(bare.rstrip("\\"))) % 2
    return text[: len(bare) + escaped]


def overlapping(names: Sequence[Mapping[str, str]]) -> bool:
    """Whether a certificate may have two of these names: one has all attributes of the other, with the same values.

    Each is looked up by the kinds of attributes that others have, of which there are few, and not by every other name.
    """
    known = {frozenset(one.items()) for one in names}
    kinds = {frozenset(one) for one in names}
    return len(known) < len(names) or any(
        frozenset((oid, one[oid]) for oid in kind) in known for one in names for kind in kinds if kind < one.keys()
    )


def has_name(certificate: Certificate, names: Iterable[Mapping[str, str]]) -> bool:
    """Whether a certificate's subject has each attribute of one of the names, with this value and no other one."""
    subject: dict[str, list[object]] = {}
    for attribute in certificate.x509.subject:
        subject.setdefault(attribute.oid.dotted_string, []).append(attribute.value)
    return any(all(subject.get(oid) == [value] for oid, value in name.items()) for name in names)
