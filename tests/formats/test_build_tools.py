"""Archives of build tools and of old engines, byte by byte as their sources write them: nothing in them is at fault."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support import oracle
from tests.support.build import (
    ARM64,
    DOCKER_MANIFEST,
    OCI_CONFIG,
    OCI_LAYER,
    REF_NAME,
    Image,
    Node,
    blob,
    blob_path,
    build_cache,
    digest,
    dumped,
    hexed,
    index,
    layer,
    layout,
    platforms,
    skopeo_dir,
)
from tests.support.call import Call, Json, refused, told
from tests.support.check import converted, inspected
from tests.support.stores import containerd_storage
from tests.support.tar import Member, file, write_folder, write_tar

BASE = layer({"etc/name": b"base"}, "gzip")
IMAGE = Image(layers=[BASE, layer({"bin/app": b"application" * 50}, "gzip")])
ARM = Image(layers=[BASE, layer({"bin/app": b"for arm" * 50}, "gzip")], platform=ARM64)
NODE = IMAGE.node()
CONTAINERD_NAME = "io.containerd.image.name"


def sound(call: Call, path: Path) -> Json:
    """Audit; nothing may be found, and every layer is proved."""
    result = told(call("audit", "--strict", "--no-config", "--format", "json", path))
    assert result.rules() == set()
    found = result.archive()
    assert {one["verified"] for image in found["images"] for one in image["layers"]} <= {True}
    return found


def references(found: Json) -> list[list[str]]:
    return [one["references"] for one in found["images"]]


# -- docker-archives ---------------------------------------------------------------------------------------------------


def saved(image: Image, config: str, layers: str, tag: str) -> tuple[Json, dict[str, bytes]]:
    """Give an entry of manifest.json and its files; `layers` is what stands around the digits of a layer."""
    names = [layers.format(hexed(one.digest)) for one in image.layers]
    files = {config: image.config} | dict(zip(names, (one.stored for one in image.layers), strict=True))
    return {"Config": config, "RepoTags": [tag], "Layers": names}, files


def rules_oci() -> list[Member]:
    """oci/private/tarball.sh.tpl: layers lie among the blobs, and `.tar.gz` stands behind their digests."""
    entry, files = saved(IMAGE, blob_path(IMAGE.image_id), "blobs/sha256/{}.tar.gz", "corpus/app:1")
    return [*(file(name, data) for name, data in files.items()), file("manifest.json", dumped([entry]))]


def test_layers_among_the_blobs_may_have_endings(tmp_path: Path, cli_call: Call) -> None:
    path = write_tar(tmp_path / "source", rules_oci())
    found = sound(cli_call, path)
    assert (found["format"], references(found)) == ("docker-archive", [["docker.io/corpus/app:1"]])
    inspected(cli_call, path, "docker-archive", [IMAGE])


def test_a_file_among_the_blobs_that_nothing_names_is_told_of(tmp_path: Path, cli_call: Call) -> None:
    path = write_tar(tmp_path / "source", [*rules_oci(), file("blobs/sha256/notes.tar.gz", BASE.stored + b"\0")])
    findings = told(cli_call("audit", "--no-config", "--format", "json", path)).archive()["findings"]
    assert [(one["rule"], one["subject"]) for one in findings] == [("blob-name", "blobs/sha256/notes.tar.gz")]


def apko(*images: Image) -> list[Member]:
    """pkg/build/oci/index.go: go-containerregistry's tar, then each manifest by its digest, and their index.json."""
    made = [
        saved(one, one.image_id, "{}.tar.gz", f"corpus/app:1-{one.platform.architecture if one.platform else ''}")
        for one in images
    ]
    files = {name: data for _, held in made for name, data in held.items()}
    files["manifest.json"] = dumped([entry for entry, _ in made])
    nodes = [one.node() for one in images]
    files |= {node.digest: node.blobs[node.digest] for node in nodes}
    files["index.json"] = dumped(platforms(images, members={"annotations": {"made": "by apko"}}).document)
    return [file(name, data) for name, data in files.items()]


def test_an_index_json_without_a_layout_leads_to_manifests_by_their_digests(tmp_path: Path, cli_call: Call) -> None:
    path = write_tar(tmp_path / "source", apko(IMAGE, ARM))
    found = sound(cli_call, path)
    assert references(found) == [["docker.io/corpus/app:1-amd64"], ["docker.io/corpus/app:1-arm64"]]
    assert [one["manifest"] for one in found["images"]] == [NODE.digest, ARM.node().digest]
    for form in ("oci-layout", "docker-archive"):
        facts = converted(cli_call, path, tmp_path / form, form)
        assert [one.manifest for one in facts.images] == [NODE.digest, ARM.node().digest]
        assert json.loads(facts.files["index.json"])["annotations"] == {"made": "by apko"}


def test_what_such_an_index_json_names_has_to_be_there(tmp_path: Path, cli_call: Call) -> None:
    gone = ARM.node().digest
    path = write_tar(tmp_path / "source", [one for one in apko(IMAGE, ARM) if one.name != gone])
    assert told(cli_call("audit", "--format", "json", path), 1).rules("error") >= {"blob-missing"}
    refused(cli_call("convert", path, tmp_path / "dest", "--to", "oci-layout"), 1, tmp_path / "dest")


def test_a_layout_finds_its_blobs_in_their_place_alone(tmp_path: Path, cli_call: Call) -> None:
    """No reader of layouts looks for a manifest anywhere else."""
    path = write_tar(tmp_path / "source", [*apko(IMAGE), file("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')])
    assert "blob-missing" in told(cli_call("audit", "--format", "json", path), 1).rules("error")


def test_a_tag_that_manifest_json_gives_in_full_is_not_lost(tmp_path: Path, cli_call: Call) -> None:
    """Regctl's index.json has the tag alone."""
    entry = {"Config": blob_path(IMAGE.image_id), "Layers": [blob_path(one.digest) for one in IMAGE.layers]}
    for number, (tag, told_of) in enumerate((("corpus/app:1", False), ("corpus/app:2", True))):
        members = [*layout(NODE.named(ref_name="1")), file("manifest.json", dumped([{**entry, "RepoTags": [tag]}]))]
        path = write_tar(tmp_path / f"source{number}", members)
        result = told(cli_call("convert", path, tmp_path / f"dest{number}", "--to", "docker-archive", "--no-sync"))
        assert ("name 1: " in result.stderr) is told_of
        facts = oracle.read(tmp_path / f"dest{number}")
        assert facts.images[0].references == {f"docker.io/{tag}"}


# -- layouts -----------------------------------------------------------------------------------------------------------


def by_digest(node: Node, tag: str = "") -> Node:
    """images/archive/reference.go: the ref.name is what stands behind the repository, `@` and all."""
    return node.named(f"docker.io/corpus/app{tag and ':'}{tag}@{node.digest}", f"{tag}@{node.digest}")


@pytest.mark.parametrize("tag", ["", "1.0"])
def test_containerd_exports_what_is_named_by_its_digest(tag: str, tmp_path: Path, cli_call: Call) -> None:
    path = write_tar(tmp_path / "source", layout(by_digest(NODE, tag)))
    name = f"docker.io/corpus/app{tag and ':'}{tag}@{NODE.digest}"
    assert references(sound(cli_call, path)) == [[name]]
    facts = converted(cli_call, path, tmp_path / "dest", "oci-layout", "--compression", "zstd")
    (root,) = facts.roots
    assert root["digest"] != NODE.digest
    assert root["annotations"] == {
        CONTAINERD_NAME: name.replace(NODE.digest, root["digest"]),
        REF_NAME: f"{tag}@{root['digest']}",
    }


def test_a_ref_name_that_ends_no_other_name_is_held_against_its_grammar(tmp_path: Path, cli_call: Call) -> None:
    other = NODE.named(f"docker.io/corpus/app@{NODE.digest}", f"@{ARM.node().digest}")
    path = write_tar(tmp_path / "source", layout(other))
    assert told(cli_call("audit", "--format", "json", path)).rules() == {"reference-malformed"}


def test_a_registry_has_several_images_of_a_repository_by_their_digests(tmp_path: Path, cli_call: Call) -> None:
    path = write_tar(tmp_path / "source", layout(by_digest(NODE), by_digest(ARM.node())))
    result = told(cli_call("convert", path, tmp_path / "dest", "--to", "registry-storage", "--no-sync"))
    for node in (NODE, ARM.node()):
        assert f"notice: a tag of docker.io/corpus/app@{node.digest[:19]}" in result.stderr
    seen = told(cli_call("inspect", "--format", "json", tmp_path / "dest", "--all-revisions")).archive()
    assert {one["manifest"] for one in seen["images"]} == {NODE.digest, ARM.node().digest}


def test_two_images_of_one_tag_do_not_fit_into_a_registry_whatever_their_digests(
    tmp_path: Path, cli_call: Call
) -> None:
    path = write_tar(tmp_path / "source", layout(by_digest(NODE, "1"), by_digest(ARM.node(), "1")))
    refused(cli_call("convert", path, tmp_path / "dest", "--to", "registry-storage"), 2, tmp_path / "dest")


def test_the_layers_of_a_build_cache_are_listed_in_an_index(tmp_path: Path, cli_call: Call) -> None:
    cache = build_cache(IMAGE.layers).named(ref_name="latest")
    path = write_folder(tmp_path / "source", layout(cache))
    sound(cli_call, path)
    for number, options in enumerate(((), ("--compression", "zstd"), ("--media-types", "oci"))):
        facts = converted(cli_call, path, tmp_path / f"dest{number}", "oci-layout", *options)
        assert list(facts.roots) == [cache.descriptor]
        assert set(facts.blobs) == set(cache.blobs)


@pytest.mark.parametrize("blanks", [b"", b" ", b"\t", b"\r\n" * 300], ids=["none", "one", "tab", "lines"])
def test_a_manifest_that_its_index_calls_a_layer_is_no_layer(tmp_path: Path, cli_call: Call, blanks: bytes) -> None:
    """Other readers look for a manifest where an index leads to, and pass over blanks (RFC 8259, 2)."""
    hidden = blob(blanks + NODE.blobs[NODE.digest], f"{OCI_LAYER}+gzip")
    path = write_folder(tmp_path / "source", layout(index([replace(hidden, blobs={**NODE.blobs, **hidden.blobs})])))
    assert "media-type-conflict" in told(cli_call("audit", "--format", "json", path), 1).rules("error")


# -- the first images of schema 2 --------------------------------------------------------------------------------------

OLD = Image(layers=IMAGE.layers, family="docker", config_descriptor={"mediaType": "application/octet-stream"})


def test_a_config_of_docker_may_be_any_bytes(tmp_path: Path, cli_call: Call) -> None:
    """Docker, containerd and skopeo take it for an image."""
    path = write_folder(tmp_path / "source", skopeo_dir(OLD.node()))
    found = sound(cli_call, path)
    assert [one["image_id"] for one in found["images"]] == [OLD.image_id]
    assert found["artifacts"] == []
    options = ("--to", "docker-archive", "--tag", "corpus/app:1", "--no-sync")
    told(cli_call("convert", path, tmp_path / "kept", *options))
    (kept,) = sound(cli_call, tmp_path / "kept")["images"]
    assert (kept["manifest"], kept["references"]) == (OLD.node().digest, ["docker.io/corpus/app:1"])
    facts = converted(cli_call, path, tmp_path / "dest", "oci-layout", "--media-types", "oci")
    assert facts.images[0].document["config"] == {
        "mediaType": OCI_CONFIG,
        "digest": OLD.image_id,
        "size": len(OLD.config),
    }


def test_a_config_of_any_bytes_is_none_in_a_manifest_of_oci(tmp_path: Path, cli_call: Call) -> None:
    image = Image(layers=IMAGE.layers, config_descriptor={"mediaType": "application/octet-stream"})
    path = write_folder(tmp_path / "source", skopeo_dir(image.node()))
    found = told(cli_call("audit", "--format", "json", path))
    assert found.rules() == {"image-unproved"}
    assert found.archive()["images"] == []


def test_the_diff_ids_of_such_an_image_are_proved(tmp_path: Path, cli_call: Call) -> None:
    wrong = {"rootfs": {"type": "layers", "diff_ids": [digest(b"other"), digest(b"another")]}}
    image = Image(layers=IMAGE.layers, family="docker", config_descriptor=OLD.config_descriptor, config_members=wrong)
    assert image.node().document["mediaType"] == DOCKER_MANIFEST
    path = write_folder(tmp_path / "source", skopeo_dir(image.node()))
    assert told(cli_call("audit", "--format", "json", path), 1).rules("error") == {"diff-id-mismatch"}


# -- storage -----------------------------------------------------------------------------------------------------------


def test_what_docker_calls_an_image_without_a_name_is_no_name(tmp_path: Path, cli_call: Call) -> None:
    """moby, daemon/containerd: it is called so where it lost its last name, and never shown by it."""
    images = {f"moby-dangling@{NODE.digest}": IMAGE, "docker.io/corpus/arm:1": ARM}
    path = write_folder(tmp_path / "source", containerd_storage(images))
    found = told(cli_call("inspect", "--format", "json", path)).archive()
    assert {one["image_id"]: one["references"] for one in found["images"]} == {
        IMAGE.image_id: [],
        ARM.image_id: ["docker.io/corpus/arm:1"],
    }


def test_an_image_that_has_a_name_has_no_second_root_for_what_docker_calls_it_besides(
    tmp_path: Path, cli_call: Call
) -> None:
    images = {f"moby-dangling@{NODE.digest}": IMAGE, "docker.io/corpus/app:1": IMAGE}
    path = write_folder(tmp_path / "source", containerd_storage(images))
    assert references(told(cli_call("inspect", "--format", "json", path)).archive()) == [["docker.io/corpus/app:1"]]


# -- the artifact manifest of release candidates of image-spec 1.1 -----------------------------------------------------


@pytest.mark.parametrize("members", [{}, {"blobs": None}, {"blobs": []}])
def test_an_artifact_manifest_needs_no_blobs(members: dict[str, object], tmp_path: Path, cli_call: Call) -> None:
    """Oras attach of version 0.15 wrote one that has annotations alone."""
    media_type = "application/vnd.oci.artifact.manifest.v1+json"
    subject = {key: NODE.descriptor[key] for key in ("mediaType", "digest", "size")}
    document = {"mediaType": media_type, "artifactType": "a/b", **members, "subject": subject, "annotations": {}}
    path = write_folder(tmp_path / "source", layout(NODE, blob(dumped(document), media_type)))
    (found,) = sound(cli_call, path)["artifacts"]
    assert (found["artifact_type"], found["subject"]) == ("a/b", NODE.digest)
    facts = converted(cli_call, path, tmp_path / "dest", "oci-layout", "--compression", "zstd")
    image, other = (json.loads(facts.files[blob_path(root["digest"])]) for root in facts.roots)
    assert image["layers"]
    assert other == document | {"subject": other["subject"]}
    assert other["subject"]["digest"] == facts.roots[0]["digest"] != NODE.digest
