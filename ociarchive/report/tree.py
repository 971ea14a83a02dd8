"""What is in an archive, for people: names, indexes, platforms, images and their layers as a tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ociarchive.model import Artifact, Child, Image, Index, Missing, Root, walk
from ociarchive.report.facts import layer_facts
from ociarchive.report.text import bar, cut, pad, plural, safe, short, size, tail, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.auditing import Evidence
    from ociarchive.documents import Document
    from ociarchive.model import Archive
    from ociarchive.values import JSON

_BAR: Final = 8
_IDS: Final = (
    "Docker's classic store and podman show the image id as IMAGE ID; Docker's containerd store shows the digest of"
    " the index, where there is one, else of the manifest. Registries and Kubernetes name images by those digests."
)
_MARKS: Final = str.maketrans({"…": "~", "█": "#"})


class Tree:
    """One rendering. `width` is in columns; `whole` shows digests in full; `ascii_only` avoids box characters."""

    def __init__(self, archive: Archive, evidence: Evidence, *, width: int, whole: bool, ascii_only: bool) -> None:
        self._archive, self._evidence = archive, evidence
        self._width, self._whole, self._ascii = width, whole, ascii_only
        self._seen: set[str] = set()
        self._shared: dict[str, int] = {}
        self._above: set[int] = set()  # the indexes whose entries a root shows

    def text(self) -> str:
        """Return the whole tree."""
        lines = self._head()
        for number, root in enumerate(self._archive.roots):
            last = number == len(self._archive.roots) - 1
            self._above.clear()
            lines.extend(self._entry(root, "", last=last))
        if self._shared:
            saved = size(sum(self._shared.values()))
            lines += [
                "",
                f"= also in another image above: {plural(len(self._shared), 'layer')}, stored once, {saved} saved",
            ]
        if not self._evidence.facts:
            where = self._archive.where
            call = "ociarchive audit" if where == "standard input" else f"ociarchive audit {where}"
            lines += ["", *wrapped(f"Digests were read, not checked: run `{call}`.", self._width, "  ")]
        if self._whole:
            lines += ["", *wrapped(_IDS, self._width, "")]
        text = "\n".join(line.rstrip() for line in lines) + "\n"
        return text.translate(_MARKS) if self._ascii else text

    def _head(self) -> list[str]:
        edges = list(walk(self._archive.roots))
        images = len({id(edge.node) for edge in edges if isinstance(edge.node, Image)})
        indexes = len({id(edge.node) for edge in edges if isinstance(edge.node, Index)})
        artifacts = len({id(edge.node) for edge in edges if isinstance(edge.node, Artifact)})
        parts = [self._archive.format]
        if indexes:
            parts.append(plural(indexes, "index", "indexes"))
        parts.append(plural(images, "image"))
        if artifacts:
            parts.append(plural(artifacts, "artifact"))
        sources = {
            layer.source for image in self._evidence.images for layer in image.layers if layer.source is not None
        }
        parts.append(f"{plural(len(sources), 'layer')}, {size(sum(source.size for source in sources))}")
        return wrapped(f"{self._archive.where}  {', '.join(parts)}", self._width, "  ")

    def _entry(self, entry: Root | Child, indent: str, *, last: bool) -> Iterator[str]:
        corner = ("`- " if self._ascii else "└─ ") if last else ("|- " if self._ascii else "├─ ")
        below = indent + ("   " if last else ("|  " if self._ascii else "│  "))
        node = entry.node
        first, *more = self._label(entry)
        room = self._width - len(indent) - len(corner)
        line = "  ".join([first, *more])
        if len(line) <= room or self._whole:
            yield f"{indent}{corner}{line}"
        else:  # names may be many and long: each has a line, and what they name another
            names = first.split(", ")
            yield f"{indent}{corner}{tail(names[0], room)}"
            gap = "  " if isinstance(entry, Root) else ""
            yield from (f"{below}{tail(name, room)}" for name in names[1:])
            yield from (f"{below}{part}" for part in wrapped("  ".join(more), room, gap) if more)
        if isinstance(node, Image):
            yield from self._layers(node, below)
        elif isinstance(node, Index) and id(node) in self._above:
            yield f"{below}as above"
        elif isinstance(node, Index):
            self._above.add(id(node))
            for number, child in enumerate(node.children):
                yield from self._entry(child, below, last=number == len(node.children) - 1)

    def _label(self, entry: Root | Child) -> list[str]:
        digest = str(entry.descriptor.digest) if entry.descriptor else None
        parts = []
        if isinstance(entry, Root):
            names = [str(name) for name in entry.names] or ([entry.ref_name] if entry.ref_name else [])
            parts.append(", ".join(map(safe, names)) or "(no name)")
        node = entry.node
        platform = entry.platform
        if isinstance(node, Image):
            parts.append(safe(str(platform)) if platform else "no platform")
            parts.append(f"image id {self._short(str(node.image_id) if node.image_id else None)}")
            parts.append(f"manifest {self._short(digest)}" if digest else "no manifest")
        elif isinstance(node, Index):
            parts.append(f"index {self._short(digest)}")
        elif isinstance(node, Artifact):
            attested = entry.refers_to if isinstance(entry, Child) else None
            subject = node.subject.digest if node.subject else attested
            parts.append("attestation" if attested else f"artifact {safe(node.artifact_type or 'of an unknown type')}")
            parts.append(self._short(digest))
            if subject:
                parts.append(f"of {self._short(str(subject))}")
        elif isinstance(node, Missing):
            what = "malformed" if node.source is not None else "not in this archive"
            parts.append(f"{safe(str(platform)) if platform else 'manifest'} {self._short(digest)}  ({what})")
        return parts

    def _short(self, digest: str | None) -> str:
        return short(digest, whole=self._whole)

    def _layers(self, image: Image, indent: str) -> Iterator[str]:
        facts = layer_facts(image, self._evidence)
        if not facts:
            yield f"{indent}no layers"
            return
        names = _created_by(image.config_document, len(image.layers))
        total = sum(layer.source.size for layer in image.layers if layer.source is not None)
        wide = 73 if self._whole else 14
        here: set[str] = set()
        yield f"{indent}#  {pad('layer', wide)}comp     stored   unpacked  share     created by"
        for number, (layer, fact, name) in enumerate(zip(image.layers, facts, names, strict=False), 1):
            told = _text(fact, "digest") or _text(fact, "diff_id")
            stored = fact["size"]
            mark = "=" if told in self._seen else " "
            if mark == "=":
                self._shared[told] = layer.source.size if layer.source is not None else 0
            here.add(told)
            unpacked = fact["uncompressed_size"]
            share = bar(layer.source.size if layer.source is not None else 0, total, _BAR)
            line = (
                f"{indent}{number:<2} {pad(self._short(told) + mark, wide)}{_comp(fact):<6}"
                f"{size(stored if isinstance(stored, int) else None):>9}"
                f"{size(unpacked if isinstance(unpacked, int) else None):>11}  {pad(self._bar(share), _BAR)}  "
            )
            yield line + cut(name, max(self._width - len(line), 8))
        self._seen |= here

    def _bar(self, share: str) -> str:
        return "#" * len(share) if self._ascii else share


def _text(value: JSON, key: str) -> str:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""


def _comp(fact: JSON) -> str:
    if isinstance(fact, dict) and not fact.get("present"):
        return "absent"
    return _text(fact, "compression") or "?"


def _created_by(config: Document | None, count: int) -> list[str]:
    """Return what made each layer, by the history's entries that are not empty; blanks where they do not fit."""
    history = config.members.get("history") if config else None
    entries = history if isinstance(history, list) else []
    made = [
        _text(entry, "created_by").removeprefix("/bin/sh -c #(nop) ").removeprefix("/bin/sh -c ").strip()
        for entry in entries
        if isinstance(entry, dict) and not entry.get("empty_layer")
    ]
    return made if len(made) == count else [""] * count
