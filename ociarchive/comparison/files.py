"""Which paths of two layers differ, and how. Both are read as streams, and only a few facts of each path are kept."""

from __future__ import annotations

import hashlib
from contextlib import closing
from typing import TYPE_CHECKING, Final

from ociarchive.blobio.hashing import sha256
from ociarchive.blobio.limits import LimitError
from ociarchive.blobio.spool import unpack
from ociarchive.comparison.difference import FileChange, Files, FileState
from ociarchive.container import header, stream
from ociarchive.container.names import normal
from ociarchive.errors import ContentError, plural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ociarchive.blobio.limits import Limits
    from ociarchive.blobio.source import ByteSource

#: Names that delete what lower layers have (image-spec, layer.md, Whiteouts).
_WHITEOUT: Final = ".wh."
_OPAQUE: Final = ".wh..wh..opq"
_TYPES: Final = {
    "reg": "file", "hardlink": "hardlink", "symlink": "symlink", "char": "device", "block": "device", "dir": "folder",
    "fifo": "fifo",
}  # fmt: skip


class TooManyError(Exception):
    """Two layers have more members than can be read beside those of others. `read` is how many were read."""

    def __init__(self, read: int) -> None:
        super().__init__()
        self.read = read


def compared(
    old: ByteSource | None,
    new: ByteSource | None,
    limits: Limits,
    tick: Callable[[int], None] | None = None,
    beside: int | None = None,
) -> Files:
    """Return the paths of two layers that differ, all of one where the other is None.

    A layer whose tar cannot be read is a `problem`. So are more paths of both than `limits.layer_paths`. `tick` gets
    the number of stored bytes, and may raise to end the work. HostError: the machine cannot read it. TooManyError:
    there are more members than `beside`.
    """
    counted = _Members(limits, beside)
    try:
        before = _states(old, limits, tick, counted) if old is not None else {}
        after = _states(new, limits, tick, counted) if new is not None else {}
    except header.HeaderError as error:
        return Files(problem=f"the layer's tar cannot be read: {error}", read=counted.read)
    except LimitError as error:
        return Files(problem=f"the layer cannot be read: {error.what}, {error.hint}", read=counted.read)
    except ContentError as error:
        return Files(problem=f"the layer cannot be read: {error.what}", read=counted.read)
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
    return Files(changes=tuple(changes), same=same, read=counted.read)


def unreadable() -> Files:
    """Return the message for a layer that cannot be unpacked: encrypted, of an unknown kind, or absent."""
    return Files(problem="the layer cannot be looked into")


def too_many_listed(most: int) -> Files:
    """Return the message for a layer whose paths no longer fit into the report."""
    what = plural(most, "path that differs", "paths that differ")
    return Files(problem=f"all layers have more than {what}, --limit listed=N lifts this limit")


class _Members:
    """Counts the members of two layers, whether their paths are new or not."""

    def __init__(self, limits: Limits, beside: int | None) -> None:
        self._limits, self._beside = limits, beside
        self.read = 0

    def one(self, source: ByteSource) -> None:
        """Count a member of a layer. LimitError, TooManyError: there are too many."""
        self.read += 1
        if self._beside is not None and self.read > self._beside:
            raise TooManyError(self.read)
        if self.read > self._limits.layer_paths:
            what = f"both layers have more than {plural(self._limits.layer_paths, 'path')}"
            raise LimitError(what, "layer-paths", where=source.where)


def _states(
    source: ByteSource, limits: Limits, tick: Callable[[int], None] | None, counted: _Members
) -> dict[str, FileState]:
    """Return what a layer has at each path. If a path occurs twice the last one counts, as after unpacking."""
    found: dict[str, FileState] = {}
    _, pieces = unpack(_heard(source, tick), limits, source.where)
    with closing(pieces):
        tar = stream.Tar(pieces, limits, source.where)
        for member in tar.members():
            counted.one(source)
            content = None
            if member.kind == "reg" or member.size:
                hashed = hashlib.sha256()
                for part in tar.data():
                    hashed.update(part)
                content = hashed.hexdigest()
            found[member.name] = _state(member, content)
            if len(found) > limits.members:
                raise LimitError(f"layer has more than {plural(limits.members, 'path')}", "members", where=source.where)
    return found


def _heard(source: ByteSource, tick: Callable[[int], None] | None) -> Iterator[bytes]:
    for chunk in source.chunks():
        if tick is not None:
            tick(len(chunk))
        yield chunk


def _state(member: stream.Member, content: str | None) -> FileState:
    kind = _TYPES.get(member.kind, "other")
    base = member.name.rpartition("/")[2]
    if base == _OPAQUE:
        kind = "opaque"
    elif base.startswith(_WHITEOUT):
        kind = "whiteout"
    numbers = ""
    if kind == "device":
        major, minor = member.device
        numbers = f"{member.kind} {major}:{minor}"
    told = {**member.xattrs, **member.beside}
    # A number that cannot be read counts as 0. Nothing here depends on it.
    return FileState(
        type=kind,
        mode=(member.mode or 0) & 0o7777,
        uid=member.uid or 0,
        gid=member.gid or 0,
        mtime_ns=member.mtime or 0,
        size=member.size,
        link=numbers or (normal(member.link) if member.kind == "hardlink" else member.link),
        sha256=content,
        owner=member.owner if member.owner != ":" else "",
        xattrs=str(sha256(repr(sorted(told.items())).encode())) if told else "",
    )


def _target(path: str) -> str:
    """Return the path that an entry is about. For a whiteout it is the deleted path."""
    folder, slash, base = path.rpartition("/")
    if base == _OPAQUE:
        return folder
    return f"{folder}{slash}{base.removeprefix(_WHITEOUT)}" if base.startswith(_WHITEOUT) else path


def _what(old: FileState, new: FileState) -> tuple[str, ...]:
    """Return how two states of a path differ, in words."""
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
    # The rest of a hard link's header means nothing: the link is the file to which it leads.
    return tuple(word for word in found if old.type != "hardlink" or word == "link")
