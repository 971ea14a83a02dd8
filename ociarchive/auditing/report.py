"""What an audit came to, as values alone: a report needs no open archive, and can be stored and sent."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from ociarchive.auditing.policy import Policy
from ociarchive.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ociarchive.auditing.listing import Object
    from ociarchive.auditing.rule import Finding
    from ociarchive.measure import Measured

#: How much of an archive a report holds: what a verdict needs; with it images, artifacts and what is missing; or all,
#: every blob too. The first is a kilobyte, the others grow with the archive.
Detail: TypeAlias = Literal["verdict", "images", "all"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What an archive names, each as the JSON report has it."""

    images: tuple[Object, ...]
    artifacts: tuple[Object, ...]
    missing: tuple[Object, ...]


@dataclass(slots=True, kw_only=True)
class BlobRow:
    """A blob that was read, or was not: then `fact` is None, and `size` too where it is not here.

    `held` of `made` claims of its digest and size hold.
    """

    where: str
    fact: Measured | None
    size: int | None = None
    held: int = 0
    made: int = 0

    @property
    def ok(self) -> bool | None:
        """Whether every claim holds, None where there is none."""
        return None if not self.made else self.held == self.made


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What the claims of an archive came to, one by one.

    `held` of `made` claimed digests and sizes agree with what was read; `here` of `named` things that descriptors name
    are in the archive. `names` and `members` are the numbers of names and of stored files; `roots` tells whether the
    archive names anything. `unproved` has what could not be proved, each with the reason; `unread` the files that
    nothing makes a claim of.
    """

    held: int
    made: int
    here: int
    named: int
    names: int
    members: int
    roots: bool
    unproved: tuple[tuple[str, str], ...]
    unread: tuple[str, ...]
    blobs: tuple[BlobRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What was audited. `images` is their number.

    `layers` says of each distinct layer whether every claim of it was proved, None where it could not be; `tables`
    tells whether one has a table of contents. `files` are the places of findings that are files of their own, as those
    of a folder are. `listed` and `proof` are None where the audit was not asked for so much detail.
    """

    format: str
    is_folder: bool
    images: int
    layers: tuple[bool | None, ...]
    tables: bool
    files: frozenset[str]
    listed: Listed | None = field(default=None, repr=False)
    proof: Proof | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Report:
    """What the audit of one archive came to.

    `findings` count, `waived` were found and do not, as `policy` asks. `blobs` and `bytes` are what was read; without
    `contents` the source could not be read as an archive at all.
    """

    source: str
    contents: Contents | None
    findings: tuple[Finding, ...]
    waived: tuple[Finding, ...] = ()
    policy: Policy = field(default_factory=Policy)
    blobs: int = 0
    bytes: int = 0

    def __repr__(self) -> str:
        found = ", ".join(f"{severity}s={self.count(severity)}" for severity in ("error", "warning", "note"))
        return f"Report(source={self.source!r}, failed={self.failed}, {found}, blobs={self.blobs})"

    def adding(self, findings: Iterable[Finding]) -> Report:
        """Return this report with what else was found, as the policy counts it."""
        kept, waived = self.policy.apply(findings)
        return replace(self, findings=(*self.findings, *kept), waived=(*self.waived, *waived))

    @property
    def failed(self) -> bool:
        """Whether the archive fails the audit."""
        return self.policy.fails(self.findings)

    @property
    def images(self) -> int:
        """The number of images that were audited."""
        return self.contents.images if self.contents else 0

    @property
    def layers(self) -> tuple[bool | None, ...]:
        """For each distinct layer whether every claim of it was proved; None where it could not be."""
        return self.contents.layers if self.contents else ()

    @property
    def listed(self) -> Listed | None:
        """What the archive names, None where it could not be read as one. UsageError: nobody asked for that detail."""
        if self.contents is None:
            return None
        if self.contents.listed is None:
            raise UsageError("the report of a verdict lists no images", hint="audit with detail='images' or 'all'")
        return self.contents.listed

    @property
    def proof(self) -> Proof | None:
        """What each claim came to, None where there is no archive. UsageError: nobody asked for that detail."""
        if self.contents is None:
            return None
        if self.contents.proof is None:
            raise UsageError("the report does not hold every blob", hint="audit with detail='all'")
        return self.contents.proof

    def count(self, severity: str) -> int:
        """Return the number of findings of a severity."""
        return sum(finding.severity == severity for finding in self.findings)


def member_of(location: str, source: str) -> str:
    """Return the place inside an archive that a location names; empty for the archive as a whole."""
    if location == source:
        return ""
    return location.removeprefix(f"{source}: ")
