"""The audit as one HTML file that can be attached to a ticket and printed: no request to anywhere.

The report of many archives is written as they come: of each a row of the list and a section, those that fail apart from
those that pass. Only then the page is known that stands before them.
"""

from __future__ import annotations

import base64
import hashlib
import os.path
import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from ociarchive.auditing.outcomes import NO_TABLE, OF_THE_CALL, Outcome, outcomes
from ociarchive.auditing.policy import Policy
from ociarchive.blobio.limits import Limits
from ociarchive.errors import plural
from ociarchive.report.audit import contents, view
from ociarchive.report.audit.audit_json import Entries
from ociarchive.report.audit.overview import Overview
from ociarchive.report.audit.piecewise import Piecewise
from ociarchive.report.shared.pieces import gathered
from ociarchive.report.shared.templating import again, environment, in_ascii, page_pieces, quoted
from ociarchive.report.shared.text import shell, size
from ociarchive.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ociarchive.auditing import Report
    from ociarchive.auditing.facts import ArtifactFacts, ImageFacts
    from ociarchive.auditing.report import BlobRow
    from ociarchive.auditing.run import Run
    from ociarchive.report.shared.held import Held

#: Archives that are seen at a glance: the list needs no search, and each is printed on pages of its own, which have its
#: digest at their foot. Of more, browsers would have to keep a kind of page for each.
FEW: Final = 24
#: Rules in the summary, so that it keeps to one page.
_MOST: Final = 16
#: Names of images in the list, for each archive.
_NAMES: Final = 3
#: Characters of a command that is shown: one with thousands of SOURCEs would be the most of the report.
_LONGEST: Final = 2000
_DIGEST: Final = re.compile(r"(sha256|dirHash):[0-9a-f]{64}\Z")
#: Limits in bytes, beside those that are named a size.
_BYTES: Final = ("ratio_from", "name", "extended", "window")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One archive's part of the report. `silent` has the rules that were not applied, by the reason.

    `own` has those of them whose reason lies in the archive.
    """

    number: int
    report: Report
    name: str
    sha256: str | None
    size: int | None
    verdict: view.Verdict
    controls: tuple[view.Judged, ...]
    found: tuple[view.Group, ...]
    waived: tuple[view.Group, ...]
    names: tuple[str, ...]
    images: Iterator[contents.Shown]
    artifacts: Sequence[ArtifactFacts]
    unproved: tuple[tuple[str, str], ...]
    silent: tuple[tuple[str, tuple[str, ...]], ...]
    own: tuple[tuple[str, tuple[str, ...]], ...]
    blobs: tuple[BlobRow, ...]
    results: tuple[Outcome, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What the report says of the call."""

    run: Run
    policy: Policy
    command: str
    limits: tuple[tuple[str, str, bool], ...]


def begin(run: Run) -> Piecewise:
    """Return the report of a run in the making."""
    return _Html(run)


class _Html(Piecewise):
    """The report, in ASCII only, so that no transport can damage it. Same archives, same text.

    The first archive waits for the second: alone it has a report of another kind. The digest of the JSON report is made
    of the same archives on the way.
    """

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self._made = environment()
        self._row = self._made.get_template("audit_row.html.jinja")
        self._section = self._made.get_template("audit_archive.html.jinja")
        self._rows = {failed: self.hold() for failed in (True, False)}
        self._sections = {failed: self.hold() for failed in (True, False)}
        self._entries, self._hashed = Entries(), hashlib.sha256(b"")
        self._hash([self._entries.head()])
        self._alone: Report | None = None
        self._overview = Overview()
        self._feet: list[tuple[bool, int, str]] = []
        self._policy = Policy()
        self._count = 0

    def take(self, report: Report) -> None:
        self._hash(self._entries.entry(report))
        self._policy = report.policy  # one for all archives of a call
        self._count += 1
        if self._count == 1:
            self._alone = report
            return
        self._release()
        self._add(report, self._count)

    def pieces(self, run: Run) -> Iterator[str]:
        if run.unread:
            self._release()
        self._hash(self._entries.tail(run))
        digest = self._hashed.hexdigest()
        shown = shell(run.command)
        if len(shown) > _LONGEST:
            shown = f"{shown[:_LONGEST]}\u2026 and so on, {plural(len(run.command), 'word')}"
        facts = {
            "about": About(run=run, policy=self._policy, command=shown, limits=_limits(run.limits)),
            "run": run,
            "again": again(run.command, "audit") if len(shown) <= _LONGEST else "",
            "digest": digest,
            "version": VERSION,
        }
        foot = f"JSON report sha256:{digest}"
        if self._alone is not None:
            page = _page(1, self._alone, run)
            style = self._style(_foot(self._alone) or foot, [])
            made = page_pieces(self._made, "audit.html.jinja", style, page=page, quoted=quoted, **facts)
        else:
            made = self._many(foot, facts)
        yield from gathered(made)

    def _many(self, foot: str, facts: Mapping[str, object]) -> Iterator[str]:
        few = self._count <= FEW
        feet = [(number, text or foot) for _, number, text in sorted(self._feet)] if few else []
        script = "" if few else self._made.get_template("audit.js.jinja").render()
        return page_pieces(
            self._made,
            "audit_many.html.jinja",
            self._style(foot, feet),
            summary=self._overview,
            most=_MOST,
            rows=_marked_up(*(self._rows[failed] for failed in (True, False))),
            archives=_marked_up(*(self._sections[failed] for failed in (True, False))),
            script=Markup(script),  # noqa: S704  our own
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() if script else "",
            **facts,
        )

    def _release(self) -> None:
        """Let the archive that waited be one of many."""
        if self._alone is not None:
            waited, self._alone = self._alone, None
            self._add(waited, 1)

    def _add(self, report: Report, number: int) -> None:
        page = _page(number, report, self.run)
        self._overview.add(report, page.results, page.controls)
        self._rows[report.failed].take(map(in_ascii, self._row.generate(page=page)))
        self._sections[report.failed].take(map(in_ascii, self._section.generate(page=page)))
        if number <= FEW:
            self._feet.append((not report.failed, number, _foot(report)))

    def _style(self, foot: str, feet: Sequence[tuple[int, str]]) -> str:
        """Return the style sheet. The printed pages of few archives carry their own digests at their foot."""
        return self._made.get_template("audit.css.jinja").render(foot=foot, feet=feet)

    def _hash(self, pieces: Iterable[str]) -> None:
        for piece in pieces:
            self._hashed.update(piece.encode())


def _page(number: int, report: Report, run: Run) -> Page:
    results = outcomes(report, run)
    listed, proof = report.listed, report.proof
    controls = view.judged(report, results)
    silent = _silent(results)
    return Page(
        number=number,
        report=report,
        name=os.path.basename(report.source.rstrip("/")) or report.source,
        sha256=report.identity.value if report.identity and report.identity.algorithm == "sha256" else None,
        size=report.size,
        verdict=view.verdict(report, results),
        controls=controls,
        found=view.groups(report, report.findings),
        waived=view.groups(report, report.waived),
        names=_names(listed.images if listed else ()),
        images=contents.shown(listed) if listed else iter(()),
        artifacts=listed.artifacts if listed else (),
        unproved=contents.unproved(report),
        silent=silent,
        own=tuple(one for one in silent if one[0] not in OF_THE_CALL),
        blobs=proof.blobs if proof else (),
        results=results,
    )


def _names(images: Sequence[ImageFacts]) -> tuple[str, ...]:
    """Return the first names of an archive's images."""
    names = tuple(dict.fromkeys(name for image in images for name in image["references"]))
    return names if len(names) <= _NAMES else (*names[:_NAMES], f"and {plural(len(names) - _NAMES, 'more name')}")


def _silent(results: Sequence[Outcome]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the rules that were not applied, by the reason."""
    found: dict[str, list[str]] = {}
    for one in results:
        if one.status in ("waived", "not checked") and one.why != NO_TABLE:
            found.setdefault(one.why or "", []).append(one.rule.id)
    return tuple((why, tuple(rules)) for why, rules in found.items())


def _foot(report: Report) -> str:
    """Return what names an archive at the foot of its printed pages, empty where nothing does."""
    named = str(report.identity)
    return f"archive {named}" if _DIGEST.match(named) else ""


def _marked_up(*held: Held) -> Iterator[Markup]:
    """Give text that our own templates made, as it is."""
    return (Markup(piece) for one in held for piece in one.pieces())  # noqa: S704  escaped when it was made


def _limits(limits: Limits) -> tuple[tuple[str, str, bool], ...]:
    """Return the limits that were in force, and whether the call asked for them."""
    usual = Limits()
    told = []
    for one in fields(limits):
        value = getattr(limits, one.name)
        if not isinstance(value, int):
            continue
        text = size(value) if one.name in _BYTES or one.name.endswith("_size") else f"{value:,}"
        told.append((one.name.replace("_", " "), text, value != getattr(usual, one.name)))
    return tuple(told)
