"""Audits of many archives: reports are values, given one by one, and nothing is kept of what was given."""

import gc
import pickle
import shutil
import tracemalloc
from pathlib import Path
from typing import get_args

import pytest

import ociarchive
from ociarchive.auditing.report import Detail
from ociarchive.report.shared.held import Held
from tests.support.build import Image, layer, layout
from tests.support.call import Call, told
from tests.support.tar import tar
from tests.support.truth import CORPUS, load

DETAILS: tuple[Detail, ...] = get_args(Detail)


@pytest.mark.parametrize("name", sorted([*load(), "registry-data"]))
def test_a_report_is_values(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    for detail in DETAILS:
        report = ociarchive.audit(CORPUS / name, detail=detail)
        sent = pickle.loads(pickle.dumps(report))  # noqa: S301  our own
        assert sent == report
        assert len(pickle.dumps(report)) < 4096 or detail != "verdict" or report.findings
    for form in ("json", "html", "sarif", "junit", "codequality"):
        assert ociarchive.render_audit(sent, form) == ociarchive.render_audit(report, form)


def test_a_verdict_alone_lists_nothing_and_says_so() -> None:
    verdict = ociarchive.audit(CORPUS / "docker20.tar", detail="verdict")
    assert ociarchive.render_audit(verdict, "junit")
    images = ociarchive.audit(CORPUS / "docker20.tar", detail="images")
    assert ociarchive.render_audit(images, "json")
    for report, form in ((verdict, "json"), (verdict, "html"), (images, "html")):
        with pytest.raises(ociarchive.UsageError):
            ociarchive.render_audit(report, form)  # type: ignore[arg-type]


def apps(folder: Path, count: int) -> Path:
    """Write archives of two small layers each, of which no two are equal."""
    folder.mkdir()
    base = layer({"etc/name": b"base"}, "gzip")
    for number in range(count):
        image = Image(layers=[base, layer({"bin/app": b"%d" % number}, "gzip")])
        (folder / f"{number:04}.tar").write_bytes(tar(layout(image.node())))
    return folder


@pytest.mark.parametrize("detail", DETAILS)
def test_memory_does_not_grow_with_archives(detail: Detail, tmp_path: Path) -> None:
    folder = apps(tmp_path / "apps", 90)
    seen = []
    tracemalloc.start()
    try:
        for number, report in enumerate(ociarchive.audit_each([folder], recursive=True, detail=detail, jobs=1)):
            assert not report.failed
            if number in {40, 80}:  # each the first of a batch
                gc.collect()
                seen.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    before, after = seen
    assert after - before < 40 * 4096  # the facts of a layer and the archive's place in the folder, for each of 40


def test_each_of_several_sources(tmp_path: Path) -> None:
    folder = apps(tmp_path / "apps", 10)
    (folder / "0004.tar").write_bytes(b"\x1f\x8bno archive" * 99)
    shutil.copy(CORPUS / "docker20.tar", tmp_path / "other.tar")
    reports = [*ociarchive.audit_each([folder, tmp_path / "other.tar"], recursive=True)]
    assert [Path(report.source).name for report in reports] == [*(f"{n:04}.tar" for n in range(10)), "other.tar"]
    assert [report.failed for report in reports] == [number == 4 for number in range(11)]
    assert reports[4].contents is None
    with pytest.raises(ociarchive.ContentError):
        ociarchive.audit(folder / "0004.tar")
    with pytest.raises(ociarchive.UsageError):
        [*ociarchive.audit_each([folder, tmp_path / "absent"], recursive=True)]


def test_what_is_demanded(tmp_path: Path) -> None:
    path = CORPUS / "buildx-oci-zstd.tar"
    absent = "sha256:" + "5" * 64
    assert [one.rule for one in ociarchive.audit(path, images=[absent]).findings] == ["expected-digest-missing"]
    with pytest.raises(ociarchive.UsageError):
        ociarchive.audit(path, images=["docker.io/no/such:name"])
    done = tmp_path / "done"
    ociarchive.convert(path, done, to="oci-layout", receipt=tmp_path / "receipt.json")
    assert not ociarchive.audit(done, receipt=tmp_path / "receipt.json").failed
    other = ociarchive.audit(CORPUS / "docker20.tar", receipt=tmp_path / "receipt.json")
    assert {one.rule for one in other.findings} == {"receipt-mismatch"}


def test_the_command_and_the_interface_say_the_same(tmp_path: Path, cli_call: Call) -> None:
    folder = apps(tmp_path / "apps", 20)
    result = told(cli_call("audit", "--recursive", "--no-config", "--format", "json", folder))
    reports = [*ociarchive.audit_each([folder], recursive=True, detail="images")]
    assert ociarchive.render_audit(reports, "json") == result.stdout


def test_what_is_held_is_given_again_whole() -> None:
    text = ["a\u6f22", "\udcff", "x" * (1 << 20), "\u6f22" * 50_000, ""]
    with Held() as held:
        held.take(text)
        assert "".join(held.pieces()) == "".join(text)
