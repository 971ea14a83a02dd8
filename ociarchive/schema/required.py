"""The members without which a document, or a part of it, cannot be read at all.

Sources: image-spec descriptor.md (Properties), manifest.md, image-index.md, config.md (rootfs).
"""

from __future__ import annotations

from typing import Final

from ociarchive.documents import is_whole
from ociarchive.schema.kinds import NOTHING, Members, Problem, found_in, shown
from ociarchive.values import JSON, Descriptor, Digest, WrongValueError, type_name

#: Of manifests and indexes (image-spec, manifest.md, schemaVersion).
SCHEMA_VERSION: Final = 2


class Malformed(Exception):
    """A document is not what it should be; `pointer` is the JSON pointer (RFC 6901) of the member at fault."""

    def __init__(
        self,
        message: str,
        pointer: str = "",
        rule: str = "schema",
        *,
        expected: str | None = None,
        found: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message, self.pointer, self.rule = message, pointer, rule
        self.expected, self.found = expected, found


def object_in(value: JSON, subject: str, pointer: str = "") -> Members:
    """Return the members of what must be an object, which messages call `subject`. Malformed: it is none."""
    if not isinstance(value, dict):
        raise Malformed(f"{subject} has the wrong type", pointer, expected="an object", found=type_name(value))
    return value


def descriptor_in(value: JSON, pointer: str) -> Descriptor:
    """Return the descriptor that a JSON value is. Malformed: it is none."""
    try:
        return Descriptor.parse(value)
    except WrongValueError as error:
        spelled = value.get("digest") if isinstance(value, dict) else None
        malformed = isinstance(spelled, str) and Digest.maybe(spelled) is None
        raise Malformed(
            error.what,
            f"{pointer}/digest" if malformed else pointer,
            "digest-malformed" if malformed else "schema",
            expected=error.expected,
            found=error.found,
        ) from None


def config_in(members: Members) -> Descriptor:
    """Return the descriptor of a manifest's config. Malformed: it is absent or no descriptor."""
    if members.get("config") is None:
        raise Malformed("config is not there", "/config", expected="an object", found=found_in(members, "config"))
    return descriptor_in(members["config"], "/config")


def subject_in(members: Members) -> Descriptor | None:
    """Return the descriptor of a manifest's subject, None where it has none. Malformed: it is no descriptor."""
    value = members.get("subject")
    return None if value is None else descriptor_in(value, "/subject")


def list_in(members: Members, key: str) -> list[JSON]:
    """Return a list that a document must have. Malformed: it is absent, null or none."""
    listed = members.get(key)
    if not isinstance(listed, list):
        says = "is not there" if listed is None else "has the wrong type"
        raise Malformed(f"{key} {says}", f"/{key}", expected="an array", found=found_in(members, key))
    return listed


def version_in(members: Members) -> Problem | None:
    """Return what is wrong with the schemaVersion of a manifest or index, None where nothing is."""
    version = members.get("schemaVersion")
    if is_whole(version) and version == SCHEMA_VERSION:
        return None
    says = "is not there" if version is None else "has the wrong value"
    found = NOTHING if "schemaVersion" not in members else shown(version)
    return Problem("schema", f"schemaVersion {says}", "/schemaVersion", str(SCHEMA_VERSION), found)


def require_version(members: Members) -> None:
    """Malformed: the schemaVersion of a manifest or index is not what it should be."""
    problem = version_in(members)
    if problem is not None:
        raise Malformed(problem.message, problem.pointer, expected=problem.expected, found=problem.found)


def diff_ids_in(config: Members) -> tuple[Digest, ...]:
    """Return the diff_ids of a config (config.md, Properties). Malformed: it has none that could be read.

    Without the member there are none: so Go writes an image without layers.
    """
    rootfs = config.get("rootfs")
    if not isinstance(rootfs, dict):
        says = "is not there" if rootfs is None else "has the wrong type"
        raise Malformed(f"rootfs {says}", "/rootfs", expected="an object", found=found_in(config, "rootfs"))
    if rootfs.get("type") != "layers":
        says = "is not there" if rootfs.get("type") is None else "has the wrong value"
        found = NOTHING if "type" not in rootfs else shown(rootfs["type"])
        raise Malformed(f"type of rootfs {says}", "/rootfs/type", expected="'layers'", found=found)
    if rootfs.get("diff_ids") is None:
        return ()
    listed = rootfs["diff_ids"]
    if not isinstance(listed, list):
        raise Malformed("diff_ids has the wrong type", "/rootfs/diff_ids", expected="an array", found=type_name(listed))
    found_ids = []
    for number, text in enumerate(listed):
        try:
            found_ids.append(Digest.parse(text))
        except WrongValueError as error:
            raise Malformed(
                f"a diff_id is no digest: {error.what}",
                f"/rootfs/diff_ids/{number}",
                "digest-malformed",
                expected=error.expected,
                found=error.found,
            ) from None
    return tuple(found_ids)
