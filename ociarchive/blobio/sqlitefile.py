"""How the file of a catalogue looks from outside, without SQLite: how it begins, and what SQLite keeps beside it."""

from __future__ import annotations

from typing import Final

#: Marks the file as ours (SQLite file format, 1.3.14 Application ID): `OCIA`.
APPLICATION_ID: Final = 0x4F434941
#: How many bytes the header has (SQLite file format, 1.3).
HEADER: Final = 100
_APPLICATION_ID_AT: Final = 68
_MAGIC: Final = b"SQLite format 3\x00"
#: The files that SQLite keeps beside its own while it writes (SQLite, Temporary Files), and how each begins (SQLite
#: file format, 3 and 4.1; WAL-mode file format, 1.1, in the byte order of the machine).
_BEGINNINGS: Final = {
    "-wal": (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83"),
    "-shm": tuple((3_007_000).to_bytes(4, order) for order in ("little", "big")),
    "-journal": (b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7",),
}
#: How many first bytes are zeros while another call writes what follows them: the magic of a journal and its count of
#: pages come when it is synced, the first copy of an index's header after the second (pager.c, wal.c).
_TO_COME: Final = {"-shm": 4, "-journal": 12}
BESIDE: Final = tuple(_BEGINNINGS)


def is_catalogue(head: bytes) -> bool:
    """Whether a file that begins with these bytes, `HEADER` at least, is a catalogue of ours."""
    mark = int.from_bytes(head[_APPLICATION_ID_AT : _APPLICATION_ID_AT + 4], "big")
    return head.startswith(_MAGIC) and mark == APPLICATION_ID


def file_beside(path: str, head: bytes) -> str | None:
    """Return the path of the file of SQLite beside which one at a path, that begins so, lies. None: it is no such file.

    One that SQLite has just made, or that holds nothing any more, begins with zeros or is empty.
    """
    for end, beginnings in _BEGINNINGS.items():
        if path.endswith(end) and (head.startswith(beginnings) or not head[: _TO_COME.get(end)].strip(b"\0")):
            return path.removesuffix(end)
    return None
