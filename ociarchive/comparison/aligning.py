"""Align two sequences: the entries that are in both, in the same order, and those between them."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence

#: The positions of an entry in the old and in the new sequence; None where one has no partner.
Pair: TypeAlias = "tuple[int | None, int | None]"
#: How many pairs of equal entries are examined. An entry that occurs often in both makes as many pairs as the product.
#: With more pairs than this, the first is paired with the first, the second with the second, and so on.
_MOST: Final = 250_000


def _free(_: int) -> None:
    """Count nothing."""


def aligned(old: Sequence[Hashable], new: Sequence[Hashable], spend: Callable[[int], None] = _free) -> list[Pair]:
    """Return every entry of both sequences once, in order. Equal entries are paired as far as the order allows.

    The pairs are a longest common subsequence if no entry occurs very often. Between pairs, old entries come before
    new ones, each without a partner. `spend` receives the number of steps before they are taken.
    """
    spend(len(old) + len(new))
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    middle = _common(old[start : len(old) - end], new[start : len(new) - end], spend)
    pairs: list[Pair] = [(at, at) for at in range(start)]
    at_old = at_new = start
    for i, j in (*((i + start, j + start) for i, j in middle), (len(old) - end, len(new) - end)):
        pairs.extend((at, None) for at in range(at_old, i))
        pairs.extend((None, at) for at in range(at_new, j))
        if i < len(old) - end:
            pairs.append((i, j))
        at_old, at_new = i + 1, j + 1
    pairs.extend((len(old) - at, len(new) - at) for at in range(end, 0, -1))
    return pairs


def matched(
    old: Sequence[Hashable],
    new: Sequence[Hashable],
    hints: Sequence[Sequence[Hashable]],
    spend: Callable[[int], None] = _free,
) -> list[Pair]:
    """Return `aligned` pairs in which the entries between two equal ones have partners too, as far as possible.

    `hints` has a key for each old and each new entry. Of unequal entries, those with the same key are paired first,
    then those in the same gap, in order. `spend` receives steps as in `aligned`.
    """
    found: list[Pair] = []
    left: list[int] = []
    right: list[int] = []
    for i, j in (*aligned(old, new, spend), (-1, -1)):
        if i is None:
            right.append(j or 0)
        elif j is None:
            left.append(i)
        else:
            found.extend(_gap(left, right, hints, spend))
            found.append((i, j))
            left, right = [], []
    return found[:-1]


def _gap(
    left: list[int], right: list[int], hints: Sequence[Sequence[Hashable]], spend: Callable[[int], None]
) -> Iterator[Pair]:
    rest_left: list[int] = []
    rest_right: list[int] = []
    keyed = aligned([hints[0][i] for i in left], [hints[1][j] for j in right], spend)
    for i, j in (*keyed, (-1, -1)):
        if i is None:
            rest_right.append(right[j or 0])
        elif j is None:
            rest_left.append(left[i])
        else:
            both = min(len(rest_left), len(rest_right))
            yield from zip(rest_left[:both], rest_right[:both], strict=True)
            yield from ((one, None) for one in rest_left[both:])
            yield from ((None, one) for one in rest_right[both:])
            rest_left, rest_right = [], []
            if i >= 0:
                yield left[i], right[j]


def _common(old: Sequence[Hashable], new: Sequence[Hashable], spend: Callable[[int], None]) -> list[tuple[int, int]]:
    """Return a longest common subsequence as positions in both (Hunt and Szymanski, 1977)."""
    places: dict[Hashable, list[int]] = defaultdict(list)
    for j, key in enumerate(new):
        places[key].append(j)
    counts = Counter(old)
    pairs = sum(count * len(places[key]) for key, count in counts.items() if key in places)
    if pairs > _MOST:
        places, old = _numbered(old, new)
    else:
        spend(pairs)
    ends: list[int] = []  # the last place in `new` of the best subsequence of each length
    links: list[tuple[int, int, int]] = []  # a pair and the link before it
    heads: list[int] = []  # the link that ends the subsequence of each length
    for i, key in enumerate(old):
        for j in reversed(places.get(key, ())):
            length = bisect_left(ends, j)
            links.append((i, j, heads[length - 1] if length else -1))
            if length == len(ends):
                ends.append(j)
                heads.append(len(links) - 1)
            else:
                ends[length] = j
                heads[length] = len(links) - 1
    found = []
    link = heads[-1] if heads else -1
    while link >= 0:
        i, j, link = links[link]
        found.append((i, j))
    return found[::-1]


def _numbered(old: Sequence[Hashable], new: Sequence[Hashable]) -> tuple[dict[Hashable, list[int]], Sequence[Hashable]]:
    """Make every entry unique, by how often it occurred before."""

    def numbered(entries: Sequence[Hashable]) -> Iterator[tuple[Hashable, int]]:
        seen: Counter[Hashable] = Counter()
        for key in entries:
            seen[key] += 1
            yield key, seen[key]

    return {key: [j] for j, key in enumerate(numbered(new))}, list(numbered(old))
