"""DEST as parts: several files that get their names together, the list last, or none of them does.

All is written to a hidden folder beside DEST, under the files' own names at the end. To publish is to rename one after
another; what was there is exchanged, so that an old set is in the hidden folder where the new one took its place. No
file system can do that at once, so a journal in the folder says what is to be renamed. Where a run is killed in
between, the next one that writes the same DEST puts everything back as it was: before the list has its name nothing
is published, afterwards all is.
"""

from __future__ import annotations

import os
import stat
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from ociarchive.blobio import partlist
from ociarchive.blobio.files import fsync_folder
from ociarchive.blobio.locks import locked_folder, nobody
from ociarchive.blobio.partjournal import JOURNAL, Journal
from ociarchive.blobio.renaming import exchange, rename_new
from ociarchive.blobio.rights import Rights
from ociarchive.blobio.source import read_named
from ociarchive.blobio.spool import write_all
from ociarchive.blobio.staging import Hidden
from ociarchive.errors import NO_FOLDER, ContentError, HostError, UsageError, cannot, plural, some

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import TracebackType
    from typing import Self

    from ociarchive.blobio.locks import Hear
    from ociarchive.blobio.partlist import PartList

#: What the files are called until it is known how many there are.
_UNNAMED: Final = "part-"


class PartPlaces:
    """The parts of one DEST while they are written, in the hidden folder `path`. Leaving without `publish` removes it.

    `only` are the numbers of the parts that are wanted, counted from 1; empty for all. `taken` are paths that are
    SOURCEs, which are never replaced.
    """

    def __init__(
        self,
        dest: str,
        *,
        force: bool,
        sync: bool,
        only: Sequence[int] = (),
        taken: Iterable[str] = (),
        hear: Hear = nobody,
    ) -> None:
        self._shown, self._force, self._sync, self._hear = dest, force, sync, hear
        self.parent, self.name = os.path.split(os.path.realpath(dest))
        self.only = frozenset(only)
        self._taken = tuple(taken)
        self._hidden = Hidden(self.parent, self.name + partlist.LIST)
        self.path = self._hidden.path
        self._ended = weakref.finalize(self, self._hidden.clear)

    def __enter__(self) -> Self:
        """Make the hidden folder. UsageError: DEST exists and may not be replaced. HostError: no place."""
        if not os.path.isdir(self.parent):
            raise UsageError("no such folder for DEST", where=self.parent, hint=NO_FOLDER)
        try:
            with locked_folder(self.parent, self._shown, self._hear):
                self._hidden.clear_leftovers(self._put_back)
                self.require()
                try:
                    self._hidden.make_folder()
                except OSError as error:
                    raise cannot("write", error, self._shown) from error
        except BaseException:
            self._hidden.clear()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hidden.clear()
        self._ended.detach()
        if os.path.lexists(self.path):
            then = "the next run with this DEST puts them back" if self._hidden.keep else "they can be removed"
            self._hear(f"files of DEST stay in {self.path}, {then} ({self._shown})")

    # What is there

    def require(self) -> None:
        """Refuse, without any change, a DEST that may not be written. UsageError, HostError."""
        if not os.path.isdir(self.parent):
            raise UsageError("no such folder for DEST", where=self.parent, hint=NO_FOLDER)
        if not os.access(self.parent, os.W_OK | os.X_OK, effective_ids=True):
            raise HostError("cannot write: permission denied", where=self._shown)
        there = self.there()
        if self.only:
            there = [name for name in there if partlist.is_part(name, self.name) and self._number(name) in self.only]
        if there and not self._force:
            hint = f"use --force to replace {'it' if len(there) == 1 else 'them'}"
            hint += "" if self.only else ", or choose another name"
            raise UsageError(f"DEST exists: {some(there)}", hint=hint, where=self._shown)
        for name in there:
            self._require_replaceable(name)

    def there(self) -> list[str]:
        """Return the names beside DEST that its parts, list, sums and parity have, in their order."""
        try:
            found = os.listdir(self.parent)
        except OSError as error:
            raise cannot("read", error, self._shown) from error
        return sorted(name for name in found if partlist.belongs(name, self.name))

    def _number(self, name: str) -> int:
        return int(name[len(self.name) + 1 :])

    def _require_replaceable(self, name: str) -> None:
        path = self.place(name)
        status = os.lstat(path)
        if not stat.S_ISREG(status.st_mode):
            raise UsageError(f"{name} is no file; --force does not replace it", where=self._shown)
        for source in self._taken:
            with suppress(OSError, ValueError):
                if os.path.samestat(status, os.stat(source)):
                    raise UsageError(
                        f"{name} is SOURCE {source}, the only original", where=self._shown,
                        hint="write to another place, and rename that afterwards",
                    )  # fmt: skip

    def old_list(self) -> PartList | None:
        """Return the list that is there, None where there is none or it is not valid. HostError: it is not readable."""
        path = self.place(self.name + partlist.LIST)
        try:
            return partlist.parse(read_named(path, "a list of parts", partlist.LIST_LIMIT), path)
        except (ContentError, UsageError):
            return None

    def place(self, name: str) -> str:
        """Return the path of a file beside DEST."""
        return os.path.join(self.parent, name)

    # What is written

    def open_part(self, number: int) -> tuple[int, int]:
        """Return the open file of a part, counted from 0, for ManyFile."""
        try:
            path = os.path.join(self.path, f"{_UNNAMED}{number}")
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666), 0
        except OSError as error:
            raise cannot("write", error, self._shown) from error

    def put(self, name: str, content: Iterable[bytes]) -> None:
        """Write a file into the hidden folder. HostError: it cannot be."""
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            fd = os.open(os.path.join(self.path, name), flags, 0o666)
            try:
                for piece in content:
                    write_all(fd, piece, self._shown)
                if self._sync:
                    os.fsync(fd)
            finally:
                os.close(fd)
        except OSError as error:
            raise cannot("write", error, self._shown) from error

    def publish(self, listed: PartList) -> None:
        """Give all files of a list their names, its own last. With force what was there is removed on leaving.

        UsageError: another run was faster, or a file would be taken for a part of DEST. HostError: a name cannot be
        given, or not durably; then all is as it was.
        """
        wanted = [part.name for number, part in enumerate(listed.parts, 1) if not self.only or number in self.only]
        numbers = {part.name: number for number, part in enumerate(listed.parts)}
        for name in wanted:
            os.rename(os.path.join(self.path, f"{_UNNAMED}{numbers[name]}"), os.path.join(self.path, name))
        last = [self.name + suffix for suffix in (partlist.SUMS, partlist.LIST)]
        names = [*wanted, *([listed.parity.name] if listed.parity else []), *last]
        with locked_folder(self.parent, self._shown, self._hear):
            gone = self._to_go(names, listed)
            names = [name for name in names if os.path.lexists(os.path.join(self.path, name))]
            self._keep_rights(names)
            try:
                self._rename(names, gone, self._write_journal(names, gone))
            except FileExistsError:
                raise UsageError("another run has written DEST in the meantime", where=self._shown) from None
            except OSError as error:
                raise cannot("give DEST its name", error, self._shown) from error

    def _rename(self, names: Sequence[str], gone: Sequence[str], journal: Journal) -> None:
        """Give each file its name, or undo all. Where that cannot be done to the end, the next run does it.

        What was done is seen by the files themselves, for a signal may come behind any rename.
        """
        try:
            self._hidden.keep = True  # from now on files of the old set may be in the hidden folder
            for name in gone:
                rename_new(self.place(name), os.path.join(self.path, name), folder=False)
            for name in names:
                self._name(name)
            if self._sync:
                fsync_folder(self.parent, self._shown)
        except BaseException:
            journal.undo(self.path, self.parent)
            self._hidden.keep = False
            raise
        self._hidden.keep = False

    def _to_go(self, names: Sequence[str], listed: PartList) -> list[str]:
        """Return the files of the old set that the new one does not have; refuse what would be taken for a part."""
        if self.only:
            return []
        extra = [name for name in self.there() if name not in names]
        old = self.old_list() if extra and self._force else None
        ours = {part.name for part in old.files} if old is not None else set()
        strangers = [name for name in extra if name not in ours]
        if strangers:
            raise UsageError(
                f"{some(strangers)} would be taken for a part of DEST", where=self._shown,
                expected=plural(len(listed.parts), "part"), hint="move that elsewhere first, or choose another DEST",
            )  # fmt: skip
        return extra

    def _keep_rights(self, names: Sequence[str]) -> None:
        """Give each new file the rights of the one that it replaces, as a single DEST keeps them."""
        for name in names:
            old = self.place(name)
            if os.path.lexists(old):
                self._require_replaceable(name)
                Rights(old, self._shown, self._hear, sync=self._sync).give_all(os.path.join(self.path, name))

    def _name(self, name: str) -> None:
        path, hidden = self.place(name), os.path.join(self.path, name)
        if not os.path.lexists(path):
            rename_new(hidden, path, folder=False)
        elif not self._force:
            raise FileExistsError(path)
        elif not exchange(hidden, path):
            raise HostError(
                "the file system cannot exchange two names at once", where=self._shown,
                hint="remove the old parts first, or choose another DEST",
            )  # fmt: skip

    # What a killed run left

    def _write_journal(self, names: Sequence[str], gone: Sequence[str]) -> Journal:
        journal = Journal.of(self.path, names, gone)
        self.put(JOURNAL, [journal.document()])
        if self._sync:
            fsync_folder(self.path, self._shown)
        return journal

    def _put_back(self, left: str) -> bool:
        """Undo the renames of a killed run, unless all are done; return whether the rest of its folder may go."""
        names = set(os.listdir(left)) - {JOURNAL}
        if not all(name.startswith((_UNNAMED, f"{self.name}.")) for name in names):
            return False  # no run leaves that
        journal = Journal.read(left, self.name)
        if journal is not None and not journal.is_done(left):
            journal.undo(left, self.parent)
        return True
