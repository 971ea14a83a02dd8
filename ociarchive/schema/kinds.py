"""Kinds of values that members of documents have, as values, so that a document's schema is a table.

Sources: RFC 8259 (types), RFC 3339, 5.6 (times); what Go's encoding/json takes into a struct: a whole number has
neither fraction nor exponent, an empty struct is any object, and null is taken for every type.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from ociarchive.documents import folded
from ociarchive.values import JSON, type_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Members: TypeAlias = dict[str, JSON]

#: How much of a value messages show, in characters.
SHOWN: Final = 60
#: What `found` says where a member is absent.
NOTHING: Final = "nothing"
_TIME: Final = re.compile(
    r"([0-9]{4})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt]"
    r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])\Z"
)
#: Lawful by RFC 3339 and refused by Go: small letters, leap seconds.
_ODD_TIME: Final = re.compile(r"[tz]|:60")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: in words, and what was `expected` and `found` in its place.

    `pointer` is the JSON pointer (RFC 6901) of the member.
    """

    rule: str
    message: str
    pointer: str
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class Kind:
    """What a member may be. `unlike` returns what is found if a value is of another kind, else None.

    `expected` says what it should be. `says` says that it is not.
    """

    expected: str
    unlike: Callable[[JSON], str | None]
    says: str = "has the wrong type"


#: The members of an object with their kinds, or the tables of theirs.
Table: TypeAlias = "Mapping[str, Kind]"


def shown(value: JSON) -> str:
    """Return a value as `found` shows it: a text or number itself, of anything else its type."""
    if isinstance(value, str):
        return repr(value[:SHOWN]) if value else "an empty string"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)[:SHOWN]
    return type_name(value)


def found_in(members: Members, key: str) -> str:
    """Return the value of a member in the words of `found`. Absent, empty and null are distinguished."""
    if key not in members:
        return NOTHING
    return "an empty string" if members[key] == "" else type_name(members[key])


def _of(kind: type | tuple[type, ...]) -> Callable[[JSON], str | None]:
    return lambda value: None if isinstance(value, kind) else type_name(value)


def _whole(value: JSON) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return None
    return str(value)[:SHOWN] if isinstance(value, float) else type_name(value)


def _time(value: JSON) -> str | None:
    found = _TIME.match(value) if isinstance(value, str) else None
    if found is None or int(found[3]) > monthrange(max(int(found[1]), 1), int(found[2]))[1]:
        return shown(value) if isinstance(value, str) else type_name(value)
    return None


def _time_of_go(value: JSON) -> str | None:
    return shown(value) if isinstance(value, str) and _ODD_TIME.search(value) else None


def _array(good: Callable[[JSON], bool], a: str) -> Callable[[JSON], str | None]:
    """Return a check that a value is an array of `good` items. `a` shows an item that is not."""

    def unlike(value: JSON) -> str | None:
        if not isinstance(value, list):
            return type_name(value)
        bad = [item for item in value if not good(item)]
        return f"{a} {shown(bad[0]) if isinstance(bad[0], str) else type_name(bad[0])}" if bad else None

    return unlike


def _map(good: Callable[[JSON], bool]) -> Callable[[JSON], str | None]:
    """Return a check that a value is an object of `good` values."""

    def unlike(value: JSON) -> str | None:
        if not isinstance(value, dict):
            return type_name(value)
        bad = next((key for key, item in value.items() if not good(item)), None)
        return None if bad is None else f"{type_name(value[bad])} for {bad[:SHOWN]!r}"

    return unlike


def _is_text(item: JSON) -> bool:
    return isinstance(item, str)


def _is_text_or_null(item: JSON) -> bool:
    return item is None or isinstance(item, str)


def _is_object_or_null(item: JSON) -> bool:
    return item is None or isinstance(item, dict)


def _is_variable(item: JSON) -> bool:
    return isinstance(item, str) and "=" in item[1:]


_TEXTS_OF_GO: Final = _array(_is_text_or_null, "an array with")

STRING: Final = Kind("a string", _of(str))
BOOLEAN: Final = Kind("a boolean", _of(bool))
OBJECT: Final = Kind("an object", _of(dict))
ARRAY: Final = Kind("an array", _of(list))
WHOLE: Final = Kind("a whole number", _whole)
TIME: Final = Kind("a time by RFC 3339", _time, "is no time")
#: A time that is lawful and yet none to Go.
TIME_OF_GO: Final = Kind("capital T and Z, and a second below 60", _time_of_go, "is a time that Go does not read")
STRINGS: Final = Kind("an array of strings", _array(_is_text, "an array with"))
#: Strings that Go reads, which takes null among them for an empty one.
STRINGS_OF_GO: Final = Kind("an array of strings", _TEXTS_OF_GO)
#: Docker's `strslice`, which is one string as well.
STRING_OR_STRINGS: Final = Kind(
    "an array of strings, or one string", lambda value: None if isinstance(value, str) else _TEXTS_OF_GO(value)
)
VARIABLES: Final = Kind("an array of NAME=VALUE strings", _array(_is_variable, "the entry"), "is no list of variables")
TEXTS: Final = Kind("an object of strings", _map(_is_text))
#: Texts that Go reads, which takes null among them for an empty one.
TEXTS_OF_GO: Final = Kind("an object of strings", _map(_is_text_or_null))
#: Go's `map[string]struct{}`: names whose values are empty objects.
NAMES: Final = Kind("an object of empty objects", _map(_is_object_or_null))


def checked(members: Members, table: Table, pointer: str, rule: str = "schema") -> Iterator[Problem]:
    """Give what is wrong with the members that a table knows; those that are absent or null are not."""
    for key, kind in table.items():
        yield from one(members.get(key), kind, key, f"{pointer}/{key}", rule)


def judged(members: Members, table: Table, finer: Table, pointer: str, rule: str) -> Iterator[Problem]:
    """Give the faults by a table, then further faults by a `finer` table, which belong to `rule`."""
    wrong = list(checked(members, table, pointer))
    places = {problem.pointer for problem in wrong}
    yield from wrong
    yield from (problem for problem in checked(members, finer, pointer, rule) if problem.pointer not in places)


def one(value: JSON, kind: Kind, name: str, pointer: str, rule: str = "schema") -> Iterator[Problem]:
    """Give what is wrong with a value that messages call `name`; null is not."""
    if value is not None and (found := kind.unlike(value)) is not None:
        yield Problem(rule, f"{name} {kind.says}", pointer, kind.expected, found)


def in_case(members: Members, known: frozenset[str], pointer: str) -> Iterator[Problem]:
    """Give the keys that differ from known ones in case alone.

    Go reads `Layers` as `layers`, and the last of them where both exist. Others do not: two readers see two documents.
    """
    alike = {folded(key): key for key in known}
    for key in members:
        if key not in known and (meant := alike.get(folded(key))) is not None:
            what = f"key {key[:SHOWN]!r} differs from {meant!r} in case alone"
            yield Problem("key-case", what, f"{pointer}/{key}", repr(meant), repr(key[:SHOWN]))
