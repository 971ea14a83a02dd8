"""What refers to a manifest: what follows it, and the index that lists it where a registry lists nothing itself.

Source: distribution-spec 1.1, Referrers Tag Schema; Pushing Manifests with Subject.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ociarchive import documents
from ociarchive.mediatypes import OCI_INDEX
from ociarchive.reach import reached

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from ociarchive.documents import Document
    from ociarchive.values import JSON, Descriptor, Digest


def tag_of(subject: Digest) -> str:
    """Return the tag that lists what refers to a manifest."""
    return f"{subject.algorithm}-{subject.hex}"[:128]


def entry(descriptor: Descriptor, document: Document) -> dict[str, JSON]:
    """Return the entry of a referrer in the index under such a tag."""
    members = document.members
    config = members.get("config")
    kind = members.get("artifactType") or (config.get("mediaType") if isinstance(config, dict) else None)
    made: dict[str, JSON] = {
        "mediaType": descriptor.media_type,
        "digest": str(descriptor.digest),
        "size": descriptor.size,
    }
    if isinstance(kind, str) and kind:
        made["artifactType"] = kind
    if isinstance(members.get("annotations"), dict):
        made["annotations"] = members["annotations"]
    return made


def index(entries: Iterable[JSON]) -> bytes:
    """Return an index of these entries."""
    return documents.make({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [*entries]}).raw


def joined(members: Mapping[str, JSON], entries: Iterable[JSON]) -> bytes | None:
    """Return an index with the entries that it lacks behind its own, None where it lacks none."""
    listed = members.get("manifests")
    kept = [*listed] if isinstance(listed, list) else []
    known = {one.get("digest") for one in kept if isinstance(one, dict)}
    fresh = [one for one in entries if isinstance(one, dict) and one.get("digest") not in known]
    return documents.make({**members, "manifests": [*kept, *fresh]}).raw if fresh else None


def following(subjects: Mapping[Digest, Iterable[Digest]], here: Collection[Digest]) -> frozenset[Digest]:
    """Return the manifests that refer to something that is `here`, or to one another that does.

    `subjects` has what each manifest refers to.
    """
    speaking: dict[Digest, list[Digest]] = {}
    for digest, spoken_of in subjects.items():
        for subject in spoken_of:
            speaking.setdefault(subject, []).append(digest)
    return reached((one for subject, digests in speaking.items() if subject in here for one in digests), speaking)
