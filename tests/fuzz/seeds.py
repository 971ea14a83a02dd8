"""Seeds: small cuts of what real producers wrote, and what the builders of the tests make."""

import bz2
import lzma
from collections.abc import Iterator
from pathlib import Path

from tests.fuzz.memory import joined
from tests.support.build import (
    Image,
    Saved,
    artifact,
    attestation,
    docker_archive,
    gzipped,
    hybrid,
    index,
    layer,
    layout,
    skopeo_dir,
    zstded,
)
from tests.support.tar import Member, Style, file, folder, hardlink, pax, symlink
from tests.support.tar import tar as tarred

CORPUS = Path(__file__).parents[1] / "corpus"
_DOCUMENT = 4 << 10
_CUT = 6 << 10
_PLAIN = tarred([file("etc/a", b"a" * 700), folder("var"), symlink("b", "etc/a")])


def write(target: str, where: Path) -> None:
    """Write the seeds of a target into a folder."""
    where.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(made(target)):
        (where / f"seed-{number:03}").write_bytes(seed)


def made(target: str) -> Iterator[bytes]:
    """Give the seeds of a target."""
    return _SEEDS[target]()


def _archives() -> Iterator[list[Member]]:
    one = Image(layers=[layer({"a": b"a"}, "gzip"), layer({"b": b"b" * 600}, "zstd")])
    plain = Image(layers=[layer({"a": b"a"})])
    node = one.node().named("docker.io/library/app:1", "1")
    yield layout(node)
    yield layout(index([node, attestation(node)]), artifact(b"x", "application/x", subject=node))
    yield docker_archive(Saved(image=plain), repositories=True)
    yield hybrid(Saved(image=plain))
    yield skopeo_dir(one.node())
    yield skopeo_dir(index([one.node(), plain.node()]))


def _files() -> Iterator[Path]:
    return (path for path in sorted(CORPUS.rglob("*")) if path.is_file() and path.suffix != ".md")


def _tars() -> Iterator[bytes]:
    for members in _archives():
        yield tarred(members)
    links = [file("a", b"a"), symlink("b", "a"), hardlink("c", "a"), folder("d"), file("d/" + "e" * 120, b"e")]
    for style in (Style.GNU, Style.PAX):
        yield tarred(links, style=style)
    yield pax({"size": "3", "path": "other"}) + tarred([file("a", b"abc")])
    yield pax({"comment": "c"}, flag=b"g") + tarred(links[:2])
    for path in CORPUS.glob("*.tar"):
        yield path.read_bytes()[:_CUT]


def _documents() -> Iterator[bytes]:
    for path in _files():
        content = path.read_bytes()[:_DOCUMENT]
        if content[:1] in (b"{", b"["):
            yield content
    yield b'{"a":[1,-2.5e3,null,true,"\\ud83d\\ude00"],"a":1}'


def _members() -> Iterator[bytes]:
    for members in _archives():
        yield joined({one.name: one.data for one in members})
    for folder_ in (path for path in sorted(CORPUS.iterdir()) if path.is_dir()):
        files = [path for path in sorted(folder_.rglob("*")) if path.is_file()]
        yield joined({str(path.relative_to(folder_)): path.read_bytes()[:2000] for path in files})


def _streams() -> Iterator[bytes]:
    packed = (
        [gzipped(_PLAIN), gzipped(_PLAIN, members=3), gzipped(_PLAIN, name=b"n") + bytes(9)],
        [zstded(_PLAIN), zstded(_PLAIN, frames=3), zstded(_PLAIN, sized=False, before=b"\x50\x2a\x4d\x18\1\0\0\0x")],
        [lzma.compress(_PLAIN, preset=0), lzma.compress(_PLAIN, preset=0) + bytes(4) + lzma.compress(b"x", preset=0)],
        [bz2.compress(_PLAIN), bz2.compress(_PLAIN) * 2],
    )
    for number, streams in enumerate(packed):
        for stream in streams:
            for step in (0, 2, 255):
                yield bytes((number, step)) + stream


def _tables() -> Iterator[bytes]:
    entries = b'{"version":1,"entries":[{"name":"etc/a","type":"reg","size":700,"digest":"sha256:00"}]}'
    yield joined({"table": entries, "tar": _PLAIN})
    yield joined({"table": entries, "tar": _PLAIN, "io.containers.estargz.uncompressed-size": b"9"})
    yield joined({"table": entries, "tar": _PLAIN, "io.github.containers.zstd-chunked.manifest-position": b"1:2:3:1"})
    for path in (CORPUS / "skopeo-oci-zstd-chunked").rglob("*"):
        if path.is_file() and path.stat().st_size < _CUT:
            yield joined({"raw": path.read_bytes(), "io.github.containers.zstd-chunked.manifest-checksum": b"x"})


_SEEDS = {
    "tar": _tars,
    "documents": _documents,
    "readers": _members,
    "codecs": _streams,
    "toc": _tables,
    "audit": _tars,
}
