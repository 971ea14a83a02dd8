"""Hard links to layers below: what is found for all layers of an image at once is what each finds by itself."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ociarchive
from tests.support.build import Image, Layer, layout, packed
from tests.support.tar import Member, file, hardlink, symlink, tar, write_tar

NAMES = ("a", "d", "d/a", "d/b", "d/e/a", "d/e/b", "d0", "d-/a", "e/a")
WHITEOUTS = (".wh.a", ".wh.d", "d/.wh.a", "d/.wh.e", "d/.wh..wh..opq", "d/e/.wh..wh..opq", ".wh..wh..opq")


def members() -> st.SearchStrategy[list[Member]]:
    names = st.sampled_from(NAMES)
    return st.lists(
        st.one_of(
            st.builds(lambda name: file(name, b""), names),
            st.builds(lambda name: file(name, b""), st.sampled_from(WHITEOUTS)),
            st.builds(hardlink, names.map("l{}".format), names),
            st.builds(symlink, names, st.just("x")),
        ),
        max_size=6,
    )


def folders(path: str) -> set[str]:
    """Give every folder above a path."""
    return {path[:end] for end, sign in enumerate(path) if sign == "/"}


def own(layer: list[Member]) -> list[str]:
    """The targets of a layer's links that do not precede them, apart from those behind a linked folder."""
    paths: set[str] = set()
    found: dict[str, None] = {}
    for one in layer:
        if one.kind.name == "HARDLINK" and one.target not in paths:
            found[one.target] = None
        paths.add(one.name)
    linked = {one.name for one in layer if one.kind.name == "SYMLINK"}
    return [target for target in found if not folders(target) & linked]


def missing(layers: list[list[Member]], top: int) -> list[str]:
    """The targets of a layer's links that no layer below has, looked for one by one."""
    return [target for target in own(layers[top]) if not _is_below(layers[:top], target)]


def _is_below(below: list[list[Member]], target: str) -> bool:
    for layer in reversed(below):
        if any(one.name == target or (one.kind.name == "SYMLINK" and one.name in folders(target)) for one in layer):
            return True
        if any(_deletes(one.name, target) for one in layer):
            return False
    return False


def _deletes(name: str, target: str) -> bool:
    folder, _, base = name.rpartition("/")
    if base == ".wh..wh..opq":
        return folder in folders(target)
    gone = f"{folder}/{base[4:]}".lstrip("/")
    return base.startswith(".wh.") and (gone == target or gone in folders(target))


@given(layers=st.lists(members(), min_size=1, max_size=5), seed=st.integers(0, 9))
def test_each_layer_finds_what_it_finds_alone(
    layers: list[list[Member]], seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # Each layer has a file of its own, so that no two are one.
    numbered = [[*one, file(f"own{number}", b"")] for number, one in enumerate(layers)]
    made = [packed(tar(one), "none") for one in numbered]
    several = [made, made[: random.Random(seed).randint(1, len(made))]]
    source = archive(tmp_path_factory.mktemp("links") / "source", several)
    report = ociarchive.audit(source)
    found = {one.subject: (one.found, one.message) for one in report.findings if one.rule == "layer-link-dangling"}
    expected = {}
    for number, one in enumerate(made):
        lacks = missing(numbered, number)
        if lacks:
            expected[one.digest] = (repr(lacks[0]), len(lacks) - 1)
    assert {digest: told for digest, (told, _) in found.items()} == {
        digest: first for digest, (first, _) in expected.items()
    }
    for digest, (_, more) in expected.items():
        assert (f"and {more} more like it" in found[digest][1]) == (more > 0)


def archive(path: Path, images: list[list[Layer]]) -> Path:
    nodes = [
        Image(layers=layers, config_members={"author": str(number)}).node() for number, layers in enumerate(images)
    ]
    return write_tar(path, layout(*nodes))
