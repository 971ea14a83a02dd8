"""Runs of plain headers in a tar: what nearly every member has, read without looking at one field after another.

A layer has tens of thousands of headers and is read at the speed of a hash, so this is written for speed. A header that
is not known at once to be sound is left to the code that reads one header with care: a run ends before it.
"""

from __future__ import annotations

import re
import zlib
from itertools import repeat
from struct import Struct
from typing import Final, NamedTuple

from ociarchive.container import header

_BLOCK: Final = 512
#: A header (POSIX.1-2017, pax, ustar): what stands before the checksum; its digits and end; type; link; all behind it.
_FIELDS: Final = Struct("148s6s2sB100s255s")
_PLACE: Final = slice(100, 148)  # of mode, owner, group, size and time
_SUM_END: Final = b"\0 "
_NO_LINK: Final = bytes(100)
_FILE: Final = ord("0")
_PAX: Final = ord("x")
#: Types that have no data, whatever their size says. A size other than 0 is left to others, and so are hard links.
_OTHERS: Final = frozenset(b"23456")
#: What stands behind the link: magic, owners, devices, prefix, 12 bytes that nobody reads. Group: the prefix, of which
#: GNU headers (POSIX has a zero behind `ustar`) have none.
_TAIL: Final = re.compile(rb"ustar(?:\0|[^\0](?=.{82}\0)).{66}(?:[0-7]{7}\0[0-7]{7}\0|\0{16})(.{155}).{12}", re.DOTALL)
#: One digit for all, so that fields are compared by their form.
_FORM: Final = bytes.maketrans(b"01234567", b"00000000")
_CHECKSUM: Final = b"000000"
#: Records of PAX that say nothing of where the next header stands, and give no path but the one that is read.
_HARMLESS: Final = frozenset(b"path linkpath mtime atime ctime uid gid uname gname".split())
_XATTRS: Final = (b"SCHILY.xattr.", b"LIBARCHIVE.xattr.")
#: Ends of headers that are kept: one for each owner, and for each folder that stands in a prefix.
_TAILS: Final = 256
#: Headers that a run has at most: twice as many after each that was sound to its end, or as many as were sound.
_MOST: Final = 4096


class Run(NamedTuple):
    """Members behind one another: what they are named, as it stands there, and where the next header is to be.

    `begin` is where the data of the last one begins, `size` how many bytes it has; places count from the piece's start.
    """

    names: list[bytes]
    at: int
    begin: int = 0
    size: int = 0


class PlainHeaders:
    """Reads runs of headers, and remembers from one to the next what is alike in all."""

    def __init__(self) -> None:
        self._tails: dict[bytes, tuple[int, bytes]] = {}
        self._last: tuple[bytes, int, bytes] = (b"", 0, b"")
        self._forms: set[bytes] = set()
        self._most = _MOST

    # One loop without calls of our own, which are slow here.
    def run(self, data: bytes, at: int) -> Run:  # noqa: C901, PLR0912
        """Return the run that begins at `at`, without names where no plain header does."""
        heads: list[bytes] = []
        digits: list[bytes] = []
        given: dict[int, bytes] = {}  # names that do not stand in the first field, by the number of the header
        extended: list[int] = []
        start, last = at, len(data) - _BLOCK
        known, rest, prefix = self._last
        unpack, adler32, keep, keep_digits = _FIELDS.unpack_from, zlib.adler32, heads.append, digits.append
        # Numbers are read before their form is known.
        for _ in repeat(None, self._most):
            if at > last:
                break
            head, claimed, end, flag, link, tail = unpack(data, at)
            if tail != known:
                found = self._known(tail)
                if found is None:
                    break
                known, rest, prefix = tail, *found
            # Adler-32 (RFC 1950, 9) has the sum of the bytes, plus one, in its lower half: of so few it is less than
            # the 65,521 that it is taken modulo.
            total = (adler32(head) & 0xFFFF) + flag + rest
            if link != _NO_LINK:
                total += (adler32(link) & 0xFFFF) - 1
            try:
                size = int(head[124:135], 8)
                if total != int(claimed, 8) or end != _SUM_END:
                    break
            except ValueError:
                break
            if prefix:
                given.setdefault(len(heads), prefix + b"/" + head[:100].split(b"\0", 1)[0])
            if size < 0:
                break
            if flag != _FILE:
                if flag == _PAX:
                    path = _path(data[at + _BLOCK : at + _BLOCK + size], size)
                    if path is None or (extended and extended[-1] == len(heads) - 1):
                        break
                    extended.append(len(heads))
                    if path:
                        given[len(heads) + 1] = path
                elif size or flag not in _OTHERS:
                    break
            keep(head)
            keep_digits(claimed)
            at += size + 1023 & -512
        self._last = known, rest, prefix
        return self._ended(start, at, heads, digits, given, extended)

    def _ended(
        self, start: int, at: int, heads: list[bytes], digits: list[bytes], given: dict[int, bytes], extended: list[int]
    ) -> Run:
        """Return the run that these headers are, as far as they are one; `at` is behind them all."""
        count = self._sound(heads, digits, given, extended)
        if count < len(heads):
            del heads[count:]
            at = start
            for head in heads:
                size = int(head[124:135], 8)
                at += size + 1023 & -512
        if not heads:
            return Run([], start)
        names = [head[:100] for head in heads]
        for number, name in given.items():
            if number < count:
                names[number] = name
        for number in reversed(extended):
            if number < count:
                del names[number]
        size = int(heads[-1][124:135], 8)
        return Run(names, at, at - (size + 511 & -512), size)

    def _sound(self, heads: list[bytes], digits: list[bytes], given: dict[int, bytes], extended: list[int]) -> int:
        """Return how many of these headers are a run, an extended one together with the member that it speaks of."""
        count = self._formed(heads, digits)
        self._most = min(2 * self._most, _MOST) if count == len(heads) else max(count, 1)
        for number in extended:
            member = number + 1
            # A folder's name and data: not for us to say what that is.
            if member >= count or (given.get(member, b"").endswith(b"/") and int(heads[member][124:135], 8)):
                return min(number, count)
        return count

    def _formed(self, heads: list[bytes], digits: list[bytes]) -> int:
        """Return how many headers, from the first on, have numbers that everybody reads alike."""
        count = len(heads)
        forms = b"".join([head[_PLACE] for head in heads]).translate(_FORM)
        if b"".join(digits).translate(_FORM) != _CHECKSUM * count:
            count = next(number for number, one in enumerate(digits) if one.translate(_FORM) != _CHECKSUM)
        first = forms[:48]
        if forms == first * len(heads) and self._is_form(first):
            return count
        for number in range(count):
            if not self._is_form(forms[48 * number : 48 * number + 48]):
                return number
        return count

    def _is_form(self, form: bytes) -> bool:
        if form in self._forms:
            return True
        if header.CANONICAL.match(form):
            self._forms.add(form)
            return True
        return False

    def _known(self, tail: bytes) -> tuple[int, bytes] | None:
        """Return what the end of a header adds to its checksum, without the two that Adler-32 adds, and its prefix."""
        found = self._tails.get(tail)
        if found is None:
            form = _TAIL.fullmatch(tail)
            if form is None:
                return None
            if len(self._tails) >= _TAILS:
                self._tails.clear()
            # Eight spaces stand for the checksum itself.
            found = self._tails[tail] = (zlib.adler32(tail) & 0xFFFF) - 2 + 8 * ord(" "), form[1].split(b"\0", 1)[0]
        return found


def _path(content: bytes, size: int) -> bytes | None:
    """Return the path that a PAX header gives; b"" without one, None where it says more, or is not all there."""
    if len(content) < size:
        return None
    length, path, value = content.partition(b" path=")
    if path and length == b"%d" % size and value[-1:] == b"\n":
        return _sane(value[:-1])
    try:
        found = dict(header.records(content))
    except header.HeaderError:
        return None
    if not all(key in _HARMLESS or key.startswith(_XATTRS) for key in found):
        return None
    return _sane(found[b"path"]) if b"path" in found else b""


def _sane(path: bytes) -> bytes | None:
    return path if path and b"\0" not in path else None
