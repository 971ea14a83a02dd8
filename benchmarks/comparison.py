"""What a comparison found, as a table and a drawing."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, NotRequired, TypedDict

from benchmarks import page, svg
from benchmarks.primitives import STEPS
from benchmarks.process import Run, median

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

#: What was run: ociarchive without sync and audit, ociarchive as it is, skopeo.
BARE, DEFAULT, SKOPEO = "ociarchive", "ociarchive, default", "skopeo"


class JobResult(TypedDict):
    """One job: the figures of each run by who ran, sizes of DEST in bytes, the floor in seconds.

    `ids_kept` says whose DEST holds the image under its id.
    """

    name: str
    note: str
    floor: float | None
    runs: dict[str, list[dict[str, float]]]
    sizes: dict[str, int]
    ids_kept: dict[str, bool]


class ImageResult(TypedDict):
    """All jobs on one image. `rates` are MB/s of each step, `sources` bytes as they are stored."""

    size: str
    layers: int
    unpacked: int
    largest: int
    sources: dict[str, int]
    rates: dict[str, float]
    jobs: list[JobResult]


class Comparison(TypedDict):
    """One call of compare.py."""

    date: str
    machine: dict[str, str]
    rounds: int
    images: list[ImageResult]
    many: NotRequired[list[JobResult]]


_HEADER = (
    *("job", "ociarchive s", "skopeo s", "ratio", "CPU ratio", "MiB", "skopeo MiB", "size ratio"),
    *("bare s", "bare ratio", "bare CPU ratio", "floor s", "bare to floor"),
)
_HEADER_OF_MANY = ("job", "ociarchive s", "skopeo s", "ratio", "CPU ratio", "MiB", "skopeo MiB")


def text(found: Comparison, drawing: str) -> str:
    """Return the part of the page: where it was measured, a drawing, a table for each image."""
    parts = [page.measured_on(found["date"], found["machine"]), f"Medians of {found['rounds']} rounds."]
    for number, image in enumerate(found["images"]):
        parts.append(f"### {_heading(image)}")
        if number == 0:
            parts.append(f"![Seconds of each job, ociarchive beside skopeo]({drawing})")
        parts.append(page.table(_HEADER, [_row(job) for job in image["jobs"]]))
        parts.append("MB/s of each step alone: " + _rates(image) + ".")
    many = found.get("many", [])
    if many:
        parts.append("### Many archives: one call, beside a loop over skopeo")
        parts.append(page.table(_HEADER_OF_MANY, [_row(job)[: len(_HEADER_OF_MANY)] for job in many]))
    parts.append("\n".join(_remarks([*(job for image in found["images"] for job in image["jobs"]), *many])))
    return "\n\n".join(parts)


def _remarks(jobs: Sequence[JobResult]) -> Iterator[str]:
    """Give what has to be known of some rows, each said once for all that it holds for."""
    for note in dict.fromkeys(job["note"] for job in jobs if job["note"]):
        yield f"- {_names(job for job in jobs if job['note'] == note)}: {note}."
    if changed := _names(job for job in jobs if not job["ids_kept"].get(SKOPEO, True)):
        yield f"- {changed}: skopeo writes the config anew, so the image gets another id."


def _names(jobs: Iterable[JobResult]) -> str:
    return ", ".join(dict.fromkeys(job["name"] for job in jobs))


def lines(image: ImageResult) -> Iterator[str]:
    """Give a short report for a terminal."""
    yield _heading(image)
    yield from short(image["jobs"])


def short(jobs: Iterable[JobResult]) -> Iterator[str]:
    """Give some jobs for a terminal."""
    yield f"{'job':44}{'ours':>8}{'skopeo':>8}{'ratio':>7}{'cpu':>6}{'bare':>8}{'ratio':>7}{'cpu':>6}{'x floor':>8}"
    for job in jobs:
        row = _row(job)
        yield f"{row[0]:44}{row[1]:>8}{row[2]:>8}{row[3]:>7}{row[4]:>6}{row[8]:>8}{row[9]:>7}{row[10]:>6}{row[12]:>8}"


def _heading(image: ImageResult) -> str:
    stored = ", ".join(f"{name} {size / 1e6:.0f} MB" for name, size in image["sources"].items())
    layers = "1 layer" if image["layers"] == 1 else f"{image['layers']} layers"
    largest = "" if image["layers"] == 1 else f", one of {image['largest'] / 1e6:.0f} MB"
    return f"{layers} of {image['unpacked'] / 1e6:.0f} MB{largest} ({stored})"


def _rates(image: ImageResult) -> str:
    return ", ".join(f"{step} {image['rates'][step]:.0f}" for step in STEPS)


def _row(job: JobResult) -> list[str]:
    ours, theirs = _called(job), runs_of(job, SKOPEO)
    bare = runs_of(job, BARE) if DEFAULT in job["runs"] else []
    alone = bare or ours
    floor, sizes = job["floor"], job["sizes"]
    size = sizes.get(DEFAULT, sizes.get(BARE))
    return [
        job["name"],
        _seconds(ours),
        _seconds(theirs),
        *_ratios(ours, theirs),
        _memory(ours),
        _memory(theirs),
        f"{size / sizes[SKOPEO]:.3f}" if size is not None and SKOPEO in sizes else page.NONE,
        _seconds(bare),
        *_ratios(bare, theirs),
        page.NONE if floor is None else f"{floor:.2f}",
        page.NONE if floor is None or not alone else f"{median(alone).wall / floor:.2f}",
    ]


def _called(job: JobResult) -> list[Run]:
    """Return the runs of ociarchive as it is called. What writes nothing has no other."""
    return runs_of(job, DEFAULT if DEFAULT in job["runs"] else BARE)


def _ratios(ours: Sequence[Run], theirs: Sequence[Run]) -> tuple[str, str]:
    return (
        _ratio([run.wall for run in ours], [run.wall for run in theirs]),
        _ratio([run.cpu for run in ours], [run.cpu for run in theirs]),
    )


def runs_of(job: JobResult, who: str) -> list[Run]:
    """Return what was measured of one of the two, which may be nothing."""
    return [Run(**figures) for figures in job["runs"].get(who, [])]


def _seconds(runs: Sequence[Run]) -> str:
    return f"{median(runs).wall:.2f}" if runs else page.NONE


def _memory(runs: Sequence[Run]) -> str:
    return f"{median(runs).memory:.0f}" if runs else page.NONE


def _ratio(ours: Sequence[float], theirs: Sequence[float]) -> str:
    """Return the median of the rounds' ratios: what slows a machine for a while slows both sides of a round."""
    pairs = list(zip(ours, theirs, strict=False))
    return f"{statistics.median(a / b for a, b in pairs):.2f}" if pairs else page.NONE


# The drawing

_LEFT, _PLOT, _TOP, _ROW, _BAR = 230, 480, 54, 34, 11
_RIGHT = 60


def drawing(image: ImageResult) -> str:
    """Return the jobs of one image as bars of seconds, and the floor as a mark."""
    bars = [[(median(runs).wall, style) for runs, style in _sides(job) if runs] for job in image["jobs"]]
    most = max((value for both in bars for value, _ in both), default=1.0)
    step = next(step for step in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 1000) if most / step <= 6)
    scale = _PLOT / max(most, step)
    bottom = _TOP + _ROW * len(bars)
    parts = [*_legend()]
    for tick in range(int(most / step) + 1):
        x = _LEFT + tick * step * scale
        parts += [
            svg.line(x, _TOP - 6, x, bottom, "grid"),
            svg.text(x, bottom + 16, f"{svg.number(tick * step)} s", "small middle"),
        ]
    for number, (job, both) in enumerate(zip(image["jobs"], bars, strict=True)):
        y = _TOP + number * _ROW
        parts.append(svg.text(_LEFT - 8, y + _BAR + 5, job["name"], "end"))
        for place, (value, style) in enumerate(both):
            top = y + place * (_BAR + 1)
            parts.append(svg.rect(_LEFT, top, value * scale, _BAR, style))
            parts.append(svg.text(_LEFT + value * scale + 4, top + _BAR - 1, f"{value:.2f}", "small"))
        if job["floor"] is not None:
            x = _LEFT + job["floor"] * scale
            parts.append(svg.line(x, y - 2, x, y + _BAR + 2, "mark"))
    return svg.document(
        _LEFT + _PLOT + _RIGHT, bottom + 30, "Seconds of each job, ociarchive beside skopeo", _words(image), parts
    )


def _sides(job: JobResult) -> tuple[tuple[list[Run], str], ...]:
    """Return whose bars stand beside each other, and their styles."""
    return (_called(job), "a"), (runs_of(job, SKOPEO), "b")


def _legend() -> Iterator[str]:
    yield svg.rect(_LEFT, 16, 12, _BAR, "a")
    yield svg.text(_LEFT + 18, 26, "ociarchive")
    yield svg.rect(_LEFT + 110, 16, 12, _BAR, "b")
    yield svg.text(_LEFT + 128, 26, "skopeo")
    yield svg.line(_LEFT + 200, 14, _LEFT + 200, 28, "mark")
    yield svg.text(_LEFT + 208, 26, "floor of this machine")


def _words(image: ImageResult) -> str:
    told = []
    for job in image["jobs"]:
        ours, theirs = _called(job), runs_of(job, SKOPEO)
        words = [f"{who} {median(runs).wall:.2f} s" for who, runs in ((BARE, ours), (SKOPEO, theirs)) if runs]
        told.append(f"{job['name']}: {', '.join(words) or 'not measured'}")
    return f"Bars for an image of {_heading(image)}. " + "; ".join(told) + "."
