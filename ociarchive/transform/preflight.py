"""Room: what a conversion surely needs and is not there is said before it begins.

Only blobs that stay as they are count: what recompression makes of the others nobody knows. A check that refuses what
would have fitted is worse than none, so all that is not certain counts for nothing.
"""

from __future__ import annotations

import os
import resource
from typing import TYPE_CHECKING, Final

from ociarchive.blobio.codec import MAGIC, sniff
from ociarchive.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ociarchive.transform.plan import Move

#: File systems that store what they are given; others may compress it.
_PLAIN: Final = frozenset(("ext2", "ext3", "ext4", "xfs", "tmpfs", "vfat", "exfat"))
_MOUNTS: Final = "/proc/self/mountinfo"


def require(moves: Iterable[Move], folder: str, where: str, *, one_file: bool) -> None:
    """Refuse work that cannot end well: the kept blobs of `moves` do not fit into `folder`, or not into a file.

    `one_file`: all of them go into a single file, as into a tar. HostError tells at `where` what is needed and there.
    """
    kept = _distinct(moves)
    sizes = [move.source.size for move in kept]
    longest = sum(sizes) if one_file else max(sizes, default=0)
    limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    if limit != resource.RLIM_INFINITY and longest > limit:
        raise HostError(
            "a file of DEST would be larger than files may be here (ulimit -f)",
            where=where,
            expected=f"{longest} bytes at least",
            found=f"a limit of {limit} bytes",
        )
    free = _free(folder)
    if free is None or sum(sizes) <= free:
        return
    if _filesystem(folder) not in _PLAIN:
        sizes = [move.source.size for move in kept if sniff(move.source.head(MAGIC)).name != "none"]
    if sum(sizes) > free:
        raise HostError(
            "not enough space for DEST",
            where=where,
            expected=f"{sum(sizes)} bytes at least for what is kept as it is",
            found=f"{free} bytes",
            hint="free some space there, or choose another place",
        )


def _distinct(moves: Iterable[Move]) -> list[Move]:
    """Return the blobs that are kept, each content once.

    Two that nobody named may turn out to be one, and only if they are of one size.
    """
    kept = [move for move in moves if move.codec is None]
    named = {move.digest: move for move in kept if move.digest is not None}
    sizes = {move.source.size for move in named.values()}
    unnamed = {move.source.size: move for move in kept if move.digest is None and move.source.size not in sizes}
    return [*named.values(), *unnamed.values()]


def _free(folder: str) -> int | None:
    """Return the bytes that can still be written into a folder's file system, None where it does not say."""
    found = os.statvfs(folder)
    if not found.f_blocks:
        return None
    return (found.f_bavail if os.geteuid() else found.f_bfree) * found.f_frsize


def _filesystem(folder: str) -> str | None:
    """Return the name of the kind of file system that a folder is on, None where that cannot be told."""
    device = os.stat(folder).st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    try:
        with open(_MOUNTS, encoding="utf-8", errors="surrogateescape") as file:
            for line in file:
                fields = line.split()  # ID, parent, major:minor, root, mount point, options, tags..., "-", kind, ...
                if fields[2] == wanted and "-" in fields:
                    return fields[fields.index("-") + 1]
    except OSError:
        return None
    return None
