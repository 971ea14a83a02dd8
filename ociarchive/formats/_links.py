"""Hard links in a docker-archive, which loaders that read it member by member do not follow.

Go's archive/tar gives a link as an empty file. containers/image follows symbolic links, which Docker writes for layers
that are there twice, and no hard ones (docker/internal/tarfile: openTarComponent). Docker's classic store unpacks the
tar before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ociarchive.model import Image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ociarchive.container import Container
    from ociarchive.graph import GraphReader
    from ociarchive.model import Root


def check(container: Container, entry: str, listed: Sequence[Root], graph: GraphReader) -> None:
    """Note what manifest.json, the member `entry`, and its images need and find only through a hard link."""
    names = {entry: None}
    for root in listed:
        if isinstance(root.node, Image):
            names[root.node.config.name] = None
            # Of layers with one diff_id the first that an image lists is read.
            here = [layer for layer in root.node.layers if layer.source is not None]
            first = {layer.diff_id or layer.name: layer.name for layer in reversed(here)}
            names.update(dict.fromkeys(first.values()))
    for name in names:
        if container.is_hard_link(name):
            what = "a hard link where a file is needed: podman and skopeo do not follow it"
            graph.flaw("member-linked", what, f"{container.where}: {name}", name)
