"""`ociarchive doctor`."""

from __future__ import annotations

import os
from typing import Any

import click

from ociarchive.cli.common import common_options, emit, output_options, width
from ociarchive.machine import look
from ociarchive.report.doctor import doctor_json, doctor_table

_EXAMPLES = """\b
Examples:
  ociarchive doctor
  ociarchive doctor --format json --output doctor.json
"""
_UNFIT = 3


@click.command("doctor", epilog=_EXAMPLES, short_help="Show what this machine offers.")
@output_options("table", "json")
@common_options
def command(fmt: str, output: str | None, **_: Any) -> int:
    """Show what this machine offers: Python, codecs that were tried, libmagic, processors, limits, space.

    Made to be put into a report of a fault; it holds paths and no names of archives. Status 3: a codec does not work.
    """
    machine = look(os.getcwd())
    text = doctor_json(machine) if fmt == "json" else doctor_table(machine, width=width())
    emit(text, output)
    return 0 if machine.fit else _UNFIT
