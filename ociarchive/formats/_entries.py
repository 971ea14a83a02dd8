"""What an index.json says of its entries and of itself, and a format without one has no place for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ociarchive.errors import clipped, some
from ociarchive.formats import _layout
from ociarchive.formats.format import LeftOut
from ociarchive.model import COSIGN_KIND, COSIGN_NAME, IMAGE_NAME, REF_NAME, Artifact, Image, Index
from ociarchive.values import Reference

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ociarchive.formats.format import Content
    from ociarchive.model import Node, Root
    from ociarchive.values import JSON

#: What every index.json has, and what the place of a manifest says as well.
_OF_INDEX: Final = frozenset(("schemaVersion", "mediaType", "manifests"))
_OF_ENTRY: Final = frozenset(("mediaType", "digest", "size", "data", "annotations", "platform", "artifactType"))
#: Annotations that are names, or say what a name is of. Names have their own places.
_NAMING: Final = frozenset((IMAGE_NAME, REF_NAME, COSIGN_NAME, COSIGN_KIND))
#: How much of a key a message shows, in characters.
_SHOWN: Final = 80


def left_behind(content: Content, roots: Sequence[Root], why: str) -> Iterator[LeftOut]:
    """Give what is lost where some roots of a content are stored without an index.json.

    It is what index.json says of itself, and what entries say beside names. Entries that lose the same are one.
    """
    own = [] if content.entry is None else sorted(content.entry.members.keys() - _OF_INDEX)
    if own:
        yield LeftOut(what=f"{_listed(own)} of {_layout.INDEX}", why=why)
    losing: dict[str, dict[str, None]] = {}
    known: dict[int, str] = {}
    for root in roots:
        key = id(root.descriptor)
        if key not in known:  # many names may share one entry
            known[key] = said_by_entry(root)
        if known[key]:
            losing.setdefault(known[key], {})[root.label] = None
    for what, labels in losing.items():
        yield LeftOut(what=f"{what} of the entry of {some(labels)}", why=why)
    for root in roots:
        if root.ref_name is not None and root.names and not _says(root.names, root.ref_name):
            yield LeftOut(what=f"name {root.ref_name}", why=why)


def said_by_entry(root: Root) -> str:
    """Return the members of a root's entry, and its annotations, that nothing else in the archive says, in words."""
    return _listed(list(_of_entry(root)))


def _listed(keys: Sequence[str]) -> str:
    return some(clipped(key, _SHOWN) for key in keys)


def _of_entry(root: Root) -> Iterator[str]:
    """Give the members of an entry, and its annotations, that nothing else in the archive says."""
    raw = root.descriptor.raw if root.descriptor is not None else {}
    yield from (key for key in raw if key not in _OF_ENTRY)
    if raw.get("platform") and not _is_told(raw["platform"], root.node):
        yield "platform"
    if raw.get("artifactType") and raw["artifactType"] != _type_of(root.node):
        yield "artifactType"
    annotations = raw.get("annotations")
    for key in annotations if isinstance(annotations, dict) else ():
        if key not in _NAMING:
            yield f"annotation {key}"


def _is_told(platform: JSON, node: Node) -> bool:
    """Whether an image's config says the same of its platform."""
    config = node.config_document if isinstance(node, Image) else None
    members = config.members if config is not None else {}
    return isinstance(platform, dict) and all(members.get(key) == value for key, value in platform.items())


def _type_of(node: Node) -> JSON:
    """Return the type of an artifact as its own manifest has it (image-spec, manifest.md, artifactType)."""
    document = node.document if isinstance(node, Artifact | Image | Index) else None
    members = document.members if document is not None else {}
    config = members.get("config")
    return members.get("artifactType") or (config.get("mediaType") if isinstance(config, dict) else None)


def _says(names: Sequence[Reference], ref_name: str) -> bool:
    """Whether a ref.name is one of some names, or the tag of one."""
    return Reference.maybe(ref_name) in names or any(name.tag == ref_name for name in names)
