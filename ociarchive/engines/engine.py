"""The seam between an audit of many sources and what does the work: chunks go in, rows come back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ociarchive.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ociarchive.auditing import Report
    from ociarchive.errors import OciArchiveError
    from ociarchive.selection.argument import Source


class EngineError(HostError):
    """What does the work is gone, or cannot be used. Nothing more is audited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What became of one source: its report, or the error that kept it from being audited.

    Not `finished`: the report says only that the work on it ended. It is not recorded, and the status is 3.
    """

    report: Report | None = None
    error: OciArchiveError | None = None
    finished: bool = True


class Engine(Protocol):
    """Audits chunks of sources. One thread calls it.

    `most` is how many sources a chunk may have, and `weight` how many bytes, where it has more than one; None for any
    number. `waiting` is how many rows the caller should keep at most while it waits for one before them. `remote` says
    that the work is done in other processes: they have neither this one's pipes nor its facts.
    """

    @property
    def most(self) -> int:
        """How many sources a chunk may have."""

    @property
    def weight(self) -> int | None:
        """How many bytes a chunk may have, None for any number."""

    @property
    def remote(self) -> bool:
        """Whether other processes do the work."""

    @property
    def waiting(self) -> int:
        """How many rows may wait for one before them."""

    @property
    def room(self) -> bool:
        """Whether another chunk can be submitted now."""

    def submit(self, number: int, sources: Sequence[Source]) -> None:
        """Hand over a chunk under a number. EngineError: it cannot be handed over."""

    def take(self) -> tuple[int, list[Row]]:
        """Wait for a chunk and return its number and the rows of its sources, in their order.

        CatalogueError: facts cannot be read. EngineError: what does the work is gone. Others are faults of ours.
        """

    def close(self) -> None:
        """Drop what is not done, and let go of everything."""
