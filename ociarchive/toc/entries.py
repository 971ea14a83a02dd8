"""Compare what a table of contents says about each file with the members of the layer's tar."""

from __future__ import annotations

import re
from sys import getsizeof
from typing import TYPE_CHECKING, Final, NamedTuple

from ociarchive.blobio.hashing import hasher
from ociarchive.container.header import HeaderError
from ociarchive.container.names import normal
from ociarchive.errors import plural
from ociarchive.toc.locate import TOC_NAME
from ociarchive.toc.mismatches import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.blobio.hashing import Hasher
    from ociarchive.blobio.limits import Limits
    from ociarchive.container.stream import Member, Tar
    from ociarchive.toc.mismatches import Faults
    from ociarchive.toc.tables import Chunk, Claim, Claims

#: Go writes what is not UTF-8 into JSON as U+FFFD, byte by byte.
_BYTES: Final = re.compile("[\udc80-\udcff]")
_MODE: Final = 0o7777
#: eStargz rounds times to the second (estargz.md, modtime).
_ROUNDED: Final = 500_000_000


class Place(NamedTuple):
    """Where a proved part of a file is stored, as the table says: to be fetched as an engine would.

    `end` is where the stored bytes end, 0 where the table does not say. `size` is that of the part itself.
    """

    offset: int
    end: int
    inner: int
    size: int
    digest: str
    name: str


def compare(claims: Claims, tar: Tar, faults: Faults, limits: Limits, *, gzip: bool) -> list[Place]:
    """Note where a table contradicts the tar. Return where the parts of files are stored that agree.

    It removes the claims that were compared with a member. HeaderError: the tar is damaged.
    """
    places: list[Place] = []
    for every in claims.files.values():
        every.reverse()  # so that the first is taken from the end: thousands may have one name
    folders: set[str] = {""}
    held = 0
    for member in tar.members():
        name = _as_go_has_it(member.name)
        if name == TOC_NAME and gzip:
            continue
        folder = name.rpartition("/")[0]
        while folder not in folders:
            folders.add(folder)
            held += getsizeof(folder)
            if held > limits.names_size:
                what = (
                    f"folders of more than {plural(limits.names_size, 'byte')}, --limit names-size=N lifts this limit"
                )
                raise HeaderError(what, "limit-name")
            folder = folder.rpartition("/")[0]
        if not member.kind or member.sparse:  # nothing that a table has a word for
            claims.files.pop(name, None)
            continue
        found = claims.files.get(name)
        if not found:
            faults.add("toc-entry", f"the table of contents leaves out {shown(name)}")
            continue
        claim = found.pop()
        if not found:
            del claims.files[name]
        places.extend(_hold(claim, member, tar, faults, gzip=gzip))
    for name, rest in claims.files.items():
        # Parents of members need no member of their own.
        if rest and not (name in folders and all(claim.kind == "dir" for claim in rest)):
            faults.add("toc-entry", f"the table of contents names {shown(name)}, which the layer does not hold")
    return places


def _as_go_has_it(text: str) -> str:
    return _BYTES.sub("\ufffd", text)


def _hold(claim: Claim, member: Member, tar: Tar, faults: Faults, *, gzip: bool) -> Iterator[Place]:
    differ = list(_attributes(claim, member, gzip=gzip))
    if differ:
        message = f"the table of contents gives {shown(claim.name)} another {', '.join(key for key, _, _ in differ)}"
        expected, found = (", ".join(f"{key} {pair[side]}" for key, *pair in differ) for side in (0, 1))
        faults.add("toc-attributes", message, expected, found)
    if claim.kind == member.kind == "reg" and claim.size == member.size:
        yield from _content(claim, member, tar, faults, gzip=gzip)


def _attributes(claim: Claim, member: Member, *, gzip: bool) -> Iterator[tuple[str, object, object]]:
    """Give each attribute that differs, as the table and as the tar has it."""
    if claim.kind != member.kind:
        yield "type", claim.kind, member.kind
        return
    if member.kind == "reg" and claim.size != member.size:
        yield "size", claim.size, member.size
    if member.mode is not None and (claim.mode ^ member.mode) & _MODE:
        yield "mode", f"{claim.mode & _MODE:04o}", f"{member.mode & _MODE:04o}"
    if member.uid is not None and claim.uid != member.uid:
        yield "uid", claim.uid, member.uid
    if member.gid is not None and claim.gid != member.gid:
        yield "gid", claim.gid, member.gid
    link = _as_go_has_it(member.link)
    if (member.kind == "symlink" and claim.link != link) or (
        member.kind == "hardlink" and normal(claim.link) != normal(link)
    ):
        yield "link", shown(claim.link), shown(link)
    if member.kind in ("char", "block") and claim.device != member.device and None not in member.device:
        yield "device", "{}:{}".format(*claim.device), "{}:{}".format(*member.device)
    # eStargz leaves out a time that is not known, zstd:chunked one that is zero.
    told = 0 if claim.mtime is None and not gzip else claim.mtime
    if told is not None and member.mtime is not None and abs(told - member.mtime) > _ROUNDED:
        yield "modtime", f"{told / 1e9:.9f} s", f"{member.mtime / 1e9:.9f} s"
    xattrs = {_as_go_has_it(key): value for key, value in member.xattrs.items()}
    if claim.xattrs != xattrs:
        keys = sorted(key for key in {*claim.xattrs, *xattrs} if claim.xattrs.get(key) != xattrs.get(key))
        texts = (
            ", ".join(f"{key}={one[key]!r}"[:80] for key in keys[:3] if key in one) or "none"
            for one in (claim.xattrs, xattrs)
        )
        yield "xattrs", next(texts), next(texts)


class _Digest:
    """A claimed digest, and the hash of the bytes. A digest of an unknown algorithm is wrong.

    `filled` says of what should be `zeros` that it is not.
    """

    def __init__(self, told: str, *, zeros: bool = False) -> None:
        self.told, self._zeros, self.filled = told, zeros, False
        self._algorithm = told.partition(":")[0]
        self._hasher: Hasher | None = hasher(self._algorithm) or hasher("sha256") if told else None

    def update(self, data: memoryview) -> None:
        if self._hasher:
            self._hasher.update(data)
        if self._zeros and not self.filled:
            self.filled = data != bytes(len(data))

    @property
    def found(self) -> str:
        name = self._algorithm if hasher(self._algorithm) else "sha256"
        return f"{name}:{self._hasher.hexdigest()}" if self._hasher else ""

    @property
    def wrong(self) -> bool:
        return self.found != self.told


def _content(claim: Claim, member: Member, tar: Tar, faults: Faults, *, gzip: bool) -> Iterator[Place]:
    """Compare the digests of a file and of its chunks with its data."""
    chunks = _tiled(claim, member.size)
    whole = _Digest(claim.digest)
    parts = [] if chunks is None else [_Digest(chunk.digest, zeros=chunk.zeros) for chunk in chunks]
    ends = [] if chunks is None else [chunk.begin + chunk.size for chunk in chunks]
    position, current = 0, 0
    for data in tar.data():
        whole.update(data)
        rest = data
        while rest and current < len(parts):
            part = rest[: ends[current] - position]
            parts[current].update(part)
            position += len(part)
            rest = rest[len(part) :]
            current += position == ends[current]
    name = shown(claim.name)
    if whole.wrong:
        faults.add("toc-entry", f"the table of contents gives {name} another digest", whole.told, whole.found)
    elif chunks is None:
        faults.add("toc-chunk", f"the chunks that the table of contents gives {name} do not make up the file in a row")
    elif member.size:
        yield from _chunks(claim, list(zip(chunks, parts, strict=True)), faults, gzip=gzip)


def _tiled(claim: Claim, size: int) -> list[Chunk] | None:
    """Return the chunks of a file, with their sizes; None where they leave a gap, overlap or are out of order.

    Engines write them, or look for one, in the order of the table.
    """
    chunks: list[Chunk] = []
    position = 0
    for number, chunk in enumerate(claim.chunks, 1):
        last = number == len(claim.chunks)
        length = chunk.size or (size - position if last else 0)
        if chunk.begin != position or (not length and size):
            return None
        chunks.append(chunk._replace(size=length))
        position += length
    return chunks if position == size else None


def _chunks(claim: Claim, chunks: list[tuple[Chunk, _Digest]], faults: Faults, *, gzip: bool) -> Iterator[Place]:
    name = shown(claim.name)
    for number, (chunk, digest) in enumerate(chunks):
        what = f"byte {chunk.begin} of {name}"
        told = chunk.digest or (claim.digest if len(chunks) == 1 else "")
        if digest.wrong:
            message = f"the table of contents gives the chunk at {what} another digest"
            faults.add("toc-chunk", message, digest.told, digest.found)
        elif not chunk.digest and (gzip or not claim.digest):
            faults.add("toc-chunk", f"the table of contents gives the chunk at {what} no digest")
        elif digest.filled:
            faults.add("toc-chunk", f"the table of contents says that the chunk at {what} is zeros, which it is not")
        elif told:
            end = claim.end if number == len(chunks) - 1 else 0
            yield Place(chunk.offset, end, chunk.inner, chunk.size, told, claim.name)
