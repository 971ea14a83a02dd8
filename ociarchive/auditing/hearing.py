"""Who hears of sources while they are audited, beside the reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ociarchive.errors import OciArchiveError


class Hearer(Protocol):
    """Receives the progress of the audit of sources, beside the reports."""

    def opens(self, path: str) -> None:
        """Hear of a source before it is opened. An error raised here ends the call."""

    def passes_over(self, path: str, what: str) -> None:
        """Hear of a file that is skipped in a folder of archives: `what` it is, such as `a text file`."""

    def fails(self, error: OciArchiveError) -> None:
        """Hear why a source cannot be audited; the others go on."""

    def unrecorded(self, path: str) -> None:
        """Hear of a source that is audited but that no catalogue can hold: a pipe has no name to find it by."""


class Raising:
    """Ends the work at the first source that cannot be audited."""

    def opens(self, path: str) -> None:
        """Let it be opened."""

    def passes_over(self, path: str, what: str) -> None:
        """Let it be passed over."""

    def unrecorded(self, path: str) -> None:
        """Let it be audited all the same."""

    def fails(self, error: OciArchiveError) -> None:
        """Raise what it is."""
        raise error
