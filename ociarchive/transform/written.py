"""What a conversion wrote, listed for its receipt: names, digests and files of DEST, and DEST's own digest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ociarchive.auditing.holding import holding
from ociarchive.auditing.identity import Identifying, Identity

if TYPE_CHECKING:
    from ociarchive.auditing.holding import Holding
    from ociarchive.blobio.partlist import PartList
    from ociarchive.model import Archive
    from ociarchive.workers import Workers


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What DEST is called and holds. `identity` is DEST's own digest, None where nothing made it; `parts` its parts."""

    holding: Holding
    identity: Identity | None = None
    parts: PartList | None = None


def listed(archive: Archive, workers: Workers, identity: Identity | None = None, *, whole: bool = False) -> Written:
    """Return what an open archive is called and holds; with `whole` the digest of its file, too.

    `identity` is what it is known by already. HostError: a file cannot be read.
    """
    if whole and identity is None:
        naming = Identifying([archive], workers)
        workers.run(naming.calls)
        identity = naming.of_file(archive)
    return Written(holding=holding(archive, workers.check), identity=identity)
