"""Notary Project signatures made for tests by the specification: envelopes in JWS and COSE, trust stores, policies."""

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from tests.support.build import Json, Node, digest, dumped, edited
from tests.support.certificates import NOW, Holder, Signer, der, pem
from tests.support.signing import holding

OLD_MANIFEST = "application/vnd.oci.artifact.manifest.v1+json"
ARTIFACT = "application/vnd.cncf.notary.signature"
JWS, COSE = "application/jose+json", "application/cose"
PAYLOAD = "application/vnd.cncf.notary.payload.v1+json"
N = "io.cncf.notary."
_JOSE = {2048: "PS256", 3072: "PS384", 4096: "PS512", 256: "ES256", 384: "ES384", 521: "ES512"}
_COSE = {"PS256": -37, "PS384": -38, "PS512": -39, "ES256": -7, "ES384": -35, "ES512": -36}
_HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
Sign = Callable[[bytes], bytes]


def url(data: bytes) -> str:
    """Give base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def algorithm(key: Signer) -> str:
    """Give the algorithm of a key."""
    assert not isinstance(key, Mapping)
    return _JOSE.get(getattr(key, "key_size", 0), "PS256")


def signed(key: Signer, message: bytes, name: str | None = None, salt: int | None = None) -> bytes:
    """Sign as JWS and COSE do."""
    used = _HASHES[(name or algorithm(key))[2:]]
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(message, padding.PSS(padding.MGF1(used), salt or padding.PSS.DIGEST_LENGTH), used)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    numbers = utils.decode_dss_signature(key.sign(message, ec.ECDSA(used)))
    return b"".join(one.to_bytes((key.key_size + 7) // 8) for one in numbers)


def target(node: Node, **changed: object) -> Json:
    """Make a payload about a manifest."""
    about = {name: node.descriptor[name] for name in ("mediaType", "digest", "size")}
    return {"targetArtifact": {**about, **changed}}


def attributes(scheme: str = "notary.x509", **more: object) -> dict[str, Any]:
    """Make signed attributes; a moment is a datetime, None takes one out."""
    when = "signingTime" if scheme == "notary.x509" else "authenticSigningTime"
    made = {f"{N}signingScheme": scheme, f"{N}{when}": NOW, **{f"{N}{name}": value for name, value in more.items()}}
    return {name: value for name, value in made.items() if value is not None}


def critical(values: Iterable[str]) -> list[str]:
    """Give the attributes that have to be marked as critical."""
    return [one for one in values if one.startswith(N) and one != f"{N}signingTime"]


def _texts(values: Mapping[str, Any]) -> Json:
    shown = {
        name: one.strftime("%Y-%m-%dT%H:%M:%SZ") if hasattr(one, "strftime") else one for name, one in values.items()
    }
    return dict(shown)


def jws(
    holder: Holder,
    payload: Json | bytes,
    values: Mapping[str, Any] | None = None,
    *,
    protected: Mapping[str, Any] | None = None,
    header: Mapping[str, Any] | None = None,
    chain: Iterable[x509.Certificate] | None = None,
    key: Signer | None = None,
    raw: bytes | None = None,
    salt: int | None = None,
) -> bytes:
    """Make a JWS envelope; `protected` and `header` change members, None takes one out; `raw` replaces the header."""
    values = attributes() if values is None else values
    name = algorithm(holder.key)
    headers = {"alg": name, "cty": PAYLOAD, "crit": critical(values), **_texts(values), **(protected or {})}
    first = url(raw or json.dumps({one: value for one, value in headers.items() if value is not None}).encode())
    second = url(payload if isinstance(payload, bytes) else dumped(payload))
    used = headers["alg"] if headers["alg"] in _COSE and headers["alg"][0] == name[0] else name
    signature = signed(key or holder.key, f"{first}.{second}".encode(), used, salt)
    free = {"x5c": [base64.b64encode(der(one)).decode() for one in chain or holder.chain], **(header or {})}
    free = {one: value for one, value in free.items() if value is not None}
    return dumped({"payload": second, "protected": first, "header": free, "signature": url(signature)})


def cose(
    holder: Holder,
    payload: Json | bytes,
    values: Mapping[str, Any] | None = None,
    *,
    protected: Mapping[Any, Any] | None = None,
    header: Mapping[Any, Any] | None = None,
    raw: bytes | None = None,
    tag: int = 18,
) -> bytes:
    """Make a COSE envelope; as above."""
    values = attributes() if values is None else values
    moments = {
        name: cbor2.CBORTag(1, int(one.timestamp())) if hasattr(one, "strftime") else one
        for name, one in values.items()
    }
    headers = {1: _COSE[algorithm(holder.key)], 2: critical(values), 3: PAYLOAD, **moments, **(protected or {})}
    first = raw if raw is not None else cbor2.dumps({one: value for one, value in headers.items() if value is not None})
    body = payload if isinstance(payload, bytes) else dumped(payload)
    signature = signed(holder.key, cbor2.dumps(["Signature1", first, b"", body]))
    free = {33: [der(one) for one in holder.chain], **(header or {})}
    free = {one: value for one, value in free.items() if value is not None}
    return cbor2.dumps(cbor2.CBORTag(tag, [first, free, body, signature]))


def signature(subject: Node, envelope: bytes, kind: str = JWS, *, config: bool = False) -> Node:
    """Make the manifest of a signature: its artifact type, or the media type of its config, says what it is."""
    node = holding((envelope, kind, {}), subject=subject, artifact_type=ARTIFACT)
    if not config:
        return node

    def change(document: Json) -> None:
        del document["artifactType"]
        document["config"]["mediaType"] = ARTIFACT

    return edited(node, change)


def old_signature(subject: Node, envelope: bytes, kind: str = JWS) -> Node:
    """Make the manifest of a signature as notation wrote it before 1.0: one of artifacts, without a config."""
    blob = {"mediaType": kind, "digest": digest(envelope), "size": len(envelope)}
    about = {key: subject.descriptor[key] for key in ("mediaType", "digest", "size")}
    data = dumped({"mediaType": OLD_MANIFEST, "artifactType": ARTIFACT, "blobs": [blob], "subject": about})
    described = {"mediaType": OLD_MANIFEST, "digest": digest(data), "size": len(data)}
    return Node(described, {digest(data): data, digest(envelope): envelope})


def store(folder: Path, named: Mapping[str, Iterable[x509.Certificate]], *, plain: bool = False) -> Path:
    """Write a trust store. `ca_x` is the store x of the type ca; plain: the folder itself holds them."""
    for name, certificates in named.items():
        kind, _, called = name.partition("_")
        below = folder if plain else folder / "x509" / kind / called
        below.mkdir(parents=True, exist_ok=True)
        for number, one in enumerate(certificates):
            (below / f"{number}.pem").write_bytes(pem(one))
    return folder


def policy(path: Path, *rules: Json, version: str = "1.0") -> Path:
    """Write a trust policy."""
    path.write_bytes(dumped({"version": version, "trustPolicies": list(rules)}))
    return path


def rule(name: str | None = "all", level: str = "strict", **members: object) -> Json:
    """Make one policy: for everything, by the store `x`, of whoever it vouches for."""
    made: Json = {
        "name": name,
        "registryScopes": ["*"],
        "signatureVerification": {"level": level},
        "trustStores": ["ca:x"],
        "trustedIdentities": ["*"],
    }
    return {**made, **members}
