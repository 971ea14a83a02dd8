"""`ociarchive convert`."""

from __future__ import annotations

import hashlib
import os
import sys
from typing import TYPE_CHECKING, Any, Literal, cast

import click

from ociarchive.blobio.source import open_regular
from ociarchive.cli.common import common, common_options, jobs, limit_options, limits, once, platform, source, width
from ociarchive.cli.completing import among
from ociarchive.cli.output import Output, require_stdout
from ociarchive.cli.progress import progress
from ociarchive.errors import UsageError
from ociarchive.formats import by_name, written
from ociarchive.opening.folders import format_in
from ociarchive.opening.spellings import spelled
from ociarchive.report.conversion.receipt import receipt_json
from ociarchive.report.conversion.summary import summary
from ociarchive.report.shared.text import safe, shortened
from ociarchive.selection.select import Selectors
from ociarchive.transform.convert import convert
from ociarchive.transform.options import Options
from ociarchive.transform.plan import Storage
from ociarchive.values import Reference

if TYPE_CHECKING:
    from ociarchive.blobio.codec import Level
    from ociarchive.cli.common import Common

_LONGEST_LEVEL = 9
_EXAMPLES = """\b
Examples:
  ociarchive convert app.tar app-layout --to oci-layout
  ociarchive convert oci app.tar --to docker-archive --platform linux/arm64
  ociarchive convert a.tar b.tar#web:2.0 all --to oci-layout --receipt r.json
"""


def _level(_: click.Context, __: click.Parameter, value: str | None) -> Level | None:
    if value is None or value in ("fast", "small"):
        return cast("Level | None", value)
    if not value.isascii() or not value.isdigit() or len(value) > _LONGEST_LEVEL:
        raise click.BadParameter(f"{value!r} is no number, nor fast or small")
    return int(value)


@click.command("convert", epilog=_EXAMPLES, short_help="Convert archives, then audit what was written.")
@click.argument("paths", nargs=-1, metavar="SOURCE... DEST")
@click.option(
    "--to",
    multiple=True,
    callback=once,
    metavar="FORMAT",
    help=f"Format of DEST: {', '.join(written())}.",
    shell_complete=among(lambda: ((name, "") for name in written())),
)
@click.option(
    "--compression",
    type=click.Choice(["auto", "keep", "gzip", "zstd", "none"]),
    default="auto",
    help="How layers are stored in DEST; auto changes only what must change.",
)
@click.option(
    "--level",
    callback=_level,
    metavar="N|fast|small",
    help="Compression level (gzip 1 to 12, default 2; zstd 1 to 22, default 3).",
)
@click.option(
    "--media-types",
    type=click.Choice(["keep", "oci", "docker"]),
    default="keep",
    help="Media types of manifests, indexes and layers.",
)
@click.option("--preserve-digests", is_flag=True, help="Fail rather than rewrite a manifest or index.")
@click.option("--platform", "platforms", multiple=True, metavar="OS/ARCH[/VARIANT]", help="Only these platforms.")
@click.option("--image", "images", multiple=True, metavar="REF", help="Only these images.")
@click.option(
    "--without", multiple=True, type=click.Choice(["attestations", "signatures", "referrers"]), help="Leave these out."
)
@click.option("--tag", metavar="REF", help="The image's name in DEST.")
@click.option("--outer", type=click.Choice(["none", "gzip", "zstd"]), default="none", help="Compress the whole tar.")
@click.option("--jobs", "asked_jobs", type=click.IntRange(min=1, max=256), metavar="N", help="Worker threads.")
@click.option("--audit/--no-audit", "audit", default=True, help="Read DEST back and audit it (default: yes).")
@click.option("--sync/--no-sync", "sync", default=True, help="Write through to the disk (default: yes).")
@click.option("--receipt", type=click.Path(), metavar="FILE", help="Write what became of every digest to FILE (JSON).")
@click.option("--merge", is_flag=True, help="Add to an existing oci-layout or registry-storage.")
@click.option("--force", is_flag=True, help="Replace an existing DEST.")
@limit_options
@common_options
def command(**values: Any) -> int:
    """Convert archives to another format or compression, then audit what was written.

    Every SOURCE is verified as it is read; image IDs and diff_ids stay the same. DEST appears whole or not at all.
    A SOURCE may be PATH#REF or PATH#sha256:... to take one image of it, and - is standard input or output.
    """
    shared = common(**values)
    *paths, dest = values["paths"] or [""]
    if not paths or not dest:
        raise _too_few(dest)
    if dest == "-" and sys.stdout.isatty():
        raise UsageError("an archive is not written to a terminal", hint="redirect standard output, or name a file")
    dest = _destination(values, dest)
    options = _options(values, dest)
    sources = [source(path) for path in paths]
    if sum(one.path == "-" for one in sources) > 1:
        raise UsageError("standard input can be read once")
    receipt = _receipt(values, [one.path for one in sources], dest, shared)
    if dest == "-":
        require_stdout()
    digests = {one.path: _sha256(one.path) for one in sources} if receipt else {}
    with progress(shared) as hears:
        done = convert(sources, dest, options, hears, lambda text: shared.say(f"notice: {safe(text)}"))
    for notice in done.notices:
        told = safe(notice) if shared.verbose else shortened(safe(notice))
        shared.say(told if notice.startswith("warning: ") else f"notice: {told}")
    if receipt:
        receipt.write(receipt_json(done, options.storage, digests))
    shared.say(summary(done, width=width(), whole=shared.verbose > 0).rstrip("\n"))
    return 0


def _too_few(path: str) -> UsageError:
    """Return the error for a call without SOURCE or DEST; which of them one path is depends on whether it is there."""
    what = "convert takes at least one SOURCE, and a DEST"
    if not path:
        return UsageError(what, hint="see `ociarchive convert --help`")
    missing = "name DEST behind it" if os.path.lexists(path.partition("#")[0]) else "name SOURCE in front of it"
    return UsageError(what, found=f"{path} alone", hint=missing)


def _destination(values: dict[str, Any], argument: str) -> str:
    """Return DEST's path; what its spelling says, and with `--merge` what is there, stands in for `--to` and `--tag`.

    UsageError: it contradicts these options.
    """
    dest = spelled(argument)
    if dest.format:
        if values["to"] and by_name(values["to"]).name != dest.format:
            raise UsageError(f"DEST says {dest.format}, --to says {values['to']}", where=argument)
        values["to"] = dest.format
    if dest.name:
        if values["tag"]:
            raise UsageError("DEST has a name and --tag another", where=argument, hint="leave one of them out")
        if not set("/:") & set(dest.name):
            hint = f"write it as an image name, such as app:{dest.name}"
            raise UsageError(f"{dest.name!r} alone is no name that engines show", where=argument, hint=hint)
        values["tag"] = dest.name
    if not values["to"] and values["merge"] and os.path.isdir(dest.path):
        there = format_in(dest.path)
        values["to"] = there.name if there is not None else None
    return dest.path


def _receipt(values: dict[str, Any], sources: list[str], dest: str, shared: Common) -> Output | None:
    """Return where the receipt goes, None where none is asked for. UsageError: it cannot or must not go there."""
    path = values["receipt"]
    if not path:
        return None
    if path == dest == "-":
        raise UsageError("standard output is DEST's, the receipt needs a file")
    if path != "-" and not os.path.isdir(os.path.dirname(os.path.realpath(path))):
        raise UsageError("the receipt cannot be written there", where=path, expected="a folder that exists")
    receipt = Output(path, "receipt", force=values["force"], say=lambda text: shared.say(f"notice: {text}"))
    receipt.apart_from(sources, dest)
    receipt.require()
    return receipt


def _options(values: dict[str, Any], dest: str) -> Options:
    if not values["to"]:
        raise UsageError(
            "--to says which format DEST is to have",
            expected=f"one of {', '.join(written())}",
            hint="with --merge it is that of DEST" if os.path.isdir(dest) else None,
        )
    fmt = by_name(values["to"])
    return Options(
        format=fmt,
        storage=Storage(
            format=fmt,
            compression=cast("Literal['auto', 'keep', 'gzip', 'zstd', 'none']", values["compression"]),
            level=values["level"],
            media_types=cast("Literal['keep', 'oci', 'docker']", values["media_types"]),
            preserve_digests=values["preserve_digests"],
        ),
        selectors=Selectors(
            images=values["images"],
            platforms=tuple(platform(text) for text in values["platforms"]),
            without=frozenset(values["without"]),
        ),
        tag=_tag(values["tag"]),
        outer=values["outer"],
        jobs=jobs(values["asked_jobs"]),
        audit=values["audit"],
        sync=values["sync"],
        merge=values["merge"],
        force=values["force"],
        limits=limits(values),
    )


def _tag(text: str | None) -> Reference | None:
    if text is None:
        return None
    try:
        name = Reference.parse(text)
    except ValueError as error:
        lower = Reference.maybe(text.lower())
        hint = f"use small letters: {text.lower()}" if lower is not None and text != text.lower() else None
        raise UsageError(f"--tag takes an image name: {error}", hint=hint) from None
    if name.digest is not None:
        raise UsageError("--tag takes a name without a digest, which follows from the content", found=text)
    return name


def _sha256(path: str) -> str | None:
    """Return the digest of a source that is a file, for the receipt."""
    if not os.path.isfile(path):
        return None
    with open(open_regular(path, path), "rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
