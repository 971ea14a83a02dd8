"""`--have`: what the other side has, from a file whose content says what it is.

It may be an inventory, what an engine's `image inspect` prints, a list of digests, or any SOURCE.
"""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import replace
from typing import TYPE_CHECKING, Final, cast

from ociarchive import documents, schema
from ociarchive.auditing.evidence import sniffed
from ociarchive.blobio.filetype import HEAD
from ociarchive.blobio.partlist import looks_like_list
from ociarchive.errors import ContentError, UsageError, cannot, plural
from ociarchive.gap import bases
from ociarchive.gap.held import Held
from ociarchive.gap.inventory import inventory
from ociarchive.model import images
from ociarchive.objects.address import is_object
from ociarchive.remote.address import Access, is_remote
from ociarchive.schema import Malformed
from ociarchive.selection.select import nothing_in
from ociarchive.values import Digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ociarchive.blobio.limits import Limits
    from ociarchive.model import Image
    from ociarchive.selection.argument import Source
    from ociarchive.values import JSON, Descriptor

#: An inventory has some hundred bytes for each layer and blob, `image inspect` a few thousand for each image. Parsed,
#: such a text takes seven times its size in memory.
_MOST: Final = 24 << 20
_CHUNK: Final = 1 << 20
_BEGINNING: Final = 4096
_EXPECTED: Final = (
    "an inventory, the JSON of `docker image inspect`, digests one a line (`ctr content ls -q`), or an archive"
)


def load(sources: Sequence[Source], limits: Limits, access: Access | None = None) -> Held:
    """Return what the other side has by all of these files. UsageError: one of them is nothing of the kind."""
    held = Held()
    for source in sources:
        held = held.also(_one(source, limits, access))
    return held.joined(len(sources))


def _one(source: Source, limits: Limits, access: Access | None) -> Held:
    path = source.path
    if is_remote(path) or is_object(path):
        return replace(_archive(source, limits, access), sources=((path, None),))
    name = os.path.basename(os.path.normpath(path))
    if os.path.isdir(path):
        return replace(_archive(source, limits, access), sources=((name, None),))
    text, sha256 = _text(path)
    listed = text is not None and looks_like_list(text[:HEAD])
    found = _archive(source, limits, access) if text is None or listed else _told(text, path, limits)
    return replace(found, sources=((name, sha256),))


def _text(path: str) -> tuple[bytes | None, str]:
    """Return the content of a file that is text, None for any other, and its sha256 in hex. It may be a pipe.

    UsageError: it cannot be read, or begins as such a text does and is larger than one is.
    """
    hashed = hashlib.sha256()
    kept: list[bytes] | None = []
    size, binary, beginning = 0, False, b""
    try:
        with open(path, "rb") as file:
            piped = not stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            while data := file.read(_CHUNK):
                hashed.update(data)
                size += len(data)
                beginning, binary = beginning or data[:_BEGINNING], binary or b"\0" in data
                if binary or size > _MOST:
                    kept = None
                    if piped:
                        break  # it is refused, and a device may have no end
                if kept is not None:
                    kept.append(data)
    except FileNotFoundError:
        raise UsageError("no such file or folder", where=path) from None
    except OSError as error:
        raise cannot("read", error, path) from error
    listing = _is_listing(beginning)
    if listing and not binary and size > _MOST:
        raise UsageError(
            "--have: a text of this size is no inventory", where=path, expected=f"{_MOST} bytes at most",
            found=plural(size, "byte"), hint="list the images that the new ones are built upon",
        )  # fmt: skip
    if kept is None and piped:
        raise UsageError("--have takes an archive by its path, not from a pipe", where=path)
    raw = b"".join(kept) if kept is not None else None
    if not listing:
        raw = None  # an archive may begin with text, too
    return raw, hashed.hexdigest()


def _is_listing(raw: bytes) -> bool:
    first = raw.split(maxsplit=1)[:1]
    return not first or first[0][:1] in (b"{", b"[") or _digest(first[0]) is not None


def _digest(raw: bytes) -> Digest | None:
    return Digest.maybe(raw.decode("ascii", "replace"))


def _archive(source: Source, limits: Limits, access: Access | None) -> Held:
    try:
        archive = bases.opened(source, limits, access)
    except ContentError as error:
        raise _nothing(source.path, error.found or error.what) from error
    with archive:
        if archive.incomplete and not archive.roots:
            raise _nothing(source.path, nothing_in(archive).what)
        upon = (tuple(_upon(image)) for image in images(archive.roots) if any(one.elsewhere for one in image.layers))
        listed = cast("dict[str, JSON]", inventory([sniffed(archive)], proved=False))
        return replace(_inventory(listed), upon=tuple(upon))


def _upon(image: Image) -> Iterator[tuple[Digest, bool]]:
    """Give the layers of an image of a delta, from the lowest up, to one of which nothing is known."""
    for layer in image.layers:
        if layer.diff_id is None or (layer.source is None and layer.elsewhere is None):
            return
        yield layer.diff_id, layer.source is not None


def _told(raw: bytes, path: str, limits: Limits) -> Held:
    """Return what a text says. UsageError: nothing of the kind."""
    text = raw.strip()
    if not text:
        raise _nothing(path, "an empty file")
    if text[:1] not in (b"{", b"["):
        return Held(blobs=frozenset(_lines(text, path)))
    try:
        value = documents.parse(text, path, limit=_MOST, depth=limits.depth, surrogates=True).value
        if isinstance(value, dict) and "blobs" in value and "schema_version" in value:
            return _inventory(value)
        return Held.of_images(list(_inspected(value if isinstance(value, list) else [value])))
    except Malformed as error:
        what = f"--have: {error.message}"
        place = f"{path}#{error.pointer}" if error.pointer else path
        raise UsageError(what, where=place, expected=error.expected or _EXPECTED, found=error.found) from None
    except ContentError as error:
        raise UsageError(f"--have: {error.what}", where=path, expected=_EXPECTED, found=error.found) from None


def _lines(text: bytes, path: str) -> Iterator[Digest]:
    for number, line in enumerate(text.splitlines(), 1):
        digest = _digest(line.strip())
        if digest is not None:
            yield digest
        elif line.strip():
            raise _nothing(f"{path}, line {number}", repr(line.decode("ascii", "replace")[:80]))


def _inspected(entries: Sequence[JSON]) -> Iterator[list[Digest]]:
    """Give the diff_ids of each image that an engine describes. Malformed: it does not describe images."""
    for number, entry in enumerate(entries):
        members = schema.object_in(entry, "an image", f"/{number}")
        rootfs = members.get("RootFS")
        if not isinstance(rootfs, dict):
            raise Malformed("RootFS is not there", f"/{number}", expected=_EXPECTED, found=", ".join(list(members)[:3]))
        yield list(_digests(rootfs.get("Layers") or [], f"/{number}/RootFS/Layers"))


def _digests(value: JSON, pointer: str) -> Iterator[Digest]:
    if not isinstance(value, list):
        raise Malformed("a list of digests has the wrong type", pointer, expected="an array")
    for number, text in enumerate(value):
        digest = Digest.maybe(text)
        if digest is None:
            raise Malformed("a digest is malformed", f"{pointer}/{number}", expected="ALGORITHM:HEX", found=repr(text))
        yield digest


def _inventory(members: dict[str, JSON]) -> Held:
    version = members.get("schema_version")
    if not documents.is_whole(version) or version != 1:
        shown = schema.shown(version)
        raise Malformed("schema_version of an inventory is unknown", "/schema_version", expected="1", found=shown)
    blobs = frozenset(_digests(members.get("blobs"), "/blobs"))
    chains: list[list[Digest]] = []
    stored: dict[Digest, Descriptor] = {}
    for number, entry in enumerate(schema.list_in(members, "images")):
        pointer = f"/images/{number}"
        image = schema.object_in(entry, "an image", pointer)
        chains.append(list(_digests(image.get("diff_ids"), f"{pointer}/diff_ids")))
        layers = image.get("layers") or []
        for place, told in enumerate(layers if isinstance(layers, list) else []):
            layer = schema.object_in(told, "a layer", f"{pointer}/layers/{place}")
            spelled = {"mediaType": layer.get("media_type"), "digest": layer.get("digest"), "size": layer.get("size")}
            descriptor = schema.descriptor_in(spelled, f"{pointer}/layers/{place}")
            diff_id = Digest.maybe(layer.get("diff_id"))
            if diff_id is not None and descriptor.digest in blobs:
                stored.setdefault(diff_id, descriptor)
    return replace(Held.of_images(chains), blobs=blobs, stored=stored)


def _nothing(path: str, found: str) -> UsageError:
    return UsageError("--have does not say what the other side has", where=path, expected=_EXPECTED, found=found)
