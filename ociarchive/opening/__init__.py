"""Opening: from the SOURCE of a call to an archive. The table `KINDS` lists each kind of SOURCE once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from ociarchive.blobio.limits import Limits
from ociarchive.blobio.locks import nobody
from ociarchive.blobio.manyfile import LostBytesError
from ociarchive.blobio.source import close_read
from ociarchive.errors import UsageError, plural
from ociarchive.formats import format_of
from ociarchive.late import Late
from ociarchive.objects.address import is_object, parse
from ociarchive.objects.file import ObjectFile
from ociarchive.opening import partset, paths, recognise
from ociarchive.opening.pulling import Near
from ociarchive.opening.refused import NotAnArchiveError
from ociarchive.remote.address import Access, is_remote

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ociarchive.blobio.randomfile import RandomFile
    from ociarchive.model import Archive
    from ociarchive.objects import store
    from ociarchive.opening import bucket, registry
    from ociarchive.opening.partset import Parts
else:
    store = Late("ociarchive.objects.store")
    bucket = Late("ociarchive.opening.bucket")
    registry = Late("ociarchive.opening.registry")

__all__ = ["KINDS", "Asked", "Kind", "NotAnArchiveError", "open_archive", "open_file", "require_hosted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A SOURCE to open. `shown` is its name in messages, `spool_folder` the folder for temporary files.

    `host` is the one that its names had, where they have none in its format; None for the default. `access` says how
    registries are spoken to. `near` is what need not be fetched. `step` hears, in words, what is done on the way.
    `judged`: faults of what the archive lies in become flaws of it, for an audit, where they would be errors else.
    `hashed`: where all of a file is read to open it, its digest is made on the way.
    """

    source: str
    shown: str
    spool_folder: str | None
    limits: Limits
    host: str | None = None
    access: Access = field(default_factory=Access)
    near: Near = field(default_factory=Near)
    step: Callable[[str], None] = nobody
    judged: bool = False
    hashed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of SOURCE: whether a text names this kind, and how its archive is opened."""

    fits: Callable[[str], bool]
    open: Callable[[Asked], Archive]


def _piped(asked: Asked) -> Archive:
    return recognise.read(
        paths.from_stdin(asked.spool_folder, asked.limits, hashed=asked.hashed), asked.source, asked.host
    )


def _at_path(asked: Asked) -> Archive:
    fd = paths.open_at(asked.source, asked.shown)
    if fd is None:
        return recognise.read(paths.from_folder(asked.source, asked.shown, asked.limits), asked.source, asked.host)
    try:
        parts = partset.find(asked.source) if partset.is_list(fd, asked.shown) else None
    except BaseException:
        close_read(fd)
        raise
    if parts is not None:
        close_read(fd)
        return _joined(asked, parts)
    try:
        container = paths.from_open(fd, asked.shown, asked.spool_folder, asked.limits, hashed=asked.hashed)
        return recognise.read(container, asked.source, asked.host)
    except NotAnArchiveError as error:
        if error.hint is None and (listed := partset.listed_beside(asked.source)) is not None:
            error.hint = f"it belongs to an archive in parts, name {listed}"
        raise


def _by_first_part(asked: Asked) -> Archive:
    parts = partset.find(asked.source)
    return _joined(asked, parts) if parts is not None else _at_path(asked)


def _joined(asked: Asked, parts: Parts) -> Archive:
    asked.step(f"proving {parts.path}: {plural(len(parts.listed.files), 'part')}")
    opened = partset.opened(parts, asked.shown, asked.spool_folder, asked.limits, judged=asked.judged)
    try:
        archive = recognise.read(opened.container, asked.source, asked.host)
    except LostBytesError as error:
        raise partset.unreadable(opened.container, error) from error
    return replace(archive, notices=opened.notices)


def _in_registry(asked: Asked) -> Archive:
    return registry.read(asked.source, access=asked.access, limits=asked.limits, near=asked.near, say=asked.step)


def _in_storage(asked: Asked) -> Archive:
    address = parse(asked.source)
    bucket.require_object(address, asked.shown)
    file = ObjectFile(store.store_of(address.bucket), address, asked.shown)
    return recognise.read(
        paths.from_file(file, asked.shown, asked.spool_folder, asked.limits), asked.source, asked.host
    )


#: The first kind that fits opens a SOURCE. A path is the last one: it takes what fits no other.
KINDS: Final = (
    Kind(fits=lambda text: text == "-", open=_piped),
    Kind(fits=is_remote, open=_in_registry),
    Kind(fits=is_object, open=_in_storage),
    Kind(fits=partset.may_be_first, open=_by_first_part),
    Kind(fits=lambda _: True, open=_at_path),
)


def open_archive(  # noqa: PLR0913  what any kind of SOURCE needs
    source: str,
    *,
    spool_folder: str | None = None,
    limits: Limits | None = None,
    shown: str | None = None,
    host: str | None = None,
    access: Access | None = None,
    near: Near | None = None,
    step: Callable[[str], None] = nobody,
    judged: bool = False,
    hashed: bool = False,
) -> Archive:
    """Return the archive that `source` names: a file, a folder, `-` for standard input, an image or object elsewhere.

    A pipe, or an archive that is compressed as a whole, is unpacked once into a nameless file in `spool_folder` (else
    the system's temporary folder). `shown` is the archive's name in messages, else its path. `host` is the one that
    names had which have none in their format. `access` says how registries are spoken to; `near` is what need not be
    fetched, and `step` hears what is done. The caller closes the archive.

    Of an archive in parts each is proved against its list. One that is lost or changed is made again from the parity,
    which the archive's `notices` say; where that cannot be, it is a ContentError. `judged`, for an audit, makes flaws
    of both. `hashed`: where all of a file or pipe is read to open it, its digest is made on the way.

    UsageError: no such file or image, or access is refused. NotAnArchiveError: no image archive.
    ContentError: one that cannot be read at all. HostError: the machine cannot read it, or no registry answers.
    """
    asked = Asked(
        source=source,
        shown=shown or source,
        spool_folder=spool_folder,
        limits=limits or Limits(),
        host=host,
        access=access or Access(),
        near=near or Near(),
        step=step,
        judged=judged,
        hashed=hashed,
    )
    return next(kind for kind in KINDS if kind.fits(source)).open(asked)


def open_file(file: RandomFile, shown: str, spool_folder: str | None, limits: Limits) -> Archive:
    """Return the archive in the tar that a file holds, which is closed with it. Errors are those of `open_archive`."""
    return recognise.read(paths.from_file(file, shown, spool_folder, limits), shown)


def require_hosted(host: str | None, archives: Sequence[Archive]) -> None:
    """Refuse a host for names that all have one (UsageError)."""
    if host is not None and all(format_of(archive.format).hosts for archive in archives):
        found = ", ".join(dict.fromkeys(archive.format for archive in archives))
        raise UsageError("--host is for names in a registry's folder, and no SOURCE is one", found=found)
