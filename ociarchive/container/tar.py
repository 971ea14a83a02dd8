"""A tar as a container: walked once, members are extents of the file.

Strict where Python's tarfile is not: a bad checksum, a cut header or cut data, a missing end and bytes behind it are
reported, never skipped. Sources: POSIX.1-2017, pax, Interchange Formats; GNU tar manual, Basic Tar Format.
"""

from __future__ import annotations

from sys import getsizeof
from typing import TYPE_CHECKING, Final, Literal

from ociarchive.blobio.limits import Limits
from ociarchive.blobio.manyfile import LostBytesError
from ociarchive.blobio.source import CHUNK, FileRange
from ociarchive.container import header
from ociarchive.container.alike import Alike
from ociarchive.container.links import FILE, FOLDER, LINK, NO_FILE, SPECIAL, SYMLINK, Links, Member
from ociarchive.container.names import normal
from ociarchive.container.protocol import member
from ociarchive.errors import clipped, plural
from ociarchive.flaws import Flaw, Flaws

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.blobio.partlist import Part
    from ociarchive.blobio.randomfile import RandomFile

BLOCK: Final = 512
#: Headers of small members stand close together: one read serves many of them.
_WINDOW: Final = 128 << 10
_COMPARED: Final = 1 << 20
#: Where the eleventh part stands in a block of a sparse file's map: one with so many takes as long as two headers.
_ELEVENTH: Final = 240
_KINDS: Final = {b"0": FILE, b"\0": FILE, b"7": FILE, b"1": LINK, b"2": SYMLINK, b"5": FOLDER}
_DEVICES: Final = (b"3", b"4", b"6")


class _Damage(Exception):
    """The walk cannot go on."""

    def __init__(
        self, rule: str, message: str, offset: int, *, expected: str | None = None, found: str | None = None
    ) -> None:
        super().__init__(message)
        self.rule, self.message, self.offset = rule, message, offset
        self.expected, self.found = expected, found


class TarContainer:
    """The members of a tar by their names; `./` and a leading `/` are no part of a name.

    `sha256` is the digest, in hexadecimal digits, of all that it was read from, where that was hashed on the way.
    `outermost` says whether its own file is what it was read from, and not a copy of something compressed or piped.
    `parts` are those of a list of parts that it was read from.
    """

    kind: Literal["tar"] = "tar"

    def __init__(self, file: RandomFile, where: str, path: str, limits: Limits | None = None) -> None:
        """Walk the tar in a file, which belongs to the container from now on.

        `path` distinguishes its members from those of other open tars: equal sources have the same path.
        """
        self.where = where
        self.limits = limits or Limits()
        self.flaws = Flaws()
        self.damaged = False
        self.stored_size = self._size = file.size
        self.sha256: str | None = None
        self.outermost = True
        self.parts: tuple[Part, ...] = ()
        self._file, self._path = file, path
        self._members: dict[str, Member] = {}
        self._names_size = 0
        self._early: list[str] = []  # hard links that stand before what they lead to, or lead to nothing
        self._folders: set[str] = set()  # those that members lie in, whether they are members themselves or not
        self._known: dict[str, FileRange | None] = {}
        self._headers = 0  # that were read
        self._links = Links(self._members, self._folders, self.flaws, where, self.limits)
        self._walk()

    @property
    def size(self) -> int:
        """The bytes of the tar itself, unpacked if it is compressed as a whole."""
        return self._size

    def get(self, name: str) -> FileRange | None:
        """Return a member that is a file; links are followed as `tar -x` would leave them.

        A name that is longer than members may have is none's: each folder in it would be looked for.
        """
        if name not in self._known:
            wanted = normal(name)
            resolved = self._links.resolve(wanted, name) if len(wanted) <= self.limits.name else None
            found = self._range(resolved, self._members[resolved]) if resolved is not None else None
            self._known[name] = found
        return self._known[name]

    def names(self, prefix: str = "") -> Iterator[str]:
        """Give the names of files and links in the order of the tar."""
        for name, found in self._members.items():
            if found.kind != FOLDER and name.startswith(prefix):
                yield name

    def is_hard_link(self, name: str) -> bool:
        """Whether the member of this very name is a hard link."""
        found = self._members.get(normal(name))
        return found is not None and found.kind == LINK

    def stretches(self) -> Iterator[tuple[str, int, int]]:
        """Give the names of the files that have bytes, and between which positions of the tar these lie."""
        for name, found in self._members.items():
            if found.kind == FILE and found.size:
                yield name, found.offset, found.offset + found.size

    def is_hollow(self, most: int) -> bool:
        """Whether more than `most` bytes of the tar lie in holes of a sparse file. HostError: it cannot be read."""
        return FileRange(self._path, 0, self._size, self.where, self._file).is_hollow(most)

    def chunks(self) -> Iterator[bytes]:
        """Give the bytes of the tar from the first to the last. HostError: it cannot be read."""
        for position in range(0, self._size, CHUNK):
            yield self._file.read(min(CHUNK, self._size - position), position)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _range(self, name: str, found: Member) -> FileRange:
        return FileRange(self._path, found.offset, found.size, member(self.where, name), self._file)

    def _note(self, rule: str, name: str, message: str) -> None:
        self.flaws.add(Flaw(rule=rule, where=member(self.where, name), message=message, subject=name))

    # The walk

    def _walk(self) -> None:
        try:
            end = self._members_until_end()
            self._check_behind(end)
            self._check_folders()
            self._links.check()
            self._check_early()
        except _Damage as damage:
            where = f"{self.where}: byte {damage.offset}"
            self.flaws.add(
                Flaw(
                    rule=damage.rule,
                    where=where,
                    message=damage.message,
                    subject=self.where,
                    expected=damage.expected,
                    found=damage.found,
                )
            )
            self.damaged = damage.rule != "data-after-end"
        except LostBytesError as lost:
            self.flaws.add(Flaw(rule=lost.rule, where=lost.where or self.where, message=lost.what))
            self.damaged = True

    def _members_until_end(self) -> int:
        """Collect all members; return where the end marker ends."""
        window, start = b"", 0
        position = 0
        extended, alike = header.Extended(), Alike()
        while True:
            at = position - start
            if at < 0 or at + BLOCK > len(window):
                window, start, at = self._window(position), position, 0
                if len(window) < BLOCK:
                    what = "tar has no end marker" if not window else "tar is cut short inside a header"
                    raise _Damage("tar-truncated", what, position)
            block = window[at : at + BLOCK]
            try:
                if block == header.ZEROS:
                    alike.end()
                    if extended.pending:
                        raise header.HeaderError("tar ends behind an extended header, without its member")
                    return self._end_marker(position)
                parsed = header.parse(block)
                alike.block(block, parsed.flag)
                position += BLOCK
                self._count(1, position)
                size = parsed.size if parsed.flag not in header.WITHOUT_DATA else 0
                if parsed.flag in header.EXTENDED_FLAGS:
                    content, behind = self._extended(parsed.size, position)
                    self._count(header.weight(content), position)
                    said = extended.take(parsed.flag, content, behind)
                    alike.extended(parsed.flag, content, behind, said)
                else:
                    if parsed.flag == b"S":
                        position = self._behind_map(block, position)
                    name, link, size = extended.apply(parsed, size)
                    self._within(name, link, position)
                    alike.member(parsed, extended, name, size)
                    self._add(name, link, parsed.flag, position, size, sparse=extended.sparse)
                    extended.next_member()
            except header.HeaderError as error:
                raise _Damage(error.rule, str(error), position) from None
            position += -(-size // BLOCK) * BLOCK

    def _count(self, headers: int, position: int) -> None:
        """Count headers, or what takes as long to read."""
        self._headers += headers
        if self._headers > self.limits.members:
            what = f"tar has more than {plural(self.limits.members, 'member')}, --limit members=N lifts this limit"
            raise _Damage("limit-members", what, position)

    def _window(self, position: int, size: int = _WINDOW) -> bytes:
        """Return the next headers; where bytes behind the first one are lost, that one alone."""
        try:
            return self._read(position, size)
        except LostBytesError:
            return self._read(position, BLOCK)

    def _add(self, name: str, link: str, flag: bytes, offset: int, size: int, *, sparse: bool) -> None:
        if offset + size > self._size:
            what = f"tar is cut short inside the member {clipped(name, 200)!r}"
            there = plural(max(self._size - offset, 0), "byte")
            raise _Damage("tar-truncated", what, self._size, expected=plural(size, "byte"), found=there)
        inside = normal(name)
        if name.startswith("/"):
            self._note("member-name-absolute", name[:200], "member name begins with a slash, which readers leave out")
        kind = SPECIAL if sparse else _KINDS.get(flag, SPECIAL)
        if kind == FILE and name.endswith("/"):
            kind = FOLDER  # how tars before POSIX wrote folders
        if "\0" in name or not inside or inside == ".." or inside.startswith("../"):
            if inside or kind != FOLDER or not name:  # the root folder `./` is what tar -C DIR . writes first
                self._note("member-name", name[:200], "member name leads out of the archive or is empty")
            return
        if sparse or flag == b"S":  # readers differ in how its data becomes the file, so none is trusted
            self._note("member-special", inside, NO_FILE)
        found = Member(kind, offset, size, link)
        before = self._members.get(inside)
        if before is not None and not (before.kind == kind == FOLDER):
            self._doubled(inside, before, found)
            return
        self._members[inside] = found
        self._hold(inside, offset)
        if kind == LINK and normal(link) not in self._members:
            self._early.append(inside)
        if kind == SPECIAL and flag in _DEVICES:
            self._note("member-device", inside, "a device or FIFO, which no image archive needs")
        if link:
            self._hold(link, offset)

    def _within(self, name: str, link: str, offset: int) -> None:
        longest = max(len(name), len(link))
        if longest > self.limits.name:
            what = f"a member's name has {plural(longest, 'character')}"
            raise _Damage("limit-name", f"{what}, --limit name=N lifts the limit of {self.limits.name}", offset)

    def _hold(self, name: str, offset: int) -> None:
        """Count a name that is kept; names and folders can be far more than the tar that spells them."""
        self._names_size += getsizeof(name)
        if self._names_size > self.limits.names_size:
            what = f"names take more than {plural(self.limits.names_size, 'byte')} of memory"
            raise _Damage("limit-name", f"{what}, --limit names-size=N lifts this limit", offset)

    def _doubled(self, name: str, first: Member, second: Member) -> None:
        """Readers in Go take the first of two, `tar -x` the last: only where both are the same is it harmless."""
        same = first.kind == second.kind and first.link == second.link and first.size == second.size
        if same and first.kind == FILE:
            same = self._alike(first.offset, second.offset, first.size)
        if same:
            self._note("member-doubled-same", name, "member stands twice, with the same content")
        else:
            self._note(
                "member-doubled", name, "member stands twice with different content: readers disagree which counts"
            )

    def _alike(self, first: int, second: int, size: int) -> bool:
        """Whether two stretches of the file hold the same; what is a hole in both is zeros, and is not read."""
        done = 0
        while done < size:
            done = min(self._file.data_from(first + done) - first, self._file.data_from(second + done) - second)
            length = min(_COMPARED, size - done)
            if length > 0 and self._read(first + done, length) != self._read(second + done, length):
                return False
            done += _COMPARED
        return True

    def _extended(self, size: int, position: int) -> tuple[bytes, int]:
        """Return the content of an extended header, and the first byte of what fills its last block."""
        if size > self.limits.extended:
            what = f"extended header claims {plural(size, 'byte')}"
            limit = f"--limit extended=N lifts the limit of {self.limits.extended}"
            raise header.HeaderError(f"{what}, {limit}", "limit-extended")
        content = self._read(position, -(-size // BLOCK) * BLOCK)
        if len(content) < size:
            raise _Damage("tar-truncated", "tar is cut short inside an extended header", self._size)
        return content[:size], content[size] if len(content) > size else 0

    def _behind_map(self, block: bytes, position: int) -> int:
        """Return where the data of a sparse file begins, behind the blocks that go on with its map (GNU tar manual)."""
        end = header.sparse_end(block, 386, 4, 0)
        more = block[482]
        window, at, size = b"", 0, BLOCK
        while more:
            if at + BLOCK > len(window):
                window, at, size = self._window(position, size), 0, min(2 * size, _WINDOW)
            block = window[at : at + BLOCK]
            if len(block) < BLOCK:
                raise _Damage("tar-truncated", "tar is cut short inside the map of a sparse file", self._size)
            at, position = at + BLOCK, position + BLOCK
            self._count(2 if block[_ELEVENTH] else 1, position)
            end = header.sparse_end(block, 0, 21, end)
            more = block[504]
        return position

    def _check_folders(self) -> None:
        """A file cannot have members below it; `tar -x` stops there, other readers go on."""
        for name in self._members:
            folder = name.rpartition("/")[0]
            while folder and folder not in self._folders:
                self._folders.add(folder)
                self._hold(folder, self._size)
                found = self._members.get(folder)
                if found is not None and found.kind in (FILE, SPECIAL):
                    self._note("member-not-a-folder", folder, "a file stands where members need a folder")
                folder = folder.rpartition("/")[0]

    def _check_early(self) -> None:
        """Readers that go through a tar once cannot link to what comes later (GNU tar, and engines that stream)."""
        for name in self._early:
            other = self._members.get(normal(self._members[name].link))
            if other is not None and (other.kind != LINK or normal(other.link) != name):  # a circle is one already
                self._note("tar-ambiguous", name, "hard link to a member that comes later, which some readers refuse")

    def _end_marker(self, position: int) -> int:
        second = self._read(position + BLOCK, BLOCK)
        if second == header.ZEROS:
            return position + 2 * BLOCK
        if not second:
            raise _Damage("tar-truncated", "tar ends after one of the two blocks that mark its end", position)
        raise _Damage("tar-damaged", "tar has a lone zero block between its members", position)

    def _check_behind(self, position: int) -> None:
        """What follows the end is padding of zeros, or it is something that most readers never see."""
        while position < self._size:
            position = self._file.data_from(position)
            if position >= self._size:
                return  # a hole to the end of the file: zeros
            chunk = self._read(position, 1 << 20)
            if chunk.count(0) != len(chunk):
                raise _Damage("data-after-end", "bytes follow the end of the tar", position)
            position += max(len(chunk), 1)

    def _read(self, position: int, size: int) -> bytes:
        return self._file.read(size, position)
