"""What figures depend on: the machine and the versions, without names of hosts, people or folders."""

from __future__ import annotations

import datetime as dt
import os
import platform
import shutil
import subprocess
from importlib.metadata import version

import zstandard

from ociarchive.version import VERSION
from ociarchive.workers import processors


def today() -> str:
    """Return the date of a measurement."""
    return dt.datetime.now(dt.UTC).date().isoformat()


def describe(peer: str = "") -> dict[str, str]:
    """Return the machine and the versions as pairs of words; `peer` is a program that is measured beside."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    kernel, _, _ = platform.release().partition("-")  # what follows is of who built it
    words = {
        "processor": f"{_processor()}, {processors()} of {os.cpu_count()} in use",
        "memory": f"{memory:.0f} GiB",
        "system": f"{platform.system()} {kernel}",
        "Python": platform.python_version(),
        "ociarchive": VERSION,
        "libraries": f"deflate {version('deflate')}, isal {version('isal')}, zstandard {version('zstandard')} "
        f"(zstd {'.'.join(map(str, zstandard.ZSTD_VERSION))})",
    }
    if peer and shutil.which(peer):
        told = subprocess.run([peer, "--version"], capture_output=True, text=True, check=False).stdout
        words["skopeo"] = told.strip().rpartition(" ")[2] or "unknown"
    return words


def _processor() -> str:
    """Return the processor's name; Arm's has none in /proc/cpuinfo."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.partition(":")[2] for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return " ".join(names[0].split()) if names else platform.machine()
