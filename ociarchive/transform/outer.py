"""The compression of a whole tar (`--outer`)."""

from __future__ import annotations

import os
from collections import deque
from typing import TYPE_CHECKING

from ociarchive.bytes.codec import by_name
from ociarchive.bytes.spool import write_all
from ociarchive.errors import HostError
from ociarchive.workers import BLOCKS_AHEAD

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from ociarchive.workers import Workers


def compress(tar: int, out: int, codec_name: str, workers: Workers, where: str, *, sync: bool) -> None:
    """Compress the open file `tar` into the open file `out`, block by block; HostError where it cannot be."""

    def call(encode: Callable[[bytes, int], bytes], block: bytes) -> Callable[[], bytes]:
        return lambda: encode(block, codec.default_level)

    codec = by_name(codec_name)
    encode = codec.encode
    if encode is None:
        raise RuntimeError(f"nothing here writes {codec_name}")
    pending: deque[Future[bytes]] = deque()
    position = 0
    try:
        while block := os.pread(tar, codec.block, position):
            position += len(block)
            pending.append(workers.block(call(encode, block)))
            if len(pending) > BLOCKS_AHEAD * workers.jobs:
                write_all(out, pending.popleft().result(), where)
        while pending:
            write_all(out, pending.popleft().result(), where)
        if sync:
            os.fsync(out)
    except OSError as error:
        raise HostError(f"cannot compress: {error.strerror}", where=where) from error
