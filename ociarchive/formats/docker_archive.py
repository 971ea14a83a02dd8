"""Tarballs of `docker save`, in every shape it and others gave them since Docker 1.10.

The entry document is manifest.json (image-spec of Docker, v1.2, Combined Image JSON + Filesystem Changeset Format):
config, layers in order and names of each image. From Docker 25 on the tar is an OCI layout as well, which then is the
truth, and manifest.json adds what it lacks. We write both.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal

from ociarchive import documents
from ociarchive.container.tar import normal
from ociarchive.errors import ContentError, UsageError
from ociarchive.formats import _layout, _loaded, _v1
from ociarchive.model import Archive, Blob, Image, Root, images
from ociarchive.values import Descriptor, Digest, Reference, type_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.bytes.source import ByteSource
    from ociarchive.container import Container
    from ociarchive.formats.base import Content
    from ociarchive.graph import GraphReader
    from ociarchive.values import JSON

_MANIFEST: Final = "manifest.json"
#: How producers name a config after its digest: docker, podman and skopeo; crane; docker from 25 on.
_CONFIG_NAME: Final = re.compile(r"(?:(?:.*/)?|sha256:|blobs/sha256/)([0-9a-f]{64})(?:\.json)?\Z")
#: What producers call configs and layers beside what manifest.json names.
_OWN: Final = re.compile(
    r"manifest\.json|repositories|(?:sha256:)?[0-9a-f]{64}(?:\.json|\.tar|\.tar\.gz)?"
    r"|[0-9a-f]{64}/(?:json|VERSION|layer\.tar)?"
)


@dataclass(frozen=True, slots=True)
class DockerArchive:
    """A tar with a manifest.json, or an unpacked one."""

    name: str = "docker-archive"
    kind: Literal["tar"] = "tar"

    def owns(self, name: str) -> bool:
        """What a layout is made of, and what Docker before 25 and podman write; manifest.json may name more."""
        return _layout.owns(name) or _OWN.fullmatch(name) is not None

    def probe(self, container: Container) -> bool:
        """A manifest.json that is an array (any in a tar), or the `repositories` of Docker before 1.10."""
        source = container.get(_MANIFEST)
        if source is not None:
            first = source.head(64).lstrip()[:1]
            return first == b"[" or container.kind == "tar" or (first != b"{" and container.get("version") is None)
        return container.get(_v1.NAME) is not None and not _layout.has_layout(container)

    def read(self, container: Container) -> Archive:
        """Return the graph below index.json, if there is one, and manifest.json."""
        if container.get(_MANIFEST) is None:
            raise ContentError(
                "this is a `docker save` of before Docker 1.10 (repositories without manifest.json), which names no"
                " digests",
                where=container.where,
                hint="load it into a current Docker and save it again",
            )
        graph = _layout.reader(container)
        listed = list(_entries(container, graph))
        entry, roots = _index(container, graph)
        roots = tuple(_join(roots, listed, graph, container.where)) if roots is not None else _distinct(listed)
        _v1.check(container, listed, graph)
        stored = _layout.stored(container, graph)
        return Archive(
            format=self.name,
            container=container,
            roots=roots,
            flaws=graph.flaws,
            incomplete=graph.incomplete or container.damaged,
            stored=stored,
            entry=entry if entry and roots else None,
            beside=_v1.kept_beside(roots, listed, stored),
        )

    def admit(self, content: Content) -> tuple[Content, list[str]]:
        """Everything fits but artifacts alone, which no engine loads."""
        if next(images(content.roots), None) is None:
            raise _loaded.no_image(content)
        owners: dict[Reference, object] = {}
        for root in content.roots:
            for name in root.names:
                if owners.setdefault(name, root.identity) != root.identity:
                    raise UsageError(f"two images have the name {name}", hint="select one by its digest")
        left = [f"{extra.name}: a docker-archive has no place for it" for extra in content.extras]
        roots, names = _loaded.admit(content.roots)
        return replace(content, roots=roots, extras=()), [*left, *names]

    def blob_path(self, digest: Digest) -> str:
        """As a layout."""
        return _layout.blob_path(digest)

    def document_path(self, digest: Digest, *, root: bool) -> str:
        """As a layout."""
        del root
        return _layout.blob_path(digest)

    def metadata(self, content: Content) -> Iterator[tuple[str, bytes]]:
        """oci-layout and index.json for engines that read layouts, manifest.json for all others."""
        yield _layout.marker()
        yield _layout.INDEX, _layout.index_json(content, everywhere=True)
        yield _MANIFEST, documents.dump(list(_loaded.manifest_json(content)))


# Reading


def _entries(container: Container, graph: GraphReader) -> Iterator[Root]:
    """Give a root for each entry of manifest.json."""
    where = f"{container.where}: {_MANIFEST}"
    try:
        found = _layout.load(container, _MANIFEST, graph)
        value = found.value if found else None
        if not isinstance(value, list):
            graph.incomplete = True
            graph.flaw("schema", f"manifest.json is an array, not {type_name(value)}", where, _MANIFEST)
            return
        if not value:
            graph.flaw("index-empty", "manifest.json lists nothing", where, _MANIFEST)
        for number, entry in enumerate(value):
            root = _entry(entry, container, graph, f"{where}#/{number}")
            if root:
                yield root
    except ContentError as error:
        graph.failed(error, where, _MANIFEST)


def _entry(value: JSON, container: Container, graph: GraphReader, where: str) -> Root | None:
    if not isinstance(value, dict):
        graph.incomplete = True
        graph.flaw("schema", f"an entry is an object, not {type_name(value)}", where, _MANIFEST)
        return None
    # Go finds keys without regard to case, so engines take what jib writes.
    members = {key.lower(): item for key, item in value.items()}
    if len(members) != len(value):
        graph.flaw("key-case", "keys differ in case alone: readers disagree which counts", where, _MANIFEST)
        graph.incomplete = True
        return None
    config, layers, tags = members.get("config"), members.get("layers"), members.get("repotags")
    layers, tags = layers if layers is not None else [], tags if tags is not None else []
    if not isinstance(config, str) or not config:
        graph.incomplete = True
        graph.flaw("schema", f"Config is the name of a member, not {type_name(config)}", f"{where}/Config", _MANIFEST)
        return None
    for key, listed in (("Layers", layers), ("RepoTags", tags)):
        if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
            graph.incomplete = True
            graph.flaw("schema", f"{key} is an array of strings", f"{where}/{key}", _MANIFEST)
            return None
    nameless = [number for number, name in enumerate(_strings(layers)) if not name]
    for number in nameless:
        graph.incomplete = True
        graph.flaw(
            "schema", "a layer without a name", f"{where}/Layers/{number}", _MANIFEST,
            "the name of a member", "an empty string",
        )  # fmt: skip
    if nameless:
        return None
    named = _CONFIG_NAME.match(config)
    blob = Blob(
        descriptor=None,
        source=container.get(config),
        name=config,
        named=Digest("sha256", named[1]) if named else None,
    )
    if isinstance(layers, list) and len(layers) > container.limits.layers:
        what = f"an image has {len(layers)} layers, --limit layers=N lifts the limit of {container.limits.layers}"
        graph.flaw("limit-layers", what, where, _MANIFEST)
        return None
    found = tuple((None, container.get(str(name)), str(name)) for name in _strings(layers))
    names = []
    for tag in _strings(tags):
        name = Reference.maybe(tag)
        if name:
            names.append(name)
        else:
            graph.flaw("reference-malformed", f"RepoTag {tag[:80]!r} is no image name", f"{where}/RepoTags", tag[:200])
    image = graph.image_of(blob, found)
    if members.get("layersources") is not None:
        _check_layer_sources(members["layersources"], image, container, graph, f"{where}/LayerSources")
    return Root(descriptor=None, node=image, names=tuple(dict.fromkeys(names)))


def _check_layer_sources(value: JSON, image: Image, container: Container, graph: GraphReader, where: str) -> None:
    """Note where LayerSources (Docker from 25 on: diff_id to descriptor) speaks of other layers than Layers."""
    if not isinstance(value, dict):
        graph.flaw("schema", f"LayerSources is an object, not {type_name(value)}", where, _MANIFEST)
        return
    if image.config_document is None:
        return  # the layers' diff_ids are not known
    by_diff_id = {str(layer.diff_id): layer for layer in image.layers}
    for diff_id, entry in value.items():
        try:
            descriptor = Descriptor.parse(entry)
        except ValueError as error:
            graph.flaw("schema", str(error), f"{where}/{diff_id[:80]}", _MANIFEST)
            continue
        layer = by_diff_id.get(diff_id)
        stored = container.get(_layout.blob_path(descriptor.digest))
        if layer is None:
            graph.flaw("layer-sources-mismatch", "LayerSources names a diff_id that no layer has", where, diff_id[:200])
        elif stored is not None and layer.source is not None and stored != layer.source:
            what = "LayerSources and Layers name different blobs for a layer"
            graph.flaw("layer-sources-mismatch", what, where, diff_id, layer.name, str(descriptor.digest))
        elif layer.source is not None and descriptor.size != layer.source.size:
            graph.flaw(
                "layer-sources-mismatch", "LayerSources gives a layer another size than it has", where, diff_id,
                f"{descriptor.size} bytes", f"{layer.source.size} bytes",
            )  # fmt: skip


def _strings(value: JSON) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _distinct(listed: list[Root]) -> tuple[Root, ...]:
    """Join entries that name the same image, so that it has all its names in one place."""
    merged: dict[tuple[object, ...], Root] = {}
    for root in listed:
        image = root.node
        if not isinstance(image, Image):
            continue
        key = (image.config.source, *(layer.source or layer.name for layer in image.layers))
        known = merged.get(key)
        names = (*known.names, *root.names) if known else root.names
        node = known.node if known else root.node
        merged[key] = Root(descriptor=None, node=node, names=tuple(dict.fromkeys(names)))
    return tuple(merged.values())


def _index(container: Container, graph: GraphReader) -> tuple[documents.Document | None, tuple[Root, ...] | None]:
    """Return index.json and its roots; no roots where it is not there or lists none beside a good manifest.json."""
    where = f"{container.where}: {_layout.INDEX}"
    try:
        found = _layout.load(container, _layout.INDEX, graph)
    except ContentError as error:
        graph.failed(error, where, _layout.INDEX)
        return None, None
    if found is None:
        return None, None
    if "manifests" in found.members and found.members["manifests"] is None:
        graph.flaw("index-without-manifests", "index.json lists nothing, manifest.json does", where, _layout.INDEX)
        return None, None
    roots = _layout.read_index(found, graph, where)
    _layout.marker_flaws(container, graph)
    return found, roots or None


def _join(roots: tuple[Root, ...], listed: list[Root], graph: GraphReader, where: str) -> Iterator[Root]:
    """Give the roots of index.json, with the names that manifest.json alone gives them."""
    holders = _holders(roots)
    owners = {name: root for root in roots for name in root.names}
    extra: dict[int, list[Reference]] = {}
    for entry in listed:
        image = entry.node
        if not isinstance(image, Image):
            continue
        held = [holders[key] for key in (image.image_id, normal(image.config.name)) if key in holders]
        if not held:
            if not graph.incomplete:  # else the index may name it where it cannot be read
                missing = "names a config that is not here" if image.config.source is None else "names an image"
                what = (
                    f"manifest.json {missing} that index.json does not"
                    if image.config.source
                    else f"manifest.json {missing}"
                )
                graph.flaw("hybrid-disagrees", what, f"{where}: {_MANIFEST}", entry.label)
            continue
        if not any(_layers(image) in one.layers for one in held):
            graph.flaw(
                "hybrid-disagrees", "manifest.json and index.json name different layers for an image",
                f"{where}: {_MANIFEST}",
                entry.label,
            )  # fmt: skip
        for name in entry.names:
            owner = owners.get(name)
            if owner is None:
                extra.setdefault(id(roots[min(one.first for one in held)]), []).append(name)
            elif not any(id(owner.node) in one.nodes or name in one.names for one in held):
                graph.flaw(
                    "hybrid-disagrees", f"manifest.json and index.json give the name {name} to different images",
                    f"{where}: {_MANIFEST}", str(name),
                )  # fmt: skip
    for root in roots:
        added = tuple(dict.fromkeys(extra.get(id(root), ())))
        yield replace(root, names=(*root.names, *added)) if added else root


@dataclass(slots=True)
class _Holders:
    """What holds an image of one ID: the number of the `first` root, all roots' nodes and names, the images' layers.

    Kept by ID, since both documents may name as many images as fit, and every pair of them is too many to look at.
    """

    first: int
    nodes: set[int] = field(default_factory=set)
    names: set[Reference] = field(default_factory=set)
    layers: set[tuple[ByteSource | None, ...]] = field(default_factory=set)


def _holders(roots: tuple[Root, ...]) -> dict[object, _Holders]:
    """Return what holds images, by their IDs and by the names that their configs have in a layout."""
    alike: dict[int, list[int]] = {}
    for number, root in enumerate(roots):
        alike.setdefault(id(root.node), []).append(number)
    found: dict[object, _Holders] = {}
    for numbers in alike.values():
        names = {name for number in numbers for name in roots[number].names}
        for image in images([roots[numbers[0]]]):
            keys: set[object] = {image.image_id}
            if image.config.descriptor is not None:
                keys.add(_layout.blob_path(image.config.descriptor.digest))
            for key in keys - {None}:
                one = found.setdefault(key, _Holders(numbers[0]))
                one.first = min(one.first, numbers[0])
                one.nodes.add(id(roots[numbers[0]].node))
                one.names |= names
                one.layers.add(_layers(image))
    return found


def _layers(image: Image) -> tuple[ByteSource | None, ...]:
    return tuple(layer.source for layer in image.layers)


DOCKER_ARCHIVE = DockerArchive()
