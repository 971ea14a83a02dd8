"""The input of rules: the claims of an archive, the flaws that readers found, and the facts that were measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from ociarchive.auditing.claims import claims
from ociarchive.blobio.codec import MAGIC, sniff
from ociarchive.measure import agrees
from ociarchive.mediatypes import look_up
from ociarchive.model import COSIGN_IMAGES, COSIGN_KIND, Image, Index, Missing, images, parts, walk
from ociarchive.reach import reached

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ociarchive.auditing.claims import Claim
    from ociarchive.auditing.signatures import Proofs
    from ociarchive.blobio.source import ByteSource
    from ociarchive.flaws import Flaw
    from ociarchive.measure import Measured
    from ociarchive.model import Archive, Blob, Edge, Layer, Root
    from ociarchive.values import Descriptor, Digest, Reference


@dataclass(frozen=True, repr=False)
class Evidence:
    """An archive with the facts of the blobs that were read, and what a second reading of layers found.

    With `folded`, the consequences of a reported fault are not reported again. `stored` has the codecs of layers, found
    from their first bytes, where no more was read. `proofs` is what signatures prove, None where the call does not ask.
    """

    archive: Archive
    facts: Mapping[ByteSource, Measured]
    seen: tuple[Flaw, ...] = ()
    folded: bool = True
    stored: Mapping[ByteSource, str] = field(default_factory=dict)
    proofs: Proofs | None = None

    def __repr__(self) -> str:
        return f"Evidence({self.archive!r}, facts={len(self.facts)})"

    @cached_property
    def flaws(self) -> tuple[Flaw, ...]:
        """The flaws that the readers of container and documents found."""
        return tuple(dict.fromkeys((*self.archive.noticed, *self.seen)))

    @cached_property
    def edges(self) -> tuple[Edge, ...]:
        """Every descriptor of a manifest or index with what it leads to."""
        return tuple(walk(self.archive.roots))

    @cached_property
    def images(self) -> tuple[Image, ...]:
        """Every image once."""
        return tuple({id(edge.node): edge.node for edge in self.edges if isinstance(edge.node, Image)}.values())

    def fact(self, source: ByteSource | None) -> Measured | None:
        """Return the measurement of a source, None where it was not read."""
        return self.facts.get(source) if source is not None else None

    def compression(self, layer: Layer) -> str | None:
        """Return the name of a layer's codec, None where it is unknown."""
        fact = self.fact(layer.source)
        if layer.source is None or not layer.unpacks:
            return None
        return fact.compression if fact is not None else self.stored.get(layer.source)

    def size(self, part: Blob | Layer) -> int | None:
        """Return the bytes of a blob as stored, as the descriptor claims where nothing else shows it; None: unknown."""
        fact = self.fact(part.source)
        known = fact.size if fact is not None else part.source.size if part.source is not None else None
        return known if known is not None or part.descriptor is None else part.descriptor.size

    def place(self, name: str) -> str:
        """Return a location for something absent, which cannot name its own."""
        return f"{self.archive.where}: {name}"

    @cached_property
    def claims(self) -> tuple[Claim, ...]:
        """Every claim about the bytes of a blob, each once. Claims of descriptors come before those of file names."""
        return claims(self.archive)

    def verified(self, layer: Layer) -> bool | None:
        """Whether a layer was read to its end, agrees with every claim about it and is a complete tar.

        None where that is unknown.
        """
        fact, claimed = self.fact(layer.source), self.as_claimed(layer)
        if fact is None or not claimed:
            return claimed
        return fact.tar.whole if fact.tar is not None else None

    def as_claimed(self, layer: Layer) -> bool | None:
        """Whether a layer was read to its end and agrees with every claim about its bytes; None: unknown."""
        fact = self.fact(layer.source)
        if fact is None:
            return None
        claims: list[bool | None] = []
        if layer.descriptor is not None:
            claims.append(agrees(layer.descriptor.digest, fact.digests))
            claims.append(layer.descriptor.size == fact.size)
        if not layer.unpacks:
            claims.append(None)
        elif fact.diff_ids is None or layer.diff_id is None:
            claims.append(False)
        else:
            claims.append(agrees(layer.diff_id, fact.diff_ids))
        if False in claims:
            return False
        return None if None in claims else True

    @cached_property
    def named(self) -> frozenset[Digest]:
        """The digests of manifests and indexes that are in the archive."""
        here = (edge.descriptor for edge in self.edges if not isinstance(edge.node, Missing) or edge.node.source)
        return frozenset(descriptor.digest for descriptor in here if descriptor is not None)

    @cached_property
    def _spoken(self) -> dict[int, bool]:
        return {}

    def speaks_of_any(self, digests: tuple[Digest, ...]) -> bool:
        """Whether a payload speaks of a manifest or index that is in the archive. Thousands of artifacts share one."""
        if id(digests) not in self._spoken:
            self._spoken[id(digests)] = not self.named.isdisjoint(digests)
        return self._spoken[id(digests)]

    @cached_property
    def descriptors(self) -> tuple[Descriptor, ...]:
        """Every descriptor of the graph."""
        found = [edge.descriptor for edge in self.edges if edge.descriptor is not None]
        for node in {id(edge.node): edge.node for edge in self.edges}.values():
            found.extend(part.descriptor for part in parts(node) if part.descriptor is not None)
        return tuple(found)

    @cached_property
    def used(self) -> frozenset[str]:
        """The places of all that manifests lead to, by digest or, in a docker-archive, by name."""
        nodes = {id(edge.node): edge.node for edge in self.edges}.values()
        return frozenset(part.source.where for node in nodes for part in parts(node) if part.source is not None)

    @cached_property
    def _sparse(self) -> frozenset[int]:
        """The indexes with at least one complete image below them. Every index is visited once."""
        indexes = {id(edge.node): edge.node for edge in self.edges if isinstance(edge.node, Index)}
        above: dict[int, list[int]] = {}
        holding = []
        for key, index in indexes.items():
            for child in index.children:
                if isinstance(child.node, Index):
                    above.setdefault(id(child.node), []).append(key)
            if any(id(child.node) in self._whole for child in index.children):
                holding.append(key)
        return reached(holding, above)

    @cached_property
    def _whole(self) -> frozenset[int]:
        """The images that are complete in the archive, apart from layers that are foreign or left out on purpose."""
        return frozenset(id(image) for image in self.images if _is_whole(image))

    def is_sparse(self, index: Index) -> bool:
        """Whether an index has at least one complete image. Then what it lacks was left out, not lost."""
        return id(index) in self._sparse

    @cached_property
    def holders(self) -> Mapping[Reference, tuple[frozenset[Digest], Digest | None]]:
        """The digests that have each name in the archive, and the least of them."""
        found: dict[Reference, set[Digest]] = {}
        for root in self.archive.roots:
            for name in root.names:
                found.setdefault(name, set()).update([root.descriptor.digest] if root.descriptor is not None else [])
        return {name: (frozenset(digests), min(digests, default=None)) for name, digests in found.items()}

    @cached_property
    def saved(self) -> tuple[frozenset[Digest], Digest | None]:
        """The digests of the images that `cosign save` wrote here, and the least of them.

        What it saved without a name is theirs.
        """
        every = (root.descriptor for root in self.archive.roots if root.descriptor is not None)
        found = frozenset(one.digest for one in every if one.annotations.get(COSIGN_KIND, "").endswith(COSIGN_IMAGES))
        return found, min(found, default=None)

    @cached_property
    def leading(self) -> Mapping[int, tuple[Root, ...]]:
        """The roots from which one gets to each entry, by its identity."""
        found: dict[int, list[Root]] = {}
        for root in self.archive.roots:
            for edge in walk([root]):
                found.setdefault(id(edge.entry), []).append(root)
        return {key: tuple(roots) for key, roots in found.items()}

    @cached_property
    def referenced(self) -> frozenset[Digest]:
        """The digests that something in the archive leads to."""
        return frozenset(claim.digest for claim in self.claims if claim.descriptor is not None) | {
            image.image_id for image in self.images if image.image_id is not None
        }


def _is_whole(image: Image) -> bool:
    layers = all(layer.source is not None or layer.foreign or layer.elsewhere is not None for layer in image.layers)
    return image.config.source is not None and layers


def sniffed(archive: Archive) -> Evidence:
    """Return evidence for inspecting an archive: no facts, and the layers' codecs by their first bytes.

    Of an archive in a registry documents alone are fetched, and the codecs are those that media types say.
    """
    stored: dict[ByteSource, str] = {}
    if archive.origin.kind == "registry":
        return Evidence(archive, {}, stored=dict(_by_media_type(archive)))
    for image in images(archive.roots):
        for layer in image.layers:
            if layer.source is not None and layer.source not in stored:
                stored[layer.source] = sniff(layer.source.head(MAGIC)).name
    return Evidence(archive, {}, stored=stored)


def _by_media_type(archive: Archive) -> Iterator[tuple[ByteSource, str]]:
    for image in images(archive.roots):
        for layer in image.layers:
            known = look_up(layer.descriptor.media_type) if layer.descriptor is not None else None
            if layer.source is not None and known is not None and known.codec is not None:
                yield layer.source, known.codec
