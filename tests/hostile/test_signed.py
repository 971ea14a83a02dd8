"""Signatures that are small and mean much work, checked with a key within the bounds that hold for all archives."""

from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ociarchive.blobio.limits import Limits
from ociarchive.signing.certificates import Certificate, path_to, read_certificate
from ociarchive.signing.envelopes import read
from ociarchive.signing.keyless.material import from_annotations
from ociarchive.signing.values import UncheckedError
from tests.hostile.parts import IMAGE, LAYER
from tests.hostile.process import MEMORY, Ended, run
from tests.support import certificates, keyless, notary
from tests.support.build import COSIGN_SIGNATURE, Image, Json, Node, blob_path, dumped, hexed, layout
from tests.support.signing import (
    BUNDLE,
    DSSE,
    OTHER,
    SIGNER,
    STATEMENT,
    Private,
    b64,
    bundle,
    claim,
    curve,
    envelope,
    holding,
    pae,
    pem,
    signing,
)
from tests.support.tar import Member, file, write_tar

NODE = IMAGE.node().named("docker.io/library/app:1", "1")
SUBJECT: str = NODE.descriptor["digest"]
ANNOTATION = "dev.cosignproject.cosign/signature"


def many_times(subjects: int, predicate: Json, times: int) -> Node:
    """An attestation whose envelope is held so many times."""
    named = [hexed(SUBJECT), *(f"{number:064x}" for number in range(subjects))]
    listed = [{"name": "_", "digest": {"sha256": one}} for one in named]
    about = {"predicateType": "https://example.com/p/v1", "predicate": predicate}
    made = dumped(envelope(dumped({"_type": STATEMENT, "subject": listed, **about}), signing(SIGNER)))
    assert len(made) < Limits().signed_size
    return holding(*((made, DSSE, {"n": str(n)}) for n in range(times)), subject=NODE, artifact_type=DSSE)


def claims(count: int) -> list[Node]:
    """Signatures of one image, each a manifest of its own."""
    payload, kind = claim(SUBJECT), "application/vnd.dev.cosign.artifact.sig.v1+json"
    notes = {ANNOTATION: b64(signing(SIGNER)(payload))}
    held = ({**notes, "n": str(number)} for number in range(count))
    return [holding((payload, COSIGN_SIGNATURE, one), subject=NODE, artifact_type=kind) for one in held]


CASES = {
    "subjects-55-000-held-60-times": lambda: [many_times(55_000, {}, 60)],
    "values-a-million-held-60-times": lambda: [many_times(0, {"a": [[]] * 1_000_000}, 60)],
    "values-two-million-held-4-times": lambda: [many_times(0, {"a": [[]] * 1_900_000}, 4)],
    "signatures-4-500-of-one-image": lambda: claims(4_500),
}


@pytest.mark.parametrize("name", CASES)
def test_signatures_are_checked_within_the_bounds(name: str, tmp_path: Path) -> None:
    source, key = write_tar(tmp_path / "source", layout(NODE, *CASES[name]())), tmp_path / "key.pub"
    assert source.stat().st_size < 10_000_000
    key.write_bytes(pem(SIGNER))
    ended = run("audit", source, "--key", key, "--jobs", "2", "--format", "json", place=tmp_path)
    assert ended.status in (0, 1), ended.stderr[-500:]
    assert ended.peak < MEMORY, f"{ended.peak >> 20} MiB"
    assert ended.errors == []


#: An image whose manifest is as large as one may be.
LARGE = Image(layers=[LAYER], manifest_members={"annotations": {"n": "x" * 3_900_000}}).node()


def over_a_large_manifest(times: int) -> Node:
    """A bundle over the bytes of a large manifest, held so many times."""
    made = signing(SIGNER)(LARGE.blobs[LARGE.digest])
    raw = bundle({"messageSignature": {"signature": b64(made)}})
    return holding(*((raw, BUNDLE, {"n": str(n)}) for n in range(times)), subject=LARGE, artifact_type=BUNDLE)


def of_one_payload(times: int, key: Private) -> Node:
    """Signatures of cosign by one key over one payload, held so many times."""
    payload = claim(SUBJECT)
    made = b64(signing(key)(payload))
    held = ((payload, COSIGN_SIGNATURE, {ANNOTATION: made, "n": str(n)}) for n in range(times))
    return holding(*held, subject=NODE, artifact_type=COSIGN_SIGNATURE)


def _with_lines(times: int, note: int) -> Node:
    """A bundle whose entry has a checkpoint with so many signatures by the name of its log, over a long text."""
    holder = keyless.certificate()
    body = dumped({"_type": STATEMENT, "subject": [{"name": "_", "digest": {"sha256": hexed(SUBJECT)}}]})
    made = keyless.signed(holder, pae("application/vnd.in-toto+json", body))
    logged = keyless.entry(keyless.dsse_body(holder, body, made), promise=False)
    text, _, _ = logged["inclusionProof"]["checkpoint"]["envelope"].partition("\n\n")
    line = f"\u2014 a {b64(keyless.log_id(keyless.LOG)[:4] + bytes.fromhex('3006020101020101'))}\n"
    logged["inclusionProof"]["checkpoint"]["envelope"] = f"{text}\n{'x' * note}\n\n{line * times}"
    raw = keyless.bundle(holder, {"dsseEnvelope": envelope(body, lambda _: made)}, [logged])
    return keyless.attached(NODE, raw)


def _bounded(ended: Ended, place: Path, said: str = "") -> None:
    assert ended.status in (0, 1), ended.stderr[-500:]
    assert ended.peak < MEMORY, f"{ended.peak >> 20} MiB"
    assert "Traceback" not in ended.stderr
    assert said.encode() in ended.stdout
    assert place.exists()


@pytest.mark.parametrize("signer", [SIGNER, OTHER], ids=["right", "other"])
def test_a_large_manifest_is_not_hashed_for_thousands_of_signatures(signer: Private, tmp_path: Path) -> None:
    source, key = write_tar(tmp_path / "source", layout(LARGE, over_a_large_manifest(9_000))), tmp_path / "key.pub"
    key.write_bytes(pem(signer))
    ended = run("audit", source, "--key", key, "--jobs", "2", "--format", "json", place=tmp_path)
    _bounded(ended, source, "--limit statements=N")


@pytest.mark.parametrize(
    "one", [curve(ec.SECP256R1()), curve(ec.SECP384R1()), curve(ec.SECP521R1())], ids=["p-256", "p-384", "p-521"]
)
def test_many_signatures_are_not_tried_with_many_keys(one: Private, tmp_path: Path) -> None:
    source = write_tar(tmp_path / "source", layout(NODE, of_one_payload(9_000, one)))
    assert isinstance(one, ec.EllipticCurvePrivateKey)
    options: list[str | Path] = []
    for number in range(8):
        key = tmp_path / f"{number}.pub"
        key.write_bytes(pem(curve(one.curve, 100 + number)))
        options += ["--key", key]
    ended = run("audit", source, *options, "--jobs", "2", "--format", "json", place=tmp_path)
    _bounded(ended, source, "--limit statements=N")


@pytest.mark.parametrize(("times", "note"), [(200_000, 0), (30_000, 1_000_000)], ids=["short", "long"])
def test_a_checkpoint_has_few_signatures_that_are_tried(times: int, note: int, tmp_path: Path) -> None:
    source, root = write_tar(tmp_path / "source", layout(NODE, _with_lines(times, note))), tmp_path / "root.json"
    root.write_bytes(keyless.trusted_root())
    options = ("--certificate-identity", keyless.WHO, "--certificate-oidc-issuer", keyless.ISSUER)
    ended = run("audit", source, "--trusted-root", root, *options, "--format", "json", place=tmp_path)
    _bounded(ended, source, "the checkpoint of its log entry does not hold")


def test_many_keyless_signatures_are_checked_within_the_bounds(tmp_path: Path) -> None:
    raw = keyless.statement_bundle(NODE, keyless.certificate())
    held = holding(*((raw, BUNDLE, {"n": str(n)}) for n in range(4_000)), subject=NODE, artifact_type=BUNDLE)
    source, root = write_tar(tmp_path / "source", layout(NODE, held)), tmp_path / "root.json"
    root.write_bytes(keyless.trusted_root())
    options = ("--certificate-identity", keyless.WHO, "--certificate-oidc-issuer", keyless.ISSUER)
    ended = run("audit", source, "--trusted-root", root, *options, "--format", "json", place=tmp_path)
    _bounded(ended, source, "--limit statements=N")


def _of_names(names: int, signatures: Iterable[Node]) -> list[Member]:
    """An image with names in as many repositories, and signatures of it."""
    tags = [f"example.com/a{number}:1" for number in range(names)]
    entry = {"Config": blob_path(IMAGE.image_id), "RepoTags": tags, "Layers": [blob_path(LAYER.digest)]}
    return [*layout(IMAGE.node(), *signatures), file("manifest.json", dumped([entry]))]


#: How many policies there are beside the one for all, other signers that this one names, and the status.
POLICIES = {"one-policy": (0, 0, 0), "a-policy-for-each-name": (6_000, 0, 1), "a-policy-of-signers": (0, 40_000, 0)}


@pytest.mark.parametrize("name", POLICIES)
def test_signatures_of_an_image_with_very_many_names_are_checked_by_few_policies(name: str, tmp_path: Path) -> None:
    policies, others, status = POLICIES[name]
    root = certificates.make("CN=root", authority=True)
    leaf = certificates.make("C=US,ST=WA,O=o,CN=signer", issuer=root)
    raw = notary.jws(leaf, notary.target(IMAGE.node()))
    held = (
        holding((raw, notary.JWS, {"n": str(n)}), subject=IMAGE.node(), artifact_type=notary.ARTIFACT)
        for n in range(3_000)
    )
    source, store = tmp_path / "source", notary.store(tmp_path / "store", {"ca_x": [root.certificate]})
    write_tar(source, _of_names(6_000, held))
    signers = [*(f"x509.subject:C=US,ST=WA,O=o{number}" for number in range(others)), "x509.subject:C=US,ST=WA,O=o"]
    scopes = ([f"example.com/a{number}"] for number in range(policies))
    rules = [
        notary.rule(trustedIdentities=signers),
        *(notary.rule(f"{n}", registryScopes=one) for n, one in enumerate(scopes)),
    ]
    policy = notary.policy(tmp_path / "policy", *rules)
    ended = run("audit", source, "--trust-store", store, "--trust-policy", policy, "--format", "json", place=tmp_path)
    _bounded(ended, source, "--limit statements=N" if status else "")
    assert ended.status == status


def test_a_chain_is_looked_for_in_few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    made = [certificates.make("CN=all", authority=True) for _ in range(40)]
    listed = [Certificate(certificates.der(one.certificate), one.certificate) for one in made]
    tried: list[Certificate] = []

    def issued_by(one: Certificate, issuer: Certificate) -> bool:
        tried.append(issuer)
        return one is not issuer and len(tried) % 13 == 0

    monkeypatch.setattr("ociarchive.signing.certificates.issued_by", issued_by)
    root = read_certificate(certificates.der(certificates.make("CN=root", authority=True).certificate))
    assert path_to(listed[0], [root], listed[1:]) is None
    assert len(tried) <= 16


def test_annotations_have_few_certificates() -> None:
    holder = keyless.certificate()
    many = certificates.pem(holder.certificate).decode() * 40
    found = from_annotations({"dev.sigstore.cosign/certificate": many, "dev.sigstore.cosign/chain": many})
    assert len(found.others) == 16


def test_an_envelope_in_cose_has_a_largest_size(tmp_path: Path) -> None:
    raw = cbor2.dumps(cbor2.CBORTag(18, [b"", {1: [{}] * 7_000_000}, b"", b""]))
    signed = holding((raw, notary.COSE, {}), subject=NODE, artifact_type=notary.ARTIFACT)
    source, store = write_tar(tmp_path / "source", layout(NODE, signed)), tmp_path / "store"
    store.mkdir()
    (store / "a.pem").write_bytes(certificates.pem(certificates.make("CN=a", authority=True).certificate))
    _bounded(run("audit", source, "--trust-store", store, "--format", "json", place=tmp_path), source, "1048576 bytes")


def test_an_envelope_of_too_many_signatures_is_not_checked() -> None:
    sign = signing(SIGNER)
    for count, refused in ((64, False), (65, True)):
        raw = dumped(envelope(b"{}", *[sign] * count))
        with pytest.raises(UncheckedError, match="more than 64 signatures") if refused else nullcontext():
            assert len(read("cosign-attestation", raw, {}, "").signatures) == count


def test_an_inventory_has_a_largest_size(tmp_path: Path) -> None:
    source, have = write_tar(tmp_path / "source", layout(NODE)), tmp_path / "have"
    have.write_bytes(b"sha256:%064x\n" % 0 * 360_000)
    ended = run("convert", source, tmp_path / "dest", "--to", "oci-layout", "--have", have, place=tmp_path)
    assert ended.status == 2, ended.stderr
    assert "no inventory" in ended.stderr
    assert ended.peak < MEMORY


def test_what_is_read_of_signatures_follows_the_archives_size() -> None:
    assert Limits().said(0) == Limits().said(10_000_000) == 24 << 20
    assert Limits().said(40 << 20) == 80 << 20
    assert Limits().said(1 << 40) == Limits().statements
    assert Limits(statements=200 << 20).said(0) == 200 << 20
