"""Pushing: `docker://` as DEST of convert, to a sound registry."""

import itertools
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support import build
from tests.support.build import Node
from tests.support.call import Call, Result, refused, told
from tests.support.registry import Registry
from tests.support.registry.filling import put
from tests.support.tar import tar

NAME = "team/app"
FIRST = build.layer({"bin/app": bytes(range(256)) * 300}, "gzip")
SECOND = build.layer({"etc/app": b"x" * 70_000}, "gzip")
IMAGE = build.Image(layers=[FIRST, SECOND])
ARM = build.Image(layers=[FIRST, build.layer({"etc/arm": b"arm"}, "gzip")], platform=build.ARM64)
BOTH = build.platforms([IMAGE, ARM])

pytestmark = pytest.mark.usefixtures("pauses")


def archive(folder: Path, *nodes: Node) -> Path:
    """Make a tar of a layout."""
    path = folder / f"{'-'.join(build.hexed(node.digest)[:6] for node in nodes)}.tar"
    path.write_bytes(tar(build.layout(*nodes)))
    return path


def pushed(cli_call: Call, source: Path | str, registry: Registry, *options: str | Path, end: str = ":1.0") -> Result:
    return cli_call("convert", source, f"docker://{registry.address}/{NAME}{end}", *options)


def tags(registry: Registry, name: str = NAME) -> dict[str, str]:
    """Give what each tag leads to."""
    there = registry.store.repositories.get(name)
    return {tag: str(digest) for tag, digest in there.tags.items()} if there else {}


def manifests(registry: Registry, name: str = NAME) -> set[str]:
    return {str(digest) for digest in registry.store.repositories[name].manifests}


def sent(registry: Registry) -> int:
    """Give the bytes of blobs that were sent."""
    return sum(one.received for one in registry.asked("PATCH upload", "PUT upload", "POST uploads"))


def in_order(asks: Sequence[str], *wanted: str) -> bool:
    """Whether all requests of each kind come before those of the next."""
    places = [[number for number, one in enumerate(asks) if one == kind] for kind in wanted]
    return all(max(one) < min(other) for one, other in itertools.pairwise(places))


def test_an_image_is_there_as_it_was(cli_call: Call, tmp_path: Path) -> None:
    with Registry() as registry:
        told(pushed(cli_call, archive(tmp_path, IMAGE.node()), registry))
        assert tags(registry) == {"1.0": IMAGE.node().digest}
        there = registry.store.repositories[NAME]
        assert {str(one) for one in there.blobs} == {FIRST.digest, SECOND.digest, IMAGE.image_id}
        assert not there.uploads
        asks = [one.asks for one in registry.asked()]
        assert in_order(asks, "PUT upload", "PUT manifest")
        assert registry.asked("PUT manifest")[-1].reference == "1.0"


def test_an_index_comes_after_its_manifests(cli_call: Call, tmp_path: Path) -> None:
    with Registry() as registry:
        told(pushed(cli_call, archive(tmp_path, BOTH), registry))
        assert tags(registry) == {"1.0": BOTH.digest}
        put_ones = [one.reference for one in registry.asked("PUT manifest")]
        assert put_ones[-2:] == [BOTH.digest, "1.0"]
        assert set(put_ones[:-2]) == {IMAGE.node().digest, ARM.node().digest}
        assert sum(one.asks == "PUT upload" for one in registry.asked()) == 5, "a shared blob is sent once"


def test_what_is_there_is_not_sent(cli_call: Call, tmp_path: Path) -> None:
    source = archive(tmp_path, BOTH)
    with Registry() as registry:
        told(pushed(cli_call, source, registry))
        registry.forget()
        again = told(pushed(cli_call, source, registry, "--receipt", tmp_path / "receipt.json"))
        counts = registry.counts()
        assert set(counts) == {"HEAD blob", "HEAD manifest", "PUT manifest"}
        assert "; 3 in DEST already, not read" in again.stderr
        assert "DEST had 5 blobs of" in json.loads((tmp_path / "receipt.json").read_text())["notices"][0]


def test_only_what_is_missing_is_sent(cli_call: Call, tmp_path: Path) -> None:
    with Registry() as registry:
        told(pushed(cli_call, archive(tmp_path, IMAGE.node()), registry))
        registry.forget()
        told(pushed(cli_call, archive(tmp_path, ARM.node()), registry, end=":arm"))
        (config, layer) = sorted(registry.asked("PUT upload"), key=lambda one: one.received)
        assert {config.query["digest"], layer.query["digest"]} == {ARM.image_id, ARM.layers[1].digest}


def test_a_layer_that_is_there_is_not_read_in_another_registry(cli_call: Call) -> None:
    with Registry() as one, Registry() as other:
        put(one, NAME, IMAGE.node(), "1.0")
        source = f"docker://{one.address}/{NAME}:1.0"
        told(pushed(cli_call, source, other))
        assert {ask.reference for ask in one.asked("GET blob")} >= {FIRST.digest, SECOND.digest}
        one.forget()
        told(pushed(cli_call, source, other))
        whole = [ask for ask in one.asked("GET blob") if "range" not in ask.headers]
        assert {ask.reference for ask in whole} <= {IMAGE.image_id}


def test_an_image_whose_media_types_lie_is_there_already_when_it_is_pushed_again(cli_call: Call) -> None:
    lies = build.Image(layers=[build.layer({"a": b"a"}, "none", media_type=build.LAYER_TYPES["oci", "gzip"])])
    with Registry() as one, Registry() as other:
        put(one, NAME, lies.node(), "1.0")
        source = f"docker://{one.address}/{NAME}:1.0"
        told(pushed(cli_call, source, other, "--compression", "keep"))
        told(pushed(cli_call, source, other, "--compression", "keep"))


def test_a_blob_is_mounted_from_another_repository(cli_call: Call) -> None:
    with Registry() as registry:
        put(registry, "old/app", IMAGE.node(), "1.0")
        told(pushed(cli_call, f"docker://{registry.address}/old/app:1.0", registry))
        assert sent(registry) == 0
        assert all(one.query["from"] == "old/app" for one in registry.asked("POST uploads"))
        whole = [one.reference for one in registry.asked("GET blob") if "range" not in one.headers]
        assert set(whole) <= {IMAGE.image_id}
        assert tags(registry) == {"1.0": IMAGE.node().digest}


def test_v_shows_the_steps(cli_call: Call, tmp_path: Path) -> None:
    with Registry() as registry:
        put(registry, "old/app", ARM.node(), "1.0")
        told(pushed(cli_call, archive(tmp_path, ARM.node()), registry, end=":arm"))
        done = told(pushed(cli_call, archive(tmp_path, BOTH), registry, "-v"))
        lines = done.stderr.splitlines()
        there = len(ARM.config) + sum(len(one.stored) for one in ARM.layers)
        assert f"blobs there already: 3 ({there} bytes)" in lines
        assert f"blobs sent: 2 ({len(IMAGE.config) + len(SECOND.stored)} bytes)" in lines
        assert "manifests and indexes sent: 3" in lines
        assert "tags: 1.0" in lines


# Names


def test_without_a_tag_an_image_is_latest(cli_call: Call, tmp_path: Path) -> None:
    with Registry() as registry:
        told(pushed(cli_call, archive(tmp_path, IMAGE.node().named(ref_name="2.0")), registry, end=""))
        assert tags(registry) == {"latest": IMAGE.node().digest}


def test_one_image_of_two_names_gets_the_one_in_the_address(cli_call: Call, tmp_path: Path) -> None:
    names = [IMAGE.node().named(f"registry.example/app:{tag}", tag) for tag in ("1.0", "2.0")]
    with Registry() as registry:
        done = told(pushed(cli_call, archive(tmp_path, *names), registry, end=":3.0"))
        assert tags(registry) == {"3.0": IMAGE.node().digest}
        assert done.stderr.count(f"{NAME}:3.0  ") == 1


def test_several_images_keep_their_tags(cli_call: Call, tmp_path: Path) -> None:
    first = IMAGE.node().named("registry.example/app:1.0", "1.0")
    second = ARM.node().named(ref_name="arm")
    with Registry() as registry:
        told(pushed(cli_call, archive(tmp_path, first, second), registry, end=""))
        assert tags(registry) == {"1.0": IMAGE.node().digest, "arm": ARM.node().digest}


def test_several_images_do_not_fit_one_tag(cli_call: Call, tmp_path: Path) -> None:
    first, second = IMAGE.node().named(ref_name="1.0"), ARM.node().named(ref_name="arm")
    with Registry() as registry:
        line = refused(pushed(cli_call, archive(tmp_path, first, second), registry), 2)
        assert "DEST names one image, here are 2: 1.0, arm" in line
        assert registry.asked() == []


def test_two_images_do_not_share_a_tag(cli_call: Call, tmp_path: Path) -> None:
    first = IMAGE.node().named("registry.example/app:1.0", "1.0")
    second = ARM.node().named("registry.example/other:1.0", "1.0")
    with Registry() as registry:
        line = refused(pushed(cli_call, archive(tmp_path, first, second), registry, end=""), 2)
        assert "two images would have the tag 1.0" in line


def test_an_image_without_a_name_among_several_is_refused(cli_call: Call, tmp_path: Path) -> None:
    with Registry() as registry:
        several = archive(tmp_path, IMAGE.node().named(ref_name="1.0"), ARM.node())
        assert "has no name to store it under" in refused(pushed(cli_call, several, registry, end=""), 2)


def test_a_revision_without_a_tag_stays_without_one(cli_call: Call, tmp_path: Path) -> None:
    storage = tmp_path / "storage"
    told(cli_call("convert", archive(tmp_path, IMAGE.node()), storage, "--to", "registry-storage", "--tag", "app:1.0"))
    told(
        cli_call(
            "convert", archive(tmp_path, ARM.node()), tmp_path / "arm", "--to", "registry-storage", "--tag", "app:2"
        )
    )
    told(cli_call("convert", tmp_path / "arm", storage, "--to", "registry-storage", "--merge"))
    shutil.rmtree(storage / "docker/registry/v2/repositories/library/app/_manifests/tags/2")
    with Registry() as registry:
        told(pushed(cli_call, storage, registry, "--all-revisions", end=""))
        assert tags(registry) == {"1.0": IMAGE.node().digest}
        assert manifests(registry) == {IMAGE.node().digest, ARM.node().digest}


def test_a_digest_names_the_image_and_no_tag(cli_call: Call, tmp_path: Path) -> None:
    source = archive(tmp_path, IMAGE.node())
    with Registry() as registry:
        told(pushed(cli_call, source, registry, end=f"@{IMAGE.node().digest}"))
        assert (tags(registry), manifests(registry)) == ({}, {IMAGE.node().digest})
        registry.forget()
        line = refused(pushed(cli_call, source, registry, end=f"@{ARM.node().digest}"), 2)
        assert f"expected {ARM.node().digest}, found {IMAGE.node().digest}" in line
        assert registry.asked("PUT manifest", "POST uploads") == []


# What exists


def test_an_existing_tag_is_not_moved(cli_call: Call, tmp_path: Path) -> None:
    with Registry() as registry:
        put(registry, NAME, ARM.node(), "1.0")
        line = refused(pushed(cli_call, archive(tmp_path, IMAGE.node()), registry), 2)
        assert f"DEST exists: found {ARM.node().digest}" in line
        assert "--force" in line
        assert registry.asked("POST uploads", "PUT manifest") == []
        told(pushed(cli_call, archive(tmp_path, IMAGE.node()), registry, "--force"))
        assert tags(registry) == {"1.0": IMAGE.node().digest}
        assert ARM.node().digest in manifests(registry), "the old manifest stays"


def test_the_same_image_made_anew_is_there_already(cli_call: Call, tmp_path: Path) -> None:
    # A file without manifests: its digest shows once its layers are compressed.
    saved = tmp_path / "saved.tar"
    plain = build.Image(layers=[build.layer({"a": b"a" * 5000}, "none")])
    other = build.Image(layers=[build.layer({"b": b"b" * 5000}, "none")])
    saved.write_bytes(tar(build.docker_archive(build.Saved(image=plain))))
    with Registry() as registry:
        told(pushed(cli_call, saved, registry))
        registry.forget()
        told(pushed(cli_call, saved, registry))
        assert sent(registry) == 0
        saved.write_bytes(tar(build.docker_archive(build.Saved(image=other))))
        assert "DEST exists" in refused(pushed(cli_call, saved, registry), 2)
        assert registry.asked("POST uploads") == []


def test_the_same_image_compressed_otherwise_is_another(cli_call: Call, tmp_path: Path) -> None:
    source = archive(tmp_path, IMAGE.node())
    with Registry() as registry:
        told(pushed(cli_call, source, registry))
        registry.forget()
        assert "DEST exists" in refused(pushed(cli_call, source, registry, "--compression", "zstd"), 2)
        assert registry.asked("PUT manifest") == []
        assert tags(registry) == {"1.0": IMAGE.node().digest}


# Referrers


def signed(count: int = 1) -> tuple[Node, list[Node]]:
    node = IMAGE.node()
    made = [build.artifact(b"note %d" % number, "application/x.note", subject=node) for number in range(count)]
    return node, made


def test_a_referrer_comes_after_its_subject(cli_call: Call, tmp_path: Path) -> None:
    node, (note,) = signed()
    with Registry() as registry:
        told(pushed(cli_call, archive(tmp_path, note, node), registry))
        assert [one.reference for one in registry.asked("PUT manifest")] == [node.digest, note.digest, "1.0"]
        assert tags(registry) == {"1.0": node.digest}, "a registry that says OCI-Subject lists it itself"


def test_what_cosign_attached_has_its_tag(cli_call: Call, tmp_path: Path) -> None:
    node = IMAGE.node()
    about = {"dev.cosignproject.cosign/imageRef": "registry.example/app:1.0"}
    image = node.annotated(kind="dev.cosignproject.cosign/image", **about)
    signature = build.signature(node).annotated(kind="dev.cosignproject.cosign/sigs", **about)
    with Registry() as registry:
        told(pushed(cli_call, archive(tmp_path, image, signature), registry))
        assert tags(registry) == {"1.0": node.digest, f"sha256-{build.hexed(node.digest)}.sig": signature.digest}


def test_a_rewritten_image_takes_its_referrers_along(cli_call: Call, tmp_path: Path) -> None:
    node, (note,) = signed()
    with Registry() as registry:
        told(pushed(cli_call, archive(tmp_path, node, note), registry, "--compression", "zstd"))
        (digest,) = tags(registry).values()
        assert digest != node.digest
        assert [one["artifactType"] for one in registry.store.repositories[NAME].referrers(digest)] == [
            "application/x.note"
        ]


# Options


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--to", "oci-layout"), "--to has no use"),
        (("--outer", "gzip"), "--outer has no use"),
        (("--merge",), "--merge has no use"),
        (("--tag", "other:1.0"), "--tag has no use"),
    ],
)
def test_what_speaks_of_files_is_at_fault(cli_call: Call, tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    with Registry() as registry:
        assert words in refused(pushed(cli_call, archive(tmp_path, IMAGE.node()), registry, *options), 2)
        assert registry.asked() == []


def test_a_registry_is_no_format_of_a_file(cli_call: Call, tmp_path: Path) -> None:
    call = cli_call("convert", archive(tmp_path, IMAGE.node()), tmp_path / "dest", "--to", "registry")
    assert "docker://HOST/NAME:TAG" in refused(call, 2, tmp_path / "dest")


def test_options_mean_what_they_mean_elsewhere(cli_call: Call, tmp_path: Path) -> None:
    source = archive(tmp_path, BOTH)
    with Registry() as registry:
        told(pushed(cli_call, source, registry, "--platform", "linux/arm64", end=":arm"))
        assert tags(registry) == {"arm": ARM.node().digest}
        told(pushed(cli_call, source, registry, "--media-types", "docker", end=":docker"))
        there = registry.store.repositories[NAME]
        assert there.manifests[there.tags["docker"]].media_type == build.DOCKER_LIST
        line = refused(pushed(cli_call, source, registry, "--compression", "zstd", "--preserve-digests", end=":z"), 2)
        assert "digests cannot be preserved" in line


def test_a_dry_run_sends_nothing(cli_call: Call, tmp_path: Path) -> None:
    source = archive(tmp_path, IMAGE.node())
    with Registry() as registry:
        there = told(pushed(cli_call, source, registry, "--dry-run"))
        assert f"{registry.address}/{NAME}:1.0" in there.stdout
        assert set(registry.counts()) == {"HEAD manifest"}
        put(registry, NAME, ARM.node(), "1.0")
        assert "DEST exists" in refused(pushed(cli_call, source, registry, "--dry-run"), 2)


def test_the_receipt_and_the_summary_speak_of_bytes_sent(cli_call: Call, tmp_path: Path) -> None:
    with Registry() as registry:
        done = told(pushed(cli_call, archive(tmp_path, IMAGE.node()), registry, "--receipt", tmp_path / "r.json"))
        words = " ".join(done.stderr.split())
        assert "nothing is read back from a registry; digests are those of the bytes sent" in words
        receipt = json.loads((tmp_path / "r.json").read_text())
        assert receipt["destination"] == {
            "path": f"docker://{registry.address}/{NAME}:1.0",
            "format": "registry",
            "names": [f"{registry.address}/{NAME}:1.0"],
        }
        assert [one["new"]["digest"] for one in receipt["manifests"]] == [IMAGE.node().digest]
        assert registry.asked("GET blob", "GET manifest") == []


def test_the_python_interface_needs_no_format(tmp_path: Path) -> None:
    import ociarchive  # noqa: PLC0415  as in conftest

    with Registry() as registry:
        done = ociarchive.convert(archive(tmp_path, IMAGE.node()), f"docker://{registry.address}/{NAME}:1.0")
        assert (done.format, done.report) == ("registry", None)
        assert tags(registry) == {"1.0": IMAGE.node().digest}
