"""The one-file program: a zip that Python runs, with every package it needs, for many interpreters at once."""

from __future__ import annotations

import hashlib
import io
import os
import re
import time
import zipfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from release.elf import without_debug
from release.wheels import Target, epoch

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_SHEBANG: Final = b"#!/usr/bin/env python3\n"
_BOOTSTRAP: Final = Path(__file__).with_name("bootstrap.py")
#: What no run of the program needs: scripts and man pages, stubs, lists of hashes of what was left out, and the second
#: backend of zstandard, which is for other interpreters than CPython.
_LEFT_OUT: Final = re.compile(r"[^/]+\.data/|.*\.pyi$|[^/]+\.dist-info/(RECORD|WHEEL|INSTALLER)$|zstandard/_cffi\.")


def assemble(wheels: Mapping[Target, Iterable[Path]], dest: Path) -> None:
    """Write the program to `dest` from the wheels of each target, our own among them. Equal wheels give equal bytes."""
    content: dict[str, bytes] = {}
    for target, paths in sorted(wheels.items()):
        for path in sorted(paths):
            for name, data in _members(path):
                place = _place(name, target)
                if content.setdefault(place, data) != data:
                    raise ValueError(f"two wheels hold {place} and differ: the second is {path.name}")
    build = hashlib.sha256(b"".join(_line(name, data) for name, data in sorted(content.items()))).hexdigest()[:16]
    content["__main__.py"] = (
        _BOOTSTRAP.read_text()
        .replace("@BUILD@", build)
        .replace("@TARGETS@", " ".join(target.soabi for target in sorted(wheels)))
        .encode()
    )
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in sorted(content.items()):
            archive.writestr(_info(name), data)
    part = dest.with_name(f".{dest.name}.part")
    part.write_bytes(_SHEBANG + body.getvalue())
    part.chmod(0o755)
    os.replace(part, dest)


def _members(path: Path) -> Iterable[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            name = PurePosixPath(info.filename)
            if info.is_dir() or _LEFT_OUT.match(info.filename):
                continue
            if name.is_absolute() or ".." in name.parts:
                raise ValueError(f"{path.name} holds {info.filename}")
            yield str(name), without_debug(archive.read(info))


def _place(name: str, target: Target) -> str:
    """Return where a wheel's file stands: what is for one interpreter, what is for one platform, what is for all."""
    if not name.endswith(".so"):
        return f"python/{name}"
    return f"native/{target.platform if name.endswith('.abi3.so') else target.soabi}/{name}"


def _line(name: str, data: bytes) -> bytes:
    return f"{hashlib.sha256(data).hexdigest()}  {name}\n".encode()


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, time.gmtime(max(epoch(), 315532800))[:6])
    info.compress_type = zipfile.ZIP_DEFLATED
    info.create_system = 3
    info.external_attr = 0o100644 << 16
    return info
