"""What the other side has, as a call says it: deltas are held against it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ociarchive.late import Late

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ociarchive.auditing import Finding
    from ociarchive.blobio.limits import Limits
    from ociarchive.gap import bases, completing, coverage, have
    from ociarchive.gap.held import Held
    from ociarchive.model import Archive
    from ociarchive.remote.address import Access
    from ociarchive.selection.argument import Source
else:
    bases = Late("ociarchive.gap.bases")
    completing = Late("ociarchive.gap.completing")
    coverage = Late("ociarchive.gap.coverage")
    have = Late("ociarchive.gap.have")


class Others:
    """What the call says that the other side has, for the audit of deltas: inventories, and archives that stay open."""

    def __init__(self, inventories: Sequence[Source], base: Sequence[Source], limits: Limits, access: Access) -> None:
        self._have, self._base, self._limits, self._access = inventories, base, limits, access
        self._held: Held | None = None
        self._pool: completing.Pool | None = None
        self._open: list[Archive] = []

    def open(self) -> None:
        """Read the inventories and open the bases. UsageError: one is nothing of the kind."""
        if self._have:
            self._held = have.load(self._have, self._limits, self._access)
        for base in self._base:
            self._open.append(bases.opened(base, self._limits, self._access))
        if self._base:
            self._pool = completing.Pool(self._open)

    def judged(self, archive: Archive) -> tuple[Archive, tuple[Finding, ...]]:
        """Return an archive with the layers that a base has, and a finding for each that the other side lacks."""
        found = tuple(coverage.uncovered(archive, self._held)) if self._held is not None else ()
        if self._pool is None:
            return archive, found
        whole = completing.complete(archive, self._pool, declared=True)
        return whole, (*found, *coverage.unfound(whole, self._pool))

    def close(self) -> None:
        """Close the bases."""
        for archive in self._open:
            archive.close()
