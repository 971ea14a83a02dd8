"""The place for a command's result: standard output, or a file apart from what the call reads and writes."""

from __future__ import annotations

import errno
import fcntl
import os
import sys
from typing import TYPE_CHECKING, Final

from ociarchive.blobio.beside import Beside, Staged
from ociarchive.errors import HostError, cannot
from ociarchive.late import Late
from ociarchive.opening.folders import require_outside
from ociarchive.report.shared.text import drawn, harmless

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ociarchive.opening import partset
    from ociarchive.report.shared import marks
else:
    partset = Late("ociarchive.opening.partset")
    marks = Late("ociarchive.report.shared.marks")

STDOUT: Final = "-"
_STDIN_PATH: Final = "/dev/fd/0"
_STDOUT_PATH: Final = "/dev/fd/1"
_STDOUT_FD: Final = 1


class Output:
    """One result of a call. `path` is None or `-` for standard output. `what` is its name in messages."""

    def __init__(self, path: str | None, what: str, *, force: bool, say: Callable[[str], None]) -> None:
        named = path is not None and path != STDOUT
        self._path, self._what = path or STDOUT, what
        self._file = None
        if path is not None and named:
            self._file = Beside(path, what, force=force, ours=marks.is_ours, say=say)

    def apart_from(self, sources: Iterable[str], dest: str | None = None, *, split: bool = False) -> None:
        """Refuse a result that would overwrite what the call reads or writes (UsageError); `-` is a standard stream.

        `split`: DEST is written in parts, however many these will be.
        """
        if self._file is None:
            return
        for path in sources:
            self._file.apart_from(_STDIN_PATH if path == STDOUT else path)
            for part in partset.files_of(path) if path != STDOUT else ():
                self._file.apart_from(part)
        if dest is not None:
            self._file.apart_from(_STDOUT_PATH if dest == STDOUT else dest)
        if dest is not None and split:
            self._file.no_part_of(dest)

    def require(self) -> None:
        """Refuse, before any work, a place that cannot or must not be written to. UsageError, HostError."""
        if self._file is None:
            require_stdout()
        else:
            self._file.require()
            require_outside(self._path, self._what)

    def write(self, text: str | Iterable[str], *, styled: bool = False, exact: bool = False) -> None:
        """Write the result, or the pieces of one; `styled` text has colours, in `exact` text nothing is drawn.

        UsageError, HostError: it cannot or must not be written.
        """
        if self._file is None:
            emit(text, styled=styled, exact=exact)
        else:
            self._file.write(harmless(piece, styled=styled) for piece in _pieces(text))

    def staged(self, text: Iterable[str], *, styled: bool = False) -> Staged:
        """Write a result that gets its name when it is committed; on standard output it appears then.

        Errors are those of `write`.
        """
        if self._file is None:
            return Staged(STDOUT, lambda: emit(text, styled=styled))
        return self._file.staged(harmless(piece, styled=styled) for piece in text)

    def write_bytes(self, data: bytes) -> None:
        """Write bytes as they are, or harmless text where standard output is a terminal.

        UsageError, HostError: they cannot or must not be written.
        """
        if self._file is not None:
            self._file.write([data])
        elif sys.stdout.isatty():
            emit(data.decode("utf-8", "backslashreplace"), exact=True)
        else:
            emit([data])


def require_stdout() -> None:
    """Refuse a closed standard output, where a result would be lost. HostError."""
    try:
        mode = fcntl.fcntl(_STDOUT_FD, fcntl.F_GETFL) & os.O_ACCMODE
    except OSError:
        raise _closed() from None
    if mode == os.O_RDONLY:  # what stands in the place of one that was closed
        raise _closed()


def emit(text: str | Iterable[str | bytes], *, styled: bool = False, exact: bool = False) -> None:
    """Write a result, or its pieces, to standard output; bytes unchanged. HostError: it cannot be written.

    Where standard output has ASCII alone, boxes and ellipses are drawn in ASCII; `exact` text has none of ours.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    try:
        for piece in [text] if isinstance(text, str) else text:
            if isinstance(piece, bytes):
                sys.stdout.flush()
                sys.stdout.buffer.write(piece)
                sys.stdout.buffer.flush()
                continue
            shown = harmless(piece, styled=styled)
            shown = shown if exact else drawn(shown, encoding)
            sys.stdout.write(shown.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
    except BrokenPipeError:  # a reader that has enough; the status is that of the work
        return
    except OSError as error:
        if error.errno == errno.EBADF:
            raise _closed() from error
        raise cannot("write", error, "standard output") from error


def _pieces(text: str | Iterable[str]) -> Iterable[str]:
    return [text] if isinstance(text, str) else text


def _closed() -> HostError:
    return HostError("standard output is closed", hint="name a file, or leave it open")
