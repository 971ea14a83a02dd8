"""What fuzzing found, each input with what is right for it, and short runs over the seeds."""

import lzma
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ociarchive.blobio.codec import XZ, ZSTD
from ociarchive.container.header import HeaderError, parse
from tests.fuzz import codecs, seeds
from tests.fuzz.targets import TARGETS, sealed, tar
from tests.hostile.raw import END, Odd, head, pax, whole

_ZSTD_OF_256 = b"\x28\xb5\x2f\xfd\x70\0\0"  # a frame that says it unpacks to 256 bytes
FOUND: dict[str, tuple[str, bytes]] = {
    "zstd-size-before-an-empty-last-block": ("codecs", b"\x01\0" + _ZSTD_OF_256 + b"\0\0\0\x01\0\0"),
    "zstd-size-and-no-content-in-many-blocks": ("codecs", b"\x01\0" + _ZSTD_OF_256 + bytes(120) + b"\x01\0\0"),
    "tar-extended-header-at-the-end": ("tar", pax(b"13 comment=c\n") + END),
    "tar-global-header-at-the-end": ("tar", pax(b"13 comment=c\n", flag=b"g") + END),
    "tar-mode-no-number": ("tar", head(b"a", odd=Odd(mode=b"0%00644\0")) + END),
    "tar-blank-inside-a-number": ("tar", head(b"a", odd=Odd(mode=b"00 0644\0")) + END),
    "tar-time-in-base-256-of-another-kind": ("tar", head(b"a", odd=Odd(time=b"\x9000000000000")) + END),
    "tar-size-behind-a-zero-byte": ("tar", head(b"a", odd=Odd(size=b"\x0000000000001")) + b"x".ljust(512) + END),
    "tar-long-name-without-its-end": (
        "tar", head(b"././@LongLink", 4, b"L") + b"namebehind".ljust(512, b"\0") + head(b"a") + END,
    ),
    "tar-checksum-behind-a-zero-byte": ("tar", (_A := head(b"a"))[:148] + b"\0" + _A[148:154] + b" " + _A[156:] + END),
    "tar-folder-of-before-posix-with-a-prefix": ("tar", head(b"d/", flag=b"\0", odd=Odd(prefix=b"p")) + END),
}  # fmt: skip


@pytest.mark.parametrize("name", FOUND)
def test_found(name: str) -> None:
    target, data = FOUND[name]
    TARGETS[target]()(data)


def test_a_zstd_frame_of_another_size_is_damaged_however_it_comes() -> None:
    stream = _ZSTD_OF_256 + b"\0\0\0\x01\0\0"
    for step in (1, 4, len(stream)):
        assert "damaged" in (codecs.ours(ZSTD, stream, step)[1] or "")


def test_an_xz_stream_is_not_followed_by_one_of_the_older_format() -> None:
    stream = lzma.compress(b"one", preset=0) + lzma.compress(b"two", lzma.FORMAT_ALONE)
    assert "followed by" in (codecs.ours(XZ, stream, len(stream))[1] or "")


def test_times_before_1970_are_lawful() -> None:
    assert parse(head(b"a", odd=Odd(time=b"\xff" * 12))).name == b"a"
    with pytest.raises(HeaderError):
        parse(head(b"a", odd=Odd(mode=b"\x81" + bytes(7))))


@pytest.mark.parametrize("target", TARGETS)
def test_seeds_pass(target: str, tmp_path: Path) -> None:
    seeds.write(target, tmp_path)
    run = TARGETS[target]()
    made = sorted(tmp_path.iterdir())
    assert len(made) > 4
    for path in made[:: max(len(made) // 20, 1)]:
        run(path.read_bytes())


# Structured mutations: what a producer's bug or an attacker's hand does to whole fields, not to bits.

_SEEDS = {name: list(seeds.made(name)) for name in TARGETS}
_WORDS = [
    b"0", b"-1", b"99999999999999999999", b"1e999", b"null", b"[]", b"{}", b'""', b"true", b'"sha256:../../x"',
    b'"\\ud800"', b'"\\u0000"', b"NaN", b'{"a":1,"a":2}',
]  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn, target: str) -> bytes:
    """A seed with some of its values, keys, blocks or members moved, doubled, dropped or replaced."""
    data = draw(st.sampled_from(_SEEDS[target]))
    chance = draw(st.randoms(use_true_random=False))
    for _ in range(draw(st.integers(1, 4))):
        data = draw(st.sampled_from(_MUTATIONS))(data, chance)
    return data


def _value(data: bytes, chance: random.Random) -> bytes:
    """Replace a JSON value by another."""
    colons = [at for at, byte in enumerate(data) if byte == ord(":")]
    if not colons:
        return data
    start = chance.choice(colons) + 1
    end = min((at for at in (data.find(mark, start) for mark in (b",", b"}", b"]")) if at > 0), default=len(data))
    return data[:start] + chance.choice(_WORDS) + data[end:]


def _block(data: bytes, chance: random.Random) -> bytes:
    """Double, drop, move or empty a block of 512 bytes."""
    blocks = [data[at : at + 512] for at in range(0, len(data), 512)] or [b""]
    one = chance.randrange(len(blocks))
    match chance.randrange(4):
        case 0:
            blocks.insert(chance.randrange(len(blocks)), blocks[one])
        case 1:
            del blocks[one]
        case 2:
            blocks[one] = bytes(len(blocks[one]))
        case _:
            blocks.append(blocks.pop(one))
    return b"".join(blocks)


def _field(data: bytes, chance: random.Random) -> bytes:
    """Put something else into a field of a tar's header."""
    start, length = chance.choice(
        [(0, 100), (100, 8), (124, 12), (136, 12), (156, 1), (157, 100), (257, 8), (345, 155)]
    )
    at = chance.randrange(max(len(data) // 512, 1)) * 512 + start
    other = chance.choice([bytes(length), b"\xff" * length, b"7" * length, b"\x80" + b"\1" * (length - 1), b"../" * 40])
    return data[:at] + other[:length] + data[at + length :]


def _cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def _byte(data: bytes, chance: random.Random) -> bytes:
    if not data:
        return data
    at = chance.randrange(len(data))
    return data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]


_MUTATIONS = [_value, _value, _block, _field, _cut, _byte]


@pytest.mark.parametrize("target", TARGETS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_mutations_come_to_an_end(target: str, data: st.DataObject) -> None:
    _RUNS[target](data.draw(mutated(target)))


_RUNS = {name: make() for name, make in TARGETS.items()}


def test_a_sealed_tar_is_the_same_where_it_was_right() -> None:
    raw = whole(b"a", b"x") + END
    assert sealed(raw) == raw
    tar(raw)
