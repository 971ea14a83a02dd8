"""Answers to shells when a person presses Tab. Click speaks the shells' protocols; this adds what it does not know."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, cast

import click

from ociarchive.late import Late

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from click import shell_completion
    from click.shell_completion import CompletionItem, ShellComplete
else:
    shell_completion = Late("click.shell_completion")

PROGRAM: Final = "ociarchive"
#: Set by the shell's script; its value says which shell asks.
VARIABLE: Final = "_OCIARCHIVE_COMPLETE"
SHELLS: Final = ("bash", "zsh", "fish")


def script(shell: str) -> str:
    """Return the script with which a shell completes the program's command line. `shell` is one of SHELLS."""
    one = _class(shell)(click.Command(PROGRAM), {}, PROGRAM, VARIABLE)
    return one.source_template % one.source_vars()  # not source(): for bash it starts one, to ask for its version


def answer(app: click.Command, instruction: str) -> int:
    """Print what fits the command line that the shell left in the environment, and return the status.

    Whatever goes wrong is silent: the person is in the midst of typing.
    """
    shell, _, what = instruction.partition("_")
    if shell not in SHELLS or what != "complete":
        return 1
    with suppress(Exception):
        text = _or_paths(_class(shell))(app, {}, PROGRAM, VARIABLE).complete()
        sys.stdout.write(text + "\n")
        return 0
    return 1


def among(names: Callable[[], Iterable[tuple[str, str]]]) -> Any:
    """Return a completer for an option that takes a name. `names` gives each name with its explanation."""

    def complete(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
        return [
            shell_completion.CompletionItem(name, help=text) for name, text in names() if name.startswith(incomplete)
        ]

    return complete


def rule_names() -> Iterable[tuple[str, str]]:
    """Give the audit's rules."""
    from ociarchive.auditing import RULES

    return ((one.id, one.summary) for one in RULES)


def _or_paths(base: type[ShellComplete]) -> type[ShellComplete]:
    """Offer files, as shells do, where nothing else is known."""

    class OrPaths(base):  # type: ignore[misc, valid-type]
        def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
            found = cast("list[CompletionItem[str]]", super().get_completions(args, incomplete))
            if found or not args or incomplete.startswith("-"):
                return found
            return [shell_completion.CompletionItem(incomplete, type="file")]

    return OrPaths


def _class(shell: str) -> type[ShellComplete]:
    found = shell_completion.get_completion_class(shell)
    if found is None:
        raise ValueError(shell)
    return found
