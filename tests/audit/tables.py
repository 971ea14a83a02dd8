"""Layers with a table of contents, of every kind of member, and tables that say something else."""

import base64
import tarfile
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import replace
from functools import partial

import zstandard

from tests.audit.making import BASE
from tests.support.build import Image, Json, digest, dumped, gzipped, packed, skippable
from tests.support.tar import BLOCK, file, tar

STARGZ = "containerd.io/snapshot/stargz/toc.digest"
STARGZ_SIZE = "io.containers.estargz.uncompressed-size"
CHUNKED = "io.github.containers.zstd-chunked."
CHECKSUM, POSITION, SPLIT = (
    f"{CHUNKED}{key}" for key in ("manifest-checksum", "manifest-position", "tarsplit-position")
)
TIME = 1_700_000_000
CHUNK = 20
#: Of a file that is stored in three parts, the one in the middle of zeros alone.
TEXT = b"contents of a file, " + bytes(CHUNK) + b"the rest"
Change = Callable[[list[Json]], object]
NO_CHANGE: Change = bool


def member(name: str, kind: bytes = tarfile.REGTYPE, **members: object) -> tarfile.TarInfo:
    """Make a member of the tar."""
    info = tarfile.TarInfo(name)
    info.type, info.mtime = kind, TIME
    for key, value in members.items():
        setattr(info, key, value)
    return info


XATTR = {"SCHILY.xattr.security.capability": "\x01\x02", "mtime": f"{TIME}.4"}
MEMBERS = (
    (member("bin", tarfile.DIRTYPE, mode=0o755), b""),
    (member("bin/app", mode=0o4755, uid=7, gid=8, pax_headers=XATTR), TEXT),
    (member("bin/link", tarfile.SYMTYPE, linkname="app", mode=0o777), b""),
    (member("bin/hard", tarfile.LNKTYPE, linkname="./bin/app", mode=0o4755, uid=7, gid=8), b""),
    (member("dev/null", tarfile.CHRTYPE, devmajor=1, devminor=3, mode=0o666), b""),
    (member("dev/pipe", tarfile.FIFOTYPE), b""),
    (member("etc/.wh.gone"), b""),
    (member("etc/name"), b"short"),
)
KINDS = {
    tarfile.REGTYPE: "reg", tarfile.DIRTYPE: "dir", tarfile.SYMTYPE: "symlink", tarfile.LNKTYPE: "hardlink",
    tarfile.CHRTYPE: "char", tarfile.FIFOTYPE: "fifo",
}  # fmt: skip


def described(info: tarfile.TarInfo) -> Json:
    """Give what a table says of a member, as Go writes it: without what is empty."""
    xattrs = {
        key.removeprefix("SCHILY.xattr."): base64.b64encode(value.encode()).decode()
        for key, value in info.pax_headers.items()
        if key.startswith("SCHILY.xattr.")
    }
    device = {"devMajor": info.devmajor, "devMinor": info.devminor} if info.type == tarfile.CHRTYPE else {}
    told = {"size": info.size, "linkName": info.linkname, "mode": info.mode, "uid": info.uid, "gid": info.gid}
    entry = {"name": info.name, "type": KINDS[info.type], "modtime": "2023-11-14T22:13:20Z", "xattrs": xattrs}
    return {key: value for key, value in {**entry, **told, **device}.items() if value}


def frames(press: Callable[[bytes], bytes], *, gzip: bool, inner: bool = False) -> tuple[bytes, bytes, list[Json]]:
    """Give the layer as stored, its tar without an end, and the entries of its table.

    With `inner` a file's first part stands in one gzip member with what is before it.
    """
    stored, plain, entries = b"", b"", []
    head = b""
    for info, data in MEMBERS:
        made = replaced(info, size=len(data))
        head += made.tobuf(tarfile.PAX_FORMAT)
        plain += made.tobuf(tarfile.PAX_FORMAT) + data + bytes(-len(data) % BLOCK)
        entries.append(described(made))
        if not data:
            continue
        entries[-1]["digest"] = digest(data)
        if not inner:
            stored, head = stored + press(head), b""
        parts = [data[at : at + CHUNK] for at in range(0, len(data), CHUNK)]
        for number, part in enumerate(parts):
            entry = entries[-1] if not number else {"name": info.name, "type": "chunk", "chunkOffset": number * CHUNK}
            last = number == len(parts) - 1
            if len(parts) > 1 or gzip:
                entry["chunkDigest"] = digest(part)
                entry.update({} if last and gzip else {"chunkSize": len(part)})
            entry.update({"offset": len(stored), "innerOffset": len(head)} if head else {"offset": len(stored)})
            entries += [entry] if number else []
            stored, head = stored + press(head + part), b""
        if not gzip:
            next(one for one in entries if one["name"] == info.name)["endOffset"] = len(stored)
        head = bytes(-len(data) % BLOCK)
    return stored + press(head), plain, entries


def replaced(info: tarfile.TarInfo, **members: object) -> tarfile.TarInfo:
    """Give a member with something else."""
    made = copy(info)
    for key, value in members.items():
        setattr(made, key, value)
    return made


def tail(text: bytes, *, legacy: bool = False) -> bytes:
    """Make the empty gzip member that ends an eStargz layer, with a text in its extra field."""
    extra = text if legacy else b"SG" + len(text).to_bytes(2, "little") + text
    start = b"\x1f\x8b\x08\x04" + bytes(5) + b"\xff" + len(extra).to_bytes(2, "little")
    return start + extra + b"\x01\0\0\xff\xff" + bytes(8)


def estargz(
    change: Change = NO_CHANGE,
    *,
    offset: int = 0,
    external: bool = False,
    legacy: bool = False,
    inner: bool = False,
    annotations: Mapping[str, str] | None = None,
) -> Image:
    """Make an image of an eStargz layer, its entries changed, its annotations true of them but for those given."""
    stored, plain, entries = frames(gzipped, gzip=True, inner=inner)
    change(entries)
    text = dumped({"version": 1, "entries": entries})
    if external:
        stored += gzipped(bytes(2 * BLOCK)) + tail(b"STARGZEXTERNALTOC")
        plain += bytes(2 * BLOCK)
    else:
        index = tar([file("stargz.index.json", text)])
        stored += gzipped(index) + tail(b"%016xSTARGZ" % (len(stored) + offset), legacy=legacy)
        plain += index
    told = {STARGZ: digest(text), STARGZ_SIZE: str(len(plain)), **(annotations or {})}
    return Image(layers=[replace(BASE, plain=plain, stored=stored, members={"annotations": told})])


def lines(plain: bytes) -> Iterator[Json]:
    """Give the tar-split data of the tar."""
    rest = plain
    for info, data in MEMBERS:
        size = len(replaced(info, size=len(data)).tobuf(tarfile.PAX_FORMAT))
        yield {"type": 2, "payload": base64.b64encode(rest[:size]).decode()}
        yield {"type": 1, "name": info.name, "payload": "AAAAAAAAAAA=", **({"size": len(data)} if data else {})}
        rest = rest[size + len(data) :]
        padding = -len(data) % BLOCK
        yield {"type": 2, "payload": base64.b64encode(rest[:padding]).decode()}
        rest = rest[padding:]
    yield {"type": 2, "payload": base64.b64encode(rest).decode()}


def chunked(
    change: Change = NO_CHANGE,
    *,
    split: Change | None = NO_CHANGE,
    told_split: object = None,
    shift: int = 0,
    annotations: Mapping[str, str | None] | None = None,
) -> Image:
    """Make an image of a zstd:chunked layer; `split` changes its tar-split data, None leaves it out."""
    stored, plain, entries = frames(packing, gzip=False)
    stored += packing(bytes(2 * BLOCK))
    plain += bytes(2 * BLOCK)
    change(entries)
    table: Json = {"version": 1, "entries": entries}
    rows = list(lines(plain))
    unpacked_split = b""
    if split:
        split(rows)
        unpacked_split = b"".join(dumped({"position": at, **row}) + b"\n" for at, row in enumerate(rows))
        table["tarSplitDigest"] = told_split or digest(packing(unpacked_split))
    text, beside = dumped(table), packing(unpacked_split)
    numbers = [len(stored) + 8, len(packing(text)), len(text), 1]
    second = [numbers[0] + numbers[1] + 8, len(beside), len(unpacked_split)]
    stored += skippable(packing(text)) + (skippable(beside) if split else b"")
    end = [numbers[0] + shift, *numbers[1:], *(second if split else (0, 0, 0))]
    stored += skippable(b"".join(one.to_bytes(8, "little") for one in end) + b"GNUlInUx")
    told: dict[str, str | None] = {CHECKSUM: digest(packing(text)), POSITION: ":".join(map(str, numbers))}
    if split:
        told[SPLIT] = ":".join(map(str, second))
    told.update(annotations or {})
    kept = {key: value for key, value in told.items() if value is not None}
    return Image(layers=[replace(packed(plain, "zstd"), stored=stored, members={"annotations": kept})])


def snapshotter(*, digest_of_stored: bool = False, annotations: Mapping[str, str] | None = None) -> Image:
    """Make an image of a zstd:chunked layer as stargz-snapshotter writes it."""
    stored, plain, entries = frames(packing, gzip=True)
    stored += packing(bytes(2 * BLOCK))
    plain += bytes(2 * BLOCK)
    text = dumped({"version": 1, "entries": entries})
    numbers = [len(stored) + 8, len(packing(text)), len(text), 1]
    stored += skippable(packing(text))
    stored += skippable(b"".join(one.to_bytes(8, "little") for one in numbers) + b"GnUlInUx")
    told = {STARGZ: digest(packing(text) if digest_of_stored else text), **(annotations or {})}
    if not digest_of_stored:
        told["io.containers.zstd-chunked.manifest-checksum"] = digest(packing(text))
        told["io.containers.zstd-chunked.manifest-position"] = ":".join(map(str, numbers))
    return Image(layers=[replace(packed(plain, "zstd"), stored=stored, members={"annotations": told})])


def packing(data: bytes) -> bytes:
    """Compress into one zstd frame."""
    return zstandard.ZstdCompressor().compress(data)


def sets(name: str, number: int = 0, /, **members: object) -> Change:
    """Give the change that sets members of an entry: the first of a name, or of its chunks one by number."""
    return partial(_set, name=name, number=number, members=members)


def _set(entries: list[Json], name: str, number: int, members: Json) -> None:
    [one for one in entries if one["name"] == name][number].update(members)


def drops(name: str) -> Change:
    """Give the change that leaves all entries of a name out."""

    def change(entries: list[Json]) -> None:
        entries[:] = [one for one in entries if one["name"] != name]

    return change


def adds(**entry: object) -> Change:
    """Give the change that adds an entry."""
    return lambda entries: entries.append(entry)


def halved(rows: list[Json]) -> None:
    """Spell the first line of tar-split data as two."""
    payload = base64.b64decode(rows[0]["payload"])
    parts = [{"type": 2, "payload": base64.b64encode(part).decode()} for part in (payload[:100], payload[100:])]
    rows[:1] = parts
