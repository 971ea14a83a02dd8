"""The table of media types."""

import pytest

from ociarchive import mediatypes
from ociarchive.mediatypes import Family, Kind, document_type, kind_of, layer_type, look_up

OCI, DOCKER = "application/vnd.oci.image", "application/vnd.docker"
DIFF = f"{DOCKER}.image.rootfs.diff.tar"
FOREIGN = f"{DOCKER}.image.rootfs.foreign.diff.tar"
NONDISTRIBUTABLE = f"{OCI}.layer.nondistributable.v1.tar"

# media type: kind, family, codec, foreign
KNOWN: dict[str, tuple[Kind, Family, str | None, bool]] = {
    f"{OCI}.index.v1+json": (Kind.INDEX, "oci", None, False),
    f"{DOCKER}.distribution.manifest.list.v2+json": (Kind.INDEX, "docker", None, False),
    f"{OCI}.manifest.v1+json": (Kind.MANIFEST, "oci", None, False),
    f"{DOCKER}.distribution.manifest.v2+json": (Kind.MANIFEST, "docker", None, False),
    "application/vnd.oci.artifact.manifest.v1+json": (Kind.ARTIFACT_MANIFEST, "oci", None, False),
    f"{DOCKER}.distribution.manifest.v1+json": (Kind.SCHEMA1, "docker", None, False),
    f"{DOCKER}.distribution.manifest.v1+prettyjws": (Kind.SCHEMA1, "docker", None, False),
    f"{OCI}.config.v1+json": (Kind.CONFIG, "oci", None, False),
    f"{DOCKER}.container.image.v1+json": (Kind.CONFIG, "docker", None, False),
    f"{OCI}.layer.v1.tar": (Kind.LAYER, "oci", "none", False),
    f"{OCI}.layer.v1.tar+gzip": (Kind.LAYER, "oci", "gzip", False),
    f"{OCI}.layer.v1.tar+zstd": (Kind.LAYER, "oci", "zstd", False),
    NONDISTRIBUTABLE: (Kind.LAYER, "oci", "none", True),
    f"{NONDISTRIBUTABLE}+gzip": (Kind.LAYER, "oci", "gzip", True),
    f"{NONDISTRIBUTABLE}+zstd": (Kind.LAYER, "oci", "zstd", True),
    DIFF: (Kind.LAYER, "docker", "none", False),
    f"{DIFF}.gzip": (Kind.LAYER, "docker", "gzip", False),
    f"{DIFF}.zstd": (Kind.LAYER, "docker", "zstd", False),
    FOREIGN: (Kind.LAYER, "docker", "none", True),
    f"{FOREIGN}.gzip": (Kind.LAYER, "docker", "gzip", True),
    f"{OCI}.layer.v1.tar+gzip+encrypted": (Kind.LAYER, "oci", None, False),
    f"{OCI}.layer.v1.tar+encrypted": (Kind.LAYER, "oci", None, False),
    f"{NONDISTRIBUTABLE}+zstd+encrypted": (Kind.LAYER, "oci", None, True),
}
UNKNOWN = [
    "",
    "application/octet-stream",
    mediatypes.IN_TOTO,
    mediatypes.OCI_EMPTY,
    f"{OCI}.manifest.v1+json+encrypted",
    f"{OCI}.layer.v1.tar+xz",
    "+encrypted",
    f"{OCI}.INDEX.v1+json",
    f" {OCI}.index.v1+json",
]


@pytest.mark.parametrize("name", KNOWN)
def test_known(name: str) -> None:
    found = look_up(name)
    assert found is not None
    assert (found.kind, found.family, found.codec, found.foreign) == KNOWN[name]
    assert found.name == name
    assert kind_of(name) is KNOWN[name][0]


@pytest.mark.parametrize("name", UNKNOWN)
def test_unknown(name: str) -> None:
    assert look_up(name) is None
    assert kind_of(name) is None


LAYERS: dict[tuple[Family, str, bool], str | None] = {
    ("oci", "none", False): f"{OCI}.layer.v1.tar",
    ("oci", "gzip", False): f"{OCI}.layer.v1.tar+gzip",
    ("oci", "zstd", False): f"{OCI}.layer.v1.tar+zstd",
    ("oci", "gzip", True): f"{NONDISTRIBUTABLE}+gzip",
    ("oci", "xz", False): None,
    ("docker", "none", False): DIFF,
    ("docker", "gzip", False): f"{DIFF}.gzip",
    ("docker", "gzip", True): f"{FOREIGN}.gzip",
    ("docker", "zstd", False): None,
    ("docker", "zstd", True): None,
}


@pytest.mark.parametrize("asked", LAYERS, ids=lambda asked: "-".join(map(str, asked)))
def test_layer_type(asked: tuple[Family, str, bool]) -> None:
    family, codec, foreign = asked
    assert layer_type(family, codec, foreign=foreign) == LAYERS[asked]


DOCUMENTS: dict[tuple[Family, Kind], str | None] = {
    ("oci", Kind.INDEX): f"{OCI}.index.v1+json",
    ("docker", Kind.INDEX): f"{DOCKER}.distribution.manifest.list.v2+json",
    ("oci", Kind.MANIFEST): f"{OCI}.manifest.v1+json",
    ("docker", Kind.MANIFEST): f"{DOCKER}.distribution.manifest.v2+json",
    ("oci", Kind.CONFIG): f"{OCI}.config.v1+json",
    ("docker", Kind.CONFIG): f"{DOCKER}.container.image.v1+json",
    ("docker", Kind.ARTIFACT_MANIFEST): None,
}


@pytest.mark.parametrize("asked", DOCUMENTS, ids=lambda asked: f"{asked[0]}-{asked[1].value}")
def test_document_type(asked: tuple[Family, Kind]) -> None:
    assert document_type(*asked) == DOCUMENTS[asked]


@pytest.mark.parametrize("name", [name for name, row in KNOWN.items() if row[0] is Kind.LAYER and row[2]])
def test_what_is_written_for_a_layer_is_what_was_read(name: str) -> None:
    _, family, codec, foreign = KNOWN[name]
    assert codec is not None
    assert layer_type(family, codec, foreign=foreign) in {name, None}
