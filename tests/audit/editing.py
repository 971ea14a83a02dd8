"""Archives of the corpus, opened for one change: what names the changed bytes by their digest follows."""

import json
import stat
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from tests.support import build, oracle
from tests.support.build import sha256
from tests.support.tar import Kind, Member, Style, tar, write_folder
from tests.support.truth import CORPUS

Json = dict[str, Any]
INDEX_TYPES = (build.OCI_INDEX, build.DOCKER_LIST)
MANIFEST_TYPES = (build.OCI_MANIFEST, build.DOCKER_MANIFEST)
KINDS = {
    tarfile.REGTYPE: Kind.FILE,
    tarfile.AREGTYPE: Kind.FILE,
    tarfile.LNKTYPE: Kind.HARDLINK,
    tarfile.SYMTYPE: Kind.SYMLINK,
    tarfile.DIRTYPE: Kind.FOLDER,
}


class NotHereError(LookupError):
    """An archive has nothing that a change could be made to."""


@dataclass(slots=True)
class Bundle:
    """The members of one archive, to be changed and written.

    `last` changes the bytes of a tar once it is made, `outside` what lies in a folder once it is written.
    """

    name: str
    members: dict[str, Member]
    last: list[Callable[[bytes], bytes]] = field(default_factory=list)
    outside: list[Callable[[Path], None]] = field(default_factory=list)

    @property
    def is_tar(self) -> bool:
        """Tell a tar from a folder."""
        return self.name.endswith(".tar")

    # What is in it

    def data(self, name: str) -> bytes:
        """Give the bytes of a member, links followed."""
        return self.members[self.real(name)].data

    def real(self, name: str) -> str:
        """Give the name of the file that a name leads to."""
        member = self.members[name]
        if member.kind is Kind.SYMLINK:
            base = name.split("/")[:-1]
            for part in member.target.split("/"):
                base = base[:-1] if part == ".." else [*base, part]
            return self.real("/".join(base))
        return self.real(member.target) if member.kind is Kind.HARDLINK else name

    def json(self, name: str) -> Any:  # noqa: ANN401  # a JSON document is of any type
        """Parse a document."""
        return json.loads(self.data(name))

    def blob(self, digest: str) -> str:
        """Give the name of the member that holds the blob of a digest."""
        encoded = build.hexed(digest)
        for name in (build.blob_path(digest), encoded, f"{encoded}.manifest.json"):
            if name in self.members:
                return name
        raise NotHereError(digest)

    # Where things are

    @property
    def entry(self) -> str:
        """Give the name of the entry document that is an index."""
        return self.there("index.json")

    @property
    def saved(self) -> str:
        """Give the name of the manifest.json of a docker-archive."""
        if not self.is_tar:
            raise NotHereError("manifest.json of a docker-archive")
        return self.there("manifest.json")

    def there(self, name: str) -> str:
        """Give the name if it is there."""
        if name not in self.members:
            raise NotHereError(name)
        return name

    def descriptors(self) -> Iterator[tuple[str, list[str | int], Json]]:
        """Give each descriptor of a manifest or index: the document that has it, its place there, and itself."""
        if "index.json" not in self.members:
            name = self.there("manifest.json")
            if isinstance(self.json(name), dict):
                yield from self._below(name, set())
            return
        yield from self._below("index.json", set())

    def _below(self, name: str, seen: set[str]) -> Iterator[tuple[str, list[str | int], Json]]:
        if name in seen:
            return
        seen.add(name)
        document = self.json(name)
        for number, one in enumerate(document.get("manifests", ())):
            yield name, ["manifests", number], one
            if one["mediaType"] in (*INDEX_TYPES, *MANIFEST_TYPES):
                try:
                    below = self.blob(one["digest"])
                except NotHereError:
                    continue
                yield from self._below(below, seen)
        if "config" in document:
            yield name, ["config"], document["config"]
            for number, one in enumerate(document.get("layers", ())):
                yield name, ["layers", number], one

    def manifests(self) -> list[str]:
        """Give the names of the manifests of images."""
        found = dict.fromkeys(name for name, place, one in self.descriptors() if place[0] == "layers" and is_layer(one))
        return list(found)

    @property
    def manifest(self) -> str:
        """Give the name of the first image's manifest."""
        found = self.manifests()
        if not found:
            raise NotHereError("manifest")
        return found[0]

    @property
    def index(self) -> str:
        """Give the name of the first index that is a blob, or of a dir's."""
        for name, place, _ in self.descriptors():
            if place[0] == "manifests" and name != "index.json":
                return name
        raise NotHereError("index")

    @property
    def config(self) -> str:
        """Give the name of the first image's config."""
        try:
            return self.blob(self.json(self.manifest)["config"]["digest"])
        except NotHereError:
            return self.there(self.json(self.saved)[0]["Config"])

    @property
    def layers(self) -> list[str]:
        """Give the names of the files of the first image's layers, in order."""
        try:
            return [self.blob(one["digest"]) for one in self.json(self.manifest)["layers"]]
        except NotHereError:
            return [self.real(name) for name in self.json(self.saved)[0]["Layers"]]

    def refer(self, name: str) -> tuple[str, list[str | int]]:
        """Give the document that names a blob, and the place of the descriptor there."""
        for document, place, one in self.descriptors():
            if build.hexed(one["digest"]) in name:
                return document, place
        raise NotHereError(f"descriptor of {name}")

    # Changes

    def put(self, name: str, data: bytes) -> None:
        """Give a member other bytes. Where its name is their digest it moves, and what names it follows."""
        old, new = sha256(self.members[name].data), sha256(data)
        self.lie(name, data)
        self.follow(old, new, len(data))

    def lie(self, name: str, data: bytes) -> None:
        """Give a member other bytes, and leave all names as they are."""
        self.members[name] = replace(self.members[name], data=data)

    def edit(self, name: str, change: Callable[[Any], None]) -> None:
        """Change the value of a document in place."""
        value = self.json(name)
        change(value)
        self.put(name, build.dumped(value))

    def at(self, name: str, place: list[str | int], change: Callable[[Any], None]) -> None:
        """Change a value inside a document."""

        def inside(value: Any) -> None:  # noqa: ANN401
            for step in place:
                value = value[step]
            change(value)

        self.edit(name, inside)

    def put_layer(self, name: str, stored: bytes, plain: bytes | None = None) -> None:
        """Give a layer other bytes, to which every digest of it agrees: that of its blob, and its diff_id."""
        old = self.members[name].data
        if plain is not None:
            before = oracle.unpacked(old)[1]
            if before != old:
                self.follow(sha256(before), sha256(plain), None)
        self.lie(name, stored)
        self.follow(sha256(old), sha256(stored), len(stored))

    def follow(self, old: str, new: str, size: int | None) -> None:
        """Name a blob otherwise wherever it is named: by descriptors, files, links, tags, statements."""
        if old == new:
            return
        moved = {}
        for name, member in self.members.items():
            named = member if member.kind is Kind.FILE else replace(member, target=member.target.replace(old, new))
            moved[name.replace(old, new)] = replace(named, name=name.replace(old, new))
        self.members = moved
        while True:
            for name, member in self.members.items():
                if member.kind is Kind.FILE and old.encode() in member.data and member.data[:1] in b"{[":
                    self.put(name, build.dumped(_followed(json.loads(member.data), old, new, size)))
                    break
            else:
                return

    def remove(self, name: str) -> None:
        """Leave a member out."""
        del self.members[name]

    def add(self, member: Member) -> None:
        """Add a member at the end."""
        self.members[member.name] = member

    def hold(self, data: bytes) -> str:
        """Add a blob where this format keeps one, and give its digest."""
        digest = build.digest(data)
        flat = "version" in self.members and not self.is_tar
        self.add(Member(build.hexed(digest) if flat else build.blob_path(digest), data))
        return digest

    # The archive

    def offset(self, name: str) -> int:
        """Give where the header of a member stands in the tar."""
        before: list[Member] = []
        for member in self.members.values():
            if member.name.rstrip("/") == name.rstrip("/"):
                return len(tar(before, style=Style.GNU, end=0))
            before.append(member)
        raise NotHereError(name)

    def write(self, folder: Path) -> Path:
        """Write the archive as what it was."""
        path = folder / self.name
        if not self.is_tar:
            write_folder(path, self.members.values())
            for change in self.outside:
                change(path)
            return path
        if self.outside:
            raise NotHereError("a folder")
        data = tar(self.members.values(), style=Style.GNU)
        for alter in self.last:
            data = alter(data)
        path.write_bytes(data)
        return path


def is_layer(descriptor: Json) -> bool:
    """Tell a layer of an image from what attestations and artifacts hold."""
    return "image.layer." in descriptor["mediaType"] or "rootfs.diff.tar" in descriptor["mediaType"]


def _followed(value: Any, old: str, new: str, size: int | None) -> Any:  # noqa: ANN401
    if isinstance(value, str):
        return value.replace(old, new)
    if isinstance(value, list):
        return [_followed(one, old, new, size) for one in value]
    if not isinstance(value, dict):
        return value
    made = {key.replace(old, new): _followed(one, old, new, size) for key, one in value.items()}
    named = value.get("digest")
    if size is not None and isinstance(named, str) and named.endswith(old) and "size" in made:
        made["size"] = size
    return made


@cache
def _loaded(name: str) -> tuple[Member, ...]:
    path = CORPUS / name
    if path.is_dir():
        files = sorted(one for one in path.rglob("*") if stat.S_ISREG(one.lstat().st_mode))
        return tuple(Member(str(one.relative_to(path)), one.read_bytes()) for one in files)
    found = []
    with tarfile.open(path) as opened:
        for one in opened:
            file = opened.extractfile(one) if one.isreg() else None
            slash = "/" if one.isdir() else ""
            found.append(
                Member(one.name + slash, file.read() if file else b"", KINDS[one.type], one.linkname, one.mode & 0o777)
            )
    return tuple(found)


def opened(name: str) -> Bundle:
    """Open an archive of the corpus."""
    return Bundle(name, {member.name: member for member in _loaded(name)})
