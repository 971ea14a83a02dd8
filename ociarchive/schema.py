"""What the specification demands of documents, member by member: problems that do not keep anyone from reading on.

Sources: image-spec descriptor.md (Properties), manifest.md, image-index.md, config.md (Properties); RFC 6838, 4.2
(media types); RFC 3986, 3 (URIs). null counts as absent, as Go writes and reads it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from ociarchive.values import JSON, MAX_WORD, Descriptor, type_name

Members: TypeAlias = dict[str, JSON]
Check: TypeAlias = Callable[[JSON], str | None]

_MEDIA_TYPE: Final = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}(?:;.*)?\Z"
)
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`\x00-\x20]+\Z")
_TIME: Final = re.compile(
    r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])[Tt]"
    r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})\Z"
)
_SHOWN: Final = 60

_DESCRIPTOR: Final = frozenset(
    ("mediaType", "digest", "size", "urls", "annotations", "data", "artifactType", "platform")
)
_PLATFORM: Final = frozenset(("architecture", "os", "os.version", "os.features", "variant"))
_INDEX: Final = frozenset(("schemaVersion", "mediaType", "artifactType", "manifests", "subject", "annotations"))
_MANIFEST: Final = frozenset(
    ("schemaVersion", "mediaType", "artifactType", "config", "layers", "subject", "annotations")
)
#: An index may not hide a manifest from Go, nor a manifest an index (CVE-2021-41190).
_TOP_LEVEL: Final = _INDEX | _MANIFEST | {"fsLayers"}
_ROOTFS: Final = frozenset(("type", "diff_ids"))
_CONFIG: Final = frozenset(
    (
        *("created", "author", "architecture", "os", "os.version", "os.features", "variant"),
        *("config", "rootfs", "history"),
    )
)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. `pointer` is the JSON pointer (RFC 6901) of the member."""

    rule: str
    message: str
    pointer: str


# Kinds of values


def _string(value: JSON) -> str | None:
    return None if isinstance(value, str) else f"is a string, not {type_name(value)}"


def _time(value: JSON) -> str | None:
    """Go reads times by RFC 3339 and refuses a config with any other."""
    if not isinstance(value, str):
        return f"is a string, not {type_name(value)}"
    return None if _TIME.match(value) else f"is a time by RFC 3339, not {value[:_SHOWN]!r}"


def _boolean(value: JSON) -> str | None:
    return None if isinstance(value, bool) else f"is a boolean, not {type_name(value)}"


def _object(value: JSON) -> str | None:
    return None if isinstance(value, dict) else f"is an object, not {type_name(value)}"


def _strings(value: JSON) -> str | None:
    good = isinstance(value, list) and all(isinstance(item, str) for item in value)
    return None if good else "is an array of strings"


def _texts(value: JSON) -> str | None:
    good = isinstance(value, dict) and all(isinstance(item, str) for item in value.values())
    return None if good else "maps strings to strings"


def _environment(value: JSON) -> str | None:
    if (problem := _strings(value)) or not isinstance(value, list):
        return problem
    without = next((item for item in value if isinstance(item, str) and "=" not in item[1:]), None)
    return None if without is None else f"has NAME=VALUE entries, not {without[:_SHOWN]!r}"


_RUN: Final[dict[str, Check]] = {
    "User": _string,
    "ExposedPorts": _object,
    "Env": _environment,
    "Entrypoint": _strings,
    "Cmd": _strings,
    "Volumes": _object,
    "WorkingDir": _string,
    "Labels": _texts,
    "StopSignal": _string,
    "ArgsEscaped": _boolean,
}
_HISTORY: Final[dict[str, Check]] = {
    "created": _time,
    "author": _string,
    "created_by": _string,
    "comment": _string,
    "empty_layer": _boolean,
}
_TOP: Final[dict[str, Check]] = {
    "created": _time,
    "author": _string,
    "variant": _string,
    "os.version": _string,
    "os.features": _strings,
}


# Documents


def descriptor_problems(value: JSON, pointer: str) -> Iterator[Problem]:
    """Give what is wrong with a descriptor, digest and size aside, without which there is none."""
    if not isinstance(value, dict):
        return
    yield from _case(value, _DESCRIPTOR, pointer)
    try:
        Descriptor.parse(value)
    except ValueError:
        return  # told where the descriptor is read
    media_type = value.get("mediaType")
    if media_type is None or media_type == "":
        yield Problem("schema", "a descriptor has a mediaType, here is none", f"{pointer}/mediaType")
    for key in ("mediaType", "artifactType"):
        yield from _media_type(value.get(key), f"{pointer}/{key}")
    urls = value.get("urls")
    if urls is not None:
        if (problem := _strings(urls)) is not None:
            yield Problem("urls-malformed", f"urls {problem}", f"{pointer}/urls")
        elif isinstance(urls, list):
            for number, url in enumerate(urls):
                if isinstance(url, str) and not _URI.match(url):
                    yield Problem("urls-malformed", f"{url[:_SHOWN]!r} is no URI", f"{pointer}/urls/{number}")
    yield from _annotations(value, pointer)
    yield from _platform(value.get("platform"), f"{pointer}/platform")
    if value.get("data") is not None and not isinstance(value["data"], str):
        yield Problem("schema", f"data is a string, not {type_name(value['data'])}", f"{pointer}/data")


def index_problems(members: Members) -> Iterator[Problem]:
    """Give what is wrong with an index beside its entries."""
    yield from _case(members, _TOP_LEVEL, "")
    yield from _media_type(members.get("artifactType"), "/artifactType")
    yield from _annotations(members, "")
    listed = members.get("manifests")
    for number, entry in enumerate(listed if isinstance(listed, list) else []):
        yield from descriptor_problems(entry, f"/manifests/{number}")
    yield from descriptor_problems(members.get("subject"), "/subject")


def manifest_problems(members: Members) -> Iterator[Problem]:
    """Give what is wrong with a manifest."""
    yield from _case(members, _TOP_LEVEL, "")
    yield from _media_type(members.get("artifactType"), "/artifactType")
    yield from _annotations(members, "")
    yield from descriptor_problems(members.get("config"), "/config")
    yield from descriptor_problems(members.get("subject"), "/subject")
    listed = members.get("layers")
    for number, entry in enumerate(listed if isinstance(listed, list) else []):
        yield from descriptor_problems(entry, f"/layers/{number}")
    if listed == []:
        yield Problem("layers-empty", "a manifest should have one layer at least, here is none", "/layers")


def config_problems(members: Members) -> Iterator[Problem]:
    """Give what is wrong with an image's config, its rootfs aside."""
    yield from _case(members, _CONFIG, "")
    for key in ("architecture", "os"):
        value = members.get(key)
        if not isinstance(value, str):
            yield Problem("schema", f"{key} is a string, not {type_name(value)}", f"/{key}")
        elif not value:
            yield Problem("platform-empty", f"{key} is there and empty", f"/{key}")
    for key in ("architecture", "os", "variant", "os.version"):
        value = members.get(key)
        if isinstance(value, str) and len(value) > MAX_WORD:
            yield Problem("platform-malformed", f"{key} has {len(value)} characters", f"/{key}")
    rootfs = members.get("rootfs")
    yield from _case(rootfs if isinstance(rootfs, dict) else {}, _ROOTFS, "/rootfs")
    yield from _checked(members, _TOP, "")
    run = members.get("config")
    if isinstance(run, dict):
        yield from _case(run, frozenset(_RUN), "/config")
        yield from _checked(run, _RUN, "/config")
    elif run is not None:
        yield Problem("schema", f"config is an object, not {type_name(run)}", "/config")
    history = members.get("history")
    if history is not None and not isinstance(history, list):
        yield Problem("schema", f"history is an array, not {type_name(history)}", "/history")
    for number, entry in enumerate(history if isinstance(history, list) else []):
        if isinstance(entry, dict):
            yield from _case(entry, frozenset(_HISTORY), f"/history/{number}")
            yield from _checked(entry, _HISTORY, f"/history/{number}")
        else:
            yield Problem("schema", f"an entry of history is an object, not {type_name(entry)}", f"/history/{number}")


# Members


def _checked(members: Members, checks: dict[str, Check], pointer: str) -> Iterator[Problem]:
    for key, check in checks.items():
        value = members.get(key)
        if value is not None and (problem := check(value)) is not None:
            yield Problem("schema", f"{key} {problem}", f"{pointer}/{key}")


def _case(members: Members, known: frozenset[str], pointer: str) -> Iterator[Problem]:
    """Go takes `Layers` for `layers`, others do not: two readers see two documents."""
    folded = {key.casefold(): key for key in known}
    for key in members:
        if key not in known and key.casefold() in folded:
            meant = folded[key.casefold()]
            yield Problem("key-case", f"key {key[:_SHOWN]!r} differs from {meant!r} in case alone", f"{pointer}/{key}")


def _annotations(members: Members, pointer: str) -> Iterator[Problem]:
    value = members.get("annotations")
    if value is not None and (problem := _texts(value)) is not None:
        yield Problem("annotations-malformed", f"annotations {problem}", f"{pointer}/annotations")


def _media_type(value: JSON, pointer: str) -> Iterator[Problem]:
    if value is None or value == "":
        return
    if not isinstance(value, str):
        yield Problem("schema", f"{pointer.rpartition('/')[2]} is a string, not {type_name(value)}", pointer)
    elif len(value) > MAX_WORD or not _MEDIA_TYPE.match(value):
        yield Problem("media-type-malformed", f"{value[:_SHOWN]!r} is no media type", pointer)


def _platform(value: JSON, pointer: str) -> Iterator[Problem]:
    if value is None:
        return
    if not isinstance(value, dict):
        yield Problem("platform-malformed", f"platform is an object, not {type_name(value)}", pointer)
        return
    yield from _case(value, _PLATFORM, pointer)
    for key in ("architecture", "os", "variant", "os.version"):
        found = value.get(key)
        if found is not None and not isinstance(found, str):
            yield Problem("platform-malformed", f"{key} is a string, not {type_name(found)}", f"{pointer}/{key}")
        elif isinstance(found, str) and len(found) > MAX_WORD:
            yield Problem("platform-malformed", f"{key} has {len(found)} characters", f"{pointer}/{key}")
        elif key in ("architecture", "os") and not found:
            yield Problem("platform-empty", f"{key} of a platform is empty or not there", f"{pointer}/{key}")
    features = value.get("os.features")
    if features is not None and _strings(features) is not None:
        yield Problem("platform-malformed", "os.features is an array of strings", f"{pointer}/os.features")
