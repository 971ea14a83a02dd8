"""Values of a JSON document that a call names, read so strictly that a slip of the pen is an error with its place."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ociarchive.errors import UsageError, clipped
from ociarchive.values import type_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ociarchive.values import JSON

#: Characters of a member's name that messages show. Names of scopes have 255 at most, those of members fewer.
_SHOWN: Final = 300


@dataclass(frozen=True, slots=True)
class Member:
    """A value, its file, and its place in it. What is not as it should be raises UsageError, which names both.

    All values of a document share `kept`, where what it names many times is kept, so that it is loaded once.
    """

    value: JSON
    file: str
    place: str
    kept: dict[object, Any] = field(default_factory=dict, repr=False, compare=False)

    def wrong(self, what: str, expected: str | None = None, found: str | None = None) -> UsageError:
        """Return the error that says what is wrong with the value."""
        return UsageError(
            what, where=f"{self.file}: {self.place}" if self.place else self.file, expected=expected, found=found
        )

    def below(self, name: str, value: JSON) -> Member:
        """Return a member's value."""
        plain = name.replace("_", "").isalnum()
        shown = clipped(name, _SHOWN)  # every value below has it in its place
        place = f"{self.place}.{shown}".lstrip(".") if plain else f'{self.place}["{shown}"]'
        return Member(value, self.file, place, self.kept)

    def members(self) -> dict[str, Member]:
        """Return the members of an object."""
        if not isinstance(self.value, dict):
            raise self.wrong("no object", "an object", type_name(self.value))
        return {name: self.below(name, value) for name, value in self.value.items()}

    def only(self, needed: Iterable[str], allowed: Iterable[str]) -> dict[str, Member]:
        """Return the members of an object that has all that are needed, and no others than are allowed."""
        found = self.members()
        for name in found:
            if name not in (*needed, *allowed):
                raise found[name].wrong("a member that no policy has", f"one of {', '.join((*needed, *allowed))}")
        for name in needed:
            if name not in found:
                raise self.wrong(f"no member {name}", f"{name}")
        return found

    def entries(self) -> Iterator[Member]:
        """Give the entries of a list, at least one. Each takes more memory than what stands there."""
        if not isinstance(self.value, list):
            raise self.wrong("no list", "an array", type_name(self.value))
        if not self.value:
            raise self.wrong("an empty list", "at least one entry")
        for number, one in enumerate(self.value):
            yield Member(one, self.file, f"{self.place}[{number}]", self.kept)

    def text(self) -> str:
        """Return a string that is not empty."""
        if not isinstance(self.value, str) or not self.value:
            raise self.wrong("no text", "a string", type_name(self.value) if self.value != "" else "an empty one")
        return self.value

    def data(self) -> bytes:
        """Return what a string in base64 stands for."""
        try:
            return base64.b64decode(self.text().replace("\n", "").replace("\r", ""), validate=True)
        except (binascii.Error, ValueError):
            raise self.wrong("no base64") from None
