"""The structure of a rule and of its findings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ociarchive.auditing.controls import Control
    from ociarchive.auditing.evidence import Evidence
    from ociarchive.flaws import Flaw
    from ociarchive.model import Layer
    from ociarchive.values import Digest

#: How many findings of one rule are kept: enough to see what is wrong, few enough for memory and readers. A registry
#: that is never cleaned up has so many unreferenced blobs.
MAX_FINDINGS: Final = 10_000
_NUMBER: Final = re.compile(r"\blayer [0-9]+")
Severity: TypeAlias = Literal["error", "warning", "note"]
#: From the gravest on, as all reports list them.
SEVERITIES: Final[tuple[Severity, ...]] = ("error", "warning", "note")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One fault. `subject` is the digest or member it is about, `location` the place in the archive."""

    rule: str
    severity: Severity
    message: str
    location: str
    subject: str | None = None
    expected: str | None = None
    found: str | None = None

    def __str__(self) -> str:
        """Return it in one sentence: `SEVERITY: RULE: MESSAGE: expected X, found Y (LOCATION)`."""
        facts = [f"{word} {value}" for word, value in (("expected", self.expected), ("found", self.found)) if value]
        text = f"{self.severity}: {self.rule}: {self.message}"
        return f"{text}{': ' + ', '.join(facts) if facts else ''} ({self.location})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What a check reports; the rule adds its id and severity."""

    location: str
    message: str
    subject: Digest | str | None = None
    expected: object = None
    found: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One kind of fault. `check` gives each place where it occurs. Pure: it reads evidence and nothing else.

    `control` is the auditor's question that it helps to answer. `spec` is the clause behind it. `summary` says what
    is wrong, and `advice` what to do.
    """

    id: str
    severity: Severity
    control: Control
    spec: str
    summary: str
    advice: str
    check: Callable[[Evidence], Iterator[Fault]]

    def findings(self, evidence: Evidence) -> Iterator[Finding]:
        """Give the rule's findings. Each fault comes once, however many images or paths lead to it.

        If there are more than are kept, the last finding says how many more.
        """
        seen: set[int] = set()
        more = 0
        for fault in self.check(evidence):
            # The same layer may be the third of one image and the fifth of another.
            message = _NUMBER.sub("", fault.message)
            key = hash((fault.location, str(fault.subject), str(fault.expected), str(fault.found), message))
            if key in seen:
                continue
            seen.add(key)
            if len(seen) > MAX_FINDINGS:
                more += 1
            else:
                yield self._finding(fault)
        if more:
            what = f"and {more} more like these"
            yield self._finding(Fault(location=evidence.archive.where, message=what, subject=evidence.archive.where))

    def _finding(self, fault: Fault) -> Finding:
        return Finding(
            rule=self.id,
            severity=self.severity,
            message=fault.message,
            location=fault.location,
            subject=None if fault.subject is None else str(fault.subject),
            expected=None if fault.expected is None else str(fault.expected),
            found=None if fault.found is None else str(fault.found),
        )


def noticed(rule: str) -> Callable[[Evidence], Iterator[Fault]]:
    """Return the check of a rule whose faults are found while the archive is read."""

    def check(evidence: Evidence) -> Iterator[Fault]:
        for flaw in evidence.flaws:
            if flaw.rule == rule:
                yield _fault(flaw)

    return check


def never(_: Evidence) -> Iterator[Fault]:
    """Check nothing: what opens an archive, what the call names, or an engine finds the faults of such a rule."""
    return iter(())


def subject_of(layer: Layer) -> str:
    """Return what a fault of a layer is about: its digest, its name where no descriptor gives one."""
    return str(layer.descriptor.digest) if layer.descriptor else layer.name


def _fault(flaw: Flaw) -> Fault:
    return Fault(
        location=flaw.where, message=flaw.message, subject=flaw.subject, expected=flaw.expected, found=flaw.found
    )
