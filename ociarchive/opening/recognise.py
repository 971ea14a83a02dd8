"""From a container to an archive: which format it has, or what it is instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ociarchive.extent import require_listable
from ociarchive.formats import _lookalike, detect
from ociarchive.opening.folders import archive_around, holds_archive
from ociarchive.opening.refused import NotAnArchiveError, damaged, instead

if TYPE_CHECKING:
    from ociarchive.container import Container
    from ociarchive.formats.format import Format
    from ociarchive.model import Archive


def read(container: Container, path: str, host: str | None = None) -> Archive:
    """Return the graph of a container at `path`. The container is closed where it holds no archive.

    `host` is the one that names had which have none in their format, None for the default.

    NotAnArchiveError: no image archive. ContentError: one that cannot be read at all.
    """
    try:
        found = detect(container)
        if (misread := _lookalike.misread(container, path)) is not None:
            raise instead(misread, container.where)
        if found is None and container.kind == "tar":
            container, found = _packed_with_its_folder(container)
        elif found is not None and container.kind == "tar":
            _lookalike.note_packed(found, container)
        if found is None:
            raise _not_an_archive(container, path)
        reader = found.hosted(host) if host is not None and found.hosted is not None else found.reader
        archive = reader.read(container)
        require_listable((*archive.roots, *archive.untagged), container.limits, container.where)
    except BaseException:
        container.close()
        raise
    return archive


def _packed_with_its_folder(container: Container) -> tuple[Container, Format | None]:
    """Return the archive in the folder that contains all members of a tar, or in one above it; else the tar itself."""
    for folder, inside in _lookalike.folders_of_all(container):
        if (misread := _lookalike.misread(inside, folder)) is not None:
            raise instead(misread, container.where)
        if (found := detect(inside)) is not None and _lookalike.is_marked(found, inside):
            _lookalike.note_folder(folder, container)
            return inside, found
    return container, None


def _not_an_archive(container: Container, path: str) -> NotAnArchiveError:
    if container.kind == "directory":
        told = _lookalike.below(path, holds_archive) or _lookalike.within(archive_around(path))
        if told is not None:
            return instead(told, container.where)
    names = [name for _, name in zip(range(3), container.names(), strict=False)]
    what = "tar" if container.kind == "tar" else "folder"
    if container.damaged:
        return damaged(next(iter(container.flaws)))
    found = f"a {what} with {', '.join(names)}" if names else f"an empty {what}"
    return NotAnArchiveError(
        "not an image archive",
        where=container.where,
        expected="manifest.json, index.json or oci-layout in it",
        found=found,
    )
