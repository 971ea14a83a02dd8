"""`ociarchive inspect`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from ociarchive.auditing.evidence import Evidence, sniffed
from ociarchive.cli.common import (
    ascii_only,
    common,
    common_options,
    jobs,
    limit_options,
    limits,
    output,
    output_options,
    say_written,
    source,
    width,
)  # fmt: skip
from ociarchive.errors import ContentError
from ociarchive.opening import open_archive
from ociarchive.report.audit.audit_json import inspect_json
from ociarchive.report.audit.audit_table import first_of_each, outcome, verdict
from ociarchive.report.shared.text import plural, safe
from ociarchive.report.shared.tree import Tree
from ociarchive.selection.select import Selectors, nothing_in, select

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.auditing import Report
    from ociarchive.cli.common import Common

_EXAMPLES = """\b
Examples:
  ociarchive inspect app.tar
  ociarchive inspect app-layout#app:1.0 --format json
  ociarchive inspect app.tar --verify
"""


@click.command("inspect", epilog=_EXAMPLES, short_help="Show what is inside: images, platforms, layers, sizes, ids.")
@click.argument("path", metavar="SOURCE")
@click.option("--image", "images", multiple=True, metavar="REF", help="Only these images.")
@click.option("--verify", is_flag=True, help="Read all layers and check every claim.")
@output_options("table", "json")
@limit_options
@common_options
def command(**values: Any) -> int:
    """Show what an archive holds: images, platforms, layers, sizes and ids. No layer is read without --verify.

    Status 1: with --verify, a claim that does not hold; else a document that cannot be read.
    """
    shared = common(**values)
    one = source(values["path"])
    result = output(values, shared)
    result.apart_from([one.path])
    result.require()
    allowed = limits(values)
    archive = open_archive(one.path, limits=allowed)
    try:
        flaws = archive.noticed
        if not archive.roots:
            raise nothing_in(archive)
        report = None
        if values["verify"]:
            from ociarchive.auditing import audit_archive
            from ociarchive.workers import Workers

            workers = Workers(jobs(None))
            try:
                report = audit_archive(archive, limits=allowed, workers=workers)
            finally:
                workers.close()
        images = (*one.images, *values["images"])
        if images:
            roots = select(archive.roots, Selectors(images=images), archive.where).roots
            archive = replace(archive, roots=roots)
        known = report.evidence if report is not None else None
        evidence = Evidence(archive, known.facts) if known is not None else sniffed(archive)
        text: str | Iterator[str]
        if values["fmt"] == "json":
            text = inspect_json(archive, evidence, report)
        else:
            tree = Tree(archive, evidence, width=width(), whole=shared.verbose > 0, ascii_only=ascii_only())
            text = tree.text()
            if report is not None:
                text += "\n".join(["", *verdict([report], width=width())]) + "\n"
        result.write(text)
        say_written(values, shared, outcome([report]) if report is not None else "read, not verified")
        if report is None:
            for flaw in flaws:
                shared.say(f"notice: {safe(flaw.message)} ({safe(flaw.where)})")
            return 0
        _say(report, shared)
        errors = report.count("error")
        if errors:
            raise ContentError(f"the archive fails its verification: {plural(errors, 'error')} found", where=one.path)
        return 0
    finally:
        archive.close()


def _say(report: Report, shared: Common) -> None:
    """Say on stderr what the audit found, of many findings of a rule the first few."""
    for shown, more in first_of_each(report.findings, whole=shared.verbose > 0):
        for finding in shown:
            shared.say(f"finding: {finding.severity}: {safe(finding.message)} ({safe(finding.location)})")
        if more:
            shared.say(f"finding: {shown[0].severity}: {more}: -v shows all ({safe(report.source)})")
