"""Tables of contents inside of layers, by which engines fetch single files: eStargz and zstd:chunked.

An engine that believes a table never sees the layer's whole stream, so that a wrong table is another image. Sources:
containerd/stargz-snapshotter, docs/estargz.md (footer, TOC); containers/storage, pkg/chunked/internal (annotations and
manifest of zstd:chunked).
"""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ociarchive import documents
from ociarchive.bytes.codec import StreamError
from ociarchive.bytes.hashing import sha256
from ociarchive.bytes.spool import unpack
from ociarchive.container import stream
from ociarchive.container.header import HeaderError, parse
from ociarchive.container.tar import BLOCK, normal
from ociarchive.errors import ContentError
from ociarchive.flaws import Flaw
from ociarchive.values import Digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ociarchive.bytes.limits import Limits
    from ociarchive.bytes.source import ByteSource
    from ociarchive.values import JSON, Descriptor

ESTARGZ_DIGEST: Final = "containerd.io/snapshot/stargz/toc.digest"
ESTARGZ_SIZE: Final = "io.containers.estargz.uncompressed-size"
CHUNKED: Final = "io.github.containers.zstd-chunked."
CHUNKED_DIGEST: Final = f"{CHUNKED}manifest-checksum"
CHUNKED_POSITION: Final = f"{CHUNKED}manifest-position"
CHUNKED_SPLIT: Final = f"{CHUNKED}tarsplit-position"
_TOC_NAME: Final = "stargz.index.json"
#: The footer is an empty gzip member whose extra field holds the table's offset in hex; 47 bytes in old layers.
_FOOTERS: Final = (
    (51, re.compile(rb"\x1f\x8b\x08\x04.{6}\x1a\0SG\x16\0([0-9a-f]{16})STARGZ", re.DOTALL)),
    (47, re.compile(rb"\x1f\x8b\x08\x04.{6}\x16\0([0-9a-f]{16})STARGZ", re.DOTALL)),
)
_POSITION: Final = re.compile(r"([0-9]{1,18}):([0-9]{1,18}):([0-9]{1,18}):([0-9]{1,3})\Z")
#: So many wrong entries of one table are told; more say no more.
_TOLD: Final = 10


def has_table(descriptor: Descriptor | None) -> bool:
    """Whether a layer's descriptor says that it has a table of contents."""
    annotations = descriptor.annotations if descriptor else {}
    return ESTARGZ_DIGEST in annotations or CHUNKED_DIGEST in annotations or CHUNKED_POSITION in annotations


@dataclass(frozen=True, slots=True)
class _Wrong(Exception):
    """Why a table cannot be read, or is not the one that the annotations name."""

    rule: str
    message: str
    expected: str | None = None
    found: str | None = None


def check(descriptor: Descriptor, source: ByteSource, unpacked_size: int | None, limits: Limits) -> list[Flaw]:
    """Hold a layer's table against its annotations and against the layer itself; read it once more for that.

    `unpacked_size` is the layer's, in bytes, as it was measured. HostError: the layer cannot be read.
    """

    def flaw(rule: str, message: str, expected: str | None = None, found: str | None = None) -> Flaw:
        return Flaw(
            rule=rule, where=source.where, message=message, subject=str(descriptor.digest),
            expected=expected, found=found,
        )  # fmt: skip

    annotations = descriptor.annotations
    flaws = []
    told = annotations.get(ESTARGZ_SIZE)
    if told is not None and unpacked_size is not None and told != str(unpacked_size):
        flaws.append(flaw("toc-annotation", f"{ESTARGZ_SIZE} is wrong", told[:40], str(unpacked_size)))
    try:
        stargz = ESTARGZ_DIGEST in annotations
        raw = _estargz(annotations, source, limits) if stargz else _chunked(annotations, source, limits)
        table = documents.parse(raw, source.where, limit=limits.config_size, depth=limits.depth, surrogates=True)
        expected = _files(table.members.get("entries"))
        _, pieces = unpack(source.chunks(), limits, source.where)
        with closing(pieces):
            flaws.extend(flaw(*wrong) for wrong in _compare(expected, stream.entries(pieces, limits)))
    except _Wrong as wrong:
        flaws.append(flaw(wrong.rule, wrong.message, wrong.expected, wrong.found))
    except (documents.DocumentError, HeaderError, StreamError) as error:
        flaws.append(flaw("toc-entry", f"the table of contents cannot be read: {error}"))
    except ContentError as error:
        flaws.append(flaw("toc-annotation", f"the table of contents cannot be read: {error.what}"))
    return flaws


def _estargz(annotations: dict[str, str], source: ByteSource, limits: Limits) -> bytes:
    """Return the table of an eStargz layer. _Wrong: it is not where the footer says, or another."""
    for length, pattern in _FOOTERS:
        footer = b"".join(source.part(max(source.size - length, 0), min(length, source.size)).chunks())
        found = pattern.match(footer)
        if found:
            offset = int(found[1], 16)
            if offset > source.size - length:
                raise _Wrong("toc-annotation", "the footer's offset of the table lies behind the end of the layer")
            raw = _unpacked(source.part(offset, source.size - length - offset), limits)
            return _verified(_member(raw), annotations[ESTARGZ_DIGEST])
    raise _Wrong("toc-annotation", "the layer has no eStargz footer, its annotation says that it has a table")


def _member(raw: bytes) -> bytes:
    """Return the one file of a small tar in memory."""
    if len(raw) < BLOCK or not raw.startswith(_TOC_NAME.encode() + b"\0"):
        raise _Wrong("toc-annotation", f"no {_TOC_NAME} stands where the footer says")
    size = parse(raw[:BLOCK]).size
    return raw[BLOCK : BLOCK + size]


def _chunked(annotations: dict[str, str], source: ByteSource, limits: Limits) -> bytes:
    """Return the table of a zstd:chunked layer. _Wrong: it is not where the annotation says, or another."""
    told = annotations.get(CHUNKED_POSITION, "")
    position = _POSITION.match(told)
    if position is None:
        raise _Wrong("toc-annotation", f"{CHUNKED_POSITION} is no position", None, told[:60])
    offset, length, size = int(position[1]), int(position[2]), int(position[3])
    if offset + length > source.size:
        raise _Wrong("toc-annotation", f"{CHUNKED_POSITION} lies behind the end of the layer", None, told[:60])
    beside = _POSITION.match(f"{annotations[CHUNKED_SPLIT]}:0") if CHUNKED_SPLIT in annotations else None
    if CHUNKED_SPLIT in annotations and (beside is None or int(beside[1]) + int(beside[2]) > source.size):
        raise _Wrong(
            "toc-annotation", f"{CHUNKED_SPLIT} is no position in the layer", None, annotations[CHUNKED_SPLIT][:60]
        )
    part = source.part(offset, length)
    if length > limits.config_size:
        raise _Wrong("toc-annotation", "the table of contents is too large, --limit config-size=N lifts this limit")
    stored = b"".join(part.chunks())
    _verified(stored, annotations.get(CHUNKED_DIGEST, ""))
    raw = _unpacked(part, limits)
    if len(raw) != size:
        raise _Wrong("toc-annotation", f"{CHUNKED_POSITION} gives another size", f"{size} bytes", f"{len(raw)} bytes")
    return raw


def _verified(raw: bytes, told: str) -> bytes:
    found = sha256(raw)
    if told != str(found):
        raise _Wrong(
            "toc-digest", "the table of contents has another digest than the annotation says", told, str(found)
        )
    return raw


def _unpacked(source: ByteSource, limits: Limits) -> bytes:
    _, pieces = unpack(source.chunks(), limits, source.where)
    out = b""
    with closing(pieces):
        for piece in pieces:
            out += piece
            if len(out) > limits.config_size:
                what = "the table of contents is too large, --limit config-size=N lifts this limit"
                raise _Wrong("toc-annotation", what)
    return out


def _files(entries: JSON) -> dict[str, str]:
    """Return the digest of each file that a table names."""
    if entries is not None and not isinstance(entries, list):  # how Go writes an empty one
        raise _Wrong("toc-entry", "the table of contents has no entries")
    found: dict[str, str] = {}
    for entry in entries or []:
        if isinstance(entry, dict) and entry.get("type") == "reg" and isinstance(entry.get("name"), str):
            digest = entry.get("digest")
            found[normal(str(entry["name"]))] = digest if isinstance(digest, str) else ""
    return found


def _compare(
    expected: dict[str, str], found: Iterable[stream.Entry]
) -> Iterator[tuple[str, str, str | None, str | None]]:
    """Give what is wrong with a table's entries, the first few of them."""
    told = 0
    seen = set()
    for entry in found:
        if entry.sha256 is None or entry.name == _TOC_NAME:
            continue
        seen.add(entry.name)
        claim = expected.get(entry.name)
        actual = str(Digest("sha256", entry.sha256))
        wrong: tuple[str, str, str | None, str | None]
        if claim is None:
            wrong = ("toc-entry", f"the table of contents leaves out {entry.name[:120]!r}", None, None)
        elif claim != actual and not (entry.size == 0 and not claim):
            wrong = ("toc-entry", f"the table of contents gives {entry.name[:120]!r} another digest", claim, actual)
        else:
            continue
        told += 1
        if told <= _TOLD:
            yield wrong
    for name in sorted(expected.keys() - seen)[: max(_TOLD - told, 0)]:
        yield "toc-entry", f"the table of contents names {name[:120]!r}, which the layer does not hold", None, None
