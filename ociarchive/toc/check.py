"""Compare a layer's table of contents with its annotations and with the layer."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING, Final

from ociarchive.blobio.codec import StreamError
from ociarchive.blobio.spool import sliceable, unpack
from ociarchive.container.header import HeaderError
from ociarchive.container.stream import Tar
from ociarchive.documents import DocumentError
from ociarchive.errors import ContentError
from ociarchive.flaws import Flaw
from ociarchive.toc import split, tables
from ociarchive.toc.annotations import ESTARGZ_SIZE
from ociarchive.toc.chunks import fetch
from ociarchive.toc.entries import compare
from ociarchive.toc.locate import locate
from ociarchive.toc.mismatches import Faults, TableError

if TYPE_CHECKING:
    from ociarchive.blobio.limits import Limits
    from ociarchive.blobio.source import ByteSource, Sliceable
    from ociarchive.toc.locate import Table
    from ociarchive.values import Descriptor

#: A table is the one thing here that grows with a layer: only one is in memory, whatever the number of threads.
_one: Final = threading.Lock()


def check(descriptor: Descriptor, source: ByteSource, unpacked_size: int | None, limits: Limits) -> list[Flaw]:
    """Compare a layer's table with its annotations and with the layer itself. This reads the layer twice more.

    `unpacked_size` is the layer's, in bytes, as it was measured. HostError: the layer cannot be read.
    """
    faults = Faults()
    told = descriptor.annotations.get(ESTARGZ_SIZE)
    if told is not None and unpacked_size is not None and told != str(unpacked_size):
        faults.add("toc-annotation", f"{ESTARGZ_SIZE} is wrong", told[:40], str(unpacked_size))
    with _one:
        try:
            with sliceable(source) as layer:
                table = locate(descriptor.annotations, layer, limits)
                if table is None:
                    faults.add("toc-elsewhere", "the layer's table of contents stands in another image")
                else:
                    _hold(table, layer, limits, faults)
        except TableError as error:
            faults.add(*error.fault)
        except (DocumentError, HeaderError, StreamError) as error:
            faults.add("toc-entry", f"the table of contents cannot be read: {error}")
        except ContentError as error:
            faults.add("toc-annotation", f"the table of contents cannot be read: {error.what}")
    subject = str(descriptor.digest)
    return [
        Flaw(rule=rule, where=source.where, message=message, subject=subject, expected=expected, found=found)
        for rule, message, expected, found in faults
    ]


def _hold(table: Table, source: Sliceable, limits: Limits, faults: Faults) -> None:
    """Compare a table with the layer: first its files, then where they are stored."""
    told = tables.read(table, source.where, limits)
    compared = None
    if told.split:  # without a digest engines pass the tar-split data over
        try:
            if table.split is None:
                message = "the table of contents names tar-split data, the annotations give no place of it"
                raise TableError("toc-annotation", message)
            split.verify(source, table.split, told.split)
            compared = split.Compared(source, table.split, limits)
        except TableError as error:
            faults.add(*error.fault)
    _, pieces = unpack(source.chunks(), limits, source.where)
    with closing(pieces):
        watched = compared.through(pieces) if compared else iter(pieces)
        places = compare(told, Tar(watched, limits, source.where), faults, limits, gzip=table.gzip)
        for _ in watched:  # what stands behind the tar's end
            pass
    if compared and compared.fault:
        faults.add(*compared.fault.fault)
    fetch(places, source, table.offset, limits, faults)
