"""The audit as JUnit XML: one suite for each archive, one case for each rule, so that clean rules are shown too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

from ociarchive.auditing.outcomes import Outcome, outcomes
from ociarchive.errors import UsageError, plural
from ociarchive.report.audit.locations import sentence
from ociarchive.report.audit.piecewise import Piecewise
from ociarchive.report.audit.view import receipt_line
from ociarchive.report.shared.text import safe, size

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from ociarchive.auditing import Finding, Report
    from ociarchive.auditing.run import Run, Unread

_TOTALS: Final = ("tests", "failures", "errors", "skipped")


def begin(run: Run) -> Piecewise:
    """Return the report of a run in the making."""
    return _JUnit(run)


class _JUnit(Piecewise):
    """The suites. What fails the archive is a failure, what is waived or was not checked is skipped.

    All text goes through `safe`, so that no character is left that XML 1.0 does not allow (Char).
    """

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self._suites = self.hold()
        self._totals = dict.fromkeys(_TOTALS, 0)

    def take(self, report: Report) -> None:
        self._add(_suite(report, self.run))

    def pieces(self, run: Run) -> Iterator[str]:
        for one in run.unread:
            self._add(_unread(one, run))
        root = ET.Element("testsuites", name="ociarchive audit", time=f"{run.seconds:.3f}")
        root.attrib.update({key: str(count) for key, count in self._totals.items()})
        root.text = "\n"
        first, last = ET.tostring(root, encoding="us-ascii", xml_declaration=False).decode("ascii").split("\n")
        yield f'<?xml version="1.0" encoding="UTF-8"?>\n{first}\n'
        yield from self._suites.pieces()
        yield f"{last}\n"

    def _add(self, suite: ET.Element) -> None:
        for key in self._totals:
            self._totals[key] += int(suite.get(key, "0"))
        ET.indent(suite, level=1)
        suite.tail = "\n"
        self._suites.take(["  ", ET.tostring(suite, encoding="us-ascii", xml_declaration=False).decode("ascii")])


def _suite(report: Report, run: Run) -> ET.Element:
    cases = [_case(outcome, report) for outcome in outcomes(report, run)]
    known = {case.get("name") for case in cases}
    found, waived = (_by_rule(listed, known) for listed in (report.findings, report.waived))
    cases.extend(
        _unlisted(rule, tuple(found.get(rule, ())), tuple(waived.get(rule, ())), report) for rule in {**found, **waived}
    )
    told = [("format", report.contents.format if report.contents else "none"), *_read(report)]
    told += [(f"waived:{one.rule}", f"{one.how}, as {one.by} asks") for one in report.policy.waivers]
    return _suite_of(report.source, cases, run, told)


def _unread(one: Unread, run: Run) -> ET.Element:
    """Return the suite of a source that could not be audited: an error, not a failure of what was tested."""
    case = ET.Element("testcase", name="audited", classname=safe(one.source), time="0")
    kind = "usage" if one.status == UsageError.status else "host"
    ET.SubElement(case, "error", type=kind, message=safe(f"not audited: {one.why}"))
    return _suite_of(one.source, [case], run, [("verdict", "NOT AUDITED")])


def _suite_of(source: str, cases: list[ET.Element], run: Run, told: list[tuple[str, str]]) -> ET.Element:
    def count(name: str) -> str:
        return str(sum(case.find(name) is not None for case in cases))

    suite = ET.Element(
        "testsuite",
        name=safe(source),
        tests=str(len(cases)),
        failures=count("failure"),
        errors=count("error"),
        skipped=count("skipped"),
        timestamp=run.time.strftime("%Y-%m-%dT%H:%M:%S"),
        time="0",
    )
    properties = ET.SubElement(suite, "properties")
    for name, value in told:
        ET.SubElement(properties, "property", name=safe(name), value=safe(value))
    suite.extend(cases)
    return suite


def _read(report: Report) -> list[tuple[str, str]]:
    layers = report.layers
    told = [("recorded", report.recorded)] if report.recorded is not None else []
    if report.identity is not None:
        told.append((report.identity.algorithm, report.identity.value))
    return [
        *told,
        ("verdict", "FAIL" if report.failed else "PASS"),
        ("strict", "yes, warnings fail too" if report.policy.strict else "no, errors alone fail"),
        ("read", f"{plural(report.blobs, 'blob')}, {size(report.bytes)}"),
        ("proved", f"{layers.count(True)} of {plural(len(layers), 'layer')}"),
        *([("receipt", receipt_line(report.receipt))] if report.receipt is not None else []),
    ]


def _case(outcome: Outcome, report: Report) -> ET.Element:
    case = ET.Element("testcase", name=outcome.rule.id, classname=safe(report.source), time="0")
    if outcome.status == "found":
        _tell(case, outcome.findings, report, f"{outcome.rule.summary} {outcome.rule.advice}")
    elif outcome.status != "clean":
        _skip(case, f"{outcome.status}: {outcome.why}", outcome.waived)
    return case


def _by_rule(findings: Iterable[Finding], known: Container[str | None]) -> dict[str, list[Finding]]:
    """Return findings by their rules, those of `known` rules apart."""
    found: dict[str, list[Finding]] = {}
    for one in findings:
        if one.rule not in known:
            found.setdefault(one.rule, []).append(one)
    return found


def _unlisted(rule: str, findings: tuple[Finding, ...], waived: tuple[Finding, ...], report: Report) -> ET.Element:
    """Return the case of a rule that this program does not have."""
    case = ET.Element("testcase", name=safe(rule), classname=safe(report.source), time="0")
    if findings:
        _tell(case, findings, report, "")
    else:
        _skip(case, f"waived: {report.policy.waives(rule)}", waived)
    return case


def _tell(case: ET.Element, findings: tuple[Finding, ...], report: Report, meaning: str) -> None:
    """Add findings to a case: as a failure where they fail the archive, else as its output."""
    text = "\n".join([meaning, *map(_line, findings)]).strip()
    if report.policy.fails(findings):
        more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
        message = f"{sentence(findings[0])}{more}"
        failure = ET.SubElement(case, "failure", type=findings[0].severity, message=message)
        failure.text = text
    else:
        ET.SubElement(case, "system-out").text = text


def _skip(case: ET.Element, why: str, waived: tuple[Finding, ...]) -> None:
    found = f"; {plural(len(waived), 'finding')}" if waived else ""
    ET.SubElement(case, "skipped", message=safe(f"{why}{found}"))
    if waived:
        ET.SubElement(case, "system-out").text = "\n".join(map(_line, waived))


def _line(finding: Finding) -> str:
    return f"{finding.severity}: {safe(finding.location)}: {sentence(finding)}"
