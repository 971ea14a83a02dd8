"""What an archive claims about bytes. This is the one place that derives and merges claims.

The audit measures by these claims and judges them. A conversion compares each blob with them as soon as it was read.
A comparison reads by them what it compares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from ociarchive.measure import agrees
from ociarchive.model import Artifact, Layer, named_by, walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from collections.abc import Set as AbstractSet

    from ociarchive.blobio.limits import Limits
    from ociarchive.blobio.source import ByteSource
    from ociarchive.measure import Measured
    from ociarchive.model import Archive
    from ociarchive.values import Descriptor, Digest

_T = TypeVar("_T")
#: The algorithms by which nearly every source is claimed, and no other.
_USUAL: Final[AbstractSet[Any]] = frozenset(("sha256",))


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The claim that the bytes of `source` agree with `descriptor`, or with `digest` where only a name claims it."""

    digest: Digest
    source: ByteSource | None
    where: str
    descriptor: Descriptor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """One place where an archive refers to bytes, with its claim there, None where it makes none.

    `by` is what makes the claim: an entry of the archive or of an index, a manifest for its parts, or the name of a
    stored file. `opaque` bytes are no document of the graph. `diff_id` is the config's claim about the unpacked layer.
    `unpacks` says whether it can be unpacked.
    """

    source: ByteSource | None
    claim: Claim | None
    by: Literal["entry", "manifest", "name"]
    opaque: bool = True
    diff_id: Digest | None = None
    unpacks: bool = False


def mentions(archive: Archive) -> Iterator[Mention]:
    """Give every place where an archive refers to bytes, in its order. A part comes once for each entry above it."""
    for edge in walk(archive.roots):
        source = edge.node.source
        bare = isinstance(edge.node, Artifact) and edge.node.document is None
        yield Mention(source=source, claim=_claim(archive, edge.descriptor, source), by="entry", opaque=bare)
        for part in named_by(edge.node):
            claim = _claim(archive, part.descriptor, part.source)
            if isinstance(part, Layer):
                yield Mention(
                    source=part.source, claim=claim, by="manifest", diff_id=part.diff_id, unpacks=part.unpacks
                )
            else:
                yield Mention(source=part.source, claim=claim, by="manifest")
    for stored in archive.stored:
        if stored.digest is not None and stored.source is not None:
            named = Claim(digest=stored.digest, source=stored.source, where=stored.source.where)
            yield Mention(source=stored.source, claim=named, by="name")


def claims(archive: Archive) -> tuple[Claim, ...]:
    """Return every claim about the bytes of a blob, each once: by entries, then by manifests, then by file names."""
    found: dict[str, list[Claim]] = {"entry": [], "manifest": [], "name": []}
    for mention in mentions(archive):
        if mention.claim is not None:
            found[mention.by].append(mention.claim)
    once: dict[tuple[Digest, int, str, bool], Claim] = {}
    for claim in (*found["entry"], *found["manifest"], *found["name"]):
        size = claim.descriptor.size if claim.descriptor else -1
        once.setdefault((claim.digest, size, claim.where, claim.source is None), claim)
    return tuple(once.values())


@dataclass(slots=True)
class Claimed:
    """All claims about one source. They decide how to measure it: whether to unpack it, and by which `algorithms`.

    `digest` is one claimed digest of its bytes. `digests`, `sizes` and `diff_ids` are the claims about opaque bytes,
    which a measurement proves or contradicts. `fact` is the measurement that was made when the archive was opened.
    """

    limits: Limits
    fact: Measured | None = None
    unpack: bool = False
    algorithms: AbstractSet[str] = frozenset()  # a set of its own, of two hundred bytes, only where it needs one
    digest: Digest | None = None
    digests: AbstractSet[Digest] = frozenset()
    sizes: AbstractSet[int] = frozenset()
    diff_ids: AbstractSet[Digest] = frozenset()

    def add(self, mention: Mention) -> None:
        """Add the claim of one place of an archive."""
        claim, diff_id = mention.claim, mention.diff_id
        self.unpack |= mention.unpacks
        for one in (claim.digest if claim else None, diff_id):
            if one is not None:
                self.algorithms = _with(self.algorithms, one.algorithm)
        if claim is not None:
            self.digest = self.digest or claim.digest
        if not mention.opaque or mention.by == "name":
            return
        if claim is not None and claim.descriptor is not None:
            self.digests = _with(self.digests, claim.digest)
            self.sizes = _with(self.sizes, claim.descriptor.size)
        if diff_id is not None and mention.unpacks:
            self.diff_ids = _with(self.diff_ids, diff_id)

    def knows(self, fact: Measured) -> bool:
        """Whether a fact answers all claims: it has a digest of each algorithm, of the unpacked bytes too."""
        algorithms = {digest.algorithm for digest in fact.digests}
        return self.algorithms <= algorithms and (fact.diff_ids is not None or not self.unpack)

    def contradicted_by(self, fact: Measured) -> bool:
        """Whether a fact shows that one of the claims is false."""
        if any(agrees(digest, fact.digests) is False for digest in self.digests):
            return True
        if any(size != fact.size for size in self.sizes):
            return True
        if not self.diff_ids:
            return False
        return fact.diff_ids is None or any(agrees(diff_id, fact.diff_ids) is False for diff_id in self.diff_ids)


def _with(kept: AbstractSet[_T], one: _T) -> AbstractSet[_T]:
    """Return a set with one more, the same set where it can be: many may be claimed of one source."""
    if one in kept:
        return kept
    if isinstance(kept, set):
        kept.add(one)
        return kept
    return _USUAL if one in _USUAL and not kept else {*kept, one}


def claimed(archives: Iterable[Archive]) -> dict[ByteSource, Claimed]:
    """Return every source to which some archives refer, with all claims about it in any of them."""
    found: dict[ByteSource, Claimed] = {}
    for archive in archives:
        limits = archive.limits
        for mention in mentions(archive):
            if mention.source is not None:
                one = found.get(mention.source)
                if one is None:
                    one = found[mention.source] = Claimed(limits, archive.facts.get(mention.source))
                one.add(mention)
    return found


def _claim(archive: Archive, descriptor: Descriptor | None, source: ByteSource | None) -> Claim | None:
    if descriptor is None:
        return None
    where = source.where if source is not None else f"{archive.where}: {descriptor.digest}"
    return Claim(digest=descriptor.digest, source=source, where=where, descriptor=descriptor)
