"""Runs of plain headers in a tar. Nearly every member has one, so many are read at once.

A layer has tens of thousands of headers and is read at the speed of a hash, so this is written for speed. A run ends
before the first header that is not clearly sound. Code that checks every field reads that one.
"""

from __future__ import annotations

import re
import zlib
from itertools import repeat
from struct import Struct
from typing import Final, NamedTuple

from ociarchive.container import header

_BLOCK: Final = 512
#: A header (POSIX.1-2017, pax, ustar): all before the checksum; its digits and its end; type; link; all after the link.
_FIELDS: Final = Struct("148s6s2sB100s255s")
_PLACE: Final = slice(100, 148)  # of mode, owner, group, size and time
_SUM_END: Final = b"\0 "
_NO_LINK: Final = bytes(100)
_FILE: Final = ord("0")
_PAX: Final = ord("x")
#: Types without data, whatever their size says. Hard links, and sizes other than 0, are read with more care elsewhere.
_OTHERS: Final = frozenset(b"23456")
#: All after the link: magic, owners, devices, prefix, and 12 bytes that nobody reads. The group is the prefix. GNU
#: headers have none (POSIX has a zero after `ustar`).
_TAIL: Final = re.compile(rb"ustar(?:\0|[^\0](?=.{82}\0)).{66}(?:[0-7]{7}\0[0-7]{7}\0|\0{16})(.{155}).{12}", re.DOTALL)
#: One digit for all, so that fields are compared by their form.
_FORM: Final = bytes.maketrans(b"01234567", b"00000000")
_CHECKSUM: Final = b"000000"
#: Records of PAX that do not move the next header, and give no path other than the one that is read.
_HARMLESS: Final = frozenset(b"path linkpath mtime atime ctime uid gid uname gname".split())
_XATTRS: Final = (b"SCHILY.xattr.", b"LIBARCHIVE.xattr.")
#: How many ends of headers are kept: there is one for each owner, and for each folder in a prefix.
_TAILS: Final = 256
#: The most headers in a run. The number doubles after a run that was sound to its end, else it falls to the sound ones.
_MOST: Final = 4096


class Run(NamedTuple):
    """Members that follow each other: their names as they are written, and `at`, where the next header must be.

    `begin` is where the data of the last member begins, `size` its number of bytes. Places count within the piece.
    """

    names: list[bytes]
    at: int
    begin: int = 0
    size: int = 0


class PlainHeaders:
    """Reads runs of headers. It remembers what all headers have in common."""

    def __init__(self) -> None:
        self._tails: dict[bytes, tuple[int, bytes]] = {}
        self._last: tuple[bytes, int, bytes] = (b"", 0, b"")
        self._forms: set[bytes] = set()
        self._most = _MOST

    # One loop without calls of our own, which are slow here.
    def run(self, data: bytes, at: int) -> Run:  # noqa: C901, PLR0912
        """Return the run that begins at `at`. It has no names where there is no plain header."""
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
        """Return the run of these headers, cut before the first that is not sound. `at` is the place after them all."""
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
        """Return how many of these headers are a run. An extended header counts only together with its member."""
        count = self._formed(heads, digits)
        self._most = min(2 * self._most, _MOST) if count == len(heads) else max(count, 1)
        for number in extended:
            member = number + 1
            # A folder's name with data: readers differ on what that is.
            if member >= count or (given.get(member, b"").endswith(b"/") and int(heads[member][124:135], 8)):
                return min(number, count)
        return count

    def _formed(self, heads: list[bytes], digits: list[bytes]) -> int:
        """Return how many headers, from the first on, have numbers that all readers read alike."""
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
        """Return what the end of a header adds to its checksum, without what Adler-32 itself adds, and its prefix."""
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
    """Return the path in a PAX header. It is b"" without one, None where the header says more or is incomplete."""
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
