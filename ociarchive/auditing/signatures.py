"""Check the signatures of an archive: each payload is read once more, while the archive is still open.

What holds: the signature over its payload, by a key that the call names; and the payload's digest is that of a manifest
or index of this archive whose bytes have it. A digest that only its name claims is no basis for a signature.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ociarchive.auditing.attached import attached_to
from ociarchive.blobio.limits import LimitError
from ociarchive.blobio.source import counted, read_all
from ociarchive.errors import ContentError, UsageError
from ociarchive.measure import agrees
from ociarchive.model import Artifact, Image, Index, walk
from ociarchive.signing.envelopes import BrokenError, Signed, UncheckedError, kind_of_blob, read
from ociarchive.signing.keys import Key, Message, load_key
from ociarchive.signing.values import Signature

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ociarchive.auditing.evidence import Evidence
    from ociarchive.documents import Document
    from ociarchive.model import Blob, Edge, Root
    from ociarchive.signing.values import Kind, Status
    from ociarchive.values import Digest

_NOBODY = "a key that nobody named"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a call asks of signatures: the keys that may have made them, and whether every image must have one."""

    keys: tuple[Key, ...] = ()
    required: bool = False

    @property
    def terms(self) -> list[object]:
        """What may change a verdict, as JSON has it."""
        return [self.required, *sorted(key.fingerprint.hex() for key in self.keys)]


def wanted(paths: Iterable[str], *, required: bool) -> Wanted | None:
    """Return what a call asks of signatures, None where it asks nothing.

    UsageError: a file holds no public key, or every image must be signed and nobody says by whom.
    """
    keys = {key.fingerprint: key for key in map(load_key, paths)}
    if required and not keys:
        raise UsageError("no signature can hold without a key", hint="name the public key with --key FILE")
    return Wanted(keys=tuple(keys.values()), required=required) if keys else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsigned:
    """An image without a signature that holds. `label` is its name, or its digest."""

    label: str
    digest: Digest | None
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proofs:
    """What was found of signatures: each with its verdict, and the images that should have one and have none.

    `above` has the digests of the indexes in which each manifest stands. `keys` are those by which signatures were
    checked, `required` says whether each image must have one.
    """

    signatures: tuple[Signature, ...]
    missing: tuple[Unsigned, ...]
    above: Mapping[Digest, frozenset[Digest]]
    keys: tuple[str, ...] = ()
    required: bool = False
    _by_digest: dict[Digest, list[Signature]] = field(default_factory=dict, repr=False)

    def over(self, edge: Edge) -> list[Signature]:
        """Return the signatures over an image: over its manifest, and over the indexes in which it stands."""
        if not self._by_digest:
            for one in self.signatures:
                for digest in {one.expected or one.digest} - {None}:
                    self._by_digest.setdefault(digest, []).append(one)  # type: ignore[arg-type]  # None is taken out
        return [one for digest in _over(edge, self.above) for one in self._by_digest.get(digest, ())]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A signature that is to be checked: an artifact's blob, what it is attached to, and what it is over."""

    kind: Kind
    blob: Blob
    artifact: Digest | None
    attached: frozenset[Digest]
    first: Digest | None
    signed: Signed | ContentError

    @property
    def where(self) -> str:
        return self.blob.source.where if self.blob.source is not None else self.blob.name

    @property
    def says(self) -> tuple[Digest, ...]:
        """The digests that it names, else those to which it is attached."""
        named = self.signed.says if isinstance(self.signed, Signed) else ()
        return named or tuple(sorted(self.attached))


def prove(evidence: Evidence, wanted: Wanted, selected: Sequence[Root] | None) -> Proofs:
    """Return what signatures prove of an archive, or of the `selected` roots. LimitError: they are too many."""
    checker = _Checker(evidence, wanted.keys)
    above = _indexes(evidence.edges)
    images = [edge for edge in evidence.edges if isinstance(edge.node, Image)]
    speaking = list(_found(evidence))
    if selected is not None:
        nodes = {id(edge.node) for edge in walk(selected)}
        images = [edge for edge in images if id(edge.node) in nodes]
        about = {edge.descriptor.digest for edge in walk(selected) if edge.descriptor is not None}
        about |= {digest for edge in images for digest in _over(edge, above)}
        speaking = [
            one for one in speaking if one.artifact in about or not about.isdisjoint((*one.says, *one.attached))
        ]
    signatures = tuple(dict.fromkeys(checker.verdicts(speaking)))
    held = {one.digest for one in signatures if one.status == "valid"}
    missing = tuple(
        _unsigned(evidence, edge) for edge in images if wanted.required and held.isdisjoint(_over(edge, above))
    )
    keys = tuple(map(str, wanted.keys))
    proofs = Proofs(signatures=signatures, missing=missing, above=above, keys=keys, required=wanted.required)
    _require_few(evidence, proofs, images)
    return proofs


def _over(edge: Edge, above: Mapping[Digest, frozenset[Digest]]) -> tuple[Digest, ...]:
    if edge.descriptor is None:
        return ()
    return (edge.descriptor.digest, *sorted(above.get(edge.descriptor.digest, ())))


def _require_few(evidence: Evidence, proofs: Proofs, images: Iterable[Edge]) -> None:
    """A report lists each signature once for each image below what it signs."""
    allowed = evidence.archive.limits.listed
    count = 0
    for edge in images:
        count += len(proofs.over(edge))
        if count > allowed:
            what = f"the images have more than the {allowed} signatures allowed"
            raise LimitError(what, "listed", where=evidence.archive.where)


def _unsigned(evidence: Evidence, edge: Edge) -> Unsigned:
    digest = edge.descriptor.digest if edge.descriptor is not None else None
    image_id = edge.node.image_id if isinstance(edge.node, Image) else None
    names = getattr(edge.entry, "names", ())
    label = str(names[0]) if names else str(digest or image_id)
    return Unsigned(label=label, digest=digest or image_id, where=evidence.place(label))


def _indexes(edges: Iterable[Edge]) -> dict[Digest, frozenset[Digest]]:
    """Return for each digest below an index the digests of all indexes above it."""
    parents: dict[Digest, set[Digest]] = {}
    for edge in edges:
        if isinstance(edge.node, Index) and edge.descriptor is not None:
            for child in edge.node.children:
                parents.setdefault(child.descriptor.digest, set()).add(edge.descriptor.digest)
    found = {}
    for digest, direct in parents.items():
        seen: set[Digest] = set()
        pending = deque(direct)
        while pending:
            one = pending.popleft()
            if one not in seen:
                seen.add(one)
                pending.extend(parents.get(one, ()))
        found[digest] = frozenset(seen)
    return found


def _found(evidence: Evidence) -> Iterator[_Found]:
    """Give all signatures of the archive, in its order."""
    limits = evidence.archive.limits
    total = 0
    done: set[tuple[Digest | None, str, frozenset[Digest]]] = set()
    for edge in evidence.edges:
        node = edge.node
        if not isinstance(node, Artifact):
            continue
        attached, first = attached_to(evidence, edge)
        digest = edge.descriptor.digest if edge.descriptor is not None else None
        for number, blob in enumerate(node.blobs):
            kind = kind_of_blob(blob.descriptor.media_type, node.artifact_type) if blob.descriptor else None
            # The first blob of a manifest is its config, which says what the artifact is.
            if kind is None or blob.descriptor is None or (kind == "notary" and number == 0):
                continue
            key = (digest, f"{number}", attached)
            if key in done:
                continue
            done.add(key)
            signed: Signed | ContentError
            if blob.source is None:
                signed = UncheckedError("its payload is not in the archive")
            else:
                most = min(limits.signed_size, limits.statements - total)
                total += min(counted(blob.source, most), most)
                signed = _read(kind, blob, most)
            yield _Found(kind=kind, blob=blob, artifact=digest, attached=attached, first=first, signed=signed)


def _read(kind: Kind, blob: Blob, most: int) -> Signed | ContentError:
    if blob.descriptor is None or blob.source is None:
        raise RuntimeError("a blob that can be read has a descriptor")
    if counted(blob.source, most) > most:
        return UncheckedError("it is larger than what is read of signatures (--limit signed-size=N, statements=N)")
    try:
        raw = read_all(blob.source, most)
        return read(kind, raw, blob.descriptor.annotations, blob.source.where)
    except (BrokenError, UncheckedError) as error:
        return error


class _Checker:
    """Checks signatures of one archive by some keys."""

    def __init__(self, evidence: Evidence, keys: tuple[Key, ...]) -> None:
        self._keys = keys
        self._documents: dict[Digest, Document] = {}
        self._here: set[Digest] = set()
        for edge in evidence.edges:
            fact = evidence.fact(edge.node.source)
            if edge.descriptor is None or fact is None or not agrees(edge.descriptor.digest, fact.digests):
                continue
            if isinstance(edge.node, Image | Index | Artifact) and edge.node.document is not None:
                self._here.add(edge.descriptor.digest)
                self._documents[edge.descriptor.digest] = edge.node.document

    def verdicts(self, every: Sequence[_Found]) -> Iterator[Signature]:
        """Give the verdict of each signature, more than one where one statement is about several images."""
        found = [(one, list(self._verdicts(one))) for one in every]
        # Who signed an image in one way and not in another: neither ECDSA nor Ed25519 can tell whose key it was.
        signers: dict[Digest, tuple[Digest | None, str]] = {}
        for one, verdicts in found:
            for verdict in verdicts:
                if verdict.status == "valid" and verdict.digest is not None:
                    signers.setdefault(verdict.digest, (one.artifact, verdict.by))
        beside = {one.artifact for one, verdicts in found if any(each.status == "valid" for each in verdicts)}
        for one, verdicts in found:
            for verdict in verdicts:
                signer = signers.get(verdict.digest) if verdict.digest is not None else None
                unknown = verdict.status == "untrusted" and verdict.by == _NOBODY
                if unknown and signer is not None and one.artifact not in beside:
                    why = f"it is by no key that the call names, though {signer[1]} signed the same image otherwise"
                    yield replace(verdict, status="invalid", why=why)
                else:
                    yield verdict

    def _verdicts(self, one: _Found) -> Iterator[Signature]:
        if isinstance(one.signed, UncheckedError):
            yield self._verdict(one, "unchecked", one.signed.what, by="unknown")
        elif isinstance(one.signed, ContentError):
            yield self._verdict(one, "invalid", one.signed.what, by="unknown")
        else:
            yield from self._checked(one, one.signed)

    def _checked(self, one: _Found, signed: Signed) -> Iterator[Signature]:
        content = signed.message
        if content is None:
            about = next((digest for digest in sorted(one.attached) if digest in self._documents), None)
            if about is None:
                yield self._verdict(one, "unchecked", "the manifest that it signs is not in the archive", by="unknown")
                return
            content = self._documents[about].raw
            signed = replace(signed, says=(about,))
        made = self._maker(signed, Message(content))
        if made is None:
            yield self._by_nobody(one, signed)
            return
        key, weak = made
        by = f"key {key}"
        if weak:
            yield self._verdict(one, "untrusted", weak, by=by)
        elif signed.fault is not None:
            yield self._verdict(one, "invalid", signed.fault, by=by)
        elif signed.other is not None:
            yield self._verdict(one, "unchecked", signed.other, by=by)
        else:
            yield from self._held(one, signed, by)

    def _maker(self, signed: Signed, message: Message) -> tuple[Key, str] | None:
        """Return the key that made one of the signatures, a strong one where there is any; and why it is weak."""
        weak: tuple[Key, str] | None = None
        for signature in signed.signatures:
            for key in self._keys:
                reason = key.made(signature, message)
                if reason == "":
                    return key, ""
                if reason is not None and weak is None:
                    weak = key, reason
        return weak

    def _by_nobody(self, one: _Found, signed: Signed) -> Signature:
        named = next((key for key in self._keys for hint in signed.hints if key.meant_by(hint)), None)
        if named is not None:
            return self._verdict(one, "invalid", "it names this key and does not hold under it", by=f"key {named}")
        if signed.keyless:
            why = "it is by a certificate (keyless), which a key cannot prove"
            return self._verdict(one, "unchecked", why, by="a certificate")
        return self._verdict(one, "untrusted", "no key that the call names made it", by=_NOBODY)

    def _held(self, one: _Found, signed: Signed, by: str) -> Iterator[Signature]:
        """Give the verdicts of a signature that holds: over each digest that it names and that is here."""
        here = [digest for digest in signed.says if digest in self._here]
        if one.attached and one.attached.isdisjoint(signed.says):
            why = "it holds, but for another digest than the one to which it is attached"
            signature = self._verdict(one, "identity", why, by=by)
            yield replace(signature, digest=signed.says[0], expected=one.first)
        elif not here:
            why = "it holds, but for a digest that no manifest or index of this archive has"
            yield replace(self._verdict(one, "identity", why, by=by), digest=signed.says[0])
        else:
            when = f", at {signed.when} by its own word" if signed.when else ""
            unchecked = "; the entry of a transparency log that goes with it was not checked" if signed.logged else ""
            for digest in here:
                why = f"it holds over {digest}{when}{unchecked}"
                yield replace(self._verdict(one, "valid", why, by=by), digest=digest)

    @staticmethod
    def _verdict(one: _Found, status: Status, why: str, *, by: str) -> Signature:
        digest = next(iter(one.says), None)
        return Signature(kind=one.kind, digest=digest, by=by, status=status, why=why, where=one.where)
