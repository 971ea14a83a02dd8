"""Names and images that some readers refuse: what convert leaves out of a docker-archive, and what it says."""

import json
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ociarchive.values import Reference
from tests.support import build
from tests.support.build import CONTAINERD_NAME, REF_NAME, Image, Node, artifact, index, layer, signature
from tests.support.call import Call, refused, told
from tests.support.tar import changed, write_tar

BASE = layer({"base": b"base"}, "gzip")
IMAGE = Image(layers=[BASE])
NODE = IMAGE.node()
NAME = "docker.io/corpus/app:1"
FULL = {CONTAINERD_NAME: NAME, REF_NAME: NAME}
NOTE = artifact(b"note", "application/vnd.example.note", subject=NODE)
SIGNED = signature(NODE).annotated(**{REF_NAME: f"sha256-{build.hexed(NODE.digest)}.sig"})


def source(folder: Path, *roots: Node) -> Path:
    return write_tar(folder / "source.tar", build.layout(*roots))


def entries(path: Path) -> tuple[list[dict[str, str]], list[list[str]]]:
    """Give the annotations of index.json's descriptors, and the RepoTags."""
    with tarfile.open(path) as tar:
        told_of, listed = (
            json.load(tar.extractfile(name) or pytest.fail(name)) for name in ("index.json", "manifest.json")
        )
    return [one.get("annotations", {}) for one in told_of["manifests"]], [one["RepoTags"] or [] for one in listed]


# A ref.name that is no full name (image-spec, annotations.md; containerd)

BARE: dict[str, tuple[list[Node], list[dict[str, str]], list[list[str]], list[str]]] = {
    "tag-alone": ([NODE.named(ref_name="1.0")], [{}], [[]], ["1.0"]),
    "name-alone": ([NODE.named(ref_name="app")], [{}], [[]], ["app"]),
    "no-name-at-all": ([NODE.named(ref_name="Corpus/App:1")], [{}], [[]], ["Corpus/App:1"]),
    "index": ([index([NODE]).named(ref_name="app")], [{}], [[]], ["app"]),
    "other-annotations-stay": ([NODE.named(ref_name="app").annotated(a="b")], [{"a": "b"}], [[]], ["app"]),
    "beside-a-full-name": (
        [NODE.named(NAME, "1")], [{CONTAINERD_NAME: NAME, REF_NAME: "1"}], [["corpus/app:1"]], [],
    ),
    "familiar": (
        [NODE.named(ref_name="corpus/app:1")],
        [{CONTAINERD_NAME: NAME, REF_NAME: "corpus/app:1"}],
        [["corpus/app:1"]],
        [],
    ),
    "tag-of-a-signature": (
        [NODE.named(NAME, "1"), SIGNED],
        [{CONTAINERD_NAME: NAME, REF_NAME: "1"}, {REF_NAME: f"sha256-{build.hexed(NODE.digest)}.sig"}],
        [["corpus/app:1"]],
        [],
    ),
    "artifact": (
        [NODE.named(NAME, "1"), NOTE.named(ref_name="v1")],
        [{CONTAINERD_NAME: NAME, REF_NAME: "1"}, {REF_NAME: "v1"}],
        [["corpus/app:1"]],
        [],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BARE)
def test_a_bare_ref_name_is_left_out_of_a_docker_archive(name: str, tmp_path: Path, cli_call: Call) -> None:
    roots, annotations, tags, left = BARE[name]
    dest, receipt = tmp_path / "dest.tar", tmp_path / "receipt.json"
    path = source(tmp_path, *roots)
    result = told(cli_call("convert", path, dest, "--to", "docker-archive", "--no-sync", "--receipt", receipt))
    assert entries(dest) == (annotations, tags)
    lines = [line for line in result.stderr.splitlines() if "it is no full name" in line]
    assert [line.partition("notice: name ")[2].partition(": it is no full name")[0] for line in lines] == left
    assert all("--tag" in line for line in lines)
    told_of = [one["what"] for one in json.loads(receipt.read_bytes())["left_out"]]
    assert told_of == [f"name {one}" for one in left]


def test_tag_gives_what_had_a_bare_name_a_full_one(tmp_path: Path, cli_call: Call) -> None:
    path, dest = source(tmp_path, NODE.named(ref_name="app")), tmp_path / "dest.tar"
    result = told(cli_call("convert", path, dest, "--to", "docker-archive", "--tag", NAME, "--no-sync"))
    assert entries(dest) == ([FULL], [["corpus/app:1"]])
    assert "no full name" not in result.stderr


def test_a_layout_keeps_a_bare_ref_name(tmp_path: Path, cli_call: Call) -> None:
    path, dest = source(tmp_path, NODE.named(ref_name="app")), tmp_path / "dest"
    told(cli_call("convert", path, dest, "--to", "oci-layout", "--no-sync"))
    (one,) = json.loads((dest / "index.json").read_bytes())["manifests"]
    assert one["annotations"] == {REF_NAME: "app"}


# Names by an older grammar (distribution before 2.8.2, containers/image)

DISPUTED = {
    "UPPER/app:1": "has capitals",
    "LOCALHOST/app:1": "has capitals",
    "[::1]:5000/app:1": "IPv6",
    f"{'a' * 240}:1": "more than 255 characters",
}
AGREED = ["app", "corpus/app:1.0-", "Reg.Example.com/app", "HOST:5000/app", "localhost/app", "a__b/c---d", "a" * 237]


@pytest.mark.parametrize("name", DISPUTED)
@pytest.mark.parametrize("form", ["docker-archive", "oci-layout", "registry-storage"])
def test_tag_takes_no_name_that_engines_refuse(name: str, form: str, tmp_path: Path, cli_call: Call) -> None:
    path, dest = source(tmp_path, NODE), tmp_path / "dest"
    line = refused(cli_call("convert", path, dest, "--to", form, "--tag", name), 2, dest)
    assert DISPUTED[name] in line
    assert ("name the image upper/app:1" in line) is name.startswith("UPPER")


@pytest.mark.parametrize("name", AGREED)
def test_tag_takes_what_every_engine_takes(name: str, tmp_path: Path, cli_call: Call) -> None:
    assert Reference.parse(name).disputed is None
    path, dest = source(tmp_path, NODE), tmp_path / "dest.tar"
    told(cli_call("convert", path, dest, "--to", "docker-archive", "--tag", name, "--no-sync"))


def test_the_hint_for_capitals_is_the_name_in_small_letters(tmp_path: Path, cli_call: Call) -> None:
    path, dest = source(tmp_path, NODE), tmp_path / "dest"
    line = refused(cli_call("convert", path, dest, "--to", "oci-layout", "--tag", "corpus/App:1"), 2, dest)
    assert "use small letters: corpus/app:1" in line
    line = refused(cli_call("convert", path, dest, "--to", "oci-layout", "--tag", "a b"), 2, dest)
    assert "small letters" not in line


@pytest.mark.parametrize("name", DISPUTED)
def test_such_a_name_of_a_source_does_not_cost_the_others(name: str, tmp_path: Path, cli_call: Call) -> None:
    one = build.Saved(image=Image(layers=[layer({"base": b"base"})]))
    listed: list[dict[str, Any]] = [one.entry() | {"RepoTags": ["corpus/app:1", name]}]
    path = write_tar(tmp_path / "a.tar", changed(build.docker_archive(one), "manifest.json", build.dumped(listed)))
    full = str(Reference.parse(name))
    dest = tmp_path / "dest.tar"
    result = told(cli_call("convert", path, dest, "--to", "docker-archive", "--no-sync"))
    assert entries(dest) == ([FULL, {CONTAINERD_NAME: full, REF_NAME: full}], [["corpus/app:1"]])
    assert f"notice: name {full[:20]}" in result.stderr
    assert "refuse the whole file" in result.stderr
    result = told(cli_call("convert", path, tmp_path / "layout", "--to", "oci-layout", "--no-sync"))
    assert "refuse an archive with such a name; --tag gives it another" in result.stderr


# Images and files


def deep(count: int) -> Node:
    return Image(layers=[layer({"n": b"%d" % number}, "gzip") for number in range(count)]).node().named(NAME)


@pytest.mark.parametrize(("count", "said"), [(125, False), (126, True)])
def test_more_layers_than_dockers_classic_store_takes(
    count: int,
    said: bool,
    tmp_path: Path,
    cli_call: Call,
) -> None:
    path = source(tmp_path, deep(count))
    result = told(cli_call("convert", path, tmp_path / "a.tar", "--to", "docker-archive", "--no-sync"))
    assert ("has 126 layers, and Docker's classic store takes 125 (`max depth exceeded`)" in result.stderr) is said
    result = told(cli_call("convert", path, tmp_path / "b", "--to", "oci-layout", "--no-sync"))
    assert "max depth" not in result.stderr


@pytest.mark.parametrize(
    ("form", "outer", "said"),
    [("docker-archive", "gzip", True), ("docker-archive", "zstd", False), ("oci-archive", "gzip", False)],
)
def test_a_docker_archive_in_gzip(
    form: str,
    outer: str,
    said: bool,
    tmp_path: Path,
    cli_call: Call,
) -> None:
    path = source(tmp_path, NODE.named(NAME))
    result = told(cli_call("convert", path, tmp_path / "a", "--to", form, "--outer", outer, "--no-sync"))
    assert ("read no docker-archive that is compressed with gzip" in result.stderr) is said


@pytest.mark.parametrize(
    ("form", "way"), [("docker-archive", "use --to oci-archive"), ("oci-archive", "over the network from its urls")]
)
def test_foreign_layers_that_are_not_here(form: str, way: str, tmp_path: Path, cli_call: Call) -> None:
    away = replace(
        layer({"win": b"base"}, "gzip"), members={"mediaType": build.OCI_FOREIGN, "urls": ["https://h.example/b"]}
    )
    node = Image(layers=[away, BASE]).node().named(NAME)
    absent = write_tar(tmp_path / "absent.tar", build.layout(node, without=[away.digest]))
    result = told(cli_call("convert", absent, tmp_path / "a", "--to", form, "--no-sync"))
    assert "notice: a layer is foreign and not in the archive" in result.stderr
    assert way in " ".join(result.stderr.split())
    there = write_tar(tmp_path / "there.tar", build.layout(node))
    assert "layer is foreign" not in told(cli_call("convert", there, tmp_path / "b", "--to", form, "--no-sync")).stderr
