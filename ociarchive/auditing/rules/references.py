"""Rules about what speaks of an image: signatures, attestations, referrers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ociarchive.auditing.rule import Fault, Rule, noticed
from ociarchive.model import Artifact, Child, Missing, refers_to
from ociarchive.values import tagged_digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.auditing.evidence import Evidence
    from ociarchive.model import Edge
    from ociarchive.values import Digest


def _signature_stale(evidence: Evidence) -> Iterator[Fault]:
    for edge in evidence.edges:
        node = edge.node
        if not isinstance(node, Artifact) or edge.descriptor is None:
            continue
        attached = _attached_to(evidence, edge)
        for blob, spoken in node.spoken_of:
            if attached and spoken and not attached & set(spoken):
                yield Fault(
                    location=blob.source.where if blob.source else evidence.place(blob.name),
                    subject=edge.descriptor.digest, expected=min(attached), found=spoken[0],
                    message="a signature or statement speaks of another digest than the one it is attached to",
                )  # fmt: skip


def _name_conflict(evidence: Evidence) -> Iterator[Fault]:
    owners: dict[str, object] = {}
    for root in evidence.archive.roots:
        identity = root.identity
        for name in root.names or ((root.ref_name,) if root.ref_name else ()):
            if owners.setdefault(str(name), identity) != identity:
                yield Fault(location=evidence.place(str(name)), subject=str(name), message="one name for two images")


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
    ids = {image.image_id for image in evidence.images}
    for edge in evidence.edges:
        if not isinstance(edge.node, Artifact) or _attached_to(evidence, edge):
            continue
        for blob, spoken in edge.node.spoken_of:
            if spoken and not any(digest in evidence.named or digest in ids for digest in spoken):
                yield Fault(
                    location=blob.source.where if blob.source else evidence.place(blob.name),
                    subject=edge.descriptor.digest if edge.descriptor else blob.name, expected=spoken[0],
                    message="a statement speaks of no image that is in the archive",
                )  # fmt: skip


def _attached_to(evidence: Evidence, edge: Edge) -> frozenset[Digest]:
    """Return the digests that an artifact is attached to: by annotation, subject, tag, or cosign's name."""
    entry = edge.entry
    if isinstance(entry, Child):
        subject = entry.node.subject if isinstance(entry.node, Artifact) else None
        named = entry.refers_to or (subject.digest if subject is not None else None)
        return frozenset((named,)) if named is not None else frozenset()
    if entry.attached is None:
        return entry.subjects
    holders = (root for root in evidence.archive.roots if entry.attached in root.names)
    return frozenset(root.descriptor.digest for root in holders if root.descriptor is not None)


RULES: Final = (
    Rule(
        id="name-conflict", severity="warning", spec="distribution, reference grammar",
        summary="Two images of an archive have one name; which one an engine takes cannot be told.",
        advice="Select one by its digest, and name it with `convert --tag`.",
        check=_name_conflict,
    ),
    Rule(
        id="attestation-dangling", severity="warning", spec="BuildKit, docs/attestations, vnd.docker.reference.digest",
        summary="An attestation speaks of a manifest that is not in the archive.",
        advice="It was left behind when its image was rewritten by another program; it proves nothing here.",
        check=_attestation_dangling,
    ),
    Rule(
        id="subject-dangling", severity="warning", spec="image-spec, manifest.md, subject",
        summary="A manifest refers to a subject that is not in the archive.",
        advice="Lawful; take the subject along if it is to be found.",
        check=_subject_dangling,
    ),
    Rule(
        id="tag-dangling", severity="warning", spec="distribution-spec, Referrers Tag Schema; cosign, SIGNATURE_SPEC",
        summary="A tag made of a digest speaks of a manifest that is not in the archive.",
        advice="Take along what it speaks of, or leave it out with --without signatures.",
        check=_tag_dangling,
    ),
    Rule(
        id="statement-dangling", severity="warning", spec="in-toto, statement.md, subject",
        summary="A statement speaks of no image that is in the archive.",
        advice="Take along what it speaks of.",
        check=_statement_dangling,
    ),
    Rule(
        id="manifest-untagged", severity="note", spec="distribution-spec, Pull",
        summary="A registry holds a manifest that no tag names and that refers to nothing.",
        advice="Tag it if it is to come along; a registry's garbage collection removes it otherwise.",
        check=noticed("manifest-untagged"),
    ),
    Rule(
        id="signature-stale", severity="warning",
        spec="cosign, SIGNATURE_SPEC.md; in-toto, statement.md, subject",
        summary="A signature or statement speaks of a digest that the image does not have (any more).",
        advice="Expected after a conversion that rewrote the manifest: sign again, or carry the original bytes.",
        check=_signature_stale,
    ),
)  # fmt: skip
