"""Hostile folders: FIFOs, devices, sockets and links where files are expected, and trees without end."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

from tests.hostile.case import Build, Case
from tests.hostile.parts import IMAGE, LAYER, at, laid_out
from tests.support.build import blob_path, hexed, skopeo_dir
from tests.support.tar import write_folder

_NODE = IMAGE.node()
_LAYER = blob_path(LAYER.digest)
_REGISTRY = Path("docker/registry/v2")
_KIND = "FIFO, device or link where a blob is expected"
_ESCAPE = "\x1b]0;owned\x07\u202e"


def _instead(name: str, make: Callable[[Path], object]) -> Build:
    """Build the sound layout with something else in the place of a member."""

    def build(path: Path) -> None:
        write_folder(path, laid_out())
        (path / name).unlink()
        make(path / name)

    return build


def _socket(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # the path of a socket may have 107 characters
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(path.name)
    finally:
        os.chdir(here)


def _and(make: Callable[[Path], object]) -> Build:
    """Build the sound layout with something beside it."""

    def build(path: Path) -> None:
        write_folder(path, laid_out())
        make(path)

    return build


def _dir_with(make: Callable[[Path], object]) -> Build:
    def build(path: Path) -> None:
        write_folder(path, skopeo_dir(_NODE))
        make(path)

    return build


def _registry(link: bytes, tag: str = "1") -> Build:
    """Build a registry's storage whose one tag is a link of any bytes."""

    def build(path: Path) -> None:
        repository = path / _REGISTRY / "repositories/library/app"
        for name, data in _NODE.blobs.items():
            encoded = hexed(name)
            at(path / _REGISTRY / "blobs/sha256" / encoded[:2] / encoded / "data", data)
            if name != _NODE.digest:
                at(repository / "_layers/sha256" / encoded / "link", name.encode())
        manifests = repository / "_manifests"
        at(manifests / "revisions/sha256" / hexed(_NODE.digest) / "link", _NODE.digest.encode())
        at(manifests / f"tags/{tag}/current/link", link)

    return build


def _fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _blobs_elsewhere(path: Path) -> None:
    (path / "blobs").rename(path.parent / "elsewhere")
    (path / "blobs").symlink_to("../elsewhere")


def _many_files(path: Path) -> None:
    (path / "stray").mkdir()
    for number in range(20_000):
        (path / "stray" / str(number)).touch()


def _deep(path: Path) -> None:
    """Folders so deep that no path leads to the last: made one below the other."""
    here = os.open(path, os.O_RDONLY)
    for _ in range(500):
        os.mkdir("d" * 10, dir_fd=here)
        below = os.open("d" * 10, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)


def _ring_of_folders(path: Path) -> None:
    for name in ("a", "b", "c"):
        (path / name).mkdir()
        for other in ("a", "b", "c"):
            (path / name / f"to-{other}").symlink_to(f"../{other}")


CASES: dict[str, Case] = {
    "blob-is-a-fifo": Case(
        build=_instead(_LAYER, os.mkfifo),
        rule="member-special",
        words="not a regular file",
        of=_KIND,
    ),
    "blob-is-a-socket": Case(
        build=_instead(_LAYER, _socket),
        rule="member-special",
        words="not a regular file",
        of=_KIND,
    ),
    "blob-is-a-folder": Case(
        build=_instead(_LAYER, os.mkdir),
        rule="member-special",
        words="not a regular file",
        of=_KIND,
    ),
    "blob-links-to-dev-zero": Case(
        build=_instead(_LAYER, lambda path: path.symlink_to("/dev/zero")),
        rule="link-escapes",
        words="leads out",
        of=_KIND,
    ),
    "blob-links-to-etc-passwd": Case(
        build=_instead(_LAYER, lambda path: path.symlink_to("/etc/passwd")),
        rule="link-escapes",
        words="leads out",
        of="CVE-2014-9358",
    ),
    "blob-links-upward": Case(
        build=_instead(_LAYER, lambda path: path.symlink_to("../../../canary")),
        rule="link-escapes",
        words="leads out",
        of="CVE-2014-9358",
    ),
    "blob-links-to-itself": Case(
        build=_instead(_LAYER, lambda path: path.symlink_to(path.name)),
        rule="link-loop",
        words="circle",
        of=_KIND,
    ),
    "blob-links-to-nothing": Case(
        build=_instead(_LAYER, lambda path: path.symlink_to("nowhere")),
        rule="link-dangling",
        words="leads to nothing",
        of=_KIND,
    ),
    "index-json-is-a-fifo": Case(build=_instead("index.json", os.mkfifo), rule="member-special", of=_KIND),
    "index-json-links-to-dev-zero": Case(
        build=_instead("index.json", lambda path: path.symlink_to("/dev/zero")),
        rule="link-escapes",
        of=_KIND,
    ),
    "oci-layout-is-a-fifo": Case(build=_instead("oci-layout", os.mkfifo), rule="member-special", of=_KIND),
    "blobs-folder-links-outside": Case(
        build=_and(_blobs_elsewhere),
        rule="link-escapes",
        of="CVE-2014-9358",
    ),
    "names-with-control-characters": Case(
        build=_and(lambda path: (path / _ESCAPE).symlink_to(f"nowhere{_ESCAPE}")),
        audit=0,
        convert=0,
        texts=True,
        of="terminal",
    ),
    "names-not-utf-8": Case(
        build=_and(lambda path: (path / os.fsdecode(b"\xff\xfe\x9b2J")).write_bytes(b"x")),
        audit=0,
        convert=0,
        of="terminal",
    ),
    "files-20-000": Case(build=_and(_many_files), audit=0, convert=0, of="limit members"),
    "folders-500-deep": Case(
        build=_and(_deep), rule="limit-name", words="longer than this system takes", of="limit name"
    ),
    "folders-linked-in-a-ring": Case(build=_and(_ring_of_folders), audit=0, convert=0),
    "dir-manifest-is-a-fifo": Case(
        build=_dir_with(lambda path: _fifo(path / "manifest.json")),
        of=_KIND,
    ),
    "dir-blob-is-a-fifo": Case(
        build=_dir_with(lambda path: _fifo(path / hexed(LAYER.digest))),
        rule="member-special",
        words="not a regular file",
        of=_KIND,
    ),
    "dir-signature-is-a-fifo": Case(
        build=_dir_with(lambda path: os.mkfifo(path / "signature-1")),
        rule="member-special",
        convert=0,
        said="not a regular file",
        of=_KIND,
    ),
    "dir-signature-links-outside": Case(
        build=_dir_with(lambda path: (path / "signature-1").symlink_to("../canary")),
        rule="link-escapes",
        convert=0,
        said="leads out",
        of="CVE-2014-9358",
        to="dir",
    ),
    "registry-sound": Case(build=_registry(_NODE.digest.encode()), audit=0, convert=0),
    "registry-link-climbs": Case(
        build=_registry(b"sha256:../../../../../../etc/passwd"), words="digest", of="CVE-2024-3727"
    ),
    "registry-link-of-64-mib": Case(build=_registry(b"x" * (64 << 20)), words="digest"),
    "registry-link-is-empty": Case(build=_registry(b""), words="digest"),
    "registry-tag-with-control-characters": Case(
        build=_registry(_NODE.digest.encode(), tag=_ESCAPE),
        rule="reference-malformed",
        audit=0,
        convert=0,
        texts=True,
        of="terminal",
    ),
}
