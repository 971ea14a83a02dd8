"""A folder inside of a container as a container of its own: an archive that was packed with the folder it lies in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.blobio.limits import Limits
    from ociarchive.blobio.source import Sliceable
    from ociarchive.container.protocol import Container
    from ociarchive.flaws import Flaws


class PrefixedContainer:
    """What lies below a folder of another container, which it closes; messages name members as they are there."""

    def __init__(self, whole: Container, folder: str, inner: str = "") -> None:
        """`folder` is a path in `whole`, without a slash at its end. `inner` is one in it that holds everything.

        Where other names are asked for, nothing is searched.
        """
        self._whole, self._prefix, self._inner = whole, f"{folder}/", f"{inner}/" if inner else ""

    @property
    def whole(self) -> Container:
        """The container around the folder."""
        return self._whole

    @property
    def where(self) -> str:
        """The archive's name for messages."""
        return self._whole.where

    @property
    def kind(self) -> Literal["directory", "tar"]:
        """What the members lie in."""
        return self._whole.kind

    @property
    def flaws(self) -> Flaws:
        """What was noticed in the whole."""
        return self._whole.flaws

    @property
    def damaged(self) -> bool:
        """Whether the walk of the whole ended early."""
        return self._whole.damaged

    @property
    def stored_size(self) -> int:
        """The bytes that the whole takes."""
        return self._whole.stored_size

    @property
    def limits(self) -> Limits:
        """What readers of the whole allow."""
        return self._whole.limits

    def get(self, name: str) -> Sliceable | None:
        """Return a file below the folder; a name cannot lead out of it, links may lead anywhere in the whole."""
        return None if ".." in name.split("/") else self._whole.get(self._prefix + name.lstrip("/"))

    def names(self, prefix: str = "") -> Iterator[str]:
        """Give the names of files and links below the folder, as they are called from there."""
        if prefix.startswith(self._inner) or self._inner.startswith(prefix):
            for name in self._whole.names(self._prefix + prefix):
                yield name.removeprefix(self._prefix)

    def is_hard_link(self, name: str) -> bool:
        """Whether a member below the folder is a hard link."""
        return self._whole.is_hard_link(self._prefix + name.lstrip("/"))

    def close(self) -> None:
        """Close the whole."""
        self._whole.close()


def common_folder(names: Iterator[str]) -> str:
    """Return the folder that all names lie in, the innermost one; empty where there is none."""
    shared: list[str] | None = None
    for name in names:
        folders = name.split("/")[:-1]
        if shared is None:
            shared = folders
        while shared and folders[: len(shared)] != shared:
            shared.pop()
        if not shared:
            return ""
    return "/".join(shared or ())
