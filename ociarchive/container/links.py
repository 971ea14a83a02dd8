"""Links between the members of a tar: where each leads, in a number of steps that is bounded for the whole tar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from ociarchive.container.names import join, normal
from ociarchive.container.protocol import member
from ociarchive.errors import plural
from ociarchive.flaws import Flaw

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from ociarchive.blobio.limits import Limits
    from ociarchive.flaws import Flaws

_MAX_LINKS: Final = 40
FILE, LINK, SYMLINK, FOLDER, SPECIAL = "file", "link", "symlink", "folder", "special"
NO_FILE: Final = "not a regular file"


class Member(NamedTuple):
    """A member: its kind, where its content lies in the tar, and what it leads to if it is a link."""

    kind: str
    offset: int
    size: int
    link: str


class Links:
    """The links among `members`. `folders` are those that members lie in, whether they are members themselves or not.

    What is found on the way is added to `flaws`.
    """

    def __init__(
        self, members: Mapping[str, Member], folders: Container[str], flaws: Flaws, where: str, limits: Limits
    ) -> None:
        self._members, self._folders, self._flaws = members, folders, flaws
        self._where, self._limits = where, limits
        self._steps = 0  # that following links took so far

    def resolve(self, name: str, asked: str) -> str | None:
        """Return the file that a name leads to; None where it leads to none.

        A flaw is reported for the link or member at fault, not for what leads there. So one fault is reported once.
        """
        passed: set[str] = set()
        longest = max(self._limits.name, len(name))
        for _ in range(_MAX_LINKS):
            if len(name) > longest:
                what = f"links lead to a path of {plural(len(name), 'character')}"
                self._note("limit-links", asked, f"{what}, --limit name=N lifts the limit of {longest}")
                return None
            if name.startswith("../"):
                self._note("link-escapes", asked, "link leads out of the archive")
                return None
            found = self._members.get(name)
            if found is None:
                if (through := self._through_folder(name)) is None:
                    return None
                name = through
            elif found.kind == FILE:
                return name
            elif found.kind in (LINK, SYMLINK):
                if name in passed:
                    self._note("link-loop", name, "link leads in a circle")
                    return None
                passed.add(name)
                inside = self._target(name, found)
                if inside is None:
                    return None
                name = inside
            else:
                self._note("member-special", name, NO_FILE)
                return None
        self._note("link-loop", asked, "link leads in a circle")
        return None

    def _target(self, name: str, found: Member) -> str | None:
        """Return what a link leads to; None, and a flaw, where that is nothing, or outside."""
        if not self._step():
            return None
        target = found.link if found.kind == LINK else join(name, found.link)
        inside = normal(target) if target is not None else ""
        if not inside or inside.startswith("../"):
            self._note("link-escapes", name, "link leads out of the archive")
            return None
        if inside in self._members or self._through_folder(inside) is not None:
            return inside
        if self._steps <= self._limits.links:
            self._note("link-dangling", name, "link leads to nothing")
        return None

    def _through_folder(self, name: str) -> str | None:
        """Return the name with a linked folder in it replaced by what it leads to.

        Each folder that is looked at is a step: names of thousands of folders would make a few links the work of hours.
        """
        position = name.rfind("/")
        while position > 0 and self._step():
            folder = self._members.get(name[:position])
            if folder is not None and folder.kind == SYMLINK:
                target = join(name[:position], folder.link)
                return normal(f"{target}{name[position:]}") if target is not None else None
            position = name.rfind("/", 0, position)
        return None

    def _step(self) -> bool:
        """Count a step on the way of a link; False, and a flaw of the whole, where there were too many."""
        self._steps += 1
        if self._steps > self._limits.links:
            what = f"following links takes more than {plural(self._limits.links, 'step')}"
            what += ", --limit links=N lifts this limit"
            self._flaws.add(Flaw(rule="limit-links", where=self._where, message=what, subject=self._where))
        return self._steps <= self._limits.links

    def check(self) -> None:
        """Judge links that nobody follows by their own step alone, so that one fault is reported for one link."""
        for name, found in self._members.items():
            if found.kind not in (LINK, SYMLINK):
                continue
            target = found.link if found.kind == LINK else join(name, found.link)
            inside = normal(target) if target is not None else ""
            other = self._members.get(inside)
            if not inside or inside == ".." or inside.startswith("../"):
                self._note("link-escapes", name, "link leads out of the archive")
            elif other is None and inside not in self._folders and self._through_folder(inside) is None:
                if self._steps > self._limits.links:
                    return
                self._note("link-dangling", name, "link leads to nothing")
            elif inside == name:
                self._note("link-loop", name, "link leads in a circle")

    def _note(self, rule: str, name: str, message: str) -> None:
        self._flaws.add(Flaw(rule=rule, where=member(self._where, name), message=message, subject=name))
