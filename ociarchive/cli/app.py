"""The group of commands. A command's module is imported when it is called. So `--help` only has to import click."""

from __future__ import annotations

import gc
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from types import ModuleType

    from click.shell_completion import CompletionItem

#: Every command: its module, and what it does.
COMMANDS: Final = {
    "convert": ("ociarchive.cli.convert_cmd", "Convert archives, then audit what was written."),
    "audit": ("ociarchive.cli.audit_cmd", "Prove that archives are what they say they are."),
    "inspect": ("ociarchive.cli.inspect_cmd", "Show what is inside: images, platforms, layers, sizes, ids."),
    "diff": ("ociarchive.cli.diff_cmd", "Compare two archives: the same images, or what differs."),
    "index": ("ociarchive.cli.index_cmd", "Make one image index of several images."),
    "inventory": ("ociarchive.cli.inventory_cmd", "List what is here, so that the other side need not send it."),
    "catalogue": ("ociarchive.cli.catalogue_cmd", "Ask a catalogue of audits: what failed, what holds an image."),
    "rules": ("ociarchive.cli.rules_cmd", "Explain the audit's rules."),
    "completion": ("ociarchive.cli.completion_cmd", "Print a completion script for bash, zsh or fish."),
    "doctor": ("ociarchive.cli.doctor_cmd", "Show what this machine offers: codecs, libmagic, space, limits."),
}


def _imported(name: str) -> ModuleType:
    """Return a module. What its import makes stays to the end, so nobody ever looks for garbage in it.

    That would be a tenth of the time that the program takes to start and to end.
    """
    if name in sys.modules:
        return sys.modules[name]
    gc.disable()
    try:
        return import_module(name)
    finally:
        gc.freeze()
        gc.enable()


class _Group(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command = _imported(COMMANDS[cmd_name][0]).command
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        from click.shell_completion import CompletionItem

        commands = [CompletionItem(name, help=text) for name, (_, text) in COMMANDS.items()]
        options = click.Command.shell_complete(self, ctx, incomplete)  # not Group's, which imports every command
        return [one for one in commands if one.value.startswith(incomplete)] + options

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            from ociarchive.cli.nearness import before_its_command, no_option

            found = before_its_command(error.option_name, given, COMMANDS)
            raise found or no_option(error.option_name, self, "ociarchive", COMMANDS) from None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not ctx.resilient_parsing:
            from ociarchive.cli.nearness import no_command

            raise no_command(args[0], COMMANDS)
        return super().resolve_command(ctx, args)


def _version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if not value:
        return
    from ociarchive.report.shared.versions import versions

    (name, version), *others = versions().items()
    click.echo(f"{name} {version}")
    for other in others:
        click.echo(f"  {' '.join(other)}")
    ctx.exit()


_EXAMPLES: Final = """\b
Examples:
  ociarchive inspect app.tar
  ociarchive audit app.tar
  ociarchive convert app.tar app-layout --to oci-layout
  ociarchive convert --help
"""


@click.command(
    cls=_Group, epilog=_EXAMPLES, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show versions.")
def app(**_: Any) -> None:
    """Convert container image archives offline, and prove what they claim."""
