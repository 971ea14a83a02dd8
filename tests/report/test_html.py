"""The report for people: valid, accessible in its structure, complete, and safe to open whatever an archive says."""

import base64
import hashlib
import re
import shlex
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import jinja2
import pytest

import ociarchive
from ociarchive.auditing import RULES
from ociarchive.auditing.controls import BLOBS, COMPLETENESS, CONTROLS, IDENTITY, LAYERS, SAFETY
from ociarchive.report.audit import audit_html
from tests.support import build, faulty
from tests.support.call import Call
from tests.support.pages import HTML, SVG, check_structure, parsed, words
from tests.support.tar import tar

pytestmark = pytest.mark.usefixtures("epoch")


def audited(name: str, folder: Path, call: Call, *options: str) -> tuple[str, ET.Element]:
    text = call("audit", faulty.write(name, folder), "--format", "html", *options).stdout
    return text, parsed(text)


@pytest.mark.parametrize("name", faulty.MADE)
def test_it_is_valid_and_well_structured(name: str, tmp_path: Path, cli_call: Call) -> None:
    _, page = audited(name, tmp_path, cli_call)
    check_structure(page)


def test_many_archives_are_one_report(tmp_path: Path, cli_call: Call) -> None:
    paths = [faulty.write(name, tmp_path) for name in faulty.MADE]
    text = cli_call("audit", *paths, "--format", "html").stdout
    page = parsed(text)
    check_structure(page)
    headings = [words(one) for one in page.iter(f"{HTML}h2")]
    assert headings[:3] == ["What was found", "The audit", "All archives"]
    assert headings[-2:] == ["How to check this report", "All rules"]
    verdicts = [heading.rpartition(" ")[2] for heading in headings[3:-2]]
    assert verdicts == sorted(verdicts)  # failures first
    assert {"PASS", "FAIL"} == set(verdicts)
    names = {verdict: [path.name for path in paths if f"{path.name} {verdict}" in headings] for verdict in verdicts}
    assert [heading.rpartition(" ")[0] for heading in headings[3:-2]] == [*names["FAIL"], *names["PASS"]]
    assert sorted([*names["FAIL"], *names["PASS"]]) == sorted(path.name for path in paths)
    for path in paths:
        assert f'content: "archive sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"' in text


def test_a_template_is_compiled_once(tmp_path: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    text, _ = audited("good", tmp_path, cli_call)

    def fail(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(jinja2.Environment, "compile", fail)
    assert audited("good", tmp_path, cli_call)[0] == text


def test_rules_are_explained_once(tmp_path: Path, cli_call: Call) -> None:
    paths = [faulty.write(name, tmp_path) for name in ("damaged", "other-content", "good")]
    alone = cli_call("audit", paths[0], "--format", "html").stdout
    text = cli_call("audit", *paths, "--format", "html").stdout
    told = words(parsed(text))
    meanings = {rule.id: re.sub(r" ([:.,)])", r"\1", rule.summary.replace("`", "")) for rule in RULES}
    for rule, meaning in meanings.items():
        assert told.count(meaning) == sum(meaning in one for one in meanings.values()), rule
    assert len(text) < 2 * len(alone)
    rows = {
        words(one[0]): words(one[1]) for one in parsed(text).iter(f"{HTML}tr") if (one.get("id") or "")[:5] == "rule-"
    }
    assert len(rows) == len(RULES)
    (row,) = [row for row in rows if row.startswith("blob-unreferenced ")]
    assert re.fullmatch(r"blob-unreferenced warning found in \d, clean \d", row)
    (row,) = [row for row in rows if row.startswith("receipt-mismatch ")]
    assert row.endswith("not checked 3")
    assert "Not checked: the call names no receipt." in rows[row]


def test_the_summary_says_what_was_found_and_where(tmp_path: Path, cli_call: Call) -> None:
    paths = [faulty.write(name, tmp_path) for name in ("damaged", "other-content", "good")]
    page = parsed(cli_call("audit", *paths, "--format", "html").stdout)
    found, controls = [one for one in page.iter(f"{HTML}table") if one.get("class") == "summary"]
    assert [words(row) for row in found.iter(f"{HTML}tr")][1:] == [
        "diff-id-mismatch error 1 1",
        "digest-mismatch error 1 1",
        "layer-damaged error 1 1",
        "blob-unreferenced warning 1 1",
    ]
    assert [words(row) for row in controls.iter(f"{HTML}tr")][1].endswith("2 1 0 0")
    assert "2 of 3 archives failed" in words(page)


def test_one_and_one_that_is_missing_are_two(tmp_path: Path, cli_call: Call) -> None:
    good, missing = faulty.write("good", tmp_path), tmp_path / "<missing>.tar"
    result = cli_call("audit", good, missing, "--format", "html")
    assert result.status == 2
    page = parsed(result.stdout)
    check_structure(page)
    assert [words(one) for one in page.iter(f"{HTML}title")] == ["Audit of 2 archives: FAIL"]
    (listed,) = [one for one in page.iter(f"{HTML}tbody") if one.get("id") == "list"]
    rows = [words(row) for row in listed]
    assert rows[0].startswith(f"{missing} no such file or folder ")
    assert "NOT AUDITED" in rows[0]
    assert f"sha256:{hashlib.sha256(good.read_bytes()).hexdigest()}" in rows[1]
    assert "1 source could not be audited at all, so the whole does not pass." in words(page)


def test_a_list_of_many_is_searched_by_its_own_script_alone(tmp_path: Path, cli_call: Call) -> None:
    path = faulty.write("good", tmp_path)
    paths = []
    for number in range(audit_html.FEW + 1):
        paths.append(tmp_path / f"{number:03}.tar")
        paths[-1].symlink_to(path)
    few = cli_call("audit", *paths[1:], "--format", "html").stdout
    assert "<script" not in few
    assert "script-src" not in few
    assert "@page archive-24 " in few
    text = cli_call("audit", *paths, "--format", "html").stdout
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f" script-src 'sha256-{digest}'; " in text
    assert "@page archive-" not in text
    without = text.replace(f"<script>{script}</script>", "")
    check_structure(parsed(without))
    (box,) = [one for one in parsed(text).iter(f"{HTML}p") if one.get("class") == "search"]
    assert box.get("hidden") is not None  # the script shows it
    assert without.count('<tr><th scope="row"><a href="#archive-') == len(paths)


def test_what_a_receipt_proved_is_in_the_report(corpus: Path, tmp_path: Path, cli_call: Call) -> None:
    dest, receipt = tmp_path / "dest.tar", tmp_path / "receipt.json"
    ociarchive.convert(corpus / "docker20.tar", dest, to="oci-archive", receipt=receipt)
    digest = f"sha256:{hashlib.sha256(receipt.read_bytes()).hexdigest()}"
    one = words(parsed(cli_call("audit", dest, "--receipt", receipt, "--format", "html").stdout))
    assert re.search(rf"Receipt proved .* hold; .*the receipt is {digest}", one)
    many = (dest, corpus / "docker26.tar")
    text = words(parsed(cli_call("audit", *many, "--receipt", receipt, "--format", "html").stdout))
    assert f"The receipt {receipt} ({digest}): 1 of 2 archives that were held against it agree." in text


def test_corpus_reports_are_valid(corpus: Path, cli_call: Call) -> None:
    paths = [path for path in sorted(corpus.iterdir()) if path.suffix == ".tar" or (path / "oci-layout").exists()]
    check_structure(parsed(cli_call("audit", *paths, "--format", "html").stdout), scripts=1)


def test_the_policy_lets_nothing_in_but_the_style(tmp_path: Path, cli_call: Call) -> None:
    text, page = audited("damaged", tmp_path, cli_call)
    (policy,) = [one.get("content") for one in page.iter(f"{HTML}meta") if one.get("http-equiv")]
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert f"'sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}'" in policy
    assert "url(" not in style
    assert "@import" not in style


def test_the_verdict_says_what_was_read_and_proved(tmp_path: Path, cli_call: Call) -> None:
    text, page = audited("good", tmp_path, cli_call)
    assert "PASS" in words(page)
    assert "were read to the end, 24 of 24 digests and sizes claimed of them agree and 3 of 3 layers unpack" in text
    text, _ = audited("damaged", tmp_path, cli_call)
    assert "2 of 3 layers unpack" in text
    assert re.search(r"applied and found \d errors, 1 warning\.", text)
    text, _ = audited("none", tmp_path, cli_call)
    assert "Nothing was proved" in text


def test_it_identifies_archive_and_run(tmp_path: Path, cli_call: Call) -> None:
    path = faulty.write("damaged", tmp_path)
    rules = ("--ignore", "layer-damaged", "--severity", "blob-unreferenced=note", "--max-ratio", "77")
    text = cli_call("audit", path, *rules, "--format", "html").stdout
    told = words(parsed(text))
    assert hashlib.sha256(path.read_bytes()).hexdigest() in told
    assert f"({path.stat().st_size:,} bytes)" in told
    assert "2023-11-14 22:13:20" in told
    assert "ratio 77 (asked for)" in told
    assert "layer-damaged: ignored, as --ignore asks" in told
    assert "blob-unreferenced: counted as note, as --severity asks" in told
    assert re.search(r"2 rules were not applied as usual, and \d findings? waived\.", told)
    assert "Python 3." in told


def test_it_says_how_to_check_itself(tmp_path: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    path = faulty.write("other-content", tmp_path)
    monkeypatch.setattr("sys.argv", ["ociarchive", "audit", str(path), "--format", "html", "--output=x.html"])
    page = parsed(cli_call("audit", path, "--format", "html").stdout)
    commands = [(one.text or "").split("\n") for one in page.iter(f"{HTML}code") if one.get("class") == "command"]
    assert commands[0] == [f"sha256sum {path}", hashlib.sha256(path.read_bytes()).hexdigest()]
    command, digest = commands[1]
    assert shlex.split(command) == ["ociarchive", "audit", "--format", "json", str(path), "|", "sha256sum"]
    assert digest == hashlib.sha256(cli_call("audit", path, "--format", "json").raw).hexdigest()


def test_it_names_what_was_demanded(corpus: Path, tmp_path: Path, cli_call: Call) -> None:
    path, receipt = corpus / "docker20.tar", tmp_path / "receipt.json"
    made = cli_call("convert", path, tmp_path / "out", "--to", "oci-layout", "--receipt", receipt)
    assert made.status == 0
    asked = f"{tmp_path / 'out'}#{faulty.NAMED.digest}"
    told = words(parsed(cli_call("audit", asked, "--receipt", receipt, "--format", "html").stdout))
    assert f"Demanded {faulty.NAMED.digest}" in told
    assert f"Receipt {receipt}: what it lists was looked for" in told
    assert "expected-digest-missing error 1 finding" in told
    assert "receipt-mismatch error clean" in told
    identity = ociarchive.audit(tmp_path / "out").identity
    assert identity is not None
    assert f"of its sorted names and digests (dirHash): {identity.value}" in told


def test_findings_are_told_in_full(tmp_path: Path, cli_call: Call) -> None:
    _, page = audited("damaged", tmp_path, cli_call)
    articles = {one.get("id"): words(one) for one in page.iter(f"{HTML}article")}
    assert list(articles) == ["a1-error-digest-mismatch", "a1-error-layer-damaged", "a1-warning-blob-unreferenced"]
    told = articles["a1-error-digest-mismatch"]
    for word in (
        "Meaning",
        "What to do",
        "Clause",
        "Where blobs/sha256/",
        f"Expected {faulty.LAST.digest}",
        "Found sha256:",
    ):
        assert word in told


def test_images_have_whole_digests_and_charts(tmp_path: Path, cli_call: Call) -> None:
    _, page = audited("good", tmp_path, cli_call)
    told = words(page)
    for digest in (faulty.NAMED.digest, faulty.IMAGE.image_id, faulty.FIRST.digest, faulty.FIRST.diff_id):
        assert digest in told
    charts = [one for one in page.iter(f"{SVG}svg") if one.get("role") == "img"]
    assert len(charts) == 5
    texts = [one.findtext(f"{SVG}desc") or "" for one in charts]
    assert all(re.fullmatch(r"[\d.]+ \w+ stored of [\d.]+ \w+ unpacked, \d+ %", text) for text in texts)


def test_not_checked_differs_from_clean(tmp_path: Path, cli_call: Call) -> None:
    _, page = audited("sparse", tmp_path, cli_call)
    (table,) = [one for one in page.iter(f"{HTML}table") if one.get("class") == "rules"]
    rows = {words(row[0]).split()[0]: words(row[1]) for row in table.iter(f"{HTML}tr") if row[0].get("scope") == "row"}
    assert list(rows) == [rule.id for rule in RULES]
    assert rows["digest-mismatch"] == "clean"
    assert rows["sparse-index"] == "1 finding"
    assert rows["receipt-mismatch"] == "not checked the call names no receipt"
    told = words(page)
    away = faulty.INDEX.document["manifests"][1]["digest"]
    assert f"manifest {away} (linux/arm64): it is not in the archive." in told


def test_what_cannot_be_proved_has_a_reason(tmp_path: Path, cli_call: Call) -> None:
    encrypted = replace(faulty.LAST, media_type=f"{build.OCI_LAYER}+gzip+encrypted")
    foreign = replace(
        faulty.SECOND, media_type=build.OCI_FOREIGN, absent=True, members={"urls": ["https://a.example/x"]}
    )
    lost = replace(build.layer({"lost": b""}), absent=True)
    short = {"rootfs": {"type": "layers", "diff_ids": [one.diff_id for one in (encrypted, foreign, lost)]}}
    image = build.Image(layers=[encrypted, foreign, lost, faulty.FIRST], config_members=short)
    path = tmp_path / "app.tar"
    path.write_bytes(tar(build.layout(image.node())))
    told = words(parsed(cli_call("audit", path, "--format", "html").stdout))
    for layer, why in (
        (encrypted, f"its bytes cannot be looked into ({encrypted.media_type}); its digest was checked"),
        (foreign, "it is foreign and left out, as it may be"),
        (lost, "it is not in the archive"),
        (faulty.FIRST, "the config lists no diff_id for it"),
    ):
        assert f"layer {layer.digest}: {why}." in told


def test_a_waived_fault_is_no_proof(tmp_path: Path, cli_call: Call) -> None:
    rules = ("--ignore", "digest-mismatch", "--ignore", "layer-damaged", "--severity", "blob-unreferenced=note")
    _, page = audited("damaged", tmp_path, cli_call, *rules)
    rows = {words(row[0])[:19]: words(row[1]) for row in page.iter(f"{HTML}tr") if len(row) == 3}
    assert rows["Integrity of blobs "].startswith("PARTLY no findings, 1 waived")
    assert rows["Integrity of layers"].startswith("PARTLY")
    assert "PASS means that the rules which count found no fault; what was waived" in words(page)


def test_what_nothing_claims_is_told_as_unread(tmp_path: Path, cli_call: Call) -> None:
    _, page = audited("hostile", tmp_path, cli_call)
    assert "nothing makes a claim of it, so it was not read" in words(page)


def test_nothing_is_proved_where_nothing_is(tmp_path: Path, cli_call: Call) -> None:
    for name in ("cut", "none"):
        _, page = audited(name, tmp_path, cli_call)
        rows = {words(row[0])[:19]: words(row[1]) for row in page.iter(f"{HTML}tr") if len(row) == 3}
        assert rows["Integrity of layers"].startswith("NOT CHECKED")


def test_every_rule_has_a_control() -> None:
    found = {rule.id: rule.control for rule in RULES}
    assert set(found.values()) == set(CONTROLS)
    # An id's first word does not decide: these begin like rules of another control.
    assert found["blob-name"] is BLOBS
    assert found["blob-missing"] is COMPLETENESS
    assert found["layer-foreign"] is COMPLETENESS
    assert found["layer-damaged"] is LAYERS
    assert found["media-type-mismatch"] is LAYERS
    assert found["media-type-conflict"] is IDENTITY
    assert found["media-type-malformed"] is SAFETY
