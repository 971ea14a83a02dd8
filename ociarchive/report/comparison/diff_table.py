"""A comparison for people at a terminal: the verdict first, then image by image what differs."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from ociarchive.errors import plural
from ociarchive.report.comparison import diff_words as words
from ociarchive.report.shared.text import (
    columns,
    cut,
    images_said,
    instruction,
    pad,
    placed,
    safe,
    short,
    size,
    tail,
    wrapped,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ociarchive.comparison.difference import (
        ArchiveSide,
        Change,
        Companion,
        Difference,
        Files,
        ImagePair,
        LayerPair,
        LayerSide,
    )

    Paint = Callable[[str, str], str]

_COLOURS: Final = {"=": "pass", "~": "warning", "+": "pass", "-": "error", "?": "warning"}
_LABEL: Final = 13
#: How many lines of one kind are shown for an image or a layer. `-v` shows all.
_SHOWN: Final = 12
#: How many paths of a layer are shown, if the call asked for them.
_PATHS: Final = 40
_NARROW: Final = 12


def diff_table(difference: Difference, *, width: int, whole: bool, paint: Paint) -> Iterator[str]:
    """Give the comparison, line by line: it may be many times as long as the archives.

    `paint` colours a word for a severity; `whole` shows digests in full, and everything.
    """
    return (f"{line.rstrip()}\n" for line in _Table(difference, width, paint, whole=whole).lines())


class _Table:
    def __init__(self, difference: Difference, width: int, paint: Paint, *, whole: bool) -> None:
        self._found, self._width, self._paint, self._whole = difference, width, paint, whole

    def lines(self) -> Iterator[str]:
        yield from (*self._verdict(), "", *self._archives(), "")
        for pair in self._found.images:
            yield from self._pair(pair)
        if self._found.artifacts:
            yield "artifacts beside the images"
            yield from self._companions(self._found.artifacts, 2)
            yield ""
        for note in (*self._found.notes, *words.counting(self._found), *words.uncounted(self._found)):
            yield from wrapped(f"note: {note}", self._width, "      ", whole=True)
        yield from wrapped(words.proof(self._found), self._width, "")
        listed = any(layer.files for pair in self._found.images for layer in pair.layers)
        if not listed and any(layer.kind != "same" for pair in self._both() for layer in pair.layers):
            yield from wrapped("--files lists the paths that differ in these layers", self._width, "  ")

    def _both(self) -> list[ImagePair]:
        return [pair for pair in self._found.images if pair.old is not None and pair.new is not None]

    def _verdict(self) -> Iterator[str]:
        word = words.word(self._found)
        first, *more = wrapped(f"{word}: {words.sentence(self._found)}", self._width, "  ")
        yield self._paint(word, "pass" if self._found.same else "error") + first.removeprefix(word)
        yield from more

    def _archives(self) -> Iterator[str]:
        rows = [self._archive(side) for side in (self._found.old, self._found.new)]
        wide = [max(columns(row[number]) for row in rows) for number in range(len(rows[0]))]
        room = self._width - 2 - sum(one + 2 for one in wide[1:])
        for mark, (name, *others) in zip("-+", rows, strict=True):
            if room < min(wide[0], _NARROW):  # no table fits
                yield from self._lines(mark, name if self._whole else tail(name, self._width - 2))
                yield from (f"    {line}" for line in wrapped(", ".join(filter(None, others)), self._width - 4, "  "))
                continue
            cells = [tail(name, room), *others]
            yield f"{self._mark(mark)} {'  '.join(map(pad, cells, [min(wide[0], room), *wide[1:]]))}"

    @staticmethod
    def _archive(side: ArchiveSide) -> list[str]:
        stored = f"{size(side.stored)} in layers"
        return [safe(side.label), side.format, images_said(side.images, side.manifests), words.held(side), stored]

    def _mark(self, mark: str) -> str:
        return self._paint(mark, _COLOURS[mark])

    def _short(self, digest: str | None) -> str:
        return short(digest, whole=self._whole)

    def _lines(self, mark: str, text: str, indent: int = 0) -> list[str]:
        """Return a text behind its mark: cut to one line, with `-v` whole in as many as it takes."""
        room = max(self._width - indent - 2, _NARROW)
        first, *more = wrapped(text, room, "  ", whole=True) if self._whole else [cut(text, room)]
        margin = min(indent, max(self._width - columns(first) - 2, 0))
        return [f"{' ' * margin}{self._mark(mark)} {first}", *placed(more, indent + 2, self._width)]

    def _labelled(self, label: str, text: str) -> Iterator[str]:
        room = max(self._width - _LABEL - 2, _NARROW)
        first, *more = wrapped(text, room, "", whole=self._whole)
        if columns(first) > room:
            first, more = "", [first, *more]
        yield f"  {pad(label, _LABEL)}{first}"
        yield from placed(more, _LABEL + 2, self._width)

    def _digests(self, label: str, old: Sequence[str | None], new: Sequence[str | None]) -> Iterator[str]:
        """Give the digests that something has in both archives; in full each has a line of its own."""
        if not self._whole:
            told = [", ".join(map(short, digests)) or "none" for digests in (old, new)]
            yield from self._labelled(label, f"{told[0]} {'=' if told[0] == told[1] else '->'} {told[1]}")
            return
        yield f"  {label}"
        marked = [("=", old)] if old == new else [("-", old), ("+", new)]
        for mark, digests in marked:
            for digest in digests or (None,):
                yield from self._lines(mark, digest or "none", 4)

    # Images

    def _pair(self, pair: ImagePair) -> Iterator[str]:
        platform = f"  {pair.platform}" if pair.platform else ""
        mark = words.MARKS[pair.kind]
        yield from self._lines(mark, f"{pair.label}{platform}")
        if pair.old is None or pair.new is None:
            side = pair.sides[0]
            where = self._found.old.label if pair.new is None else self._found.new.label
            yield from self._labelled("only in", where)
            image_id, layers = self._short(side.image_id), plural(len(pair.layers), "layer")
            if self._whole:
                yield from self._labelled("image id", image_id)
                yield from self._labelled("layers", layers)
            else:
                yield from self._labelled("image id", f"{image_id}, {layers}")
            yield ""
            return
        by = words.paired_by(pair)
        if by:
            yield from self._labelled("", by)
        yield from self._identity(pair)
        yield from self._layers(pair)
        if pair.config:
            yield from self._config(pair.config)
        elif pair.old.image_id != pair.new.image_id and pair.kind == "changed":
            yield from self._labelled("config", "the same values, in other bytes or with other diff_ids")
        if pair.annotations:
            yield "  annotations"
            told = (self._value(one.kind, f"{one.on} {one.key}", one.old, one.new) for one in pair.annotations)
            yield from self._some(told, len(pair.annotations), _SHOWN, 4)
        if pair.attestations:
            if all(one.kind == "same" for one in pair.attestations):
                count = len(pair.attestations)
                yield from self._labelled("attestations", f"{count} = {count} by content")
            else:
                yield "  attestations"
                yield from self._companions(pair.attestations, 4)
        yield ""

    def _identity(self, pair: ImagePair) -> Iterator[str]:
        old, new = pair.sides
        yield from self._digests("image id", [old.image_id], [new.image_id])
        if old.spelled != new.spelled:
            yield from self._labelled("platform", f"{old.spelled or 'none'} -> {new.spelled or 'none'}")
        called = [", ".join(side.names or side.ref_names) or "no name" for side in (old, new)]
        if called[0] != called[1]:
            yield from self._labelled("names", f"{called[0]} -> {called[1]}")
        yield from self._digests("manifest", old.manifests, new.manifests)
        types = [side.media_type for side in (old, new)]
        if old.manifests != new.manifests and types[0] != types[1] and all(types):
            yield from self._labelled("media type", f"{types[0]} -> {types[1]}")

    # Layers

    def _layers(self, pair: ImagePair) -> Iterator[str]:
        same = [layer for layer in pair.layers if layer.kind == "same"]
        if len(same) == len(pair.layers):
            yield from self._labelled("layers", f"{len(same)} = {len(same)} by diff_id")
        else:
            yield from self._labelled("layers", words.layer_counts(pair))
        stored = [layer for layer in same if layer.old and layer.new and layer.old.digest != layer.new.digest]
        if stored:
            yield from self._labelled("stored", _restored(stored, len(same)))
        told = [self._layer(layer) for layer in pair.layers if layer.kind != "same"]
        for lines in told if self._whole else told[: _SHOWN * 2]:
            yield from lines
        if len(told) > _SHOWN * 2 and not self._whole:
            yield f"      and {plural(len(told) - _SHOWN * 2, 'more layer')}: -v shows all"

    def _layer(self, layer: LayerPair) -> list[str]:
        old, new = layer.old, layer.new
        mark = words.MARKS[layer.kind]
        lines = []
        side = new or old
        if old is not None and new is not None:
            number = f"{old.number}" if old.number == new.number else f"{old.number} -> {new.number}"
            if self._whole:
                lines += self._lines(mark, f"layer {number}", 4)
                lines += [*self._lines("-", self._size(old), 6), *self._lines("+", self._size(new), 6)]
            else:
                lines += self._lines(mark, f"{number}  {self._size(old)} -> {self._size(new)}", 4)
        elif side is not None:
            lines += self._lines(mark, f"{side.number}  {self._size(side)}", 4)
        if side is not None and side.created_by:
            lines.append(f"      {cut(instruction(side.created_by), max(self._width - 6, _NARROW))}")
        if layer.kind == "unproved":
            told = wrapped("one diff_id is claimed of both, and it was not proved of both", self._width - 6, "")
            lines += placed(told, 6, self._width)
        if layer.files is not None:
            lines.extend(self._files(layer.files))
        return lines

    def _size(self, side: LayerSide) -> str:
        count = side.uncompressed_size
        return f"{self._short(side.diff_id or side.digest)} {size(count if count is not None else side.size)}"

    def _files(self, files: Files) -> Iterator[str]:
        if files.problem is not None:
            yield from (f"      {line}" for line in wrapped(files.problem, self._width - 6, ""))
            return
        told = (
            self._path(words.MARKS[change.kind], change.path or ".", words.file_facts(change))
            for change in files.changes
        )
        yield from self._some(told, len(files.changes), _PATHS, 6)
        counts = [f"{files.count(kind)} {kind}" for kind in ("added", "removed", "changed")]
        yield f"      {', '.join(counts)}, {files.same} the same"

    def _path(self, mark: str, path: str, facts: str) -> list[str]:
        room = max(self._width - 8, _NARROW)
        if self._whole:
            line = f"{safe(path)}  {safe(facts)}"
            if columns(line) <= room:
                return [f"      {self._mark(mark)} {line}"]
            more = placed(wrapped(facts, room - 2, ""), 10, self._width)
            return [f"      {self._mark(mark)} {safe(path)}", *more]
        facts = cut(facts, max(room // 2, room - columns(safe(path)) - 2))
        return [f"      {self._mark(mark)} {tail(path, room - columns(facts) - 2)}  {facts}"]

    # Documents

    def _config(self, changes: Sequence[Change]) -> Iterator[str]:
        yield "  config"
        yield from self._some(map(self._changed, changes), len(changes), _SHOWN, 4)

    def _changed(self, one: Change) -> list[str]:
        old = None if one.kind == "added" else words.value(one.old)
        new = None if one.kind == "removed" else words.value(one.new)
        return self._value(one.kind, one.pointer, old, new)

    def _value(self, kind: str, name: str, old: str | None, new: str | None) -> list[str]:
        """Return the old and the new value: on one line, or on one line each where that is too long."""
        mark = words.MARKS[kind]
        if kind != "changed":
            return self._lines(mark, f"{name}  {new if kind == 'added' else old}", 4)
        line = f"{name}  {old} -> {new}"
        if len(line) <= self._width * 8 and columns(safe(line)) <= self._width - 6:
            return self._lines(mark, line, 4)
        return [*self._lines(mark, name, 4), *self._lines("-", str(old), 6), *self._lines("+", str(new), 6)]

    def _companions(self, found: Sequence[Companion], indent: int) -> Iterator[str]:
        yield from self._some((self._companion(one, indent) for one in found), len(found), _SHOWN, indent)

    def _companion(self, one: Companion, indent: int) -> list[str]:
        digests = [digest for digest in dict.fromkeys((one.old, one.new)) if digest]
        mark = words.MARKS[one.kind]
        if not self._whole:
            return self._lines(mark, f"{' -> '.join(map(short, digests))}  {one.type}", indent)
        lines = self._lines(mark, one.type, indent)
        for number, digest in enumerate(digests):
            which = "=" if len(digests) == 1 and one.old == one.new else "+" if number or not one.old else "-"
            lines += self._lines(which, digest, indent + 2)
        return lines

    def _some(self, told: Iterable[Sequence[str]], count: int, most: int, indent: int) -> Iterator[str]:
        """Give the lines of `count` things, of many the first alone: those that are not shown are not made."""
        shown = count if self._whole or count <= most + 1 else most
        for lines in islice(told, shown):
            yield from lines
        if shown < count:
            yield f"{' ' * indent}and {count - shown} more: -v shows all"


def _restored(layers: Sequence[LayerPair], of: int) -> str:
    """Return how layers of the same content are stored in both archives."""
    ways: dict[str, list[LayerPair]] = {}
    for layer in layers:
        if layer.old is not None and layer.new is not None:
            names = [_codec(side) for side in (layer.old, layer.new)]
            ways.setdefault(f"{names[0]} -> {names[1]}", []).append(layer)
    told = []
    for way, those in ways.items():
        before, after = (sum(side.size or 0 for side in sides if side) for sides in zip(*_sides(those), strict=True))
        told.append(f"{way} {len(those)} of {of}, {size(before)} -> {size(after)}")
    return "; ".join(told)


def _sides(layers: Sequence[LayerPair]) -> list[tuple[LayerSide | None, LayerSide | None]]:
    return [(layer.old, layer.new) for layer in layers]


def _codec(side: LayerSide) -> str:
    return "plain" if side.compression == "none" else side.compression or "unknown"
