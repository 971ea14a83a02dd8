"""What cases are made of: one sound image, and ways to change one thing in it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tests.audit.faults import Change
from tests.support.build import (
    ARM64,
    OCI_INDEX,
    OCI_MANIFEST,
    Image,
    Json,
    Node,
    Saved,
    digest,
    docker_archive,
    dumped,
    hexed,
    index,
    layer,
    layout,
    platforms,
)
from tests.support.parts import cut
from tests.support.tar import Member, Style, changed, file, tar, write_folder

BASE = layer({"etc/name": b"base"}, "gzip")
TOP = layer({"bin/app": b"application" * 50}, "gzip")
IMAGE = Image(layers=[BASE, TOP])
ARM = Image(layers=[BASE, layer({"bin/app": b"for arm"}, "gzip")], platform=ARM64)
NAME = "docker.io/corpus/app:1.0"
NODE = IMAGE.node().named(NAME, "1.0")
BOTH = platforms([IMAGE, ARM]).named(NAME, "1.0")
PLAIN = Image(layers=[layer({"etc/name": b"base"}), layer({"bin/app": b"application" * 50})])
SAVED = Saved(image=PLAIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An archive, how it is audited, and of a failing one what is to be found.

    `content` is the members of a tar, or with `folder` those of a folder, or the bytes of a file. With `part_size` the
    tar is cut into parts, of which some are then lost or changed by `afterwards`. `location` is what
    stands behind the archive's own name; `also` are further rules that this one fault breaks by its nature, in a
    passing case the warnings that it earns.
    """

    content: list[Member] | bytes
    folder: bool = False
    part_size: int | None = None
    parity: bool = False
    afterwards: Callable[[Path], object] | None = None
    links: Mapping[str, str] | None = None
    options: tuple[str, ...] = ()
    selector: str = ""
    receipt: bytes | None = None
    have: bytes | None = None
    key: bytes | None = None
    location: str | None = None
    subject: str | None = None
    expected: str | None = None
    found: str | None = None
    also: tuple[str, ...] = ()
    count: int = 1

    def write(self, folder: Path) -> Path:
        """Write the archive."""
        path = folder / "archive"
        if self.part_size is not None and not isinstance(self.content, bytes):
            listed = cut(path, tar(self.content, style=Style.GNU), self.part_size, parity=self.parity)
            if self.afterwards is not None:
                self.afterwards(folder)
            return listed
        if isinstance(self.content, bytes):
            path.write_bytes(self.content)
        elif self.folder:
            write_folder(path, self.content)
        else:
            path.write_bytes(tar(self.content, style=Style.GNU))
        for name, target in (self.links or {}).items():
            (path / name).symlink_to(target)
        return path

    def arguments(self, folder: Path) -> list[str | Path]:
        """Give the arguments of the call."""
        path = self.write(folder)
        given: list[str | Path] = [f"{path}#{self.selector}" if self.selector else path, *self.options]
        if self.receipt is not None:
            (folder / "receipt.json").write_bytes(self.receipt)
            given += ["--receipt", folder / "receipt.json"]
        if self.have is not None:
            (folder / "have").write_bytes(self.have)
            given += ["--have", folder / "have"]
        if self.key is not None:
            (folder / "key.pub").write_bytes(self.key)
            given += ["--key", folder / "key.pub"]
        return given


def same(data: bytes) -> bytes:
    """Change nothing."""
    return data


def described(data: bytes, media_type: str, blobs: Mapping[str, bytes], **members: object) -> Node:
    """Make a node of the bytes of a document."""
    return Node(
        {"mediaType": media_type, "digest": digest(data), "size": len(data), **members}, {**blobs, digest(data): data}
    )


def made(image: Image = IMAGE, *, config: Change = same, manifest: Change = same, **members: object) -> Node:
    """Make an image whose config and manifest are changed, everything above them hashed anew."""
    node = image.node()
    body = config(image.config)
    document = node.document
    document["config"] |= {"digest": digest(body), "size": len(body)}
    blobs = {name: data for name, data in node.blobs.items() if name not in {node.digest, image.image_id}}
    return described(manifest(dumped(document)), node.descriptor["mediaType"], {**blobs, digest(body): body}, **members)


def listed(node: Node, change: Change) -> Node:
    """Change an index, the descriptor following."""
    blobs = {name: data for name, data in node.blobs.items() if name != node.digest}
    data = change(node.blobs[node.digest])
    members = {key: value for key, value in node.descriptor.items() if key not in {"mediaType", "digest", "size"}}
    return described(data, node.descriptor["mediaType"], blobs, **members)


def entry(change: Change, *roots: Node) -> list[Member]:
    """Make a layout whose index.json is changed."""
    members = layout(*(roots or (NODE,)))
    return changed(members, "index.json", change(next(m.data for m in members if m.name == "index.json")))


def saved(change: Change, one: Saved = SAVED) -> list[Member]:
    """Make a docker-archive whose manifest.json is changed."""
    return changed(docker_archive(one), "manifest.json", change(dumped([one.entry()])))


def without(members: list[Member], *names: str) -> list[Member]:
    """Leave members out."""
    if not set(names) <= {one.name for one in members}:
        raise LookupError(names)
    return [one for one in members if one.name not in names]


def nested(depth: int, node: Node = NODE) -> Node:
    """Put an index around a node, as often as asked."""
    for _ in range(depth):
        node = index([replace(node, descriptor={key: node.descriptor[key] for key in ("mediaType", "digest", "size")})])
    return node


def manifest_of(descriptor: Json, *layers: Json, **members: object) -> bytes:
    """Make a manifest's bytes of descriptors."""
    return dumped({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": descriptor, "layers": [*layers], **members})


def blob_of(data: bytes, algorithm: str = "sha256") -> Member:
    """Make the member of a blob in a layout."""
    name = digest(data, algorithm)
    return file(f"blobs/{algorithm}/{hexed(name)}", data)


def index_of(*descriptors: Json, **members: object) -> bytes:
    """Make an index's bytes of descriptors."""
    return dumped({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [*descriptors], **members})
