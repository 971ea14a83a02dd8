"""OCI image layouts, as a folder and as a tar (image-spec, image-layout.md)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from ociarchive import schema
from ociarchive.errors import ContentError
from ociarchive.formats import _delta, _layout, _named, _refusals, _unlisted
from ociarchive.formats.format import Format, Growth, LeftOut
from ociarchive.model import Archive

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ociarchive.blobio.limits import Limits
    from ociarchive.container import Container
    from ociarchive.formats.format import Content
    from ociarchive.model import Root
    from ociarchive.values import Digest


@dataclass(frozen=True, slots=True)
class OciReader:
    """Reads a layout in a container of one kind."""

    name: str
    kind: Literal["directory", "tar"]
    documents: tuple[str, ...] = (_layout.INDEX, _layout.MARKER)
    marker: str | None = None

    def owns(self, name: str) -> bool:
        """The files of a layout."""
        return _layout.owns(name)

    def probe(self, container: Container) -> bool:
        """A layout without the manifest.json that would make it a docker-archive or a `dir`."""
        return container.kind == self.kind and container.get("manifest.json") is None and _layout.has_layout(container)

    def read(self, container: Container) -> Archive:
        """Return the graph below index.json."""
        graph = _layout.reader(container)
        where = f"{container.where}: {_layout.INDEX}"
        roots, entry = None, None
        delta = _delta.read(container, graph)
        try:
            entry = _layout.load(container, _layout.INDEX, graph)
            if entry is None and not container.damaged:
                what, name = "a layout lacks its index.json", _layout.INDEX
                graph.flaw("index-missing", what, where, name, "a file", schema.NOTHING)
                graph.incomplete = True
            elif entry is not None:
                roots = _layout.read_index(entry, graph, where)
        except ContentError as error:
            graph.failed(error, where, _layout.INDEX)
        _layout.marker_flaws(container, graph)
        stored = _layout.stored(container, graph)
        if roots and not container.damaged:
            roots = (*roots, *_unlisted.referrers(roots, stored, graph, container))
        return Archive(
            format=self.name,
            origin=container,
            roots=roots or (),
            flaws=graph.flaws,
            incomplete=graph.incomplete or container.damaged,
            stored=stored,
            entry=entry,
            facts=graph.facts,
            delta=delta,
        )


@dataclass(frozen=True, slots=True)
class OciLayout:
    """Where a layout keeps its files. umoci reads no Docker media types in it, and skopeo 1.9 finds none by name."""

    kind: Literal["directory", "tar"]
    keeps_plain: bool = False
    takes_zstd: bool = True
    takes_deltas: bool = True
    finds_chains: bool = False
    keeps_beside: bool = False
    takes_docker_types: bool = False

    def admit(self, content: Content) -> tuple[Content, list[LeftOut]]:
        """Everything but files of other formats fits."""
        left = [LeftOut(what=extra.name, why="a layout has no place for it") for extra in content.extras]
        return replace(content, extras=()), left

    def refused(self, roots: Sequence[Root], outer: str) -> Iterator[str]:
        """Absent foreign layers, and names that some programs refuse."""
        del outer
        yield from _refusals.foreign(roots)
        yield from _refusals.disputed_names(roots)

    def blob_path(self, digest: Digest) -> str:
        """`blobs/<algorithm>/<hex>`."""
        return _layout.blob_path(digest)

    def document_path(self, digest: Digest, *, root: bool) -> str:
        """Manifests are blobs like all others."""
        del root
        return _layout.blob_path(digest)

    def require_few(self, content: Content, limits: Limits) -> None:
        """Check the size of index.json."""
        _layout.require_readable(content, limits)

    def metadata(self, content: Content) -> Iterator[tuple[str, bytes]]:
        """oci-layout, what a delta leaves out, then index.json."""
        yield _layout.marker()
        if content.delta is not None:
            yield _delta.NAME, content.delta
        yield _layout.INDEX, _layout.index_json(content)


OCI_LAYOUT: Final = Format(
    name="oci-layout",
    reader=OciReader("oci-layout", "directory", marker=_layout.MARKER),
    layout=OciLayout("directory"),
    growth=Growth(index=_layout.INDEX),
    refuses=_named.refuses,
    transport="oci",
    scopes="paths",
)
OCI_ARCHIVE: Final = Format(
    name="oci-archive",
    reader=OciReader("oci-archive", "tar"),
    layout=OciLayout("tar"),
    refuses=_named.refuses,
    transport="oci-archive",
    scopes="paths",
)
