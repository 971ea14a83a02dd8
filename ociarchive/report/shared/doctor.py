"""What `ociarchive doctor` found, as a table and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from tabulate import tabulate

from ociarchive.errors import plural
from ociarchive.report.shared.text import size, wrapped
from ociarchive.version import VERSION

if TYPE_CHECKING:
    from ociarchive.machine import Machine, Space, Tried

#: What is missing where an extra is.
_WITHOUT: Final = {
    "verify": "no key or certificate is checked, and no statement signed",
    "dask": "no cluster is used",
    "s3": "no object storage is read",
}


def doctor_json(machine: Machine) -> str:
    """Return all of it as the JSON that `doctor.schema.json` describes."""
    value = {
        "schema_version": 1,
        "tool": {"name": "ociarchive", "version": VERSION},
        "fit": machine.fit,
        **asdict(machine),
    }
    return json.dumps(value, indent=2, ensure_ascii=True) + "\n"


def doctor_table(machine: Machine, *, width: int) -> str:
    """Return all of it for people: a line for each thing, and a verdict. `width` is in columns."""
    rows = [
        ["ociarchive", f"{VERSION} in {machine.package}"],
        ["python", f"{machine.python}, {machine.executable}"],
        ["system", ", ".join(filter(None, (machine.system, machine.libc)))],
        ["processors", _processors(machine)],
        ["memory", f"{size(machine.memory)}, {size(machine.memory_available)} available"],
        ["limits", _limits(machine)],
        *([f"{one.name}", _codec(one)] for one in machine.codecs),
        *([name, library or "not here (an extra)"] for name, library in machine.digests.items()),
        ["libmagic", machine.libmagic or "not here: what is no archive is named by a short table of our own"],
        *([name, told or f"not here (an extra): {_WITHOUT[name]}"] for name, told in machine.extras.items()),
        ["gpgv", machine.gpgv or "not here: no signature by GPG is checked"],
        *(["space", _space(one)] for one in machine.spaces),
    ]
    margin = max(len(name) for name, _ in rows) + 2
    cells = [[name, "\n".join(wrapped(text, width - margin, "  "))] for name, text in rows]
    table = tabulate(cells, tablefmt="plain", disable_numparse=True, preserve_whitespace=True)
    lines = [line.rstrip() for line in table.splitlines()]
    return "\n".join([*lines, "", *wrapped(_verdict(machine), width, "  ")]) + "\n"


def _processors(machine: Machine) -> str:
    usable = f"{machine.processors_usable} of {machine.processors} usable"
    return f"{usable}, {plural(machine.workers, 'worker')} without --jobs"


def _limits(machine: Machine) -> str:
    files = "no limit of open files" if machine.open_files is None else plural(machine.open_files, "open file")
    space = "no limit of" if machine.address_space is None else size(machine.address_space)
    length = "of any size" if machine.file_size is None else f"up to {size(machine.file_size)}"
    return f"{files}, {space} address space, files {length}"


def _codec(one: Tried) -> str:
    if one.fault is not None:
        return f"FAULT {one.fault}"
    if one.writes is None:
        return f"ok, read by {one.reads}; not written"
    return f"ok, {one.reads}" if one.reads == one.writes else f"ok, read by {one.reads}, written by {one.writes}"


def _space(one: Space) -> str:
    if one.fault is not None:
        return f"FAULT {one.fault} ({one.path})"
    state = "" if one.writable else ", not writable"
    return f"{size(one.free)} free of {size(one.total)}{state} ({one.path})"


def _verdict(machine: Machine) -> str:
    if machine.fit:
        return "OK  every codec gave back what it took"
    return f"FAULT  {', '.join(one.name for one in machine.codecs if one.fault)}: archives that need it cannot be read"
