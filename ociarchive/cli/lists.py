"""Lists of SOURCEs, one a line, which are read as they are taken: neither a list nor a line of it has to fit memory."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, BinaryIO, Final

from ociarchive.errors import ContentError, cannot

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Bytes of a line: the longest path and selector have 5,000.
_LONGEST: Final = 16 << 10


def sources_in(file: BinaryIO, where: str) -> Iterator[str]:
    """Give the SOURCEs that a list has, empty lines apart. `where` is the list, for messages.

    ContentError: a line that cannot be one. HostError: it cannot be read.
    """
    try:
        while line := file.readline(_LONGEST + 1):
            if len(line) > _LONGEST:
                raise ContentError(f"a list of SOURCEs has a line of more than {_LONGEST} bytes", where=where)
            name = line.rstrip(b"\r\n")
            if b"\0" in name:
                raise ContentError("a list of SOURCEs has a NUL in a line", where=where)
            if name:
                yield os.fsdecode(name)
    except OSError as error:
        raise cannot("read", error, where) from error
