"""Messages that GPG signed, beside the image in a `dir`: what holds, and one fault each."""

import base64
import json
import os
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

import ociarchive
from ociarchive.errors import UsageError
from ociarchive.signing.openpgp import keyring
from tests.audit.making import ARM, IMAGE
from tests.support import openpgp
from tests.support.build import digest, hexed, index, skopeo_dir
from tests.support.call import Call
from tests.support.openpgp import Ring, fingerprint, message, packet, payload
from tests.support.signing import SIGNER, beside, claim, cosigned, named, pem
from tests.support.tar import file, write_folder

NODE = IMAGE.node()
BOTH = index([NODE, ARM.node()])
KEY = ed25519.Ed25519PrivateKey.from_private_bytes(b"\3" * 32)
OTHER = ed25519.Ed25519PrivateKey.from_private_bytes(b"\4" * 32)
LARGE = rsa.generate_private_key(65537, 2048)
SHORT = rsa.generate_private_key(65537, 1024)  # noqa: S505  what is to be refused
SAYS = payload(NODE.digest)
FAR = digest(b"far away")
DAY = 86_400

pytestmark = pytest.mark.skipif(shutil.which("gpgv") is None, reason="not there: gpgv")


def written(folder: Path, *signatures: bytes) -> str:
    return str(write_folder(folder / "signed", skopeo_dir(NODE, signatures=signatures)))


def ring(folder: Path, *rings: Ring) -> str:
    path = folder / "keys.gpg"
    path.write_bytes(b"".join(map(bytes, rings or (Ring(key=KEY),))))
    return str(path)


def found(report: ociarchive.Report) -> list[tuple[str, str]]:
    return [(one.rule, one.message) for one in report.findings if one.rule.startswith("signature-")]


def judged(folder: Path, *signatures: bytes, rings: tuple[Ring, ...] = ()) -> list[tuple[str, str]]:
    return found(ociarchive.audit(written(folder, *signatures), keyrings=[ring(folder, *rings)]))


def test_a_signature_holds_and_the_report_says_by_whom_for_what_name(tmp_path: Path) -> None:
    path = written(tmp_path, message(KEY, SAYS))
    report = ociarchive.audit(path, keyrings=[ring(tmp_path)], require_signature=True)
    words = (
        f"a simple signature (GPG) by GPG key {fingerprint(KEY)} (EdDSA, signer@example.org): it holds over "
        f"{NODE.digest} for docker.io/corpus/app:1.0, at 2020-09-13T12:26:40Z by its own word"
    )
    assert found(report) == [("signature-valid", words)]
    assert report.listed is not None
    assert report.contents is not None
    (image,) = json.loads(json.dumps(report.listed.images))
    (one,) = image["signatures"]
    assert (one["kind"], one["digest"], one["status"]) == ("simple-signing", NODE.digest, "valid")
    assert report.contents.keys == (
        f"{ring(tmp_path)} (keyring with 1 key, sha256:{digest(bytes(Ring(key=KEY)))[7:]})",
    )


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_long_key_of_rsa_holds(algorithm: str, tmp_path: Path) -> None:
    ((rule, text),) = judged(tmp_path, message(LARGE, SAYS, algorithm=algorithm), rings=(Ring(key=LARGE),))
    assert rule == "signature-valid"
    assert "(RSA 2048, " in text


BAD = bytearray(message(KEY, SAYS))
BAD[-20] ^= 1
TEXT = SAYS.replace(b"1.0", b"2.0")
# name: the signature, the keyring, the rule, and what is said
FAULTS: dict[str, tuple[bytes, Ring, str, str]] = {
    "changed": (bytes(BAD), Ring(key=KEY), "invalid", "does not hold under it"),
    "another-payload": (message(KEY, SAYS).replace(SAYS, TEXT), Ring(key=KEY), "invalid", "does not hold under it"),
    "by-a-stranger": (message(OTHER, SAYS), Ring(key=KEY), "untrusted", "no key of a keyring that is named made it"),
    "no-signature": (packet(11, b"b\x00" + bytes(4) + SAYS), Ring(key=KEY), "invalid", "no signed message"),
    "text": (SAYS, Ring(key=KEY), "invalid", "no signed message of OpenPGP"),
    "a-signature-alone": (openpgp.signature(KEY, 0, SAYS), Ring(key=KEY), "invalid", "no signed message"),
    "two-signers": (message(KEY, SAYS, more=(KEY,)), Ring(key=KEY), "invalid", "it has 2 signatures"),
    "over-text": (message(KEY, SAYS, kind=1), Ring(key=KEY), "invalid", "over text, not over bytes"),
    "sha1": (message(KEY, SAYS, algorithm="sha1"), Ring(key=KEY), "untrusted", "it is made with SHA1"),
    "md5": (message(LARGE, SAYS, algorithm="md5"), Ring(key=LARGE), "untrusted", "it is made with MD5"),
    "short-key": (message(SHORT, SAYS), Ring(key=SHORT), "untrusted", "its RSA key has 1024 bits"),
    "expired": (message(KEY, SAYS, expires=DAY), Ring(key=KEY), "invalid", "it expired at 2020-09-14T12:26:40Z"),
    "expired-key": (message(KEY, SAYS), Ring(key=KEY, expires=DAY), "untrusted", "its key expired at 2020-09-14"),
    "revoked-key": (message(KEY, SAYS), Ring(key=KEY, revoked=True), "untrusted", "its key was revoked"),
    "another-digest": (message(KEY, payload(FAR)), Ring(key=KEY), "identity", "another digest than the one"),
    "other-type": (
        message(KEY, payload(NODE.digest, type="cosign container image signature")), Ring(key=KEY),
        "invalid", "not of the type 'atomic container signature'",
    ),
    "unknown-member": (
        message(KEY, payload(NODE.digest, more=1)), Ring(key=KEY),
        "invalid", "critical of its payload has other members",
    ),
    "unknown-identity": (
        message(KEY, payload(NODE.digest, identity={"docker-reference": "a", "b": "c"})), Ring(key=KEY),
        "invalid", "critical.identity of its payload has other members",
    ),
    "no-digest": (message(KEY, payload("sha256:12")), Ring(key=KEY), "invalid", "its payload names no digest"),
    "no-json": (message(KEY, b"{"), Ring(key=KEY), "invalid", "document"),
    "doubled-member": (
        message(KEY, SAYS.replace(b'"optional"', b'"critical": {}, "optional"')), Ring(key=KEY),
        "invalid", "critical",
    ),
    "unknown-form": (b"\x00other-format\nx", Ring(key=KEY), "unchecked", "in a form that is not known here"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_has_its_rule(name: str, tmp_path: Path) -> None:
    signature, keys, rule, words = FAULTS[name]
    ((seen, text),) = judged(tmp_path, signature, rings=(keys,))
    assert seen == f"signature-{rule}", text
    assert words in text


def test_without_a_signature_that_holds_the_image_has_none(tmp_path: Path) -> None:
    path = written(tmp_path, message(OTHER, SAYS))
    report = ociarchive.audit(path, keyrings=[ring(tmp_path)], require_signature=True)
    assert sorted(rule for rule, _ in found(report)) == ["signature-missing", "signature-untrusted"]


def test_a_key_in_pem_alone_leaves_it_unchecked(tmp_path: Path) -> None:
    (_, key) = named(tmp_path, SIGNER)
    ((rule, text),) = found(ociarchive.audit(written(tmp_path, message(KEY, SAYS)), keys=[key]))
    assert (rule, "no keyring is named" in text) == ("signature-unchecked", True)


def test_without_an_option_nothing_is_said(tmp_path: Path) -> None:
    assert found(ociarchive.audit(written(tmp_path, bytes(BAD)))) == []


def test_a_bomb_is_not_unpacked_to_its_end(tmp_path: Path) -> None:
    import zlib  # noqa: PLC0415  of this test alone

    made = zlib.compressobj(wbits=-15)
    inner = made.compress(message(KEY, bytes(64 << 20))) + made.flush()
    ((rule, text),) = judged(tmp_path, packet(8, b"\x01" + inner))
    assert rule == "signature-unchecked"
    assert "more than 1048576 bytes" in text


def test_of_many_signatures_some_are_not_checked(tmp_path: Path) -> None:
    rules = [rule for rule, _ in judged(tmp_path, *[b"x"] * 257)]
    assert (rules.count("signature-invalid"), rules.count("signature-unchecked")) == (256, 1)


def test_signatures_of_an_index_and_of_each_platform(tmp_path: Path, cli_call: Call) -> None:
    files = skopeo_dir(BOTH, signatures=[message(KEY, payload(BOTH.digest))])
    one = f"{hexed(NODE.digest)}.signature-1"
    path = write_folder(tmp_path / "both", [*files, file(one, message(KEY, SAYS))])
    report = ociarchive.audit(str(path), keyrings=[ring(tmp_path)])
    assert [rule for rule, _ in found(report)] == ["signature-valid"] * 2
    kept, alone = tmp_path / "kept", tmp_path / "alone"
    assert cli_call("convert", path, kept, "--to", "dir").status == 0
    assert (kept / one).read_bytes() == (path / one).read_bytes()
    done = cli_call("convert", path, alone, "--to", "dir", "--platform", "linux/amd64")
    assert done.status == 0, done.stderr
    assert (alone / "signature-1").read_bytes() == (path / one).read_bytes()
    assert sorted(name for name in os.listdir(alone) if "signature" in name) == ["signature-1"]
    assert "signature-1: it speaks of what is left behind" in done.stderr
    report = ociarchive.audit(str(alone), keyrings=[ring(tmp_path)], require_signature=True)
    assert [rule for rule, _ in found(report)] == ["signature-valid"]


def test_a_signature_of_sigstore_beside_an_image(tmp_path: Path) -> None:
    path = written(tmp_path, beside(*cosigned(claim(NODE.digest), SIGNER.sign)))
    (_, key) = named(tmp_path, SIGNER)
    ((rule, text),) = found(ociarchive.audit(path, keys=[key], require_signature=True))
    assert (rule, "a signature of cosign by key" in text) == ("signature-valid", True)


ARMORED = (
    b"-----BEGIN PGP PUBLIC KEY BLOCK-----\nComment: x\n\n"
    + base64.encodebytes(bytes(Ring(key=KEY)))
    + b"=abcd\n-----END PGP PUBLIC KEY BLOCK-----\n"
)
SECRET = packet(5, openpgp.public(KEY) + b"\x00")


def test_an_armored_keyring_is_one_too(tmp_path: Path) -> None:
    (tmp_path / "keys.asc").write_bytes(ARMORED * 2)
    path = written(tmp_path, message(KEY, SAYS))
    assert [rule for rule, _ in found(ociarchive.audit(path, keyrings=[tmp_path / "keys.asc"]))] == ["signature-valid"]


def test_a_keybox_gives_its_key_blocks() -> None:
    block = bytes(Ring(key=KEY))
    head = (32).to_bytes(4) + b"\x01\x01\x00\x02KBXf" + bytes(20)
    blob = (20 + len(block)).to_bytes(4) + b"\x02\x01\x00\x00" + (20).to_bytes(4) + len(block).to_bytes(4) + bytes(4)
    assert keyring(head + blob + block, "pubring.kbx").packets == block


PRIVATE_PEM = SIGNER.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "no keyring"),
        (b"{}", "no keyring"),
        (bytes(Ring(key=KEY))[:40], "no keyring"),
        (packet(6, b""), "no keyring"),
        (pem(SIGNER), "a key in PEM, where a keyring of GPG is asked for"),
        (b"-----BEGIN CERTIFICATE-----\n", "a certificate, where a keyring"),
        (PRIVATE_PEM, "a private key, where public ones"),
        (SECRET, "a private key, where public ones are asked for, `gpg --export` gives them"),
        (ARMORED.replace(b"PUBLIC", b"PRIVATE"), "a private key, where public ones"),
    ],
)
def test_a_file_that_is_no_keyring_is_a_call_at_fault(raw: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(raw)
    with pytest.raises(UsageError, match=words):
        ociarchive.audit(written(tmp_path), keyrings=[tmp_path / "file"])


def test_without_gpgv_the_option_says_what_is_missing(
    tmp_path: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    done = cli_call("audit", written(tmp_path), "--keyring", ring(tmp_path))
    assert (done.status, done.raw) == (2, b"")
    assert "without the program gpgv" in done.stderr
    assert "install gpgv" in done.stderr


def test_gpgv_is_run_without_anything_of_the_caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = tmp_path / "seen"
    script = f'#!/bin/sh\n{{ /usr/bin/env; echo "$@"; echo in=$(cat); pwd; }} >{seen}\n'
    (tmp_path / "gpgv").write_text(script)
    (tmp_path / "gpgv").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("GNUPGHOME", "/somewhere")
    monkeypatch.setenv("SECRET_TOKEN", "x")
    ((rule, _),) = judged(tmp_path, message(KEY, SAYS))
    assert rule == "signature-invalid"
    text = seen.read_text()
    assert "SECRET" not in text
    assert "/somewhere" not in text
    assert text.endswith("in=\n/\n")


def test_a_program_that_never_ends_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gpgv").write_text("#!/bin/sh\nexec /bin/sleep 600\n")
    (tmp_path / "gpgv").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("ociarchive.signing.gpgv._PATIENCE", 0.2)
    ((rule, text),) = judged(tmp_path, message(KEY, SAYS))
    assert (rule, "took more than" in text) == ("signature-unchecked", True)
