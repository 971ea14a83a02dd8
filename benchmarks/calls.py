"""What the two programs have in common: options, and figures that are kept and written."""

from __future__ import annotations

import argparse
import json
import re
from typing import Any

from benchmarks import page

_UNITS = {"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def parser(program: str, description: str | None, rounds: int) -> argparse.ArgumentParser:
    """Return a parser with the options that both programs have."""
    made = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{program}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--rounds", type=positive, default=rounds, metavar="N", help="default %(default)s")
    made.add_argument("--work", metavar="DIR", help="an existing folder for sources and results")
    made.add_argument("--json", metavar="FILE", help="write every figure there")
    made.add_argument("--write", metavar="PAGE", help="write the page's part and its drawing")
    made.add_argument("--from", dest="known", type=_figures, metavar="FILE", help="take what --json wrote")
    return made


def parsed(made: argparse.ArgumentParser, argv: list[str] | None, part: str) -> argparse.Namespace:
    """Parse a call; one that could not write its part in the end is refused at the beginning."""
    args = made.parse_args(argv)
    if args.write:
        try:
            page.replaced(page.read(args.write), part, "")
        except (OSError, ValueError) as error:
            made.error(str(error))
    return args


def keep(figures: object, path: str | None) -> None:
    """Write the figures to a file, if the call asks for it."""
    if path:
        with open(path, "w", encoding="utf-8") as file:
            json.dump(figures, file, indent=1)


def positive(words: str) -> int:
    """Return a number from 1 on."""
    if not words.isdecimal() or int(words) < 1:
        raise argparse.ArgumentTypeError(f"{words!r} is no number from 1 on")
    return int(words)


def size(words: str) -> int:
    """Return a size as people write it, 64MiB or 8GiB, in bytes."""
    match = re.fullmatch(r"([0-9]+)(|KiB|MiB|GiB)", words)
    if match is None:
        raise argparse.ArgumentTypeError(f"{words!r} is no size; 64MiB is one")
    return int(match[1]) * _UNITS[match[2]]


def _figures(path: str) -> Any:  # noqa: ANN401  what stands in JSON
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"{path}: {error}") from None
