"""The shape that every format has: how it is known, how it is read, where it keeps what, how it is completed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.container import Container
    from ociarchive.documents import Document
    from ociarchive.model import Archive, Blob, Root
    from ociarchive.values import Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a writer completes: the graph as it is in DEST, every blob of it stored already.

    `entry` is the document a layout began with, where all of the content comes from one; `extras` are files that
    belong to no graph.
    """

    roots: tuple[Root, ...]
    entry: Document | None = None
    extras: tuple[Blob, ...] = ()


class Format(Protocol):
    """One format. A reader verifies nothing and opens no layer; a writer moves no blob."""

    @property
    def name(self) -> str:
        """The name that `--to` and reports have for it."""
        ...

    @property
    def kind(self) -> Literal["directory", "tar"]:
        """What it lies in when it is written."""
        ...

    def owns(self, name: str) -> bool:
        """Whether a path is one that the format, or a program that keeps it, gives a file; a folder's ends in `/`."""
        ...

    def probe(self, container: Container) -> bool:
        """Whether a container holds this format; of all formats one says so at most."""
        ...

    def read(self, container: Container) -> Archive:
        """Return the graph. ContentError: there is nothing that could be read as this format."""
        ...

    def admit(self, content: Content) -> tuple[Content, list[str]]:
        """Return what this format can carry of a content and, in words, what it cannot.

        UsageError, ContentError: it cannot hold this content at all.
        """
        ...

    def blob_path(self, digest: Digest) -> str:
        """Return where a config, a layer or any other blob is kept."""
        ...

    def document_path(self, digest: Digest, *, root: bool) -> str:
        """Return where a manifest or index is kept; `root` for one that the archive itself names."""
        ...

    def metadata(self, content: Content) -> Iterator[tuple[str, bytes]]:
        """Give the names and bytes of the files that complete the archive, the entry document last."""
        ...
