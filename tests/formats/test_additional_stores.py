"""Images whose lower layers lie in another storage, as with `additionalimagestores`: `--base` names that one."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ociarchive
from tests.audit.making import BASE, NAME, TOP
from tests.support import build, stores
from tests.support.build import Image, Saved, docker_archive, layer
from tests.support.call import Call, Json, refused, told
from tests.support.stores import Entry, containerd_storage, containers_storage, parted
from tests.support.tar import write_folder, write_tar

TRUTH: dict[str, Any] = json.loads((stores.SAMPLES / "truth.json").read_text())
PARTS: dict[str, Callable[[Entry, set[str]], bool]] = {
    "below": lambda one, below: one["id"] in below,
    "lowest": lambda one, _: "parent" not in one,
    "all": lambda *_: True,
}
LOW = layer({"etc/low": b"low" * 9})
IMAGE = Image(layers=[LOW, BASE, TOP])


@pytest.fixture(params=["podman-overlay-root", "podman-vfs-root"])
def sample(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return stores.unpacked(request.param, tmp_path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A storage with one image, whose lowest layer lies in the storage `low` beside it."""
    found = write_folder(tmp_path / "root", containers_storage({NAME: IMAGE}))
    assert len(parted(found, tmp_path / "low", PARTS["lowest"])) == 1
    return found


def seen(report: Json) -> set[tuple[str, tuple[str, ...]]]:
    return {(one["image_id"], tuple(layer["diff_id"] for layer in one["layers"])) for one in report["images"]}


def expected(name: str) -> set[tuple[str, tuple[str, ...]]]:
    rows = TRUTH[f"{name}.tar.gz"]["containers-storage"]
    return {(one["image_id"], tuple(one["diff_ids"])) for one in rows}


@pytest.mark.parametrize("part", PARTS)
def test_real_storage_in_two_roots(part: str, sample: Path, tmp_path: Path, cli_call: Call) -> None:
    other, dest = tmp_path / "other", tmp_path / "dest"
    assert parted(sample, other, PARTS[part])
    lacking = told(cli_call("audit", "--format", "json", sample), 1).archive()
    assert {one["rule"] for one in lacking["findings"]} == {"layer-not-rebuilt"}
    assert all("name that with --base" in one["message"] for one in lacking["findings"])

    whole = told(cli_call("audit", "--strict", "--format", "json", sample, "--base", other)).archive()
    assert seen(whole) == expected(sample.name)
    assert all(layer["verified"] for image in whole["images"] for layer in image["layers"])
    assert whole["findings"] == []

    told(cli_call("convert", sample, dest, "--to", "oci-layout", "--no-sync", "--base", other))
    made = told(cli_call("inspect", "--verify", "--format", "json", dest)).archive()
    assert seen(made) == expected(sample.name)
    told(cli_call("diff", dest, sample, "--base", other, "--ignore", "names"))


def test_what_lies_elsewhere_is_shown(root: Path, tmp_path: Path, cli_call: Call) -> None:
    bare = told(cli_call("inspect", "--format", "json", root)).archive()
    assert bare["images"][0]["layers"][0]["uncompressed_size"] is None
    found = told(cli_call("inspect", "--format", "json", root, "--base", tmp_path / "low"))
    assert found.archive()["images"][0]["layers"][0]["uncompressed_size"] == len(LOW.plain)
    assert "cannot be rebuilt" not in found.stderr
    assert ociarchive.inspect(root, base=tmp_path / "low") == found.archive()
    told(cli_call("inspect", "--verify", root, "--base", tmp_path / "low"))
    told(cli_call("inspect", "--verify", root), 1)
    assert "etc/low" in told(cli_call("inspect", "--files", "--layer", "1", root, "--base", tmp_path / "low")).stdout


def test_without_a_base_the_way_out_is_named(root: Path, tmp_path: Path, cli_call: Call) -> None:
    dest = tmp_path / "dest"
    line = refused(cli_call("convert", root, dest, "--to", "oci-layout"), 1, dest)
    assert "additionalimagestores" in line
    assert "name that with --base" in line


@pytest.mark.parametrize("spoil", ["content", "row", "split"])
def test_a_base_that_lies_is_refused(spoil: str, root: Path, tmp_path: Path, cli_call: Call) -> None:
    low, dest = tmp_path / "low", tmp_path / "dest"
    (key,) = (one["id"] for one in json.loads((low / "overlay-layers/layers.json").read_text()))
    if spoil == "content":
        (low / f"overlay/{key}/diff/etc/low").write_bytes(b"evl" * 9)
    elif spoil == "row":  # another layer under the diff_id that is looked for
        shutil.rmtree(low / f"overlay/{key}")
        other = write_folder(tmp_path / "other", containers_storage({NAME: Image(layers=[TOP])}))
        (tree,) = (other / "overlay").iterdir()
        shutil.copytree(tree, low / f"overlay/{key}")
        (split,) = (other / "overlay-layers").glob("*.tar-split.gz")
        shutil.copy(split, low / f"overlay-layers/{key}.tar-split.gz")
    else:
        (low / f"overlay-layers/{key}.tar-split.gz").write_bytes(b"no gzip")
    line = refused(cli_call("convert", root, dest, "--to", "oci-layout", "--base", low), 1, dest)
    assert LOW.diff_id in line
    report = told(cli_call("audit", "--format", "json", root, "--base", low), 1).archive()
    assert {one["rule"] for one in report["findings"]} == {"layer-not-rebuilt"}
    assert report["images"][0]["layers"][0]["verified"] is not True
    told(cli_call("diff", root, root, "--base", low), 1)


def test_other_images_come_all_the_same(tmp_path: Path, cli_call: Call) -> None:
    """One image lies upon a layer of the base that was changed there, the other does not."""
    images = {"docker.io/corpus/low:1": IMAGE, "docker.io/corpus/top:1": Image(layers=[TOP])}
    root, low, dest = write_folder(tmp_path / "root", containers_storage(images)), tmp_path / "low", tmp_path / "dest"
    (key,) = parted(root, low, lambda one, _: one["diff-digest"] == LOW.diff_id)
    (low / f"overlay/{key}/diff/etc/low").write_bytes(b"evl" * 9)
    result = told(cli_call("convert", root, dest, "--to", "oci-layout", "--base", low), 1)
    assert "file etc/low has another content than the layer had" in result.stderr
    made = told(cli_call("inspect", "--format", "json", dest)).archive()
    assert [one["references"] for one in made["images"]] == [["docker.io/corpus/top:1"]]


def test_of_a_base_with_selectors_only_what_they_take_serves(root: Path, tmp_path: Path, cli_call: Call) -> None:
    dest, top = tmp_path / "dest", "docker.io/corpus/top:1"
    base = write_folder(tmp_path / "base", containers_storage({top: Image(layers=[TOP]), NAME: IMAGE}))
    for name, status in ((top, 1), (NAME, 0)):
        told(cli_call("convert", root, dest, "--to", "oci-layout", "--base", f"{base}#{name}"), status)
        assert dest.exists() is (status == 0)
        told(cli_call("diff", root, f"{base}#{NAME}", "--base", f"{base}#{name}"), status)
        told(cli_call("audit", root, "--base", f"{base}#{name}"), status)


def test_any_archive_that_has_the_layer_is_a_base(root: Path, tmp_path: Path, cli_call: Call) -> None:
    saved = write_tar(tmp_path / "saved.tar", docker_archive(Saved(image=Image(layers=[LOW]), tags=["corpus/low:1"])))
    told(cli_call("audit", "--strict", root, "--base", saved))
    dest = tmp_path / "dest"
    told(cli_call("convert", root, dest, "--to", "docker-archive", "--base", saved))
    told(cli_call("audit", "--strict", dest))


def test_a_delta_is_completed_from_layers_without_an_image(root: Path, tmp_path: Path, cli_call: Call) -> None:
    source = write_tar(tmp_path / "source", build.layout(Image(layers=[LOW, TOP]).node().named(NAME, "1.0")))
    before = write_tar(tmp_path / "before", build.layout(Image(layers=[LOW]).node().named(NAME, "1.0")))
    delta, dest = tmp_path / "delta", tmp_path / "dest"
    told(cli_call("convert", source, delta, "--to", "oci-archive", "--have", before))
    assert root.exists()
    told(cli_call("audit", delta, "--base", tmp_path / "low"))
    told(cli_call("convert", delta, dest, "--to", "oci-archive", "--base", tmp_path / "low"))
    told(cli_call("audit", "--strict", dest))


def test_what_containerd_discarded_comes_from_a_base(tmp_path: Path, cli_call: Call) -> None:
    gone = containerd_storage({NAME: IMAGE}, gone=[LOW.digest])
    root, dest = write_folder(tmp_path / "root", gone), tmp_path / "dest"
    base = write_tar(tmp_path / "base.tar", build.layout(IMAGE.node().named(NAME, "1.0")))
    refused(cli_call("convert", root, dest, "--to", "oci-layout"), 1, dest)
    told(cli_call("audit", "--strict", root, "--base", base))
    told(cli_call("convert", root, dest, "--to", "oci-layout", "--base", base))
    told(cli_call("diff", dest, base))
