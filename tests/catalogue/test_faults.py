"""What can happen to a catalogue: kills, full disks, two runs, other versions, damage, and places it must not be in."""

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import ociarchive
from ociarchive.catalogue import database, schema
from ociarchive.errors import HostError
from tests.support.build import Image, layer, layout
from tests.support.call import Call, refused, told
from tests.support.machine import run, shell
from tests.support.tar import tar

ROOT = Path(__file__).parents[2]
#: $1 a folder for a disk of $2 bytes, $3 one that gets what is on it at the end; then the command.
SMALL_DISK = (
    'mount -t tmpfs -o "size=$2" tmpfs "$1" || exit 99; d=$1; c=$3; shift 3; "$@"; s=$?; cp -R "$d/." "$c"; exit $s'
)


@pytest.fixture
def apps(tmp_path: Path) -> Path:
    """Give sixty small archives."""
    folder = tmp_path / "apps"
    folder.mkdir()
    base = layer({"etc/name": b"base"}, "gzip")
    for number in range(60):
        image = Image(layers=[base, layer({"bin/app": b"%d" % number}, "gzip")])
        (folder / f"{number:02}.tar").write_bytes(tar(layout(image.node())))
    return folder


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "audits.db"


def start(apps: Path, db: Path, *options: str) -> subprocess.Popen[str]:
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "ociarchive",
        "audit",
        "--recursive",
        apps,
        "--catalogue",
        db,
        "--no-config",
    ]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


def count(db: Path) -> int:
    connection = sqlite3.connect(db)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        (found,) = connection.execute("SELECT count(*) FROM archives").fetchone()
        assert connection.execute("SELECT count(*) FROM reports").fetchone() == (found,)
        return int(found)
    finally:
        connection.close()


def finished(apps: Path, db: Path) -> int:
    """Finish the audit and give how many archives it did not need to read."""
    reports = list(ociarchive.audit_each([apps], recursive=True, catalogue=db))
    assert len(reports) == len(list(apps.iterdir()))
    assert not any(report.failed for report in reports)
    assert count(db) == len(reports)
    return sum(report.recorded is not None for report in reports)


@pytest.mark.parametrize("seed", range(4))
def test_killed_it_goes_on_where_it_was(seed: int, apps: Path, db: Path) -> None:
    wanted = random.Random(seed).choice([0, 8, 16, 40])
    process = start(apps, db, "--jobs", "1")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if db.exists() and db.stat().st_size:
            with sqlite3.connect(f"file:{db}?mode=ro", uri=True) as connection:
                (found,) = connection.execute("SELECT count(*) FROM archives").fetchone()
            if found >= wanted:
                break
    process.send_signal(signal.SIGKILL)
    process.communicate()
    kept = count(db)
    assert kept >= wanted
    assert finished(apps, db) == kept


def test_two_at_once_wait_for_each_other(apps: Path, db: Path) -> None:
    first, second = start(apps, db), start(apps, db)
    ends = [(process.communicate(timeout=120), process.returncode) for process in (first, second)]
    assert [status for _, status in ends] == [0, 0]
    assert all("Traceback" not in error for (_, error), _ in ends)
    assert any("60 of 60 archives taken from the catalogue" in out for (out, _), _ in ends)
    assert count(db) == 60


def test_a_wait_is_reported(apps: Path, db: Path) -> None:
    list(ociarchive.audit_each([apps / "00.tar"], catalogue=db))
    holder = database.Database(str(db))
    process = start(apps, db)
    assert process.stderr is not None
    assert "waiting for another audit" in process.stderr.readline()
    holder.close()
    process.communicate(timeout=120)
    assert process.returncode == 0


def test_a_full_disk_loses_nothing_that_was_recorded(apps: Path, tmp_path: Path, mounting: tuple[str, ...]) -> None:
    disk, copy = tmp_path / "disk", tmp_path / "copy"
    disk.mkdir()
    copy.mkdir()
    before = (*mounting, *shell(SMALL_DISK, disk, "600k", copy))
    result = run("audit", "--recursive", apps, "--catalogue", disk / "audits.db", "-q", "--no-config", before=before)
    assert result.status == 3, result.stderr
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: cannot write the catalogue: no space left")
    kept = count(copy / "audits.db")
    assert 0 < kept < 60
    assert finished(apps, copy / "audits.db") == kept


def test_a_newer_version_is_left_as_it_is(apps: Path, db: Path, cli_call: Call) -> None:
    list(ociarchive.audit_each([apps / "00.tar"], catalogue=db))
    with sqlite3.connect(db) as connection:
        connection.execute(f"PRAGMA user_version = {max(schema.STEPS) + 1}")
    connection.close()
    before = db.read_bytes()
    for call in (("audit", apps / "00.tar", "--catalogue", db), ("catalogue", db)):
        assert "newer version" in refused(cli_call(*call), 2)
    assert db.read_bytes() == before


def first_version(db: Path) -> None:
    """Write a catalogue as the first version wrote it. Its text stays as it is, whatever later versions write."""
    connection = sqlite3.connect(db)
    connection.executescript((Path(__file__).parent / "version1.sql").read_text())
    connection.close()


def test_an_earlier_version_is_brought_up(db: Path, monkeypatch: pytest.MonkeyPatch, cli_call: Call) -> None:
    """The first version as it was written, opened by a program whose tables have one column more."""
    first_version(db)
    now = max(schema.STEPS)
    assert count(db) == 2
    later = {**schema.STEPS, now + 1: "ALTER TABLE archives ADD COLUMN owner TEXT;"}
    monkeypatch.setattr(database, "STEPS", later)
    monkeypatch.setattr(database, "_VERSION", now + 1)
    monkeypatch.setattr(database, "OLDEST_READ", now + 1)
    assert "earlier version" in refused(cli_call("catalogue", db), 2)
    opened = database.Database(str(db))
    columns = {row[1] for row in opened.connection.execute("PRAGMA table_info (archives)")}
    assert "owner" in columns
    opened.close()
    assert count(db) == 2
    assert "2 archives in the catalogue: 2 passed" in told(cli_call("catalogue", db)).stdout


def test_facts_of_the_first_version_are_taken_along(apps: Path, db: Path) -> None:
    """What was proved stays proved, and whoever asks for `facts` finds the same rows."""
    first_version(db)
    every = "SELECT digest, size, diff_id, unpacked_size, codec, tool, limits, fact FROM facts ORDER BY digest"
    with sqlite3.connect(db) as connection:
        before = connection.execute(every).fetchall()
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    connection.close()
    assert len(before) == 3
    database.Database(str(db)).close()
    with sqlite3.connect(db) as connection:
        assert connection.execute(every).fetchall() == before
        assert connection.execute("PRAGMA user_version").fetchone() == (max(schema.STEPS),)
        assert connection.execute("SELECT count(*) FROM limits").fetchone() == (1,)
    connection.close()
    list(ociarchive.audit_each([apps / "00.tar"], catalogue=db))
    with sqlite3.connect(db) as connection:
        after = connection.execute(every).fetchall()
        assert connection.execute("SELECT count(*) FROM limits").fetchone() == (2,)  # limits are others by now
    connection.close()
    assert len(after) == 4
    assert len(set(before) & set(after)) == 2  # the third is the layer below all, now proved under other limits


def test_limits_are_kept_once(apps: Path, db: Path) -> None:
    list(ociarchive.audit_each([apps], recursive=True, catalogue=db))
    with sqlite3.connect(db) as connection:
        assert connection.execute("SELECT count(*) FROM limits").fetchone() == (1,)
        (largest,) = connection.execute("SELECT max(length(fact)) FROM proved").fetchone()
    connection.close()
    pages = []
    for statement in ("VACUUM", "DELETE FROM proved", "VACUUM"):
        connection = sqlite3.connect(db)
        connection.execute(statement)
        connection.commit()
        pages.append(connection.execute("PRAGMA page_count").fetchone()[0])
        connection.close()
    assert (pages[0] - pages[-1]) * 4096 < 61 * (largest + 400) + 3 * 4096  # some hundred bytes for each layer


def test_the_first_version_is_read_as_ever(db: Path, cli_call: Call) -> None:
    first_version(db)
    found = told(cli_call("catalogue", db, "--format", "json")).json()["archives"]
    assert [(one["source"], one["passed"], one["images"]) for one in found] == [
        ("/srv/archives/00.tar", True, 1),
        ("/srv/archives/01.tar", True, 1),
    ]


@pytest.mark.parametrize("at", [0.3, 0.6, 0.9])
def test_a_damaged_one_is_said_to_be_damaged(at: float, apps: Path, db: Path, cli_call: Call) -> None:
    list(ociarchive.audit_each([apps], recursive=True, catalogue=db))
    data = bytearray(db.read_bytes())
    for start_of_page in range(4096, len(data), 4096):  # every page but the first, which marks the file
        data[start_of_page : start_of_page + int(4096 * at)] = b"\xa5" * int(4096 * at)
    db.write_bytes(data)
    for call in (("audit", "--recursive", apps, "--catalogue", db, "--no-config"), ("catalogue", db)):
        assert "the catalogue is damaged" in refused(cli_call(*call), 3)
    assert db.read_bytes() == data


def test_a_report_with_another_byte_is_noticed(apps: Path, db: Path, cli_call: Call) -> None:
    list(ociarchive.audit_each([apps / "00.tar"], catalogue=db))
    connection = sqlite3.connect(db)
    (verdict,) = connection.execute("SELECT verdict FROM reports").fetchone()
    connection.execute("UPDATE reports SET verdict = ?", (verdict[:-1] + bytes([verdict[-1] ^ 1]),))
    connection.commit()
    connection.close()
    assert "damaged" in refused(cli_call("audit", apps / "00.tar", "--catalogue", db), 3)


@pytest.mark.parametrize("content", [b"notes\n", b"SQLite format 3\0" + bytes(200), "sqlite", "folder", "fifo"])
def test_what_is_no_catalogue_stays_as_it_is(content: bytes | str, apps: Path, db: Path, cli_call: Call) -> None:
    if content == "sqlite":
        with sqlite3.connect(db) as connection:
            connection.execute("CREATE TABLE mine (x)")
        connection.close()
    elif content == "folder":
        db.mkdir()
    elif content == "fifo":
        os.mkfifo(db)
    else:
        assert isinstance(content, bytes)
        db.write_bytes(content)
    before = db.read_bytes() if db.is_file() else b""
    for call in (("audit", apps / "00.tar", "--catalogue", db), ("catalogue", db)):
        refused(cli_call(*call), 2)
    assert not db.is_file() or db.read_bytes() == before


def test_it_is_never_over_or_inside_of_an_archive(apps: Path, tmp_path: Path, corpus: Path, cli_call: Call) -> None:
    store = tmp_path / "store"
    shutil.copytree(corpus / "skopeo-oci", store)
    shutil.copy(apps / "00.tar", tmp_path / "x.db-wal")
    for call in (
        (apps / "00.tar", "--catalogue", apps / "00.tar"),
        (store, "--catalogue", store / "audits.db"),
        ("--recursive", tmp_path, "--catalogue", store / "blobs" / "audits.db"),
        (tmp_path / "x.db-wal", "--catalogue", tmp_path / "x.db"),
    ):
        refused(cli_call("audit", *call), 2)
    assert not (store / "audits.db").exists()
    assert (tmp_path / "x.db-wal").read_bytes() == (apps / "00.tar").read_bytes()


@pytest.mark.parametrize("end", ["-wal", "-shm", "-journal"])
def test_what_only_bears_the_name_of_a_file_of_sqlite_stays(end: str, apps: Path, db: Path, cli_call: Call) -> None:
    told(cli_call("audit", apps / "00.tar", "--catalogue", db))
    other = Path(f"{db}{end}")
    shutil.copy(apps / "01.tar", other)
    for call in (("audit", apps / "00.tar", "--catalogue", db), ("catalogue", db)):
        line = refused(cli_call(*call), 2)
        assert line == f"error: a file is there that SQLite would overwrite ({other})"
    assert other.read_bytes() == (apps / "01.tar").read_bytes()


#: What SQLite may have in a file while another call writes it (pager.c, writeJournalHdr; wal.c, walIndexWriteHdr).
HALF_MADE = {
    "empty": ("-journal", b""),
    "journal": ("-journal", bytes(12) + b"\x7a\x11\x5c\x2e" + b"\0\0\0\x01" + bytes(492)),
    "index": ("-shm", bytes(48) + (3_007_000).to_bytes(4, "little") + bytes(44) + bytes(32_672)),
}


@pytest.mark.parametrize("name", HALF_MADE)
def test_what_another_call_is_writing_is_no_foreign_file(name: str, apps: Path, db: Path, cli_call: Call) -> None:
    told(cli_call("audit", apps / "00.tar", "--catalogue", db))
    end, content = HALF_MADE[name]
    Path(f"{db}{end}").write_bytes(content)
    told(cli_call("audit", apps / "00.tar", "--catalogue", db))


def test_a_catalogue_that_another_call_makes_meanwhile_is_there(
    apps: Path, db: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(cli_call("audit", apps / "00.tar", "--catalogue", db))
    Path(f"{db}-journal").touch()
    asked = os.stat

    def before(path: Any, *args: Any, **options: Any) -> os.stat_result:  # noqa: ANN401  as os.stat
        if str(path) == str(db):
            monkeypatch.setattr(os, "stat", asked)
            raise FileNotFoundError(str(path))
        return asked(path, *args, **options)

    monkeypatch.setattr(os, "stat", before)
    database.require(str(db), str(db))


def test_a_folder_that_is_not_there_is_named(apps: Path, tmp_path: Path, cli_call: Call) -> None:
    path = tmp_path / "none" / "audits.db"
    for what, options in (("catalogue", ("--catalogue", path)), ("report", ("--report", f"json={path}"))):
        assert refused(cli_call("audit", apps / "00.tar", *options), 2) == (
            f"error: the {what} cannot be written there: expected a folder that exists; make that folder first, or name"
            f" another place ({path})"
        )


def test_a_folder_above_that_may_not_be_looked_at_is_no_archive(
    apps: Path, tmp_path: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shut(folder: str, *_: object) -> None:
        raise HostError("cannot read: Permission denied", where=folder)

    monkeypatch.setattr("ociarchive.opening.folders.DirectoryContainer", shut)
    told(cli_call("audit", apps / "00.tar", "--catalogue", tmp_path / "audits.db"))


def test_beside_the_archives_it_is_none_of_them(apps: Path, cli_call: Call) -> None:
    for _ in range(2):
        found = told(
            cli_call("audit", "--recursive", apps, "--catalogue", apps / "audits.db", "--format", "json")
        ).json()
        assert len(found["archives"]) == 60
    assert sorted(one.name for one in apps.iterdir() if "audits" in one.name) == ["audits.db"]


def test_one_of_another_call_beside_the_archives_is_none_of_them(apps: Path, tmp_path: Path, cli_call: Call) -> None:
    kept = apps / "audits.db"
    told(cli_call("audit", apps / "00.tar", "--catalogue", kept))
    with sqlite3.connect(kept) as connection:  # while it is open SQLite keeps files beside it
        connection.execute("UPDATE archives SET audited = audited")
        connection.commit()
        beside = [f"{kept}-shm", f"{kept}-wal"]
        assert all(os.path.exists(one) for one in beside)
        for options in ((), ("--catalogue", tmp_path / "other.db")):
            result = told(cli_call("audit", "--recursive", apps, "--format", "json", *options))
            assert len(result.json()["archives"]) == 60
            said = [f"notice: passed over, a catalogue of ociarchive ({kept})"]
            said += [f"notice: passed over, a file of a catalogue of ociarchive ({one})" for one in beside]
            said += [f"PASS  0 errors, 0 warnings: {options[1]} (catalogue)"] if options else []
            assert result.stderr.splitlines() == said
    connection.close()
