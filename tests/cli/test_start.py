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


#: Calls, and what of the package is of no use to them, each with all that stands below it.
_EVERY = (
    "catalogue.ledger", "report.comparison.diff_html", "report.audit.audit_html", "signing.keyless", "machine",
    "formats.docker_storage", "formats.containers_storage", "formats.containerd_storage", "stores.bolt",
    "stores.tarsplit", "oldimages.v1image", "oldimages.gotypes", "toc.check", "objects.store", "signing.private",
    "report.shared.marks", "report.audit.svr",
)  # fmt: skip
_SIGNED = ("signing.notary", "signing.certificates", "auditing.signatures", "auditing.certified")
_REMOTE = ("opening.registry", "opening.referring", "remote.client", "remote.auth", "transform.pushing")
_CODECS = ("blobio.zstdcodec", "blobio.stdcodec")
#: Modules of other packages that only some calls need.
_OTHERS = {"jinja2", "difflib", "random", "urllib.parse", "ipaddress", "click.shell_completion", "fractions"}
#: What a call does need of these: the name of a file that nobody guesses, texts of rules, and what reads them.
_USED = {"convert": {"random"}, "rules": {"difflib", "random", "urllib.parse", "ipaddress"}}
UNUSED: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "audit": (
        ("audit", "tests/corpus/docker20-by-id.tar"),
        (*_EVERY, *_SIGNED, *_REMOTE, *_CODECS, "transform", "comparison", "gap.have", "gap.inventory",
         "auditing.receipts", "catalogue.answers", "catalogue.stamps", "report.conversion",
         "report.audit.sarif", "report.shared.versions"),
    ),
    "inspect": (
        ("inspect", "tests/corpus/docker20-by-id.tar"),
        (*_EVERY, *_SIGNED, *_REMOTE, *_CODECS, "blobio.gzipcodec", "transform", "comparison", "gap.have", "audits",
         "auditing.receipts", "catalogue", "report.conversion"),
    ),
    "diff": (
        ("diff", "tests/corpus/docker20-by-id.tar", "tests/corpus/docker20-two-tags.tar"),
        (*_EVERY, *_SIGNED, *_REMOTE, *_CODECS, "transform.convert", "gap.have", "audits", "auditing.receipts",
         "catalogue", "report.conversion", "report.audit"),
    ),
    "convert": (
        ("convert", "tests/corpus/docker20-by-id.tar", "DEST", "--to", "oci-layout", "--compression", "gzip"),
        (*_EVERY, *_SIGNED, *_REMOTE, *_CODECS, "comparison", "audits", "catalogue", "report.audit.audit_table",
         "gap.have", "gap.inventory", "remote.upload", "remote.wire", "transform.rehearse", "auditing.receipts",
         "report.conversion.provenance", "report.conversion.receipt", "report.conversion.rehearsal"),
    ),
    "rules": (
        ("rules", "diff-id-mismatch"),
        (*_EVERY, *_SIGNED, *_REMOTE, *_CODECS, "blobio.gzipcodec", "transform", "comparison", "audits", "catalogue",
         "report.comparison", "report.conversion", "gap"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("call", UNUSED)
def test_a_call_imports_nothing_that_it_does_not_use(call: str, tmp_path: Path) -> None:
    words, unused = UNUSED[call]
    arguments = [str(tmp_path / "dest") if word == "DEST" else word for word in words]
    code = (
        "import os, sys; from ociarchive.cli.main import run; told = os.dup(1); os.dup2(2, 1);"
        f" status = run({arguments!r}); os.write(told, ' '.join(sys.modules).encode()); sys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    names = [name.removeprefix("ociarchive.") for name in done.stdout.split() if name.startswith("ociarchive.")]
    assert len(names) > 50
    assert [name for name in names if any(f"{name}.".startswith(f"{one}.") for one in unused)] == []
    assert _OTHERS.intersection(done.stdout.split()) - _USED.get(call, set()) == set()


def test_the_package_itself_imports_nothing_else() -> None:
    assert imported("import ociarchive") == {"ociarchive"}


def test_the_package_can_be_run(run_cli: Run) -> None:
    assert told(run_cli("--version")).stdout.startswith("ociarchive ")
    assert told(run_cli("--help")).stdout.startswith("Usage: ociarchive ")


@pytest.mark.parametrize("locale", ["C", "POSIX"])
def test_help_needs_no_locale(locale: str, run_cli: Run) -> None:
    environment = {"LANG": locale, "LC_ALL": locale, "HOME": os.devnull}
    assert told(run_cli("--help", env=environment)).stdout.startswith("Usage: ociarchive ")


def test_an_option_in_front_of_its_command_imports_this_command_alone() -> None:
    code = "import sys; from ociarchive.cli.main import run; run(['-q', 'audit', 'x']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr.startswith("error: option -q stands in front of the command, options follow it:")
    commands = {name for name in done.stdout.split() if name.startswith("ociarchive.cli.") and name.endswith("_cmd")}
    assert commands == {"ociarchive.cli.audit_cmd"}


def test_a_version_needs_no_command() -> None:
    code = "import sys; from ociarchive.cli.main import run; run(['--version']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    names = {name for name in done.stdout.split() if name.startswith("ociarchive.")}
    assert names <= {f"ociarchive.{name}" for name in (
        "version", "cli", "cli.main", "cli.app", "report", "report.shared", "report.shared.versions",
    )}  # fmt: skip
