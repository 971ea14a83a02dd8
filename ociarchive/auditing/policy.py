"""What a caller asks of the audit: rules to leave out, or another severity. Reports list what is softened."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ociarchive.auditing.rule import Finding, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """A rule that was changed or left out. `how` says what was done. `by` is who asked: an option, or a file's path."""

    rule: str
    how: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Which rules count. `ignore`, `only` and `severity` map rule ids to who asked for it."""

    ignore: Mapping[str, str] = field(default_factory=dict)
    only: Mapping[str, str] = field(default_factory=dict)
    severity: Mapping[str, tuple[Severity, str]] = field(default_factory=dict)
    strict: bool = False

    def apply(self, findings: Iterable[Finding]) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
        """Return the findings that count, with their effective severity, and those that were waived."""
        kept, waived = [], []
        for finding in findings:
            if finding.rule in self.ignore or (self.only and finding.rule not in self.only):
                waived.append(finding)
            else:
                told = self.severity.get(finding.rule)
                kept.append(replace(finding, severity=told[0]) if told else finding)
        return tuple(kept), tuple(waived)

    @property
    def waivers(self) -> tuple[Waiver, ...]:
        """Everything that this policy changes, for reports."""
        found = [Waiver(rule=rule, how="ignored", by=by) for rule, by in self.ignore.items()]
        found += [Waiver(rule=rule, how="one of the only rules applied", by=by) for rule, by in self.only.items()]
        found += [Waiver(rule=rule, how=f"counted as {level}", by=by) for rule, (level, by) in self.severity.items()]
        return tuple(found)

    def waives(self, rule: str) -> str | None:
        """Return why findings of a rule do not count, None where they do."""
        if rule in self.ignore:
            return f"ignored, as {self.ignore[rule]} asks"
        if self.only and rule not in self.only:
            return f"not among the rules that {', '.join(dict.fromkeys(self.only.values()))} names"
        return None

    def fails(self, findings: Iterable[Finding]) -> bool:
        """Whether findings that count make an archive fail: an error does, and with `strict` a warning too."""
        return any(one.severity == "error" or (self.strict and one.severity == "warning") for one in findings)
