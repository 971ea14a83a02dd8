"""Images of an engine's storage that cannot be had, so that the others can be converted without them.

What the documents show is known before anything is written. A layer that is rebuilt to another tar shows only when it
is read: then all selected layers are read once, and the conversion begins again without the images at fault.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ociarchive.auditing import RULES
from ociarchive.auditing.claims import claimed
from ociarchive.auditing.factstore import Remembered
from ociarchive.auditing.measuring import measure_all
from ociarchive.errors import ContentError
from ociarchive.formats.format import LeftOut
from ociarchive.model import Image, walk
from ociarchive.stores.rebuilt import RebuildError, Rebuilt
from ociarchive.transform.subset import taken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ociarchive.blobio.manyfile import LostBytesError
    from ociarchive.blobio.source import ByteSource
    from ociarchive.model import Archive, Root
    from ociarchive.transform.sources import Gathered
    from ociarchive.values import Digest
    from ociarchive.workers import Workers


def broken(archive: Archive, roots: Sequence[Root]) -> dict[int, ContentError]:
    """Return the roots of an engine's storage that are at fault by what its documents say, by `id`, each with why."""
    if archive.origin.kind != "store":
        return {}
    errors = {rule.id for rule in RULES if rule.severity == "error"}
    at_fault = {flaw.where.partition("#")[0]: flaw for flaw in reversed(archive.noticed) if flaw.rule in errors}
    found: dict[int, ContentError] = {}
    for root in roots:
        for edge in walk([root]):
            if not isinstance(edge.node, Image):
                continue
            config = edge.node.config
            where = config.source.where if config.source is not None else f"{archive.where}: {config.name}"
            flaw = at_fault.get(where)
            if flaw is not None:
                error = ContentError(flaw.message, where=flaw.where, expected=flaw.expected, found=flaw.found)
                found.setdefault(id(root), error)
                continue
            for layer in edge.node.layers:
                if layer.source is None and not layer.foreign:
                    what = f"{root.label}: layer {layer.name} is named and not in the storage"
                    found.setdefault(id(root), ContentError(what, where=archive.where))
    return found


def unproved(archives: Sequence[Gathered], workers: Workers) -> dict[object, ContentError]:
    """Return the selected roots with a layer that cannot be rebuilt, by their identity, each with why.

    All selected layers of engines' storage are read. HostError: one may not be read.
    """
    found: dict[object, ContentError] = {}
    for one in archives:
        if one.archive.origin.kind != "store":
            continue
        mine = claimed([taken(one.archive, one.roots)])
        lost: dict[ByteSource, RebuildError | LostBytesError] = {}
        facts = measure_all(
            {source: how for source, how in mine.items() if isinstance(source, Rebuilt)},
            workers, None, Remembered(), lost,
        )  # fmt: skip
        wrong = [
            source for source, fact in facts.items()
            if isinstance(source, Rebuilt) and not source.proved_by(fact.diff_ids)
        ]  # fmt: skip
        calls: list[Callable[[], RebuildError]] = [_why(source, facts[source].diff_ids) for source in wrong]
        lost.update(zip(wrong, workers.run(calls) if calls else (), strict=True))
        for root in one.roots:
            for source in _sources(root):
                if source in lost:
                    found.setdefault(root.identity, lost[source])
    return found


def _why(source: Rebuilt, found: tuple[Digest, ...] | None) -> Callable[[], RebuildError]:
    return lambda: source.explain(found)


def _sources(root: Root) -> Iterator[ByteSource]:
    for edge in walk([root]):
        if isinstance(edge.node, Image):
            yield from (layer.source for layer in edge.node.layers if layer.source is not None)


def without(
    archives: Sequence[Gathered], known: Mapping[object, ContentError]
) -> tuple[list[tuple[Root, ...]], dict[object, ContentError]]:
    """Return the roots of each archive that are left, and the error of each that is not, by its identity.

    `known` are errors that were found before. Where no root would be left, all are: their error ends the conversion.
    """
    errors: dict[object, ContentError] = {}
    left: list[tuple[Root, ...]] = []
    for one in archives:
        found = broken(one.archive, one.roots)
        gone = {id(root): found.get(id(root)) or known.get(root.identity) for root in one.roots}
        errors.update((root.identity, error) for root in one.roots if (error := gone[id(root)]) is not None)
        left.append(tuple(root for root in one.roots if gone[id(root)] is None))
    if not any(left):
        return [one.roots for one in archives], {}
    return left, errors


def truly_named(root: Root) -> Root:
    """Return a root without the names that have a digest which its manifest in DEST will not have."""
    anew = _made_anew(root)
    names = tuple(
        name for name in root.names if name.digest is None or not (root.descriptor is None or name.digest in anew)
    )
    return root if len(names) == len(root.names) else replace(root, names=names)


def unkept(root: Root) -> Iterator[LeftOut]:
    """Give the manifest digests by which an engine knows an image, and which no new manifest of it can have.

    What an engine keeps of simple signing goes with them, for it signs such a digest.
    """
    why = "the storage does not keep the layers as that manifest names them, so that it is made anew"
    anew = dict.fromkeys((*root.pulled_as, *_made_anew(root)))
    for name in root.names:
        if name.digest is not None and (root.descriptor is None or name.digest in anew):
            anew.pop(name.digest, None)
            yield LeftOut(what=f"manifest digest {name.digest}, as which {name} was pulled", why=why)
    for digest in anew:
        yield LeftOut(what=f"manifest digest {digest} of {root.label}", why=why)
    for data in root.signed:
        yield LeftOut(what=f"{data[:200]} of {root.label}", why="it signs a manifest digest that the image cannot keep")


def _made_anew(root: Root) -> list[Digest]:
    """Return the digests of manifests that name a layer otherwise than it is stored here."""
    return [
        edge.descriptor.digest
        for edge in walk([root])
        if isinstance(edge.node, Image) and edge.node.document is not None and edge.descriptor is not None
        and any(layer.descriptor is None for layer in edge.node.layers)
    ]  # fmt: skip
