"""Keyless signatures of sigstore made for tests: an authority, logs, a clock, and what they say of a signature."""

import base64
import hashlib
import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from tests.support.build import Json, Node, dumped, sha256
from tests.support.certificates import NOW, STAMPING, Holder, Signer, der, make, pem, spki
from tests.support.signing import IMAGE_SIGNATURE, b64, claim, cosigned, envelope, holding, pae, statement, tagged
from tests.support.stamps import stamp, tlv

BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
ROOT_KIND = "application/vnd.dev.sigstore.trustedroot+json;version=0.1"
WHO, ISSUER = "releases@example.com", "https://accounts.example.com"
SIGNED = NOW - timedelta(days=100)
_SCT = "1.3.6.1.4.1.11129.2.4.2"
_FULCIO = "1.3.6.1.4.1.57264.1"
_OLD = SIGNED - timedelta(days=1000)

AUTHORITY_ROOT = make("O=example.com,CN=authority", authority=True, begins=_OLD, ends=NOW + timedelta(days=9))
AUTHORITY = make("O=example.com,CN=between", issuer=AUTHORITY_ROOT, authority=True, begins=_OLD, ends=NOW)
CLOCK_ROOT = make("CN=clocks", authority=True, begins=_OLD, ends=NOW)
CLOCK = make("CN=clock", issuer=CLOCK_ROOT, purposes=STAMPING, begins=_OLD, ends=NOW)
LOG, NEW_LOG, CERTIFICATE_LOG = (
    ec.derive_private_key(11, ec.SECP256R1()),
    ed25519.Ed25519PrivateKey.from_private_bytes(b"\7" * 32),
    ec.derive_private_key(13, ec.SECP256R1()),
)
STRANGER = ec.derive_private_key(17, ec.SECP256R1())
Log = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def log_id(key: Log) -> bytes:
    """Give the name of a log: the hash of its key."""
    return hashlib.sha256(spki(key)).digest()


def made_by(key: Log, data: bytes) -> bytes:
    """Sign as a log does."""
    return key.sign(data) if isinstance(key, ed25519.Ed25519PrivateKey) else key.sign(data, ec.ECDSA(hashes.SHA256()))


def proof_of_publication(
    holder: Holder, issuer: Holder, by: ec.EllipticCurvePrivateKey, named: Log | None = None
) -> bytes:
    """Make the list with one signed certificate timestamp (RFC 6962, 3.2), as an extension has it."""
    when = int(SIGNED.timestamp() * 1000).to_bytes(8)
    inner = holder.certificate.tbs_certificate_bytes
    key = hashlib.sha256(spki(issuer.key)).digest()
    signed = made_by(by, b"\0\0" + when + b"\0\1" + key + len(inner).to_bytes(3) + inner + b"\0\0")
    one = b"\0" + log_id(named or by) + when + b"\0\0\4\3" + len(signed).to_bytes(2) + signed
    listed = len(one).to_bytes(2) + one
    return tlv(0x04, len(listed).to_bytes(2) + listed)


def certificate(
    who: str = WHO,
    by_word_of: str | None = ISSUER,
    *,
    issuer: Holder = AUTHORITY,
    begins: datetime = SIGNED,
    published_by: ec.EllipticCurvePrivateKey | None = CERTIFICATE_LOG,
    published_as: Log | None = None,
    purposes: Sequence[x509.ObjectIdentifier] | None = None,
    old: bool = False,
    first: str = "",
    more: Sequence[tuple[x509.ExtensionType, bool]] = (),
    key: Signer | None = None,
) -> Holder:
    """Issue a certificate of ten minutes as Fulcio does; `old` has the issuer as it was written first alone."""
    name: x509.GeneralName
    if who.startswith("https:"):
        name = x509.UniformResourceIdentifier(who)
    elif "@" in who:
        name = x509.RFC822Name(who)
    else:
        name = x509.OtherName(x509.ObjectIdentifier(f"{_FULCIO}.7"), tlv(0x0C, who.encode()))
    said: list[tuple[x509.ExtensionType, bool]] = [(x509.SubjectAlternativeName([name]), True), *more]
    if by_word_of is not None:
        written = {"1": (first or by_word_of).encode()} | ({} if old else {"8": tlv(0x0C, by_word_of.encode())})
        for number, raw in written.items():
            said.append((x509.UnrecognizedExtension(x509.ObjectIdentifier(f"{_FULCIO}.{number}"), raw), False))
    key, serial = key or ec.generate_private_key(ec.SECP256R1()), x509.random_serial_number()

    def issued(extra: list[tuple[x509.ExtensionType, bool]]) -> Holder:
        return make(
            "", key, issuer, begins=begins, ends=begins + timedelta(minutes=10), purposes=purposes,
            more=[*said, *extra], serial=serial,
        )  # fmt: skip

    plain = issued([])
    if published_by is None:
        return plain
    proof = proof_of_publication(plain, issuer, published_by, published_as)
    return issued([(x509.UnrecognizedExtension(x509.ObjectIdentifier(_SCT), proof), False)])


def signed(holder: Holder, data: bytes) -> bytes:
    """Sign with the key of a certificate."""
    assert isinstance(holder.key, ec.EllipticCurvePrivateKey)
    return holder.key.sign(data, ec.ECDSA(hashes.SHA256()))


def hashed_body(holder: Holder, message: bytes, signature: bytes, verifier: bytes | None = None) -> bytes:
    """Make the body of hashedrekord 0.0.1."""
    key = {"content": b64(verifier or pem(holder.certificate))}
    spec = {"data": {"hash": {"algorithm": "sha256", "value": sha256(message)}}}
    return dumped(
        {
            "apiVersion": "0.0.1",
            "kind": "hashedrekord",
            "spec": {**spec, "signature": {"content": b64(signature), "publicKey": key}},
        }
    )


def hashed_body_2(holder: Holder, message: bytes, signature: bytes) -> bytes:
    """Make the body of hashedrekord 0.0.2."""
    verifier = {"keyDetails": "PKIX_ECDSA_P256_SHA_256", "x509Certificate": {"rawBytes": b64(der(holder.certificate))}}
    data = {"algorithm": "SHA2_256", "digest": b64(hashlib.sha256(message).digest())}
    inner = {"data": data, "signature": {"content": b64(signature), "verifier": verifier}}
    return dumped({"apiVersion": "0.0.2", "kind": "hashedrekord", "spec": {"hashedRekordV002": inner}})


def dsse_body(holder: Holder, payload: bytes, signature: bytes) -> bytes:
    """Make the body of dsse 0.0.1."""
    one = {"signature": b64(signature), "verifier": b64(pem(holder.certificate))}
    hashed = {"algorithm": "sha256", "value": sha256(payload)}
    spec = {"envelopeHash": hashed, "payloadHash": hashed, "signatures": [one]}
    return dumped({"apiVersion": "0.0.1", "kind": "dsse", "spec": spec})


def dsse_body_2(holder: Holder, payload: bytes, signature: bytes) -> bytes:
    """Make the body of dsse 0.0.2."""
    one = {"content": b64(signature), "verifier": {"x509Certificate": {"rawBytes": b64(der(holder.certificate))}}}
    digest = {"algorithm": "SHA2_256", "digest": b64(hashlib.sha256(payload).digest())}
    return dumped(
        {"apiVersion": "0.0.2", "kind": "dsse", "spec": {"dsseV002": {"payloadHash": digest, "signatures": [one]}}}
    )


def intoto_body(holder: Holder, payload: bytes, signature: bytes) -> bytes:
    """Make the body of intoto 0.0.2."""
    one = {"sig": b64(b64(signature).encode()), "publicKey": b64(pem(holder.certificate))}
    content = {"envelope": {"signatures": [one]}, "payloadHash": {"algorithm": "sha256", "value": sha256(payload)}}
    return dumped({"apiVersion": "0.0.2", "kind": "intoto", "spec": {"content": content}})


def intoto_body_1(holder: Holder, blob: bytes) -> bytes:
    """Make the body of intoto 0.0.1."""
    content = {"hash": {"algorithm": "sha256", "value": sha256(blob)}}
    return dumped(
        {
            "apiVersion": "0.0.1",
            "kind": "intoto",
            "spec": {"content": content, "publicKey": b64(pem(holder.certificate))},
        }
    )


def tree(leaves: Sequence[bytes], index: int) -> tuple[bytes, list[bytes]]:
    """Give the root of a tree and the proof of one leaf (RFC 6962, 2.1)."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest(), []
    middle = 1
    while middle * 2 < len(leaves):
        middle *= 2
    below = index < middle
    left, path = tree(leaves[:middle], index if below else 0)
    right, other = tree(leaves[middle:], 0 if below else index - middle)
    root = hashlib.sha256(b"\1" + left + right).digest()
    return root, [*path, right] if below else [*other, left]


def entry(
    body: bytes,
    *,
    key: Log = LOG,
    named: Log | None = None,
    when: datetime | None = SIGNED + timedelta(minutes=1),
    index: int = 5,
    size: int = 7,
    promise: bool = True,
    proof: bool = True,
    promised: bytes | None = None,
    **changed: object,
) -> Json:
    """Make an entry of a log, as bundles have it; `changed` are members of its inclusion proof."""
    leaves = [str(number).encode() for number in range(size)]
    leaves[index] = body
    root, path = tree(leaves, index)
    name = log_id(named or key)
    made: Json = {
        "logIndex": str(index + 1000),
        "logId": {"keyId": b64(name)},
        "kindVersion": {"kind": json.loads(body)["kind"], "version": json.loads(body)["apiVersion"]},
        "canonicalizedBody": b64(body),
    }
    if when is not None:
        made["integratedTime"] = str(int(when.timestamp()))
    if promise:
        text = {
            "body": b64(promised or body),
            "integratedTime": int((when or NOW).timestamp()),
            "logID": name.hex(),
            "logIndex": index + 1000,
        }
        made["inclusionPromise"] = {"signedEntryTimestamp": b64(made_by(key, dumped(text)))}
    if proof:
        note = f"log.example.com - 1\n{size}\n{b64(root)}\n"
        line = f"\u2014 log.example.com {b64(name[:4] + made_by(key, note.encode()))}\n"
        inner = {
            "logIndex": str(index),
            "rootHash": b64(root),
            "treeSize": str(size),
            "hashes": [b64(one) for one in path],
        }
        made["inclusionProof"] = {**inner, "checkpoint": {"envelope": f"{note}\n{line}"}, **changed}
    return made


def stamped(signature: bytes, when: datetime = SIGNED + timedelta(minutes=2), **more: object) -> Json:
    """Stamp a signature as bundles have it."""
    token = stamp(signature, CLOCK, when=when, response=True, **more)  # type: ignore[arg-type]  # what it takes
    return {"rfc3161Timestamps": [{"signedTimestamp": b64(token)}]}


def bundle(holder: Holder, content: Json, entries: Sequence[Json], *, kind: str = BUNDLE, **material: object) -> bytes:
    """Make a bundle with a certificate."""
    about = {"certificate": {"rawBytes": b64(der(holder.certificate))}, "tlogEntries": list(entries), **material}
    held = {name: value for name, value in about.items() if value is not None}
    return dumped({"mediaType": kind, "verificationMaterial": held, **content})


def statement_bundle(subject: Node, holder: Holder, **how: object) -> bytes:
    """Make a bundle with a signed statement about an image."""
    body = statement(subject.digest, predicate_type=IMAGE_SIGNATURE)
    made = signed(holder, pae("application/vnd.in-toto+json", body))
    content = {"dsseEnvelope": envelope(body, lambda _: made)}
    return bundle(holder, content, [entry(dsse_body(holder, body, made), **how)])  # type: ignore[arg-type]  # what it takes


def attached(subject: Node, data: bytes) -> Node:
    """Attach a bundle to an image."""
    return holding((data, BUNDLE, {}), subject=subject, artifact_type=BUNDLE)


def notes(holder: Holder | None, logged: Json | None) -> dict[str, str]:
    """Make the annotations with which cosign keeps a certificate and an entry."""
    kept = {}
    if holder is not None:
        kept["dev.sigstore.cosign/certificate"] = pem(holder.certificate).decode()
        kept["dev.sigstore.cosign/chain"] = "".join(pem(one).decode() for one in holder.above)
    if logged is not None:
        payload = {
            "body": logged["canonicalizedBody"],
            "integratedTime": int(logged["integratedTime"]),
            "logIndex": int(logged["logIndex"]),
            "logID": base64.b64decode(logged["logId"]["keyId"]).hex(),
        }
        promise = logged["inclusionPromise"]["signedEntryTimestamp"]
        kept["dev.sigstore.cosign/bundle"] = dumped({"SignedEntryTimestamp": promise, "Payload": payload}).decode()
    return kept


def cosign(subject: Node, holder: Holder, *, about: str = "", logged: bool = True) -> Node:
    """Make a signature of cosign with a certificate, attached by its tag."""
    payload = claim(about or subject.digest)
    made = signed(holder, payload)
    kept = notes(holder, entry(hashed_body(holder, payload, made)) if logged else None)
    return tagged(holding(cosigned(payload, lambda _: made, **kept)), subject)


def by_key(subject: Node, mine: Log, *, verifier: bytes | None = None, **how: object) -> Node:
    """Make a signature of cosign by a key that has no certificate, with an entry of a log; `how` is of the entry."""
    payload = claim(subject.digest)
    made = made_by(mine, payload)
    body = hashed_body(AUTHORITY, payload, made, verifier or key_pem(mine))
    kept = notes(None, entry(body, **how))  # type: ignore[arg-type]  # what it takes
    return tagged(holding(cosigned(payload, lambda _: made, **kept)), subject)


def log(key: Log, name: str = "log.example.com", begins: datetime = _OLD, ends: datetime | None = None) -> Json:
    """Describe a log for a trusted root."""
    period = {"start": begins.strftime("%Y-%m-%dT%H:%M:%SZ")} | (
        {"end": ends.strftime("%Y-%m-%dT%H:%M:%SZ")} if ends else {}
    )
    details = "PKIX_ED25519" if isinstance(key, ed25519.Ed25519PrivateKey) else "PKIX_ECDSA_P256_SHA_256"
    return {
        "baseUrl": f"https://{name}",
        "hashAlgorithm": "SHA2_256",
        "publicKey": {"rawBytes": b64(spki(key)), "keyDetails": details, "validFor": period},
        "logId": {"keyId": b64(log_id(key))},
    }


def authority(holder: Holder, begins: datetime = _OLD, ends: datetime | None = None) -> Json:
    """Describe an authority for a trusted root."""
    period = {"start": begins.strftime("%Y-%m-%dT%H:%M:%SZ")} | (
        {"end": ends.strftime("%Y-%m-%dT%H:%M:%SZ")} if ends else {}
    )
    about = {"subject": {"organization": "example.com", "commonName": "x"}, "uri": "https://example.com"}
    return {
        **about,
        "certChain": {"certificates": [{"rawBytes": b64(der(one))} for one in holder.chain]},
        "validFor": period,
    }


def trusted_root(**changed: object) -> bytes:
    """Make a trusted root of the deployment; None takes a member out."""
    made = {
        "mediaType": ROOT_KIND,
        "tlogs": [log(LOG), log(NEW_LOG, "log2.example.com")],
        "certificateAuthorities": [authority(AUTHORITY)],
        "ctlogs": [log(CERTIFICATE_LOG, "ct.example.com")],
        "timestampAuthorities": [authority(CLOCK)],
        **changed,
    }
    return dumped({name: value for name, value in made.items() if value is not None})


def key_pem(key: Log) -> bytes:
    """Give a bare key as a file has it."""
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
