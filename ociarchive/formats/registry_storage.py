"""The folder a registry server keeps its data in, its `rootdirectory` (distribution, registry/storage/paths.go).

All repositories share the blobs. A repository is a tree of links, and each link is a file that holds a digest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ociarchive.blobio.limits import LimitError
from ociarchive.errors import ContentError, UsageError, clipped, plural
from ociarchive.extent import extent, require_listable
from ociarchive.formats import _cosign, _entries, _layout, _refusals, _registry_referrers
from ociarchive.formats._registry_homes import FEWER, findable, homes_of
from ociarchive.formats._registry_links import (
    BLOBS,
    CURRENT,
    FOR_A_LINE,
    MANIFESTS,
    REPOSITORIES,
    ROOT,
    TAGS,
    Links,
    blob_path,
    layer_link,
    link_text,
    revision_link,
    tag_links,
)
from ociarchive.formats.format import Format, Growth, LeftOut, without_host
from ociarchive.graph import GraphReader
from ociarchive.model import Archive, Artifact, Missing, Root, Stored, parts, walk
from ociarchive.referrers import following
from ociarchive.values import DEFAULT_HOST, Descriptor, Digest, Reference

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ociarchive.blobio.limits import Limits
    from ociarchive.container import Container
    from ociarchive.formats.format import Content

_NAME: Final = "registry-storage"
_REVISIONS: Final = f"{MANIFESTS}revisions/"
_UNTAGGED: Final = "its name has none; the registry gives it by its digest alone, and --all-revisions takes it along"
#: Characters of a name in a sentence. Real ones have some dozen.
_NAME_SHOWN: Final = 80
#: A tag has two links in five folders of its own, a repository eight folders, whatever it holds.
_OF_A_TAG: Final = 7
_OF_A_REPOSITORY: Final = 8
#: Links, unfinished uploads, and the schedule by which a cache of another registry removes its content.
_OWN: Final = re.compile(
    r"docker/(?:registry/(?:v2/)?)?|scheduler-state\.json"
    rf"|{BLOBS}(?:[a-z0-9+._-]+/(?:[0-9a-f]{{2}}/(?:[0-9a-f]+/(?:data)?)?)?)?"
    rf"|{REPOSITORIES}(?:.+/)?"
    rf"|{REPOSITORIES}.+/_(?:manifests|layers)/(?:.+/)?link"
    rf"|{REPOSITORIES}.+/_uploads/[^/]+/(?:data|startedat|hashstates/[^/]+/[0-9]+)"
)


@dataclass(frozen=True, slots=True)
class RegistryReader:
    """Reads all repositories of a registry that is not running. `host` is the one that their names had."""

    documents: tuple[str, ...] = ()
    marker: None = None
    host: str = DEFAULT_HOST

    def owns(self, name: str) -> bool:
        """What a registry writes below its root."""
        return _OWN.fullmatch(name) is not None

    def probe(self, container: Container) -> bool:
        """A registry's tree. A tar may contain it as part of anything, so there no other format may be at its top."""
        if container.kind == "tar" and any(container.get(name) for name in ("manifest.json", "index.json")):
            return False
        return next(iter(container.names(ROOT)), None) is not None

    def read(self, container: Container) -> Archive:
        """Return a root for each tag, and for each manifest without one that refers to something tagged.

        The other manifests without a tag are `untagged`, but for those that another one of them lists.
        """
        graph = GraphReader(lambda digest: container.get(blob_path(digest)), container.where, container.limits)
        links, described = Links(container), _Described(container, graph, self.host)
        roots: list[Root] = []
        revisions: dict[Digest, list[str]] = {}
        names = _links(container)
        for name in names:
            repository, manifests, rest = name.removeprefix(REPOSITORIES).partition(MANIFESTS)
            if not manifests:
                continue
            parts_of_name = rest.split("/")
            if parts_of_name[0] == "tags" and parts_of_name[2:] == ["current", "link"]:
                root = _tagged(described, links, name, repository, parts_of_name[1])
                if root:
                    roots.append(root)
            elif parts_of_name[0] == "revisions" and (digest := links.follow(name, repository)):
                revisions.setdefault(digest, []).append(name)
        following, untagged = _untagged(described, links, roots, revisions, names)
        roots += following
        require_listable((*roots, *untagged), container.limits, container.where)
        for root in (*roots, *untagged):
            links.require(root)
        return Archive(
            format=_NAME,
            origin=container,
            roots=tuple(roots),
            flaws=graph.flaws,
            untagged=tuple(untagged),
            incomplete=graph.incomplete or container.damaged,
            stored=tuple(_stored(container)),
            links=tuple(links.bad.values()),
            facts=graph.facts,
        )


class RegistryLayout:
    """Where a registry keeps blobs, and the links that put them into repositories."""

    kind: Final = "directory"
    keeps_plain: Final = False
    takes_zstd: Final = True
    takes_deltas: Final = False
    finds_chains: Final = False
    keeps_beside: Final = False
    takes_docker_types: Final = True

    def admit(self, content: Content) -> tuple[Content, list[LeftOut]]:
        """Everything that has a name, or refers to something named. UsageError: something belongs to no repository."""
        owners: dict[str, Root] = {}
        for root in content.roots:
            for name in root.names:
                place = without_host(name)
                owner = owners.setdefault(place, root)
                if owner.identity != root.identity:
                    raise UsageError(f"two images would have the name {place} in a registry", hint="select one")
        homes = homes_of(content)
        for number, root in enumerate(content.roots):
            if number not in homes:
                raise UsageError(f"{root.label} has no name to store it under", hint="give it one with --tag")
        left = [LeftOut(what=extra.name, why="a registry has no place for it") for extra in content.extras]
        hosts = {name.host for root in content.roots for name in root.names} - {DEFAULT_HOST}
        left += _entries.left_behind(content, content.roots, "a registry has no place for it")
        left += [LeftOut(what=f"host {host}", why="a registry has none in its paths") for host in sorted(hosts)]
        bare = (root for root in content.roots if root.names and not any(name.tag for name in root.names))
        left += [LeftOut(what=f"a tag of {root.label}", why=_UNTAGGED) for root in bare]
        roots = findable(content.roots, homes, owners)
        return replace(content, roots=roots, extras=()), left

    def refused(self, roots: Sequence[Root], outer: str) -> Iterator[str]:
        """Foreign layers that are not here."""
        del outer
        yield from _refusals.foreign(roots)

    def blob_path(self, digest: Digest) -> str:
        """`blobs/<algorithm>/<two digits>/<hex>/data`."""
        return blob_path(digest)

    def document_path(self, digest: Digest, *, root: bool) -> str:
        """Manifests are blobs like all others."""
        del root
        return blob_path(digest)

    def require_few(self, content: Content, limits: Limits) -> None:
        """Check the number of links, with the folders that only they need: three for each two that may be listed.

        A referrer belongs to all repositories that its subject is in.
        """
        homes = homes_of(content)
        most, found = limits.listed * 3 // 2, 0
        repositories: set[str] = set()
        for number, root in enumerate(content.roots):
            here = homes.get(number, ())
            found += _OF_A_TAG * len(root.names) + 2 * len(here) * extent([replace(root, names=())], most)
            found += (_OF_A_TAG + 1) * len(here) * len(root.subjects)
            for repository in here:
                if repository not in repositories:
                    repositories.add(repository)
                    found += _OF_A_REPOSITORY + repository.count("/")
            if found > most:
                needed = plural(most, "link or folder", "links and folders")
                what = f"a registry would need more than {needed} for tags, blobs and repositories"
                raise ContentError(what, hint=FEWER)

    def metadata(self, content: Content) -> Iterator[tuple[str, bytes]]:
        """The lists of referrers and the links of every repository; those of its tags last."""
        homes = homes_of(content)
        links: dict[str, bytes] = {}
        tags: dict[str, bytes] = {}
        for number, root in enumerate(content.roots):
            for repository in homes.get(number, ()):
                for edge in walk([root]):
                    if edge.descriptor is None or isinstance(edge.node, Missing):
                        continue
                    links[revision_link(repository, edge.descriptor.digest)] = link_text(edge.descriptor.digest)
                    if isinstance(edge.node, Artifact) and edge.node.document is None:  # a blob or a manifest
                        links[layer_link(repository, edge.descriptor.digest)] = link_text(edge.descriptor.digest)
                    for part in parts(edge.node):
                        if part.descriptor is not None and part.source is not None:
                            links[layer_link(repository, part.descriptor.digest)] = link_text(part.descriptor.digest)
            for name in root.names:
                if name.tag and root.descriptor is not None:
                    tags.update(tag_links(name.path, name.tag, root.descriptor.digest))
        for repository, tag, raw in _registry_referrers.lists(content, homes):
            blob, revision, *of_tag = _registry_referrers.files(repository, tag, raw)
            yield blob
            links.update([revision])
            tags.update(of_tag)
        yield from links.items()
        yield from tags.items()


def _links(container: Container) -> list[str]:
    """Return the names of what lies in repositories, sorted. LimitError: more of it are links than may be followed."""
    allowed = container.limits.listed * FOR_A_LINE
    most, found = allowed, []
    for name in container.names(REPOSITORIES):
        found.append(name)
        most -= name.endswith(CURRENT) or _REVISIONS in name
        if most < 0:
            what = f"more than {allowed} tags and revisions lie in the repositories"
            raise LimitError(what, "listed", where=container.where)
    return sorted(found)


class _Described:
    """Descriptors of manifests that are known by digest alone. Each is read once, however many tags it has."""

    def __init__(self, container: Container, graph: GraphReader, host: str) -> None:
        self.container, self.graph, self._host = container, graph, host
        self._made: dict[Digest, Descriptor] = {}
        self._count = self._size = 0

    def of(self, digest: Digest) -> Descriptor:
        """Return the descriptor of a manifest. The manifest itself has the media type."""
        if digest not in self._made:
            self._made[digest] = self._make(digest)
        return self._made[digest]

    def named(self, repository: str, tag: str) -> Reference | None:
        """Return the name that a tag had. Docker Hub's names have no dot in front: there it is another host's name."""
        full = f"{repository}:{tag}"
        return Reference.maybe(full if self._host == DEFAULT_HOST else f"{self._host}/{full}")

    def _make(self, digest: Digest) -> Descriptor:
        source, limits = self.container.get(blob_path(digest)), self.container.limits
        if source is None:
            return Descriptor.make("", digest, 0)
        self._count += 1
        self._size += source.size
        if self._size > limits.documents_size or self._count > limits.documents:
            return Descriptor.make("", digest, source.size)  # who reads the graph meets the limit
        try:
            document = self.graph.read_document(source, limits.manifest_size)
        except ContentError:
            return Descriptor.make("", digest, source.size)
        return _layout.described(document, digest)


def _tagged(described: _Described, links: Links, name: str, repository: str, tag: str) -> Root | None:
    """Return the root of a tag. A tag that holds no digest leads to a `Missing` node."""
    container, graph = described.container, described.graph
    reference = described.named(repository, tag)
    if reference is None:
        told = f"{repository}:{tag}"
        where = f"{container.where}: {name}"
        what = "a tag is no image name"
        graph.flaw("reference-malformed", what, where, told[:200], "NAME:TAG", repr(told[:80]))
    names = (reference,) if reference else ()
    digest = links.follow(name, repository)
    if digest is None:
        graph.incomplete = True
        if (source := container.get(name)) is None:
            return None
        return Root(descriptor=None, node=Missing(source=source), names=names, repository=repository)
    descriptor = replace(described.of(digest))  # each tag is an entry of its own, as in an index
    return Root(descriptor=descriptor, node=graph.node(descriptor), names=names, repository=repository)


def _untagged(
    described: _Described,
    links: Links,
    tagged: Sequence[Root],
    revisions: Mapping[Digest, Sequence[str]],
    linked: Sequence[str],
) -> tuple[list[Root], list[Root]]:
    """Return the revisions that no tag leads to: those that refer to something tagged, and the others.

    A revision of several repositories has a root for each. `linked` are all links: those of the history of a tag say
    what a revision was once called.
    """
    graph = described.graph
    reached = {edge.descriptor.digest for edge in walk(tagged) if edge.descriptor}
    found: dict[Digest, list[Root]] = {}
    for digest, names in revisions.items():
        if digest in reached:
            continue
        descriptor = described.of(digest)
        node = graph.node(descriptor)
        for name in names:
            repository = name.removeprefix(REPOSITORIES).partition(MANIFESTS)[0]
            if isinstance(node, Missing) and node.source is None:
                links.leads_nowhere(name, repository)
            else:
                found.setdefault(digest, []).append(Root(descriptor=descriptor, node=node, repository=repository))
    tops = [roots[0] for roots in found.values()]
    require_listable((*tagged, *tops), graph.limits, described.container.where)
    listed = {edge.descriptor.digest for edge in walk(tops) if edge.descriptor and edge.above}
    subjects = {digest: _cosign.speaks_of(roots[0]) for digest, roots in found.items()}
    wanted = following(subjects, reached)
    others = [digest for digest in found if digest not in wanted and digest not in listed]
    alone = [digest for digest in others if not subjects[digest]]
    former = _former(linked, alone)
    for digest in alone:
        where = f"{described.container.where}: {revisions[digest][0]}"
        once = f" (once {former[digest]})" if digest in former else ""
        graph.flaw(
            "manifest-untagged", f"a manifest without a tag{once}; --all-revisions takes it along", where, digest
        )
    return (
        [root for digest in found if digest in wanted for root in found[digest]],
        [root for digest in others for root in found[digest]],
    )


def _former(names: Iterable[str], wanted: Sequence[Digest]) -> dict[Digest, str]:
    """Return which name each of some manifests once had, by the first tag in whose history it is."""
    spelled = {f"{digest.algorithm}/{digest.hex}": digest for digest in wanted}
    found: dict[Digest, str] = {}
    for name in names if wanted else ():
        repository, _, rest = name.removeprefix(REPOSITORIES).partition(TAGS)
        tag, _, history = rest.partition("/index/")
        digest = spelled.get(history.removesuffix("/link"))
        if digest is not None:
            found.setdefault(digest, clipped(f"{repository}:{tag}", _NAME_SHOWN))
    return found


def _stored(container: Container) -> Iterator[Stored]:
    for number, name in enumerate(container.names(BLOBS), 1):
        _layout.require_few(number, container)
        algorithm, _, rest = name.removeprefix(BLOBS).partition("/")
        encoded = rest.removesuffix("/data").rpartition("/")[2]
        yield Stored(name=name, digest=Digest.maybe(f"{algorithm}:{encoded}"), source=container.get(name))


def _turn(name: str) -> int:
    """Blobs come before the links to them. A tag's history and current link come last."""
    return 3 if name.endswith(CURRENT) else 2 if TAGS in name else 1 if name.startswith(REPOSITORIES) else 0


def _name_at(name: str) -> str | None:
    """The link of a tag gives a name to an image."""
    if not name.endswith(CURRENT):
        return None
    return name.removesuffix(CURRENT).removeprefix(REPOSITORIES).replace(TAGS, ":")


def _hosted(host: str) -> RegistryReader:
    return RegistryReader(host=host)


REGISTRY_STORAGE: Final = Format(
    name=_NAME,
    reader=RegistryReader(),
    layout=RegistryLayout(),
    growth=Growth(turn=_turn, name_at=_name_at, grow=_registry_referrers.grow),
    hosted=_hosted,
)
