"""What a call demands of an archive by its digest, and does not find there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ociarchive.auditing.rule import Finding
from ociarchive.errors import UsageError
from ociarchive.selection.select import matching
from ociarchive.values import REGISTERED, Digest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ociarchive.model import Archive


def expected(archive: Archive, selectors: Iterable[str]) -> tuple[Finding, ...]:
    """Return what was asked for by its digest and is not there. UsageError: another selector takes nothing."""
    return tuple(finding for selector in selectors for finding in _expected(archive, selector))


def _expected(archive: Archive, selector: str) -> list[Finding]:
    """Return the finding that something that was asked for by its digest is not there."""
    digest = Digest.maybe(selector)
    if selector.startswith(tuple(f"{name}:" for name in REGISTERED)) and digest is None:
        raise UsageError(f"{selector!r} is no digest", where=archive.where)
    try:
        matching(archive.roots, selector, archive.where)
    except UsageError as error:
        if digest is None or digest.algorithm not in REGISTERED:
            raise
        there = (error.hint or "").removeprefix("there is ")
        return [
            Finding(
                rule="expected-digest-missing",
                severity="error",
                message="the archive holds nothing of this digest",
                location=archive.where,
                subject=selector,
                expected=selector,
                found=there or None,
            )
        ]
    return []
