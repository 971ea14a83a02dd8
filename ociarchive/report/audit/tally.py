"""The totals of an audit, counted archive by archive, so that no report is kept for them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ociarchive.auditing.rule import SEVERITIES
from ociarchive.errors import plural

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ociarchive.auditing import Report
    from ociarchive.auditing.policy import Policy, Waiver
    from ociarchive.auditing.proven import ReceiptProof

#: The rule of what an archive's receipt says otherwise.
RECEIPT_RULE: Final = "receipt-mismatch"


@dataclass(slots=True)
class Tally:
    """The totals of the reports that were added. `images` counts manifests, `distinct` the images by image ID.

    `proved` and `unknown` are layers of all `layers`. `strict` counts, by rule, the warnings that fail because the
    call asks for it. `waived` counts findings that do not count, by rule, and `waivers` who asked for that;
    `policy` is the last report's. `worst` is the rule of the first of the gravest findings. `recorded` archives are
    from a catalogue, audited from `first` to `last`; `fresh` are the bytes that were read of the others. Of the
    archives `held` hold what a receipt lists, of `bound` that were held against it; `receipt` is the last one's result.
    """

    archives: int = 0
    failed: int = 0
    errors: int = 0
    warnings: int = 0
    notes: int = 0
    images: int = 0
    distinct: int = 0
    blobs: int = 0
    bytes: int = 0
    layers: int = 0
    proved: int = 0
    unknown: int = 0
    recorded: int = 0
    fresh: int = 0
    first: str = ""
    last: str = ""
    worst: tuple[int, str] | None = None
    strict: Counter[str] = field(default_factory=Counter)
    waived: Counter[str] = field(default_factory=Counter)
    waivers: dict[Waiver, None] = field(default_factory=dict)
    policy: Policy | None = None
    receipt: ReceiptProof | None = None
    bound: int = 0
    held: int = 0

    @classmethod
    def of(cls, reports: Iterable[Report]) -> Tally:
        """Return the totals of some reports."""
        made = cls()
        for report in reports:
            made.add(report)
        return made

    def add(self, report: Report) -> None:
        """Count a report."""
        self.archives += 1
        self.images += report.images
        self.distinct += report.distinct
        self.blobs += report.blobs
        self.bytes += report.bytes
        self.layers += len(report.layers)
        self.proved += report.layers.count(True)
        self.unknown += report.layers.count(None)
        if report.recorded is None:
            self.fresh += report.bytes
        else:
            self.first = min(self.first, report.recorded) if self.recorded else report.recorded
            self.last = max(self.last, report.recorded)
            self.recorded += 1
        if report.findings:
            self._found(report)
        if report.receipt is not None:
            self.receipt = report.receipt
            self.bound += 1
            self.held += all(one.rule != RECEIPT_RULE for one in (*report.findings, *report.waived))
        self.waived.update(finding.rule for finding in report.waived)
        if report.policy is not self.policy:
            self.policy = report.policy
            self.waivers.update(dict.fromkeys(report.policy.waivers))

    def _found(self, report: Report) -> None:
        self.failed += report.failed
        self.errors += report.count("error")
        self.warnings += report.count("warning")
        self.notes += report.count("note")
        for finding in report.findings:
            rank = SEVERITIES.index(finding.severity)
            if self.worst is None or rank < self.worst[0]:
                self.worst = (rank, finding.rule)
            if report.policy.strict and finding.severity == "warning":
                self.strict[finding.rule] += 1

    def outcome(self, unread: Sequence[str] = ()) -> str:
        """Return an audit's verdict in one line: PASS or FAIL, and what was found."""
        found = f"{plural(self.errors, 'error')}, {plural(self.warnings, 'warning')}"
        scope = f" in {self.failed} of {plural(self.archives, 'archive')}" if self.archives > 1 and self.failed else ""
        more = f", {plural(len(unread), 'source')} not audited" if unread else ""
        return f"{'FAIL' if self.failed or unread else 'PASS'}  {found}{scope}{more}"
