"""Catalogues made to mislead SQLite: programs in place of tables, pages in a circle, a journal that kills."""

import json
import shutil
import sqlite3
import struct
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.hostile.parts import IMAGE
from tests.hostile.process import Ended, bounded, run
from tests.support.build import layout
from tests.support.tar import write_folder, write_tar

ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT"
ROW = (
    "'' AS source, 'file' AS kind, NULL AS size, 1 AS mtime_ns, 1 AS ctime_ns, '' AS stamp, '' AS format,"
    " 'failed' AS verdict, 1 AS errors, 0 AS warnings, 0 AS notes, 0 AS images, 0 AS blobs, 0 AS bytes, 1 AS terms,"
    " '' AS audited"
)
ASIDE = "PRAGMA foreign_keys = OFF; ALTER TABLE archives RENAME TO aside; CREATE VIEW archives AS"
#: What is put into a catalogue, and what is then said of it.
PROGRAMS = {
    "a view without end": (f"{ASIDE} {ENDLESS} x AS id, x AS path, {ROW} FROM n", "does not make"),
    "a view of much memory": (
        f"{ASIDE} SELECT 1 AS id, printf('%.*c', 900000000, 'x') AS path, {ROW}",
        "does not make",
    ),
    "a trigger without end": (
        f"CREATE TRIGGER t AFTER INSERT ON archives BEGIN INSERT INTO names {ENDLESS} 1, x, 'n' FROM n; END",
        "trigger t, which ociarchive does not make",
    ),
    "a trigger of another table": (
        (
            "CREATE TABLE other (a REFERENCES archives (id) ON DELETE CASCADE);"
            "CREATE TRIGGER t AFTER DELETE ON other BEGIN DELETE FROM facts; END"
        ),
        "trigger t, which ociarchive does not make",
    ),
    "an index that computes": (
        "CREATE INDEX i ON archives (printf('%.*c', 1000000, path))",
        "index i, which ociarchive does not make",
    ),
    "no view": ("DROP VIEW held", "no held"),
    "a version before the first": ("PRAGMA user_version = -5", "version -5"),
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_tar(tmp_path / "source", layout(IMAGE.node().named("docker.io/library/app:1", "1")))


@pytest.fixture
def catalogue(source: Path, tmp_path: Path) -> Path:
    assert run("audit", source, "--catalogue", tmp_path / "c.db", place=tmp_path).status == 0
    return tmp_path / "c.db"


def said(ended: Ended, status: int, *words: str) -> None:
    bounded(ended, status)
    assert [word for word in words if word not in ended.stderr] == [], ended.stderr[-500:]


def changed(catalogue: Path, script: str) -> None:
    with closing(sqlite3.connect(catalogue)) as connection:
        connection.executescript(f"PRAGMA journal_mode = DELETE; {script}")


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_is_no_table_of_ours_is_not_run(name: str, source: Path, catalogue: Path) -> None:
    script, says = PROGRAMS[name]
    changed(catalogue, script)
    for words in (("catalogue", catalogue), ("catalogue", catalogue, "--holds", "app:1", "--format", "csv"),
                  ("audit", source, "--catalogue", catalogue)):  # fmt: skip
        said(run(*words, place=source.parent), 3, "the catalogue is damaged", says)


def test_what_people_add_for_themselves_may_be_there(source: Path, catalogue: Path) -> None:
    changed(catalogue, "CREATE INDEX mine ON archives (verdict, audited); CREATE TABLE notes (archive, text); ANALYZE;"
            "CREATE VIEW failed AS SELECT path FROM archives WHERE verdict = 'failed'")  # fmt: skip
    said(run("catalogue", catalogue, place=source.parent), 0)
    said(run("audit", source, "--catalogue", catalogue, "--again", place=source.parent), 0)


def test_a_journal_that_names_another_file_is_not_followed(source: Path, catalogue: Path, tmp_path: Path) -> None:
    """SQLite rolls the journal back, then removes the file that it names at its end."""
    changed(catalogue, "")
    precious, raw, page = tmp_path / "precious", catalogue.read_bytes(), 4096
    head = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + struct.pack(">5I", 1, 7, len(raw) // page, 512, page)
    checked = (7 + sum(raw[at] for at in range(page - 200, 0, -200))) & 0xFFFFFFFF
    name = str(precious).encode()
    last = struct.pack(">I", (1 << 30) // page + 1) + name + struct.pack(">II", len(name), sum(name)) + head[:8]
    for words in (("catalogue", catalogue), ("audit", source, "--catalogue", catalogue, "--again")):
        precious.write_bytes(b"precious\0")
        journal = struct.pack(">I", 1) + raw[:page] + struct.pack(">I", checked)
        (tmp_path / "c.db-journal").write_bytes(head.ljust(512, b"\0") + journal + last)
        said(run(*words, place=tmp_path), 2, "the journal beside the catalogue names another file")
        assert precious.read_bytes() == b"precious\0"


def test_a_journal_of_one_catalogue_is_rolled_back(catalogue: Path, tmp_path: Path) -> None:
    changed(catalogue, "")
    raw, page = catalogue.read_bytes(), 4096
    head = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + struct.pack(">5I", 1, 7, len(raw) // page, 512, page)
    checked = (7 + sum(raw[at] for at in range(page - 200, 0, -200))) & 0xFFFFFFFF
    journal = struct.pack(">I", 1) + raw[:page] + struct.pack(">I", checked)
    (tmp_path / "c.db-journal").write_bytes(head.ljust(512, b"\0") + journal)
    said(run("catalogue", catalogue, place=tmp_path), 0)
    assert not (tmp_path / "c.db-journal").exists()


def test_pages_that_lead_to_one_page_many_times(source: Path, catalogue: Path) -> None:
    changed(catalogue, "VACUUM")
    with closing(sqlite3.connect(catalogue)) as connection:
        ((root,),) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'archives'")
    raw, page = bytearray(catalogue.read_bytes()), 4096
    raw += raw[(root - 1) * page : root * page]
    for _ in range(8):
        raw += _branch(len(raw) // page, page)
    raw[(root - 1) * page : root * page] = _branch(len(raw) // page, page)
    struct.pack_into(">I", raw, 28, len(raw) // page)
    catalogue.write_bytes(raw)
    for words in (("catalogue", catalogue), ("catalogue", catalogue, "--failed", "--format", "json")):
        said(run(*words, place=source.parent), 3, "more work than its size can mean")


def _branch(child: int, page: int) -> bytes:
    """A page of a table's tree whose 300 entries all lead to one page (SQLite file format, 1.6)."""
    made = bytearray(page)
    cell = struct.pack(">I", child) + b"\1"
    made[:12] = struct.pack(">BHHHBI", 5, 0, 300, page - 300 * len(cell), 0, child)
    for number in range(300):
        at = page - (number + 1) * len(cell)
        made[at : at + len(cell)] = cell
        struct.pack_into(">H", made, 12 + 2 * number, at)
    return bytes(made)


@pytest.mark.parametrize("table", ["proved", "reports"])
def test_a_record_that_unpacks_to_very_much(table: str, source: Path, catalogue: Path) -> None:
    stream = zlib.compressobj(1)
    bomb = b"".join(stream.compress(b" " * (1 << 20)) for _ in range(100)) + stream.compress(b"{}") + stream.flush()
    column = {"proved": "fact", "reports": "verdict"}[table]
    with closing(sqlite3.connect(catalogue)) as connection:
        assert connection.execute(f"UPDATE {table} SET {column} = ?", (bomb,)).rowcount  # noqa: S608  names of ours
        connection.commit()
    audited = source
    if table == "proved":
        audited = Path(shutil.copy(source, source.with_name("copy")))
    ended = run("audit", audited, "--catalogue", catalogue, place=source.parent)
    said(ended, 3, "the catalogue is damaged", "a report of more than")


WRONG: dict[str, str] = {
    "types": "UPDATE archives SET path = 5, errors = 'x', bytes = 1e300, audited = x'00ff'",
    "numbers": "UPDATE archives SET bytes = x'00', images = 'many'",
    "length": "UPDATE archives SET path = printf('%.*c', 9000000, '/')",
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("form", ["table", "json", "csv", "html"])
def test_values_of_other_types_are_damage(name: str, form: str, catalogue: Path) -> None:
    changed(catalogue, WRONG[name])
    holds = ["--holds", "docker.io/library/app:1"] if form == "table" else []
    said(run("catalogue", catalogue, "--format", form, *holds, place=catalogue.parent), 3, "is damaged")


_FINDING: dict[str, object] = {
    "rule": "blob-name", "severity": "warning", "message": "m", "location": "l",
    "subject": None, "expected": None, "found": None,
}  # fmt: skip
_PROOF = '{"held":1,"made":1,"here":1,"named":1,"names":1,"members":1,"roots":true,"unproved":[],"unread":[],"blobs":['
#: What is put into a report: a column of it, its text, the status, and words of the error.
REPORTS: dict[str, tuple[str, Callable[[], str], int, str]] = {
    "nested": ("verdict", lambda: "[" * 500_000, 3, "nests deeper than any"),
    "values": ("verdict", lambda: f"[{'[],' * 5_000_000}[]]", 0, ""),
    "values-of-images": ("listed", lambda: f"[[{'[],' * 5_000_000}[]],[],[]]", 0, ""),
    "texts-of-images": ("listed", lambda: "[[" + '"ab",' * 5_000_000 + '""],[],[]]', 0, ""),
    "rows": ("proof", lambda: _PROOF + '["",null,null,0,0],' * 2_000_000 + "[]]}", 0, ""),
    "one-row": ("proof", lambda: f"{_PROOF}[{'[],' * 5_000_000}[]]]}}", 3, "longer than any"),
    "types-of-rows": ("proof", lambda: _PROOF + '["",null,[[[]]],0,0],' * 400_000 + "[]]}", 3, "no size"),
    "types": (
        "verdict",
        lambda: json.dumps({"contents": None, "findings": [_FINDING | {"message": [1]}], "waived": []}),
        3,
        "no message: [1]",
    ),
}


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_that_is_none_of_ours(name: str, source: Path, catalogue: Path) -> None:
    """What has more values than are read is audited again, everything else is damage."""
    column, text, status, words = REPORTS[name]
    with closing(sqlite3.connect(catalogue)) as connection:
        stored = zlib.compress(text().encode())
        assert connection.execute(f"UPDATE reports SET {column} = ?", (stored,)).rowcount  # noqa: S608  names of ours
        connection.commit()
    ended = run("audit", source, "--catalogue", catalogue, "--format", "html", place=source.parent)
    said(ended, status, words)


def test_a_folder_is_stamped_whatever_its_depth_and_its_links(source: Path, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "folder", layout(IMAGE.node().named("docker.io/library/app:1", "1")))
    made = [folder]
    for _ in range(1_100):
        made.append(made[-1] / "d")
        made[-1].mkdir()
    for number in range(5_000):
        (folder / f"{number:04}").symlink_to(f"{number + 1:04}")
    try:
        for _ in range(2):
            said(run("audit", folder, "--catalogue", tmp_path / "c.db", place=source.parent), 1)  # limit-links
    finally:  # what clears folders of tests away goes no deeper than Python's calls
        for one in reversed(made[1:]):
            one.rmdir()
