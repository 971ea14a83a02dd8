"""Parts of any size are the whole, and any one of them that is lost or changed is made again from the others."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ociarchive.blobio import parity
from ociarchive.blobio.manyfile import ManyFile
from tests.support.build import Image, Layer, layer, layout
from tests.support.call import Call, told
from tests.support.parts import xor
from tests.support.strategies import CODECS, CONTENTS
from tests.support.tar import write_tar

COMMON = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
STACKS = st.lists(st.builds(layer, st.sampled_from(CONTENTS[:4]), st.sampled_from(CODECS)), min_size=1, max_size=3)


@settings(COMMON, max_examples=5)
@given(
    stack=STACKS,
    form=st.tuples(
        st.sampled_from(("docker-archive", "oci-archive")),
        st.sampled_from(("auto", "gzip", "none")),
        st.sampled_from(("1", "3")),
    ),
    size=st.integers(50, 20_000),
    data=st.data(),
)
def test_parts_of_any_size(
    stack: list[Layer], form: tuple[str, str, str], size: int, data: st.DataObject, tmp_path: Path, cli_call: Call
) -> None:
    to, compression, jobs = form
    with TemporaryDirectory(dir=tmp_path) as name:
        place = Path(name)
        source = write_tar(place / "source", layout(Image(layers=stack).node().named("docker.io/corpus/app:1")))
        how = ("--to", to, "--compression", compression, "--no-sync")
        told(cli_call("convert", source, place / "whole", *how))
        told(cli_call("convert", source, place / "app", *how, "--split", str(size), "--parity", "--jobs", jobs))
        parts = sorted(one for one in place.glob("app.*") if one.suffix[1:].isdigit())
        whole = (place / "whole").read_bytes()
        assert b"".join(one.read_bytes() for one in parts) == whole
        assert {one.stat().st_size for one in parts[:-1]} <= {size}
        assert (place / "app.parity").read_bytes() == xor([one.read_bytes() for one in parts])

        bad = data.draw(st.sampled_from(parts))
        held = bad.read_bytes()
        if data.draw(st.booleans()):
            bad.unlink()
        else:
            at = data.draw(st.integers(0, len(held) - 1))
            bad.write_bytes(held[:at] + bytes([held[at] ^ 1]) + held[at + 1 :])
        result = cli_call("convert", place / "app.parts.json", place / "again", *how)
        assert (result.status, (place / "again").read_bytes() == whole) == (0, True), result.stderr
        assert cli_call("audit", place / "app.parts.json").status == 1
        bad.unlink(missing_ok=True)
        told(
            cli_call("convert", source, place / "app", *how, "--split", str(size), "--part", str(parts.index(bad) + 1))
        )
        assert bad.read_bytes() == held
        told(cli_call("audit", "--strict", place / "app.parts.json"))


@settings(COMMON, max_examples=50)
@given(
    size=st.integers(1, 40),
    writes=st.lists(st.tuples(st.integers(0, 200), st.binary(max_size=120)), max_size=12),
    end=st.integers(0, 250),
)
def test_a_file_over_many_is_one_file(size: int, writes: list[tuple[int, bytes]], end: int, tmp_path: Path) -> None:
    """Whatever is written where, it reads as one file would."""
    with TemporaryDirectory(dir=tmp_path) as name:

        def open_part(number: int) -> tuple[int, int]:
            return os.open(Path(name) / str(number), os.O_RDWR | os.O_CREAT), 0

        many, one = ManyFile(open_part, size, "many"), bytearray()
        for position, content in writes:
            at = min(position, len(one))
            many.write(content, at)
            one[at : at + len(content)] = content
        end = min(end, len(one))
        many.cut(end)
        del one[end:]
        assert many.size == len(one)
        for position in (0, end // 2, max(end - 3, 0), end, end + 5):
            assert many.read(7, position) == bytes(one[position : position + 7])
            assert many.data_from(position) >= min(position, end)
        many.sync()
        many.close()
        files = [(Path(name) / str(number)).read_bytes() for number in range(-(-end // size))]
        assert b"".join(files) == bytes(one)


@settings(COMMON, max_examples=50)
@given(st.lists(st.binary(min_size=1, max_size=60), min_size=1, max_size=5), st.integers(1, 7))
def test_the_parity_of_pieces_of_any_size(parts: list[bytes], piece: int) -> None:
    size = max(map(len, parts))
    parts[0] = parts[0].ljust(size, b"\0")

    def reader(part: bytes) -> parity.Read:
        return lambda length, position: part[position : position + length]

    kept, parity._PIECE = parity._PIECE, piece  # type: ignore[misc]
    try:
        assert b"".join(parity.xored([reader(part) for part in parts], size)) == xor(parts)
    finally:
        parity._PIECE = kept  # type: ignore[misc]
