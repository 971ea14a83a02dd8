"""Add files to a folder that is in use. Nothing in it is changed, and nothing is written through links."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, TypeAlias

from ociarchive.blobio.files import fsync_folder
from ociarchive.errors import ContentError, UsageError, cannot

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ociarchive.blobio.rights import Rights

_COMPARED: Final = 1 << 20
#: What was added: a path, with the file's identity, or without one for a folder.
Added: TypeAlias = "list[tuple[str, os.stat_result | None]]"


@contextmanager
def undone_on_failure() -> Iterator[Added]:
    """Give a list for files and folders. They are removed again, the last first, if the `with` block fails."""
    added: Added = []
    try:
        yield added
    except BaseException:
        for path, file in reversed(added):
            with suppress(OSError):
                if file is None:
                    os.rmdir(path)
                elif os.path.samestat(os.lstat(path), file):  # else another program wrote it
                    os.unlink(path)
        raise


def files_below(folder: str) -> Iterator[str]:
    """Give the paths of all files in a folder, relative to it, in order."""
    for path, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            yield os.path.relpath(os.path.join(path, name), folder)


def add(dest: str, staged: str, names: Iterable[str], added: Added, rights: Rights, *, sync: bool) -> None:
    """Move files into DEST that it lacks. Each new file or folder is listed in `added` before it exists.

    ContentError: a file of DEST differs. UsageError: a link is in the way. HostError: DEST cannot be written.
    """
    changed: dict[str, None] = {}
    for name in names:
        source, target = os.path.join(staged, name), os.path.join(dest, name)
        folder = os.path.dirname(target)
        if folder not in changed:
            for made in _make(dest, os.path.dirname(name), added, rights):
                changed[os.path.dirname(made)] = None
            changed[folder] = None
        try:
            if not os.path.lexists(target):
                rights.give(source, name, added=True)
                added.append((target, os.lstat(source)))
                os.rename(source, target)
                continue
        except OSError as error:
            raise cannot("write", error, target) from error
        if not same(source, target):
            raise ContentError("a file of DEST differs from the one of its name that was just made", where=target)
    if sync:
        for folder in sorted(changed, key=len, reverse=True):
            fsync_folder(folder, folder)


def _make(dest: str, folder: str, added: Added, rights: Rights) -> Iterator[str]:
    """Make a folder of DEST and its parents, and give those that did not exist."""
    path = dest
    try:
        for part in filter(None, folder.split("/")):
            path = os.path.join(path, part)
            if os.path.islink(path):
                raise UsageError("a link stands where files would be added; nothing is written there", where=path)
            if not os.path.isdir(path):
                added.append((path, None))
                try:
                    os.mkdir(path, 0o700)  # private until it has the rights of the folders around it
                except FileExistsError:
                    added.pop()  # another program made it, if it is a folder; else the next step fails
                    continue
                rights.give(path, os.path.relpath(path, dest), added=True)
                yield path
    except OSError as error:
        raise cannot("write", error, path) from error


def same(one: str, other: str) -> bool:
    """Whether two files hold the same bytes. HostError: one cannot be read."""
    try:
        with open(one, "rb") as left, open(other, "rb") as right:
            while True:
                a, b = left.read(_COMPARED), right.read(_COMPARED)
                if a != b:
                    return False
                if not a:
                    return True
    except OSError as error:
        raise cannot("read", error, other) from error
