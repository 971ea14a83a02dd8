"""Fixtures: the shim, a machine that fails with it, and what conversions on a sound machine come to."""

import subprocess
from pathlib import Path

import pytest

from tests.faults.support import Place, Work, noisy
from tests.support import machine as machines
from tests.support import oracle
from tests.support.call import told
from tests.support.machine import Machine, run


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = machines.compiled(tmp_path_factory.mktemp("shim"))
    if found is None:
        pytest.skip("no C compiler, which faults of single calls need")
    return found


@pytest.fixture
def machine(shim: Path, tmp_path: Path) -> Machine:
    folder = tmp_path / "calls"
    folder.mkdir()
    return Machine(shim, folder)


@pytest.fixture(scope="session")
def work(tmp_path_factory: pytest.TempPathFactory, corpus: Path) -> Work:
    """An old archive of the corpus and a larger new one, and both in all the forms that are tried."""
    folder = tmp_path_factory.mktemp("work")
    made = Work(old=corpus / "docker20-by-id.tar", new=noisy(folder / "new.tar"), results=folder)
    for form, options in made.forms.items():
        for name, source in (("old", made.old), ("new", made.new)):
            told(run("convert", source, made.result(name, form), *options))
            assert oracle.read(made.result(name, form)).images
    return made


@pytest.fixture
def place(work: Work, tmp_path: Path) -> Place:
    folder = tmp_path / "place"
    folder.mkdir()
    return Place(work, folder)


@pytest.fixture(scope="session")
def mounting() -> tuple[str, ...]:
    """What starts a shell that may mount; a skip where nothing does."""
    for command in (("unshare", "-rm"), ("unshare", "-m")):
        try:
            done = subprocess.run([*command, "sh", "-c", "mount -t tmpfs tmpfs /mnt"], capture_output=True, check=False)
        except FileNotFoundError:
            break
        if done.returncode == 0:
            return command
    pytest.skip("no namespace to mount a file system in")
