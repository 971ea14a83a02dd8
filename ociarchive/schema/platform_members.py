"""The members that name a platform, in a descriptor's `platform` and in a config.

Sources: image-spec image-index.md (`platform`) and config.md (`architecture`, `os`): both members are REQUIRED, and
their values SHOULD be those of Go's GOARCH and GOOS (go.dev/doc/install/source, internal/syslist).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ociarchive.errors import plural
from ociarchive.schema import kinds
from ociarchive.schema.kinds import STRING, STRINGS, Members, Problem, Table
from ociarchive.values import MAX_FEATURES, MAX_WORD

if TYPE_CHECKING:
    from collections.abc import Iterator

_REQUIRED: Final = ("architecture", "os")
_MEMBERS: Final[Table] = {"variant": STRING, "os.version": STRING, "os.features": STRINGS}
#: BuildKit's attestations are for no platform and say so.
_UNKNOWN: Final = "unknown"
#: Docker runs images of WebAssembly under names of its own (docs.docker.com, Wasm workloads).
_NAMES: Final = {
    "os": frozenset(
        (
            *("aix", "android", "darwin", "dragonfly", "freebsd", "hurd", "illumos", "ios", "js", "linux", "nacl"),
            *("netbsd", "openbsd", "plan9", "solaris", "wasip1", "windows", "zos", "wasi", _UNKNOWN),
        )
    ),
    "architecture": frozenset(
        (
            *("386", "amd64", "amd64p32", "arm", "armbe", "arm64", "arm64be", "loong64", "mips", "mipsle", "mips64"),
            *("mips64le", "mips64p32", "mips64p32le", "ppc", "ppc64", "ppc64le", "riscv", "riscv64", "s390", "s390x"),
            *("sparc", "sparc64", "wasm", "wasm32", _UNKNOWN),
        )
    ),
}
#: How kernels, compilers and distributions spell what Go calls otherwise, in small letters.
_ALIASES: Final = {
    "os": {"macos": "darwin", "macosx": "darwin", "osx": "darwin", "mac": "darwin", "win": "windows"},
    "architecture": {
        **dict.fromkeys(("x86_64", "x86-64", "x64", "em64t"), "amd64"),
        **dict.fromkeys(("aarch64", "armv8", "arm64v8"), "arm64"),
        **dict.fromkeys(("i386", "i486", "i586", "i686", "x86", "x86_32"), "386"),
        **dict.fromkeys(("armhf", "armel", "armv5", "armv6", "armv6l", "armv7", "armv7l", "arm32v7", "aarch32"), "arm"),
        **dict.fromkeys(("ppc64el", "powerpc64le"), "ppc64le"),
        "mipsel": "mipsle",
        "mips64el": "mips64le",
        "loongarch64": "loong64",
    },
}


def spelled(key: str, value: str) -> str:
    """Return how Go spells an `os` or `architecture`, the value itself where Go has no name for it."""
    small = value.strip().lower()
    found = small if small in _NAMES[key] else _ALIASES[key].get(small)
    return found or value


def required_problems(members: Members, pointer: str, subject: str, rule: str) -> Iterator[Problem]:
    """Give where the two members that every platform has are absent, of another type, empty, or spelled oddly.

    An absent member violates the specification and belongs to `rule`. An empty one means that no platform is known. If
    both members have the same fault, it is one problem.
    """
    absent = [key for key in _REQUIRED if members.get(key) is None]
    if absent:
        what = f"{subject} has no {' and no '.join(absent)}"
        yield Problem(rule, what, f"{pointer}/{absent[0]}", STRING.expected, kinds.found_in(members, absent[0]))
    empty = [key for key in _REQUIRED if members.get(key) == ""]
    if empty:
        what = f"{' and '.join(empty)} of {subject} {'are' if len(empty) > 1 else 'is'} empty"
        yield Problem(
            "platform-empty", what, f"{pointer}/{empty[0]}", "the name of a platform", kinds.found_in(members, empty[0])
        )
    for key in _REQUIRED:
        value = members.get(key)
        yield from kinds.one(value, STRING, key, f"{pointer}/{key}", rule)
        if isinstance(value, str) and 0 < len(value) <= MAX_WORD and value not in _NAMES[key]:
            yield _odd(key, value, f"{pointer}/{key}")


def _odd(key: str, value: str, pointer: str) -> Problem:
    meant = spelled(key, value)
    variable = "GOOS" if key == "os" else "GOARCH"
    expected = f"a value of {variable}" if meant == value else repr(meant)
    what = f"{key} is not one of Go's names"
    return Problem("platform-spelling", what, pointer, expected, repr(value[: kinds.SHOWN]))


def member_problems(members: Members, pointer: str, rule: str) -> Iterator[Problem]:
    """Give what is wrong with the members that a platform may have beside."""
    for key in (*_REQUIRED, "variant", "os.version"):
        value = members.get(key)
        if isinstance(value, str) and len(value) > MAX_WORD:
            expected, found = f"{MAX_WORD} characters at most", plural(len(value), "character")
            yield Problem("platform-malformed", f"{key} is too long", f"{pointer}/{key}", expected, found)
    features = members.get("os.features")
    if isinstance(features, list):
        longest = max((len(one) for one in features if isinstance(one, str)), default=0)
        if len(features) > MAX_FEATURES or longest > MAX_WORD:
            expected = f"{MAX_FEATURES} at most, of up to {MAX_WORD} characters"
            found = f"{len(features)}, the longest of {longest}"
            yield Problem("platform-malformed", "os.features is too long", f"{pointer}/os.features", expected, found)
    yield from kinds.checked(members, _MEMBERS, pointer, rule)
