"""What a registry keeps: blobs once, and for each repository what it may serve."""

import json
from dataclasses import dataclass, field
from typing import Any

from ociarchive.blobio.hashing import sha256
from ociarchive.values import Digest


@dataclass(slots=True)
class Manifest:
    """A manifest or index as it was sent."""

    media_type: str
    raw: bytes

    @property
    def members(self) -> dict[str, Any]:
        """The document."""
        found: dict[str, Any] = json.loads(self.raw)
        return found

    @property
    def subject(self) -> str | None:
        """The digest of what it refers to."""
        told = self.members.get("subject")
        return told["digest"] if told else None

    def referrer(self, digest: Digest) -> dict[str, Any]:
        """Make its descriptor in a list of referrers (distribution-spec, Listing Referrers)."""
        members = self.members
        kind = members.get("artifactType") or members.get("config", {}).get("mediaType")
        entry: dict[str, Any] = {"mediaType": self.media_type, "digest": str(digest), "size": len(self.raw)}
        if kind:
            entry["artifactType"] = kind
        if members.get("annotations"):
            entry["annotations"] = members["annotations"]
        return entry


@dataclass(slots=True)
class Upload:
    """A blob on its way. `short`: a chunk was shorter than the least length."""

    data: bytearray = field(default_factory=bytearray)
    short: bool = False


@dataclass(slots=True)
class Repository:
    """What one repository serves."""

    blobs: set[Digest] = field(default_factory=set)
    manifests: dict[Digest, Manifest] = field(default_factory=dict)
    tags: dict[str, Digest] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)

    def find(self, reference: str) -> Digest | None:
        """Return the digest of the manifest that a tag or digest names."""
        digest = self.tags.get(reference) or Digest.maybe(reference)
        return digest if digest in self.manifests else None

    def referrers(self, subject: str) -> list[dict[str, Any]]:
        """List what refers to a manifest."""
        return [one.referrer(digest) for digest, one in self.manifests.items() if one.subject == subject]


class Store:
    """All repositories, and the bytes of all blobs."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.content: dict[Digest, bytes] = {}

    def repository(self, name: str) -> Repository:
        """Return a repository, made where it is new."""
        return self.repositories.setdefault(name, Repository())

    def put_blob(self, name: str, data: bytes) -> Digest:
        """Keep a blob in a repository."""
        digest = sha256(data)
        self.content[digest] = data
        self.repository(name).blobs.add(digest)
        return digest

    def put_manifest(self, name: str, raw: bytes, media_type: str, tag: str | None = None) -> Digest:
        """Keep a manifest in a repository, under a tag where one is given."""
        digest = sha256(raw)
        repository = self.repository(name)
        repository.manifests[digest] = Manifest(media_type, raw)
        if tag is not None:
            repository.tags[tag] = digest
        return digest
