"""`ociarchive inventory`."""

from __future__ import annotations

import json
from typing import Any

import click

from ociarchive.cli.bounding import limit_options, limits
from ociarchive.cli.common import (
    access,
    access_options,
    common,
    common_options,
    file_option,
    host,
    host_option,
    source,
)
from ociarchive.cli.counts import jobs, jobs_option
from ociarchive.cli.output import Output
from ociarchive.cli.progress import progress
from ociarchive.errors import UsageError, plural
from ociarchive.inventories import inventory_of
from ociarchive.report.shared.text import images_said

_EXAMPLES = """\b
Examples:
  ociarchive inventory app-layout --output have.json
  ociarchive inventory images/*.tar --verify --output have.json
"""


@click.command("inventory", epilog=_EXAMPLES, short_help="List what is here, so that the other side need not send it.")
@click.argument("paths", nargs=-1, metavar="SOURCE...")
@click.option("--verify", is_flag=True, help="Read every blob, and list only what was proved.")
@jobs_option
@click.option("--force", is_flag=True, help="Let FILE be replaced, if it is no inventory of ociarchive.")
@file_option("--output", metavar="FILE", help="Write the inventory to FILE.")
@host_option
@access_options
@limit_options
@common_options
def command(**values: Any) -> int:
    """List the images and blobs of archives (JSON), so that the other side need not send them.

    `convert --have FILE` leaves out what FILE lists. Without --verify it lists what the archives claim. Status 1: with
    --verify something is at fault; it is not listed.
    """
    shared = common(**values)
    if not values["paths"]:
        raise UsageError("inventory takes at least one SOURCE", hint="see `ociarchive inventory --help`")
    sources = [source(path) for path in values["paths"]]
    result = Output(values["output"], "inventory", force=values["force"], say=shared.notice)
    result.apart_from(one.path for one in sources)
    result.require()
    with progress(shared) as hears:
        found = inventory_of(
            sources,
            limits(values),
            verify=values["verify"],
            jobs=jobs(values["asked_jobs"]),
            progress=hears if values["verify"] else None,
            host=host(values),
            access=access(values),
        )
    result.write(json.dumps(found.facts, indent=2, ensure_ascii=True) + "\n")
    for finding in found.findings:
        shared.found(str(finding))
    images, blobs = found.facts["images"], found.facts["blobs"]
    packed = {(one["image_id"], one["platform"], one["manifest"]) for one in images}
    told = images_said(len({which[:2] for which in packed}), len(packed))
    told += f", {plural(len(blobs), 'blob')}, {'proved' if values['verify'] else 'as claimed, not verified'}"
    shared.wrote(told, values["output"], "json")
    return int(bool(found.findings))
