"""The Python interface, and that the README's example of it says what it prints."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import ociarchive
from tests.support.readme import README, ROOT

if TYPE_CHECKING:
    from pathlib import Path

_PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)
_SAYS = re.compile(r"print\(.*\)  # (.*)")


def test_the_readme_says_what_it_prints() -> None:
    (code,) = _PYTHON.findall(README.read_text())
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == _SAYS.findall(code)


def test_importing_the_package_imports_nothing_else() -> None:
    code = "import sys, ociarchive; print(*sorted(m for m in sys.modules if m.split('.')[0] in ('click', 'zstandard')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_function_is_not_hidden_by_a_package() -> None:
    code = "import ociarchive.auditing.run, ociarchive; print(callable(ociarchive.audit))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


def test_convert_audit_and_inspect(corpus: Path, tmp_path: Path) -> None:
    dest = tmp_path / "out"
    done = ociarchive.convert(corpus / "docker20.tar", dest, to="oci-layout", compression="zstd", tag="made/here:1")
    assert [str(name) for root in done.new_roots for name in root.names] == ["docker.io/made/here:1"]
    assert not ociarchive.audit(dest).failed
    facts = ociarchive.inspect(dest)
    assert json.loads(json.dumps(facts))["images"][0]["references"] == ["docker.io/made/here:1"]


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
