"""`ociarchive audit`."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import sys
import time
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import click

from ociarchive.audit import Finding, Policy, Report, audit_archive
from ociarchive.audit.settings import Asked, find, policy
from ociarchive.cli.common import (
    common,
    common_options,
    emit,
    jobs,
    limit_options,
    limits,
    output_options,
    source,
    versions,
    width,
)
from ociarchive.errors import HostError, OciArchiveError, UsageError
from ociarchive.formats import open_archive
from ociarchive.report.audit_table import audit_table
from ociarchive.report.run import Run
from ociarchive.report.text import safe
from ociarchive.transform.select import matching
from ociarchive.values import REGISTERED, Digest
from ociarchive.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.bytes.limits import Limits
    from ociarchive.model import Archive
    from ociarchive.transform.gather import Source

_EXAMPLES = """\b
Examples:
  ociarchive audit app.tar
  ociarchive audit incoming/*.tar --format json --output report.json
  ociarchive audit app-layout --strict --ignore blob-unreferenced
"""
#: Reports by format; each module has one function `render(reports, run)`.
_REPORTS: Final = {
    "json": "ociarchive.report.jsonout",
    "sarif": "ociarchive.report.sarif",
    "junit": "ociarchive.report.junit",
    "codequality": "ociarchive.report.codequality",
    "html": "ociarchive.report.html",
}


@click.command("audit", epilog=_EXAMPLES, short_help="Prove that archives are what they say they are.")
@click.argument("paths", nargs=-1, metavar="SOURCE...")
@click.option("--image", "images", multiple=True, metavar="REF", help="Demand that the archive holds this.")
@click.option("--recursive", is_flag=True, help="Audit what lies in folders of archives too.")
@click.option("--strict", is_flag=True, help="Let warnings fail too.")
@click.option("--ignore", multiple=True, metavar="RULE", help="Leave a rule out; reports tell.")
@click.option("--only", multiple=True, metavar="RULE", help="Apply only these rules; reports tell.")
@click.option("--severity", multiple=True, metavar="RULE=LEVEL", help="Count a rule as error, warning or note.")
@click.option("--config", type=click.Path(), metavar="FILE", help="Settings (default: found upward).")
@click.option("--no-config", is_flag=True, help="Take no settings from a file.")
@click.option("--receipt", type=click.Path(), metavar="FILE", help="Check that a conversion's receipt still holds.")
@click.option("--jobs", "asked_jobs", type=click.IntRange(min=1, max=256), metavar="N", help="Worker threads.")
@output_options("table", *_REPORTS)
@limit_options
@common_options
def command(**values: Any) -> int:
    """Read every blob of archives, hold it against every claim made of it, and report what does not agree.

    SOURCE#sha256:... also demands that the archive holds what has this digest. Status 0: no error was found.
    1: some was (with --strict also a warning).
    """
    shared = common(**values)
    if not values["paths"]:
        raise UsageError("audit takes at least one SOURCE", hint="see `ociarchive audit --help`")
    asked = Asked(ignore=values["ignore"], only=values["only"], severity=values["severity"], strict=values["strict"])
    path = None if values["no_config"] else values["config"] or find(os.getcwd())
    rules = policy(asked, path)
    allowed = limits(values)
    started = time.monotonic()
    reports: list[Report] = []
    archives: list[Archive] = []
    statuses = [0]
    workers = Workers(jobs(values["asked_jobs"]))
    try:
        for argument in values["paths"]:
            try:
                found = _sources(argument, recursive=values["recursive"])
                reports.extend(_audit(one, values["images"], allowed, rules, workers, archives) for one in found)
            except (UsageError, HostError) as error:
                statuses.append(error.status)
                click.echo(f"error: {safe(str(error))}", err=True)
        if values["receipt"]:
            reports = _with_receipt(values["receipt"], reports)
        seconds = time.monotonic() - started
        if values["fmt"] == "table":
            painter = shared.painter(values["output"])
            text = audit_table(reports, width=width(), whole=shared.verbose > 0, seconds=seconds, paint=painter)
        else:
            text = import_module(_REPORTS[values["fmt"]]).render(reports, _run(reports, seconds, allowed, values))
        if reports:
            emit(text, values["output"])
    finally:
        workers.close()
        for archive in archives:
            archive.close()
    statuses.extend(int(report.failed) for report in reports)
    return max(statuses)


def _sources(argument: str, *, recursive: bool) -> Iterator[Source]:
    one = source(argument)
    if not recursive or one.images or not os.path.isdir(one.path):
        yield one
        return
    from ociarchive.formats import archives_below

    for path in archives_below(one.path):
        yield source(path)


def _audit(
    one: Source, demanded: tuple[str, ...], allowed: Limits, rules: Policy, workers: Workers, archives: list[Archive]
) -> Report:
    try:
        archive = open_archive(one.path, limits=allowed)
    except (UsageError, HostError):
        raise
    except OciArchiveError as error:
        return _unreadable(one.path, error, rules)
    archives.append(archive)
    expected = [finding for selector in (*one.images, *demanded) for finding in _expected(archive, selector)]
    report = audit_archive(archive, limits=allowed, workers=workers, policy=rules)
    return report.adding(expected) if expected else report


def _expected(archive: Archive, selector: str) -> list[Finding]:
    """Return the finding that something that was asked for by its digest is not there."""
    digest = Digest.maybe(selector)
    if selector.startswith(tuple(f"{name}:" for name in REGISTERED)) and digest is None:
        raise UsageError(f"{selector!r} is no digest", where=archive.where)
    try:
        matching(archive.roots, selector, archive.where)
    except UsageError as error:
        if digest is None or digest.algorithm not in REGISTERED:
            raise
        there = (error.hint or "").removeprefix("there is ")
        return [
            Finding(
                rule="expected-digest-missing",
                severity="error",
                message="the archive holds nothing of this digest",
                location=archive.where,
                subject=selector,
                expected=selector,
                found=there or None,
            )
        ]
    return []


def _unreadable(path: str, error: OciArchiveError, rules: Policy) -> Report:
    finding = Finding(
        rule="not-an-archive",
        severity="error",
        message=error.what,
        location=error.where or path,
        subject=path,
        expected=error.expected,
        found=error.found,
    )
    kept, waived = rules.apply([finding])
    return Report(source=path, evidence=None, findings=kept, waived=waived, policy=rules)


def _with_receipt(path: str, reports: list[Report]) -> list[Report]:
    from ociarchive.report.receipt import check_receipt, load_receipt

    receipt = load_receipt(path)
    return [report.adding(check_receipt(receipt, report, path)) for report in reports]


def _run(reports: list[Report], seconds: float, allowed: Limits, values: dict[str, Any]) -> Run:
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    stamp = int(epoch) if epoch.isdigit() else int(time.time())
    files = [report.source for report in reports if os.path.isfile(report.source)]
    return Run(
        command=("ociarchive", *sys.argv[1:]),
        time=dt.datetime.fromtimestamp(stamp, dt.UTC),
        seconds=0.0 if epoch.isdigit() else seconds,
        limits=allowed,
        sha256={path: _sha256(path) for path in files} if values["fmt"] == "html" else {},
        sizes={path: os.path.getsize(path) for path in files},
        versions=versions(),
        receipt=values["receipt"],
    )


def _sha256(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
