"""What an archive is called and holds, held against what a receipt lists: each difference once, in words.

A name that moved, went or came is a difference of its own; blobs of one kind that went or came are one together. What
follows from these is not told again: an index.json of other bytes, or another order of its entries.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ociarchive.auditing.rule import MAX_FINDINGS
from ociarchive.errors import plural, some

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from ociarchive.auditing.holding import Entry, Holding
    from ociarchive.auditing.listing import Object
    from ociarchive.blobio.partlist import Part
    from ociarchive.values import JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One way in which an archive is another than its receipt says. `subject` is a name, a digest or a file."""

    what: str
    subject: str
    expected: str | None = None
    found: str | None = None


class Few:
    """The differences that a report shows. Of the others only their number is kept."""

    def __init__(self) -> None:
        self._kept: list[Difference] = []
        self._more = 0

    def __bool__(self) -> bool:
        return bool(self._kept)

    def take(self, found: Iterable[Difference]) -> None:
        """Take some differences."""
        for one in found:
            if len(self._kept) < MAX_FINDINGS:
                self._kept.append(one)
            else:
                self._more += 1

    def told(self, where: str) -> Iterator[Difference]:
        """Give those that are shown, then how many more there are."""
        yield from self._kept
        if self._more:
            yield Difference(what=f"and {self._more} more like these", subject=where)


def names(listed: Holding, here: Holding) -> Iterator[Difference]:
    """Give each name that leads elsewhere, is another, is gone or is new.

    What is not complete may have more names than it says.
    """
    before, now = listed.names, here.names
    gone = [name for name in before if name not in now] if here.complete else []
    new = [name for name in now if name not in before] if here.complete and listed.complete else []
    for name in before:
        if name in now and now[name] != before[name]:
            yield Difference(
                what=f"the name {name} leads to something else than the receipt says",
                subject=name,
                expected=", ".join(before[name]),
                found=", ".join(now[name]),
            )
    called: dict[tuple[str, ...], list[str]] = {}
    for name in reversed(new):
        called.setdefault(now[name], []).append(name)
    renames = set()
    for name in gone:
        others = called.get(before[name])
        if others:
            renamed = others.pop()
            renames.add(renamed)
            what = f"what the receipt calls {name} is called {renamed}"
            yield Difference(what=what, subject=name, expected=name, found=renamed)
        else:
            told = ", ".join(before[name])
            yield Difference(what=f"the name {name}, which the receipt lists, is gone", subject=name, expected=told)
    for name in new:
        if name in renames:
            continue
        what = f"the name {name} is not in the receipt"
        yield Difference(what=what, subject=name, found=", ".join(now[name]))


def gone(kind: str, digests: Collection[str]) -> Iterator[Difference]:
    """Give the things of a kind that are in the receipt and not in the archive, together."""
    if digests:
        what = f"the receipt lists {_told(kind, digests)}, which {_is(digests)} not in the archive"
        yield Difference(what=what, subject=min(digests), expected=some(sorted(digests)))


def new(kind: str, digests: Collection[str]) -> Iterator[Difference]:
    """Give the things of a kind that are in the archive and not in the receipt, together."""
    if digests:
        what = f"the archive holds {_told(kind, digests)}, which {_is(digests)} not in the receipt"
        yield Difference(what=what, subject=min(digests), found=some(sorted(digests)))


def changed(kind: str, digests: Collection[str]) -> Iterator[Difference]:
    """Give the things of a kind whose bytes are others than their digest says, together."""
    if digests:
        what = f"the bytes of {_told(kind, digests)} in the receipt are others"
        yield Difference(what=what, subject=min(digests), expected=some(sorted(digests)))


def _told(kind: str, digests: Collection[str]) -> str:
    if len(digests) == 1:
        return f"{kind} {next(iter(digests))}"
    return plural(len(digests), kind, "indexes" if kind == "index" else None)


def _is(things: Collection[str]) -> str:
    return "is" if len(things) == 1 else "are"


def entries(listed: Holding, here: Holding) -> Iterator[Difference]:
    """Give the entries of which something else than the name or the digest is another, and another order of all.

    Both holdings have the same names.
    """
    if not (listed.described and here.described):
        return
    before, now = _grouped(listed.entries), _grouped(here.entries)
    known = False
    for key, descriptors in before.items():
        others = now.get(key)
        if others is None or sorted(map(_text, descriptors)) == sorted(map(_text, others)):
            continue
        known = True
        label = key[0][0] if key[0] else key[1]
        if len(descriptors) != len(others):
            times = [plural(len(found), "time") for found in (others, descriptors)]
            what = f"{label} stands {times[0]} in the archive, {times[1]} in the receipt"
            yield Difference(what=what, subject=label)
            continue
        pairs = list(zip(descriptors, others, strict=True))
        paths = sorted({path for pair in pairs for path in _differing(*pair)})
        one, other = next(pair for pair in pairs if _text(pair[0]) != _text(pair[1]))
        yield Difference(
            what=f"the entry of {label} says something else than the receipt: {some(map('.'.join, paths))}",
            subject=label,
            expected=_at(one, paths[0]) if len(paths) == 1 else None,
            found=_at(other, paths[0]) if len(paths) == 1 else None,
        )
    told, found = ([], []) if known else (_sequence(listed), _sequence(here))
    if told != found:
        same = Counter(told) == Counter(found)
        what = "the entries stand in another order than in the receipt" if same else "the entries are others"
        yield Difference(what=what, subject="entries")


def _grouped(every: Sequence[Entry]) -> Mapping[tuple[tuple[str, ...], str], list[Object]]:
    found: dict[tuple[tuple[str, ...], str], list[Object]] = {}
    for one in every:
        found.setdefault((one.names, one.digest), []).append(one.descriptor)
    return found


def _sequence(held: Holding) -> list[tuple[tuple[str, ...], str]]:
    return [(one.names, _text(one.descriptor)) for one in held.entries]


def _text(value: JSON) -> str:
    """Return a value in one spelling, whatever the order of its members."""
    return json.dumps(value, sort_keys=True)


def _differing(one: JSON, other: JSON, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Give the paths of the members in which two values differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in {*one, *other}:
            yield from _differing(one.get(key), other.get(key), (*path, key))
    elif _text(one) != _text(other):
        yield path


def _at(value: JSON, path: tuple[str, ...]) -> str:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return "nothing" if value is None else value if isinstance(value, str) else _text(value)


def parts(listed: Sequence[Part], here: Sequence[Part]) -> Difference:
    """Return the difference of parts that are others than those in the receipt."""
    before, now = {part.name: part for part in listed}, {part.name: part for part in here}
    others = [name for name in {**before, **now} if before.get(name) != now.get(name)] or [*now]
    what = f"the parts are others than the receipt says: {some(others)}"
    return Difference(what=what, subject=others[0])


def files(listed: Holding, here: Holding, *, beside: Collection[str]) -> Iterator[Difference]:
    """Give the files beside the blobs that are others, gone or new, together each; not those `beside` them.

    Links to blobs, as a registry has them, follow from what they link where `beside` names anything.
    """
    if listed.files is None or here.files is None:
        return

    def counts(name: str) -> bool:
        return not beside or not (name in beside or name.endswith("/link"))

    before = {one.name: one for one in listed.files if counts(one.name)}
    now = {one.name: one for one in here.files if counts(one.name)}
    kinds = (
        ("other than the receipt says", [name for name in before if name in now and before[name] != now[name]]),
        ("in the receipt and not in the archive", [name for name in before if name not in now]),
        ("in the archive and not in the receipt", [name for name in now if name not in before]),
    )
    for how, found in kinds:
        if found:
            count = f"the file {found[0]} is" if len(found) == 1 else f"{plural(len(found), 'file')} are"
            more = "" if len(found) == 1 else f": {some(found)}"
            yield Difference(what=f"{count} {how}{more}", subject=found[0])
