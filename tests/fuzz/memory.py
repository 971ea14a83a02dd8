"""Members in memory as a container, so that a reader is fed ten thousand archives a second and not a file each."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from ociarchive.blobio.limits import Limits
from ociarchive.blobio.source import Bytes
from ociarchive.flaws import Flaws

#: What stands before each member in an input of many: readable in a seed, and easy for a mutator to double or drop.
MARK = b"\n== "


@dataclass
class Members:
    """Named bytes, alike for every reader of formats."""

    content: dict[str, bytes]
    kind: Literal["directory", "tar"] = "tar"
    where: str = "fuzz"
    limits: Limits = field(default_factory=Limits)
    flaws: Flaws = field(default_factory=Flaws)
    damaged: bool = False

    @property
    def stored_size(self) -> int:
        """The bytes of all members."""
        return sum(map(len, self.content.values()))

    def get(self, name: str) -> Bytes | None:
        """Return a member."""
        found = self.content.get(name)
        return Bytes(found, f"{self.where}: {name}") if found is not None else None

    def is_hard_link(self, name: str) -> bool:
        """No member is a link."""
        del name
        return False

    def names(self, prefix: str = "") -> Iterator[str]:
        """Give the names of members."""
        yield from (name for name in self.content if name.startswith(prefix))

    def close(self) -> None:
        """Nothing is held."""


def split(data: bytes) -> dict[str, bytes]:
    """Return the members that an input spells; what is no name is as good a name as any."""
    found = {}
    for part in (b"\n" + data).split(MARK)[1:]:
        name, _, content = part.partition(b"\n")
        found[name.decode("utf-8", "surrogateescape")] = content
    return found


def joined(members: dict[str, bytes]) -> bytes:
    """Return the input that spells these members."""
    return b"".join(MARK + name.encode() + b"\n" + content for name, content in members.items())[1:]
