"""The Python interface to what writes archives: `convert` and `create_index`. Both are named in `ociarchive`."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from ociarchive.blobio.beside import Beside
from ociarchive.blobio.locks import nobody
from ociarchive.report.rendering import render_receipt
from ociarchive.report.shared.marks import is_ours
from ociarchive.report.shared.surroundings import source_digests
from ociarchive.selection.argument import Source
from ociarchive.transform.convert import convert as _convert
from ociarchive.transform.options import for_index, options

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ociarchive.blobio.codec import Level
    from ociarchive.blobio.limits import Limits
    from ociarchive.formats import FormatName
    from ociarchive.measure import Progress
    from ociarchive.transform.convert import Conversion
    from ociarchive.transform.options import Options, Outer, Without
    from ociarchive.transform.plan import Compression, MediaTypes

StrPath: TypeAlias = "str | os.PathLike[str]"


def convert(  # noqa: PLR0913  one parameter for each option of the command
    sources: StrPath | Sequence[StrPath],
    dest: StrPath,
    *,
    to: FormatName | None = None,
    compression: Compression = "auto",
    level: Level | None = None,
    media_types: MediaTypes = "keep",
    preserve_digests: bool = False,
    platforms: str | Sequence[str] = (),
    images: str | Sequence[str] = (),
    without: Without | Sequence[Without] = (),
    tag: str | None = None,
    rename: str | Sequence[str] = (),
    host: str | None = None,
    all_revisions: bool = False,
    outer: Outer = "none",
    jobs: int | None = None,
    audit_result: bool = True,
    sync: bool = True,
    receipt: StrPath | None = None,
    merge: bool = False,
    force: bool = False,
    have: StrPath | Sequence[StrPath] = (),
    base: StrPath | Sequence[StrPath] = (),
    split: int | str | None = None,
    part: int | str | Sequence[int | str] = (),
    parity: bool = False,
    limits: Limits | None = None,
    progress: Progress | None = None,
    hear: Callable[[str], None] | None = None,
    plain_http: bool = False,
    ca_file: StrPath | None = None,
    insecure_skip_verify: bool = False,
) -> Conversion:
    """Write the images of some archives to `dest` in the format `to`, and return the result.

    Options are those of the command line (docs/formats.md), with the same errors; `audit_result` is its `--audit`. The
    receipt is written to the file `receipt`. A present file that is no report of this program is replaced only with
    `force`. `hear` is called with words, perhaps from another thread: what the work waits for, and which modes and
    owners could not be kept.

    DEST is complete when this returns. It is absent, or as it was, when this raises. ContentError: a source is faulty.
    UsageError: the call is. HostError: the machine, or what was written fails its audit.
    """
    asked = options(
        to=to,
        dest=os.fspath(dest),
        compression=compression,
        level=level,
        media_types=media_types,
        preserve_digests=preserve_digests,
        platforms=platforms,
        images=images,
        without=without,
        tag=tag,
        rename=rename,
        host=host,
        all_revisions=all_revisions,
        outer=outer,
        jobs=jobs,
        audit=audit_result,
        sync=sync,
        merge=merge,
        force=force,
        have=have,
        base=base,
        split=split,
        part=part,
        parity=parity,
        limits=limits,
        plain_http=plain_http,
        ca_file=None if ca_file is None else os.fspath(ca_file),
        insecure_skip_verify=insecure_skip_verify,
    )
    return _converted(sources, dest, asked, receipt, progress, hear)


def create_index(  # noqa: PLR0913  one parameter for each option of the command
    sources: StrPath | Sequence[StrPath],
    dest: StrPath,
    *,
    to: FormatName | None = None,
    tag: str | None = None,
    annotation: str | Sequence[str] = (),
    add: bool = False,
    compression: Compression = "auto",
    level: Level | None = None,
    media_types: MediaTypes = "keep",
    preserve_digests: bool = False,
    platforms: str | Sequence[str] = (),
    images: str | Sequence[str] = (),
    without: Without | Sequence[Without] = (),
    host: str | None = None,
    all_revisions: bool = False,
    outer: Outer = "none",
    jobs: int | None = None,
    audit_result: bool = True,
    sync: bool = True,
    receipt: StrPath | None = None,
    merge: bool = False,
    force: bool = False,
    limits: Limits | None = None,
    progress: Progress | None = None,
    hear: Callable[[str], None] | None = None,
    plain_http: bool = False,
    ca_file: StrPath | None = None,
    insecure_skip_verify: bool = False,
) -> Conversion:
    """Write one image index of the images of some archives to `dest` as `tag`; all else is as in `convert`.

    Each `annotation` is KEY=VALUE and stands on the index. With `add` the index, or the image, of this name at `dest`
    gets the images as further entries, and everything else there stays. With `force` two images may have one platform.
    """
    made = options(
        to=to,
        dest=os.fspath(dest),
        compression=compression,
        level=level,
        media_types=media_types,
        preserve_digests=preserve_digests,
        platforms=platforms,
        images=images,
        without=without,
        tag=tag,
        host=host,
        all_revisions=all_revisions,
        outer=outer,
        jobs=jobs,
        audit=audit_result,
        sync=sync,
        merge=merge,
        force=force,
        limits=limits,
        plain_http=plain_http,
        ca_file=None if ca_file is None else os.fspath(ca_file),
        insecure_skip_verify=insecure_skip_verify,
    )
    asked = for_index(made, annotation=annotation, add=add)
    return _converted(sources, dest, asked, receipt, progress, hear)


def _converted(
    sources: StrPath | Sequence[StrPath],
    dest: StrPath,
    asked: Options,
    receipt: StrPath | None,
    progress: Progress | None,
    hear: Callable[[str], None] | None,
) -> Conversion:
    """Convert, and write the receipt where one is asked for."""
    paths = [os.fspath(path) for path in ([sources] if isinstance(sources, str | os.PathLike) else sources)]
    target, say = os.fspath(dest), hear or nobody
    file = None if receipt is None else _beside(os.fspath(receipt), [*paths, target], say, force=asked.force_beside)
    digests = source_digests(paths) if file else {}
    asked = replace(asked, bound=file is not None)
    done = _convert([Source(path=path) for path in paths], target, asked, progress, say)
    if file is not None:
        file.write([render_receipt(done, sha256=digests)])
    return done


def _beside(path: str, others: Sequence[str], say: Callable[[str], None], *, force: bool) -> Beside:
    """Return the file for a receipt. UsageError, HostError: it must not or cannot be written there."""
    file = Beside(path, "receipt", force=force, ours=is_ours, say=say)
    for other in others:
        file.apart_from(other)
    file.require()
    return file
