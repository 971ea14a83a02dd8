"""Fixtures: the corpus with its facts, and two ways to call the command line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support import short
from tests.support import truth as truths
from tests.support.call import Call, Result, Run

# The same examples each time: what chance finds becomes a case, and a run fails for a change alone.
# HYPOTHESIS=chance looks for more.
settings.register_profile("fixed", derandomize=True, database=None)
settings.register_profile("chance")
settings.load_profile(os.environ.get("HYPOTHESIS", "fixed"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    short.mark(items)


@pytest.fixture(scope="session")
def corpus() -> Path:
    return truths.CORPUS


@pytest.fixture(scope="session")
def truth() -> dict[str, truths.Truth]:
    return truths.load()


@pytest.fixture
def cli_call(capfdbinary: pytest.CaptureFixture[bytes]) -> Call:
    # Imported here, so that what supports the tests can be tested while the package is broken.
    from ociarchive.cli.main import run  # noqa: PLC0415

    def call(*args: str | Path) -> Result:
        capfdbinary.readouterr()
        status = run([str(arg) for arg in args])
        out = capfdbinary.readouterr()
        return Result(status, out.out, out.err.decode())

    return call


@pytest.fixture(scope="session")
def run_cli() -> Run:
    root = Path(__file__).parents[1]

    def run(
        *args: str | Path, stdin: bytes | int = b"", env: dict[str, str] | None = None, cwd: Path | None = None
    ) -> Result:
        command = [sys.executable, "-m", "ociarchive", *(str(arg) for arg in args)]
        environment = {**os.environ, "PYTHONPATH": str(root), **(env or {})}
        if isinstance(stdin, bytes):
            done = subprocess.run(command, input=stdin, capture_output=True, env=environment, cwd=cwd, check=False)
        else:
            done = subprocess.run(command, stdin=stdin, capture_output=True, env=environment, cwd=cwd, check=False)
        return Result(done.returncode, done.stdout, done.stderr.decode())

    return run
