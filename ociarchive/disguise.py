"""Documents that are another kind than they say, and manifests that are images but for their media types.

Engines that do not look at media types run those: podman takes any layer whose bytes are a tar, whatever its media
type says, where the config says that it is an image's. Sources: image-spec, media-types.md; CVE-2021-41190;
containers/image, which asks for the type of the config alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ociarchive.blobio.codec import NONE, sniff
from ociarchive.errors import ContentError
from ociarchive.mediatypes import LAYER_PREFIXES, Kind, kind_of, meant_by
from ociarchive.model import Artifact, Image
from ociarchive.oldimages import schema1
from ociarchive.schema import Malformed
from ociarchive.values import MAX_WORD

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ociarchive.blobio.source import ByteSource
    from ociarchive.model import Node
    from ociarchive.values import JSON, Descriptor

#: A header of a tar: its size, and where its checksum is (POSIX.1-2017, pax, ustar Interchange Format).
_HEADER: Final = 512
_SUM: Final = slice(148, 156)


def kind_in(members: dict[str, JSON], told: str, described: str) -> Kind | None:
    """Return what a document is: by its own media type, else by that of its descriptor, else by its members.

    Malformed: its members are those of two kinds, or of another than the media type says.
    """
    old, lists, layered = schema1.is_one(members), "manifests" in members, "layers" in members or "config" in members
    if lists and (layered or old):
        raise Malformed("document is an index and a manifest at once", rule="document-ambiguous")
    if layered and old:
        raise Malformed("document is a manifest of schema 1 and of schema 2 at once", rule="document-ambiguous")
    kind = kind_of(told) or kind_of(described)
    excluded = {Kind.SCHEMA1: lists or layered, Kind.INDEX: layered, Kind.MANIFEST: lists}
    if kind is not None and excluded.get(kind):
        what = f"document says it is {(told or described)[:MAX_WORD]} and has the members of another kind"
        raise Malformed(what, rule="document-ambiguous")
    if old:
        return Kind.SCHEMA1
    return kind or (Kind.INDEX if lists else Kind.MANIFEST if layered else None)


def may_run(node: Node) -> bool:
    """Whether an engine may run what a node is: an image, or what some engines take for one."""
    return isinstance(node, Image) or (isinstance(node, Artifact) and node.disguised)


def is_disguised(
    config: Descriptor,
    layers: Sequence[Descriptor],
    find: Callable[[Descriptor], ByteSource | None],
    is_config: Callable[[], bool],
) -> bool:
    """Whether a manifest that is no image by its media types is one by what it holds.

    `is_config` says whether the blob of `config` can be read as an image's config.
    """
    layered = any(one.media_type.lower().startswith(LAYER_PREFIXES) for one in layers)
    if kind_of(config.media_type) is Kind.CONFIG:
        # A signature of cosign and an attestation of BuildKit have such a config too; what they hold is JSON.
        return layered or (is_config() and any(_is_packed(find(one)) for one in layers))
    known = meant_by(config.media_type) is Kind.CONFIG
    return known or (layered and is_config())


def _is_packed(source: ByteSource | None) -> bool:
    """Whether the first bytes of a blob are of something compressed, or of a tar."""
    try:
        head = source.head(_HEADER) if source is not None else b""
    except ContentError:  # whoever reads the blob says so
        return False
    if sniff(head) is not NONE:
        return True
    kept = head[_SUM].strip(b" \0")
    counted = sum(head) - sum(head[_SUM]) + len(head[_SUM]) * ord(" ")
    return len(head) == _HEADER and bool(kept) and set(kept) <= set(b"01234567") and int(kept, 8) == counted
