"""Merge: what was made beside an OCI layout is added to it; nothing that is there is removed or rewritten.

Blobs come first, then index.json is replaced by one that lists the new images too: until then nobody sees them.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Final

from ociarchive import documents
from ociarchive.bytes.sink import fsync_folder
from ociarchive.errors import ContentError, HostError, UsageError
from ociarchive.formats import open_archive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.formats.base import Format
    from ociarchive.model import Root
    from ociarchive.values import JSON

_INDEX: Final = "index.json"
_COMPARED: Final = 1 << 20


def require(dest: str, fmt: Format) -> None:
    """Refuse a DEST that nothing can be merged into."""
    if fmt.name != "oci-layout":
        raise UsageError(f"--merge adds to an oci-layout, not to {fmt.name}")
    if not os.path.isdir(dest):
        raise UsageError("--merge adds to a layout that exists", where=dest)
    archive = open_archive(dest)
    try:
        if archive.format != "oci-layout" or archive.entry is None:
            raise UsageError("--merge adds to an oci-layout", where=dest, found=archive.format)
        for flaw in (*archive.container.flaws, *archive.flaws):
            raise ContentError(f"the layout to merge into is at fault: {flaw.message}", where=flaw.where)
    finally:
        archive.close()


def staging_name(dest: str) -> str:
    """Return the name beside DEST under which the new part is made."""
    return os.path.join(os.path.dirname(os.path.realpath(dest)), f"{os.path.basename(os.path.realpath(dest))}.merge")


def into(dest: str, staged: str, *, sync: bool) -> None:
    """Move the blobs of `staged` into `dest` and list its images there. UsageError: a name is taken by another image.

    Two merges into one layout wait for each other. ContentError: a blob of DEST differs from the one of the same
    digest that was just made. HostError: DEST cannot be written; what was added until then is removed again.
    """
    with _locked(dest), ExitStack() as stack:
        old, new = open_archive(dest), open_archive(staged)
        stack.callback(old.close)
        stack.callback(new.close)
        if old.entry is None or new.entry is None:
            raise ContentError("index.json went away", where=dest)
        listed = old.entry.members.get("manifests")
        entries: list[JSON] = list(listed) if isinstance(listed, list) else []
        added = [root for root in new.roots if not _is_there(root, old.roots, dest)]
        moved: list[str] = []
        try:
            moved.extend(_blobs(dest, staged, sync=sync))
            if added:
                raw = [root.descriptor.raw for root in added if root.descriptor]
                index = {**old.entry.members, "manifests": [*entries, *raw]}
                _replace(os.path.join(dest, _INDEX), documents.dump(index), sync=sync)
        except BaseException:
            for path in moved:
                with suppress(OSError):
                    os.unlink(path)
            raise


@contextmanager
def _locked(folder: str) -> Iterator[None]:
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise HostError(f"cannot open: {error.strerror}", where=folder) from error
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _is_there(root: Root, there: tuple[Root, ...], dest: str) -> bool:
    """Whether an image stands in the layout under each of its names. UsageError: another one has one of them."""
    names = set(map(str, root.names)) or set(filter(None, [root.ref_name]))
    found: set[str] = set()
    same = False
    for other in there:
        shared = names & (set(map(str, other.names)) or set(filter(None, [other.ref_name])))
        same |= root.identity == other.identity
        if shared and root.identity != other.identity:
            raise UsageError(
                f"the layout has another image of the name {min(shared)}", where=dest, hint="give it one with --tag"
            )
        found |= shared
    return same and names <= found


def _blobs(dest: str, staged: str, *, sync: bool) -> Iterator[str]:
    """Move what DEST has not; give each new path as soon as it is there."""
    base = os.path.join(staged, "blobs")
    for algorithm in sorted(os.listdir(base)):
        folder = os.path.join(dest, "blobs", algorithm)
        for part in (os.path.dirname(folder), folder):
            if os.path.islink(part):
                raise UsageError("a link stands where the layout keeps its blobs; nothing is written there", where=part)
        try:
            os.makedirs(folder, exist_ok=True)
            for name in sorted(os.listdir(os.path.join(base, algorithm))):
                source, target = os.path.join(base, algorithm, name), os.path.join(folder, name)
                if os.path.lexists(target):
                    if not _equal(source, target):
                        raise ContentError("a blob of the layout is not what its name says", where=target)
                else:
                    os.rename(source, target)
                    yield target
            if sync:
                fsync_folder(folder)
        except OSError as error:
            raise HostError(f"cannot write: {error.strerror}", where=folder) from error


def _equal(one: str, other: str) -> bool:
    with open(one, "rb") as left, open(other, "rb") as right:
        while True:
            a, b = left.read(_COMPARED), right.read(_COMPARED)
            if a != b:
                return False
            if not a:
                return True


def _replace(path: str, content: bytes, *, sync: bool) -> None:
    """Replace a file at once. The temporary name cannot be known before, and is never followed."""
    temporary = f"{path}.{secrets.token_hex(6)}.ociarchive-part"
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        try:
            with open(fd, "wb") as file:
                file.write(content)
                if sync:
                    file.flush()
                    os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
        if sync:
            fsync_folder(os.path.dirname(path))
    except OSError as error:
        raise HostError(f"cannot write: {error.strerror}", where=path) from error
