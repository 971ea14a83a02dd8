"""Make the requested values of a report from evidence, while the archive is still open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ociarchive.auditing.listing import counted, image_facts, other_facts
from ociarchive.auditing.report import BlobRow, Contents, Listed, Proof, member_of
from ociarchive.auditing.rule import subject_of
from ociarchive.formats import entry_documents
from ociarchive.measure import agrees
from ociarchive.model import Missing
from ociarchive.toc import has_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ociarchive.auditing.claims import Claim
    from ociarchive.auditing.evidence import Evidence
    from ociarchive.auditing.report import Detail
    from ociarchive.auditing.rule import Finding
    from ociarchive.blobio.source import ByteSource
    from ociarchive.measure import Measured
    from ociarchive.model import Layer

#: Rules that report something that could not be proved, and what it is.
_UNPROVED: Final = {"image-unproved": "manifest", "toc-elsewhere": "table of contents of layer"}


def contents(evidence: Evidence, findings: Iterable[Finding], detail: Detail) -> Contents:
    """Return what reports say about an archive beside its findings."""
    layers = {
        (layer.source, layer.name, layer.diff_id): evidence.verified(layer)
        for image in evidence.images
        for layer in image.layers
    }
    return Contents(
        format=evidence.archive.format,
        is_folder=evidence.archive.is_folder,
        images=len(evidence.images),
        distinct=counted(evidence.edges).images,
        layers=tuple(layers.values()),
        tables=any(has_table(layer.descriptor) for image in evidence.images for layer in image.layers),
        files=_own_files(evidence, findings),
        keys=evidence.proofs.keys if evidence.proofs is not None else (),
        must_be_signed=evidence.proofs is not None and evidence.proofs.required,
        signed=evidence.proofs is not None and evidence.proofs.signed,
        listed=None if detail == "verdict" else listed(evidence),
        proof=_proof(evidence) if detail == "all" else None,
    )


def listed(evidence: Evidence) -> Listed:
    """Return what an archive names, in the form of the JSON report."""
    artifacts, missing = other_facts(evidence.archive)
    return Listed(
        images=tuple(image_facts(evidence.archive, evidence)), artifacts=tuple(artifacts), missing=tuple(missing)
    )


def _own_files(evidence: Evidence, findings: Iterable[Finding]) -> frozenset[str]:
    """Return the places of findings that are separate files, like those of a folder."""
    if not evidence.archive.is_folder:
        return frozenset()
    where = evidence.archive.where
    found = {member_of(finding.location, where) for finding in findings} - {""}
    read = {member_of(source.where, where) for source in evidence.facts} if found else set()
    return frozenset(found & {*entry_documents(), *read})


def _proof(evidence: Evidence) -> Proof:
    held, made = _claims(evidence)
    named = {claim.digest: claim.source is not None for claim in evidence.claims if claim.descriptor is not None}
    return Proof(
        held=held,
        made=made,
        here=sum(named.values()),
        named=len(named),
        names=len({str(name) for root in evidence.archive.roots for name in root.names}),
        members=len({stored.name for stored in evidence.archive.stored}),
        roots=bool(evidence.archive.roots),
        unproved=tuple(_not_proved(evidence)),
        unread=tuple(member_of(source.where, evidence.archive.where) for source in _unread(evidence)),
        blobs=_blobs(evidence),
    )


def _claims(evidence: Evidence) -> tuple[int, int]:
    """Return how many claimed digests and sizes agree with what was read, and how many claims there are."""
    held = made = 0
    for claim in evidence.claims:
        fact = evidence.fact(claim.source)
        if fact is None:
            continue
        answers = _answers(claim, fact)
        held += answers.count(True)
        made += len(answers)
    return held, made


def _answers(claim: Claim, fact: Measured) -> list[bool | None]:
    """Return whether the digest and the size that something claims agree; None where nothing computes the digest."""
    answers = [agrees(claim.digest, fact.digests)]
    if claim.descriptor is not None:
        answers.append(claim.descriptor.size == fact.size)
    return answers


def _blobs(evidence: Evidence) -> tuple[BlobRow, ...]:
    """Return every blob that was read, then those that were not, by place."""
    where = evidence.archive.where
    found = {
        source.where: BlobRow(where=member_of(source.where, where), fact=fact, size=fact.size)
        for source, fact in evidence.facts.items()
    }
    absent: dict[str, BlobRow] = {}
    for claim in evidence.claims:
        row = found.get(claim.where) if claim.source is not None else None
        if row is None or row.fact is None:
            absent.setdefault(claim.where, BlobRow(where=member_of(claim.where, where), fact=None))
            continue
        answers = _answers(claim, row.fact)
        row.held += answers.count(True)
        row.made += len(answers)
    for stored in _unread(evidence):
        absent.setdefault(stored.where, BlobRow(where=member_of(stored.where, where), fact=None, size=stored.size))
    here = sorted(found.values(), key=lambda row: row.where)
    return (*here, *sorted(absent.values(), key=lambda row: row.where))


def _unread(evidence: Evidence) -> Iterator[ByteSource]:
    """Give the files in the places of blobs that were not read, because nothing makes a claim about them."""
    for stored in evidence.archive.stored:
        if stored.source is not None and stored.source not in evidence.facts:
            yield stored.source


def _not_proved(evidence: Evidence) -> Iterator[tuple[str, str]]:
    for image in evidence.images:
        if image.document is None:
            yield f"manifest of image {image.image_id}", "the format keeps none, so that no manifest digest is claimed"
        for layer in image.layers:
            why = _why(layer, evidence)
            if why is not None:
                yield f"layer {subject_of(layer)}", why
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
    """Return why a layer could not be proved, None where it was proved right or wrong."""
    fact = evidence.fact(layer.source)
    if fact is None and layer.elsewhere is not None:
        return f"it {layer.elsewhere.why}"
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
