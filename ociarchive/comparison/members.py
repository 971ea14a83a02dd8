"""What differs between two JSON values, member by member. Each place is a JSON pointer (RFC 6901)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ociarchive.blobio.limits import Limits
from ociarchive.comparison.aligning import matched
from ociarchive.comparison.difference import Change
from ociarchive.comparison.work import Work

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from ociarchive.documents import Document
    from ociarchive.values import JSON


def changes(old: JSON, new: JSON) -> tuple[Change, ...]:
    """Return what differs between two values, in the order of the old one's members. New members come last.

    Entries of arrays are aligned, so that an inserted entry is one addition. `NAME=value`, as in environment variables,
    is paired with the same name. A history step is paired with the same command.
    """
    return tuple(Values(Work(Limits(), "")).changes(old, new))


class Values:
    """Numbers for values: equal values have one number. So each value is visited once, however deep it is nested.

    This holds however many others it is compared with. Values must live as long as this object.
    """

    def __init__(self, work: Work) -> None:
        """`work` limits all comparisons together."""
        self._work = work
        self._between: dict[tuple[int, int], tuple[Change, ...]] = {}
        self._numbers: dict[Hashable, int] = {}
        self._seen: dict[int, int] = {}

    def between(self, old: Document, new: Document) -> tuple[Change, ...]:
        """Return what differs between two documents. It is found once, and counted each time. LimitError: as below."""
        key = (id(old), id(new))
        if key not in self._between:
            same = old.raw == new.raw
            self._between[key] = () if same else tuple(self.changes(old.value, new.value))
        else:
            for change in self._between[key]:
                self._work.list(change.pointer, change.old, change.new)
        return self._between[key]

    def changes(self, old: JSON, new: JSON, pointer: str = "") -> Iterator[Change]:
        """Give what differs between two values at a place. LimitError: it is too much work, or the list is too long."""
        for change in self._changes(old, new, pointer):
            self._work.list(change.pointer, change.old, change.new)
            yield change

    def _changes(self, old: JSON, new: JSON, pointer: str) -> Iterator[Change]:
        self._work.spend(1)
        if isinstance(old, dict) and isinstance(new, dict):
            if self._number(old) == self._number(new):
                return
            self._work.spend(len(old) + len(new))
            for key in (*old, *(key for key in new if key not in old)):
                place = f"{pointer}/{escaped(key)}"
                if key not in new:
                    yield Change(pointer=place, kind="removed", old=old[key])
                elif key not in old:
                    yield Change(pointer=place, kind="added", new=new[key])
                else:
                    yield from self._changes(old[key], new[key], place)
        elif isinstance(old, list) and isinstance(new, list):
            yield from self._entries(old, new, pointer)
        elif self._number(old) != self._number(new):
            yield Change(pointer=pointer, kind="changed", old=old, new=new)

    def _entries(self, old: list[JSON], new: list[JSON], pointer: str) -> Iterator[Change]:
        numbers = [[self._number(entry) for entry in entries] for entries in (old, new)]
        hints = [[self._hint(entry) for entry in entries] for entries in (old, new)]
        for i, j in matched(numbers[0], numbers[1], hints, self._work.spend):
            if i is None:
                yield Change(pointer=f"{pointer}/{j}", kind="added", new=new[j or 0])
            elif j is None:
                yield Change(pointer=f"{pointer}/{i}", kind="removed", old=old[i])
            elif numbers[0][i] != numbers[1][j]:
                yield from self._changes(old[i], new[j], f"{pointer}/{j}")

    def _hint(self, entry: JSON) -> Hashable:
        """Return the part of an entry that its replacement is likely to share."""
        if isinstance(entry, str):
            return entry.partition("=")[0]
        made = entry.get("created_by") if isinstance(entry, dict) else None
        return made if isinstance(made, str) else self._number(entry)

    def _number(self, value: JSON) -> int:
        """Return the number of a value. 1 is neither true nor 1.0. The order of members has no meaning."""
        known = self._seen.get(id(value))
        if known is not None:
            return known
        key: Hashable
        if isinstance(value, dict):
            key = ("object", frozenset((name, self._number(member)) for name, member in value.items()))
        elif isinstance(value, list):
            key = ("array", tuple(self._number(entry) for entry in value))
        else:
            key = (type(value), repr(value))
        number = self._numbers.setdefault(key, len(self._numbers))
        if isinstance(value, dict | list):  # these live as long as the documents; others may be created again
            self._seen[id(value)] = number
        return number


def escaped(key: str) -> str:
    """Return a member's name as a JSON pointer has it."""
    return key.replace("~", "~0").replace("/", "~1")
