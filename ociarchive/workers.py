"""Threads: several jobs in parallel, results in the order of the jobs. The first error ends all.

Threads suffice: hashing and codecs release the interpreter's lock. A job is a blob, mostly a layer, and has its own
thread. Jobs start in their order, so one that waits for the turn of an earlier one never waits for a job that was not
started. A layer gives two kinds of work to other threads: blocks to compress, whose results it takes in their order,
and lanes, whose calls are done in their order while the layer's own thread is ahead of them.

What goes on for as long as a run, such as hashing behind its writing, goes on aside: it takes no worker's place.

Memory: a layer has at most `BLOCKS_AHEAD` blocks per worker under way and `PIECES_AHEAD` pieces in each lane, whatever
its size; layers under way are as many as workers.
"""

from __future__ import annotations

import os
import resource
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ociarchive.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

T = TypeVar("T")

#: More threads only waited for each other on every machine that was tried.
MOST_JOBS: Final = 256
#: Blocks of a layer on their way between its reader and its compressors: so many per worker, and no more.
BLOCKS_AHEAD: Final = 2
#: Pieces of a layer, of 1 MiB at most, that wait in one lane: enough that neither side waits for the other's pauses.
PIECES_AHEAD: Final = 4


def processors() -> int:
    """Return the number of processors that this process may use."""
    return max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def allowed(jobs: int) -> int:
    """Return how many of so many workers the limits of the process leave room for, one at least.

    A worker needs a few open files, and under a limit of address space the stacks and heaps of its threads.
    """
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files != resource.RLIM_INFINITY:
        jobs = min(jobs, (files - _OTHER_FILES) // _FILES_EACH)
    space, _ = resource.getrlimit(resource.RLIMIT_AS)
    if space != resource.RLIM_INFINITY:
        jobs = min(jobs, (space - _OTHER_SPACE) // _SPACE_EACH)
        threading.stack_size(_STACK)
    return max(jobs, 1)


#: Open files beside those of workers: streams, archives, DEST and what libraries hold; and those of one worker.
_OTHER_FILES: Final = 28
_FILES_EACH: Final = 4
#: Address space of the interpreter with its libraries; of one worker's threads, most of it their heaps (glibc reserves
#: 64 MiB for each; a single worker has no lanes served); and of a stack under such a limit, in bytes.
_OTHER_SPACE: Final = 150 << 20
_SPACE_EACH: Final = 210 << 20
_STACK: Final = 512 << 10
_LISTEN: Final = 0.25  # seconds
#: Some pieces of 1 MiB, in bytes: twice as much may stay unused for each thread.
_KEPT: Final = 4 << 20
#: One call that goes on aside, and its lane.
_ASIDE: Final = 2


class Cancelled(Exception):
    """The work was cancelled because another part of it failed."""


class Workers:
    """A bounded set of threads for whole layers, another for blocks that are compressed, and one for lanes.

    They are separate because a layer waits for its blocks and lanes. In one pool layers could hold all threads and
    wait for ever, and lanes would queue behind blocks that the layer has yet to fill. A waiting thread is not busy, so
    about `jobs` of the threads are.
    """

    def __init__(self, jobs: int) -> None:
        """`jobs` is the number of threads of each kind, fewer where the limits of the process ask."""
        self.jobs = jobs = allowed(jobs)
        _keep_freed_memory()
        self._cancelled = threading.Event()
        self._layers = ThreadPoolExecutor(jobs, "layer")
        self._blocks = ThreadPoolExecutor(jobs, "block")
        self._lanes = ThreadPoolExecutor(jobs, "lane")
        self._aside = ThreadPoolExecutor(_ASIDE, "aside")
        self._lock = threading.Lock()
        self._running = 0

    def check(self, _: int = 0) -> None:
        """Raise Cancelled where another job of this run has failed; made to be called with each chunk."""
        if self._cancelled.is_set():
            raise Cancelled

    @property
    def idle(self) -> bool:
        """Whether fewer layers are under way than there are workers."""
        return self._running < self.jobs

    def lane(self, *, own: bool = False) -> Lane:
        """Return a new lane for a layer; its `own`: for what goes on aside, with a thread that is always there."""
        return Lane(_Aside(self._aside) if own else self)

    def aside(self, call: Callable[[], None]) -> Future[None]:
        """Begin a call that goes on beside the layers, in no worker's place. HostError: no thread can be started."""
        return _submitted(self._aside, call)

    def block(self, call: Callable[[], bytes]) -> Future[bytes]:
        """Begin to compress a block of a layer. HostError: no thread can be started."""
        return _submitted(self._blocks, call)

    def serve(self, call: Callable[[], None]) -> None:
        """Begin to serve a lane. HostError: no thread can be started."""
        _submitted(self._lanes, call)

    def run(self, calls: Sequence[Callable[[], T]], on_failure: Callable[[], None] | None = None) -> list[T]:
        """Do all calls and return their results in order. The first that fails ends the others and is raised.

        `on_failure` is called once a call has failed, to wake others that wait for it. Afterwards the workers can be
        used again. HostError: not one thread can be started.
        """
        self._cancelled.clear()
        first: list[BaseException] = []
        under_way = _UnderWay()
        # A signal may raise in this thread anywhere: it waits on nothing but this, which then stays whole.
        ended: SimpleQueue[None] = SimpleQueue()

        # One thing in a pool for each worker, not for each call, which would take a kilobyte and more.
        left = iter(range(len(calls)))
        results: list[Any] = [None] * len(calls)

        def work() -> None:
            for number in left:  # a number goes to one thread alone
                guarded(number)

        def guarded(number: int) -> None:
            self._count(1)
            try:
                with under_way:
                    self.check()
                    results[number] = calls[number]()
            except BaseException as error:
                if not isinstance(error, Cancelled):
                    first.append(error)
                self._cancelled.set()
                raise
            finally:
                self._count(-1)
                ended.put(None)

        futures: list[Future[None]] = []
        try:
            futures.extend(self._layers.submit(work) for _ in range(min(self.jobs, len(calls))))
            for _ in calls:
                _next(ended)
                if self._cancelled.is_set():
                    break
        except BaseException as error:
            deque(left, maxlen=0)
            self._end(futures, under_way, on_failure)
            if isinstance(error, RuntimeError):
                raise _no_thread(error) from error
            raise
        if self._cancelled.is_set():
            self._end(futures, under_way, on_failure)
            raise first[0] if first else Cancelled
        return results

    def close(self) -> None:
        """End the threads."""
        self._cancelled.set()
        self._layers.shutdown(cancel_futures=True)
        self._blocks.shutdown(cancel_futures=True)
        self._lanes.shutdown(cancel_futures=True)
        self._aside.shutdown(cancel_futures=True)

    def _count(self, change: int) -> None:
        with self._lock:
            self._running += change

    def _end(
        self, futures: Sequence[Future[None]], under_way: _UnderWay, on_failure: Callable[[], None] | None
    ) -> None:
        """End all that runs and wait until it has ended."""
        self._cancelled.set()
        for future in futures:
            future.cancel()
        if on_failure:
            on_failure()
        wait([future for future in futures if not future.cancelled()])
        under_way.wait()


class _UnderWay:
    """Counts the calls of one run that are under way.

    A signal may come between the start of a call and the moment when its future is known. Then only this knows it.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._count = 0

    def __enter__(self) -> None:
        with self._changed:
            self._count += 1

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._count -= 1
            self._changed.notify_all()

    def wait(self) -> None:
        """Wait until none is under way."""
        with self._changed:
            while self._count:
                self._changed.wait()


class _Aside:
    """What serves the lane of work that goes on aside."""

    idle = True

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool

    def serve(self, call: Callable[[], None]) -> None:
        """Begin to serve the lane. HostError: no thread can be started."""
        _submitted(self._pool, call)


class Lane:
    """Calls that are done one after another: by another worker if one is idle, else by the caller.

    One thread hands calls over. So a single large layer keeps several processors busy, and of many layers each stays
    with one, whose caches its bytes are in.
    """

    def __init__(self, workers: Workers | _Aside) -> None:
        self._workers = workers
        self._changed = threading.Condition()
        self._waiting: deque[tuple[Callable[[bytes], object], bytes]] = deque()
        self._running = False
        self._error: BaseException | None = None

    def do(self, call: Callable[[bytes], object], data: bytes) -> None:
        """Call with these bytes, at once or later. Raises what an earlier call raised."""
        if not self._running and not self._workers.idle:
            self._check()
            call(data)
            return
        with self._changed:
            while len(self._waiting) >= PIECES_AHEAD and self._error is None:
                self._changed.wait()
            self._check()
            self._waiting.append((call, data))
            if self._running:
                return
            self._running = True
        try:
            self._workers.serve(self._work)
        except BaseException:
            self._running = False
            raise

    def end(self) -> None:
        """Wait until all is done; raises what a call raised."""
        with self._changed:
            while self._running:
                self._changed.wait()
        self._check()

    def drop(self) -> None:
        """Cancel the waiting calls, and return when nothing runs any more."""
        with self._changed:
            self._waiting.clear()
            while self._running:
                self._changed.wait()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.notify_all()
                if not self._waiting:
                    self._running = False
                    return
                call, data = self._waiting.popleft()
            try:
                call(data)
            except BaseException as error:  # noqa: BLE001  it is raised where the lane belongs to
                with self._changed:
                    self._error = error
                    self._waiting.clear()

    def _check(self) -> None:
        if self._error is not None:
            raise self._error


def _keep_freed_memory() -> None:
    """Have the C library reuse the memory of pieces, instead of giving it back and getting it cleared page by page.

    glibc learns from the first large block that is freed how much is worth keeping (mallopt(3), M_MMAP_THRESHOLD); this
    one is never touched, so it costs nothing. Measured: 20 times fewer page faults, 3 to 7 % less time for gzip layers.
    """
    bytes(_KEPT)


def _next(ended: SimpleQueue[None]) -> None:
    """Wait for one more; look up now and then, for a signal that came just before the wait."""
    while True:
        with suppress(Empty):
            return ended.get(timeout=_LISTEN)


def apart(call: Callable[[], T]) -> T:
    """Do a call in a thread of its own and return what it returns. HostError: no thread can be started."""
    with ThreadPoolExecutor(1, "apart") as own:
        return _submitted(own, call).result()


def _submitted(pool: ThreadPoolExecutor, call: Callable[[], T]) -> Future[T]:
    try:
        return pool.submit(call)
    except RuntimeError as error:
        raise _no_thread(error) from error


def _no_thread(error: RuntimeError) -> HostError:
    return HostError(f"cannot start a thread: {error}", hint="--jobs 1 needs the fewest")
