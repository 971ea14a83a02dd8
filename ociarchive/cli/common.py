"""What all commands share: options, sources with selectors, output, colour, width."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TextIO, TypeVar

import click

from ociarchive.cli.output import STDOUT, Output
from ociarchive.errors import UsageError, without_credentials
from ociarchive.late import Late
from ociarchive.report.shared.text import drawn, harmless, safe, shortened, wrapped

if TYPE_CHECKING:
    import shutil
    from collections.abc import Callable

    from ociarchive.remote.address import Access
    from ociarchive.selection.argument import Source
    from ociarchive.values import Platform
else:
    shutil = Late("shutil")

F = TypeVar("F", bound="Callable[..., Any]")

#: How files are called that hold a format.
_SUFFIXES: Final = {
    ".html": "html",
    ".htm": "html",
    ".json": "json",
    ".sarif": "sarif",
    ".xml": "junit",
    ".txt": "table",
    ".csv": "csv",
}
#: No path has more characters (PATH_MAX), so none ends behind them.
_LONGEST_PATH: Final = 4096
#: Columns of text where nothing says how many there are, and the fewest.
_USUAL: Final = 80
_NARROWEST: Final = 40
_COLOURS: Final = {"error": "red", "warning": "yellow", "note": "cyan", "pass": "green"}


class Chosen(click.Choice[str]):
    """Values of an option or argument, one of which it takes."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return a value that is one of the choices. UsageError: it is none."""
        if param is not None and value not in self.choices:
            from ociarchive import near

            name = param.opts[0] if isinstance(param, click.Option) else param.human_readable_name
            what = f"{name} does not take {value!r}"
            hint = near.hint(str(value), self.choices)
            raise UsageError(what, expected=f"one of {', '.join(self.choices)}", hint=hint)
        return super().convert(value, param, ctx)


@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """The options that every command has. Where `progress` is None, it is shown on a terminal alone."""

    quiet: bool
    verbose: int
    progress: bool | None
    color: str

    def say(self, text: str) -> None:
        """Print a sentence for people on stderr, unless the call asks for quiet.

        On a terminal it is folded to its width; elsewhere, where programs look for it, it stays one line.
        """
        told = without_credentials(text)
        self.show("\n".join(wrapped(told, width(sys.stderr), "  ", whole=True)) if sys.stderr.isatty() else told)

    def notice(self, text: str) -> None:
        """Say what is no error, and worth to know."""
        self.say(f"notice: {text}")

    def found(self, what: str) -> None:
        """Say a finding, or words about several. Digests are whole with `-v`."""
        told = safe(what)
        self.say(f"finding: {told if self.verbose else shortened(told)}")

    def wrote(self, verdict: str, path: str | None, what: str) -> None:
        """Say that a file was written, `what` it is, and what stands in it. Of standard output nothing is said."""
        if path not in (None, STDOUT):
            self.say(f"{verdict}: {safe(path)} ({what})")

    def show(self, text: str) -> None:
        """Print lines that are laid out already on stderr, unless the call asks for quiet."""
        if not self.quiet:
            with suppress(OSError):  # nobody reads it any more
                click.echo(drawn(harmless(text), sys.stderr.encoding), err=True)

    @property
    def bars_in_colour(self) -> bool:
        """Whether drawings on a terminal's stderr may have colours."""
        return self.color == "always" or (self.color == "auto" and not os.environ.get("NO_COLOR"))

    def painter(self, output: str | None) -> Callable[[str, str], str]:
        """Return a function that colours a word for a severity, or returns it unchanged."""
        if not self.colours(output):
            return lambda text, _: text
        return lambda text, severity: click.style(text, fg=_COLOURS[severity], bold=severity in ("error", "pass"))

    def colours(self, output: str | None) -> bool:
        """Whether a result that goes to `output` has colours. A file never has."""
        if output not in (None, STDOUT) or self.color == "never":
            return False
        if self.color == "always":
            return True
        if os.environ.get("NO_COLOR"):
            return False
        return bool(os.environ.get("FORCE_COLOR")) or (sys.stdout.isatty() and not is_dumb())


def common_options(function: F) -> F:
    """Add the options that every command has."""
    for option in (
        click.option("--color", type=Chosen(["auto", "always", "never"]), default="auto", help="Colour output."),
        click.option("--progress/--no-progress", default=None, help="Show progress (default: on a terminal)."),
        click.option(
            "-v", "--verbose", count=True, help="Show whole digests and all lines; -vv also traces of errors."
        ),
        click.option("-q", "--quiet", is_flag=True, help="Say nothing but results and errors."),
    ):
        function = option(function)
    return function


def access_options(function: F) -> F:
    """Add the options that say how registries are spoken to."""
    for option in (
        click.option("--insecure-skip-verify", is_flag=True, help="Trust any certificate of a registry."),
        click.option("--ca-file", type=click.Path(), metavar="FILE", help="Trust these authorities (PEM) as well."),
        click.option("--plain-http", is_flag=True, help="Speak to registries without TLS."),
    ):
        function = option(function)
    return function


def output_options(*formats: str) -> Callable[[F], F]:
    """Add `--format`, `--output` and `--force`. Without `--format` the suffix of the file says its format."""

    def chosen(context: click.Context, _: click.Parameter, value: tuple[str, ...]) -> str:
        if len(value) > 1 and any(one.name == "reports" for one in context.command.params):
            what = f"--format is given twice: {' and '.join(value)}"
            raise UsageError(what, hint="--report FORMAT=FILE writes one report more")
        if value:
            return once(context, _, value) or value[0]
        path = context.params.get("output")
        told = _said_by(path)
        return told if told in formats else "table"

    def add(function: F) -> F:
        for option in (
            click.option("--force", is_flag=True, help="Let FILE be replaced, if it is no report of ociarchive."),
            click.option(
                "--output",
                type=click.Path(),
                multiple=True,
                is_eager=True,
                callback=once,
                metavar="FILE",
                help="Write the result to FILE.",
            ),
            click.option(
                "--format",
                "fmt",
                type=Chosen(formats),
                multiple=True,
                callback=chosen,
                help="Format of the result (default: by the suffix of FILE, else table).",
            ),
        ):
            function = option(function)
        return function

    return add


class Each(Chosen):
    """Values of a repeatable option. A list with commas gets the hint to repeat it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return a value that is one of the choices. UsageError: it is a list of them, or none."""
        from ociarchive import near

        repeated = near.repeat(param.opts[0], value) if param is not None and isinstance(value, str) else None
        if repeated:
            raise UsageError(f"no value {value!r}", hint=repeated)
        return super().convert(value, param, ctx)


def host_option(function: F) -> F:
    """Add `--host`."""
    return once_option(
        "--host",
        metavar="HOST",
        help="The host for names that are read from a registry's folder (default docker.io).",
    )(function)


def once_option(*names: str, **facts: Any) -> Callable[[F], F]:
    """Return an option of one value that may be given once: of two values neither is dropped in silence."""
    return click.option(*names, multiple=True, callback=once, **facts)


def file_option(*names: str, dash: bool = False, **facts: Any) -> Callable[[F], F]:
    """Return an option that names one file or folder and may be given once; `dash`: `-` stands for a stream."""
    return once_option(*names, type=click.Path(allow_dash=dash), **facts)


def files_option(*names: str, **facts: Any) -> Callable[[F], F]:
    """Return an option that names a file or folder each time that it is given."""
    return click.option(*names, type=click.Path(), multiple=True, **facts)


def once(_: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> str | None:
    """Return the value of an option that may have only one. UsageError: there are two, and neither is certain."""
    if len(value) > 1:
        raise click.UsageError(f"{parameter.opts[0]} is given twice: {' and '.join(value)}")
    return value[0] if value else None


def common(**values: Any) -> Common:
    """Return the common options of a call."""
    return Common(quiet=values["quiet"], verbose=values["verbose"], progress=values["progress"], color=values["color"])


def _said_by(path: str | None) -> str | None:
    """Return the format that the suffix of a file says, None where it says none."""
    return _SUFFIXES.get(os.path.splitext(path or "")[1].lower())


def output(values: dict[str, Any], shared: Common, *, free: bool = False) -> Output:
    """Return the place for the result of a call. `free`: the suffix of the file says nothing of it.

    UsageError: the suffix says a format that the command does not write.
    """
    told, context = _said_by(values["output"]), click.get_current_context()
    given = context.get_parameter_source("fmt") is click.core.ParameterSource.COMMANDLINE
    if told not in (None, values["fmt"]) and not given and not free:
        what = f"{context.info_name} writes no {told}"
        raise UsageError(what, where=values["output"], hint="choose another suffix, or say --format table")
    return Output(values["output"], "report", force=values["force"], say=shared.notice)


def fail(text: str) -> None:
    """Print an error as one line on stderr, whatever the call asks for. That nobody reads it changes no status."""
    with suppress(OSError):
        click.echo(drawn(f"error: {safe(without_credentials(text))}", sys.stderr.encoding), err=True)


def access(values: dict[str, Any]) -> Access:
    """Return how the call speaks to registries. UsageError: its options contradict each other."""
    from ociarchive.remote.address import Access

    names = ("plain_http", "ca_file", "insecure_skip_verify")
    return Access.asked(**{name: values[name] for name in names})


def source(argument: str) -> Source:
    """Return the path and the selectors of an argument. The name of a present file may have a # in it.

    `PATH#SELECTOR`, or as skopeo spells it: `oci:PATH:REF`, `docker-archive:PATH`. UsageError: it is none of these.
    """
    from ociarchive.opening.spellings import spelled
    from ociarchive.selection.argument import Source

    selectors: tuple[str, ...] = ()
    path = argument
    if "#" in argument and not os.path.lexists(argument):
        path, selector = _selector(argument)
        if not selector:
            raise UsageError("nothing stands behind the #", where=argument)
        selectors = (selector,)
    found = spelled(path)
    return Source(path=found.path, images=(*filter(None, [found.name]), *selectors))


def _selector(argument: str) -> tuple[str, str]:
    """Return the path before the first # where that path exists, and the selector after it."""
    position = -1
    while (position := argument.find("#", position + 1, _LONGEST_PATH)) != -1:
        if os.path.lexists(argument[:position]) or argument[:position] == "-":
            return argument[:position], argument[position + 1 :]
    path, _, selector = argument.partition("#")
    return path, selector


def host(values: dict[str, Any]) -> str | None:
    """Return the host of `--host`. UsageError: it is none."""
    if values["host"] is None:
        return None
    from ociarchive.transform import options

    return options.registry_host(values["host"])


def platform(text: str) -> Platform:
    """Return the platform of an option. UsageError: it spells none."""
    from ociarchive.transform import options

    return options.platform(text)


def width(stream: TextIO | None = None) -> int:
    """Return the number of columns for text on a stream, standard output: COLUMNS, else the terminal's, else 80."""
    told = os.environ.get("COLUMNS", "")
    if told.isdigit() and int(told) > 0:
        return max(int(told), _NARROWEST)
    place = stream or sys.stdout
    try:
        found = os.get_terminal_size(place.fileno()).columns
    except (OSError, ValueError):  # no terminal
        return _USUAL
    return max(found or _USUAL, _NARROWEST)


def is_dumb() -> bool:
    """Whether the terminal can do nothing but print: no colours, and no line that is written again."""
    return os.environ.get("TERM") in ("dumb", "unknown")
