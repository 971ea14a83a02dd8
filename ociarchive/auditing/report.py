"""The result of an audit, as values only. A report needs no open archive, and can be stored and sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from ociarchive.auditing.policy import Policy
from ociarchive.auditing.rule import SEVERITIES
from ociarchive.errors import UsageError

if TYPE_CHECKING:
    from ociarchive.auditing.facts import ArtifactFacts, ImageFacts, MissingFacts
    from ociarchive.auditing.holding import Holding
    from ociarchive.auditing.identity import Identity
    from ociarchive.auditing.proven import ReceiptProof
    from ociarchive.auditing.rule import Finding
    from ociarchive.measure import Measured

#: How much of an archive a report holds: what a verdict needs; also images, artifacts and what is missing; or all,
#: with every blob. The first is a kilobyte. The others grow with the archive.
Detail: TypeAlias = Literal["verdict", "images", "all"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What an archive names, in the form of the JSON report."""

    images: tuple[ImageFacts, ...]
    artifacts: tuple[ArtifactFacts, ...]
    missing: tuple[MissingFacts, ...]


@dataclass(slots=True, kw_only=True)
class BlobRow:
    """A blob. If it was not read, `fact` is None. If it is absent, `size` is None too.

    Of `made` claims about its digest and size, `held` are true.
    """

    where: str
    fact: Measured | None
    size: int | None = None
    held: int = 0
    made: int = 0

    @property
    def ok(self) -> bool | None:
        """Whether every claim is true, None where there is none."""
        return None if not self.made else self.held == self.made


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The result for the claims of an archive, one by one.

    Of `made` claimed digests and sizes, `held` agree with what was read. Of `named` things that descriptors name,
    `here` are in the archive. `names` and `members` are the numbers of names and of stored files. `roots` says whether
    the archive names anything. `unproved` has what could not be proved, each with the reason. `unread` has the files
    about which nothing makes a claim.
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
    """What was audited. `images` is the number of image manifests, `distinct` that of image IDs with their platforms.

    `layers` says for each distinct layer whether every claim about it was proved, None where that was impossible.
    `tables` says whether a layer has a table of contents. `files` are the places of findings that are separate files,
    like those of a folder. `keys` are the public keys by which signatures were checked, `must_be_signed` says whether
    each image had to have one that holds, `signed` whether each has one. `listed` and `proof` are None where the audit
    was not asked for so much detail.
    """

    format: str
    is_folder: bool
    images: int
    distinct: int
    layers: tuple[bool | None, ...]
    tables: bool
    files: frozenset[str]
    keys: tuple[str, ...] = ()
    must_be_signed: bool = False
    signed: bool = False
    listed: Listed | None = field(default=None, repr=False)
    proof: Proof | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Report:
    """The result of the audit of one archive.

    `findings` count. `waived` findings do not count, because `policy` says so. `blobs` and `bytes` are what was read.
    `contents` is None where the source could not be read as an archive at all. `recorded` is the time, in UTC, of the
    audit where a catalogue had the report; None: the archive was audited in this call. `receipt` is what the receipt
    of the call proved, None where it names none or nothing could be read. `identity` is the archive's own digest, None
    where it has none, or where the call did not ask for it; `holding` is what a statement about it is about.
    `demanded` are the selectors of what it had to hold. `size` is that of its file in bytes, None where it is none.
    """

    source: str
    contents: Contents | None
    findings: tuple[Finding, ...]
    waived: tuple[Finding, ...] = ()
    policy: Policy = field(default_factory=Policy)
    blobs: int = 0
    bytes: int = 0
    recorded: str | None = None
    receipt: ReceiptProof | None = None
    identity: Identity | None = None
    holding: Holding | None = field(default=None, repr=False)
    demanded: tuple[str, ...] = ()
    size: int | None = None

    def __repr__(self) -> str:
        found = ", ".join(f"{severity}s={self.count(severity)}" for severity in SEVERITIES)
        return f"Report(source={self.source!r}, failed={self.failed}, {found}, blobs={self.blobs})"

    @property
    def failed(self) -> bool:
        """Whether the archive fails the audit."""
        return bool(self.findings) and self.policy.fails(self.findings)

    @property
    def images(self) -> int:
        """The number of images that were audited."""
        return self.contents.images if self.contents else 0

    @property
    def distinct(self) -> int:
        """The number of images by image ID and platform. One that is packed in several ways has several manifests."""
        return self.contents.distinct if self.contents else 0

    @property
    def layers(self) -> tuple[bool | None, ...]:
        """For each distinct layer, whether every claim about it was proved; None where that was impossible."""
        return self.contents.layers if self.contents else ()

    @property
    def listed(self) -> Listed | None:
        """What the archive names, None where it could not be read. UsageError: this detail was not requested."""
        if self.contents is None:
            return None
        if self.contents.listed is None:
            raise UsageError("the report of a verdict lists no images", hint="audit with detail='images' or 'all'")
        return self.contents.listed

    @property
    def proof(self) -> Proof | None:
        """The result for each claim, None where there is no archive. UsageError: this detail was not requested."""
        if self.contents is None:
            return None
        if self.contents.proof is None:
            raise UsageError("the report does not hold every blob", hint="audit with detail='all'")
        return self.contents.proof

    def count(self, severity: str) -> int:
        """Return the number of findings of a severity."""
        return sum(finding.severity == severity for finding in self.findings) if self.findings else 0


def member_of(location: str, source: str) -> str:
    """Return the place inside an archive that a location names; empty for the archive as a whole."""
    if location == source:
        return ""
    return location.removeprefix(f"{source}: ")
