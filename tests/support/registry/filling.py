"""Filling a registry of tests with what `tests.support.build` makes."""

import json

from ociarchive.values import Digest
from tests.support.build import Json, Node
from tests.support.registry.server import Registry


def put(registry: Registry, name: str, node: Node, tag: str | None = None) -> Digest:
    """Keep a manifest or index with all below it in a repository, under a tag where one is given."""
    _put_below(registry, name, node.document, node)
    raw = node.blobs[node.digest]
    return registry.put(name, raw, str(node.descriptor["mediaType"]), tag=tag)


def _put_below(registry: Registry, name: str, document: Json, node: Node) -> None:
    for entry in document.get("manifests", ()):
        raw = node.blobs.get(entry["digest"])
        if raw is not None:
            _put_below(registry, name, json.loads(raw), node)
            registry.put(name, raw, entry["mediaType"])
    for entry in (document.get("config"), *document.get("layers", ())):
        if entry is not None and entry["digest"] in node.blobs:
            registry.store.put_blob(name, node.blobs[entry["digest"]])
