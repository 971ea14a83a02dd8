"""What can be wrong with a catalogue. This module needs no SQLite, so that audits without a catalogue need none."""

from __future__ import annotations

from typing import Final

from ociarchive.errors import HostError, UsageError

_ASIDE: Final = "keep it aside and begin a new one: all archives are then audited again"


class CatalogueError(HostError):
    """The catalogue cannot be read or written. Nothing more is audited, since it could not be recorded."""


class CatalogueCallError(UsageError):
    """The call names a catalogue that cannot be used."""


def damaged(path: str, found: str) -> CatalogueError:
    """Return the error of a catalogue whose content cannot be what this program wrote."""
    return CatalogueError("the catalogue is damaged", where=path, found=found, hint=_ASIDE)
