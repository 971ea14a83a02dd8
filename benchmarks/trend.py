"""How cost grows, as tables and as a drawing of small plots with logarithmic axes."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, TypedDict

from benchmarks import page, svg

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


#: A difference of two starts that says nothing, as a part of one.
_NOISE = 0.25


class Point(TypedDict):
    """Medians of what so many took: seconds, and peak MiB."""

    count: int
    wall: float
    cpu: float
    memory: float


class Trend(TypedDict):
    """One quantity that grew; `job` says what was done with so many."""

    title: str
    unit: str
    job: str
    points: list[Point]


class Growth(TypedDict):
    """One call of growth.py."""

    date: str
    machine: dict[str, str]
    rounds: int
    trends: list[Trend]


def text(found: Growth, drawing: str) -> str:
    """Return the part of the page: where it was measured, the drawing, a table for each quantity."""
    parts = [
        page.measured_on(found["date"], found["machine"]),
        f"Medians of {found['rounds']} rounds. In the drawing a straight line as steep as the dashed one is linear.",
        f"![Seconds and peak memory as layers, bytes, archives and members grow]({drawing})",
    ]
    for trend in found["trends"]:
        header = (trend["unit"], "wall s", "CPU s", f"CPU ms for each {_one(trend['unit'])} more", "memory MiB")
        parts += [f"### {trend['title']}", f"{trend['job']}.", page.table(header, list(_rows(trend)))]
    return "\n\n".join(parts)


def lines(trend: Trend) -> Iterator[str]:
    """Give a short report for a terminal."""
    yield f"{trend['title']}: {trend['job']}"
    for row in _rows(trend):
        yield "".join(f"{cell:>12}" for cell in row)


def _one(unit: str) -> str:
    return unit.removesuffix("s")


def _rows(trend: Trend) -> Iterator[list[str]]:
    before: Point | None = None
    for point in trend["points"]:
        yield [
            f"{point['count']:,}",
            f"{point['wall']:.2f}",
            f"{point['cpu']:.2f}",
            _each(before, point) if before else page.NONE,
            f"{point['memory']:.0f}",
        ]
        before = point


def _each(before: Point, point: Point) -> str:
    """Return the CPU milliseconds of each one that was added; none where start-up is nearly all of both."""
    added = point["cpu"] - before["cpu"]
    if added < before["cpu"] * _NOISE:
        return page.NONE
    return f"{added / (point['count'] - before['count']) * 1000:.3f}"


# The drawing

_PLOT, _HIGH, _LEFT, _TOP, _GAP, _BETWEEN = 180, 130, 62, 60, 52, 56


def drawing(trends: Sequence[Trend]) -> str:
    """Return two rows of plots, seconds above and memory below, one column for each quantity."""
    parts = [
        svg.line(_LEFT, 18, _LEFT + 20, 18, "a line"),
        svg.text(_LEFT + 26, 22, "wall"),
        svg.line(_LEFT + 80, 18, _LEFT + 100, 18, "b line"),
        svg.text(_LEFT + 106, 22, "CPU"),
        svg.line(_LEFT + 160, 18, _LEFT + 180, 18, "mark dashed"),
        svg.text(_LEFT + 186, 22, "linear"),
    ]
    below = _TOP + _HIGH + _BETWEEN
    times = [value for trend in trends for point in trend["points"] for value in (point["wall"], point["cpu"])]
    peaks = [point["memory"] for trend in trends for point in trend["points"]]
    for number, trend in enumerate(trends):
        left = _LEFT + number * (_PLOT + _GAP)
        counts = [point["count"] for point in trend["points"]]
        upper = _Plot(left, _TOP, counts, times)
        lower = _Plot(left, below, counts, peaks)
        parts.append(svg.text(left, _TOP - 12, trend["title"], "head"))
        parts += upper.frame("seconds" if number == 0 else "", "")
        parts += lower.frame("peak MiB" if number == 0 else "", trend["unit"])
        parts.append(upper.diagonal(trend["points"][-1]))
        parts.append(svg.curve([upper.at(point["count"], point["cpu"]) for point in trend["points"]], "b"))
        parts.append(svg.curve([upper.at(point["count"], point["wall"]) for point in trend["points"]], "a"))
        parts.append(svg.curve([lower.at(point["count"], point["memory"]) for point in trend["points"]], "a"))
    width = _LEFT + len(trends) * (_PLOT + _GAP)
    title = "Seconds and peak memory as each quantity grows"
    return svg.document(width, below + _HIGH + 44, title, _words(trends), parts)


class _Plot:
    """One plot: whole decades on both axes, the same vertical ones for all plots of a row."""

    def __init__(self, left: float, top: float, counts: Sequence[float], values: Sequence[float]) -> None:
        self._left, self._top = left, top
        self._x, self._y = _decades(counts), _decades(values)

    def at(self, count: float, value: float) -> tuple[float, float]:
        """Return where a point lies."""
        return (
            self._left + _share(count, self._x) * _PLOT,
            self._top + (1 - _share(value, self._y)) * _HIGH,
        )

    def frame(self, vertical: str, horizontal: str) -> Iterator[str]:
        """Give lines at the decades with their figures, and what the axes are of."""
        for power in range(self._x[0], self._x[1] + 1):
            x, _ = self.at(10**power, 10 ** self._y[0])
            yield svg.line(x, self._top, x, self._top + _HIGH, "grid")
            yield svg.text(x, self._top + _HIGH + 15, _short(10**power), "small middle")
        for power in range(self._y[0], self._y[1] + 1):
            _, y = self.at(10 ** self._x[0], 10.0**power)
            yield svg.line(self._left, y, self._left + _PLOT, y, "grid")
            yield svg.text(self._left - 6, y + 4, _short(10.0**power), "small end")
        if vertical:
            yield svg.text(self._left - 56, self._top - 12, vertical, "small")
        if horizontal:
            yield svg.text(self._left + _PLOT / 2, self._top + _HIGH + 32, horizontal, "small middle")

    def diagonal(self, last: Point) -> str:
        """Return the line of what grows as its count does, through the last point, as far as it is in the plot."""
        count, value = last["count"], last["wall"]
        least = max(10.0 ** self._x[0], count * 10.0 ** self._y[0] / value)
        return svg.line(*self.at(least, value * least / count), *self.at(count, value), "mark dashed")


def _decades(values: Sequence[float]) -> tuple[int, int]:
    """Return the powers of ten that hold all values, two that differ."""
    least = math.floor(math.log10(min(values)))
    return least, max(math.ceil(math.log10(max(values))), least + 1)


def _share(value: float, decades: tuple[int, int]) -> float:
    return (math.log10(value) - decades[0]) / (decades[1] - decades[0])


def _short(value: float) -> str:
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"


def _words(trends: Sequence[Trend]) -> str:
    told = []
    for trend in trends:
        points = [f"{p['count']:,}: {p['wall']:.2f} s, {p['memory']:.0f} MiB" for p in trend["points"]]
        told.append(f"{trend['title']} ({trend['unit']}): {'; '.join(points)}.")
    return " ".join(["Two rows of plots with logarithmic axes.", *told])


def steps(least: int, factor: int, most: int) -> list[int]:
    """Return what grows by a factor from the least to the most, which is the last whether it is a power or not."""
    grown = itertools.takewhile(lambda value: value < most, (least * factor**power for power in itertools.count()))
    return [*grown, most]
