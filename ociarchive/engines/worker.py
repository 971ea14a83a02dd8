"""What a worker of a cluster does: it audits the sources of one chunk. The same chunk gives the same rows each time."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING, NamedTuple

from ociarchive.auditing.factstore import Remembered
from ociarchive.catalogue.terms import rules_digest
from ociarchive.engines.auditor import Auditor
from ociarchive.engines.engine import Row
from ociarchive.errors import HostError, OciArchiveError, UsageError
from ociarchive.version import VERSION
from ociarchive.workers import apart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ociarchive.auditing.report import Detail
    from ociarchive.engines.auditor import Place
    from ociarchive.engines.options import AuditOptions


class Identity(NamedTuple):
    """What two processes must have in common to give the same verdicts."""

    version: str
    rules: str


class Answer(NamedTuple):
    """What comes back from a worker. No rows: it is another than was asked for, or an `error` ended the chunk."""

    by: Identity
    rows: list[Row]
    error: OciArchiveError | None = None


class WorkerFault(RuntimeError):
    """A fault of ours on a worker, in words: its own class may not be known elsewhere."""


def identity() -> Identity:
    """Return that of this process."""
    return Identity(VERSION, rules_digest())


def work(asked: Identity, call: str, options: AuditOptions, detail: Detail, places: Sequence[Place]) -> Answer:
    """Audit some sources for a client of the same identity. `call` names the call; facts are shared within it alone."""
    mine = identity()
    if tuple(asked) != tuple(mine):
        return Answer(mine, [])
    try:
        # Dask's profiler keeps, for each of the last 1,000 seconds, all calls that it saw in the thread of a task. In a
        # thread that waits it sees few, and the memory of a worker hardly grows, whatever its configuration.
        return Answer(mine, apart(partial(_rows, call, options, detail, places)))
    except OciArchiveError as error:
        return Answer(mine, [], _sendable(error))
    except Exception as error:  # noqa: BLE001  it is raised again where it is shown
        raise WorkerFault(f"{type(error).__name__}: {error}") from None


def _rows(call: str, options: AuditOptions, detail: Detail, places: Sequence[Place]) -> list[Row]:
    with Auditor(options, detail, _facts(call), None) as auditor:
        auditor.open()
        return [_plain(row) for row in auditor.rows(places)]


@lru_cache(maxsize=1)
def _facts(call: str) -> Remembered:
    """Return what this process proved of layers in one call."""
    del call
    return Remembered()


def _plain(row: Row) -> Row:
    return row if row.error is None else Row(error=_sendable(row.error))


def _sendable(error: OciArchiveError) -> OciArchiveError:
    """Return an error of a class that every process makes alike."""
    kind = next((one for one in (UsageError, HostError) if isinstance(error, one)), OciArchiveError)
    return kind(error.what, where=error.where, expected=error.expected, found=error.found, hint=error.hint)
