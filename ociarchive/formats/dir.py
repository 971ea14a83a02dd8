"""The flat folder that `skopeo copy ... dir:` reads and writes (containers-transports(5), dir)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ociarchive.blobio.source import Bytes, counted
from ociarchive.errors import ContentError, UsageError, some
from ociarchive.formats import _entries, _layout, _refusals
from ociarchive.formats.format import Format, LeftOut
from ociarchive.graph import GraphReader
from ociarchive.model import Archive, Blob, Missing, Root, Stored, named_by, nodes, parts, walk
from ociarchive.schema import Malformed
from ociarchive.values import REGISTERED, Digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ociarchive.blobio.limits import Limits
    from ociarchive.blobio.source import ByteSource
    from ociarchive.container import Container
    from ociarchive.formats.format import Content

_NAME: Final = "dir"
_MANIFEST: Final = "manifest.json"
_VERSION: Final = ("version", b"Directory Transport Version: 1.1\n")
_HEX: Final = re.compile(r"[0-9a-f]{64}\Z|[0-9a-f]{128}\Z")
_SIGNATURE: Final = re.compile(r"(?:([0-9a-f]{64})\.)?signature-([0-9]{1,9})\Z")
#: Signatures of simple signing have some hundred bytes.
_MAX_SIGNATURE: Final = 1 << 20
_CHILD: Final = ".manifest.json"
_OWN: Final = re.compile(
    r"manifest\.json|version|(?:[0-9a-f]{64}|[0-9a-f]{128})(?:\.manifest\.json)?|(?:[0-9a-f]{64}\.)?signature-[0-9]+"
)


class DirReader:
    """Reads the one image, or one index, of a folder."""

    documents: Final = (_MANIFEST, _VERSION[0])
    marker: Final = _VERSION[0]

    def owns(self, name: str) -> bool:
        """Manifests, blobs and signatures."""
        return _OWN.fullmatch(name) is not None

    def probe(self, container: Container) -> bool:
        """A folder whose manifest.json is an object, or is unreadable and beside the file `version`.

        In a tar the file `version` is required, because an object may be of a damaged docker-archive.
        """
        if (source := container.get(_MANIFEST)) is None:
            return False
        first = _layout.first_of(source)
        if container.kind == "tar":
            return first == b"{" and container.get("version") is not None
        return first == b"{" or (first != b"[" and container.get("version") is not None)

    def read(self, container: Container) -> Archive:
        """Return the graph below manifest.json."""
        source = container.get(_MANIFEST)
        if source is None:
            raise ContentError("no manifest.json", where=container.where)

        def find(digest: Digest) -> ByteSource | None:
            return container.get(digest.hex) or container.get(digest.hex + _CHILD)

        graph = GraphReader(find, container.where, container.limits)
        roots: tuple[Root, ...] = ()
        try:
            document = graph.read_document(source, container.limits.manifest_size)
            descriptor = _layout.described(document)
            node = graph.parse(document, descriptor, Bytes(document.raw, source.where))
            roots = (Root(descriptor=descriptor, node=node),)
        except (ContentError, Malformed) as error:
            graph.failed(error, source.where, _MANIFEST)
        stored = tuple(_stored(container, roots))
        _check_roles(stored, graph)
        _check_places(container, roots, graph)
        if _layout.has_layout(container):
            what = "the folder is a dir and an OCI layout at once; the dir is read"
            graph.flaw("format-doubled", what, container.where, container.where)
        return Archive(
            format=_NAME,
            origin=container,
            roots=roots,
            flaws=graph.flaws,
            incomplete=graph.incomplete or container.damaged,
            stored=stored,
            facts=graph.facts,
            extras=tuple(_signatures(container, roots)),
        )


class DirLayout:
    """Where a `dir` keeps its files, all in one folder."""

    kind: Final = "directory"
    keeps_plain: Final = False
    takes_zstd: Final = True
    takes_deltas: Final = False
    finds_chains: Final = False
    keeps_beside: Final = True
    takes_docker_types: Final = True

    def admit(self, content: Content) -> tuple[Content, list[LeftOut]]:
        """One image or index. Names and referrers are left out."""
        root, others = _split(content)
        for edge in walk([root]):
            held = [part.descriptor for part in parts(edge.node) if part.descriptor is not None]
            for descriptor in (edge.descriptor, *held):
                if descriptor is not None and descriptor.digest.algorithm not in REGISTERED:
                    raise UsageError(f"a dir names blobs by their hex alone, {descriptor.digest} has none")
        same = [one for one in content.roots if one.identity == root.identity]
        spelled = (name for one in same for name in (one.names or filter(None, [one.ref_name])))
        named = dict.fromkeys(map(str, spelled))
        left = [LeftOut(what=f"name {name}", why="a dir has no place for it") for name in named]
        alone = "a dir holds one image or index, what refers to it stays behind"
        left += [LeftOut(what=other.label, why=alone) for other in others]
        left += _entries.left_behind(content, same, "a dir has no place for it")
        kept, behind = _placed(content.extras, root)
        return replace(content, roots=(root,), extras=kept), [*left, *behind]

    def refused(self, roots: Sequence[Root], outer: str) -> Iterator[str]:
        """Foreign layers that are not here."""
        del outer
        yield from _refusals.foreign(roots)

    def blob_path(self, digest: Digest) -> str:
        """The bare hex."""
        return digest.hex

    def document_path(self, digest: Digest, *, root: bool) -> str:
        """manifest.json, and `<hex>.manifest.json` for what an index names."""
        return _MANIFEST if root else digest.hex + _CHILD

    def require_few(self, content: Content, limits: Limits) -> None:
        """There is one manifest, which is stored unchanged."""

    def metadata(self, content: Content) -> Iterator[tuple[str, bytes]]:
        """The file `version`. The entry document is the manifest itself, which is already stored."""
        for extra in content.extras:
            if extra.source is not None:
                yield extra.name, b"".join(extra.source.chunks())
        yield _VERSION


def _placed(extras: Sequence[Blob], root: Root) -> tuple[tuple[Blob, ...], list[LeftOut]]:
    """Return signatures by the names that they have beside a root, and those that stay behind."""
    here = {edge.descriptor.digest for edge in walk([root]) if edge.descriptor is not None}
    top = root.descriptor.digest if root.descriptor is not None else None
    counted_of: dict[Digest, int] = {}
    kept: list[Blob] = []
    left: list[LeftOut] = []
    for extra in extras:
        if not _fits(extra):
            left.append(LeftOut(what=extra.name, why="too large for a signature"))
        elif extra.named is None or extra.named not in here:
            left.append(LeftOut(what=extra.name, why="it speaks of what is left behind"))
        else:
            number = counted_of[extra.named] = counted_of.get(extra.named, 0) + 1
            before = "" if extra.named == top else f"{extra.named.hex}."
            kept.append(replace(extra, name=f"{before}signature-{number}"))
    return tuple(kept), left


def _fits(extra: Blob) -> bool:
    return extra.source is None or counted(extra.source, _MAX_SIGNATURE) <= _MAX_SIGNATURE


def _split(content: Content) -> tuple[Root, list[Root]]:
    """Return the one root that a dir can hold and those that refer to it."""
    tops = [root for root in content.roots if not root.speaks_of_another] or list(content.roots)
    distinct = {root.identity: root for root in tops}
    if len(distinct) != 1:
        listed = some(dict.fromkeys(root.label for root in tops))
        raise UsageError(
            f"a dir holds one image or index, here are {len(distinct)}: {listed}", hint="select one with --image"
        )
    first = replace(tops[0], names=tuple(dict.fromkeys(name for root in tops for name in root.names)))
    mine = {id(root) for root in tops}
    return first, [root for root in content.roots if id(root) not in mine]


def _signatures(container: Container, roots: tuple[Root, ...]) -> Iterator[Blob]:
    """Give the signatures, each with the digest of the manifest that its name says it is over."""
    top = next((root.descriptor.digest for root in roots if root.descriptor is not None), None)
    below = {edge.descriptor.digest.hex: edge.descriptor.digest for edge in walk(roots) if edge.descriptor is not None}
    named = [(found, name) for name in container.names() if (found := _SIGNATURE.match(name))]
    for found, name in sorted(named, key=lambda one: (one[0][1] or "", int(one[0][2]))):
        digest = below.get(found[1]) if found[1] is not None else top
        yield Blob(descriptor=None, source=container.get(name), name=name, named=digest)


def _check_roles(stored: tuple[Stored, ...], graph: GraphReader) -> None:
    """One digest may be a blob or a manifest. Where both files exist, readers take different ones."""
    seen: dict[Digest, str] = {}
    for one in stored:
        if one.digest is not None and one.source is not None:
            other = seen.setdefault(one.digest, one.name)
            if other != one.name:
                graph.flaw("role-doubled", f"{other} and {one.name} claim one digest", one.source.where, one.digest)


def _check_places(container: Container, roots: tuple[Root, ...], graph: GraphReader) -> None:
    """Note what lies in the place of the other role alone: there no reader looks for it (skopeo, directory/)."""
    wanted: dict[tuple[str, str], Digest] = {}  # each place once, however many entries lead to it
    seen: set[int] = set()
    for edge in walk(roots):
        node = edge.node
        if edge.descriptor is not None and edge.above and not isinstance(node, Missing) and node.document is not None:
            digest = edge.descriptor.digest
            wanted[digest.hex + _CHILD, digest.hex] = digest
        for part in named_by(node) if id(node) not in seen else ():
            if part.descriptor is not None and part.source is not None:
                digest = part.descriptor.digest
                wanted[digest.hex, digest.hex + _CHILD] = digest
        seen.add(id(node))
    for (place, other), digest in wanted.items():
        if container.get(place) is None and container.get(other) is not None:
            what = f"{place} is named and not in the folder, where {other} lies: readers look for the first alone"
            graph.flaw("blob-missing", what, f"{container.where}: {place}", digest, place, other)


def _stored(container: Container, roots: tuple[Root, ...]) -> Iterator[Stored]:
    """Give the blobs. A name is hex alone. Only the manifests say which algorithm it is of."""
    told = {edge.descriptor.digest for edge in walk(roots) if edge.descriptor}
    told |= {part.descriptor.digest for node in nodes(roots) for part in named_by(node) if part.descriptor}
    by_hex = {digest.hex: digest for digest in told}
    for name in container.names():
        encoded = name.removesuffix(_CHILD)
        if _HEX.match(encoded):
            algorithm = next(name for name, length in REGISTERED.items() if length == len(encoded))
            digest = by_hex.get(encoded) or Digest(algorithm, encoded)
            yield Stored(name=name, digest=digest, source=container.get(name))


DIR: Final = Format(name=_NAME, reader=DirReader(), layout=DirLayout(), alone=True, transport="dir", scopes="paths")
