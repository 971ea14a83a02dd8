"""Runs of plain headers in a tar. Nearly every member has one, so many are read at once.

A layer has tens of thousands of headers and is read at the speed of a hash, so this is written for speed. A run ends
before the first header that is not clearly sound. Code that checks every field reads that one.
"""

from __future__ import annotations

import re
import zlib
from itertools import repeat
from struct import Struct, error
from typing import Final, NamedTuple

from ociarchive.container import header

_BLOCK: Final = 512
#: A header (POSIX.1-2017, pax, ustar): name; mode, owner, group, size and time; the checksum's digits; its end; type;
#: all after it.
_FIELDS: Final = Struct("100s48s6s2sB355s")
_SUM_END: Final = b"\0 "
_LINK: Final = 100
_SIZE: Final = slice(24, 35)  # within what stands between name and checksum
_FILE: Final = ord("0")
_PAX: Final = ord("x")
_LONG: Final = ord("L")
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
    `extended` is what the extended headers among them weigh.
    """

    names: list[bytes]
    at: int
    begin: int = 0
    size: int = 0
    extended: int = 0


class _Heads(NamedTuple):
    """Headers that are not known to be sound yet, by their number.

    `names` are first fields, `forms` the fields from mode to time, `digits` checksums. `given` has names that do not
    stand in the first field. `extended` has extended headers, and what they weigh.
    """

    names: list[bytes]
    forms: list[bytes]
    digits: list[bytes]
    given: dict[int, bytes]
    extended: dict[int, int]


class PlainHeaders:
    """Reads runs of headers. It remembers what all headers have in common."""

    def __init__(self) -> None:
        self._tails: dict[bytes, tuple[int, bytes]] = {}
        self._last: tuple[bytes, int, bytes] = (b"", 0, b"")
        self._forms: set[bytes] = set()
        self._most = _MOST

    # One loop without calls of our own, which are slow here.
    def run(self, data: bytes, at: int) -> Run:  # noqa: C901
        """Return the run that begins at `at`. It has no names where there is no plain header."""
        heads = _Heads([], [], [], {}, {})
        names, forms, digits, given, extended = heads
        start = at
        known, rest, prefix = self._last
        unpack, adler32 = _FIELDS.unpack_from, zlib.adler32
        keep, keep_form, keep_digits = names.append, forms.append, digits.append
        # Numbers are read before their form is known. What is no number, and the end of the piece, end the run.
        try:
            for _ in repeat(None, self._most):
                name, form, claimed, end, flag, tail = unpack(data, at)
                if tail != known:
                    found = self._known(tail)
                    if found is None:
                        break
                    known, rest, prefix = tail, *found
                # Adler-32 (RFC 1950, 9) has the sum of the bytes, plus one, in its lower half: of so few it is less
                # than the 65,521 that it is taken modulo.
                if (adler32(form, adler32(name)) & 0xFFFF) + flag + rest != int(claimed, 8) or end != _SUM_END:
                    break
                size = int(form[24:35], 8)
                if flag != _FILE or prefix:
                    if size < 0:
                        break
                    if prefix:
                        given.setdefault(len(names), prefix + b"/" + name.split(b"\0", 1)[0])
                    if flag in _EXTENDED:
                        content = data[at + _BLOCK : at + _BLOCK + size]
                        path = _EXTENDED[flag](content, size)
                        if path is None or len(names) - 1 in extended:
                            break
                        extended[len(names)] = header.weight(content)
                        if path:
                            given[len(names) + 1] = path
                    elif flag != _FILE and (size or flag not in _OTHERS):
                        break
                keep(name)
                keep_form(form)
                keep_digits(claimed)
                at += size + 1023 & -512
        except (error, ValueError):
            pass
        self._last = known, rest, prefix
        return self._ended(start, at, heads)

    def _ended(self, start: int, at: int, heads: _Heads) -> Run:
        """Return the run of these headers, cut before the first that is not sound. `at` is the place after them all."""
        names, forms, _, given, extended = heads
        count = self._sound(heads)
        if count < len(names):
            del names[count:]
            at = start
            for form in forms[:count]:
                at += int(form[_SIZE], 8) + 1023 & -512
        if not names:
            return Run([], start)
        for number, name in given.items():
            if number < count:
                names[number] = name
        weight = 0
        for number in reversed(extended):
            if number < count:
                del names[number]
                weight += extended[number]
        size = int(forms[count - 1][_SIZE], 8)
        return Run(names, at, at - (size + 511 & -512), size, weight)

    def _sound(self, heads: _Heads) -> int:
        """Return how many of these headers are a run. An extended header counts only together with its member."""
        count = self._formed(heads.forms, heads.digits)
        self._most = min(2 * self._most, _MOST) if count == len(heads.forms) else max(count, 1)
        for number in heads.extended:
            member = number + 1
            # A folder's name with data: readers differ on what that is.
            if member >= count or (heads.given.get(member, b"").endswith(b"/") and int(heads.forms[member][_SIZE], 8)):
                return min(number, count)
        return count

    def _formed(self, forms: list[bytes], digits: list[bytes]) -> int:
        """Return how many headers, from the first on, have numbers that all readers read alike."""
        count = len(forms)
        if b"".join(digits).translate(_FORM) != _CHECKSUM * count:
            count = next(number for number, one in enumerate(digits) if one.translate(_FORM) != _CHECKSUM)
        joined = b"".join(forms).translate(_FORM)
        first = joined[:48]
        # Most headers of a tar are written by one program, and alike.
        if joined == first * len(forms) and self._is_form(first):
            return count
        for number in range(count):
            if not self._is_form(joined[48 * number : 48 * number + 48]):
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
        """Return the sum of the bytes after the type, and the prefix that stands there."""
        link, after = tail[:_LINK], tail[_LINK:]
        found = self._tails.get(after)
        if found is None:
            form = _TAIL.fullmatch(after)
            if form is None:
                return None
            if len(self._tails) >= _TAILS:
                self._tails.clear()
            # Eight spaces stand for the checksum itself, and Adler-32 adds one elsewhere.
            found = self._tails[after] = _sum(after) + 8 * ord(" ") - 1, form[1].split(b"\0", 1)[0]
        return found[0] + _sum(link), found[1]


def _sum(part: bytes) -> int:
    return (zlib.adler32(part) & 0xFFFF) - 1


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


def _long(content: bytes, size: int) -> bytes | None:
    """Return the path in a GNU header for long names, None where it is not that path and one zero."""
    return _sane(content[:-1]) if len(content) == size and content[-1:] == b"\0" else None


def _sane(path: bytes) -> bytes | None:
    return path if path and b"\0" not in path else None


#: Extended headers that a run may hold, and what reads their content: the path in it, b"" without one, or None where it
#: is not plain.
_EXTENDED: Final = {_PAX: _path, _LONG: _long}
