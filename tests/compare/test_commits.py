"""The comparison of two commits misses nothing that differs, and calls what is alike the same."""

from pathlib import Path
from typing import Any

import pytest

from ociarchive import formats
from tests.compare.calls import COMPRESSIONS, FORMATS, hashed
from tests.compare.commits import differences, results, table

SAME: dict[str, Any] = {"status": 0, "bytes": "aa", "findings": [], "report": {"archives": []}, "words": "notice: a"}
FINDING = {"rule": "tar-trailing", "severity": "warning", "message": "bytes stand behind the end"}
# what of a result is another, and how that is said
CHANGED: dict[str, tuple[object, str]] = {
    "status": (1, "0 -> 1"),
    "bytes": (None, "some -> none"),
    "findings": ([FINDING], "nothing -> warning tar-trailing"),
    "report": ({"archives": [1]}, "/archives: [] -> [1]"),
    "words": ("notice: b", "notice: a -> notice: b"),
}


@pytest.mark.parametrize("what", CHANGED)
def test_each_difference_is_said(what: str) -> None:
    value, how = CHANGED[what]
    assert list(differences(SAME, {**SAME, what: value})) == [(what, how)]


def test_the_table_counts_and_groups() -> None:
    old = {"convert a x": SAME, "convert b x": SAME, "audit a": SAME}
    changed = {**SAME, "status": 1}
    lines, same = table(old, {**old, "convert a x": changed, "convert b x": changed}, examples=1)
    assert not same
    assert lines[1].split()[:4] == ["convert", "2", "0", "same"]
    assert "convert: status of 2: 0 -> 1" in lines
    assert "    convert a x, and 1 more" in lines
    assert table(old, old, examples=1)[1]


def test_a_call_that_only_one_made_is_a_difference() -> None:
    lines, same = table({"audit a": SAME}, {}, examples=1)
    assert not same
    assert any("not made in NEW" in line for line in lines)


def test_every_archive_goes_into_every_format(tmp_path: Path) -> None:
    (found,) = results(["."], ["skopeo-docker-archive.tar"], tmp_path)
    assert len(found) == 2 + 2 * len(FORMATS) * len(COMPRESSIONS)
    assert set(FORMATS) == set(formats.written())
    assert {one["status"] for one in found.values()} == {0}
    assert len({one["bytes"] for call, one in found.items() if call.startswith("convert ")}) > 2 * len(FORMATS)
    assert found["audit skopeo-docker-archive.tar"]["report"]["archives"][0]["format"] == "docker-archive"


def test_the_digest_of_a_folder_is_of_names_and_bytes(tmp_path: Path) -> None:
    digests = set()
    for name, data in (("a", b"1"), ("a", b"2"), ("b", b"2")):
        folder = tmp_path / name / data.decode()
        folder.mkdir(parents=True)
        (folder / name).write_bytes(data)
        digests.add(hashed(folder))
    assert len(digests) == 3
    assert hashed(tmp_path / "absent") is None
