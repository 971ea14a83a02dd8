"""Signatures that hold, and signatures with one fault each: the verdict is the one that names the fault."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa, x25519

import ociarchive
from ociarchive.errors import UsageError
from ociarchive.signing.envelopes import pae
from tests.audit.making import ARM, IMAGE, NODE
from tests.support import signing
from tests.support.build import (
    COSIGN_SIGNATURE,
    IN_TOTO,
    Image,
    Node,
    attestation,
    digest,
    docker_archive,
    dumped,
    index,
    layer,
    layout,
)
from tests.support.call import refused, without
from tests.support.openpgp import Ring
from tests.support.signing import (
    BUNDLE,
    DSSE,
    IMAGE_SIGNATURE,
    OTHER,
    SIGNER,
    b64,
    bundle,
    claim,
    cosigned,
    curve,
    envelope,
    holding,
    named,
    pem,
    signature,
    statement,
    tagged,
)
from tests.support.tar import tar

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.support.build import Json
    from tests.support.call import Call
    from tests.support.signing import Private

FAR = digest(b"far away")
SIGN = signing.signing(SIGNER)
BY_OTHER = signing.signing(OTHER)
LARGE = rsa.generate_private_key(65537, 2048)
SHORT = rsa.generate_private_key(65537, 1024)  # noqa: S505  what is to be refused


def written(folder: Path, *nodes: Node) -> str:
    path = folder / "archive.tar"
    path.write_bytes(tar(layout(*nodes)))
    return str(path)


def judged(
    folder: Path,
    *nodes: Node,
    keys: Sequence[Private] = (SIGNER,),
    require_signature: bool = False,
    limits: ociarchive.Limits | None = None,
) -> ociarchive.Report:
    paths = [one for one in named(folder, *keys) if one != "--key"]
    return ociarchive.audit(written(folder, *nodes), keys=paths, require_signature=require_signature, limits=limits)


def verdicts(report: ociarchive.Report) -> list[str]:
    """Give the rules about signatures that were named, each as often as it was; not those of what is only read."""
    rules = [one.rule for one in report.findings if one.rule.startswith("signature-")]
    return sorted(rule.removeprefix("signature-") for rule in rules if rule != "signature-stale")


def listed(report: ociarchive.Report) -> list[list[Json]]:
    assert report.listed is not None
    shown: list[list[Json]] = json.loads(json.dumps([image["signatures"] for image in report.listed.images]))
    return shown


def enveloped(document: Json, **annotations: str) -> Node:
    return tagged(holding((dumped(document), DSSE, annotations)), NODE, "att")


def bundled(data: bytes, kind: str = BUNDLE, subject: Node = NODE) -> Node:
    return holding((data, kind, {}), subject=subject, artifact_type=kind)


def stated(*signs: signing.Sign, keyid: str = "") -> Json:
    return envelope(statement(NODE.digest), *signs, keyid=keyid)


def altered(node: Json, **members: object) -> Json:
    return {**node, **members}


OLD_BUNDLE = "application/vnd.dev.sigstore.bundle+json;version=0.2"
SIG_TYPE, NOTARY = "application/vnd.dev.cosign.artifact.sig.v1+json", "application/vnd.cncf.notary.signature"
PLAIN = {"messageSignature": {"messageDigest": {}, "signature": b64(SIGN(NODE.blobs[NODE.digest]))}}

# name: what signs, and its kind
HOLDS: dict[str, tuple[Node, str]] = {
    "tag": (signature(NODE), "cosign"),
    "subject-without-a-tag": (
        holding(cosigned(claim(NODE.digest), SIGN), subject=NODE, artifact_type=SIG_TYPE),
        "cosign",
    ),
    "kind-of-cosign-save": (
        holding(cosigned(claim(NODE.digest), SIGN)).annotated(kind="dev.cosignproject.cosign/sigs"), "cosign",
    ),
    "one-of-two-signers": (
        tagged(holding(*(cosigned(claim(NODE.digest, optional={"a": one}), SIGN) for one in "bc")), NODE),
        "cosign",
    ),
    "bundle-over-the-manifest": (bundled(bundle(PLAIN)), "sigstore-bundle"),
    "bundle-of-cosign-sign": (
        bundled(bundle({"dsseEnvelope": envelope(statement(NODE.digest, predicate_type=IMAGE_SIGNATURE), SIGN)})),
        "sigstore-bundle",
    ),
}  # fmt: skip
# name: who states something of an image, and its kind
STATES: dict[str, tuple[Node, str]] = {
    "statement": (enveloped(stated(SIGN)), "cosign-attestation"),
    "statement-of-v0.1": (
        enveloped(envelope(statement(NODE.digest, kind="https://in-toto.io/Statement/v0.1"), SIGN)),
        "cosign-attestation",
    ),
    "statement-of-two-subjects": (enveloped(envelope(statement(FAR, NODE.digest), SIGN)), "cosign-attestation"),
    "statement-by-two": (enveloped(stated(BY_OTHER, SIGN)), "cosign-attestation"),
    "url-safe-base64": (
        enveloped(altered(stated(SIGN), payload=base64.urlsafe_b64encode(statement(NODE.digest)).decode())),
        "cosign-attestation",
    ),
    "wrong-keyid": (enveloped(stated(SIGN, keyid="of somebody else")), "cosign-attestation"),
    "bundle": (bundled(bundle({"dsseEnvelope": stated(SIGN)}, named=signing.hint(SIGNER))), "sigstore-bundle"),
    "bundle-without-a-hint": (bundled(bundle({"dsseEnvelope": stated(SIGN)})), "sigstore-bundle"),
    "bundle-of-version-0.2": (
        bundled(bundle({"dsseEnvelope": stated(SIGN), "mediaType": OLD_BUNDLE})),
        "sigstore-bundle",
    ),
}  # fmt: skip


def summary(one: Json) -> tuple[object, ...]:
    """Give what a listed signature is, over what, and what became of it."""
    return tuple(one[name] for name in ("kind", "digest", "status", "rule", "attests"))


@pytest.mark.parametrize(("node", "kind"), HOLDS.values(), ids=HOLDS)
def test_a_signature_holds(node: Node, kind: str, tmp_path: Path) -> None:
    report = judged(tmp_path, NODE, node, require_signature=True)
    assert set(verdicts(report)) == {"valid"}
    assert not report.failed
    (signatures,) = listed(report)
    for one in signatures:
        assert summary(one) == (kind, NODE.digest, "valid", "signature-valid", None)
        assert "key0.pub (Ed25519, sha256:" in str(one["by"])


@pytest.mark.parametrize(("node", "kind"), STATES.values(), ids=STATES)
def test_a_statement_about_an_image_holds_and_is_no_signature_of_it(node: Node, kind: str, tmp_path: Path) -> None:
    report = judged(tmp_path, NODE, node)
    assert set(verdicts(report)) == {"valid"}
    assert not report.failed
    (signatures,) = listed(report)
    for one in signatures:
        assert summary(one) == (kind, NODE.digest, "valid", "signature-valid", "https://example.com/p/v1")
    demanded = judged(tmp_path, NODE, node, require_signature=True)
    assert verdicts(demanded) == ["missing", "valid"]
    told = next(one.message for one in demanded.findings if one.rule == "signature-missing")
    assert "what holds is a statement about it, which is not the image's signature" in told


SVR = "https://in-toto.io/attestation/svr/v0.1"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
# name: a predicate type, a predicate, and what is said of it
RESULTS: dict[str, tuple[object, object, str]] = {
    "summary-failed": (
        "https://slsa.dev/verification_summary/v1", {"verificationResult": "FAILED"},
        "verification_summary/v1) and says FAILED, not",
    ),
    "old-summary-failed": (
        "https://slsa.dev/verification_summary/v0.2", {"verification_result": "FAILED"},
        "verification_summary/v0.2) and says FAILED, not",
    ),
    "summary-passed": (
        "https://slsa.dev/verification_summary/v1", {"verificationResult": "PASSED"},
        "verification_summary/v1) and says PASSED, not",
    ),
    "test-failed": (TEST_RESULT, {"result": "FAILED"}, "test-result/v0.1) and says FAILED, not"),
    "verdict-of-nothing": (SVR, {"properties": []}, "svr/v0.1) and says that nothing was proved, not"),
    "verdict": (SVR, {"properties": ["ONE", "TWO"]}, "svr/v0.1) and says ONE, TWO, not"),
    "another-type": ("https://example.com/p", {"result": "FAILED"}, "a statement (https://example.com/p), not"),
    "a-result-that-is-no-text": (TEST_RESULT, {"result": 1}, "test-result/v0.1), not"),
    "a-predicate-that-is-none": (TEST_RESULT, [], "test-result/v0.1), not"),
    "properties-that-are-none": (SVR, {"properties": 1}, "svr/v0.1) and says that nothing was proved, not"),
    "no-type": (None, {}, "a statement (no type), not"),
    "nearly-a-signature": (f"{IMAGE_SIGNATURE}/", {}, f"a statement ({IMAGE_SIGNATURE}/), not"),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "predicate", "words"), RESULTS.values(), ids=RESULTS)
@pytest.mark.parametrize("how", ["statement", "bundle"])
def test_what_a_statement_says_is_told_and_makes_no_image_signed(
    how: str, kind: object, predicate: object, words: str, tmp_path: Path
) -> None:
    made = envelope(statement(NODE.digest, predicate_type=kind, predicate=predicate), SIGN)
    node = enveloped(made) if how == "statement" else bundled(bundle({"dsseEnvelope": made}))
    report = judged(tmp_path, NODE, node, require_signature=True)
    assert verdicts(report) == ["missing", "valid"]
    assert report.failed
    assert words in next(one.message for one in report.findings if one.rule == "signature-valid")


def test_a_statement_beside_a_signature_takes_nothing_from_it(tmp_path: Path) -> None:
    report = judged(tmp_path, NODE, signature(NODE), enveloped(stated(SIGN)), require_signature=True)
    assert verdicts(report) == ["valid", "valid"]
    assert not report.failed


def test_our_own_verdict_attached_to_the_image_that_failed_is_no_signature(tmp_path: Path, cli_call: Call) -> None:
    (tmp_path / "k.pem").write_bytes(
        SIGNER.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    options = ("--require-signature", *named(tmp_path, SIGNER))
    done = cli_call(
        "audit", written(tmp_path, NODE), *options, "--attestation", tmp_path / "svr", "--sign", tmp_path / "k.pem"
    )
    assert done.status == 1
    node = tagged(holding(((tmp_path / "svr").read_bytes(), DSSE, {})), NODE, "att")
    report = judged(tmp_path, NODE, node, require_signature=True)
    assert verdicts(report) == ["missing", "valid"]
    assert "says that nothing was proved" in next(x.message for x in report.findings if x.rule == "signature-valid")


def broken(signed: bytes, text: str) -> Node:
    """Make a signature of cosign whose annotation is another text."""
    notes = {} if text == "absent" else {"dev.cosignproject.cosign/signature": text}
    return tagged(holding((signed, COSIGN_SIGNATURE, notes)), NODE)


CERTIFIED = {"dev.sigstore.cosign/certificate": "-----BEGIN CERTIFICATE-----"}
# name: what signs with one fault, and the verdict
FAULTS: dict[str, tuple[Node, str]] = {
    "another-key": (signature(NODE, OTHER), "untrusted"),
    "payload-of-another-image": (signature(NODE, about=FAR), "identity"),
    "attached-to-nothing-and-of-nothing-here": (holding(cosigned(claim(FAR), SIGN)), "identity"),
    "signature-not-base64": (broken(claim(NODE.digest), "*"), "invalid"),
    "signature-empty": (broken(claim(NODE.digest), ""), "invalid"),
    "signature-absent": (broken(claim(NODE.digest), "absent"), "invalid"),
    "payload-changed": (broken(claim(NODE.digest), b64(SIGN(claim(FAR)))), "untrusted"),
    "payload-of-another-type": (
        tagged(holding(cosigned(claim(NODE.digest, kind="atomic container signature"), SIGN)), NODE), "invalid",
    ),
    "payload-that-is-no-object": (tagged(holding(cosigned(b"[]", SIGN)), NODE), "invalid"),
    "payload-with-a-doubled-key": (
        tagged(holding(cosigned(claim(NODE.digest)[:-1] + b',"critical":{}}', SIGN)), NODE), "invalid",
    ),
    "payload-without-a-digest": (tagged(holding(cosigned(claim("no digest"), SIGN)), NODE), "invalid"),
    "keyless": (tagged(holding(cosigned(claim(NODE.digest), BY_OTHER, **CERTIFIED)), NODE), "unchecked"),
    "statement-by-another-key": (enveloped(stated(BY_OTHER)), "untrusted"),
    "statement-whose-keyid-is-ours": (
        enveloped(stated(BY_OTHER, keyid=signing.hint(SIGNER))), "invalid",
    ),
    "statement-without-signatures": (enveloped(stated()), "invalid"),
    "statement-with-a-signature-that-is-no-object": (enveloped(altered(stated(), signatures=["x"])), "invalid"),
    "statement-of-another-image": (enveloped(envelope(statement(FAR), SIGN)), "identity"),
    "statement-of-nothing": (enveloped(envelope(statement(), SIGN)), "invalid"),
    "statement-of-another-version": (
        enveloped(envelope(statement(NODE.digest, kind="https://in-toto.io/Statement/v2"), SIGN)), "invalid",
    ),
    "payload-type-not-signed": (enveloped(altered(stated(SIGN), payloadType="application/json")), "untrusted"),
    "payload-type-of-another-kind": (
        enveloped(envelope(statement(NODE.digest), SIGN, kind="application/json")), "unchecked",
    ),
    "payload-type-absent": (enveloped(altered(stated(SIGN), payloadType=None)), "invalid"),
    "payload-type-that-is-no-text": (
        tagged(holding((json.dumps(altered(stated(SIGN), payloadType="\ud800")).encode(), DSSE, {})), NODE, "att"),
        "invalid",
    ),
    "payload-without-its-encoding": (
        enveloped(altered(stated(SIGN), signatures=[{"sig": b64(SIGN(statement(NODE.digest)))}])), "untrusted",
    ),
    "envelope-that-is-no-json": (tagged(holding((b"{", DSSE, {})), NODE, "att"), "invalid"),
    "envelope-of-too-many-signers": (enveloped(stated(*[BY_OTHER] * 65)), "unchecked"),
    "bundle-whose-hint-is-ours": (
        bundled(bundle({"dsseEnvelope": stated(BY_OTHER)}, named=signing.hint(SIGNER))), "invalid",
    ),
    "bundle-by-another-key": (
        bundled(bundle({"dsseEnvelope": stated(BY_OTHER)}, named=signing.hint(OTHER))), "untrusted",
    ),
    "bundle-of-another-version": (
        bundled(bundle({"dsseEnvelope": stated(SIGN), "mediaType": f"{BUNDLE}.v9"})), "unchecked",
    ),
    "bundle-with-a-certificate": (
        bundled(bundle({"dsseEnvelope": stated(BY_OTHER)}, certificate={"rawBytes": "AA=="})), "unchecked",
    ),
    "bundle-without-material": (bundled(bundle({"dsseEnvelope": stated(SIGN)}, tlogEntries=[])), "invalid"),
    "bundle-of-two-contents": (bundled(bundle({"dsseEnvelope": stated(SIGN), **PLAIN})), "invalid"),
    "bundle-of-two-signatures": (bundled(bundle({"dsseEnvelope": stated(SIGN, BY_OTHER)})), "invalid"),
    "bundle-over-another-manifest": (
        bundled(bundle({"messageSignature": {"signature": b64(SIGN(b"{}"))}}, named=signing.hint(SIGNER))), "invalid",
    ),
    "notary": (
        holding((b"{}", "application/jose+json", {}), subject=NODE, artifact_type=NOTARY),
        "unchecked",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("node", "verdict"), FAULTS.values(), ids=FAULTS)
def test_one_fault_is_the_verdict_that_names_it(node: Node, verdict: str, tmp_path: Path) -> None:
    report = judged(tmp_path, NODE, node, require_signature=True)
    assert verdicts(report) == sorted([verdict, "missing"])
    assert report.failed
    assert all(one["status"] == verdict for one in listed(report)[0])


KEYS: dict[str, tuple[Private, signing.Sign]] = {
    "ecdsa-p256": (curve(ec.SECP256R1()), signing.signing(curve(ec.SECP256R1()))),
    "ecdsa-p384": (curve(ec.SECP384R1()), signing.signing(curve(ec.SECP384R1()), hashes.SHA384())),
    "ecdsa-p384-of-sha256": (curve(ec.SECP384R1()), signing.signing(curve(ec.SECP384R1()))),
    "ecdsa-p521": (curve(ec.SECP521R1()), signing.signing(curve(ec.SECP521R1()), hashes.SHA512())),
    "ed25519": (SIGNER, SIGN),
    "rsa-pkcs1": (LARGE, signing.signing(LARGE)),
    "rsa-pkcs1-of-sha512": (LARGE, signing.signing(LARGE, hashes.SHA512())),
    "rsa-pss": (LARGE, signing.signing(LARGE, pss=True)),
    "rsa-pss-of-sha384": (LARGE, signing.signing(LARGE, hashes.SHA384(), pss=True)),
}


@pytest.mark.parametrize(("key", "sign"), KEYS.values(), ids=KEYS)
def test_every_kind_of_key_proves_what_it_signed_and_nothing_else(
    key: Private, sign: signing.Sign, tmp_path: Path
) -> None:
    good = tagged(holding(cosigned(claim(NODE.digest), sign)), NODE)
    assert verdicts(judged(tmp_path, NODE, good, keys=[OTHER, key])) == ["valid"]
    changed = tagged(holding((claim(NODE.digest), COSIGN_SIGNATURE, cosigned(claim(FAR), sign)[2])), NODE)
    assert verdicts(judged(tmp_path, NODE, changed, keys=[OTHER, key])) == ["untrusted"]


WEAK: dict[str, tuple[Private, signing.Sign, str]] = {
    "rsa-1024": (SHORT, signing.signing(SHORT), "1024 bits"),
    "rsa-sha1": (LARGE, signing.signing(LARGE, hashes.SHA1()), "SHA1"),  # noqa: S303  what is to be refused
    "rsa-md5": (LARGE, signing.signing(LARGE, hashes.MD5()), "MD5"),  # noqa: S303  what is to be refused
    "ecdsa-sha1": (
        curve(ec.SECP256R1()),
        signing.signing(curve(ec.SECP256R1()), hashes.SHA1()),  # noqa: S303  what is to be refused
        "SHA1",
    ),
}


@pytest.mark.parametrize(("key", "sign", "reason"), WEAK.values(), ids=WEAK)
def test_what_is_weak_proves_nothing(key: Private, sign: signing.Sign, reason: str, tmp_path: Path) -> None:
    node = tagged(holding(cosigned(claim(NODE.digest), sign)), NODE)
    report = judged(tmp_path, NODE, node, keys=[key], require_signature=True)
    assert verdicts(report) == ["missing", "untrusted"]
    assert reason in next(one.message for one in report.findings if one.rule == "signature-untrusted")


def public(key: ec.EllipticCurvePrivateKey | x25519.X25519PrivateKey) -> bytes:
    made: bytes = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return made


# name: what is in the file, and what is said of it
NO_KEYS: dict[str, tuple[bytes, str]] = {
    "json": (b"{}", "no public key"),
    "empty": (b"", "no public key"),
    "private": (
        SIGNER.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
        "a private key, where a public one is asked for, `openssl pkey -in FILE -pubout` gives it",
    ),
    "certificate": (
        b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n",
        "a certificate, where a public key is asked for, --trusted-root and --trust-store take certificates",
    ),
    "der": (signing.der(SIGNER), "a public key in DER, where one in PEM is asked for, `openssl pkey"),
    "long-der": (signing.der(LARGE), "a public key in DER, where one in PEM is asked for, `openssl pkey"),
    "of-ssh": (
        SIGNER.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH),
        "a public key of SSH, where one in PEM is asked for, `ssh-keygen -e -m PKCS8",
    ),
    "of-gpg": (bytes(Ring(key=SIGNER)), "keys of GPG, where a public key in PEM is asked for, name it with --keyring"),
    "armored": (b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n", "keys of GPG, where a public key in PEM is asked for"),
    "two": (pem(SIGNER) + pem(OTHER), "more than one public key, one file for each"),
    "of-another-curve": (public(ec.derive_private_key(7, ec.SECP256K1())), "a public key of a kind that signs nothing"),
    "for-no-signatures": (
        public(x25519.X25519PrivateKey.from_private_bytes(b"\1" * 32)), "a public key of a kind that signs nothing"
    ),
    "too-large": (pem(SIGNER) + b"\n" * (65 << 10), "too large for a public key"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "words"), NO_KEYS.values(), ids=NO_KEYS)
def test_what_is_no_public_key_is_a_call_at_fault(content: bytes, words: str, tmp_path: Path, cli_call: Call) -> None:
    path = tmp_path / "given.pem"
    path.write_bytes(content)
    told = refused(cli_call("audit", written(tmp_path, NODE), "--key", path), 2)
    assert "given.pem" in told
    assert words in told


def test_a_signature_is_demanded_of_somebody(tmp_path: Path, cli_call: Call) -> None:
    assert "--key FILE" in refused(cli_call("audit", written(tmp_path, NODE), "--require-signature"), 2)


def test_without_the_library_the_extra_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, NODE)
    (tmp_path / "k.pub").write_bytes(pem(SIGNER))
    assert without("cryptography", "audit", path).status == 0
    done = without("cryptography", "audit", path, "--key", tmp_path / "k.pub")
    assert done.status == 2
    assert "ociarchive[verify]" in done.stderr


def test_nothing_is_imported_where_no_key_is_named(tmp_path: Path) -> None:
    program = (
        "import sys; from ociarchive.cli.main import main\n"
        "try: main()\nexcept SystemExit: pass\nassert 'cryptography' not in sys.modules"
    )
    path = written(tmp_path, NODE, signature(NODE))
    subprocess.run([sys.executable, "-c", program, "audit", path], check=True, capture_output=True)


def test_without_a_key_nothing_is_said_of_signatures(tmp_path: Path) -> None:
    report = ociarchive.audit(written(tmp_path, NODE, signature(NODE, about=FAR)))
    assert verdicts(report) == []
    assert report.listed is not None
    assert all("signatures" not in image for image in report.listed.images)


def test_a_signature_over_an_index_is_one_of_its_images(tmp_path: Path) -> None:
    both = index([IMAGE.node(), ARM.node()])
    report = judged(tmp_path, both, signature(both), require_signature=True)
    assert verdicts(report) == ["valid"]
    assert [[one["digest"] for one in signatures] for signatures in listed(report)] == [[both.digest]] * 2


def test_a_signature_over_one_image_is_none_of_its_neighbour(tmp_path: Path) -> None:
    both = index([IMAGE.node(), ARM.node()])
    report = judged(tmp_path, both, signature(ARM.node()), require_signature=True)
    assert verdicts(report) == ["missing", "valid"]
    (missing,) = [one for one in report.findings if one.rule == "signature-missing"]
    assert missing.subject == IMAGE.node().digest


@pytest.mark.parametrize("signer", [None, SIGNER])
def test_what_engines_run_as_an_image_has_to_be_signed_too(signer: Private | None, tmp_path: Path) -> None:
    """Engines run it, whatever the media types of its layers say."""
    hidden = Image(layers=[layer({"a": b"a"}, "gzip", media_type="application/octet-stream")]).node()
    nodes = [NODE, signature(NODE), hidden.named(ref_name="hidden")]
    nodes += [signature(hidden, signer)] if signer is not None else []
    report = judged(tmp_path, *nodes, require_signature=True)
    assert "image-unproved" in {one.rule for one in report.findings}
    assert verdicts(report) == (["missing", "valid"] if signer is None else ["valid", "valid"])
    missing = [one.subject for one in report.findings if one.rule == "signature-missing"]
    assert missing == ([hidden.digest] if signer is None else [])


def test_selectors_say_what_is_judged(tmp_path: Path, cli_call: Call) -> None:
    one, two = IMAGE.node().named(ref_name="one"), ARM.node().named(ref_name="two")
    path = written(tmp_path, one, two, signature(one), signature(two, OTHER))
    options = ["--format", "json", "--require-signature", *named(tmp_path, SIGNER)]
    for how in ([f"{path}#one"], [path, "--image", "one"], [f"{path}#{one.digest}"]):
        done = cli_call("audit", *how, *options)
        assert done.status == 0
        rules = [found["rule"] for found in done.archive()["findings"]]
        assert [rule for rule in rules if rule.startswith("signature-")] == ["signature-valid"]
    done = cli_call("audit", f"{path}#two", *options)
    assert done.status == 1
    rules = sorted(found["rule"] for found in done.archive()["findings"] if found["rule"].startswith("signature-"))
    assert rules == ["signature-missing", "signature-untrusted"]


def test_what_somebody_else_signed_beside_us_is_no_error(tmp_path: Path) -> None:
    node = tagged(
        holding(cosigned(claim(NODE.digest), SIGN), cosigned(claim(NODE.digest, optional={}), BY_OTHER)), NODE
    )
    report = judged(tmp_path, NODE, node, require_signature=True)
    assert verdicts(report) == ["untrusted", "valid"]
    assert not report.failed


def test_what_does_not_hold_beside_a_statement_by_the_same_key_is_invalid(tmp_path: Path) -> None:
    report = judged(tmp_path, NODE, signature(NODE, OTHER), enveloped(stated(SIGN)))
    assert verdicts(report) == ["invalid", "valid"]


def test_a_manifest_that_is_not_what_its_digest_says_is_signed_by_nobody(tmp_path: Path) -> None:
    """The digest is signed, and the bytes are others: what stands here was signed by nobody."""
    others = Node(NODE.descriptor, {**NODE.blobs, NODE.digest: NODE.blobs[NODE.digest] + b" "})
    report = judged(tmp_path, others, signature(NODE), require_signature=True)
    assert verdicts(report) == ["identity", "missing"]


def test_an_index_that_is_not_what_its_digest_says_binds_no_image_to_what_was_signed(tmp_path: Path) -> None:
    """The outer index is signed and whole. The one in it lists an image that the signer never saw."""
    inner = index([IMAGE.node()])
    outer = index([inner])
    forged = index([ARM.node()])
    blobs = {**outer.blobs, **forged.blobs, inner.digest: forged.blobs[forged.digest]}
    report = judged(tmp_path, Node(outer.descriptor, blobs), signature(outer), require_signature=True)
    assert verdicts(report) == ["missing", "valid"]
    assert listed(report) == [[]]


def test_an_image_that_is_not_what_its_digest_says_is_in_no_index(tmp_path: Path) -> None:
    """The index is signed and whole, and lists the digest that the bytes do not have."""
    both = index([NODE])
    others = Node(both.descriptor, {**both.blobs, NODE.digest: NODE.blobs[NODE.digest] + b" "})
    report = judged(tmp_path, others, signature(both), require_signature=True)
    assert verdicts(report) == ["missing", "valid"]
    assert listed(report) == [[]]


def test_an_archive_without_manifests_has_no_signature(tmp_path: Path) -> None:
    from tests.audit.making import SAVED  # noqa: PLC0415  its name is short, and of one test

    path = tmp_path / "saved.tar"
    path.write_bytes(tar(docker_archive(SAVED)))
    (_, key) = named(tmp_path, SIGNER)
    assert verdicts(ociarchive.audit(str(path), keys=[key], require_signature=True)) == ["missing"]


@pytest.mark.parametrize("nodes", [(), (tagged(signature(NODE), NODE),)], ids=["nothing", "signature-alone"])
def test_where_every_image_has_to_be_signed_there_has_to_be_one(tmp_path: Path, nodes: tuple[Node, ...]) -> None:
    report = judged(tmp_path, *nodes, require_signature=True)
    (missing,) = [one for one in report.findings if one.rule == "signature-missing"]
    assert report.failed
    assert missing.severity == "error"
    assert missing.location == str(tmp_path / "archive.tar")
    assert "there is no image" in missing.message
    assert "missing" not in verdicts(judged(tmp_path, *nodes))


def test_an_attestation_that_nobody_signed_is_no_signature(tmp_path: Path) -> None:
    assert verdicts(judged(tmp_path, NODE, attestation(NODE, statement(NODE.digest)))) == []


def test_what_is_larger_than_allowed_is_not_checked(tmp_path: Path) -> None:
    node = enveloped(stated(SIGN))
    assert verdicts(judged(tmp_path, NODE, node, limits=ociarchive.Limits(signed_size=100))) == ["unchecked"]


def test_the_time_that_a_payload_states_is_told(tmp_path: Path) -> None:
    payload = claim(NODE.digest, optional={"timestamp": 1700000000})
    report = judged(tmp_path, NODE, tagged(holding(cosigned(payload, SIGN)), NODE))
    (found,) = [one for one in report.findings if one.rule == "signature-valid"]
    assert "2023-11-14T22:13:20Z by its own word" in found.message
    assert NODE.digest in found.message


def test_what_was_recompressed_is_not_what_was_signed(tmp_path: Path) -> None:
    dest = tmp_path / "zstd"
    ociarchive.convert(written(tmp_path, NODE, signature(NODE)), str(dest), to="oci-layout", compression="zstd")
    (_, key) = named(tmp_path, SIGNER)
    found = verdicts(ociarchive.audit(str(dest), keys=[key], require_signature=True))
    assert found == ["identity", "missing"]


def test_the_encoding_is_the_one_of_the_specification() -> None:
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )
    assert pae(IN_TOTO, b"") == signing.pae(IN_TOTO, b"")


def test_every_report_says_what_was_checked(tmp_path: Path, cli_call: Call) -> None:
    path = written(tmp_path, NODE, signature(NODE))
    done = cli_call("audit", path, "--format", "html", *named(tmp_path, SIGNER))
    assert done.status == 0
    assert "key0.pub (Ed25519, sha256:" in done.stdout
    assert "cosign, by key" in done.stdout
    assert "whether a signature is valid" not in done.stdout
    assert "the call demands no signature" in done.stdout
    assert "whether a signature is valid" in cli_call("audit", path, "--format", "html").stdout


def test_the_interface_of_python_is_the_command_line(tmp_path: Path, cli_call: Call) -> None:
    path = written(tmp_path, NODE, signature(NODE))
    options = named(tmp_path, SIGNER)
    theirs = cli_call("audit", path, "--format", "json", "--require-signature", *options).stdout
    report = ociarchive.audit(path, keys=[options[1]], require_signature=True)
    assert json.loads(ociarchive.render_audit(report, "json")) == json.loads(theirs)
    each = ociarchive.audit_each([path], keys=[options[1]], require_signature=True, detail="images")
    assert [one.findings for one in each] == [report.findings]
    with pytest.raises(UsageError, match="without a key"):
        ociarchive.audit(path, require_signature=True)
