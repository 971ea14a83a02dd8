"""`ociarchive diff`."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from ociarchive.auditing.run import Run
from ociarchive.cli.bounding import limit_options, limits
from ociarchive.cli.common import (
    Each,
    access,
    access_options,
    common,
    common_options,
    files_option,
    host,
    host_option,
    output,
    output_options,
    platform,
    source,
    width,
)
from ociarchive.cli.counts import jobs, jobs_option
from ociarchive.cli.progress import progress
from ociarchive.comparison import ASPECTS, Options, difference
from ociarchive.late import Late
from ociarchive.report.comparison.diff_json import diff_json
from ociarchive.report.comparison.diff_table import diff_table
from ociarchive.report.comparison.diff_words import word
from ociarchive.report.shared.surroundings import current_folder, now, sha256_of
from ociarchive.report.shared.text import safe

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable

    from ociarchive.blobio.limits import Limits
    from ociarchive.comparison import Difference
    from ociarchive.report.shared import versions

else:
    versions = Late("ociarchive.report.shared.versions")

_EXAMPLES = """\b
Examples:
  ociarchive diff app.tar app-layout
  ociarchive diff yesterday.tar#app:1.0 today.tar#app:1.1 --files
  ociarchive diff staging.tar production --format html --output diff.html
"""


@click.command("diff", epilog=_EXAMPLES, short_help="Compare two archives: the same images, or what differs.")
@click.argument("old", metavar="A")
@click.argument("new", metavar="B")
@click.option(
    "--image", "images", multiple=True, metavar="REF", help="Only these images, in both archives (repeatable)."
)
@click.option(
    "--platform", "platforms", multiple=True, metavar="OS/ARCH[/VARIANT]", help="Only these platforms (repeatable)."
)
@click.option("--files", is_flag=True, help="List the paths that differ, layer by layer.")
@click.option(
    "--ignore", multiple=True, type=Each(ASPECTS), help="Show these differences, but do not count them (repeatable)."
)
@host_option
@files_option("--base", metavar="SOURCE", help="Take what a delta leaves out from this SOURCE (repeatable).")
@jobs_option
@output_options("table", "json", "html")
@limit_options
@access_options
@common_options
def command(**values: Any) -> int:
    """Report whether two archives hold the same images, however packed, and what differs.

    Both are read to their end: images are the same if they have one image ID and layers that unpack to the same. How
    layers are compressed, manifests and their digests are packing and do not count. Status 0: no difference. 1: there
    is one, or an archive is damaged.
    """
    shared = common(**values)
    old, new = source(values["old"]), source(values["new"])
    result = output(values, shared)
    base = [source(path) for path in values["base"]]
    result.apart_from([one.path for one in (old, new, *base)])
    result.require()
    at = now() if values["fmt"] == "html" else None
    options = Options(
        old=replace(old, images=(*old.images, *values["images"])),
        new=replace(new, images=(*new.images, *values["images"])),
        platforms=tuple(platform(text) for text in values["platforms"]),
        ignore=frozenset(values["ignore"]),
        base=tuple(base),
        files=values["files"],
        host=host(values),
        jobs=jobs(values["asked_jobs"]),
        limits=limits(values),
        access=access(values),
    )
    with progress(shared) as hears:
        found = difference(options, hears, lambda text: shared.notice(safe(text)))
    text: str | Iterable[str]
    if values["fmt"] == "json":
        text = diff_json(found)
    elif at is not None:
        from ociarchive.report.comparison.diff_html import diff_html

        text = diff_html(found, _run(found, options.limits, at.time))
    else:
        painter = shared.painter(values["output"])
        text = diff_table(found, width=width(), whole=shared.verbose > 0, paint=painter)
    result.write(text, styled=values["fmt"] == "table" and shared.colours(values["output"]))
    shared.wrote(word(found), values["output"], values["fmt"])
    return int(not found.same)


def _run(found: Difference, allowed: Limits, at: dt.datetime) -> Run:
    files = [side.source for side in (found.old, found.new) if os.path.isfile(side.source)]
    return Run(
        command=("ociarchive", *sys.argv[1:]),
        time=at,
        seconds=0.0,
        limits=allowed,
        sha256={path: sha256_of(path) for path in files},
        sizes={path: os.path.getsize(path) for path in files},
        versions=versions.versions(),
        folder=current_folder(),
    )
