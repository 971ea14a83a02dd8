"""How long a command takes that has nothing to do: the start of the interpreter and of the program."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from benchmarks import jobs, process, report

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture


@pytest.mark.parametrize("command", ["--help", "inspect"])
def test_start(benchmark: BenchmarkFixture, home: str, command: str) -> None:
    argv = [command] if command == "--help" else [command, os.path.join(home, jobs.GZIP), "--format", "json"]
    benchmark(subprocess.run, [*process.ociarchive(), *argv], stdout=subprocess.DEVNULL, check=True)
    report.child(benchmark, argv)
