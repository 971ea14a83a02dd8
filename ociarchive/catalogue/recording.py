"""Reports as a catalogue keeps them: JSON, compressed, so that a changed byte is noticed (RFC 1950, ADLER32)."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from ociarchive.auditing.identity import Identity
from ociarchive.auditing.proven import ReceiptProof, Share
from ociarchive.auditing.report import BlobRow, Contents, Listed, Proof, Report
from ociarchive.auditing.rule import Finding
from ociarchive.container.walk import Fault, Named, Walked
from ociarchive.measure import Measured
from ociarchive.values import Digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ociarchive.auditing.policy import Policy
    from ociarchive.auditing.report import Detail

#: Fast: these are a few kilobytes each. What fits into a small window needs no large one, which takes longer to clear
#: than such a text to compress (RFC 1950, CINFO); the bytes are as many.
_LEVEL: Final = 1
_SMALL: Final = 8 << 10
_WINDOW_OF_SMALL: Final = (13, 6)
_WINDOW: Final = (15, 8)
#: What is kept may unpack to so much: a report of as many lines as there may be has half of it, and what is written
#: larger has no more than so many times its size. Facts of a blob have a kilobyte or two, and paths from its tar.
_REPORT: Final = 64 << 20
_TIMES: Final = 16
_FACT: Final = 16 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A report in parts. `listed` and `proof` are None where the source could not be read as an archive."""

    verdict: bytes
    listed: bytes | None
    proof: bytes | None


def packed(value: object) -> bytes:
    """Return a value of JSON in few bytes."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode("ascii")
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, *(_WINDOW_OF_SMALL if len(text) <= _SMALL else _WINDOW))
    return compressor.compress(text) + compressor.flush()


def unpacked(data: bytes, most: int = _FACT) -> Any:  # noqa: ANN401  what JSON holds
    """Return a value again. zlib.error, ValueError: the bytes are not those that were written, or are too many."""
    stream = zlib.decompressobj()
    found = stream.decompress(data, most)
    if stream.unconsumed_tail or not stream.eof:
        raise ValueError(f"a report of more than {most} bytes, or one that is cut")
    return json.loads(found.decode("ascii"))


def _unpacked(data: bytes) -> Any:  # noqa: ANN401  as above
    return unpacked(data, max(_REPORT, _TIMES * len(data)))


def recorded(report: Report) -> Recorded:
    """Return a report, which holds all details, as it is kept. Its policy is kept apart."""
    contents = report.contents
    verdict = {
        "findings": [_finding(one) for one in report.findings],
        "waived": [_finding(one) for one in report.waived],
        "blobs": report.blobs,
        "bytes": report.bytes,
        "demanded": report.demanded,
        "size": report.size,
        "receipt": report.receipt and _values(report.receipt),
        "identity": report.identity and [report.identity.algorithm, report.identity.value],
        "contents": contents
        and {
            "format": contents.format,
            "is_folder": contents.is_folder,
            "images": contents.images,
            "distinct": contents.distinct,
            "layers": contents.layers,
            "tables": contents.tables,
            "files": sorted(contents.files),
            "keys": contents.keys,
            "must_be_signed": contents.must_be_signed,
            "signed": contents.signed,
        },
    }
    listed, proof = report.listed, report.proof
    return Recorded(
        verdict=packed(verdict),
        listed=packed([listed.images, listed.artifacts, listed.missing]) if listed else None,
        proof=packed(_proof(proof)) if proof else None,
    )


def report_again(kept: Recorded, source: str, policy: Policy, detail: Detail, when: str) -> Report:
    """Return the report that was kept, with as much detail as is asked for. KeyError, ValueError: it is damaged."""
    verdict = _unpacked(kept.verdict)
    facts = verdict["contents"]
    contents = None
    if facts is not None:
        contents = Contents(
            format=facts["format"],
            is_folder=facts["is_folder"],
            images=facts["images"],
            distinct=facts.get("distinct", facts["images"]),
            layers=tuple(facts["layers"]),
            tables=facts["tables"],
            files=frozenset(facts["files"]),
            keys=tuple(facts.get("keys", ())),
            must_be_signed=facts.get("must_be_signed", False),
            signed=facts.get("signed", False),
            listed=_listed_again(kept.listed) if detail != "verdict" else None,
            proof=_proof_again(kept.proof) if detail == "all" else None,
        )
    return Report(
        source=source,
        contents=contents,
        findings=tuple(Finding(**one) for one in verdict["findings"]),
        waived=tuple(Finding(**one) for one in verdict["waived"]),
        policy=policy,
        blobs=verdict["blobs"],
        bytes=verdict["bytes"],
        recorded=when,
        demanded=tuple(verdict.get("demanded", ())),
        size=verdict.get("size"),
        receipt=_receipt_again(verdict.get("receipt")),
        identity=Identity(*verdict["identity"]) if verdict.get("identity") else None,
    )


def with_detail(report: Report, detail: Detail) -> Report:
    """Return a report that holds all details with no more of them than is asked for."""
    if report.contents is None or detail == "all":
        return report
    listed = report.contents.listed if detail == "images" else None
    return replace(report, contents=replace(report.contents, listed=listed, proof=None))


def respelled(report: Report, old: str, new: str) -> Report | None:
    """Return a report of an archive that the call names in another way; None where a text may name it inside."""
    if old == new:
        return report
    findings = [_respelled(one, old, new) for one in (*report.findings, *report.waived)]
    if None in findings:
        return None
    found = tuple(one for one in findings if one is not None)
    kept = len(report.findings)
    return replace(report, source=new, findings=found[:kept], waived=found[kept:])


def _respelled(finding: Finding, old: str, new: str) -> Finding | None:
    def spell(text: str | None) -> str | None:
        if text == old:
            return new
        return f"{new}{text.removeprefix(old)}" if text is not None and text.startswith(f"{old}: ") else text

    if old in finding.message:
        return None
    return replace(
        finding,
        location=spell(finding.location) or "",
        subject=spell(finding.subject),
        expected=spell(finding.expected),
        found=spell(finding.found),
    )


def _finding(finding: Finding) -> dict[str, str | None]:
    return {name: getattr(finding, name) for name in Finding.__dataclass_fields__}


def _values(proof: ReceiptProof) -> dict[str, Any]:
    value = {name: getattr(proof, name) for name in ReceiptProof.__dataclass_fields__}
    return {name: [one.held, one.listed] if isinstance(one, Share) else one for name, one in value.items()}


def _receipt_again(value: dict[str, Any] | None) -> ReceiptProof | None:
    """Return what a receipt proved; None where it was not asked, or an older version recorded nothing of it."""
    if value is None:
        return None
    shares = {
        name: Share(held=value[name][0], listed=value[name][1])
        for name in ("names", "manifests", "blobs")
        if value[name] is not None
    }
    return ReceiptProof(**value | shares | {"unbound": tuple(value["unbound"])})


def _listed_again(data: bytes | None) -> Listed | None:
    if data is None:
        return None
    images, artifacts, missing = _unpacked(data)
    return Listed(images=tuple(images), artifacts=tuple(artifacts), missing=tuple(missing))


def _proof(proof: Proof) -> dict[str, Any]:
    names = ("held", "made", "here", "named", "names", "members", "roots", "unproved", "unread")
    rows = [[row.where, row.fact and fact_value(row.fact), row.size, row.held, row.made] for row in proof.blobs]
    return {name: getattr(proof, name) for name in names} | {"blobs": rows}


def _proof_again(data: bytes | None) -> Proof | None:
    if data is None:
        return None
    value = _unpacked(data)
    rows = tuple(
        BlobRow(where=where, fact=fact and fact_again(fact), size=size, held=held, made=made)
        for where, fact, size, held, made in value.pop("blobs")
    )
    unproved = tuple((what, why) for what, why in value.pop("unproved"))
    return Proof(**value | {"unread": tuple(value["unread"])}, unproved=unproved, blobs=rows)


def fact_value(fact: Measured) -> dict[str, Any]:
    """Return the facts of a blob as a value of JSON."""
    tar = fact.tar
    value = {name: getattr(fact, name) for name in Measured.__dataclass_fields__}
    return value | {
        "digests": [str(one) for one in fact.digests],
        "diff_ids": None if fact.diff_ids is None else [str(one) for one in fact.diff_ids],
        "first": base64.b64encode(fact.first).decode("ascii"),
        "tar": tar and {name: _plain(getattr(tar, name)) for name in Walked.__dataclass_fields__},
    }


def fact_again(value: dict[str, Any]) -> Measured:
    """Return facts again. KeyError, ValueError: the value is another."""
    tar = value["tar"]
    return Measured(
        **value
        | {
            "digests": _digests(value["digests"]),
            "diff_ids": None if value["diff_ids"] is None else _digests(value["diff_ids"]),
            "first": base64.b64decode(value["first"]),
            "tar": tar and _walked(tar),
        }
    )


def _plain(value: object) -> object:
    if isinstance(value, Fault | Named):
        return {name: getattr(value, name) for name in value.__dataclass_fields__}
    return value


def _walked(value: dict[str, Any]) -> Walked:
    fault = value["fault"]
    named = {name: value[name] and Named(**value[name]) for name in ("doubled", "outside", "absolute")}
    return Walked(**value | named | {"fault": fault and Fault(**fault)})


def _digests(texts: Sequence[str]) -> tuple[Digest, ...]:
    return tuple(Digest.parse(text) for text in texts)
