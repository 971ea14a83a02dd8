"""The config that Docker makes of v1 images. The facts were read from Docker 20.10.24 itself, form by form."""

import hashlib
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ociarchive import documents
from ociarchive.oldimages import v1image
from ociarchive.schema import Malformed
from ociarchive.values import Digest

#: v1 images, base first, with the diff_ids of their layers, and the image ID that Docker gave; null where it refused.
FACTS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "docker_20_10_24.json").read_text())
TAKEN = [one for one in FACTS if one["image_id"] is not None]
REFUSED = [one for one in FACTS if one["image_id"] is None]


def parsed(text: str) -> documents.Document:
    return documents.parse(text.encode(), "v1", limit=1 << 20, surrogates=True)


def image_id(texts: list[str], diff_ids: list[str], *, throwaways: bool) -> str:
    found = [v1image.read(parsed(text), throwaways=throwaways) for text in texts]
    last = len(found) - 1
    history = [one for number, one in enumerate(found) if number == 0 or one.id != found[number - 1].id]
    assert last >= 0
    made = v1image.config(parsed(texts[-1]), [Digest.parse(one) for one in diff_ids], history)
    return f"sha256:{hashlib.sha256(made).hexdigest()}"


@pytest.mark.parametrize("number", range(len(TAKEN)))
def test_the_image_id_is_dockers(number: int) -> None:
    one = TAKEN[number]
    assert image_id(one["v1"], one["diff_ids"], throwaways=one["form"] == "schema 1") == one["image_id"]


@pytest.mark.parametrize("number", [n for n, one in enumerate(REFUSED) if one["form"] == "docker save"])
def test_what_docker_refuses_is_refused(number: int) -> None:
    documents_of = list(map(parsed, REFUSED[number]["v1"]))
    with pytest.raises(Malformed):
        list(map(partial(v1image.read, throwaways=False), documents_of))


def test_both_ways_of_docker_are_among_the_facts() -> None:
    versions = [json.loads(one["v1"][-1]).get("docker_version") for one in TAKEN]
    assert {"1.8.2", "1.8.3"} <= {*versions}
    assert any("throwaway" in text for one in TAKEN for text in one["v1"])


@pytest.mark.parametrize(
    ("version", "blank"),
    [("1.8.2", False), ("1.8.3", True), ("1.10", True), ("1.8", False), ("", False), ("dev", False), ("2", True),
     ("1.8.3.1", True), ("20.10.24+dfsg1", True), ("-1.9.9", False), ("9" * 40, True), ("9" * 5000, True)],
)  # fmt: skip
def test_blank_members_stay_from_1_8_3_on(version: str, blank: bool) -> None:
    text = json.dumps({"docker_version": version, "author": "", "id": "a", "parent": "b", "layer_id": 1, "x": 1.50})
    made = json.loads(v1image.config(parsed(text), [], []))
    assert ("author" in made, "x" in made) == (blank, blank)
    assert made.keys().isdisjoint({"id", "parent", "layer_id", "Size", "parent_id", "throwaway"})
    assert made["rootfs"] == {"type": "layers"}
    assert made["history"] == []
