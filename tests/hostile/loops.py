"""Archives whose counts multiply in a reader: links by repositories, edges by layers, one document by many names.

Each is at most 10 MB, and is made of one thing that is named again and again.
"""

import gzip
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tests.hostile.parts import IMAGE, LAYER, PLAIN, SAVED, listed, referrers_in_repositories
from tests.support import old
from tests.support.build import (
    CONTAINERD_NAME,
    IN_TOTO,
    OCI_INDEX,
    OCI_MANIFEST,
    Image,
    Json,
    Node,
    blob_path,
    digest,
    docker_archive,
    dumped,
    hexed,
    index,
    layout,
    packed,
    skopeo_dir,
)
from tests.support.signing import DSSE, b64
from tests.support.tar import Member, Style, file, symlink, tar, write_folder, write_tar

_NODE = IMAGE.node()
_ROOT = "docker/registry/v2"
_MIB = 1 << 20
#: A document of many values, which Python keeps in much more memory than it takes.
_EMPTY = b"[" + b",".join([b"[]"] * 340_000) + b"]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """What is built at a path, which commands read it (`DEST` is where a conversion writes), and what is said of it.

    `status` is that of the first command.
    """

    build: Callable[[Path], object]
    calls: tuple[tuple[str, ...], ...] = (("audit", "--format", "json"),)
    status: int = 1
    says: str = ""


def _tar(make: Callable[[], Iterable[Member]]) -> Callable[[Path], object]:
    return lambda path: write_tar(path, make(), style=Style.GNU)


def _gzip(make: Callable[[], Iterable[Member]]) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(gzip.compress(tar(make(), style=Style.GNU), 6))


def _folder(make: Callable[[], Iterable[Member]]) -> Callable[[Path], object]:
    return lambda path: write_folder(path, make())


# Registries


def _data(value: str) -> str:
    return f"{_ROOT}/blobs/sha256/{hexed(value)[:2]}/{hexed(value)}/data"


def _manifests(repository: str) -> str:
    return f"{_ROOT}/repositories/{repository}/_manifests"


def _revision(repository: str, value: str) -> Member:
    return file(f"{_manifests(repository)}/revisions/sha256/{hexed(value)}/link", value.encode())


def _repositories_of_layers(repositories: int, layers: int) -> Iterator[Member]:
    """An image of many layers under a tag in each of many repositories, none of which links to a layer."""
    stored = [replace(PLAIN, stored=b"%d" % number) for number in range(layers)]
    node = Image(layers=stored).node()
    yield from (file(_data(name), data) for name, data in node.blobs.items())
    for number in range(repositories):
        yield file(f"{_manifests(f'r{number}')}/tags/1/current/link", node.digest.encode())


def _links_to_nothing(count: int) -> Iterator[Member]:
    yield from (file(_data(name), data) for name, data in _NODE.blobs.items())
    for number in range(count):
        yield file(f"{_manifests('a')}/revisions/sha256/{number:064}/link", b"")


def _revisions_of_one_document(count: int) -> Iterator[Member]:
    """Manifests that are links to one large one."""
    raw = dumped({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "x": "x" * (4 * _MIB - 100)})
    yield file("docker/large", raw)
    for number in range(count):
        value = f"sha256:{number:064}"
        yield symlink(_data(value), "../../../../../../large")
        yield _revision("a", value)


def _unlinked(layers: int, strays: int) -> Iterator[Member]:
    """Layers without links, beside links of the file system that lead to nothing."""
    yield from _repositories_of_layers(4, layers)
    yield from (symlink(f"{_ROOT}/strays/{number}", "nothing") for number in range(strays))


def _statements_without_a_tag(artifacts: int, subjects: int) -> Iterator[Member]:
    """Attestations beside a tag, which have neither a tag nor a subject, and share one statement of many subjects."""
    listed_subjects = [{"digest": {"sha256": f"{number:064}"}} for number in range(subjects)]
    body = dumped({"payloadType": IN_TOTO, "payload": b64(dumped({"subject": listed_subjects})), "signatures": []})
    held = {"mediaType": DSSE, "digest": digest(body), "size": len(body)}
    yield from _repositories_of_layers(1, 1)
    yield file(_data(digest(body)), body)
    for number in range(artifacts):
        raw = dumped({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": held, "layers": [held], "n": number})
        yield file(_data(digest(raw)), raw)
        yield _revision("r0", digest(raw))


# Layouts, docker-archives and folders


def _entries(node: Node, count: int) -> list[Node]:
    return [node.described(n=number) for number in range(count)]


def _entries_of_layers(entries: int, layers: int) -> list[Member]:
    return layout(*_entries(Image(layers=[LAYER] * layers).node(), entries))


def _dir_of_layers(entries: int, layers: int) -> list[Member]:
    return skopeo_dir(index(_entries(Image(layers=[LAYER] * layers).node(), entries)))


def _dir_of_nothing(entries: int) -> list[Member]:
    absent = [{"digest": f"sha256:{number:064}", "size": 1} for number in range(entries)]
    raw = listed(*absent)
    return skopeo_dir(Node({"mediaType": OCI_INDEX, "digest": digest(raw), "size": len(raw)}, {digest(raw): raw}))


def _names_of_images(names: int, images: int) -> list[Member]:
    """One index of many images under many names, beside a manifest.json."""
    nodes = [replace(IMAGE, manifest_members={"annotations": {"n": str(number)}}).node() for number in range(images)]
    top = index(nodes)
    entry = {"Config": blob_path(IMAGE.image_id), "RepoTags": ["app:1"], "Layers": [blob_path(LAYER.digest)]}
    roots = (top.annotated(**{CONTAINERD_NAME: f"docker.io/library/a:{number}"}) for number in range(names))
    return [*layout(*roots), file("manifest.json", dumped([entry]))]


def _one_large_config(entries: int) -> list[Member]:
    """Images without layers, all of one config."""
    raw = dumped({"rootfs": {"type": "layers", "diff_ids": []}, "author": "x" * (8 * _MIB - 200)})
    return [
        file("c", raw),
        file("manifest.json", dumped([{"Config": "c", "Layers": [], "RepoTags": None}] * entries)),
    ]


def _parents_of_one_document(names: int) -> Iterator[Member]:
    """Top layers of `repositories` whose documents are links to one large one."""
    tops = {f"t{number}": f"{number:064}" for number in range(names)}
    yield from docker_archive(SAVED, entries=[{**SAVED.entry(), "RepoTags": [f"app:{tag}" for tag in tops]}])
    yield file("large", dumped({"id": "x", "x": 0})[:-2] + _EMPTY + b"}")
    yield from (symlink(f"{top}/json", "../large") for top in tops.values())
    yield file("repositories", dumped({"app": tops}))


def _documents_of_one(count: int) -> Iterator[Member]:
    """Blobs that could be documents of layers, all links to a large one, beside an image of as many layers."""
    entry = {"Config": SAVED.config, "RepoTags": ["app:1"], "Layers": SAVED.layers * count}
    yield from docker_archive(SAVED, entries=[entry])
    yield file("large", b'{"id":"x","x":' + _EMPTY + b"}")
    yield from (symlink(blob_path(f"sha256:{number:064}"), "../../large") for number in range(count))


def _strays_with_a_subject(count: int) -> list[Member]:
    """Blobs that nothing lists, that refer to an image and hold very many values."""
    subject = dumped({"digest": _NODE.digest})
    raws = (b'{"n":%d,"mediaType":"%s","subject":%s,"x":%s}' % (n, OCI_MANIFEST.encode(), subject, _EMPTY)
            for n in range(count))  # fmt: skip
    return layout(_NODE, strays=list(raws))


def _below_folders(levels: int, members: int) -> Iterator[Member]:
    """What is no archive, in a folder in a folder, and so on."""
    yield from (file("a/" * levels + str(number), b"") for number in range(members))


def _repositories_of_names(count: int) -> Iterator[Member]:
    """As many names in `repositories` as in manifest.json, which lead to one chain of layers."""
    texts, layers = old.chain(100), [PLAIN] * 100
    named = {"app": {f"{number}": old.identity(99) for number in range(count)}}
    yield from old.saved(layers, texts, named)
    entry = {"Layers": [f"{old.identity(number)}/layer.tar" for number in range(100)], "Config": "c.json"}
    yield file("c.json", Image(layers=layers).config)
    yield file("manifest.json", dumped([{**entry, "RepoTags": [f"app:{number}" for number in range(count)]}]))


# Old images


def _tops_of_one_base(count: int) -> Iterator[Member]:
    """Layers that all lie upon one whose text makes a config of 6 MiB."""
    base = old.v1(0, None, container_config={"Cmd": ["<" * (_MIB - 500)]})
    yield from (file(f"{old.identity(0)}/{name}", data) for name, data in (("json", base), ("layer.tar", PLAIN.stored)))
    for number in range(1, count):
        yield file(f"{old.identity(number)}/json", old.v1(number, 0))
        yield symlink(f"{old.identity(number)}/layer.tar", f"../{old.identity(0)}/layer.tar")
    yield file("repositories", dumped({}))


def _long_texts(layers: int) -> list[Member]:
    texts = [
        old.v1(number, number - 1 if number else None, container_config={"Cmd": ["<" * (_MIB - 500)]})
        for number in range(layers)
    ]
    return old.saved([PLAIN] * layers, texts)


def _spellings(name: str) -> Iterator[str]:
    """Every spelling that Go takes for a name."""
    kinds = ({char.lower(), char.upper(), *("\u017f" if char in "sS" else "")} for char in name)
    return map("".join, itertools.product(*map(sorted, kinds)))


def _ports_in_every_spelling(layers: int, ports: int) -> list[Member]:
    """Layers that say of one map in each of its thousands of spellings what is in it; only the first has anything."""
    said: Json = {"ExposedPorts": dict.fromkeys(map(str, range(ports)))}
    said |= {key: {} for key in _spellings("ExposedPorts") if key not in said}
    texts = [old.v1(n, n - 1 if n else None, docker_version="1.0", container_config=said) for n in range(layers)]
    return old.saved([PLAIN] * layers, texts)


def _configs_in_every_spelling(layers: int) -> list[Member]:
    said: Json = {key: {} for key in _spellings("container_config")}
    texts = [old.v1(n, n - 1 if n else None, **said) for n in range(layers)]
    return old.saved([PLAIN] * layers, texts)


def _lists_of_texts(layers: int, texts: int) -> list[Member]:
    """Layers with very many texts in arrays and maps, which an old Docker wrote anew."""
    listed_texts = [""] * texts
    said = {"Env": listed_texts, "Cmd": listed_texts, "Labels": dict.fromkeys(map(str, range(texts)), "")}
    made = [old.v1(n, n - 1 if n else None, docker_version="1.0", config=said) for n in range(layers)]
    return old.saved([PLAIN] * layers, made)


def _layers_of_one_file(count: int) -> Iterator[Member]:
    """Layers that are all links to one, which unpacks to much."""
    one = packed(tar([file("large", bytes(100 * _MIB))]), "gzip")
    for number, text in enumerate(old.chain(count)):
        base = old.identity(number)
        yield file(f"{base}/json", text)
        yield (
            symlink(f"{base}/layer.tar", f"../{old.identity(0)}/layer.tar")
            if number
            else file(f"{base}/layer.tar", one.stored)
        )
    yield file("repositories", dumped({"corpus/old": {"1.0": old.identity(count - 1)}}))


def _schema1(count: int, *, throwaway: bool) -> bytes:
    """A manifest of schema 1 of one blob again and again, each line as short as may be."""
    lines = [
        {"id": f"{number:064x}", **({"parent": f"{number - 1:064x}"} if number else {}), "throwaway": throwaway or None}
        for number in range(count)
    ]
    history = [{"v1Compatibility": dumped(one).decode()} for one in reversed(lines)]
    sums = [{"blobSum": PLAIN.digest}] * count
    return dumped({"schemaVersion": 1, "name": "a", "tag": "1", "fsLayers": sums, "history": history})


def _signed(count: int) -> bytes:
    manifest = old.payload([PLAIN])
    cut = manifest.rindex(b"\n}")
    one = {"protected": old.protected(cut, b"\n}")}
    return manifest[:cut] + b',"signatures":' + dumped([one] * count) + b"\n}"


_REGISTRY = (("audit", "--format", "json"), ("convert", "DEST", "--to", "registry-storage"))

CASES: dict[str, Loop] = {
    "repositories-20-000-of-4-000-layers": Loop(
        build=_gzip(lambda: _repositories_of_layers(20_000, 4000)), says="limit-listed"
    ),
    "revisions-400-000-without-a-digest": Loop(build=_gzip(lambda: _links_to_nothing(400_000)), says="limit-listed"),
    "revisions-140-000-without-a-digest": Loop(build=_gzip(lambda: _links_to_nothing(140_000))),
    "revisions-8-000-of-one-document": Loop(build=_gzip(lambda: _revisions_of_one_document(8000))),
    "links-absent-beside-dangling-ones": Loop(build=_gzip(lambda: _unlinked(10_000, 3000))),
    "referrers-4-000-in-35-000-repositories": Loop(
        build=_tar(lambda: referrers_in_repositories(35_000, 4000)), calls=_REGISTRY[::-1]
    ),
    "statements-3-000-without-a-tag": Loop(
        build=_gzip(lambda: _statements_without_a_tag(3000, 7000)), says="limit-listed"
    ),
    "entries-25-000-of-10-000-layers": Loop(
        build=_folder(lambda: _entries_of_layers(25_000, 10_000)), says="limit-listed"
    ),
    "a-dir-of-25-000-entries-of-10-000-layers": Loop(
        build=_folder(lambda: _dir_of_layers(25_000, 10_000)), says="limit-listed"
    ),
    "a-dir-of-44-000-entries": Loop(build=_folder(lambda: _dir_of_nothing(44_000))),
    "names-16-000-of-2-400-images": Loop(build=_tar(lambda: _names_of_images(16_000, 2400)), says="limit-listed"),
    "images-40-000-of-one-config": Loop(build=_tar(lambda: _one_large_config(40_000))),
    "parents-12-000-in-one-document": Loop(
        build=_tar(lambda: _parents_of_one_document(12_000)), says="limit-documents-size"
    ),
    "documents-9-000-that-are-one": Loop(build=_tar(lambda: _documents_of_one(9000))),
    "strays-120-with-a-subject": Loop(build=_gzip(lambda: _strays_with_a_subject(120)), says="limit-values"),
    "names-90-000-in-repositories": Loop(build=_tar(lambda: _repositories_of_names(90_000)), says="limit-listed"),
    "names-40-000-in-repositories": Loop(build=_tar(lambda: _repositories_of_names(40_000)), status=0),
    "tops-4-000-of-one-base": Loop(build=_tar(lambda: _tops_of_one_base(4000)), says="limit-documents-size"),
    "texts-that-go-escapes": Loop(build=_tar(lambda: _long_texts(9))),
    "folders-2-000-around-7-500-members": Loop(
        build=_gzip(lambda: _below_folders(2000, 7500)), says="not-an-archive"
    ),
    "ports-in-9-216-spellings": Loop(build=_tar(lambda: _ports_in_every_spelling(2, 60_000)), says="limit-values"),
    "configs-in-every-spelling": Loop(build=_tar(lambda: _configs_in_every_spelling(4)), status=0),
    "texts-135-000-in-lists": Loop(build=_tar(lambda: _lists_of_texts(1, 45_000)), says="limit-values"),
    "layers-200-of-one-file": Loop(build=_tar(lambda: _layers_of_one_file(200)), status=0),
    "schema-1-of-14-000-steps": Loop(
        build=_folder(lambda: old.schema1_dir(_schema1(14_000, throwaway=True), [PLAIN])), says="config-made"
    ),
    "schema-1-of-30-000-signatures": Loop(build=_folder(lambda: old.schema1_dir(_signed(30_000), [PLAIN])), status=0),
}  # fmt: skip
