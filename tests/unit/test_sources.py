"""Several sources into one DEST: every image once, and no name twice."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import build, oracle
from tests.support.build import AMD64, Image, Node, Saved, artifact, layer
from tests.support.call import Call, refused, told
from tests.support.tar import file, write_folder, write_tar

BASE = layer({"base": b"base"}, "gzip")


def image(label: str) -> Image:
    return Image(layers=[BASE], platform=AMD64, config_members={"author": label})


ONE, TWO, THREE = (image(label).node() for label in ("one", "two", "three"))
A, B = "docker.io/corpus/a:1", "docker.io/corpus/b:1"


def sources(folder: Path, *roots: list[Node]) -> list[Path]:
    return [write_tar(folder / f"{number}.tar", build.layout(*nodes)) for number, nodes in enumerate(roots)]


@dataclass(frozen=True, slots=True)
class Case:
    """The roots of each source, options, and the names in DEST with what they name."""

    roots: list[list[Node]]
    options: tuple[str, ...]
    expected: list[tuple[str, str]]


CASES = {
    "two": Case([[ONE.named(A)], [TWO.named(B)]], (), [(A, ONE.digest), (B, TWO.digest)]),
    "in-the-order-of-the-call": Case([[TWO.named(B)], [ONE.named(A)]], (), [(B, TWO.digest), (A, ONE.digest)]),
    "one-image-under-one-name": Case([[ONE.named(A)], [ONE.named(A)]], (), [(A, ONE.digest)]),
    "one-image-under-two-names": Case([[ONE.named(A)], [ONE.named(B)]], (), [(A, ONE.digest), (B, ONE.digest)]),
    "without-names": Case([[ONE], [TWO], [ONE]], (), [("", ONE.digest), ("", TWO.digest)]),
    "an-image-of-each": Case(
        [[ONE.named(A), TWO.named(B)], [THREE.named("docker.io/corpus/c:1")]],
        ("--image", "corpus/a:1", "--image", "corpus/c:1"),
        [(A, ONE.digest), ("docker.io/corpus/c:1", THREE.digest)],
    ),
    "an-image-of-one": Case([[ONE.named(A)], [TWO.named(B)]], ("--image", "corpus/b:1"), [(B, TWO.digest)]),
    "a-tag-for-one-of-all": Case(
        [[ONE.named(A)], [ONE.named(B)]], ("--tag", "corpus/c:1"), [("docker.io/corpus/c:1", ONE.digest)]
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_joined(name: str, tmp_path: Path, cli_call: Call) -> None:
    case = CASES[name]
    dest = tmp_path / "dest"
    paths = sources(tmp_path, *case.roots)
    told(cli_call("convert", *paths, dest, "--to", "oci-layout", "--no-sync", *case.options))
    entries = json.loads((dest / "index.json").read_bytes())["manifests"]
    found = [(one.get("annotations", {}).get(build.CONTAINERD_NAME, ""), one["digest"]) for one in entries]
    assert found == case.expected
    blobs = sorted(one.name for one in (dest / "blobs" / "sha256").iterdir())
    assert blobs == sorted(set(blobs))
    assert not oracle.read(dest).strays


# name: the roots of each source, options, words of the message
REFUSED: dict[str, tuple[list[list[Node]], tuple[str, ...], str]] = {
    "one-name-for-two-images": ([[ONE.named(A)], [TWO.named(A)]], (), "two images claim the name docker.io/corpus/a:1"),
    "one-bare-name-for-two-images": (
        [[ONE.named(ref_name="a")], [TWO.named(ref_name="a")]],
        (),
        "two images claim the name a",
    ),
    "an-image-of-none": ([[ONE.named(A)], [TWO.named(B)]], ("--image", "corpus/c:1"), "no image 'corpus/c:1'"),
    "a-bare-name-of-several": (
        [[ONE.named(A, "1")], [TWO.named(B, "1"), THREE.named("docker.io/corpus/c:1", "1")]],
        ("--image", "1"),
        "names several images",
    ),
    "a-tag-for-two": ([[ONE.named(A)], [TWO.named(B)]], ("--tag", "corpus/c:1"), "--tag names one image"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, tmp_path: Path, cli_call: Call) -> None:
    roots, options, words = REFUSED[name]
    dest = tmp_path / "dest"
    line = refused(cli_call("convert", *sources(tmp_path, *roots), dest, "--to", "oci-layout", *options), 2, dest)
    assert words in line


def test_selectors_behind_paths_are_each_their_own(tmp_path: Path, cli_call: Call) -> None:
    paths = sources(tmp_path, [ONE.named(A), TWO.named(B)], [TWO.named(A), THREE.named("docker.io/corpus/c:1")])
    dest = tmp_path / "dest"
    told(cli_call("convert", f"{paths[0]}#corpus/a:1", f"{paths[1]}#corpus/c:1", dest, "--to", "oci-layout"))
    assert [one.manifest for one in oracle.read(dest).images] == [ONE.digest, THREE.digest]
    hashed = write_tar(tmp_path / "a#b.tar", build.layout(ONE.named(A)))
    told(cli_call("inspect", hashed))
    told(cli_call("inspect", f"{hashed}#corpus/a:1"))


def test_a_source_of_another_format_joins(tmp_path: Path, cli_call: Call) -> None:
    saved = write_tar(tmp_path / "saved.tar", build.docker_archive(Saved(image=Image(layers=[layer({"x": b"x"})]))))
    flat = write_folder(tmp_path / "dir", build.skopeo_dir(TWO))
    (path,) = sources(tmp_path, [ONE.named(A)])
    dest = tmp_path / "dest.tar"
    told(cli_call("convert", path, saved, flat, dest, "--to", "docker-archive", "--no-sync"))
    names = [name for one in oracle.read(dest).images for name in one.references]
    assert sorted(names) == [A, "docker.io/corpus/app:1.0"]
    assert len(oracle.read(dest).images) == 3


def test_what_cannot_come_along_is_said(tmp_path: Path, cli_call: Call) -> None:
    """An index.json's own members, and files of a `dir` beside its manifest, belong to one archive."""
    first = write_tar(tmp_path / "a.tar", build.layout(ONE.named(A), annotations={"a": "b"}))
    second = write_folder(tmp_path / "dir", build.skopeo_dir(TWO, signatures=[b"signature"]))
    dest = tmp_path / "dest"
    result = told(cli_call("convert", first, second, dest, "--to", "oci-layout", "--no-sync"))
    assert f"left behind: annotations of index.json ({first})" in result.stderr
    assert f"left behind: signature-1 ({second})" in result.stderr


def test_nothing_left_is_1(tmp_path: Path, cli_call: Call) -> None:
    note = artifact(b"note", "application/vnd.example.note", subject=ONE)
    (path,) = sources(tmp_path, [note])
    dest = tmp_path / "dest"
    line = refused(cli_call("convert", path, dest, "--to", "oci-layout", "--without", "referrers"), 1, dest)
    assert "nothing of the archive is left to write" in line
    empty = write_tar(tmp_path / "empty.tar", [*build.layout(), file("x", b"")])
    assert "no image in the archive" in refused(cli_call("convert", path, empty, dest, "--to", "oci-layout"), 1, dest)


def test_a_platform_is_taken_from_the_sources_that_have_it(tmp_path: Path, cli_call: Call) -> None:
    amd, arm = (Image(layers=[BASE], platform=platform).node() for platform in (AMD64, build.ARM64))
    paths = sources(tmp_path, [amd.named(A)], [arm.named(B)])
    options = ("--to", "oci-layout", "--no-sync", "-v", "--platform", "linux/arm64")
    result = told(cli_call("convert", *paths, tmp_path / "dest", *options))
    entries = json.loads((tmp_path / "dest" / "index.json").read_bytes())["manifests"]
    assert [one["digest"] for one in entries] == [arm.digest]
    assert f"left out: {A} (--platform)" in result.stderr
    words = "no image for linux/s390x in the archive, there is linux/amd64, linux/arm64"
    result = cli_call("convert", *paths, tmp_path / "none", *options, "--platform", "linux/s390x")
    assert words in refused(result, 2, tmp_path / "none")
