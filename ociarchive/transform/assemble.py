"""Assemble: one image index of the images that were selected, between selection and sink.

Entries stand in the order of the sources. A manifest that has bytes keeps them; an index is taken apart, and its
entries become those of the new one. What refers to an image comes along beside the index, under its old digest.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from ociarchive import documents
from ociarchive.blobio.hashing import sha256
from ociarchive.errors import UsageError, plural, some
from ociarchive.formats._entries import said_by_entry
from ociarchive.formats.format import LeftOut
from ociarchive.mediatypes import DOCKER_LIST, OCI_INDEX, OCI_MANIFEST, look_up
from ociarchive.model import Child, Image, Index, Missing, Root, refers_to, walk
from ociarchive.selection.select import matching
from ociarchive.selection.speaking import following
from ociarchive.transform.rewrite import attached_to, without_names
from ociarchive.values import Descriptor, Reference, tagged_digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ociarchive.values import JSON, Digest, Platform

#: The members of a config that an entry's `platform` has too (image-spec, image-index.md), in the order of that list.
_PLATFORM: Final = ("architecture", "os", "os.version", "os.features", "variant")
#: By these annotations containers/image tells images of one platform apart that are compressed differently.
_COMPRESSED: Final = "io.github.containers.compression."
_OWN: Final = frozenset(("schemaVersion", "mediaType", "manifests"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    """How an index is made. `twice` lets two images of one platform stand in it.

    With `add` the first source is what is there: its image or index of the name gets the entries of the others, and all
    else of it stays.
    """

    annotations: Mapping[str, str] = field(default_factory=dict)
    twice: bool = False
    add: bool = False


@dataclass(slots=True)
class Assembled:
    """The content of DEST: the index first, then what stands beside it, and what was left out or is to be said."""

    roots: tuple[Root, ...] = ()
    left_out: list[LeftOut] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Entry:
    """An entry of the new index, and the name of the SOURCE that it comes from."""

    child: Child
    where: str

    @property
    def label(self) -> str:
        """Its digest, or the image ID of an image without a manifest, with its SOURCE."""
        node = self.child.node
        bare = isinstance(node, Image) and node.document is None
        digest = node.image_id if isinstance(node, Image) and bare else self.child.descriptor.digest
        return f"{digest} ({self.where})"


def assemble(
    sources: Sequence[tuple[str, tuple[Root, ...]]], assembly: Assembly, name: Reference | None, media_types: str
) -> Assembled:
    """Return the content of DEST with the index as its first root. `sources` has the name and the roots of each.

    UsageError: two images of one platform, no image, nothing to add to, or media types that cannot hold this.
    """
    return _Assembler(assembly, name, media_types).run(sources)


class _Assembler:
    def __init__(self, assembly: Assembly, name: Reference | None, media_types: str) -> None:
        self._assembly, self._name, self._media_types = assembly, name, media_types
        self._found = Assembled()
        self._entries: list[_Entry] = []
        self._beside: list[Root] = []
        self._old_names: set[Reference] = set()
        self._gone: set[Digest] = set()
        self._apart: set[int] = set()
        self._absent: dict[Digest, str] = {}
        # What entries of indexes that are taken apart say, with their labels.
        self._said: dict[str, dict[str, None]] = {}

    def run(self, sources: Sequence[tuple[str, tuple[Root, ...]]]) -> Assembled:
        """Return the content of DEST."""
        base: Root | None = None
        before: tuple[Root, ...] = ()
        after: tuple[Root, ...] = ()
        if self._assembly.add:
            (where, roots), *sources = sources
            before, base, after = _base(roots, self._name, where)
            self._take_base(where, base)
        for where, roots in sources:
            for root in roots:
                self._take(where, root)
        entries = self._distinct()
        self._check_platforms(entries)
        self._found.left_out += [
            LeftOut(what=f"{said} of the entry of {some(labels)}", why="the new index has its own")
            for said, labels in self._said.items()
        ]
        here = {entry.child.descriptor.digest for entry in entries}
        self._found.left_out += [
            LeftOut(what=f"{digest} for {told}", why="no SOURCE has it")
            for digest, told in self._absent.items()
            if digest not in here
        ]
        kept = (*before, *after)
        top = self._top(base, kept, [entry.child for entry in entries])
        self._found.roots = (*before, top, *after, *self._companions(here, kept))
        return self._found

    # What there is

    def _take_base(self, where: str, base: Root) -> None:
        """Take the entries that the index has which is added to, absent ones too; or the one image as an entry."""
        if isinstance(base.node, Index):
            self._entries += [_Entry(child, where) for child in base.node.children]
        elif isinstance(base.node, Image):
            self._entries.append(_Entry(_entry_of(base, base.node, 0), where))
        else:
            raise UsageError(f"{base.label} is no image or index to add to", where=where)

    def _take(self, where: str, root: Root) -> None:
        node = root.node
        if refers_to(root.descriptor) is not None and root.descriptor is not None:
            self._entries.append(_Entry(Child(descriptor=_bare(root.descriptor), node=node), where))
        elif isinstance(node, Index) and not root.speaks_of_another:
            self._take_apart(where, root, node)
        elif isinstance(node, Image) and not root.speaks_of_another:
            self._old_names.update(root.names)
            self._entries.append(_Entry(_entry_of(root, node, len(self._entries)), where))
        else:
            self._beside.append(root)

    def _take_apart(self, where: str, root: Root, index: Index) -> None:
        """Take the entries of an index, and of those in it. What the index says of itself is left out, said once."""
        self._old_names.update(root.names)
        for edge in walk([root]):
            if isinstance(edge.node, Index):
                self._gone |= {edge.descriptor.digest} if edge.descriptor is not None else set()
            elif isinstance(edge.entry, Child) and isinstance(edge.node, Missing) and edge.node.source is None:
                self._absent.setdefault(edge.entry.descriptor.digest, f"{edge.entry.platform} ({where})")
            elif isinstance(edge.entry, Child):
                self._entries.append(_Entry(_with_platform(edge.entry), where))
        extra = sorted(set(index.document.members) - _OWN) if id(index) not in self._apart else ()
        self._apart.add(id(index))
        if extra:
            what = f"{', '.join(extra)} of the index {root.label} ({where})"
            self._found.left_out.append(LeftOut(what=what, why="the new index has its own"))
        if said := said_by_entry(root):
            self._said.setdefault(said, {})[f"{root.label} ({where})"] = None

    # Which of it stands in the index

    def _distinct(self) -> list[_Entry]:
        """Return each manifest once, where it is present; an image without one only where no other has its image ID."""
        ids = {
            node.image_id
            for entry in self._entries
            if isinstance(node := entry.child.node, Image) and node.document is not None
        }
        kept: dict[object, _Entry] = {}
        for entry in self._entries:
            node = entry.child.node
            key: object = entry.child.descriptor.digest
            if isinstance(node, Image) and node.document is None:
                key = (node.image_id,)
                if node.image_id in ids:
                    continue
            known = kept.setdefault(key, entry)
            if isinstance(known.child.node, Missing) and not isinstance(node, Missing):
                kept[key] = _Entry(replace(known.child, node=node), entry.where)
        if not any(isinstance(entry.child.node, Image) for entry in kept.values()):
            raise UsageError("no image is selected for the index")
        return list(kept.values())

    def _check_platforms(self, entries: Sequence[_Entry]) -> None:
        """Refuse two images of one platform, and say which images have none."""
        by_platform: dict[object, list[_Entry]] = {}
        for entry in entries:
            if isinstance(entry.child.node, Image):
                by_platform.setdefault(_chosen_by(entry.child), []).append(entry)
        for same in by_platform.values():
            platform = same[0].child.platform
            told = f"for {_shown(platform)}" if platform else "of no platform"
            if len(same) > 1 and not self._assembly.twice:
                raise UsageError(
                    f"{plural(len(same), 'image')} are {told}: {some(entry.label for entry in same)}",
                    hint="take one with SOURCE#REF or --platform, or all of them with --force",
                )
            if len(same) > 1:
                self._found.notices.append(f"{plural(len(same), 'image')} are {told}: readers take {same[0].label}")
            elif platform is None:
                self._found.notices.append(f"{same[0].label}: its config names no platform, by which readers choose")

    # What it becomes

    def _top(self, base: Root | None, kept: Sequence[Root], children: list[Child]) -> Root:
        """Return the root of the new index. Its document lists nothing yet: rewriting it enters the final digests."""
        old = base.node if base is not None and isinstance(base.node, Index) else None
        before = dict(old.document.members) if old is not None else {}
        told = before.get("annotations")
        annotations: dict[str, JSON] = {**(told if isinstance(told, dict) else {}), **self._assembly.annotations}
        media_type = DOCKER_LIST if self._is_docker(children, annotations) else OCI_INDEX
        members: dict[str, JSON] = {"schemaVersion": 2, **before, "mediaType": media_type, "manifests": []}
        if annotations:
            members["annotations"] = annotations
        # What refers to the old index follows to one that has a source, but for an index that has another name, too.
        follows = old is not None and base is not None and all(root.identity != base.identity for root in kept)
        node = Index(
            document=documents.make(members),
            source=old.source if old is not None and follows else None,
            children=tuple(children),
            subject=old.subject if old is not None else None,
        )
        if base is None:
            return Root(descriptor=None, node=node, names=(self._name,) if self._name is not None else ())
        if base.descriptor is None or old is not None:
            return replace(base, node=node)
        return replace(base, descriptor=base.descriptor.evolve(platform=None, artifactType=None), node=node)

    def _is_docker(self, children: Sequence[Child], annotations: Mapping[str, JSON]) -> bool:
        """Whether the index is a Docker manifest list: as asked for, else where all of it is Docker's."""
        if self._media_types == "docker" and annotations:
            raise UsageError("a Docker manifest list has no annotations", hint="use --media-types oci")
        if self._media_types != "keep" or annotations:
            return self._media_types == "docker"
        return all(map(_is_dockers, children))

    def _companions(self, here: set[Digest], kept: Sequence[Root]) -> Iterator[Root]:
        """Give what stands beside the index. What speaks of an index that was taken apart alone is left out."""
        owners = {str(name): root.identity for root in kept for name in root.names}
        there: set[object] = {(root.identity, root.names) for root in kept}
        for root, stays in following(self._beside, self._gone - here):
            if not stays:
                why = "what it speaks of is an index that was taken apart"
                self._found.left_out.append(LeftOut(what=root.label, why=why))
                continue
            moved = self._moved(root)
            for name in map(str, moved.names):
                if owners.setdefault(name, moved.identity) != moved.identity:
                    raise UsageError(f"two things that refer to an image claim the name {name}")
            if (moved.identity, moved.names) not in there:
                there.add((moved.identity, moved.names))
                yield moved

    def _moved(self, root: Root) -> Root:
        """Return a referrer; a tag made of a digest, and a name by cosign, are those of the new index's repository."""
        name = self._name
        if name is None:
            return root
        if root.attached in self._old_names:
            root = attached_to(root, name)
        names = tuple(
            Reference(name.host, name.path, one.tag) if one.tag and tagged_digest(one.tag) else one
            for one in root.names
        )
        return replace(without_names(root), names=tuple(dict.fromkeys(names))) if names != root.names else root


def _base(
    roots: tuple[Root, ...], name: Reference | None, where: str
) -> tuple[tuple[Root, ...], Root, tuple[Root, ...]]:
    """Return the root that gets more entries, with the roots before and after it.

    UsageError: there is none of this name, or without a name there are several.
    """
    tops = [root for root in roots if not root.speaks_of_another]
    if name is None and len({root.identity for root in tops}) != 1:
        listed = some(dict.fromkeys(root.label for root in tops)) or "none"
        raise UsageError(f"--add takes one image or index of DEST, here is {listed}", hint="name it with --tag")
    chosen = tops[0] if name is None else matching(roots, str(name), where)[0]
    mine = {id(root.node) for root in tops} if name is None else set()
    names = tuple(dict.fromkeys(one for root in tops for one in root.names)) if name is None else (name,)
    given = frozenset(names)
    before: list[Root] = []
    after: list[Root] = []
    found = False
    for root in roots:
        rest = tuple(one for one in root.names if one not in given)
        taken = id(root.node) in mine or len(rest) < len(root.names)
        if not taken:
            (after if found else before).append(root)
            continue
        found = True
        if rest:
            after.append(replace(without_names(root), names=rest))
    return tuple(before), chosen if chosen.names == names else _renamed(chosen, names), tuple(after)


def _renamed(root: Root, names: tuple[Reference, ...]) -> Root:
    return replace(without_names(root), names=names) if names else root


def _bare(descriptor: Descriptor) -> Descriptor:
    return without_names(Root(descriptor=descriptor, node=Missing())).descriptor or descriptor


def _is_dockers(child: Child) -> bool:
    """Whether an entry is Docker's. An image without a manifest of today's kind gets OCI's."""
    known = look_up(child.descriptor.media_type)
    made = isinstance(child.node, Image) and child.node.document is None
    return known is not None and known.family == "docker" and not made


def _entry_of(root: Root, image: Image, number: int) -> Child:
    """Return the entry of an image; one that has no manifest yet gets a descriptor that is replaced by its own."""
    if root.descriptor is None:
        descriptor = Descriptor.make(OCI_MANIFEST, sha256(f"manifest of entry {number}".encode()), 0)
    else:
        descriptor = _bare(root.descriptor)
    members = _platform(image)
    return Child(descriptor=descriptor.evolve(platform=members) if members else descriptor, node=image)


def _with_platform(child: Child) -> Child:
    """Return an entry of another index as it is; without a platform it gets that of the config."""
    members = _platform(child.node) if isinstance(child.node, Image) else {}
    if child.descriptor.platform is not None or not members:
        return child
    return replace(child, descriptor=child.descriptor.evolve(platform=members))


def _platform(image: Image) -> dict[str, JSON]:
    """Return the `platform` of a config, empty where it names none. Each entry has it, so it is as short as one is."""
    one = image.platform
    told: tuple[JSON, ...] = ("", "", "", [], "")
    if one is not None:
        told = (one.architecture, one.os, one.os_version, [*one.os_features], one.variant)
    return {key: value for key, value in zip(_PLATFORM, told, strict=True) if value}


def _chosen_by(child: Child) -> object:
    """Return all by which readers choose an entry."""
    platform = child.platform
    annotations = child.descriptor.annotations
    compressed = tuple(sorted(item for item in annotations.items() if item[0].startswith(_COMPRESSED)))
    usual = (platform.in_gos_words.usual, tuple(sorted(set(platform.os_features)))) if platform else None
    return usual, compressed


def _shown(platform: Platform) -> str:
    return f"{platform} {platform.os_version}" if platform.os_version else str(platform)
