"""What reports say about the run that made them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ociarchive.blobio.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A source that could not be audited at all: its name in the call, the error, and the exit status of that."""

    source: str
    why: str
    status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of the audit.

    `command` is the command line of the call. `time` is in UTC, and is SOURCE_DATE_EPOCH where that is set. `seconds`
    is the duration. `sha256` has the digest of each source that is a file, by its name. `versions` are those of the
    program, Python and the codecs. `folder` is the current folder, to which paths are relative. `others` are the
    inventories and bases of deltas. `unread` are the sources that could not be audited, where that is known.
    """

    command: tuple[str, ...]
    time: datetime
    seconds: float
    limits: Limits = field(default_factory=Limits)
    sha256: Mapping[str, str | None] = field(default_factory=dict)
    sizes: Mapping[str, int | None] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    receipt: str | None = None
    others: tuple[str, ...] = ()
    folder: str = ""
    unread: tuple[Unread, ...] = ()

    def within(self, limits: Limits) -> Run:
        """Return this run with its limits."""
        return replace(self, limits=limits)
