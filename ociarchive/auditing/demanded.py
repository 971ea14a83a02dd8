"""What a policy demands of each image by its name, and whether signatures meet it."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from ociarchive.blobio.limits import LimitError
from ociarchive.blobio.realpath import real
from ociarchive.disguise import may_run
from ociarchive.errors import ContentError, plural
from ociarchive.formats import FORMATS
from ociarchive.model import walk
from ociarchive.signing.demands import NAMED
from ociarchive.signing.verdicts import verdict
from ociarchive.values import word

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from ociarchive.auditing.evidence import Evidence
    from ociarchive.auditing.standing import Standing
    from ociarchive.model import Edge, Root
    from ociarchive.signing.demands import Demand, Demands
    from ociarchive.signing.scene import Found, Trust
    from ociarchive.signing.values import Kind, Signature
    from ociarchive.values import Digest, Reference

#: What a policy may name of each transport.
SCOPES: Final = {one.transport: one.scopes for one in FORMATS if one.transport is not None}
#: A demand that is looked at is a step. A signature that is looked at for it, and an image that is reported, take so
#: many; a check looks up so many digests of a statement in one. What else a check takes is bounded where it is done.
_OF_A_LINE: Final = 10
_NAMED: Final = 10
#: What is said of a signature that several demands judge differently: the first of these.
_BEST: Final = ("valid", "identity", "invalid", "untrusted", "unchecked")
_OTHER: Final = "another signature meets the policy, this one is for"
_DEMANDED: Final[Mapping[str, str]] = {
    "signedBy": "a signature by GPG",
    "sigstoreSigned": "a signature of sigstore",
    "signedBaseLayer": "a signature of its base layer",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsigned:
    """An image without a signature that holds. `why`: what is demanded, where that is more than a signature."""

    digest: Digest | None
    where: str
    why: str | None = None


class Judge:
    """Keeps one verdict for each signature, and judges images of one archive by a policy.

    `found` are its signatures; `check` gives the verdicts of one by a trust, `standing` the indexes above an image.
    """

    def __init__(
        self,
        evidence: Evidence,
        found: Sequence[Found[Any]],
        check: Callable[[int, Trust], Iterable[Signature]],
        standing: Standing,
    ) -> None:
        self._evidence, self._found = evidence, found
        self._check, self._standing = check, standing
        self._checked: dict[tuple[int, int], tuple[Signature, ...]] = {}
        self._count = 0
        self._verdicts: dict[tuple[int, Digest | None], Signature] = {}

    def signatures(self) -> Iterator[Signature]:
        """Give the verdicts of all signatures that were judged, in the archive's order."""
        yield from (self._verdicts[key] for key in sorted(self._verdicts, key=lambda one: one[0]))

    def missing(self, images: Iterable[Edge], demands: Demands, roots: Iterable[Root]) -> Iterator[Unsigned]:
        """Give the images that do not meet what is demanded of the names that `roots` give them.

        Their signatures are judged. An image to which several entries lead is judged once, for all its names.
        """
        names: dict[int, dict[Reference, None]] = {}
        for root in roots:
            for edge in walk([root]):
                if may_run(edge.node):
                    names.setdefault(id(edge.node), {}).update(dict.fromkeys(root.names))
        signed = self._by_digest()
        marked = self._standing.marked(signed)
        judged: set[tuple[int, Digest | None]] = set()
        for edge in images:
            digest = edge.descriptor.digest if edge.descriptor is not None else None
            if (id(edge.node), digest) in judged:
                continue
            judged.add((id(edge.node), digest))
            every = {number for one in self._standing.over(digest, marked) for each in signed[one] for number in each}
            mine: dict[Kind, list[int]] = {}
            for number in sorted(every):
                mine.setdefault(self._found[number].kind, []).append(number)
            meant = dict.fromkeys(self._proven(name, digest) for name in names.get(id(edge.node), {}))
            for name, listed in self._names(meant, demands):
                for demand in listed:
                    why = self._unmet(demand, name, mine, digest)
                    if why is not None:
                        self._work(_OF_A_LINE)
                        about = digest or getattr(edge.node, "image_id", None)
                        yield Unsigned(digest=about, where=self._evidence.place(str(name or about)), why=why)

    def _by_digest(self) -> dict[Digest, list[list[int]]]:
        """Return the numbers of the signatures over each digest that is here, those that share what they name as one.

        Thousands may be attached to one name, which thousands of images have.
        """
        here = {edge.descriptor.digest for edge in self._evidence.edges if edge.descriptor is not None}
        groups: dict[tuple[Digest, ...] | frozenset[Digest], list[int]] = {}
        for number, one in enumerate(self._found):
            for digests in (one.named, one.attached):
                groups.setdefault(digests, []).append(number)
        found: dict[Digest, list[list[int]]] = {}
        for named, numbers in groups.items():
            for digest in here.intersection(named):
                found.setdefault(digest, []).append(numbers)
        return found

    def add(self, number: int, one: Signature) -> None:
        """Keep a verdict, unless a better one over the same digest is known."""
        key = (number, one.digest)
        known = self._verdicts.get(key)
        if known is None or _BEST.index(one.status) < _BEST.index(known.status):
            self._verdicts[key] = one

    def _names(
        self, names: Mapping[Reference, None], demands: Demands
    ) -> Iterator[tuple[Reference | None, tuple[Demand, ...]]]:
        """Give the names of an image, each with what is demanded; without one, what is demanded of its place."""
        for name in names:
            yield name, demands.of_name(name)
        if not names:
            yield None, demands.of_path(*_place(self._evidence))

    def _unmet(
        self, demand: Demand, name: Reference | None, mine: Mapping[Kind, Sequence[int]], digest: Digest | None
    ) -> str | None:
        """Return why an image does not meet a demand, None where it does. `mine` are its signatures."""
        self._work(1)
        if demand.type == "insecureAcceptAnything":
            return None
        if demand.type == "reject":
            return f"the policy rejects the image ({demand.where})"
        judged = [
            (number, one, self._unfit(one, demand, name, digest))
            for kind in demand.kinds
            for number in mine.get(kind, ())
            for one in self._by(number, demand)
        ]
        met = any(one.status == "valid" and unfit is None for _, one, unfit in judged)
        for number, one, unfit in judged:
            # An image may be signed for each of its names: where one fits, the others are no fault.
            other = None if unfit is None or one.status != "valid" else unfit
            if other is not None and not met:
                self.add(number, replace(one, status="identity", why=other))
            elif other is not None:
                self.add(number, replace(one, why=f"{one.why}; {_OTHER} {word(one.reference) or 'no name'}"))
            else:
                self.add(number, one)
        if met:
            return None
        why = f"the policy demands {_DEMANDED[demand.type]} ({demand.where}), and none holds"
        return why if demand.unmet is None else f"{why}: {demand.unmet}"

    def _by(self, number: int, demand: Demand) -> tuple[Signature, ...]:
        self._work(_OF_A_LINE)
        found = self._found[number]
        if demand.unmet is not None and not isinstance(found.content, ContentError):
            return (verdict(found, "unchecked", demand.unmet, by="unknown"),)
        key = (number, id(demand.trust))  # of many demands, whose trust a policy makes once
        if key not in self._checked:
            self._work(len(found.named) // _NAMED)
            self._checked[key] = tuple(self._check(number, demand.trust))
        return self._checked[key]

    def _work(self, steps: int) -> None:
        """Count steps. LimitError: they are more than so many lines of a report allow."""
        self._count += steps
        allowed = self._evidence.archive.limits.listed
        if self._count > allowed * _OF_A_LINE:
            what = f"images, names and demands make more than the {plural(allowed, 'check')} allowed"
            raise LimitError(what, "listed", where=self._evidence.archive.where)

    def _proven(self, name: Reference, digest: Digest | None) -> Reference:
        """Return a name without a digest that is none of the image's: in an archive that is a claim and no more.

        Whoever pulls by digest gets what has it: so a digest in a name counts for more than a tag does.
        """
        mine = name.digest is None or self._standing.is_over(name.digest, digest)
        return name if mine else replace(name, digest=None)

    def _unfit(self, one: Signature, demand: Demand, name: Reference | None, digest: Digest | None) -> str | None:
        """Return why a signature that holds is not for an image with a name; None where it is."""
        if not self._standing.is_over(one.digest, digest):
            return "it holds, but for another digest than the image's"
        if demand.identity.fits(name, one.reference):
            return None
        about = f"{name}" if name is not None else "an image without a name"
        signed = word(one.reference) or "no name"
        return f"it holds, but for {signed}; the policy asks for {demand.identity} of {about} ({demand.where})"


def _place(evidence: Evidence) -> tuple[str, str]:
    """Return the transport for images without a name, and the absolute path without links."""
    archive = evidence.archive
    known = next((one for one in FORMATS if one.name == archive.format), None)
    named = known is not None and known.scopes == "paths" and os.path.exists(archive.where)
    transport = known.transport if known is not None else None
    return transport or NAMED, real(archive.where) if named else ""
