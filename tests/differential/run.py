"""The long search: `python -m tests.differential.run --from 0 --count 1000000`, for hours if need be.

The walker reads every sequence. What it lets pass is read by Python's tarfile, the model of Go, libarchive, and Go's
own archive/tar (`--go`, a program built from reader.go); GNU tar and bsdtar, which cost a process each, list one in
`--every`.
What it prints goes into `test_readers.py` as a case of its own.
"""

import argparse
import collections
import struct
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.differential import readers
from tests.differential.generate import sequence
from tests.support import gotar
from tests.support.gotar import Seen

_BATCH = 500


def go(program: str, raws: Sequence[bytes]) -> list[readers.Listing]:
    """Return what Go's own reader sees."""
    given = b"".join(struct.pack(">Q", len(raw)) + raw for raw in raws)
    lines = subprocess.run([program], input=given, stdout=subprocess.PIPE, check=True).stdout.split(b"\n")
    return [None if line == b"refused" else [_seen(word) for word in line.split()] for line in lines[: len(raws)]]


def _seen(word: bytes) -> Seen:
    kind, name, size, link, content = word.decode().split(":")
    return Seen(kind, bytes.fromhex(name), int(size), bytes.fromhex(link), bytes.fromhex(content))


def main() -> None:
    """Search, and print the numbers of sequences that pass and are not read alike."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from", type=int, default=0, dest="first")
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--every", type=int, default=50)
    parser.add_argument("--go", default="")
    given = parser.parse_args()
    asked: collections.Counter[str] = collections.Counter()
    found: dict[str, list[int]] = collections.defaultdict(list)
    began = time.monotonic()
    library, programs = readers.LibArchive(), readers.programs()
    for first in range(given.first, given.first + given.count, _BATCH):
        _batch(given, range(first, min(first + _BATCH, given.first + given.count)), (library, programs), asked, found)
        if first // _BATCH % 20 == 19:
            print(f"{time.monotonic() - began:.0f} s", dict(asked), dict(found), flush=True)  # noqa: T201  a script
    print("in the end:", f"{time.monotonic() - began:.0f} s", dict(asked), dict(found))  # noqa: T201  a script


def _batch(
    given: argparse.Namespace,
    numbers: range,
    here: tuple[readers.LibArchive, dict[str, str]],
    asked: collections.Counter[str],
    found: dict[str, list[int]],
) -> None:
    library, programs = here
    raws = [sequence(number) for number in numbers]
    ours = [readers.walked(raw) for raw in raws]
    passed = [at for at, (errors, _) in enumerate(ours) if not errors]
    asked["walker"] += len(raws)
    asked["passed"] += len(passed)
    listings: dict[str, dict[int, readers.Listing]] = {
        "model of Go": {at: gotar.members(raws[at]) for at in passed},
        "tarfile": {at: readers.python(raws[at]) for at in passed},
        "libarchive": {at: library(raws[at]) for at in passed},
    }
    if given.go:
        real = go(given.go, raws)
        asked["Go, of any"] += len(raws)
        listings["Go"] = {at: real[at] for at in passed}
        for at in range(0, len(raws), 8):
            one, model = real[at], gotar.members(raws[at])
            asked["model against Go"] += 1
            if readers.differ(one, model) and not any(seen.kind == "sparse" for seen in model or ()):
                found["the model is wrong"].append(numbers[at])
    sample = [at for at in passed if at % given.every == 0]
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as scratch:  # noqa: S108
        for name, path in programs.items():
            some = [raws[at] for at in sample]
            listings[name] = dict(zip(sample, readers.listed(name, path, some, Path(scratch)), strict=True))
            asked[name] += len(sample)
    for at in passed:
        for name, seen in listings.items():
            if at in seen and (seen[at] is None or readers.differ(ours[at][1], seen[at])):
                found[name].append(numbers[at])


if __name__ == "__main__":
    main()
