"""Signatures come along wherever a format has a place for them, and hold there; what has no place is named."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

import ociarchive
from tests.audit.making import ARM, IMAGE
from tests.support.build import COSIGN_SIGNATURE, Node, artifact, digest, hexed, index, layout, skopeo_dir
from tests.support.call import Call
from tests.support.openpgp import Ring, message, payload
from tests.support.signing import (
    DSSE,
    SIGNER,
    beside,
    claim,
    cosigned,
    envelope,
    holding,
    named,
    signature,
    signed_bundle,
    signed_statement,
    signing,
    statement,
)
from tests.support.tar import Member, changed, tar, write_folder

NODE, OTHER = IMAGE.node(), ARM.node()
NAMED = NODE.named("docker.io/corpus/app:1.0", "1.0").annotated(kind="dev.cosignproject.cosign/image")
SIG_TYPE = "application/vnd.dev.cosign.artifact.sig.v1+json"
TAGS = "docker/registry/v2/repositories/corpus/app/_manifests/tags"
SIGN = signing(SIGNER)


def held(subject: Node = NODE) -> Node:
    """Make a signature as cosign stores it, without a tag and without a subject."""
    return holding(cosigned(claim(subject.digest), SIGN))


def referrer(subject: Node = NODE) -> Node:
    """Make a signature that names its image as its subject, as newer cosign does."""
    return holding(cosigned(claim(subject.digest), SIGN), subject=subject, artifact_type=SIG_TYPE)


def prefixed(subject: Node = NODE, suffix: str = "sig") -> Node:
    return held(subject).named(ref_name=f"_cosign:sha256-{hexed(subject.digest)}.{suffix}")


def kind(node: Node, name: str) -> Node:
    return node.annotated(kind=f"dev.cosignproject.cosign/{name}")


def attested(subject: Node = NODE) -> Node:
    return holding((json.dumps(envelope(statement(subject.digest), SIGN)).encode(), DSSE, {}))


def unlisted(members: list[Member], *gone: Node) -> list[Member]:
    """Take entries out of an index.json."""
    (entry,) = (json.loads(one.data) for one in members if one.name == "index.json")
    names = {one.digest for one in gone}
    entry["manifests"] = [one for one in entry["manifests"] if one["digest"] not in names]
    return changed(members, "index.json", json.dumps(entry).encode())


def written(folder: Path, *nodes: Node, gone: tuple[Node, ...] = ()) -> Path:
    path = folder / "source.tar"
    path.write_bytes(tar(unlisted(layout(*nodes), *gone)))
    return path


def verdicts(path: Path, folder: Path, *, require_signature: bool = False) -> list[str]:
    (_, key) = named(folder, SIGNER)
    report = ociarchive.audit(path, keys=[key], require_signature=require_signature)
    rules = (one.rule for one in report.findings if one.severity != "note" or one.rule.startswith("signature-"))
    return sorted(one for one in rules if one != "reference-malformed")


def manifests(path: Path) -> set[str]:
    return {one["digest"] for one in json.loads((path / "index.json").read_bytes())["manifests"]}


# -- every way in which an image may be signed, into every format ------------------------------------------------------

SIGNED: dict[str, Callable[[], tuple[tuple[Node, ...], tuple[Node, ...]]]] = {
    "tag": lambda: ((signature(NODE),), ()),
    "tag-of-a-statement": lambda: ((signed_statement(NODE),), ()),
    "tag-with-something-before-it": lambda: ((prefixed(),), ()),
    "saved-by-cosign": lambda: ((kind(held(), "sigs"),), ()),
    "statement-saved-by-cosign": lambda: ((kind(attested(), "atts"),), ()),
    "without-any-name": lambda: ((held(),), ()),
    "referrer": lambda: ((referrer(),), ()),
    "bundle": lambda: ((signed_bundle(NODE),), ()),
    "referrer-that-is-not-listed": lambda: ((referrer(),), (referrer(),)),
    "bundle-that-is-not-listed": lambda: ((signed_bundle(NODE),), (signed_bundle(NODE),)),
}
#: Those that are statements about the image, and no signatures of it.
STATED = ("tag-of-a-statement", "statement-saved-by-cosign", "bundle", "bundle-that-is-not-listed")
PLACES = ("oci-layout", "oci-archive", "registry-storage", "docker-archive")


@pytest.mark.parametrize("form", PLACES)
@pytest.mark.parametrize("name", SIGNED)
def test_a_conversion_that_changes_no_manifest_keeps_signatures_valid(
    name: str, form: str, tmp_path: Path, cli_call: Call
) -> None:
    nodes, gone = SIGNED[name]()
    source, dest, back = written(tmp_path, NAMED, *nodes, gone=gone), tmp_path / "dest", tmp_path / "back"
    wanted = ["signature-valid"] if name not in STATED else ["signature-missing", "signature-valid"]
    assert "signature-valid" in verdicts(source, tmp_path)
    done = cli_call("convert", source, dest, "--to", form)
    assert done.status == 0, done.stderr
    assert verdicts(dest, tmp_path) == verdicts(source, tmp_path)
    assert verdicts(dest, tmp_path, require_signature=True) == verdicts(source, tmp_path, require_signature=True)
    assert cli_call("convert", dest, back, "--to", "oci-layout").status == 0
    assert verdicts(back, tmp_path, require_signature=True) == wanted


@pytest.mark.parametrize("name", SIGNED)
def test_a_dir_has_no_place_for_what_is_a_manifest_and_says_so(name: str, tmp_path: Path, cli_call: Call) -> None:
    nodes, gone = SIGNED[name]()
    source, dest = written(tmp_path, NAMED, *nodes, gone=gone), tmp_path / "dest"
    done = cli_call("convert", source, dest, "--to", "dir")
    assert done.status == 0, done.stderr
    assert "what refers to it stays behind" in done.stderr
    assert verdicts(dest, tmp_path, require_signature=True) == ["signature-missing"]


@pytest.mark.parametrize("form", PLACES)
@pytest.mark.parametrize("name", SIGNED)
def test_a_conversion_that_changes_the_manifest_says_that_signatures_are_stale(
    name: str, form: str, tmp_path: Path, cli_call: Call
) -> None:
    nodes, gone = SIGNED[name]()
    source, dest = written(tmp_path, NAMED, *nodes, gone=gone), tmp_path / "dest"
    done = cli_call("convert", source, dest, "--to", form, "--compression", "zstd")
    assert done.status == 0, done.stderr
    found = verdicts(dest, tmp_path, require_signature=True)
    assert "signature-valid" not in found
    assert {"signature-missing", "signature-stale"} <= set(found)
    assert "signature-stale" in done.stderr


@pytest.mark.skipif(shutil.which("gpgv") is None, reason="not there: gpgv")
def test_a_message_of_gpg_stays_in_a_dir_while_the_manifest_does(tmp_path: Path, cli_call: Call) -> None:
    key = ed25519.Ed25519PrivateKey.from_private_bytes(b"\3" * 32)
    (tmp_path / "keys.gpg").write_bytes(bytes(Ring(key=key)))
    source = write_folder(tmp_path / "source", skopeo_dir(NODE, signatures=[message(key, payload(NODE.digest))]))
    for number, options in enumerate(((), ("--compression", "zstd"))):
        dest = tmp_path / f"dest{number}"
        done = cli_call("convert", source, dest, "--to", "dir", *options)
        assert done.status == 0, done.stderr
        report = ociarchive.audit(dest, keyrings=[tmp_path / "keys.gpg"], require_signature=True)
        assert [one.rule for one in report.findings] == [("signature-valid", "signature-missing")[number]]
        assert ("signature-1" in done.stderr) == (number == 1)


# -- referrers that index.json does not list ---------------------------------------------------------------------------


def test_a_referrer_that_is_not_listed_is_no_stray_blob_and_is_listed_in_dest(tmp_path: Path, cli_call: Call) -> None:
    source, dest = written(tmp_path, NAMED, referrer(), gone=(referrer(),)), tmp_path / "dest"
    assert verdicts(source, tmp_path, require_signature=True) == ["signature-valid"]
    done = cli_call("convert", f"{source}#docker.io/corpus/app:1.0", dest, "--to", "oci-layout")
    assert done.status == 0, done.stderr
    assert manifests(dest) == {NODE.digest, referrer().digest}


def test_what_refers_to_a_referrer_comes_too(tmp_path: Path, cli_call: Call) -> None:
    first = artifact(b"sbom", "application/vnd.example.sbom", subject=NODE)
    second = referrer(first)
    source, dest = written(tmp_path, NAMED, first, second, gone=(first, second)), tmp_path / "dest"
    assert cli_call("convert", source, dest, "--to", "oci-layout").status == 0
    assert manifests(dest) == {NODE.digest, first.digest, second.digest}


def test_what_refers_to_nothing_here_and_what_is_an_image_stay_stray(tmp_path: Path) -> None:
    lonely = referrer(OTHER)
    subject = {key: NODE.descriptor[key] for key in ("mediaType", "digest", "size")}
    image = replace(ARM, manifest_members={"subject": subject}).node()
    source = written(tmp_path, NAMED, lonely, image, gone=(lonely, image))
    assert set(verdicts(source, tmp_path)) == {"blob-unreferenced"}


@pytest.mark.parametrize("data", [b'{"subject": ', b'{"subject": 1}', b'{"subject": {"digest": "x"}}', b"[]", b""])
def test_a_blob_that_is_no_manifest_stays_stray(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "source.tar"
    extra = Member(f"blobs/sha256/{hexed(digest(data))}", data)
    path.write_bytes(tar([*layout(NAMED), extra]))
    assert verdicts(path, tmp_path) == ["blob-unreferenced"]


# -- tags with something before them -----------------------------------------------------------------------------------


def test_what_stands_before_a_tag_does_not_hide_a_signature(tmp_path: Path, cli_call: Call) -> None:
    both = index([NODE, OTHER]).named("docker.io/corpus/app:1.0", "1.0")
    mine, others = prefixed(NODE), prefixed(OTHER)
    source = written(tmp_path, both, mine, others)
    calls: dict[str, tuple[list[str], set[str]]] = {
        "selected": ([f"{source}#{NODE.digest}"], {mine.digest}),
        "without": ([str(source), "--without", "signatures"], set()),
        "platform": ([str(source), "--platform", "linux/amd64"], {mine.digest}),
    }
    for name, (call, kept) in calls.items():
        dest = tmp_path / name
        done = cli_call("convert", *call, dest, "--to", "oci-layout")
        assert done.status == 0, done.stderr
        assert manifests(dest) & {mine.digest, others.digest} == kept, name


# -- kinds of cosign, on the way into a registry and back --------------------------------------------------------------


def test_kinds_become_tags_in_the_folder_of_a_registry(tmp_path: Path, cli_call: Call) -> None:
    one = kind(NODE, "image")
    source, dest = written(tmp_path, one, kind(held(), "sigs"), kind(attested(), "atts")), tmp_path / "dest"
    done = cli_call("convert", source, dest, "--to", "registry-storage", "--tag", "corpus/app:1.0")
    assert done.status == 0, done.stderr
    tag = f"sha256-{hexed(NODE.digest)}"
    assert sorted(os.listdir(dest / TAGS)) == ["1.0", f"{tag}.att", f"{tag}.sig"]
    assert (dest / TAGS / f"{tag}.att/current/link").read_text() == attested().digest


def test_a_signature_without_a_tag_in_the_folder_of_a_registry_is_a_referrer(tmp_path: Path, cli_call: Call) -> None:
    source, home, back = written(tmp_path, NAMED, held()), tmp_path / "home", tmp_path / "back"
    assert cli_call("convert", source, home, "--to", "registry-storage").status == 0
    shutil.rmtree(home / TAGS / f"sha256-{hexed(NODE.digest)}.sig")
    assert verdicts(home, tmp_path, require_signature=True) == ["signature-valid"]
    done = cli_call("convert", f"{home}#corpus/app:1.0", back, "--to", "oci-layout")
    assert done.status == 0, done.stderr
    assert manifests(back) == {NODE.digest, held().digest}


def test_a_signature_without_a_tag_of_nothing_here_is_told(tmp_path: Path, cli_call: Call) -> None:
    source, home = written(tmp_path, NAMED, held(OTHER).named("docker.io/corpus/app:x", "x")), tmp_path / "home"
    assert cli_call("convert", source, home, "--to", "registry-storage").status == 0
    shutil.rmtree(home / TAGS / "x")
    assert cli_call("audit", "--format", "json", home).rules() == {"statement-dangling"}


# -- signatures of sigstore that lie beside an image in a `dir` --------------------------------------------------------

BESIDE = beside(*cosigned(claim(NODE.digest), SIGN))
MORE = beside(*cosigned(claim(NODE.digest, optional={"a": "b"}), SIGN))


def flat(folder: Path, *signatures: bytes, image: Node = NODE) -> Path:
    path = folder / "source"
    write_folder(path, skopeo_dir(image, signatures=signatures))
    return path


@pytest.mark.parametrize("form", PLACES)
def test_a_signature_beside_an_image_is_a_manifest_where_signatures_are(
    form: str, tmp_path: Path, cli_call: Call
) -> None:
    source, dest, back = flat(tmp_path, BESIDE, MORE), tmp_path / "dest", tmp_path / "back"
    done = cli_call("convert", source, dest, "--to", form, "--tag", "corpus/app:1.0")
    assert done.status == 0, done.stderr
    assert "signature-1" not in done.stderr
    assert verdicts(dest, tmp_path, require_signature=True) == ["signature-valid"] * 2
    assert cli_call("convert", dest, back, "--to", "oci-layout").status == 0
    (made,) = manifests(back) - {NODE.digest}
    listed = json.loads((back / "blobs" / "sha256" / hexed(made)).read_bytes())["layers"]
    assert [one["mediaType"] for one in listed] == [COSIGN_SIGNATURE] * 2
    tag = f"sha256-{hexed(NODE.digest)}.sig"
    names = [one["annotations"] for one in json.loads((back / "index.json").read_bytes())["manifests"]]
    assert sum(str(one["org.opencontainers.image.ref.name"]).endswith(tag) for one in names) == 1


def test_the_manifest_is_the_same_each_time_and_is_left_out_like_others(tmp_path: Path, cli_call: Call) -> None:
    source, dests = flat(tmp_path, BESIDE), [tmp_path / name for name in "abc"]
    for dest, options in zip(dests, ((), (), ("--without", "signatures")), strict=True):
        assert cli_call("convert", source, dest, "--to", "oci-archive", *options).status == 0
    assert dests[0].read_bytes() == dests[1].read_bytes()
    assert verdicts(dests[2], tmp_path, require_signature=True) == ["signature-missing"]


def test_signatures_of_platforms_beside_an_index_are_manifests_of_their_own(tmp_path: Path, cli_call: Call) -> None:
    one, two = IMAGE.node(), ARM.node()
    source = flat(tmp_path, image=index([one, two]))
    for number, node in enumerate((one, two)):
        (source / f"{hexed(node.digest)}.signature-1").write_bytes(beside(*cosigned(claim(node.digest), SIGN)))
        assert verdicts(source, tmp_path).count("signature-valid") == number + 1
    assert cli_call("convert", source, tmp_path / "dest", "--to", "oci-layout").status == 0
    assert verdicts(tmp_path / "dest", tmp_path, require_signature=True) == ["signature-valid"] * 2
    assert len(manifests(tmp_path / "dest")) == 3


def test_a_signature_beside_an_image_that_is_recompressed_is_stale(tmp_path: Path, cli_call: Call) -> None:
    source, dest = flat(tmp_path, BESIDE), tmp_path / "dest"
    assert cli_call("convert", source, dest, "--to", "oci-layout", "--compression", "zstd").status == 0
    assert verdicts(dest, tmp_path) == ["signature-identity", "signature-stale"]


def test_in_a_dir_it_stays_beside_the_image(tmp_path: Path, cli_call: Call) -> None:
    source, dest = flat(tmp_path, BESIDE), tmp_path / "dest"
    assert cli_call("convert", source, dest, "--to", "dir").status == 0
    assert (dest / "signature-1").read_bytes() == BESIDE


UNREADABLE = {
    "no-json": b"\x00sigstore-json\n{",
    "no-object": b"\x00sigstore-json\n[]",
    "doubled-key": BESIDE[:-1] + b',"payload":""}',
    "no-media-type": BESIDE.replace(b"mimeType", b"mimetype"),
    "no-payload": beside(b"", COSIGN_SIGNATURE, {}),
    "no-base64": BESIDE.replace(b'"payload":"', b'"payload":"*'),
    "annotation-that-is-no-text": beside(b"x", COSIGN_SIGNATURE, {"a": 1}),
    "another-form": b"\x00other\n{}",
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_beside_an_image_stays_behind_and_is_named(
    name: str, tmp_path: Path, cli_call: Call
) -> None:
    done = cli_call("convert", flat(tmp_path, UNREADABLE[name]), tmp_path / "dest", "--to", "oci-layout")
    assert done.status == 0
    assert "signature-1: a layout has no place for it" in done.stderr
    assert manifests(tmp_path / "dest") == {NODE.digest}
