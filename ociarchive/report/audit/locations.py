"""Where a finding is, in the terms of pipelines: the file in the repository, its member, a stable fingerprint."""

from __future__ import annotations

import hashlib
import os.path
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from ociarchive.auditing.report import member_of
from ociarchive.report.shared.text import safe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.auditing import Finding, Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A finding and where it is.

    `path` is the file, relative to the current folder if it is below that. `member` is the place in the archive, empty
    for the whole. `fingerprint` stays the same as long as the fault does, wherever the archive is.
    `waived` says why the finding does not count, `recorded` when it was found, None: now.
    """

    finding: Finding
    source: str
    path: str
    member: str
    fingerprint: str
    waived: str | None
    recorded: str | None

    @property
    def uri(self) -> str:
        """The file as a URI reference, relative where its path is."""
        return uri(self.path)


class Places:
    """Places of the findings of a call. It counts faults that are alike, so that no two of them have one fingerprint.

    Of each fault it remembers a number of eight bytes.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._told: dict[int, int] = {}

    def of(self, report: Report) -> Iterator[Place]:
        """Give every finding of an archive with its place, those that count first."""
        own = report.contents.files if report.contents else frozenset()
        counted = [(finding, False) for finding in report.findings]
        for finding, waived in (*counted, *((finding, True) for finding in report.waived)):
            member = member_of(finding.location, report.source)
            path = os.path.join(report.source, member) if member in own else report.source
            yield Place(
                finding=finding,
                source=report.source,
                path=local(path, self._folder),
                member=member,
                fingerprint=self.numbered(_fingerprint(finding, report.source, member)),
                waived=(report.policy.waives(finding.rule) or "waived") if waived else None,
                recorded=report.recorded,
            )

    def numbered(self, mark: str) -> str:
        """Return a fingerprint with the number of times that it was given."""
        key = int(mark[:16], 16)
        self._told[key] = self._told.get(key, 0) + 1
        return f"{mark}:{self._told[key]}"


def local(path: str, folder: str) -> str:
    """Return a path relative to a folder if it is below that, else unchanged."""
    if not folder:
        return os.path.normpath(path)
    whole = os.path.normpath(os.path.join(folder, path))
    return whole.removeprefix(folder.rstrip("/") + "/")


def uri(path: str) -> str:
    """Return a path as a URI reference: percent-encoded, `file:` before an absolute one."""
    try:
        raw = path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raw = path.encode("utf-8", "surrogatepass")
    quoted = quote(raw, safe="/~")
    return f"file://{quoted}" if quoted.startswith("/") else quoted


def sentence(finding: Finding) -> str:
    """Return what is wrong in one line, with what was expected and what was found."""
    told = [safe(finding.message)]
    if finding.expected is not None:
        told.append(f"expected {safe(finding.expected)}")
    if finding.found is not None:
        told.append(f"found {safe(finding.found)}")
    return "; ".join(told)


def _fingerprint(finding: Finding, source: str, member: str) -> str:
    parts = (finding.rule, finding.subject or "", os.path.basename(source.rstrip("/")), member)
    return hashlib.sha256("\0".join(map(safe, parts)).encode()).hexdigest()[:32]
