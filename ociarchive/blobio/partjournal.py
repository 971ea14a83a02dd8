"""What is renamed when parts get their names, written down first: a later run can undo what a kill broke off."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ociarchive import documents
from ociarchive.blobio.renaming import exchange, rename_new
from ociarchive.blobio.source import read_named
from ociarchive.errors import ContentError, HostError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ociarchive.values import JSON

JOURNAL: Final = "journal.json"
#: A line for each of the parts that an archive may have at most, old and new, with the longest of names.
_LIMIT: Final = 16 << 20


@dataclass(frozen=True, slots=True)
class Journal:
    """`new` are the files that leave the hidden folder, in this order, each with its device and inode.

    `gone` are files of the old set that come into it before that. A file of both sets is exchanged.
    """

    new: Mapping[str, tuple[int, int]]
    gone: Sequence[str]

    @classmethod
    def of(cls, folder: str, names: Iterable[str], gone: Sequence[str]) -> Journal:
        """Return the journal of files that lie in the hidden `folder`. OSError: they do not."""
        return cls({name: _inode(os.path.join(folder, name)) for name in names}, gone)

    @classmethod
    def read(cls, folder: str, name: str) -> Journal | None:
        """Return the journal of the parts of `name`, None where there is none that was written to its end.

        It never leads to files of other names.
        """
        path = os.path.join(folder, JOURNAL)
        try:
            members = documents.parse(read_named(path, "a journal", _LIMIT), path, limit=_LIMIT).members
        except (ContentError, UsageError, HostError):
            return None
        new, gone = members.get("new"), members.get("gone")
        if not isinstance(new, dict) or not isinstance(gone, list):
            return None
        found = {key: inode for key, value in new.items() if (inode := _pair(value)) is not None}
        names = [one for one in (*new, *gone) if isinstance(one, str) and one.startswith(f"{name}.") and "/" not in one]
        if len(names) != len(new) + len(gone) or len(found) != len(new):
            return None
        return cls(found, names[len(new) :])

    def document(self) -> bytes:
        """Return the journal as it is written."""
        new: dict[str, JSON] = {name: list(inode) for name, inode in self.new.items()}
        return documents.dump({"new": new, "gone": list(self.gone)})

    def is_done(self, folder: str) -> bool:
        """Whether the last of the new files has left the hidden folder: then all have."""
        last = next(reversed(list(self.new)), None)
        return last is not None and not _is(os.path.join(folder, last), self.new[last])

    def undo(self, folder: str, parent: str) -> None:
        """Take the new files back into the hidden folder, and give the old ones their names again."""
        for name in reversed(list(self.new)):
            hidden, path = os.path.join(folder, name), os.path.join(parent, name)
            if _is(path, self.new[name]) and not (os.path.lexists(hidden) and exchange(hidden, path)):
                rename_new(path, hidden, folder=False)
        for name in self.gone:
            if os.path.lexists(os.path.join(folder, name)):
                with suppress(FileExistsError):  # killed between the two steps of a rename: it has both names
                    rename_new(os.path.join(folder, name), os.path.join(parent, name), folder=False)


def _inode(path: str) -> tuple[int, int]:
    status = os.lstat(path)
    return status.st_dev, status.st_ino


def _is(path: str, inode: tuple[int, int]) -> bool:
    try:
        return _inode(path) == inode
    except OSError:
        return False


def _pair(value: JSON) -> tuple[int, int] | None:
    if isinstance(value, list) and len(value) == 2:
        device, inode = value
        if isinstance(device, int) and isinstance(inode, int):
            return device, inode
    return None
