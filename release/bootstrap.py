"""The first module of the one-file program: lays the program out in a cache and starts it from there.

Extension modules cannot be loaded out of a zip, and pure Python loads faster when it was compiled once. So the first
start unpacks what this interpreter needs into a folder of the user's cache that bears the digest of the content; later
starts take it from there. Where no such folder can be had, or nothing may be run from it, a temporary one serves.

It is read by whatever Python a person has, so nothing here is newer than Python 2.7; and imports wait until they are
needed, for most starts need none.
"""

import os
import stat
import sys

BUILD = "@BUILD@"
TARGETS = "@TARGETS@".split()  # noqa: SIM905  filled in when the file is made
#: What a Python may come without, as python3-minimal does.
NEEDED = ("bz2", "ctypes", "json", "lzma", "shutil", "tempfile", "zipfile", "zlib")


class Failed(Exception):
    """The program cannot start here; says why."""


def main():
    # type: () -> None
    """Lay the program out if need be, and run it."""
    try:
        folder = _place(_target())
    except Failed as error:
        sys.stderr.write("error: %s\n" % error)
        sys.exit(3)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.path[0] = folder
    from ociarchive.cli.main import main as run

    run()


def _target():
    # type: () -> str
    """Return the name of this interpreter's extension modules. Failed: none in this file fit."""
    version = "%d.%d" % sys.version_info[:2]
    if sys.version_info < (3, 11):
        raise Failed("ociarchive needs Python 3.11 or newer, this is %s (%s)" % (version, sys.executable))
    import _imp

    name = _imp.extension_suffixes()[0][1:-3]
    if name not in TARGETS:
        raise Failed("this file has no codecs for %s, only for %s" % (name, ", ".join(TARGETS)))
    return name


def _place(target):
    # type: (str) -> str
    """Return the folder that holds the program, laid out and tried."""
    name = "%s-%s" % (BUILD, target)
    reasons = []
    for base in _bases():
        folder = os.path.join(base, name)
        if _ours(base) and _ours(folder):
            return folder
        _check_python()
        try:
            _lay_out(base, name, target)
        except OSError as error:
            reasons.append("%s: %s" % (base, error.strerror or error))
        else:
            return folder
    _check_python()
    return _temporary(name, target, reasons)


def _bases():
    # type: () -> list[str]
    """Give the folders to lay out in, best first."""
    told = os.environ.get("OCIARCHIVE_CACHE")
    if told:
        return [told]
    cache = os.environ.get("XDG_CACHE_HOME") or ""
    if not os.path.isabs(cache):
        cache = os.path.join(os.path.expanduser("~"), ".cache")
    return [os.path.join(cache, "ociarchive")] if os.path.isabs(cache) else []


def _ours(folder):
    # type: (str) -> bool
    """Whether a folder is there, and nobody else may write into it."""
    try:
        found = os.lstat(folder)
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o022 and found.st_uid == os.geteuid()


def _temporary(name, target, reasons):
    # type: (str, str, list[str]) -> str
    """Lay out in a folder that goes when the program ends. Failed: not there either."""
    import atexit
    import shutil
    import tempfile

    try:
        base = tempfile.mkdtemp(prefix="ociarchive-")
        atexit.register(shutil.rmtree, base, ignore_errors=True)
        _lay_out(base, name, target)
    except OSError as error:
        reasons.append("a temporary folder: %s" % (error.strerror or error))
    else:
        return os.path.join(base, name)
    raise Failed("no folder to unpack into and run from, OCIARCHIVE_CACHE can name one (%s)" % "; ".join(reasons))


def _lay_out(base, name, target):
    # type: (str, str, str) -> None
    """Unpack beside the place and rename: it is whole or absent, whoever else does the same. OSError: not here."""
    import shutil
    import tempfile

    os.makedirs(base, mode=0o700, exist_ok=True)
    if not _ours(base):
        raise OSError("not the user's own, or others may write into it")
    part = tempfile.mkdtemp(prefix=".part-", dir=base)
    try:
        _unpack(part, target)
        _try(part)
        try:
            os.rename(part, os.path.join(base, name))
        except OSError:  # another process was faster
            if not _ours(os.path.join(base, name)):
                raise
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _check_python():
    # type: () -> None
    """Failed: this Python lacks modules of its standard library."""
    from importlib.util import find_spec

    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise Failed("this Python has no %s: install all of Python, not its minimal package" % ", ".join(missing))


def _unpack(folder, target):
    # type: (str, str) -> None
    """Write what this interpreter needs, through to the disk."""
    import zipfile

    abi3 = target.split("-", 2)[2]
    with zipfile.ZipFile(sys.path[0]) as archive:
        for info in archive.infolist():
            for prefix in ("python/", "native/%s/" % target, "native/%s/" % abi3):
                if info.filename.startswith(prefix):
                    path = os.path.join(folder, *info.filename[len(prefix) :].split("/"))
                    os.makedirs(os.path.dirname(path), exist_ok=True)
                    with open(path, "xb") as file:
                        file.write(archive.read(info))
                        file.flush()
                        os.fsync(file.fileno())


def _try(folder):
    # type: (str) -> None
    """Load each extension module as a library. OSError: nothing may be run from here, or it needs another machine."""
    import ctypes

    for at, _, names in os.walk(folder):
        for name in names:
            if name.endswith(".so"):
                try:
                    ctypes.CDLL(os.path.join(at, name))
                except OSError as error:
                    raise OSError("cannot be loaded: %s" % error)


main()
