"""Images and archives as producers write them, built from their parts.

Nothing here imports the package: a builder that shared code with the reader would share its mistakes.
"""

import base64
import gzip
import hashlib
import importlib
import itertools
import json
import zlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import zstandard

from tests.support.tar import Member, file, tar

Json = dict[str, Any]
Codec = Literal["none", "gzip", "zstd"]
Family = Literal["oci", "docker"]

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
OCI_FOREIGN = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
OCI_EMPTY = "application/vnd.oci.empty.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar"
DOCKER_FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
IN_TOTO = "application/vnd.in-toto+json"
COSIGN_SIGNATURE = "application/vnd.dev.cosign.simplesigning.v1+json"

REF_NAME = "org.opencontainers.image.ref.name"
CONTAINERD_NAME = "io.containerd.image.name"
REFERENCE_TYPE, REFERENCE_DIGEST = "vnd.docker.reference.type", "vnd.docker.reference.digest"

LAYER_TYPES: dict[tuple[Family, Codec], str] = {
    ("oci", "none"): OCI_LAYER,
    ("oci", "gzip"): OCI_LAYER + "+gzip",
    ("oci", "zstd"): OCI_LAYER + "+zstd",
    ("docker", "none"): DOCKER_LAYER,
    ("docker", "gzip"): DOCKER_LAYER + ".gzip",
}


def digest(data: bytes, algorithm: str = "sha256") -> str:
    """Name bytes by any algorithm that is at hand; blake3 only where its module is."""
    if algorithm == "blake3":
        return f"blake3:{importlib.import_module('blake3').blake3(data).hexdigest()}"
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


def hexed(value: str) -> str:
    """Give what stands after the colon of a digest."""
    return value.partition(":")[2]


def sha256(data: bytes) -> str:
    """Give the digits of the sha256 of bytes."""
    return hashlib.sha256(data).hexdigest()


def dumped(document: object) -> bytes:
    """Write JSON in the one way that keeps a builder's digests stable."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def pieces(data: bytes, count: int) -> list[bytes]:
    """Cut into `count` parts, none of them empty while there are bytes enough."""
    cuts = [len(data) * n // count for n in range(count + 1)]
    return [data[a:b] for a, b in itertools.pairwise(cuts)]


def gzipped(data: bytes, *, members: int = 1, level: int = 6, name: bytes = b"") -> bytes:
    """Compress into one or several gzip members; `name` is the file name that a header may carry."""
    out = b""
    for piece in pieces(data, members):
        if not name:
            out += gzip.compress(piece, compresslevel=level, mtime=0)
            continue
        raw = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
        tail = zlib.crc32(piece).to_bytes(4, "little") + len(piece).to_bytes(4, "little")
        out += b"\x1f\x8b\x08\x08" + bytes(4) + b"\x00\xff" + name + b"\0" + raw.compress(piece) + raw.flush() + tail
    return out


def skippable(data: bytes) -> bytes:
    """Make a zstd frame that decoders must pass over."""
    return b"\x50\x2a\x4d\x18" + len(data).to_bytes(4, "little") + data


def zstded(data: bytes, *, frames: int = 1, level: int = 3, sized: bool = True, before: bytes = b"") -> bytes:
    """Compress into one or several zstd frames, `before` set in front as it is."""
    return before + b"".join(
        zstandard.ZstdCompressor(level=level, write_content_size=sized).compress(piece)
        for piece in pieces(data, frames)
    )


@dataclass(frozen=True, slots=True)
class Platform:
    """What an image runs on, as descriptors and configs spell it."""

    os: str = "linux"
    architecture: str = "amd64"
    variant: str = ""

    def members(self) -> Json:
        """Give the object of a descriptor."""
        value = {"architecture": self.architecture, "os": self.os}
        return value | {"variant": self.variant} if self.variant else value

    def __str__(self) -> str:
        """Spell it as people do."""
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


AMD64, ARM64, ARMV7 = Platform(), Platform(architecture="arm64"), Platform(architecture="arm", variant="v7")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One layer: the tar, and how it is stored."""

    plain: bytes
    stored: bytes
    codec: Codec = "none"
    media_type: str = ""
    members: Mapping[str, Any] = field(default_factory=dict)
    algorithm: str = "sha256"
    absent: bool = False

    @property
    def diff_id(self) -> str:
        """Give the digest of the tar."""
        return digest(self.plain)

    @property
    def digest(self) -> str:
        """Give the digest of what is stored."""
        return digest(self.stored, self.algorithm)

    def descriptor(self, family: Family) -> Json:
        """Describe it; Docker has no media type for zstd, so a test that wants one names it."""
        media_type = self.media_type or LAYER_TYPES[family, self.codec]
        return {"mediaType": media_type, "digest": self.digest, "size": len(self.stored), **self.members}


def layer(
    content: Mapping[str, bytes],
    codec: Codec = "none",
    *,
    parts: int = 1,
    before: bytes = b"",
    media_type: str = "",
    members: Mapping[str, object] | None = None,
) -> Layer:
    """Make a layer with these files, in `parts` gzip members or zstd frames."""
    return packed(
        tar(file(name, data) for name, data in content.items()),
        codec,
        parts=parts,
        before=before,
        media_type=media_type,
        members=members,
    )


def packed(
    plain: bytes,
    codec: Codec,
    *,
    parts: int = 1,
    before: bytes = b"",
    media_type: str = "",
    members: Mapping[str, object] | None = None,
) -> Layer:
    """Make a layer of a tar that is there already."""
    match codec:
        case "none":
            stored = plain
        case "gzip":
            stored = gzipped(plain, members=parts)
        case "zstd":
            stored = zstded(plain, frames=parts, before=before)
    return Layer(plain=plain, stored=stored, codec=codec, media_type=media_type, members=members or {})


@dataclass(frozen=True, slots=True)
class Node:
    """A descriptor, with every blob that stands under it."""

    descriptor: Json
    blobs: Mapping[str, bytes]

    @property
    def digest(self) -> str:
        """Give the digest that the descriptor claims."""
        return str(self.descriptor["digest"])

    @property
    def document(self) -> Json:
        """Parse the blob that the descriptor names."""
        value = json.loads(self.blobs[self.digest])
        if not isinstance(value, dict):
            raise TypeError(self.digest)
        return value

    def described(self, **members: object) -> "Node":
        """Add members to the descriptor, which is its parent's business and so changes no digest of its own."""
        return replace(self, descriptor=self.descriptor | members)

    def annotated(self, **annotations: str) -> "Node":
        """Add annotations to the descriptor."""
        if not annotations:
            return self
        return self.described(annotations=self.descriptor.get("annotations", {}) | annotations)

    def named(self, reference: str = "", ref_name: str = "") -> "Node":
        """Name it as BuildKit does: the full name for containerd, the tag for the ref.name."""
        names = {CONTAINERD_NAME: reference, REF_NAME: ref_name}
        old = self.descriptor.get("annotations", {})
        return self.described(annotations=old | {key: value for key, value in names.items() if value})


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One image of one platform."""

    layers: Sequence[Layer] = ()
    platform: Platform | None = AMD64
    family: Family = "oci"
    config_members: Mapping[str, Any] = field(default_factory=dict)
    manifest_members: Mapping[str, Any] = field(default_factory=dict)
    config_descriptor: Mapping[str, Any] = field(default_factory=dict)
    algorithm: str = "sha256"

    @property
    def diff_ids(self) -> list[str]:
        """Give the digests of the tars, in order."""
        return [one.diff_id for one in self.layers]

    @property
    def config(self) -> bytes:
        """Give the config's bytes, with a space after the first brace as no JSON library writes them."""
        platform = self.platform.members() if self.platform else {}
        history = [{"created_by": f"step {n}"} for n, _ in enumerate(self.layers)]
        rootfs = {"type": "layers", "diff_ids": self.diff_ids}
        document = {**platform, "config": {}, "rootfs": rootfs, "history": history, **self.config_members}
        return b"{ " + dumped(document)[1:]

    @property
    def image_id(self) -> str:
        """Give the digest of the config."""
        return digest(self.config)

    def node(self, **members: object) -> Node:
        """Make the manifest, and the descriptor with these members added."""
        oci = self.family == "oci"
        config = {
            "mediaType": OCI_CONFIG if oci else DOCKER_CONFIG,
            "digest": self.image_id,
            "size": len(self.config),
            **self.config_descriptor,
        }
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST if oci else DOCKER_MANIFEST,
            "config": config,
            "layers": [one.descriptor(self.family) for one in self.layers],
            **self.manifest_members,
        }
        blobs = {one.digest: one.stored for one in self.layers if not one.absent} | {self.image_id: self.config}
        return _node(document, blobs, self.algorithm, members)


def index(
    children: Iterable[Node],
    *,
    family: Family = "oci",
    algorithm: str = "sha256",
    members: Mapping[str, object] | None = None,
) -> Node:
    """Make an index, or a manifest list, over what is given; `members` are added to the document."""
    nodes = list(children)
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX if family == "oci" else DOCKER_LIST,
        "manifests": [node.descriptor for node in nodes],
        **(members or {}),
    }
    blobs = {name: data for node in nodes for name, data in node.blobs.items()}
    return _node(document, blobs, algorithm, {})


def tag_of(node: Node) -> str:
    """Give the tag of the index that lists what refers to a manifest."""
    return node.digest.replace(":", "-")


def edited(node: Node, change: Callable[[Json], object]) -> Node:
    """Change the document of a node; its descriptor has the new digest and size, and is else as it was."""
    document = node.document
    change(document)
    blobs = {name: data for name, data in node.blobs.items() if name != node.digest}
    data = dumped(document)
    return Node({**node.descriptor, "digest": digest(data), "size": len(data)}, {**blobs, digest(data): data})


def platforms(images: Iterable[Image], *, members: Mapping[str, object] | None = None) -> Node:
    """Make the index of one image for several platforms; `members` are added to the document."""
    made = list(images)
    nodes = [one.node(platform=one.platform.members()) if one.platform else one.node() for one in made]
    return index(nodes, family=made[0].family, members=members)


def attestation(subject: Node, statement: bytes = b"") -> Node:
    """Make what BuildKit sets beside an image: an in-toto statement under a config that looks like an image's."""
    body = statement or dumped(
        {
            "_type": "https://in-toto.io/Statement/v0.1",
            "subject": [{"name": "_", "digest": {"sha256": hexed(subject.digest)}}],
            "predicateType": "https://slsa.dev/provenance/v0.2",
            "predicate": {},
        }
    )
    config = dumped(
        {
            "architecture": "unknown",
            "os": "unknown",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [digest(body)]},
        }
    )
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": OCI_CONFIG, "digest": digest(config), "size": len(config)},
        "layers": [
            {
                "mediaType": IN_TOTO,
                "digest": digest(body),
                "size": len(body),
                "annotations": {"in-toto.io/predicate-type": "https://slsa.dev/provenance/v0.2"},
            }
        ],
    }
    annotations = {REFERENCE_DIGEST: subject.digest, REFERENCE_TYPE: "attestation-manifest"}
    platform = {"architecture": "unknown", "os": "unknown"}
    return _node(
        document,
        {digest(body): body, digest(config): config},
        "sha256",
        {"annotations": annotations, "platform": platform},
    )


def artifact(content: bytes, artifact_type: str, *, subject: Node | None = None, inline: bool = True) -> Node:
    """Make what oras writes: content under the empty config, perhaps speaking of another manifest."""
    empty = {"mediaType": OCI_EMPTY, "digest": digest(b"{}"), "size": 2}
    if inline:
        empty |= {"data": base64.b64encode(b"{}").decode()}
    document: Json = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": artifact_type,
        "config": empty,
        "layers": [{"mediaType": "application/octet-stream", "digest": digest(content), "size": len(content)}],
    }
    if subject is not None:
        document["subject"] = {key: subject.descriptor[key] for key in ("mediaType", "digest", "size")}
    blobs = {digest(content): content, digest(b"{}"): b"{}"}
    return _node(document, blobs, "sha256", {"artifactType": artifact_type})


def signature(subject: Node, signed: str = "MEUCIQ==") -> Node:
    """Make what cosign stores beside an image, its layer no tar under a config that looks like an image's."""
    payload = dumped({"critical": {"image": {"docker-manifest-digest": subject.digest}}, "optional": None})
    rootfs = {"type": "layers", "diff_ids": [digest(payload)]}
    config = dumped({"architecture": "", "os": "", "config": {}, "rootfs": rootfs})
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": OCI_CONFIG, "digest": digest(config), "size": len(config)},
        "layers": [
            {
                "mediaType": COSIGN_SIGNATURE,
                "digest": digest(payload),
                "size": len(payload),
                "annotations": {"dev.cosignproject.cosign/signature": signed},
            }
        ],
    }
    return _node(document, {digest(payload): payload, digest(config): config}, "sha256", {})


def build_cache(layers: Iterable[Layer]) -> Node:
    """Make BuildKit's cache (cache/remotecache/export.go, without image-manifest=true): an index that lists blobs."""
    made = list(layers)
    config = dumped({"layers": [{"blob": one.digest, "parent": -1} for one in made], "records": []})
    listed = [
        blob(one.stored, LAYER_TYPES["oci", one.codec], annotations={"buildkit/createdat": "2026"}) for one in made
    ]
    return index([*listed, blob(config, "application/vnd.buildkit.cacheconfig.v0")])


def blob(data: bytes, media_type: str, **members: object) -> Node:
    """Make a descriptor of any bytes."""
    described = {"mediaType": media_type, "digest": digest(data), "size": len(data)}
    return Node(described | members, {digest(data): data})


def blob_path(value: str) -> str:
    """Give the place of a blob in an OCI layout."""
    algorithm, _, encoded = value.partition(":")
    return f"blobs/{algorithm}/{encoded}"


def layout(
    *roots: Node, strays: Collection[bytes] = (), without: Collection[str] = (), **members: object
) -> list[Member]:
    """Make an OCI layout; `without` leaves blobs out, `strays` adds some that nothing names."""
    blobs = {name: data for root in roots for name, data in root.blobs.items() if name not in without}
    blobs |= {digest(data): data for data in strays}
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [root.descriptor for root in roots]} | members
    return [
        *(file(blob_path(name), blobs[name]) for name in sorted(blobs)),
        file("oci-layout", b'{"imageLayoutVersion":"1.0.0"}'),
        file("index.json", dumped(document)),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """An entry of manifest.json, with the names its files have; where none are given, those of Docker before 25."""

    image: Image
    tags: Sequence[str] | None = ("corpus/app:1.0",)
    config_name: str = ""
    layer_names: Sequence[str] = ()

    @property
    def config(self) -> str:
        """Give the name of the config's file."""
        return self.config_name or f"{hexed(self.image.image_id)}.json"

    @property
    def layers(self) -> list[str]:
        """Give the names of the layers' files."""
        return list(self.layer_names) or [f"{hexed(one.diff_id)}/layer.tar" for one in self.image.layers]

    def entry(self) -> Json:
        """Give the object that stands in manifest.json."""
        tags = None if self.tags is None else list(self.tags)
        return {"Config": self.config, "RepoTags": tags, "Layers": self.layers}

    def files(self) -> dict[str, bytes]:
        """Give the files that the entry names, each once."""
        stored = zip(self.layers, self.image.layers, strict=True)
        return {name: one.stored for name, one in stored} | {self.config: self.image.config}


def docker_archive(*saved: Saved, entries: object = None, repositories: bool = False) -> list[Member]:
    """Make a `docker save` without index.json; `entries` takes the place of what follows from `saved`."""
    files = {name: data for one in saved for name, data in one.files().items()}
    document = [one.entry() for one in saved] if entries is None else entries
    made = [file(name, data) for name, data in files.items()]
    made.append(file("manifest.json", dumped(document) + b"\n"))
    if repositories:
        tags: dict[str, dict[str, str]] = {}
        for one in saved:
            for tag in one.tags or ():
                name, _, version = tag.rpartition(":")
                tags.setdefault(name, {})[version] = "0" * 64
        made.append(file("repositories", dumped(tags) + b"\n"))
    return made


def hybrid(*saved: Saved, family: Family = "oci", manifests: object = None, **members: object) -> list[Member]:
    """Make a `docker save` of version 25 and newer: an OCI layout with manifest.json beside index.json."""
    roots, entries = [], []
    for one in saved:
        node = replace(one.image, family=family).node()
        named = [node.named(f"docker.io/{tag}", tag.rpartition(":")[2]) for tag in one.tags or ()]
        roots += named or [node]
        files = [blob_path(layer.digest) for layer in one.image.layers]
        entries.append(
            {
                "Config": blob_path(one.image.image_id),
                "RepoTags": None if one.tags is None else list(one.tags),
                "Layers": files,
                **members,
            }
        )
    made = layout(*roots)
    if manifests is not None:
        made = layout(*roots, manifests=None if manifests == "null" else manifests)
    return [*made, file("manifest.json", dumped(entries))]


def skopeo_dir(root: Node, *, signatures: Sequence[bytes] = ()) -> list[Member]:
    """Make the flat folder that `skopeo copy ... dir:` writes: blobs by bare hex, manifests under an index by name."""
    made = [file("version", b"Directory Transport Version: 1.1\n"), file("manifest.json", root.blobs[root.digest])]
    below = {d["digest"] for d in root.document.get("manifests", ())}
    for name, data in root.blobs.items():
        if name != root.digest:
            made.append(file(hexed(name) + (".manifest.json" if name in below else ""), data))
    made += [file(f"signature-{n}", data) for n, data in enumerate(signatures, 1)]
    return made


def version_one(image: Image, tag: str = "corpus/app:1.0") -> list[Member]:
    """Make what Docker wrote before 1.10: a chain of folders and `repositories`, no manifest.json."""
    name, _, version = tag.rpartition(":")
    made, parent = [], ""
    for one in image.layers:
        identity = hexed(digest((parent + one.diff_id).encode()))
        about = {"id": identity, "created": "2016-01-01T00:00:00Z", "os": "linux", "architecture": "amd64"}
        made += [
            file(f"{identity}/VERSION", b"1.0"),
            file(f"{identity}/json", dumped(about | ({"parent": parent} if parent else {}))),
            file(f"{identity}/layer.tar", one.stored),
        ]
        parent = identity
    made.append(file("repositories", dumped({name: {version: parent}})))
    return made


def _node(document: Json, blobs: Mapping[str, bytes], algorithm: str, members: Mapping[str, object]) -> Node:
    data = dumped(document)
    name = digest(data, algorithm)
    described = {"mediaType": document["mediaType"], "digest": name, "size": len(data)}
    return Node({**described, **members}, {**blobs, name: data})
