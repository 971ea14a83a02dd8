"""What a table of contents says about each file, in as little memory as possible."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from ociarchive import documents
from ociarchive.container.names import normal
from ociarchive.errors import clipped, plural
from ociarchive.toc.mismatches import TableError, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ociarchive.blobio.limits import Limits
    from ociarchive.toc.locate import Table
    from ociarchive.values import JSON

_KINDS: Final = frozenset(("dir", "reg", "symlink", "hardlink", "char", "block", "fifo"))
_ATTRIBUTES: Final = ("size", "modtime", "linkName", "mode", "uid", "gid", "devMajor", "devMinor", "xattrs", "digest")
_PLACES: Final = ("offset", "innerOffset", "endOffset", "chunkOffset", "chunkSize", "chunkDigest", "chunkType")
_KEYS: Final = frozenset(("name", "type", *_ATTRIBUTES, *_PLACES))
_FOLDED: Final = {documents.folded(key) for key in (*_KEYS, "entries", "tarSplitDigest")}
_TIME: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9})\d*)?(?:Z|([+-])(\d\d):(\d\d))\Z", re.ASCII
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = 1_000_000_000
#: What the type of a chunk is that engines make up: so many zeros.
_ZEROS: Final = "zeros"
_NO_XATTRS: Final[Mapping[str, bytes]] = MappingProxyType({})


class Chunk(NamedTuple):
    """A part of a file: where it begins and how long it is (0: to the file's end), its digest, and the stored place.

    `offset` is the place of a gzip member or zstd frame in the layer, `inner` that of the chunk in what it unpacks to.
    `zeros` says that engines need not fetch it (containers/storage, ChunkTypeZeros).
    """

    begin: int
    size: int
    digest: str
    offset: int
    inner: int
    zeros: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """One entry of a table, for a member of the tar. `mtime` is in nanoseconds, None where none is given."""

    name: str
    kind: str
    size: int
    mode: int
    uid: int
    gid: int
    link: str
    device: tuple[int, int]
    mtime: int | None
    xattrs: Mapping[str, bytes]
    digest: str
    end: int  # where the stored bytes of the file end, 0 where that is unknown
    chunks: list[Chunk] = field(default_factory=list)


@dataclass(slots=True)
class Claims:
    """All entries of a table by name, in the table's order, and the digest of its tar-split data."""

    files: dict[str, list[Claim]] = field(default_factory=dict)
    split: str = ""


def read(table: Table, where: str, limits: Limits) -> Claims:
    """Return what a table says. TableError, DocumentError: it cannot be read, or by two readers in two ways."""
    claims = Claims()
    last: Claim | None = None
    entries = documents.parse_list(table.raw, where, "entries", limit=limits.toc_size, depth=limits.depth)
    for number, (key, value) in enumerate(entries):
        if number > limits.toc_entries:
            message = f"the table of contents has more than {plural(limits.toc_entries, 'entry', 'entries')}"
            raise TableError("toc-entry", f"{message}, --limit toc-entries=N lifts this limit")
        if key == "tarSplitDigest":
            if not isinstance(value, str | None):
                raise TableError("toc-entry", "the table of contents gives no text as tarSplitDigest")
            claims.split = value or ""
        elif key == "entries" and isinstance(value, dict):
            _refuse_case(value, _KEYS)
            if value.get("type") == "chunk":
                if last is None or last.kind != "reg":
                    raise TableError("toc-entry", "the table of contents has a chunk that follows no file")
                last.chunks.append(_chunk(value, last.name))
                continue
            last = _claim(value)
            claims.files.setdefault(last.name, []).append(last)
        elif key == "entries" and value is not None:  # null is how Go writes an empty list
            raise TableError("toc-entry", "the table of contents has an entry that is no object")
        else:
            _refuse_case((key,), frozenset(("entries", "tarSplitDigest")))
    return claims


def _refuse_case(keys: Mapping[str, JSON] | tuple[str, ...], known: frozenset[str]) -> None:
    for key in keys:
        if key not in known and documents.folded(key) in _FOLDED:
            message = (
                f"the table of contents has the key {clipped(key, 40)!r}, which readers in Go take for a known one"
            )
            raise TableError("toc-entry", message)


def _claim(entry: dict[str, JSON]) -> Claim:
    told, kind = entry.get("name"), entry.get("type")
    if not isinstance(told, str) or not isinstance(kind, str):
        raise TableError("toc-entry", "the table of contents has an entry without a name or type")
    if kind not in _KINDS:
        raise TableError(
            "toc-entry", f"the table of contents gives {shown(told)} a type that nothing knows", None, kind
        )
    name = normal(told)
    claim = Claim(
        name=name,
        kind=kind,
        size=_number(entry, "size", name),
        mode=_number(entry, "mode", name),
        uid=_number(entry, "uid", name),
        gid=_number(entry, "gid", name),
        link=_text(entry, "linkName", name),
        device=(_number(entry, "devMajor", name), _number(entry, "devMinor", name)),
        mtime=nanoseconds(_text(entry, "modtime", name)),
        xattrs=_xattrs(entry, name),
        digest=_text(entry, "digest", name),
        end=_number(entry, "endOffset", name),
    )
    if kind == "reg":
        claim.chunks.append(_chunk(entry, name))
    return claim


def _chunk(entry: dict[str, JSON], name: str) -> Chunk:
    return Chunk(
        begin=_number(entry, "chunkOffset", name),
        size=_number(entry, "chunkSize", name),
        digest=_text(entry, "chunkDigest", name),
        offset=_number(entry, "offset", name),
        inner=_number(entry, "innerOffset", name),
        zeros=_text(entry, "chunkType", name) == _ZEROS,
    )


def _number(entry: dict[str, JSON], key: str, name: str) -> int:
    value = entry.get(key)
    if value is None:
        return 0
    if not documents.is_whole(value) or value < 0:
        raise TableError("toc-entry", f"the table of contents gives {shown(name)} no number as {key}")
    return value


def _text(entry: dict[str, JSON], key: str, name: str) -> str:
    value = entry.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TableError("toc-entry", f"the table of contents gives {shown(name)} no text as {key}")
    return value


def _xattrs(entry: dict[str, JSON], name: str) -> Mapping[str, bytes]:
    value = entry.get("xattrs")
    if not value:
        return _NO_XATTRS
    try:
        if isinstance(value, dict) and all(isinstance(one, str) for one in value.values()):
            return {key: base64.b64decode(str(one), validate=True) for key, one in value.items() if one}
    except binascii.Error:
        pass
    raise TableError("toc-entry", f"the table of contents gives {shown(name)} no extended attributes in base64")


def nanoseconds(text: str) -> int | None:
    """Return a time of RFC 3339 in nanoseconds since 1970; None where none is given. Go writes year 1 for none."""
    found = _TIME.match(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = map(int, found.groups()[:6])
    try:
        moment = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC) - _EPOCH
    except ValueError:
        return None
    if found[8]:
        zone = timedelta(hours=int(found[9]), minutes=int(found[10]))
        moment = moment - zone if found[8] == "+" else moment + zone
    if year == 1:
        return 0
    return (moment.days * 86_400 + moment.seconds) * _SECOND + int((found[7] or "").ljust(9, "0"))
