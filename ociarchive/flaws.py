"""Faults after which a reader could continue. The audit's rules turn them into findings."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Flaws of one rule that are kept: enough to see what is wrong, few enough to hold and to read.
MAX_PER_RULE: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """One observation. `rule` is the id of its rule. Only the rule knows the severity.

    `subject` is the digest or name that the flaw is about, `where` the place in the archive.
    """

    rule: str
    where: str
    message: str
    subject: str | None = None
    expected: str | None = None
    found: str | None = None


class Flaws:
    """Flaws in the order in which they were noticed, each once, and of each rule no more than can be read."""

    def __init__(self) -> None:
        self._kept: dict[Flaw, None] = {}
        self._counts: Counter[str] = Counter()

    def add(self, flaw: Flaw) -> None:
        """Note something."""
        if flaw in self._kept:
            return
        self._counts[flaw.rule] += 1
        if self._counts[flaw.rule] <= MAX_PER_RULE:
            self._kept[flaw] = None

    def __iter__(self) -> Iterator[Flaw]:
        yield from self._kept
        for rule, count in self._counts.items():
            if count > MAX_PER_RULE:
                where = next(flaw.where for flaw in self._kept if flaw.rule == rule)
                yield Flaw(rule=rule, where=where, message=f"and {count - MAX_PER_RULE} more like these")

    def __len__(self) -> int:
        return len(self._kept)
