"""A Dask cluster on this machine: the verdicts of one process, and an archive at which its workers really die."""

import gc
import json
import shutil
import time
from collections import deque
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from ociarchive.engines.cluster import Dask
from ociarchive.engines.options import AuditOptions
from ociarchive.selection.argument import Source
from tests.support import faulty
from tests.support.call import Run, refused, told

#: What each worker loads first: it dies when it opens a certain archive, as by a signal.
POISON = """
import os
from ociarchive.engines import auditor
real = auditor.open_archive
def dask_setup(worker):
    auditor.open_archive = opened
def opened(path, **options):
    if path.endswith("/3.tar"):
        os.kill(os.getpid(), 9)
    return real(path, **options)
"""


def found(text: str) -> dict[str, Any]:
    return {Path(one["source"]).name: one for one in json.loads(text)["archives"]}


@pytest.mark.parametrize("address", ["scheduler", "tsp://127.0.0.1:9", "tcp://127.0.0.1:port"])
def test_what_is_no_address_of_a_scheduler(address: str, corpus: Path, run_cli: Run) -> None:
    pytest.importorskip("distributed")
    call = ("audit", corpus / "docker20.tar", "--engine", "dask", "--scheduler", address, "--no-config")
    assert "no address of a Dask scheduler" in refused(run_cli(*call), 2)


def test_workers_die_and_nothing_else_is_lost(tmp_path: Path, corpus: Path, run_cli: Run) -> None:
    pytest.importorskip("distributed")
    racks = tmp_path / "racks"
    racks.mkdir()
    for number in range(6):
        shutil.copy(corpus / "docker20.tar", racks / f"{number}.tar")
    shutil.copytree(corpus / "skopeo-oci", racks / "folder")
    faulty.write("damaged", racks)
    (tmp_path / "poison.py").write_text(POISON)
    spool = tmp_path / "spool"
    spool.mkdir()
    call = ("audit", "--recursive", "racks", "--format", "json", "--no-config")
    truth = told(run_cli(*call, cwd=tmp_path), 1).stdout
    environment = {"TMPDIR": str(spool), "DASK_DISTRIBUTED__WORKER__PRELOAD": "['poison']"}
    environment["PYTHONPATH"] = f"{Path(__file__).parents[2]}:{tmp_path}"
    dask = ("--engine", "dask", "--jobs", "2", "--catalogue", tmp_path / "c.db")
    dead = told(run_cli(*call, *dask, cwd=tmp_path, env=environment), 3)
    assert [line for line in dead.stderr.splitlines() if "error" in line] == [
        f"FAIL  3 errors, 1 warning in 2 of 8 archives: {tmp_path / 'c.db'} (catalogue)"
    ]
    assert list(found(dead.stdout)) == list(found(truth))
    assert [one["rule"] for one in found(dead.stdout)["3.tar"]["findings"]] == ["audit-died"]
    assert {name for name, one in found(dead.stdout).items() if one != found(truth)[name]} == {"3.tar"}
    again = told(run_cli(*call, *dask[-2:], cwd=tmp_path), 1)
    assert {name for name, one in found(again.stdout).items() if one["recorded"] is None} == {"3.tar"}
    assert {name: one | {"recorded": None} for name, one in found(again.stdout).items()} == found(truth)
    assert list(spool.iterdir()) == []


def logs() -> list[deque[Any]]:
    """Give those logs of Dask in this process that have its default limit, 1,000 entries."""
    return [one for one in gc.get_objects() if isinstance(one, deque) and one.maxlen == 1000]


def kept_by(dask_worker: Any) -> dict[str, Any]:  # noqa: ANN401  what Dask calls by this name
    """Say what a worker keeps of the tasks that it did."""
    return {
        "results": len(dask_worker.data),
        "tasks": len(dask_worker.state.tasks),
        "logs": len(logs()),
        "most": dask_worker.batched_stream.recent_message_log.maxlen,
        "profiled": "profile" in dask_worker.periodic_callbacks,
    }


def test_a_cluster_of_our_own_keeps_nothing_of_archives(corpus: Path) -> None:
    pytest.importorskip("distributed")
    before = {id(one) for one in logs()}
    cluster = Dask(AuditOptions(), "verdict", workers=1)
    try:
        for number in range(20):
            cluster.submit(number, [Source(path=str(corpus / "docker20.tar"))])
            assert [row.report is not None for row in cluster.take()[1]] == [True]
        nothing = {"results": 0, "tasks": 0, "logs": 0, "most": 16, "profiled": False}
        for _ in range(100):  # a worker hears a little later that nobody wants its results any more
            (kept,) = cluster._client.run(kept_by).values()
            if not kept["results"] + kept["tasks"]:
                break
            time.sleep(0.1)
        assert kept == nothing
        assert [one for one in logs() if id(one) not in before] == []  # of the scheduler and the client
        served = cluster._client.cluster.scheduler.http_server
        assert served.address == "127.0.0.1"
        asked = HTTPConnection(served.address, served.port, timeout=60)
        asked.request("GET", "/health")
        assert asked.getresponse().status == 404
        asked.close()
    finally:
        cluster.close()
