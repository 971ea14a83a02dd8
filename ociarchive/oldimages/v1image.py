"""Docker's v1 image, and the config that Docker 20.10 makes of it.

Sources: moby 20.10, image/image.go (V1Image, History), api/types/container/config.go (Config, HealthConfig),
image/v1/imagev1.go (HistoryFromConfig, MakeConfigFromV1Config), image/rootfs.go.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ociarchive.oldimages import gojson
from ociarchive.oldimages.gotypes import (
    BOOL,
    INT,
    SET,
    STR_SLICE,
    STRING,
    STRINGS,
    TEXTS,
    TIME,
    Field,
    Pointer,
    Struct,
)
from ociarchive.schema import object_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ociarchive.documents import Document
    from ociarchive.values import Digest

#: An id: image/v1/imagev1.go, validHex.
ID: Final = re.compile(r"[0-9a-f]{64}\Z")

_HEALTH: Final = Struct(
    (
        Field("Test", STRINGS, omitempty=True),
        Field("Interval", INT, omitempty=True),
        Field("Timeout", INT, omitempty=True),
        Field("StartPeriod", INT, omitempty=True),
        Field("Retries", INT, omitempty=True),
    )
)
_RUN: Final = Struct(
    (
        Field("Hostname", STRING),
        Field("Domainname", STRING),
        Field("User", STRING),
        Field("AttachStdin", BOOL),
        Field("AttachStdout", BOOL),
        Field("AttachStderr", BOOL),
        Field("ExposedPorts", SET, omitempty=True),
        Field("Tty", BOOL),
        Field("OpenStdin", BOOL),
        Field("StdinOnce", BOOL),
        Field("Env", STRINGS),
        Field("Cmd", STR_SLICE),
        Field("Healthcheck", Pointer(_HEALTH), omitempty=True),
        Field("ArgsEscaped", BOOL, omitempty=True),
        Field("Image", STRING),
        Field("Volumes", SET),
        Field("WorkingDir", STRING),
        Field("Entrypoint", STR_SLICE),
        Field("NetworkDisabled", BOOL, omitempty=True),
        Field("MacAddress", STRING, omitempty=True),
        Field("OnBuild", STRINGS),
        Field("Labels", TEXTS),
        Field("StopSignal", STRING, omitempty=True),
        Field("StopTimeout", Pointer(INT), omitempty=True),
        Field("Shell", STR_SLICE, omitempty=True),
    )
)
_IMAGE: Final = Struct(
    (
        Field("id", STRING, omitempty=True),
        Field("parent", STRING, omitempty=True),
        Field("comment", STRING, omitempty=True),
        Field("created", TIME),
        Field("container", STRING, omitempty=True),
        Field("container_config", _RUN, omitempty=True),
        Field("docker_version", STRING, omitempty=True),
        Field("author", STRING, omitempty=True),
        Field("config", Pointer(_RUN), omitempty=True),
        Field("architecture", STRING, omitempty=True),
        Field("variant", STRING, omitempty=True),
        Field("os", STRING, omitempty=True),
        Field("Size", INT, omitempty=True),
    )
)
_THROWAWAY: Final = Struct((Field("throwaway", BOOL, omitempty=True),))
_HISTORY: Final = Struct(
    (
        Field("created", TIME),
        Field("author", STRING, omitempty=True),
        Field("created_by", STRING, omitempty=True),
        Field("comment", STRING, omitempty=True),
        Field("empty_layer", BOOL, omitempty=True),
    )
)
#: What a config does not take over.
_DROPPED: Final = ("id", "parent", "Size", "parent_id", "layer_id", "throwaway")
#: Before this version Docker wrote members that have no value; a config of an older one has none of them.
_WRITES_NO_BLANKS: Final = (1, 8, 3)
_NUMBER: Final = re.compile(r"[+-]?[0-9]+\Z")
#: As many digits as make a number larger than those of any version.
_DIGITS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class V1:
    """A v1 image: one layer and how it was made. `throwaway` says that it has no layer.

    `history` is its entry in a config's history, as JSON.
    """

    id: str
    parent: str
    throwaway: bool
    history: bytes


def read(document: Document, *, throwaways: bool) -> V1:
    """Return the v1 image that a document is. Without `throwaways` it has a layer, whatever it says.

    Malformed: Docker does not take it.
    """
    object_in(document.value, "a v1 image")
    image = _IMAGE.read(document.value, _IMAGE.zero(), "")
    thrown = throwaways and _THROWAWAY.read(document.value, _THROWAWAY.zero(), "")["throwaway"]
    history = {
        "created": image["created"],
        "author": image["author"],
        "created_by": " ".join(image["container_config"]["Cmd"] or ()),
        "comment": image["comment"],
        "empty_layer": thrown,
    }
    return V1(id=image["id"], parent=image["parent"], throwaway=thrown, history=_HISTORY.write(history))


def config(top: Document, diff_ids: Iterable[Digest], history: Sequence[V1]) -> bytes:
    """Return the config that Docker makes of an image's `top` v1 image, its layers and the images of its history.

    Both begin with the base. Malformed: Docker does not take it.
    """
    raw = top.raw
    image = _IMAGE.read(top.value, _IMAGE.zero(), "")
    if _version(image["docker_version"]) < _WRITES_NO_BLANKS:
        raw = _IMAGE.write(image)
    members = {key: gojson.compacted(value) for key, value in gojson.members(raw).items() if key not in _DROPPED}
    members["rootfs"] = _rootfs([gojson.string(str(one)) for one in diff_ids])
    members["history"] = gojson.array(one.history for one in history)
    return gojson.of_map(members)


def _rootfs(diff_ids: Sequence[bytes]) -> bytes:
    listed = [("diff_ids", gojson.array(diff_ids))] if diff_ids else []
    return gojson.of_struct([("type", gojson.string("layers")), *listed])


def _version(text: str) -> tuple[int, ...]:
    """Return a version as Docker compares it: what is no number counts 0 (api/types/versions/compare.go)."""
    numbers = [int(part[:_DIGITS]) if _NUMBER.match(part) else 0 for part in text.split(".")]
    return tuple([*numbers, 0, 0][: max(len(numbers), 3)])
