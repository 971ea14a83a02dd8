"""JSON in pieces: a report may be a hundred times as large as the archive, and is never held as a whole."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from json.encoder import encode_basestring_ascii
from typing import Final

#: Characters of a text that are handed on together.
_PIECE: Final = 1 << 16


def written(value: object, newline: str) -> Iterator[str]:
    """Write a value as `json.dumps` does with an indent of 2, one entry after the other where it is an iterator.

    `newline` begins a line at the value's own depth. No text of JSON has a newline in it (RFC 8259, 7).
    """
    inner = f"{newline}  "
    if isinstance(value, dict) and any(isinstance(member, Iterator | dict) for member in value.values()):
        for number, (key, member) in enumerate(value.items()):
            yield f"{',' if number else '{'}{inner}{_key(key)}: "
            yield from written(member, inner)
        yield f"{newline}}}"
    elif isinstance(value, Iterator):
        empty = True
        for member in value:
            yield f"{'[' if empty else ','}{inner}"
            yield from written(member, inner)
            empty = False
        yield "[]" if empty else f"{newline}]"
    else:
        yield _text(value, newline)


def gathered(pieces: Iterable[str]) -> Iterator[str]:
    """Give the same text in fewer and larger pieces."""
    waiting: list[str] = []
    length = 0
    for piece in pieces:
        waiting.append(piece)
        length += len(piece)
        if length >= _PIECE:
            yield "".join(waiting)
            waiting.clear()
            length = 0
    yield "".join(waiting)


def _text(value: object, newline: str) -> str:
    """Return what `json.dumps` does with an indent of 2, which it does not write in C."""
    if isinstance(value, str):
        return encode_basestring_ascii(value)
    inner = f"{newline}  "
    if isinstance(value, dict) and value:
        members = f",{inner}".join([f"{_key(key)}: {_text(member, inner)}" for key, member in value.items()])
        return f"{{{inner}{members}{newline}}}"
    if isinstance(value, list | tuple) and value:
        return f"[{inner}{f',{inner}'.join([_text(member, inner) for member in value])}{newline}]"
    return json.dumps(value)


def _key(key: object) -> str:
    return encode_basestring_ascii(key) if isinstance(key, str) else json.dumps({key: 0})[1:-4]
