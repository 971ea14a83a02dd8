"""The audit: compare the claims of an archive with facts, rule by rule.

The names below are imported when they are first used. To inspect an archive needs its evidence, but no rules.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ociarchive.auditing.audit import audit_archive, audit_archives, judge
    from ociarchive.auditing.evidence import Evidence, sniffed
    from ociarchive.auditing.policy import Policy, Waiver
    from ociarchive.auditing.report import Report
    from ociarchive.auditing.rule import Finding, Rule, Severity
    from ociarchive.auditing.rules import RULES

__all__ = [
    "RULES",
    "Evidence",
    "Finding",
    "Policy",
    "Report",
    "Rule",
    "Severity",
    "Waiver",
    "audit_archive",
    "audit_archives",
    "judge",
    "sniffed",
]

_MODULES: Final = {
    "RULES": "rules",
    "Evidence": "evidence",
    "sniffed": "evidence",
    "Policy": "policy",
    "Waiver": "policy",
    "Report": "report",
    "Finding": "rule",
    "Rule": "rule",
    "Severity": "rule",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_MODULES.get(name, 'audit')}"), name)
    globals()[name] = value
    return value
