"""A path or a pipe as a container: a folder, or a tar in any known compression."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ociarchive.blobio.codec import GO_HEADER_TEXT, MAGIC, NONE, sniff
from ociarchive.blobio.filetype import HEAD, describe
from ociarchive.blobio.limits import LimitError
from ociarchive.blobio.partlist import LIST
from ociarchive.blobio.randomfile import OpenFile
from ociarchive.blobio.source import CHUNK, close_read
from ociarchive.blobio.spool import read_fd, spool, unpack
from ociarchive.container import DirectoryContainer, TarContainer, looks_like_tar
from ociarchive.errors import ContentError, HostError, UsageError, cannot, plural
from ociarchive.flaws import Flaw, Flaws
from ociarchive.formats import _lookalike
from ociarchive.opening.refused import NotAnArchiveError, damaged, instead
from ociarchive.remote.address import has_tag, meant
from ociarchive.values import Reference

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.blobio.limits import Limits
    from ociarchive.blobio.randomfile import RandomFile
    from ociarchive.container import Container


def from_stdin(spool_folder: str | None, limits: Limits, *, hashed: bool = False) -> Container:
    """Return the tar on standard input, spooled to a nameless file. Errors are those of `from_open`."""
    return _tar(os.dup(0), "standard input", spool_folder, limits, hashed=hashed)


def open_at(path: str, where: str) -> int | None:
    """Return the open file or pipe at a path, None where a folder is there. `where` is its name in messages.

    UsageError: no such file, or it cannot be read. HostError: the machine cannot open it.
    """
    try:
        status = os.stat(path)
    except FileNotFoundError:
        if not path:
            raise UsageError("the path of an archive is empty", expected="PATH or PATH#REF") from None
        raise UsageError("no such file or folder", where=where, hint=_instead(path)) from None
    except OSError as error:
        raise cannot("read", error, where) from error
    except ValueError as error:
        raise HostError(f"cannot read: {error}", where=where) from None
    if stat.S_ISDIR(status.st_mode):
        return None
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISFIFO(status.st_mode)):
        raise UsageError("neither a file, a folder nor a pipe", where=where)
    waits = 0 if stat.S_ISFIFO(status.st_mode) else os.O_NONBLOCK  # a pipe's writer may open it later
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | waits)
    except OSError as error:
        raise cannot("open", error, where) from error
    if stat.S_IFMT(os.fstat(fd).st_mode) != stat.S_IFMT(status.st_mode):
        close_read(fd)
        raise ContentError("file was exchanged for another while it was opened", where=where)
    return fd


def _instead(path: str) -> str | None:
    """Return what a person may have meant by a path at which nothing is."""
    listed = path + LIST
    if os.path.isfile(listed):
        return f"it lies in parts, name {listed}"
    archive, mark, name = path.partition("#")  # a command line has taken selectors off
    if mark and os.path.exists(archive):
        return f"in Python the path is {archive}, and `images` selects {name}"
    address = meant(path)
    if address is not None:
        return f"an image in a registry is {address}"
    if has_tag(path) and "/" not in path and Reference.maybe(path) is not None:
        return f"an engine makes an archive of its image: `docker save -o app.tar {path}`"
    return None


def from_open(fd: int, where: str, spool_folder: str | None, limits: Limits, *, hashed: bool = False) -> Container:
    """Return the tar in an open file or pipe, which is closed with it. A pipe is spooled to a nameless file.

    `hashed`: where all of a file or pipe is read on the way, it is hashed, too.

    NotAnArchiveError: no tar. HostError: the machine cannot read it.
    """
    return _tar(fd, where, spool_folder, limits, hashed=hashed)


def from_folder(path: str, where: str, limits: Limits) -> Container:
    """Return a folder."""
    return DirectoryContainer(path, where, limits)


def from_file(file: RandomFile, where: str, spool_folder: str | None, limits: Limits) -> TarContainer:
    """Return the tar in a file, in any known compression, as `from_open` does. The file is closed where it is none."""
    try:
        if sniff(file.read(MAGIC, 0)) is NONE:
            return _walked(file, f"{id(file)}:{where}", limits, None, iter(()), None)
        headers: list[int] = []
        codec, chunks = unpack(_pieces(file), limits.within(file.size), where, headers)
        fd, error = spool(chunks, spool_folder)
        limits = limits.after(os.fstat(fd).st_size, codec.name)
    except BaseException:
        file.close()
        raise
    stored = file.size
    file.close()
    damage = _outer_damage(where, error.what) if error is not None else None
    return _tar(fd, where, spool_folder, limits, damage=damage, headers=headers, outside=_Outside(stored))


def _pieces(file: RandomFile) -> Iterator[bytes]:
    for position in range(0, file.size, CHUNK):
        yield file.read(CHUNK, position)


def _outer_damage(where: str, what: str) -> Flaw:
    return Flaw(rule="outer-damaged", where=where, message=f"the archive's own compression: {what}", subject=where)


def _tar(  # noqa: PLR0913  what is known of the file, and of what it was read from
    fd: int,
    where: str,
    spool_folder: str | None,
    limits: Limits,
    *,
    damage: Flaw | None = None,
    headers: list[int] | None = None,
    outside: _Outside | None = None,
    hashed: bool = False,
) -> TarContainer:
    """Return the tar in an open file or pipe, in any known compression; `outside` is what that was read from."""
    headers = [] if headers is None else headers
    try:
        for _ in range(limits.outer + (0 if outside else 1)):
            regular = stat.S_ISREG(os.fstat(fd).st_mode)
            if regular:
                os.lseek(fd, 0, os.SEEK_SET)
            counted = _Counted(read_fd(fd, where), hashed=hashed and outside is None)
            within = limits.within(outside.size if outside else os.fstat(fd).st_size) if regular else limits
            codec, chunks = unpack(iter(counted), within, where, headers)
            plain = codec is NONE
            if not (plain and regular):
                spooled, error = spool(chunks, spool_folder)
                if regular:
                    counted.finish()
                close_read(fd)
                fd = spooled
                outside = outside or _Outside(counted.size, counted.sha256 if error is None or regular else None)
                if error is not None:
                    damage = _outer_damage(where, error.what)
            if plain:
                return _walked(OpenFile(fd, where), f"{fd}:{where}", limits, damage, _long(headers, where), outside)
            limits = limits.after(os.fstat(fd).st_size, codec.name)
        raise LimitError(f"archive is compressed more than {plural(limits.outer, 'time')} over", "outer", where=where)
    except BaseException:
        close_read(fd)
        raise


@dataclass(frozen=True, slots=True)
class _Outside:
    """What a tar was read from, where that is another file or a pipe: its size, and its digest where it was hashed."""

    size: int = 0
    sha256: str | None = None


class _Counted:
    """Chunks of a stream, the number of bytes in them so far and, where it is `hashed`, their digest."""

    def __init__(self, chunks: Iterator[bytes], *, hashed: bool) -> None:
        self._chunks = chunks
        self._hash = hashlib.sha256() if hashed else None
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self.size += len(chunk)
            if self._hash is not None:
                self._hash.update(chunk)
            yield chunk

    def finish(self) -> None:
        """Read what a codec left, for it is part of the file, too."""
        for _ in self if self._hash is not None else ():
            pass

    @property
    def sha256(self) -> str | None:
        """The digest of all chunks so far, None where they are not hashed."""
        return self._hash.hexdigest() if self._hash is not None else None


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
            found=plural(longest, "byte"),
        )


def _walked(
    file: RandomFile, key: str, limits: Limits, damage: Flaw | None, more: Iterator[Flaw], outside: _Outside | None
) -> TarContainer:
    size, where = file.size, file.where
    container = TarContainer(file, where, key, limits)
    if outside is not None:
        container.stored_size, container.sha256, container.outermost = outside.size or size, outside.sha256, False
    if damage is not None:  # the tar's own end is then a consequence
        others = [flaw for flaw in container.flaws if flaw.rule != "tar-truncated"]
        container.flaws = Flaws()
        for flaw in (damage, *others):
            container.flaws.add(flaw)
    for flaw in more:
        container.flaws.add(flaw)
    if next(container.names(), None) is None and (container.damaged or size == 0):
        head = file.read(HEAD, 0)
        if looks_like_tar(head) or damage is not None:
            raise damaged(next(iter(container.flaws)))
        if (told := _lookalike.utf16(head)) is not None:
            raise instead(told, where)
        raise NotAnArchiveError(
            "not an image archive",
            where=where,
            expected="a tar, an OCI layout or a compressed tar",
            found=describe(head),
        )
    return container
