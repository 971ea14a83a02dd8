"""`ociarchive audit`."""

from __future__ import annotations

import os
import sys
import time
from contextlib import ExitStack
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import click

from ociarchive.auditing.receipts import load_receipt
from ociarchive.auditing.run import Run
from ociarchive.auditing.settings import Asked, find, policy
from ociarchive.audits import AuditOptions, Audits
from ociarchive.cli import recording
from ociarchive.cli.common import (
    access,
    access_options,
    common,
    common_options,
    host,
    host_option,
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
from ociarchive.cli.output import Held
from ociarchive.cli.progress import progress
from ociarchive.cli.signing import signature_files, signature_options, signatures
from ociarchive.report.audit import audit_json
from ociarchive.report.audit.audit_table import Tally, audit_table
from ociarchive.report.rendering import REPORTS
from ociarchive.report.shared.surroundings import current_folder, now, sha256_of
from ociarchive.report.shared.text import safe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ociarchive.auditing import Report
    from ociarchive.auditing.report import Detail
    from ociarchive.blobio.limits import Limits
    from ociarchive.cli.common import Common
    from ociarchive.cli.output import Output
    from ociarchive.errors import OciArchiveError
    from ociarchive.report.shared.surroundings import Now
    from ociarchive.selection.argument import Source

_EXAMPLES = """\b
Examples:
  ociarchive audit app.tar
  ociarchive audit incoming/*.tar --format json --output report.json
  ociarchive audit --recursive /srv/archives --catalogue audits.db
"""
#: What a format needs of an archive beside what a verdict does.
_DETAILS: Final[dict[str, Detail]] = {"json": "images", "html": "all"}


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
@signature_options
@host_option
@click.option(
    "--have", multiple=True, type=click.Path(), metavar="FILE", help="Check that FILE has what a delta lacks."
)
@click.option("--base", multiple=True, type=click.Path(), metavar="SOURCE", help="Prove what a delta lacks from here.")
@click.option("--jobs", "asked_jobs", type=click.IntRange(min=1, max=256), metavar="N", help="Worker threads.")
@output_options("table", *REPORTS)
@recording.recording_options
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
    result = output(values, shared)
    at = now() if values["fmt"] != "table" else None
    asked = Asked(ignore=values["ignore"], only=values["only"], severity=values["severity"], strict=values["strict"])
    path = None if values["no_config"] else values["config"] or find(current_folder())
    have, base = ([source(one) for one in values[name]] for name in ("have", "base"))
    named = [*filter(None, (path, values["receipt"], *signature_files(values))), *(one.path for one in (*have, *base))]
    result.apart_from([*named, *recording.files(values)])
    if not values["recursive"]:  # there a report may be beside the archives, so each is named when it is found
        result.apart_from(source(argument).path for argument in values["paths"])
    result.require()
    rules = policy(asked, path)
    allowed = limits(values)
    options = AuditOptions(
        policy=rules,
        limits=allowed,
        jobs=jobs(values["asked_jobs"]),
        images=values["images"],
        signatures=signatures(values),
        recursive=values["recursive"],
        receipt=load_receipt(values["receipt"]) if values["receipt"] else None,
        host=host(values),
        access=access(values),
        have=tuple(have),
        base=tuple(base),
        detail=_DETAILS.get(values["fmt"], "verdict"),
    )
    started = time.monotonic()
    tally = Tally()
    demanded: dict[str, tuple[str, ...]] = {}

    def parse(argument: str) -> Source:
        one = source(argument)
        if one.images and values["fmt"] in REPORTS:
            demanded[one.path] = one.images
        return one

    with ExitStack() as stack:
        held = stack.enter_context(Held())
        ledger = stack.enter_context(recording.ledger(values, named, options, shared))
        sources = stack.enter_context(recording.arguments(values))
        reports: list[Report] = []
        with progress(shared) as hears:
            audits = stack.enter_context(Audits(options, _Hearer(shared, result), hears, ledger))
            made = _counted(audits.reports(sources, parse), tally)
            if values["fmt"] == "json":
                held.take(audit_json.pieces(made))
            else:
                reports.extend(made)
        seconds = time.monotonic() - started
        text: str | Iterator[str] = held.pieces()
        if at is None:
            text = audit_table(
                reports,
                width=width(),
                whole=shared.verbose > 0,
                seconds=seconds,
                paint=shared.painter(values["output"]),
                unread=audits.unread,
            )
        elif values["fmt"] != "json":
            run = _run(reports, seconds, allowed, values, at, demanded)
            text = import_module(REPORTS[values["fmt"]]).render(reports, run)
        if tally.archives or at is not None:
            result.write(text, styled=at is None and shared.colours(values["output"]))
            say_written(values, shared, tally.outcome(audits.unread))
    return max(audits.status, int(tally.failed > 0))


def _counted(reports: Iterable[Report], tally: Tally) -> Iterator[Report]:
    for report in reports:
        tally.add(report)
        yield report


class _Hearer:
    """Reports the steps of the audit on stderr, and keeps sources from being overwritten by the result."""

    def __init__(self, shared: Common, result: Output) -> None:
        self._shared, self._result = shared, result

    def opens(self, path: str) -> None:
        """Refuse the source that the result would overwrite (UsageError)."""
        self._result.apart_from([path])

    def passes_over(self, path: str) -> None:
        """Report a source that is passed over."""
        self._shared.say(f"notice: passed over, a text file ({safe(path)})")

    def unrecorded(self, path: str) -> None:
        """Report a source that is in no catalogue."""
        self._shared.say(f"notice: audited but not recorded, a pipe has no name to find it by ({safe(path)})")

    def fails(self, error: OciArchiveError) -> None:
        """Report the error, even if the call asks for quiet."""
        click.echo(f"error: {safe(str(error))}", err=True)


def _run(
    reports: list[Report],
    seconds: float,
    allowed: Limits,
    values: dict[str, Any],
    at: Now,
    named: dict[str, tuple[str, ...]],
) -> Run:
    files = [report.source for report in reports if os.path.isfile(report.source)]

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
        others=(*values["have"], *values["base"]),
        folder=current_folder(),
        pinned={path: selectors for path in (report.source for report in reports) if (selectors := demanded(path))},
    )
