"""What this machine offers: the interpreter, codecs that were tried, libraries, processors, limits and space."""

from __future__ import annotations

import bz2
import hashlib
import lzma
import os
import platform
import resource
import shutil
import sys
import tempfile
import zlib
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Final

import zstandard

from ociarchive.blobio.codec import CODECS
from ociarchive.blobio.filetype import libmagic
from ociarchive.blobio.gzipcodec import INFLATED_BY
from ociarchive.blobio.hashing import hasher
from ociarchive.workers import allowed, processors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ociarchive.blobio.codec import Codec

_SAMPLE: Final = b"ociarchive " * 4096
_WINDOW: Final = 128 << 20
#: The packages of each extra (pyproject.toml) by which something can be done that else cannot.
EXTRAS: Final = {"verify": ("cryptography", "cbor2"), "dask": ("distributed",), "s3": ("obstore",)}
#: How a sample comes to be in codecs that are read and never written.
_OTHERS: Final[dict[str, Callable[[bytes], bytes]]] = {"xz": lzma.compress, "bzip2": bz2.compress}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A codec. `reads` and `writes` name the libraries, None where nothing does; `fault` says what went wrong."""

    name: str
    reads: str
    writes: str | None
    fault: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """A folder that is written to. `free` and `total` are bytes; `fault` says why they are not known."""

    path: str
    free: int | None
    total: int | None
    writable: bool
    fault: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What was found. Sizes are bytes; None means: not there, or no limit.

    `workers` is what `--jobs` is without the option: the processors that this process may use, fewer where limits ask.
    `extras` have their packages with versions, `gpgv` is the path of the program.
    """

    python: str
    executable: str
    package: str
    system: str
    libc: str | None
    processors: int
    processors_usable: int
    workers: int
    memory: int | None
    memory_available: int | None
    open_files: int | None
    address_space: int | None
    file_size: int | None
    codecs: tuple[Tried, ...]
    digests: dict[str, str | None]
    libmagic: str | None
    extras: dict[str, str | None]
    gpgv: str | None
    spaces: tuple[Space, ...]

    @property
    def fit(self) -> bool:
        """Whether everything works that ociarchive cannot do without."""
        return all(one.fault is None for one in self.codecs)


def look(folder: str) -> Machine:
    """Look at the machine from `folder`, in which DEST would be written. Nothing is left behind."""
    libc = " ".join(platform.libc_ver())
    total, available = _memory()
    return Machine(
        python=f"{platform.python_implementation()} {platform.python_version()}",
        executable=sys.executable,
        package=os.path.dirname(os.path.abspath(__file__)),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        libc=libc.strip() or None,
        processors=os.cpu_count() or 1,
        processors_usable=processors(),
        workers=allowed(processors()),
        memory=total,
        memory_available=available,
        open_files=_limit(resource.RLIMIT_NOFILE),
        address_space=_limit(resource.RLIMIT_AS),
        file_size=_limit(resource.RLIMIT_FSIZE),
        codecs=tuple(_tried(codec) for codec in CODECS if codec.name != "none"),
        digests={name: _digest_library(name) for name in ("sha256", "sha512", "blake3")},
        libmagic=libmagic(),
        extras={name: _packages(needed) for name, needed in EXTRAS.items()},
        gpgv=shutil.which("gpgv"),
        spaces=tuple(_space(path) for path in dict.fromkeys((os.path.abspath(folder), _temporary()))),
    )


def _tried(codec: Codec) -> Tried:
    reads, writes = _LIBRARIES[codec.name]
    return Tried(name=codec.name, reads=reads(), writes=writes() if writes else None, fault=_fault(codec))


def _fault(codec: Codec) -> str | None:
    """Compress and unpack a sample with a codec, and say what is wrong with the result."""
    try:
        encode = codec.encoder(codec.default_level) if codec.encode else _OTHERS[codec.name]
        stored = encode(_SAMPLE)
        decoder = codec.decoder(_WINDOW)
        out = b"".join(decoder.feed(stored))
        decoder.finish()
        decoder.close()
    except Exception as error:  # noqa: BLE001  whatever a library does here is what was to be found out
        return f"{type(error).__name__}: {error}"
    return None if out == _SAMPLE else "gives back other bytes than it took"


def _gzip_reader() -> str:
    return f"isal {_package('isal')}" if INFLATED_BY == "isal" else f"zlib {zlib.ZLIB_RUNTIME_VERSION}"


def _zstd() -> str:
    return f"zstd {'.'.join(map(str, zstandard.ZSTD_VERSION))} (zstandard {zstandard.__version__})"


_LIBRARIES: Final[dict[str, tuple[Callable[[], str], Callable[[], str] | None]]] = {
    "gzip": (_gzip_reader, lambda: f"libdeflate (deflate {_package('deflate')})"),
    "zstd": (_zstd, _zstd),
    "xz": (lambda: "Python's liblzma", None),
    "bzip2": (lambda: "Python's libbz2", None),
}


def _digest_library(algorithm: str) -> str | None:
    if hasher(algorithm) is None:
        return None
    if algorithm == "blake3":
        return f"blake3 {_package('blake3')}"
    return "OpenSSL" if type(hashlib.new(algorithm)).__module__ == "_hashlib" else "Python"


def _package(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _packages(names: Iterable[str]) -> str | None:
    """Return some packages with their versions, None where one is missing."""
    found = {name: _package(name) for name in names}
    return ", ".join(f"{name} {told}" for name, told in found.items()) if None not in found.values() else None


def _limit(which: int) -> int | None:
    soft, _ = resource.getrlimit(which)
    return None if soft == resource.RLIM_INFINITY else soft


def _memory() -> tuple[int | None, int | None]:
    """Return the bytes of memory in all, and those that can be had without swapping."""
    found = {}
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            for line in file:
                name, _, rest = line.partition(":")
                found[name] = int(rest.split()[0]) << 10
    except (OSError, ValueError, IndexError):
        return None, None
    return found.get("MemTotal"), found.get("MemAvailable")


def _temporary() -> str:
    try:
        return os.path.abspath(tempfile.gettempdir())
    except OSError:  # no folder that can be written to is left
        return os.environ.get("TMPDIR") or "/tmp"  # noqa: S108  looked at, not written to


def _space(path: str) -> Space:
    try:
        found = shutil.disk_usage(path)
    except OSError as error:
        return Space(path=path, free=None, total=None, writable=False, fault=error.strerror or str(error))
    return Space(path=path, free=found.free, total=found.total, writable=os.access(path, os.W_OK), fault=None)
