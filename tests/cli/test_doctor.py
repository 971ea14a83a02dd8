"""What `ociarchive doctor` says of this machine, and of one that is not well."""

import json
import resource
import tomllib
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from ociarchive import machine
from ociarchive.blobio import gzipcodec
from ociarchive.report.shared.doctor import doctor_json, doctor_table
from tests.support.call import Call, Run, told
from tests.support.readme import ROOT

ENCODE = gzipcodec.encode


def found(cli_call: Call) -> dict[str, Any]:
    return told(cli_call("doctor", "--format", "json")).json()


def test_a_machine_that_is_fit(cli_call: Call) -> None:
    value = found(cli_call)
    assert value["fit"]
    assert {one["name"]: one["fault"] for one in value["codecs"]} == dict.fromkeys(("gzip", "zstd", "xz", "bzip2"))
    assert value["digests"]["sha256"]
    assert value["workers"] <= value["processors_usable"] <= value["processors"]


def test_the_table_has_a_line_for_each_thing_and_ends_with_a_verdict(cli_call: Call) -> None:
    lines = told(cli_call("doctor")).stdout.splitlines()
    heads = [line.split()[0] for line in lines if line]
    assert heads == [
        *("ociarchive", "python", "system", "processors", "memory", "limits"),
        *("gzip", "zstd", "xz", "bzip2", "sha256", "sha512", "blake3", "libmagic", "verify", "dask", "s3", "gpgv"),
        *("space", "space", "OK"),
    ]


def test_the_extras_are_those_of_the_project(cli_call: Call) -> None:
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for name, packages in machine.EXTRAS.items():
        assert set(packages) <= {Requirement(one).name for one in asked[name]}
    value = found(cli_call)
    assert value["extras"].keys() == machine.EXTRAS.keys()
    assert value["extras"]["verify"] == f"cryptography {version('cryptography')}, cbor2 {version('cbor2')}"


def test_limits_are_those_of_the_process(run_cli: Run) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft_before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (300, hard))  # a child gets it too
    try:
        value = told(run_cli("doctor", "--format", "json")).json()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, soft_before)
    assert value["open_files"] == 300


@pytest.mark.parametrize(
    ("cut", "fault"),
    [
        pytest.param(lambda block, level: ENCODE(block, level)[:-level], "cut short", id="damaged"),
        pytest.param(lambda block, level: ENCODE(block[:-level], level), "other bytes", id="wrong"),
    ],
)
def test_a_codec_that_does_not_work_is_a_fault_of_the_machine(
    cut: Callable[[bytes, int], bytes], fault: str, cli_call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gzipcodec, "encode", cut)
    result = told(cli_call("doctor"), 3)
    assert "\ngzip" in result.stdout
    assert fault in result.stdout
    assert result.stdout.splitlines()[-1].startswith("FAULT  gzip:")
    assert "zstd        ok" in result.stdout


def test_what_is_missing_is_told_and_no_fault() -> None:
    bare = replace(
        machine.look("."), libmagic=None, memory=None, libc=None, digests={"blake3": None}, gpgv=None,
        extras=dict.fromkeys(machine.EXTRAS),
    )  # fmt: skip
    text = doctor_table(bare, width=200)
    assert "libmagic    not here" in text
    assert "blake3      not here (an extra)" in text
    assert "verify      not here (an extra): no key or certificate is checked, and no statement signed" in text
    assert "gpgv        not here: no signature by GPG is checked" in text
    assert text.endswith("OK  every codec gave back what it took\n")
    assert json.loads(doctor_json(bare))["libmagic"] is None


def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    one = machine.look(str(tmp_path / "gone")).spaces[0]
    assert (one.free, one.writable, one.fault) == (None, False, "No such file or directory")
    assert "FAULT No such file" in doctor_table(machine.look(str(tmp_path / "gone")), width=200)


def test_nothing_is_left_behind(cli_call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told(cli_call("doctor"))
    assert list(tmp_path.iterdir()) == []


def test_a_result_in_a_file(cli_call: Call, tmp_path: Path) -> None:
    result = told(cli_call("doctor", "--format", "json", "--output", tmp_path / "doctor.json"))
    assert result.stdout == ""
    assert json.loads((tmp_path / "doctor.json").read_text())["fit"]
