"""Read a conversion's receipt and compare it with an archive."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ociarchive import documents
from ociarchive.auditing.proven import ReceiptProof, Share
from ociarchive.auditing.rule import Finding
from ociarchive.blobio.source import read_named
from ociarchive.errors import ContentError
from ociarchive.values import Digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.auditing.evidence import Evidence
    from ociarchive.auditing.listing import Object
    from ociarchive.values import JSON

#: What a receipt lists, each entry with its descriptor before and after.
KINDS: Final = ("manifests", "indexes", "configs", "layers")
#: A receipt has a few hundred bytes for each blob. This is the size for some hundred thousand blobs.
MAX_RECEIPT: Final = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A conversion's receipt, read from the file `path`, whose bytes have the digest `sha256` (`sha256:...`)."""

    path: str
    sha256: str
    members: Object = field(repr=False)


def load_receipt(path: str) -> Receipt:
    """Return the receipt in a file. UsageError: no such file. ContentError: it is no receipt."""
    raw = read_named(path, "a receipt", MAX_RECEIPT)
    members = documents.parse(raw, path, limit=MAX_RECEIPT).members
    wrong = _wrong(members)
    if wrong is not None:
        raise ContentError(f"not a conversion's receipt: {wrong}", where=path)
    return Receipt(path=path, sha256=f"sha256:{hashlib.sha256(raw).hexdigest()}", members=members)


def _wrong(members: Object) -> str | None:
    """Return why a document is no receipt, in the terms of `receipt.schema.json`; None where it is one.

    A document that is no receipt, or an empty receipt, would agree with every archive.
    """
    tool, version = members.get("tool"), members.get("schema_version")
    if not isinstance(tool, dict) or tool.get("name") != "ociarchive":
        return "its tool is not ociarchive"
    if version is True or version != 1:
        return "its schema_version is not 1"
    if not isinstance(members.get("sources"), list) or not isinstance(members.get("destination"), dict):
        return "it does not name sources and a destination"
    count = 0
    for kind in KINDS:
        listed = members.get(kind)
        if not isinstance(listed, list):
            return f"{kind} is not a list"
        for number, entry in enumerate(listed):
            if not _is_change(entry, kind):
                return f"{kind}[{number}] does not say what a descriptor was and is"
        count += len(listed)
    return None if count else "it lists nothing that was converted"


def _is_change(entry: JSON, kind: str) -> bool:
    if not isinstance(entry, dict) or not _is_descriptor(entry.get("new")):
        return False
    if entry.get("old") is not None and not _is_descriptor(entry["old"]):
        return False
    diff_id = entry.get("diff_id")
    return kind != "layers" or diff_id is None or (isinstance(diff_id, str) and Digest.maybe(diff_id) is not None)


def _is_descriptor(value: JSON) -> bool:
    if not isinstance(value, dict):
        return False
    digest, size = value.get("digest"), value.get("size")
    return (
        isinstance(value.get("mediaType"), str)
        and isinstance(digest, str)
        and Digest.maybe(digest) is not None
        and isinstance(size, int)
        and not isinstance(size, bool)
        and size >= 0
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What an archive that was held against a receipt lacks, and what the receipt proves of it."""

    findings: tuple[Finding, ...]
    proof: ReceiptProof


def check_receipt(receipt: Receipt, evidence: Evidence) -> Compared:
    """Hold an archive against a receipt: manifests, indexes, configs and layers, by digest."""
    present: dict[str, set[str]] = {}
    for claim in evidence.claims:
        fact = evidence.fact(claim.source)
        if fact is not None:
            present.setdefault(str(claim.digest), set()).update(map(str, fact.diff_ids or ()))
    findings = tuple(_mismatches(receipt, present, evidence))
    wrong = {one.subject for one in findings}

    def share(*kinds: str) -> Share:
        listed = {digest for kind in kinds for digest, _ in _listed(receipt, kind)}
        return Share(held=len(listed - wrong), listed=len(listed))

    proof = ReceiptProof(
        path=receipt.path,
        sha256=receipt.sha256,
        manifests=share("manifests", "indexes"),
        blobs=share("configs", "layers"),
        unbound=("names", "the archive's own digest", "what the archive holds beside"),
    )
    return Compared(findings=findings, proof=proof)


def _listed(receipt: Receipt, kind: str) -> Iterator[tuple[str, str | None]]:
    """Give the digest of each thing of a kind after the conversion, with the diff_id of a layer."""
    listed = receipt.members.get(kind)
    for entry in listed if isinstance(listed, list) else []:
        new = entry.get("new") if isinstance(entry, dict) else None
        digest = new.get("digest") if isinstance(new, dict) else None
        diff_id = entry.get("diff_id") if isinstance(entry, dict) else None
        if isinstance(digest, str):
            yield digest, diff_id if isinstance(diff_id, str) else None


def _mismatches(receipt: Receipt, present: dict[str, set[str]], evidence: Evidence) -> Iterator[Finding]:
    for kind in KINDS:
        for digest, diff_id in _listed(receipt, kind):
            gone = digest not in present
            changed = not gone and diff_id is not None and bool(present[digest]) and diff_id not in present[digest]
            if gone or changed:
                yield Finding(
                    rule="receipt-mismatch",
                    severity="error",
                    message=f"the receipt lists {kind[:-1]} {digest}, which is not in the archive"
                    if gone
                    else f"the receipt gives layer {digest} another diff_id than it has",
                    location=evidence.archive.where,
                    subject=digest,
                    expected=diff_id if changed else digest,
                    found=receipt.path,
                )
