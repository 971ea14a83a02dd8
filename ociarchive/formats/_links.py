"""Links in a docker-archive that loaders which read it member by member do not follow.

Go's archive/tar gives a link as an empty file. containers/image follows symbolic links to manifest.json and configs; of
layers with one diff_id it reads the first that an image lists, so that the others may be any links
(docker/internal/tarfile: findTarComponent, prepareLayerData). Docker's classic store unpacks the tar before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ociarchive.model import Image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ociarchive.container import Container
    from ociarchive.container.protocol import LinkKind
    from ociarchive.graph import GraphReader
    from ociarchive.model import Root


def check(container: Container, entry: str, listed: Sequence[Root], graph: GraphReader) -> None:
    """Note what manifest.json, the member `entry`, and its images need and find only through such a link."""
    found = [root.node for root in listed if isinstance(root.node, Image)]
    names = dict.fromkeys((entry, *(image.config.name for image in found)))
    linked: dict[str, LinkKind] = {name: "hard" for name in names if container.link(name) == "hard"}
    for image in found:
        first = {layer.diff_id or layer.name: layer for layer in reversed(image.layers) if layer.source is not None}
        for layer in first.values():
            kind = container.link(layer.name)
            if kind is not None:
                linked[layer.name] = kind
    for name, how in linked.items():
        what = f"a {how} link where a file is needed: podman and skopeo do not follow it"
        graph.flaw("member-linked", what, f"{container.where}: {name}", name)
