"""Storage of engines, as Docker, podman and containerd leave it on a disk, built from its parts.

Nothing here imports the package: a builder that shared code with the reader would share its mistakes.
"""

import base64
import gzip
import hashlib
import io
import json
import os
import shutil
import struct
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support.build import Image, Layer, digest, dumped, hexed
from tests.support.tar import Member, file

SAMPLES = Path(__file__).parent.parent / "storage"
Entry = dict[str, Any]
#: What a bucket holds.
Tree = Mapping[bytes, "bytes | Tree"]
PAGE = 4096


def unpacked(name: str, folder: Path) -> Path:
    """Unpack a sample as any user can: without owners and devices, which no reader needs."""
    path = folder / name
    with tarfile.open(SAMPLES / f"{name}.tar.gz") as archive:
        for member in archive:
            if member.isdev():
                continue
            member.mode |= 0o700 if member.isdir() else 0o600
            archive.extract(member, path, set_attrs=not member.isdir(), filter="fully_trusted")
    return path


def opened(path: Path, folder: Path) -> Path:
    """Give a folder with what an archive has in it, itself where it is one."""
    if path.is_dir():
        return path
    with tarfile.open(path) as archive:
        archive.extractall(folder, filter="data")
    return folder


# tar-split


def crc64(data: bytes) -> bytes:
    """Compute CRC-64/ISO bit by bit."""
    state = (1 << 64) - 1
    for byte in data:
        state ^= byte
        for _ in range(8):
            state = (state >> 1) ^ (0xD800000000000000 if state & 1 else 0)
    return (state ^ ((1 << 64) - 1)).to_bytes(8, "big")


def entries(plain: bytes, *, checksums: bool = True) -> list[Entry]:
    """Split a tar as tar-split does: segments, and the files whose content stands between them."""
    found: list[Entry] = []
    position = 0

    def add(**members: object) -> None:
        found.append({**members, "position": len(found)})

    for member in files(plain):
        add(type=2, payload=base64.b64encode(plain[position : member.offset_data]).decode())
        data = plain[member.offset_data : member.offset_data + member.size]
        checksum = base64.b64encode(crc64(data)).decode() if checksums else None
        add(type=1, name=member.name, size=member.size, payload=checksum)
        position = member.offset_data + member.size
    add(type=2, payload=base64.b64encode(plain[position:]).decode())
    return found


def files(plain: bytes) -> Iterator[tarfile.TarInfo]:
    """Give the files of a tar that have any content."""
    with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
        yield from (member for member in archive if member.isreg() and member.size)


def split_file(listed: Iterable[Entry]) -> bytes:
    """Write the file."""
    return gzip.compress(b"".join(json.dumps(entry).encode() + b"\n" for entry in listed), mtime=0)


def content(plain: bytes, place: str) -> list[Member]:
    """Unpack the files of a layer into a folder."""
    return [
        file(f"{place}/{member.name}", plain[member.offset_data : member.offset_data + member.size])
        for member in files(plain)
    ]


# Docker


def chain_ids(layers: Sequence[Layer]) -> list[str]:
    """Compute the chain ID of each layer."""
    found: list[str] = []
    for one in layers:
        found.append(digest(f"{found[-1]} {one.diff_id}".encode()) if found else one.diff_id)
    return found


def docker_storage(
    images: Mapping[str, Image], *, names: Mapping[str, str] | None = None, driver: str = "overlay2"
) -> list[Member]:
    """Make a data root. `names` are further names, with the image IDs that they lead to."""
    base = f"image/{driver}"
    made: dict[str, Member] = {}
    repositories: dict[str, dict[str, str]] = {}
    for name, image_id in [*((name, image.image_id) for name, image in images.items()), *(names or {}).items()]:
        repository = name.partition("@")[0].rpartition(":")[0] or name.partition("@")[0]
        repositories.setdefault(repository, {})[name] = image_id
    add(made, file(f"{base}/repositories.json", dumped({"Repositories": repositories})))
    for image in images.values():
        add(made, file(f"{base}/imagedb/content/sha256/{hexed(image.image_id)}", image.config))
        chains = chain_ids(image.layers)
        for number, (chain, layer) in enumerate(zip(chains, image.layers, strict=True)):
            place = f"{base}/layerdb/sha256/{hexed(chain)}"
            cache = hashlib.sha256(chain.encode()).hexdigest()
            add(made, file(f"{place}/diff", layer.diff_id.encode()))
            add(made, file(f"{place}/cache-id", cache.encode()))
            add(made, file(f"{place}/size", b"1"))
            if number:
                add(made, file(f"{place}/parent", chains[number - 1].encode()))
            add(made, file(f"{place}/tar-split.json.gz", split_file(entries(layer.plain))))
            tree = f"{driver}/dir/{cache}" if driver == "vfs" else f"{driver}/{cache}/diff"
            add(made, file(f"{tree}/.keep", b""), *content(layer.plain, tree))
    return list(made.values())


def tree_of(layers: Sequence[Layer], number: int = -1) -> str:
    """Give the folder of a layer in overlay2."""
    return f"overlay2/{hashlib.sha256(chain_ids(layers)[number].encode()).hexdigest()}/diff"


def add(made: dict[str, Member], *members: Member) -> None:
    """Add members, each once."""
    for member in members:
        made.setdefault(member.name, member)


# containers/storage


def layer_ids(layers: Sequence[Layer]) -> list[str]:
    """Compute the ID of each layer."""
    found: list[str] = []
    for one in layers:
        own = hexed(one.diff_id)
        found.append(hashlib.sha256(f"{found[-1]}+{own}".encode()).hexdigest() if found else own)
    return found


def big_data(image_id: str, key: str, driver: str = "overlay") -> str:
    """Give the path of an image's big data."""
    plain = all(char in "abcdefghijklmnopqrstuvwxyz0123456789." for char in key)
    return f"{driver}-images/{image_id}/{key if plain else '=' + base64.b64encode(key.encode()).decode()}"


def containers_storage(
    images: Mapping[str, Image],
    *,
    driver: str = "overlay",
    layer: Mapping[int, Mapping[str, object]] | None = None,
    more: Sequence[Entry] = (),
) -> list[Member]:
    """Make a storage root. `layer` changes the entries of layers, `more` are further entries of images.json."""
    made: dict[str, Member] = {}
    layers: dict[str, Entry] = {}
    listed: dict[str, Entry] = {}
    for name, image in images.items():
        key, manifest = hexed(image.image_id), image.node()
        raw = manifest.blobs[manifest.digest]
        ids = layer_ids(image.layers)
        keys = {image.image_id: image.config, "manifest": raw, f"manifest-{manifest.digest}": raw}
        entry = listed.setdefault(key, {"id": key, "digest": manifest.digest, "names": [], "big-data-names": [*keys]})
        entry["names"].append(name)
        if ids:
            entry["layer"] = ids[-1]
        for told, data in keys.items():
            add(made, file(big_data(key, told, driver), data))
        for number, (one, layer_id) in enumerate(zip(image.layers, ids, strict=True)):
            parent = {"parent": ids[number - 1]} if number else {}
            layers.setdefault(layer_id, {"id": layer_id, **parent, "diff-digest": one.diff_id})
            add(made, file(f"{driver}-layers/{layer_id}.tar-split.gz", split_file(entries(one.plain))))
            tree = f"{driver}/dir/{layer_id}" if driver == "vfs" else f"{driver}/{layer_id}/diff"
            add(made, file(f"{tree}/.keep", b""), *content(one.plain, tree))
    for number, change in (layer or {}).items():
        key = list(layers)[number]
        layers[key] = {member: value for member, value in {**layers[key], **change}.items() if value is not None}
    add(made, file(f"{driver}-layers/layers.json", dumped([*layers.values()])))
    add(made, file(f"{driver}-images/images.json", dumped([*listed.values(), *more])))
    return list(made.values())


def parted(root: Path, other: Path, wanted: Callable[[Entry, set[str]], bool]) -> list[str]:
    """Move layers of a storage root to another root, which knows no image; give their IDs.

    `wanted` says which, by a layer's entry and the IDs of all that have a layer upon them.
    """
    (listed,) = root.glob("*-layers/layers.json")
    driver = listed.parent.name.removesuffix("-layers")
    layers: list[Entry] = json.loads(listed.read_text())
    below = {one["parent"] for one in layers if one.get("parent")}
    going = [one for one in layers if "diff-digest" in one and wanted(one, below)]
    staying = [one for one in layers if one not in going]
    lists = {f"{driver}-layers/layers.json": going, f"{driver}-images/images.json": []}
    for name, content in lists.items():
        (other / name).parent.mkdir(parents=True)
        (other / name).write_text(json.dumps(content))
    listed.write_text(json.dumps(staying))
    folder = other / driver / "dir" if driver == "vfs" else other / driver
    folder.mkdir(parents=True)
    for one in going:
        key = one["id"]
        shutil.move(root / f"{driver}-layers/{key}.tar-split.gz", other / f"{driver}-layers")
        shutil.move(root / folder.relative_to(other) / key, folder)
    return [one["id"] for one in going]


# containerd


def fnv(data: bytes) -> int:
    """Compute FNV-1a of 64 bits."""
    state = 0xCBF29CE484222325
    for byte in data:
        state = ((state ^ byte) * 0x100000001B3) & ((1 << 64) - 1)
    return state


def varint(value: int) -> bytes:
    """Write a number as Go's PutVarint does."""
    left, out = value << 1, b""
    while left >= 0x80:
        out += bytes([left & 0x7F | 0x80])
        left >>= 7
    return out + bytes([left])


def leaf(number: int, items: Tree) -> bytes:
    """Make a leaf page, with the buckets in it inline."""
    pairs: list[tuple[int, bytes, bytes]] = []
    for key, value in sorted(items.items()):
        if isinstance(value, bytes):
            pairs.append((0, key, value))
        else:
            pairs.append((1, key, struct.pack("<QQ", 0, 0) + leaf(0, value)))
    body, heads = b"", b""
    for index, (flag, key, value) in enumerate(pairs):
        offset = (len(pairs) - index) * 16 + len(body)
        heads += struct.pack("<IIII", flag, offset, len(key), len(value))
        body += key + value
    return struct.pack("<QHHI", number, 2, len(pairs), 0) + heads + body


def branch(number: int, children: Iterable[int]) -> bytes:
    """Make a branch page with empty keys."""
    listed = list(children)
    heads = b"".join(struct.pack("<IIQ", (len(listed) - n) * 16, 0, child) for n, child in enumerate(listed))
    return struct.pack("<QHHI", number, 1, len(listed), 0) + heads


def meta(number: int, root: int, *, transaction: int = 1, valid: bool = True) -> bytes:
    """Make a meta page."""
    raw = struct.pack("<IIIIQQQQQ", 0xED0CDAED, 2, PAGE, 0, root, 0, 2, 9, transaction)
    checksum = fnv(raw) if valid else 0
    return struct.pack("<QHHI", number, 4, 0, 0) + raw + struct.pack("<Q", checksum)


def filled(page: bytes, number: int) -> bytes:
    """Fill a page up, and tell how many more it takes."""
    overflow = max(-(-len(page) // PAGE) - 1, 0)
    head = struct.pack("<QHHI", number, *struct.unpack_from("<HH", page, 8), overflow)
    return (head + page[16:]).ljust((overflow + 1) * PAGE, b"\0")


def bolt(items: Tree) -> bytes:
    """Make a database of two meta pages, an empty list of free pages, and one leaf."""
    free = struct.pack("<QHHI", 2, 16, 0, 0)
    pages = [meta(0, 3, transaction=2), meta(1, 3), free]
    return b"".join(page.ljust(PAGE, b"\0") for page in pages) + filled(leaf(3, items), 3)


def containerd_storage(
    images: Mapping[str, Image], *, gone: Iterable[str] = (), names: Tree | None = None, database: bytes | None = None
) -> list[Member]:
    """Make a root of containerd. `gone` are digests of blobs that are absent, `names` further images."""
    made: dict[str, Member] = {}
    targets: dict[bytes, Tree] = {}
    labels: dict[bytes, Tree] = {}
    for name, image in images.items():
        node = image.node()
        target = node.descriptor
        targets[name.encode()] = {
            b"target": {
                b"digest": node.digest.encode(),
                b"mediatype": target["mediaType"].encode(),
                b"size": varint(target["size"]),
            }
        }
        for told, data in node.blobs.items():
            if told not in gone:
                add(made, file(f"io.containerd.content.v1.content/blobs/sha256/{hexed(told)}", data))
        for layer in image.layers:
            labels[layer.digest.encode()] = {b"labels": {b"containerd.io/uncompressed": layer.diff_id.encode()}}
    namespace: Tree = {b"images": {**targets, **(names or {})}, b"content": {b"blob": labels}}
    raw = bolt({b"v1": {b"moby": namespace}, b"version": b"x"}) if database is None else database
    add(made, file("io.containerd.metadata.v1.bolt/meta.db", raw))
    return list(made.values())


def linked(folder: Path, name: str, target: str) -> None:
    """Put a link in the place of a folder or file."""
    path = folder / name
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif os.path.lexists(path):
        path.unlink()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)
