"""Keys, the same every time, and signatures as cosign, DSSE and sigstore have them."""

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from tests.support.build import (
    COSIGN_SIGNATURE,
    IN_TOTO,
    OCI_CONFIG,
    OCI_EMPTY,
    OCI_MANIFEST,
    Json,
    Node,
    digest,
    dumped,
    hexed,
)

DSSE = "application/vnd.dsse.envelope.v1+json"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
COSIGN_TYPE = "cosign container image signature"
STATEMENT = "https://in-toto.io/Statement/v1"
IMAGE_SIGNATURE = "https://sigstore.dev/cosign/sign/v1"
Private = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
Sign = Callable[[bytes], bytes]

SIGNER = ed25519.Ed25519PrivateKey.from_private_bytes(b"\1" * 32)
OTHER = ed25519.Ed25519PrivateKey.from_private_bytes(b"\2" * 32)


def der(key: Private) -> bytes:
    """Give the public key's DER form."""
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def pem(key: Private) -> bytes:
    """Give the public key as a file has it."""
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def hint(key: Private) -> str:
    """Give the hint by which cosign names a key."""
    return base64.b64encode(hashlib.sha256(der(key)).digest()).decode()


def curve(kind: ec.EllipticCurve, value: int = 7) -> ec.EllipticCurvePrivateKey:
    """Make a key of a curve."""
    return ec.derive_private_key(value, kind)


def signing(key: Private, algorithm: hashes.HashAlgorithm | None = None, *, pss: bool = False) -> Sign:
    """Give what signs by a key."""
    used = algorithm or hashes.SHA256()
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return lambda data: key.sign(data, ec.ECDSA(used, deterministic_signing=True))
    way = padding.PSS(padding.MGF1(used), 20) if pss else padding.PKCS1v15()
    return lambda data: key.sign(data, way, used)


def b64(data: bytes) -> str:
    """Give base64."""
    return base64.b64encode(data).decode()


def claim(
    subject: str, *, name: str = "example.com/corpus/app", kind: str = COSIGN_TYPE, optional: Json | None = None
) -> bytes:
    """Make a payload of simple signing."""
    image = {"docker-manifest-digest": subject}
    critical = {"identity": {"docker-reference": name}, "image": image, "type": kind}
    return dumped({"critical": critical, "optional": optional})


def statement(
    *subjects: str,
    kind: str = STATEMENT,
    predicate_type: object = "https://example.com/p/v1",
    predicate: object = None,
) -> bytes:
    """Make an in-toto Statement."""
    listed = [{"name": "_", "digest": {one.partition(":")[0]: hexed(one)}} for one in subjects]
    said = {} if predicate is None else predicate
    return dumped({"_type": kind, "subject": listed, "predicateType": predicate_type, "predicate": said})


def pae(kind: str, body: bytes) -> bytes:
    """Make what DSSE signs (protocol.md)."""
    return b" ".join((b"DSSEv1", str(len(kind)).encode(), kind.encode(), str(len(body)).encode(), body))


def envelope(body: bytes, *signs: Sign, kind: str = IN_TOTO, keyid: str = "") -> Json:
    """Make an envelope of DSSE (envelope.md)."""
    made = [{"keyid": keyid, "sig": b64(sign(pae(kind, body)))} for sign in signs]
    return {"payloadType": kind, "payload": b64(body), "signatures": made}


def bundle(content: Json, *, named: str = "", **material: object) -> bytes:
    """Make a bundle of sigstore by a public key (sigstore_bundle.proto), or by other `material`."""
    about = material or {"publicKey": {"hint": named}}
    return dumped({"mediaType": BUNDLE, "verificationMaterial": about, **content})


def holding(*blobs: tuple[bytes, str, Json], subject: Node | None = None, artifact_type: str = "") -> Node:
    """Make a manifest that holds blobs, each with its media type and annotations."""
    empty = {"mediaType": OCI_EMPTY, "digest": digest(b"{}"), "size": 2}
    config, held = (empty, {digest(b"{}"): b"{}"}) if artifact_type else _config(*blobs)
    layers = [
        {"mediaType": kind, "digest": digest(data), "size": len(data), **({"annotations": notes} if notes else {})}
        for data, kind, notes in blobs
    ]
    document: Json = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": layers}
    if artifact_type:
        document["artifactType"] = artifact_type
    if subject is not None:
        document["subject"] = {key: subject.descriptor[key] for key in ("mediaType", "digest", "size")}
    data = dumped(document)
    described = {"mediaType": OCI_MANIFEST, "digest": digest(data), "size": len(data)}
    return Node(described, {digest(data): data, **held, **{digest(one): one for one, _, _ in blobs}})


def _config(*blobs: tuple[bytes, str, Json]) -> tuple[Json, dict[str, bytes]]:
    rootfs = {"type": "layers", "diff_ids": [digest(one) for one, _, _ in blobs]}
    data = dumped({"architecture": "", "os": "", "config": {}, "rootfs": rootfs})
    return {"mediaType": OCI_CONFIG, "digest": digest(data), "size": len(data)}, {digest(data): data}


def cosigned(payload: bytes, sign: Sign, **annotations: str) -> tuple[bytes, str, Json]:
    """Make the blob of a cosign signature (SIGNATURE_SPEC.md)."""
    notes = {"dev.cosignproject.cosign/signature": b64(sign(payload)), **annotations}
    return payload, COSIGN_SIGNATURE, notes


def beside(content: bytes, media_type: str, annotations: Json) -> bytes:
    """Make a file of sigstore's form that lies beside an image in a `dir` (containers/image, internal/signature)."""
    value = {"mimeType": media_type, "payload": b64(content), "annotations": annotations}
    return b"\x00sigstore-json\n" + dumped(value)


def tagged(node: Node, subject: Node, suffix: str = "sig") -> Node:
    """Name a signature as cosign names it in a registry."""
    return node.named(ref_name=f"{subject.digest.replace(':', '-')}.{suffix}")


def signature(subject: Node, key: Private = SIGNER, *, about: str = "") -> Node:
    """Make a signature of cosign over an image, attached by its tag; `about` is another digest that it signs."""
    return tagged(holding(cosigned(claim(about or subject.digest), signing(key))), subject)


def signed_statement(subject: Node, key: Private = SIGNER) -> Node:
    """Make a signed statement about an image, attached by its tag."""
    return tagged(holding((dumped(envelope(statement(subject.digest), signing(key))), DSSE, {})), subject, "att")


def signed_bundle(subject: Node, key: Private = SIGNER, hint: str = "") -> Node:
    """Make a sigstore bundle about an image, which is its subject."""
    data = bundle({"dsseEnvelope": envelope(statement(subject.digest), signing(key))}, named=hint)
    return holding((data, BUNDLE, {}), subject=subject, artifact_type=BUNDLE)


def named(folder: Path, *keys: Private) -> list[str]:
    """Write public keys, and give the options that name them."""
    options: list[str] = []
    for number, key in enumerate(keys):
        path = folder / f"key{number}.pub"
        path.write_bytes(pem(key))
        options += ["--key", str(path)]
    return options
