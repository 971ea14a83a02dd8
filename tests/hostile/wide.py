"""Archives that are small and mean much work: many paths to one image, many names, links, long texts.

Each is at most `LARGEST` bytes, and what is done with it stays within the bounds of `tests/hostile/process.py`.
"""

import gzip
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from tests.hostile import dense, products, shared
from tests.hostile.parts import IMAGE, LAYER, SAVED, later_folder, listed, referrers_in_repositories
from tests.support.build import (
    CONTAINERD_NAME,
    IN_TOTO,
    OCI_INDEX,
    OCI_MANIFEST,
    REF_NAME,
    Image,
    Json,
    Node,
    artifact,
    blob_path,
    digest,
    docker_archive,
    dumped,
    index,
    layout,
    packed,
)
from tests.support.tar import Member, Style, file, folder, header, symlink, tar, write_tar

#: What is promised for any input of this size, in bytes.
LARGEST = 10_000_000
_NODE = IMAGE.node()
_COSIGN = "dev.cosignproject.cosign"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wide:
    """What is built at a path; `rule` is the limit's that refuses it, empty where it is only much.

    `other` is what a comparison is with, else the archive itself; `calls` are those that it aims at, beside the usual,
    and `alone` the only ones. `sparse` files are left out where a report has the sha256 of the whole file, which costs
    what its holes cost.
    """

    build: Callable[[Path], None]
    rule: str = ""
    sparse: bool = False
    other: Callable[[Path], None] | None = None
    calls: tuple[str, ...] = ()
    alone: tuple[str, ...] = ()


def _tar(make: Callable[[], Iterable[Member]], *, style: Style = Style.USTAR) -> Callable[[Path], None]:
    def build(path: Path) -> None:
        write_tar(path, make(), style=style)

    return build


def _gzip(make: Callable[[], Iterable[Member]]) -> Callable[[Path], None]:
    def build(path: Path) -> None:
        path.write_bytes(gzip.compress(tar(make()), 6))

    return build


# Graphs


def _fan(levels: int, width: int) -> list[Member]:
    """An index that leads to one image by `width` to the `levels` ways."""
    node = _NODE
    for _ in range(levels):
        node = index([node.annotated(n=str(number)) for number in range(width)])
    return layout(node.named("docker.io/library/app:1", "1"))


def _names_of_many_layers(names: int, layers: int) -> list[Member]:
    node = Image(layers=[LAYER] * layers).node()
    return layout(*(node.annotated(**{REF_NAME: f"r{number}"}) for number in range(names)))


def _indexes_of_one_index(tops: int, entries: int) -> list[Member]:
    below = index([_NODE.described(n=number) for number in range(entries)])
    return layout(*(index([below.described(n=number)]).annotated(n=str(number)) for number in range(tops)))


def _listing(entries: Iterable[Json], blobs: dict[str, bytes]) -> Node:
    raw = listed(*entries)
    return Node({"mediaType": OCI_INDEX, "digest": digest(raw), "size": len(raw)}, {**blobs, digest(raw): raw})


def _missing(count: int) -> list[Member]:
    absent = ({**_NODE.descriptor, "digest": f"sha256:{number:064}"} for number in range(count))
    return layout(_listing([_NODE.descriptor, *absent], dict(_NODE.blobs)))


def _images(count: int, layers: int, *, named: bool = False) -> list[Member]:
    made = Image(layers=[LAYER] * layers)
    nodes = [replace(made, manifest_members={"annotations": {"n": str(number)}}).node() for number in range(count)]
    return layout(*(node.annotated(**{REF_NAME: f"r{n}"}) if named else node for n, node in enumerate(nodes)))


def _configs(count: int) -> list[Member]:
    """As many images as there may be, each of another config."""
    return layout(*(Image(layers=[LAYER], config_members={"author": str(number)}).node() for number in range(count)))


def _signatures(count: int) -> list[Member]:
    """Signatures that cosign ties to one name, which as many images have."""
    name = "docker.io/library/app:1"
    node = artifact(b"x", "application/vnd.example.x")
    images = (_NODE.annotated(**{CONTAINERD_NAME: name, "n": str(number)}) for number in range(count))
    kinds = {f"{_COSIGN}/kind": f"{_COSIGN}/sigs", f"{_COSIGN}/imageRef": name}
    return layout(*images, *(node.annotated(**kinds, n=str(number)) for number in range(count)))


def _statements(artifacts: int, subjects: int) -> list[Member]:
    """Attestations that share one statement of many subjects."""
    body = dumped({"subject": [{"digest": {"sha256": f"{number:064}"}} for number in range(subjects)]})
    held = {"mediaType": IN_TOTO, "digest": digest(body), "size": len(body)}
    nodes = []
    for number in range(artifacts):
        held_by = {"config": held, "layers": [held] * 3, "subject": _NODE.descriptor}
        raw = dumped({"schemaVersion": 2, "n": number, **held_by})
        described = {"mediaType": OCI_MANIFEST, "digest": digest(raw), "size": len(raw)}
        nodes.append(Node(described, {digest(raw): raw, digest(body): body}))
    return layout(_NODE, *nodes)


def _referrers(count: int) -> list[Member]:
    """Artifacts that all speak of one image, as roots in the order that suits worst."""
    return layout(*(artifact(b"%d" % n, "application/vnd.example.x", subject=_NODE) for n in range(count)), _NODE)


# Names and texts


def _repo_tags(count: int) -> list[Member]:
    return docker_archive(SAVED, entries=[{**SAVED.entry(), "RepoTags": [f"app:{number}" for number in range(count)]}])


def _entries_of_one_image(count: int) -> list[Member]:
    return docker_archive(SAVED, entries=[{**SAVED.entry(), "RepoTags": [f"app:{number}"]} for number in range(count)])


def _texts(text: str, roots: int) -> list[Member]:
    """One long text wherever a text can stand, under many roots."""
    image = Image(layers=[LAYER], config_members={"os": text, "author": text, "history": [{"created_by": text}]})
    node = image.node()
    held = {**artifact(b"x", "application/vnd.example.x").descriptor, "artifactType": text}
    entries = [node.annotated(n=str(number)).descriptor for number in range(roots)]
    named = node.annotated(**{REF_NAME: text, CONTAINERD_NAME: text}).descriptor
    return [
        file(one.name, dumped({"schemaVersion": 2, "manifests": [named, held, *entries]}))
        if one.name == "index.json"
        else one
        for one in layout(node)
    ]


def _words(first: int) -> list[Member]:
    """Images with texts of one-letter words that are wide, as long as a comparison still lists."""
    texts = [" ".join(chr(0x4E00 + (first + text + number) % 2000) for number in range(900_000)) for text in range(4)]
    nodes = (
        Image(layers=[LAYER], config_members={"author": one, "config": {"Labels": {f"l{first}": other}}}).node()
        for one, other in zip(texts[::2], texts[1::2], strict=True)
    )
    return layout(*(node.named(f"docker.io/library/app:{number}", f"{number}") for number, node in enumerate(nodes)))


def _config(**members: object) -> list[Member]:
    return layout(Image(layers=[LAYER], config_members=members).node().named("docker.io/library/app:1", "1"))


# Members and links


def _growing_links(count: int) -> list[Member]:
    """Layers behind a linked folder whose path grows by as much as a name may have, at each step."""
    links = [symlink("d", "d/" + "x/" * 2000)]
    layers = [f"d/{number}" for number in range(count)]
    return [*docker_archive(SAVED, entries=[{**SAVED.entry(), "Layers": layers}]), *links]


def _dangling_links(count: int, depth: int) -> list[Member]:
    return [*docker_archive(SAVED), *(symlink(f"s{number}", "a/" * depth + "x") for number in range(count))]


def _chained_links(chains: int, length: int) -> list[Member]:
    links = [symlink(f"{chain}.{step}", f"{chain}.{step + 1}") for chain in range(chains) for step in range(length)]
    ends = [file(f"{chain}.{length}", SAVED.image.layers[0].stored) for chain in range(chains)]
    entries = [{**SAVED.entry(), "Layers": [f"{chain}.0"]} for chain in range(chains)]
    return [*docker_archive(SAVED, entries=entries), *links, *ends]


def _strays(count: int, size: int) -> list[Member]:
    """Blobs that nothing leads to."""
    raws = [b"%d" % number * size for number in range(count)]
    return [*layout(_NODE), *(file(blob_path(digest(raw)), raw) for raw in raws)]


def _layers_absent(count: int) -> list[Member]:
    return docker_archive(SAVED, entries=[{**SAVED.entry(), "Layers": [f"l{n}" for n in range(count)]}] * 8)


def _zigzag(count: int) -> list[Member]:
    """Layers behind a link that goes down and up again as often as one look-up may."""
    layers = [f"d/{number}" for number in range(count)]
    ways = [folder("a"), folder("a/b"), symlink("d", "a/b/../../" * 400)]
    return [*docker_archive(SAVED, entries=[{**SAVED.entry(), "Layers": layers}]), *ways]


# Comparisons and registries


def _one_against_many(names: int) -> list[Member]:
    """An image under many names, with a large config and many annotations; compared with `_many_of_the_same_names`."""
    labels = {f"l{number}": "x" for number in range(50_000)}
    said = {f"a{number}": "x" for number in range(20_000)}
    one = Image(
        layers=[LAYER], config_members={"config": {"Labels": labels}}, manifest_members={"annotations": said}
    ).node()
    return layout(*(one.annotated(**{REF_NAME: f"r{number}"}) for number in range(names)))


def _many_of_the_same_names(names: int) -> list[Member]:
    nodes = [Image(layers=[LAYER], config_members={"author": str(number)}).node() for number in range(names)]
    return layout(*(node.annotated(**{REF_NAME: f"r{number}"}) for number, node in enumerate(nodes)))


def _many_layers(count: int, paths: int, names: int, *, mark: str) -> list[Member]:
    """Images, each of one layer of its own with many paths, which are others than those of another `mark`."""
    layers = [
        packed(tar(file(f"{mark}{number}/{path}", b"") for path in range(paths)), "gzip") for number in range(count)
    ]
    nodes = [Image(layers=[layers[number % count]]).node() for number in range(names)]
    return layout(*(node.annotated(**{REF_NAME: f"r{number}"}) for number, node in enumerate(nodes)))


def _repositories(count: int) -> list[Member]:
    """An image under names that are each of another repository."""
    names = [f"a{number}:1" for number in range(count)]
    entry = {"Config": blob_path(IMAGE.image_id), "RepoTags": names, "Layers": [blob_path(LAYER.digest)]}
    return [*layout(_NODE), file("manifest.json", dumped([entry]))]


def _said_of_names(names: int, said: int) -> list[Member]:
    """An image of which much is said, under many names."""
    entry = {
        "Config": blob_path(IMAGE.image_id),
        "RepoTags": [f"app:{number}" for number in range(names)],
        "Layers": [blob_path(LAYER.digest)],
    }
    return [*layout(_NODE.annotated(note="x" * said)), file("manifest.json", dumped([entry]))]


def _doubled_hole(path: Path) -> None:
    """Two members of one name that are 256 GiB of nothing, in a file of a few blocks."""
    size = 256 << 30
    with path.open("wb") as out:
        for member in (file("stray", b""), file("stray", b"")):
            out.write(header(member, size, base256=True))
            out.seek(size, os.SEEK_CUR)
        out.write(tar(docker_archive(SAVED)))


CASES: dict[str, Wide] = {
    "fans-out-in-10-to-the-15-ways": Wide(build=_tar(lambda: _fan(15, 10))),
    "fans-out-300-wide": Wide(build=_tar(lambda: _fan(14, 300))),
    "names-8-000-of-3-000-layers": Wide(build=_tar(lambda: _names_of_many_layers(8000, 3000)), rule="limit-listed"),
    "names-4-000-of-10-layers": Wide(build=_tar(lambda: _names_of_many_layers(4000, 10))),
    "indexes-1-500-of-one-of-10-000": Wide(
        build=_tar(lambda: _indexes_of_one_index(1500, 10_000)), rule="limit-listed"
    ),
    "indexes-700-of-one-of-20": Wide(build=_tar(lambda: _indexes_of_one_index(700, 20))),
    "manifests-missing-20-000": Wide(build=_tar(lambda: _missing(20_000))),
    "images-1-900-of-20-layers": Wide(build=_gzip(lambda: _images(1900, 20, named=True))),
    "configs-2-400": Wide(build=_tar(lambda: _configs(2400))),
    "signatures-6-000-of-one-name": Wide(build=_tar(lambda: _signatures(6000))),
    "statements-4-000-of-8-000-subjects": Wide(build=_tar(lambda: _statements(4000, 8000))),
    "referrers-2-400-of-one-image": Wide(build=_tar(lambda: _referrers(2400))),
    "tags-100-000": Wide(build=_tar(lambda: _repo_tags(100_000)), rule="limit-listed"),
    "tags-40-000": Wide(build=_tar(lambda: _repo_tags(40_000))),
    "entries-20-000-of-one-image": Wide(build=_tar(lambda: _entries_of_one_image(20_000))),
    "texts-of-3-mb": Wide(build=_tar(lambda: _texts("a" * 1_000_000, 1000))),
    "texts-that-are-wide": Wide(build=_tar(lambda: _texts("\u6f22" * 330_000, 1000))),
    "texts-of-slashes": Wide(build=_tar(lambda: _texts("a/" * 500_000, 1000))),
    "texts-of-escapes": Wide(build=_tar(lambda: _texts("\x1b\n" * 150_000, 1000))),
    "words-of-one-letter": Wide(
        build=_gzip(lambda: _words(1)), other=_gzip(lambda: _words(2)), alone=("diff-verbose", "audit-json")
    ),
    "history-of-80-000": Wide(build=_tar(lambda: _config(history=[{"created_by": str(n)} for n in range(80_000)]))),
    "labels-100-000": Wide(build=_tar(lambda: _config(config={"Labels": {f"l{n}": "x" for n in range(100_000)}}))),
    "links-that-grow": Wide(build=_tar(lambda: _growing_links(5000), style=Style.GNU), rule="limit-links"),
    "links-dangling-2-000-deep": Wide(
        build=_tar(lambda: _dangling_links(2000, 2000), style=Style.GNU), rule="limit-links"
    ),
    "links-dangling-15-000": Wide(build=_tar(lambda: _dangling_links(15_000, 20)), rule="link-dangling"),
    "links-in-400-chains": Wide(build=_tar(lambda: _chained_links(400, 38))),
    "blobs-9-000": Wide(build=_tar(lambda: _strays(9000, 1))),
    "blobs-100-000": Wide(build=_gzip(lambda: _strays(100_000, 1)), rule="limit-listed"),
    "blobs-49-000": Wide(build=_gzip(lambda: _strays(49_000, 1))),
    "layers-absent-40-000": Wide(build=_tar(lambda: _layers_absent(5000)), rule="blob-missing"),
    "links-in-a-folder": Wide(build=later_folder(lambda: _zigzag(5000)), rule="limit-links"),
    "one-image-against-2-400": Wide(
        build=_tar(lambda: _one_against_many(2400)),
        other=_tar(lambda: _many_of_the_same_names(2400)),
        calls=("diff-json", "diff-html"),
    ),
    "paths-of-200-layers": Wide(
        build=_tar(lambda: _many_layers(200, 1000, 200, mark="a")),
        other=_tar(lambda: _many_layers(200, 1000, 200, mark="b")),
        calls=("diff-files", "diff-files-json"),
    ),
    "paths-of-2-large-layers": Wide(
        build=_tar(lambda: _many_layers(2, 120_000, 2, mark="a")),
        other=_tar(lambda: _many_layers(2, 120_000, 2, mark="b")),
        calls=("diff-files", "diff-files-json"),
    ),
    "referrers-in-many-repositories": Wide(
        build=_tar(lambda: referrers_in_repositories(2000, 2000, "example.com/")),
        calls=("convert-registry",),
    ),
    "repositories-3-500": Wide(build=_tar(lambda: _repositories(3_500)), alone=("convert-registry", "audit-json")),
    "texts-of-8-000-names": Wide(
        build=_tar(lambda: _said_of_names(8000, 500_000)), calls=("convert-layout", "convert-registry")
    ),
    "a-doubled-hole-of-256-gib": Wide(build=_doubled_hole, sparse=True),
    **{
        name: Wide(build=build, rule=rule, alone=("audit-json", "convert-zstd", "diff", "inspect-files"))
        for name, (build, rule) in dense.BUILT.items()
    },
    **{
        name: Wide(build=build, other=other, rule=rule, alone=calls)
        for name, (build, other, rule, calls) in products.BUILT.items()
    },
    **{
        name: Wide(build=build, rule=rule, other=other, alone=calls)
        for name, (build, rule, other, calls) in shared.BUILT.items()
    },
}
