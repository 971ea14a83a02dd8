"""How other programs spell archives: containers-transports(5), as skopeo and podman take them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ociarchive.errors import UsageError
from ociarchive.formats import FORMATS
from ociarchive.remote.address import PREFIX, is_remote

if TYPE_CHECKING:
    from ociarchive.formats.format import Format

#: Archives by the transports that name them.
_TRANSPORTS: Final = {known.transport: known for known in FORMATS if known.transport is not None}
#: Transports that name no archive, and how to make an archive from them.
_ENGINES: Final = {
    "docker-daemon": "`docker save -o app.tar IMAGE` writes one",
}
#: What people write in front of an image in a registry.
_WEB: Final = frozenset(("docker", "http", "https"))
#: `[DRIVER@ROOT+RUNROOT:OPTIONS]REF` (containers-transports(5), containers-storage).
_STORAGE: Final = re.compile(r"\[(?:[^@\]/]*@)?(?P<root>/[^+:\]]*)[^\]]*\](?P<name>.*)\Z")
_IMAGE_ID: Final = re.compile(r"@?(?P<hex>[0-9a-f]{64})\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelled:
    """A path, and what else its spelling says; None where it says nothing more."""

    path: str
    format: str | None = None
    name: str | None = None


def spelled(argument: str) -> Spelled:
    """Return what a SOURCE or DEST spells. An existing path, and a plain path, are only a path.

    UsageError: it names an engine's storage, an image by its position, or no path.
    """
    transport, colon, rest = argument.partition(":")
    if not colon or os.path.lexists(argument):
        return Spelled(path=argument)
    if is_remote(argument):
        return Spelled(path=argument)
    if transport in _WEB:
        image = rest.lstrip("/")
        raise UsageError(
            "an image in a registry is spelled otherwise", where=argument,
            expected=f"{PREFIX}{image}" if image else f"{PREFIX}HOST/NAME:TAG",
        )  # fmt: skip
    known = _TRANSPORTS.get(transport)
    if known is not None and known.layout is None:
        return _stored(rest, known, argument)
    if transport in _ENGINES:
        raise UsageError(f"{transport}: is an engine's storage, no archive", where=argument, hint=_ENGINES[transport])
    if known is None:
        return Spelled(path=argument)
    path, name = (rest, None) if known.alone else _split(rest)
    if not path:
        raise UsageError(f"no path stands behind {transport}:", where=argument)
    if name is not None and name.startswith("@"):
        raise UsageError(
            "an image is not selected by its position", where=argument, hint="use its name, or #sha256:... behind PATH"
        )
    return Spelled(path=path, format=known.name, name=name or None)


def _stored(text: str, known: Format, argument: str) -> Spelled:
    """Return the folder and the image of an engine's storage. UsageError: no folder is named."""
    found = _STORAGE.match(text)
    if found is None:
        raise UsageError(
            "no folder of an engine's storage is named", where=argument, expected=f"{known.transport}:[ROOT]IMAGE",
            hint="with the engine stopped name ROOT (`podman info` calls it graphRoot); while it runs,"
            " `podman save -o app.tar IMAGE` writes one",
        )  # fmt: skip
    image_id = _IMAGE_ID.match(found["name"])
    name = f"sha256:{image_id['hex']}" if image_id is not None else found["name"] or None
    return Spelled(path=found["root"], format=known.name, name=name)


def _split(text: str) -> tuple[str, str | None]:
    """Return path and name of `PATH[:REF]`. The path is the shortest that exists, else all before the first colon."""
    if os.path.lexists(text):
        return text, None
    ends = [number for number, char in enumerate(text) if char == ":"]
    end = next((one for one in ends if os.path.lexists(text[:one])), ends[0] if ends else None)
    return (text, None) if end is None else (text[:end], text[end + 1 :])
