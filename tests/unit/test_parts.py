"""Archives in parts: what is written, what is read, what is refused, and what is made again."""

import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ociarchive
from ociarchive.blobio import partlist, renaming
from ociarchive.errors import ContentError, UsageError
from ociarchive.model import images
from tests.audit.making import BASE, NAME, SAVED, TOP
from tests.support import build
from tests.support.build import Image, docker_archive, layer
from tests.support.call import Call, hidden, refused, told
from tests.support.forking import shared
from tests.support.parts import cut, xor
from tests.support.tar import tar, write_tar

TO = ("--to", "oci-archive", "--no-sync")
SIZE = 2000


@pytest.fixture
def source(tmp_path: Path) -> Path:
    noise = b"".join(hashlib.sha256(b"%d" % n).digest() for n in range(200))
    layers = [layer({"noise": noise}, "gzip"), BASE, TOP]
    return write_tar(tmp_path / "source.tar", build.layout(Image(layers=layers).node().named(NAME, "1.0")))


@pytest.fixture
def whole(source: Path, tmp_path: Path, cli_call: Call) -> bytes:
    told(cli_call("convert", source, tmp_path / "whole.tar", *TO))
    return (tmp_path / "whole.tar").read_bytes()


@pytest.fixture
def split(source: Path, tmp_path: Path, cli_call: Call) -> Path:
    """A folder with an archive in parts, with parity."""
    folder = tmp_path / "split"
    folder.mkdir()
    told(cli_call("convert", source, folder / "app.tar", *TO, "--split", str(SIZE), "--parity"))
    return folder


def numbered(folder: Path, name: str = "app.tar") -> list[Path]:
    return sorted(one for one in folder.iterdir() if one.name.startswith(name) and one.suffix[1:].isdigit())


def state(folder: Path) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in folder.iterdir()}


def listed(folder: Path) -> dict[str, Any]:
    value = json.loads((folder / "app.tar.parts.json").read_text())
    assert isinstance(value, dict)
    return value


# -- what is written


def test_the_parts_are_the_bytes_of_the_whole(split: Path, whole: bytes) -> None:
    parts = numbered(split)
    assert len(parts) == -(-len(whole) // SIZE) > 3
    assert [one.name for one in parts] == [f"app.tar.{n:03}" for n in range(1, len(parts) + 1)]
    assert {one.stat().st_size for one in parts[:-1]} == {SIZE}
    joined = subprocess.run(["sh", "-c", "cat app.tar.[0-9]*"], cwd=split, check=True, capture_output=True).stdout
    assert joined == whole
    assert not (split / "app.tar").exists()
    assert hidden(split) == []


def test_sha256sum_checks_them(split: Path) -> None:
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "app.tar.SHA256SUMS"], cwd=split, capture_output=True, check=False
    )
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == len(numbered(split)) + 1


def test_the_list_says_what_is_there(split: Path, whole: bytes) -> None:
    assert listed(split) == {
        "schema_version": 1,
        "name": "app.tar",
        "size": len(whole),
        "sha256": hashlib.sha256(whole).hexdigest(),
        "part_size": SIZE,
        "parts": [
            {"name": one.name, "size": one.stat().st_size, "sha256": hashlib.sha256(one.read_bytes()).hexdigest()}
            for one in numbered(split)
        ],
        "parity": {
            "name": "app.tar.parity",
            "size": SIZE,
            "sha256": hashlib.sha256(xor([one.read_bytes() for one in numbered(split)])).hexdigest(),
        },
    }
    assert (split / "app.tar.parity").read_bytes() == xor([one.read_bytes() for one in numbered(split)])


def test_one_part_is_enough_for_a_small_archive(source: Path, whole: bytes, tmp_path: Path, cli_call: Call) -> None:
    told(cli_call("convert", source, tmp_path / "app.tar", *TO, "--split", "4GiB", "--parity"))
    assert [one.read_bytes() for one in numbered(tmp_path)] == [whole]
    (tmp_path / "app.tar.001").unlink()
    told(cli_call("convert", tmp_path / "app.tar.001", tmp_path / "again.tar", *TO))
    assert (tmp_path / "again.tar").read_bytes() == whole


def test_more_than_a_thousand_parts_have_more_digits(source: Path, whole: bytes, tmp_path: Path) -> None:
    """So `cat app.tar.[0-9]*` keeps their order; and a process may have fewer files open than there are parts."""
    with_few_files("convert", source, tmp_path / "app.tar", *TO, "--split", "10")
    parts = numbered(tmp_path)
    assert len(parts) == -(-len(whole) // 10) > 999
    assert parts[0].name == "app.tar.0001"
    assert b"".join(one.read_bytes() for one in parts) == whole
    with_few_files("audit", "--strict", tmp_path / "app.tar.0001")


def with_few_files(*args: str | Path) -> None:
    """Run the program where it may have 128 files open; it ends well."""
    streams = os.devnull, os.devnull, os.devnull
    assert shared().call([str(one) for one in args], streams=streams, env=os.environ, files=128).status == 0


def test_too_many_parts_are_refused(
    source: Path, tmp_path: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ociarchive.transform.splitting.MOST_PARTS", 5)
    line = refused(cli_call("convert", source, tmp_path / "app.tar", *TO, "--split", "1000"), 2)
    assert "too many parts: expected 5 at most" in line
    assert sorted(one.name for one in tmp_path.iterdir()) == ["source.tar"]


@pytest.mark.parametrize("jobs", ["1", "4"])
@pytest.mark.parametrize("outer", ["none", "gzip", "zstd"])
def test_the_same_bytes_as_without_split(jobs: str, outer: str, source: Path, tmp_path: Path, cli_call: Call) -> None:
    how = (*TO, "--outer", outer, "--jobs", jobs, "--compression", "zstd")
    told(cli_call("convert", source, tmp_path / "one", *how))
    told(cli_call("convert", source, tmp_path / "app.tar", *how, "--split", "777"))
    assert b"".join(one.read_bytes() for one in numbered(tmp_path)) == (tmp_path / "one").read_bytes()
    told(cli_call("audit", "--strict", tmp_path / "app.tar.parts.json"))


def test_a_name_that_sha256sum_escapes(source: Path, tmp_path: Path, cli_call: Call) -> None:
    name = "a\\b\nc.tar"
    told(cli_call("convert", source, tmp_path / name, *TO, "--split", "4k"))
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", f"{name}.SHA256SUMS"], cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode == 0
    told(cli_call("audit", tmp_path / f"{name}.parts.json"))


def test_the_python_interface_has_it(source: Path, whole: bytes, tmp_path: Path) -> None:
    done = ociarchive.convert(source, tmp_path / "app.tar", to="oci-archive", split=SIZE, parity=True)
    assert any("app.tar.parts.json" in notice for notice in done.notices)
    ociarchive.convert(source, tmp_path / "two.tar", to="oci-archive", split="2kB", part=[1, "2"])
    assert [one.name for one in numbered(tmp_path, "two")] == ["two.tar.001", "two.tar.002"]
    assert b"".join(one.read_bytes() for one in numbered(tmp_path)) == whole


# -- calls at fault

FAULTS: dict[str, tuple[tuple[str, ...], str]] = {
    "folder": (("--to", "oci-layout", "--split", "1k"), "--split cuts a tar, and oci-layout is none"),
    "dir": (("--to", "dir", "--split", "1k"), "--split cuts a tar"),
    "store": (("--to", "registry-storage", "--split", "1k"), "--split cuts a tar"),
    "size": (("--to", "oci-archive", "--split", "much"), "--split: 'much' is no size"),
    "none": (("--to", "oci-archive", "--split", "0"), "--split does not take '0'"),
    "part-alone": (("--to", "oci-archive", "--part", "1"), "--part is for parts, --split says of what size"),
    "parity-alone": (("--to", "oci-archive", "--parity"), "--parity is for parts"),
    "part-none": (
        ("--to", "oci-archive", "--split", "1k", "--part", "0"),
        "--part takes the number of a part, not '0'",
    ),
    "part-word": (
        ("--to", "oci-archive", "--split", "1k", "--part", "x"),
        "--part takes the number of a part, not 'x'",
    ),
    "part-beyond": (("--to", "oci-archive", "--split", "1k", "--part", "99"), "--part 99: DEST has"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_call_at_fault(name: str, source: Path, tmp_path: Path, cli_call: Call) -> None:
    options, words = FAULTS[name]
    assert words in refused(cli_call("convert", source, tmp_path / "app.tar", *options), 2)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["source.tar"]


def test_standard_output_and_registries_have_no_parts(source: Path, cli_call: Call) -> None:
    assert "standard output is one" in refused(cli_call("convert", source, "-", *TO, "--split", "1k"), 2)
    line = refused(cli_call("convert", source, "docker://registry.example.org/app:1", "--split", "1k"), 2)
    assert "--split has no use with docker://" in line


def test_a_rehearsal_writes_nothing_and_refuses_the_same(split: Path, source: Path, cli_call: Call) -> None:
    before = state(split)
    how = (*TO, "--split", "1k", "--dry-run")
    assert "DEST exists" in refused(cli_call("convert", source, split / "app.tar", *how), 2)
    told(cli_call("convert", source, split / "other.tar", *how))
    assert state(split) == before


# -- what is there already


@pytest.mark.parametrize(
    "name", ["app.tar.001", "app.tar.0007", "app.tar.parts.json", "app.tar.SHA256SUMS", "app.tar.parity"]
)
def test_what_is_there_is_refused(name: str, source: Path, tmp_path: Path, cli_call: Call) -> None:
    (tmp_path / name).write_text("mine")
    line = refused(cli_call("convert", source, tmp_path / "app.tar", *TO, "--split", "1k"), 2)
    assert f"DEST exists: {name}" in line
    assert (tmp_path / name).read_text() == "mine"


@pytest.mark.parametrize(("size", "parity"), [("1k", ()), ("5k", ("--parity",)), (str(SIZE), ())])
def test_force_replaces_the_whole_set(
    size: str, parity: tuple[str, ...], split: Path, source: Path, tmp_path: Path, cli_call: Call
) -> None:
    """Parts that the new set does not have would be taken for its own by `cat`."""
    (split / "app.tar").write_text("a whole one stays")
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    how = (*TO, "--compression", "none", "--split", size, *parity)
    told(cli_call("convert", source, fresh / "app.tar", *how))
    told(cli_call("convert", source, split / "app.tar", *how, "--force"))
    assert state(split) == {**state(fresh), "app.tar": b"a whole one stays"}


def test_force_keeps_what_the_list_does_not_name(split: Path, source: Path, cli_call: Call) -> None:
    (split / "app.tar.099").write_text("mine")
    before = state(split)
    line = refused(cli_call("convert", source, split / "app.tar", *TO, "--split", "1k", "--force"), 2)
    assert "app.tar.099 would be taken for a part of DEST" in line
    assert state(split) == before


def test_force_keeps_modes(split: Path, source: Path, cli_call: Call) -> None:
    (split / "app.tar.001").chmod(0o640)
    told(cli_call("convert", source, split / "app.tar", *TO, "--split", "1k", "--force"))
    assert (split / "app.tar.001").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("name", ["app.tar.parts.json", "app.tar.001"])
def test_a_source_in_parts_is_never_replaced(name: str, split: Path, cli_call: Call) -> None:
    before = state(split)
    line = refused(cli_call("convert", split / name, split / "app.tar", *TO, "--split", "1k", "--force"), 2)
    assert "the only original" in line
    assert state(split) == before


def test_renames_that_fail_are_undone(
    split: Path, source: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, real, calls = state(split), renaming.exchange, []

    def exchange(one: str, other: str) -> bool:
        calls.append(other)
        if len(calls) == 3:
            raise OSError(5, "Input/output error")
        return real(one, other)

    monkeypatch.setattr("ociarchive.blobio.partplaces.exchange", exchange)
    line = refused(cli_call("convert", source, split / "app.tar", *TO, "--split", "5k", "--force"), 3)
    assert "cannot give DEST its name: Input/output error" in line
    assert state(split) == before


# -- some parts alone


def test_a_part_is_made_again(split: Path, source: Path, cli_call: Call) -> None:
    before = state(split)
    (split / "app.tar.002").unlink()
    (split / "app.tar.003").unlink()
    again = ("--split", str(SIZE), "--part", "2", "--part", "3")
    told(cli_call("convert", source, split / "app.tar", *TO, *again))
    assert state(split) == before
    assert "DEST exists: app.tar.002, app.tar.003" in refused(
        cli_call("convert", source, split / "app.tar", *TO, *again), 2
    )


def test_a_part_alone_comes_with_its_list(split: Path, source: Path, tmp_path: Path, cli_call: Call) -> None:
    """So each medium can be written by itself; without a parity that nobody asked for."""
    medium = tmp_path / "medium"
    medium.mkdir()
    how = (*TO, "--split", str(SIZE))
    told(cli_call("convert", source, medium / "app.tar", *how, "--part", "2"))
    assert sorted(state(medium)) == ["app.tar.002", "app.tar.SHA256SUMS", "app.tar.parts.json"]
    assert state(medium)["app.tar.002"] == state(split)["app.tar.002"]
    told(cli_call("convert", source, medium / "app.tar", *how, "--part", "1"))
    assert state(medium)["app.tar.001"] == state(split)["app.tar.001"]


@pytest.mark.parametrize("how", [("--split", str(SIZE), "--compression", "none"), ("--split", "1999")])
def test_a_part_of_another_archive_is_refused(how: tuple[str, ...], split: Path, source: Path, cli_call: Call) -> None:
    (split / "app.tar.002").unlink()
    before = state(split)
    call: tuple[str | Path, ...] = ("convert", source, split / "app.tar", *TO, *how, "--part", "2")
    assert "the list that is there is of another archive" in refused(cli_call(*call), 2)
    assert state(split) == before


# -- what is read


def test_list_and_first_part_are_sources(split: Path, whole: bytes, tmp_path: Path, cli_call: Call) -> None:
    for number, name in enumerate(("app.tar.parts.json", "app.tar.001")):
        told(cli_call("audit", "--strict", split / name))
        told(cli_call("inspect", split / name))
        told(cli_call("diff", split / name, tmp_path / "whole.tar"))
        told(cli_call("convert", split / name, tmp_path / f"again-{number}", *TO))
        assert (tmp_path / f"again-{number}").read_bytes() == whole
    told(
        cli_call("convert", tmp_path / "whole.tar", tmp_path / "rest.tar", *TO, "--have", split / "app.tar.parts.json")
    )
    assert (
        "delta.json"
        in subprocess.run(["tar", "-tf", tmp_path / "rest.tar"], capture_output=True, text=True, check=True).stdout
    )


def test_a_folder_has_one_archive_for_all_parts(split: Path, cli_call: Call) -> None:
    told(cli_call("audit", "--recursive", split))
    (split / "app.tar.001").unlink()
    result = cli_call("audit", "--recursive", "--format", "json", split)
    assert result.rules() == {"part-missing"}
    assert [one["subject"] for one in result.archive()["findings"]] == ["app.tar.001"]


def test_a_first_part_without_a_list_is_a_file_like_others(split: Path, cli_call: Call) -> None:
    (split / "app.tar.parts.json").unlink()
    assert cli_call("audit", "--format", "json", split / "app.tar.001").rules() == {"tar-truncated"}
    assert "no such file" in refused(cli_call("audit", split / "none.001"), 2)


def as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


LOST: dict[str, Callable[[Path], object]] = {
    "lost": os.unlink,
    "changed": lambda path: path.write_bytes(b"x" * path.stat().st_size),
    "cut": lambda path: os.truncate(path, 7),
    "folder": as_folder,
}


@pytest.mark.parametrize("how", LOST)
def test_any_part_is_made_again_from_the_parity(
    how: str, split: Path, whole: bytes, tmp_path: Path, cli_call: Call
) -> None:
    for part in numbered(split):
        kept = part.read_bytes()
        LOST[how](part)
        before = state(split) if how != "folder" else None
        result = cli_call("convert", split / "app.tar.parts.json", tmp_path / "again", *TO, "--force")
        assert result.status == 0, result.stderr
        assert f"notice: part {part.name} " in result.stderr
        assert "made again" in result.stderr
        assert (tmp_path / "again").read_bytes() == whole
        for call in (
            ("inspect", split / "app.tar.parts.json"),
            ("diff", split / "app.tar.parts.json", tmp_path / "whole.tar"),
        ):
            result = cli_call(*call)
            assert (result.status, "made again" in result.stderr) == (0, True), result.stderr
        report = cli_call("audit", "--format", "json", split / "app.tar.parts.json")
        assert report.status == 1
        (finding,) = report.archive()["findings"]
        assert finding["rule"] == ("part-missing" if how == "lost" else "part-mismatch")
        assert finding["subject"] == part.name
        assert before is None or state(split) == before, "a source stays as it is"
        if part.is_dir():
            part.rmdir()
        part.write_bytes(kept)


def test_the_finding_names_the_blobs_in_the_part(split: Path, whole: bytes, cli_call: Call) -> None:
    (split / "app.tar.002").unlink()
    (finding,) = cli_call("audit", "--format", "json", split / "app.tar.parts.json").archive()["findings"]
    with tarfile.open(fileobj=io.BytesIO(whole)) as archive:
        inside = [
            one.name
            for one in archive
            if one.isfile() and one.offset_data < 2 * SIZE and one.offset_data + one.size > SIZE
        ]
    assert f"in it lies {', '.join(inside)};" in finding["message"]


def test_two_lost_parts_are_too_many(split: Path, tmp_path: Path, cli_call: Call) -> None:
    (split / "app.tar.002").unlink()
    (split / "app.tar.004").write_bytes(b"y" * SIZE)
    for call in (
        ("convert", split / "app.tar.parts.json", tmp_path / "again", *TO),
        ("inspect", split / "app.tar.001"),
    ):
        line = refused(cli_call(*call), 1)
        assert "part app.tar.002 is not here (and app.tar.004)" in line
    assert not (tmp_path / "again").exists()
    with pytest.raises(ContentError, match=r"app\.tar\.002"):
        ociarchive.inspect(split / "app.tar.001")


def test_a_lost_parity_hurts_only_an_audit(split: Path, tmp_path: Path, cli_call: Call) -> None:
    (split / "app.tar.parity").unlink()
    result = cli_call("convert", split / "app.tar.parts.json", tmp_path / "again", *TO)
    assert result.status == 0
    assert "notice: part app.tar.parity is not here; all others are whole" in result.stderr
    assert cli_call("audit", "--format", "json", split / "app.tar.001").rules() == {"part-missing"}


def test_a_parity_that_lies_makes_nothing_again(split: Path, tmp_path: Path, cli_call: Call) -> None:
    """Its hash agrees with the list, yet what comes of it is not the part: the list is not of one archive."""
    told_, lie = listed(split), b"z" * SIZE
    (split / "app.tar.parity").write_bytes(lie)
    told_["parity"]["sha256"] = hashlib.sha256(lie).hexdigest()
    (split / "app.tar.parts.json").write_text(json.dumps(told_))
    (split / "app.tar.002").unlink()
    assert "part app.tar.002 is not here" in refused(
        cli_call("convert", split / "app.tar.001", tmp_path / "again", *TO), 1
    )
    assert not (tmp_path / "again").exists()


# -- lists that lie


def changes(**members: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:  # noqa: ANN401  any JSON
    return lambda value: value | members


def first(**members: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:  # noqa: ANN401  any JSON
    return lambda value: value | {"parts": [value["parts"][0] | members, *value["parts"][1:]]}


LIES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "above": first(name="../whole.tar"),
    "absolute": first(name="/etc/passwd"),
    "other": first(name="app.tar.002"),
    "no-name": first(name=None),
    "name": changes(name="../app.tar"),
    "name-empty": changes(name=""),
    "name-dots": changes(name=".."),
    "name-nul": changes(name="a\0"),
    "size-of-part": first(size=SIZE - 1),
    "size-true": first(size=True),
    "size": changes(size=1),
    "size-huge": changes(size=(1 << 63) - 1),
    "size-negative": changes(size=-1),
    "part-size": changes(part_size=0),
    "part-size-text": changes(part_size="2000"),
    "fewer": lambda value: value | {"parts": value["parts"][:-1]},
    "none": changes(parts=[]),
    "parts-number": changes(parts=7),
    "entries": lambda value: value | {"parts": [7] * len(value["parts"])},
    "sha256": first(sha256="0"),
    "sha256-upper": first(sha256="A" * 64),
    "whole": changes(sha256=None),
    "version": changes(schema_version=2),
    "version-true": changes(schema_version=True),
    "version-fraction": changes(schema_version=1.0),
    "parity-name": changes(parity={"name": "app.tar.001", "size": SIZE, "sha256": "0" * 64}),
    "parity-size": changes(parity={"name": "app.tar.parity", "size": 1, "sha256": "0" * 64}),
    "parity-text": changes(parity="app.tar.parity"),
}


@pytest.mark.parametrize("name", LIES)
def test_a_list_that_lies(name: str, split: Path, tmp_path: Path, cli_call: Call) -> None:
    path = split / "app.tar.parts.json"
    path.write_text(json.dumps(LIES[name](listed(split))))
    report = cli_call("audit", "--format", "json", path)
    assert (report.status, report.stderr) == (1, "")
    (finding,) = report.archive()["findings"]
    assert finding["rule"] == "not-an-archive"
    assert finding["message"].startswith("the list of parts is not valid: ")
    assert finding["expected"]
    refused(cli_call("convert", path, tmp_path / "again", *TO), 1)
    assert not (tmp_path / "again").exists()


@pytest.mark.parametrize("raw", [b'{"parts":[', b'{"part_size":1,"parts":[],"parts":[]}', b'{"parts": NaN}'])
def test_a_list_that_is_cut_or_ambiguous(raw: bytes, tmp_path: Path, cli_call: Call) -> None:
    path = tmp_path / "app.tar.parts.json"
    path.write_bytes(raw)
    report = cli_call("audit", "--format", "json", path)
    assert (report.status, report.rules()) == (1, {"not-an-archive"})


def test_no_part_may_be_named_by_another_number_of_digits(split: Path, cli_call: Call) -> None:
    (split / "app.tar.001").rename(split / "app.tar.0001")
    told_ = listed(split)
    told_["parts"][0]["name"] = "app.tar.0001"
    (split / "app.tar.parts.json").write_text(json.dumps(told_))
    assert cli_call("audit", "--format", "json", split / "app.tar.parts.json").rules() == {"not-an-archive"}


def test_a_part_that_is_a_pipe_is_not_waited_for(split: Path, cli_call: Call) -> None:
    (split / "app.tar.002").unlink()
    os.mkfifo(split / "app.tar.002")
    assert cli_call("audit", "--format", "json", split / "app.tar.001").rules() == {"part-mismatch"}


def test_a_part_that_changes_while_it_is_read(tmp_path: Path) -> None:
    """What was proved is what is read: another file in its place ends the work."""
    path = cut(tmp_path / "app.tar", tar(docker_archive(SAVED)), 256)
    with ociarchive.open_archive(path) as archive:
        sources = [one.source for image in images(archive.roots) for one in image.layers if one.source is not None]
        for number in range(1, len(numbered(tmp_path)) + 1):
            part = tmp_path / f"app.tar.{number:03}"
            shutil.copyfile(part, tmp_path / "other")
            (tmp_path / "other").replace(part)
        with pytest.raises(ContentError, match="file changed while the archive was read"):
            [piece for source in sources for piece in source.chunks()]


def test_the_longest_list_is_within_its_limit() -> None:
    name = "\x01" * 240
    parts = tuple(
        partlist.Part(partlist.part_name(name, number, partlist.MOST_PARTS), 1, "0" * 64)
        for number in range(partlist.MOST_PARTS)
    )
    made = partlist.PartList(name=name, size=len(parts), sha256="0" * 64, part_size=1, parts=parts)
    raw = made.document()
    assert len(raw) <= partlist.LIST_LIMIT
    assert partlist.parse(raw, "list") == made


def test_usage_errors_come_before_work(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder for DEST"):
        ociarchive.convert(tmp_path, tmp_path / "none" / "app.tar", to="oci-archive", split=1000)


def test_a_source_is_opened_once(source: Path, split: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it is a list of parts shows in the same open file that its tar is read from."""
    opened: list[str] = []
    really = os.open

    def counted(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        opened.append(os.fspath(path))
        return really(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", counted)
    with ociarchive.open_archive(str(source)) as archive:
        assert len(list(images(archive.roots))) == 1
    assert opened.count(str(source)) == 1
    with ociarchive.open_archive(str(split / "app.tar.parts.json")) as archive:
        assert len(list(images(archive.roots))) == 1


@pytest.mark.parametrize("name", ["app.tar.001", "app.tar.00077", "app.tar.parity", "app.tar.SHA256SUMS"])
def test_a_receipt_takes_no_name_of_a_part(name: str, source: Path, tmp_path: Path, cli_call: Call) -> None:
    dest, receipt = tmp_path / "app.tar", tmp_path / name
    call = ("convert", source, dest, *TO, "--split", str(SIZE), "--receipt", receipt)
    for more in ((), ("--force",)):
        line = refused(cli_call(*call, *more), 2, dest)
        assert "the receipt would overwrite" in line
    assert not list(tmp_path.glob("app.tar*"))
    told(cli_call("convert", source, tmp_path / "whole", "--to", "oci-layout", "--receipt", receipt))  # no parts here


@pytest.mark.parametrize("name", ["app.tar.002", "app.tar.parity", "app.tar.parts.json"])
def test_a_report_is_written_over_no_part_of_a_source(name: str, split: Path, cli_call: Call) -> None:
    before = state(split)
    for command in (("audit", "--format", "json"), ("inspect",), ("inventory",)):
        line = refused(cli_call(*command, split / "app.tar.001", "--output", split / name), 2)
        assert "would overwrite" in line
    assert state(split) == before
    if not name.endswith("json"):  # one that is lost has its name all the same
        (split / name).unlink()
        assert "would overwrite" in refused(cli_call("inventory", split / "app.tar.001", "--output", split / name), 2)
        assert not (split / name).exists()


@pytest.mark.parametrize("name", ["app.tar", "app.tar.002", "app.tar.parity", "app.tar.SHA256SUMS"])
def test_what_belongs_to_parts_leads_to_their_list(name: str, split: Path, cli_call: Call) -> None:
    line = refused(cli_call("inspect", split / name), 1 if (split / name).exists() else 2)
    assert f"name {split / 'app.tar.parts.json'}" in line
    (split / "app.tar.parts.json").unlink()
    assert "parts.json" not in refused(cli_call("inspect", split / name), 1 if (split / name).exists() else 2)
