"""What some things lead to, directly or by others: of manifests that refer to one another, of indexes in indexes."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping

T = TypeVar("T", bound="Hashable")


def reached(begin: Iterable[T], leading: Mapping[T, Iterable[T]]) -> frozenset[T]:
    """Return these and all that they lead to, where `leading` has what each leads to. Each is visited once."""
    found = set(begin)
    pending = list(found)
    while pending:
        for one in leading.get(pending.pop(), ()):
            if one not in found:
                found.add(one)
                pending.append(one)
    return frozenset(found)
