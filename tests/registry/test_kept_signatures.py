"""Signatures of simple signing that a registry keeps itself: audited, and carried into a `dir`."""

import json
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from tests.support import build, openpgp
from tests.support.call import Call, refused, told
from tests.support.registry import Kind, Registry, faults
from tests.support.registry.filling import put

NAME = "corpus/app"
KEY = ed25519.Ed25519PrivateKey.from_private_bytes(b"\3" * 32)
IMAGE = build.Image(layers=[build.layer({"a": b"a"}, "gzip")])
ARM = build.Image(layers=[build.layer({"b": b"b"}, "gzip")], platform=build.ARM64)
NODE, OTHER = IMAGE.node(), ARM.node()
BOTH = build.index([NODE, OTHER])
SIGNED = openpgp.message(KEY, openpgp.payload(NODE.digest))
SECOND, OF_OTHER, OF_BOTH = (
    openpgp.message(KEY, openpgp.payload(digest, "docker.io/corpus/two:1"))
    for digest in (NODE.digest, OTHER.digest, BOTH.digest)
)
KEPT = {NODE.digest: [SIGNED, SECOND], OTHER.digest: [OF_OTHER], BOTH.digest: [OF_BOTH]}

pytestmark = pytest.mark.usefixtures("pauses")


def keeping(node: build.Node, *some: faults.Fault) -> Registry:
    registry = Registry(*some)
    put(registry, NAME, node, "1.0")
    return registry


def source(registry: Registry) -> str:
    return f"docker://{registry.address}/{NAME}:1.0"


def test_they_are_carried_into_a_dir_and_to_each_platform(cli_call: Call, tmp_path: Path) -> None:
    with keeping(BOTH, faults.KeepsSignatures(KEPT)) as registry:
        told(cli_call("convert", source(registry), tmp_path / "dest", "--to", "dir"))
    first, other = (f"{digest[7:]}.signature-" for digest in (NODE.digest, OTHER.digest))
    wanted = {"signature-1": OF_BOTH, f"{first}1": SIGNED, f"{first}2": SECOND, f"{other}1": OF_OTHER}
    found = {path.name: path.read_bytes() for path in (tmp_path / "dest").iterdir() if "signature-" in path.name}
    assert found == wanted


def test_one_image_has_them_under_the_plain_names(cli_call: Call, tmp_path: Path) -> None:
    with keeping(NODE, faults.KeepsSignatures(KEPT)) as registry:
        told(cli_call("convert", source(registry), tmp_path / "dest", "--to", "dir"))
    assert [(tmp_path / "dest" / f"signature-{number}").read_bytes() for number in (1, 2)] == [SIGNED, SECOND]


@pytest.mark.skipif(shutil.which("gpgv") is None, reason="not there: gpgv")
def test_an_audit_proves_them(cli_call: Call, tmp_path: Path) -> None:
    ring = tmp_path / "keys.gpg"
    ring.write_bytes(bytes(openpgp.Ring(key=KEY)))
    with keeping(NODE, faults.KeepsSignatures({NODE.digest: [SIGNED]})) as registry:
        options = ("--keyring", ring, "--require-signature", "--format", "json")
        (image,) = told(cli_call("audit", source(registry), *options)).archive()["images"]
    assert [(one["kind"], one["digest"], one["status"]) for one in image["signatures"]] == [
        ("simple-signing", NODE.digest, "valid")
    ]


def test_a_format_without_a_place_for_them_says_so(cli_call: Call, tmp_path: Path) -> None:
    with keeping(NODE, faults.KeepsSignatures({NODE.digest: [SIGNED]})) as registry:
        result = told(cli_call("convert", source(registry), tmp_path / "dest", "--to", "oci-layout"))
    assert f"notice: {NODE.digest[7:19]}.signature-1: a layout has no place for it" in result.stderr


def test_a_registry_that_says_nothing_of_them_is_not_asked(cli_call: Call, tmp_path: Path) -> None:
    with keeping(NODE) as registry:
        told(cli_call("convert", source(registry), tmp_path / "dest", "--to", "dir"))
        assert not [one for one in registry.asked() if one.asks == f"GET {Kind.OTHER}"]


def test_entries_of_another_version_or_type_are_passed_over(cli_call: Call, tmp_path: Path) -> None:
    others = ({"schemaVersion": 1, "type": "atomic"}, {"schemaVersion": 2, "type": "other"}, 7, None)
    with keeping(NODE, faults.KeepsSignatures({NODE.digest: [SIGNED]}, *others)) as registry:
        told(cli_call("convert", source(registry), tmp_path / "dest", "--to", "dir"))
    assert [path.name for path in (tmp_path / "dest").glob("*signature-*")] == ["signature-1"]


@pytest.mark.parametrize("content", [None, 7, "no base64!"])
def test_a_signature_that_cannot_be_read_is_an_error(content: object, cli_call: Call, tmp_path: Path) -> None:
    broken = {"schemaVersion": 2, "type": "atomic", "content": content}
    with keeping(NODE, faults.KeepsSignatures({}, broken)) as registry:
        error = refused(cli_call("convert", source(registry), tmp_path / "dest", "--to", "dir"), 1)
    assert "no content in base64" in error
    assert not (tmp_path / "dest").exists()


@pytest.mark.parametrize(("status", "wanted"), [(404, 0), (403, 2), (500, 3)])
def test_what_the_extension_answers(status: int, wanted: int, cli_call: Call, tmp_path: Path) -> None:
    with keeping(NODE, faults.KeepsSignatures({NODE.digest: [SIGNED]}, status=status)) as registry:
        result = cli_call("convert", source(registry), tmp_path / "dest", "--to", "dir")
    assert result.status == wanted, result.stderr
    assert (tmp_path / "dest").exists() == (wanted == 0)
    if wanted:
        assert "signatures" in json.dumps(result.stderr)
