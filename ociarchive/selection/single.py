"""One part of an archive: the manifest, index or image that a call asks for, and its bytes unchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ociarchive.blobio.hashing import digest_of
from ociarchive.blobio.limits import LimitError
from ociarchive.blobio.source import counted
from ociarchive.errors import ContentError, UsageError, plural
from ociarchive.model import Artifact, Edge, Image, Missing, walk
from ociarchive.selection.select import Selectors, matching, select

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ociarchive.blobio.source import ByteSource
    from ociarchive.model import Archive, Root
    from ociarchive.values import Descriptor, Digest

#: How many choices a message lists: enough to choose from, few enough to read.
_LISTED: Final = 12
_SELECT: Final = "select one with --image or --platform"


def manifest_bytes(archive: Archive, selectors: Selectors) -> bytes:
    """Return the selected manifest or index, byte for byte. With platforms it is an image's manifest.

    UsageError: the selectors match none or several, which it lists, or the format keeps no manifest. ContentError: the
    manifest is not in the archive, or differs from its descriptor.
    """
    edges = (
        _images(archive, selectors) if selectors.platforms else [Edge(root, ()) for root in _roots(archive, selectors)]
    )
    edge = _only(edges, "manifest", archive.where)
    where, node = archive.where, edge.node
    if isinstance(node, Missing):
        raise ContentError("the manifest is not in the archive, or cannot be read", where=where, found=_spell(edge))
    if isinstance(node, Artifact) and node.document is None:
        return _whole(node.source, edge.descriptor, None, archive.limits.manifest_size, "manifest-size", where)
    if node.document is None:
        what = f"a {archive.format} of this kind keeps no manifest"
        raise UsageError(what, where=where, hint="--config prints the image's config")
    where = node.source.where if node.source is not None else where
    return _checked(node.document.raw, edge.descriptor, None, where)


def config_bytes(archive: Archive, selectors: Selectors) -> bytes:
    """Return the config of the selected image, byte for byte. It raises the errors of `manifest_bytes`."""
    image = the_image(archive, selectors, "config")
    config = image.config
    named = config.named if config.descriptor is None else None
    size = archive.limits.config_size
    return _whole(config.source, config.descriptor, named, size, "config-size", f"{archive.where}: {config.name}")


def the_image(archive: Archive, selectors: Selectors, what: str) -> Image:
    """Return the selected image. `what` is the part of it that the call asks for.

    UsageError: the selectors match none or several.
    """
    edge = _only(_images(archive, selectors), what, archive.where)
    if not isinstance(edge.node, Image):
        raise TypeError(edge)
    return edge.node


def _roots(archive: Archive, selectors: Selectors) -> Sequence[Root]:
    """Return what is selected, without referrers. For a whole archive it is all that refers to nothing else."""
    if not selectors.images:
        return [root for root in archive.roots if not root.speaks_of_another] or archive.roots
    found = [root for text in selectors.images for root in matching(archive.roots, text, archive.where)]
    return list({id(root.node): root for root in found}.values())


def _images(archive: Archive, selectors: Selectors) -> list[Edge]:
    roots = _roots(archive, selectors)
    if selectors.platforms:
        select(tuple(roots), Selectors(platforms=selectors.platforms), archive.where)  # raises if none matches
    return [edge for edge in walk(roots) if isinstance(edge.node, Image) and _fits(edge, selectors)]


def _fits(edge: Edge, selectors: Selectors) -> bool:
    platform = edge.platform
    return not selectors.platforms or (platform is not None and any(map(platform.fits, selectors.platforms)))


def _only(edges: Iterable[Edge], what: str, where: str) -> Edge:
    found = list({edge.descriptor.digest if edge.descriptor else id(edge.node): edge for edge in edges}.values())
    if not found:
        raise UsageError(f"there is no image that has a {what}", where=where)
    if len(found) > 1:
        listed = ", ".join(map(_spell, found[:_LISTED]))
        more = f" and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
        raise UsageError(f"one {what} is asked for, here are {len(found)}: {listed}{more}", where=where, hint=_SELECT)
    return found[0]


def _spell(edge: Edge) -> str:
    """Return how a selector names something, and what helps to choose."""
    image_id = edge.node.image_id if isinstance(edge.node, Image) else None
    digest = edge.descriptor.digest if edge.descriptor else image_id
    names = getattr(edge.entry, "names", ()) or ()
    told = [*map(str, names[:1]), *([str(edge.platform)] if edge.platform else [])]
    return f"{digest} ({', '.join(told)})" if told else str(digest)


def _whole(
    source: ByteSource | None, descriptor: Descriptor | None, named: Digest | None, most: int, limit: str, where: str
) -> bytes:
    if source is None:
        raise ContentError("it is not in the archive", where=where)
    if counted(source, most) > most:
        held = f"{plural(source.size, 'byte')}, " if source.size is not None else ""
        raise LimitError(f"it has {held}more than {most}", limit, where=source.where)
    return _checked(b"".join(source.chunks()), descriptor, named, source.where)


def _checked(raw: bytes, descriptor: Descriptor | None, named: Digest | None, where: str) -> bytes:
    """Return bytes that agree with their claim. ContentError: they do not, or nothing here can verify it."""
    claimed = descriptor.digest if descriptor is not None else named
    if claimed is None:
        return raw
    found = digest_of(raw, claimed.algorithm)
    if found is None:
        raise ContentError(f"nothing here computes {claimed.algorithm}, so that it cannot be checked", where=where)
    if found != claimed:
        raise ContentError("content is not what its digest says", where=where, expected=str(claimed), found=str(found))
    if descriptor is not None and descriptor.size != len(raw):
        what = "content is not of the size that its descriptor says"
        raise ContentError(what, where=where, expected=plural(descriptor.size, "byte"), found=plural(len(raw), "byte"))
    return raw
