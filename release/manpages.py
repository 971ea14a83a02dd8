"""Write the man pages into `man/`, from the help of the commands: `python -m release.manpages`.

The pages are kept in the repository, so that a wheel is built without importing the package.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Final

import click

from ociarchive.blobio.limits import MEANINGS, NAMES, SIZES, Limits
from ociarchive.cli.app import COMMANDS, app
from ociarchive.report.shared.text import size
from ociarchive.version import VERSION

MAN: Final = Path(__file__).parents[1] / "man"
_STATUSES: Final = (
    ("0", "done; the audit found no error, the comparison no difference"),
    ("1", "the content is at fault"),
    ("2", "the call is at fault"),
    ("3", "the machine is at fault: disk full, permission, a missing library"),
    ("129, 130, 143", "hung up, interrupted, terminated"),
)
_ENVIRONMENT: Final = (
    ("COLUMNS", "The width to write for where there is no terminal; else it is 80."),
    ("NO_COLOR", "Set to anything: no colour."),
    ("FORCE_COLOR", "Set to anything: colour, where NO_COLOR is not set."),
    ("TMPDIR", "Where pipes and compressed archives are spooled when there is no DEST beside which they could lie."),
    ("SOURCE_DATE_EPOCH", "The time that an HTML report shows, in seconds; makes reports reproducible."),
)


def pages() -> dict[str, str]:
    """Return every page by its file's name."""
    made = {"ociarchive.1": _top()}
    for name, (module, summary) in COMMANDS.items():
        made[f"ociarchive-{name}.1"] = _page(name, import_module(module).command, summary)
    return made


def _top() -> str:
    with _context() as context:
        options = _options(app, context)
    return "".join(
        (
            _head("ociarchive", app.help or ""),
            ".SH SYNOPSIS\n.B ociarchive\nCOMMAND [OPTIONS] ARGUMENTS\n",
            _section("DESCRIPTION", _text(app.help or "")),
            _section("COMMANDS", "".join(_item(f"ociarchive-{name}(1)", text) for name, (_, text) in COMMANDS.items())),
            _section("OPTIONS", "".join(_item(*option) for option in options)),
            _tail([f"ociarchive-{name}" for name in COMMANDS]),
        )
    )


def _page(name: str, command: click.Command, summary: str) -> str:
    """Return the page of a command; that of a group is of the one command in it."""
    words = name
    if isinstance(command, click.Group):
        ((below, command),) = command.commands.items()
        words = f"{name} {below}"
    full = f"ociarchive {words}"
    with click.Context(command, info_name=words, parent=_context()) as context:
        arguments = " ".join(command.collect_usage_pieces(context))
        options = _options(command, context)
    examples = [line.strip() for line in (command.epilog or "").splitlines()[2:] if line.strip()]
    return "".join(
        (
            _head(f"ociarchive-{name}", summary),
            f".SH SYNOPSIS\n.B {full}\n{_safe(arguments)}\n",
            _section("DESCRIPTION", _text(command.help or "")),
            _section("OPTIONS", "".join(_item(*one) for one in options)),
            _limits(command),
            _section("EXAMPLES", "".join(f".nf\n.B {_safe(line)}\n.fi\n" for line in examples)),
            _tail(["ociarchive", *(f"ociarchive-{other}" for other in COMMANDS if other != name)]),
        )
    )


def _limits(command: click.Command) -> str:
    """Return the section that explains what `--limit` takes, empty for a command without it."""
    if not any(one.name == "named_limits" for one in command.params):
        return ""
    default = Limits()
    values = {name: getattr(default, field) for name, field in NAMES.items()}
    told = {name: size(value) if name in SIZES else f"{value:,}" for name, value in values.items()}
    items = (_item(name, f"{MEANINGS[name]} (default {told[name]})") for name in NAMES)
    return _section("LIMITS", _text("What --limit NAME=N lifts; sizes may be written as 64MiB.") + "".join(items))


def _context() -> click.Context:
    """Return the context that commands run in: click keeps an option for help made in the first one that asks."""
    return click.Context(app, info_name="ociarchive", **app.context_settings)


def _options(command: click.Command, context: click.Context) -> list[tuple[str, str]]:
    named = (one for one in command.get_params(context) if isinstance(one, click.Option))
    return [found for one in named if (found := one.get_help_record(context))]


def _head(name: str, summary: str) -> str:
    line = " ".join(summary.split()).rstrip(".")
    return f'.TH {name.upper()} 1 "" "ociarchive {VERSION}" "User Commands"\n.SH NAME\n{name} \\- {_safe(line)}\n'


def _tail(others: list[str]) -> str:
    *most, last = (f".BR {_safe(name)} (1)" for name in others)
    return "".join(
        (
            _section("EXIT STATUS", "".join(_item(*one) for one in _STATUSES)),
            _section("ENVIRONMENT", "".join(_item(*one) for one in _ENVIRONMENT)),
            _section("SEE ALSO", "".join(f"{one} ,\n" for one in most) + f"{last}\n"),
        )
    )


def _section(title: str, body: str) -> str:
    return f".SH {title}\n{body}"


def _text(text: str) -> str:
    paragraphs = (" ".join(part.split()) for part in text.split("\n\n"))
    return ".PP\n".join(f"{_safe(one)}\n" for one in paragraphs if one)


def _item(term: str, text: str) -> str:
    return f".TP\n.B {_safe(term)}\n{_safe(' '.join(text.split()))}\n"


def _safe(text: str) -> str:
    """Return text in which roff sees no request, no escape, and no hyphen where a minus is meant."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq").replace("`", "\\(ga")
    return f"\\&{text}" if text.startswith((".", "'")) else text


def main() -> None:
    """Write all pages, and remove those of commands that are gone."""
    MAN.mkdir(exist_ok=True)
    made = pages()
    for old in MAN.glob("*.1"):
        if old.name not in made:
            old.unlink()
    for name, text in made.items():
        (MAN / name).write_text(text)


if __name__ == "__main__":
    main()
