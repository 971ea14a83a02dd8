"""The entry point: runs a command and turns however it ends into a status and at most one line.

Nothing but the standard library is imported before the handlers for signals stand, so that a program that is
interrupted while it starts says nothing either.
"""

from __future__ import annotations

import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

USAGE, HOST, INTERRUPTED = 2, 3, 130


class Signalled(BaseException):
    """SIGTERM or SIGHUP arrived."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.status = 128 + number


def main() -> None:
    """Run the command line of this process and end it."""
    status = INTERRUPTED
    try:
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, _raise)
        status = run(sys.argv[1:])
    except Signalled as error:
        status = error.status
    except KeyboardInterrupt:
        status = INTERRUPTED
    finally:
        _leave(status)


def run(argv: Sequence[str]) -> int:
    """Run one command line and return its exit status. Signals raise, everything else becomes a status."""
    try:
        import click

        from ociarchive.cli.app import app
        from ociarchive.errors import OciArchiveError
    except KeyboardInterrupt:
        return INTERRUPTED
    verbose = _asks_for_traces(argv)
    try:
        outcome = app.main(args=list(argv), prog_name="ociarchive", standalone_mode=False)
    except OciArchiveError as error:
        return _fail(str(error), error.status, verbose=verbose)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        return _fail(_one_line(error), USAGE, verbose=verbose)
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except Signalled as error:
        return error.status
    except BrokenPipeError:
        return 0
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        return _fail(f"{error.strerror or error}{where}", HOST, verbose=verbose)
    except MemoryError:
        return _fail("not enough memory", HOST, verbose=verbose)
    except RecursionError:
        return _fail("the archive nests deeper than can be read", 1, verbose=verbose)
    return outcome if isinstance(outcome, int) else 0


def _one_line(error: Exception) -> str:
    import click

    if isinstance(error, click.UsageError):
        hint = f"; see `{error.ctx.command_path} --help`" if error.ctx else ""
        text = " ".join(error.format_message().split()).rstrip(".")
        return f"{text[:1].lower()}{text[1:]}{hint}"
    return " ".join(str(error).split())


def _asks_for_traces(argv: Sequence[str]) -> bool:
    return "-vv" in argv or list(argv).count("-v") + list(argv).count("--verbose") > 1


def _fail(text: str, status: int, *, verbose: bool) -> int:
    if verbose:
        import traceback

        traceback.print_exc()
    from ociarchive.report.text import safe

    with suppress(OSError):
        print(f"error: {safe(text)}", file=sys.stderr)
    return status


def _raise(number: int, _: FrameType | None) -> None:
    raise Signalled(number)


def _leave(status: int) -> None:
    """End the process; a reader of stdout that went away is nothing to speak of."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    sys.exit(status)
