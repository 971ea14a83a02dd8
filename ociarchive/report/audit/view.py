"""What the report for people says of one archive: the verdict with its reasons, control by control, and findings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from ociarchive.auditing import RULES
from ociarchive.auditing.controls import BLOBS, COMPLETENESS, CONTROLS, IDENTITY, LAYERS, SAFETY, Control
from ociarchive.auditing.report import member_of
from ociarchive.auditing.rule import SEVERITIES
from ociarchive.errors import plural
from ociarchive.report.shared.text import images_said, safe, short, shortened, size

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ociarchive.auditing import Finding, Report, Rule, Severity
    from ociarchive.auditing.outcomes import Outcome
    from ociarchive.auditing.proven import ReceiptProof
    from ociarchive.auditing.report import Proof

Word: TypeAlias = Literal["PASS", "FAIL", "PARTLY", "NOT CHECKED"]

_KNOWN: Final = {rule.id: rule for rule in RULES}
_SCOPE: Final = (
    "It does not say who made the images, whether a signature is valid, or whether the software in them is free of "
    "known vulnerabilities."
)
_SIGNED_SCOPE: Final = (
    "Who signed what stands beside each image, by those whom the call names. It does not say whether the software "
    "in the images is free of known vulnerabilities."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The verdict, the sentence that says what was read and proved, and what it means."""

    word: Word
    sentence: str
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A control with its verdict; `checks` says what was looked at, `rules` how many rules were applied."""

    control: Control
    word: Word
    found: str
    checks: str
    rules: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """All findings of one rule at one severity, each with its place in the archive."""

    id: str
    severity: Severity
    rule: Rule | None
    findings: tuple[tuple[str, Finding], ...]


def verdict(report: Report, results: Sequence[Outcome]) -> Verdict:
    """Return the verdict of one archive."""
    word: Word = "FAIL" if report.failed else "PASS"
    if report.contents is None:
        reason = report.findings[0].message if report.findings else "it is no image archive"
        return Verdict(
            word=word,
            sentence=f"Nothing was proved, because the source could not be read as an image archive: {reason}.",
            meaning="No claim in it was held against its bytes. Do not load it.",
        )
    applied = sum(one.status in ("found", "clean") for one in results)
    sentence = (
        f"{capital(read(report))}; {applied} of {plural(len(results), 'rule')} were applied and found "
        f"{counts(report.findings) or 'nothing'}."
    )
    scope = _SIGNED_SCOPE if report.contents.keys else _SCOPE
    if not report.failed and _softened(report):
        meaning = f"PASS means that the rules which count found no fault; what was waived or counted for less than \
usual did find some, as told below. {scope}"
    elif not report.failed:
        meaning = f"PASS means that every claim of the archive which could be held against its bytes holds. {scope}"
    elif report.count("error"):
        meaning = "FAIL means that a claim which the archive makes of its bytes does not hold, or cannot be held \
against them. Settle the findings before anything is loaded from it."
    else:
        meaning = "FAIL means that warnings count in this audit (strict) and that there are some."
    return Verdict(word=word, sentence=sentence, meaning=meaning)


def _softened(report: Report) -> bool:
    """Whether the policy changed how something that was found counts."""
    return bool(report.waived) or any(finding.rule in report.policy.severity for finding in report.findings)


def read(report: Report) -> str:
    """Return what was read and what was proved, as one clause."""
    told = [f"{plural(report.blobs, 'blob')}, {size(report.bytes)}, {were(report.blobs)} read to the end"]
    proof = report.proof
    if proof is not None and proof.made:
        made = plural(proof.made, "digest or size claimed of them agrees", "digests and sizes claimed of them agree")
        told.append(f"{proof.held} of {made}")
    layers = report.layers
    if layers:
        told.append(f"{layers.count(True)} of {unpacks(len(layers))} to what the images' configs list")
    else:
        told.append("there is no layer to prove")
    return ", ".join(told[:-1]) + " and " + told[-1]


def counts(findings: Iterable[Finding]) -> str:
    """Return how many findings there are of each severity, empty for none."""
    severities = [finding.severity for finding in findings]
    return ", ".join(plural(severities.count(one), one) for one in SEVERITIES if one in severities)


def judged(report: Report, results: Sequence[Outcome]) -> tuple[Judged, ...]:
    """Return the verdict control by control."""
    return tuple(_judged(control, report, results) for control in CONTROLS)


def _judged(control: Control, report: Report, results: Sequence[Outcome]) -> Judged:
    mine = [one for one in results if one.rule.control is control]
    findings = [finding for finding in report.findings if _control(finding.rule) is control]
    applied = sum(one.status in ("found", "clean") for one in mine)
    waived = sum(len(one.waived) for one in mine)
    word: Word = "PASS"
    if report.policy.fails(findings):
        word = "FAIL"
    elif report.proof is None or not applied or not _anything(control, report, report.proof):
        word = "NOT CHECKED"
    elif waived or (control is LAYERS and not all(report.layers)):
        word = "PARTLY"
    told = counts(findings) or "no findings"
    return Judged(
        control=control,
        word=word,
        found=f"{told}, {waived} waived" if waived else told,
        checks=_checks(control, report),
        rules=f"{applied} of {plural(len(mine), 'rule')} applied",
    )


def _control(rule: str) -> Control:
    """Return the control of a rule by its id. An id that is no rule of this program belongs to safe reading."""
    return _KNOWN[rule].control if rule in _KNOWN else SAFETY


def _anything(control: Control, report: Report, proof: Proof) -> bool:
    """Whether an archive has anything that a control is about. Where there is nothing, nothing is proved."""
    if control in (LAYERS, IDENTITY):
        return bool(report.images)
    if control is BLOBS:
        return bool(report.blobs)
    return control is not COMPLETENESS or proof.roots


def _checks(control: Control, report: Report) -> str:
    proof = report.proof
    if proof is None:
        return "nothing could be checked"
    if control is BLOBS:
        agree = plural(proof.made, "claimed digest or size agrees", "claimed digests and sizes agree")
        agreed = f"{proof.held} of {agree}"
        return f"{plural(report.blobs, 'blob')} read, {agreed if proof.made else 'no digest or size is claimed'}"
    if control is LAYERS:
        return f"{report.layers.count(True)} of {plural(len(report.layers), 'layer')} proved"
    if control is IDENTITY:
        return f"{images_said(report.distinct, report.images)}, {plural(proof.names, 'name')}"
    if control is COMPLETENESS:
        named = plural(proof.named, "thing that descriptors name is here", "things that descriptors name are here")
        return f"{proof.here} of {named}"
    return f"{plural(proof.members, 'stored file')}, the container and its documents"


def receipt_line(proof: ReceiptProof, *, whole: bool = True) -> str:
    """Return which receipt an archive was held against, and what that proved, as one line."""
    by = f", signed by {proof.by if whole else shortened(proof.by)}" if proof.by is not None else ""
    more = "".join(f"; {one}" for one in proof.unbound)
    return f"{safe(proof.path)} ({short(proof.sha256, whole=whole)}{safe(by)}): {proof.told}{safe(more)}"


def groups(report: Report, findings: Iterable[Finding]) -> tuple[Group, ...]:
    """Return findings by severity and rule, errors first, in the order in which they were reported."""
    return tuple(
        Group(
            id=rule,
            severity=severity,
            rule=_KNOWN.get(rule),
            findings=tuple((member_of(one.location, report.source), one) for one in listed),
        )
        for (severity, rule), listed in by_rule(findings).items()
    )


def by_rule(findings: Iterable[Finding]) -> dict[tuple[Severity, str], list[Finding]]:
    """Return findings by severity and rule, errors first, else in their order."""
    found: dict[tuple[Severity, str], list[Finding]] = {}
    for finding in sorted(findings, key=lambda one: SEVERITIES.index(one.severity)):
        found.setdefault((finding.severity, finding.rule), []).append(finding)
    return found


def capital(text: str) -> str:
    """Return a text that begins a sentence."""
    return text[:1].upper() + text[1:]


def were(count: int) -> str:
    """Return the verb for so many things."""
    return "was" if count == 1 else "were"


def unpacks(layers: int) -> str:
    """Return a number of layers with what they do."""
    return plural(layers, "layer unpacks", "layers unpack")
