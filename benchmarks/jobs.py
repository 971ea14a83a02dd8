"""The jobs that are measured: what ociarchive is asked for, and what comes nearest in skopeo."""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from benchmarks import process
from benchmarks.images import NAME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ociarchive.formats import FormatName

DOCKER, GZIP, ZSTD = "docker.tar", "oci-gzip", "oci-zstd"
#: How layers of these sources are stored.
STORED = {DOCKER: "none", GZIP: "gzip", ZSTD: "zstd"}


@dataclass(frozen=True, slots=True)
class Job:
    """One thing to do with a source: `to` is a format and empty where nothing is written."""

    name: str
    command: str
    source: str
    to: FormatName | Literal[""] = ""
    compression: Literal["keep", "none", "gzip", "zstd"] = "keep"
    note: str = ""

    @property
    def written(self) -> str:
        """How layers are stored in DEST; empty where nothing is written."""
        if not self.to:
            return ""
        return STORED[self.source] if self.compression == "keep" else self.compression

    def ours(self, home: str, dest: str, *, bare: bool) -> list[str]:
        """Return the arguments of ociarchive; `bare` leaves out the audit and the sync, which skopeo has not."""
        source = os.path.join(home, self.source)
        if self.command != "convert":
            return [self.command, source, "--format", "json"]
        options = ["--no-audit", "--no-sync"] if bare else []
        return ["convert", source, dest, "--to", self.to, "--compression", self.compression, "--quiet", *options]

    def skopeo(self, home: str, dest: str) -> list[str]:
        """Return the arguments of skopeo for what is nearest."""
        path = os.path.join(home, self.source)
        source = f"docker-archive:{path}" if self.source == DOCKER else f"oci:{path}"
        if self.command == "inspect":
            return ["inspect", source]
        copy = ["--insecure-policy", "copy", "--quiet"]
        if self.command == "audit":
            return [*copy, source, f"dir:{dest}"]
        if self.to == "docker-archive":
            return [*copy, source, f"docker-archive:{dest}:{NAME}"]
        wanted = [] if self.compression == "keep" else ["--dest-compress-format", self.compression]
        return [*copy, *wanted, source, f"oci:{dest}"]


_NO_PROOF = "skopeo checks digests, not diff_ids"
NO_AUDIT = "skopeo has no audit: `copy` to `dir:` hashes every blob, unpacks none, and writes them"
_START = "an interpreter's start against a compiled program's"

JOBS = (
    Job("docker-archive to OCI gzip", "convert", DOCKER, "oci-layout", "gzip"),
    Job("docker-archive to OCI zstd", "convert", DOCKER, "oci-layout", "zstd"),
    Job("OCI gzip to OCI zstd", "convert", GZIP, "oci-layout", "zstd"),
    Job("OCI zstd to OCI gzip", "convert", ZSTD, "oci-layout", "gzip"),
    Job("OCI gzip to docker-archive, plain", "convert", GZIP, "docker-archive", "none"),
    Job("OCI gzip to OCI, kept", "convert", GZIP, "oci-layout", "keep", note=_NO_PROOF),
    Job("audit OCI gzip", "audit", GZIP, note=NO_AUDIT),
    Job("audit OCI zstd", "audit", ZSTD, note=NO_AUDIT),
    Job("inspect OCI gzip", "inspect", GZIP, note=_START),
)


def store(home: str, tool: Sequence[str]) -> None:
    """Make the two layouts of `home` from its docker-archive."""
    for job in JOBS[:2]:
        process.run([*tool, *job.ours(home, os.path.join(home, f"oci-{job.compression}"), bare=False)])


def result(path: str) -> tuple[str, set[str]]:
    """Return the image id in an archive that holds one image, and how its layers are stored; no layer is read whole."""
    if os.path.isfile(path):
        return _docker_archive(path)
    (entry,) = _document(path, "index.json")["manifests"]
    manifest = _document(path, _blob(entry["digest"]))
    with open(os.path.join(path, _blob(manifest["config"]["digest"])), "rb") as file:
        image_id = hashlib.sha256(file.read()).hexdigest()
    stored = set()
    for layer in manifest["layers"]:
        with open(os.path.join(path, _blob(layer["digest"])), "rb") as file:
            stored.add(_compression(file.read(4)))
    return image_id, stored


def _docker_archive(path: str) -> tuple[str, set[str]]:
    with tarfile.open(path) as tar:

        def read(name: str, size: int = -1) -> bytes:
            file = tar.extractfile(name)
            if file is None:
                raise ValueError(f"{name} is no file")
            return file.read(size)

        (entry,) = json.loads(read("manifest.json"))
        stored = {_compression(read(name, 4)) for name in entry["Layers"]}
        return hashlib.sha256(read(entry["Config"])).hexdigest(), stored


def _document(path: str, name: str) -> Any:  # noqa: ANN401  what stands in JSON
    with open(os.path.join(path, name), "rb") as file:
        return json.load(file)


def _blob(digest: str) -> str:
    return os.path.join("blobs", *digest.split(":"))


def _compression(head: bytes) -> str:
    if head[:2] == b"\x1f\x8b":
        return "gzip"
    return "zstd" if head == b"\x28\xb5\x2f\xfd" else "none"
