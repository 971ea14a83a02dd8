"""The two halves of a format. A reader recognises and reads an archive. A layout says where a writer puts each file.

A format without a layout can only be read, except a registry: what it holds goes there without a file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ociarchive.blobio.limits import Limits
    from ociarchive.container import Container
    from ociarchive.documents import Document
    from ociarchive.model import Archive, Blob, Root
    from ociarchive.values import Digest, Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """The content that a writer completes: the graph as it is in DEST. Every blob of it is already stored.

    `entry` is the entry document of the layout that all of the content comes from, if there is one. `extras` are files
    that belong to no graph. `delta` is the list of the layers that are left out, if some are.
    """

    roots: tuple[Root, ...]
    entry: Document | None = None
    extras: tuple[Blob, ...] = ()
    delta: bytes | None = None


def without_host(name: Reference) -> str:
    """Return what of a name one image has alone where names have no host: the tag, else the digest."""
    return f"{name.path}:{name.tag}" if name.tag else f"{name.path}@{name.digest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Something that is left out, and why."""

    what: str
    why: str


class Reader(Protocol):
    """How a format is recognised and read. A reader verifies nothing and opens no layer."""

    @property
    def documents(self) -> tuple[str, ...]:
        """The files with which an archive begins, by their fixed names."""
        ...

    @property
    def marker(self) -> str | None:
        """The file that only this format has, where folders of other programs look alike; None where none do."""
        ...

    def owns(self, name: str) -> bool:
        """Whether the format, or a program that keeps it, gives a file this path. A folder's path ends in `/`."""
        ...

    def probe(self, container: Container) -> bool:
        """Whether a container holds this format. At most one format says so."""
        ...

    def read(self, container: Container) -> Archive:
        """Return the graph. ContentError: nothing can be read as this format."""
        ...


@dataclass(frozen=True, slots=True)
class NeverWritten:
    """What readers have in common whose archives are never written: no file there is ever taken for our own."""

    documents: tuple[str, ...] = ()
    marker: str | None = None

    def owns(self, name: str) -> bool:
        """Nothing is ours."""
        del name
        return False


class Holding(Protocol):
    """What a format can hold, and what its readers support."""

    @property
    def keeps_plain(self) -> bool:
        """Whether layers without a manifest stay unchanged and are not compressed."""
        ...

    @property
    def takes_zstd(self) -> bool:
        """Whether all of its readers accept zstd layers."""
        ...

    @property
    def takes_deltas(self) -> bool:
        """Whether engines load it without the layers that they have."""
        ...

    @property
    def finds_chains(self) -> bool:
        """Whether some of its readers look a layer up by its chain ID."""
        ...

    @property
    def keeps_beside(self) -> bool:
        """Whether signatures lie beside the images, as files of their own; else they are manifests like all others."""
        ...

    @property
    def takes_docker_types(self) -> bool:
        """Whether all of its readers accept Docker's media types."""
        ...

    def admit(self, content: Content) -> tuple[Content, list[LeftOut]]:
        """Return what this format can carry of a content and what it cannot.

        UsageError, ContentError: it cannot hold this content at all.
        """
        ...

    def refused(self, roots: Sequence[Root], outer: str) -> Iterator[str]:
        """Give, in words, what some of its readers are known to refuse in these roots. `outer` compresses the whole."""
        ...

    def require_few(self, content: Content, limits: Limits) -> None:
        """Refuse a content whose `metadata` would be larger than readers accept. The cost is bounded by the limit.

        Roots may still be placeholders for those of DEST. ContentError: what is too large, and what to do.
        """
        ...


class Layout(Holding, Protocol):
    """Where a writer puts each file, and which documents complete an archive. It moves no blob."""

    @property
    def kind(self) -> Literal["directory", "tar"]:
        """The kind of container."""
        ...

    def blob_path(self, digest: Digest) -> str:
        """Return where a config, a layer or any other blob is kept."""
        ...

    def document_path(self, digest: Digest, *, root: bool) -> str:
        """Return where a manifest or index is kept. `root`: the archive itself names it."""
        ...

    def metadata(self, content: Content) -> Iterator[tuple[str, bytes]]:
        """Give the names and bytes of the files that complete the archive, the entry document last."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """How images are added to an existing archive, so that an image is visible only when it is complete.

    `index` is the document that lists the images and is rewritten. Without it, single files make images visible. `turn`
    gives the order of the files, and `name_at` the image name that a file sets, if it sets one. `grow` joins what DEST
    and the files staged for it both list: DEST, where they are staged, and their names; it returns the files that are
    written anew at the end, with their content.
    """

    index: str | None = None
    turn: Callable[[str], int] = len
    name_at: Callable[[str], str | None] = lambda _: None
    grow: Callable[[str, str, Sequence[str]], Mapping[str, bytes]] = lambda *_: {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One format. `name` is its name in reports, and for `--to` where it has a layout.

    `remote` is what a registry holds instead: it has no files, so no layout and no name for `--to`.
    `growth` says how `--merge` adds to it, None where nothing can be added. `hosted` returns the reader that gives
    names a host, where they have none in this format. `refuses` says why a name cannot be written, None where it can.
    `alone` says that it holds one image or index and no referrers. `transport` is the spelling of skopeo and podman
    (containers-transports(5)). `scopes` are what a policy may name of it: absolute paths, nothing, or what is not known
    here (containers-policy.json(5)).
    """

    name: str
    reader: Reader
    layout: Layout | None = None
    growth: Growth | None = None
    hosted: Callable[[str], Reader] | None = None
    refuses: Callable[[Reference], str | None] = lambda _: None
    alone: bool = False
    transport: str | None = None
    scopes: Literal["paths", "none"] | None = None
    remote: Holding | None = None

    @property
    def holding(self) -> Holding | None:
        """What it can hold, None where it can only be read."""
        return self.layout or self.remote

    @property
    def hosts(self) -> bool:
        """Whether its names have hosts."""
        return self.hosted is None

    def place(self, name: Reference) -> str:
        """Return what is left of a name in this format."""
        return str(name) if self.hosts else without_host(name)
