"""What is shipped, in an environment with nothing: no network, no package, no home of anybody, no PATH.

The packages that it takes come from pip's index, or from the folder that PIP_FIND_LINKS names.
"""

import fcntl
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from release import build as building
from release.wheels import ALL, ROOT, this
from tests.support.signing import SIGNER, pem

#: A network namespace of its own, in which not even the loopback is up, where this user may make one.
ALONE = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--map-root-user"]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build all that is shipped, for this interpreter, once for all processes of this run of tests."""
    if this() not in ALL:
        pytest.skip(f"nothing is shipped for {this().soabi}")
    shared = tmp_path_factory.getbasetemp()
    shared = shared.parent if os.environ.get("PYTEST_XDIST_WORKER") else shared
    with (shared / "dist.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = shared / "dist"
        if not done.exists():
            try:
                building.build(shared / "dist.part", (this(),))
            except SystemExit as error:
                pytest.skip(f"the packages cannot be had: {error}")
            (shared / "dist.part").rename(done)
    return done


def alone(*command: str | Path, home: Path, cwd: Path) -> str:
    """Run a command with nothing but a home; without a network too where that can be arranged."""
    prefix = ALONE if subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode == 0 else []
    environment = {"HOME": str(home), "PIP_CONFIG_FILE": os.devnull, "PATH": os.environ["PATH"] if prefix else ""}
    done = subprocess.run(
        [*prefix, *command], cwd=cwd, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, f"{command}: {done.stderr}{done.stdout}"
    return done.stdout + done.stderr


def test_the_one_file_converts_audits_and_is_well(dist: Path, tmp_path: Path) -> None:
    (program,) = dist.glob("*.pyz")
    python = (sys.executable, "-I", "-S", program)  # not even the packages of this environment
    sample = ROOT / "samples" / "docker20.tar"
    said = alone(
        *python, "convert", sample, "out", "--to", "oci-layout", "--compression", "zstd", home=tmp_path, cwd=tmp_path
    )
    assert "all as before" in said
    assert "every claim holds" in alone(*python, "audit", "out", home=tmp_path, cwd=tmp_path)
    html = alone(*python, "audit", "out", "--format", "html", home=tmp_path, cwd=tmp_path)
    assert html.startswith("<!DOCTYPE html>")
    doctor = alone(*python, "doctor", home=tmp_path, cwd=tmp_path)
    assert f"in{tmp_path}/.cache/ociarchive/" in "".join(doctor.split())
    assert "ok, read by isal" in doctor
    assert "OK  every codec gave back what it took" in doctor


def test_the_wheelhouse_installs_and_runs(dist: Path, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    alone(sys.executable, "-m", "venv", "--without-pip", venv, home=tmp_path, cwd=tmp_path)
    alone(
        *(sys.executable, "-m", "pip", "--python", venv / "bin" / "python", "install", "-q", "--no-compile"),
        *("--no-index", "--find-links", "wheelhouse"),
        *("--require-hashes", "-r", "wheelhouse/requirements.txt"),
        home=tmp_path,
        cwd=dist,
    )
    program = venv / "bin" / "ociarchive"
    assert "every claim holds" in alone(
        program, "audit", ROOT / "samples" / "docker20.tar", home=tmp_path, cwd=tmp_path
    )
    assert (venv / "share" / "man" / "man1" / "ociarchive-audit.1").is_file()


def test_the_packages_of_an_extra_come_beside_the_wheelhouse(dist: Path, tmp_path: Path) -> None:
    text = (ROOT / "docs" / "install.md").read_text()
    lines = re.findall(
        r"^(?:\.venv|/opt/ociarchive)/bin/pip (.* (?:cbor2|'ociarchive\[verify\]'))$", text, re.MULTILINE
    )
    fetch, install = (shlex.split(line.replace("dist/verify", "verify")) for line in lines)
    shutil.copytree(dist / "wheelhouse", tmp_path / "wheelhouse")
    pip = [sys.executable, "-m", "pip"]
    got = subprocess.run([*pip, *fetch, "-q"], cwd=tmp_path, capture_output=True, text=True, check=False)
    if got.returncode:
        pytest.skip(f"the packages cannot be had: {got.stderr[-200:]}")
    venv = tmp_path / "venv"
    alone(sys.executable, "-m", "venv", "--without-pip", venv, home=tmp_path, cwd=tmp_path)
    alone(*pip, "--python", venv / "bin" / "python", *install, "-q", home=tmp_path, cwd=tmp_path)
    (tmp_path / "key.pub").write_bytes(pem(SIGNER))
    sample = ROOT / "samples" / "docker20.tar"
    said = alone(venv / "bin" / "ociarchive", "audit", sample, "--key", "key.pub", home=tmp_path, cwd=tmp_path)
    assert "every claim holds" in said


def test_the_sums_are_those_of_every_file(dist: Path) -> None:
    lines = (dist / "SHA256SUMS").read_text().splitlines()
    told = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    files = {str(path.relative_to(dist)): path for path in dist.rglob("*") if path.is_file()}
    del files["SHA256SUMS"]
    assert told == {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}


def test_a_wheel_that_was_changed_is_not_installed(dist: Path, tmp_path: Path) -> None:
    shutil.copytree(dist / "wheelhouse", tmp_path / "wheelhouse")
    (ours,) = (tmp_path / "wheelhouse").glob("ociarchive-*.whl")
    with ours.open("ab") as file:
        file.write(b"\0")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--no-index", "--find-links", "wheelhouse", "--target", "x"),
            *("--require-hashes", "-r", "wheelhouse/requirements.txt", "--no-deps"),
        ],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PIP_CONFIG_FILE": os.devnull},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "DO NOT MATCH THE HASHES" in done.stderr.upper()


def test_a_build_into_a_folder_that_is_in_use_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit, match="is not empty"):
        building.build(tmp_path, (this(),))


def test_two_builds_of_the_one_file_are_equal(dist: Path, tmp_path: Path) -> None:
    building.build(tmp_path / "again", (this(),))
    names = {path.name for path in dist.iterdir()}
    assert names == {path.name for path in (tmp_path / "again").iterdir()}
    for name in names - {"wheelhouse"}:
        assert (dist / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name
