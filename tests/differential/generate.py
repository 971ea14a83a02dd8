"""Random sequences of tar headers: mostly lawful ones, with a few odd fields and orders among them.

A number makes a sequence, so what chance finds is named by its number.
"""

import random
from collections.abc import Callable, Sequence
from functools import lru_cache

from tests.hostile.raw import END, record, resealed

_NAMES = [
    b"a", b"b", b"c", b"d/", b"d/e", b"d", b"index.json", b"./a", b"/abs", b"x//y", b"a/../b", b"./", b".", b"",
    b"p/q/", b"n" * 99, b"n" * 100, b"n" * 99 + b"/", "é".encode(), b"\xff\xfe", b"sp ace", b"d/" * 40 + b"f", b"t//",
]  # fmt: skip
_LONG = [b"L" * 101, b"l/" * 80 + b"m", b"L" * 254 + b"/", b"short", b"a", b"k/", b"index.json", "ü".encode() * 80]
_LINKS = [b"a", b"b", b"c", b"./a", b"d/e", b"../up", b"", b"/abs", b"n" * 100, b"late"]
_TYPES = [b"0"] * 10 + [b"\0"] * 3 + [b"5"] * 3 + [b"1"] * 2 + [b"2"] * 2 + [b"7"]
_ODD_TYPES = [b"3", b"4", b"6", b"S", b"V", b"M", b"N", b"A", b"X", b"D", b"Z", b"8", b"I", b"E", b" ", b"\xff"]
_MAGICS = [b"ustar\x0000"] * 4 + [b"ustar  \0"] * 3 + [bytes(8)]
_ODD_MAGICS = [
    b"ustar\0\0\0", b"ustar\x00  ", b"ustar   ", b"ustar 00", b"ustar\x0001", b"USTAR\x0000", b"ustarx00",
    b"ustar \0\0", b"ustar  1", b"GNUtar \0", b"uSTAR  \0",
]  # fmt: skip
_PREFIXES = [
    b"p",
    b"p/q",
    b"p" * 131,
    b"p" * 140,
    b"p" * 155,
    b"p/",
    b"/",
    b"00000000000",
    b"00000000000\x0000000000001",
    b".",
]
#: Values for a numeric field of `width` bytes that holds `value`; what is too long is cut.
_NUMBERS: list[Callable[[int, int], bytes]] = [
    lambda v, w: b"%0*o\0" % (w - 1, v), lambda v, w: b"%0*o" % (w, v), lambda v, w: b"%0*o " % (w - 1, v),
    lambda v, w: b"%*o " % (w - 1, v), lambda v, w: b"%*o\0" % (w - 1, v), lambda v, w: b"%*o" % (w, v),
    lambda v, _w: b"%o".ljust(1) % v, lambda v, _w: b"%o\0" % v, lambda v, w: b"%o " % v + b" " * w,
    lambda v, w: b"%0*o \0" % (w - 2, v),
    lambda v, w: b"\x80" + v.to_bytes(w - 1, "big"), lambda _v, w: b"\xff" * w,
    lambda _v, w: b"\xff" * (w - 2) + b"\0\1", lambda _v, w: b"\x80" + b"\xff" * (w - 1),
    lambda v, w: b"\x81" + v.to_bytes(w - 1, "big"), lambda v, w: b"\xc0" + v.to_bytes(w - 1, "big"),
    lambda _v, w: bytes(w), lambda _v, w: b" " * w, lambda v, w: b"\0%0*o" % (w - 1, v),
    lambda v, w: b"\0%0*o\0" % (w - 2, v), lambda v, w: b"\0\0%0*o" % (w - 2, v),
    lambda v, w: b"-%0*o\0" % (w - 2, v), lambda v, w: b"+%0*o\0" % (w - 2, v), lambda v, w: b"0o%0*o\0" % (w - 3, v),
    lambda v, w: b"0_%0*o\0" % (w - 3, v), lambda v, w: b"%0*o\0x" % (w - 2, v), lambda v, w: b"%0*o x" % (w - 2, v),
    lambda v, w: b"%0*o x" % (w - 3, v) + b"7", lambda v, w: b"%0*d\0" % (w - 1, v), lambda v, w: b"%0*o9" % (w - 1, v),
    lambda v, w: b"\t%0*o\0" % (w - 2, v), lambda v, w: b"\n%0*o\0" % (w - 2, v), lambda v, w: b"%0*o\n" % (w - 1, v),
    lambda v, w: b"%0*o\0 " % (w - 2, v), lambda v, w: b" %0*o\0" % (w - 2, v), lambda _v, w: b"7" * w,
    lambda v, w: b"%0*o\0\0" % (w - 2, v), lambda v, w: b"%0*o\0 7" % (w - 3, v), lambda _v, w: b"\0" * (w - 1) + b"7",
    lambda _v, w: b" " * (w - 1) + b"\0", lambda _v, w: b"\x80" + bytes(w - 2) + b"\1", lambda _v, _w: b"xyz",
]  # fmt: skip
_FIELDS = {"mode": (100, 8), "uid": (108, 8), "gid": (116, 8), "size": (124, 12), "mtime": (136, 12),
           "major": (329, 8), "minor": (337, 8)}  # fmt: skip


class _Chance(random.Random):
    """Chance with a budget of odd things: a tar with many of them is refused for the first alone."""

    odd = 0

    def oddly(self, one_in: int) -> bool:
        if self.odd > 0 and not self.randrange(one_in):
            self.odd -= 1
            return True
        return False


#: So many sequences are put together of the same pieces, which take the longest to make.
POOL = 500


def sequence(number: int) -> bytes:
    """Return the tar of a number."""
    chance = _Chance(number)
    groups = _pool(number // POOL)
    chosen = [chance.choice(groups) for _ in range(chance.choice([1, 1, 2, 2, 3, 4]))]
    pieces = [piece for group in chosen for piece in group]
    match chance.randrange(16):
        case 0:
            chance.shuffle(pieces)
        case 1:
            pieces.insert(chance.randrange(len(pieces) + 1), chance.choice(chance.choice(groups)))
        case 2:
            pieces.insert(chance.randrange(len(pieces) + 1), chance.choice(pieces))
        case 3:
            pieces.pop(chance.randrange(len(pieces)))
    end = END if chance.randrange(100) else chance.choice([b"", bytes(512), bytes(100), bytes(1536), END + b"x"])
    return b"".join(pieces) + end


@lru_cache(maxsize=2)
def _pool(number: int) -> list[list[bytes]]:
    """Return members with the headers before them."""
    chance = _Chance(~number)
    made = []
    for place in range(POOL // 5):
        chance.odd = chance.choice([0, 0, 0, 1, 1, 2])
        flag = chance.choice(_ODD_TYPES) if chance.oddly(8) else chance.choice(_TYPES)
        linked = flag in b"12" or chance.oddly(8)
        made.append([*_before(chance, linked), _member(chance, place, flag)])
    return made


def _before(chance: _Chance, linked: bool) -> list[bytes]:
    """Extended headers before a member: none, one or the two of GNU as a rule, any row of them now and then."""
    if chance.oddly(4):
        return [_extended(chance, linked) for _ in range(chance.choice([1, 2, 2, 2, 3, 4]))]
    match chance.randrange(8):
        case 0:
            return [_gnu(chance, b"L")]
        case 1 if linked:
            return [_gnu(chance, b"K")] + ([_gnu(chance, b"L")] if chance.randrange(2) else [])
        case 2 | 3:
            return [_pax(chance, b"x", linked)]
        case 4:
            shared = _pax(chance, b"g")
            return [shared] if chance.randrange(2) else [shared, _pax(chance, b"x", linked)]
        case _:
            return []


def _extended(chance: _Chance, linked: bool = True) -> bytes:
    flag = chance.choice([b"x", b"x", b"g", b"L", b"L", b"K" if linked else b"x"])
    return _gnu(chance, flag) if flag in b"LK" else _pax(chance, flag, linked)


def _gnu(chance: _Chance, flag: bytes) -> bytes:
    value = chance.choice(_LONG if flag == b"L" else _LINKS + _LONG) + b"\0"
    if chance.oddly(8):
        value = chance.choice([b"", b"\0", value[:-1], value + b"junk", value + bytes(600), b"m" * 512, b"\0x\0"])
    return _block(chance, b"././@LongLink", len(value), flag) + _data(chance, value)


def _pax(chance: _Chance, flag: bytes, linked: bool = False) -> bytes:
    made = [_record(chance, flag, linked) for _ in range(chance.choice([1, 1, 1, 2, 2, 3]))]
    records = dict(made) if not chance.oddly(10) else {}
    content = b"".join(record(*one) for one in records.items() or made)
    if chance.oddly(10):
        content = chance.choice([
            b"", content + bytes(3), content + b"junk", content[:-1], content + b"0 a=b\n", content + b"5 a=\n",
            b"0" + content, b"+" + content, b" " + content, content + b"4 a\n", content + b"3 =\n", content + b"\n",
            content.replace(b"=", b"", 1), b"013 path=long\n", b"12 path=ab\n\n",
        ])  # fmt: skip
    return _block(chance, b"PaxHeaders/0", len(content), flag) + _data(chance, content)


def _record(chance: _Chance, flag: bytes, linked: bool) -> tuple[bytes, bytes]:
    lawful: Sequence[tuple[bytes, bytes]] = [
        (b"comment", b"c"), (b"mtime", b"1.5"), (b"mtime", b"-1.25"), (b"uid", b"4000000"), (b"uname", "ü".encode()),
        (b"SCHILY.xattr.user.a", b"\0\1"), (b"LIBARCHIVE.creationtime", b"1"), (b"atime", b"12.000000001"),
        (b"ctime", b"7"), (b"gid", b"12"), (b"gname", b"g"),
    ]  # fmt: skip
    names = [(b"path", chance.choice(_LONG + _NAMES)), (b"path", chance.choice(_LONG))]
    if linked:
        names.append((b"linkpath", chance.choice(_LINKS)))
    if chance.oddly(4):
        return chance.choice([
            (b"path", b""), (b"linkpath", b""), (b"size", b""), (b"size", b"0"), (b"size", b"5"),
            (b"size", b"512"),
            (b"size", b"+5"), (b"size", b"5.0"), (b"size", b"-5"), (b"size", b" 5"), (b"size", b"05"), (b"size", b"5 "),
            (b"size", b"99999999999"), (b"size", b"1e2"), (b"size", b"5\0"), (b"size", b"0x5"), (b"size", b"1024"),
            (b"GNU.sparse.name", b"index.json"), (b"GNU.sparse.realsize", b"7"), (b"GNU.sparse.size", b"7"),
            (b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"), (b"GNU.sparse.map", b"0,5"),
            (b"GNU.sparse.numblocks", b"1"), (b"GNU.sparse.offset", b"0"), (b"GNU.sparse.numbytes", b"5"),
            (b"uid", b""), (b"uid", b"abc"), (b"uid", b"-1"), (b"uid", b"1.5"), (b"gid", b"99999999999999999999"),
            (b"mtime", b"x"), (b"mtime", b""), (b"mtime", b"1."), (b"mtime", b".5"), (b"mtime", b"1e3"),
            (b"mtime", b"nan"),
            (b"mtime", b"-0.5"), (b"mtime", b"9" * 25), (b"atime", b"q"), (b"ctime", b"+1"), (b"mtime", b"--1"),
            (b"path", b"a\0b"), (b"path", b"\xff"), (b"path", b"nl\nx"), (b"linkpath", b"\0"), (b"uname", b"a\0"),
            (b"hdrcharset", b"BINARY"), (b"hdrcharset", b"ISO-IR 10646 2000 UTF-8"), (b"hdrcharset", b"nonsense"),
            (b"hdrcharset", b"\xff"), (b"com\0ment", b"x"), (b"", b"x"), (b"path ", b"x"), (b"PATH", b"x"),
            (b"a\nb", b"c"),
            (b"SCHILY.realsize", b"7"), (b"SCHILY.dev", b"x"), (b"SCHILY.filetype", b"sparse"), (b"SCHILY.ino", b"z"),
            (b"SCHILY.nlink", b""), (b"SUN.holesdata", b" 0 5"), (b"LIBARCHIVE.symlinktype", b"dir"),
            (b"LIBARCHIVE.xattr.a", b"!!"), (b"SCHILY.acl.access", b"nonsense"), (b"SCHILY.xattr.", b""),
            (b"RHT.security.selinux", b"x"), (b"charset", b"BINARY"), (b"GNU.volume.label", b"v"),
            (b"GNU.volume.filename", b"v"), (b"GNU.volume.size", b"5"), (b"GNU.volume.offset", b"1"),
            (b"GNU.dumpdir", b"Yx\0\0"), (b"realtime.x", b"y"), (b"\xff", b"\xff"), (b"uname", b"\xff"),
            (b"SCHILY.devmajor", b"1"), (b"SCHILY.offset", b"1"), (b"SCHILY.fflags", b"nodump"),
        ])  # fmt: skip
    return chance.choice(lawful if flag == b"g" or not chance.randrange(3) else names)


def _member(chance: _Chance, place: int, flag: bytes) -> bytes:
    name = chance.choice(_NAMES)
    if name in (b"a", b"b", b"c") and chance.randrange(2):
        name += b"%d" % place
    link = chance.choice(_LINKS) if flag in b"12" or chance.oddly(20) else b""
    data = (
        chance.choice([b"", b"DATA%d" % place, b"D%d" % place * 300, b"E" * 512]) if flag in b"0\0007SVMNDZ8" else b""
    )
    return _block(chance, name, len(data), flag, link) + _data(chance, data)


def _data(chance: _Chance, data: bytes) -> bytes:
    filler = -len(data) % 512
    if filler and chance.oddly(15):
        return data + chance.choice([b"x", b"\0x", b"13 path=evil\n", b"\n", b" "])[:filler].ljust(filler, b"\0")
    return data + bytes(filler)


def _block(chance: _Chance, name: bytes, size: int, flag: bytes, link: bytes = b"") -> bytes:
    block = bytearray(512)
    block[: len(name[:100])] = name[:100]
    magic = chance.choice(_MAGICS) if not chance.oddly(12) else chance.choice(_ODD_MAGICS)
    style = 0 if not chance.oddly(30) else None
    if chance.oddly(15):
        size = chance.choice([0, 1, 5, 512, 600, max(size - 1, 0), size + 1, size + 512, 1 << 33])
    for field, (start, width) in _FIELDS.items():
        value = {"size": size, "mode": 0o644}.get(field, 0)
        form = _NUMBERS[style or 0] if style is not None else chance.choice(_NUMBERS[:9])
        if field in ("major", "minor") and magic != b"ustar\x0000":
            form = _NUMBERS[16]
        if chance.oddly(40):
            form = chance.choice(_NUMBERS)
        try:
            content = form(value, width)
        except OverflowError:
            content = b"7" * width
        block[start : start + width] = content[:width].ljust(width, b"\0")
    block[156:157] = flag
    block[157 : 157 + len(link[:100])] = link[:100]
    block[257:265] = magic
    if magic == b"ustar\x0000" and not chance.randrange(6):
        prefix = chance.choice(_PREFIXES[:6])
        block[345 : 345 + len(prefix)] = prefix
    elif chance.oddly(20):
        prefix = chance.choice(_PREFIXES)
        block[345 : 345 + len(prefix)] = prefix
    if chance.oddly(40):
        block[508:512] = b"tar\0"
    if chance.oddly(60):
        block[chance.randrange(345, 512)] = chance.randrange(256)
    if chance.oddly(60):
        block[chance.randrange(512)] = chance.randrange(256)
    if chance.oddly(80):
        block[482:483] = b"\1"
    return _summed(chance, bytes(block))


def _summed(chance: _Chance, block: bytes) -> bytes:
    if not chance.oddly(25):
        return resealed(block)
    rest = block[:148] + block[156:]
    total = sum(rest) + 256
    if not chance.randrange(3):
        total = sum(byte - 256 if byte > 127 else byte for byte in rest) + 256
        if total < 0:
            return resealed(block)
    if not chance.randrange(6):
        total += 1
    field = chance.choice(_NUMBERS)(total, 8)[:8].ljust(8, b"\0")
    return block[:148] + field + block[156:]
