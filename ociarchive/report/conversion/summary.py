"""The summary of a conversion, for people: what was converted, what kept its digest, the sizes, what was proved."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from ociarchive.auditing.listing import full_platform, spelled
from ociarchive.errors import plural
from ociarchive.model import Image, Index, walk
from ociarchive.report.shared.text import columns, pad, placed, safe, short, size, tail, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ociarchive.model import Root
    from ociarchive.transform.convert import Conversion


#: Columns for old and new values: a digest's first digits, or a size. Where there are few, those of a size alone.
_WIDE: Final = 12
_SIZE: Final = len("1023.9 KiB")
#: Columns for names: as many as hold those of layers; more where the terminal has them and a name is longer.
_NAMES: Final = 34
#: Sources and layers that are shown one by one; `-v` shows all.
_SOURCES: Final = 3
_SHOWN: Final = 8
_TOLD: Final = len("rewritten")


def summary(conversion: Conversion, *, width: int, whole: bool, files: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return the lines that end a conversion. `width` is in columns; `whole` shows digests in full, and everything.

    `files` are what was written beside DEST: the path of each, or `-`, by what it is.
    """
    return _Summary(conversion, width, whole=whole, files=files).text()


class _Row(NamedTuple):
    """A name, the values before and after, and what became of it. `digests`: the values are no sizes."""

    name: str
    before: str
    after: str
    told: str
    digests: bool = False


class _Summary:
    def __init__(self, conversion: Conversion, width: int, *, whole: bool, files: Mapping[str, str]) -> None:
        self._done, self._width, self._whole, self._files = conversion, width, whole, files
        self._omitted = {one.elsewhere.descriptor.digest for one in conversion.omitted}
        self._rows: list[_Row | str] = []
        self._room = width - 2 * (_WIDE + 2) - _TOLD - 4
        self._narrow = self._room < _NAMES

    def text(self) -> str:
        before = sum(arrived.fact.size for arrived in self._done.arrived.values())
        arrived = {one.digest: one.size for one in self._done.arrived.values() if one.digest not in self._omitted}
        after = sum(arrived.values())
        self._rows.append(_Row("", "before", "after", "change"))
        self._rows.append(_Row("stored, manifests apart", size(before), size(after), _change(before, after)))
        for old, new in zip(self._done.old_roots, self._done.new_roots, strict=True):
            self._root(old, new)
        self._layers()
        lines = [
            *self._archives(),
            *self._table(),
            *self._left_out(),
            *self._audit(),
            *self._beside(),
            f"done in {self._done.seconds:.1f} s",
        ]
        return "\n".join(line.rstrip() for line in lines) + "\n"

    def _archives(self) -> Iterator[str]:
        """Say what was made of the sources: on one line, else on one line for each source."""
        told = [(safe(one.archive.where), one.archive.format) for one in self._done.sources]
        dest = f"{safe(self._done.dest)} ({self._done.format})"
        line = f"converted  {', '.join(f'{name} ({form})' for name, form in told)}  ->  {dest}"
        if columns(line) <= self._width:
            yield line
            return
        shown = told if self._whole or len(told) <= _SOURCES + 1 else told[:_SOURCES]
        rows = [self._archive(name, form) for name, form in shown]
        if len(shown) < len(told):
            rows.append(f"and {len(told) - len(shown)} more: -v shows all")
        rows.append(self._archive(safe(self._done.dest), self._done.format, "->  "))
        for number, row in enumerate(rows):
            head = "" if number else "converted"
            yield f"{head:<9}  {row}"

    def _archive(self, name: str, form: str, before: str = "") -> str:
        room = self._width - len("converted  ") - len(before) - len(form) - 3
        return f"{before}{name if self._whole else tail(name, room)} ({form})"

    def _table(self) -> Iterator[str]:
        """Give the rows under one another; a name that has no room beside its values stands on a line of its own."""
        wide = _SIZE if self._narrow else _WIDE
        longest = max(columns(row.name) for row in self._rows if not isinstance(row, str))
        names = min(max(longest, _NAMES), self._room)
        if self._narrow:
            names = max(self._width - 2 * (wide + 2) - _TOLD - 4, 0)
        for row in self._rows:
            if isinstance(row, str):
                yield from placed([row], 2, self._width)
            elif row.digests and (self._narrow or columns(row.name) > names):
                yield from self._named(row.name, _became(row), self._width - columns(_became(row)) - 4)
            else:
                values = f"{row.before:>{wide}}  {row.after:>{wide}}  {row.told}"
                yield from self._named(row.name, values, names)

    def _named(self, name: str, values: str, room: int) -> Iterator[str]:
        """Give the line of a name and its values, or two where the name has no room."""
        if columns(name) > room:
            yield f"  {name if self._whole else tail(name, self._width - 2)}"
            name = ""
        yield f"  {pad(name, room)}  {values}"

    def _digests(self, name: str, before: str | None, after: str | None, told: str) -> None:
        """Add the old and the new digest of something. Full digests have one line each."""
        if not self._whole:
            self._rows.append(_Row(name, short(before), short(after), told, digests=True))
        elif before == after:
            self._rows += [f"{name}  {told}", f"  {before or '-'}"]
        else:
            self._rows += [f"{name}  {told}", f"  before {before or '-'}", f"  after  {after or '-'}"]

    def _root(self, old: Root, new: Root) -> None:
        before = str(old.descriptor.digest) if old.descriptor else None
        after = str(new.descriptor.digest) if new.descriptor else None
        told = "same" if before == after else "rewritten" if before else "new"
        self._digests(safe(new.label if new.names or new.ref_name else "(no name)"), before, after, told)
        if not isinstance(new.node, Image | Index):
            return
        for edge in walk([new]):
            if isinstance(edge.node, Image):
                made = edge.node.made is not None
                full = full_platform(edge.entry)
                platform = safe(spelled(full)) if full else "no platform"
                image_id = str(edge.node.image_id) if edge.node.image_id else None
                before, told = (None, "new") if made else (image_id, "same")
                self._digests(f"  {platform} image id", before, image_id, told)

    def _layers(self) -> None:
        """Say how each layer was and is stored. Of many layers only the largest are shown, all with `-v`."""
        named = {change.new.digest: change.diff_id for change in self._done.changes if change.kind == "layer"}
        layers = [(arrived.fact.size, arrived) for arrived in self._done.arrived.values() if arrived.digest in named]
        layers.sort(key=lambda layer: -layer[0])
        shown = layers if self._whole or len(layers) == _SHOWN + 1 else layers[:_SHOWN]
        if shown and self._narrow and not self._whole:
            self._rows.append("layers by diff_id")
        seen: set[object] = set()
        for before, arrived in shown:
            diff_id = named[arrived.digest]
            kind, digest = ("diff_id", diff_id) if diff_id else ("layer", arrived.digest)
            how = f"{arrived.fact.compression} -> {arrived.compression}"
            how = how if arrived.fact.compression != arrived.compression else arrived.compression
            after, change = size(arrived.size), _change(before, arrived.size)
            if arrived.digest in seen:  # of several sources: DEST holds it once
                after, change = "-", "as above"
            elif arrived.digest in self._omitted:
                after, change = "-", "left out"
            seen.add(arrived.digest)
            name = f"{kind} {short(str(digest))}  {how}"
            if self._whole:
                self._rows += [_Row(f"{kind}  {how}", size(before), after, change), f"  {digest}"]
                continue
            if self._narrow:
                name = f"{short(str(digest))} {how.replace(' ', '')}"
            self._rows.append(_Row(name, size(before), after, change))
        if len(layers) > len(shown):
            self._rows.append(f"{plural(len(layers) - len(shown), 'smaller layer')}: -v lists them")
        every = {arrived.digest for _, arrived in layers}
        proven = every - {arrived.digest for _, arrived in layers if arrived.fact.diff_ids is None}
        there = len({arrived.digest for _, arrived in layers if arrived.present})
        rest = f"; {there} in DEST already, not read" if there else ""
        self._rows.append(f"diff_ids proved: {len(proven)} of {plural(len(every), 'layer')}, all as before{rest}")

    def _left_out(self) -> Sequence[str]:
        """Say what was saved, where layers are left out because the other side has them."""
        if not self._done.omitted:
            return []
        left = {one.elsewhere.descriptor.digest: one.elsewhere.descriptor.size for one in self._done.omitted}
        new = {change.new.digest: change.new.size for change in self._done.changes if change.kind == "layer"}
        told = (
            f"{len(left)} of {plural(len(new), 'layer')}, {size(sum(left.values()))} of {size(sum(new.values()))}"
            " that the other side has"
        )
        return wrapped(f"{'left out':<9} {told}", self._width, " " * 11)

    def _audit(self) -> Sequence[str]:
        report = self._done.report
        if self._done.sent:
            told = "none: nothing is read back from a registry; digests are those of the bytes sent"
        elif report is None:
            told = "none: what was written was not read back; digests are those of the bytes written"
        else:
            found = f"{plural(report.count('error'), 'error')}, {plural(report.count('warning'), 'warning')}"
            told = f"PASS  {found}, {plural(report.blobs, 'blob')} read back, {size(report.bytes)} with manifests"
        return wrapped(f"{'audit':<9}  {told}", self._width, " " * 11)

    def _beside(self) -> Iterator[str]:
        """Name the files that were written beside DEST."""
        for what, path in self._files.items():
            told = "standard output" if path == "-" else safe(path)
            yield from wrapped(f"{what:<9}  {told}", self._width, " " * 11, whole=True)


def _became(row: _Row) -> str:
    """Return what became of a digest, where there is no room for two columns: one that stays stands there once."""
    if row.before not in ("-", row.after):
        return f"{row.before} -> {row.after}"
    return f"{row.after}  {row.told:<{_TOLD}}"


def _change(before: int, after: int) -> str:
    return f"{(after - before) * 100 / before:+.1f} %" if before and after != before else "="
