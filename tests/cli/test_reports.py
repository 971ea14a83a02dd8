"""Several reports from one reading: `--report FORMAT=FILE` beside `--format`."""

import json
import re
from pathlib import Path

import pytest

import ociarchive
from ociarchive.opening import open_archive
from tests.support import faulty
from tests.support.call import Call, Run, refused
from tests.support.pages import check_structure, parsed

FORMATS = {"json": "a.json", "sarif": "a.sarif", "junit": "a.xml", "codequality": "c.json", "html": "a.html"}


pytestmark = pytest.mark.usefixtures("epoch")


def test_every_format_of_one_reading(tmp_path: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [faulty.write(name, tmp_path) for name in ("damaged", "good")]
    alone = {form: cli_call("audit", *paths, "--format", form).raw for form in FORMATS}
    opened = []

    def counted(source: str, **more: object) -> ociarchive.Archive:
        opened.append(source)
        return open_archive(source, **more)  # type: ignore[arg-type]

    monkeypatch.setattr("ociarchive.engines.auditor.open_archive", counted)
    asked = [word for form, name in FORMATS.items() for word in ("--report", f"{form}={tmp_path / name}")]
    result = cli_call("audit", *paths, *asked, "--format", "junit")
    assert result.status == 1
    assert sorted(opened) == sorted(map(str, paths))
    assert result.raw == alone["junit"]
    for form, name in FORMATS.items():
        written = (tmp_path / name).read_bytes()
        assert written == alone[form] if form != "html" else len(written) > 1000
        assert f"FAIL  2 errors, 1 warning in 1 of 2 archives: {tmp_path / name} ({form})" in result.stderr
    check_structure(parsed((tmp_path / "a.html").read_text()))
    again = re.findall(r"ociarchive audit --format json [^|]*", (tmp_path / "a.html").read_text())
    assert all("--report" not in one for one in again)


def test_the_table_stays_the_result(tmp_path: Path, cli_call: Call) -> None:
    path = faulty.write("good", tmp_path)
    result = cli_call(
        "audit", path, "--report", f"json={tmp_path / 'a.json'}", "--report", f"table={tmp_path / 'a.txt'}"
    )
    assert result.status == 0
    verdict = "PASS  0 errors, 0 warnings; "
    assert verdict in result.stdout
    assert verdict in (tmp_path / "a.txt").read_text()
    assert json.loads((tmp_path / "a.json").read_text())["verdict"] == "pass"


def test_what_could_not_be_audited_is_in_all_of_them(tmp_path: Path, cli_call: Call) -> None:
    path = faulty.write("good", tmp_path)
    asked = [word for form, name in FORMATS.items() for word in ("--report", f"{form}={tmp_path / name}")]
    assert cli_call("audit", path, tmp_path / "missing.tar", *asked, "-q").status == 2
    for name in FORMATS.values():
        assert "missing.tar" in (tmp_path / name).read_text(), name


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (["json"], "--report takes FORMAT=FILE, not 'json'"),
        (["json="], "--report takes FORMAT=FILE, not 'json=', name a file: json=FILE"),
        (["jsn=a.json"], "--report has no format 'jsn'"),
        (["json=-"], "--report writes to files"),
        (["json=a.json", "json=a.json"], "the report would overwrite"),
        (["json=a.json", "html=./sub/../a.json"], "the report would overwrite"),
        (["json=good.tar"], "the report would overwrite"),
        (["json=link.json"], "the report would overwrite"),
        (["json=mine.txt"], "a file is there that ociarchive does not know as its report"),
    ],
)
def test_what_is_refused(
    asked: list[str], told: str, tmp_path: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = faulty.write("good", tmp_path)
    before = path.read_bytes()
    (tmp_path / "sub").mkdir()
    (tmp_path / "link.json").symlink_to(path)
    (tmp_path / "mine.txt").write_text("mine")
    result = cli_call("audit", "good.tar", *(word for one in asked for word in ("--report", one)))
    assert told in refused(result, 2)
    assert not (tmp_path / "a.json").exists()
    assert (path.read_bytes(), (tmp_path / "mine.txt").read_text()) == (before, "mine")


def test_a_report_is_not_the_result_of_the_call_too(tmp_path: Path, cli_call: Call) -> None:
    path, report = faulty.write("good", tmp_path), tmp_path / "a.json"
    result = cli_call("audit", path, "--output", report, "--report", f"json={report}")
    assert "the report would overwrite" in refused(result, 2)
    assert not report.exists()


def test_a_report_is_not_mixed_with_the_result_of_the_call(tmp_path: Path, run_cli: Run) -> None:
    path, report = faulty.write("good", tmp_path), tmp_path / "a.json"
    for more in ((), ("--output", "-")):
        done = run_cli("audit", path, "--format", "json", "--report", "sarif=/dev/stdout", *more)
        assert "the report would overwrite" in refused(done, 2)
    done = run_cli("audit", path, "--format", "json", "--report", "sarif=/dev/stdout", "--output", report)
    assert (done.status, json.loads(done.stdout)["version"]) == (0, "2.1.0")
    assert json.loads(report.read_bytes())["verdict"] == "pass"


def test_an_archive_that_is_found_is_not_overwritten(tmp_path: Path, cli_call: Call) -> None:
    path = faulty.write("good", tmp_path)
    before = path.read_bytes()
    assert cli_call("audit", "--recursive", tmp_path, "--force", "--report", f"json={path}").status == 2
    assert path.read_bytes() == before


def test_all_files_or_none(tmp_path: Path, cli_call: Call) -> None:
    path = faulty.write("good", tmp_path)
    first, last = tmp_path / "a.json", tmp_path / "b.html"
    asked = ("--report", f"json={first}", "--report", "sarif=/dev/full", "--report", f"html={last}")
    result = cli_call("audit", path, *asked)
    assert (result.status, "no space left" in result.stderr.lower()) == (3, True), result.stderr
    assert not first.exists()
    assert not last.exists()
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_the_python_interface_writes_the_same(tmp_path: Path, cli_call: Call) -> None:
    paths = [faulty.write(name, tmp_path) for name in ("damaged", "good")]
    reports = ociarchive.audit_each(paths, detail="all")
    ociarchive.write_audit(reports, {"json": tmp_path / "a.json", "html": tmp_path / "a.html"})
    assert (tmp_path / "a.json").read_bytes() == cli_call("audit", *paths, "--format", "json").raw
    check_structure(parsed((tmp_path / "a.html").read_text()))
    with pytest.raises(ociarchive.UsageError):
        ociarchive.write_audit(ociarchive.audit_each(paths, detail="all"), {"json": paths[0]})
    with pytest.raises(ociarchive.UsageError):
        ociarchive.write_audit([], {"yaml": tmp_path / "a.yaml"})  # type: ignore[dict-item]
    assert not (tmp_path / "a.yaml").exists()
