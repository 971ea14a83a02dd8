"""Rules about signatures that were checked, because the call asks for it. Without that they find nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ociarchive.auditing.controls import IDENTITY
from ociarchive.auditing.rule import Fault, Rule
from ociarchive.signing.values import NAMES, NOBODY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ociarchive.auditing.evidence import Evidence
    from ociarchive.signing.values import Signature, Status


def _with(status: Status) -> Callable[[Evidence], Iterator[Fault]]:
    """Return the check of the rule that is about signatures of one verdict."""

    def check(evidence: Evidence) -> Iterator[Fault]:
        for one in evidence.proofs.signatures if evidence.proofs is not None else ():
            if one.status == status:
                yield _fault(one)

    return check


def _fault(one: Signature) -> Fault:
    what = NAMES[one.kind]
    who = "" if one.status in ("untrusted", "unchecked") and one.by in ("unknown", NOBODY) else f" by {one.by}"
    return Fault(
        location=one.where,
        message=f"{what}{who}: {one.why}",
        subject=one.digest,
        expected=one.expected,
        found=one.digest if one.expected is not None else None,
    )


_NONE: Final = "the image has no signature that holds, over its manifest or over an index in which it stands"


def _missing(evidence: Evidence) -> Iterator[Fault]:
    for one in evidence.proofs.missing if evidence.proofs is not None else ():
        yield Fault(
            location=one.where,
            subject=one.digest,
            message=one.why or _NONE,
        )


RULES: Final = (
    Rule(
        id="signature-valid", severity="note", control=IDENTITY,
        spec="cosign, SIGNATURE_SPEC.md; DSSE; in-toto, statement.md; sigstore_bundle.proto; containers-signature(5); "
        "notaryproject, trust-store-trust-policy.md",
        summary="A signature holds: by somebody whom the call names, over a manifest or index of this archive.",
        advice="Nothing. Who signed, when, over which digest, and what was not checked stand in the finding.",
        check=_with("valid"),
    ),
    Rule(
        id="signature-invalid", severity="error", control=IDENTITY,
        spec="cosign, SIGNATURE_SPEC.md; DSSE, protocol.md; sigstore_bundle.proto; containers-signature(5); "
        "notaryproject, signature-specification.md; sigstore, client-spec.md",
        summary="A signature does not hold under its key or certificate, or that may not sign, or it is none.",
        advice="It was changed, its certificate does not fit, or name the missing key with `--key`: a key cannot tell.",
        check=_with("invalid"),
    ),
    Rule(
        id="signature-missing", severity="error", control=IDENTITY,
        spec="the call's --require-signature; containers-policy.json(5), Policy Requirements; "
        "notaryproject, trust-store-trust-policy.md, Signature Verification details",
        summary="An image has no signature that holds, or not what a policy demands of its name, or is rejected by it.",
        advice="Take the signatures along with the image, or name the key that made them: `--key`, or in the policy.",
        check=_missing,
    ),
    Rule(
        id="signature-identity", severity="error", control=IDENTITY,
        spec="cosign, SIGNATURE_SPEC.md, Payloads; in-toto, statement.md, subject; containers-policy.json(5), signedBy",
        summary="A signature holds, but for another digest than the image's, or for another name than a policy binds.",
        advice="The image was rewritten or renamed after it was signed, or the signature is of another one.",
        check=_with("identity"),
    ),
    Rule(
        id="signature-untrusted", severity="warning", control=IDENTITY,
        spec="cosign, SIGNATURE_SPEC.md, Signature Schemes",
        summary="A signature is by somebody whom nobody named, or by a key or hash that is too weak.",
        advice="Name who made it (`--key`, `--trust-store`) if you trust it; a weak one has to be made again.",
        check=_with("untrusted"),
    ),
    Rule(
        id="signature-unchecked", severity="warning", control=IDENTITY,
        spec="cosign, SIGNATURE_SPEC.md; sigstore_bundle.proto; notaryproject, signature-specification.md",
        summary="A signature is of a kind that cannot be checked here.",
        advice="Check it with the program that made it.",
        check=_with("unchecked"),
    ),
)  # fmt: skip
