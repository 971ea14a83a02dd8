"""Programs that nobody here wrote, each started by hand below a folder of its own."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

Program = Callable[..., str]


def ran(command: Sequence[str | Path]) -> str:
    """Run a program to its end, and fail with its own words."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{command} ended with {done.returncode}: {done.stderr.strip()[-1000:]}"
    return done.stdout


def needed(*names: str) -> None:
    """Skip where a program is not there, by its name."""
    missing = [name for name in names if shutil.which(name) is None]
    if missing:
        pytest.skip(f"not there: {', '.join(missing)}")


def program(name: str, *options: str | Path) -> Program:
    """Give a function that calls a program, its fixed options first."""
    return lambda *args: ran([name, *options, *args])


@contextmanager
def daemon(command: Sequence[str | Path], answers: Callable[[], object], folder: Path) -> Iterator[None]:
    """Run a daemon until it answers, and end it afterwards; one that does not start here is no fault of ours."""
    log = folder / "log"
    with log.open("wb") as out, subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out) as process:
        try:
            for _ in range(150):
                try:
                    answers()
                    break
                except AssertionError:
                    if process.poll() is not None:
                        break
                    time.sleep(0.2)
            else:
                process.terminate()
            if process.poll() is not None:
                words = log.read_text(errors="replace").strip().splitlines()[-1:]
                pytest.skip(f"{command[0]} does not start here: {words}")
            yield
        finally:
            process.terminate()
            process.wait(30)


@contextmanager
def short_folder() -> Iterator[Path]:
    """Make a folder with a short path: a socket's may have 107 characters, podman's runroot 50."""
    folder = Path(tempfile.mkdtemp(prefix="oa"))
    yield folder
    for line in reversed(Path("/proc/self/mounts").read_text().splitlines()):
        where = line.split()[1]
        if where.startswith(f"{folder}/"):
            subprocess.run(["umount", where], check=False, capture_output=True)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def short() -> Iterator[Path]:
    with short_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def skopeo() -> Program:
    needed("skopeo")
    return program("skopeo")


@pytest.fixture(scope="module")
def umoci() -> Program:
    needed("umoci")
    return program("umoci")


@pytest.fixture
def podman() -> Iterator[Program]:
    needed("podman")
    # New for each test: an image of an earlier one would stand in for what cannot be read.
    with short_folder() as folder:
        places = [f"--{name}={folder / name}" for name in ("root", "runroot", "tmpdir")]
        yield program("podman", *places, "--storage-driver", "vfs", "--events-backend", "none")


def root_only() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")


@pytest.fixture(scope="module")
def docker(short: Path) -> Iterator[Program]:
    needed("docker", "dockerd", "containerd")
    root_only()
    folder = short / "docker"
    folder.mkdir()
    (folder / "daemon.json").write_text("{}")
    host = f"unix://{folder}/sock"
    client = program("docker", "-H", host)
    command: list[str | Path] = [
        *("dockerd", "--config-file", folder / "daemon.json", "-H", host, "--storage-driver", "vfs"),
        *("--iptables=false", "--ip6tables=false", "--bridge=none"),
        *("--data-root", folder / "data", "--exec-root", folder / "exec", "--pidfile", folder / "pid"),
    ]
    with daemon(command, lambda: client("version"), folder):
        yield client


@pytest.fixture(scope="module")
def ctr(short: Path) -> Iterator[Program]:
    needed("containerd", "ctr")
    root_only()
    folder = short / "containerd"
    folder.mkdir()
    (folder / "config.toml").write_text('version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n')
    client = program("ctr", "--address", folder / "sock")
    command: list[str | Path] = [
        *("containerd", "--config", folder / "config.toml", "--address", folder / "sock"),
        *("--root", folder / "root", "--state", folder / "state"),
    ]
    with daemon(command, lambda: client("version"), folder):
        yield client
