"""Any graph of parents, any change of a manifest of schema 1, any JSON: what is lawful is read, and nothing crashes."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ociarchive.oldimages import gojson
from tests.support import old
from tests.support.build import layer
from tests.support.call import Call
from tests.support.tar import write_folder, write_tar

MOST = 5
LAYERS = tuple(layer({f"file-{number}": b"x"}, "none") for number in range(MOST))
MANIFEST = old.signed(old.payload(LAYERS))
COMMON = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], database=None
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 63) - 1) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


def chain_of(parents: list[int | None], top: int) -> list[int] | None:
    """Give a layer and its parents, the base first; None where they end nowhere or lead back."""
    found = [top]
    while (parent := parents[found[-1]]) is not None:
        if parent in found or parent >= len(parents):
            return None
        found.append(parent)
    return found[::-1]


@settings(COMMON, max_examples=60)
@given(
    parents=st.lists(st.none() | st.integers(0, MOST), min_size=1, max_size=MOST),
    tops=st.lists(st.integers(0, MOST - 1), unique=True, max_size=3),
)
def test_an_image_has_the_layers_of_its_chain(
    parents: list[int | None], tops: list[int], tmp_path: Path, cli_call: Call
) -> None:
    named = [top for top in tops if top < len(parents)]
    texts = [old.v1(number, parent) for number, parent in enumerate(parents)]
    names = {"corpus/old": {f"t{top}": old.identity(top) for top in named}}
    path = write_tar(tmp_path / "a.tar", old.saved(LAYERS[: len(parents)], texts, names))
    result = cli_call("audit", "--format", "json", path)
    leaves = [number for number in range(len(parents)) if number not in {*named, *parents}]
    chains = {top: chain_of(parents, top) for top in (*named, *leaves)}
    reached = {number for chain in chains.values() if chain for number in chain}
    found = {
        (one["references"][0].rpartition(":t")[2] if one["references"] else "-"): [
            part["diff_id"] for part in one["layers"]
        ]
        for one in result.archive()["images"]
        if one["references"]
    }
    wanted = {
        str(top): [LAYERS[number].diff_id for number in chain]
        for top, chain in chains.items()
        if chain is not None and top in named
    }
    assert found == wanted
    assert len(result.archive()["images"]) == sum(chain is not None for chain in chains.values())
    sound = None not in chains.values() and len(reached) == len(parents)
    assert result.status == int(not sound or not chains)


@settings(COMMON, max_examples=80)
@given(data=st.data())
def test_no_change_of_a_manifest_crashes(data: st.DataObject, tmp_path: Path, cli_call: Call) -> None:
    at = data.draw(st.integers(0, len(MANIFEST) - 1))
    with_ = data.draw(st.binary(max_size=3))
    until = data.draw(st.integers(at, min(at + 40, len(MANIFEST))))
    changed = MANIFEST[:at] + with_ + MANIFEST[until:]
    path = tmp_path / "dir"
    if not path.exists():
        write_folder(path, old.schema1_dir(MANIFEST, LAYERS))
    (path / "manifest.json").write_bytes(changed)
    result = cli_call("audit", "--format", "json", path)
    assert result.status in (0, 1)
    assert "Traceback" not in result.stderr


@settings(COMMON, max_examples=200)
@given(value=st.dictionaries(st.text(max_size=6), VALUES, max_size=5), indent=st.none() | st.integers(0, 3))
def test_members_and_maps_are_each_others_inverse(value: dict[str, Any], indent: int | None) -> None:
    for ascii_only in (True, False):
        text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
        members = gojson.members(text.encode("utf-8", "surrogatepass"))
        assert {key: json.loads(one) for key, one in members.items()} == value
        written = gojson.of_map({key: gojson.compacted(one) for key, one in members.items()})
        assert json.loads(written) == value
        assert not {b"<"[0], b">"[0], b"&"[0]} & set(written)


@pytest.mark.parametrize("text", ["", "a", "\x00", "<", "\u2028"])
def test_strings_are_read_back(text: str) -> None:
    assert json.loads(gojson.string(text)) == text
