"""`ociarchive audit`."""

from __future__ import annotations

import os
import sys
import time
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import click

from ociarchive.auditing import Finding, Policy, Report, audit_archives
from ociarchive.auditing.factstore import Remembered
from ociarchive.auditing.rules import RULE_IDS
from ociarchive.auditing.run import Run
from ociarchive.auditing.settings import Asked, find, policy
from ociarchive.blobio.beside import OverwriteError
from ociarchive.blobio.limits import LimitError
from ociarchive.cli.common import (
    common,
    common_options,
    jobs,
    limit_options,
    limits,
    output,
    output_options,
    say_written,
    source,
    versions,
    width,
)
from ociarchive.cli.completing import among, rule_names
from ociarchive.cli.progress import progress
from ociarchive.errors import HostError, OciArchiveError, UsageError
from ociarchive.opening import NotAnArchiveError, open_archive
from ociarchive.opening.folders import archives_below, is_text
from ociarchive.report.audit.audit_table import audit_table, outcome
from ociarchive.report.conversion.receipt import check_receipt, load_receipt
from ociarchive.report.rendering import REPORTS
from ociarchive.report.shared.surroundings import current_folder, now, sha256_of
from ociarchive.report.shared.text import safe
from ociarchive.selection.argument import Source
from ociarchive.selection.select import matching
from ociarchive.values import REGISTERED, Digest
from ociarchive.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.blobio.limits import Limits
    from ociarchive.cli.common import Common
    from ociarchive.cli.output import Output
    from ociarchive.measure import Progress
    from ociarchive.model import Archive
    from ociarchive.report.shared.surroundings import Now

_EXAMPLES = """\b
Examples:
  ociarchive audit app.tar
  ociarchive audit incoming/*.tar --format json --output report.json
  ociarchive audit app-layout --strict --ignore blob-unreferenced
"""
#: Archives that are read side by side; each holds a file open, of which a process may have only 64.
_TOGETHER: Final = 8


@click.command("audit", epilog=_EXAMPLES, short_help="Prove that archives are what they say they are.")
@click.argument("paths", nargs=-1, metavar="SOURCE...")
@click.option("--image", "images", multiple=True, metavar="REF", help="Demand that the archive holds this.")
@click.option("--recursive", is_flag=True, help="Audit what lies in folders of archives too.")
@click.option("--strict", is_flag=True, help="Let warnings fail too.")
@click.option(
    "--ignore", multiple=True, metavar="RULE", shell_complete=among(rule_names), help="Leave a rule out; reports tell."
)
@click.option(
    "--only",
    multiple=True,
    metavar="RULE",
    shell_complete=among(rule_names),
    help="Apply only these rules; reports tell.",
)
@click.option("--severity", multiple=True, metavar="RULE=LEVEL", help="Count a rule as error, warning or note.")
@click.option(
    "--config",
    type=click.Path(),
    metavar="FILE",
    help="Settings (default: the nearest ociarchive.toml, or [tool.ociarchive] of a pyproject.toml, here or above).",
)
@click.option("--no-config", is_flag=True, help="Take no settings from a file.")
@click.option("--receipt", type=click.Path(), metavar="FILE", help="Check that a conversion's receipt still holds.")
@click.option("--jobs", "asked_jobs", type=click.IntRange(min=1, max=256), metavar="N", help="Worker threads.")
@output_options("table", *REPORTS)
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
    result = output(values, shared)
    at = now() if values["fmt"] != "table" else None
    asked = Asked(ignore=values["ignore"], only=values["only"], severity=values["severity"], strict=values["strict"])
    path = None if values["no_config"] else values["config"] or find(current_folder())
    result.apart_from([one for one in (path, values["receipt"]) if one])
    if not values["recursive"]:  # there a report may lie beside the archives: each is named as it is found
        result.apart_from(source(argument).path for argument in values["paths"])
    result.require()
    rules = policy(asked, path)
    receipt = load_receipt(values["receipt"]) if values["receipt"] else None
    allowed = limits(values)
    started = time.monotonic()
    run = _Auditing(allowed, rules, jobs(values["asked_jobs"]), values["images"], result)
    try:
        with progress(shared) as run.hears:
            for argument in values["paths"]:
                run.take(argument, recursive=values["recursive"], shared=shared)
            run.flush()
        reports = run.reports
        if receipt is not None:
            found = [check_receipt(receipt, report, values["receipt"]) for report in reports]
            reports = [report.adding(those) for report, those in zip(reports, found, strict=True)]
        seconds = time.monotonic() - started
        if at is None:
            painter = shared.painter(values["output"])
            text = audit_table(
                reports,
                width=width(),
                whole=shared.verbose > 0,
                seconds=seconds,
                paint=painter,
                unread=run.unread,
            )
        else:
            module = import_module(REPORTS[values["fmt"]])
            make = getattr(module, "pieces", module.render)
            text = make(reports, _run(reports, seconds, allowed, values, at))
        if reports or at is not None:
            result.write(text, styled=at is None and shared.colours(values["output"]))
            say_written(values, shared, outcome(reports, run.unread))
    finally:
        run.close()
    return max(run.statuses + [int(report.failed) for report in reports])


class _Auditing:
    """Archives on their way through the audit: some at a time, so that their blobs are read side by side."""

    def __init__(self, allowed: Limits, rules: Policy, threads: int, demanded: tuple[str, ...], result: Output) -> None:
        self._limits, self._rules, self._demanded = allowed, rules, demanded
        self._result = result
        self._workers = Workers(threads)
        self._open: list[tuple[Archive, list[Finding]]] = []
        self._known = Remembered()
        self.reports: list[Report] = []
        self.hears: Progress | None = None
        self.statuses = [0]
        self.unread: list[str] = []

    def take(self, argument: str, *, recursive: bool, shared: Common) -> None:
        """Open what an argument names; an error is told and the others go on.

        OverwriteError: the result would overwrite it, which ends the call.
        """
        try:
            empty = True
            for one in _sources(argument, recursive=recursive, shared=shared):
                empty = False
                self._result.apart_from([one.path])
                self._add(one)
            if empty:
                raise UsageError("no archive lies below this folder", where=argument)
        except OverwriteError:
            raise
        except (UsageError, HostError) as error:
            self.statuses.append(error.status)
            self.unread.append(argument)
            click.echo(f"error: {safe(str(error))}", err=True)

    def _add(self, one: Source) -> None:
        try:
            archive = open_archive(one.path, limits=self._limits)
        except (UsageError, HostError):
            raise
        except OciArchiveError as error:
            self.flush()
            self.reports.append(_unreadable(one.path, error, self._rules))
            return
        try:
            selectors = (*one.images, *self._demanded)
            expected = [finding for selector in selectors for finding in _expected(archive, selector)]
        except UsageError:
            archive.close()
            raise
        self._open.append((archive, expected))
        if len(self._open) >= _TOGETHER:
            self.flush()

    def flush(self) -> None:
        """Audit what is open and let go of it; where one cannot be read the others are audited all the same."""
        opened, self._open = self._open, []
        archives = [archive for archive, _ in opened]
        try:
            reports = self._audited(archives)
        finally:
            for archive in archives:
                archive.close()
        expected = {id(archive): findings for archive, findings in opened}
        for report in reports:
            key = id(report.evidence.archive) if report.evidence else None
            self.reports.append(report.adding(expected.get(key, []) if key is not None else []))

    def _audited(self, archives: list[Archive]) -> list[Report]:
        try:
            return self._together(archives)
        except HostError as error:
            if len(archives) > 1:
                return [report for archive in archives for report in self._audited([archive])]
            self.statuses.append(error.status)
            self.unread.extend(archive.where for archive in archives)
            click.echo(f"error: {safe(str(error))}", err=True)
            return []
        except OciArchiveError as error:
            if len(archives) > 1:
                return [report for archive in archives for report in self._audited([archive])]
            return [_unreadable(archives[0].where, error, self._rules)]

    def _together(self, archives: list[Archive]) -> list[Report]:
        return audit_archives(
            archives,
            limits=self._limits,
            workers=self._workers,
            policy=self._rules,
            progress=self.hears,
            known=self._known,
        )

    def close(self) -> None:
        """Let go of threads and archives."""
        self._workers.close()
        for archive, _ in self._open:
            archive.close()


def _sources(argument: str, *, recursive: bool, shared: Common) -> Iterator[Source]:
    one = source(argument)
    if not recursive or one.images or not os.path.isdir(one.path):
        yield one
        return
    for path in archives_below(one.path):
        if is_text(path):
            shared.say(f"notice: passed over, a text file ({safe(path)})")
        else:
            yield Source(path=path)


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
    rule = error.rule if isinstance(error, NotAnArchiveError) else "not-an-archive"
    if isinstance(error, LimitError):
        rule = f"limit-{error.name}" if f"limit-{error.name}" in RULE_IDS else "limit-unpacked"
    finding = Finding(
        rule=rule if rule in RULE_IDS else "not-an-archive",
        severity="error",
        message=f"{error.what}, {error.hint}" if error.hint else error.what,
        location=error.where or path,
        subject=path,
        expected=error.expected,
        found=error.found,
    )
    kept, waived = rules.apply([finding])
    return Report(source=path, evidence=None, findings=kept, waived=waived, policy=rules)


def _run(reports: list[Report], seconds: float, allowed: Limits, values: dict[str, Any], at: Now) -> Run:
    files = [report.source for report in reports if os.path.isfile(report.source)]
    named = {one.path: one.images for one in map(source, values["paths"])}

    def demanded(path: str) -> tuple[str, ...]:
        return (*named.get(path, ()), *values["images"])

    return Run(
        command=("ociarchive", *sys.argv[1:]),
        time=at.time,
        seconds=0.0 if at.pinned else seconds,
        limits=allowed,
        sha256={path: sha256_of(path) for path in files} if values["fmt"] == "html" else {},
        sizes={path: os.path.getsize(path) for path in files},
        versions=versions(),
        receipt=values["receipt"],
        folder=current_folder(),
        pinned={path: selectors for path in (report.source for report in reports) if (selectors := demanded(path))},
    )
