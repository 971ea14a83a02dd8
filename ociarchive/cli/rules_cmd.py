"""`ociarchive rules`."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, Final

import click
from tabulate import tabulate

from ociarchive.auditing import RULES
from ociarchive.cli.common import common_options, width
from ociarchive.cli.completing import among, rule_names
from ociarchive.cli.output import emit
from ociarchive.errors import UsageError
from ociarchive.report.shared.text import placed, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterator

#: A summary stands beside its rule where it has so many columns.
_SUMMARY: Final = 48

_EXAMPLES = """\b
Examples:
  ociarchive rules
  ociarchive rules diff-id-mismatch
"""


@click.command("rules", epilog=_EXAMPLES, short_help="Explain the audit's rules.")
@click.argument("rule", required=False, shell_complete=among(rule_names))
@common_options
def command(rule: str | None, **_: Any) -> int:
    """List the audit's rules, or say of one what is wrong, by which clause, and what to do."""
    if rule is None:
        emit("\n".join(_list(width())) + "\n")
        return 0
    found = next((one for one in RULES if one.id == rule), None)
    if found is None:
        near = difflib.get_close_matches(rule, [one.id for one in RULES], 3, 0.3)
        raise UsageError(
            f"no rule {rule!r}", hint=f"nearest: {', '.join(near)}" if near else "`ociarchive rules` lists all"
        )
    told = [f"{found.id} ({found.severity})", found.summary, "", found.advice, "", f"Source: {found.spec}"]
    emit("\n".join(line for text in told for line in wrapped(text, width(), "")) + "\n")
    return 0


def _list(columns: int) -> Iterator[str]:
    """Give a line for each rule; where the terminal is too narrow for that, its summary stands below."""
    margin = max(len(one.severity) for one in RULES) + 2
    beside = margin + max(len(one.id) for one in RULES) + 2
    if columns - beside < _SUMMARY:
        for one in RULES:
            yield f"{one.severity:{margin}}{one.id}"
            yield from placed(wrapped(one.summary, columns - margin, ""), margin, columns)
        return
    cells = [[one.severity, one.id, "\n".join(wrapped(one.summary, columns - beside, ""))] for one in RULES]
    yield from (line.rstrip() for line in tabulate(cells, tablefmt="plain", disable_numparse=True).splitlines())
