"""The compression of a whole tar (`--outer`)."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from ociarchive.blobio.codec import by_name
from ociarchive.blobio.spool import read_fd, write_all
from ociarchive.errors import cannot
from ociarchive.transform.encode import Encoder

if TYPE_CHECKING:
    from collections.abc import Callable

    from ociarchive.blobio.randomfile import RandomFile
    from ociarchive.transform.encode import Writer
    from ociarchive.workers import Workers


class _Out:
    """An open file to which an encoder writes."""

    def __init__(self, fd: int, where: str) -> None:
        self._fd, self._where = fd, where
        self.hash = hashlib.sha256()

    def write(self, data: bytes) -> None:
        self.hash.update(data)
        write_all(self._fd, data, self._where)


class _Into:
    """A file with positions to which an encoder writes from its beginning."""

    def __init__(self, file: RandomFile, final: Callable[[int], None]) -> None:
        self._file, self._final, self.size = file, final, 0

    def write(self, data: bytes) -> None:
        self._file.write(data, self.size)
        self.size += len(data)
        self._final(self.size)


def compress(tar: int, out: int, codec_name: str, workers: Workers, where: str, *, sync: bool) -> str:
    """Compress the open file `tar` into the open file `out`, block by block; HostError where it cannot be.

    Return the sha256 of what was written in hexadecimal digits.
    """
    into = _Out(out, where)
    _compress(tar, into, codec_name, workers, where)
    try:
        if sync:
            os.fsync(out)
    except OSError as error:
        raise cannot("write", error, where) from error
    return into.hash.hexdigest()


def compress_into(tar: int, out: RandomFile, codec_name: str, workers: Workers, final: Callable[[int], None]) -> None:
    """Compress the open file `tar` into `out`, as `compress` does; it is not written through to the disk.

    `final` is called with the number of bytes that are written, again and again.
    """
    into = _Into(out, final)
    _compress(tar, into, codec_name, workers, out.where)
    out.cut(into.size)


def _compress(tar: int, out: Writer, codec_name: str, workers: Workers, where: str) -> None:
    codec = by_name(codec_name)
    encoder = Encoder(out, codec, codec.default_level, workers)
    try:
        os.lseek(tar, 0, os.SEEK_SET)
        for chunk in read_fd(tar, where):
            encoder.take(chunk)
        encoder.finish()
    except OSError as error:
        raise cannot("write", error, where) from error
