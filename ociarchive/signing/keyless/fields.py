"""Members of sigstore's JSON documents by their paths, each of the type that is asked for. Pure.

Source: sigstore protobuf-specs; the JSON form of Protocol Buffers: numbers of 64 bits may be texts, bytes are base64.
"""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from ociarchive.signing.values import BrokenError
from ociarchive.values import word

if TYPE_CHECKING:
    from ociarchive.values import JSON

_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_LARGEST: Final = 1 << 63
#: Lists in these documents have some entries.
_MANY: Final = 256


def member(value: JSON, *path: str) -> JSON:
    """Return what stands at the end of a path; None where there is nothing."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def text(value: JSON, *path: str) -> str:
    """Return a text. BrokenError: there is none."""
    found = member(value, *path)
    if not isinstance(found, str):
        raise BrokenError(f"{'.'.join(path)} is no text")
    return found


def number(value: JSON, *path: str) -> int:
    """Return a number that is not negative. BrokenError: there is none."""
    found = member(value, *path)
    if isinstance(found, str) and _NUMBER.fullmatch(found):
        found = int(found)
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found < _LARGEST:
        raise BrokenError(f"{'.'.join(path)} is no number")
    return found


def data(value: JSON, *path: str) -> bytes:
    """Return bytes that stand in base64. BrokenError: there are none."""
    try:
        return base64.b64decode(text(value, *path), validate=True)
    except (binascii.Error, ValueError):
        raise BrokenError(f"{'.'.join(path)} is not base64") from None


def items(value: JSON, *path: str) -> list[JSON]:
    """Return a list, empty where there is none. BrokenError: it is none, or has too much in it."""
    found = member(value, *path)
    if found is None:
        return []
    if not isinstance(found, list) or len(found) > _MANY:
        raise BrokenError(f"{'.'.join(path)} is no list of at most {_MANY}")
    return found


def moment(value: JSON, *path: str) -> datetime | None:
    """Return a time (RFC 3339, in UTC), None where there is none. BrokenError: it is none."""
    found = member(value, *path)
    if found is None:
        return None
    try:
        if not isinstance(found, str) or not found.endswith("Z"):
            raise ValueError
        return datetime.fromisoformat(found).astimezone(UTC)
    except ValueError:
        raise BrokenError(f"{'.'.join(path)} is no time: {word(found) or 'a long text'}") from None
