"""LayerSources of manifest.json: for diff_ids of layers the descriptors of blobs that the layers came from.

moby writes them for layers that have a descriptor (image/tarexport/save.go), go-containerregistry for foreign ones
(pkg/legacy/tarball, pkg/v1/tarball). The blob need not be what the archive holds: of a layer that lies here unpacked
the descriptor may be that of the compressed blob in a registry. So what a descriptor says is held against bytes of
its own digest alone, when they were measured; here only what the documents tell is looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ociarchive import schema
from ociarchive.formats import _layout
from ociarchive.model import LayerSource
from ociarchive.schema import Malformed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.container import Container
    from ociarchive.graph import GraphReader
    from ociarchive.model import Image
    from ociarchive.values import JSON

_SUBJECT = "manifest.json"


def read(value: JSON, image: Image, container: Container, graph: GraphReader, where: str) -> Iterator[LayerSource]:
    """Give what LayerSources say of an image's layers; what is malformed, or of no layer of it, is a flaw."""
    if value is None:
        return
    try:
        members = schema.object_in(value, "LayerSources")
    except Malformed as error:
        graph.flaw(error.rule, error.message, where, _SUBJECT, error.expected, error.found)
        return
    if image.config_document is None:
        return  # the layers' diff_ids are not known
    by_diff_id = {str(layer.diff_id): layer for layer in image.layers}
    for diff_id, entry in members.items():
        try:
            descriptor = schema.descriptor_in(entry, f"/{diff_id[:80]}")
        except Malformed as error:
            graph.flaw(error.rule, error.message, f"{where}{error.pointer}", _SUBJECT, error.expected, error.found)
            continue
        layer = by_diff_id.get(diff_id)
        if layer is None:
            what = "LayerSources names a diff_id that no layer has"
            graph.flaw("layer-sources-mismatch", what, where, diff_id[:200])
        elif layer.source is not None:
            blob = container.get(_layout.blob_path(descriptor.digest))
            yield LayerSource(layer=layer, descriptor=descriptor, blob=blob, where=where)
