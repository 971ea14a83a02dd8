"""Limits against streams that unpack to too much."""

from dataclasses import dataclass

import pytest

from ociarchive.blobio.limits import NAMES, LimitError, Limits

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
