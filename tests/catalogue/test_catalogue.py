"""A catalogue: what is audited again, what is taken from it, and what it answers."""

import csv
import io
import json
import os
import re
import shutil
import sqlite3
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest

import ociarchive
from ociarchive import measure, opening
from ociarchive.auditing import RULES
from ociarchive.auditing.report import Detail
from ociarchive.catalogue import terms
from ociarchive.catalogue.recording import recorded, report_again, respelled, with_detail
from tests.report.test_schemas import problems, published
from tests.support import faulty
from tests.support.build import Image, layer, layout
from tests.support.call import Call, Run, refused, told
from tests.support.tar import tar
from tests.support.truth import CORPUS, load

Json = dict[str, Any]
NAMES = ["docker20.tar", "docker26-containerd-multi.tar", "podman5-oci-archive.tar", "skopeo-oci"]
IMAGE = "sha256:0b0c57a83d23ccd6854ffb0d7dd759fcbbda6e2517d7f82b5e9c4705d378367d"
DIFF_ID = "sha256:f75d2b43ccf9ee74a9b3c05731ae2e76cd6cf2594e03341921d223f83294eb6d"


@pytest.fixture
def racks(tmp_path: Path, corpus: Path) -> Path:
    """Give a folder of archives, one of them damaged and one no archive."""
    folder = tmp_path / "racks"
    folder.mkdir()
    for name in NAMES:
        if (corpus / name).is_dir():
            shutil.copytree(corpus / name, folder / name)
        else:
            shutil.copy(corpus / name, folder / name)
    faulty.write("damaged", folder)
    (folder / "noise.bin").write_bytes(bytes(range(256)) * 20)
    return folder


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "audits.db"


def audited(call: Call, racks: Path, *options: str | Path) -> dict[str, Json]:
    result = call("audit", "--recursive", racks, "--no-config", "--format", "json", *options)
    told(result, 1)
    return {Path(one["source"]).name: one for one in result.json()["archives"]}


def new(found: dict[str, Json]) -> set[str]:
    """Give the archives that were audited in this call."""
    return {name for name, one in found.items() if one["recorded"] is None}


def plain(found: dict[str, Json]) -> dict[str, Json]:
    return {name: one | {"recorded": None} for name, one in found.items()}


@pytest.mark.parametrize("name", sorted([*load(), "registry-data"]))
def test_a_report_comes_back_as_it_was(name: str, corpus: Path) -> None:
    report = ociarchive.audit(corpus / name)
    for detail in get_args(Detail):
        again = report_again(recorded(report), report.source, report.policy, detail, "2026-01-31T08:00:00Z")
        assert again.recorded == "2026-01-31T08:00:00Z"
        # The size is that of the file as it is now.
        assert with_detail(report, detail) == replace(again, recorded=None, size=report.size)


def test_who_was_asked_for_signatures_comes_back_too(corpus: Path) -> None:
    report = ociarchive.audit(corpus / "docker20.tar", images=["docker.io/corpus/app:1.0"])
    assert report.contents is not None
    asked = replace(report, contents=replace(report.contents, keys=("key.pem (sha256:0)",), must_be_signed=True))
    assert report_again(recorded(asked), report.source, report.policy, "all", "") == replace(asked, recorded="")
    assert asked.demanded == ("docker.io/corpus/app:1.0",)


def test_what_did_not_change_is_not_opened(
    racks: Path, db: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth = audited(cli_call, racks)
    first = audited(cli_call, racks, "--catalogue", db)
    assert first == truth
    assert new(first) == set(truth)

    def opened(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr("ociarchive.engines.auditor.open_archive", opened)
    monkeypatch.setattr("ociarchive.audits.no_archive", opened)
    second = audited(cli_call, racks, "--catalogue", db)
    assert plain(second) == truth
    assert new(second) == set()
    assert (
        problems(
            "audit",
            {"schema_version": 1, "tool": {"name": "ociarchive", "version": "0"}, "archives": [*second.values()]},
        )
        == []
    )


def _touch(path: Path) -> None:
    os.utime(path, ns=(1, 1))


def _flip(path: Path) -> None:
    """Change a byte and set the time back: only ctime shows it."""
    before = path.stat()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _below(change: Callable[[Path], None]) -> Callable[[Path], None]:
    return lambda path: change(
        max((one for one in path.rglob("*") if one.is_file()), key=lambda one: one.stat().st_size)
    )


@pytest.mark.parametrize(
    ("name", "change"),
    [
        pytest.param("docker20.tar", _touch, id="mtime"),
        pytest.param("docker20.tar", _flip, id="ctime"),
        pytest.param("docker20.tar", lambda path: os.truncate(path, 20_000), id="size"),
        pytest.param("skopeo-oci", _below(_flip), id="in-a-folder"),
        pytest.param("skopeo-oci", lambda path: (path / "more").touch(), id="added-to-a-folder"),
        pytest.param("skopeo-oci", lambda path: (path / "oci-layout").unlink(), id="taken-from-a-folder"),
    ],
)
def test_what_changed_is_audited_again(
    name: str, change: Callable[[Path], None], racks: Path, db: Path, cli_call: Call
) -> None:
    audited(cli_call, racks, "--catalogue", db)
    change(racks / name)
    shutil.copy(racks / "podman5-oci-archive.tar", racks / "new.tar")
    found = audited(cli_call, racks, "--catalogue", db)
    assert new(found) >= {name, "new.tar"}
    assert new(found).isdisjoint({"docker26-containerd-multi.tar", "noise.bin"})
    assert plain(found) == audited(cli_call, racks)
    assert new(audited(cli_call, racks, "--catalogue", db)) == set()


def test_other_terms_are_another_audit(racks: Path, db: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = ("--catalogue", db)
    audited(cli_call, racks, *ask)
    for options in (
        ("--strict",),
        ("--ignore", "blob-unreferenced"),
        ("--max-ratio", "9"),
        ("--host", "h.example.com"),
        ("--again",),
    ):
        assert len(new(audited(cli_call, racks, *ask, *options))) == 6, options
        assert not new(audited(cli_call, racks, *ask, *options)) or options == ("--again",)
    audited(cli_call, racks, *ask)
    assert not new(audited(cli_call, racks, *ask))
    monkeypatch.setattr(terms, "VERSION", "9.9.9")
    assert len(new(audited(cli_call, racks, *ask))) == 6
    monkeypatch.setattr(terms, "RULES", RULES[1:])
    assert len(new(audited(cli_call, racks, *ask))) == 6


def test_every_report_says_what_is_recorded_and_since_when(
    racks: Path, db: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")
    call = ("audit", "--recursive", racks, "--no-config", "--catalogue", db)
    assert "catalogue" not in told(cli_call(*call), 1).stdout
    when = "2001-09-09T01:46:40Z"
    table = " ".join(told(cli_call(*call), 1).stdout.split())
    assert f"6 of 6 archives taken from the catalogue, audited {when}" in table
    assert re.search(r"; \d+ blobs, [\d.]+ KiB read, 0 B of it in this call, in [\d.]+ s ", table)
    (racks / "new.tar").write_bytes((racks / "docker20.tar").read_bytes())
    table = " ".join(told(cli_call(*call), 1).stdout.split())
    assert "6 of 7 archives taken from the catalogue" in table
    assert re.search(r" read, 130\.6 KiB of it in this call, in [\d.]+ s ", table)
    (racks / "new.tar").unlink()
    totals = told(cli_call("catalogue", db)).stdout.splitlines()
    assert totals[-2:] == [f"      audited {when}", "      --failed lists those that failed"]
    assert "--failed lists" not in told(cli_call("catalogue", db, "--failed")).stdout
    for form, count in (("sarif", 6), ("junit", 6), ("html", 6), ("codequality", 2), ("json", 6)):
        text = told(cli_call(*call, "--format", form), 1).stdout
        assert (
            text.count(f'"{when}"' if form != "codequality" else when) + text.count(f">{when}") * (form == "html")
            >= count
        ), form


def test_it_answers(racks: Path, db: Path, cli_call: Call) -> None:
    truth = audited(cli_call, racks, "--catalogue", db)
    failed = {name for name, one in truth.items() if one["summary"]["errors"]}

    def asked(*options: str, status: int = 0) -> Json:
        value = told(cli_call("catalogue", db, "--format", "json", *options), status).json()
        assert problems("catalogue", value) == []
        return value

    def names(*options: str, status: int = 0) -> set[str]:
        return {Path(one["source"]).name for one in asked(*options, status=status)["archives"]}

    assert names() == set(truth)
    assert names("--failed") == failed
    assert asked()["summary"] | {"reasons": 0, "first": 0, "last": 0} == {
        "archives": 6, "passed": 6 - len(failed), "failed": len(failed), "reasons": 0, "first": 0, "last": 0,
    }  # fmt: skip
    reasons = {one["rule"] for one in asked()["summary"]["reasons"]}
    assert reasons == {one["rule"] for name in failed for one in truth[name]["findings"] if one["severity"] == "error"}
    for what in (IMAGE, IMAGE.removeprefix("sha256:"), "docker.io/corpus/app:1.0", "corpus/app:1.0"):
        assert names("--holds", what) == {"docker20.tar"}, what
    assert "docker20.tar" in names("--holds", DIFF_ID)
    assert names("--holds", "sha256:" + "0" * 64, status=1) == set()
    blob = truth["podman5-oci-archive.tar"]["images"][0]["layers"][0]["digest"]
    assert names("--holds", blob) == {"podman5-oci-archive.tar", "skopeo-oci"}
    rows = list(csv.DictReader(io.StringIO(told(cli_call("catalogue", db, "--failed", "--format", "csv")).stdout)))
    assert {Path(row["source"]).name for row in rows} == failed
    page = told(cli_call("catalogue", db, "--format", "html")).stdout
    assert "<html" in page
    assert "<script" not in page
    wanted = "sha256:" + "0" * 64
    assert told(cli_call("catalogue", db, "--holds", wanted), 1).stdout.startswith(
        f"no archive in the catalogue holds\n  {wanted}\n\n6 archives in"
    )
    none = told(cli_call("catalogue", db, "--failed", "--holds", "none:1"), 1).stdout
    assert none.startswith("no archive that failed holds none:1\n\n")
    bare = told(cli_call("catalogue", db, "--holds", "none"), 1).stdout
    assert bare.startswith("no archive in the catalogue holds none, for a name without a tag means :latest\n\n")
    text = told(cli_call("catalogue", db)).stdout
    assert f"6 archives in the catalogue: {6 - len(failed)} passed, {len(failed)} failed" in text


def test_an_image_is_found_under_another_name(db: Path, corpus: Path, cli_call: Call) -> None:
    told(cli_call("audit", corpus / "docker20.tar", corpus / "crane-tarball.tar", "--catalogue", db))
    found = told(cli_call("catalogue", db, "--holds", "docker.io/corpus/app:1.0", "--format", "json")).json()
    kinds = {Path(one["source"]).name: one["held_as"] for one in found["archives"]}
    assert kinds == {"docker20.tar": "name", "crane-tarball.tar": "image"}


def test_a_report_may_be_written_over_with_csv(db: Path, corpus: Path, tmp_path: Path, cli_call: Call) -> None:
    told(cli_call("audit", corpus / "docker20.tar", "--catalogue", db))
    for _ in range(2):
        told(cli_call("catalogue", db, "--output", tmp_path / "out.csv"))
    assert (tmp_path / "out.csv").read_text().startswith("source,format,passed")
    refused(cli_call("catalogue", db, "--output", db, "--format", "json"), 2)


def test_a_known_layer_is_hashed_and_not_unpacked(tmp_path: Path, db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = layer({"etc/name": b"base" * 100}, "gzip")
    for name in ("a", "b"):
        (tmp_path / f"{name}.tar").write_bytes(tar(layout(Image(layers=[base]).node())))
    first, *_ = ociarchive.audit_each([tmp_path / "a.tar"], catalogue=db, detail="images")
    unpacked: list[bool] = []
    real: Callable[..., object] = measure.measure

    def counting(*args: object, unpack: bool, **options: object) -> object:
        unpacked.append(unpack)
        return real(*args, unpack=unpack, **options)

    monkeypatch.setattr("ociarchive.auditing.measuring.measure", counting)
    (known,) = ociarchive.audit_each([tmp_path / "b.tar"], catalogue=db, detail="images")
    assert not any(unpacked)
    assert known.layers == first.layers == (True,)
    unpacked.clear()
    (again,) = ociarchive.audit_each([tmp_path / "b.tar"], catalogue=db, detail="images", again=True)
    assert any(unpacked)
    assert again == known


def test_a_report_is_taken_under_another_spelling(
    racks: Path, db: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    audited(cli_call, racks, "--catalogue", db)
    monkeypatch.chdir(racks.parent)
    found = audited(cli_call, Path("racks"), "--catalogue", db)
    assert new(found) == set()
    assert plain(found) == audited(cli_call, Path("racks"))


def test_a_text_that_names_the_archive_is_made_again() -> None:
    finding = ociarchive.Finding(rule="r", severity="error", message="look at a.tar", location="a.tar")
    report = ociarchive.Report(source="a.tar", contents=None, findings=(finding,))
    assert respelled(report, "a.tar", "b.tar") is None


def test_sources_come_from_a_list(racks: Path, tmp_path: Path, run_cli: Run, cli_call: Call) -> None:
    truth = audited(cli_call, racks)
    text = "\n".join(str(racks / name) for name in sorted(truth)) + "\n\n"
    (tmp_path / "list").write_text(text)
    for options, stdin in ((("--from", tmp_path / "list"), b""), (("--from", "-"), text.encode())):
        result = run_cli("audit", *options, "--no-config", "--format", "json", stdin=stdin)
        told(result, 1)
        assert {Path(one["source"]).name: one for one in result.json()["archives"]} == truth
    refused(cli_call("audit", "--from", tmp_path / "none"), 2)
    refused(cli_call("audit", "--from", tmp_path), 2)
    refused(cli_call("audit", "--from", "-", "-"), 2)
    refused(cli_call("audit", "--again", racks), 2)


def test_one_archive_at_fault_does_not_end_its_folder(
    racks: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth = audited(cli_call, racks)
    real: Callable[..., object] = opening.open_archive

    def opened(path: str, **options: object) -> object:
        if path.endswith("docker20.tar"):
            raise ociarchive.HostError("cannot open", where=path)
        return real(path, **options)

    monkeypatch.setattr("ociarchive.engines.auditor.open_archive", opened)
    result = cli_call("audit", "--recursive", racks, "--no-config", "--format", "json")
    assert result.status == 3
    assert {Path(one["source"]).name for one in result.json()["archives"]} == truth.keys() - {"docker20.tar"}


def test_a_pipe_is_not_recorded(corpus: Path, db: Path, run_cli: Run, cli_call: Call) -> None:
    result = run_cli("audit", "-", "--catalogue", db, stdin=(corpus / "docker20.tar").read_bytes())
    told(result)
    assert "not recorded" in result.stderr
    assert told(cli_call("catalogue", db, "--format", "json")).json()["archives"] == []


def test_the_last_change_in_a_step_of_the_clock_is_seen(tmp_path: Path, db: Path, corpus: Path) -> None:
    path = tmp_path / "a.tar"
    for name in ("docker20.tar", "docker26.tar") * 3:
        path.write_bytes((corpus / name).read_bytes().ljust(400_000, b"\0"))
        (report,) = ociarchive.audit_each([path], catalogue=db)
        assert report.recorded is None


def test_its_tables_are_those_on_the_page(db: Path, corpus: Path, cli_call: Call) -> None:
    told(cli_call("audit", corpus / "docker20.tar", "--catalogue", db))
    page = (Path(__file__).parents[2] / "docs" / "catalogue.md").read_text()
    with sqlite3.connect(db) as connection:
        tables = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')")
        ]
        assert len(tables) > 8
        for table in tables:
            assert f"**{table}**" in page
            part = page.split(f"**{table}**")[1].split("\n**")[0]
            for _, column, *_ in connection.execute(f"PRAGMA table_info ({table})"):
                assert f"`{column}`" in part, (table, column)


def test_the_schema_of_answers_says_no_to_others() -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"schema_version": 1}, published("catalogue"))


def test_times_are_those_of_the_audit(corpus: Path, db: Path, cli_call: Call) -> None:
    before = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    told(cli_call("audit", corpus / "docker20.tar", "--catalogue", db))
    (one,) = json.loads(told(cli_call("catalogue", db, "--format", "json")).stdout)["archives"]
    assert before <= one["audited"] <= time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    assert one["source"] == str(corpus / "docker20.tar")


@pytest.mark.parametrize("asked", [["--require-signature"], []])
def test_what_was_audited_without_keys_is_not_taken_where_keys_are_named(
    asked: list[str], tmp_path: Path, cli_call: Call
) -> None:
    crypto = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
    serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
    public = crypto.Ed25519PrivateKey.generate().public_key()
    key = tmp_path / "key.pub"
    key.write_bytes(public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    archive = CORPUS / "docker26.tar"
    first = told(cli_call("audit", archive, "--catalogue", tmp_path / "c.db", "--format", "json"))
    assert first.archive()["recorded"] is None
    second = cli_call("audit", archive, "--catalogue", tmp_path / "c.db", "--key", key, *asked, "--format", "json")
    assert second.archive()["recorded"] is None
    assert second.status == (1 if asked else 0)
    third = cli_call("audit", archive, "--catalogue", tmp_path / "c.db", "--key", key, *asked, "--format", "json")
    assert third.archive()["recorded"] is not None
    assert third.status == second.status
    assert third.archive()["images"] == second.archive()["images"]
