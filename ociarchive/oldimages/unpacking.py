"""The diff_ids of layers that no config lists: each layer is read to its end, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ociarchive.blobio.codec import MAGIC, sniff
from ociarchive.measure import measure
from ociarchive.mediatypes import OCI_LAYER, layer_type
from ociarchive.schema import Malformed
from ociarchive.values import Descriptor

if TYPE_CHECKING:
    from ociarchive.blobio.limits import Limits
    from ociarchive.blobio.source import ByteSource
    from ociarchive.measure import Measured
    from ociarchive.values import Digest


class Unpacking:
    """Unpacks layers of one archive within its limits, and keeps their `facts`."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits.within(0)
        self.facts: dict[ByteSource, Measured] = {}

    def diff_id(self, descriptor: Descriptor | None, source: ByteSource | None) -> Digest | None:
        """Return the digest of what a layer unpacks to.

        Malformed: it is not there, or does not unpack; the rule says why. ContentError: it was cut short while it was
        read. HostError: it cannot be read.
        """
        if source is None:
            raise Malformed("layer is named and not in the archive, so that no config can be made", rule="blob-missing")
        if source not in self.facts:
            self._limits.more(source.size or 0)
            asked = [descriptor.digest.algorithm] if descriptor is not None else []
            self.facts[source] = measure(source, limits=self._limits, unpack=True, algorithms=asked)
        fact = self.facts[source]
        if fact.limit is not None:
            raise Malformed(f"layer: {fact.limit}", rule="limit-unpacked")
        if fact.damage is not None:
            raise Malformed(f"layer: {fact.damage}", rule="layer-damaged")
        return fact.diff_id


def descriptor_of(digest: Digest, source: ByteSource | None) -> Descriptor:
    """Return the descriptor of a layer that a manifest names by its digest alone.

    Its first bytes show how it is stored. HostError: it cannot be read.
    """
    if source is None:
        return Descriptor.make(f"{OCI_LAYER}+gzip", digest, 0)
    codec = sniff(source.head(MAGIC)).name
    return Descriptor.make(layer_type("oci", codec) or f"{OCI_LAYER}+{codec}", digest, source.size or 0)
