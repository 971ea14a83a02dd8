"""The real path of something: absolute, without links. It is asked for of each folder and archive below a folder.

`os.path.realpath` looks at each folder on the way by its whole path, which takes the square of the depth. The kernel
knows the way by which it has opened something (proc_pid_fd(5)).
"""

from __future__ import annotations

import os

from ociarchive.blobio.source import close_read


def real(path: str) -> str:
    """Return what `os.path.realpath` returns, in one look where something is there.

    OSError, ValueError: as there, for a path that cannot be one.
    """
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (OSError, ValueError):
        return os.path.realpath(path)
    try:
        told = os.readlink(f"/proc/self/fd/{fd}")
        # A name that was removed since, or that lies outside of what the process may see, has words beside it.
        if told.startswith("/") and os.path.samestat(os.stat(told), os.fstat(fd)):
            return told
    except OSError:  # no /proc here, or a path that is longer than it says
        pass
    finally:
        close_read(fd)
    return os.path.realpath(path)
