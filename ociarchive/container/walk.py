"""Reads a layer's tar as a stream: whether it is complete, and what is odd about its paths.

It receives what a layer unpacks to, piece by piece. It skips contents, and keeps eight bytes of each path. The end of a
tar is judged as engines judge it. Their reader, Go's archive/tar, lets the tar end with the stream wherever a header
may begin, and in the zeros that fill a member's last block.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import repeat
from typing import TYPE_CHECKING, Final

from ociarchive.blobio.limits import LimitError
from ociarchive.container import header
from ociarchive.container.lenient import lenient
from ociarchive.container.names import normal
from ociarchive.container.plainheaders import PlainHeaders
from ociarchive.container.tar import BLOCK
from ociarchive.errors import plural

if TYPE_CHECKING:
    from collections.abc import Generator

    from ociarchive.blobio.limits import Limits

#: A part `.` or `..` of a path, in a text of many paths, each between a slash and a zero.
_DOTS: Final = re.compile(rb"/\.\.?[/\0]")
_ENDS: Final = repeat(b"/\0")
_ODD: Final = re.compile(rb"/[/.]")
_SPARSE: Final = b"S"
#: The most paths that wait to be compared.
_WAITING: Final = 4096


@dataclass(frozen=True, slots=True)
class Fault:
    """Why reading a tar ends early: the rule that it breaks, and the place, in bytes of the unpacked layer."""

    rule: str
    message: str
    offset: int
    expected: str | None = None
    found: str | None = None


@dataclass(frozen=True, slots=True)
class Named:
    """Paths of one kind: the first, and how many there are."""

    first: str
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """The result of a walk over a layer's tar.

    `fault` ended it early. Without `paths` there were too many to keep, and doubled ones and hard links are unknown.
    `loose` is the number of hard links whose target does not precede them in this layer. A layer below may have it.
    `headers` is the number of headers that were read, as they count for the limit: long extended ones count as several.
    """

    fault: Fault | None = None
    paths: bool = True
    doubled: Named | None = None
    outside: Named | None = None
    absolute: Named | None = None
    loose: int = 0
    headers: int = field(default=0, compare=False)

    @property
    def whole(self) -> bool | None:
        """Whether the tar was read to its end; None where reading ended early for another reason than damage."""
        if self.fault is None:
            return True
        return None if self.fault.rule in ("layer-tar-ambiguous", "layer-unchecked") else False


class _End(Exception):
    """The walk is over."""

    def __init__(self, fault: Fault | None = None) -> None:
        super().__init__()
        self.fault = fault


class Walk:
    """A walk over a tar that comes in pieces."""

    def __init__(self, limits: Limits, where: str = "") -> None:
        self._limits, self._where = limits, where
        self._data, self._at, self._before = b"", 0, 0  # a piece, the place in it, the bytes of the tar before it
        self._member: tuple[bytes, int, int] = (b"", 0, 0)  # the last one: its name, the place of its data, its size
        self._extended = header.Extended()
        self._promised = False  # whether an extended header describes a member that did not come yet
        self._paths: set[int] = set()
        self._waiting: list[bytes] = []  # paths that were not compared yet
        self._headers = PlainHeaders()
        self._kept = True
        self._found: dict[str, Named] = {}
        self._loose = self._headers_read = 0
        self._fault: Fault | None = None
        self._ended = self._over = False  # whether the stream ended, and whether the walk did
        self._run = self._steps()
        next(self._run)

    def take(self, data: bytes) -> None:
        """Take the next bytes of the tar."""
        if data and not self._over:
            self._go(data)

    def finish(self) -> Walked:
        """Return what was found, once all bytes were taken."""
        if not self._over:
            self._go(b"")
        told = self._found if self._kept else {**self._found, "doubled": None}
        return Walked(
            fault=self._fault,
            paths=self._kept,
            doubled=told.get("doubled"),
            outside=told.get("outside"),
            absolute=told.get("absolute"),
            loose=self._loose if self._kept else 0,
            headers=self._headers_read,
        )

    def _go(self, data: bytes) -> None:
        try:
            self._run.send(data)
        except _End as end:
            self._fault = end.fault
            self._over = True
            self._compare()
            self._data, self._paths, self._headers = b"", set(), PlainHeaders()

    # The walk. Each `yield` receives the next piece, an empty one at the end.

    def _steps(self) -> Generator[None, bytes]:
        while True:
            while self._plain():
                yield from self._pass_over()
            if not (yield from self._have(BLOCK)):
                self._at_the_end()
            block = self._data[self._at : self._at + BLOCK]
            if block == header.ZEROS:
                yield from self._end_marker()
            offset = self._offset
            try:
                yield from self._one(block)
            except header.HeaderError as error:
                rule = {"tar-damaged": "layer-tar-damaged", "limit-extended": "layer-unchecked"}.get(error.rule)
                if offset == 0 and rule == "layer-tar-damaged" and not header.looks_like_tar(block):
                    rule = "layer-not-tar"
                what = f"no header stands where one has to be: {error}" if rule == "layer-tar-damaged" else str(error)
                raise _End(Fault(rule or "layer-tar-ambiguous", what, offset)) from None

    @property
    def _offset(self) -> int:
        return self._before + self._at

    def _count(self, headers: int) -> None:
        """Count headers. Where they are too many for the archive, the walk ends: the tar may be whole or not."""
        self._headers_read += headers
        try:
            self._limits.walked(headers, self._where)
        except LimitError as error:
            what = f"{error.what}, {error.hint}"
            raise _End(Fault("layer-unchecked", what, self._offset)) from None

    def _plain(self) -> bool:
        """Read the headers of this piece as far as they are plain. Return whether the next one is in another piece."""
        last = len(self._data) - BLOCK
        while self._at <= last and not self._promised:
            run = self._headers.run(self._data, self._at)
            if not run.names:
                break
            self._count(len(run.names) + run.extended)
            self._at = run.at
            self._member = (run.names[-1].rstrip(b"\0"), self._before + run.begin, run.size)
            self._enter(run.names)
        return self._at > len(self._data)

    def _enter(self, written: list[bytes]) -> None:
        """Take paths, as plain headers have them: zeros may follow."""
        names = list(map(bytes.rstrip, written, _ENDS))
        if names[-1].startswith(b"./"):
            names = [name.removeprefix(b"./") for name in names]
        joined = b"/" + b"\0/".join(names) + b"\0"
        # One search for both is faster than two. Names that begin with a dot are common, so those are looked at again.
        if joined.count(b"\0") > len(names) or (_ODD.search(joined) and (b"//" in joined or _DOTS.search(joined))):
            names = list(map(self._cleaned, written))
        self._waiting += names
        if len(self._waiting) >= _WAITING:
            self._compare()

    def _compare(self) -> None:
        """Compare the paths that wait with all that came before, many at once: a table that is cold is slow."""
        names, self._waiting = self._waiting, []
        new = set(map(hash, names))
        if len(new) == len(names) and self._paths.isdisjoint(new):
            self._paths |= new
        else:
            for name in names:
                self._add(name)
        self._bound()

    def _bound(self) -> None:
        """Keep no more paths than are allowed."""
        if len(self._paths) > self._limits.layer_paths:
            self._kept = False
        if not self._kept:
            self._paths.clear()

    def _cleaned(self, field: bytes) -> bytes:
        raw = field.split(b"\0", 1)[0]
        name = (raw[2:] if raw.startswith(b"./") else raw).rstrip(b"/")
        return self._normal(raw) if b"/." in name or b"//" in name or name[:1] in b"./" else name

    def _add(self, name: bytes) -> None:
        count = len(self._paths)
        self._paths.add(hash(name))
        if len(self._paths) == count:
            self._note("doubled", name)

    def _one(self, block: bytes) -> Generator[None, bytes]:
        """Take one header of any kind."""
        self._count(1)
        parsed = lenient(block)
        self._at += BLOCK
        size = parsed.size if parsed.flag not in header.WITHOUT_DATA else 0
        if parsed.flag in header.EXTENDED_FLAGS:
            if size + self._extended.size > self._limits.extended:
                together = "extended headers of one member have" if self._extended.size else "an extended header of"
                what = f"{together} {plural(size + self._extended.size, 'byte')}, --limit extended=N lifts the limit"
                raise header.HeaderError(f"{what} of {self._limits.extended}", "limit-extended")
            self._member = (b"an extended header", self._offset, size)
            content = yield from self._content(size)
            self._count(header.weight(content))
            self._extended.take(parsed.flag, content[:size], *content[size : size + 1])
            self._promised |= parsed.flag != b"g"
            return
        if parsed.flag == _SPARSE and block[header.MORE]:
            self._member = (b"a sparse map", self._offset, BLOCK)
            while (yield from self._content(BLOCK))[header.MORE_STILL]:
                self._count(1)
        name, link, size = self._extended.apply(parsed, size)
        sparse = self._extended.records.get(b"GNU.sparse.name")
        raw = sparse if sparse is not None else name.encode("utf-8", "surrogateescape")
        self._extended.next_member()
        self._promised = False
        self._waiting.append(self._normal(raw))
        if parsed.flag == b"1":
            self._link(raw, link.encode("utf-8", "surrogateescape"))
        if len(self._waiting) >= _WAITING:
            self._compare()
        self._member = (raw, self._offset, size)
        self._at += size + -size % BLOCK

    def _content(self, size: int) -> Generator[None, bytes, bytes]:
        """Return the blocks with so many bytes of an extended header, and go to the place after them."""
        whole = size + -size % BLOCK
        if not (yield from self._have(whole)) and len(self._data) - self._at < size:
            there = plural(len(self._data) - self._at, "byte")
            end = self._before + len(self._data)
            what = "the tar is cut short inside an extended header"
            raise _End(Fault("layer-tar-truncated", what, end, plural(size, "byte"), there))
        content = self._data[self._at : self._at + whole]
        self._at += whole
        return content

    def _pass_over(self) -> Generator[None, bytes]:
        """Skip data, in this piece and the next ones."""
        while self._at > len(self._data):
            self._before += len(self._data)
            self._at -= len(self._data)
            self._data = b""  # a piece that nobody holds is free for the next one, and still in the processor's cache
            if not self._ended:
                self._data = yield
            if not self._data:
                self._cut_inside()
                raise _End

    def _have(self, size: int) -> Generator[None, bytes, bool]:
        """Wait until so many bytes of the tar are here; False where it ends before that."""
        if len(self._data) - self._at >= size:
            return True
        held = [self._data[self._at :]] if self._at < len(self._data) else []
        there = len(self._data) - self._at
        self._before += self._at
        self._data, self._at = b"", 0
        while there < size and not self._ended:
            piece = yield
            self._ended = not piece
            there += len(piece)
            held.append(piece)
            del piece
        self._data = held[0] if len(held) == 1 else b"".join(held)
        return there >= size

    def _end_marker(self) -> Generator[None, bytes]:
        """Judge what follows a block of zeros. It must be another one, or nothing."""
        begin = self._offset
        if (yield from self._have(2 * BLOCK)):
            if self._data[self._at + BLOCK : self._at + 2 * BLOCK] == header.ZEROS:
                raise _End
            what = "the tar has a lone block of zeros between its members"
            raise _End(Fault("layer-tar-damaged", what, begin))
        if len(self._data) - self._at == BLOCK:
            raise _End
        end = self._before + len(self._data)
        raise _End(Fault("layer-tar-truncated", "the tar is cut short inside the blocks that mark its end", end))

    def _at_the_end(self) -> None:
        """Judge a stream that ends where a header may begin."""
        rest = self._data[self._at :]
        end = self._before + len(self._data)
        if rest:
            known = self._offset or header.looks_like_tar(rest)
            what = "the tar is cut short inside a header"
            raise _End(Fault("layer-tar-truncated" if known else "layer-not-tar", what, end))
        self._require_kept_promise(end)
        raise _End

    def _require_kept_promise(self, end: int) -> None:
        if self._promised:
            what = "the tar is cut short behind an extended header, before the member that it speaks of"
            raise _End(Fault("layer-tar-truncated", what, end))

    def _cut_inside(self) -> None:
        name, begin, size = self._member
        end = self._before + len(self._data)
        if end < begin + size:
            what = f"the tar is cut short inside the member {_shown(name)}"
            raise _End(
                Fault("layer-tar-truncated", what, end, plural(size, "byte"), plural(max(end - begin, 0), "byte"))
            )
        self._require_kept_promise(end)

    # Paths

    def _link(self, raw: bytes, target: bytes) -> None:
        self._compare()
        inside = _normal(target)
        if inside == b".." or inside.startswith(b"../"):
            self._note("outside", raw)
        elif hash(inside) not in self._paths:
            self._loose += 1

    def _normal(self, raw: bytes) -> bytes:
        """Return a path as it is compared, and note what is odd in its spelling."""
        if raw.startswith(b"/"):
            self._note("absolute", raw)
        name = _normal(raw)
        if name == b".." or name.startswith(b"../"):
            self._note("outside", raw)
        return name

    def _note(self, kind: str, name: bytes) -> None:
        known = self._found.get(kind)
        self._found[kind] = Named(known.first, known.count + 1) if known else Named(_shown(name))


def _normal(name: bytes) -> bytes:
    return normal(name.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


def _shown(name: bytes) -> str:
    text = name.decode("utf-8", "surrogateescape")
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")


#: Characters of a path that are shown.
_SHOWN: Final = 200
