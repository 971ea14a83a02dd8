"""The audit as one HTML file that can be attached to a ticket and printed: no script, no request to anywhere."""

from __future__ import annotations

import hashlib
import os.path
import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

from ociarchive.auditing.outcomes import Outcome, outcomes
from ociarchive.blobio.limits import Limits
from ociarchive.report.audit import audit_json, contents, view
from ociarchive.report.audit.piecewise import Piecewise, whole
from ociarchive.report.shared.templating import again, environment, page
from ociarchive.report.shared.text import plural, shell, size
from ociarchive.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from jinja2 import Environment

    from ociarchive.auditing import Report
    from ociarchive.auditing.report import BlobRow
    from ociarchive.auditing.run import Run

_DIGEST: Final = re.compile(r"[0-9a-f]{64}\Z")
#: Limits in bytes, beside those that are named a size.
_BYTES: Final = ("ratio_from", "name", "extended", "window")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One archive's part of the report."""

    number: int
    report: Report
    name: str
    sha256: str | None
    size: int | None
    verdict: view.Verdict
    controls: tuple[view.Judged, ...]
    found: tuple[view.Group, ...]
    waived: tuple[view.Group, ...]
    images: Iterator[contents.Shown]
    artifacts: Sequence[Mapping[str, object]]
    unproved: tuple[tuple[str, str], ...]
    blobs: tuple[BlobRow, ...]
    results: tuple[Outcome, ...]


def render(reports: Iterable[Report], run: Run) -> str:
    """Return the report of some archives."""
    return whole(begin(run), reports)


def begin(run: Run) -> Piecewise:
    """Return the report of a run in the making."""
    return _Html(run)


class _Html(Piecewise):
    """The report."""

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self._reports: list[Report] = []

    def take(self, report: Report) -> None:
        self._reports.append(report)

    def pieces(self, run: Run) -> Iterator[str]:
        yield _rendered(self._reports, run)


def _rendered(reports: Sequence[Report], run: Run) -> str:
    """Return the report in ASCII only, so that no transport can damage it. Same arguments, same text."""
    made = environment()
    pages = [_page(number, report, run) for number, report in enumerate(reports, 1)]
    hashed = hashlib.sha256()
    for piece in audit_json.pieces(reports, run):
        hashed.update(piece.encode())
    digest = hashed.hexdigest()
    return page(
        made,
        "audit.html.jinja",
        _style(made, pages, digest),
        pages=pages,
        run=run,
        failed=sum(report.failed for report in reports),
        overall=_overall(reports),
        policy=reports[0].policy if reports else None,
        limits=_limits(run.limits),
        command=shell(run.command),
        again=again(run.command, "audit"),
        files=[one for one in pages if one.sha256],
        quoted=lambda *words: shell(words),
        digest=digest,
        version=VERSION,
    )


def _page(number: int, report: Report, run: Run) -> Page:
    results = outcomes(report, run)
    listed, proof = report.listed, report.proof
    return Page(
        number=number,
        report=report,
        name=os.path.basename(report.source.rstrip("/")) or report.source,
        sha256=report.identity.value if report.identity and report.identity.algorithm == "sha256" else None,
        size=report.size,
        verdict=view.verdict(report, results),
        controls=view.judged(report, results),
        found=view.groups(report, report.findings),
        waived=view.groups(report, report.waived),
        images=contents.shown(listed) if listed else iter(()),
        artifacts=listed.artifacts if listed else (),
        unproved=contents.unproved(report, results),
        blobs=proof.blobs if proof else (),
        results=results,
    )


def _style(made: Environment, pages: Sequence[Page], digest: str) -> str:
    """Return the style sheet. Each archive's printed pages carry its own digest at their foot."""
    feet = [(one.number, f"archive sha256:{one.sha256}" if _DIGEST.match(one.sha256 or "") else "") for one in pages]
    report = f"JSON report sha256:{digest}"
    return made.get_template("audit.css.jinja").render(
        foot=feet[0][1] or report if len(feet) == 1 else report,
        feet=[(number, foot or report) for number, foot in feet] if len(feet) > 1 else [],
    )


def _overall(reports: Sequence[Report]) -> str:
    """Return what was read and proved in all archives together."""
    layers = [answer for report in reports for answer in report.layers]
    failed = sum(report.failed for report in reports)
    found = view.counts(finding for report in reports for finding in report.findings) or "nothing"
    return (
        f"{failed} of {plural(len(reports), 'archive')} failed: {plural(sum(one.blobs for one in reports), 'blob')}, "
        f"{size(sum(one.bytes for one in reports))}, were read to the end, {layers.count(True)} of "
        f"{len(layers)} layers unpack to what the images' configs list, and {found} came to light."
    )


def _limits(limits: Limits) -> list[tuple[str, str, bool]]:
    """Return the limits that were in force, and whether the call asked for them."""
    usual = Limits()
    told = []
    for one in fields(limits):
        value = getattr(limits, one.name)
        if not isinstance(value, int):
            continue
        text = size(value) if one.name in _BYTES or one.name.endswith("_size") else f"{value:,}"
        told.append((one.name.replace("_", " "), text, value != getattr(usual, one.name)))
    return told
