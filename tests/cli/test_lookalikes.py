"""What is nearly an archive, or has no room to be read: one sentence that says what to do, or it is read."""

import os
import tempfile
from pathlib import Path

import pytest

from ociarchive.blobio import spool
from tests.support.build import Image, gzipped, layer, layout, skopeo_dir
from tests.support.call import Call, refused, told
from tests.support.tar import file, renamed, tar, write_folder, write_tar

IMAGE = Image(layers=[layer({"app": b"app" * 700}, "gzip")])
NODE = IMAGE.node().named("docker.io/corpus/app:1.0", "1.0")
SOUND = layout(NODE)


@pytest.mark.parametrize("args", [("inspect",), ("audit",)])
def test_a_full_temporary_folder_is_named_and_how_to_have_another(
    args: tuple[str, ...], tmp_path: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "app.tar.gz"
    source.write_bytes(gzipped(tar(SOUND)))
    monkeypatch.setattr(spool, "nameless", lambda _: os.open("/dev/full", os.O_RDWR))
    line = refused(cli_call(*args, source), 3)
    assert f"({tempfile.gettempdir()}: the variable TMPDIR chooses another folder)" in line
    assert "No space left on device, free some space there" in line
    assert str(source) not in line


def test_a_full_folder_of_dest_is_named_itself(tmp_path: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "app.tar.gz"
    source.write_bytes(gzipped(tar(SOUND)))
    (tmp_path / "to").mkdir()
    monkeypatch.setattr(spool, "nameless", lambda _: os.open("/dev/full", os.O_RDWR))
    line = refused(cli_call("convert", source, tmp_path / "to" / "dest", "--to", "dir"), 3, tmp_path / "to" / "dest")
    assert line.endswith(f"({tmp_path / 'to'})")


def registry(folder: Path, call: Call) -> Path:
    told(call("convert", write_tar(folder / "source.tar", SOUND), folder / "reg", "--to", "registry-storage"))
    return folder / "reg"


@pytest.mark.parametrize(
    ("below", "found"),
    [
        ("docker", "registry/v2/repositories"),
        ("docker/registry", "v2/repositories"),
        ("docker/registry/v2", "repositories"),
    ],
)
def test_a_folder_inside_of_a_registry_leads_to_its_root(
    below: str, found: str, tmp_path: Path, cli_call: Call
) -> None:
    root = registry(tmp_path, cli_call)
    line = refused(cli_call("inspect", root / below), 1)
    assert f"a folder inside of a registry's root: found {found}; name {root} (" in line
    told(cli_call("inspect", root))


def test_a_folder_inside_of_a_registry_that_was_moved(tmp_path: Path, cli_call: Call) -> None:
    (registry(tmp_path, cli_call) / "docker/registry/v2").rename(tmp_path / "v2")
    assert "docker/registry/v2 above it" in refused(cli_call("inspect", tmp_path / "v2"), 1)
    write_tar(tmp_path / "v2.tar", [file(f"v2/{one.relative_to(tmp_path / 'v2')}", one.read_bytes())
                                    for one in (tmp_path / "v2").rglob("*") if one.is_file()])  # fmt: skip
    assert "pack the folder that holds docker/registry/v2" in refused(cli_call("inspect", tmp_path / "v2.tar"), 1)


def test_folders_that_hold_archives(tmp_path: Path, cli_call: Call) -> None:
    outer = tmp_path / "outer"
    write_folder(outer / "app", SOUND)
    line = refused(cli_call("inspect", outer), 1)
    assert f"one lies a folder deeper: found {outer / 'app'}; name that one (" in line
    for name in ("a.tar", "b.tar", "c.tar"):
        write_tar(outer / name, SOUND)
    (outer / "notes.txt").write_text("nothing")
    line = refused(cli_call("inspect", outer), 1)
    assert f"found {outer / 'a.tar'}, {outer / 'app'}, {outer / 'b.tar'} and 1 more; name one, or audit all" in line
    (one,) = cli_call("audit", outer, "--format", "json").archive()["findings"]
    assert one["rule"] == "not-an-archive"
    assert "--recursive" in one["message"]
    assert told(cli_call("audit", outer, "--recursive", "--format", "json")).status == 0


def test_a_folder_of_other_things_is_not_called_one_of_archives(tmp_path: Path, cli_call: Call) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "index.json").write_text('{"name": "a program"}')
    (tmp_path / "data.gz").write_bytes(gzipped(b"data"))
    assert "found a folder with" in refused(cli_call("inspect", tmp_path), 1)


@pytest.mark.parametrize("name", ["layout", "dir"])
def test_what_is_packed_with_its_folder_converts_to_what_it_was(name: str, tmp_path: Path, cli_call: Call) -> None:
    members = {"layout": renamed(SOUND, "srv/app/"), "dir": renamed(skopeo_dir(NODE), "app/")}[name]
    source = write_tar(tmp_path / "source.tar", members)
    assert told(cli_call("audit", source, "--format", "json")).rules("warning") == {"archive-wrapped"}
    told(cli_call("convert", source, tmp_path / "dest", "--to", "oci-layout"))
    found = told(cli_call("audit", tmp_path / "dest", "--format", "json"))
    assert found.rules() == set()
    assert found.archive()["images"][0]["manifest"] == NODE.digest


def test_a_member_beside_the_folder_makes_it_no_archive(tmp_path: Path, cli_call: Call) -> None:
    source = write_tar(tmp_path / "source.tar", [*renamed(SOUND, "app/"), file("README", b"")])
    assert "not an image archive" in refused(cli_call("inspect", source), 1)


def test_the_blobs_of_containerd_lead_to_its_root(tmp_path: Path, cli_call: Call) -> None:
    content = write_folder(tmp_path / "root" / "io.containerd.content.v1.content", SOUND)
    for name in ("index.json", "oci-layout", "manifest.json"):
        (content / name).unlink(missing_ok=True)
    assert "lacks its index.json" in refused(cli_call("inspect", content), 1)  # nothing says that it is containerd's
    (tmp_path / "root" / "io.containerd.metadata.v1.bolt").mkdir()
    (tmp_path / "root" / "io.containerd.metadata.v1.bolt" / "meta.db").write_bytes(b"")
    line = refused(cli_call("inspect", content), 1)
    assert f"a folder inside of one: found {tmp_path / 'root'}; name that one ({content})" in line
