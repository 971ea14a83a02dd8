"""Whether a link leads out of its folder, by its text alone: where that says no, the system has to say so too."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ociarchive.catalogue import stamps


@pytest.mark.parametrize(
    ("name", "target", "inside"),
    [
        ("a", "b", True),
        ("a", "./b//c/", True),
        ("d/a", "../b", True),
        ("d/e/a", "../../b", True),
        ("d/a", "../../b", False),
        ("a", "..", False),
        ("a", "b/../c", False),
        ("a", "/top/b", True),
        ("a", "/top", True),
        ("a", "/top/../b", False),
        ("a", "/topmost/b", False),
        ("a", "/b", False),
    ],
)
def test_where_a_link_leads(name: str, target: str, *, inside: bool) -> None:
    assert stamps._stays_inside(name, target, "/top") is inside


PARTS = st.lists(st.sampled_from(["..", ".", "", "a", "b", "c"]), min_size=1, max_size=4).map("/".join)
LINKS = st.dictionaries(st.sampled_from(["a", "b", "d/a", "d/c", "d/e/b"]), PARTS.filter(bool), max_size=4)


@given(links=LINKS)
def test_where_all_links_stay_inside_none_leads_out(
    links: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    top = Path(os.path.realpath(tmp_path_factory.mktemp("top")))
    (top / "d" / "e").mkdir(parents=True)
    for name, target in links.items():
        (top / name).symlink_to(target)
    if all(stamps._stays_inside(name, target, str(top)) for name, target in links.items()):
        for name in links:
            real = os.path.realpath(top / name)
            assert os.path.commonpath((top, real)) == str(top)


def test_two_files_of_one_size_and_one_time_are_two(tmp_path: Path) -> None:
    """A clock counts in steps, so that times may be equal: a link that leads to the other file is seen by its inode."""
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(name.encode())
    link = tmp_path / "link"
    found = []
    for name in ("a", "b"):
        link.unlink(missing_ok=True)
        link.symlink_to(name)
        one = stamps.stamp(str(link))
        assert one is not None
        found.append(replace(one, mtime_ns=0, ctime_ns=0))
    assert found[0] != found[1]
