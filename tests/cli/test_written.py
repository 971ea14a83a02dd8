"""What a call says of the files that it wrote: one line for each, with what stands in it and where it is."""

import os
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.support import build
from tests.support.build import Image, layer
from tests.support.call import Call, told
from tests.support.forking import shared
from tests.support.signing import SIGNER
from tests.support.tar import write_tar

NODE = Image(layers=[layer({"a": b"a"}, "gzip")]).node().named("docker.io/corpus/app:1.0", "1.0")
PASSED = "PASS  0 errors, 0 warnings"
CHECKED = "checked against its digest"
#: The options of a call that names the file OUT, what it says of it, and what it calls it.
WRITING = {
    "audit-output": (("audit", "TAR", "--output", "OUT"), PASSED, "table"),
    "audit-report": (("audit", "TAR", "--report", "sarif=OUT"), PASSED, "sarif"),
    "audit-attestation": (("audit", "TAR", "--sign", "KEY", "--attestation", "OUT"), PASSED, "attestation"),
    "audit-catalogue": (("audit", "TAR", "--catalogue", "OUT"), PASSED, "catalogue"),
    "inspect-output": (("inspect", "TAR", "--output", "OUT"), "read, not verified", "table"),
    "inspect-raw": (("inspect", "TAR", "--raw", "--output", "OUT"), CHECKED, "manifest"),
    "inspect-config": (("inspect", "TAR", "--config", "--output", "OUT"), CHECKED, "config"),
    "inspect-files": (
        ("inspect", "TAR", "--files", "--output", "OUT"),
        "1 of 1 layer listed, each as its digests say",
        "files",
    ),
    "diff-output": (("diff", "TAR", "TAR", "--output", "OUT"), "SAME", "table"),
    "inventory-output": (("inventory", "TAR", "--output", "OUT"), "1 image, 3 blobs, as claimed, not verified", "json"),
    "doctor-output": (("doctor", "--output", "OUT"), "fit", "table"),
}


@pytest.fixture
def tar(tmp_path: Path) -> Path:
    return write_tar(tmp_path / "app.tar", build.layout(NODE))


@pytest.mark.parametrize("name", WRITING)
def test_each_file_that_is_written_is_said(name: str, tar: Path, tmp_path: Path, cli_call: Call) -> None:
    call, verdict, what = WRITING[name]
    (tmp_path / "key.pem").write_bytes(SIGNER.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    places = {"TAR": str(tar), "KEY": str(tmp_path / "key.pem"), "OUT": str(tmp_path / "out")}
    words = [places.get(one, one).replace("=OUT", f"={tmp_path / 'out'}") for one in call]
    result = told(cli_call(*words))
    assert (tmp_path / "out").stat().st_size
    assert result.stderr == f"{verdict}: {tmp_path / 'out'} ({what})\n"
    (tmp_path / "out").unlink()
    assert told(cli_call(*words, "-q")).stderr == ""


def test_of_a_statement_on_standard_output_nothing_is_said(tar: Path, tmp_path: Path, cli_call: Call) -> None:
    (tmp_path / "key.pem").write_bytes(SIGNER.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    sign = ("--attestation", "-", "--sign", tmp_path / "key.pem")
    result = told(cli_call("audit", tar, *sign, "--output", tmp_path / "r.json"))
    assert result.stdout.startswith('{"payloadType":')
    assert result.stderr == f"{PASSED}: {tmp_path / 'r.json'} (json)\n"


def test_a_failed_audit_says_so_beside_each_of_its_files(tar: Path, tmp_path: Path, cli_call: Call) -> None:
    (tmp_path / "bad").write_bytes(b"no archive")
    call = ("audit", tar, tmp_path / "bad", tmp_path / "none", "--catalogue", tmp_path / "c.db")
    lines = told(cli_call(*call), 2).stderr.splitlines()
    failed = "FAIL  1 error, 0 warnings in 1 of 2 archives, 1 source not audited"
    assert lines[-1] == f"{failed}: {tmp_path / 'c.db'} (catalogue)"
    alone = told(cli_call("audit", tmp_path / "none", "--catalogue", tmp_path / "c.db"), 2)
    assert "(catalogue)" not in alone.stderr  # nothing was recorded


def test_layers_that_cannot_be_listed_are_not_counted_as_listed(tmp_path: Path, cli_call: Call) -> None:
    foreign = layer({"b": b"b"}, "gzip", media_type="application/vnd.oci.image.layer.nondistributable.v1.tar+gzip")
    node = Image(layers=[layer({"a": b"a"}, "gzip"), foreign]).node().named("docker.io/corpus/app:1.0", "1.0")
    source = write_tar(tmp_path / "foreign.tar", build.layout(node, without=[foreign.digest]))
    lines = told(cli_call("inspect", source, "--files", "--output", tmp_path / "l")).stderr.splitlines()
    assert lines[-1] == f"1 of 2 layers listed, each as its digests say: {tmp_path / 'l'} (files)"


@pytest.mark.parametrize(
    ("call", "status"),
    [
        (("audit", "TAR", "none.tar"), 2),
        (("inspect", "TAR", "none.tar"), 2),
        (("audit", "none.tar", "-vv"), 2),
        (("frobnicate", "-v", "-v"), 2),
    ],
    ids=["audit", "inspect", "traces", "no-command"],
)
def test_that_nobody_reads_an_error_changes_no_status(call: tuple[str, ...], status: int, tar: Path) -> None:
    """As in `2> >(head -1)`: a reader that is gone must not make a pass of a failure."""
    ours, theirs = os.pipe()
    os.close(ours)
    words = [str(tar) if one == "TAR" else one for one in call]
    try:
        done = subprocess.run(
            [*shared().command, *words], check=False, stdout=subprocess.DEVNULL, stderr=theirs, cwd=tar.parent
        )
    finally:
        os.close(theirs)
    assert done.returncode == status
