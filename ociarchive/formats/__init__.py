"""The formats: one module each, in one tuple. Adding one touches nothing but this tuple."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final

from ociarchive import near
from ociarchive.blobio.codec import GO_HEADER_TEXT
from ociarchive.blobio.filetype import HEAD, describe
from ociarchive.blobio.limits import LimitError, Limits
from ociarchive.blobio.source import close_read, open_regular
from ociarchive.blobio.spool import read_fd, spool, unpack
from ociarchive.container import Container, DirectoryContainer, TarContainer, looks_like_tar
from ociarchive.errors import ContentError, HostError, UsageError, cannot
from ociarchive.flaws import Flaw, Flaws
from ociarchive.formats import _lookalike
from ociarchive.formats.dir import DIR
from ociarchive.formats.docker_archive import DOCKER_ARCHIVE
from ociarchive.formats.oci_layout import OCI_ARCHIVE, OCI_LAYOUT
from ociarchive.formats.registry_storage import REGISTRY_STORAGE
from ociarchive.model import extent, parts, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ociarchive.formats.format import Format, Layout
    from ociarchive.model import Archive, Root
    from ociarchive.values import Digest

FORMATS: Final[tuple[Format, ...]] = (DOCKER_ARCHIVE, OCI_LAYOUT, OCI_ARCHIVE, DIR, REGISTRY_STORAGE)
#: Formats of the contract that this version does not have.
NOT_YET: Final = ("docker-storage", "containers-storage", "containerd-storage")


class NotAnArchiveError(ContentError):
    """A file or folder that is no image archive of a known format, or too damaged to tell: `rule` says which."""

    rule = "not-an-archive"


def format_of(name: str) -> Format:
    """Return the format that is known to have a name, as an archive's `format` is."""
    return next(known for known in FORMATS if known.name == name)


def written() -> tuple[str, ...]:
    """Return the names of the formats that can be written."""
    return tuple(known.name for known in FORMATS if known.layout is not None)


def by_name(name: str) -> Format:
    """Return the format that `--to` names. UsageError: there is none, not yet, or it is a source alone."""
    known = next((known for known in FORMATS if known.name == name), None)
    if known is not None:
        writable(known)
        return known
    if name in NOT_YET:
        raise UsageError(f"format {name} is not built yet in this version")
    hint = near.hint(name, written(), _lookalike.MEANT)
    raise UsageError(f"unknown format {name}", expected=f"one of {', '.join(written())}", hint=hint)


def format_in(folder: str) -> Format | None:
    """Return the format of the archive in a folder, None where it holds none. HostError: it cannot be read."""
    container = DirectoryContainer(folder, folder)
    try:
        return detect(container)
    finally:
        container.close()


def writable(known: Format) -> Layout:
    """Return the layout of a format. UsageError: it is a source alone."""
    if known.layout is None:
        raise UsageError(f"{known.name} can be read, not written", expected=f"one of {', '.join(written())}")
    return known.layout


def blob_names(digest: Digest) -> frozenset[str]:
    """Return the names that a blob or manifest of a digest has in the formats."""
    layouts = [known.layout for known in FORMATS if known.layout is not None]
    blobs = (layout.blob_path(digest) for layout in layouts)
    return frozenset((*blobs, *(layout.document_path(digest, root=False) for layout in layouts)))


def entry_documents() -> frozenset[str]:
    """Return the names of the files with which archives begin."""
    return frozenset(name for known in FORMATS for name in known.reader.documents)


def detect(container: Container) -> Format | None:
    """Return the format of what a container holds, told by its content alone; None where it is none."""
    return next((known for known in FORMATS if known.reader.probe(container)), None)


def open_archive(
    path: str, *, spool_folder: str | None = None, limits: Limits | None = None, shown: str | None = None
) -> Archive:
    """Read the graph of the archive at `path`, a file, a folder, or `-` for standard input.

    What is a pipe or compressed as a whole is unpacked once into a nameless file in `spool_folder` (else the system's
    temporary folder). `shown` is what messages call the archive, else its path. It is to be closed.

    UsageError: no such file. NotAnArchiveError: no image archive.
    ContentError: one that cannot be read at all. HostError: the machine cannot read it.
    """
    container = _container(path, shown or path, spool_folder, limits or Limits())
    try:
        found = detect(container)
        if (misread := _lookalike.misread(container, path)) is not None:
            raise _instead(misread, container.where)
        if found is None and container.kind == "tar":
            container, found = _packed_with_its_folder(container)
        elif found is not None and container.kind == "tar":
            _lookalike.note_packed(found, container)
        if found is None:
            raise _not_an_archive(container, path)
        archive = found.reader.read(container)
        require_listable(archive.roots, container.limits, container.where)
    except BaseException:
        container.close()
        raise
    return archive


def require_listable(roots: Iterable[Root], limits: Limits, where: str) -> None:
    """Refuse what is small and would fill disks once it is listed: images under many names, indexes of one another.

    LimitError: `extent` is more than allowed. Whoever walks an archive root by root may rely on it.
    """
    if extent(roots, limits.listed) > limits.listed:
        what = f"layers, names and entries, as often as they are reached, are more than the {limits.listed} allowed"
        raise LimitError(what, "listed", where=where)


def _packed_with_its_folder(container: Container) -> tuple[Container, Format | None]:
    """Return the archive in the folder that all members of a tar lie in, or in one above that; else the tar itself."""
    for folder, inside in _lookalike.folders_of_all(container):
        if (misread := _lookalike.misread(inside, folder)) is not None:
            raise _instead(misread, container.where)
        if (found := detect(inside)) is not None and _lookalike.is_marked(found, inside):
            _lookalike.note_folder(folder, container)
            return inside, found
    return container, None


def _instead(told: _lookalike.Lookalike, where: str) -> NotAnArchiveError:
    return NotAnArchiveError(told.what, where=where, found=told.found, hint=told.hint)


def owned_names(path: str) -> Callable[[str], bool] | None:
    """Return what tells of each path in a folder whether it is the archive's own, None where the folder holds none.

    Many a program's folder has a manifest.json or an index.json; only with a format's own marker is it an archive.
    A folder's path ends in `/`. HostError: it cannot be read.
    """
    container = DirectoryContainer(path, path)
    try:
        found = detect(container)
        if found is None:
            return None
        reader = found.reader
        archive = reader.read(container)
        marked = reader.marker is None or container.get(reader.marker) is not None
    except ContentError:
        return None
    finally:
        container.close()
    if not marked or not (archive.roots or archive.stored):
        return None
    named = {part.name for edge in walk(archive.roots) for part in parts(edge.node)}
    return lambda name: reader.owns(name) or name in named


def is_any_formats(name: str) -> bool:
    """Whether a path is one that some format gives a file; a folder's ends in `/`."""
    return any(known.reader.owns(name) for known in FORMATS)


def archives_below(folder: str) -> Iterator[str]:
    """Give the paths of archives in a folder and the folders below it, sorted; a folder that is one is not entered.

    Files of other kinds are given too: they are for the caller to judge. Hidden files are passed over.
    """
    container = DirectoryContainer(folder, folder)
    try:
        found = detect(container)
    finally:
        container.close()
    if found is not None:
        yield folder
        return
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise cannot("read", error, folder) from error
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from archives_below(entry.path)
        elif entry.is_file():
            yield entry.path


def is_text(path: str) -> bool:
    """Whether a file is plain text, as a list of checksums or a note beside archives is."""
    try:
        fd = open_regular(path, path)
    except (ContentError, HostError):
        return False
    try:
        head = os.pread(fd, HEAD, 0)
    except OSError:
        return False
    finally:
        close_read(fd)
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        text = head[: error.start].decode("utf-8") if error.start > len(head) - 4 else ""
    return bool(text) and all(char.isprintable() or char in "\n\r\t" for char in text)


def _holds_archive(folder: str) -> bool:
    """Whether a folder holds an archive for certain."""
    container = DirectoryContainer(folder, folder)
    try:
        found = detect(container)
        return found is not None and _lookalike.is_marked(found, container)
    except (ContentError, HostError):
        return False
    finally:
        container.close()


def _not_an_archive(container: Container, path: str) -> NotAnArchiveError:
    if container.kind == "directory" and (told := _lookalike.below(path, _holds_archive)) is not None:
        return _instead(told, container.where)
    names = [name for _, name in zip(range(3), container.names(), strict=False)]
    what = "tar" if container.kind == "tar" else "folder"
    if container.damaged:
        return _damaged(next(iter(container.flaws)))
    found = f"a {what} with {', '.join(names)}" if names else f"an empty {what}"
    return NotAnArchiveError(
        "not an image archive",
        where=container.where,
        expected="manifest.json, index.json or oci-layout in it",
        found=found,
    )


def _damaged(flaw: Flaw) -> NotAnArchiveError:
    error = NotAnArchiveError(flaw.message, where=flaw.where, expected=flaw.expected, found=flaw.found)
    error.rule = flaw.rule
    return error


def _container(path: str, where: str, spool_folder: str | None, limits: Limits) -> Container:
    if path == "-":
        where = "standard input"
        return _tar(os.dup(0), where, spool_folder, limits)
    try:
        status = os.stat(path)
    except FileNotFoundError:
        raise UsageError("no such file or folder", where=where) from None
    except OSError as error:
        raise cannot("read", error, where) from error
    except ValueError as error:
        raise HostError(f"cannot read: {error}", where=where) from None
    if stat.S_ISDIR(status.st_mode):
        return DirectoryContainer(path, where, limits)
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISFIFO(status.st_mode)):
        raise UsageError("neither a file, a folder nor a pipe", where=where)
    waits = 0 if stat.S_ISFIFO(status.st_mode) else os.O_NONBLOCK  # a pipe's writer may come later
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | waits)
    except OSError as error:
        raise cannot("open", error, where) from error
    if stat.S_IFMT(os.fstat(fd).st_mode) != stat.S_IFMT(status.st_mode):
        close_read(fd)
        raise ContentError("file was exchanged for another while it was opened", where=where)
    return _tar(fd, where, spool_folder, limits)


def _tar(fd: int, where: str, spool_folder: str | None, limits: Limits) -> TarContainer:
    """Return the tar in an open file or pipe, however it is compressed."""
    damage: Flaw | None = None
    headers: list[int] = []
    stored = 0
    try:
        for _ in range(limits.outer + 1):
            regular = stat.S_ISREG(os.fstat(fd).st_mode)
            if regular:
                os.lseek(fd, 0, os.SEEK_SET)
            counted = _Counted(read_fd(fd, where))
            codec, chunks = unpack(iter(counted), limits, where, headers)
            if codec.name == "none" and regular:
                return _walked(fd, where, limits, damage, _long(headers, where), stored)
            spooled, error = spool(chunks, spool_folder)
            close_read(fd)
            fd = spooled
            stored = stored or counted.size
            if error is not None:
                what = f"the archive's own compression: {error.what}"
                damage = Flaw(rule="outer-damaged", where=where, message=what, subject=where)
            if codec.name == "none":
                return _walked(fd, where, limits, damage, _long(headers, where), stored)
        raise LimitError(f"archive is compressed more than {limits.outer} times over", "outer", where=where)
    except BaseException:
        close_read(fd)
        raise


class _Counted:
    """Chunks of a stream and how many bytes they were."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self.size += len(chunk)
            yield chunk


def _long(headers: list[int], where: str) -> Iterator[Flaw]:
    """Give a flaw where Go's reader refuses the header of the archive's own gzip."""
    longest = max(headers, default=0)
    if longest > GO_HEADER_TEXT:
        yield Flaw(
            rule="gzip-header",
            where=where,
            subject=where,
            message="the archive's own gzip header has a name or comment that Go does not read",
            expected=f"{GO_HEADER_TEXT} bytes at most",
            found=f"{longest} bytes",
        )


def _walked(
    fd: int, where: str, limits: Limits, damage: Flaw | None, more: Iterator[Flaw], stored: int
) -> TarContainer:
    size = os.fstat(fd).st_size
    container = TarContainer(fd, size, where, f"{fd}:{where}", limits)
    container.stored_size = stored or size
    if damage is not None:  # the tar's own end is then a consequence
        others = [flaw for flaw in container.flaws if flaw.rule != "tar-truncated"]
        container.flaws = Flaws()
        for flaw in (damage, *others):
            container.flaws.add(flaw)
    for flaw in more:
        container.flaws.add(flaw)
    if next(container.names(), None) is None and (container.damaged or size == 0):
        head = os.pread(fd, HEAD, 0)
        if looks_like_tar(head) or damage is not None:
            raise _damaged(next(iter(container.flaws)))
        if (told := _lookalike.utf16(head)) is not None:
            raise _instead(told, where)
        raise NotAnArchiveError(
            "not an image archive",
            where=where,
            expected="a tar, an OCI layout or a compressed tar",
            found=describe(head),
        )
    return container
