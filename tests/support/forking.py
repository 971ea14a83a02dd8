"""The command as a process of its own, without an interpreter's start: a server has it imported, and forks for a call.

What a call gets is what a started one has: streams, environment, folder, limits, and an end of its own that the kernel
reports. This file is both sides: the tests import it, and the server is the file itself, which knows nothing of tests.
tests/support/forked.py is a third: a small program that a shell runs in the command's place.
"""

import atexit
import gc
import importlib
import json
import os
import resource
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

ROOT = Path(__file__).parents[2]
#: What a conversion and an audit import; all else is left to the call, as it would be.
PRELOADED: Final = (
    *("cli.app", "cli.main", "cli.audit_cmd", "cli.convert_cmd", "auditing.run", "transform.convert"),
    *("blobio.sizes", "blobio.gzipcodec"),
)
#: And what any call imports, where neither memory nor single calls to the system are looked at.
EVERYTHING: Final = (
    *PRELOADED,
    *("cli.inspect_cmd", "cli.diff_cmd", "cli.rules_cmd", "cli.output", "cli.progress", "cli.catalogue_cmd"),
    *("cli.doctor_cmd", "cli.inspect_part", "selection.single", "machine", "blobio.zstdcodec", "blobio.stdcodec"),
    *("api", "writing", "audits", "report.audit", "report.comparison", "report.conversion", "opening"),
    *("report.audit.audit_html", "report.audit.junit", "report.audit.sarif", "report.shared.doctor"),
)
_STAND_IN: Final = Path(__file__).with_name("forked.py")
#: One standard stream of a call: a path, a descriptor, or None for one that is closed.
Stream = str | int | None


@dataclass(frozen=True, slots=True)
class End:
    """How a call ended: its status (negative for a signal), its peak of memory in bytes, its processor's seconds."""

    status: int
    peak: int
    seconds: float


class Server:
    """One process that forks for each call; calls may run side by side."""

    def __init__(
        self, *before: str, env: Mapping[str, str], library: str = "", preloaded: Sequence[str] = PRELOADED
    ) -> None:
        """Start it; `before` stands in front of it, each call calls `faults_begin` of `library`, a preloaded one."""
        self._folder = tempfile.mkdtemp(prefix="forking-")
        self._address = os.path.join(self._folder, "calls")
        preload = {"LD_PRELOAD": library} if library else {}
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(self._address)
            listening.listen(16)
            number = listening.fileno()
            self._child = subprocess.Popen(
                [*before, sys.executable, "-P", __file__, str(number), *preloaded],
                env={**env, **preload, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.PIPE,  # it ends where this side does
                stdout=subprocess.DEVNULL,
                pass_fds=[number],
                start_new_session=True,
            )
        self._library = library
        atexit.register(self.close)

    @property
    def lives(self) -> bool:
        """Whether it can take a call."""
        return self._child.poll() is None

    @property
    def command(self) -> tuple[str, ...]:
        """What a shell runs in the place of `ociarchive`; its start takes a hundredth of a second."""
        return (sys.executable, "-I", "-S", str(_STAND_IN), self._address)

    def call(
        self,
        args: Sequence[str],
        *,
        streams: tuple[Stream, Stream, Stream],
        env: Mapping[str, str],
        cwd: str | None = None,
        seconds: int = 0,
        patience: int = 300,
        files: int = 0,
        code: str = "",
    ) -> End:
        """Run the command with `args`, or a program of Python, `code`.

        `seconds` of the processor are all that it may use (0: no bound), `files` as many as it may have open (0: as
        many as this process); after `patience` it is killed.
        """
        order = {
            "args": args,
            "env": {**env, "PYTHONPATH": str(ROOT)},
            "umask": _umask(),
            "code": code,
            "seconds": seconds,
            "patience": patience,
            "library": self._library,
            "files": (files, files) if files else resource.getrlimit(resource.RLIMIT_NOFILE),
            "streams": [number for number, one in enumerate(streams) if one is not None],
        }
        try:
            with ExitStack() as opened, socket.socket(socket.AF_UNIX) as calling:
                fds = [_opened(one, number, opened) for number, one in enumerate(streams) if one is not None]
                fds.append(os.open(cwd or ".", os.O_PATH))
                opened.callback(os.close, fds[-1])
                calling.connect(self._address)
                socket.send_fds(calling, [b"."], fds)
                calling.sendall(json.dumps(order).encode() + b"\n")
                opened.close()
                with calling.makefile("rb") as answer:
                    return End(**json.loads(answer.readline()))
        except BaseException:  # a test that is given up: what it runs ends with it
            with suppress(ProcessLookupError):
                os.killpg(self._child.pid, signal.SIGKILL)
            raise

    def piped(
        self, args: Sequence[str], *, stdin: bytes | int = b"", env: Mapping[str, str], cwd: str | None, code: str = ""
    ) -> tuple[int, bytes, bytes]:
        """Run the command with pipes as its streams, as `subprocess.run` does: its status, and what it printed."""
        with ThreadPoolExecutor(3) as threads, ExitStack() as theirs:
            out, err = (os.pipe() for _ in range(2))
            given = os.pipe() if isinstance(stdin, bytes) else None
            for fd in (out[1], err[1], *(given[:1] if given else ())):
                theirs.callback(os.close, fd)
            if given:
                threads.submit(_feed, given[1], bytes(stdin) if isinstance(stdin, bytes) else b"")
            read = [threads.submit(_drained, pipe[0]) for pipe in (out, err)]
            with theirs:
                source = given[0] if given else stdin
                assert isinstance(source, int)
                end = self.call(args, streams=(source, out[1], err[1]), env=env, cwd=cwd, code=code)
            return end.status, read[0].result(), read[1].result()

    def close(self) -> None:
        """End it."""
        with suppress(BrokenPipeError):
            self._child.communicate()
        shutil.rmtree(self._folder, ignore_errors=True)


_SHARED: list[Server] = []


def shared() -> Server:
    """Return the server of this process that has all of the program imported."""
    if not _SHARED or not _SHARED[0].lives:
        _SHARED[:] = [Server(env=os.environ, preloaded=EVERYTHING)]
    return _SHARED[0]


def _umask() -> int:
    status = Path("/proc/self/status").read_text(encoding="utf-8", errors="replace")
    return int(status.partition("\nUmask:")[2].split()[0], 8)


def _opened(stream: str | int, number: int, opened: ExitStack) -> int:
    if isinstance(stream, int):
        return stream
    fd = os.open(stream, os.O_RDWR | os.O_CREAT | os.O_TRUNC if number else os.O_RDONLY, 0o666)
    opened.callback(os.close, fd)
    return fd


def _feed(fd: int, data: bytes) -> None:
    with suppress(BrokenPipeError), open(fd, "wb") as file:
        file.write(data)


def _drained(fd: int) -> bytes:
    with open(fd, "rb") as file:
        return file.read()


def _serve(listening: socket.socket, preloaded: Sequence[str]) -> dict[str, Any]:
    """Take calls until the other side goes. Only a fork returns from here, with what it is to run."""
    ends = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.close(nothing)
    for name in preloaded:
        importlib.import_module(f"ociarchive.{name}")
    gc.freeze()  # the end of a fork need not look at, and so copy, what it shares with this process
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who watches a call is reaped by the kernel
    while True:
        ready, _, _ = select.select([listening.fileno(), ends], [], [])
        if ends in ready:
            os._exit(0)
        called, _ = listening.accept()
        if os.fork():
            called.close()
            continue
        listening.close()
        os.close(ends)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        order = _ordered(called)
        if (child := os.fork()) == 0:
            called.close()
            return order
        for fd in order["fds"]:
            os.close(fd)
        with suppress(BrokenPipeError):
            called.sendall(json.dumps(_watched(child, order["patience"])).encode() + b"\n")
        os._exit(0)


def _ordered(called: socket.socket) -> dict[str, Any]:
    _, fds, _, _ = socket.recv_fds(called, 1, 4)
    with called.makefile("rb") as lines:
        order: dict[str, Any] = json.loads(lines.readline())
    return {**order, "fds": fds}  # those of the streams, and the folder's


def _watched(child: int, patience: int) -> dict[str, float]:
    signal.signal(signal.SIGALRM, lambda *_: os.kill(child, signal.SIGKILL))
    signal.alarm(patience)
    _, status, usage = os.wait4(child, 0)
    ended = {"status": os.waitstatus_to_exitcode(status), "peak": usage.ru_maxrss << 10}
    return {**ended, "seconds": usage.ru_utime + usage.ru_stime}


def _become(order: dict[str, Any]) -> None:
    """Make this process what the command would be started as."""
    os.environ.clear()
    os.environ.update(order["env"])
    *streams, folder = order["fds"]
    os.fchdir(folder)
    os.close(folder)
    _take_streams(dict(zip(order["streams"], streams, strict=True)))
    os.umask(order["umask"])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if seconds := order["seconds"]:
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_NOFILE, tuple(order["files"]))
    if order["library"]:
        import ctypes  # noqa: PLC0415  a call without a library does not have it either

        ctypes.CDLL(order["library"]).faults_begin()
    sys.argv[1:] = order["args"]


def _take_streams(given: Mapping[int, int]) -> None:
    """Put descriptors where an interpreter has its streams, and make of them what it makes at its start."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if number not in given:
            os.close(number)
            setattr(sys, name, None)
            continue
        os.dup2(given[number], number)
        if number == 1:
            getattr(sys, name).reconfigure(line_buffering=os.isatty(1))
    for fd in given.values():
        os.close(fd)


def _run(code: str) -> NoReturn:
    if code:
        exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})  # noqa: S102  a program of the documentation
        sys.exit()
    from ociarchive.cli.main import main  # noqa: PLC0415  after the fork it is there

    main()
    raise AssertionError("it ends the process")


if __name__ == "__main__":
    ORDER = _serve(socket.socket(fileno=int(sys.argv[1])), sys.argv[2:])
    del sys.argv[1:]
    _become(ORDER)
    _run(ORDER["code"])
