"""The target of a conversion: where DEST is written, how it is audited, and how it gets its name."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol

from ociarchive.auditing.holding import holding_of
from ociarchive.auditing.identity import Identity
from ociarchive.blobio.destination import Destination, Staging
from ociarchive.blobio.files import DirectorySink, Files, TarSink
from ociarchive.blobio.locks import nobody
from ociarchive.blobio.randomfile import OpenFile
from ociarchive.blobio.source import close_read
from ociarchive.blobio.spool import nameless, place_of, read_fd, temporary_folder, write_all
from ociarchive.errors import UsageError
from ociarchive.formats import layout_of
from ociarchive.late import Late
from ociarchive.opening import open_archive, open_file
from ociarchive.remote.address import is_remote
from ociarchive.transform import merge, outer, preflight, splitting
from ociarchive.transform.existing import Existing
from ociarchive.transform.foreseeing import foreseen
from ociarchive.transform.reading_back import audited, unaudited
from ociarchive.transform.sink import LayoutSink, Sink
from ociarchive.transform.splitting import SplitTar
from ociarchive.transform.written import Written

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from contextlib import ExitStack

    from ociarchive.auditing import Report
    from ociarchive.auditing.factstore import FactStore
    from ociarchive.blobio.limits import Limits
    from ociarchive.blobio.locks import Hear
    from ociarchive.formats.format import Content
    from ociarchive.measure import Progress
    from ociarchive.model import Archive, Root
    from ociarchive.selection.argument import Source
    from ociarchive.transform import pushing
    from ociarchive.transform.options import Options
    from ociarchive.transform.plan import Move
    from ociarchive.transform.prepare import Prepared
    from ociarchive.values import Digest
    from ociarchive.workers import Workers
else:
    pushing = Late("ociarchive.transform.pushing")

_STDOUT: Final = "-"
_STDOUT_FD: Final = 1


class Target(Protocol):
    """DEST while it is written. `spool` is the folder for temporary files, None for the system's own.

    `notices` has, once all is done, what a person should know, in words.
    """

    spool: str | None

    @property
    def notices(self) -> Sequence[str]:
        """What a person should know of the writing."""
        ...

    def require(self, prepared: Prepared) -> None:
        """Refuse, before any layer is read, what cannot succeed. UsageError, HostError."""
        ...

    def open(self, stack: ExitStack) -> Sink:
        """Return the sink to write to. `stack` closes it."""
        ...

    def wrap(self) -> None:
        """Do what is left when the sink is complete, before it is audited."""
        ...

    def audit(self, unpacked: Iterable[int], progress: Progress | None, known: FactStore) -> Report | None:
        """Audit what was written, None where nothing is read back. HostError: the audit fails."""
        ...

    def written(self, content: Content) -> Written | None:
        """Return what DEST, which has its name now, is called and holds; None where the call does not ask for it.

        `content` is what was written.
        """
        ...


def target(
    dest: str,
    options: Options,
    workers: Workers,
    stack: ExitStack,
    sources: Sequence[Source] = (),
    hear: Hear = nobody,
    *,
    step: Hear = nobody,
) -> Target:
    """Return DEST, reserved until `stack` is closed. `step` hears the steps of a push.

    UsageError: it cannot be written as requested.
    """
    if is_remote(dest):
        return Remote(dest, options, stack, sources, step)
    if options.split is not None:
        return SplitTar(dest, options, options.split, workers, stack, sources, hear)
    return Local(dest, options, workers, stack, sources, hear)


class Remote:
    """DEST in a registry. Nothing is read back: digests are those of the bytes sent, and the registry checks them."""

    spool: str | None = None

    def __init__(
        self, dest: str, options: Options, stack: ExitStack, sources: Sequence[Source], step: Hear = nobody
    ) -> None:
        """`stack` closes the connections, and cancels what was not sent to its end."""
        self._options = options
        self._client = pushing.client_for(dest, options)
        mounts = pushing.mounts_of(self._client.address, sources)
        self._sink = pushing.RegistrySink(self._client, mounts, force=options.force, step=step)
        stack.callback(self._sink.close)

    @property
    def notices(self) -> Sequence[str]:
        """What a person should know of the push."""
        return self._sink.notices

    def require(self, prepared: Prepared) -> None:
        """Refuse to replace a tag. UsageError: which one exists, or access is refused. HostError: no answer."""
        settled, unknown = foreseen(prepared, self._options)
        roots, force = settled.content.roots, self._options.force
        self._sink.remade = pushing.require_free(self._client, roots, unknown, force=force)

    def open(self, stack: ExitStack) -> Sink:
        """Return the sink to send to."""
        del stack
        return self._sink

    def wrap(self) -> None:
        """Nothing is left to do."""

    def audit(self, unpacked: Iterable[int], progress: Progress | None, known: FactStore) -> Report | None:
        """Read nothing back."""
        del unpacked, progress, known
        return None

    def written(self, content: Content) -> Written | None:
        """List what was sent."""
        return Written(holding=holding_of(content.roots, self._options.format.name))


class Local:
    """A file, a folder or standard output while it is written.

    It is under a hidden name beside DEST, in a nameless file for `-`, or inside DEST for a merge.

    `spool` is the folder for temporary files: beside DEST, for a merge DEST itself, None for the system's own.
    """

    def __init__(
        self,
        dest: str,
        options: Options,
        workers: Workers,
        stack: ExitStack,
        sources: Sequence[Source] = (),
        hear: Hear = nobody,
    ) -> None:
        """Reserve the place of DEST, until `stack` is closed. UsageError: DEST cannot be written as requested.

        No file of `sources` is replaced. `hear` reports waits, and rights that cannot be kept.
        """
        self._dest, self._options, self._workers, self._hear = dest, options, workers, hear
        self.layout = layout_of(options.format)
        self._folder = self.layout.kind == "directory"
        self._place: Destination | Staging | None = None
        self._fd: int | None = None
        self.spool: str | None = None
        self.notices: Sequence[str] = ()
        self._written: Written | None = None
        keeper = _judged(dest, options, sources, hear)
        if keeper is None:
            return
        place: Destination | Staging
        if options.merge:
            self._place = place = stack.enter_context(Staging(dest, dest, keeper))
        else:
            made = Destination(dest, folder=self._folder, force=options.force, sync=options.sync, keeper=keeper)
            self._place = place = stack.enter_context(made)
        self.spool = place.parent

    def require(self, prepared: Prepared) -> None:
        """Refuse, before any work, what surely does not fit. HostError: the space needed and available."""
        folder = self.spool or temporary_folder()
        where = self._dest if self._place is not None else place_of(None)
        preflight.require(prepared.planned.kept, folder, where, one_file=not self._folder)

    def open(self, stack: ExitStack) -> Sink:
        """Return the sink to write to. `stack` closes it."""
        sink = LayoutSink(self._files(stack), self.layout, self._publish)
        stack.callback(sink.close)
        return sink

    def _files(self, stack: ExitStack) -> Files:
        if self._place is not None and self._folder:
            return DirectorySink(self._place.path, self._dest, sync=self._options.sync)
        if isinstance(self._place, Destination) and self._options.outer == "none":
            return TarSink(OpenFile(self._place.fd, self._dest), self.spool, self._dest, sync=self._options.sync)
        self._fd = nameless(self.spool)
        stack.callback(close_read, self._fd)
        where = self._dest if self._place is not None else place_of(None)
        return TarSink(OpenFile(self._fd, where), self.spool, where, sync=False)

    def wrap(self) -> None:
        """Compress the finished tar as a whole, if the call asks for it and DEST is a file."""
        if isinstance(self._place, Destination) and self._fd is not None:
            options = self._options
            outer.compress(self._fd, self._place.fd, options.outer, self._workers, self._dest, sync=options.sync)

    def audit(self, unpacked: Iterable[int], progress: Progress | None, known: FactStore) -> Report | None:
        """Audit what was written, before it gets its name; None where nothing is read back. HostError: the audit fails.

        All of it is read and hashed. Layers in `known` are not unpacked again. `unpacked` are the sizes in bytes to
        which the layers unpacked before. Only these sizes limit it: better compression than in SOURCE is no bomb.
        """
        tar = [os.fstat(self._fd).st_size] if self._fd is not None else []
        limits = self._options.limits.proved([*unpacked, *tar])
        if self._place is not None and self._options.audit:
            report, self._written = audited(
                self._opened(limits), limits, self._workers, progress, known, bound=self._options.bound
            )
            return report
        if self._options.bound and not self._options.merge:
            self._written = unaudited(self._opened(limits), self._workers)
        return None

    def _opened(self, limits: Limits) -> Archive:
        """Open what was written, under its hidden name."""
        if self._place is None and self._fd is not None:
            return open_file(OpenFile(os.dup(self._fd), self._dest), self._dest, self.spool, limits)
        path = self._place.path if self._place is not None else self._dest
        bound = self._options.bound
        return open_archive(path, spool_folder=self.spool, limits=limits, shown=self._dest, hashed=bound)

    def written(self, content: Content) -> Written | None:
        """Return what was listed as it was read back; after a merge all that DEST holds now."""
        del content
        if not self._options.merge:
            return self._written
        if not self._options.bound:
            return None
        if isinstance(self._place, Staging):
            self._place.clear()
        return unaudited(open_archive(self._dest, limits=self._options.limits), self._workers)

    def _publish(self) -> None:
        """Give DEST its name, merge it into the existing one, or send it."""
        if self._place is None:
            self._send()
        elif isinstance(self._place, Staging):
            options = self._options
            merge.into(
                self._dest, self._place.path, options.format, sync=options.sync, hear=self._hear, limits=options.limits
            )
        else:
            self._place.publish()

    def _send(self) -> None:
        if self._fd is None:
            return
        if self._options.outer != "none":
            sha256 = outer.compress(
                self._fd, _STDOUT_FD, self._options.outer, self._workers, "standard output", sync=False
            )
            if self._written is not None:
                self._written = replace(self._written, identity=Identity("sha256", sha256))
            return
        os.lseek(self._fd, 0, os.SEEK_SET)
        for chunk in read_fd(self._fd, self._dest):
            write_all(_STDOUT_FD, chunk, "standard output")


def require_there(dest: str, options: Options, roots: Sequence[Root], unknown: Collection[Digest]) -> None:
    """Refuse, sending nothing, what a registry as DEST would not take. `roots` and `unknown` are as foreseen."""
    if not is_remote(dest):
        return
    client = pushing.client_for(dest, options)
    try:
        pushing.require_free(client, roots, unknown, force=options.force)
    finally:
        client.close()


def require(dest: str, options: Options, sources: Sequence[Source], moves: Sequence[Move]) -> None:
    """Refuse, touching nothing, a DEST that a conversion with these moves would refuse. UsageError, HostError."""
    if is_remote(dest):
        return
    if options.split is not None:
        splitting.require(dest, options, options.split, sources, moves)
        return
    folder = layout_of(options.format).kind == "directory"
    keeper = _judged(dest, options, sources, nobody)
    where = temporary_folder() if keeper is None else dest if options.merge else os.path.dirname(os.path.realpath(dest))
    if keeper is not None and not options.merge:
        Destination(dest, folder=folder, force=options.force, sync=options.sync, keeper=keeper).require()
    preflight.require(moves, where, dest if keeper is not None else where, one_file=not folder)


def _judged(dest: str, options: Options, sources: Sequence[Source], hear: Hear) -> Existing | None:
    """Return what decides what may be replaced, None for standard output. UsageError: DEST cannot be as requested."""
    folder = layout_of(options.format).kind == "directory"
    if options.outer != "none" and folder:
        raise UsageError(f"--outer compresses a tar, and {options.format.name} is a folder")
    if options.merge:
        merge.require(dest, options.format, options.limits)
    if dest == _STDOUT:
        if folder:
            raise UsageError(f"{options.format.name} is a folder and cannot be written to standard output")
        return None
    keeper = Existing(dest, options.format, sources, hear)
    if not options.merge:
        keeper.require_outside()
    return keeper
