"""Shapes of OCI layouts and of `dir` folders that producers are known to write, beyond those in the corpus."""

import base64
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.support import oracle
from tests.support.build import (
    AMD64,
    ARM64,
    ARMV7,
    DOCKER_FOREIGN,
    DOCKER_LAYER,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_FOREIGN,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    REF_NAME,
    REFERENCE_DIGEST,
    Image,
    Json,
    Node,
    artifact,
    attestation,
    blob,
    blob_path,
    digest,
    dumped,
    edited,
    hexed,
    index,
    layer,
    layout,
    platforms,
    signature,
    skopeo_dir,
)
from tests.support.call import Call, Result, refused, told
from tests.support.check import FORMATS, audited, converted, handled, inspected
from tests.support.tar import Member, Style, changed, file, write_folder, write_tar

BASE = layer({"etc/name": b"base"}, "gzip")
TOP = layer({"bin/app": b"application" * 50}, "gzip")
IMAGE = Image(layers=[BASE, TOP])
ARM = Image(layers=[BASE, layer({"bin/app": b"for arm"}, "gzip")], platform=ARM64)
OLD_ARM = Image(layers=[BASE, layer({"bin/app": b"for old arm"}, "gzip")], platform=ARMV7)
NAME = "docker.io/corpus/app:1.0"
NODE = IMAGE.node().named(NAME, "1.0")
# A `dir` holds one image or one index; whatever has more goes into the others.
MANY = ("docker-archive", "oci-layout", "oci-archive")


def attested(*images: Image) -> Node:
    """An index as BuildKit writes it: the platforms, then what speaks of them."""
    nodes = [one.node(platform=one.platform.members()) for one in images if one.platform]
    return index([*nodes, *(attestation(one) for one in nodes)])


def nested(depth: int, *images: Image) -> Node:
    """Put an index into another, as often as asked."""
    node = platforms(images)
    for _ in range(depth):
        node = index([node])
    return node


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """An OCI layout, the images it must be read as, and the names they must have."""

    roots: Sequence[Node]
    images: Sequence[Image] = (IMAGE,)
    names: Sequence[str] = ()
    ref_names: Sequence[str] = ()
    into: Sequence[str] = FORMATS


PLAIN = IMAGE.node()
ODD = "A Name+With %odd/ things"
EMPTY_PLATFORM = Image(layers=[BASE], platform=None, config_members={"os": "", "architecture": ""})

SHAPES = {
    "no-names": Shape(roots=[PLAIN]),
    "containerd-name": Shape(roots=[NODE], names=[NAME], ref_names=["1.0"]),
    "full-ref-name": Shape(roots=[PLAIN.named(ref_name=NAME)], names=[NAME]),
    "familiar-ref-name": Shape(
        roots=[PLAIN.named(ref_name="corpus/app:1.0")], names=[NAME], ref_names=["corpus/app:1.0"]
    ),
    "bare-ref-name": Shape(roots=[PLAIN.named(ref_name="app")], ref_names=["app"]),
    "odd-ref-name": Shape(roots=[PLAIN.named(ref_name=ODD)], ref_names=[ODD]),
    "upper-case-ref-name": Shape(roots=[PLAIN.named(ref_name="Corpus/App:1.0")], ref_names=["Corpus/App:1.0"]),
    "two-refs-one-manifest": Shape(
        roots=[PLAIN.named(ref_name="one"), PLAIN.named(ref_name="two")], ref_names=["one", "two"], into=MANY
    ),
    "index": Shape(
        roots=[platforms([IMAGE, ARM, OLD_ARM]).named(NAME, "1.0")],
        images=(IMAGE, ARM, OLD_ARM),
        names=[NAME] * 3,
        ref_names=["1.0"] * 3,
    ),
    "index-in-index": Shape(roots=[nested(1, IMAGE, ARM)], images=(IMAGE, ARM), into=MANY),
    "index-in-index-in-index": Shape(roots=[nested(3, IMAGE, ARM)], images=(IMAGE, ARM), into=MANY),
    "index-without-platforms": Shape(roots=[index([IMAGE.node(), ARM.node()])], images=(IMAGE, ARM)),
    "empty-platform": Shape(
        roots=[EMPTY_PLATFORM.node(platform={"os": "", "architecture": ""})], images=[EMPTY_PLATFORM]
    ),
    "no-layers": Shape(roots=[Image().node()], images=[Image()]),
    "layer-twice": Shape(roots=[Image(layers=[BASE, TOP, BASE]).node()], images=[Image(layers=[BASE, TOP, BASE])]),
    "same-config-in-gzip-and-zstd": Shape(
        roots=[
            index(
                Image(layers=[layer({"a": b"same"}, codec)]).node(platform=AMD64.members())
                for codec in ("gzip", "zstd")
            )
        ],
        images=[Image(layers=[layer({"a": b"same"})])] * 2,
        into=("oci-layout", "oci-archive", "dir"),
    ),
    "attestations": Shape(
        roots=[attested(IMAGE, ARM).named(NAME, "1.0")],
        images=(IMAGE, ARM),
        names=[NAME] * 2,
        ref_names=["1.0"] * 2,
    ),
    "beside-an-artifact": Shape(roots=[PLAIN, artifact(b"text", "application/vnd.example.doc")], into=MANY),
    "with-a-subject": Shape(roots=[PLAIN, artifact(b"sbom", "application/vnd.example.sbom", subject=PLAIN)], into=MANY),
    "several-frames": Shape(
        roots=[Image(layers=[layer({"a": b"frames" * 99}, "zstd", parts=4)]).node()],
        images=[Image(layers=[layer({"a": b"frames" * 99})])],
    ),
    "several-members": Shape(
        roots=[Image(layers=[layer({"a": b"members" * 99}, "gzip", parts=4)]).node()],
        images=[Image(layers=[layer({"a": b"members" * 99})])],
    ),
}


@pytest.mark.parametrize("shape", [pytest.param(shape, id=name) for name, shape in SHAPES.items()])
@pytest.mark.parametrize("form", ["oci-layout", "oci-archive"])
def test_reads_and_converts(shape: Shape, form: str, tmp_path: Path, cli_call: Call) -> None:
    members = layout(*shape.roots)
    path = tmp_path / "source"
    if form == "oci-layout":
        write_folder(path, members)
    else:
        write_tar(path, members)
    handled(cli_call, path, form, shape.images, into=shape.into)

    found = inspected(cli_call, path, form, shape.images)
    assert sorted(name for one in found["images"] for name in one["references"]) == sorted(shape.names)
    assert sorted(name for one in found["images"] for name in one["ref_names"]) == sorted(shape.ref_names)
    platform = {image.image_id: str(image.platform) if image.platform else None for image in shape.images}
    assert all(one["platform"] == platform[one["image_id"]] for one in found["images"])
    others = oracle.read(path).others
    for target in shape.into:
        facts = oracle.read(tmp_path / f"source.{target}")
        if target != "dir":
            assert facts.images[0].references == set(shape.names)
            bare = set() if target == "docker-archive" and not shape.names else set(shape.ref_names)
            assert facts.images[0].ref_names >= bare
        assert len(facts.others) == len(others)
        if target != "docker-archive":
            assert [one.manifest for one in facts.images] == [one.manifest for one in oracle.read(path).images]


def test_shapes_of_a_dir(tmp_path: Path, cli_call: Call) -> None:
    path = write_folder(tmp_path / "one", skopeo_dir(NODE))
    handled(cli_call, path, "dir", [IMAGE])


@pytest.mark.parametrize("family", ["oci", "docker"])
def test_a_dir_may_hold_an_index(family: str, tmp_path: Path, cli_call: Call) -> None:
    images = [replace(one, family=family) for one in (IMAGE, ARM)]  # type: ignore[arg-type]
    path = write_folder(tmp_path / "index", skopeo_dir(platforms(images)))
    handled(cli_call, path, "dir", images)
    assert oracle.read(tmp_path / "index.dir").roots == oracle.read(path).roots


def test_a_dir_may_hold_attestations(tmp_path: Path, cli_call: Call) -> None:
    path = write_folder(tmp_path / "index", skopeo_dir(attested(IMAGE)))
    facts = converted(cli_call, path, tmp_path / "dest", "oci-layout", "--compression", "none")
    (image,), (other,) = facts.images, facts.others
    assert other.refers_to == image.manifest


def test_what_has_several_roots_does_not_fit_into_a_dir(tmp_path: Path, cli_call: Call) -> None:
    other = Image(layers=[BASE]).node().named("docker.io/corpus/other:2.0", "2.0")
    path = write_tar(tmp_path / "two", layout(NODE, other))
    line = refused(cli_call("convert", path, tmp_path / "dest", "--to", "dir"), 2, tmp_path / "dest")
    assert "corpus/app:1.0" in line
    assert "corpus/other:2.0" in line


def test_manifest_json_names_the_common_platform_else_the_first(tmp_path: Path, cli_call: Call) -> None:
    for number, (images, wanted) in enumerate((((ARM, IMAGE), IMAGE), ((OLD_ARM, ARM), OLD_ARM))):
        path = write_tar(tmp_path / f"source{number}", layout(platforms(images).named(NAME, "1.0")))
        facts = converted(cli_call, path, tmp_path / f"dest{number}", "docker-archive")
        (entry,) = facts.entries
        assert digest(facts.files[entry["Config"]]) == wanted.image_id
        assert [oracle.normal(tag) for tag in entry["RepoTags"]] == [NAME]


# -- Docker media types ------------------------------------------------------------------------------------------------

DOCKER = replace(IMAGE, family="docker")
DOCKER_NODE = DOCKER.node().named(NAME, "1.0")
DOCKER_INDEX = platforms([DOCKER, replace(ARM, family="docker")]).named(NAME, "1.0")


def types(facts: oracle.Facts) -> set[str]:
    """Collect the media types of all documents and of what they name."""
    documents = [one.document for one in facts.images]
    found = {root["mediaType"] for root in facts.roots}
    for one in documents:
        found |= {one["mediaType"], one["config"]["mediaType"], *(part["mediaType"] for part in one["layers"])}
    return found | {one["mediaType"] for one in facts.indexes.values()}


@pytest.mark.parametrize("root", [DOCKER_NODE, DOCKER_INDEX], ids=["image", "list"])
def test_docker_types_in_a_layout_are_kept_and_that_is_said_once(root: Node, tmp_path: Path, cli_call: Call) -> None:
    path = write_tar(tmp_path / "source", layout(root))
    result = told(cli_call("convert", path, tmp_path / "dest", "--to", "oci-layout"))
    facts = oracle.read(tmp_path / "dest")
    assert facts.roots[0]["digest"] == root.digest
    assert not any(".oci." in name for name in types(facts))
    assert result.stderr.count("--media-types oci") == 1


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("root", [DOCKER_NODE, DOCKER_INDEX], ids=["image", "list"])
def test_docker_types_become_oci_types(root: Node, form: str, tmp_path: Path, cli_call: Call) -> None:
    path = write_tar(tmp_path / "source", layout(root))
    facts = converted(cli_call, path, tmp_path / "dest", form, "--media-types", "oci")
    assert not any("docker" in name for name in types(facts))
    assert [one.layers[0].digest for one in facts.images] == [BASE.digest] * len(facts.images)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("root", [NODE, platforms([IMAGE, ARM])], ids=["image", "index"])
def test_oci_types_become_docker_types_and_back(root: Node, form: str, tmp_path: Path, cli_call: Call) -> None:
    path = write_tar(tmp_path / "source", layout(root))
    facts = converted(cli_call, path, tmp_path / "dest", form, "--media-types", "docker")
    assert types(facts) <= {
        DOCKER_LIST,
        DOCKER_MANIFEST,
        "application/vnd.docker.container.image.v1+json",
        f"{DOCKER_LAYER}.gzip",
    }
    back = converted(cli_call, tmp_path / "dest", tmp_path / "back", "oci-archive", "--media-types", "oci")
    assert back.roots[0]["digest"] == root.digest


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(("--compression", "zstd"), id="kept"),
        pytest.param(("--compression", "zstd", "--media-types", "docker"), id="asked-for"),
    ],
)
def test_docker_types_know_no_zstd(options: tuple[str, ...], tmp_path: Path, cli_call: Call) -> None:
    path = write_tar(tmp_path / "source", layout(DOCKER_NODE))
    call = cli_call("convert", path, tmp_path / "dest", "--to", "oci-layout", *options)
    assert "--media-types oci" in refused(call, 2, tmp_path / "dest")


def test_docker_types_know_no_attestations(tmp_path: Path, cli_call: Call) -> None:
    path = write_tar(tmp_path / "source", layout(attested(IMAGE)))
    call = cli_call("convert", path, tmp_path / "dest", "--to", "oci-layout", "--media-types", "docker")
    line = refused(call, 2, tmp_path / "dest")
    assert "leave them out with --without attestations, or use --media-types oci" in line
    converted(cli_call, path, tmp_path / "dest", "oci-layout", "--media-types", "docker", "--without", "attestations")


# -- what speaks of an image -------------------------------------------------------------------------------------------

RECOMPRESSED = ("--compression", "zstd")


@pytest.mark.parametrize("form", MANY)
def test_a_subject_follows(form: str, tmp_path: Path, cli_call: Call) -> None:
    sbom = artifact(b"sbom", "application/vnd.example.sbom", subject=PLAIN)
    path = write_tar(tmp_path / "source", layout(NODE, sbom))
    facts = converted(cli_call, path, tmp_path / "dest", form, *RECOMPRESSED)
    (image,), (other,) = facts.images, facts.others
    assert image.manifest != NODE.digest
    assert other.document["subject"]["digest"] == image.manifest
    assert other.document["subject"]["size"] == image.descriptor["size"]
    assert other.document["artifactType"] == "application/vnd.example.sbom"


def test_a_chain_of_subjects_follows(tmp_path: Path, cli_call: Call) -> None:
    first = artifact(b"sbom", "application/vnd.example.sbom", subject=PLAIN)
    second = artifact(b"signature of the sbom", "application/vnd.example.signature", subject=first)
    path = write_tar(tmp_path / "source", layout(second, first, NODE))
    facts = converted(cli_call, path, tmp_path / "dest", "oci-layout", *RECOMPRESSED)
    by_type = {one.document["artifactType"]: one for one in facts.others}
    sbom, signed = by_type["application/vnd.example.sbom"], by_type["application/vnd.example.signature"]
    assert sbom.refers_to == facts.images[0].manifest
    assert signed.refers_to == sbom.digest
    assert [root["digest"] for root in facts.roots] == [signed.digest, sbom.digest, facts.images[0].manifest]


def test_tags_that_hold_a_digest_follow(tmp_path: Path, cli_call: Call) -> None:
    sbom = artifact(b"sbom", "application/vnd.example.sbom", subject=PLAIN)
    tag = NODE.digest.replace(":", "-")
    referrers = index([sbom]).named(ref_name=tag)
    signed = signature(PLAIN).named(ref_name=f"{tag}.sig")
    path = write_tar(tmp_path / "source", layout(NODE, referrers, signed))
    facts = converted(cli_call, path, tmp_path / "dest", "oci-layout", *RECOMPRESSED)
    new = str(facts.images[0].manifest)
    assert new != NODE.digest
    named = {(root.get("annotations") or {}).get(REF_NAME): root["digest"] for root in facts.roots}
    assert set(named) == {"1.0", new.replace(":", "-"), new.replace(":", "-") + ".sig"}
    (entry,) = facts.indexes[named[new.replace(":", "-")]]["manifests"]
    (other,) = [one for one in facts.others if one.document.get("artifactType")]
    assert entry["digest"] == other.digest
    assert other.refers_to == new


def test_signatures_travel_unchanged_and_are_called_stale(tmp_path: Path, cli_call: Call) -> None:
    signed = signature(PLAIN).named(ref_name=NODE.digest.replace(":", "-") + ".sig")
    path = write_tar(tmp_path / "source", layout(NODE, signed))
    same = converted(cli_call, path, tmp_path / "same", "oci-layout")
    assert signed.digest in {root["digest"] for root in same.roots}
    assert "signature-stale" not in told(cli_call("audit", "--format", "json", tmp_path / "same")).rules()
    result = told(cli_call("convert", path, tmp_path / "other", "--to", "oci-layout", *RECOMPRESSED))
    assert signed.digest in {root["digest"] for root in oracle.read(tmp_path / "other").roots}
    assert "signature-stale" in result.stderr


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("compression", ["gzip", "zstd", "none"])
def test_attestations_follow(form: str, compression: str, tmp_path: Path, cli_call: Call) -> None:
    path = write_tar(tmp_path / "source", layout(attested(IMAGE, ARM).named(NAME, "1.0")))
    facts = converted(cli_call, path, tmp_path / "dest", form, "--compression", compression)
    assert [one.stored for one in facts.images] == [(compression,) * 2] * 2
    assert [one.refers_to for one in facts.others] == [one.manifest for one in facts.images]
    for one in facts.others:
        assert one.descriptor["annotations"][REFERENCE_DIGEST] == one.refers_to
        assert one.descriptor["platform"] == {"architecture": "unknown", "os": "unknown"}
    before = {one.digest: one.document for one in oracle.read(path).others}
    assert {one.digest: one.document for one in facts.others} == before


def test_attestations_are_no_images(tmp_path: Path, cli_call: Call) -> None:
    path = write_tar(tmp_path / "source", layout(attested(IMAGE)))
    inspected(cli_call, path, "oci-archive", [IMAGE])
    facts = converted(cli_call, path, tmp_path / "dest", "oci-layout", "--without", "attestations")
    assert not facts.others
    assert [one.manifest for one in facts.images] == [NODE.digest]


@pytest.mark.parametrize("what", ["signatures", "referrers"])
def test_what_is_deselected_stays_away(what: str, tmp_path: Path, cli_call: Call) -> None:
    speaks = {
        "signatures": signature(PLAIN).named(ref_name=NODE.digest.replace(":", "-") + ".sig"),
        "referrers": artifact(b"sbom", "application/vnd.example.sbom", subject=PLAIN),
    }
    path = write_tar(tmp_path / "source", layout(NODE, *speaks.values()))
    facts = converted(cli_call, path, tmp_path / "dest", "oci-layout", "--without", what)
    left = {name: node.digest for name, node in speaks.items() if name != what}
    assert {one.digest for one in facts.others} == set(left.values())


# -- artifacts ---------------------------------------------------------------------------------------------------------

DOCUMENT = artifact(b"a document", "application/vnd.example.doc").named(ref_name="doc")


def test_artifacts_alone_are_read_and_carried(tmp_path: Path, cli_call: Call) -> None:
    path = write_folder(tmp_path / "source", layout(DOCUMENT))
    found = inspected(cli_call, path, "oci-layout", [])
    (one,) = found["artifacts"]
    assert (one["manifest"], one["artifact_type"], one["subject"]) == (
        DOCUMENT.digest,
        "application/vnd.example.doc",
        None,
    )
    audited(cli_call, path)
    facts = converted(cli_call, path, tmp_path / "dest.tar", "oci-archive")
    assert list(facts.roots) == [DOCUMENT.descriptor]


def test_artifacts_alone_are_no_docker_archive(tmp_path: Path, cli_call: Call) -> None:
    path = write_folder(tmp_path / "source", layout(DOCUMENT))
    refused(cli_call("convert", path, tmp_path / "dest", "--to", "docker-archive"), 1, tmp_path / "dest")


@pytest.mark.parametrize("form", ["oci-layout", "oci-archive"])
def test_cosign_layouts_keep_what_ties_them_together(form: str, tmp_path: Path, cli_call: Call) -> None:
    """`cosign save` writes no ref.name: `kind` says what a descriptor is, `imageRef` which image it is about."""
    about = "dev.cosignproject.cosign/imageRef"
    image = PLAIN.described(annotations={"kind": "dev.cosignproject.cosign/image", about: NAME})
    signed = signature(PLAIN).described(annotations={"kind": "dev.cosignproject.cosign/sigs", about: NAME})
    path = write_folder(tmp_path / "source", layout(image, signed))
    inspected(cli_call, path, "oci-layout", [IMAGE])
    audited(cli_call, path)
    for compression in ("keep", "zstd"):
        facts = converted(cli_call, path, tmp_path / compression, form, "--compression", compression)
        assert [one.image_id for one in facts.images] == [IMAGE.image_id]
        assert [one.digest for one in facts.others] == [signed.digest]
        for before, after in zip((image, signed), facts.roots, strict=True):
            assert before.descriptor["annotations"].items() <= after["annotations"].items()


# -- blobs that are not all here, or not all ours ----------------------------------------------------------------------


@pytest.mark.parametrize("media_type", [OCI_FOREIGN, DOCKER_FOREIGN])
def test_a_foreign_layer_may_be_absent(media_type: str, tmp_path: Path, cli_call: Call) -> None:
    far = replace(TOP, media_type=media_type, members={"urls": ["https://registry.example/base"]}, absent=True)
    image = Image(layers=[far, BASE], family="docker" if "docker" in media_type else "oci")
    path = write_tar(tmp_path / "source", layout(image.node()))
    inspected(cli_call, path, "oci-archive", [image])
    audit = told(cli_call("audit", "--format", "json", path))
    assert [one["verified"] for one in audit.archive()["images"][0]["layers"]] == [None, True]
    assert any(far.digest in (one["subject"] or "") for one in audit.archive()["findings"]), "nothing says why"
    facts = converted(cli_call, path, tmp_path / "dest", "oci-archive")
    assert facts.images[0].stored == (None, "gzip")
    assert facts.images[0].layers[0].descriptor == far.descriptor(image.family)


def test_a_foreign_layer_that_is_here_is_proved(tmp_path: Path, cli_call: Call) -> None:
    here = replace(TOP, media_type=OCI_FOREIGN, members={"urls": ["https://registry.example/base"]})
    image = Image(layers=[here, BASE])
    path = write_tar(tmp_path / "source", layout(image.node()))
    audited(cli_call, path)
    facts = converted(cli_call, path, tmp_path / "dest", "oci-archive")
    assert facts.images[0].stored == ("gzip", "gzip")


def sparse() -> tuple[Node, list[Member]]:
    """An index of two platforms, of which one is not in the archive."""
    both = platforms([IMAGE, ARM]).named(NAME, "1.0")
    private = {one.digest for one in ARM.layers} - {one.digest for one in IMAGE.layers}
    absent = {ARM.node().digest, ARM.image_id} | private
    return both, layout(both, without=absent)


def test_a_sparse_index_stays_as_it_is(tmp_path: Path, cli_call: Call) -> None:
    both, members = sparse()
    path = write_tar(tmp_path / "source", members)
    audit = told(cli_call("audit", "--format", "json", path))
    assert "blob-missing" not in audit.rules()
    result = told(cli_call("convert", path, tmp_path / "dest", "--to", "oci-layout"))
    facts = oracle.read(tmp_path / "dest", sparse=True)
    assert facts.roots[0]["digest"] == both.digest
    assert facts.missing == {ARM.node().digest}
    assert "sparse-index: the index names a manifest that is not in the archive (linux/arm64)" in result.stderr


def test_a_sparse_index_becomes_whole_by_choosing_a_platform(tmp_path: Path, cli_call: Call) -> None:
    _, members = sparse()
    path = write_tar(tmp_path / "source", members)
    facts = converted(cli_call, path, tmp_path / "dest", "oci-layout", "--platform", "linux/amd64")
    assert [one.manifest for one in facts.images] == [IMAGE.node().digest]
    assert not facts.indexes
    assert facts.images[0].references == {NAME}
    options = ("--platform", "linux/s390x")
    refused(cli_call("convert", path, tmp_path / "none", "--to", "oci-layout", *options), 2, tmp_path / "none")


@pytest.mark.parametrize("name", ["layer", "config", "manifest"])
def test_an_absent_blob_is_an_error(name: str, tmp_path: Path, cli_call: Call) -> None:
    missing = {"layer": TOP.digest, "config": IMAGE.image_id, "manifest": NODE.digest}[name]
    path = write_tar(tmp_path / "source", layout(NODE, without=[missing]))
    assert "blob-missing" in told(cli_call("audit", "--format", "json", path), 1).rules("error")
    refused(cli_call("convert", path, tmp_path / "dest", "--to", "oci-layout"), 1, tmp_path / "dest")


def test_strays_are_warned_of_and_left_behind(tmp_path: Path, cli_call: Call) -> None:
    path = write_tar(tmp_path / "source", layout(NODE, strays=[b"stray"]))
    assert told(cli_call("audit", "--format", "json", path)).rules() == {"blob-unreferenced"}
    facts = converted(cli_call, path, tmp_path / "dest", "oci-archive")
    assert digest(b"stray") not in facts.blobs


UNKNOWN = "application/vnd.example.unknown.v3+json"


@pytest.mark.parametrize("form", ["oci-layout", "oci-archive"])
def test_unknown_media_types_are_carried(form: str, tmp_path: Path, cli_call: Call) -> None:
    alone = blob(b'{"whatever": [1, 2.50, "\\u00e9"]}', UNKNOWN, annotations={"a": "b"}, odd={"x": None})
    inside = blob(b"not even JSON", "application/x-example")
    both = index([IMAGE.node(platform=AMD64.members()), inside]).named(NAME, "1.0")
    path = write_tar(tmp_path / "source", layout(alone, both))
    inspected(cli_call, path, "oci-archive", [IMAGE])
    for compression in ("keep", "zstd"):
        facts = converted(cli_call, path, tmp_path / compression, form, "--compression", compression)
        assert facts.roots[0] == alone.descriptor
        assert facts.files[blob_path(alone.digest)] == alone.blobs[alone.digest]
        assert facts.files[blob_path(inside.digest)] == b"not even JSON"
        assert facts.indexes[facts.roots[1]["digest"]]["manifests"][1] == inside.descriptor


@pytest.mark.parametrize("form", ["oci-layout", "oci-archive"])
def test_unknown_members_are_carried_in_their_order(form: str, tmp_path: Path, cli_call: Call) -> None:
    extra = {"zz": [1, {"deep": None}], "annotations": {"k": "v"}, "aa": 2**53 + 1}
    image = replace(IMAGE, manifest_members=extra, config_descriptor={"odd": True})
    node = image.node(platform=AMD64.members(), later="x", annotations={"n": "w"})
    root = index([node], members={"mm": 1.5, "annotations": {"i": "j"}})
    top: Json = {"extra": {"top": True}, "annotations": {"o": "p"}}
    path = write_tar(tmp_path / "source", layout(root, **top))
    facts = converted(cli_call, path, tmp_path / "dest", form, *RECOMPRESSED)
    entry = oracle.parse(facts.files["index.json"], "index.json")
    assert isinstance(entry, dict)
    assert {key: entry[key] for key in top} == top
    document = facts.images[0].document
    assert list(document) == list(node.document)
    assert {key: document[key] for key in extra} == extra
    assert document["config"] == node.document["config"]
    (new_index,) = facts.indexes.values()
    assert {key: value for key, value in new_index.items() if key != "manifests"} == {
        key: value for key, value in root.document.items() if key != "manifests"
    }
    assert list(new_index["manifests"][0]) == list(node.descriptor)
    assert new_index["manifests"][0]["later"] == "x"


# -- digests -----------------------------------------------------------------------------------------------------------


def other_digests(algorithm: str) -> tuple[Image, Node]:
    """An image whose layers and manifest are named by another algorithm; its config is not, it is the image ID."""
    layers = [replace(one, algorithm=algorithm) for one in IMAGE.layers]
    image = replace(IMAGE, layers=layers, algorithm=algorithm)
    return image, image.node().named(NAME, "1.0")


def verdicts(result: Result) -> list[Any]:
    return [one["verified"] for one in told(result).archive()["images"][0]["layers"]]


@pytest.mark.parametrize("algorithm", ["sha512", "blake3"])
def test_registered_algorithms_are_proved(algorithm: str, tmp_path: Path, cli_call: Call) -> None:
    if algorithm == "blake3":
        pytest.importorskip("blake3")
    image, node = other_digests(algorithm)
    path = write_tar(tmp_path / "source", layout(node), style=Style.GNU)
    found = inspected(cli_call, path, "oci-archive", [image])
    assert found["images"][0]["manifest"] == node.digest
    assert [one["digest"] for one in found["images"][0]["layers"]] == [one.digest for one in image.layers]
    audited(cli_call, path)
    facts = converted(cli_call, path, tmp_path / "dest", "oci-layout")
    assert facts.roots[0]["digest"] == node.digest
    name = blob_path(image.layers[0].digest)
    path = write_tar(tmp_path / "damaged", changed(layout(node), name, TOP.stored), style=Style.GNU)
    told(cli_call("audit", path), 1)
    refused(cli_call("convert", path, tmp_path / "no", "--to", "oci-layout"), 1, tmp_path / "no")


@pytest.mark.parametrize("algorithm", ["sha384", "blake3"])
def test_algorithms_that_cannot_be_computed_are_carried(
    algorithm: str, tmp_path: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    if algorithm == "blake3":
        pytest.importorskip("blake3")
    image = replace(IMAGE, layers=[replace(BASE, algorithm=algorithm), TOP])
    name = image.layers[0].digest
    path = write_tar(tmp_path / "source", layout(image.node()))
    monkeypatch.setitem(sys.modules, "blake3", None)
    audit = cli_call("audit", "--format", "json", path)
    assert verdicts(audit) == [None, True]
    assert any(one["subject"] == name for one in audit.archive()["findings"])
    assert audit.rules("warning")
    told(cli_call("convert", path, tmp_path / "dest", "--to", "oci-layout", "--compression", "keep"))
    monkeypatch.undo()
    facts = oracle.read(tmp_path / "dest")
    assert facts.images[0].layers[0].digest == name


def test_a_diff_id_that_lies_is_found_where_the_digest_cannot_be_computed(tmp_path: Path, cli_call: Call) -> None:
    lying = replace(BASE, algorithm="sha384", plain=TOP.plain)
    path = write_tar(tmp_path / "source", layout(Image(layers=[lying]).node()))
    assert "diff-id-mismatch" in told(cli_call("audit", "--format", "json", path), 1).rules("error")
    refused(cli_call("convert", path, tmp_path / "dest", "--to", "oci-layout"), 1, tmp_path / "dest")


def test_inline_data_is_a_claim(tmp_path: Path, cli_call: Call) -> None:
    told(cli_call("audit", write_tar(tmp_path / "good", layout(DOCUMENT))))
    lying = edited(DOCUMENT, lambda document: document["config"].update(data="W10="))
    audit = cli_call("audit", "--format", "json", write_tar(tmp_path / "bad", layout(lying)))
    assert told(audit, 1).rules("error") == {"data-mismatch"}


def test_inline_data_never_contradicts_what_was_rewritten(tmp_path: Path, cli_call: Call) -> None:
    manifest = base64.b64encode(NODE.blobs[NODE.digest]).decode()
    path = write_tar(tmp_path / "source", layout(index([IMAGE.node(platform=AMD64.members(), data=manifest)])))
    kept = converted(cli_call, path, tmp_path / "kept", "oci-layout", "--compression", "keep")
    (before,) = kept.indexes.values()
    assert before["manifests"][0]["data"] == manifest
    facts = converted(cli_call, path, tmp_path / "dest", "oci-layout", *RECOMPRESSED)
    (after,) = facts.indexes.values()
    entry = after["manifests"][0]
    assert "data" not in entry


# -- signatures of a dir -----------------------------------------------------------------------------------------------


def test_signature_files_stay_while_the_manifest_does(tmp_path: Path, cli_call: Call) -> None:
    path = write_folder(tmp_path / "source", skopeo_dir(NODE, signatures=[b"first", b"second"]))
    inspected(cli_call, path, "dir", [IMAGE])
    audited(cli_call, path)
    converted(cli_call, path, tmp_path / "same", "dir")
    assert [(tmp_path / "same" / f"signature-{n}").read_bytes() for n in (1, 2)] == [b"first", b"second"]


@pytest.mark.parametrize(
    ("form", "options"), [("dir", RECOMPRESSED), ("oci-layout", ()), ("oci-archive", ()), ("docker-archive", ())]
)
def test_signature_files_that_cannot_come_are_named(
    form: str, options: tuple[str, ...], tmp_path: Path, cli_call: Call
) -> None:
    path = write_folder(tmp_path / "source", skopeo_dir(NODE, signatures=[b"first"]))
    result = told(cli_call("convert", path, tmp_path / "dest", "--to", form, *options))
    assert "signature-1" in result.stderr
    assert "signature-1" not in oracle.load(tmp_path / "dest")


# -- documents that are not what they should be ------------------------------------------------------------------------


def two_in_one(media_type: str) -> list[Member]:
    """A manifest that also is an index (CVE-2021-41190)."""
    document = NODE.document | {"manifests": [ARM.node().descriptor], "mediaType": media_type}
    data = dumped(document)
    both = Node(
        {"mediaType": media_type, "digest": digest(data), "size": len(data)},
        {**NODE.blobs, **ARM.node().blobs, digest(data): data},
    )
    return layout(both, without=[NODE.digest])


def lying_descriptor(**members: object) -> list[Member]:
    return layout(NODE.described(**members))


def with_index_json(document: Json) -> list[Member]:
    return changed(layout(NODE), "index.json", dumped(document))


DAMAGES = {
    "manifest-that-is-an-index": (two_in_one(OCI_MANIFEST), "document-ambiguous"),
    "index-that-is-a-manifest": (two_in_one(OCI_INDEX), "document-ambiguous"),
    "size-of-a-manifest": (lying_descriptor(size=NODE.descriptor["size"] + 1), "size-mismatch"),
    "size-of-a-layer": (layout(Image(layers=[replace(BASE, members={"size": 7})]).node()), "size-mismatch"),
    "negative-size": (lying_descriptor(size=-1), "schema"),
    "digest-that-is-a-path": (lying_descriptor(digest="sha256:../../../../etc/passwd"), "digest-malformed"),
    "digest-that-is-short": (lying_descriptor(digest="sha256:abc"), "digest-malformed"),
    "digest-in-upper-case": (lying_descriptor(digest=f"sha256:{hexed(NODE.digest).upper()}"), "digest-malformed"),
    "layer-exchanged": (changed(layout(NODE), blob_path(TOP.digest), BASE.stored), "digest-mismatch"),
    "diff-id": (
        layout(Image(layers=[BASE], config_members={"rootfs": {"type": "layers", "diff_ids": [TOP.diff_id]}}).node()),
        "diff-id-mismatch",
    ),
    "diff-id-too-few": (
        layout(replace(IMAGE, config_members={"rootfs": {"type": "layers", "diff_ids": [BASE.diff_id]}}).node()),
        "diff-id-count",
    ),
    "index-json-is-a-list": (changed(layout(NODE), "index.json", b"[]"), "schema"),
    "index-json-is-cut": (changed(layout(NODE), "index.json", b'{"schemaVersion":2,"manifests":['), "json-invalid"),
    "manifests-is-no-list": (with_index_json({"schemaVersion": 2, "manifests": {"a": 1}}), "schema"),
    "doubled-member": ([file("index.json", b"{}"), *layout(NODE)], "member-doubled"),
    "trailing-garbage-in-gzip": (
        layout(Image(layers=[replace(BASE, stored=BASE.stored + b"garbage")]).node()),
        "layer-damaged",
    ),
    "gzip-cut-short": (layout(Image(layers=[replace(BASE, stored=BASE.stored[:-5])]).node()), "layer-damaged"),
}


@pytest.mark.parametrize(("members", "rule"), [pytest.param(*row, id=name) for name, row in DAMAGES.items()])
def test_damage_is_found_and_refused(members: list[Member], rule: str, tmp_path: Path, cli_call: Call) -> None:
    path = write_tar(tmp_path / "source", members)
    assert rule in told(cli_call("audit", "--format", "json", path), 1).rules("error")
    for form in FORMATS:
        refused(cli_call("convert", path, tmp_path / "dest", "--to", form), 1, tmp_path / "dest")


@pytest.mark.parametrize("manifests", [[], None])
def test_an_index_json_that_names_nothing_holds_nothing_to_convert(
    manifests: list[Json] | None, tmp_path: Path, cli_call: Call
) -> None:
    path = write_tar(tmp_path / "source", with_index_json({"schemaVersion": 2, "manifests": manifests}))
    refused(cli_call("convert", path, tmp_path / "dest", "--to", "oci-layout"), 1, tmp_path / "dest")


def test_a_media_type_that_contradicts_the_bytes_is_corrected(tmp_path: Path, cli_call: Call) -> None:
    lying = Image(layers=[replace(BASE, media_type=OCI_LAYER)])
    path = write_tar(tmp_path / "source", layout(lying.node()))
    assert told(cli_call("audit", "--format", "json", path)).rules("warning")
    told(cli_call("audit", "--strict", path), 1)
    facts = converted(cli_call, path, tmp_path / "dest", "oci-layout")
    assert [one.media_type for one in facts.images[0].layers] == [f"{OCI_LAYER}+gzip"]
    assert facts.images[0].layers[0].digest == BASE.digest
    assert facts.images[0].manifest != lying.node().digest
    kept = converted(cli_call, path, tmp_path / "kept", "oci-layout", "--preserve-digests")
    assert kept.images[0].manifest == lying.node().digest


STARGZ = ("containerd.io/snapshot/stargz/toc.digest", "io.containers.estargz.uncompressed-size")
CHUNKED = (
    "io.github.containers.zstd-chunked.manifest-checksum",
    "io.github.containers.zstd-chunked.manifest-position",
    "io.github.containers.zstd-chunked.tarsplit-position",
)


@pytest.mark.parametrize(("name", "stale"), [("buildx-oci-estargz.tar", STARGZ), ("skopeo-oci-zstd-chunked", CHUNKED)])
def test_annotations_that_recompression_makes_untrue_are_dropped(
    name: str, stale: tuple[str, ...], corpus: Path, tmp_path: Path, cli_call: Call
) -> None:
    same = converted(cli_call, corpus / name, tmp_path / "same", "oci-layout")
    assert set(same.images[0].layers[0].descriptor["annotations"]) >= set(stale)
    receipt = tmp_path / "receipt.json"
    options = ("--compression", "none", "--receipt", str(receipt))
    facts = converted(cli_call, corpus / name, tmp_path / "dest", "oci-layout", *options)
    assert not set(facts.images[0].layers[0].descriptor.get("annotations") or {}) & set(stale)
    text = receipt.read_text()
    assert all(one in text for one in stale)
