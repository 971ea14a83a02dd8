"""The audit as GitLab's Code Quality report, a subset of Code Climate's: shown in merge requests."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from ociarchive.report.audit.locations import Place, Places, local, sentence
from ociarchive.report.audit.piecewise import Listing, Piecewise
from ociarchive.report.shared.pieces import written
from ociarchive.report.shared.text import safe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.auditing import Report
    from ociarchive.auditing.listing import Object
    from ociarchive.auditing.run import Run, Unread

_SEVERITIES: Final = {"error": "critical", "warning": "minor", "note": "info"}


def begin(run: Run) -> Piecewise:
    """Return the report of a run in the making."""
    return _CodeQuality(run)


class _CodeQuality(Piecewise):
    """The findings. The format knows no suppression: what is waived counts as info and says so."""

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self._text, self._list = self.hold(), Listing("\n")
        self._places = Places(run.folder)

    def take(self, report: Report) -> None:
        for place in self._places.of(report):
            self._text.take(self._list.entry(written(_issue(place), "\n  ")))

    def pieces(self, run: Run) -> Iterator[str]:
        for one in run.unread:
            self._text.take(self._list.entry(written(self._unread(one), "\n  ")))
        yield from self._text.pieces()
        yield f"{self._list.end()}\n"

    def _unread(self, one: Unread) -> Object:
        """Return the issue of a source that could not be audited."""
        mark = hashlib.sha256(f"not-audited\0{safe(one.source)}".encode()).hexdigest()[:32]
        return {
            "type": "issue",
            "description": f"not audited: {safe(one.why)}",
            "check_name": "not-audited",
            "categories": ["Security"],
            "fingerprint": self._places.numbered(mark),
            "severity": "blocker",
            "location": {"path": safe(local(one.source, self.run.folder)), "lines": {"begin": 1}},
        }


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
