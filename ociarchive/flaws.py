"""What a reader noticed on its way and could go on after: the audit's rules turn it into findings."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """One observation. `rule` is the id of the rule it belongs to; the rule alone knows how grave it is.

    `subject` is the digest or name that the flaw is about, `where` the place in the archive.
    """

    rule: str
    where: str
    message: str
    subject: str | None = None
    expected: str | None = None
    found: str | None = None
