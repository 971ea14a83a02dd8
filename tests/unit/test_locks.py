"""A run that waits for another says for what, and nothing where it need not wait."""

import fcntl
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ociarchive.blobio import locks
from ociarchive.blobio.locks import locked_folder
from tests.support import build
from tests.support.build import Image
from tests.support.call import Call, told
from tests.support.tar import write_folder, write_tar

NEW = Image(config_members={"author": "new"}).node().named("docker.io/corpus/new:1", "1")
OLD = Image(config_members={"author": "old"}).node().named("docker.io/corpus/old:1", "1")


@contextmanager
def held(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield fd
    finally:
        os.close(fd)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    assert locks.PATIENCE == 2
    monkeypatch.setattr(locks, "PATIENCE", 0.01)


def test_what_waits_says_for_what(tmp_path: Path) -> None:
    heard = []
    with held(tmp_path) as fd:

        def hear(text: str) -> None:
            heard.append(text)
            fcntl.flock(fd, fcntl.LOCK_UN)

        with locked_folder(str(tmp_path), "dest", hear):
            assert heard == [f"waiting for another process, which holds the lock of {tmp_path}"]


def test_what_need_not_wait_says_nothing(tmp_path: Path) -> None:
    heard: list[str] = []
    before = threading.active_count()
    with locked_folder(str(tmp_path), "dest", heard.append):
        assert threading.active_count() == before
    assert heard == []


def test_a_signal_ends_a_wait(tmp_path: Path) -> None:
    def hear(text: str) -> None:
        del text
        os.kill(os.getpid(), signal.SIGINT)

    with held(tmp_path), pytest.raises(KeyboardInterrupt), locked_folder(str(tmp_path), "dest", hear):
        pytest.fail("another has the lock")


@pytest.mark.parametrize("place", ["parent", "store"])
def test_a_conversion_says_so_on_stderr(
    place: str, tmp_path: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_tar(tmp_path / "new.tar", build.layout(NEW))
    store = write_folder(tmp_path / "store", build.layout(OLD))
    locked, args = (tmp_path, (tmp_path / "dest",)) if place == "parent" else (store, (store, "--merge"))
    waiting = threading.Event()
    take = locks.wait_for

    def taken(fd: int, impatient: Callable[[], None]) -> None:
        def heard() -> None:
            impatient()
            waiting.set()

        take(fd, heard)

    monkeypatch.setattr(locks, "wait_for", taken)
    with held(locked) as fd:

        def let_go() -> None:
            waiting.wait(60)
            fcntl.flock(fd, fcntl.LOCK_UN)

        helper = threading.Thread(target=let_go)
        helper.start()
        result = told(cli_call("convert", source, *args, "--to", "oci-layout"))
        helper.join()
    assert f"notice: waiting for another process, which holds the lock of {locked}\n" in result.stderr
