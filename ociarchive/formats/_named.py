"""The names that the annotations of index.json give: those of image-spec, of containerd and of cosign.

Sources: image-spec, annotations.md; containerd, images/annotations.go, images/archive; cosign, pkg/oci/layout.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ociarchive.model import COSIGN_KIND, COSIGN_KINDS, COSIGN_NAME, IMAGE_NAME, REF_NAME, Root
from ociarchive.values import MAX_REFERENCE, Descriptor, Reference

if TYPE_CHECKING:
    from ociarchive.graph import GraphReader
    from ociarchive.model import Node

#: image-spec, annotations.md, org.opencontainers.image.ref.name
_REF_NAME: Final = re.compile(
    r"[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*(?:/[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*)*\Z"
)
_GRAMMAR: Final = "letters and digits, with one of -._:@+/ or -- between them"


def root(descriptor: Descriptor, node: Node) -> Root:
    """Return the root of a descriptor of index.json with the names in its annotations."""
    names, ref_name = names_of(descriptor)
    attached = Reference.maybe(descriptor.annotation(COSIGN_NAME)) if _speaks(descriptor) else None
    return Root(descriptor=descriptor, node=node, names=names, ref_name=ref_name, attached=attached)


def names_of(descriptor: Descriptor) -> tuple[tuple[Reference, ...], str | None]:
    """Return the image names and the ref.name that a descriptor of index.json carries.

    A ref.name without `/` and `:` may be a tag or something else, and so is the end of the other name. It is no image
    name.
    """
    annotations = descriptor.annotations
    ref_name = annotations.get(REF_NAME)
    if ref_name is not None and len(ref_name) > MAX_REFERENCE:
        ref_name = None  # no name: the reader notes it
    spelled = [annotations.get(IMAGE_NAME), None if _speaks(descriptor) else annotations.get(COSIGN_NAME)]
    if ref_name and set("/:") & set(ref_name) and not _ends(annotations.get(IMAGE_NAME, ""), ref_name):
        spelled.append(ref_name)
    found = (Reference.maybe(text) for text in spelled if text)
    return tuple(dict.fromkeys(name for name in found if name)), ref_name


def refuses(name: Reference) -> str | None:
    """Return why a name cannot be a ref.name (image-spec, annotations.md), None where it can."""
    return None if _REF_NAME.match(str(name)) else f"a ref.name is {_GRAMMAR}"


def _speaks(descriptor: Descriptor) -> bool:
    """Whether cosign says that this is a signature, attestation or SBOM of the image that it names."""
    return (descriptor.annotation(COSIGN_KIND) or "").endswith(COSIGN_KINDS)


def _ends(name: str, ref_name: str) -> bool:
    """Whether a ref.name is only the end of an image name: tag, digest or both (containerd, images/archive).

    containerd leaves the `@` before a digest, which the grammar of a ref.name does not allow.
    """
    before = name.removesuffix(ref_name)
    return before != name and "/" not in ref_name and (before.endswith(":") or ref_name.startswith("@"))


def check(descriptor: Descriptor, graph: GraphReader, where: str) -> None:
    """Note naming annotations whose value is no valid name (image-spec, annotations.md; containerd)."""
    name, ref_name = descriptor.annotation(IMAGE_NAME), descriptor.annotation(REF_NAME)
    if name is not None and Reference.maybe(name) is None:
        what = f"{IMAGE_NAME} is no image name"
        graph.flaw("reference-malformed", what, where, descriptor.digest, "NAME:TAG", repr(name[:80]))
    if ref_name is not None and ref_name.startswith("@") and _ends(name or "", ref_name):
        return
    if ref_name is not None and (len(ref_name) > MAX_REFERENCE or not _REF_NAME.match(ref_name)):
        what = f"{REF_NAME} is malformed"
        graph.flaw("reference-malformed", what, where, descriptor.digest, _GRAMMAR, repr(ref_name[:80]))
