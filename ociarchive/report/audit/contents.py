"""What the report for people shows of an archive's contents: images with their layers, blobs, what was not proved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ociarchive.auditing.outcomes import NO_TABLE
from ociarchive.measure import agrees
from ociarchive.model import Missing
from ociarchive.report.audit.locations import member_of
from ociarchive.report.shared.facts import image_facts, other_facts
from ociarchive.report.shared.text import size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ociarchive.auditing import Evidence, Report
    from ociarchive.auditing.outcomes import Outcome
    from ociarchive.blobio.source import ByteSource
    from ociarchive.measure import Measured
    from ociarchive.model import Layer

#: Rules that tell of something that could not be proved, and what it is.
_UNPROVED: Final = {"image-unproved": "manifest", "toc-elsewhere": "table of contents of layer"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar of a chart: what is stored within what it unpacks to, in hundredths of the longest bar."""

    stored: float
    unpacked: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A layer of an image, as the JSON report has it, with its bar."""

    facts: dict[str, Any]
    bar: Bar


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An image, as the JSON report has it, with its layers."""

    facts: dict[str, Any]
    rows: tuple[Row, ...]


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


def shown(evidence: Evidence) -> tuple[Iterator[Shown], list[Any], list[Any]]:
    """Return images, which are made as they are taken, artifacts and what is missing."""
    facts: Any = other_facts(evidence.archive)
    images = (_image(one) for one in image_facts(evidence.archive, evidence))
    return images, facts["artifacts"], facts["missing"]


def _image(facts: dict[str, Any]) -> Shown:
    layers = facts["layers"]
    longest = max((one[key] or 0 for one in layers for key in ("size", "uncompressed_size")), default=0)
    return Shown(facts=facts, rows=tuple(Row(facts=one, bar=_bar(one, longest)) for one in layers))


def _bar(layer: dict[str, Any], longest: int) -> Bar:
    stored, unpacked = layer["size"], layer["uncompressed_size"]
    text = f"{size(stored)} stored"
    if not layer["present"]:
        text = f"not in the archive, {size(stored)} by its descriptor"
    elif unpacked is None:
        text += ", not unpacked"
    else:
        text += f" of {size(unpacked)} unpacked"
        if unpacked:
            text += f", {stored * 100 / unpacked:.0f} %"
    return Bar(stored=_share(stored if layer["present"] else 0, longest), unpacked=_share(unpacked, longest), text=text)


def _share(part: int | None, whole: int) -> float:
    """Return a length in hundredths: whatever is there at all can be seen."""
    return 0.0 if not part or not whole else round(max(part * 100 / whole, 0.5), 2)


def blobs(report: Report) -> tuple[BlobRow, ...]:
    """Return every blob that was read, then those that were not, by their places."""
    evidence = report.evidence
    if evidence is None:
        return ()
    found = {
        source.where: BlobRow(where=member_of(source.where, report.source), fact=fact, size=fact.size)
        for source, fact in evidence.facts.items()
    }
    absent: dict[str, BlobRow] = {}
    for claim in evidence.claims:
        row = found.get(claim.where) if claim.source is not None else None
        if row is None or row.fact is None:
            place = member_of(claim.where, report.source)
            absent.setdefault(claim.where, BlobRow(where=place, fact=None))
            continue
        answers = [agrees(claim.digest, row.fact.digests)]
        if claim.descriptor is not None:
            answers.append(claim.descriptor.size == row.fact.size)
        row.held += answers.count(True)
        row.made += len(answers)
    for stored in _unread(evidence):
        place = member_of(stored.where, report.source)
        absent.setdefault(stored.where, BlobRow(where=place, fact=None, size=stored.size))
    here = sorted(found.values(), key=lambda row: row.where)
    return (*here, *sorted(absent.values(), key=lambda row: row.where))


def _unread(evidence: Evidence) -> Iterator[ByteSource]:
    """Give what lies where blobs are kept and was not read, because nothing makes a claim of it."""
    for stored in evidence.archive.stored:
        if stored.source is not None and stored.source not in evidence.facts:
            yield stored.source


def unproved(report: Report, results: Sequence[Outcome]) -> tuple[tuple[str, str], ...]:
    """Return what could not be proved of an archive, each with the reason."""
    told: list[tuple[str, str]] = []
    if report.evidence is not None:
        told += _not_there(report.evidence)
        unread = (member_of(source.where, report.source) for source in _unread(report.evidence))
        told += [(f"file {name}", "nothing makes a claim of it, so it was not read") for name in unread]
    silent = [one for one in results if one.status in ("waived", "not checked") and one.why != NO_TABLE]
    told += [(f"rule {one.rule.id}", one.why or "") for one in silent]
    return tuple(dict.fromkeys(told))


def _not_there(evidence: Evidence) -> Iterator[tuple[str, str]]:
    for image in evidence.images:
        if image.document is None:
            yield f"manifest of image {image.image_id}", "the format keeps none, so that no manifest digest is claimed"
        for layer in image.layers:
            why = _why(layer, evidence)
            if why is not None:
                yield f"layer {layer.descriptor.digest if layer.descriptor else layer.name}", why
    for edge in evidence.edges:
        if isinstance(edge.node, Missing) and edge.descriptor is not None:
            platform = f" ({edge.descriptor.platform})" if edge.descriptor.platform else ""
            why = "it cannot be read as one" if edge.node.source is not None else "it is not in the archive"
            yield f"manifest {edge.descriptor.digest}{platform}", why
    for flaw in evidence.flaws:
        if flaw.rule in _UNPROVED:
            yield f"{_UNPROVED[flaw.rule]} {flaw.subject}", flaw.message
    for claim in evidence.claims:
        fact = evidence.fact(claim.source)
        if fact is not None and agrees(claim.digest, fact.digests) is None:
            yield f"blob {claim.digest}", f"nothing here computes {claim.digest.algorithm}"


def _why(layer: Layer, evidence: Evidence) -> str | None:
    """Return why a layer could not be proved, None where it was proved or proved wrong."""
    fact = evidence.fact(layer.source)
    if fact is None:
        return "it is foreign and left out, as it may be" if layer.foreign else "it is not in the archive"
    if fact.limit is not None:
        return fact.limit
    if fact.damage is not None:
        return f"it cannot be unpacked: {fact.damage}"
    if not layer.unpacks and layer.descriptor is not None:
        return f"its bytes cannot be looked into ({layer.descriptor.media_type}); its digest was checked"
    if layer.diff_id is None:
        return "the config lists no diff_id for it"
    if fact.diff_ids is None or agrees(layer.diff_id, fact.diff_ids) is None:
        return f"nothing here computes its diff_id {layer.diff_id}"
    return None
