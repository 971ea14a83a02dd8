"""What engines and copiers are known to refuse in a lawful archive, and what to do.

docs/formats.md has the table, by engine and version. Only what is certain is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ociarchive.errors import plural
from ociarchive.model import images

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ociarchive.model import Root

#: moby, layer/layer_store.go, maxLayerDepth: a layer on top of 125 layers is refused.
_CLASSIC_DEPTH: Final = 125


def foreign(roots: Sequence[Root]) -> Iterator[str]:
    """Say that absent foreign layers come over the network, if at all."""
    for what in _gone(roots):
        yield f"{what}: who loads the image gets what is missing over the network from its urls, or fails"


def foreign_in_docker_archive(roots: Sequence[Root]) -> Iterator[str]:
    """Say that no loader of a docker-archive continues without the absent foreign layers."""
    for what in _gone(roots):
        yield (
            f"{what}: Docker, podman and skopeo refuse a docker-archive without; save the image where an engine has"
            " all layers, or use --to oci-archive"
        )


def _gone(roots: Sequence[Root]) -> Iterator[str]:
    gone = {
        str(layer.descriptor.digest): None
        for image in images(roots)
        for layer in image.layers
        if layer.source is None and layer.descriptor is not None and layer.elsewhere is None
    }
    if gone:
        many = f"{plural(len(gone), 'layer')} are" if len(gone) > 1 else "a layer is"
        yield f"{many} foreign and not in the archive ({', '.join(gone)})"


def deep(roots: Sequence[Root]) -> Iterator[str]:
    """Name the images with more layers than Docker's classic store accepts."""
    for image in images(roots):
        if len(image.layers) > _CLASSIC_DEPTH:
            yield (
                f"{image.image_id}: the image has {plural(len(image.layers), 'layer')}, and Docker's classic store"
                f" takes {_CLASSIC_DEPTH} (`max depth exceeded`); build it with fewer"
            )


def outer_gzip(outer: str) -> Iterator[str]:
    """Say which programs cannot read a docker-archive that is compressed with gzip as a whole."""
    if outer == "gzip":
        yield (
            "skopeo 1.9 and podman 4.3 read no docker-archive that is compressed with gzip as a whole (podman one that"
            " holds a single image); --outer zstd avoids that"
        )


def disputed_names(roots: Sequence[Root]) -> Iterator[str]:
    """List the names for which some programs refuse a whole layout."""
    for name in dict.fromkeys(name for root in roots for name in root.names):
        if name.disputed:
            yield (
                f"name {name}: {name.disputed}, and skopeo 1.9 and podman 4.3 refuse an archive with such a name;"
                " --tag gives it another"
            )
