"""Counts that multiply: entries and indexes, signatures and names, images and demands, layers and links, and so on.

Each input is small, and each of its counts is within its limit. What is done with them stays within the bounds.
"""

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest
import zstandard

from ociarchive.toc import CHUNKED
from tests.fuzz.layers import chunked
from tests.hostile.parts import IMAGE, LAYER, SAVED, listed
from tests.hostile.process import bounded, run
from tests.hostile.wide import CASES as WIDE
from tests.hostile.wide import LARGEST
from tests.support.build import (
    CONTAINERD_NAME,
    COSIGN_SIGNATURE,
    OCI_INDEX,
    OCI_LAYER,
    Image,
    Json,
    Layer,
    Node,
    digest,
    docker_archive,
    index,
    layout,
)
from tests.support.openpgp import packet, public
from tests.support.signing import SIGNER, b64, claim, holding, pem, signing
from tests.support.tar import Member, Style, file, hardlink, symlink, tar, write_tar

Arguments = list[str | Path]
NAME = "docker.io/library/app:1"
NODE = IMAGE.node()
COSIGN = "dev.cosignproject.cosign"
SIGNED = "application/vnd.dev.cosign.artifact.sig.v1+json"


def _image(number: int, layers: Iterable[Layer] = (LAYER,)) -> Node:
    return Image(layers=list(layers), manifest_members={"annotations": {"n": str(number)}}).node()


def _key(place: Path) -> Path:
    key = place / "key.pub"
    key.write_bytes(pem(SIGNER))
    return key


def _absent(number: int, **annotations: str) -> Json:
    """An entry for a manifest that is not there."""
    described = {**NODE.descriptor, "digest": f"sha256:{number:064x}"}
    return {**described, "annotations": annotations} if annotations else described


def _listing(entries: Iterable[Json], nodes: Iterable[Node]) -> list[Member]:
    """A layout of nodes with other entries."""
    made = [*nodes]
    raw = listed(*entries)
    return [file(one.name, raw) if one.name == "index.json" else one for one in layout(*made)]


def _signature(notes: Json) -> Node:
    payload = claim(NODE.digest)
    signed = {f"{COSIGN}/signature": b64(signing(SIGNER)(payload)), **notes}
    return holding((payload, COSIGN_SIGNATURE, signed), artifact_type=SIGNED)


# Signatures


def _indexes_of_images(place: Path) -> Arguments:
    """Thousands of indexes of the same few images: each image stands in all of them."""
    images = [_image(number) for number in range(5)]
    below = [index(images, members={"annotations": {"n": str(number)}}) for number in range(4000)]
    return _with_key(place, layout(index(below).named(NAME, "1")))


def _indexes_above_an_index(place: Path) -> Arguments:
    """Thousands of indexes above one, and thousands of images below it."""
    below = index([_image(number) for number in range(2300)])
    bare = Node(below.descriptor, {})
    above = index([index([bare], members={"annotations": {"n": str(number)}}) for number in range(2500)])
    return _with_key(place, layout(Node(above.descriptor, {**above.blobs, **below.blobs}).named(NAME, "1")))


def _entries_of_an_index(place: Path) -> Arguments:
    """An index to which as many entries lead as it has itself."""
    below = index([NODE.described(n=number) for number in range(14_000)])
    above = index([below.described(n=number) for number in range(14_000)])
    return _with_key(place, layout(above.named(NAME, "1")))


def _signatures_of_a_name(place: Path) -> Arguments:
    """Thousands of signatures that are tied to a name, which thousands of manifests have."""
    nodes = [_signature({"n": str(number)}) for number in range(3500)]
    tied = {f"{COSIGN}/kind": f"{COSIGN}/sigs", f"{COSIGN}/imageRef": NAME}
    entries = [NODE.named(NAME, "1").descriptor]
    entries += [_absent(number, **{CONTAINERD_NAME: NAME}) for number in range(9000)]
    entries += [node.annotated(**tied).descriptor for node in nodes]
    return _with_key(place, _listing(entries, [NODE, *nodes]))


def _selected(place: Path) -> Arguments:
    command, source, *rest = _signatures_of_a_name(place)
    return [command, f"{source}#{NODE.digest}", *rest]


def _with_key(place: Path, members: Iterable[Member]) -> Arguments:
    source = write_tar(place / "source", members)
    return ["audit", source, "--key", _key(place), "--require-signature", "--format", "json"]


def _saved(place: Path) -> Arguments:
    """What `cosign save` wrote with thousands of images: thousands of signatures without a name or subject."""
    node = _signature({})
    entries = [_absent(number, kind=f"{COSIGN}/image") for number in range(9000)]
    entries += [node.annotated(kind=f"{COSIGN}/sigs", n=str(number)).descriptor for number in range(9000)]
    source = write_tar(place / "source", _listing(entries, [node]))
    return ["audit", source, "--format", "json"]


# Policies


def _policy(place: Path, default: object) -> Path:
    policy = place / "policy"
    policy.write_text(json.dumps({"default": default}, separators=(",", ":")))
    assert policy.stat().st_size <= 4 << 20
    return policy


def _by(place: Path, demands: int) -> list[Json]:
    """Requirements that differ in what they ask of the name."""
    os.rename(_key(place), place / "k")
    return [
        {"type": "sigstoreSigned", "keyPath": "k",
         "signedIdentity": {"type": "exactRepository", "dockerRepository": f"e.com/a{number}"}}
        for number in range(demands)
    ]  # fmt: skip


def _requirements(place: Path) -> Arguments:
    source = write_tar(place / "source", layout(NODE.named(NAME, "1")))
    ring = place / "ring"
    ring.write_bytes(packet(6, public(SIGNER)) + packet(13, b"x" * 1_000_000))
    demand = {"type": "signedBy", "keyType": "GPGKeys", "keyPath": str(ring)}
    return ["audit", source, "--policy", _policy(place, [demand] * 20_000)]


def _different_requirements(place: Path) -> Arguments:
    source = write_tar(place / "source", layout(NODE.named(NAME, "1")))
    return ["audit", source, "--policy", _policy(place, _by(place, 25_000))]


def _requirements_of_files(place: Path) -> Arguments:
    source = write_tar(place / "source", layout(NODE.named(NAME, "1")))
    ring = {"type": "signedBy", "keyType": "GPGKeys"}
    return ["audit", source, "--policy", _policy(place, [{**ring, "keyPath": f"r{n:x}"} for n in range(60_000)])]


def _requirements_of_images(place: Path) -> Arguments:
    images = [_image(number).annotated(**{CONTAINERD_NAME: f"docker.io/library/a:{number}"}) for number in range(2000)]
    source = write_tar(place / "source", layout(*images))
    return ["audit", source, "--policy", _policy(place, _by(place, 25_000))]


def _names_of_an_image(place: Path) -> Arguments:
    nodes = (NODE.annotated(**{CONTAINERD_NAME: f"docker.io/library/app:{number}"}) for number in range(12_000))
    source = write_tar(place / "source", layout(*nodes))
    return ["audit", source, "--policy", _policy(place, _by(place, 3))]


def _keys_of_a_requirement(place: Path) -> Arguments:
    source = write_tar(place / "source", layout(NODE.named(NAME, "1")))
    os.rename(_key(place), place / "k")
    return ["audit", source, "--policy", _policy(place, [{"type": "sigstoreSigned", "keyPaths": ["k"] * 1_000_000}])]


# Layers


def _packed(members: Iterable[Member], style: Style = Style.GNU) -> Layer:
    plain = tar(members, style=style)
    stored = zstandard.ZstdCompressor(level=3).compress(plain)
    return Layer(plain=plain, stored=stored, codec="zstd", media_type=f"{OCI_LAYER}+zstd")


def _stack(place: Path, layers: list[Layer]) -> Arguments:
    source = write_tar(place / "source", layout(Image(layers=layers).node().named(NAME, "1")))
    return ["audit", source, "--format", "json"]


def _links_in_every_layer(place: Path) -> Arguments:
    """An image of very many layers, each of which has to be held against all below it."""
    return _stack(place, [_packed([hardlink("a", "nowhere")])] * 9_900)


def _links_to_deep_paths(place: Path) -> Arguments:
    deep = "d/" * 2000
    links = [hardlink(f"a{number}", f"{number}/{deep}x") for number in range(7000)]
    return _stack(place, [LAYER, _packed([file("x", b""), *links])])


def _links_and_whiteouts(place: Path) -> Arguments:
    links = _packed([hardlink(f"a{number:05}", f"d/{number:05}") for number in range(60_000)])
    below = [_packed([file("d/.wh..wh..opq", b""), symlink(f"s{number}", "d")]) for number in range(5_000)]
    return _stack(place, [*below, links])


def _ways_to_speak_of_a_table(place: Path) -> Arguments:
    """One layer with a table of contents, described in very many ways."""
    stored, notes = chunked(b'{"version":1,"entries":[]}', LAYER.plain)
    one = Layer(plain=LAYER.plain, stored=stored, codec="zstd", media_type=f"{OCI_LAYER}+zstd")
    ways = [
        replace(one, members={"size": number, "annotations": {**notes, "io.containers.estargz.uncompressed-size": "1"}})
        for number in range(4000)
    ]
    others = ({**notes, f"{CHUNKED}tarsplit-position": str(number)} for number in range(4000))
    more = [replace(one, members={"annotations": each}) for each in others]
    return _stack(place, [*ways, *more])


# Documents


def _one_history(place: Path) -> Arguments:
    """Thousands of images of one config, whose history is long."""
    config: Json = {"history": [{}] * 200_000}
    one = Image(layers=[LAYER], config_members=config)
    raw, name = one.config, one.image_id
    nodes = []
    for number in range(2600):
        node = _image(number)
        document = node.document
        document["config"] = {**document["config"], "digest": name, "size": len(raw)}
        data = json.dumps(document).encode()
        described = {**node.descriptor, "digest": digest(data), "size": len(data)}
        nodes.append(Node(described, {digest(data): data, name: raw, LAYER.digest: LAYER.stored}))
    return ["audit", write_tar(place / "source", layout(*nodes)), "--format", "json"]


def _a_name_of_folders(place: Path) -> Arguments:
    layers = [f"{number}/" + "a/" * 690_000 for number in range(3)]
    members = docker_archive(SAVED, entries=[{**SAVED.entry(), "Layers": layers}])
    return ["audit", write_tar(place / "source", members), "--format", "json"]


def _platforms_that_are_absent(place: Path) -> Arguments:
    entries = [
        {**_absent(number), "platform": {"os": "linux", "architecture": "amd64", "variant": f"{number:06}" * 15}}
        for number in range(13_000)
    ]
    raw = listed(NODE.descriptor, *entries)
    node = Node({"mediaType": OCI_INDEX, "digest": digest(raw), "size": len(raw)}, {**NODE.blobs, digest(raw): raw})
    return ["audit", write_tar(place / "source", layout(node.named(NAME, "1"))), "--format", "html"]


# Receipts


def _receipt(place: Path, **holds: object) -> Arguments:
    source = write_tar(place / "source", layout(NODE.named(NAME, "1")))
    described = {"mediaType": "a/b", "digest": NODE.digest, "size": 1}
    every = {"complete": True, "described": True, "entries": [], "manifests": [], "indexes": [], "blobs": []}
    made = {
        "tool": {"name": "ociarchive"}, "schema_version": 1, "sources": [],
        "destination": {"format": "oci-archive"}, "manifests": [{"new": described}], "indexes": [], "configs": [],
        "layers": [], "holds": {**every, "files": [], **holds},
    }  # fmt: skip
    receipt = place / "receipt"
    receipt.write_text(json.dumps(made, separators=(",", ":")))
    assert receipt.stat().st_size <= LARGEST
    return ["audit", source, "--receipt", receipt, "--format", "json"]


def _receipt_of_names(place: Path) -> Arguments:
    return _receipt(place, entries=[{"names": [f"{n:x}"], "descriptor": {"digest": ""}} for n in range(140_000)])


def _receipt_of_blobs(place: Path) -> Arguments:
    return _receipt(place, blobs=[{"digest": f"{number:x}", "size": 1} for number in range(230_000)])


CASES: dict[str, tuple[Callable[[Path], Arguments], int]] = {
    "indexes-4-000-of-5-images": (_indexes_of_images, 1),
    "indexes-2-500-above-2-300-images": (_indexes_above_an_index, 1),
    "entries-14-000-of-an-index-of-14-000": (_entries_of_an_index, 1),
    "signatures-3-500-of-a-name-of-9-000": (_signatures_of_a_name, 1),
    "signatures-of-a-name-and-a-selector": (_selected, 1),
    "signatures-9-000-saved-with-9-000-images": (_saved, 1),
    "requirements-20-000-of-one-keyring": (_requirements, 1),
    "requirements-25-000-that-differ": (_different_requirements, 1),
    "requirements-60-000-of-files": (_requirements_of_files, 1),
    "requirements-25-000-of-2-000-images": (_requirements_of_images, 1),
    "names-12-000-of-an-image": (_names_of_an_image, 1),
    "keys-a-million-of-a-requirement": (_keys_of_a_requirement, 1),
    "links-in-each-of-9-900-layers": (_links_in_every_layer, 0),
    "links-7-000-to-deep-paths": (_links_to_deep_paths, 0),
    "links-60-000-and-whiteouts-5-000": (_links_and_whiteouts, 0),
    "ways-8-000-to-speak-of-a-table": (_ways_to_speak_of_a_table, 1),
    "images-2-600-of-one-history": (_one_history, 0),
    "names-of-folders-690-000-deep": (_a_name_of_folders, 1),
    "platforms-13-000-absent": (_platforms_that_are_absent, 0),
    "receipt-of-140-000-names": (_receipt_of_names, 1),
    "receipt-of-230-000-blobs": (_receipt_of_blobs, 1),
}


@pytest.mark.parametrize("name", CASES)
def test_counts_that_multiply(name: str, tmp_path: Path) -> None:
    build, status = CASES[name]
    arguments = build(tmp_path)
    assert (tmp_path / "source").stat().st_size <= LARGEST
    bounded(run(*arguments, "--jobs", "2", place=tmp_path), status)


#: Reports of very many lines, and one of many documents.
LONG = ("blobs-49-000", "names-4-000-of-10-layers", "tags-40-000", "configs-2-400", "links-dangling-15-000")


@pytest.mark.parametrize("name", LONG)
def test_long_reports_in_a_catalogue(name: str, tmp_path: Path) -> None:
    source, catalogue = tmp_path / "source", tmp_path / "c.db"
    WIDE[name].build(source)
    for form in ("html", "html", "json"):  # audited, then taken from the catalogue
        calls = ("audit", source, "--catalogue", catalogue, "--format", form, "--jobs", "2")
        bounded(run(*calls, place=tmp_path), 0, 1)
    bounded(run("catalogue", catalogue, "--holds", "r1", "--format", "json", place=tmp_path), 0, 1)


@pytest.mark.parametrize("name", LONG)
def test_inventories_of_long_archives(name: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    WIDE[name].build(source)
    for words in ((), ("--verify",)):
        bounded(run("inventory", source, *words, place=tmp_path), 0, 1)
