"""What every container offers to the readers of formats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

from ociarchive.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.blobio.source import Sliceable


class Container(Origin, Protocol):
    """Named members: an origin whose archive is a folder or a tar of files."""

    @property
    def kind(self) -> Literal["directory", "tar"]:
        """What the members lie in."""
        ...

    def get(self, name: str) -> Sliceable | None:
        """Return the regular file of a name, links inside the container followed; None where there is none.

        A link that leaves the container or loops, and what is no regular file, is None and a flaw.
        """
        ...

    def names(self, prefix: str = "") -> Iterator[str]:
        """Give the names of all files and links below a folder (`blobs/`), in a fixed order."""
        ...

    def is_hard_link(self, name: str) -> bool:
        """Whether the member of this very name is a hard link of a tar."""
        ...


def member(where: str, name: str) -> str:
    """Return how messages name a member of a container."""
    return f"{where}: {name}"
