"""Clients that nobody here wrote push to the registry of these tests, and pull from it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support import build, truth
from tests.support.registry import Registry, faults, guards

pytestmark = pytest.mark.interop
TRUTHS = truth.load()


def ran(*command: str | Path) -> str:
    """Run a program that must succeed."""
    if shutil.which(str(command[0])) is None:
        pytest.skip(f"not there: {command[0]}")
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("guard", [None, guards.Bearer("user"), guards.Basic()], ids=["open", "bearer", "basic"])
def test_skopeo_pushes_and_pulls(guard: faults.Fault | None, tmp_path: Path) -> None:
    login = ["--dest-creds", "user:secret"] if guard else []
    with Registry(*([guard] if guard else [])) as registry:
        there = f"docker://{registry.address}/team/app:1.0"
        source = f"docker-archive:{TRUTHS['docker20.tar'].path}"
        ran("skopeo", "copy", "--insecure-policy", "--dest-tls-verify=false", *login, source, there)
        login = ["--src-creds", "user:secret"] if guard else []
        ran("skopeo", "copy", "--insecure-policy", "--src-tls-verify=false", *login, there, f"dir:{tmp_path / 'back'}")
        raw = (tmp_path / "back" / "manifest.json").read_bytes()
        pushed = registry.store.repositories["team/app"]
        assert [str(pushed.tags["1.0"])] == [build.digest(raw)]
        assert {str(digest) for digest in pushed.manifests} == {build.digest(raw)}


def test_skopeo_copies_an_index_with_all_platforms(tmp_path: Path) -> None:
    with Registry() as registry:
        there = f"docker://{registry.address}/app:1.0"
        source = f"oci:{TRUTHS['skopeo-oci-multi'].path}"
        ran("skopeo", "copy", "--all", "--insecure-policy", "--dest-tls-verify=false", source, there)
        ran("skopeo", "copy", "--all", "--insecure-policy", "--src-tls-verify=false", there, f"oci:{tmp_path / 'back'}")
        assert len(registry.store.repositories["app"].manifests) > 2
        raw = ran("skopeo", "inspect", "--raw", "--tls-verify=false", there)
        assert build.digest(raw.encode()) == str(registry.store.repositories["app"].tags["1.0"])


def test_oras_attaches_and_discovers(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("a note")
    with Registry() as registry:
        there = f"{registry.address}/team/app:1.0"
        ran("skopeo", "copy", "--insecure-policy", "--dest-tls-verify=false",
            f"docker-archive:{TRUTHS['docker20.tar'].path}", f"docker://{there}")  # fmt: skip
        note = f"{tmp_path}/note.txt:text/plain"
        options = ("--plain-http", "--disable-path-validation", "--artifact-type", "application/x.note")
        ran("oras", "attach", *options, there, note)
        assert "application/x.note" in ran("oras", "discover", "--plain-http", there)
