"""Values as a catalogue keeps them: JSON, compressed, so that a changed byte is noticed (RFC 1950, ADLER32).

Values of an archive with very many blobs are written and read piece by piece: as a whole they are several times as
large in memory as the report that they are of. Anybody may have made what is read, so that it has bounds.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, Final

from ociarchive.errors import plural

#: Fast: these are a few kilobytes each. What fits into a small window needs no large one, which takes longer to clear
#: than such a text to compress (RFC 1950, CINFO); the bytes are as many.
_LEVEL: Final = 1
_SMALL: Final = 8 << 10
_WINDOW_OF_SMALL: Final = (13, 6)
_WINDOW: Final = (15, 8)
#: What is kept may unpack to so much: a report of as many lines as there may be has half of it, and what is written
#: larger has no more than so many times its size. That is read only of what no small catalogue can have.
REPORT: Final = 64 << 20
_TIMES: Final = 16
_LARGE: Final = 10_000_000
#: What stands before each value, and in strings too.
_MARKS: Final = ",[{:"
#: So many values are read at once: the images of as many lines as there may be. What is larger may have one for each
#: of its bytes.
_VALUES: Final = 1_500_000
#: One row of many: a place, and what is known of a blob, with paths of its tar. First and most that is looked at.
_ROW: Final = (1 << 10, 16 << 10, 256 << 10)
_ROWS: Final = 500_000


class TooManyError(ValueError):
    """There are more values than are read. The archive is audited again."""


def packed(value: object) -> bytes:
    """Return a value of JSON in few bytes. An iterator, or one in an object, is a list whose items come one by one."""
    pieces = _pieces(value)
    first: list[str] = []
    size = 0
    for piece in pieces:
        first.append(piece)
        size += len(piece)
        if size > _SMALL:
            break
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, *(_WINDOW_OF_SMALL if size <= _SMALL else _WINDOW))
    made = [compressor.compress(piece.encode("ascii")) for piece in chain(first, pieces)]
    return b"".join((*made, compressor.flush()))


def _pieces(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield "{"
        for number, (name, one) in enumerate(value.items()):
            yield f"{',' if number else ''}{_text(name)}:"
            yield from _pieces(one)
        yield "}"
    elif isinstance(value, Iterator):
        yield "["
        for number, one in enumerate(value):
            yield f"{',' if number else ''}{_text(one)}"
        yield "]"
    else:
        yield _text(value)


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def text_of(data: bytes, most: int = 0) -> str:
    """Return the text of a value. zlib.error, ValueError: the bytes are not those that were written, or are too many.

    TooManyError: they may be those, and are too many.
    """
    most = most or (REPORT if len(data) <= _LARGE else _TIMES * len(data))
    stream = zlib.decompressobj()
    found = stream.decompress(data, most)
    if stream.unconsumed_tail or not stream.eof:
        wrong = TooManyError if most < _TIMES * len(data) else ValueError
        raise wrong(f"a report of more than {plural(most, 'byte')}, or one that is cut")
    return found.decode("ascii")


def value_of(text: str, stored: int) -> Any:  # noqa: ANN401  what JSON holds
    """Return the value of a text that was kept in `stored` bytes. ValueError: it is none. TooManyError: as above."""
    if sum(map(text.count, _MARKS)) > (_VALUES if stored <= _LARGE else stored):
        raise TooManyError("a report of more values than are read")
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("a report that nests deeper than any") from None


def unpacked(data: bytes, most: int = 0) -> Any:  # noqa: ANN401  as above
    """Return a value again. Errors are those of both."""
    return value_of(text_of(data, most), len(data))


def split(text: str, key: str) -> tuple[str, int]:
    """Return an object's text without its last member, a list under `key`, and where the items of that begin.

    In a string of JSON the quotes have a backslash before them. ValueError: there is no such member.
    """
    mark = f',"{key}":['
    at = text.find(mark)
    if at < 0 or not text.endswith("]}"):
        raise ValueError(f"a report without {key}")
    return f"{text[:at]}}}", at + len(mark)


def rows(text: str, at: int, stored: int) -> Iterator[Any]:
    """Give the items of the list whose first begins at `at`, to the end of the text. Errors are those of `value_of`."""
    decoder = json.JSONDecoder()
    end = len(text) - len("]}")
    for _ in range(_ROWS if stored <= _LARGE else stored):
        if at >= end:
            return
        value, at = _row(text, at, decoder)
        yield value
        if at < end and text[at] != ",":
            raise ValueError("a row that does not end")
        at += 1
    raise TooManyError("a report of more rows than are read")


def _row(text: str, at: int, decoder: json.JSONDecoder) -> tuple[Any, int]:
    for most in _ROW:
        piece = text[at : at + most]
        try:
            value, length = decoder.raw_decode(piece)
        except (ValueError, RecursionError):
            if len(piece) < most:
                break
        else:
            return value, at + length
    raise ValueError("a row that is none, or longer than any")
