"""Rules about what speaks of an image: signatures, attestations, referrers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ociarchive.audit.rule import Fault, Rule, noticed
from ociarchive.model import REFERENCE_DIGEST, Artifact
from ociarchive.values import Digest, tagged_digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.audit.evidence import Evidence
    from ociarchive.model import Edge


def _signature_stale(evidence: Evidence) -> Iterator[Fault]:
    for edge in evidence.edges:
        node = edge.node
        if not isinstance(node, Artifact) or edge.descriptor is None:
            continue
        attached = _attached_to(edge)
        if attached is None:
            continue
        for blob, spoken in node.spoken_of:
            if spoken and attached not in spoken:
                yield Fault(
                    location=blob.source.where if blob.source else evidence.place(blob.name),
                    subject=edge.descriptor.digest, expected=attached, found=spoken[0],
                    message="a signature or statement speaks of another digest than the one it is attached to",
                )  # fmt: skip


def _attached_to(edge: Edge) -> Digest | None:
    """Return the digest that an artifact is attached to: by annotation, by subject, by its tag."""
    node, descriptor = edge.node, edge.descriptor
    if descriptor is None or not isinstance(node, Artifact):
        return None
    named = Digest.maybe(descriptor.annotations.get(REFERENCE_DIGEST))
    if named is None and node.subject is not None:
        named = node.subject.digest
    tag = descriptor.annotations.get("org.opencontainers.image.ref.name", "").rpartition(":")[2]
    return named or tagged_digest(tag)


RULES: Final = (
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
