"""What signed statements say of an image: that it is signed, or anything else, even that it failed.

A statement is a claim about its subject (in-toto attestation, spec/v1/statement.md), so that somebody signed one says
nothing good of the image by itself. One predicate type is a signature and nothing more: the one of `cosign sign`, which
puts signatures of images into bundles since version 3, and of which `cosign verify` accepts no other type.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ociarchive.values import word

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ociarchive.values import JSON

#: cosign, pkg/types: the predicate type of a signature of an image.
IMAGE_SIGNATURE: Final = "https://sigstore.dev/cosign/sign/v1"
SLSA: Final = "https://slsa.dev/provenance/v1"
SVR: Final = "https://in-toto.io/attestation/svr/v0.1"
#: The member with the result: SLSA, verification_summary; in-toto attestation, spec/predicates/test-result.md.
_RESULTS: Final[Mapping[str, str]] = {
    "https://slsa.dev/verification_summary/v1": "verificationResult",
    "https://slsa.dev/verification_summary/v0.2": "verification_result",
    "https://slsa.dev/verification_summary/v0.1": "verification_result",
    "https://in-toto.io/attestation/test-result/v0.1": "result",
}
_SHOWN: Final = 8


def result_of(predicate_type: JSON, predicate: JSON) -> str | None:
    """Return what a predicate says that its subject came to, such as FAILED; None where its type says nothing of it."""
    if not isinstance(predicate_type, str) or not isinstance(predicate, dict):
        return None
    if predicate_type == SVR:
        held = predicate.get("properties")
        names = [one for one in map(word, held) if one] if isinstance(held, list) else []
        return ", ".join(names[:_SHOWN]) if names else "that nothing was proved"
    said = predicate.get(_RESULTS.get(predicate_type, ""))
    return word(said)
