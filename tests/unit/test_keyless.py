"""Keyless signatures that hold, and those with one fault each: the verdict names the fault."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

import ociarchive
from tests.audit.making import ARM, NODE
from tests.support import keyless
from tests.support.build import IN_TOTO, dumped, index, layout
from tests.support.call import refused
from tests.support.certificates import DAY, NOW, STAMPING, der, make, spki, uses
from tests.support.certificates import pem as certificate_pem
from tests.support.keyless import (
    AUTHORITY,
    BUNDLE,
    ISSUER,
    LOG,
    NEW_LOG,
    SIGNED,
    STRANGER,
    WHO,
    attached,
    authority,
    bundle,
    by_key,
    certificate,
    cosign,
    dsse_body,
    dsse_body_2,
    entry,
    hashed_body,
    hashed_body_2,
    intoto_body,
    intoto_body_1,
    log,
    notes,
    signed,
    stamped,
    statement_bundle,
    trusted_root,
)
from tests.support.signing import (
    DSSE,
    IMAGE_SIGNATURE,
    b64,
    claim,
    cosigned,
    envelope,
    holding,
    pae,
    pem,
    statement,
    tagged,
)
from tests.support.tar import tar
from tests.support.verdicts import found, only

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.build import Json, Node
    from tests.support.call import Call
    from tests.support.certificates import Holder

Making = Callable[[], "Node"]


def limited(*purposes: x509.ObjectIdentifier) -> Holder:
    """Make an authority that may vouch for some purposes."""
    more = [(x509.ExtendedKeyUsage(purposes), False)]
    return make("O=example.com,CN=y", issuer=AUTHORITY, authority=True, begins=SIGNED - DAY, ends=NOW, more=more)


SIGNER = certificate()
STATEMENT = statement(NODE.digest, predicate_type=IMAGE_SIGNATURE)
ABOUT = pae(IN_TOTO, STATEMENT)
MADE = signed(SIGNER, ABOUT)
MANIFEST = NODE.blobs[NODE.digest]
BY_KEY = signed(SIGNER, MANIFEST)
HASH = {"algorithm": "SHA2_256", "digest": b64(bytes.fromhex(NODE.digest[7:]))}
PLAIN = {"messageSignature": {"messageDigest": HASH, "signature": b64(BY_KEY)}}
CLAIM = claim(NODE.digest)
CLAIMED = signed(SIGNER, CLAIM)
OTHER = ARM.node()
FIRST = "application/vnd.dev.sigstore.bundle+json;version=0.1"


def judged(
    folder: Path, *nodes: Node, root: bytes | None = None, who: str = WHO, issuer: str = ISSUER
) -> ociarchive.Report:
    path = folder / "archive.tar"
    path.write_bytes(tar(layout(NODE, *nodes)))
    (folder / "root.json").write_bytes(root or trusted_root())
    return ociarchive.audit(
        path,
        trusted_root=folder / "root.json",
        certificate_identity=who,
        certificate_oidc_issuer=issuer,
        require_signature=True,
    )


def content(made: bytes = MADE, body: bytes = STATEMENT) -> Json:
    return {"dsseEnvelope": envelope(body, lambda _: made)}


def bundled(
    *entries: Json, holder: Holder = SIGNER, of: Json | None = None, kind: str = BUNDLE, **material: object
) -> Node:
    return attached(NODE, bundle(holder, of or content(), entries, kind=kind, **material))


def logged(**how: object) -> Node:
    """Give a bundle whose entry differs in something."""
    return bundled(entry(dsse_body(SIGNER, STATEMENT, MADE), **how))  # type: ignore[arg-type]  # what it takes


def by(holder: Holder, **how: object) -> Node:
    """Give a bundle by another certificate."""
    return attached(NODE, statement_bundle(NODE, holder, **how))


def chained(holder: Holder) -> Node:
    """Give a bundle with the certificates above another one."""
    made = signed(holder, ABOUT)
    chain = {"certificates": [{"rawBytes": b64(der(one))} for one in holder.chain]}
    body = dsse_body(holder, STATEMENT, made)
    return bundled(entry(body), holder=holder, of=content(made), certificate=None, x509CertificateChain=chain)


def annotated(kept: dict[str, str], payload: bytes = CLAIM, made: bytes = CLAIMED) -> Node:
    return tagged(holding(cosigned(payload, lambda _: made, **kept)), NODE)


def attested(body: Callable[[bytes], bytes]) -> Node:
    """Give an attestation of cosign (.att) whose entry is of some kind."""
    blob = dumped(envelope(STATEMENT, lambda _: MADE))
    return tagged(holding((blob, DSSE, notes(SIGNER, entry(body(blob))))), NODE, "att")


NEW = entry(dsse_body_2(SIGNER, STATEMENT, MADE), key=NEW_LOG, when=None, promise=False)
WHO_URI = "https://example.com/app/.github/workflows/release.yml@refs/heads/main"
HOLDS: dict[str, tuple[Making, str]] = {
    "cosign": (lambda: cosign(NODE, SIGNER), "cosign"),
    "attestation-of-intoto-0.0.1": (
        lambda: attested(lambda blob: intoto_body_1(SIGNER, blob)),
        "cosign-attestation",
    ),
    "attestation-of-intoto-0.0.2": (
        lambda: attested(lambda _: intoto_body(SIGNER, STATEMENT, MADE)),
        "cosign-attestation",
    ),
    "attestation-of-dsse": (lambda: attested(lambda _: dsse_body(SIGNER, STATEMENT, MADE)), "cosign-attestation"),
    "bundle": (logged, "sigstore-bundle"),
    "old-bundle-with-a-promise-alone": (
        lambda: bundled(entry(dsse_body(SIGNER, STATEMENT, MADE), proof=False), kind=FIRST),
        "sigstore-bundle",
    ),
    "bundle-over-the-manifest": (
        lambda: bundled(entry(hashed_body(SIGNER, MANIFEST, BY_KEY)), of=PLAIN),
        "sigstore-bundle",
    ),
    "bundle-of-the-new-log": (
        lambda: bundled(NEW, timestampVerificationData=stamped(MADE)),
        "sigstore-bundle",
    ),
    "bundle-over-the-manifest-of-the-new-log": (
        lambda: bundled(
            entry(hashed_body_2(SIGNER, MANIFEST, BY_KEY), key=NEW_LOG, when=None, promise=False),
            of=PLAIN,
            timestampVerificationData=stamped(BY_KEY),
        ),
        "sigstore-bundle",
    ),
    "statement-as-a-record-of-the-new-log": (
        lambda: bundled(
            entry(hashed_body_2(SIGNER, ABOUT, MADE), key=NEW_LOG, when=None, promise=False),
            timestampVerificationData=stamped(MADE),
        ),
        "sigstore-bundle",
    ),
    "bundle-with-a-chain": (
        lambda: chained(SIGNER),
        "sigstore-bundle",
    ),
    "bundle-with-a-log-and-a-clock": (
        lambda: bundled(entry(dsse_body(SIGNER, STATEMENT, MADE)), timestampVerificationData=stamped(MADE)),
        "sigstore-bundle",
    ),
    "first-in-the-log": (lambda: logged(index=0, size=1), "sigstore-bundle"),
    "last-in-the-log": (lambda: logged(index=6, size=7), "sigstore-bundle"),
    "in-a-log-of-eight": (lambda: logged(index=3, size=8), "sigstore-bundle"),
    "issuer-as-it-was-written-first": (lambda: by(certificate(old=True)), "sigstore-bundle"),
    "authority-for-code": (
        lambda: chained(certificate(issuer=limited(ExtendedKeyUsageOID.CODE_SIGNING))),
        "sigstore-bundle",
    ),
    "authority-for-any-purpose": (
        lambda: chained(certificate(issuer=limited(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE))),
        "sigstore-bundle",
    ),
}


def test_a_keyless_statement_about_an_image_is_no_signature_of_it(tmp_path: Path) -> None:
    about = statement(NODE.digest)
    made = signed(SIGNER, pae(IN_TOTO, about))
    report = judged(tmp_path, bundled(entry(dsse_body(SIGNER, about, made)), of=content(made, about)))
    rules = sorted(one.rule for one in report.findings if one.rule.startswith("signature-"))
    assert rules == ["signature-missing", "signature-valid"]


@pytest.mark.parametrize(("made", "kind"), HOLDS.values(), ids=HOLDS)
def test_a_keyless_signature_holds(made: Making, kind: str, tmp_path: Path) -> None:
    report = judged(tmp_path, made())
    message = only(report, "valid")
    assert f"by {WHO}, by the word of {ISSUER} (certificate sha256:" in message
    assert "the transparency log https://log.example.com" in message or "the time stamp of CN=clock" in message
    assert report.listed is not None
    (image,) = json.loads(json.dumps(report.listed.images))
    assert {(one["kind"], one["status"], one["digest"]) for one in image["signatures"]} == {
        (kind, "valid", NODE.digest)
    }


@pytest.mark.parametrize("who", [WHO_URI, "machine-account"])
def test_identities_of_other_kinds_hold(who: str, tmp_path: Path) -> None:
    assert who in only(judged(tmp_path, by(certificate(who)), who=who), "valid")


def changed(entries: Json, **members: object) -> Json:
    return {**entries, **members}


GOOD = entry(dsse_body(SIGNER, STATEMENT, MADE))
LATE = SIGNED + timedelta(minutes=11)
FAR_AUTHORITY = make("O=example.com,CN=between", authority=True, begins=SIGNED - DAY, ends=NOW)
SAME_KEY = certificate(key=SIGNER.key)
NO_AUTHORITY = make(
    "O=example.com,CN=x",
    issuer=AUTHORITY,
    begins=SIGNED - DAY,
    ends=NOW,
    usage=(uses("digital_signature"), True),
)
NOTE = GOOD["inclusionProof"]["checkpoint"]["envelope"]
SMALLER = entry(dsse_body(SIGNER, STATEMENT, MADE), index=5, size=6)["inclusionProof"]
# name: what is signed, the verdict, and a piece of the sentence that says why
FAULTS: dict[str, tuple[Making, str, str]] = {
    "another-identity": (lambda: by(certificate("other@example.com")), "untrusted", f"its signer is not {WHO}"),
    "identity-with-more-behind": (lambda: by(certificate(f"{WHO}.example.org")), "untrusted", "its signer is not"),
    "identity-of-another-kind": (lambda: by(certificate(f"https://{WHO}")), "untrusted", "its signer is not"),
    "another-issuer": (lambda: by(certificate(by_word_of="https://other.example.com")), "untrusted", "who says"),
    "no-issuer": (lambda: by(certificate(by_word_of=None)), "untrusted", "who says"),
    "two-issuers": (
        lambda: by(certificate(first="https://other.example.com")),
        "invalid",
        "two issuers",
    ),
    "critical-extension-of-its-own": (
        lambda: by(certificate(more=[(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\5\0"), True)])),
        "invalid",
        "not known: 1.2.3.4",
    ),
    "another-authority": (lambda: by(certificate(issuer=FAR_AUTHORITY)), "untrusted", "no authority"),
    "leaf-as-an-authority": (
        lambda: chained(certificate(issuer=NO_AUTHORITY)),
        "invalid",
        "may not issue",
    ),
    "authority-for-clocks": (
        lambda: chained(certificate(issuer=limited(ExtendedKeyUsageOID.TIME_STAMPING))),
        "invalid",
        "may not vouch for code signing",
    ),
    "not-for-code": (
        lambda: by(certificate(purposes=[ExtendedKeyUsageOID.SERVER_AUTH])),
        "invalid",
        "another purpose",
    ),
    "no-purpose": (lambda: by(certificate(purposes=[])), "invalid", "not for code signing"),
    "not-published": (lambda: by(certificate(published_by=None)), "untrusted", "no proof that it was published"),
    "published-by-a-stranger": (lambda: by(certificate(published_by=STRANGER)), "untrusted", "does not name"),
    "published-by-a-stranger-as-the-log": (
        lambda: by(certificate(published_by=STRANGER, published_as=keyless.CERTIFICATE_LOG)),
        "untrusted",
        "does not hold",
    ),
    "logged-after-the-certificate": (lambda: logged(when=LATE), "invalid", "it was signed at"),
    "logged-before-the-certificate": (lambda: logged(when=SIGNED - DAY), "invalid", "it was signed at"),
    "logged-by-a-stranger": (lambda: logged(key=STRANGER), "unchecked", "no entry of a transparency log"),
    "logged-by-a-stranger-as-the-log": (lambda: logged(key=STRANGER, named=LOG), "invalid", "checkpoint"),
    "promise-alone-in-a-new-bundle": (lambda: logged(proof=False), "invalid", "no inclusion proof"),
    "promised-by-a-stranger": (
        lambda: bundled(entry(dsse_body(SIGNER, STATEMENT, MADE), key=STRANGER, named=LOG, proof=False), kind=FIRST),
        "invalid",
        "signed entry timestamp",
    ),
    "promise-of-another-time": (
        lambda: bundled(changed(GOOD, integratedTime=str(int(SIGNED.timestamp()) + 5))),
        "invalid",
        "signed entry timestamp",
    ),
    "promise-of-another-place": (lambda: bundled(changed(GOOD, logIndex="7")), "invalid", "signed entry timestamp"),
    "promise-of-another-body": (lambda: logged(promised=b"{}"), "invalid", "signed entry timestamp"),
    "neither-proof-nor-promise": (
        lambda: bundled(entry(dsse_body(SIGNER, STATEMENT, MADE), proof=False, promise=False), kind=FIRST),
        "invalid",
        "neither",
    ),
    "no-time": (lambda: logged(promise=False), "unchecked", "when it was signed"),
    "no-entry": (bundled, "unchecked", "no entry"),
    "no-entry-and-a-clock": (
        lambda: bundled(timestampVerificationData=stamped(MADE)),
        "unchecked",
        "no entry",
    ),
    "proof-of-another-hash": (lambda: logged(hashes=[b64(b"\0" * 32)] * 3), "invalid", "inclusion proof"),
    "proof-too-short": (
        lambda: logged(hashes=GOOD["inclusionProof"]["hashes"][:-1]),
        "invalid",
        "inclusion proof",
    ),
    "proof-too-long": (
        lambda: logged(hashes=[*GOOD["inclusionProof"]["hashes"], b64(b"\0" * 32)]),
        "invalid",
        "inclusion proof",
    ),
    "proof-of-another-place": (lambda: logged(logIndex="4"), "invalid", "inclusion proof"),
    "proof-beyond-the-log": (lambda: logged(logIndex="7"), "invalid", "inclusion proof"),
    "proof-with-another-root": (lambda: logged(rootHash=b64(b"\0" * 32)), "invalid", "inclusion proof"),
    "checkpoint-of-another-size": (
        lambda: logged(checkpoint={"envelope": SMALLER["checkpoint"]["envelope"]}),
        "invalid",
        "another root",
    ),
    "checkpoint-absent": (lambda: logged(checkpoint=None), "invalid", "no signed checkpoint"),
    "checkpoint-changed": (
        lambda: logged(checkpoint={"envelope": NOTE.replace("log.example.com - 1", "log.example.com - 2")}),
        "invalid",
        "does not hold",
    ),
    "checkpoint-not-signed": (
        lambda: logged(checkpoint={"envelope": NOTE.partition("\n\n")[0] + "\n\n"}),
        "invalid",
        "does not hold",
    ),
    "checkpoint-unreadable": (lambda: logged(checkpoint={"envelope": "x"}), "invalid", "cannot be read"),
    "entry-over-another-hash": (
        lambda: bundled(entry(dsse_body(SIGNER, statement(OTHER.digest), MADE))),
        "invalid",
        "another hash",
    ),
    "entry-of-another-signature": (
        lambda: bundled(entry(dsse_body(SIGNER, STATEMENT, signed(SIGNER, ABOUT)))),
        "invalid",
        "another signature",
    ),
    "entry-of-another-certificate": (
        lambda: bundled(entry(dsse_body(SAME_KEY, STATEMENT, MADE))),
        "invalid",
        "another certificate",
    ),
    "entry-of-a-bare-key": (
        lambda: bundled(
            entry(hashed_body(SIGNER, MANIFEST, BY_KEY, keyless.key_pem(SIGNER.key))),  # type: ignore[arg-type]  # ECDSA
            of=PLAIN,
        ),
        "invalid",
        "bare key",
    ),
    "record-over-another-hash": (
        lambda: bundled(entry(hashed_body(SIGNER, b"{}", BY_KEY)), of=PLAIN),
        "invalid",
        "another hash",
    ),
    "record-of-another-signature": (
        lambda: bundled(entry(hashed_body(SIGNER, MANIFEST, MADE)), of=PLAIN),
        "invalid",
        "another signature",
    ),
    "record-of-another-certificate": (
        lambda: bundled(entry(hashed_body(SAME_KEY, MANIFEST, BY_KEY)), of=PLAIN),
        "invalid",
        "another certificate",
    ),
    "new-entry-over-another-hash": (
        lambda: bundled(
            entry(dsse_body_2(SIGNER, b"{}", MADE), key=NEW_LOG, when=None, promise=False),
            timestampVerificationData=stamped(MADE),
        ),
        "invalid",
        "another hash",
    ),
    "new-entry-of-another-certificate": (
        lambda: bundled(
            entry(dsse_body_2(SAME_KEY, STATEMENT, MADE), key=NEW_LOG, when=None, promise=False),
            timestampVerificationData=stamped(MADE),
        ),
        "invalid",
        "another certificate",
    ),
    "entry-of-an-unknown-kind": (
        lambda: bundled(entry(dumped({"kind": "rfc3161", "apiVersion": "0.0.1", "spec": {}}))),
        "unchecked",
        "rfc3161 0.0.1",
    ),
    "entry-that-lacks-something": (
        lambda: bundled(entry(dumped({"kind": "dsse", "apiVersion": "0.0.1", "spec": {}}))),
        "invalid",
        "payloadHash.value",
    ),
    "entry-with-a-doubled-key": (
        lambda: bundled(entry(dsse_body(SIGNER, STATEMENT, MADE)[:-1] + b',"kind":"dsse"}')),
        "invalid",
        "twice",
    ),
    "too-many-entries": (lambda: bundled(*[GOOD] * 9), "invalid", "more than 8"),
    "log-index-no-number": (lambda: bundled(changed(GOOD, logIndex="-1")), "invalid", "logIndex"),
    "log-index-too-large": (lambda: bundled(changed(GOOD, logIndex="9" * 30)), "invalid", "logIndex"),
    "body-not-base64": (lambda: bundled(changed(GOOD, canonicalizedBody="*")), "invalid", "canonicalizedBody"),
    "signed-by-another-key": (
        lambda: bundled(GOOD, of=content(signed(certificate(), ABOUT))),
        "invalid",
        "does not hold under the certificate",
    ),
    "statement-of-another-image": (
        lambda: bundled(
            entry(
                dsse_body(
                    SIGNER,
                    statement(OTHER.digest),
                    signed_other := signed(SIGNER, pae(IN_TOTO, statement(OTHER.digest))),
                )
            ),
            of=content(signed_other, statement(OTHER.digest)),
        ),
        "identity",
        "another digest",
    ),
    "payload-type": (
        lambda: bundled(
            entry(dsse_body(SIGNER, STATEMENT, typed := signed(SIGNER, pae("application/json", STATEMENT)))),
            of={"dsseEnvelope": envelope(STATEMENT, lambda _: typed, kind="application/json")},
        ),
        "unchecked",
        "names no image",
    ),
    "stamped-after-the-certificate": (
        lambda: bundled(NEW, timestampVerificationData=stamped(MADE, LATE)),
        "invalid",
        "it was signed at",
    ),
    "stamped-over-something-else": (
        lambda: bundled(NEW, timestampVerificationData=stamped(BY_KEY)),
        "invalid",
        "over something else",
    ),
    "stamped-by-a-stranger": (
        lambda: bundled(NEW, timestampVerificationData=stamped(MADE, key=STRANGER)),
        "invalid",
        "does not hold",
    ),
    "one-of-two-moments-outside": (
        lambda: bundled(GOOD, timestampVerificationData=stamped(MADE, LATE)),
        "invalid",
        "it was signed at",
    ),
    "new-log-without-a-clock": (lambda: bundled(NEW), "unchecked", "when it was signed"),
    "too-many-stamps": (
        lambda: bundled(GOOD, timestampVerificationData={"rfc3161Timestamps": [{"signedTimestamp": ""}] * 33}),
        "invalid",
        "more than 32",
    ),
    "certificate-unreadable": (lambda: bundled(GOOD, certificate={"rawBytes": "AA=="}), "invalid", "cannot be read"),
    "bare-key-for-a-certificate": (
        lambda: bundled(GOOD, certificate={"rawBytes": b64(spki(SIGNER.key))}),
        "invalid",
        "cannot be read",
    ),
    "bundle-by-a-public-key": (
        lambda: bundled(GOOD, certificate=None, publicKey={"hint": ""}),
        "untrusted",
        "no key that the call names",
    ),
    "cosign-without-an-entry": (lambda: cosign(NODE, SIGNER, logged=False), "unchecked", "no entry"),
    "cosign-of-another-image": (lambda: cosign(NODE, SIGNER, about=OTHER.digest), "identity", "another digest"),
    "cosign-payload-changed": (
        lambda: annotated(notes(SIGNER, entry(hashed_body(SIGNER, CLAIM, CLAIMED))), claim(OTHER.digest)),
        "invalid",
        "does not hold under the certificate",
    ),
    "cosign-entry-of-another-image": (
        lambda: annotated(notes(SIGNER, entry(hashed_body(SIGNER, claim(OTHER.digest), CLAIMED)))),
        "invalid",
        "another hash",
    ),
    "cosign-certificate-unreadable": (
        lambda: annotated({"dev.sigstore.cosign/certificate": "-----BEGIN CERTIFICATE-----"}),
        "invalid",
        "cannot be read",
    ),
    "cosign-bare-key-for-a-certificate": (
        lambda: annotated({"dev.sigstore.cosign/certificate": pem(SIGNER.key).decode()}),
        "invalid",
        "cannot be read",
    ),
    "cosign-entry-no-json": (
        lambda: annotated({**notes(SIGNER, None), "dev.sigstore.cosign/bundle": "{"}),
        "invalid",
        "not JSON",
    ),
    "bundle-whose-entry-is-of-no-bytes": (
        lambda: bundled(entry(intoto_body_1(SIGNER, b""))),
        "invalid",
        "another hash",
    ),
    "attestation-whose-entry-is-of-another": (
        lambda: attested(lambda blob: intoto_body_1(SIGNER, blob + b" ")),
        "invalid",
        "another hash",
    ),
}


@pytest.mark.parametrize(("made", "verdict", "why"), FAULTS.values(), ids=FAULTS)
def test_one_fault_is_the_verdict_that_names_it(made: Making, verdict: str, why: str, tmp_path: Path) -> None:
    assert why in only(judged(tmp_path, made()), verdict)


# name: what differs in the trusted root, the verdict, and a piece of the sentence
ROOTS: dict[str, tuple[Json, str, str]] = {
    "log-not-trusted-yet": ({"tlogs": [log(LOG, begins=SIGNED + DAY)]}, "invalid", "was not trusted"),
    "log-no-longer-trusted": ({"tlogs": [log(LOG, ends=SIGNED)]}, "invalid", "was not trusted"),
    "log-of-another-key": ({"tlogs": [log(STRANGER)]}, "unchecked", "no entry"),
    "authority-no-longer-trusted": (
        {"certificateAuthorities": [authority(AUTHORITY, ends=SIGNED)]},
        "untrusted",
        "no authority",
    ),
    "publication-not-trusted": (
        {"ctlogs": [log(keyless.CERTIFICATE_LOG, ends=SIGNED - DAY)]},
        "untrusted",
        "does not name",
    ),
    "no-log-of-certificates": ({"ctlogs": None}, "valid", "(SCT) was not checked"),
    "two-authorities": ({"certificateAuthorities": [authority(FAR_AUTHORITY), authority(AUTHORITY)]}, "valid", "at "),
    "root-alone-and-no-intermediate": (
        {"certificateAuthorities": [authority(keyless.AUTHORITY_ROOT)]},
        "untrusted",
        "no authority",
    ),
}


@pytest.mark.parametrize(("root", "verdict", "why"), ROOTS.values(), ids=ROOTS)
def test_a_trusted_root_says_whom_and_when(root: Json, verdict: str, why: str, tmp_path: Path) -> None:
    assert why in only(judged(tmp_path, logged(), root=trusted_root(**root)), verdict)


def test_a_clock_proves_the_time_where_a_deployment_has_no_log(tmp_path: Path) -> None:
    node = bundled(timestampVerificationData=stamped(MADE))
    assert "the time stamp of CN=clock" in only(judged(tmp_path, node, root=trusted_root(tlogs=None)), "valid")


OTHER_CLOCK = make("CN=other clock", issuer=keyless.CLOCK_ROOT, purposes=STAMPING, begins=SIGNED - DAY)


def test_a_clock_counts_in_its_own_time_alone(tmp_path: Path) -> None:
    node = bundled(timestampVerificationData=stamped(MADE))
    clocks = [authority(keyless.CLOCK, ends=SIGNED), authority(OTHER_CLOCK)]
    root = trusted_root(tlogs=None, timestampAuthorities=clocks)
    assert "was not trusted" in only(judged(tmp_path, node, root=root), "invalid")
    others = trusted_root(tlogs=None, timestampAuthorities=[authority(OTHER_CLOCK)])
    assert "nobody whom the trusted root names" in only(judged(tmp_path, node, root=others), "invalid")
    roots = trusted_root(tlogs=None, timestampAuthorities=[authority(keyless.CLOCK_ROOT)])
    only(judged(tmp_path, node, root=roots), "valid")


def test_a_stamp_that_nobody_here_can_check_is_said_to_be_unchecked(tmp_path: Path) -> None:
    node = bundled(GOOD, timestampVerificationData=stamped(MADE))
    message = only(judged(tmp_path, node, root=trusted_root(timestampAuthorities=None)), "valid")
    assert "its time stamp was not checked" in message


def test_an_entry_of_another_log_beside_a_good_one_is_said_to_be_unchecked(tmp_path: Path) -> None:
    node = bundled(GOOD, entry(dsse_body(SIGNER, STATEMENT, MADE), key=STRANGER))
    assert "does not name was not checked" in only(judged(tmp_path, node), "valid")


def test_a_signature_over_an_index_is_one_of_each_image_below(tmp_path: Path) -> None:
    both = index([NODE, OTHER])
    path = tmp_path / "a.tar"
    path.write_bytes(tar(layout(both, attached(both, statement_bundle(both, SIGNER)))))
    (tmp_path / "root.json").write_bytes(trusted_root())
    report = ociarchive.audit(
        path,
        trusted_root=tmp_path / "root.json",
        certificate_identity=WHO,
        certificate_oidc_issuer=ISSUER,
        require_signature=True,
    )
    assert [one for one, _ in found(report)] == ["valid"]


def test_a_catalogue_takes_what_was_proved_by_the_same_root_for_the_same_signer(tmp_path: Path) -> None:
    path, root = tmp_path / "a.tar", tmp_path / "root.json"
    path.write_bytes(tar(layout(NODE, logged())))
    root.write_bytes(trusted_root())
    seen = []
    for who, changed_root in ((WHO, False), (WHO, False), ("other@example.com", False), (WHO, True)):
        if changed_root:
            root.write_bytes(trusted_root(ctlogs=None))
        (report,) = ociarchive.audit_each(
            [path],
            catalogue=tmp_path / "c.db",
            trusted_root=root,
            certificate_identity=who,
            certificate_oidc_issuer=ISSUER,
        )
        seen.append(report.recorded is not None)
    assert seen == [False, True, False, False]


def test_a_key_does_not_prove_what_a_certificate_signed(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(tar(layout(NODE, logged())))
    (tmp_path / "other.pub").write_bytes(pem(keyless.LOG))
    report = ociarchive.audit(path, keys=[tmp_path / "other.pub"])
    assert "which a key cannot prove" in next(message for one, message in found(report) if one == "unchecked")


NAMED = NODE.named("example.com/corpus/app:1.0", "1.0")
# name: what a policy says otherwise of certificates and logs, the verdicts, and a piece of a sentence
POLICIES: dict[str, tuple[Json, list[str], str]] = {
    "as-it-was-signed": ({}, ["valid"], "(SCT) was not checked"),
    "other-e-mail-address": ({"subjectEmail": "other@example.com"}, ["missing", "untrusted"], "other@example.com"),
    "other-issuer": ({"oidcIssuer": "https://other.example.com"}, ["missing", "untrusted"], "who says"),
    "other-authority": (
        {"caData": b64(certificate_pem(FAR_AUTHORITY.certificate))},
        ["missing", "untrusted"],
        "no authority",
    ),
    "other-log": ({"log": b64(keyless.key_pem(STRANGER))}, ["missing", "unchecked"], "no entry"),
}


@pytest.mark.parametrize(("otherwise", "verdicts", "why"), POLICIES.values(), ids=POLICIES)
@pytest.mark.parametrize("in_files", [False, True], ids=["data", "paths"])
def test_a_policy_says_who_may_sign_by_certificates(
    in_files: bool, otherwise: Json, verdicts: list[str], why: str, tmp_path: Path
) -> None:
    said = {
        "caData": b64(certificate_pem(keyless.AUTHORITY_ROOT.certificate) + certificate_pem(AUTHORITY.certificate)),
        "oidcIssuer": ISSUER,
        "subjectEmail": WHO,
        "log": b64(keyless.key_pem(LOG)),
        **otherwise,
    }
    logs: Json = {"rekorPublicKeyData": said.pop("log")}
    if in_files:
        (tmp_path / "ca.pem").write_bytes(base64.b64decode(said.pop("caData")))
        (tmp_path / "log.pub").write_bytes(base64.b64decode(logs.pop("rekorPublicKeyData")))
        said["caPath"], logs["rekorPublicKeyPath"] = str(tmp_path / "ca.pem"), str(tmp_path / "log.pub")
    demand = {"type": "sigstoreSigned", "fulcio": said, **logs, "signedIdentity": {"type": "matchRepository"}}
    path, asked = tmp_path / "a.tar", tmp_path / "policy.json"
    path.write_bytes(tar(layout(NAMED, cosign(NODE, SIGNER))))
    asked.write_bytes(dumped({"default": [{"type": "reject"}], "transports": {"docker": {"example.com": [demand]}}}))
    report = ociarchive.audit(path, signature_policy=asked)
    assert [one for one, _ in found(report)] == verdicts
    assert any(why in message for _, message in found(report))


MINE = ec.derive_private_key(19, ec.SECP256R1())
# name: a signature by a key with an entry of a log, the verdicts, and a piece of a sentence
LOGGED: dict[str, tuple[Making, list[str], str]] = {
    "logged": (lambda: by_key(NODE, MINE), ["valid"], "at "),
    "not-logged": (
        lambda: tagged(holding(cosigned(CLAIM, lambda data: keyless.made_by(MINE, data))), NODE),
        ["missing", "unchecked"],
        "no entry of a transparency log",
    ),
    "logged-elsewhere": (lambda: by_key(NODE, MINE, key=STRANGER), ["missing", "unchecked"], "no entry"),
    "promised-by-a-stranger": (
        lambda: by_key(NODE, MINE, key=STRANGER, named=LOG),
        ["invalid", "missing"],
        "signed entry timestamp",
    ),
    "entry-of-another-key": (
        lambda: by_key(NODE, MINE, verifier=keyless.key_pem(STRANGER)),
        ["invalid", "missing"],
        "another key",
    ),
    "entry-of-a-certificate": (
        lambda: by_key(NODE, MINE, verifier=certificate_pem(SIGNER.certificate)),
        ["invalid", "missing"],
        "another key",
    ),
}


@pytest.mark.parametrize(("made", "verdicts", "why"), LOGGED.values(), ids=LOGGED)
def test_a_policy_asks_for_a_log_beside_a_key(made: Making, verdicts: list[str], why: str, tmp_path: Path) -> None:
    demand = {
        "type": "sigstoreSigned",
        "keyData": b64(keyless.key_pem(MINE)),
        "rekorPublicKeyDatas": [b64(keyless.key_pem(LOG))],
        "signedIdentity": {"type": "matchRepository"},
    }
    path, asked = tmp_path / "a.tar", tmp_path / "policy.json"
    path.write_bytes(tar(layout(NAMED, made())))
    asked.write_bytes(dumped({"default": [demand]}))
    report = ociarchive.audit(path, signature_policy=asked)
    assert [one for one, _ in found(report)] == verdicts
    assert any(why in message for _, message in found(report))


def test_a_key_alone_says_that_the_log_was_not_checked(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(tar(layout(NODE, by_key(NODE, MINE))))
    (tmp_path / "k.pub").write_bytes(keyless.key_pem(MINE))
    report = ociarchive.audit(path, keys=[tmp_path / "k.pub"])
    assert "transparency log that goes with it was not checked" in only(report, "valid")


def test_what_is_no_certificate_in_a_policy_is_refused_with_its_place(tmp_path: Path, cli_call: Call) -> None:
    said = {"caData": b64(keyless.key_pem(LOG)), "oidcIssuer": ISSUER, "subjectEmail": WHO}
    demand = {"type": "sigstoreSigned", "fulcio": said, "rekorPublicKeyData": b64(keyless.key_pem(LOG))}
    (tmp_path / "a.tar").write_bytes(tar(layout(NODE)))
    (tmp_path / "policy.json").write_bytes(dumped({"default": [demand]}))
    message = refused(cli_call("audit", tmp_path / "a.tar", "--policy", tmp_path / "policy.json"), 2)
    assert "default[0].fulcio.caData" in message
    assert "a bare public key is no certificate" in message


NO_ROOTS: dict[str, tuple[bytes, str]] = {
    "bare-key": (keyless.key_pem(LOG), "not JSON"),
    "another-kind": (dumped({"mediaType": BUNDLE}), "mediaType"),
    "doubled-key": (b'{"mediaType":"x","mediaType":"y"}', "twice"),
    "no-authority": (trusted_root(certificateAuthorities=None), "without certificateAuthorities"),
    "neither-log-nor-clock": (trusted_root(tlogs=None, timestampAuthorities=None), "tlogs"),
    "key-unreadable": (
        trusted_root(tlogs=[{**log(LOG), "publicKey": {"rawBytes": "AA=="}}]),
        "none that can be used",
    ),
    "certificate-unreadable": (
        trusted_root(certificateAuthorities=[{"certChain": {"certificates": [{"rawBytes": "AA=="}]}}]),
        "cannot be read",
    ),
    "time-unreadable": (
        trusted_root(certificateAuthorities=[{**authority(AUTHORITY), "validFor": {"start": "x"}}]),
        "no time",
    ),
    "certificates-no-list": (trusted_root(certificateAuthorities=[{"certChain": {"certificates": {}}}]), "no list"),
}


@pytest.mark.parametrize(("raw", "why"), NO_ROOTS.values(), ids=NO_ROOTS)
def test_what_is_no_trusted_root_is_a_call_at_fault(raw: bytes, why: str, tmp_path: Path, cli_call: Call) -> None:
    (tmp_path / "root.json").write_bytes(raw)
    (tmp_path / "a.tar").write_bytes(tar(layout(NODE)))
    options = ("--certificate-identity", WHO, "--certificate-oidc-issuer", ISSUER)
    done = cli_call("audit", tmp_path / "a.tar", "--trusted-root", tmp_path / "root.json", *options)
    assert why in refused(done, 2)


@pytest.mark.parametrize("left_out", ["--trusted-root", "--certificate-identity", "--certificate-oidc-issuer"])
def test_the_three_options_go_together(left_out: str, tmp_path: Path, cli_call: Call) -> None:
    (tmp_path / "root.json").write_bytes(trusted_root())
    (tmp_path / "a.tar").write_bytes(tar(layout(NODE)))
    every = {
        "--trusted-root": tmp_path / "root.json",
        "--certificate-identity": WHO,
        "--certificate-oidc-issuer": ISSUER,
    }
    options = [str(part) for name, value in every.items() if name != left_out for part in (name, value)]
    assert left_out in refused(cli_call("audit", tmp_path / "a.tar", *options), 2)


def test_an_extension_that_is_no_list_is_a_fault(tmp_path: Path) -> None:
    broken = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2"), b"\x04\x02\xff\xff")
    name = x509.SubjectAlternativeName([x509.RFC822Name(WHO)])
    leaf = make("", issuer=AUTHORITY, begins=SIGNED, ends=SIGNED + DAY, more=[(name, True), (broken, False)])
    assert "cannot be read" in only(judged(tmp_path, by(leaf)), "invalid")
