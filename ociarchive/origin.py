"""What an archive was read from, as far as other modules need to know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol, Self

if TYPE_CHECKING:
    from types import TracebackType

    from ociarchive.blobio.limits import Limits
    from ociarchive.flaws import Flaws


class Origin(Protocol):
    """What an archive was read from: a folder or a tar (a Container is one), or anything else that holds images."""

    @property
    def where(self) -> str:
        """Its name in messages."""
        ...

    @property
    def kind(self) -> Literal["directory", "tar", "registry", "store"]:
        """The kind of container, or of what is none; a store is the storage folder of an engine."""
        ...

    @property
    def flaws(self) -> Flaws:
        """The flaws found so far. Further lookups may add to them."""
        ...

    @property
    def damaged(self) -> bool:
        """Whether a part of it could not be read, so that absent content may have been lost."""
        ...

    @property
    def stored_size(self) -> int:
        """The bytes that the whole takes where it lies, compressed if it is compressed as a whole."""
        ...

    @property
    def limits(self) -> Limits:
        """What its readers allow."""
        ...

    def close(self) -> None:
        """Close what is open. Its blobs may not be readable afterwards."""
        ...


class Closing:
    """Something that is closed where the `with` that it stands in is left."""

    __slots__ = ()

    def close(self) -> None:
        """Close what is open."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
