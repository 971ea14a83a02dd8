"""tar-split: all bytes of a layer's tar that are no file's content, in their order.

Lines of JSON, compressed: by gzip in an engine's storage, by zstd in a layer of zstd:chunked. An entry of type 2 is a
segment, bytes that are written as they are: headers, padding, the end. An entry of type 1 is a file, whose content is
written in its place. Source: vbatts/tar-split, tar/storage/entry.go.
"""

from __future__ import annotations

import base64
import binascii
import json
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ociarchive.blobio.limits import LimitError
from ociarchive.blobio.spool import unpack
from ociarchive.documents import is_whole, marks
from ociarchive.errors import ContentError, plural
from ociarchive.schema.kinds import in_case

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from ociarchive.blobio.limits import Limits
    from ociarchive.blobio.source import ByteSource

_FILE, _SEGMENT = 1, 2
_KEYS: Final = frozenset(("type", "name", "name_raw", "size", "payload", "position"))
#: The longest line: an entry holds one header with its extensions, or the zeros behind a tar. Go's writer of archives
#: ends with up to 1 MiB of them; a line is held four times while it is read.
_LINE: Final = 8 << 20
#: Values of a line. An entry has five; a name may have as many commas as it has characters.
_VALUES: Final = 100_000
_CRC: Final = 8
#: The largest number that Go reads as a size.
_MOST: Final = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Segment:
    """Bytes of the tar."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Content:
    """A file whose content follows in the tar. `name` is its path there, `crc` the CRC-64 of the content."""

    name: bytes
    size: int
    crc: bytes | None

    @property
    def shown(self) -> str:
        """Its path for messages."""
        return self.name.decode("utf-8", "backslashreplace")


def entries(
    source: ByteSource, limits: Limits, counting: Callable[[int, int], object] | None = None
) -> Generator[Segment | Content]:
    """Give the entries that write anything. ContentError: the file is damaged, or is no tar-split.

    A file without a size writes nothing, whatever it is (folders, links, devices, whiteouts), and is left out.
    `counting` is called with the number of bytes that were unpacked so far, and that of their lines; what it raises
    ends the reading. LimitError: the bytes unpack to too much, or a name is too long.
    """
    _, chunks = unpack(iter(source.chunks()), limits, source.where)
    with closing(chunks):
        counted = _counted(chunks, counting) if counting is not None else chunks
        for position, line in enumerate(_lines(counted, source.where)):
            entry = _entry(line, position, source.where)
            if isinstance(entry, Content) and len(entry.name) > limits.name:
                what = f"a file in the tar-split has a name of more than {plural(limits.name, 'byte')}"
                raise LimitError(what, "name", where=f"{source.where}#{position}")
            if entry is not None:
                yield entry


def _counted(chunks: Iterable[bytes], counting: Callable[[int, int], object]) -> Iterator[bytes]:
    size = lines = 0
    counting(size, lines)
    for chunk in chunks:
        size += len(chunk)
        lines += chunk.count(b"\n")
        counting(size, lines)
        yield chunk


def _lines(chunks: Iterable[bytes], where: str) -> Iterator[bytes]:
    held = bytearray()  # of a line whose end is still to come: chunks may be a byte each
    for chunk in chunks:
        held += chunk
        if b"\n" in chunk:
            *lines, rest = bytes(held).split(b"\n")
            held = bytearray(rest)
            yield from filter(bytes.strip, lines)
        if len(held) > _LINE:
            raise ContentError(
                "a line of the tar-split is longer than any", where=where, expected=f"{_LINE} bytes at most"
            )
    if held.strip():
        yield bytes(held)


def _entry(line: bytes, position: int, where: str) -> Segment | Content | None:
    try:
        found = json.loads(line) if len(line) <= _VALUES or marks(line) <= _VALUES else None
    except (ValueError, RecursionError):
        raise ContentError("a line of the tar-split is no JSON", where=f"{where}#{position}") from None
    if not isinstance(found, dict):
        raise ContentError("a line of the tar-split is no object", where=f"{where}#{position}")
    if not found.keys() <= _KEYS and (problem := next(in_case(found, _KEYS, ""), None)):
        # the engines read another tar in such a line
        raise ContentError(f"a line of the tar-split: {problem.message}", where=f"{where}#{position}")
    told = found.get("position")
    if not is_whole(told) or told != position:
        raise ContentError("the tar-split has a gap", where=where, expected=f"position {position}", found=_shown(told))
    kind = found.get("type")
    if kind == _SEGMENT:
        payload = _bytes(found.get("payload"), where, position)
        return Segment(payload) if payload else None
    if kind != _FILE:
        raise ContentError(
            "an entry of the tar-split is of an unknown type", where=f"{where}#{position}", expected="1 or 2",
            found=_shown(kind),
        )  # fmt: skip
    size = found.get("size", 0)
    if not is_whole(size) or not 0 <= size <= _MOST:
        raise ContentError(
            "the size of a file in the tar-split is none", where=f"{where}#{position}", found=_shown(size)
        )
    if not size:
        return None
    crc = _bytes(found.get("payload"), where, position)
    return Content(_name(found, where, position), size, crc if len(crc) == _CRC else None)


def _name(found: dict[str, object], where: str, position: int) -> bytes:
    """Return a file's path; `name_raw` has it where it is no UTF-8."""
    name = found.get("name")
    if isinstance(name, str) and name:
        return name.encode("utf-8", "surrogatepass")
    raw = _bytes(found.get("name_raw"), where, position)
    if not raw:
        raise ContentError("a file in the tar-split has no name", where=f"{where}#{position}")
    return raw


def _bytes(value: object, where: str, position: int) -> bytes:
    """Return the bytes that a base64 text spells, none for null."""
    if value is None:
        return b""
    try:
        if isinstance(value, str):
            return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        pass
    raise ContentError("an entry of the tar-split is no base64", where=f"{where}#{position}")


def _shown(value: object) -> str:
    return str(value)[:40] if value is not None else "nothing"
