"""Check the signatures of an archive: each payload is read once more, while the archive is still open."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from ociarchive.auditing.attached import attached_to
from ociarchive.auditing.demanded import SCOPES, Judge, Unsigned
from ociarchive.auditing.standing import Standing
from ociarchive.blobio.limits import LimitError
from ociarchive.disguise import may_run
from ociarchive.errors import ContentError, UsageError, plural
from ociarchive.measure import agrees
from ociarchive.model import Artifact, Image, Index, walk
from ociarchive.signing.certificates import without_warnings
from ociarchive.signing.gpgv import find_gpgv
from ociarchive.signing.keys import load_key
from ociarchive.signing.kinds import KINDS
from ociarchive.signing.openpgp import load_keyring
from ociarchive.signing.policyfile import load_demands
from ociarchive.signing.scene import Scene, Trust
from ociarchive.signing.values import BY_KEY, NOBODY, Signature, UncheckedError
from ociarchive.signing.verdicts import verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ociarchive.auditing.certified import Certified
    from ociarchive.auditing.evidence import Evidence
    from ociarchive.auditing.standing import Marked
    from ociarchive.documents import Document
    from ociarchive.model import Edge, Root
    from ociarchive.signing.demands import Demands
    from ociarchive.signing.scene import Found, SignatureKind
    from ociarchive.values import Digest


_STATED: Final = (
    "the image has no signature that holds; what holds is a statement about it, which is not the image's signature"
)
_NO_IMAGE: Final = "there is no image, where every image has to have a signature that holds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a call asks of signatures: who may have made them, and whether every image must have one.

    `demands` is what a policy asks of each image by its name.
    """

    trust: Trust
    required: bool = False
    demands: Demands | None = None

    @property
    def terms(self) -> list[object]:
        """What may change a verdict, as JSON has it."""
        return [self.required, *self.trust.terms, *(self.demands.terms if self.demands is not None else ())]

    @property
    def named(self) -> tuple[str, ...]:
        """Those who may have signed, in words."""
        demands = (str(self.demands), *self.demands.trusted) if self.demands is not None else ()
        return tuple(dict.fromkeys((*self.trust.named, *demands)))


def wanted(
    keys: Iterable[str] = (),
    keyrings: Iterable[str] = (),
    policy: str | None = None,
    certified: Certified | None = None,
    *,
    required: bool = False,
) -> Wanted | None:
    """Return what a call asks of signatures, None where it asks nothing. `keys`, `keyrings` and `policy` are files.

    UsageError: a file holds no key, certificate or policy, something is not installed that checks signatures by it, or
    every image must be signed and nobody says by whom.
    """
    named = {key.fingerprint: key for key in map(load_key, keys)}
    rings = {ring.digest: ring for ring in map(load_keyring, keyrings)}
    demands = load_demands(policy, SCOPES) if policy is not None else None
    notary, keyless = (certified.notary(), certified.keyless()) if certified is not None else (None, None)
    if not named and not rings and demands is None and notary is None and keyless is None:
        if required:
            hint = (
                "name who may sign: --key FILE, --keyring FILE, --policy FILE, --trust-store DIR or --trusted-root FILE"
            )
            raise UsageError("no signature can hold without a key", hint=hint)
        return None
    program = find_gpgv() if rings else ""
    trust = Trust(
        keys=tuple(named.values()), keyrings=tuple(rings.values()), gpgv=program, notary=notary, keyless=keyless
    )
    return Wanted(trust=trust, required=required, demands=demands)


@dataclass(frozen=True, kw_only=True)
class Proofs:
    """What was found of signatures: each with its verdict, and the images that should have one and have none.

    `standing` has the indexes in which each manifest stands. `keys` are those who may have signed, as the
    call names them, `required` says whether each image must have one, `signed` that there are images and each of the
    archive has one: a policy may take images that nobody signed, and a call may ask for some of them.
    """

    signatures: tuple[Signature, ...]
    missing: tuple[Unsigned, ...]
    standing: Standing
    keys: tuple[str, ...] = ()
    required: bool = False
    signed: bool = False
    _over: dict[Digest | None, list[Signature]] = field(default_factory=dict, repr=False)

    def over(self, edge: Edge) -> list[Signature]:
        """Return the signatures over an image: over its manifest, and over the indexes in which it stands."""
        digest = _digest_of(edge)
        if digest not in self._over:
            by_digest, marked = self._by_digest
            self._over[digest] = [one for each in self.standing.over(digest, marked) for one in by_digest[each]]
        return self._over[digest]

    @cached_property
    def _by_digest(self) -> tuple[dict[Digest, list[Signature]], Marked]:
        found: dict[Digest, list[Signature]] = {}
        for one in self.signatures:
            digest = one.expected or one.digest
            if digest is not None:
                found.setdefault(digest, []).append(one)
        return found, self.standing.marked(found)


def prove(evidence: Evidence, wanted: Wanted, selected: Sequence[Root] | None) -> Proofs:
    """Return what signatures prove of an archive, or of the `selected` roots. LimitError: they are too many."""
    with without_warnings():
        return _proved(evidence, wanted, selected)


def _proved(evidence: Evidence, wanted: Wanted, selected: Sequence[Root] | None) -> Proofs:
    here = _documents(evidence)
    scene = Scene(evidence.archive, evidence.edges, here, lambda edge: attached_to(evidence, edge))
    standing = Standing(evidence.edges, here)
    every = [edge for edge in evidence.edges if may_run(edge.node)]
    images = every
    speaking = [(kind, one) for kind in KINDS for one in kind.find(scene)]
    if selected is not None:
        nodes = {id(edge.node) for edge in walk(selected)}
        images = [edge for edge in images if id(edge.node) in nodes]
        about = _about(walk(selected), images, standing)
        speaking = [(kind, one) for kind, one in speaking if about(one)]
    found = [one for _, one in speaking]

    def by(number: int, trust: Trust) -> Iterator[Signature]:
        kind, one = speaking[number]
        return _checked(kind, one, trust, scene)

    judge = Judge(evidence, found, by, standing)
    if wanted.trust.named:
        for number, one in _verdicts(found, by, wanted.trust):
            judge.add(number, one)
    roots = evidence.archive.roots if selected is None else selected
    missing = list(judge.missing(images, wanted.demands, roots)) if wanted.demands is not None else []
    signatures = tuple(dict.fromkeys(judge.signatures()))
    held = standing.marked(_digests(one for one in signatures if one.signs))
    by_notary = standing.marked(_digests(one for one in signatures if one.signs and one.kind == "notary"))
    lacks = _lacking(wanted, scene, standing, held, by_notary)
    stated = standing.marked(_digests(one for one in signatures if one.status == "valid") - held.digests)
    missing += [
        _unsigned(evidence, edge, stated=standing.has(_digest_of(edge), stated)) for edge in images if lacks(edge)
    ]
    if wanted.required and not images:
        missing.append(Unsigned(digest=None, where=evidence.archive.where, why=_NO_IMAGE))
    proofs = Proofs(
        signatures=signatures,
        missing=tuple(dict.fromkeys(missing)),
        standing=standing,
        keys=wanted.named,
        required=wanted.required or wanted.demands is not None or wanted.trust.demanding,
        signed=bool(every) and all(standing.has(_digest_of(edge), held) for edge in every),
    )
    _require_few(evidence, proofs, images)
    return proofs


def _digest_of(edge: Edge) -> Digest | None:
    return edge.descriptor.digest if edge.descriptor is not None else None


def _digests(signatures: Iterable[Signature]) -> set[Digest]:
    return {one.digest for one in signatures if one.digest is not None}


def _lacking(
    wanted: Wanted, scene: Scene, standing: Standing, held: Marked, by_notary: Marked
) -> Callable[[Edge], bool]:
    """Return what says whether an image lacks a signature that the call, or a policy of certificates, asks for.

    `held` are the digests that anybody signed, `by_notary` those that Notary did.

    Thousands of entries may lead to one image with thousands of names: each image is looked at once.
    """
    found: dict[Digest, bool] = {}

    def lacks(edge: Edge) -> bool:
        digest = _digest_of(edge)
        if digest is None:
            return wanted.required or wanted.trust.demands(scene.repositories_of(edge))
        if digest not in found:
            found[digest] = (wanted.required and not standing.has(digest, held)) or (
                not standing.has(digest, by_notary) and wanted.trust.demands(scene.repositories(digest))
            )
        return found[digest]

    return lacks


def _about(edges: Iterable[Edge], images: Iterable[Edge], standing: Standing) -> Callable[[Found[Any]], bool]:
    """Return what says whether a signature is one of some entries, or over one of them or over what is above an image.

    What a name has is shared by all that is attached to it, and looked at once.
    """
    wanted = {edge.descriptor.digest for edge in edges if edge.descriptor is not None}
    wanted.update(standing.above({edge.descriptor.digest for edge in images if edge.descriptor is not None}))
    met: dict[frozenset[Digest], bool] = {}

    def about(one: Found[Any]) -> bool:
        if one.attached not in met:
            met[one.attached] = not wanted.isdisjoint(one.attached)
        return met[one.attached] or one.artifact in wanted or not wanted.isdisjoint(one.named)

    return about


def _require_few(evidence: Evidence, proofs: Proofs, images: Iterable[Edge]) -> None:
    """A report lists each signature once for each image below what it signs."""
    allowed = evidence.archive.limits.listed
    count = 0
    for edge in images:
        count += len(proofs.over(edge))
        if count > allowed:
            what = f"the images have more than the {plural(allowed, 'signature')} allowed"
            raise LimitError(what, "listed", where=evidence.archive.where)


def _unsigned(evidence: Evidence, edge: Edge, *, stated: bool) -> Unsigned:
    digest = edge.descriptor.digest if edge.descriptor is not None else None
    image_id = edge.node.image_id if isinstance(edge.node, Image) else None
    names = getattr(edge.entry, "names", ())
    label = str(names[0]) if names else str(digest or image_id)
    return Unsigned(digest=digest or image_id, where=evidence.place(label), why=_STATED if stated else None)


def _documents(evidence: Evidence) -> dict[Digest, Document]:
    """Return the manifests and indexes that are here: their bytes agree with the digests of their entries."""
    here: dict[Digest, Document] = {}
    for edge in evidence.edges:
        if edge.descriptor is None or not _is_whole(evidence, edge):
            continue
        if isinstance(edge.node, Image | Index | Artifact) and edge.node.document is not None:
            here[edge.descriptor.digest] = edge.node.document
    return here


def _is_whole(evidence: Evidence, edge: Edge) -> bool:
    """Whether the bytes to which an entry leads have its digest."""
    fact = evidence.fact(edge.node.source)
    return edge.descriptor is not None and fact is not None and bool(agrees(edge.descriptor.digest, fact.digests))


def _verdicts(
    every: Sequence[Found[Any]], by: Callable[[int, Trust], Iterator[Signature]], trust: Trust
) -> Iterator[tuple[int, Signature]]:
    """Give the verdict of each signature, more than one where one statement is about several images."""
    found = [(one, list(by(number, trust))) for number, one in enumerate(every)]
    # Who signed an image in one way and not in another: neither ECDSA nor Ed25519 can tell whose key it was. A
    # message of GPG names its key, and is in no manifest; a signature by a certificate names its signer.
    signers: dict[Digest, tuple[Digest | None, str]] = {}
    for one, verdicts in found:
        for each in verdicts:
            if each.status == "valid" and each.digest is not None and each.by.startswith(BY_KEY):
                signers.setdefault(each.digest, (one.artifact, each.by))
    beside = {one.artifact for one, verdicts in found if any(each.status == "valid" for each in verdicts)} | {None}
    for number, (one, verdicts) in enumerate(found):
        for each in verdicts:
            signer = signers.get(each.digest) if each.digest is not None else None
            unknown = each.status == "untrusted" and each.by == NOBODY
            if unknown and signer is not None and one.artifact not in beside:
                why = f"it is by no key that the call names, though {signer[1]} signed the same image otherwise"
                yield number, replace(each, status="invalid", why=why)
            else:
                yield number, each


def _checked(kind: SignatureKind, one: Found[Any], trust: Trust, scene: Scene) -> Iterator[Signature]:
    if isinstance(one.content, ContentError):
        unknown = isinstance(one.content, UncheckedError)
        yield verdict(one, "unchecked" if unknown else "invalid", one.content.what, by="unknown")
    else:
        yield from kind.check(one, one.content, trust, scene)
