"""`ociarchive catalogue`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ociarchive.catalogue.answers import Catalogue
from ociarchive.cli.common import common, common_options, once_option, output, output_options, width
from ociarchive.errors import plural
from ociarchive.report.catalogue.catalogue_table import catalogue_table
from ociarchive.report.catalogue.listed import catalogue_csv, catalogue_html, catalogue_json
from ociarchive.values import Reference

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ociarchive.catalogue.answers import Entry, Summary
    from ociarchive.cli.common import Common

_EXAMPLES = """\b
Examples:
  ociarchive catalogue audits.db
  ociarchive catalogue audits.db --failed --format csv --output failed.csv
  ociarchive catalogue audits.db --holds docker.io/library/app:1.0
"""


@click.command("catalogue", epilog=_EXAMPLES, short_help="Ask a catalogue of audits: what failed, what holds an image.")
@click.argument("path", type=click.Path(), metavar="FILE")
@click.option("--failed", is_flag=True, help="List the archives that failed.")
@once_option(
    "--holds",
    metavar="DIGEST|REF",
    help="List the archives that hold this image, manifest, blob, diff_id or name.",
)
@output_options("table", "json", "csv", "html")
@common_options
def command(**values: Any) -> int:
    """Print how many archives of a catalogue passed and failed, and why.

    FILE is what `audit --catalogue` wrote. It is only read: no archive is opened. Status 0 whatever the verdicts in it
    are. 1: with --holds, no archive holds that.
    """
    shared = common(**values)
    result = output(values, shared)
    path = values["path"]
    result.apart_from([path, f"{path}-wal", f"{path}-shm"])
    result.require()
    with Catalogue(path) as catalogue:
        summary = catalogue.summary()
        counted = _Counted(catalogue.archives(failed=values["failed"], holds=values["holds"]))
        listed = values["failed"] or values["holds"] is not None
        result.write(
            _text(values, summary, counted, shared, listed=listed),
            styled=values["fmt"] == "table" and shared.colours(values["output"]),
            exact=values["fmt"] != "table",
        )
        if values["holds"] is not None:
            for _ in counted:  # a reader that has enough changes nothing of the status
                pass
        told = f"{plural(summary.passed + summary.failed, 'archive')} in the catalogue"
        shared.wrote(told, values["output"], values["fmt"])
    return int(values["holds"] is not None and not counted.count)


class _Counted:
    """Entries that are counted as they are taken."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries = iter(entries)
        self.count = 0

    def __iter__(self) -> Iterator[Entry]:
        for entry in self._entries:
            self.count += 1
            yield entry


def _text(
    values: dict[str, Any], summary: Summary, entries: Iterable[Entry], shared: Common, *, listed: bool
) -> Iterator[str]:
    if values["fmt"] == "json":
        return catalogue_json(values["path"], summary, entries)
    if values["fmt"] == "csv":
        return catalogue_csv(entries)
    if values["fmt"] == "html":
        return catalogue_html(values["path"], summary, entries)
    paint = shared.painter(values["output"])
    held, which = values["holds"], "that failed" if values["failed"] else "in the catalogue"
    none = f"no archive {which} holds {held}{_latest(held)}" if held is not None else None
    return catalogue_table(summary, entries if listed else None, width=width(), paint=paint, none=none)


def _latest(held: str) -> str:
    """Return what is said behind a name without a tag, which engines give one; nothing behind any other text."""
    name = Reference.maybe(held)
    if name is None or name.tag != "latest" or held.endswith(":latest"):
        return ""
    return ", for a name without a tag means :latest"
