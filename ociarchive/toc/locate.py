"""Where a layer's table of contents is, and whether it is the one that the annotations name."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ociarchive.blobio.hashing import digest_of, sha256
from ociarchive.blobio.spool import unpack
from ociarchive.container.header import parse
from ociarchive.container.tar import BLOCK
from ociarchive.errors import plural
from ociarchive.toc.annotations import CHECKSUM, ESTARGZ_DIGEST, POSITION, PREFIXES, SPLIT
from ociarchive.toc.mismatches import TableError

if TYPE_CHECKING:
    from ociarchive.blobio.limits import Limits
    from ociarchive.blobio.source import Sliceable

TOC_NAME: Final = "stargz.index.json"
#: The footer is an empty gzip member whose extra field holds the table's offset in hex; 47 bytes in old layers.
_FOOTERS: Final = (
    (51, re.compile(rb"\x1f\x8b\x08\x04.{6}\x1a\0SG\x16\0([0-9a-f]{16})STARGZ", re.DOTALL)),
    (47, re.compile(rb"\x1f\x8b\x08\x04.{6}\x16\0([0-9a-f]{16})STARGZ", re.DOTALL)),
)
#: The footer of a layer whose table stands in another image.
_EXTERNAL: Final = (46, re.compile(rb"\x1f\x8b\x08\x04.{6}\x15\0SG\x11\0STARGZEXTERNALTOC", re.DOTALL))
#: The footers of zstd:chunked are numbers of 64 bits with a magic behind them, alone in a skippable frame.
_CHUNKED_FOOTERS: Final = ((64, b"GNUlInUx"), (40, b"GNUlInUx"), (40, b"GnUlInUx"))
_SKIPPABLE: Final = b"\x50\x2a\x4d\x18"
_NUMBERS: Final = re.compile(r"[0-9]{1,18}(?::[0-9]{1,18})*\Z")
_TOO_LARGE: Final = "the table of contents is too large, --limit toc-size=N lifts this limit"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Bytes of a layer: where they begin, their number, and their unpacked number, where that is known."""

    offset: int
    size: int
    unpacked: int | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A table's JSON, its place in the layer, and what the annotations say about the tar-split data beside it."""

    raw: bytes
    offset: int
    gzip: bool
    split: Stretch | None = None


def locate(annotations: dict[str, str], source: Sliceable, limits: Limits) -> Table | None:
    """Return a layer's table; None where it stands in another image. TableError: it is not where the layer says."""
    told = {
        key: annotations[f"{prefix}{key}"]
        for prefix in reversed(PREFIXES)
        for key in (CHECKSUM, POSITION, SPLIT)
        if f"{prefix}{key}" in annotations
    }
    if told or source.head(2) != b"\x1f\x8b":
        return _in_zstd(told, annotations.get(ESTARGZ_DIGEST), source, limits)
    return _in_gzip(annotations[ESTARGZ_DIGEST], source, limits)


def _in_gzip(digest: str, source: Sliceable, limits: Limits) -> Table | None:
    for length, pattern in (*_FOOTERS, _EXTERNAL):
        footer = _end(source, length)
        found = pattern.match(footer)
        if found is None:
            continue
        if not found.groups():
            return None
        offset = int(found[1], 16)
        if offset > source.size - length:
            raise TableError("toc-annotation", "the footer's offset of the table lies behind the end of the layer")
        raw = _unpacked(source.part(offset, source.size - length - offset), limits)
        if len(raw) < BLOCK or not raw.startswith(TOC_NAME.encode() + b"\0"):
            raise TableError("toc-annotation", f"no {TOC_NAME} stands where the footer says")
        table = raw[BLOCK : BLOCK + parse(raw[:BLOCK]).size]
        _verify(digest, table)
        return Table(table, offset, gzip=True)
    raise TableError("toc-annotation", "the layer has no eStargz footer, its annotation says that it has a table")


def _in_zstd(told: dict[str, str], digest: str | None, source: Sliceable, limits: Limits) -> Table:
    footer = _footer(source)
    if told or footer is None:
        numbers = _position(POSITION, told.get(POSITION, ""), 4, source)
        if footer is not None and footer[:4] != numbers:
            text = [":".join(map(str, found)) for found in (numbers, footer[:4])]
            raise TableError("toc-annotation", "the layer's footer says another place of the table", *text)
    else:
        numbers = footer
    offset, length, size, kind = numbers[:4]
    if kind != 1:
        raise TableError("toc-annotation", "the table of contents is of a type that nothing reads", "1", str(kind))
    if offset + length > source.size:
        raise TableError("toc-annotation", "the footer's offset of the table lies behind the end of the layer")
    if length > limits.toc_size:
        raise TableError("toc-annotation", _TOO_LARGE)
    part = source.part(offset, length)
    stored = b"".join(part.chunks())
    if CHECKSUM in told or digest is None:
        _verify(told.get(CHECKSUM, ""), stored)
    raw = _unpacked(part, limits)
    if digest is not None:  # stargz-snapshotter's, of the table as it is read; of what is stored in old ones
        _verify(digest, raw, stored)
    if len(raw) != size:
        raise TableError(
            "toc-annotation", f"{POSITION} gives another size", plural(size, "byte"), plural(len(raw), "byte")
        )
    split = None
    if SPLIT in told:
        numbers = _position(SPLIT, told[SPLIT], 3, source)
        if footer is not None and any(footer[4:]) and footer[4:] != numbers:
            text = [":".join(map(str, found)) for found in (numbers, footer[4:])]
            raise TableError("toc-annotation", "the layer's footer says another place of its tar-split data", *text)
        split = Stretch(*numbers)
    return Table(raw, offset, gzip=False, split=split)


def _footer(source: Sliceable) -> tuple[int, ...] | None:
    """Return the numbers of a zstd:chunked layer's footer, None where it has none."""
    for length, magic in _CHUNKED_FOOTERS:
        frame = _end(source, length + 8)
        if frame.startswith(_SKIPPABLE + length.to_bytes(4, "little")) and frame.endswith(magic):
            return tuple(int.from_bytes(frame[at : at + 8], "little") for at in range(8, length, 8))
    return None


def _position(key: str, text: str, count: int, source: Sliceable) -> tuple[int, ...]:
    """Return the numbers of a position: offset, stored size, unpacked size and more."""
    numbers = tuple(map(int, text.split(":"))) if _NUMBERS.match(text) else ()
    if len(numbers) != count:
        raise TableError("toc-annotation", f"{key} is no position", None, text[:60])
    if numbers[0] + numbers[1] > source.size:
        raise TableError("toc-annotation", f"{key} lies behind the end of the layer", None, text[:60])
    return numbers


def _end(source: Sliceable, length: int) -> bytes:
    length = min(length, source.size)
    return b"".join(source.part(source.size - length, length).chunks())


def _verify(told: str, *contents: bytes) -> None:
    """Compare an annotation's digest with the bytes that it may be of."""
    algorithm = told.partition(":")[0]
    if all(str(digest_of(content, algorithm)) != told for content in contents):
        message = "the table of contents has another digest than the annotation says"
        raise TableError("toc-digest", message, told, str(digest_of(contents[0], algorithm) or sha256(contents[0])))


def _unpacked(source: Sliceable, limits: Limits) -> bytes:
    _, pieces = unpack(source.chunks(), limits, source.where)
    parts, size = [], 0
    with closing(pieces):
        for piece in pieces:
            parts.append(piece)
            size += len(piece)
            if size > limits.toc_size:
                raise TableError("toc-annotation", _TOO_LARGE)
    return b"".join(parts)
