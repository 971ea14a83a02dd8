"""ociarchive beside skopeo: whole processes in turn, on images of this machine's own files.

    python -m benchmarks.compare --size small                    try it out
    python -m benchmarks.compare --write docs/performance.md     the figures of the page

Without skopeo on PATH ociarchive runs alone. Status 0: measured; 1: ociarchive failed or wrote another image; 2: the
call is at fault.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from dataclasses import asdict
from shutil import which
from typing import TYPE_CHECKING

from benchmarks import calls, comparison, images, jobs, machine, many, page, primitives, process
from benchmarks.comparison import BARE, DEFAULT, SKOPEO
from ociarchive.workers import processors

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from benchmarks.comparison import Comparison, ImageResult, JobResult
    from benchmarks.jobs import Job

_DEFAULT_SIZES = ("full", "single")
_ROUNDS = 5


class WrongError(Exception):
    """A result that is not the image which was asked for."""


def prepare(work: str, size: str, trees: Sequence[str]) -> tuple[str, images.Facts]:
    """Build the sources of one size in a folder, unless they are there; return where, and what they hold."""
    home = os.path.join(work, f"image-{size}")
    known = os.path.join(home, "facts.json")
    if not os.path.exists(known):
        process.clear(home)
        os.makedirs(home)
        facts = images.of_files(os.path.join(home, jobs.DOCKER), images.SIZES[size], trees)
        jobs.store(home, process.ociarchive())
        process.settle(home)
        with open(known, "w", encoding="utf-8") as file:
            json.dump(asdict(facts), file)
    with open(known, encoding="utf-8") as file:
        return home, images.Facts(**json.load(file))


def measure(job: Job, home: str, image_id: str, rounds: int, peer: str) -> JobResult:
    """Run one job in turn by all who can do it. WrongError, FailedError: ociarchive did not do what it was asked."""
    dest = os.path.join(home, "dest")
    commands = {DEFAULT: [*process.ociarchive(), *job.ours(home, dest, bare=False)]}
    if peer:
        commands[SKOPEO] = [peer, *job.skopeo(home, dest)]
    if job.to:
        commands[BARE] = [*process.ociarchive(), *job.ours(home, dest, bare=True)]
    found: JobResult = {"name": job.name, "note": job.note, "floor": None, "runs": {}, "sizes": {}, "ids_kept": {}}
    for number in range(rounds):
        for who, argv in list(commands.items()):
            process.clear(dest)
            try:
                run = process.run(argv)
                if job.to and number == 0:
                    found["ids_kept"][who] = check(dest, image_id, job.written, strict=who != SKOPEO)
                    found["sizes"][who] = process.size(dest)
            except (process.FailedError, WrongError) as error:
                if who != SKOPEO:
                    raise
                print(f"{job.name}: {error}", file=sys.stderr)
                del commands[who]
                found["runs"].pop(who, None)
                continue
            found["runs"].setdefault(who, []).append(run.as_json())
    process.clear(dest)
    return found


def check(dest: str, image_id: str, stored: str, *, strict: bool) -> bool:
    """Return whether a result is that image. No layer is read.

    WrongError: its layers are not stored so, or, where that is `strict`, it is another image.
    """
    got, how = jobs.result(dest)
    if how != {stored}:
        raise WrongError(f"layers are stored as {', '.join(sorted(how))}, expected {stored}")
    if strict and got != image_id:
        raise WrongError(f"the image id is {got[:12]}, expected {image_id[:12]}")
    return got == image_id


def compare(home: str, size: str, facts: images.Facts, args: argparse.Namespace) -> ImageResult:
    """Measure all jobs on one image, and the steps that they are made of."""
    sources = {name: process.size(os.path.join(home, name)) for name in jobs.STORED}
    found: ImageResult = {
        "size": size,
        "layers": facts.layers,
        "unpacked": facts.unpacked,
        "largest": facts.largest,
        "sources": sources,
        "rates": primitives.rates(primitives.sample(os.path.join(home, jobs.DOCKER)), home),
        "jobs": [],
    }
    for job in jobs.JOBS:
        if args.only in job.name:
            result = measure(job, home, facts.image_id, args.rounds, args.skopeo)
            result["floor"] = primitives.floor(job, facts, sources, found["rates"], processors())
            found["jobs"].append(result)
    return found


def main(argv: list[str] | None = None) -> int:
    """Do what the command line asks and return the status."""
    args = _arguments(argv)
    if args.known:
        found: Comparison = args.known
    else:
        found = {
            "date": machine.today(),
            "machine": machine.describe(args.skopeo),
            "rounds": args.rounds,
            "images": [],
        }
        with tempfile.TemporaryDirectory(prefix="compare-", dir=args.work) as scratch:
            for size in args.size or _DEFAULT_SIZES:
                try:
                    home, facts = prepare(args.work or scratch, size, args.tree or images.default_trees())
                    found["images"].append(compare(home, size, facts, args))
                except (process.FailedError, WrongError, ValueError) as error:
                    print(f"error: {error}", file=sys.stderr)
                    return 1
                print("\n".join(comparison.lines(found["images"][-1])), flush=True)
            try:
                work = args.work or scratch
                found["many"] = many.measure(work, args.converted, args.audited, args.rounds, args.skopeo)
            except process.FailedError as error:
                print(f"error: {error}", file=sys.stderr)
                return 1
            print("\n".join(comparison.short(found["many"])), flush=True)
    calls.keep(found, args.json)
    if args.write:
        drawing = f"{os.path.splitext(args.write)[0]}.svg"
        with open(drawing, "w", encoding="utf-8") as file:
            file.write(comparison.drawing(found["images"][0]))
        page.put(args.write, "compare", comparison.text(found, os.path.basename(drawing)))
    return 0


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = calls.parser("compare", __doc__, _ROUNDS)
    parser.add_argument("--size", action="append", choices=images.SIZES, help="which images (default: full, single)")
    for name, count, what in (("converted", 200, "images"), ("audited", 1000, "archives")):
        parser.add_argument(
            f"--{name}", type=int, default=count, metavar="N", help=f"small {what} in one call (default %(default)s)"
        )
    parser.add_argument("--only", default="", metavar="WORDS", help="only jobs whose name holds these words")
    parser.add_argument("--skopeo", default=which("skopeo") or "", metavar="PATH", help="'' runs ociarchive alone")
    parser.add_argument("--tree", action="append", metavar="DIR", help="take the files of images from there")
    return calls.parsed(parser, argv, "compare")


if __name__ == "__main__":
    sys.exit(main())
