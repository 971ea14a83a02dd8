"""What a faulty call probably meant: commands and options by other names, out of place, or misspelled."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Final

import click

from ociarchive import near
from ociarchive.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

#: What other programs call that which a command does.
_COMMANDS: Final = {
    **dict.fromkeys(("verify", "validate", "check", "lint", "scan", "test"), "audit"),
    **dict.fromkeys(("copy", "cp", "push", "pull", "save", "load", "export", "import", "merge", "pack"), "convert"),
    **dict.fromkeys(("list", "ls", "show", "info", "images", "tags", "tree", "manifest"), "inspect"),
    **dict.fromkeys(("compare", "cmp"), "diff"),
    **dict.fromkeys(("catalog", "history", "database"), "catalogue"),
    "explain": "rules",
    "limits": "rules limits",
    **dict.fromkeys(("version",), "--version"),
    **dict.fromkeys(("help",), "--help"),
}
#: What a registry is for a command that only speaks with one elsewhere.
_REMOTE: Final = {
    "push": " A registry is its DEST: docker://HOST/NAME:TAG",
    "pull": " A registry is its SOURCE: docker://HOST/NAME:TAG",
}
#: What other programs call that which an option does.
_OPTIONS: Final = {
    **dict.fromkeys(("--arch", "--architecture", "--override-arch", "--os", "--override-os"), "--platform OS/ARCH"),
    **dict.fromkeys(("-o", "--out", "--output-file", "--report"), "--output FILE"),
    **dict.fromkeys(("-f", "--json"), "--format json"),
    "--html": "--format html",
    "--sarif": "--format sarif",
    **dict.fromkeys(("-j", "--threads", "--workers", "--parallel"), "--jobs N"),
    **dict.fromkeys(("-r", "-R", "--recurse"), "--recursive"),
    **dict.fromkeys(("-t", "--name"), "--tag REF"),
    **dict.fromkeys(("--dest-format", "--output-format", "--target"), "--to FORMAT"),
    **dict.fromkeys(("--compress", "--dest-compress", "--dest-compress-format"), "--compression"),
    **dict.fromkeys(("--dest-compress-level", "--compression-level"), "--level N"),
    **dict.fromkeys(("--overwrite", "-y"), "--force"),
    **dict.fromkeys(("--append", "--add"), "--merge"),
    **dict.fromkeys(("--exclude", "--skip"), "--ignore RULE"),
    **dict.fromkeys(("--settings", "-c"), "--config FILE"),
    **dict.fromkeys(("--no-colour", "--no-color"), "--color never"),
    **dict.fromkeys(("--debug", "--trace"), "-vv"),
    **dict.fromkeys(("--silent", "-s"), "--quiet"),
}
#: Options that are of no use elsewhere to who misses them here.
_OF_RESULTS: Final = ("--format", "--output", "--force")
_ALL_COME: Final = ("--all", "-a", "--multi-arch")


def no_command(word: str, commands: Mapping[str, object]) -> UsageError:
    """Return the error for a word where a command was expected."""
    found = near.nearest(word, commands, _COMMANDS)
    if found:
        offered = " or ".join(f"`ociarchive {one}`" for one in found)
        return UsageError(f"no command {word!r}", hint=f"did you mean {offered}?{_REMOTE.get(word, '')}")
    if os.path.lexists(word):
        return UsageError(f"no command {word!r}, but a path", hint="a command goes before it: `ociarchive inspect`")
    return UsageError(f"no command {word!r}; there is {', '.join(commands)}", hint="see `ociarchive --help`")


def before_its_command(option: str, given: Sequence[str], commands: Mapping[str, tuple[str, str]]) -> UsageError | None:
    """Return the error for a command's option that precedes the command, None for one that no command has."""
    command = next((word for word in given if word in commands), None)
    first = {command: commands[command]} if command else {}
    having = next((name for name, known in _known({**first, **commands}) if option in known), None)
    if having is None:
        return None
    where = f"`ociarchive {_whole(having)} {option}`"
    return UsageError(f"option {option} stands in front of the command", hint=f"options follow it: {where}")


def no_option(option: str, command: click.Command, path: str, commands: Mapping[str, tuple[str, str]]) -> UsageError:
    """Return the error for an option that a command does not have. `path` is the command as it was called."""
    own = _options(command)
    what = f"{path.rpartition(' ')[2]} has no option {option}"
    meant = _OPTIONS.get(option)
    if meant and meant.partition(" ")[0] in own:
        return UsageError(what, hint=f"did you mean {meant}?")
    if option in _ALL_COME and "--platform" in own:
        return UsageError(what, hint="all platforms and images come without it")
    wanted = meant.partition(" ")[0] if meant else option
    having = next((name for name, known in _known(commands) if wanted in known), None)
    if having is not None and wanted not in _OF_RESULTS:
        return UsageError(what, hint=f"but `ociarchive {_whole(having)}` has {meant or 'it'}")
    found = near.hint(option, [one for one in own if one.startswith("--")])
    return UsageError(what, hint=found or f"see `{path} --help`")


def _whole(name: str) -> str:
    """Return a command as it is called: `index` has one below it."""
    return f"{name} create" if name == "index" else name


def _known(commands: Mapping[str, tuple[str, str]]) -> Iterator[tuple[str, list[str]]]:
    """Give every command with its options. Each is imported for it; only a faulty call waits for that."""
    for name, (module, _) in commands.items():
        yield name, _options(import_module(module).command)


def _options(command: click.Command) -> list[str]:
    params = [*command.params]
    if isinstance(command, click.Group):
        params += [one for known in command.commands.values() for one in known.params]
    return [name for one in params if isinstance(one, click.Option) for name in (*one.opts, *one.secondary_opts)]
