"""`ociarchive audit`."""

from __future__ import annotations

import sys
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from ociarchive.auditing.run import Run
from ociarchive.auditing.settings import Asked, find, policy
from ociarchive.audits import AuditOptions, Audits
from ociarchive.cli import engines, recording
from ociarchive.cli.attesting import attesting_options, verdicts_for
from ociarchive.cli.bounding import limit_options, limits
from ociarchive.cli.common import (
    access,
    access_options,
    common,
    common_options,
    fail,
    file_option,
    files_option,
    host,
    host_option,
    output_options,
    source,
)
from ociarchive.cli.completing import among, rule_names
from ociarchive.cli.counts import jobs, jobs_option
from ociarchive.cli.course import following
from ociarchive.cli.progress import progress
from ociarchive.cli.reporting import TABLE, Reports, report_option
from ociarchive.cli.signing import signature_files, signature_options, signatures
from ociarchive.errors import without_credentials
from ociarchive.late import Late
from ociarchive.report.audit.audit_table import SHOWN
from ociarchive.report.rendering import REPORTS
from ociarchive.report.shared.surroundings import EPOCH, current_folder, now
from ociarchive.report.shared.text import safe

if TYPE_CHECKING:
    from ociarchive.auditing.receipts import Receipt
    from ociarchive.auditing.signatures import Wanted
    from ociarchive.blobio.limits import Limits
    from ociarchive.cli.common import Common
    from ociarchive.errors import OciArchiveError
    from ociarchive.report.shared import versions
    from ociarchive.report.shared.surroundings import Now

else:
    versions = Late("ociarchive.report.shared.versions")

_EXAMPLES = """\b
Examples:
  ociarchive audit app.tar --receipt app.att --key signer.pub
  ociarchive audit incoming/*.tar --format json --output report.json
  ociarchive audit --recursive /srv/archives --catalogue audits.db
"""


@click.command("audit", epilog=_EXAMPLES, short_help="Prove that archives are what they say they are.")
@click.argument("paths", nargs=-1, metavar="SOURCE...")
@click.option(
    "--image", "images", multiple=True, metavar="REF", help="Demand that the archive holds this image (repeatable)."
)
@click.option("--recursive", is_flag=True, help="Audit what lies in folders of archives too.")
@click.option("--strict", is_flag=True, help="Let warnings fail too.")
@click.option(
    "--ignore",
    multiple=True,
    metavar="RULE",
    shell_complete=among(rule_names),
    help="Leave a rule out; reports say so (repeatable).",
)
@click.option(
    "--only",
    multiple=True,
    metavar="RULE",
    shell_complete=among(rule_names),
    help="Apply only this rule; reports say so (repeatable).",
)
@click.option(
    "--severity", multiple=True, metavar="RULE=LEVEL", help="Count a rule as error, warning or note (repeatable)."
)
@file_option(
    "--config",
    metavar="FILE",
    help="Settings (default: the nearest ociarchive.toml, or [tool.ociarchive] of a pyproject.toml, here or above).",
)
@click.option("--no-config", is_flag=True, help="Take no settings from a file.")
@file_option("--receipt", metavar="FILE", help="Check that a conversion's receipt still holds.")
@signature_options
@attesting_options("the verdict of each archive")
@host_option
@files_option("--have", metavar="FILE", help="Check that FILE lists what a delta leaves out (repeatable).")
@files_option(
    "--base", metavar="SOURCE", help="Take what a delta leaves out from this SOURCE, and prove it (repeatable)."
)
@jobs_option
@output_options(TABLE, *REPORTS)
@report_option
@recording.recording_options
@engines.engine_options
@limit_options
@access_options
@common_options
def command(**values: Any) -> int:
    """Read every blob of archives, compare it with every claim about it, and report what does not agree.

    SOURCE#sha256:... also demands that the archive holds what has this digest. Status 0: no error was found.
    1: some was (with --strict also a warning).
    """
    shared = common(**values)
    recording.require(values)
    engine = engines.engine(values, shared)
    reports = Reports(values, shared)
    at = now() if reports.timed else None
    asked = Asked(ignore=values["ignore"], only=values["only"], severity=values["severity"], strict=values["strict"])
    path = None if values["no_config"] else values["config"] or find(current_folder())
    have, base = ([source(one) for one in values[name]] for name in ("have", "base"))
    named = [*filter(None, (path, values["receipt"], *signature_files(values))), *(one.path for one in (*have, *base))]
    reports.apart_from([*named, *recording.files(values), *filter(None, (values["attestation"], values["sign"]))])
    if not values["recursive"]:  # there a report may be beside the archives, so each is named when it is found
        reports.apart_from(source(argument).path for argument in values["paths"])
    reports.require()
    rules = policy(asked, path)
    allowed = limits(values)
    trusted = signatures(values)
    read = [*named, *recording.files(values), *(source(argument).path for argument in values["paths"])]
    taking = verdicts_for(values, shared, read, rules, trusted.terms if trusted is not None else None)
    options = AuditOptions(
        policy=rules,
        limits=allowed,
        jobs=jobs(values["asked_jobs"]) if engine is None else 1,
        images=values["images"],
        signatures=trusted,
        recursive=values["recursive"],
        receipt=_receipt(values["receipt"], trusted),
        host=host(values),
        access=access(values),
        have=tuple(have),
        base=tuple(base),
        detail=reports.detail,
        identified=reports.naming,
        attested=taking.asked is not None,
    )
    started = time.monotonic()
    begun = _run(values, allowed, at)
    with ExitStack() as stack:
        reports.begin(begun, stack)
        ledger = stack.enter_context(recording.ledger(values, named, options, shared))
        sources = stack.enter_context(recording.arguments(values))
        with progress(shared) as hears, following(values, hears) as course:
            heard = _Hearer(shared, reports)
            audits = stack.enter_context(Audits(options, heard, hears, ledger, engine))
            for one in audits.reports(sources, source):
                reports.take(one)
                taking.take(one)
                if course is not None:
                    course.done(one)
        heard.ends()
        took = time.monotonic() - started
        unread = tuple(audits.unread)
        pinned = at is not None and at.pinned
        reports.write(replace(begun, seconds=0.0 if pinned else took, unread=unread), clock=took)
        verdict = reports.outcome(unread)
        taking.write(unread, verdict)
        if reports.archives:
            shared.wrote(verdict, values["catalogue"], "catalogue")
    return max(audits.status, int(reports.failed))


def _receipt(path: str | None, trusted: Wanted | None) -> Receipt | None:
    if path is None:
        return None
    from ociarchive.auditing.receipts import load_receipt

    return load_receipt(path, trusted.trust.keys if trusted else ())


class _Hearer:
    """Reports the steps of the audit on stderr, and keeps sources from being overwritten by the result."""

    def __init__(self, shared: Common, reports: Reports) -> None:
        self._shared, self._reports = shared, reports
        self._passed: Counter[str] = Counter()
        self._last: dict[str, str] = {}

    def opens(self, path: str) -> None:
        """Refuse the source that a report would overwrite (UsageError)."""
        self._reports.apart_from([path])

    def passes_over(self, path: str, what: str) -> None:
        """Report a source that is passed over. Of many of one kind the first few are said, and all with `-v`."""
        self._reports.passes_over(path, what)
        self._passed[what] += 1
        self._last[what] = path
        if self._shared.verbose or self._passed[what] <= SHOWN:
            self._shared.notice(f"passed over, {what} ({safe(path)})")

    def ends(self) -> None:
        """Say how many more were passed over."""
        for what, count in self._passed.items():
            more = count - SHOWN if not self._shared.verbose else 0
            if more == 1:
                self._shared.notice(f"passed over, {what} ({safe(self._last[what])})")
            elif more > 1:
                self._shared.notice(f"passed over, {what}, and {more} more: -v shows all")

    def unrecorded(self, path: str) -> None:
        """Report a source that is in no catalogue."""
        self._shared.notice(f"audited but not recorded, a pipe has no name to find it by ({safe(path)})")

    def fails(self, error: OciArchiveError) -> None:
        """Report the error, even if the call asks for quiet."""
        fail(str(error))


def _run(values: dict[str, Any], allowed: Limits, at: Now | None) -> Run:
    """Return what is known of the run before the first archive."""
    return Run(
        command=("ociarchive", *map(without_credentials, sys.argv[1:])),
        time=EPOCH if at is None else at.time,
        seconds=0.0,
        limits=allowed,
        versions=versions.versions() if at is not None else {},
        receipt=values["receipt"],
        others=(*values["have"], *values["base"]),
        folder="" if at is None else current_folder(),
    )
