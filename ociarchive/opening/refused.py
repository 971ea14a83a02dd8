"""The error for what is no image archive. It says what it is and what to do, where that is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ociarchive.errors import ContentError

if TYPE_CHECKING:
    from ociarchive.flaws import Flaw
    from ociarchive.formats._lookalike import Lookalike


class NotAnArchiveError(ContentError):
    """A file or folder that is no image archive of a known format, or is too damaged to know. `rule` says which."""

    rule = "not-an-archive"


def damaged(flaw: Flaw) -> NotAnArchiveError:
    """Return the error for a file that is too damaged to be recognised."""
    error = NotAnArchiveError(flaw.message, where=flaw.where, expected=flaw.expected, found=flaw.found)
    error.rule = flaw.rule
    return error


def instead(told: Lookalike, where: str) -> NotAnArchiveError:
    """Return the error for what only looks like an archive, with what to use instead."""
    return NotAnArchiveError(told.what, where=where, found=told.found, hint=told.hint)
