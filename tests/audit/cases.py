"""For each rule cases that fail, and near misses that are lawful."""

import base64
import bz2
import gzip
import json
import lzma
import os
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import zstandard

from tests.audit import faults
from tests.audit.faults import ABSENT, BOM, NOWHERE, begins, cut, ends, padded, sets, splices, statement
from tests.audit.faults import nested as deep
from tests.audit.making import (
    ARM,
    BASE,
    BOTH,
    IMAGE,
    NAME,
    NODE,
    PLAIN,
    SAVED,
    TOP,
    Case,
    blob_of,
    described,
    entry,
    index_of,
    listed,
    made,
    manifest_of,
    nested,
    saved,
    without,
)
from tests.audit.tables import (
    CHECKSUM,
    POSITION,
    SPLIT,
    STARGZ,
    STARGZ_SIZE,
    TEXT,
    Change,
    adds,
    chunked,
    drops,
    estargz,
    halved,
    snapshotter,
)
from tests.audit.tables import sets as tells
from tests.support import old
from tests.support.build import (
    ARM64,
    CONTAINERD_NAME,
    DOCKER_MANIFEST,
    IN_TOTO,
    OCI_EMPTY,
    OCI_FOREIGN,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    REF_NAME,
    Codec,
    Image,
    Layer,
    Node,
    Saved,
    artifact,
    attestation,
    blob,
    blob_path,
    digest,
    docker_archive,
    dumped,
    edited,
    gzipped,
    hexed,
    hybrid,
    index,
    layer,
    layout,
    packed,
    platforms,
    signature,
    skippable,
    skopeo_dir,
    version_one,
)
from tests.support.parts import lose, spoil
from tests.support.signing import OTHER, SIGNER, hint, pem, signed_bundle, signed_statement, tagged
from tests.support.signing import signature as signed
from tests.support.stores import (
    big_data,
    chain_ids,
    containerd_storage,
    containers_storage,
    docker_storage,
    layer_ids,
    tree_of,
)
from tests.support.tar import BLOCK, Member, Style, changed, file, flipped, folder, hardlink, pax, renamed, symlink, tar

Cases = dict[str, dict[str, Case]]
Files = Callable[[list[Member]], list[Member]]
LayerChanges = dict[int, dict[str, object]] | None

GOOD = layout(NODE)
WHOLE = tar(GOOD, style=Style.GNU)
GOOD_DIR = skopeo_dir(NODE)
SAID = docker_archive(SAVED)
LAYER = blob_path(TOP.digest)
MANIFEST = blob_path(NODE.digest)
CONFIG = blob_path(IMAGE.image_id)
FAR = Node({"mediaType": OCI_MANIFEST, "digest": NOWHERE, "size": 7}, {})
TAG = NOWHERE.replace(":", "-")


def receipt(*digests: str, kind: str = "layers", diff_id: str | None = None) -> bytes:
    """Make what is read of a receipt."""
    told = [{"new": {"mediaType": OCI_LAYER, "digest": name, "size": 7}, "diff_id": diff_id} for name in digests]
    lists: dict[str, object] = {"manifests": [], "indexes": [], "configs": [], "layers": []}
    made: dict[str, object] = {"schema_version": 1, "tool": {"name": "ociarchive"}, "sources": [], "destination": {}}
    return dumped({**made, **lists, kind: told})


def absent(*layers: Layer, **members: object) -> Member:
    """Make the list of what a delta leaves out; `members` are those of each entry."""
    entries = [
        {"digest": one.digest, "size": len(one.stored), "media_type": OCI_LAYER, "diff_id": one.diff_id} | members
        for one in layers
    ]
    return file("delta.json", dumped({"schema_version": 1, "left_out": entries, "have": []}))


def delta(*layers: Layer, **members: object) -> list[Member]:
    """Make a layout that leaves layers out, and says so."""
    return [*layout(NODE, without=[one.digest for one in layers]), absent(*layers, **members)]


def flagged(flag: bytes) -> bytes:
    """Make a layout whose last layer is a member of another type."""
    blocks = []
    for one in GOOD:
        block = tar([one if one.name != LAYER else file(LAYER, b"")], style=Style.GNU, end=0)
        if one.name == LAYER:
            block = faults.flagged(block, flag)
        blocks.append(block)
    return b"".join(blocks) + bytes(2 * BLOCK)


def flagged_whole(flag: bytes) -> bytes:
    """Make a layout whose members are files of another flag."""
    blocks = []
    for one in GOOD:
        block = tar([one], style=Style.GNU, end=0)
        at = 0
        while block[at + 156 : at + 157] == b"L":
            at += 2 * BLOCK
        blocks.append(faults.flagged(block, flag, at))
    return b"".join(blocks) + bytes(2 * BLOCK)


def special(name: str, flag: bytes) -> bytes:
    """Make one member of another type."""
    return faults.flagged(tar([file(name, b"")], end=0), flag)


def gzip_fields(data: bytes) -> bytes:
    """Compress with every optional field of a header: extra field, name, comment, checksum of the header."""
    head = b"\x1f\x8b\x08\x1f" + bytes(4) + b"\x02\x03" + b"\x06\0AB\x02\0xx" + b"layer.tar\0" + b"a comment\0"
    raw = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = raw.compress(data) + raw.flush()
    end = zlib.crc32(data).to_bytes(4, "little") + len(data).to_bytes(4, "little")
    return head + (zlib.crc32(head) & 0xFFFF).to_bytes(2, "little") + body + end


EMPTY = {"mediaType": OCI_EMPTY, "digest": digest(b"{}"), "size": 2}


def stored_as(media_type: str, config: dict[str, object], **members: object) -> Node:
    """Make an artifact of one file."""
    one = {"mediaType": media_type, "digest": digest(b"text"), "size": 4}
    document = manifest_of(config, one, **members)
    return described(document, OCI_MANIFEST, {digest(b"{}"): b"{}", digest(b"text"): b"text"})


def stated(*digests: str) -> Node:
    """Make an artifact of a statement that speaks of nothing it is attached to."""
    body = dumped({"subject": [{"name": "app", "digest": {"sha256": hexed(one)}} for one in digests]})
    layers = [{"mediaType": IN_TOTO, "digest": digest(body), "size": len(body)}]
    document = manifest_of({"mediaType": OCI_EMPTY, "digest": digest(b"{}"), "size": 2}, *layers, artifactType="a/b")
    return described(document, OCI_MANIFEST, {digest(b"{}"): b"{}", digest(body): body})


def pax_sized(size: str) -> bytes:
    """Make a layout whose first member has a PAX header with a size."""
    return pax({"size": size}) + WHOLE


def in_layer(packed_bytes: bytes, **members: object) -> Image:
    """Make an image of one layer that is stored so; its diff_id is that of BASE."""
    return Image(layers=[replace(BASE, stored=packed_bytes, members=members)])


def of_tars(*tars: bytes, codec: Codec = "gzip") -> list[Member]:
    """Make a layout of an image whose layers unpack to these."""
    return layout(Image(layers=[packed(one, codec) for one in tars]).node())


HELD = tar([file("held", b"x" * 700)], end=0)
BELOW = tar([folder("etc"), file("etc/a", b"x"), file("old", b"x")])
GARBLED = HELD + flipped(HELD, 7) + bytes(2 * BLOCK)
NO_MAP = flipped(pax({"GNU.sparse.major": "1"}), BLOCK)


def zstd_layer(stored: bytes) -> Image:
    """Make an image of one layer that is stored as zstd."""
    return Image(layers=[replace(packed(BASE.plain, "zstd"), stored=stored)])


ZSTD = zstandard.ZstdCompressor(write_checksum=True).compress(BASE.plain)
ZEROS = tar([file("zeros", bytes(2 << 20))])


def commented(data: bytes, size: int) -> bytes:
    """Compress with a comment of so many bytes, the zero behind it aside."""
    return (
        gzip.compress(data, mtime=0)[:3]
        + b"\x10"
        + gzip.compress(data, mtime=0)[4:10]
        + b"c" * size
        + b"\0"
        + (gzip.compress(data, mtime=0)[10:])
    )


def each(change: Change, name: str, *, expected: str | None = None, found: str | None = None) -> dict[str, Case]:
    """Give a case of a table that says something else, for both kinds of table."""
    images = {"estargz": estargz(change), "chunked": chunked(change)}
    return {
        f"{kind}-{name}": Case(content=layout(image.node()), expected=expected, found=found)
        for kind, image in images.items()
    }


TABLES = {
    name: Case(content=layout(image.node()))
    for name, image in {"estargz": estargz(), "chunked": chunked(), "snapshotter": snapshotter()}.items()
}


OLD_LAYERS = PLAIN.layers[:2]
NO_OS, NO_OS_BASE = old.without(old.v1(1, 0), "os"), old.without(old.v1(0, None), "os")
MADE_OF = f": {old.identity(1)}/json: the config made of it#"
NOWHERE_MADE = old.without(old.v1(1, 0), "os", "architecture")
OLD_MANIFEST = old.payload(OLD_LAYERS)
OLD_CUT = OLD_MANIFEST.rindex(b"\n}")
OLD_HISTORIES: dict[str, dict[str, Any]] = {
    "fewer": {"history": [{"v1Compatibility": old.v1(0, None).decode()}]},
    "none": {"history": []},
    "no-layers": {"history": [], "fsLayers": []},
}
CIRCLE = f": {old.identity(0)}/json"
X_ID = old.identity(0).encode()
CHAIN = tuple(one.name.partition("/")[0] for one in version_one(PLAIN) if one.name.endswith("/layer.tar"))


def chained(number: int = 0, **members: object) -> list[Member]:
    """Make what Docker wrote for old engines and new ones alike, members of one layer's document set."""
    found = version_one(PLAIN)
    name = f"{CHAIN[number]}/json"
    about = json.loads(next(one.data for one in found if one.name == name)) | members
    layers = [f"{one}/layer.tar" for one in CHAIN]
    listed_image = dumped([{"Config": SAVED.config, "RepoTags": ["corpus/app:1.0"], "Layers": layers}])
    kept = {key: value for key, value in about.items() if value is not None}
    configs = [one for one in docker_archive(SAVED) if one.name == SAVED.config]
    return [*changed(found, name, dumped(kept)), *configs, file("manifest.json", listed_image)]


def cyclic(*, closed: bool) -> list[Member]:
    """Make two indexes of a digest that nobody computes, which lead to each other, or to an image."""
    first, second = "x-sum:1", "x-sum:2"
    sizes = {first: 0, second: 0}
    documents: dict[str, bytes] = {}
    for _ in range(4):
        after = {"mediaType": OCI_INDEX, "digest": first, "size": sizes[first]} if closed else NODE.descriptor
        documents[first] = index_of({"mediaType": OCI_INDEX, "digest": second, "size": sizes[second]})
        documents[second] = index_of(after, NODE.descriptor)
        sizes = {name: len(data) for name, data in documents.items()}
    root = Node({"mediaType": OCI_INDEX, "digest": first, "size": sizes[first]}, {**documents, **NODE.blobs})
    return [*layout(root)]


HOME = "docker/registry/v2/repositories/corpus/app"
REVISION = f"{HOME}/_manifests/revisions/sha256/{hexed(NODE.digest)}/link"
LAYER_LINK = f"{HOME}/_layers/sha256/{hexed(TOP.digest)}/link"
TAG_LINK = f"{HOME}/_manifests/tags/1.0/current/link"


def registry(*, tagged: bool, **changed_links: bytes | None) -> list[Member]:
    """Make the folder of a registry with one repository; None takes a link away."""
    held: dict[str, bytes | None] = {
        f"docker/registry/v2/blobs/sha256/{hexed(name)[:2]}/{hexed(name)}/data": data
        for name, data in NODE.blobs.items()
    }
    held |= {f"{HOME}/_layers/sha256/{hexed(name)}/link": name.encode() for name in NODE.blobs if name != NODE.digest}
    held[REVISION] = NODE.digest.encode()
    if tagged:
        held[TAG_LINK] = NODE.digest.encode()
    held |= changed_links
    return [file(name, data) for name, data in held.items() if data is not None]


def many_layers(count: int) -> Image:
    """Make an image of so many layers."""
    return Image(layers=[layer({"a": b"%d" % number}, "gzip") for number in range(count)])


def inline(data: str, **members: object) -> list[Member]:
    """Make an image whose config's descriptor has its bytes inside."""
    return layout(
        made(manifest=lambda text: sets("config", {**json.loads(text)["config"], "data": data, **members})(text))
    )


def names(key: str, value: str) -> list[Member]:
    """Make a layout whose descriptor has an annotation."""
    return layout(IMAGE.node().annotated(**{key: value}))


def sources(**members: object) -> dict[str, object]:
    """Give the LayerSources of the saved image, the first of them changed."""
    told = {one.diff_id: one.descriptor("oci") for one in PLAIN.layers}
    first = PLAIN.layers[0].diff_id
    return {**told, first: {**told[first], **members}}


def v1(**tags: object) -> list[Member]:
    """Make a docker-archive whose file for old engines says something."""
    return [*docker_archive(SAVED), file("repositories", dumped(tags))]


SECOND = Image(layers=PLAIN.layers, config_members={"author": "somebody else"})
THIRD = Image(layers=PLAIN.layers, config_members={"author": "a third one"})
TWO = [
    {
        "Config": blob_path(PLAIN.image_id),
        "RepoTags": ["corpus/app:1.0"],
        "Layers": [blob_path(one.digest) for one in PLAIN.layers],
    },
]
HYBRID = hybrid(SAVED)


def v1_image(number: int, parent: int | None = None, **members: object) -> bytes:
    """Make the document of version 1 that Docker from 25 on keeps among the blobs, one for each layer."""
    known = {"id": f"{number:064x}"} | ({} if parent is None else {"parent": f"{parent:064x}"})
    return dumped({**known, "created": "1970-01-01T00:00:00Z", "os": "linux", **members})


ENTRY = TWO[0]


def half(*entries: object) -> list[Member]:
    """Make a hybrid whose manifest.json says something."""
    return changed(HYBRID, "manifest.json", dumped([*entries]))


UNKNOWN = "x-sum:abc"
ODD_BLOB = Node({"mediaType": "text/plain", "digest": UNKNOWN, "size": 4}, {UNKNOWN: b"text"})
LONG = "a/" * 1500 + "b"


def configured(path: str, value: object, **members: Any) -> Case:  # noqa: ANN401  members of a case
    """Make a case of a config with one member set."""
    return Case(content=layout(made(config=sets(path, value))), **members)


def placed(**platform: object) -> list[Member]:
    """Make an index of one image of Windows, with these members beside in the descriptor's platform."""
    image = Image(layers=[BASE], config_members=WINDOWS)
    return layout(index([image.node(platform={"os": "windows", "architecture": "amd64", **platform})]))


WINDOWS = {"os": "windows", "os.version": "10.0.17763.1", "os.features": ["win32k"]}
#: Members of Docker's configs that engines refuse with another type: member, a value, and what is said of it.
REFUSED: dict[str, tuple[object, str, str]] = {
    **{
        f"config/{key}": (5, "a string", "a number")
        for key in ("Hostname", "Domainname", "Image", "MacAddress", "User", "WorkingDir", "StopSignal")
    },
    **{
        f"config/{key}": ("true", "a boolean", "a string")
        for key in ("AttachStdin", "AttachStdout", "AttachStderr", "Tty", "OpenStdin", "StdinOnce", "ArgsEscaped")
    },
    **dict.fromkeys(
        ("id", "parent", "comment", "container", "docker_version", "author", "variant", "os.version"),
        (5, "a string", "a number"),
    ),
    "config/NetworkDisabled": (1, "a boolean", "a number"),
    "config/OnBuild": ("RUN x", "an array of strings", "a string"),
    "config/Shell": ([5], "an array of strings, or one string", "an array with a number"),
    "config/StopTimeout": ("10", "a whole number", "a string"),
    "config/Healthcheck": ([], "an object", "an array"),
    "config/Healthcheck/Test": ("curl", "an array of strings", "a string"),
    "config/Healthcheck/Interval": ("5s", "a whole number", "a string"),
    "config/Healthcheck/Timeout": (1.5, "a whole number", "1.5"),
    "config/Healthcheck/StartPeriod": ("5s", "a whole number", "a string"),
    "config/Healthcheck/Retries": (True, "a whole number", "a boolean"),
    "config/Cmd": ("sh", "an array of strings", "a string"),
    "config/Volumes": ({"/data": 5}, "an object of empty objects", "a number for '/data'"),
    "config/ExposedPorts": ({"80/tcp": "x"}, "an object of empty objects", "a string for '80/tcp'"),
    "os.features": ([5], "an array of strings", "an array with a number"),
    "Size": ("5", "a whole number", "a string"),
    "created": ("2023-02-29T00:00:00Z", "a time by RFC 3339", "'2023-02-29T00:00:00Z'"),
    "container_config": ([], "an object", "an array"),
    "container_config/Hostname": (5, "a string", "a number"),
    "container_config/Labels": ({"a": 5}, "an object of strings", "a number for 'a'"),
    "history/0/comment": (5, "a string", "a number"),
    "history/0/created": ("", "a time by RFC 3339", "an empty string"),
}
#: Members of Docker's configs with values that engines take for them.
TAKEN: dict[str, object] = {
    "config/Healthcheck": {"Test": ["CMD", "true"], "Interval": 5, "Timeout": 0, "StartPeriod": 1, "Retries": 3},
    "config/StopTimeout": 10,
    "config/Shell": ["powershell"],
    "config/OnBuild": [],
    "config/Volumes": {"/data": None},
    "config/Tty": None,
    "container_config": {"Hostname": "h", "Cmd": "sh", "Env": ["NOTHING"], "Labels": {"a": None}},
    "docker_version": "20.10.7",
    "Size": 5,
    "id": None,
    "created": "2024-02-29T23:59:59.123456789+05:30",
}


def stored(change: Files = list, **given: Any) -> Case:  # noqa: ANN401  what a Case takes
    """Make a case of Docker's storage with one image, after a change of its files."""
    return Case(content=change(docker_storage({"corpus/app:1.0": IMAGE})), folder=True, **given)


def kept(change: Files = list, *, layer: LayerChanges = None, **given: Any) -> Case:  # noqa: ANN401  what a Case takes
    """Make a case of podman's storage with one image, after a change of its files."""
    files = containers_storage({"docker.io/corpus/app:1.0": IMAGE}, layer=layer)
    return Case(content=change(files), folder=True, **given)


def lacking(*endings: str) -> Files:
    """Leave out the files whose paths end so."""
    return lambda files: [one for one in files if not one.name.endswith(endings)]


def written(ending: str, data: bytes) -> Files:
    """Exchange the content of the files whose paths end so."""
    return lambda files: [replace(one, data=data) if one.name.endswith(ending) else one for one in files]


def of_big_data(**digests: str) -> Files:
    """Let podman's list of images say which digests its documents have."""

    def change(files: list[Member]) -> list[Member]:
        (listed,) = (one for one in files if one.name.endswith("/images.json"))
        entries = [one | {"big-data-digests": digests} for one in json.loads(listed.data)]
        return written("/images.json", dumped(entries))(files)

    return change


MANIFEST_FILE = big_data(hexed(IMAGE.image_id), f"manifest-{IMAGE.node().digest}").partition("/")[2]
CONFIG_FILE = f"image/overlay2/imagedb/content/sha256/{hexed(IMAGE.image_id)}"
CHAINS = chain_ids(IMAGE.layers)
LIST_ID = "f" * 64


def list_of(*descriptors: object) -> bytes:
    """Write a manifest list as podman keeps it."""
    return dumped({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": descriptors})


def with_list(raw: bytes) -> list[Member]:
    """Make podman's storage with a manifest list beside an image."""
    entry = {"id": LIST_ID, "names": ["localhost/corpus/list:1"], "big-data-names": ["manifest"]}
    made = containers_storage({"docker.io/corpus/app:1.0": IMAGE}, more=[entry])
    return [*made, file(f"overlay-images/{LIST_ID}/manifest", raw)]


IN_PARTS = Case(content=docker_archive(SAVED), part_size=1024)
WITH_PARITY = replace(IN_PARTS, parity=True)


def several(*changes: Callable[[Path], None]) -> Callable[[Path], None]:
    """Make several changes of a folder."""

    def change(folder: Path) -> None:
        for one in changes:
            one(folder)

    return change


def short(folder: Path) -> None:
    """Cut a part of `archive` in a folder."""
    os.truncate(folder / "archive.002", 700)


def of_another(folder: Path) -> None:
    """Let the list say that the whole is another."""
    path = folder / "archive.parts.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"sha256": "0" * 64}))


FAILS: Cases = {
    # -- parts
    "part-missing": {
        "made-again": replace(WITH_PARITY, afterwards=lose(2), subject="archive.002"),
        "last": replace(WITH_PARITY, afterwards=lose(9)),
        "first": replace(WITH_PARITY, afterwards=lose(1)),
        "inside-a-layer": replace(IN_PARTS, afterwards=lose(2), subject="archive.002", location=".parts.json"),
        "parity": replace(WITH_PARITY, afterwards=lose("parity"), subject="archive.parity"),
        "beginning": replace(IN_PARTS, afterwards=lose(1)),
        "two-in-a-layer": replace(WITH_PARITY, part_size=512, afterwards=several(lose(2), lose(3)), count=2),
    },
    "part-mismatch": {
        "made-again": replace(WITH_PARITY, afterwards=spoil(2), subject="archive.002"),
        "shorter": replace(WITH_PARITY, afterwards=short, expected="1024 bytes", found="700 bytes"),
        "without-parity": replace(IN_PARTS, afterwards=spoil(2), also=("diff-id-mismatch",)),
        "of-another": replace(IN_PARTS, afterwards=of_another, expected=f"sha256:{'0' * 64}"),
        "parity": replace(WITH_PARITY, afterwards=lambda folder: (folder / "archive.parity").write_bytes(b"x" * 1024)),
    },
    # -- deltas
    "delta-left-out": {
        "layer": Case(content=delta(BASE), subject=BASE.digest, location=f": {BASE.digest}"),
        "layers": Case(content=delta(BASE, TOP), count=2),
        "folder": Case(content=delta(TOP), folder=True, subject=TOP.digest),
        "without-diff-id": Case(content=delta(BASE, diff_id=None), subject=BASE.digest),
        "docker-archive": Case(
            content=[*without(hybrid(SAVED), blob_path(PLAIN.layers[0].digest)), absent(PLAIN.layers[0])],
            subject=PLAIN.layers[0].digest,
        ),
    },
    "delta-unnamed": {
        "nobody": Case(content=[*GOOD, absent(BASE, digest=NOWHERE)], subject=NOWHERE, location=": delta.json"),
    },
    "delta-present": {
        "layer": Case(content=[*GOOD, absent(BASE)], subject=BASE.digest, location=": delta.json"),
        "manifest": Case(content=[*GOOD, absent(BASE, digest=NODE.digest)], subject=NODE.digest),
        "two": Case(content=[*GOOD, absent(BASE, TOP)], count=2),
    },
    "delta-mismatch": {
        "size": Case(content=delta(BASE, size=7), subject=BASE.digest, found="7 bytes", location=": delta.json"),
        "diff-id": Case(content=delta(BASE, diff_id=NOWHERE), expected=BASE.diff_id, found=NOWHERE),
    },
    "delta-incomplete": {
        "list": Case(content=delta(BASE), have=TOP.digest.encode(), subject=BASE.digest, location=f": {BASE.digest}"),
        "two": Case(content=delta(BASE, TOP), have=NOWHERE.encode(), count=2),
        "chain-in-a-layout": Case(
            content=delta(BASE), have=dumped([{"RootFS": {"Layers": [BASE.diff_id]}}]), subject=BASE.digest
        ),
    },
    # -- the call
    "archive-wrapped": {
        "layout-in-a-folder": Case(content=renamed(GOOD, "app/"), location=""),
        "in-folders": Case(content=renamed(GOOD, "srv/images/app/")),
        "docker-archive-in-a-folder": Case(content=renamed(docker_archive(SAVED), "app/")),
        "dir": Case(content=GOOD_DIR),
        "registry": Case(content=registry(tagged=True)),
        "registry-in-a-folder": Case(content=renamed(registry(tagged=True), "data/")),
    },
    "not-an-archive": {
        "text": Case(content=b"this is no archive\n", location="", expected="a tar, an OCI layout or a compressed tar"),
        "empty-file": Case(content=b"", location=""),
        "other-tar": Case(content=[file("README", b"x")], location="", found="a tar with README"),
        "empty-tar": Case(content=bytes(2 * BLOCK), location=""),
        "other-folder": Case(content=[file("README", b"x")], folder=True, found="a folder with README"),
        "empty-folder": Case(content=[], folder=True, found="an empty folder"),
        "gzip-of-text": Case(content=gzip.compress(b"this is no archive\n", mtime=0)),
        "folder-of-archives": Case(
            content=[file("a.tar", WHOLE), file("b.tar", WHOLE)],
            folder=True,
            location="",
        ),
        "folder-above": Case(content=renamed(GOOD, "app/"), folder=True, location=""),
        "inside-a-registry": Case(
            content=[
                file(f"v2/blobs/sha256/{TOP.digest[7:9]}/{TOP.digest[7:]}/data", TOP.stored),
                file(f"v2/repositories/app/_layers/sha256/{TOP.digest[7:]}/link", TOP.digest.encode()),
            ],
            folder=True,
            found="v2/repositories",
        ),
        "backslashes": Case(content=[replace(one, name=one.name.replace("/", "\\")) for one in GOOD]),
        "backslashes-in-a-folder": Case(
            content=[replace(one, name=one.name.replace("/", "\\")) for one in GOOD],
            folder=True,
        ),
        "utf-16": Case(content=b"\xff\xfe" + WHOLE.decode("cp437").encode("utf-16-le"), location=""),
        "utf-16-of-gzip": Case(content=b"\xff\xfe" + gzip.compress(WHOLE).decode("cp437").encode("utf-16-le")),
        "executable": Case(content=b"\x7fELF" + bytes(1000)),
    },
    "expected-digest-missing": {
        "another": Case(content=GOOD, selector=NOWHERE, subject=NOWHERE, expected=NOWHERE, location=""),
        "layer": Case(content=GOOD, selector=TOP.digest, subject=TOP.digest),
        "sha512": Case(content=GOOD, selector=digest(b"", "sha512")),
        "in-docker-archive": Case(content=docker_archive(SAVED), selector=NODE.digest),
        "in-a-dir": Case(content=GOOD_DIR, folder=True, selector=NOWHERE),
    },
    "receipt-mismatch": {
        "layer": Case(content=GOOD, receipt=receipt(NOWHERE), subject=NOWHERE, location=""),
        "manifest": Case(content=GOOD, receipt=receipt(NOWHERE, kind="manifests"), subject=NOWHERE),
        "config": Case(content=GOOD, receipt=receipt(NOWHERE, kind="configs"), subject=NOWHERE),
        "index": Case(content=GOOD, receipt=receipt(NOWHERE, kind="indexes"), subject=NOWHERE),
        "diff-id": Case(
            content=GOOD, receipt=receipt(TOP.digest, diff_id=BASE.diff_id), subject=TOP.digest, expected=BASE.diff_id
        ),
        "two": Case(content=GOOD, receipt=receipt(NOWHERE, "sha256:" + "6" * 64), subject=NOWHERE),
    },
    # -- container
    "tar-damaged": {
        "checksum": Case(content=flipped(WHOLE, 1, 1), location=": byte 0"),
        "checksum-of-the-last": Case(
            content=flipped(WHOLE, len(tar(GOOD[:-1], end=0)) + 1, 1), location=f": byte {len(tar(GOOD[:-1], end=0))}"
        ),
        "garbage": Case(content=tar(GOOD, end=0) + b"garbage!" * 64 + bytes(2 * BLOCK)),
        "lone-zeros": Case(content=tar(GOOD, end=0) + bytes(BLOCK) + tar([file("last", b"x")])),
        "pax-without-equals": Case(content=pax({"a": "b"}).replace(b" a=b", b" aab") + WHOLE),
        "pax-record-too-long": Case(content=pax({"a": "b"}).replace(b"6 a=b", b"9 a=b") + WHOLE),
        "pax-size-negative": Case(content=pax_sized("-1")),
    },
    "tar-truncated": {
        "in-data": Case(content=WHOLE[: len(tar(GOOD[:-1], end=0)) + BLOCK + 10]),
        "in-a-header": Case(content=WHOLE[: len(tar(GOOD[:-1], end=0)) + 100]),
        "no-end": Case(content=tar(GOOD, end=0), location=f": byte {len(tar(GOOD, end=0))}"),
        "half-an-end": Case(content=tar(GOOD, end=1)),
        "docker-archive": Case(content=tar(docker_archive(SAVED), end=0)[:-2000]),
    },
    "tar-sizes-differ": {
        "smaller": Case(content=pax_sized("1")),
        "larger": Case(content=pax_sized("1000000")),
        "zero": Case(content=pax_sized("0")),
    },
    "tar-ambiguous": {
        "global-path": Case(content=pax({"path": "index.json"}, flag=b"g") + WHOLE),
        "global-size": Case(content=pax({"size": "7"}, flag=b"g") + WHOLE),
        "two-long-names": Case(
            content=pax({"path": "other"}) + tar([file("a" * 150, b"")], style=Style.GNU, end=0) + WHOLE
        ),
        "folder-with-data": Case(content=tar([file("folder/", b"data")], end=0) + WHOLE),
        "two-pax-headers": Case(content=pax({"path": "index.json"}) + pax({"comment": "x"}) + WHOLE),
        "global-behind-pax": Case(content=pax({"path": "one"}) + pax({"comment": "x"}, flag=b"g") + WHOLE),
        "sparse-name-alone": Case(content=pax({"GNU.sparse.name": "index.json"}) + WHOLE),
        "checksum-behind-a-zero": Case(content=WHOLE[:148] + b"\0" + WHOLE[148:154] + b" " + WHOLE[156:]),
        "unknown-type": Case(content=special("x", b"Z") + WHOLE),
        "hard-link-to-a-later-member": Case(
            content=[hardlink("early", "index.json"), *GOOD], subject="early", location=": early"
        ),
    },
    "data-after-end": {
        "byte": Case(content=WHOLE + b"x", location=f": byte {len(WHOLE)}"),
        "behind-padding": Case(content=WHOLE + bytes(20000) + b"x"),
        "tar": Case(content=WHOLE + WHOLE),
    },
    "member-doubled": {
        "entry": Case(content=[*GOOD, file("index.json", b"{}")], subject="index.json", location=": index.json"),
        "blob": Case(content=[*GOOD, file(LAYER, b"x" * len(TOP.stored))], subject=LAYER),
        "spelled-otherwise": Case(content=[*GOOD, file("./index.json", b"{}")], subject="index.json"),
        "above-and-back": Case(content=[*GOOD, file("blobs/../index.json", b"{}")], subject="index.json"),
        "link": Case(content=[*GOOD, symlink("index.json", "oci-layout")]),
        "docker-archive": Case(content=[*docker_archive(SAVED), file("manifest.json", b"[]")]),
    },
    "member-doubled-same": {
        "entry": Case(content=[*GOOD, GOOD[-1]], subject="index.json", location=": index.json"),
        "layer": Case(content=[*GOOD, file(LAYER, TOP.stored)], subject=LAYER),
        "link": Case(content=[*GOOD, symlink("x", "oci-layout"), symlink("x", "oci-layout")]),
    },
    "member-name": {
        "above": Case(content=[*GOOD, file("../outside", b"x")], subject="../outside"),
        "above-in-the-middle": Case(content=[*GOOD, file("blobs/../../outside", b"x")]),
        "absolute-and-above": Case(content=[*GOOD, file("a/../../b", b"x")]),
        "nul": Case(content=pax({"path": "in\0dex.json"}) + tar([file("x", b"")], end=0) + WHOLE),
        "empty": Case(content=[*GOOD, file("", b"x")]),
        "link": Case(content=[*GOOD, symlink("../outside", "oci-layout")]),
    },
    "member-name-absolute": {
        "stray": Case(content=[*GOOD, file("/etc/passwd", b"x")], subject="/etc/passwd"),
        "entry": Case(content=[*GOOD[:-1], file("/index.json", GOOD[-1].data)]),
    },
    "member-special": {
        "character-device": Case(content=flagged(b"3"), subject=LAYER, location=f": {LAYER}"),
        "block-device": Case(content=flagged(b"4"), subject=LAYER),
        "fifo": Case(content=flagged(b"6"), subject=LAYER),
        "sparse": Case(content=flagged(b"S"), subject=LAYER),
        "folder": Case(content=[*without(GOOD, LAYER), folder(LAYER)], subject=LAYER),
        "folder-in-a-folder": Case(content=[*without(GOOD, LAYER), folder(LAYER)], folder=True, subject=LAYER),
        "in-a-docker-archive": Case(
            content=[*without(docker_archive(SAVED), SAVED.layers[0]), folder(SAVED.layers[0])]
        ),
    },
    "member-linked": {
        "layer": Case(
            content=[
                *without(SAID, SAVED.layers[0]),
                file("x", PLAIN.layers[0].stored),
                hardlink(SAVED.layers[0], "x"),
            ],
            subject=SAVED.layers[0],
            location=f": {SAVED.layers[0]}",
        ),
        "config": Case(
            content=[*without(SAID, SAVED.config), file("x", PLAIN.config), hardlink(SAVED.config, "x")],
            subject=SAVED.config,
        ),
        "manifest.json": Case(
            content=[*without(SAID, "manifest.json"), file("x", SAID[-1].data), hardlink("manifest.json", "x")],
            subject="manifest.json",
        ),
    },
    "member-device": {
        "character-device": Case(content=special("dev/null", b"3") + WHOLE, subject="dev/null", location=": dev/null"),
        "block-device": Case(content=special("dev/sda", b"4") + WHOLE, subject="dev/sda"),
        "fifo": Case(content=special("pipe", b"6") + WHOLE, subject="pipe"),
    },
    "link-escapes": {
        "that-nothing-names": Case(content=[*GOOD, symlink("x", "/etc")], subject="x", location=": x"),
        "with-a-member-below": Case(content=[*GOOD, symlink("x", "../.."), file("x/passwd", b"root")]),
        "above": Case(
            content=[*without(GOOD, LAYER), symlink(LAYER, "../../../etc/passwd")], subject=LAYER, location=f": {LAYER}"
        ),
        "absolute": Case(content=[*without(GOOD, LAYER), symlink(LAYER, "/etc/passwd")], subject=LAYER),
        "hard": Case(content=[*without(GOOD, LAYER), hardlink(LAYER, "../etc/passwd")], subject=LAYER),
        "through-a-folder": Case(
            content=[*without(GOOD, LAYER), symlink("away", ".."), symlink(LAYER, "../../away/etc/passwd")], count=2
        ),
        "in-a-folder": Case(content=without(GOOD, LAYER), folder=True, links={LAYER: "/etc/hostname"}, subject=LAYER),
    },
    "link-dangling": {
        "that-nothing-names": Case(content=[*GOOD, symlink("x", "nothing")], subject="x", location=": x"),
        "hard-that-nothing-names": Case(content=[*GOOD, hardlink("x", "nothing")], subject="x"),
        "symlink": Case(
            content=[*without(GOOD, LAYER), symlink(LAYER, "nothing")], subject=LAYER, location=f": {LAYER}"
        ),
        "hard-link": Case(content=[*without(GOOD, LAYER), hardlink(LAYER, "nothing")], subject=LAYER),
        "in-a-folder": Case(content=without(GOOD, LAYER), folder=True, links={LAYER: "nothing"}, subject=LAYER),
        "in-a-docker-archive": Case(
            content=[*without(docker_archive(SAVED), SAVED.layers[0]), symlink(SAVED.layers[0], "nothing")]
        ),
    },
    "link-loop": {
        "that-nothing-names": Case(content=[*GOOD, symlink("x", "x")], subject="x", location=": x"),
        "itself": Case(
            content=[*without(GOOD, LAYER), symlink(LAYER, hexed(TOP.digest))], subject=LAYER, location=f": {LAYER}"
        ),
        "two": Case(content=[*without(GOOD, LAYER), symlink(LAYER, "../../other"), symlink("other", LAYER)]),
        "hard": Case(content=[*without(GOOD, LAYER), hardlink(LAYER, LAYER)]),
        "in-a-folder": Case(content=without(GOOD, LAYER), folder=True, links={LAYER: hexed(TOP.digest)}, subject=LAYER),
    },
    "outer-damaged": {
        "gzip-checksum": Case(
            content=flipped(gzip.compress(WHOLE, mtime=0), -8 % len(gzip.compress(WHOLE, mtime=0))), location=""
        ),
        "gzip-cut": Case(content=gzip.compress(WHOLE, mtime=0)[:-4]),
        "gzip-garbage": Case(content=gzip.compress(WHOLE, mtime=0) + b"garbage"),
        "gzip-first-byte": Case(content=flipped(gzip.compress(WHOLE, mtime=0), 10)),
        "zstd-checksum": Case(
            content=flipped(
                zstandard.ZstdCompressor(write_checksum=True).compress(WHOLE),
                -1 % len(zstandard.ZstdCompressor(write_checksum=True).compress(WHOLE)),
            )
        ),
        "xz-cut": Case(content=lzma.compress(WHOLE)[:-4]),
    },
    "member-not-a-folder": {
        "blobs": Case(content=[*GOOD, file("blobs", b"x")], subject="blobs", location=": blobs"),
        "blobs-of-an-algorithm": Case(content=[*GOOD, file("blobs/sha256", b"x")], subject="blobs/sha256"),
        "docker-archive": Case(content=[*docker_archive(SAVED), file(SAVED.layers[0].split("/")[0], b"x")]),
    },
    "limit-name": {
        "long": Case(content=[*GOOD, file("a/" * 2100 + "b", b"")]),
        "asked-for": Case(content=[*GOOD, file("a" * 200, b"")], options=("--limit", "name=100")),
    },
    "limit-links": {
        "steps": Case(content=[*GOOD, symlink("x", "a/b/c/d/nothing")], options=("--limit", "links=2")),
        "path": Case(
            content=[
                *without(docker_archive(SAVED), SAVED.layers[0]),
                symlink("d", "d/" + "x/" * 30),
                symlink(SAVED.layers[0], "../d/l"),
            ],
            options=("--limit", "name=200"),
        ),
    },
    "limit-extended": {
        "pax": Case(content=pax({"comment": "x" * (2 << 20)}) + WHOLE),
        "asked-for": Case(content=pax({"comment": "x" * 2000}) + WHOLE, options=("--limit", "extended=1000")),
        "long-name": Case(
            content=tar([file("a" * 2000, b"")], style=Style.GNU, end=0) + WHOLE, options=("--limit", "extended=1000")
        ),
    },
    "limit-members": {
        "asked-for": Case(
            content=[file("index.json", GOOD[-1].data), *GOOD[:-1], *[file(f"{n}", b"") for n in range(20)]],
            options=("--limit", "members=20"),
        ),
    },
    "limit-outer": {
        "four-times": Case(content=gzip.compress(gzip.compress(gzip.compress(gzip.compress(WHOLE))))),
        "asked-for": Case(content=gzip.compress(gzip.compress(WHOLE)), options=("--limit", "outer=1")),
    },
    "limit-ratio": {
        "outer": Case(
            content=gzip.compress(tar([*GOOD, file("zeros", bytes(8 << 20))])), options=("--max-ratio", "100")
        ),
    },
    # -- documents
    "json-invalid": {
        "config": Case(content=layout(made(config=cut)), location=None),
        "manifest": Case(content=layout(made(manifest=cut))),
        "index": Case(content=layout(listed(BOTH, lambda data: data.replace(b":", b"=", 1)))),
        "index.json": Case(content=entry(cut), subject="index.json", location=": index.json"),
        "manifest.json": Case(content=saved(cut), subject="manifest.json", location=": manifest.json"),
        "single-quotes": Case(content=entry(lambda data: data.replace(b'"', b"'"))),
        "control-character": Case(content=entry(splices(b'"odd":"\n"'))),
        "empty": Case(content=entry(lambda _: b"")),
        "dir": Case(content=changed(GOOD_DIR, "manifest.json", b"{"), folder=True),
    },
    "json-encoding": {
        "latin-1": Case(content=layout(made(config=splices(b'"author":"\xe9"')))),
        "overlong": Case(content=entry(splices(b'"odd":"\xc0\xaf"'))),
        "surrogate": Case(content=entry(splices(b'"odd":"\xed\xa0\x80"'))),
    },
    "json-bom": {
        "config": Case(content=layout(made(config=begins(BOM)))),
        "manifest": Case(content=layout(made(manifest=begins(BOM)))),
        "index.json": Case(content=entry(begins(BOM)), subject="index.json"),
    },
    "json-trailing": {
        "config": Case(content=layout(made(config=ends(b"{}")))),
        "manifest.json": Case(content=saved(ends(b"[]"))),
        "nul": Case(content=entry(ends(b"\0"))),
    },
    "json-duplicate-key": {
        "config": Case(content=layout(made(config=splices(b'"os":"linux"')))),
        "manifest": Case(content=layout(made(manifest=splices(b'"schemaVersion":2')))),
        "deep": Case(content=entry(splices(b'"odd":[{"a":1,"a":1}]'))),
        "manifest.json": Case(content=saved(splices(b'"Config":"other.json"'))),
    },
    "json-number": {
        "nan": Case(content=layout(made(manifest=splices(b'"odd":NaN')))),
        "infinity": Case(content=layout(made(config=splices(b'"odd":-Infinity')))),
        "int64": Case(content=entry(splices(b'"odd":9223372036854775808'))),
        "minus-int64": Case(content=entry(splices(b'"odd":-9223372036854775809'))),
        "double": Case(content=entry(splices(b'"odd":1e400'))),
        "size": Case(
            content=entry(
                lambda data: data.replace(b'"size":%d' % len(NODE.blobs[NODE.digest]), b'"size":18446744073709551617')
            )
        ),
    },
    "json-surrogate": {
        "manifest": Case(content=layout(made(manifest=splices(b'"odd":"\\ud800"')))),
        "key": Case(content=entry(splices(b'"\\udfff":1'))),
        "reversed-pair": Case(content=entry(splices(b'"odd":"\\udc00\\ud800"'))),
    },
    "config-surrogate": {
        "value": Case(content=layout(made(config=splices(b'"author":"\\ud800"')))),
        "key": Case(content=layout(made(config=splices(b'"\\udfff":1')))),
    },
    "key-case": {
        "beside-the-known-one": Case(
            content=layout(made(config=sets("config", {"Env": ["A=b"], "ENV": 5}))), expected="'Env'", found="'ENV'"
        ),
        "docker's-own": configured("config/hostname", "h"),
        "healthcheck": configured("config/Healthcheck", {"test": ["NONE"]}),
        "manifest": Case(
            content=layout(made(manifest=sets("Layers", []))),
            subject=made(manifest=sets("Layers", [])).digest,
            location=f": {blob_path(made(manifest=sets('Layers', [])).digest)}#/Layers",
        ),
        "descriptor": Case(content=layout(made(manifest=sets("layers/0/Size", 1)))),
        "config": Case(content=layout(made(config=sets("OS", "plan9")))),
        "run-config": Case(content=layout(made(config=sets("config/cmd", ["sh"])))),
        "rootfs": Case(content=layout(made(config=sets("rootfs/Diff_Ids", [])))),
        "platform": Case(
            content=layout(NODE.described(platform={"os": "linux", "architecture": "amd64", "OS": "plan9"}))
        ),
        "index.json": Case(content=entry(sets("Manifests", [])), location=": index.json#/Manifests"),
        "manifest.json": Case(content=saved(sets("0/LAYERS", []))),
        "manifest.json-as-go-folds": Case(content=saved(sets("0/RepoTag\u017f", ["corpus/evil:1.0"]))),
        "oci-layout": Case(
            content=changed(GOOD, "oci-layout", b'{"imageLayoutVersion":"1.0.0","ImageLayoutVersion":"2.0.0"}'),
            subject="oci-layout",
            location=": oci-layout#/ImageLayoutVersion",
        ),
        "as-go-folds": Case(content=layout(made(manifest=sets("layer\u017f", []))), found="'layer\u017f'"),
    },
    "limit-depth": {
        "default": Case(content=entry(deep(150))),
        "objects": Case(content=layout(made(config=splices(b'"odd":' + b'{"a":' * 150 + b"1" + b"}" * 150)))),
        "asked-for": Case(content=entry(deep(30)), options=("--limit", "depth=20")),
        "far-too-deep": Case(content=entry(deep(200_000))),
    },
    "limit-document": {
        "manifest": Case(content=layout(made(manifest=padded(5 << 20)))),
        "config": Case(
            content=layout(made(config=padded(2000))),
            options=("--limit", "config-size=2000"),
        ),
        "index.json": Case(content=entry(padded(2000)), options=("--limit", "manifest-size=2000")),
    },
    "limit-nesting": {
        "default": Case(content=layout(nested(17))),
        "asked-for": Case(content=layout(nested(3)), options=("--limit", "nesting=2")),
    },
    "limit-layers": {
        "asked-for": Case(content=layout(NODE), options=("--limit", "layers=1")),
        "docker-archive": Case(content=docker_archive(SAVED), options=("--limit", "layers=1")),
    },
    "limit-listed": {
        "layers": Case(content=layout(NODE), options=("--limit", "listed=1")),
        "names": Case(content=layout(NODE, NODE.named("a:1", "1")), options=("--limit", "listed=5")),
        "blobs": Case(content=layout(NODE), options=("--limit", "listed=3")),
    },
    "limit-statements": {
        "asked-for": Case(content=layout(index([NODE, attestation(NODE)])), options=("--limit", "statements=10")),
    },
    "limit-documents": {
        "asked-for": Case(content=layout(BOTH), options=("--limit", "documents=1")),
    },
    "limit-documents-size": {
        "asked-for": Case(content=layout(NODE), options=("--limit", "documents-size=300")),
    },
    "limit-values": {
        "asked-for": Case(content=layout(NODE), options=("--limit", "values=10")),
    },
    "schema": {
        "version-of-a-delta": Case(
            content=[*GOOD, file("delta.json", b'{"schema_version":2,"left_out":[]}')],
            location=": delta.json#/schema_version",
            expected="1",
            found="2",
        ),
        "what-a-delta-leaves-out": Case(
            content=[*GOOD, file("delta.json", b'{"schema_version":1,"left_out":[5]}')],
            location=": delta.json#/left_out/0",
        ),
        "index.json-manifests-null": Case(content=entry(sets("manifests", None)), location=": index.json#/manifests"),
        "index.json-manifests-absent": Case(
            content=entry(sets("manifests", ABSENT)), location=": index.json#/manifests"
        ),
        "index.json-is-an-array": Case(content=entry(lambda _: b"[]")),
        "index.json-version": Case(content=entry(sets("schemaVersion", 1)), location=": index.json#/schemaVersion"),
        "index.json-version-float": Case(content=entry(sets("schemaVersion", 2.0))),
        "entry-without-digest": Case(
            content=entry(sets("manifests/0/digest", ABSENT)),
            location=": index.json#/manifests/0",
            expected="a string",
            found="nothing",
        ),
        "entry-without-size": Case(content=entry(sets("manifests/0/size", ABSENT))),
        "entry-negative-size": Case(content=entry(sets("manifests/0/size", -1))),
        "entry-size-as-text": Case(content=entry(sets("manifests/0/size", "7"))),
        "entry-size-as-float": Case(
            content=entry(sets("manifests/0/size", 7.5)), expected="a whole number of bytes", found="7.5"
        ),
        "entry-is-a-string": Case(content=entry(sets("manifests/0", NODE.digest))),
        "manifest-version": Case(content=layout(made(manifest=sets("schemaVersion", 3)))),
        "manifest-config-absent": Case(content=layout(made(manifest=sets("config", ABSENT)))),
        "manifest-layers-null": Case(
            content=layout(made(manifest=sets("layers", None))), expected="an array", found="null"
        ),
        "manifest-media-type": Case(content=layout(made(manifest=sets("mediaType", 7)))),
        "manifest-is-a-number": Case(content=layout(made(manifest=lambda _: b"7"))),
        "layer-without-media-type": Case(
            content=layout(made(manifest=sets("layers/0/mediaType", ABSENT))), found="nothing"
        ),
        "subject-is-an-array": Case(content=layout(made(manifest=sets("subject", [])))),
        "subject-without-digest": Case(content=layout(made(manifest=sets("subject", {"mediaType": "a/b", "size": 1})))),
        "artifact-type": Case(content=layout(made(manifest=sets("artifactType", 7)))),
        "data-is-a-number": Case(content=layout(made(manifest=sets("config/data", 7)))),
        "config-is-an-array": Case(content=layout(made(config=lambda _: b"[]"))),
        "config-without-os": Case(content=layout(made(config=sets("os", ABSENT)))),
        "config-architecture": Case(content=layout(made(config=sets("architecture", 386)))),
        "config-created": Case(content=layout(made(config=sets("created", "yesterday")))),
        "config-user": Case(content=layout(made(config=sets("config/User", 0)))),
        "config-env": Case(content=layout(made(config=sets("config/Env", ["PATH"])))),
        "config-volumes": Case(content=layout(made(config=sets("config/Volumes", ["/data"])))),
        "config-labels": Case(content=layout(made(config=sets("config/Labels", {"a": None})))),
        "config-rootfs-type": Case(content=layout(made(config=sets("rootfs/type", "layer")))),
        "config-diff-ids": Case(content=layout(made(config=sets("rootfs/diff_ids", "none")))),
        "config-history": Case(content=layout(made(config=sets("history", {})))),
        "config-variant": Case(content=layout(made(config=sets("variant", 8)))),
        "manifest.json-is-an-object": Case(
            content=changed(docker_archive(SAVED), "manifest.json", b"{}"), expected="an array", found="an object"
        ),
        "manifest.json-entry": Case(content=saved(sets("0", "none")), location=": manifest.json#/0"),
        "manifest.json-config": Case(content=saved(sets("0/Config", 1)), location=": manifest.json#/0/Config"),
        "manifest.json-layers": Case(content=saved(sets("0/Layers", "none")), location=": manifest.json#/0/Layers"),
        "manifest.json-tags": Case(content=saved(sets("0/RepoTags", [1])), location=": manifest.json#/0/RepoTags"),
        "media-type-empty": Case(
            content=layout(made(manifest=sets("layers/0/mediaType", ""))), found="an empty string"
        ),
        "media-type-null": Case(
            content=layout(made(manifest=sets("layers/0/mediaType", None))), expected="a string", found="null"
        ),
        "layers-absent": Case(content=layout(made(manifest=sets("layers", ABSENT))), found="nothing"),
        "platform-absent": Case(
            content=layout(Image(layers=[BASE], platform=None).node()), expected="a string", found="nothing"
        ),
        "os-null": configured("os", None, found="null"),
        "version-absent": Case(content=entry(sets("schemaVersion", ABSENT)), expected="2", found="nothing"),
        "manifest.json-config-empty": Case(content=saved(sets("0/Config", "")), found="an empty string"),
        **{
            f"docker-{path}": configured(path, value, expected=expected, found=found, location=None)
            for path, (value, expected, found) in REFUSED.items()
        },
        "layer-sources": Case(content=saved(sets("0/LayerSources", []))),
        "layer-sources-entry": Case(content=saved(sets("0/LayerSources", {PLAIN.layers[0].diff_id: {}}))),
    },
    "digest-malformed": {
        "short": Case(
            content=entry(sets("manifests/0/digest", "sha256:abc")), location=": index.json#/manifests/0/digest"
        ),
        "upper-case": Case(
            content=entry(
                sets("manifests/0/digest", NODE.digest.replace(hexed(NODE.digest), hexed(NODE.digest).upper()))
            )
        ),
        "path": Case(content=layout(made(manifest=sets("layers/0/digest", "sha256:../../etc/passwd")))),
        "no-algorithm": Case(content=layout(made(manifest=sets("layers/0/digest", "a" * 64)))),
        "diff-id": Case(content=layout(made(config=sets("rootfs/diff_ids/1", "sha256:abc")))),
        "config": Case(content=layout(made(manifest=sets("config/digest", "sha512:abc")))),
    },
    "media-type-malformed": {
        "layer": Case(content=layout(made(manifest=sets("layers/0/artifactType", "text")))),
        "manifest": Case(
            content=layout(made(manifest=sets("artifactType", "a/b/c"))),
            location=f": {blob_path(made(manifest=sets('artifactType', 'a/b/c')).digest)}#/artifactType",
        ),
        "long": Case(content=layout(made(manifest=sets("artifactType", "a/" + "b" * 128)))),
        "space": Case(content=layout(NODE.described(artifactType="a b/c"))),
        "index.json": Case(content=entry(sets("artifactType", "/x"))),
    },
    "platform-malformed": {
        "string": Case(
            content=layout(NODE.described(platform="linux/amd64")), location=": index.json#/manifests/0/platform"
        ),
        "os": Case(content=layout(NODE.described(platform={"os": 1, "architecture": "amd64"}))),
        "os-absent": Case(
            content=layout(NODE.described(platform={"architecture": "amd64"})), expected="a string", found="nothing"
        ),
        "architecture-null": Case(
            content=layout(NODE.described(platform={"os": "linux", "architecture": None})), found="null"
        ),
        "nothing-in-it": Case(content=layout(NODE.described(platform={})), found="nothing"),
        "features": Case(
            content=layout(NODE.described(platform={"os": "linux", "architecture": "amd64", "os.features": "none"}))
        ),
        "features-too-many": Case(
            content=layout(
                NODE.described(platform={"os": "linux", "architecture": "amd64", "os.features": ["a"] * 101})
            ),
            expected="16 at most, of up to 512 characters",
            found="101, the longest of 1",
        ),
        "features-too-long": configured("os.features", ["a" * 513], found="1, the longest of 513"),
        "variant": Case(
            content=layout(NODE.described(platform={"os": "linux", "architecture": "amd64", "variant": []}))
        ),
    },
    "config-value": {
        "leap-second": configured("created", "2024-02-29T23:59:60Z", found="'2024-02-29T23:59:60Z'"),
        "small-letters": configured("history/0/created", "2024-02-29t23:59:00z"),
        "shell-as-text": configured("config/Shell", "sh", expected="an array of strings", found="a string"),
        "null-in-an-array": configured("config/OnBuild", [None], found="an array with null"),
        "null-in-history": configured("history", [{}, None], expected="an object", found="null"),
        "start-interval": configured("config/Healthcheck", {"StartInterval": "5s"}, found="a string"),
        "memory": configured("config/Memory", "1g", expected="a whole number", found="a string"),
    },
    "platform-spelling": {
        "config": configured("architecture", "x86_64", expected="'amd64'", found="'x86_64'"),
        "config-os": configured("os", "Linux", expected="'linux'", found="'Linux'"),
        "unknown": configured("architecture", "z80", expected="a value of GOARCH", found="'z80'"),
        "descriptor": Case(
            content=layout(
                IMAGE.node(platform={"os": "linux", "architecture": "aarch64"}).described(
                    platform={"os": "Linux", "architecture": "amd64"}
                )
            ),
            expected="'linux'",
            location=": index.json#/manifests/0/platform/os",
        ),
        "docker-archive": Case(
            content=docker_archive(Saved(image=Image(layers=PLAIN.layers, config_members={"os": "Linux"})))
        ),
    },
    "urls-malformed": {
        "string": Case(content=layout(made(manifest=sets("layers/0/urls", "https://example.com/")))),
        "no-uri": Case(content=layout(made(manifest=sets("layers/0/urls", ["https://example.com/a", "not here"])))),
        "number": Case(content=layout(NODE.described(urls=[1]))),
    },
    "annotations-malformed": {
        "array": Case(content=layout(made(manifest=sets("annotations", [])))),
        "number": Case(content=layout(NODE.described(annotations={"a": 1}))),
        "null-value": Case(content=layout(made(manifest=sets("layers/0/annotations", {"a": None})))),
        "index": Case(content=layout(listed(BOTH, sets("annotations", "a")))),
    },
    "platform-empty": {
        "config": Case(content=layout(made(config=sets("architecture", "")))),
        "config-os": Case(content=layout(made(config=sets("os", "")))),
        "descriptor": Case(content=layout(NODE.described(platform={"os": "linux", "architecture": ""}))),
        "both": Case(content=layout(NODE.described(platform={"os": "", "architecture": ""})), found="an empty string"),
        "both-of-a-config": Case(
            content=layout(Image(layers=[BASE], config_members={"os": "", "architecture": ""}).node())
        ),
        "docker-archive": Case(
            content=docker_archive(Saved(image=Image(layers=PLAIN.layers, config_members={"os": ""})))
        ),
    },
    "layers-empty": {
        "image": Case(content=layout(Image().node()), subject=Image().node().digest),
        "artifact": Case(
            content=layout(
                described(
                    manifest_of({"mediaType": OCI_EMPTY, "digest": digest(b"{}"), "size": 2}, artifactType="a/b"),
                    OCI_MANIFEST,
                    {digest(b"{}"): b"{}"},
                )
            )
        ),
    },
    "image-unproved": {
        "config-in-capitals": Case(
            content=layout(made(manifest=sets("config/mediaType", "Application/vnd.oci.image.config.v1+json")))
        ),
        "config-with-a-parameter": Case(
            content=layout(made(manifest=sets("config/mediaType", "application/vnd.oci.image.config.v1+json; a=b")))
        ),
        "manifest-with-a-parameter": Case(
            content=layout(NODE.described(mediaType=f"{OCI_MANIFEST}; a=b"), strays=[]),
            subject=NODE.digest,
            also=("blob-unreferenced",),
        ),
        "index-in-capitals": Case(
            content=layout(BOTH.described(mediaType=OCI_INDEX.upper())), also=("blob-unreferenced",)
        ),
    },
    "document-ambiguous": {
        "manifest-with-manifests": Case(content=layout(made(manifest=sets("manifests", [])))),
        "index-with-layers": Case(content=layout(listed(BOTH, sets("layers", [])))),
        "index-with-config": Case(content=layout(listed(BOTH, sets("config", {})))),
        "index.json-with-layers": Case(content=entry(sets("layers", [])), location=": index.json"),
        "index-that-says-it-is-a-manifest": Case(
            content=layout(
                replace(
                    listed(BOTH, sets("mediaType", OCI_MANIFEST)),
                    descriptor={**listed(BOTH, sets("mediaType", OCI_MANIFEST)).descriptor, "mediaType": OCI_MANIFEST},
                )
            )
        ),
    },
    "media-type-conflict": {
        "manifest": Case(
            content=layout(NODE.described(mediaType=DOCKER_MANIFEST)),
            subject=NODE.digest,
            expected=DOCKER_MANIFEST,
            found=OCI_MANIFEST,
            location=f": {MANIFEST}",
        ),
        "unknown": Case(content=layout(made(manifest=sets("mediaType", "application/vnd.example+json")))),
        "index.json": Case(content=entry(sets("mediaType", OCI_MANIFEST)), location=": index.json#/mediaType"),
    },
    "index-cycle": {
        "two": Case(content=cyclic(closed=True), also=("digest-unknown",)),
    },
    "index-missing": {
        "tar": Case(content=without(GOOD, "index.json"), subject="index.json", location=": index.json"),
        "folder": Case(content=without(GOOD, "index.json"), folder=True),
        "marker-alone": Case(content=[file("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')]),
    },
    "index-empty": {
        "index.json": Case(
            content=entry(sets("manifests", []), blob(b"", "text/plain"))[1:], location=": index.json#/manifests"
        ),
        "index": Case(content=layout(NODE, index([]))),
        "manifest.json": Case(content=[file("manifest.json", b"[]")], location=": manifest.json"),
    },
    "index-without-manifests": {
        "null": Case(
            content=without(hybrid(SAVED, manifests="null"), blob_path(PLAIN.node().digest)), subject="index.json"
        ),
    },
    "layout-version": {
        "missing": Case(content=without(GOOD, "oci-layout"), subject="oci-layout", location=": oci-layout"),
        "unknown": Case(content=changed(GOOD, "oci-layout", b'{"imageLayoutVersion":"3.0.0"}')),
        "number": Case(content=changed(GOOD, "oci-layout", b'{"imageLayoutVersion":1}')),
        "absent": Case(content=changed(GOOD, "oci-layout", b"{}")),
        "array": Case(content=changed(GOOD, "oci-layout", b'["1.0.0"]')),
        "text": Case(content=changed(GOOD, "oci-layout", b"1.0.0\n")),
        "empty": Case(content=changed(GOOD, "oci-layout", b"")),
        "hybrid": Case(content=without(HYBRID, "oci-layout")),
    },
    "hybrid-disagrees": {
        "layers-reversed": Case(content=half({**ENTRY, "Layers": ENTRY["Layers"][::-1]}), location=": manifest.json"),
        "layers-left-out": Case(content=half({**ENTRY, "Layers": ENTRY["Layers"][:1]})),
        "another-image": Case(
            content=[
                *half(ENTRY, {**ENTRY, "Config": "other.json", "RepoTags": None}),
                file("other.json", SECOND.config),
            ]
        ),
        "name-of-another": Case(
            content=changed(
                hybrid(SAVED, Saved(image=SECOND, tags=["corpus/other:1.0"])),
                "manifest.json",
                dumped(
                    [
                        {**ENTRY, "RepoTags": ["corpus/other:1.0"]},
                        {**ENTRY, "Config": blob_path(SECOND.image_id), "RepoTags": None},
                    ]
                ),
            ),
            subject="docker.io/corpus/other:1.0",
        ),
    },
    "format-doubled": {
        "layout": Case(content=[*GOOD_DIR, *layout(ARM.node())], folder=True, location=""),
        "index-alone": Case(content=[*GOOD_DIR, file("index.json", GOOD[-1].data)], folder=True),
    },
    "role-doubled": {
        "same": Case(content=[*GOOD_DIR, file(f"{hexed(IMAGE.image_id)}.manifest.json", IMAGE.config)], folder=True),
    },
    "layer-sources-mismatch": {
        "diff-id": Case(
            content=saved(sets("0/LayerSources", {NOWHERE: PLAIN.layers[0].descriptor("oci")})), subject=NOWHERE
        ),
        "size": Case(content=saved(sets("0/LayerSources", sources(size=7))), expected="7 bytes"),
        "blob": Case(
            content=hybrid(
                SAVED, LayerSources={**sources(), PLAIN.layers[0].diff_id: PLAIN.layers[1].descriptor("oci")}
            )
        ),
    },
    "v1-conflict": {
        "another-tag": Case(
            content=v1(**{"corpus/app": {"1.0": "a" * 64, "2.0": "a" * 64}}),
            subject="corpus/app:2.0",
            location=": repositories",
        ),
        "another-name": Case(content=v1(other={"1.0": "a" * 64})),
        "top-layer": Case(content=v1(**{"corpus/app": {"1.0": hexed(PLAIN.layers[0].diff_id)}})),
        "no-json": Case(content=[*docker_archive(SAVED), file("repositories", b"{")]),
        "id": Case(content=chained(0, id="5" * 64), found="5" * 64),
        "parent-absent": Case(content=chained(0, parent="5" * 64), found="5" * 64),
        "parent-left-out": Case(content=chained(1, parent=None)),
        "parent-of-itself": Case(content=chained(1, parent=CHAIN[1])),
        "layer-no-json": Case(content=changed(chained(), f"{CHAIN[0]}/json", b"{")),
    },
    "reference-malformed": {
        "tag": Case(
            content=docker_archive(Saved(image=PLAIN, tags=["corpus/app:1.0", "Corpus/App:1.0"])),
            subject="Corpus/App:1.0",
        ),
        "tag-with-a-space": Case(content=docker_archive(Saved(image=PLAIN, tags=["corpus/app:1 0"]))),
        "no-tag": Case(content=docker_archive(Saved(image=PLAIN, tags=["localhost:5000/app"])), expected="NAME:TAG"),
        "containerd": Case(content=names(CONTAINERD_NAME, "https://example.com/app")),
        "ref-name": Case(content=names(REF_NAME, "-app"), location=": index.json#/manifests/0/annotations"),
        "ref-name-empty": Case(content=names(REF_NAME, "")),
    },
    # -- blobs
    "digest-mismatch": {
        "layer": Case(
            content=changed(GOOD, LAYER, BASE.stored[: len(TOP.stored)].ljust(len(TOP.stored), b"x")),
            subject=TOP.digest,
            expected=TOP.digest,
            location=f": {LAYER}",
            also=("layer-damaged",),
        ),
        "config": Case(
            content=changed(GOOD, CONFIG, IMAGE.config.replace(b"step 0", b"step 9")), subject=IMAGE.image_id
        ),
        "stray": Case(
            content=[*GOOD, file(blob_path(NOWHERE), b"stray")],
            subject=NOWHERE,
            found=digest(b"stray"),
            also=("blob-unreferenced",),
        ),
        "sha512": Case(content=[*GOOD, file(blob_path(digest(b"x", "sha512")), b"stray")], also=("blob-unreferenced",)),
        "dir": Case(
            content=changed(GOOD_DIR, hexed(IMAGE.image_id), IMAGE.config.replace(b"step 0", b"step 9")), folder=True
        ),
    },
    "size-mismatch": {
        "layer": Case(
            content=layout(made(manifest=sets("layers/1/size", 7))),
            subject=TOP.digest,
            expected="7 bytes",
            found=f"{len(TOP.stored)} bytes",
            location=f": {LAYER}",
        ),
        "config": Case(content=layout(made(manifest=sets("config/size", 0)))),
        "manifest": Case(content=layout(NODE.described(size=1))),
        "index": Case(content=layout(BOTH.described(size=1))),
        "artifact": Case(content=layout(blob(b"text", "text/plain").described(size=5))),
    },
    "data-mismatch": {
        "other": Case(content=inline(base64.b64encode(bytes(len(IMAGE.config))).decode()), subject=IMAGE.image_id),
        "size": Case(content=inline(base64.b64encode(IMAGE.config + b" ").decode())),
        "unpadded": Case(content=layout(NODE, artifact(b"x", "a/b", inline=False).described(data="eA"))),
        "no-base64": Case(content=inline("*")),
        "url-alphabet": Case(content=layout(blob(b"\xff\xfe\xfd", "text/plain").described(data="__79"))),
        "line-break": Case(content=inline(base64.encodebytes(IMAGE.config).decode())),
    },
    "blob-missing": {
        "config-listed-as-left-out": Case(
            content=[*layout(NODE, without=[IMAGE.image_id]), absent(BASE, digest=IMAGE.image_id)],
            subject=IMAGE.image_id,
        ),
        "beside-a-layer-left-out": Case(
            content=[*layout(NODE, without=[BASE.digest, TOP.digest]), absent(BASE)], subject=TOP.digest
        ),
        "layer": Case(content=without(GOOD, LAYER), subject=TOP.digest, location=f": {TOP.digest}"),
        "config": Case(content=without(GOOD, CONFIG), subject=IMAGE.image_id),
        "manifest": Case(
            content=without(layout(Image().node()), blob_path(Image().node().digest), blob_path(Image().image_id)),
            subject=Image().node().digest,
        ),
        "docker-archive-layer": Case(content=without(docker_archive(SAVED), SAVED.layers[0]), subject=SAVED.layers[0]),
        "docker-archive-config": Case(content=without(docker_archive(SAVED), SAVED.config), subject=SAVED.config),
        "dir": Case(content=without(GOOD_DIR, hexed(TOP.digest)), folder=True, subject=TOP.digest),
        "artifact": Case(
            content=without(layout(artifact(b"text", "a/b")), blob_path(digest(b"text"))), subject=digest(b"text")
        ),
        "two": Case(content=without(GOOD, LAYER, CONFIG), count=2),
        "every-platform": Case(
            content=without(layout(BOTH), *(blob_path(name) for name in BOTH.blobs if name != BOTH.digest)), count=2
        ),
        "layer-of-one-platform": Case(
            content=without(layout(BOTH), blob_path(ARM.layers[1].digest)), subject=ARM.layers[1].digest
        ),
        "config-with-urls": Case(
            content=layout(
                replace(IMAGE, config_descriptor={"urls": ["https://example.com/c"]}).node(), without=[IMAGE.image_id]
            ),
            subject=IMAGE.image_id,
        ),
        "dir-layer-as-a-manifest": Case(
            content=[*without(GOOD_DIR, hexed(TOP.digest)), file(f"{hexed(TOP.digest)}.manifest.json", TOP.stored)],
            folder=True,
            subject=TOP.digest,
            location=f": {hexed(TOP.digest)}",
            expected=hexed(TOP.digest),
        ),
        "dir-manifest-as-a-blob": Case(
            content=[
                *without(skopeo_dir(BOTH), f"{hexed(ARM.node().digest)}.manifest.json"),
                file(hexed(ARM.node().digest), ARM.node().blobs[ARM.node().digest]),
            ],
            folder=True,
            subject=ARM.node().digest,
        ),
    },
    "sparse-index": {
        "platform": Case(
            content=without(
                layout(BOTH), *(blob_path(one) for one in (ARM.node().digest, ARM.image_id, ARM.layers[1].digest))
            ),
            subject=BOTH.digest,
            location=f": {blob_path(BOTH.digest)}",
        ),
        "nested": Case(
            content=without(
                layout(nested(2, BOTH)),
                *(blob_path(one) for one in (ARM.node().digest, ARM.image_id, ARM.layers[1].digest)),
            )
        ),
    },
    "blob-unreferenced": {
        "stray": Case(
            content=layout(NODE, strays=[b"stray"]),
            subject=digest(b"stray"),
            location=f": {blob_path(digest(b'stray'))}",
        ),
        "image": Case(
            content=[*GOOD, *(blob_of(data) for data in (SECOND.config, SECOND.node().blobs[SECOND.node().digest]))],
            count=2,
        ),
        "dir": Case(content=[*GOOD_DIR, file(hexed(digest(b"stray")), b"stray")], folder=True),
        "empty": Case(content=layout(NODE, strays=[b""])),
        "v1-in-a-layout": Case(content=layout(NODE, strays=[v1_image(1)])),
        "v1-without-its-parent": Case(content=[*HYBRID, *map(blob_of, (v1_image(1, 9), v1_image(2, 1)))], count=2),
        "v1-more-than-layers": Case(content=[*HYBRID, *(blob_of(v1_image(number)) for number in range(5))], count=3),
        "v1-of-a-short-id": Case(content=[*HYBRID, blob_of(v1_image(1, id="1"))]),
        "v1-with-layers": Case(content=[*HYBRID, blob_of(v1_image(1, rootfs={}))]),
        "v1-in-a-circle": Case(content=[*HYBRID, *map(blob_of, (v1_image(1, 2), v1_image(2, 1)))], count=2),
    },
    "blob-name": {
        "hidden": Case(
            content=[*GOOD, file("blobs/sha256/.DS_Store", b"x")],
            subject="blobs/sha256/.DS_Store",
            location=": blobs/sha256/.DS_Store",
        ),
        "short": Case(content=[*GOOD, file("blobs/sha256/abc", b"x")]),
        "upper-case": Case(content=[*GOOD, file(f"blobs/sha256/{'A' * 64}", b"x")]),
        "suffix": Case(content=[*GOOD, file(f"{LAYER}.tmp", b"x")]),
        "deeper": Case(content=[*GOOD, file(f"blobs/sha256/aa/{'a' * 64}", b"x")]),
    },
    "size-conflict": {
        "absent": Case(
            content=layout(
                described(
                    manifest_of(
                        {"mediaType": OCI_EMPTY, "digest": digest(b"{}"), "size": 2},
                        *(
                            {"mediaType": "a/b", "digest": NOWHERE, "size": size, "urls": ["https://example.com/a"]}
                            for size in (1, 2)
                        ),
                    ),
                    OCI_MANIFEST,
                    {digest(b"{}"): b"{}"},
                )
            ),
            subject=NOWHERE,
            expected="1",
            found="2",
        ),
    },
    "digest-unknown": {
        "blob": Case(content=layout(NODE, ODD_BLOB), subject="x-sum:abc"),
        "layer": Case(
            content=layout(Image(layers=[replace(BASE, algorithm="sha384")]).node()),
            subject=digest(BASE.stored, "sha384"),
        ),
        "diff-id": Case(content=layout(made(config=sets("rootfs/diff_ids/1", "x-sum:abc"))), subject="x-sum:abc"),
    },
    # -- layers
    "layer-name-mismatch": {
        "crane": Case(
            content=docker_archive(
                Saved(image=IMAGE, layer_names=[f"{'5' * 64}.tar.gz", f"{hexed(TOP.digest)}.tar.gz"])
            ),
            subject=f"{'5' * 64}.tar.gz",
            expected=NOWHERE,
            found=BASE.digest,
        ),
        "podman": Case(content=docker_archive(Saved(image=PLAIN, layer_names=["a.tar", f"{'5' * 64}.tar"]))),
        "header-of-gzip": Case(
            content=docker_archive(
                Saved(
                    image=Image(layers=[replace(BASE, stored=flipped(BASE.stored, 4))]),
                    layer_names=[f"{hexed(BASE.digest)}.tar.gz"],
                )
            )
        ),
    },
    "image-id-mismatch": {
        "json": Case(
            content=docker_archive(Saved(image=PLAIN, config_name=f"{'5' * 64}.json")),
            expected=NOWHERE,
            found=PLAIN.image_id,
        ),
        "colon": Case(content=docker_archive(Saved(image=PLAIN, config_name=NOWHERE))),
        "blob": Case(
            content=docker_archive(Saved(image=PLAIN, config_name=f"blobs/sha256/{'5' * 64}")),
            also=("digest-mismatch",),
        ),
    },
    "diff-id-count": {
        "more": Case(
            content=layout(made(config=sets("rootfs/diff_ids", [*IMAGE.diff_ids, NOWHERE]))),
            expected="2 diff_ids",
            found="3",
        ),
        "fewer": Case(content=layout(made(config=sets("rootfs/diff_ids", IMAGE.diff_ids[:1]))), found="1"),
        "none": Case(content=layout(made(config=sets("rootfs/diff_ids", [])))),
        "docker-archive": Case(content=saved(sets("0/Layers", SAVED.layers[:1]))),
    },
    "diff-id-mismatch": {
        "other": Case(
            content=layout(made(config=sets("rootfs/diff_ids/1", NOWHERE))),
            subject=TOP.digest,
            expected=NOWHERE,
            found=TOP.diff_id,
            location=f": {LAYER}",
        ),
        "of-the-stored": Case(content=layout(made(config=sets("rootfs/diff_ids/1", TOP.digest)))),
        "docker-archive": Case(content=changed(docker_archive(SAVED), SAVED.layers[1], ZEROS), subject=SAVED.layers[1]),
    },
    "layer-order": {
        "config": Case(content=layout(made(config=sets("rootfs/diff_ids", IMAGE.diff_ids[::-1])))),
        "docker-archive": Case(content=saved(sets("0/Layers", SAVED.layers[::-1])), subject=PLAIN.image_id),
    },
    "history-count": {
        "more": Case(
            content=layout(made(config=sets("history", [{}] * 3))), expected="2 entries with a layer", found="3"
        ),
        "empty": Case(content=layout(made(config=sets("history", [{"empty_layer": True}] * 2))), found="0"),
        "docker-archive": Case(
            content=docker_archive(Saved(image=Image(layers=PLAIN.layers, config_members={"history": [{}]})))
        ),
    },
    "platform-mismatch": {
        "architecture": Case(
            content=layout(IMAGE.node(platform={"os": "linux", "architecture": "arm64"})),
            expected="linux/arm64",
            found="linux/amd64",
        ),
        "os": Case(content=layout(IMAGE.node(platform={"os": "windows", "architecture": "amd64"}))),
        "os-version": Case(
            content=placed(**{"os.version": "10.0.20348.1"}),
            expected="windows/amd64, os.version 10.0.20348.1",
            found="windows/amd64, os.version 10.0.17763.1",
        ),
        "os-features": Case(
            content=placed(**{"os.features": ["a", "win32k"]}), found="windows/amd64, os.features win32k"
        ),
        "variant": Case(
            content=layout(
                replace(ARM, config_members={"variant": "v8"}).node(
                    platform={"os": "linux", "architecture": "arm64", "variant": "v9"}
                )
            )
        ),
    },
    "platform-doubled": {
        "two": Case(
            content=layout(platforms([IMAGE, SECOND])),
            subject=SECOND.node().digest,
            expected="one image of each platform",
        ),
        "by-empty-members": Case(
            content=layout(
                index(
                    [
                        IMAGE.node(platform={"os": "linux", "architecture": "amd64"}),
                        SECOND.node(
                            platform={"os": "linux", "architecture": "amd64", "variant": "", "os.features": []}
                        ),
                    ]
                )
            )
        ),
        "three": Case(content=layout(platforms([IMAGE, SECOND, THIRD])), count=2),
        "sparse": Case(
            content=layout(
                index(
                    [
                        IMAGE.node(platform={"os": "linux", "architecture": "amd64"}),
                        FAR.described(platform={"os": "linux", "architecture": "amd64"}),
                    ]
                )
            ),
            subject=NOWHERE,
            also=("sparse-index",),
        ),
    },
    "gzip-header": {
        "name": Case(content=layout(in_layer(gzipped(BASE.plain, name=b"n" * 512)).node()), found="513 bytes"),
        "comment": Case(content=layout(in_layer(commented(BASE.plain, 512)).node()), expected="512 bytes at most"),
        "second-member": Case(
            content=layout(in_layer(gzipped(BASE.plain[:512]) + gzipped(BASE.plain[512:], name=b"n" * 900)).node())
        ),
        "outer": Case(content=gzipped(tar(GOOD, style=Style.GNU), name=b"n" * 512), location="", found="513 bytes"),
    },
    "layer-misread": {
        "plain-and-bzip2": Case(content=layout(Image(layers=[layer({"BZh": b""})]).node()), found="b'BZh'"),
    },
    "layer-padded": {
        "gzip": Case(content=layout(in_layer(BASE.stored + bytes(1)).node())),
        "block": Case(content=layout(in_layer(BASE.stored + bytes(10240)).node())),
    },
    "layer-not-tar": {
        "text": Case(content=layout(Image(layers=[packed(b"text" * 500, "gzip")]).node()), expected="a tar"),
        "short": Case(content=layout(Image(layers=[packed(b"text", "none")]).node())),
        "gzip-in-gzip": Case(content=layout(Image(layers=[packed(BASE.stored, "gzip")]).node())),
    },
    "layer-tar-truncated": {
        "in-data": Case(content=of_tars(HELD[: BLOCK + 600]), expected="700 bytes", found="600 bytes"),
        "plain": Case(content=of_tars(HELD[: BLOCK + 699], codec="none"), location=None),
        "zstd": Case(content=of_tars(HELD[: BLOCK + 1], codec="zstd")),
        "in-header": Case(content=of_tars(HELD + HELD[:300])),
        "in-first-header": Case(content=of_tars(HELD[:300])),
        "in-extended-header": Case(content=of_tars(HELD + pax({"path": "b" * 700})[: BLOCK + 600])),
        "behind-extended-header": Case(content=of_tars(HELD + pax({"path": "b"}))),
        "in-end": Case(content=of_tars(HELD + bytes(BLOCK + 100))),
        "saved": Case(content=docker_archive(replace(SAVED, image=Image(layers=[packed(HELD[:900], "none")])))),
    },
    "layer-tar-damaged": {
        "checksum": Case(content=of_tars(GARBLED)),
        "first-checksum": Case(content=of_tars(flipped(HELD, 7) + bytes(2 * BLOCK))),
        "text": Case(content=of_tars(HELD + b"text" * 500)),
        "between": Case(content=of_tars(HELD + bytes(BLOCK) + HELD + bytes(2 * BLOCK))),
        "records": Case(content=of_tars(NO_MAP + HELD + bytes(2 * BLOCK))),
    },
    "layer-tar-ambiguous": {
        "sizes": Case(content=of_tars(pax({"size": "5"}) + HELD + bytes(2 * BLOCK))),
    },
    "layer-path-doubled": {
        "files": Case(content=of_tars(tar([file("a", b"1"), file("a", b"2")])), found="'a'"),
        "folders": Case(content=of_tars(tar([folder("a"), file("a/b", b""), folder("a")])), found="'a'"),
        "spelled-otherwise": Case(content=of_tars(tar([file("a/b", b"1"), file("./a/./b", b"")])), found="'a/b'"),
        "far": Case(content=of_tars(tar([*(file(f"{n}", b"x" * 9000) for n in range(200)), file("7", b"")]))),
    },
    "layer-path-outside": {
        "file": Case(content=of_tars(tar([file("a/../../b", b"")])), found="'a/../../b'"),
        "link": Case(content=of_tars(tar([hardlink("b", "../a")])), found="'b'"),
    },
    "layer-path-absolute": {
        "file": Case(content=of_tars(tar([file("/a", b"")])), found="'/a'"),
    },
    "layer-link-dangling": {
        "nowhere": Case(content=of_tars(BELOW, tar([hardlink("b", "nowhere")])), found="'nowhere'"),
        "behind": Case(content=of_tars(tar([hardlink("b", "a"), file("a", b"")])), found="'a'"),
        "above": Case(content=of_tars(tar([hardlink("b", "etc/a")]), BELOW), found="'etc/a'"),
        "deleted": Case(
            content=of_tars(BELOW, tar([file("etc/.wh.a", b"")]), tar([hardlink("b", "etc/a")])), found="'etc/a'"
        ),
        "folder-emptied": Case(
            content=of_tars(BELOW, tar([file("etc/.wh..wh..opq", b"")]), tar([hardlink("b", "etc/a")])),
            found="'etc/a'",
        ),
    },
    "layer-unchecked": {
        "paths": Case(
            content=of_tars(tar([file("a", b""), file("b", b""), file("c", b""), file("a", b"")])),
            options=("--limit", "layer-paths=2"),
        ),
        "extended": Case(content=of_tars(pax({"comment": "x" * 3000}) + HELD), options=("--limit", "extended=1000")),
    },
    "toc-annotation": {
        "size": Case(content=layout(estargz(annotations={STARGZ_SIZE: "7"}).node()), expected="7"),
        "offset": Case(content=layout(estargz(offset=1 << 30).node())),
        "offset-of-no-table": Case(content=layout(estargz(offset=-47).node())),
        "no-footer": Case(content=layout(in_layer(BASE.stored, annotations={STARGZ: NOWHERE}).node())),
        "position": Case(content=layout(chunked(annotations={POSITION: "999999:1:1:1"}).node()), found="999999:1:1:1"),
        "position-without-numbers": Case(content=layout(chunked(annotations={POSITION: "here"}).node()), found="here"),
        "no-position": Case(content=layout(chunked(annotations={POSITION: None}).node())),
        "footer": Case(content=layout(chunked(shift=1).node())),
        "split-position": Case(content=layout(chunked(annotations={SPLIT: "999999:1:1"}).node()), found="999999:1:1"),
        "no-split-position": Case(content=layout(chunked(annotations={SPLIT: None}).node())),
    },
    "toc-digest": {
        "estargz": Case(content=layout(estargz(annotations={STARGZ: NOWHERE}).node()), expected=NOWHERE),
        "chunked": Case(content=layout(chunked(annotations={CHECKSUM: NOWHERE}).node()), expected=NOWHERE),
        "no-checksum": Case(content=layout(chunked(annotations={CHECKSUM: None}).node())),
        "snapshotter": Case(content=layout(snapshotter(annotations={STARGZ: NOWHERE}).node()), expected=NOWHERE),
    },
    "toc-entry": {
        **each(tells("bin/app", digest=NOWHERE), "digest", expected=NOWHERE, found=digest(TEXT)),
        **each(tells("bin/app", digest="md5:1"), "digest-unknown", expected="md5:1", found=digest(TEXT)),
        **each(drops("bin/app"), "left-out"),
        **each(drops("bin/link"), "link-left-out"),
        **each(adds(name="etc/shadow", type="reg"), "too-many"),
        **each(adds(name="etc", type="symlink", linkName="/"), "link-for-a-folder"),
        **each(adds(name="etc/name", type="reg", digest=digest(b"short"), size=5), "twice"),
        **each(adds(name="dir", type="dir", mode=0o777), "empty-folder"),
        **each(tells("bin/app", Mode=0o777), "key-case"),
        **each(tells("bin/app", mode="0777"), "no-number"),
        **each(tells("bin/app", xattrs={"a": "?"}), "no-base64"),
        **each(tells("bin/link", type="socket"), "type-unknown"),
        **each(lambda entries: entries.insert(0, {"name": "x", "type": "chunk"}), "chunk-of-nothing"),
        "no-split-digest": Case(content=layout(chunked(told_split=7).node())),
    },
    "toc-attributes": {
        **each(tells("bin/app", mode=0o755), "mode", expected="mode 0755", found="mode 4755"),
        **each(tells("bin/app", uid=0), "uid", expected="uid 0", found="uid 7"),
        **each(tells("bin/app", gid=0), "gid", expected="gid 0", found="gid 8"),
        **each(tells("bin/app", mode=0o755, uid=1), "two", expected="mode 0755, uid 1", found="mode 4755, uid 7"),
        **each(tells("bin/app", modtime="2024-11-14T22:13:20Z"), "modtime"),
        **each(tells("bin/app", xattrs={}), "xattrs-left-out", expected="xattrs none"),
        **each(tells("etc/name", xattrs={"user.a": "YQ=="}), "xattrs-too-many"),
        **each(tells("etc/name", size=4), "size", expected="size 4", found="size 5"),
        **each(tells("bin", type="reg"), "type", expected="type reg", found="type dir"),
        **each(tells("bin/link", linkName="../etc/name"), "symlink", expected="link '../etc/name'", found="link 'app'"),
        **each(tells("bin/hard", linkName="etc/name"), "hardlink"),
        **each(tells("dev/null", devMinor=5), "device", expected="device 1:5", found="device 1:3"),
        "no-modtime": Case(content=layout(chunked(tells("bin/app", modtime=None)).node())),
    },
    "toc-chunk": {
        **each(tells("bin/app", chunkDigest=NOWHERE), "first", expected=NOWHERE, found=digest(TEXT[:20])),
        **each(tells("bin/app", 2, chunkDigest=NOWHERE), "last", expected=NOWHERE, found=digest(TEXT[40:])),
        "no-digest": Case(content=layout(estargz(tells("bin/app", 1, chunkDigest=None)).node())),
        "no-digests": Case(content=layout(chunked(tells("etc/name", digest=None)).node())),
        **each(tells("bin/app", 1, chunkOffset=21), "gap"),
        **each(tells("bin/app", 1, chunkOffset=19), "overlap"),
        **each(tells("bin/app", 1, chunkSize=40), "too-long"),
        **each(lambda entries: entries.insert(2, entries.pop(3)), "out-of-order"),
        **each(tells("bin/app", 2, chunkType="zeros"), "no-zeros"),
        **each(tells("bin/app", 1, offset=0), "at-the-header"),
        **each(tells("bin/app", 1, offset=3), "at-no-header"),
        **each(tells("bin/app", 1, offset=1 << 40), "behind-the-end"),
        **each(tells("bin/app", 1, innerOffset=5), "inner"),
        "no-digest-of-the-only": Case(content=layout(estargz(tells("etc/name", chunkDigest=None)).node())),
        "end": Case(content=layout(chunked(tells("etc/name", endOffset=1)).node())),
    },
    "toc-tar-split": {
        "digest": Case(content=layout(chunked(told_split=NOWHERE).node()), expected=NOWHERE),
        "another-tar": Case(content=layout(chunked(split=lambda rows: rows[0].update(payload="AAAA")).node())),
        "shorter": Case(content=layout(chunked(split=lambda rows: rows.pop()).node())),
        "longer": Case(content=layout(chunked(split=lambda rows: rows.append(rows[-1])).node())),
        "longer-file": Case(content=layout(chunked(split=lambda rows: rows.append({"type": 1, "size": 1})).node())),
        "no-base64": Case(content=layout(chunked(split=lambda rows: rows[0].update(payload="?")).node())),
        "no-json": Case(content=layout(chunked(split=lambda rows: rows.insert(0, {})).node())),
        "type": Case(content=layout(chunked(split=lambda rows: rows[0].update(type=3)).node())),
        "position": Case(content=layout(chunked(split=lambda rows: rows[1].update(position=2)).node())),
        "key-case": Case(content=layout(chunked(split=lambda rows: rows[0].update(Payload="AAAA")).node())),
    },
    "toc-elsewhere": {"external": Case(content=layout(estargz(external=True).node()))},
    "layer-damaged": {
        "gzip-checksum": Case(content=layout(in_layer(flipped(BASE.stored, len(BASE.stored) - 8)).node())),
        "gzip-cut": Case(content=layout(in_layer(BASE.stored[:-1]).node())),
        "gzip-garbage": Case(content=layout(in_layer(BASE.stored + b"garbage").node())),
        "gzip-zeros-and-garbage": Case(content=layout(in_layer(BASE.stored + bytes(10) + b"garbage").node())),
        "gzip-header-alone": Case(content=layout(in_layer(BASE.stored[:10]).node())),
        "gzip-reserved-flag": Case(content=layout(in_layer(flipped(BASE.stored, 3, 0x80)).node())),
        "gzip-second-member-cut": Case(content=layout(in_layer(gzipped(BASE.plain, members=2)[:-3]).node())),
        "zstd-checksum": Case(content=layout(zstd_layer(flipped(ZSTD, len(ZSTD) - 1)).node())),
        "zstd-cut": Case(content=layout(zstd_layer(ZSTD[:-5]).node())),
        "zstd-garbage": Case(content=layout(zstd_layer(ZSTD + b"garbage").node())),
        "zstd-zeros": Case(content=layout(zstd_layer(ZSTD + bytes(8)).node())),
        "zstd-skippable-cut": Case(content=layout(zstd_layer(ZSTD + skippable(b"x" * 9)[:-1]).node())),
        "zstd-skippable-header-cut": Case(content=layout(zstd_layer(ZSTD + skippable(b"")[:5]).node())),
        "docker-archive": Case(content=docker_archive(Saved(image=in_layer(BASE.stored[:-1])))),
    },
    "limit-unpacked": {
        "ratio": Case(content=layout(Image(layers=[packed(ZEROS, "gzip")]).node()), options=("--max-ratio", "100")),
        "size": Case(
            content=layout(Image(layers=[packed(ZEROS, "none")]).node()), options=("--max-layer-size", "1000000")
        ),
        "window": Case(
            content=layout(Image(layers=[packed(ZEROS, "zstd")]).node()), options=("--limit", "window=100000")
        ),
        "gzip-header": Case(
            content=layout(in_layer(gzipped(BASE.plain, name=b"n" * 90)).node()), options=("--limit", "gzip-header=100")
        ),
    },
    "media-type-mismatch": {
        "plain-named-gzip": Case(
            content=layout(Image(layers=[replace(PLAIN.layers[0], media_type=f"{OCI_LAYER}+gzip")]).node()),
            expected="gzip",
            found="none",
        ),
        "gzip-named-plain": Case(
            content=layout(Image(layers=[replace(BASE, media_type=OCI_LAYER)]).node()), expected="none", found="gzip"
        ),
        "zstd-named-gzip": Case(
            content=layout(Image(layers=[replace(packed(BASE.plain, "zstd"), media_type=f"{OCI_LAYER}+gzip")]).node())
        ),
        "xz-named-plain": Case(
            content=layout(
                Image(layers=[replace(BASE, stored=lzma.compress(BASE.plain), media_type=OCI_LAYER)]).node()
            ),
            found="xz",
        ),
    },
    "layer-opaque": {
        "encrypted": Case(
            content=layout(
                Image(
                    layers=[replace(BASE, stored=b"secret" * 99, media_type=f"{OCI_LAYER}+gzip+encrypted"), TOP]
                ).node()
            )
        ),
        "unknown": Case(
            content=layout(Image(layers=[replace(BASE, media_type="application/vnd.example.layer"), TOP]).node())
        ),
    },
    "layer-foreign": {
        "absent": Case(
            content=layout(Image(layers=[replace(BASE, media_type=OCI_FOREIGN, absent=True), TOP]).node()),
            subject=BASE.digest,
        ),
        "urls": Case(
            content=layout(
                Image(layers=[replace(BASE, members={"urls": ["https://example.com/a"]}, absent=True), TOP]).node()
            )
        ),
        "of-an-artifact": Case(
            content=layout(
                edited(
                    artifact(b"x", "a/b"), lambda document: document["layers"][0].update(urls=["https://example.com/a"])
                ),
                without=[digest(b"x")],
            ),
            subject=digest(b"x"),
        ),
    },
    # -- references
    "name-conflict": {
        "layout": Case(content=layout(NODE, ARM.node().named(NAME, "1.0")), subject=NAME, location=f": {NAME}"),
        "ref-name": Case(
            content=layout(IMAGE.node().named(ref_name="app"), ARM.node().named(ref_name="app")), subject="app"
        ),
        "familiar": Case(
            content=layout(IMAGE.node().named(ref_name="corpus/app:1.0"), ARM.node().named(ref_name=NAME)), subject=NAME
        ),
        "docker-archive": Case(content=docker_archive(SAVED, replace(SAVED, image=SECOND))),
        "crossed": Case(
            content=layout(IMAGE.node().named(NAME, "2.0"), ARM.node().named("docker.io/corpus/app:2.0", "1.0")),
            count=2,
        ),
    },
    "name-digest": {
        "of-something-else": Case(
            content=layout(NODE.named(ref_name=f"docker.io/corpus/app@{NOWHERE}")),
            subject=f"docker.io/corpus/app@{NOWHERE}",
            expected=NOWHERE,
            found=NODE.digest,
        ),
        "of-a-platform": Case(
            content=layout(index([IMAGE.node(), ARM.node()]).named(ref_name=f"docker.io/corpus/app@{NODE.digest}")),
            expected=NODE.digest,
        ),
        "with-a-tag": Case(content=layout(NODE.named(ref_name=f"docker.io/corpus/app:1.0@{NOWHERE}"))),
    },
    "attestation-dangling": {
        "child": Case(content=layout(index([IMAGE.node(), attestation(FAR)])), expected=NOWHERE),
        "root": Case(content=layout(NODE, attestation(FAR)), expected=NOWHERE),
    },
    "subject-dangling": {
        "referrer": Case(content=layout(artifact(b"sbom", "a/b", subject=FAR)), expected=NOWHERE),
        "image": Case(content=layout(made(manifest=sets("subject", FAR.descriptor)))),
        "index": Case(content=layout(index([NODE], members={"subject": FAR.descriptor}))),
    },
    "tag-dangling": {
        "schema": Case(
            content=layout(index([artifact(b"x", "a/b")]).named(ref_name=TAG)), subject=TAG, expected=NOWHERE
        ),
        "signature": Case(content=layout(artifact(b"x", "a/b").named(ref_name=f"{TAG}.sig"))),
        "sbom": Case(content=layout(artifact(b"x", "a/b").named(ref_name=f"{TAG}.sbom"))),
        "in-a-name": Case(content=layout(artifact(b"x", "a/b").named(ref_name=f"example.com/corpus/app:{TAG}.att"))),
    },
    "statement-dangling": {
        "in-toto": Case(content=layout(stated(NOWHERE)), expected=NOWHERE),
    },
    "manifest-untagged": {
        "registry": Case(content=registry(tagged=False), folder=True),
    },
    "signature-stale": {
        "cosign": Case(
            content=layout(NODE, signature(FAR).named(ref_name=NODE.digest.replace(":", "-") + ".sig")),
            expected=NODE.digest,
            found=NOWHERE,
        ),
        "attestation": Case(
            content=layout(index([IMAGE.node(), attestation(IMAGE.node(), statement(NOWHERE))])),
            expected=NODE.digest,
            found=NOWHERE,
        ),
        "attestation-of-index.json": Case(
            content=layout(NODE, attestation(IMAGE.node(), statement(NOWHERE))), expected=NODE.digest
        ),
    },
    "signature-valid": {
        "cosign": Case(content=layout(NODE, signed(NODE)), key=pem(SIGNER), subject=NODE.digest),
        "statement": Case(content=layout(NODE, signed_statement(NODE)), key=pem(SIGNER), subject=NODE.digest),
        "bundle": Case(content=layout(NODE, signed_bundle(NODE)), key=pem(SIGNER), subject=NODE.digest),
    },
    "signature-invalid": {
        "not-base64": Case(
            content=layout(NODE, tagged(signature(NODE, "%"), NODE)), key=pem(SIGNER), subject=NODE.digest
        ),
        "bundle-that-names-the-key": Case(
            content=layout(NODE, signed_bundle(NODE, OTHER, hint(SIGNER))), key=pem(SIGNER), subject=NODE.digest
        ),
    },
    "signature-missing": {
        "nothing": Case(content=GOOD, key=pem(SIGNER), options=("--require-signature",), subject=NODE.digest),
        "docker-archive": Case(
            content=docker_archive(SAVED), key=pem(SIGNER), options=("--require-signature",), count=1
        ),
        "of-another-key": Case(
            content=layout(NODE, signed(NODE, OTHER)),
            key=pem(SIGNER),
            options=("--require-signature",),
            also=("signature-untrusted",),
        ),
    },
    "signature-identity": {
        "another-image": Case(
            content=layout(NODE, signed(NODE, about=NOWHERE)),
            key=pem(SIGNER),
            also=("signature-stale",),
            subject=NOWHERE,
            expected=NODE.digest,
            found=NOWHERE,
        ),
    },
    "signature-untrusted": {
        "another-key": Case(content=layout(NODE, signed(NODE, OTHER)), key=pem(SIGNER), subject=NODE.digest),
    },
    "signature-unchecked": {
        "notary": Case(
            content=layout(NODE, artifact(b"{}", "application/vnd.cncf.notary.signature", subject=NODE)),
            key=pem(SIGNER),
            subject=NODE.digest,
        ),
    },
    # -- registries
    "registry-link-missing": {
        "layer": Case(
            content=registry(tagged=True, **{LAYER_LINK: None}),
            folder=True,
            subject=TOP.digest,
            location=f": {LAYER_LINK}",
        ),
        "manifest": Case(content=registry(tagged=True, **{REVISION: None}), folder=True, subject=NODE.digest),
        "every-layer": Case(
            content=[one for one in registry(tagged=True) if "/_layers/" not in one.name], folder=True, count=3
        ),
    },
    "registry-link-malformed": {
        "layer": Case(
            content=registry(tagged=True, **{LAYER_LINK: b""}),
            folder=True,
            subject=TOP.digest,
            expected=TOP.digest,
            found="an empty file",
            location=f": {LAYER_LINK}",
        ),
        "layer-of-another": Case(
            content=registry(tagged=True, **{LAYER_LINK: BASE.digest.encode()}), folder=True, found=BASE.digest
        ),
        "tag": Case(content=registry(tagged=True, **{TAG_LINK: b""}), folder=True, subject=TAG_LINK),
        "revision": Case(content=registry(tagged=True, **{REVISION: NODE.digest.encode() + b"\n"}), folder=True),
    },
    "registry-link-dangling": {
        "revision": Case(
            content=registry(tagged=True, **{REVISION.replace(hexed(NODE.digest), hexed(NOWHERE)): NOWHERE.encode()}),
            folder=True,
            subject=NOWHERE,
        ),
    },
    # -- images of Docker's first years
    "config-made": {
        "schema-1": Case(content=old.schema1_dir(OLD_MANIFEST, OLD_LAYERS), folder=True, location=": manifest.json"),
        "saved": Case(content=old.saved(OLD_LAYERS), location=f": {old.identity(1)}/json"),
    },
    "schema1-signature": {
        "own-key": Case(content=old.schema1_dir(old.signed(OLD_MANIFEST), OLD_LAYERS), folder=True),
    },
    "schema1-payload": {
        name: Case(content=old.schema1_dir(old.signed(OLD_MANIFEST, headers), OLD_LAYERS), folder=True, count=1)
        for name, headers in {
            "no-signature": [],
            "no-base64": ["%"],
            "one-letter-of-base64": ["a"],
            "no-json": [old.encoded(b"x")],
            "no-length": [old.encoded(b"{}")],
            "length-of-more": [old.protected(len(OLD_MANIFEST) * 9, b"}")],
            "length-of-nothing": [old.protected(0, b"}")],
            "no-tail": [old.encoded(b'{"formatLength":5}')],
            "two-payloads": [old.protected(OLD_CUT, b"\n}"), old.protected(OLD_CUT, b"}")],
        }.items()
    },
    "schema1-history": {
        name: Case(content=old.schema1_dir(old.payload(OLD_LAYERS, **change), OLD_LAYERS), folder=True)
        for name, change in OLD_HISTORIES.items()
    },
    "schema1-chain": {
        name: Case(content=old.schema1_dir(old.payload(OLD_LAYERS, texts), OLD_LAYERS), folder=True)
        for name, texts in {
            "parent-of-another": [old.v1(0, None), old.v1(1, 7)],
            "no-parent": [old.v1(0, None), old.v1(1, None)],
            "base-with-a-parent": [old.v1(0, 7), old.v1(1, 0)],
            "circle": [old.v1(0, 1), old.v1(1, 0)],
            "id-of-letters": [old.v1(0, None, id="z" * 64), old.v1(1, "z" * 64)],
            "id-of-capitals": [old.v1(0, None, id="A" * 64), old.v1(1, "A" * 64)],
            "no-id": [old.v1(0, None, id=None), old.v1(1, None)],
        }.items()
    }
    | {
        "twice": Case(
            content=old.schema1_dir(
                old.payload((*OLD_LAYERS, OLD_LAYERS[0]), [old.v1(0, None), old.v1(1, 0), old.v1(0, 1)]), OLD_LAYERS
            ),
            folder=True,
            found=old.identity(0),
        ),
    },
    "v1-layer-missing": {
        "parent": Case(
            content=old.saved(OLD_LAYERS, [old.v1(0, None), old.v1(1, 7)]),
            found=old.identity(7),
            location=f": {old.identity(1)}/json",
        ),
        "name": Case(
            content=old.saved(OLD_LAYERS, names={"corpus/old": {"1.0": old.identity(1), "2.0": NOWHERE[7:]}}),
            found=NOWHERE[7:],
            location=": repositories",
        ),
        "parent-that-climbs": Case(content=old.saved(OLD_LAYERS, [old.v1(0, None), old.v1(1, "../x")])),
    },
    "v1-parent-cycle": {
        "of-itself": Case(content=old.saved(OLD_LAYERS[:1], [old.v1(0, 0)])),
        "of-two": Case(content=old.saved(OLD_LAYERS, [old.v1(0, 1), old.v1(1, 0)])),
        "without-a-name": Case(content=old.saved(OLD_LAYERS, [old.v1(0, 1), old.v1(1, 0)], {}), location=CIRCLE),
    },
    "v1-layer-unnamed": {
        "beside-a-name": Case(
            content=old.saved(OLD_LAYERS, [old.v1(0, None), old.v1(1, None)]), location=f": {old.identity(0)}/json"
        ),
        "no-name-at-all": Case(content=old.saved(OLD_LAYERS, names={})),
    },
    "v1-platform": {
        "saved": Case(
            content=old.saved(OLD_LAYERS, [old.v1(0, None), NOWHERE_MADE]), location=MADE_OF + "/architecture"
        ),
        "saved-without-os": Case(content=old.saved(OLD_LAYERS, [old.v1(0, None), NO_OS]), location=MADE_OF + "/os"),
        "schema-1": Case(
            content=old.schema1_dir(old.payload(OLD_LAYERS, [old.v1(0, None), NO_OS]), OLD_LAYERS), folder=True
        ),
    },
    "v1-id": {
        "of-another": Case(content=old.saved(OLD_LAYERS, [old.v1(0, None), old.v1(1, 0, id=old.identity(7))])),
        "no-hex": Case(
            content=[
                replace(one, name=one.name.replace(old.identity(0), "x"), data=one.data.replace(X_ID, b"x"))
                for one in old.saved(OLD_LAYERS[:1], names={"corpus/old": {"1.0": "x"}})
            ]
        ),
    },
    "store-name-dangling": {
        "docker": Case(
            content=docker_storage({"corpus/app:1.0": IMAGE}, names={"corpus/gone:1": NOWHERE}),
            folder=True,
            location=f": image/overlay2/imagedb/content/sha256/{hexed(NOWHERE)}",
        ),
        "config-gone": stored(lacking(CONFIG_FILE), location=f": {CONFIG_FILE}"),
        "podman": kept(lacking(big_data(hexed(IMAGE.image_id), IMAGE.image_id).partition("/")[2])),
        "containerd": Case(
            content=containerd_storage({"docker.io/corpus/app:1.0": IMAGE}, names={b"corpus/gone:1": {b"target": {}}}),
            folder=True,
            subject="corpus/gone:1",
        ),
    },
    "store-list-remote": {
        "podman": Case(
            content=with_list(list_of({"mediaType": OCI_MANIFEST, "digest": NOWHERE, "size": 5})),
            folder=True,
            subject="localhost/corpus/list:1",
        )
    },
    "store-manifest": {
        "another": kept(written(MANIFEST_FILE, b"{}"), subject=f"manifest-{IMAGE.node().digest}", found=digest(b"{}")),
        "gone": kept(lacking(MANIFEST_FILE), expected=IMAGE.node().digest, found="no manifest"),
        "in-force": kept(of_big_data(manifest=NOWHERE), subject="manifest", expected=NOWHERE),
    },
    "store-chain": {
        "diff": stored(
            written(f"{hexed(CHAINS[1])}/diff", NOWHERE.encode()),
            location=f": {CONFIG_FILE}#/rootfs/diff_ids/1",
            expected=IMAGE.diff_ids[1],
            found=NOWHERE,
        ),
        "parent": stored(written(f"{hexed(CHAINS[1])}/parent", NOWHERE.encode()), expected=CHAINS[0], found=NOWHERE),
        "parent-of-none": stored(lacking(f"{hexed(CHAINS[1])}/parent"), expected=CHAINS[0], found="none"),
        "parent-of-the-lowest": stored(
            lambda files: [*files, file(f"image/overlay2/layerdb/sha256/{hexed(CHAINS[0])}/parent", NOWHERE.encode())],
            expected="none",
            found=NOWHERE,
        ),
        "podman": kept(layer={1: {"diff-digest": NOWHERE}}, expected=IMAGE.diff_ids[1], found=NOWHERE),
        "podman-circle": kept(layer={0: {"parent": layer_ids(IMAGE.layers)[1]}}, also=("blob-missing",)),
    },
    "tar-split-missing": {
        "docker": stored(
            lacking(f"{hexed(CHAINS[1])}/tar-split.json.gz"),
            location=f": {CONFIG_FILE}#/rootfs/diff_ids/1",
            subject=IMAGE.diff_ids[1],
        ),
        "podman": kept(lacking(f"{layer_ids(IMAGE.layers)[0]}.tar-split.gz"), subject=IMAGE.diff_ids[0]),
    },
    "layer-not-rebuilt": {
        "file-gone": stored(lacking("/diff/bin/app"), subject=TOP.diff_id),
        "file-of-other-size": stored(written("/diff/bin/app", b"other size")),
        "file-changed": stored(
            lambda files: [
                replace(one, data=flipped(one.data, 0)) if one.name.endswith("/diff/bin/app") else one for one in files
            ],
            expected=TOP.diff_id,
        ),
        "folder-gone": stored(
            lambda files: [one for one in files if not one.name.startswith(tree_of(IMAGE.layers))], subject=TOP.diff_id
        ),
        "folder-unknown": stored(lacking(f"{hexed(CHAINS[1])}/cache-id"), subject=TOP.diff_id),
        "folder-leads-out": stored(written(f"{hexed(CHAINS[1])}/cache-id", b"../../etc"), subject=TOP.diff_id),
        "tar-split-damaged": stored(
            written(f"{hexed(CHAINS[1])}/tar-split.json.gz", b"\x1f\x8bx"), subject=TOP.diff_id
        ),
        "podman-parent-gone": kept(layer={0: {"id": "e" * 64}}, subject=BASE.diff_id),
        "podman-incomplete": kept(layer={0: {"flags": {"incomplete": True}}}, subject=BASE.diff_id),
    },
    "layer-discarded": {
        "containerd": Case(
            content=containerd_storage({"docker.io/corpus/app:1.0": IMAGE}, gone=[TOP.digest]),
            folder=True,
            subject=TOP.digest,
        ),
    },
}

PASSES: Cases = {
    # -- parts
    "part-missing": {
        "whole": IN_PARTS,
        "parity": WITH_PARITY,
        "one": replace(IN_PARTS, part_size=1 << 20),
        "many": replace(IN_PARTS, part_size=7),
    },
    "part-mismatch": {"whole": IN_PARTS, "parity": WITH_PARITY},
    # -- deltas
    "delta-left-out": {
        "whole": Case(content=GOOD),
        "another-file-of-the-name": Case(content=[*GOOD, file("delta.json", b'{"a":1}')]),
    },
    "delta-unnamed": {"named": Case(content=delta(BASE, TOP))},
    "delta-present": {"absent": Case(content=delta(BASE))},
    "delta-mismatch": {
        "without-diff-id": Case(content=delta(BASE, diff_id=None)),
        "media-type": Case(content=delta(BASE, media_type="application/vnd.docker.image.rootfs.diff.tar.gzip")),
    },
    "delta-incomplete": {
        "list": Case(content=delta(BASE), have=f"{BASE.digest}\n{NOWHERE}\n".encode()),
        "engine": Case(
            content=[*without(hybrid(SAVED), blob_path(PLAIN.layers[0].digest)), absent(PLAIN.layers[0])],
            have=dumped([{"RootFS": {"Layers": [PLAIN.layers[0].diff_id]}}]),
        ),
        "whole": Case(content=GOOD, have=NOWHERE.encode()),
    },
    # -- the call
    "archive-wrapped": {
        "tar": Case(content=GOOD),
        "dots": Case(content=renamed(GOOD, "./")),
        "folder": Case(content=GOOD_DIR, folder=True),
    },
    "not-an-archive": {
        "backslash-beside": Case(content=[*GOOD, file("blobs\\sha256\\notes", b"x")]),
        "tar": Case(content=GOOD),
        "folder": Case(content=GOOD, folder=True),
        "gzip": Case(content=gzip.compress(WHOLE, mtime=0)),
        "beside-others": Case(content=[file("README", b"x"), *GOOD]),
    },
    "expected-digest-missing": {
        "manifest": Case(content=GOOD, selector=NODE.digest),
        "config": Case(content=GOOD, selector=IMAGE.image_id),
        "index": Case(content=layout(BOTH), selector=BOTH.digest),
        "child": Case(content=layout(BOTH), selector=ARM.node().digest),
        "docker-archive": Case(content=docker_archive(SAVED), selector=PLAIN.image_id),
        "dir": Case(content=GOOD_DIR, folder=True, selector=NODE.digest),
    },
    "receipt-mismatch": {
        "all": Case(content=GOOD, receipt=receipt(TOP.digest, BASE.digest)),
        "diff-id": Case(content=GOOD, receipt=receipt(TOP.digest, diff_id=TOP.diff_id)),
        "manifest": Case(content=GOOD, receipt=receipt(NODE.digest, kind="manifests")),
    },
    # -- container
    "tar-damaged": {
        "gnu": Case(content=tar(GOOD, style=Style.GNU)),
        "pax": Case(content=pax({"comment": "x"}) + WHOLE),
        "ustar": Case(content=tar(GOOD)),
        "base-256": Case(content=tar(GOOD, base256=True)),
        "nul-behind-pax-records": Case(content=pax({"a": "b"}) + WHOLE),
        "unknown-records": Case(content=pax({"SCHILY.xattr.user.a": "b=c", "mtime": "1.5"}) + WHOLE),
    },
    "tar-truncated": {
        "two-blocks": Case(content=tar(GOOD)),
        "three-blocks": Case(content=tar(GOOD, end=3)),
        "record": Case(content=tar(GOOD, record=10240)),
    },
    "tar-sizes-differ": {
        "same": Case(content=pax_sized(str(len(GOOD[0].data))) + b""),
    },
    "tar-ambiguous": {
        "global-comment": Case(content=pax({"comment": "0" * 40}, flag=b"g") + WHOLE),
        "long-name-twice-the-same": Case(
            content=pax({"path": "a" * 150}) + tar([file("a" * 150, b"")], style=Style.GNU, end=0) + WHOLE
        ),
        "folder": Case(content=[folder("blobs"), *GOOD]),
        "folder-as-a-file": Case(content=tar([file("old/", b"")], end=0) + WHOLE),
        "hard-link-to-an-earlier-member": Case(content=[*GOOD, hardlink("late", "index.json")]),
    },
    "data-after-end": {
        "zeros": Case(content=WHOLE + bytes(100_000)),
        "odd-number-of-zeros": Case(content=WHOLE + bytes(7)),
    },
    "member-doubled": {
        "folders": Case(content=[folder("blobs"), *GOOD, folder("blobs")]),
        "names-in-another-case": Case(content=[*GOOD, file("Index.json", b"{}")]),
    },
    "member-doubled-same": {
        "equal-contents": Case(content=[*GOOD, file("copy", GOOD[-1].data)]),
        "folders": Case(content=[folder("blobs/sha256"), folder("./blobs/sha256"), *GOOD]),
    },
    "member-name": {
        "dotted": Case(content=renamed(GOOD, "./")),
        "root": Case(content=[folder("."), *renamed(GOOD, "./")]),
        "dots-in-names": Case(content=[*GOOD, file("..data", b"x"), file("a..b", b"x"), file("...", b"x")]),
        "above-and-inside-again": Case(content=[*GOOD, file("a/../b", b"x")]),
    },
    "member-name-absolute": {
        "slash-inside": Case(content=[*GOOD, file("a//b", b"x")]),
        "dot-slash": Case(content=renamed(GOOD, ".//")),
    },
    "member-special": {
        "contiguous-file": Case(content=flagged_whole(b"7")),
        "old-file": Case(content=flagged_whole(b"\0")),
        "device-that-nothing-names": Case(content=special("dev/null", b"3") + WHOLE, also=("member-device",)),
        "fifo-that-nothing-names": Case(content=special("pipe", b"6") + WHOLE, also=("member-device",)),
    },
    "member-linked": {
        "layout": Case(content=[*without(GOOD, LAYER), file("x", TOP.stored), hardlink(LAYER, "x")]),
        "that-nothing-names": Case(content=[*SAID, hardlink("x", SAVED.config)]),
        "layer-that-is-another": Case(
            content=[
                file("a/l", PLAIN.layers[0].stored),
                symlink("b/l", "../a/l"),
                file("c", Image(layers=[PLAIN.layers[0]] * 2).config),
                file("manifest.json", dumped([{"Config": "c", "RepoTags": None, "Layers": ["a/l", "b/l"]}])),
            ]
        ),
        "layer-by-a-symbolic-link": Case(
            content=[
                *without(SAID, SAVED.layers[0]),
                file("x", PLAIN.layers[0].stored),
                symlink(SAVED.layers[0], "../x"),
            ]
        ),
        "config-by-a-symbolic-link": Case(
            content=[*without(SAID, SAVED.config), file("x", PLAIN.config), symlink(SAVED.config, "x")]
        ),
    },
    "member-device": {
        "label-of-a-tar": Case(content=special("label", b"V") + WHOLE),
        "folder": Case(content=special("dev", b"5") + WHOLE),
    },
    "link-escapes": {
        "above-and-inside-again": Case(
            content=[*without(GOOD, LAYER), symlink(LAYER, "../../blobs/../layer"), file("layer", TOP.stored)]
        ),
        "folder": Case(
            content=[*without(GOOD, LAYER), file("layer", TOP.stored)], folder=True, links={LAYER: "../../layer"}
        ),
    },
    "link-dangling": {
        "before-its-target": Case(
            content=[symlink(LAYER, "../../layer"), *without(GOOD, LAYER), file("layer", TOP.stored)]
        ),
        "hard-link": Case(content=[*without(GOOD, LAYER), file("layer", TOP.stored), hardlink(LAYER, "layer")]),
    },
    "link-loop": {
        "chain": Case(
            content=[
                *without(GOOD, LAYER),
                symlink(LAYER, "../../a"),
                symlink("a", "b"),
                symlink("b", "c"),
                file("c", TOP.stored),
            ]
        ),
    },
    "outer-damaged": {
        "gzip": Case(content=gzip.compress(WHOLE, mtime=0)),
        "gzip-members": Case(content=gzipped(WHOLE, members=3)),
        "gzip-padded": Case(content=gzip.compress(WHOLE, mtime=0) + bytes(512)),
        "zstd": Case(content=zstandard.ZstdCompressor().compress(WHOLE)),
        "zstd-skippable": Case(content=skippable(b"x") + zstandard.ZstdCompressor().compress(WHOLE)),
        "xz": Case(content=lzma.compress(WHOLE)),
        "bzip2": Case(content=bz2.compress(WHOLE)),
        "gzip-in-zstd": Case(content=zstandard.ZstdCompressor().compress(gzip.compress(WHOLE, mtime=0))),
    },
    "member-not-a-folder": {
        "folders": Case(content=[folder("blobs"), folder("blobs/sha256"), *GOOD]),
        "no-folders": Case(content=GOOD),
        "file-of-a-like-name": Case(content=[*GOOD, file("blob", b"x")]),
    },
    "limit-name": {
        "long": Case(content=[*GOOD, file(LONG, b"")]),
        "lifted": Case(content=[*GOOD, file("a/" * 2100 + "b", b"")], options=("--limit", "name=5000")),
    },
    "limit-links": {
        "exactly": Case(content=[*GOOD, symlink("x", "index.json")], options=("--limit", "links=0")),
        "folders": Case(content=[*GOOD, symlink("x", "blobs/sha256")]),
    },
    "limit-extended": {
        "large": Case(content=pax({"comment": "x" * 60_000}) + WHOLE),
        "lifted": Case(content=pax({"comment": "x" * (2 << 20)}) + WHOLE, options=("--limit", "extended=3000000")),
    },
    "limit-members": {
        "exactly": Case(content=GOOD, options=("--limit", f"members={len(GOOD)}")),
    },
    "limit-outer": {
        "three-times": Case(content=gzip.compress(gzip.compress(gzip.compress(WHOLE)))),
    },
    "limit-ratio": {
        "lifted": Case(
            content=gzip.compress(tar([*GOOD, file("zeros", bytes(8 << 20))])), options=("--max-ratio", "2000")
        ),
    },
    # -- documents
    "json-invalid": {
        "blanks": Case(content=entry(lambda data: b" \n\t" + data + b"\r\n")),
        "escapes": Case(content=layout(made(config=splices(b'"author":"\\u00e9\\/\\n"')))),
        "pretty": Case(content=entry(lambda data: json.dumps(json.loads(data), indent=4).encode())),
    },
    "json-encoding": {
        "umlauts": Case(content=layout(made(config=splices('"author":"Käthe 漢字 🚢"'.encode())))),
        "nul-escaped": Case(content=layout(made(config=splices(b'"author":"\\u0000"')))),
        "not-a-character": Case(content=entry(splices('"odd":"\uffff"'.encode()))),
    },
    "json-bom": {
        "inside": Case(content=layout(made(config=splices('"author":"\ufeff"'.encode())))),
    },
    "json-trailing": {
        "newlines": Case(content=layout(made(config=lambda data: data + b"\n\n", manifest=lambda data: data + b"\n"))),
    },
    "json-duplicate-key": {
        "in-two-objects": Case(content=layout(made(config=splices(b'"odd":{"a":{"a":1}}')))),
    },
    "json-number": {
        "largest": Case(content=entry(splices(b'"odd":[9223372036854775807,-9223372036854775808]'))),
        "fraction": Case(content=layout(made(config=splices(b'"odd":[1.50,-0.0,1e308,1E-400]')))),
        "as-text": Case(content=layout(made(config=splices(b'"odd":"NaN 1e999 Infinity"')))),
    },
    "json-surrogate": {
        "pair": Case(content=entry(splices(b'"odd":"\\ud83d\\udea2"'))),
        "escaped-backslash": Case(content=entry(splices(b'"odd":"\\\\ud800"'))),
    },
    "config-surrogate": {
        "pair": Case(content=layout(made(config=splices(b'"author":"\\ud83d\\udea2"')))),
    },
    "key-case": {
        "unknown-key": Case(content=layout(made(config=sets("Odd", 1), manifest=sets("Later", 1)))),
        "docker's-own": Case(content=layout(made(config=sets("docker_version", "20.10")))),
        "run-config-of-docker": Case(content=layout(made(config=sets("config/Hostname", "h")))),
        "annotations": Case(content=layout(NODE.annotated(Digest="a", digest="b"))),
        "labels": Case(content=layout(made(config=sets("config/Labels", {"a": "1", "A": "2"})))),
        "jib": Case(
            content=saved(
                lambda data: (
                    data.replace(b"RepoTags", b"repoTags").replace(b"Config", b"config").replace(b"Layers", b"layers")
                )
            )
        ),
    },
    "limit-depth": {
        "deep": Case(content=entry(deep(90))),
        "lifted": Case(content=entry(deep(150)), options=("--limit", "depth=200")),
        "brackets-in-text": Case(content=entry(splices(b'"odd":"' + b"[" * 150 + b'"'))),
        "wide": Case(content=entry(splices(b'"odd":[' + b",".join([b"[]"] * 150) + b"]"))),
    },
    "limit-document": {
        "large": Case(content=layout(made(config=splices(b'"author":"' + b"x" * (3 << 20) + b'"')))),
        "manifest": Case(content=layout(made(manifest=splices(b'"odd":"' + b"x" * (3 << 20) + b'"')))),
    },
    "limit-nesting": {
        "deep": Case(content=layout(nested(15))),
        "lifted": Case(content=layout(nested(17)), options=("--limit", "nesting=20")),
    },
    "limit-layers": {"many": Case(content=layout(many_layers(127).node()))},
    "limit-listed": {"enough": Case(content=layout(NODE), options=("--limit", "listed=20"))},
    "limit-statements": {
        "enough": Case(content=layout(index([NODE, attestation(NODE)])), options=("--limit", "statements=1000")),
    },
    "limit-documents": {"enough": Case(content=layout(BOTH), options=("--limit", "documents=5"))},
    "limit-documents-size": {"enough": Case(content=layout(NODE), options=("--limit", "documents-size=100000"))},
    "limit-values": {"enough": Case(content=layout(NODE), options=("--limit", "values=1000"))},
    "schema": {
        "null-is-absent": Case(
            content=layout(
                made(config=sets("config", {"Env": None, "Cmd": None, "Labels": None, "User": None, "Volumes": None}))
            )
        ),
        "no-run-config": Case(content=layout(made(config=sets("config", None)))),
        "no-history": Case(content=layout(made(config=sets("history", ABSENT)))),
        "null-history": Case(content=layout(made(config=sets("history", None)))),
        "null-diff-ids": Case(
            content=layout(made(Image(), config=sets("rootfs/diff_ids", None))), also=("layers-empty",)
        ),
        "env-with-several-equals": Case(content=layout(made(config=sets("config/Env", ["A=", "B=c=d", "=C:=C:\\"])))),
        "volumes": Case(content=layout(made(config=sets("config/Volumes", {"/data": {}})))),
        "ports": Case(content=layout(made(config=sets("config/ExposedPorts", {"80/tcp": {}})))),
        "created": Case(
            content=layout(made(config=sets("created", "2024-02-29T23:59:60.123456789+05:30"))), also=("config-value",)
        ),
        "created-at-no-time": Case(content=layout(made(config=sets("created", "0001-01-01T00:00:00Z")))),
        "features": Case(content=layout(made(config=sets("os.features", ["win32k"])))),
        "size-zero": Case(content=layout(NODE, blob(b"", "text/plain"))),
        "tags-null": Case(content=saved(sets("0/RepoTags", None))),
        "unknown-members": Case(content=saved(sets("0/Parent", "sha256:abc"))),
    },
    "digest-malformed": {
        "sha512": Case(content=layout(replace(IMAGE, algorithm="sha512").node())),
        "unknown-algorithm": Case(content=layout(NODE, ODD_BLOB), also=("digest-unknown",)),
        "multibase": Case(
            content=layout(
                NODE, Node({"mediaType": "text/plain", "digest": "a+b.c:zQ-_=", "size": 1}, {"a+b.c:zQ-_=": b"x"})
            ),
            also=("digest-unknown",),
        ),
    },
    "media-type-malformed": {
        "vendor": Case(content=layout(NODE, blob(b"x", "application/vnd.example.a-b_c.d+json"))),
        "parameter": Case(content=layout(NODE, blob(b"x", "text/plain; charset=utf-8"))),
        "artifact-type-empty": Case(content=layout(NODE.described(artifactType=""))),
        "longest": Case(content=layout(NODE.described(artifactType="a/" + "b" * 127))),
    },
    "platform-malformed": {
        "whole": Case(
            content=layout(
                IMAGE.node(
                    platform={
                        "os": "linux",
                        "architecture": "amd64",
                        "variant": "",
                        "os.version": "10.0.1",
                        "os.features": ["a" * 512] * 16,
                        "odd": 1,
                    }
                )
            )
        ),
        "null": Case(content=layout(NODE.described(platform=None))),
    },
    "config-value": {f"docker-{path}": configured(path, value) for path, value in TAKEN.items()},
    "platform-spelling": {
        **{
            name: Case(content=layout(Image(layers=[BASE], config_members=members).node()))
            for name, members in {
                "windows": {"os": "windows", "architecture": "arm64"},
                "riscv": {"os": "freebsd", "architecture": "riscv64"},
                "wasm": {"os": "wasi", "architecture": "wasm32"},
            }.items()
        },
        "attestation": Case(content=layout(index([IMAGE.node(), attestation(IMAGE.node())]))),
    },
    "urls-malformed": {
        "some": Case(
            content=layout(made(manifest=sets("layers/0/urls", ["https://example.com/a?b=c#d", "urn:a:b", "ipfs://x"])))
        ),
        "none": Case(content=layout(made(manifest=sets("layers/0/urls", [])))),
        "null": Case(content=layout(made(manifest=sets("layers/0/urls", None)))),
    },
    "annotations-malformed": {
        "empty": Case(content=layout(made(manifest=sets("annotations", {})))),
        "null": Case(content=layout(made(manifest=sets("annotations", None)))),
        "empty-value": Case(content=layout(NODE.annotated(a=""))),
        "odd-keys": Case(content=layout(NODE.described(annotations={"a b": "y", "ü": "z"}))),
    },
    "platform-empty": {
        "unknown": Case(content=layout(index([IMAGE.node(), attestation(IMAGE.node())]))),
        "variant-empty": Case(content=layout(made(config=sets("variant", "")))),
        "signature": Case(content=layout(NODE, signature(NODE).named(ref_name=NODE.digest.replace(":", "-") + ".sig"))),
    },
    "layers-empty": {"one": Case(content=layout(Image(layers=[BASE]).node()))},
    "image-unproved": {
        "oras": Case(content=layout(stored_as(OCI_LAYER, EMPTY, artifactType="application/vnd.unknown.artifact.v1"))),
        "artifact": Case(content=layout(artifact(b"x", "application/vnd.example.config.v1+json"))),
        "helm": Case(
            content=layout(
                described(
                    manifest_of(
                        {"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": digest(b"{}"), "size": 2},
                        {
                            "mediaType": "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
                            "digest": BASE.digest,
                            "size": len(BASE.stored),
                        },
                    ),
                    OCI_MANIFEST,
                    {digest(b"{}"): b"{}", BASE.digest: BASE.stored},
                )
            )
        ),
    },
    "document-ambiguous": {
        "other-members": Case(content=layout(made(manifest=sets("blobs", [])))),
        "layers-in-annotations": Case(content=layout(listed(BOTH, sets("annotations", {"layers": "x"})))),
    },
    "media-type-conflict": {
        "absent": Case(content=layout(made(manifest=sets("mediaType", ABSENT)))),
        "absent-in-index": Case(content=layout(listed(BOTH, sets("mediaType", ABSENT)))),
        "absent-in-index.json": Case(content=entry(sets("mediaType", ABSENT))),
        "docker": Case(content=layout(replace(IMAGE, family="docker").node())),
    },
    "index-cycle": {
        "twice-the-same": Case(content=layout(index([nested(1), nested(1)]))),
        "unknown-digests": Case(content=cyclic(closed=False), also=("digest-unknown",)),
    },
    "index-missing": {"docker-archive": Case(content=docker_archive(SAVED)), "there": Case(content=GOOD)},
    "index-empty": {"one": Case(content=layout(NODE))},
    "index-without-manifests": {"hybrid": Case(content=HYBRID)},
    "layout-version": {
        "blanks": Case(content=changed(GOOD, "oci-layout", b'{ "imageLayoutVersion" : "1.0.0" }\n')),
        "unknown-members": Case(content=changed(GOOD, "oci-layout", b'{"imageLayoutVersion":"1.0.0","odd":1}')),
        "docker-archive-without-index.json": Case(content=docker_archive(SAVED)),
        "first-member": Case(content=[GOOD[-2], *GOOD[:-2], GOOD[-1]]),
    },
    "hybrid-disagrees": {
        "same": Case(content=HYBRID),
        "without-tags": Case(content=half({**ENTRY, "RepoTags": None})),
        "another-tag": Case(content=half({**ENTRY, "RepoTags": ["corpus/app:1.0", "corpus/more:1.0"]})),
        "config-elsewhere": Case(
            content=[*half({**ENTRY, "Config": "config.json"}), file("config.json", PLAIN.config)]
        ),
        "fewer-images": Case(
            content=changed(
                hybrid(SAVED, Saved(image=SECOND, tags=["corpus/other:1.0"])), "manifest.json", dumped([ENTRY])
            )
        ),
        "one-platform": Case(
            content=[*layout(platforms([PLAIN, ARM]).named(NAME, "1.0")), file("manifest.json", dumped([ENTRY]))]
        ),
    },
    "format-doubled": {
        "dir": Case(content=GOOD_DIR, folder=True),
        "dir-of-an-index": Case(content=skopeo_dir(BOTH), folder=True),
        "layout": Case(content=GOOD, folder=True),
        "hybrid": Case(content=HYBRID),
    },
    "role-doubled": {
        "dir": Case(content=GOOD_DIR, folder=True),
        "index": Case(content=skopeo_dir(BOTH), folder=True),
    },
    "layer-sources-mismatch": {
        "true": Case(content=hybrid(SAVED, LayerSources=sources())),
        "of-the-compressed-blob": Case(
            content=saved(
                sets(
                    "0/LayerSources",
                    {one.diff_id: packed(one.plain, "gzip").descriptor("oci") for one in PLAIN.layers},
                )
            )
        ),
        "of-the-compressed-blob-beside-it": Case(
            content=[
                *saved(sets("0/LayerSources", {PLAIN.layers[0].diff_id: BASE.descriptor("oci")})),
                blob_of(BASE.stored),
            ],
            also=("blob-unreferenced",),
        ),
        "null": Case(content=saved(sets("0/LayerSources", None))),
        "some": Case(content=saved(sets("0/LayerSources", dict([*sources().items()][:1])))),
        "zstd-stored-plain": Case(content=saved(sets("0/LayerSources", sources()))),
    },
    "v1-conflict": {
        "same": Case(content=docker_archive(SAVED, repositories=True)),
        "chain": Case(content=chained()),
        "chain-without-ids": Case(content=chained(0, id=None)),
        "top-layer": Case(content=v1(**{"corpus/app": {"1.0": hexed(PLAIN.layers[1].diff_id)}})),
        "empty": Case(content=v1()),
        "full-name": Case(content=v1(**{"docker.io/corpus/app": {"1.0": "a" * 64}})),
    },
    "reference-malformed": {
        "port-and-path": Case(
            content=docker_archive(
                Saved(image=PLAIN, tags=["localhost:5000/a/b_c/d--e.f:T_1.x-y", "a@sha256:" + "5" * 64])
            )
        ),
        "ref-name": Case(content=names(REF_NAME, "a/b:c@d+e--f.g_h")),
        "ref-name-upper-case": Case(content=names(REF_NAME, "App")),
        "containerd": Case(content=names(CONTAINERD_NAME, "example.com:5000/app:latest")),
        "digest": Case(content=names(REF_NAME, f"example.com/app@{NODE.digest}")),
    },
    # -- blobs
    "digest-mismatch": {
        "sha512": Case(
            content=layout(replace(IMAGE, layers=[replace(BASE, algorithm="sha512"), TOP], algorithm="sha512").node())
        ),
        "empty-blob": Case(content=layout(NODE, blob(b"", "text/plain"))),
        "linked": Case(content=[*without(GOOD, LAYER), file("layer", TOP.stored), symlink(LAYER, "../../layer")]),
    },
    "size-mismatch": {"empty": Case(content=layout(NODE, blob(b"", "application/octet-stream")))},
    "data-mismatch": {
        "true": Case(content=inline(base64.b64encode(IMAGE.config).decode())),
        "empty": Case(content=layout(NODE, blob(b"", "text/plain").described(data=""))),
        "null": Case(content=layout(NODE.described(data=None))),
        "empty-config": Case(content=layout(artifact(b"x", "a/b"))),
        "blob-absent": Case(content=without(layout(artifact(b"x", "a/b")), blob_path(digest(b"{}")))),
        "sha512": Case(
            content=layout(
                NODE,
                Node(
                    {"mediaType": "text/plain", "digest": digest(b"x", "sha512"), "size": 1, "data": "eA=="},
                    {digest(b"x", "sha512"): b"x"},
                ),
            )
        ),
    },
    "blob-missing": {
        "foreign": Case(content=layout(Image(layers=[replace(BASE, media_type=OCI_FOREIGN, absent=True), TOP]).node())),
        "urls": Case(
            content=layout(
                Image(layers=[replace(BASE, members={"urls": ["https://example.com/a"]}, absent=True), TOP]).node()
            )
        ),
        "subject": Case(content=layout(artifact(b"x", "a/b", subject=FAR)), also=("subject-dangling",)),
        "inline": Case(content=without(layout(artifact(b"x", "a/b")), blob_path(digest(b"{}")))),
    },
    "sparse-index": {"whole": Case(content=layout(BOTH))},
    "blob-unreferenced": {
        "config-of-a-signature": Case(
            content=layout(NODE, signature(NODE).named(ref_name=NODE.digest.replace(":", "-") + ".sig"))
        ),
        "unknown-media-type": Case(content=layout(NODE, blob(b"x", "application/vnd.example.unknown"))),
        "other-files": Case(content=[*GOOD, file("README", b"x"), file("ingest/x", b"")]),
        "v1-images": Case(content=[*HYBRID, *map(blob_of, (v1_image(1), v1_image(2, 1)))]),
        "v1-images-backwards": Case(content=[*map(blob_of, (v1_image(2, 1), v1_image(1))), *HYBRID]),
        "docker-archive": Case(
            content=docker_archive(
                Saved(
                    image=PLAIN,
                    config_name=blob_path(PLAIN.image_id),
                    layer_names=[blob_path(one.digest) for one in PLAIN.layers],
                )
            )
        ),
    },
    "blob-name": {
        "sha512": Case(content=layout(Image(layers=[replace(BASE, algorithm="sha512")]).node())),
        "folder": Case(content=[folder("blobs/sha256/"), *GOOD]),
        "empty-algorithm": Case(content=[folder("blobs/sha512/"), *GOOD]),
    },
    "size-conflict": {
        "layer-twice": Case(content=layout(Image(layers=[BASE, TOP, BASE]).node())),
    },
    "digest-unknown": {"sha512": Case(content=layout(replace(IMAGE, algorithm="sha512").node()))},
    # -- layers
    "layer-name-mismatch": {
        "digests": Case(
            content=docker_archive(
                Saved(image=IMAGE, layer_names=[f"{hexed(one.digest)}.tar.gz" for one in IMAGE.layers])
            )
        ),
        "diff-ids": Case(
            content=docker_archive(
                Saved(image=PLAIN, layer_names=[f"{hexed(one.diff_id)}.tar" for one in PLAIN.layers])
            )
        ),
        "diff-ids-of-gzip": Case(
            content=docker_archive(
                Saved(image=IMAGE, layer_names=[f"{hexed(one.diff_id)}.tar.gz" for one in IMAGE.layers])
            )
        ),
        "v1-folders": Case(
            content=docker_archive(Saved(image=PLAIN, layer_names=[f"{letter * 64}/layer.tar" for letter in "ab"]))
        ),
        "short": Case(
            content=docker_archive(Saved(image=PLAIN, layer_names=[f"{letter * 40}.tar" for letter in "ab"]))
        ),
    },
    "image-id-mismatch": {
        "json": Case(content=docker_archive(SAVED)),
        "colon": Case(content=docker_archive(Saved(image=PLAIN, config_name=PLAIN.image_id))),
        "other-name": Case(content=docker_archive(Saved(image=PLAIN, config_name="config.json"))),
        "short-hex": Case(content=docker_archive(Saved(image=PLAIN, config_name=f"{'a' * 40}.json"))),
    },
    "diff-id-count": {
        "none": Case(content=layout(Image().node()), also=("layers-empty",)),
        "null": Case(
            content=docker_archive(Saved(image=Image(config_members={"rootfs": {"type": "layers", "diff_ids": None}})))
        ),
    },
    "diff-id-mismatch": {
        "same-layer-twice": Case(content=layout(Image(layers=[BASE, BASE]).node())),
        "gzip-and-zstd": Case(
            content=layout(index(Image(layers=[packed(BASE.plain, codec)]).node() for codec in ("gzip", "zstd")))
        ),
        "empty-layer": Case(content=layout(Image(layers=[packed(bytes(1024), "gzip")]).node())),
        "sha512": Case(
            content=layout(made(config=sets("rootfs/diff_ids", [digest(BASE.plain, "sha512"), TOP.diff_id])))
        ),
    },
    "layer-order": {
        "twice": Case(content=layout(Image(layers=[TOP, BASE, TOP]).node())),
    },
    "history-count": {
        "empty-layers": Case(
            content=layout(
                made(config=sets("history", [{}, {"empty_layer": True}, {"empty_layer": False}, {"empty_layer": True}]))
            )
        ),
        "none": Case(content=layout(made(config=sets("history", [])))),
    },
    "platform-mismatch": {
        "variant-told-by-the-index-alone": Case(
            content=layout(ARM.node(platform={"os": "linux", "architecture": "arm64", "variant": "v8"}))
        ),
        "variant-told-by-the-config-alone": Case(
            content=layout(replace(ARM, config_members={"variant": "v8"}).node(platform=ARM64.members()))
        ),
        "none": Case(content=layout(ARM.node())),
        "os-version": Case(content=placed(**{"os.version": "10.0.17763.1", "os.features": ["win32k"]})),
        "os-version-told-by-the-config-alone": Case(content=placed()),
        "spelling": Case(
            content=layout(IMAGE.node(platform={"os": "Linux", "architecture": "x86_64"})), also=("platform-spelling",)
        ),
        "attestation": Case(content=layout(index([IMAGE.node(), attestation(IMAGE.node())]))),
    },
    "platform-doubled": {
        "os-version-alone": Case(
            content=layout(
                index(
                    [
                        Image(layers=[BASE], config_members={**WINDOWS, "os.version": version}).node(
                            platform={"os": "windows", "architecture": "amd64", "os.version": version}
                        )
                        for version in ("10.0.17763.1", "10.0.20348.1")
                    ]
                )
            )
        ),
        "variant": Case(
            content=layout(
                index([ARM.node(platform=ARM64.members() | {"variant": variant}) for variant in ("v8", "v9")])
            )
        ),
        "features": Case(
            content=layout(
                index(
                    [
                        one.node(platform={"os": "linux", "architecture": "amd64", "os.features": [str(number)]})
                        for number, one in enumerate((IMAGE, SECOND))
                    ]
                )
            )
        ),
        "compression": Case(
            content=layout(
                index(
                    [
                        IMAGE.node(platform={"os": "linux", "architecture": "amd64"}),
                        SECOND.node(platform={"os": "linux", "architecture": "amd64"}).annotated(
                            **{"io.github.containers.compression.zstd": "true"}
                        ),
                    ]
                )
            )
        ),
        "one-image-twice": Case(content=layout(platforms([IMAGE, IMAGE]))),
        "attestations": Case(
            content=layout(index([IMAGE.node(), attestation(IMAGE.node()), attestation(IMAGE.node(), b"{}")]))
        ),
        "two-images-of-a-layout": Case(
            content=layout(
                IMAGE.node(platform={"os": "linux", "architecture": "amd64"}),
                SECOND.node(platform={"os": "linux", "architecture": "amd64"}),
            )
        ),
    },
    "gzip-header": {
        "as-long-as-go-reads": Case(content=layout(in_layer(gzipped(BASE.plain, name=b"n" * 511)).node())),
        "comment": Case(content=layout(in_layer(commented(BASE.plain, 511)).node())),
        "every-field": Case(content=layout(in_layer(gzip_fields(BASE.plain)).node())),
        "extra-field": Case(
            content=layout(
                in_layer(b"\x1f\x8b\x08\x04" + bytes(6) + b"\xff\xff" + b"n" * 0xFFFF + gzipped(BASE.plain)[10:]).node()
            )
        ),
        "outer": Case(content=gzipped(tar(GOOD, style=Style.GNU), name=b"n" * 511)),
    },
    "layer-misread": {
        "zstd-behind-a-frame-to-skip": Case(content=layout(zstd_layer(skippable(b"x") + ZSTD).node())),
        "gzip-of-what-begins-so": Case(content=layout(Image(layers=[layer({"BZh": b""}, "gzip")]).node())),
        "plain-and-nothing": Case(content=layout(Image(layers=[layer({"BZ": b""})]).node())),
    },
    "layer-padded": {
        "plain-tar": Case(content=layout(Image(layers=[packed(BASE.plain + bytes(9000), "none")]).node())),
        "inside": Case(content=layout(Image(layers=[packed(BASE.plain + bytes(9000), "gzip")]).node())),
        "members": Case(content=layout(Image(layers=[packed(BASE.plain, "gzip", parts=5)]).node())),
    },
    "layer-not-tar": {
        "empty": Case(content=layout(Image(layers=[packed(b"", "gzip")]).node())),
        "empty-tar": Case(content=layout(Image(layers=[packed(bytes(1024), "none")]).node())),
        "pax": Case(content=layout(Image(layers=[packed(pax({"a": "b"}) + tar([]), "gzip")]).node())),
        "statement": Case(content=layout(index([IMAGE.node(), attestation(IMAGE.node())]))),
    },
    "layer-tar-truncated": {
        "without-end": Case(content=of_tars(HELD)),
        "one-block-of-end": Case(content=of_tars(HELD + bytes(BLOCK))),
        "without-padding": Case(content=of_tars(HELD[: BLOCK + 700])),
        "in-padding": Case(content=of_tars(HELD[: BLOCK + 900])),
        "extended-header-alone": Case(content=of_tars(pax({"comment": "x"}, flag=b"g"))),
        "nothing": Case(content=of_tars(b"", codec="none")),
    },
    "layer-tar-damaged": {
        "behind-the-end": Case(content=of_tars(HELD + bytes(2 * BLOCK) + b"text" * 500)),
    },
    "layer-tar-ambiguous": {
        "sizes-agree": Case(content=of_tars(pax({"size": "700"}) + HELD)),
    },
    "layer-path-doubled": {
        "in-two-layers": Case(content=of_tars(BELOW, BELOW)),
        "by-a-long-name": Case(content=of_tars(pax({"path": "other"}) + HELD + HELD)),
        "whiteout": Case(content=of_tars(tar([file(".wh.a", b""), file("a", b""), file(".wh..wh..opq", b"")]))),
    },
    "layer-path-outside": {
        "within": Case(content=of_tars(tar([file("a/../b", b""), file("..a", b""), symlink("c", "../../x")]))),
    },
    "layer-path-absolute": {
        "dot": Case(content=of_tars(tar([folder("./"), file("./a", b"")]))),
    },
    "layer-link-dangling": {
        "here": Case(content=of_tars(tar([file("a", b""), hardlink("b", "./a"), hardlink("c", "/b")]))),
        "below": Case(content=of_tars(BELOW, tar([hardlink("b", "etc/a")]))),
        "far-below": Case(content=of_tars(BELOW, tar([file("x", b"")]), tar([hardlink("b", "etc/a")]))),
        "through-a-link": Case(content=of_tars(BELOW, tar([symlink("l", "etc")]), tar([hardlink("b", "l/a")]))),
        "deleted-and-made": Case(
            content=of_tars(BELOW, tar([file(".wh.old", b""), file("old", b"")]), tar([hardlink("b", "old")]))
        ),
    },
    "layer-unchecked": {
        "as-many-as-allowed": Case(
            content=of_tars(tar([file("a", b""), file("b", b"")])), options=("--limit", "layer-paths=2")
        ),
    },
    "toc-annotation": {
        **TABLES,
        "external": Case(content=layout(estargz(external=True).node())),
        "old-footer": Case(content=layout(estargz(legacy=True).node())),
    },
    "toc-digest": {
        **TABLES,
        "of-what-is-stored": Case(content=layout(snapshotter(digest_of_stored=True).node())),
    },
    "toc-entry": {
        **TABLES,
        **each(tells("bin/app", name="./bin/app"), "another-spelling"),
        **each(adds(name="etc/", type="dir", mode=0o755), "folder-of-a-member"),
        **each(adds(name="./", type="dir", mode=0o755), "root"),
        **each(tells("bin/app", more=1), "unknown-key"),
        **each(tells("bin/app", userName="root"), "user-name"),
        "no-digest": Case(content=layout(estargz(tells("bin/app", digest=None)).node())),
        "reversed": Case(content=layout(chunked(lambda entries: entries.append(entries.pop(0))).node())),
    },
    "toc-attributes": {
        **TABLES,
        **each(tells("bin/app", mode=0o104755), "type-in-the-mode"),
        **each(tells("bin/app", modtime="2023-11-14T23:13:20.4+01:00"), "another-zone"),
        **each(tells("bin/hard", linkName="bin/app"), "another-spelling"),
        "no-modtime": Case(content=layout(estargz(tells("bin/app", modtime=None)).node())),
    },
    "toc-chunk": {
        **TABLES,
        **each(tells("bin/app", 1, chunkType="zeros"), "zeros"),
        "inner": Case(content=layout(estargz(inner=True).node())),
    },
    "toc-tar-split": {
        **TABLES,
        "none": Case(content=layout(chunked(split=None).node())),
        "in-pieces": Case(content=layout(chunked(split=halved).node())),
    },
    "toc-elsewhere": TABLES,
    "layer-damaged": {
        "gzip-members": Case(content=layout(in_layer(gzipped(BASE.plain, members=9)).node())),
        "gzip-name-and-comment": Case(content=layout(in_layer(gzipped(BASE.plain, name=b"layer.tar")).node())),
        "gzip-all-fields": Case(content=layout(in_layer(gzip_fields(BASE.plain)).node())),
        "gzip-empty-member": Case(content=layout(in_layer(gzipped(b"") + BASE.stored + gzipped(b"")).node())),
        "zstd-frames": Case(content=layout(zstd_layer(packed(BASE.plain, "zstd", parts=9).stored).node())),
        "zstd-skippable": Case(
            content=layout(zstd_layer(skippable(b"a") + ZSTD + skippable(b"") + skippable(b"b" * 5000)).node())
        ),
        "zstd-empty-frame": Case(content=layout(zstd_layer(ZSTD + zstandard.ZstdCompressor().compress(b"")).node())),
    },
    "limit-unpacked": {
        "gzip-header": Case(
            content=layout(in_layer(gzipped(BASE.plain, name=b"n" * 89)).node()), options=("--limit", "gzip-header=100")
        ),
        "zeros": Case(content=layout(Image(layers=[packed(ZEROS, "gzip")]).node())),
        "lifted": Case(content=layout(Image(layers=[packed(ZEROS, "gzip")]).node()), options=("--max-ratio", "2000")),
        "exactly": Case(
            content=layout(Image(layers=[packed(ZEROS, "gzip")]).node()), options=("--max-layer-size", str(len(ZEROS)))
        ),
    },
    "media-type-mismatch": {
        "docker-archive": Case(
            content=docker_archive(Saved(image=Image(layers=[BASE, TOP]), layer_names=["1/layer.tar", "2.tar"]))
        ),
        "docker-types": Case(content=layout(replace(IMAGE, family="docker").node())),
        "docker-zstd": Case(
            content=layout(
                Image(
                    layers=[
                        replace(
                            packed(BASE.plain, "zstd"), media_type="application/vnd.docker.image.rootfs.diff.tar.zstd"
                        )
                    ],
                    family="docker",
                ).node()
            )
        ),
    },
    "layer-opaque": {"known": Case(content=GOOD)},
    "layer-foreign": {"here": Case(content=layout(Image(layers=[replace(BASE, media_type=OCI_FOREIGN), TOP]).node()))},
    # -- references
    "name-digest": {
        "its-own": Case(content=layout(NODE.named(ref_name=f"docker.io/corpus/app:1.0@{NODE.digest}"))),
        "none": Case(content=layout(NODE.named(ref_name=NAME))),
    },
    "name-conflict": {
        "same-image-twice": Case(content=layout(NODE, NODE)),
        "ref-name-of-nothing-else": Case(
            content=layout(IMAGE.node().named(NAME, "2.0"), ARM.node().named("docker.io/corpus/other:2.0", "2.0"))
        ),
        "one-tag-of-two-names": Case(content=layout(NODE, ARM.node().named("docker.io/corpus/other:1.0", "1.0"))),
        "cosign": Case(
            content=layout(
                IMAGE.node().described(
                    annotations={"kind": "dev.cosignproject.cosign/image", "dev.cosignproject.cosign/imageRef": NAME}
                ),
                signature(IMAGE.node()).described(
                    annotations={"kind": "dev.cosignproject.cosign/sigs", "dev.cosignproject.cosign/imageRef": NAME}
                ),
            )
        ),
    },
    "attestation-dangling": {
        "child": Case(content=layout(index([IMAGE.node(), attestation(IMAGE.node())]))),
        "root": Case(content=layout(NODE, attestation(IMAGE.node()))),
        "before": Case(content=layout(index([attestation(IMAGE.node()), IMAGE.node()]))),
    },
    "subject-dangling": {
        "here": Case(content=layout(NODE, artifact(b"sbom", "a/b", subject=NODE))),
        "child": Case(content=layout(BOTH, artifact(b"sbom", "a/b", subject=ARM.node()))),
        "index": Case(content=layout(BOTH, artifact(b"sbom", "a/b", subject=BOTH))),
        "null": Case(content=layout(made(manifest=sets("subject", None)))),
    },
    "tag-dangling": {
        "here": Case(
            content=layout(
                NODE, index([artifact(b"x", "a/b", subject=NODE)]).named(ref_name=NODE.digest.replace(":", "-"))
            )
        ),
        "child": Case(
            content=layout(BOTH, artifact(b"x", "a/b").named(ref_name=ARM.node().digest.replace(":", "-") + ".sbom"))
        ),
        "no-digest": Case(content=layout(IMAGE.node().named(ref_name="sha256-abc"))),
    },
    "statement-dangling": {
        "manifest": Case(content=layout(NODE, stated(NODE.digest))),
        "image-id": Case(content=layout(NODE, stated(IMAGE.image_id))),
        "none": Case(content=layout(NODE, stated())),
    },
    "manifest-untagged": {"registry": Case(content=registry(tagged=True), folder=True)},
    "signature-stale": {
        "cosign": Case(content=layout(NODE, signature(NODE).named(ref_name=NODE.digest.replace(":", "-") + ".sig"))),
        "attestation": Case(content=layout(index([IMAGE.node(), attestation(IMAGE.node())]))),
        "attestation-of-index.json": Case(content=layout(NODE, attestation(IMAGE.node()))),
    },
    "signature-valid": {"no-key": Case(content=layout(NODE, signed(NODE)))},
    "signature-invalid": {
        "no-key": Case(content=layout(NODE, tagged(signature(NODE, "%"), NODE))),
        "bundle-with-another-hint": Case(content=layout(NODE, signed_bundle(NODE, hint=hint(OTHER))), key=pem(SIGNER)),
    },
    "signature-missing": {
        "signed": Case(content=layout(NODE, signed(NODE)), key=pem(SIGNER), options=("--require-signature",)),
        "not-demanded": Case(content=GOOD, key=pem(SIGNER)),
    },
    "signature-identity": {"the-image": Case(content=layout(NODE, signed(NODE)), key=pem(SIGNER))},
    "signature-untrusted": {"no-key": Case(content=layout(NODE, signed(NODE, OTHER)))},
    "signature-unchecked": {
        "another-artifact": Case(
            content=layout(NODE, artifact(b"{}", "application/vnd.example.text", subject=NODE)), key=pem(SIGNER)
        ),
    },
    "registry-link-missing": {"all-there": Case(content=registry(tagged=True), folder=True)},
    "registry-link-malformed": {
        "layer-that-nothing-needs": Case(
            content=registry(tagged=True, **{LAYER_LINK.replace(hexed(TOP.digest), hexed(NOWHERE)): b""}), folder=True
        ),
    },
    "registry-link-dangling": {
        "layer-that-was-collected": Case(
            content=registry(tagged=True, **{LAYER_LINK.replace(hexed(TOP.digest), hexed(NOWHERE)): NOWHERE.encode()}),
            folder=True,
        ),
    },
    # -- images of Docker's first years
    "config-made": {"with-manifest.json": Case(content=docker_archive(SAVED, repositories=True))},
    "schema1-signature": {"unsigned": Case(content=old.schema1_dir(OLD_MANIFEST, OLD_LAYERS), folder=True)},
    "schema1-payload": {
        "signed": Case(content=old.schema1_dir(old.signed(OLD_MANIFEST), OLD_LAYERS), folder=True),
        "signed-twice": Case(
            content=old.schema1_dir(old.signed(OLD_MANIFEST, [old.protected(OLD_CUT, b"\n}")] * 2), OLD_LAYERS),
            folder=True,
        ),
    },
    "schema1-history": {"as-many": Case(content=old.schema1_dir(OLD_MANIFEST, OLD_LAYERS), folder=True)},
    "schema1-chain": {
        "whole": Case(content=old.schema1_dir(OLD_MANIFEST, OLD_LAYERS), folder=True),
        "repeated": Case(
            content=old.schema1_dir(
                old.payload(
                    (OLD_LAYERS[0], OLD_LAYERS[1], OLD_LAYERS[1]), [old.v1(0, None), old.v1(1, 0), old.v1(1, 0)]
                ),
                OLD_LAYERS,
            ),
            folder=True,
        ),
        "empty-parent": Case(
            content=old.schema1_dir(old.payload(OLD_LAYERS, [old.v1(0, ""), old.v1(1, 0)]), OLD_LAYERS),
            folder=True,
        ),
    },
    "v1-layer-missing": {"whole": Case(content=old.saved(OLD_LAYERS))},
    "v1-parent-cycle": {"whole": Case(content=old.saved(OLD_LAYERS))},
    "v1-layer-unnamed": {"whole": Case(content=old.saved(OLD_LAYERS)), "version-1": Case(content=version_one(PLAIN))},
    "v1-platform": {
        "whole": Case(content=old.saved(OLD_LAYERS)),
        "only-the-base-lacks-it": Case(content=old.saved(OLD_LAYERS, [NO_OS_BASE, old.v1(1, 0)])),
    },
    "v1-id": {"whole": Case(content=old.saved(OLD_LAYERS))},
    "store-name-dangling": {
        "docker": stored(),
        "digest": Case(
            content=docker_storage(
                {"corpus/app:1.0": IMAGE}, names={f"corpus/app@{NODE.digest}": IMAGE.image_id}, driver="vfs"
            ),
            folder=True,
        ),
        "podman": kept(),
    },
    "store-list-remote": {
        "one-is-here": Case(content=with_list(list_of(IMAGE.node().descriptor)), folder=True),
    },
    "store-manifest": {
        "podman": kept(of_big_data(manifest=IMAGE.node().digest)),
    },
    "store-chain": {
        "docker": stored(),
        "podman-of-other-ids": kept(layer={1: {"diff-digest": None}}),
        "newline": stored(written(f"{hexed(CHAINS[1])}/parent", CHAINS[0].encode() + b"\n")),
    },
    "tar-split-missing": {
        "of-no-image": stored(
            lambda files: [*files, file(f"image/overlay2/layerdb/sha256/{hexed(NOWHERE)}/diff", NOWHERE.encode())]
        ),
        "container": kept(layer={}),
    },
    "layer-not-rebuilt": {
        "whiteout-of-another": stored(lambda files: [*files, file(f"{tree_of(IMAGE.layers)}/.wh.x", b"")]),
        "vfs": Case(content=docker_storage({"corpus/app:1.0": IMAGE}, driver="vfs"), folder=True),
    },
    "layer-discarded": {
        "found-elsewhere": Case(
            content=containerd_storage(
                {"docker.io/corpus/app:1.0": IMAGE, "docker.io/corpus/plain:1.0": PLAIN},
                gone=[one.digest for one in IMAGE.layers],
            ),
            folder=True,
        ),
        "containerd": Case(content=containerd_storage({"docker.io/corpus/app:1.0": IMAGE}), folder=True),
    },
}
