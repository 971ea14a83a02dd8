"""Read a conversion's receipt and hold an archive against it.

A receipt binds names to digests, and lists all that DEST holds, since it has the member `holds`; older ones are held
against the archive by the digests of manifests, indexes, configs and layers alone, and the report says so.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal

from ociarchive import documents
from ociarchive.auditing import bound
from ociarchive.auditing.bound import Difference
from ociarchive.auditing.holding import Holding, file_in, has_hosts, holding, parsed
from ociarchive.auditing.identity import Identity, parts_of
from ociarchive.auditing.proven import ReceiptProof, Share
from ociarchive.auditing.provenance import receipt_in
from ociarchive.auditing.rule import Finding
from ociarchive.auditing.subjects import subjects
from ociarchive.blobio.partlist import Part
from ociarchive.blobio.source import read_named
from ociarchive.documents import DocumentError
from ociarchive.errors import ContentError, UsageError
from ociarchive.formats import entry_documents
from ociarchive.measure import agrees
from ociarchive.signing.statement import MAX_ENVELOPE, is_envelope, opened
from ociarchive.values import Digest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from ociarchive.auditing.evidence import Evidence
    from ociarchive.auditing.listing import Object
    from ociarchive.model import Archive
    from ociarchive.signing.keys import Key
    from ociarchive.signing.statement import Subject
    from ociarchive.values import JSON

#: What a receipt lists, each entry with its descriptor before and after, and what messages call one of them.
KINDS: Final = {"manifests": "manifest", "indexes": "index", "configs": "config", "layers": "layer"}
#: The members of `destination` that have DEST's own digest: that of a file, and the directory hash of a folder.
_IDENTITIES: Final[dict[str, Literal["sha256", "dirHash"]]] = {"sha256": "sha256", "dir_hash": "dirHash"}
#: A receipt has a few hundred bytes for each blob. This is the size for some hundred thousand blobs.
MAX_RECEIPT: Final = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A conversion's receipt, read from the file `path`, whose bytes have the digest `sha256` (`sha256:...`).

    `holds` is what it says that DEST is called and holds, None where it does not, as older ones. `identity` is DEST's
    own digest, None where it has none, `parts` are those it was cut into. `by` says who signed it; `unsigned`: nobody,
    though the call names keys.
    """

    path: str
    sha256: str
    members: Object = field(repr=False)
    holds: Holding | None = field(default=None, repr=False)
    identity: Identity | None = None
    parts: tuple[Part, ...] = ()
    by: str | None = None
    unsigned: bool = False

    @property
    def form(self) -> str:
        """The format of DEST."""
        return str(_destination(self.members).get("format"))

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """What a statement about DEST is about."""
        label = os.path.basename(str(_destination(self.members).get("path")).rstrip("/")) or "-"
        return tuple(dict.fromkeys(subjects(label, self.identity, self.holds, self.parts)))


def _destination(members: Object) -> Object:
    """Return what a receipt says of DEST."""
    found = members.get("destination")
    return found if isinstance(found, dict) else {}


def load_receipt(path: str, keys: Sequence[Key] = ()) -> Receipt:
    """Return the receipt in a file, which may be inside of the signed provenance of its conversion.

    `keys` are those that may have signed it. UsageError: no such file, or it is signed and the call names no key.
    ContentError: it is no receipt, or no key of these signed it.
    """
    raw = read_named(path, "a receipt", MAX_ENVELOPE)
    try:
        members = documents.parse(raw, path, limit=MAX_ENVELOPE, surrogates=True).members
    except DocumentError as error:
        what = f"not a conversion's receipt: {error.what}"
        raise ContentError(what, where=path, expected=error.expected, found=error.found) from error
    if not is_envelope(members):
        return replace(receipt_of(members, raw, path), unsigned=bool(keys))
    if not keys:
        what = "the receipt is signed, and the call does not say who may have signed it"
        raise UsageError(what, where=path, hint="name the public key with --key FILE")
    statement = opened(members, keys, path)
    inner = receipt_in(statement, path)
    found = documents.parse(inner, path, limit=MAX_RECEIPT, surrogates=True).members
    receipt = receipt_of(found, raw, path, f"key {statement.by}")
    if not {*receipt.subjects} <= statement.subjects:
        raise ContentError("the statement is about something else than the receipt in it", where=path)
    return receipt


def receipt_of(members: Object, raw: bytes, path: str, by: str | None = None) -> Receipt:
    """Return the receipt in an object, read from a file of these bytes. ContentError: it is no receipt."""
    wrong = _wrong(members)
    holds = parsed(members["holds"]) if wrong is None and "holds" in members else None
    identity = _identity(members) if wrong is None else None
    for found in (wrong, holds, identity):
        if isinstance(found, str):
            raise ContentError(f"not a conversion's receipt: {found}", where=path)
    return Receipt(
        path=path,
        sha256=f"sha256:{hashlib.sha256(raw).hexdigest()}",
        members=members,
        holds=holds if isinstance(holds, Holding) else None,
        identity=identity if isinstance(identity, Identity) else None,
        parts=tuple(_parts(members)),
        by=by,
    )


def _identity(members: Object) -> Identity | str | None:
    """Return DEST's own digest, None where the receipt has none; a text says why it is no digest."""
    destination = _destination(members)
    for key, algorithm in _IDENTITIES.items():
        value = destination.get(key)
        if value is not None:
            digest = Digest.maybe(value)
            if digest is None or digest.algorithm != "sha256":
                return f"destination.{key} is no digest"
            return Identity(algorithm, digest.hex)
    return None


def _wrong(members: Object) -> str | None:
    """Return why a document is no receipt, in the terms of `receipt.schema.json`; None where it is one.

    A document that is no receipt, or an empty receipt, would agree with every archive.
    """
    tool, version = members.get("tool"), members.get("schema_version")
    if not isinstance(tool, dict) or tool.get("name") != "ociarchive":
        return "its tool is not ociarchive"
    if not documents.is_whole(version) or version != 1:
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


def _parts(members: Object) -> Iterator[Part]:
    listed = _destination(members).get("parts")
    for one in listed if isinstance(listed, list) else []:
        found = file_in(one)
        if found is not None:
            yield Part(found.name, found.size, found.sha256.removeprefix("sha256:"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What an archive that was held against a receipt lacks, and what the receipt proves of it."""

    findings: tuple[Finding, ...]
    proof: ReceiptProof


def check_receipt(receipt: Receipt, evidence: Evidence, identity: Identity | None, *, signed: bool = False) -> Compared:
    """Hold an archive, whose own digest is `identity`, against a receipt; one of the keys has to have `signed` it.

    ContentError, HostError: a file of the archive cannot be read.
    """
    there, archive = _There(evidence), evidence.archive
    here = None
    if receipt.holds is not None:
        sizes = {one.name: one.size for one in receipt.holds.files or ()}
        here = holding(archive, lambda _: None, hosts=has_hosts(receipt.form), known=sizes)
    findings = tuple(
        Finding(
            rule="receipt-mismatch",
            severity="error",
            message=one.what,
            location=archive.where,
            subject=one.subject,
            expected=one.expected,
            found=one.found,
        )
        for one in _differences(receipt, there, archive, here, identity)
    )
    if signed and receipt.unsigned:
        what = "nobody signed the receipt, where a signature is asked for"
        findings = (*findings, Finding(rule="signature-missing", severity="error", message=what, location=receipt.path))
    return Compared(findings=findings, proof=_proof(receipt, there, archive, here, identity))


class _There:
    """What is proved of an archive: its digests with those of layers unpacked, and digests of other bytes.

    `left_out` are the layers that a delta says the other side has.
    """

    def __init__(self, evidence: Evidence) -> None:
        self.diff_ids: dict[str, set[str]] = {}
        self.changed: set[str] = set()
        for claim in evidence.claims:
            fact = evidence.fact(claim.source)
            if fact is not None:
                self.diff_ids.setdefault(str(claim.digest), set()).update(map(str, fact.diff_ids or ()))
                if agrees(claim.digest, fact.digests) is False:
                    self.changed.add(str(claim.digest))
        delta = evidence.archive.delta
        self.left_out = frozenset(map(str, delta.left_out)) if delta is not None else frozenset()

    def holds(self, digest: str) -> bool:
        """Whether bytes of this digest are there."""
        return digest in self.diff_ids and digest not in self.changed


def _listed(receipt: Receipt, kind: str, left_out: Collection[str]) -> dict[str, str | None]:
    """Return the digest of each thing of a kind in DEST, with the diff_id of a layer.

    A delta lists what became of the layers that it leaves out, too: they are not in `holds`, or it says so itself.
    """
    found: dict[str, str | None] = {}
    listed = receipt.members.get(kind)
    for entry in listed if isinstance(listed, list) else []:
        new = entry.get("new") if isinstance(entry, dict) else None
        digest = new.get("digest") if isinstance(new, dict) else None
        diff_id = entry.get("diff_id") if isinstance(entry, dict) else None
        if isinstance(digest, str):
            found[digest] = diff_id if isinstance(diff_id, str) else None
    if receipt.holds is not None and kind in ("manifests", "indexes"):
        found |= dict.fromkeys(getattr(receipt.holds, kind))
    if kind == "layers":
        kept = receipt.holds.blobs if receipt.holds is not None else found.keys() - left_out
        found = {digest: diff_id for digest, diff_id in found.items() if digest in kept}
    return found


def _differences(
    receipt: Receipt, there: _There, archive: Archive, here: Holding | None, identity: Identity | None
) -> Iterator[Difference]:
    found = bound.Few()
    listed = receipt.holds
    if listed is not None and here is not None:
        if not _hosts(receipt, archive):
            listed = listed.without_hosts()
        found.take(bound.names(listed, here))
        found.take(bound.entries(listed, here) if not found else ())
    found.take(_of_kinds(receipt, there, here))
    if listed is not None and here is not None and receipt.form == archive.format:
        # An index.json, or the links of a registry, are others wherever a name or an image is.
        found.take(bound.files(listed, here, beside=entry_documents() if found else frozenset()))
    parts = parts_of(archive)
    if receipt.parts and parts and receipt.parts != parts:
        yield bound.parts(receipt.parts, parts)
    yield from found.told(archive.where)
    if receipt.identity is None or identity is None or identity.algorithm != receipt.identity.algorithm:
        return
    if identity != receipt.identity and (identity.algorithm == "sha256" or not found):
        what = "file" if identity.algorithm == "sha256" else "folder"
        yield Difference(
            what=f"the {what} is another one than the receipt is of",
            subject=archive.where,
            expected=str(receipt.identity),
            found=str(identity),
        )


def _of_kinds(receipt: Receipt, there: _There, here: Holding | None) -> Iterator[Difference]:
    """Give what is gone, changed or new, kind by kind."""
    known: set[str] = set()
    for kind, name in KINDS.items():
        listed = _listed(receipt, kind, there.left_out)
        known |= listed.keys()
        yield from bound.gone(name, [digest for digest in listed if digest not in there.diff_ids])
        yield from bound.changed(name, [digest for digest in listed if digest in there.changed])
        for digest, diff_id in listed.items():
            unpacked = there.diff_ids.get(digest)
            if diff_id is not None and unpacked and diff_id not in unpacked:
                what = f"the receipt gives layer {digest} another diff_id than it has"
                yield Difference(what=what, subject=digest, expected=diff_id, found=min(unpacked))
    if receipt.holds is None:
        return
    blobs = receipt.holds.blobs.keys()
    yield from bound.gone("blob", blobs - there.diff_ids.keys() - known)
    yield from bound.changed("blob", (blobs & there.changed) - known)
    if here is not None and here.complete and receipt.holds.complete:
        yield from bound.new("manifest", {*here.manifests} - {*receipt.holds.manifests})
        yield from bound.new("index", {*here.indexes} - {*receipt.holds.indexes})
        # A manifest that nothing leads to any more is a blob.
        yield from bound.new("blob", here.blobs.keys() - blobs - {*receipt.holds.manifests, *receipt.holds.indexes})


def _hosts(receipt: Receipt, archive: Archive) -> bool:
    """Whether the names of both have hosts."""
    return has_hosts(receipt.form) and has_hosts(archive.format)


def _proof(
    receipt: Receipt, there: _There, archive: Archive, here: Holding | None, identity: Identity | None
) -> ReceiptProof:
    """Return what holds of what the receipt lists, and what it does not bind."""

    def share(*kinds: str, more: Iterable[str] = ()) -> Share:
        listed = {*(digest for kind in kinds for digest in _listed(receipt, kind, there.left_out)), *more}
        return Share(held=sum(map(there.holds, listed)), listed=len(listed))

    holds, unbound = receipt.holds, []
    if receipt.unsigned:
        unbound.append(
            "nobody signed it, though the call names keys: whoever changes the archive can change it as well"
        )
    names = None
    if holds is None or here is None:
        unbound.append("it binds no names, and not what else the archive holds")
    else:
        listed = holds if _hosts(receipt, archive) else holds.without_hosts()
        held = sum(here.names.get(name) == digests for name, digests in listed.names.items())
        names = Share(held=held, listed=len(listed.names))
        if not (holds.complete and here.complete):
            unbound.append("a registry may hold more, which was not compared")
        elif receipt.form != archive.format:
            unbound.append(f"DEST had the format {receipt.form}, so that the files beside the blobs were not compared")
    same = identity is not None and receipt.identity is not None and identity.algorithm == receipt.identity.algorithm
    if not same:
        unbound.append(
            "it has no digest of the archive itself"
            if receipt.identity is None
            else "the digest of DEST itself was not compared, for what was read is not the same kind of file or folder"
        )
    return ReceiptProof(
        path=receipt.path,
        sha256=receipt.sha256,
        by=receipt.by,
        names=names,
        manifests=share("manifests", "indexes"),
        blobs=share("configs", "layers", more=holds.blobs if holds is not None else ()),
        file=identity == receipt.identity if same else None,
        unbound=tuple(unbound),
    )
