"""Tars of layers: what is whole gives no finding, every cut and every garbled header does."""

import io
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ociarchive.blobio.limits import Limits
from ociarchive.container.walk import Walk, Walked

BLOCK = 512
END = 2 * BLOCK
FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}
SIZES = st.one_of(st.integers(0, 3 * BLOCK), st.sampled_from([BLOCK, 20 * BLOCK, 20 * BLOCK + 1]))
PARTS = st.text(st.sampled_from("ab.é-_"), min_size=1, max_size=12).filter(lambda part: part.strip(".") != "")


@st.composite
def members(draw: st.DrawFn, ascii_only: bool) -> list[tarfile.TarInfo]:
    """Make members of all types, each path once; a hard link leads to the member before it."""
    found: list[tarfile.TarInfo] = []
    for number in range(draw(st.integers(1, 8))):
        name = f"{draw(PARTS)}/{number}{draw(st.sampled_from(['', 'x' * 60, '/' + 'y' * 90]))}"
        info = tarfile.TarInfo(name.encode("ascii", "replace").decode() if ascii_only else name)
        kinds = [tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.AREGTYPE]
        linked = found and (len(found[-1].name) < 100 or not ascii_only)  # ustar has no place for more
        info.type = draw(st.sampled_from([*kinds, tarfile.LNKTYPE] if linked else kinds))
        info.mode, info.uid, info.mtime = draw(st.sampled_from([0o644, 0o4755])), draw(st.integers(0, 1 << 20)), 1
        if info.type in (tarfile.REGTYPE, tarfile.AREGTYPE):
            info.size = draw(SIZES)
        elif info.type == tarfile.LNKTYPE:
            info.linkname = found[-1].name
        elif info.type == tarfile.SYMTYPE:
            info.linkname = "z" * draw(st.sampled_from([1, 90]))
        found.append(info)
    return found


def written(infos: list[tarfile.TarInfo], form: str) -> bytes:
    """Write a tar without its end."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=FORMATS[form]) as tar:
        for info in infos:
            tar.addfile(info, io.BytesIO(b"c" * info.size))
        size = tar.offset
    return out.getvalue()[:size]


def places(data: bytes) -> list[tuple[int, int, bytes]]:
    """Give where headers stand, the sizes of their data, and their types."""
    found, at = [], 0
    while at < len(data):
        flag = data[at + 156 : at + 157]
        size = int(data[at + 124 : at + 135], 8) if flag not in b"123456" else 0
        found.append((at, size, flag))
        at += BLOCK + size + -size % BLOCK
    return found


def walked(data: bytes, step: int = 1 << 20) -> Walked:
    walk = Walk(Limits())
    for at in range(0, len(data), step):
        walk.take(data[at : at + step])
    return walk.finish()


TARS = st.sampled_from(list(FORMATS)).flatmap(
    lambda form: members(ascii_only=form == "ustar").map(lambda infos: written(infos, form))
)


@settings(deadline=None)
@given(TARS, st.sampled_from([1, 7, 100, BLOCK, 1000, 5000, 1 << 20]), st.sampled_from([0, BLOCK, END, 10240]))
def test_whole_tars_give_nothing(data: bytes, step: int, end: int) -> None:
    assert walked(data + bytes(end), step) == Walked()


@settings(deadline=None)
@given(TARS, st.data())
def test_every_cut_is_found(data: bytes, draw: st.DataObject) -> None:
    """Engines take an end where a header may begin, or in what fills a block, for the tar's."""
    at = draw.draw(st.integers(1, len(data) - 1))
    begin, size, flag = [one for one in places(data) if one[0] <= at][-1]
    promised = any(one[2] in b"xLK" for one in places(data) if one[0] + BLOCK + one[1] + -one[1] % BLOCK == at)
    lawful = (at == begin and not promised) or (at >= begin + BLOCK + size and flag not in b"xLK")
    fault = walked(data[:at]).fault
    if lawful:
        assert fault is None
    else:
        assert fault is not None
        short = at < 262 and begin == 0  # before the word by which a tar is known
        assert fault.rule == ("layer-not-tar" if short else "layer-tar-truncated")
        assert fault.offset == at


@settings(deadline=None)
@given(TARS, st.data())
def test_every_garbled_header_is_found(data: bytes, draw: st.DataObject) -> None:
    begin, _, _ = draw.draw(st.sampled_from(places(data)))
    at = begin + draw.draw(st.integers(0, BLOCK - 1).filter(lambda at: not 148 <= at < 156))
    garbled = bytearray(data + bytes(END))
    garbled[at] ^= draw.draw(st.integers(1, 255))
    fault = walked(bytes(garbled)).fault
    assert fault is not None
    assert fault.rule in ("layer-tar-damaged", "layer-not-tar")
    assert fault.offset == begin


@settings(deadline=None)
@given(TARS, st.data())
def test_what_is_found_is_alike_in_all_pieces(data: bytes, draw: st.DataObject) -> None:
    garbled = bytearray(data)
    garbled[draw.draw(st.integers(0, len(data) - 1))] ^= draw.draw(st.integers(1, 255))
    cut = bytes(garbled[: draw.draw(st.integers(1, len(data)))])
    assert walked(cut, draw.draw(st.integers(1, 2000))) == walked(cut)


def _header(flag: bytes, name: bytes, size: int, **fields: bytes) -> bytes:
    """Make a header with some fields of its own, by where they begin."""
    block = bytearray(tarfile.TarInfo(name.decode()).tobuf(tarfile.GNU_FORMAT))
    block[124:136], block[156:157] = b"%011o\0" % size, flag
    for place, value in fields.items():
        begin = int(place[2:])
        block[begin : begin + len(value)] = value
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


LAWFUL = {
    "old-sparse-map": _header(b"S", b"s", BLOCK, at482=b"\1")
    + bytes(504) + b"\1" + bytes(7) + bytes(BLOCK) + b"d" * BLOCK,
    "negative-time": _header(b"0", b"a", 0, at136=b"\xff" * 11 + b"\x9c"),
    "large-owner": _header(b"0", b"a", 0, at108=b"\x80\0\0\0\x7f\xff\xff\xff"),
    "large-size": _header(b"0", b"a", 0, at124=b"\x80" + bytes(10) + b"\3") + b"abc" + bytes(509),
    "number-then-junk": _header(b"0", b"a", 0, at100=b"644\0junk"),
    "v7-without-devices": _header(b"0", b"a", 0, at257=b"\0" * 8, at329=b"whatever"),
    "unknown-type": _header(b"D", b"a", 3) + b"abc" + bytes(509),
    "spaces-before-size": _header(b"0", b"a", 0, at124=b"          3\0") + b"abc" + bytes(509),
    "prefix": _header(b"0", b"a", 3, at257=b"ustar\x0000", at345=b"folder") + b"abc" + bytes(509),
    "spaces": _header(b"0", b"a", 0, at100=b"   644 \0"),
}  # fmt: skip


@pytest.mark.parametrize("name", LAWFUL)
def test_what_engines_take_is_no_damage(name: str) -> None:
    for step in (100, 1 << 20):
        assert walked(LAWFUL[name] + _header(b"0", b"next", 0) + bytes(END), step) == Walked()


def test_paths_are_kept_up_to_a_limit() -> None:
    data = b"".join(_header(b"0", b"%d" % (number % 5000), 0) for number in range(6000)) + bytes(END)
    for limit, kept in ((4999, False), (5000, True)):
        for step in (1000, 1 << 20):
            walk = Walk(Limits(layer_paths=limit))
            for at in range(0, len(data), step):
                walk.take(data[at : at + step])
            found = walk.finish()
            assert found.paths is kept
            assert (found.doubled.count if found.doubled else 0) == (1000 if kept else 0)


def _record(key: bytes, value: bytes) -> bytes:
    """Make the record of a PAX header."""
    rest = b" " + key + b"=" + value + b"\n"
    length = len(rest) + 2
    return b"%d" % (length + (length > 99)) + rest


def _pax(*records: bytes) -> bytes:
    content = b"".join(records)
    return _header(b"x", b"PaxHeaders/0", len(content)) + content + bytes(-len(content) % BLOCK)


PLACES = {
    "as it is": _header(b"0", b"folder/a", 0),
    "with a dot": _header(b"0", b"./folder/./a", 0),
    "a folder": _header(b"5", b"folder/a/", 0),
    "in a prefix": _header(b"0", b"a", 0, at257=b"ustar\x0000", at345=b"folder"),
    "in PAX": _pax(_record(b"path", b"folder/a")) + _header(b"0", b"cut", 0),
    "in PAX, beside a time": _pax(_record(b"mtime", b"1.5"), _record(b"path", b"folder/a")) + _header(b"0", b"cut", 0),
    "in PAX, over a prefix": _pax(_record(b"path", b"folder/a"))
    + _header(b"0", b"b", 0, at257=b"ustar\x0000", at345=b"other"),
    "in GNU": _header(b"L", b"long", 9) + b"folder/a\0" + bytes(503) + _header(b"0", b"cut", 0),
}


@pytest.mark.parametrize("first", PLACES)
@pytest.mark.parametrize("second", PLACES)
def test_a_path_is_one_wherever_it_stands(first: str, second: str) -> None:
    other = _header(b"2", b"other", 0)
    for step in (100, 1 << 20):
        found = walked(PLACES[first] + other + PLACES[second] + bytes(END), step)
        assert (found.fault, found.doubled and found.doubled.count) == (None, 1)
        assert walked(PLACES[first] + other + bytes(END), step) == Walked()


def test_a_size_in_pax_is_that_of_the_member() -> None:
    data = _pax(_record(b"size", b"600"), _record(b"path", b"a")) + _header(b"0", b"a", 0) + bytes(1024)
    assert walked(data + _header(b"0", b"next", 0) + bytes(END)) == Walked()
    fault = walked(data[:-500]).fault
    assert fault is not None
    assert fault.rule == "layer-tar-truncated"


def test_numbers_that_look_like_some_are_none() -> None:
    """What Python takes for a number: signs, underscores, a base; a negative size leads nowhere."""
    for size in (b"-0000001000\0", b"+0000000000\0", b"0_000000000\0", b"0o000000000\0"):
        fault = walked(_header(b"0", b"a", 0) + _header(b"0", b"b", 0, at124=size) + bytes(END)).fault
        assert fault is not None
        assert (fault.rule, fault.offset) == ("layer-tar-damaged", BLOCK)
