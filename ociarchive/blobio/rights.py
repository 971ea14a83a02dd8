"""Who may read new files. A file that replaces another keeps its mode, owner and access list, whatever the umask.

A file that replaces nothing gets those of its neighbours: who could read a store can read what is added to it.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from ociarchive.blobio.locks import nobody
from ociarchive.blobio.source import close_read
from ociarchive.errors import cannot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ociarchive.blobio.locks import Hear

#: Where Linux keeps access lists (acl(5)); what a folder hands down to new files is one of its own.
_ACCESS: Final = "system.posix_acl_access"
_DEFAULT: Final = "system.posix_acl_default"
#: What a system says that does not let a user, a namespace or a file system change owners or access lists.
_MAY_NOT: Final = (errno.EPERM, errno.EACCES, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS)
_READ, _FILE, _READ_BY_OTHERS = 0o444, 0o666, 0o044
#: Files that stand for all others of an archive, in this order.
_MODELS: Final = ("index.json", "manifest.json")


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The rights that a file or folder will get. `exact`: it replaces the same file from which they were read."""

    mode: int
    uid: int
    gid: int
    lists: tuple[tuple[str, bytes | None], ...]
    exact: bool


class Rights:
    """The modes, owners and access lists of `old`, a file or folder, for what takes its place or is added to it."""

    def __init__(self, old: str, where: str, hear: Hear = nobody, *, sync: bool = False) -> None:
        """`where` is its name in messages. `hear` reports what cannot be kept. `sync` writes changes through."""
        self._old, self._where, self._hear, self._sync = old, where, hear, sync
        self._model: _Wanted | None = None
        self._said: set[str] = set()

    def give_all(self, path: str) -> None:
        """Give a new file, or a folder and all that is in it, what `old` has. HostError: it cannot be done."""
        if not os.path.isdir(path):
            self.give(path, "")
        for folder, _, names in os.walk(path, topdown=False):  # a folder that may not be entered any more comes last
            below = os.path.relpath(folder, path)
            for name in sorted(names):
                self.give(os.path.join(folder, name), os.path.normpath(os.path.join(below, name)))
            self.give(folder, "" if below == "." else below)

    def give(self, path: str, name: str, *, added: bool = False) -> None:
        """Give a new file or folder what the one of `name` in `old` has (empty for `old` itself).

        What is `added` has nothing of that name to replace, whatever stands there by now.
        """
        try:
            status = os.lstat(path)
            wanted = self._wanted(name, folder=stat.S_ISDIR(status.st_mode), added=added)
            if _is_so(path, status, wanted):
                return
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                self._change(fd, wanted, name)
                if self._sync:
                    os.fsync(fd)
            finally:
                close_read(fd)
        except OSError as error:
            raise cannot("write", error, self._where) from error

    def give_open(self, fd: int, name: str) -> None:
        """Give a new file that is open what the one of `name` in `old` has. OSError as fchown(2), fchmod(2)."""
        self._change(fd, self._wanted(name, folder=False), name)

    def _change(self, fd: int, wanted: _Wanted, name: str) -> None:
        status = os.fstat(fd)
        place = f"{self._where}: {name}" if name else self._where
        same = (status.st_uid, status.st_gid) == (wanted.uid, wanted.gid)
        if not same and not _may(partial(os.fchown, fd, wanted.uid, wanted.gid)):
            _may(partial(os.fchown, fd, -1, wanted.gid))  # users may give a file to a group that they are in
        for kind, value in wanted.lists:
            if not _may(partial(_set, fd, kind, value)) and value is not None:
                self._say("list", f"{place}: its access list cannot be kept")
        if not _may(partial(os.fchmod, fd, wanted.mode)):
            self._say("mode", f"{place}: its mode {wanted.mode:o} cannot be kept")
        now = os.fstat(fd)
        lost = now.st_gid != wanted.gid or (
            now.st_uid != wanted.uid and (wanted.exact or not wanted.mode & _READ_BY_OTHERS)
        )
        if lost:
            owners = f"{wanted.uid}:{wanted.gid}", f"{now.st_uid}:{now.st_gid}"
            what = "its owner cannot be kept" if wanted.exact else "it cannot get the owner of what lies beside it"
            self._say("owner", f"{place}: {what}, it is {owners[1]} instead of {owners[0]}; root may change that")

    def _say(self, kind: str, text: str) -> None:
        """Say what cannot be kept, of all files together once."""
        if kind not in self._said:
            self._said.add(kind)
            self._hear(text)

    def _wanted(self, name: str, *, folder: bool, added: bool = False) -> _Wanted:
        status = None if added else _lstat(os.path.join(self._old, name) if name else self._old)
        if status is not None and (stat.S_ISDIR if folder else stat.S_ISREG)(status.st_mode):
            return _read(os.path.join(self._old, name) if name else self._old, status, exact=True)
        if not folder:
            self._model = self._model or self._file()
            return self._model
        above = name
        while above:
            above = os.path.dirname(above)
            path = os.path.join(self._old, above) if above else self._old
            status = _lstat(path)
            if status is not None and stat.S_ISDIR(status.st_mode):
                return _read(path, status, exact=False)
        old = os.lstat(self._old)
        mode = stat.S_IMODE(old.st_mode)
        return _Wanted(mode | (mode & _READ) >> 2, old.st_uid, old.st_gid, (), exact=not name)

    def _file(self) -> _Wanted:
        """Return what a file has that replaces none: as one of `old`, else what the folder allows."""
        for path in self._files():
            status = _lstat(path)
            if status is not None and stat.S_ISREG(status.st_mode):
                return _read(path, status, exact=False)
        status = os.lstat(self._old)
        return _Wanted(stat.S_IMODE(status.st_mode) & _FILE, status.st_uid, status.st_gid, (), exact=False)

    def _files(self) -> Iterator[str]:
        yield self._old
        yield from (os.path.join(self._old, name) for name in _MODELS)
        for folder, folders, names in os.walk(self._old):
            folders[:] = sorted(one for one in folders if not one.startswith("."))  # hidden is what is being made
            yield from (os.path.join(folder, name) for name in sorted(names))


def _lstat(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _read(path: str, status: os.stat_result, *, exact: bool) -> _Wanted:
    folder = stat.S_ISDIR(status.st_mode)
    mode = stat.S_IMODE(status.st_mode) & (0o7777 if folder else 0o777)
    lists = tuple((kind, _list(path, kind)) for kind in ((_ACCESS, _DEFAULT) if folder else (_ACCESS,)))
    return _Wanted(mode, status.st_uid, status.st_gid, lists, exact)


def _list(path: str, kind: str) -> bytes | None:
    with suppress(OSError):
        return os.getxattr(path, kind, follow_symlinks=False)
    return None


def _set(fd: int, kind: str, value: bytes | None) -> None:
    if value is not None:
        os.setxattr(fd, kind, value)
        return
    with suppress(OSError):  # there is none to take away
        os.removexattr(fd, kind)


def _is_so(path: str, status: os.stat_result, wanted: _Wanted) -> bool:
    now = stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid
    return now == (wanted.mode, wanted.uid, wanted.gid) and all(
        _list(path, kind) == value for kind, value in wanted.lists
    )


def _may(change: Callable[[], None]) -> bool:
    """Make a change; False where the system does not let this process make it."""
    try:
        change()
    except OSError as error:
        if error.errno not in _MAY_NOT:
            raise
        return False
    return True
