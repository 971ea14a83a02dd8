"""`ociarchive index create`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import click

from ociarchive.cli import convert_cmd
from ociarchive.cli.bounding import limits
from ociarchive.cli.common import once
from ociarchive.errors import UsageError
from ociarchive.opening import open_archive
from ociarchive.remote.address import is_remote
from ociarchive.transform.options import for_index, options

if TYPE_CHECKING:
    from ociarchive.transform.options import Options

_EXAMPLES = """\b
Examples:
  ociarchive index create amd64.tar arm64 app --to oci-layout --tag app:1.0
  ociarchive index create a.tar#web:2 b.tar web --to oci-layout --tag web:2
  ociarchive index create riscv64.tar app --to oci-layout --tag app:1.0 --add
"""
#: Options that go to `options` as they are.
_SAME: Final = (
    "to", "compression", "level", "media_types", "preserve_digests", "platforms", "images", "without", "tag", "host",
    "all_revisions", "outer", "audit", "sync", "merge", "force",
    "plain_http", "ca_file", "insecure_skip_verify",
)  # fmt: skip
#: Options of `convert` alone: the new index can be converted with them afterwards.
_OF_CONVERT: Final = ("rename", "have", "base", "split", "part", "parity")


def _params() -> list[click.Parameter]:
    """Return the parameters of `convert`, with those that are different here in their places."""
    tag = click.Option(["--tag"], multiple=True, callback=once, metavar="REF", help="The index's name in DEST.")
    annotation = click.Option(
        ["--annotation"], multiple=True, metavar="KEY=VALUE", help="An annotation of the index (repeatable)."
    )
    add = click.Option(
        ["--add"], is_flag=True, help="Add to the index of this name in an existing DEST; all else there stays."
    )
    force = click.Option(
        ["--force"], is_flag=True, help="Replace an existing DEST; let two images of one platform stand."
    )
    ours: dict[str | None, list[click.Parameter]] = {"tag": [tag, annotation, add], "force": [force]}
    ours |= {name: [] for name in _OF_CONVERT}
    return [here for one in convert_cmd.command.params for here in ours.get(one.name, [one])]


class _Group(click.Group):
    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command. UsageError: there is only one, and this is another word."""
        if args and args[0] not in self.commands and not args[0].startswith("-") and not ctx.resilient_parsing:
            raise UsageError(f"index has no command {args[0]!r}", hint="did you mean `ociarchive index create`?")
        return super().resolve_command(ctx, args)


@click.group("index", cls=_Group, short_help="Make one image index of several images.")
def command() -> None:
    """Make one image index (an image of several platforms) of the images of several archives, without a registry."""


@command.command("create", params=_params(), epilog=_EXAMPLES, short_help="Make one index of the SOURCEs' images.")
def create(**values: Any) -> int:
    """Write one image index of all images of the SOURCEs, then audit what was written.

    Entries have the platform of their image's config. Manifests keep their bytes; attestations, signatures and what
    else refers to an image come along. An index among the SOURCEs is taken apart. Two images of one platform are
    refused.
    """
    return convert_cmd.run("index create", values, _options)


def _options(values: dict[str, Any], dest: str) -> Options:
    """Return the options of a call; with `--add` the format is that of DEST. UsageError: they are at fault."""
    if values["add"] and not values["to"] and not is_remote(dest):
        if dest == "-" or not os.path.lexists(dest):
            raise UsageError("--add takes a DEST that is there", where=dest)
        with open_archive(dest) as archive:
            values["to"] = archive.format
    same = {name: values[name] for name in _SAME}
    made = options(**same, dest=dest, jobs=values["asked_jobs"], limits=limits(values))
    return for_index(made, annotation=values["annotation"], add=values["add"])
