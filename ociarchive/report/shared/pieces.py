"""JSON in pieces: a report may be a hundred times as large as the archive, and is never held as a whole."""

from __future__ import annotations

import json
from collections.abc import Iterator


def written(value: object, newline: str) -> Iterator[str]:
    """Write a value as `json.dumps` does with an indent of 2, one entry after the other where it is an iterator.

    `newline` begins a line at the value's own depth. No text of JSON has a newline in it (RFC 8259, 7).
    """
    inner = f"{newline}  "
    if isinstance(value, dict) and any(isinstance(member, Iterator | dict) for member in value.values()):
        for number, (key, member) in enumerate(value.items()):
            yield f"{',' if number else '{'}{inner}{json.dumps(key)}: "
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
        yield json.dumps(value, indent=2, ensure_ascii=True).replace("\n", newline)
