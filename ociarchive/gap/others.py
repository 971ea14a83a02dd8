"""What the other side has, as a call says it: deltas are held against it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ociarchive.gap import bases
from ociarchive.gap.completing import Pool, complete
from ociarchive.gap.coverage import uncovered, unfound
from ociarchive.gap.have import load

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ociarchive.auditing import Finding
    from ociarchive.blobio.limits import Limits
    from ociarchive.gap.held import Held
    from ociarchive.model import Archive
    from ociarchive.remote.address import Access
    from ociarchive.selection.argument import Source


class Others:
    """What the call says that the other side has, for the audit of deltas: inventories, and archives that stay open."""

    def __init__(self, have: Sequence[Source], base: Sequence[Source], limits: Limits, access: Access) -> None:
        self._have, self._base, self._limits, self._access = have, base, limits, access
        self._held: Held | None = None
        self._pool: Pool | None = None
        self._open: list[Archive] = []

    def open(self) -> None:
        """Read the inventories and open the bases. UsageError: one is nothing of the kind."""
        if self._have:
            self._held = load(self._have, self._limits, self._access)
        for base in self._base:
            self._open.append(bases.opened(base, self._limits, self._access))
        if self._base:
            self._pool = Pool(self._open)

    def judged(self, archive: Archive) -> tuple[Archive, tuple[Finding, ...]]:
        """Return an archive with the layers that a base has, and a finding for each that the other side lacks."""
        found = tuple(uncovered(archive, self._held)) if self._held is not None else ()
        if self._pool is None:
            return archive, found
        whole = complete(archive, self._pool, declared=True)
        return whole, (*found, *unfound(whole))

    def close(self) -> None:
        """Close the bases."""
        for archive in self._open:
            archive.close()
