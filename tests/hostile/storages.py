"""Storage of engines whose counts multiply: one document, page, file or layer that is named again and again."""

import base64
import gzip
import json
import random
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from tests.hostile.loops import Loop
from tests.hostile.parts import PLAIN
from tests.hostile.raw import head, pax, record, whole
from tests.support import stores
from tests.support.build import OCI_MANIFEST, Image, Node, digest, dumped, hexed, index, packed
from tests.support.tar import Member, file, folder, symlink, write_folder

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


def _segments(*payloads: bytes) -> bytes:
    """Lines of segments, each a gzip member of its own, so that one that is there again is packed once."""
    packed: dict[bytes, bytes] = {}
    made = []
    for number, one in enumerate(payloads):
        if one not in packed:
            packed[one] = gzip.compress(b'"type":2,"payload":"%b"}\n' % base64.b64encode(one), 1, mtime=0)
        made += [gzip.compress(b'{"position":%d,' % number, 1, mtime=0), packed[one]]
    return b"".join(made)


def _noise(size: int) -> bytes:
    """What no compression makes smaller, so that more may be listed beside it."""
    return random.Random(1).randbytes(size)


#: A member of which an extended header says what it may, in records of five bytes.
_EXTENDED = pax(record(b"a", b"") * 205_000) + head(b"a")


def _long_line(size: int) -> bytes:
    """Return a line that does not end, behind what allows it to be so large."""
    zeros = gzip.compress(b"A" * _MIB, 9, mtime=0)
    begin = gzip.compress(b'{"position":1,"type":2,"payload":"', 1, mtime=0)
    return _segments(_noise(4 * _MIB)) + begin + zeros * (size // _MIB)


def _layers(count: int, split: bytes, *more: Member, tree: str = "") -> Iterator[Member]:
    """An image of layers that all have one file of tar-split data, by links. Each has a folder, or a link to `tree`."""
    diff_ids = [f"sha256:{number:064x}" for number in range(1, count + 1)]
    image = Image(config_members={"rootfs": {"type": "layers", "diff_ids": diff_ids}})
    yield file("image/overlay2/repositories.json", dumped({"Repositories": {"a": {"a:1": image.image_id}}}))
    yield file(f"image/overlay2/imagedb/content/sha256/{hexed(image.image_id)}", image.config)
    yield from (file("split", split), *more)
    chain = ""
    for diff_id in diff_ids:
        above, chain = chain, digest(f"{chain} {diff_id}".encode()) if chain else diff_id
        base = f"image/overlay2/layerdb/sha256/{hexed(chain)}"
        yield from (file(f"{base}/diff", diff_id.encode()), file(f"{base}/cache-id", hexed(diff_id).encode()))
        yield from [file(f"{base}/parent", above.encode())] if above else []
        yield symlink(f"{base}/tar-split.json.gz", "../../../../../split")
        yield (
            symlink(f"overlay2/{hexed(diff_id)}/diff", f"../../{tree}")
            if tree
            else folder(f"overlay2/{hexed(diff_id)}/diff")
        )


def _links(count: int) -> Iterator[Member]:
    """Folders, each behind a link that goes down and up again as often as one look-up may."""
    yield file("tree/a/b/x", b"x")
    yield from (symlink(f"tree/{number}", "a/b/../../" * 400 + "a/b") for number in range(count))


def _files_behind_links(count: int, links: int) -> bytes:
    lines = ({"type": 1, "name": f"{n % links}/x", "size": 1, "position": n} for n in range(count))
    return stores.split_file(lines)


def _holes(layers: int, size: int) -> Callable[[Path], object]:
    """Layers, each with a file that is one hole."""

    def build(path: Path) -> None:
        split = stores.split_file([{"type": 1, "name": "a", "size": size, "position": 0}])
        write_folder(path, _layers(layers, split))
        for one in (path / "overlay2").iterdir():
            with (one / "diff" / "a").open("wb") as out:
                out.truncate(size)

    return build


def _another_content(size: int, stored: int) -> Callable[[Path], object]:
    """A large file, most of it a hole, whose checksum is another one."""

    def build(path: Path) -> None:
        wrong = base64.b64encode(bytes(8)).decode()
        listed = [{"type": 1, "name": "a", "size": size, "payload": wrong, "position": 0}]
        write_folder(path, _with_split(stores.split_file(listed)))
        with (path / stores.tree_of(_STORED.layers) / "a").open("wb") as out:
            out.write(_noise(stored))
            out.truncate(size)

    return build


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


def _containerd(names: Iterable[tuple[str, Node]], blobs: Iterable[tuple[str, str]] = ()) -> Iterator[Member]:
    """A root of containerd: images by their names, and blobs with the diff_id that each unpacks to."""
    named = dict(names)
    images, labels = [], []
    for name, node in named.items():
        size, media_type = stores.varint(node.descriptor["size"]), node.descriptor["mediaType"]
        told = {b"digest": node.digest.encode(), b"mediatype": media_type.encode(), b"size": size}
        target = _inline(*((key, value, False) for key, value in told.items()))
        images.append((name.encode(), _inline((b"target", target, True)), True))
    for name, diff_id in blobs:
        label = _inline((b"containerd.io/uncompressed", diff_id.encode(), False))
        labels.append((name.encode(), _inline((b"labels", label, True)), True))
    content = _inline((b"blob", _inline(*labels), True))
    namespace = _inline((b"images", _inline(*images), True), (b"content", content, True))
    yield from _stored_database(_database(_leaf(3, [(b"v1", _inline((b"moby", namespace, True)), True)])))
    stored = {name: data for node in named.values() for name, data in node.blobs.items()}
    yield from (file(f"{_BLOBS}/{hexed(name)}", data) for name, data in stored.items())


def _indexes_of_large_images(indexes: int, bare: int, layers: int) -> Iterator[Member]:
    """Indexes of one image whose layers are all here, and of some of which none is."""
    members: dict[str, object] = {"rootfs": {"type": "layers", "diff_ids": []}, "history": []}
    nodes = [
        Image(
            layers=[one] * layers, config_members=members, manifest_members={"annotations": {"n": str(number)}}
        ).node()
        for number, one in enumerate([_APP, *[replace(_ABSENT, absent=True)] * bare])
    ]
    below = (index(nodes, members={"annotations": {"n": str(number)}}) for number in range(indexes))
    return _containerd([("docker.io/library/a:1", index(below))])


def _layers_of_one_diff_id(layers: int, blobs: int) -> Iterator[Member]:
    """Absent layers of one diff_id, and blobs that are said to unpack to it and are absent too."""
    node = Image(layers=[replace(_ABSENT, absent=True)] * layers).node()
    others = ((f"sha256:{number:064x}", _ABSENT.diff_id) for number in range(blobs))
    return _containerd([("docker.io/library/a:1", node)], others)


def _names_of_absent_layers(names: int, layers: int) -> Iterator[Member]:
    node = Image(layers=[replace(_ABSENT, absent=True)] * layers).node()
    return _containerd((f"docker.io/library/a:{number}", node) for number in range(names))


def _stored_blobs(count: int) -> Iterator[Member]:
    yield from _containerd([("docker.io/library/a:1", _STORED.node())])
    yield from (file(f"{_BLOBS}/{number:064x}", b"") for number in range(count))


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
    "tar-split-of-one-file-390-000-times": Loop(
        build=_folder(
            lambda: _with_split(
                _short_lines(390_000, type=1, name="a", size=1), file(f"{stores.tree_of(_STORED.layers)}/a", b"x")
            )
        ),
        says="again and again",
    ),
    "tar-split-of-one-line": Loop(
        build=_folder(lambda: _with_split(_long_line(180 * _MIB))), says="longer than any"
    ),
    "tar-split-of-segments-alone": Loop(
        build=_folder(lambda: _with_split(_segments(_noise(4 * _MIB), *[bytes(5 * _MIB)] * 42))),
        says="the tar-split data was changed",
    ),
    "tar-split-of-headers-alone": Loop(
        build=_folder(lambda: _with_split(_segments(*[whole(b"noise", _noise(3 * _MIB))] * 2, *[_EXTENDED * 4] * 60))),
        says="tar headers",
    ),
    "layers-500-of-one-tar-split": Loop(
        build=_folder(lambda: _layers(500, _short_lines(300_000, type=1, name="a"))), says="entries"
    ),
    "layers-500-of-a-damaged-tar-split": Loop(
        build=_folder(lambda: _layers(500, gzip.compress(b"x\n" + b"y" * _MIB, 1, mtime=0))), says="is no JSON"
    ),
    "layers-500-of-files-behind-links": Loop(
        build=_folder(lambda: _layers(500, _files_behind_links(300, 99), *_links(99), tree="tree")), says="steps"
    ),
    "layers-60-of-holes": Loop(build=_holes(60, 600 * _MIB), says="times the bytes that they take"),
    "a-file-of-another-content": Loop(build=_another_content(1000 * _MIB, 5 * _MIB), says="another content than"),
    "indexes-4-500-of-large-images": Loop(
        build=_folder(lambda: _indexes_of_large_images(4500, 3, 8000)), says="limit-listed"
    ),
    "layers-9-000-of-one-diff-id": Loop(build=_folder(lambda: _layers_of_one_diff_id(9000, 25_000))),
    "names-6-000-of-absent-layers": Loop(
        build=_folder(lambda: _names_of_absent_layers(6000, 5000)), says="limit-listed"
    ),
    "blobs-51-000-of-containerd": Loop(build=_folder(lambda: _stored_blobs(51_000)), says="limit-listed"),
    "bolt-values-that-overlap": Loop(
        build=_folder(lambda: _stored_database(_values_that_overlap(60_000, 8 * _MIB))), says="more than the page"
    ),
    "bolt-pages-that-are-shared": Loop(
        build=_folder(lambda: _stored_database(_pages_that_are_shared(40_000, 30_000))), says="again and again"
    ),
}  # fmt: skip
