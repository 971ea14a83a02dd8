"""Whether an entry is in a transparency log: inclusion proof, signed checkpoint, signed entry timestamp. Pure.

Sources: RFC 6962, 2.1 (hashes), RFC 9162, 2.1.3.2 (verifying an inclusion proof); C2SP, signed-note.md and
tlog-checkpoint.md; sigstore, rekor, openapi.yaml, LogEntry, verification.signedEntryTimestamp.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from itertools import islice
from typing import TYPE_CHECKING, Final

from ociarchive import documents
from ociarchive.signing.keys import Message

if TYPE_CHECKING:
    from ociarchive.signing.keyless.material import Entry, Proof
    from ociarchive.signing.keyless.root import Log

_SIGNED: Final = re.compile(r"\u2014 ([^\s+]+) ([A-Za-z0-9+/]+=*)\n")
#: The first bytes of a signature in a note name the key.
_HINT: Final = 4
#: A log signs its checkpoint once. So many signatures that name its key are tried, whoever wrote them there.
_TRIED: Final = 2
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


def entry_fault(entry: Entry, log: Log) -> str | None:
    """Return why a log does not vouch for an entry; None where all that goes with the entry holds."""
    if entry.proof is None and entry.promise is None:
        return "its log entry has neither an inclusion proof nor a signed entry timestamp"
    fault = _proof_fault(entry.proof, entry.body, log) if entry.proof is not None else None
    if fault is None and entry.promise is not None and not _holds(log, entry.promise, Message(_promised(entry))):
        fault = f"the signed entry timestamp of its log entry does not hold under the key of {log.name}"
    return fault


def _promised(entry: Entry) -> bytes:
    """Return what a signed entry timestamp is over: canonical JSON (RFC 8785) of the entry with its time and place."""
    return documents.dump(
        {
            "body": base64.b64encode(entry.body).decode(),
            "integratedTime": entry.time or 0,
            "logID": entry.log_id.hex(),
            "logIndex": entry.index,
        }
    )


def _proof_fault(proof: Proof, body: bytes, log: Log) -> str | None:
    root = root_of(proof, body)
    if root is None or root != proof.root:
        return "the inclusion proof of its log entry does not lead to the root that it names"
    if proof.checkpoint is None:
        return "the inclusion proof of its log entry has no signed checkpoint"
    note, blank, signatures = proof.checkpoint.partition("\n\n")
    lines = note.split("\n")
    if not blank or len(lines) < 3 or not _SIZE.fullmatch(lines[1]):  # noqa: PLR2004  origin, size, root
        return "the checkpoint of its log entry cannot be read"
    signed = Message(f"{note}\n".encode("utf-8", "surrogatepass"))
    made = (_decoded(one[2]) for one in _SIGNED.finditer(signatures))
    named = islice((raw[_HINT:] for raw in made if raw[:_HINT] == log.key_id[:_HINT]), _TRIED)
    if not any(_holds(log, signature, signed) for signature in named):
        return f"the checkpoint of its log entry does not hold under the key of {log.name}"
    if int(lines[1]) != proof.size or _decoded(lines[2]) != proof.root:
        return "the checkpoint of its log entry is of another root than the inclusion proof"
    return None


def root_of(proof: Proof, body: bytes) -> bytes | None:
    """Return the root to which a proof leads (RFC 9162, 2.1.3.2), None where it has too many or too few hashes."""
    if proof.index >= proof.size:
        return None
    place, last = proof.index, proof.size - 1
    found = hashlib.sha256(b"\0" + body).digest()
    for one in proof.hashes:
        if last == 0:
            return None
        if place & 1 or place == last:
            found = hashlib.sha256(b"\1" + one + found).digest()
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = hashlib.sha256(b"\1" + found + one).digest()
        place, last = place >> 1, last >> 1
    return found if last == 0 else None


def _holds(log: Log, signature: bytes, signed: Message) -> bool:
    return log.key.made(signature, signed) == ""


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
