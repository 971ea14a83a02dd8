"""An independent reader: what is in an archive, proved with hashlib, zlib, tarfile and zstandard alone.

It trusts nothing that the package says, and says in words what is inconsistent.
"""

import bz2
import hashlib
import importlib
import io
import json
import lzma
import posixpath
import re
import tarfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zstandard

Json = dict[str, Any]

REF_NAME = "org.opencontainers.image.ref.name"
CONTAINERD_NAME = "io.containerd.image.name"
REFERENCE_DIGEST = "vnd.docker.reference.digest"

INDEX_TYPES = {
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
}
MANIFEST_TYPES = {
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
}
CONFIG_TYPES = {
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
}
LAYER_TYPE = re.compile(
    r"application/vnd\.(oci\.image\.layer\.(nondistributable\.)?v1\.tar(\+(gzip|zstd))?"
    r"|docker\.image\.rootfs\.(foreign\.)?diff\.tar(\.(gzip|zstd))?)"
)
PREFERRED = "linux/amd64"


@dataclass(frozen=True, slots=True)
class LayerFacts:
    """One layer; `stored` is None where its bytes are not here and its descriptor says where else they are."""

    digest: str
    size: int
    media_type: str
    stored: str | None
    diff_id: str
    descriptor: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """One image; manifest, document and index are those of an OCI graph, None and empty where there is none."""

    image_id: str
    config: bytes
    platform: str | None
    layers: tuple[LayerFacts, ...]
    manifest: str | None = None
    document: Json = field(default_factory=dict)
    index: str | None = None
    descriptor: Json = field(default_factory=dict)
    references: frozenset[str] = frozenset()
    ref_names: frozenset[str] = frozenset()

    @property
    def diff_ids(self) -> tuple[str, ...]:
        """Give the digests of the tars, in order."""
        return tuple(one.diff_id for one in self.layers)

    @property
    def stored(self) -> tuple[str | None, ...]:
        """Give the compression of each layer."""
        return tuple(one.stored for one in self.layers)


@dataclass(frozen=True, slots=True)
class OtherFacts:
    """A manifest that is no image: an attestation, a signature, an artifact, or what nobody knows."""

    digest: str
    document: Json
    descriptor: Json
    index: str | None
    refers_to: str | None


@dataclass(frozen=True, slots=True)
class Facts:
    """All that an archive holds."""

    format: str
    images: tuple[ImageFacts, ...]
    others: tuple[OtherFacts, ...] = ()
    missing: frozenset[str] = frozenset()
    roots: tuple[Json, ...] = ()
    indexes: Mapping[str, Json] = field(default_factory=dict)
    blobs: frozenset[str] = frozenset()
    strays: frozenset[str] = frozenset()
    entries: tuple[Json, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)

    def by_id(self, image_id: str) -> list[ImageFacts]:
        """Find the images with this config."""
        return [one for one in self.images if one.image_id == image_id]


def read(path: Path, *, sparse: bool = False) -> Facts:
    """Read an archive of one of the four formats; `sparse` allows children of an index to be absent."""
    files = load(path)
    entries = None
    if "manifest.json" in files:
        entries = parse(files["manifest.json"], "manifest.json")
    if "index.json" in files:
        assert _object(files["oci-layout"], "oci-layout")["imageLayoutVersion"] == "1.0.0", f"{path}: oci-layout"
        facts = _Graph(files, flat=False).read("oci-layout" if path.is_dir() else "oci-archive")
        if isinstance(entries, list):
            facts = _beside(facts, entries)
    elif isinstance(entries, list):
        facts = Facts("docker-archive", tuple(_saved(files, entries)), entries=tuple(entries), files=files)
    elif isinstance(entries, dict):
        assert files.get("version", b"").startswith(b"Directory Transport Version: "), f"{path}: no version file"
        facts = _Graph(files, flat=True).read("dir")
    else:
        raise AssertionError(f"{path}: no archive, it holds {sorted(files)[:9]}")
    assert sparse or not facts.missing, f"{path}: absent {sorted(facts.missing)}"
    return facts


def hybrid(facts: Facts) -> None:
    """Check what ours adds to a docker-archive: each root that holds images has one entry, for the right platform."""
    assert facts.format == "docker-archive", facts.format
    assert facts.roots, "index.json names nothing"
    wanted: dict[str, set[str]] = {}
    for root in facts.roots:
        below = [one for one in facts.images if _under(facts, root, one)]
        if below:
            first = next((one for one in below if one.platform == PREFERRED), below[0])
            wanted.setdefault(first.image_id, set()).update(_names(root)[0])
    found = {}
    for entry in facts.entries:
        image_id = _sha256(facts.files[_clean(entry["Config"])])
        assert image_id not in found, f"two entries of manifest.json for {image_id}"
        found[image_id] = {normal(tag) for tag in entry["RepoTags"] or ()}
    assert found == wanted, f"manifest.json has {found}, index.json asks for {wanted}"


def normal(name: str) -> str:
    """Write a familiar name in full."""
    first, slash, _ = name.partition("/")
    if not slash:
        return f"docker.io/library/{name}"
    return name if first == "localhost" or set(first) & set(".:") else f"docker.io/{name}"


def is_name(name: str) -> bool:
    """Tell a name with a tag or a digest from a bare ref.name."""
    part = r"[a-z0-9]+([._-]+[a-z0-9]+)*"
    grammar = rf"([\w.-]+(:\d+)?/)?{part}(/{part})*(:\w[\w.-]{{0,127}})?(@\w+:\w+)?"
    last = name.rpartition("/")[2]
    return bool(re.fullmatch(grammar, name, re.ASCII)) and (":" in last or "@" in last)


def load(path: Path) -> dict[str, bytes]:
    """Take every file of an archive into memory, links followed, names cleaned."""
    if path.is_dir():
        return {str(one.relative_to(path)): one.read_bytes() for one in path.rglob("*") if one.is_file()}
    files: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(_opened(path.read_bytes()))) as archive:
        for member in archive:
            name = _clean(member.name)
            if member.isdir():
                continue
            assert name not in files, f"{path}: two members named {name}"
            content = archive.extractfile(member)
            assert content is not None, f"{path}: {name} is neither a file nor a link to one"
            files[name] = content.read()
    return files


def parse(data: bytes, where: str) -> object:
    """Parse JSON in which no key stands twice."""

    def unique(pairs: list[tuple[str, object]]) -> Json:
        value = dict(pairs)
        assert len(value) == len(pairs), f"{where}: a key stands twice in {[key for key, _ in pairs]}"
        return value

    return json.loads(data.decode("utf-8"), object_pairs_hook=unique)


def unpacked(data: bytes) -> tuple[str, bytes]:
    """Tell how bytes are compressed, and decompress them to their very end."""
    if data[:2] == b"\x1f\x8b":
        return "gzip", b"".join(_gzip_members(data))
    if _is_zstd(data):
        return "zstd", b"".join(_zstd_frames(data))
    return "none", data


def verify(data: bytes, name: str, where: str) -> None:
    """Check bytes against a digest, of whatever algorithm there is a module for."""
    algorithm, _, encoded = name.partition(":")
    if algorithm == "blake3":
        found = importlib.import_module("blake3").blake3(data).hexdigest()
    else:
        found = hashlib.new(algorithm, data).hexdigest()
    assert found == encoded, f"{where}: {name} has content {algorithm}:{found}"


class _Graph:
    """What can be reached from the entry document, every descriptor checked on the way."""

    def __init__(self, files: Mapping[str, bytes], *, flat: bool) -> None:
        self.files = files
        self.flat = flat
        self.images: dict[str, ImageFacts] = {}
        self.others: dict[str, OtherFacts] = {}
        self.indexes: dict[str, Json] = {}
        self.missing: set[str] = set()
        self.used: set[str] = set()

    def read(self, form: str) -> Facts:
        """Walk from the roots; a `dir` has one root, whose digest only its own bytes give."""
        if self.flat:
            data = self.files["manifest.json"]
            document = _object(data, "manifest.json")
            media_type = document.get("mediaType") or (
                "application/vnd.oci.image.index.v1+json"
                if "manifests" in document
                else "application/vnd.oci.image.manifest.v1+json"
            )
            roots = [{"mediaType": media_type, "digest": _sha256(data), "size": len(data)}]
        else:
            entry = _object(self.files["index.json"], "index.json")
            assert entry["schemaVersion"] == 2, "index.json: schemaVersion"
            roots = entry["manifests"]
        for root in roots:
            self.walk(root, None, root)
        blobs = {_digest_of(name) for name in self.files} - {None} if not self.flat else self._flat_blobs()
        held = frozenset(name for name in blobs if name is not None)
        return Facts(
            form,
            tuple(self.images.values()),
            tuple(self.others.values()),
            frozenset(self.missing),
            tuple(roots),
            self.indexes,
            held,
            held - self.used,
            files=self.files,
        )

    def walk(self, descriptor: Json, index: str | None, root: Json) -> None:
        """Follow one descriptor."""
        name = descriptor["digest"]
        data = self.blob(descriptor, document=True)
        if data is None:
            assert index is not None, f"a root is absent: {name}"
            self.missing.add(name)
            return
        media_type = descriptor["mediaType"]
        if media_type not in INDEX_TYPES | MANIFEST_TYPES:
            self.others[name] = OtherFacts(name, {}, descriptor, index, None)
            return
        document = _object(data, name)
        said = document.get("mediaType", media_type)
        assert said == media_type, f"{name}: descriptor says {media_type}, document {said}"
        assert not ("manifests" in document and "layers" in document), f"{name}: two documents in one"
        if media_type in INDEX_TYPES:
            self.indexes[name] = document
            for child in document["manifests"]:
                self.walk(child, name, root)
            return
        kinds = [one["mediaType"] for one in document["layers"]]
        config = self.blob(document["config"])
        assert config is not None, f"{name}: config {document['config']['digest']} is absent"
        is_image = document["config"]["mediaType"] in CONFIG_TYPES
        if is_image and (not kinds or any(LAYER_TYPE.fullmatch(kind) for kind in kinds)):
            self.image(descriptor, document, config, index, root)
            return
        for one in document["layers"]:
            assert self.blob(one) is not None, f"{name}: {one['digest']} is absent"
        subject = (document.get("subject") or {}).get("digest")
        refers_to = subject or (descriptor.get("annotations") or {}).get(REFERENCE_DIGEST)
        self.others[name] = OtherFacts(name, document, descriptor, index, refers_to)

    def image(self, descriptor: Json, document: Json, config: bytes, index: str | None, root: Json) -> None:
        """Prove one image; a second way to it adds its names."""
        name = descriptor["digest"]
        about = _object(config, f"config of {name}")
        diff_ids = _diff_ids(about)
        assert len(diff_ids) == len(document["layers"]), f"{name}: {len(diff_ids)} diff_ids for {document['layers']}"
        layers = []
        for one, diff_id in zip(document["layers"], diff_ids, strict=True):
            data = self.blob(one)
            assert data is not None or one.get("urls"), f"{name}: layer {one['digest']} is absent"
            stored = None if data is None else _proved(data, diff_id, f"{name}: {one['digest']}")
            layers.append(LayerFacts(one["digest"], one["size"], one["mediaType"], stored, diff_id, one))
        references, ref_names = _names(root)
        before = self.images.get(name)
        if before is not None:
            references, ref_names = references | before.references, ref_names | before.ref_names
            descriptor, index = before.descriptor, before.index
        platform = _platform(about) or _platform(descriptor.get("platform") or {})
        said = _platform(descriptor.get("platform") or {})
        assert said in {None, platform}, f"{name}: descriptor says {said}, config {platform}"
        self.images[name] = ImageFacts(
            _sha256(config), config, platform, tuple(layers), name, document, index, descriptor, references, ref_names
        )

    def blob(self, descriptor: Json, *, document: bool = False) -> bytes | None:
        """Find a blob, and check its digest and size."""
        name = descriptor["digest"]
        algorithm, _, encoded = name.partition(":")
        if not self.flat:
            data = self.files.get(f"blobs/{algorithm}/{encoded}")
        elif document:
            top = self.files["manifest.json"]
            data = top if _sha256(top) == name else self.files.get(f"{encoded}.manifest.json")
        else:
            data = self.files.get(encoded)
        if data is None:
            return None
        verify(data, name, "blob")
        assert len(data) == descriptor["size"], f"{name}: {len(data)} bytes, the descriptor says {descriptor['size']}"
        self.used.add(name)
        return data

    def _flat_blobs(self) -> set[str | None]:
        names = (name.removesuffix(".manifest.json") for name in self.files)
        return {f"sha256:{name}" for name in names if re.fullmatch(r"[0-9a-f]{64}", name)}


def _saved(files: Mapping[str, bytes], entries: Sequence[Json]) -> Iterator[ImageFacts]:
    for entry in entries:
        config = files[_clean(entry["Config"])]
        about = _object(config, entry["Config"])
        layers = []
        diff_ids = _diff_ids(about)
        names = entry["Layers"] or ()
        assert len(names) == len(diff_ids), f"{entry['Config']}: {len(diff_ids)} diff_ids for {names}"
        for name, diff_id in zip(names, diff_ids, strict=True):
            data = files[_clean(name)]
            layers.append(LayerFacts(_sha256(data), len(data), "", _proved(data, diff_id, name), diff_id))
        tags = frozenset(normal(tag) for tag in entry.get("RepoTags") or ())
        yield ImageFacts(_sha256(config), config, _platform(about), tuple(layers), references=tags)


def _beside(facts: Facts, entries: Sequence[Json]) -> Facts:
    """Hold manifest.json against index.json: the same configs, layers and names, seen from two sides."""
    for saved in _saved(facts.files, entries):
        same = [one for one in facts.images if one.image_id == saved.image_id]
        assert same, f"manifest.json has {saved.image_id}, index.json does not lead to it"
        layers = [[layer.digest for layer in one.layers] for one in same]
        mine = [layer.digest for layer in saved.layers]
        assert mine in layers, f"{saved.image_id}: manifest.json has layers {mine}, index.json {layers}"
        names = frozenset[str]().union(*(one.references for one in same))
        assert saved.references == names, f"RepoTags {set(saved.references)}, index.json {set(names)}"
    return Facts(
        "docker-archive",
        facts.images,
        facts.others,
        facts.missing,
        facts.roots,
        facts.indexes,
        facts.blobs,
        facts.strays,
        tuple(entries),
        facts.files,
    )


def _under(facts: Facts, root: Json, image: ImageFacts) -> bool:
    def leads(descriptor: Json) -> bool:
        if descriptor["digest"] == image.manifest:
            return True
        children = facts.indexes.get(descriptor["digest"], {}).get("manifests", ())
        return any(leads(child) for child in children)

    return leads(root)


def _names(descriptor: Json) -> tuple[frozenset[str], frozenset[str]]:
    annotations = descriptor.get("annotations") or {}
    said = [annotations[key] for key in (CONTAINERD_NAME, REF_NAME) if annotations.get(key)]
    names = frozenset(normal(name) for name in said if is_name(name))
    return names, frozenset(said) - names


def _platform(about: Json) -> str | None:
    parts = [about.get(key) for key in ("os", "architecture", "variant")]
    if not parts[0] or not parts[1]:
        return None
    return "/".join(str(part) for part in parts if part)


def _diff_ids(about: Json) -> list[str]:
    return list((about.get("rootfs") or {}).get("diff_ids") or ())


def _proved(data: bytes, diff_id: str, where: str) -> str:
    stored, plain = unpacked(data)
    verify(plain, diff_id, f"{where}, decompressed")
    return stored


def _object(data: bytes, where: str) -> Json:
    value = parse(data, where)
    assert isinstance(value, dict), f"{where}: no JSON object"
    return value


def _sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _clean(name: str) -> str:
    return posixpath.normpath(name.lstrip("/"))


def _digest_of(path: str) -> str | None:
    found = re.fullmatch(r"blobs/([a-z0-9]+)/([0-9a-f]+)", path)
    return f"{found[1]}:{found[2]}" if found else None


def _opened(data: bytes) -> bytes:
    if data[:3] == b"BZh":
        return bz2.decompress(data)
    if data[:6] == b"\xfd7zXZ\0":
        return lzma.decompress(data)
    return unpacked(data)[1]


def _is_zstd(data: bytes) -> bool:
    return data[:4] == b"\x28\xb5\x2f\xfd" or (data[1:4] == b"\x2a\x4d\x18" and data[0] >> 4 == 0x5)


def _gzip_members(data: bytes) -> Iterator[bytes]:
    while data:
        one = zlib.decompressobj(31)
        yield one.decompress(data)
        assert one.eof, "a gzip member is cut short"
        data = one.unused_data


def _zstd_frames(data: bytes) -> Iterator[bytes]:
    while data:
        assert _is_zstd(data), f"after a zstd frame stands {data[:4].hex()}"
        if data[1:4] == b"\x2a\x4d\x18":
            data = data[8 + int.from_bytes(data[4:8], "little") :]
            continue
        one = zstandard.ZstdDecompressor().decompressobj()
        yield one.decompress(data)
        assert one.eof, "a zstd frame is cut short"
        data = one.unused_data
