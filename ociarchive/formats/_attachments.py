"""Signatures of sigstore that lie beside an image in a `dir`, as the manifest in which a registry keeps them.

skopeo does the same on the way to a registry, where its configuration says use-sigstore-attachments. The way back it
goes with that setting alone; here these manifests stay behind on the way into a `dir`, and are named: a `dir` with
signatures cannot be copied by skopeo to a format that holds none.

Sources: containers/image, internal/signature/sigstore.go (the files) and docker/docker_image_dest.go (the manifest);
cosign, specs/SIGNATURE_SPEC.md, Tag-based Discovery.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from ociarchive import documents
from ociarchive.blobio.hashing import sha256
from ociarchive.blobio.source import Bytes, counted, read_all
from ociarchive.errors import ContentError
from ociarchive.graph import GraphReader
from ociarchive.mediatypes import OCI_CONFIG, OCI_MANIFEST
from ociarchive.model import REF_NAME, Root
from ociarchive.statements import BESIDE, attachment
from ociarchive.values import Descriptor, Digest

if TYPE_CHECKING:
    from ociarchive.blobio.source import ByteSource
    from ociarchive.model import Archive, Blob
    from ociarchive.statements import Attachment
    from ociarchive.values import JSON

#: Signatures have some kilobytes, with a certificate and an entry of a log some ten. Images have one or two.
_LARGEST: Final = 1 << 20
_MANY: Final = 64


def as_artifacts(archive: Archive) -> Archive:
    """Return an archive in which such files are manifests, each with the tag by which cosign finds it.

    A file that cannot be read as one stays what it is.
    """
    found: dict[Digest, list[Attachment]] = {}
    others: list[Blob] = []
    for number, extra in enumerate(archive.extras):
        one = _read(extra) if number < _MANY else None
        if one is None or extra.named is None:
            others.append(extra)
        else:
            found.setdefault(extra.named, []).append(one)
    made = tuple(_Holder(archive).root(digest, held) for digest, held in found.items())
    return replace(archive, roots=(*archive.roots, *made), extras=tuple(others))


def _read(extra: Blob) -> Attachment | None:
    source = extra.source
    try:
        if source is None or source.head(len(BESIDE)) != BESIDE or counted(source, _LARGEST) > _LARGEST:
            return None
        return attachment(read_all(source, _LARGEST), source.where)
    except ContentError:
        return None


@dataclass(frozen=True, slots=True)
class _Holder:
    """What a manifest of signatures holds, kept in memory."""

    archive: Archive
    blobs: dict[Digest, ByteSource] = field(default_factory=dict)

    def root(self, subject: Digest, held: list[Attachment]) -> Root:
        """Return the manifest of some signatures, in their order."""
        layers: list[JSON] = [
            {
                **self._kept(one.media_type, one.payload),
                **({"annotations": {**one.annotations}} if one.annotations else {}),
            }
            for one in held
        ]
        diff_ids: list[JSON] = [str(sha256(one.payload)) for one in held]
        rootfs: JSON = {"type": "layers", "diff_ids": diff_ids}
        config: JSON = {"architecture": "", "os": "", "config": {}, "rootfs": rootfs}
        manifest: dict[str, JSON] = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": self._kept(OCI_CONFIG, documents.dump(config)),
            "layers": layers,
        }
        raw = documents.dump(manifest)
        where = f"{self.archive.where}: signatures of {subject}"
        tag = f"{subject.algorithm}-{subject.hex}.sig"
        descriptor = Descriptor.make(OCI_MANIFEST, sha256(raw), len(raw)).annotate({REF_NAME: tag})
        graph = GraphReader(self.blobs.get, self.archive.where, self.archive.limits)
        node = graph.parse(documents.parse(raw, where, limit=len(raw)), descriptor, Bytes(raw, where))
        return Root(descriptor=descriptor, node=node, ref_name=tag)

    def _kept(self, media_type: str, data: bytes) -> dict[str, JSON]:
        digest = sha256(data)
        self.blobs[digest] = Bytes(data, f"{self.archive.where}: {digest}")
        return {"mediaType": media_type, "digest": str(digest), "size": len(data)}
