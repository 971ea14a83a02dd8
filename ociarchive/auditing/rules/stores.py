"""Rules about the storage of engines: whether its images can be had again byte for byte."""

from __future__ import annotations

from typing import Final

from ociarchive.auditing.controls import COMPLETENESS, IDENTITY, LAYERS
from ociarchive.auditing.rule import Rule, noticed

_SPLIT: Final = "vbatts/tar-split, storage; moby, layer/filestore.go; containers/storage, layers.go"
_ELSEWHERE: Final = "Get the image from a registry or another engine; the engine itself cannot save it either."

RULES: Final = (
    Rule(
        id="store-name-dangling", severity="error", control=COMPLETENESS,
        spec="moby, reference/store.go; containers/storage, images.go; containerd, metadata/buckets.go",
        summary="A name in an engine's storage leads to an image that is not there.",
        advice="The storage was copied in part, or damaged: remove the name there, or get the image again.",
        check=noticed("store-name-dangling"),
    ),
    Rule(
        id="store-list-remote", severity="warning", control=COMPLETENESS,
        spec="containers/storage, images.go; containers/common, libimage/manifests",
        summary="A manifest list in an engine's storage names only images that are in registries.",
        advice="Expected where the list was made of images in registries; get it from where it was pushed.",
        check=noticed("store-list-remote"),
    ),
    Rule(
        id="store-manifest", severity="warning", control=IDENTITY, spec="containers/storage, images.go, BigDataDigests",
        summary="A manifest that an engine's storage keeps of an image is another than the storage says, or is gone.",
        advice="Config and layers are proved without it; what it says beside them, such as annotations, is lost there.",
        check=noticed("store-manifest"),
    ),
    Rule(
        id="store-chain", severity="error", control=IDENTITY,
        spec="image-spec, config.md, Layer ChainID; moby, layer/layer.go; containers/storage, layers.go",
        summary="An engine's storage says that a layer is another, or lies on another, than the image's config says.",
        advice="The storage was altered or damaged: get the image again.",
        check=noticed("store-chain"),
    ),
    Rule(
        id="tar-split-missing", severity="error", control=COMPLETENESS, spec=_SPLIT,
        summary="A layer lies in an engine's storage without the tar-split data that rebuild its tar.",
        advice=_ELSEWHERE, check=noticed("tar-split-missing"),
    ),
    Rule(
        id="layer-not-rebuilt", severity="error", control=LAYERS, spec=_SPLIT,
        summary="A layer cannot be rebuilt from an engine's storage: a file of it is gone, changed, or was sparse.",
        advice=_ELSEWHERE, check=noticed("layer-not-rebuilt"),
    ),
    Rule(
        id="layer-discarded", severity="error", control=COMPLETENESS,
        spec="containerd, content store; discard_unpacked_layers of its CRI plugin",
        summary="containerd has a layer only unpacked in a snapshot, from which its bytes cannot be had.",
        advice="Pull the image again with its layers, or get it from a registry or another engine.",
        check=noticed("layer-discarded"),
    ),
)  # fmt: skip
