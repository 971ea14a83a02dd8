"""Rules about what refers to an image: signatures, attestations, referrers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ociarchive.auditing.attached import attached_to
from ociarchive.auditing.controls import IDENTITY
from ociarchive.auditing.rule import Fault, Rule, noticed
from ociarchive.model import Artifact, Missing, refers_to
from ociarchive.values import Reference, tagged_digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.auditing.evidence import Evidence
    from ociarchive.model import Root
    from ociarchive.values import Digest


def _signature_stale(evidence: Evidence) -> Iterator[Fault]:
    sets = _Sets()
    for edge in evidence.edges:
        node = edge.node
        if not isinstance(node, Artifact) or edge.descriptor is None or not node.spoken_of:
            continue
        attached, first = attached_to(evidence, edge)
        for blob, spoken in node.spoken_of:
            if attached and spoken and sets.are_apart(attached, spoken):
                yield Fault(
                    location=blob.source.where if blob.source else evidence.place(blob.name),
                    subject=edge.descriptor.digest, expected=first, found=spoken[0],
                    message="a signature or statement speaks of another digest than the one it is attached to",
                )  # fmt: skip


class _Sets:
    """The sets of digests to which payloads refer, each made and compared with the same ones once.

    Thousands of artifacts may share one payload, and be attached to one name that thousands of images have.
    """

    def __init__(self) -> None:
        self._made: dict[int, frozenset[Digest]] = {}
        self._apart: dict[tuple[frozenset[Digest], int], bool] = {}

    def are_apart(self, attached: frozenset[Digest], spoken: tuple[Digest, ...]) -> bool:
        """Whether a payload speaks of none of some digests. What it speaks of lives as long as the evidence."""
        if id(spoken) not in self._made:
            self._made[id(spoken)] = frozenset(spoken)
        if len(attached) == 1:
            return attached.isdisjoint(self._made[id(spoken)])
        key = (attached, id(spoken))
        if key not in self._apart:
            self._apart[key] = attached.isdisjoint(self._made[id(spoken)])
        return self._apart[key]


def _name_conflict(evidence: Evidence) -> Iterator[Fault]:
    owners: dict[str, object] = {}
    for root in evidence.archive.roots:
        identity = root.identity
        for name in root.names or ((root.ref_name,) if root.ref_name else ()):
            if owners.setdefault(str(name), identity) != identity:
                yield Fault(location=evidence.place(str(name)), subject=str(name), message="one name for two images")
    for root in evidence.archive.roots:
        for name in _by_ref_name(root):
            if owners.get(str(name), root.identity) != root.identity:
                yield Fault(
                    location=evidence.place(str(name)), subject=str(name),
                    message=f"one name for two images: an entry of {root.names[0]} has its tag as ref.name",
                )  # fmt: skip


def _by_ref_name(root: Root) -> Iterator[Reference]:
    """Give the names that a ref.name gives an image, in the repositories of its full names, of which none has it."""
    tag = root.ref_name
    if tag is not None and not any(name.tag == tag for name in root.names):
        yield from dict.fromkeys(Reference(name.host, name.path, tag) for name in root.names)


def _name_digest(evidence: Evidence) -> Iterator[Fault]:
    for root in evidence.archive.roots:
        mine = root.descriptor.digest if root.descriptor is not None else None
        for name in root.names:
            if mine is not None and name.digest not in (None, mine, *root.pulled_as):
                yield Fault(
                    location=evidence.place(str(name)), subject=str(name), expected=name.digest, found=mine,
                    message="a name has a digest, and what it leads to has another one: nothing here proves it",
                )  # fmt: skip


def _attestation_dangling(evidence: Evidence) -> Iterator[Fault]:
    for edge in evidence.edges:
        speaks = None if isinstance(edge.node, Missing) else refers_to(edge.descriptor)
        if edge.descriptor is not None and speaks is not None and speaks not in evidence.named:
            yield Fault(
                location=evidence.place(str(edge.descriptor.digest)), subject=edge.descriptor.digest, expected=speaks,
                message="an attestation speaks of a manifest that is not in the archive",
            )  # fmt: skip


def _subject_dangling(evidence: Evidence) -> Iterator[Fault]:
    for edge in evidence.edges:
        subject = None if isinstance(edge.node, Missing) else edge.node.subject
        if subject is not None and subject.digest not in evidence.named:
            yield Fault(
                location=evidence.place(str(edge.descriptor.digest) if edge.descriptor else "a manifest"),
                subject=edge.descriptor.digest if edge.descriptor else None, expected=subject.digest,
                message="a manifest refers to a subject that is not in the archive",
            )  # fmt: skip


def _tag_dangling(evidence: Evidence) -> Iterator[Fault]:
    for root in evidence.archive.roots:
        for tag in root.tags:
            digest = tagged_digest(tag)
            if digest is not None and digest not in evidence.named:
                yield Fault(
                    location=evidence.place(tag), subject=tag, expected=digest,
                    message="a tag made of a digest speaks of a manifest that is not in the archive",
                )  # fmt: skip


def _statement_dangling(evidence: Evidence) -> Iterator[Fault]:
    known = evidence.named | {image.image_id for image in evidence.images}
    dangling: dict[int, bool] = {}
    for edge in evidence.edges:
        if not isinstance(edge.node, Artifact) or not edge.node.spoken_of or attached_to(evidence, edge)[0]:
            continue
        for blob, spoken in edge.node.spoken_of:
            if id(spoken) not in dangling:
                dangling[id(spoken)] = bool(spoken) and known.isdisjoint(spoken)
            if dangling[id(spoken)]:
                yield Fault(
                    location=blob.source.where if blob.source else evidence.place(blob.name),
                    subject=edge.descriptor.digest if edge.descriptor else blob.name, expected=spoken[0],
                    message="a statement speaks of no image that is in the archive",
                )  # fmt: skip


RULES: Final = (
    Rule(
        id="name-conflict", severity="warning", control=IDENTITY, spec="distribution, reference grammar",
        summary="Two images of an archive have one name; which one an engine takes cannot be known.",
        advice="Select one by its digest, and name it with `convert --tag`.",
        check=_name_conflict,
    ),
    Rule(
        id="name-digest", severity="note", control=IDENTITY, spec="distribution, reference grammar",
        summary="A name has the digest of something else than what it leads to.",
        advice="Lawful where one platform was saved under the digest of its index. An engine that looks images up by "
        "name takes it for what has that digest: name it with `convert --tag`.",
        check=_name_digest,
    ),
    Rule(
        id="attestation-dangling", severity="warning", control=IDENTITY,
        spec="BuildKit, docs/attestations, vnd.docker.reference.digest",
        summary="An attestation speaks of a manifest that is not in the archive.",
        advice="It was left behind when its image was rewritten by another program; it proves nothing here.",
        check=_attestation_dangling,
    ),
    Rule(
        id="subject-dangling", severity="warning", control=IDENTITY, spec="image-spec, manifest.md, subject",
        summary="A manifest refers to a subject that is not in the archive.",
        advice="Lawful; take the subject along if it is to be found.",
        check=_subject_dangling,
    ),
    Rule(
        id="tag-dangling", severity="warning", control=IDENTITY,
        spec="distribution-spec, Referrers Tag Schema; cosign, SIGNATURE_SPEC",
        summary="A tag made of a digest speaks of a manifest that is not in the archive.",
        advice="Take along what it speaks of, or leave it out with --without signatures.",
        check=_tag_dangling,
    ),
    Rule(
        id="statement-dangling", severity="warning", control=IDENTITY, spec="in-toto, statement.md, subject",
        summary="A statement speaks of no image that is in the archive.",
        advice="Take along what it speaks of.",
        check=_statement_dangling,
    ),
    Rule(
        id="manifest-untagged", severity="note", control=IDENTITY, spec="distribution-spec, Pull",
        summary="A registry holds a manifest that no tag names and that refers to nothing.",
        advice="Tag it, or take it along with `convert --all-revisions`; garbage collection may remove it.",
        check=noticed("manifest-untagged"),
    ),
    Rule(
        id="signature-stale", severity="warning", control=IDENTITY,
        spec="cosign, SIGNATURE_SPEC.md; in-toto, statement.md, subject",
        summary="A signature or statement speaks of a digest that the image does not have (any more).",
        advice="Expected after a conversion that rewrote the manifest: sign again, or carry the original bytes.",
        check=_signature_stale,
    ),
)  # fmt: skip
