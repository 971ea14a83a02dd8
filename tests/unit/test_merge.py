"""Adding to a layout: nothing that is there is removed or rewritten, and what fails leaves it as it was."""

import errno
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ociarchive.blobio.limits import Limits
from ociarchive.errors import ContentError, HostError, OciArchiveError, UsageError
from ociarchive.formats import by_name
from ociarchive.transform import merge
from tests.support import build, oracle
from tests.support.build import AMD64, ARM64, Image, Node, index, layer
from tests.support.call import Call, hidden, refused, told
from tests.support.shelf import read as state
from tests.support.tar import file, symlink, write_folder, write_tar

LAYOUT = by_name("oci-layout")
BASE = layer({"base": b"base"}, "gzip")


def image(label: str, platform: build.Platform = AMD64) -> Node:
    return Image(layers=[BASE], platform=platform, config_members={"author": label}).node()


OLD = image("old").named("docker.io/corpus/old:1", "1")
NEW = image("new").named("docker.io/corpus/new:1", "docker.io/corpus/new:1")


def layout(path: Path, *roots: Node, **members: Any) -> Path:  # noqa: ANN401  any JSON
    return write_folder(path, build.layout(*roots, **members))


def entries(path: Path) -> list[Any]:
    found = json.loads((path / "index.json").read_bytes())["manifests"]
    assert isinstance(found, list)
    return found


def test_what_is_new_is_added_behind_what_is_there(tmp_path: Path) -> None:
    dest = layout(tmp_path / "dest", OLD, annotations={"org.example": "kept"}, unknown=[1])
    before = state(dest)
    staged = layout(tmp_path / "staged", NEW)
    merge.into(str(dest), str(staged), LAYOUT, sync=True)
    after = state(dest)
    assert entries(dest) == [OLD.descriptor, NEW.descriptor]
    written = json.loads(after["index.json"])
    assert (written["annotations"], written["unknown"]) == ({"org.example": "kept"}, [1])
    assert list(written) == list(json.loads(before["index.json"]))
    assert {name: data for name, data in after.items() if name in before and name != "index.json"} == {
        name: data for name, data in before.items() if name != "index.json"
    }
    assert set(after) - set(before) == {build.blob_path(digest) for digest in NEW.blobs} - set(before)


# name: what is there, what is added, what is listed then
ADDED: dict[str, tuple[list[Node], list[Node], list[Node]]] = {
    "same": ([OLD], [OLD], [OLD]),
    "same-and-new": ([OLD], [OLD, NEW], [OLD, NEW]),
    "same-image-under-another-name": (
        [OLD], [image("old").named("docker.io/corpus/other:1")], [OLD, image("old").named("docker.io/corpus/other:1")],
    ),
    "same-name-spelled-otherwise": ([OLD], [image("old").named("docker.io/corpus/old:1")], [OLD]),
    "bare-names": ([image("a").named(ref_name="a")], [image("b").named(ref_name="b")],
                   [image("a").named(ref_name="a"), image("b").named(ref_name="b")]),
    "no-names": ([image("a")], [image("b")], [image("a"), image("b")]),
    "no-names-and-same": ([image("a")], [image("a")], [image("a")]),
    "into-an-empty-one": ([], [NEW], [NEW]),
    "index": ([OLD], [index([image("new"), image("new", ARM64)])], [OLD, index([image("new"), image("new", ARM64)])]),
}  # fmt: skip


@pytest.mark.parametrize("name", ADDED)
@pytest.mark.parametrize("sync", [True, False])
def test_added(name: str, sync: bool, tmp_path: Path) -> None:
    there, added, expected = ADDED[name]
    dest = layout(tmp_path / "dest", *there)
    before = state(dest)
    merge.into(str(dest), str(layout(tmp_path / "staged", *added)), LAYOUT, sync=sync)
    assert entries(dest) == [node.descriptor for node in expected]
    if expected == there:
        assert state(dest) == before
    for node in expected:
        assert all((dest / build.blob_path(digest)).read_bytes() == data for digest, data in node.blobs.items())
    assert hidden(dest) == []


TAKEN: dict[str, tuple[Node, Node]] = {
    "full-name": (OLD, image("new").named("docker.io/corpus/old:1")),
    "bare-name": (image("a").named(ref_name="a"), image("b").named(ref_name="a")),
}


@pytest.mark.parametrize("name", TAKEN)
def test_a_name_that_another_image_has_is_refused(name: str, tmp_path: Path) -> None:
    there, added = TAKEN[name]
    dest = layout(tmp_path / "dest", there)
    before = state(dest)
    with pytest.raises(UsageError, match=r"the layout has another image of the name .*--tag"):
        merge.into(str(dest), str(layout(tmp_path / "staged", added)), LAYOUT, sync=False)
    assert state(dest) == before


def test_a_blob_that_is_not_what_its_name_says_is_refused(tmp_path: Path) -> None:
    dest = layout(tmp_path / "dest", OLD)
    (dest / build.blob_path(BASE.digest)).write_bytes(b"other")
    before = state(dest)
    with pytest.raises(ContentError, match=r"differs from the one.*blobs/sha256/"):
        merge.into(str(dest), str(layout(tmp_path / "staged", NEW)), LAYOUT, sync=False)
    assert state(dest) == before


def test_a_merge_that_no_reader_would_take_is_refused(tmp_path: Path) -> None:
    more = image("more").named("docker.io/corpus/more:1")
    dest, staged = layout(tmp_path / "dest", OLD), layout(tmp_path / "staged", NEW, more)
    before, whole = state(dest), layout(tmp_path / "whole", OLD, NEW, more)
    size = (whole / "index.json").stat().st_size
    for limits, words in (
        (Limits(manifest_size=size - 1), f"larger than the {size - 1} bytes that readers take: found {size} bytes"),
        (Limits(listed=5), "more than the 5 allowed"),
    ):
        with pytest.raises(ContentError) as refusal:
            merge.into(str(dest), str(staged), LAYOUT, sync=False, limits=limits)
        assert words in str(refusal.value)
        assert state(dest) == before
    merge.into(str(dest), str(staged), LAYOUT, sync=False, limits=Limits(manifest_size=size, listed=6))
    assert state(dest) == state(whole)


def test_a_failing_disk_leaves_the_layout_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for call in ("os.replace", "os.rename"):
        dest = layout(tmp_path / f"dest-{call}", OLD)
        before = state(dest)
        with monkeypatch.context() as patched:
            patched.setattr(call, fail)
            with pytest.raises(HostError, match="cannot write: No space left on device"):
                merge.into(str(dest), str(layout(tmp_path / f"staged-{call}", NEW)), LAYOUT, sync=False)
        assert state(dest) == before


def test_nothing_is_written_through_links(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    dest = layout(tmp_path / "dest")
    (dest / "blobs").symlink_to(outside)
    with pytest.raises(UsageError, match="a link stands where files would be added"):
        merge.into(str(dest), str(layout(tmp_path / "staged", NEW)), LAYOUT, sync=False)
    assert list(outside.iterdir()) == []


def test_several_at_once_lose_nothing(tmp_path: Path) -> None:
    dest = layout(tmp_path / "dest", OLD)
    nodes = [image(f"new {number}").named(f"docker.io/corpus/new:{number}") for number in range(8)]
    staged = [layout(tmp_path / f"staged-{number}", node) for number, node in enumerate(nodes)]
    gate = threading.Barrier(4)

    def add(path: Path) -> None:
        gate.wait()
        merge.into(str(dest), str(path), LAYOUT, sync=False)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, staged))
    found = entries(dest)
    assert found[0] == OLD.descriptor
    assert {one["digest"] for one in found[1:]} == {node.digest for node in nodes}
    assert len(found) == 9
    assert not oracle.read(dest).strays


def test_what_goes_away_meanwhile_is_told(tmp_path: Path) -> None:
    dest, staged = layout(tmp_path / "dest", OLD), layout(tmp_path / "staged", NEW)
    with pytest.raises(HostError, match="cannot open"):
        merge.into(str(tmp_path / "none"), str(staged), LAYOUT, sync=False)
    (dest / "index.json").unlink()
    with pytest.raises(ContentError, match=r"index.json went away"):
        merge.into(str(dest), str(staged), LAYOUT, sync=False)


# What can be merged into


def unknown_folder(path: Path) -> Path:
    return write_folder(path, [file("readme", b"")])


def test_only_an_oci_layout_can_be_merged_into(tmp_path: Path) -> None:
    oci = by_name("oci-layout")
    merge.require(str(layout(tmp_path / "good", OLD)), oci)
    places: dict[str, tuple[Path, str, type[OciArchiveError]]] = {
        "absent": (tmp_path / "none", "an oci-layout that exists", UsageError),
        "file": (write_tar(tmp_path / "a.tar", build.layout(OLD)), "an oci-layout that exists", UsageError),
        "dir": (write_folder(tmp_path / "dir", build.skopeo_dir(OLD)), "adds to an oci-layout", UsageError),
        "unknown": (unknown_folder(tmp_path / "unknown"), "not an image archive", ContentError),
        "damaged": (
            write_folder(tmp_path / "damaged", [*build.layout(OLD), symlink("blobs/sha256/x", "../../../x")]),
            "what to merge into is at fault",
            ContentError,
        ),
        "no-index": (
            write_folder(tmp_path / "no-index", [one for one in build.layout(OLD) if one.name != "index.json"]),
            "adds to an oci-layout",
            UsageError,
        ),
    }
    for path, message, kind in places.values():
        with pytest.raises(kind, match=message):
            merge.require(str(path), oci)
    for name in ("oci-archive", "dir", "docker-archive"):
        with pytest.raises(UsageError, match=f"not to {name}"):
            merge.require(str(tmp_path / "good"), by_name(name))


# name: what is in a layout that a merge does not touch
UNTOUCHED: dict[str, Node] = {
    "without-layers": Image(platform=AMD64).node().named("docker.io/corpus/bare:1"),
    "empty-index": index([]).named("docker.io/corpus/empty:1"),
    "without-a-config": build.blob(b"{}", "application/vnd.oci.image.manifest.v1+json"),
}


@pytest.mark.parametrize("name", UNTOUCHED)
def test_a_store_whose_other_images_have_flaws_takes_new_ones(name: str, tmp_path: Path, cli_call: Call) -> None:
    dest = layout(tmp_path / "dest", OLD, UNTOUCHED[name])
    source = write_tar(tmp_path / "new.tar", build.layout(NEW))
    told(cli_call("convert", source, dest, "--to", "oci-layout", "--merge"))
    assert entries(dest) == [OLD.descriptor, UNTOUCHED[name].descriptor, NEW.descriptor]


def test_an_empty_store_takes_images(tmp_path: Path, cli_call: Call) -> None:
    dest = layout(tmp_path / "dest")
    source = write_tar(tmp_path / "new.tar", build.layout(NEW))
    told(cli_call("convert", source, dest, "--to", "oci-layout", "--merge"))
    assert entries(dest) == [NEW.descriptor]


def test_a_registry_with_a_tag_of_schema_1_takes_images(tmp_path: Path, two: tuple[Path, Path], cli_call: Call) -> None:
    dest = tmp_path / "registry"
    registry(dest, two[0], call=cli_call)
    old = json.dumps({"schemaVersion": 1, "name": "corpus/old", "tag": "0", "fsLayers": [], "history": []}).encode()
    digest = build.digest(old)
    encoded = build.hexed(digest)
    root = dest / "docker" / "registry" / "v2"
    blob = root / "blobs" / "sha256" / encoded[:2] / encoded
    blob.mkdir(parents=True)
    (blob / "data").write_bytes(old)
    for place in (f"revisions/sha256/{encoded}", "tags/0/current", f"tags/0/index/sha256/{encoded}"):
        folder = root / "repositories" / "corpus" / "old" / "_manifests" / place
        folder.mkdir(parents=True)
        (folder / "link").write_text(digest)
    before = state(dest)
    registry(dest, two[1], "--merge", call=cli_call)
    assert before.items() <= state(dest).items()


@pytest.mark.parametrize("name", ["oci-layout", "index.json"])
def test_an_error_in_an_entry_document_is_refused(name: str, tmp_path: Path, cli_call: Call) -> None:
    dest = layout(tmp_path / "dest", OLD)
    content = {"oci-layout": b'{"imageLayoutVersion":"2.0.0"}', "index.json": b'{"schemaVersion":2,"manifests":[{}]}'}
    (dest / name).write_bytes(content[name])
    before = state(dest)
    source = write_tar(tmp_path / "new.tar", build.layout(NEW))
    line = refused(cli_call("convert", source, dest, "--to", "oci-layout", "--merge"), 1)
    assert "what to merge into is at fault" in line
    assert f"({dest}: {name}" in line
    assert state(dest) == before


def test_what_another_program_writes_meanwhile_is_not_taken_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A merge that fails removes what it added, by what it is, not by its name."""
    dest, staged = layout(tmp_path / "dest", OLD), layout(tmp_path / "staged", NEW)
    theirs: list[str] = []

    def fail(source: str, target: str) -> None:
        del source
        Path(target).write_bytes(b"theirs")
        theirs.append(target)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "rename", fail)
    with pytest.raises(HostError, match="No space left"):
        merge.into(str(dest), str(staged), LAYOUT, sync=False)
    assert Path(theirs[0]).read_bytes() == b"theirs"


# By the command line


def test_merging_twice_changes_nothing_the_second_time(tmp_path: Path, cli_call: Call) -> None:
    dest = layout(tmp_path / "dest", OLD)
    source = write_tar(tmp_path / "new.tar", build.layout(NEW))
    told(cli_call("convert", source, dest, "--to", "oci-layout", "--merge"))
    once = state(dest)
    told(cli_call("convert", source, dest, "--to", "oci-layout", "--merge"))
    assert state(dest) == once
    assert sorted(one.name for one in tmp_path.iterdir()) == ["dest", "new.tar"]
    told(cli_call("audit", dest))
    assert [one.references for one in oracle.read(dest).images] == [
        {"docker.io/corpus/old:1"},
        {"docker.io/corpus/new:1"},
    ]


def test_a_merge_that_is_refused_leaves_nothing(tmp_path: Path, cli_call: Call) -> None:
    dest = layout(tmp_path / "dest", OLD)
    before = state(dest)
    source = write_tar(tmp_path / "new.tar", build.layout(image("new").named("docker.io/corpus/old:1")))
    line = refused(cli_call("convert", source, dest, "--to", "oci-layout", "--merge"), 2)
    assert "another image of the name docker.io/corpus/old:1, give it one with --tag, or several with --rename" in line
    assert state(dest) == before
    assert sorted(one.name for one in tmp_path.iterdir()) == ["dest", "new.tar"]


# Into a registry's storage


def registry(path: Path, source: Path, *options: str, call: Call) -> None:
    told(call("convert", source, path, "--to", "registry-storage", *options), 0)


def names_in(path: Path, call: Call) -> set[str]:
    images = call("inspect", path, "--format", "json").archive()["images"]
    return {name for image in images for name in image["references"]}


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    return layout(tmp_path / "one", OLD), layout(tmp_path / "two", NEW)


def test_a_registry_gets_what_it_has_not(tmp_path: Path, two: tuple[Path, Path], cli_call: Call) -> None:
    dest = tmp_path / "registry"
    registry(dest, two[0], call=cli_call)
    before = state(dest)
    registry(dest, two[1], "--merge", call=cli_call)
    after = state(dest)
    assert before.items() <= after.items()
    assert names_in(dest, cli_call) == {"docker.io/corpus/old:1", "docker.io/corpus/new:1"}
    told(cli_call("audit", dest, "--strict"), 0)
    registry(dest, two[1], "--merge", call=cli_call)
    assert state(dest) == after
    assert hidden(tmp_path) == []


def test_a_tag_that_another_image_has_is_refused(tmp_path: Path, two: tuple[Path, Path], cli_call: Call) -> None:
    dest = tmp_path / "registry"
    registry(dest, two[0], call=cli_call)
    before = state(dest)
    clash = ("--to", "registry-storage", "--merge", "--tag", "corpus/old:1")
    line = refused(cli_call("convert", two[1], dest, *clash), 2)
    assert "another image of the name corpus/old:1" in line
    assert state(dest) == before
    registry(dest, two[1], "--merge", "--tag", "corpus/old:2", call=cli_call)
    assert names_in(dest, cli_call) == {"docker.io/corpus/old:1", "docker.io/corpus/old:2"}


def test_a_registry_whose_disk_fails_is_as_it_was(
    tmp_path: Path, two: tuple[Path, Path], cli_call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    dest, fresh = tmp_path / "registry", tmp_path / "fresh"
    registry(dest, two[0], call=cli_call)
    registry(fresh, two[1], call=cli_call)
    before = state(dest)
    rename, count = os.rename, iter(range(100))

    def fail(source: str, target: str) -> None:
        if next(count) == 4:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        rename(source, target)

    monkeypatch.setattr(os, "rename", fail)
    with pytest.raises(HostError, match="No space left"):
        merge.into(str(dest), str(fresh), by_name("registry-storage"), sync=True)
    assert state(dest) == before
