"""Shapes of docker-archives that producers are known to write, beyond those in the corpus."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.support import oracle
from tests.support.build import (
    AMD64,
    ARM64,
    Image,
    Saved,
    blob_path,
    docker_archive,
    dumped,
    hexed,
    hybrid,
    layer,
    packed,
    version_one,
)
from tests.support.call import Call, refused, told
from tests.support.check import FORMATS, converted, handled, inspected
from tests.support.tar import Member, changed, file, hardlink, renamed, symlink, write_tar

BASE = layer({"etc/name": b"base"})
TOP = layer({"bin/app": b"application" * 50})
IMAGE = Image(layers=[BASE, TOP])
SAVED = Saved(image=IMAGE)
SECOND = Image(layers=[BASE, layer({"bin/other": b"another"})], config_members={"author": "someone"})
# What Go writes for an image without layers: nil slices are null, or left out.
BARE = Image(config_members={"rootfs": {"type": "layers"}})
SAME_TWICE = Image(layers=[BASE, TOP, BASE])


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A docker-archive, the images it must be read as, and the names they must have."""

    members: list[Member]
    images: tuple[Image, ...] = (IMAGE,)
    names: tuple[str, ...] = ("docker.io/corpus/app:1.0",)


def with_keys(**keys: str) -> list[Member]:
    """Spell the keys of manifest.json otherwise."""
    return docker_archive(SAVED, entries=[{keys.get(key, key): value for key, value in SAVED.entry().items()}])


def with_entry(**members: object) -> list[Member]:
    """Replace members of the only entry."""
    return docker_archive(SAVED, entries=[SAVED.entry() | members])


def without(key: str, saved: Saved = SAVED) -> list[Member]:
    """Leave a member of the only entry out."""
    return docker_archive(saved, entries=[{name: value for name, value in saved.entry().items() if name != key}])


def bare(**members: object) -> list[Member]:
    """Save the image without layers."""
    saved = Saved(image=BARE)
    return docker_archive(saved, entries=[saved.entry() | members])


def linked(make: Callable[[str, str], Member], target: str, *, first: bool) -> list[Member]:
    """Turn the third layer, which equals the first, into a link to it, before or after what it names."""
    names = ["1/layer.tar", "2/layer.tar", "3/layer.tar"]
    members = docker_archive(Saved(image=SAME_TWICE, layer_names=names))
    rest = [one for one in members if one.name != "3/layer.tar"]
    link = make("3/layer.tar", target)
    return [link, *rest] if first else [*rest, link]


def named(*layer_names: str, config: str = "", image: Image = IMAGE) -> list[Member]:
    return docker_archive(Saved(image=image, layer_names=layer_names, config_name=config))


def stored(codec: str, name: str, *, parts: int = 1, before: bytes = b"") -> Shape:
    """Store both layers so, under names that do not say it."""
    assert codec in {"none", "gzip", "zstd"}
    layers = [packed(one.plain, codec, parts=parts, before=before) for one in (BASE, TOP)]  # type: ignore[arg-type]
    image = replace(IMAGE, layers=layers)
    return Shape(members=named(f"1{name}", f"2{name}", image=image), images=(image,))


SOURCES = {one.diff_id: one.descriptor("oci") for one in IMAGE.layers}
# What moby and go-containerregistry say of layers that came compressed and lie plain in the archive.
COMPRESSED = {one.diff_id: packed(one.plain, "gzip").descriptor("oci") for one in IMAGE.layers}
SHARED = Saved(image=SECOND, tags=["corpus/other:2.0"])
SKIPPABLE = b"\x5a\x2a\x4d\x18\x04\x00\x00\x00skip"

SHAPES = {
    "lower-case-keys": Shape(members=with_keys(Config="config", RepoTags="repoTags", Layers="layers")),
    "upper-case-keys": Shape(members=with_keys(Config="CONFIG", RepoTags="REPOTAGS", Layers="LAYERS")),
    "repo-tags-null": Shape(members=with_entry(RepoTags=None), names=()),
    "repo-tags-empty": Shape(members=with_entry(RepoTags=[]), names=()),
    "repo-tags-absent": Shape(members=without("RepoTags"), names=()),
    "repo-tags-several": Shape(
        members=with_entry(RepoTags=["corpus/app:1.0", "app:latest", "localhost:5000/a/b:c"]),
        names=("docker.io/corpus/app:1.0", "docker.io/library/app:latest", "localhost:5000/a/b:c"),
    ),
    "config-hex-json": Shape(members=docker_archive(SAVED)),
    "config-with-colon": Shape(members=named("a", "b", config=IMAGE.image_id)),
    "config-blob-path": Shape(members=named("a", "b", config=blob_path(IMAGE.image_id))),
    "config-any-name": Shape(members=named("a", "b", config="some/where/config")),
    "layer-sources": Shape(members=hybrid(SAVED, LayerSources=SOURCES)),
    "layer-sources-without-index": Shape(members=with_entry(LayerSources=SOURCES)),
    "layer-sources-of-compressed-blobs": Shape(members=with_entry(LayerSources=COMPRESSED)),
    "layer-sources-of-compressed-blobs-with-index": Shape(members=hybrid(SAVED, LayerSources=COMPRESSED)),
    "symlink-after": Shape(members=linked(symlink, "../1/layer.tar", first=False), images=(SAME_TWICE,)),
    "symlink-before": Shape(members=linked(symlink, "../1/layer.tar", first=True), images=(SAME_TWICE,)),
    "symlink-detour": Shape(members=linked(symlink, "./../2/../1/layer.tar", first=True), images=(SAME_TWICE,)),
    "symlink-to-symlink": Shape(
        members=[symlink("link.tar", "1/layer.tar"), *linked(symlink, "../link.tar", first=True)],
        images=(SAME_TWICE,),
    ),
    "hardlink": Shape(members=linked(hardlink, "1/layer.tar", first=False), images=(SAME_TWICE,)),
    "absolute-members": Shape(members=renamed(docker_archive(SAVED), "/")),
    "dotted-members": Shape(members=renamed(docker_archive(SAVED, repositories=True), "./")),
    "dotted-in-manifest": Shape(members=with_entry(Layers=[f"./{name}" for name in SAVED.layers])),
    "absolute-in-manifest": Shape(members=with_entry(Layers=[f"/{name}" for name in SAVED.layers])),
    "dotted-members-and-links": Shape(
        members=renamed(linked(hardlink, "1/layer.tar", first=False), "./"), images=(SAME_TWICE,)
    ),
    "layer-twice": Shape(members=named("one.tar", "two.tar", "one.tar", image=SAME_TWICE), images=(SAME_TWICE,)),
    "gzip-named-tar": stored("gzip", "/layer.tar"),
    "gzip-members-named-tar": stored("gzip", "/layer.tar", parts=3),
    "zstd-named-tar": stored("zstd", "/layer.tar"),
    "zstd-frames-named-gz": stored("zstd", ".tar.gz", parts=3),
    "zstd-skippable-first": stored("zstd", ".tar", before=SKIPPABLE),
    "plain-named-gz": stored("none", ".tar.gz"),
    "with-repositories": Shape(members=docker_archive(SAVED, repositories=True)),
    "empty-layers": Shape(members=bare(Layers=[]), images=(BARE,)),
    "null-layers": Shape(members=bare(Layers=None), images=(BARE,)),
    "absent-layers": Shape(members=without("Layers", Saved(image=BARE)), images=(BARE,)),
    "manifests-null": Shape(members=hybrid(SAVED, manifests="null")),
}


@pytest.mark.parametrize("shape", [pytest.param(shape, id=name) for name, shape in SHAPES.items()])
def test_reads_and_converts(shape: Shape, tmp_path: Path, cli_call: Call) -> None:
    path = write_tar(tmp_path / "saved", shape.members)
    handled(cli_call, path, "docker-archive", shape.images)

    found = inspected(cli_call, path, "docker-archive", shape.images)
    assert sorted(name for one in found["images"] for name in one["references"]) == sorted(shape.names)
    for form in ("docker-archive", "oci-layout", "oci-archive"):
        facts = oracle.read(tmp_path / f"saved.{form}")
        assert sorted(facts.images[0].references) == sorted(shape.names)


def test_compression_is_found_in_the_bytes(tmp_path: Path, cli_call: Call) -> None:
    layers = [packed(BASE.plain, "none"), packed(TOP.plain, "gzip"), packed(SECOND.layers[1].plain, "zstd")]
    image = Image(layers=layers)
    path = write_tar(tmp_path / "mixed", named("a.tar.gz", "b.tar", "c.tar", image=image))
    found = inspected(cli_call, path, "docker-archive", [image])
    assert [one["compression"] for one in found["images"][0]["layers"]] == ["none", "gzip", "zstd"]


def test_images_share_layers(tmp_path: Path, cli_call: Call) -> None:
    path = write_tar(tmp_path / "two", docker_archive(SAVED, SHARED))
    handled(cli_call, path, "docker-archive", [IMAGE, SECOND], into=("docker-archive", "oci-layout", "oci-archive"))
    facts = oracle.read(tmp_path / "two.oci-layout")
    assert len({one.layers[0].digest for one in facts.images}) == 1
    documents, layers = 2 * 2, 3
    assert len(facts.blobs) == documents + layers


def test_a_layer_named_twice_is_stored_once(tmp_path: Path, cli_call: Call) -> None:
    path = write_tar(tmp_path / "saved", named("one.tar", "two.tar", "one.tar", image=SAME_TWICE))
    facts = converted(cli_call, path, tmp_path / "dest", "oci-layout")
    digests = [one.digest for one in facts.images[0].layers]
    assert digests[0] == digests[2] != digests[1]
    assert len(facts.blobs) == 4


def test_two_names_of_one_image_get_a_descriptor_each(tmp_path: Path, cli_call: Call) -> None:
    path = write_tar(tmp_path / "saved", with_entry(RepoTags=["corpus/app:1.0", "registry.example:5000/app:2"]))
    facts = converted(cli_call, path, tmp_path / "dest", "oci-layout")
    names = ["docker.io/corpus/app:1.0", "registry.example:5000/app:2"]
    assert [root["annotations"][oracle.REF_NAME] for root in facts.roots] == names
    assert [root["annotations"][oracle.CONTAINERD_NAME] for root in facts.roots] == names
    assert len({root["digest"] for root in facts.roots}) == 1


def test_every_image_has_its_entry_in_order(tmp_path: Path, cli_call: Call) -> None:
    arm, amd = Image(layers=[BASE], platform=ARM64), Image(layers=[BASE], platform=AMD64)
    tags = (["corpus/a:arm"], ["corpus/a:amd"])
    saved = [Saved(image=image, tags=names) for image, names in zip((arm, amd), tags, strict=True)]
    path = write_tar(tmp_path / "saved", docker_archive(*saved))
    facts = converted(cli_call, path, tmp_path / "dest", "docker-archive")
    names = [[oracle.normal(tag) for tag in entry["RepoTags"]] for entry in facts.entries]
    assert names == [["docker.io/corpus/a:arm"], ["docker.io/corpus/a:amd"]]


LIE = hexed(SECOND.image_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """An archive at fault, and the rule that must say so, where the contract names one."""

    members: list[Member]
    rule: str = ""


OTHER = layer({"bin/app": b"exchanged"})
DAMAGES = {
    "config-name-lies": Damage(members=named("a", "b", config=f"{LIE}.json"), rule="image-id-mismatch"),
    "config-blob-path-lies": Damage(members=named("a", "b", config=f"blobs/sha256/{LIE}")),
    "config-absent": Damage(members=[one for one in docker_archive(SAVED) if one.name != SAVED.config]),
    "layer-absent": Damage(members=[one for one in docker_archive(SAVED) if one.name != SAVED.layers[1]]),
    "layer-exchanged": Damage(
        members=changed(docker_archive(SAVED), SAVED.layers[1], OTHER.plain), rule="diff-id-mismatch"
    ),
    "layer-too-many": Damage(members=with_entry(Layers=[*SAVED.layers, SAVED.layers[0]]), rule="diff-id-count"),
    "layer-too-few": Damage(members=with_entry(Layers=SAVED.layers[:1]), rule="diff-id-count"),
    "link-to-itself": Damage(members=linked(symlink, "../3/layer.tar", first=True)),
    "link-outside": Damage(members=linked(symlink, "../../etc/passwd", first=True)),
    "link-to-nothing": Damage(members=linked(symlink, "../4/layer.tar", first=True)),
    "hardlink-to-nothing": Damage(members=linked(hardlink, "4/layer.tar", first=True)),
    "doubled-member": Damage(members=[file(SAVED.layers[1], OTHER.plain), *docker_archive(SAVED)]),
    "doubled-key": Damage(
        members=changed(
            docker_archive(SAVED),
            "manifest.json",
            dumped([SAVED.entry()]).replace(b'"RepoTags"', b'"Config":"x","RepoTags"'),
        )
    ),
    "halves-disagree": Damage(
        members=changed(
            hybrid(SAVED),
            "manifest.json",
            dumped([{"Config": blob_path(IMAGE.image_id), "RepoTags": None, "Layers": []}]),
        )
    ),
}


@pytest.mark.parametrize("damage", [pytest.param(damage, id=name) for name, damage in DAMAGES.items()])
@pytest.mark.parametrize("form", FORMATS)
def test_damage_is_found_and_refused(damage: Damage, form: str, tmp_path: Path, cli_call: Call) -> None:
    path = write_tar(tmp_path / "saved", damage.members)
    audit = told(cli_call("audit", "--format", "json", path), 1)
    rules = audit.rules("error")
    assert rules
    assert not damage.rule or damage.rule in rules
    refused(cli_call("convert", path, tmp_path / "dest", "--to", form), 1, tmp_path / "dest")


def test_doubled_members_that_agree_are_harmless(tmp_path: Path, cli_call: Call) -> None:
    path = write_tar(tmp_path / "saved", [file(SAVED.layers[1], TOP.stored), *docker_archive(SAVED)])
    told(cli_call("convert", path, tmp_path / "dest", "--to", "oci-layout"))
    assert [one.image_id for one in oracle.read(tmp_path / "dest").images] == [IMAGE.image_id]


def test_an_empty_manifest_json_holds_nothing_to_convert(tmp_path: Path, cli_call: Call) -> None:
    path = write_tar(tmp_path / "saved", [file("manifest.json", b"[]")])
    for form in FORMATS:
        refused(cli_call("convert", path, tmp_path / "dest", "--to", form), 1, tmp_path / "dest")


@pytest.mark.parametrize("form", FORMATS)
def test_version_one_is_read_and_its_id_is_new(form: str, tmp_path: Path, cli_call: Call) -> None:
    path = write_tar(tmp_path / "old.tar", version_one(IMAGE))
    result = told(cli_call("convert", path, tmp_path / "dest", "--to", form))
    assert "1.10" in result.stderr, "a person must learn that this was saved by a Docker older than 1.10"
    (image,) = told(cli_call("inspect", "--format", "json", tmp_path / "dest")).archive()["images"]
    assert [one["diff_id"] for one in image["layers"]] == [one.diff_id for one in IMAGE.layers]
    assert image["image_id"] != IMAGE.image_id
