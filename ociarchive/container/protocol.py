"""What every container offers to the readers of formats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.blobio.limits import Limits
    from ociarchive.blobio.source import ByteSource
    from ociarchive.flaws import Flaws


class Container(Protocol):
    """Named members. `where` is the name of the whole in messages. `flaws` are those found so far."""

    @property
    def where(self) -> str:
        """The archive's name for messages."""
        ...

    @property
    def kind(self) -> Literal["directory", "tar"]:
        """The kind of container."""
        ...

    @property
    def flaws(self) -> Flaws:
        """What was noticed while the container was walked and members were looked up."""
        ...

    @property
    def damaged(self) -> bool:
        """Whether the walk ended early, so that what is not here may have been lost with it."""
        ...

    @property
    def stored_size(self) -> int:
        """The bytes that the whole takes where it lies, compressed if it is compressed as a whole."""
        ...

    @property
    def limits(self) -> Limits:
        """What readers of this container allow."""
        ...

    def get(self, name: str) -> ByteSource | None:
        """Return the regular file of a name, links inside the container followed; None where there is none.

        A link that leaves the container or loops, and what is no regular file, is None and a flaw.
        """
        ...

    def names(self, prefix: str = "") -> Iterator[str]:
        """Give the names of all files and links below a folder (`blobs/`), in a fixed order."""
        ...

    def close(self) -> None:
        """Close what is open. Sources of a tar cannot be read afterwards."""
        ...


def member(where: str, name: str) -> str:
    """Return how messages name a member of a container."""
    return f"{where}: {name}"
