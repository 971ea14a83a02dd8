"""Whole jobs on a small image, called as a library; memory and CPU of the same job as a process."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

import ociarchive
from benchmarks import jobs, process, report

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from benchmarks.jobs import Job


@pytest.mark.parametrize("job", jobs.JOBS, ids=lambda job: job.name)
def test_job(benchmark: BenchmarkFixture, job: Job, home: str, scratch: str) -> None:
    source = os.path.join(home, job.source)

    def call() -> object:
        if job.command == "convert":
            return ociarchive.convert(
                source,
                scratch,
                to=job.to or None,
                compression=job.compression,
                sync=False,
                audit_result=False,
            )
        return ociarchive.audit(source) if job.command == "audit" else ociarchive.inspect(source)

    report.rounds(benchmark, call, before=lambda: process.clear(scratch))
    report.rate(benchmark, os.path.getsize(os.path.join(home, jobs.DOCKER)))
    process.clear(scratch)
    report.child(benchmark, job.ours(home, scratch, bare=True))
