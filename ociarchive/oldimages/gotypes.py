"""Types of Go, as far as Docker's v1 images have them: how a JSON value is read into one, and written again.

A type is a value, so that a struct is a table of its fields. Go takes null for every type, and a key in any case
(encoding/json, Unmarshal).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

from ociarchive.documents import folded
from ociarchive.oldimages import gojson, gotime
from ociarchive.schema import Malformed, shown
from ociarchive.values import JSON, type_name

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")
_INT64: Final = range(-(1 << 63), 1 << 63)


class GoType(Protocol[T]):
    """A type: its zero value, and how values of it are read and written.

    `read` returns what a JSON value makes of the value that was there `before`. Malformed: Go refuses it, at `pointer`.
    `is_empty` says whether `omitempty` leaves a value out.
    """

    def zero(self) -> T:
        """Return what a field is that no member sets."""

    def read(self, value: JSON, before: T, pointer: str) -> T:
        """Return the value that a JSON value is."""

    def write(self, value: T) -> bytes:
        """Return a value as JSON."""

    def is_empty(self, value: T) -> bool:
        """Whether a value is Go's empty one."""


def _wrong(expected: str, value: JSON, pointer: str) -> Malformed:
    what = "a member of a v1 image has the wrong type"
    return Malformed(what, pointer, expected=expected, found=type_name(value))


@dataclass(frozen=True, slots=True)
class String:
    """string."""

    def zero(self) -> str:
        """Return no text."""
        return ""

    def read(self, value: JSON, before: str, pointer: str) -> str:
        """Take a string."""
        if value is None:
            return before
        if not isinstance(value, str):
            raise _wrong("a string", value, pointer)
        return gojson.decoded(value)

    def write(self, value: str) -> bytes:
        """Return it with Go's escapes."""
        return gojson.string(value)

    def is_empty(self, value: str) -> bool:
        """No text."""
        return not value


@dataclass(frozen=True, slots=True)
class Bool:
    """bool."""

    def zero(self) -> bool:
        """Return false."""
        return False

    def read(self, value: JSON, before: bool, pointer: str) -> bool:  # noqa: FBT001  as all types have it
        """Take true or false."""
        if value is not None and not isinstance(value, bool):
            raise _wrong("true or false", value, pointer)
        return before if value is None else value

    def write(self, value: bool) -> bytes:  # noqa: FBT001  as all types have it
        """Return true or false."""
        return b"true" if value else b"false"

    def is_empty(self, value: bool) -> bool:  # noqa: FBT001  as all types have it
        """False."""
        return not value


@dataclass(frozen=True, slots=True)
class Int:
    """int64."""

    def zero(self) -> int:
        """Return 0."""
        return 0

    def read(self, value: JSON, before: int, pointer: str) -> int:
        """Take a number without fraction and exponent, of 64 bits with a sign."""
        if value is None:
            return before
        if isinstance(value, bool) or not isinstance(value, int) or value not in _INT64:
            raise _wrong("a whole number of 64 bits", value, pointer)
        return value

    def write(self, value: int) -> bytes:
        """Return its digits."""
        return b"%d" % value

    def is_empty(self, value: int) -> bool:
        """0."""
        return value == 0


@dataclass(frozen=True, slots=True)
class Time:
    """time.Time."""

    def zero(self) -> str:
        """Return the first of January of the year 1."""
        return gotime.ZERO

    def read(self, value: JSON, before: str, pointer: str) -> str:
        """Take a time of RFC 3339."""
        if value is None:
            return before
        found = gotime.normal(value) if isinstance(value, str) else None
        if found is None:
            what = "a time of a v1 image is none that Go reads"
            raise Malformed(what, pointer, expected="a time of RFC 3339", found=shown(value))
        return found

    def write(self, value: str) -> bytes:
        """Return it as Go writes it."""
        return gojson.string(value)

    def is_empty(self, value: str) -> bool:
        """A struct is never empty."""
        del value
        return False


@dataclass(frozen=True, slots=True)
class Strings:
    """[]string. With `or_one`, strslice.StrSlice, which takes a single string too."""

    or_one: bool = False

    def zero(self) -> None:
        """Return nil."""

    def read(self, value: JSON, before: list[str] | None, pointer: str) -> list[str] | None:
        """Take an array of strings."""
        del before
        if value is None:
            return None
        if self.or_one and isinstance(value, str):
            return [gojson.decoded(value)]
        if not isinstance(value, list):
            raise _wrong("an array of strings", value, pointer)
        return [STRING.read(one, "", f"{pointer}/{number}") for number, one in enumerate(value)]

    def write(self, value: list[str] | None) -> bytes:
        """Return an array, and null where there is none."""
        return b"null" if value is None else gojson.array(map(gojson.string, value))

    def is_empty(self, value: list[str] | None) -> bool:
        """None, or an array without elements."""
        return not value


@dataclass(frozen=True, slots=True)
class Map:
    """A map from strings to `of`."""

    of: GoType[Any]

    def zero(self) -> None:
        """Return nil."""

    def read(self, value: JSON, before: dict[str, Any] | None, pointer: str) -> dict[str, Any] | None:
        """Take an object."""
        if value is None:
            return None
        if not isinstance(value, dict):
            raise _wrong("an object", value, pointer)
        # Each spelling of a key adds to the same map, and a name may have thousands of spellings: none is copied.
        found = {} if before is None else before
        for key, one in value.items():
            found[gojson.decoded(key)] = self.of.read(one, self.of.zero(), f"{pointer}/{key}")
        return found

    def write(self, value: dict[str, Any] | None) -> bytes:
        """Return an object in the order of its keys, and null where there is none."""
        return b"null" if value is None else gojson.of_map({key: self.of.write(one) for key, one in value.items()})

    def is_empty(self, value: dict[str, Any] | None) -> bool:
        """None, or a map without elements."""
        return not value


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a struct: the key of its member, its type, and whether it is left out where it is empty."""

    name: str
    type: GoType[Any]
    omitempty: bool = False


@dataclass(frozen=True, slots=True)
class Struct:
    """A struct, as a mapping from the names of its fields to their values."""

    fields: tuple[Field, ...]
    _exact: Mapping[str, Field] = field(init=False, repr=False, compare=False)
    _alike: Mapping[str, Field] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Find the fields by their names once: an object may have each of thousands of spellings of one of them."""
        object.__setattr__(self, "_exact", {one.name: one for one in self.fields})
        object.__setattr__(self, "_alike", {folded(one.name): one for one in reversed(self.fields)})

    def zero(self) -> dict[str, Any]:
        """Return the zero values of all fields."""
        return {one.name: one.type.zero() for one in self.fields}

    def read(self, value: JSON, before: Mapping[str, Any], pointer: str) -> dict[str, Any]:
        """Take an object; members that are no field count nothing."""
        found = dict(before)
        if value is None:
            return found
        if not isinstance(value, dict):
            raise _wrong("an object", value, pointer)
        for key, one in value.items():
            known = self._exact.get(key) or self._alike.get(folded(key))
            if known is not None:
                found[known.name] = known.type.read(one, found[known.name], f"{pointer}/{key}")
        return found

    def write(self, value: Mapping[str, Any]) -> bytes:
        """Return an object in the order of the fields."""
        written = [one for one in self.fields if not (one.omitempty and one.type.is_empty(value[one.name]))]
        return gojson.of_struct((one.name, one.type.write(value[one.name])) for one in written)

    def is_empty(self, value: Mapping[str, Any]) -> bool:
        """A struct is never empty."""
        del value
        return False


@dataclass(frozen=True, slots=True)
class Pointer(Generic[T]):
    """A pointer to `to`."""

    to: GoType[T]

    def zero(self) -> None:
        """Return nil."""

    def read(self, value: JSON, before: T | None, pointer: str) -> T | None:
        """Take what it points to."""
        return None if value is None else self.to.read(value, self.to.zero() if before is None else before, pointer)

    def write(self, value: T | None) -> bytes:
        """Return what it points to, and null where there is none."""
        return b"null" if value is None else self.to.write(value)

    def is_empty(self, value: T | None) -> bool:
        """Nil."""
        return value is None


STRING: Final = String()
BOOL: Final = Bool()
INT: Final = Int()
TIME: Final = Time()
STRINGS: Final = Strings()
STR_SLICE: Final = Strings(or_one=True)
SET: Final = Map(Struct(()))
TEXTS: Final = Map(STRING)
