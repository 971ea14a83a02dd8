"""The images of one archive, each once: by image ID and platform, with every name and manifest that leads to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ociarchive.auditing.listing import image_key
from ociarchive.model import Artifact, Image, Missing, walk

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ociarchive.model import Archive, Edge, Root
    from ociarchive.values import Digest, Platform, Reference


@dataclass(slots=True, kw_only=True)
class Unit:
    """An image of an archive. `edges` lead to it. Reports use the first one.

    Without `hosts` one of the two archives has names without hosts. Then names are compared without them.
    """

    image: Image
    image_id: str
    platform: Platform | None
    edges: list[Edge] = field(default_factory=list)
    names: dict[Reference, None] = field(default_factory=dict)
    hosts: bool = True
    ref_names: dict[str, None] = field(default_factory=dict)
    spelled: set[str] = field(default_factory=set)

    @property
    def edge(self) -> Edge:
        """The first edge that leads to it."""
        return self.edges[0]

    @property
    def manifests(self) -> tuple[Digest, ...]:
        """The digests of its manifests, each once."""
        return tuple(dict.fromkeys(edge.descriptor.digest for edge in self.edges if edge.descriptor is not None))

    @property
    def full(self) -> frozenset[str]:
        """The full names, in the form in which they can be compared."""
        return frozenset(str(name) if self.hosts else f"/{name.path}:{name.tag}@{name.digest}" for name in self.names)

    @property
    def called(self) -> frozenset[str]:
        """The names for pairing: full ones, else bare ones."""
        return self.full or frozenset(self.ref_names)

    @property
    def runs_on(self) -> str:
        """The platform for comparison. An absent variant means the usual one."""
        return self.platform.usual if self.platform is not None else ""


def units(archive: Archive, *, hosts: bool) -> list[Unit]:
    """Return the images of an archive in its order. Without `hosts` names are compared without hosts."""
    found: dict[tuple[str, str], Unit] = {}
    for root in archive.roots:
        for edge in walk([root]):
            image = edge.node
            if not isinstance(image, Image) or image.image_id is None:
                continue
            key = image_key(edge)
            unit = found.setdefault(key, Unit(image=image, image_id=key[0], platform=edge.platform, hosts=hosts))
            unit.edges.append(edge)
            _name(unit, root)
    return list(found.values())


def _name(unit: Unit, root: Root) -> None:
    unit.names.update(dict.fromkeys(root.names))
    unit.spelled.update(map(str, root.names))
    if root.ref_name and root.ref_name not in unit.spelled:
        unit.ref_names[root.ref_name] = None


def artifacts(archive: Archive) -> list[Edge]:
    """Return what an archive has beside images, each manifest once."""
    found: dict[int, Edge] = {}
    for edge in walk(archive.roots):
        if isinstance(edge.node, Artifact):
            found.setdefault(id(edge.node), edge)
    return list(found.values())


def absent(edges: Iterable[Edge]) -> list[Edge]:
    """Return what indexes name that is not in the archive."""
    return [edge for edge in edges if isinstance(edge.node, Missing) and edge.node.source is None]
