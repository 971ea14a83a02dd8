"""What an image's config may hold: the members of the OCI specification, and all that Docker's own configs have beside.

Sources: image-spec config.md (Properties); Docker's image specification v1.2 (Image JSON Field Descriptions), of whose
members Go reads the same types in moby (`image.V1Image`, `container.Config`, `HealthConfig`) and in
github.com/containers/image (`manifest.Schema2Image`): skopeo, podman and Docker refuse a config with another type in
any of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ociarchive.schema import kinds
from ociarchive.schema.kinds import BOOLEAN, STRING, STRINGS, WHOLE, Members, Problem, Table
from ociarchive.schema.platform_members import member_problems, required_problems
from ociarchive.values import JSON, type_name

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Engines take what this rule names, or it is lawful and they do not.
_ODD: Final = "config-value"

_HEALTH: Final[Table] = {
    "Test": kinds.STRINGS_OF_GO,
    "Interval": WHOLE,
    "Timeout": WHOLE,
    "StartPeriod": WHOLE,
    "Retries": WHOLE,
}
#: StartInterval is of Docker 25; skopeo 1.9 and podman 4.3 do not look at it.
_HEALTH_ODD: Final[Table] = {"Test": STRINGS, "StartInterval": WHOLE}
#: `config` by config.md.
_RUN: Final[Table] = {
    "User": STRING,
    "ExposedPorts": kinds.NAMES,
    "Env": kinds.VARIABLES,
    "Entrypoint": STRINGS,
    "Cmd": STRINGS,
    "Volumes": kinds.NAMES,
    "WorkingDir": STRING,
    "Labels": kinds.TEXTS,
    "StopSignal": STRING,
    "ArgsEscaped": BOOLEAN,
}
#: `config` and `container_config` by Docker, where they say more.
_RUN_OF_DOCKER: Final[Table] = {
    "Healthcheck": kinds.OBJECT,
    "Hostname": STRING,
    "Domainname": STRING,
    "AttachStdin": BOOLEAN,
    "AttachStdout": BOOLEAN,
    "AttachStderr": BOOLEAN,
    "Tty": BOOLEAN,
    "OpenStdin": BOOLEAN,
    "StdinOnce": BOOLEAN,
    "Image": STRING,
    "NetworkDisabled": BOOLEAN,
    "MacAddress": STRING,
    "OnBuild": kinds.STRINGS_OF_GO,
    "StopTimeout": WHOLE,
    "Shell": kinds.STRING_OR_STRINGS,
}
#: Members that Go reads with other types than Docker writes; and old members, which no present engine reads.
_RUN_ODD: Final[Table] = {
    "OnBuild": STRINGS,
    "Shell": STRINGS,
    "Memory": WHOLE,
    "MemorySwap": WHOLE,
    "CpuShares": WHOLE,
    "Cpuset": STRING,
    "PortSpecs": STRINGS,
}
_RUNS: Final[Table] = {**_RUN, **_RUN_OF_DOCKER}
#: `container_config` is what the last step of a build ran: no engine runs it.
_RAN: Final[Table] = {
    **_RUNS,
    "Env": kinds.STRINGS_OF_GO,
    "Entrypoint": kinds.STRING_OR_STRINGS,
    "Cmd": kinds.STRING_OR_STRINGS,
    "Labels": kinds.TEXTS_OF_GO,
}
_HISTORY: Final[Table] = {
    "created": kinds.TIME,
    "author": STRING,
    "created_by": STRING,
    "comment": STRING,
    "empty_layer": BOOLEAN,
}
_TOP: Final[Table] = {
    "created": kinds.TIME,
    "author": STRING,
    "config": kinds.OBJECT,
    "history": kinds.ARRAY,
    # Docker's own
    "container_config": kinds.OBJECT,
    "id": STRING,
    "parent": STRING,
    "comment": STRING,
    "container": STRING,
    "docker_version": STRING,
    "Size": WHOLE,
}
_ODD_TIMES: Final[Table] = {"created": kinds.TIME_OF_GO}
_KNOWN: Final = frozenset(
    (
        *("architecture", "os", "os.version", "os.features", "variant"),
        *("rootfs", *_TOP),
    )
)
_KNOWN_RUN: Final = frozenset(_RUNS)
_KNOWN_HEALTH: Final = frozenset((*_HEALTH, *_HEALTH_ODD))
_ROOTFS: Final = frozenset(("type", "diff_ids"))


def config_problems(members: Members, *, made: bool = False) -> Iterator[Problem]:
    """Give what is wrong with an image's config, its rootfs aside. `made`: Docker makes it of an old image."""
    yield from kinds.in_case(members, _KNOWN, "")
    subject = "the config that Docker makes of the image" if made else "a config"
    yield from required_problems(members, "", subject, "v1-platform" if made else "schema")
    yield from member_problems(members, "", "schema")
    rootfs = members.get("rootfs")
    yield from kinds.in_case(rootfs if isinstance(rootfs, dict) else {}, _ROOTFS, "/rootfs")
    yield from kinds.judged(members, _TOP, _ODD_TIMES, "", _ODD)
    for key, table in (("config", _RUNS), ("container_config", _RAN)):
        yield from _run(members.get(key), table, f"/{key}")
    history = members.get("history")
    for number, entry in enumerate(history if isinstance(history, list) else []):
        yield from _entry(entry, f"/history/{number}")


def _run(value: JSON, table: Table, pointer: str) -> Iterator[Problem]:
    if not isinstance(value, dict):
        return
    yield from kinds.in_case(value, _KNOWN_RUN, pointer)
    yield from kinds.judged(value, table, _RUN_ODD, pointer, _ODD)
    health = value.get("Healthcheck")
    if isinstance(health, dict):
        yield from kinds.in_case(health, _KNOWN_HEALTH, f"{pointer}/Healthcheck")
        yield from kinds.judged(health, _HEALTH, _HEALTH_ODD, f"{pointer}/Healthcheck", _ODD)


def _entry(value: JSON, pointer: str) -> Iterator[Problem]:
    if not isinstance(value, dict):
        # Go reads null as an entry without members.
        rule = _ODD if value is None else "schema"
        yield Problem(rule, "an entry of history has the wrong type", pointer, kinds.OBJECT.expected, type_name(value))
        return
    yield from kinds.in_case(value, frozenset(_HISTORY), pointer)
    yield from kinds.judged(value, _HISTORY, _ODD_TIMES, pointer, _ODD)
