"""What stands beside the seconds of a benchmark."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from benchmarks import process

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_benchmark.fixture import BenchmarkFixture

T = TypeVar("T")


def rate(benchmark: BenchmarkFixture, size: int) -> None:
    """Add the speed over so many bytes. There are no seconds where benchmarks are run without measuring."""
    if benchmark.stats is not None:
        benchmark.extra_info["MB/s"] = round(size / benchmark.stats["median"] / 1e6)


def rounds(benchmark: BenchmarkFixture, call: Callable[[], T], *, before: Callable[[], None] | None = None) -> T:
    """Do a call that takes long a few times, after one that warms up; `before` each, off the clock."""
    result: T = benchmark.pedantic(call, setup=before, rounds=5, warmup_rounds=1)  # type: ignore[no-untyped-call]
    return result


def child(benchmark: BenchmarkFixture, argv: Sequence[str]) -> None:
    """Run a command as a process of its own and add what it took, its start included."""
    run = process.run([*process.ociarchive(), *argv])
    benchmark.extra_info["process MiB"] = round(run.memory)
    benchmark.extra_info["process CPU s"] = round(run.cpu, 3)
