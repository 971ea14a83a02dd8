"""The Python interface, and that the README's example of it says what it prints."""

from __future__ import annotations

import doctest
import json
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import ociarchive
from ociarchive import api
from tests.support.readme import README, ROOT

if TYPE_CHECKING:
    from pathlib import Path

_PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)
_SAYS = re.compile(r"print\(.*\)  # (.*)")


def test_the_readme_says_what_it_prints() -> None:
    (code,) = _PYTHON.findall(README.read_text())
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == _SAYS.findall(code)


def test_the_examples_of_the_interface_say_what_they_print(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(corpus / "docker20.tar", tmp_path / "app.tar")
    monkeypatch.chdir(tmp_path)
    done = doctest.testmod(api)
    assert done.attempted > 5
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
