"""The parts of a docker-archive that only engines before Docker 1.10 read, compared with manifest.json.

`repositories` gives each name a top layer. A layer is a folder with `layer.tar` and `json`, which names its parent
(Docker's image specification, v1.0, Loading/Saving Image Filesystem Changesets). Docker from 25 on keeps the same
documents among the blobs, each under its own digest, and nothing names them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ociarchive import documents
from ociarchive.blobio.limits import LimitError
from ociarchive.blobio.source import counted
from ociarchive.errors import ContentError, clipped, plural
from ociarchive.formats import _layout
from ociarchive.model import Image, images, nodes, parts
from ociarchive.values import Reference

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ociarchive.blobio.limits import Limits
    from ociarchive.blobio.source import ByteSource
    from ociarchive.container import Container
    from ociarchive.graph import GraphReader
    from ociarchive.model import Root, Stored
    from ociarchive.values import JSON, Digest

NAME: Final = "repositories"
_RULE: Final = "v1-conflict"
#: A layer's `json` is a config without layers.
JSON_SIZE: Final = 1 << 20
#: How Go writes a v1 image: its id comes first.
_BEGINS: Final = b'{"id":"'
_ID: Final = re.compile(r"[0-9a-f]{64}\Z")


def kept_beside(
    roots: Sequence[Root], listed: Sequence[Root], stored: Iterable[Stored], limits: Limits
) -> frozenset[Digest]:
    """Return the digests of the v1 documents that Docker from 25 on keeps among the blobs for engines before 1.10.

    Nothing leads to them. Each has an id, and its parent is another one of them or absent. There are at most as many as
    layers in either document (moby, image/tarexport/save.go), so no more are searched, and no more bytes of them read
    than documents may have.
    """
    every = [*nodes([*roots, *listed])]
    led_to = {part.source for node in every for part in parts(node)} | {node.source for node in every}
    left = max(sum(len(image.layers) for image in images(one)) for one in (roots, listed))
    below: dict[str | None, list[tuple[str, Digest]]] = {}  # by their parents' ids
    room = limits.documents_size
    for one in stored:
        if one.source is None or one.digest is None or one.source in led_to:
            continue
        size = counted(one.source, JSON_SIZE)
        if size <= min(JSON_SIZE, room) and left and one.source.head(len(_BEGINS)) == _BEGINS:
            left -= 1
            room -= size
            document = _v1_image(one.source)
            if document is not None:
                below.setdefault(document[1], []).append((document[0], one.digest))
    found: set[Digest] = set()
    parents: list[str | None] = [None]
    while parents:
        for told, digest in below.pop(parents.pop(), ()):
            found.add(digest)
            parents.append(told)
    return frozenset(found)


def _v1_image(source: ByteSource) -> tuple[str, str | None] | None:
    """Return the id and the parent of a v1 image, None for any other bytes."""
    try:
        members = documents.parse(b"".join(source.chunks()), source.where, limit=JSON_SIZE, surrogates=True).members
    except ContentError:
        return None
    told, parent = members.get("id"), members.get("parent")
    ids = [one for one in (told, parent) if one is not None]
    if told is None or "rootfs" in members or not all(isinstance(one, str) and _ID.match(one) for one in ids):
        return None
    return str(told), None if parent is None else str(parent)


def check(container: Container, listed: list[Root], graph: GraphReader) -> None:
    """Note where `repositories` and the layers' own documents contradict manifest.json."""
    where = f"{container.where}: {NAME}"
    try:
        found = _layout.load(container, NAME, graph)
    except LimitError as error:
        graph.failed(error, where, NAME)
        return
    except ContentError as error:
        graph.flaw(_RULE, error.what, where, NAME)
        return
    if graph.incomplete or not listed:
        return  # manifest.json could not be read, so there is no contradiction
    try:
        _compare(found.members if found else {}, container, listed, graph)
    except LimitError as error:
        graph.failed(error, where, NAME)


def _compare(members: dict[str, JSON], container: Container, listed: list[Root], graph: GraphReader) -> None:
    where = f"{container.where}: {NAME}"
    owners = {name: root for root in listed for name in root.names}
    chains = _Chains(container, graph)
    for repository, tags in members.items():
        for tag, top in (tags if isinstance(tags, dict) else {}).items():
            name = Reference.maybe(f"{repository}:{tag}")
            owner = owners.get(name) if name else None
            shown = f"{clipped(repository, 80)}:{clipped(tag, 80)}"
            if owner is None or not isinstance(owner.node, Image):
                graph.flaw(_RULE, f"repositories names {shown}, manifest.json does not", where, shown[:200])
                continue
            folder = container.get(f"{top}/layer.tar") if isinstance(top, str) else None
            last = owner.node.layers[-1].source if owner.node.layers else None
            if folder is not None and last is not None and folder != last:
                what = f"repositories gives {shown} another top layer than manifest.json"
                graph.flaw(_RULE, what, where, shown[:200])
            elif isinstance(top, str):
                chains.hold(top, owner.node)


def require_room(size: int, container: Container) -> None:
    """Refuse documents of layers that are larger together, in bytes, than documents may be (LimitError)."""
    most = container.limits.documents_size
    if size > most:
        what = f"the json of all layers is more than the {plural(most, 'byte')} allowed"
        raise LimitError(what, "documents-size", where=container.where)


class _Chains:
    """Follows parents from the top layers. It reads the document of each layer once.

    LimitError: all of them are larger than documents may be.
    """

    def __init__(self, container: Container, graph: GraphReader) -> None:
        self._container, self._graph = container, graph
        self._parents: dict[str, tuple[str | None, bool]] = {}
        self._named: dict[int, list[ByteSource | None]] = {}
        self._whole: dict[int, bool] = {}
        self._steps = container.limits.members  # many names may lead to one long chain
        self._size = 0

    def hold(self, top: str, image: Image) -> None:
        """Compare a top layer and its parents with the layers of an image."""
        layer: str | None = top
        chain: list[str] = []
        while layer is not None and len(chain) <= len(image.layers):
            self._steps -= 1
            if layer not in self._parents:
                self._parents[layer] = self._parent(layer)
            parent, known = self._parents[layer]
            if not known or self._steps < 0:
                return
            chain.append(layer)
            layer = parent
        sources = [self._container.get(f"{one}/layer.tar") for one in reversed(chain)]
        if id(image) not in self._named:
            self._named[id(image)] = [one.source for one in image.layers]
            self._whole[id(image)] = None not in self._named[id(image)]
        if self._whole[id(image)] and None not in sources and sources != self._named[id(image)]:
            what = "the parents of the top layer are other layers than manifest.json lists"
            self._graph.flaw(_RULE, what, f"{self._container.where}: {top}/json", top)

    def _parent(self, layer: str) -> tuple[str | None, bool]:
        """Return a layer's parent, and whether it is known."""
        name = f"{layer}/json"
        where = f"{self._container.where}: {name}"
        source = self._container.get(name)
        if source is None or source.size > JSON_SIZE:
            return None, False
        self._size += source.size
        require_room(self._size, self._container)
        try:
            members = documents.parse(b"".join(source.chunks()), where, limit=JSON_SIZE, surrogates=True).members
        except documents.DocumentError as error:
            self._graph.flaw(_RULE, error.what, where, layer)
            return None, False
        told, parent = members.get("id", layer), members.get("parent") or None
        if told != layer:
            what = "a layer's id is another than that of its folder"
            self._graph.flaw(_RULE, what, where, layer, layer, clipped(str(told), 80))
        elif parent is not None and (not isinstance(parent, str) or self._container.get(f"{parent}/json") is None):
            self._graph.flaw(
                _RULE, "a layer's parent is not in the archive", where, layer, None, clipped(str(parent), 80)
            )
        else:
            return parent, True
        return None, False
