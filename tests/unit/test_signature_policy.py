"""Policies of containers-policy.json(5): which demands are a name's, which names fit, and what is no policy."""

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

import ociarchive
from ociarchive.auditing.demanded import SCOPES
from ociarchive.auditing.signatures import wanted
from ociarchive.errors import UsageError
from ociarchive.signing.identities import Identity, Match
from ociarchive.signing.policyfile import load_demands
from ociarchive.values import Reference
from tests.audit.making import ARM, IMAGE
from tests.support import keyless
from tests.support.build import Json, Node, index, layout, skopeo_dir
from tests.support.call import Call
from tests.support.certificates import Holder
from tests.support.certificates import pem as certificate_pem
from tests.support.keyless import (
    AUTHORITY,
    AUTHORITY_ROOT,
    CLOCK_ROOT,
    ISSUER,
    LOG,
    WHO,
    Log,
    certificate,
    entry,
    hashed_body,
    key_pem,
)
from tests.support.keyless import STRANGER as STRANGE_LOG
from tests.support.openpgp import Ring, message, payload
from tests.support.signing import (
    OTHER,
    SIGNER,
    b64,
    claim,
    cosigned,
    holding,
    pem,
    signed_bundle,
    signed_statement,
    signing,
    tagged,
)
from tests.support.tar import tar, write_folder

KEY = ed25519.Ed25519PrivateKey.from_private_bytes(b"\3" * 32)
STRANGER = ed25519.Ed25519PrivateKey.from_private_bytes(b"\4" * 32)
NODE = IMAGE.node()
REPOSITORY = "example.com/corpus/app"
NAMED = NODE.named(f"{REPOSITORY}:1.0", "1.0")
ACCEPT: Json = {"type": "insecureAcceptAnything"}
REJECT: Json = {"type": "reject"}


def key_data(key: ed25519.Ed25519PrivateKey = SIGNER) -> str:
    return base64.b64encode(pem(key)).decode()


def ring_data(key: ed25519.Ed25519PrivateKey = KEY) -> str:
    return base64.b64encode(bytes(Ring(key=key))).decode()


def sigstore(identity: Json | None = None, **members: object) -> Json:
    source = members or {"keyData": key_data()}
    return {"type": "sigstoreSigned", **source, "signedIdentity": identity or {"type": "matchRepository"}}


def signed_by(identity: Json | None = None, **members: object) -> Json:
    source = members or {"keyData": ring_data()}
    return {"type": "signedBy", "keyType": "GPGKeys", **source, **({"signedIdentity": identity} if identity else {})}


def signed(key: ed25519.Ed25519PrivateKey = SIGNER, name: str = REPOSITORY, subject: Node = NODE) -> Node:
    """Sign an image as cosign does, for a name."""
    return tagged(holding(cosigned(claim(subject.digest, name=name), signing(key))), subject)


def written(folder: Path, policy: Json, name: str = "policy.json") -> Path:
    (folder / name).write_text(json.dumps(policy))
    return folder / name


def docker(*demands: Json, scope: str = REPOSITORY) -> Json:
    return {"default": [REJECT], "transports": {"docker": {scope: [*demands]}}}


def judged(folder: Path, policy: Json, *nodes: Node, required: bool = False) -> list[tuple[str, str]]:
    path = folder / "archive.tar"
    path.write_bytes(tar(layout(*nodes)))
    return found(path, folder, policy, required=required)


def found(path: Path, folder: Path, policy: Json, *, required: bool = False) -> list[tuple[str, str]]:
    asked = written(folder, policy)
    report = ociarchive.audit(path, signature_policy=asked, require_signature=required)
    return sorted((one.rule, one.message) for one in report.findings if one.rule.startswith("signature-"))


def rules(listed: list[tuple[str, str]]) -> list[str]:
    return [rule.removeprefix("signature-") for rule, _ in listed]


# -- what is demanded of a name ----------------------------------------------------------------------------------------

OF_NAMES = {
    "example.com/a/b:1": "tag",
    "example.com/a/b": "repository",
    "example.com/a": "namespace",
    "example.com:5000": "port",
    "*.example.com": "wildcard",
    "*.com": "wider",
    "docker.io/library/busybox": "hub",
    "": "rest",
}


@pytest.mark.parametrize(
    ("name", "scope"),
    [
        ("example.com/a/b:1", "example.com/a/b:1"),
        ("example.com/a/b:2", "example.com/a/b"),
        ("example.com/a/c:1", "example.com/a"),
        ("example.com/a/b@sha256:" + "0" * 64, "example.com/a/b"),
        ("example.com:5000/x:1", "example.com:5000"),
        ("sub.example.com/x:1", "*.example.com"),
        ("a.sub.example.com/x:1", "*.example.com"),
        ("sub.example.com:5000/x:1", "*.example.com"),
        ("other.com:8443/x:1", "*.com"),
        ("other.com/x:1", "*.com"),
        ("example.com/ab:1", "*.com"),
        ("busybox:latest", "docker.io/library/busybox"),
        ("docker.io/other/busybox:latest", ""),
    ],
)
def test_the_most_specific_scope_decides(name: str, scope: str, tmp_path: Path) -> None:
    policy = {"default": [REJECT], "transports": {"docker": {one: [ACCEPT] for one in OF_NAMES}}}
    (demand,) = load_demands(str(written(tmp_path, policy)), SCOPES).of_name(Reference.parse(name))
    assert demand.where == f'transports.docker["{scope}"][0]'


def test_without_a_scope_that_fits_the_default_decides(tmp_path: Path) -> None:
    path = written(tmp_path, {"default": [REJECT], "transports": {"docker": {"a.b": [ACCEPT]}}})
    demands = load_demands(str(path), SCOPES)
    assert [one.where for one in demands.of_name(Reference.parse("c.d/e:1"))] == ["default[0]"]
    assert [one.where for one in demands.of_path("dir", "/srv/x")] == ["default[0]"]


def test_paths_have_the_scopes_of_the_folders_above(tmp_path: Path) -> None:
    policy = {
        "default": [REJECT],
        "transports": {"oci": {"/srv": [ACCEPT], "/srv/a": [REJECT]}, "docker-archive": {"": [ACCEPT]}},
    }
    demands = load_demands(str(written(tmp_path, policy)), SCOPES)
    assert demands.of_path("oci", "/srv/a/b")[0].where == 'transports.oci["/srv/a"][0]'
    assert demands.of_path("oci", "/srv/b")[0].where == 'transports.oci["/srv"][0]'
    assert demands.of_path("oci", "/srvx")[0].where == "default[0]"
    assert demands.of_path("docker-archive", "")[0].where == 'transports["docker-archive"][""][0]'


# -- which names fit ---------------------------------------------------------------------------------------------------

DIGEST = "sha256:" + "1" * 64
# match, what it names, what the image is called, what the signature says, whether it fits
FITS: list[tuple[Match, str, str, str | None, str | None, bool]] = [
    ("matchExact", "", "", "a.b/c:1", "a.b/c:1", True),
    ("matchExact", "", "", "a.b/c:1", "a.b/c:2", False),
    ("matchExact", "", "", "a.b/c:1", "a.b/c", False),
    ("matchExact", "", "", "busybox:latest", "busybox", False),
    ("matchExact", "", "", "busybox:1", "docker.io/library/busybox:1", True),
    ("matchExact", "", "", f"a.b/c@{DIGEST}", "a.b/c:1", False),
    ("matchExact", "", "", None, "a.b/c:1", False),
    ("matchExact", "", "", "a.b/c:1", None, False),
    ("matchExact", "", "", "a.b/c:1", "A:B:C", False),
    ("matchRepoDigestOrExact", "", "", "a.b/c:1", "a.b/c:1", True),
    ("matchRepoDigestOrExact", "", "", "a.b/c:1", "a.b/c:2", False),
    ("matchRepoDigestOrExact", "", "", f"a.b/c@{DIGEST}", "a.b/c:1", True),
    ("matchRepoDigestOrExact", "", "", f"a.b/c@{DIGEST}", "a.b/c", False),
    ("matchRepoDigestOrExact", "", "", f"a.b/c@{DIGEST}", "a.b/d:1", False),
    ("matchRepository", "", "", "a.b/c:1", "a.b/c:2", True),
    ("matchRepository", "", "", "a.b/c:1", "a.b/c", True),
    ("matchRepository", "", "", "a.b/c:1", "a.b/cc:1", False),
    ("matchRepository", "", "", None, "a.b/c:1", False),
    ("exactReference", "a.b/c:1", "", None, "a.b/c:1", True),
    ("exactReference", "a.b/c:1", "", "a.b/c:1", "a.b/c:2", False),
    ("exactReference", "a.b/c:1", "", None, "a.b/c", False),
    ("exactRepository", "a.b/c", "", None, "a.b/c:7", True),
    ("exactRepository", "a.b/c", "", "x.y/z:1", "a.b/c", True),
    ("exactRepository", "a.b/c", "", "a.b/c:1", "a.b/d", False),
    ("remapIdentity", "mirror.local", "vendor.com", "mirror.local/x/y:1", "vendor.com/x/y:1", True),
    ("remapIdentity", "mirror.local", "vendor.com", "mirror.local/x/y:1", "mirror.local/x/y:1", False),
    ("remapIdentity", "mirror.local", "vendor.com", "mirror.local/x/y:1", "vendor.com/x/y:2", False),
    ("remapIdentity", "mirror.local/a", "vendor.com/b", "mirror.local/a:1", "vendor.com/b:1", True),
    ("remapIdentity", "mirror.local/a", "vendor.com/b", "mirror.local/ab:1", "mirror.local/ab:1", True),
    ("remapIdentity", "mirror.local", "docker.io", "mirror.local/x/y:1", "x/y:1", True),
    ("remapIdentity", "mirror.local", "docker.io", "mirror.local/x:1", "docker.io/library/x:1", False),
    ("remapIdentity", "mirror.local", "vendor.com", "mirror.local:5000/x:1", "vendor.com:5000/x:1", False),
    ("remapIdentity", "mirror.local", "vendor.com", f"mirror.local/x@{DIGEST}", "vendor.com/x:3", True),
]


@pytest.mark.parametrize(("match", "named", "prefix", "meant", "says", "fits"), FITS)
def test_names_fit_as_in_containers_image(
    match: Match, named: str, prefix: str, meant: str | None, says: str | None, fits: bool
) -> None:
    identity = Identity(match=match, named=named, signed_prefix=prefix)
    assert identity.fits(Reference.parse(meant) if meant is not None else None, says) is fits


# -- what is no policy -------------------------------------------------------------------------------------------------

FULCIO = {"caPath": "/x", "oidcIssuer": "https://example.com", "subjectEmail": "a@example.com"}
REKOR: Json = {"rekorPublicKeyData": key_data()}
DEFAULT = {"default": [ACCEPT]}
# name: the policy, the place, and what is said of it
BROKEN: dict[str, tuple[object, str, str]] = {
    "no-object": ([], "", "no object"),
    "no-default": ({}, "", "no member default"),
    "null": ({"default": None}, ": default", "no list"),
    "empty": ({"default": []}, ": default", "an empty list"),
    "unknown-member": ({**DEFAULT, "Transports": {}}, ": Transports", "a member that no policy has"),
    "no-type": ({"default": [{}]}, ": default[0]", "no member type"),
    "unknown-type": ({"default": [ACCEPT, {"type": "signed"}]}, ": default[1].type", "no requirement 'signed'"),
    "member-of-reject": ({"default": [{**REJECT, "why": 1}]}, ": default[0].why", "a member that no policy has"),
    "transports": ({**DEFAULT, "transports": []}, ": transports", "no object"),
    "scope-of-dir": (
        {**DEFAULT, "transports": {"dir": {"here": [ACCEPT]}}}, ": transports.dir.here", "a scope that no image"
    ),
    "scope-with-dots": (
        {**DEFAULT, "transports": {"oci": {"/a/../b": [ACCEPT]}}}, ': transports.oci["/a/../b"]', "a scope that no"
    ),
    "scope-of-docker-archive": (
        {**DEFAULT, "transports": {"docker-archive": {"/a": [ACCEPT]}}}, '["docker-archive"]["/a"]', "a scope that no"
    ),
    "no-keys": (docker({"type": "signedBy", "keyType": "GPGKeys"}), "[0]", "no source of keys"),
    "two-sources": (docker(signed_by(keyData=ring_data(), keyPath="/x")), "[0]", "more than one source of keys"),
    "no-key-type": (docker({"type": "signedBy", "keyPath": "/x"}), "[0]", "no member keyType"),
    "key-type": (docker({**signed_by(), "keyType": "PEM"}), "[0].keyType", "no type of keys 'PEM'"),
    "key-path": (docker(signed_by(keyPath=1)), "[0].keyPath", "no text"),
    "empty-key-path": (docker(signed_by(keyPath="")), "[0].keyPath", "no text"),
    "key-paths": (docker(signed_by(keyPaths="/x")), "[0].keyPaths", "no list"),
    "no-key-paths": (docker(sigstore(keyPaths=[])), "[0].keyPaths", "an empty list"),
    "key-data": (docker(signed_by(keyData="%")), "[0].keyData", "no base64"),
    "key-data-is-no-keyring": (docker(signed_by(keyData=key_data())), "[0].keyData", "a key in PEM, where a keyring"),
    "key-data-is-no-key": (docker(sigstore(keyData=ring_data())), "[0].keyData", "keys of GPG, where"),
    "identity": (docker(signed_by({"type": "matchAny"})), "[0].signedIdentity.type", "no signedIdentity 'matchAny'"),
    "identity-without-a-type": (docker(signed_by({"x": 1})), "[0].signedIdentity", "no member type"),
    "identity-with-more": (
        docker(signed_by({"type": "matchExact", "x": 1})), "[0].signedIdentity.x", "a member that no policy has"
    ),
    "reference-without-a-tag": (
        docker(signed_by({"type": "exactReference", "dockerReference": "a.b/c"})),
        "[0].signedIdentity.dockerReference", "an image name without a tag",
    ),
    "repository": (
        docker(signed_by({"type": "exactRepository", "dockerRepository": "A:B:C"})),
        "[0].signedIdentity.dockerRepository", "no image name",
    ),
    "prefix": (
        docker(signed_by({"type": "remapIdentity", "prefix": "a.b/c:1", "signedPrefix": "d.e"})),
        "[0].signedIdentity.prefix", "no prefix of names",
    ),
    "familiar-prefix": (
        docker(signed_by({"type": "remapIdentity", "prefix": "a.b", "signedPrefix": "busybox"})),
        "[0].signedIdentity.signedPrefix", "no prefix of names",
    ),
    "fulcio-without-a-log": (docker(sigstore(fulcio=FULCIO)), "[0]", "fulcio without a key of a transparency log"),
    "fulcio-member": (docker(sigstore(fulcio={**FULCIO, "x": "y"}, **REKOR)), "[0].fulcio.x", "a member that"),
    "fulcio-without-an-issuer": (
        docker(sigstore(fulcio={"caPath": "/x", "subjectEmail": "a"}, **REKOR)), "[0].fulcio", "no member oidcIssuer"
    ),
    "two-logs": (
        docker(sigstore(keyData=key_data(), **REKOR, rekorPublicKeyPath="/x")), "[0]", "more than one source of keys of"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_policy_is_refused_with_its_place(name: str, tmp_path: Path) -> None:
    policy, place, words = BROKEN[name]
    path = tmp_path / "policy.json"
    path.write_text(json.dumps(policy))
    with pytest.raises(UsageError) as caught:
        load_demands(str(path), SCOPES)
    assert words in str(caught.value)
    assert caught.value.where is not None
    assert caught.value.where.startswith(str(path))
    assert caught.value.where.endswith(place)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"default": [{"type": "reject"}], "default": [{"type": "insecureAcceptAnything"}]}', "default"),
        ('{"default": [{"type": "reject", "type": "insecureAcceptAnything"}]}', "type"),
        ("{", "JSON"),
        ("/* */ {}", "JSON"),
    ],
)
def test_json_that_is_read_in_two_ways_is_no_policy(text: str, words: str, tmp_path: Path, cli_call: Call) -> None:
    (tmp_path / "archive.tar").write_bytes(tar(layout(NAMED)))
    (tmp_path / "policy.json").write_text(text)
    done = cli_call("audit", tmp_path / "archive.tar", "--policy", tmp_path / "policy.json")
    assert (done.status, words in done.stderr) == (2, True), done.stderr


# -- verdicts ----------------------------------------------------------------------------------------------------------


def test_a_policy_that_accepts_anything_says_nothing_of_signatures(tmp_path: Path) -> None:
    assert judged(tmp_path, {"default": [ACCEPT]}, NAMED, signed(OTHER)) == []


def test_what_a_policy_rejects_is_an_error_that_names_the_scope(tmp_path: Path) -> None:
    ((rule, text),) = judged(tmp_path, docker(REJECT), NAMED, signed())
    assert (rule, text) == ("signature-missing", f'the policy rejects the image (transports.docker["{REPOSITORY}"][0])')


def test_a_signature_of_sigstore_by_the_key_for_the_repository(tmp_path: Path) -> None:
    assert rules(judged(tmp_path, docker(sigstore()), NAMED, signed())) == ["valid"]
    assert rules(judged(tmp_path, docker(sigstore()), NAMED, signed(), required=True)) == ["valid"]


def test_by_default_a_signature_names_the_tag_too(tmp_path: Path) -> None:
    demand = {"type": "sigstoreSigned", "keyData": key_data()}
    assert rules(judged(tmp_path, docker(demand), NAMED, signed())) == ["identity", "missing"]
    assert rules(judged(tmp_path, docker(demand), NAMED, signed(name=f"{REPOSITORY}:1.0"))) == ["valid"]


def test_a_signature_for_another_name_is_named_with_both(tmp_path: Path) -> None:
    (identity, missing) = judged(tmp_path, docker(sigstore()), NAMED, signed(name="example.com/corpus/other"))
    assert identity[0] == "signature-identity"
    assert "it holds, but for example.com/corpus/other; the policy asks for matchRepository of" in identity[1]
    assert missing[0] == "signature-missing"


def test_a_signature_by_another_key_is_not_trusted(tmp_path: Path) -> None:
    assert rules(judged(tmp_path, docker(sigstore()), NAMED, signed(OTHER))) == ["missing", "untrusted"]


def test_all_demands_must_be_met(tmp_path: Path) -> None:
    both = docker(sigstore(), sigstore(keyData=key_data(OTHER)))
    assert rules(judged(tmp_path, both, NAMED, signed())) == ["missing", "valid"]
    two = holding(*(cosigned(json.dumps(json.loads(claim(NODE.digest)), indent=one).encode(), signing(key))
                    for one, key in enumerate((SIGNER, OTHER))))  # fmt: skip
    assert rules(judged(tmp_path, both, NAMED, tagged(two, NODE))) == ["valid", "valid"]


def test_where_one_name_fits_signatures_for_other_names_are_no_fault(tmp_path: Path) -> None:
    names = (f"{REPOSITORY}:1.0", f"{REPOSITORY}:latest")
    blobs = [cosigned(claim(NODE.digest, name=name), signing(SIGNER)) for name in names]
    exact = docker(sigstore({"type": "matchExact"}))
    listed = judged(tmp_path, exact, NAMED, tagged(holding(*blobs), NODE))
    assert rules(listed) == ["valid", "valid"]
    assert f"another signature meets the policy, this one is for {names[1]}" in "".join(text for _, text in listed)
    assert rules(judged(tmp_path, exact, NAMED, tagged(holding(blobs[1]), NODE))) == ["identity", "missing"]


def test_one_of_several_keys_is_enough(tmp_path: Path) -> None:
    demand = sigstore(keyDatas=[key_data(OTHER), key_data()])
    assert rules(judged(tmp_path, docker(demand), NAMED, signed())) == ["valid"]


def test_every_name_of_an_image_is_judged(tmp_path: Path) -> None:
    other = NODE.named("example.com/other/app:1.0", "1.0")
    listed = judged(tmp_path, docker(sigstore()), NAMED, other, signed())
    assert rules(listed) == ["missing", "valid"]
    assert listed[0][1] == "the policy rejects the image (default[0])"


def test_of_a_selected_image_the_selected_name_counts_alone(tmp_path: Path, cli_call: Call) -> None:
    path, policy = tmp_path / "archive.tar", written(tmp_path, docker(sigstore()))
    path.write_bytes(tar(layout(NAMED, NODE.named("example.com/other/app:1.0", "1.0"), signed())))
    assert cli_call("audit", path, "--policy", policy).status == 1
    assert cli_call("audit", f"{path}#{REPOSITORY}:1.0", "--policy", policy).status == 0
    assert cli_call("audit", f"{path}#example.com/other/app:1.0", "--policy", policy).status == 1


def test_an_index_that_is_signed_speaks_for_its_platforms(tmp_path: Path) -> None:
    both = index([NODE, ARM.node()])
    listed = judged(tmp_path, docker(sigstore()), both.named(f"{REPOSITORY}:1.0", "1.0"), signed(subject=both))
    assert rules(listed) == ["valid"]


def test_what_is_not_checked_here_is_said_and_never_passes(tmp_path: Path) -> None:
    for members, words in (
        ({"fulcio": FULCIO, **REKOR}, "no such file to read a certificate from"),
        ({"pki": {"caRootsPath": "/x", "subjectEmail": "a@example.com"}}, "certificates (pki) of a policy"),
        ({"keyData": key_data(), "rekorPublicKeyPath": "/x"}, "no such file to read a public key from"),
        ({"keyPath": str(tmp_path / "none.pub")}, "no such file to read a public key from"),
    ):
        missing, unchecked = judged(tmp_path, docker(sigstore(**members)), NAMED, signed())
        assert missing[0] == "signature-missing"
        assert unchecked[0] == "signature-unchecked"
        assert words in missing[1]
        assert words in unchecked[1]
    certificates = {**signed_by(), "keyType": "X509Certificates"}
    assert rules(judged(tmp_path, docker(certificates), NAMED, signed())) == ["missing"]
    base = {"type": "signedBaseLayer", "baseLayerIdentity": {"type": "matchExact"}}
    assert rules(judged(tmp_path, docker(base), NAMED, signed())) == ["missing"]


CERTIFIED = certificate(published_by=None)


def fulcio(identity: str = WHO, issuer: str = ISSUER, log: Log = LOG, ca: Holder = AUTHORITY) -> Json:
    source = {
        "caData": b64(certificate_pem(ca.certificate)), "oidcIssuer": issuer, "subjectEmail": identity,
    }  # fmt: skip
    return sigstore(fulcio=source, rekorPublicKeyData=b64(key_pem(log)))


def certified(name: str = REPOSITORY, logged: bool = True, by: Log = LOG, holder: Holder = CERTIFIED) -> Node:
    """Sign an image as cosign does with a certificate, for a name."""
    text = claim(NODE.digest, name=name)
    made = keyless.signed(holder, text)
    kept = keyless.notes(holder, entry(hashed_body(holder, text, made), key=by) if logged else None)
    return tagged(holding(cosigned(text, lambda _: made, **kept)), NODE)


URI = "https://example.com/app/.github/workflows/release.yml@refs/heads/main"
# name: the demand, the signature, the rules
BY_CERTIFICATE: dict[str, tuple[Json, Node, list[str]]] = {
    "holds": (fulcio(), certified(), ["valid"]),
    "root-as-authority": (fulcio(ca=AUTHORITY_ROOT), certified(), ["valid"]),
    "another-identity": (fulcio(identity="other@example.com"), certified(), ["missing", "untrusted"]),
    "identity-that-is-no-e-mail-address": (
        fulcio(identity=URI),
        certified(holder=certificate(URI)),
        ["missing", "untrusted"],
    ),
    "another-issuer": (fulcio(issuer="https://other.example.com"), certified(), ["missing", "untrusted"]),
    "another-authority": (fulcio(ca=CLOCK_ROOT), certified(), ["missing", "untrusted"]),
    "another-log": (fulcio(log=STRANGE_LOG), certified(), ["missing", "unchecked"]),
    "entry-by-another-log": (fulcio(), certified(by=STRANGE_LOG), ["missing", "unchecked"]),
    "without-an-entry": (fulcio(), certified(logged=False), ["missing", "unchecked"]),
    "another-name": (fulcio(), certified(name="example.com/corpus/other"), ["identity", "missing"]),
    "a-key-for-a-certificate": (fulcio(), signed(), ["missing", "untrusted"]),
    "a-certificate-for-a-key": (sigstore(), certified(), ["missing", "unchecked"]),
}


@pytest.mark.parametrize("name", BY_CERTIFICATE)
def test_a_certificate_by_the_authority_and_the_log_of_the_policy(name: str, tmp_path: Path) -> None:
    demand, node, verdicts = BY_CERTIFICATE[name]
    assert rules(judged(tmp_path, docker(demand), NAMED, node)) == verdicts


def logged(changed: str = "", by: Log = LOG, signer: ed25519.Ed25519PrivateKey = SIGNER) -> Node:
    """Sign an image by a key, with an entry of a log; `changed` is the part of it that is of something else."""
    text = claim(NODE.digest, name=REPOSITORY)
    made = signing(SIGNER)(text)
    entered = b"other" if changed == "signature" else made
    body = hashed_body(CERTIFIED, b"" if changed == "hash" else text, entered, pem(signer))
    promised = b"other" if changed == "promise" else None
    kept = keyless.notes(CERTIFIED, entry(body, key=by, promised=promised))
    only = {"dev.sigstore.cosign/bundle": kept["dev.sigstore.cosign/bundle"]}
    return tagged(holding(cosigned(text, lambda _: made, **only)), NODE)


WITH_LOG = sigstore(keyData=key_data(), rekorPublicKeyData=b64(key_pem(LOG)))
LOGGED: dict[str, tuple[Node, list[str]]] = {
    "holds": (logged(), ["valid"]),
    "without-an-entry": (signed(), ["missing", "unchecked"]),
    "another-log": (logged(by=STRANGE_LOG), ["missing", "unchecked"]),
    "another-hash": (logged("hash"), ["invalid", "missing"]),
    "another-signature": (logged("signature"), ["invalid", "missing"]),
    "another-promise": (logged("promise"), ["invalid", "missing"]),
    "another-key": (logged(signer=OTHER), ["invalid", "missing"]),
}


@pytest.mark.parametrize("name", LOGGED)
def test_a_log_of_the_policy_has_to_have_an_entry_of_a_signature_by_a_key(name: str, tmp_path: Path) -> None:
    node, verdicts = LOGGED[name]
    assert rules(judged(tmp_path, docker(WITH_LOG), NAMED, node)) == verdicts


def test_a_key_beside_a_policy_meets_none_of_its_demands(tmp_path: Path) -> None:
    path = tmp_path / "archive.tar"
    path.write_bytes(tar(layout(NAMED, signed(OTHER))))
    (tmp_path / "other.pub").write_bytes(pem(OTHER))
    policy = written(tmp_path, docker(sigstore()))
    report = ociarchive.audit(path, signature_policy=policy, keys=[tmp_path / "other.pub"])
    found = sorted(one.rule for one in report.findings if one.rule.startswith("signature-"))
    assert found == ["signature-missing", "signature-valid"]


@pytest.mark.parametrize("how", ["att", "bundle"])
def test_a_statement_by_the_key_meets_no_demand_of_a_policy(how: str, tmp_path: Path) -> None:
    """containers-policy.json(5), sigstoreSigned: signatures of images; statements about them are none."""
    node = signed_statement(NAMED) if how == "att" else signed_bundle(NAMED)
    assert rules(judged(tmp_path, docker(sigstore()), NAMED, node)) == ["missing"]


def test_a_digest_in_a_name_counts_where_it_is_the_digest_of_the_image_alone(tmp_path: Path) -> None:
    """In a registry a name with a digest leads to what has that digest; in an archive anybody may write one."""
    far = "sha256:" + "5" * 64
    older = signed(name=f"{REPOSITORY}:0.9")
    exact = sigstore({"type": "matchRepoDigestOrExact"})
    for digest, known, by_scope in ((NODE.digest, ["valid"], []), (far, ["identity", "missing"], ["missing"])):
        image = NODE.named(f"{REPOSITORY}@{digest}", f"{REPOSITORY}@{digest}")
        assert rules(judged(tmp_path, docker(exact), image, older)) == known
        listed = {"default": [REJECT], "transports": {"docker": {f"{REPOSITORY}@{digest}": [ACCEPT]}}}
        assert rules(judged(tmp_path, listed, image)) == by_scope
    both = index([NODE, ARM.node()])
    image = both.named(f"{REPOSITORY}@{both.digest}", f"{REPOSITORY}@{both.digest}")
    assert rules(judged(tmp_path, docker(exact), image, signed(name=f"{REPOSITORY}:0.9", subject=both))) == ["valid"]


def test_an_image_in_the_folder_of_a_registry_is_judged_by_its_name(tmp_path: Path, cli_call: Call) -> None:
    home, source = tmp_path / "registry", tmp_path / "source.tar"
    source.write_bytes(tar(layout(NODE.named("docker.io/corpus/app:1.0", "1.0"), signed())))
    assert cli_call("convert", source, home, "--to", "registry-storage").status == 0
    demand = sigstore({"type": "exactRepository", "dockerRepository": REPOSITORY})
    assert rules(found(home, tmp_path, docker(demand, scope="docker.io/corpus/app"))) == ["valid"]
    assert rules(found(home, tmp_path, docker(demand, scope="docker.io/corpus/b"))) == ["missing"]


def test_the_report_names_the_policy_and_its_keys(tmp_path: Path) -> None:
    path = tmp_path / "archive.tar"
    path.write_bytes(tar(layout(NAMED, signed())))
    policy = written(tmp_path, docker(sigstore()))
    contents = ociarchive.audit(path, signature_policy=policy).contents
    assert contents is not None
    first, second = contents.keys
    assert first.startswith(f"{policy} (policy, sha256:")
    assert second.startswith(f'{policy}: transports.docker["{REPOSITORY}"][0].keyData (Ed25519, sha256:')


# -- simple signing, and what skopeo says of the same policies ---------------------------------------------------------

SIGNED = message(KEY, payload(NODE.digest, f"{REPOSITORY}:1.0"))
EXACT = {"type": "exactReference", "dockerReference": f"{REPOSITORY}:1.0"}
# name: the policy for the folder, and the rules
OF_A_DIR: dict[str, tuple[Json, list[str]]] = {
    "accepted": (ACCEPT, []),
    "rejected": (REJECT, ["missing"]),
    "reference": (signed_by(EXACT), ["valid"]),
    "other-tag": (signed_by({**EXACT, "dockerReference": f"{REPOSITORY}:2.0"}), ["identity", "missing"]),
    "repository": (signed_by({"type": "exactRepository", "dockerRepository": REPOSITORY}), ["valid"]),
    "other-repository": (
        signed_by({"type": "exactRepository", "dockerRepository": "example.com/corpus"}), ["identity", "missing"]
    ),
    "the-image-has-no-name": (signed_by(), ["identity", "missing"]),
    "no-name-to-be-exact": (signed_by({"type": "matchExact"}), ["identity", "missing"]),
    "no-repository": (signed_by({"type": "matchRepository"}), ["identity", "missing"]),
    "stranger": (signed_by(EXACT, keyData=ring_data(STRANGER)), ["missing", "untrusted"]),
}  # fmt: skip


def dir_policy(path: Path, demand: Json) -> Json:
    return {"default": [REJECT], "transports": {"dir": {os.path.realpath(path): [demand]}}}


@pytest.mark.skipif(shutil.which("gpgv") is None, reason="not there: gpgv")
@pytest.mark.parametrize("name", OF_A_DIR)
def test_a_dir_is_judged_by_its_path(name: str, tmp_path: Path) -> None:
    demand, verdicts = OF_A_DIR[name]
    path = write_folder(tmp_path / "signed", skopeo_dir(NODE, signatures=[SIGNED]))
    assert rules(found(path, tmp_path, dir_policy(tmp_path, demand))) == verdicts


@pytest.mark.interop
@pytest.mark.skipif(shutil.which("skopeo") is None, reason="not there: skopeo")
@pytest.mark.skipif(shutil.which("gpgv") is None, reason="not there: gpgv")
@pytest.mark.parametrize("name", OF_A_DIR)
def test_skopeo_takes_what_passes_and_refuses_what_fails(name: str, tmp_path: Path) -> None:
    demand, verdicts = OF_A_DIR[name]
    path = write_folder(tmp_path / "signed", skopeo_dir(NODE, signatures=[SIGNED]))
    policy = written(tmp_path, dir_policy(tmp_path, demand))
    call = [
        "skopeo",
        "--policy",
        str(policy),
        "copy",
        "-q",
        "--remove-signatures",
        f"dir:{path}",
        f"dir:{tmp_path}/copy",
    ]
    done = subprocess.run(call, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert (done.returncode == 0) == ("missing" not in verdicts), done.stderr


@pytest.mark.skipif(shutil.which("gpgv") is None, reason="not there: gpgv")
def test_a_keyring_in_a_file_of_the_policy(tmp_path: Path) -> None:
    (tmp_path / "keys.gpg").write_bytes(bytes(Ring(key=KEY)))
    (tmp_path / "more.gpg").write_bytes(bytes(Ring(key=STRANGER)))
    path = write_folder(tmp_path / "signed", skopeo_dir(NODE, signatures=[SIGNED]))
    files = [str(tmp_path / one) for one in ("more.gpg", "keys.gpg")]
    for members in ({"keyPath": files[1]}, {"keyPaths": files}):
        assert rules(found(path, tmp_path, dir_policy(path, signed_by(EXACT, **members)))) == ["valid"]


def test_without_gpgv_a_demand_for_gpg_is_never_met(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    path = write_folder(tmp_path / "signed", skopeo_dir(NODE, signatures=[SIGNED]))
    missing, unchecked = found(path, tmp_path, dir_policy(path, signed_by(EXACT)))
    assert (missing[0], unchecked[0]) == ("signature-missing", "signature-unchecked")
    assert "without the program gpgv" in missing[1]


def test_a_policy_and_what_its_files_hold_decide_whether_a_catalogue_audits_again(tmp_path: Path) -> None:
    path = tmp_path / "signer.pub"
    policy = written(tmp_path, docker(sigstore(keyPath=str(path))))

    def terms() -> list[object]:
        asked = wanted(policy=str(policy))
        assert asked is not None
        return asked.terms

    path.write_bytes(pem(SIGNER))
    first = terms()
    assert terms() == first
    path.write_bytes(pem(OTHER))
    second = terms()
    path.unlink()
    third = terms()
    policy.write_text(policy.read_text() + "\n")
    assert len({json.dumps(one) for one in (first, second, third, terms())}) == 4
