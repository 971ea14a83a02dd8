"""JSON as Go's encoding/json writes it (Go 1.19, with which Docker 20.10 was built): byte for byte.

A config that Docker makes has its digest for its image ID, so each byte counts: the order of members, the escapes, and
which text stays as it was written.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

#: A token of JSON that is known to be well-formed: a string, a mark, or a number, true, false or null.
_TOKEN: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[{}\[\],:]|[^\s{}\[\],:"]++', re.DOTALL)
#: What Go escapes so that JSON may stand in HTML (encoding/json, HTMLEscape): `<`, `>`, `&`, U+2028 and U+2029.
_UNSAFE: Final = re.compile(rb"[<>&]|\xe2\x80[\xa8\xa9]")
_SAFE: Final = {
    b"<": rb"\u003c", b">": rb"\u003e", b"&": rb"\u0026", b"\xe2\x80\xa8": rb"\u2028", b"\xe2\x80\xa9": rb"\u2029",
}  # fmt: skip
#: What a string must not hold as it is, beside those (encoding/json, encodeState.string).
_CONTROL: Final = re.compile(rb'["\\\x00-\x1f]')
_SHORT: Final = {b'"': rb"\"", b"\\": rb"\\", b"\n": rb"\n", b"\r": rb"\r", b"\t": rb"\t"}
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def decoded(text: str) -> str:
    """Return a string as Go decodes it: half of a UTF-16 pair becomes U+FFFD."""
    return _SURROGATE.sub("\ufffd", text)


def string(text: str) -> bytes:
    """Return a string as JSON."""
    raw = _CONTROL.sub(lambda found: _escape(found[0]), decoded(text).encode())
    return b'"' + _html_safe(raw) + b'"'


def compacted(raw: bytes) -> bytes:
    """Return well-formed JSON without blanks; numbers and the escapes in it stay as they are (json.RawMessage)."""
    return b"".join(_html_safe(token[0]) for token in _TOKEN.finditer(raw))


def members(raw: bytes) -> dict[str, bytes]:
    """Return the members of a well-formed object, each value as it is written."""
    found: dict[str, bytes] = {}
    depth = begin = 0
    key: str | None = None
    for token in _TOKEN.finditer(raw):
        first = token[0][:1]
        if depth == 1 and key is None:
            if first == b'"':
                key, begin = decoded(json.loads(token[0])), token.end()
        elif depth == 1 and first in b",}" and key is not None:
            found[key] = raw[raw.index(b":", begin) + 1 : token.start()].strip()
            key = None
        depth += (first in b"{[") - (first in b"}]")
    return found


def of_map(values: Mapping[str, bytes]) -> bytes:
    """Return an object of members that are JSON already, in the order of their keys' bytes, as Go writes a map."""
    return _joined((key, values[key]) for key in sorted(values, key=str.encode))


def of_struct(values: Iterable[tuple[str, bytes]]) -> bytes:
    """Return an object of members that are JSON already, in the order given."""
    return _joined(values)


def array(values: Iterable[bytes]) -> bytes:
    """Return an array of values that are JSON already."""
    return b"[" + b",".join(values) + b"]"


def _joined(values: Iterable[tuple[str, bytes]]) -> bytes:
    def each() -> Iterator[bytes]:
        for key, value in values:
            yield string(key) + b":" + value

    return b"{" + b",".join(each()) + b"}"


def _escape(char: bytes) -> bytes:
    return _SHORT.get(char) or b"\\u%04x" % char[0]


def _html_safe(raw: bytes) -> bytes:
    return _UNSAFE.sub(lambda found: _SAFE[found[0]], raw)
