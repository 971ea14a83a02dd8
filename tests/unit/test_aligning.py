"""Alignment against the table that defines a longest common subsequence."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ociarchive.comparison import aligning
from ociarchive.comparison.aligning import Pair, aligned, matched

WORDS = st.lists(st.sampled_from("abcd"), max_size=9)


def longest(old: Sequence[str], new: Sequence[str]) -> int:
    table = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i in reversed(range(len(old))):
        for j in reversed(range(len(new))):
            same = old[i] == new[j]
            table[i][j] = table[i + 1][j + 1] + 1 if same else max(table[i + 1][j], table[i][j + 1])
    return table[0][0]


def check_order(old: Sequence[str], new: Sequence[str], pairs: Sequence[Pair]) -> None:
    assert [i for i, _ in pairs if i is not None] == list(range(len(old)))
    assert [j for _, j in pairs if j is not None] == list(range(len(new)))


@settings(max_examples=300)
@given(old=WORDS, new=WORDS)
def test_the_common_ones_are_as_many_as_can_be(old: list[str], new: list[str]) -> None:
    pairs = aligned(old, new)
    check_order(old, new, pairs)
    common = [(i, j) for i, j in pairs if i is not None and j is not None]
    assert all(old[i] == new[j] for i, j in common)
    assert len(common) == longest(old, new)


@settings(max_examples=300)
@given(data=st.data(), old=WORDS, new=WORDS)
def test_partners_keep_the_order_and_the_common_ones(data: st.DataObject, old: list[str], new: list[str]) -> None:
    hints = [data.draw(st.lists(st.sampled_from("xy"), min_size=len(one), max_size=len(one))) for one in (old, new)]
    pairs = matched(old, new, hints)
    check_order(old, new, pairs)
    common = {(i, j) for i, j in aligned(old, new) if i is not None and j is not None}
    assert common <= set(pairs)


def test_hints_decide_between_partners() -> None:
    made = (["COPY a", "RUN apt"], ["COPY a", "COPY new", "RUN apt"])
    assert matched(["base", "old"], ["base", "new", "other"], made) == [(0, 0), (None, 1), (1, 2)]
    without = (["", "x"], ["", "y", "z"])
    assert matched(["base", "old"], ["base", "new", "other"], without) == [(0, 0), (1, 1), (None, 2)]


def test_many_equal_entries_cost_no_product(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aligning, "_MOST", 50)
    old, new = [*"aabab" * 12], [*"babba" * 12]
    pairs = aligned(old, new)
    check_order(old, new, pairs)
    assert all(old[i] == new[j] for i, j in pairs if i is not None and j is not None)
    assert aligned(["x", *"ab" * 30], [*"ab" * 30, "y"])[0] == (0, None)
