"""What loaders of a docker-archive accept: one image for each entry of manifest.json, under names of engines."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ociarchive.errors import ContentError
from ociarchive.formats import _layout, _named
from ociarchive.formats.format import LeftOut
from ociarchive.model import REF_NAME, Artifact, Image, Root, walk
from ociarchive.values import Platform, tagged_digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.formats.format import Content
    from ociarchive.values import JSON, Digest

#: Why a name is not written to manifest.json, and why one is not written to the archive.
_REFUSED: Final = (
    "skopeo 1.9 and podman 4.3 refuse the whole file over it; it stands in index.json alone, --tag gives another"
)
_LOST: Final = "it is no full name, and Docker's containerd store shows no image of such a name; --tag gives one"
_PREFERRED: Final = Platform(os="linux", architecture="amd64")


def admit(roots: tuple[Root, ...]) -> tuple[tuple[Root, ...], list[LeftOut]]:
    """Return roots without the ref.names that engines lose, and the names that are left out."""
    disputed = dict.fromkeys(name for root in roots for name in root.names if name.disputed)
    left = [LeftOut(what=f"name {name} in manifest.json", why=f"{name.disputed}, and {_REFUSED}") for name in disputed]
    kept: list[Root] = []
    nameless: dict[object, dict[str, None]] = {}
    for root in roots:
        if not _bare(root):
            kept.append(root)
            continue
        again = _nameless(root)
        alike = nameless.setdefault(again.identity, {})
        raw = repr(again.descriptor.raw) if again.descriptor is not None else ""
        if raw not in alike:
            alike[raw] = None
            kept.append(again)
        if root.ref_name not in {name.tag for name in root.names}:  # else the name is there in full
            left.append(LeftOut(what=f"name {root.ref_name}", why=_LOST))
    return tuple(kept), left


def no_image(content: Content) -> ContentError:
    """Return the error for a content that has only artifacts, with the place of the first."""
    first = next((edge for edge in walk(content.roots) if isinstance(edge.node, Artifact)), None)
    told = first.node.artifact_type if first is not None and isinstance(first.node, Artifact) else None
    return ContentError(
        "there are artifacts alone and no image, which no docker-archive can hold",
        where=first.node.source.where if first is not None and first.node.source is not None else None,
        found=f"an artifact of the type {told[:80]}" if told else None,
        hint="use --to oci-archive, which holds them",
    )


def _bare(root: Root) -> bool:
    """Whether an image would be loaded under a ref.name that is no image name. Tags of its referrers load nothing.

    containerd takes the name unchanged, and Docker's list of images omits images without a canonical name.
    """
    if root.descriptor is None or not root.ref_name or isinstance(root.node, Artifact) or root.speaks_of_another:
        return False
    told, _ = _named.names_of(root.descriptor)
    return not told and tagged_digest(root.ref_name) is None


def _nameless(root: Root) -> Root:
    if root.descriptor is None:
        return root
    annotations = {key: text for key, text in root.descriptor.annotations.items() if key != REF_NAME}
    return replace(root, descriptor=root.descriptor.annotate(annotations), ref_name=None)


def manifest_json(content: Content) -> Iterator[JSON]:
    """Give one entry for each image that a loader of manifest.json can load, with all its names."""
    chosen: dict[tuple[Digest, ...], dict[str, None]] = {}
    for root in content.roots:
        image = _one_image(root)
        if image is None or image.config.descriptor is None:
            continue
        blobs = (image.config.descriptor, *(layer.descriptor for layer in image.layers))
        key = tuple(blob.digest for blob in blobs if blob)
        spelled = (replace(name, digest=None).familiar for name in root.names if name.tag and not name.disputed)
        chosen.setdefault(key, {}).update(dict.fromkeys(spelled))
    for (config, *layers), names in chosen.items():
        yield {
            "Config": _layout.blob_path(config),
            "RepoTags": [*names] or None,
            "Layers": [_layout.blob_path(layer) for layer in layers],
        }


def _one_image(root: Root) -> Image | None:
    """Return the image to use for an index where only one image fits: linux/amd64, else the first."""
    if isinstance(root.node, Image):
        return root.node
    found = [edge for edge in walk([root]) if isinstance(edge.node, Image)]
    fitting = (edge for edge in found if edge.platform and edge.platform.fits(_PREFERRED))
    first = next(fitting, next(iter(found), None))
    return first.node if first is not None and isinstance(first.node, Image) else None
