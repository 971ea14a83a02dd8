"""A Dask cluster on this machine: the verdicts of one process, and an archive at which its workers really die."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

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
    assert "error" not in dead.stderr
    assert list(found(dead.stdout)) == list(found(truth))
    assert [one["rule"] for one in found(dead.stdout)["3.tar"]["findings"]] == ["audit-died"]
    assert {name for name, one in found(dead.stdout).items() if one != found(truth)[name]} == {"3.tar"}
    again = told(run_cli(*call, *dask[-2:], cwd=tmp_path), 1)
    assert {name for name, one in found(again.stdout).items() if one["recorded"] is None} == {"3.tar"}
    assert {name: one | {"recorded": None} for name, one in found(again.stdout).items()} == found(truth)
    assert list(spool.iterdir()) == []
