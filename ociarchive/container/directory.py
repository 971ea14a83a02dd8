"""A folder as a container. Nothing outside of it is ever read, whatever links say (CVE-2014-9358) and whoever races."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from functools import cached_property
from itertools import islice
from sys import getsizeof
from typing import TYPE_CHECKING, Final, Literal

from ociarchive.blobio.limits import LimitError, Limits
from ociarchive.blobio.source import FileRange
from ociarchive.blobio.within import Folder, Found, Trail
from ociarchive.container.protocol import member
from ociarchive.errors import cannot, plural
from ociarchive.flaws import Flaw, Flaws

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.blobio.within import Astray

_ASTRAY: Final = {
    "escapes": ("link-escapes", "link leads out of the folder"),
    "loops": ("link-loop", "link leads in a circle"),
    "dangles": ("link-dangling", "link leads to nothing"),
}
#: PATH_MAX of limits.h, its NUL included: a longer path cannot be given to any program.
_PATH_MAX: Final = 4096


class DirectoryContainer:
    """The files below a folder by their paths, with `/` between the parts."""

    kind: Literal["directory"] = "directory"

    def __init__(self, path: str, where: str, limits: Limits | None = None) -> None:
        """HostError: there is no such folder, or it may not be looked at."""
        self.where = where
        self.limits = limits or Limits()
        self.flaws = Flaws()
        self.damaged = False
        try:
            self._folder = Folder(path, self.limits.links)
        except OSError as error:
            raise cannot("read", error, where) from error

    def get(self, name: str) -> FileRange | None:
        """Return a file; links may lead anywhere inside the folder and nowhere else."""
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if not parts or ".." in parts or not self._can_be(name):
            return None
        found = self._find(parts, name)
        if not isinstance(found, Found):
            self._astray(found, name)
            return None
        if not stat.S_ISREG(found.status.st_mode):
            self._note("member-special", name, "not a regular file")
            return None
        path, where = self._folder.place(found.parts), member(self.where, name)
        return FileRange(path, 0, found.status.st_size, where, whole=True, within=self._folder)

    def is_hard_link(self, name: str) -> bool:
        """Return that no name is one: in a folder each is the file itself."""
        del name
        return False

    def names(self, prefix: str = "") -> Iterator[str]:
        """Give the paths of all that is no folder, sorted within each folder."""
        for name, _ in self._walk(prefix, sizes=False):
            yield name

    def below(self, name: str) -> Folder | None:
        """Return a folder inside as the root of its own links, None where there is none.

        Links on the way may lead anywhere inside this folder and nowhere else. HostError: it may not be looked at.
        """
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if ".." in parts or not self._can_be(name):
            return None
        found = self._find(parts, name)
        if not isinstance(found, Found):
            self._astray(found, name)
            return None
        if not stat.S_ISDIR(found.status.st_mode):
            return None
        try:
            return self._folder.below(found.parts, self.limits.links)
        except OSError as error:
            raise cannot("read", error, member(self.where, name)) from error

    @cached_property
    def stored_size(self) -> int:
        """The bytes of all files together, when they are first asked for."""
        return sum(size for _, size in self._walk("", sizes=True))

    def close(self) -> None:
        """Close what is open."""
        self._folder.close()

    def _can_be(self, name: str) -> bool:
        """Whether a file can have this path."""
        try:
            return "\0" not in name and len(os.fsencode(name)) <= self.limits.name
        except UnicodeEncodeError:
            return False

    def _find(self, parts: list[str], name: str) -> Found | Astray:
        try:
            return self._folder.find(parts)
        except LimitError as error:
            self._too_far(error)
            return "absent"
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                return "absent"
            raise cannot("read", error, member(self.where, name)) from error

    def _walk(self, prefix: str, *, sizes: bool) -> Iterator[tuple[str, int]]:
        """Give the path of each file, and its size where `sizes` asks for it."""
        base = prefix.strip("/")
        if not self._can_be(base):
            return
        at = self._find(base.split("/"), base)
        if not isinstance(at, Found):
            self._astray(at, base)
            return
        with Trail(self._folder) as trail:
            yield from self._walk_on(trail, base, at.parts, sizes=sizes)

    def _walk_on(self, trail: Trail, base: str, at: tuple[str, ...], *, sizes: bool) -> Iterator[tuple[str, int]]:
        pending = [(base, at, "")]  # a folder, and a name in it, which is joined late: paths of all take too much
        entered: set[tuple[str, ...]] = set()
        count = held = 0
        while pending:
            folder, parts, below = pending.pop()
            if below:
                folder, parts = f"{folder}/{below}" if folder else below, (*parts, below)
            found = self._entries(trail, folder, parts, self.limits.members + 1 - count, sizes=sizes)
            count += len(found)
            if count > self.limits.members:
                what = f"folder has more than {plural(self.limits.members, 'file')}, --limit members=N lifts this limit"
                self._note("limit-members", folder, what)
                return
            folders = []
            for name, kind, size in found:
                if kind == "folder":
                    folders.append((folder, parts, name))
                    continue
                path = f"{folder}/{name}" if folder else name
                real = self._linked((*parts, name), entered) if kind == "link" else None
                if real is not None:
                    folders.append((path, real, ""))
                    continue
                held += 0 if sizes else getsizeof(path)
                if held > self.limits.names_size:
                    what = f"names take more than {plural(self.limits.names_size, 'byte')} of memory"
                    self._note("limit-name", folder[:100], f"{what}, --limit names-size=N lifts this limit")
                    return
                yield path, size
            pending.extend(reversed(folders))

    def _entries(
        self, trail: Trail, folder: str, parts: tuple[str, ...], most: int, *, sizes: bool
    ) -> list[tuple[str, Literal["file", "folder", "link"], int]]:
        """Return what lies in a folder, sorted by name; nothing where it cannot be listed, which is noted."""
        if not self._folder.fits(parts, _PATH_MAX):
            self._note("limit-name", f"{folder[:100]}/…", "a folder's path is longer than this system takes")
            return []
        found: list[tuple[str, Literal["file", "folder", "link"], int]] = []
        try:
            with trail.listed(parts) as entries:
                for entry in islice(entries, most):
                    if entry.is_dir(follow_symlinks=False):
                        found.append((entry.name, "folder", 0))
                        continue
                    size = 0
                    if sizes:
                        with suppress(OSError):
                            size = entry.stat(follow_symlinks=False).st_size
                    found.append((entry.name, "link" if entry.is_symlink() else "file", size))
        except FileNotFoundError:
            return []
        except LimitError as error:
            self._too_far(error)
            return []
        except NotADirectoryError:
            self._note("member-not-a-folder", folder, "a file stands where members need a folder")
            return []
        except OSError as error:
            raise cannot("read", error, member(self.where, folder or ".")) from error
        return sorted(found)

    def _linked(self, link: tuple[str, ...], entered: set[tuple[str, ...]]) -> tuple[str, ...] | None:
        """Return the folder inside that a link leads to, None where it leads to none or another link led there."""
        try:
            found = self._folder.find(link)
        except LimitError as error:
            self._too_far(error)
            return None
        except OSError:  # reported where the link is looked up
            return None
        if not isinstance(found, Found) or not found.parts or not stat.S_ISDIR(found.status.st_mode):
            return None
        if found.parts in entered:
            return None
        entered.add(found.parts)
        return found.parts

    def _too_far(self, error: LimitError) -> None:
        """Note, once for the folder, that no more is looked up in it."""
        what = f"{error.what}, {error.hint}"
        self.flaws.add(Flaw(rule="limit-links", where=self.where, message=what, subject=self.where))

    def _astray(self, why: Astray, name: str) -> None:
        if why != "absent":
            rule, message = _ASTRAY[why]
            self._note(rule, name, message)

    def _note(self, rule: str, name: str, message: str) -> None:
        self.flaws.add(Flaw(rule=rule, where=member(self.where, name), message=message, subject=name))
