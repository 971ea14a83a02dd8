"""Threads: results in their order, the first error ends all."""

import resource
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from queue import SimpleQueue

import pytest

from ociarchive.errors import HostError
from ociarchive.workers import Cancelled, Workers, allowed, apart, processors

JOBS = pytest.mark.parametrize("jobs", [1, 2, 4])


@pytest.fixture
def workers() -> Iterator[Workers]:
    made = Workers(2)
    yield made
    made.close()


@JOBS
def test_results_come_in_their_order(jobs: int) -> None:
    made = Workers(jobs)
    try:
        done = [threading.Event() for _ in range(jobs)]

        def call(number: int) -> Callable[[], int]:
            def wait_for_the_next() -> int:
                if number < jobs - 1:
                    done[number + 1].wait()
                if number < jobs:
                    done[number].set()
                return number

            return wait_for_the_next

        assert made.run([call(number) for number in range(20)]) == list(range(20))
        assert made.run([]) == []
    finally:
        made.close()


def test_the_last_result_is_there(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    """However late the thread that made it goes on."""

    class Slow(SimpleQueue[None]):
        def put(self, item: None, block: bool = True, timeout: float | None = None) -> None:
            super().put(item, block, timeout)
            time.sleep(0.05)

    monkeypatch.setattr("ociarchive.workers.SimpleQueue", Slow)
    assert workers.run([lambda: 1, lambda: 2, lambda: 3]) == [1, 2, 3]


def test_nothing_is_made_for_each_call(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    submitted: list[object] = []
    submit = ThreadPoolExecutor.submit

    def counted(pool: ThreadPoolExecutor, call: Callable[[], None]) -> object:
        submitted.append(call)
        return submit(pool, call)

    monkeypatch.setattr(ThreadPoolExecutor, "submit", counted)
    assert workers.run([lambda: 1] * 5000) == [1] * 5000
    assert len(submitted) <= workers.jobs


@pytest.mark.parametrize("first", [True, False], ids=["early-first", "late-first"])
def test_the_first_error_in_time_is_raised(first: bool, workers: Workers) -> None:
    def late() -> None:
        try:
            while True:
                workers.check()
        except Cancelled:
            raise LookupError from None

    def early() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        workers.run([early, late] if first else [late, early])


def test_others_are_ended(workers: Workers) -> None:
    began: list[int] = []
    ended: list[int] = []
    running = threading.Event()

    def long() -> None:
        running.set()
        try:
            while True:
                workers.check()
        except Cancelled:
            ended.append(1)
            raise

    def fail() -> None:
        running.wait()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        workers.run([long, fail, *[lambda: began.append(1)] * 50])
    assert ended == [1]
    assert len(began) < 50
    assert workers.run([lambda: 5]) == [5]


def test_who_waits_for_others_is_woken(workers: Workers) -> None:
    woken = threading.Event()
    calls: list[int] = []

    def sleep() -> None:
        woken.wait()
        workers.check()

    def fail() -> None:
        raise ZeroDivisionError

    def wake() -> None:
        calls.append(1)
        woken.set()

    with pytest.raises(ZeroDivisionError):
        workers.run([sleep, fail], wake)
    assert calls == [1]
    assert workers.run([lambda: 1], wake) == [1]
    assert calls == [1]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, MemoryError])
def test_any_error_is_handed_on(kind: type[BaseException], workers: Workers) -> None:
    def fail() -> None:
        raise kind

    with pytest.raises(kind):
        workers.run([fail])
    workers.run([lambda: None])


def test_blocks_do_not_wait_for_layers(workers: Workers) -> None:
    """As many layers as threads, each of which waits for its blocks."""

    def layer() -> bytes:
        return b"".join(future.result() for future in [workers.block(lambda: b"x") for _ in range(9)])

    assert workers.run([layer] * 6) == [b"x" * 9] * 6


def appended(to: list[bytes], slow: float = 0) -> Callable[[bytes], None]:
    def call(data: bytes) -> None:
        threading.Event().wait(slow)
        to.append(data)

    return call


PIECES = [bytes([number]) for number in range(50)]


@JOBS
def test_a_lane_keeps_its_order(jobs: int) -> None:
    made = Workers(jobs)
    heard: list[list[bytes]] = [[] for _ in range(6)]

    def layer(number: int) -> None:
        lane = made.lane()
        for data in PIECES:
            lane.do(appended(heard[number], 0.001 if number % 2 else 0), data)
        lane.end()
        assert heard[number] == PIECES

    try:
        made.run([partial(layer, number) for number in range(6)])
    finally:
        made.close()
    assert heard == [PIECES] * 6


def test_a_lane_takes_another_thread_only_while_one_is_idle(workers: Workers) -> None:
    threads: set[int] = set()

    def note(_: bytes) -> None:
        threads.add(threading.get_ident())

    def layer() -> bool:
        meeting.wait()
        lane = workers.lane()
        lane.do(note, b"")
        lane.end()
        meeting.wait()
        return threading.get_ident() in threads

    for number, own in ((1, False), (2, True)):
        meeting = threading.Barrier(number)
        threads.clear()
        assert workers.run([layer] * number) == [own] * number


def test_a_lane_hands_errors_on_and_stops(workers: Workers) -> None:
    heard: list[bytes] = []

    def fail(_: bytes) -> None:
        raise ZeroDivisionError

    lane = workers.lane()
    lane.do(appended(heard, 0.01), b"before")
    lane.do(fail, b"")

    def go_on() -> None:
        while True:
            lane.do(appended(heard), b"behind")

    with pytest.raises(ZeroDivisionError):
        go_on()
    with pytest.raises(ZeroDivisionError):
        lane.end()
    assert heard == [b"before"]


def test_nothing_of_a_dropped_lane_runs_on(workers: Workers) -> None:
    heard: list[bytes] = []
    lane = workers.lane()
    for data in PIECES[:4]:
        lane.do(appended(heard, 0.05), data)
    lane.drop()
    left = len(heard)
    threading.Event().wait(0.1)
    assert len(heard) == left < 4
    lane.end()


def test_check_passes_while_nothing_failed(workers: Workers) -> None:
    workers.check()
    workers.check(512)
    workers.close()
    with pytest.raises(Cancelled):
        workers.check()


def test_an_interruption_of_who_waits_ends_the_work(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    running = threading.Event()
    ended: list[int] = []

    def long() -> None:
        running.set()
        try:
            while True:
                workers.check()
        except Cancelled:
            ended.append(1)
            raise

    class Interrupted:
        """A queue whose reader is interrupted while it waits."""

        def put(self, _: None) -> None:
            pass

        def get(self, timeout: float) -> None:
            del timeout
            running.wait()
            raise KeyboardInterrupt

    monkeypatch.setattr("ociarchive.workers.SimpleQueue", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        workers.run([long])
    assert ended == [1]


def test_a_call_that_nobody_knows_yet_is_waited_for(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    began, ended = threading.Event(), threading.Event()
    submit = ThreadPoolExecutor.submit

    def interrupted(pool: ThreadPoolExecutor, call: Callable[..., object], *given: object) -> object:
        submit(pool, call, *given)
        assert began.wait(10)
        raise KeyboardInterrupt

    def work() -> None:
        began.set()
        with suppress(Cancelled):
            while True:
                workers.check()
        threading.Event().wait(0.2)  # it still has to close its files
        ended.set()

    monkeypatch.setattr(ThreadPoolExecutor, "submit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        workers.run([work])
    assert ended.is_set()


def test_threads_that_cannot_be_started_are_the_hosts_fault(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(ThreadPoolExecutor, "submit", refuse)
    for call in (lambda: workers.run([lambda: 1]), lambda: workers.block(lambda: b""), lambda: apart(lambda: b"")):
        with pytest.raises(HostError, match=r"cannot start a thread.*--jobs 1"):
            call()


# name: limits of files and of address space, workers asked for, those that are allowed
NONE = resource.RLIM_INFINITY
LIMITS: dict[str, tuple[int, int, int, int]] = {
    "no-limits": (NONE, NONE, 64, 64),
    "usual": (1024, NONE, 64, 64),
    "few-files": (64, NONE, 64, 9),
    "files-for-one-more": (68, NONE, 64, 10),
    "files-for-one-more-but-one": (67, NONE, 64, 9),
    "more-files-than-workers": (68, NONE, 3, 3),
    "hardly-any-files": (8, NONE, 64, 1),
    "little-space": (NONE, 300 << 20, 64, 1),
    "space-for-two": (NONE, 570 << 20, 64, 2),
    "space-for-two-but-a-byte": (NONE, (570 << 20) - 1, 64, 1),
    "hardly-any-space": (NONE, 64 << 20, 64, 1),
    "space-for-more-than-files": (40, 4 << 30, 64, 3),
    "files-for-more-than-space": (1024, 780 << 20, 64, 3),
    "one": (NONE, NONE, 1, 1),
    "none-asked-for": (NONE, NONE, 0, 1),
}


@pytest.mark.parametrize("name", LIMITS)
def test_workers_follow_the_limits_of_the_process(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    files, space, asked, expected = LIMITS[name]
    limits = {resource.RLIMIT_NOFILE: files, resource.RLIMIT_AS: space}
    stacks: list[int] = []
    monkeypatch.setattr(resource, "getrlimit", lambda which: (limits[which], limits[which]))
    monkeypatch.setattr(threading, "stack_size", stacks.append)
    assert allowed(asked) == expected
    assert bool(stacks) is (space != NONE)


def test_processors() -> None:
    assert processors() >= 1
