"""Spools: input that cannot be read twice, or is compressed as a whole, is written once to a nameless file."""

from __future__ import annotations

import os
import select
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from ociarchive.blobio.codec import MAGIC, NONE, Codec, StreamError, sniff
from ociarchive.blobio.randomfile import OpenFile
from ociarchive.blobio.source import CHUNK, FileRange, Sliceable, close_read
from ociarchive.errors import HostError, cannot
from ociarchive.late import Late

if TYPE_CHECKING:
    import tempfile
    from collections.abc import Generator, Iterable, Iterator

    from ociarchive.blobio.limits import Limits
    from ociarchive.blobio.source import ByteSource
else:
    tempfile = Late("tempfile")


#: Prefix of the short-lived name of a nameless file, where the file system requires one.
SPOOL: Final = ".ociarchive-spool-"
#: Milliseconds after which a wait for a pipe looks up.
_LISTEN: Final = 250


def nameless(folder: str | None) -> int:
    """Return a file without a name in `folder` (else the system's temporary one): gone with the process that has it."""
    where = place_of(folder)
    folder = folder or temporary_folder()
    try:
        try:
            return os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except (AttributeError, OSError):  # not every file system has O_TMPFILE
            fd, path = tempfile.mkstemp(prefix=SPOOL, dir=folder)
            with suppress(FileNotFoundError):  # another run cleared it away, as if this one had been killed just now
                os.unlink(path)
            return fd
    except OSError as error:
        raise cannot("make a temporary file", error, where) from error


def place_of(folder: str | None) -> str:
    """Return what messages call the place of nameless files in `folder`; of the system's, how it is chosen too."""
    return folder or f"{temporary_folder()}: the variable TMPDIR chooses another folder"


def temporary_folder() -> str:
    """Return the system's folder for temporary files. HostError: there is none that can be written to."""
    try:
        return tempfile.gettempdir()
    except OSError as error:
        where = os.environ.get("TMPDIR", "/tmp")  # noqa: S108  nothing is made there, it is only named
        raise HostError("no folder for temporary files", where=where, hint="set TMPDIR to one") from error


def write_all(fd: int, data: bytes | memoryview, where: str) -> None:
    """Write all of `data` at the file's position; HostError where it cannot be."""
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(fd, view) :]
    except OSError as error:
        raise cannot("write", error, where) from error


def read_fd(fd: int, where: str) -> Iterator[bytes]:
    """Give what a pipe or file holds from its position on; HostError where it cannot be read."""
    waiting = None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        waiting = select.poll()
        waiting.register(fd, select.POLLIN)
    while True:
        try:
            # A signal that comes just before a read of a silent pipe would only be heard with the next byte.
            while waiting and not waiting.poll(_LISTEN):
                pass
            data = os.read(fd, CHUNK)
        except OSError as error:
            raise cannot("read", error, where) from error
        if not data:
            return
        yield data


def spool(chunks: Iterable[bytes], folder: str | None) -> tuple[int, StreamError | None]:
    """Write a stream to a nameless file in `folder`; return the file, and what ended the stream before its end.

    HostError, which names the folder: it takes no more.
    """
    fd = nameless(folder)
    where = place_of(folder)
    damage = None
    try:
        for chunk in chunks:
            write_all(fd, chunk, where)
    except StreamError as error:
        damage = error
    except BaseException:
        close_read(fd)
        raise
    return fd, damage


@contextmanager
def sliceable(source: ByteSource, folder: str | None = None) -> Iterator[Sliceable]:
    """Give a source whose parts can be read: the source itself, or a copy of its bytes in a nameless file in `folder`.

    ContentError: the bytes cannot be read or computed. HostError: the folder takes no more.
    """
    if isinstance(source, Sliceable):
        yield source
        return
    fd, damage = spool(source.chunks(), folder)
    try:
        if damage is not None:
            raise damage
        yield FileRange(source.where, 0, os.fstat(fd).st_size, source.where, OpenFile(fd, source.where))
    finally:
        close_read(fd)


def unpack(
    chunks: Iterator[bytes], limits: Limits, where: str, headers: list[int] | None = None
) -> tuple[Codec, Generator[bytes]]:
    """Return the codec of a stream and its unpacked bytes. StreamError, at `where`, comes while it is read.

    `headers` gets the size of the longest text in the stream's headers, when all is read.
    """
    first = next(chunks, b"")
    while first and len(first) < MAGIC and (more := next(chunks, b"")):
        first += more
    codec = sniff(first)
    if codec is NONE:
        return NONE, _chain(first, chunks)
    return codec, _decoded(codec, _chain(first, chunks), limits, where, headers)


def _chain(first: bytes, rest: Iterator[bytes]) -> Generator[bytes]:
    if first:
        yield first
    yield from rest


def _decoded(
    codec: Codec, chunks: Iterator[bytes], limits: Limits, where: str, headers: list[int] | None
) -> Generator[bytes]:
    decoder = codec.decoder(limits.window, limits.gzip_header)
    guard = limits.guard(where, codec.name)
    try:
        for chunk in chunks:
            guard.stored += len(chunk)
            for piece in decoder.feed(chunk):
                guard.unpacked(len(piece))
                yield piece
        decoder.finish()
    except StreamError as error:
        if error.where is None:
            error.where = where
        raise
    finally:
        if headers is not None:
            headers.append(decoder.header)
        decoder.close()
