"""The faults of a table of contents, collected for the report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from ociarchive.errors import plural

if TYPE_CHECKING:
    from collections.abc import Iterator

#: How many wrong entries of one table are reported one by one. The rest are counted.
_TOLD: Final = 10
_NAME: Final = 120


class Fault(NamedTuple):
    """One fault: the rule it belongs to, and the message for people."""

    rule: str
    message: str
    expected: str | None = None
    found: str | None = None


class TableError(Exception):
    """Why a table cannot be read, or is not the one that the annotations name."""

    def __init__(self, rule: str, message: str, expected: str | None = None, found: str | None = None) -> None:
        super().__init__(message)
        self.fault = Fault(rule, message, expected, found)


class Faults:
    """Faults of one table in the order in which they were found, of each rule no more than can be read."""

    def __init__(self) -> None:
        self._kept: list[Fault] = []
        self._counts: dict[str, int] = {}

    def add(self, rule: str, message: str, expected: str | None = None, found: str | None = None) -> None:
        """Note a fault."""
        self._counts[rule] = self._counts.get(rule, 0) + 1
        if self._counts[rule] <= _TOLD:
            self._kept.append(Fault(rule, message, expected, found))

    def full(self, rule: str) -> bool:
        """Whether more faults of a rule are only counted."""
        return self._counts.get(rule, 0) >= _TOLD

    def __iter__(self) -> Iterator[Fault]:
        yield from self._kept
        for rule, count in self._counts.items():
            if count > _TOLD:
                more = plural(count - _TOLD, "more entry that is", "more entries that are")
                yield Fault(rule, f"the table of contents has {more} wrong like these")


def shown(name: str) -> str:
    """Return a member's name as messages give it."""
    return repr(name if len(name) <= _NAME else f"{name[:_NAME]}...")
