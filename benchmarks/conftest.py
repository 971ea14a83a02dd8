"""What the benchmarks measure on: a few MB of Python's own files, in each way that layers are stored."""

from __future__ import annotations

import os
import sysconfig
from typing import TYPE_CHECKING

import pytest

from benchmarks import images, jobs, primitives, process

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

#: MB of the layers: one holds most of it, as in real images.
_SIZES = (16, 4, 1, 1, 0.5, 0.5)


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with one image as a docker-archive and as two layouts."""
    home = str(tmp_path_factory.mktemp("image"))
    images.of_files(os.path.join(home, jobs.DOCKER), _SIZES, [sysconfig.get_path("stdlib")])
    jobs.store(home, process.ociarchive())
    return home


@pytest.fixture(scope="session")
def data(home: str) -> bytes:
    """The largest layer."""
    return primitives.sample(os.path.join(home, jobs.DOCKER))


@pytest.fixture
def scratch(tmp_path: Path) -> str:
    """A place for a file or a DEST."""
    return str(tmp_path / "dest")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep in the report what stands beside the seconds, for the summary."""
    report = yield
    benchmark = getattr(item, "funcargs", {}).get("benchmark")
    if report.when == "call" and benchmark is not None:
        report.user_properties.extend(benchmark.extra_info.items())
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell speeds and peaks, which pytest-benchmark keeps for its JSON alone."""
    told = [report for report in terminalreporter.getreports("passed") if report.user_properties]
    if told:
        terminalreporter.section("beside the seconds")
    for report in told:
        words = ", ".join(f"{key} {value}" for key, value in report.user_properties)
        terminalreporter.line(f"{report.nodeid.rpartition('::')[2]}: {words}")
