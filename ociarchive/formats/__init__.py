"""The formats: one module each, in one tuple. Adding one touches this tuple alone, and the names of those written.

A registry is no file, so it stands beside the tuple.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from ociarchive import near
from ociarchive.errors import UsageError
from ociarchive.formats import _lookalike
from ociarchive.formats._storages import CONTAINERD_STORAGE, CONTAINERS_STORAGE, DOCKER_STORAGE
from ociarchive.formats.dir import DIR
from ociarchive.formats.docker_archive import DOCKER_ARCHIVE
from ociarchive.formats.oci_layout import OCI_ARCHIVE, OCI_LAYOUT
from ociarchive.formats.registry import REGISTRY
from ociarchive.formats.registry_storage import REGISTRY_STORAGE

if TYPE_CHECKING:
    from ociarchive.container import Container
    from ociarchive.formats.format import Format, Holding, Layout
    from ociarchive.values import Digest

#: The names of the formats that can be written, for type checkers.
FormatName: TypeAlias = Literal["docker-archive", "oci-layout", "oci-archive", "dir", "registry-storage"]
FORMATS: Final[tuple[Format, ...]] = (
    DOCKER_ARCHIVE, OCI_LAYOUT, OCI_ARCHIVE, DIR, REGISTRY_STORAGE, DOCKER_STORAGE, CONTAINERS_STORAGE,
    CONTAINERD_STORAGE,
)  # fmt: skip


def format_of(name: str) -> Format:
    """Return the format of a name that is known to exist, such as an archive's `format`."""
    return next(known for known in (*FORMATS, REGISTRY) if known.name == name)


def written() -> tuple[str, ...]:
    """Return the names of the formats that can be written."""
    return tuple(known.name for known in FORMATS if known.layout is not None)


def by_name(name: str) -> Format:
    """Return the format that `--to` names. UsageError: it is unknown or can only be read."""
    known = next((known for known in FORMATS if known.name == name), None)
    if name == REGISTRY.name:
        raise UsageError("a registry is no format for --to", hint="name it as DEST: docker://HOST/NAME:TAG")
    if known is not None:
        layout_of(known)
        return known
    hint = near.hint(name, written(), _lookalike.MEANT)
    raise UsageError(f"unknown format {name}", expected=f"one of {', '.join(written())}", hint=hint)


def writable(known: Format) -> Holding:
    """Return what a format can hold. UsageError: the format can only be read."""
    if known.holding is None:
        raise _only_read(known)
    return known.holding


def layout_of(known: Format) -> Layout:
    """Return the layout of a format. UsageError: no file can be written in it."""
    if known.layout is None:
        raise _only_read(known)
    return known.layout


def _only_read(known: Format) -> UsageError:
    return UsageError(f"{known.name} can be read, not written", expected=f"one of {', '.join(written())}")


def blob_names(digest: Digest) -> frozenset[str]:
    """Return the names that a blob or manifest of a digest has in the formats."""
    layouts = [known.layout for known in FORMATS if known.layout is not None]
    blobs = (layout.blob_path(digest) for layout in layouts)
    return frozenset((*blobs, *(layout.document_path(digest, root=False) for layout in layouts)))


def entry_documents() -> frozenset[str]:
    """Return the names of the files with which archives begin."""
    return frozenset(name for known in FORMATS for name in known.reader.documents)


def detect(container: Container) -> Format | None:
    """Return the format of a container, found from its content alone; None where it has none."""
    return next((known for known in FORMATS if known.reader.probe(container)), None)


def is_any_formats(name: str) -> bool:
    """Whether some format gives a file this path. A folder's path ends in `/`."""
    return any(known.reader.owns(name) for known in FORMATS)
