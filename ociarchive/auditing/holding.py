"""All that an archive is called and holds, as plain values: what a receipt lists, and what an archive is held against.

The same function lists what was written and, later, what is audited, so that only a change makes a difference.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Final

from ociarchive.auditing.identity import hashed
from ociarchive.container import DirectoryContainer, PrefixedContainer, TarContainer
from ociarchive.formats import format_of
from ociarchive.model import Artifact, Image, Index, parts, walk
from ociarchive.values import Reference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from ociarchive.auditing.listing import Object
    from ociarchive.blobio.source import ByteSource
    from ociarchive.model import Archive, Root
    from ociarchive.values import JSON

#: How many files beside the blobs are listed one by one. A registry has a few links for each blob, and its folder is
#: bound by its directory hash; every other format has a handful of files.
MOST_FILES: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the archive lists at its top: the names that lead there, and the descriptor as it stands there."""

    names: tuple[str, ...]
    descriptor: Object

    @property
    def digest(self) -> str:
        """The digest of the manifest or index."""
        return str(self.descriptor.get("digest"))


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file beside the blobs: its name in the archive, its size in bytes, its digest (`sha256:...`)."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What an archive is called and holds.

    `entries` are in its order. `described`: its entry document lists them, with platforms and annotations; else their
    descriptors are made from digests alone. `blobs` maps the digest of each that is no manifest and no index to its
    size in bytes. `files` are those beside the blobs, None where they are too many. Without `complete` there may be
    more than is listed, as in a registry.
    """

    entries: tuple[Entry, ...]
    manifests: tuple[str, ...]
    indexes: tuple[str, ...]
    blobs: Mapping[str, int]
    files: tuple[File, ...] | None = None
    described: bool = False
    complete: bool = True
    _names: dict[str, tuple[str, ...]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def names(self) -> Mapping[str, tuple[str, ...]]:
        """The digests to which each name leads, sorted: one, unless the archive is at fault."""
        if not self._names:
            several: dict[str, set[str]] = {}
            for entry in self.entries:
                for name in entry.names:
                    if name not in self._names:
                        self._names[name] = (entry.digest,)
                    elif entry.digest != self._names[name][0]:
                        several.setdefault(name, {*self._names[name]}).add(entry.digest)
            self._names.update({name: tuple(sorted(digests)) for name, digests in several.items()})
        return self._names

    def without_hosts(self) -> Holding:
        """Return it with names that have no host."""
        entries = tuple(replace(one, names=tuple(map(_bare, one.names))) for one in self.entries)
        return replace(self, entries=entries, _names={})

    def as_json(self) -> Object:
        """Return it as a receipt has it."""
        return {
            "complete": self.complete,
            "described": self.described,
            "entries": [{"names": [*one.names], "descriptor": one.descriptor} for one in self.entries],
            "manifests": [*self.manifests],
            "indexes": [*self.indexes],
            "blobs": [{"digest": digest, "size": size} for digest, size in self.blobs.items()],
            "files": None
            if self.files is None
            else [{"name": one.name, "size": one.size, "sha256": one.sha256} for one in self.files],
        }


def holding(
    archive: Archive, tick: Callable[[int], object], *, hosts: bool = True, known: Mapping[str, int] | None = None
) -> Holding:
    """Return what an archive is called and holds. Its blobs are not read, the few files beside them are.

    Without `hosts` names have none. With `known`, sizes of files by name, a file of another name or size is not read,
    and has no digest. ContentError, HostError: a file cannot be read.
    """
    stored = {
        str(one.digest): (one.source.size or 0) if one.source is not None else 0
        for one in archive.stored
        if one.digest is not None
    }
    made = holding_of(archive.roots, archive.format, hosts=hosts)
    documents = {*made.manifests, *made.indexes}
    blobs = {**made.blobs, **stored} if not isinstance(archive.origin, _CONTAINERS) else stored
    return Holding(
        entries=made.entries,
        manifests=made.manifests,
        indexes=made.indexes,
        blobs={digest: blobs[digest] for digest in sorted(blobs.keys() - documents)},
        files=_files(archive, tick, known),
        described=archive.entry is not None and "manifests" in archive.entry.members,
        complete=isinstance(archive.origin, _CONTAINERS),
    )


def holding_of(roots: Iterable[Root], form: str, *, hosts: bool = True) -> Holding:
    """Return what some roots in a format are called and lead to; there may be more where they lie."""
    listed = tuple(roots)
    found: dict[str, set[str]] = {"manifests": set(), "indexes": set()}
    blobs: dict[str, int] = {}
    for edge in walk(listed):
        document = edge.node.document if isinstance(edge.node, Image | Artifact | Index) else None
        if document is not None and edge.descriptor is not None:
            kind = "indexes" if isinstance(edge.node, Index) else "manifests"
            found[kind].add(str(edge.descriptor.digest))
        for part in parts(edge.node):
            if part.descriptor is not None and part.source is not None:
                blobs[str(part.descriptor.digest)] = part.descriptor.size
    return Holding(
        entries=tuple(_entry(root, form, hosts=hosts) for root in listed if _descriptor(root)),
        manifests=tuple(sorted(found["manifests"])),
        indexes=tuple(sorted(found["indexes"])),
        blobs=dict(sorted(blobs.items())),
        complete=False,
    )


def has_hosts(form: object) -> bool:
    """Whether names have hosts in a format, as all have that are not known here."""
    try:
        return format_of(str(form)).hosts
    except StopIteration:
        return True


def _entry(root: Root, form: str, *, hosts: bool) -> Entry:
    known = format_of(form)
    told = [str(name) if hosts and known.hosts else _without_host(name.path, name.tag) for name in root.names]
    names = tuple(dict.fromkeys(told)) or ((root.ref_name,) if root.ref_name else ())
    return Entry(names=names, descriptor=_descriptor(root))


def _descriptor(root: Root) -> Object:
    """Return the descriptor of a root; where its format keeps no manifest, the digest of the image's config."""
    if root.descriptor is not None:
        return root.descriptor.raw
    found = root.node.image_id if isinstance(root.node, Image) else None
    return {"digest": str(found)} if found is not None else {}


def _bare(text: str) -> str:
    name = Reference.maybe(text)
    return text if name is None else _without_host(name.path, name.tag)


def _without_host(path: str, tag: str | None) -> str:
    return f"{path}:{tag}" if tag else path


def _files(archive: Archive, tick: Callable[[int], object], known: Mapping[str, int] | None) -> tuple[File, ...] | None:
    """Return the files beside the blobs, by name; None where there are too many, or no files at all."""
    found = []
    for name, source in islice(beside_blobs(archive), MOST_FILES + 1):
        size = source.size or 0
        same = known is None or known.get(name) == size
        found.append(File(name=name, size=size, sha256=f"sha256:{hashed(source, tick)}" if same else ""))
    if len(found) > MOST_FILES or not isinstance(archive.origin, _CONTAINERS):
        return None
    return tuple(sorted(found, key=lambda one: one.name))


_CONTAINERS: Final = (DirectoryContainer, TarContainer, PrefixedContainer)


def beside_blobs(archive: Archive) -> Iterator[tuple[str, ByteSource]]:
    """Give the files of an archive that are no blobs: its documents, its links, whatever else lies there."""
    origin = archive.origin
    if not isinstance(origin, _CONTAINERS):
        return
    blobs = {one.name for one in archive.stored if one.digest is not None}
    for name in origin.names():
        source = origin.get(name) if name not in blobs else None
        if source is not None:
            yield name, source


def parsed(value: JSON) -> Holding | str:
    """Return what a receipt lists as held, or why it does not say it in the way of `receipt.schema.json`."""
    if not isinstance(value, dict):
        return "holds is no object"
    for flag in ("complete", "described"):
        if not isinstance(value.get(flag), bool):
            return f"holds.{flag} is neither true nor false"
    lists: dict[str, list[JSON]] = {}
    for key in ("entries", "manifests", "indexes", "blobs"):
        listed = value.get(key)
        if not isinstance(listed, list):
            return f"holds.{key} is not a list"
        lists[key] = listed
    files = value.get("files", ())
    if files is not None and not isinstance(files, list):
        return "holds.files is not a list"
    entries = [_entry_in(one) for one in lists["entries"]]
    blobs = [_sized(one, "digest") for one in lists["blobs"]]
    every = [file_in(one) for one in files or ()]
    texts = all(isinstance(one, str) for one in (*lists["manifests"], *lists["indexes"]))
    if None in entries or None in blobs or None in every or not texts:
        return "holds lists what is no entry, no digest or no file"
    return Holding(
        entries=tuple(one for one in entries if one is not None),
        manifests=tuple(map(str, lists["manifests"])),
        indexes=tuple(map(str, lists["indexes"])),
        blobs=dict(one for one in blobs if one is not None),
        files=None if files is None else tuple(one for one in every if one is not None),
        described=value["described"] is True,
        complete=value["complete"] is True,
    )


def _entry_in(value: JSON) -> Entry | None:
    names = value.get("names") if isinstance(value, dict) else None
    descriptor = value.get("descriptor") if isinstance(value, dict) else None
    if not isinstance(names, list) or not isinstance(descriptor, dict) or not isinstance(descriptor.get("digest"), str):
        return None
    told = tuple(one for one in names if isinstance(one, str))
    return Entry(names=told, descriptor=descriptor) if len(told) == len(names) else None


def file_in(value: JSON) -> File | None:
    """Return the file of a name, a size and a digest that a value of JSON describes, None where it describes none."""
    name = value.get("name") if isinstance(value, dict) else None
    sized = _sized(value, "sha256")
    return File(name=name, size=sized[1], sha256=sized[0]) if isinstance(name, str) and sized is not None else None


def _sized(value: JSON, key: str) -> tuple[str, int] | None:
    digest = value.get(key) if isinstance(value, dict) else None
    size = value.get("size") if isinstance(value, dict) else None
    if not isinstance(digest, str) or not isinstance(size, int) or isinstance(size, bool):
        return None
    return digest, size
