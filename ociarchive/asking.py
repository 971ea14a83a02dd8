"""What a Python caller asks for, as the values that an audit, a comparison and a conversion take."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ociarchive.auditing import Policy
from ociarchive.auditing.certified import Certified
from ociarchive.auditing.receipts import load_receipt
from ociarchive.auditing.settings import Asked
from ociarchive.auditing.settings import policy as _policy
from ociarchive.auditing.signatures import Wanted, wanted
from ociarchive.audits import AuditOptions
from ociarchive.blobio.limits import Limits
from ociarchive.remote.address import Access
from ociarchive.transform.options import each, registry_host
from ociarchive.transform.options import sources as named
from ociarchive.workers import processors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ociarchive.auditing import Severity
    from ociarchive.auditing.report import Detail
    from ociarchive.writing import StrPath


def policy(
    *,
    ignore: str | Sequence[str] = (),
    only: str | Sequence[str] = (),
    severity: Mapping[str, Severity] | None = None,
    strict: bool = False,
    config: StrPath | None = None,
) -> Policy:
    """Return the policy for an audit: which rules count, and how. Reports say what it changes.

    `ignore` leaves rules out, `only` all others, `severity` maps rules to `error`, `warning` or `note`, and with
    `strict` warnings fail too. `config` is a settings file, whose lists they add to; none is looked for.

    UsageError: there is no such rule or level, or the file has other content. HostError: it cannot be read.

    >>> import ociarchive
    >>> lenient = ociarchive.policy(ignore="blob-unreferenced", severity={"sparse-index": "error"})
    >>> ociarchive.audit("app.tar", policy=lenient).policy.waives("blob-unreferenced")
    'ignored, as policy(ignore) asks'
    """
    levels = tuple(f"{rule}={level}" for rule, level in (severity or {}).items())
    asked = Asked(ignore=each(ignore), only=each(only), severity=levels, strict=strict, named="policy({})")
    return _policy(asked, _text(config))


def audit_options(  # noqa: PLR0913, PLR0917  one parameter for each option of the command
    rules: Policy | None,
    limits: Limits | None,
    jobs: int | None,
    images: str | Sequence[str],
    receipt: StrPath | None,
    signatures: Wanted | None,
    host: str | None,
    have: StrPath | Sequence[StrPath],
    base: StrPath | Sequence[StrPath],
    detail: Detail,
    access: Access,
) -> AuditOptions:
    """Return how sources are audited. UsageError: a value is none of its kind, or a file is not what it should be."""
    path = _text(receipt)
    return AuditOptions(
        policy=rules or Policy(),
        limits=limits or Limits(),
        jobs=jobs or processors(),
        images=each(images),
        receipt=load_receipt(path, signatures.trust.keys if signatures else ()) if path is not None else None,
        signatures=signatures,
        host=registry_host(host),
        have=named(have),
        base=named(base),
        detail=detail,
        identified=detail != "verdict",
        access=access,
    )


def signatures_of(
    keys: StrPath | Sequence[StrPath],
    keyrings: StrPath | Sequence[StrPath],
    demands: StrPath | None,
    *,
    required: bool,
    **certified: StrPath | None,
) -> Wanted | None:
    """Return what is asked of signatures, None where nothing is. `certified` are the fields of `Certified`.

    UsageError: a file is not what it should be.
    """
    files, rings = ([one.path for one in named(listed)] for listed in (keys, keyrings))
    by = Certified(**{name: _text(value) for name, value in certified.items()})
    return wanted(files, rings, _text(demands), by, required=required)


def _text(path: StrPath | None) -> str | None:
    return None if path is None else os.fspath(path)


def access_of(plain_http: bool, ca_file: StrPath | None, skip_verify: bool) -> Access:  # noqa: FBT001  three options
    """Return how registries are spoken to."""
    return Access.asked(plain_http=plain_http, ca_file=_text(ca_file), insecure_skip_verify=skip_verify)
