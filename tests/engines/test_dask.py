"""An audit by a cluster gives what one machine gives, in its order; what becomes of workers and scheduler is said."""

import json
import os
import shutil
import sqlite3
import sys
import threading
import traceback
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from dask import config as dask_config

import ociarchive
from ociarchive.auditing.report import Detail
from ociarchive.engines import cluster as engine
from ociarchive.engines import worker
from ociarchive.engines.auditor import Auditor, Place
from ociarchive.engines.engine import Row
from ociarchive.engines.options import AuditOptions
from ociarchive.signing.keys import load_key
from tests.support import faulty
from tests.support.call import Call, refused, told
from tests.support.fakedask import Cluster

Json = dict[str, Any]
DASK = ("--engine", "dask", "--scheduler", "tcp://127.0.0.1:9", "--no-config")


@pytest.fixture
def dask(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """Give a cluster of two threads that stands for any."""
    fake = Cluster()

    def imported(name: str) -> object:
        return fake.library() if name == "distributed" else import_module(name)

    monkeypatch.setattr(engine, "import_module", imported)
    monkeypatch.setattr("ociarchive.engines.choosing.find_spec", lambda _: True)
    monkeypatch.setattr("ociarchive.cli.engines._silence", lambda: None)
    return fake


@pytest.fixture
def racks(tmp_path: Path, corpus: Path) -> Path:
    """Give a folder of archives, in folders and in files, one of them damaged and one no archive."""
    folder = tmp_path / "racks"
    folder.mkdir()
    for number in range(8):
        shutil.copy(corpus / "docker20.tar", folder / f"{number}.tar")
    shutil.copytree(corpus / "skopeo-oci", folder / "4-folder")
    faulty.write("damaged", folder)
    (folder / "noise.bin").write_bytes(bytes(range(256)) * 20)
    return folder


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make chunks of two archives."""
    monkeypatch.setattr(engine.Dask, "most", 2)


def found(text: str) -> dict[str, Json]:
    return {Path(one["source"]).name: one for one in json.loads(text)["archives"]}


@pytest.mark.usefixtures("small")
def test_a_cluster_gives_what_one_machine_gives(
    racks: Path, dask: Cluster, cli_call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    call = ("audit", "--recursive", racks.name, "--format", "json", "--no-config")
    truth = told(cli_call(*call), 1).stdout
    assert told(cli_call(*call, *DASK), 1).stdout == truth
    assert dask.address == "tcp://127.0.0.1:9"
    assert len(dask.chunks) > 4
    assert dask.chunks != sorted(dask.chunks)  # they came back in another order than they were sent
    assert told(cli_call(*call, "--engine", "dask", "--jobs", "3"), 1).stdout == truth
    assert [dask.address] == [None]
    plain = ["audit", "--recursive", racks.name, "--no-config"]
    assert (
        told(cli_call(*plain, *DASK), 1).stdout.splitlines()[:-3]
        == (told(cli_call(*plain), 1).stdout.splitlines()[:-3])
    )
    assert list(ociarchive.audit_each([racks], recursive=True, engine="dask", scheduler="tcp://127.0.0.1:9")) == (
        list(ociarchive.audit_each([racks], recursive=True))
    )


@pytest.mark.usefixtures("small")
def test_a_catalogue_takes_what_workers_found(racks: Path, dask: Cluster, cli_call: Call, tmp_path: Path) -> None:
    db = tmp_path / "c.db"
    call = ("audit", "--recursive", racks, "--format", "json", "--catalogue", db, *DASK)
    first = found(told(cli_call(*call), 1).stdout)
    count = len(dask.chunks)
    second = found(told(cli_call(*call), 1).stdout)
    assert len(dask.chunks) == count
    assert all(one["recorded"] for one in second.values())
    assert {name: one | {"recorded": None} for name, one in second.items()} == first
    with sqlite3.connect(db) as connection:
        layers = {layer["digest"] for layer in first["4-folder"]["images"][0]["layers"]}
        known = {digest for (digest,) in connection.execute("SELECT digest FROM facts")}
        assert layers <= known


def test_no_more_is_under_way_than_the_cluster_has_threads_for(
    tmp_path: Path, dask: Cluster, monkeypatch: pytest.MonkeyPatch, corpus: Path
) -> None:
    monkeypatch.setattr(engine.Dask, "most", 1)
    monkeypatch.setattr(engine.Dask, "waiting", 6)
    for number in range(40):
        shutil.copy(corpus / "docker20.tar", tmp_path / f"{number:02}.tar")
    seen = []
    for number, report in enumerate(ociarchive.audit_each([tmp_path], recursive=True, engine="dask")):
        seen.append(Path(report.source).name)
        assert len(dask.chunks) <= number + 7  # finished or not, no more wait for one before them
    assert seen == sorted(seen)
    assert len(seen) == 40
    assert dask.most <= 4


def test_large_archives_go_in_chunks_of_their_own(
    racks: Path, dask: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(engine.Dask, "weight", 70_000)
    for options in ({}, {"catalogue": tmp_path / "c.db"}):
        dask.chunks.clear()
        list(ociarchive.audit_each([racks], recursive=True, engine="dask", **options))  # type: ignore[arg-type]
        for chunk in dask.chunks:
            sizes = [os.path.getsize(path) for path in chunk if os.path.isfile(path)]
            assert len(chunk) == 1 or sum(sizes) <= 70_000
        assert len(dask.chunks) > 4


@pytest.mark.parametrize("most", [1, 3, 32])
def test_an_archive_at_which_workers_die(
    most: int, racks: Path, dask: Cluster, cli_call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(engine.Dask, "most", most)
    db = tmp_path / "c.db"
    call = ("audit", "--recursive", racks, "--format", "json", "--no-config")
    truth = found(told(cli_call(*call), 1).stdout)
    dask.poison = "3.tar"
    result = told(cli_call(*call, *DASK, "--catalogue", db), 3)
    assert result.stderr == f"FAIL  4 errors, 1 warning in 3 of 11 archives: {db} (catalogue)\n"
    dead = found(result.stdout)
    assert list(dead) == list(truth)
    assert {name for name in truth if truth[name] != dead[name]} == {"3.tar"}
    (finding,) = dead["3.tar"]["findings"]
    assert finding == {
        "rule": "audit-died", "severity": "error", "subject": str(racks / "3.tar"), "location": str(racks / "3.tar"),
        "message": "the audit did not come to its end: each worker that tried it died",
        "expected": "a worker that comes to the end", "found": "4 that died",
    }  # fmt: skip
    assert dead["3.tar"]["format"] is None
    assert dask.deaths == 8  # in its chunk, then by itself
    dask.poison = ""
    again = found(told(cli_call(*call, *DASK, "--catalogue", db), 1).stdout)
    assert {name for name, one in again.items() if one["recorded"] is None} == {"3.tar"}
    assert "FAIL" in told(cli_call("audit", racks / "0.tar", racks / "noise.bin", *DASK), 1).stdout
    dask.poison = "0.tar"
    told(cli_call("audit", racks / "0.tar", *DASK, "--ignore", "audit-died"), 3)


def test_a_worker_of_another_version_is_refused(
    racks: Path, dask: Cluster, cli_call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = worker.identity()
    asked: list[worker.Identity] = [real]
    monkeypatch.setattr(engine, "identity", lambda: asked[0])
    asked[0] = worker.Identity("9.9", real.rules)
    error = refused(cli_call("audit", "--recursive", racks, *DASK), 3)
    assert error == (
        f"error: the Dask cluster has another version of ociarchive: expected 9.9, found {real.version}; install the"
        " same version for its scheduler and workers (tcp://127.0.0.1:9)"
    )
    asked[0] = worker.Identity(real.version, "sha256:other")
    assert f"found {real.version} with other rules" in refused(cli_call("audit", "--recursive", racks, *DASK), 3)
    asked[0] = real

    monkeypatch.setattr(Cluster, "_do", lambda _, one: setattr(one, "status", "error"))
    monkeypatch.setattr("tests.support.fakedask.Future.exception", lambda *_, **__: ModuleNotFoundError("No module"))
    assert "found ModuleNotFoundError: No module; " in refused(cli_call("audit", "--recursive", racks, *DASK), 3)
    assert dask.chunks


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("how", ["closed", "cancelled", "silent"])
def test_a_scheduler_that_goes_away(
    how: str, racks: Path, dask: Cluster, cli_call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = 0
    monkeypatch.setattr(engine, "time", SimpleNamespace(monotonic=lambda: seconds))

    def away(waits: int) -> None:
        nonlocal seconds
        if waits == 4:
            dask.client.status = "closed"
            if how == "closed":
                seconds = 2  # longer than it goes without looking
            if how == "cancelled":
                raise dask.library().client.CancelledError
            if how == "silent":
                dask.threads = 0

    dask.instead = away
    db = tmp_path / "c.db"
    assert refused(cli_call("audit", "--recursive", racks, "--catalogue", db, *DASK), 3) == (
        "error: the Dask scheduler went away, what was recorded in a catalogue stays; call again when it answers"
        " (tcp://127.0.0.1:9)"
    )
    with sqlite3.connect(db) as connection:
        assert connection.execute("SELECT count(*) FROM archives").fetchone()[0] > 2
    assert not dask.cancelled


@pytest.mark.parametrize("at", ["waiting", "fetching"])
def test_a_connection_that_breaks_is_a_scheduler_that_went_away(
    at: str, racks: Path, dask: Cluster, cli_call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scheduler was killed: what the library says of its connection is nothing for people."""

    def broken(*_: object, **__: object) -> None:
        raise ConnectionResetError(104, "in <TCP (closed) ConnectionPool.gather>: Connection reset by peer")

    if at == "waiting":
        dask.instead = broken
    monkeypatch.setattr("tests.support.fakedask.Future.result", broken)
    error = refused(cli_call("audit", "--recursive", racks, *DASK), 3)
    assert error.startswith("error: the Dask scheduler went away, what was recorded in a catalogue stays")
    assert "TCP" not in error


@pytest.mark.usefixtures("small")
def test_an_interrupt_cancels_what_is_under_way(racks: Path, dask: Cluster, cli_call: Call) -> None:
    def interrupted(waits: int) -> None:
        if waits == 2:
            raise KeyboardInterrupt

    dask.instead = interrupted
    result = cli_call("audit", "--recursive", racks, *DASK)
    assert (result.status, result.stdout, result.stderr) == (130, "", "")
    assert len(dask.cancelled) == 4
    assert dask.client.status == "closed"


def test_a_cluster_without_workers(racks: Path, dask: Cluster, cli_call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("ociarchive.engines.cluster.time.monotonic", lambda: now[0])
    dask.threads = 0
    dask.instead = lambda _: now.__setitem__(0, now[0] + 3)
    result = cli_call("audit", racks / "0.tar", *DASK)
    assert result.status == 3
    assert result.stderr.splitlines() == [
        "notice: waiting for a worker: the Dask cluster has none (tcp://127.0.0.1:9)",
        "error: the Dask cluster has no worker, start one, and call again (tcp://127.0.0.1:9)",
    ]
    dask.instead = lambda waits: setattr(dask, "threads", 1) if waits > 10 else None
    dask.waits = 0
    assert told(cli_call("audit", racks / "0.tar", *DASK)).stderr == ""


def test_rows_that_are_lost_with_their_worker_are_made_again(racks: Path, dask: Cluster, cli_call: Call) -> None:
    dask.lost = 1
    assert told(cli_call("audit", racks / "0.tar", *DASK)).stderr == ""
    assert len(dask.chunks) == 2


def test_a_fault_of_ours_on_a_worker_is_called_one(
    racks: Path, dask: Cluster, cli_call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr("ociarchive.engines.auditor.open_archive", broken)
    error = refused(cli_call("audit", racks / "0.tar", *DASK), 3)
    assert "a fault in ociarchive itself: WorkerFault: ZeroDivisionError: by nothing" in error
    assert dask.chunks


def test_what_cannot_be_sent_is_refused_and_the_others_go_on(
    racks: Path, dask: Cluster, cli_call: Call, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    result = cli_call("audit", "-", tmp_path / "pipe", racks / "0.tar", *DASK, "--format", "json")
    assert result.status == 2
    assert [line.partition(":")[2] for line in result.stderr.splitlines()] == [
        " standard input cannot be sent to workers, name a file, or leave --engine out",
        f" only files and folders can be sent to workers, leave --engine out ({tmp_path / 'pipe'})",
    ]
    assert list(found(result.stdout)) == ["0.tar"]
    result = cli_call("audit", tmp_path / "none.tar", racks / "0.tar", *DASK)
    assert result.status == 2
    assert result.stderr == f"error: no such file or folder ({tmp_path / 'none.tar'})\n"
    assert dask.chunks


def test_calls_that_cannot_be(racks: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    one = racks / "0.tar"
    assert "--scheduler is for --engine dask" in refused(cli_call("audit", one, "--scheduler", "tcp://h:1"), 2)
    monkeypatch.setattr("ociarchive.engines.choosing.find_spec", lambda _: None)
    assert refused(cli_call("audit", one, "--engine", "dask"), 2) == (
        "error: --engine dask needs the package distributed, which is not installed, `pip install 'ociarchive[dask]'`"
        " installs it"
    )
    assert "--jobs is for this machine" in refused(cli_call("audit", one, *DASK, "--jobs", "2"), 2)
    refused(cli_call("audit", one, "--engine", "ray"), 2)
    with pytest.raises(ociarchive.UsageError, match="no engine is called ray"):
        list(ociarchive.audit_each([one], engine="ray"))  # type: ignore[arg-type]


@pytest.mark.parametrize(("raised", "status"), [(OSError("refused"), 3), (ValueError("unknown scheme"), 2)])
def test_no_scheduler_there(
    raised: Exception, status: int, racks: Path, dask: Cluster, cli_call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def client(*_: object, **__: object) -> None:
        raise raised

    monkeypatch.setattr(dask, "_client", client)
    assert "Dask scheduler" in refused(cli_call("audit", racks / "0.tar", *DASK), status)


def test_what_the_other_side_has_is_read_by_workers(
    tmp_path: Path, dask: Cluster, cli_call: Call, monkeypatch: pytest.MonkeyPatch, corpus: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(corpus / "docker20.tar", "base.tar")
    told(cli_call("convert", "base.tar", "delta", "--to", "oci-layout", "--have", "base.tar"))
    call = ("audit", "delta", "--format", "json")
    for options in (("--have", "base.tar"), ("--base", "base.tar"), ()):
        assert cli_call(*call, *options, *DASK).stdout == cli_call(*call, *options, "--no-config").stdout
    dask.chunks.clear()
    refused(cli_call(*call, "--base", "none.tar", *DASK), 2)
    assert not dask.chunks


@pytest.mark.parametrize("private", [ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1())])
def test_keys_can_be_sent(
    private: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey,
    racks: Path, dask: Cluster, cli_call: Call, tmp_path: Path,
) -> None:  # fmt: skip
    path = tmp_path / "key.pub"
    public = private.public_key()
    path.write_bytes(public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    assert load_key(str(path)).fingerprint
    call = ("audit", racks / "0.tar", "--key", path, "--require-signature", "--format", "json", "--no-config")
    assert told(cli_call(*call, *DASK), 1).stdout == told(cli_call(*call), 1).stdout
    assert dask.chunks


def test_a_client_keeps_few_of_its_messages(racks: Path, dask: Cluster, cli_call: Call) -> None:
    told(cli_call("audit", racks / "0.tar", *DASK), 0)
    assert dask.logged == 16
    assert dask_config.get("distributed.admin.low-level-log-length", None) != 16  # other clients of this process do not


def test_a_task_only_waits_for_the_thread_that_audits(
    racks: Path, dask: Cluster, cli_call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []
    real = Auditor.rows
    tasks = threading.get_ident()

    def rows(self: Auditor, places: Sequence[Place]) -> list[Row]:
        frames = traceback.extract_stack(sys._current_frames()[tasks])  # as Dask's profiler does
        names = [frame.name for frame in frames]
        seen.append(names[names.index("work") + 1 :])
        return real(self, places)

    monkeypatch.setattr(Auditor, "rows", rows)
    told(cli_call("audit", racks / "0.tar", *DASK), 0)
    assert [names[0] for names in seen] == ["apart"]
    assert "rows" not in seen[0]
    assert dask.chunks


@pytest.mark.usefixtures("dask")
def test_what_is_audited_under_options_is_what_workers_are_asked(racks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[AuditOptions] = []
    real = engine.Dask.__init__

    def noted(self: engine.Dask, options: AuditOptions, detail: Detail, **rest: Any) -> None:  # noqa: ANN401  as the real one takes them
        asked.append(options)
        real(self, options, detail, **rest)

    monkeypatch.setattr(engine.Dask, "__init__", noted)
    policy = ociarchive.Policy(strict=True)
    list(ociarchive.audit_each([racks / "0.tar"], policy=policy, engine="dask", jobs=7))
    (options,) = asked
    assert options == replace(options, policy=policy, jobs=1)
