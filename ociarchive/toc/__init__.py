"""Tables of contents inside of layers, by which engines fetch single files: eStargz and zstd:chunked.

An engine that believes a table never sees the layer's whole stream, so that a wrong table is another image. Sources:
containerd/stargz-snapshotter, docs/estargz.md (footer, TOC); containers/storage, pkg/chunked/internal (annotations and
manifest of zstd:chunked).
"""

from ociarchive.toc.annotations import CHUNKED, has_table, told_of_table

__all__ = ["CHUNKED", "has_table", "told_of_table"]
