"""The audit as GitLab's Code Quality report, a subset of Code Climate's: shown in merge requests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from ociarchive.report.audit.locations import Place, places, sentence
from ociarchive.report.shared.text import safe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ociarchive.auditing import Report
    from ociarchive.auditing.listing import Object
    from ociarchive.auditing.run import Run

_SEVERITIES: Final = {"error": "critical", "warning": "minor", "note": "info"}


def render(reports: Sequence[Report], run: Run) -> str:
    """Return the findings. The format knows no suppression: what is waived counts as info and says so."""
    found = [_issue(place) for place in places(reports, run)]
    return json.dumps(found, indent=2, ensure_ascii=True) + "\n"


def _issue(place: Place) -> Object:
    finding = place.finding
    told = sentence(finding)
    if place.member:
        told += f" ({safe(place.member)})"
    if place.recorded is not None:
        told += f" (from the catalogue, audited {place.recorded})"
    if place.waived is not None:
        told = f"waived ({safe(place.waived)}): {told}"
    return {
        "type": "issue",
        "description": told,
        "check_name": finding.rule,
        "categories": ["Security"],
        "fingerprint": place.fingerprint,
        "severity": _SEVERITIES[finding.severity] if place.waived is None else "info",
        "location": {"path": safe(place.path), "lines": {"begin": 1}},
    }
