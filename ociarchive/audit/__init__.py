"""The audit: claims of an archive held against facts, rule by rule."""

from ociarchive.audit.evidence import Evidence
from ociarchive.audit.policy import Policy, Waiver
from ociarchive.audit.rule import Finding, Rule, Severity
from ociarchive.audit.rules import RULES
from ociarchive.audit.run import Report, audit_archive, audit_archives, judge

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
]
