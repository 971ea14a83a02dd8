"""The facts of the corpus, in the shape that tests ask for."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.support import oracle

CORPUS = Path(__file__).parents[1] / "corpus"
COMPRESSIONS = ("auto", "keep", "gzip", "zstd", "none")
# A registry's storage is no format of these tests, and schema 1 has no config and so no image ID.
OTHERS = {"registry-data", "skopeo-dir-schema1"}


@dataclass(frozen=True, slots=True)
class TrueImage:
    """One image as truth.json knows it."""

    image_id: str
    platform: str
    diff_ids: tuple[str, ...]
    stored: tuple[str, ...]
    manifest: str | None
    references: frozenset[str]
    ref_names: frozenset[str]


@dataclass(frozen=True, slots=True)
class TrueOther:
    """An attestation or an artifact."""

    kind: str
    manifest: str
    refers_to: str | None


@dataclass(frozen=True, slots=True)
class Truth:
    """One archive of the corpus."""

    name: str
    format: str
    images: tuple[TrueImage, ...]
    others: tuple[TrueOther, ...]
    missing: frozenset[str]

    @property
    def path(self) -> Path:
        """Give the place of the archive."""
        return CORPUS / self.name

    @property
    def has_manifests(self) -> bool:
        """Tell archives with manifests from those of `docker save` before version 25, which have none."""
        return self.format == "dir" or any(one.manifest for one in self.images)

    @property
    def manifests(self) -> dict[str | None, str]:
        """Map manifest digests to image IDs."""
        return {one.manifest: one.image_id for one in self.images}


def load() -> dict[str, Truth]:
    """Read the facts of every archive that is of one of the four formats."""
    table: Mapping[str, Any] = json.loads((CORPUS / "truth.json").read_bytes())
    return {name: _truth(name, facts) for name, facts in table.items() if name not in OTHERS}


def uses_docker_types(path: Path) -> bool:
    """Tell whether a document of the archive has one of Docker's manifest media types."""
    return any(
        data[:1] == b"{" and b"application/vnd.docker.distribution.manifest." in data
        for data in oracle.load(path).values()
    )


def _truth(name: str, facts: Mapping[str, Any]) -> Truth:
    if "docker" in facts:
        form = "docker-archive"
    elif "dir" in facts:
        form = "dir"
    else:
        form = "oci-layout" if (CORPUS / name).is_dir() else "oci-archive"
    graph: Sequence[dict[str, Any]] = facts.get("oci") or facts.get("dir") or ()
    saved: Sequence[dict[str, Any]] = facts.get("docker") or ()
    images = [_image(row) for row in graph if "image_id" in row]
    if not images:
        images = [_image(row) for row in saved]
    names = {row["image_id"]: {oracle.normal(ref) for ref in row["refs"]} for row in saved}
    merged: dict[str, TrueImage] = {}
    for one in images:
        key = one.manifest or one.image_id
        before = merged.get(key, one)
        references = one.references | before.references | names.get(one.image_id, set())
        merged[key] = replace(one, references=references, ref_names=one.ref_names | before.ref_names)
    others = (TrueOther(row["kind"], row["manifest"], row["refers_to"]) for row in graph if "kind" in row)
    missing = frozenset(row["missing"] for row in graph if "missing" in row)
    return Truth(name, form, tuple(merged.values()), tuple(others), missing)


def _image(row: Mapping[str, Any]) -> TrueImage:
    refs = row.get("refs", ())
    full = frozenset(oracle.normal(ref) for ref in refs if oracle.is_name(ref))
    bare = frozenset(ref for ref in refs if not oracle.is_name(ref))
    return TrueImage(
        row["image_id"],
        row["platform"],
        tuple(row["diff_ids"]),
        tuple(row["layer_compression"]),
        row.get("manifest"),
        full,
        bare,
    )
