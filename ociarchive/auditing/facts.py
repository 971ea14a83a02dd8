"""The types of what the JSON reports list of an archive, for type checkers. They are plain values, and no objects.

The schemas `audit.schema.json` and `inspect.schema.json` explain each member. Digests are whole, sizes are in bytes.
None means that the archive makes no such claim, or that something was not read.
"""

from __future__ import annotations

from typing import TypedDict


class LayerFacts(TypedDict):
    """A layer of an image."""

    digest: str | None
    size: int | None
    media_type: str | None
    compression: str | None
    diff_id: str | None
    uncompressed_size: int | None
    chain_id: str | None
    verified: bool | None
    present: bool
    left_out: bool


class SignatureFacts(TypedDict):
    """A signature over an image, or over an index in which it stands."""

    kind: str
    digest: str | None
    by: str
    status: str
    rule: str
    attests: str | None


class _Image(TypedDict):
    references: list[str]
    ref_names: list[str]
    platform: str | None
    os_version: str | None
    index: str | None
    manifest: str | None
    image_id: str | None
    layers: list[LayerFacts]


class ImageFacts(_Image, total=False):
    """An image, with its layers from the lowest up. `signatures` are there where an audit checked some."""

    signatures: list[SignatureFacts]


class ArtifactFacts(TypedDict):
    """What is no image: an attestation, a signature, or something else."""

    manifest: str | None
    artifact_type: str | None
    subject: str | None
    media_type: str | None
    kind: str
    index: str | None
    size: int
    ref_names: list[str]


class MissingFacts(TypedDict):
    """A manifest that is named and is not here, or cannot be read."""

    manifest: str | None
    platform: str | None
    os_version: str | None
    index: str | None
    reason: str


class ArchiveFacts(TypedDict):
    """An archive: what `inspect` returns."""

    source: str
    format: str
    images: list[ImageFacts]
    artifacts: list[ArtifactFacts]
    missing: list[MissingFacts]
