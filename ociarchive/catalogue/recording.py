"""Reports as a catalogue keeps them."""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ociarchive.auditing.identity import Identity
from ociarchive.auditing.proven import ReceiptProof, Share
from ociarchive.auditing.report import BlobRow, Contents, Listed, Proof, Report
from ociarchive.auditing.rule import Finding
from ociarchive.catalogue.packing import packed, rows, split, text_of, unpacked, value_of
from ociarchive.container.walk import Fault, Named, Walked
from ociarchive.measure import Measured
from ociarchive.values import Digest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ociarchive.auditing.policy import Policy
    from ociarchive.auditing.report import Detail

_Kinds: TypeAlias = "Mapping[str, tuple[type, ...]]"
_TEXT: Final = (str,)
_TEXT_OR_NONE: Final = (str, NoneType)
_FINDING: Final[_Kinds] = {
    **dict.fromkeys(("rule", "severity", "message", "location"), _TEXT),
    **dict.fromkeys(("subject", "expected", "found"), _TEXT_OR_NONE),
}
#: The members of Measured and Walked that are kept as they are.
_MEASURED: Final[_Kinds] = {
    **dict.fromkeys(("size", "header"), (int,)),
    "compression": _TEXT,
    "uncompressed_size": (int, NoneType),
    "damage": _TEXT_OR_NONE,
    "limit": _TEXT_OR_NONE,
    "padded": (bool,),
}
_WALKED: Final[_Kinds] = {"paths": (bool,), "loose": (int,), "headers": (int,)}
_FAULT: Final[_Kinds] = {
    "rule": _TEXT, "message": _TEXT, "offset": (int,), "expected": _TEXT_OR_NONE, "found": _TEXT_OR_NONE,
}  # fmt: skip
_NAMED: Final[_Kinds] = {"first": _TEXT, "count": (int,)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A report in parts. `listed` and `proof` are None where the source could not be read as an archive."""

    verdict: bytes
    listed: bytes | None
    proof: bytes | None


def recorded(report: Report) -> Recorded:
    """Return a report, which holds all details, as it is kept. Its policy is kept apart."""
    contents = report.contents
    verdict = {
        "findings": map(_finding, report.findings),
        "waived": map(_finding, report.waived),
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
        listed=packed(iter((listed.images, listed.artifacts, listed.missing))) if listed else None,
        proof=packed(_proof(proof)) if proof else None,
    )


def report_again(kept: Recorded, source: str, policy: Policy, detail: Detail, when: str) -> Report:
    """Return the report that was kept, with as much detail as is asked for.

    KeyError, TypeError, ValueError: it is damaged. TooManyError: it is larger than what is read again.
    """
    verdict = unpacked(kept.verdict)
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
        findings=tuple(Finding(**_typed(one, _FINDING)) for one in verdict["findings"]),
        waived=tuple(Finding(**_typed(one, _FINDING)) for one in verdict["waived"]),
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
    images, artifacts, missing = unpacked(data)
    return Listed(images=tuple(images), artifacts=tuple(artifacts), missing=tuple(missing))


def _proof(proof: Proof) -> dict[str, Any]:
    names = ("held", "made", "here", "named", "names", "members", "roots", "unproved", "unread")
    every = ([row.where, row.fact and fact_value(row.fact), row.size, row.held, row.made] for row in proof.blobs)
    return {name: getattr(proof, name) for name in names} | {"blobs": every}


def _proof_again(data: bytes | None) -> Proof | None:
    if data is None:
        return None
    text = text_of(data)
    head, at = split(text, "blobs")
    value = value_of(head, len(data))
    blobs = tuple(_row(*row) for row in rows(text, at, len(data)))
    unproved = tuple((what, why) for what, why in value.pop("unproved"))
    return Proof(**value | {"unread": tuple(value["unread"])}, unproved=unproved, blobs=blobs)


def _row(where: Any, fact: Any, size: Any, held: Any, made: Any) -> BlobRow:  # noqa: ANN401  of JSON
    kinds = {"where": _TEXT, "size": (int, NoneType), "held": (int,), "made": (int,)}
    plain = _typed({"where": where, "size": size, "held": held, "made": made}, kinds)
    return BlobRow(**plain, fact=None if fact is None else fact_again(fact))


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
    """Return facts again. KeyError, TypeError, ValueError: the value is another."""
    tar = value["tar"]
    return Measured(
        **_typed({name: value[name] for name in _MEASURED}, _MEASURED),
        digests=_digests(value["digests"]),
        diff_ids=None if value["diff_ids"] is None else _digests(value["diff_ids"]),
        first=base64.b64decode(value["first"]),
        tar=tar and _walked(tar),
    )


def _typed(value: dict[str, Any], kinds: _Kinds) -> dict[str, Any]:
    """Return an object whose members are known and of these types. TypeError: it is another."""
    for name, one in value.items():
        if name not in kinds or not isinstance(one, kinds[name]):
            raise TypeError(f"no {name[:80]}: {str(one)[:80]}")
    return value


def _plain(value: object) -> object:
    if isinstance(value, Fault | Named):
        return {name: getattr(value, name) for name in value.__dataclass_fields__}
    return value


def _walked(value: dict[str, Any]) -> Walked:
    fault = value["fault"]
    named = {name: value[name] and Named(**_typed(value[name], _NAMED)) for name in ("doubled", "outside", "absolute")}
    plain = {name: one for name, one in value.items() if name not in (*named, "fault")}
    found: dict[str, Any] = {**_typed(plain, _WALKED), **named}
    return Walked(**found, fault=fault and Fault(**_typed(fault, _FAULT)))


def _digests(texts: Sequence[str]) -> tuple[Digest, ...]:
    return tuple(Digest.parse(text) for text in texts)
