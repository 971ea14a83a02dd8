"""Signatures as `cosign save` lists them: their kind, without the name of their image; only the payload says whose."""

from pathlib import Path

import ociarchive
from tests.audit.making import ARM, IMAGE
from tests.support.build import Node, hexed, index, layout
from tests.support.call import Call
from tests.support.signing import SIGNER, claim, cosigned, holding, named, signing
from tests.support.tar import tar

ONE = IMAGE.node().annotated(kind="dev.cosignproject.cosign/image")
OTHER = ARM.node().annotated(kind="dev.cosignproject.cosign/image")
HOME = "docker/registry/v2/repositories/corpus/app/_manifests/tags"


def saved(node: Node) -> Node:
    """Sign an image as a saved layout has it."""
    held = holding(cosigned(claim(node.digest), signing(SIGNER)))
    return held.annotated(kind="dev.cosignproject.cosign/sigs")


def written(folder: Path, *nodes: Node) -> str:
    path = folder / "saved.tar"
    path.write_bytes(tar(layout(*nodes)))
    return str(path)


def verdicts(path: str, folder: Path) -> list[str]:
    (_, key) = named(folder, SIGNER)
    report = ociarchive.audit(path, keys=[key], require_signature=True)
    return sorted(one.rule for one in report.findings if one.rule.startswith("signature-"))


def test_the_one_image_is_named_and_its_signature_gets_its_tag_in_a_registry(tmp_path: Path, cli_call: Call) -> None:
    source, dest, back = written(tmp_path, ONE, saved(ONE)), tmp_path / "registry", tmp_path / "back"
    done = cli_call("convert", source, dest, "--to", "registry-storage", "--tag", "corpus/app:1.0")
    assert done.status == 0, done.stderr
    tag = f"sha256-{hexed(ONE.digest)}.sig"
    assert sorted(one.name for one in (dest / HOME).iterdir()) == ["1.0", tag]
    assert (dest / HOME / tag / "current/link").read_text() == saved(ONE).digest
    assert verdicts(str(dest), tmp_path) == ["signature-valid"]
    assert cli_call("convert", dest, back, "--to", "oci-layout").status == 0
    assert verdicts(str(back), tmp_path) == ["signature-valid"]


def test_a_tag_holds_one_signature_and_the_other_comes_along_without(tmp_path: Path, cli_call: Call) -> None:
    second = holding(cosigned(claim(ONE.digest, optional={}), signing(SIGNER)))
    second = second.annotated(kind="dev.cosignproject.cosign/sigs")
    source, dest = written(tmp_path, ONE, saved(ONE), second), tmp_path / "registry"
    done = cli_call("convert", source, dest, "--to", "registry-storage", "--tag", "corpus/app:1.0")
    assert done.status == 0, done.stderr
    assert len(list((dest / HOME).iterdir())) == 2
    assert verdicts(str(dest), tmp_path) == ["signature-valid"] * 2


def test_a_recompressed_image_takes_the_tag_along_and_the_signature_is_stale(tmp_path: Path, cli_call: Call) -> None:
    source, dest = written(tmp_path, ONE, saved(ONE)), tmp_path / "registry"
    options = ("--to", "registry-storage", "--tag", "corpus/app:1.0", "--compression", "zstd")
    done = cli_call("convert", source, dest, *options)
    assert done.status == 0
    assert verdicts(str(dest), tmp_path) == ["signature-identity", "signature-missing", "signature-stale"]


def test_a_selected_image_takes_its_signature_along_and_no_other(tmp_path: Path, cli_call: Call) -> None:
    source, dest = written(tmp_path, ONE, OTHER, saved(ONE), saved(OTHER)), tmp_path / "one"
    assert cli_call("convert", f"{source}#{ONE.digest}", dest, "--to", "oci-layout").status == 0
    blobs = {one.name for one in (dest / "blobs/sha256").iterdir()}
    assert hexed(saved(ONE).digest) in blobs
    assert hexed(saved(OTHER).digest) not in blobs
    assert verdicts(str(dest), tmp_path) == ["signature-valid"]


def test_a_signature_of_a_platform_that_stays_behind_does_not_come(tmp_path: Path, cli_call: Call) -> None:
    source, dest = written(tmp_path, index([ONE, OTHER]), saved(ONE), saved(OTHER)), tmp_path / "one"
    done = cli_call("convert", source, dest, "--to", "oci-layout", "--platform", "linux/amd64")
    assert done.status == 0, done.stderr
    blobs = {one.name for one in (dest / "blobs/sha256").iterdir()}
    assert hexed(saved(ONE).digest) in blobs
    assert hexed(saved(OTHER).digest) not in blobs
    assert verdicts(str(dest), tmp_path) == ["signature-valid"]
