"""DER, as far as time stamps need it: a value with its tag, and the values inside of it. Pure.

Source: X.690, Distinguished Encoding Rules. Only tags below 31 and definite, shortest lengths are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from ociarchive.signing.values import BrokenError

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, OID, GENERALIZED_TIME = 0x01, 0x02, 0x03, 0x04, 0x06, 0x18
SEQUENCE, SET = 0x30, 0x31
#: Tags that mean what their place says, primitive and constructed.
CONTEXT, CONSTRUCTED = 0x80, 0xA0
#: So many values may stand in one; a token has a dozen.
_MANY: Final = 1024
#: Seconds, with a fraction that no zero ends (X.690, 11.7).
_TIME: Final = len("20260102030405Z")


@dataclass(frozen=True, slots=True)
class Value:
    """A value: its tag, the bytes inside, and all bytes with tag and length."""

    tag: int
    content: bytes
    whole: bytes

    def children(self, tag: int | None = None) -> list[Value]:
        """Return the values inside; with `tag` this value has to have it. BrokenError: there are no values inside."""
        if tag is not None:
            self.require(tag)
        found, rest = [], self.content
        while rest:
            one = _first(rest)
            found.append(one)
            rest = rest[len(one.whole) :]
            if len(found) > _MANY:
                raise BrokenError("a value in DER has too many parts")
        return found

    def require(self, tag: int) -> Value:
        """Return this value. BrokenError: its tag is another one."""
        if self.tag != tag:
            raise BrokenError(f"a value in DER has the tag {self.tag:#x}", expected=f"{tag:#x}")
        return self

    @property
    def oid(self) -> str:
        """An object identifier in dots. BrokenError: it is none."""
        numbers, number = [], 0
        for position, byte in enumerate(self.require(OID).content):
            number = number << 7 | byte & 0x7F
            if number >> 64:
                raise BrokenError("an object identifier has a number that is too large")
            if not byte & 0x80:
                numbers.append(number)
                number = 0
            elif position == len(self.content) - 1:
                raise BrokenError("an object identifier has no end")
        if not numbers:
            raise BrokenError("an object identifier is empty")
        first = min(numbers[0] // 40, 2)
        return ".".join(map(str, (first, numbers[0] - 40 * first, *numbers[1:])))

    @property
    def number(self) -> int:
        """An integer. BrokenError: it is none."""
        return int.from_bytes(self.require(INTEGER).content, signed=True)

    @property
    def time(self) -> datetime:
        """A moment, to the microsecond. BrokenError: it is none (RFC 3161, 2.4.2, genTime)."""
        text = self.require(GENERALIZED_TIME).content.decode("ascii", "replace")
        form = "%Y%m%d%H%M%SZ" if len(text) == _TIME else "%Y%m%d%H%M%S.%fZ"
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            raise BrokenError("a time in DER cannot be read") from None


def parse_der(raw: bytes) -> Value:
    """Return the one value in some DER. BrokenError: there is more, less, or none."""
    found = _first(raw)
    if len(found.whole) != len(raw):
        raise BrokenError("a value in DER has bytes after its end")
    return found


def _first(raw: bytes) -> Value:
    if len(raw) < 2 or raw[0] & 0x1F == 0x1F:  # noqa: PLR2004  a tag and a length; tags of many bytes
        raise BrokenError("a value in DER cannot be read")
    size, start = raw[1], 2
    if size & 0x80:
        count = size & 0x7F
        start += count
        size = int.from_bytes(raw[2:start])
        if not 1 <= count <= 4 or size < 0x80 or size >> 8 * (count - 1) == 0:  # noqa: PLR2004  X.690, 10.1
            raise BrokenError("a length in DER is not the shortest")
    if len(raw) < start + size:
        raise BrokenError("a value in DER is cut off")
    return Value(raw[0], raw[start : start + size], raw[: start + size])
