"""What `audit` is asked about signatures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from ociarchive.auditing.signatures import Wanted, wanted
from ociarchive.cli.common import once

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")


def signature_options(function: F) -> F:
    """Add the options that ask for signatures. Those that come first in the help stand last."""
    for option in (
        click.option("--require-signature", is_flag=True, help="Demand a signature that holds, of every image."),
        click.option(
            "--policy",
            type=click.Path(),
            multiple=True,
            callback=once,
            metavar="FILE",
            help="Demand what FILE says for each name (containers-policy.json).",
        ),
        click.option(
            "--keyring",
            "keyrings",
            multiple=True,
            type=click.Path(),
            metavar="FILE",
            help="Check signatures by GPG by the keys of FILE (needs gpgv).",
        ),
        click.option(
            "--key",
            "keys",
            multiple=True,
            type=click.Path(),
            metavar="FILE",
            help="Check signatures by this public key (PEM).",
        ),
    ):
        function = option(function)
    return function


def signature_files(values: dict[str, Any]) -> list[str]:
    """Return the files that these options name, which a result must not overwrite."""
    return [*values["keys"], *values["keyrings"], *([values["policy"]] if values["policy"] else [])]


def signatures(values: dict[str, Any]) -> Wanted | None:
    """Return what a call asks of signatures, None where it asks nothing. UsageError: it asks what cannot be."""
    return wanted(values["keys"], values["keyrings"], values["policy"], required=values["require_signature"])
