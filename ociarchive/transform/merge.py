"""Merge: what was made beside an OCI layout is added to it; nothing that is there is removed or rewritten.

Blobs come first, then index.json is replaced by one that lists the new images too: until then nobody sees them.
"""

from __future__ import annotations

import os
from contextlib import suppress
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
        if archive.flaws:
            flaw = archive.flaws[0]
            raise ContentError(f"the layout to merge into is at fault: {flaw.message}", where=flaw.where)
    finally:
        archive.close()


def staging_name(dest: str) -> str:
    """Return the name beside DEST under which the new part is made."""
    return os.path.join(os.path.dirname(os.path.realpath(dest)), f"{os.path.basename(os.path.realpath(dest))}.merge")


def into(dest: str, staged: str, *, sync: bool) -> None:
    """Move the blobs of `staged` into `dest` and list its images there. UsageError: a name is taken by another image.

    ContentError: a blob of DEST differs from the one of the same digest that was just made.
    """
    old, new = open_archive(dest), open_archive(staged)
    try:
        if old.entry is None or new.entry is None:
            raise ContentError("index.json went away", where=dest)
        listed = old.entry.members.get("manifests")
        entries: list[JSON] = list(listed) if isinstance(listed, list) else []
        added = [root for root in new.roots if root.descriptor and root.descriptor.raw not in entries]
        for root in added:
            _check_names(root, old.roots, dest)
        moved: list[str] = []
        try:
            moved.extend(_blobs(dest, staged, moved, sync=sync))
            if added:
                index = {
                    **old.entry.members,
                    "manifests": [*entries, *[r.descriptor.raw for r in added if r.descriptor]],
                }
                _replace(os.path.join(dest, _INDEX), documents.dump(index), sync=sync)
        except BaseException:
            for path in moved:
                with suppress(OSError):
                    os.unlink(path)
            raise
    finally:
        old.close()
        new.close()


def _check_names(root: Root, there: tuple[Root, ...], dest: str) -> None:
    for other in there:
        same = root.descriptor and other.descriptor and root.descriptor.digest == other.descriptor.digest
        shared = set(root.names) & set(other.names)
        if not root.names and not other.names and root.ref_name and root.ref_name == other.ref_name:
            name = root.ref_name
        elif shared:
            name = str(min(shared))
        else:
            continue
        if not same:
            raise UsageError(
                f"the layout has another image of the name {name}", where=dest, hint="give it one with --tag"
            )


def _blobs(dest: str, staged: str, moved: list[str], *, sync: bool) -> Iterator[str]:
    """Move what DEST has not; give each new path as soon as it is there."""
    del moved
    base = os.path.join(staged, "blobs")
    for algorithm in sorted(os.listdir(base)):
        folder = os.path.join(dest, "blobs", algorithm)
        try:
            os.makedirs(folder, exist_ok=True)
            for name in sorted(os.listdir(os.path.join(base, algorithm))):
                source, target = os.path.join(base, algorithm, name), os.path.join(folder, name)
                try:
                    os.link(source, target)
                    yield target
                except FileExistsError:
                    if not _equal(source, target):
                        raise ContentError("a blob of the layout is not what its name says", where=target) from None
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
    temporary = f"{path}.ociarchive-part"
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
        if sync:
            fsync_folder(os.path.dirname(path))
    except OSError as error:
        raise HostError(f"cannot write: {error.strerror}", where=path) from error
