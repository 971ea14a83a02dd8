"""The outcome of every rule on one archive: found, waived, clean, or not checked. Not checked does not mean clean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from ociarchive.auditing import RULES
from ociarchive.auditing.rules import layers, signatures

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ociarchive.auditing import Finding, Report, Rule
    from ociarchive.auditing.report import Contents
    from ociarchive.auditing.run import Run

Status: TypeAlias = Literal["found", "waived", "clean", "not checked"]

#: Rules about a tar as the container. They do not apply to a folder.
_OF_TARS: Final = ("tar-", "data-after-end", "member-doubled", "limit-members")
#: Rules about layers' tables of contents. Two of them report that a table was not found, or is not the right one.
_OF_TABLES: Final = "toc-"
NO_TABLE: Final = "no layer has a table of contents"
_NO_DIGEST: Final = "the call asks for no digest"
_NO_RECEIPT: Final = "the call names no receipt"
_NO_OTHERS: Final = "the call names no inventory and no base"
_NO_KEYS: Final = "the call names no key to check signatures by"
_NOT_DEMANDED: Final = "the call demands no signature"
#: Reasons that the call gives, which say nothing of an archive.
OF_THE_CALL: Final = frozenset((_NO_DIGEST, _NO_RECEIPT, _NO_OTHERS, _NO_KEYS, _NOT_DEMANDED))
_OF_PLACES: Final = frozenset(("toc-annotation", "toc-digest", "toc-elsewhere"))
#: By their ids: rules are compared member by member, and this is asked for each rule and archive of a report.
_OF_LAYERS: Final = frozenset(rule.id for rule in layers.RULES)
_OF_SIGNATURES: Final = frozenset(rule.id for rule in signatures.RULES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A rule and its outcome. `why` says why it is waived or was not checked."""

    rule: Rule
    status: Status
    why: str | None = None
    findings: tuple[Finding, ...] = ()
    waived: tuple[Finding, ...] = ()


def outcomes(report: Report, run: Run) -> tuple[Outcome, ...]:
    """Return the outcome of every rule, in the rules' order."""
    found, waived = _by_rule(report.findings), _by_rule(report.waived)
    return tuple(_outcome(rule, report, run, found.get(rule.id, ()), waived.get(rule.id, ())) for rule in RULES)


def _by_rule(findings: Iterable[Finding]) -> dict[str, tuple[Finding, ...]]:
    """Return findings by their rules' ids, in their order."""
    made: dict[str, list[Finding]] = {}
    for finding in findings:
        made.setdefault(finding.rule, []).append(finding)
    return {rule: tuple(ones) for rule, ones in made.items()}


def _outcome(
    rule: Rule, report: Report, run: Run, findings: tuple[Finding, ...], waived: tuple[Finding, ...]
) -> Outcome:
    if findings:
        return Outcome(rule=rule, status="found", findings=findings, waived=waived)
    why = report.policy.waives(rule.id)
    if why is not None:
        return Outcome(rule=rule, status="waived", why=why, waived=waived)
    why = _unchecked(rule, report, run)
    return Outcome(rule=rule, status="not checked" if why else "clean", why=why)


def _unchecked(rule: Rule, report: Report, run: Run) -> str | None:
    """Return why a rule had nothing to judge, None where it had something."""
    if rule.id == "expected-digest-missing" and not report.demanded:
        return _NO_DIGEST
    if rule.id == "receipt-mismatch" and run.receipt is None:
        return _NO_RECEIPT
    if rule.id == "delta-incomplete" and not run.others:
        return _NO_OTHERS
    if rule.id in {"not-an-archive", "audit-died"}:
        return None
    if report.contents is None:
        return "the source could not be read as an archive"
    if report.contents.is_folder and rule.id.startswith(_OF_TARS):
        return "the source is a folder, no tar"
    if rule.id in _OF_LAYERS and not report.contents.images:
        return "there is no image"
    if rule.id in _OF_SIGNATURES:
        return _without_keys(rule, report.contents)
    return _without_table(rule, report) if rule.id.startswith(_OF_TABLES) else None


def _without_keys(rule: Rule, contents: Contents) -> str | None:
    """Return why a rule about signatures had none to judge."""
    if not contents.keys:
        return _NO_KEYS
    return _NOT_DEMANDED if rule.id == "signature-missing" and not contents.must_be_signed else None


def _without_table(rule: Rule, report: Report) -> str | None:
    """Return why a rule about layers' tables of contents had none to judge."""
    if report.contents is None or not report.contents.tables:
        return NO_TABLE
    found = {finding.rule for finding in (*report.findings, *report.waived)}
    if rule.id not in _OF_PLACES and not found.isdisjoint(_OF_PLACES):
        return "a table of contents could not be found, so that it was not held against its layer, or not in full"
    return None
