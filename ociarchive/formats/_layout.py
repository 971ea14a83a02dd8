"""Shared by all formats that keep an OCI image layout: blobs by digest and an index.json (image-layout.md)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ociarchive import documents, schema
from ociarchive.blobio.hashing import sha256
from ociarchive.blobio.limits import LimitError
from ociarchive.errors import ContentError, plural
from ociarchive.formats import _named
from ociarchive.graph import GraphReader
from ociarchive.mediatypes import DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST
from ociarchive.model import COSIGN_NAME, IMAGE_NAME, REF_NAME, Root, Stored
from ociarchive.oldimages import schema1
from ociarchive.values import MAX_WORD, REGISTERED, Descriptor, Digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.blobio.limits import Limits
    from ociarchive.blobio.source import ByteSource
    from ociarchive.container import Container
    from ociarchive.documents import Document
    from ociarchive.formats.format import Content
    from ociarchive.values import JSON

INDEX: Final = "index.json"
MARKER: Final = "oci-layout"
BLOBS: Final = "blobs/"
#: Paths beside the blobs: a delta's list, and the folder in which containerd and oras receive blobs.
_OWN: Final = re.compile(r"index\.json|oci-layout|delta\.json|ingest/|blobs/(?:[a-z0-9]+(?:[-+._][a-z0-9]+)*/)?")
#: Replaces a manifest that does not exist yet. In DEST a descriptor may have a shorter media type and a smaller size.
_SOME_DESCRIPTOR: Final = Descriptor.make(OCI_MANIFEST, Digest("sha256", "0" * 64), 0)
_MAY_SHRINK: Final = 40
#: Nobody writes more blanks before a document than this.
_BLANKS: Final = 64
_MARKER_CONTENT: Final = b'{"imageLayoutVersion":"1.0.0"}'


def owns(name: str) -> bool:
    """Whether a path belongs to an image layout. A folder's path ends in `/`."""
    if _OWN.fullmatch(name):
        return True
    algorithm, _, encoded = name.removeprefix(BLOBS).partition("/")
    return name.startswith(BLOBS) and Digest.maybe(f"{algorithm}:{encoded}") is not None


def has_layout(container: Container) -> bool:
    """Whether a container holds an image layout, or the rest of one."""
    return container.get(INDEX) is not None or has_marks(container)


def has_marks(container: Container) -> bool:
    """Whether a container has what only an image layout has: an index.json is written by other programs, too."""
    return container.get(MARKER) is not None or next(iter(container.names(BLOBS)), None) is not None


def reader(container: Container) -> GraphReader:
    """Return a reader of graphs over the blobs of a layout."""
    return GraphReader(lambda digest: container.get(blob_path(digest)), container.where, container.limits)


def blob_path(digest: Digest) -> str:
    """Return where a layout keeps a blob (image-layout.md, Content)."""
    return f"{BLOBS}{digest.algorithm}/{digest.hex}"


def load(container: Container, name: str, graph: GraphReader) -> Document | None:
    """Return an entry document, None where there is none. DocumentError: it is not strict JSON."""
    source = container.get(name)
    return graph.read_document(source, container.limits.manifest_size) if source is not None else None


def first_of(source: ByteSource) -> bytes:
    """Return the first character of a document that is not blank, which says what kind of JSON it is; else nothing."""
    return source.head(_BLANKS).lstrip()[:1]


def read_index(index: Document, graph: GraphReader, where: str) -> tuple[Root, ...] | None:
    """Return the roots of an index.json; None, and a flaw, where it lists nothing that could be a root."""
    try:
        listed = schema.list_in(schema.object_in(index.value, INDEX), "manifests")
    except schema.Malformed as error:
        graph.failed(error, where, INDEX)
        return None
    version = schema.version_in(index.members)
    graph.problems([version] if version else [], where, INDEX)
    if not listed:
        graph.flaw("index-empty", "index.json lists nothing", f"{where}#/manifests", INDEX)
    told = index.members.get("mediaType")
    if told not in (None, OCI_INDEX):
        what = "index.json is an image index, its mediaType is another"
        graph.flaw("media-type-conflict", what, f"{where}#/mediaType", INDEX, OCI_INDEX, str(told)[:80])
    if "layers" in index.members or "config" in index.members:
        graph.flaw("document-ambiguous", "index.json is an index and a manifest at once", where, INDEX)
    graph.problems(schema.index_problems(index.members), where, INDEX)
    roots = []
    for number, entry in enumerate(listed):
        try:
            descriptor = schema.descriptor_in(entry, f"/manifests/{number}")
        except schema.Malformed as error:
            graph.failed(error, where, INDEX)
            continue
        _named.check(descriptor, graph, f"{where}#/manifests/{number}/annotations")
        roots.append(_named.root(descriptor, graph.node(descriptor)))
    return tuple(roots)


def stored(container: Container, graph: GraphReader) -> tuple[Stored, ...]:
    """Return all files in the places where a layout keeps blobs."""
    found = []
    for name in container.names(BLOBS):
        algorithm, slash, encoded = name.removeprefix(BLOBS).partition("/")
        if not slash and algorithm in REGISTERED:
            if container.kind == "tar":
                continue  # reported when the tar was read
            what = "a file stands where blobs need a folder"
            graph.flaw("member-not-a-folder", what, f"{container.where}: {name}", name)
            continue
        digest = Digest.maybe(f"{algorithm}:{encoded}") if slash else None
        found.append(Stored(name=name, digest=digest, source=container.get(name)))
        require_few(len(found), container)
    return tuple(found)


def require_few(count: int, container: Container) -> None:
    """Refuse more blobs than a report can list. LimitError: there are more."""
    if count > container.limits.listed:
        what = f"more than the {plural(container.limits.listed, 'blob')} allowed lie in the archive"
        raise LimitError(what, "listed", where=container.where)


def marker() -> tuple[str, bytes]:
    """Return the file that makes a folder an image layout (image-layout.md, oci-layout file)."""
    return MARKER, _MARKER_CONTENT


def index_json(content: Content, *, everywhere: bool = False) -> bytes:
    """Return the index.json of a content. It is unchanged where it is still true. Unknown members are always kept.

    With `everywhere` an image's name is in both annotations in which engines look for it.
    """
    entries = [entry.raw for root in content.roots for entry in entries_of(root, everywhere=everywhere)]
    if content.entry is not None:
        if content.entry.members.get("manifests") == entries:
            return content.entry.raw
        return documents.dump({**content.entry.members, "manifests": list(entries)})
    value: JSON = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": list(entries)}
    return documents.dump(value)


def require_readable(content: Content, limits: Limits, *, everywhere: bool = False) -> None:
    """Refuse a content whose index.json would be larger than readers accept: each name repeats its descriptor.

    Roots without a descriptor, and roots that change, count with their smallest possible size.
    """
    size = 0
    for root in content.roots:
        known = root if root.descriptor is not None else replace(root, descriptor=_SOME_DESCRIPTOR)
        for entry in entries_of(known, everywhere=everywhere):
            size += len(documents.dump(entry.raw)) - _MAY_SHRINK
            if size > limits.manifest_size:
                most = plural(limits.manifest_size, "byte")
                raise ContentError(
                    f"{INDEX} of DEST would be larger than the {most} that readers take",
                    hint="take fewer names with --image, or lift the limit with --limit manifest-size=N",
                )


def entries_of(root: Root, *, everywhere: bool = False) -> Iterator[Descriptor]:
    """Give the descriptors by which an index.json names a root: the present one, and one for each further name."""
    if root.descriptor is None:
        raise RuntimeError("a root in DEST has a descriptor")
    told, _ = _named.names_of(root.descriptor)
    annotations = root.descriptor.annotations
    # A name that the root lost (it got another one) was removed from its annotations before.
    if everywhere and told and not {IMAGE_NAME, REF_NAME} <= annotations.keys():
        full = str(told[0])
        yield root.descriptor.annotate({IMAGE_NAME: full, REF_NAME: full, **annotations})
    elif told or not root.names or root.ref_name:
        yield root.descriptor
    new = [name for name in root.names if name not in told]
    for name in new:
        kept = annotations if not told else {key: text for key, text in annotations.items() if key != COSIGN_NAME}
        yield root.descriptor.annotate({**kept, IMAGE_NAME: str(name), REF_NAME: str(name)})


def described(document: Document, digest: Digest | None = None) -> Descriptor:
    """Return the descriptor of a document that no descriptor names. `digest` is the one that its place gives it."""
    if schema1.is_one(document.members):
        found = schema1.described(document)
        if digest in (None, found.digest):
            return found
        return Descriptor.make(found.media_type, digest, len(document.raw))
    return Descriptor.make(media_type_of(document), digest or sha256(document.raw), len(document.raw))


def media_type_of(document: Document) -> str:
    """Return the media type of a document that no descriptor names: its own, else the one its members imply."""
    told = document.members.get("mediaType")
    if isinstance(told, str) and len(told) <= MAX_WORD:
        return told
    if "manifests" in document.members:
        return OCI_INDEX
    config = document.members.get("config")
    docker = isinstance(config, dict) and str(config.get("mediaType")).startswith("application/vnd.docker.")
    return DOCKER_MANIFEST if docker else OCI_MANIFEST


def marker_flaws(container: Container, graph: GraphReader) -> None:
    """Note what is wrong with the file that states the version of the layout."""
    try:
        found = load(container, MARKER, graph)
    except LimitError as error:
        graph.failed(error, f"{container.where}: {MARKER}", MARKER)
        return
    except ContentError as error:
        graph.flaw("layout-version", error.what, f"{container.where}: {MARKER}", MARKER)
        return
    where = f"{container.where}: {MARKER}"
    if found is None and container.damaged:
        return
    if found is None:
        graph.flaw("layout-version", "a layout lacks its file oci-layout", where, MARKER, "a file", schema.NOTHING)
        return
    graph.problems(schema.marker_problems(found.members), where, MARKER)
    version = found.members.get("imageLayoutVersion")
    if version != "1.0.0":
        told = documents.dump(version).decode()[:40] if "imageLayoutVersion" in found.members else schema.NOTHING
        what = "no version of the image layout" if version is None else "unknown version of the image layout"
        graph.flaw("layout-version", what, where, MARKER, "1.0.0", told)
