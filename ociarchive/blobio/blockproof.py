"""Proof of compressed blocks: each is unpacked and compared where it was made, while it is in the processor's cache.

A proved block is one member of gzip (RFC 1952, 2.2) or one frame of zstd (RFC 8878, 3.1), and nothing else. Such
blocks, one after another, are a stream that unpacks to the blocks that were compressed, one after another: a member or
frame takes nothing over from the one before it. So a stream that was made of proved blocks needs no second unpacking to
say what it unpacks to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ociarchive.blobio.codec import StreamError
from ociarchive.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ociarchive.blobio.codec import Codec


def proving(codec: Codec, encode: Callable[[bytes], bytes], where: str) -> Callable[[bytes], bytes]:
    """Return an encoder of blocks that unpacks what `encode` gave, and compares it with the block.

    The encoder raises HostError where that is not the block again. `where` names what the blocks are of.
    """
    unblock = codec.unblocker()

    def encoded(block: bytes) -> bytes:
        data = encode(block)
        try:
            fault = None if unblock(data, len(block)) == block else "it unpacks to other bytes"
        except StreamError as error:
            fault = error.what
        if fault is not None:
            raise HostError(
                f"a block that was compressed with {codec.name} does not unpack to what it was made of: {fault}",
                where=where,
                hint="memory, processor or library may be at fault, `ociarchive doctor` tries them",
            )
        return data

    return encoded
