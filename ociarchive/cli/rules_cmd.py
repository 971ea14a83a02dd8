"""`ociarchive rules`."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, Final

import click
from tabulate import tabulate

from ociarchive.auditing import RULES
from ociarchive.blobio.limits import MEANINGS, NAMES, SIZES, Limits
from ociarchive.cli.common import common_options, width
from ociarchive.cli.completing import among, rule_names
from ociarchive.cli.output import emit
from ociarchive.errors import UsageError
from ociarchive.report.shared.text import placed, size, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: A summary stands beside its rule where it has so many columns.
_SUMMARY: Final = 48

_EXAMPLES = """\b
Examples:
  ociarchive rules
  ociarchive rules diff-id-mismatch
  ociarchive rules limits
"""
#: The word that lists limits.
_LIMITS: Final = "limits"


@click.command("rules", epilog=_EXAMPLES, short_help="Explain the audit's rules.")
@click.argument("rule", required=False, shell_complete=among(rule_names))
@common_options
def command(rule: str | None, **_: Any) -> int:
    """List the audit's rules, or say of one what is wrong, by which clause, and what to do.

    RULE may also be `limits`, or the name of a limit: what `--limit NAME=N` lifts.
    """
    if rule is None:
        emit("\n".join(_list(width())) + "\n")
        return 0
    if rule == _LIMITS:
        emit("\n".join(_limits(width(), MEANINGS)) + "\n")
        return 0
    found = next((one for one in RULES if one.id == rule), None)
    limit = rule.removeprefix("limit-")
    bounds = list(_limits(width(), [limit])) if limit in MEANINGS else []
    if found is None and bounds:
        emit("\n".join(bounds) + "\n")
        return 0
    if found is None:
        near = difflib.get_close_matches(rule, [_LIMITS, *(one.id for one in RULES)], 3, 0.3)
        raise UsageError(
            f"no rule {rule!r}", hint=f"nearest: {', '.join(near)}" if near else "`ociarchive rules` lists all"
        )
    told = [f"{found.id} ({found.severity})", found.summary, "", found.advice, "", f"Source: {found.spec}"]
    lines = [line for text in told for line in wrapped(text, width(), "")]
    emit("\n".join([*lines, "", *bounds] if bounds else lines) + "\n")
    return 0


def _limits(columns: int, names: Iterable[str]) -> Iterator[str]:
    """Give limits with their defaults, what they bound, and the options that lift them."""
    default = Limits()
    values = {name: getattr(default, NAMES[name]) for name in names}
    told = {name: size(value) if name in SIZES else f"{value:,}" for name, value in values.items()}
    beside = max(map(len, told)) + max(map(len, told.values())) + 4
    cells = [[name, value, "\n".join(_meaning(name, columns - beside))] for name, value in told.items()]
    aligned = tabulate(cells, tablefmt="plain", disable_numparse=True, colalign=("left", "right", "left"))
    yield from (line.rstrip() for line in aligned.splitlines())
    yield ""
    how = "--limit NAME=N sets one for a call; sizes may be written as 64MiB or 10GiB. --max-ratio and"
    yield from wrapped(f"{how} --max-layer-size stand for ratio and layer-size.", columns, "")


def _meaning(name: str, columns: int) -> list[str]:
    return wrapped(MEANINGS[name], columns, "")


def _list(columns: int) -> Iterator[str]:
    """Give a line for each rule. On a narrow terminal its summary has a line of its own."""
    margin = max(len(one.severity) for one in RULES) + 2
    beside = margin + max(len(one.id) for one in RULES) + 2
    if columns - beside < _SUMMARY:
        for one in RULES:
            yield f"{one.severity:{margin}}{one.id}"
            yield from placed(wrapped(one.summary, columns - margin, ""), margin, columns)
        return
    cells = [[one.severity, one.id, "\n".join(wrapped(one.summary, columns - beside, ""))] for one in RULES]
    yield from (line.rstrip() for line in tabulate(cells, tablefmt="plain", disable_numparse=True).splitlines())
