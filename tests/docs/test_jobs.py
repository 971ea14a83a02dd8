"""Jobs of the pages, word for word: a newcomer has the archives that a page speaks of, and nothing else."""

import json
import os
import re
import shlex
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

import ociarchive
from tests.support import build
from tests.support.build import Image, Platform, layer
from tests.support.forking import shared
from tests.support.objects import BUCKET, serving
from tests.support.readme import DOCUMENTS, ROOT
from tests.support.registry.debian import docker_registry
from tests.support.signing import OTHER, SIGNER, claim, cosigned, holding, pem, signature, signing, tagged
from tests.support.stores import containers_storage, docker_storage
from tests.support.tar import write_folder, write_tar
from tests.support.truth import CORPUS

BLOCK = re.compile(r"```bash\n(.*?)```", re.DOTALL)
#: What engines print of their images, from a file that was made for it.
ENGINE = 'docker() { case "$1 $2" in "image ls") echo x;; "image inspect") cat engine.json;; *) return 9;; esac; }\n'


@dataclass(frozen=True, slots=True)
class Job:
    """A block of a page, by words in it: what has to be there, and which of its lines are another program's to run.

    `places` are paths that stand for others here; `{here}` is the job's folder. `then` shows that the block did what it
    says. A difference is 1.
    """

    page: str
    words: str
    prepare: Callable[[Path], object]
    without: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    places: tuple[tuple[str, str], ...] = ()
    then: str = "true"
    status: int = 0


def saved(path: Path, *names: str) -> None:
    """Write an archive with one image under each of these names of Docker's library."""
    nodes = [Image(layers=[layer({name: name.encode() * 900})]).node() for name in names]
    write_tar(
        path, build.layout(*(node.named(f"docker.io/library/{name}") for node, name in zip(nodes, names, strict=True)))
    )


def gap(folder: Path) -> None:
    """Make what both sides of a gap have: the archive before, a store and an engine of it, and the archive of today."""
    shutil.copy(CORPUS / "docker20.tar", folder / "before.tar")
    source = CORPUS / "docker20-two-images.tar"
    ociarchive.convert(source, folder / "app.tar", to="docker-archive", images=["corpus/two:2.0"])
    ociarchive.convert(folder / "before.tar", folder / "store", to="oci-layout", compression="none")
    (image,) = ociarchive.inspect(folder / "before.tar")["images"]
    layers = [one["diff_id"] for one in image["layers"]]
    (folder / "engine.json").write_text(json.dumps([{"RootFS": {"Type": "layers", "Layers": layers}}]))


def delta(folder: Path) -> None:
    """Make what is there once a delta came, in one folder with the archive that it was made of."""
    gap(folder)
    (folder / "engine.json").rename(folder / "have.json")
    ociarchive.convert(folder / "app.tar", folder / "delta.tar", to="docker-archive", have=folder / "have.json")


def parts(folder: Path) -> None:
    shutil.copy(CORPUS / "docker26-containerd-multi.tar", folder / "app.tar")
    (folder / "disc").mkdir()


def received(folder: Path) -> None:
    shutil.copy(CORPUS / "docker26-containerd-multi.tar", folder / "whole.tar")
    ociarchive.convert(folder / "whole.tar", folder / "app.tar", to="docker-archive", split="20kB", parity=True)


def shelf(folder: Path) -> None:
    (folder / "archives").mkdir()
    saved(folder / "archives" / "app.tar", "app:1.0")
    shutil.copy(CORPUS / "docker20.tar", folder / "archives")


def platforms(folder: Path) -> None:
    for name in ("amd64", "arm64", "riscv64"):
        image = Image(layers=[layer({name: b"x"})], platform=Platform(architecture=name))
        write_tar(folder / f"{name}.tar", build.layout(image.node().named("docker.io/library/app:1.0")))
    ociarchive.convert(folder / "arm64.tar", folder / "arm64-dir", to="dir")


def indexed(folder: Path) -> None:
    platforms(folder)
    ociarchive.create_index(
        [folder / "amd64.tar", folder / "arm64-dir"], folder / "app", to="oci-layout", tag="app:1.0"
    )


def two(folder: Path) -> None:
    for name in ("a", "b"):
        saved(folder / f"{name}.tar", f"{name}:1")


def one(folder: Path) -> None:
    saved(folder / "app.tar", "app:1.0")


def keys(folder: Path, name: str) -> None:
    """Write a pair of keys to files."""
    (folder / f"{name}.pem").write_bytes(SIGNER.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (folder / f"{name}.pub").write_bytes(pem(SIGNER))


def release(folder: Path) -> None:
    """Make three archives, the one that went before, keys, and a folder for the parts."""
    gap(folder)
    two(folder)
    for name, here in (("a.tar", "db.tar"), ("b.tar", "web.tar")):
        (folder / name).rename(folder / here)
    keys(folder, "key")
    (folder / "disc").mkdir()


def verdict(folder: Path) -> None:
    one(folder)
    keys(folder, "key")


def ticket(folder: Path) -> None:
    """Make an image that is signed for its own name, the page's policy, and the keys of who audits."""
    image = Image(layers=[layer({"app": b"x" * 900})]).node()
    by_us = tagged(holding(cosigned(claim(image.digest, name="docker.io/team/app"), signing(SIGNER))), image)
    write_folder(folder / "app-layout", build.layout(image.named("docker.io/team/app:1.0"), by_us))
    (block,) = re.findall(r"```json\n(.*?)```", (ROOT / "docs" / "signatures.md").read_text(), re.DOTALL)
    (folder / "policy.json").write_text(block)
    (folder / "signer.pub").write_bytes(pem(SIGNER))
    keys(folder, "auditor")


def storages(folder: Path) -> None:
    """Make the storage of two engines that are stopped."""
    image = Image(layers=[layer({"app": b"x" * 900})])
    write_folder(folder / "docker", docker_storage({"app:1.0": image}))
    write_folder(folder / "podman", containers_storage({"docker.io/library/app:1.0": image}))


def signed(folder: Path) -> None:
    """Make a layout with a signed image, the same in a registry's folder, and the keys of two who sign."""
    image = Image(layers=[layer({"app": b"x" * 900})]).node()
    named = image.named("docker.io/team/app:1.0")
    write_folder(folder / "app-layout", build.layout(named, signature(image)))
    ociarchive.convert(folder / "app-layout", folder / "registry", to="registry-storage")
    for name, key in (("signer", SIGNER), ("ci", OTHER)):
        (folder / f"{name}.pub").write_bytes(pem(key))


JOBS = {
    "a-delta-for-an-engine": Job(
        "deltas.md", "--have have.json\ndocker load", gap, without=("docker load",),
        then="ociarchive audit delta.tar --have have.json",
    ),
    "a-delta-that-came": Job("deltas.md", "audit delta.tar --base", delta, then="ociarchive audit whole.tar store"),
    "parts-for-a-medium": Job("deltas.md", "--split 25GB", parts, then="ociarchive audit disc/app.tar.001"),
    "parts-that-came": Job(
        "deltas.md", "cat app.tar", received,
        then="cmp app.tar <(cat app.tar.0*); grep -q 'app.tar.parity$' *SUMS; ! grep 'app.tar$' *SUMS",
    ),
    "a-signed-statement": Job(
        "attestations.md", "--attestation app.att", one, without=("cosign",), needs=("openssl",)
    ),
    "a-catalogue": Job("catalogue.md", "--catalogue audits.db", shelf, places=(("/srv/archives", "archives"),)),
    "other-names": Job(
        "formats.md", "--rename", two, then="ociarchive audit all#registry.example.org/mirror/a:1"
    ),
    "an-index": Job("index-create.md", "amd64.tar arm64-dir", platforms, then="ociarchive audit app#app:1.0"),
    "one-platform-more": Job(
        "index-create.md", "--add", indexed, then="ociarchive inspect app | grep -c linux/riscv64"
    ),
    "a-comparison-for-a-script": Job("diff.md", "jq -r", two, needs=("jq",), status=1),
    "storage-of-stopped-engines": Job(
        "formats.md", "/mnt/var/lib/docker", storages,
        places=(
            ("/mnt/var/lib/docker", "docker"), ("/mnt/var/lib/containers/storage", "podman"),
            ("/mnt/storage", "{here}/podman"),
        ),
        then="ociarchive diff app.tar all",
    ),
    "from-end-to-end": Job(
        "deltas.md", "--attestation disc/release.att", release,
        then="cd ..; ociarchive audit whole.tar; ociarchive inspect whole.tar | grep -c layers",
    ),
    "a-ticket": Job(
        "signatures.md", "--report html=audit.html", ticket, then="test -s audit.html && test -s audit.sarif",
    ),
    "a-signed-verdict": Job("attestations.md", "--attestation verdict.att", verdict, without=("cosign",)),
    "signatures": Job("signatures.md", "--require-signature", signed),
    "completion": Job("install.md", "completion fish", lambda _: None, then="test -s .zfunc/_ociarchive"),
}  # fmt: skip


def run(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a script in a folder, which is the home as well; its first line that fails ends it."""
    program = f'ociarchive() {{ {shlex.join(shared().command)} "$@"; }}\n{ENGINE}set -eo pipefail\n'
    environment = {**os.environ, "HOME": str(folder), "COLUMNS": "80"}
    return subprocess.run(
        ["bash", "-c", program + script], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def lines_of(page: str, words: str) -> list[str]:
    """Give the lines of the one block of a page that has these words."""
    (block,) = (one for one in BLOCK.findall((ROOT / "docs" / page).read_text()) if words in one)
    return str(block).splitlines()


@pytest.mark.parametrize("name", JOBS)
def test_a_job_runs_as_its_page_says(name: str, tmp_path: Path) -> None:
    job = JOBS[name]
    for program in job.needs:
        if shutil.which(program) is None:
            pytest.skip(f"no {program} here")
    job.prepare(tmp_path)
    lines = [line for line in lines_of(job.page, job.words) if not line.startswith(job.without or ("#",))]
    script = "\n".join([*lines, job.then])
    for said, here in job.places:
        script = script.replace(said, here.format(here=tmp_path))
    done = run(script, tmp_path)
    assert done.returncode == job.status, done.stderr + done.stdout
    assert "error:" not in done.stderr


@pytest.mark.interop
def test_the_commands_of_the_page_of_registries_run_in_their_order(tmp_path: Path) -> None:
    saved(tmp_path / "app.tar", "app:1.0")
    (tmp_path / "registry").mkdir()
    with docker_registry(tmp_path / "registry") as address:
        there = f"docker://{address}/team/app"
        ociarchive.convert(tmp_path / "app.tar", f"{there}:1.0")
        ociarchive.convert(tmp_path / "app.tar", f"{there}:1.1", force=True)
        digest = str(ociarchive.inspect(f"{there}:1.0")["images"][0]["manifest"])
        script = "\n".join(lines_of("registries.md", "convert app.tar docker://"))
        script = script.replace("registry.example.org", address).replace("sha256:0123…", digest)
        reads = (
            f"ociarchive inventory {there}:1.0; ociarchive diff {there}:1.0 app.tar --ignore names;"
            f" ociarchive index create {there}:1.0 docker://{address}/team/index:1;"
            f" ociarchive convert {there}:1.1 delta --to oci-layout --have {there}:1.0;"
            f" ociarchive convert delta whole --to oci-layout --base {there}:1.0"
        )
        done = run(f"{script}\n{reads}", tmp_path)
        assert done.returncode == 0, done.stderr + done.stdout


def test_the_commands_of_the_page_of_object_storage_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("obstore")
    saved(tmp_path / "app.tar", "app:1.0")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "known")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with serving() as objects:
        monkeypatch.setenv("AWS_ENDPOINT_URL", objects.url)
        for key in ("app.tar", "2026/app.tar"):
            objects.stored[key] = (tmp_path / "app.tar").read_bytes()
        script = "\n".join(lines_of("objects.md", "s3://backups"))
        done = run(script.replace("backups", BUCKET).replace("https://storage.example.com", objects.url), tmp_path)
    assert done.returncode == 0, done.stderr + done.stdout


def test_the_questions_of_the_page_of_catalogues_are_answered(tmp_path: Path) -> None:
    (block,) = re.findall(r"```sql\n(.*?)```", (ROOT / "docs" / "catalogue.md").read_text(), re.DOTALL)
    shelf(tmp_path)
    list(ociarchive.audit_each(tmp_path / "archives", recursive=True, catalogue=tmp_path / "audits.db"))
    with closing(sqlite3.connect(tmp_path / "audits.db")) as connection:
        (diff_id,) = connection.execute("SELECT diff_id FROM layers").fetchone()
        rules, holding, before = (
            connection.execute(line.replace("sha256:...", diff_id)).fetchall() for line in block.splitlines()
        )
    assert (rules, len(holding), before) == ([], 1, [])


#: Blocks that are run where the test that is named stands, by words in them.
ELSEWHERE = {
    "samples/docker20.tar out --to oci-layout --force": ".ci/run::readme_command",
    ".venv/bin/python -m pytest -q": ".ci/run::readme_command",
    "pip install .": "tests/release/test_wheel.py::test_two_builds_give_the_same_bytes",
    "-m release.build dist": "tests/release/test_bare.py::def dist",
    "xargs -0r sha256sum": "tests/unit/test_identity.py::sha256sum",
    "--engine dask": "tests/engines/test_real_dask.py::test_a_cluster",
    "docker://registry.example.org": "tests/docs/test_jobs.py::test_the_commands_of_the_page_of_registries",
    "s3://backups": "tests/docs/test_jobs.py::test_the_commands_of_the_page_of_object_storage",
    "python3 ociarchive-0.1.0.pyz": "tests/release/test_onefile.py::test_it_runs",
    "--no-index --find-links wheelhouse": "tests/release/test_bare.py::test_the_wheelhouse_installs_and_runs",
    "-d dist/verify": "tests/release/test_bare.py::test_the_packages_of_an_extra",
    "--find-links verify": "tests/release/test_bare.py::test_the_packages_of_an_extra",
    "podman build": "tests/integration/test_pipelines.py::test_the_image",
    "-m benchmarks.compare": "tests/benchmarks/test_writing.py::compare.main",
}


def test_every_command_of_the_pages_is_run() -> None:
    words = [*(job.words for job in JOBS.values()), *ELSEWHERE]
    blocks = [block for path in DOCUMENTS for block in BLOCK.findall(path.read_text())]
    assert [block for block in blocks if not any(one in block for one in words)] == []
    for place in ELSEWHERE.values():
        path, _, text = place.partition("::")
        assert text in (ROOT / path).read_text(), place
