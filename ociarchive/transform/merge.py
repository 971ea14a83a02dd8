"""Merge: add to DEST what was made beside it. Nothing in DEST is removed or rewritten.

Blobs come first. Then, in an OCI layout, a new index.json lists the new images too. In a registry's storage the links
of the repositories follow, those of tags last. Until then the new images are not visible.
"""

from __future__ import annotations

import os
import stat
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Final

from ociarchive import documents
from ociarchive.auditing.rules import RULES
from ociarchive.blobio.codec import MAGIC, sniff
from ociarchive.blobio.files import fsync_folder
from ociarchive.blobio.limits import Limits
from ociarchive.blobio.locks import locked_folder, nobody
from ociarchive.blobio.rights import Rights
from ociarchive.blobio.staging import is_part_of, part_of
from ociarchive.errors import ContentError, HostError, UsageError, cannot, plural
from ociarchive.extent import require_listable
from ociarchive.formats import FORMATS
from ociarchive.model import Image, images, walk
from ociarchive.opening import open_archive
from ociarchive.opening.pulling import Near
from ociarchive.remote.address import is_remote
from ociarchive.transform.merge_files import add, files_below, same, undone_on_failure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ociarchive.blobio.locks import Hear
    from ociarchive.blobio.source import ByteSource
    from ociarchive.flaws import Flaw
    from ociarchive.formats.format import Format, Growth
    from ociarchive.model import Archive, Root
    from ociarchive.selection.argument import Source
    from ociarchive.transform.plan import Storage
    from ociarchive.values import JSON, Digest

_SEVERITIES: Final = {rule.id: rule.severity for rule in RULES}
_OTHER_NAME: Final = "give it one with --tag, or several with --rename"


def growth_of(fmt: Format) -> Growth:
    """Return how a format grows. UsageError: nothing can be added to it."""
    if fmt.growth is None:
        grown = " or ".join(known.name for known in FORMATS if known.growth is not None)
        raise UsageError(f"--merge adds to {grown}, not to {fmt.name}")
    return fmt.growth


def require(dest: str, fmt: Format, limits: Limits | None = None) -> None:
    """Refuse a DEST that cannot be merged into: it has another format, or an error in what a merge relies on."""
    growth = growth_of(fmt)
    called = f"{'an' if fmt.name[0] in 'aeiou' else 'a'} {fmt.name}"
    if not os.path.isdir(dest):
        raise UsageError(f"--merge adds to {called} that exists", where=dest)
    archive = open_archive(dest, limits=limits)
    try:
        if archive.format != fmt.name or (growth.index is not None and archive.entry is None):
            raise UsageError(f"--merge adds to {called}", where=dest, found=archive.format)
        if archive.delta is not None:
            what = "--merge adds to what is whole, and DEST is a delta"
            raise UsageError(what, where=dest, hint="complete it with `convert --base` to another place first")
        _refuse_errors((*archive.origin.flaws, *_of_entries(archive, fmt)))
    finally:
        archive.close()


def at_hand(dest: str, sources: Sequence[Source], storage: Storage, stack: ExitStack, limits: Limits) -> Near:
    """Return what DEST has and need not be fetched from a registry. `stack` closes DEST.

    Blobs are those of the same digest. An image of the same image ID serves as it is, unless the call says how it is
    to be stored. Then a layer of the same diff_id serves, if it is stored so.
    """
    if not any(is_remote(source.path) for source in sources):
        return Near()
    archive = open_archive(dest, limits=limits)
    stack.callback(archive.close)
    blobs = {one.digest: one.source for one in archive.stored if one.digest is not None}
    whole = {
        edge.node.image_id: edge.descriptor
        for edge in walk(archive.roots)
        if isinstance(edge.node, Image) and edge.node.config.source is not None
        if all(layer.source is not None for layer in edge.node.layers)
    }
    free = storage.compression == "auto" and storage.media_types == "keep" and not storage.preserve_digests
    if free:
        return Near(blob=blobs.get, image=whole.get)
    return Near(blob=blobs.get, layers=_stored_as(archive, storage.compression))


def _stored_as(archive: Archive, codec: str) -> dict[Digest, ByteSource]:
    """Return the layers that are stored by a codec, by diff_id; none where the call names no codec."""
    if codec in {"auto", "keep"}:
        return {}
    return {
        layer.diff_id: layer.source
        for image in images(archive.roots)
        for layer in image.layers
        if layer.diff_id is not None and layer.source is not None and layer.unpacks
        if sniff(layer.source.head(MAGIC)).name == codec
    }


def _of_entries(archive: Archive, fmt: Format) -> Iterator[Flaw]:
    """Give the faults of a layout's entry documents. A registry's storage has none.

    The images in DEST are not judged. No blob of them is changed, and a blob that a new image shares is compared.
    """
    entries = {f"{archive.where}: {name}" for name in fmt.reader.documents}
    yield from (flaw for flaw in archive.flaws if flaw.where.partition("#")[0] in entries)


def _refuse_errors(flaws: Iterable[Flaw]) -> None:
    """Refuse what the audit calls an error. A warning does not stop a merge."""
    for flaw in flaws:
        if _SEVERITIES.get(flaw.rule, "error") == "error":
            raise ContentError(f"what to merge into is at fault: {flaw.message}", where=flaw.where)


def into(dest: str, staged: str, fmt: Format, *, sync: bool, hear: Hear = nobody, limits: Limits | None = None) -> None:
    """Move what was made into DEST. UsageError: a name is taken by another image.

    New files get the mode and owner of their neighbours. `hear` reports where that is not allowed, and long waits.

    Two merges into one DEST wait for each other. ContentError: a blob of DEST differs from the new one of the same
    digest, or DEST would list more than readers take. HostError: DEST cannot be written, and what was added before is
    removed again.
    """
    with locked_folder(dest, dest, hear, do="open"):
        rights = Rights(dest, dest, hear, sync=sync)
        if growth_of(fmt).index is not None:
            _by_index(dest, staged, fmt, rights, limits or Limits(), sync=sync)
        else:
            _by_files(dest, staged, fmt, rights, sync=sync)


def _by_files(dest: str, staged: str, fmt: Format, rights: Rights, *, sync: bool) -> None:
    growth = growth_of(fmt)
    grown = growth.grow(dest, staged, [*files_below(staged)])
    names = sorted(files_below(staged), key=lambda name: (growth.turn(name), name))
    for name in names:
        target, given = os.path.join(dest, name), growth.name_at(name)
        if given is not None and os.path.exists(target) and not same(os.path.join(staged, name), target):
            raise UsageError(f"the registry has another image of the name {given}", where=dest, hint=_OTHER_NAME)
    with undone_on_failure() as moved:
        add(dest, staged, names, moved, rights, sync=sync)
        before: dict[str, bytes] = {}
        try:
            for name, content in grown.items():
                _clear_leftovers(os.path.join(dest, os.path.dirname(name)), os.path.basename(name))
                before[name] = _read(os.path.join(dest, name))
                _replace(dest, name, content, rights, sync=sync)
        except BaseException:
            back = [_put_back(dest, name, raw, rights) for name, raw in before.items()]
            if not all(back):
                moved.clear()  # as long as a list leads to them no blob is removed
            raise


def _by_index(dest: str, staged: str, fmt: Format, rights: Rights, limits: Limits, *, sync: bool) -> None:
    name = growth_of(fmt).index or ""
    with ExitStack() as stack:
        _clear_leftovers(dest, name)
        old, new = open_archive(dest, limits=limits), open_archive(staged, shown=dest, limits=limits)
        stack.callback(old.close)
        stack.callback(new.close)
        if old.entry is None or new.entry is None:
            raise ContentError("index.json went away", where=dest)
        _refuse_errors(_of_entries(old, fmt))  # another merge, or another program, may have written since
        listed = old.entry.members.get("manifests")
        entries: list[JSON] = list(listed) if isinstance(listed, list) else []
        there = _There(old.roots, dest)
        added = [root for root in new.roots if not there.has(root)]
        raw = [root.descriptor.raw for root in added if root.descriptor]
        grown = documents.dump({**old.entry.members, "manifests": [*entries, *raw]}) if added else b""
        _require_readable(grown, (*old.roots, *added), name, dest, limits)
        with undone_on_failure() as moved:
            blobs = (one for one in files_below(staged) if one not in fmt.reader.documents)
            add(dest, staged, blobs, moved, rights, sync=sync)
            if added:
                try:
                    _replace(dest, name, grown, rights, sync=sync)
                except BaseException:
                    if not _put_back(dest, name, old.entry.raw, rights):
                        moved.clear()  # as long as index.json lists them no blob is removed
                    raise


def _require_readable(index: bytes, roots: Sequence[Root], name: str, dest: str, limits: Limits) -> None:
    """Refuse, while DEST is as it was, what would make it more than readers take. ContentError."""
    if len(index) > limits.manifest_size:
        what = f"{name} of DEST would be larger than the {plural(limits.manifest_size, 'byte')} that readers take"
        hint = "choose another DEST, or lift the limit with --limit manifest-size=N"
        raise ContentError(what, where=dest, found=plural(len(index), "byte"), hint=hint)
    require_listable(roots, limits, dest)


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise cannot("read", error, path) from error


def _put_back(dest: str, name: str, before: bytes, rights: Rights) -> bool:
    """Restore a file that lists images, and say whether that worked."""
    with suppress(OSError, HostError):
        with open(os.path.join(dest, name), "rb") as file:
            if file.read() == before:
                return True
        _replace(dest, name, before, rights, sync=False)
        return True
    return False


def _clear_leftovers(dest: str, index: str) -> None:
    """Remove what a run left that was killed while it rewrote index.json. The lock excludes runs that still work."""
    with suppress(OSError):
        for name in os.listdir(dest):
            path = os.path.join(dest, name)
            if is_part_of(name, index) and stat.S_ISREG(os.lstat(path).st_mode):
                os.unlink(path)


class _There:
    """The images of a layout, by name and by identity."""

    def __init__(self, roots: tuple[Root, ...], dest: str) -> None:
        self._dest = dest
        self._images = {root.identity for root in roots}
        self._owners: dict[str, dict[object, None]] = {}
        for root in roots:
            for name in _names(root):
                self._owners.setdefault(name, {})[root.identity] = None

    def has(self, root: Root) -> bool:
        """Whether an image is there under each of its names. UsageError: another image has one of them."""
        names = _names(root)
        others = (name for name in names if any(owner != root.identity for owner in self._owners.get(name, ())))
        taken = min(others, default=None)
        if taken is not None:
            raise UsageError(f"the layout has another image of the name {taken}", where=self._dest, hint=_OTHER_NAME)
        return root.identity in self._images and names <= self._owners.keys()


def _names(root: Root) -> set[str]:
    return set(map(str, root.names)) or set(filter(None, [root.ref_name]))


def _replace(dest: str, name: str, content: bytes, rights: Rights, *, sync: bool) -> None:
    """Replace a file of DEST at once, which keeps its mode and owner. Links at the temporary name are not followed."""
    path = os.path.join(dest, name)
    temporary = part_of(path)
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with open(fd, "wb") as file:
                file.write(content)
                file.flush()
                rights.give_open(file.fileno(), name)
                if sync:
                    os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
        if sync:
            fsync_folder(dest, path)
    except OSError as error:
        raise cannot("write", error, path) from error
