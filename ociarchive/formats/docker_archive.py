"""Tarballs of `docker save`, in every shape it and others gave them.

The entry document is manifest.json (image-spec of Docker, v1.2, Combined Image JSON + Filesystem Changeset Format):
config, layers in order and names of each image. From Docker 25 on the tar is an OCI layout as well. Then the layout
is authoritative, and manifest.json adds what it lacks. We write both. apko writes an index.json without a layout.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from ociarchive import documents, schema
from ociarchive.container.names import normal
from ociarchive.errors import ContentError, UsageError, plural
from ociarchive.extent import require_listable
from ociarchive.formats import _delta, _layout, _links, _loaded, _named, _refusals, _sources, _v1, _v1_saved
from ociarchive.formats.format import Format, LeftOut
from ociarchive.graph import GraphReader
from ociarchive.model import Archive, Blob, Image, Root, images, nodes, parts
from ociarchive.schema import Malformed
from ociarchive.schema.kinds import STRINGS
from ociarchive.values import Digest, Reference, type_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ociarchive.blobio.limits import Limits
    from ociarchive.blobio.source import ByteSource
    from ociarchive.container import Container
    from ociarchive.formats.format import Content
    from ociarchive.model import LayerSource, Stored
    from ociarchive.values import JSON

_NAME: Final = "docker-archive"
_MANIFEST: Final = "manifest.json"
#: How producers name a config after its digest: docker, podman and skopeo; crane; docker from 25 on.
_CONFIG_NAME: Final = re.compile(r"(?:(?:.*/)?|sha256:|blobs/sha256/)([0-9a-f]{64})(?:\.json)?\Z")
#: Producers' names for configs and layers that manifest.json does not name.
_OWN: Final = re.compile(
    r"manifest\.json|repositories|(?:sha256:)?[0-9a-f]{64}(?:\.json|\.tar|\.tar\.gz)?"
    r"|[0-9a-f]{64}/(?:json|VERSION|layer\.tar)?"
)


class DockerReader:
    """Reads a tar with a manifest.json, or an unpacked one."""

    documents: Final = (_MANIFEST, _layout.INDEX, _layout.MARKER)
    marker: Final = _MANIFEST

    def owns(self, name: str) -> bool:
        """The files of a layout, and those of Docker before 25 and podman. manifest.json may name more."""
        return _layout.owns(name) or _OWN.fullmatch(name) is not None

    def probe(self, container: Container) -> bool:
        """A manifest.json that is an array (in a tar any but a dir's), or what Docker before 1.10 wrote."""
        source = container.get(_MANIFEST)
        if source is not None:
            first = _layout.first_of(source)
            if container.kind == "tar":
                return first != b"{" or container.get("version") is None
            return first == b"[" or (first != b"{" and container.get("version") is None)
        return not _layout.has_layout(container) and _v1_saved.holds_one(container)

    def read(self, container: Container) -> Archive:
        """Return the graph below index.json, if there is one, and manifest.json."""
        if container.get(_MANIFEST) is None:
            return _saved_before(container)
        graph = GraphReader(_places(container), container.where, container.limits)
        delta = _delta.read(container, graph)
        told: list[LayerSource] = []
        listed = list(_entries(container, graph, told))
        entry, roots = _index(container, graph)
        if roots is not None:
            require_listable(roots, container.limits, container.where)  # names of roots are held against their images
            roots = tuple(_join(roots, listed, graph, container.where))
        else:
            roots = _distinct(listed)
        _v1.check(container, listed, graph)
        _links.check(container, _MANIFEST, listed, graph)
        stored = tuple(_blobs(container, listed, graph))
        return Archive(
            format=_NAME,
            origin=container,
            roots=roots,
            flaws=graph.flaws,
            incomplete=graph.incomplete or container.damaged,
            stored=stored,
            entry=entry if entry and roots else None,
            beside=_v1.kept_beside(roots, listed, stored, container.limits),
            layer_sources=tuple(told),
            facts=graph.facts,
            delta=delta,
        )


class DockerLayout:
    """Where a docker-archive keeps its files: as in a layout, with a manifest.json beside index.json.

    Docker before 23 reads no zstd layers. A layer of `docker save` stays plain, as Docker itself writes it.
    """

    kind: Final = "tar"
    keeps_plain: Final = True
    takes_zstd: Final = False
    takes_deltas: Final = True
    finds_chains: Final = True
    keeps_beside: Final = False
    takes_docker_types: Final = True

    def admit(self, content: Content) -> tuple[Content, list[LeftOut]]:
        """Everything fits, except a content that has only artifacts: no engine loads it."""
        if next(images(content.roots), None) is None:
            raise _loaded.no_image(content)
        owners: dict[Reference, object] = {}
        for root in content.roots:
            for name in root.names:
                if owners.setdefault(name, root.identity) != root.identity:
                    raise UsageError(f"two images have the name {name}", hint="select one by its digest")
        left = [LeftOut(what=extra.name, why="a docker-archive has no place for it") for extra in content.extras]
        roots, names = _loaded.admit(content.roots)
        return replace(content, roots=roots, extras=()), [*left, *names]

    def refused(self, roots: Sequence[Root], outer: str) -> Iterator[str]:
        """Foreign layers that are not here, too many layers, and gzip around the whole."""
        yield from _refusals.foreign_in_docker_archive(roots)
        yield from _refusals.deep(roots)
        yield from _refusals.outer_gzip(outer)

    def blob_path(self, digest: Digest) -> str:
        """As a layout."""
        return _layout.blob_path(digest)

    def document_path(self, digest: Digest, *, root: bool) -> str:
        """As a layout."""
        del root
        return _layout.blob_path(digest)

    def require_few(self, content: Content, limits: Limits) -> None:
        """Check the size of index.json. manifest.json lists the layers of few images, and the audit checks it."""
        _layout.require_readable(content, limits, everywhere=True)

    def metadata(self, content: Content) -> Iterator[tuple[str, bytes]]:
        """oci-layout and index.json for engines that read layouts, manifest.json for all others."""
        yield _layout.marker()
        if content.delta is not None:
            yield _delta.NAME, content.delta
        yield _layout.INDEX, _layout.index_json(content, everywhere=True)
        yield _MANIFEST, documents.dump(list(_loaded.manifest_json(content)))


# Reading


def _places(container: Container) -> Callable[[Digest], ByteSource | None]:
    """Return what finds the blobs that index.json leads to.

    apko adds an index.json to the tar that go-containerregistry writes, and no layout: a manifest has its digest for a
    name, as a config has (pkg/build/oci/index.go; go-containerregistry, pkg/v1/tarball).
    """
    if _layout.has_marks(container):
        return lambda digest: container.get(_layout.blob_path(digest))
    return lambda digest: container.get(str(digest)) or container.get(f"{digest.hex}.tar.gz")


def _saved_before(container: Container) -> Archive:
    """Return the graph of a `docker save` of before Docker 1.10, which has no manifest.json."""
    graph = _layout.reader(container)
    roots = tuple(_v1_saved.read(container, graph))
    return Archive(
        format=_NAME,
        origin=container,
        roots=roots,
        flaws=graph.flaws,
        incomplete=graph.incomplete or container.damaged,
        facts=graph.facts,
    )


def _entries(container: Container, graph: GraphReader, told: list[LayerSource]) -> Iterator[Root]:
    """Give a root for each entry of manifest.json; what LayerSources say of layers is added to `told`."""
    where = f"{container.where}: {_MANIFEST}"
    try:
        found = _layout.load(container, _MANIFEST, graph)
        value = found.value if found else None
        if not isinstance(value, list):
            raise Malformed("manifest.json has the wrong type", expected="an array", found=type_name(value))
        if not value:
            graph.flaw("index-empty", "manifest.json lists nothing", where, _MANIFEST)
    except (ContentError, Malformed) as error:
        graph.failed(error, where, _MANIFEST)
        return
    for number, entry in enumerate(value):
        pointer = f"/{number}"
        try:
            members = _members(schema.object_in(entry, "an entry of manifest.json", pointer), pointer)
            root = _entry(members, container, graph, f"{where}#{pointer}", pointer)
        except (ContentError, Malformed) as error:
            graph.failed(error, where, _MANIFEST)
            continue
        if root is not None and isinstance(root.node, Image):
            spelled = members.get("layersources")
            told += _sources.read(spelled, root.node, container, graph, f"{where}#{pointer}/LayerSources")
            yield root


def _members(entry: dict[str, JSON], pointer: str) -> dict[str, JSON]:
    """Return the members by lower-case keys. Go ignores the case of keys, so engines accept what jib writes."""
    members = {documents.folded(key): item for key, item in entry.items()}
    if len(members) != len(entry):
        counts = Counter(map(documents.folded, entry))
        spelled = sorted(key for key in entry if counts[documents.folded(key)] > 1)
        raise Malformed(
            "keys differ in case alone: readers disagree which counts", pointer, "key-case",
            expected="one key", found=" and ".join(repr(key[:80]) for key in spelled[:2]),
        )  # fmt: skip
    return members


def _texts(members: dict[str, JSON], key: str, pointer: str) -> list[str]:
    """Return the strings of an array, none where it is absent or null. Malformed: it is something else."""
    value = members.get(key.lower())
    if value is not None and (found := STRINGS.unlike(value)) is not None:
        raise Malformed(f"{key} {STRINGS.says}", f"{pointer}/{key}", expected=STRINGS.expected, found=found)
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _entry(members: dict[str, JSON], container: Container, graph: GraphReader, where: str, pointer: str) -> Root | None:
    """Return the root of an entry, None where it has too many layers. Malformed: the entry cannot be read."""
    config = members.get("config")
    if not isinstance(config, str) or not config:
        says = "is not there" if config is None else "is empty" if config == "" else "has the wrong type"
        found = schema.found_in(members, "config")
        raise Malformed(f"Config {says}", f"{pointer}/Config", expected="the name of a member", found=found)
    layers, tags = _texts(members, "Layers", pointer), _texts(members, "RepoTags", pointer)
    nameless = [number for number, name in enumerate(layers) if not name]
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
    if len(layers) > container.limits.layers:
        limit = f"--limit layers=N lifts the limit of {container.limits.layers}"
        what = f"an image has {plural(len(layers), 'layer')}, {limit}"
        graph.flaw("limit-layers", what, where, _MANIFEST)
        return None
    names = []
    for tag in tags:
        name = Reference.maybe(tag)
        if name:
            names.append(name)
        if name is None or not _has_tag(tag):
            what = "a RepoTag is no image name" if name is None else "a RepoTag has no tag, and loaders refuse it"
            graph.flaw("reference-malformed", what, f"{where}/RepoTags", tag[:200], "NAME:TAG", repr(tag[:80]))
    image = graph.image_of(blob, tuple((None, container.get(name), name) for name in layers))
    return Root(descriptor=None, node=image, names=tuple(dict.fromkeys(names)))


def _blobs(container: Container, listed: Sequence[Root], graph: GraphReader) -> Iterator[Stored]:
    """Give the files among the blobs, but those that manifest.json names and whose name is no digest (rules_oci)."""
    led_to = {part.source for node in nodes(listed) for part in parts(node)}
    for one in _layout.stored(container, graph):
        if one.digest is not None or one.source not in led_to:
            yield one


def _has_tag(text: str) -> bool:
    """Whether an image name has a tag of its own, or a digest (moby, image/tarexport/load.go: `invalid tag`)."""
    return "@" in text or ":" in text.rpartition("/")[2]


def _distinct(listed: list[Root]) -> tuple[Root, ...]:
    """Join entries of the same image, so that one root has all its names."""
    merged: dict[tuple[object, ...], tuple[Root, dict[Reference, None]]] = {}
    for root in listed:
        image = root.node
        if not isinstance(image, Image):
            continue
        key = (image.config.source, *(layer.source or layer.name for layer in image.layers))
        _, names = merged.setdefault(key, (root, {}))
        names.update(dict.fromkeys(root.names))
    return tuple(Root(descriptor=None, node=root.node, names=tuple(names)) for root, names in merged.values())


def _index(container: Container, graph: GraphReader) -> tuple[documents.Document | None, tuple[Root, ...] | None]:
    """Return index.json and its roots. No roots: it is absent, or lists none beside a good manifest.json."""
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
    if _layout.has_marks(container):
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
            if not graph.incomplete:  # else the unreadable part of the index may name it
                what = (
                    "a config that is not here" if image.config.source is None else "an image that index.json does not"
                )
                graph.flaw("hybrid-disagrees", f"manifest.json names {what}", f"{where}: {_MANIFEST}", entry.label)
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
    """What has an image of one ID: the number of the `first` root, the nodes and names of all roots, and the layers.

    It is kept by ID because both documents may name very many images, and comparing every pair would take too long.
    """

    first: int
    nodes: set[int] = field(default_factory=set)
    names: set[Reference] = field(default_factory=set)
    layers: set[tuple[ByteSource | None, ...]] = field(default_factory=set)


def _holders(roots: tuple[Root, ...]) -> dict[object, _Holders]:
    """Return what has images, by their IDs and by their configs' names in a layout."""
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


DOCKER_ARCHIVE: Final = Format(
    name=_NAME, reader=DockerReader(), layout=DockerLayout(), refuses=_named.refuses, transport=_NAME, scopes="none"
)
