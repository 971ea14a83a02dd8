"""In the place of the command: hand streams, environment and folder to a server that forks, and end as the fork does.

Run as `python -I -S forked.py ADDRESS ARGUMENTS...`; it imports what starts at once. The server is
tests/support/forking.py.
"""

import json
import os
import resource
import signal
import socket
import sys


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _call(address: str, args: list[str]) -> int:
    streams = [number for number in range(3) if _is_open(number)]
    umask, folder = os.umask(0o077), os.open(".", os.O_PATH)
    order = {
        "args": args,
        "env": dict(os.environ),
        "umask": umask,
        "code": "",
        "streams": streams,
        "seconds": 0,
        "patience": 300,
        "library": "",
        "files": resource.getrlimit(resource.RLIMIT_NOFILE),
    }
    with socket.socket(socket.AF_UNIX) as calling:
        calling.connect(address)
        socket.send_fds(calling, [b"."], [*streams, folder])
        calling.sendall(json.dumps(order).encode() + b"\n")
        for number in streams:
            os.close(number)  # a pipe ends where the command closes it
        with calling.makefile("rb") as answer:
            return int(json.loads(answer.readline())["status"])


if __name__ == "__main__":
    STATUS = _call(sys.argv[1], sys.argv[2:])
    if STATUS < 0:
        signal.signal(-STATUS, signal.SIG_DFL)
        os.kill(os.getpid(), -STATUS)
    os._exit(STATUS)
