"""Tars as containers: what Python's tarfile reads in sound ones, and every damage told."""

import io
import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ociarchive.blobio.limits import Limits
from ociarchive.blobio.randomfile import OpenFile
from ociarchive.container import TarContainer
from ociarchive.container.names import normal
from ociarchive.errors import ContentError, HostError
from tests.support.tar import (
    BLOCK,
    Member,
    Style,
    file,
    flipped,
    folder,
    hardlink,
    header,
    pax,
    renamed,
    summed,
    symlink,
    tar,
    write_sparse,
)


@contextmanager
def opened(raw: bytes, limits: Limits | None = None) -> Iterator[TarContainer]:
    fd = os.memfd_create("tar")
    os.write(fd, raw)
    container = TarContainer(OpenFile(fd, "a.tar"), "a.tar", "a.tar", limits)
    try:
        yield container
    finally:
        container.close()


def content(container: TarContainer, name: str) -> bytes | None:
    source = container.get(name)
    return None if source is None else b"".join(source.chunks())


def rules(container: TarContainer) -> list[str]:
    return [flaw.rule for flaw in container.flaws]


# Against tarfile

COMPONENTS = st.text(st.sampled_from("abcXYZ019._-é\u6f22 "), min_size=1, max_size=12) | st.sampled_from(
    ["n" * 99, "n" * 100, "n" * 101, "ä" * 60, "layer.tar"]
)
NAMES = st.lists(COMPONENTS.filter(lambda part: part not in {".", ".."}), min_size=1, max_size=4).map("/".join)
# Without AREGTYPE: tarfile takes such a member for a folder where the name is long and its hundredth byte a slash.
TYPES = st.sampled_from(
    [tarfile.REGTYPE] * 4
    + [tarfile.CONTTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE]
    + [tarfile.CHRTYPE, tarfile.BLKTYPE]
)


class Written(bytes):
    """A tar that does not fill the screen when an example fails."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<tar of {len(self)} bytes: {sorted(tarfile.open(fileobj=io.BytesIO(self)).getnames())}>"


@st.composite
def written(draw: st.DrawFn) -> Written:
    """A tar as tarfile writes it, each name in it once."""
    style = draw(st.sampled_from([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]))
    out = io.BytesIO()
    shared = {"comment": "é" * 9} if draw(st.booleans()) and style == tarfile.PAX_FORMAT else {}
    with tarfile.open(fileobj=out, mode="w", format=style, pax_headers=shared) as made:
        for name in draw(st.lists(NAMES, min_size=bool(shared), max_size=6, unique_by=normal)):
            member = tarfile.TarInfo(name)
            member.type = draw(TYPES)
            member.mtime = draw(st.sampled_from([0, 1.5, -1.0, 2**34]))
            member.uid = draw(st.sampled_from([0, 1000, 2**22]))
            member.uname = draw(st.sampled_from(["", "root", "ü" * 20]))
            if member.type in {tarfile.SYMTYPE, tarfile.LNKTYPE}:
                member.linkname = draw(NAMES)
            data = draw(st.binary(max_size=1200)) if member.isreg() else b""
            member.size = len(data)
            try:
                made.addfile(member, io.BytesIO(data))
            except (ValueError, UnicodeError):
                assume(style != tarfile.USTAR_FORMAT)
                raise
    return Written(out.getvalue())


@given(written())
def test_reads_what_tarfile_reads(raw: bytes) -> None:
    with tarfile.open(fileobj=io.BytesIO(raw)) as sound, opened(raw) as container:
        expected = {}
        for member in sound:
            reader = sound.extractfile(member) if member.isreg() else None
            expected[normal(member.name)] = reader.read() if reader else None
            if member.isdir():
                del expected[normal(member.name)]
        assert {rule for rule in rules(container) if not rule.startswith("link-")} <= {
            "member-not-a-folder", "member-device", "tar-ambiguous"
        }  # fmt: skip
        links = {normal(member.name) for member in sound.getmembers() if member.issym() or member.islnk()}
        told = {flaw.subject for flaw in container.flaws if flaw.rule.startswith(("link-", "tar-"))}
        assert told <= links  # random names lead anywhere, but only links are told of
        assert list(container.names()) == list(expected)
        for name, data in expected.items():
            if data is not None:
                assert content(container, name) == data


@given(written(), st.data())
def test_a_tar_cut_anywhere_is_told(raw: bytes, data: st.DataObject) -> None:
    end = len(raw.rstrip(b"\0")) + BLOCK  # somewhere in the end marker, or before it
    length = data.draw(st.integers(0, min(end, len(raw) - 1)))
    with opened(raw[:length]) as cut, opened(raw) as whole:
        told = set(rules(cut)) - {"member-not-a-folder", "member-device", "tar-ambiguous"}
        assert list(cut.names()) == list(whole.names())[: len(list(cut.names()))]
        assert told <= {"tar-truncated"}
        if not told:  # both blocks that mark the end are there, less padding behind them
            assert raw[length - 2 * BLOCK : length] == bytes(2 * BLOCK)
            assert list(cut.names()) == list(whole.names())
        for name in cut.names():
            assert content(cut, name) in (content(whole, name), None)


# Shapes

A, B = file("a", b"A" * 600), file("b", b"B" * 10)
BOTH = {"a": A.data, "b": B.data}


def raw_header(
    member: Member, *, flag: bytes = b"", size: bytes = b"", magic: bytes = b"", prefix: bytes = b""
) -> bytes:
    """Make a header with fields as they are given, and a checksum that is right."""
    block = header(member, len(member.data))
    block = block[:124] + (size or block[124:136]) + block[136:156] + (flag or block[156:157]) + block[157:]
    block = block[:257] + (magic or block[257:265]) + block[265:345] + prefix.ljust(155, b"\0") + block[500:]
    return summed(block)


def with_data(head: bytes, data: bytes) -> bytes:
    return head + data + bytes(-len(data) % BLOCK)


END = bytes(2 * BLOCK)
REST = tar([B])
HIGH = file("ÿ" * 20, b"A" * 600)
# name: the tar, what it holds
SOUND: dict[str, tuple[bytes, dict[str, bytes]]] = {
    "ustar": (tar([A, B]), BOTH),
    "gnu": (tar([A, B], style=Style.GNU), BOTH),
    "pax": (tar([A, B], style=Style.PAX), BOTH),
    "base-256-sizes": (tar([A, B], base256=True), BOTH),
    "record-of-gnu": (tar([A, B], record=10_240), BOTH),
    "much-padding": (tar([A, B], end=5000), BOTH),
    "no-members": (END, {}),
    "empty-file": (tar([file("a", b"")]), {"a": b""}),
    "whole-blocks": (tar([file("a", b"x" * 1024), B]), {"a": b"x" * 1024, "b": B.data}),
    "dot-slash": (tar([folder("./"), *renamed([A, B], "./")]), BOTH),
    "doubled-slashes": (tar(renamed([file("d//a", b"x"), B], "./")), {"d/a": b"x", "b": B.data}),
    "dots-inside": (tar([file("d/../a", b"x"), file("./d/./b", b"y")]), {"a": b"x", "d/b": b"y"}),
    "long-gnu": (tar([file("d/" * 90 + "a", b"x"), B], style=Style.GNU), {"d/" * 90 + "a": b"x", "b": B.data}),
    "long-pax": (tar([file("d/" * 90 + "ä", b"x"), B], style=Style.PAX), {"d/" * 90 + "ä": b"x", "b": B.data}),
    "long-ustar": (tar([file("d/" * 90 + "a", b"x"), B]), {"d/" * 90 + "a": b"x", "b": B.data}),
    "contiguous": (with_data(raw_header(A, flag=b"7"), A.data) + REST, BOTH),
    "flag-before-posix": (with_data(raw_header(A, flag=b"\0"), A.data) + REST, BOTH),
    "folder-before-posix": (raw_header(file("a/", b""), flag=b"\0") + REST, {"b": B.data}),
    "folder-with-a-size": (raw_header(folder("d"), size=b"00000001000\0") + REST, {"b": B.data}),
    "size-with-blanks": (with_data(raw_header(A, size=b"       1130 "), A.data) + REST, BOTH),
    "size-without-an-end": (with_data(raw_header(A, size=b"000000001130"), A.data) + REST, BOTH),
    "empty-size": (raw_header(file("a", b""), size=bytes(12)) + REST, {"a": b"", "b": B.data}),
    "checksum-of-signed-bytes": (
        with_data(summed(header(HIGH, 600), signed=True), HIGH.data) + END,
        {HIGH.name: HIGH.data},
    ),
    "prefix": (with_data(raw_header(A, prefix=b"d/e"), A.data) + REST, {"d/e/a": A.data, "b": B.data}),
    "pax-path": (pax({"path": "a"}) + with_data(header(file("x", A.data), 600), A.data) + REST, BOTH),
    "pax-speaks-of-the-next-alone": (pax({"path": "x"}) + tar([A, B]), {"x": A.data, "b": B.data}),
    "pax-of-other-things": (pax({"mtime": "1.5", "SCHILY.xattr.user.x": "é=\n"}) + tar([A, B]), BOTH),
    "global-pax": (pax({"comment": "0" * 40}, flag=b"g") + tar([A, B]), BOTH),
    "pax-size-agrees": (pax({"size": "600"}) + tar([A, B]), BOTH),
    "pax-size-alone": (pax({"size": "600"}) + with_data(header(A, 0), A.data) + REST, BOTH),
    "not-utf-8": (with_data(summed(b"\xff\xfe" + header(A, 600)[2:]), A.data) + END, {"\udcff\udcfe": A.data}),
    "equal-folders": (tar([folder("d"), folder("d/"), folder("./d"), B]), {"b": B.data}),
}


@pytest.mark.parametrize("name", SOUND)
def test_sound(name: str) -> None:
    raw, members = SOUND[name]
    with opened(raw) as container:
        assert list(container.names()) == list(members)
        assert {member: content(container, member) for member in members} == members
        assert rules(container) == []
        assert container.kind == "tar"


@dataclass(frozen=True, slots=True)
class Damage:
    """A tar that is at fault, the rule and the words that tell, and the members that stand before the fault."""

    raw: bytes
    rule: str
    message: str
    names: tuple[str, ...] = ()


TWO = tar([A, B])
SECOND = 3 * BLOCK
GNU_LONG = tar([file("n" * 150, b"x")], style=Style.GNU)


def pax_of(body: bytes) -> bytes:
    return with_data(raw_header(Member("PaxHeaders/0", body), flag=b"x"), body) + TWO


DAMAGED = {
    "empty": Damage(b"", "tar-truncated", "no end marker"),
    "less-than-a-block": Damage(TWO[:100], "tar-truncated", "cut short inside a header"),
    "no-tar": Damage(b"some text\n" * 200, "tar-damaged", "malformed number"),
    "checksum": Damage(flipped(TWO, SECOND), "tar-damaged", "wrong checksum", ("a",)),
    "checksum-field": Damage(flipped(TWO, SECOND + 150, 0x01), "tar-damaged", "wrong checksum", ("a",)),
    "checksum-is-no-number": Damage(flipped(TWO, SECOND + 150, 0x40), "tar-damaged", "malformed number", ("a",)),
    "checksum-of-the-first": Damage(flipped(TWO, 0), "tar-damaged", "wrong checksum"),
    "zeroed-header": Damage(
        TWO[:SECOND] + bytes(BLOCK) + TWO[SECOND + BLOCK :], "tar-damaged", "lone zero block", ("a",)
    ),
    "cut-header": Damage(TWO[: SECOND + 100], "tar-truncated", "inside a header", ("a",)),
    "cut-before-a-header": Damage(TWO[:SECOND], "tar-truncated", "no end marker", ("a",)),
    "cut-behind-a-header": Damage(TWO[: SECOND + BLOCK], "tar-truncated", "inside the member 'b'", ("a",)),
    "cut-data": Damage(TWO[:1000], "tar-truncated", "inside the member 'a'"),
    "cut-padding": Damage(TWO[: SECOND + BLOCK + 10], "tar-truncated", "no end marker", ("a", "b")),
    "one-zero-block": Damage(tar([A, B], end=1), "tar-truncated", "one of the two blocks", ("a", "b")),
    "half-of-the-second-block": Damage(TWO[:-100], "tar-damaged", "lone zero block", ("a", "b")),
    "no-end": Damage(tar([A, B], end=0), "tar-truncated", "no end marker", ("a", "b")),
    "data-behind": Damage(TWO + b"x", "data-after-end", "bytes follow the end", ("a", "b")),
    "data-behind-padding": Damage(TWO + bytes(9000) + b"x", "data-after-end", "bytes follow the end", ("a", "b")),
    "tar-behind": Damage(TWO + tar([file("c", b"")]), "data-after-end", "bytes follow the end", ("a", "b")),
    "size-is-no-number": Damage(raw_header(A, size=b"00000009999\0") + TWO, "tar-damaged", "malformed number"),
    "size-is-negative": Damage(raw_header(A, size=b"\xff" * 12) + TWO, "tar-damaged", "negative number"),
    "size-in-words": Damage(raw_header(A, size=b"-0000000001\0") + TWO, "tar-damaged", "malformed number"),
    "size-is-huge": Damage(raw_header(A, size=b"\x80" + b"\x7f" * 11) + TWO, "tar-truncated", "inside the member 'a'"),
    "gnu-name-cut": Damage(GNU_LONG[: BLOCK + 100], "tar-truncated", "inside an extended header"),
    "gnu-name-too-long": Damage(
        raw_header(Member("././@LongLink"), flag=b"L", size=b"00010000001\0") + TWO,
        "limit-extended",
        "--limit extended=N",
    ),
    "gnu-name-without-a-member": Damage(GNU_LONG[: 2 * BLOCK], "tar-truncated", "no end marker"),
    "pax-cut": Damage(pax_of(b"9 path=x\n")[: BLOCK + 5], "tar-truncated", "inside an extended header"),
    "pax-without-a-length": Damage(pax_of(b"path=x\n"), "tar-damaged", "PAX header is malformed"),
    "pax-without-a-blank": Damage(pax_of(b"9path=x\n"), "tar-damaged", "PAX header is malformed"),
    "pax-without-equals": Damage(pax_of(b"9 path-x\n"), "tar-damaged", "PAX header is malformed"),
    "pax-without-a-newline": Damage(pax_of(b"9 path=xy"), "tar-damaged", "PAX header is malformed"),
    "pax-length-too-large": Damage(pax_of(b"99 path=x\n"), "tar-damaged", "PAX header is malformed"),
    "pax-length-too-small": Damage(pax_of(b"5 path=x\n"), "tar-damaged", "PAX header is malformed"),
    "pax-length-is-zero": Damage(pax_of(b"0 path=x\n"), "tar-damaged", "PAX header is malformed"),
    "pax-length-of-the-length": Damage(pax_of(b"2 \n"), "tar-damaged", "PAX header is malformed"),
    "pax-length-of-many-digits": Damage(pax_of(b"9" * 400 + b" path=x\n"), "tar-damaged", "PAX header is malformed"),
    "pax-garbage-behind": Damage(pax_of(b"9 path=x\ngarbage"), "tar-damaged", "PAX header is malformed"),
    "pax-and-gnu-name": Damage(
        pax({"path": "x"}) + tar([file("y" * 101, b"z")], style=Style.GNU), "tar-ambiguous", "two names"
    ),
    "pax-and-gnu-target": Damage(
        pax({"linkpath": "x"}) + tar([symlink("l", "y" * 101)], style=Style.GNU), "tar-ambiguous", "two names"
    ),
    "folder-by-its-name-with-data": Damage(
        with_data(header(file("d/", b"x"), 1), b"x") + TWO, "tar-ambiguous", "is a folder's and it has data"
    ),
    **{
        name: Damage(raw, "tar-ambiguous", words, names)
        for name, (raw, words, names) in {
            "two-pax-headers": (pax({"path": "x"}) + pax({"path": "y"}) + TWO, "two extended headers 'x'", ()),
            "two-pax-headers-of-other-things": (pax({"mtime": "1"}) + pax({"uname": "y"}) + TWO, "two extended", ()),
            "two-gnu-names": (GNU_LONG[: 2 * BLOCK] * 2 + TWO, "two extended headers 'L'", ()),
            "global-behind-pax": (pax({"path": "x"}) + pax({"comment": "y"}, flag=b"g") + TWO, "a global header", ()),
            "global-behind-gnu": (GNU_LONG[: 2 * BLOCK] + pax({"comment": "y"}, flag=b"g") + TWO, "a global", ()),
            "gnu-with-a-prefix": (raw_header(B, prefix=b"d/e", magic=b"ustar  \0") + TWO, "a name's prefix", ()),
            "no-magic-with-a-prefix": (raw_header(B, prefix=b"d/e", magic=bytes(8)) + TWO, "a name's prefix", ()),
            "magic-of-neither": (raw_header(B, magic=b"ustar 00") + TWO, "neither POSIX's nor GNU's", ()),
            "star": (summed(raw_header(B, prefix=b"p" * 140)[:508] + b"tar\0") + TWO, "one of star", ()),
            "star-without-times": (summed(raw_header(B)[:480] + b"?" + bytes(27) + b"tar\0") + TWO, "one of star", ()),
            "sparse-name-alone": (pax({"GNU.sparse.name": "a"}) + TWO, "a sparse file", ()),
            "sparse-of-an-unknown-version": (
                pax({"GNU.sparse.major": "2", "GNU.sparse.minor": "0"}) + TWO,
                "a sparse file",
                (),
            ),
            "sparse-map-in-no-sparse-file": (
                summed(raw_header(B, magic=b"ustar  \0")[:386] + b"7" * 48 + bytes(78)) + TWO,
                "sparse file's map",
                (),
            ),
            "unknown-type": (TWO[:SECOND] + with_data(raw_header(B, flag=b"Z"), B.data) + REST, "type b'Z'", ("a",)),
            "multi-volume": (with_data(raw_header(B, flag=b"M"), B.data) + TWO, "type b'M'", ()),
            "link-with-a-size": (raw_header(symlink("l", "b"), size=b"00000001000\0") + TWO, "has a size", ()),
            "hard-link-with-a-size-at-the-end": (
                tar([A], end=0) + raw_header(hardlink("l", "a"), size=b"00000000010\0") + END,
                "hard link has a size",
                ("a", "l"),
            ),
            "hard-link-with-a-size-and-old-headers": (
                tar([A], end=0)
                + raw_header(hardlink("l", "a"), size=b"00000000010\0")
                + with_data(raw_header(B, magic=bytes(8)), B.data)
                + END,
                "hard link has a size",
                ("a", "l"),
            ),
            "hard-link-with-a-size-and-pax": (
                tar([A], end=0) + pax({"mtime": "1"}) + raw_header(hardlink("l", "a"), size=b"00000000010\0") + TWO,
                "hard link has a size",
                ("a",),
            ),
            "pax-size-of-a-folder": (pax({"size": "600"}) + tar([folder("d"), B]), "has a size", ()),
            "label-with-data": (with_data(raw_header(B, flag=b"V"), B.data) + TWO, "label of a tar", ()),
            "target-of-a-file": (pax({"linkpath": "x"}) + TWO, "no link", ()),
            "target-in-pax-alone": (pax({"linkpath": "a"}) + tar([symlink("l", ""), A]), "names no target", ()),
            "checksum-behind-a-zero-byte": (TWO[:148] + b"\0" + TWO[148:154] + b" " + TWO[156:], "checksum", ()),
            "mode-behind-a-zero-byte": (summed(TWO[:100] + b"\x000000644" + TWO[108:512]) + TWO[512:], "mode", ()),
            "owner-in-blanks": (summed(TWO[:108] + b" " * 8 + TWO[116:512]) + TWO[512:], "owner", ()),
            "owner-below-zero": (summed(TWO[:108] + b"\xff" * 8 + TWO[116:512]) + TWO[512:], "owner of -1", ()),
            "gnu-name-empty": (with_data(raw_header(Member("l", b"\0"), flag=b"L"), b"\0") + TWO, "name is empty", ()),
            "pax-path-empty": (pax({"path": ""}) + TWO, "path is empty", ()),
            "pax-path-twice": (pax_of(b"9 path=x\n9 path=y\n"), "stands twice", ()),
            "pax-path-of-a-folder": (pax({"path": "x/"}) + tar([file("x", b"")]), "a folder's and it is a file", ()),
            "pax-owner-in-words": (pax({"uid": "root"}) + TWO, "uid is no number", ()),
            "pax-time-below-a-second": (pax({"mtime": ".5"}) + TWO, "mtime is no number", ()),
            "pax-path-not-utf-8": (pax_of(b"9 path=\xff\n"), "no UTF-8", ()),
            "pax-size-of-solaris": (pax({"SUN.holesdata": " 0 5"}) + TWO, "changes what some readers see", ()),
            "pax-size-of-star": (pax({"SCHILY.realsize": "5"}) + TWO, "changes what some readers see", ()),
            "pax-behind-its-end": (
                raw_header(Member("x", b"9 path=x\n"), flag=b"x") + b"9 path=x\n9 path=y\n".ljust(BLOCK, b"\0") + TWO,
                "go on behind",
                (),
            ),
            "pax-zeros-at-the-end": (pax_of(b"9 path=x\n\0\0"), "ends with zero bytes", ()),
            "old-folder-by-one-name": (
                pax({"path": "x"}) + raw_header(folder("d"), flag=b"\0") + TWO,
                "folder by one of its names",
                (),
            ),
        }.items()
    },
    "pax-size-differs": Damage(pax({"size": "1024"}) + TWO, "tar-sizes-differ", "1024 bytes, the header itself 600"),
    "pax-size-is-smaller": Damage(pax({"size": "0"}) + TWO, "tar-sizes-differ", "0 bytes, the header itself 600"),
    "pax-size-is-negative": Damage(pax({"size": "-1"}) + TWO, "tar-damaged", "malformed size"),
    "pax-size-is-no-number": Damage(pax({"size": "six"}) + TWO, "tar-damaged", "malformed size"),
    "pax-size-of-many-digits": Damage(pax({"size": "9" * 20}) + TWO, "tar-damaged", "malformed size"),
    "pax-size-beyond-the-file": Damage(
        pax({"size": "9" * 12}) + header(A, 0) + TWO, "tar-truncated", "inside the member 'a'"
    ),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_is_told(name: str) -> None:
    damage = DAMAGED[name]
    with opened(damage.raw) as container:
        assert rules(container) == [damage.rule]
        (flaw,) = container.flaws
        assert damage.message in flaw.message
        assert flaw.where.startswith("a.tar: byte ")
        assert tuple(container.names()) == damage.names
        for member in damage.names:
            assert content(container, member) == BOTH.get(member, A.data)  # links lead to the first


def test_every_changed_bit_of_a_header_is_told() -> None:
    for offset in range(SECOND, SECOND + BLOCK):
        for bit in range(8):
            with opened(flipped(TWO, offset, 1 << bit)) as container:
                # Where the checksum itself stands, blanks and zeros may say the same number.
                told = rules(container) == ["tar-damaged"] and list(container.names()) == ["a"]
                assert told or (148 <= offset - SECOND < 156 and content(container, "b") == B.data)


# name: the members of a tar, the rules that are noted
NOTED: dict[str, tuple[bytes, list[str]]] = {
    "absolute": (tar([file("/a", b"x")]), ["member-name-absolute"]),
    "above": (tar([file("../a", b"x")]), ["member-name"]),
    "above-by-detour": (tar([file("d/../../a", b"x")]), ["member-name"]),
    "parent": (tar([folder("..")]), ["member-name"]),
    "no-name": (tar([file("", b"x")]), ["member-name"]),
    "root-as-a-file": (tar([file(".", b"x")]), ["member-name"]),
    "nul-in-a-name": (pax({"path": "a\0b"}) + tar([file("x", b"x")]), ["member-name"]),
    "same-twice": (tar([A, B, A]), ["member-doubled-same"]),
    "same-by-another-spelling": (tar([A, file("./a", A.data)]), ["member-doubled-same"]),
    "same-links": (tar([B, symlink("l", "b"), symlink("l", "b")]), ["member-doubled-same"]),
    "other-content": (tar([A, file("a", b"B" * 600)]), ["member-doubled"]),
    "other-last-byte": (tar([A, file("a", b"A" * 599 + b"B")]), ["member-doubled"]),
    "other-size": (tar([A, file("a", b"A" * 599)]), ["member-doubled"]),
    "other-kind": (tar([A, folder("a")]), ["member-doubled"]),
    "other-target": (tar([A, file("b", b""), symlink("l", "a"), symlink("l", "b")]), ["member-doubled"]),
    "same-then-other": (tar([A, A, file("a", b"")]), ["member-doubled-same", "member-doubled"]),
    "large-and-other-at-the-end": (
        tar([file("a", bytes(2 << 20)), file("a", bytes((2 << 20) - 1) + b"x")]),
        ["member-doubled"],
    ),
    "root-before-posix": (raw_header(Member("./"), flag=b"\0", magic=bytes(8)) + REST, []),
    "root-as-a-sparse-file": (raw_header(Member("./"), flag=b"S", magic=b"ustar  \0") + REST, ["member-name"]),
    "hard-link-to-a-later-member": (tar([hardlink("l", "a"), A]), ["tar-ambiguous"]),
    "hard-link-to-a-later-link": (tar([hardlink("l", "m"), A, hardlink("m", "a")]), ["tar-ambiguous"]),
    "hard-link-to-an-earlier-member": (tar([A, hardlink("l", "./a")]), []),
    "symlink-to-a-later-member": (tar([symlink("l", "a"), A]), []),
    "file-as-a-folder": (tar([file("d", b""), file("d/e/a", b"x"), file("d/e/b", b"x")]), ["member-not-a-folder"]),
    "file-becomes-a-folder": (tar([file("d/a", b"x"), file("d", b"")]), ["member-not-a-folder"]),
}


@pytest.mark.parametrize("name", NOTED)
def test_noted_while_walked(name: str) -> None:
    raw, expected = NOTED[name]
    with opened(raw) as container:
        assert rules(container) == expected


def test_of_doubled_members_the_first_is_read() -> None:
    with opened(tar([A, file("a", b"other")])) as container:
        assert content(container, "a") == A.data
        assert list(container.names()) == ["a"]


SPECIAL = {
    "character-device": raw_header(Member("s"), flag=b"3"),
    "block-device": raw_header(Member("s"), flag=b"4"),
    "fifo": raw_header(Member("s"), flag=b"6"),
    "gnu-volume": raw_header(Member("s"), flag=b"V"),
}
DEVICES = {"character-device", "block-device", "fifo"}
SPARSE = {
    "gnu": with_data(raw_header(Member("s", b"data"), flag=b"S", magic=b"ustar  \0"), b"data"),
    "gnu-with-a-long-map": raw_header(Member("s", b"data"), flag=b"S", magic=b"ustar  \0", prefix=bytes(137) + b"\1")
    + bytes(504) + b"\1" + bytes(7) + bytes(BLOCK) + b"data".ljust(BLOCK, b"\0"),
    "pax": pax({"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "s"})
    + with_data(header(file("GNUSparseFile.0/s", b"x"), 1), b"x"),
}  # fmt: skip


@pytest.mark.parametrize("name", SPECIAL)
def test_special_members_are_passed_over_and_never_read(name: str) -> None:
    with opened(SPECIAL[name] + REST) as container:
        noticed = ["member-device"] if name in DEVICES else []
        assert rules(container) == noticed
        assert list(container.names()) == ["s", "b"]
        assert container.get("s") is None
        assert container.get("s") is None
        assert rules(container) == [*noticed, "member-special"]
        assert content(container, "b") == B.data


@pytest.mark.parametrize("name", SPARSE)
def test_sparse_members_are_no_files_whether_they_are_asked_for_or_not(name: str) -> None:
    with opened(SPARSE[name] + REST) as container:
        assert rules(container) == ["member-special"]
        assert list(container.names()) == ["s", "b"]
        assert container.get("s") is None
        assert rules(container) == ["member-special"]
        assert content(container, "b") == B.data


def test_a_sparse_map_that_is_cut() -> None:
    with opened(SPARSE["gnu-with-a-long-map"][: 2 * BLOCK]) as container:
        assert rules(container) == ["tar-truncated"]


def chain(count: int) -> list[Member]:
    return [symlink(f"l{number}", f"l{number + 1}") for number in range(count)] + [file(f"l{count}", b"x")]


# name: members, what is asked for, its content or the rule that tells why there is none
LINKS: dict[str, tuple[list[Member], str, bytes | str | None]] = {
    "symlink": ([symlink("l", "a"), A], "l", A.data),
    "symlink-beside": ([file("d/a", b"x"), symlink("d/l", "a")], "d/l", b"x"),
    "symlink-above": ([A, symlink("d/l", "../a")], "d/l", A.data),
    "symlink-with-dots": ([A, symlink("d/l", ".././d/../a")], "d/l", A.data),
    "hard-link": ([A, hardlink("d/l", "a")], "d/l", A.data),
    "hard-link-with-dot-slash": ([file("./a", b"x"), hardlink("./l", "./a")], "l", b"x"),
    "hard-link-to-a-symlink": ([A, symlink("s", "a"), hardlink("l", "s")], "l", A.data),
    "symlink-to-a-hard-link": ([A, hardlink("h", "a"), symlink("l", "h")], "l", A.data),
    "chain": (chain(30), "l0", b"x"),
    "through-a-folder": ([file("d/a", b"x"), symlink("e", "d")], "e/a", b"x"),
    "through-a-folder-above": ([file("d/a", b"x"), symlink("e/f", "../d")], "e/f/a", b"x"),
    "through-a-folder-of-folders": ([file("d/e/a", b"x"), symlink("f", "d")], "f/e/a", b"x"),
    "through-two-folders": ([file("d/a", b"x"), symlink("e", "d"), symlink("f", "e")], "f/a", b"x"),
    "link-through-a-folder": ([file("d/a", b"x"), symlink("e", "d"), symlink("l", "e/a")], "l", b"x"),
    "spelled-otherwise": ([A], "./a", A.data),
    "asked-from-the-root": ([A], "/a", A.data),
    "missing": ([A], "c", None),
    "missing-through-a-folder": ([file("d/a", b"x"), symlink("e", "d")], "e/b", None),
    "below-a-file": ([A], "a/b", None),
    "folder": ([folder("d"), A], "d", "member-special"),
    "link-to-a-folder": ([folder("d"), symlink("l", "d")], "l", "member-special"),
    "dangling": ([symlink("l", "c")], "l", "link-dangling"),
    "dangling-hard-link": ([hardlink("l", "c")], "l", "link-dangling"),
    "loop": ([symlink("l", "l")], "l", "link-loop"),
    "loop-of-two": ([symlink("l", "m"), symlink("m", "l")], "l", "link-loop"),
    "loop-of-hard-links": ([hardlink("l", "m"), hardlink("m", "l")], "l", "link-loop"),
    "loop-of-folders": ([symlink("d", "e"), symlink("e", "d")], "d/a", "link-loop"),
    "folder-in-itself": ([symlink("d", "d/e")], "d/a", "link-loop"),
    "chain-too-long": (chain(100), "l0", "link-loop"),
    "absolute": ([A, symlink("l", "/a")], "l", "link-escapes"),
    "absolute-outside": ([A, symlink("l", "/etc/passwd")], "l", "link-escapes"),
    "above-the-root": ([A, symlink("l", "../a")], "l", "link-escapes"),
    "far-above-the-root": ([A, symlink("d/l", "../../../etc/passwd")], "d/l", "link-escapes"),
    "hard-link-above-the-root": ([A, hardlink("l", "../a")], "l", "link-escapes"),
    "to-the-root": ([A, symlink("l", ".")], "l", "link-escapes"),
    "to-nothing": ([A, symlink("l", "")], "l", "link-escapes"),
}


@pytest.mark.parametrize("name", LINKS)
def test_links(name: str) -> None:
    members, asked, expected = LINKS[name]
    with opened(tar(members)) as container:
        for _ in range(2):
            assert content(container, asked) == (expected if isinstance(expected, bytes) else None)
            assert set(rules(container)) == ({expected} if isinstance(expected, str) else set())


def test_what_links_lead_to_is_one_source() -> None:
    with opened(tar([A, hardlink("h", "a"), symlink("s", "h"), file("other", A.data)])) as container:
        assert container.get("a") == container.get("h") == container.get("s")
        assert container.get("a") != container.get("other")


@pytest.mark.parametrize(
    ("style", "link"), [(Style.GNU, "d/" * 80 + "a"), (Style.PAX, "d/" * 80 + "a")], ids=["gnu", "pax"]
)
def test_long_link_targets(style: Style, link: str) -> None:
    with opened(tar([file(link, b"x"), symlink("s", link), hardlink("h", link)], style=style)) as container:
        assert content(container, "s") == content(container, "h") == b"x"


def test_names_below_a_folder_in_the_order_of_the_tar() -> None:
    members = [file("z", b""), folder("d"), file("d/b", b""), symlink("d/a", "b"), file("de", b"")]
    with opened(tar(members)) as container:
        assert list(container.names()) == ["z", "d/b", "d/a", "de"]
        assert list(container.names("d/")) == ["d/b", "d/a"]
        assert list(container.names("none/")) == []


# name: limits, tar, whether they are kept
LIMITS: dict[str, tuple[Limits, bytes, str | None]] = {
    "members": (Limits(members=2), TWO, None),
    "too-many-members": (Limits(members=1), TWO, "limit-members"),
    "name": (Limits(name=9), tar([file("n" * 9, b"")]), None),
    "names-too-long-together": (Limits(names_size=60), TWO, "limit-name"),
    "folders-too-long-together": (Limits(names_size=300), tar([file("a/b/c/d/e/f", b"")]), "limit-name"),
    "name-too-long": (Limits(name=9), tar([file("n" * 10, b"")]), "limit-name"),
    "name-too-long-by-gnu": (Limits(name=200), tar([file("n" * 201, b"")], style=Style.GNU), "limit-name"),
    "extended": (Limits(extended=512), pax({"comment": "c" * 400}) + TWO, None),
    "extended-too-large": (Limits(extended=512), pax({"comment": "c" * 600}) + TWO, "limit-extended"),
}


@pytest.mark.parametrize("name", LIMITS)
def test_limits(name: str) -> None:
    limits, raw, rule = LIMITS[name]
    with opened(raw, limits) as container:
        assert rules(container) == ([rule] if rule else [])
        assert all("--limit " in flaw.message for flaw in container.flaws)


@pytest.mark.parametrize("style", [Style.GNU, Style.PAX], ids=["gnu", "pax"])
def test_a_member_of_more_than_eight_gib(style: Style, tmp_path: Path) -> None:
    size = (9 << 30) + 5
    path = write_sparse(tmp_path / "a.tar", "layer", size, [B], style=style)
    fd = os.open(path, os.O_RDONLY)
    os.truncate(path, path.stat().st_size + (20 << 30))  # a hole behind the end is padding
    container = TarContainer(OpenFile(fd, "a.tar"), "a.tar", "a.tar")
    try:
        assert rules(container) == []
        source = container.get("layer")
        assert source is not None
        assert source.size == size
        assert source.head(5) == bytes(5)
        assert content(container, "b") == B.data
    finally:
        container.close()
        container.close()


def test_sources_say_where_they_are() -> None:
    with opened(TWO) as container:
        source = container.get("./b")
        assert source is not None
        assert source.where == "a.tar: b"
        assert source.head(3) == b"BBB"
        assert b"".join(source.chunks(3)) == B.data


def test_a_tar_that_cannot_be_read(tmp_path: Path) -> None:
    fd = os.open(tmp_path / "a.tar", os.O_WRONLY | os.O_CREAT)
    try:
        with pytest.raises(HostError, match="cannot read"):
            TarContainer(OpenFile(fd, "a.tar"), "a.tar", "a.tar")
    finally:
        os.close(fd)


def test_a_tar_that_shrinks_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(TWO)
    container = TarContainer(OpenFile(os.open(path, os.O_RDONLY), "a.tar"), "a.tar", "a.tar")
    try:
        os.truncate(path, 1000)
        with pytest.raises(ContentError, match="cut short or shrank"):
            content(container, "a")
    finally:
        container.close()


NORMAL = {
    "a": "a",
    "": "",
    ".": "",
    "/": "",
    "./": "",
    "./a": "a",
    "/a": "a",
    "//a//b/": "a/b",
    "a/./b": "a/b",
    "a/.": "a",
    "a/../b": "b",
    "..": "..",
    "a/..": "",
    "a/../..": "..",
    "../a": "../a",
    "../../a/../b": "../../b",
    ".a/..b/...": ".a/..b/...",
}


@pytest.mark.parametrize("name", NORMAL)
def test_normal(name: str) -> None:
    assert normal(name) == NORMAL[name]
    assert normal(normal(name)) == normal(name)


@given(st.text("./ab", max_size=12))
def test_normal_names_agree_with_the_file_system(name: str) -> None:
    expected = os.path.normpath(name.lstrip("/")) if name.strip("/") else "."
    assert normal(name) == ("" if expected == "." else expected)


@given(st.lists(st.integers(0, 1500), max_size=9))
def test_where_the_files_of_a_tar_lie(sizes: list[int]) -> None:
    members = [file(f"f{number}", bytes(size)) for number, size in enumerate(sizes)]
    with opened(tar([folder("f"), *members, symlink("l", "f0")])) as container:
        wanted, position = [], BLOCK
        for one in members:
            begin = position + BLOCK
            if one.data:
                wanted.append((one.name, begin, begin + len(one.data)))
            position = begin + len(one.data) + -len(one.data) % BLOCK
        assert list(container.stretches()) == wanted


def test_extended_headers_count_as_members_by_their_size() -> None:
    raw = pax({"path": "n" * 3000}) + tar([file("a", b"")])
    for most, found in ((60, []), (40, ["limit-members"])):
        with opened(raw, Limits(members=most)) as container:
            assert rules(container) == found


def test_a_map_of_a_sparse_file_counts_as_members_by_its_blocks() -> None:
    block = bytearray(header(file("a", b""), 0, style=Style.GNU))
    block[156:157], block[257:265], block[482] = b"S", b"ustar  \0", 1
    block[148:156] = b"%06o\0 " % (sum(block) - sum(block[148:156]) + 8 * 32)
    maps = (bytes(504) + b"\1" + bytes(7)) * 50 + bytes(BLOCK)
    full = (b"00000000000\0" * 42 + b"\1" + bytes(7)) * 50 + bytes(BLOCK)
    for each, most, found in (
        (maps, 60, ["member-special"]),
        (maps, 40, ["limit-members"]),
        (full, 110, ["member-special"]),
        (full, 90, ["limit-members"]),
    ):
        with opened(bytes(block) + each + tar([]), Limits(members=most)) as container:
            assert rules(container) == found
