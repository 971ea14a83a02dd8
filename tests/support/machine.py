"""A machine that fails: the command as a process, with a fault at a call to the system that is known beforehand.

The faults come from tests/faults/shim.c, compiled when it is needed and preloaded. Nothing here waits for a time to
pass: a moment is the n-th call that touches a folder, and what happens there happens within the process itself.
"""

import errno
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.call import Result
from tests.support.forking import Server

ROOT = Path(__file__).parents[2]
SHIM = ROOT / "tests" / "faults" / "shim.c"
#: What a run under tests must not inherit: a file of its own for coverage would meet the faults as well.
UNMEASURED = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
COMMAND = (sys.executable, "-P", "-m", "ociarchive")
HIDDEN = ".ociarchive-"


@dataclass(frozen=True, slots=True)
class Event:
    """One call to the system: its name, the path it is about, and the second path of a rename or link."""

    call: str
    path: str
    other: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to the n-th of some calls (0: to each). `do` is as the shim has it."""

    call: str
    nth: int
    do: str

    @classmethod
    def failing(cls, call: str, nth: int, number: int = errno.EIO) -> "Fault":
        """Make one that fails."""
        return cls(call, nth, f"errno {number}")

    @classmethod
    def signalled(cls, nth: int, number: int) -> "Fault":
        """Make any call the moment at which a signal arrives."""
        return cls("any", nth, f"signal {number}")


@dataclass(slots=True)
class Machine:
    """Runs of the command under the shim, which logs into `folder`."""

    shim: Path
    folder: Path
    _runs: int = field(default=0)

    def start(self, *args: str | Path, under: Path, fault: Fault | None = None) -> "Running":
        """Start the command; `under` is the folder that the log and the fault are about."""
        log, environment = self._told(under, fault)
        return Running(started(*args, env={"LD_PRELOAD": str(self.shim), **environment}), log)

    def run(self, *args: str | Path, under: Path, fault: Fault | None = None) -> tuple[Result, list[Event]]:
        """Run the command to its end; give what it said and the calls that it made below `under`.

        It is a fork of a server that has the program imported already.
        """
        log, environment = self._told(under, fault)
        return _forked(args, self.folder / "streams", environment, str(self.shim)), _listed(log)

    def _told(self, under: Path, fault: Fault | None) -> tuple[Path, dict[str, str]]:
        """Give the path of a new log, and what tells the shim what to do."""
        self._runs += 1
        log = self.folder / f"calls-{self._runs}"
        environment = {"FAULTS_UNDER": str(under), "FAULTS_LOG": str(log)}
        if fault is not None:
            environment |= {"FAULTS_CALL": fault.call, "FAULTS_NTH": str(fault.nth), "FAULTS_DO": fault.do}
        return log, environment


@dataclass(frozen=True, slots=True)
class Running:
    """A command that runs."""

    child: "subprocess.Popen[bytes]"
    log: Path

    def end(self) -> tuple[Result, list[Event]]:
        """Wait for the end."""
        return ended(self.child), self.events()

    def events(self) -> list[Event]:
        """Give the calls so far."""
        return _listed(self.log)

    def wait_until_stopped(self) -> None:
        """Wait until the process has stopped itself."""
        _, status = os.waitpid(self.child.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status), f"ended instead of stopping: {status}"

    def go_on(self) -> tuple[Result, list[Event]]:
        """Let a stopped process go on to its end."""
        self.child.send_signal(signal.SIGCONT)
        return self.end()


def _listed(log: Path) -> list[Event]:
    if not log.exists():
        return []
    lines = log.read_bytes().decode("utf-8", "surrogateescape").splitlines()
    return [Event(*line.split("\t")) for line in lines]


_SERVERS: dict[str, Server] = {}


def _forked(
    args: Sequence[str | Path | bytes], folder: Path, environment: Mapping[str, str], library: str = ""
) -> Result:
    """Run the command as a fork of a server, which has `library` preloaded; its streams are kept in `folder`."""
    if library not in _SERVERS or not _SERVERS[library].lives:
        _SERVERS[library] = Server(env=UNMEASURED, library=library)
    folder.mkdir(exist_ok=True)
    out, err = folder / "out", folder / "err"
    ended = _SERVERS[library].call(
        [os.fsdecode(one) for one in args],
        streams=(os.devnull, str(out), str(err)),
        env={**{name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}, **environment},
    )
    return Result(ended.status, out.read_bytes(), err.read_bytes().decode("utf-8", "surrogateescape"))


def compiled(folder: Path) -> Path | None:
    """Compile the shim; None where there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    target = folder / "shim.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", target, SHIM], check=True, capture_output=True)
    return target


def started(
    *args: str | Path | bytes,
    before: Sequence[str | Path] = (),
    env: Mapping[str, str] | None = None,
    without: Sequence[str] = (),
    stdin: int = subprocess.DEVNULL,
    stdout: int = subprocess.PIPE,
) -> "subprocess.Popen[bytes]":
    """Start the command; `before` stands in front of it, as a shell that sets limits does.

    `env` is added to the environment, `without` is taken out of it.
    """
    environment = {name: value for name, value in UNMEASURED.items() if name not in without}
    environment |= {"PYTHONPATH": str(ROOT), **(env or {})}
    command = [*before, *COMMAND, *args]
    return subprocess.Popen(command, env=environment, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE)


def ended(child: "subprocess.Popen[bytes]") -> Result:
    """Wait for the end of a process and give what it said."""
    out, err = child.communicate()
    return Result(child.returncode, out or b"", err.decode("utf-8", "surrogateescape"))


def run(
    *args: str | Path | bytes,
    before: Sequence[str | Path] = (),
    env: Mapping[str, str] | None = None,
    without: Sequence[str] = (),
) -> Result:
    """Run the command without the shim, as `started` starts it; as a fork of a server where nothing is asked for."""
    if not (before or env or without):
        with tempfile.TemporaryDirectory() as folder:
            return _forked(args, Path(folder), {})
    return ended(started(*args, before=before, env=env, without=without))


def shell(script: str, *args: str | Path) -> tuple[str | Path, ...]:
    """Give what stands before a command that a shell starts: `script` shifts its arguments away and runs `"$@"`."""
    return ("sh", "-c", script, "sh", *args)


def state(path: Path) -> object:
    """Give all that a DEST is: the bytes of a file, of each file in a folder; None where there is none."""
    if path.is_dir():
        return {str(one.relative_to(path)): one.read_bytes() for one in sorted(path.rglob("*")) if one.is_file()}
    return path.read_bytes() if path.exists() else None
