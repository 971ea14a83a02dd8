"""Folders: which archives are below a folder, and which of its files belong to an archive."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Final

from ociarchive.blobio.beside import OverwriteError
from ociarchive.blobio.filetype import HEAD
from ociarchive.blobio.partlist import LIST, looks_like_list
from ociarchive.blobio.source import close_read, open_regular
from ociarchive.blobio.sqlitefile import file_beside, is_catalogue
from ociarchive.container import DirectoryContainer, looks_like_tar
from ociarchive.errors import ContentError, HostError, OciArchiveError, UsageError
from ociarchive.formats import _lookalike, detect
from ociarchive.late import Late
from ociarchive.model import nodes, parts
from ociarchive.objects.address import parse
from ociarchive.opening import partset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ociarchive.formats.format import Format
    from ociarchive.objects import store
    from ociarchive.objects.store import Known
else:
    store = Late("ociarchive.objects.store")

#: What a text is called that is passed over.
TEXT: Final = "a text file"
#: In bytes: lists of checksums of a thousand archives have a tenth of it.
_LARGEST_TEXT: Final = 1 << 20


def format_in(folder: str) -> Format | None:
    """Return the format of the archive in a folder, None where it holds none. HostError: it cannot be read."""
    container = DirectoryContainer(folder, folder)
    try:
        return detect(container)
    finally:
        container.close()


def owned_names(path: str) -> Callable[[str], bool] | None:
    """Return a test for whether a path in a folder belongs to the archive, None where the folder holds no archive.

    Folders of many programs have a manifest.json or an index.json. Only a format's own marker makes one an archive.
    A folder's path ends in `/`. HostError: it cannot be read.
    """
    container = DirectoryContainer(path, path)
    try:
        found = detect(container)
        if found is None:
            return None
        reader = found.reader
        archive = reader.read(container)
        marked = reader.marker is None or container.get(reader.marker) is not None
    except ContentError:
        return None
    finally:
        container.close()
    if not marked or not (archive.roots or archive.stored):
        return None
    named = {part.name for node in nodes(archive.roots) for part in parts(node)}
    return lambda name: reader.owns(name) or name in named


def archives_below(folder: str, is_known: Callable[[str], bool] = lambda _: False) -> Iterator[str]:
    """Give the paths of archives in a folder and the folders below it, sorted. A folder that is one is not entered.

    Files of other kinds are given too, and the caller judges them. Hidden files are skipped, and so are the parts of an
    archive, for which its list stands. A folder that `is_known` to be an archive is not opened. What may not be looked
    at is given as well: who opens it learns why, and the others go on.
    """
    pending = [iter(((folder, True),))]  # of each folder on the way what is still to come, for they may lie very deep
    while pending:
        path, is_folder = next(pending[-1], (None, False))
        if path is None:
            pending.pop()
            continue
        found = None if not is_folder or is_known(path) else _inside(path)
        if found is None:
            yield path
        else:
            pending.append(iter(found))


def _inside(folder: str) -> list[tuple[str, bool]] | None:
    """Return the paths in a folder to go through, None for an archive and for what may not be looked at."""
    try:
        return None if format_in(folder) is not None else list(_entries(folder))
    except (HostError, UsageError, OSError):
        return None


def _entries(folder: str) -> Iterator[tuple[str, bool]]:
    """Give the paths in a folder that are not skipped, sorted, each with whether it is a folder. OSError as scandir."""
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    inside = {path for entry in entries if entry.name.endswith(LIST) for path in partset.files_of(entry.path)[1:]}
    for entry in entries:
        is_folder = entry.is_dir(follow_symlinks=False)
        if not entry.name.startswith(".") and entry.path not in inside and (is_folder or _may_be_file(entry)):
            yield entry.path, is_folder


def _may_be_file(entry: os.DirEntry[str]) -> bool:
    """Whether an entry leads to a file, as far as that may be known; a link in a circle leads to none."""
    try:
        return entry.is_file()
    except OSError as error:
        return error.errno != errno.ELOOP


def is_text_object(source: str, known: Known) -> bool:
    """Whether an object is plain text, by its first bytes. Large ones are not asked for them: no text is so large."""
    if known.size > _LARGEST_TEXT or not known.size:
        return False
    address = parse(source)
    return _is_text(store.store_of(address.bucket).read(address, 0, min(known.size, HEAD), known))


def no_archive(path: str) -> str | None:
    """Return what a file is, in words, that may lie beside archives and is certainly none; None for any other.

    It is plain text, such as a list of checksums or a note, and no list of parts; or a catalogue of ours.
    """
    head = _head(path)
    if _is_text(head) and not looks_like_list(head):
        return TEXT
    if _is_catalogue(head):
        return "a catalogue of ociarchive"
    whose = file_beside(path, head)
    return "a file of a catalogue of ociarchive" if whose is not None and _is_catalogue(_head(whose)) else None


def _head(path: str) -> bytes:
    """Return how a file begins; nothing where it cannot be read or is none."""
    try:
        fd = open_regular(path, path)
    except OciArchiveError:
        return b""
    try:
        return os.pread(fd, HEAD, 0)
    except OSError:
        return b""
    finally:
        close_read(fd)


def _is_catalogue(head: bytes) -> bool:
    """Whether a file begins as a catalogue of ours. The name of a tar's first member can be made to look like one."""
    return is_catalogue(head) and not looks_like_tar(head)


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        text = head[: error.start].decode("utf-8") if error.start > len(head) - 4 else ""
    return bool(text) and all(char.isprintable() or char in "\n\r\t" for char in text)


def holds_archive(folder: str) -> bool:
    """Whether a folder holds an archive for certain."""
    try:
        container = DirectoryContainer(folder, folder)
    except (HostError, UsageError):  # it is not there, or may be passed through and not looked at
        return False
    try:
        found = detect(container)
        return found is not None and _lookalike.is_marked(found, container)
    except OciArchiveError:
        return False
    finally:
        container.close()


def archive_around(path: str) -> str | None:
    """Return the innermost folder around a path that holds an archive for certain, None where none does."""
    folder = os.path.realpath(path)
    while (above := os.path.dirname(folder)) != folder:
        folder = above
        if holds_archive(folder):
            return folder
    return None


def require_outside(path: str, what: str) -> None:
    """Refuse a file, `what` it is, in an archive's folder, be that one of the call or not: it would belong to nothing.

    OverwriteError: it would stand there.
    """
    folder = archive_around(path)
    if folder is not None:
        told = f"the {what} would overwrite a part of an archive, or stand inside of one"
        raise OverwriteError(told, where=path, found=folder, hint="choose another folder")
