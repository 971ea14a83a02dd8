"""Limits against streams that unpack to too much."""

from contextlib import nullcontext
from dataclasses import dataclass

import pytest

from ociarchive.blobio.limits import NAMES, LimitError, Limits
from ociarchive.container.header import HeaderError
from ociarchive.container.stream import Tar
from ociarchive.container.walk import Walk
from tests.support.tar import BLOCK, Style, file, hardlink, header, pax, tar

SMALL = Limits(ratio=10, ratio_from=1000, layer_size=5000)


@dataclass(frozen=True, slots=True)
class Case:
    """What was put in, what came out piece by piece, and what is said of it."""

    stored: int
    pieces: tuple[int, ...]
    message: str = ""


CASES = {
    "nothing": Case(0, ()),
    "at-the-ratio": Case(150, (1500,)),
    "over-the-ratio": Case(150, (1501,), "more than 10 times"),
    "over-the-ratio-in-pieces": Case(150, (500, 500, 500, 1), "more than 10 times"),
    "small-enough-for-any-ratio": Case(1, (1000,)),
    "just-not-small-enough": Case(1, (1000, 1), "more than 10 times"),
    "no-stored-byte-counts-as-one": Case(0, (1001,), "more than 10 times"),
    "at-the-size": Case(5000, (5000,)),
    "over-the-size": Case(5000, (4999, 2), "more than 5000 bytes"),
    "over-both-tells-the-size": Case(1, (5001,), "more than 5000 bytes"),
}


@pytest.mark.parametrize("name", CASES)
def test_guard(name: str) -> None:
    case = CASES[name]
    guard = SMALL.guard("a.tar: layer")
    guard.stored = case.stored
    if not case.message:
        for piece in case.pieces:
            guard.unpacked(piece)
        assert guard.size == sum(case.pieces)
        return
    for piece in case.pieces[:-1]:
        guard.unpacked(piece)
    with pytest.raises(LimitError, match=case.message) as caught:
        guard.unpacked(case.pieces[-1])
    assert caught.value.where == "a.tar: layer"
    option = "--max-layer-size" if "bytes" in case.message else "--max-ratio"
    assert option in str(caught.value)


def test_counts_are_apart() -> None:
    one, other = SMALL.guard("one"), SMALL.guard("other")
    one.unpacked(900)
    other.unpacked(900)
    assert (one.size, other.size) == (900, 900)


def test_no_real_layer_meets_the_limits() -> None:
    """A sparse disk image of ten gigabytes at 100:1, and a terabyte of model weights."""
    guard = Limits().guard("here")
    guard.stored = (10 << 30) // 100
    guard.unpacked(10 << 30)
    weights = Limits().guard("here")
    weights.stored = Limits().layer_size
    weights.unpacked(Limits().layer_size)


@pytest.mark.parametrize("name", NAMES)
def test_an_error_names_the_option_that_lifts_the_limit(name: str) -> None:
    assert isinstance(getattr(Limits(), NAMES[name]), int)
    option = {"ratio": "--max-ratio N", "layer-size": "--max-layer-size SIZE"}.get(name, f"--limit {name}=N")
    assert option in str(LimitError("too much", name))


def test_slow_codecs_have_a_bound_of_their_own_that_small_archives_meet() -> None:
    """512 MiB of bzip2 or xz in an archive of up to 10 MB; beyond, the ratio counts, and one that was asked for."""
    for compression in ("bzip2", "xz"):
        guard = Limits().within(10_000_000).guard("a.tar: layer", compression)
        guard.stored = 10_000_000
        guard.unpacked(512 << 20)
        with pytest.raises(LimitError, match="bzip2 and xz streams") as caught:
            guard.unpacked(1)
        assert "--max-ratio" in str(caught.value)
    for limits, stored in ((Limits(), 14_000_000), (Limits(ratio=900), 1_000_000)):
        guard = limits.within(stored).guard("a.tar: layer", "xz")
        guard.stored = stored
        guard.unpacked(600 << 20)
    fast = Limits().within(10_000_000).guard("a.tar: layer", "zstd")
    fast.stored = 10_000_000
    fast.unpacked(2 << 30)


def test_a_stream_of_unknown_size_is_held_to_what_came_of_it() -> None:
    guard = Limits().guard("standard input", "bzip2")
    guard.stored = 9_000_000
    with pytest.raises(LimitError, match="bzip2 and xz streams"):
        guard.unpacked(513 << 20)


def test_what_the_archives_own_compression_unpacked_to_counts() -> None:
    """Each of two compressions stays below the ratio, both together do not."""
    inside = Limits().after(2_000_000_000, "gzip").within(10_000_000)
    inside.unpacked(400_000_000, "layer")
    inside.unpacked(9_000_000_000, "a plain layer is a part of it", "none")
    with pytest.raises(LimitError, match="250 times"):
        inside.unpacked(200_000_000, "layer")
    with pytest.raises(LimitError, match="bzip2 and xz"):
        Limits().after(500 << 20, "xz").within(10_000_000).unpacked(13 << 20, "layer", "bzip2")


def test_headers_of_all_layers_count_together() -> None:
    limits = Limits(headers=10).within(10_000_000)
    limits.walked(10, "layer")
    with pytest.raises(LimitError, match="more than 10 tar headers") as caught:
        limits.walked(1, "layer")
    assert "--limit headers=N" in str(caught.value)
    large = Limits().within(1_000_000_000)  # one for 8 bytes
    large.walked(100_000_000, "layer")


def test_a_walk_ends_where_the_archive_has_no_more_headers() -> None:
    """Nothing is said of the tar then: it may be whole or not."""
    data = tar([file("a", b"a"), hardlink("b", "a"), file("c", b"")])
    for most, whole in ((3, True), (2, None)):
        walk = Walk(Limits(headers=most).within(len(data)), "layer")
        walk.take(data)
        found = walk.finish()
        assert found.whole is whole
        assert (found.fault.rule if found.fault else None) == (None if whole else "layer-unchecked")
    with pytest.raises(LimitError, match="more than 2 tar headers"):
        list(Tar([data], Limits(headers=2).within(len(data)), "layer").members())


def _require_more_headers_than_40(data: bytes) -> None:
    """The headers of a layer's tar are between 40 and 60, for who walks it and for who lists it."""
    for most, whole in ((60, True), (40, None)):
        walk = Walk(Limits(headers=most).within(len(data)), "layer")
        walk.take(data)
        assert walk.finish().whole is whole
    with pytest.raises(LimitError, match="more than 40 tar headers"):
        list(Tar([data], Limits(headers=40).within(len(data)), "layer").members())


@pytest.mark.parametrize("record", ["path", "comment"])
def test_extended_headers_count_by_their_size(record: str) -> None:
    """One of them is read with all plain headers, the other alone."""
    data = pax({record: "n" * 3000}) + tar([file("a", b"a")])
    _require_more_headers_than_40(data)


def test_blocks_of_a_sparse_map_count_as_headers() -> None:
    block = bytearray(header(file("a", b""), 0, style=Style.GNU))
    block[156:157], block[257:265], block[482] = b"S", b"ustar  \0", 1
    block[148:156] = b"%06o\0 " % (sum(block) - sum(block[148:156]) + 8 * 32)
    data = bytes(block) + (bytes(504) + b"\1" + bytes(7)) * 50 + bytes(BLOCK) + tar([])
    _require_more_headers_than_40(data)


def test_all_extended_headers_of_one_member_have_one_limit() -> None:
    one = pax({"comment": "n" * 3000})
    for count, rule in ((3, None), (4, "layer-unchecked")):
        data = one * count + tar([file("a", b"a")])
        walk = Walk(Limits(extended=10_000), "layer")
        walk.take(data)
        found = walk.finish().fault
        assert (found.rule if found else None) == rule
        members = Tar([data], Limits(extended=10_000), "layer").members()
        with pytest.raises(HeaderError) if rule else nullcontext():
            assert len(list(members)) == 1
