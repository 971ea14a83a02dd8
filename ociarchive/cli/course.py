"""How far an audit of many archives has come: archives and bytes done and to go, the rate, the time left, failures.

What is to go is counted beside the work, by names and sizes alone, so that no archive waits for it.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from ociarchive.cli.lists import sources_in
from ociarchive.errors import OciArchiveError, plural
from ociarchive.objects.address import is_object
from ociarchive.remote.address import is_remote
from ociarchive.report.shared.text import size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ociarchive.auditing import Report
    from ociarchive.cli.progress import Bars, Lines

#: Seconds of work before anything is counted: short work is not reported. And between two looks at the clock.
_SHORT: Final = 0.5
_TICK: Final = 1.0
#: Seconds between two times that archives that are done are said: each by itself would cost more than it shows.
_OFTEN: Final = 0.25
#: What a folder has at its top that is an archive itself, in any format. It is counted as one.
_MARKERS: Final = frozenset(("index.json", "manifest.json", "version", "repositories", "blobs", "docker"))


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an audit of many archives stands. Sizes are in bytes, `seconds` since it began.

    `fresh` are the bytes of archives that were audited in this call, and not taken from a catalogue. `expected` and
    `expected_size` are what the call names, as far as it is counted; `counted` says that all of it is. Without
    `countable` nothing says how much is to come.
    """

    archives: int = 0
    size: int = 0
    fresh: int = 0
    failed: int = 0
    expected: int = 0
    expected_size: int = 0
    counted: bool = False
    countable: bool = True
    seconds: float = 0.0

    @property
    def left(self) -> float | None:
        """The seconds that are left at this rate, None where that cannot be known."""
        if not self.counted or not self.countable or not self.seconds:
            return None
        rate = self.fresh / self.seconds
        if self.expected_size and rate:
            return max(self.expected_size - self.size, 0) / rate
        return max(self.expected - self.archives, 0) * self.seconds / self.archives if self.archives else None


def told(standing: Standing) -> str:
    """Return the line for people. What is not counted to its end is `at least` so much."""
    one = standing
    done, most = plural(one.archives, "archive"), ""
    if one.countable and (expected := max(one.expected, one.archives)):
        least = "" if one.counted else "at least "
        done = f"{one.archives} of {least}{plural(expected, 'archive')}"
        most = f" of {least}{size(max(one.expected_size, one.size))}"
    line = f"{done} done, {size(one.size)}{most}"
    if one.seconds:
        line += f", {size(int(one.fresh / one.seconds))}/s"
    if one.left is not None:
        line += f", {one.left:.0f} s left"
    return f"{line}, {one.failed} failed"


class Course:
    """Follows one call. `tell` hears where it stands, from several threads; `read` gives the bytes read so far."""

    def __init__(self, tell: Callable[[Standing], None], read: Callable[[], int]) -> None:
        self._tell, self._read = tell, read
        self._lock = threading.Lock()
        self._began = self._told = time.monotonic()
        self._archives = self._size = self._fresh = self._failed = 0
        self._expected = self._expected_size = 0
        self._counted, self._countable = False, True

    def done(self, report: Report) -> None:
        """Count an archive that is done."""
        found = report.size if report.size is not None else report.bytes
        with self._lock:
            self._archives += 1
            self._size += found
            self._fresh += found if report.recorded is None else 0
            self._failed += report.failed
        if time.monotonic() - self._told >= _OFTEN:
            self.tick()

    def expects(self, archives: int, more: int) -> None:
        """Count what is to be audited."""
        with self._lock:
            self._expected += archives
            self._expected_size += more

    def ends(self, *, countable: bool = True) -> None:
        """All is counted, or it cannot be."""
        with self._lock:
            self._counted, self._countable = True, countable

    def tick(self) -> None:
        """Say where it stands."""
        with self._lock:
            self._told = time.monotonic()
            ahead = max(self._read() - self._fresh, 0)  # of archives that are not done yet
            now = Standing(
                archives=self._archives,
                size=self._size + ahead,
                fresh=self._fresh + ahead,
                failed=self._failed,
                expected=self._expected,
                expected_size=self._expected_size,
                counted=self._counted,
                countable=self._countable,
                seconds=self._told - self._began,
            )
        self._tell(now)


@contextmanager
def following(values: dict[str, Any], hears: Lines | Bars | None) -> Iterator[Course | None]:
    """Give what counts archives that are done; None where the call asks for quiet, or names one archive."""
    several = len(values["paths"]) > 1 or values["recursive"] or values["listed"] is not None
    if hears is None or not several:
        yield None
        return
    course = Course(hears.stands, hears.bytes_read)
    ended = threading.Event()
    thread = threading.Thread(target=_count, args=(course, values, ended), daemon=True, name="counting")
    thread.start()
    try:
        yield course
    finally:
        ended.set()
        thread.join(timeout=_TICK)


def _count(course: Course, values: dict[str, Any], ended: threading.Event) -> None:
    """Count what a call names, then look at the clock until the call ends."""
    if ended.wait(_SHORT):
        return
    countable = values["listed"] != "-"
    with suppress(OSError, OciArchiveError):  # who audits them says what is wrong
        for path in chain(values["paths"], _listed(values["listed"]) if countable else ()):
            if ended.is_set():
                return
            if is_object(path) and path.endswith("/"):
                countable = False
                continue
            for more in _sizes(path, folders=values["recursive"]):
                course.expects(1, more)
                if ended.is_set():
                    return
    course.ends(countable=countable)
    while not ended.wait(_TICK):
        course.tick()


def _listed(path: str | None) -> Iterator[str]:
    if path is not None and os.path.isfile(path):
        with open(path, "rb") as file:
            yield from sources_in(file, path)


def _sizes(path: str, *, folders: bool) -> Iterator[int]:
    """Give the size of each archive that a SOURCE is or has below it, as its names look."""
    if path == "-" or is_remote(path) or is_object(path):  # an archive whose size nothing says
        yield 0
        return
    if not os.path.isdir(path):
        with suppress(OSError):
            yield os.path.getsize(path.partition("#")[0] if not os.path.lexists(path) else path)
        return
    pending = [path]
    while pending:
        folder = pending.pop()
        entries: list[os.DirEntry[str]] = []
        with suppress(OSError), os.scandir(folder) as scanned:  # who audits it says why it cannot be looked at
            entries.extend(scanned)
        if not folders or any(entry.name in _MARKERS for entry in entries):
            yield _below(folder)
            continue
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                pending.append(entry.path)
            elif os.path.isfile(entry.path):
                with suppress(OSError):
                    yield entry.stat().st_size


def _below(folder: str) -> int:
    """Return the size of all files below a folder, however deep, as far as they can be looked at."""
    found, pending = 0, [folder]
    while pending:
        with suppress(OSError), os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                else:
                    found += entry.stat(follow_symlinks=False).st_size
    return found
