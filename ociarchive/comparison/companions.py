"""What refers to images, or is beside them: attestations, signatures, other artifacts. Compared by their content.

A manifest that refers to another one contains its digest, which changes with the packing. So the digests of such
manifests cannot be compared. Their blobs can, and each was measured.
"""

from __future__ import annotations

import json
from collections import defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ociarchive.blobio.hashing import sha256
from ociarchive.comparison.difference import Companion
from ociarchive.comparison.units import artifacts
from ociarchive.formats._cosign import speaks_of
from ociarchive.model import Artifact, Child

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ociarchive.auditing import Evidence
    from ociarchive.model import Blob, Edge
    from ociarchive.values import Digest

_PREDICATE: Final = "in-toto.io/predicate-type"


@dataclass(frozen=True, slots=True)
class Attached:
    """An artifact of one archive: what it is, its content, and the manifests or indexes to which it refers.

    `inside` says that it is in an index, beside what it refers to.
    """

    type: str
    content: str
    manifest: str | None
    subjects: frozenset[Digest]
    inside: bool


def attached(evidence: Evidence) -> list[Attached]:
    """Return all artifacts of an archive."""
    return [
        _attached(edge, edge.node, evidence) for edge in artifacts(evidence.archive) if isinstance(edge.node, Artifact)
    ]


def _attached(edge: Edge, artifact: Artifact, evidence: Evidence) -> Attached:
    if isinstance(edge.entry, Child):
        told = {edge.entry.refers_to} if edge.entry.refers_to is not None else set()
        subjects = frozenset(told | ({artifact.subject.digest} if artifact.subject is not None else set()))
    else:
        subjects = speaks_of(edge.entry)
    return Attached(
        type=_type(artifact, edge),
        content=_content(artifact, evidence),
        manifest=str(edge.descriptor.digest) if edge.descriptor is not None else None,
        subjects=subjects,
        inside=bool(edge.above),
    )


def _type(artifact: Artifact, edge: Edge) -> str:
    predicates = [
        text
        for blob in artifact.blobs
        if blob.descriptor is not None and (text := blob.descriptor.annotations.get(_PREDICATE))
    ]
    if predicates:
        return ", ".join(dict.fromkeys(predicates))
    types = [blob.descriptor.media_type for blob in artifact.blobs[1:] if blob.descriptor is not None]
    first = artifact.artifact_type or (edge.descriptor.media_type if edge.descriptor is not None else "")
    # An image's config decides nothing, the layers do: cosign's signatures have such a config.
    return (
        types[0] if types and (not first or ".config." in first or first.endswith("image.v1+json")) else first
    ) or "?"


def _content(artifact: Artifact, evidence: Evidence) -> str:
    """Return the digest of everything in an artifact; without a document, that of its bytes."""
    told: list[object] = [_blob(blob, evidence) for blob in artifact.blobs]
    if artifact.document is not None:
        annotations = artifact.document.members.get("annotations")
        told += [artifact.artifact_type, annotations if isinstance(annotations, dict) else None]
    else:
        fact = evidence.fact(artifact.source)
        told += [str(fact.digest) if fact is not None else None]
    return str(sha256(json.dumps(told, sort_keys=True).encode()))


def _blob(blob: Blob, evidence: Evidence) -> object:
    fact = evidence.fact(blob.source)
    claimed = str(blob.descriptor.digest) if blob.descriptor is not None else None
    return [
        str(fact.digest) if fact is not None else f"not here: {claimed}",
        blob.descriptor.media_type if blob.descriptor is not None else None,
        dict(blob.descriptor.annotations) if blob.descriptor is not None else None,
    ]


def by_subject(found: Iterable[Attached]) -> dict[Digest, list[Attached]]:
    """Return artifacts by what they refer to."""
    subjects: dict[Digest, list[Attached]] = defaultdict(list)
    for one in found:
        for digest in one.subjects:
            subjects[digest].append(one)
    return subjects


def speaking_of(subjects: Mapping[Digest, list[Attached]], manifests: Iterable[Digest]) -> list[Attached]:
    """Return what refers to some manifests, which are all those of an image, each once."""
    found = (one for digest in manifests for one in subjects.get(digest, ()))
    return list({id(one): one for one in found}.values())


def compared(old: Iterable[Attached], new: Iterable[Attached]) -> Iterator[Companion]:
    """Give every artifact of both. Those with the same content are paired first, then those of one type, in order."""
    rest: dict[tuple[str, str], deque[Attached]] = defaultdict(deque)
    by_type: dict[str, deque[Attached]] = defaultdict(deque)
    for one in new:
        rest[one.type, one.content].append(one)
    unpaired = []
    for one in old:
        others = rest[one.type, one.content]
        if others:
            yield Companion(kind="same", type=one.type, old=one.manifest, new=others.popleft().manifest)
        else:
            unpaired.append(one)
    for others in rest.values():
        for one in others:
            by_type[one.type].append(one)
    for one in unpaired:
        others = by_type[one.type]
        other = others.popleft() if others else None
        yield Companion(
            kind="changed" if other is not None else "removed",
            type=one.type,
            old=one.manifest,
            new=other.manifest if other is not None else None,
        )
    for others in by_type.values():
        yield from (Companion(kind="added", type=one.type, new=one.manifest) for one in others)
