"""How the program starts: what it imports, and the ways to call it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.call import Run, told

ROOT = Path(__file__).parents[2]


def imported(code: str) -> set[str]:
    """Give the top-level modules, beyond the standard library, that a program has imported at its end."""
    told_at_end = f"{code}\nimport sys; print(*sorted({{m.partition('.')[0] for m in sys.modules}}), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", told_at_end], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    before = subprocess.run(
        [sys.executable, "-c", told_at_end.removeprefix(code)], capture_output=True, text=True, timeout=60, check=True
    )  # what an interpreter of this environment has loaded by itself: coverage, the finder of an editable install
    return set(done.stderr.split()) - set(before.stderr.split()) - sys.stdlib_module_names


def test_help_imports_click_alone() -> None:
    assert imported("from ociarchive.cli.main import run; run(['--help'])") == {"click", "ociarchive"}


def test_help_imports_no_command() -> None:
    code = "import sys; from ociarchive.cli.main import run; run(['--help']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    ours = {name for name in done.stdout.split() if name.startswith("ociarchive")}
    assert ours == {"ociarchive", "ociarchive.version", "ociarchive.cli", "ociarchive.cli.main", "ociarchive.cli.app"}


def test_the_package_itself_imports_nothing_else() -> None:
    assert imported("import ociarchive") == {"ociarchive"}


def test_the_package_can_be_run(run_cli: Run) -> None:
    assert told(run_cli("--version")).stdout.startswith("ociarchive ")
    assert told(run_cli("--help")).stdout.startswith("Usage: ociarchive ")


@pytest.mark.parametrize("locale", ["C", "POSIX"])
def test_help_needs_no_locale(locale: str, run_cli: Run) -> None:
    environment = {"LANG": locale, "LC_ALL": locale, "HOME": os.devnull}
    assert told(run_cli("--help", env=environment)).stdout.startswith("Usage: ociarchive ")
