"""What `docker save` of before Docker 1.10 wrote: a folder for each layer, and `repositories`, and nothing else.

A layer is a folder with `layer.tar` and `json`, which names its parent. Each layer is an image. `repositories` gives
names to some. Sources: Docker's image specification, v1.0; moby 20.10, image/tarexport/load.go (legacyLoad).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ociarchive import documents
from ociarchive.blobio.limits import LimitError
from ociarchive.errors import ContentError, clipped, plural
from ociarchive.formats import _layout, _v1
from ociarchive.late import Late
from ociarchive.model import Image, Missing, Root
from ociarchive.oldimages.made import SAVED
from ociarchive.schema import Malformed, object_in
from ociarchive.values import Reference, type_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ociarchive.blobio.source import ByteSource
    from ociarchive.container import Container
    from ociarchive.graph import GraphReader
    from ociarchive.oldimages import v1image
    from ociarchive.oldimages.v1image import V1
    from ociarchive.values import Digest
else:
    v1image = Late("ociarchive.oldimages.v1image")

_JSON: Final = "/json"
_LAYER: Final = re.compile(r"[0-9a-f]{64}/json\Z")


def holds_one(container: Container) -> bool:
    """Whether a container has the `repositories` of such an archive, or is a tar with a layer and was saved by id."""
    if container.get(_v1.NAME) is not None:
        return True
    return container.kind == "tar" and any(_LAYER.match(name) for name in container.names())


def read(container: Container, graph: GraphReader) -> Iterator[Root]:
    """Give a root for each layer that has a name, then for each that is no parent: an image without a name."""
    layers = _Layers(container, graph)
    try:
        layers.load()
        named = _named(container, graph, layers)
        for top, names in named.items():
            yield layers.root(top, names)
        parents = {one.parent for one in layers.found.values()}
        for top in layers.found:
            if top not in named and top not in parents:
                what = "no name leads to the layer and no layer has it for its parent: an image without a name"
                graph.flaw("v1-layer-unnamed", what, layers.where(top), top)
                yield layers.root(top, ())
    except LimitError as error:
        graph.failed(error, container.where, container.where)
        return
    circle = next((one for one in layers.found if one not in layers.reached), None)
    if circle is not None:
        what = "the parents of a layer lead back to it, and no name leads to it"
        graph.flaw("v1-parent-cycle", what, layers.where(circle), circle)


def _named(container: Container, graph: GraphReader, layers: _Layers) -> dict[str, tuple[Reference, ...]]:
    """Return the layers to which names lead, with their names, in the order of `repositories`."""
    where = f"{container.where}: {_v1.NAME}"
    found: dict[str, dict[Reference, None]] = {}
    try:
        document = _layout.load(container, _v1.NAME, graph)
        for spelled, top in _tags(document.value if document is not None else {}):
            shown = clipped(spelled, 200)
            name = Reference.maybe(spelled)
            if name is None:
                what = "a name in repositories is no image name"
                graph.flaw("reference-malformed", what, where, shown, "NAME:TAG", repr(spelled[:80]))
            if top in layers.found:
                found.setdefault(top, {}).update({name: None} if name is not None else {})
            elif top not in layers.unreadable:
                graph.incomplete = True
                what = f"repositories names {shown}, whose layer is not in the archive"
                graph.flaw("v1-layer-missing", what, where, shown, "a folder with json", clipped(top, 80))
    except (Malformed, ContentError) as error:
        graph.failed(error, where, _v1.NAME)
    return {top: tuple(names) for top, names in found.items()}


def _tags(value: object) -> Iterator[tuple[str, str]]:
    """Give each name with its layer. Malformed: `repositories` is not what Docker reads."""
    for repository, tags in object_in(value, _v1.NAME).items():  # type: ignore[arg-type]
        pointer = f"/{clipped(repository, 80)}"
        for tag, top in object_in(tags or {}, "a repository", pointer).items():
            if not isinstance(top, str):
                what = "a tag has the wrong type"
                raise Malformed(what, f"{pointer}/{clipped(tag, 80)}", expected="a string", found=type_name(top))
            yield f"{repository}:{tag}", top


class _Layers:
    """The layers of an archive by the names of their folders. The `json` of each is read once.

    `found` are those that could be read. `reached` are those to which a root leads.
    """

    def __init__(self, container: Container, graph: GraphReader) -> None:
        self._container, self._graph = container, graph
        self._left = container.limits.listed
        self.found: dict[str, V1] = {}
        self.unreadable: set[str] = set()
        self.reached: set[str] = set()

    def where(self, layer: str) -> str:
        """Return the place of a layer's `json`."""
        return f"{self._container.where}: {layer}{_JSON}"

    def load(self) -> None:
        """Read every `json`. LimitError: there are too many, or they are too large together."""
        limits, size = self._container.limits, 0
        for name in self._container.names():
            layer = name.removesuffix(_JSON)
            source = self._container.get(name) if layer != name and "/" not in layer else None
            if source is None:
                continue
            if len(self.found) + len(self.unreadable) >= limits.documents:
                what = f"more than the {plural(limits.documents, 'layer')} allowed have a json"
                raise LimitError(what, "documents", where=self._container.where)
            size += source.size
            _v1.require_room(size, self._container)
            self._read(layer, source)
            if layer in self.found:
                size += len(self.found[layer].history)  # Go's escapes may make six bytes of one
            _v1.require_room(size, self._container)

    def _read(self, layer: str, source: ByteSource) -> None:
        graph = self._graph
        try:
            document = graph.read_document(source, _v1.JSON_SIZE, surrogates=True)
            one = v1image.read(document, throwaways=False)
        except LimitError:
            raise
        except (Malformed, ContentError) as error:
            graph.failed(error, source.where, layer)
            self.unreadable.add(layer)
            return
        self.found[layer] = one
        if not v1image.ID.match(layer) or one.id != layer:
            what = "the id of a layer is no 64 hexadecimal digits, or another one than that of its folder"
            graph.flaw("v1-id", what, source.where, layer, "the name of the folder", clipped(one.id, 80) or "nothing")

    def root(self, top: str, names: tuple[Reference, ...]) -> Root:
        """Return the root of a layer and its parents: an image, or a missing one and flaws that say why."""
        source = self._container.get(f"{top}{_JSON}")
        if source is None:
            raise RuntimeError("a layer that was read is there")
        node: Image | Missing = Missing(source=source)
        try:
            chain = self._chain(top)
            node = self._graph.made_image(
                source,
                tuple((None, self._container.get(f"{one}/layer.tar"), f"{one}/layer.tar") for one in chain),
                lambda diff_ids: self._config(source, diff_ids, chain),
                SAVED,
            )
        except LimitError:
            raise
        except (Malformed, ContentError) as error:
            self._graph.failed(error, source.where, top)
        return Root(descriptor=None, node=node, names=names)

    def _config(self, top: ByteSource, diff_ids: Sequence[Digest], chain: Sequence[str]) -> bytes:
        document = self._graph.read_document(top, _v1.JSON_SIZE, surrogates=True)
        history = [self.found[one] for one in chain]
        size, most = sum(len(one.history) for one in history), self._container.limits.config_size
        if size > most:
            raise documents.too_large(size, most, top.where)
        return v1image.config(document, diff_ids, history)

    def _chain(self, top: str) -> list[str]:
        """Return a layer and its parents, the base first.

        Malformed: one is missing, or they lead back to one of them. LimitError: all chains together are too long.
        """
        chain: dict[str, None] = {}
        layer = top
        while layer:
            if layer in chain:
                what = "the parents of a layer lead back to it"
                raise Malformed(what, rule="v1-parent-cycle", found=layer)
            if layer not in self.found:
                why = "cannot be read" if layer in self.unreadable else "is not in the archive"
                raise Malformed(
                    f"a layer's parent {why}",
                    rule="v1-layer-missing",
                    expected="a folder with json",
                    found=clipped(layer, 80),
                )
            self._left -= 1
            if self._left < 0:
                what = f"the layers and their parents are more than the {self._container.limits.listed} allowed"
                raise LimitError(what, "listed", where=self._container.where)
            chain[layer] = None
            self.reached.add(layer)
            layer = self.found[layer].parent
        return [*reversed(chain)]
