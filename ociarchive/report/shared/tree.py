"""What is in an archive, for people: names, indexes, platforms, images and their layers as a tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ociarchive.auditing.listing import counted, created_by, full_platform, layer_facts, spelled
from ociarchive.errors import clipped, plural, some
from ociarchive.mediatypes import Kind, kind_of
from ociarchive.model import Artifact, Child, Image, Index, Missing, Root, walk
from ociarchive.report.shared.text import (
    bar,
    columns,
    command,
    cut,
    images_said,
    instruction,
    pad,
    placed,
    safe,
    short,
    size,
    tail,
    total,
    wrapped,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.auditing import Evidence
    from ociarchive.auditing.facts import LayerFacts
    from ociarchive.model import Archive
    from ociarchive.values import Digest

_BAR: Final = 8
#: The least columns of each column of layers' table, so that those of different images stand under one another.
_WIDTHS: Final = {"#": 1, "layer": 13, "comp": 4, "stored": 8, "unpacked": 8, "share": _BAR, "created by": 8}
_RIGHT: Final = frozenset(("stored", "unpacked"))
#: The command that made a layer is not shown in fewer columns.
_MADE: Final = 8
_IDS: Final = (
    "Docker's classic store and podman show the image id as IMAGE ID; Docker's containerd store shows the digest of"
    " the index, where there is one, else of the manifest. Registries and Kubernetes name images by those digests."
)
#: Characters of a command, and of the types of an artifact: more are not shown, for many lines may repeat them.
_LONGEST: Final = 4096
_TYPES: Final = 400


class Tree:
    """One rendering. `width` is in columns; `whole` shows digests in full."""

    def __init__(self, archive: Archive, evidence: Evidence, *, width: int, whole: bool) -> None:
        self._archive, self._evidence = archive, evidence
        self._width, self._whole = width, whole
        self._unpacked = any(
            fact["uncompressed_size"] is not None for image in evidence.images for fact in layer_facts(image, evidence)
        )
        self._seen: set[str] = set()
        self._shared: dict[str, int] = {}
        self._created_by: dict[tuple[int, int], list[str]] = {}
        self._above: set[int] = set()  # the indexes whose entries a root shows

    def lines(self) -> Iterator[str]:
        """Give the whole tree, line by line: names and types may make it many times as long as the archive."""
        return (f"{line.rstrip()}\n" for line in self._lines())

    def _lines(self) -> Iterator[str]:
        yield from self._head()
        for number, root in enumerate(self._archive.roots):
            last = number == len(self._archive.roots) - 1
            self._above.clear()
            yield from self._entry(root, "", last=last)
        if self._shared:
            saved = sum(self._shared.values())
            told = f"= also in another image above: {plural(len(self._shared), 'layer')}"
            told += f", stored once, {size(saved)} saved" if saved else ""
            yield from ("", *wrapped(told, self._width, "  "))
        if not self._evidence.facts:
            where = self._archive.where
            call = ("ociarchive", "audit", "-" if where == "standard input" else where)
            yield from ("", *command("Digests were read, not checked; this checks them:", call, self._width))
        if self._whole:
            yield from ("", *wrapped(_IDS, self._width, ""))

    def _head(self) -> list[str]:
        edges = list(walk(self._archive.roots))
        indexes = len({id(edge.node) for edge in edges if isinstance(edge.node, Index)})
        artifacts = len({id(edge.node) for edge in edges if isinstance(edge.node, Artifact)})
        parts = [self._archive.format]
        if indexes:
            parts.append(plural(indexes, "index", "indexes"))
        parts.append(images_said(*counted(edges)))
        if artifacts:
            parts.append(plural(artifacts, "artifact"))
        sources = {
            layer.source: self._evidence.size(layer)
            for image in self._evidence.images
            for layer in image.layers
            if layer.source is not None
        }
        stored = total(sources.values())
        parts.append(f"{plural(len(sources), 'layer')} of {stored}, as stored")
        if left := self._left_out():
            parts.append(f"{plural(len(left), 'layer')} of {size(sum(left.values()))} left out, a delta")
        where = self._archive.where if self._whole else tail(self._archive.where, self._width)
        lines = [where]
        for number, part in enumerate(parts):  # a count stays with what it counts
            piece = part + ("," if number < len(parts) - 1 else "")
            line = f"{lines[-1]}{' ' if number else '  '}{piece}"
            if columns(line) <= self._width:
                lines[-1] = line
            else:
                lines.append(f"  {piece}")
        return [*wrapped(lines[0], self._width, "  ", whole=self._whole), *lines[1:]]

    def _left_out(self) -> dict[Digest, int]:
        """Return the layers that the archive leaves out, with their sizes in bytes."""
        left = (layer.elsewhere for image in self._evidence.images for layer in image.layers)
        return {one.descriptor.digest: one.descriptor.size for one in left if one is not None}

    def _entry(self, entry: Root | Child, indent: str, *, last: bool) -> Iterator[str]:
        corner = "└─ " if last else "├─ "
        below = indent + ("   " if last else "│  ")
        node = entry.node
        first, *more = self._label(entry)
        room = self._width - len(indent) - len(corner)
        line = "  ".join([first, *more])
        if columns(line) <= room:
            yield f"{indent}{corner}{line}"
        else:  # names may be many and long: each has a line, and what they name another
            names = first.split(", ") if isinstance(entry, Root) else [first]
            head, *others = [
                line
                for name in names
                for line in (wrapped(name, room, "  ", whole=True) if self._whole else [tail(name, room)])
            ]
            gap = "  " if others else ""  # apart from further names
            yield f"{indent}{corner}{head}"
            yield from (f"{below}{name}" for name in others)
            yield from (f"{below}{part}" for part in self._parts(more, room, gap))
        if isinstance(node, Image):
            yield from self._layers(node, below)
        elif isinstance(node, Index) and id(node) in self._above:
            yield f"{below}as above"
        elif isinstance(node, Index):
            self._above.add(id(node))
            for number, child in enumerate(node.children):
                yield from self._entry(child, below, last=number == len(node.children) - 1)

    def _parts(self, parts: list[str], room: int, gap: str) -> list[str]:
        """Return the description of an entry: one line if it fits, else one line for each part."""
        joined = gap + "  ".join(parts)
        if not parts or columns(joined) <= room:
            return [joined] if parts else []
        return [line for part in parts for line in wrapped(gap + part, room, gap + "  ", whole=self._whole)]

    def _label(self, entry: Root | Child) -> list[str]:
        digest = str(entry.descriptor.digest) if entry.descriptor else None
        parts = []
        if isinstance(entry, Root):
            names = [str(name) for name in entry.names] or ([entry.ref_name] if entry.ref_name else [])
            parts.append(", ".join(map(safe, names)) or "(no name)")
        node = entry.node
        platform = full_platform(entry)
        if isinstance(node, Image):
            parts.append(safe(spelled(platform)) if platform else "no platform")
            parts.append(f"image id {self._short(str(node.image_id) if node.image_id else None)}")
            parts.append(f"manifest {self._short(digest)}" if digest else "no manifest")
        elif isinstance(node, Index):
            parts.append(f"index {self._short(digest)}")
        elif isinstance(node, Artifact):
            attested = entry.refers_to if isinstance(entry, Child) else None
            subject = node.subject.digest if node.subject else attested
            parts.append("attestation" if attested else f"artifact {safe(_type(node))}")
            parts.append(self._short(digest))
            if subject:
                parts.append(f"of {self._short(str(subject))}")
        elif isinstance(node, Missing):
            what = "malformed" if node.source is not None else "not in this archive"
            told = [safe(spelled(platform)) if platform else "manifest", self._short(digest)]
            parts += [*(told if self._whole else [" ".join(told)]), f"({what})"]
        return parts

    def _short(self, digest: str | None) -> str:
        return short(digest, whole=self._whole)

    def _layers(self, image: Image, indent: str) -> Iterator[str]:
        facts = layer_facts(image, self._evidence)
        if not facts:
            yield f"{indent}no layers"
            return
        key = (id(image.config_document), len(image.layers))
        if key not in self._created_by:  # many entries may lead to images of one config
            self._created_by[key] = [*map(_command, created_by(image.config_document, len(image.layers)))]
        names = self._created_by[key]
        sizes = [(self._evidence.size(layer) or 0) if layer.source is not None else 0 for layer in image.layers]
        whole = sum(sizes)
        here: set[str] = set()
        rows: list[dict[str, str]] = [{name: name for name in _WIDTHS}]
        for number, (stored, fact, name) in enumerate(zip(sizes, facts, names, strict=False), 1):
            told = fact["digest"] or fact["diff_id"] or ""
            mark = "=" if told in self._seen else ""
            if mark:
                self._shared[told] = stored
            here.add(told)
            rows.append(
                {
                    "#": str(number),
                    "layer": self._short(told) + mark,
                    "comp": safe(_comp(fact)),
                    "stored": size(fact["size"]),
                    "unpacked": size(fact["uncompressed_size"]),
                    "share": bar(stored, whole, _BAR),
                    "created by": name,
                }
            )
        self._seen |= here
        yield from (f"{indent}{line}" for line in self._rows(rows, self._width - columns(indent)))

    def _rows(self, rows: list[dict[str, str]], room: int) -> Iterator[str]:
        """Give the table of layers. If it is too wide, the least useful columns are omitted and digests move below."""
        wide = {name: max(least, *(columns(row[name]) for row in rows)) for name, least in _WIDTHS.items()}
        names = [name for name in _WIDTHS if name != "unpacked" or self._unpacked]
        below = self._whole and sum(wide[name] + 2 for name in names) > room
        for left_out in ("created by", "share", "comp"):
            least = sum((_MADE if name == "created by" else wide[name]) + 2 for name in names) - 2
            least -= (wide["layer"] + 2) * below
            if least > room and left_out in names:
                names.remove(left_out)
        shown = [name for name in names if name != "layer" or not below]
        last = room - sum(wide[name] + 2 for name in shown[:-1])
        for number, row in enumerate(rows):
            cells = [
                row[name].rjust(wide[name]) if name in _RIGHT else pad(row[name], wide[name]) for name in shown[:-1]
            ]
            end = row[shown[-1]]
            end = end.rjust(wide[shown[-1]]) if shown[-1] in _RIGHT else cut(end, max(last, 1))
            yield "  ".join([*cells, end])
            if below and number:
                yield from placed([row["layer"]], 2, room)


def _type(artifact: Artifact) -> str:
    """Return what an artifact is: its type; where that is an image's, as cosign writes it, the types of what it holds.

    A config of the type of images tells that old registries should take it (image-spec, manifest.md, artifactType).
    """
    told = artifact.artifact_type
    if told is not None and kind_of(told) is Kind.CONFIG:
        held = dict.fromkeys(blob.descriptor.media_type for blob in artifact.blobs if blob.descriptor is not None)
        told = some(one for one in held if one and kind_of(one) is not Kind.CONFIG) or told
    return clipped(told or "of an unknown type", _TYPES)


def _comp(fact: LayerFacts) -> str:
    if not fact["present"]:
        return "left out" if fact["left_out"] else "absent"
    return fact["compression"] or "?"


def _command(text: str) -> str:
    """Return a command of the history, the beginning of a long one, without the shell that ran it."""
    return instruction(text[:_LONGEST])
