"""Options whose values are whole numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from ociarchive.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")

#: Digits of the largest number that an option can have.
LONGEST: Final = 18


def count(_: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    """Return a whole number of one or more. UsageError: it is none."""
    if value is None:
        return None
    number = whole(value)
    if number < 1:
        raise UsageError(f"{parameter.opts[0]} takes a whole number, not {value!r}", expected="1 at least")
    return number


def whole(text: str) -> int:
    """Return the whole number that a text spells in ASCII digits, -1 where it spells none, or one of too many."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= LONGEST else -1


def jobs_option(function: F) -> F:
    """Add `--jobs`."""
    return click.option(
        "--jobs", "asked_jobs", callback=_jobs, metavar="N", help="Worker threads (default: one for each processor)."
    )(function)


def _jobs(_: click.Context, __: click.Parameter, value: str | None) -> int | None:
    from ociarchive.workers import MOST_JOBS

    if value is None:
        return None
    number = whole(value)
    if not 1 <= number <= MOST_JOBS:
        shown = value if value.removeprefix("-").isdecimal() else repr(value)
        raise UsageError(f"--jobs takes a number of threads, not {shown}", expected=f"1 to {MOST_JOBS}")
    return number


def jobs(asked: int | None) -> int:
    """Return the number of worker threads: what was asked for, else the processors that this process may use."""
    from ociarchive.workers import processors

    return asked or processors()
