"""Tars as several readers see them: names, kinds, sizes, links and contents, in order, or that they are refused."""

import ctypes
import io
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from ociarchive.auditing import RULES
from ociarchive.blobio.limits import Limits
from ociarchive.blobio.randomfile import OpenFile
from ociarchive.container import TarContainer
from ociarchive.container.names import normal
from tests.support.gotar import Seen

_ERRORS = {rule.id for rule in RULES if rule.severity == "error"}
#: Links that lead nowhere are at fault for reasons that have nothing to do with how a tar is read.
_OF_LINKS = {"link-dangling", "link-loop", "member-not-a-folder"}
_LIMITS = Limits()
Listing = list[Seen] | None


def walked(raw: bytes) -> tuple[list[str], Listing]:
    """Return the errors that the walker finds, and the members it has. None: it does not know them all."""
    fd = os.memfd_create("tar")
    os.write(fd, raw)
    with closing(TarContainer(OpenFile(fd, "a.tar"), "a.tar", "a.tar", _LIMITS)) as container:
        errors = [flaw.rule for flaw in container.flaws if flaw.rule in _ERRORS - _OF_LINKS]
        found = [
            Seen(
                "label" if raw[one.offset - 356 : one.offset - 355] == b"V" else one.kind,
                name.encode("utf-8", "surrogateescape"), one.size,
                one.link.encode("utf-8", "surrogateescape"), raw[one.offset : one.offset + one.size],
            )
            for name, one in container._members.items()
        ]  # fmt: skip
    return errors, None if container.damaged else found


_PYTHON_KINDS = {
    tarfile.REGTYPE: "file", tarfile.AREGTYPE: "file", tarfile.CONTTYPE: "file", tarfile.LNKTYPE: "link",
    tarfile.SYMTYPE: "symlink", tarfile.DIRTYPE: "folder", tarfile.CHRTYPE: "special", tarfile.BLKTYPE: "special",
    tarfile.FIFOTYPE: "special", b"V": "label",
}  # fmt: skip


def python(raw: bytes) -> Listing:
    """Return what Python's tarfile sees. It ends in silence where a header is no header, so the end is looked at."""
    found = []
    try:
        with tarfile.open(fileobj=io.BytesIO(raw), mode="r:", encoding="utf-8", errors="surrogateescape") as opened:
            for one in opened:
                kind = _PYTHON_KINDS.get(one.type, "other") if not one.issparse() else "sparse"
                reader = opened.extractfile(one) if kind in ("file", "other") else None
                name = one.name.encode("utf-8", "surrogateescape")
                link = one.linkname.encode("utf-8", "surrogateescape")
                found.append(Seen(kind, name, one.size, link, reader.read(1 << 20) if reader else b""))
            if raw[opened.offset : opened.offset + 512].strip(b"\0"):
                return None
    except (tarfile.TarError, ValueError, TypeError, OverflowError, OSError, EOFError, IndexError, RecursionError):
        return None
    return found


_MODES = {
    0o100000: "file", 0o120000: "symlink", 0o040000: "folder", 0o020000: "special", 0o060000: "special",
    0o010000: "special",
}  # fmt: skip


class LibArchive:
    """The library of bsdtar, in this process."""

    def __init__(self, path: str = "libarchive.so.13") -> None:
        """OSError: there is no such library."""
        library = ctypes.CDLL(path)
        self._library = library
        for name in ("archive_read_new",):
            getattr(library, name).restype = ctypes.c_void_p
        for name in ("archive_entry_pathname", "archive_entry_hardlink", "archive_entry_symlink"):
            getattr(library, name).restype = ctypes.c_char_p
            getattr(library, name).argtypes = [ctypes.c_void_p]
        library.archive_entry_size.restype = ctypes.c_int64
        library.archive_entry_size.argtypes = [ctypes.c_void_p]
        library.archive_entry_filetype.restype = ctypes.c_uint
        library.archive_entry_filetype.argtypes = [ctypes.c_void_p]
        for name in ("archive_read_support_format_tar", "archive_read_free"):
            getattr(library, name).argtypes = [ctypes.c_void_p]
        library.archive_read_open_memory.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
        library.archive_read_next_header.argtypes = [ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p)]
        library.archive_read_data.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
        library.archive_read_data.restype = ctypes.c_ssize_t

    def __call__(self, raw: bytes) -> Listing:
        """Return what the library sees; warnings make bsdtar end with 1, so they are a refusal."""
        library = self._library
        archive = library.archive_read_new()
        found = []
        try:
            library.archive_read_support_format_tar(archive)
            if library.archive_read_open_memory(archive, raw, len(raw)):
                return None
            entry = ctypes.c_void_p()
            while (status := library.archive_read_next_header(archive, ctypes.byref(entry))) != 1:
                if status:
                    return None
                content = self._content(archive)
                if content is None:
                    return None
                found.append(self._seen(entry, content))
        finally:
            library.archive_read_free(archive)
        return found

    def _content(self, archive: int) -> bytes | None:
        parts = []
        buffer = ctypes.create_string_buffer(1 << 12)
        while size := self._library.archive_read_data(archive, buffer, len(buffer)):
            if size < 0:
                return None
            parts.append(buffer.raw[:size])
            if len(parts) > 256:
                break
        return b"".join(parts)

    def _seen(self, entry: ctypes.c_void_p, content: bytes) -> Seen:
        library = self._library
        name, hard = library.archive_entry_pathname(entry), library.archive_entry_hardlink(entry)
        kind = "link" if hard is not None else _MODES.get(library.archive_entry_filetype(entry), "other")
        link = hard if hard is not None else library.archive_entry_symlink(entry)
        return Seen(kind, name or b"", library.archive_entry_size(entry), link or b"", content)


# Programs: many tars in one shell, which starts one process each.

_LOOP = (
    'for f in "$1"/*; do printf "\n== %s\n" "${f##*/}"; LC_ALL=C.UTF-8 "$2" $3 "$f" 2>/dev/null; '
    'printf "\n== %s\n" "$?"; done'
)
_GNU_LINE = re.compile(rb"(.)\S+ +\S+ +([0-9]+(?:,[0-9]+)?) \S+ \S+ +(.*)\Z")
_BSD_LINE = re.compile(rb"(.)\S+ +\S+ +\S+ +\S+ +([0-9]+(?:,[0-9]+)?) +\S+ +\S+ +\S+ (.*)\Z")
_LETTERS = {b"-": "file", b"d": "folder", b"l": "symlink", b"h": "link", b"c": "special", b"b": "special",
            b"p": "special", b"C": "file", b"V": "label"}  # fmt: skip


def programs() -> dict[str, str]:
    """Return GNU tar and bsdtar, as far as they are here."""
    found = {}
    if (path := shutil.which("tar")) and b"GNU tar" in subprocess.check_output([path, "--version"]):
        found["gnu"] = path
    if path := shutil.which("bsdtar"):
        found["bsd"] = path
    return found


def listed(which: str, path: str, raws: Sequence[bytes], scratch: Path) -> Iterator[Listing]:
    """Give what a program lists of each tar; None where it ends with another status than 0. Contents are unknown."""
    if not raws:
        return
    folder = scratch / which
    folder.mkdir()
    for number, raw in enumerate(raws):
        (folder / f"{number:09}").write_bytes(raw)
    options = "-tv --quoting-style=escape --full-time --numeric-owner -f" if which == "gnu" else "-tvf"
    done = subprocess.run(["sh", "-c", _LOOP, "sh", str(folder), path, options], stdout=subprocess.PIPE, check=True)
    shutil.rmtree(folder)
    parts = re.split(rb"\n== ([0-9]+)\n", b"\n" + done.stdout)
    for at in range(1, len(parts), 4):
        yield _parsed(which, parts[at + 1]) if parts[at + 2] == b"0" else None


def _parsed(which: str, output: bytes) -> list[Seen]:
    found = []
    for line in output.split(b"\n"):
        if not line:
            continue
        match = (_GNU_LINE if which == "gnu" else _BSD_LINE).match(line)
        if not match:
            found.append(Seen("other", line, -1, b"", None))
            continue
        letter, size, name = match.groups()
        kind, link = _LETTERS.get(letter, "other"), b""
        for word, of in ((b" -> ", "symlink"), (b" link to ", "link")):
            if word in name:
                (name, _, link), kind = name.partition(word), of
        if b" --" in name and kind == "other":
            kind = "other"
        found.append(Seen(kind, _plain(name), int(size) if size.isdigit() else 0, _plain(link), None))
    return found


_ESCAPE = re.compile(rb"\\([0-7]{3}|[abfnrtv\\ ])")
_ESCAPES = {
    b"a": b"\a",
    b"b": b"\b",
    b"f": b"\f",
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
    b"v": b"\v",
    b"\\": b"\\",
    b" ": b" ",
}


def _plain(name: bytes) -> bytes:
    """Return a name without the escapes of a listing."""
    return _ESCAPE.sub(lambda found: bytes((int(found[1], 8),)) if len(found[1]) == 3 else _ESCAPES[found[1]], name)


# Comparing


def essence(listing: Iterable[Seen]) -> list[tuple[str, bytes, int, bytes, bytes | None]]:
    """Return a listing without what readers may say otherwise and mean the same.

    Each name once, spelled as the walker does; folders and links have no size; an empty file whose name ends with a
    slash is a folder (of before POSIX); unknown types are files to some.
    """
    found: dict[bytes, tuple[str, bytes, int, bytes, bytes | None]] = {}
    for one in listing:
        name = normal(one.name.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        kind = one.kind
        if kind == "file" and one.name.endswith(b"/") and not one.size:
            kind = "folder"
        kind = {"other": "file", "file": "file"}.get(kind, kind)
        sized = kind == "file"
        link = one.link if kind == "symlink" else b""
        if kind == "link":  # GNU tar shows no leading slash
            link = normal(one.link.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        if name not in found and name and kind != "label":
            found[name] = (kind, name, one.size if sized else 0, link, one.content if sized else b"")
    return list(found.values())


def differ(one: Listing, other: Listing) -> bool:
    """Whether two readers see two archives; a content that is not known is any."""
    if one is None or other is None:
        return (one is None) != (other is None)
    ours, theirs = essence(one), essence(other)
    if len(ours) != len(theirs):
        return True
    return any(
        a[:4] != b[:4] or (a[4] is not None and b[4] is not None and a[4] != b[4])
        for a, b in zip(ours, theirs, strict=True)
    )
