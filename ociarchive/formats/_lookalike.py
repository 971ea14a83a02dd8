"""What is nearly an archive: the wrong folder of a registry, a parent folder, bytes that Windows' tools changed.

Each is recognised by certain signs only. The answer is one sentence that says what to do.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Final

from ociarchive.blobio.codec import NONE, sniff
from ociarchive.blobio.source import close_read, open_regular
from ociarchive.container import PrefixedContainer, common_folder, looks_like_tar
from ociarchive.errors import OciArchiveError
from ociarchive.flaws import Flaw
from ociarchive.formats import _layout
from ociarchive.formats._storages import DATABASE
from ociarchive.stores.folder import DRIVERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ociarchive.container import Container
    from ociarchive.formats.format import Format

#: Where a registry keeps everything below its root, and the paths that its inner folders lack, innermost first.
_REGISTRY: Final = "docker/registry/v2"
_LEVELS: Final = ("", "v2/", "registry/v2/")
#: containerd's blobs in its root.
_CONTENT: Final = "io.containerd.content.v1.content"
_LINKS: Final = ("/_manifests/", "/_layers/", "/_uploads/")
#: Names of an archive's parts with the folders that Windows writes.
_BACKSLASHED: Final = re.compile(
    r"(?:^|\\)(?:blobs\\[^\\]+\\[^\\]+|[^\\]+\\(?:layer\.tar|json)|index\.json|_layers\\.*)\Z"
)
#: Folders of formats that may hold all of an archive that is cut short, beside those of an old layer.
_BEGINNINGS: Final = (
    "blobs/",
    f"{_REGISTRY}/",
    "image/",
    f"{_CONTENT}/",
    f"{os.path.dirname(DATABASE)}/",
    *(f"{driver}-images/" for driver in DRIVERS),
)
_LAYER: Final = re.compile(r"[0-9a-f]{64}/")
#: How many files and folders are examined: enough to find an archive among its neighbours.
_LOOKED_AT: Final = 1000
_HEAD: Final = 1024
_SHOWN: Final = 3
_BYTE_ORDER_MARKS: Final = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}

#: Names of formats in other programs.
MEANT: Final = {
    "docker": "docker-archive",
    "docker-save": "docker-archive",
    "docker-tar": "docker-archive",
    "tar": "docker-archive for docker load, or oci-archive",
    "docker-dir": "dir",
    "directory": "dir",
    "oci": "oci-layout for a folder, or oci-archive for a tar",
    "oci-dir": "oci-layout",
    "oci-image-layout": "oci-layout",
    "layout": "oci-layout",
    "oci-tar": "oci-archive",
    "registry": "registry-storage",
    "distribution": "registry-storage",
}
#: How many levels of folders are searched for an archive in a tar.
_DEEPEST: Final = 16


@dataclass(frozen=True, slots=True)
class Lookalike:
    """What a path or file is instead of an archive, and what to do."""

    what: str
    found: str
    hint: str


def misread(container: Container, path: str) -> Lookalike | None:
    """Return what a container is if its members only look like an archive's. `path` is that of a folder."""
    return _backslashed(container) or _inside_registry(container, path) or _inside_containerd(container, path)


def folders_of_all(container: Container) -> Iterator[tuple[str, Container]]:
    """Give the folders that contain all members, the outermost first, and the content of each.

    Those are left out in which the next one is none that a format has, so that no archive can begin there.
    """
    parts = [part for part in common_folder(container.names()).split("/") if part]
    for depth in range(1, min(len(parts), _DEEPEST) + 1):
        folder, inner = "/".join(parts[:depth]), "/".join(parts[depth:])
        if not inner or _may_begin(f"{inner}/"):
            yield folder, PrefixedContainer(container, folder, inner)


def _may_begin(inner: str) -> bool:
    """Whether all of an archive may lie in such a folder of its own."""
    known = (*_BEGINNINGS, *(f"{level}repositories/" for level in _LEVELS))
    return _LAYER.fullmatch(inner) is not None or any(one.startswith(inner) or inner.startswith(one) for one in known)


def is_marked(found: Format, container: Container) -> bool:
    """Whether a format is certain. Many programs write an index.json or a manifest.json."""
    if found.name == "docker-archive":
        source = container.get("manifest.json")
        return source is not None and _layout.first_of(source) == b"["
    marker = "oci-layout" if found.name == "oci-archive" else found.reader.marker
    return marker is None or container.get(marker) is not None


def note_folder(folder: str, container: Container) -> None:
    """Note that an archive is in a folder of its tar."""
    _wrapped(container, f"the archive lies in the folder {folder} of the tar, where engines do not look")


def note_packed(found: Format, container: Container) -> None:
    """Note that a tar holds a format that all other programs keep in a folder."""
    if found.layout is not None and found.layout.kind == "directory":
        _wrapped(container, f"a tar of a {found.name}, which other programs read as a folder alone")


def _wrapped(container: Container, message: str) -> None:
    where = container.where
    container.flaws.add(Flaw(rule="archive-wrapped", where=where, message=message, subject=where))


def _backslashed(container: Container) -> Lookalike | None:
    """Recognise names made on Windows: there is no folder, and the archive's paths contain backslashes."""
    flat = 0
    found = None
    names = islice(container.names(), container.limits.members)
    for name in takewhile(lambda one: "/" not in one, names):
        flat += 1
        if found is None and "\\" in name and _BACKSLASHED.search(name):
            found = name
    if found is None or next(islice(container.names(), flat, None), None) is not None:
        return None
    return Lookalike(
        "names have backslashes where folders need slashes",
        found[:200],
        "a program on Windows packed or unpacked this: use `tar` there, or bring the archive as it was",
    )


def _inside_registry(container: Container, path: str) -> Lookalike | None:
    """Recognise a folder inside a registry's folder, whose blobs look like those of a layout."""
    if container.get("index.json") is not None or container.get("oci-layout") is not None:
        return None
    for level in _LEVELS:
        if container.get(f"{level}repositories") is not None:
            continue  # a file, which an old `docker save` has
        names = islice(container.names(f"{level}repositories/"), _LOOKED_AT)
        if any(mark in name for name in names for mark in _LINKS):
            missing = _REGISTRY.removesuffix(level.rstrip("/")).rstrip("/")
            what = "not an image archive, but a folder inside of a registry's root"
            return Lookalike(what, f"{level}repositories", _root(container, path, missing))
    return None


def _inside_containerd(container: Container, path: str) -> Lookalike | None:
    """Recognise containerd's folder of blobs, which looks like a layout without its documents."""
    above, name = os.path.split(os.path.abspath(path))
    if name != _CONTENT or container.kind != "directory" or container.get("index.json") is not None:
        return None
    return within(above) if os.path.isfile(os.path.join(above, DATABASE)) else None


def _root(container: Container, path: str, missing: str) -> str:
    if container.kind == "tar":
        return f"pack the folder that holds {_REGISTRY}"
    if os.path.abspath(path).endswith(f"/{missing}"):
        return f"name {os.path.normpath(os.path.join(path, *['..'] * (missing.count('/') + 1)))}"
    return f"move it to where it has {missing} above it, and name the folder above that"


def below(folder: str, is_archive: Callable[[str], bool]) -> Lookalike | None:
    """Return what to name instead of a folder that only contains archives. `is_archive` judges a folder."""
    found = list(_archives_in(folder, is_archive))
    if not found:
        return None
    shown = ", ".join(found[:_SHOWN])
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    if len(found) == 1 and os.path.isdir(found[0]):
        return Lookalike("not an image archive, one lies a folder deeper", shown, "name that one")
    what = "not an image archive, but a folder of archives"
    return Lookalike(what, shown + more, "name one, or audit all with `audit --recursive`")


def within(around: str | None) -> Lookalike | None:
    """Return what to name instead of a folder that lies in an archive's. `around` is that one's path."""
    return Lookalike("not an image archive, but a folder inside of one", around, "name that one") if around else None


def _archives_in(folder: str, is_archive: Callable[[str], bool]) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            looked_at = sorted(islice(entries, _LOOKED_AT), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in looked_at:
        path = os.path.join(folder, entry.name)
        if entry.name.startswith("."):
            continue
        if is_archive(path) if entry.is_dir(follow_symlinks=False) else os.path.isfile(path) and _may_be_tar(path):
            yield path


def _may_be_tar(path: str) -> bool:
    """Whether a file begins like a tar, or is compressed and has the name of one."""
    try:
        fd = open_regular(path, path)
    except OciArchiveError:
        return False
    try:
        head = os.pread(fd, _HEAD, 0)
    except OSError:
        return False
    finally:
        close_read(fd)
    return looks_like_tar(head) or (sniff(head) is not NONE and re.search(r"\.t(?:ar|gz|zst|xz)", path) is not None)


def utf16(head: bytes) -> Lookalike | None:
    """Recognise, by its first bytes, a tar or gzip whose bytes were taken for text and written as UTF-16."""
    encoding = _BYTE_ORDER_MARKS.get(head[:2])
    if encoding is None:
        return None
    text = head[2:].decode(encoding, "replace")
    if text[257:262] != "ustar" and not text.startswith("\x1f"):
        return None
    return Lookalike(
        "the archive was turned into text, and bytes of it are lost",
        "UTF-16, which PowerShell's `>` writes",
        "write it anew without `>`: `docker save -o app.tar IMAGE`",
    )
