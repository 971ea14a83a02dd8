"""The Python interface: what the command line does, without printing. Everything here is named in `ociarchive`.

>>> import ociarchive
>>> report = ociarchive.audit("app.tar")
>>> report.failed, [finding.rule for finding in report.findings]
(False, [])
"""

from __future__ import annotations

import os
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import TYPE_CHECKING

from ociarchive import opening
from ociarchive.asking import access_of, audit_options, policy, signatures_of
from ociarchive.auditing import Finding, Policy, Report, sniffed
from ociarchive.auditing.facts import ArchiveFacts, ArtifactFacts, ImageFacts, LayerFacts, MissingFacts
from ociarchive.auditing.hearing import Raising
from ociarchive.auditing.listing import archive_facts
from ociarchive.audits import AuditOptions, Audits, audit_one, ledger_of
from ociarchive.blobio.limits import Limits
from ociarchive.comparison import ASPECTS, Difference, difference
from ociarchive.comparison import Options as _DiffOptions
from ociarchive.comparison.difference import ImagePair
from ociarchive.engines.choosing import maker
from ociarchive.errors import UsageError
from ociarchive.gap.inventory import InventoryFacts
from ociarchive.gap.others import Others
from ociarchive.inventories import inventory_of
from ociarchive.measure import Progress
from ociarchive.model import Archive
from ociarchive.report.rendering import render_audit, render_diff, render_receipt, write_audit
from ociarchive.report.shared.surroundings import now, utc
from ociarchive.selection.argument import Source
from ociarchive.selection.untagged import reachable
from ociarchive.transform.convert import Conversion
from ociarchive.transform.options import each, platform, registry_host
from ociarchive.transform.options import sources as named
from ociarchive.transform.rewrite import Change
from ociarchive.workers import processors
from ociarchive.writing import Attested, StrPath, convert, create_index

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ociarchive.auditing.report import Detail
    from ociarchive.comparison.difference import Aspect
    from ociarchive.engines.choosing import EngineName

__all__ = [
    "Archive",
    "ArchiveFacts",
    "ArtifactFacts",
    "Change",
    "Conversion",
    "Difference",
    "Finding",
    "ImageFacts",
    "ImagePair",
    "InventoryFacts",
    "LayerFacts",
    "Limits",
    "MissingFacts",
    "Policy",
    "Progress",
    "Report",
    "audit",
    "audit_each",
    "convert",
    "create_index",
    "diff",
    "inspect",
    "inventory",
    "open_archive",
    "policy",
    "render_audit",
    "render_diff",
    "render_receipt",
    "write_audit",
]


def open_archive(
    path: StrPath,
    *,
    limits: Limits | None = None,
    host: str | None = None,
    plain_http: bool = False,
    ca_file: StrPath | None = None,
    insecure_skip_verify: bool = False,
) -> Archive:
    """Return the graph of the archive at `path`: a file, a folder, `-` for standard input, or `docker://HOST/NAME:TAG`.

    No layer is read. It keeps files open: use it in a `with`, or close it. An archive that is compressed as a whole is
    unpacked into a nameless file in TMPDIR. Nothing is verified: the graph is what the archive claims. But what a
    registry sends for a digest has this digest. `host` is the host for names in a registry's folder (docker.io).

    UsageError: no such file or image. ContentError: no image archive, or none that can be read at all. HostError: the
    machine cannot read it.

    >>> import ociarchive
    >>> with ociarchive.open_archive("app.tar") as archive:
    ...     archive
    Archive(format='docker-archive', where='app.tar', roots=1)
    """
    return opening.open_archive(
        os.fspath(path),
        limits=limits,
        host=registry_host(host),
        access=access_of(plain_http, ca_file, insecure_skip_verify),
    )


def audit(  # noqa: PLR0913  one parameter for each option of the command
    path: StrPath,
    *,
    policy: Policy | None = None,
    limits: Limits | None = None,
    jobs: int | None = None,
    progress: Progress | None = None,
    images: str | Sequence[str] = (),
    receipt: StrPath | None = None,
    attestation: StrPath | None = None,
    sign: StrPath | None = None,
    keys: StrPath | Sequence[StrPath] = (),
    keyrings: StrPath | Sequence[StrPath] = (),
    signature_policy: StrPath | None = None,
    trust_store: StrPath | None = None,
    trust_policy: StrPath | None = None,
    trusted_root: StrPath | None = None,
    certificate_identity: str | None = None,
    certificate_oidc_issuer: str | None = None,
    require_signature: bool = False,
    host: str | None = None,
    have: StrPath | Sequence[StrPath] = (),
    base: StrPath | Sequence[StrPath] = (),
    detail: Detail = "all",
    plain_http: bool = False,
    ca_file: StrPath | None = None,
    insecure_skip_verify: bool = False,
) -> Report:
    """Read every blob of the archive at `path` once, compare it with every claim about it, and report the faults.

    `jobs` is the number of threads; the default is the number of processors that this process may use. `progress`
    receives the progress, from several threads. The archive must hold `images` and all that a `receipt` lists, which
    may be a signed statement if one of `keys` signed it. The verdict is written to the file `attestation`, signed by
    the private key in the file `sign`. Of a delta, `have` is an inventory that must list what it leaves out, and `base`
    are archives that have it. `keys` are files with public keys in PEM, `keyrings` files with public keys of GPG (gpgv
    must be installed), `trust_store` a folder with certificates for Notary Project signatures, `trust_policy` a file
    that says who may sign what, `trusted_root` a trusted root of sigstore, whose keyless signatures must be by
    `certificate_identity`, as `certificate_oidc_issuer` says: by these signatures are checked. `signature_policy` is a
    file of containers-policy.json(5), which says what each name must have. With `require_signature` each image must
    have one that holds. All judge `images` alone, where there are any.
    `host` is the host for names in a registry's folder (docker.io). `detail` is how much the report holds: `verdict` is
    a kilobyte and the findings, `images` adds what the JSON report lists and the archive's digest, for which its file
    is hashed as a whole, `all` is enough for every format of `render_audit`.

    UsageError: no such file, or an image that `images` names is absent. ContentError: no archive, or none that can be
    read at all. HostError: the machine cannot read it.

    >>> import ociarchive
    >>> ociarchive.audit("app.tar")
    Report(source='app.tar', failed=False, errors=0, warnings=0, notes=0, blobs=4)
    """
    signatures = signatures_of(
        keys,
        keyrings,
        signature_policy,
        required=require_signature,
        trust_store=trust_store,
        trust_policy=trust_policy,
        trusted_root=trusted_root,
        identity=certificate_identity,
        issuer=certificate_oidc_issuer,
    )
    access = access_of(plain_http, ca_file, insecure_skip_verify)
    asked = audit_options(policy, limits, jobs, images, receipt, signatures, host, have, base, detail, access)
    taking = Attested(attestation, sign, asked, [os.fspath(path), *_read(asked)])
    report = audit_one(Source(path=os.fspath(path)), replace(asked, attested=taking.wanted), progress)
    taking.take(report)
    taking.write()
    return report


def audit_each(  # noqa: PLR0913  one parameter for each option of the command
    paths: StrPath | Iterable[StrPath],
    *,
    policy: Policy | None = None,
    limits: Limits | None = None,
    jobs: int | None = None,
    progress: Progress | None = None,
    images: str | Sequence[str] = (),
    receipt: StrPath | None = None,
    attestation: StrPath | None = None,
    sign: StrPath | None = None,
    keys: StrPath | Sequence[StrPath] = (),
    keyrings: StrPath | Sequence[StrPath] = (),
    signature_policy: StrPath | None = None,
    trust_store: StrPath | None = None,
    trust_policy: StrPath | None = None,
    trusted_root: StrPath | None = None,
    certificate_identity: str | None = None,
    certificate_oidc_issuer: str | None = None,
    require_signature: bool = False,
    host: str | None = None,
    have: StrPath | Sequence[StrPath] = (),
    base: StrPath | Sequence[StrPath] = (),
    recursive: bool = False,
    detail: Detail = "verdict",
    catalogue: StrPath | None = None,
    again: bool = False,
    engine: EngineName = "threads",
    scheduler: str | None = None,
    plain_http: bool = False,
    ca_file: StrPath | None = None,
    insecure_skip_verify: bool = False,
) -> Iterator[Report]:
    """Give the report of each archive as soon as it is made. Some are read side by side, and no report is kept.

    Options are those of `audit`; the statement is written when all reports were taken. With `recursive` the archives in
    folders of archives are audited too. A file that is no readable archive has a report that says so. UsageError: no
    such file. HostError: the machine cannot read one.

    `catalogue` is a file of SQLite in which each archive is recorded before its report is given. What did not change
    since and was audited under the same options is taken from it, and its report says when (`recorded`); `again` audits
    all. `Catalogue` answers from it. UsageError: the file is no catalogue. HostError: it is damaged or full.

    `engine` says where the work is done: by threads of this process, or by `dask`, a Dask cluster: that of the
    `scheduler` at an address, else `jobs` processes on this machine (then the calling module must be one that can be
    imported: start it under `if __name__ == "__main__"`). An archive at which workers died has the finding
    `audit-died`. UsageError: the package `distributed` is missing. HostError: the cluster cannot be used.
    """
    signatures = signatures_of(
        keys,
        keyrings,
        signature_policy,
        required=require_signature,
        trust_store=trust_store,
        trust_policy=trust_policy,
        trusted_root=trusted_root,
        identity=certificate_identity,
        issuer=certificate_oidc_issuer,
    )
    access = access_of(plain_http, ca_file, insecure_skip_verify)
    asked = audit_options(policy, limits, jobs, images, receipt, signatures, host, have, base, detail, access)
    taking = Attested(attestation, sign, asked, _read(asked), recorded=catalogue is not None and not again)
    made = maker(engine, scheduler=scheduler, workers=asked.jobs)
    asked = replace(asked, jobs=asked.jobs if made is None else 1)
    asked = replace(asked, recursive=recursive, attested=taking.wanted)
    listed = (paths,) if isinstance(paths, str | os.PathLike) else paths
    with ExitStack() as stack:
        ledger = None
        if catalogue is not None:
            ledger = stack.enter_context(ledger_of(os.fspath(catalogue), asked, clock=_clock, again=again))
        audits = stack.enter_context(Audits(asked, Raising(), progress, ledger, made))
        for report in audits.reports((os.fspath(path) for path in listed), lambda path: Source(path=path)):
            taking.take(report)
            yield report
    taking.write()


def _read(asked: AuditOptions) -> list[str]:
    """Return the files that a statement must not overwrite."""
    return [*([asked.receipt.path] if asked.receipt else []), *(one.path for one in (*asked.have, *asked.base))]


def _clock() -> str:
    return utc(now().time)


def inspect(  # noqa: PLR0913  one parameter for each option of the command
    path: StrPath,
    *,
    limits: Limits | None = None,
    host: str | None = None,
    all_revisions: bool = False,
    base: StrPath | Sequence[StrPath] = (),
    plain_http: bool = False,
    ca_file: StrPath | None = None,
    insecure_skip_verify: bool = False,
) -> ArchiveFacts:
    """Return what the archive at `path` holds, as in `archives[]` of `inspect --format json`. No layer is read.

    Layers of old images, which have no config, are read for it all the same. With `all_revisions` what no tag of a
    registry's folder names is listed too. `base` are archives that have what a delta, or an engine's storage, lacks.
    Errors are those of `audit`.
    """
    access = access_of(plain_http, ca_file, insecure_skip_verify)
    with closing(Others((), named(base), limits or Limits(), access)) as others:
        others.open()
        with open_archive(
            path,
            limits=limits,
            host=host,
            plain_http=plain_http,
            ca_file=ca_file,
            insecure_skip_verify=insecure_skip_verify,
        ) as opened:
            archive, _ = others.judged(reachable(opened, (), every=all_revisions))
            return archive_facts(archive, sniffed(archive))


def inventory(  # noqa: PLR0913  one parameter for each option of the command
    paths: StrPath | Sequence[StrPath],
    *,
    verify: bool = False,
    jobs: int | None = None,
    limits: Limits | None = None,
    progress: Progress | None = None,
    host: str | None = None,
    plain_http: bool = False,
    ca_file: StrPath | None = None,
    insecure_skip_verify: bool = False,
) -> InventoryFacts:
    """Return what is in some archives, so that the other side need not send it, as `ociarchive inventory` writes it.

    With `verify` every blob is read, and only what was proved is listed. Written to a file as JSON it is what `have` of
    `convert` and `audit` names. `host` is the host for names in a registry's folder. Errors are those of `audit`.
    """
    return inventory_of(
        named(paths),
        limits or Limits(),
        verify=verify,
        jobs=jobs or processors(),
        progress=progress,
        host=registry_host(host),
        access=access_of(plain_http, ca_file, insecure_skip_verify),
    ).facts


def diff(  # noqa: PLR0913  one parameter for each option of the command
    a: StrPath,
    b: StrPath,
    *,
    images_a: str | Sequence[str] = (),
    images_b: str | Sequence[str] = (),
    platforms: str | Sequence[str] = (),
    ignore: Aspect | Sequence[Aspect] = (),
    base: StrPath | Sequence[StrPath] = (),
    files: bool = False,
    host: str | None = None,
    jobs: int | None = None,
    limits: Limits | None = None,
    progress: Progress | None = None,
    plain_http: bool = False,
    ca_file: StrPath | None = None,
    insecure_skip_verify: bool = False,
) -> Difference:
    """Read two archives to their end and return what differs between their images, however these are packed.

    Images are the same if they have one image ID, and layers that are proved to unpack to the same. `images_a` and
    `images_b` select by name or digest, as `PATH#REF` does. `ignore` names what does not count: `names`, `annotations`,
    `attestations`. `base` are archives that have what a delta leaves out. With `files` the paths of differing layers
    are compared too; nothing is unpacked to disk. `host` is
    the host for names in a registry's folder; without it names are compared without hosts. `jobs` is the number of
    threads; the default is the number of processors that this process may use. `progress` receives the progress, from
    several threads.

    ContentError: an archive is at fault, so nothing in it can be relied on. UsageError: no such file, a selector that
    selects nothing, or a text that is no platform. HostError: the machine cannot read it.

    >>> import ociarchive
    >>> ociarchive.convert("app.tar", "app-zstd", to="oci-layout", compression="zstd").format
    'oci-layout'
    >>> found = ociarchive.diff("app.tar", "app-zstd")
    >>> found.same
    True
    >>> (pair,) = found.images
    >>> pair.kind, pair.repacked, pair.label
    ('same', True, 'docker.io/corpus/app:1.0')
    >>> [(layer.kind, layer.old.compression, layer.new.compression) for layer in pair.layers]
    [('same', 'none', 'zstd'), ('same', 'none', 'zstd'), ('same', 'none', 'zstd')]
    """
    ignored: tuple[Aspect, ...] = (ignore,) if isinstance(ignore, str) else tuple(ignore)
    unknown = set(ignored) - set(ASPECTS)
    if unknown:
        raise UsageError(f"nothing to ignore is called {', '.join(sorted(unknown))}", expected=", ".join(ASPECTS))
    options = _DiffOptions(
        old=Source(path=os.fspath(a), images=each(images_a)),
        new=Source(path=os.fspath(b), images=each(images_b)),
        platforms=tuple(platform(text) for text in each(platforms)),
        ignore=frozenset(ignored),
        base=named(base),
        files=files,
        host=registry_host(host),
        jobs=jobs or processors(),
        limits=limits or Limits(),
        access=access_of(plain_http, ca_file, insecure_skip_verify),
    )
    return difference(options, progress)
