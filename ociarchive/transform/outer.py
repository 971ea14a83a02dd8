"""The compression of a whole tar (`--outer`)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ociarchive.blobio.codec import by_name
from ociarchive.blobio.spool import read_fd, write_all
from ociarchive.errors import cannot
from ociarchive.transform.encode import Encoder

if TYPE_CHECKING:
    from ociarchive.workers import Workers


class _Out:
    """An open file to which an encoder writes."""

    def __init__(self, fd: int, where: str) -> None:
        self._fd, self._where = fd, where

    def write(self, data: bytes) -> None:
        write_all(self._fd, data, self._where)


def compress(tar: int, out: int, codec_name: str, workers: Workers, where: str, *, sync: bool) -> None:
    """Compress the open file `tar` into the open file `out`, block by block; HostError where it cannot be."""
    codec = by_name(codec_name)
    encoder = Encoder(_Out(out, where), codec, codec.default_level, workers)
    try:
        os.lseek(tar, 0, os.SEEK_SET)
        for chunk in read_fd(tar, where):
            encoder.take(chunk)
        encoder.finish()
        if sync:
            os.fsync(out)
    except OSError as error:
        raise cannot("write", error, where) from error
