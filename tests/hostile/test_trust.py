"""Keyrings, policies and settings that a call names: small files that would mean much work."""

import json
from pathlib import Path

import pytest
from cryptography import x509

from ociarchive.signing.certificates import Certificate
from ociarchive.signing.notary.names import has_name, parse_name
from ociarchive.signing.openpgp import joined
from ociarchive.signing.policyfile import load_demands
from tests.hostile.process import bounded, run
from tests.support import certificates
from tests.support.build import Json
from tests.support.signing import SIGNER, pem

RINGS = {
    "packets-5-million": b"\xc6\x00" * 5_000_000,
    "armors-that-never-end": b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n" * 260_000,
    "a-key-of-9-mb": b"\xc6\xff" + (9_000_000).to_bytes(4) + b"\x04\0\0\0\0\x01\xff\xff" + b"\xff" * 8_999_992,
}
SETTINGS = {
    "a-key-of-two-million-parts": b"a" + b".a" * 2_000_000 + b" = 1",
    "a-key-of-260-000-parts": b"a" + b".a" * 260_000 + b" = 1",
    "keys-of-2-500-parts": b"".join(b"a" + b".a" * 2_498 + b".b%d = 1\n" % number for number in range(103)),
    "tables-420-000": b"".join(b"[a%d]\n" % number for number in range(420_000)),
}


@pytest.mark.parametrize("name", RINGS)
def test_a_keyring_that_is_none(name: str, source: Path, tmp_path: Path) -> None:
    ring = tmp_path / "ring"
    ring.write_bytes(RINGS[name])
    ended = run("audit", source, "--keyring", ring, place=tmp_path)
    bounded(ended, 2)
    assert "no keyring" in ended.stderr


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_that_are_none(name: str, source: Path, tmp_path: Path) -> None:
    settings = tmp_path / "ociarchive.toml"
    settings.write_bytes(SETTINGS[name])
    bounded(run("audit", source, "--config", settings, place=tmp_path), 2)


def _rule(**members: object) -> Json:
    return {
        "name": "one", "registryScopes": ["*"], "signatureVerification": {"level": "strict"},
        "trustStores": ["ca:s"], "trustedIdentities": ["*"], **members,
    }  # fmt: skip


TRUST = {
    "spaces": {"trustedIdentities": [f"x509.subject:C={' ' * 30_000};"]},
    "spaces-in-a-value": {"trustedIdentities": [f"x509.subject:C=DE,ST=a,O=o{' ' * 3_000_000}o;"]},
    "identities": {"trustedIdentities": [f"x509.subject:C=DE,ST=a,O=o{number}" for number in range(90_000)]},
    "scopes": {
        "registryScopes": [*(f"r.example.com/a{number}" for number in range(130_000)), *["r.example.com/z"] * 2]
    },
}


@pytest.mark.parametrize("name", TRUST)
def test_a_trust_policy_of_very_many_names(name: str, source: Path, tmp_path: Path) -> None:
    store, policy = tmp_path / "store", tmp_path / "policy"
    (store / "x509" / "ca" / "s").mkdir(parents=True)
    (store / "x509" / "ca" / "s" / "a.pem").write_bytes(
        certificates.pem(certificates.make("C=DE,ST=a,O=o").certificate)
    )
    policy.write_text(json.dumps({"version": "1.0", "trustPolicies": [_rule(**TRUST[name])]}))
    bounded(run("audit", source, "--trust-store", store, "--trust-policy", policy, place=tmp_path), 1, 2)


def test_a_policy_reads_a_file_once_however_often_it_names_it(source: Path, tmp_path: Path) -> None:
    ring, key, policy = tmp_path / "ring", tmp_path / "key.pub", tmp_path / "policy"
    ring.write_bytes(b"\x99" * 1_000_000)
    key.write_bytes(pem(SIGNER))
    by_ring = {"type": "signedBy", "keyType": "GPGKeys", "keyPath": str(ring)}
    for demands in ([by_ring] * 15_000, [{"type": "sigstoreSigned", "keyPaths": [str(key)] * 30_000}]):
        policy.write_text(json.dumps({"default": demands}))
        assert policy.stat().st_size < 4 << 20
        bounded(run("audit", source, "--policy", policy, place=tmp_path), 1)


def test_a_policy_hashes_a_keyring_once(source: Path, tmp_path: Path) -> None:
    ring, policy = tmp_path / "ring", tmp_path / "policy"
    ring.write_bytes(_key(1) + b"\xcd\xff" + (7_500_000).to_bytes(4) + b"u" * 7_500_000)
    by_ring = {"type": "signedBy", "keyType": "GPGKeys", "keyPath": str(ring)}
    policy.write_text(json.dumps({"default": [by_ring] * 20_000}))
    bounded(run("audit", source, "--policy", policy, place=tmp_path), 1)


def test_a_policy_has_a_keyring_once(tmp_path: Path) -> None:
    ring, policy = tmp_path / "ring", tmp_path / "policy"
    ring.write_bytes(_key(1) + b"\xcd\xff" + (1_000_000).to_bytes(4) + b"u" * 1_000_000)
    policy.write_text(
        json.dumps({"default": [{"type": "signedBy", "keyType": "GPGKeys", "keyPaths": [str(ring)] * 10_000}]})
    )
    (demand,) = load_demands(str(policy), {}).default
    assert len(joined(demand.trust.keyrings)) == ring.stat().st_size


def test_a_scope_with_a_long_name_and_many_demands(source: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy"
    scope = {"a" * 2_000_000: [{"type": "reject"}] * 90_000}
    policy.write_text(json.dumps({"default": [{"type": "reject"}], "transports": {"docker": scope}}))
    assert policy.stat().st_size < 4 << 20
    bounded(run("audit", source, "--policy", policy, place=tmp_path), 1)


def _key(number: int) -> bytes:
    """A public key of Ed25519 that says nothing but when it was made."""
    return b"\x98\x06\x04" + number.to_bytes(4) + b"\x16"


def test_a_keyring_has_a_largest_number_of_keys(source: Path, tmp_path: Path) -> None:
    ring = tmp_path / "ring"
    ring.write_bytes(b"".join(map(_key, range(1_200_000))))
    ended = run("audit", source, "--keyring", ring, place=tmp_path)
    bounded(ended, 2)
    assert "100000 keys at most" in ended.stderr


def test_a_subject_is_read_once_for_all_identities() -> None:
    holder = certificates.make("C=DE,ST=a,O=o")
    one = Certificate(certificates.der(holder.certificate), _Counted(holder.certificate.subject))
    names = [{"2.5.4.6": "DE", "2.5.4.8": "a", "2.5.4.10": f"o{number}"} for number in range(100)]
    assert not has_name(one, names)
    assert one.x509.reads == 1
    assert has_name(one, [*names, {"2.5.4.6": "DE", "2.5.4.8": "a", "2.5.4.10": "o"}])


class _Counted:
    """Counts how often a subject is asked for."""

    def __init__(self, subject: x509.Name) -> None:
        self._subject, self.reads = subject, 0

    @property
    def subject(self) -> x509.Name:
        self.reads += 1
        return self._subject


@pytest.mark.parametrize(
    ("text", "organization"),
    [
        ("C=DE,ST=a,O=o", "o"), (" C = DE , ST = a , O = o  ", "o"), ("C=DE,ST=a,O=o\\ ", "o "),
        ("C=DE,ST=a,O=o\\\\ ", "o\\"), ("C=DE,ST=a,O=a\\,b c", "a,b c"), ("C=DE,ST=a,O=\\ ", " "),
    ],
)  # fmt: skip
def test_spaces_around_a_value_of_a_name(text: str, organization: str) -> None:
    assert parse_name(text)["2.5.4.10"] == organization


@pytest.mark.parametrize("text", ["C=DE,ST=a,O=", "C=DE,ST=a,O= ", "C=DE,ST=a,O=o;", "C=DE,ST=a,O=o,O=o", "C=DE,ST=a"])
def test_a_name_that_is_none(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  it says nothing more
        parse_name(text)


def test_a_file_of_certificates_has_a_largest_size(source: Path, tmp_path: Path) -> None:
    store = tmp_path / "store" / "x509" / "ca" / "s"
    store.mkdir(parents=True)
    one = certificates.pem(certificates.make("C=DE,ST=a,O=o", authority=True).certificate)
    for count, status in ((5_000, 0), (9_000, 2)):
        (store / "a.pem").write_bytes(one * count)
        bounded(run("audit", source, "--trust-store", tmp_path / "store", place=tmp_path), status)
