"""`ociarchive rules`."""

from __future__ import annotations

import difflib
from typing import Any

import click
from tabulate import tabulate

from ociarchive.auditing import RULES
from ociarchive.cli.common import common_options, emit
from ociarchive.cli.completing import among, rule_names
from ociarchive.errors import UsageError

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
        rows = [[one.severity, one.id, one.summary] for one in RULES]
        emit(tabulate(rows, tablefmt="plain", disable_numparse=True) + "\n", None)
        return 0
    found = next((one for one in RULES if one.id == rule), None)
    if found is None:
        near = difflib.get_close_matches(rule, [one.id for one in RULES], 3, 0.3)
        raise UsageError(
            f"no rule {rule!r}", hint=f"nearest: {', '.join(near)}" if near else "`ociarchive rules` lists all"
        )
    emit(f"{found.id} ({found.severity})\n{found.summary}\n\n{found.advice}\n\nSource: {found.spec}\n", None)
    return 0
