"""Audits some sources: opens them, reads all of them side by side, and makes a row of each."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ociarchive.auditing import judge
from ociarchive.auditing.audit import examine, report_of
from ociarchive.auditing.holding import holding_of
from ociarchive.auditing.unreadable import unreadable
from ociarchive.catalogue.failure import CatalogueError
from ociarchive.engines.engine import Row
from ociarchive.errors import HostError, OciArchiveError, UsageError
from ociarchive.gap.others import Others
from ociarchive.late import Late
from ociarchive.opening import open_archive
from ociarchive.selection.demanded import Demanded, demanded_of
from ociarchive.selection.untagged import reachable
from ociarchive.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from ociarchive.auditing import Report, identity, receipts, signatures
    from ociarchive.auditing.factstore import FactStore
    from ociarchive.auditing.report import Detail
    from ociarchive.engines.options import AuditOptions
    from ociarchive.measure import Progress
    from ociarchive.model import Archive
    from ociarchive.selection.argument import Source
else:
    identity = Late("ociarchive.auditing.identity")
    receipts = Late("ociarchive.auditing.receipts")
    signatures = Late("ociarchive.auditing.signatures")

#: How many archives are read in parallel. Each keeps a file open, of which a process may have only 64.
TOGETHER: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A source and where it is opened, which may be spelled otherwise than in the call."""

    source: Source
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """An archive that is open, and what is demanded of it."""

    archive: Archive
    found: Demanded
    number: int


class Auditor:
    """Audits sources with threads of its own. Use it in a `with`, or close it."""

    def __init__(self, options: AuditOptions, detail: Detail, known: FactStore, progress: Progress | None) -> None:
        self._options, self._detail, self._known, self._progress = options, detail, known, progress
        self._workers = Workers(options.jobs)
        self._others = Others(options.have, options.base, options.limits, options.access)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> None:
        """Read what the call says that the other side has. UsageError: it is nothing of the kind."""
        self._others.open()

    def close(self) -> None:
        """End the threads."""
        self._workers.close()
        self._others.close()

    def rows(self, places: Sequence[Place]) -> list[Row]:
        """Audit some sources, a few side by side. One that cannot be read ends nothing.

        CatalogueError: facts are damaged.
        """
        slices = (places[start : start + TOGETHER] for start in range(0, len(places), TOGETHER))
        return [row for some in slices for row in self._together(some)]

    def _together(self, places: Sequence[Place]) -> list[Row]:
        rows: list[Row] = [Row()] * len(places)
        opened: list[_Opened] = []
        with ExitStack() as stack:
            for number, place in enumerate(places):
                try:
                    archive, found = self._open(place)
                except OciArchiveError as error:
                    rows[number] = self._failed(error, place)
                else:
                    stack.callback(archive.close)
                    opened.append(_Opened(archive=archive, found=found, number=number))
            for one, row in self._audited(opened, places):
                rows[one.number] = row
        return rows

    def report(self, place: Place) -> Report:
        """Return the report of one source. Errors are those of opening it, ContentError where it is no archive too."""
        archive, found = self._open(place)
        with ExitStack() as stack:
            stack.callback(archive.close)
            (report,) = self._reports([_Opened(archive=archive, found=found, number=0)])
            return report

    def _open(self, place: Place) -> tuple[Archive, Demanded]:
        options = self._options
        archive = open_archive(
            place.path,
            shown=place.source.path if place.path != place.source.path else None,
            limits=options.limits,
            host=options.host,
            access=options.access,
            judged=True,
            hashed=options.names_archives,
        )
        try:
            # What no tag names too: all of it is proved.
            archive, left = self._others.judged(reachable(archive, (), every=True))
            return archive, demanded_of(archive, (*place.source.images, *options.images), left)
        except BaseException:
            archive.close()
            raise

    def _failed(self, error: OciArchiveError, place: Place) -> Row:
        if isinstance(error, UsageError | HostError):
            return Row(error=error)
        return Row(report=unreadable(place.source.path, error, self._options.policy))

    def _audited(self, opened: list[_Opened], places: Sequence[Place]) -> list[tuple[_Opened, Row]]:
        """Audit what is open; where one cannot be read the others are audited all the same."""
        if not opened:
            return []
        try:
            reports = self._reports(opened)
        except CatalogueError:
            raise
        except OciArchiveError as error:
            if len(opened) > 1:
                return [row for one in opened for row in self._audited([one], places)]
            return [(opened[0], self._failed(error, places[opened[0].number]))]
        return [(one, Row(report=report)) for one, report in zip(opened, reports, strict=True)]

    def _reports(self, opened: list[_Opened]) -> list[Report]:
        """Audit some archives in parallel. What is demanded and absent is a finding, beside those of the rules."""
        options = self._options
        archives = [one.archive for one in opened]
        naming = identity.Identifying(archives, self._workers) if options.names_archives else None
        every = examine(
            archives,
            limits=options.limits,
            workers=self._workers,
            progress=self._progress,
            known=self._known,
            identifying=naming,
        )
        found = []
        for one, evidence in zip(opened, every, strict=True):
            if options.signatures is not None:
                evidence = replace(evidence, proofs=signatures.prove(evidence, options.signatures, one.found.roots))  # noqa: PLW2901
            findings = [*judge(evidence), *one.found.findings]
            proof = None
            named = naming.of(evidence.archive, evidence.facts) if naming is not None else None
            if options.receipt is not None:
                demanded = options.signatures is not None and options.signatures.required
                compared = receipts.check_receipt(options.receipt, evidence, named, signed=demanded)
                findings += compared.findings
                proof = compared.proof
            report = report_of(evidence, findings, options.policy, self._detail)
            held = holding_of(evidence.archive.roots, evidence.archive.format) if options.attested else None
            found.append(replace(report, receipt=proof, identity=named, holding=held))
        return found
