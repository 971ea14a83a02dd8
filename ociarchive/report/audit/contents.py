"""What the report for people shows of an archive's contents: images with their layers, what was not proved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ociarchive.report.shared.text import size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.auditing import Report
    from ociarchive.auditing.facts import ImageFacts, LayerFacts
    from ociarchive.auditing.report import Listed


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar of a chart: what is stored within what it unpacks to, in hundredths of the longest bar."""

    stored: float
    unpacked: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A layer of an image, as the JSON report has it, with its bar."""

    facts: LayerFacts
    bar: Bar


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An image, as the JSON report has it, with its layers."""

    facts: ImageFacts
    rows: tuple[Row, ...]


def shown(listed: Listed) -> Iterator[Shown]:
    """Give the images, which are made as they are taken."""
    return map(_image, listed.images)


def _image(facts: ImageFacts) -> Shown:
    layers = facts["layers"]
    longest = max((max(one["size"] or 0, one["uncompressed_size"] or 0) for one in layers), default=0)
    return Shown(facts=facts, rows=tuple(Row(facts=one, bar=_bar(one, longest)) for one in layers))


def _bar(layer: LayerFacts, longest: int) -> Bar:
    stored, unpacked = layer["size"], layer["uncompressed_size"]
    text = f"{size(stored)} stored"
    if not layer["present"]:
        what = "left out of this delta" if layer["left_out"] else "not in the archive"
        text = f"{what}, {size(stored)} by its descriptor"
    elif unpacked is None:
        text += ", not unpacked"
    else:
        text += f" of {size(unpacked)} unpacked"
        if unpacked and stored is not None:
            text += f", {stored * 100 / unpacked:.0f} %"
    return Bar(stored=_share(stored if layer["present"] else 0, longest), unpacked=_share(unpacked, longest), text=text)


def _share(part: int | None, whole: int) -> float:
    """Return a length in hundredths: whatever is there at all can be seen."""
    return 0.0 if not part or not whole else round(max(part * 100 / whole, 0.5), 2)


def unproved(report: Report) -> tuple[tuple[str, str], ...]:
    """Return what could not be proved of an archive, each with the reason. Rules that were not applied are apart."""
    told: list[tuple[str, str]] = []
    if report.proof is not None:
        told += report.proof.unproved
        told += [(f"file {name}", "nothing makes a claim of it, so it was not read") for name in report.proof.unread]
    return tuple(dict.fromkeys(told))
