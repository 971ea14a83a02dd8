"""What `convert` and `audit` share for signed statements: the options, and where a statement goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from ociarchive.cli.common import file_option
from ociarchive.cli.output import STDOUT, Output
from ociarchive.errors import UsageError
from ociarchive.late import Late
from ociarchive.report.shared.surroundings import now
from ociarchive.signing.values import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ociarchive.auditing import Policy, Report
    from ociarchive.auditing.run import Unread
    from ociarchive.cli.common import Common
    from ociarchive.report.audit import svr
    from ociarchive.report.shared.surroundings import Now
    from ociarchive.signing import private
    from ociarchive.signing.private import Signer
else:
    private = Late("ociarchive.signing.private")
    svr = Late("ociarchive.report.audit.svr")

F = TypeVar("F", bound="Callable[..., Any]")


def attesting_options(what: str) -> Callable[[F], F]:
    """Add `--attestation` and `--sign`. `what` is what the statement says, for the help."""

    def add(function: F) -> F:
        for option in (
            file_option(
                "--sign",
                metavar="KEY",
                help=f"The private key (PEM) that signs it; its pass phrase stands in {PASSWORD}.",
            ),
            file_option("--attestation", metavar="FILE", help=f"Write {what} to FILE, signed by --sign (DSSE)."),
        ):
            function = option(function)
        return function

    return add


@dataclass(frozen=True, slots=True)
class Attesting:
    """A statement that the call asks for: who signs it, where it goes, and when the call began."""

    signer: Signer
    path: str
    file: Output
    began: Now


def attesting(
    values: dict[str, Any], shared: Common, sources: Iterable[str], *, dest: str | None = None
) -> Attesting | None:
    """Return the statement that a call asks for, None where it asks for none.

    `sources` and `dest` are what the call reads and writes. UsageError: an option without the other, no key to sign
    with, or a place where no statement must be written. HostError: one where none can be.
    """
    path, key = values["attestation"], values["sign"]
    if path is None and key is None:
        return None
    if path is None:
        raise UsageError("--sign signs a statement, and nothing says where to write it", hint="add --attestation FILE")
    if key is None:
        raise UsageError("--attestation is signed, and nothing says by which key", hint="add --sign KEY")
    if path == dest == STDOUT:
        raise UsageError("standard output is DEST's, the attestation needs a file")
    file = Output(path, "attestation", force=values["force"], say=shared.notice)
    file.apart_from([key, *sources], dest, split=bool(values.get("split")))
    file.require()
    return Attesting(private.load_signer(key), path, file, now())


def verdicts_for(
    values: dict[str, Any], shared: Common, sources: Iterable[str], policy: Policy, terms: Sequence[object] | None
) -> Taking:
    """Return what takes the reports of an audit for its statement, or passes them on where none is asked for.

    `terms` says by whom images had to be signed. UsageError, HostError: as `attesting`.
    """
    path = values["attestation"]
    if path == "-" and values["output"] in (None, "-"):
        raise UsageError("standard output is the report's", hint="name a file for --output or for --attestation")
    if path is not None and values["catalogue"] and not values["again"]:
        what = "--attestation says what this call proved, and --catalogue takes what others did"
        raise UsageError(what, hint="add --again, which audits all")
    asked = attesting(values, shared, sources, dest="-" if values["output"] in (None, "-") else None)
    return Taking(asked, svr.Verdicts(policy, terms) if asked is not None else None, shared)


@dataclass(frozen=True, slots=True)
class Taking:
    """Takes the reports of an audit, and writes the statement about them, where one is asked for."""

    asked: Attesting | None
    _verdicts: svr.Verdicts | None
    _shared: Common

    def take(self, report: Report) -> None:
        """Take a report. UsageError: the statement would overwrite the archive."""
        if self.asked is not None and self._verdicts is not None:
            self.asked.file.apart_from([report.source])
            self._verdicts.take(report)

    def write(self, unread: Sequence[Unread], verdict: str) -> None:
        """Write the statement, which names the sources that could not be audited, too, and say so with the verdict.

        Where nothing could be audited there is none. UsageError, HostError: as above.
        """
        if self.asked is None or self._verdicts is None:
            return
        if self._verdicts.empty:
            self._shared.notice("no statement was made, for there is nothing that could be audited")
        else:
            self.asked.file.write_bytes(self._verdicts.envelope(now(), self.asked.signer, unread))
            self._shared.wrote(verdict, self.asked.path, "attestation")
