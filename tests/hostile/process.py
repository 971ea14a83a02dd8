"""The program as a process within bounds: memory, processor time, no network, nothing written but where it may.

`ru_maxrss` of a process counts what it had before `exec`, which is what its parent holds; so the parent is a small
one, this file itself, started without the site's packages. A server that forks holds what the program imports.
"""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

if __name__ != "__main__":
    from tests.support.forking import Server

#: The design's bound for `--jobs 2`, in bytes.
MEMORY = 256 << 20
#: Processor seconds of all threads, counted by the kernel, so that a busy machine changes nothing.
SECONDS = 20
#: Wall seconds after which a process that waits for ever is killed.
PATIENCE = 300
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended: its status (negative for a signal) and both streams.

    `peak` is that of its memory in bytes, `seconds` are of the processor and of all threads.
    """

    status: int
    stdout: bytes
    stderr: str
    peak: int
    seconds: float

    @property
    def errors(self) -> list[str]:
        """The lines that say why it failed."""
        return [line for line in self.stderr.splitlines() if line.startswith("error: ")]


def bounded(ended: Ended, *statuses: int) -> None:
    """Require that a process kept within its memory and ended with one of these statuses, in words for people."""
    assert ended.status in statuses, ended.stderr[-500:]
    assert ended.peak < MEMORY, f"{ended.peak >> 20} MiB"
    assert "Traceback" not in ended.stderr
    assert "a fault in ociarchive" not in ended.stderr


def run(*args: str | Path, place: Path, stdin: Path | None = None, network: bool = False) -> Ended:
    """Run `ociarchive` below `place`, where its streams are kept and its temporary folder lies."""
    ended = _server(network=network).call(
        [str(one) for one in args],
        streams=(str(stdin or os.devnull), str(place / "out"), str(place / "err")),
        env=_environment(place),
        cwd=str(place),
        seconds=SECONDS,
        patience=PATIENCE,
    )
    return Ended(ended.status, *_said(place), ended.peak, ended.seconds)


def start(*args: str | Path, place: Path) -> Ended:
    """As `run`, but it is the command itself, with an interpreter of its own."""
    told = place / "told"
    command = [*without_network(), sys.executable, "-m", "ociarchive", *map(str, args)]
    watcher = [sys.executable, "-I", "-S", __file__, str(told), *command]
    environment = {**_environment(place), "PYTHONPATH": str(_ROOT)}
    with (place / "out").open("wb") as out, (place / "err").open("wb") as err:
        subprocess.run(
            watcher,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env=environment,
            cwd=place,
            check=True,
            timeout=PATIENCE * 2,
        )
    facts = json.loads(told.read_text())
    return Ended(facts["status"], *_said(place), facts["peak"], facts["seconds"])


def _environment(place: Path) -> dict[str, str]:
    temporary = place / "tmp"
    temporary.mkdir(exist_ok=True)
    environment = {**os.environ, "TMPDIR": str(temporary), "COLUMNS": "100"}
    environment.pop("COVERAGE_PROCESS_START", None)
    return environment


def _said(place: Path) -> tuple[bytes, str]:
    return (place / "out").read_bytes(), (place / "err").read_bytes().decode()


_SERVERS: "dict[bool, Server]" = {}


def _server(*, network: bool) -> "Server":
    if network not in _SERVERS or not _SERVERS[network].lives:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
        _SERVERS[network] = Server(*([] if network else without_network()), env=environment)
    return _SERVERS[network]


@cache
def without_network() -> tuple[str, ...]:
    """Return what starts a program in a network namespace of its own; nothing where the machine does not allow it."""
    unshare = shutil.which("unshare")
    for command in ([unshare, "-n"], [unshare, "-r", "-n"]):
        if unshare and subprocess.run([*map(str, command), "true"], capture_output=True, check=False).returncode == 0:
            return tuple(str(part) for part in command)
    return ()


def _watch(told: str, command: list[str]) -> None:
    """Run a command within the bounds and write down how it ended."""
    child = os.fork()
    if not child:
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.execvp(command[0], command)  # noqa: S606  the point of it
    signal.signal(signal.SIGALRM, lambda *_: os.kill(child, signal.SIGKILL))
    signal.alarm(PATIENCE)
    _, status, usage = os.wait4(child, 0)
    facts = {"status": os.waitstatus_to_exitcode(status), "peak": usage.ru_maxrss << 10}
    with open(told, "w", encoding="ascii") as file:
        json.dump({**facts, "seconds": usage.ru_utime + usage.ru_stime}, file)


if __name__ == "__main__":
    _watch(sys.argv[1], sys.argv[2:])
