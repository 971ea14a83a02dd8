"""Removing a folder with all that is in it, through no link, also where its modes forbid that to the owner."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import Final

from ociarchive.blobio.source import close_read

_FOLDER: Final = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OWNER: Final = stat.S_IRWXU


def remove(path: str) -> None:
    """Remove a file or folder as far as that can be done: what stays is for a later run."""
    with suppress(OSError):
        if stat.S_ISDIR(os.lstat(path).st_mode):
            _remove_folder(path, None)
        else:
            os.unlink(path)


def _remove_folder(name: str, above: int | None) -> None:
    """Remove a folder, which `name` leads to from the open folder `above`."""
    try:
        fd = _opened(name, above)
        try:
            with os.scandir(fd) as entries:
                found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
            for inner, folder in found:
                if folder:
                    _remove_folder(inner, fd)
                else:
                    with suppress(OSError):
                        os.unlink(inner, dir_fd=fd)
        finally:
            close_read(fd)
    except OSError:
        pass  # an empty one need not be opened
    with suppress(OSError):
        os.rmdir(name, dir_fd=above)


def _opened(name: str, above: int | None) -> int:
    """Open a folder that is to be emptied; a umask may have made it one that nobody may open or empty."""
    handle = os.open(name, os.O_PATH | _FOLDER, dir_fd=above)
    try:
        status = os.fstat(handle)
        if status.st_mode & _OWNER != _OWNER and status.st_uid == os.geteuid():
            os.chmod(f"/proc/self/fd/{handle}", stat.S_IMODE(status.st_mode) | _OWNER)
    except OSError:
        pass  # then opening it says so
    finally:
        close_read(handle)
    return os.open(name, os.O_RDONLY | _FOLDER, dir_fd=above)
