"""The answers of a catalogue for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ociarchive.errors import plural
from ociarchive.report.shared.text import placed, safe, wrapped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ociarchive.catalogue.answers import Entry, Summary

_INDENT = 6


def catalogue_table(
    summary: Summary,
    entries: Iterable[Entry] | None,
    *,
    width: int,
    paint: Callable[[str, str], str],
    none: str | None = None,
) -> Iterator[str]:
    """Give the archives that were asked for, if any were, and the totals with the rules for which archives failed.

    Each archive has the verdict of its audit. The totals have none: to have failures in it is no fault of a catalogue.
    `none` is what is said where there is none of them.
    """
    if entries is not None:
        listed = False
        for one in entries:
            listed = True
            word = paint("PASS", "pass") if one.passed else paint("FAIL", "error")
            yield f"{word}  {safe(one.source)}\n"
            held = [f"holds it as {one.held_as}"] if one.held_as else []
            facts = [one.format or "no archive", *held, *one.rules, f"audited {one.audited} by {one.tool}"]
            yield from _lines(", ".join(facts), width)
        if not listed and none is not None:
            listed = True
            yield from (f"{line.rstrip()}\n" for line in wrapped(none, width, "  "))
        yield "\n" if listed else ""
    total = plural(summary.passed + summary.failed, "archive")
    failed = f"{summary.failed} failed"
    told = paint(failed, "error") if summary.failed else failed
    yield f"{total} in the catalogue: {summary.passed} passed, {told}\n"
    for rule, count in summary.reasons:
        yield from _lines(f"{plural(count, 'archive')} for {rule}", width)
    if summary.first is not None:
        same = summary.first == summary.last
        when = summary.first if same else f"from {summary.first} to {summary.last}"
        yield from _lines(f"audited {when}", width)
    if summary.failed and entries is None:
        yield from _lines("--failed lists those that failed", width)


def _lines(text: str, width: int) -> Iterator[str]:
    for line in placed(wrapped(text, width - _INDENT, "  "), _INDENT, width):
        yield f"{line.rstrip()}\n"
