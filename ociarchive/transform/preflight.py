"""Disk space: report before a conversion begins that space is missing that it surely needs.

Only blobs that stay unchanged count, because the size after recompression is unknown, and so is the size of a blob
that is computed. A check that refuses what would
have fitted is worse than none. So an uncertain size counts as 0.
"""

from __future__ import annotations

import os
import resource
from typing import TYPE_CHECKING, Final

from ociarchive.blobio.codec import MAGIC, sniff
from ociarchive.errors import HostError, plural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ociarchive.transform.plan import Move

#: File systems that store data as given. Others may compress it.
_PLAIN: Final = frozenset(("ext2", "ext3", "ext4", "xfs", "tmpfs", "vfat", "exfat"))
_MOUNTS: Final = "/proc/self/mountinfo"


def _all(total: int) -> int:
    """Return the space that a folder needs of a DEST that lies in it as a whole."""
    return total


def require(
    moves: Iterable[Move],
    folder: str,
    where: str,
    *,
    one_file: bool,
    largest: int | None = None,
    need: Callable[[int], int] = _all,
) -> None:
    """Refuse work that cannot succeed: the kept blobs of `moves` do not fit into `folder`, or not into one file.

    `one_file`: all of them go into a single file, such as a tar, or into files of up to `largest` bytes. `need` says of
    the bytes of DEST how many lie in this folder. HostError, at `where`: the space needed and available.
    """
    kept = _distinct(moves)
    sizes = [move.source.size or 0 for move in kept]
    longest = sum(sizes) if one_file else max(sizes, default=0)
    longest = longest if largest is None else min(longest, largest)
    limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    if limit != resource.RLIM_INFINITY and longest > limit:
        raise HostError(
            "a file of DEST would be larger than files may be here (ulimit -f)",
            where=where,
            expected=f"{plural(longest, 'byte')} at least",
            found=f"a limit of {plural(limit, 'byte')}",
        )
    free = _free(folder)
    if free is None or need(sum(sizes)) <= free:
        return
    if _filesystem(folder) not in _PLAIN:
        sizes = [move.source.size or 0 for move in kept if sniff(move.source.head(MAGIC)).name != "none"]
    if need(sum(sizes)) > free:
        raise HostError(
            "not enough space for DEST",
            where=where,
            expected=f"{plural(need(sum(sizes)), 'byte')} at least for what is kept as it is",
            found=plural(free, "byte"),
            hint="free some space there, or choose another place",
        )


def _distinct(moves: Iterable[Move]) -> list[Move]:
    """Return the blobs that are kept, each content once.

    Two blobs without a name may turn out to be equal, but only if they have the same size.
    """
    kept = [move for move in moves if move.codec is None]
    named = {move.digest: move for move in kept if move.digest is not None}
    sizes = {move.source.size for move in named.values()}
    unnamed = {move.source.size: move for move in kept if move.digest is None and move.source.size not in sizes}
    return [*named.values(), *unnamed.values()]


def _free(folder: str) -> int | None:
    """Return the free bytes of a folder's file system, None where it does not say."""
    found = os.statvfs(folder)
    if not found.f_blocks:
        return None
    return (found.f_bavail if os.geteuid() else found.f_bfree) * found.f_frsize


def _filesystem(folder: str) -> str | None:
    """Return the type of the file system of a folder, None where it is unknown."""
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
