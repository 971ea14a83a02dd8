"""What descriptors, indexes and manifests may hold: problems after which reading can continue.

Sources: image-spec descriptor.md (Properties), manifest.md, image-index.md; RFC 6838, 4.2 (media types); RFC 3986, 3
(URIs).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ociarchive.schema import kinds
from ociarchive.schema.kinds import STRING, STRINGS, TEXTS, Kind, Members, Problem, shown
from ociarchive.schema.platform_members import member_problems, required_problems
from ociarchive.values import JSON, MAX_WORD, Descriptor

if TYPE_CHECKING:
    from collections.abc import Iterator

_MEDIA_TYPE: Final = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}(?:;.*)?\Z"
)
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`\x00-\x20]+\Z")

_DESCRIPTOR: Final = frozenset(
    ("mediaType", "digest", "size", "urls", "annotations", "data", "artifactType", "platform")
)
_PLATFORM: Final = frozenset(("architecture", "os", "os.version", "os.features", "variant"))
_INDEX: Final = frozenset(("schemaVersion", "mediaType", "artifactType", "manifests", "subject", "annotations"))
_MANIFEST: Final = frozenset(
    ("schemaVersion", "mediaType", "artifactType", "config", "layers", "subject", "annotations")
)
_MARKER: Final = frozenset(("imageLayoutVersion",))
#: An index may not hide a manifest from Go, nor a manifest an index (CVE-2021-41190).
_TOP_LEVEL: Final = _INDEX | _MANIFEST | {"fsLayers"}
_URL: Final = Kind("a URI", lambda value: None if isinstance(value, str) and _URI.match(value) else shown(value))
_TYPE: Final = Kind(
    "a media type, TYPE/SUBTYPE",
    lambda value: None if isinstance(value, str) and _is_media_type(value) else shown(value),
)


def _is_media_type(text: str) -> bool:
    return len(text) <= MAX_WORD and _MEDIA_TYPE.match(text) is not None


def descriptor_problems(value: JSON, pointer: str) -> Iterator[Problem]:
    """Give what is wrong with a descriptor, apart from digest and size: without these there is no descriptor."""
    if not isinstance(value, dict):
        return
    yield from kinds.in_case(value, _DESCRIPTOR, pointer)
    try:
        Descriptor.parse(value)
    except ValueError:
        return  # reported where the descriptor is read
    if not value.get("mediaType"):
        says = "is empty" if value.get("mediaType") == "" else "is not there"
        found = kinds.found_in(value, "mediaType")
        yield Problem("schema", f"mediaType of a descriptor {says}", f"{pointer}/mediaType", _TYPE.expected, found)
    for key in ("mediaType", "artifactType"):
        yield from _media_type(value.get(key), f"{pointer}/{key}")
    yield from _urls(value.get("urls"), f"{pointer}/urls")
    yield from kinds.checked(value, {"annotations": TEXTS}, pointer, "annotations-malformed")
    yield from _platform(value.get("platform"), f"{pointer}/platform")
    yield from kinds.checked(value, {"data": STRING}, pointer)


def index_problems(members: Members) -> Iterator[Problem]:
    """Give what is wrong with an index beside its entries."""
    yield from _top(members)
    listed = members.get("manifests")
    for number, entry in enumerate(listed if isinstance(listed, list) else []):
        yield from descriptor_problems(entry, f"/manifests/{number}")
    yield from descriptor_problems(members.get("subject"), "/subject")


def manifest_problems(members: Members) -> Iterator[Problem]:
    """Give what is wrong with a manifest."""
    yield from _top(members)
    yield from descriptor_problems(members.get("config"), "/config")
    yield from descriptor_problems(members.get("subject"), "/subject")
    listed = members.get("layers")
    for number, entry in enumerate(listed if isinstance(listed, list) else []):
        yield from descriptor_problems(entry, f"/layers/{number}")
    if listed == []:
        yield Problem("layers-empty", "a manifest has no layer", "/layers", "one layer at least", "an empty array")


def marker_problems(members: Members) -> Iterator[Problem]:
    """Give what is wrong with the file oci-layout beside its version (image-layout.md, oci-layout file)."""
    yield from kinds.in_case(members, _MARKER, "")


def _top(members: Members) -> Iterator[Problem]:
    yield from kinds.in_case(members, _TOP_LEVEL, "")
    yield from _media_type(members.get("artifactType"), "/artifactType")
    yield from kinds.checked(members, {"annotations": TEXTS}, "", "annotations-malformed")


def _media_type(value: JSON, pointer: str) -> Iterator[Problem]:
    key = pointer.rpartition("/")[2]
    if isinstance(value, str) and value:
        if (found := _TYPE.unlike(value)) is not None:
            yield Problem("media-type-malformed", f"{key} is no media type", pointer, _TYPE.expected, found)
    else:
        yield from kinds.one(value, STRING, key, pointer)


def _urls(value: JSON, pointer: str) -> Iterator[Problem]:
    yield from kinds.one(value, STRINGS, "urls", pointer, "urls-malformed")
    if isinstance(value, list) and STRINGS.unlike(value) is None:
        for number, url in enumerate(value):
            if (found := _URL.unlike(url)) is not None:
                yield Problem("urls-malformed", "a URL is no URI", f"{pointer}/{number}", _URL.expected, found)


def _platform(value: JSON, pointer: str) -> Iterator[Problem]:
    rule = "platform-malformed"
    yield from kinds.one(value, kinds.OBJECT, "platform", pointer, rule)
    if isinstance(value, dict):
        yield from kinds.in_case(value, _PLATFORM, pointer)
        yield from required_problems(value, pointer, "a platform", rule)
        yield from member_problems(value, pointer, rule)
