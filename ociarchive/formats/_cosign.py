"""What `cosign save` says of signatures in an index.json: their kind, and of their image nothing but the payload.

Source: cosign, pkg/oci/layout; specs/SIGNATURE_SPEC.md, Tag-based Discovery.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ociarchive.model import COSIGN_KIND, Artifact

if TYPE_CHECKING:
    from ociarchive.model import Root
    from ociarchive.values import Digest

#: What cosign puts behind the digest in a tag, by the kind that its saved layouts name.
SUFFIX: Final = {
    "dev.cosignproject.cosign/sigs": ".sig",
    "dev.cosignproject.cosign/atts": ".att",
    "dev.cosignproject.cosign/sboms": ".sbom",
}


def suffix_of(root: Root) -> str | None:
    """Return what stands behind the digest in the tag of a signature that cosign saved, None of anything else."""
    return SUFFIX.get(root.descriptor.annotations.get(COSIGN_KIND, "")) if root.descriptor is not None else None


def speaks_of(root: Root) -> frozenset[Digest]:
    """Return the digests to which a root refers; of what cosign saved without a name, those in its payloads."""
    if root.subjects or root.attached is not None or suffix_of(root) is None or not isinstance(root.node, Artifact):
        return root.subjects
    return frozenset(digest for _, spoken in root.node.spoken_of for digest in spoken)


def tag_of(root: Root) -> str | None:
    """Return the tag by which cosign finds such a signature in a registry, None where it has one or none is known."""
    suffix, digests = suffix_of(root), speaks_of(root)
    if suffix is None or root.subjects or len(digests) != 1:
        return None
    (digest,) = digests
    return f"{digest.algorithm}-{digest.hex}{suffix}"
