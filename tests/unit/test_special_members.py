"""Members of a tar that are no files: none of them can have others below it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from tarfile import BLKTYPE, CHRTYPE, DIRTYPE, FIFOTYPE, REGTYPE, SYMTYPE, USTAR_FORMAT, TarInfo

import pytest

from ociarchive.blobio.randomfile import OpenFile
from ociarchive.container import TarContainer


@contextmanager
def opened(*infos: TarInfo) -> Iterator[TarContainer]:
    raw = b"".join(info.tobuf(USTAR_FORMAT) for info in infos) + bytes(1024)
    fd = os.memfd_create("tar")
    os.write(fd, raw)
    container = TarContainer(OpenFile(fd, "a.tar"), "a.tar", "a.tar")
    try:
        yield container
    finally:
        container.close()


def member(name: str, kind: bytes, link: str = "") -> TarInfo:
    info = TarInfo(name)
    info.type, info.linkname = kind, link
    return info


# what stands where a folder should, whether it is told
KINDS = {
    "file": (REGTYPE, True),
    "fifo": (FIFOTYPE, True),
    "block-device": (BLKTYPE, True),
    "character-device": (CHRTYPE, True),
    "folder": (DIRTYPE, False),
    "link": (SYMTYPE, False),  # it may lead to a folder
}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("below", ["place/file", "place/deep/down/file"])
@pytest.mark.parametrize("first", [True, False], ids=["before", "behind"])
def test_members_below(name: str, below: str, first: bool) -> None:
    kind, told = KINDS[name]
    infos = [member("place", kind, "other" if kind == SYMTYPE else ""), member(below, REGTYPE)]
    with opened(*(infos if first else reversed(infos))) as container:
        found = [(flaw.rule, flaw.where) for flaw in container.flaws if flaw.rule == "member-not-a-folder"]
    assert found == ([("member-not-a-folder", "a.tar: place")] if told else [])
