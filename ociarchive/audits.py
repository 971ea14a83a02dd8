"""Audits of many sources: some open at a time, and each report given as soon as it is made."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import TYPE_CHECKING, Final, Self

from ociarchive.auditing import Policy, Report, judge
from ociarchive.auditing.audit import examine, report_of
from ociarchive.auditing.factstore import Remembered
from ociarchive.auditing.holding import holding_of
from ociarchive.auditing.identity import Identifying, identity_of_file
from ociarchive.auditing.receipts import Receipt, check_receipt
from ociarchive.auditing.run import Unread
from ociarchive.auditing.signatures import Wanted, prove
from ociarchive.auditing.unreadable import unreadable
from ociarchive.blobio.beside import OverwriteError
from ociarchive.blobio.limits import Limits
from ociarchive.blobio.locks import nobody
from ociarchive.catalogue.failure import CatalogueError
from ociarchive.catalogue.recording import with_detail
from ociarchive.errors import HostError, OciArchiveError, UsageError
from ociarchive.gap.others import Others
from ociarchive.opening import open_archive
from ociarchive.opening.folders import archive_around, archives_below, is_text
from ociarchive.remote.address import Access
from ociarchive.selection.argument import Source
from ociarchive.selection.demanded import Demanded, demanded_of
from ociarchive.selection.untagged import reachable
from ociarchive.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ociarchive.auditing.factstore import FactStore
    from ociarchive.auditing.hearing import Hearer
    from ociarchive.auditing.report import Detail
    from ociarchive.blobio.locks import Hear
    from ociarchive.catalogue.ledger import Ledger
    from ociarchive.catalogue.stamps import Stamp
    from ociarchive.measure import Progress
    from ociarchive.model import Archive

#: How many archives are read in parallel. Each keeps a file open, of which a process may have only 64.
_TOGETHER: Final = 8
#: How many reports wait for an archive before them, so that all are given in order.
_WAITING: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditOptions:
    """How sources are audited.

    `images` is demanded of each source; `recursive` audits the archives in folders of archives. `receipt` is a
    conversion's, that each archive is held against. `host` is the one that names in a registry's folder had, None for
    the default. `have` and `base` say what the other side has that a delta leaves out:
    an inventory, or archives that complete it. `detail` is how much a report holds. `access` says how registries are
    spoken to. `signatures` says by what signatures are checked, None where they are not. `identified`: each report has
    the digest of its archive, for which a file is hashed as a whole. `attested`: it also has the names and digests that
    a statement is about.
    """

    policy: Policy = field(default_factory=Policy)
    limits: Limits = field(default_factory=Limits)
    jobs: int = 1
    images: tuple[str, ...] = ()
    signatures: Wanted | None = None
    recursive: bool = False
    receipt: Receipt | None = None
    host: str | None = None
    access: Access = field(default_factory=Access)
    have: tuple[Source, ...] = ()
    base: tuple[Source, ...] = ()
    detail: Detail = "verdict"
    identified: bool = False
    attested: bool = False

    @property
    def names_archives(self) -> bool:
        """Whether the digest of each archive as a whole is needed."""
        return self.identified or self.attested or (self.receipt is not None and self.receipt.identity is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """An archive that is open, what is demanded of it, and its state before it was opened."""

    archive: Archive
    found: Demanded
    source: Source
    state: Stamp | None


class Audits:
    """Sources that are being audited. `unread` names those that could not be audited. `status` is the worst so far.

    With a `ledger` what did not change is taken from it, and each report is recorded before it is given.
    Leaving it as a context ends its threads and closes the archives.
    """

    def __init__(
        self, options: AuditOptions, hear: Hearer, progress: Progress | None = None, ledger: Ledger | None = None
    ) -> None:
        if ledger is not None:  # a later call may want the digest of an archive that did not change
            options = replace(options, identified=True)
        self._options, self._hear, self._progress, self._ledger = options, hear, progress, ledger
        self._known: FactStore = ledger.facts if ledger is not None else Remembered()
        self._workers = Workers(options.jobs)
        self._queue: list[_Opened | Report] = []  # in the order of the sources
        self._others = Others(options.have, options.base, options.limits, options.access)
        self.unread: list[Unread] = []
        self.status = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._workers.close()
        self._others.close()
        for one in self._unfinished():
            one.archive.close()

    def reports(self, arguments: Iterable[str], parse: Callable[[str], Source]) -> Iterator[Report]:
        """Give the reports of all sources in their order. `parse` makes a source of an argument, or raises UsageError.

        An error that `opens` of the listener raises ends the call, and so does one of the catalogue. Any other error is
        reported, and the others go on.
        """
        self._others.open()
        for argument in arguments:
            yield from self._take(argument, parse)
        yield from self._flush()

    def _take(self, argument: str, parse: Callable[[str], Source]) -> Iterator[Report]:
        try:
            asked = parse(argument)
            empty = True
            for one, report in self._sources(asked):
                empty = False
                self._hear.opens(one.path)
                if self._ledger is not None:
                    self._ledger.apart_from(one.path)
                yield from self._added(one, report, argument if one.path == asked.path else one.path)
            if empty:
                raise UsageError("no archive lies below this folder", where=argument)
        except (OverwriteError, CatalogueError):
            raise
        except (UsageError, HostError) as error:
            self._fails(error, argument)

    def _added(self, one: Source, report: Report | None, name: str) -> Iterator[Report]:
        """Add a source. One that cannot be opened ends nothing: the others in its folder go on."""
        try:
            yield from self._add(one, report)
        except (OverwriteError, CatalogueError):
            raise
        except (UsageError, HostError) as error:
            self._fails(error, name)

    def _sources(self, one: Source) -> Iterator[tuple[Source, Report | None]]:
        """Give the sources of an argument, with the report of each that a catalogue has and that did not change."""
        if not self._options.recursive or one.images or not os.path.isdir(one.path):
            yield one, self._recorded(one)
            return
        last: dict[str, Report] = {}

        def is_recorded(folder: str) -> bool:
            last.clear()
            report = self._recorded(Source(path=folder))
            if report is not None:
                last[folder] = report
            return report is not None

        for path in archives_below(one.path, is_recorded):
            found = Source(path=path)
            report = last.pop(path, None) or self._recorded(found)
            if report is None and self._ledger is not None and self._ledger.owns(path):
                continue
            if report is None and is_text(path):
                self._hear.passes_over(path)
            else:
                yield found, report

    def _recorded(self, one: Source) -> Report | None:
        if self._ledger is None:
            return None
        found = self._ledger.known(one.path, (*one.images, *self._options.images), self._options.detail)
        return None if found is None else _about(found, one, self._options)

    def _add(self, one: Source, report: Report | None) -> Iterator[Report]:
        """Open a source that no report is known of. When enough are open, audit them in parallel."""
        if report is not None:
            self._queue.append(report)
        else:
            state = self._ledger.mark(one.path) if self._ledger is not None else None
            if state is None and self._ledger is not None and (one.path == "-" or os.path.exists(one.path)):
                self._hear.unrecorded(one.path)
            try:
                archive = _opened(one, self._options)
            except (UsageError, HostError):
                raise
            except OciArchiveError as error:
                report = _about(unreadable(one.path, error, self._options.policy), one, self._options)
                self._queue += self._kept([(report, one, state)])
            else:
                try:
                    archive, left = self._others.judged(archive)
                    found = demanded_of(archive, (*one.images, *self._options.images), left)
                except OciArchiveError:
                    archive.close()
                    raise
                self._queue.append(_Opened(archive=archive, found=found, source=one, state=state))
        opened = sum(1 for _ in self._unfinished())
        if not opened or opened >= _TOGETHER or len(self._queue) >= _WAITING:
            yield from self._flush()

    def _unfinished(self) -> Iterator[_Opened]:
        return (one for one in self._queue if isinstance(one, _Opened))

    def _flush(self) -> Iterator[Report]:
        """Audit what is open and let go of it; where one cannot be read the others are audited all the same."""
        opened = list(self._unfinished())
        queue, self._queue = self._queue, []
        try:
            made = {id(one): report for one, report in self._audited(opened)}
        finally:
            for one in opened:
                one.archive.close()
        for item in queue:
            report = item if not isinstance(item, _Opened) else made.get(id(item))
            if report is not None:
                yield report

    def _audited(self, opened: list[_Opened]) -> list[tuple[_Opened, Report]]:
        if not opened:
            return []
        detail: Detail = "all" if self._ledger is not None else self._options.detail
        try:
            demanded = {id(one.archive): one.found for one in opened}
            archives = [one.archive for one in opened]
            reports = _reports(archives, demanded, self._options, detail, self._workers, self._progress, self._known)
        except CatalogueError:
            raise
        except HostError as error:
            if len(opened) > 1:
                return [report for one in opened for report in self._audited([one])]
            self._fails(error, *(one.archive.where for one in opened))
            return []
        except OciArchiveError as error:
            if len(opened) > 1:
                return [report for one in opened for report in self._audited([one])]
            reports = [unreadable(opened[0].archive.where, error, self._options.policy)]
        pairs = zip(opened, reports, strict=True)
        made = [(_about(report, one.source, self._options), one.source, one.state) for one, report in pairs]
        return list(zip(opened, self._kept(made), strict=True))

    def _kept(self, made: list[tuple[Report, Source, Stamp | None]]) -> list[Report]:
        """Record reports where they can be, and return them with no more details than are asked for."""
        if self._ledger is None:
            return [report for report, _, _ in made]
        demanded = self._options.images
        self._ledger.keep((state, (*one.images, *demanded), report) for report, one, state in made if state is not None)
        return [with_detail(report, self._options.detail) for report, _, _ in made]

    def _fails(self, error: OciArchiveError, *names: str) -> None:
        self.status = max(self.status, error.status)
        self.unread += [Unread(source=name, why=str(error), status=error.status) for name in names]
        self._hear.fails(error)


def ledger_of(
    path: str, options: AuditOptions, *, clock: Callable[[], str], again: bool = False, hear: Hear = nobody
) -> Ledger:
    """Return the catalogue at a path for an audit with these options. `clock` gives the times that are recorded.

    OverwriteError: it would stand inside of an archive. UsageError: it is no catalogue, or of a newer version.
    HostError: it is damaged, or cannot be opened.
    """
    if options.base:
        raise UsageError("a catalogue records what archives hold by themselves, not what a base completes", where=path)
    if (folder := archive_around(path)) is not None:
        raise OverwriteError("the catalogue would stand inside of an archive", where=path, found=folder)
    # It needs SQLite, which an audit without a catalogue does not.
    made: Ledger = import_module("ociarchive.catalogue.ledger").Ledger(
        path,
        policy=options.policy,
        limits=options.limits,
        clock=clock,
        again=again,
        receipt=None if options.receipt is None else [options.receipt.path, options.receipt.members],
        host=options.host,
        have=[(one.path, one.images) for one in options.have],
        signatures=None if options.signatures is None else options.signatures.terms,
        hear=hear,
    )
    return made


def audit_one(one: Source, options: AuditOptions, progress: Progress | None = None) -> Report:
    """Return the report of one source. Errors are those of opening it, ContentError where it is no archive too."""
    with ExitStack() as stack:
        workers = Workers(options.jobs)
        stack.callback(workers.close)
        others = Others(options.have, options.base, options.limits, options.access)
        stack.callback(others.close)
        others.open()
        archive = stack.enter_context(_opened(one, options))
        archive, left = others.judged(archive)
        demanded = {id(archive): demanded_of(archive, (*one.images, *options.images), left)}
        (report,) = _reports([archive], demanded, options, options.detail, workers, progress, Remembered())
        return _about(report, one, options)


def _about(report: Report, one: Source, options: AuditOptions) -> Report:
    """Return a report with what is known of its source beside the archive."""
    size = os.path.getsize(one.path) if os.path.isfile(one.path) else None
    named = report.identity
    if named is None and options.identified and size is not None and report.contents is None:
        named = identity_of_file(one.path)
    return replace(report, demanded=(*one.images, *options.images), size=size, identity=named)


def _opened(one: Source, options: AuditOptions) -> Archive:
    """Return the archive of a source, with what no tag names: all of it is proved."""
    return reachable(
        open_archive(
            one.path,
            limits=options.limits,
            host=options.host,
            access=options.access,
            judged=True,
            hashed=options.names_archives,
        ),
        (),
        every=True,
    )


def _reports(  # noqa: PLR0917  what one batch is audited with
    archives: list[Archive],
    demanded: dict[int, Demanded],
    options: AuditOptions,
    detail: Detail,
    workers: Workers,
    progress: Progress | None,
    known: FactStore,
) -> list[Report]:
    """Audit some archives in parallel. What is `demanded` and absent is a finding, beside those of the rules."""
    found = []
    naming = Identifying(archives, workers) if options.names_archives else None
    every = examine(
        archives, limits=options.limits, workers=workers, progress=progress, known=known, identifying=naming
    )
    for evidence in every:
        asked = demanded[id(evidence.archive)]
        if options.signatures is not None:
            evidence = replace(evidence, proofs=prove(evidence, options.signatures, asked.roots))  # noqa: PLW2901
        findings = [*judge(evidence), *asked.findings]
        proof = None
        named = naming.of(evidence.archive, evidence.facts) if naming is not None else None
        if options.receipt is not None:
            compared = check_receipt(options.receipt, evidence, named)
            findings += compared.findings
            proof = compared.proof
        report = report_of(evidence, findings, options.policy, detail)
        held = holding_of(evidence.archive.roots, evidence.archive.format) if options.attested else None
        found.append(replace(report, receipt=proof, identity=named, holding=held))
    return found
