"""The Python interface, and that the README's example of it says what it prints."""

from __future__ import annotations

import doctest
import json
import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import ociarchive
from ociarchive import api, asking
from ociarchive.model import images
from tests.support.call import told
from tests.support.forking import shared
from tests.support.readme import README, ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from ociarchive.report.rendering import AuditFormat, DiffFormat
    from tests.support.call import Call

_PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)
_SAYS = re.compile(r"print\(.*\)  # (.*)")


def test_the_readme_says_what_it_prints() -> None:
    (code,) = _PYTHON.findall(README.read_text())
    status, out, err = shared().piped([], env=os.environ, cwd=str(ROOT), code=code)
    assert (status, err) == (0, b"")
    assert out.decode().splitlines() == _SAYS.findall(code)


def test_the_examples_of_the_interface_say_what_they_print(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(corpus / "docker20.tar", tmp_path / "app.tar")
    monkeypatch.chdir(tmp_path)
    for module, least in ((api, 5), (asking, 2)):
        done = doctest.testmod(module)
        assert done.attempted > least
        assert done.failed == 0


def test_importing_the_package_imports_nothing_else() -> None:
    code = "import sys, ociarchive; print(*sorted(m for m in sys.modules if m.split('.')[0] in ('click', 'zstandard')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_function_is_not_hidden_by_a_package() -> None:
    code = "import ociarchive.auditing.audit, ociarchive; print(callable(ociarchive.audit))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


def test_convert_audit_and_inspect(corpus: Path, tmp_path: Path) -> None:
    dest = tmp_path / "out"
    done = ociarchive.convert(corpus / "docker20.tar", dest, to="oci-layout", compression="zstd", tag="made/here:1")
    assert [str(name) for root in done.new_roots for name in root.names] == ["docker.io/made/here:1"]
    assert not ociarchive.audit(dest).failed
    facts = ociarchive.inspect(dest)
    assert json.loads(json.dumps(facts))["images"][0]["references"] == ["docker.io/made/here:1"]


def test_one_text_is_a_list_of_one(corpus: Path, tmp_path: Path) -> None:
    path = corpus / "docker20.tar"
    assert not ociarchive.audit(path, images="corpus/app:1.0").failed
    assert not ociarchive.diff(path, path, images_a="corpus/app:1.0", platforms="linux/amd64", ignore="names").notes
    shutil.copy(path, tmp_path / "app.tar")
    for paths in (str(tmp_path), tmp_path):
        (report,) = ociarchive.audit_each(paths, recursive=True)
        assert report.source == str(tmp_path / "app.tar")
    (tmp_path / "key.pub").write_text("no key")
    with pytest.raises(ociarchive.UsageError, match=r"key\.pub"):
        ociarchive.audit(path, keys=str(tmp_path / "key.pub"))


def test_a_path_with_a_selector_leads_to_images(corpus: Path) -> None:
    path = corpus / "docker20.tar"
    with pytest.raises(ociarchive.UsageError, match=f"the path is {path}, and `images` selects app:1"):
        ociarchive.audit(f"{path}#app:1")


def test_a_policy_is_that_of_the_command_line(corpus: Path, tmp_path: Path) -> None:
    path = corpus / "umoci-oci"
    assert ociarchive.audit(path, policy=ociarchive.policy(strict=True)).failed
    lenient = ociarchive.policy(ignore="blob-unreferenced", strict=True)
    report = ociarchive.audit(path, policy=lenient)
    assert not report.failed
    assert {one.rule for one in report.waived} == {"blob-unreferenced"}
    assert "ignored, as policy(ignore) asks" in ociarchive.render_audit(report, "sarif")
    assert ociarchive.audit(path, policy=ociarchive.policy(severity={"blob-unreferenced": "error"})).failed
    assert not ociarchive.audit(path, policy=ociarchive.policy(only=["digest-mismatch"], strict=True)).failed
    (tmp_path / "ours.toml").write_text('ignore = ["blob-unreferenced"]')
    assert ociarchive.policy(config=tmp_path / "ours.toml").ignore == {"blob-unreferenced": str(tmp_path / "ours.toml")}
    with pytest.raises(ociarchive.UsageError, match="did you mean blob-unreferenced"):
        ociarchive.policy(ignore="blob-unreferencd")
    with pytest.raises(ociarchive.UsageError, match="no severity 'fatal'"):
        ociarchive.policy(severity={"sparse-index": "fatal"})  # type: ignore[dict-item]


def test_an_inventory_has_the_options_of_its_command(corpus: Path) -> None:
    (image, *_) = ociarchive.inventory(corpus / "registry-data", host="registry.example.org")["images"]
    assert all(name.startswith("registry.example.org/") for name in image["references"])


def test_diff(corpus: Path) -> None:
    one, other = corpus / "docker20.tar", corpus / "docker20-two-images.tar"
    found = ociarchive.diff(one, other, images_b=["corpus/app:1.0"], files=True, jobs=1)
    assert found.same == (found.images[0].kind == "same")
    again = ociarchive.diff(one, one, ignore=["names"], platforms=["linux/amd64"])
    assert again.same
    assert isinstance(again, ociarchive.Difference)
    with pytest.raises(ociarchive.UsageError):
        ociarchive.diff(one, one, ignore=["everything"])  # type: ignore[list-item]


@pytest.mark.parametrize("name", ["nothing", "Unknown"])
def test_what_is_not_there_is_no_attribute(name: str) -> None:
    with pytest.raises(AttributeError):
        getattr(ociarchive, name)


def test_errors_are_of_one_family(tmp_path: Path) -> None:
    with pytest.raises(ociarchive.UsageError):
        ociarchive.audit(tmp_path / "absent")
    (tmp_path / "text").write_text("no archive")
    with pytest.raises(ociarchive.ContentError):
        ociarchive.inspect(tmp_path / "text")
    assert issubclass(ociarchive.HostError, ociarchive.OciArchiveError)


MET = {"Finding", "Report", "Change", "Conversion", "Archive", "Progress", "ImagePair"}


def test_names_that_users_meet_are_offered_and_documented() -> None:
    code = "import ociarchive; print(*dir(ociarchive))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(ociarchive.__all__) | MET <= set(done.stdout.split())
    page = (ROOT / "docs" / "api.md").read_text()
    for name in (*MET, *ociarchive.__all__):
        assert getattr(ociarchive, name) is not None
        assert name == "__version__" or f"`{name}" in page, name


def test_an_archive_is_closed_where_its_with_ends(corpus: Path) -> None:
    with ociarchive.open_archive(corpus / "docker20.tar") as archive:
        assert isinstance(archive, ociarchive.Archive)
        (image,) = images(archive.roots)
        source = image.layers[0].source
        assert source is not None
        assert source.head(1)
    with pytest.raises((ociarchive.OciArchiveError, OSError)):
        source.head(1)


def test_results_say_in_one_line_what_they_are(corpus: Path, tmp_path: Path) -> None:
    path = corpus / "docker20.tar"
    report = ociarchive.audit(path)
    with ociarchive.open_archive(path) as archive:
        lines = [
            repr(report),
            repr(archive),
            repr(ociarchive.convert(path, tmp_path / "out", to="dir", jobs=1)),
            repr(ociarchive.diff(path, path)),
        ]
    for line in lines:
        assert "\n" not in line
        assert len(line) < 300 + 2 * len(str(path))
    assert lines[0] == f"Report(source={str(path)!r}, failed=False, errors=0, warnings=0, notes=0, blobs=4)"


@pytest.mark.parametrize("form", ["json", "sarif", "junit", "codequality", "html"])
def test_reports_are_those_of_the_command_line(
    form: AuditFormat, corpus: Path, monkeypatch: pytest.MonkeyPatch, cli_call: Call
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    path = str(corpus / "docker20.tar")
    options = () if form != "html" else ("--strict",)
    monkeypatch.setattr(sys, "argv", ["ociarchive", "audit", path, *options])
    theirs = told(cli_call("audit", path, "--format", form, *options)).stdout
    ours = ociarchive.render_audit(ociarchive.audit(path, policy=ociarchive.Policy(strict=bool(options))), form)
    assert ours == theirs


def test_reports_of_several_archives_and_of_none(corpus: Path) -> None:
    reports = [ociarchive.audit(corpus / name) for name in ("docker20.tar", "docker20-two-images.tar")]
    assert len(json.loads(ociarchive.render_audit(reports, "json"))["archives"]) == len(reports)
    assert json.loads(ociarchive.render_audit([], "json"))["archives"] == []
    with pytest.raises(ociarchive.UsageError, match="one of json, sarif"):
        ociarchive.render_audit(reports, "pdf")  # type: ignore[arg-type]


@pytest.mark.parametrize("form", ["json", "html"])
def test_comparisons_are_those_of_the_command_line(
    form: DiffFormat, corpus: Path, monkeypatch: pytest.MonkeyPatch, cli_call: Call
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    paths = [str(corpus / name) for name in ("docker20.tar", "docker20-two-images.tar")]
    monkeypatch.setattr(sys, "argv", ["ociarchive", "diff", *paths])
    theirs = told(cli_call("diff", *paths, "--format", form), 1).stdout
    assert ociarchive.render_diff(ociarchive.diff(*paths), form) == theirs
    with pytest.raises(ociarchive.UsageError, match="one of json, html"):
        ociarchive.render_diff(ociarchive.diff(*paths), "sarif")  # type: ignore[arg-type]


def test_a_receipt_is_that_of_the_command_line(corpus: Path, tmp_path: Path, cli_call: Call) -> None:
    path, receipt = corpus / "docker20.tar", tmp_path / "receipt.json"
    dest = tmp_path / "out"
    told(cli_call("convert", path, dest, "--to", "dir", "--receipt", receipt))
    theirs = receipt.read_text()
    shutil.rmtree(dest)
    receipt.unlink()
    done = ociarchive.convert(path, dest, to="dir", receipt=receipt)
    assert receipt.read_text() == theirs
    plain = json.loads(ociarchive.render_receipt(done))
    assert plain["sources"][0].pop("sha256") is None
    wanted = json.loads(theirs)
    assert wanted["sources"][0].pop("sha256").startswith("sha256:")
    assert plain == wanted


def test_a_receipt_overwrites_nothing(corpus: Path, tmp_path: Path) -> None:
    note = tmp_path / "note"
    note.write_text("mine")
    for place in (note, tmp_path / "out" / "receipt.json"):
        with pytest.raises(ociarchive.OciArchiveError):
            ociarchive.convert(corpus / "docker20.tar", tmp_path / "out", to="dir", receipt=place)
        assert not (tmp_path / "out").exists()
    assert note.read_text() == "mine"
    ociarchive.convert(corpus / "docker20.tar", tmp_path / "out", to="dir", receipt=note, force=True)
    assert json.loads(note.read_text())["destination"]["format"] == "dir"
