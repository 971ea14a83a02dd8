"""A folder whose files are found and opened step by step, by descriptors. No link and no race leads out of it.

A path is only a claim. So each step opens one name in the folder that is already open, and follows no link (openat(2),
O_NOFOLLOW). The target of a link is read and resolved here, within the folder. A file is opened again for each reading,
along steps that were no links when it was found, and refused if one was replaced since. Between two calls one is open.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
import weakref
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Final, Literal, Self, TypeAlias

from ociarchive.blobio.limits import LimitError
from ociarchive.blobio.realpath import real
from ociarchive.blobio.source import close_read
from ociarchive.errors import ContentError, cannot, plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: The most links on the way to one file, as in Linux (path_resolution(7)).
_MAX_LINKS: Final = 40
#: The most folders on the way to one file: a path of PATH_MAX has fewer parts.
_MAX_STEPS: Final = 4096
#: So many folders on the way to the one that is listed stay open.
_HELD: Final = 16
#: So many folders on the way to one file are free. A registry writes a dozen, and those of a repository's name.
_USUAL_DEPTH: Final = 64
_STEP: Final = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LIST: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
#: The errors of opening a name that is a link, or no folder where one is needed.
_NO_FOLDER: Final = (errno.ENOTDIR, errno.ELOOP)

#: Why a name leads to nothing: it is not there, or its links lead out, in a circle, or to nothing.
Astray: TypeAlias = Literal["absent", "escapes", "loops", "dangles"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a name leads to. `parts` are the steps from the folder on, none is a link; `status` is the last one's."""

    parts: tuple[str, ...]
    status: os.stat_result


class Folder:
    """A folder by its path. It must stay the same folder, by device and inode, while this is used."""

    def __init__(self, path: str, steps: int | None = None, *, status: os.stat_result | None = None) -> None:
        """`steps` is how many folders and links all look-ups together may take, after a link or very deep down.

        With `status` it is the folder of this device and inode, and links take it for the root of all: `/` in them
        means the folder itself, and nothing is above it, as after chroot(2). OSError: there is no such folder.
        """
        self.rooted = status is not None
        self.path = real(path) if status is None else path
        self._left = steps
        self._allowed = steps or 0
        self._status = os.stat(self.path) if status is None else status
        self._lock = threading.RLock()
        self._kept = _Kept()
        self._last: list[str] = []
        weakref.finalize(self, self._kept.close)

    def close(self) -> None:
        """Close what is open. Later reads open it again."""
        with self._lock:
            self._kept.close()

    def spend(self, steps: int) -> None:
        """Count steps of look-ups. LimitError: they are more than the whole folder may take."""
        if self._left is None or not steps:
            return
        self._left -= steps
        if self._left < 0:
            what = f"finding files behind links and deep down takes more than {plural(self._allowed, 'step')}"
            raise LimitError(what, "links", where=self.path)

    def find(self, parts: Sequence[str]) -> Found | Astray:
        """Look a name up. Links are followed within the folder.

        OSError: the system refuses it. LimitError: all look-ups together took too many steps.
        """
        with self._lock:
            way = _Way(self, parts, self._kept)
            try:
                return way.walk()
            except (FileNotFoundError, NotADirectoryError):
                return "dangles" if way.last_was_link else "absent"
            finally:
                way.close()

    def place(self, parts: Sequence[str]) -> str:
        """Return the path of what was found. A file has only one."""
        return os.path.join(self.path, *parts)

    def fits(self, parts: Sequence[str], most: int) -> bool:
        """Whether the path of what was found has fewer bytes than `most`. A character has up to four."""
        if 4 * (len(self.path) + len(parts) + sum(map(len, parts))) < most:
            return True
        return len(os.fsencode(self.place(parts))) < most

    def below(self, parts: Sequence[str], steps: int | None = None) -> Folder:
        """Return a folder inside, whose parts are no links, as the root of its own links.

        OSError: one of the parts is no folder.
        """
        fd = self.descend(parts)
        try:
            return Folder(self.place(parts), steps, status=os.fstat(fd))
        finally:
            close_read(fd)

    def again(self, steps: int | None) -> Folder:
        """Return this folder for another reading, which may take so many steps."""
        return Folder(self.path, steps, status=self._status)

    def open_alone(self, parts: Sequence[str]) -> int | None:
        """Open a regular file, none of whose parts is a link; None where something else lies there.

        Nothing else is ever opened. OSError: it is absent, or may not be read. LimitError: it took too many steps.
        """
        *folders, name = parts
        with self._lock:
            at = self._stand(folders)
            try:
                if not stat.S_ISREG(os.stat(name, dir_fd=at, follow_symlinks=False).st_mode):
                    return None
                fd = os.open(name, _READ, dir_fd=at)
            finally:
                self._leave(at)
        if stat.S_ISREG(os.fstat(fd).st_mode):
            return fd
        close_read(fd)
        return None

    def open_file(self, path: str, where: str) -> int:
        """Open a file by the path that `place` returned; `where` is its name in messages.

        ContentError: it is no regular file any more, or a link now leads to it. HostError: it cannot be opened.
        """
        *folders, name = path.removeprefix(self.path).strip("/").split("/")
        try:
            with self._lock:
                fd = self._open(folders, name)
        except OSError as error:
            if error.errno in _NO_FOLDER:
                raise ContentError("file was exchanged for a link while the archive was read", where=where) from None
            raise cannot("open", error, where) from error
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            close_read(fd)
            raise ContentError("not a regular file", where=where)
        return fd

    def descend(self, parts: Sequence[str]) -> int:
        """Return a descriptor of a folder inside, for steps from it. OSError: one of the parts is no folder."""
        self.spend(max(len(parts) - _USUAL_DEPTH, 0))
        fd = self.root()
        for part in parts:
            try:
                below = os.open(part, _STEP, dir_fd=fd)
            finally:
                close_read(fd)
            fd = below
        return fd

    def root(self) -> int:
        """Return a descriptor of the folder itself. OSError: it is gone. ContentError: it is another one."""
        fd = os.open(self.path, _STEP)
        if os.path.samestat(os.fstat(fd), self._status):
            return fd
        close_read(fd)
        raise ContentError("the folder was exchanged for another while it was read", where=self.path)

    def _open(self, folders: list[str], name: str) -> int:
        at = self._stand(folders)
        try:
            return os.open(name, _READ, dir_fd=at)
        finally:
            self._leave(at)

    def _stand(self, folders: list[str]) -> int:
        """Return a descriptor of a folder inside, for `_leave`, from the folder that is held open where it lies below.

        The folders that two files in a row have in common stay open from then on.
        """
        common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(folders, self._last, strict=False)))
        self._last = folders
        if common > len(self._kept.parts) or not self._kept.leads_to(folders):
            self._kept.take(folders[:common], self.descend(folders[:common]))
        rest = folders[len(self._kept.parts) :]
        self.spend(max(len(rest) - _USUAL_DEPTH, 0))
        fd = self._kept.fd
        for part in rest:
            try:
                below = os.open(part, _STEP, dir_fd=fd)
            finally:
                self._leave(fd)
            fd = below
        return fd

    def _leave(self, fd: int) -> None:
        if fd != self._kept.fd:
            close_read(fd)


class Trail:
    """Lists folders one after the other. Those on the way to the last one stay open: its neighbours are a step away."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._held: list[tuple[str, int]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._leave(0)

    @contextmanager
    def listed(self, parts: Sequence[str]) -> Iterator[Iterator[os.DirEntry[str]]]:
        """Give the entries of a folder inside. None of `parts` is a link. OSError: it cannot be read."""
        self._folder.spend(max(len(parts) - _USUAL_DEPTH, 0))
        common = 0
        for part, (held, _) in zip(parts, self._held, strict=False):
            if part != held:
                break
            common += 1
        self._leave(common)
        fd = self._held[-1][1] if self._held else self._folder.root()
        try:
            for part in parts[len(self._held) :]:
                below = os.open(part, _STEP, dir_fd=fd)
                self._close(fd)
                fd = below
                if len(self._held) < _HELD:
                    self._held.append((part, fd))
            entries = os.open(".", _LIST, dir_fd=fd)
        finally:
            self._close(fd)
        try:
            with os.scandir(entries) as found:
                yield found
        finally:
            close_read(entries)

    def _close(self, fd: int) -> None:
        if not (self._held and self._held[-1][1] == fd):
            close_read(fd)

    def _leave(self, kept: int) -> None:
        while len(self._held) > kept:
            close_read(self._held.pop()[1])


class _Kept:
    """The one folder that stays open. `parts` lead to it, none of them a link; `fd` is -1 where there is none."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.fd = -1

    def leads_to(self, parts: Sequence[str]) -> bool:
        """Whether these parts lead through it."""
        return self.fd >= 0 and self.parts == list(parts[: len(self.parts)])

    def take(self, parts: list[str], fd: int) -> int:
        """Keep another one open instead, and return its descriptor."""
        self.close()
        self.parts, self.fd = parts, fd
        return fd

    def close(self) -> None:
        """Close it."""
        fd, self.fd, self.parts = self.fd, -1, []
        if fd >= 0:
            close_read(fd)


class _Way:
    """One look-up. It is in a folder inside, `here` with the descriptor `fd`, or for a while at a path outside."""

    def __init__(self, folder: Folder, parts: Sequence[str], kept: _Kept) -> None:
        self._folder = folder
        self._pending = [part for part in reversed(parts) if part not in ("", ".")]
        self._here: list[str] = []
        self._outside: str | None = None
        self._held = kept.fd if kept.fd >= 0 else kept.take([], folder.root())
        if len(parts) > len(kept.parts) and kept.leads_to(parts):
            self._here, self._fd = list(kept.parts), kept.fd
            del self._pending[len(self._pending) - len(kept.parts) :]
        else:
            self._fd = folder.root()
        self._links = self._steps = 0
        self.last_was_link = False

    def close(self) -> None:
        if self._fd != self._held:
            close_read(self._fd)

    def walk(self) -> Found | Astray:
        while self._pending:
            if self._links > _MAX_LINKS or self._steps > _MAX_STEPS:
                return "loops"
            part = self._pending.pop()
            if self._outside is not None:
                self._step_outside(self._outside, part)
            elif part == "..":
                self._up()
            elif self._pending:
                self._down(part)
            else:
                status = os.stat(part, dir_fd=self._fd, follow_symlinks=False)
                if not stat.S_ISLNK(status.st_mode):
                    return Found(parts=(*self._here, part), status=status)
                self._follow(part)
        if self._outside is not None:
            return "escapes"
        return Found(parts=tuple(self._here), status=os.fstat(self._fd))

    def _step(self, count: int = 1) -> None:
        self._steps += count
        if self._links or self._steps > _USUAL_DEPTH:
            self._folder.spend(count)

    def _down(self, part: str) -> None:
        self._step()
        try:
            below = os.open(part, _STEP, dir_fd=self._fd)
        except OSError as error:
            if error.errno not in _NO_FOLDER:
                raise
            self._follow(part)
            return
        self._stand(below)
        self._here.append(part)

    def _up(self) -> None:
        """Go to the folder above, along the way that led here. The folder itself may have been moved away."""
        if not self._here:
            self._outside = None if self._folder.rooted else os.path.dirname(self._folder.path)
            return
        self._here.pop()
        self._step(len(self._here) + 1)
        self._stand(self._folder.descend(self._here))

    def _stand(self, fd: int) -> None:
        self.close()
        self._fd = fd

    def _follow(self, part: str) -> None:
        """Follow a link. NotADirectoryError: it is none, and no folder either."""
        try:
            target = os.readlink(part, dir_fd=self._fd)
        except OSError as error:
            if error.errno == errno.EINVAL:
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)) from None
            raise
        self.last_was_link |= not self._pending
        self._push(target)
        if target.startswith("/"):
            self._to(self._folder.path if self._folder.rooted else "/")

    def _push(self, target: str) -> None:
        self._links += 1
        self._step()
        self._pending.extend(part for part in reversed(target.split("/")) if part not in ("", "."))

    def _step_outside(self, at: str, part: str) -> None:
        """Take a step outside, where no file is ever opened. A link may lead out of the folder and into it again."""
        self._step()
        path = os.path.dirname(at) if part == ".." else os.path.join(at, part)
        try:
            target = os.readlink(path) if part != ".." and path != self._folder.path else None
        except OSError:  # no link; whether there is something or not, it is outside
            target = None
        if target is None:
            self._to(path)
            return
        self._push(target)
        if target.startswith("/"):
            self._to("/")

    def _to(self, path: str) -> None:
        self._outside = path
        if path == self._folder.path:
            self._outside, self._here = None, []
            self._stand(self._folder.root())
