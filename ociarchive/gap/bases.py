"""An archive that the call names beside its SOURCEs: what the other side has, or what completes an archive."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ociarchive.opening import open_archive
from ociarchive.selection.select import Selectors, select
from ociarchive.selection.untagged import reachable

if TYPE_CHECKING:
    from ociarchive.blobio.limits import Limits
    from ociarchive.model import Archive
    from ociarchive.remote.address import Access
    from ociarchive.selection.argument import Source


def opened(source: Source, limits: Limits, access: Access | None = None, spool_folder: str | None = None) -> Archive:
    """Return the archive of a source; where selectors stand behind it with what they take alone, and no stray blob.

    The caller closes it. UsageError: a selector takes nothing. Other errors are those of `open_archive`.
    """
    archive = open_archive(source.path, spool_folder=spool_folder, limits=limits, access=access)
    if not source.images:
        return archive
    try:
        found = reachable(archive, source.images)
        chosen = select(found.roots, Selectors(images=source.images), archive.where)
    except BaseException:
        archive.close()
        raise
    return replace(found, roots=chosen.roots, untagged=(), stored=(), loose=None)
