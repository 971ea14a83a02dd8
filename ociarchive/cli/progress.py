"""How a conversion goes, on stderr: bars on a terminal, a line every ten seconds elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click

from ociarchive.report.text import plural, size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Self

    from rich.progress import TaskID

    from ociarchive.cli.common import Common

_EVERY: Final = 10.0


class Lines:
    """A line every ten seconds, none on short work."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._total = self._read = self._blobs = self._done = 0
        self._told = self._began = time.monotonic()

    def begin(self, blobs: Sequence[tuple[str, int]]) -> None:
        """Hear what is to be moved."""
        self._blobs, self._total = len(blobs), sum(count for _, count in blobs)

    def read(self, number: int, count: int) -> None:
        """Hear of bytes."""
        del number
        with self._lock:
            self._read += count
            now = time.monotonic()
            if now - self._told < _EVERY:
                return
            self._told = now
            rate = self._read / (now - self._began)
            click.echo(
                f"{size(self._read)} of {size(self._total)} read, {self._done} of {plural(self._blobs, 'blob')} done,"
                f" {size(int(rate))}/s",
                err=True,
            )

    def end(self, number: int) -> None:
        """Hear that a blob is done."""
        del number
        with self._lock:
            self._done += 1


class Bars:
    """One bar for each layer that is being read, and one for the whole."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            DownloadColumn(binary_units=True),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._names: list[tuple[str, int]] = []
        self._tasks: dict[int, TaskID] = {}
        self._whole = self._bars.add_task("total", total=None)
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def begin(self, blobs: Sequence[tuple[str, int]]) -> None:
        """Hear what is to be moved."""
        self._names = list(blobs)
        self._bars.update(self._whole, total=sum(count for _, count in blobs))

    def read(self, number: int, count: int) -> None:
        """Hear of bytes."""
        with self._lock:
            if number not in self._tasks:
                name, total = self._names[number]
                label = name.rsplit("/", 1)[-1][:12]
                self._tasks[number] = self._bars.add_task(f"{number + 1}/{len(self._names)} {label}", total=total)
        self._bars.advance(self._tasks[number], count)
        self._bars.advance(self._whole, count)

    def end(self, number: int) -> None:
        """Hear that a blob is done."""
        with self._lock:
            task = self._tasks.pop(number, None)
        if task is not None:
            self._bars.remove_task(task)


@contextmanager
def progress(common: Common) -> Iterator[Lines | Bars | None]:
    """Give what hears of progress, None where the call asks for quiet."""
    if common.quiet or common.progress is False:
        yield None
    elif common.progress or sys.stderr.isatty():
        with Bars() as bars:
            yield bars
    else:
        yield Lines()
