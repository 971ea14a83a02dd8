"""What every report says: the digest of the archive, the verdict, what was not audited, what a receipt proved."""

import hashlib
import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import ociarchive
from tests.report.test_schemas import junit, problems, published, sarif
from tests.support import faulty
from tests.support.call import Call, Result

Json = dict[str, Any]
FORMATS = ["json", "sarif", "junit", "html"]


def properties(result: Result, number: int = 0) -> dict[str, str]:
    root = ET.fromstring(result.stdout)  # noqa: S314  # our own output
    suite = list(root.iter("testsuite"))[number]
    return {one.get("name", ""): one.get("value", "") for one in suite.iter("property")}


def run_of(result: Result) -> Json:
    found: Json = result.json()["runs"][0]
    assert [f"{error.json_path}: {error.message}" for error in sarif().iter_errors(result.json())] == []
    return found


@pytest.mark.parametrize("name", ["good", "damaged", "none"])
def test_each_archive_is_named_by_its_digest(name: str, tmp_path: Path, cli_call: Call) -> None:
    path = faulty.write(name, tmp_path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    (one,) = cli_call("audit", path, "--format", "json").json()["archives"]
    assert one["digest"] == {"sha256": digest}
    found = run_of(cli_call("audit", path, "--format", "sarif"))
    assert found["artifacts"][0]["hashes"] == {"sha-256": digest}
    assert found["properties"]["archives"][0]["digest"] == {"sha256": digest}
    assert properties(cli_call("audit", path, "--format", "junit"))["sha256"] == digest
    assert digest in cli_call("audit", path, "--format", "html").stdout


def test_a_folder_has_its_directory_hash(corpus: Path, cli_call: Call) -> None:
    path = corpus / "skopeo-oci"
    identity = ociarchive.audit(path).identity
    assert identity is not None
    (one,) = cli_call("audit", path, "--format", "json").json()["archives"]
    assert one["digest"] == {"dirHash": identity.value}
    found = run_of(cli_call("audit", path, "--format", "sarif"))
    assert "hashes" not in found["artifacts"][0]
    assert found["properties"]["archives"][0]["digest"] == {"dirHash": identity.value}
    assert properties(cli_call("audit", path, "--format", "junit"))["dirHash"] == identity.value
    assert identity.value in cli_call("audit", path, "--format", "html").stdout


def test_what_a_catalogue_has_is_named_too(tmp_path: Path, cli_call: Call) -> None:
    path = faulty.write("good", tmp_path)
    known = ("--catalogue", tmp_path / "audits.db")
    assert cli_call("audit", path, *known).status == 0
    (one,) = cli_call("audit", path, *known, "--format", "json").json()["archives"]
    assert one["recorded"] is not None
    assert one["digest"] == {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


@pytest.mark.parametrize("strict", [(), ("--strict",)], ids=["plain", "strict"])
def test_the_verdict_and_its_strictness(strict: tuple[str, ...], tmp_path: Path, cli_call: Call) -> None:
    path = faulty.write("good", tmp_path)
    warned = tmp_path / "layout"
    ociarchive.convert(path, warned, to="oci-layout")
    (warned / "blobs" / "sha256" / ("0" * 64)).write_bytes(b"stray")
    rules = ("--only", "blob-unreferenced", *strict)
    found = cli_call("audit", warned, *rules, "--format", "json")
    value = found.json()
    assert problems("audit", value) == []
    assert [value["verdict"], value["archives"][0]["verdict"]] == ["fail" if strict else "pass"] * 2
    assert value["archives"][0]["strict"] is bool(strict)
    told = run_of(cli_call("audit", warned, *rules, "--format", "sarif"))["properties"]
    assert told["verdict"] == value["verdict"]
    assert told["archives"][0]["strict"] is bool(strict)
    assert properties(cli_call("audit", warned, *rules, "--format", "junit"))["strict"].startswith(
        "yes" if strict else "no"
    )
    table = cli_call("audit", warned, *rules).stdout
    assert ("warnings fail too, as --strict or the settings ask: blob-unreferenced (1)" in table) is bool(strict)
    assert "every claim holds" not in table or not strict


@pytest.mark.parametrize("status", [2, 3])
def test_a_source_that_could_not_be_audited_is_in_every_report(status: int, tmp_path: Path, cli_call: Call) -> None:
    good = faulty.write("good", tmp_path)
    missing = tmp_path / "missing.tar"
    if status == 3:
        missing = Path("/proc/self/mem")  # it opens, and its first bytes cannot be read
    result = cli_call("audit", good, missing, "--format", "json")
    assert result.status == status
    value = result.json()
    assert problems("audit", value) == []
    (unread,) = value["not_audited"]
    assert (unread["source"], unread["status"], value["verdict"]) == (str(missing), status, "fail")
    assert unread["message"]
    assert value["archives"][0]["verdict"] == "pass"

    (invocation,) = run_of(cli_call("audit", good, missing, "--format", "sarif"))["invocations"]
    assert (invocation["executionSuccessful"], invocation["exitCode"]) == (False, status)
    (notice,) = invocation["toolExecutionNotifications"]
    assert notice["properties"] == {"source": str(missing), "status": status}

    text = cli_call("audit", good, missing, "--format", "junit").stdout
    junit().validate(text)
    root = ET.fromstring(text)  # noqa: S314  # our own output
    assert (root.get("errors"), root.get("failures")) == ("1", "0")
    (error,) = root.iter("error")
    assert (error.get("message") or "").startswith("not audited: ")

    (issue,) = json.loads(cli_call("audit", good, missing, "--format", "codequality").stdout)
    assert (issue["check_name"], issue["severity"]) == ("not-audited", "blocker")
    table = cli_call("audit", good, missing).stdout
    assert "FAIL  0 errors, 0 warnings, 1 source not audited" in table
    assert f"not audited: {missing}" in table


def test_nothing_but_what_could_not_be_audited(tmp_path: Path, cli_call: Call) -> None:
    result = cli_call("audit", tmp_path / "missing.tar", "--format", "json")
    assert (result.status, result.json()["archives"], result.json()["verdict"]) == (2, [], "fail")
    jsonschema.Draft202012Validator(published("audit")).validate(result.json())


@pytest.mark.parametrize("honest", [True, False])
def test_a_receipt_that_was_checked_is_in_every_report(
    honest: bool, corpus: Path, tmp_path: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    dest, receipt = tmp_path / "dest.tar", tmp_path / "receipt.json"
    ociarchive.convert(corpus / "docker20.tar", dest, to="oci-archive", receipt=receipt)
    path = dest if honest else corpus / "docker26.tar"
    digest = f"sha256:{hashlib.sha256(receipt.read_bytes()).hexdigest()}"

    value = cli_call("audit", path, "--receipt", receipt, "--format", "json").json()
    assert problems("audit", value) == []
    proof = value["archives"][0]["receipt"]
    assert (proof["path"], proof["sha256"]) == (str(receipt), digest)
    shares = [proof[name] for name in ("names", "manifests", "blobs") if proof[name] is not None]
    assert shares
    assert all(one["held"] == one["listed"] for one in shares) is honest
    told = run_of(cli_call("audit", path, "--receipt", receipt, "--format", "sarif"))["properties"]["archives"][0]
    assert told["receipt"] == proof
    assert digest in properties(cli_call("audit", path, "--receipt", receipt, "--format", "junit"))["receipt"]
    lines = cli_call("audit", path, "--receipt", receipt).stdout
    assert f"receipt {receipt} ({digest.removeprefix('sha256:')[:12]}" in lines
    none = cli_call("audit", path, "--format", "json").json()["archives"][0]
    assert none["receipt"] is None
