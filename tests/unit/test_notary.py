"""Notary Project signatures that hold, and those with one fault each: the verdict names the fault."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import cbor2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

import ociarchive
from tests.audit.making import ARM, NODE
from tests.support import notary
from tests.support.build import digest, dumped, index, layout
from tests.support.call import Run, refused, told, without
from tests.support.certificates import CODE, DAY, NOW, STAMPING, Holder, der, make, pem, spki, uses
from tests.support.notary import COSE, JWS, N, attributes, cose, jws, policy, rule, signature, store, target
from tests.support.signing import SIGNER, holding, named, signed_statement
from tests.support.signing import pem as key_pem
from tests.support.signing import signature as cosign_signature
from tests.support.stamps import stamp
from tests.support.tar import tar
from tests.support.verdicts import found, only

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Protocol

    from tests.support.build import Json, Node
    from tests.support.call import Call
    from tests.support.certificates import Signer

    Made = Callable[[], bytes]

    class Writer(Protocol):
        def __call__(self, holder: Holder, payload: Json | bytes, values: dict[str, Any] | None = None) -> bytes: ...


ROOT = make("CN=root", authority=True)
MID = make("CN=between", issuer=ROOT, authority=True)
WHO = "C=US,ST=WA,O=example.com,OU=releases,CN=signer"
LEAF = make(WHO, issuer=MID)
FAR_ROOT = make("CN=root", authority=True)
TSA_ROOT = make("CN=clocks", authority=True)
TSA = make("CN=clock", issuer=TSA_ROOT, purposes=STAMPING)
TSA_FOR_CODE = make("CN=code", issuer=TSA_ROOT, authority=True, more=[(x509.ExtendedKeyUsage(CODE), False)])
OTHER = ARM.node()
GOOD, FAR = target(NODE), target(OTHER)
LARGE = rsa.generate_private_key(65537, 2048)
SHORT = rsa.generate_private_key(65537, 1024)  # noqa: S505  what is to be refused


def judged(
    folder: Path, *nodes: Node, rules: tuple[Json, ...] = (), **stores: list[x509.Certificate]
) -> ociarchive.Report:
    """Audit an archive of an image and its signatures by a trust store, and by a policy where there are rules."""
    path = folder / "archive.tar"
    path.write_bytes(tar(layout(*nodes)))
    trusted = store(folder / "trusted", stores or {"ca_x": [ROOT.certificate]})
    by = policy(folder / "policy.json", *rules) if rules else None
    return ociarchive.audit(path, trust_store=trusted, trust_policy=by, require_signature=True)


def signed(envelope: bytes, kind: str = JWS) -> Node:
    return signature(NODE, envelope, kind)


def weakened(holder: Holder, issuer: rsa.RSAPrivateKey) -> Holder:
    """Sign a certificate anew with SHA-1, which the library does not: both names of RSA's algorithms are as long."""
    made = der(holder.certificate)
    sha256, sha1 = bytes.fromhex("06092a864886f70d01010b"), bytes.fromhex("06092a864886f70d010105")
    inner = holder.certificate.tbs_certificate_bytes.replace(sha256, sha1)
    start = made.index(holder.certificate.tbs_certificate_bytes)
    size = len(holder.certificate.signature)
    end = made[start + len(inner) : len(made) - size].replace(sha256, sha1)
    fresh = issuer.sign(inner, padding.PKCS1v15(), hashes.SHA1())  # noqa: S303  what is to be refused
    return Holder(x509.load_der_x509_certificate(made[:start] + inner + end + fresh), holder.key, holder.above)


RSA_ROOT = make("CN=root", LARGE, authority=True)
BY_SHA1 = weakened(make(WHO, issuer=RSA_ROOT), LARGE)
KEYS: dict[str, Callable[[], Signer]] = {
    "rsa-2048": lambda: LARGE,
    "rsa-3072": lambda: rsa.generate_private_key(65537, 3072),
    "rsa-4096": lambda: rsa.generate_private_key(65537, 4096),
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
}


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
@pytest.mark.parametrize(("made", "kind"), [(jws, JWS), (cose, COSE)], ids=["jws", "cose"])
def test_every_algorithm_of_the_specification_holds(
    key: Callable[[], Signer], made: Writer, kind: str, tmp_path: Path
) -> None:
    holder = make(WHO, key(), MID)
    message = only(judged(tmp_path, NODE, signed(made(holder, GOOD), kind)), "valid")
    assert (
        f"CN=signer,OU=releases,O=example.com,ST=WA,C=US (certificate sha256:{digest(der(holder.certificate))[7:]}"
        in message
    )
    assert "by its own word" in message


HOLDS: dict[str, Callable[[], Node]] = {
    "config-names-the-kind": lambda: signature(NODE, jws(LEAF, GOOD), config=True),
    "cose-with-one-byte-string": lambda: signed(
        cose(alone := make(WHO, issuer=None), GOOD, header={33: der(alone.certificate)}), COSE
    ),
    "annotations-in-the-payload": lambda: signed(jws(LEAF, target(NODE, annotations={"a": "b"}))),
    "signing-agent": lambda: signed(jws(LEAF, GOOD, header={f"{N}signingAgent": "notation/1.3.0"})),
    "no-extended-key-usage": lambda: signed(jws(make(WHO, issuer=MID, purposes=[]), GOOD)),
    "purposes-of-its-own": lambda: signed(
        jws(make(WHO, issuer=MID, purposes=[x509.ObjectIdentifier("1.3.6.1.4.1.57264.99")]), GOOD)
    ),
    "expires-later": lambda: signed(jws(LEAF, GOOD, attributes(expiry=NOW + DAY))),
    "times-with-a-zone": lambda: signed(
        jws(LEAF, GOOD, attributes(), protected={f"{N}signingTime": NOW.strftime("%Y-%m-%dT%H:%M:%S.5+00:00")})
    ),
}


@pytest.mark.parametrize("node", HOLDS.values(), ids=HOLDS)
def test_what_the_specification_allows_holds(node: Callable[[], Node], tmp_path: Path) -> None:
    made = node()
    envelope = next((raw for raw in made.blobs.values() if raw.startswith(b"\xd2")), b"")
    trusted = [ROOT.certificate]
    if envelope:
        trusted.append(x509.load_der_x509_certificate(cbor2.loads(envelope).value[1][33]))
    only(judged(tmp_path, NODE, made, ca_x=trusted), "valid")


def test_a_root_alone_signs_where_it_is_trusted_itself(tmp_path: Path) -> None:
    alone = make(WHO)
    only(judged(tmp_path, NODE, signed(jws(alone, GOOD)), ca_x=[alone.certificate]), "valid")


def resigned(raw: bytes) -> Node:
    """Give an envelope whose protected header has its own bytes."""
    return signed(jws(LEAF, GOOD, raw=raw))


def edited(made: bytes, old: bytes, new: bytes) -> bytes:
    assert old in made
    return made.replace(old, new, 1)


def header(**more: str) -> bytes:
    rest = "".join(f',"{name}":"{value}"' for name, value in more.items())
    scheme = f'"{N}signingScheme":"notary.x509","{N}signingTime":"{NOW:%Y-%m-%dT%H:%M:%SZ}"'
    return f'{{"alg":"ES256","cty":"{notary.PAYLOAD}","crit":["{N}signingScheme"],{scheme}{rest}}}'.encode()


def deep(levels: int) -> bytes:
    return b"\x81" * levels + b"\x00"


AIA = x509.AuthorityInformationAccess(
    [
        x509.AccessDescription(
            AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier("http://ocsp.example.com")
        )
    ]
)
USE = ExtendedKeyUsageOID
CLAIMED = "notary.x509.signingAuthority"
# name: what makes the signature, the verdict, and a piece of the sentence that says why
FAULTS: dict[str, tuple[Made, str, str]] = {
    "another-key-signed": (lambda: jws(LEAF, GOOD, key=MID.key), "invalid", "does not hold under the certificate"),
    "payload-changed": (
        lambda: edited(jws(LEAF, GOOD), notary.url(dumped(GOOD)).encode(), notary.url(dumped(FAR)).encode()),
        "invalid",
        "does not hold",
    ),
    "another-root": (lambda: jws(make(WHO, issuer=FAR_ROOT), GOOD), "untrusted", "vouches"),
    "leaf-self-signed": (lambda: jws(make(WHO), GOOD), "untrusted", "vouches"),
    "chain-truncated": (lambda: jws(LEAF, GOOD, chain=LEAF.chain[:2]), "invalid", "does not end in a root"),
    "leaf-alone": (lambda: jws(LEAF, GOOD, chain=LEAF.chain[:1]), "invalid", "does not end in a root"),
    "chain-out-of-order": (
        lambda: jws(LEAF, GOOD, chain=(LEAF.certificate, ROOT.certificate, MID.certificate)),
        "invalid",
        "out of order",
    ),
    "chain-turned-round": (lambda: jws(LEAF, GOOD, chain=LEAF.chain[::-1]), "invalid", "does not hold"),
    "chain-with-a-stranger": (
        lambda: jws(LEAF, GOOD, chain=(*LEAF.chain, FAR_ROOT.certificate)),
        "invalid",
        "out of order",
    ),
    "chain-with-one-twice": (lambda: jws(LEAF, GOOD, chain=(*LEAF.chain, ROOT.certificate)), "invalid", "twice"),
    "chain-too-long": (
        lambda: jws(LEAF, GOOD, chain=(*LEAF.chain, *[ROOT.certificate] * 20)),
        "unchecked",
        "more than",
    ),
    "chain-absent": (lambda: jws(LEAF, GOOD, header={"x5c": None}), "invalid", "no certificate chain"),
    "chain-empty": (lambda: jws(LEAF, GOOD, header={"x5c": []}), "invalid", "no certificate chain"),
    "bare-key-for-a-certificate": (
        lambda: jws(LEAF, GOOD, header={"x5c": [base64.b64encode(spki(LEAF.key)).decode()]}),
        "invalid",
        "cannot be read",
    ),
    "root-of-the-same-name": (
        lambda: jws(Holder(LEAF.certificate, LEAF.key, (MID.certificate, FAR_ROOT.certificate)), GOOD),
        "invalid",
        "did not issue",
    ),
    "authority-without-ca": (
        lambda: jws(
            make(
                WHO,
                issuer=make(
                    "CN=a", issuer=ROOT, authority=True, basic=(x509.BasicConstraints(ca=False, path_length=None), True)
                ),
            ),
            GOOD,
        ),
        "invalid",
        "cA",
    ),
    "authority-not-critical": (
        lambda: jws(
            make(
                WHO,
                issuer=make(
                    "CN=a", issuer=ROOT, authority=True, basic=(x509.BasicConstraints(ca=True, path_length=None), False)
                ),
            ),
            GOOD,
        ),
        "invalid",
        "critical",
    ),
    "authority-without-keycertsign": (
        lambda: jws(make(WHO, issuer=make("CN=a", issuer=ROOT, authority=True, usage=(uses("crl_sign"), True))), GOOD),
        "invalid",
        "keyCertSign",
    ),
    "path-too-long": (
        lambda: jws(
            make(
                WHO,
                issuer=make(
                    "CN=b",
                    authority=True,
                    issuer=make(
                        "CN=a", issuer=ROOT, authority=True, basic=(x509.BasicConstraints(ca=True, path_length=0), True)
                    ),
                ),
            ),
            GOOD,
        ),
        "invalid",
        "below it",
    ),
    "leaf-is-an-authority": (
        lambda: jws(make(WHO, issuer=MID, basic=(x509.BasicConstraints(ca=True, path_length=None), True)), GOOD),
        "invalid",
        "that of an authority",
    ),
    "leaf-for-other-uses": (
        lambda: jws(make(WHO, issuer=MID, usage=(uses("digital_signature", "key_encipherment"), True)), GOOD),
        "invalid",
        "other uses",
    ),
    "leaf-not-for-signatures": (
        lambda: jws(make(WHO, issuer=MID, usage=(uses("content_commitment"), True)), GOOD),
        "invalid",
        "digitalSignature",
    ),
    "leaf-usage-not-critical": (
        lambda: jws(make(WHO, issuer=MID, usage=(uses("digital_signature"), False)), GOOD),
        "invalid",
        "critical",
    ),
    "leaf-for-servers": (
        lambda: jws(make(WHO, issuer=MID, purposes=[USE.CODE_SIGNING, USE.SERVER_AUTH]), GOOD),
        "invalid",
        "another purpose",
    ),
    "leaf-for-any-purpose": (
        lambda: jws(make(WHO, issuer=MID, purposes=[USE.ANY_EXTENDED_KEY_USAGE]), GOOD),
        "invalid",
        "another purpose",
    ),
    "leaf-for-answers-about-revocation": (
        lambda: jws(make(WHO, issuer=MID, purposes=[USE.OCSP_SIGNING]), GOOD),
        "invalid",
        "another purpose",
    ),
    "leaf-for-time-stamps": (
        lambda: jws(make(WHO, issuer=MID, purposes=[*CODE, *STAMPING]), GOOD),
        "invalid",
        "another purpose",
    ),
    "sha-1": (lambda: jws(BY_SHA1, GOOD), "untrusted", "SHA1"),
    "short-rsa": (lambda: jws(make(WHO, SHORT, MID), GOOD), "untrusted", "1024 bits"),
    "rsa-of-another-size": (
        lambda: jws(make(WHO, rsa.generate_private_key(65537, 2304), MID), GOOD),
        "invalid",
        "kind or size",
    ),
    "curve-of-another-kind": (
        lambda: jws(make(WHO, issuer=MID, key=ec.generate_private_key(ec.SECP256K1())), GOOD),
        "invalid",
        "unknown kind",
    ),
    "ed25519": (
        lambda: jws(make(WHO, ed25519.Ed25519PrivateKey.generate(), MID), GOOD, key=MID.key),
        "invalid",
        "kind or size",
    ),
    "certificate-not-yet-valid": (
        lambda: jws(make(WHO, issuer=MID, begins=NOW + DAY), GOOD),
        "invalid",
        "is valid from",
    ),
    "certificate-expired": (
        lambda: jws(make(WHO, issuer=MID, ends=NOW - DAY), GOOD, attributes(signingTime=NOW - 2 * DAY)),
        "invalid",
        "no time stamp is with it",
    ),
    "authority-expired": (
        lambda: jws(
            make(WHO, issuer=make("CN=a", issuer=ROOT, authority=True, ends=NOW - DAY)),
            GOOD,
            attributes(signingTime=NOW - 2 * DAY),
        ),
        "invalid",
        "not now",
    ),
    "signature-expired": (
        lambda: jws(LEAF, GOOD, attributes(signingTime=NOW - 2 * DAY, expiry=NOW - DAY)),
        "invalid",
        "used until",
    ),
    "expiry-before-signing": (
        lambda: jws(LEAF, GOOD, attributes(expiry=NOW - DAY)),
        "invalid",
        "ends before it was signed",
    ),
    "another-digest": (lambda: jws(LEAF, FAR), "identity", "another digest"),
    "another-size": (lambda: jws(LEAF, target(NODE, size=1)), "identity", "for 1 byte,"),
    "another-media-type": (
        lambda: jws(LEAF, target(NODE, mediaType="application/vnd.oci.image.index.v1+json")),
        "identity",
        "image.index",
    ),
    "target-without-a-size": (
        lambda: jws(LEAF, {"targetArtifact": {"digest": NODE.digest}}),
        "invalid",
        "no descriptor",
    ),
    "no-target": (lambda: jws(LEAF, {}), "invalid", "no targetArtifact"),
    "payload-doubled-key": (
        lambda: jws(LEAF, dumped(GOOD)[:-1] + b',"targetArtifact":{}}'),
        "invalid",
        "twice",
    ),
    "content-type": (lambda: jws(LEAF, GOOD, protected={"cty": "application/json"}), "invalid", "content type"),
    "content-type-absent": (lambda: jws(LEAF, GOOD, protected={"cty": None}), "invalid", "not stated"),
    "scheme-unknown": (lambda: jws(LEAF, GOOD, attributes(signingScheme="notary.pgp")), "invalid", "notary.pgp"),
    "scheme-absent": (
        lambda: jws(LEAF, GOOD, attributes(signingScheme=None), protected={"crit": ["x"]}),
        "invalid",
        "not known: x",
    ),
    "scheme-not-critical": (
        lambda: jws(LEAF, GOOD, attributes(expiry=NOW + DAY), protected={"crit": [f"{N}expiry"]}),
        "invalid",
        "not marked",
    ),
    "critical-absent": (lambda: jws(LEAF, GOOD, protected={"crit": None}), "invalid", "(crit)"),
    "critical-unknown": (
        lambda: jws(LEAF, GOOD, protected={"crit": [f"{N}signingScheme", "x.new"], "x.new": 1}),
        "invalid",
        "not known: x.new",
    ),
    "critical-twice": (lambda: jws(LEAF, GOOD, protected={"crit": [f"{N}signingScheme"] * 2}), "invalid", "each once"),
    "critical-not-there": (
        lambda: jws(LEAF, GOOD, protected={"crit": [f"{N}signingScheme", f"{N}expiry"]}),
        "invalid",
        "is not there",
    ),
    "expiry-not-critical": (
        lambda: jws(LEAF, GOOD, attributes(expiry=NOW + DAY), protected={"crit": [f"{N}signingScheme"]}),
        "invalid",
        "expiry is not marked",
    ),
    "plugin": (lambda: jws(LEAF, GOOD, attributes(verificationPlugin="com.example")), "unchecked", "com.example"),
    "signing-time-absent": (lambda: jws(LEAF, GOOD, attributes(signingTime=None)), "invalid", "has no"),
    "signing-time-of-the-other-scheme": (
        lambda: jws(LEAF, GOOD, attributes(authenticSigningTime=NOW)),
        "invalid",
        "does not allow",
    ),
    "signing-time-no-time": (lambda: jws(LEAF, GOOD, attributes(signingTime="yesterday")), "invalid", "RFC 3339"),
    "authority-of-the-wrong-store": (lambda: jws(LEAF, GOOD, attributes(CLAIMED)), "untrusted", "signingAuthority"),
    "alg-none": (lambda: jws(LEAF, GOOD, protected={"alg": "none"}), "invalid", "its algorithm is none"),
    "alg-of-a-shared-secret": (lambda: jws(LEAF, GOOD, protected={"alg": "HS256"}), "invalid", "HS256"),
    "alg-of-another-key": (lambda: jws(LEAF, GOOD, protected={"alg": "PS256"}), "invalid", "ES256"),
    "alg-of-a-longer-hash": (lambda: jws(LEAF, GOOD, protected={"alg": "ES384"}), "invalid", "ES384"),
    "salt-of-another-length": (lambda: jws(make(WHO, LARGE, MID), GOOD, salt=20), "invalid", "does not hold"),
    "scheme-moved-out-of-the-signature": (
        lambda: jws(LEAF, GOOD, attributes(signingScheme=None), header={f"{N}signingScheme": "notary.x509"}),
        "invalid",
        "no signature covers",
    ),
    "expiry-moved-out-of-the-signature": (
        lambda: jws(LEAF, GOOD, header={f"{N}expiry": "2099-01-01T00:00:00Z"}),
        "invalid",
        "no signature covers",
    ),
    "header-in-both": (lambda: jws(LEAF, GOOD, protected={"x5c": []}), "invalid", "both headers"),
    "envelope-no-json": (lambda: b"{", "invalid", "envelope cannot be read"),
    "envelope-no-object": (lambda: b"[]", "invalid", "no JSON object"),
    "envelope-compact": (lambda: b"e30.e30.AA", "invalid", "cannot be read"),
    "envelope-doubled-key": (lambda: jws(LEAF, GOOD)[:-1] + b',"payload":"e30"}', "invalid", "twice"),
    "envelope-more-members": (lambda: jws(LEAF, GOOD)[:-1] + b',"signatures":[]}', "invalid", "signatures"),
    "envelope-deep": (lambda: b'{"payload":' + b"[" * 5000 + b"]" * 5000 + b"}", "invalid", "deep"),
    "protected-doubled-key": (lambda: jws(LEAF, GOOD, raw=header(alg="ES256")), "invalid", "'alg' twice"),
    "protected-padded": (
        lambda: edited(jws(LEAF, GOOD), b'","header"', b'=","header"'),
        "invalid",
        "base64url",
    ),
    "signature-empty": (
        lambda: jws(LEAF, GOOD).split(b'"signature"')[0] + b'"signature":""}',
        "invalid",
        "does not hold",
    ),
    "signature-der": (
        lambda: jws(LEAF, GOOD).split(b'"signature"')[0] + b'"signature":"' + notary.url(b"0" * 70).encode() + b'"}',
        "invalid",
        "does not hold",
    ),
}


@pytest.mark.parametrize(("made", "verdict", "why"), FAULTS.values(), ids=FAULTS)
def test_one_fault_in_jws_is_the_verdict_that_names_it(made: Made, verdict: str, why: str, tmp_path: Path) -> None:
    trusted = [ROOT.certificate, RSA_ROOT.certificate]
    assert why in only(judged(tmp_path, NODE, signed(made()), ca_x=trusted), verdict)


def sign1(value: object, tag: int = 18) -> bytes:
    return cbor2.dumps(cbor2.CBORTag(tag, value))


COSE_FAULTS: dict[str, tuple[Made, str, str]] = {
    "not-cbor": (lambda: b"\xff", "invalid", "not CBOR"),
    "bytes-after-the-end": (lambda: cose(LEAF, GOOD) + b"\x00", "invalid", "1 byte after its end"),
    "cut-off": (lambda: cose(LEAF, GOOD)[:-1], "invalid", "not CBOR"),
    "untagged": (lambda: cbor2.dumps([b"", {}, b"", b""]), "invalid", "COSE_Sign1_Tagged"),
    "tag-of-another-kind": (lambda: cose(LEAF, GOOD, tag=98), "invalid", "COSE_Sign1_Tagged"),
    "parts-missing": (lambda: sign1([b"", {}, b""]), "invalid", "COSE_Sign1_Tagged"),
    "payload-detached": (lambda: sign1([b"", {}, None, b""]), "invalid", "COSE_Sign1_Tagged"),
    "indefinite-length": (lambda: b"\xd2\x9f" + cose(LEAF, GOOD)[2:] + b"\xff", "invalid", "not CBOR"),
    "deep": (lambda: b"\xd2" + deep(100_000), "invalid", "not CBOR"),
    "huge-length": (lambda: b"\xd2\x9b\x7f" + b"\xff" * 7, "invalid", "not CBOR"),
    "huge-string": (lambda: b"\xd2\x84\x5b\x7f" + b"\xff" * 7, "invalid", "not CBOR"),
    "shares-values": (lambda: b"\xd2\xd8\x1c\x81\xd8\x1d\x00", "invalid", "not CBOR"),
    "large-number": (lambda: cose(LEAF, GOOD, raw=b"\xa1\x01\xc2\x41\x01"), "invalid", "not CBOR"),
    "protected-doubled-key": (lambda: cose(LEAF, GOOD, raw=b"\xa2\x01\x26\x01\x26"), "invalid", "not CBOR"),
    "protected-no-map": (lambda: cose(LEAF, GOOD, raw=b"\x80"), "invalid", "no map"),
    "protected-empty": (lambda: cose(LEAF, GOOD, raw=b""), "invalid", "not CBOR"),
    "protected-changed": (
        lambda: edited(
            cose(LEAF, GOOD, attributes(expiry=NOW + DAY)),
            cbor2.dumps(int((NOW + DAY).timestamp())),
            cbor2.dumps(int((NOW + 2 * DAY).timestamp())),
        ),
        "invalid",
        "does not hold",
    ),
    "payload-changed": (
        lambda: edited(cose(LEAF, GOOD), NODE.digest.encode(), OTHER.digest.encode()),
        "invalid",
        "does not hold",
    ),
    "another-root": (lambda: cose(make(WHO, issuer=FAR_ROOT), GOOD), "untrusted", "vouches"),
    "another-digest": (lambda: cose(LEAF, FAR), "identity", "another digest"),
    "alg-absent": (lambda: cose(LEAF, GOOD, protected={1: None}), "invalid", "not stated"),
    "alg-of-a-shared-secret": (lambda: cose(LEAF, GOOD, protected={1: 5}), "invalid", "unknown"),
    "alg-of-another-key": (lambda: cose(LEAF, GOOD, protected={1: -37}), "invalid", "PS256"),
    "alg-moved": (lambda: cose(LEAF, GOOD, protected={1: None}, header={1: -7}), "invalid", "no signature covers"),
    "scheme-moved": (
        lambda: cose(LEAF, GOOD, attributes(signingScheme=None), header={f"{N}signingScheme": "notary.x509"}),
        "invalid",
        "no signature covers",
    ),
    "chain-in-both": (lambda: cose(LEAF, GOOD, protected={33: [der(LEAF.certificate)]}), "invalid", "both headers"),
    "chain-no-bytes": (lambda: cose(LEAF, GOOD, header={33: [1]}), "invalid", "no list of certificates"),
    "content-type": (lambda: cose(LEAF, GOOD, protected={3: 50}), "invalid", "content type"),
    "critical-unknown": (
        lambda: cose(LEAF, GOOD, protected={2: [f"{N}signingScheme", "x.new"], "x.new": 1}),
        "invalid",
        "not known: x.new",
    ),
    "critical-by-number": (lambda: cose(LEAF, GOOD, protected={2: [1]}), "invalid", "no list of names"),
    "time-without-a-tag": (
        lambda: cose(LEAF, GOOD, protected={f"{N}signingTime": 5}),
        "invalid",
        "no time since 1970",
    ),
    "time-no-number": (
        lambda: cose(LEAF, GOOD, protected={f"{N}signingTime": cbor2.CBORTag(1, "now")}),
        "invalid",
        "not CBOR",
    ),
    "time-beyond-the-calendar": (
        lambda: cose(LEAF, GOOD, protected={f"{N}signingTime": cbor2.CBORTag(1, 1 << 60)}),
        "invalid",
        "not CBOR",
    ),
    "hash-envelope": (lambda: cose(LEAF, b"\1" * 32, protected={3: None, 258: -16}), "unchecked", "Hash Envelope"),
    "jws-by-the-name-of-cose": (lambda: jws(LEAF, GOOD), "invalid", "CBOR"),
}


@pytest.mark.parametrize(("made", "verdict", "why"), COSE_FAULTS.values(), ids=COSE_FAULTS)
def test_one_fault_in_cose_is_the_verdict_that_names_it(made: Made, verdict: str, why: str, tmp_path: Path) -> None:
    assert why in only(judged(tmp_path, NODE, signed(made(), COSE)), verdict)


def test_an_envelope_of_another_kind_is_unchecked(tmp_path: Path) -> None:
    assert "text/plain" in only(judged(tmp_path, NODE, signed(b"x", "text/plain")), "unchecked")


def test_a_signature_over_an_index_is_one_of_each_image_below(tmp_path: Path) -> None:
    both = index([NODE, OTHER])
    report = judged(tmp_path, both, signature(both, jws(LEAF, target(both))))
    assert [one for one, _ in found(report)] == ["valid"]
    assert not report.failed


# What a policy names, and the verdict
NAMED = {
    "x509.subject: C=US, ST=WA, O=example.com": "valid",
    "x509.subject: C=US, ST=WA, O=other": "untrusted",
    "x509.subject:C=US,ST=WA,O=example.com,CN=signer": "valid",
    "x509.subject: C=US, ST=WA, O=example.com, L=Seattle": "untrusted",
}


@pytest.mark.parametrize(("identity", "verdict"), NAMED.items())
def test_a_policy_names_subjects(identity: str, verdict: str, tmp_path: Path) -> None:
    report = judged(tmp_path, NODE, signed(jws(LEAF, GOOD)), rules=(rule(trustedIdentities=[identity]),))
    only(report, verdict)


def test_a_subject_with_two_values_has_neither(tmp_path: Path) -> None:
    both = make("C=US,ST=WA,O=example.com,O=other", issuer=MID)
    rules = (rule(trustedIdentities=["x509.subject: C=US, ST=WA, O=example.com"]),)
    assert "none of those" in only(judged(tmp_path, NODE, signed(jws(both, GOOD)), rules=rules), "untrusted")


def test_what_means_something_in_a_name_is_escaped(tmp_path: Path) -> None:
    comma = make("C=US,ST=WA,O=x;y,CN=a", issuer=MID)
    for identity, verdict in (("C=US, ST=WA, O=x\\;y", "valid"), ("C=US, ST=WA, O=x\\,y", "untrusted")):
        rules = (rule(trustedIdentities=[f"x509.subject: {identity}"]),)
        only(judged(tmp_path, NODE, signed(jws(comma, GOOD)), rules=rules), verdict)


SCOPE = "docker.io/corpus/app"


def level(name: str, **override: str) -> dict[str, Any]:
    return {"signatureVerification": {"level": name, **({"override": override} if override else {})}}


OLD = make(WHO, issuer=MID, ends=NOW - DAY)
OLD_TIME = attributes(signingTime=NOW - 2 * DAY)
REVOCABLE = make(WHO, issuer=MID, more=[(AIA, False)])
# name: the envelope, the rules, the verdicts, and a piece of the sentence
POLICIES: dict[str, tuple[Made, tuple[Json, ...], list[str], str]] = {
    "scope-exact": (
        lambda: jws(LEAF, GOOD),
        (rule("a", registryScopes=[SCOPE]), rule("b", trustStores=["ca:y"])),
        ["valid"],
        "",
    ),
    "scope-global": (
        lambda: jws(LEAF, GOOD),
        (rule("a", registryScopes=["example.com/x"]), rule("b", trustStores=["ca:y"])),
        ["missing", "untrusted"],
        "trust policy b",
    ),
    "scope-of-nothing-here": (
        lambda: jws(LEAF, GOOD),
        (rule("a", registryScopes=["docker.io/corpus"]),),
        ["missing", "untrusted"],
        "no trust policy",
    ),
    "skip": (
        lambda: jws(LEAF, GOOD),
        (rule("a", "skip", registryScopes=[SCOPE], trustStores=None),),
        ["missing", "unchecked"],
        "skips",
    ),
    "store-of-another-name": (
        lambda: jws(LEAF, GOOD),
        (rule(trustStores=["ca:y"]),),
        ["missing", "untrusted"],
        "vouches",
    ),
    "expired-strict": (lambda: jws(OLD, GOOD, OLD_TIME), (rule(),), ["invalid", "missing"], "not now"),
    "expired-permissive": (lambda: jws(OLD, GOOD, OLD_TIME), (rule(level="permissive"),), ["valid"], "only logs that"),
    "expired-overridden": (
        lambda: jws(OLD, GOOD, OLD_TIME),
        (rule(**level("strict", authenticTimestamp="log")),),
        ["valid"],
        "only logs that",
    ),
    "past-its-use-permissive": (
        lambda: jws(LEAF, GOOD, attributes(signingTime=NOW - DAY, expiry=NOW - timedelta(hours=1))),
        (rule(level="permissive"),),
        ["valid"],
        "used until",
    ),
    "unknown-root-in-audit": (
        lambda: jws(make(WHO, issuer=FAR_ROOT), GOOD),
        (rule(level="audit"),),
        ["missing", "untrusted"],
        "only logs that",
    ),
    "broken-in-audit": (
        lambda: jws(LEAF, GOOD, key=MID.key),
        (rule(level="audit"),),
        ["invalid", "missing"],
        "does not hold",
    ),
    "revocation-strict": (lambda: jws(REVOCABLE, GOOD), (rule(),), ["missing", "unchecked"], "without a network"),
    "revocation-skipped": (
        lambda: jws(REVOCABLE, GOOD),
        (rule(**level("strict", revocation="skip")),),
        ["valid"],
        "revoked was not checked",
    ),
    "revocation-logged": (
        lambda: jws(REVOCABLE, GOOD),
        (rule(level="permissive"),),
        ["valid"],
        "revoked was not checked",
    ),
    "nothing-to-ask-about-revocation": (lambda: jws(LEAF, GOOD), (rule(),), ["valid"], "by its own word"),
}


@pytest.mark.parametrize(("made", "rules", "verdicts", "why"), POLICIES.values(), ids=POLICIES)
def test_a_policy_says_what_is_enforced(
    made: Made, rules: tuple[Json, ...], verdicts: list[str], why: str, tmp_path: Path
) -> None:
    stores = {"ca_x": [ROOT.certificate], "ca_y": [FAR_ROOT.certificate]}
    report = judged(tmp_path, NODE, signed(made()), rules=rules, **stores)
    assert [one for one, _ in found(report)] == verdicts
    assert any(why in message for _, message in found(report))


def test_a_policy_asks_for_signatures_of_what_it_is_for(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(tar(layout(NODE)))
    trusted = store(tmp_path / "t", {"ca_x": [ROOT.certificate]})
    nothing = rule("a", "skip", registryScopes=[SCOPE])
    for rules, verdicts in (
        ((rule(),), ["missing"]),
        ((rule(level="permissive"),), ["missing"]),
        ((rule(level="audit"),), []),
        ((nothing,), []),
        ((rule(registryScopes=["example.com/other"]),), ["missing"]),
    ):
        by = policy(tmp_path / "p.json", *rules)
        assert [one for one, _ in found(ociarchive.audit(path, trust_store=trusted, trust_policy=by))] == verdicts


def test_a_signature_of_another_kind_is_not_what_a_trust_policy_asks_for(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(tar(layout(NODE, cosign_signature(NODE))))
    trusted = store(tmp_path / "t", {"ca_x": [ROOT.certificate]})
    (_, key) = named(tmp_path, SIGNER)
    for level, verdicts in (("strict", ["missing", "valid"]), ("audit", ["valid"])):
        by = policy(tmp_path / "p.json", rule(level=level))
        report = ociarchive.audit(path, trust_store=trusted, trust_policy=by, keys=[key])
        assert [one for one, _ in found(report)] == verdicts


def test_without_a_policy_revocation_is_said_to_be_unchecked(tmp_path: Path) -> None:
    assert "revoked was not checked" in only(judged(tmp_path, NODE, signed(jws(REVOCABLE, GOOD))), "valid")


def test_a_signature_in_a_manifest_of_artifacts_is_found_and_comes_along(tmp_path: Path, cli_call: Call) -> None:
    assert "by its own word" in only(judged(tmp_path, NODE, notary.old_signature(NODE, jws(LEAF, GOOD))), "valid")
    only(judged(tmp_path, NODE, notary.old_signature(NODE, jws(LEAF, GOOD, key=MID.key))), "invalid")
    dest = tmp_path / "dest.tar"
    judged(tmp_path, NODE, notary.old_signature(NODE, jws(LEAF, GOOD)))
    assert cli_call("convert", tmp_path / "archive.tar", dest, "--to", "oci-archive").status == 0
    assert [one for one, _ in found(ociarchive.audit(dest, trust_store=tmp_path / "trusted"))] == ["valid"]


def test_an_authority_that_signs_for_others_has_its_own_store(tmp_path: Path) -> None:
    node = signed(jws(LEAF, GOOD, attributes(CLAIMED)))
    report = judged(tmp_path, NODE, node, signingAuthority_x=[ROOT.certificate])
    assert "by the word of the signing authority" in only(report, "valid")
    early = signed(jws(OLD, GOOD, attributes(CLAIMED, authenticSigningTime=NOW - 60 * DAY)))
    assert "it was signed at" in only(judged(tmp_path, NODE, early, signingAuthority_x=[ROOT.certificate]), "invalid")
    past = signed(jws(OLD, GOOD, attributes(CLAIMED, authenticSigningTime=NOW - 2 * DAY)))
    only(judged(tmp_path, NODE, past, signingAuthority_x=[ROOT.certificate]), "valid")


def stamped(holder: Holder, values: dict[str, Any], made: Writer = jws, **more: Any) -> Node:  # noqa: ANN401  what `stamp` takes
    """Sign, and stamp the signature as notation does."""
    raw = made(holder, GOOD, values)
    if made is jws:
        text = signature_of(raw)
        token = base64.b64encode(stamp(text, TSA, **more)).decode()
        return signed(raw.replace(b'"header":{', b'"header":{"' + f'{N}timestampSignature":"{token}",'.encode(), 1))
    tagged = cbor2.loads(raw).value
    free = {**tagged[1], f"{N}timestampSignature": stamp(tagged[3], TSA, **more)}
    return signed(sign1([tagged[0], free, tagged[2], tagged[3]]), COSE)


def signature_of(raw: bytes) -> bytes:
    text = raw.split(b'"signature":"')[1].split(b'"')[0]
    return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))


@pytest.mark.parametrize("made", [jws, cose])
def test_a_time_stamp_proves_that_an_old_certificate_was_valid(made: Writer, tmp_path: Path) -> None:
    node = stamped(OLD, OLD_TIME, made, when=NOW - 2 * DAY)
    report = judged(tmp_path, NODE, node, ca_x=[ROOT.certificate], tsa_t=[TSA_ROOT.certificate])
    assert "by the time stamp of CN=clock" in only(report, "valid")


STAMPS: dict[str, tuple[dict[str, Any], str, str]] = {
    "too-late": ({"when": NOW}, "invalid", "it was stamped at"),
    "over-something-else": ({"when": NOW - 2 * DAY, "over": b"other"}, "invalid", "over something else"),
    "by-another-key": ({"when": NOW - 2 * DAY, "key": MID.key}, "invalid", "does not hold"),
    "by-a-signer-of-code": (
        {"when": NOW - 2 * DAY, "by": make("CN=clock", issuer=TSA_ROOT, purposes=CODE)},
        "invalid",
        "purpose",
    ),
    "by-an-authority-for-code": (
        {"when": NOW - 2 * DAY, "by": make("CN=clock", issuer=TSA_FOR_CODE, purposes=STAMPING)},
        "invalid",
        "may not vouch for time stamping",
    ),
    "by-nobody-trusted": (
        {"when": NOW - 2 * DAY, "by": make("CN=clock", issuer=FAR_ROOT, purposes=STAMPING)},
        "invalid",
        "vouches",
    ),
    "before-the-authority": ({"when": NOW - 40 * DAY}, "invalid", "is valid from"),
    "no-token": ({"when": NOW, "raw": b"\x30\x00"}, "invalid", "cannot be read"),
    "cut-off": ({"when": NOW - 2 * DAY, "cut": 1}, "invalid", "cannot be read"),
    "not-naming-its-certificate": ({"when": NOW - 2 * DAY, "names": MID.certificate}, "invalid", "does not hold"),
}


@pytest.mark.parametrize(("how", "verdict", "why"), STAMPS.values(), ids=STAMPS)
def test_a_time_stamp_with_one_fault_proves_nothing(
    how: dict[str, Any], verdict: str, why: str, tmp_path: Path
) -> None:
    node = stamped(OLD, OLD_TIME, **how)
    report = judged(tmp_path, NODE, node, ca_x=[ROOT.certificate], tsa_t=[TSA_ROOT.certificate])
    assert why in only(report, verdict)


def test_a_time_stamp_without_a_store_for_it_is_said_to_be_unchecked(tmp_path: Path) -> None:
    old = stamped(OLD, OLD_TIME, when=NOW - 2 * DAY)
    assert "no authority (tsa)" in only(judged(tmp_path, NODE, old), "unchecked")
    fresh = stamped(LEAF, attributes(), when=NOW)
    assert "no authority (tsa)" in only(judged(tmp_path, NODE, fresh), "valid")


NO_POLICIES: dict[str, tuple[Any, str]] = {
    "no-json": (b"{", "no trust policy"),
    "no-policies": ({"version": "1.0"}, "trustPolicies"),
    "version": ({"version": "2.0", "trustPolicies": [rule()]}, "another version"),
    "doubled-key": (b'{"version":"1.0","version":"1.0","trustPolicies":[]}', "twice"),
    "no-name": ([rule(name=None)], "without a name"),
    "two-names": ([rule(), rule(registryScopes=[SCOPE])], "the name all"),
    "two-scopes": ([rule("a"), rule("b")], "the scope *"),
    "scope-with-a-star": ([rule(registryScopes=["example.com/*"])], "HOST/NAME"),
    "scope-and-star": ([rule(registryScopes=["*", SCOPE])], "HOST/NAME"),
    "scope-short": ([rule(registryScopes=["app"])], "HOST/NAME"),
    "scopes-none": ([rule(registryScopes=[])], "HOST/NAME"),
    "level": ([rule(level="lax")], "level"),
    "skip-for-all": ([rule(level="skip")], "skip"),
    "skip-overridden": ([rule(registryScopes=[SCOPE], **level("skip", expiry="log"))], "skip"),
    "override-integrity": ([rule(**level("strict", integrity="log"))], "override"),
    "override-skip-expiry": ([rule(**level("strict", expiry="skip"))], "override"),
    "store-not-there": ([rule(trustStores=["ca:none"])], "ca:none"),
    "store-without-a-type": ([rule(trustStores=["x"])], "TYPE:NAME"),
    "stores-none": ([rule(trustStores=[])], "TYPE:NAME"),
    "identities-none": ([rule(trustedIdentities=[])], "trustedIdentities"),
    "identity-without-a-state": ([rule(trustedIdentities=["x509.subject: C=US, O=x"])], "trustedIdentities"),
    "identity-of-another-kind": ([rule(trustedIdentities=["did:web:x"])], "trustedIdentities"),
    "identities-that-overlap": (
        [rule(trustedIdentities=["x509.subject: C=US, ST=WA, O=x", "x509.subject: C=US, ST=WA, O=x, CN=y"])],
        "trustedIdentities",
    ),
}


@pytest.mark.parametrize(("content", "why"), NO_POLICIES.values(), ids=NO_POLICIES)
def test_what_is_no_trust_policy_is_a_call_at_fault(content: object, why: str, tmp_path: Path, cli_call: Call) -> None:
    by = tmp_path / "policy.json"
    if isinstance(content, bytes):
        by.write_bytes(content)
    else:
        by.write_bytes(dumped(content if isinstance(content, dict) else {"version": "1.0", "trustPolicies": content}))
    (tmp_path / "a.tar").write_bytes(tar(layout(NODE)))
    trusted = store(tmp_path / "trusted", {"ca_x": [ROOT.certificate]})
    call = ("audit", tmp_path / "a.tar", "--trust-store", trusted, "--trust-policy", by)
    assert why in refused(cli_call(*call), 2)


def test_what_is_no_trust_store_is_a_call_at_fault(tmp_path: Path, cli_call: Call) -> None:
    (tmp_path / "a.tar").write_bytes(tar(layout(NODE)))

    def refusal(folder: Path) -> str:
        return refused(cli_call("audit", tmp_path / "a.tar", "--trust-store", folder), 2)

    assert "no such folder" in refusal(tmp_path / "none")
    assert "no trust store: expected a folder, found a file" in refusal(tmp_path / "a.tar")
    (empty := tmp_path / "empty").mkdir()
    assert "no certificate is in it" in refusal(empty)
    bare = store(tmp_path / "bare", {"ca_x": [ROOT.certificate]})
    (bare / "x509/ca/x/1.pem").write_bytes(
        b"-----BEGIN PUBLIC KEY-----\n" + base64.encodebytes(spki(ROOT.key)) + b"-----END PUBLIC KEY-----\n"
    )
    assert "bare public key" in refusal(bare)
    linked = store(tmp_path / "linked", {"ca_x": [ROOT.certificate]})
    (linked / "x509/ca/x/1.pem").symlink_to(bare / "x509/ca/x/0.pem")
    assert "a link in a trust store" in refusal(linked)
    far = store(tmp_path / "far", {"ca_x": [ROOT.certificate]})
    (far / "x509/ca/y").symlink_to(bare / "x509/ca/x")
    assert "a link in a trust store" in refusal(far)
    alone = ("audit", tmp_path / "a.tar", "--trust-policy", policy(tmp_path / "p.json", rule()))
    assert "--trust-store" in refused(cli_call(*alone), 2)


def test_a_folder_of_certificates_is_a_store_of_authorities(tmp_path: Path) -> None:
    folder = store(tmp_path / "plain", {"ca_x": [ROOT.certificate]}, plain=True)
    (folder / "below").mkdir()
    (folder / "below" / "more.pem").write_bytes(b"not read")
    (folder / "two.crt").write_bytes(pem(FAR_ROOT.certificate) + pem(TSA_ROOT.certificate))
    (folder / "one.der").write_bytes(der(MID.certificate))
    path = tmp_path / "a.tar"
    for holder in (LEAF, make(WHO, issuer=FAR_ROOT)):
        path.write_bytes(tar(layout(NODE, signed(jws(holder, GOOD)))))
        only(ociarchive.audit(path, trust_store=folder, require_signature=True), "valid")


def test_keys_and_a_trust_store_go_together(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(tar(layout(NODE, signed(jws(LEAF, GOOD)), signed_statement(NODE))))
    report = ociarchive.audit(path, trust_store=store(tmp_path / "t", {"ca_x": [ROOT.certificate]}))
    assert [one for one, _ in found(report)] == ["untrusted", "valid"]
    assert report.contents is not None
    assert any("trust store" in one for one in report.contents.keys)


def test_the_signers_own_word_about_the_time_decides_nothing(tmp_path: Path) -> None:
    node = signed(jws(LEAF, GOOD, attributes(signingTime=NOW - 60 * DAY)))
    assert "by its own word, when its certificates were not all valid" in only(judged(tmp_path, NODE, node), "valid")


def test_a_catalogue_never_takes_what_may_have_expired_since(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(tar(layout(NODE, signed(jws(LEAF, GOOD)))))
    trusted = store(tmp_path / "t", {"ca_x": [ROOT.certificate]})
    for _ in range(2):
        (report,) = ociarchive.audit_each([path], catalogue=tmp_path / "c.db", trust_store=trusted)
        assert report.recorded is None
        assert [one for one, _ in found(report)] == ["valid"]


def test_an_odd_certificate_makes_no_noise(tmp_path: Path, run_cli: Run) -> None:
    whole = der(LEAF.certificate)
    number = LEAF.certificate.serial_number.to_bytes(20)
    assert number in whole
    odd = whole.replace(number, b"\xff" + number[1:], 1)
    path = tmp_path / "a.tar"
    x5c = [base64.b64encode(one).decode() for one in (odd, *map(der, LEAF.above))]
    path.write_bytes(tar(layout(NODE, signed(jws(LEAF, GOOD, header={"x5c": x5c})))))
    trusted = store(tmp_path / "t", {"ca_x": [ROOT.certificate]})
    done = told(run_cli("audit", path, "--trust-store", trusted), 1)
    assert "signature-invalid" in done.stdout
    assert "Warning" not in done.stderr


def test_a_signature_in_a_manifest_with_more_is_none(tmp_path: Path) -> None:
    one, other = jws(LEAF, GOOD), jws(make(WHO, issuer=MID), GOOD)
    node = holding((one, JWS, {}), (other, JWS, {}), subject=NODE, artifact_type=notary.ARTIFACT)
    report = judged(tmp_path, NODE, node)
    assert {one for one, _ in found(report)} == {"invalid", "missing"}


def test_another_artifact_with_an_envelope_is_no_signature(tmp_path: Path) -> None:
    node = holding((jws(LEAF, GOOD), JWS, {}), subject=NODE, artifact_type="application/vnd.example")
    assert [one for one, _ in found(judged(tmp_path, NODE, node))] == ["missing"]


def test_without_a_trust_store_no_envelope_is_looked_into(tmp_path: Path) -> None:
    path, key = tmp_path / "a.tar", tmp_path / "k.pub"
    path.write_bytes(tar(layout(NODE, signed(b"no envelope", COSE))))
    key.write_bytes(key_pem(SIGNER))
    done = without("cbor2", "audit", path, "--key", key, "--format", "json")
    assert done.status == 0
    assert "--trust-store DIR" in done.stdout


def test_without_a_library_the_extra_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(tar(layout(NODE, signed(cose(LEAF, GOOD), COSE))))
    trusted = store(tmp_path / "t", {"ca_x": [ROOT.certificate]})
    for name in ("cryptography", "cbor2"):
        assert without(name, "audit", path).status == 0
        done = without(name, "audit", path, "--trust-store", trusted)
        assert done.status == 2
        assert "ociarchive[verify]" in done.stderr
        assert name in done.stderr
