"""What stands at DEST: it goes only if all of it is an archive's, and the call hears what would be lost."""

import os
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ociarchive.blobio import removing
from ociarchive.errors import HostError, UsageError
from ociarchive.formats import FORMATS, by_name
from ociarchive.opening.folders import owned_names
from ociarchive.selection.argument import Source
from ociarchive.transform.existing import Existing
from tests.support import build
from tests.support.build import Image, Saved, layer
from tests.support.call import Call, hidden, refused, told
from tests.support.tar import file, write_folder, write_tar

IMAGE = Image(layers=[layer({"base": b"base"}, "gzip")], config_members={"author": "old"})
OLD = IMAGE.node().named("docker.io/corpus/old:1", "1")
NEW = Image(layers=[layer({"new": b"new"}, "gzip")]).node().named("docker.io/corpus/new:1", "1")


def existing(dest: Path, *sources: Path, to: str = "oci-layout") -> Existing:
    return Existing(str(dest), by_name(to), [Source(path=str(one)) for one in sources], lambda _: None)


def source(folder: Path) -> Path:
    return write_tar(folder / "new.tar", build.layout(NEW))


def names(path: Path) -> set[str]:
    return {str(one.relative_to(path)) for one in path.rglob("*") if one.is_symlink() or not one.is_dir()}


# A folder is replaced if all of it is the archive's

MAKES: dict[str, Callable[[Path], object]] = {
    "oci-layout": lambda path: write_folder(path, build.layout(OLD)),
    "dir": lambda path: write_folder(path, build.skopeo_dir(OLD, signatures=[b"signed"])),
    "docker-archive": lambda path: write_folder(path, build.docker_archive(Saved(image=IMAGE, tags=["corpus/old:1"]))),
    "hybrid": lambda path: write_folder(path, build.hybrid(Saved(image=IMAGE, tags=["corpus/old:1"]))),
}
STRANGE: dict[str, Callable[[Path], object]] = {
    "file": lambda path: (path / "thesis.txt").write_text("thesis"),
    "file-below": lambda path: write_folder(path / "Documents", [file("thesis.txt", b"thesis")]),
    "hidden": lambda path: (path / ".git").write_text("thesis"),
    "empty-folder": lambda path: (path / "Documents").mkdir(),
    "fifo": lambda path: os.mkfifo(path / "version"),
    "link": lambda path: (path / "link").symlink_to("/etc"),
    "part-of-another": lambda path: (path / ".mine.0123456789ab.ociarchive-part").write_text("thesis"),
}


@pytest.mark.parametrize("left", ["nothing", "others", "unreadable"])
def test_a_folder_that_went_while_it_was_looked_into_is_said_to_be_replaced(
    left: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the other run had left of it by then."""
    for name in ("dest", "new"):
        MAKES["oci-layout"](tmp_path / name)

    def replaced(path: str) -> Callable[[str], bool] | None:
        (tmp_path / "dest").rename(tmp_path / "old")
        (tmp_path / "new").rename(tmp_path / "dest")
        if left == "unreadable":
            raise HostError("cannot read: it went away", where=path)
        return None if left == "nothing" else lambda _: False

    monkeypatch.setattr("ociarchive.transform.existing.owned_names", replaced)
    with pytest.raises(UsageError, match="another run has written DEST in the meantime"):
        existing(tmp_path / "dest").require_known(str(tmp_path / "dest"))


@pytest.mark.parametrize("strange", STRANGE)
@pytest.mark.parametrize("kind", MAKES)
def test_a_folder_with_anything_else_in_it_stays(kind: str, strange: str, tmp_path: Path, cli_call: Call) -> None:
    dest = tmp_path / "dest"
    MAKES[kind](dest)
    if strange == "fifo" and kind == "dir":
        (dest / "version").rename(dest / "0.manifest.json")
    before = names(dest)
    STRANGE[strange](dest)
    line = refused(cli_call("convert", source(tmp_path), dest, "--to", "oci-layout", "--force"), 2)
    added = names(dest) - before or {"Documents/"}
    assert "--force does not" in line
    assert strange == "fifo" or any(name in line for name in added), line
    assert names(dest) >= before
    assert hidden(tmp_path) == []


def test_a_registry_with_anything_else_in_it_stays(tmp_path: Path, cli_call: Call) -> None:
    dest = tmp_path / "dest"
    told(cli_call("convert", source(tmp_path), dest, "--to", "registry-storage"))
    (dest / "docker" / "registry" / "v2" / "repositories" / "corpus" / "thesis.txt").write_text("thesis")
    line = refused(cli_call("convert", source(tmp_path), dest, "--to", "registry-storage", "--force"), 2)
    assert "corpus/thesis.txt" in line


@pytest.mark.parametrize("kind", [*MAKES, "registry-storage"])
def test_a_folder_of_an_archive_alone_is_replaced(kind: str, tmp_path: Path, cli_call: Call) -> None:
    dest = tmp_path / "dest"
    if kind == "registry-storage":
        told(cli_call("convert", source(tmp_path), dest, "--to", kind))
        uploads = dest / "docker" / "registry" / "v2" / "repositories" / "corpus" / "new" / "_uploads" / "a-b"
        uploads.mkdir(parents=True)
        (uploads / "startedat").write_text("now")
        (dest / "scheduler-state.json").write_text("{}")
    else:
        MAKES[kind](dest)
        if kind == "oci-layout":
            (dest / "ingest").mkdir()
    told(cli_call("convert", source(tmp_path), dest, "--to", "oci-layout", "--force"))
    assert {"index.json", "oci-layout"} < names(dest)
    assert not any("docker" in name or name == "version" for name in names(dest))


@pytest.mark.parametrize(
    "target", [one.name for one in FORMATS if one.layout is not None and one.layout.kind == "directory"]
)
def test_each_format_knows_its_own_files(target: str, tmp_path: Path, cli_call: Call) -> None:
    dest = tmp_path / "dest"
    told(cli_call("convert", source(tmp_path), dest, "--to", target))
    owns = owned_names(str(dest))
    assert owns is not None
    assert all(map(owns, names(dest)))
    assert not owns("thesis.txt")
    assert not owns("blobs/sha256/thesis.txt")


def test_what_real_producers_write_is_their_own(corpus: Path, tmp_path: Path) -> None:
    tried = 0
    for folder in sorted(one for one in corpus.iterdir() if one.is_dir()):
        if owned_names(str(folder)) is not None:
            existing(folder).require_known(str(folder))
            tried += 1
    for path in sorted(corpus.glob("*.tar")):
        folder = tmp_path / path.stem
        with tarfile.open(path) as tar:
            tar.extractall(folder, filter="data")
        if owned_names(str(folder)) is not None:
            existing(folder).require_known(str(folder))
            tried += 1
    assert tried > 20


def test_what_comes_while_the_work_goes_on_is_not_removed(tmp_path: Path) -> None:
    dest = write_folder(tmp_path / "dest", build.layout(OLD))
    keeper = existing(dest)
    keeper.require_known(str(dest))
    keeper.require_unchanged(str(dest))
    (dest / "thesis.txt").write_text("thesis")
    with pytest.raises(UsageError, match=r"not the archive's own.*thesis\.txt"):
        keeper.require_unchanged(str(dest))


@pytest.mark.parametrize("moment", [1, 2], ids=["before", "after"])
def test_what_comes_until_the_exchange_takes_the_exchange_back(
    moment: int, tmp_path: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    dest = write_folder(tmp_path / "dest", build.layout(OLD))
    check, calls = Existing.require_unchanged, iter(range(9))

    def late(keeper: Existing, path: str) -> None:
        if next(calls) == moment:
            Path(path, "thesis.txt").write_text("thesis")
        check(keeper, path)

    monkeypatch.setattr(Existing, "require_unchanged", late)
    line = refused(cli_call("convert", source(tmp_path), dest, "--to", "oci-layout", "--force"), 2)
    assert "thesis.txt" in line
    assert (dest / "thesis.txt").read_text() == "thesis"
    assert b"corpus/old" in (dest / "index.json").read_bytes()
    assert hidden(tmp_path) == []


def test_a_leftover_with_anything_else_in_it_stays(tmp_path: Path, cli_call: Call) -> None:
    """A killed run leaves files of archives and of its own; a note in its folder is somebody else's."""
    ours, theirs = (tmp_path / f".dest.{digit * 12}.ociarchive-part" for digit in "ab")
    write_folder(ours, [file(".slot-3", b"half"), *build.layout(OLD)])
    write_folder(theirs, [file("thesis.txt", b"thesis"), *build.layout(OLD)])
    told(cli_call("convert", source(tmp_path), tmp_path / "dest", "--to", "oci-layout"))
    assert hidden(tmp_path) == [theirs.name]
    assert (theirs / "thesis.txt").exists()


def test_a_name_that_no_run_gives_is_no_leftover(tmp_path: Path, cli_call: Call) -> None:
    for name in (".dest.thesis.ociarchive-part", ".dest.0123456789ab.ociarchive-part.txt", ".dest.ociarchive-part"):
        (tmp_path / name).write_text("thesis")
    folder = tmp_path / ".ociarchive-spool-x"
    folder.mkdir()
    before = hidden(tmp_path)
    told(cli_call("convert", source(tmp_path), tmp_path / "dest", "--to", "oci-layout"))
    assert hidden(tmp_path) == before


# SOURCE in DEST, DEST in SOURCE


def nested(tmp_path: Path) -> tuple[Path, Path]:
    """An archive that lies as a blob in the layout that is DEST."""
    dest = write_folder(tmp_path / "dest", build.layout(OLD))
    inner = write_tar(tmp_path / "inner.tar", build.layout(NEW))
    place = dest / "blobs" / "sha256" / build.hexed(build.digest(inner.read_bytes()))
    inner.rename(place)
    return dest, place


@pytest.mark.parametrize("spelling", ["plain", "link", "dest-by-link", "hard-link"])
def test_a_source_in_dest_stays(spelling: str, tmp_path: Path, cli_call: Call) -> None:
    dest, place = nested(tmp_path)
    path, target = place, dest
    if spelling == "link":
        path = tmp_path / "source"
        path.symlink_to(place)
    elif spelling == "dest-by-link":
        target = tmp_path / "to"
        target.symlink_to(dest)
    elif spelling == "hard-link":
        path = tmp_path / "source"
        path.hardlink_to(place)
    before = names(dest)
    line = refused(cli_call("convert", path, target, "--to", "oci-layout", "--force"), 2)
    assert f"SOURCE {path} lies in DEST" in line
    assert names(dest) == before


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_the_only_original_is_not_replaced(kind: str, tmp_path: Path, cli_call: Call) -> None:
    dest = tmp_path / "dest"
    form = "oci-layout" if kind == "folder" else "oci-archive"
    (write_folder if kind == "folder" else write_tar)(dest, build.layout(OLD))
    path = dest
    if kind == "link":
        path = tmp_path / "source"
        path.symlink_to(dest)
    line = refused(cli_call("convert", path, dest, "--to", form, "--compression", "zstd", "--force"), 2)
    assert f"DEST is SOURCE {path}, the only original" in line
    if kind == "file":  # another name keeps it
        (tmp_path / "kept").hardlink_to(dest)
        told(cli_call("convert", path, dest, "--to", form, "--compression", "zstd", "--force", "--no-sync"))


def test_a_source_that_comes_through_a_pipe_from_dest_stays(tmp_path: Path) -> None:
    dest, place = nested(tmp_path)
    with place.open("rb") as stream:
        before = os.dup(0)
        os.dup2(stream.fileno(), 0)
        try:
            with pytest.raises(UsageError, match="SOURCE - lies in DEST"):
                existing(dest, Path("-")).require_known(str(dest))
        finally:
            os.dup2(before, 0)
            os.close(before)


@pytest.mark.parametrize("place", ["blobs/new.tar", "manifest.json", "blobs/sha256/dest", "ingest"])
def test_a_dest_among_the_files_of_a_source_is_refused(place: str, tmp_path: Path, cli_call: Call) -> None:
    layout = write_folder(tmp_path / "layout", build.layout(NEW))
    (tmp_path / "link").symlink_to("layout")
    before = names(layout)
    line = refused(cli_call("convert", layout, tmp_path / "link" / place, "--to", "oci-archive", "--force"), 2)
    assert "DEST lies in SOURCE" in line
    assert names(layout) == before


def test_a_dest_beside_the_files_of_a_source_is_written(
    tmp_path: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = write_folder(tmp_path / "layout", build.layout(NEW))
    monkeypatch.chdir(layout)
    told(cli_call("convert", ".", "out.tar", "--to", "docker-archive"))
    told(cli_call("convert", ".", "out.tar", "--to", "docker-archive", "--force"))
    assert (layout / "out.tar").is_file()


# The way out


def test_what_merge_fits_is_offered_it_first_and_losses_have_names(tmp_path: Path, cli_call: Call) -> None:
    many = [Image(config_members={"author": str(n)}).node().named(f"docker.io/corpus/a:{n}") for n in range(5)]
    dest = write_folder(tmp_path / "dest", build.layout(*many))
    line = refused(cli_call("convert", source(tmp_path), dest, "--to", "oci-layout"), 2)
    listed = "docker.io/corpus/a:0, docker.io/corpus/a:1, docker.io/corpus/a:2 and 2 more"
    assert f"DEST exists, use --merge to add to it, or --force to replace it and lose {listed} (" in line
    registry = tmp_path / "registry"
    told(cli_call("convert", source(tmp_path), registry, "--to", "registry-storage"))
    line = refused(cli_call("convert", source(tmp_path), registry, "--to", "registry-storage"), 2)
    assert "use --merge to add to it, or --force to replace it and lose docker.io/corpus/new:1 (" in line
    line = refused(cli_call("convert", source(tmp_path), registry, "--to", "oci-layout"), 2)
    assert "name DEST behind it if it is a SOURCE, or use --force to replace it and lose docker.io/corpus/new:1" in line


@pytest.mark.parametrize("strange", [True, False])
def test_force_is_not_offered_where_it_would_be_refused(
    strange: bool, tmp_path: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    if strange:
        write_folder(tmp_path / "dest", [*build.layout(OLD), file("thesis.txt", b"thesis")])
        wanted = "use --merge to add to it; --force does not replace it, as thesis.txt in it is not the archive's own"
    else:
        write_folder(tmp_path / "dest", [file("thesis.txt", b"thesis")])
        wanted = "choose a name that is free, as --force replaces archives alone and this is a folder without one"
    path = source(tmp_path)
    monkeypatch.chdir(tmp_path / "dest")
    assert f"DEST exists, {wanted} (.)" in refused(cli_call("convert", path, ".", "--to", "oci-layout"), 2)


def test_a_forgotten_dest_is_told_from_a_forgotten_source(tmp_path: Path, cli_call: Call) -> None:
    path = source(tmp_path)
    line = refused(cli_call("convert", path, "--to", "oci-layout"), 2)
    assert f"found {path} alone; name DEST behind it" in line
    line = refused(cli_call("convert", tmp_path / "new", "--to", "oci-layout"), 2)
    assert "name SOURCE in front of it" in line
    other = write_tar(tmp_path / "old.tar", build.layout(OLD))
    line = refused(cli_call("convert", path, other, "--to", "oci-layout"), 2)
    assert "name DEST behind it if it is a SOURCE, or use --force to replace it and lose docker.io/corpus/old:1" in line


def test_a_compressed_dest_is_not_unpacked_for_a_hint(tmp_path: Path, cli_call: Call) -> None:
    dest = tmp_path / "dest"
    told(cli_call("convert", source(tmp_path), dest, "--to", "oci-archive", "--outer", "gzip"))
    line = refused(cli_call("convert", source(tmp_path), dest, "--to", "oci-archive"), 2)
    assert "lose what it holds, compressed" in line


# Removing


def test_a_dest_that_gives_no_byte_is_there(tmp_path: Path, cli_call: Call) -> None:
    result = cli_call("convert", source(tmp_path), "/proc/self/mem", "--to", "oci-layout")
    assert told(result, 2).stderr.startswith("error: DEST exists")
    assert "/proc/self/mem" in result.stderr


def test_folders_that_nobody_may_enter_are_removed(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "folder", build.layout(OLD))
    outside = write_folder(tmp_path / "outside", [file("thesis.txt", b"thesis")])
    (folder / "link").symlink_to(outside)
    for path in (folder / "blobs" / "sha256", folder / "blobs", folder):
        path.chmod(0)
    child = os.fork()
    if child == 0:  # as an ordinary user, whom modes bind
        try:
            if os.geteuid() == 0:
                os.chown(tmp_path, 65534, 65534)
                for path in (folder, folder / "blobs", folder / "blobs" / "sha256"):
                    os.chown(path, 65534, 65534)
                tmp_path.chmod(stat.S_IRWXU)
                os.chdir(tmp_path)
                os.setuid(65534)
            removing.remove("folder")
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert not os.path.lexists(folder)
    assert (outside / "thesis.txt").read_text() == "thesis"
