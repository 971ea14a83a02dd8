"""Hard links of a layer to files of layers below. They are searched only in layers with such links, and not stored."""

from __future__ import annotations

import threading
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Final

from ociarchive.blobio.limits import LimitError
from ociarchive.blobio.spool import unpack
from ociarchive.container.header import HeaderError
from ociarchive.container.names import normal
from ociarchive.container.stream import Tar
from ociarchive.errors import ContentError
from ociarchive.flaws import Flaw
from ociarchive.model import Image, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ociarchive.blobio.limits import Limits
    from ociarchive.blobio.source import ByteSource
    from ociarchive.container.stream import Member
    from ociarchive.measure import Measured
    from ociarchive.model import Archive, Layer
    from ociarchive.workers import Workers

_WHITEOUT: Final = ".wh."
_OPAQUE: Final = ".wh..wh..opq"
#: Paths are in memory while layers are compared: those of one layer at a time, whatever the number of threads.
_one: Final = threading.Lock()


def check_links(
    archive: Archive, facts: Mapping[ByteSource, Measured], limits: Limits, workers: Workers
) -> tuple[Flaw, ...]:
    """Return the layers with hard links to paths that neither they nor a layer below have, each with the first link.

    Only layers that need a layer below, and the layers below them, are read again. If one of these is absent or cannot
    be read as a tar, nothing is reported. HostError: a layer cannot be read.
    """
    calls: dict[tuple[ByteSource, ...], Callable[[], list[Flaw]]] = {}
    # Layers below many others would be read once for each: what that costs is known before.
    budget = limits.within(max(archive.origin.stored_size, sum(fact.size for fact in facts.values())))
    for edge in walk(archive.roots):
        layers = edge.node.layers if isinstance(edge.node, Image) else ()
        for number, layer in enumerate(layers):
            fact = facts.get(layer.source) if layer.source is not None else None
            if fact is None or fact.tar is None or not fact.tar.loose:
                continue
            stack = [one.source for one in layers[number::-1] if one.source is not None and _readable(one, facts)]
            if len(stack) == number + 1:
                subject = str(layer.descriptor.digest) if layer.descriptor else layer.name
                if tuple(stack) not in calls:
                    calls[tuple(stack)] = _call(tuple(stack), subject, facts, budget, limits)
    found = workers.run(list(calls.values())) if calls else []
    return tuple(flaw for flaws in found for flaw in flaws)


def _call(
    stack: tuple[ByteSource, ...], subject: str, facts: Mapping[ByteSource, Measured], budget: Limits, limits: Limits
) -> Callable[[], list[Flaw]]:
    """Return what checks a layer and those below it, as far as all that is read again stays within the budget."""
    try:
        for source in stack:
            budget.unpacked(facts[source].uncompressed_size or 0, source.where, facts[source].compression)
    except LimitError as error:
        flaws = [_unchecked(stack[0], subject, f"{error.what}, {error.hint}")]
        return lambda: flaws
    return partial(_check, stack, subject, limits)


def _unchecked(top: ByteSource, subject: str, what: str) -> Flaw:
    message = f"its hard links were not held against the layers below: {what}"
    return Flaw(rule="layer-unchecked", where=top.where, message=message, subject=subject)


def _readable(layer: Layer, facts: Mapping[ByteSource, Measured]) -> bool:
    fact = facts.get(layer.source) if layer.source is not None else None
    return fact is not None and layer.unpacks and fact.tar is not None and fact.tar.whole is True


def _check(stack: tuple[ByteSource, ...], subject: str, limits: Limits) -> list[Flaw]:
    """Look for the targets of the first layer's hard links, in it and in the others, from top to bottom."""
    top, *below = stack
    with _one:
        try:
            links = _Links(top, limits)
            for source in below:
                links.look(source)
        except (HeaderError, ContentError) as error:
            what = error.what if isinstance(error, ContentError) else str(error)
            return [_unchecked(top, subject, what)]
    return [
        Flaw(
            rule="layer-link-dangling",
            where=top.where,
            message=f"{message}{f', and {len(links.missing) - 1} more like it' if len(links.missing) > 1 else ''}",
            subject=subject,
            found=repr(target),
        )
        for message, target in list(links.told())[:1]
    ]


class _Links:
    """The hard links of a layer whose target does not precede them in it, by target."""

    def __init__(self, source: ByteSource, limits: Limits) -> None:
        self._limits = limits
        self._names: dict[str, str] = {}  # one link for each target
        self._later: set[str] = set()
        self._hidden: set[str] = set()
        paths: set[int] = set()
        through: set[int] = set()
        for member in self._members(source):
            if member.kind == "hardlink":
                target = normal(member.link)
                if hash(target) not in paths and not target.startswith("../"):
                    self._names.setdefault(target, member.name)
            if member.name in self._names:
                self._later.add(member.name)
            paths.add(hash(member.name))
            if member.kind == "symlink":
                through.add(hash(member.name))
            if len(paths) > limits.layer_paths:
                raise LimitError(f"layer has more than {limits.layer_paths} paths", "layer-paths", where=source.where)
        for target in list(self._names):
            if any(hash(folder) in through for folder in _folders(target)):
                del self._names[target]  # linked folders are not followed: the target may be there

    @property
    def missing(self) -> dict[str, str]:
        """The targets that were not found, each with a link to it."""
        return self._names

    def told(self) -> Iterator[tuple[str, str]]:
        """Give, for each, the fault in words and the target of the link."""
        for target, name in self._names.items():
            place = "comes only behind it" if target in self._later else "neither this layer nor one below has"
            yield f"the hard link {name[:200]!r} leads to what {place}", target[:200]

    def look(self, source: ByteSource) -> None:
        """Look for missing targets in the next layer below. A target that it deletes is not searched any further."""
        wanted = self._names.keys() - self._hidden
        if not wanted:
            return
        folders: dict[str, set[str]] = {}
        for target in wanted:
            for folder in _folders(target):
                folders.setdefault(folder, set()).add(target)
        hidden: set[str] = set()
        for member in self._members(source):
            folder, _, base = member.name.rpartition("/")
            if base == _OPAQUE:
                hidden |= folders.get(folder, set())
            elif base.startswith(_WHITEOUT):
                gone = f"{folder}/{base[len(_WHITEOUT) :]}" if folder else base[len(_WHITEOUT) :]
                hidden |= folders.get(gone, set()) | ({gone} & wanted)
            elif member.name in wanted:
                self._names.pop(member.name, None)
            elif member.kind == "symlink":
                for target in folders.get(member.name, ()):
                    self._names.pop(target, None)
        self._hidden |= hidden & self._names.keys()

    def _members(self, source: ByteSource) -> Iterator[Member]:
        _, pieces = unpack(source.chunks(), self._limits, source.where)
        with closing(pieces):
            yield from Tar(pieces, self._limits, source.where).members()


def _folders(path: str) -> Iterator[str]:
    """Give every folder above a path."""
    folder = path.rpartition("/")[0]
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]
