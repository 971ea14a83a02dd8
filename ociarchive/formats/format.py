"""The two halves of a format: a reader knows and reads an archive, a layout says where a writer puts what.

A format without a layout is a source alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ociarchive.blobio.limits import Limits
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


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Something that does not come along, and why."""

    what: str
    why: str


class Reader(Protocol):
    """How a format is known and read. It verifies nothing and opens no layer."""

    @property
    def documents(self) -> tuple[str, ...]:
        """The files with which an archive begins, by their fixed names."""
        ...

    @property
    def marker(self) -> str | None:
        """The file that only this format has, where other programs' folders may look alike; None where none do."""
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


class Layout(Protocol):
    """Where a writer puts what, and which documents complete an archive. It moves no blob.

    Its traits say what readers of the format can have.
    """

    @property
    def kind(self) -> Literal["directory", "tar"]:
        """What it lies in."""
        ...

    @property
    def keeps_plain(self) -> bool:
        """Whether layers without a manifest stay as they are, rather than be compressed."""
        ...

    @property
    def takes_zstd(self) -> bool:
        """Whether all of its readers take layers that are stored as zstd."""
        ...

    @property
    def takes_docker_types(self) -> bool:
        """Whether all of its readers take Docker's media types."""
        ...

    def admit(self, content: Content) -> tuple[Content, list[LeftOut]]:
        """Return what this format can carry of a content and what it cannot.

        UsageError, ContentError: it cannot hold this content at all.
        """
        ...

    def refused(self, roots: Sequence[Root], outer: str) -> Iterator[str]:
        """Give, in words, what some of its readers are known to refuse of some roots; `outer` compresses the whole."""
        ...

    def blob_path(self, digest: Digest) -> str:
        """Return where a config, a layer or any other blob is kept."""
        ...

    def document_path(self, digest: Digest, *, root: bool) -> str:
        """Return where a manifest or index is kept; `root` for one that the archive itself names."""
        ...

    def require_few(self, content: Content, limits: Limits) -> None:
        """Refuse, at the cost of what is allowed, a content whose `metadata` would be more than readers take.

        Roots may still stand for what they will be in DEST. ContentError: what is too much, and the way out.
        """
        ...

    def metadata(self, content: Content) -> Iterator[tuple[str, bytes]]:
        """Give the names and bytes of the files that complete the archive, the entry document last."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """How images are added to an archive that is there, so that nobody sees one before all of it is there.

    `index` is the document that lists the images and is written anew; without one, files alone make them seen: `turn`
    says in which order files come, and `name_at` which name of an image a file gives, if it gives one.
    """

    index: str | None = None
    turn: Callable[[str], int] = len
    name_at: Callable[[str], str | None] = lambda _: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One format. `name` is what reports, and `--to` where it has a layout, have for it.

    `growth` says how `--merge` adds to one, None where nothing can be added. `hosts` tells whether names in it have
    hosts, `alone` that it holds one image or index and nothing that refers to it, `transport` how skopeo and podman
    spell it (containers-transports(5)).
    """

    name: str
    reader: Reader
    layout: Layout | None = None
    growth: Growth | None = None
    hosts: bool = True
    alone: bool = False
    transport: str | None = None
