"""What `audit` needs for many archives: SOURCEs from a list, and a catalogue that records them."""

from __future__ import annotations

import os
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from ociarchive.audits import ledger_of
from ociarchive.blobio.beside import Beside
from ociarchive.blobio.sqlitefile import BESIDE
from ociarchive.cli.common import file_option, source
from ociarchive.cli.lists import sources_in
from ociarchive.errors import UsageError, cannot
from ociarchive.report.shared.surroundings import now, utc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from ociarchive.audits import AuditOptions
    from ociarchive.catalogue.ledger import Ledger
    from ociarchive.cli.common import Common

F = TypeVar("F", bound="Callable[..., Any]")
#: What SQLite keeps beside its file; without them what was written last is lost.
_ENDS = ("", *BESIDE)
_STDIN: Final = "-"
_STREAM: Final = "standard input"


def recording_options(function: F) -> F:
    """Add the options for archives by the thousand."""
    for option in (
        click.option("--again", is_flag=True, help="Audit what the catalogue knows too, and prove all anew."),
        file_option(
            "--catalogue",
            metavar="FILE",
            help="Record each archive in FILE (SQLite), and audit only what is new or changed since.",
        ),
        file_option(
            "--from",
            "listed",
            dash=True,
            metavar="FILE",
            help="Take SOURCEs from FILE, one a line (-: standard input).",
        ),
    ):
        function = option(function)
    return function


def files(values: dict[str, Any]) -> list[str]:
    """Return the files that these options name, which a result must not overwrite."""
    named = values["catalogue"]
    told = [f"{named}{end}" for end in _ENDS] if named else []
    return told + ([values["listed"]] if values["listed"] not in (None, _STDIN) else [])


def require(values: dict[str, Any]) -> None:
    """Refuse options that say nothing or too much. UsageError."""
    if not values["paths"] and values["listed"] is None:
        raise UsageError("audit takes at least one SOURCE", hint="see `ociarchive audit --help`")
    if values["again"] and not values["catalogue"]:
        raise UsageError("--again is for audits with --catalogue FILE")
    if values["catalogue"] and values["base"]:
        what = "--catalogue records what archives hold by themselves, not what --base completes"
        raise UsageError(what, hint="audit deltas with --base in a call of their own")
    if values["listed"] == _STDIN and _STDIN in values["paths"]:
        raise UsageError("standard input cannot be both a list and an archive")


@contextmanager
def arguments(values: dict[str, Any]) -> Iterator[Iterator[str]]:
    """Give the SOURCEs of the call, then those of its list, which are read as they are taken.

    UsageError: there is no such list, or it is no file. HostError: it cannot be read.
    """
    path = values["listed"]
    if path is None:
        yield iter(values["paths"])
        return
    if path != _STDIN and not os.path.exists(path):
        raise UsageError("no such file to read SOURCEs from", where=path)
    if path != _STDIN and os.path.isdir(path):
        raise UsageError("a list of SOURCEs is a file", where=path, found="a folder")
    try:
        file = os.fdopen(os.dup(0), "rb") if path == _STDIN else open(path, "rb")  # noqa: SIM115  closed below
    except OSError as error:
        raise cannot("read", error, _STREAM if path == _STDIN else path) from error

    def every() -> Iterator[str]:
        yield from values["paths"]
        for line in sources_in(file, _STREAM if path == _STDIN else path):
            if line == _STDIN == path:
                raise UsageError("standard input cannot be both a list and an archive")
            yield line

    with file:
        yield every()


def ledger(
    values: dict[str, Any], named: list[str], options: AuditOptions, shared: Common
) -> AbstractContextManager[Ledger | None]:
    """Return the catalogue of the call, None where it names none. `named` is what the call reads beside its SOURCEs.

    OverwriteError: it would stand over or inside of an archive. UsageError, HostError: it is none, or cannot be opened.
    """
    path = values["catalogue"]
    if path is None:
        return nullcontext()
    _require_apart(path, values, named)
    return ledger_of(
        path,
        options,
        clock=lambda: utc(now().time),
        again=values["again"],
        hear=shared.notice,
    )


def _require_apart(path: str, values: dict[str, Any], read: list[str]) -> None:
    """Refuse a catalogue over or inside of what the call names (OverwriteError)."""
    named = [*read]
    if values["listed"] not in (None, _STDIN):
        named.append(values["listed"])
    if not values["recursive"]:
        named += [source(argument).path for argument in values["paths"]]
    for end in _ENDS:
        beside = Beside(path + end, "catalogue", force=False, ours=lambda _: True, say=lambda _: None)
        for other in named:
            if other != _STDIN:
                beside.apart_from(other)
