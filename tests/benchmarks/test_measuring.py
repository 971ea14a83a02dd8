"""What the benchmarks measure with and measure on: a tool that is wrong gives figures all the same."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

import ociarchive
from benchmarks import images, jobs, primitives, process
from ociarchive.blobio.codec import GZIP, ZSTD, Codec

MIB = 1 << 20


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Files that fill a small image; a link and a folder without files are among them."""
    root = tmp_path / "tree"
    (root / "empty").mkdir(parents=True)
    (root / "link").symlink_to("0.txt")
    for number in range(200):
        (root / f"{number}.txt").write_text(f"line {number}\n" * 1000)
    return root


def test_an_image_of_files_is_the_same_each_time_and_proved(tmp_path: Path, tree: Path) -> None:
    paths = [tmp_path / "first.tar", tmp_path / "second.tar"]
    facts = [images.of_files(str(path), (1, 0.2), [str(tree), str(tree / "empty")]) for path in paths]
    assert facts[0] == facts[1]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    report = ociarchive.audit(paths[0])
    assert not report.failed
    assert (facts[0].layers, facts[0].image_id) == (2, jobs.result(str(paths[0]))[0])
    assert 0.9e6 < facts[0].largest < 1.3e6


def test_too_few_files_are_refused(tmp_path: Path, tree: Path) -> None:
    with pytest.raises(ValueError, match="do not fill a layer of 50 MB"):
        images.of_files(str(tmp_path / "image.tar"), (50,), [str(tree)])


def test_an_image_of_noise_does_not_shrink(tmp_path: Path) -> None:
    path, layout = str(tmp_path / "noise.tar"), str(tmp_path / "layout")
    facts = images.of_noise(path, [MIB, 1000], strays=3)
    ociarchive.convert(path, layout, to="oci-layout", compression="gzip", sync=False)
    assert process.size(layout) > MIB
    assert jobs.result(layout) == (facts.image_id, {"gzip"})
    assert images.of_noise(path, [MIB, 1000]) == facts, "strays are no part of the image"


def test_a_process_has_its_own_peak_and_not_its_parents() -> None:
    held = bytes(200 * MIB)
    peak = process.run([sys.executable, "-c", f"bytearray(40 * {MIB})"]).memory
    del held
    assert 40 < peak < 120


def test_cpu_is_that_of_the_child() -> None:
    idle = process.run([sys.executable, "-c", "import time; time.sleep(0.5)"])
    assert idle.wall > 0.5
    assert idle.cpu < idle.wall


def test_a_process_that_fails_is_told_by_its_last_line() -> None:
    with pytest.raises(process.FailedError, match="status 3: the reason"):
        process.run([sys.executable, "-c", "import sys; print('much\\nthe reason', file=sys.stderr); sys.exit(3)"])
    with pytest.raises(process.FailedError, match="no-such-program"):
        process.run(["no-such-program"])


def test_the_launcher_needs_little() -> None:
    """Its own memory is what no child reads below."""
    launcher = Path(process.__file__).with_name("launch.py")
    done = subprocess.run(
        [sys.executable, "-I", "-S", launcher, "true"], capture_output=True, text=True, check=True
    ).stdout
    status, _, _, kib = done.split()
    assert status == "0"
    assert int(kib) < 20 << 10


@pytest.mark.parametrize("codec", [GZIP, ZSTD])
def test_what_is_packed_unpacks_to_as_much(codec: Codec) -> None:
    data = json.dumps(list(range(300_000))).encode()
    stored = primitives.pieces(primitives.packed(data, codec), 10_000)
    assert sum(map(len, stored)) < len(data)
    assert primitives.unpack(stored, codec) == len(data)


SPEED = dict.fromkeys(primitives.STEPS, 100.0) | {"read": 1e9, "write": 1e9}  # MB/s: a second for 100 MB
SOURCES = {jobs.DOCKER: 400_000_000, jobs.GZIP: 100_000_000, jobs.ZSTD: 100_000_000}


@pytest.mark.parametrize(
    ("job", "seconds"),
    [
        (0, 4 + 4 + 1),  # diff_id, gzip, digest of what it gives
        (2, 1 + 4 + 4 + 4 + 1),  # digest, unpack, diff_id, zstd, digest
        (4, 1 + 4 + 4),  # digest, unpack, diff_id: it is written as it is
        (5, 1 + 4 + 4),  # kept: the same, for diff_ids are proved
        (6, 1 + 4 + 4),
    ],
)
def test_the_floor_is_the_sum_of_the_steps(job: int, seconds: float) -> None:
    many = images.Facts(layers=10, unpacked=400_000_000, largest=40_000_000, image_id="")
    one = images.Facts(layers=1, unpacked=400_000_000, largest=400_000_000, image_id="")
    for cores in (1, 2):
        found = primitives.floor(jobs.JOBS[job], many, SOURCES, SPEED, cores)
        assert found == pytest.approx(seconds / cores, rel=1e-3)
    assert primitives.floor(jobs.JOBS[job], one, SOURCES, SPEED, 8) == pytest.approx(4, rel=1e-3)


def test_start_up_has_no_floor() -> None:
    facts = images.Facts(1, 1, 1, hashlib.sha256(b"").hexdigest())
    assert primitives.floor(jobs.JOBS[-1], facts, SOURCES, SPEED, 1) is None
