"""Adding files to a folder that is in use: nothing that is there is touched, nothing is written through links."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from ociarchive.bytes.sink import fsync_folder
from ociarchive.errors import ContentError, HostError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_COMPARED: Final = 1 << 20


@contextmanager
def locked(folder: str) -> Iterator[None]:
    """Let others wait who add to the same folder. HostError: it cannot be opened."""
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise HostError(f"cannot open: {error.strerror}", where=folder) from error
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


@contextmanager
def undone_on_failure() -> Iterator[list[str]]:
    """Give a list of paths, which are removed again if what follows fails."""
    added: list[str] = []
    try:
        yield added
    except BaseException:
        for path in added:
            with suppress(OSError):
                os.unlink(path)
        raise


def files_below(folder: str) -> Iterator[str]:
    """Give the paths of all files in a folder, relative to it, in order."""
    for path, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            yield os.path.relpath(os.path.join(path, name), folder)


def add(dest: str, staged: str, names: Iterable[str], *, sync: bool) -> Iterator[str]:
    """Move files into DEST that it has not; give each new path as soon as it is there.

    ContentError: DEST has one that differs. UsageError: a link stands in the way. HostError: DEST cannot be written.
    """
    folders: dict[str, None] = {}
    for name in names:
        source, target = os.path.join(staged, name), os.path.join(dest, name)
        folder = os.path.dirname(target)
        if folder not in folders:
            _make(dest, os.path.dirname(name))
            folders[folder] = None
        try:
            if not os.path.lexists(target):
                os.rename(source, target)
                yield target
                continue
        except OSError as error:
            raise HostError(f"cannot write: {error.strerror}", where=target) from error
        if not same(source, target):
            raise ContentError("a file of DEST differs from the one of its name that was just made", where=target)
    if sync:
        for folder in folders:
            fsync_folder(folder)


def _make(dest: str, folder: str) -> None:
    path = dest
    try:
        for part in filter(None, folder.split("/")):
            path = os.path.join(path, part)
            if os.path.islink(path):
                raise UsageError("a link stands where files would be added; nothing is written there", where=path)
            if not os.path.isdir(path):
                os.mkdir(path)
    except OSError as error:
        raise HostError(f"cannot write: {error.strerror}", where=path) from error


def same(one: str, other: str) -> bool:
    """Whether two files hold the same bytes. HostError: one cannot be read."""
    with open(one, "rb") as left, open(other, "rb") as right:
        while True:
            a, b = left.read(_COMPARED), right.read(_COMPARED)
            if a != b:
                return False
            if not a:
                return True
