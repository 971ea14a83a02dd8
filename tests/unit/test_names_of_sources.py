"""Names in several sources: an archive may give one name to two images, two archives may not."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support import build
from tests.support.build import Image, Node, layer
from tests.support.call import Call, refused, told
from tests.support.tar import write_tar

A, B = "docker.io/corpus/a:1", "docker.io/corpus/b:1"
ONE, TWO, THREE = (
    Image(layers=[layer({"base": b"base"}, "gzip")], config_members={"author": label}).node() for label in "123"
)


def joined(sources: Sequence[Sequence[Node]], folder: Path, call: Call) -> list[tuple[str, str]]:
    paths = [write_tar(folder / f"{number}.tar", build.layout(*roots)) for number, roots in enumerate(sources)]
    told(call("convert", *paths, folder / "dest", "--to", "oci-layout", "--no-sync"))
    entries = json.loads((folder / "dest" / "index.json").read_bytes())["manifests"]
    named = [one.get("annotations", {}) for one in entries]
    tags = [one.get(build.CONTAINERD_NAME) or one.get(build.REF_NAME, "") for one in named]
    return list(zip(tags, (one["digest"] for one in entries), strict=True))


# name: the roots of each source, the names in DEST with what they name
LAWFUL: dict[str, tuple[list[list[Node]], list[tuple[str, str]]]] = {
    "one-archive-with-a-name-twice": ([[ONE.named(A), TWO.named(A)]], [(A, ONE.digest), (A, TWO.digest)]),
    "one-archive-with-a-bare-name-twice": (
        [[ONE.named(ref_name="1"), TWO.named(ref_name="1")]], [("1", ONE.digest), ("1", TWO.digest)],
    ),
    "such-an-archive-and-another": (
        [[ONE.named(A), TWO.named(A)], [THREE.named(B)]], [(A, ONE.digest), (A, TWO.digest), (B, THREE.digest)],
    ),
    "another-and-such-an-archive": (
        [[THREE.named(B)], [ONE.named(A), TWO.named(A)]], [(B, THREE.digest), (A, ONE.digest), (A, TWO.digest)],
    ),
    "one-image-twice-in-one-archive": ([[ONE.named(A), ONE.named(A)]], [(A, ONE.digest), (A, ONE.digest)]),
    "one-image-of-two-archives-once": (
        [[ONE.named(A)], [ONE.named(A), TWO.named(B)]], [(A, ONE.digest), (B, TWO.digest)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LAWFUL)
def test_what_one_archive_says_of_a_name_comes_along(name: str, tmp_path: Path, cli_call: Call) -> None:
    sources, expected = LAWFUL[name]
    assert joined(sources, tmp_path, cli_call) == expected


@pytest.mark.parametrize("bare", [False, True])
def test_the_second_of_two_archives_may_not_claim_a_name(bare: bool, tmp_path: Path, cli_call: Call) -> None:
    one, two = (node.named(ref_name="1") if bare else node.named(A) for node in (ONE, TWO))
    paths = [write_tar(tmp_path / f"{number}.tar", build.layout(root)) for number, root in enumerate((one, two))]
    line = refused(cli_call("convert", *paths, tmp_path / "dest", "--to", "oci-layout"), 2, tmp_path / "dest")
    assert f"two images claim the name {'1' if bare else A}" in line
    assert f"({paths[0]}, {paths[1]}" in line
