"""The program as a process within bounds: memory, processor time, no network, nothing written but where it may.

`ru_maxrss` of a process counts what it had before `exec`, which is what its parent holds; so the parent is a small
one, this file itself, started without the site's packages.
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


def run(*args: str | Path, place: Path, stdin: Path | None = None, network: bool = False) -> Ended:
    """Run `ociarchive` below `place`, where its streams are kept and its temporary folder lies."""
    temporary = place / "tmp"
    temporary.mkdir(exist_ok=True)
    told = place / "told"
    command = [*([] if network else without_network()), sys.executable, "-m", "ociarchive", *map(str, args)]
    environment = {**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": str(_ROOT), "COLUMNS": "100"}
    environment.pop("COVERAGE_PROCESS_START", None)
    watcher = [sys.executable, "-I", "-S", __file__, str(told), *command]
    with (place / "out").open("w+b") as out, (place / "err").open("w+b") as err:
        with open(stdin or os.devnull, "rb") as source:
            subprocess.run(
                watcher,
                stdin=source,
                stdout=out,
                stderr=err,
                env=environment,
                cwd=place,
                check=True,
                timeout=PATIENCE * 2,
            )
        out.seek(0)
        err.seek(0)
        facts = json.loads(told.read_text())
        return Ended(facts["status"], out.read(), err.read().decode(), facts["peak"], facts["seconds"])


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
