"""The result of a comparison of two archives, as values. `old` is the first archive's, `new` the second's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ociarchive.values import JSON

Kind: TypeAlias = Literal["same", "changed", "added", "removed"]
#: What a call may leave out of the verdict. Images themselves always count.
Aspect: TypeAlias = Literal["names", "annotations", "attestations"]
ASPECTS: Final[tuple[Aspect, ...]] = ("names", "annotations", "attestations")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A value that differs. `pointer` is a JSON pointer (RFC 6901), for a removed value into the old document.

    `old` and `new` are JSON values. An added value has no old one, and a removed one no new one: None, as for null.
    """

    pointer: str
    kind: Literal["added", "removed", "changed"]
    old: JSON = None
    new: JSON = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotationChange:
    """An annotation that differs. `on` is what has it: `manifest`, `index`, `entry`, or `layer 3`.

    `entry` is the descriptor in the index that leads to the manifest.
    """

    on: str
    key: str
    kind: Literal["added", "removed", "changed"]
    old: str | None = None
    new: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileState:
    """What a layer has at a path.

    `type` is `file`, `folder`, `symlink`, `hardlink`, `device`, `fifo` or `other`. Two more types delete paths of the
    layers below: `whiteout` deletes one path, `opaque` all that a folder has there.

    `size` is in bytes, `mtime_ns` in nanoseconds since 1970. `link` is the target of a link, or a device's numbers.
    `sha256` is the hex of a file's content. `xattrs` is the digest of all extended attributes, empty without any.
    """

    type: str
    mode: int
    uid: int
    gid: int
    mtime_ns: int
    size: int
    link: str
    sha256: str | None = None
    owner: str = ""
    xattrs: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """A path that differs. If both layers have it, `what` lists how: `content`, `mode`, `owner`, `mtime`, ..."""

    path: str
    kind: Literal["added", "removed", "changed"]
    old: FileState | None = None
    new: FileState | None = None
    what: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """The paths of a layer that differ, by name. `same` is the number of equal ones. `problem`: why none could be read.

    `read` is the number of members in the tars of both layers.
    """

    changes: tuple[FileChange, ...] = ()
    same: int = 0
    problem: str | None = None
    read: int = 0

    def count(self, kind: str) -> int:
        """Return the number of paths of a kind."""
        return sum(change.kind == kind for change in self.changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSide:
    """A layer in one archive. `number` counts from 1. Sizes are in bytes.

    `digest` is the measured digest of the stored bytes, or the claimed one where they are absent. `proved` says that
    the layer was read and unpacks to `diff_id`. `present` says that its bytes are in the archive.
    """

    number: int
    digest: str | None
    diff_id: str | None
    media_type: str | None
    compression: str | None
    size: int | None
    uncompressed_size: int | None
    created_by: str
    proved: bool
    present: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerPair:
    """A layer of both images, or of one. `unproved`: both claim one diff_id, but not both were proved to have it.

    `files` is set if the call asked for it and the layer differs.
    """

    kind: Literal["same", "changed", "added", "removed", "unproved"]
    old: LayerSide | None = None
    new: LayerSide | None = None
    files: Files | None = None

    @property
    def counts(self) -> bool:
        """Whether this makes images differ. A layer that neither archive has is no difference."""
        if self.kind == "unproved" and self.old is not None and self.new is not None:
            return self.old.present or self.new.present
        return self.kind != "same"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSide:
    """An image in one archive. `names` are full names, `ref_names` are ref.names that are no full names.

    `manifests` are the digests of its manifests, none in an archive without manifests. `index` is that of its index.
    """

    names: tuple[str, ...]
    ref_names: tuple[str, ...]
    platform: str | None
    image_id: str
    manifests: tuple[str, ...]
    index: str | None
    media_type: str | None
    os_version: str | None = None

    @property
    def spelled(self) -> str | None:
        """The platform with its OS version, by which images for Windows differ."""
        return f"{self.platform} {self.os_version}" if self.platform and self.os_version else self.platform

    @property
    def label(self) -> str:
        """What to call it."""
        return next(iter((*self.names, *self.ref_names)), "(no name)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Companion:
    """An attestation, a signature or another artifact of both archives, or of one.

    `type` is its artifact type, or the type of its statement. `old` and `new` are digests of its manifest. Two
    artifacts are the same if their content is the same, whatever their manifests.
    """

    kind: Kind
    type: str
    old: str | None = None
    new: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePair:
    """An image of both archives, or of one. `by` says why the two are a pair.

    `same` images have one image ID and layers that were proved to be the same. `names` says whether the names differ,
    if both archives have some.
    """

    kind: Kind
    by: Literal["name", "image id", "platform", "alone"]
    old: ImageSide | None = None
    new: ImageSide | None = None
    names: bool = False
    layers: tuple[LayerPair, ...] = ()
    config: tuple[Change, ...] = ()
    annotations: tuple[AnnotationChange, ...] = ()
    attestations: tuple[Companion, ...] = ()

    @property
    def sides(self) -> tuple[ImageSide, ...]:
        """The sides that have it, the old one first."""
        return tuple(side for side in (self.old, self.new) if side is not None)

    @property
    def label(self) -> str:
        """Its name in reports: the first name in either archive."""
        return next((side.label for side in self.sides if side.names or side.ref_names), "(no name)")

    @property
    def platform(self) -> str | None:
        """The platform of either side, with its OS version."""
        return next((side.spelled for side in self.sides if side.spelled), None)

    @property
    def repacked(self) -> bool:
        """Whether the two are packed differently: other manifests, or layers stored differently."""
        if self.old is None or self.new is None:
            return False
        stored = any(pair.old and pair.new and pair.old.digest != pair.new.digest for pair in self.layers)
        return stored or set(self.old.manifests) != set(self.new.manifests)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveSide:
    """One of the two archives: its name in the call, and what was compared.

    `codecs` counts the distinct layers by codec, and `stored` is their size in bytes. `blobs` and `bytes` are what was
    read. `layers` is the number of layers, and `proved` that of the proved ones. `images` are those of one image ID and
    platform, which stand in so many `manifests`; the layers of each are counted once. `selectors` are the names and
    digests by which the call selected images.
    """

    source: str
    format: str
    images: int
    manifests: int
    layers: int
    proved: int
    codecs: Mapping[str, int]
    stored: int
    blobs: int
    bytes: int
    selectors: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Its name in reports: the archive and the selected images, since both sides may be of one archive."""
        return f"{self.source}#{','.join(self.selectors)}" if self.selectors else self.source


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Difference:
    """What differs between two archives. `artifacts` are those that refer to no image. `ignored` does not count.

    `notes` are sentences about what could not be compared.
    """

    old: ArchiveSide
    new: ArchiveSide
    images: tuple[ImagePair, ...]
    artifacts: tuple[Companion, ...] = ()
    notes: tuple[str, ...] = ()
    ignored: frozenset[Aspect] = field(default_factory=frozenset)

    def __repr__(self) -> str:
        sides = f"{self.old.label!r}, {self.new.label!r}"
        return f"Difference({sides}, same={self.same}, images={len(self.images)})"

    @property
    def same(self) -> bool:
        """Whether both have the same content, whatever the packing. The exit status says this."""
        return not (self.images_differ or any(self.counted(aspect) for aspect in ASPECTS))

    @property
    def images_differ(self) -> bool:
        """Whether an image is only in one archive, or is another one in the other."""
        return any(pair.kind != "same" for pair in self.images)

    def found(self, aspect: Aspect) -> int:
        """Return the number of differences in an aspect, of images that both archives have and of artifacts."""
        both = [pair for pair in self.images if pair.old is not None and pair.new is not None]
        if aspect == "names":
            return sum(pair.names for pair in both)
        if aspect == "annotations":
            return sum(len(pair.annotations) for pair in both)
        companions = [one for pair in both for one in pair.attestations]
        return sum(one.kind != "same" for one in (*companions, *self.artifacts))

    def counted(self, aspect: Aspect) -> int:
        """Return how many of them count."""
        return 0 if aspect in self.ignored else self.found(aspect)

    def count(self, kind: Kind) -> int:
        """Return the number of images of a kind."""
        return sum(pair.kind == kind for pair in self.images)
