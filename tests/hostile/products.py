"""Archives that are small and in which two counts meet: images and what their config says, names and entries.

Each is at most `LARGEST` bytes of `tests/hostile/wide.py`, and would mean hundreds of millions of steps, or gigabytes,
where a step was taken for each pair.
"""

import gzip
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from tests.hostile.parts import IMAGE, LAYER, SAVED
from tests.support.build import (
    AMD64,
    ARM64,
    CONTAINERD_NAME,
    IN_TOTO,
    OCI_CONFIG,
    OCI_FOREIGN,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    REF_NAME,
    Image,
    Json,
    Node,
    digest,
    docker_archive,
    dumped,
    hexed,
    index,
    layout,
)
from tests.support.tar import Member, file, symlink, tar, write_tar

Build = Callable[[Path], None]
_NAME = ("docker.io/library/app:1", "1")
_NODE = IMAGE.node()
_NAMED = _NODE.named(*_NAME)


def _plain(make: Callable[[], Iterable[Member]]) -> Build:
    def build(path: Path) -> None:
        write_tar(path, make())

    return build


def _gzip(make: Callable[[], Iterable[Member]]) -> Build:
    def build(path: Path) -> None:
        path.write_bytes(gzip.compress(tar(make()), 6))

    return build


def _document(document: Json, media_type: str, blobs: dict[str, bytes]) -> Node:
    raw = dumped(document)
    return Node({"mediaType": media_type, "digest": digest(raw), "size": len(raw)}, {**blobs, digest(raw): raw})


def _of_one_config(count: int, **members: object) -> list[Member]:
    """Images, each of a manifest of its own, that share a config."""
    config = dumped({"architecture": "amd64", "os": "linux", "config": {}, **members})
    told = {"mediaType": OCI_CONFIG, "digest": digest(config), "size": len(config)}
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": told, "layers": [LAYER.descriptor("oci")]}
    blobs = {digest(config): config, LAYER.digest: LAYER.stored}
    noted = ({**document, "annotations": {"n": str(number)}} for number in range(count))
    return layout(*(_document(one, OCI_MANIFEST, blobs) for one in noted))


def _diff_ids(count: int) -> Json:
    return {"rootfs": {"type": "layers", "diff_ids": [LAYER.diff_id] * count}}


def _platforms(count: int, **members: object) -> list[Member]:
    """One image under so many platforms, which the index alone tells apart."""
    node = Image(layers=[LAYER], config_members=members).node()
    entries = [node.described(platform={"os": f"o{number}", "architecture": "a"}) for number in range(count)]
    return layout(index(entries).named(*_NAME))


def _members_of_an_index(members: int, roots: int) -> list[Member]:
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [_NODE.descriptor]}
    said = {f"a{number}": 1 for number in range(members)}
    return layout(*[_document({**document, **said}, OCI_INDEX, dict(_NODE.blobs))] * roots)


def _one_index_in_another(entries: int, below: int) -> list[Member]:
    return layout(index([index([_NODE] * below)] * entries).named(*_NAME))


def _one_ref_name(count: int) -> list[Member]:
    names = (f"docker.io/library/a:{number}" for number in range(count))
    return layout(*(_NODE.annotated(**{REF_NAME: "1", CONTAINERD_NAME: name}) for name in names))


def _annotations_that_are_untrue(count: int) -> list[Member]:
    one = replace(LAYER, members={"annotations": {f"io.containers.estargz.{number}": "" for number in range(count)}})
    return layout(Image(layers=[one]).node().named(*_NAME))


def _statements_alone(artifacts: int, subjects: int) -> list[Member]:
    """Attestations without a subject, as `cosign save` writes them, that share one statement of many subjects."""
    body = dumped({"subject": [{"digest": {"sha256": f"{number:064}"}} for number in range(subjects)]})
    held = {"mediaType": IN_TOTO, "digest": digest(body), "size": len(body)}
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": held, "layers": [held]}
    nodes = (_document({**document, "n": number}, OCI_MANIFEST, {digest(body): body}) for number in range(artifacts))
    return layout(_NAMED, *(node.annotated(kind="dev.cosignproject.cosign/atts") for node in nodes))


def _links_beside_absent_layers(links: int, layers: int) -> list[Member]:
    entries = [{**SAVED.entry(), "Layers": [f"l{e}.{n}" for n in range(layers // 8)]} for e in range(8)]
    return [*docker_archive(SAVED, entries=entries), *(symlink(f"s{number}", "nowhere") for number in range(links))]


def _names_that_are_alike(count: int) -> list[Member]:
    spelled = (hexed(digest(str(number).encode())) * 3 for number in range(count))
    return layout(*(_NODE.annotated(**{REF_NAME: name}) for name in spelled))


def _urls_of_an_absent_layer(names: int, urls: int) -> list[Member]:
    one = replace(LAYER, media_type=OCI_FOREIGN, members={"urls": ["a:b"] * urls}, stored=b"elsewhere", absent=True)
    node = Image(layers=[LAYER, one]).node()
    return layout(*(node.annotated(**{REF_NAME: f"r{number}"}) for number in range(names)))


def _index_under_names(names: int, said: int, notes: int) -> list[Member]:
    """An index that says much, or much of an image, and of which less is selected by platform."""
    made = [Image(layers=[LAYER], platform=one, config_members={"author": str(one)}).node() for one in (AMD64, ARM64)]
    made[0] = made[0].annotated(**{f"a{number}": "" for number in range(notes)})
    more = [] if notes else [Image(layers=[LAYER], config_members={"author": "more"}).node()]
    top = index([*made, *more], members={"annotations": {"x": "y" * said}})
    return layout(*(top.annotated(**{REF_NAME: f"r{number}"}) for number in range(names)))


def _delta(count: int) -> list[Member]:
    """An image of layers that a delta leaves out."""
    layers = [{"mediaType": OCI_LAYER, "digest": f"sha256:{number:064}", "size": 1} for number in range(count)]
    rootfs = {"type": "layers", "diff_ids": [one["digest"] for one in layers]}
    config = dumped({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs})
    told = {"mediaType": OCI_CONFIG, "digest": digest(config), "size": len(config)}
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": told, "layers": layers}
    left = [{"digest": one["digest"], "size": 1, "media_type": OCI_LAYER, "diff_id": one["digest"]} for one in layers]
    node = _document(document, OCI_MANIFEST, {digest(config): config}).named(*_NAME)
    return [*layout(node), file("delta.json", dumped({"schema_version": 1, "left_out": left}))]


#: By name: how it is built, what it is compared with (None: itself), the rule that refuses it, and the calls.
BUILT: dict[str, tuple[Build, Build | None, str, tuple[str, ...]]] = {
    "diff-ids-100-000-of-2-400-images": (
        _gzip(lambda: _of_one_config(2400, **_diff_ids(100_000))), None, "diff-id-count",
        ("audit-json", "convert-layout"),
    ),
    "features-100-000-of-2-400-images": (
        _plain(lambda: _of_one_config(2400, **_diff_ids(1), **{"os.features": ["a"] * 100_000})), None, "",
        ("audit-json", "index-create"),
    ),
    "platforms-15-000-of-one-history": (
        _plain(lambda: _platforms(15_000, history=[{}] * 60_000)), None, "", ("diff",),
    ),
    "platforms-15-000-of-a-large-config": (
        _plain(lambda: _platforms(15_000, author="a", x="y" * 3_000_000)),
        _plain(lambda: _platforms(15_000, author="b", x="y" * 3_000_000)), "", ("diff",),
    ),
    "members-100-000-of-an-index-of-16-000-names": (
        _plain(lambda: _members_of_an_index(100_000, 16_000)), None, "", ("index-create",),
    ),
    "entries-20-000-to-one-index-of-12-000": (
        _plain(lambda: _one_index_in_another(20_000, 12_000)), None, "",
        ("convert-docker-types", "convert-rehearsed"),
    ),
    "entries-12-500-of-one-ref-name": (
        _plain(lambda: _one_ref_name(12_500)), None, "", ("convert-by-tag", "index-create"),
    ),
    "annotations-35-000-that-are-untrue": (
        _plain(lambda: _annotations_that_are_untrue(35_000)), None, "", ("convert-zstd",),
    ),
    "statements-3-000-without-a-subject": (
        _plain(lambda: _statements_alone(3000, 11_000)), None, "limit-listed",
        ("audit-json", "convert-platform", "index-create", "diff"),
    ),
    "links-60-000-to-nothing-beside-40-000-absent-layers": (
        _gzip(lambda: _links_beside_absent_layers(60_000, 40_000)), None, "link-dangling", ("convert-layout", "diff"),
    ),
    "names-10-000-that-are-alike": (
        _plain(lambda: _names_that_are_alike(10_000)), None, "", ("convert-absent", "audit-absent"),
    ),
    "history-100-000-of-2-400-images": (
        _plain(lambda: _of_one_config(2400, **_diff_ids(1), history=[{}] * 100_000)), None, "",
        ("audit-json", "inspect-verbose", "diff"),
    ),
    "urls-100-000-of-12-000-names": (
        _plain(lambda: _urls_of_an_absent_layer(12_000, 100_000)), None, "", ("audit-json", "convert-layout"),
    ),
    "index-of-3-mb-under-7-000-names": (
        _plain(lambda: _index_under_names(7000, 3_500_000, 0)), None, "", ("convert-platform",),
    ),
    "annotations-100-000-below-9-000-names": (
        _plain(lambda: _index_under_names(9000, 0, 100_000)), None, "limit-listed", ("audit-json", "convert-platform"),
    ),
    "delta-of-9-000-layers": (
        _plain(lambda: _delta(9000)), None, "", ("audit-base", "audit-have"),
    ),
}  # fmt: skip
