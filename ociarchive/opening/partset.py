"""An archive in parts as a SOURCE: the list or the first part leads to it. Each part is proved, one can be made again.

The parts are read where they lie, as one file. What is made again goes to a nameless file, piece by piece.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from ociarchive.blobio import parity, partlist
from ociarchive.blobio.filetype import HEAD
from ociarchive.blobio.manyfile import LostBytesError, ManyFile
from ociarchive.blobio.randomfile import OpenFile
from ociarchive.blobio.source import CHUNK, close_read, open_regular, read_named
from ociarchive.blobio.spool import nameless, place_of, write_all
from ociarchive.errors import ContentError, HostError, OciArchiveError, UsageError, cannot, plural, some
from ociarchive.flaws import Flaw, Flaws
from ociarchive.opening import paths
from ociarchive.opening.refused import NotAnArchiveError, damaged
from ociarchive.workers import Workers, processors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ociarchive.blobio.limits import Limits
    from ociarchive.blobio.partlist import Part, PartList
    from ociarchive.container import Container, TarContainer

MISSING, MISMATCH = "part-missing", "part-mismatch"


@dataclass(frozen=True, slots=True)
class Parts:
    """A list of parts and where it lies: its parts lie in the same folder."""

    path: str
    listed: PartList

    def place(self, part: Part) -> str:
        """Return the path of a part."""
        return os.path.join(os.path.dirname(self.path), part.name)


class Opened(NamedTuple):
    """The tar that lies in parts, and what was done to read it, in words."""

    container: Container
    notices: tuple[str, ...]


class _Identity(NamedTuple):
    """What a file is as long as nobody writes to it."""

    device: int
    inode: int
    size: int
    mtime: int
    ctime: int

    @classmethod
    def of(cls, status: os.stat_result) -> _Identity:
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fault:
    """What is wrong with a part. `lost`: its bytes cannot be read in their place."""

    part: Part
    rule: str
    what: str
    lost: bool
    expected: str | None = None
    found: str | None = None


def may_be_first(path: str) -> bool:
    """Whether a SOURCE may be the first of an archive's parts, by its name: then the list lies beside it."""
    try:
        return _beside(path) is not None and (not os.path.exists(path) or stat.S_ISREG(os.stat(path).st_mode))
    except (OSError, ValueError):
        return False


def is_list(fd: int, where: str) -> bool:
    """Whether an open file may be a list of parts, by its first bytes; no pipe is one, for its bytes go by once.

    `where` names it for people. HostError: it cannot be read.
    """
    try:
        return stat.S_ISREG(os.fstat(fd).st_mode) and partlist.looks_like_list(os.pread(fd, HEAD, 0))
    except OSError as error:
        raise cannot("read", error, where) from error


def find(path: str) -> Parts | None:
    """Return the parts to which a list or a first part leads, None where a path leads to none.

    NotAnArchiveError: the list is not valid. UsageError, HostError: it cannot be read.
    """
    if _lists(path):
        return _read(path)
    beside = _beside(path)
    if beside is None:
        return None
    try:
        parts = _read(beside)
    except NotAnArchiveError:
        if os.path.exists(path):
            raise
        return None
    first = parts is not None and parts.listed.parts[0].name == os.path.basename(path)
    return parts if first else None


def listed_beside(path: str) -> str | None:
    """Return the list that lies beside a later part, the parity or the sums of an archive in parts; else None."""
    folder, name = os.path.split(path)
    whole = name.rpartition(".")[0]
    found = os.path.join(folder, whole + partlist.LIST)
    return found if whole and partlist.belongs(name, whole) and os.path.isfile(found) else None


def files_of(path: str) -> list[str]:
    """Return the paths of all that a SOURCE in parts lies in, the list among them; empty where it is in none."""
    with suppress(OciArchiveError):
        parts = find(path)
        if parts is not None:
            return [parts.path, *(parts.place(part) for part in parts.listed.files)]
    return []


def _lists(path: str) -> bool:
    """Whether the file at a path may be a list of parts. HostError: it cannot be opened."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return False
        fd = open_regular(path, path)
    except (OSError, ValueError, ContentError):
        return False
    try:
        return is_list(fd, path)
    finally:
        close_read(fd)


def _beside(path: str) -> str | None:
    """Return the list that lies beside a first part, None where there is none."""
    whole = partlist.whole_of(os.path.basename(path))
    found = os.path.join(os.path.dirname(path), whole + partlist.LIST) if whole is not None else ""
    return found if found and os.path.isfile(found) else None


def _read(path: str) -> Parts | None:
    try:
        listed = partlist.parse(read_named(path, "a list of parts", partlist.LIST_LIMIT), path)
    except ContentError as error:
        raise NotAnArchiveError(
            error.what, where=error.where, expected=error.expected, found=error.found, hint=error.hint
        ) from error
    except UsageError:
        return None
    return Parts(path, listed) if listed is not None else None


def opened(parts: Parts, where: str, spool_folder: str | None, limits: Limits, *, judged: bool) -> Opened:
    """Return the tar in some parts. `where` is its name in messages.

    A part that is lost or changed is made again, in a nameless file in `spool_folder`, where the parity allows.
    `judged` makes flaws of such parts, and reads what is there. NotAnArchiveError: it is no tar. ContentError, without
    `judged`: parts are lost or changed for good. HostError: a part cannot be read.
    """
    known = _Known(parts)
    faults = known.prove(whole=judged)
    mended = known.mend(faults, spool_folder)
    if faults and not judged and not mended and any(fault.part is not parts.listed.parity for fault in faults):
        raise _beyond(faults, where, parts.listed)
    try:
        file = ManyFile(known.open, parts.listed.part_size, where, parts.listed.size, known.close)
        container = paths.from_file(file, where, spool_folder, limits)
    except LostBytesError as error:
        raise damaged(Flaw(rule=error.rule, where=where, message=error.what)) from error
    if judged:
        _note(container, faults, parts, mended=mended)
        container.parts = parts.listed.files
        if not faults:  # the whole was hashed, too
            container.sha256 = parts.listed.sha256
        return Opened(container, ())
    return Opened(container, tuple(_told(faults, where)))


def unreadable(container: Container, error: LostBytesError) -> NotAnArchiveError:
    """Return the error for an archive that cannot be read without a part, with what is known to lie in that."""
    flaw = next((one for one in container.flaws if one.rule in (MISSING, MISMATCH)), None)
    return damaged(flaw or Flaw(rule=error.rule, where=container.where, message=error.what))


@dataclass(slots=True)
class _Known:
    """The parts of a list, proved. `made` is the open file of the one that was made again, with its number."""

    parts: Parts
    identities: dict[str, _Identity] = field(default_factory=dict)
    lost: dict[int, _Fault] = field(default_factory=dict)
    made: tuple[int, int] | None = None

    def prove(self, *, whole: bool) -> list[_Fault]:
        """Hash every part, side by side; return what is wrong. With `whole` the hash of the whole is proved, too."""
        listed = self.parts.listed
        workers = Workers(processors())
        try:
            calls: list[Callable[[], _Fault | None]] = [partial(self._prove, part) for part in listed.files]
            faults = [fault for fault in workers.run(calls) if fault is not None]
        finally:
            workers.close()
        numbers = {part.name: number for number, part in enumerate(listed.parts)}
        self.lost = {numbers[one.part.name]: one for one in faults if one.lost and one.part.name in numbers}
        if whole and not faults:
            faults.extend(self._prove_whole())
        return faults

    def _prove(self, part: Part) -> _Fault | None:
        path = self.parts.place(part)
        try:
            status = os.stat(path)
        except FileNotFoundError:
            return _Fault(part=part, rule=MISSING, what="is not here", lost=True)
        except OSError as error:
            raise cannot("read", error, path) from error
        if not stat.S_ISREG(status.st_mode):
            return _Fault(part=part, rule=MISMATCH, what="is no regular file", lost=True)
        if status.st_size != part.size:
            sizes = (plural(part.size, "byte"), plural(status.st_size, "byte"))
            what = "has another size than the list says"
            return _Fault(part=part, rule=MISMATCH, what=what, lost=True, expected=sizes[0], found=sizes[1])
        fd = open_regular(path, path)
        try:
            self.identities[part.name] = _Identity.of(os.fstat(fd))
            found = hashlib.sha256()
            for data in _chunks(OpenFile(fd, path), part.size):
                found.update(data)
        except HostError as error:
            if isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EIO:  # a medium that wears out
                return _Fault(part=part, rule=MISSING, what=f"cannot be read, {error.__cause__.strerror}", lost=True)
            raise
        finally:
            close_read(fd)
        if found.hexdigest() == part.sha256:
            return None
        hashes = (f"sha256:{part.sha256}", f"sha256:{found.hexdigest()}")
        what = "was changed since the list was made"
        return _Fault(part=part, rule=MISMATCH, what=what, lost=False, expected=hashes[0], found=hashes[1])

    def _prove_whole(self) -> Iterator[_Fault]:
        listed = self.parts.listed
        file = ManyFile(self.open, listed.part_size, self.parts.path, listed.size)
        found = hashlib.sha256()
        try:
            for data in _chunks(file, listed.size):
                found.update(data)
        finally:
            file.close()
        if found.hexdigest() != listed.sha256:
            whole = partlist.Part(os.path.basename(self.parts.path), listed.size, listed.sha256)
            hashes = (f"sha256:{listed.sha256}", f"sha256:{found.hexdigest()}")
            what = "names parts that are not, after one another, the archive that it is the list of"
            yield _Fault(part=whole, rule=MISMATCH, what=what, lost=False, expected=hashes[0], found=hashes[1])

    def open(self, number: int) -> tuple[int, int]:
        """Return the open file of a part, and where it begins there. LostBytesError: it is not here.

        ContentError: it is another file than the one that was proved.
        """
        part = self.parts.listed.parts[number]
        path = self.parts.place(part)
        if self.made is not None and self.made[0] == number:
            return os.dup(self.made[1]), 0
        if number in self.lost:
            raise LostBytesError(f"part {part.name} {self.lost[number].what}", where=path)
        fd = open_regular(path, path)
        if _Identity.of(os.fstat(fd)) != self.identities[part.name]:
            close_read(fd)
            raise ContentError("file changed while the archive was read", where=path)
        return fd, 0

    def mend(self, faults: list[_Fault], spool_folder: str | None) -> bool:
        """Make the one part again that is lost or changed. False: that is not needed, or cannot be done."""
        listed = self.parts.listed
        numbers = {part.name: number for number, part in enumerate(listed.parts)}
        if len(faults) != 1 or listed.parity is None or faults[0].part.name not in numbers:
            return False
        bad = faults[0].part
        others = [part for part in listed.files if part is not bad]
        fd = nameless(spool_folder)
        try:
            hashed = hashlib.sha256()
            for data in parity.xored([partial(self._piece, part) for part in others], bad.size):
                write_all(fd, data, place_of(spool_folder))
                hashed.update(data)
        except BaseException:
            close_read(fd)
            raise
        if hashed.hexdigest() != bad.sha256:
            close_read(fd)
            return False
        self.made = (numbers[bad.name], fd)
        return True

    def _piece(self, part: Part, size: int, position: int) -> bytes:
        """Return some bytes of a part; it is open only meanwhile, as there may be more parts than open files."""
        path = self.parts.place(part)
        fd = open_regular(path, path)
        try:
            if _Identity.of(os.fstat(fd)) != self.identities[part.name]:
                raise ContentError("file changed while the archive was read", where=path)
            return OpenFile(fd, path).read(size, position)
        finally:
            close_read(fd)

    def close(self) -> None:
        """Close the part that was made again."""
        made, self.made = self.made, None
        if made is not None:
            close_read(made[1])


def _chunks(file: OpenFile | ManyFile, size: int) -> Iterator[bytes]:
    for position in range(0, size, CHUNK):
        yield file.read(CHUNK, position)


def _beyond(faults: list[_Fault], where: str, listed: PartList) -> ContentError:
    """Return the error for parts that cannot be made again."""
    first = faults[0]
    more = f" (and {some(fault.part.name for fault in faults[1:])})" if len(faults) > 1 else ""
    if listed.parity is None:
        hint = "get it again; --split with --parity makes one part that any other can be made again from"
    else:
        hint = "get it again, or one of them: the parity makes a single part again"
    what = f"part {first.part.name} {first.what}{more}"
    return ContentError(what, where=where, expected=first.expected, found=first.found, hint=hint)


def _told(faults: list[_Fault], where: str) -> Iterator[str]:
    """Say what was made again, or that only the parity is at fault."""
    for fault in faults:
        if fault.part.name.endswith(partlist.PARITY):
            yield f"part {fault.part.name} {fault.what}; all others are whole ({where})"
        else:
            yield f"part {fault.part.name} {fault.what}; it was made again from the others and the parity ({where})"


def _note(container: TarContainer, faults: list[_Fault], parts: Parts, *, mended: bool) -> None:
    """Make flaws of parts that are lost or changed, each with what lies in it, instead of those of the walk."""
    others = [flaw for flaw in container.flaws if flaw.rule != MISSING]
    container.flaws = Flaws()
    numbers = {part.name: number for number, part in enumerate(parts.listed.parts)}
    names = _names(container, parts.listed.part_size)
    for fault in faults:
        number = numbers.get(fault.part.name)
        message = f"part {fault.part.name} {fault.what}"
        if number is not None:
            message += f"; in it lies {_within(container, names.get(number, []))}"
        if mended:
            message += "; the parity makes it again"
        container.flaws.add(
            Flaw(
                rule=fault.rule, where=container.where, message=message, subject=fault.part.name,
                expected=fault.expected, found=fault.found,
            )
        )  # fmt: skip
    for flaw in others:
        container.flaws.add(flaw)


def _names(container: TarContainer, part_size: int) -> dict[int, list[str]]:
    """Return the names of the files of the tar by the parts in which bytes of them lie. None where it is compressed."""
    found: dict[int, list[str]] = {}
    for name, start, end in container.stretches() if container.stored_size == container.size else ():
        for number in range(start // part_size, (end - 1) // part_size + 1):
            found.setdefault(number, []).append(name)
    return found


def _within(container: TarContainer, names: list[str]) -> str:
    """Return in words which files of the tar lie in a part, as far as they are known."""
    if container.damaged:
        names = [*names, "what cannot be known without it"]
    unpacked = container.stored_size != container.size
    return some(names) if names else "a piece of the compressed tar" if unpacked else "no file"
