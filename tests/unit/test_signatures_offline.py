"""Signatures of all kinds are proved without a network: no name in a certificate or an envelope is looked up."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.x509.oid import AuthorityInformationAccessOID

from tests.audit.making import NODE
from tests.hostile.process import without_network
from tests.support import keyless, notary
from tests.support.build import layout, skopeo_dir
from tests.support.certificates import make
from tests.support.openpgp import Ring, message, payload
from tests.support.signing import SIGNER, named, signature, signed_bundle, signed_statement
from tests.support.tar import tar, write_folder

NAMES = [
    (
        x509.AuthorityInformationAccess(
            [
                x509.AccessDescription(way, x509.UniformResourceIdentifier("http://ask.example.com/"))
                for way in (AuthorityInformationAccessOID.OCSP, AuthorityInformationAccessOID.CA_ISSUERS)
            ]
        ),
        False,
    ),
    (
        x509.CRLDistributionPoints(
            [
                x509.DistributionPoint(
                    [x509.UniformResourceIdentifier("http://lists.example.com/all.crl")], None, None, None
                )
            ]
        ),
        False,
    ),
]
#: Runs the command and says what it asked the system's network for.
CODE = """
import sys
families, heard = ("socket", "urllib", "http", "ftp"), []
sys.addaudithook(lambda event, _: heard.append(event) if event.startswith(families) else None)
from ociarchive.cli.main import main
try:
    sys.exit(main())
finally:
    print("heard", *heard, file=sys.stderr)
"""
KEY = ed25519.Ed25519PrivateKey.from_private_bytes(b"\3" * 32)


def made(folder: Path) -> list[str]:
    """Write an image that is signed in every way, and give the call that proves all of it."""
    root = make("CN=root", authority=True, more=NAMES)
    leaf = make("C=US,ST=WA,O=x", issuer=root, more=NAMES)
    signer = keyless.certificate(more=NAMES)
    nodes = (
        NODE,
        signature(NODE),
        signed_statement(NODE),
        signed_bundle(NODE),
        notary.signature(NODE, notary.jws(leaf, notary.target(NODE))),
        notary.signature(NODE, notary.cose(leaf, notary.target(NODE)), notary.COSE),
        keyless.attached(NODE, keyless.statement_bundle(NODE, signer)),
    )
    (folder / "all.tar").write_bytes(tar(layout(*nodes)))
    (folder / "root.json").write_bytes(keyless.trusted_root())
    beside = write_folder(folder / "beside", skopeo_dir(NODE, signatures=[message(KEY, payload(NODE.digest))]))
    (folder / "keys.gpg").write_bytes(bytes(Ring(key=KEY)))
    call = ["audit", str(folder / "all.tar"), str(beside), *named(folder, SIGNER)]
    call += ["--keyring", str(folder / "keys.gpg")]
    call += ["--trust-store", str(notary.store(folder / "trusted", {"ca_x": [root.certificate]}))]
    call += ["--trusted-root", str(folder / "root.json")]
    call += ["--certificate-identity", keyless.WHO, "--certificate-oidc-issuer", keyless.ISSUER]
    return [*call, "--require-signature", "--format", "json"]


@pytest.mark.skipif(shutil.which("gpgv") is None, reason="not there: gpgv")
@pytest.mark.parametrize("alone", [False, True], ids=["with-a-network", "without"])
def test_all_kinds_hold_and_nothing_asks_the_network(alone: bool, tmp_path: Path) -> None:
    apart = without_network() if alone else ()
    if alone and not apart:
        pytest.skip("no network namespaces here")
    done = subprocess.run(
        [*apart, sys.executable, "-c", CODE, *made(tmp_path)],
        env={**os.environ, "http_proxy": "http://127.0.0.1:9/"},
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.stderr.splitlines()[-1:] == ["heard"]
    assert done.returncode == 0
    whole, beside = json.loads(done.stdout)["archives"]
    kinds = ["cosign", "cosign-attestation", "notary", "notary", "sigstore-bundle", "sigstore-bundle"]
    assert sorted(one["kind"] for one in whole["images"][0]["signatures"]) == kinds
    assert [one["kind"] for one in beside["images"][0]["signatures"]] == ["simple-signing"]
    every = [one["status"] for archive in (whole, beside) for one in archive["images"][0]["signatures"]]
    assert set(every) == {"valid"}


def test_what_asks_the_network_is_heard() -> None:
    call = [sys.executable, "-c", CODE.replace("main()", "__import__('socket').socket().close()"), "--help"]
    done = subprocess.run(call, capture_output=True, check=False, text=True)
    assert done.stderr.startswith("heard socket.__new__")
