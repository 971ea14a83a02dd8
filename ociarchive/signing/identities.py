"""Which name a signature may be for (containers-policy.json(5), signedIdentity).

A name in a signature is compared as it stands: no tag is added to it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from ociarchive.values import Reference

Match: TypeAlias = Literal[
    "matchExact", "matchRepoDigestOrExact", "matchRepository", "exactReference", "exactRepository", "remapIdentity"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a policy asks of the name in a signature. `named` is the name, repository or prefix that it gives.

    `signed_prefix` replaces a prefix.
    """

    match: Match = "matchRepoDigestOrExact"
    named: str = ""
    signed_prefix: str = ""

    def __str__(self) -> str:
        given = f" {self.named}" if self.named else ""
        return f"{self.match}{given}" + (f" as {self.signed_prefix}" if self.signed_prefix else "")

    def fits(self, meant: Reference | None, signed: str | None) -> bool:
        """Whether a signature for the name `signed` counts for an image whose name is `meant`, None where it has none.

        containers/image, signature/policy_reference_match.go.
        """
        claimed = as_written(signed)
        if claimed is None:
            return False
        if self.match == "exactRepository":
            return _same_repository(as_written(self.named), claimed)
        if self.match == "exactReference":
            return _equal(as_written(self.named), claimed)
        if self.match == "matchRepository":
            return _same_repository(meant, claimed)
        if self.match == "matchExact":
            return _equal(meant, claimed)
        return _repo_digest_or_exact(self._remapped(meant), claimed)

    def _remapped(self, meant: Reference | None) -> Reference | None:
        if self.match != "remapIdentity" or meant is None:
            return meant
        name = f"{meant.host}/{meant.path}"
        if name != self.named and not name.startswith(f"{self.named}/"):
            return meant
        text = self.signed_prefix + str(meant)[len(self.named) :]
        found = as_written(text)
        # What is no name in full, such as docker.io/app, is none (signature/policy_reference_match.go).
        return found if str(found) == text else None


def as_written(text: str | None) -> Reference | None:
    """Return the name that a text spells, without a tag where it names none; None where it spells no name."""
    found = Reference.maybe(text)
    if found is None or text is None or found.digest is not None:
        return found
    return found if ":" in text.rsplit("/", 1)[-1] else replace(found, tag=None)


def _equal(meant: Reference | None, claimed: Reference) -> bool:
    return meant == claimed and not (claimed.tag is None and claimed.digest is None)


def _same_repository(meant: Reference | None, claimed: Reference) -> bool:
    return meant is not None and (meant.host, meant.path) == (claimed.host, claimed.path)


def _repo_digest_or_exact(meant: Reference | None, claimed: Reference) -> bool:
    if meant is None or (claimed.tag is None and claimed.digest is None):
        return False
    return meant == claimed if meant.tag is not None else meant.digest is not None and _same_repository(meant, claimed)
