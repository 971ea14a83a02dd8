"""Adding files to a folder that is in use: nothing that is there is touched, nothing is written through links."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from ociarchive.bytes.sink import fsync_folder
from ociarchive.bytes.source import close_read
from ociarchive.errors import ContentError, UsageError, cannot

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_COMPARED: Final = 1 << 20


@contextmanager
def locked(folder: str) -> Iterator[None]:
    """Let others wait who add to the same folder. HostError: it cannot be opened."""
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise cannot("open", error, folder) from error
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        close_read(fd)


@contextmanager
def undone_on_failure() -> Iterator[list[str]]:
    """Give a list for files and folders, which are removed again, the last first, if what follows fails."""
    added: list[str] = []
    try:
        yield added
    except BaseException:
        for path in reversed(added):
            with suppress(OSError):
                if os.path.isdir(path):
                    os.rmdir(path)
                else:
                    os.unlink(path)
        raise


def files_below(folder: str) -> Iterator[str]:
    """Give the paths of all files in a folder, relative to it, in order."""
    for path, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            yield os.path.relpath(os.path.join(path, name), folder)


def add(dest: str, staged: str, names: Iterable[str], added: list[str], *, sync: bool) -> None:
    """Move files into DEST that it has not; what is new, folders too, is in `added` before it is there.

    ContentError: DEST has one that differs. UsageError: a link stands in the way. HostError: DEST cannot be written.
    """
    changed: dict[str, None] = {}
    for name in names:
        source, target = os.path.join(staged, name), os.path.join(dest, name)
        folder = os.path.dirname(target)
        if folder not in changed:
            for made in _make(dest, os.path.dirname(name), added):
                changed[os.path.dirname(made)] = None
            changed[folder] = None
        try:
            if not os.path.lexists(target):
                added.append(target)
                os.rename(source, target)
                continue
        except OSError as error:
            raise cannot("write", error, target) from error
        if not same(source, target):
            raise ContentError("a file of DEST differs from the one of its name that was just made", where=target)
    if sync:
        for folder in sorted(changed, key=len, reverse=True):
            fsync_folder(folder, folder)


def _make(dest: str, folder: str, added: list[str]) -> Iterator[str]:
    """Make a folder of DEST, and those that it lies in; give those that were not there."""
    path = dest
    try:
        for part in filter(None, folder.split("/")):
            path = os.path.join(path, part)
            if os.path.islink(path):
                raise UsageError("a link stands where files would be added; nothing is written there", where=path)
            if not os.path.isdir(path):
                added.append(path)
                os.mkdir(path)
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
