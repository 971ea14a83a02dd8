"""The audit as SARIF 2.1.0, for GitHub's code scanning and other viewers (OASIS, SARIF Version 2.1.0)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from ociarchive.auditing import RULES, Policy
from ociarchive.report.audit.locations import Place, local, places, sentence, uri
from ociarchive.report.shared.text import safe
from ociarchive.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ociarchive.auditing import Report, Rule
    from ociarchive.auditing.listing import Object
    from ociarchive.auditing.run import Run
    from ociarchive.values import JSON

_SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_INDEX: Final = {rule.id: number for number, rule in enumerate(RULES)}
#: What GitHub calls them.
_PROBLEM: Final = {"error": "error", "warning": "warning", "note": "recommendation"}


def render(reports: Sequence[Report], run: Run) -> str:
    """Return one run of the audit over some archives. Waived findings are results that are suppressed."""
    files = {local(report.source, run.folder): report.source for report in reports}
    numbers = {path: number for number, path in enumerate(files)}
    driver: Object = {
        "name": "ociarchive",
        "semanticVersion": VERSION,
        "version": VERSION,
        "shortDescription": {"text": "Audits container image archives offline."},
        "rules": [_rule(rule) for rule in RULES],
    }
    value: Object = {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "invocations": [_invocation(reports, run)],
                "artifacts": [_artifact(path, source, run) for path, source in files.items()],
                "results": [_result(place, numbers) for place in places(reports, run)],
                "columnKind": "unicodeCodePoints",
                "properties": {
                    "archives": [_verdict(report) for report in reports],
                    "waivers": [
                        {"rule": one.rule, "how": one.how, "by": safe(one.by)} for one in _policy(reports).waivers
                    ],
                },
            }
        ],
    }
    return json.dumps(value, indent=2, ensure_ascii=True) + "\n"


def _policy(reports: Sequence[Report]) -> Policy:
    """Return the policy, which is one for all archives of a call."""
    return reports[0].policy if reports else Policy()


def _rule(rule: Rule) -> Object:
    text = f"{rule.summary} {rule.advice} Clause: {rule.spec}."
    markdown = f"{rule.summary}\n\n**What to do:** {rule.advice}\n\n**Clause:** {rule.spec}\n"
    # A viewer's friendly name, which must be another than the id in more than its case.
    name: Object = {"name": "".join(map(str.capitalize, rule.id.split("-")))} if "-" in rule.id else {}
    return {
        "id": rule.id,
        **name,
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": f"{rule.summary} {rule.advice}"},
        "help": {"text": text, "markdown": markdown},
        "defaultConfiguration": {"level": rule.severity},
        "properties": {
            "tags": [rule.control.id],
            "precision": "very-high",
            "problem.severity": _PROBLEM[rule.severity],
        },
    }


def _invocation(reports: Sequence[Report], run: Run) -> Object:
    policy = _policy(reports)
    overrides: list[JSON] = [
        {"descriptor": {"id": rule, "index": _INDEX[rule]}, "configuration": {"level": level}}
        for rule, (level, _) in policy.severity.items()
        if rule in _INDEX
    ]
    found: Object = {
        "executionSuccessful": True,
        "exitCode": int(any(report.failed for report in reports)),
        "arguments": [safe(argument) for argument in run.command[1:]],
        "endTimeUtc": run.time.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return found | ({"ruleConfigurationOverrides": overrides} if overrides else {})


def _artifact(path: str, source: str, run: Run) -> Object:
    found: Object = {"location": {"uri": uri(path)}, "roles": ["analysisTarget"]}
    size, digest = run.sizes.get(source), run.sha256.get(source)
    if size is not None:
        found["length"] = size
    if digest is not None:
        found["hashes"] = {"sha-256": digest}
    return found


def _result(place: Place, numbers: Mapping[str, int]) -> Object:
    finding = place.finding
    where = f" ({safe(place.member)})" if place.member else ""
    artifact: Object = {"uri": place.uri}
    if place.path in numbers:
        artifact["index"] = numbers[place.path]
    location: Object = {"physicalLocation": {"artifactLocation": artifact, "region": {"startLine": 1}}}
    if place.member:
        member = safe(place.member)
        location["logicalLocations"] = [
            {"name": member, "fullyQualifiedName": safe(finding.location), "kind": "resource"}
        ]
    found: Object = {
        "ruleId": finding.rule,
        "level": finding.severity,
        "message": {"text": f"{sentence(finding)}{where}."},
        "locations": [location],
        "partialFingerprints": {"primaryLocationLineHash": place.fingerprint, "ociarchive/v1": place.fingerprint},
        "properties": {
            "subject": None if finding.subject is None else safe(finding.subject),
            "expected": None if finding.expected is None else safe(finding.expected),
            "found": None if finding.found is None else safe(finding.found),
        },
    }
    if finding.rule in _INDEX:
        found["ruleIndex"] = _INDEX[finding.rule]
    if place.waived is not None:
        found["suppressions"] = [{"kind": "external", "status": "accepted", "justification": safe(place.waived)}]
    return found


def _verdict(report: Report) -> Object:
    return {
        "source": safe(report.source),
        "passed": not report.failed,
        "blobs": report.blobs,
        "bytes": report.bytes,
        "layers": len(report.layers),
        "layersProved": report.layers.count(True),
        "recorded": report.recorded,
    }
