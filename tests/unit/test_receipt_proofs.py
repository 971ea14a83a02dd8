"""What a report says of the receipt that its archive was held against."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import ociarchive
from ociarchive.auditing.proven import ReceiptProof, Share
from ociarchive.catalogue.recording import recorded, report_again
from tests.support.truth import CORPUS


def test_a_report_says_which_receipt_was_checked_and_what_it_proved(tmp_path: Path) -> None:
    done, receipt = tmp_path / "done", tmp_path / "receipt.json"
    ociarchive.convert(CORPUS / "buildx-oci-zstd.tar", done, to="oci-layout", receipt=receipt)
    report = ociarchive.audit(done, receipt=receipt)
    proof = report.receipt
    assert proof is not None
    assert (proof.path, proof.by) == (str(receipt), None)
    assert proof.sha256 == f"sha256:{hashlib.sha256(receipt.read_bytes()).hexdigest()}"
    assert proof.manifests is not None
    assert proof.manifests.held == proof.manifests.listed > 0
    assert proof.blobs is not None
    assert proof.blobs.held == proof.blobs.listed > 0
    again = report_again(recorded(report), report.source, report.policy, "all", "2026-01-31T08:00:00Z")
    assert replace(again, recorded=None) == report
    assert ociarchive.audit(done).receipt is None
    other = ociarchive.audit(CORPUS / "docker20.tar", receipt=receipt).receipt
    assert other is not None
    assert other.manifests is not None
    assert (other.manifests.held, other.manifests.listed) == (0, proof.manifests.listed)


def test_what_was_proved_is_told_in_one_clause() -> None:
    def told(**values: object) -> str:
        return ReceiptProof(path="r.json", sha256="sha256:00", **values).told  # type: ignore[arg-type]  # any of them

    two = Share(held=2, listed=3)
    assert told(names=two, manifests=two, blobs=two) == "2 of 3 names, 2 of 3 manifests and 2 of 3 blobs hold"
    assert told(blobs=two, file=True) == "2 of 3 blobs hold; the archive's own digest agrees"
    assert told(file=False) == "the archive's own digest is another"
    assert told() == "it proves nothing"


def test_what_a_receipt_does_not_bind_is_said(tmp_path: Path) -> None:
    layout, tar, receipt = tmp_path / "layout", tmp_path / "a.tar", tmp_path / "receipt.json"
    ociarchive.convert(CORPUS / "docker20.tar", layout, to="oci-layout", receipt=receipt)
    proof = ociarchive.audit(layout, receipt=receipt).receipt
    assert proof is not None
    assert (proof.file, proof.unbound) == (True, ())
    ociarchive.convert(layout, tar, to="oci-archive")
    other = ociarchive.audit(tar, receipt=receipt)
    assert not other.failed  # the same names and digests, in another form
    assert other.receipt is not None
    assert other.receipt.file is None
    assert [one.partition(",")[0] for one in other.receipt.unbound] == [
        "DEST had the format oci-layout",
        "the digest of DEST itself was not compared",
    ]
    value = json.loads(receipt.read_bytes())
    del value["holds"], value["destination"]["dir_hash"]
    receipt.write_text(json.dumps(value))
    older = ociarchive.audit(layout, receipt=receipt).receipt
    assert older is not None
    assert (older.names, older.file) == (None, None)
    assert [one.partition(",")[0] for one in older.unbound] == [
        "it binds no names",
        "it has no digest of the archive itself",
    ]
