"""Opening: from the SOURCE of a call to an archive. The table `KINDS` lists each kind of SOURCE once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ociarchive.blobio.limits import Limits
from ociarchive.errors import UsageError
from ociarchive.formats import format_of
from ociarchive.opening import paths, recognise
from ociarchive.opening.refused import NotAnArchiveError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ociarchive.model import Archive

__all__ = ["KINDS", "Asked", "Kind", "NotAnArchiveError", "open_archive", "require_hosted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A SOURCE to open. `shown` is its name in messages, `spool_folder` the folder for temporary files.

    `host` is the one that its names had, where they have none in its format; None for the default.
    """

    source: str
    shown: str
    spool_folder: str | None
    limits: Limits
    host: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of SOURCE: whether a text names this kind, and how its archive is opened."""

    name: str
    fits: Callable[[str], bool]
    open: Callable[[Asked], Archive]


def _piped(asked: Asked) -> Archive:
    return recognise.read(paths.from_stdin(asked.spool_folder, asked.limits), asked.source, asked.host)


def _at_path(asked: Asked) -> Archive:
    container = paths.from_path(asked.source, asked.shown, asked.spool_folder, asked.limits)
    return recognise.read(container, asked.source, asked.host)


def _not_built(asked: Asked) -> Archive:
    raise UsageError("registries and object storage are not built yet in this version", where=asked.shown)


#: The first kind that fits opens a SOURCE. A path is the last one: it takes what fits no other.
KINDS: Final = (
    Kind(name="pipe", fits=lambda text: text == "-", open=_piped),
    Kind(name="remote", fits=lambda text: text.startswith(("docker://", "s3://")), open=_not_built),
    Kind(name="path", fits=lambda _: True, open=_at_path),
)


def open_archive(
    source: str,
    *,
    spool_folder: str | None = None,
    limits: Limits | None = None,
    shown: str | None = None,
    host: str | None = None,
) -> Archive:
    """Return the archive that `source` names: a file, a folder, or `-` for standard input.

    A pipe, or an archive that is compressed as a whole, is unpacked once into a nameless file in `spool_folder` (else
    the system's temporary folder). `shown` is the archive's name in messages, else its path. `host` is the one that
    names had which have none in their format. The caller closes the archive.

    UsageError: no such file. NotAnArchiveError: no image archive.
    ContentError: one that cannot be read at all. HostError: the machine cannot read it.
    """
    asked = Asked(source=source, shown=shown or source, spool_folder=spool_folder, limits=limits or Limits(), host=host)
    return next(kind for kind in KINDS if kind.fits(source)).open(asked)


def require_hosted(host: str | None, archives: Sequence[Archive]) -> None:
    """Refuse a host for names that all have one (UsageError)."""
    if host is not None and all(format_of(archive.format).hosts for archive in archives):
        found = ", ".join(dict.fromkeys(archive.format for archive in archives))
        raise UsageError("--host is for names in a registry's folder, and no SOURCE is one", found=found)
