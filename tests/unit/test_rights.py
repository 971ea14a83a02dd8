"""What replaces a file, or is added to a store, keeps modes and owners, whatever umask and user the run has."""

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ociarchive.blobio.rights import Rights
from ociarchive.errors import OciArchiveError
from ociarchive.formats import by_name
from ociarchive.transform import merge
from tests.support import build
from tests.support.build import Image, layer
from tests.support.call import Call, told
from tests.support.tar import write_folder, write_tar

OLD = Image(layers=[layer({"base": b"base"}, "gzip")]).node().named("docker.io/corpus/old:1", "1")
NEW = Image(layers=[layer({"new": b"new"}, "gzip")]).node().named("docker.io/corpus/new:1", "1")
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="root alone may give files away")
OWNER = (1234, 5678)


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


def opened(path: Path, *, owner: tuple[int, int] | None = None) -> Path:
    """Let all read a file or folder, and give it to somebody."""
    for one in [path, *path.rglob("*")] if path.is_dir() else [path]:
        one.chmod(0o2755 if one.is_dir() else 0o644)
        if owner:
            os.chown(one, *owner)
            one.chmod(0o2755 if one.is_dir() else 0o644)
    return path


def rights(path: Path) -> set[tuple[bool, int, int, int]]:
    found = set()
    for one in [path, *path.rglob("*")]:
        status = one.lstat()
        found.add((one.is_dir(), stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid))
    return found


def source(folder: Path) -> Path:
    return write_tar(folder / "new.tar", build.layout(NEW))


@AS_ROOT
@pytest.mark.parametrize("target", ["oci-layout", "registry-storage"])
@pytest.mark.parametrize("option", ["--merge", "--force"])
def test_a_store_of_another_stays_his(option: str, target: str, tmp_path: Path, cli_call: Call) -> None:
    dest = tmp_path / "dest"
    told(cli_call("convert", write_tar(tmp_path / "old.tar", build.layout(OLD)), dest, "--to", target))
    opened(dest, owner=OWNER)
    before = rights(dest)
    result = told(cli_call("convert", source(tmp_path), dest, "--to", target, option))
    assert "kept" not in result.stderr
    assert rights(dest) == before == {(True, 0o2755, *OWNER), (False, 0o644, *OWNER)}


@pytest.mark.parametrize("target", ["oci-layout", "registry-storage"])
@pytest.mark.parametrize("option", ["--merge", "--force"])
def test_who_could_read_a_store_still_can(option: str, target: str, tmp_path: Path, cli_call: Call) -> None:
    dest = tmp_path / "dest"
    told(cli_call("convert", write_tar(tmp_path / "old.tar", build.layout(OLD)), dest, "--to", target))
    opened(dest)
    told(cli_call("convert", source(tmp_path), dest, "--to", target, option))
    assert {one[:2] for one in rights(dest)} == {(True, 0o2755), (False, 0o644)}


@pytest.mark.parametrize("outer", ["none", "gzip"])
def test_a_file_that_is_replaced_keeps_its_mode(outer: str, tmp_path: Path, cli_call: Call) -> None:
    dest = source(tmp_path).rename(tmp_path / "dest")
    dest.chmod(0o664)
    told(cli_call("convert", source(tmp_path), dest, "--to", "oci-archive", "--force", "--outer", outer))
    assert stat.S_IMODE(dest.stat().st_mode) == 0o664


def test_what_is_new_has_the_mode_that_the_umask_gives(tmp_path: Path, cli_call: Call) -> None:
    for target, mode in (("oci-archive", 0o600), ("oci-layout", 0o700)):
        told(cli_call("convert", source(tmp_path), tmp_path / target, "--to", target))
        assert stat.S_IMODE((tmp_path / target).stat().st_mode) == mode


@pytest.mark.parametrize(("old", "new"), [("oci-archive", "oci-layout"), ("oci-layout", "oci-archive")])
def test_a_folder_for_a_file_is_read_by_the_same_people(old: str, new: str, tmp_path: Path, cli_call: Call) -> None:
    dest = tmp_path / "dest"
    told(cli_call("convert", source(tmp_path), dest, "--to", old))
    dest.chmod(0o640 if old == "oci-archive" else 0o750)
    if old == "oci-layout":
        (dest / "index.json").chmod(0o640)
    told(cli_call("convert", source(tmp_path), dest, "--to", new, "--force"))
    found = {one[:2] for one in rights(dest)}
    assert found == ({(True, 0o750), (False, 0o640)} if new == "oci-layout" else {(False, 0o640)})


def test_each_file_keeps_its_own_mode(tmp_path: Path) -> None:
    old, new = (write_folder(tmp_path / name, build.layout(OLD)) for name in ("old", "new"))
    modes = {"index.json": 0o640, "oci-layout": 0o444, "blobs": 0o711, "blobs/sha256": 0o2750}
    for name, mode in modes.items():
        (old / name).chmod(mode)
    (new / "added").write_text("added")
    Rights(str(old), "old", sync=True).give_all(str(new))
    assert {name: stat.S_IMODE((new / name).stat().st_mode) for name in modes} == modes
    assert stat.S_IMODE((new / "added").stat().st_mode) == 0o640, "as the document with which the layout begins"


@AS_ROOT
def test_an_access_list_is_kept(tmp_path: Path) -> None:
    """Version 2, and five entries: user rw, user 1234 r, group r, mask r, others nothing."""
    entries = [(1, 6, -1), (2, 4, 1234), (4, 4, -1), (16, 4, -1), (32, 0, -1)]
    raw = (2).to_bytes(4, "little") + b"".join(
        tag.to_bytes(2, "little") + bits.to_bytes(2, "little") + (who & 0xFFFFFFFF).to_bytes(4, "little")
        for tag, bits, who in entries
    )
    dest = write_folder(tmp_path / "dest", build.layout(OLD))
    kind = "system.posix_acl_access"
    try:
        os.setxattr(dest / "index.json", kind, raw)
    except OSError:
        pytest.skip("a file system without access lists")
    before = os.getxattr(dest / "index.json", kind)
    merge.into(str(dest), str(write_folder(tmp_path / "staged", build.layout(NEW))), by_name("oci-layout"), sync=False)
    assert os.getxattr(dest / "index.json", kind) == before
    assert os.getxattr(dest / build.blob_path(NEW.digest), kind) == before


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A folder that other users may enter, as that of pytest is not."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)  # noqa: S103  that is the point
        yield Path(folder)


@AS_ROOT
def test_what_cannot_be_kept_is_said_once(reachable: Path) -> None:
    """An ordinary user in a store of another's whose folders all may write to."""
    tmp_path = reachable
    dest = write_folder(tmp_path / "dest", build.layout(OLD))
    staged = write_folder(tmp_path / "staged", build.layout(NEW))
    for one in [dest, *dest.rglob("*")]:
        os.chown(one, *OWNER)
        one.chmod(0o777 if one.is_dir() else 0o604)
    for one in [staged, *staged.rglob("*")]:
        os.chown(one, 65534, 65534)
    heard: list[str] = []
    os.chown(tmp_path, 65534, 65534)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.chdir(tmp_path)
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            merge.into("dest", "staged", by_name("oci-layout"), sync=False, hear=heard.append)
        except OciArchiveError as error:
            heard.append(str(error))
        finally:
            os.write(writing, "\n".join(heard).encode())
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading) as stream:
        lines = stream.read().splitlines()
    assert len(lines) == 1, lines
    assert "owner" in lines[0]
    assert "65534:65534 instead of 1234:5678" in lines[0]
    assert stat.S_IMODE((dest / "index.json").stat().st_mode) == 0o604
    assert stat.S_IMODE((dest / build.blob_path(NEW.digest)).stat().st_mode) == 0o604
