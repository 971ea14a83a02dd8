"""What is named and absent, and why it is no finding, or another one; blobs that nothing names."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ociarchive.auditing.evidence import Evidence
from ociarchive.auditing.rules import RULES
from ociarchive.auditing.rules.blobs import Wanting, lacking
from ociarchive.model import Archive
from ociarchive.opening import open_archive
from tests.support import build
from tests.support.build import AMD64, ARM64, Image, Saved, artifact, attestation, digest, index, layer, layout
from tests.support.tar import Member, file, hardlink, symlink, tar

BASE, TOP = layer({"a": b"a"}, "gzip"), layer({"b": b"b"}, "gzip")
IMAGE = Image(layers=[BASE, TOP])
ARM = Image(layers=[TOP], platform=ARM64)
NODE = IMAGE.node()
Opened = Callable[..., Archive]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    archives: list[Archive] = []

    def call(members: list[Member] | bytes) -> Archive:
        path = tmp_path / f"{len(archives)}.tar"
        path.write_bytes(members if isinstance(members, bytes) else tar(members))
        archives.append(open_archive(str(path)))
        return archives[-1]

    yield call
    for archive in archives:
        archive.close()


def found(rule: str, archive: Archive, *, folded: bool = True) -> list[tuple[str, str]]:
    """Give the messages of a rule with what each is about."""
    (one,) = (one for one in RULES if one.id == rule)
    return [(fault.message, str(fault.subject)) for fault in one.check(Evidence(archive, {}, folded=folded))]


# Named and absent


def test_what_is_absent_is_said_with_its_names(opened: Opened) -> None:
    lost = artifact(b"text", "a/b")
    (held,) = (one for one in lost.document["layers"])
    config = IMAGE.image_id
    roots = (NODE, lost)
    archive = opened(layout(*roots, without=[TOP.digest, config, held["digest"]]))
    wanted = [("config", config), ("layer", TOP.digest), ("blob", held["digest"])]
    absent = list(lacking(Evidence(archive, {})))
    assert [(one.what, one.called) for one in absent] == wanted
    for one in absent:
        assert {build.blob_path(one.called), build.hexed(one.called)} <= one.names
    messages = [f"{what} is named and not in the archive" for what, _ in wanted]
    assert found("blob-missing", archive) == list(zip(messages, [name for _, name in wanted], strict=True))


def test_a_layer_without_a_digest_has_the_name_in_manifest_json(opened: Opened) -> None:
    saved = Saved(image=Image(layers=[layer({"a": b"a"})]))
    entry = {**saved.entry(), "Layers": ["./x//layer.tar"]}
    (absent,) = lacking(Evidence(opened(build.docker_archive(saved, entries=[entry])), {}))
    assert (absent.what, absent.called) == ("layer", "./x//layer.tar")
    assert absent.names == {"./x//layer.tar", "x/layer.tar"}


def test_an_absent_root_and_the_only_image_of_an_index_are_missing(opened: Opened) -> None:
    archive = opened(layout(NODE, without=[NODE.digest]))
    assert found("blob-missing", archive) == [("manifest or index is named and not in the archive", NODE.digest)]
    archive = opened(layout(index([NODE]), without=[NODE.digest]))
    assert found("blob-missing", archive) == [("manifest or index is named and not in the archive", NODE.digest)]
    assert found("sparse-index", archive) == []


def test_what_may_lie_elsewhere_is_not_missing(opened: Opened) -> None:
    urls = {"urls": ["https://h.example/b"]}
    foreign = replace(layer({"win": b"w"}, "gzip"), members={"mediaType": build.OCI_FOREIGN, **urls})
    image = Image(layers=[foreign, BASE]).node()
    away = build.edited(artifact(b"text", "a/b", inline=False), lambda document: document["layers"][0].update(urls))
    blob = away.document["layers"][0]["digest"]
    archive = opened(layout(image, away, without=[foreign.digest, blob]))
    assert found("blob-missing", archive) == []


@pytest.mark.parametrize("kind", [symlink, hardlink])
def test_a_link_that_leads_nowhere_is_the_fault_not_the_blob(
    kind: Callable[[str, str], Member], opened: Opened
) -> None:
    place = build.blob_path(TOP.digest)
    archive = opened([*layout(NODE, without=[TOP.digest]), kind(place, "nothing")])
    assert found("blob-missing", archive) == []
    assert [subject for _, subject in found("blob-missing", archive, folded=False)] == [TOP.digest]


def test_a_folder_that_leads_nowhere_is_the_fault_of_all_that_is_in_it(opened: Opened) -> None:
    members = [one for one in layout(NODE) if not one.name.startswith("blobs/")]
    archive = opened([*members, symlink("blobs", "nothing")])
    assert found("blob-missing", archive) == []
    assert len(found("blob-missing", archive, folded=False)) == 1


def test_behind_damage_nothing_is_missing(opened: Opened) -> None:
    whole = tar(layout(NODE, without=[TOP.digest]))
    archive = opened(whole[: len(whole) - 1200])
    assert archive.damaged
    assert found("blob-missing", archive) == []
    assert found("blob-missing", archive, folded=False)


@pytest.mark.parametrize(
    ("member", "so"),
    [("blobs/sha256/x", True), ("blobs/sha256", True), ("blobs", True), ("blob", False), ("x", False), (None, False)],
)
def test_what_explains_that_a_name_is_absent(member: str | None, so: bool) -> None:
    assert Wanting(("other", "blobs/sha256/x")).explained_by(member) is so
    assert not Wanting(()).explained_by(member)


# Sparse indexes


def sparse(opened: Opened, *absent: build.Node) -> list[tuple[str, str]]:
    root = index([NODE, *absent])
    archive = opened(layout(root, without=[one.digest for one in absent]))
    assert found("blob-missing", archive) == []
    return found("sparse-index", archive)


def entry(number: int, platform: build.Platform = AMD64, **members: str) -> build.Node:
    image = Image(layers=[layer({"n": b"%d" % number}, "gzip")], platform=platform)
    return image.node(platform={**platform.members(), **members})


def test_a_sparse_index_counts_and_names_what_it_lacks(opened: Opened) -> None:
    arm = entry(1, ARM64)
    (one,) = sparse(opened, arm)
    assert one[0] == "the index names a manifest that is not in the archive (linux/arm64); others of it are"
    assert one[1] == index([NODE, arm]).digest
    windows = entry(4, AMD64, **{"os.version": "10.0"})
    (many,) = sparse(opened, arm, entry(2, ARM64), windows, attestation(arm))
    listed = "linux/arm64 2 times, linux/amd64 10.0, 1 attestation"
    assert many[0] == f"the index names 4 manifests that are not in the archive ({listed}); others of it are"


def test_attestations_and_entries_without_a_platform_are_counted(opened: Opened) -> None:
    bare = Image(layers=[BASE]).node()
    (found_one,) = sparse(opened, bare, attestation(NODE), attestation(bare))
    assert "(no platform, 2 attestations)" in found_one[0]


# Nothing leads to it


def test_a_blob_that_nothing_names(opened: Opened) -> None:
    stray = b"stray"
    name = build.blob_path(digest(stray))
    archive = opened([*layout(NODE), file(name, stray)])
    assert found("blob-unreferenced", archive) == [(f"no manifest leads to it ({len(stray)} bytes)", digest(stray))]
    assert found("blob-unreferenced", opened(layout(NODE))) == []
    assert found("blob-unreferenced", replace(archive, incomplete=True)) == []
    beside = frozenset(one.digest for one in archive.stored if one.digest and str(one.digest) == digest(stray))
    assert found("blob-unreferenced", replace(archive, beside=beside)) == []


def test_two_descriptors_of_one_absent_blob_have_one_size(opened: Opened) -> None:
    away = replace(TOP, members={"size": 7})
    both = Image(layers=[BASE, TOP]).node(), Image(layers=[BASE, away], config_members={"author": "a"}).node()
    archive = opened(layout(*both, without=[TOP.digest]))
    assert found("size-conflict", archive) == [("two descriptors give one blob two sizes", TOP.digest)]
    assert found("size-conflict", opened(layout(*both))) == []
