"""`ociarchive doctor`."""

from __future__ import annotations

from typing import Any

import click

from ociarchive.cli.common import common, common_options, output, output_options, width
from ociarchive.machine import look
from ociarchive.report.shared.doctor import doctor_json, doctor_table
from ociarchive.report.shared.surroundings import current_folder

_EXAMPLES = """\b
Examples:
  ociarchive doctor
  ociarchive doctor --format json --output doctor.json
"""
_UNFIT = 3


@click.command("doctor", epilog=_EXAMPLES, short_help="Show what this machine offers.")
@output_options("table", "json")
@common_options
def command(**values: Any) -> int:
    """Show what this machine offers: Python, codecs that were tried, libmagic, extras, processors, limits, space.

    Add it when you report a fault: it holds paths, and no names of archives. Status 3: a codec does not work.
    """
    shared = common(**values)
    result = output(values, shared)
    result.require()
    machine = look(current_folder())
    result.write(doctor_json(machine) if values["fmt"] == "json" else doctor_table(machine, width=width()))
    shared.wrote("fit" if machine.fit else "a codec does not work", values["output"], values["fmt"])
    return 0 if machine.fit else _UNFIT
