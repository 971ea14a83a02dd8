"""How cost grows with the number of layers, the size of one, archives in a call, and members of a tar.

    python -m benchmarks.growth --largest 64MiB --most-layers 100    try it out
    python -m benchmarks.growth --write docs/performance.md          the figures of the page

Whole processes, one after another. Status 0: measured; 1: ociarchive failed; 2: the call is at fault.
"""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks import calls, images, machine, page, process, trend

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from benchmarks.trend import Growth, Point, Trend

_ROUNDS = 3
#: Small, so that what is counted weighs more than its bytes.
_SMALL = 32 << 10
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Quantity:
    """What grows. `build` makes the sources of so many in a folder and returns ociarchive's arguments."""

    title: str
    unit: str
    job: str
    counts: Sequence[int]
    build: Callable[[str, int], list[str]]


def _layers(folder: str, count: int) -> list[str]:
    images.of_noise(os.path.join(folder, "saved.tar"), [_SMALL] * count)
    return _convert(folder)


def _size(folder: str, mebibytes: int) -> list[str]:
    images.of_noise(os.path.join(folder, "saved.tar"), [mebibytes * _MIB])
    return _convert(folder)


def _convert(folder: str) -> list[str]:
    source, dest = os.path.join(folder, "saved.tar"), os.path.join(folder, "dest")
    options = ["--to", "oci-layout", "--compression", "gzip", "--no-audit", "--no-sync", "--quiet"]
    return ["convert", source, dest, *options]


def _archives(folder: str, count: int) -> list[str]:
    paths = [os.path.join(folder, f"{number}.tar") for number in range(count)]
    for number, path in enumerate(paths):
        images.of_noise(path, [_SMALL] * 3, number)
    return ["audit", *paths]


def _members(folder: str, count: int) -> list[str]:
    path = os.path.join(folder, "saved.tar")
    images.of_noise(path, [_SMALL], strays=count)
    return ["inspect", path]


def quantities(args: argparse.Namespace) -> list[Quantity]:
    """Return all that grows, as far as the call asks."""
    to_gzip = "a docker-archive becomes an OCI layout in gzip"
    return [
        Quantity(
            "Layers",
            "layers",
            f"With layers of 32 KiB of noise {to_gzip}",
            trend.steps(1, 10, args.most_layers),
            _layers,
        ),
        Quantity(
            "Size of a layer",
            "MiB",
            f"With one layer of noise {to_gzip}",
            trend.steps(1, 8, max(args.largest // _MIB, 1)),
            _size,
        ),
        Quantity(
            "Archives",
            "archives",
            "Docker-archives of three layers of 32 KiB are audited in one call",
            trend.steps(1, 10, args.most_archives),
            _archives,
        ),
        Quantity(
            "Members of a tar",
            "members",
            "A docker-archive is inspected that holds one layer and so many members that nothing leads to",
            trend.steps(1000, 10, args.most_members),
            _members,
        ),
    ]


def measure(quantity: Quantity, work: str, rounds: int) -> Trend:
    """Measure all counts of a quantity, each with sources of its own, which are removed afterwards."""
    points: list[Point] = []
    for count in quantity.counts:
        with tempfile.TemporaryDirectory(prefix="growth-", dir=work) as folder:
            argv = [*process.ociarchive(), *quantity.build(folder, count)]
            process.settle(folder)
            runs = []
            for _ in range(rounds):
                process.clear(os.path.join(folder, "dest"))
                runs.append(process.run(argv))
            middle = process.median(runs)
        points.append({"count": count, "wall": middle.wall, "cpu": middle.cpu, "memory": middle.memory})
    return {"title": quantity.title, "unit": quantity.unit, "job": quantity.job, "points": points}


def main(argv: list[str] | None = None) -> int:
    """Do what the command line asks and return the status."""
    args = _arguments(argv)
    if args.known:
        found: Growth = args.known
    else:
        found = {"date": machine.today(), "machine": machine.describe(), "rounds": args.rounds, "trends": []}
        for quantity in quantities(args):
            try:
                found["trends"].append(measure(quantity, args.work, args.rounds))
            except process.FailedError as error:
                print(f"error: {error}", file=sys.stderr)
                return 1
            print("\n".join(trend.lines(found["trends"][-1])), flush=True)
    calls.keep(found, args.json)
    if args.write:
        drawing = os.path.join(os.path.dirname(args.write), "growth.svg")
        with open(drawing, "w", encoding="utf-8") as file:
            file.write(trend.drawing(found["trends"]))
        page.put(args.write, "growth", trend.text(found, os.path.basename(drawing)))
    return 0


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = calls.parser("growth", __doc__, _ROUNDS)
    parser.add_argument("--largest", type=calls.size, default=8 << 30, metavar="SIZE", help="of a layer (default 8GiB)")
    for name, most in (("layers", 2000), ("archives", 1000), ("members", 100_000)):
        parser.add_argument(
            f"--most-{name}", type=calls.positive, default=most, metavar="N", help="default %(default)s"
        )
    return calls.parsed(parser, argv, "growth")


if __name__ == "__main__":
    sys.exit(main())
