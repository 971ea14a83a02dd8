"""The engine of one machine: threads of this process, over some archives at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ociarchive.engines.auditor import TOGETHER, Auditor, Place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ociarchive.auditing.factstore import FactStore
    from ociarchive.auditing.report import Detail
    from ociarchive.engines.engine import Row
    from ociarchive.engines.options import AuditOptions
    from ociarchive.measure import Progress
    from ociarchive.selection.argument import Source

#: How many reports wait for an archive before them, so that all are given in order.
_WAITING: Final = 64


class Threads:
    """An Engine whose threads read the blobs of one chunk side by side; the work is done while it is waited for."""

    most = TOGETHER
    weight = None
    remote = False
    waiting = _WAITING

    def __init__(self, options: AuditOptions, detail: Detail, known: FactStore, progress: Progress | None) -> None:
        """UsageError: what the call says that the other side has is nothing of the kind."""
        self._auditor = Auditor(options, detail, known, progress)
        self._chunk: tuple[int, Sequence[Source]] | None = None
        try:
            self._auditor.open()
        except BaseException:
            self._auditor.close()
            raise

    @property
    def room(self) -> bool:
        """Whether no chunk waits."""
        return self._chunk is None

    def submit(self, number: int, sources: Sequence[Source]) -> None:
        """Keep a chunk until it is waited for."""
        self._chunk = number, sources

    def take(self) -> tuple[int, list[Row]]:
        """Audit the chunk. CatalogueError: facts cannot be read."""
        if self._chunk is None:
            raise RuntimeError("no chunk was submitted")
        (number, sources), self._chunk = self._chunk, None
        return number, self._auditor.rows([Place(source=one, path=one.path) for one in sources])

    def close(self) -> None:
        """End the threads."""
        self._auditor.close()
