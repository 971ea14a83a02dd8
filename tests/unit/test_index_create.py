"""`index create`: one image index of the images of several archives, their manifests byte for byte."""

import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import ociarchive
from ociarchive import api
from ociarchive.cli.index_cmd import create
from tests.support import build, oracle
from tests.support.build import AMD64, ARM64, Image, Node, Platform, Saved, artifact, attestation, hexed, index, layer
from tests.support.call import Call, Json, refused, told
from tests.support.tar import write_folder, write_tar

BASE = layer({"base": b"base"}, "gzip")
NAME = "docker.io/library/app:1.0"
ARM_V7, WINDOWS = Platform(os="linux", architecture="arm", variant="v7"), Platform(os="windows", architecture="amd64")
TO = ("--to", "oci-layout", "--no-sync", "--tag", "app:1.0")


def image(
    label: str, platform: Platform | None = AMD64, family: build.Family = "oci", os: Mapping[str, object] | None = None
) -> Image:
    one = layer({label: label.encode()}, "gzip")
    members = {"author": label, **(os or {})}
    return Image(layers=[BASE, one], platform=platform, family=family, config_members=members)


AMD, ARM = image("amd"), image("arm", ARM64)


def tar(folder: Path, name: str, *roots: Node) -> Path:
    return write_tar(folder / name, build.layout(*roots))


def top(dest: Path) -> tuple[Json, Json]:
    """Give the descriptor and the document of a layout's first root."""
    entry = json.loads((dest / "index.json").read_bytes())["manifests"][0]
    return entry, json.loads((dest / build.blob_path(entry["digest"])).read_bytes())


@pytest.fixture
def amd(tmp_path: Path) -> Path:
    return tar(tmp_path, "amd.tar", AMD.node().named("docker.io/corpus/app:amd64", "amd64"))


@pytest.fixture
def arm(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "arm", build.skopeo_dir(ARM.node()))


def test_each_image_is_an_entry_with_its_platform_and_its_manifest_as_it_was(
    amd: Path, arm: Path, tmp_path: Path, cli_call: Call
) -> None:
    dest, receipt = tmp_path / "dest", tmp_path / "receipt.json"
    result = told(cli_call("index", "create", amd, arm, dest, *TO, "--receipt", receipt))
    assert "notice" not in result.stderr
    entry, document = top(dest)
    annotations = {build.CONTAINERD_NAME: NAME, build.REF_NAME: NAME}
    assert (entry["mediaType"], entry["annotations"]) == (build.OCI_INDEX, annotations)
    nodes = (AMD.node(), ARM.node())
    assert document == {
        "schemaVersion": 2,
        "mediaType": build.OCI_INDEX,
        "manifests": [
            {
                "mediaType": build.OCI_MANIFEST,
                "digest": node.digest,
                "size": len(node.blobs[node.digest]),
                "platform": {"architecture": platform.architecture, "os": "linux"},
            }
            for node, platform in zip(nodes, (AMD64, ARM64), strict=True)
        ],
    }
    for node in nodes:
        assert (dest / build.blob_path(node.digest)).read_bytes() == node.blobs[node.digest]
    changes = json.loads(receipt.read_bytes())
    assert changes["indexes"] == [{"old": None, "new": {key: entry[key] for key in ("mediaType", "digest", "size")}}]
    assert all(one["old"]["digest"] == one["new"]["digest"] for one in changes["manifests"])
    assert [one["path"] for one in changes["sources"]] == [str(amd), str(arm)]
    assert not oracle.read(dest).strays


@pytest.mark.parametrize("form", ["oci-layout", "oci-archive", "docker-archive", "dir", "registry-storage"])
def test_every_format_holds_it(form: str, amd: Path, arm: Path, tmp_path: Path, cli_call: Call) -> None:
    dest = tmp_path / "dest"
    told(cli_call("index", "create", amd, arm, dest, "--to", form, "--no-sync", "--tag", "app:1.0"))
    found = told(cli_call("audit", "--format", "json", dest, "--strict")).archive()
    assert [(one["platform"], one["manifest"], one["image_id"]) for one in found["images"]] == [
        ("linux/amd64", AMD.node().digest, AMD.image_id),
        ("linux/arm64", ARM.node().digest, ARM.image_id),
    ]
    assert {name for one in found["images"] for name in one["references"]} == ({NAME} if form != "dir" else set())


def test_the_same_call_gives_the_same_bytes(amd: Path, arm: Path, tmp_path: Path, cli_call: Call) -> None:
    options = ("--to", "oci-archive", "--no-sync", "--tag", "app:1.0", "--compression", "zstd")
    told(cli_call("index", "create", amd, arm, tmp_path / "one", *options, "--jobs", "1"))
    told(cli_call("index", "create", amd, arm, tmp_path / "four", *options, "--jobs", "4"))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "four").read_bytes()
    told(cli_call("index", "create", arm, amd, tmp_path / "turned", *options))
    turned = told(cli_call("inspect", "--format", "json", tmp_path / "turned")).archive()
    assert [one["platform"] for one in turned["images"]] == ["linux/arm64", "linux/amd64"]


def test_the_whole_platform_comes_from_the_config(tmp_path: Path, cli_call: Call) -> None:
    windows = image("windows", WINDOWS, os={"os.version": "10.0.20348.1", "os.features": ["win32k"]})
    paths = [tar(tmp_path, f"{n}.tar", one.node()) for n, one in enumerate((image("v7", ARM_V7), windows))]
    told(cli_call("index", "create", *paths, tmp_path / "dest", *TO))
    assert [one["platform"] for one in top(tmp_path / "dest")[1]["manifests"]] == [
        {"architecture": "arm", "os": "linux", "variant": "v7"},
        {"architecture": "amd64", "os": "windows", "os.version": "10.0.20348.1", "os.features": ["win32k"]},
    ]
    other = image("other", WINDOWS, os={"os.version": "10.0.17763.1"})  # another version of Windows is another platform
    told(cli_call("index", "create", paths[1], tar(tmp_path, "o.tar", other.node()), tmp_path / "two", *TO))


def test_a_docker_save_without_manifests_gets_the_manifest_that_convert_makes(
    arm: Path, tmp_path: Path, cli_call: Call
) -> None:
    saved = write_tar(tmp_path / "saved.tar", build.docker_archive(Saved(image=AMD)))
    told(cli_call("convert", saved, tmp_path / "alone", "--to", "oci-layout", "--no-sync"))
    made = top(tmp_path / "alone")[0]["digest"]
    told(cli_call("index", "create", saved, arm, tmp_path / "dest", *TO, "--preserve-digests"))
    document = top(tmp_path / "dest")[1]
    assert [one["digest"] for one in document["manifests"]] == [made, ARM.node().digest]
    assert document["manifests"][0]["platform"] == {"architecture": "amd64", "os": "linux"}
    # the same image with and without a manifest stands once
    told(cli_call("index", "create", saved, tar(tmp_path, "m.tar", AMD.node()), saved, tmp_path / "once", *TO))
    assert [one["digest"] for one in top(tmp_path / "once")[1]["manifests"]] == [AMD.node().digest]


def test_an_image_of_an_old_form_gets_a_manifest_and_the_receipt_says_what_it_had(
    corpus: Path, arm: Path, tmp_path: Path, cli_call: Call
) -> None:
    old, receipt = corpus / "skopeo-dir-schema1", tmp_path / "receipt.json"
    told(cli_call("index", "create", old, arm, tmp_path / "dest", *TO, "--receipt", receipt))
    document = top(tmp_path / "dest")[1]
    assert {one["mediaType"] for one in document["manifests"]} == {build.OCI_MANIFEST}
    told(cli_call("convert", old, tmp_path / "alone", "--to", "oci-layout", "--no-sync"))
    assert document["manifests"][0]["digest"] == top(tmp_path / "alone")[0]["digest"]
    first = json.loads(receipt.read_bytes())["manifests"][0]
    assert first["old"]["size"] > 0
    assert first["old"]["mediaType"] == "application/vnd.docker.distribution.manifest.v1+prettyjws"
    alone = told(cli_call("index", "create", old, tmp_path / "one", "--to", "dir", "--no-sync"))
    assert "Traceback" not in alone.stderr
    made = json.loads((tmp_path / "one" / "manifest.json").read_bytes())
    assert made["mediaType"] == build.OCI_INDEX


def test_an_index_is_taken_apart_with_its_attestations(arm: Path, tmp_path: Path, cli_call: Call) -> None:
    child = AMD.node(platform={**AMD64.members(), "x": "kept"})
    whole = index([child, attestation(child)], members={"annotations": {"a": "b"}})
    note, on_index = artifact(b"note", "text/x", subject=child), artifact(b"gone", "text/x", subject=whole)
    source = tar(tmp_path, "whole.tar", whole.named(NAME, "1.0"), note, on_index)
    dest, receipt = tmp_path / "dest", tmp_path / "receipt.json"
    result = told(cli_call("index", "create", source, arm, dest, *TO, "--receipt", receipt))
    entries = top(dest)[1]["manifests"]
    assert [one["digest"] for one in entries] == [child.digest, attestation(child).digest, ARM.node().digest]
    assert entries[0]["platform"]["x"] == "kept"
    assert entries[1]["annotations"][build.REFERENCE_DIGEST] == child.digest
    roots = [one["digest"] for one in json.loads((dest / "index.json").read_bytes())["manifests"]]
    assert roots[1:] == [note.digest]
    left = {one["what"]: one["why"] for one in json.loads(receipt.read_bytes())["left_out"]}
    assert left[on_index.digest] == "what it speaks of is an index that was taken apart"
    assert "annotations of the index" in next(iter(left))
    assert result.stderr.count("left out: ") == 2
    assert told(cli_call("audit", "--format", "json", dest)).rules() == set()


def test_what_entries_of_an_index_that_is_taken_apart_say_is_named(arm: Path, tmp_path: Path, cli_call: Call) -> None:
    whole = index([AMD.node(platform=AMD64.members())]).annotated(created="now").described(odd=1)
    source = tar(tmp_path, "whole.tar", whole.named(NAME, "1.0"), whole.named("docker.io/corpus/more:1", "1"))
    receipt = tmp_path / "receipt.json"
    result = told(cli_call("index", "create", source, arm, tmp_path / "dest", *TO, "--receipt", receipt))
    (left,) = json.loads(receipt.read_bytes())["left_out"]
    what = f"odd, annotation created of the entry of {NAME} ({source}), docker.io/corpus/more:1 ({source})"
    assert left == {"what": what, "why": "the new index has its own"}
    assert f"left out: {what} (the new index has its own)" in result.stderr


def test_halves_of_an_export_make_the_whole_again(tmp_path: Path, cli_call: Call) -> None:
    """The containerd store saves one platform under the index of all."""
    children = [AMD.node(platform=AMD64.members()), ARM.node(platform=ARM64.members())]
    children.append(image("v7", ARM_V7).node(platform=ARM_V7.members()))
    whole = index(children)
    halves = []
    for number in (0, 1):
        own = {*children[number].blobs, whole.digest}
        without = [name for name in whole.blobs if name not in own]
        halves.append(write_tar(tmp_path / f"{number}.tar", build.layout(whole.named(NAME), without=without)))
    result = told(cli_call("index", "create", *halves, tmp_path / "dest", *TO, "-v"))
    assert [one["digest"] for one in top(tmp_path / "dest")[1]["manifests"]] == [one.digest for one in children[:2]]
    assert f"left out: {children[2].digest} for linux/arm/v7" in result.stderr
    assert children[1].digest not in result.stderr


def test_signatures_follow_into_the_repository_of_the_index(arm: Path, tmp_path: Path, cli_call: Call) -> None:
    tag = f"sha256-{hexed(AMD.node().digest)}.sig"
    signed = build.signature(AMD.node()).named(f"docker.io/corpus/app:{tag}")
    source = tar(tmp_path, "signed.tar", AMD.node().named("docker.io/corpus/app:1"), signed)
    told(cli_call("index", "create", source, arm, tmp_path / "r", "--to", "registry-storage", "--tag", "team/app:2"))
    repositories = tmp_path / "r/docker/registry/v2/repositories"
    assert sorted(one.name for one in (repositories / "team/app/_manifests/tags").iterdir()) == ["2", tag]
    assert [one.name for one in repositories.iterdir()] == ["team"]


def test_selectors_work_on_each_source(tmp_path: Path, cli_call: Call) -> None:
    both = index([one.node(platform=one.platform.members()) for one in (AMD, ARM) if one.platform])
    source = tar(tmp_path, "both.tar", both.named(NAME), image("x").node().named("docker.io/corpus/x:1"))
    v7 = tar(tmp_path, "v7.tar", image("v7", ARM_V7).node())
    told(
        cli_call(
            "index",
            "create",
            f"{source}#app:1.0",
            v7,
            tmp_path / "a",
            *TO,
            "--platform",
            "linux/arm64",
            "--platform",
            "linux/arm/v7",
        )
    )
    assert [one["platform"]["architecture"] for one in top(tmp_path / "a")[1]["manifests"]] == ["arm64", "arm"]
    told(cli_call("index", "create", f"{source}#{AMD.node().digest}", v7, tmp_path / "b", *TO))
    assert [one["platform"]["architecture"] for one in top(tmp_path / "b")[1]["manifests"]] == ["amd64", "arm"]


def test_what_an_index_loses_is_said_once_however_many_names_it_has(tmp_path: Path, cli_call: Call) -> None:
    both = index([one.node(platform=one.platform.members()) for one in (AMD, ARM) if one.platform], members={"x": 1})
    names = [both.named(f"docker.io/corpus/app:{number}") for number in range(3)]
    receipt = tmp_path / "receipt.json"
    told(cli_call("index", "create", tar(tmp_path, "a.tar", *names), tmp_path / "dest", *TO, "--receipt", receipt))
    left = [one["what"] for one in json.loads(receipt.read_bytes())["left_out"]]
    assert left == [f"x of the index docker.io/corpus/app:0 ({tmp_path / 'a.tar'})"]


def test_a_platform_of_more_features_than_any_has_is_refused(tmp_path: Path, cli_call: Call) -> None:
    said = {"os.features": [f"f{number}" for number in range(100)]}
    source = tar(tmp_path, "a.tar", image("a", os=said).node())
    result = told(cli_call("index", "create", source, tmp_path / "dest", *TO), 1)
    assert "os.features is too long: expected 16 at most, of up to 512 characters, found 100" in result.stderr
    assert not (tmp_path / "dest").exists()


def test_an_archive_of_many_names_gets_an_entry_more(tmp_path: Path, cli_call: Call) -> None:
    saved = Saved(image=AMD, tags=[f"app:{number}" for number in range(200)])
    dest = write_tar(tmp_path / "dest", build.docker_archive(saved))
    told(cli_call("index", "create", tar(tmp_path, "arm.tar", ARM.node()), dest, "--add", "--no-sync"))
    found = told(cli_call("inspect", "--format", "json", dest)).archive()["images"]
    names = [f"docker.io/library/app:{number}" for number in range(200)]
    assert [(one["platform"], one["references"]) for one in found] == [("linux/amd64", names), ("linux/arm64", names)]


def test_annotations_stand_on_the_index(amd: Path, arm: Path, tmp_path: Path, cli_call: Call) -> None:
    given = ("--annotation", "org.example.a=1=2", "--annotation", "org.example.b=")
    told(cli_call("index", "create", amd, arm, tmp_path / "dest", *TO, *given))
    entry, document = top(tmp_path / "dest")
    assert document["annotations"] == {"org.example.a": "1=2", "org.example.b": ""}
    assert not set(document["annotations"]) & set(entry["annotations"])


def test_the_kind_of_index(tmp_path: Path, cli_call: Call) -> None:
    docker = [
        tar(tmp_path, f"d{n}.tar", image(f"d{n}", platform, "docker").node())
        for n, platform in enumerate((AMD64, ARM64))
    ]
    oci = tar(tmp_path, "oci.tar", image("v7", ARM_V7).node())

    def kinds(name: str, *given: str | Path) -> tuple[str, set[str]]:
        told(
            cli_call(
                "index", "create", *given, tmp_path / name, "--to", "registry-storage", "--tag", "app:1", "--no-sync"
            )
        )
        path = next((tmp_path / name).rglob("tags/1/current/link"))
        digest = path.read_text()
        data = tmp_path / name / f"docker/registry/v2/blobs/sha256/{digest[7:9]}/{digest[7:]}/data"
        document = json.loads(data.read_bytes())
        return document["mediaType"], {one["mediaType"] for one in document["manifests"]}

    assert kinds("docker", *docker) == (build.DOCKER_LIST, {build.DOCKER_MANIFEST})
    assert kinds("mixed", *docker, oci) == (build.OCI_INDEX, {build.DOCKER_MANIFEST, build.OCI_MANIFEST})
    assert kinds("oci", "--media-types", "oci", *docker) == (build.OCI_INDEX, {build.OCI_MANIFEST})
    assert kinds("list", "--media-types", "docker", *docker, oci) == (build.DOCKER_LIST, {build.DOCKER_MANIFEST})
    noted = ("--annotation", "a=b")
    assert kinds("noted", *noted, *docker)[0] == build.OCI_INDEX
    dest, given = tmp_path / "x", ("--to", "dir", "--media-types", "docker")
    line = refused(cli_call("index", "create", *docker, dest, *given, *noted), 2, dest)
    assert "use --media-types oci" in line
    attested = tar(tmp_path, "attested.tar", index([AMD.node(), attestation(AMD.node())]))
    assert "cannot hold attestations" in refused(cli_call("index", "create", attested, dest, *given), 2, dest)


# What is refused


def test_two_images_of_one_platform(amd: Path, tmp_path: Path, cli_call: Call) -> None:
    other = image("other")
    second, dest = tar(tmp_path, "second.tar", other.node()), tmp_path / "dest"
    line = refused(cli_call("index", "create", amd, second, dest, *TO), 2, dest)
    assert f"2 images are for linux/amd64: {AMD.node().digest} ({amd}), {other.node().digest} ({second})" in line
    result = told(cli_call("index", "create", amd, second, dest, *TO, "--force", "-v"))
    assert [one["digest"] for one in top(dest)[1]["manifests"]] == [AMD.node().digest, other.node().digest]
    assert f"readers take {AMD.node().digest} ({amd})" in result.stderr
    arm8, arm = Platform(os="linux", architecture="arm64", variant="v8"), ARM64
    paths = [tar(tmp_path, f"{n}.tar", image(f"{n}", one).node()) for n, one in enumerate((arm8, arm))]
    assert "2 images are for linux/arm64" in refused(cli_call("index", "create", *paths, tmp_path / "v8", *TO), 2)


def test_an_image_that_stands_twice_is_one(amd: Path, tmp_path: Path, cli_call: Call) -> None:
    told(cli_call("index", "create", amd, amd, tmp_path / "dest", *TO))
    assert len(top(tmp_path / "dest")[1]["manifests"]) == 1


WRONG: dict[str, tuple[tuple[str, ...], str]] = {
    "no-tag": (("--to", "oci-layout"), "--tag says which name"),
    "no-format": (("--tag", "app:1"), "--to says which format"),
    "annotation": ((*TO, "--annotation", "a"), "--annotation takes KEY=VALUE, not 'a'"),
    "annotation-without-key": ((*TO, "--annotation", "=a"), "--annotation takes KEY=VALUE"),
    "annotation-twice": ((*TO, "--annotation", "a=1", "--annotation", "a=2"), "--annotation a is given twice"),
    "add-to-nothing": ((*TO, "--add"), "no such file or folder"),
    "add-to-nothing-of-no-format": (("--tag", "app:1", "--add"), "--add takes a DEST that is there"),
    "add-and-merge": ((*TO, "--add", "--merge"), "leave one of them out"),
    "rename": ((*TO, "--rename", "a=b"), "no option --rename"),
}


@pytest.mark.parametrize("name", WRONG)
def test_calls_at_fault(name: str, amd: Path, tmp_path: Path, cli_call: Call) -> None:
    options, words = WRONG[name]
    assert words in refused(cli_call("index", "create", amd, tmp_path / "dest", *options), 2, tmp_path / "dest")


def test_artifacts_alone_are_no_image(tmp_path: Path, cli_call: Call) -> None:
    source = tar(tmp_path, "a.tar", artifact(b"x", "text/x"))
    assert "no image is selected" in refused(cli_call("index", "create", source, tmp_path / "dest", *TO), 2)


def test_a_damaged_source_is_refused_and_dest_is_absent(amd: Path, tmp_path: Path, cli_call: Call) -> None:
    node = ARM.node()
    blobs = {**node.blobs, BASE.digest: b"x" * len(BASE.stored)}
    bad = tar(tmp_path, "bad.tar", Node(node.descriptor, blobs))
    refused(cli_call("index", "create", amd, bad, tmp_path / "dest", *TO), 1, tmp_path / "dest")


def test_a_rehearsal_writes_nothing_and_names_what_there_would_be(
    amd: Path, arm: Path, tmp_path: Path, cli_call: Call
) -> None:
    result = told(cli_call("index", "create", amd, arm, tmp_path / "dest", *TO, "--dry-run"))
    assert NAME in result.stdout
    assert not (tmp_path / "dest").exists()
    told(cli_call("index", "create", amd, arm, tmp_path / "dest", *TO))
    assert top(tmp_path / "dest")[0]["digest"][7:19] in result.stdout


# Adding


@pytest.mark.parametrize("form", ["oci-layout", "oci-archive", "docker-archive", "dir", "registry-storage"])
def test_add_keeps_what_is_there(form: str, amd: Path, arm: Path, tmp_path: Path, cli_call: Call) -> None:
    dest = tmp_path / "dest"
    other = tar(tmp_path, "other.tar", image("other").node().named("docker.io/corpus/other:1"))
    options = ("--no-sync", "--tag", "app:1.0")
    told(cli_call("index", "create", amd, dest, "--to", form, *options, "--annotation", "a=b"))
    if form in ("oci-layout", "registry-storage"):
        told(cli_call("convert", other, dest, "--to", form, "--merge", "--no-sync"))
    told(cli_call("index", "create", arm, dest, *(options[:1] if form == "dir" else options), "--add"))
    found = told(cli_call("audit", "--format", "json", dest, "--strict")).archive()
    told_of = {one["manifest"]: one["index"] for one in found["images"]}
    digest = told_of[AMD.node().digest]
    assert digest == told_of[ARM.node().digest] is not None
    if form in ("oci-layout", "registry-storage"):
        assert told_of.pop(image("other").node().digest) is None
    assert len(told_of) == 2
    raw = told(cli_call("inspect", "--raw", f"{dest}#{digest}")).json()
    assert raw["annotations"] == {"a": "b"}


def test_add_makes_an_index_of_one_image_and_takes_the_name_alone(arm: Path, tmp_path: Path, cli_call: Call) -> None:
    note = artifact(b"note", "text/x", subject=AMD.node())
    latest = AMD.node().named("docker.io/library/app:latest")
    dest = write_folder(tmp_path / "dest", build.layout(AMD.node().named(NAME, "1.0"), latest, note))
    told(cli_call("index", "create", arm, dest, *TO, "--add"))
    entries = json.loads((dest / "index.json").read_bytes())["manifests"]
    names = [one.get("annotations", {}).get(build.CONTAINERD_NAME) for one in entries]
    assert names == [NAME, "docker.io/library/app:latest", None]
    assert [one["digest"] for one in entries[1:]] == [AMD.node().digest, note.digest]
    assert [one["digest"] for one in top(dest)[1]["manifests"]] == [AMD.node().digest, ARM.node().digest]


def test_what_refers_to_the_index_follows_it(arm: Path, tmp_path: Path, cli_call: Call) -> None:
    whole = index([AMD.node(platform=AMD64.members())])
    note = artifact(b"note", "text/x", subject=whole)
    dest = write_folder(tmp_path / "dest", build.layout(whole.named(NAME, "1.0"), note))
    told(cli_call("index", "create", arm, dest, *TO, "--add"))
    found = told(cli_call("audit", "--format", "json", dest, "--strict")).archive()
    assert [one["subject"] for one in found["artifacts"]] == [found["images"][0]["index"]]


def test_add_refuses_what_it_cannot_do_and_leaves_dest_as_it_was(arm: Path, tmp_path: Path, cli_call: Call) -> None:
    dest = write_folder(
        tmp_path / "dest",
        build.layout(AMD.node().named(NAME, "1.0"), image("x", ARM_V7).node().named("docker.io/corpus/x:1")),
    )
    before = {str(one): one.read_bytes() for one in dest.rglob("*") if one.is_file()}
    twice = tar(tmp_path, "twice.tar", image("twice").node())
    calls: list[tuple[Path, tuple[str, ...], str]] = [
        (arm, ("--tag", "web:1"), "no image 'docker.io/library/web:1'"),
        (arm, (), "name it with --tag"),
        (twice, ("--tag", "app:1.0"), "2 images are for linux/amd64"),
        (arm, ("--tag", "app:1.0", "--to", "oci-archive"), "--add keeps the format of DEST"),
    ]
    for source, options, words in calls:
        line = refused(cli_call("index", "create", source, dest, "--add", *options), 2)
        assert words in line
    (dest / "mine").write_text("mine")
    assert "not the archive's own" in refused(cli_call("index", "create", arm, dest, "--add", "--tag", "app:1.0"), 2)
    (dest / "mine").unlink()
    assert {str(one): one.read_bytes() for one in dest.rglob("*") if one.is_file()} == before


def test_blobs_to_which_nothing_leads_are_named_where_dest_is_written_anew(
    arm: Path, tmp_path: Path, cli_call: Call
) -> None:
    stray = b"stray"
    dest = write_folder(tmp_path / "dest", build.layout(AMD.node().named(NAME, "1.0"), strays=[stray]))
    result = told(cli_call("index", "create", arm, dest, *TO, "--add", "-v"))
    assert f"left out: {build.blob_path(build.digest(stray))} ({dest}) (no manifest leads to it)" in result.stderr


# Python


def test_python_has_what_the_command_has(amd: Path, arm: Path, tmp_path: Path, cli_call: Call) -> None:
    theirs = {one.name for one in create.params} - {"quiet", "verbose", "progress", "color", "paths", "dry_run"}
    theirs = theirs - {"named_limits", "max_ratio", "max_layer_size", "asked_jobs", "audit"} | {"jobs", "audit_result"}
    ours = set(inspect.signature(api.create_index).parameters)
    assert theirs == ours - {"sources", "dest", "limits", "progress", "hear"}
    given: dict[str, Any] = {"to": "oci-layout", "tag": "app:1.0", "sync": False}
    done = ociarchive.create_index([amd, arm], tmp_path / "python", **given, annotation="a=b")
    told(cli_call("index", "create", amd, arm, tmp_path / "call", *TO, "--annotation", "a=b"))
    assert top(tmp_path / "python") == top(tmp_path / "call")
    assert [root.label for root in done.new_roots] == [NAME]
    again = ociarchive.create_index(
        tar(tmp_path, "v7.tar", image("v7", ARM_V7).node()), tmp_path / "python", **given, add=True
    )
    assert len(top(tmp_path / "python")[1]["manifests"]) == 3
    assert again.changes
