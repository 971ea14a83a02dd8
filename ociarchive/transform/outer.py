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
    from concurrent.futures import Future

    from ociarchive.workers import Workers


def compress(tar: int, out: int, codec_name: str, workers: Workers, where: str) -> None:
    """Compress the open file `tar` into the open file `out`, block by block; HostError where it cannot be."""
    codec = by_name(codec_name)
    encode = codec.encode
    if encode is None:
        raise RuntimeError(f"nothing here writes {codec_name}")
    pending: deque[Future[bytes]] = deque()
    position = 0
    try:
        while block := os.pread(tar, codec.block, position):
            position += len(block)
            pending.append(workers.block(lambda block=block: encode(block, codec.default_level)))  # type: ignore[misc]
            if len(pending) > BLOCKS_AHEAD * workers.jobs:
                write_all(out, pending.popleft().result(), where)
    except OSError as error:
        raise HostError(f"cannot read: {error.strerror}", where=where) from error
    while pending:
        write_all(out, pending.popleft().result(), where)
