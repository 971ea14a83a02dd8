"""Threads: a number of jobs side by side, results in their order, the first error ends all.

Threads suffice: hashing and codecs let go of the interpreter's lock. Jobs are begun in their order, so one that waits
for the turn of an earlier one never waits for a job that was not begun.
"""

from __future__ import annotations

import threading
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

T = TypeVar("T")

#: Bytes in flight between a layer's reader and its compressors: so many blocks per worker, and no more.
BLOCKS_AHEAD: Final = 2


class Cancelled(Exception):
    """The work was given up because another part of it failed."""


class Workers:
    """A bounded set of threads for whole layers, and another for the blocks of layers that are compressed.

    They are apart because a layer waits for its blocks: in one pool layers could hold all threads and wait for ever.
    """

    def __init__(self, jobs: int) -> None:
        """`jobs` is the number of threads of each kind."""
        self.jobs = jobs
        self._cancelled = threading.Event()
        self._layers = ThreadPoolExecutor(jobs, "layer")
        self._blocks = ThreadPoolExecutor(jobs, "block")

    def check(self, _: int = 0) -> None:
        """Raise Cancelled where another job has failed; made to be called with each chunk."""
        if self._cancelled.is_set():
            raise Cancelled

    def block(self, call: Callable[[], bytes]) -> Future[bytes]:
        """Begin a piece of work of a layer."""
        return self._blocks.submit(call)

    def run(self, calls: Sequence[Callable[[], T]], on_failure: Callable[[], None] | None = None) -> list[T]:
        """Do all calls and return their results in order; the first error, in time, is raised when all have ended.

        `on_failure` is called once a call has failed, to wake others that wait for it.
        """
        futures = [self._layers.submit(self._guarded, call) for call in calls]
        try:
            pending = set(futures)
            while pending:
                done, pending = wait(pending, timeout=None, return_when=FIRST_EXCEPTION)
                if any(future.exception() for future in done if not future.cancelled()):
                    break
        except BaseException:
            self.cancel(futures, on_failure)
            raise
        failed = [error for future in futures if future.done() and (error := future.exception())]
        if failed:
            self.cancel(futures, on_failure)
            raise next((error for error in failed if not isinstance(error, Cancelled)), failed[0])
        return [future.result() for future in futures]

    def cancel(self, futures: Sequence[Future[T]] = (), on_failure: Callable[[], None] | None = None) -> None:
        """End all that runs and wait until it has ended."""
        self._cancelled.set()
        for future in futures:
            future.cancel()
        if on_failure:
            on_failure()
        wait([future for future in futures if not future.cancelled()])

    def close(self) -> None:
        """Let go of the threads."""
        self._cancelled.set()
        self._layers.shutdown(cancel_futures=True)
        self._blocks.shutdown(cancel_futures=True)

    def _guarded(self, call: Callable[[], T]) -> T:
        self.check()
        return call()
