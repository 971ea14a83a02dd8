"""How each layer is stored in DEST, and what is refused before a byte moves."""

import bz2
import lzma
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from ociarchive.errors import UsageError
from ociarchive.formats import format_of
from ociarchive.model import Archive, images
from ociarchive.opening import open_archive
from ociarchive.transform.plan import Compression, Plan, Storage, document_family, has_docker_types, plan
from ociarchive.values import Descriptor
from tests.support import build
from tests.support.build import (
    DOCKER_FOREIGN,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    Codec,
    Family,
    Image,
    Layer,
    Node,
    Saved,
    artifact,
    attestation,
    index,
    layer,
)
from tests.support.tar import tar, write_folder, write_tar

PLAIN = tar([])
CODECS: tuple[Codec, ...] = ("none", "gzip", "zstd")


def stored(how: str, family: Family = "oci") -> Layer:
    """Make a layer that is stored in any way, also in one that no media type exists for."""
    if how in {"none", "gzip", "zstd"}:
        one = layer({"a": how.encode()}, next(codec for codec in CODECS if codec == how))
        return replace(one, media_type=build.DOCKER_LAYER + ".zstd") if (how, family) == ("zstd", "docker") else one
    data = lzma.compress(PLAIN) if how == "xz" else bz2.compress(PLAIN)
    return Layer(plain=PLAIN, stored=data, media_type=OCI_LAYER)


def layout(path: Path, *roots: Node, without: tuple[str, ...] = ()) -> Archive:
    return open_archive(str(write_folder(path, build.layout(*roots, without=without))))


def saved(path: Path, *layers: Layer) -> Archive:
    return open_archive(str(write_tar(path, build.docker_archive(Saved(image=Image(layers=list(layers)))))))


def codecs(made: Plan, archive: Archive) -> list[str]:
    """Give how each layer comes into DEST: `copy`, or the codec's name."""
    moves = [made.move_of(one) for image in images(archive.roots) for one in image.layers if one.source]
    return [move.codec.name if move.codec else "copy" for move in moves]


@dataclass(frozen=True, slots=True)
class Case:
    """How layers are stored, what is asked for, and how they come into DEST."""

    source: str
    layers: str
    format: str
    compression: Compression
    expected: str


CASES = {
    "auto-changes-nothing": Case("layout", "none gzip zstd", "oci-layout", "auto", "copy copy copy"),
    "auto-changes-nothing-in-a-dir": Case("layout", "none gzip zstd", "dir", "auto", "copy copy copy"),
    "auto-has-no-zstd-in-a-docker-archive": Case(
        "layout", "none gzip zstd", "docker-archive", "auto", "copy copy gzip"
    ),
    "auto-of-a-save": Case("saved", "none gzip zstd", "oci-layout", "auto", "gzip copy gzip"),
    "auto-of-a-save-into-a-docker-archive": Case("saved", "none gzip zstd", "docker-archive", "auto", "copy copy gzip"),
    "auto-of-xz": Case("saved", "xz bzip2", "oci-archive", "auto", "gzip gzip"),
    "auto-of-xz-into-a-docker-archive": Case("saved", "xz bzip2", "docker-archive", "auto", "gzip gzip"),
    "auto-of-xz-under-a-manifest": Case("layout", "xz", "oci-layout", "auto", "copy"),
    "keep": Case("layout", "none gzip zstd", "docker-archive", "keep", "copy copy copy"),
    "keep-of-a-save": Case("saved", "none gzip zstd", "oci-layout", "keep", "copy copy copy"),
    "gzip": Case("layout", "none gzip zstd xz", "oci-layout", "gzip", "gzip copy gzip gzip"),
    "zstd": Case("layout", "none gzip zstd", "oci-layout", "zstd", "zstd zstd copy"),
    "none": Case("layout", "none gzip zstd", "dir", "none", "copy none none"),
    "none-of-a-save": Case("saved", "none gzip bzip2", "docker-archive", "none", "copy none none"),
}


def opened(case: Case, path: Path) -> Archive:
    layers = [stored(how) for how in case.layers.split()]
    return layout(path, Image(layers=layers).node()) if case.source == "layout" else saved(path, *layers)


@pytest.mark.parametrize("name", CASES)
def test_planned(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    archive = opened(case, tmp_path / "source")
    made = plan(archive.roots, Storage(format=format_of(case.format), compression=case.compression))
    assert codecs(made, archive) == case.expected.split()
    archive.close()


@pytest.mark.parametrize("family", ["oci", "docker"])
def test_every_blob_moves_once_and_layers_go_first(family: Family, tmp_path: Path) -> None:
    shared = stored("gzip")
    one = Image(layers=[shared, stored("none")], family=family)
    other = Image(layers=[shared], family=family, config_members={"author": "other"})
    archive = layout(tmp_path / "layout", index([one.node(), other.node()], family=family), one.node())
    made = plan(archive.roots, Storage(format=format_of("oci-layout")))
    assert [str(move.digest) for move in made.moves] == [
        shared.digest, one.layers[1].digest, one.image_id, other.image_id,
    ]  # fmt: skip


def test_blobs_of_artifacts_move_as_they_are(tmp_path: Path) -> None:
    note = artifact(b"\x1f\x8b no gzip", "application/vnd.example.note")
    odd = build.blob(b"any bytes", "application/octet-stream")
    archive = layout(tmp_path / "layout", note, odd)
    made = plan(archive.roots, Storage(format=format_of("oci-layout"), compression="zstd"))
    assert {str(move.digest) for move in made.moves} == {*note.blobs, odd.digest} - {note.digest}
    assert all(move.codec is None for move in made.moves)


def test_what_is_not_here_does_not_move(tmp_path: Path) -> None:
    gone = stored("gzip")
    image = Image(layers=[gone, stored("none")])
    archive = layout(tmp_path / "layout", image.node(), without=(gone.digest, image.image_id))
    made = plan(archive.roots, Storage(format=format_of("oci-layout")))
    assert [str(move.digest) for move in made.moves] == [image.layers[1].digest]


NOTICES: dict[str, tuple[str, Compression, str, str]] = {
    "zstd-becomes-gzip": ("docker-archive", "auto", "zstd", "zstd layers become gzip: Docker before 23"),
    "zstd-kept": ("docker-archive", "keep", "zstd", "zstd layers in a docker-archive: Docker before 23 and umoci"),
    "zstd-made": ("docker-archive", "zstd", "none", "zstd layers in a docker-archive: Docker before 23 and umoci"),
    "zstd-asked-to-become-gzip": ("docker-archive", "gzip", "zstd", ""),
    "zstd-elsewhere": ("oci-archive", "zstd", "none", ""),
    "no-zstd": ("docker-archive", "auto", "gzip", ""),
}


@pytest.mark.parametrize("name", NOTICES)
def test_notices_are_said_once(name: str, tmp_path: Path) -> None:
    fmt, compression, how, notice = NOTICES[name]
    archive = layout(tmp_path / "layout", Image(layers=[stored(how)] * 2).node())
    made = plan(archive.roots, Storage(format=format_of(fmt), compression=compression))
    assert len(made.notices) == bool(notice)
    assert all(told.startswith(notice) for told in made.notices)


ENCRYPTED = replace(stored("none"), media_type=OCI_LAYER + "+gzip+encrypted")


UNKNOWN = replace(stored("none"), media_type=OCI_LAYER + "+unheard-of")


@pytest.mark.parametrize("compression", ["auto", "keep", "gzip", "zstd", "none"])
def test_layers_that_cannot_be_looked_into_stay(compression: Compression, tmp_path: Path) -> None:
    archive = layout(tmp_path / "layout", Image(layers=[stored("gzip"), UNKNOWN]).node())
    made = plan(archive.roots, Storage(format=format_of("oci-layout"), compression=compression))
    assert codecs(made, archive)[1:] == ["copy"]
    assert bool(made.notices) is (compression not in {"auto", "keep"})


@pytest.mark.parametrize("compression", ["auto", "keep", "gzip"])
def test_an_encrypted_layer_stays_where_it_is_stored_so_already(compression: Compression, tmp_path: Path) -> None:
    archive = layout(tmp_path / "layout", Image(layers=[ENCRYPTED]).node())
    made = plan(archive.roots, Storage(format=format_of("oci-layout"), compression=compression))
    assert codecs(made, archive) == ["copy"]
    assert made.notices == ()


def family_image(how: str, family: Family = "docker") -> Node:
    return Image(layers=[stored(how, family)], family=family).node()


ATTESTED = index([family_image("gzip", "oci"), attestation(family_image("gzip", "oci"))])
# name: roots, what is asked for, words of the message
REFUSED: dict[str, tuple[list[Node], dict[str, Any], list[str]]] = {
    "zstd-in-docker-types": (
        [family_image("gzip")],
        {"compression": "zstd"},
        ["none for zstd", "use --media-types oci"],
    ),
    "zstd-into-docker-types": (
        [family_image("zstd", "oci")],
        {"media_types": "docker"},
        ["none for zstd", "use --media-types oci"],
    ),
    "zstd-of-docker-types-under-docker": (
        [family_image("zstd")],
        {"media_types": "docker", "compression": "keep"},
        ["none for zstd", "use --media-types oci"],
    ),
    "attestations-into-docker-types": (
        [ATTESTED],
        {"media_types": "docker"},
        ["cannot hold attestations", "--without attestations", "--media-types oci"],
    ),
    "encrypted-into-docker-types": (
        [Image(layers=[ENCRYPTED]).node()],
        {"media_types": "docker"},
        ["none for application/vnd.oci.image.layer.v1.tar+gzip+encrypted", "--media-types keep"],
    ),
    **{
        f"encrypted-stored-as-{how}": (
            [Image(layers=[ENCRYPTED]).node()],
            {"compression": how},
            [f"layer {ENCRYPTED.digest} is encrypted", f"stored as {how}", "--compression keep"],
        )
        for how in ("zstd", "none")
    },
    "level-too-high": (
        [family_image("gzip")],
        {"compression": "gzip", "level": 13},
        ["no level 13 for gzip", "1 to 12"],
    ),
    "level-too-low": ([family_image("gzip")], {"compression": "zstd", "level": 0}, ["no level 0 for zstd", "1 to 22"]),
    "level-of-auto": ([family_image("gzip")], {"level": 20}, ["no level 20 for gzip"]),
    "level-of-keep": ([family_image("gzip")], {"compression": "keep", "level": 3}, ["--level has no use"]),
    "level-of-none": ([family_image("gzip")], {"compression": "none", "level": 3}, ["--level has no use"]),
    "preserve-and-recompress": (
        [family_image("gzip")],
        {"compression": "none", "preserve_digests": True},
        ["digests cannot be preserved", "--compression keep"],
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, tmp_path: Path) -> None:
    roots, options, words = REFUSED[name]
    archive = layout(tmp_path / "layout", *roots)
    with pytest.raises(UsageError) as caught:
        plan(archive.roots, Storage(format=format_of("oci-layout"), **options))
    assert all(word in str(caught.value) for word in words)


def test_a_save_of_xz_layers_cannot_be_kept(tmp_path: Path) -> None:
    archive = saved(tmp_path / "a.tar", stored("xz"))
    with pytest.raises(UsageError, match="no media type exists for a layer stored as xz"):
        plan(archive.roots, Storage(format=format_of("oci-layout"), compression="keep"))
    archive.close()


ALLOWED: dict[str, tuple[Node, dict[str, Any]]] = {
    "zstd-that-docker-types-had": (family_image("zstd"), {"compression": "keep"}),
    "preserve-what-stays": (family_image("gzip"), {"preserve_digests": True}),
    "preserve-what-is-so-already": (family_image("gzip"), {"preserve_digests": True, "compression": "gzip"}),
    "least-level": (family_image("gzip"), {"compression": "gzip", "level": 1}),
    "greatest-level": (family_image("gzip", "oci"), {"compression": "zstd", "level": 22}),
    "docker-types": (index([family_image("gzip", "oci")]), {"media_types": "docker"}),
    "foreign": (
        Image(layers=[replace(stored("gzip"), media_type=DOCKER_FOREIGN)], family="docker").node(),
        {"media_types": "docker"},
    ),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_allowed(name: str, tmp_path: Path) -> None:
    root, options = ALLOWED[name]
    archive = layout(tmp_path / "layout", root)
    assert plan(archive.roots, Storage(format=format_of("oci-layout"), **options)).moves


FAMILIES: dict[str, tuple[object, str | None, str]] = {
    "told": (DOCKER_MANIFEST, OCI_MANIFEST, "docker"),
    "descriptor": (None, DOCKER_LIST, "docker"),
    "told-is-unknown": ("application/x", OCI_INDEX, "oci"),
    "told-is-no-text": (5, DOCKER_MANIFEST, "docker"),
    "nothing": (None, None, "oci"),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_family_of_a_document(name: str) -> None:
    told, described, expected = FAMILIES[name]
    descriptor = (
        Descriptor.parse({"mediaType": described, "digest": f"sha256:{'0' * 64}", "size": 1}) if described else None
    )
    assert document_family(told, descriptor) == expected


def test_docker_types_are_found_anywhere(tmp_path: Path) -> None:
    docker, oci = family_image("gzip"), family_image("gzip", "oci")
    for number, (root, expected) in enumerate(((docker, True), (oci, False), (index([oci, docker]), True))):
        assert has_docker_types(layout(tmp_path / str(number), root).roots) is expected
