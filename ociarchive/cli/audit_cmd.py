"""`ociarchive audit`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from ociarchive.audit import Finding, Report, audit_archive
from ociarchive.cli.common import (
    common,
    common_options,
    emit,
    jobs,
    limit_options,
    limits,
    output_options,
    source,
    width,
)  # fmt: skip
from ociarchive.errors import ContentError, HostError, OciArchiveError, UsageError
from ociarchive.formats import NotAnArchiveError, open_archive
from ociarchive.report.audit_table import audit_table, failed
from ociarchive.report.jsonout import audit_json
from ociarchive.report.text import safe
from ociarchive.transform.select import matching
from ociarchive.workers import Workers

if TYPE_CHECKING:
    from ociarchive.bytes.limits import Limits
    from ociarchive.model import Archive
    from ociarchive.transform.gather import Source

_EXAMPLES = """\b
Examples:
  ociarchive audit app.tar
  ociarchive audit incoming/*.tar --format json --output report.json
  ociarchive audit app-layout --strict
"""


@click.command("audit", epilog=_EXAMPLES, short_help="Prove that archives are what they say they are.")
@click.argument("paths", nargs=-1, metavar="SOURCE...")
@click.option("--strict", is_flag=True, help="Let warnings fail too.")
@click.option("--jobs", "asked_jobs", type=click.IntRange(min=1, max=256), metavar="N", help="Worker threads.")
@output_options("table", "json")
@limit_options
@common_options
def command(**values: Any) -> int:
    """Read every blob of archives, hold it against every claim made of it, and report what does not agree.

    Status 0: no error was found. 1: some was (with --strict also a warning).
    """
    shared = common(**values)
    if not values["paths"]:
        raise UsageError("audit takes at least one SOURCE", hint="see `ociarchive audit --help`")
    allowed = limits(values["max_ratio"], values["max_layer_size"])
    started = time.monotonic()
    reports: list[Report] = []
    archives: list[Archive] = []
    statuses = [0]
    workers = Workers(jobs(values["asked_jobs"]))
    try:
        for path in values["paths"]:
            try:
                reports.append(_audit(source(path), allowed, workers, archives))
            except (UsageError, HostError) as error:
                statuses.append(error.status)
                click.echo(f"error: {safe(str(error))}", err=True)
        if values["fmt"] == "json":
            text = audit_json(reports)
        else:
            text = audit_table(
                reports, width=width(), whole=shared.verbose > 0, seconds=time.monotonic() - started,
                paint=shared.painter(values["output"]), strict=values["strict"],
            )  # fmt: skip
        if reports:
            emit(text, values["output"])
    finally:
        workers.close()
        for archive in archives:
            archive.close()
    statuses.extend(int(failed(report, strict=values["strict"])) for report in reports)
    return max(statuses)


def _audit(one: Source, allowed: Limits, workers: Workers, archives: list[Archive]) -> Report:
    try:
        archive = open_archive(one.path, limits=allowed)
    except (UsageError, HostError):
        raise
    except OciArchiveError as error:
        return _unreadable(one.path, error)
    archives.append(archive)
    report = audit_archive(archive, limits=allowed, workers=workers)
    findings = list(report.findings)
    for selector in one.images:
        findings.extend(_expected(archive, selector))
    return Report(
        source=report.source, evidence=report.evidence, findings=tuple(findings), blobs=report.blobs, bytes=report.bytes
    )


def _expected(archive: Archive, selector: str) -> list[Finding]:
    """Return the finding that something that was asked for by its digest is not there."""
    try:
        matching(archive.roots, selector, archive.where)
    except UsageError as error:
        if not selector.startswith(("sha256:", "sha512:")):
            raise
        return [
            Finding(
                rule="expected-digest-missing",
                severity="error",
                message="the archive holds nothing of this digest",
                location=archive.where,
                subject=selector,
                expected=selector,
                found=error.hint,
            )
        ]
    return []


def _unreadable(path: str, error: OciArchiveError) -> Report:
    rule = "not-an-archive" if isinstance(error, NotAnArchiveError | ContentError) else "schema"
    finding = Finding(
        rule=rule, severity="error", message=error.what, location=error.where or path, subject=path,
        expected=error.expected, found=error.found,
    )  # fmt: skip
    return Report(source=path, evidence=None, findings=(finding,))
