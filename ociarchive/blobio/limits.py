"""Limits against input that is made to exhaust a reader. Each has its reason beside it, and an option that lifts it."""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Final

from ociarchive.errors import ContentError, plural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_RATIO: Final = 250
#: If the call sets a ratio, everything larger than one piece counts.
RATIO_FROM_ASKED: Final = 1 << 20
#: Up to this size, in bytes of all layers of an archive, no ratio does harm: it is a few seconds' work.
_TOTAL_FROM: Final = 2 << 30
#: Codecs that take ten times as long as gzip and zstd: bzip2, and xz with filters, up to 16 nanoseconds for a byte.
_SLOW: Final = frozenset(("bzip2", "xz"))
#: What they may unpack to in one archive, whatever its size: ten seconds' work.
_SLOW_FROM: Final = 512 << 20
#: The usual limit of statements, and how much of it an archive of any size may use where signatures are checked.
_STATEMENTS: Final = 128 << 20
_SAID_FROM: Final = 24 << 20
#: Stored bytes that lift no bound on work: what is promised of small archives holds up to this size.
_SMALL: Final = 10_000_000
#: Stored bytes of a larger archive that allow one more header of its layers. A file takes hundreds.
_HEADER: Final = 8


class LimitError(ContentError):
    """The work was stopped because something exceeds a limit. `name` is the limit's name."""

    def __init__(self, what: str, name: str, *, where: str | None = None, found: str | None = None) -> None:
        """`what` is the sentence. The option that lifts the limit is added to it."""
        super().__init__(
            what, where=where, found=found, hint=f"{OPTIONS.get(name, f'--limit {name}=N')} lifts this limit"
        )
        self.name = name


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of a reader. Sizes are in bytes, all others are numbers."""

    #: Unpacked to stored. Zeros compress 1,030:1 with gzip and 30,000:1 with zstd; layers of programs 2:1 to 5:1, of
    #: logs and sparse disk images up to about 100:1.
    ratio: int = _RATIO
    #: Up to this size no ratio does harm: half a gigabyte is read in a second and kept nowhere.
    ratio_from: int = 640 << 20
    #: The largest real layers hold model weights: tens of gigabytes.
    layer_size: int = 1 << 40
    #: Registries take manifests of 4 MiB (distribution-spec, Pushing Manifests), so no useful one is larger.
    manifest_size: int = 4 << 20
    #: Configs of real images stay under 1 MiB; their history and labels may grow, so twice a manifest.
    config_size: int = 8 << 20
    #: A layer's table of contents has 200 to 400 bytes for each file: this is 170,000 files and more.
    toc_size: int = 64 << 20
    #: An entry takes up to 1.8 KiB of memory while it is compared with the tar. So many stay within 256 MiB. Layers of
    #: real images have some ten thousand files.
    toc_entries: int = 120_000
    #: Real documents nest under 10 deep; Python's own parser ends near 1,000.
    depth: int = 100
    #: Real archives nest an index in an index; nothing known nests deeper.
    nesting: int = 16
    #: Documents stay in memory, 40 KB for each image of a conversion. So many fit into the memory bound.
    documents: int = 5_000
    #: Python needs several bytes for one of JSON. So much fits into the memory bound beside everything else.
    documents_size: int = 24 << 20
    #: How much of the payloads of signatures and attestations is read, each up to 1 MiB. An image has a few kilobytes
    #: to some tens of them, so this is enough for a thousand images.
    statements: int = _STATEMENTS
    #: One payload, envelope or bundle of a signature that is checked. Attestations hold SBOMs of some megabytes; three
    #: copies of it are in memory while it is checked.
    signed_size: int = 8 << 20
    #: JSON values, each of which takes Python a hundred bytes: an image's documents hold about two hundred.
    values: int = 500_000
    #: Overlay file systems stop at 128 layers, engines before 1,000.
    layers: int = 10_000
    #: A hundred thousand stray files beside an image are odd but lawful. Five times that is an attack on the reader,
    #: which keeps the name and two hundred bytes of each.
    members: int = 500_000
    #: Paths of one layer, kept to find doubled ones and links to nothing. Each takes 100 bytes while the layer is read,
    #: so this is 25 MiB for each layer that is read at one time. Layers of real images have some ten thousand. A
    #: comparison keeps the paths of two layers, 450 bytes each.
    layer_paths: int = 250_000
    #: Tar headers in all layers of an archive: six seconds' work, at up to 30 microseconds for one of a rare kind. A
    #: small image has some ten thousand. In a large one each takes hundreds of stored bytes: it may have one for 8.
    headers: int = 200_000
    #: PATH_MAX: no file system takes a longer name.
    name: int = 4096
    #: All names, and those of the folders in them, in Python's memory. A hundred thousand usual ones take 10 MiB.
    names_size: int = 64 << 20
    #: Steps over folders and links while the links of one archive are followed. `docker save` wrote a link, one step,
    #: for each layer that it had written before.
    links: int = 500_000
    #: Lines of a report: blobs; and layers, names and entries, each as often as a name or index leads to it. Two
    #: thousand images of twenty layers each stay below. A report of so many lines fits into 256 MiB, no longer one.
    listed: int = 50_000
    #: Steps of a comparison: it compares values, names, annotations and layers for every pair of images. Two archives
    #: that fit into memory and differ in everything take a million.
    compared: int = 4_000_000
    #: Extended tar headers hold names and extended attributes, the largest of which is 64 KiB.
    extended: int = 1 << 20
    #: Every zstd decoder must take 8 MiB (RFC 8878, 3.1.1.1.2); `--ultra --long=27` writes 128 MiB.
    window: int = 128 << 20
    #: A header is kept until its end is read. Its names and comments have no bound; real ones have a line.
    gzip_header: int = 1 << 20
    #: A tar in a gzip in a zstd is odd, but a transport may make it.
    outer: int = 3
    #: The count that all streams of one archive share, so that many small bombs count as one large one.
    total: Total | None = field(default=None, compare=False)
    #: What the archive's own compressions unpacked to before its layers are read, in bytes, and that of slow codecs.
    before: tuple[int, int] = field(default=(0, 0), compare=False)
    #: The stored bytes that allow tar headers, where they are others than the archive's. They may grow meanwhile.
    allowing: Callable[[], int] | None = field(default=None, compare=False)

    def guard(self, where: str, compression: str = "gzip") -> Guard:
        """Return a new count for one stream. What is stored plain counts as no part of the total."""
        return Guard(self, where, compression)

    def proved(self, sizes: Iterable[int]) -> Limits:
        """Return these limits for what this process wrote itself. Nothing in it unpacks to more than one of `sizes`.

        Then a high compression ratio is no sign of an attack.
        """
        return replace(self, ratio=sys.maxsize, layer_size=max(sizes, default=0) or self.layer_size)

    def unpacked(self, size: int, where: str, compression: str = "gzip") -> None:
        """Compare a size that is known before reading with the total. LimitError: it is too much for the archive."""
        if self.total is not None and compression != "none":
            self.total.unpacked(size, where, slow=compression in _SLOW)

    def said(self, stored: int) -> int:
        """Return how much of signatures is read of an archive of `stored` bytes. A limit that was asked for stands.

        A megabyte of statements takes up to half a second and six megabytes. What an archive really holds of them is a
        part of it; only one blob that is named many times, or much that compresses well, is more.
        """
        if self.statements != _STATEMENTS:
            return self.statements
        return min(self.statements, max(_SAID_FROM, 2 * stored))

    def after(self, size: int, compression: str) -> Limits:
        """Return these limits for what lies in a stream that unpacked to `size` bytes."""
        every, slow = self.before
        return replace(self, before=(every + size, slow + (size if compression in _SLOW else 0)))

    def most_slow(self, stored: int) -> int:
        """Return what slow codecs may unpack `stored` bytes to. A higher ratio that was asked for lifts this too."""
        return max(_SLOW_FROM, self.ratio * (stored - (_SMALL if self.ratio <= _RATIO else 0)))

    def walked(self, count: int, where: str) -> None:
        """Count tar headers of a layer. LimitError: they are too many for the archive."""
        if self.total is not None:
            self.total.walked(count, where)

    def more(self, stored: int) -> None:
        """Count bytes more that the archive of the total has."""
        if self.total is not None:
            self.total.more(stored)

    def within(self, stored: int) -> Limits:
        """Return these limits with a total for an archive of `stored` bytes."""
        return replace(self, total=Total(self, stored))


def _too_slow(most: int, where: str) -> LimitError:
    return LimitError(f"bzip2 and xz streams unpack to more than {plural(most, 'byte')}", "ratio", where=where)


class Total:
    """Counts what all layers of one archive unpack to. Streams of several threads count into it."""

    def __init__(self, limits: Limits, stored: int) -> None:
        self._limits, self._stored = limits, stored
        self._lock = threading.Lock()
        self._size, self._slow = limits.before
        self._headers = 0

    def more(self, stored: int) -> None:
        """Count bytes more that the archive has."""
        with self._lock:
            self._stored += stored

    def unpacked(self, count: int, where: str, *, slow: bool) -> None:
        """Count unpacked bytes. LimitError: they are too many for the archive."""
        with self._lock:
            self._size += count
            self._slow += count if slow else 0
            size, of_slow = self._size, self._slow
        if size > _TOTAL_FROM and size > self._limits.ratio * max(self._stored, 1):
            what = f"the archive's layers unpack to more than {plural(self._limits.ratio, 'time')} its size"
            raise LimitError(what, "ratio", where=where)
        most = self._limits.most_slow(self._stored)
        if of_slow > most:
            raise _too_slow(most, where)

    def walked(self, count: int, where: str) -> None:
        """Count tar headers; LimitError where they are too many for the archive."""
        with self._lock:
            self._headers += count
            headers, stored = self._headers, self._stored
        allowing = self._limits.allowing
        most = max(self._limits.headers, ((allowing() if allowing is not None else stored) - _SMALL) // _HEADER)
        if headers > most:
            what = f"the archive's layers have more than {plural(most, 'tar header')}"
            raise LimitError(what, "headers", where=where)


#: Limits by the names that `--limit` has for them.
NAMES: Final = {
    one.name.replace("_", "-"): one.name
    for one in fields(Limits)
    if one.name not in ("ratio_from", "total", "before", "allowing")
}
#: Limits that are numbers of bytes.
SIZES: Final = frozenset(
    (
        "layer-size",
        "manifest-size",
        "config-size",
        "toc-size",
        "documents-size",
        "statements",
        "signed-size",
        "names-size",
        "extended",
        "window",
        "gzip-header",
    )
)
#: What each limit bounds, for people.
MEANINGS: Final = {
    "ratio": "times its stored size to which a layer, or all of an archive, may unpack",
    "layer-size": "what one layer may unpack to",
    "manifest-size": "a manifest, an index, or another entry document",
    "config-size": "an image's config",
    "toc-size": "the table of contents of an eStargz or zstd:chunked layer",
    "toc-entries": "entries of such a table",
    "depth": "arrays and objects inside one another in a JSON document",
    "nesting": "indexes inside one another",
    "documents": "manifests, indexes and configs of one archive",
    "documents-size": "all these together",
    "statements": "payloads of signatures and attestations that are read, together",
    "signed-size": "one payload, envelope or bundle of a signature that is checked",
    "values": "values in all JSON documents together",
    "layers": "layers of one image",
    "members": "members of a tar, or files of a folder",
    "layer-paths": "paths of one layer by which doubled ones and links to nothing are found, or of two compared",
    "headers": "tar headers that are read in all layers of one archive",
    "name": "characters in a member's name",
    "names-size": "memory for the names of all members",
    "links": "steps on the way to what the links of an archive lead to",
    "listed": "layers, names and entries of a report, as often as they are reached",
    "compared": "steps by which a comparison holds values and layers of one archive against those of another",
    "extended": "one extended header of a tar",
    "window": "the window of a zstd frame",
    "gzip-header": "the header of a gzip member",
    "outer": "compressions of the whole archive around one another",
}
#: The options of two limits that have one of their own.
OPTIONS: Final = {"ratio": "--max-ratio N", "layer-size": "--max-layer-size SIZE"}


class Guard:
    """Counts the bytes of one stream. `stored` is the number of bytes that the decoder received."""

    def __init__(self, limits: Limits, where: str, compression: str) -> None:
        self._limits, self._where, self._compression = limits, where, compression
        self.stored = 0
        self.size = 0

    def unpacked(self, count: int) -> None:
        """Count unpacked bytes. LimitError: they are too many."""
        self.size += count
        self._limits.unpacked(count, self._where, self._compression)
        if self._limits.total is None and self._compression in _SLOW:
            most = self._limits.most_slow(self.stored)
            if self.size > most:
                raise _too_slow(most, self._where)
        if self.size > self._limits.layer_size:
            raise LimitError(
                f"stream unpacks to more than {plural(self._limits.layer_size, 'byte')}",
                "layer-size",
                where=self._where,
            )
        if self.size > self._limits.ratio_from and self.size > self._limits.ratio * max(self.stored, 1):
            raise LimitError(
                f"stream unpacks to more than {plural(self._limits.ratio, 'time')} its size", "ratio", where=self._where
            )
