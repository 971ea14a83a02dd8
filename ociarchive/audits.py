"""Audits of many sources: an engine audits some at a time, and each report is given in the order of the sources."""

from __future__ import annotations

import os
import stat
from collections import deque
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Final, Self

from ociarchive.auditing.factstore import Remembered
from ociarchive.auditing.run import Unread
from ociarchive.blobio.beside import OverwriteError
from ociarchive.blobio.locks import nobody
from ociarchive.catalogue.failure import CatalogueError
from ociarchive.engines.auditor import Auditor, Place
from ociarchive.engines.engine import EngineError
from ociarchive.engines.options import AuditOptions
from ociarchive.engines.threads import Threads
from ociarchive.errors import HostError, UsageError, without_credentials
from ociarchive.late import Late
from ociarchive.objects.address import is_object
from ociarchive.objects.address import parse as parse_object
from ociarchive.opening.folders import TEXT, archives_below, is_text_object, no_archive, require_outside
from ociarchive.selection.argument import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ociarchive.auditing import Report, identity
    from ociarchive.auditing.factstore import FactStore
    from ociarchive.auditing.hearing import Hearer
    from ociarchive.auditing.report import Detail
    from ociarchive.blobio.locks import Hear
    from ociarchive.catalogue import recording, stamps
    from ociarchive.catalogue.ledger import Ledger
    from ociarchive.catalogue.stamps import Stamp
    from ociarchive.engines.engine import Engine
    from ociarchive.errors import OciArchiveError
    from ociarchive.measure import Progress
    from ociarchive.opening import bucket
else:
    bucket = Late("ociarchive.opening.bucket")
    stamps = Late("ociarchive.catalogue.stamps")
    recording = Late("ociarchive.catalogue.recording")
    identity = Late("ociarchive.auditing.identity")

__all__ = ["AuditOptions", "Audits", "audit_one", "ledger_of"]

#: Of what has no size on this machine so many go into a chunk that is bounded by bytes: folders, and images elsewhere.
_OF_UNKNOWN_SIZE: Final = 4
#: Errors that end the call. Any other is one source's, and the others go on.
_ENDING: Final = (OverwriteError, CatalogueError, EngineError)


@dataclass(slots=True, kw_only=True)
class _Item:
    """A source in the order of the call: its report, or what is needed until there is one. `gone`: there is none."""

    source: Source
    name: str = ""
    state: Stamp | None = None
    report: Report | None = None
    gone: bool = False

    @property
    def ready(self) -> bool:
        return self.report is not None or self.gone


class Audits:
    """Sources that are being audited. `unread` names those that could not be audited. `status` is the worst so far.

    With a `ledger` what did not change is taken from it, and each report is recorded before it is given. `engine` makes
    what does the work from the options and the detail of its reports; the threads of this process do without it.
    Leaving it as a context ends the work and closes the archives.
    """

    def __init__(
        self,
        options: AuditOptions,
        hear: Hearer,
        progress: Progress | None = None,
        ledger: Ledger | None = None,
        engine: Callable[[AuditOptions, Detail], Engine] | None = None,
    ) -> None:
        if ledger is not None:  # a later call may want the digest of an archive that did not change
            options = replace(options, identified=True)
        self._options, self._hear, self._progress, self._ledger = options, hear, progress, ledger
        self._known: FactStore = ledger.facts if ledger is not None else Remembered()
        self._made = engine
        self._engine: Engine | None = None
        self._queue: deque[_Item] = deque()  # in the order of the sources
        self._chunk: list[_Item] = []
        self._weight = 0
        self._chunks: dict[int, list[_Item]] = {}
        self._number = 0
        self._listed: Stamp | None = None
        self.unread: list[Unread] = []
        self.status = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._engine is not None:
            self._engine.close()

    def reports(self, arguments: Iterable[str], parse: Callable[[str], Source]) -> Iterator[Report]:
        """Give the reports of all sources in their order. `parse` makes a source of an argument, or raises UsageError.

        An error that `opens` of the listener raises ends the call, and so does one of the catalogue or of the engine
        itself. Any other error is reported, and the others go on.
        """
        detail: Detail = "all" if self._ledger is not None else self._options.detail
        engine: Engine
        if self._made is not None:
            engine = self._made(self._options, detail)
        else:
            engine = Threads(self._options, detail, self._known, self._progress)
        self._engine = engine
        for argument in arguments:
            yield from self._take(argument, parse, engine)
        self._submit(engine)
        while self._chunks:
            self._settle(engine)
            yield from self._ready()
        yield from self._ready()

    def _take(self, argument: str, parse: Callable[[str], Source], engine: Engine) -> Iterator[Report]:
        try:
            asked = parse(argument)
            empty = True
            for one, report in self._sources(asked):
                empty = False
                self._hear.opens(one.path)
                if self._ledger is not None and report is None:  # what is recorded stood apart then, and did not change
                    self._ledger.apart_from(one.path)
                self._added(one, report, argument if one.path == asked.path else one.path, engine)
                yield from self._advance(engine)
            if empty:
                raise UsageError("no archive lies below this folder", where=argument)
        except _ENDING:
            raise
        except (UsageError, HostError) as error:
            self._fails(error, argument)

    def _sources(self, one: Source) -> Iterator[tuple[Source, Report | None]]:
        """Give the sources of an argument, with the report of each that a catalogue has and that did not change."""
        if self._options.recursive and not one.images and is_object(one.path) and parse_object(one.path).is_folder:
            yield from self._objects(one.path)
            return
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
            if report is None and (what := no_archive(path)) is not None:
                self._hear.passes_over(path, what)
            else:
                yield found, report

    def _objects(self, folder: str) -> Iterator[tuple[Source, Report | None]]:
        """Give the objects below a folder in object storage. A listing says the state of each."""
        for path, known in bucket.objects_below(folder):
            found = Source(path=path)
            self._listed = stamps.of_object(path, known) if known is not None else None
            report = self._recorded(found)
            if report is None and known is not None and is_text_object(path, known):
                self._hear.passes_over(path, TEXT)
            else:
                yield found, report

    def _recorded(self, one: Source) -> Report | None:
        if self._ledger is None:
            return None
        demanded = (*one.images, *self._options.images)
        found = self._ledger.known(one.path, demanded, self._options.detail, self._state_of(one.path))
        return replace(found, demanded=demanded) if found is not None and demanded else found

    def _added(self, one: Source, report: Report | None, name: str, engine: Engine) -> None:
        """Add a source. One that cannot be audited ends nothing: the others in its folder go on."""
        try:
            self._add(_Item(source=one, name=name, report=report), engine)
        except _ENDING:
            raise
        except (UsageError, HostError) as error:
            self._fails(error, name)

    def _add(self, item: _Item, engine: Engine) -> None:
        """Put a source into the queue, and into a chunk where no report is known of it."""
        path = item.source.path
        if item.report is None:
            if engine.remote:
                _require_findable(path)
            listed = self._state_of(path)
            item.state = (listed or stamps.stamp(path)) if self._ledger is not None else None
            if item.state is None and self._ledger is not None and (path == "-" or os.path.exists(path)):
                self._hear.unrecorded(path)
            weight = _weight(item.source.path, item.state or listed, engine.weight) if engine.weight is not None else 0
            if engine.weight is not None and self._weight + weight > engine.weight:
                self._submit(engine)
            self._chunk.append(item)
            self._weight += weight
        self._queue.append(item)
        if len(self._chunk) >= engine.most:
            self._submit(engine)

    def _state_of(self, path: str) -> Stamp | None:
        """Return the state that a listing has just said."""
        return self._listed if self._listed is not None and self._listed.path == path else None

    def _submit(self, engine: Engine) -> None:
        if not self._chunk:
            return
        while not engine.room:
            self._settle(engine)
        chunk, self._chunk, self._weight = self._chunk, [], 0
        self._number += 1
        self._chunks[self._number] = chunk
        engine.submit(self._number, [item.source for item in chunk])

    def _advance(self, engine: Engine) -> Iterator[Report]:
        """Give what is ready; take work back where the engine has no room for more, or where too much waits here."""
        while self._chunks and not engine.room:
            self._settle(engine)
        if len(self._queue) >= engine.waiting:
            self._submit(engine)
            while self._chunks and not self._queue[0].ready:
                self._settle(engine)
        yield from self._ready()

    def _ready(self) -> Iterator[Report]:
        while self._queue and self._queue[0].ready:
            report = self._queue.popleft().report
            if report is not None:
                yield report

    def _settle(self, engine: Engine) -> None:
        """Take a chunk back, and record its reports before anybody has them."""
        number, rows = engine.take()
        chunk = self._chunks.pop(number)
        made = [
            (item, None if row.report is None else _about(row.report, item.source, self._options), row.finished)
            for item, row in zip(chunk, rows, strict=True)
        ]
        if self._ledger is not None:
            demanded = self._options.images
            kept = [(item, report) for item, report, finished in made if report is not None and finished]
            if engine.remote:
                for _, report in kept:
                    self._learn(report)
            self._ledger.keep(
                (item.state, (*item.source.images, *demanded), report)
                for item, report in kept
                if item.state is not None
            )
        for item, taken, finished in made:
            item.report = None if taken is None else recording.with_detail(taken, self._options.detail)
            self.status = max(self.status, 0 if finished else HostError.status)
        for item, row in zip(chunk, rows, strict=True):
            if row.error is not None:
                item.gone = True
                self._fails(row.error, item.name)

    def _learn(self, report: Report) -> None:
        """Keep what another process proved of layers."""
        for blob in report.proof.blobs if report.proof is not None else ():
            if blob.fact is not None:
                self._known.put(blob.fact)

    def _fails(self, error: OciArchiveError, *names: str) -> None:
        self.status = max(self.status, error.status)
        told = map(without_credentials, names)
        self.unread += [Unread(source=name, why=str(error), status=error.status) for name in told]
        self._hear.fails(error)


def _require_findable(path: str) -> None:
    """Refuse what no other process can read (UsageError)."""
    if path == "-":
        raise UsageError("standard input cannot be sent to workers", hint="name a file, or leave --engine out")
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise UsageError("only files and folders can be sent to workers", where=path, hint="leave --engine out")


def _weight(path: str, state: Stamp | None, most: int) -> int:
    """Return the bytes that a source counts for in a chunk of `most` bytes."""
    if state is not None and state.size is not None:
        return state.size
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return most // _OF_UNKNOWN_SIZE
    return status.st_size if stat.S_ISREG(status.st_mode) else most // _OF_UNKNOWN_SIZE


def ledger_of(
    path: str, options: AuditOptions, *, clock: Callable[[], str], again: bool = False, hear: Hear = nobody
) -> Ledger:
    """Return the catalogue at a path for an audit with these options. `clock` gives the times that are recorded.

    OverwriteError: it would stand inside of an archive. UsageError: it is no catalogue, or of a newer version.
    HostError: it is damaged, or cannot be opened.
    """
    if options.base:
        raise UsageError("a catalogue records what archives hold by themselves, not what a base completes", where=path)
    require_outside(path, "catalogue")
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
    with Auditor(options, options.detail, Remembered(), progress) as auditor:
        auditor.open()
        return _about(auditor.report(Place(source=one, path=one.path)), one, options)


def _about(report: Report, one: Source, options: AuditOptions) -> Report:
    """Return a report with what is known of its source beside the archive."""
    size = os.path.getsize(one.path) if os.path.isfile(one.path) else None
    named = report.identity
    if named is None and options.identified and size is not None and report.contents is None:
        named = identity.identity_of_file(one.path)
    return replace(report, demanded=(*one.images, *options.images), size=size, identity=named)
