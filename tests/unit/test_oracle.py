"""The independent reader against facts that others established: what proves the package must itself be right."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support import build, oracle, truth
from tests.support.tar import Member, changed, file, flipped, write_folder, write_tar

TRUTHS = truth.load()


@pytest.mark.parametrize("name", TRUTHS)
def test_agrees_with_the_truth(name: str) -> None:
    true = TRUTHS[name]
    facts = oracle.read(true.path, sparse=bool(true.missing))

    assert facts.format == true.format
    found = {(one.image_id, one.platform, one.diff_ids, one.stored) for one in facts.images}
    assert found == {(one.image_id, one.platform, one.diff_ids, one.stored) for one in true.images}
    if true.format != "dir":
        assert {one.manifest: one.references for one in facts.images} == {
            one.manifest: one.references for one in true.images
        }
        assert {one.manifest: one.ref_names for one in facts.images} == {
            one.manifest: one.ref_names for one in true.images
        }
    assert {(one.digest, one.refers_to) for one in facts.others} == {
        (one.manifest, one.refers_to) for one in true.others
    }
    assert facts.missing == true.missing


def test_knows_every_archive_of_the_corpus() -> None:
    names = {one.name for one in truth.CORPUS.iterdir()} - {"README.md", "truth.json"}
    assert names == set(TRUTHS) | truth.OTHERS


IMAGE = build.Image(layers=[build.layer({"a": b"one"}, "gzip"), build.layer({"b": b"two"}, "zstd")])
NODE = IMAGE.node().named("docker.io/corpus/app:1.0", "1.0")


def lying_size() -> list[Member]:
    short = [replace(IMAGE.layers[0], members={"size": 1}), IMAGE.layers[1]]
    return build.layout(replace(IMAGE, layers=short).node())


def lying_diff_id() -> list[Member]:
    other = build.layer({"a": b"another"}, "gzip")
    return build.layout(replace(IMAGE, config_members={"rootfs": {"diff_ids": [other.diff_id] * 2}}).node())


def missing_diff_id() -> list[Member]:
    short = {"rootfs": {"diff_ids": [IMAGE.layers[0].diff_id]}}
    return build.layout(replace(IMAGE, config_members=short).node())


def absent_layer() -> list[Member]:
    return build.layout(NODE, without=[IMAGE.layers[1].digest])


def flipped_blob(digest: str) -> Callable[[], list[Member]]:
    name = build.blob_path(digest)

    def make() -> list[Member]:
        members = build.layout(NODE)
        data = next(one.data for one in members if one.name == name)
        return changed(members, name, flipped(data, len(data) // 2))

    return make


def other_half() -> list[Member]:
    other = build.Image(layers=[build.layer({"c": b"three"})])
    return [*build.layout(NODE, build.blob(b"x", "text/plain")), *build.docker_archive(build.Saved(image=other))]


def other_names() -> list[Member]:
    members = build.hybrid(build.Saved(image=IMAGE))
    wrong = [build.Saved(image=IMAGE, tags=["corpus/app:9"]).entry() | {"Config": build.blob_path(IMAGE.image_id)}]
    wrong[0]["Layers"] = [build.blob_path(one.digest) for one in IMAGE.layers]
    return changed(members, "manifest.json", build.dumped(wrong))


def doubled_key() -> list[Member]:
    return changed(build.layout(NODE), "index.json", b'{"schemaVersion":2,"schemaVersion":2,"manifests":[]}')


@pytest.mark.parametrize(
    ("make", "words"),
    [
        pytest.param(lying_size, "the descriptor says 1", id="size"),
        pytest.param(lying_diff_id, "decompressed", id="diff-id"),
        pytest.param(missing_diff_id, "1 diff_ids", id="diff-id-count"),
        pytest.param(absent_layer, "is absent", id="absent"),
        pytest.param(flipped_blob(IMAGE.layers[0].digest), "has content", id="layer"),
        pytest.param(flipped_blob(IMAGE.image_id), "has content", id="config"),
        pytest.param(flipped_blob(NODE.digest), "has content", id="manifest"),
        pytest.param(other_half, "does not lead to it", id="halves"),
        pytest.param(other_names, "RepoTags", id="names"),
        pytest.param(doubled_key, "stands twice", id="doubled-key"),
        pytest.param(lambda: [*build.layout(NODE), file("index.json", b"{}")], "two members", id="doubled-member"),
    ],
)
def test_says_what_is_wrong(make: Callable[[], list[Member]], words: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=words):
        oracle.read(write_tar(tmp_path / "a.tar", make()))


@pytest.mark.parametrize("form", ["oci-layout", "oci-archive", "dir", "docker-archive", "hybrid"])
def test_reads_what_the_builder_makes(form: str, tmp_path: Path) -> None:
    path = tmp_path / "archive"
    match form:
        case "oci-layout":
            write_folder(path, build.layout(NODE))
        case "oci-archive":
            write_tar(path, build.layout(NODE))
        case "dir":
            write_folder(path, build.skopeo_dir(NODE))
        case "docker-archive":
            write_tar(path, build.docker_archive(build.Saved(image=IMAGE), repositories=True))
        case "hybrid":
            write_tar(path, build.hybrid(build.Saved(image=IMAGE)))
    facts = oracle.read(path)
    assert facts.format == ("docker-archive" if form == "hybrid" else form)
    (image,) = facts.images
    assert (image.image_id, list(image.diff_ids), image.stored) == (IMAGE.image_id, IMAGE.diff_ids, ("gzip", "zstd"))
    assert image.references == (set() if form == "dir" else {"docker.io/corpus/app:1.0"})
    if form == "hybrid":
        oracle.hybrid(facts)


def test_a_hybrid_must_name_the_common_platform(tmp_path: Path) -> None:
    arm, amd = (build.Image(platform=one, layers=IMAGE.layers) for one in (build.ARM64, build.AMD64))
    both = build.platforms([arm, amd]).named("docker.io/corpus/app:1.0", "1.0")
    for image, right in ((amd, True), (arm, False)):
        layers = [build.blob_path(one.digest) for one in image.layers]
        saved = build.Saved(image=image, config_name=build.blob_path(image.image_id), layer_names=layers)
        members = [*build.layout(both), file("manifest.json", build.dumped([saved.entry()]))]
        facts = oracle.read(write_tar(tmp_path / f"{right}.tar", members))
        if right:
            oracle.hybrid(facts)
        else:
            with pytest.raises(AssertionError, match=r"index\.json asks for"):
                oracle.hybrid(facts)
