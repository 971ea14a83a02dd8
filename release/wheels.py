"""Wheels: our own, built the same every time, and those it needs, of the versions and hashes in requirements.txt."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT: Final = Path(__file__).parents[1]
REQUIREMENTS: Final = ROOT / "release" / "requirements.txt"
PYTHONS: Final = ("3.11", "3.12", "3.13", "3.14")
#: Machine and C library, as in the names of extension modules, and the platforms of wheels that run there. These are
#: the oldest that all our dependencies have wheels for: glibc 2.17 of 2012, musl 1.2 of 2020.
PLATFORMS: Final = {
    f"{machine}-linux-{libc}": tags
    for machine in ("x86_64", "aarch64")
    for libc, tags in (
        ("gnu", (f"manylinux_2_17_{machine}", f"manylinux2014_{machine}")),
        ("musl", (f"musllinux_1_2_{machine}",)),
    )
}


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """An interpreter that what is built has to run on."""

    python: str
    platform: str

    @property
    def soabi(self) -> str:
        """Return the name that this interpreter gives its extension modules."""
        return f"cpython-{self.python.replace('.', '')}-{self.platform}"


ALL: Final = tuple(Target(python, platform) for python in PYTHONS for platform in PLATFORMS)


def this() -> Target:
    """Return the target that runs this."""
    _, _, platform = EXTENSION_SUFFIXES[0].removesuffix(".so").removeprefix(".cpython-").partition("-")
    return Target(f"{sys.version_info.major}.{sys.version_info.minor}", platform)


def epoch() -> int:
    """Return the time that built files bear: SOURCE_DATE_EPOCH, else that of the last commit, else 1980."""
    told = os.environ.get("SOURCE_DATE_EPOCH")
    if told:
        return int(told)
    done = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "log", "-1", "--format=%ct"],  # noqa: S607  the git on PATH
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return int(done.stdout) if done.returncode == 0 and done.stdout.strip() else 315532800


def own(dest: Path, *, kinds: Iterable[str] = ("wheel",), root: Path = ROOT) -> list[Path]:
    """Build our own wheel, or `sdist`, from the tree at `root` into `dest`; its bytes depend on that tree alone."""
    with tempfile.TemporaryDirectory() as folder:
        options = [option for kind in kinds for option in ("-t", kind)]
        _run(
            [sys.executable, "-m", "hatchling", "build", *options, "-d", folder],
            cwd=root,
            env={**os.environ, "SOURCE_DATE_EPOCH": str(epoch())},
        )
        return sorted(Path(one.rename(dest / one.name)) for one in Path(folder).iterdir())


def needed(target: Target, dest: Path) -> list[Path]:
    """Fetch what our wheel needs on a target into `dest`, by pip, which holds it against the hashes."""
    with tempfile.TemporaryDirectory() as folder:
        platforms = [option for tag in PLATFORMS[target.platform] for option in ("--platform", tag)]
        _run(
            [
                *(sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:"),
                *("--require-hashes", "-r", str(REQUIREMENTS), "--python-version", target.python),
                *("--implementation", "cp", *platforms, "-d", folder),
            ]
        )
        return sorted(Path(one.replace(dest / one.name)) for one in Path(folder).iterdir())


def _run(command: list[str], cwd: Path | None = None, env: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"error: {' '.join(command[:6])} ended with {done.returncode}\n{done.stderr[-2000:]}")
