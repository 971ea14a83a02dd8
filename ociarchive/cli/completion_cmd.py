"""`ociarchive completion`."""

from __future__ import annotations

from typing import Any

import click

from ociarchive.cli.common import Chosen, common_options
from ociarchive.cli.completing import SHELLS, script
from ociarchive.cli.output import emit

_EXAMPLES = """\b
Examples:
  ociarchive completion bash >> ~/.bash_completion
  ociarchive completion zsh > ~/.zfunc/_ociarchive
  ociarchive completion fish > ~/.config/fish/completions/ociarchive.fish
"""


@click.command("completion", epilog=_EXAMPLES, short_help="Print a completion script for a shell.")
@click.argument("shell", type=Chosen(SHELLS), metavar="SHELL")
@common_options
def command(shell: str, **_: Any) -> int:
    """Print the script that completes commands, options and their values in bash (4.4 or newer), zsh or fish.

    bash: put `eval "$(ociarchive completion bash)"` into ~/.bashrc, or the script into ~/.bash_completion, which the
    package bash-completion reads. zsh: ~/.zfunc has to be in fpath before compinit runs.
    """
    emit(script(shell))
    return 0
