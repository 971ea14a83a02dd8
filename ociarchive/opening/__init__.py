"""Opening: from what a call names to an archive. Each kind of SOURCE stands once in the table `KINDS`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ociarchive.blobio.limits import Limits
from ociarchive.errors import UsageError
from ociarchive.opening import paths, recognise
from ociarchive.opening.refused import NotAnArchiveError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ociarchive.model import Archive

__all__ = ["KINDS", "Asked", "Kind", "NotAnArchiveError", "open_archive"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be opened. `shown` is what messages call it, `spool_folder` where temporary files go."""

    source: str
    shown: str
    spool_folder: str | None
    limits: Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of SOURCE: whether a text names one, and how its archive is opened."""

    name: str
    fits: Callable[[str], bool]
    open: Callable[[Asked], Archive]


def _piped(asked: Asked) -> Archive:
    return recognise.read(paths.from_stdin(asked.spool_folder, asked.limits), asked.source)


def _at_path(asked: Asked) -> Archive:
    container = paths.from_path(asked.source, asked.shown, asked.spool_folder, asked.limits)
    return recognise.read(container, asked.source)


def _not_built(asked: Asked) -> Archive:
    raise UsageError("registries and object storage are not built yet in this version", where=asked.shown)


#: The first kind that fits opens a SOURCE; a path is what fits no other.
KINDS: Final = (
    Kind(name="pipe", fits=lambda text: text == "-", open=_piped),
    Kind(name="remote", fits=lambda text: text.startswith(("docker://", "s3://")), open=_not_built),
    Kind(name="path", fits=lambda _: True, open=_at_path),
)


def open_archive(
    source: str, *, spool_folder: str | None = None, limits: Limits | None = None, shown: str | None = None
) -> Archive:
    """Return the archive that `source` names: a file, a folder, or `-` for standard input.

    What is a pipe or compressed as a whole is unpacked once into a nameless file in `spool_folder` (else the system's
    temporary folder). `shown` is what messages call the archive, else its path. It is to be closed.

    UsageError: no such file. NotAnArchiveError: no image archive.
    ContentError: one that cannot be read at all. HostError: the machine cannot read it.
    """
    asked = Asked(source=source, shown=shown or source, spool_folder=spool_folder, limits=limits or Limits())
    return next(kind for kind in KINDS if kind.fits(source)).open(asked)
