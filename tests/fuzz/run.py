"""Fuzz for a given time: `python -m tests.fuzz.run [--minutes N] [--side-by-side N] [--folder F] [TARGET...]`.

Needs atheris (`pip install -e '.[test,fuzz]'`). Each target goes on where its last run ended: its inputs are kept in
FOLDER/TARGET/inputs, what was found in FOLDER/TARGET/found. Status 1: something was found.
"""

import argparse
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz import seeds
from tests.fuzz.targets import TARGETS

_ROOT = Path(__file__).parents[2]
_LARGEST = {"audit": 16 << 10, "tar": 12 << 10, "readers": 16 << 10}
_COVERAGE = re.compile(r"cov: (\d+) ft: (\d+)")
_EXECUTED = re.compile(r"stat::number_of_executed_units:\s+(\d+)")
_PEAK = re.compile(r"stat::peak_rss_mb:\s+(\d+)")


@dataclass
class Told:
    """What came of one target."""

    name: str
    minutes: float = 0
    executions: int = 0
    coverage: int = 0
    features: int = 0
    peak: int = 0
    stops: int = 0
    found: int = 0


def fuzzed(name: str, minutes: float, folder: Path) -> Told:
    """Fuzz a target; start again what libFuzzer ended (an input too slow or too large is in FOUND then)."""
    told = Told(name)
    inputs, found = folder / name / "inputs", folder / name / "found"
    seeds.write(name, folder / name / "seeds")
    for place in (inputs, found):
        place.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    while (left := minutes * 60 - (time.monotonic() - started)) > 1:
        command = [
            *(sys.executable, "-m", "tests.fuzz.harness", name, str(found), str(inputs), str(folder / name / "seeds")),
            *(f"-max_total_time={int(left)}", f"-max_len={_LARGEST.get(name, 4 << 10)}", "-rss_limit_mb=1024"),
            *("-timeout=30", "-print_final_stats=1", f"-artifact_prefix={found}/"),
        ]
        with (folder / name / "log").open("w+") as log:
            status = subprocess.run(command, stdout=log, stderr=log, cwd=_ROOT, check=False).returncode
            log.seek(0)
            words = log.read()
        told.executions += max(map(int, _EXECUTED.findall(words)), default=0)
        told.coverage, told.features = max(
            ((int(one), int(other)) for one, other in _COVERAGE.findall(words)), default=(told.coverage, told.features)
        )
        told.peak = max([told.peak, *map(int, _PEAK.findall(words))])
        told.stops += status != 0
        if status and time.monotonic() - started < 2:
            sys.stderr.write(words[-2000:])
            break
    told.minutes = (time.monotonic() - started) / 60
    told.found = sum(not path.name.endswith(".txt") for path in found.iterdir())
    return told


def _say(columns: Sequence[str]) -> None:
    first, *rest = columns
    sys.stdout.write(first.ljust(11) + "".join(one.rjust(11) for one in rest) + "\n")
    sys.stdout.flush()


def main() -> int:
    """Fuzz the targets that are named, all where none is, and print what came of each."""
    parser = argparse.ArgumentParser(prog="tests.fuzz.run")
    parser.add_argument("targets", nargs="*", choices=[*TARGETS, []], default=[], metavar="TARGET")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--side-by-side", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=_ROOT / ".fuzz")
    asked = parser.parse_args()
    _say(("target", "minutes", "executions", "coverage", "features", "MiB", "stops", "found"))
    worst = 0
    with ThreadPoolExecutor(asked.side_by_side) as pool:
        for told in pool.map(lambda name: fuzzed(name, asked.minutes, asked.folder), asked.targets or TARGETS):
            numbers = (told.executions, told.coverage, told.features, told.peak, told.stops, told.found)
            _say((told.name, f"{told.minutes:.1f}", *map(str, numbers)))
            worst |= int(told.found > 0)
    return worst


if __name__ == "__main__":
    sys.exit(main())
