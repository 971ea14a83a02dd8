"""SARIF, JUnit and Code Quality: what a pipeline shows is what the audit found, and it stays the same."""

import datetime as dt
import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ociarchive.auditing import RULES, Finding, Report
from ociarchive.auditing.run import Run
from ociarchive.report.audit import audit_html, junit, sarif
from ociarchive.report.audit.piecewise import whole
from tests.audit.cases import FAILS
from tests.support import faulty
from tests.support.call import Call, Result

Json = dict[str, Any]
FORMATS = ["json", "sarif", "junit", "codequality", "html"]


pytestmark = pytest.mark.usefixtures("epoch")


def issues(result: Result) -> list[Json]:
    value = json.loads(result.stdout)
    assert isinstance(value, list)
    return value


def results(result: Result) -> list[Json]:
    found: list[Json] = result.json()["runs"][0]["results"]
    return found


def case(result: Result, rule: str) -> ET.Element:
    root = ET.fromstring(result.stdout)  # noqa: S314  # our own output
    (found,) = [one for one in root.iter("testcase") if one.get("name") == rule]
    return found


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("name", faulty.MADE)
def test_the_same_input_gives_the_same_bytes(fmt: str, name: str, tmp_path: Path, cli_call: Call) -> None:
    path = faulty.write(name, tmp_path)
    assert cli_call("audit", path, "--format", fmt).raw == cli_call("audit", path, "--format", fmt, "--jobs", "1").raw


@pytest.mark.parametrize("fmt", FORMATS)
def test_nothing_from_an_archive_is_shown_raw(fmt: str, tmp_path: Path, cli_call: Call) -> None:
    path = faulty.write("hostile", tmp_path, "\x1b]0;title\x07\u202e\udcff<b>&'.tar")
    text = cli_call("audit", path, "--format", fmt).stdout
    assert text.isascii()
    assert not any(ord(char) < 32 and char != "\n" for char in text)
    if fmt in ("html", "junit"):
        assert "<script" not in text
        assert "<img" not in text
        assert "<b>" not in text


def test_sarif_tells_rules_places_and_levels(tmp_path: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in coming").mkdir()
    path = faulty.write("damaged", tmp_path / "in coming", "app 100%.tar")
    monkeypatch.chdir(tmp_path)
    for given in (path, path.relative_to(tmp_path), Path("in coming/../in coming") / path.name):
        result = cli_call("audit", given, "--format", "sarif")
        run = result.json()["runs"][0]
        rules = run["tool"]["driver"]["rules"]
        assert [one["id"] for one in rules] == [rule.id for rule in RULES]
        assert all(one["help"]["text"] and one["help"]["markdown"] for one in rules)
        found = {one["ruleId"]: one for one in run["results"]}
        assert found["digest-mismatch"]["level"] == "error"
        assert found["blob-unreferenced"]["level"] == "warning"
        one = found["digest-mismatch"]
        assert rules[one["ruleIndex"]]["id"] == "digest-mismatch"
        (location,) = one["locations"]
        place = location["physicalLocation"]
        assert place["artifactLocation"]["uri"] == "in%20coming/app%20100%25.tar"
        assert (
            run["artifacts"][place["artifactLocation"]["index"]]["location"]["uri"] == place["artifactLocation"]["uri"]
        )
        assert location["logicalLocations"][0]["name"].startswith("blobs/sha256/")
        assert f"expected {faulty.LAST.digest}; found sha256:" in one["message"]["text"]
        assert run["invocations"][0]["exitCode"] == 1


def test_sarif_names_the_file_in_a_folder(corpus: Path, tmp_path: Path, cli_call: Call) -> None:
    folder = tmp_path / "layout"
    cli_call("convert", corpus / "docker20.tar", folder, "--to", "oci-layout")
    (blob,) = sorted((folder / "blobs/sha256").iterdir(), key=lambda one: one.stat().st_size)[-1:]
    blob.write_bytes(blob.read_bytes()[::-1])
    uris = {
        one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        for one in results(cli_call("audit", folder, "--format", "sarif"))
        if one["ruleId"] == "digest-mismatch"
    }
    assert uris == {blob.as_uri()}


def test_waived_findings_stay_in_every_report(tmp_path: Path, cli_call: Call) -> None:
    path = faulty.write("damaged", tmp_path)

    def call(fmt: str) -> Result:
        return cli_call("audit", path, "--ignore", "digest-mismatch", "--format", fmt)

    (suppressed,) = [one for one in results(call("sarif")) if "suppressions" in one]
    assert suppressed["ruleId"] == "digest-mismatch"
    assert suppressed["suppressions"][0]["justification"] == "ignored, as --ignore asks"
    (waived,) = [one for one in issues(call("codequality")) if one["check_name"] == "digest-mismatch"]
    assert waived["severity"] == "info"
    assert waived["description"].startswith("waived (ignored, as --ignore asks): ")
    skipped = case(call("junit"), "digest-mismatch").find("skipped")
    assert skipped is not None
    assert skipped.get("message") == "waived: ignored, as --ignore asks; 1 finding"
    assert "Waived findings" in call("html").stdout


def test_severities_that_the_call_changes(tmp_path: Path, cli_call: Call) -> None:
    path = faulty.write("damaged", tmp_path)
    result = cli_call("audit", path, "--severity", "blob-unreferenced=error", "--format", "sarif")
    (override,) = result.json()["runs"][0]["invocations"][0]["ruleConfigurationOverrides"]
    assert override["descriptor"]["id"] == "blob-unreferenced"
    assert override["configuration"] == {"level": "error"}
    assert {one["level"] for one in results(result) if one["ruleId"] == "blob-unreferenced"} == {"error"}


def test_fingerprints_do_not_depend_on_where_the_archive_lies(tmp_path: Path, cli_call: Call) -> None:
    told = []
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        path = faulty.write("damaged", tmp_path / name, "app.tar")
        marks = [
            one["partialFingerprints"]["ociarchive/v1"] for one in results(cli_call("audit", path, "--format", "sarif"))
        ]
        assert marks == [one["fingerprint"] for one in issues(cli_call("audit", path, "--format", "codequality"))]
        told.append(marks)
    assert told[0] == told[1]
    assert len(set(told[0])) == len(told[0])


def test_fingerprints_differ_where_two_archives_have_a_name(tmp_path: Path, cli_call: Call) -> None:
    paths = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        paths.append(faulty.write("damaged", tmp_path / name, "app.tar"))
    marks = [one["fingerprint"] for one in issues(cli_call("audit", *paths, "--format", "codequality"))]
    assert len(set(marks)) == len(marks)


def test_junit_has_a_case_for_every_rule(tmp_path: Path, cli_call: Call) -> None:
    path = faulty.write("damaged", tmp_path)
    plain = cli_call("audit", path, "--format", "junit")
    root = ET.fromstring(plain.stdout)  # noqa: S314  # our own output
    assert [one.get("name") for one in root.iter("testcase")] == [rule.id for rule in RULES]
    assert len(case(plain, "diff-id-count")) == 0
    failure = case(plain, "digest-mismatch").find("failure")
    assert failure is not None
    assert faulty.LAST.digest in (failure.get("message") or "")
    assert case(plain, "blob-unreferenced").find("failure") is None
    assert "warning: " in (case(plain, "blob-unreferenced").findtext("system-out") or "")
    strict = cli_call("audit", path, "--strict", "--format", "junit")
    assert case(strict, "blob-unreferenced").find("failure") is not None
    assert root.get("failures") == str(sum(1 for _ in root.iter("failure")))
    assert root.get("skipped") == str(sum(1 for _ in root.iter("skipped")))


def test_junit_tells_clean_from_not_checked(tmp_path: Path, cli_call: Call) -> None:
    path = faulty.write("none", tmp_path)
    result = cli_call("audit", path, "--format", "junit")
    assert case(result, "not-an-archive").find("failure") is not None
    skipped = case(result, "digest-mismatch").find("skipped")
    assert skipped is not None
    assert skipped.get("message") == "not checked: the source could not be read as an archive"
    good = faulty.write("good", tmp_path)
    asked = f"{good}#{faulty.NAMED.digest}"
    assert case(cli_call("audit", good, "--format", "junit"), "expected-digest-missing").find("skipped") is not None
    assert len(case(cli_call("audit", asked, "--format", "junit"), "expected-digest-missing")) == 0


@pytest.mark.parametrize(
    ("rule", "name", "told"),
    [
        ("layer-padded", "gzip", "not checked: no layer has a table of contents"),
        ("toc-digest", "estargz", "not checked: a table of contents could not be found"),
        ("toc-elsewhere", "external", "not checked: a table of contents could not be found"),
        ("image-unproved", "config-in-capitals", "not checked: there is no image"),
        ("toc-chunk", "estargz-first", None),
    ],
)
def test_a_table_that_was_not_read_is_not_clean(
    rule: str, name: str, told: str | None, tmp_path: Path, cli_call: Call
) -> None:
    result = cli_call("audit", FAILS[rule][name].write(tmp_path), "--format", "junit")
    skipped = case(result, "toc-attributes").find("skipped")
    message = skipped.get("message") if skipped is not None else None
    assert message is None if told is None else (message or "").startswith(told)


def test_code_quality_has_what_gitlab_asks_for(tmp_path: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    path = faulty.write("damaged", tmp_path)
    monkeypatch.chdir(tmp_path)
    found = issues(cli_call("audit", path, "--format", "codequality"))
    assert {(one["check_name"], one["severity"]) for one in found} == {
        ("digest-mismatch", "critical"),
        ("layer-damaged", "critical"),
        ("blob-unreferenced", "minor"),
    }
    assert {one["location"]["path"] for one in found} == {"damaged.tar"}
    assert all(one["location"]["lines"]["begin"] == 1 and one["description"] for one in found)
    assert issues(cli_call("audit", faulty.write("good", tmp_path), "--format", "codequality")) == []


def test_findings_of_rules_that_others_add() -> None:
    finding = Finding(rule="theirs", severity="error", message="odd\x00", location="app.tar: x")
    report = Report(source="app.tar", contents=None, findings=(finding,), waived=(replace(finding, rule="waived"),))
    run = Run(command=("ociarchive",), time=dt.datetime(2026, 1, 1, tzinfo=dt.UTC), seconds=0)
    told = json.loads(whole(sarif.begin(run), [report]))["runs"][0]["results"]
    assert [("ruleIndex" in one, "suppressions" in one) for one in told] == [(False, False), (False, True)]
    cases = {one.get("name"): one for one in ET.fromstring(whole(junit.begin(run), [report])).iter("testcase")}  # noqa: S314
    assert cases["theirs"].find("failure") is not None
    assert cases["waived"].find("skipped") is not None


class Heard(tuple[Finding, ...]):  # noqa: SLOT001  a tuple with a count
    """Findings that count how often they are gone through."""

    passes = 0

    def __iter__(self) -> Iterator[Finding]:
        self.passes += 1
        return super().__iter__()


def test_findings_of_very_many_rules_that_others_add() -> None:
    run = Run(command=("ociarchive",), time=dt.datetime(2026, 1, 1, tzinfo=dt.UTC), seconds=0)
    passes = set()
    for count in (1, 50):
        one = Finding(rule="", severity="error", message="odd", location="app.tar: x")
        found, waived = (Heard(replace(one, rule=f"{what}{n}") for n in range(count)) for what in ("theirs", "waived"))
        report = Report(source="app.tar", contents=None, findings=found, waived=waived)
        cases = {one.get("name"): one for one in ET.fromstring(whole(junit.begin(run), [report])).iter("testcase")}  # noqa: S314
        assert len([name for name in cases if name and name.startswith(("theirs", "waived"))]) == 2 * count
        assert len((cases["waived0"].findtext("system-out") or "").splitlines()) == 1
        passes.add((found.passes, waived.passes))
    assert len(passes) == 1


def test_no_archives_at_all() -> None:
    run = Run(command=("ociarchive",), time=dt.datetime(2026, 1, 1, tzinfo=dt.UTC), seconds=0)
    assert json.loads(whole(sarif.begin(run), []))["runs"][0]["results"] == []
    assert ET.fromstring(whole(junit.begin(run), [])).get("tests") == "0"  # noqa: S314
    assert whole(audit_html.begin(run), []).startswith("<!DOCTYPE html>")
