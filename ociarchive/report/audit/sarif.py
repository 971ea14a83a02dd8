"""The audit as SARIF 2.1.0, for GitHub's code scanning and other viewers (OASIS, SARIF Version 2.1.0)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from ociarchive.auditing import RULES, Policy
from ociarchive.report.audit.audit_json import digest_object, receipt_object
from ociarchive.report.audit.locations import Place, Places, local, sentence, uri
from ociarchive.report.audit.piecewise import Listing, Piecewise
from ociarchive.report.shared.pieces import written
from ociarchive.report.shared.surroundings import utc
from ociarchive.report.shared.text import safe
from ociarchive.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.auditing import Report, Rule
    from ociarchive.auditing.listing import Object
    from ociarchive.auditing.run import Run, Unread
    from ociarchive.values import JSON

_SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_INDEX: Final = {rule.id: number for number, rule in enumerate(RULES)}
#: What GitHub calls them.
_PROBLEM: Final = {"error": "error", "warning": "warning", "note": "recommendation"}
#: What begins a line at the depth of a run's members, and of the entries of their lists.
_MEMBER: Final = "\n      "
_ENTRY: Final = f"{_MEMBER}  "


def begin(run: Run) -> Piecewise:
    """Return the report of a run in the making."""
    return _Sarif(run)


class _Sarif(Piecewise):
    """One run of the audit. Waived findings are results that are suppressed.

    An artifact may stand in it once alone (3.14.15, artifacts), so of each file a number of eight bytes is kept.
    """

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self._artifacts, self._results, self._verdicts = self.hold(), self.hold(), self.hold()
        self._lists = Listing(_MEMBER), Listing(_MEMBER), Listing(f"{_MEMBER}  ")
        self._places = Places(run.folder)
        self._numbers: dict[int, int] = {}
        self._policy = Policy()
        self._failed = False

    def take(self, report: Report) -> None:
        self._policy = report.policy  # one for all archives of a call
        self._failed = self._failed or report.failed
        artifacts, results, verdicts = self._lists
        path = local(report.source, self.run.folder)
        known = len(self._numbers)
        number = self._numbers.setdefault(_key(path), known)
        if number == known:
            self._artifacts.take(artifacts.entry(written(_artifact(path, report), _ENTRY)))
        for place in self._places.of(report):
            found = _result(place, number if place.path == path else None)
            self._results.take(results.entry(written(found, _ENTRY)))
        self._verdicts.take(verdicts.entry(written(_verdict(report), f"{_ENTRY}  ")))

    def pieces(self, run: Run) -> Iterator[str]:
        value: Object = {"$schema": _SCHEMA, "version": "2.1.0"}
        artifacts, results, verdicts = self._lists
        yield "".join(written(value, "\n")).removesuffix("\n}")
        yield f',\n  "runs": [\n    {{{_MEMBER}"tool": '
        yield from written({"driver": _driver()}, _MEMBER)
        yield f',{_MEMBER}"invocations": '
        yield from written([_invocation(self._policy, run, failed=self._failed)], _MEMBER)
        for name, held, listed in (("artifacts", self._artifacts, artifacts), ("results", self._results, results)):
            yield f',{_MEMBER}"{name}": '
            yield from held.pieces()
            yield listed.end()
        yield f',{_MEMBER}"columnKind": "unicodeCodePoints",{_MEMBER}"properties": {{{_ENTRY}"archives": '
        yield from self._verdicts.pieces()
        yield f'{verdicts.end()},{_ENTRY}"waivers": '
        waivers = [{"rule": one.rule, "how": one.how, "by": safe(one.by)} for one in self._policy.waivers]
        yield from written(waivers, _ENTRY)
        yield f',{_ENTRY}"verdict": "{"fail" if self._failed or run.unread else "pass"}"'
        yield f"{_MEMBER}}}\n    }}\n  ]\n}}\n"


def _key(path: str) -> int:
    return int.from_bytes(hashlib.sha256(path.encode("utf-8", "surrogatepass")).digest()[:8])


def _driver() -> Object:
    return {
        "name": "ociarchive",
        "semanticVersion": VERSION,
        "version": VERSION,
        "shortDescription": {"text": "Audits container image archives offline."},
        "rules": [_rule(rule) for rule in RULES],
    }


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


def _invocation(policy: Policy, run: Run, *, failed: bool) -> Object:
    overrides: list[JSON] = [
        {"descriptor": {"id": rule, "index": _INDEX[rule]}, "configuration": {"level": level}}
        for rule, (level, _) in policy.severity.items()
        if rule in _INDEX
    ]
    found: Object = {
        "executionSuccessful": not run.unread,
        "exitCode": max((one.status for one in run.unread), default=int(failed)),
        "arguments": [safe(argument) for argument in run.command[1:]],
        "endTimeUtc": utc(run.time),
    }
    if run.unread:
        found["toolExecutionNotifications"] = [_unread(one, run.folder) for one in run.unread]
    return found | ({"ruleConfigurationOverrides": overrides} if overrides else {})


def _unread(one: Unread, folder: str) -> Object:
    """Return the notification about a source that could not be audited (3.20.21, toolExecutionNotifications)."""
    path = local(one.source, folder)
    return {
        "level": "error",
        "message": {"text": f"Not audited: {safe(one.why)}."},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": uri(path)}}}],
        "properties": {"source": safe(one.source), "status": one.status},
    }


def _artifact(path: str, report: Report) -> Object:
    found: Object = {"location": {"uri": uri(path)}, "roles": ["analysisTarget"]}
    if report.size is not None:
        found["length"] = report.size
    if report.identity is not None and report.identity.algorithm == "sha256":
        found["hashes"] = {"sha-256": report.identity.value}
    return found


def _result(place: Place, number: int | None) -> Object:
    finding = place.finding
    where = f" ({safe(place.member)})" if place.member else ""
    artifact: Object = {"uri": place.uri}
    if number is not None:
        artifact["index"] = number
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
        "strict": report.policy.strict,
        "digest": digest_object(report),
        "blobs": report.blobs,
        "bytes": report.bytes,
        "layers": len(report.layers),
        "layersProved": report.layers.count(True),
        "recorded": report.recorded,
        "receipt": _receipt(report),
    }


def _receipt(report: Report) -> Object | None:
    """Return what the receipt proved, with its text from files and keys made safe to read."""
    found = receipt_object(report)
    return found and {name: safe(value) if isinstance(value, str) else value for name, value in found.items()}
