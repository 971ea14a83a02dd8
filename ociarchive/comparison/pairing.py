"""Which image of one archive to compare with which image of the other: by name and platform, else by image ID.

A name may have moved to another image, so names come first. If names do not help, and each archive has one image or
one index of platforms, these two are compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ociarchive.comparison.units import Unit

By: TypeAlias = "Literal['name', 'image id', 'platform', 'alone']"


@dataclass(frozen=True, slots=True)
class Couple:
    """Two images to compare, or one that has no counterpart (`by` is `alone`)."""

    old: Unit | None
    new: Unit | None
    by: By


def couples(old: Sequence[Unit], new: Sequence[Unit]) -> list[Couple]:
    """Return every image of both archives in at least one couple, in the old archive's order first.

    An image may be in two couples, if one of its names moved to another image.
    """
    found: dict[tuple[int, int], Couple] = {}

    def take(pairs: Iterator[tuple[Unit, Unit]], by: By) -> None:
        for one, other in pairs:
            found.setdefault((id(one), id(other)), Couple(one, other, by))

    def left(units: Sequence[Unit], side: int) -> list[Unit]:
        taken = {key[side] for key in found}
        return [unit for unit in units if id(unit) not in taken]

    take(_by_name(old, new), "name")
    take(_by_id(left(old, 0), left(new, 1)), "image id")
    if _one_group(old) and _one_group(new):
        take(_by_slot(left(old, 0), left(new, 1)), "platform")
    order = {id(unit): number for number, unit in enumerate(old)}
    pairs = [*found.values(), *(Couple(unit, None, "alone") for unit in left(old, 0))]
    pairs.sort(key=lambda couple: order[id(couple.old)])
    return [*pairs, *(Couple(None, unit, "alone") for unit in left(new, 1))]


def _by_name(old: Sequence[Unit], new: Sequence[Unit]) -> Iterator[tuple[Unit, Unit]]:
    named_old, named_new = _named(old), _named(new)
    for name, mine in named_old.items():
        yield from _by_slot(mine, named_new.get(name, []))


def _named(units: Sequence[Unit]) -> dict[str, list[Unit]]:
    found: dict[str, list[Unit]] = {}
    for unit in units:
        for name in sorted(unit.called):
            found.setdefault(name, []).append(unit)
    return found


def _by_slot(old: Sequence[Unit], new: Sequence[Unit]) -> Iterator[tuple[Unit, Unit]]:
    """Pair images of one name: by platform, the same image first; an image without a platform with a single image."""
    rest = _Rest(new)
    unpaired = []
    ids = {unit.image_id for unit in new}
    for unit in sorted(old, key=lambda unit: unit.image_id not in ids):
        other = rest.take((unit.runs_on, unit.image_id)) or rest.take((unit.runs_on, ""))
        if other is None:
            unpaired.append(unit)
        else:
            yield unit, other
    left = rest.left()
    if len(unpaired) == len(left) == 1 and "" in (unpaired[0].runs_on, left[0].runs_on):
        yield unpaired[0], left[0]


def _by_id(old: Sequence[Unit], new: Sequence[Unit]) -> Iterator[tuple[Unit, Unit]]:
    """Pair the same images, of the same platform first."""
    rest = _Rest(new)
    unpaired = []
    for unit in old:
        other = rest.take((unit.runs_on, unit.image_id))
        if other is None:
            unpaired.append(unit)
        else:
            yield unit, other
    for unit in unpaired:
        other = rest.take(("", unit.image_id), anywhere=True)
        if other is not None:
            yield unit, other


class _Rest:
    """Images without a partner so far, by platform and image ID."""

    def __init__(self, units: Sequence[Unit]) -> None:
        self._left = {id(unit): unit for unit in units}
        self._by: dict[tuple[str, str, bool], list[Unit]] = {}
        for unit in reversed(units):
            for key in (
                (unit.runs_on, unit.image_id, False),
                (unit.runs_on, "", False),
                ("", unit.image_id, True),
            ):
                self._by.setdefault(key, []).append(unit)

    def take(self, key: tuple[str, str], *, anywhere: bool = False) -> Unit | None:
        """Take the first image of a platform and an image ID. An empty ID means any, and `anywhere` any platform."""
        waiting = self._by.get((*key, anywhere), [])
        while waiting:
            unit = self._left.pop(id(waiting.pop()), None)
            if unit is not None:
                return unit
        return None

    def left(self) -> list[Unit]:
        """Return the images that were not taken."""
        return list(self._left.values())


def _one_group(units: Sequence[Unit]) -> bool:
    """Whether all images have the same names: one image, or one index of several platforms."""
    return len({unit.called for unit in units}) == 1
