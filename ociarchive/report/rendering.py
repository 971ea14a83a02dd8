"""Reports by the name of their format: what the command line prints and the Python interface returns."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

from ociarchive.auditing import Report
from ociarchive.auditing.run import Run
from ociarchive.blobio.beside import Beside
from ociarchive.blobio.locks import nobody
from ociarchive.errors import UsageError
from ociarchive.late import Late
from ociarchive.opening.folders import require_outside
from ociarchive.report.audit.piecewise import Piecewise, whole
from ociarchive.report.shared.surroundings import current_folder, now, sha256_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ociarchive.auditing import Policy
    from ociarchive.auditing.report import Detail
    from ociarchive.blobio.limits import Limits
    from ociarchive.comparison import Difference
    from ociarchive.report.comparison import diff_html, diff_json
    from ociarchive.report.conversion import receipt
    from ociarchive.report.shared import marks, versions
    from ociarchive.transform.convert import Conversion
else:
    versions = Late("ociarchive.report.shared.versions")
    marks = Late("ociarchive.report.shared.marks")
    diff_html = Late("ociarchive.report.comparison.diff_html")
    diff_json = Late("ociarchive.report.comparison.diff_json")
    receipt = Late("ociarchive.report.conversion.receipt")

AuditFormat: TypeAlias = Literal["json", "sarif", "junit", "codequality", "html"]
DiffFormat: TypeAlias = Literal["json", "html"]

#: Reports of an audit by format; each module has a function `begin(run)` that returns one in the making.
REPORTS: Final[Mapping[str, str]] = {
    "json": "ociarchive.report.audit.audit_json",
    "sarif": "ociarchive.report.audit.sarif",
    "junit": "ociarchive.report.audit.junit",
    "codequality": "ociarchive.report.audit.codequality",
    "html": "ociarchive.report.audit.audit_html",
}
#: What a format needs of an archive beside what a verdict does.
DETAILS: Final[Mapping[str, Detail]] = {"json": "images", "html": "all"}
#: Words of a command that a report shows, where the archives came from a Python program.
_SHOWN: Final = 1000
#: Formats that name each archive by its digest, for which its file is hashed as a whole.
NAMING: Final = frozenset(("json", "sarif", "junit", "html"))


def render_audit(reports: Report | Sequence[Report], form: AuditFormat, *, limits: Limits | None = None) -> str:
    """Return the report of an audit of one or more archives in a format of `audit --format`.

    `limits` are those that the audit was called with: the HTML report lists them. It also has the sha256 of each source
    that is a file, which is read for it. The time in it is SOURCE_DATE_EPOCH where that is set, else the clock's.

    UsageError: there is no such format, or SOURCE_DATE_EPOCH is no time. HostError: a source cannot be read.
    """
    if form not in REPORTS:
        raise _unknown(form, tuple(REPORTS))
    listed = [reports] if isinstance(reports, Report) else list(reports)
    command = ("ociarchive", "audit", *(one.source for one in listed), *_asked(listed[0].policy if listed else None))
    return whole(begin(form, _run(command, limits)), listed)


def write_audit(
    reports: Iterable[Report],
    files: Mapping[AuditFormat, str | os.PathLike[str]],
    *,
    limits: Limits | None = None,
    force: bool = False,
) -> None:
    """Write reports of one audit to files, by format, each as `render_audit` gives it; all files or none.

    Each archive is taken as it comes, as from `audit_each`, and none is kept. `force` lets a file be replaced that is
    no report of this program.

    UsageError: there is no such format, or a file is one of the archives, lies in one, or stands twice. HostError: one
    cannot be written.
    """
    for form in files:
        if form not in REPORTS:
            raise _unknown(form, tuple(REPORTS))
    places = [Beside(os.fspath(path), "report", force=force, ours=marks.is_ours, say=nobody) for path in files.values()]
    for number, place in enumerate(places):
        for other in list(files.values())[:number]:
            place.apart_from(os.fspath(other))
        place.require()
    for path in files.values():
        require_outside(os.fspath(path), "report")
    run = _run(("ociarchive", "audit"), limits)
    with ExitStack() as stack:
        making = [stack.enter_context(begin(form, run)) for form in files]
        command = list(run.command)
        asked: list[str] = []
        for report in reports:
            for place in places:
                place.apart_from(report.source)
            for one in making:
                one.take(report)
            if len(command) < _SHOWN:
                command.append(report.source)
            asked = asked or _asked(report.policy)
        whole_run = replace(run, command=(*command, *asked))
        written = zip(places, making, strict=True)
        every = [stack.enter_context(place.staged(one.pieces(whole_run))) for place, one in written]
        for staged in sorted(every, key=lambda one: not one.direct):
            staged.commit()


def begin(form: str, run: Run) -> Piecewise:
    """Return the report of an audit in the making. `run` is what is known before the first archive."""
    made: Piecewise = import_module(REPORTS[form]).begin(run)
    return made


def render_diff(difference: Difference, form: DiffFormat, *, limits: Limits | None = None) -> str:
    """Return the report of a comparison in a format of `diff --format`.

    `limits` are those that it was called with; errors are those of `render_audit`.
    """
    if form not in get_args(DiffFormat):
        raise _unknown(form, get_args(DiffFormat))
    if form == "json":
        return "".join(diff_json.diff_json(difference))
    sides = (difference.old, difference.new)
    command = ("ociarchive", "diff", *(side.label for side in sides))
    files = [side.source for side in sides if os.path.isfile(side.source)]
    run = replace(
        _run(command, limits),
        sha256={path: sha256_of(path) for path in files},
        sizes={path: os.path.getsize(path) for path in files},
    )
    return "".join(diff_html.diff_html(difference, run))


def render_receipt(conversion: Conversion, *, sha256: Mapping[str, str | None] | None = None) -> str:
    """Return the receipt of a conversion, as `convert --receipt` writes it (`receipt.schema.json`).

    `sha256` has the digest (`sha256:...`) of each source that is a file, by its path; without it the receipt has null.
    """
    return receipt.receipt_json(conversion, conversion.storage, dict(sha256 or {}))


def _unknown(form: object, known: Sequence[str]) -> UsageError:
    return UsageError(f"no report has the format {form!r}", expected=f"one of {', '.join(known)}")


def _asked(policy: Policy | None) -> list[str]:
    """Return the options that ask a command line for a policy."""
    if policy is None:
        return []
    words = ["--strict"] if policy.strict else []
    words += [word for rule in policy.ignore for word in ("--ignore", rule)]
    words += [word for rule in policy.only for word in ("--only", rule)]
    return words + [word for rule, (level, _) in policy.severity.items() for word in ("--severity", f"{rule}={level}")]


def _run(command: tuple[str, ...], limits: Limits | None) -> Run:
    made = Run(command=command, time=now().time, seconds=0.0, versions=versions.versions(), folder=current_folder())
    return made if limits is None else made.within(limits)
