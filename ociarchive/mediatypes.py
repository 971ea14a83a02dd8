"""The one table of media types: what a type names, how it is compressed, which family it is of, how it converts.

Sources: image-spec media-types.md and layer.md; distribution manifest-v2-2.md; the types that skopeo, BuildKit,
containerd and nerdctl write and Docker loads.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal

Family = Literal["oci", "docker"]


class Kind(Enum):
    """What a document or blob of a media type is."""

    INDEX = "index"
    MANIFEST = "manifest"
    ARTIFACT_MANIFEST = "artifact manifest"
    CONFIG = "config"
    LAYER = "layer"
    SCHEMA1 = "schema 1 manifest"


@dataclass(frozen=True, slots=True)
class MediaType:
    """What is known of one media type. `codec` names how a layer is stored; None where bytes cannot be looked into."""

    name: str
    kind: Kind
    family: Family
    codec: str | None = None
    foreign: bool = False


OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
OCI_LAYER: Final = "application/vnd.oci.image.layer.v1.tar"
OCI_FOREIGN: Final = "application/vnd.oci.image.layer.nondistributable.v1.tar"
SCHEMA1: Final = "application/vnd.docker.distribution.manifest.v1+json"
SCHEMA1_SIGNED: Final = "application/vnd.docker.distribution.manifest.v1+prettyjws"
OCI_EMPTY: Final = "application/vnd.oci.empty.v1+json"
DOCKER_LIST: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG: Final = "application/vnd.docker.container.image.v1+json"
#: What Docker 1.10 called a config where the registry did not keep its media type.
DOCKER_OLD_CONFIG: Final = "application/octet-stream"
DOCKER_LAYER: Final = "application/vnd.docker.image.rootfs.diff.tar"
DOCKER_FOREIGN: Final = "application/vnd.docker.image.rootfs.foreign.diff.tar"
#: What all media types of layers begin with, known ones and others.
LAYER_PREFIXES: Final = (
    "application/vnd.oci.image.layer.",
    "application/vnd.docker.image.rootfs.",
)
IN_TOTO: Final = "application/vnd.in-toto+json"

_TABLE: Final = (
    MediaType(OCI_INDEX, Kind.INDEX, "oci"),
    MediaType(DOCKER_LIST, Kind.INDEX, "docker"),
    MediaType(OCI_MANIFEST, Kind.MANIFEST, "oci"),
    MediaType(DOCKER_MANIFEST, Kind.MANIFEST, "docker"),
    MediaType("application/vnd.oci.artifact.manifest.v1+json", Kind.ARTIFACT_MANIFEST, "oci"),
    MediaType(SCHEMA1, Kind.SCHEMA1, "docker"),
    MediaType(SCHEMA1_SIGNED, Kind.SCHEMA1, "docker"),
    MediaType(OCI_CONFIG, Kind.CONFIG, "oci"),
    MediaType(DOCKER_CONFIG, Kind.CONFIG, "docker"),
    MediaType(OCI_LAYER, Kind.LAYER, "oci", "none"),
    MediaType(f"{OCI_LAYER}+gzip", Kind.LAYER, "oci", "gzip"),
    MediaType(f"{OCI_LAYER}+zstd", Kind.LAYER, "oci", "zstd"),
    MediaType(OCI_FOREIGN, Kind.LAYER, "oci", "none", foreign=True),
    MediaType(f"{OCI_FOREIGN}+gzip", Kind.LAYER, "oci", "gzip", foreign=True),
    MediaType(f"{OCI_FOREIGN}+zstd", Kind.LAYER, "oci", "zstd", foreign=True),
    MediaType(DOCKER_LAYER, Kind.LAYER, "docker", "none"),
    MediaType(f"{DOCKER_LAYER}.gzip", Kind.LAYER, "docker", "gzip"),
    MediaType(DOCKER_FOREIGN, Kind.LAYER, "docker", "none", foreign=True),
    MediaType(f"{DOCKER_FOREIGN}.gzip", Kind.LAYER, "docker", "gzip", foreign=True),
    # Written by nerdctl and older BuildKit under Docker's name; read, never written.
    MediaType(f"{DOCKER_LAYER}.zstd", Kind.LAYER, "docker", "zstd"),
)
_BY_NAME: Final = {entry.name: entry for entry in _TABLE}
_NOT_WRITTEN: Final = frozenset({f"{DOCKER_LAYER}.zstd"})
#: What ends the media type of an encrypted layer (ocicrypt).
ENCRYPTED: Final = "+encrypted"


def look_up(name: str) -> MediaType | None:
    """Return what is known of a media type, None of an unknown one. Encrypted layers are layers without a codec."""
    if name.endswith(ENCRYPTED):
        plain = _BY_NAME.get(name.removesuffix(ENCRYPTED))
        if plain and plain.kind is Kind.LAYER:
            return MediaType(name, Kind.LAYER, plain.family, None, plain.foreign)
        return None
    return _BY_NAME.get(name)


def meant_by(name: str) -> Kind | None:
    """Return what a media type would name without its parameters, blanks and capitals, None for an unknown one."""
    return kind_of(name.partition(";")[0].strip().lower())


def kind_of(name: str) -> Kind | None:
    """Return what a media type names, None for an unknown one."""
    known = look_up(name)
    return known.kind if known else None


def is_config(name: str, manifest: object) -> bool:
    """Whether a media type is that of an image's config, in a manifest that says it is of the type `manifest`.

    Docker and containerd take any bytes in a manifest of Docker's for one (moby, distribution/registry.go,
    defaultImageTypes; containerd, remotes/docker/converter.go, LegacyConfigMediaType).
    """
    return kind_of(name) is Kind.CONFIG or (name == DOCKER_OLD_CONFIG and manifest == DOCKER_MANIFEST)


def layer_type(family: Family, codec: str, *, foreign: bool = False) -> str | None:
    """Return the layer media type for a way of storing in a family, None where the family has none for it."""
    for entry in _TABLE:
        if (entry.kind, entry.family, entry.codec, entry.foreign) == (Kind.LAYER, family, codec, foreign):
            return None if entry.name in _NOT_WRITTEN else entry.name
    return None


def document_type(family: Family, kind: Kind) -> str | None:
    """Return the media type for an index, manifest or config in a family, None where the family has none."""
    return next((entry.name for entry in _TABLE if (entry.kind, entry.family) == (kind, family)), None)
