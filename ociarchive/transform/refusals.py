"""Readers: what engines and copiers are known to refuse of a DEST that is lawful. docs/formats.md has the table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ociarchive.model import images

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ociarchive.model import Root
    from ociarchive.transform.options import Options

_ARCHIVE: Final = "docker-archive"
#: moby, layer/layer_store.go, maxLayerDepth: what lies on 125 layers is refused.
_CLASSIC_DEPTH: Final = 125
_GZIP: Final = (
    "skopeo 1.9 and podman 4.3 read no docker-archive that is compressed with gzip as a whole (podman one that holds a"
    " single image); --outer zstd avoids that"
)


def refusals(roots: Sequence[Root], options: Options) -> Iterator[str]:
    """Give, in words, what some readers refuse of what is written, with what to do; only where that is certain."""
    yield from _foreign(roots, options)
    if options.format.name == _ARCHIVE:
        yield from _deep(roots)
        if options.outer == "gzip":
            yield _GZIP
    elif options.format.name in ("oci-layout", "oci-archive"):
        for name in dict.fromkeys(name for root in roots for name in root.names):
            if name.disputed:
                yield (
                    f"name {name}: {name.disputed}, and skopeo 1.9 and podman 4.3 refuse an archive with such a name;"
                    " --tag gives it another"
                )


def _foreign(roots: Sequence[Root], options: Options) -> Iterator[str]:
    gone = {
        str(layer.descriptor.digest): None
        for image in images(roots)
        for layer in image.layers
        if layer.source is None and layer.descriptor is not None
    }
    if not gone:
        return
    many = f"{len(gone)} layers are" if len(gone) > 1 else "a layer is"
    what = f"{many} foreign and not in the archive ({', '.join(gone)})"
    if options.format.name == _ARCHIVE:
        yield (
            f"{what}: Docker, podman and skopeo refuse a docker-archive without; save the image where an engine has"
            " all layers, or use --to oci-archive"
        )
    else:
        yield f"{what}: who loads the image gets what is missing over the network from its urls, or fails"


def _deep(roots: Sequence[Root]) -> Iterator[str]:
    for image in images(roots):
        if len(image.layers) > _CLASSIC_DEPTH:
            yield (
                f"{image.image_id}: the image has {len(image.layers)} layers, and Docker's classic store takes"
                f" {_CLASSIC_DEPTH} (`max depth exceeded`); build it with fewer"
            )
