"""What shows, without opening an archive, whether it changed: its size and times, or those of all in a folder.

A time counts in steps, 10 ms at most on Linux's own file systems. A stamp that is taken in the step of the last change
would not show another one in the same step, so taking it waits until that step is over.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from ociarchive.blobio.realpath import real
from ociarchive.errors import UsageError, cannot
from ociarchive.late import Late
from ociarchive.objects.address import is_object, parse
from ociarchive.opening import partset
from ociarchive.remote.address import is_remote

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.objects import store
    from ociarchive.objects.store import Known
else:
    store = Late("ociarchive.objects.store")

#: Nanoseconds, a few steps of the kernel's clock.
_STEP: Final = 50_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """The state of an archive. `path` is absolute, or an address. `size` is in bytes, times in nanoseconds.

    `digest` is of a folder, or of an archive in parts: over the names, sizes and times of all in it; of an object its
    ETag; of a file its inode, for a link may lead to another of the same size that was written in the same step of the
    clock. Without `sure` the state does not show every change, and an archive in it is audited again.
    """

    path: str
    kind: Literal["file", "folder", "parts", "remote"]
    size: int | None = None
    mtime_ns: int | None = None
    ctime_ns: int | None = None
    digest: str | None = None
    sure: bool = True


def place(source: str) -> str | None:
    """Return the path or address that a source has in the catalogue, None for a pipe, which cannot be found again."""
    if is_remote(source) or is_object(source):
        return source
    return None if source == "-" else os.path.abspath(source)


def stamp(source: str) -> Stamp | None:
    """Return the state of a source, None for nothing and for a pipe, that has none. HostError: unreadable."""
    path = place(source)
    return None if path is None else stamp_at(path, source)


def stamp_at(path: str, source: str, was: object = None) -> Stamp | None:
    """Return the same of a source whose place is known."""
    # One that `was` a file needs no look at what is in it: only another name beside it makes it a part.
    if is_remote(source):
        return Stamp(path=path, kind="remote", sure=False)
    if is_object(source):
        address = parse(source)
        try:
            return of_object(path, store.store_of(address.bucket).known(address))
        except UsageError:
            return None
    try:
        found = _once(path, was)
        newest = found.ctime_ns if found is not None and found.ctime_ns is not None else 0
        age = time.time_ns() - newest
        if 0 <= age < _STEP:
            time.sleep((_STEP - age) / 1e9)
            found = _once(path, was)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    except OSError as error:
        raise cannot("read", error, source) from error
    return found


def of_object(path: str, known: Known) -> Stamp:
    """Return the state of an object, which its ETag shows."""
    return Stamp(
        path=path,
        kind="remote",
        size=known.size,
        mtime_ns=known.modified,
        digest=known.etag,
        sure=known.etag is not None,
    )


def _once(path: str, was: object) -> Stamp | None:
    files = [] if was == "file" and not path.rpartition(".")[2].isdigit() else partset.files_of(path)
    if files:
        return _in_parts(path, files)
    status = os.stat(path)
    if stat.S_ISREG(status.st_mode):
        return Stamp(
            path=path,
            kind="file",
            size=status.st_size,
            mtime_ns=status.st_mtime_ns,
            ctime_ns=status.st_ctime_ns,
            digest=f"inode:{status.st_ino}",
        )
    return _folder(path) if stat.S_ISDIR(status.st_mode) else None


def _in_parts(path: str, files: list[str]) -> Stamp:
    hashed = hashlib.sha256()
    size, mtime, ctime = 0, 0, 0
    for name in files:
        try:
            status = os.stat(name)
        except FileNotFoundError:
            hashed.update(os.fsencode(name) + b"\0\n")
            continue
        facts = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
        hashed.update(os.fsencode(name) + b"\0" + repr(facts).encode() + b"\n")
        size += status.st_size
        mtime, ctime = max(mtime, status.st_mtime_ns), max(ctime, status.st_ctime_ns)
    digest = f"sha256:{hashed.hexdigest()}"
    return Stamp(path=path, kind="parts", size=size, mtime_ns=mtime, ctime_ns=ctime, digest=digest)


def _folder(path: str) -> Stamp:
    hashed = hashlib.sha256()
    size, mtime, ctime, sure = 0, 0, 0, True
    top = real(path)
    for name, status, target in _entries(path):
        facts = (status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, target)
        hashed.update(os.fsencode(name) + b"\0" + repr(facts).encode("utf-8", "surrogateescape") + b"\n")
        mtime, ctime = max(mtime, status.st_mtime_ns), max(ctime, status.st_ctime_ns)
        size += status.st_size if stat.S_ISREG(status.st_mode) else 0
        if target is not None:
            sure = sure and _stays_inside(name, target, top)
    digest = f"sha256:{hashed.hexdigest()}"
    return Stamp(path=path, kind="folder", size=size, mtime_ns=mtime, ctime_ns=ctime, digest=digest, sure=sure)


def _stays_inside(name: str, target: str, top: str) -> bool:
    """Whether a link at `name` in a folder leads into the folder, by its text alone.

    Each folder on its way may be a link, but that is one of the folder's too, and looked at by itself. Where the way
    goes up behind such a part it is not known.
    """
    depth, parts = name.count("/"), target.split("/")
    if target.startswith("/"):
        depth, above = 0, top.rstrip("/") + "/"
        if not f"{target}/".startswith(above):
            return False
        parts = target[len(above) :].split("/")
    down = False
    for part in parts:
        if part == "..":
            depth -= 1
            if down or depth < 0:
                return False
        else:
            down |= part not in ("", ".")
    return True


def _entries(top: str) -> Iterator[tuple[str, os.stat_result, str | None]]:
    """Give a folder itself and all in it, sorted by name in each folder, with the target of what is a link."""
    yield "", os.stat(top), None
    pending = [("", _sorted(top))]
    while pending:
        below, entries = pending[-1]
        entry = next(entries, None)
        if entry is None:
            pending.pop()
            continue
        name = os.path.join(below, entry.name)
        if entry.is_dir(follow_symlinks=False):
            yield name, os.stat(entry.path), None
            pending.append((name, _sorted(entry.path)))
        else:
            target = os.readlink(entry.path) if entry.is_symlink() else None
            yield name, entry.stat(follow_symlinks=False), target


def _sorted(folder: str) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as scanned:
        return iter(sorted(scanned, key=lambda entry: entry.name))
