"""DEST appears whole or not at all: written under a hidden name beside it, renamed or exchanged at the end."""

from __future__ import annotations

import os
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from ociarchive.blobio.files import fsync_folder
from ociarchive.blobio.locks import locked_folder
from ociarchive.blobio.renaming import exchange, rename_new
from ociarchive.blobio.rights import Rights
from ociarchive.blobio.source import close_read
from ociarchive.blobio.staging import Hidden
from ociarchive.errors import NO_FOLDER, HostError, UsageError, cannot

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self


#: What the hidden folder of a merge is called.
STAGED: Final = "merge"


class Keeper:
    """Knows what exists at DEST, and what earlier runs left. This one allows everything and reports nothing."""

    def exists(self, shown: str) -> UsageError:
        """Return the error for a DEST that is there and is not to be replaced."""
        return UsageError("DEST exists", hint="use --force to replace it", where=shown)

    def require_known(self, path: str) -> None:
        """Refuse, before any work, to replace `path`. UsageError: it must not be removed. HostError: it cannot be."""

    def require_unchanged(self, path: str) -> None:
        """Refuse, just before the removal, what appeared in `path` since. UsageError: something did."""

    def is_left(self, path: str) -> bool:
        """Whether the folder of a killed run holds nothing but what runs leave."""
        del path
        return True

    def hear(self, text: str) -> None:
        """Receive messages for people: what waits, what cannot be kept, what was not removed."""


class Destination:
    """One DEST while it is written. `path` is the hidden name to write to. Leaving without `publish` removes it.

    If two runs write one DEST, the first to publish wins. The other finds that DEST has changed since it began, and
    does not replace it, with and without `force`.
    """

    def __init__(self, dest: str, *, folder: bool, force: bool, sync: bool, keeper: Keeper | None = None) -> None:
        """`keeper` decides what may be removed. Without it everything may."""
        self._shown = dest
        self._keeper = keeper or Keeper()
        self._dest = os.path.realpath(dest)
        self.parent, name = os.path.split(self._dest)
        self._folder, self._force, self._sync = folder, force, sync
        self._fd: int | None = None
        self._before: int | None = None
        self._replaced = False
        self._hidden = Hidden(self.parent, name)
        self.path = self._hidden.path
        # A signal may come where no `with` is entered yet, or no longer: then this clears away.
        self._ended = weakref.finalize(self, self._hidden.clear)

    def __enter__(self) -> Self:
        """Take a hidden name beside DEST. UsageError: it exists and may not be replaced. HostError: no place."""
        self._require_place()
        if os.path.lexists(self._dest):
            self._remember()
            self._keeper.require_known(self._dest)
        try:
            with locked_folder(self.parent, self._shown, self._keeper.hear):
                self._hidden.clear_leftovers(self._keeper.is_left)
                self._make()
                if self._before is not None and (self._folder or os.path.isdir(self._dest)):
                    self._require_exchange()  # the probe is not locked, so others may not clear meanwhile
        except BaseException:
            self._hidden.clear()
            raise
        return self

    def require(self) -> None:
        """Refuse, without any change, what would be refused on entering."""
        self._require_place()
        if os.path.lexists(self._dest):
            self._keeper.require_known(self._dest)
        if not os.access(self.parent, os.W_OK | os.X_OK, effective_ids=True):
            raise HostError("cannot write: permission denied", where=self._shown)

    def _require_place(self) -> None:
        if not os.path.isdir(self.parent):
            raise UsageError("no such folder for DEST", where=self.parent, hint=NO_FOLDER)
        try:
            os.lstat(self._dest)
        except FileNotFoundError:
            return
        except OSError as error:  # a name that is too long
            raise cannot("write", error, self._shown) from error
        if not self._force:
            raise self._keeper.exists(self._shown)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._fd is not None:
            close_read(self._fd)
            self._fd = None
        self._hidden.clear()
        self._ended.detach()
        if os.path.lexists(self.path):
            what = "not all of what was replaced" if self._replaced else "the unfinished part"
            self._keeper.hear(f"{what} can be removed, it stays as {self.path} ({self._shown})")

    def _remember(self) -> None:
        """Keep the present DEST open. As long as it is open nothing else can be mistaken for it."""
        try:
            self._before = self._hidden.hold(os.open(self._dest, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC))
        except OSError as error:
            raise cannot("open", error, self._shown) from error

    def _make(self) -> None:
        try:
            if self._folder:
                os.mkdir(self.path)
            else:
                self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
            self._hidden.lock(self.path)
        except OSError as error:
            raise cannot("write", error, self._shown) from error

    @property
    def fd(self) -> int:
        """The open file of a DEST that is a file; closed by `publish`, or on leaving."""
        if self._fd is None:
            raise RuntimeError("DEST is a folder, or not there yet")
        return self._fd

    def publish(self) -> None:
        """Give the result its name. With force the previous file of this name is removed on leaving.

        UsageError: another run was faster. HostError: the name cannot be given, or not durably; DEST is unchanged.
        """
        if self._before is not None and self._is_as_before():
            Rights(self._dest, self._shown, self._keeper.hear, sync=self._sync).give_all(self.path)
        self._close()
        with locked_folder(self.parent, self._shown, self._keeper.hear):
            try:
                undo = self._rename() if self._before is None else self._replace()
            except FileExistsError:
                raise self._taken() from None
            except OSError as error:
                raise cannot("give DEST its name", error, self._shown) from error
            if self._sync:
                try:
                    fsync_folder(self.parent, self._shown)
                except BaseException:
                    undo()
                    raise

    def _close(self) -> None:
        """Close the file: some file systems say only then that they could not write it."""
        fd, self._fd = self._fd, None
        try:
            if fd is not None:
                os.close(fd)
        except OSError as error:
            raise cannot("write", error, self._shown) from error

    def _rename(self) -> Callable[[], None]:
        """Give a name that is free; return how to take it back."""
        rename_new(self.path, self._dest, folder=self._folder)

        def undo() -> None:
            with suppress(OSError):
                rename_new(self._dest, self.path, folder=self._folder)

        return undo

    def _replace(self) -> Callable[[], None]:
        """Give the name of what was there when the run began, which gets the hidden one; return how to undo it."""
        if not os.path.lexists(self._dest):
            return self._rename()
        if not self._is_as_before():
            raise self._taken()
        self._keeper.require_unchanged(self._dest)
        with suppress(OSError):  # it may be one that may not be read
            self._hidden.lock(self._dest)  # under the hidden name it is no leftover yet
        if exchange(self.path, self._dest):

            def undo() -> None:
                with suppress(OSError):
                    exchange(self.path, self._dest)

            try:
                self._keeper.require_unchanged(self.path)  # from now on nobody finds it by its name
            except BaseException:
                undo()
                raise
            self._replaced = True
            return undo
        if self._folder or os.path.isdir(self._dest):
            raise HostError("the file system cannot exchange two names at once", where=self._shown)
        os.replace(self.path, self._dest)
        return lambda: None  # the old file is gone

    def _is_as_before(self) -> bool:
        """Whether DEST is unchanged since the run began."""
        try:
            return self._before is not None and os.path.samestat(os.lstat(self._dest), os.fstat(self._before))
        except FileNotFoundError:
            return False

    def _taken(self) -> UsageError:
        if not self._force:
            return self._keeper.exists(self._shown)
        return UsageError(
            "another run has written DEST in the meantime, and it stays as that left it",
            where=self._shown,
            hint="run this again to replace it",
        )

    def _require_exchange(self) -> None:
        """Say before any work that a folder cannot be exchanged here."""
        try:
            os.mkdir(self._hidden.probe)
            if not exchange(self.path, self._hidden.probe):
                raise HostError(
                    "the file system cannot exchange two folders at once",
                    where=self._shown,
                    hint="remove DEST first, or choose another",
                )
            exchange(self.path, self._hidden.probe)
            os.rmdir(self._hidden.probe)
        except OSError as error:
            raise cannot("write", error, self._shown) from error


class Staging:
    """A hidden folder inside of `folder` for what will be moved into that; leaving removes what is left of it."""

    def __init__(self, folder: str, shown: str, keeper: Keeper | None = None) -> None:
        self.parent, self._shown, self._keeper = os.path.realpath(folder), shown, keeper or Keeper()
        self._hidden = Hidden(self.parent, STAGED)
        self.path = self._hidden.path
        self._ended = weakref.finalize(self, self._hidden.clear)

    def __enter__(self) -> Self:
        """Make it. HostError: it cannot be made."""
        try:
            with locked_folder(self.parent, self._shown, self._keeper.hear):
                self._hidden.clear_leftovers(self._keeper.is_left)
                self._hidden.make_folder()
        except OSError as error:
            self._hidden.clear()
            raise cannot("write", error, self._shown) from error
        except BaseException:
            self._hidden.clear()
            raise
        return self

    def clear(self) -> None:
        """Remove what is left of it, as leaving does, once all is moved."""
        self._hidden.clear()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hidden.clear()
        self._ended.detach()
