"""A folder as a container. Nothing outside of it is ever read, whatever links say (CVE-2014-9358)."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Literal

from ociarchive.bytes.limits import Limits
from ociarchive.bytes.source import FileRange
from ociarchive.container.base import member
from ociarchive.errors import cannot
from ociarchive.flaws import Flaw, Flaws

if TYPE_CHECKING:
    from collections.abc import Iterator


class DirectoryContainer:
    """The files below a folder by their paths, with `/` between the parts."""

    kind: Literal["directory"] = "directory"

    def __init__(self, path: str, where: str, limits: Limits | None = None) -> None:
        self.where = where
        self.limits = limits or Limits()
        self.flaws = Flaws()
        self.damaged = False
        self._root = os.path.realpath(path)

    def get(self, name: str) -> FileRange | None:
        """Return a file; links may lead anywhere inside the folder and nowhere else."""
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if not parts or ".." in parts or "\0" in name:
            return None
        path = os.path.join(self._root, *parts)
        try:
            real = os.path.realpath(path, strict=True)
            status = os.lstat(real)
        except (FileNotFoundError, NotADirectoryError):
            if os.path.islink(path):  # what leads out does so whether there is something or not
                if self._inside(os.path.realpath(path)):
                    self._note("link-dangling", name, "link leads to nothing")
                else:
                    self._note("link-escapes", name, "link leads out of the folder")
            return None
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                return None
            if os.path.islink(path):
                self._note("link-loop", name, "link leads in a circle")
                return None
            raise cannot("read", error, member(self.where, name)) from error
        if not self._inside(real):
            self._note("link-escapes", name, "link leads out of the folder")
            return None
        if not stat.S_ISREG(status.st_mode):
            self._note("member-special", name, "not a regular file")
            return None
        return FileRange(real, 0, status.st_size, member(self.where, name), whole=True)

    def _inside(self, real: str) -> bool:
        return real == self._root or real.startswith(self._root.rstrip("/") + "/")

    def names(self, prefix: str = "") -> Iterator[str]:
        """Give the paths of all that is no folder, sorted within each folder."""
        base = prefix.strip("/")
        pending = [base]
        entered: set[str] = set()
        count = 0
        while pending:
            folder = pending.pop()
            full = os.path.join(self._root, folder)
            try:
                found = list(islice(os.scandir(full), self.limits.members + 1 - count))
                entries = sorted(found, key=lambda entry: entry.name)
            except FileNotFoundError:
                continue
            except NotADirectoryError:
                self._note("member-not-a-folder", folder, "a file stands where members need a folder")
                continue
            except OSError as error:
                if error.errno == errno.ENAMETOOLONG:
                    self._note("limit-name", f"{folder[:100]}/…", "a folder's path is longer than this system takes")
                    continue
                raise cannot("read", error, member(self.where, folder or ".")) from error
            count += len(entries)
            if count > self.limits.members:
                what = f"folder has more than {self.limits.members} files, --limit members=N lifts this limit"
                self._note("limit-members", folder, what)
                return
            folders = []
            for entry in entries:
                path = f"{folder}/{entry.name}" if folder else entry.name
                if entry.is_dir(follow_symlinks=False) or self._links_to_folder(entry, entered):
                    folders.append(path)
                else:
                    yield path
            pending.extend(reversed(folders))

    def _links_to_folder(self, entry: os.DirEntry[str], entered: set[str]) -> bool:
        """Whether a link leads to a folder inside that no other link led to."""
        try:
            if not entry.is_symlink() or not entry.is_dir():
                return False
        except OSError:  # a loop, which is told where the link is looked up
            return False
        real = os.path.realpath(entry.path)
        if not real.startswith(self._root.rstrip("/") + "/") or real in entered:
            return False
        entered.add(real)
        return True

    @property
    def stored_size(self) -> int:
        """The bytes of all files together."""
        found = 0
        for name in self.names():
            with suppress(OSError):
                found += os.lstat(os.path.join(self._root, name)).st_size
        return found

    def close(self) -> None:
        """Nothing is held open."""

    def _note(self, rule: str, name: str, message: str) -> None:
        self.flaws.add(Flaw(rule=rule, where=member(self.where, name), message=message, subject=name))
