"""Fixtures: the corpus with its facts, and two ways to call the command line."""

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support import forking, short
from tests.support import truth as truths
from tests.support.call import Call, Result, Run

# The same examples each time: what chance finds becomes a case, and a run fails for a change alone.
# HYPOTHESIS=chance looks for more.
settings.register_profile("fixed", derandomize=True, database=None, deadline=None)
settings.register_profile("chance", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS", "fixed"))
if settings.get_current_profile_name() == "fixed":
    # Else examples are made of constants of the program too, of such modules as earlier tests happened to import.
    with suppress(ImportError, AttributeError):  # it is no part of hypothesis's interface
        providers = import_module("hypothesis.internal.conjecture.providers")
        setattr(providers, "_get_local_constants", partial(getattr, providers, "_local_constants"))  # noqa: B010  for mypy

#: What pyproject.toml leaves out where no `-m` is given.
SHORT = "not slow and not wide"
#: How the names of variables begin that an interpreter reads when it starts.
AT_START = ("PYTHON", "LC_", "LANG", "LD_")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Look for no garbage while tests are read, ten thousand that stay, and then never at what is there by then."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


def pytest_configure() -> None:
    """Let what the tests start hear the signals that whoever started the tests ignores, as `nohup` and `&` do.

    A call that is to be ended by one would be waited for until its test is given up.
    """
    for number, usual in ((signal.SIGHUP, signal.SIG_DFL), (signal.SIGINT, signal.default_int_handler)):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, usual)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not read the files of which the short suite has nothing: a fifth of its time went into reading them."""
    short_alone = config.option.markexpr.strip() == SHORT
    return True if short_alone and short.holds_nothing(collection_path) else None


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


@pytest.fixture
def epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let reports show one time, whenever they are made."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")


@pytest.fixture(scope="session")
def run_cli() -> Run:
    """Give what runs the command in a process of its own, a fork of one that has it imported.

    Where the environment has what an interpreter reads at its start, it is started.
    """

    def run(
        *args: str | Path, stdin: bytes | int = b"", env: dict[str, str] | None = None, cwd: Path | None = None
    ) -> Result:
        words, environment, folder = [str(arg) for arg in args], {**os.environ, **(env or {})}, str(cwd or os.getcwd())
        if any(name.startswith(AT_START) for name in env or {}):
            return Result(*_started(words, stdin, environment, folder))
        status, out, err = forking.shared().piped(words, stdin=stdin, env=environment, cwd=folder)
        return Result(status, out, err.decode())

    return run


def _started(words: list[str], stdin: bytes | int, environment: dict[str, str], folder: str) -> tuple[int, bytes, str]:
    given: dict[str, bytes | int] = {"input" if isinstance(stdin, bytes) else "stdin": stdin}
    done = subprocess.run(
        [sys.executable, "-m", "ociarchive", *words],
        **given,  # type: ignore[call-overload]  # its overloads know no options by name
        capture_output=True,
        env={**environment, "PYTHONPATH": str(forking.ROOT)},
        cwd=folder,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr.decode()
