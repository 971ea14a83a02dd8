"""The Python interface to what writes: `convert` and `create_index`, named in `ociarchive`, and signed statements."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from ociarchive.blobio.beside import Beside
from ociarchive.blobio.locks import nobody
from ociarchive.errors import UsageError
from ociarchive.late import Late
from ociarchive.opening import partset
from ociarchive.opening.folders import require_outside
from ociarchive.report.audit.svr import Verdicts
from ociarchive.report.conversion.provenance import provenance
from ociarchive.report.rendering import render_receipt
from ociarchive.report.shared.surroundings import now, source_digests
from ociarchive.selection.argument import Source
from ociarchive.signing.private import load_signer
from ociarchive.transform.convert import convert as _convert
from ociarchive.transform.options import for_index, options

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ociarchive.auditing import Report
    from ociarchive.audits import AuditOptions
    from ociarchive.blobio.codec import Level
    from ociarchive.blobio.limits import Limits
    from ociarchive.formats import FormatName
    from ociarchive.measure import Progress
    from ociarchive.report.shared import marks
    from ociarchive.signing.private import Signer
    from ociarchive.transform.convert import Conversion
    from ociarchive.transform.options import Options, Outer, Without
    from ociarchive.transform.plan import Compression, MediaTypes
else:
    marks = Late("ociarchive.report.shared.marks")

StrPath: TypeAlias = "str | os.PathLike[str]"


def convert(  # noqa: PLR0913  one parameter for each option of the command
    sources: StrPath | Sequence[StrPath],
    dest: StrPath,
    *,
    to: FormatName | None = None,
    compression: Compression = "auto",
    level: Level | None = None,
    media_types: MediaTypes = "keep",
    preserve_digests: bool = False,
    platforms: str | Sequence[str] = (),
    images: str | Sequence[str] = (),
    without: Without | Sequence[Without] = (),
    tag: str | None = None,
    rename: str | Sequence[str] = (),
    host: str | None = None,
    all_revisions: bool = False,
    outer: Outer = "none",
    jobs: int | None = None,
    audit_result: bool = True,
    sync: bool = True,
    receipt: StrPath | None = None,
    attestation: StrPath | None = None,
    sign: StrPath | None = None,
    merge: bool = False,
    force: bool = False,
    have: StrPath | Sequence[StrPath] = (),
    base: StrPath | Sequence[StrPath] = (),
    split: int | str | None = None,
    part: int | str | Sequence[int | str] = (),
    parity: bool = False,
    limits: Limits | None = None,
    progress: Progress | None = None,
    hear: Callable[[str], None] | None = None,
    plain_http: bool = False,
    ca_file: StrPath | None = None,
    insecure_skip_verify: bool = False,
) -> Conversion:
    """Write the images of some archives to `dest` in the format `to`, and return the result.

    Options are those of the command line (docs/formats.md), with the same errors; `audit_result` is its `--audit`. The
    receipt is written to the file `receipt`, the signed statement with it to `attestation`, by the private key in the
    file `sign`. A present file that is no report of this program is replaced only with `force`. `hear` is called with
    words, perhaps from another thread: what the work waits for, and which modes and owners could not be kept.

    DEST is complete when this returns. It is absent, or as it was, when this raises. ContentError: a source is faulty.
    UsageError: the call is. HostError: the machine, or what was written fails its audit.
    """
    asked = options(
        to=to,
        dest=os.fspath(dest),
        compression=compression,
        level=level,
        media_types=media_types,
        preserve_digests=preserve_digests,
        platforms=platforms,
        images=images,
        without=without,
        tag=tag,
        rename=rename,
        host=host,
        all_revisions=all_revisions,
        outer=outer,
        jobs=jobs,
        audit=audit_result,
        sync=sync,
        merge=merge,
        force=force,
        have=have,
        base=base,
        split=split,
        part=part,
        parity=parity,
        limits=limits,
        plain_http=plain_http,
        ca_file=None if ca_file is None else os.fspath(ca_file),
        insecure_skip_verify=insecure_skip_verify,
    )
    return _converted(sources, dest, asked, _Beside(receipt, attestation, sign), progress, hear)


def create_index(  # noqa: PLR0913  one parameter for each option of the command
    sources: StrPath | Sequence[StrPath],
    dest: StrPath,
    *,
    to: FormatName | None = None,
    tag: str | None = None,
    annotation: str | Sequence[str] = (),
    add: bool = False,
    compression: Compression = "auto",
    level: Level | None = None,
    media_types: MediaTypes = "keep",
    preserve_digests: bool = False,
    platforms: str | Sequence[str] = (),
    images: str | Sequence[str] = (),
    without: Without | Sequence[Without] = (),
    host: str | None = None,
    all_revisions: bool = False,
    outer: Outer = "none",
    jobs: int | None = None,
    audit_result: bool = True,
    sync: bool = True,
    receipt: StrPath | None = None,
    attestation: StrPath | None = None,
    sign: StrPath | None = None,
    merge: bool = False,
    force: bool = False,
    limits: Limits | None = None,
    progress: Progress | None = None,
    hear: Callable[[str], None] | None = None,
    plain_http: bool = False,
    ca_file: StrPath | None = None,
    insecure_skip_verify: bool = False,
) -> Conversion:
    """Write one image index of the images of some archives to `dest` as `tag`; all else is as in `convert`.

    Each `annotation` is KEY=VALUE and stands on the index. With `add` the index, or the image, of this name at `dest`
    gets the images as further entries, and everything else there stays. With `force` two images may have one platform.
    """
    made = options(
        to=to,
        dest=os.fspath(dest),
        compression=compression,
        level=level,
        media_types=media_types,
        preserve_digests=preserve_digests,
        platforms=platforms,
        images=images,
        without=without,
        tag=tag,
        host=host,
        all_revisions=all_revisions,
        outer=outer,
        jobs=jobs,
        audit=audit_result,
        sync=sync,
        merge=merge,
        force=force,
        limits=limits,
        plain_http=plain_http,
        ca_file=None if ca_file is None else os.fspath(ca_file),
        insecure_skip_verify=insecure_skip_verify,
    )
    asked = for_index(made, annotation=annotation, add=add)
    return _converted(sources, dest, asked, _Beside(receipt, attestation, sign), progress, hear)


class _Beside(NamedTuple):
    """The files that a call asks for beside DEST, and the private key that signs one of them."""

    receipt: StrPath | None
    attestation: StrPath | None
    sign: StrPath | None


def _converted(
    sources: StrPath | Sequence[StrPath],
    dest: StrPath,
    asked: Options,
    beside: _Beside,
    progress: Progress | None,
    hear: Callable[[str], None] | None,
) -> Conversion:
    """Convert, and write the receipt and the signed statement where they are asked for."""
    paths = [os.fspath(path) for path in ([sources] if isinstance(sources, str | os.PathLike) else sources)]
    target, say = os.fspath(dest), hear or nobody
    named = {what: getattr(beside, what) for what in ("receipt", "attestation")}
    files: dict[str, Beside] = {}
    for what, path in named.items():
        if path is not None:
            keys = [os.fspath(one) for one in (*named.values(), beside.sign) if one not in (None, path)]
            others = [*paths, target, *keys]
            files[what] = beside_file(os.fspath(path), what, others, say, force=asked.force_beside)
            if asked.split is not None:
                files[what].no_part_of(target)
    signer = signer_for(beside.attestation, beside.sign)
    began = now() if signer is not None else None
    asked = replace(asked, bound=bool(files))
    bases = source_digests(one.path for one in asked.base) if files else {}
    done = _convert([Source(path=path) for path in paths], target, asked, progress, say)
    digests = {**bases, **done.sha256}
    text = render_receipt(done, sha256=digests) if files else ""
    if "receipt" in files:
        files["receipt"].write([text])
    if signer is not None and began is not None:
        files["attestation"].write([provenance(done, text, digests, (began, now()), signer)])
    return done


def signer_for(attestation: StrPath | None, sign: StrPath | None) -> Signer | None:
    """Return who signs a statement, None where none is asked for. UsageError: one is nothing without the other."""
    if (attestation is None) != (sign is None):
        what = "a statement is written to `attestation` and signed by `sign`"
        raise UsageError(what, hint=f"give {'attestation' if attestation is None else 'sign'}, too")
    return None if sign is None else load_signer(os.fspath(sign))


class Attested:
    """Takes the reports of an audit, and writes the signed statement about them where one is `wanted`."""

    def __init__(
        self,
        attestation: StrPath | None,
        sign: StrPath | None,
        asked: AuditOptions,
        read: Sequence[str],
        *,
        recorded: bool = False,
    ) -> None:
        """`read` are files of the call, `recorded` says that a catalogue may have reports of others.

        UsageError, HostError: no statement can or must be written there, or nothing signs it.
        """
        self._signer = signer_for(attestation, sign)
        self.wanted = self._signer is not None
        if attestation is None or sign is None:
            return
        if recorded:
            raise UsageError("a statement says what this call proved, and a catalogue what others did")
        self._file = beside_file(os.fspath(attestation), "attestation", [os.fspath(sign), *read], nobody, force=False)
        signatures = asked.signatures
        self._verdicts = Verdicts(asked.policy, signatures.terms if signatures is not None else None)
        now()  # refuses a time that is none before any work

    def take(self, report: Report) -> None:
        """Take a report. UsageError: the statement would overwrite its archive."""
        if self.wanted:
            self._file.apart_from(report.source)
            self._verdicts.take(report)

    def write(self) -> None:
        """Write the statement, unless nothing could be audited. UsageError, HostError: it cannot be."""
        if self._signer is not None and not self._verdicts.empty:
            self._file.write([self._verdicts.envelope(now(), self._signer)])


def beside_file(path: str, what: str, others: Sequence[str], say: Callable[[str], None], *, force: bool) -> Beside:
    """Return the file for a receipt or statement. UsageError, HostError: it must not or cannot be written there."""
    file = Beside(path, what, force=force, ours=marks.is_ours, say=say)
    for other in others:
        file.apart_from(other)
        for part in partset.files_of(other):
            file.apart_from(part)
    file.require()
    require_outside(path, what)
    return file
