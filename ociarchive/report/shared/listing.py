r"""A layer's files, one line each as `tar -tv` writes them, while the layer is read and proved; nothing is kept.

Times are in UTC. What cannot be printed, and the backslash, is spelled as GNU tar spells it: `\n`, `\033`, `\\`.
"""

from __future__ import annotations

import datetime as dt
import stat
import sys
from collections import deque
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ociarchive.blobio.hashing import Hashes
from ociarchive.blobio.spool import unpack
from ociarchive.container import header, stream
from ociarchive.errors import ContentError
from ociarchive.measure import agrees

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from ociarchive.blobio.limits import Limits
    from ociarchive.container.stream import Member
    from ociarchive.model import Layer
    from ociarchive.values import Digest

_LETTERS: Final = {
    "reg": "-", "dir": "d", "symlink": "l", "hardlink": "h", "char": "c", "block": "b", "fifo": "p",
}  # fmt: skip
#: The columns that owner, group and size have at first (GNU tar, list.c).
_FIRST_WIDTH: Final = 19
#: And at most: a tar has 32 bytes for each name, and each line is as wide as the widest before it.
_WIDEST: Final = 128
_SECOND: Final = 1_000_000_000
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_ESCAPES: Final = {
    "\\": "\\\\", "\a": "\\a", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\v": "\\v", "\f": "\\f", "\r": "\\r",
}  # fmt: skip
_BATCH: Final = 256


def listing(layer: Layer, limits: Limits) -> Iterator[str]:
    """Give the lines of a layer that is here, some at a time, each with its newline.

    ContentError, behind the last line that could be read: the layer or its tar is damaged, or it is not what its
    descriptor and the config claim. HostError: it cannot be read.
    """
    if layer.source is None:
        raise ContentError("the layer is not in the archive", where=layer.name)
    where = layer.source.where
    claimed = layer.descriptor.digest if layer.descriptor else None
    stored = _Heard(layer.source.chunks(), claimed)
    _, pieces = unpack(iter(stored), limits, where)
    unpacked = _Heard(pieces, layer.diff_id)
    with closing(pieces):
        # Nothing keeps the names, so their number needs no memory.
        tar = stream.Tar(iter(unpacked), replace(limits, names_size=sys.maxsize), where)
        try:
            yield from _batches(tar.members())
        except header.HeaderError as error:
            raise ContentError(f"the layer's tar cannot be read: {error}", where=where) from error
        deque(unpacked, maxlen=0)
    deque(stored, maxlen=0)
    stored.check("the layer is not what its digest says", where)
    if layer.descriptor is not None and layer.descriptor.size != stored.size:
        what = "the layer is not of the size that its descriptor says"
        raise ContentError(what, where=where, expected=f"{layer.descriptor.size}", found=f"{stored.size}")
    unpacked.check("the layer does not unpack to what its diff_id says", where)


class _Heard:
    """Pieces of a stream on their way past, and what they hash to."""

    def __init__(self, pieces: Iterable[bytes], claimed: Digest | None) -> None:
        self._pieces, self._claimed = iter(pieces), claimed
        self._hashes = Hashes([claimed.algorithm] if claimed is not None else [])
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self._hashes.update(piece)
            self.size += len(piece)
            yield piece

    def check(self, what: str, where: str) -> None:
        """Compare what was read with the claim, if there is one."""
        found = self._hashes.digests()
        if self._claimed is not None and agrees(self._claimed, found) is False:
            same = next(one for one in found if one.algorithm == self._claimed.algorithm)
            raise ContentError(what, where=where, expected=str(self._claimed), found=str(same))


def _batches(members: Iterable[Member]) -> Generator[str]:
    """Give lines some hundred at a time, those before a fault too."""
    width = _FIRST_WIDTH
    lines: list[str] = []
    try:
        for member in members:
            text, width = line(member, width)
            lines.append(text)
            if len(lines) == _BATCH:
                yield "\n".join([*lines, ""])
                lines.clear()
    except header.HeaderError:
        yield "\n".join([*lines, ""]) if lines else ""
        raise
    yield "\n".join([*lines, ""]) if lines else ""


def line(member: Member, width: int) -> tuple[str, int]:
    """Return the line of a member, and the columns that owner, group and size have from it on; `width` is before it."""
    user, _, group = member.owner.partition(":")
    owner = f"{escaped(user) or _number(member.uid)}/{escaped(group) or _number(member.gid)}"
    size = str(member.size if member.real is None else member.real)
    if member.kind in ("char", "block"):
        size = ",".join(map(_number, member.device))
    width = max(width, min(len(owner) + 1 + len(size), _WIDEST))
    mode = _LETTERS.get(member.kind, "?") + stat.filemode(member.mode or 0)[1:]
    name = member.spelled
    if member.kind == "dir" and not name.endswith("/"):
        name += "/"
    target = {"symlink": " -> ", "hardlink": " link to "}.get(member.kind)
    end = f"{target}{escaped(member.link)}" if target else ""
    return f"{mode} {owner} {size.rjust(width - len(owner) - 1)} {_time(member.mtime)} {escaped(name)}{end}", width


def escaped(text: str) -> str:
    """Return a name without anything that could control a terminal or end a line. Each name has its own spelling."""
    if text.isprintable() and "\\" not in text:
        return text
    return "".join(char if char.isprintable() and char != "\\" else _escape(char) for char in text)


def _escape(char: str) -> str:
    raw = char.encode("utf-8", "surrogateescape" if "\udc80" <= char <= "\udcff" else "surrogatepass")
    return _ESCAPES.get(char) or "".join(f"\\{byte:03o}" for byte in raw)


def _number(value: int | None) -> str:
    return "?" if value is None else str(value)


def _time(nanoseconds: int | None) -> str:
    if nanoseconds is None:
        return "?"
    seconds = nanoseconds // _SECOND
    try:
        return f"{_EPOCH + dt.timedelta(seconds=seconds):%Y-%m-%d %H:%M}"
    except OverflowError:  # beyond the years 1 to 9999
        return str(seconds)
