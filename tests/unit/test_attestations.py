"""Statements of our own: what a conversion and an audit say, who signed it, and receipts inside of them."""

import base64
import gzip
import hashlib
import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, x25519

import ociarchive
from ociarchive.report.shared.text import shortened
from ociarchive.signing.values import PASSWORD
from tests.audit.making import ARM, IMAGE
from tests.support.build import IN_TOTO, Image, digest, layer, layout
from tests.support.call import Call, Run, refused, told, without
from tests.support.parts import cut
from tests.support.shelf import Shelf
from tests.support.signing import SIGNER, Private, curve, envelope, pae, pem, signature, signing, statement
from tests.support.tar import write_tar
from tests.support.truth import CORPUS

Json = dict[str, Any]
KEYS: dict[str, Private] = {
    "p256": curve(ec.SECP256R1()),
    "p384": curve(ec.SECP384R1()),
    "p521": curve(ec.SECP521R1()),
    "ed25519": SIGNER,
    "rsa": rsa.generate_private_key(65537, 2048),
}
SOURCE = CORPUS / "docker20-two-images.tar"
NAMES = ["docker.io/corpus/app:1.0", "docker.io/corpus/two:2.0"]
EPOCH = "1700000000"
WHEN = "2023-11-14T22:13:20Z"


def private(key: Any, phrase: bytes = b"") -> bytes:  # noqa: ANN401  any private key of the library
    lock = serialization.BestAvailableEncryption(phrase) if phrase else serialization.NoEncryption()
    made: bytes = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)
    return made


@pytest.fixture(autouse=True)
def at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", EPOCH)
    monkeypatch.delenv(PASSWORD, raising=False)


def pair(folder: Path, key: Private = SIGNER) -> tuple[Path, Path]:
    """Write a private and a public key."""
    paths = folder / "key.pem", folder / "key.pub"
    paths[0].write_bytes(private(key))
    paths[1].write_bytes(pem(key))
    return paths


def opened(path: Path) -> Json:
    """Give the statement in an envelope, and check the shape of both."""
    value = json.loads(path.read_bytes())
    assert list(value) == ["payloadType", "payload", "signatures"]
    assert value["payloadType"] == IN_TOTO
    made = json.loads(base64.b64decode(value["payload"], validate=True))
    assert made["_type"] == "https://in-toto.io/Statement/v1"
    assert isinstance(made, dict)
    return made


def verify(path: Path, key: Private) -> None:
    """Check the signature by the library alone (DSSE, protocol.md)."""
    value = json.loads(path.read_bytes())
    (one,) = value["signatures"]
    message, signature = pae(value["payloadType"], base64.b64decode(value["payload"])), base64.b64decode(one["sig"])
    if isinstance(key, ed25519.Ed25519PrivateKey):
        key.public_key().verify(signature, message)
    elif isinstance(key, rsa.RSAPrivateKey):
        key.public_key().verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
    else:
        key.public_key().verify(signature, message, ec.ECDSA(hashes.SHA256()))


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def attested(call: Call, folder: Path, form: str = "oci-archive", *options: str | Path) -> tuple[Path, Path]:
    dest, file = folder / "dest", folder / "dest.att"
    sign = ("--attestation", file, "--sign", folder / "key.pem")
    told(call("convert", SOURCE, dest, "--to", form, "--no-sync", *sign, *options))
    return dest, file


@pytest.mark.parametrize("kind", KEYS)
def test_a_conversion_is_attested(kind: str, tmp_path: Path, cli_call: Call) -> None:
    _, public = pair(tmp_path, KEYS[kind])
    receipt = tmp_path / "receipt.json"
    dest, file = attested(cli_call, tmp_path, "oci-archive", "--receipt", receipt)
    verify(file, KEYS[kind])
    made = opened(file)
    assert made["predicateType"] == "https://slsa.dev/provenance/v1"
    definition, details = made["predicate"]["buildDefinition"], made["predicate"]["runDetails"]
    assert definition["buildType"] == "urn:ociarchive:convert:1"
    assert definition["externalParameters"]["destination"] == {"path": str(dest), "format": "oci-archive"}
    assert definition["resolvedDependencies"] == [{"name": str(SOURCE), "digest": {"sha256": sha256(SOURCE)}}]
    assert details["metadata"] == {"startedOn": WHEN, "finishedOn": WHEN}
    (inside,) = details["byproducts"]
    assert base64.b64decode(inside["content"]) == receipt.read_bytes()
    assert inside["digest"] == {"sha256": sha256(receipt)}
    holds = json.loads(receipt.read_bytes())["holds"]
    named = {name: entry["descriptor"]["digest"] for entry in holds["entries"] for name in entry["names"]}
    assert [*named] == NAMES
    wanted = [("dest", f"sha256:{sha256(dest)}"), *named.items()]
    subjects = [(one["name"], ":".join(*one["digest"].items())) for one in made["subject"]]
    assert subjects == wanted
    told(cli_call("audit", dest, "--receipt", file, "--key", public, "--strict"))
    before = file.read_bytes()
    attested(cli_call, tmp_path, "oci-archive", "--force")  # over its own, without another word
    assert file.read_bytes() == before


def test_a_folder_is_named_by_its_files_names_and_manifests(tmp_path: Path, cli_call: Call) -> None:
    pair(tmp_path)
    dest, file = attested(cli_call, tmp_path, "oci-layout")
    command = "find . -type f | cut -c3- | LC_ALL=C sort | xargs -r sha256sum | sha256sum | cut -f1 -d' '"
    done = subprocess.run(command, shell=True, check=True, capture_output=True, text=True, cwd=dest)  # noqa: S602  as digest_set.md has it
    subjects = {one["name"]: one["digest"] for one in opened(file)["subject"]}
    assert subjects.pop("dest") == {"dirHash": done.stdout.strip()}
    assert [*subjects] == NAMES


def test_parts_and_a_source_that_is_a_folder(tmp_path: Path, cli_call: Call) -> None:
    key, _ = pair(tmp_path)
    told(cli_call("convert", CORPUS / "skopeo-oci", tmp_path / "d.tar", "--to", "oci-archive", "--split", "16384",
                  "--attestation", tmp_path / "a", "--sign", key))  # fmt: skip
    made = opened(tmp_path / "a")
    parts = [one for one in made["subject"] if one["name"].startswith("d.tar.")]
    assert len(parts) > 1
    assert all(one["digest"] == {"sha256": sha256(tmp_path / one["name"])} for one in parts)
    (source,) = made["predicate"]["buildDefinition"]["resolvedDependencies"]
    index = json.loads((CORPUS / "skopeo-oci" / "index.json").read_bytes())
    assert f"sha256:{source['digest']['sha256']}" == index["manifests"][0]["digest"]


@pytest.mark.parametrize("form", ["oci-layout", "oci-archive", "registry-storage"])
def test_neither_a_renamed_nor_an_added_image_passes(form: str, tmp_path: Path, cli_call: Call) -> None:
    _, public = pair(tmp_path)
    dest, file = attested(cli_call, tmp_path, form)
    told(cli_call("audit", dest, "--receipt", file, "--key", public, "--strict"))
    shelf = Shelf(dest, form)
    shelf.tag("docker.io/corpus/new:3.0", shelf.untag(NAMES[0]))
    shelf.save()
    told(cli_call("audit", dest, "--no-config"))
    found = told(cli_call("audit", dest, "--receipt", file, "--key", public, "--format", "json"), 1)
    assert found.rules("error") == {"receipt-mismatch"}


def resigned(path: Path, change: Callable[[Json], object], key: Private = SIGNER) -> None:
    """Sign a statement again, with another content."""
    made = opened(path)
    change(made)
    path.write_text(json.dumps(envelope(json.dumps(made).encode(), signing(key))))


def less(made: Json) -> None:
    made["subject"].pop(0)


def other_type(made: Json) -> None:
    made["predicate"]["buildDefinition"]["buildType"] = "https://example.com/another"


def no_receipt(made: Json) -> None:
    made["predicate"]["runDetails"]["byproducts"] = []


def other_kind(made: Json) -> None:
    made["predicateType"] = "https://example.com/p/v1"


FAULTS: dict[str, tuple[Callable[[Json], object], str]] = {
    "subject": (less, "about something else"),
    "build-type": (other_type, "it is another statement"),
    "no-receipt": (no_receipt, "has none"),
    "predicate": (other_kind, "it is another statement"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_statement_that_holds_no_receipt(name: str, tmp_path: Path, cli_call: Call) -> None:
    _, public = pair(tmp_path)
    dest, file = attested(cli_call, tmp_path)
    change, words = FAULTS[name]
    resigned(file, change)
    assert words in refused(cli_call("audit", dest, "--receipt", file, "--key", public), 1)


def test_a_signed_receipt_is_taken_under_its_key_alone(tmp_path: Path, cli_call: Call) -> None:
    _, public = pair(tmp_path)
    other = tmp_path / "other.pub"
    other.write_bytes(pem(KEYS["p256"]))
    dest, file = attested(cli_call, tmp_path)
    assert "--key FILE" in refused(cli_call("audit", dest, "--receipt", file), 2)
    assert "by no key that the call names" in refused(cli_call("audit", dest, "--receipt", file, "--key", other), 1)
    told(cli_call("audit", dest, "--receipt", file, "--key", other, "--key", public))
    proof = ociarchive.audit(dest, receipt=file, keys=[public]).receipt
    assert proof is not None
    assert proof.by is not None
    assert "key.pub (Ed25519" in proof.by
    text = " ".join(told(cli_call("audit", dest, "--receipt", file, "--key", public)).stdout.split())
    assert f" {shortened(proof.by).split()[-1]}): 2 of 2 names" in text
    assert shortened(proof.by) != proof.by
    assert proof.sha256 == digest(file.read_bytes())
    value = json.loads(file.read_bytes())
    value["payload"] = base64.b64encode(base64.b64decode(value["payload"]) + b" ").decode()
    file.write_text(json.dumps(value))
    assert "by no key that the call names" in refused(cli_call("audit", dest, "--receipt", file, "--key", public), 1)
    file.write_text("text")
    assert "not a conversion's receipt: document is not JSON" in refused(cli_call("audit", dest, "--receipt", file), 1)
    file.write_text(json.dumps(envelope(statement(digest(b"x")), signing(SIGNER), kind="text/plain")))
    assert "no statement of in-toto" in refused(cli_call("audit", dest, "--receipt", file, "--key", public), 1)
    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505  what is to be refused
    public.write_bytes(pem(weak))
    file.write_text(json.dumps(envelope(statement(digest(b"x")), signing(weak))))
    assert "proves nothing" in refused(cli_call("audit", dest, "--receipt", file, "--key", public), 1)


def test_a_receipt_that_nobody_signed_is_not_taken_for_one_that_a_key_signed(tmp_path: Path, cli_call: Call) -> None:
    """Whoever can change the archive may put a receipt of its own in the place of the signed one."""
    _, public = pair(tmp_path)
    dest, plain = tmp_path / "dest.tar", tmp_path / "plain.json"
    told(cli_call("convert", SOURCE, dest, "--to", "oci-archive", "--receipt", plain))
    call = ("audit", dest, "--receipt", plain, "--format", "json")
    assert told(cli_call(*call)).archive()["receipt"]["unbound"] == []
    proof = told(cli_call(*call, "--key", public)).archive()["receipt"]
    assert (proof["by"], proof["unbound"]) == (
        None,
        ["nobody signed it, though the call names keys: whoever changes the archive can change it as well"],
    )
    done = told(cli_call(*call, "--key", public, "--require-signature"), 1)
    (one,) = [one for one in done.archive()["findings"] if one["location"] == str(plain)]
    assert (one["rule"], one["message"]) == (
        "signature-missing",
        "nobody signed the receipt, where a signature is asked for",
    )


def audited(call: Call, folder: Path, *sources: str | Path, status: int = 0) -> Json:
    file = folder / "verdict.att"
    done = told(call("audit", *sources, "--no-config", "--attestation", file, "--sign", folder / "key.pem"), status)
    assert done.stderr.splitlines()[-1].startswith(("PASS  ", "FAIL  "))
    assert done.stderr.splitlines()[-1].endswith(f": {file} (attestation)")
    made = opened(file)
    verify(file, SIGNER)
    assert made["predicateType"] == "https://in-toto.io/attestation/svr/v0.1"
    return made


def test_an_audit_is_attested(tmp_path: Path, cli_call: Call) -> None:
    _, public = pair(tmp_path)
    dest, receipt = attested(cli_call, tmp_path)
    made = audited(cli_call, tmp_path, dest, "--receipt", receipt, "--key", public, "--strict")
    predicate = made["predicate"]
    assert predicate["timeCreated"] == WHEN
    assert predicate["verifier"]["id"] == f"urn:ociarchive:audit:{ociarchive.__version__}"
    policy = predicate["verifier"]["policy"]
    assert (policy["content"]["strict"], policy["content"]["ignore"]) == (True, [])
    assert policy["content"]["signatures"][0] is False
    text = json.dumps(policy["content"], separators=(",", ":")).encode()
    assert policy["digest"] == {"sha256": hashlib.sha256(text).hexdigest()}
    assert predicate["properties"] == [
        "OCIARCHIVE_AUDIT", "OCIARCHIVE_AUDIT_STRICT", "OCIARCHIVE_LAYERS_PROVED", "OCIARCHIVE_RECEIPT",
    ]  # fmt: skip
    (archive,) = predicate["archives"]
    assert archive["digest"] == {"sha256": sha256(dest)}
    assert (archive["verdict"], archive["images"], archive["layers"]) == ("pass", 2, {"proved": 4, "listed": 4})
    assert archive["receipt"]["digest"] == {"sha256": sha256(receipt)}
    assert (archive["receipt"]["names"], archive["receipt"]["file"]) == ({"held": 2, "listed": 2}, True)
    names = [one["name"] for one in made["subject"]]
    assert names == [str(dest), *(f"{dest}#{name}" for name in NAMES)]
    assert "verdict of an audit" in refused(
        cli_call("audit", dest, "--receipt", tmp_path / "verdict.att", "--key", public), 1
    )


def test_what_is_waived_or_failed_is_said(tmp_path: Path, cli_call: Call) -> None:
    pair(tmp_path)
    good, bad = tmp_path / "good", tmp_path / "bad"
    for path in (good, bad):
        told(cli_call("convert", SOURCE, path, "--to", "oci-layout", "--no-sync"))
    (bad / "blobs" / "sha256" / ("0" * 64)).write_bytes(b"x")
    made = audited(cli_call, tmp_path, good, bad, tmp_path / "absent", status=2)
    assert made["predicate"]["properties"] == []
    assert [one["verdict"] for one in made["predicate"]["archives"]] == ["pass", "fail"]
    assert [one["source"] for one in made["predicate"]["not_audited"]] == [str(tmp_path / "absent")]
    made = audited(cli_call, tmp_path, good, bad, "--ignore", "digest-mismatch", "--ignore", "blob-unreferenced")
    assert made["predicate"]["properties"] == ["OCIARCHIVE_AUDIT_WITH_WAIVERS", "OCIARCHIVE_LAYERS_PROVED"]
    assert made["predicate"]["archives"][1]["waived"] == ["blob-unreferenced", "digest-mismatch"]
    (tmp_path / "verdict.att").unlink()
    sign = ("--attestation", tmp_path / "verdict.att", "--sign", tmp_path / "key.pem")
    done = told(cli_call("audit", tmp_path / "absent", *sign), 2)
    assert "no statement was made" in done.stderr
    assert not (tmp_path / "verdict.att").exists()


def test_images_that_a_policy_takes_unsigned_are_not_called_signed(tmp_path: Path, cli_call: Call) -> None:
    """The policy asks for a signature of some images, and takes these as they are."""
    pair(tmp_path)
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps({"default": [{"type": "insecureAcceptAnything"}]}))
    made = audited(cli_call, tmp_path, SOURCE, "--policy", policy)
    assert made["predicate"]["properties"] == ["OCIARCHIVE_AUDIT", "OCIARCHIVE_LAYERS_PROVED"]


def test_layers_of_what_looks_like_an_image_are_not_called_proved(tmp_path: Path, cli_call: Call) -> None:
    pair(tmp_path)
    hidden = Image(layers=[layer({"a": b"a"}, "gzip", media_type="application/octet-stream")]).node()
    path = write_tar(tmp_path / "a.tar", layout(IMAGE.node()))
    proved = ["OCIARCHIVE_AUDIT", "OCIARCHIVE_LAYERS_PROVED"]
    assert audited(cli_call, tmp_path, path)["predicate"]["properties"] == proved
    write_tar(path, layout(IMAGE.node(), hidden.named(ref_name="hidden")))
    assert audited(cli_call, tmp_path, path)["predicate"]["properties"] == proved[:1]


def test_an_archive_of_which_some_images_were_judged_is_not_called_signed(tmp_path: Path, cli_call: Call) -> None:
    _, public = pair(tmp_path)
    one, two = IMAGE.node().named("docker.io/corpus/a:1"), ARM.node().named("docker.io/corpus/b:1")
    by_key = signature(one, KEYS["ed25519"])
    path = write_tar(tmp_path / "a.tar", layout(one, by_key, two))
    demand = ("--key", public, "--require-signature")
    made = audited(cli_call, tmp_path, f"{path}#docker.io/corpus/a:1", *demand)
    assert made["predicate"]["properties"] == ["OCIARCHIVE_AUDIT", "OCIARCHIVE_LAYERS_PROVED"]
    write_tar(path, layout(one, by_key))
    made = audited(cli_call, tmp_path, f"{path}#docker.io/corpus/a:1", *demand)
    assert made["predicate"]["properties"] == ["OCIARCHIVE_AUDIT", "OCIARCHIVE_LAYERS_PROVED", "OCIARCHIVE_SIGNED"]


def test_the_python_interface_writes_the_same(tmp_path: Path, cli_call: Call) -> None:
    key, _ = pair(tmp_path)
    dest, file = attested(cli_call, tmp_path)
    theirs = file.read_bytes()
    ociarchive.convert(SOURCE, dest, to="oci-archive", attestation=file, sign=key, force=True)
    assert file.read_bytes() == theirs
    verdict = tmp_path / "verdict.att"
    told(cli_call("audit", dest, "--no-config", "--attestation", verdict, "--sign", key))
    theirs = verdict.read_bytes()
    verdict.unlink()
    assert not ociarchive.audit(dest, attestation=verdict, sign=key).failed
    assert verdict.read_bytes() == theirs
    verdict.unlink()
    assert [one.failed for one in ociarchive.audit_each([dest], attestation=verdict, sign=key)] == [False]
    assert verdict.read_bytes() == theirs
    for given in ({"attestation": file}, {"sign": key}):
        with pytest.raises(ociarchive.UsageError, match="signed by `sign`"):
            ociarchive.audit(dest, **given)  # type: ignore[arg-type]  # one of the two
    with pytest.raises(ociarchive.UsageError, match="catalogue"):
        [*ociarchive.audit_each([dest], attestation=verdict, sign=key, catalogue=tmp_path / "c.db")]


def test_an_index_that_is_made_is_attested(tmp_path: Path, cli_call: Call) -> None:
    key, _ = pair(tmp_path)
    given = ("index", "create", CORPUS / "docker20.tar", tmp_path / "made", "--to", "oci-layout", "--tag", "corpus/x:1")
    told(cli_call(*given, "--attestation", tmp_path / "a", "--sign", key))
    assert "docker.io/corpus/x:1" in [one["name"] for one in opened(tmp_path / "a")["subject"]]


CALLS: dict[str, tuple[tuple[str, ...], str]] = {
    "no-key": (("--attestation", "F"), "add --sign KEY"),
    "no-file": (("--sign", "key.pem"), "add --attestation FILE"),
    "absent": (("--attestation", "F", "--sign", "absent.pem"), "no such file"),
    "public": (("--attestation", "F", "--sign", "key.pub"), "found a public key"),
    "no-pem": (("--attestation", "F", "--sign", "text"), "no private key"),
    "broken": (("--attestation", "F", "--sign", "broken.pem"), "no private key that can be read"),
    "cosign": (("--attestation", "F", "--sign", "cosign.key"), "openssl genpkey"),
    "agrees-on-secrets": (("--attestation", "F", "--sign", "x25519.pem"), "signs nothing"),
    "short": (("--attestation", "F", "--sign", "short.pem"), "1024 bits"),
    "locked": (("--attestation", "F", "--sign", "locked.pem"), PASSWORD),
    "over-the-key": (("--attestation", "key.pem", "--sign", "key.pem"), "would overwrite"),
    "over-a-source": (("--attestation", "source.tar", "--sign", "key.pem"), "would overwrite"),
    "over-a-file": (("--attestation", "text", "--sign", "key.pem"), "does not know as its attestation"),
    "twice": (("--attestation", "F", "--attestation", "G", "--sign", "key.pem"), "given twice"),
}
OF_CONVERT: dict[str, tuple[tuple[str, ...], str]] = {
    "dry-run": (("--attestation", "F", "--sign", "key.pem", "--dry-run"), "--dry-run writes nothing"),
    "over-dest": (("--attestation", "dest", "--sign", "key.pem"), "would overwrite"),
    "over-the-receipt": (("--attestation", "F", "--sign", "key.pem", "--receipt", "F"), "would overwrite"),
    "over-a-part": (("--attestation", "dest.001", "--sign", "key.pem", "--split", "4096"), "would overwrite"),
    "both-out": (("--attestation", "-", "--sign", "key.pem", "--receipt", "-"), "both ask for it"),
}
OF_AUDIT: dict[str, tuple[tuple[str, ...], str]] = {
    "out": (("--attestation", "-", "--sign", "key.pem"), "standard output is the report's"),
    "catalogue": (("--attestation", "F", "--sign", "key.pem", "--catalogue", "c.db"), "add --again"),
    "over-the-report": (("--attestation", "F", "--sign", "key.pem", "--output", "F"), "would overwrite"),
}
REFUSED = [
    *((("convert", *options), words) for options, words in (CALLS | OF_CONVERT).values()),
    *((("audit", *options), words) for options, words in (CALLS | OF_AUDIT).values()),
]
NAMED = [*(f"convert-{name}" for name in CALLS | OF_CONVERT), *(f"audit-{name}" for name in CALLS | OF_AUDIT)]


@pytest.mark.parametrize(("call", "words"), REFUSED, ids=NAMED)
def test_what_cannot_be_is_refused_before_any_work(
    call: tuple[str, ...], words: str, tmp_path: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pair(tmp_path)
    files = {
        "source.tar": SOURCE.read_bytes(),
        "text": b"a note",
        "broken.pem": b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        "cosign.key": b"-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nAAAA\n",
        "x25519.pem": private(x25519.X25519PrivateKey.generate()),
        "short.pem": private(rsa.generate_private_key(65537, 1024)),  # noqa: S505  what is to be refused
        "locked.pem": private(SIGNER, b"a pass phrase"),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    before = {one: one.read_bytes() for one in tmp_path.iterdir()}
    command, *options = call
    given = ("dest", "--to", "oci-archive") if command == "convert" else ("--no-config",)
    assert words in " ".join(refused(cli_call(command, "source.tar", *given, *options), 2).split())
    assert {one: one.read_bytes() for one in tmp_path.iterdir()} == before


def test_a_pass_phrase_opens_the_key_and_is_written_nowhere(
    tmp_path: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, public = pair(tmp_path)
    key.write_bytes(private(SIGNER, b"a pass phrase"))
    monkeypatch.setenv(PASSWORD, "another")
    sign = ("--attestation", tmp_path / "dest.att", "--sign", key)
    given = ("convert", SOURCE, tmp_path / "dest", "--to", "dir", "--image", NAMES[0], *sign)
    assert "does not open" in refused(cli_call(*given), 2, tmp_path / "dest")
    monkeypatch.setenv(PASSWORD, "a pass phrase")
    told(cli_call(*given))
    assert "a pass phrase" not in base64.b64decode(json.loads((tmp_path / "dest.att").read_bytes())["payload"]).decode()
    told(cli_call("audit", tmp_path / "dest", "--receipt", tmp_path / "dest.att", "--key", public))
    key.write_bytes(private(SIGNER))  # one without a pass phrase needs none
    told(cli_call(*given, "--force"))


def test_without_the_library_the_option_says_which_is_missing(tmp_path: Path) -> None:
    key, _ = pair(tmp_path)
    args = ("convert", SOURCE, "d", "--to", "oci-archive", "--attestation", "a", "--sign", key)
    done = without("cryptography", *args, cwd=tmp_path)
    assert done.status == 2
    assert "`pip install 'ociarchive[verify]'` installs it" in done.stderr
    assert not (tmp_path / "d").exists()


def test_a_time_that_is_none_is_refused_before_any_work(
    tmp_path: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, _ = pair(tmp_path)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    sign = ("--attestation", tmp_path / "a", "--sign", key)
    refused(cli_call("convert", SOURCE, tmp_path / "dest", "--to", "oci-layout", *sign), 2, tmp_path / "dest")
    assert "SOURCE_DATE_EPOCH is no time" in refused(cli_call("audit", SOURCE, *sign), 2)
    with pytest.raises(ociarchive.UsageError, match="no time"):
        ociarchive.audit(SOURCE, attestation=tmp_path / "a", sign=key)


def test_a_statement_has_the_times_of_its_own_call(
    tmp_path: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair(tmp_path)
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    before = datetime.now(UTC).replace(microsecond=0)
    _, file = attested(cli_call, tmp_path)
    times = opened(file)["predicate"]["runDetails"]["metadata"]
    began, ended = (datetime.strptime(times[key], "%Y-%m-%dT%H:%M:%S%z") for key in ("startedOn", "finishedOn"))
    assert before <= began <= ended <= datetime.now(UTC)


def test_the_digest_of_a_source_is_that_of_what_was_read(tmp_path: Path, run_cli: Run) -> None:
    packed, receipt = gzip.compress(SOURCE.read_bytes()), tmp_path / "receipt.json"
    told(run_cli("convert", "-", tmp_path / "dest.tar", "--to", "oci-archive", "--receipt", receipt, stdin=packed))
    (source,) = json.loads(receipt.read_bytes())["sources"]
    assert source["sha256"] == digest(packed)
    cut(tmp_path / "parts.tar", (tmp_path / "dest.tar").read_bytes(), 32768)
    again = ("convert", tmp_path / "parts.tar.parts.json", tmp_path / "again", "--to", "oci-layout")
    told(run_cli(*again, "--receipt", receipt))
    (source,) = json.loads(receipt.read_bytes())["sources"]
    assert source["sha256"] == digest((tmp_path / "dest.tar").read_bytes())


def test_a_statement_takes_no_name_of_a_part(tmp_path: Path) -> None:
    key, _ = pair(tmp_path)
    listed = cut(tmp_path / "parts.tar", SOURCE.read_bytes(), 65536)
    for place, source in (("dest.tar.001", SOURCE), ("parts.tar.002", listed)):
        with pytest.raises(ociarchive.UsageError):
            ociarchive.convert(source, tmp_path / "dest.tar", to="oci-archive", split=65536,
                               attestation=tmp_path / place, sign=key)  # fmt: skip
    assert not [*tmp_path.glob("dest*")]
