"""LayerSources of manifest.json. For the diff_id of a layer it has the descriptor of the blob of origin.

moby writes them for layers that have a descriptor (image/tarexport/save.go), go-containerregistry for foreign ones
(pkg/legacy/tarball, pkg/v1/tarball). The blob need not be the one in the archive. For a layer that is unpacked here,
the descriptor may be that of the compressed blob in a registry. So a descriptor is compared only with bytes of its
own digest, after they were measured. This module looks at the documents alone.
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
    """Give the LayerSources of an image's layers. An entry that is malformed, or of none of them, is a flaw."""
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
