"""gpgv, which checks a signature of OpenPGP (docs/adr/0007-gpgv.md). No other module of signing starts a program.

Source: GnuPG, doc/DETAILS, Format of the --status-fd output.
"""

from __future__ import annotations

import os
import selectors
import shutil
import subprocess
import time
from dataclasses import dataclass
from typing import Final

from ociarchive.blobio.spool import write_all
from ociarchive.errors import UsageError

#: Payloads of simple signing have some hundred bytes, and gpgv says some hundred more of each signature.
_MOST: Final = 1 << 20
#: In seconds. A signature takes some milliseconds.
_PATIENCE: Final = 20
#: No file can be below a device, so gpgv finds no setting and no key of anybody.
_HOME: Final = "/dev/null/gnupg"
_MARK: Final = b"[GNUPG:] "


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What gpgv says of a message: its payload, each line of status in words, and whether it ended with 0.

    `failed` says why there is no answer: it was too slow, too talkative, or could not be started.
    """

    payload: bytes = b""
    status: tuple[tuple[str, ...], ...] = ()
    good: bool = False
    failed: str | None = None

    def of(self, *names: str) -> list[tuple[str, ...]]:
        """Return the lines of some names."""
        return [line for line in self.status if line[0] in names]


def find_gpgv() -> str:
    """Return the path of gpgv. UsageError: it is not installed."""
    found = shutil.which("gpgv")
    if found is None:
        what = "signatures by GPG cannot be checked without the program gpgv"
        raise UsageError(what, hint="install gpgv (Debian, Ubuntu, Alpine) or gnupg2 (Fedora, RHEL)")
    return os.path.abspath(found)


def verify(program: str, message: bytes, keys: bytes) -> Answer:
    """Return what gpgv says of a signed message by some keys.

    Arguments are fixed, whatever an archive holds. Nothing of it is named in a folder: keys and message are files in
    memory. The environment has no variable of the caller, and the home is a place where none can be.
    """
    files: list[int] = []
    try:
        for name, content in (("keys", keys), ("message", message)):
            files.append(os.memfd_create(name, os.MFD_CLOEXEC))
            write_all(files[-1], content, name)
        reads, writes = os.pipe()
        files.append(writes)
        with open(reads, "rb", buffering=0) as status:
            ring, signed, said = (str(one) for one in files)
            names = ("--keyring", f"/proc/self/fd/{ring}", "--status-fd", said, "--output", "-")
            process = subprocess.Popen(  # noqa: S603  a path of its own, fixed arguments, no shell
                [program, "--homedir", _HOME, *names, "--", f"/proc/self/fd/{signed}"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pass_fds=files,
                cwd="/",
                env={"LC_ALL": "C", "HOME": _HOME, "GNUPGHOME": _HOME},
            )
            os.close(files.pop())  # else what it says never ends
            with process:
                return _heard(process, status.fileno())
    except OSError as error:
        return Answer(failed=f"gpgv cannot be run: {error.strerror}")
    finally:
        for one in files:
            os.close(one)


def _heard(process: subprocess.Popen[bytes], status: int) -> Answer:
    """Read both streams of a process until it ends; end it where it says too much or takes too long."""
    if process.stdout is None:
        raise RuntimeError("a process with a pipe has one")
    taken: dict[int, bytearray] = {process.stdout.fileno(): bytearray(), status: bytearray()}
    failed = None
    end = time.monotonic() + _PATIENCE
    with selectors.DefaultSelector() as ready:
        for one in taken:
            ready.register(one, selectors.EVENT_READ)
        while failed is None and ready.get_map():
            events = ready.select(max(0.0, end - time.monotonic()))
            if not events:
                failed = f"gpgv took more than {_PATIENCE} seconds"
            for key, _ in events:
                part = os.read(key.fd, 1 << 16)
                taken[key.fd] += part
                if not part:
                    ready.unregister(key.fd)
                elif len(taken[key.fd]) > _MOST:
                    failed = f"its payload, or what gpgv says of it, has more than {_MOST} bytes"
    if failed is not None:
        process.kill()
        return Answer(failed=failed)
    payload, said = (bytes(one) for one in taken.values())
    lines = [line.removeprefix(_MARK) for line in said.split(b"\n") if line.startswith(_MARK)]
    words = tuple(tuple(line.decode("utf-8", "replace").split(" ")) for line in lines)
    return Answer(payload=payload, status=words, good=process.wait(_PATIENCE) == 0)
