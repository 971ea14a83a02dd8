"""The command as a process of its own, without an interpreter's start: a server has it imported, and forks for a call.

What a call gets is what a started one has: streams, environment, folder, limits, and an end of its own that the kernel
reports. This file is both sides: the tests import it, and the server is the file itself, which knows nothing of tests.
"""

import atexit
import importlib
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).parents[2]
#: What a conversion and an audit import; all else is left to the call, as it would be.
PRELOADED = (
    *("cli.app", "cli.main", "cli.audit_cmd", "cli.convert_cmd", "auditing.run", "transform.convert"),
    *("blobio.sizes", "blobio.gzipcodec"),
)


@dataclass(frozen=True, slots=True)
class End:
    """How a call ended: its status (negative for a signal), its peak of memory in bytes, its processor's seconds."""

    status: int
    peak: int
    seconds: float


class Server:
    """One process that forks for a call, and waits for its end before it forks for the next."""

    def __init__(self, *before: str, env: Mapping[str, str], library: str = "") -> None:
        """Start it; `before` stands in front of it, each call calls `faults_begin` of `library`, a preloaded one."""
        command = [*before, sys.executable, "-P", __file__]
        preload = {"LD_PRELOAD": library} if library else {}
        self._child = subprocess.Popen(
            command,
            env={**env, **preload, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._library = library
        atexit.register(self.close)

    def call(
        self,
        args: Sequence[str],
        *,
        streams: tuple[str, str, str],
        env: Mapping[str, str],
        cwd: str | None = None,
        seconds: int = 0,
        patience: int = 300,
    ) -> End:
        """Run the command with `args`; `streams` are the files of its standard streams.

        `seconds` of the processor are all that it may use (0: no bound), after `patience` it is killed.
        """
        order: dict[str, object] = {"args": args, "streams": streams, "env": {**env, "PYTHONPATH": str(ROOT)}}
        order |= {"cwd": cwd, "seconds": seconds, "patience": patience, "library": self._library}
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        try:
            self._child.stdin.write(json.dumps(order).encode() + b"\n")
            self._child.stdin.flush()
            return End(**json.loads(self._child.stdout.readline()))
        except BaseException:  # a test that is given up: whatever still runs would answer the next call
            with suppress(ProcessLookupError):
                os.killpg(self._child.pid, signal.SIGKILL)
            raise

    @property
    def lives(self) -> bool:
        """Whether it can take a call."""
        return self._child.poll() is None

    def close(self) -> None:
        """End it."""
        with suppress(BrokenPipeError):
            self._child.communicate()


def _serve() -> None:
    """Take orders until there are none. Only a fork returns from here: it is to run the command."""
    orders, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.close(nothing)
    for name in PRELOADED:
        importlib.import_module(f"ociarchive.{name}")
    with os.fdopen(orders, "rb") as source:
        while True:
            line = source.readline()
            if not line:
                sys.exit()
            order = json.loads(line)
            child = os.fork()
            if not child:
                os.close(answers)
                break
            os.write(answers, json.dumps(_watched(child, order["patience"])).encode() + b"\n")
    _become(order)


def _watched(child: int, patience: int) -> dict[str, float]:
    signal.signal(signal.SIGALRM, lambda *_: os.kill(child, signal.SIGKILL))
    signal.alarm(patience)
    _, status, usage = os.wait4(child, 0)
    signal.alarm(0)
    ended = {"status": os.waitstatus_to_exitcode(status), "peak": usage.ru_maxrss << 10}
    return {**ended, "seconds": usage.ru_utime + usage.ru_stime}


def _become(order: dict[str, object]) -> None:
    """Make this process what the command would be started as."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    args, streams, env = order["args"], order["streams"], order["env"]
    assert isinstance(args, list)
    assert isinstance(streams, list)
    assert isinstance(env, dict)
    for number, path in enumerate(streams):
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC if number else os.O_RDONLY, 0o666)
        os.dup2(fd, number)
        os.close(fd)
    os.environ.clear()
    os.environ.update(env)
    if order["cwd"]:
        os.chdir(str(order["cwd"]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    seconds = order["seconds"]
    assert isinstance(seconds, int)
    if seconds:
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    if order["library"]:
        import ctypes  # noqa: PLC0415  a call without a library does not have it either

        ctypes.CDLL(str(order["library"])).faults_begin()
    sys.argv[1:] = args


def _run() -> NoReturn:
    from ociarchive.cli.main import main  # noqa: PLC0415  after the fork it is there

    main()
    raise AssertionError("it ends the process")


if __name__ == "__main__":
    _serve()
    _run()
