"""The entry point. It runs a command, and turns its end, whatever it is, into a status and at most one line.

Nothing but the standard library is imported before the handlers for signals stand, so that a program that is
interrupted while it starts says nothing either.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

USAGE, HOST, INTERRUPTED = 2, 3, 130


class Signalled(BaseException):
    """SIGINT, SIGTERM or SIGHUP arrived."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.status = 128 + number


def main() -> None:
    """Run the command line of this process and end it."""
    _open_streams()
    try:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, _raise)
        sys.unraisablehook = _unraised
        status = run(sys.argv[1:])
        _flush()
        if _LOST:
            _hear_nothing()
            status = Signalled(_LOST[0]).status
    except Signalled as error:
        status = error.status
    except KeyboardInterrupt:
        status = INTERRUPTED
    sys.exit(status)


def _open_streams() -> None:
    """Open a place for standard streams that are closed. Else an archive's file could get the number of one.

    Results that go to a standard output that was closed are lost, so its place takes none: writing there fails.
    """
    for fd, mode in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, mode)
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115  lives as long as this
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


def _flush() -> None:
    """Write what is buffered. A reader that went away is no error, not at the interpreter's end either."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def run(argv: Sequence[str]) -> int:
    """Run one command line and return its exit status. Whatever happens, there is a status and at most one line."""
    verbose = _asks_for_traces(argv)
    try:
        return _run(list(argv))
    except Signalled as error:
        return error.status
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # of --help and --version; commands keep the status of their work
        return 0
    except Exception as error:  # noqa: BLE001  nobody but us has to see a traceback
        text, status = _told(error)
        return _fail(text, status, verbose=verbose)


def _run(argv: list[str]) -> int:
    import click

    from ociarchive.cli.app import app

    asked = os.environ.get("_OCIARCHIVE_COMPLETE")
    if asked:
        from ociarchive.cli.completing import answer

        return answer(app, asked)
    try:
        # Not main(): it prints, and an empty line at Ctrl-C.
        with app.make_context("ociarchive", argv) as context:
            outcome = app.invoke(context)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.message, err=True)
        return USAGE
    except click.Abort:
        return INTERRUPTED
    return outcome if isinstance(outcome, int) else 0


def _told(error: Exception) -> tuple[str, int]:
    """Return the line and the status for an error."""
    import click

    from ociarchive.errors import OciArchiveError

    if isinstance(error, OciArchiveError):
        return str(error), error.status
    if isinstance(error, click.NoSuchOption) and error.ctx is not None:
        from ociarchive.cli.app import COMMANDS
        from ociarchive.cli.nearness import no_option

        found = no_option(error.option_name, error.ctx.command, error.ctx.command_path, COMMANDS)
        return str(found), found.status
    if isinstance(error, click.ClickException):
        return _one_line(error), USAGE
    if isinstance(error, OSError) and error.errno == errno.EBADF:  # of --help and --version
        return "standard output is closed", HOST
    if isinstance(error, FileNotFoundError) and not error.filename and not os.path.exists("."):
        return f"the current folder does not exist any more ({os.environ.get('PWD', '.')})", HOST
    if isinstance(error, OSError):
        where = f" ({error.filename})" if error.filename else ""
        return f"{error.strerror or error}{where}", HOST
    if isinstance(error, MemoryError):
        return "not enough memory", HOST
    if isinstance(error, RecursionError):
        return "the archive nests deeper than can be read", 1
    return f"a fault in ociarchive itself: {type(error).__name__}: {error}; -vv shows where, please report it", HOST


def _one_line(error: Exception) -> str:
    import click

    text = " ".join(str(error).split())
    if isinstance(error, click.UsageError):
        text = " ".join(error.format_message().split()).rstrip(".")
        text += f"; see `{error.ctx.command_path} --help`" if error.ctx else ""
    return text[:1].lower() + text[1:]


def _asks_for_traces(argv: Sequence[str]) -> bool:
    return "-vv" in argv or list(argv).count("-v") + list(argv).count("--verbose") > 1


def _fail(text: str, status: int, *, verbose: bool) -> int:
    from ociarchive.errors import without_credentials
    from ociarchive.report.shared.text import drawn, safe

    lines = [f"error: {text}"]
    if verbose:
        import traceback

        lines = [*traceback.format_exc().splitlines(), *lines]
    with suppress(OSError):  # nobody reads it any more
        for line in lines:
            print(drawn(safe(without_credentials(line)), sys.stderr.encoding), file=sys.stderr)
    return status


#: The signal that arrived where no exception gets out.
_LOST: list[int] = []


def _unraised(found: sys.UnraisableHookArgs) -> None:
    """Send a signal again that arrived while Python cleared something away, where an exception leads nowhere.

    It is sent until it is heard outside of this hook, which takes its time where a machine is busy.
    """
    if not isinstance(found.exc_value, Signalled):
        sys.__unraisablehook__(found)
        return
    number = found.exc_value.status - 128
    _LOST.append(number)
    import threading
    import time

    def again() -> None:
        while signal.getsignal(number) is _raise_outside:
            time.sleep(0.01)
            signal.pthread_kill(threading.main_thread().ident or 0, number)

    signal.signal(number, _raise_outside)
    threading.Thread(target=again, daemon=True).start()


def _raise_outside(number: int, frame: FrameType | None) -> None:
    """As `_raise`, but not inside the hook above: what is raised there leads nowhere either."""
    inside = frame
    while inside is not None:
        if inside.f_code is _unraised.__code__:
            return
        inside = inside.f_back
    _raise(number, frame)


def _raise(number: int, _: FrameType | None) -> None:
    """End the work. Signals that arrive during the clean-up do not interrupt it."""
    _hear_nothing()
    raise Signalled(number)


def _hear_nothing() -> None:
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, signal.SIG_IGN)
