"""What a call demands of an archive by selectors, and what of it is absent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ociarchive.auditing.rule import Finding
from ociarchive.errors import UsageError
from ociarchive.selection.select import matching
from ociarchive.values import REGISTERED, Digest

if TYPE_CHECKING:
    from ociarchive.model import Archive, Root


@dataclass(frozen=True, slots=True, kw_only=True)
class Demanded:
    """What the call demands of an archive: findings of what is absent, and what it selects; None: no selector."""

    findings: tuple[Finding, ...] = ()
    roots: tuple[Root, ...] | None = None


def demanded_of(archive: Archive, selectors: tuple[str, ...], left: tuple[Finding, ...]) -> Demanded:
    """Return what was asked for: what is there, and what is not, before what is `left` out.

    UsageError: a selector by name takes nothing.
    """
    found = [_matched(archive, selector) for selector in selectors]
    return Demanded(
        findings=(*(one for one in found if isinstance(one, Finding)), *left),
        roots=tuple(root for one in found if not isinstance(one, Finding) for root in one) if selectors else None,
    )


def _matched(archive: Archive, selector: str) -> tuple[Root, ...] | Finding:
    """Return what a selector takes, or the finding that something that was asked for by its digest is not there."""
    digest = Digest.maybe(selector)
    if selector.startswith(tuple(f"{name}:" for name in REGISTERED)) and digest is None:
        raise UsageError(f"{selector!r} is no digest", where=archive.where)
    try:
        return matching(archive.roots, selector, archive.where)
    except UsageError as error:
        if digest is None or digest.algorithm not in REGISTERED:
            raise
        there = (error.hint or "").removeprefix("there is ")
        return Finding(
            rule="expected-digest-missing",
            severity="error",
            message="the archive holds nothing of this digest",
            location=archive.where,
            subject=selector,
            expected=selector,
            found=there or None,
        )
