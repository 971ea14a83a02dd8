"""Strict JSON. What all parsers do not read alike is refused.

Go, Python and JavaScript disagree on doubled keys, NaN and large numbers. A document that two readers read differently
proves nothing (RFC 8259, 4 and 6; I-JSON, RFC 7493, 2).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite
from string import ascii_lowercase, ascii_uppercase
from typing import TYPE_CHECKING, Any, Final, TypeGuard

from ociarchive.errors import ContentError, plural

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from typing import NoReturn

    from ociarchive.values import JSON

_DEPTH: Final = 100
_INT64: Final = range(-(1 << 63), 1 << 63)
_INT64_DIGITS: Final = 20
_SHOWN: Final = 40
_BRACKETS: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)
_BLANK: Final = re.compile(r"[ \t\n\r]*")
#: Python's words for text after the end of a document.
_TRAILING: Final = "Extra data"
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
#: The capitals, and the two characters beside the Latin letters that Go takes for k and s.
_FOLD: Final = str.maketrans(ascii_uppercase + "\u212a\u017f", ascii_lowercase + "ks")
#: What stands before each value. So many stay within the memory bound, whatever they are: an empty array is two bytes,
#: and Python needs 88 for it.
_MARKS: Final = (b",", b"[", b"{", b":")
_VALUES: Final = 1_250_000
#: Larger documents may have a value for so many bytes. Inventories, receipts and what engines print have 20 and more.
_VALUE: Final = 8
#: What begins and ends values in documents that come in pieces. A table of as many entries as may be has 5 million.
_BOUNDS: Final = (b"[", b"]", b"{", b"}", b'"')
_TOKENS: Final = 6_000_000
#: How much of a value that comes one by one is looked at, first and at most. An entry of a table of contents has some
#: hundred bytes, and more only where a file has extended attributes, which file systems bound to 64 KiB each.
_PIECES: Final = (4 << 10, 64 << 10, 1 << 20)


class DocumentError(ContentError):
    """A document that is not strict JSON. `rule` is the id of the audit's rule for the fault."""

    def __init__(
        self, what: str, rule: str, *, where: str, expected: str | None = None, found: str | None = None
    ) -> None:
        super().__init__(what, where=where, expected=expected, found=found)
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Document:
    """A JSON document: its bytes as they are, and their value."""

    raw: bytes
    value: JSON

    @property
    def members(self) -> dict[str, JSON]:
        """The members of an object; empty for any other value."""
        return self.value if isinstance(self.value, dict) else {}


def parse(
    raw: bytes, where: str, *, limit: int, depth: int = _DEPTH, surrogates: bool = False, values: int | None = None
) -> Document:
    """Return the document in `raw`. DocumentError says what is wrong with it, at `where`.

    `limit` is in bytes, `depth` in levels of arrays and objects. `surrogates` allows half of a UTF-16 pair. Go turns it
    into U+FFFD. `values` is how many values it may have, counted as `marks` does; None: as many as fit into memory.
    """
    most = max(_VALUES, len(raw) // _VALUE) if values is None else values
    if most < len(raw) <= limit and marks(raw) > most:
        raise DocumentError(f"document has more than {plural(most, 'value')}", "limit-values", where=where)
    text = _text(raw, where, limit, depth)
    with _refusing(where):
        value: JSON = json.loads(text, **_HOOKS)
    document = Document(raw, value)
    if not surrogates and has_lone_surrogate(document):
        raise DocumentError("document has half of a surrogate pair in a string", "json-surrogate", where=where)
    return document


def parse_list(raw: bytes, where: str, key: str, *, limit: int, depth: int = _DEPTH) -> Iterator[tuple[str, JSON]]:
    """Give the members of the object in `raw`. Those of the list under `key` come one by one, each under that key.

    It serves documents whose bytes fit into memory, and whose values do not. Half of a surrogate pair is allowed.
    DocumentError: as in `parse`, but perhaps after some members.
    """
    if _TOKENS < len(raw) <= limit and sum(map(raw.count, _BOUNDS)) > _TOKENS:
        raise DocumentError("document has more values than a table has", "limit-values", where=where)
    text = _text(raw, where, limit, depth)
    decoder = json.JSONDecoder(**_HOOKS)
    with _refusing(where):
        yield from _members(text, decoder, key)


def folded(key: str) -> str:
    """Return what a key and all keys that Go takes for it have in common (encoding/json, Unmarshal).

    It serves to find keys that are in ASCII, as all known ones are.
    """
    return key.translate(_FOLD)


def marks(raw: bytes) -> int:
    """Return how many values a document may have, at most: what stands before a value is counted, in strings too."""
    return sum(map(raw.count, _MARKS))


def _members(text: str, decoder: json.JSONDecoder, key: str) -> Iterator[tuple[str, JSON]]:
    found, at = _mark(text, 0, "{")
    seen: set[str] = set()
    if text[_blank(text, at)] == "}":
        found, at = _mark(text, at, "}")
    while found != "}":
        name, at = _next(text, _blank(text, at), decoder)
        if not isinstance(name, str):
            raise json.JSONDecodeError("Expecting property name enclosed in double quotes", text, at)
        if name in seen:
            raise _doubled(name)
        seen.add(name)
        _, at = _mark(text, at, ":")
        at = _blank(text, at)
        if name == key and text[at] == "[":
            at = yield from _items(text, at + 1, decoder, name)
        else:
            value, at = _next(text, at, decoder)
            yield name, value
        found, at = _mark(text, at, ",}")
    if _BLANK.fullmatch(text, at) is None:
        raise json.JSONDecodeError(_TRAILING, text, at)


def _items(text: str, at: int, decoder: json.JSONDecoder, key: str) -> Generator[tuple[str, JSON], None, int]:
    """Give the values of the list that begins at `at`; return where it ends."""
    if text[_blank(text, at)] == "]":
        return _blank(text, at) + 1
    found = ","
    while found == ",":
        value, at = _next(text, _blank(text, at), decoder)
        yield key, value
        found, at = _mark(text, at, ",]")
    return at


def _next(text: str, at: int, decoder: json.JSONDecoder) -> tuple[JSON, int]:
    """Return the value that begins at `at`, and where it ends. _Refused: it is longer than any."""
    for length in _PIECES:
        piece = text[at : at + length]
        last = at + length >= len(text)
        try:
            value, end = decoder.raw_decode(piece)
        except json.JSONDecodeError as error:
            if last:
                raise json.JSONDecodeError(error.msg, text, at + error.pos) from None
        else:
            if last or end < length:  # a number may go on behind the piece
                return value, at + end
    raise _Refused(f"a value of more than {_PIECES[-1]} characters", "limit-document")


def _blank(text: str, at: int) -> int:
    """Return where the white space at `at` ends. JSONDecodeError: the text ends there."""
    found = _BLANK.match(text, at)
    end = found.end() if found else at
    if end == len(text):
        raise json.JSONDecodeError("Unexpected end", text, end)
    return end


def _mark(text: str, at: int, marks: str) -> tuple[str, int]:
    """Return which of these marks comes next, and where it ends."""
    at = _blank(text, at)
    if text[at] not in marks:
        raise json.JSONDecodeError(f"Expecting {' or '.join(marks)}", text, at)
    return text[at], at + 1


def _text(raw: bytes, where: str, limit: int, depth: int) -> str:
    """Return the text of a document that is neither too large nor too deep."""
    if len(raw) > limit:
        raise too_large(len(raw), limit, where)
    if raw.startswith(b"\xef\xbb\xbf"):
        raise DocumentError("document begins with a byte order mark", "json-bom", where=where)
    if _too_deep(raw, depth):
        what = f"document nests more than {depth} deep, --limit depth=N lifts this limit"
        raise DocumentError(what, "limit-depth", where=where)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        what = f"document is not UTF-8 from byte {error.start} on"
        raise DocumentError(what, "json-encoding", where=where) from None


@contextmanager
def _refusing(where: str) -> Iterator[None]:
    """Turn what the parser refuses into a DocumentError."""
    try:
        yield
    except json.JSONDecodeError as error:
        at = len(error.doc[: error.pos].encode("utf-8", "surrogatepass"))
        if error.msg == _TRAILING:
            raise DocumentError(
                f"document has text after its end, at byte {at}", "json-trailing", where=where
            ) from None
        raise DocumentError(f"document is not JSON: {error.msg} at byte {at}", "json-invalid", where=where) from None
    except _Refused as refused:
        raise DocumentError(f"document has {refused}", refused.rule, where=where) from None


def too_large(size: int | None, limit: int, where: str) -> DocumentError:
    """Return the error of a document of more bytes than allowed; `size` is None where only that is known."""
    return DocumentError(
        "document is too large, --limit manifest-size=N or config-size=N lifts this limit",
        "limit-document",
        where=where,
        expected=f"{plural(limit, 'byte')} at most",
        found=plural(size, "byte") if size is not None else "more",
    )


def has_lone_surrogate(document: Document) -> bool:
    """Whether a string of the document has half of a UTF-16 pair in it."""
    return b"\\u" in document.raw and _lone_surrogate(document.value)


class _Refused(Exception):
    """Something that JSON parsers read differently, in words."""

    def __init__(self, what: str, rule: str = "json-number") -> None:
        super().__init__(what)
        self.rule = rule


def _unique(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    members = dict(pairs)
    if len(members) != len(pairs):
        counts = Counter(key for key, _ in pairs)
        raise _doubled(next(key for key, count in counts.items() if count > 1))
    return members


def _doubled(key: str) -> _Refused:
    return _Refused(f"the key {key[:_SHOWN]!r} twice in one object", "json-duplicate-key")


def _whole(digits: str) -> int:
    if len(digits) > _INT64_DIGITS or (number := int(digits)) not in _INT64:
        raise _Refused(f"a number beyond 64 bits: {digits[:_SHOWN]}")
    return number


def _fraction(digits: str) -> float:
    number = float(digits)
    if not isfinite(number):
        raise _Refused(f"a number beyond a double: {digits[:_SHOWN]}")
    return number


def _constant(name: str) -> NoReturn:
    raise _Refused(f"{name}, which is no JSON")


#: The parser calls these for everything on which parsers disagree.
_HOOKS: Final[dict[str, Any]] = {
    "object_pairs_hook": _unique,
    "parse_int": _whole,
    "parse_float": _fraction,
    "parse_constant": _constant,
}


def is_whole(value: JSON) -> TypeGuard[int]:
    """Whether a value is a whole number; `true` and 1.0 are none, though Python takes them for one."""
    return isinstance(value, int) and not isinstance(value, bool)


def dump(value: JSON) -> bytes:
    """Return the canonical bytes of a rewritten value: compact, UTF-8, members in their order."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8")


def make(value: JSON) -> Document:
    """Return the document of a new value."""
    return Document(dump(value), value)


def _too_deep(raw: bytes, limit: int) -> bool:
    if raw.count(b"[") + raw.count(b"{") <= limit:
        return False
    depth = 0
    for token in _BRACKETS.finditer(raw):
        first = raw[token.start()]
        if first in b"[{":
            depth += 1
            if depth > limit:
                return True
        elif first in b"]}":
            depth -= 1
            if depth < 0:  # no JSON goes on behind its end
                return False
    return False


def _lone_surrogate(value: JSON) -> bool:
    if isinstance(value, str):
        return bool(_SURROGATE.search(value))
    if isinstance(value, list):
        return any(map(_lone_surrogate, value))
    if isinstance(value, dict):
        return any(_SURROGATE.search(key) or _lone_surrogate(item) for key, item in value.items())
    return False
