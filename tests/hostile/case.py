"""A hostile archive and the end that it has to come to."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Build = Callable[[Path], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is built at a path, and what audit and convert say of it.

    `rule` is one that the audit finds; `audit` and `convert` are statuses; `words` stand in convert's error, and in a
    finding unless that says `said`. `options` are given to both. `of` names what it attacks: a CVE, a limit, a
    bound. `texts` asks for every form of report, since texts of the archive stand in them.
    """

    build: Build
    rule: str = ""
    audit: int = 1
    convert: int = 1
    words: str = ""
    said: str = ""
    options: tuple[str, ...] = ()
    of: str = ""
    texts: bool = False
    to: str = "oci-layout"


def raw(data: bytes) -> Build:
    """Build a file of these bytes."""
    return late(lambda: data)


def late(make: Callable[[], bytes]) -> Build:
    """Build a file of bytes that are made when they are needed."""

    def build(path: Path) -> None:
        path.write_bytes(make())

    return build
