"""Names given and exchanged in one step, as renameat2(2) can: nobody ever sees neither or half of it."""

from __future__ import annotations

import ctypes
import errno
import os
from contextlib import suppress
from typing import Final

_AT_FDCWD: Final = -100
_NOREPLACE: Final = 1
_EXCHANGE: Final = 2
_UNSUPPORTED: Final = (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP)


def rename_new(old: str, new: str, *, folder: bool) -> None:
    """Give a file or folder a name that is free. FileExistsError: it is taken, by whatever. OSError as rename(2)."""
    try:
        if _renameat2(old, new, _NOREPLACE):
            return
        if folder:
            os.rename(old, new)  # fails where a folder with content took the name meanwhile
        else:
            os.link(old, new)
            with suppress(OSError):
                os.unlink(old)
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR, errno.EISDIR):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), new) from error
        raise


def exchange(one: str, other: str) -> bool:
    """Exchange two names; False where kernel, library or file system cannot. OSError as renameat2(2)."""
    return _renameat2(one, other, _EXCHANGE)


def _renameat2(old: str, new: str, flags: int) -> bool:
    try:
        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    while call(_AT_FDCWD, os.fsencode(old), _AT_FDCWD, os.fsencode(new), flags) != 0:
        number = ctypes.get_errno()
        if number in _UNSUPPORTED:
            return False
        if number != errno.EINTR:
            raise OSError(number, os.strerror(number), new)
    return True
