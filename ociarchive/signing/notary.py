"""Signatures of the Notary Project (notaryproject/specifications, signature-specification.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ociarchive.signing.values import UncheckedError
from ociarchive.signing.verdicts import verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.signing.scene import Found, Scene, Trust
    from ociarchive.signing.values import Signature

#: signature-specification.md, OCI Signatures: the artifact type of a signature manifest.
ARTIFACT_TYPE: Final = "application/vnd.cncf.notary.signature"
_WHY: Final = "Notary Project signatures are not checked by this version"


def find(scene: Scene) -> Iterator[Found[Any]]:
    """Give the signatures of the Notary Project, in the archive's order."""
    for holder in scene.holders():
        if holder.node.artifact_type == ARTIFACT_TYPE:
            # The first blob of a manifest is its config, which says what the artifact is.
            for blob in holder.node.blobs[1:]:
                yield holder.found("notary", blob, UncheckedError(_WHY))


def check(found: Found[Any], content: object, trust: Trust, scene: Scene) -> Iterator[Signature]:
    """Give the verdict of a signature."""
    del content, trust, scene
    yield verdict(found, "unchecked", _WHY, by="unknown")
