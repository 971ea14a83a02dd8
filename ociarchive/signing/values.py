"""What is known of a signature after it was looked at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from ociarchive.errors import ContentError

if TYPE_CHECKING:
    from ociarchive.values import Digest

Kind: TypeAlias = Literal["cosign", "cosign-attestation", "sigstore-bundle", "notary", "simple-signing"]
#: `identity`: it holds, but for something else. `untrusted`: nobody named its key, or its algorithm is too weak.
Status: TypeAlias = Literal["valid", "invalid", "untrusted", "unchecked", "identity"]
#: The variable with the pass phrase of a private key. An option would show it in the list of processes.
PASSWORD: Final = "OCIARCHIVE_KEY_PASSWORD"  # noqa: S105  the name of the variable
#: Whose a signature is that no named key made.
NOBODY: Final = "a key that nobody named"
#: What `by` begins with where a public key of the call made a signature.
BY_KEY: Final = "key "
#: A kind of signature in a sentence.
NAMES: dict[Kind, str] = {
    "cosign": "a signature of cosign",
    "cosign-attestation": "a signed statement (DSSE)",
    "sigstore-bundle": "a sigstore bundle",
    "notary": "a Notary Project signature",
    "simple-signing": "a simple signature (GPG)",
}


def shown(moment: datetime) -> str:
    """Return a moment in UTC for people, to the second."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def shown_seconds(seconds: int) -> str | None:
    """Return the moment so many seconds after the beginning of 1970, None where no calendar has it."""
    try:
        return shown(datetime.fromtimestamp(seconds, UTC))
    except (ValueError, OverflowError, OSError):
        return None


class BrokenError(ContentError):
    """What should be a signature is none."""


class UncheckedError(ContentError):
    """A signature of a kind that cannot be checked here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A signature and its verdict.

    `digest` is what it signs, by its payload, else what it is attached to; None where that is unknown. `by` says whose
    it is. `why` is the reason for the verdict, as a clause. `where` is the place of the payload. `expected` is the
    digest to which it is attached, where it signs another one. `reference` is the name that its payload binds.
    `attests` is the predicate type of a statement about the image; None where it is a signature of the image.
    """

    kind: Kind
    digest: Digest | None
    by: str
    status: Status
    why: str
    where: str
    expected: Digest | None = None
    reference: str | None = None
    attests: str | None = None

    @property
    def signs(self) -> bool:
        """Whether it holds, and is a signature of the image: what a statement says of it may be that it is bad."""
        return self.status == "valid" and self.attests is None

    @property
    def rule(self) -> str:
        """The audit's rule for the verdict."""
        return f"signature-{self.status}"
