"""DEST in parts (`--split`): one tar over several files, its list, sums and parity, all or nothing.

With `--part` only some of them are written beside DEST. The others go to a nameless file in the folder for temporary
files: all bytes are needed to know what the list has to say, while the medium need hold no more than its own part.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from ociarchive.auditing.identity import Identity
from ociarchive.blobio import parity, partlist
from ociarchive.blobio.files import TarSink
from ociarchive.blobio.locks import nobody
from ociarchive.blobio.manyfile import ManyFile
from ociarchive.blobio.parthashes import PartHashes
from ociarchive.blobio.partlist import MOST_PARTS, Part, PartList
from ociarchive.blobio.partplaces import PartPlaces
from ociarchive.blobio.randomfile import OpenFile
from ociarchive.blobio.source import close_read
from ociarchive.blobio.spool import nameless, place_of, temporary_folder
from ociarchive.errors import UsageError, plural
from ociarchive.formats import layout_of
from ociarchive.opening import open_file, partset
from ociarchive.transform import outer, preflight
from ociarchive.transform.existing import Existing
from ociarchive.transform.reading_back import audited, unaudited
from ociarchive.transform.sink import LayoutSink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from contextlib import ExitStack

    from ociarchive.auditing import Report
    from ociarchive.auditing.factstore import FactStore
    from ociarchive.blobio.locks import Hear
    from ociarchive.formats.format import Content
    from ociarchive.measure import Progress
    from ociarchive.selection.argument import Source
    from ociarchive.transform.options import Options, Split
    from ociarchive.transform.plan import Move
    from ociarchive.transform.prepare import Prepared
    from ociarchive.transform.sink import Sink
    from ociarchive.transform.written import Written
    from ociarchive.workers import Workers


class SplitTar:
    """A tar in parts while it is written, under a hidden name beside DEST. `spool` is the folder for temporary files.

    It is beside DEST, too, unless only some parts are wanted there.
    """

    def __init__(  # noqa: PLR0917  what any target is made of
        self,
        dest: str,
        options: Options,
        split: Split,
        workers: Workers,
        stack: ExitStack,
        sources: Sequence[Source] = (),
        hear: Hear = nobody,
    ) -> None:
        """Reserve the place of DEST, until `stack` is closed. UsageError: DEST cannot be written as requested."""
        self._dest, self._options, self._split, self._workers = dest, options, split, workers
        Existing(dest, options.format, sources, hear).require_outside()
        self._places = stack.enter_context(_places(dest, options, split, sources, hear))
        self.spool: str | None = None if split.only else self._places.parent
        self.notices: list[str] = []
        self._rest: int | None = None
        self._tar: int | None = None
        self._file = ManyFile(self._open, split.size, dest)
        stack.callback(self._file.close)
        self._hashes = PartHashes(self._file, split.size, workers)
        stack.callback(self._hashes.close)
        self._stack = stack
        self._listed: PartList | None = None
        self._written: Written | None = None

    def _open(self, number: int) -> tuple[int, int]:
        """Return the open file of a part, counted from 0, and where it begins there."""
        if number >= MOST_PARTS:
            raise UsageError(
                "DEST would have too many parts", where=self._dest, expected=f"{MOST_PARTS} at most",
                hint="take a larger size for --split",
            )  # fmt: skip
        if not self._split.only or number + 1 in self._split.only:
            return self._places.open_part(number)
        if self._rest is None:
            self._rest = nameless(None)
            self._stack.callback(close_read, self._rest)
        return os.dup(self._rest), number * self._split.size

    def require(self, prepared: Prepared) -> None:
        """Refuse, before any work, what surely does not fit. HostError: the space needed and available."""
        _require_space(prepared.planned.kept, self._places.parent, self._dest, self._split)

    def open(self, stack: ExitStack) -> Sink:
        """Return the sink to write to. `stack` closes it."""
        self._hashes.begin()
        if self._options.outer == "none":
            files = TarSink(self._file, self.spool, self._dest, sync=False, final=self._hashes.final)
        else:
            self._tar = nameless(self.spool)
            stack.callback(close_read, self._tar)
            files = TarSink(OpenFile(self._tar, self._dest), self.spool, self._dest, sync=False)
        sink = LayoutSink(files, layout_of(self._options.format), self._publish)
        stack.callback(sink.close)
        return sink

    def wrap(self) -> None:
        """Write through and hash the parts, make the parity, and write list and sums.

        UsageError: a part that is wanted is none of them, or the list that is there is of another archive, so that
        parts of both would be mixed. HostError: the parts cannot be written.
        """
        if self._tar is not None:
            outer.compress_into(self._tar, self._file, self._options.outer, self._workers, self._hashes.final)
        self._listed = listed = self._list()
        beside = self._places.name
        files = {beside + partlist.SUMS: listed.sums(), beside + partlist.LIST: listed.document()}
        there = set(self._places.there()) if self._split.only else set()
        if beside + partlist.LIST in there:
            self._require_agreement(listed)
        for name, content in files.items():
            if name not in there:
                self._places.put(name, [content])

    def _list(self) -> PartList:
        size, name = self._split.size, self._places.name
        count = -(-self._file.size // size)
        if self._split.only and max(self._split.only) > count:
            raise UsageError(f"--part {max(self._split.only)}: DEST has {plural(count, 'part')}", where=self._dest)
        lengths = [min(size, self._file.size - number * size) for number in range(count)]
        made: list[str] = []
        self._hashes.end()
        calls: list[Callable[[], None]] = [self._file.sync] if self._options.sync else []
        if self._split.parity:
            calls.append(partial(self._parity, made, lengths))
        calls.append(self._hashes.wait)  # the disk works while the processors hash
        self._workers.run(calls, self._hashes.close)
        parts = tuple(
            Part(partlist.part_name(name, number, count), length, digest)
            for number, (length, digest) in enumerate(zip(lengths, self._hashes.parts, strict=True))
        )
        return PartList(
            name=name,
            size=self._file.size,
            sha256=self._hashes.whole,
            part_size=size,
            parts=parts,
            parity=Part(name + partlist.PARITY, lengths[0], made[0]) if made else None,
        )

    def _parity(self, found: list[str], lengths: Sequence[int]) -> None:
        """Write the parity of the parts; where only some parts are wanted and one is there, only hash it."""
        name, hashed = self._places.name + partlist.PARITY, hashlib.sha256()

        def pieces() -> Iterator[bytes]:
            for data in parity.xored([self._reader(number, size) for number, size in enumerate(lengths)], lengths[0]):
                self._workers.check()
                hashed.update(data)
                yield data

        if self._split.only and not self._options.force and name in self._places.there():
            for _ in pieces():
                pass
        else:
            self._places.put(name, pieces())
        found.append(hashed.hexdigest())

    def _reader(self, number: int, size: int) -> parity.Read:
        """Return what reads bytes of one part, and none of the next."""
        start = number * self._split.size
        return lambda length, at: self._file.read(max(min(length, size - at), 0), start + at)

    def _require_agreement(self, listed: PartList) -> None:
        old = self._places.old_list()
        other = "it is not valid" if old is None else partlist.differences(old, listed)
        if other is not None:
            raise UsageError(
                f"the list that is there is of another archive: {other}",
                where=self._places.place(self._places.name + partlist.LIST),
                hint="--part makes a part again with the call, the sources and the version that made the others",
            )

    def audit(self, unpacked: Iterable[int], progress: Progress | None, known: FactStore) -> Report | None:
        """Audit what was written as one archive, before the parts get their names. HostError: the audit fails."""
        if not self._options.audit and not self._options.bound:
            return None
        tar = [os.fstat(self._tar).st_size] if self._tar is not None else []
        limits = self._options.limits.proved([*unpacked, *tar])
        file = ManyFile(self._open, self._split.size, self._dest, self._file.size)
        archive = open_file(file, self._dest, self.spool, limits)
        report = None
        if self._options.audit:
            report, found = audited(archive, limits, self._workers, progress, known, bound=False)
        else:
            found = unaudited(archive, self._workers)
        if self._listed is not None:
            found = replace(found, identity=Identity("sha256", self._listed.sha256), parts=self._listed)
        self._written = found
        return report

    def written(self, content: Content) -> Written | None:
        """Return what was listed as it was read back."""
        del content
        return self._written

    def _publish(self) -> None:
        if self._listed is None:
            raise RuntimeError("the parts are not listed yet")
        self._file.close()
        self._places.publish(self._listed)
        self.notices.append(f"DEST is in parts: {self._told(self._listed)}")

    def _told(self, listed: PartList) -> str:
        written = sorted(self._split.only) if self._split.only else [1, len(listed.parts)]
        names = dict.fromkeys(listed.parts[number - 1].name for number in written)
        more = f" and {listed.parity.name}" if listed.parity is not None else ""
        joint = ", " if self._split.only else " to "
        count = f" ({len(listed.parts)} in all)"
        return f"{joint.join(names)}{count}{more}, listed in {self._places.name}{partlist.LIST}"


def require(dest: str, options: Options, split: Split, sources: Sequence[Source], moves: Sequence[Move]) -> None:
    """Refuse, touching nothing, a DEST in parts that a conversion would refuse. UsageError, HostError."""
    Existing(dest, options.format, sources, nobody).require_outside()
    places = _places(dest, options, split, sources, nobody)
    places.require()
    _require_space(moves, places.parent, dest, split)


def _places(dest: str, options: Options, split: Split, sources: Sequence[Source], hear: Hear) -> PartPlaces:
    try:
        os.path.basename(os.path.realpath(dest)).encode("utf-8")
    except UnicodeEncodeError:
        raise UsageError("a list of parts cannot hold this name, it is not UTF-8", where=dest) from None
    taken = [path for source in sources for path in (source.path, *partset.files_of(source.path)) if path != "-"]
    return PartPlaces(dest, force=options.force, sync=options.sync, only=split.only, taken=taken, hear=hear)


def _require_space(moves: Sequence[Move], folder: str, dest: str, split: Split) -> None:
    """Ask beside DEST for the space of the parts that are written there, and for that of the others elsewhere."""

    def here(total: int) -> int:
        if split.only:
            return sum(max(min(split.size, total - (number - 1) * split.size), 0) for number in split.only)
        return total + (min(split.size, total) if split.parity else 0)

    preflight.require(moves, folder, dest, one_file=True, largest=split.size, need=here)
    if split.only:
        spool = temporary_folder()
        rest = place_of(None)
        preflight.require(moves, spool, rest, one_file=True, need=lambda total: max(total - here(total), 0))
