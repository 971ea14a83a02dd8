"""Flaws of documents: what a reader of a graph notices and can go on after."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ociarchive import documents
from ociarchive.blobio.limits import LimitError
from ociarchive.flaws import Flaw, Flaws
from ociarchive.schema.required import Malformed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ociarchive.errors import ContentError
    from ociarchive.schema.kinds import Problem
    from ociarchive.values import Digest


class Noticing:
    """Collects flaws. `incomplete` says that something could not be read, and may lead to more."""

    def __init__(self, where: str) -> None:
        """`where` names the archive in messages."""
        self._where = where
        self._flaws = Flaws()
        self.incomplete = False

    @property
    def flaws(self) -> tuple[Flaw, ...]:
        """The flaws that were found so far, each once."""
        return tuple(self._flaws)

    def problems(self, found: Iterable[Problem], where: str, subject: Digest | str) -> None:
        """Note problems of a document's members."""
        for problem in found:
            place = f"{where}#{problem.pointer}"
            self.flaw(problem.rule, problem.message, place, subject, problem.expected, problem.found)

    def failed(self, error: Malformed | ContentError, where: str, subject: Digest | str) -> None:
        """Note why a document, or a part of it, could not be read. What it leads to is then unknown."""
        self.incomplete = True
        if isinstance(error, Malformed):
            place = f"{where}#{error.pointer}" if error.pointer else where
            self.flaw(error.rule, error.message, place, subject, error.expected, error.found)
        else:
            rule = error.rule if isinstance(error, documents.DocumentError) else "schema"
            if isinstance(error, LimitError):  # a flaw of the archive, whichever document found it first
                rule, where, subject = f"limit-{error.name}", self._where, self._where
            what = f"{error.what}, {error.hint}" if error.hint else error.what
            self.flaw(rule, what, where, subject, error.expected, error.found)

    def flaw(
        self,
        rule: str,
        message: str,
        where: str,
        subject: Digest | str,
        expected: str | None = None,
        found: str | None = None,
    ) -> None:
        """Note a flaw. The same flaw is noted once."""
        flaw = Flaw(rule=rule, message=message, where=where, subject=str(subject), expected=expected, found=found)
        self._flaws.add(flaw)
