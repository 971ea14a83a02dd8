"""A sound image, whole and in parts, for cases to spoil."""

from collections.abc import Callable, Iterable
from pathlib import Path

from tests.hostile.case import Build
from tests.support.build import (
    OCI_INDEX,
    Image,
    Json,
    Saved,
    artifact,
    blob_path,
    docker_archive,
    dumped,
    layer,
    layout,
)
from tests.support.tar import Member, file, write_folder, write_tar

LAYER = layer({"etc/a": b"a" * 100}, "gzip")
PLAIN = layer({"etc/a": b"a" * 100})
IMAGE = Image(layers=[LAYER])
SAVED = Saved(image=Image(layers=[PLAIN]))
MARKER = file("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')


def saved() -> list[Member]:
    """A sound `docker save`."""
    return docker_archive(SAVED)


def laid_out() -> list[Member]:
    """A sound layout."""
    return layout(IMAGE.node().named("docker.io/library/app:1", "1"))


def archive(members: Iterable[Member]) -> Build:
    """Build a tar of members."""
    kept = list(members)
    return later(lambda: kept)


def folder(members: Iterable[Member]) -> Build:
    """Build a folder of members."""
    kept = list(members)
    return later_folder(lambda: kept)


def later(make: Callable[[], Iterable[Member]]) -> Build:
    """Build a tar of members that are made when they are needed, for they are large."""

    def build(path: Path) -> None:
        write_tar(path, make())

    return build


def later_folder(make: Callable[[], Iterable[Member]]) -> Build:
    """Build a folder of members that are made when they are needed."""

    def build(path: Path) -> None:
        write_folder(path, make())

    return build


def referrers_in_repositories(names: int, referrers: int, host: str = "") -> list[Member]:
    """Make referrers of an image of so many names, each of another repository."""
    tags = [f"{host}a{number}:1" for number in range(names)]
    entry = {"Config": blob_path(IMAGE.image_id), "RepoTags": tags, "Layers": [blob_path(LAYER.digest)]}
    node = IMAGE.node()
    every = (artifact(b"%d" % number, "application/vnd.example.x", subject=node) for number in range(referrers))
    return [*layout(node, *every), file("manifest.json", dumped([entry]))]


def manifest_json(raw: bytes) -> list[Member]:
    """A `docker save` whose entry document is any bytes."""
    return [file(one.name, raw) if one.name == "manifest.json" else one for one in saved()]


def index_json(raw: bytes) -> list[Member]:
    """A layout whose entry document is any bytes."""
    return [file(one.name, raw) if one.name == "index.json" else one for one in laid_out()]


def entry(**members: object) -> list[Member]:
    """A `docker save` with members of its one entry changed."""
    return docker_archive(SAVED, entries=[{**SAVED.entry(), **members}])


def listed(*descriptors: Json) -> bytes:
    """An index.json over descriptors."""
    return dumped({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": list(descriptors)})


def at(path: Path, data: bytes) -> None:
    """Write a file, the folders above it as needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
