"""How other programs spell archives: containers-transports(5), as skopeo and podman take them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from ociarchive.errors import UsageError
from ociarchive.formats import FORMATS
from ociarchive.remote.address import is_remote

#: Archives by the transports that name them.
_TRANSPORTS: Final = {known.transport: known for known in FORMATS if known.transport is not None}
#: Transports that name no archive, and how to make an archive from them.
_ENGINES: Final = {
    "docker-daemon": "`docker save -o app.tar IMAGE` writes one",
    "containers-storage": "`podman save -o app.tar IMAGE` writes one",
}


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
    if transport in _ENGINES:
        raise UsageError(f"{transport}: is an engine's storage, no archive", where=argument, hint=_ENGINES[transport])
    if transport not in _TRANSPORTS:
        return Spelled(path=argument)
    path, name = (rest, None) if _TRANSPORTS[transport].alone else _split(rest)
    if not path:
        raise UsageError(f"no path stands behind {transport}:", where=argument)
    if name is not None and name.startswith("@"):
        raise UsageError(
            "an image is not selected by its position", where=argument, hint="use its name, or #sha256:... behind PATH"
        )
    return Spelled(path=path, format=_TRANSPORTS[transport].name, name=name or None)


def _split(text: str) -> tuple[str, str | None]:
    """Return path and name of `PATH[:REF]`. The path is the shortest that exists, else all before the first colon."""
    if os.path.lexists(text):
        return text, None
    ends = [number for number, char in enumerate(text) if char == ":"]
    end = next((one for one in ends if os.path.lexists(text[:one])), ends[0] if ends else None)
    return (text, None) if end is None else (text[:end], text[end + 1 :])
