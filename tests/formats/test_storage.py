"""Storage of real engines that were stopped: what they hold, and what becomes of it."""

import base64
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import stores
from tests.support.call import Call, Json, refused, told

TRUTH: dict[str, Any] = json.loads((stores.SAMPLES / "truth.json").read_text())
SAMPLES = [name.removesuffix(".tar.gz") for name in TRUTH]
UNPACKED = [name for name in SAMPLES if not name.startswith("containerd")]
BAD = "docker-vfs-unrebuildable"
#: The file at fault of each image that cannot be rebuilt.
FAULTY = {"docker.io/corpus/paxsparse:1": "/sparse)", "docker.io/corpus/whsame:1": "/d/f)"}


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("storage")
    return {name: stores.unpacked(name, folder) for name in SAMPLES}


def rows(name: str) -> Iterator[Json]:
    """Give the images of a sample, whatever namespace they are in."""
    (found,) = (value for key, value in TRUTH[f"{name}.tar.gz"].items() if key.endswith("-storage"))
    for group in found.values() if isinstance(found, dict) else [found]:
        yield from (row for row in group if "image_id" in row)


def key(row: Json, *, digests: bool = True) -> tuple[Any, ...]:
    """Give what a row of the truth, or of a report, says of an image."""
    names = row["refs"] if "refs" in row else row["references"]
    ids = row.get("diff_ids") or [layer["diff_id"] for layer in row["layers"]]
    kept = sorted(name for name in names if digests or "@" not in name)
    return (row["image_id"], tuple(ids), tuple(kept), row["platform"])


def lists(name: str) -> set[str]:
    """Give the names of manifest lists, whose images the truth does not list again."""
    return {name for one in TRUTH[f"{name}.tar.gz"].get("manifest-lists", ()) for name in one["names"]}


@pytest.mark.parametrize("name", SAMPLES)
def test_images_and_names_are_those_of_the_engine(name: str, roots: dict[str, Path], cli_call: Call) -> None:
    seen = told(cli_call("inspect", "--format", "json", roots[name])).archive()
    assert seen["format"] == next(one for one in TRUTH[f"{name}.tar.gz"] if one.endswith("-storage"))
    listed = [row for row in seen["images"] if not lists(name) & set(row["references"])]
    assert sorted(map(key, listed)) == sorted(map(key, rows(name)))
    assert {name for row in seen["images"] for name in row["references"]} >= lists(name)


@pytest.mark.parametrize("name", UNPACKED)
def test_sizes_are_known_before_a_layer_is_rebuilt(name: str, roots: dict[str, Path], cli_call: Call) -> None:
    seen = told(cli_call("inspect", "--format", "json", roots[name])).archive()
    sizes = {layer["diff_id"]: layer["uncompressed_size"] for row in seen["images"] for layer in row["layers"]}
    for row in rows(name):
        for diff_id, size in zip(row["diff_ids"], row["uncompressed_sizes"], strict=True):
            assert size is None or sizes[diff_id] == size


@pytest.mark.parametrize("name", SAMPLES)
def test_its_audit_proves_every_layer(name: str, roots: dict[str, Path], cli_call: Call) -> None:
    report = told(cli_call("audit", "--format", "json", roots[name]), int(name == BAD)).archive()
    wanted = {"layer-not-rebuilt"} if name == BAD else {"sparse-index"} if name.startswith("containerd") else set()
    assert {one["rule"] for one in report["findings"]} == wanted
    for row in report["images"]:
        bad = bool(set(row["references"]) & set(FAULTY))
        assert {layer["verified"] is True for layer in row["layers"]} == {not bad}


@pytest.mark.parametrize("form", ["oci-layout", "docker-archive"])
@pytest.mark.parametrize("name", [name for name in SAMPLES if name != BAD])
def test_every_image_is_converted(name: str, form: str, roots: dict[str, Path], tmp_path: Path, cli_call: Call) -> None:
    dest, receipt = tmp_path / "dest", tmp_path / "receipt.json"
    told(cli_call("convert", roots[name], dest, "--to", form, "--receipt", receipt))
    report = told(cli_call("audit", "--format", "json", dest)).archive()
    assert {one["rule"] for one in report["findings"]} <= {"sparse-index"}
    assert all(layer["verified"] for row in report["images"] for layer in row["layers"])
    wanted = {key(row, digests=False)[:2] for row in rows(name)}
    assert {key(row)[:2] for row in report["images"]} == wanted
    names = {(row["image_id"], one) for row in rows(name) for one in row["refs"] if "@" not in one}
    assert {(row["image_id"], one) for row in report["images"] for one in row["references"]} >= names
    assert not any("@" in one for row in report["images"] for one in row["references"])
    assert told(cli_call("diff", roots[name], dest, "--ignore", "names")).status == 0

    left = json.loads(receipt.read_text())["left_out"]
    assert all(one["what"].startswith("manifest digest sha256:") for one in left)
    for one in {one for row in rows(name) for one in row["refs"] if "@" in one}:
        assert any(one in entry["what"] for entry in left)


@pytest.mark.parametrize("name", ["docker-overlay2-data-root", "podman-overlay-root"])
def test_the_digest_that_an_image_was_pulled_by_is_named(
    name: str, roots: dict[str, Path], tmp_path: Path, cli_call: Call
) -> None:
    receipt = tmp_path / "receipt.json"
    source = f"{roots[name]}#127.0.0.1:5055/corpus/app:list"
    told(cli_call("convert", source, tmp_path / "dest", "--to", "oci-layout", "--receipt", receipt))
    left = [one["what"] for one in json.loads(receipt.read_text())["left_out"]]
    pulled = "sha256:d2655db98622731a05b34a6fbe66b273174ac881249baa8561f30f40dc24bde2"
    assert f"manifest digest {pulled} of 127.0.0.1:5055/corpus/app:list" in left


@pytest.mark.parametrize("size", [0, 300])
def test_signatures_of_a_storage_are_named_where_there_are_any(
    size: int, roots: dict[str, Path], tmp_path: Path, cli_call: Call
) -> None:
    root, receipt = tmp_path / "root", tmp_path / "receipt.json"
    shutil.copytree(roots["podman-vfs-root"], root, symlinks=True, ignore=shutil.ignore_patterns("fifo*", "dev*"))
    (entry,) = [
        one for one in json.loads((root / "vfs-images/images.json").read_text())
        if "localhost/corpus/two:2.0" in (one.get("names") or ())
    ]  # fmt: skip
    (name,) = [one for one in entry["big-data-names"] if one.startswith("signature-")]
    (root / "vfs-images" / entry["id"] / f"={base64.b64encode(name.encode()).decode()}").write_bytes(bytes(size))
    source = f"{root}#localhost/corpus/two:2.0"
    call = told(cli_call("convert", source, tmp_path / "dest", "--to", "oci-layout", "--receipt", receipt))
    left = [one["what"] for one in json.loads(receipt.read_text())["left_out"]]
    assert (f"{name} of localhost/corpus/two:2.0" in left) is bool(size)
    assert ("left out: signature-" in call.stderr) is bool(size)


@pytest.mark.parametrize(("name", "file"), FAULTY.items())
def test_what_cannot_be_rebuilt_is_refused_with_its_file(
    name: str, file: str, roots: dict[str, Path], tmp_path: Path, cli_call: Call
) -> None:
    call = cli_call("convert", f"{roots[BAD]}#{name}", tmp_path / "dest", "--to", "oci-layout")
    line = refused(call, 1, tmp_path / "dest")
    assert name in line
    assert line.endswith(file)
    (layer,) = next(row["diff_ids"] for row in rows(BAD) if name in row["refs"])
    assert layer in line


@pytest.mark.parametrize("selected", [(), ("--image", "corpus/hard:1", "--image", "corpus/paxsparse:1")])
def test_other_images_come_all_the_same(
    selected: tuple[str, ...], roots: dict[str, Path], tmp_path: Path, cli_call: Call
) -> None:
    dest, receipt = tmp_path / "dest", tmp_path / "receipt.json"
    call = cli_call("convert", roots[BAD], dest, "--to", "oci-layout", "--receipt", receipt, *selected)
    errors = [line for line in told(call, 1).stderr.splitlines() if line.startswith("error: left out: ")]
    gone = [name for name in FAULTY if not selected or name.endswith(selected[-1])]
    assert len(errors) == len(gone)
    for name in gone:
        assert any(name in line and line.endswith(FAULTY[name]) for line in errors)
    report = told(cli_call("audit", "--format", "json", dest)).archive()
    assert report["findings"] == []
    there = {name for row in report["images"] for name in row["references"]}
    assert there == ({"docker.io/corpus/hard:1"} if selected else names_of(BAD) - set(FAULTY))
    assert {one["what"] for one in json.loads(receipt.read_text())["left_out"]} >= set(gone)


@pytest.mark.parametrize("name", FAULTY)
def test_an_index_lacks_no_image_that_it_was_made_of(
    name: str, roots: dict[str, Path], tmp_path: Path, cli_call: Call
) -> None:
    sources = [f"{roots[BAD]}#{one}" for one in ("docker.io/corpus/hard:1", name)]
    dest = tmp_path / "dest"
    call = cli_call("index", "create", *sources, dest, "--to", "oci-layout", "--tag", "corpus/both:1", "--force")
    assert name in refused(call, 1, dest)


def names_of(name: str) -> set[str]:
    return {one for row in rows(name) for one in row["refs"] if "@" not in one}


@pytest.mark.parametrize("name", UNPACKED)
def test_images_are_selected_by_name_and_by_digest(name: str, roots: dict[str, Path], cli_call: Call) -> None:
    row = next(row for row in rows(name) if any(one.endswith("/app:list") for one in row["refs"]))
    for selector in ("127.0.0.1:5055/corpus/app:list", row["image_id"]):
        seen = told(cli_call("inspect", "--format", "json", f"{roots[name]}#{selector}")).archive()
        assert [one["image_id"] for one in seen["images"]] == [row["image_id"]]


def test_podman_finds_an_image_by_a_manifest_that_it_came_with(roots: dict[str, Path], cli_call: Call) -> None:
    pulled = "sha256:f19a7357d065103b326dfe547e269b08c0d24ae1716b7313bb38954e4c2db381"
    seen = told(cli_call("inspect", "--format", "json", f"{roots['podman-overlay-root']}#{pulled}")).archive()
    assert [one["image_id"][:12] for one in seen["images"]] == ["sha256:ac677"]


def test_two_engines_hold_the_same_images(roots: dict[str, Path], cli_call: Call) -> None:
    sides = [f"{roots[name]}#corpus/hard:1" for name in ("docker-overlay2-data-root",)]
    sides.append(f"{roots['podman-overlay-root']}#localhost/corpus/hard:1")
    sides.append(f"{roots['containerd-root']}#corpus/hard:1")
    for one in sides[1:]:
        assert told(cli_call("diff", sides[0], one, "--ignore", "names")).status == 0


def test_a_layer_whose_blob_is_gone_is_found_by_its_diff_id(
    roots: dict[str, Path], tmp_path: Path, cli_call: Call
) -> None:
    source, receipt = f"{roots['containerd-root']}#127.0.0.1:5055/corpus/app:1.0", tmp_path / "receipt.json"
    told(cli_call("convert", source, tmp_path / "dest", "--to", "oci-layout", "--receipt", receipt))
    (manifest,) = json.loads(receipt.read_text())["manifests"]
    old = "sha256:1aa6036ae523a92c26e37c3e3ac71c88e48059c85eb2c6f00b3f1df43aeac22f"
    assert manifest["old"]["digest"] == old != manifest["new"]["digest"]
    assert told(cli_call("audit", "--format", "json", tmp_path / "dest")).archive()["findings"] == []


def test_a_manifest_list_comes_with_the_images_that_are_here(
    roots: dict[str, Path], tmp_path: Path, cli_call: Call
) -> None:
    source = f"{roots['podman-vfs-root']}#localhost/corpus/mlist:1"
    told(cli_call("convert", source, tmp_path / "dest", "--to", "oci-layout"))
    report = told(cli_call("audit", "--format", "json", tmp_path / "dest")).archive()
    assert report["findings"] == []
    assert [(row["references"], row["image_id"][:19], bool(row["index"])) for row in report["images"]] == [
        (["localhost/corpus/mlist:1"], "sha256:0b0c57a83d23", True)
    ]


def test_nothing_is_written_into_storage(roots: dict[str, Path], tmp_path: Path, cli_call: Call) -> None:
    for known in ("docker-storage", "containers-storage", "containerd-storage"):
        call = cli_call("convert", roots["podman-vfs-root"], tmp_path / "dest", "--to", known)
        assert "can be read, not written" in refused(call, 2, tmp_path / "dest")


WHOLE = [name for name in SAMPLES if name != BAD]


def two(name: str) -> str:
    """Give what an engine calls the corpus's second image."""
    return "localhost/corpus/two:2.0" if name.startswith("podman") else "corpus/two:2.0"


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("form", ["oci-layout", "docker-archive"])
def test_a_storage_says_what_a_delta_leaves_out_and_completes_it(
    name: str, form: str, roots: dict[str, Path], corpus: Path, tmp_path: Path, cli_call: Call
) -> None:
    have, source = tmp_path / "have.json", f"{corpus / 'docker20-two-images.tar'}#corpus/two:2.0"
    told(cli_call("inventory", roots[name], "--output", have))
    made: list[bytes] = []
    for given in (have, roots[name]):  # what it prints serves as it does itself
        delta, dest = tmp_path / f"delta-{len(made)}", tmp_path / f"whole-{len(made)}"
        told(cli_call("convert", source, delta, "--to", form, "--have", given))
        folder = stores.opened(delta, tmp_path / f"opened-{len(made)}")
        left = json.loads((folder / "delta.json").read_text())["left_out"]
        assert len(left) == 4
        made.append((folder / "index.json").read_bytes())
        told(cli_call("audit", delta, "--have", given))
        told(cli_call("audit", delta, "--base", roots[name]))
        told(cli_call("audit", delta, "--base", f"{roots[name]}#{two(name)}"))
        told(cli_call("diff", delta, source, "--base", roots[name]))
        told(cli_call("convert", delta, dest, "--to", form, "--base", roots[name]))
        told(cli_call("audit", dest, "--strict"))
        told(cli_call("diff", dest, source))
    assert made[0] == made[1]


@pytest.mark.parametrize("name", WHOLE)
def test_a_storage_is_compared_with_an_archive(name: str, roots: dict[str, Path], corpus: Path, cli_call: Call) -> None:
    source, other = corpus / "docker20-two-images.tar", corpus / "docker20.tar"
    told(cli_call("diff", f"{roots[name]}#{two(name)}", f"{source}#corpus/two:2.0", "--ignore", "names"))
    told(cli_call("diff", f"{roots[name]}#{two(name)}", other), 1)


def moved(root: Path, folder: Path, before: tuple[str, str], after: tuple[str, str]) -> Path:
    """Copy a storage as another driver would have written it. `before`, `after`: a driver, and where a layer lies."""
    made = folder / "moved"
    shutil.copytree(root, made, symlinks=True)
    (old, lies), (new, goes) = before, after
    for path in [*made.glob(f"{old}*"), *made.glob(f"image/{old}")]:
        path.rename(path.with_name(new + path.name.removeprefix(old)))
    for layer in [*(made / new).glob(lies.format("*"))]:
        name = layer.relative_to(made / new).parts[lies.split("/").index("{}")]
        target = made / new / goes.format(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        layer.rename(target)
    return made


DIFF, DIR = "{}/diff", "dir/{}"
DRIVEN = [
    ("docker-overlay2-data-root", ("overlay2", DIFF), ("fuse-overlayfs", DIFF)),
    ("docker-overlay2-data-root", ("overlay2", DIFF), ("aufs", "diff/{}")),
    ("podman-overlay-root", ("overlay", DIFF), ("aufs", "diff/{}")),
    ("podman-vfs-root", ("vfs", DIR), ("btrfs", "subvolumes/{}")),
]


@pytest.mark.parametrize(("name", "before", "after"), DRIVEN)
def test_other_drivers_keep_layers_elsewhere(
    name: str,
    before: tuple[str, str],
    after: tuple[str, str],
    roots: dict[str, Path],
    tmp_path: Path,
    cli_call: Call,
) -> None:
    other = moved(roots[name], tmp_path, before, after)
    assert (other / after[0]).is_dir()
    told(cli_call("audit", other))
    told(cli_call("diff", other, roots[name]))


@pytest.mark.parametrize("driver", ["zfs", "devicemapper"])
def test_drivers_without_folders_are_refused(
    driver: str, roots: dict[str, Path], tmp_path: Path, cli_call: Call
) -> None:
    other = moved(roots["podman-vfs-root"], tmp_path, ("vfs", DIR), (driver, DIR))
    told(cli_call("inspect", other))
    report = told(cli_call("audit", "--format", "json", other), 1).archive()
    assert {one["rule"] for one in report["findings"] if one["severity"] == "error"} == {"layer-not-rebuilt"}
    dest = tmp_path / "dest"
    line = refused(cli_call("convert", f"{other}#localhost/corpus/hard:1", dest, "--to", "oci-layout"), 1, dest)
    assert f"the layers of the driver {driver} are not kept in folders" in line


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("docker-overlay2-data-root", "overlay2"),
        ("docker-overlay2-data-root", "image/overlay2"),
        ("podman-vfs-root", "vfs"),
    ],
)
def test_a_folder_inside_of_storage_leads_to_its_root(
    name: str, folder: str, roots: dict[str, Path], cli_call: Call
) -> None:
    line = refused(cli_call("inspect", roots[name] / folder), 1)
    assert f"a folder inside of one: found {roots[name]}" in line
