"""Storage of engines whose counts multiply: one document, page, file or layer that is named again and again."""

import gzip
import json
import struct
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tests.hostile.loops import Loop
from tests.hostile.parts import PLAIN
from tests.support import stores
from tests.support.build import OCI_MANIFEST, Image, dumped, hexed, packed
from tests.support.tar import Member, file, symlink, write_folder

_MIB = 1 << 20
_DATABASE = "io.containerd.metadata.v1.bolt/meta.db"
_BLOBS = "io.containerd.content.v1.content/blobs/sha256"
_APP = packed(PLAIN.plain, "none")
_STORED = Image(layers=[_APP])
_SPLIT = f"image/overlay2/layerdb/sha256/{hexed(_APP.diff_id)}/tar-split.json.gz"
_ABSENT = packed(b"absent", "none")


def _folder(make: Callable[[], Iterable[Member]]) -> Callable[[Path], object]:
    return lambda path: write_folder(path, make())


# podman


def _one_document_in_many_names(times: int) -> list[Member]:
    """An image whose manifest stands thousands of times among the names of its data, and the image as often."""
    key = "1" * 64
    raw = dumped({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "x": "x" * (4 * _MIB - 100)})
    images = [
        {"id": key, "big-data-names": ["manifest"] * times},
        *[{"id": key, "big-data-names": ["manifest"]}] * times,
    ]
    return [file(f"overlay-images/{key}/manifest", raw), file("overlay-images/images.json", dumped(images))]


def _images_of_one_manifest(count: int) -> Iterator[Member]:
    """Images whose manifests, by whatever digest, are links to one large document."""
    yield file("large", dumped({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "x": "x" * (4 * _MIB - 100)}))
    yield file("config", _STORED.config)
    images = []
    for number in range(count):
        key, name = f"{number:064x}", f"manifest-sha256:{number:064x}"
        images.append({"id": key, "names": [f"a:{number}"], "big-data-names": [name]})
        yield symlink(stores.big_data(key, name), "../../large")
        yield symlink(stores.big_data(key, f"sha256:{key}"), "../../config")
    yield file("overlay-images/images.json", dumped(images))


def _images_of_nothing(count: int) -> list[Member]:
    return [file("overlay-images/images.json", dumped([{"id": f"{number:064x}"} for number in range(count)]))]


# Docker


def _images_of_one_config(count: int, layers: int) -> Iterator[Member]:
    """Images whose configs are links to one, of many layers."""
    yield file(
        "config", Image(config_members={"rootfs": {"type": "layers", "diff_ids": [PLAIN.diff_id] * layers}}).config
    )
    names = {"a": {f"a:{number}": f"sha256:{number:064x}" for number in range(count)}}
    yield file("image/overlay2/repositories.json", dumped({"Repositories": names}))
    for number in range(count):
        yield symlink(f"image/overlay2/imagedb/content/sha256/{number:064x}", "../../../../../config")


def _names_of_nothing(count: int) -> list[Member]:
    names = {"a": {f"a{number}:1": f"sha256:{0:064x}" for number in range(count)}}
    return [file("image/overlay2/repositories.json", dumped({"Repositories": names}))]


# tar-split


def _with_split(raw: bytes, *more: Member) -> list[Member]:
    made = [one for one in stores.docker_storage({"corpus/app:1.0": _STORED}) if one.name != _SPLIT]
    return [*made, file(_SPLIT, raw), *more]


def _long_lines(count: int, begins: str, text: bytes, ends: str) -> bytes:
    """Lines that all hold one long text, each line of three gzip members."""
    long, last = gzip.compress(text, 9, mtime=0), gzip.compress(ends.encode() + b"\n", 9, mtime=0)
    return b"".join(gzip.compress((begins % number).encode(), 1, mtime=0) + long + last for number in range(count))


def _short_lines(count: int, **members: object) -> bytes:
    lines = (json.dumps({**members, "position": number}).encode() + b"\n" for number in range(count))
    return gzip.compress(b"".join(lines), 6, mtime=0)


# containerd


def _leaf(number: int, items: Iterable[tuple[bytes, bytes, bool]]) -> bytes:
    """Make a leaf page of keys, values and whether a value is a bucket, which begins with the number of its root."""
    pairs = sorted(items)
    heads, body = [], []
    at = len(pairs) * 16
    for position, (key, value, is_bucket) in enumerate(pairs):
        heads.append(struct.pack("<IIII", is_bucket, at - position * 16, len(key), len(value)))
        body.append(key + value)
        at += len(key) + len(value)
    return struct.pack("<QHHI", number, 2, len(pairs), 0) + b"".join(heads) + b"".join(body)


def _at(root: int) -> bytes:
    return struct.pack("<QQ", root, 0)


def _inline(*items: tuple[bytes, bytes, bool]) -> bytes:
    return _at(0) + _leaf(0, items)


def _database(*pages: bytes) -> bytes:
    """Make a database of pages from the fourth on, each filled up."""
    whole = stores.bolt({})[: 3 * stores.PAGE]
    for page in pages:
        whole += stores.filled(page, len(whole) // stores.PAGE)
    return whole


def _values_that_overlap(count: int, size: int) -> bytes:
    heads = b"".join(struct.pack("<IIII", 0, (count - number) * 16, 1, size) for number in range(count))
    return _database(struct.pack("<QHHI", 3, 2, count, 0) + heads + b"a" * (size + 1))


def _pages_that_are_shared(images: int, values: int) -> bytes:
    """Images whose targets are all one bucket of many pages."""
    target = _leaf(0, ((f"{number:06}".encode(), b"x" * 100, False) for number in range(values)))
    named = _inline(
        *((f"a:{number}".encode(), _inline((b"target", _at(5000), True)), True) for number in range(images))
    )
    top = _leaf(3, [(b"v1", _inline((b"moby", _inline((b"images", named, True)), True)), True)])
    whole = _database(top)
    return whole.ljust(5000 * stores.PAGE, b"\0") + stores.filled(target, 5000)


def _stored_database(raw: bytes) -> list[Member]:
    return [file(_DATABASE, raw)]


_BIN = b"bin/../" * (_MIB // 2)
CASES: dict[str, Loop] = {
    "podman-one-manifest-60-000-times": Loop(build=_folder(lambda: _one_document_in_many_names(60_000))),
    "podman-4-000-images-of-one-manifest": Loop(build=_folder(lambda: _images_of_one_manifest(4000))),
    "podman-120-000-images": Loop(build=_folder(lambda: _images_of_nothing(120_000)), says="limit-listed"),
    "docker-4-000-images-of-one-config": Loop(
        build=_folder(lambda: _images_of_one_config(4000, 90_000)), says="limit-listed"
    ),
    "docker-one-image-of-9-000-layers": Loop(build=_folder(lambda: _images_of_one_config(1, 9000))),
    "docker-5-images-of-9-000-layers": Loop(build=_folder(lambda: _images_of_one_config(5, 9000))),
    "docker-40-000-names-of-nothing": Loop(build=_folder(lambda: _names_of_nothing(40_000))),
    "tar-split-of-long-names": Loop(
        build=_folder(
            lambda: _with_split(
                _long_lines(300, '{"type":1,"position":%d,"size":1,"name":"', _BIN, 'a"}'),
                file(f"{stores.tree_of(_STORED.layers)}/a", b"x"),
            )
        ),
        says="name of more than",
    ),
    "tar-split-of-2-million-entries": Loop(
        build=_folder(lambda: _with_split(_short_lines(2_000_000, type=1, name="a"))), says="entries"
    ),
    "bolt-values-that-overlap": Loop(
        build=_folder(lambda: _stored_database(_values_that_overlap(60_000, 8 * _MIB))), says="more than the page"
    ),
    "bolt-pages-that-are-shared": Loop(
        build=_folder(lambda: _stored_database(_pages_that_are_shared(40_000, 30_000))), says="again and again"
    ),
}  # fmt: skip
