"""Every exit status of the contract, with at most one line for it, and DEST complete or absent."""

import json
import os
import re
import resource
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import build, old, oracle
from tests.support.build import AMD64, ARM64, Image, Node, artifact, attestation, index, layer
from tests.support.call import Call, Run, hidden, refused, told
from tests.support.forking import shared
from tests.support.machine import state
from tests.support.tar import Member, changed, file, tar, write_folder, write_tar
from tests.support.terminal import on_a_terminal

ROOT = Path(__file__).parents[2]
BASE = layer({"base": b"base" * 500}, "gzip")
IMAGE = Image(layers=[BASE, layer({"app": b"app" * 700}, "gzip")])
NODE = IMAGE.node().named("docker.io/corpus/app:1.0", "1.0")
OTHER = Image(layers=[BASE], config_members={"author": "other"}).node().named("docker.io/corpus/other:2.0", "2.0")
DOCKER = Image(layers=[BASE], family="docker").node().named("docker.io/corpus/app:1.0", "1.0")
ATTESTED = index([IMAGE.node(), attestation(IMAGE.node())]).named("docker.io/corpus/app:1.0", "1.0")
ALONE = artifact(b"alone", "application/vnd.example.note").named(ref_name="alone")
SOUND = build.layout(NODE)
Make = Callable[[Path], Path]


def archive(*members: Member) -> Make:
    return lambda folder: write_tar(folder / "source", members)


def layout(*roots: Node) -> Make:
    return archive(*build.layout(*roots))


def selected(folder: Path, selector: str) -> Path:
    return Path(f"{layout(NODE)(folder)}#{selector}")


def content(data: bytes) -> Make:
    def make(folder: Path) -> Path:
        path = folder / "source"
        path.write_bytes(data)
        return path

    return make


def without(name: str) -> list[Member]:
    return [one for one in SOUND if one.name != name]


def wrong_layer() -> list[Member]:
    return changed(SOUND, build.blob_path(BASE.digest), BASE.stored[:-1] + b"x")


# Status 1: the content

CONTENT: dict[str, tuple[Make, str]] = {
    "layer-damaged": (archive(*wrong_layer()), "digest"),
    "layer-gone": (archive(*without(build.blob_path(BASE.digest))), BASE.digest),
    "config-damaged": (archive(*changed(SOUND, build.blob_path(IMAGE.image_id), b"{}")), "sha256"),
    "doubled-key": (archive(*changed(SOUND, "index.json", b'{"manifests":[],"manifests":[]}')), "twice"),
    "no-json": (archive(*changed(SOUND, "index.json", b"{")), "not JSON"),
    "no-images": (archive(*build.layout()), "no image in the archive"),
    "empty-manifest-json": (archive(*build.docker_archive(entries=[])), "no image in the archive"),
    "version-1-in-a-circle": (archive(*old.saved(IMAGE.layers[:1], [old.v1(0, 0)])), "lead back to it"),
    "doubled-member": (archive(*SOUND, file("index.json", b"{}")), "twice"),
    "cut-tar": (content(tar(SOUND)[:-3000]), "cut short"),
    "text": (content(b"hello, world\n"), "not an image archive"),
    "empty-file": (content(b""), "empty file"),
    "other-tar": (archive(file("readme", b"")), "not an image archive"),
    "cut-gzip": (content(build.gzipped(tar(SOUND))[:-500]), "cut short"),
}  # fmt: skip


@pytest.mark.parametrize("name", CONTENT)
def test_content_at_fault_is_1(name: str, tmp_path: Path, cli_call: Call) -> None:
    make, words = CONTENT[name]
    source, dest = make(tmp_path), tmp_path / "dest"
    line = refused(cli_call("convert", source, dest, "--to", "oci-layout"), 1, dest)
    assert words in line
    assert re.fullmatch(r"error: .+ \(.*\)", line), line
    if name not in {"no-images", "empty-manifest-json"}:  # these are for the audit's rules to judge
        told(cli_call("audit", source), 1)


@dataclass(frozen=True, slots=True)
class Case:
    """A source, the options of a conversion, and words of the message."""

    source: Make
    options: tuple[str, ...]
    words: str


CONTENT_BY_CALL = {
    "artifacts-alone-into-a-docker-archive": Case(layout(ALONE), ("--to", "docker-archive"), "artifact"),
    "ratio": Case(
        layout(Image(layers=[layer({"zeros": bytes(4 << 20)}, "gzip")]).node()),
        ("--to", "oci-layout", "--max-ratio", "10"),
        "--max-ratio",
    ),
    "size": Case(layout(NODE), ("--to", "oci-layout", "--max-layer-size", "100"), "--max-layer-size"),
}  # fmt: skip


@pytest.mark.parametrize("name", CONTENT_BY_CALL)
def test_content_that_a_call_does_not_take_is_1(name: str, tmp_path: Path, cli_call: Call) -> None:
    case = CONTENT_BY_CALL[name]
    dest = tmp_path / "dest"
    assert case.words in refused(cli_call("convert", case.source(tmp_path), dest, *case.options), 1, dest)


# Status 2: the call

USAGE = {
    "no-format": Case(layout(NODE), (), "--to says which format DEST is to have"),
    "unknown-format": Case(layout(NODE), ("--to", "zip"), "unknown format zip"),
    "source-alone": Case(layout(NODE), ("--to", "docker-storage"), "docker-storage can be read, not written"),
    "unknown-option": Case(layout(NODE), ("--to", "dir", "--frobnicate"), "--frobnicate"),
    "option-without-value": Case(layout(NODE), ("--to", "dir", "--level"), "--level"),
    "option-of-another-kind": Case(layout(NODE), ("--to", "dir", "--level", "high"), "fast or small"),
    "unknown-compression": Case(layout(NODE), ("--to", "dir", "--compression", "xz"), "xz"),
    "no-jobs": Case(layout(NODE), ("--to", "dir", "--jobs", "0"), "--jobs"),
    "malformed-platform": Case(layout(NODE), ("--to", "dir", "--platform", "linux"), "OS/ARCH"),
    "platform-not-there": Case(layout(NODE), ("--to", "dir", "--platform", "linux/s390x"), "there is linux/amd64"),
    "image-not-there": Case(layout(NODE), ("--to", "dir", "--image", "nothing:1"), "there is docker.io/corpus/app:1.0"),
    "digest-not-there": Case(layout(NODE), ("--to", "dir", "--image", f"sha256:{'0' * 64}"), "nothing has the digest"),
    "malformed-tag": Case(layout(NODE), ("--to", "dir", "--tag", "UP PER"), "--tag takes an image name"),
    "tag-of-two": Case(layout(NODE, OTHER), ("--to", "oci-layout", "--tag", "a:1"), "--tag names one image"),
    "two-into-a-dir": Case(layout(NODE, OTHER), ("--to", "dir"), "corpus/other:2.0"),
    "zstd-in-docker-types": Case(layout(DOCKER), ("--to", "oci-layout", "--compression", "zstd"), "--media-types oci"),
    "attestations-in-docker-types": Case(layout(ATTESTED), ("--to", "dir", "--media-types", "docker"), "attestations"),
    "digests-cannot-stay": Case(
        layout(NODE), ("--to", "oci-layout", "--compression", "none", "--preserve-digests"), "cannot be preserved"
    ),
    "level-beyond": Case(layout(NODE), ("--to", "dir", "--compression", "gzip", "--level", "99"), "1 to 12"),
    "outer-of-a-folder": Case(layout(NODE), ("--to", "oci-layout", "--outer", "gzip"), "is a folder"),
    "merge-into-nothing": Case(layout(NODE), ("--to", "oci-layout", "--merge"), "an oci-layout that exists"),
    "merge-into-a-tar": Case(layout(NODE), ("--to", "oci-archive", "--merge"), "not to oci-archive"),
    "unknown-limit": Case(layout(NODE), ("--to", "dir", "--limit", "patience=3"), "--limit takes NAME=N"),
    "ratio-of-nothing": Case(layout(NODE), ("--to", "dir", "--max-ratio", "0"), "--max-ratio"),
    "no-name-for-a-registry": Case(layout(ALONE), ("--to", "registry-storage"), "--tag"),
    "no-such-source": Case(lambda folder: folder / "none", ("--to", "dir"), "no such file or folder"),
    "nothing-behind-the-hash": Case(lambda folder: selected(folder, ""), ("--to", "dir"), "nothing stands behind"),
    "selector-not-there": Case(lambda folder: selected(folder, "b:1"), ("--to", "dir"), "no image 'b:1'"),
}  # fmt: skip


@pytest.mark.parametrize("name", USAGE)
def test_a_call_at_fault_is_2(name: str, tmp_path: Path, cli_call: Call) -> None:
    case = USAGE[name]
    dest = tmp_path / "dest"
    line = refused(cli_call("convert", case.source(tmp_path), dest, *case.options), 2, dest)
    assert case.words in line


CALLS: dict[str, tuple[list[str], str]] = {
    "unknown-command": (["frobnicate"], "no command 'frobnicate'; there is convert, audit"),
    "unknown-option-of-all": (["--frobnicate"], "--frobnicate"),
    "convert-nothing": (["convert"], "at least one SOURCE, and a DEST"),
    "convert-without-dest": (["convert", "a"], "at least one SOURCE, and a DEST"),
    "audit-nothing": (["audit"], "at least one SOURCE"),
    "inspect-nothing": (["inspect"], "missing argument"),
    "inspect-two": (["inspect", "a", "b", "--raw"], "one SOURCE"),
    "audit-absent": (["audit", "/nonexistent/archive"], "no such file or folder"),
    "audit-empty-path": (["audit", "#app:1.0"], "the path of an archive is empty: expected PATH or PATH#REF"),
    "inspect-absent": (["inspect", "/nonexistent/archive"], "no such file or folder"),
    "unknown-rule": (["rules", "digest-mismatched"], "nearest: digest-mismatch"),
    "no-rule-like-it": (["rules", "%%%%"], "no rule '%%%%'"),
    "unknown-rule-ignored": (["audit", "x", "--ignore", "frobnicate"], "frobnicate"),
    "unknown-severity": (["audit", "x", "--severity", "digest-mismatch=fatal"], "fatal"),
    "unknown-report": (["audit", "x", "--format", "pdf"], "pdf"),
    "no-settings": (["audit", "x", "--config", "/nonexistent/settings"], "settings"),
    "input-twice": (["convert", "-", "-", "dest", "--to", "dir"], "standard input can be read once"),
    "folder-to-output": (["convert", "x", "-", "--to", "dir"], "standard output"),
    "colour": (["rules", "--color", "pink"], "pink"),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_command_line_at_fault_is_2(name: str, cli_call: Call) -> None:
    args, words = CALLS[name]
    result = cli_call(*args)
    line = refused(result, 2)
    assert words in line
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1


def test_without_a_command_the_help_is_shown_and_it_is_2(cli_call: Call) -> None:
    result = told(cli_call(), 2)
    assert "Usage: ociarchive" in result.stderr


# DEST

EXISTING: dict[str, tuple[Callable[[Path], object], str]] = {
    "file": (lambda path: path.write_text("old"), "oci-archive"),
    "folder-for-a-file": (lambda path: write_folder(path, SOUND), "oci-archive"),
    "file-for-a-folder": (lambda path: path.write_text("old"), "oci-layout"),
    "layout": (lambda path: write_folder(path, SOUND), "oci-layout"),
    "empty-folder": (lambda path: path.mkdir(), "oci-layout"),
    "link": (lambda path: path.symlink_to(path.parent), "oci-layout"),
}

#: What is said of each: what would be lost, and what fits instead.
FITS = {
    "file": "use --force to replace it, a file that is no image archive",
    "folder-for-a-file": "name DEST behind it if it is a SOURCE, or use --force to replace it and lose docker.io/",
    "file-for-a-folder": "use --force to replace it, a file that is no image archive",
    "layout": "use --merge to add to it, or --force to replace it and lose docker.io/corpus/",
    "empty-folder": "remove it first, as --force replaces archives alone and this is an empty folder",
    "link": "choose a name that is free, as --force replaces archives alone and this is a folder without one",
}


@pytest.mark.parametrize("name", EXISTING)
def test_an_existing_dest_is_2_and_stays(name: str, tmp_path: Path, cli_call: Call) -> None:
    make, form = EXISTING[name]
    source = write_tar(tmp_path / "s" / "source", SOUND)
    dest = tmp_path / "d" / "dest"
    dest.parent.mkdir()
    make(dest)
    before = state(dest)
    line = refused(cli_call("convert", source, dest, "--to", form), 2)
    assert f"DEST exists, {FITS[name]}" in line
    assert state(dest) == before
    assert hidden(dest.parent) == []


@pytest.mark.parametrize("name", ["file", "layout", "folder-for-a-file"])
def test_force_replaces_what_holds_an_archive(name: str, tmp_path: Path, cli_call: Call) -> None:
    make, form = EXISTING[name]
    source = write_tar(tmp_path / "source", build.layout(OTHER))
    dest = tmp_path / "dest"
    make(dest)
    told(cli_call("convert", source, dest, "--to", form, "--force"))
    assert [one.references for one in oracle.read(dest).images] == [{"docker.io/corpus/other:2.0"}]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["dest", "source"]


def test_force_leaves_a_folder_of_other_things(tmp_path: Path, cli_call: Call) -> None:
    source = write_tar(tmp_path / "source", SOUND)
    home = write_folder(tmp_path / "home", [file("letter", b"dear")])
    assert "holds no archive" in refused(cli_call("convert", source, home, "--to", "oci-layout", "--force"), 2)
    assert (home / "letter").read_bytes() == b"dear"


def test_force_leaves_the_old_one_when_the_source_is_at_fault(tmp_path: Path, cli_call: Call) -> None:
    source = write_tar(tmp_path / "source", wrong_layer())
    dest = write_folder(tmp_path / "dest", build.layout(OTHER))
    before = state(dest)
    refused(cli_call("convert", source, dest, "--to", "oci-layout", "--force"), 1)
    assert state(dest) == before
    assert sorted(one.name for one in tmp_path.iterdir()) == ["dest", "source"]


def test_dest_in_no_folder_is_2(tmp_path: Path, cli_call: Call) -> None:
    source = write_tar(tmp_path / "source", SOUND)
    assert "no such folder for DEST" in refused(cli_call("convert", source, tmp_path / "a" / "b", "--to", "dir"), 2)


def test_dest_that_is_the_source_is_refused(tmp_path: Path, cli_call: Call) -> None:
    source = write_folder(tmp_path / "layout", SOUND)
    before = state(source)
    refused(cli_call("convert", source, source, "--to", "oci-layout"), 2)
    assert state(source) == before


# Status 3: the environment

HOST: dict[str, tuple[list[str], str]] = {
    "dest-where-nothing-can-be": (["convert", "SOURCE", "/proc/dest", "--to", "oci-archive"], "cannot write"),
    "report-on-a-full-disk": (["audit", "SOURCE", "--output", "/dev/full"], "/dev/full"),
}


@pytest.mark.parametrize("name", HOST)
def test_the_environment_at_fault_is_3(name: str, tmp_path: Path, cli_call: Call) -> None:
    args, words = HOST[name]
    source = write_tar(tmp_path / "source", SOUND)
    line = refused(cli_call(*(str(source) if one == "SOURCE" else one for one in args)), 3)
    assert words in line


def test_a_full_disk_is_3_and_leaves_nothing(tmp_path: Path) -> None:
    """The limit of a file's size stands for the disk."""
    noise = bytes(os.urandom(300_000))
    node = Image(layers=[layer({"noise": noise}), layer({"more": noise[::-1]})]).node().named(ref_name="app")
    source = write_tar(tmp_path / "source", build.layout(node))
    (tmp_path / "d").mkdir()
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    for form in ("oci-archive", "oci-layout"):
        dest = tmp_path / "d" / "dest"
        done = subprocess.run(
            [sys.executable, "-m", "ociarchive", "convert", source, dest, "--to", form, "--no-audit"],
            capture_output=True, text=True, check=False, cwd=ROOT, preexec_fn=small_files, env=unmeasured,
        )  # fmt: skip
        assert done.returncode == 3, done.stderr
        assert re.search(
            r"^error: .*(File too large|larger than files).*ulimit -f.* \(.*/dest\)$", done.stderr, re.MULTILINE
        )
        assert "Traceback" not in done.stderr
        assert list((tmp_path / "d").iterdir()) == []


def small_files() -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))


# Several sources


def test_of_several_sources_each_is_audited_and_the_worst_status_counts(tmp_path: Path, cli_call: Call) -> None:
    good = write_tar(tmp_path / "good", SOUND)
    bad = write_tar(tmp_path / "bad", wrong_layer())
    text = content(b"text")(tmp_path)
    absent = tmp_path / "none"
    for sources, status in (
        ([good, good], 0),
        ([good, bad], 1),
        ([text, good], 1),
        ([absent, good], 2),
        ([bad, absent, text, good], 2),
    ):
        result = told(cli_call("audit", "--format", "json", *sources), status)
        seen = [one["source"] for one in result.json()["archives"]]
        assert seen == [str(one) for one in sources if one != absent]
        assert result.stderr.count("error: ") == sources.count(absent)
    rules = [one["rule"] for one in told(cli_call("audit", "--format", "json", text), 1).archive()["findings"]]
    assert rules == ["not-an-archive"]


STRICT: dict[str, tuple[list[str], int]] = {
    "warning": ([], 0),
    "strict": (["--strict"], 1),
    "ignored": (["--strict", "--ignore", "blob-unreferenced"], 0),
    "only-another": (["--strict", "--only", "digest-mismatch"], 0),
    "made-an-error": (["--severity", "blob-unreferenced=error"], 1),
    "made-a-note": (["--strict", "--severity", "blob-unreferenced=note"], 0),
}


@pytest.mark.parametrize("name", STRICT)
def test_warnings_and_what_the_call_makes_of_them(name: str, tmp_path: Path, cli_call: Call) -> None:
    options, status = STRICT[name]
    source = write_tar(tmp_path / "source", build.layout(NODE, strays=[b"stray"]))
    told(cli_call("audit", "--no-config", source, *options), status)


def test_a_digest_that_is_expected_and_not_there_is_a_finding(tmp_path: Path, cli_call: Call) -> None:
    source = write_tar(tmp_path / "source", SOUND)
    told(cli_call("audit", f"{source}#{IMAGE.image_id}"))
    told(cli_call("audit", f"{source}#{NODE.digest}"))
    found = told(cli_call("audit", "--format", "json", f"{source}#sha256:{'0' * 64}"), 1)
    assert found.rules("error") == {"expected-digest-missing"}
    refused(cli_call("audit", f"{source}#nothing:1"), 2)


def test_inspect_fails_only_where_it_verifies(tmp_path: Path, cli_call: Call) -> None:
    source = write_tar(tmp_path / "source", wrong_layer())
    told(cli_call("inspect", source))
    told(cli_call("inspect", "--verify", source), 1)
    assert "no image in the archive" in refused(cli_call("inspect", archive(*build.layout())(tmp_path)), 1)


# Help and the like

COMMANDS = ("convert", "audit", "inspect", "index create", "rules", "completion", "doctor")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_ends_with_examples(command: str, option: str, cli_call: Call) -> None:
    result = told(cli_call(*command.split(), option))
    assert result.stdout.startswith(f"Usage: ociarchive {command}")
    assert result.stderr == ""
    examples = result.stdout.partition("\n  Examples:\n")[2].splitlines()
    assert 2 <= len([one for one in examples if one.startswith("    ociarchive ")]) == len(examples) <= 4
    for name in ("--quiet", "--verbose", "--progress", "--color"):
        assert name in result.stdout
    assert all(len(line) <= 80 for line in result.stdout.splitlines())
    assert "[x>=1]" not in result.stdout  # ranges as click writes them
    assert "[1<=x" not in result.stdout


def test_help_lists_the_commands(cli_call: Call) -> None:
    result = told(cli_call("--help"))
    assert all(re.search(rf"^  {name.split()[0]} +\w", result.stdout, re.MULTILINE) for name in COMMANDS)


def test_version_names_the_codecs(cli_call: Call) -> None:
    text = told(cli_call("--version")).stdout
    assert re.match(r"ociarchive \d+\.\d+\.\d+\S*\n  ", text)
    assert all(word in text for word in ("Python", "libdeflate", "zstd"))


def test_rules_are_listed_and_explained(cli_call: Call) -> None:
    listed = [line for line in told(cli_call("rules")).stdout.splitlines() if not line.startswith(" ")]
    names = [line.split()[1] for line in listed]
    assert len(names) == len(set(names)) > 20
    assert {line.split()[0] for line in listed} == {"error", "warning", "note"}
    for line in listed:
        severity, name = line.split()[:2]
        text = told(cli_call("rules", name)).stdout
        assert text.startswith(f"{name} ({severity})\n")
        assert "\nSource: " in text


# Streams


def test_quiet_says_nothing_but_errors(tmp_path: Path, cli_call: Call) -> None:
    source = write_tar(tmp_path / "source", build.layout(NODE, strays=[b"stray"]))
    said = told(cli_call("convert", source, tmp_path / "a", "--to", "dir"))
    assert (said.stdout, bool(said.stderr)) == ("", True)
    quiet = told(cli_call("convert", source, tmp_path / "b", "--to", "dir", "-q"))
    assert (quiet.stdout, quiet.stderr) == ("", "")
    refused(cli_call("convert", source, tmp_path / "b", "--to", "dir", "-q"), 2)
    result = told(cli_call("inspect", source, "-q", "--verify"))
    assert (bool(result.stdout), result.stderr) == (True, "")


@pytest.mark.parametrize("form", ["table", "json"])
@pytest.mark.parametrize("command", ["audit", "inspect"])
def test_output_into_a_file(command: str, form: str, tmp_path: Path, cli_call: Call) -> None:
    source = write_tar(tmp_path / "source", SOUND)
    printed = told(cli_call(command, source, "--format", form))
    result = told(cli_call(command, source, "--format", form, "--output", tmp_path / "report", "--color", "always"))
    assert result.stdout == ""
    seconds = re.compile(r"in [0-9.]+ s")
    assert seconds.sub("", (tmp_path / "report").read_text()) == seconds.sub("", printed.stdout)
    assert seconds.sub("", told(cli_call(command, source, "--format", form, "--output", "-")).stdout) == seconds.sub(
        "", printed.stdout
    )


def test_an_archive_through_pipes(tmp_path: Path, run_cli: Run) -> None:
    data = tar(SOUND)
    piped = told(run_cli("convert", "-", "-", "--to", "oci-archive", "--compression", "none", stdin=data))
    (tmp_path / "piped.tar").write_bytes(piped.raw)
    source = write_tar(tmp_path / "source", SOUND)
    told(run_cli("convert", source, tmp_path / "direct.tar", "--to", "oci-archive", "--compression", "none"))
    assert piped.raw == (tmp_path / "direct.tar").read_bytes()
    assert "audit      none" in piped.stderr
    assert told(run_cli("audit", "-", stdin=piped.raw)).stdout.startswith("archive ")


def test_nothing_is_sent_where_the_source_is_at_fault(run_cli: Run) -> None:
    result = told(run_cli("convert", "-", "-", "--to", "oci-archive", "--no-progress", stdin=tar(wrong_layer())), 1)
    assert result.raw == b""
    assert result.stderr.startswith("error: ")


@pytest.mark.parametrize(
    "args", [("rules",), ("inspect", "SOURCE"), ("audit", "--format", "json", "--no-progress", "SOURCE")]
)
def test_a_reader_that_goes_away_is_nothing_to_speak_of(args: tuple[str, ...], tmp_path: Path) -> None:
    source = write_tar(tmp_path / "source", build.layout(*[NODE.named(ref_name=f"n{n}") for n in range(600)]))
    command = [*shared().command, *(str(source) if one == "SOURCE" else one for one in args)]
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_archive_whose_reader_goes_away_was_not_written(tmp_path: Path) -> None:
    source = write_tar(tmp_path / "source", SOUND)
    command = [*shared().command, "convert", str(source), "-", "--to", "oci-archive", "--no-progress"]
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (3, "error: cannot write: Broken pipe (standard output)\n")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed(closed: str, tmp_path: Path) -> None:
    source = write_tar(tmp_path / "source", SOUND)
    dest = tmp_path / "dest"
    command = f"exec {shlex.join(shared().command)} convert {source} {dest} --to oci-archive {closed}"
    done = subprocess.run(["sh", "-c", command], check=False, capture_output=True, text=True)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert oracle.read(dest).images


def test_a_terminal_gets_colours_and_bars(tmp_path: Path) -> None:
    source = write_tar(tmp_path / "source", SOUND)
    status, shown = on_a_terminal("audit", source, NO_COLOR="")
    assert (status, "\x1b[" in shown) == (0, True)
    status, shown = on_a_terminal("audit", source, NO_COLOR="1")
    assert "\x1b[3" not in shown.replace("\x1b[?25", "")
    status, shown = on_a_terminal("audit", "--color", "never", source)
    assert not re.search(r"\x1b\[3\dm", shown)
    status, shown = on_a_terminal("convert", source, tmp_path / "a", "--to", "oci-layout")
    assert (status, "done in" in shown) == (0, True)
    status, shown = on_a_terminal("convert", source, tmp_path / "b", "--to", "oci-layout", "-q")
    assert (status, shown.strip()) == (0, "")


# Signals

SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


@contextmanager
def converting(tmp_path: Path, *options: str) -> Iterator[tuple["subprocess.Popen[str]", Path]]:
    """Give a conversion that waits for the rest of its source, its hidden file there already."""
    fifo, dest = tmp_path / "fifo", tmp_path / "d" / "dest"
    dest.parent.mkdir(exist_ok=True)
    os.mkfifo(fifo)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "ociarchive", "convert", str(fifo), str(dest), *options]
    child = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
    writing = os.open(fifo, os.O_WRONLY)  # which waits until it is read from
    try:
        os.write(writing, tar(SOUND)[:5000])
        while not hidden(dest.parent) and child.poll() is None:
            time.sleep(0.01)
        yield child, dest
    finally:
        os.close(writing)
        if child.poll() is None:
            child.kill()
        child.communicate()


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
@pytest.mark.parametrize("form", ["oci-layout", "oci-archive"])
def test_a_signal_ends_a_conversion_and_leaves_nothing(number: signal.Signals, form: str, tmp_path: Path) -> None:
    with converting(tmp_path, "--to", form) as (child, dest):
        assert child.poll() is None
        child.send_signal(number)
        out, err = child.communicate()
        assert child.returncode == SIGNALS[number]
        assert out == ""
        assert "Traceback" not in err
        assert err.count("\n") <= 1
        assert list(dest.parent.iterdir()) == []


def test_a_signal_leaves_the_old_dest(tmp_path: Path) -> None:
    write_folder(tmp_path / "d" / "dest", build.layout(OTHER))
    before = state(tmp_path / "d" / "dest")
    with converting(tmp_path, "--to", "oci-layout", "--force") as (child, dest):
        child.send_signal(signal.SIGTERM)
        child.communicate()
        assert child.returncode == 143
        assert state(dest) == before
        assert [one.name for one in dest.parent.iterdir()] == ["dest"]


def test_a_signal_that_is_ignored_stays_ignored(tmp_path: Path) -> None:
    """As nohup starts a program."""
    source = write_tar(tmp_path / "source", SOUND)
    script = (
        "import os,signal,sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); os.execv(sys.executable, sys.argv[1:])"
    )
    fifo, dest = tmp_path / "fifo", tmp_path / "dest"
    os.mkfifo(fifo)
    arguments = [sys.executable, "-m", "ociarchive", "convert", str(fifo), str(dest), "--to", "oci-archive"]
    child = subprocess.Popen([sys.executable, "-c", script, *arguments], cwd=ROOT, stderr=subprocess.PIPE)
    with fifo.open("wb") as out:
        child.send_signal(signal.SIGHUP)
        out.write(source.read_bytes())
    child.communicate()
    assert child.returncode == 0
    assert oracle.read(dest).images


@pytest.mark.parametrize(
    ("work", "pause"), [("time.sleep(60)", 0), ("time.sleep(60)", 0.3), ("pass", 0)], ids=["long", "busy", "over"]
)
def test_a_signal_is_not_lost_where_python_clears_up(work: str, pause: float) -> None:
    """An exception in what is cleared away leads nowhere, so the signal comes again: in the work, or at its end.

    On a busy machine the thread that sends it starts late, and the hook that started it is not at its end.
    """
    script = f"""
import os, signal, threading, time
from ociarchive.cli import main
start = threading.Thread.start
def late(self):
    start(self)
    time.sleep({pause})
threading.Thread.start = late
def walk():
    try:
        yield
    finally:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(1)
def run(_):
    left = walk()
    next(left)
    del left
    {work}
    return 0
main.run = run
main.main()
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (143, "", "")


# Faults of our own


def test_a_fault_of_our_own_is_one_line_and_3(tmp_path: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_tar(tmp_path / "source", SOUND)
    for error, status, words in (
        (ZeroDivisionError("x"), 3, "a fault in ociarchive itself"),
        (MemoryError(), 3, "not enough memory"),
        (RecursionError(), 1, "nests deeper"),
        (OSError(28, "No space left on device", "/x"), 3, "No space left on device (/x)"),
        (KeyboardInterrupt(), 130, ""),
    ):

        def fail(*_: object, found: BaseException = error, **__: object) -> None:
            raise found

        with monkeypatch.context() as patched:
            patched.setattr("ociarchive.cli.inspect_cmd.open_archive", fail)
            result = told(cli_call("inspect", source), status)
            assert result.stderr.count("\n") == bool(words)
            assert words in result.stderr
            if isinstance(error, ZeroDivisionError):
                assert "Traceback" in cli_call("inspect", source, "-vv").stderr


def test_traces_only_where_they_are_asked_for(tmp_path: Path, cli_call: Call) -> None:
    absent = tmp_path / "none"
    for options, traced in (
        ((), False),
        (("-v",), False),
        (("-vv",), True),
        (("-v", "-v"), True),
        (("--verbose",) * 2, True),
    ):
        result = cli_call("inspect", absent, *options)
        assert result.status == 2
        assert ("Traceback" in result.stderr) is traced
        assert result.stderr.splitlines()[-1].startswith("error: no such file or folder")


def test_platforms_of_an_index_by_the_command_line(tmp_path: Path, cli_call: Call) -> None:
    nodes = [Image(layers=[BASE], platform=one).node(platform=one.members()) for one in (AMD64, ARM64)]
    source = write_tar(tmp_path / "source", build.layout(index(nodes).named("docker.io/corpus/app:1.0", "1.0")))
    told(cli_call("convert", source, tmp_path / "dest", "--to", "oci-layout", "--platform", "linux/arm64"))
    (entry,) = json.loads((tmp_path / "dest" / "index.json").read_bytes())["manifests"]
    assert entry["digest"] == nodes[1].digest


@pytest.mark.parametrize(
    "arguments",
    [
        ("audit", "{name}"),
        ("audit", "{tar}/below"),
        ("audit", "{circle}"),
        ("convert", "{tar}", "{circle}", "--to", "dir", "--force"),
        ("audit", "{tar}", "--config", "{tar}/below"),
        ("convert", "{tar}", "{tar}/below", "--to", "dir"),
        ("audit", "{tar}", "--output", "{name}"),
        ("audit", "{tar}", "--catalogue", "{name}"),
        ("convert", "{tar}", "{name}", "--to", "dir"),
        ("convert", "{tar}", "{dest}", "--to", "dir", "--receipt", "{name}"),
    ],
)
def test_a_name_that_no_file_can_have_is_the_calls(arguments: Sequence[str], tmp_path: Path, cli_call: Call) -> None:
    names = {"name": tmp_path / ("n" * 300), "dest": tmp_path / "dest", "tar": layout(NODE)(tmp_path)}
    names["circle"] = tmp_path / "circle"
    names["circle"].symlink_to("circle")
    before = sorted(tmp_path.iterdir())
    told(cli_call(*(one.format(**names) for one in arguments)), 2)
    assert sorted(tmp_path.iterdir()) == before


def test_what_the_other_side_has_does_not_come_from_a_device_without_an_end(tmp_path: Path, cli_call: Call) -> None:
    result = told(
        cli_call("convert", layout(NODE)(tmp_path), tmp_path / "no", "--to", "oci-layout", "--have", "/dev/zero"), 2
    )
    assert "by its path, not from a pipe" in result.stderr
