"""Which paths of two layers differ, and in what. Both are read in streams; what is kept is a few facts of each path."""

from __future__ import annotations

import re
from contextlib import closing
from typing import TYPE_CHECKING, Final

from ociarchive.bytes.hashing import sha256
from ociarchive.bytes.limits import LimitError
from ociarchive.bytes.spool import unpack
from ociarchive.container import header, stream
from ociarchive.differing.model import FileChange, Files, FileState
from ociarchive.errors import ContentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ociarchive.bytes.limits import Limits
    from ociarchive.bytes.source import ByteSource

#: Names that delete what lower layers have (image-spec, layer.md, Whiteouts).
_WHITEOUT: Final = ".wh."
_OPAQUE: Final = ".wh..wh..opq"
_TYPES: Final = {
    b"0": "file", b"\0": "file", b"7": "file", b"1": "hardlink", b"2": "symlink", b"3": "device", b"4": "device",
    b"5": "folder", b"6": "fifo",
}  # fmt: skip
#: Extended attributes, as PAX headers name them (star(5), libarchive's tar(5)).
_XATTRS: Final = (b"SCHILY.xattr.", b"LIBARCHIVE.xattr.")
_NUMBER: Final = re.compile(rb"(-?)([0-9]{1,18})(?:\.([0-9]{0,18}))?\Z")
_SECOND: Final = 1_000_000_000


def compared(
    old: ByteSource | None, new: ByteSource | None, limits: Limits, tick: Callable[[int], None] | None = None
) -> Files:
    """Return the paths of two layers that differ, all of one where the other is None.

    A layer whose tar cannot be read is a `problem`. HostError: the machine cannot read it. `tick` hears of stored
    bytes, and may raise to end the work.
    """
    try:
        before = _states(old, limits, tick) if old is not None else {}
        after = _states(new, limits, tick) if new is not None else {}
    except header.HeaderError as error:
        return Files(problem=f"the layer's tar cannot be read: {error}")
    except ContentError as error:
        return Files(problem=f"the layer cannot be read: {error.what}")
    changes = []
    same = 0
    for path in sorted(before.keys() | after.keys()):
        one, other = before.get(path), after.get(path)
        if one is None or other is None:
            kind, name = "added" if one is None else "removed", _target(path)
            changes.append(FileChange(path=name, kind=kind, old=one, new=other))  # type: ignore[arg-type]
        elif what := _what(one, other):
            changes.append(FileChange(path=_target(path), kind="changed", old=one, new=other, what=what))
        else:
            same += 1
    return Files(changes=tuple(changes), same=same)


def unreadable() -> Files:
    """Return what is said of a layer that cannot be looked into: encrypted, of an unknown kind, or not here."""
    return Files(problem="the layer cannot be looked into")


def _states(source: ByteSource, limits: Limits, tick: Callable[[int], None] | None) -> dict[str, FileState]:
    """Return what a layer has at each path; of a path that stands twice the last, as unpacking leaves it."""
    found: dict[str, FileState] = {}
    _, pieces = unpack(_heard(source, tick), limits, source.where)
    with closing(pieces):
        for entry in stream.entries(pieces, limits):
            found[entry.name] = _state(entry)
            if len(found) > limits.members:
                raise LimitError(f"layer has more than {limits.members} paths", "members", where=source.where)
    return found


def _heard(source: ByteSource, tick: Callable[[int], None] | None) -> Iterator[bytes]:
    for chunk in source.chunks():
        if tick is not None:
            tick(len(chunk))
        yield chunk


def _state(entry: stream.Entry) -> FileState:
    block, records = entry.block, entry.records
    kind = _TYPES.get(entry.flag, "other")
    base = entry.name.rpartition("/")[2]
    if base == _OPAQUE:
        kind = "opaque"
    elif base.startswith(_WHITEOUT):
        kind = "whiteout"
    elif kind == "file" and entry.slash:
        kind = "folder"  # as tars before POSIX had them
    numbers = ""
    if kind == "device":
        numbers = f"{'char' if entry.flag == b'3' else 'block'} {_octal(block[329:337])}:{_octal(block[337:345])}"
    return FileState(
        type=kind,
        mode=_octal(block[100:108]) & 0o7777,
        uid=_told(records, b"uid", block[108:116]) // _SECOND,
        gid=_told(records, b"gid", block[116:124]) // _SECOND,
        mtime_ns=_told(records, b"mtime", block[136:148]),
        size=entry.size,
        link=numbers or entry.link,
        sha256=entry.sha256,
        owner=_owner(block, records),
        xattrs=_xattrs(records),
    )


def _owner(block: bytes, records: Mapping[bytes, bytes]) -> str:
    names = [
        records.get(key, block[start : start + 32].split(b"\0", 1)[0]).decode("utf-8", "surrogateescape")
        for key, start in ((b"uname", 265), (b"gname", 297))
    ]
    return ":".join(names) if any(names) else ""


def _xattrs(records: Mapping[bytes, bytes]) -> str:
    """Return one digest for all extended attributes, empty where there are none."""
    held = sorted((key, value) for key, value in records.items() if key.startswith(_XATTRS))
    return str(sha256(repr(held).encode())) if held else ""


def _told(records: Mapping[bytes, bytes], key: bytes, field: bytes) -> int:
    """Return, in thousand millionths, a number that a PAX record says, else the one of the header."""
    found = _NUMBER.match(records.get(key, b""))
    if found is None:
        return _octal(field) * _SECOND
    fraction = int((found[3] or b"").ljust(9, b"0")[:9])
    return (-1 if found[1] else 1) * (int(found[2]) * _SECOND + fraction)


def _octal(field: bytes) -> int:
    """Return a number of a header; 0 for one that is malformed, for nothing here depends on it."""
    if field[0] & 0x80:
        value = int.from_bytes(bytes((field[0] & 0x7F,)) + field[1:], "big")
        return value - (1 << (8 * len(field) - 1)) if field[0] & 0x40 else value
    text = field.strip(b" \0")
    return int(text, 8) if text and not text.strip(b"01234567") else 0


def _target(path: str) -> str:
    """Return the path that an entry is about: of a whiteout what it deletes."""
    folder, slash, base = path.rpartition("/")
    if base == _OPAQUE:
        return folder
    return f"{folder}{slash}{base.removeprefix(_WHITEOUT)}" if base.startswith(_WHITEOUT) else path


def _what(old: FileState, new: FileState) -> tuple[str, ...]:
    """Return in what two states of a path differ, in words."""
    if old.type != new.type:
        return ("type",)
    if old.type in ("whiteout", "opaque"):
        return ()
    pairs = (
        ("content", (old.sha256, old.size), (new.sha256, new.size)),
        ("link", old.link, new.link),
        ("mode", old.mode, new.mode),
        ("owner", (old.uid, old.gid), (new.uid, new.gid)),
        ("owner name", old.owner, new.owner),
        ("mtime", old.mtime_ns, new.mtime_ns),
        ("xattrs", old.xattrs, new.xattrs),
    )
    found = [word for word, one, other in pairs if one != other]
    # Of a hard link the rest of the header says nothing: it is the file that it leads to.
    return tuple(word for word in found if old.type != "hardlink" or word == "link")
