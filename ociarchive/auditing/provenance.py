"""The receipt of a conversion inside of its signed provenance: where it stands, and how it is taken out again.

Source: slsa.dev, spec/v1.1/provenance: a byproduct is an artifact that is no output; here with its content.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Final

from ociarchive.errors import ContentError
from ociarchive.signing.envelopes import decoded
from ociarchive.signing.predicates import SLSA, SVR

if TYPE_CHECKING:
    from ociarchive.signing.statement import Statement
    from ociarchive.values import JSON

#: What `buildType` calls a conversion. The page docs/attestations.md says what its members are.
BUILD_TYPE: Final = "urn:ociarchive:convert:1"
#: What the byproduct is called that the receipt is.
RECEIPT: Final = "receipt.json"


def as_byproduct(receipt: bytes) -> dict[str, JSON]:
    """Return the resource descriptor of a receipt, with its content."""
    return {
        "name": RECEIPT,
        "mediaType": "application/json",
        "digest": {"sha256": hashlib.sha256(receipt).hexdigest()},
        "content": base64.b64encode(receipt).decode("ascii"),
    }


def receipt_in(statement: Statement, where: str) -> bytes:
    """Return the receipt in the provenance of a conversion. ContentError: there is none in this statement."""
    if statement.predicate_type == SVR:
        hint = "`convert --attestation` writes the statement that is a receipt"
        raise ContentError("not a conversion's receipt: it is the verdict of an audit", where=where, hint=hint)
    definition = statement.predicate.get("buildDefinition")
    kind = definition.get("buildType") if isinstance(definition, dict) else None
    if statement.predicate_type != SLSA or kind != BUILD_TYPE:
        raise ContentError("not a conversion's receipt: it is another statement", where=where, expected=BUILD_TYPE)
    details = statement.predicate.get("runDetails")
    listed = details.get("byproducts") if isinstance(details, dict) else None
    for one in listed if isinstance(listed, list) else []:
        if isinstance(one, dict) and one.get("name") == RECEIPT:
            return decoded(one.get("content"), "the receipt", where)
    raise ContentError("not a conversion's receipt: its provenance has none", where=where)
