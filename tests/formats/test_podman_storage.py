"""Storage of podman: images that were pulled in pieces, manifests that are others, layers that lie on the wrong one."""

import json
from pathlib import Path

import pytest

from tests.audit.making import BASE, NAME, TOP
from tests.support import old
from tests.support.build import Image, digest, hexed, layer
from tests.support.call import Call, refused, told
from tests.support.stores import containers_storage, layer_ids
from tests.support.tar import write_folder

IMAGE = Image(layers=[BASE, TOP])
#: What containers/image makes of the config's digest and those of the tables (storage_dest.go, tocImageID).
OTHER_ID = "a" * 64


@pytest.fixture
def root(tmp_path: Path) -> Path:
    found = write_folder(tmp_path / "root", containers_storage({NAME: IMAGE}))
    images = found / "overlay-images"
    (entry,) = json.loads((images / "images.json").read_text())
    (images / "images.json").write_text(json.dumps([entry | {"id": OTHER_ID}]))
    (images / hexed(IMAGE.image_id)).rename(images / OTHER_ID)
    return found


def test_an_image_whose_id_is_no_digest_of_its_config(root: Path, tmp_path: Path, cli_call: Call) -> None:
    report = told(cli_call("audit", "--strict", "--format", "json", root)).archive()
    assert [(one["image_id"], one["references"]) for one in report["images"]] == [(IMAGE.image_id, [NAME])]
    dest = tmp_path / "dest"
    told(cli_call("convert", root, dest, "--to", "oci-layout"))
    made = told(cli_call("audit", "--strict", "--format", "json", dest)).archive()
    assert [one["image_id"] for one in made["images"]] == [IMAGE.image_id]


def test_its_config_is_proved(root: Path, tmp_path: Path, cli_call: Call) -> None:
    (config,) = (one for one in (root / "overlay-images" / OTHER_ID).iterdir() if one.read_bytes() == IMAGE.config)
    config.write_bytes(IMAGE.config + b" ")
    assert "digest-mismatch" in told(cli_call("audit", "--format", "json", root), 1).rules()
    refused(cli_call("convert", root, tmp_path / "dest", "--to", "oci-layout"), 1, tmp_path / "dest")


def test_a_layer_whose_files_have_no_names_is_said_to_be_one(root: Path, tmp_path: Path, cli_call: Call) -> None:
    (root / "overlay" / layer_ids(IMAGE.layers)[0] / "composefs-data").mkdir()
    line = refused(cli_call("convert", root, tmp_path / "dest", "--to", "oci-layout"), 1, tmp_path / "dest")
    assert "composefs keeps its files by their digests, not by their names" in line
    assert f"layer 1 of {NAME} cannot be rebuilt" in line


def test_a_signed_manifest_has_the_digest_of_what_was_signed(root: Path, cli_call: Call) -> None:
    manifest = old.payload([BASE, TOP])
    listed = root / "overlay-images" / "images.json"
    (entry,) = json.loads(listed.read_text())
    for claimed, found in ((manifest, old.signed(manifest)), (manifest, manifest), (b"", manifest)):
        (root / "overlay-images" / OTHER_ID / "manifest").write_bytes(found)
        listed.write_text(json.dumps([entry | {"big-data-digests": {"manifest": digest(claimed)}}]))
        rules = cli_call("audit", "--format", "json", root).rules()
        assert ("store-manifest" in rules) is (claimed != manifest)


def test_what_a_damaged_manifest_says_is_not_named(root: Path, tmp_path: Path, cli_call: Call) -> None:
    listed = root / "overlay-images" / "images.json"
    (entry,) = json.loads(listed.read_text())
    listed.write_text(json.dumps([entry | {"big-data-digests": {"manifest": IMAGE.node().digest}}]))
    (root / "overlay-images" / OTHER_ID / "manifest").write_bytes(b"{")
    done = told(cli_call("convert", root, tmp_path / "dest", "--to", "oci-layout"))
    assert "the document manifest of image" in done.stderr
    left = [line for line in done.stderr.splitlines() if "left out: manifest digest" in line]
    assert [IMAGE.node().digest[:19] in line for line in left] == [True]


def test_a_layer_that_is_passed_over_is_named_and_no_other_is_blamed(tmp_path: Path, cli_call: Call) -> None:
    low = layer({"etc/low": b"low" * 9})
    image = Image(layers=[low, BASE, TOP])
    lowest, _, top = layer_ids(image.layers)
    made = containers_storage({NAME: image}, layer={2: {"parent": lowest}})
    report = told(cli_call("audit", "--format", "json", write_folder(tmp_path / "root", made)), 1).archive()
    said = [one["message"] for one in report["findings"]]
    assert top not in "".join(said)
    assert said == [
        f"layer 1 of {NAME} cannot be rebuilt: the storage says that {lowest}, which lies upon it, is the lowest layer",
        f"layer 2 of {NAME} cannot be rebuilt: the storage has another one in its place, {low.diff_id}",
    ]
    assert [one["verified"] for one in report["images"][0]["layers"]] == [None, None, True]
