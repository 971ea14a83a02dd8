"""`ociarchive inspect`."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import click

from ociarchive.auditing.evidence import Evidence, sniffed
from ociarchive.cli.bounding import limit_options, limits
from ociarchive.cli.common import (
    access,
    access_options,
    common,
    common_options,
    fail,
    files_option,
    host,
    host_option,
    once_option,
    output,
    output_options,
    platform,
    source,
    width,
)  # fmt: skip
from ociarchive.cli.counts import jobs
from ociarchive.errors import ContentError, OciArchiveError, UsageError, plural
from ociarchive.gap.others import Others
from ociarchive.opening import open_archive
from ociarchive.report.audit.audit_json import inspect_json, inspected
from ociarchive.report.audit.audit_table import first_of_each, verdict
from ociarchive.report.audit.tally import Tally
from ociarchive.report.shared.pieces import gathered
from ociarchive.report.shared.text import safe
from ociarchive.report.shared.tree import Tree
from ociarchive.selection.select import Selectors, nothing_in, select
from ociarchive.selection.untagged import reachable

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from ociarchive.auditing import Report
    from ociarchive.cli.common import Common
    from ociarchive.cli.output import Output
    from ociarchive.model import Archive
    from ociarchive.selection.argument import Source

_EXAMPLES = """\b
Examples:
  ociarchive inspect app.tar
  ociarchive inspect app-layout#app:1.0 --format json
  ociarchive inspect app.tar --files --layer 1
"""
#: What prints one thing of one image instead of showing what there is.
_PARTS = ("raw", "config", "files")
_UNTAGGED = "manifest-untagged"
#: What says that an option stands on the command line, not in the suffix of a file.
_SAID = click.core.ParameterSource.COMMANDLINE


@click.command("inspect", epilog=_EXAMPLES, short_help="Show what is inside: images, platforms, layers, sizes, ids.")
@click.argument("paths", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--image", "images", multiple=True, metavar="REF", help="Only these images (repeatable).")
@click.option(
    "--platform", "platforms", multiple=True, metavar="OS/ARCH[/VARIANT]", help="Only these platforms (repeatable)."
)
@click.option("--verify", is_flag=True, help="Read all layers and check every claim.")
@click.option("--raw", is_flag=True, help="Print the manifest or index, byte for byte.")
@click.option("--config", is_flag=True, help="Print the image's config, byte for byte.")
@click.option("--files", is_flag=True, help="List the files of the image's layers, as tar -tv does (times in UTC).")
@once_option("--layer", metavar="N|DIGEST", help="With --files: only this layer, the first is 1.")
@files_option("--base", metavar="SOURCE", help="Take what the archives lack from this SOURCE (repeatable).")
@host_option
@click.option("--all-revisions", is_flag=True, help="Show of a registry's folder also what no tag names.")
@output_options("table", "json")
@limit_options
@access_options
@common_options
def command(**values: Any) -> int:
    """Show what archives hold: images, platforms, layers, sizes and ids. No layer is read without --verify or --files.

    Images of before Docker 1.10 have no config. It is made of what their layers unpack to, so those are read.

    --raw, --config and --files are of one image: where a SOURCE holds several, --image or --platform selects it. What
    they print was checked against its digest. Status 1: a claim that does not hold, or a document that cannot be read.
    SOURCE may be PATH#REF, or oci:PATH:REF as skopeo spells it.
    """
    shared = common(**values)
    sources, base = ([source(path) for path in values[name]] for name in ("paths", "base"))
    parts = [f"--{name}" for name in _PARTS if values[name]]
    if sum(one.path == "-" for one in (*sources, *base)) > 1:
        raise UsageError("standard input can be read once")
    _check(values, sources, parts)
    result = output(values, shared, free=bool(parts))
    result.apart_from([one.path for one in (*sources, *base)])
    result.require()
    with closing(Others((), base, limits(values), access(values))) as others:
        others.open()
        if parts:
            _print_part(sources[0], others, values, result, shared)
            return 0
        inspection = _Inspection(values, shared, others, alone=len(sources) == 1)
        inspection.write(sources, result)
        return inspection.status


def _print_part(one: Source, others: Others, values: dict[str, Any], result: Output, shared: Common) -> None:
    from ociarchive.cli.inspect_part import print_part

    with open_archive(one.path, limits=limits(values), host=host(values), access=access(values)) as opened:
        _say_notices(opened, shared)
        archive = reachable(opened, _selectors(values, one).images, every=values["all_revisions"])
        if not archive.roots:
            raise nothing_in(archive)
        print_part(others.judged(archive)[0], _selectors(values, one), values, result, shared)


def _check(values: dict[str, Any], sources: Sequence[Source], parts: Sequence[str]) -> None:
    """Refuse options that contradict each other (UsageError)."""
    if len(parts) > 1:
        raise UsageError(f"{' and '.join(parts)} print different things", hint="ask for one of them")
    if values["layer"] is not None and not values["files"]:
        raise UsageError("--layer says whose files are listed", hint="add --files")
    if not parts:
        return
    if len(sources) > 1:
        raise UsageError(f"{parts[0]} prints one thing of one SOURCE, here are {len(sources)}")
    json = values["fmt"] == "json" and click.get_current_context().get_parameter_source("fmt") is _SAID
    other = "--verify" if values["verify"] else "--format json" if json else None
    if other is not None:
        raise UsageError(f"{parts[0]} and {other} print different things", hint="ask for one of them")


def _selectors(values: dict[str, Any], one: Source) -> Selectors:
    return Selectors(
        images=(*one.images, *values["images"]), platforms=tuple(platform(text) for text in values["platforms"])
    )


class _Inspection:
    """Archives that are inspected in turn. Each is open while its result is written. `status` is the worst of all."""

    def __init__(self, values: dict[str, Any], shared: Common, others: Others, *, alone: bool) -> None:
        self._values, self._shared, self._others, self._alone = values, shared, others, alone
        self._limits, self._host = limits(values), host(values)
        self._access = access(values)
        self._failed: OciArchiveError | None = None
        self._tally = Tally()
        self._unread: list[str] = []
        self.status = 0

    def write(self, sources: Sequence[Source], result: Output) -> None:
        """Write what the archives hold. Of several archives one at fault is reported, and the others follow."""
        each = self._each(sources)
        first = next(each, None)  # where nothing can be read nothing is written
        if first is not None:
            found = chain([first], each)
            if self._values["fmt"] == "json":
                result.write(inspect_json(inspected(*one) for one in found))
            else:
                result.write(self._table(found))
            for _ in each:  # a reader that has enough changes nothing of the status
                pass
            verified = self._tally.outcome(self._unread) if self._values["verify"] else "read, not verified"
            self._shared.wrote(verified, self._values["output"], self._values["fmt"])
        if self._alone and self._failed is not None:
            raise self._failed

    def _each(self, sources: Sequence[Source]) -> Generator[tuple[Archive, Evidence, Report | None]]:
        for one in sources:
            judged = self._tally.archives
            try:
                with open_archive(one.path, limits=self._limits, host=self._host, access=self._access) as archive:
                    yield from self._one(archive, one)
            except OciArchiveError as error:
                self._report(error)
                self._unread += [one.path] if self._tally.archives == judged else []

    def _report(self, error: OciArchiveError) -> None:
        self.status = max(self.status, error.status)
        self._failed = error
        if not self._alone:
            fail(str(error))

    def _one(self, archive: Archive, one: Source) -> Iterator[tuple[Archive, Evidence, Report | None]]:
        _say_notices(archive, self._shared)
        selectors, whole = _selectors(self._values, one), archive
        archive, _ = self._others.judged(reachable(archive, selectors.images, every=self._values["all_revisions"]))
        if not archive.roots:
            raise nothing_in(archive)
        noticed = archive.noticed
        known, report = self._verified(whole) if self._values["verify"] else (None, None)
        if selectors.images or selectors.platforms:
            archive = replace(archive, roots=select(archive.roots, selectors, archive.where).roots)
        yield archive, Evidence(archive, known.facts) if known is not None else sniffed(archive), report
        if report is not None:
            self._tally.add(report)
        if archive.untagged:
            what, them = plural(len(archive.untagged), "manifest"), "it" if len(archive.untagged) == 1 else "them"
            self._shared.notice(f"{what} without a tag: --all-revisions lists {them} ({safe(one.path)})")
        if report is None:
            for flaw in noticed:
                if flaw.rule != _UNTAGGED:  # said above, or listed
                    self._shared.notice(f"{safe(flaw.message)} ({safe(flaw.where)})")
            return
        _say(report, self._shared)
        errors = report.count("error")
        if errors:
            raise ContentError(f"the archive fails its verification: {plural(errors, 'error')} found", where=one.path)

    def _verified(self, archive: Archive) -> tuple[Evidence, Report]:
        """Return the measurements of an archive, and the findings of the audit."""
        from ociarchive.auditing import Policy
        from ociarchive.auditing.audit import examine, judge, report_of
        from ociarchive.workers import Workers

        workers = Workers(jobs(None))
        try:
            archive, wanting = self._others.judged(reachable(archive, (), every=True))
            (evidence,) = examine([archive], limits=self._limits, workers=workers)
            return evidence, report_of(evidence, (*judge(evidence), *wanting), Policy())
        finally:
            workers.close()

    def _table(self, found: Iterator[tuple[Archive, Evidence, Report | None]]) -> Iterator[str]:
        for number, (archive, evidence, report) in enumerate(found):
            if number:
                yield "\n"
            tree = Tree(archive, evidence, width=width(), whole=self._shared.verbose > 0)
            yield from gathered(tree.lines())
            if report is not None:
                yield "\n".join(["", *verdict([report], width=width())]) + "\n"


def _say_notices(archive: Archive, shared: Common) -> None:
    for notice in archive.notices:
        shared.notice(safe(notice))


def _say(report: Report, shared: Common) -> None:
    """Say on stderr what the audit found. Of many findings of one rule it says the first few."""
    for shown, more in first_of_each(report.findings, whole=shared.verbose > 0):
        for finding in shown:
            shared.found(str(finding))
        if more:
            shared.found(f"{shown[0].severity}: {more}: -v shows all ({report.source})")
