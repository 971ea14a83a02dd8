"""Signatures that are small and mean much work, checked with a key within the bounds that hold for all archives."""

from contextlib import nullcontext
from pathlib import Path

import pytest

from ociarchive.blobio.limits import Limits
from ociarchive.signing.envelopes import read
from ociarchive.signing.values import UncheckedError
from tests.hostile.parts import IMAGE
from tests.hostile.process import MEMORY, run
from tests.support.build import COSIGN_SIGNATURE, Json, Node, dumped, hexed, layout
from tests.support.signing import DSSE, SIGNER, STATEMENT, b64, claim, envelope, holding, pem, signing
from tests.support.tar import write_tar

NODE = IMAGE.node().named("docker.io/library/app:1", "1")
SUBJECT: str = NODE.descriptor["digest"]
ANNOTATION = "dev.cosignproject.cosign/signature"


def many_times(subjects: int, predicate: Json, times: int) -> Node:
    """An attestation whose envelope is held so many times."""
    named = [hexed(SUBJECT), *(f"{number:064x}" for number in range(subjects))]
    listed = [{"name": "_", "digest": {"sha256": one}} for one in named]
    about = {"predicateType": "https://example.com/p/v1", "predicate": predicate}
    made = dumped(envelope(dumped({"_type": STATEMENT, "subject": listed, **about}), signing(SIGNER)))
    assert len(made) < Limits().signed_size
    return holding(*((made, DSSE, {"n": str(n)}) for n in range(times)), subject=NODE, artifact_type=DSSE)


def claims(count: int) -> list[Node]:
    """Signatures of one image, each a manifest of its own."""
    payload, kind = claim(SUBJECT), "application/vnd.dev.cosign.artifact.sig.v1+json"
    notes = {ANNOTATION: b64(signing(SIGNER)(payload))}
    held = ({**notes, "n": str(number)} for number in range(count))
    return [holding((payload, COSIGN_SIGNATURE, one), subject=NODE, artifact_type=kind) for one in held]


CASES = {
    "subjects-55-000-held-60-times": lambda: [many_times(55_000, {}, 60)],
    "values-a-million-held-60-times": lambda: [many_times(0, {"a": [[]] * 1_000_000}, 60)],
    "values-two-million-held-4-times": lambda: [many_times(0, {"a": [[]] * 1_900_000}, 4)],
    "signatures-4-500-of-one-image": lambda: claims(4_500),
}


@pytest.mark.parametrize("name", CASES)
def test_signatures_are_checked_within_the_bounds(name: str, tmp_path: Path) -> None:
    source, key = write_tar(tmp_path / "source", layout(NODE, *CASES[name]())), tmp_path / "key.pub"
    assert source.stat().st_size < 10_000_000
    key.write_bytes(pem(SIGNER))
    ended = run("audit", source, "--key", key, "--jobs", "2", "--format", "json", place=tmp_path)
    assert ended.status in (0, 1), ended.stderr[-500:]
    assert ended.peak < MEMORY, f"{ended.peak >> 20} MiB"
    assert ended.errors == []


def test_an_envelope_of_too_many_signatures_is_not_checked() -> None:
    sign = signing(SIGNER)
    for count, refused in ((64, False), (65, True)):
        raw = dumped(envelope(b"{}", *[sign] * count))
        with pytest.raises(UncheckedError, match="more than 64 signatures") if refused else nullcontext():
            assert len(read("cosign-attestation", raw, {}, "").signatures) == count


def test_an_inventory_has_a_largest_size(tmp_path: Path) -> None:
    source, have = write_tar(tmp_path / "source", layout(NODE)), tmp_path / "have"
    have.write_bytes(b"sha256:%064x\n" % 0 * 360_000)
    ended = run("convert", source, tmp_path / "dest", "--to", "oci-layout", "--have", have, place=tmp_path)
    assert ended.status == 2, ended.stderr
    assert "no inventory" in ended.stderr
    assert ended.peak < MEMORY


def test_what_is_read_of_signatures_follows_the_archives_size() -> None:
    assert Limits().said(0) == Limits().said(10_000_000) == 24 << 20
    assert Limits().said(40 << 20) == 80 << 20
    assert Limits().said(1 << 40) == Limits().statements
    assert Limits(statements=200 << 20).said(0) == 200 << 20
