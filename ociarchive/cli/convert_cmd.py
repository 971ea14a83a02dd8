"""`ociarchive convert`."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from ociarchive.blobio.locks import nobody
from ociarchive.cli.attesting import attesting, attesting_options
from ociarchive.cli.bounding import limit_options, limits
from ociarchive.cli.common import (
    access_options,
    common,
    common_options,
    fail,
    file_option,
    files_option,
    host_option,
    once_option,
    source,
    width,
)
from ociarchive.cli.completing import among
from ociarchive.cli.counts import jobs_option
from ociarchive.cli.output import Output, emit, require_stdout
from ociarchive.cli.progress import progress
from ociarchive.errors import UsageError
from ociarchive.formats import by_name, written
from ociarchive.late import Late
from ociarchive.opening.folders import format_in
from ociarchive.opening.spellings import spelled
from ociarchive.report.conversion.summary import summary
from ociarchive.report.shared.surroundings import now, source_digests
from ociarchive.report.shared.text import safe, shortened
from ociarchive.transform.convert import convert
from ociarchive.transform.options import COMPRESSIONS, MEDIA_TYPES, OUTERS, WITHOUT, no_format, options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ociarchive.cli.common import Common
    from ociarchive.errors import ContentError
    from ociarchive.report.conversion import provenance, rehearsal
    from ociarchive.report.conversion import receipt as receipts
    from ociarchive.selection.argument import Source
    from ociarchive.transform import rehearse as rehearsing
    from ociarchive.transform.options import Options
else:
    rehearsing = Late("ociarchive.transform.rehearse")
    receipts = Late("ociarchive.report.conversion.receipt")
    rehearsal = Late("ociarchive.report.conversion.rehearsal")
    provenance = Late("ociarchive.report.conversion.provenance")

_EXAMPLES = """\b
Examples:
  ociarchive convert app.tar app-layout --to oci-layout
  ociarchive convert app a.tar --to oci-archive --attestation a.att --sign key
  ociarchive convert app.tar delta.tar --to docker-archive --have have.json
"""


class _Named(click.Choice[str]):
    """Names for help and completion. `options` refuses any other, as in the Python interface."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        del param, ctx
        return str(value)


@click.command("convert", epilog=_EXAMPLES, short_help="Convert archives, then audit what was written.")
@click.argument("paths", nargs=-1, metavar="SOURCE... DEST")
@once_option(
    "--to",
    metavar="FORMAT",
    help=f"Format of DEST: {', '.join(written())}. A DEST docker://HOST/NAME:TAG needs none.",
    shell_complete=among(lambda: ((name, "") for name in written())),
)
@click.option(
    "--compression",
    type=_Named(COMPRESSIONS),
    default="auto",
    help="How layers are stored in DEST; auto changes only what must change.",
)
@click.option(
    "--level",
    metavar="N|fast|small",
    help="Compression level (gzip 1 to 12, default 2; zstd 1 to 22, default 3).",
)
@click.option(
    "--media-types",
    type=_Named(MEDIA_TYPES),
    default="keep",
    help="Media types of manifests, indexes and layers.",
)
@click.option("--preserve-digests", is_flag=True, help="Fail rather than rewrite a manifest or index.")
@click.option(
    "--platform", "platforms", multiple=True, metavar="OS/ARCH[/VARIANT]", help="Only these platforms (repeatable)."
)
@click.option("--image", "images", multiple=True, metavar="REF", help="Only these images (repeatable).")
@click.option("--without", multiple=True, type=_Named(WITHOUT), help="Leave these out (repeatable).")
@once_option("--tag", metavar="REF", help="The image's name in DEST.")
@click.option(
    "--rename", multiple=True, metavar="OLD=NEW", help="Another name in DEST; both may end in * (repeatable)."
)
@host_option
@click.option("--all-revisions", is_flag=True, help="Take from a registry's folder also what no tag names.")
@click.option("--outer", type=_Named(OUTERS), default="none", help="Compress the whole tar.")
@jobs_option
@click.option("--audit/--no-audit", "audit", default=True, help="Read DEST back and audit it (default: yes).")
@click.option("--sync/--no-sync", "sync", default=True, help="Write through to the disk (default: yes).")
@file_option("--receipt", metavar="FILE", help="Write what became of every digest to FILE (JSON).")
@attesting_options("where DEST comes from, with the receipt inside,")
@click.option("--merge", is_flag=True, help="Add to an existing oci-layout or registry-storage.")
@click.option("--force", is_flag=True, help="Replace an existing DEST, or move its tag.")
@files_option(
    "--have",
    metavar="FILE",
    help="Leave out the layers that the other side has, as FILE says: an inventory, or an archive (repeatable).",
)
@files_option("--base", metavar="SOURCE", help="Take what the archives lack from this SOURCE (repeatable).")
@once_option("--split", metavar="SIZE", help="Cut DEST, a tar, into parts of SIZE (650MB, 4GiB, bytes).")
@click.option("--part", multiple=True, metavar="N", help="With --split: write only part N (repeatable).")
@click.option("--parity", is_flag=True, help="With --split: add a part from which any one that is lost is made again.")
@click.option("--dry-run", is_flag=True, help="Write nothing; print what would be written, and which digests stay.")
@limit_options
@access_options
@common_options
def command(**values: Any) -> int:
    """Convert archives to another format or compression, then audit what was written.

    Every SOURCE is verified as it is read; image IDs and diff_ids stay the same. DEST appears whole or not at all.
    A SOURCE may be PATH#REF or PATH#sha256:... to take one image of it, and - is standard input or output. Spellings
    of skopeo are understood too: oci:PATH:REF, oci-archive:PATH:REF, docker-archive:PATH:REF, dir:PATH. SOURCE and
    DEST may be docker://HOST/NAME:TAG, an image in a registry.
    """
    return run("convert", values, _options)


def run(command: str, values: dict[str, Any], make: Callable[[dict[str, Any], str], Options]) -> int:
    """Convert as a call of `command` says, or rehearse that; `make` returns the options for a DEST."""
    shared = common(**values)
    *paths, dest = values["paths"] or [""]
    if not paths or not dest:
        raise _too_few(command, dest)
    if dest == "-" and sys.stdout.isatty() and not values["dry_run"]:
        raise UsageError("an archive is not written to a terminal", hint="redirect standard output, or name a file")
    dest = _destination(values, dest)
    asked = make(values, dest)
    sources = [source(path) for path in paths]
    if sum(one.path == "-" for one in (*sources, *asked.base)) > 1:
        raise UsageError("standard input can be read once")
    if values["dry_run"]:
        return _rehearsed(sources, dest, asked, values, shared)
    read = [one.path for one in (*sources, *asked.have, *asked.base)]
    receipt = _receipt(values, [*read, *filter(None, (values["attestation"], values["sign"]))], dest, shared)
    attested = attesting(values, shared, read, dest=dest)
    if dest == "-":
        require_stdout()
    asked = replace(asked, bound=receipt is not None or attested is not None)
    bases = source_digests(one.path for one in asked.base) if asked.bound else {}
    with progress(shared) as hears:
        done = convert(
            sources, dest, asked, hears, lambda text: shared.notice(safe(text)),
            (lambda text: shared.say(safe(text))) if shared.verbose else nobody,
        )  # fmt: skip
    _say_notices(done.notices, shared)
    if asked.bound:
        digests = {**bases, **done.sha256}
        text = receipts.receipt_json(done, asked.storage, digests)
        if receipt:
            receipt.write(text)
        if attested:
            made = provenance.provenance(done, text, digests, (attested.began, now()), attested.signer)
            attested.file.write_bytes(made)
    written = {"receipt": receipt and values["receipt"], "attested": attested and values["attestation"]}
    files = {what: path for what, path in written.items() if path}
    shared.show(summary(done, width=width(sys.stderr), whole=shared.verbose > 0, files=files).rstrip("\n"))
    return _failed(done.failed)


def _failed(errors: Iterable[ContentError]) -> int:
    """Print, at the end, why images were left out that were asked for. Return the status."""
    status = 0
    for error in errors:
        status = error.status
        fail(f"left out: {error}")
    return status


def _too_few(command: str, path: str) -> UsageError:
    """Return the error for a call without SOURCE or DEST. A single path is SOURCE if it exists, else DEST."""
    what = f"{command} takes at least one SOURCE, and a DEST"
    if not path:
        return UsageError(what, hint=f"see `ociarchive {command} --help`")
    missing = "name DEST behind it" if os.path.lexists(path.partition("#")[0]) else "name SOURCE in front of it"
    return UsageError(what, found=f"{path} alone", hint=missing)


def _destination(values: dict[str, Any], argument: str) -> str:
    """Return DEST's path. Its spelling, and with `--merge` the present archive, can replace `--to` and `--tag`.

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


def _rehearsed(sources: list[Source], dest: str, asked: Options, values: dict[str, Any], shared: Common) -> int:
    """Print what would be written, with the notices of the conversion."""
    for option in ("receipt", "attestation"):
        if values[option]:
            raise UsageError(f"--dry-run writes nothing, and --{option} a file", hint="leave one of them out")
    require_stdout()
    done = rehearsing.rehearse(sources, dest, asked)
    _say_notices(done.notices, shared)
    emit(rehearsal.rehearsal_text(done, width=width(), whole=shared.verbose > 0))
    return _failed(done.failed)


def _say_notices(notices: Iterable[str], shared: Common) -> None:
    for notice in notices:
        told = safe(notice) if shared.verbose else shortened(safe(notice))
        shared.say(told if notice.startswith("warning: ") else f"notice: {told}")


def _receipt(values: dict[str, Any], sources: list[str], dest: str, shared: Common) -> Output | None:
    """Return the receipt's place, None where none is asked for. UsageError: it cannot or must not be written there."""
    path = values["receipt"]
    if not path:
        return None
    if path == dest == "-":
        raise UsageError("standard output is DEST's, the receipt needs a file")
    if path == values["attestation"] == "-":
        raise UsageError("standard output is one, and --receipt and --attestation both ask for it")
    receipt = Output(path, "receipt", force=values["force"], say=shared.notice)
    receipt.apart_from(sources, dest, split=bool(values.get("split")))
    receipt.require()
    return receipt


def _options(values: dict[str, Any], dest: str) -> Options:
    if not values["to"] and os.path.isdir(dest):
        raise no_format("with --merge it is that of DEST")
    same = (
        "to", "compression", "level", "media_types", "preserve_digests", "platforms", "images", "without", "tag",
        "rename", "host", "all_revisions", "outer", "audit", "sync", "merge", "force",
        "split", "part", "parity", "plain_http", "ca_file", "insecure_skip_verify",
    )  # fmt: skip
    return options(
        **{name: values[name] for name in same},
        dest=dest,
        have=[source(path) for path in values["have"]],
        base=[source(path) for path in values["base"]],
        jobs=values["asked_jobs"],
        limits=limits(values),
    )
