"""What layouts say of signatures that have neither a tag nor a subject: of their image, nothing but the payload.

`cosign save` gives their kind in index.json; a registry may keep them without any tag.
Source: cosign, pkg/oci/layout; specs/SIGNATURE_SPEC.md, Tag-based Discovery.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ociarchive.model import COSIGN_KIND, Artifact
from ociarchive.statements import DSSE, SIMPLE_SIGNING
from ociarchive.values import tagged_digest

if TYPE_CHECKING:
    from ociarchive.model import Root
    from ociarchive.values import Digest

#: What cosign puts behind the digest in a tag, by the kind that its saved layouts name, and by what it stores there.
SUFFIX: Final = {
    "dev.cosignproject.cosign/sigs": ".sig",
    "dev.cosignproject.cosign/atts": ".att",
    "dev.cosignproject.cosign/sboms": ".sbom",
}
_HELD: Final = {SIMPLE_SIGNING: ".sig", DSSE: ".att"}


def suffix_of(root: Root) -> str | None:
    """Return what stands behind the digest in the tag of a signature that cosign made, None of anything else."""
    known = SUFFIX.get(root.descriptor.annotations.get(COSIGN_KIND, "")) if root.descriptor is not None else None
    if known is not None or root.names or root.ref_name or not isinstance(root.node, Artifact):
        return known
    spoken_of = root.node.spoken_of
    held = {blob.descriptor.media_type for blob, spoken in spoken_of if spoken and blob.descriptor is not None}
    return _HELD.get(min(held)) if len(held) == 1 else None


def speaks_of(root: Root) -> frozenset[Digest]:
    """Return the digests to which a root refers; of a signature without a tag or subject, those in its payloads."""
    if root.subjects or root.attached is not None or suffix_of(root) is None or not isinstance(root.node, Artifact):
        return root.subjects
    return frozenset(digest for _, spoken in root.node.spoken_of for digest in spoken)


def tag_of(root: Root) -> str | None:
    """Return the tag by which cosign finds a signature in a registry, None where none is known.

    It has one already as its ref.name, or what it speaks of gives it one.
    """
    told = next((tag for tag in root.tags if tagged_digest(tag) is not None), None)
    if told is not None:
        return told.rpartition(":")[2]
    suffix, digests = suffix_of(root), speaks_of(root)
    if suffix is None or root.subjects or len(digests) != 1:
        return None
    (digest,) = digests
    return f"{digest.algorithm}-{digest.hex}{suffix}"
