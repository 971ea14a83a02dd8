"""Hard links of a layer to files of layers below. They are searched only in layers with such links, and not stored.

The layers of an image are read once, from the top down, for the links of all of them together.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from contextlib import closing
from functools import partial
from sys import getsizeof
from typing import TYPE_CHECKING, Final

from ociarchive.blobio.limits import LimitError
from ociarchive.blobio.spool import unpack
from ociarchive.container.header import HeaderError
from ociarchive.container.names import normal
from ociarchive.container.stream import Tar
from ociarchive.errors import ContentError, plural
from ociarchive.flaws import Flaw
from ociarchive.model import images

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from ociarchive.blobio.limits import Limits
    from ociarchive.blobio.source import ByteSource
    from ociarchive.container.stream import Member
    from ociarchive.measure import Measured
    from ociarchive.model import Archive, Layer
    from ociarchive.workers import Workers

_WHITEOUT: Final = ".wh."
_OPAQUE: Final = ".wh..wh..opq"
#: Paths are in memory while layers are compared: those of one image at a time, whatever the number of threads.
_one: Final = threading.Lock()


def check_links(
    archive: Archive, facts: Mapping[ByteSource, Measured], limits: Limits, workers: Workers
) -> tuple[Flaw, ...]:
    """Return the layers with hard links to paths that neither they nor a layer below have, each with the first link.

    Only layers that need a layer below, and the layers below them, are read again. If one of these is absent or cannot
    be read as a tar, nothing is reported. HostError: a layer cannot be read.
    """
    calls: list[Callable[[], list[Flaw]]] = []
    # Layers that many images have below others are read once for each: what that costs is known before.
    budget = limits.within(max(archive.origin.stored_size, sum(fact.size for fact in facts.values())))
    chains: dict[tuple[int, ByteSource], int] = {}
    checked: set[int] = set()
    for image in images(archive.roots):
        stack: list[_Layer] = []
        chain = needed = 0
        for layer in image.layers:
            fact = facts.get(layer.source) if layer.source is not None else None
            if layer.source is None or fact is None or not _is_readable(layer, fact):
                break
            chain = chains.setdefault((chain, layer.source), len(chains) + 1)  # a layer with all below it
            loose = fact.tar is not None and fact.tar.loose > 0 and chain not in checked
            stack.append(_Layer(layer, layer.source, loose=loose))
            if loose:
                checked.add(chain)
                needed = len(stack)
        if needed:
            calls.append(_call(stack[:needed], facts, budget, limits))
    found = workers.run(calls) if calls else []
    return tuple(flaw for flaws in found for flaw in flaws)


class _Layer:
    """A layer of an image. `loose`: its hard links are looked for, those whose target does not precede them in it.

    `links` has these targets, each with one link to it, `later` those of them that come behind their link.
    """

    def __init__(self, layer: Layer, source: ByteSource, *, loose: bool) -> None:
        self.source, self.loose = source, loose
        self.subject = str(layer.descriptor.digest) if layer.descriptor else layer.name
        self.links: dict[str, str] = {}
        self.later: set[str] = set()
        self.unchecked: str | None = None

    @property
    def flaws(self) -> list[Flaw]:
        """What is wrong with its links: the first of those whose target was not found."""
        if self.unchecked is not None:
            message = f"its hard links were not held against the layers below: {self.unchecked}"
            return [self._flaw("layer-unchecked", message)]
        for target, name in self.links.items():
            place = "comes only behind it" if target in self.later else "neither this layer nor one below has"
            more = f", and {len(self.links) - 1} more like it" if len(self.links) > 1 else ""
            message = f"the hard link {name[:200]!r} leads to what {place}{more}"
            return [self._flaw("layer-link-dangling", message, repr(target[:200]))]
        return []

    def _flaw(self, rule: str, message: str, found: str | None = None) -> Flaw:
        return Flaw(rule=rule, where=self.source.where, message=message, subject=self.subject, found=found)


def _is_readable(layer: Layer, fact: Measured) -> bool:
    return layer.unpacks and fact.tar is not None and fact.tar.whole is True


def _call(
    stack: Sequence[_Layer], facts: Mapping[ByteSource, Measured], budget: Limits, limits: Limits
) -> Callable[[], list[Flaw]]:
    """Return what checks the layers of an image, as far as all that is read again stays within the budget."""
    try:
        for one in stack:
            fact = facts[one.source]
            budget.unpacked(fact.uncompressed_size or 0, one.source.where, fact.compression)
    except LimitError as error:
        for one in stack:
            one.unchecked = f"{error.what}, {error.hint}" if one.loose else None
        return lambda: [flaw for one in stack for flaw in one.flaws]
    return partial(_check, stack, limits)


def _check(stack: Sequence[_Layer], limits: Limits) -> list[Flaw]:
    """Read the layers of an image from the top down, until nothing is looked for any more."""
    with _one:
        search = _Search(limits)
        lowest = next(number for number, one in enumerate(stack) if one.loose)
        for number in range(len(stack) - 1, -1, -1):
            if search.wanted or stack[number].loose:
                search.read(stack[number])
            elif number < lowest:
                break
    return [flaw for one in stack for flaw in one.flaws]


class _Search:
    """The targets that layers above look for. `wanted` maps each to these layers."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.wanted: dict[str, list[_Layer]] = {}
        self._below = _Paths()
        self._count = self._size = 0

    def read(self, layer: _Layer) -> None:
        """Look in a layer for what is wanted, then for its own links."""
        own = _Own(layer, self._limits) if layer.loose else None
        hidden: dict[str, bool] = {}
        try:
            for member in self._members(layer.source):
                if own is not None:
                    own.take(member)
                if self.wanted:
                    self._look(member, hidden)
        except (HeaderError, ContentError) as error:
            what = error.what if isinstance(error, ContentError) else str(error)
            for one in {id(one): one for every in self.wanted.values() for one in every}.values():
                one.unchecked = what
            if layer.loose:
                layer.unchecked = what
            self.wanted.clear()
            return
        for path, itself in hidden.items():
            for target in (*self._below.taken(path), *([path] if itself else [])):
                self.wanted.pop(target, None)
        if own is not None:
            self._add(layer, own)

    def _look(self, member: Member, hidden: dict[str, bool]) -> None:
        """A target that is found is looked for no more.

        `hidden` gets the folders whose content this layer deletes, each with whether it deletes the folder itself: no
        layer below has what is there. But what it deletes it may have anew, before or behind that.
        """
        folder, _, base = member.name.rpartition("/")
        if base == _OPAQUE:
            if self._below.has(folder):
                hidden.setdefault(folder, False)
        elif base.startswith(_WHITEOUT):
            gone = f"{folder}/{base[len(_WHITEOUT) :]}" if folder else base[len(_WHITEOUT) :]
            if gone in self.wanted or self._below.has(gone):
                hidden[gone] = True
        else:
            self._found(member.name)
            if member.kind == "symlink":  # a linked folder is not followed: the target may be there
                for target in self._below.taken(member.name):
                    self._found(target)

    def _found(self, target: str) -> None:
        for one in self.wanted.pop(target, ()):
            one.links.pop(target, None)

    def _add(self, layer: _Layer, own: _Own) -> None:
        if layer.unchecked is None:
            own.finish()
            self._count += len(layer.links)
            self._size += sum(getsizeof(target) + getsizeof(name) for target, name in layer.links.items())
            layer.unchecked = self._too_many()
        if layer.unchecked is not None:
            layer.links, layer.later = {}, set()
            return
        self._below.add(target for target in layer.links if target not in self.wanted)
        for target in layer.links:
            self.wanted.setdefault(target, []).append(layer)

    def _too_many(self) -> str | None:
        """Return why the links of another layer cannot be kept as well."""
        paths, size = self._limits.layer_paths, self._limits.names_size // 2
        if self._count > paths:
            return f"its image has more than {plural(paths, 'such link')}, --limit layer-paths=N lifts this limit"
        if self._size > size:
            what = f"such links of its image have more than {plural(size, 'byte')} of names"
            return f"{what}, --limit names-size=N lifts this"
        return None

    def _members(self, source: ByteSource) -> Iterator[Member]:
        _, pieces = unpack(source.chunks(), self._limits, source.where)
        with closing(pieces):
            yield from Tar(pieces, self._limits, source.where).members()


class _Own:
    """Finds the hard links of a layer whose target does not precede them in it, while the layer is read."""

    def __init__(self, layer: _Layer, limits: Limits) -> None:
        self._layer, self._most = layer, limits.layer_paths
        self._paths: set[int] = set()
        self._through: set[str] = set()

    def take(self, member: Member) -> None:
        """Take the next member of the layer."""
        links = self._layer.links
        if self._layer.unchecked is not None:
            return
        if member.kind == "hardlink":
            target = normal(member.link)
            if hash(target) not in self._paths and not target.startswith("../"):
                links.setdefault(target, member.name)
        elif member.kind == "symlink":
            self._through.add(member.name)
        if member.name in links:
            self._layer.later.add(member.name)
        self._paths.add(hash(member.name))
        if len(self._paths) > self._most:
            what = f"layer has more than {plural(self._most, 'path')}"
            self._layer.unchecked = f"{what}, --limit layer-paths=N lifts this limit"
            self._paths.clear()

    def finish(self) -> None:
        """Leave out what lies behind a linked folder: links are not followed, and the target may be there."""
        targets = _Paths()
        targets.add(self._layer.links)
        for path in self._through:
            for target in targets.taken(path):
                del self._layer.links[target]


class _Paths:
    """Paths that are found by a folder above them, without a word for each of their folders.

    They stand in a few sorted lists, of which the later are the shorter.
    """

    def __init__(self) -> None:
        self._lists: list[list[str]] = []

    def add(self, paths: Iterable[str]) -> None:
        """Add paths that are not there."""
        self._lists.append(sorted(paths))
        while len(self._lists) > 1 and len(self._lists[-2]) <= 2 * len(self._lists[-1]):
            last = self._lists.pop()
            self._lists[-1] = sorted((*self._lists[-1], *last))

    def has(self, folder: str) -> bool:
        """Whether a path lies below a folder."""
        return any(start < end for start, end in map(partial(_below, folder), self._lists))

    def taken(self, folder: str) -> list[str]:
        """Take out the paths below a folder."""
        found: list[str] = []
        for one in self._lists:
            start, end = _below(folder, one)
            if start < end:
                found += one[start:end]
                del one[start:end]
        return found


def _below(folder: str, paths: Sequence[str]) -> tuple[int, int]:
    """Return from where to where sorted paths lie below a folder."""
    start = bisect_left(paths, f"{folder}/")
    # 0 is the sign next to a slash: paths below a folder end where those begin that have it in the slash's place.
    return (start, bisect_left(paths, f"{folder}0", start)) if start < len(paths) else (start, start)
