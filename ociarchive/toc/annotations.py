"""The annotations of layers with tables of contents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ociarchive.values import Descriptor

ESTARGZ_DIGEST: Final = "containerd.io/snapshot/stargz/toc.digest"
ESTARGZ_SIZE: Final = "io.containers.estargz.uncompressed-size"
CHUNKED: Final = "io.github.containers.zstd-chunked."
#: How stargz-snapshotter spells the prefix.
PREFIXES: Final = (CHUNKED, "io.containers.zstd-chunked.")
#: What follows the prefix.
CHECKSUM, POSITION, SPLIT = "manifest-checksum", "manifest-position", "tarsplit-position"


_ALL: Final = (
    *(ESTARGZ_DIGEST, ESTARGZ_SIZE),
    *(f"{prefix}{key}" for prefix in PREFIXES for key in (CHECKSUM, POSITION, SPLIT)),
)


def told_of_table(descriptor: Descriptor) -> tuple[str | None, ...]:
    """Return what a layer's descriptor says of its table of contents, None for what it does not say."""
    annotations = descriptor.annotations
    return tuple(map(annotations.get, _ALL))


def has_table(descriptor: Descriptor | None) -> bool:
    """Whether a layer's descriptor says that it has a table of contents."""
    annotations = descriptor.annotations if descriptor else {}
    return ESTARGZ_DIGEST in annotations or any(
        f"{prefix}{key}" in annotations for prefix in PREFIXES for key in (CHECKSUM, POSITION)
    )
