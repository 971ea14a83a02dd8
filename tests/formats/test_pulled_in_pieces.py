"""Storage of podman with images that were pulled in pieces, by their tables of contents alone."""

import json
from pathlib import Path

import pytest

from tests.audit.making import BASE, NAME, TOP
from tests.support.build import Image, hexed
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
