"""Faults, each made in one place: functions from good bytes, or from a good document, to faulty ones.

`mutants.py` makes them in archives of real producers, `cases.py` in archives that are built byte by byte.
"""

import json
from collections.abc import Callable
from typing import Any

from tests.audit.editing import NotHereError
from tests.support.build import dumped, hexed
from tests.support.tar import BLOCK, summed

Change = Callable[[bytes], bytes]
NOWHERE = "sha256:" + "5" * 64
ABSENT = object()
BOM = b"\xef\xbb\xbf"


# Texts


def splices(text: bytes) -> Change:
    """Put text into the document's first object, before its members."""
    return lambda data: data.replace(b"{", b"{" + text + b",", 1)


def begins(text: bytes) -> Change:
    """Put text before the document."""
    return lambda data: text + data


def ends(text: bytes) -> Change:
    """Put text behind the document."""
    return lambda data: data + text


def cut(data: bytes) -> bytes:
    """Leave out the last bracket."""
    return data.rstrip()[:-1]


def nested(depth: int) -> Change:
    """Put arrays inside one another into the document's first object."""
    return splices(b'"odd":' + b"[" * depth + b"]" * depth)


def padded(size: int) -> Change:
    """Put so many bytes of text into the document's first object."""
    return splices(b'"odd":"' + b"x" * size + b'"')


# Members


def setting(path: str, value: object) -> Callable[[Any], None]:
    """Set the member at a path like `config/Env`, or take it away."""
    *above, last = path.split("/")

    def change(document: Any) -> None:  # noqa: ANN401
        for step in above:
            document = document[int(step)] if isinstance(document, list) else document.setdefault(step, {})
            if document is None:
                raise NotHereError(path)
        if isinstance(document, list):
            document[int(last)] = value
        elif value is ABSENT:
            if last not in document:
                raise NotHereError(path)
            del document[last]
        else:
            document[last] = value

    return change


def sets(path: str, value: object) -> Change:
    """Set a member in the bytes of a document."""

    def change(data: bytes) -> bytes:
        document = json.loads(data)
        setting(path, value)(document)
        return dumped(document)

    return change


def statement(digest: str) -> bytes:
    """Make an in-toto statement that speaks of a digest."""
    return dumped(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": "app", "digest": {"sha256": hexed(digest)}}],
            "predicateType": "https://slsa.dev/provenance/v1",
            "predicate": {},
        }
    )


# Headers of tars


def flagged(data: bytes, flag: bytes, at: int = 0) -> bytes:
    """Give the member whose header stands at a place another type; its checksum is right."""
    head = data[at : at + BLOCK]
    return data[:at] + summed(head[:156] + flag + head[157:]) + data[at + BLOCK :]
