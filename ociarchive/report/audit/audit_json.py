"""The JSON reports of audit and inspect (schema_version 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ociarchive.auditing.listing import image_facts, other_facts
from ociarchive.report.audit.piecewise import Listing, Piecewise
from ociarchive.report.shared.pieces import written
from ociarchive.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ociarchive.auditing import Evidence, Finding, Report
    from ociarchive.auditing.facts import ArtifactFacts, ImageFacts, MissingFacts
    from ociarchive.auditing.listing import Object
    from ociarchive.auditing.proven import Share
    from ociarchive.auditing.run import Run, Unread
    from ociarchive.model import Archive
    from ociarchive.values import JSON

#: What ends the document.
_END: Final = "\n}"


def begin(run: Run) -> Piecewise:
    """Return the report of a run in the making."""
    return _AuditJson(run)


class Entries:
    """The pieces of the report, archive by archive. Its JSON depends on the archives alone, not on the time."""

    def __init__(self) -> None:
        self._list, self._passed = Listing("\n  "), Listing("\n  ")
        self._failed = False

    def head(self) -> str:
        """Return what stands before the archives."""
        tool = {"name": "ociarchive", "version": VERSION}
        text = "".join(written({"schema_version": 1, "tool": tool}, "\n"))
        return f'{text.removesuffix(_END)},\n  "archives": '

    def entry(self, report: Report) -> Iterator[str]:
        """Give an archive, as it is written after those before it."""
        self._failed = self._failed or report.failed
        return self._list.entry(written(_audited(report), "\n    "))

    def passed_over(self, path: str, what: str) -> Iterator[str]:
        """Give a file that was skipped, as it is written after those before it."""
        return self._passed.entry(written({"source": path, "what": what}, "\n    "))

    def tail(self, run: Run, passed: Iterable[str] = ()) -> Iterator[str]:
        """Give what stands after the archives: the sources that could not be audited, and the verdict on all.

        `passed` are the files that were skipped, as `passed_over` gave them.
        """
        unread = [unread_object(one) for one in run.unread]
        yield f'{self._list.end()},\n  "not_audited": '
        yield from written(unread, "\n  ")
        yield ',\n  "passed_over": '
        yield from passed
        yield f'{self._passed.end()},\n  "verdict": "{"fail" if self._failed or unread else "pass"}"{_END}\n'


class _AuditJson(Piecewise):
    """The report as a text."""

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self._entries, self._text, self._passed = Entries(), self.hold(), self.hold()

    def passes_over(self, path: str, what: str) -> None:
        self._passed.take(self._entries.passed_over(path, what))

    def take(self, report: Report) -> None:
        self._text.take(self._entries.entry(report))

    def pieces(self, run: Run) -> Iterator[str]:
        yield self._entries.head()
        yield from self._text.pieces()
        yield from self._entries.tail(run, self._passed.pieces())


def inspect_json(archives: Iterable[dict[str, object]]) -> Iterator[str]:
    """Give the report of what is in some archives, each by `inspected`, in pieces."""
    tool = {"name": "ociarchive", "version": VERSION}
    yield from written({"schema_version": 1, "tool": tool, "archives": iter(archives)}, "\n")
    yield "\n"


def inspected(archive: Archive, evidence: Evidence, report: Report | None) -> dict[str, object]:
    """Return what is in an archive, which stays open until it is written; with an audit where layers were read."""
    artifacts, missing = other_facts(archive)
    facts = _facts(archive.where, archive.format, image_facts(archive, evidence), artifacts, missing)
    if report is not None:
        facts["findings"] = [finding_object(finding) for finding in report.findings]
    return facts


def _facts(
    source: str,
    form: str | None,
    images: Iterator[ImageFacts],
    artifacts: Iterable[ArtifactFacts],
    missing: Iterable[MissingFacts],
) -> dict[str, object]:
    return {"source": source, "format": form, "images": images, "artifacts": [*artifacts], "missing": [*missing]}


def _audited(report: Report) -> dict[str, object]:
    if report.contents is None or report.listed is None:
        facts = _facts(report.source, None, iter(()), (), ())
    else:
        listed = report.listed
        facts = _facts(report.source, report.contents.format, iter(listed.images), listed.artifacts, listed.missing)
    facts["findings"] = [finding_object(finding) for finding in report.findings]
    facts["waived"] = [finding_object(finding) for finding in report.waived]
    facts["waivers"] = [{"rule": one.rule, "how": one.how, "by": one.by} for one in report.policy.waivers]
    facts["summary"] = {
        "errors": report.count("error"),
        "warnings": report.count("warning"),
        "notes": report.count("note"),
        "blobs": report.blobs,
        "bytes": report.bytes,
    }
    facts["recorded"] = report.recorded
    facts["digest"] = digest_object(report)
    facts["verdict"] = "fail" if report.failed else "pass"
    facts["strict"] = report.policy.strict
    facts["receipt"] = receipt_object(report)
    return facts


def digest_object(report: Report) -> Object | None:
    """Return what names an archive, None where nothing does (in-toto attestation, digest_set.md)."""
    return {report.identity.algorithm: report.identity.value} if report.identity is not None else None


def receipt_object(report: Report) -> Object | None:
    """Return what the receipt of the call proved of an archive, None where nothing was held against one."""
    proof = report.receipt
    if proof is None:
        return None
    return {
        "path": proof.path,
        "sha256": proof.sha256,
        "by": proof.by,
        "names": share_object(proof.names),
        "manifests": share_object(proof.manifests),
        "blobs": share_object(proof.blobs),
        "file": proof.file,
        "unbound": [*proof.unbound],
    }


def share_object(share: Share | None) -> Object | None:
    """Return how much of what a receipt lists is there, None where it lists nothing of the kind."""
    return None if share is None else {"held": share.held, "listed": share.listed}


def unread_object(one: Unread) -> Object:
    """Return a source that could not be audited as the reports have it."""
    return {"source": one.source, "message": one.why, "status": one.status}


def finding_object(finding: Finding) -> JSON:
    """Return one finding as the reports have it."""
    return {
        "rule": finding.rule,
        "severity": finding.severity,
        "subject": finding.subject,
        "location": finding.location,
        "message": finding.message,
        "expected": finding.expected,
        "found": finding.found,
    }
