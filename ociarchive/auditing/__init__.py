"""The audit: claims of an archive held against facts, rule by rule."""

from ociarchive.auditing.evidence import Evidence
from ociarchive.auditing.policy import Policy, Waiver
from ociarchive.auditing.rule import Finding, Rule, Severity
from ociarchive.auditing.rules import RULES
from ociarchive.auditing.run import Report, audit_archive, audit_archives, judge, sniffed

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
