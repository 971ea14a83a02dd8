"""Signed statements of our own: an in-toto Statement in a DSSE envelope, made and opened.

Sources: DSSE, envelope.md and protocol.md; in-toto attestation, spec/v1/statement.md and resource_descriptor.md.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ociarchive import documents
from ociarchive.errors import ContentError
from ociarchive.mediatypes import IN_TOTO
from ociarchive.signing.envelopes import STATEMENTS, decoded, dsse, pae
from ociarchive.signing.keys import Message, maker

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ociarchive.signing.keys import Key
    from ociarchive.signing.private import Signer
    from ociarchive.values import JSON

#: The version of statements that are written here.
TYPE: Final = STATEMENTS[0]
#: What an envelope may have in bytes: a receipt of the largest size, twice in base64.
MAX_ENVELOPE: Final = 128 << 20


@dataclass(frozen=True, slots=True)
class Subject:
    """What a statement is about: a name, and a digest by the name of its algorithm."""

    name: str
    algorithm: str
    value: str

    def as_json(self) -> dict[str, JSON]:
        """Return the resource descriptor."""
        return {"name": self.name, "digest": {self.algorithm: self.value}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A statement that was signed: what it says, and who said it."""

    predicate_type: str
    predicate: Mapping[str, JSON]
    subjects: frozenset[Subject]
    by: Key


def signed(subjects: Iterable[Subject], predicate_type: str, predicate: Mapping[str, JSON], signer: Signer) -> bytes:
    """Return the envelope around a statement, one line of JSON. Equal input gives equal bytes.

    The members stand in this order so that the first bytes show whose statement it is.
    """
    statement = {
        "_type": TYPE,
        "predicateType": predicate_type,
        "predicate": {**predicate},
        "subject": [one.as_json() for one in dict.fromkeys(subjects)],
    }
    payload = json.dumps(statement, ensure_ascii=True, separators=(",", ":")).encode("ascii")
    signature = signer.sign(pae(IN_TOTO, payload))
    value: JSON = {
        "payloadType": IN_TOTO,
        "payload": base64.b64encode(payload).decode("ascii"),
        # DSSE leaves what a keyid is to the parties. Verifiers that compare it with their own find none here.
        "signatures": [{"keyid": "", "sig": base64.b64encode(signature).decode("ascii")}],
    }
    return documents.dump(value) + b"\n"


def is_envelope(members: Mapping[str, JSON]) -> bool:
    """Whether a document is an envelope of DSSE."""
    return {"payloadType", "payload", "signatures"} <= members.keys()


def opened(members: Mapping[str, JSON], keys: Sequence[Key], where: str) -> Statement:
    """Return the statement in an envelope that one of the keys signed.

    ContentError: none of them did, what signed is weak, or it is no statement.
    """
    found = dsse(members, where)
    if found.message is None:
        raise RuntimeError("an envelope is signed over its own payload")
    made = maker(found.signatures, keys, Message(found.message))
    if made is None:
        raise ContentError("the receipt is signed by no key that the call names, or was changed since", where=where)
    if made.weak:
        raise ContentError(f"its signature proves nothing: {made.weak}", where=where)
    return _statement(members, made.key, where)


def _statement(members: Mapping[str, JSON], key: Key, where: str) -> Statement:
    if members.get("payloadType") != IN_TOTO:
        raise ContentError("its payload is no statement of in-toto", where=where)
    payload = decoded(members.get("payload"), "the payload", where)
    value = documents.parse(payload, where, limit=MAX_ENVELOPE, surrogates=True).members
    kind, predicate, subject = value.get("predicateType"), value.get("predicate"), value.get("subject")
    if value.get("_type") != TYPE or not isinstance(kind, str) or not isinstance(predicate, dict):
        raise ContentError("its payload is no statement of in-toto", where=where, expected=TYPE)
    listed = frozenset(_subjects(subject if isinstance(subject, list) else []))
    return Statement(predicate_type=kind, predicate=predicate, subjects=listed, by=key)


def _subjects(listed: Iterable[JSON]) -> Iterator[Subject]:
    for one in listed:
        name = one.get("name") if isinstance(one, dict) else None
        digests = one.get("digest") if isinstance(one, dict) else None
        for algorithm, value in (digests if isinstance(digests, dict) else {}).items():
            if isinstance(name, str) and isinstance(value, str):
                yield Subject(name, algorithm, value)
