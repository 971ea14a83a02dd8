"""What exists at DEST: whether it may be replaced as a whole, what would be lost, and what to do instead."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from ociarchive.blobio.codec import MAGIC, NONE, sniff
from ociarchive.blobio.destination import STAGED, Keeper
from ociarchive.blobio.staging import hidden_name, is_part_of
from ociarchive.errors import HostError, OciArchiveError, UsageError, cannot
from ociarchive.formats import is_any_formats
from ociarchive.opening import open_archive
from ociarchive.opening.folders import owned_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ociarchive.blobio.locks import Hear
    from ociarchive.formats.format import Format
    from ociarchive.selection.argument import Source

_SHOWN: Final = 3
_LABEL: Final = 100
_SLOT: Final = ".slot-"
_INDEX: Final = "index.json"


class _Entry(NamedTuple):
    """A file below a folder, or a folder, whose `name` ends in `/`. `empty` is only for folders."""

    name: str
    status: os.stat_result
    empty: bool = False


class Existing(Keeper):
    """Judges what a conversion may replace, and receives messages that a person may want to know."""

    def __init__(self, shown: str, fmt: Format, sources: Sequence[Source], hear: Hear) -> None:
        """`shown` is DEST's name in messages. `fmt` is the format that it will have."""
        self._shown, self._format, self._hear = shown, fmt, hear
        self._sources = dict(_identities(sources))
        self._owns: Callable[[str], bool] = lambda _: False

    def hear(self, text: str) -> None:
        """Pass the message on."""
        self._hear(text)

    def require_outside(self) -> None:
        """Refuse a DEST that is a SOURCE, or would become part of one (UsageError)."""
        path = os.path.realpath(self._shown)
        with suppress(OSError):
            status = os.stat(path)
            kept = stat.S_ISREG(status.st_mode) and status.st_nlink > 1  # it has another name
            if (status.st_dev, status.st_ino) in self._sources and not kept:
                what = f"DEST is SOURCE {self._sources[status.st_dev, status.st_ino]}, the only original"
                raise UsageError(what, where=self._shown, hint="write to another place, and rename that afterwards")
        below = os.path.basename(path)
        while (above := os.path.dirname(path)) != path:
            with suppress(OSError):
                status = os.stat(above)
                source = self._sources.get((status.st_dev, status.st_ino))
                places = [below[: end + 1] for end, char in enumerate(below) if char == "/"]
                if source is not None and any(map(is_any_formats, (below, f"{below}/", *places))):
                    what = f"DEST lies in SOURCE {source}, among its own files"
                    raise UsageError(what, where=self._shown, hint="choose another place")
            path, below = above, f"{os.path.basename(above)}/{below}"

    def exists(self, shown: str) -> UsageError:
        """Say what would be lost, and what to do instead. Nothing is unpacked or spooled for that."""
        return UsageError("DEST exists", hint=self._way_out(shown), where=shown)

    def require_known(self, path: str) -> None:
        """Refuse what is neither a file nor a folder that holds only an archive, and what cannot be removed."""
        try:
            status = os.stat(path)
        except OSError as error:
            raise cannot("replace", error, self._shown) from error
        try:
            self._require_known(path, status)
        except OciArchiveError:
            with suppress(OSError):
                if not os.path.samestat(os.stat(path), status):  # what was looked into was being replaced and emptied
                    what, hint = "another run has written DEST in the meantime", "run this again to replace it"
                    raise UsageError(what, where=self._shown, hint=hint) from None
            raise

    def _require_known(self, path: str, status: os.stat_result) -> None:
        if not stat.S_ISDIR(status.st_mode):
            if not stat.S_ISREG(status.st_mode):
                raise UsageError("DEST is neither a file nor a folder; --force does not replace it", where=self._shown)
            return
        if os.path.ismount(path):
            what = "DEST is where a file system is mounted; --force does not replace it"
            raise UsageError(what, where=self._shown, hint="name a folder in it")
        owns = owned_names(path)
        if owns is None:
            raise UsageError("DEST is a folder that holds no archive; --force does not replace it", where=self._shown)
        self._owns = owns
        self.require_unchanged(path)
        for entry in (_Entry("/", status), *_below(path, self._shown)):
            self._require_removable(path, entry)

    def require_unchanged(self, path: str) -> None:
        """Refuse a folder that contains a SOURCE, or anything that does not belong to the archive."""
        strangers = []
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            return
        for entry in _below(path, self._shown):
            source = self._sources.get((entry.status.st_dev, entry.status.st_ino))
            if source is not None:
                raise UsageError(
                    f"SOURCE {source} lies in DEST, which --force removes",
                    where=self._shown, hint="write to another place, or move SOURCE first",
                )  # fmt: skip
            if not _is_own(entry, self._owns):
                strangers.append(entry.name)
        if strangers:
            raise UsageError(
                "DEST holds what is not the archive's own; --force does not remove it",
                where=self._shown, found=_listed(strangers), hint="move that elsewhere first, or choose another DEST",
            )  # fmt: skip

    def is_left(self, path: str) -> bool:
        """Whether a folder holds only files that some format names, or that a run had not renamed yet."""
        try:
            entries = _below(path, self._shown)
            return all(_is_own(entry, is_any_formats) or entry.name.startswith(_SLOT) for entry in entries)
        except OciArchiveError:
            return False

    def _require_removable(self, path: str, entry: _Entry) -> None:
        """Report, before any work, what could not be removed after it."""
        if not entry.name.endswith("/"):
            return
        if entry.status.st_dev != os.lstat(path).st_dev:
            what = "a file system is mounted in DEST; --force does not replace that"
            raise UsageError(what, where=f"{self._shown}: {entry.name}")
        if entry.status.st_uid != os.geteuid() and not entry.empty:
            place = os.path.join(path, entry.name.lstrip("/"))
            if not os.access(place, os.W_OK | os.X_OK, effective_ids=True):
                what = "DEST cannot be replaced, as a folder in it may not be emptied"
                raise HostError(what, where=f"{self._shown}: {entry.name}", hint="permissions there have to allow it")

    def _way_out(self, dest: str) -> str:
        try:
            if os.path.isdir(dest):
                return self._way_out_of_folder(dest)
            if not os.path.isfile(dest):
                return "choose another name, as it is neither a file nor a folder"
            loss = _loss(dest)
        except (OciArchiveError, OSError):  # such as a file of /proc that gives no byte
            loss = None
        if loss is None:
            return "use --force to replace it, a file that is no image archive"
        return f"name DEST behind it if it is a SOURCE, or use --force to replace it and lose {loss}"

    def _way_out_of_folder(self, dest: str) -> str:
        owns = owned_names(dest)
        if owns is None:
            return (
                "choose a name that is free, as --force replaces archives alone and this is a folder without one"
                if os.listdir(dest)
                else "remove it first, as --force replaces archives alone and this is an empty folder"
            )
        loss = _loss(dest)
        fits = self._format.growth is not None and _format_of(dest) == self._format.name
        way = "use --merge to add to it" if fits else "name DEST behind it if it is a SOURCE"
        other = next((entry.name for entry in _below(dest, dest) if not _is_own(entry, owns)), None)
        if other is not None:
            return f"{way}; --force does not replace it, as {other[:_LABEL]} in it is not the archive's own"
        force = "--force" if fits else "use --force"
        return f"{way}, or {force} to replace it and lose {loss or 'what it holds'}"


def _identities(sources: Sequence[Source]) -> Iterator[tuple[tuple[int, int], str]]:
    """Give device and inode of each SOURCE: one file has many spellings."""
    for source in sources:
        with suppress(OSError, ValueError):
            status = os.fstat(0) if source.path == "-" else os.stat(source.path)
            yield (status.st_dev, status.st_ino), source.path


def _below(folder: str, shown: str) -> Iterator[_Entry]:
    """Give everything in a folder and its subfolders. Links are not followed. HostError: it cannot be read."""
    pending = [""]
    while pending:
        below = pending.pop()
        try:
            with os.scandir(os.path.join(folder, below)) as found:
                entries = sorted(found, key=lambda entry: entry.name)
            if below:
                yield _Entry(below, os.lstat(os.path.join(folder, below)), empty=not entries)
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(f"{below}{entry.name}/")
                else:
                    yield _Entry(below + entry.name, entry.stat(follow_symlinks=False))
        except OSError as error:
            raise cannot("read", error, f"{shown}: {below}" if below else shown) from error


def _is_own(entry: _Entry, owns: Callable[[str], bool]) -> bool:
    """Whether something in a folder belongs to the archive, or was left by a merge that was killed."""
    name = entry.name
    top, _, rest = name.partition("/")
    if is_part_of(top, hidden_name(STAGED)):
        return not rest or rest.startswith(_SLOT) or _is_own(entry._replace(name=rest), is_any_formats)
    if name.endswith("/"):
        return not entry.empty or owns(name)  # its content is judged by itself
    kind = entry.status.st_mode
    return (stat.S_ISREG(kind) or stat.S_ISLNK(kind)) and (owns(name) or is_part_of(name, _INDEX))


def _format_of(path: str) -> str | None:
    with suppress(OciArchiveError):
        archive = open_archive(path)
        archive.close()
        return archive.format
    return None


def _loss(path: str) -> str | None:
    """Return in words which images are in a file or folder, None where it is no archive."""
    if os.path.isfile(path):
        with open(path, "rb") as file:
            if sniff(file.read(MAGIC)) is not NONE:
                return "what it holds, compressed"
    archive = open_archive(path)
    archive.close()
    labels = dict.fromkeys(root.label[:_LABEL] for root in archive.roots)
    return _listed(list(labels)) if labels else "what it holds"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(name[:_LABEL] for name in islice(names, _SHOWN)) + (f" and {more} more" if more > 0 else "")
