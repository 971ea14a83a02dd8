"""Deltas: what the other side has is left out, said, and completed again, each blob proved wherever it comes from."""

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

import ociarchive
from ociarchive.errors import ContentError, UsageError
from ociarchive.gap import have
from ociarchive.gap.completing import Pool, complete, lacking
from ociarchive.model import images
from tests.support import old
from tests.support.build import Image, Json, Saved, digest, docker_archive, gzipped, layer, layout, packed
from tests.support.call import Call, refused, told
from tests.support.shelf import read as files_of
from tests.support.tar import write_folder, write_tar

APP, TWO = "docker20.tar", "docker20-two-images.tar#corpus/two:2.0"
LOWEST = layer({"etc/base": b"base" * 900}, "gzip")
MIDDLE = layer({"etc/middle": b"middle" * 700}, "gzip")
UPPER = layer({"bin/app": b"application" * 500}, "gzip")
BEFORE = Image(layers=[LOWEST, MIDDLE])
AFTER = Image(layers=[LOWEST, MIDDLE, UPPER])


def listed(path: Path) -> Json:
    """Give the list of what a delta leaves out."""
    found: Json = json.loads(files_of(path)["delta.json"])
    return found


def left_out(path: Path) -> list[str]:
    return [one["digest"] for one in listed(path)["left_out"]]


def manifests(path: Path) -> list[str]:
    return [one["digest"] for one in json.loads(files_of(path)["index.json"])["manifests"]]


@pytest.fixture
def base(tmp_path: Path, corpus: Path, cli_call: Call) -> Path:
    """Make a layout of the image that the other side has."""
    told(cli_call("convert", corpus / APP, tmp_path / "base", "--to", "oci-layout", "--no-sync"))
    return tmp_path / "base"


@pytest.fixture
def delta(tmp_path: Path, corpus: Path, base: Path, cli_call: Call) -> Path:
    """Make a delta of the second image, whose first three layers the base has."""
    told(cli_call("convert", corpus / TWO, tmp_path / "delta.tar", "--to", "oci-archive", "--have", base))
    return tmp_path / "delta.tar"


# What the other side has


def test_an_inventory_lists_what_is_here(base: Path, tmp_path: Path, cli_call: Call) -> None:
    found = told(cli_call("inventory", base)).json()
    assert found["sources"] == [{"source": str(base), "format": "oci-layout"}]
    (image,) = found["images"]
    assert image["references"] == ["docker.io/corpus/app:1.0"]
    assert len(image["diff_ids"]) == len(image["layers"]) == 3
    assert f"blobs/{found['blobs'][0].replace(':', '/')}" in files_of(base)
    assert {f"blobs/{one.replace(':', '/')}" for one in found["blobs"]} == {
        name for name in files_of(base) if name.startswith("blobs/")
    }
    for options in ((), ("--verify", "--jobs", "1"), ("--verify", "--jobs", "4")):
        out = tmp_path / "have.json"
        told(cli_call("inventory", base, *options, "--output", out))
        assert json.loads(out.read_text()) == found
    assert ociarchive.inventory(base, verify=True) == found


def test_an_inventory_that_is_verified_lists_only_what_was_proved(base: Path, cli_call: Call) -> None:
    (image,) = told(cli_call("inventory", base)).json()["images"]
    bad = image["layers"][1]["digest"]
    path = base / "blobs" / bad.replace(":", "/")
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    found = told(cli_call("inventory", base, "--verify"), 1).json()
    assert bad not in found["blobs"]
    assert found["images"][0]["diff_ids"] == image["diff_ids"][:1]


@pytest.mark.parametrize("kind", ["inventory", "list", "layout", "source"])
@pytest.mark.parametrize("form", ["oci-archive", "oci-layout"])
def test_what_the_other_side_has_is_left_out(
    kind: str, form: str, base: Path, corpus: Path, tmp_path: Path, cli_call: Call
) -> None:
    have = tmp_path / "have"
    if kind == "inventory":
        told(cli_call("inventory", base, "--output", have))
    elif kind == "list":
        have.write_text("\n".join(ociarchive.inventory(base)["blobs"]) + "\n")
    else:
        have = base if kind == "layout" else corpus / APP
    dest, receipt = tmp_path / "dest", tmp_path / "receipt.json"
    done = told(cli_call("convert", corpus / TWO, dest, "--to", form, "--have", have, "--receipt", receipt))
    gone = left_out(dest)
    assert len(gone) == 3
    assert not {f"blobs/{one.replace(':', '/')}" for one in gone} & files_of(dest).keys()
    assert "left out  3 of 4 layers, " in done.stderr
    assert "that the other side has" in done.stderr
    reasons = {one["what"]: one["why"] for one in json.loads(receipt.read_text())["left_out"]}
    assert reasons == dict.fromkeys((f"layer {one}" for one in gone), "the other side has this blob")
    sha256 = hashlib.sha256(have.read_bytes()).hexdigest() if have.is_file() else None
    assert listed(dest)["have"] == [{"source": have.name, "sha256": sha256}]


def test_inventories_of_one_name_are_both_listed(corpus: Path, tmp_path: Path, cli_call: Call) -> None:
    have = [tmp_path / name / "have.json" for name in ("one", "two")]
    for path, of in zip(have, (APP, "umoci-oci"), strict=True):
        path.parent.mkdir()
        told(cli_call("inventory", corpus / of, "--output", path))
    given: list[str | Path] = [one for path in (*have, have[0]) for one in ("--have", path)]
    told(cli_call("convert", corpus / TWO, tmp_path / "delta", "--to", "oci-layout", *given))
    sums = [hashlib.sha256(path.read_bytes()).hexdigest() for path in have]
    assert listed(tmp_path / "delta")["have"] == [{"source": "have.json", "sha256": one} for one in sums]


def test_an_engine_says_which_chains_of_layers_it_has(corpus: Path, tmp_path: Path, cli_call: Call) -> None:
    with ociarchive.open_archive(corpus / APP) as archive:
        (image,) = images(archive.roots)
        facts = [{"Id": str(image.image_id), "RootFS": {"Type": "layers", "Layers": [*map(str, image.diff_ids)]}}]
    have = tmp_path / "have.json"
    have.write_text(json.dumps(facts))
    done = told(cli_call("convert", corpus / TWO, tmp_path / "d.tar", "--to", "docker-archive", "--have", have))
    assert left_out(tmp_path / "d.tar") == facts[0]["RootFS"]["Layers"]  # type: ignore[index]
    assert {one["by"] for one in listed(tmp_path / "d.tar")["left_out"]} == {"chain"}
    assert "Docker's classic store and podman" in done.stderr
    done = told(cli_call("convert", corpus / TWO, tmp_path / "whole.tar", "--to", "oci-archive", "--have", have))
    assert "delta.json" not in files_of(tmp_path / "whole.tar")
    assert "nothing is left out" in done.stderr
    told(cli_call("audit", tmp_path / "d.tar", "--have", have))


@pytest.mark.parametrize(
    ("form", "source", "says"),
    [
        ("docker-archive", "docker20-two-images.tar", "`podman pull oci-archive:DELTA:NAME`"),
        ("docker-archive", "docker20-two-tags.tar", "`podman pull oci-archive:DELTA:NAME`"),
        ("oci-layout", "docker20-two-images.tar", "`podman pull oci:DELTA:NAME`"),
        ("docker-archive", "docker20.tar", None),
    ],
)
def test_a_delta_of_several_names_says_how_podman_takes_it(
    form: str, source: str, says: str | None, corpus: Path, tmp_path: Path, cli_call: Call
) -> None:
    """Podman tries a tar as an oci-archive, which must have one name, and then as one that has all its layers."""
    done = told(
        cli_call("convert", corpus / source, tmp_path / "delta", "--to", form, "--have", corpus / "docker20.tar")
    )
    assert "left out" in done.stderr
    assert "podman load` takes no delta" in done.stderr if says else "podman load`" not in done.stderr
    assert says is None or says in done.stderr


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
def test_deltas_that_went_before_stand_upon_each_other(order: tuple[int, ...], tmp_path: Path, cli_call: Call) -> None:
    """Where a delta was loaded upon what went before, its layers are in their places there."""
    layers = [layer({"etc/name": b"%d" % number}, "gzip") for number in range(4)]
    gone: list[Path] = []
    for count in range(1, 5):
        image = Image(layers=layers[:count])
        source = write_tar(tmp_path / "source", layout(image.node().named(f"docker.io/corpus/app:{count}")))
        delta = tmp_path / f"delta-{count}"
        before: list[str | Path] = [arg for one in order if one < len(gone) for arg in ("--have", gone[one])]
        done = told(cli_call("convert", source, delta, "--to", "docker-archive", *before))
        gone.append(delta)
    assert left_out(gone[3]) == [one.digest for one in layers[:3]]
    assert "engines that have the rest: Docker, podman and containerd" in done.stderr
    alone = tmp_path / "alone"
    done = told(cli_call("convert", source, alone, "--to", "docker-archive", "--have", gone[2]))
    assert left_out(alone) == [layers[2].digest]
    assert "other engines have not all layers in place" in done.stderr


def test_a_layer_whose_chain_is_not_there_is_sent(tmp_path: Path, cli_call: Call) -> None:
    plain = [packed(one.plain, "none") for one in AFTER.layers]
    source = tmp_path / "new.tar"
    write_tar(source, docker_archive(Saved(image=Image(layers=plain))))
    have = tmp_path / "have.json"  # the middle layer is there, in an image of its own
    have.write_text(json.dumps([{"RootFS": {"Layers": [LOWEST.diff_id]}}, {"RootFS": {"Layers": [MIDDLE.diff_id]}}]))
    told(cli_call("convert", source, tmp_path / "d.tar", "--to", "docker-archive", "--have", have))
    assert left_out(tmp_path / "d.tar") == [LOWEST.diff_id]


def test_the_manifest_refers_to_the_blob_that_the_other_side_has(tmp_path: Path, cli_call: Call) -> None:
    other = [replace(one, stored=gzipped(one.plain, level=1), codec="gzip") for one in (LOWEST, MIDDLE)]
    write_folder(tmp_path / "there", layout(Image(layers=other).node().named("docker.io/library/a:1")))
    plain = [packed(one.plain, "none") for one in AFTER.layers]
    write_tar(tmp_path / "new.tar", docker_archive(Saved(image=Image(layers=plain))))
    for form in ("oci-archive", "docker-archive"):
        dest = tmp_path / f"{form}.tar"
        told(cli_call("convert", tmp_path / "new.tar", dest, "--to", form, "--have", tmp_path / "there"))
        assert left_out(dest) == [one.digest for one in other]
        told(cli_call("audit", "--strict", dest, "--base", tmp_path / "there"))


@pytest.mark.parametrize("form", ["oci-archive", "docker-archive"])
def test_so_does_the_manifest_made_of_an_image_of_schema_1(
    form: str, corpus: Path, tmp_path: Path, cli_call: Call
) -> None:
    """Its layers have digests of their own, and the other side stores them otherwise."""
    dest, plain = tmp_path / "delta.tar", corpus / APP
    told(cli_call("inventory", plain, "--output", tmp_path / "have.json"))
    told(cli_call("convert", corpus / "skopeo-dir-schema1", dest, "--to", form, "--have", tmp_path / "have.json"))
    there = json.loads((tmp_path / "have.json").read_text())["images"][0]["layers"]
    assert left_out(dest) == [one["digest"] for one in there]
    told(cli_call("audit", "--strict", dest, "--base", plain))
    told(cli_call("convert", dest, tmp_path / "whole", "--to", "oci-layout", "--base", plain))
    told(cli_call("audit", "--strict", tmp_path / "whole"))


def test_and_the_one_made_of_an_old_save(tmp_path: Path, cli_call: Call) -> None:
    there, source, dest = tmp_path / "there", tmp_path / "old.tar", tmp_path / "delta.tar"
    other = [replace(one, stored=gzipped(one.plain, level=1), codec="gzip") for one in (LOWEST, MIDDLE)]
    write_folder(there, layout(Image(layers=other).node().named("docker.io/library/a:1")))
    write_tar(source, old.saved([packed(one.plain, "none") for one in AFTER.layers]))
    told(cli_call("convert", source, dest, "--to", "oci-archive", "--have", there))
    assert left_out(dest) == [one.digest for one in other]
    told(cli_call("audit", "--strict", dest, "--base", there))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"hello\n", id="words"),
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="half"),
        pytest.param(b'{"a":1}', id="other-json"),
        pytest.param(b'[{"Id":"x"}]', id="no-image"),
        pytest.param(b'[{"RootFS":{"Layers":["sha256:5"]}}]', id="no-digest"),
        pytest.param(b'{"schema_version":2,"blobs":[],"images":[]}', id="version"),
        pytest.param(b'{"schema_version":true,"blobs":[],"images":[]}', id="version-true"),
        pytest.param(b'{"schema_version":1,"blobs":{},"images":[]}', id="blobs"),
        pytest.param(f"sha256:{'0' * 64}\nhello\n".encode(), id="line"),
        pytest.param(bytes(4096), id="zeros"),
    ],
)
def test_anything_else_is_a_call_at_fault(text: bytes, corpus: Path, tmp_path: Path, cli_call: Call) -> None:
    junk, dest = tmp_path / "junk", tmp_path / "dest"
    junk.write_bytes(text)
    line = refused(cli_call("convert", corpus / TWO, dest, "--to", "oci-archive", "--have", junk), 2, dest)
    assert str(junk) in line


def test_an_archive_that_cannot_be_read_lists_nothing(base: Path, corpus: Path, tmp_path: Path, cli_call: Call) -> None:
    """An empty list would say that the other side has nothing."""
    (base / "index.json").write_text('{"manifests": [')
    assert "index.json" in refused(cli_call("inventory", base), 1)
    dest = tmp_path / "dest"
    assert "not JSON" in refused(cli_call("convert", corpus / TWO, dest, "--to", "oci-layout", "--have", base), 2, dest)
    (base / "index.json").write_text('{"schemaVersion": 2, "manifests": []}')
    told(cli_call("inventory", base))


@pytest.mark.parametrize("begins", [f"sha256:{'0' * 64}\n", "[", '{"schema_version":1,'])
def test_a_text_larger_than_any_inventory_is_named_so(
    begins: str, corpus: Path, tmp_path: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(have, "_MOST", 5000)
    junk, dest = tmp_path / "junk", tmp_path / "dest"
    junk.write_text(begins + " " * 5000)
    line = refused(cli_call("convert", corpus / TWO, dest, "--to", "oci-archive", "--have", junk), 2, dest)
    assert "a text of this size is no inventory: expected 5000 bytes at most" in line


def test_a_delta_that_no_engine_loads_is_not_made(base: Path, corpus: Path, tmp_path: Path, cli_call: Call) -> None:
    for form in ("dir", "registry-storage"):
        line = refused(cli_call("convert", corpus / TWO, tmp_path / "d", "--to", form, "--have", base), 2)
        assert "docker-archive, oci-layout, oci-archive" in line
    refused(cli_call("convert", corpus / TWO, base, "--to", "oci-layout", "--merge", "--have", base), 2)
    with pytest.raises(UsageError):
        ociarchive.convert(corpus / "docker20.tar", tmp_path / "d", to="dir", have=base)


def test_what_is_left_out_is_still_proved(tmp_path: Path, cli_call: Call) -> None:
    members = docker_archive(Saved(image=Image(layers=[packed(one.plain, "none") for one in AFTER.layers])))
    bad = [
        replace(one, data=one.data[:600] + b"?" + one.data[601:]) if one.data == MIDDLE.plain else one
        for one in members
    ]
    write_tar(tmp_path / "bad.tar", bad)
    (tmp_path / "have.json").write_text(json.dumps([{"RootFS": {"Layers": AFTER.diff_ids}}]))
    dest = tmp_path / "d.tar"
    refused(
        cli_call("convert", tmp_path / "bad.tar", dest, "--to", "docker-archive", "--have", tmp_path / "have.json"),
        1,
        dest,
    )


@pytest.mark.parametrize("jobs", ["1", "4"])
def test_a_delta_has_the_same_bytes_each_time(jobs: str, delta: Path, base: Path, corpus: Path, cli_call: Call) -> None:
    dest = delta.parent / "again.tar"
    told(cli_call("convert", corpus / TWO, dest, "--to", "oci-archive", "--have", base, "--jobs", jobs))
    assert dest.read_bytes() == delta.read_bytes()


def test_a_rehearsal_says_what_is_left_out(base: Path, corpus: Path, tmp_path: Path, cli_call: Call) -> None:
    done = told(cli_call("convert", corpus / TWO, tmp_path / "d", "--to", "oci-layout", "--have", base, "--dry-run"))
    assert "3 layers of 38.4 KiB left out, which the other side has" in done.stdout
    assert not (tmp_path / "d").exists()


# Reading


def test_an_audit_counts_what_is_left_out_as_notes(delta: Path, base: Path, cli_call: Call) -> None:
    report = told(cli_call("audit", delta, "--format", "json", "--strict")).archive()
    assert [one["rule"] for one in report["findings"]] == ["delta-left-out"] * 3
    assert [one["subject"] for one in report["findings"]] == left_out(delta)
    layers = report["images"][0]["layers"]
    assert [(one["verified"], one["left_out"], one["present"]) for one in layers] == [
        *[(None, True, False)] * 3,
        (True, False, True),
    ]
    whole = told(cli_call("audit", delta, "--base", base, "--format", "json", "--strict")).archive()
    assert whole["findings"] == []
    assert [one["verified"] for one in whole["images"][0]["layers"]] == [True] * 4
    told(cli_call("audit", delta, "--have", base))
    assert ociarchive.audit(delta, base=base).layers == (True,) * 4


def test_an_audit_says_what_the_other_side_lacks(delta: Path, corpus: Path, tmp_path: Path, cli_call: Call) -> None:
    empty = tmp_path / "empty.json"
    empty.write_text('{"schema_version":1,"images":[],"blobs":[]}')
    for option, path in (("--have", empty), ("--base", corpus / "umoci-oci")):
        report = told(cli_call("audit", delta, option, path, "--format", "json"), 1).archive()
        found = [one["subject"] for one in report["findings"] if one["rule"] == "delta-incomplete"]
        assert found == left_out(delta)


def test_an_inspection_marks_what_is_left_out(delta: Path, cli_call: Call) -> None:
    shown = told(cli_call("inspect", delta)).stdout
    assert shown.count("  left out  ") == 3
    assert "3 layers of 38.4 KiB left out, a delta" in " ".join(shown.split())
    line = refused(cli_call("inspect", delta, "--files", "--layer", "1"), 1)
    assert "was left out of this delta" in line


def test_a_delta_is_compared_with_its_base(delta: Path, base: Path, corpus: Path, cli_call: Call) -> None:
    told(cli_call("diff", delta, corpus / TWO, "--base", base))
    done = told(cli_call("diff", delta, corpus / "umoci-oci#app"), 1)
    assert "3 of its layers are not here and not compared" in " ".join(done.stdout.split())
    found = told(cli_call("diff", base, delta, "--format", "json"), 1).json()
    assert [one["kind"] for one in found["images"][0]["layers"]] == ["same", "same", "same", "added"]


def test_a_graph_knows_what_was_left_out_from_what_is_missing(delta: Path) -> None:
    with ociarchive.open_archive(delta) as archive:
        (image,) = images(archive.roots)
        for one in image.layers[:3]:
            assert one.source is None
            assert one.elsewhere is not None
            assert (one.elsewhere.descriptor, one.elsewhere.diff_id) == (one.descriptor, one.diff_id)
        assert image.layers[3].elsewhere is None


# Completion


@pytest.mark.parametrize("form", ["oci-layout", "oci-archive", "docker-archive", "dir", "registry-storage"])
def test_a_base_completes_a_delta(
    form: str, delta: Path, base: Path, corpus: Path, tmp_path: Path, cli_call: Call
) -> None:
    dest = tmp_path / "whole"
    told(cli_call("convert", delta, dest, "--to", form, "--base", base))
    told(cli_call("audit", dest, "--strict"))
    assert "delta.json" not in files_of(dest)
    if form.startswith("oci-"):
        told(cli_call("convert", corpus / TWO, tmp_path / "direct", "--to", form))
        assert files_of(dest) == files_of(tmp_path / "direct")
    told(cli_call("diff", dest, corpus / TWO))


@pytest.mark.parametrize("form", ["oci-layout", "registry-storage"])
def test_a_store_that_has_the_rest_completes_a_delta(
    form: str, delta: Path, corpus: Path, tmp_path: Path, cli_call: Call
) -> None:
    store = tmp_path / "store"
    told(cli_call("convert", corpus / APP, store, "--to", form))
    told(cli_call("convert", delta, store, "--merge"))
    found = told(cli_call("audit", store, "--strict", "--format", "json")).archive()
    assert len(found["images"]) == 2
    assert "delta.json" not in files_of(store)


@pytest.mark.parametrize("sent", ["oci-layout", "oci-archive", "docker-archive"])
@pytest.mark.parametrize("form", ["oci-layout", "registry-storage"])
def test_a_store_that_compresses_otherwise_is_said_to(
    form: str, sent: str, base: Path, corpus: Path, tmp_path: Path, cli_call: Call
) -> None:
    store, delta, two = tmp_path / "store", tmp_path / "delta", tmp_path / "two"
    told(cli_call("convert", corpus / APP, store, "--to", form, "--compression", "zstd"))
    told(cli_call("convert", corpus / TWO, two, "--to", "oci-layout"))
    told(cli_call("convert", two, delta, "--to", sent, "--have", base))
    (there,) = told(cli_call("inspect", store, "--format", "json")).archive()["images"]
    held = {one["diff_id"]: one["digest"] for one in there["layers"]}
    before = files_of(store)
    for call in (
        ("convert", delta, store, "--merge"),
        ("convert", delta, tmp_path / "x", "--to", sent, "--base", store),
    ):
        line = refused(cli_call(*call), 1)
        assert f"3 layers that were left out are in {store} under another compression alone: " in line
        for one in listed(delta)["left_out"]:
            told_of = f"{one['digest']} is there as {held[one['diff_id']]} (in zstd, diff_id {one['diff_id']})"
            assert told_of in line
        assert "nowhere" not in line
    assert files_of(store) == before
    found = told(cli_call("audit", delta, "--base", store, "--format", "json"), 1).archive()["findings"]
    assert [
        (one["message"].partition(" (diff_id")[0], one["found"]) for one in found if one["severity"] == "error"
    ] == [
        (f"a layer is left out, and {store} has its content as another blob, in zstd", held[one["diff_id"]])
        for one in listed(delta)["left_out"]
    ]
    # What the message advises, and what it cannot know: each completes the store.
    told(cli_call("inventory", store, "--output", tmp_path / "have.json"))
    anew = ("--to", sent, "--have", tmp_path / "have.json")
    told(cli_call("convert", two, tmp_path / "sent", *anew))
    told(cli_call("convert", two, tmp_path / "zstd", *anew, "--compression", "zstd"))
    assert "delta.json" in files_of(tmp_path / "zstd")
    for number, more in enumerate(((delta, "--base", base), (tmp_path / "sent",), (tmp_path / "zstd",))):
        whole = shutil.copytree(store, tmp_path / f"store-{number}")
        told(cli_call("convert", more[0], whole, "--merge", *more[1:]))
        told(cli_call("audit", whole, "--strict"))


def test_nothing_is_merged_into_a_delta(delta: Path, base: Path, tmp_path: Path, cli_call: Call) -> None:
    told(cli_call("convert", base, tmp_path / "d", "--to", "oci-layout", "--have", base))
    before = files_of(tmp_path / "d")
    line = refused(cli_call("convert", delta, tmp_path / "d", "--merge", "--base", base), 2)
    assert "is a delta" in line
    assert files_of(tmp_path / "d") == before


def test_sources_of_one_call_complete_each_other(delta: Path, base: Path, tmp_path: Path, cli_call: Call) -> None:
    write_folder(tmp_path / "more", layout(AFTER.node().named("docker.io/library/more:1")))
    write_folder(tmp_path / "less", layout(BEFORE.node().named("docker.io/library/less:1")))
    told(cli_call("convert", tmp_path / "more", tmp_path / "d2", "--to", "oci-layout", "--have", tmp_path / "less"))
    assert len(left_out(tmp_path / "d2")) == 2
    told(cli_call("convert", delta, tmp_path / "d2", tmp_path / "less", base, tmp_path / "all", "--to", "oci-layout"))
    found = told(cli_call("audit", tmp_path / "all", "--strict", "--format", "json")).archive()
    assert len(found["images"]) == 4
    assert all(one["verified"] for image in found["images"] for one in image["layers"])


def test_what_is_nowhere_is_named_and_nothing_is_written(
    delta: Path, corpus: Path, tmp_path: Path, cli_call: Call
) -> None:
    dest = tmp_path / "whole"
    for more in ((), ("--base", corpus / "umoci-oci")):
        line = refused(cli_call("convert", delta, dest, "--to", "oci-layout", *more), 1, dest)
        assert all(one in line for one in left_out(delta))
    refused(cli_call("convert", delta, dest, "--to", "oci-layout", "--dry-run"), 1, dest)
    with pytest.raises(ContentError, match="3 layers that were left out are nowhere"):
        ociarchive.convert(delta, dest, to="oci-layout")


@pytest.mark.parametrize("change", ["flipped", "shorter"])
def test_a_base_that_lies_is_refused(change: str, delta: Path, base: Path, tmp_path: Path, cli_call: Call) -> None:
    path = base / "blobs" / left_out(delta)[2].replace(":", "/")
    path.chmod(0o600)
    raw = path.read_bytes()
    path.write_bytes(raw[:-1] if change == "shorter" else raw[:20] + bytes([raw[20] ^ 1]) + raw[21:])
    dest = tmp_path / "whole"
    line = refused(cli_call("convert", delta, dest, "--to", "oci-layout", "--base", base), 1, dest)
    assert str(path) in line or left_out(delta)[2].partition(":")[2] in line
    told(cli_call("audit", delta, "--base", base), 1)


def test_a_base_that_knows_layers_by_diff_id_alone_serves_too(
    delta: Path, corpus: Path, tmp_path: Path, cli_call: Call
) -> None:
    dest = tmp_path / "whole"
    done = told(cli_call("convert", delta, dest, "--to", "oci-layout", "--base", corpus / APP))
    assert "only its content is there" in done.stderr
    assert manifests(dest) == manifests(delta)  # gzip was ours, and is made again byte for byte
    told(cli_call("convert", delta, tmp_path / "zstd", "--to", "oci-layout", "--base", corpus / APP, "--level", "9"))
    assert manifests(tmp_path / "zstd") != manifests(delta)
    for path in (dest, tmp_path / "zstd"):
        told(cli_call("audit", path, "--strict"))
        told(cli_call("diff", path, corpus / TWO))
    told(cli_call("audit", delta, "--base", corpus / APP, "--strict"))


def test_a_base_gives_what_its_selectors_take(delta: Path, corpus: Path, tmp_path: Path, cli_call: Call) -> None:
    """The base has two images, of which one alone has all layers that are left out."""
    both = tmp_path / "both"
    told(cli_call("convert", corpus / APP, both, "--to", "oci-layout"))
    write_folder(tmp_path / "else", layout(Image(layers=[UPPER]).node().named("docker.io/library/else:1")))
    told(cli_call("convert", tmp_path / "else", both, "--to", "oci-layout", "--merge"))
    dest = tmp_path / "whole"
    line = refused(cli_call("convert", delta, dest, "--to", "oci-layout", "--base", f"{both}#else:1"), 1, dest)
    assert all(one in line for one in left_out(delta))
    told(cli_call("audit", delta, "--base", f"{both}#else:1"), 1)
    line = refused(cli_call("convert", delta, dest, "--to", "oci-layout", "--base", f"{both}#gone:1"), 2, dest)
    assert "else:1" in line
    told(cli_call("audit", delta, "--base", f"{both}#corpus/app:1.0"))
    told(cli_call("convert", delta, dest, "--to", "oci-layout", "--base", f"{both}#corpus/app:1.0"))


def test_a_layer_left_out_by_its_chain_is_completed_by_its_content(tmp_path: Path, cli_call: Call) -> None:
    write_folder(tmp_path / "new", layout(AFTER.node().named("docker.io/library/a:2")))
    other = Image(layers=[packed(one.plain, "zstd") for one in BEFORE.layers])
    write_folder(tmp_path / "there", layout(other.node().named("docker.io/library/a:1")))
    delta, there = tmp_path / "d.tar", tmp_path / "there"
    told(cli_call("convert", tmp_path / "new", delta, "--to", "docker-archive", "--have", there))
    assert left_out(delta) == [LOWEST.digest, MIDDLE.digest]
    told(cli_call("audit", delta, "--have", there))
    told(cli_call("audit", delta, "--base", there))
    told(cli_call("convert", delta, tmp_path / "whole.tar", "--to", "docker-archive", "--base", there))
    told(cli_call("diff", tmp_path / "whole.tar", tmp_path / "new"))


def test_a_base_gives_what_was_lost_too(tmp_path: Path, cli_call: Call) -> None:
    node = AFTER.node().named("docker.io/library/a:2")
    write_folder(tmp_path / "holed", layout(node, without=[LOWEST.digest]))
    write_folder(tmp_path / "base", layout(BEFORE.node().named("docker.io/library/a:1")))
    dest = tmp_path / "whole"
    refused(cli_call("convert", tmp_path / "holed", dest, "--to", "oci-layout"), 1, dest)
    told(cli_call("convert", tmp_path / "holed", dest, "--to", "oci-layout", "--base", tmp_path / "base"))
    assert manifests(dest) == [node.digest]
    told(cli_call("audit", tmp_path / "holed", "--base", tmp_path / "base"), 1)  # nothing says that it was on purpose


def test_an_archive_says_itself_that_it_is_a_store(tmp_path: Path) -> None:
    """Only an engine's storage may lack layers without a word; what says that it is one need be of no class."""
    write_folder(tmp_path / "holed", layout(AFTER.node().named("docker.io/library/a:2"), without=[LOWEST.digest]))
    write_folder(tmp_path / "base", layout(BEFORE.node().named("docker.io/library/a:1")))
    with ociarchive.open_archive(tmp_path / "holed") as holed, ociarchive.open_archive(tmp_path / "base") as base:
        pool = Pool([base])
        assert complete(holed, pool, declared=True) is holed
        store = replace(holed, origin=SimpleNamespace(kind="store"))
        assert not lacking(complete(store, pool, declared=True))
        assert store.is_folder


def test_a_base_gives_what_an_old_save_lost(tmp_path: Path, cli_call: Call) -> None:
    """It names layers by files, so their diff_ids say what they were. The audit of it finds them missing as ever."""
    saved = docker_archive(Saved(image=Image(layers=[layer({"etc/low": b"low"}), layer({"bin/app": b"app"})])))
    base = write_tar(tmp_path / "base.tar", saved)
    lost = next(member.name for member in saved if member.name.endswith("layer.tar"))
    source = write_tar(tmp_path / "source.tar", [member for member in saved if member.name != lost])
    dest = tmp_path / "dest"
    refused(cli_call("convert", source, dest, "--to", "docker-archive"), 1, dest)
    told(cli_call("convert", source, dest, "--to", "docker-archive", "--base", base))
    told(cli_call("diff", dest, base))
    report = told(cli_call("audit", "--format", "json", source, "--base", base), 1).archive()
    assert [one["rule"] for one in report["findings"] if one["severity"] == "error"] == ["blob-missing"]


def test_a_blob_that_is_no_layer_always_travels(tmp_path: Path, cli_call: Call) -> None:
    node = AFTER.node().named("docker.io/library/a:2")
    write_folder(tmp_path / "new", layout(node))
    (tmp_path / "have").write_text("\n".join([*node.blobs, digest(b"more")]))
    told(cli_call("convert", tmp_path / "new", tmp_path / "d", "--to", "oci-layout", "--have", tmp_path / "have"))
    assert left_out(tmp_path / "d") == [one.digest for one in AFTER.layers]
    assert manifests(tmp_path / "d") == [node.digest]
