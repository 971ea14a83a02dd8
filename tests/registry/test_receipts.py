"""Receipts and statements of what was sent to a registry."""

import base64
import json
from pathlib import Path

from cryptography.hazmat.primitives import serialization

from tests.audit.making import ARM, IMAGE
from tests.support.build import layout
from tests.support.call import Call, told
from tests.support.registry import Registry
from tests.support.signing import SIGNER, pem
from tests.support.tar import write_tar


def test_a_push_is_attested_and_held_against_its_receipt(tmp_path: Path, cli_call: Call) -> None:
    form, lock = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (tmp_path / "key.pem").write_bytes(SIGNER.private_bytes(serialization.Encoding.PEM, form, lock))
    (tmp_path / "key.pub").write_bytes(pem(SIGNER))
    source = write_tar(tmp_path / "a.tar", layout(IMAGE.node().named("docker.io/corpus/app:1.0", "1.0")))
    receipt, statement = tmp_path / "r.json", tmp_path / "a.att"
    with Registry() as registry:
        there = f"docker://{registry.address}/corpus/app:1.0"
        written = ("--receipt", receipt, "--attestation", statement, "--sign", tmp_path / "key.pem")
        told(cli_call("convert", source, there, *written))
        holds = json.loads(receipt.read_bytes())["holds"]
        assert (holds["complete"], holds["files"]) == (False, None)
        name = f"{registry.address}/corpus/app:1.0"
        assert [one["names"] for one in holds["entries"]] == [[name]]
        made = json.loads(base64.b64decode(json.loads(statement.read_bytes())["payload"]))
        digest = IMAGE.node().digest
        assert made["subject"] == [{"name": name, "digest": {"sha256": digest.partition(":")[2]}}]
        for given in ((receipt,), (statement, "--key", tmp_path / "key.pub")):
            told(cli_call("audit", there, "--receipt", *given, "--strict"))
        other = write_tar(tmp_path / "b.tar", layout(ARM.node().named("docker.io/corpus/app:1.0", "1.0")))
        told(cli_call("convert", other, there, "--force"))
        found = told(cli_call("audit", there, "--receipt", receipt, "--format", "json"), 1).archive()["findings"]
        assert (found[0]["subject"], found[0]["expected"], found[0]["found"]) == (name, digest, ARM.node().digest)
