"""What index.json says and a format without one has no place for is named, on stderr and in the receipt."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.build import AMD64, Image, Json, Node, artifact, layer, layout
from tests.support.call import Call, Result, told
from tests.support.tar import write_folder

IMAGE = Image(layers=[layer({"etc/name": b"base"}, "gzip")])
A, B = "docker.io/corpus/a:1", "docker.io/corpus/b:1"
PLAIN = IMAGE.node().named(A, "1")
FORMS = ("dir", "registry-storage")


def converted(
    call: Call, tmp_path: Path, roots: Sequence[Node], form: str, members: Json | None = None
) -> tuple[Result, list[str]]:
    path = write_folder(tmp_path / "source", layout(*roots, **(members or {})))
    receipt = tmp_path / "receipt.json"
    result = told(call("convert", path, tmp_path / "dest", "--to", form, "--receipt", receipt, "--no-sync"))
    return result, [one["what"] for one in json.loads(receipt.read_bytes())["left_out"]]


@pytest.mark.parametrize("form", FORMS)
def test_members_of_index_json_are_named(form: str, tmp_path: Path, cli_call: Call) -> None:
    result, left = converted(cli_call, tmp_path, [PLAIN], form, {"annotations": {"a": "b"}, "odd": 1})
    assert "annotations, odd of index.json" in left
    assert "notice: annotations, odd of index.json: a " in result.stderr


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("node", "what"),
    [
        (PLAIN.described(odd=1), "odd"),
        (PLAIN.described(urls=["https://example.com/a"]), "urls"),
        (PLAIN.annotated(created="now", by="me"), "annotation created, annotation by"),
        (PLAIN.described(platform={**AMD64.members(), "variant": "v3"}), "platform"),
        (PLAIN.described(artifactType="application/vnd.example"), "artifactType"),
    ],
)
def test_what_an_entry_says_is_named(node: Node, what: str, form: str, tmp_path: Path, cli_call: Call) -> None:
    result, left = converted(cli_call, tmp_path, [node], form)
    assert f"{what} of the entry of {A}" in left
    assert f"notice: {what} of the entry of {A}: a " in result.stderr


@pytest.mark.parametrize("form", FORMS)
def test_entries_that_lose_the_same_are_one_notice(form: str, tmp_path: Path, cli_call: Call) -> None:
    nodes = [IMAGE.node().named(name, "1").annotated(created="now") for name in (A, B)]
    _, left = converted(cli_call, tmp_path, nodes, form)
    assert [one for one in left if "annotation" in one] == [f"annotation created of the entry of {A}, {B}"]


@pytest.mark.parametrize("form", FORMS)
def test_a_ref_name_that_is_no_tag_of_the_image_is_named(form: str, tmp_path: Path, cli_call: Call) -> None:
    _, left = converted(cli_call, tmp_path, [IMAGE.node().named(A, "other")], form)
    assert "name other" in left


def test_every_ref_name_of_the_image_of_a_dir_is_named(tmp_path: Path, cli_call: Call) -> None:
    _, left = converted(cli_call, tmp_path, [IMAGE.node().named("", name) for name in ("one", "two")], "dir")
    assert left == ["name one", "name two"]


@pytest.mark.parametrize("form", FORMS)
def test_what_is_said_elsewhere_is_no_loss(form: str, tmp_path: Path, cli_call: Call) -> None:
    document = artifact(b"x", "application/vnd.example").named(B)
    nodes = [PLAIN.described(platform=AMD64.members())] if form == "dir" else [PLAIN, document]
    result, left = converted(cli_call, tmp_path, nodes, form)
    assert not [one for one in left if " of " in one]
    assert " of the entry of " not in result.stderr


@pytest.mark.parametrize("form", ["oci-layout", "docker-archive"])
def test_a_format_with_an_index_json_keeps_all(form: str, tmp_path: Path, cli_call: Call) -> None:
    node = PLAIN.described(odd=1).annotated(created="now")
    _, left = converted(cli_call, tmp_path, [node], form, {"annotations": {"a": "b"}})
    assert left == []
