"""The progress of work, on stderr: bars on a terminal, elsewhere a line at the start and one every ten seconds.

A terminal that cannot write a line again (TERM=dumb) gets lines, too.

Short work is not reported: there is nothing to see, and the library that draws takes time to load.
"""

from __future__ import annotations

import re
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from ociarchive.cli.common import is_dumb
from ociarchive.cli.course import told
from ociarchive.errors import plural
from ociarchive.report.shared.text import cut, portion, size, total

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.progress import Progress as RichProgress
    from rich.progress import ProgressColumn, Task, TaskID

    from ociarchive.cli.common import Common
    from ociarchive.cli.course import Standing

#: Seconds: shorter work is not reported; and the time between two lines.
_SHORT: Final = 0.5
_EVERY: Final = 10.0
_BAR: Final = 16
_LABEL: Final = 12
#: Columns of a terminal in which all columns of a bar fit, and those in which a bar still fits.
_FULL: Final = 80
_NARROW: Final = 60
#: Names that all layers of a docker-archive, or all blobs of a registry, have: their folders tell them apart.
_ALIKE: Final = frozenset(("layer.tar", "json", "data"))
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class Lines:
    """Prints a line if work takes longer, and then one every ten seconds."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._lock = threading.Lock()
        self._total = self._read = self._blobs = self._done = 0
        self._unknown = False  # whether a blob has no size that is known before
        self._began = time.monotonic()
        self._next = self._began + _SHORT
        self._many = False

    def bytes_read(self) -> int:
        """Return how many bytes were read."""
        return self._read

    def stands(self, standing: Standing) -> None:
        """Hear where an audit of many archives stands. From then on this is said, and nothing of blobs."""
        with self._lock:
            self._many = True
            now = time.monotonic()
            if now < self._next or now - self._began < _EVERY:
                return
            self._next = now + _EVERY
            self._say(told(standing))

    def begin(self, blobs: Sequence[tuple[str, int | None]]) -> None:
        """Receive what will be read."""
        with self._lock:
            self._blobs += len(blobs)
            self._total += sum(count or 0 for _, count in blobs)
            self._unknown |= any(count is None for _, count in blobs)

    def read(self, number: int, count: int) -> None:
        """Count bytes that were read."""
        del number
        with self._lock:
            self._read += count
            now = time.monotonic()
            if self._many or now < self._next:
                return
            whole = total([self._total, None] if self._unknown else [self._total])
            if self._next - self._began < _EVERY:
                line = f"reading {plural(self._blobs, 'blob')}, {whole}"
            else:
                rate = self._read / (now - self._began)
                line = (
                    f"{size(self._read)} of {whole} read, {self._done} of {plural(self._blobs, 'blob')}"
                    f" done, {size(int(rate))}/s"
                )
                if not self._unknown:
                    left = max(self._total - self._read, 0) / max(rate, 1)
                    line += f", {left:.0f} s left"
            self._next = now + _EVERY
            self._say(line)

    def end(self, number: int) -> None:
        """Count a blob that is done."""
        del number
        with self._lock:
            self._done += 1

    def stop(self) -> None:
        """Nothing is left on the screen."""


class Bars:
    """Draws one bar for each blob that is being read, and one for the whole."""

    def __init__(self, *, colours: bool) -> None:
        self._colours = colours
        self._bars: RichProgress | None = None
        self._names: list[tuple[str, int | None]] = []
        self._tasks: dict[int, TaskID] = {}
        self._whole: TaskID | None = None
        self._read = 0
        self._total: int | None = 0
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._standing: Standing | None = None

    def bytes_read(self) -> int:
        """Return how many bytes were read."""
        return self._read

    def stands(self, standing: Standing) -> None:
        """Hear where an audit of many archives stands: the bar of the whole shows it."""
        with self._lock:
            self._standing = standing
            if (shown := self._shown()) is None:
                return
            bars, whole = shown
            done = plural(standing.archives, "archive")
            if standing.counted and standing.countable:
                done = f"{standing.archives}/{plural(max(standing.expected, standing.archives), 'archive')}"
            failed = f", {standing.failed} failed" if standing.failed else ""
            known = standing.counted and standing.countable
            bars.tasks[bars.task_ids.index(whole)].total = standing.expected_size if known else None
            bars.update(whole, completed=standing.size, description=f"{done}{failed}")

    def begin(self, blobs: Sequence[tuple[str, int | None]]) -> None:
        """Receive what will be read."""
        with self._lock:
            self._names = list(blobs)
            if self._total is not None:
                sizes = [count for _, count in blobs if count is not None]
                self._total = self._total + sum(sizes) if len(sizes) == len(blobs) else None
            if self._bars is not None and self._whole is not None and self._standing is None:
                if self._total is None:  # None would leave it as it is
                    self._bars.tasks[self._bars.task_ids.index(self._whole)].total = None
                self._bars.update(self._whole, total=self._total)

    def read(self, number: int, count: int) -> None:
        """Count bytes that were read."""
        with self._lock:
            self._read += count
            if (shown := self._shown()) is None:
                return
            bars, whole = shown
            if number not in self._tasks:
                name, expected = self._names[number]
                told = f"{number + 1}/{len(self._names)} {label(name)}"
                self._tasks[number] = bars.add_task(told, total=expected)
            bars.advance(self._tasks[number], count)
            if self._standing is None:
                bars.update(whole, completed=self._read)

    def end(self, number: int) -> None:
        """Count a blob that is done."""
        with self._lock:
            task = self._tasks.pop(number, None)
            if task is not None and self._bars is not None:
                self._bars.remove_task(task)

    def stop(self) -> None:
        """Remove the bars from the screen."""
        with self._lock:
            if self._bars is not None:
                self._bars.stop()

    def _shown(self) -> tuple[RichProgress, TaskID] | None:
        """Return the bars and that of the whole, None as long as the work is short."""
        if self._bars is None and time.monotonic() - self._began >= _SHORT:
            self._start()
        return None if self._bars is None or self._whole is None else (self._bars, self._whole)

    def _start(self) -> None:
        from rich.console import Console
        from rich.progress import Progress

        console = Console(stderr=True, no_color=not self._colours)
        self._bars = Progress(*_columns(console.width), console=console, transient=True)
        self._whole = self._bars.add_task("total", total=self._total)
        self._bars.start()


def _columns(width: int) -> list[ProgressColumn]:
    """Return the columns of each bar. A narrow terminal has fewer, so that no line wraps."""
    from rich.progress import BarColumn, ProgressColumn, TaskProgressColumn, TextColumn
    from rich.progress import TimeRemainingColumn as Left
    from rich.text import Text

    class Speed(ProgressColumn):
        """Bytes in a second, in the units of all output."""

        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text(f"{size(int(speed))}/s" if speed else "")

    class Read(ProgressColumn):
        """How much of the whole was read, in these units too."""

        def render(self, task: Task) -> Text:
            done = int(task.completed)
            return Text(size(done) if task.total is None else portion(done, int(task.total)))

    name = TextColumn("{task.description}", markup=False)
    if width >= _FULL:
        return [name, BarColumn(bar_width=_BAR), Read(), Speed(), Left(compact=True)]
    if width >= _NARROW:
        return [name, BarColumn(bar_width=_BAR // 2), Read(), Left(compact=True)]
    return [name, TaskProgressColumn(), Left(compact=True)]


def label(name: str) -> str:
    """Return a short name for a blob: the digest in its name, else the name, else that of its folder."""
    found = _DIGEST.findall(name)
    if found:
        return str(found[-1][:_LABEL])
    *folders, last = name.rpartition(": ")[2].rstrip("/").split("/")
    return cut(folders[-1] if folders and last in _ALIKE else last, _LABEL)


@contextmanager
def progress(common: Common) -> Iterator[Lines | Bars | None]:
    """Give the receiver of progress, None where the call asks for quiet."""
    if common.quiet or common.progress is False:
        yield None
        return
    draws = sys.stderr.isatty() and not is_dumb()
    hears = Bars(colours=common.bars_in_colour) if draws else Lines(common.say)
    try:
        yield hears
    finally:
        hears.stop()
