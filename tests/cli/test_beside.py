"""Files beside DEST: what a report or receipt may never take the place of, and how it gets its name."""

import json
import os
import secrets
import subprocess
import threading
from pathlib import Path

import pytest

from ociarchive.blobio import beside
from ociarchive.blobio.beside import Beside
from ociarchive.errors import HostError, UsageError
from ociarchive.report.shared.marks import is_ours
from tests.support import build
from tests.support.build import Image, layer
from tests.support.call import Call, hidden, refused, told
from tests.support.forking import shared
from tests.support.tar import write_folder, write_tar

NODE = Image(layers=[layer({"a": b"a"}, "gzip")]).node().named("docker.io/corpus/app:1.0", "1.0")
MEMBERS = build.layout(NODE)
CONVERT = ("--to", "oci-layout", "--no-sync", "-q")


@pytest.fixture
def tar(tmp_path: Path) -> Path:
    return write_tar(tmp_path / "app.tar", MEMBERS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "app", MEMBERS)


def test_a_receipt_never_takes_the_place_of_what_is_converted(tar: Path, folder: Path, cli_call: Call) -> None:
    dest, hard = tar.parent / "dest", tar.parent / "hard.tar"
    os.link(tar, hard)
    (tar.parent / "link.tar").symlink_to(tar)
    before = tar.read_bytes(), (folder / "index.json").read_bytes()
    for receipt in (tar, hard, tar.parent / "link.tar", folder / "index.json", folder / "new.json"):
        given = ("convert", tar if folder not in receipt.parents else folder, dest, *CONVERT, "--receipt", receipt)
        for options in ((), ("--force",)):
            assert "would overwrite" in refused(cli_call(*given, *options), 2)
            assert not dest.exists()
    inside = ("convert", tar, folder, *CONVERT, "--force", "--receipt", folder / "blobs" / "receipt.json")
    assert "would overwrite" in refused(cli_call(*inside), 2)
    assert (tar.read_bytes(), (folder / "index.json").read_bytes()) == before
    assert "would overwrite" in refused(cli_call("convert", tar, dest, *CONVERT, "--receipt", dest / "r"), 2)
    assert "would overwrite" in refused(cli_call("convert", tar, dest, *CONVERT, "--receipt", dest), 2)


#: What each option that names a file to write is called in messages, and a call that has it last.
WRITING = {
    "audit-output": ("report", ("audit", "TAR", "--output")),
    "audit-catalogue": ("catalogue", ("audit", "TAR", "--catalogue")),
    "audit-attestation": ("attestation", ("audit", "TAR", "--sign", "KEY", "--attestation")),
    "inspect-output": ("report", ("inspect", "TAR", "--output")),
    "inspect-raw": ("report", ("inspect", "TAR", "--raw", "--output")),
    "diff-output": ("report", ("diff", "TAR", "TAR", "--output")),
    "inventory-output": ("inventory", ("inventory", "TAR", "--output")),
    "doctor-output": ("report", ("doctor", "--output")),
    "convert-receipt": ("receipt", ("convert", "TAR", "DEST", *CONVERT, "--receipt")),
    "convert-attestation": ("attestation", ("convert", "TAR", "DEST", *CONVERT, "--sign", "KEY", "--attestation")),
    "index-receipt": ("receipt", ("index", "create", "TAR", "DEST", *CONVERT, "--tag", "a:1", "--receipt")),
}


@pytest.mark.parametrize("name", WRITING)
def test_a_file_in_no_folder_is_a_call_at_fault_for_every_option(name: str, tar: Path, cli_call: Call) -> None:
    what, call = WRITING[name]
    places = {"TAR": str(tar), "DEST": str(tar.parent / "dest"), "KEY": str(tar.parent / "key.pem")}
    for path in (tar.parent / "none" / "file", tar.parent / "text" / "file"):
        (tar.parent / "text").write_text("no folder")
        assert refused(cli_call(*(places.get(one, one) for one in call), path), 2) == (
            f"error: the {what} cannot be written there: expected a folder that exists; make that folder first, or name"
            f" another place ({path})"
        )
        assert not (tar.parent / "dest").exists()
    hint = "make that folder first, or name another place"
    assert hint in refused(cli_call("convert", tar, tar.parent / "none" / "dest", *CONVERT), 2)
    split = ("--to", "oci-archive", "--split", "20KiB")
    assert hint in refused(cli_call("convert", tar, tar.parent / "none" / "dest", *split), 2)


def test_a_report_never_takes_the_place_of_an_archive_found_below_a_folder(tmp_path: Path, cli_call: Call) -> None:
    first, last = (write_tar(tmp_path / "d" / name, MEMBERS) for name in ("a.tar", "z.tar"))
    inner = write_folder(tmp_path / "d" / "m", MEMBERS)
    before = first.read_bytes()
    os.link(last, tmp_path / "hard")
    for output in (first, last, inner / "index.json", inner / "report", tmp_path / "hard"):
        assert "would overwrite" in refused(
            cli_call("audit", "--recursive", tmp_path / "d", "--output", output, "--force", "-q"), 2
        )
    assert (first.read_bytes(), last.read_bytes()) == (before, before)
    assert not (inner / "report").exists()
    for _ in range(2):  # beside them it may lie, and be replaced
        told(cli_call("audit", "--recursive", tmp_path / "d", "--output", tmp_path / "d/r.json", "--format", "json"))
    assert json.loads((tmp_path / "d/r.json").read_text())["archives"]


def test_a_report_never_takes_the_place_of_what_else_a_call_reads(tar: Path, tmp_path: Path, cli_call: Call) -> None:
    receipt, settings = tmp_path / "r.json", tmp_path / "ociarchive.toml"
    told(cli_call("convert", tar, tmp_path / "dest", *CONVERT, "--receipt", receipt))
    settings.write_text("strict = true\n")
    for option, path in (("--receipt", receipt), ("--config", settings)):
        call = ("audit", tmp_path / "dest", option, path, "--output", path, "--force")
        assert "would overwrite" in refused(cli_call(*call), 2)


@pytest.mark.parametrize("form", ["json", "sarif", "junit", "codequality", "html"])
def test_a_report_of_ours_is_replaced(form: str, tmp_path: Path, cli_call: Call) -> None:
    sound = write_tar(tmp_path / "app.tar", MEMBERS)
    stray = write_tar(tmp_path / "stray.tar", build.layout(NODE, strays=[b"stray"]))
    report = tmp_path / "report"
    for source in (stray, sound, stray):
        told(cli_call("audit", source, "--format", form, "--output", report))
    told(cli_call("inspect", sound, "--format", "json", "--output", report))
    told(cli_call("diff", sound, stray, "--format", "html", "--output", report))
    told(cli_call("diff", sound, stray, "--format", "json", "--output", report))
    told(cli_call("doctor", "--format", "json", "--output", report))
    told(cli_call("convert", sound, tmp_path / f"dest-{form}", *CONVERT, "--receipt", report))
    report.write_text(json.dumps(json.loads(report.read_text())))  # as another program lays it out
    told(cli_call("audit", sound, "--format", form, "--output", report))


@pytest.mark.parametrize(
    "content",
    ["thesis", '{"schema_version": 1}', '[{"type": "issue"}]', "<!DOCTYPE html><p>ociarchive</p>", "archive  format"],
)
def test_another_file_is_replaced_with_force_alone(content: str, tar: Path, tmp_path: Path, cli_call: Call) -> None:
    other = tmp_path / "other"
    other.write_text(content)
    for call in (("audit", tar), ("inspect", tar), ("diff", tar, tar), ("doctor",)):
        assert "--force replaces it" in refused(cli_call(*call, "--output", other), 2)
        assert other.read_text() == content
        told(cli_call(*call, "--output", other, "--force"))
        assert other.read_text() != content
        other.write_text(content)
    assert "--force" in refused(cli_call("convert", tar, tmp_path / "d", *CONVERT, "--receipt", other), 2)
    assert not (tmp_path / "d").exists()
    other.write_text("")  # as mktemp makes one
    told(cli_call("audit", tar, "--output", other))


def written(path: Path, *, said: list[str] | None = None, force: bool = False) -> None:
    Beside(str(path), "report", force=force, ours=is_ours, say=(said if said is not None else []).append).write(
        ["text\n"]
    )


def test_what_is_replaced_keeps_mode_and_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, link = tmp_path / "report", tmp_path / "latest"
    path.write_text("")
    path.chmod(0o640)
    link.symlink_to(path)
    if os.getuid() == 0:
        os.chown(path, 1234, 2345)
    before = path.stat()
    written(link)
    after = path.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert (link.is_symlink(), path.read_text()) == (True, "text\n")
    said: list[str] = []

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "fchown", refuse)
    monkeypatch.setattr(os, "fstat", lambda fd, whole=os.fstat: os.stat_result([*whole(fd)[:4], 77, *whole(fd)[5:]]))
    written(link, said=said, force=True)
    assert "belongs to another user" in said[0]


def test_the_unfinished_file_cannot_be_guessed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, victim = tmp_path / "report", tmp_path / "victim"
    victim.write_text("precious")
    for name in ("report.ociarchive-part", ".report.same.ociarchive-part"):
        (tmp_path / name).symlink_to(victim)
    written(path)
    assert path.read_text() == "text\n"
    monkeypatch.setattr(secrets, "token_hex", lambda _: "same")
    with pytest.raises(HostError, match="File exists"):
        written(tmp_path / "report", force=True)
    assert victim.read_text() == "precious"
    assert len(hidden(tmp_path)) == 1


def test_links_to_nothing_folders_and_what_appears_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dangling").symlink_to("nothing")
    (tmp_path / "folder").mkdir()
    for name in ("dangling", "folder"):
        with pytest.raises(UsageError, match="cannot be written there"):
            written(tmp_path / name, force=True)
    whole = os.fsync

    def racing(fd: int) -> None:
        whole(fd)
        (tmp_path / "new").write_text("of another")

    monkeypatch.setattr(os, "fsync", racing)
    with pytest.raises(UsageError, match="another file took the place"):
        written(tmp_path / "new")
    assert (tmp_path / "new").read_text() == "of another"
    assert hidden(tmp_path) == []


def test_what_is_no_regular_file_is_written_into(tar: Path, tmp_path: Path) -> None:
    started = shared().command
    command: list[str | Path] = [*started, "audit", tar, "--format", "json", "--output"]
    device = os.stat("/dev/null")
    subprocess.run([*command, "/dev/null"], check=True)
    assert os.path.samestat(os.stat("/dev/null"), device)
    assert os.path.islink("/dev/stdout") == os.path.islink("/dev/stderr")
    out = tmp_path / "out"
    with out.open("ab") as file:
        file.write(b"before\n")
        file.flush()
        for name in ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"):
            subprocess.run([*command, name], check=True, stdout=file)
        assert os.path.samestat(os.fstat(file.fileno()), out.stat())
    assert out.read_text().startswith("before\n{")
    assert out.read_text().count('"archives"') == 3
    receipt: list[str | Path] = ["convert", tar, tmp_path / "dest", *CONVERT, "--receipt", "/dev/stdout"]
    done = subprocess.run([*started, *receipt], check=True, capture_output=True)
    assert json.loads(done.stdout)["layers"]


def test_a_pipe_is_written_into_once_somebody_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    monkeypatch.setattr(beside, "_PATIENCE", -1.0)
    got: list[str] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_text()))

    def said(text: str) -> None:
        assert "waiting for a reader" in text
        reader.start()

    Beside(str(pipe), "report", force=False, ours=is_ours, say=said).write(["text\n"])
    reader.join()
    assert got == ["text\n"]


@pytest.mark.parametrize(
    "args",
    [
        ("convert", "SOURCE", "-", "--to", "oci-archive"),
        ("convert", "SOURCE", "DEST", "--to", "oci-archive", "--receipt", "-"),
        ("audit", "SOURCE"),
        ("audit", "SOURCE", "--format", "html"),
        ("inspect", "SOURCE"),
        ("diff", "SOURCE", "SOURCE"),
        ("rules",),
        ("completion", "bash"),
        ("doctor",),
        ("--help",),
        ("--version",),
    ],
)
def test_a_result_to_a_closed_output_is_an_error(args: tuple[str, ...], tar: Path) -> None:
    given = [{"SOURCE": str(tar), "DEST": str(tar.parent / "dest")}.get(one, one) for one in args]
    command = ["sh", "-c", 'exec "$@" >&-', "sh", *shared().command, *given]
    done = subprocess.run(command, cwd=tar.parent, check=False, capture_output=True, text=True)
    assert done.returncode == 3, done.stderr
    assert done.stderr.startswith("error: standard output is closed")
    assert done.stderr.count("\n") == 1
    assert not (tar.parent / "dest").exists()
