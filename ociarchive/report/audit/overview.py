"""What the report of many archives says of all together: counted archive by archive, so that none is kept."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, get_args

from ociarchive.auditing import RULES
from ociarchive.auditing.controls import CONTROLS, Control
from ociarchive.auditing.outcomes import OF_THE_CALL
from ociarchive.auditing.rule import SEVERITIES
from ociarchive.errors import plural
from ociarchive.report.audit.tally import Tally
from ociarchive.report.audit.view import Word, unpacks, were
from ociarchive.report.shared.text import short, size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ociarchive.auditing import Report, Rule
    from ociarchive.auditing.outcomes import Outcome
    from ociarchive.auditing.run import Run
    from ociarchive.report.audit.view import Judged

_STATUSES: Final = ("found", "clean", "waived", "not checked")


@dataclass(frozen=True, slots=True)
class Found:
    """A rule that found something, at one severity: how often, and in how many archives."""

    rule: str
    severity: str
    findings: int
    archives: int


@dataclass(frozen=True, slots=True)
class RuleCounts:
    """A rule, and in how many archives what became of it. `why` says why the call gave it nothing to judge."""

    rule: Rule
    counts: Sequence[tuple[str, int]]
    found: bool
    why: str


class Overview:
    """The totals of the archives that were added, by rule and by control. `keys`: signatures were checked."""

    words: Final = get_args(Word)

    def __init__(self) -> None:
        self._tally = Tally()
        self._findings: Counter[tuple[str, str]] = Counter()
        self._archives: Counter[tuple[str, str]] = Counter()
        self._statuses: Counter[tuple[str, str]] = Counter()
        self._words: Counter[tuple[str, str]] = Counter()
        self._reasons: dict[str, str] = {}
        self.keys = False

    def add(self, report: Report, results: Sequence[Outcome], controls: Sequence[Judged]) -> None:
        """Count an archive."""
        self._tally.add(report)
        found = Counter((one.severity, one.rule) for one in report.findings)
        self._findings.update(found)
        self._archives.update(found.keys())
        self._statuses.update((one.rule.id, one.status) for one in results)
        self._reasons.update({one.rule.id: one.why for one in results if one.why in OF_THE_CALL and one.why})
        self._words.update((one.control.id, one.word) for one in controls)
        self.keys = self.keys or bool(report.contents and report.contents.keys)

    @property
    def archives(self) -> int:
        """The number of archives."""
        return self._tally.archives

    @property
    def failed(self) -> int:
        """The number of archives that failed."""
        return self._tally.failed

    @property
    def found(self) -> list[Found]:
        """The rules that found something, the gravest first, then those of the most archives."""
        made = [
            Found(rule, severity, self._findings[severity, rule], n) for (severity, rule), n in self._archives.items()
        ]
        return sorted(made, key=lambda one: (SEVERITIES.index(one.severity), -one.archives, one.rule))

    @property
    def controls(self) -> Iterator[tuple[Control, list[int]]]:
        """The controls, each with the number of archives for each answer."""
        return ((one, [self._words[one.id, word] for word in self.words]) for one in CONTROLS)

    @property
    def rules(self) -> list[RuleCounts]:
        """All rules, and in how many archives what became of each; those that found something first."""
        made = []
        for rule in RULES:
            counts = [(status, self._statuses[rule.id, status]) for status in _STATUSES]
            made.append(
                RuleCounts(rule, [one for one in counts if one[1]], bool(counts[0][1]), self._reasons.get(rule.id, ""))
            )
        return sorted(made, key=lambda one: not one.found)

    def sentences(self, run: Run) -> Iterator[str]:
        """Give what was read and proved in all archives together, why the whole fails, and what the words mean."""
        tally = self._tally
        counts = zip((tally.errors, tally.warnings, tally.notes), SEVERITIES, strict=True)
        found = ", ".join(plural(count, one) for count, one in counts if count) or "nothing"
        yield (
            f"{tally.failed} of {plural(tally.archives, 'archive')} failed: {plural(tally.blobs, 'blob')}, "
            f"{size(tally.bytes)}, {were(tally.blobs)} read to the end, {tally.proved} of {unpacks(tally.layers)} to "
            f"what the images' configs list, and {found} came to light."
        )
        if run.unread:
            yield f"{plural(len(run.unread), 'source')} could not be audited at all, so the whole does not pass."
        if tally.strict:
            rules = ", ".join(f"{rule} ({count})" for rule, count in tally.strict.items())
            yield f"Warnings fail too, as --strict or the settings ask: {rules}."
        if tally.recorded:
            yield (
                f"{tally.recorded} of {plural(tally.archives, 'archive')} taken from the catalogue, "
                f"audited from {tally.first} to {tally.last}."
            )
        if tally.receipt is not None:
            held = f"{tally.held} of {plural(tally.bound, 'archive')} that were held against it agree"
            yield f"The receipt {tally.receipt.path} ({short(tally.receipt.sha256, whole=True)}): {held}."
        if tally.archives:
            yield (
                "PASS means that every claim of an archive which could be held against its bytes holds, as far as "
                "rules were not waived; FAIL that one does not hold or cannot be held against them, or that a warning "
                "counts."
            )
