"""What a machine may be without: status 0, and DEST is what it is on any other machine."""

import os
import random
import stat
import subprocess
from pathlib import Path

import pytest

from tests.faults.support import FORMS, Place
from tests.support import build, oracle
from tests.support.call import told
from tests.support.machine import COMMAND, ended, run, shell, started, state
from tests.support.tar import write_folder, write_tar

FORM = pytest.mark.parametrize("form", FORMS)

#: A shell's words that come before the command.
CIRCUMSTANCES = {
    "no-temporary-folder": "export TMPDIR=/nonexistent; ",
    "no-home": "unset HOME; ",
    "home-that-is-not-there": "export HOME=/nonexistent; ",
    "plain-c": "export LANG=C LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0; ",
    "small-stack": "ulimit -s 256; ",
    "large-stack": 'ulimit -s "$(ulimit -H -s)"; ',
    "few-files": "ulimit -n 64; ",
    "input-closed": "exec <&-; ",
    "output-closed": "exec >&-; ",
    "one-processor": 'command -v taskset >/dev/null && set -- taskset 1 "$@"; ',
    "nothing-in-the-environment": 'set -- env -i "PYTHONPATH=$PYTHONPATH" "$@"; ',
}  # fmt: skip


@FORM
@pytest.mark.parametrize("name", CIRCUMSTANCES)
def test_circumstances(name: str, form: str, place: Place) -> None:
    result = run(*place.args(form, force=False), before=shell(f'{CIRCUMSTANCES[name]}exec "$@"'))
    place.done(result, form)
    assert result.stderr == ""


def test_a_source_that_is_compressed_needs_no_temporary_folder(place: Place, tmp_path: Path) -> None:
    """Nor does a pipe: what has to be kept lies beside DEST."""
    source = tmp_path / "source.tar.gz"
    source.write_bytes(build.gzipped(place.work.new.read_bytes()))
    place.done(run(*place.args("tar", force=False, source=source), env={"TMPDIR": "/nonexistent"}), "tar")
    place.reset("tar", force=False)
    with place.work.new.open("rb") as pipe:
        cat = subprocess.Popen(["cat"], stdin=pipe, stdout=subprocess.PIPE)
        assert cat.stdout is not None
        args = place.args("tar", force=False, source=Path("-"))
        place.done(ended(started(*args, env={"TMPDIR": "/nonexistent"}, stdin=cat.stdout.fileno())), "tar")
        cat.stdout.close()
        cat.wait()


def test_a_temporary_folder_that_is_full(place: Place, mounting: tuple[str, ...], tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    script = """
    mount -t tmpfs -o size=4096 tmpfs "$1" && head -c 4096 /dev/zero >"$1/filling" || exit 99
    shift
    exec "$@"
    """
    before = (*mounting, *shell(script, full))
    for form in FORMS:
        place.reset(form, force=False)
        place.done(run(*place.args(form, force=False), before=before, env={"TMPDIR": str(full)}), form)


def test_dest_on_another_file_system(place: Place, tmp_path: Path) -> None:
    shared = Path("/dev/shm")  # noqa: S108  it is there or it is not
    if not shared.is_dir() or shared.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second file system that can be written to")
    for form in FORMS:
        place.reset(form, force=False)
        place.done(run(*place.args(form, force=False), env={"TMPDIR": str(shared)}), form)


@FORM
@pytest.mark.parametrize("umask", ["022", "077", "002"])
def test_modes_are_those_that_the_umask_gives(umask: str, form: str, place: Place) -> None:
    receipt = place.folder.parent / "receipt"
    args = (*place.args(form, force=False), "--receipt", receipt)
    place.done(run(*args, before=shell(f'umask {umask}; exec "$@"')), form)
    mask = int(umask, 8)
    for path in [receipt, place.dest, *place.dest.rglob("*")]:
        wanted = (0o777 if path.is_dir() else 0o666) & ~mask
        assert stat.S_IMODE(path.lstat().st_mode) == wanted, path


@FORM
@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_paths_that_are_not_utf_8(locale: str, form: str, place: Place) -> None:
    folder = os.fsencode(place.folder) + b"/\xff\xfe \xe4"
    os.mkdir(folder)
    source, dest = folder + b"/s\xff", folder + b"/d\xfe"
    with open(source, "wb") as out:
        out.write(place.work.new.read_bytes())
    args: list[bytes | str] = ["convert", source, dest, *FORMS[form][:-1], "--receipt", folder + b"/receipt\xfd"]
    result = run(*args, env={"LC_ALL": locale, "PYTHONCOERCECLOCALE": "0"})
    assert result.status == 0, result.stderr
    assert sorted(os.listdir(folder)) == [b"d\xfe", b"receipt\xfd", b"s\xff"]
    assert state(Path(os.fsdecode(dest))) == state(place.work.result("new", form))
    again = run(*args, env={"LC_ALL": locale, "PYTHONCOERCECLOCALE": "0"})
    assert again.status == 2
    assert "DEST exists" in again.stderr
    audited = run("audit", dest, "--format", "json", env={"LC_ALL": locale, "PYTHONCOERCECLOCALE": "0"})
    assert audited.status == 0, audited.stderr


def test_results_whose_reader_has_enough(place: Place) -> None:
    for command in ("inspect SOURCE", "audit SOURCE --format json", "rules", "--help"):
        line = " ".join([*COMMAND, command.replace("SOURCE", str(place.work.new))])
        script = f'({line}; echo "status $?" >&2) | head -n 1'
        done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False, env=environment())
        assert done.stderr == "status 0\n", done.stderr
        assert done.stdout.count("\n") == 1


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}


def many_layers(path: Path) -> Path:
    layers = [build.layer({f"file-{n}": bytes([n]) * 5000}, "gzip") for n in range(100)]
    return write_tar(path, build.layout(build.Image(layers=layers).node().named(ref_name="many")))


@FORM
def test_64_files_and_100_layers(form: str, tmp_path: Path) -> None:
    source = many_layers(tmp_path / "many.tar")
    folder = tmp_path / "folder"
    options = FORMS[form]
    for one in (source, folder):
        dest = tmp_path / f"dest-{one.name}"
        result = run("convert", one, dest, *options, before=shell('ulimit -n 64; exec "$@"'))
        assert (result.status, result.stderr) == (0, "")
        assert [len(image.layers) for image in oracle.read(dest).images] == [100]
        if one is source:
            run("convert", source, folder, "--to", "oci-layout", "-q")


#: KiB of address space, the interpreter's own included.
SPACE = 293_000


def test_little_address_space_and_a_large_layer(tmp_path: Path) -> None:
    """One layer of 400 MiB, some of which compresses and some does not: fewer threads with smaller stacks do then."""
    block = random.Random(4).randbytes(1 << 20) + bytes(7 << 20)
    made = build.layer({"data": block * 50})
    have = {
        "none": write_folder(tmp_path / "none", build.layout(build.Image(layers=[made]).node().named(ref_name="a")))
    }
    for codec in ("gzip", "zstd"):
        have[codec] = tmp_path / codec
        told(run("convert", have["none"], have[codec], "--to", "oci-layout", "--compression", codec, "--no-sync"))
    limited = shell(f'ulimit -v {SPACE}; exec "$@"')
    for out_of, into in (("none", "gzip"), ("none", "zstd"), ("gzip", "none"), ("gzip", "gzip"), ("zstd", "none")):
        dest = tmp_path / f"{out_of}-{into}"
        args = ("--to", "oci-layout", "--compression", into, "--no-sync", "-q")
        result = run("convert", have[out_of], dest, *args, before=limited)
        assert (result.status, result.stderr) == (0, ""), (out_of, into)
        assert names(dest) == names(have[into])
    for one in have.values():
        audited = run("audit", one, "-q", before=limited)
        assert (audited.status, audited.stderr) == (0, "")


def names(layout: Path) -> list[str]:
    """Give the names of a layout's blobs, which are their digests."""
    return sorted(one.name for one in (layout / "blobs" / "sha256").iterdir())
