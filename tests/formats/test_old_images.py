"""Images of Docker's first years: what real producers wrote has the image IDs that Docker 20.10 gives it."""

import json
import shutil
import tarfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ociarchive.formats import written
from ociarchive.measure import measure
from tests.support import build, old
from tests.support.build import Layer, layer
from tests.support.call import Call, Json, Result, refused, told
from tests.support.tar import Member, changed, file, folder, symlink, write_folder, write_tar
from tests.support.truth import CORPUS

#: By Docker 20.10.24, where manifest.json is taken away: docs of the corpus, "Old images".
IDS = {
    "docker20.tar": {"docker.io/corpus/app:1.0": "8b3a02b86a523f1b007271b28c875c648840f1d007701a9fabe0b4af57a683c2"},
    "docker20-two-tags.tar": {
        "docker.io/corpus/app:1.0": "8b3a02b86a523f1b007271b28c875c648840f1d007701a9fabe0b4af57a683c2",
        "docker.io/corpus/app:latest": "8b3a02b86a523f1b007271b28c875c648840f1d007701a9fabe0b4af57a683c2",
    },
    "docker20-two-images.tar": {
        "docker.io/corpus/app:1.0": "8b3a02b86a523f1b007271b28c875c648840f1d007701a9fabe0b4af57a683c2",
        "docker.io/corpus/two:2.0": "2adb3baf2260530a03f6d7891cf88993cb5aa1afeea5e0521961895ff87ff5fa",
    },
    "crane-legacy.tar": {
        "127.0.0.1:5055/corpus/app:1.0": "0b6b88d4cb7f3759b5b95e967d6f9427358cc74ae76647c1b3335d3501bc0771"
    },
    "skopeo-docker-archive.tar": {
        "docker.io/corpus/app:1.0": "bda59d968f37f9d54ae37094f4ebc918da1633cc0488966b206e4724f01aa88b"
    },
}
SCHEMA1 = CORPUS / "skopeo-dir-schema1"
REGISTRY = CORPUS / "registry-data"
SCHEMA1_ID = "sha256:0b0c57a83d23ccd6854ffb0d7dd759fcbbda6e2517d7f82b5e9c4705d378367d"
SCHEMA1_DIGEST = "sha256:a9ed63e207004da3bf8282b3093b4b8ce814000143f04fe777bf242ab202fbb3"
EMPTY = "a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4"
LAYERS = (layer({"a": b"base"}, "gzip"), layer({"b": b"top"}, "gzip"))
PLAIN = tuple(layer({name: b"content"}, "none") for name in "ab")


def before_manifests(name: str, place: Path) -> Path:
    """Write an archive of the corpus as Docker before 1.10 would have: without the documents that came later."""
    path = place / name
    with tarfile.open(CORPUS / name) as whole, tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as kept:
        for one in whole:
            if one.name not in ("manifest.json", "index.json", "oci-layout"):
                kept.addfile(one, whole.extractfile(one) if one.isreg() else None)
    return path


def ids(result: Result) -> dict[str, str]:
    return {name: one["image_id"] for one in result.archive()["images"] for name in one["references"]}


def inspected(call: Call, path: Path) -> Json:
    return told(call("inspect", "--format", "json", path)).archive()


@pytest.mark.parametrize("name", IDS)
def test_an_old_save_has_the_ids_that_docker_gives_it(name: str, tmp_path: Path, cli_call: Call) -> None:
    path = before_manifests(name, tmp_path)
    result = told(cli_call("audit", "--format", "json", path))
    assert ids(result) == {ref: f"sha256:{hexed}" for ref, hexed in IDS[name].items()}
    assert result.rules() == set()
    assert "config-made" in result.rules("note")
    assert all(part["verified"] for one in result.archive()["images"] for part in one["layers"])


def test_an_old_save_by_id_has_an_image_without_a_name(tmp_path: Path, cli_call: Call) -> None:
    path = before_manifests("docker20-by-id.tar", tmp_path)
    result = told(cli_call("audit", "--format", "json", path))
    (image,) = result.archive()["images"]
    assert image["references"] == []
    assert image["image_id"] == f"sha256:{IDS['docker20.tar']['docker.io/corpus/app:1.0']}"
    assert {"v1-layer-unnamed"} < result.rules("note")
    assert result.rules() == set()


def test_a_registry_agrees_with_the_truth_for_all_four_tags(cli_call: Call) -> None:
    found = inspected(cli_call, REGISTRY)
    (image,) = [one for one in found["images"] if one["references"] == ["docker.io/corpus/app:schema1"]]
    truth = json.loads((CORPUS / "truth.json").read_bytes())["registry-data"]["registry"]
    assert image["manifest"] == truth["schema1"]["schema1"] == SCHEMA1_DIGEST
    assert image["image_id"] == truth["1.0"][0]["image_id"] == SCHEMA1_ID
    assert [one["diff_id"] for one in image["layers"]] == truth["1.0"][0]["diff_ids"]
    assert found["missing"] == []
    result = told(cli_call("audit", "--format", "json", REGISTRY))
    assert result.rules() == set()
    assert result.rules("note") == {"config-made"}  # a registry keeps no signature


def test_a_signed_manifest_has_the_digest_of_what_was_signed(cli_call: Call) -> None:
    result = told(cli_call("audit", "--format", "json", SCHEMA1))
    (image,) = result.archive()["images"]
    assert (image["manifest"], image["image_id"], image["platform"]) == (SCHEMA1_DIGEST, SCHEMA1_ID, "linux/amd64")
    facts = json.loads((CORPUS / "truth.json").read_bytes())["skopeo-dir-schema1"]["schema1"]
    named = dict(zip(reversed(facts["layers"]), facts["diff_ids_bottom_up"], strict=True))
    assert {one["digest"]: one["diff_id"] for one in image["layers"]} == {
        digest: diff_id for digest, diff_id in named.items() if EMPTY not in digest
    }
    assert result.rules() == set()
    assert result.rules("note") == {"config-made", "schema1-signature"}


def test_blobs_of_steps_without_a_layer_are_proved_and_stay_behind(tmp_path: Path, cli_call: Call) -> None:
    path, dest = tmp_path / "dir", tmp_path / "dest"
    shutil.copytree(SCHEMA1, path)
    told(cli_call("convert", path, dest, "--to", "dir"))
    assert not (dest / EMPTY).exists()
    (path / EMPTY).write_bytes(b"x" * 32)
    assert told(cli_call("audit", "--format", "json", path), 1).rules() == {"digest-mismatch"}
    (path / EMPTY).unlink()
    assert told(cli_call("audit", "--format", "json", path), 1).rules() == {"blob-missing"}


@pytest.mark.parametrize("form", written())
@pytest.mark.parametrize("source", ["schema1", "registry", "save"])
def test_it_goes_into_every_format_and_is_said_to_be_new(
    source: str, form: str, tmp_path: Path, cli_call: Call
) -> None:
    path: Path | str = SCHEMA1
    wanted = SCHEMA1_ID
    if source == "registry":
        path = f"{REGISTRY}#corpus/app:schema1"
    elif source == "save":
        path = before_manifests("docker20.tar", tmp_path)
        wanted = f"sha256:{IDS['docker20.tar']['docker.io/corpus/app:1.0']}"
    dest, receipt = tmp_path / "dest", tmp_path / "receipt.json"
    result = told(cli_call("convert", path, dest, "--to", form, "--tag", "corpus/a:1", "--receipt", receipt))
    assert f"the image ID {wanted[:19]}" in result.stderr
    assert "is new: " in result.stderr
    assert "as Docker 20.10 makes it" in result.stderr
    (image,) = inspected(cli_call, dest)["images"]
    assert image["image_id"] == wanted
    assert told(cli_call("audit", dest, "--format", "json", "--receipt", receipt)).rules("note", "warning") == set()
    value = json.loads(receipt.read_bytes())
    (config,) = value["configs"]
    assert config["old"] is None
    assert config["new"]["digest"] == wanted
    assert config["made"].startswith("the image ID is new: ")
    (manifest,) = value["manifests"]
    assert (manifest["old"] or {}).get("digest") == (None if source == "save" else SCHEMA1_DIGEST)


@pytest.mark.parametrize("form", [one for one in written() if one != "dir"])
def test_every_tag_of_a_registry_converts(form: str, tmp_path: Path, cli_call: Call) -> None:
    dest = tmp_path / "dest"
    told(cli_call("convert", REGISTRY, dest, "--to", form, "--compression", "keep", "--no-sync"))
    found, before = inspected(cli_call, dest), inspected(cli_call, REGISTRY)
    assert len(found["images"]) >= 5

    def held(archive: Json) -> set[tuple[str, str, tuple[str, ...]]]:
        return {
            (name, one["image_id"], tuple(part["diff_id"] for part in one["layers"]))
            for one in archive["images"]
            for name in one["references"]
        }

    assert held(found) == held(before)


def test_digests_are_not_preserved_and_it_is_not_written(tmp_path: Path, cli_call: Call) -> None:
    dest = tmp_path / "dest"
    line = refused(cli_call("convert", SCHEMA1, dest, "--to", "dir", "--preserve-digests"), 2, dest)
    assert "image manifest schema 1" in line
    assert SCHEMA1_DIGEST in line
    assert refused(cli_call("convert", SCHEMA1, dest, "--to", "schema1"), 2, dest)


def test_a_comparison_says_that_an_id_is_new(cli_call: Call) -> None:
    result = told(cli_call("diff", SCHEMA1, CORPUS / "docker20.tar", "--format", "json"))
    assert result.json()["same"] is True
    (note,) = result.json()["notes"]
    assert SCHEMA1_ID in note
    assert "is new" in note
    assert "skopeo-dir-schema1" in note


def test_an_inspection_says_that_an_id_is_new(cli_call: Call) -> None:
    result = told(cli_call("inspect", SCHEMA1))
    assert "notice: the image ID is new: image manifest schema 1 has no config" in result.stderr
    assert "the signature was not checked" in result.stderr


def test_a_layer_is_unpacked_once_for_all_steps_of_an_audit(cli_call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    small = {one.name for one in SCHEMA1.iterdir() if one.stat().st_size > 100 and len(one.name) == 64}

    def counted(source: object, **how: object) -> object:
        assert not any(name in str(getattr(source, "where", "")) for name in small), source
        return measure(source, **how)  # type: ignore[arg-type]

    monkeypatch.setattr("ociarchive.auditing.measuring.measure", counted)
    told(cli_call("audit", SCHEMA1))


def test_a_manifest_with_another_digest_is_found_and_stops_no_other_tag(tmp_path: Path, cli_call: Call) -> None:
    path, dest = tmp_path / "registry", tmp_path / "dest"
    shutil.copytree(REGISTRY, path)
    encoded = build.hexed(SCHEMA1_DIGEST)
    data = path / "docker/registry/v2/blobs/sha256" / encoded[:2] / encoded / "data"
    data.write_bytes(data.read_bytes().replace(b"amd64", b"arm64"))
    assert told(cli_call("audit", "--format", "json", path), 1).rules() == {"digest-mismatch"}
    line = refused(cli_call("convert", f"{path}#corpus/app:schema1", dest, "--to", "dir"), 1, dest)
    assert SCHEMA1_DIGEST in line
    told(cli_call("convert", f"{path}#corpus/app:1.0", dest, "--to", "dir"))


def test_a_rehearsal_says_that_layers_were_read(tmp_path: Path, cli_call: Call) -> None:
    result = told(cli_call("convert", "--dry-run", SCHEMA1, tmp_path / "dest", "--to", "dir"))
    words = " ".join(result.stdout.split())
    assert "layers were read for the configs alone that the source does not have" in words
    assert f"config is new: {SCHEMA1_ID[7:19]}" in words


# Made by hand


def schema1(tmp_path: Path, manifest: bytes, layers: Sequence[Layer] = LAYERS) -> Path:
    return write_folder(tmp_path / "dir", old.schema1_dir(manifest, layers))


def test_an_unsigned_manifest_is_read(tmp_path: Path, cli_call: Call) -> None:
    raw = old.payload(LAYERS)
    result = told(cli_call("audit", "--format", "json", schema1(tmp_path, raw)))
    (image,) = result.archive()["images"]
    assert image["manifest"] == build.digest(raw)
    assert [one["diff_id"] for one in image["layers"]] == [one.diff_id for one in LAYERS]
    assert result.rules("note") == {"config-made"}


def test_signed_and_unsigned_have_one_digest(tmp_path: Path, cli_call: Call) -> None:
    raw = old.payload(LAYERS)
    found = inspected(cli_call, schema1(tmp_path, old.signed(raw)))
    assert found["images"][0]["manifest"] == build.digest(raw)


def test_it_stands_in_an_index_too(tmp_path: Path, cli_call: Call) -> None:
    """Docker's lists of the time named manifests of schema 1."""
    raw = old.payload(LAYERS)
    node = build.blob(raw, old.UNSIGNED, platform={"os": "linux", "architecture": "amd64"})
    listed = build.index([node])
    blobs = {one.digest: one.stored for one in LAYERS}
    path = write_tar(tmp_path / "a.tar", build.layout(replace(listed, blobs={**listed.blobs, **blobs})))
    told(cli_call("audit", path))
    dest = tmp_path / "dest"
    told(cli_call("convert", path, dest, "--to", "oci-layout"))
    (image,) = inspected(cli_call, dest)["images"]
    assert [one["diff_id"] for one in image["layers"]] == [one.diff_id for one in LAYERS]


def test_layers_of_an_old_save_may_be_compressed_and_links(tmp_path: Path, cli_call: Call) -> None:
    made = old.saved((PLAIN[0], LAYERS[1], PLAIN[0]))
    top = f"{old.identity(2)}/layer.tar"
    made = [*(one for one in made if one.name != top), symlink(top, f"../{old.identity(0)}/layer.tar")]
    result = told(cli_call("audit", "--format", "json", write_tar(tmp_path / "a.tar", made)))
    (image,) = result.archive()["images"]
    wanted = [PLAIN[0].diff_id, LAYERS[1].diff_id, PLAIN[0].diff_id]
    assert [one["diff_id"] for one in image["layers"]] == wanted
    assert [one["compression"] for one in image["layers"]] == ["none", "gzip", "none"]
    told(cli_call("convert", tmp_path / "a.tar", tmp_path / "b.tar", "--to", "docker-archive"))


def test_an_unpacked_old_save_is_read(tmp_path: Path, cli_call: Call) -> None:
    folders = [folder(old.identity(number)) for number in range(2)]
    path = write_folder(tmp_path / "folder", [*folders, *old.saved(PLAIN)])
    assert list(ids(told(cli_call("audit", "--format", "json", path)))) == ["docker.io/corpus/old:1.0"]


def test_each_layer_may_have_a_name(tmp_path: Path, cli_call: Call) -> None:
    names = {"corpus/old": {"base": old.identity(0), "top": old.identity(1), "again": old.identity(1)}}
    found = inspected(cli_call, write_tar(tmp_path / "a.tar", old.saved(PLAIN, names=names)))
    counts = [(one["references"], len(one["layers"])) for one in found["images"]]
    assert counts == [
        (["docker.io/corpus/old:base"], 1),
        (["docker.io/corpus/old:top", "docker.io/corpus/old:again"], 2),
    ]


def test_a_fault_of_one_image_does_not_stop_another(tmp_path: Path, cli_call: Call) -> None:
    names = {"corpus/old": {"base": old.identity(0), "top": old.identity(1)}}
    made = changed(old.saved(PLAIN, names=names), f"{old.identity(1)}/json", old.v1(1, 7))
    path, dest = write_tar(tmp_path / "a.tar", made), tmp_path / "b"
    told(cli_call("convert", f"{path}#corpus/old:base", dest, "--to", "oci-layout"))
    assert len(inspected(cli_call, dest)["images"]) == 1
    assert "parent is not in the archive" in refused(cli_call("convert", path, tmp_path / "c", "--to", "dir"), 1)


def test_a_cut_layer_is_a_finding_and_no_config_is_made(tmp_path: Path, cli_call: Call) -> None:
    cut = replace(LAYERS[1], stored=LAYERS[1].stored[:-9])
    path = schema1(tmp_path, old.payload((LAYERS[0], cut)), (LAYERS[0], cut))
    result = told(cli_call("audit", "--format", "json", path), 1)
    assert result.rules() == {"layer-damaged"}
    assert result.archive()["images"] == []
    assert refused(cli_call("convert", path, tmp_path / "b", "--to", "oci-layout"), 1, tmp_path / "b")


def test_a_cut_archive_lacks_nothing_besides(tmp_path: Path, cli_call: Call) -> None:
    """What tells a newer archive from an old one stands at its end, and so do the layers that are behind the cut."""
    (tmp_path / "cut.tar").write_bytes((CORPUS / "docker20.tar").read_bytes()[:30_000])
    found = told(cli_call("audit", "--format", "json", tmp_path / "cut.tar"), 1).archive()["findings"]
    assert {one["rule"] for one in found if one["severity"] == "error"} == {"tar-truncated"}


def test_the_registry_needs_links_to_blobs_of_steps_without_a_layer(tmp_path: Path, cli_call: Call) -> None:
    path = tmp_path / "registry"
    shutil.copytree(REGISTRY, path)
    shutil.rmtree(path / "docker/registry/v2/repositories/corpus/app/_layers/sha256" / EMPTY)
    assert told(cli_call("audit", "--format", "json", path), 1).rules() == {"registry-link-missing"}


@pytest.mark.parametrize("files", [[file("repositories", b"{}")], []])
def test_no_layer_at_all_is_no_image(files: list[Member], tmp_path: Path, cli_call: Call) -> None:
    path = write_tar(tmp_path / "a.tar", [*files, file("other", b"x")])
    assert refused(cli_call("convert", path, tmp_path / "b", "--to", "dir"), 1, tmp_path / "b")


@pytest.mark.parametrize(
    ("missing", "left"), [(("os", "architecture"), None), (("os",), "amd64"), (("architecture",), "linux")]
)
@pytest.mark.parametrize("fmt", written())
def test_an_image_without_a_platform_is_refused_with_the_way_out(
    fmt: str, missing: Sequence[str], left: str | None, tmp_path: Path, cli_call: Call
) -> None:
    texts = [old.without(text, *missing) for text in old.chain(2)]
    source = write_tar(tmp_path / "old.tar", old.saved(PLAIN, texts))
    # Docker 20.10 loads it, takes what is missing from its machine, and writes it into no config.
    (image,) = told(cli_call("inspect", source, "--format", "json")).archive()["images"]
    assert image["platform"] == left
    error = refused(cli_call("convert", source, tmp_path / "dest", "--to", fmt), 1)
    assert "docker commit" in error
    assert "the config that Docker makes of the image has no" in error
    assert not (tmp_path / "dest").exists()
