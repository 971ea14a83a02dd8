"""The folder a registry server keeps its data in, its `rootdirectory` (distribution, registry/storage/paths.go).

Blobs lie once for all repositories; a repository is a tree of links, each a file that holds a digest.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from ociarchive.bytes.source import read_all
from ociarchive.errors import ContentError, UsageError
from ociarchive.formats import _layout
from ociarchive.graph import GraphReader
from ociarchive.model import Archive, Missing, Root, Stored, parts, walk
from ociarchive.values import Descriptor, Digest, Reference

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.container import Container
    from ociarchive.formats.base import Content

_ROOT: Final = "docker/registry/v2/"
_BLOBS: Final = f"{_ROOT}blobs/"
_REPOSITORIES: Final = f"{_ROOT}repositories/"
_MANIFESTS: Final = "/_manifests/"
#: A link is a digest and nothing else; sha512 makes the longest that is registered.
_MAX_LINK: Final = 256


@dataclass(frozen=True, slots=True)
class RegistryStorage:
    """All repositories of a registry that stands still."""

    name: str = "registry-storage"
    kind: Literal["directory"] = "directory"

    def probe(self, container: Container) -> bool:
        """A folder with a registry's tree in it."""
        return container.kind == "directory" and next(iter(container.names(_ROOT)), None) is not None

    def read(self, container: Container) -> Archive:
        """Return a root for each tag, and for each manifest without one that refers to another."""
        graph = GraphReader(lambda digest: container.get(self.blob_path(digest)), container.where, container.limits)
        described = _Described(container, graph)
        roots: list[Root] = []
        revisions: dict[Digest, str] = {}
        for name in sorted(container.names(_REPOSITORIES)):
            repository, manifests, rest = name.removeprefix(_REPOSITORIES).partition(_MANIFESTS)
            if not manifests:
                continue
            parts_of_name = rest.split("/")
            if parts_of_name[0] == "tags" and parts_of_name[2:] == ["current", "link"]:
                root = _tagged(container, graph, name, f"{repository}:{parts_of_name[1]}", described)
                if root:
                    roots.append(root)
            elif parts_of_name[0] == "revisions" and (digest := _link(container, graph, name)):
                revisions.setdefault(digest, name)
        reached = {edge.descriptor.digest for edge in walk(roots) if edge.descriptor}
        beside: set[Digest] = set()
        for digest, name in revisions.items():
            if digest not in reached:
                roots.extend(_untagged(described.of(digest), graph, f"{container.where}: {name}", beside))
        return Archive(
            format=self.name,
            container=container,
            roots=tuple(roots),
            flaws=graph.flaws,
            beside=frozenset(beside),
            incomplete=graph.incomplete or container.damaged,
            stored=tuple(_stored(container)),
        )

    def admit(self, content: Content) -> tuple[Content, list[str]]:
        """Everything that has a name, or refers to what has one. UsageError: something has no place of its own."""
        owners: dict[str, Root] = {}
        for root in content.roots:
            for name in root.names:
                place = f"{name.path}:{name.tag}" if name.tag else name.path
                owner = owners.setdefault(place, root)
                if owner.node is not root.node:
                    raise UsageError(f"two images would have the name {place} in a registry", hint="select one")
        homes = _homes(content)
        for number, root in enumerate(content.roots):
            if number not in homes:
                raise UsageError(f"{root.label} has no name to store it under", hint="give it one with --tag")
        left = [f"{extra.name}: a registry has no place for it" for extra in content.extras]
        hosts = {name.host for root in content.roots for name in root.names} - {"docker.io"}
        left += [f"host {host}: a registry has none in its paths" for host in sorted(hosts)]
        return replace(content, extras=()), left

    def blob_path(self, digest: Digest) -> str:
        """`blobs/<algorithm>/<two digits>/<hex>/data`."""
        return f"{_BLOBS}{digest.algorithm}/{digest.hex[:2]}/{digest.hex}/data"

    def document_path(self, digest: Digest, *, root: bool) -> str:
        """Manifests are blobs like all others."""
        del root
        return self.blob_path(digest)

    def metadata(self, content: Content) -> Iterator[tuple[str, bytes]]:
        """The links of every repository; those of its tags last."""
        homes = _homes(content)
        links: dict[str, bytes] = {}
        tags: dict[str, bytes] = {}
        for number, root in enumerate(content.roots):
            for repository in homes.get(number, ()):
                base = f"{_REPOSITORIES}{repository}"
                for edge in walk([root]):
                    if edge.descriptor is None or isinstance(edge.node, Missing):
                        continue
                    links[f"{base}/_manifests/revisions/{_path(edge.descriptor.digest)}/link"] = _text(edge.descriptor)
                    for part in parts(edge.node):
                        if part.descriptor is not None and part.source is not None:
                            links[f"{base}/_layers/{_path(part.descriptor.digest)}/link"] = _text(part.descriptor)
            for name in root.names:
                if name.tag and root.descriptor is not None:
                    base = f"{_REPOSITORIES}{name.path}/_manifests/tags/{name.tag}"
                    tags[f"{base}/index/{_path(root.descriptor.digest)}/link"] = _text(root.descriptor)
                    tags[f"{base}/current/link"] = _text(root.descriptor)
        yield from links.items()
        yield from tags.items()


def _path(digest: Digest) -> str:
    return f"{digest.algorithm}/{digest.hex}"


def _text(descriptor: Descriptor) -> bytes:
    return str(descriptor.digest).encode()


def _homes(content: Content) -> dict[int, list[str]]:
    """Return the repositories that each root belongs to: those of its names, else those of what it refers to."""
    homes: dict[int, list[str]] = {}
    owners: dict[Digest, list[str]] = {}
    for number, root in enumerate(content.roots):
        if root.names:
            homes[number] = list(dict.fromkeys(name.path for name in root.names))
            for edge in walk([root]):
                if edge.descriptor is not None:
                    owners[edge.descriptor.digest] = homes[number]
    waiting = deque(number for number in range(len(content.roots)) if number not in homes)
    by_subject: dict[Digest, list[int]] = {}
    for number in waiting:
        for digest in content.roots[number].subjects:
            by_subject.setdefault(digest, []).append(number)
    while waiting:
        number = waiting.popleft()
        root = content.roots[number]
        owner = next((owners[digest] for digest in sorted(root.subjects) if digest in owners), None)
        if owner is None or number in homes:
            continue
        homes[number] = owner
        if root.descriptor is not None:
            owners[root.descriptor.digest] = owner
            waiting.extend(by_subject.get(root.descriptor.digest, ()))
    return homes


def _link(container: Container, graph: GraphReader, name: str) -> Digest | None:
    source = container.get(name)
    if source is None:
        return None
    try:
        return Digest.parse(read_all(source, _MAX_LINK).decode("ascii"))
    except (ContentError, ValueError) as error:
        graph.flaw("schema", f"link is no digest: {error}", source.where, name)
        return None


class _Described:
    """Descriptors of manifests that only their digests name. Each manifest is read once, however many tags it has."""

    def __init__(self, container: Container, graph: GraphReader) -> None:
        self._container, self._graph = container, graph
        self._made: dict[Digest, Descriptor] = {}

    def of(self, digest: Digest) -> Descriptor:
        """Return the descriptor of a manifest; its media type stands in it."""
        if digest not in self._made:
            self._made[digest] = self._make(digest)
        return self._made[digest]

    def _make(self, digest: Digest) -> Descriptor:
        source = self._container.get(REGISTRY_STORAGE.blob_path(digest))
        if source is None:
            return Descriptor.make("", digest, 0)
        try:
            document = self._graph.read_document(source, self._container.limits.manifest_size)
        except ContentError:
            return Descriptor.make("", digest, source.size)
        return Descriptor.make(_layout.media_type_of(document), digest, source.size)


def _tagged(container: Container, graph: GraphReader, name: str, told: str, described: _Described) -> Root | None:
    digest = _link(container, graph, name)
    if digest is None:
        return None
    descriptor = described.of(digest)
    reference = Reference.maybe(told)
    if reference is None:
        where = f"{container.where}: {name}"
        graph.flaw("reference-malformed", f"tag {told[:80]!r} is no image name", where, told[:200])
    return Root(descriptor=descriptor, node=graph.node(descriptor), names=(reference,) if reference else ())


def _untagged(descriptor: Descriptor, graph: GraphReader, where: str, beside: set[Digest]) -> Iterator[Root]:
    node = graph.node(descriptor)
    if not isinstance(node, Missing) and node.subject is not None:
        yield Root(descriptor=descriptor, node=node)
    else:
        for edge in walk([Root(descriptor=descriptor, node=node)]):
            held = [part.descriptor for part in parts(edge.node) if part.descriptor is not None]
            beside.update(one.digest for one in (edge.descriptor, *held) if one is not None)
        graph.flaw("manifest-untagged", "a manifest without a tag; it is not taken along", where, descriptor.digest)


def _stored(container: Container) -> Iterator[Stored]:
    for number, name in enumerate(container.names(_BLOBS), 1):
        _layout.require_few(number, container)
        algorithm, _, rest = name.removeprefix(_BLOBS).partition("/")
        encoded = rest.removesuffix("/data").rpartition("/")[2]
        yield Stored(name=name, digest=Digest.maybe(f"{algorithm}:{encoded}"), source=container.get(name))


REGISTRY_STORAGE = RegistryStorage()
