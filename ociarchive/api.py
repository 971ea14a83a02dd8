"""The Python interface: what the command line does, without printing. Everything here is named in `ociarchive`.

>>> import ociarchive
>>> report = ociarchive.audit("app.tar")
>>> report.failed, [finding.rule for finding in report.findings]
(False, [])
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeAlias

from ociarchive.auditing import Policy, Report, audit_archive, sniffed
from ociarchive.blobio.limits import Limits
from ociarchive.blobio.locks import nobody
from ociarchive.comparison import ASPECTS, Difference, difference
from ociarchive.comparison import Options as _DiffOptions
from ociarchive.errors import UsageError
from ociarchive.formats import by_name
from ociarchive.measure import Progress
from ociarchive.opening import open_archive
from ociarchive.report.shared.facts import archive_facts
from ociarchive.selection.argument import Source
from ociarchive.selection.select import Selectors
from ociarchive.transform.convert import Conversion
from ociarchive.transform.convert import convert as _convert
from ociarchive.transform.options import Options
from ociarchive.transform.plan import Storage
from ociarchive.values import Platform, Reference
from ociarchive.workers import Workers, processors

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ociarchive.blobio.codec import Level
    from ociarchive.comparison.difference import Aspect
    from ociarchive.transform.plan import Compression, MediaTypes
    from ociarchive.values import JSON

StrPath: TypeAlias = "str | os.PathLike[str]"

__all__ = [
    "Conversion",
    "Difference",
    "Limits",
    "Policy",
    "Progress",
    "Report",
    "audit",
    "convert",
    "diff",
    "inspect",
    "open_archive",
]


def audit(
    path: StrPath,
    *,
    policy: Policy | None = None,
    limits: Limits | None = None,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> Report:
    """Read every blob of the archive at `path` once and return what does not agree with what is claimed of it.

    `jobs` is a number of threads, else that of the processors this process may use; `progress` hears how it goes, from
    several threads. UsageError: no such file. ContentError: no archive, or none that can be read at all. HostError: the
    machine cannot read it.
    """
    allowed = limits or Limits()
    workers = Workers(jobs or processors())
    try:
        archive = open_archive(os.fspath(path), limits=allowed)
        try:
            return audit_archive(archive, limits=allowed, workers=workers, policy=policy, progress=progress)
        finally:
            archive.close()
    finally:
        workers.close()


def inspect(path: StrPath, *, limits: Limits | None = None) -> dict[str, JSON]:
    """Return what is in the archive at `path`, as `inspect --format json` has it in `archives[]`; no layer is read.

    Errors are those of `audit`.
    """
    archive = open_archive(os.fspath(path), limits=limits)
    try:
        return archive_facts(archive, sniffed(archive))
    finally:
        archive.close()


def convert(  # noqa: PLR0913  one parameter for each option of the command
    sources: StrPath | Sequence[StrPath],
    dest: StrPath,
    *,
    to: str,
    compression: Compression = "auto",
    level: Level | None = None,
    media_types: MediaTypes = "keep",
    images: Sequence[str] = (),
    platforms: Sequence[str] = (),
    without: Sequence[str] = (),
    tag: str | None = None,
    preserve_digests: bool = False,
    outer: str = "none",
    merge: bool = False,
    force: bool = False,
    audit_result: bool = True,
    sync: bool = True,
    jobs: int | None = None,
    limits: Limits | None = None,
    progress: Progress | None = None,
    hear: Callable[[str], None] | None = None,
) -> Conversion:
    """Write the images of some archives to `dest` in the format `to`, and return what became of them.

    Options mean what they mean on the command line (docs/formats.md). `hear` is told in words, perhaps from another
    thread, for what the work waits and what of modes and owners could not be kept. DEST is complete when this returns,
    and absent or as it was when it raises. ContentError: a source is at fault. UsageError: the call is. HostError: the
    machine, or what was written fails its audit. ValueError: a platform or name that is none.
    """
    fmt = by_name(to)
    listed = [sources] if isinstance(sources, str | os.PathLike) else list(sources)
    options = Options(
        format=fmt,
        storage=Storage(
            format=fmt,
            compression=compression,
            level=level,
            media_types=media_types,
            preserve_digests=preserve_digests,
        ),
        selectors=Selectors(
            images=tuple(images),
            platforms=tuple(Platform.parse(text) for text in platforms),
            without=frozenset(without),
        ),
        tag=Reference.parse(tag) if tag else None,
        outer=outer,
        jobs=jobs or processors(),
        audit=audit_result,
        sync=sync,
        merge=merge,
        force=force,
        limits=limits or Limits(),
    )
    return _convert(
        [Source(path=os.fspath(path)) for path in listed], os.fspath(dest), options, progress, hear or nobody
    )


def diff(  # noqa: PLR0913  one parameter for each option of the command
    a: StrPath,
    b: StrPath,
    *,
    images_a: Sequence[str] = (),
    images_b: Sequence[str] = (),
    platforms: Sequence[str] = (),
    ignore: Sequence[Aspect] = (),
    files: bool = False,
    jobs: int | None = None,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> Difference:
    """Read two archives to their end and return what differs between the images they hold, however these are packed.

    Images are the same if they have one image ID and layers that were proved to unpack to the same. `images_a` and
    `images_b` select by name or digest, as `PATH#REF` does; `ignore` names what does not count: `names`,
    `annotations`, `attestations`. With `files` layers that differ list their paths; nothing is unpacked to disk.
    `jobs` is a number of threads, else that of the processors this process may use; `progress` hears how it goes, from
    several threads.

    ContentError: an archive is at fault, so that nothing it says can be relied on. UsageError: no such file, or a
    selector takes nothing. HostError: the machine cannot read it. ValueError: a platform that is none.

    >>> import ociarchive
    >>> ociarchive.convert("app.tar", "app-zstd", to="oci-layout", compression="zstd").format
    'oci-layout'
    >>> found = ociarchive.diff("app.tar", "app-zstd")
    >>> found.same
    True
    >>> (pair,) = found.images
    >>> pair.kind, pair.repacked, pair.label
    ('same', True, 'docker.io/corpus/app:1.0')
    >>> [(layer.kind, layer.old.compression, layer.new.compression) for layer in pair.layers]
    [('same', 'none', 'zstd'), ('same', 'none', 'zstd'), ('same', 'none', 'zstd')]
    """
    unknown = set(ignore) - set(ASPECTS)
    if unknown:
        raise UsageError(f"nothing to ignore is called {', '.join(sorted(unknown))}", expected=", ".join(ASPECTS))
    options = _DiffOptions(
        old=Source(path=os.fspath(a), images=tuple(images_a)),
        new=Source(path=os.fspath(b), images=tuple(images_b)),
        platforms=tuple(Platform.parse(text) for text in platforms),
        ignore=frozenset(ignore),
        files=files,
        jobs=jobs or processors(),
        limits=limits or Limits(),
    )
    return difference(options, progress)
